"""Rules of NumPy's functions for batched arrays: what moves elements within an array."""

import numpy as np

from tapead._batched import BatchedArray, aligned, axes_of, axis_of, data_of, is_batched, rule


@rule(np.reshape)
def _reshape(level, a, /, shape=None, order="C", *, newshape=None, copy=None):
    shape = newshape if shape is None else shape
    if order != "C":
        return NotImplemented
    shape = shape if isinstance(shape, tuple | list) else (shape,)
    return BatchedArray(np.reshape(a.data, (level.size, *_lengths(shape, a.size))), level)


def _lengths(shape, size):
    """A shape without -1, also where there are no points."""
    if -1 not in shape:
        return shape
    known = int(np.prod([n for n in shape if n != -1]))
    return tuple((size // known if known else 0) if n == -1 else n for n in shape)


@rule(np.ravel)
def _ravel(level, a, order="C"):
    return np.reshape(a, (a.size,)) if order in ("C", "K", "A") else NotImplemented


@rule(np.transpose)
def _transpose(level, a, axes=None):
    axes = range(a.ndim)[::-1] if axes is None else axes
    return BatchedArray(np.transpose(a.data, (0, *axes_of(tuple(axes), a.ndim))), level)


@rule(np.swapaxes)
def _swapaxes(level, a, axis1, axis2):
    return BatchedArray(np.swapaxes(a.data, *axes_of((axis1, axis2), a.ndim)), level)


@rule(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(function, level, x, /):
    return np.swapaxes(x, -1, -2)


@rule(np.moveaxis)
def _moveaxis(level, a, source, destination):
    data = np.moveaxis(a.data, axes_of(source, a.ndim), axes_of(destination, a.ndim))
    return BatchedArray(data, level)


@rule(np.expand_dims)
def _expand_dims(level, a, axis):
    several = axis if isinstance(axis, tuple | list) else (axis,)
    return BatchedArray(np.expand_dims(a.data, axes_of(several, a.ndim + len(several))), level)


@rule(np.squeeze)
def _squeeze(level, a, axis=None):
    if axis is None:
        axes = tuple(1 + k for k, n in enumerate(a.shape) if n == 1)
    else:
        axes = axes_of(axis, a.ndim)
    return BatchedArray(np.squeeze(a.data, axes) if axes else a.data, level)


@rule(np.broadcast_to)
def _broadcast_to(level, array, shape, subok=False):
    shape = shape if isinstance(shape, tuple | list) else (shape,)
    if len(shape) < array.ndim:
        raise ValueError(
            f"input operand has more dimensions than allowed by the axis remapping: {array.shape} "
            f"to {tuple(shape)}"
        )
    data = aligned(array, len(shape), level)
    return BatchedArray(np.broadcast_to(data, (level.size, *shape)), level)


@rule(np.broadcast_arrays)
def _broadcast_arrays(level, *args, subok=False):
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(np.broadcast_to(x, shape) for x in args)


@rule(np.atleast_1d, np.atleast_2d, np.atleast_3d)
def _atleast(function, level, *arrays):
    found = [_withaxes_of(x, function) if is_batched(x, level) else function(x) for x in arrays]
    return found[0] if len(found) == 1 else tuple(found)


def _withaxes_of(x, function):
    if function is np.atleast_1d:
        return x if x.ndim else x[None]
    if function is np.atleast_2d:
        return x if x.ndim > 1 else x[None, :] if x.ndim else x[None, None]
    if x.ndim == 2:
        return x[:, :, None]
    return x if x.ndim > 2 else x[None, :, None] if x.ndim else x[None, None, None]


@rule(np.flip)
def _flip(level, m, axis=None):
    axes = tuple(range(1, m.ndim + 1)) if axis is None else axes_of(axis, m.ndim)
    return BatchedArray(np.flip(m.data, axes), level)


@rule(np.flipud, np.fliplr)
def _flipped(function, level, m):
    return np.flip(m, 0 if function is np.flipud else 1)


@rule(np.rot90)
def _rot90(level, m, k=1, axes=(0, 1)):
    return BatchedArray(np.rot90(m.data, k, axes_of(tuple(axes), m.ndim)), level)


@rule(np.roll)
def _roll(level, a, shift, axis=None):
    if is_batched(shift, level):
        return NotImplemented
    if axis is None:
        return np.reshape(np.roll(np.ravel(a), shift, 0), a.shape)
    axes = axes_of(axis, a.ndim)
    return BatchedArray(np.roll(a.data, shift, axes if isinstance(axis, tuple) else axes[0]), level)


@rule(np.repeat)
def _repeat(level, a, repeats, axis=None):
    if is_batched(repeats, level):
        return NotImplemented
    a, axis = (np.ravel(a), 0) if axis is None else (a, axis)
    return BatchedArray(np.repeat(a.data, repeats, axis_of(axis, a.ndim)), level)


@rule(np.tile)
def _tile(level, A, reps):  # noqa: N803 - NumPy's name
    reps = tuple(reps) if isinstance(reps, tuple | list) else (reps,)
    data = aligned(A, len(reps), level)
    ones = (1,) * (data.ndim - len(reps))
    return BatchedArray(np.tile(data, (*ones, *reps)), level)


@rule(np.pad)
def _pad(level, array, pad_width, mode="constant", **kwargs):
    if any(is_batched(x, level) for x in kwargs.values()):
        return NotImplemented
    widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (array.ndim, 2)).tolist()
    pairs = [(0, 0), *map(tuple, widths)]
    for name in ("constant_values", "end_values", "stat_length"):
        if kwargs.get(name) is not None and np.ndim(kwargs[name]):
            return NotImplemented
    return BatchedArray(np.pad(array.data, pairs, mode, **kwargs), level)


@rule(np.lib.stride_tricks.sliding_window_view)
def _sliding_window_view(level, x, window_shape, axis=None, *, subok=False, writeable=False):
    axes = tuple(range(1, x.ndim + 1)) if axis is None else axes_of(axis, x.ndim)
    view = np.lib.stride_tricks.sliding_window_view
    return BatchedArray(view(x.data, window_shape, axes), level)


@rule(np.trace, np.diagonal)
def _along_diagonal(function, level, a, offset=0, axis1=0, axis2=1, *args, **kwargs):
    axes = axes_of((axis1, axis2), a.ndim)
    return BatchedArray(function(a.data, offset, *axes, *args, **kwargs), level)


@rule(np.linalg.trace, np.linalg.diagonal)
def _last_diagonal(function, level, x, /, *, offset=0, **kwargs):
    return BatchedArray(function(x.data, offset=offset, **kwargs), level)


@rule(np.tril, np.triu)
def _triangle(function, level, m, k=0):
    return BatchedArray(function(m.data, k), level) if m.ndim > 1 else NotImplemented


@rule(np.diag)
def _diag(level, v, k=0):
    if v.ndim == 2:
        return np.diagonal(v, k)
    n = v.shape[0] + abs(k)
    places = np.arange(v.shape[0])
    mask = np.zeros((n, n), bool)
    mask[places + max(-k, 0), places + max(k, 0)] = True
    column = np.zeros(n, int)
    column[places + max(k, 0)] = places
    return np.where(mask, v[column], 0.0 if v.dtype.kind == "f" else 0)


@rule(np.take)
def _take(level, a, indices, axis=None, out=None, mode="raise"):
    if out is not None or mode != "raise":
        return NotImplemented
    a, axis = (np.ravel(a), 0) if axis is None else (a, axis)
    if is_batched(indices, level):
        before = axis_of(axis, a.ndim) - 1
        return a[(slice(None),) * before + (indices,)]
    return BatchedArray(np.take(a.data, indices, axis_of(axis, a.ndim)), level)


@rule(np.take_along_axis)
def _take_along_axis(level, arr, indices, axis=-1):
    if axis is None:
        arr, axis = np.ravel(arr), 0
    data = [data_of(x, level) for x in (arr, indices)]
    return BatchedArray(np.take_along_axis(*data, axis_of(axis, np.ndim(arr))), level)
