"""How NumPy's and tapead's functions are called with batched arrays."""

import functools

import numpy as np

from tapead import _array, math
from tapead._array import Array, as_array
from tapead._batched import NUMERIC, RULES, BatchedArray, aligned, is_batched, level_of, ndim_of
from tapead._containers import leaves, map_leaves
from tapead._numpy import holds_traced
from tapead._tape import _clip_end
from tapead.elementals import OPCODES

_ELEMENTALS = {
    "clip_min": lambda x, end: _clip_end(x, end, True),
    "clip_max": lambda x, end: _clip_end(x, end, False),
    "polygamma": lambda n, x: math.polygamma(int(n), x),
}


def apply_ufunc(ufunc, method, inputs, kwargs):
    """What a ufunc or one of its methods means where an operand is batched."""
    if method == "__call__" and ufunc.signature is None:
        return elementwise(ufunc, inputs, kwargs)
    if method == "outer":
        left, right = inputs
        left = left[(..., *(None,) * ndim_of(right))]
        return elementwise(ufunc, (left, right), kwargs)
    if method == "__call__":
        return apply_function(ufunc, inputs, kwargs)
    if method in ("reduce", "accumulate"):
        array, *rest = inputs
        return _along(ufunc, method, array, *rest, **kwargs)
    raise TypeError(
        f"numpy.{ufunc.__name__}.{method} of a batched value is not supported; use numpy's "
        "functions that return a new array"
    )


def _along(ufunc, method, array, axis=0, *args, **kwargs):
    if not (type(array) is BatchedArray and isinstance(axis, int)) or args or "out" in kwargs:
        raise TypeError(
            f"numpy.{ufunc.__name__}.{method} of a batched value takes an axis and keywords"
        )
    axis = axis + 1 if axis >= 0 else axis
    return array.with_data(getattr(ufunc, method)(array.data, axis=axis, **kwargs))


def apply_function(function, args, kwargs):
    """What a NumPy function means where an argument is batched."""
    from tapead import _batched_functions  # noqa: F401 - fills the table

    level = level_of((args, kwargs))
    found = RULES.get(function)
    result = NotImplemented if found is None else found(level, *args, **kwargs)
    return by_point(function, level, args, kwargs) if result is NotImplemented else result


def apply_elemental(name, inputs):
    """A function of tapead's table."""
    function = _ELEMENTALS.get(name) or getattr(math, name, None)
    if function is None:  # a row that serves as a partial
        function = functools.partial(_array.apply_elemental, OPCODES[name])
    return elementwise(function, inputs)


def elementwise(function, inputs, kwargs=None):
    """A function of elements at all points at once."""
    level = level_of((inputs, kwargs))
    inputs = [_operand(x) for x in inputs]
    kwargs = dict(kwargs or {})
    out = kwargs.pop("out", None)
    rank = max(map(ndim_of, inputs))
    if isinstance(kwargs.get("where"), BatchedArray):
        kwargs["where"] = aligned(kwargs["where"], rank, level)
    data = [aligned(x, rank, level) for x in _in_one_precision(inputs, level)]
    if out is not None:
        return _written(function, level, data, out, kwargs)
    result = function(*data, **kwargs)
    if isinstance(result, tuple):
        return tuple(BatchedArray(part, level) for part in result)
    return BatchedArray(result, level)


def _written(function, level, data, out, kwargs):
    (target,) = out
    if not is_batched(target, level):
        raise TypeError(
            "a batched result cannot be written into a plain array; leave out= away, or make the "
            "array with numpy.zeros_like of a batched one"
        )
    where = kwargs.pop("where", True)
    result = function(*data, **kwargs)
    if where is not True:
        result = np.where(where, result, target.data)
    target[...] = BatchedArray(result, level)
    return target


def _operand(x):
    """An operand of a ufunc: lists are arrays."""
    if isinstance(x, list | tuple):
        return np.stack([_operand(item) for item in x]) if level_of(x) else as_array(x)
    return x


def _in_one_precision(inputs, level):
    """Operands of which batched numbers are as weak as Python's beside arrays of float32."""
    wide = [x.dtype for x in inputs if ndim_of(x)]
    if not wide or any(dtype != np.float32 for dtype in wide):
        return inputs
    return [
        x.astype(np.float32) if is_batched(x, level) and x.dtype == np.float64 else x
        for x in inputs
    ]


def by_point(function, level, args, kwargs):
    """A function of one point after the other."""
    if level.size == 0:
        raise ValueError(
            f"{getattr(function, '__name__', function)} has no rule for all points at once, and "
            "vmap over an axis of length 0 has no point to call it with"
        )
    results = []
    for k in range(level.size):
        point_args, point_kwargs = map_leaves(lambda x, k=k: at_point(x, k, level), (args, kwargs))
        results.append(function(*point_args, **point_kwargs))
    columns = zip(*map(leaves, results), strict=True)
    queue = iter([joined(list(column), level) for column in columns])
    return map_leaves(lambda _: next(queue), results[0])


def at_point(x, k, level):
    """A leaf at one point."""
    if not is_batched(x, level):
        return x
    item = x.data[k]
    return float(item) if isinstance(item, np.floating) and not x.ndim else item


def joined(values, level):
    """One result per point as a batched array; what is neither number nor array as it is."""
    if not isinstance(values[0], NUMERIC):
        return values[0]
    if level_of(values) or any(type(x) is Array or holds_traced(x) for x in values):
        return BatchedArray(np.stack([x if ndim_of(x) else _arrayed(x) for x in values]), level)
    return BatchedArray(np.array(values), level)


def _arrayed(x):
    return x if type(x) is BatchedArray else as_array(x)
