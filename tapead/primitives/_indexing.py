"""Elements taken and written by index, chosen by condition, repeated and rolled."""

import math

import numpy as np

from tapead.primitives._core import as_array, broadcast_sum, data_of, gather, plain_value, scatter
from tapead.primitives._reductions import axes_of
from tapead.primitives._row import Primitive, answers, call, into

REFUSED = {
    np.ix_: "an index is made of integers and booleans",
    np.piecewise: "use numpy.where or numpy.select",
    np.apply_along_axis: "use functions with axis=, or a loop",
    np.apply_over_axes: "give the functions a tuple of axes",
}


def _spread_value(x, index, around):
    out = np.array(around, dtype=x.dtype, order="C")
    out[index] = x
    return out


_spread = Primitive(
    "spread",
    _spread_value,
    lambda i, v_bar, v, x, index, around: gather(v_bar, index=index),
    lambda i, x_dot, v, x, index, around: scatter(x_dot, index, around.shape),
    reads="",
    moves=True,
    adjoints=("Z̄ where X is",),
)


def spread(x, index, around):
    """`x` at `index` of the plain array `around`."""
    return _spread(x, index=index, around=around)


def _line(a, axis):
    """`a`, flattened if no axis is named, and the axis counted from the front."""
    a = as_array(a)
    return (np.ravel(a), 0) if axis is None else (a, axes_of(axis, a.ndim)[0])


def _places(indices, n, mode):
    """Integers that index an axis of length `n`, which raises where it has to."""
    indices = np.asarray(indices)
    if indices.size == 0:
        indices = indices.astype(np.intp)
    indices = indices.astype(np.intp, casting="same_kind")
    if mode == "wrap":
        return indices % n
    if mode == "clip":
        return np.clip(indices, 0, n - 1)
    if mode != "raise":
        raise ValueError(f"mode must be 'raise', 'wrap' or 'clip'; got {mode!r}")
    return indices


@answers(
    np.take,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), [[0, 5], [3, -1]]),
        lambda r: call(r.normal(size=(3, 4)), [1, 1, 3], axis=-1),
        lambda r: call(r.normal(size=(3, 4)), 2, axis=0),
        lambda r: call(r.normal(size=(3, 4)), [[4, -5]], axis=1, mode="wrap"),
        lambda r: call(r.normal(size=4), [9, -9, 2], mode="clip"),
    ),
)
def take(a, indices, axis=None, out=None, mode="raise"):
    a, axis = _line(a, axis)
    index = (*(slice(None),) * axis, _places(indices, a.shape[axis], mode))
    return into(out, gather(a, index=index))


def _along(indices, shape, axis):
    """An index of arrays that takes `indices` along an axis, and all others as they come."""
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if indices.ndim != len(shape):
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    grid = np.ogrid[tuple(slice(n) for n in shape)]
    return tuple(indices if i == axis else places for i, places in enumerate(grid))


@answers(
    np.take_along_axis,
    samples=(
        lambda r: call(r.normal(size=(3, 4)), r.integers(0, 4, (3, 2)), axis=-1),
        lambda r: call(r.normal(size=(3, 4)), r.integers(0, 3, (2, 1)), axis=0),
        lambda r: call(r.normal(size=(2, 3)), r.integers(0, 6, 4), axis=None),
    ),
)
def take_along_axis(arr, indices, axis=-1):
    arr, axis = _line(arr, axis)
    return gather(arr, index=_along(indices, arr.shape, axis))


@answers(np.put_along_axis)
def put_along_axis(arr, indices, values, axis):
    if axis is None:
        arr = np.atleast_1d(arr)
        arr[_unravelled(indices, arr.shape, "raise")] = values
        return
    (axis,) = axes_of(axis, arr.ndim)
    arr[_along(indices, arr.shape, axis)] = values


def _unravelled(places, shape, mode):
    """An index of arrays for places that are counted through all elements."""
    n = math.prod(shape)
    places = _places(places, n, mode)
    if np.any((places < -n) | (places >= n)):
        raise IndexError(f"an index is out of bounds for size {n}")
    return np.unravel_index(places % n, shape)


def _cycled(values, places):
    """The elements of `values`, from the first again after the last, at `places`."""
    return np.take(as_array(values), places, mode="wrap")


