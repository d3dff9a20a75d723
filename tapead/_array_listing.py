"""Listings of programs of arrays: one line per step, and the rows within clusters."""

import math

from tapead._code_data import NO_OPERAND
from tapead.elementals import INSTRUCTIONS


def listing(executor, max_rows=None):
    """The steps of an executor, one line each."""
    lines = [f"{i:5} {told(step)}" for i, step in enumerate(executor.told)]
    if max_rows is not None and len(lines) > max_rows:
        left_out = len(lines) - max_rows
        lines = [*lines[: max_rows - 1], f"      ... {left_out + 1} more"]
    return "\n".join(lines)


def told(step):
    """A step in words."""
    kind = step[0]
    if kind == "cluster":
        return cluster(*step[1:])
    if kind == "python":
        _, row, operands, _, results = step
        results = results.values() if isinstance(results, dict) else [results]
        return (f"{', '.join(map(place, results))} = {row.name}"
                f"({', '.join(map(place, operands))})")  # fmt: skip
    if kind == "copy":
        return f"{place(step[2])} = {place(step[1])}"
    if kind in ("sum", "max", "min"):
        return f"{place(step[3])} = {kind}({place(step[1])}, axes={step[2]})"
    if kind == "matmul":
        return f"{place(step[3])} = {place(step[1])} @ {place(step[2])}"
    if kind == "images":
        _, name, window, operands, result = step
        operands = ", ".join(map(place, operands))
        return f"{place(result)} = {name}({operands}, window={window})"
    if kind == "put":
        return f"{place(step[1])}[{step[2]}] = {place(step[3])}"
    return f"guard: {kind} at {place(step[1])}"


def place(where):
    """A place by its buffer, offset, dtype and shape."""
    buffer, offset, shape, _, dtype = where
    axes = "×".join(map(str, shape))
    return f"m{buffer}+{offset}:{dtype.char}{axes and '[' + axes + ']'}"


def cluster(code, shape, inputs, outputs, sums, _single):
    """A cluster: what goes in and out, and its rows."""
    n_inputs, op, x, y, constants, _ = code

    def operand(v):
        if v < 0:
            return repr(float(constants[-1 - v]))
        return f"x{v}" if v < n_inputs else f"v{v - n_inputs}"

    rows = []
    for i in range(min(len(op), 8)):
        row = INSTRUCTIONS[op[i] - 1]
        args = operand(x[i]) + ("" if y[i] == NO_OPERAND else ", " + operand(y[i]))
        rows.append(f"v{i} = {row.name}({args})")
    if len(op) > 8:
        rows.append(f"... {len(op) - 8} more")
    results = [*map(place, outputs), *(f"sum {place(where)}" for where in sums)]
    return (f"{', '.join(results)} = for {math.prod(shape)} elements of "
            f"{', '.join(map(place, inputs)) or 'nothing'}: {'; '.join(rows)}")  # fmt: skip
