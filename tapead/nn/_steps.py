"""Training steps: recorded anew for each batch, or once and then replayed."""

import numpy as np

from tapead import optim, record, value_and_grad
from tapead.nn._draws import DRAWS, Generators, seeded
from tapead.nn._losses import l1_penalty, l2_penalty
from tapead.nn._replay import Labels, NotReplayableError, Outside, recording

MOST_PROGRAMS = 32  # the oldest one leaves
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def eager_step(net, loss, optimizer, *, l2=0.0, l1=0.0, clip_norm=None):
    """Make a training step that records the net and sweeps it anew for each batch.

    Parameters
    ----------
    net : Module
        What is trained.
    loss : callable
        ``loss(outputs, y)``: one number.
    optimizer : Optimizer
        Of parameters of the net.
    l2, l1 : float, default 0.0
        Weights of `l2_penalty` and `l1_penalty`.
    clip_norm : float, optional
        Longest gradient, by `clip_grad_norm_`.

    Returns
    -------
    callable
        ``step(X, y)``: changes the parameters, and returns the loss before.

    See Also
    --------
    compile_step : Records once.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn, optim
    >>> net = nn.Linear(2, 1, rng=0)
    >>> step = nn.eager_step(net, nn.mse_loss, optim.SGD(net.parameters(), lr=0.1))
    >>> first, second = (step(np.eye(2), np.ones((2, 1))) for _ in range(2))
    >>> second < first
    True
    """
    swept = value_and_grad(_objective(net, loss, l2, l1))
    parameters = list(net.parameters())

    def step(X, y):
        value, gradients = swept(net.arrays(), X, y)
        _update(parameters, gradients.values(), optimizer, clip_norm)
        return float(value)

    return step


def _objective(net, loss, l2, l1):
    """The loss with its penalties, as a pure function of the arrays of the parameters."""

    def objective(params, X, y):
        value = loss(net.apply(params, X), y)
        value = value + l2_penalty(params, l2) if l2 else value
        return value + l1_penalty(params, l1) if l1 else value

    return objective


def _update(parameters, gradients, optimizer, clip_norm):
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    if clip_norm is not None:
        optim.clip_grad_norm_(optimizer.params, clip_norm)
    optimizer.step()


def compile_step(net, loss, optimizer, *, l2=0.0, l1=0.0, clip_norm=None):
    """Make a training step that is recorded once for each shape of a batch, and then replayed.

    Gives the numbers of `eager_step`, to rounding, in less time. Masks of `Dropout`, labels,
    statistics of `BatchNorm1d` and `BatchNorm2d`, and all that the optimiser has are new in each
    step. What cannot be replayed is done by `eager_step` instead: see the notes.

    Parameters
    ----------
    net : Module
        What is trained.
    loss : callable
        ``loss(outputs, y)``: one number.
    optimizer : Optimizer
        Of parameters of the net; all but `LBFGS`.
    l2, l1 : float, default 0.0
        Weights of `l2_penalty` and `l1_penalty`.
    clip_norm : float, optional
        Longest gradient, by `clip_grad_norm_`.

    Returns
    -------
    callable
        ``step(X, y)``: changes the parameters, and returns the loss before. ``step.stats()`` has
        the number of steps ``replayed`` and ``eager``, of shapes ``recorded``, and in ``why`` what
        kept the last shape from it, or None. A pickle or a copy has ``step.net`` and
        ``step.optimizer`` of its own, and records anew.

    Raises
    ------
    TypeError
        If the optimiser evaluates the loss by itself, as L-BFGS does.

    See Also
    --------
    eager_step : Records anew for each batch.
    tapead.record : What a program is, and what is constant in it.

    Notes
    -----
    A batch of another shape or dtype, or modules switched by ``train()`` and ``eval()``, are
    recorded once more; 32 recordings are kept. Steps are eager where the net or the loss

    - looks at numbers that depend on the batch or the parameters, as ``if x.sum() > 0`` does;
    - sets an attribute or a buffer, or reads a buffer of integers;
    - draws random numbers by other means than `Dropout`: from a generator of NumPy or of Python's
      `random`, whoever holds it, or from one that is made without a seed;
    - gives other numbers when it runs again, as what counts its calls does;
    - computes with integer labels by itself: losses of `tapead.nn` take them, other losses can
      have floats;

    or where `X` is no array of floats or `y` none of numbers. To find out, net and loss run several
    times when a batch is recorded, and generators are put back after it (beside other threads, only
    those of the net and the shared ones). Generators without a seed are not seen beside a profiler,
    unless they change the numbers. All else that ``forward`` takes from elsewhere, such as a slope
    that is an attribute, is a constant of the recording: make a new step when it changes.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn, optim
    >>> net = nn.MLP((2, 8, 2), rng=0)
    >>> step = nn.compile_step(net, nn.cross_entropy, optim.Adam(net.parameters(), lr=0.1))
    >>> X, y = np.eye(2, dtype=np.float32), np.array([0, 1])
    >>> losses = [step(X, y) for _ in range(20)]
    >>> losses[-1] < 0.1 < losses[0], step.stats()["recorded"], step.stats()["replayed"]
    (True, 1, 20)
    """
    if isinstance(optimizer, optim.LBFGS):
        raise TypeError(
            "compile_step makes one sweep per step, and LBFGS evaluates the loss by itself; call "
            "optimizer.step(closure), or take another optimizer"
        )
    return _CompiledStep(net, loss, optimizer, l2, l1, clip_norm)


