"""Arrays joined, tiled and padded."""

import itertools
import math
import operator

import numpy as np

from tapead._tape import Var
from tapead.primitives._core import as_array, broadcast_sum, is_traced, scatter
from tapead.primitives._indexing import spread
from tapead.primitives._reductions import axes_of, floating, kept
from tapead.primitives._row import Primitive, answers, call, into
from tapead.primitives._scans import part


def _piece(i, axis, starts):
    return part(axis, starts[i], starts[i + 1])


_concatenate = Primitive(
    "concatenate",
    lambda *arrays, axis, starts: np.concatenate(arrays, axis),
    lambda i, v_bar, v, *_, axis, starts: v_bar[_piece(i, axis, starts)],
    lambda i, x_dot, v, *_, axis, starts: scatter(x_dot, _piece(i, axis, starts), v.shape),
    reads="",
    moves=True,
    adjoints=("Z̄ where X is",),
)
_stack = Primitive(
    "stack",
    lambda *arrays, axis: np.stack(arrays, axis),
    lambda i, v_bar, v, *_, axis: v_bar[_layer(i, axis)],
    lambda i, x_dot, v, *_, axis: scatter(x_dot, _layer(i, axis), v.shape),
    reads="",
    moves=True,
    adjoints=("Z̄ where X is",),
)


def _layer(i, axis):
    return (*(slice(None),) * axis, i, ...)


def _alike(arrays, dtype, casting):
    """The arrays in one precision, in which traced numbers have no say."""
    arrays = [(x, as_array(x)) for x in arrays]
    dtypes = [array.dtype for x, array in arrays if type(x) is not Var]
    target = np.dtype(floating(dtype) or np.result_type(*(dtypes or [float])))
    for _, array in arrays:
        if not np.can_cast(array.dtype, target, casting):
            raise TypeError(
                f"Cannot cast array data from {array.dtype!r} to {target!r} according to the "
                f"rule {casting!r}"
            )
    return [array if array.dtype == target else array.astype(target) for _, array in arrays]


def _are_numbers(arrays):
    """Whether nothing in a list has axes."""
    return all(isinstance(x, Var | float | int) for x in arrays)


@answers(
    np.concatenate,  # concat is the same function
    samples=(
        lambda r: call((r.normal(size=2), r.normal(size=3))),
        lambda r: call([r.normal(size=(2, 1)), np.ones((2, 2)), r.normal(size=(2, 3))], axis=-1),
        lambda r: call((r.normal(size=(2, 2)), r.normal(size=3)), axis=None),
    ),
)
def concatenate(arrays, /, axis=0, out=None, *, dtype=None, casting="same_kind"):
    arrays = _alike(arrays, dtype, casting)
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    (axis,) = axes_of(axis, arrays[0].ndim)
    lengths = (math.prod(x.shape[axis : axis + 1]) for x in arrays)
    starts = tuple(itertools.accumulate(lengths, initial=0))
    return into(out, _concatenate(*arrays, axis=axis, starts=starts))


@answers(
    np.stack,
    samples=(
        lambda r: call([r.normal(size=(2, 3)), r.normal(size=(2, 3))]),
        lambda r: call((r.normal(size=3), np.ones(3), r.normal(size=3)), axis=-1),
        lambda r: call(r.normal(size=(2, 3)), axis=1),
    ),
)
def stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if _are_numbers(arrays):
        arrays = as_array(list(arrays))
        axes_of(axis, 1)
        return into(out, arrays if dtype is None else arrays.astype(floating(dtype)))
    arrays = _alike(arrays, dtype, casting)
    (axis,) = axes_of(axis, arrays[0].ndim + 1)
    return into(out, _stack(*arrays, axis=axis))


@answers(
    np.hstack,
    samples=(
        lambda r: call((r.normal(size=2), r.normal(size=3))),
        lambda r: call([r.normal(size=(2, 2)), r.normal(size=(2, 1))]),
    ),
)
def hstack(tup, *, dtype=None, casting="same_kind"):
    if _are_numbers(tup):
        return stack(tup, dtype=dtype, casting=casting)
    arrays = [np.atleast_1d(x) for x in _alike(tup, dtype, casting)]
    return np.concatenate(arrays, min(arrays[0].ndim - 1, 1))


def _answers_stacked(function, lifted, axis):
    """Answer numpy.vstack, numpy.dstack or numpy.column_stack."""

    def stacked(tup, *, dtype=None, casting="same_kind"):
        return np.concatenate([lifted(x) for x in _alike(tup, dtype, casting)], axis)

    samples = (
        lambda r: call((r.normal(size=3), r.normal(size=3))),
        lambda r: call([r.normal(size=(2, 3)), r.normal(size=(2, 3))]),
    )
    answers(function, samples=samples)(stacked)


_answers_stacked(np.vstack, np.atleast_2d, 0)
_answers_stacked(np.dstack, np.atleast_3d, 2)
_answers_stacked(np.column_stack, lambda x: x if x.ndim > 1 else np.transpose(np.atleast_2d(x)), 1)


