"""vmap: a function of one point applied to all points at once."""

import contextlib
import functools
import itertools
import threading

import numpy as np

from tapead import transforms
from tapead._array import as_array
from tapead._batched import NUMERIC, BatchedArray, Level, data_of, is_batched, ndim_of
from tapead._batched_transforms import LEVELS, transformed
from tapead._containers import leaves, map_leaves
from tapead._numpy import elements, holds_traced
from tapead._tape import is_expanding


def vmap(f, in_axes=0, out_axes=0):
    """Function that applies `f`, written for one point, to all points along an axis.

    Parameters
    ----------
    f : callable
        Takes the arguments of one point: numbers, arrays and containers of them; returns numbers,
        arrays and containers of them.
    in_axes : int, None or tuple of them, default 0
        The axis of every array along which the points lie, for all positional arguments or one for
        each; within it, a container in the structure of the argument has one for each leaf. None
        for what is the same at every point. Keyword arguments always are.
    out_axes : int or container of int, default 0
        The axis of every result along which the points are put.

    Returns
    -------
    callable
        Takes the arguments of `f` with one more axis; so are its results.

    Raises
    ------
    TypeError, ValueError
        When called: if an argument has no such axis, or the numbers of points differ; if `f` takes
        the truth of a batched value, as in ``if x > 0``, instead of ``numpy.where``.

    See Also
    --------
    Program.map : Many points of a recorded function, with SIMD and threads.

    Notes
    -----
    `f` is called once, with arrays that stand for all points: each NumPy function acts on all of
    them, where it has a rule; a function without one is called point by point, and the results are
    stacked. vmap and the transforms nest in any order. A plain array that `f` makes cannot take
    batched elements: make it with ``numpy.zeros_like`` of one that is batched, or stack them.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> def energy(x, k):
    ...     return 0.5 * k * np.sum(x * x)
    >>> xs = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> tapead.vmap(energy, in_axes=(0, None))(xs, 2.0)
    array([ 5., 25., 61.])
    >>> tapead.vmap(tapead.grad(energy), in_axes=(0, None))(xs, 2.0)
    array([[ 2.,  4.],
           [ 6.,  8.],
           [10., 12.]])
    """
    if not callable(f):
        raise TypeError(f"vmap needs a function; got {type(f).__name__}")

    @functools.wraps(f)
    def mapped(*args, **kwargs):
        axes = _axes_of_leaves(in_axes, args)
        level = _new_level(axes, leaves(args))
        if is_expanding():
            return _expanded(f, axes, args, kwargs, out_axes, level.size)
        queue = iter(axes)
        args = map_leaves(lambda leaf: _at_level(leaf, next(queue), level), args)
        with running(level):
            return _collected(out_axes, f(*args, **kwargs), level)

    return mapped


def _axes_of_leaves(in_axes, args):
    """The axis of every leaf of the arguments."""
    if isinstance(in_axes, tuple | list) and len(in_axes) != len(args):
        raise ValueError(
            f"vmap has in_axes for {len(in_axes)} positional arguments; got {len(args)}"
        )
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    return _spread(in_axes, args, "in_axes")


def _spread(axes, tree, name):
    """An axis per leaf of `tree`, from one for all, or from a container of them."""
    n = len(leaves(tree))
    if axes is None or (isinstance(axes, int) and not isinstance(axes, bool)):
        return [axes] * n
    if isinstance(axes, tuple | list) and isinstance(tree, tuple | list):
        pairs = list(zip(axes, tree, strict=False))
        if len(axes) == len(tree):
            return [axis for pair in pairs for axis in _spread(*pair, name)]
    elif isinstance(axes, dict) and isinstance(tree, dict) and axes.keys() == tree.keys():
        return [axis for key, part in tree.items() for axis in _spread(axes[key], part, name)]
    elif not isinstance(axes, tuple | list | dict) and len(leaves(axes)) == n:
        found = leaves(axes)
        if all(axis is None or isinstance(axis, int) for axis in found):
            return found
    raise ValueError(
        f"vmap takes {name} as an int, None, or a container of them in the structure of "
        f"{'the arguments' if name == 'in_axes' else 'the result'}; got {axes!r}"
    )


