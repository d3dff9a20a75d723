"""The instructions of a Program as arrays, and the check that makes them safe to run.

Every instruction defines one new value, in order (static single assignment). An operand v >= 0 is
a value: an input if v < n_inputs, else the result of instruction v - n_inputs; v < 0 is
``constants[-1 - v]``. What passes `check` reads and writes within bounds in any executor.
"""

from typing import NamedTuple

import numpy as np

from tapead._guards import COMPARISONS, GUARDS
from tapead.elementals import INSTRUCTIONS, OPCODES

NO_OPERAND = -(2**31)  # y of an instruction with one argument
MOST = 2**31 - 1  # values, and constants: both are int32
MOST_LINES = 2**31 - 1
HIGHEST_ORDER = 10_000  # of a derivative: it is the length of a loop in C
ORDERED = ("polygamma", "sinc_derivative")  # their x is the order, a constant

ARITY = np.zeros(256, np.uint8)  # by opcode; 0 where there is none
ARITY[1 : len(INSTRUCTIONS) + 1] = [row.arity for row in INSTRUCTIONS]
IS_ORDERED = np.zeros(256, bool)  # by opcode
IS_ORDERED[[OPCODES[name] for name in ORDERED]] = True


class CodeData(NamedTuple):
    """Instructions, constants, outputs and guards.

    Parameters
    ----------
    n_inputs : int
    op : ndarray of uint8, shape (n,)
        Opcodes of `elementals.OPCODES`.
    x, y : ndarray of int32, shape (n,)
        Operands; y is `NO_OPERAND` where the row has one argument.
    constants : ndarray of float64, shape (c,)
    outputs : ndarray of int32, shape (m,)
        Operands that are the results.
    guard_kind : ndarray of uint8, shape (g,)
        Places in `_guards.GUARDS`.
    guard_x, guard_y : ndarray of int32, shape (g,)
        Operands of the guards' tests.
    guard_outcome : ndarray of uint8, shape (g,)
        Whether a comparison held; 1 for the other kinds.
    guard_at : ndarray of int32, shape (g,)
        The instruction that the guard is taken before; n is after the last. Never decreases.
    guard_values : ndarray of float64, shape (g, 2)
        x and y when the program was recorded.
    sources : tuple of (str, int, str), length g
        File, line and function of each guard; ``("", 0, "")`` where it is not known.
    """

    n_inputs: int
    op: np.ndarray
    x: np.ndarray
    y: np.ndarray
    constants: np.ndarray
    outputs: np.ndarray
    guard_kind: np.ndarray
    guard_x: np.ndarray
    guard_y: np.ndarray
    guard_outcome: np.ndarray
    guard_at: np.ndarray
    guard_values: np.ndarray
    sources: tuple[tuple[str, int, str], ...]


DTYPES = {
    "op": np.uint8, "x": np.int32, "y": np.int32, "constants": np.float64, "outputs": np.int32,
    "guard_kind": np.uint8, "guard_x": np.int32, "guard_y": np.int32, "guard_outcome": np.uint8,
    "guard_at": np.int32, "guard_values": np.float64,
}  # fmt: skip


def check(data):
    """Raise ValueError unless `data` is a well-formed program with every index in bounds."""
    _check_arrays(data)
    _check_lengths(data)
    _check_instructions(data)
    _check_orders(data)
    values = data.n_inputs + len(data.op)
    _check_operands("output", "is", data.outputs, values, data)
    _check_guards(data)
    _check_sources(data.sources)


def _check_arrays(data):
    if type(data.n_inputs) is not int or not 0 <= data.n_inputs <= MOST:
        raise ValueError(f"n_inputs is an int from 0 to {MOST}; got {data.n_inputs!r}")
    for name, dtype in DTYPES.items():
        array = getattr(data, name)
        if type(array) is not np.ndarray:
            raise ValueError(f"{name} is an ndarray; got {type(array).__name__}")
        if array.dtype != dtype or not array.dtype.isnative:
            raise ValueError(f"{name} is an array of {np.dtype(dtype)}; got {array.dtype}")
        if array.ndim != 1 + (name == "guard_values"):
            raise ValueError(f"{name} has the wrong number of dimensions: shape {array.shape}")
        if not (array.flags.c_contiguous and array.flags.aligned):
            raise ValueError(f"{name} is not contiguous and aligned")
    if type(data.sources) is not tuple:
        raise ValueError(f"sources is a tuple; got {type(data.sources).__name__}")


