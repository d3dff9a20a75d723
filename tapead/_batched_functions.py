"""Rules of NumPy's functions for batched arrays: reductions, and what works along axes."""

import numpy as np

from tapead import _arrays, _batched_joins, _batched_products, _batched_shapes  # noqa: F401
from tapead._batched import (
    BatchedArray,
    aligned,
    any_batched,
    axes_of,
    axis_of,
    data_of,
    is_batched,
    rule,
    stopped,
)
from tapead._batched_calls import elementwise
from tapead.primitives import _smooth

_GIVEN = np._NoValue


def _axes(axis, rank):
    """Axes of a point (None: all) as NumPy's functions take them for the data."""
    axes = axes_of(tuple(range(rank)) if axis is None else axis, rank)
    return axes[0] if len(axes) == 1 else axes


def flat(data):
    """Data with one axis per point."""
    return np.reshape(data, (data.shape[0], -1))


@rule(
    np.sum, np.prod, np.mean, np.max, np.min, np.amax, np.amin, np.ptp, np.var, np.std, np.any,
    np.all, np.median, np.count_nonzero, np.nansum, np.nanprod, np.nanmean, np.nanmax, np.nanmin,
    np.nanvar, np.nanstd,
)  # fmt: skip
def _reduction(function, level, a, axis=None, *args, out=None, keepdims=_GIVEN, **kwargs):
    if out is not None or (args and args[-1] is not None and len(args) > 1):
        return NotImplemented
    data, rank = data_of(a, level), np.ndim(a)
    if keepdims is not _GIVEN and rank:
        kwargs["keepdims"] = keepdims
    if isinstance(kwargs.get("where"), BatchedArray):
        kwargs["where"] = aligned(kwargs["where"], rank, level)
    if any(is_batched(x, level) for x in kwargs.values()):
        return NotImplemented
    if not rank:
        return BatchedArray(function(data[:, None], 1, *args, **kwargs), level)
    return BatchedArray(function(data, _axes(axis, rank), *args, **kwargs), level)


@rule(np.argmax, np.argmin, np.cumsum, np.cumprod, np.nancumsum, np.nancumprod)
def _line(function, level, a, axis=None, *args, out=None, keepdims=_GIVEN, **kwargs):
    if out is not None or keepdims is not _GIVEN:
        return NotImplemented
    data, rank = data_of(a, level), np.ndim(a)
    if axis is None or not rank:
        data, axis, rank = flat(data), 0, 1
    return BatchedArray(function(data, axis_of(axis, rank), *args, **kwargs), level)


@rule(np.sort, np.argsort)
def _sorted(function, level, a, axis=-1, **kwargs):
    data, rank = data_of(a, level), np.ndim(a)
    if axis is None:
        data, axis, rank = flat(data), 0, 1
    return BatchedArray(function(data, axis_of(axis, rank), **kwargs), level)


@rule(np.partition, np.argpartition)
def _partitioned(function, level, a, kth, axis=-1, **kwargs):
    data, rank = data_of(a, level), np.ndim(a)
    if axis is None:
        data, axis, rank = flat(data), 0, 1
    return BatchedArray(function(data, kth, axis_of(axis, rank), **kwargs), level)


@rule(np.average)
def _average(level, a, axis=None, weights=None, returned=False, *, keepdims=False):
    if weights is None and not returned:
        return np.mean(a, axis, keepdims=keepdims)
    if weights is None or returned or np.shape(weights) != np.shape(a):
        return NotImplemented
    total = np.sum(weights, axis, keepdims=keepdims)
    return np.sum(a * weights, axis, keepdims=keepdims) / total


@rule(np.diff)
def _diff(level, a, n=1, axis=-1, prepend=_GIVEN, append=_GIVEN):
    if prepend is not _GIVEN or append is not _GIVEN:
        return NotImplemented
    return BatchedArray(np.diff(a.data, n, axis_of(axis, a.ndim)), level)


@rule(np.trapezoid)
def _trapezoid(level, y, x=None, dx=1.0, axis=-1):
    data, axis = data_of(y, level), axis_of(axis, np.ndim(y))
    if is_batched(dx, level) or (x is not None and np.shape(x) != np.shape(y)):
        return NotImplemented
    x = x if x is None else data_of(x, level)
    return BatchedArray(np.trapezoid(data, x, dx, axis), level)