class _CompiledStep:
    """Programs by the form of a batch, and the eager step for what has none."""

    def __init__(self, net, loss, optimizer, l2, l1, clip_norm):
        self.made_from = net, loss, optimizer, l2, l1, clip_norm
        self.net, self.loss, self.optimizer, self.clip_norm = net, loss, optimizer, clip_norm
        self.objective = _objective(net, loss, l2, l1)
        self.eager = eager_step(net, loss, optimizer, l2=l2, l1=l1, clip_norm=clip_norm)
        self.modules = [module for _, module in net.named_modules()]
        self.names, self.parameters = zip(*net.named_parameters(), strict=True)
        self.dtype = self.parameters[0].dtype
        self.programs = {}  # or why there is none
        self.n_recorded, self.n_replayed, self.n_eager, self.why = 0, 0, 0, None

    def __reduce__(self):
        return _CompiledStep, self.made_from

    def stats(self):
        """What became of the steps."""
        return {
            "recorded": self.n_recorded, "replayed": self.n_replayed, "eager": self.n_eager,
            "why": self.why,
        }  # fmt: skip

    def __call__(self, X, y):
        if type(X) is not np.ndarray or X.dtype != self.dtype:
            X = self._floats(X)
        if type(y) is not np.ndarray and isinstance(y, (list, tuple, np.ndarray, float, int)):
            y = np.asarray(y)
        if not is_plain(X, (self.dtype,)) or not (is_plain(y, FLOATS) or is_labels(y)):
            return self._eagerly(X, y, "a replay takes an array X of floats, and y of numbers")
        modes = [module.training for module in self.modules]
        key = (X.shape, y.shape, y.dtype, *modes)
        if key not in self.programs:
            self.programs[key] = self._recorded(X, y)
            if len(self.programs) > MOST_PROGRAMS:
                del self.programs[next(iter(self.programs))]
        program = self.programs[key]
        if type(program) is str:
            return self._eagerly(X, y, program)
        for parameter in self.parameters:
            parameter.grad = None  # so that the program's results may take its place
        value, gradients = program(self._arrays(), X, y)
        _update(self.parameters, gradients, self.optimizer, self.clip_norm)
        self.n_replayed += 1
        return value

    def _floats(self, X):
        """Floats with the precision of the parameters, as a net takes them."""
        if isinstance(X, (list, tuple)):
            return np.asarray(X, self.dtype)
        return X.astype(self.dtype) if getattr(X, "dtype", None) in FLOATS else X

    def _arrays(self):
        return [parameter.value for parameter in self.parameters]

    def _eagerly(self, X, y, why):
        self.why = why
        value = self.eager(X, y)
        self.n_eager += 1
        return value

    def _recorded(self, X, y):
        """A program for batches like this one, or the reason why there is none."""
        generators = Generators(self.modules, self.loss)
        try:
            program = _Program(self, X, y)
        except Exception as error:  # noqa: BLE001 - the eager step raises what there is to raise
            program = str(error) if isinstance(error, NotReplayableError) else repr(error)
        if generators.restored() and (type(program) is str or generators.moved_by(program.once)):
            return DRAWS
        if type(program) is str:
            return program
        program.once = None  # it holds the batch
        self.n_recorded += 1
        return program


def is_plain(x, dtypes):
    """Whether it is an array of one of these types."""
    return type(x) is np.ndarray and x.dtype in dtypes


def is_labels(y):
    """Whether it is an array of integers or booleans."""
    return type(y) is np.ndarray and y.dtype.kind in "iub"


class _Program:
    """The recording of a step, and what it takes and leaves beside arrays and loss."""

    def __init__(self, step, X, y):
        names, objective = step.names, step.objective
        self.is_labelled, self.dtype = y.dtype not in FLOATS, step.dtype
        arrays, y = step._arrays(), self._numbers(y)
        found = Outside()

        def outcome(outside, arrays, X, y):
            with recording(outside):
                outside.targets = Labels(y) if self.is_labelled else y
                params = dict(zip(names, arrays, strict=True))
                value = objective(params, X, outside.targets)
            return value, outside.results()

        def recordable(arrays, X, y, masks, buffers):
            return outcome(Outside(found, masks, buffers), arrays, X, y)

        with seeded():
            runs = [outcome(outside, arrays, X, y) for outside in (found, Outside())]
        if not _same(*runs):
            raise NotReplayableError("forward gives other numbers when it runs again")
        self.once = lambda: outcome(Outside(), arrays, X, y)
        self.masks, self.buffers = found.wanted_masks, found.wanted_buffers
        ones = [np.ones(shape, dtype) for _, shape, dtype in self.masks]
        example = (arrays, X, y, ones, self._buffers())
        self.replay = record(value_and_grad(recordable, has_aux=True), *example, arrays=True)
        if self.replay.stats()["guards"]:
            raise NotReplayableError("the net or the loss looks at numbers that a step changes")

    def _numbers(self, y):
        return y.astype(self.dtype) if self.is_labelled else y

    def _buffers(self):
        return [module._buffers[name] for module, name in self.buffers]

    def __call__(self, arrays, X, y):
        """Value and gradients, after what they leave has been seen to."""
        masks = [layer.mask(shape, dtype) for layer, shape, dtype in self.masks]
        found = self.replay(arrays, X, self._numbers(y), masks, self._buffers())
        (value, (statistics, checks)), gradients = found
        for check in checks:
            check(y)
        for track, *numbers in statistics:
            track(*numbers)
        return value, gradients


def _same(one, other):
    """Whether two runs gave the same numbers, and left the same statistics."""
    (value, (statistics, _)), (again, (others, _)) = one, other
    pairs = [(value, again)]
    for (_, *numbers), (_, *found) in zip(statistics, others, strict=True):
        pairs.extend(zip(numbers, found, strict=True))
    return all(np.array_equal(x, y, equal_nan=True) for x, y in pairs)