def _check_lengths(data):
    n, g = len(data.op), len(data.guard_kind)
    wanted = {"x": (n,), "y": (n,), "guard_values": (g, 2)}
    wanted |= dict.fromkeys(("guard_x", "guard_y", "guard_outcome", "guard_at"), (g,))
    for name, shape in wanted.items():
        if getattr(data, name).shape != shape:
            raise ValueError(
                f"{name} has shape {getattr(data, name).shape}; {n} instructions and {g} guards "
                f"want {shape}"
            )
    if len(data.sources) != g:
        raise ValueError(f"sources has {len(data.sources)} entries for {g} guards")
    longest = max(data.n_inputs + n, len(data.constants), len(data.outputs), g)
    if longest > MOST:
        raise ValueError(f"at most {MOST} values, constants, outputs and guards; got {longest}")


def _check_instructions(data):
    """Known opcodes, as many operands as they take, each one earlier."""
    arity = ARITY[data.op]
    k = _first(arity == 0)
    if k is not None:
        raise ValueError(f"instruction {k} has the opcode {data.op[k]}, which is none")
    k = _first((data.y == NO_OPERAND) != (arity == 1))
    if k is not None:
        row = INSTRUCTIONS[data.op[k] - 1]
        given = "1 operand" if data.y[k] == NO_OPERAND else "2 operands"
        raise ValueError(f"instruction {k} is {row.name} of {row.arity}; it has {given}")
    n = len(data.op)
    limits = np.arange(data.n_inputs, data.n_inputs + n, dtype=np.int32)
    _check_operands("instruction", "reads", data.x, limits, data)
    y = np.where(arity == 2, data.y, data.x)
    _check_operands("instruction", "reads", y, limits, data)


def _check_operands(what, reads, operands, limits, data):
    """Operands below `limits` and not below the constants."""
    k = _first((operands >= limits) | (operands < -len(data.constants)))
    if k is None:
        return
    operand, limit = int(operands[k]), int(limits if np.ndim(limits) == 0 else limits[k])
    if operand < 0:
        raise ValueError(
            f"{what} {k} {reads} constant {-1 - operand}; there are {len(data.constants)}"
        )
    raise ValueError(f"{what} {k} {reads} value {operand}; there are {limit} by then")


def _check_orders(data):
    """Orders of derivatives are whole numbers that stand in the program."""
    ordered = np.flatnonzero(IS_ORDERED[data.op])
    if not len(ordered):
        return
    operands = data.x[ordered]
    k = _first(operands >= 0)
    if k is None:
        orders = data.constants[-1 - operands]
        k = _first(~((orders >= 0) & (orders <= HIGHEST_ORDER) & (orders == np.floor(orders))))
    if k is not None:
        name = INSTRUCTIONS[data.op[ordered[k]] - 1].name
        raise ValueError(
            f"instruction {ordered[k]}: the order of {name} is a constant, "
            f"a whole number from 0 to {HIGHEST_ORDER}"
        )


def _check_guards(data):
    n = len(data.op)
    if not len(data.guard_kind):
        return
    k = _first(data.guard_kind >= len(GUARDS))
    if k is not None:
        raise ValueError(f"guard {k} has the kind {data.guard_kind[k]}, which is none")
    k = _first((data.guard_outcome < (data.guard_kind >= COMPARISONS)) | (data.guard_outcome > 1))
    if k is not None:
        raise ValueError(
            f"guard {k} ({GUARDS[data.guard_kind[k]].name}) has the outcome {data.guard_outcome[k]}"
        )
    k = _first((data.guard_at < 0) | (data.guard_at > n))
    if k is not None:
        raise ValueError(f"guard {k} is taken at {data.guard_at[k]} of {n} instructions")
    k = _first(data.guard_at[1:] < data.guard_at[:-1])
    if k is not None:
        raise ValueError(f"guard {k + 1} is taken before guard {k}, which is listed first")
    limits = data.n_inputs + data.guard_at
    _check_operands("guard", "reads", data.guard_x, limits, data)
    _check_operands("guard", "reads", data.guard_y, limits, data)


def _check_sources(sources):
    distinct = {id(source): k for k, source in enumerate(sources)}  # most are taken many times
    for k in distinct.values():
        source = sources[k]
        if not (type(source) is tuple and tuple(map(type, source)) == (str, int, str)):
            raise ValueError(f"the source of guard {k} is not a file, a line and a function")
        if not 0 <= source[1] <= MOST_LINES:
            raise ValueError(f"the source of guard {k} is on line {source[1]}")


def _first(wrong):
    """Index of the first True, or None."""
    return int(wrong.argmax()) if wrong.any() else None