@rule(np.linalg.norm)
def _norm(level, x, ord=None, axis=None, keepdims=False):
    data, rank = x.data, x.ndim
    if axis is None and (ord is None or rank not in (1, 2)):
        data, ord = np.reshape(data, (data.shape[0], -1)), 2 if ord is None else ord
        found = np.linalg.norm(data, ord, 1)
        return BatchedArray(np.reshape(found, (-1,) + (1,) * (rank * bool(keepdims))), level)
    return BatchedArray(np.linalg.norm(data, ord, _axes(axis, rank), keepdims), level)


@rule(np.where)
def _where(level, condition, *branches):
    if not branches:
        return NotImplemented
    return elementwise(np.where, (condition, *branches))


@rule(np.clip)
def _clip(level, a, a_min=None, a_max=None, out=None, *, min=None, max=None):
    low, high = a_min if min is None else min, a_max if max is None else max
    ends = [x for x in (low, high) if x is not None]

    def clipped(data, *ends):
        queue = iter(ends)
        return np.clip(data, *(None if x is None else next(queue) for x in (low, high)))

    result = elementwise(clipped, (a, *ends))
    return result if out is None else _assigned(out, result)


def _assigned(out, result):
    out[...] = result
    return out


@rule(np.round, np.around, np.nan_to_num, np.isclose, np.real, np.copy, np.isneginf, np.isposinf)
def _each(function, level, *args, **kwargs):
    return elementwise(lambda *data: function(*data, **kwargs), args)


@rule(np.allclose)
def _allclose(level, a, b, **kwargs):
    return np.all(np.isclose(a, b, **kwargs))


@rule(np.zeros_like, np.ones_like, np.empty_like, np.full_like)
def _like(function, level, a, *args, dtype=None, order="K", subok=True, shape=None):
    if not is_batched(a, level) or len(args) > (function is np.full_like):
        return NotImplemented
    shape = a.shape if shape is None else (shape if isinstance(shape, tuple) else (shape,))
    if args and any_batched(args):
        filled = np.broadcast_to(BatchedArray(data_of(args[0], level), level), shape)
        return filled.astype(dtype or a.dtype)
    value = args[0] if args else 1 if function is np.ones_like else 0
    return BatchedArray(np.full((level.size, *shape), value, dtype or a.dtype), level)


@rule(_smooth.logsumexp)
def _logsumexp(level, a, axis=None, b=None, keepdims=False, return_sign=False):
    if b is not None or return_sign:
        return NotImplemented
    axes = axes_of(tuple(range(a.ndim)) if axis is None else axis, a.ndim)
    return BatchedArray(_smooth.logsumexp(a.data, axes, keepdims=keepdims), level)


@rule(_smooth.softmax, _smooth.log_softmax)
def _softmax(function, level, x, axis=None):
    return BatchedArray(function(x.data, _axes(axis, x.ndim)), level)


@rule(_arrays.stack)
def _stack(level, arrays, axis=0):
    return np.stack(list(arrays), axis)


@rule(np.array, np.asarray, np.asanyarray, _arrays.array)
def _array(function, level, a, dtype=None, *, copy=True, order="K", like=None, **kwargs):
    if kwargs:
        return NotImplemented
    a = _stacked(a, level)
    return a if dtype is None or a.dtype == dtype else a.astype(dtype)


def _stacked(a, level):
    """An array of nested lists, some of whose items are batched."""
    if isinstance(a, list | tuple):
        return np.stack([_stacked(item, level) for item in a])
    return BatchedArray(data_of(a, level), level)


@rule(np.shape, np.ndim, np.size)
def _plainly(function, level, a, axis=None):
    if not is_batched(a, level):
        return NotImplemented
    if function is np.size:
        return a.size if axis is None else a.shape[axis]
    return a.shape if function is np.shape else a.ndim


@rule(np.interp)
def _interp(level, x, xp, fp, left=None, right=None, period=None):
    if any(is_batched(z, level) for z in (xp, fp, left, right, period)):
        return NotImplemented
    data = x.data
    values = np.interp(np.reshape(data, -1), xp, fp, left, right, period)
    return BatchedArray(np.reshape(values, data.shape), level)


@rule(np.searchsorted)
def _searchsorted(level, a, v, side="left", sorter=None):
    if is_batched(a, level) or is_batched(sorter, level):
        return NotImplemented
    return BatchedArray(np.searchsorted(a, stopped(v.data), side, sorter), level)


@rule(np.result_type)
def _result_type(level, *args):
    return np.result_type(*(x.dtype if type(x) is BatchedArray else x for x in args))
