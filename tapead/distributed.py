"""More than one machine: many points and data-parallel training on the workers of a dask cluster.

The same shards give the same bits on any number of workers, and in this process: ``client=None``.
dask is imported by whoever makes a client, and nothing else is put on the wire.

>>> import numpy as np
>>> import tapead
>>> from tapead import distributed
>>> program = tapead.record(lambda x: tapead.sin(x) * x, 1.0)
>>> x = np.linspace(0.0, 1.0, 100_000)
>>> total = distributed.map(program, x, what="grad", reduction="sum", shard=10_000)
>>> abs(total - program.map(x, what="grad", reduction="sum")) < 1e-9
True
"""

from itertools import pairwise

import numpy as np

from tapead import ArrayProgram, optim
from tapead._containers import leaves, map_leaves
from tapead._replicas import (
    Gradients,
    Layout,
    State,
    modules_of,
    part_of,
    reduced,
    statistics_of,
    unflat,
)
from tapead._shards import REDUCTIONS, Drawn, Job, Made, of_shard
from tapead._workers import place, shown

__all__ = ["Drawn", "Made", "compile_step", "map"]

KINDS = ("value", "grad", "value_and_grad", "hessian_diagonal")


def map(
    function, *args, client=None, what="value", argnums=None, in_axes=0, reduction=None,
    shard=10_000, threads=1, progress=None,
):  # fmt: skip
    """Evaluate a function, or its gradient, at many points on the workers of a cluster.

    Points are cut into shards, which the workers replay by `Program.map`. A shard whose worker is
    lost runs again on another.

    Parameters
    ----------
    function : Program or callable
        A program travels as its instructions, without its function: where a comparison comes out
        differently it raises. A function, compiled or not, travels as Python code, and is recorded
        anew for each shard and branch.
    *args
        The arguments, as `Program.map` takes them; in the place of one that is mapped, `Made` or
        `Drawn` if the workers are to make the points.
    client : dask.distributed.Client, optional
        Whose workers do it; by default this process does.
    what : {"value", "grad", "value_and_grad", "hessian_diagonal"}
        What to compute at each point.
    argnums : int or tuple of int, optional
        Arguments to differentiate with respect to; by default those `record` was given, or the
        first one of a function.
    in_axes : 0, None, or tuple of them, default 0
        Per argument: 0, or None if it is the same at all points.
    reduction : {None, "sum", "mean"}
        Over the points.
    shard : int, default 10_000
        Points that go to a worker in one go. Bits of a reduction, and of what is `Drawn`, depend
        on it.
    threads : int, default 1
        Of one shard. A dask worker with several threads has as many shards at a time.
    progress : bool or callable, optional
        Whether to show progress, by default if the standard error is a terminal; or
        ``progress(done, total)``, which is called after each shard.

    Returns
    -------
    result
        As that of one point, with a leading axis of n points; without it if reduced.

    Raises
    ------
    TypeError, ValueError
        If an option or an argument is wrong.
    BranchChanged
        If a comparison in a program comes out differently.
    RuntimeError
        If a worker has another version of tapead.

    See Also
    --------
    tapead.Program.map : On the threads of this process.
    compile_step : Training.

    Notes
    -----
    Sums are taken within a shard as `Program.map` takes them, and then over the shards in their
    order. Results have the same bits on any number of workers, if all have the same libraries and
    processors of one kind.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> from tapead import distributed
    >>> def tax(income, rate):
    ...     return rate * income if income < 100.0 else 2.0 * rate * (income - 50.0)
    >>> income = np.array([50.0, 150.0, 60.0])
    >>> distributed.map(tax, income, 0.2, in_axes=(0, None), what="grad", argnums=1)
    array([ 50., 200.,  60.])

    On two processes of this machine:

    >>> from dask.distributed import Client, LocalCluster  # doctest: +SKIP
    >>> client = Client(LocalCluster(n_workers=2, threads_per_worker=1))  # doctest: +SKIP
    >>> distributed.map(tax, income, 0.2, in_axes=(0, None), client=client)  # doctest: +SKIP
    """
    if isinstance(function, ArrayProgram) or not callable(function):
        raise TypeError(
            "map takes a function, or a Program of numbers, which record(..., arrays=False) makes; "
            f"got {type(function).__name__}"
        )
    if what not in KINDS:
        raise ValueError(f"map computes one of {', '.join(KINDS)}; got {what!r}")
    if reduction not in REDUCTIONS:
        raise ValueError(f'reduction is None, "sum" or "mean"; got {reduction!r}')
    size = _positive("shard", shard)
    where, mapped = place(client), _mapped(in_axes, len(args))
    args = [_arrays(arg) if along else arg for arg, along in zip(args, mapped, strict=True)]
    n = _points(args, mapped)
    options = {"what": what, "argnums": argnums, "threads": _positive("threads", threads)}
    job = Job(function, args, mapped, reduction, options)
    travelling = [
        arg for arg, along in zip(args, mapped, strict=True)
        if along and not isinstance(arg, Made)
    ]  # fmt: skip
    starts = range(0, n, size) or range(1)
    tasks = ((i, min(i + size, n), _cut(travelling, i, i + size)) for i in starts)
    found = REDUCTIONS[reduction](len(starts), n)
    with shown(progress, len(starts)) as step:
        for i, part in where.stream(of_shard, where.keep(job), tasks):
            found.put(i, part)
            step()
    return found.result()


