"""Rules of NumPy's functions for batched arrays: what joins arrays, splits them and selects."""

import numpy as np

from tapead._batched import BatchedArray, data_of, is_batched, rule


@rule(np.concatenate)
def _concatenate(level, arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if out is not None:
        return NotImplemented
    if axis is None:
        arrays, axis = [np.ravel(x) for x in arrays], 0
    arrays = list(arrays)
    ranks = {np.ndim(x) for x in arrays}
    if ranks == {0}:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    data = [data_of(x, level) for x in arrays]
    axis = 1 + axis if axis >= 0 else axis
    kwargs = {} if dtype is None else {"dtype": dtype, "casting": casting}
    return BatchedArray(np.concatenate(data, axis, **kwargs), level)


@rule(np.stack)
def _stack(level, arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    if out is not None or dtype is not None:
        return NotImplemented
    axis = 1 + axis if axis >= 0 else axis
    return BatchedArray(np.stack([data_of(x, level) for x in arrays], axis), level)


@rule(np.hstack)
def _hstack(level, tup, **kwargs):
    arrays = [np.atleast_1d(x) for x in tup]
    return np.concatenate(arrays, 0 if np.ndim(arrays[0]) == 1 else 1, **kwargs)


@rule(np.vstack)
def _vstack(level, tup, **kwargs):
    return np.concatenate([np.atleast_2d(x) for x in tup], 0, **kwargs)


@rule(np.dstack)
def _dstack(level, tup):
    return np.concatenate([np.atleast_3d(x) for x in tup], 2)


@rule(np.column_stack)
def _column_stack(level, tup):
    return np.concatenate([x if np.ndim(x) > 1 else np.atleast_1d(x)[:, None] for x in tup], 1)


@rule(np.append)
def _append(level, arr, values, axis=None):
    return np.concatenate((arr, values), axis)


@rule(np.split, np.array_split)
def _split(function, level, ary, indices_or_sections, axis=0):
    axis = axis if axis >= 0 else axis + ary.ndim
    parts = function(ary.data, indices_or_sections, 1 + axis)
    return [BatchedArray(part, level) for part in parts]


@rule(np.hsplit, np.vsplit, np.dsplit)
def _split_along(function, level, ary, indices_or_sections):
    axis = {np.hsplit: 1 if ary.ndim > 1 else 0, np.vsplit: 0, np.dsplit: 2}[function]
    return np.split(ary, indices_or_sections, axis)


@rule(np.unstack)
def _unstack(level, x, /, *, axis=0):
    return tuple(np.moveaxis(x, axis, 0))


@rule(np.select)
def _select(level, condlist, choicelist, default=0):
    result = default
    for condition, choice in list(zip(condlist, choicelist, strict=True))[::-1]:
        result = np.where(condition, choice, result)
    return result


@rule(np.choose)
def _choose(level, a, choices, out=None, mode="raise"):
    if out is not None or mode != "raise" or not isinstance(choices, list | tuple):
        return NotImplemented
    a = a if type(a) is BatchedArray else np.asarray(a)
    return np.select([a == k for k in range(len(choices))], choices)


@rule(np.copyto)
def _copyto(level, dst, src, casting="same_kind", where=True):
    if not is_batched(dst, level):
        raise TypeError(
            "a batched value cannot be written into a plain array; make the array with "
            "numpy.zeros_like of a batched one"
        )
    dst[...] = src if where is True else np.where(where, src, dst)
    return
