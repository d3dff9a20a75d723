"""Facts read off a tape: steps, increments of adjoints, tangents. Windows, never all of it."""

import math
import os
from typing import NamedTuple

import numpy as np

from tapead import _tape
from tapead._trace import _array_facts

CHUNK = 4096  # nodes turned into Python objects at a time
BLOCK = 1 << 18  # nodes that NumPy looks at at a time
PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Step(NamedTuple):
    """A node of the tape; `op` 0 is an input, operand id 0 a constant."""

    id: int
    op: int
    x: int
    y: int
    value: float
    px: float
    py: float
    x_value: float
    y_value: float
    x_path: int
    y_path: int
    code: int
    line: int


class Increment(NamedTuple):
    """One contribution to the adjoint of `target`, from its use as an operand of `step`."""

    step: Step
    operand: int | tuple  # 0 is x, 1 is y; -1 is the seed; of arrays, all that are `target`
    target: int
    first: bool
    total: float
    before: float | None = None  # of a number that something had arrived at


class Flow(NamedTuple):
    """Tangent of a step, and the operands (0 is x, 1 is y) that it comes through."""

    step: Step
    operands: tuple
    value: float


def steps(tape, first, last, reverse=False):
    """Nodes `first` to last - 1, or back: a Step each, of arrays an ArrayStep."""
    starts = range(first, last, CHUNK)
    for start in reversed(starts) if reverse else starts:
        columns = _tape.columns(tape, start, min(start + CHUNK, last))
        fields = [columns[name].tolist() for name in Step._fields[1:]]
        chunk = list(map(Step._make, zip(range(start, last), *fields, strict=False)))
        if (columns["op"] == _array_facts.OP_ARRAY).any():
            chunk = _array_facts.with_arrays(tape, start, chunk)
        yield from reversed(chunk) if reverse else chunk


def operands(step):
    """(operand, id, partial) of the operands that have a path to the result of `step`."""
    if step.x_path:
        yield 0, step.x, step.px
    if step.y_path:
        yield 1, step.y, step.py


def is_unreached(x):
    """Whether an adjoint or tangent stands for nothing having arrived."""
    return x == 0.0 and math.copysign(1.0, x) < 0.0


def unreached(values):
    """The same for an array."""
    return (values == 0.0) & np.signbit(values)


def seed(trace):
    """The first fact of the adjoint trace."""
    step = next(steps(trace._tape, trace._result, trace._result + 1))
    total = trace._seed
    if trace._is_array(step.id):
        total = np.broadcast_to(np.asarray(total, step.value.dtype), step.value.shape)
    return Increment(step, -1, trace._result, True, total)


def increments(trace, first, last):
    """Increments made by nodes last - 1 down to `first`, in the order they happen."""
    if trace._holds_arrays:
        yield from _array_facts.increments(trace, first, last)
        return
    last = min(last, trace._result + 1)
    if first >= last:
        return
    bars = trace._bars_above(last - 1)
    for step in steps(trace._tape, first, last, reverse=True):
        bar = float(bars[step.id])
        if is_unreached(bar):
            continue
        for operand, target, partial in operands(step):
            total = float(bars[target])
            bars[target] = total + (bar * partial + 0.0)
            new = is_unreached(total)
            now, before = float(bars[target]), None if new else total
            yield Increment(step, operand, target, new, now, before)


def count_increments(trace):
    """Numbers of increments per BLOCK of nodes, the first block first."""
    counts = []
    for start in range(1, trace._result + 1, BLOCK):
        stop = min(start + BLOCK, trace._result + 1)
        counts.append(int(_paths(trace, start, stop).sum()))
    return counts


def find_increment(trace, counts, position):
    """Node that makes increment `position`, and how many it makes before that one."""
    block = len(counts) - 1
    while position >= counts[block]:
        position -= counts[block]
        block -= 1
    start = 1 + block * BLOCK
    paths = _paths(trace, start, min(start + BLOCK, trace._result + 1))[::-1]
    made = np.cumsum(paths)
    index = int(np.searchsorted(made, position, side="right"))
    return start + len(paths) - 1 - index, position - int(made[index] - paths[index])


def _paths(trace, start, stop):
    """Increments that each of the nodes makes."""
    columns = _tape.columns(trace._tape, start, stop)
    reached = ~unreached(trace._bars[start:stop])
    return reached * (columns["x_path"].astype(np.int64) + columns["y_path"])


def flows(trace, first, last):
    """Tangents of nodes `first` to last - 1."""
    if trace._holds_arrays:
        yield from _array_facts.flows(trace, first, last)
        return
    dots = trace._dots
    for step in steps(trace._tape, first, last):
        used = tuple(k for k, id, _ in operands(step) if not is_unreached(float(dots[id])))
        yield Flow(step, used, float(dots[step.id]) + 0.0)


def source_of(tape, step):
    """Source line of a step, ``"model.py:12"``; empty if none was noted outside tapead."""
    if not 0 <= step.code < len(_tape.codes(tape)) or step.line <= 0:
        return ""
    folder, file = os.path.split(_tape.codes(tape)[step.code].co_filename)
    return "" if folder == PACKAGE else f"{file}:{step.line}"