@answers(np.put)
def put(a, ind, v, mode="raise"):
    a, ind = np.atleast_1d(a), np.ravel(ind)
    if ind.size and np.size(data_of(v)):
        a[_unravelled(ind, a.shape, mode)] = _cycled(v, np.arange(ind.size))


@answers(np.putmask)
def putmask(a, /, mask, values):
    mask = np.asarray(plain_value(mask), dtype=bool)
    if mask.size != a.size:
        raise ValueError("putmask: mask and data must be the same size")
    mask = np.reshape(mask, a.shape)
    a[mask] = _cycled(values, np.flatnonzero(mask))


@answers(np.place)
def place(arr, mask, vals):
    mask = np.reshape(np.asarray(plain_value(mask), dtype=bool), arr.shape)
    count = np.count_nonzero(mask)
    if count and not np.size(data_of(vals)):
        raise ValueError("Cannot insert from an empty array!")
    arr[mask] = _cycled(vals, np.arange(count))


@answers(np.copyto)
def copyto(dst, src, casting="same_kind", where=True):
    where = plain_value(where)
    if where is True:
        dst[...] = src
        return
    where = np.broadcast_to(where, dst.shape)
    dst[where] = np.broadcast_to(as_array(src), dst.shape)[where]


@answers(np.fill_diagonal)
def fill_diagonal(a, val, wrap=False):
    if a.ndim < 2 or (a.ndim > 2 and len(set(a.shape)) > 1):
        np.fill_diagonal(data_of(a), 0.0)  # raises
    columns = a.shape[1]
    end = a.size if wrap or a.ndim > 2 else min(a.size, columns * columns)
    step = sum(math.prod(a.shape[i:]) for i in range(1, a.ndim + 1))
    places = np.arange(0, end, step)
    a[np.unravel_index(places, a.shape)] = _cycled(val, np.arange(places.size))


@answers(
    np.select,
    samples=(
        lambda r: call(
            [np.eye(2, 3) > 0, np.arange(3) > 1], [r.normal(size=(2, 3)), r.normal(size=3)]
        ),
        lambda r: call([np.arange(3) > 1], [r.normal(size=())], default=r.normal(size=(2, 1))),
    ),
)
def select(condlist, choicelist, default=0):
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    result = default
    for i, condition in reversed([*enumerate(map(np.asarray, condlist))]):
        if condition.dtype != bool:
            raise TypeError(f"invalid entry {i} in condlist: should be boolean ndarray")
        result = np.where(condition, choicelist[i], result)
    return result


@answers(
    np.choose,
    samples=(
        lambda r: call([[0, 1, 2], [2, 2, 0]], [r.normal(size=3) for _ in range(3)]),
        lambda r: call([3, -1], r.normal(size=(2, 2)), mode="wrap"),
    ),
)
def choose(a, choices, out=None, mode="raise"):
    n = len(choices)
    places = _places(plain_value(a), n, mode)
    if np.any((places < 0) | (places >= n)):
        raise ValueError("invalid entry in choice array")
    result = 0.0
    for i in reversed(range(n)):
        result = np.where(places == i, choices[i], result)
    return into(out, result)


@answers(
    np.compress,
    samples=(
        lambda r: call([True, False, True], r.normal(size=(3, 2)), axis=0),
        lambda r: call([False, True, True, False], r.normal(size=(2, 3))),
    ),
)
def compress(condition, a, axis=None, out=None):
    condition = np.asarray(plain_value(condition))
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    a, axis = _line(a, axis)
    return into(out, _kept(a, np.flatnonzero(condition), axis))


@answers(np.extract, samples=(lambda r: call(np.eye(2, 3) > 0, r.normal(size=(2, 3))),))
def extract(condition, arr):
    return _kept(np.ravel(as_array(arr)), np.flatnonzero(plain_value(condition)), 0)


