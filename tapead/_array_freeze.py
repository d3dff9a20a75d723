"""From a tape and its journal to the `Graph` of a program."""

import math

import numpy as np

from tapead import _array
from tapead._array_code import OP_ARRAY, UNARY, Graph
from tapead._array_layouts import (
    _CARRY,
    _COPY,
    _MERGE,
    _MULTIPLY,
    _NUMBER,
    _PRESENT,
    _SUBTRACT,
    _TAKEN,
)
from tapead._guards import GUARDS
from tapead.primitives._reductions import axes_of


def frozen(tape, journal, leaves, results):
    """Graph of all that is on a tape.

    Parameters
    ----------
    tape : Tape
        Its first nodes are the inputs.
    journal : list
        The array operations, see ``_journal.pxi``.
    leaves : list
        The inputs: plain arrays and floats.
    results : list
        Nodes of the results, or plain arrays and floats.
    """
    ids, payloads = _array.nodes_of(tape)
    records = {}
    looks = []
    for record in kept_records(journal, len(ids)):
        if record[0] == "look":
            looks.append(record)
        else:
            records[record[1] if not isinstance(record[1], tuple) else record[1][0]] = record
    reader = Reader(ids.tolist(), payloads, records)
    for leaf in leaves:
        is_array = isinstance(leaf, np.ndarray)
        shape, dtype = (leaf.shape, leaf.dtype) if is_array else ((), np.float64)
        reader.values.append(reader.graph.leaf(shape, dtype))
    reader.read_nodes(len(leaves) + 1)
    reader.read_guards(looks, _array.guards_of(tape))
    reader.graph.outputs = [reader.argument(result) for result in results]
    return reader.graph


def kept_records(journal, n):
    """The records whose nodes were not cut off the tape later."""
    floor, kept = n, []
    for record in reversed(journal):
        first = record[1][0] if isinstance(record[1], tuple) else record[1]
        if first < floor:
            kept.append(record)
            if record[0] != "look":
                floor = first
    return kept[::-1]


_SAME_BITS = next(i for i, kind in enumerate(GUARDS) if kind.name == "same_bits")


class Reader:
    """Nodes and records, one after the other, as values."""

    def __init__(self, ids, payloads, records):
        self.graph = Graph()
        self.ids, self.payloads, self.records = ids, payloads, records
        self.values = [None]  # by node

    def read_nodes(self, first):
        """Values of the nodes from `first` on."""
        for i in range(first, len(self.ids)):
            op, x, y = self.ids[i]
            if op == OP_ARRAY:
                record = self.records.get(i)
                made = None if record is None else getattr(self, f"read_{record[0]}")(*record)
                if i >= len(self.values):
                    self.values.append(made)
            elif op == 0:
                self.values.append(self.graph.constant(self.payloads[i, 0]))
            else:
                args = [self.operand(i, x, 1)] + ([] if UNARY[op] else [self.operand(i, y, 2)])
                self.values.append(self.graph.element(op, tuple(args), (), np.float64))

    def operand(self, i, id, column):
        return self.values[id] if id else self.graph.constant(self.payloads[i, column])

    def argument(self, x):
        """An operand out of the journal: a node's id or a constant."""
        return self.values[x] if type(x) is int else self.graph.constant(x)

    def read_input(self, kind, id, x):
        """A nested input is what it is lifted from."""
        return self.argument(x)

    def read_elemental(self, kind, id, op, x, y, form):
        """A row of the table."""
        shape, strides, dtype = form
        args = (self.argument(x),) if y is None else (self.argument(x), self.argument(y))
        return self.graph.element(op, args, shape, dtype, strides)

    def read_window(self, kind, id, base, form):
        """A view."""
        return self.graph.window(self.values[base], form)

    def read_element(self, kind, id, base, offset, form):
        """A number out of an array."""
        form = (*form[:2], (), (), offset, False)
        return self.graph.window(self.values[base], form)

    def read_assign(self, kind, id, base, value, form, index, winners, whole):
        """A write."""
        return self.graph.assign(
            self.argument(base), self.argument(value), form, index, winners, whole[2]
        )

    def read_stack(self, kind, id, items, form):
        """An array of numbers."""
        if len(items) == 1:
            return self.graph.element(_COPY, (self.argument(items[0]),), form[0], form[2])
        return self.graph.add("stack", tuple(map(self.argument, items)), form[0], form[2])

    def read_primitive(self, kind, ids, row, operands, params, form):
        """A row of the table of primitives, by element-wise rows where it is made of such."""
        operands = [self.argument(x) for x in operands]
        if isinstance(ids, tuple):
            return self.read_several(ids, row, operands, params, form)
        lower = _LOWER.get(row.name)
        if lower is not None:
            found = lower(self, operands, params, form)
            if found is not None:
                return found
        shape, _strides, dtype = form
        return self.graph.add("primitive", tuple(operands), shape, dtype, data=(row, params))

    def read_several(self, ids, row, operands, params, forms):
        whole = self.graph.add("primitive", tuple(operands), (), np.float64, data=(row, params))
        self.values.append(whole)
        for i, (id, (shape, _, dtype)) in enumerate(zip(ids[1:], forms, strict=True)):
            if id:
                self.values.append(self.graph.add("part", (whole,), shape, dtype, data=i))
        return

    def condition(self, condition, shape):
        """1 where a condition holds and the mark elsewhere; and the other way round."""
        if hasattr(condition, "__tapead_mask__"):
            holds = self.values[condition.node]
            fails = self.graph.element(
                _SUBTRACT, (self.graph.constant(1.0), holds), holds.shape, holds.dtype
            )
        else:
            condition = np.asarray(condition)
            holds = self.graph.constant(condition.astype(float))
            fails = self.graph.constant((~condition).astype(float))
        return [
            self.graph.element(_TAKEN, (mask,), mask.shape, mask.dtype) for mask in (holds, fails)
        ]

    def read_guards(self, looks, comparisons):
        """What must come out as it was recorded."""
        graph = self.graph
        for _, id, numbers, _at in looks:
            value = self.values[id]
            if value.op != "constant":
                graph.guards.append(graph.add("look", (value,), (), np.float64, data=numbers))
        for _at, kind, x, y, outcome, values, source in comparisons:
            if kind == _SAME_BITS:
                graph.guards.append(
                    graph.add("look", (self.argument(x),), (), np.float64, data=np.array(values[0]))
                )
                continue
            args = tuple(map(self.argument, (x, y)))
            if all(arg.op == "constant" for arg in args):
                continue
            graph.guards.append(
                graph.add("guard", args, (), np.float64, data=(kind, outcome, values, source))
            )


# -- primitives made of rows ---------------------------------------------------------------------


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
    return reader.graph.add("matmul", (x, y), shape, dtype, key=())


_LOWER = {
    "where": _where, "keep": _keep, "copied": _copy, "broadcast": _copy, "cast": _copy,
    "max": _extremum("max"), "min": _extremum("min"),
    "sum": _sum, "broadcast_sum": _broadcast_sum, "matmul": _matmul,
}  # fmt: skip
