"""Layout: which cells stand beside each other, whatever they are printed in.

Every increment of an adjoint stands beside the step that makes it, the last one on top, so that
the primal and tangent traces read downwards and the adjoint trace upwards, as a lecture draws them.
"""

from typing import NamedTuple

from tapead._trace import _facts
from tapead._trace._writer import HTML, LATEX, MARKDOWN, Writer

__all__ = ["HTML", "LATEX", "MARKDOWN", "Cell", "Line", "Table"]


class Cell(NamedTuple):
    """Name, formula and value as text; the formula is empty where it is the value.

    `relation` stands between name and formula, `result` in front of the value; `fact` is the Step,
    Flow or Increment that the cell tells of, None where it sums up.
    """

    name: str
    formula: str
    value: str
    relation: str = "="
    result: str = "="
    fact: object = None


class Line(NamedTuple):
    """One line of the table: a Cell or None for each trace, and the step's source line."""

    primal: Cell | None
    tangent: Cell | None
    adjoint: Cell | None
    source: str = ""


class Table:
    """Lines of a trace's table in one style.

    Parameters
    ----------
    trace : Trace
    style : Style
    max_rows : int or None
        Inputs and steps in the table, half of them from each end; None is all.
    """

    def __init__(self, trace, style, max_rows):
        if max_rows is not None and (not isinstance(max_rows, int) or max_rows < 2):
            raise ValueError(f"max_rows is None or an int of at least 2; got {max_rows!r}")
        self.trace, self.writer = trace, Writer(style, trace)
        self.n, self.n_inputs = len(trace._tape), len(trace._names)
        self.head = self.tail = self.n
        if max_rows is not None and max_rows < self.n:
            self.head, self.tail = max_rows - max_rows // 2, self.n - max_rows // 2
        self.columns = [
            ("primal", "Primal trace", "↓"),
            *([("tangent", "Tangent trace", "↓")] if trace._seeds is not None else []),
            *([("adjoint", "Adjoint trace", "↑")] if trace._result else []),
        ]

    @property
    def omission(self):
        """What the gap says, in words; empty if nothing is left out."""
        left_out = self.tail - self.head
        return f"{left_out:,} of {self.n:,} rows left out" if left_out else ""

    def sections(self):
        """Lists of lines, or None for the gap: inputs, steps, result."""
        yield from self._window(1, self.head + 1)
        if self.omission:
            yield None
            yield from self._window(self.tail + 1, self.n + 1)
        yield [self._result()]

    def _window(self, first, last):
        middle = min(max(first, self.n_inputs + 1), last)
        return self._inputs(first, middle), self._steps(middle, last)

    def _inputs(self, first, last):
        flows = self._flows(first, last)
        return [
            Line(self._primal(step), flows.get(step.id), self._input_adjoint(step.id))
            for step in _facts.steps(self.trace._tape, first, last)
        ]

    def _steps(self, first, last):
        flows, made = self._flows(first, last), {}
        for increment in _facts.increments(self.trace, first, last):
            made.setdefault(increment.step.id, []).append(self._increment(increment))
        lines = []
        for step in _facts.steps(self.trace._tape, first, last):
            *others, top = made.get(step.id, [None])
            source = _facts.source_of(self.trace._tape, step)
            lines.append(Line(self._primal(step), flows.get(step.id), top, source))
            lines += [Line(None, None, cell, source) for cell in reversed(others)]
        return lines

    def _primal(self, step):
        name, formula = self.writer.symbol(step.id), self.writer.primal(step)
        cell = self._cell(name, formula, step.value, step)
        kind = self.writer.kind(step.value)
        return cell._replace(value=cell.value + kind) if kind else cell

    def _flows(self, first, last):
        if self.trace._seeds is None:
            return {}
        return {
            flow.step.id: self._cell(
                self.writer.symbol(flow.step.id, "dot"), self.writer.tangent(flow), flow.value, flow
            )
            for flow in _facts.flows(self.trace, first, last)
        }

    def _increment(self, increment):
        name, formula = self.writer.target(increment), self.writer.adjoint(increment)
        if self.writer.adds(increment):
            value = self.writer.number(increment.total)
            return Cell(name, formula, value, "+=", "→", increment)
        return self._cell(name, formula, increment.total, increment)

    def _input_adjoint(self, id):
        if not self.trace._result:
            return None
        bar = self.trace._bar(id)
        name = self.writer.input(self.trace._names[id - 1], "bar")
        formula = "" if bar is None else self.writer.symbol(id, "bar")
        return self._cell(name, formula, self.trace._zero(id) if bar is None else bar)

    def _result(self):
        trace, writer = self.trace, self.writer
        name = next(n for n in ("y", "f", "result", "") if n not in trace._names.arguments())
        formula = writer.symbol(trace._result) if trace._result else ""
        line = Line(self._cell(writer.input(name), formula, trace.value), None, None)
        if trace._seeds is not None and trace._result:
            dot = trace._dot(trace._result)
            dot = trace._zero(trace._result) if dot is None else dot
            symbol = writer.symbol(trace._result, "dot")
            line = line._replace(tangent=self._cell(writer.input(name, "dot"), symbol, dot))
        if trace._result:
            seed = writer.symbol(trace._result, "bar")
            cell = self._cell(seed, writer.input(name, "bar"), trace._seed)
            line = line._replace(adjoint=cell)
        return line

    def _cell(self, name, formula, value, fact=None):
        value = self.writer.number(value)
        return Cell(name, "" if formula == value else formula, value, fact=fact)
