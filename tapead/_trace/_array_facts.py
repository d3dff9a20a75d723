"""Facts read off a tape that holds arrays: the values of its steps, and sweeps over them."""

import functools
import itertools

import numpy as np

from tapead import _array
from tapead._trace import _facts
from tapead._trace._values import is_whole
from tapead.elementals import INSTRUCTIONS

OP_ARRAY = 255  # what the tape calls an operation on arrays


class ArrayStep:
    """An operation on arrays, or an input that is one.

    Parameters
    ----------
    tape : Tape
    id : int
    facts : dict
        As `entry_facts` tells them.
    code, line : int
        Where it was called.
    """

    def __init__(self, tape, id, facts, code, line):
        self.tape, self.id, self.facts, self.code, self.line = tape, id, facts, code, line
        self.kind, self.operands = facts["kind"], facts["operands"]
        self.op = 0 if self.kind == "input" else OP_ARRAY  # as of numbers: 0 is an input

    @property
    def name(self):
        """What is applied: NumPy's name where it has one."""
        if self.kind == "elemental":
            return INSTRUCTIONS[self.facts["op"] - 1].name
        return self.facts["primitive"].name if self.kind == "primitive" else self.kind

    @functools.cached_property
    def value(self):
        """A number, an array as it was when the step was recorded, or a tuple of them."""
        return _array.value_of_node(self.tape, self.id)

    def operand_value(self, operand):
        """Value of an operand, None where it is a constant that was not kept."""
        id, constant = self.operands[operand]
        if id:
            return value_of(self.tape, id)
        return constant if isinstance(constant, float | np.ndarray) else None


def value_of(tape, id):
    """Value of a node, of either kind."""
    if _array.is_array_node(tape, id):
        return _array.value_of_node(tape, id)
    return next(_facts.steps(tape, id, id + 1)).value


def with_arrays(tape, start, steps):
    """Steps of which those on arrays are told in full."""
    facts = _array.entry_facts(tape, start, start + len(steps))
    return [
        ArrayStep(tape, step.id, facts[step.id], step.code, step.line) if step.id in facts else step
        for step in steps
    ]


def seeded(trace, keep=False):
    """A reverse sweep that is about to start."""
    sweep = _array.TracedSweep(trace._tape, keep)
    sweep.add(trace._result, trace._seed)
    return sweep


def adjoints(trace):
    """A sweep that went all the way and kept what it found."""
    sweep = seeded(trace, keep=True) if trace._result else _array.TracedSweep(trace._tape)
    sweep.reverse(1, trace._result + 1)
    return sweep


def tangents(trace):
    """A forward sweep that went all the way."""
    sweep = _array.TracedSweep(trace._tape, True)
    for id, value in (trace._seeds or {}).items():
        sweep.add(id, value)
    sweep.forward()
    return sweep


def increments(trace, first, last, skip=0):
    """As `_facts.increments`; the first `skip` come without their totals."""
    last = min(last, trace._result + 1)
    if first >= last:
        return
    sweep = seeded(trace)
    sweep.reverse(last, trace._result + 1)
    number = itertools.count()
    for step in _facts.steps(trace._tape, first, last, reverse=True):
        if not sweep.reached(step.id):
            continue
        made = _by_array if isinstance(step, ArrayStep) else _by_number
        for operand, target, before, new in made(sweep, step):
            total = sweep.at(target) if next(number) >= skip else None
            yield _facts.Increment(step, operand, target, new, total, before)


def _by_number(sweep, step):
    bar = sweep.at(step.id)
    for operand, target, partial in _facts.operands(step):
        before = sweep.at(target)
        sweep.add(target, bar * partial)
        yield operand, target, before, before is None


def _by_array(sweep, step):
    """Operands that are the same node contribute at once: `operand` is a tuple."""
    targets = {}
    for operand, (id, _) in enumerate(step.operands):
        if id:
            targets.setdefault(id, []).append(operand)
    new = {id: not sweep.reached(id) for id in targets}
    before = {id: sweep.at(id) for id in targets if not _array.is_array_node(step.tape, id)}
    sweep.reverse(step.id, step.id + 1)
    for id in _order(step, targets):
        if sweep.reached(id):
            yield tuple(targets[id]), id, before.get(id), new[id]


def _order(step, targets):
    """What a write was given comes before what it was written to."""
    return reversed(targets) if step.kind == "write" else targets


def added(trace, increment):
    """What an increment adds to its target.

    None if its step has several results, or an adjoint with absent elements: a sweep cannot start
    from these.
    """
    step, bar = increment.step, trace._bar(increment.step.id)
    if not is_whole(bar):
        return None
    sweep = _array.TracedSweep(trace._tape)
    sweep.add(step.id, bar)
    sweep.reverse(step.id, step.id + 1)
    return sweep.at(increment.target)


def count_increments(trace):
    """Number of all increments, in a list as `_facts.count_increments` has it."""
    return [sum(1 for _ in increments(trace, 1, trace._result + 1, skip=float("inf")))]


def flows(trace, first, last):
    """As `_facts.flows`."""
    dots = trace._tangents
    for step in _facts.steps(trace._tape, first, last):
        if isinstance(step, ArrayStep):
            ids = [id for id, _ in step.operands]
        else:
            ids = [id if path else 0 for id, path in ((step.x, step.x_path), (step.y, step.y_path))]
        used = tuple(k for k, id in enumerate(ids) if id and dots.reached(id))
        value = dots.at(step.id)
        yield _facts.Flow(step, used, zero_like(step.value) if value is None else value)


def numbers(sweep):
    """What has reached the numbers, by node; -0.0 is where nothing has, and only there."""
    return np.where(_array.marks_of(sweep.numbers), -0.0, sweep.numbers + 0.0)


def zero_like(value):
    """What stands for nothing having arrived at a value."""
    if isinstance(value, tuple):
        return tuple(None if part is None else zero_like(part) for part in value)
    return np.zeros_like(value) if isinstance(value, np.ndarray) else 0.0
