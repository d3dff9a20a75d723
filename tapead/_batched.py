"""Batched arrays: a value of every point of a `vmap`, in one array with the points in front.

Inside `vmap` a function sees a `BatchedArray` where a point has an array or a number. It answers
NumPy's protocols: a function of it is the same function of all points at once, by a rule of the
table `RULES`, or else of one point after the other. Its data are a plain array, a traced one, or
the `BatchedArray` of an outer `vmap`, and the rules are written with NumPy's functions alone;
that makes them compose with tracing and with each other.
"""

import operator

import numpy as np

from tapead._array import Array, as_array
from tapead._array_methods import ArrayMethods, innermost
from tapead._tape import Var

RULES: dict = {}  # by NumPy function: rule(level, *args, **kwargs)


class Level:
    """A `vmap` that is running: its number of points, and how far inside others it is."""

    __slots__ = ("depth", "size")

    def __init__(self, size, depth):
        self.size = size
        self.depth = depth


class BatchedArray(ArrayMethods):
    """Array or number of every point of a `vmap`; its shape is that of one point.

    Parameters
    ----------
    data : ndarray, Array or BatchedArray
        The values, with the points along the first axis.
    level : Level
    """

    __slots__ = ("data", "level")
    __array_priority__ = 2000.0
    __tapead_traced__ = True

    def __init__(self, data, level):
        self.data = data
        self.level = level

    @property
    def shape(self):
        """Lengths of the axes of one point."""
        return self.data.shape[1:]

    @property
    def ndim(self):
        """Number of axes of one point."""
        return self.data.ndim - 1

    @property
    def size(self):
        """Number of elements of one point."""
        return int(np.prod(self.shape))

    @property
    def dtype(self):
        """Type of the elements."""
        return self.data.dtype

    @property
    def value(self):
        """The numbers, without a path to what they were computed from."""
        return self.with_data(stopped(self.data))

    def __repr__(self):
        return f"BatchedArray({self.data!r})"

    def __bool__(self):
        raise TypeError(
            "the truth of a batched value differs from point to point; inside vmap use "
            "numpy.where(condition, x, y) in place of if, and & | ~ in place of and, or, not"
        )

    def _refuse(self, what):
        raise TypeError(
            f"{what} of a batched value would be another one at every point; inside vmap use "
            "numpy's functions on it (numpy.stack makes an array, numpy.take_along_axis indexes a "
            "plain array by a batched one, numpy.zeros_like(x) can be written to)"
        )

    def __float__(self):
        self._refuse("float()")

    def __int__(self):
        self._refuse("int()")

    def __index__(self):  # noqa: PLE0305 - raises
        self._refuse("the index")

    def __array__(self, dtype=None, copy=None):
        self._refuse("a plain array")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        from tapead import _batched_calls

        if holds_inner_series((inputs, kwargs), level_of((inputs, kwargs))):
            return NotImplemented
        return _batched_calls.apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        from tapead import _batched_calls

        if holds_inner_series((args, kwargs), level_of((args, kwargs))):
            return NotImplemented
        return _batched_calls.apply_function(function, args, kwargs)

    def __tapead_elemental__(self, name, inputs):
        from tapead import _batched_calls

        return _batched_calls.apply_elemental(name, inputs)

    def __getitem__(self, index):
        from tapead._batched_indexing import get_item

        return get_item(self, index)

    def __setitem__(self, index, value):
        from tapead._batched_indexing import set_item

        set_item(self, index, value)

    def with_data(self, data):
        """The same of other data."""
        return BatchedArray(data, self.level)

    def astype(self, dtype, **kwargs):
        """The array in another type."""
        return self.with_data(self.data.astype(dtype, **kwargs))

    def copy(self, order="C"):
        """A copy, which may be written to."""
        return self.with_data(self.data.copy())

    def item(self, *args):
        """An element."""
        return np.ravel(self)[args[0] if args else 0]


NUMERIC = (int, float, bool, np.generic, np.ndarray, Array, Var, BatchedArray)


def rule(*functions):
    """Make the decorated function the rule of NumPy's `functions`.

    Called with the level and the arguments; where several share it, with the function before. It
    returns NotImplemented for what it does not cover, which is then done point by point.
    """

    def register(call):
        for function in functions:
            RULES[function] = _of(function, call) if len(functions) > 1 else call
        return call

    return register


def _of(function, call):
    return lambda level, *args, **kwargs: call(function, level, *args, **kwargs)


def is_batched(x, level):
    """Whether `x` has a value of its own at every point of `level`."""
    return type(x) is BatchedArray and x.level is level


def level_of(tree):
    """The innermost level of the batched arrays in lists, tuples and dicts, None without any."""
    return innermost(BatchedArray, tree)


def holds_inner_series(tree, level):
    """Whether a `jet` inside of `level` runs over something in lists, tuples and dicts."""
    if isinstance(tree, dict):
        return holds_inner_series(list(tree.values()), level)
    if isinstance(tree, list | tuple):
        return any(holds_inner_series(item, level) for item in tree)
    return hasattr(type(tree), "__tapead_series__") and tree.level.depth > level.depth


def any_batched(tree):
    """Whether something in lists, tuples and dicts is batched."""
    return level_of(tree) is not None


def ndim_of(x):
    """Number of axes at one point."""
    return x.ndim if hasattr(x, "ndim") else 0


def aligned(x, rank, level):
    """Data of `x` that broadcast against those of an operand with `rank` axes at a point."""
    if not is_batched(x, level):
        return x
    missing = rank - x.ndim
    return x.data[(slice(None), *(None,) * missing)] if missing > 0 else x.data


def data_of(x, level):
    """The data of `x` at `level`, which are the same at every point if it is not batched."""
    if is_batched(x, level):
        return x.data
    x = x if type(x) is BatchedArray else as_array(x)
    return np.broadcast_to(x, (level.size, *x.shape))


def axis_of(axis, rank):
    """An axis of a point as one of the data; checked as NumPy does."""
    axis = operator.index(axis)
    if not -rank <= axis < rank:
        raise np.exceptions.AxisError(axis, rank)
    return 1 + axis % rank


def axes_of(axes, rank):
    """Axes of a point, one or several, as axes of the data."""
    several = axes if isinstance(axes, tuple | list) else (axes,)
    return tuple(axis_of(axis, rank) for axis in several)


def stopped(data):
    """Plain values."""
    return data.value if hasattr(data, "value") else data