@answers(
    np.block,
    samples=(
        lambda r: call([[r.normal(size=(2, 2)), np.zeros((2, 1))], [r.normal(size=(1, 3))]]),
        lambda r: call([r.normal(size=2), r.normal(size=(1, 3))[0]]),
    ),
)
def block(arrays):
    depth = _depth(arrays)
    leaves = _leaves(arrays)
    ndim = max(depth, *(x.ndim for x in leaves))
    return _blocked(arrays, iter(leaves), depth, ndim) if depth else np.copy(leaves[0])


def _depth(arrays):
    """How deep lists are nested, all of them alike."""
    if not isinstance(arrays, list):
        return 0
    depths = {_depth(item) for item in arrays}
    if len(depths) != 1:
        raise ValueError("expected lists of one depth, none of them empty, with arrays inside")
    return 1 + depths.pop()


def _leaves(arrays):
    if not isinstance(arrays, list):
        return [as_array(arrays)]
    return [leaf for item in arrays for leaf in _leaves(item)]


def _blocked(arrays, leaves, depth, ndim):
    """Lists of `depth` joined along the last axes; `leaves` are taken one after the other."""
    if depth == 0:
        leaf = next(leaves)
        return np.reshape(leaf, (1,) * (ndim - leaf.ndim) + leaf.shape)
    return np.concatenate([_blocked(item, leaves, depth - 1, ndim) for item in arrays], -depth)


@answers(
    np.append,
    samples=(
        lambda r: call(r.normal(size=(2, 2)), r.normal(size=3)),
        lambda r: call(r.normal(size=(2, 2)), r.normal(size=(2, 1)), axis=1),
    ),
)
def append(arr, values, axis=None):
    if axis is None:
        arr, values = np.ravel(as_array(arr)), np.ravel(as_array(values))
        axis = 0
    return np.concatenate((arr, values), axis)


def _interleaved(first, second):
    return tuple(itertools.chain.from_iterable(zip(first, second, strict=True)))


def _tile_pullback(i, v_bar, v, x, reps):
    ones = (1,) * len(reps)
    w = np.reshape(v_bar, _interleaved(reps, x.shape))
    return np.reshape(broadcast_sum(w, _interleaved(ones, x.shape)), x.shape)


_tile = Primitive(
    "tile", np.tile, _tile_pullback, reads="", moves=True, adjoints=("sum of Z̄ over the tiles",)
)


@answers(
    np.tile,
    samples=(
        lambda r: call(r.normal(size=3), 2),
        lambda r: call(r.normal(size=(2, 3)), (2, 1, 2)),
        lambda r: call(r.normal(size=(2, 1, 3)), (2, 2)),
    ),
)
def tile(A, reps):  # noqa: N803
    a = as_array(A)
    reps = tuple(reps) if np.iterable(reps) else (operator.index(reps),)
    reps = (1,) * (a.ndim - len(reps)) + reps
    return _tile(np.reshape(a, (1,) * (len(reps) - a.ndim) + a.shape), reps=reps)


