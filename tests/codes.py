"""Programs as arrays for the tests: one by hand, random ones, and what they should give."""

import numpy as np

from tapead import _tape
from tapead._code_data import NO_OPERAND, CodeData
from tapead._guards import COMPARISONS, GUARDS
from tapead.elementals import FIRST_MARKED, INSTRUCTIONS, OPCODES

MARK = np.array(0x7FFC7AEA00000000, np.uint64).view(np.float64)[()]
ORDERED = {"polygamma", "sinc_derivative"}  # x is the order of a derivative, a constant
FROM_SCIPY = {"digamma", "polygamma", "erfinv", "log_ndtr", "mills"}
MARKS_X = {"carry", "merge", "number", "present"}  # take what may be a mark
MARKS_Y = {"carry", "merge", "join"}
COMPARED = [
    lambda x, y: x < y, lambda x, y: x <= y, lambda x, y: x > y, lambda x, y: x >= y,
    lambda x, y: x == y, lambda x, y: x != y,
]  # fmt: skip
ROUNDED = [np.trunc, np.floor, np.ceil, np.rint]


def code(n_inputs, instructions, outputs, constants=(), guards=()):
    """CodeData of ``(name, x[, y])`` and ``(kind, x, y, outcome, at, source)``."""
    kinds = [guard.name for guard in GUARDS]
    columns = list(zip(*guards, strict=True)) if guards else [()] * 6
    ys = [operands[1] if len(operands) == 2 else NO_OPERAND for _, *operands in instructions]
    return CodeData(
        n_inputs=n_inputs,
        op=np.array([OPCODES[name] for name, *_ in instructions], np.uint8),
        x=np.array([operands[0] for _, *operands in instructions], np.int32),
        y=np.array(ys, np.int32),
        constants=np.array(constants, np.float64),
        outputs=np.array(outputs, np.int32),
        guard_kind=np.array([kinds.index(kind) for kind in columns[0]], np.uint8),
        guard_x=np.array(columns[1], np.int32),
        guard_y=np.array(columns[2], np.int32),
        guard_outcome=np.array(columns[3], np.uint8),
        guard_at=np.array(columns[4], np.int32),
        guard_values=np.zeros((len(guards), 2)),
        sources=tuple(columns[5]),
    )


def small():
    """Two inputs, a constant that is the mark, guards of three sorts."""
    return code(
        2,
        [("multiply", 0, 1), ("sin", 2), ("add", -1, 3), ("power", 4, -2), ("join", 5, -3)],
        [6, 0, -1],
        [-2.0, 0.5, MARK],
        [
            ("less", 2, -2, 1, 1, ("/home/me/model.py", 12, "f")),
            ("floor", 0, -1, 1, 1, ("", 0, "")),
            ("same_bits", 5, 5, 1, 5, ("C:\\work\\m.py", 3, "g")),
        ],
    )


def one_row(row, order=2.0):
    """A program of one instruction."""
    if row.name in ORDERED:
        return code(1, [(row.name, -1, 0)], [1], [order])
    return code(row.arity, [(row.name, *range(row.arity))], [row.arity])


def random_code(seed, n, n_inputs=5, n_outputs=4, n_guards=0):
    """A program of rows of C's library, and inputs that its guards hold for.

    Compilers compute functions of constants more precisely than C's library does: a constant is
    an operand of arithmetic only, beside a value. The sign of a NaN, which copysign reads, is
    theirs as well.
    """
    rng = np.random.default_rng(seed)
    rows = [r for r in INSTRUCTIONS if r.name not in FROM_SCIPY | ORDERED | {"sinc", "copysign"}]
    constants = rng.normal(size=7)
    instructions, plain, marked = [], list(range(n_inputs)), list(range(n_inputs))
    for k in range(n):
        row = rows[rng.integers(len(rows))] if k % 2 else INSTRUCTIONS[rng.integers(4)]
        x = _pick(rng, marked if row.name in MARKS_X else plain)
        y = _pick(rng, marked if row.name in MARKS_Y else plain)
        if k % 3 == 0 and OPCODES[row.name] <= 4:
            y = -1 - int(rng.integers(len(constants)))
        instructions.append((row.name, x, y)[: 1 + row.arity])
        marked.append(n_inputs + k)
        if OPCODES[row.name] < FIRST_MARKED:
            plain.append(n_inputs + k)
    outputs = rng.choice(marked, n_outputs)
    data = code(n_inputs, instructions, outputs, constants)
    inputs = rng.normal(size=n_inputs) * 2.0
    return with_guards(data, inputs, rng, n_guards, plain), inputs


