"""Rows: plain records, made when they are asked for."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tapead._trace import _array_facts, _facts, _names
from tapead._trace._values import kind_of, number_text
from tapead._trace._writer import LATEX, PLAIN, Writer

WINDOW = 4096  # rows made at a time where they are not asked for in order
MARK_OF = {"primal": "", "tangent": "dot", "adjoint": "bar"}


class Row(NamedTuple):
    """One row of a trace.

    Parameters
    ----------
    trace : str
        "primal", "tangent" or "adjoint".
    name : str
        ``"v-1"``, ``"v0"``, ``"v1"``: the value whose primal, tangent or adjoint it is; ``"V1"``
        is an array.
    formula : str
        What is computed; the mark over an adjoint is a bar, over a tangent a dot. Of the adjoint
        of an array, what is added, ``"V̄1 += V̄2 V0ᵀ"``.
    value : float or ndarray
        Of an adjoint, the running total.
    tex : str
        The formula in TeX.
    source : str
        Source line of the step that the row comes from, ``"model.py:12"``.
    node : int
        That step's place on the tape, from 1.
    """

    trace: str
    name: str
    formula: str
    value: float | np.ndarray
    tex: str
    source: str
    node: int

    def __str__(self):
        value = number_text(self.value)
        if " += " in self.formula and self.trace == "adjoint":
            return f"{self.formula} → {value}"
        formula = "" if self.formula == value else f"{self.formula} = "
        kind = f" {kind_of(self.value)}".rstrip() if self.trace == "primal" else ""
        name = f"{self.name[0]}{_names.MARKS[MARK_OF[self.trace]]}{self.name[1:]}"
        return f"{name} = {formula}{value}{kind}"


class Rows(Sequence):
    """Rows of a trace, read off the tape when asked for; a slice is a window on them.

    Parameters
    ----------
    reader : Primal, Tangent or Adjoint
    positions : range, optional
        Of the window; by default all.
    """

    def __init__(self, reader, positions=None):
        self._reader = reader
        self._positions = range(len(reader)) if positions is None else positions

    def __len__(self):
        return len(self._positions)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return Rows(self._reader, self._positions[index])
        try:
            position = self._positions[index]
        except IndexError:
            raise IndexError(f"row {index} of {len(self)}") from None
        return next(self._reader.window(position, position + 1))

    def __iter__(self):
        positions = self._positions
        if positions.step == 1:
            return self._reader.window(positions.start, positions.stop)
        return self._scattered(WINDOW if abs(positions.step) < 64 else 1)

    def __reversed__(self):
        return iter(self[::-1])

    def __repr__(self):
        shown = "; ".join(map(str, self[:3])) + "; ..." * (len(self) > 3)
        return f"<{len(self)} rows{': ' * bool(shown)}{shown}>"

    def _scattered(self, size):
        for start in range(0, len(self), size):
            block = self._positions[start : start + size]
            low = min(block[0], block[-1])
            rows = list(self._reader.window(low, max(block[0], block[-1]) + 1))
            yield from (rows[position - low] for position in block)


class _Reader:
    def __init__(self, trace):
        self.trace = trace
        self.plain, self.tex = Writer(PLAIN, trace), Writer(LATEX, trace)

    def row(self, kind, fact, target, value):
        """Row of a fact, whose formula the writer's method `kind` knows."""
        step = fact if kind == "primal" else fact.step
        formula, tex = self._formula(self.plain, kind, fact), self._formula(self.tex, kind, fact)
        source = _facts.source_of(self.trace._tape, step) if step.op else ""
        return Row(kind, self.plain.symbol(target), formula, value, tex, source, step.id)

    def _formula(self, writer, kind, fact):
        formula = getattr(writer, kind)(fact)
        if kind == "adjoint" and writer.adds(fact):
            plus = r"\mathrel{+}=" if writer is self.tex else "+="
            return f"{writer.target(fact)} {plus} {formula}"
        return formula


class Primal(_Reader):
    """Reads inputs and steps."""

    def __len__(self):
        return len(self.trace._tape)

    def window(self, start, stop):
        """Rows `start` to stop - 1."""
        for step in _facts.steps(self.trace._tape, start + 1, stop + 1):
            yield self.row("primal", step, step.id, step.value)


class Tangent(_Reader):
    """Reads the tangents of inputs and steps."""

    def __len__(self):
        return 0 if self.trace._seeds is None else len(self.trace._tape)

    def window(self, start, stop):
        """Rows `start` to stop - 1."""
        for flow in _facts.flows(self.trace, start + 1, stop + 1):
            yield self.row("tangent", flow, flow.step.id, flow.value)


class Adjoint(_Reader):
    """Reads the seed and the increments; each window costs one numeric sweep."""

    def __init__(self, trace):
        super().__init__(trace)
        arrays = trace._holds_arrays
        count = _array_facts.count_increments if arrays else _facts.count_increments
        self.counts = count(trace)

    def __len__(self):
        return sum(self.counts) + (self.trace._result > 0)

    def window(self, start, stop):
        """Rows `start` to stop - 1."""
        facts = self._facts(start, stop)
        for increment in facts:
            yield self.row("adjoint", increment, increment.target, increment.total)

    def _facts(self, start, stop):
        if start >= stop:
            return
        if start == 0:
            yield _facts.seed(self.trace)
            start = 1
        if start >= stop:
            return
        if self.trace._holds_arrays:
            found = _array_facts.increments(self.trace, 1, self.trace._result + 1, start - 1)
            yield from itertools.islice(found, start - 1, stop - 1)
            return
        node, skipped = _facts.find_increment(self.trace, self.counts, start - 1)
        found = _facts.increments(self.trace, 1, node + 1)
        yield from itertools.islice(found, skipped, skipped + stop - start)