def _positive(name, value):
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name} is an int of at least 1; got {value!r}")
    return value


def _mapped(in_axes, n):
    """Which arguments are mapped."""
    axes = tuple(in_axes) if isinstance(in_axes, (tuple, list)) else (in_axes,) * n
    if len(axes) != n or any(axis is not None and axis != 0 for axis in axes):
        raise ValueError(f"in_axes is 0 or None, or {n} of them in a tuple; got {in_axes!r}")
    return [axis is not None for axis in axes]


def _arrays(arg):
    """An argument that is mapped, with arrays for leaves."""
    return arg if isinstance(arg, Made) else map_leaves(np.asarray, arg)


def _points(args, mapped):
    """How many points there are: the same number in all arguments that are mapped."""
    sizes = {}
    for k, (arg, along) in enumerate(zip(args, mapped, strict=True), 1):
        if along and isinstance(arg, Made):
            sizes[k] = len(arg)
        for leaf in leaves(arg) if along and not isinstance(arg, Made) else ():
            if leaf.ndim == 0:
                raise ValueError(
                    f"expected an array with a leading axis in argument {k}; got {leaf[()]!r}: "
                    "in_axes says None where an argument is the same at all points"
                )
            if sizes.setdefault(k, len(leaf)) != len(leaf):
                raise ValueError(f"expected {sizes[k]} points in argument {k}; got {len(leaf)}")
    if not sizes:
        raise ValueError("map needs an argument with a leading axis; got none")
    (first, n), *others = sizes.items()
    for k, other in others:
        if other != n:
            raise ValueError(f"expected {n} points in argument {k}, as in {first}; got {other}")
    return n


def _cut(args, start, stop):
    return [map_leaves(lambda leaf: leaf[start:stop], arg) for arg in args]


# -- training


