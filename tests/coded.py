"""Code for the tests of passes and executors: as a Program, and changed at random."""

import numpy as np
from codes import COMPARED, ROUNDED, code, random_code, values

from tapead import _program
from tapead._code import Code, passes
from tapead._code_data import NO_OPERAND, check
from tapead._guards import COMPARISONS
from tapead._program_file import dump
from tapead._signature import Signature
from tapead.elementals import INSTRUCTIONS

PASSES = passes()
NAMES = tuple(PASSES)
# every special value, and pairs that cancel, round, overflow and underflow
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.1, -3.7, np.inf, -np.inf, np.nan, 1.7e308, 5e-324, -2.2e-308]


def run(name, data, **options):
    """A pass, on arrays; what comes out is well-formed."""
    found = PASSES[name](Code.of(data), **options).data
    check(found)
    return found


def everything(data, **options):
    """All passes, as a Program takes them."""
    found = program(data, **options).code
    check(found)
    return found


def program(data, reassociate=False):
    """A Program of one list of numbers whose recorded code is `data`."""
    arguments, result = Signature(([0.0] * data.n_inputs,)), Signature([0.0] * len(data.outputs))
    path = _program.rebuilt_path(
        dump(data, {}), arguments, result, result, None, False, reassociate
    )
    return _program.program_from(path, 0)


def with_constants(seed, n=60, n_guards=0):
    """Random code one or two of whose inputs became constants, so that there is what to fold.

    Guards that hold at the inputs hold for the constants as well: those are what the inputs were.
    """
    data, inputs = random_code(seed, n, n_guards=n_guards)
    rng = np.random.default_rng(seed)
    constants = np.append(data.constants, inputs[:2])
    first = len(data.constants)

    def moved(operands):
        operands = operands.copy()
        for k in range(2):
            chosen = (operands == k) & (rng.random(len(operands)) < 0.8)
            operands[chosen] = -1 - (first + k)
        return operands

    return data._replace(
        constants=constants, x=moved(data.x), y=moved(data.y), outputs=moved(data.outputs),
        guard_x=moved(data.guard_x), guard_y=moved(data.guard_y),
    ), inputs  # fmt: skip


def instructions(data, numbered=True):
    """``(name, x[, y])`` of each; constants as they are in place of their numbers if wanted."""
    columns = [data.x.tolist(), data.y.tolist()]
    if not numbered:
        bits = data.constants.view(np.uint64).tolist()
        columns = [
            [hex(bits[-1 - v]) if NO_OPERAND < v < 0 else v for v in column] for column in columns
        ]
    rows = zip(data.op.tolist(), *columns, strict=True)
    return [(INSTRUCTIONS[op - 1].name, x, *([] if y == NO_OPERAND else [y])) for op, x, y in rows]


def expressions(data):
    """Each output as a nested tuple of names, inputs ``x0`` and constants' numbers."""
    built = [f"x{i}" for i in range(data.n_inputs)]

    def of(operand):
        return built[operand] if operand >= 0 else float(data.constants[-1 - operand])

    for name, *operands in instructions(data):
        built.append((name, *map(of, operands)))
    return [of(operand) for operand in data.outputs]


def most_live(data):
    """The largest number of instructions' results that something later needs, at any one time."""
    last = {}
    for k, (_, *operands) in enumerate(instructions(data)):
        last.update(dict.fromkeys(operands, k))
    for x, y, at in zip(data.guard_x, data.guard_y, data.guard_at, strict=True):
        last[x], last[y] = max(last.get(x, -1), at - 1), max(last.get(y, -1), at - 1)
    last.update(dict.fromkeys(data.outputs.tolist(), len(data.op)))
    changes = np.zeros(len(data.op) + 2, int)
    for value, end in last.items():
        if value >= data.n_inputs:
            changes[value - data.n_inputs] += 1
            changes[end] -= 1
    return int(np.cumsum(changes).max())


def chain(names, n_inputs=2):
    """Each instruction of the last value and the one before."""
    return code(
        n_inputs,
        [(name, n_inputs + k - 1, n_inputs + k - 2) for k, name in enumerate(names)],
        [n_inputs + len(names) - 1],
    )


def first_failure(data, point):
    """Source and values of the first guard that fails at a point, by the table's tests."""
    w = values(data, point)
    columns = (data.guard_kind, data.guard_x, data.guard_y, data.guard_outcome, data.sources)
    for kind, *operands, outcome, source in zip(*columns, strict=True):
        x, y = (w[v] if v >= 0 else data.constants[-1 - v] for v in operands)
        if not _holds(kind, x, y, outcome):
            return source, (x, y)
    return None


def _holds(kind, x, y, outcome):
    if kind < COMPARISONS:
        return COMPARED[kind](x, y) == bool(outcome)
    if kind < COMPARISONS + len(ROUNDED):
        return ROUNDED[kind - COMPARISONS](x) == y
    return x.tobytes() == y.tobytes()
