"""Patterns of programs of arrays: sets of indices swept through the graph of a program.

Every element of a value has the number of a set, see `_sparsity.IndexSets`. What moves elements
moves these numbers, what adds elements unites sets. A primitive that no rule here knows is taken
to need every element of its operands for every element of its results.
"""

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from tapead._array_code import needed
from tapead._array_freeze import rule_of
from tapead._sparsity import IndexSets, blind
from tapead.primitives._reductions import axes_of

_BLIND = blind()


def graph_pattern(graph, first):
    """Which elements of the leaves from `first` on each element of the outputs depends on.

    Returns
    -------
    sets : IndexSets
        Of the elements of these leaves, one leaf behind the other.
    outputs : list of ndarray of int32
        Per output: the set of each of its elements.
    """
    sizes = [math.prod(leaf.shape) for leaf in graph.leaves[first:]]
    sweep = _Sweep(IndexSets(sum(sizes)))
    start = 1
    for leaf, size in zip(graph.leaves[first:], sizes, strict=True):
        found = np.arange(start, start + size, dtype=np.int32).reshape(leaf.shape)
        sweep.ids[id(leaf)] = found
        start += size
    values = needed(graph)
    readers = _count_readers(values, graph.outputs)
    for value in values:
        if value.op not in ("look", "guard") and id(value) not in sweep.ids:
            sweep.ids[id(value)] = getattr(sweep, value.op)(value)
        for arg in value.args:
            readers[id(arg)] -= 1
            if not readers[id(arg)]:
                del sweep.ids[id(arg)]
    return sweep.sets, [np.ascontiguousarray(sweep.ids[id(value)]) for value in graph.outputs]


def _count_readers(values, outputs):
    readers = dict.fromkeys(map(id, values), 0)
    for value in values:
        for arg in value.args:
            readers[id(arg)] += 1
    for value in outputs:
        readers[id(value)] += 1
    return readers


def _none(shape):
    """No dependence: one set for all elements, without memory for each."""
    return np.broadcast_to(np.int32(0), shape)


def _is_none(ids):
    return not any(ids.strides) and (ids.size == 0 or not ids.flat[0])


class _Sweep:
    """Sets of the elements of each value, by the operation that makes it."""

    def __init__(self, sets):
        self.sets, self.ids = sets, {}

    def of(self, value):
        """Sets of the elements of a value that was met before."""
        return self.ids[id(value)]

    def joined(self, a, b, shape):
        """Unions of the sets of two operands that broadcast."""
        if _is_none(a):
            a, b = b, a
        a = np.broadcast_to(a, shape)
        if _is_none(b):
            return a
        b = np.broadcast_to(b, shape)
        if a.size and not any(a.strides) and not any(b.strides):
            found = self.sets.joined(a.reshape(-1)[:1].copy(), b.reshape(-1)[:1].copy())
            return np.broadcast_to(found[0], shape)
        return self.sets.joined(_flat(a), _flat(b)).reshape(shape)

    def leaf(self, value):
        return _none(value.shape)

    constant = leaf

    def element(self, value):
        found = _none(value.shape)
        for arg, is_blind in zip(value.args, _BLIND[value.data], strict=True):
            if not is_blind:
                found = self.joined(found, self.of(arg), value.shape)
        return found

    def memory(self, value):
        """Sets of a value as its memory lies, as one row."""
        found = np.empty(max(1, math.prod(value.shape)), np.int32)
        _window(found, value, value.shape, value.strides, 0)[...] = self.of(value)
        return found

    def window(self, value):
        base = value.args[0]
        if _is_none(self.of(base)):
            return _none(value.shape)
        memory = self.memory(base)
        return _window(memory, base, value.shape, value.strides, value.data).copy()

    def assign(self, value):
        base, source = value.args
        if _is_none(self.of(base)) and _is_none(self.of(source)):
            return _none(value.shape)
        memory = np.empty(max(1, math.prod(value.shape)), np.int32)
        whole = _window(memory, value, value.shape, value.strides, 0)
        whole[...] = self.of(base)
        index, form = value.data
        target = _window(memory, value, form[2], form[3], form[4])
        target[() if index is None else index] = self.of(source)
        return whole.copy()

    def pieces(self, value):
        found = np.zeros(value.shape, np.int32)
        for (first, last), arg in zip(value.data, value.args, strict=True):
            found[first:last] = self.of(arg)
        return found

    def stack(self, value):
        found = np.zeros(value.shape, np.int32)
        flat = found.reshape(-1)
        for i, arg in enumerate(value.args):
            flat[i] = self.of(arg)
        return found

    def merged(self, ids, axes, shape):
        """Unions over axes; all if `axes` is None."""
        if _is_none(ids):
            return _none(shape)
        axes = range(ids.ndim) if axes is None else axes
        kept = [i for i in range(ids.ndim) if i not in axes]
        rows = np.transpose(ids, [*kept, *axes])
        n = math.prod(ids.shape[i] for i in kept)
        if 0 in ids.shape:
            return _none(shape)
        return self.sets.merged(np.ascontiguousarray(rows.reshape(n, -1))).reshape(shape)

    def sum(self, value):
        return self.merged(self.of(value.args[0]), value.data, value.shape)

    max = min = sum

    def matmul(self, value):
        x, y = value.args
        rows = self.merged(self.of(x), (len(x.shape) - 1,), x.shape[:-1])
        columns = self.merged(self.of(y), (0,), y.shape[1:])
        if len(x.shape) == 2 and len(y.shape) == 2:
            rows = rows[:, None]
        return self.joined(rows, columns, value.shape)

    def every(self, value):
        """The union of all that a value is computed from, for each of its elements."""
        found = _none(())
        for arg in value.args:
            found = self.joined(found, self.merged(self.of(arg), None, ()), ())
        return np.broadcast_to(found, value.shape)

    images = every

    def primitive(self, value):
        row, params = value.data
        if all(_is_none(self.of(arg)) for arg in value.args):
            return _none(value.shape)
        rule = rule_of(RULES, row)
        if rule is not None:
            found = rule(self, value, params)
            if found is not None:
                return found
        return self.every(value)

    def part(self, value):
        whole = self.of(value.args[0])
        return np.broadcast_to(whole if whole.ndim == 0 else _union(self, whole), value.shape)