def compile_step(net, loss, optimizer, *, shards, client=None, l2=0.0, l1=0.0, clip_norm=None):
    """Make a training step whose gradient is found by the workers of a cluster.

    The rows of a batch are cut into shards. Workers find the gradient of each by a copy of the net
    that is recorded once (`nn.compile_step`); the gradients are added in an order that depends on
    the number of shards alone; and the optimiser changes the parameters here. `nn.fit` takes the
    step.

    Parameters
    ----------
    net : Module
        What is trained.
    loss : callable
        ``loss(outputs, y)``: one number, the mean of its rows.
    optimizer : Optimizer
        Of parameters of the net; all but `LBFGS`.
    shards : int
        Into how many parts a batch is cut: at least one per worker. The last bits depend on it.
    client : dask.distributed.Client, optional
        Whose workers do it; by default this process does.
    l2, l1 : float, default 0.0
        Weights of `nn.l2_penalty` and `nn.l1_penalty`.
    clip_norm : float, optional
        Longest gradient, by `optim.clip_grad_norm_`.

    Returns
    -------
    callable
        ``step(X, y)``: changes the parameters, and returns the loss before. ``step.stats()`` has
        the number of ``steps``, and the bytes of the ``state`` that goes to each worker in a step
        and of a ``gradient`` that comes back.

    Raises
    ------
    TypeError
        If the optimiser evaluates the loss by itself, as L-BFGS does.
    ValueError
        If the net has no parameters. When called: if `X` and `y` are not of as many rows, or the
        step cannot be replayed.
    RuntimeError
        When called: if a worker has another version of tapead.

    See Also
    --------
    tapead.nn.compile_step : On this machine; says what can be replayed.
    map : Many points.

    Notes
    -----
    A step is a pure function of what is sent, so a shard whose worker is lost runs again on
    another, with the same bits. Masks of `Dropout` are drawn by the workers: by a seed from the
    layer's generator here, and the number of the shard. `BatchNorm1d` and `BatchNorm2d` normalise
    each shard by its own mean and variance, and the running statistics are the mean of those that
    the shards leave. What `nn.compile_step` would do by an eager step is refused, since its numbers
    could depend on the worker. The state is sent anew in each step: parameters and buffers may be
    changed in between. All else that ``forward`` reads is a constant: make a new step when it
    changes, and after ``client.restart()``.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import distributed, nn, optim
    >>> net = nn.MLP((2, 8, 2), rng=0)
    >>> optimizer = optim.Adam(net.parameters(), lr=0.1)
    >>> step = distributed.compile_step(net, nn.cross_entropy, optimizer, shards=2)
    >>> X, y = np.eye(2, dtype=np.float32), np.array([0, 1])
    >>> history = nn.fit(net, (X, y), loss=nn.cross_entropy, optimizer=optimizer, step=step)
    >>> history["loss"][-1] < history["loss"][0], step.stats()["steps"]
    (True, 10)
    """
    if isinstance(optimizer, optim.LBFGS):
        raise TypeError(
            "compile_step makes one sweep per step, and LBFGS evaluates the loss by itself; take "
            "another optimizer"
        )
    return _ShardedStep(net, Gradients(net, loss, l2, l1), optimizer, shards, client, clip_norm)


class _ShardedStep:
    """A step over shards of a batch."""

    def __init__(self, net, gradients, optimizer, shards, client, clip_norm):
        self.net, self.optimizer, self.clip_norm = net, optimizer, clip_norm
        self.shards, self.place = _positive("shards", shards), place(client)
        self.layout, self.modules = Layout(net), modules_of(net)
        self.parameters = list(net.parameters())
        if not self.parameters:
            raise ValueError("a step trains the parameters of a net; this one has none")
        self.gradients = self.place.keep(gradients)
        self.n_steps = 0

    def stats(self):
        """What became of the steps."""
        return {
            "steps": self.n_steps,
            "state": sum(x.nbytes for x in self.net.state_dict().values()),
            "gradient": sum(p.value.nbytes for p in self.parameters),
        }

    def __call__(self, X, y):  # noqa: N803 - X has rows
        X, y = np.asarray(X), np.asarray(y)  # noqa: N806
        if X.ndim == 0 or y.ndim == 0 or len(X) != len(y) or len(X) == 0:
            raise ValueError(
                f"expected as many rows in X and y, one or more; got shapes {X.shape} and {y.shape}"
            )
        n, bounds = len(X), [len(X) * i // self.shards for i in range(self.shards + 1)]
        state = self._state()
        state = self.place.send(state, state.buffer.nbytes * self.shards)
        parts = [
            self.place.call(i, part_of, self.gradients, state, i, X[a:b], y[a:b], (b - a) / n)
            for i, (a, b) in enumerate(pairwise(bounds))
            if b > a
        ]
        total = reduced(self.place, parts)
        self._update(total)
        self.n_steps += 1
        return total.value

    def _state(self):
        modes = tuple(module.training for module in self.modules)
        generators = {
            i: module.rng for i, module in enumerate(self.modules)
            if module.training and isinstance(vars(module).get("rng"), np.random.Generator)
        }  # fmt: skip
        seeds = {i: int(rng.integers(2**63)) for i, rng in generators.items()}
        return State(self.layout.pack(self.net), modes, seeds)

    def _update(self, total):
        """Take over statistics, and let the optimiser do its step."""
        places = statistics_of(self.modules)
        for (module, name), x in zip(places, total.statistics, strict=True):
            setattr(module, name, x)
        arrays = [parameter.value for parameter in self.parameters]
        gradients = unflat(total.gradients, arrays)
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        if self.clip_norm is not None:
            optim.clip_grad_norm_(self.optimizer.params, self.clip_norm)
        self.optimizer.step()