def _new_level(axes, values):
    """A level of as many points as the mapped leaves have."""
    sizes = {}
    for axis, leaf in zip(axes, values, strict=True):
        if axis is None:
            continue
        ndim = ndim_of(leaf)
        if not -ndim <= axis < ndim:
            what = f"of {ndim} axes" if ndim else "without axes"
            raise ValueError(
                f"vmap maps axis {axis} of an argument, but got a {type(leaf).__name__} {what}; "
                "give in_axes None for what is the same at every point"
            )
        sizes.setdefault(leaf.shape[axis], axis)
    if not sizes:
        raise ValueError("vmap needs an argument with points; got in_axes None for all of them")
    if len(sizes) > 1:
        raise ValueError(f"vmap needs as many points in every argument; got {sorted(sizes)}")
    return Level(*sizes, next(_depths))


def _at_level(leaf, axis, level):
    """A leaf of an argument as the function sees it."""
    if axis is None:
        return leaf
    data = np.moveaxis(as_array(leaf) if isinstance(leaf, np.ndarray) else leaf, axis, 0)
    if isinstance(data, np.ndarray):
        data.flags.writeable = False  # a view of what is the caller's
    return BatchedArray(data, level)


def _collected(out_axes, result, level):
    """The result with the points along an axis of every leaf."""
    queue = iter(_spread(out_axes, result, "out_axes"))
    return map_leaves(lambda leaf: _out(leaf, next(queue), level), result)


def _out(leaf, axis, level):
    if axis is None:
        if is_batched(leaf, level):
            raise ValueError(
                "vmap has out_axes None for a result that differs from point to point; give an axis"
            )
        return leaf
    if not isinstance(leaf, NUMERIC):
        return leaf
    data = data_of(leaf, level)
    if not -data.ndim <= axis < data.ndim:
        raise ValueError(f"vmap puts points along axis {axis} of a result of {data.ndim - 1} axes")
    if isinstance(data, np.ndarray) and not data.flags.writeable:
        data = data.copy()
    return np.moveaxis(data, 0, axis)


def _expanded(f, axes, args, kwargs, out_axes, n):
    """Point by point: a Program takes arrays element by element in any case."""
    if n == 0:
        raise ValueError("vmap over an axis of length 0 cannot be recorded in a Program")
    results = []
    for k in range(n):
        queue = iter(axes)
        point = map_leaves(lambda x, k=k, queue=queue: _point(x, next(queue), k), args)
        results.append(f(*point, **kwargs))
    columns = iter(list(zip(*map(leaves, results), strict=True)))
    queue = iter(_spread(out_axes, results[0], "out_axes"))
    return map_leaves(lambda _: _column(next(columns), next(queue)), results[0])


def _point(leaf, axis, k):
    return leaf if axis is None else np.moveaxis(leaf, axis, 0)[k]


def _column(values, axis):
    if axis is None or not isinstance(values[0], NUMERIC):
        return values[0]
    out = np.empty((len(values), *np.shape(values[0])), dtype=object)
    for k, value in enumerate(values):
        out[k] = value
    return np.moveaxis(elements(out) if holds_traced(out) else out.astype(float), 0, axis)


_depths = itertools.count()  # an inner level, also of a rule that runs later, has the larger one
_lock = threading.Lock()
_all_running = []  # in all threads


@contextlib.contextmanager
def running(level):
    """Within it transforms of this thread know batched arguments."""
    with _lock:
        _all_running.append(level)
        transforms.register_batching(transformed)
    LEVELS.running = getattr(LEVELS, "running", 0) + 1
    try:
        yield
    finally:
        LEVELS.running -= 1
        with _lock:
            _all_running.remove(level)
            if not _all_running:
                transforms.register_batching(None)
