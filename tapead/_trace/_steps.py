"""The steps of a page: the forward sweep value by value, then back increment by increment."""

from typing import NamedTuple

import numpy as np

from tapead._trace import _array_facts, _facts
from tapead._trace._array_facts import ArrayStep
from tapead._trace._layout import Table
from tapead._trace._writer import PRETTY, Writer

UNSUITABLE = "∂", "pullback of", "pushforward of"  # no formula that numbers could be put into


class Step(NamedTuple):
    """What a page shows at a time: a line of one or two of its tables.

    Parameters
    ----------
    sweep : str
        "forward" or "reverse".
    node : int
        Where something happens, 0 if at no node.
    edges : list of str
        ``"1-3"``: the edges on which it happens.
    lines : list of tuple of str
        Left side, the formula with names, the same with numbers, value; some may be empty.
    words : str
        What happens, in words.
    adjoint : str
        What the node's adjoint is from now on, empty where that stays as it is.
    """

    sweep: str
    node: int
    edges: list
    lines: list
    words: str
    adjoint: str = ""


class Numbers(Writer):
    """Writes formulas with numbers in the place of names."""

    def __init__(self, trace):
        super().__init__(PRETTY, trace)
        self.trace, self.before = trace, {}

    def formula(self, id, mark=""):
        """Value of a node, its adjoint or its tangent, in brackets where a sign needs them."""
        value = self._value(id, mark)
        if isinstance(value, np.ndarray | tuple):
            return super().formula(id, mark)._replace(text=self.arrays.array(value))
        return self.notation.number(value)._replace(value=None, unsigned=None)

    def adjoint(self, increment):
        """Formula of what a total comes from."""
        self.before = {} if increment.first else {increment.target: increment.before}
        return super().adjoint(increment)

    def _value(self, id, mark):
        if not mark:
            return _array_facts.value_of(self.trace._tape, id)
        if mark == "bar" and id in self.before:
            return self.before[id]
        value = self.trace._bar(id) if mark == "bar" else self.trace._dot(id)
        return self.trace._zero(id) if value is None else value


class Story:
    """Tells the steps of a trace.

    Parameters
    ----------
    trace : Trace
    max_rows : int or None
        Inputs and steps that are told of, half of them from each end; None is all.

    Attributes
    ----------
    table : Table
    sections : list
        As of the table.
    steps : list of Step
    down, up : dict of int to int
        Numbers of the steps, from 1, by the line of the table that shows them; a gap is a line.
    """

    def __init__(self, trace, max_rows):
        self.trace, self.writer, self.numbers = trace, Writer(PRETTY, trace), Numbers(trace)
        self.table = Table(trace, PRETTY, max_rows)
        self.sections = list(self.table.sections())
        self.result = self.sections[-1][-1].primal
        told = self._told()
        self.steps = [step for _, step in told]
        numbered = [(place, step.sweep, n) for n, (place, step) in enumerate(told, start=1)]
        self.down = {place: n for place, sweep, n in numbered if sweep == "forward"}
        self.up = {place: n for place, sweep, n in numbered if sweep == "reverse"}

    def _told(self):
        """(line, Step) in the order of the sweeps; adjoints of inputs are read off at the end."""
        lines = [x for section in self.sections for x in ([None] if section is None else section)]
        forward, reverse, ends = [], [], []
        for place, line in enumerate(lines):
            if line is None:
                forward.append((place, self._gap("forward")))
                reverse += [(place, self._gap("reverse"))] * (self.trace._result > 0)
                continue
            if line.primal:
                forward.append((place, self._forward(line)))
            if line.adjoint and line.adjoint.fact is None and line.primal.fact:
                ends.append((place, self._end(line.primal.fact.id, line.adjoint)))
            elif line.adjoint:
                reverse.append((place, self._reverse(line.adjoint)))
        return [*forward, *reversed(reverse), *reversed(ends)]

    def _gap(self, sweep):
        return Step(sweep, 0, [], [], f"{self.table.omission}.")

    def _forward(self, line):
        step, cell = line.primal.fact, line.primal
        lines = [_equation(cell, step and self.numbers.primal(step))]
        if line.tangent:
            flow = line.tangent.fact
            lines.append(_equation(line.tangent, flow and self.numbers.tangent(flow)))
        tangent = f" Its tangent is {line.tangent.value}." if line.tangent else ""
        if step is None:
            words = f"The result {cell.name} is {cell.value}."
            return Step("forward", self.trace._result, [], lines, words + tangent)
        if step.op:
            words = f"{cell.name} is {cell.formula or 'a constant'}: {cell.value}."
        else:
            words = f"The input {self._name(step.id)} is {cell.value}."
        edges = [f"{id}-{step.id}" for id in dict.fromkeys(_operands(step)) if id]
        return Step("forward", step.id, edges, lines, words + tangent)

    def _reverse(self, cell):
        increment = cell.fact
        if increment is None:
            return self._seed(cell)
        target, step = self._name(increment.target), self._name(increment.step.id)
        words = (
            f"{step} gives {self._amount(increment)} to the adjoint of {target}, "
            f"so far {cell.value}."
        )
        return Step(
            "reverse", increment.target, [f"{increment.target}-{increment.step.id}"],
            [_equation(cell, self.numbers.adjoint(increment))], words,
            self._box(increment.target, increment.total),
        )  # fmt: skip

    def _seed(self, cell):
        node, result = self.trace._result, self.result.name
        words = f"The reverse sweep begins at the result {result}: its adjoint is {cell.value}."
        box = self._box(node, _facts.seed(self.trace).total)
        return Step("reverse", node, [], [_equation(cell, "")], words, box)

    def _end(self, id, cell):
        """The adjoint of an input, when all has arrived."""
        arrived = "Nothing arrives" if self.trace._bar(id) is None else "All has arrived"
        words = f"{arrived} at {self.trace._names[id - 1]}: its adjoint is {cell.value}."
        return Step("reverse", id, [], [_equation(cell, "")], words)

    def _amount(self, increment):
        """What an increment adds, in short."""
        step = increment.step
        if increment.first:
            return self.writer.number(increment.total)
        if isinstance(step, ArrayStep):
            added = _array_facts.added(self.trace, increment)
            return "its part" if added is None else self.writer.number(added)
        partial = (step.px, step.py)[increment.operand]
        return self.writer.number(self.trace._bar(step.id) * partial)

    def _box(self, id, total):
        """What a node's box says of its adjoint."""
        return f"{self.writer.symbol(id, 'bar')} = {self.writer.number(total)}"

    def _name(self, id):
        """What a node is called in a sentence: an input by its own name."""
        names = self.trace._names
        return names[id - 1] if id <= len(names) else self.writer.symbol(id)


def _equation(cell, numbers):
    """Left side, names, numbers, value of a cell; what says the same twice is left out."""
    formula, value = cell.formula, cell.value
    bare = numbers in (formula, value) or any(word in formula for word in UNSUITABLE)
    numbers = "" if bare or not numbers else numbers
    return (
        cell.name,
        f"{cell.relation} {formula}" if formula else "",
        f"{cell.relation} {numbers}" if numbers else "",
        f"{cell.result} {value}",
    )


def _operands(step):
    if isinstance(step, ArrayStep):
        return [id for id, _ in step.operands]
    return [step.x, step.y] if step.op else []
