"""Health: what was met in a run that makes a derivative worth a second look.

Arrays of nodes are searched block by block; a finding is put into words when it is asked for.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tapead import _tape
from tapead._trace import _array_facts, _facts
from tapead._trace._array_facts import ArrayStep
from tapead._trace._array_writer import mask_of, parsed
from tapead._trace._text import columns, pad
from tapead._trace._values import is_finite, number_text, without_marks
from tapead._trace._writer import PLAIN, Writer
from tapead.elementals import FIRST_MARKED, INSTRUCTIONS, OPCODES

KINDS = "NaN", "infinity", "kink", "tie", "0 × inf"
NAN, INFINITY, KINK, TIE, ZERO_TIMES_INF = range(5)
SHOWN = 20  # findings in the printed report
KINKED = {OPCODES[row.name]: row for row in INSTRUCTIONS if row.kink}


class Finding(NamedTuple):
    """One thing met in a run.

    Parameters
    ----------
    kind : str
        "NaN" or "infinity" (the first of its sweep), "kink", "tie" or "0 × inf".
    sweep : str
        "forward", "tangent" or "reverse".
    function : str
        Name of the elemental or primitive; "input" for an input.
    arguments : tuple of float
        What it was called with, if those are numbers.
    name, formula : str
        What was computed, in the trace's own words.
    value : float or ndarray
        What came out.
    source : str
        Source line, ``"model.py:12"``.
    node : int
        Place on the tape, from 1.
    """

    kind: str
    sweep: str
    function: str
    arguments: tuple
    name: str
    formula: str
    value: float
    source: str
    node: int


class Health(Sequence):
    """Findings of one run: the first NaN or infinity of each sweep, then all others by node.

    Parameters
    ----------
    trace : Trace

    Attributes
    ----------
    forward, reverse : Finding or None
        The first NaN or infinity among the values, and among the adjoints.
    """

    def __init__(self, trace):
        self._trace, self._writer = trace, Writer(PLAIN, trace)
        self.forward, self.reverse = self._first_forward(), self._first_reverse()
        self._first = [finding for finding in (self.forward, self.reverse) if finding]
        self._kinds, self._sweeps, self._nodes, self._operands = _search(trace)

    @property
    def ok(self):
        """Whether there is nothing to report."""
        return not len(self)

    def __len__(self):
        return len(self._first) + len(self._nodes)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        if index < len(self._first):
            return self._first[index]
        index -= len(self._first)
        step = self._step(int(self._nodes[index]))
        return self._describe(
            step, *(int(a[index]) for a in (self._kinds, self._sweeps, self._operands))
        )

    def of(self, kind):
        """Findings of one kind.

        Parameters
        ----------
        kind : {"NaN", "infinity", "kink", "tie", "0 × inf"}

        Returns
        -------
        list of Finding
        """
        return [finding for finding in self if finding.kind == kind]

    def __repr__(self):
        return f"<Health of {self._trace._name}: {len(self)} findings>"

    def __str__(self):
        steps = f"{len(self._trace):,} steps"
        if self.ok:
            return f"Nothing to report: no NaN, infinity, kink, tie or 0 × inf in {steps}."
        lines = [_words(finding) for finding in self[:SHOWN]]
        widths = [max(map(columns, cells)) for cells in zip(*lines, strict=True)]
        table = ["  ".join(map(pad, line, widths)).rstrip() for line in lines]
        if len(self) > SHOWN:
            table.append(f"... and {len(self) - SHOWN:,} more")
        return "\n".join([f"{len(self):,} to look at in {steps}:", *table])

    def _step(self, id):
        return next(_facts.steps(self._trace._tape, id, id + 1))

    def _first_forward(self):
        tape = self._trace._tape
        if self._trace._holds_arrays:
            steps = _facts.steps(tape, 1, len(tape) + 1)
            bad = next((step for step in steps if _is_bad(step)), None)
            return bad and self._describe(bad, _nonfinite(bad.value), 0, -1)
        for start in range(1, len(tape) + 1, _facts.BLOCK):
            columns = _tape.columns(tape, start, min(start + _facts.BLOCK, len(tape) + 1))
            absent = np.isnan(columns["value"]) & (columns["op"] >= FIRST_MARKED)
            bad = np.flatnonzero(~(np.isfinite(columns["value"]) | absent))
            if bad.size:
                step = self._step(start + int(bad[0]))
                return self._describe(step, _nonfinite(step.value), 0, -1)
        return None

    def _first_reverse(self):
        if not self._trace._result:
            return None
        if self._trace._holds_arrays:
            made = _array_facts.increments(self._trace, 1, self._trace._result + 1)
            increment = next((i for i in made if not is_finite(i.total)), None)
        elif np.isfinite(self._trace._bars).all():
            return None
        else:
            increment = _first_bad_increment(self._trace)
        if increment is None:
            return None
        name, formula = self._writer.target(increment), self._writer.adjoint(increment)
        return self._finding(
            increment.step, _nonfinite(increment.total), "reverse", name, formula, increment.total
        )

    def _describe(self, step, kind, sweep, operand):
        sweep = ("forward", "tangent", "reverse")[sweep]
        name, formula, value = self._writer.symbol(step.id), self._writer.primal(step), step.value
        if kind == ZERO_TIMES_INF and sweep == "tangent":
            flow = _facts.Flow(step, (operand,), math.nan)
            name, formula = self._writer.symbol(step.id, "dot"), self._writer.tangent(flow)
        if kind == ZERO_TIMES_INF and sweep == "reverse":
            target = (step.x, step.y)[operand]
            increment = _facts.Increment(step, operand, target, True, math.nan)
            name, formula = self._writer.symbol(target, "bar"), self._writer.adjoint(increment)
        return self._finding(
            step, kind, sweep, name, formula, math.nan if kind == ZERO_TIMES_INF else value
        )

    def _finding(self, step, kind, sweep, name, formula, value):
        function, arguments = _called(step)
        source = _facts.source_of(self._trace._tape, step)
        return Finding(
            KINDS[kind], sweep, function, arguments,
            name, formula, value, source, step.id,
        )  # fmt: skip


def _is_bad(step):
    """Whether a value is NaN or infinite; those of some instructions are absent, and no finding."""
    number = not isinstance(step, ArrayStep)
    if number and step.op >= FIRST_MARKED and math.isnan(step.value):
        return False
    return not is_finite(step.value)


def _called(step):
    """Name of what a step applies, and the numbers that it was called with."""
    if isinstance(step, ArrayStep):
        return step.name, ()
    if not step.op:
        return "input", ()
    row = INSTRUCTIONS[step.op - 1]
    return row.name, (step.x_value, step.y_value)[: row.arity]


def _nonfinite(value):
    return NAN if np.isnan(without_marks(value)).any() else INFINITY


def _words(finding):
    """Cells of the report's line."""
    first = "first " if finding.kind in ("NaN", "infinity") else ""
    number = number_text(finding.value)
    formula = "" if finding.formula == number else f" = {finding.formula}"
    arguments = ", ".join(f"{argument:.6g}" for argument in finding.arguments)
    called = f"{finding.function}({arguments})" if finding.arguments else finding.function
    return (
        f"{first}{finding.kind}, {finding.sweep}", f"{finding.name}{formula} = {number}",
        called, finding.source,
    )  # fmt: skip