def _union(sweep, ids):
    return sweep.merged(ids, None, ())


def _flat(ids):
    return np.ascontiguousarray(ids, dtype=np.int32).reshape(-1)


def _window(memory, base, shape, strides, offset):
    """A view of a row of sets, with the strides and the offset in bytes that `base` has."""
    size = base.dtype.itemsize
    strides = tuple(s // size * memory.itemsize for s in strides)
    return as_strided(memory[offset // size :], shape, strides)


# -- primitives ------------------------------------------------------------------------------


def _moved(sweep, value, params):
    """The operation itself, of the numbers of sets."""
    row, _ = value.data
    return np.asarray(row.value(*map(sweep.of, value.args), **params), dtype=np.int32)


def _gathered(sweep, value, params):
    return sweep.of(value.args[0])[params["index"]]


def _scattered(sweep, value, params):
    """Elements that are written to one place unite."""
    ids, index = sweep.of(value.args[0]), params["index"]
    n = math.prod(value.shape)
    places = np.arange(n).reshape(value.shape)[index]
    ids, places = _flat(np.broadcast_to(ids, places.shape)), places.reshape(-1)
    order = np.argsort(places, kind="stable")
    ids, places = ids[order], places[order]
    found = np.zeros(n, np.int32)
    while len(places):  # one element of each place at a time
        last = np.append(places[1:] != places[:-1], True)
        found[places[last]] = sweep.sets.joined(found[places[last]], ids[last])
        ids, places = ids[~last], places[~last]
    return found.reshape(value.shape)


def _spread(sweep, value, params):
    found = np.zeros(value.shape, np.int32)
    found[params["index"]] = sweep.of(value.args[0])
    return found


def _selected(sweep, value, params):
    """`where` with either side everywhere."""
    x, y = value.args
    return sweep.joined(sweep.of(x), sweep.of(y), value.shape)


def _alike(sweep, value, params):
    return np.broadcast_to(sweep.of(value.args[0]), value.shape)


def _running(sweep, value, params):
    """Every element along an axis depends on those in front of it."""
    return _running_along(sweep, sweep.of(value.args[0]), params["axis"])


def _running_along(sweep, ids, axis):
    ids = np.moveaxis(ids, axis, -1)
    rows = np.ascontiguousarray(ids.reshape(-1, ids.shape[-1]))
    return np.moveaxis(sweep.sets.running(rows).reshape(ids.shape), -1, axis)


def _along(sweep, value, params):
    """Every element depends on all of its line along an axis."""
    (x,) = value.args
    ids = sweep.of(x)
    axes = axes_of(params["axis"], ids.ndim)
    shape = tuple(1 if i in axes else n for i, n in enumerate(ids.shape))
    found = sweep.merged(ids, axes, shape)
    if value.shape == ids.shape:
        return np.broadcast_to(found, value.shape)
    return found.reshape(value.shape)


def _reduced(sweep, value, params):
    return _along(sweep, value, params) if params.get("where", True) is True else None


def _broadcast_summed(sweep, value, params):
    ids = sweep.of(value.args[0])
    lead = ids.ndim - len(value.shape)
    axes = [i for i in range(ids.ndim) if i < lead or value.shape[i - lead] != ids.shape[i]]
    return sweep.merged(ids, axes, value.shape) if axes else ids


def _recurred(sweep, value, params):
    w, c = map(sweep.of, value.args)
    ids, axis = sweep.joined(w, c, value.shape), params["axis"]
    return _running_along(sweep, ids, axis)


def _stacked_products(sweep, value, params):
    """A product of stacks of matrices."""
    x, y = map(sweep.of, value.args)
    if params or x.ndim < 2 or y.ndim < 2:
        return None
    rows = sweep.merged(x, (x.ndim - 1,), (*x.shape[:-1], 1))
    columns = sweep.merged(y, (y.ndim - 2,), (*y.shape[:-2], 1, y.shape[-1]))
    return sweep.joined(rows, columns, value.shape)


def _vector_products(sweep, value, params):
    x, y = (sweep.merged(a, (a.ndim - 1,), a.shape[:-1]) for a in map(sweep.of, value.args))
    return sweep.joined(x, y, value.shape)


def _outer(sweep, value, params):
    x, y = map(sweep.of, value.args)
    return sweep.joined(x.reshape(-1, 1), y.reshape(1, -1), value.shape)


def _einsum(sweep, value, params):
    *operands, of_v = params["labels"]
    parts = []
    for arg, labels in zip(value.args, operands, strict=True):
        kept = [label for label in labels if label in of_v]
        shape = [arg.shape[labels.index(label)] for label in kept]
        summed = [i for i, label in enumerate(labels) if label not in of_v]
        found = sweep.of(arg)
        found = sweep.merged(found, summed, tuple(shape)) if summed else found
        found = np.transpose(found, [kept.index(label) for label in of_v if label in kept])
        wide = [n if label in kept else 1 for label, n in zip(of_v, value.shape, strict=True)]
        parts.append(found.reshape(wide))
    return sweep.joined(*parts, value.shape)


def _convolved(sweep, value, params):
    x, y = map(sweep.of, value.args)
    first = min(len(x), len(y)) - 1 if params["mode"] == "valid" else 0
    places = np.arange(first, first + value.shape[0])[:, None]
    found = _none(value.shape)
    for ids, other in ((x, y), (y, x)):
        if not _is_none(ids):
            at = places - np.arange(len(other))
            inside = (at >= 0) & (at < len(ids))
            rows = np.where(inside, ids[np.where(inside, at, 0)], np.int32(0))
            found = sweep.joined(found, sweep.sets.merged(rows), value.shape)
    return found


RULES = {
    "gather": _gathered, "scatter": _scattered, "spread": _spread, "where": _selected,
    "keep": _alike, "copied": _alike, "cast": _alike, "broadcast": _alike, "unwrap": _alike,
    "cumsum": _running, "cumprod": _running, "recurrence": _recurred, "convolve": _convolved,
    "matmul": _stacked_products, "vecdot": _vector_products, "outer": _outer, "einsum": _einsum,
    "broadcast_sum": _broadcast_summed, "softmax": _along, "norm": _along,
    **dict.fromkeys(("sum", "prod", "max", "min", "var", "std"), _reduced),
    **dict.fromkeys(("repeat", "roll", "concatenate", "stack", "tile", "permuted"), _moved),
}  # fmt: skip
