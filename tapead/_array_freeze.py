"""From a tape and its journal to the `Graph` of a program."""

import numpy as np

from tapead import _array
from tapead._array_code import OP_ARRAY, UNARY, Graph
from tapead._array_layouts import _COPY, _SUBTRACT, _TAKEN
from tapead._array_primitives import LOWER, LOWER_SEVERAL
from tapead._guards import GUARDS
from tapead.primitives._row import PRIMITIVES


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


def rule_of(table, row):
    """What a table by name has for a primitive; None for one of the user's with such a name."""
    return table.get(row.name) if PRIMITIVES.get(row.name) is row else None


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
        shape, _, dtype = form
        element = self.graph.element
        if len(items) == 1:
            return element(_COPY, (self.argument(items[0]),), shape, dtype)
        args = [element(_COPY, (self.argument(item),), (), dtype) for item in items]
        return self.graph.add("stack", tuple(args), shape, dtype)

    def read_primitive(self, kind, ids, row, operands, params, form):
        """A row of the table of primitives, by element-wise rows where it is made of such."""
        operands = [self.argument(x) for x in operands]
        if isinstance(ids, tuple):
            return self.read_several(ids, row, operands, params, form)
        lower = rule_of(LOWER, row)
        if lower is not None:
            found = lower(self, operands, params, form)
            if found is not None:
                return found
        shape, _, dtype = form
        return self.graph.add("primitive", tuple(operands), shape, dtype, data=(row, params))

    def read_several(self, ids, row, operands, params, forms):
        lower = rule_of(LOWER_SEVERAL, row)
        found = None if lower is None else lower(self, operands, params, forms)
        if found is not None:
            self.values.append(None)
            self.values.extend(
                value for id, value in zip(ids[1:], found, strict=True) if id)  # fmt: skip
            return
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
