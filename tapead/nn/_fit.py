"""Training: epochs of mini-batches, what is measured after each, and checkpoints."""

import json
import math
import os
from contextlib import closing

import numpy as np

from tapead import optim
from tapead.nn._data import checked_rows, split
from tapead.nn._files import load_arrays, save_arrays
from tapead.nn._history import History
from tapead.nn._progress import progress_of
from tapead.nn._steps import compile_step

EVALUATED_AT_ONCE = 4096  # rows: a bound on memory, not on speed


class DivergenceError(ArithmeticError):
    """The loss has become infinite or NaN."""


def fit(
    net, data, *, loss, optimizer=None, epochs=10, batch_size=32, validation=None, metrics=None,
    schedule=None, l2=0.0, l1=0.0, clip_norm=None, shuffle=True, seed=0, early_stopping=None,
    min_delta=0.0, checkpoint=None, resume=False, progress=None, step=None,
):  # fmt: skip
    """Train a net on mini-batches.

    Parameters
    ----------
    net : Module
        What is trained; it is left in evaluation.
    data : tuple of array_like
        ``X, y``: an array of shape (rows, ...), and one target per row; or a `Dataset`. Floats take
        the dtype of the parameters.
    loss : callable
        ``loss(outputs, y)``: one number, the mean of its rows.
    optimizer : Optimizer, optional
        By default `Adam` of all parameters.
    epochs : int, default 10
        Number of passes over the data, those before a checkpoint included.
    batch_size : int, default 32
        Rows per step; the last batch of an epoch may have less.
    validation : float or tuple of array_like, optional
        Share of the rows that is set aside, or ``X, y``: measured after each epoch as "val_loss".
    metrics : dict of str to callable, optional
        ``metric(outputs, y)`` of plain arrays, measured after each epoch on the validation, or else
        on the data.
    schedule : Schedule, optional
        Of `optimizer`; steps after each epoch.
    l2, l1 : float, default 0.0
        Weights of `l2_penalty` and `l1_penalty`, which are part of the loss that is trained.
    clip_norm : float, optional
        Longest gradient, by `clip_grad_norm_`.
    shuffle : bool, default True
        Whether each epoch has an order of its own.
    seed : int, default 0
        Of orders and validation: the same seed gives the same bits.
    early_stopping : int, optional
        Epochs without a smaller loss, of the validation if there is one, that are borne; the net
        then has the parameters of the best epoch.
    min_delta : float, default 0.0
        By how much a loss has to be smaller to count.
    checkpoint : path, optional
        File that is written after each epoch, in NumPy's .npz format without pickle.
    resume : bool, default False
        Whether to go on from `checkpoint` if it is there, to the bits that a run without a stop
        gives.
    progress : bool, optional
        Whether to show progress; by default if the standard error is a terminal.
    step : callable, optional
        ``step(X, y)``: changes the parameters by a batch, and returns its loss. By default that of
        `compile_step`.

    Returns
    -------
    History
        "loss", the mean over the batches as they were met, "val_loss", the metrics, and "lr", the
        learning rate.

    Raises
    ------
    DivergenceError
        If a loss is infinite or NaN.
    ValueError
        If shapes do not fit, a number is infinite or NaN, or the checkpoint is of another run.

    Examples
    --------
    >>> from tapead import nn
    >>> X, y, *_ = nn.load_dataset("digits")
    >>> net = nn.MLP((64, 32, 10), rng=0)
    >>> history = nn.fit(
    ...     net, (X, y), loss=nn.cross_entropy, epochs=15, validation=0.2,
    ...     metrics={"accuracy": nn.accuracy})
    >>> history["val_accuracy"][-1] > 0.9
    True
    """
    if batch_size < 1 or epochs < 0:
        raise ValueError(
            f"batch_size is positive and epochs not negative; got {batch_size} and {epochs}"
        )
    optimizer = optim.Adam(net.parameters()) if optimizer is None else optimizer
    if step is None:
        step = compile_step(net, loss, optimizer, l2=l2, l1=l1, clip_norm=clip_norm)
    elif l2 or l1 or clip_norm is not None:
        raise ValueError("l2, l1 and clip_norm are for the step of fit; build them into your own")
    dtype = next((p.dtype for p in net.parameters()), np.dtype(np.float32))
    X, y = checked_rows(*data[:2], dtype)
    if isinstance(validation, float):
        X, y, *validation = split(X, y, validation, seed)
    elif validation is not None and not isinstance(validation, tuple):
        raise TypeError(f"validation is a share such as 0.2, or (X, y); got {validation!r}")
    elif validation is not None:
        validation = checked_rows(*validation[:2], dtype)
    run = _Run(net, optimizer, schedule, loss, metrics or {}, validation)
    run.patience, run.min_delta = early_stopping, min_delta
    run.identity = {"seed": seed, "batch_size": batch_size, "rows": len(X), "shuffle": shuffle}
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        run.restore(load_arrays(checkpoint))
    n_batches = -(-len(X) // batch_size)
    shown = progress_of(progress, epochs, n_batches, len(run.history))
    with closing(shown), np.errstate(over="ignore", invalid="ignore"):  # seen by the loss
        while len(run.history) < epochs and not run.is_over:
            order = _order(len(X), len(run.history), shuffle, seed)
            batches = (order[i : i + batch_size] for i in range(0, len(X), batch_size))
            mean = _epoch(net, step, X, y, batches, len(run.history), shown)
            shown.epoch(run.measure(mean, X, y))
            if checkpoint is not None:
                save_arrays(checkpoint, run.state())
    run.finish()
    return run.history


def _order(n_rows, epoch, shuffle, seed):
    """Order of the rows in an epoch, which depends on nothing but its number and the seed."""
    if not shuffle:
        return np.arange(n_rows)
    return np.random.default_rng((seed, epoch + 1)).permutation(n_rows)


def _epoch(net, step, X, y, batches, epoch, shown):
    """Mean loss over the rows of an epoch."""
    net.train()
    total = 0.0
    for i, rows in enumerate(batches):
        value = float(step(X[rows], y[rows]))
        if not math.isfinite(value):
            raise DivergenceError(
                f"the loss became {value} in epoch {epoch + 1}, batch {i + 1}: training diverges; "
                "lower the learning rate, scale the data, or clip the gradients"
            )
        total += value * len(rows)
        shown.batch(value)
    return total / len(X)


def predict(net, X):
    """Outputs of a net in evaluation, a few thousand rows at a time.

    Parameters
    ----------
    net : Module
        Left in evaluation.
    X : ndarray
        Of shape (rows, ...).

    Returns
    -------
    ndarray
        One row of outputs per row of `X`.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> nn.predict(nn.MLP((2, 3, 1), rng=0), np.ones((5, 2))).shape
    (5, 1)
    """
    net.eval()
    starts = range(0, len(X), EVALUATED_AT_ONCE)
    return np.concatenate([net(X[i : i + EVALUATED_AT_ONCE]) for i in starts])


class _Run:
    """A training under way: what an epoch changes besides the net, and what is kept of it."""

    patience, min_delta = None, 0.0

    def __init__(self, net, optimizer, schedule, loss, metrics, validation):
        self.net, self.optimizer, self.schedule = net, optimizer, schedule
        self.loss, self.metrics, self.validation = loss, metrics, validation
        self.history, self.best, self.identity = History(), None, {}

    @property
    def best_epoch(self):
        """The last epoch whose loss was smaller than those before by what counts."""
        best, found = math.inf, 0
        for epoch, value in enumerate(self.history[self.history.watched]):
            if value < best - self.min_delta:
                best, found = value, epoch
        return found

    @property
    def is_over(self):
        """Whether the loss has not become smaller for longer than is borne."""
        if self.patience is None or not len(self.history):
            return False
        return len(self.history) - 1 - self.best_epoch >= self.patience

    def measure(self, mean, X, y):
        """The row of an epoch, which is added to the history."""
        row, prefix = {"loss": mean}, ""
        if self.validation is not None:
            (X, y), prefix = self.validation, "val_"
        if self.validation is not None or self.metrics:
            outputs = predict(self.net, X)
            if prefix:
                row["val_loss"] = float(self.loss(outputs, y))
            row |= {prefix + name: float(f(outputs, y)) for name, f in self.metrics.items()}
        row["lr"] = self.optimizer.lr
        self.history.rows.append(row)
        if self.patience is not None and self.best_epoch == len(self.history) - 1:
            self.best = self.net.state_dict()
        if self.schedule is not None:
            self.schedule.step(row[self.history.watched])
        return row

    def finish(self):
        """Leave the net in evaluation, with the best parameters if training may stop early."""
        if self.best is not None:
            self.net.load_state_dict(self.best)
        self.net.eval()

    # -- checkpoints -----------------------------------------------------------------------------

    def _generators(self):
        """Where random numbers come from within the net, as in dropout."""
        found = (getattr(module, "rng", None) for _, module in self.net.named_modules())
        return [rng.bit_generator for rng in found if isinstance(rng, np.random.Generator)]

    def state(self):
        """All that the next epoch depends on, in arrays by name."""
        texts = {
            "identity": self.identity,
            "history": self.history.rows,
            "generators": [generator.state for generator in self._generators()],
            "schedule": None if self.schedule is None else self.schedule.state_dict(),
        }
        state = {name: np.array(json.dumps(text)) for name, text in texts.items()}
        parts = {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        parts["best"] = self.best or {}
        for part, arrays in parts.items():
            state |= {f"{part}/{name}": x for name, x in arrays.items()}
        return state

    def restore(self, state):
        """Go on from what `state` has returned."""
        try:
            texts = {k: json.loads(str(x)) for k, x in state.items() if "/" not in k}
            identity, generators = texts["identity"], texts["generators"]
        except (KeyError, ValueError) as error:
            raise ValueError(f"this file is no checkpoint of fit: {error!r}") from None
        if identity != self.identity:
            raise ValueError(f"this checkpoint is of a run with {identity}; got {self.identity}")
        parts = {
            part: {k.partition("/")[2]: x for k, x in state.items() if k.startswith(f"{part}/")}
            for part in ("net", "optimizer", "best")
        }
        self.net.load_state_dict(parts["net"])
        self.optimizer.load_state_dict(parts["optimizer"])
        self.best, self.history = parts["best"] or None, History(texts["history"])
        for generator, found in zip(self._generators(), generators, strict=True):
            generator.state = found
        if self.schedule is not None:
            self.schedule.load_state_dict(texts["schedule"])
