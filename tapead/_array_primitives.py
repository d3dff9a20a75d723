"""Array primitives that programs make of rows of the table, sums and products.

Each takes the reader, the operands, the params and the form (shape, strides, dtype) of the result,
and gives a value, or None where the primitive has to stay what it is.
"""

import math

import numpy as np

from tapead._array_layouts import _CARRY, _COPY, _MERGE, _MULTIPLY, _NUMBER, _PRESENT, _TAKEN
from tapead.elementals import OPCODES
from tapead.primitives._reductions import axes_of


def _where(reader, operands, params, form):
    shape, _, dtype = form
    element = reader.graph.element
    taken, other = reader.condition(params["condition"], shape)
    x, y = operands
    x = element(_CARRY, (x, taken), shape, dtype)
    y = element(_CARRY, (y, other), shape, dtype)
    return element(_MERGE, (x, y), shape, dtype)


def _keep(reader, operands, params, form):
    shape, _, dtype = form
    taken, _ = reader.condition(params["condition"], shape)
    return reader.graph.element(_CARRY, (operands[0], taken), shape, dtype)


def _copy(reader, operands, params, form):
    shape, strides, dtype = form
    return reader.graph.element(_COPY, (operands[0],), shape, dtype, strides)


def _spread(reader, operands, params, form):
    """A write to a window of what is around."""
    shape, strides, dtype = form
    (x,), around = operands, params["around"]
    window = _described(params["index"], shape, strides, dtype)
    if window is None or around.shape != shape or x.dtype != dtype:
        return None
    base = reader.graph.constant(np.array(around, dtype, order="C"))
    return reader.graph.assign(base, x, window, None, None, dtype)


def _gather(reader, operands, params, form):
    """A window, where an index is made of slices."""
    (x,) = operands
    window = _described(params["index"], x.shape, x.strides, x.dtype)
    return None if window is None else reader.graph.window(x, window)


def _described(index, shape, strides, dtype):
    """The window that slices are, as a journal describes it; None for another index."""
    parts = index if type(index) is tuple else (index,)
    if not parts or not all(type(part) is slice for part in parts) or 0 in shape:
        return None
    memory = np.empty(1, dtype)
    whole = np.lib.stride_tricks.as_strided(memory, shape, strides)
    view = whole[parts]
    offset = view.__array_interface__["data"][0] - memory.__array_interface__["data"][0]
    return shape, strides, view.shape, view.strides, offset, False


def _sum(reader, operands, params, form):
    if params.get("where", True) is not True:
        return None
    shape, _, dtype = form
    (x,) = operands
    return summed(reader.graph, x, axes_of(params["axis"], len(x.shape)), shape, dtype)


def _extremum(kind):
    def lower(reader, operands, params, form):
        shape, _, dtype = form
        (x,) = operands
        if params["where"] is not True or params["floor"] is not None or 0 in x.shape:
            return None
        axes = axes_of(params["axis"], len(x.shape))
        axes = tuple(i for i in axes if x.shape[i] != 1)
        return reader.graph.add(kind, (x,), shape, dtype, data=axes, key=(axes, shape))

    return lower


def summed(graph, x, axes, shape, dtype):
    """Sum over axes. A factor that all elements have in common is taken out."""
    if x.op == "constant":
        return graph.constant(np.sum(x.data[0], axis=axes, dtype=dtype).reshape(shape))
    if x.op == "element" and x.data == _MULTIPLY and x.shape != () and not x.marks:
        for factor, rest in (x.args, x.args[::-1]):
            if math.prod(factor.shape) == 1 and rest.shape == x.shape and rest.dtype == dtype:
                total = summed(graph, rest, axes, shape, dtype)
                number = graph.scalar(factor)
                return graph.element(_MULTIPLY, (number, total), shape, dtype)
    axes = tuple(i for i in axes if x.shape[i] != 1)
    if len(axes) == sum(n != 1 for n in x.shape):
        axes = None
    if axes is None and x.op != "element":
        x = graph.add("element", (x,), x.shape, x.dtype, None, _COPY, "copy")
    return graph.add("sum", (x,), shape, dtype, data=axes, key=(axes, shape, dtype))


def _broadcast_sum(reader, operands, params, form):
    shape, _, dtype = form
    graph = reader.graph
    (w,) = operands
    lead = len(w.shape) - len(shape)
    axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 != w.shape[lead + i]))
    number = graph.element(_NUMBER, (w,), w.shape, dtype)
    present = graph.element(
        _NUMBER, (graph.element(_PRESENT, (w,), w.shape, dtype),), w.shape, dtype
    )
    total, n = (summed(graph, x, axes, shape, dtype) for x in (number, present))
    there = graph.element(_TAKEN, (n,), shape, dtype)
    found = graph.element(_CARRY, (total, there), shape, dtype)
    graph.totals[id(found)] = total
    return found