def _pick(rng, values):
    """A value, more often a late one, so that many are alive at once and chains are long."""
    if rng.random() < 0.3:
        return values[rng.integers(len(values))]
    return values[-1 - rng.integers(min(len(values), 8))]


def with_guards(data, inputs, rng, n_guards, plain):
    """`data` and guards of numbers that hold at `inputs`."""
    w = values(data, inputs)
    at = np.sort(rng.integers(0, len(data.op) + 1, n_guards))
    constants, guards = list(data.constants), []
    for k, place in enumerate(at.tolist()):
        known = [value for value in plain if value < data.n_inputs + place]
        kind, x, y = k % len(GUARDS), _pick(rng, known), _pick(rng, known)
        outcome = 1
        if kind < COMPARISONS:
            outcome = int(COMPARED[kind](w[x], w[y]))
        else:
            if np.isnan(w[x]):
                x = 0
            constants.append([*ROUNDED, lambda v: v][kind - COMPARISONS](w[x]))
            y = -len(constants)
        guards.append((GUARDS[kind].name, x, y, outcome, place, (f"m{k}.py", k, "f")))
    columns = list(zip(data.op.tolist(), data.x.tolist(), data.y.tolist(), strict=True))
    instructions = [
        (INSTRUCTIONS[op - 1].name, x, y)[: 1 + INSTRUCTIONS[op - 1].arity] for op, x, y in columns
    ]
    return code(data.n_inputs, instructions, data.outputs, constants, guards)


def values(data, inputs):
    """Values of the inputs and of all instructions, each row by its own loop.

    `inputs` are those of one point, or of many points in columns.
    """
    inputs = np.asarray(inputs, float)
    w = np.zeros((len(inputs) + len(data.op), *inputs.shape[1:]))
    w[: len(inputs)] = inputs
    rows = w.reshape(len(w), -1)
    with np.errstate(all="ignore"):
        for k, op in enumerate(data.op.tolist()):
            x, y = (operand(data, rows, v) for v in (data.x[k], data.y[k]))
            _tape.evaluate_rows(op, x, x if y is None else y, rows[data.n_inputs + k])
    return w


def operand(data, rows, v):
    """An operand's values in an array of its own."""
    if v == NO_OPERAND:
        return None
    return rows[v].copy() if v >= 0 else np.full(rows.shape[1], data.constants[-1 - v])


def results(data, inputs):
    """The outputs, of one point or of many in columns."""
    w = values(data, inputs)
    found = np.array([operand(data, w.reshape(len(w), -1), v) for v in data.outputs])
    return found.reshape(len(data.outputs), *w.shape[1:])


def same_bits(a, b):
    """Equal bits, except that one NaN is as good as another unless it is the mark."""
    a, b = (np.ascontiguousarray(v, np.float64) for v in (a, b))
    bits_a, bits_b = a.view(np.uint64), b.view(np.uint64)
    mark = MARK.view(np.uint64)
    unmarked = (bits_a != mark) & (bits_b != mark)
    return a.shape == b.shape and bool(
        ((bits_a == bits_b) | (np.isnan(a) & np.isnan(b) & unmarked)).all()
    )


def equal(a, b):
    """Whether two programs are the same, constants bit for bit."""
    arrays = zip(a[1:-1], b[1:-1], strict=True)
    return (a.n_inputs, a.sources) == (b.n_inputs, b.sources) and all(
        p.dtype == q.dtype and p.shape == q.shape and p.tobytes() == q.tobytes() for p, q in arrays
    )
