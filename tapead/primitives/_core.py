"""Primitives that other rows are made of: selections, windows, copies, sums over broadcast axes."""

import numpy as np

from tapead._array import (
    MARKS,
    as_array,
    data_of,
    in_type,
    made_marks,
    marks_of,
    plain_value,
    view_of,
)
from tapead.primitives._row import FUNCTIONS, Primitive, answers, call, is_traced

__all__ = [
    "FUNCTIONS", "as_array", "broadcast", "data_of", "gather", "is_traced", "keep",
    "plain_value", "scatter", "unbroadcast", "view_of",
]  # fmt: skip


def unbroadcast(w, shape):
    """Sum of `w` over the axes along which an operand of this `shape` was broadcast."""
    if w.shape == tuple(shape):
        return w
    lead = w.ndim - len(shape)
    axes = (*range(lead), *(lead + i for i, n in enumerate(shape) if n == 1 != w.shape[lead + i]))
    return np.reshape(np.sum(w, axis=axes, keepdims=True), shape)


def _keep(w, condition):
    made_marks()
    return np.where(condition, w, MARKS[w.dtype])


_keep_row = Primitive(
    "keep",
    _keep,
    lambda i, v_bar, v, w, condition: keep(v_bar, condition),
    reads="",
    moves="both",
    adjoints=("Z̄ where c",),
)


def keep(w, condition):
    """`w` where `condition` (plain booleans) holds, absent elsewhere."""
    return _keep_row(w, condition=condition)


gather = Primitive(
    "gather",
    lambda x, index: x[index],
    lambda i, v_bar, v, x, index: scatter(v_bar, index, x.shape),
    reads="",
    moves="both",
)


def _scatter(w, index, shape):
    made_marks()
    out = np.full(shape, MARKS[w.dtype])
    if not _may_repeat(index):
        out[index] = w
        return out
    absent = marks_of(w)
    target = np.zeros(shape, w.dtype)
    np.add.at(target, index, np.where(absent, w.dtype.type(0), w))
    reached = np.zeros(shape, bool)
    reached[index] |= True
    if absent.any():
        reached = np.zeros(shape, np.int64)
        np.add.at(reached, index, ~absent)
        reached = reached > 0
    return np.where(reached, target, out)


def _may_repeat(index):
    """Whether an index may name an element twice."""
    parts = index if isinstance(index, tuple) else (index,)
    arrays = [part for part in parts if isinstance(part, np.ndarray | list)]
    return any(np.asarray(part).dtype != bool for part in arrays)


_scatter_row = Primitive(
    "scatter",
    _scatter,
    lambda i, v_bar, v, w, index, shape: gather(v_bar, index=index),
    reads="",
    moves="both",
)


def scatter(w, index, shape):
    """An array of `shape`, absent but at `index`, where the elements of `w` add up."""
    return _scatter_row(w, index=index, shape=tuple(shape))


copied = Primitive(
    "copied",
    lambda x: np.array(x, order="C"),
    lambda i, v_bar, v, x: v_bar,
    reads="",
    moves="both",
    adjoints=("Z̄",),
)

cast = Primitive(
    "cast",
    in_type,
    lambda i, v_bar, v, x, dtype: v_bar,  # the sweep gives it the operand's precision
    reads="",
    moves="both",
    adjoints=("Z̄",),
)

broadcast = Primitive(
    "broadcast",
    lambda x, shape: np.broadcast_to(x, shape).copy(),
    lambda i, v_bar, v, x, shape: unbroadcast(v_bar, x.shape),
    reads="",
    adjoints=("sum of Z̄ over copies",),
)


def _where_pullback(i, v_bar, v, x, y, condition):
    return _selected(keep(v_bar, condition if i == 0 else ~condition), (x, y)[i].shape)


def _selected(w, shape):
    """Sum over broadcast axes of an adjoint with absent elements."""
    return w if np.shape(w) == shape else broadcast_sum(w, shape)


def _broadcast_sum(w, shape):
    absent = marks_of(w)
    total = unbroadcast(np.where(absent, w.dtype.type(0), w), shape)
    made_marks()
    return np.where(unbroadcast(~absent, shape) > 0, total, MARKS[w.dtype]).astype(w.dtype)


_broadcast_sum_row = Primitive(
    "broadcast_sum",
    _broadcast_sum,
    lambda i, v_bar, v, w, shape: np.broadcast_to(v_bar, w.shape),
    reads="",
    moves=True,
    adjoints=("Z̄ broadcast",),
)


def broadcast_sum(w, shape):
    """Sum over broadcast axes of what is there; absent where nothing is."""
    return _broadcast_sum_row(w, shape=tuple(shape))


def _where_pushforward(i, x_dot, v, x, y, condition):
    return keep(broadcast(x_dot, shape=v.shape), condition if i == 0 else ~condition)


where = Primitive(
    "where",
    lambda x, y, condition: np.where(condition, x, y),
    _where_pullback,
    _where_pushforward,
    reads="",
    moves="both",
    adjoints=("Z̄ where c", "Z̄ where not c"),
)


@answers(
    np.where,
    samples=(
        lambda r: call(r.normal(size=(3, 4)) > 0, r.normal(size=(3, 4)), r.normal(size=4)),
        lambda r: call(np.array([True, False]), r.normal(size=(3, 1)), 1.0),
    ),
)
def _where(condition, x=None, y=None, /):
    condition = plain_value(condition)
    if x is None and y is None:
        return np.where(np.asarray(condition))
    if not hasattr(condition, "__tapead_mask__"):
        condition = np.asarray(condition, dtype=bool)
    x, y = as_array(x), as_array(y)
    x, y = _common(x, y)
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    return where(x, y, condition=np.broadcast_to(condition, shape))


def _common(x, y):
    """Two operands in one precision, Python's numbers being weak."""
    dtype = np.result_type(*(z.dtype if np.ndim(z) else 1.0 for z in (x, y)), np.float32)
    if all(np.ndim(z) == 0 for z in (x, y)):
        dtype = np.dtype(np.float64)
    return tuple(z if z.dtype == dtype else z.astype(dtype) for z in (x, y))