@answers(
    np.resize,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), (2, 4)),
        lambda r: call(r.normal(size=4), 3),
    ),
)
def resize(a, new_shape):
    a = np.ravel(as_array(a))
    shape = tuple(new_shape) if np.iterable(new_shape) else (new_shape,)
    size = math.prod(shape)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    if a.size == 0:
        return np.zeros_like(a, shape=shape)
    return np.reshape(np.tile(a, -(-size // a.size))[:size], shape)


def _constant_end(x, axis, side, value):
    return np.broadcast_to(as_array(value), kept(x.shape, axis)).astype(x.dtype)


def _edge(x, axis, side, _=None):
    return x[part(axis, -1, None) if side else part(axis, 0, 1)]


def _statistic(function):
    def end(x, axis, side, length):
        n = x.shape[axis]
        length = n if length is None else min(length, n)
        if length == 0 and function in (np.max, np.min):
            raise ValueError("stat_length of 0 yields no value for padding")
        chunk = x[part(axis, n - length, n) if side else part(axis, 0, length)]
        return function(chunk, axis=axis, keepdims=True)

    return end


def _repeated(end):
    """Ends of a pad that are one slice each, many times."""

    def ends(x, axis, widths, extra, mode):
        return [np.repeat(end(x, axis, i, extra[i]), widths[i], axis) for i in (0, 1)]

    return ends


def _ramps(x, axis, widths, ends, mode):
    ramps = []
    for side, (n, end) in enumerate(zip(widths, ends, strict=True)):
        t = np.reshape(np.arange(n, dtype=x.dtype) / max(n, 1), (-1,) + (1,) * (x.ndim - axis - 1))
        ramp = end * (1 - t) + _edge(x, axis, side) * t
        ramps.append(np.flip(ramp, axis) if side else ramp)
    return ramps


def _indexed(x, axis, widths, _, mode):
    n = x.shape[axis]
    places = np.pad(np.arange(n), widths, mode)
    return [np.take(x, part, axis) for part in (places[: widths[0]], places[widths[0] + n :])]


def _reflected(x, axis, widths, method, mode):
    n, skip = x.shape[axis], int(mode == "reflect")
    if method[0] != "odd" or n == 1:
        return _indexed(x, axis, widths, None, mode)
    (before, after), whole = widths, x
    while before or after:
        m = whole.shape[axis]
        reach = (m - skip) // (n - skip) * (n - skip)  # whole periods, as NumPy has it
        left, right = min(before, reach), min(after, reach)
        first = 2 * _edge(whole, axis, 0) - np.flip(whole[part(axis, skip, skip + left)], axis)
        last = 2 * _edge(whole, axis, 1) - np.flip(
            whole[part(axis, m - skip - right, m - skip)], axis
        )
        whole = np.concatenate([first, whole, last], axis)
        before, after = before - left, after - right
    return [whole[part(axis, widths[0])], whole[part(axis, widths[0] + n, None)]]


_PADS = {  # by mode: its ends, the keyword that it knows, and that one's default
    "constant": (_repeated(_constant_end), "constant_values", 0),
    "edge": (_repeated(_edge), None, None),
    "linear_ramp": (_ramps, "end_values", 0),
    "maximum": (_repeated(_statistic(np.max)), "stat_length", None),
    "mean": (_repeated(_statistic(np.mean)), "stat_length", None),
    "median": (_repeated(_statistic(np.median)), "stat_length", None),
    "minimum": (_repeated(_statistic(np.min)), "stat_length", None),
    "reflect": (_reflected, "reflect_type", "even"),
    "symmetric": (_reflected, "reflect_type", "even"),
    "wrap": (_indexed, None, None),
}


@answers(
    np.pad,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), ((1, 0), (2, 1)), constant_values=1.5),
        lambda r: call(r.normal(size=3), 2, constant_values=r.normal(size=2)),
        lambda r: call(r.normal(size=(2, 3)), ((1, 0), (2, 1)), "edge"),
        lambda r: call(r.normal(size=(2, 3)), (1, 2), "linear_ramp", end_values=r.normal(size=2)),
        lambda r: call(r.permutation(np.arange(6.0)).reshape(2, 3), 1, "maximum"),
        lambda r: call(r.permutation(np.arange(6.0)).reshape(2, 3), 1, "minimum", stat_length=2),
        lambda r: call(r.normal(size=(2, 3)), 1, "mean", stat_length=(2, 1)),
        lambda r: call(r.permutation(np.arange(6.0)).reshape(2, 3), 1, "median"),
        lambda r: call(r.normal(size=(2, 3)), ((1, 1), (2, 5)), "reflect"),
        lambda r: call(r.normal(size=4), (2, 9), "reflect", reflect_type="odd"),
        lambda r: call(r.normal(size=4), (9, 2), "symmetric", reflect_type="odd"),
        lambda r: call(r.normal(size=(2, 3)), 4, "symmetric"),
        lambda r: call(r.normal(size=(2, 3)), 4, "wrap"),
    ),
)
def pad(array, pad_width, mode="constant", **kwargs):
    x = as_array(array)
    if mode not in _PADS:
        known = ", ".join(_PADS)
        raise ValueError(f"mode {mode!r} of a traced array is not supported; use one of {known}")
    ends, keyword, extra = _PADS[mode]
    extra = kwargs.pop(keyword, extra)
    if kwargs:
        raise ValueError(f"unsupported keyword arguments for mode {mode!r}: {set(kwargs)}")
    widths = _widths(pad_width, x.ndim)
    if mode == "constant" and np.ndim(extra) == 0 and not is_traced(extra):
        return _surrounded(x, widths, extra)
    extras = (
        [(None, None)] * x.ndim if extra is None else np.broadcast_to(as_array(extra), widths.shape)
    )
    for axis, (wanted, pair) in enumerate(zip(widths.tolist(), extras, strict=True)):
        x = _padded(x, axis, wanted, pair, ends, mode)
    return x


def _widths(pad_width, ndim):
    """Numbers of elements (before, after), by axis."""
    if isinstance(pad_width, dict):
        pairs = np.zeros((ndim, 2), int)
        for axis, pair in pad_width.items():
            pairs[axis] = pair
        return pairs
    pad_width = np.asarray(pad_width)
    if pad_width.dtype.kind not in "iu":
        raise TypeError("`pad_width` must be of integral type.")
    if np.any(pad_width < 0):
        raise ValueError("index can't contain negative values")
    return np.broadcast_to(pad_width, (ndim, 2))


def _surrounded(x, widths, value):
    """`x` in the midst of one plain number."""
    shape = tuple(int(n + sum(pair)) for n, pair in zip(x.shape, widths, strict=True))
    middle = tuple(slice(b, b + n) for n, b in zip(x.shape, widths[:, 0].tolist(), strict=True))
    return spread(x, middle, np.broadcast_to(value, shape))


def _padded(x, axis, widths, extra, ends, mode):
    """`x` padded along one axis."""
    n = x.shape[axis]
    if n == 0 and mode != "constant" and any(widths):
        raise ValueError(
            f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
        )
    if not any(widths):
        return x
    before, after = ends(x, axis, widths, extra, mode)
    return np.concatenate([before, x, after], axis)