def _first_bad_increment(trace):
    """The increment after which a running total is NaN or infinite for the first time."""
    if not math.isfinite(trace._seed):
        return _facts.seed(trace)
    bars, totals = trace._bars, {}
    for step in _steps_into(trace, ~np.isfinite(bars)):
        for operand, target, partial in _facts.operands(step):
            before = totals.get(target, -0.0)
            total = totals[target] = before + (float(bars[step.id]) * partial + 0.0)
            if not math.isfinite(total):
                first = _facts.is_unreached(before)
                return _facts.Increment(step, operand, target, first, total)
    raise AssertionError("a sum of finite increments is finite")


def _steps_into(trace, targets):
    """Reached steps with an operand among `targets`, from the result down."""
    tape, bars = trace._tape, trace._bars
    for start in reversed(range(1, trace._result + 1, _facts.BLOCK)):
        stop = min(start + _facts.BLOCK, trace._result + 1)
        columns = _tape.columns(tape, start, stop)
        hits = columns["x_path"] & targets[columns["x"]]
        hits |= columns["y_path"] & targets[columns["y"]]
        hits &= ~_facts.unreached(bars[start:stop])
        for index in reversed(np.flatnonzero(hits).tolist()):
            yield from _facts.steps(tape, start + index, start + index + 1)


def _search(trace):
    """Kinds, sweeps, nodes and operands of all findings but the first of each sweep."""
    found = [np.empty((4, 0), dtype=np.int64)]
    n = len(trace._tape)
    for start in range(1, n + 1, _facts.BLOCK):
        stop = min(start + _facts.BLOCK, n + 1)
        columns = _tape.columns(trace._tape, start, stop)
        block = np.concatenate([*_kinks(columns), *_products(trace, columns, start, stop)], axis=1)
        block[2] += start
        found.append(block[:, np.argsort(block[2], kind="stable")])
    return np.concatenate(found, axis=1)


def _entries(kind, sweep, operand, mask):
    nodes = np.flatnonzero(mask)
    return np.stack(
        [np.full(nodes.size, k) for k in (kind, sweep)] + [nodes] + [np.full(nodes.size, operand)]
    )


def _kinks(columns):
    """Entries of the rows whose kink condition is met."""
    for op in np.unique(columns["op"]).tolist():
        row = KINKED.get(op)
        if row is not None:
            where = np.flatnonzero(columns["op"] == op)
            values = {"x": columns["x_value"][where], "y": columns["y_value"][where]}
            mask = np.zeros(columns["op"].size, dtype=bool)
            with np.errstate(all="ignore"):
                mask[where] = mask_of(parsed(row.kink), values)
            yield _entries(TIE if row.kink == "x == y" else KINK, 0, -1, mask)


def _products(trace, columns, start, stop):
    """Entries of the products 0 × inf in each of the sweeps."""
    x, y = columns["x_value"], columns["y_value"]
    is_product = columns["op"] == OPCODES["multiply"]
    yield _entries(ZERO_TIMES_INF, 0, -1, is_product & _zero_times_inf(x, y))
    for operand, name in enumerate("xy"):
        path, partial = columns[f"{name}_path"] != 0, columns[f"p{name}"]
        if trace._seeds is not None:
            dots = trace._dots[columns[name]]
            mask = path & ~_facts.unreached(dots) & _zero_times_inf(dots, partial)
            yield _entries(ZERO_TIMES_INF, 1, operand, mask)
        bars = np.full(stop - start, -0.0)
        known = trace._bars[start:stop]
        bars[: known.size] = known
        mask = path & ~_facts.unreached(bars) & _zero_times_inf(bars, partial)
        yield _entries(ZERO_TIMES_INF, 2, operand, mask)


def _zero_times_inf(a, b):
    return ((a == 0) & np.isinf(b)) | (np.isinf(a) & (b == 0))