def _matmul(reader, operands, params, form):
    x, y = operands
    shape, _, dtype = form
    if params or {x.dtype, y.dtype} != {dtype} or max(len(x.shape), len(y.shape)) > 2:
        return None
    if len(shape) == 2 and x.shape[1] == 1 and not (x.marks or y.marks):
        return reader.graph.element(_MULTIPLY, (x, y), shape, dtype)
    return reader.graph.add("matmul", (x, y), shape, dtype, key=())


def _images(name, packed, *keys):
    """A kernel of images; it reads operands of any strides where they are `packed` as vectors."""

    def lower(reader, operands, params, form):
        shape, _, dtype = form
        graph = reader.graph
        if any(x.dtype != dtype for x in operands):
            return None
        operands = tuple(x if packed else _with_rows(graph, x) for x in operands)
        window = tuple(n for key in keys for n in params[key])
        return graph.add(
            "images", operands, shape, dtype, data=(name, window), key=(name, window, shape)
        )

    return lower


def _with_rows(graph, x):
    """`x` with the elements of the last axis side by side."""
    if x.strides[-1] == x.dtype.itemsize:
        return x
    return graph.add("element", (x,), x.shape, x.dtype, None, _COPY, "rows")


LOWER = {
    "where": _where, "keep": _keep, "spread": _spread, "gather": _gather,
    "copied": _copy, "broadcast": _copy, "cast": _copy,
    "max": _extremum("max"), "min": _extremum("min"),
    "sum": _sum, "broadcast_sum": _broadcast_sum, "matmul": _matmul,
    **{name: _images(name, True, "stride")
       for name in ("conv2d", "conv2d_images", "conv2d_weights")},
    **{name: _images(name, False, "window", "stride")
       for name in ("max_pool2d", "max_pool2d_images")},
}  # fmt: skip


def _logsumexp(reader, operands, params, forms):
    """The logarithm, the terms divided by the largest, and their sum; see `primitives._smooth`."""
    (x,) = operands
    if 0 in x.shape:
        return None
    graph, (shape, *_) = reader.graph, forms[0]
    top, above = terms(graph, x, params["axis"], forms[2])
    e = row(graph, "exp", above, like=x)
    v, total = logarithm(graph, e, params["axis"], forms[2])
    return graph.reshaped(row(graph, "add", v, top, like=total), shape), e, total


def _log_softmax(reader, operands, params, forms):
    """The same, with the logarithm of each term over their sum first."""
    (x,) = operands
    if 0 in x.shape:
        return None
    graph = reader.graph
    top, apart = terms(graph, x, params["axis"], forms[2])
    above = row(graph, "subtract", x, top, like=x)  # NaN for an infinite largest one
    e = row(graph, "exp", apart, like=x)
    v, total = logarithm(graph, e, params["axis"], forms[2])
    return row(graph, "subtract", above, v, like=x), e, total


def terms(graph, x, axis, form):
    """The largest element, and by how much each is above it."""
    shape, _, dtype = form
    axes = tuple(i for i in axes_of(axis, len(x.shape)) if x.shape[i] != 1)
    top = graph.add("max", (x,), shape, dtype, data=axes, key=(axes, shape))
    return top, row(graph, "excess", x, top, like=x)


def logarithm(graph, e, axis, form):
    """That of the sum of terms, more precise where one is 1 and far ahead; and the sum."""
    shape, _, dtype = form
    axes = axes_of(axis, len(e.shape))
    others = row(graph, "multiply", e, row(graph, "less", e, graph.constant(1.0), like=e), like=e)
    total = summed(graph, e, axes, shape, dtype)
    rest = summed(graph, others, axes, shape, dtype)
    alone = row(
        graph,
        "multiply",
        row(graph, "less", total, graph.constant(1.1), like=total),
        row(graph, "greater_equal", total, graph.constant(1.0), like=total),
        like=total,
    )
    near = row(graph, "multiply", alone, row(graph, "log1p", rest, like=total), like=total)
    far = row(graph, "subtract", graph.constant(1.0), alone, like=total)
    far = row(graph, "multiply", far, row(graph, "log", total, like=total), like=total)
    return row(graph, "add", near, far, like=total), total


def row(graph, name, *args, like):
    """A row of the table in the form of another value."""
    return graph.element(OPCODES[name], args, like.shape, like.dtype)


LOWER_SEVERAL = {"logsumexp": _logsumexp, "log_softmax": _log_softmax}