@answers(
    np.insert,
    samples=(
        lambda r: call(r.normal(size=4), 1, r.normal(size=())),
        lambda r: call(r.normal(size=(2, 3)), [0, -1], r.normal(size=(2, 1)), axis=1),
        lambda r: call(r.normal(size=(2, 3)), 1, r.normal(size=(2, 2)), axis=1),
        lambda r: call(r.normal(size=(2, 3)), slice(None, None, 2), r.normal(size=3)),
    ),
)
def insert(arr, obj, values, axis=None):
    (arr, axis), values = _line(arr, axis), as_array(values)
    n = arr.shape[axis]
    values = np.reshape(values, (1,) * (arr.ndim - values.ndim) + values.shape)
    if not isinstance(obj, slice) and np.ndim(obj) == 0:
        values = np.moveaxis(values, 0, axis)
    count = np.insert(np.arange(n), obj, 0).size - n  # checks `obj` too
    count = values.shape[axis] if count == 1 else count  # one place takes all there is
    places = np.insert(np.arange(n), obj, n + np.arange(count))
    values = np.broadcast_to(values, (*arr.shape[:axis], count, *arr.shape[axis + 1 :]))
    return np.take(np.concatenate((arr, values), axis, dtype=arr.dtype), places, axis)


@answers(
    np.delete,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), 1),
        lambda r: call(r.normal(size=(2, 4)), [0, -1], axis=1),
        lambda r: call(r.normal(size=(4, 2)), slice(1, 3), axis=0),
    ),
)
def delete(arr, obj, axis=None):
    arr, axis = _line(arr, axis)
    return _kept(arr, np.delete(np.arange(arr.shape[axis]), obj), axis)


def _kept(a, places, axis):
    """What is at `places`, in order and none twice: their adjoints need not be added up."""
    mask = np.zeros(a.shape[axis], bool)
    mask[places] = True
    return gather(a, index=(*(slice(None),) * axis, mask))


def _repeat_pullback(i, v_bar, v, x, repeats, axis):
    lead, rest = x.shape[: axis + 1], x.shape[axis + 1 :]
    w = np.reshape(v_bar, (*lead, repeats, *rest))
    return np.reshape(broadcast_sum(w, (*lead, 1, *rest)), x.shape)


_repeat = Primitive(
    "repeat", np.repeat, _repeat_pullback, reads="", moves=True, adjoints=("sum of Z̄ over copies",)
)


@answers(
    np.repeat,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), 2),
        lambda r: call(r.normal(size=(2, 3)), 3, axis=0),
        lambda r: call(r.normal(size=(2, 3)), [2, 0, 1], axis=-1),
    ),
)
def repeat(a, repeats, axis=None):
    a, axis = _line(a, axis)
    if np.size(repeats) == 1:
        return _repeat(a, repeats=int(np.ravel(repeats)[0]), axis=axis)
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)


_roll = Primitive(
    "roll",
    np.roll,
    lambda i, v_bar, v, x, shift, axis: np.roll(v_bar, np.negative(shift), axis),
    reads="",
    moves=True,
    adjoints=("Z̄ rolled back",),
)


@answers(
    np.roll,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), 2),
        lambda r: call(r.normal(size=(2, 3)), -1, axis=1),
        lambda r: call(r.normal(size=(2, 3)), (1, 2), axis=(0, -1)),
    ),
)
def roll(a, shift, axis=None):
    return _roll(as_array(a), shift=shift, axis=axis)


unwrapped = Primitive(
    "unwrap",
    np.unwrap,
    lambda i, v_bar, v, x, **how: v_bar,
    lambda i, x_dot, v, x, **how: x_dot,
    reads="",
    moves=True,
    adjoints=("Z̄",),
)


@answers(
    np.unwrap,
    samples=(
        lambda r: call(np.cumsum(r.uniform(2.0, 3.0, 5)) % 6.0),
        lambda r: call(np.cumsum(r.uniform(1.0, 3.0, (3, 4)), 0), 2.5, axis=0, period=5.0),
    ),
)
def unwrap(p, discont=None, axis=-1, *, period=2 * math.pi):
    return unwrapped(as_array(p), discont=discont, axis=axis, period=period)


@answers(
    np.nan_to_num,
    samples=(
        lambda r: call(r.choice([1.5, np.nan, np.inf, -np.inf], (3, 4)), nan=2.0, posinf=3.0),
    ),
)
def nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    array = as_array(x)
    values = plain_value(array)
    finite = np.isfinite(values)
    filled = np.nan_to_num(values, nan=nan, posinf=posinf, neginf=neginf)
    if copy:
        return np.where(finite, array, filled)
    array[~finite] = filled[~finite]
    return array
