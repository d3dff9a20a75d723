"""Identities by which elements of arrays take fewer operations.

They hold up to rounding in double precision. In single precision, where ties are more frequent,
they hold to the bit.
"""

import math

import numpy as np

from tapead._array_layouts import uniform
from tapead.elementals import OPCODES

_ADD, _SUBTRACT, _MULTIPLY, _NEGATIVE, _DIVIDE = (
    OPCODES[name] for name in ("add", "subtract", "multiply", "negative", "divide")
)
IDENTITIES = {_ADD, _SUBTRACT, _MULTIPLY, _NEGATIVE, _DIVIDE}


def is_row(value, op):
    """Whether a row of the table computes it."""
    return value.op == "element" and value.data == op


def factored(value):
    """A value as ``(factor, rest)``: a number times something; 1.0 if there is none in it."""
    if is_row(value, _NEGATIVE):
        return -1.0, value.args[0]
    if is_row(value, _MULTIPLY):
        for number, rest in (value.args, value.args[::-1]):
            if uniform(number) is not None and rest.shape == value.shape:
                return float(uniform(number)), rest
    return 1.0, value


def times(graph, factor, value, shape, dtype):
    """A number times a value; None if the number is not one to compute with."""
    if factor == 1.0:
        return value if value.shape == shape and value.dtype == dtype else None
    if factor == -1.0:
        return graph.element(_NEGATIVE, (value,), shape, dtype)
    if not math.isfinite(factor) or abs(factor) < 1e-200:
        return None
    return graph.element(
        _MULTIPLY, (graph.constant(np.asarray(factor)), value), shape, dtype)  # fmt: skip


def scales_exactly(factor, dtype):
    """Whether a factor may be taken out of a product: it is a power of 2, or there are doubles."""
    return dtype.itemsize == 8 or abs(math.frexp(factor)[0]) == 0.5


def rewritten(graph, op, args, shape, dtype):
    """A value that equals the row `op` of `args`; None if there is none that is simpler."""
    if op == _NEGATIVE:
        factor, rest = factored(args[0])
        return None if factor == 1.0 else times(graph, -factor, rest, shape, dtype)
    if op == _MULTIPLY:
        return product(graph, args, shape, dtype)
    if op in (_ADD, _SUBTRACT):
        x, y = args
        if is_row(y, _NEGATIVE):
            return graph.element(
                _SUBTRACT if op == _ADD else _ADD, (x, y.args[0]), shape, dtype)  # fmt: skip
        if op == _ADD and is_row(x, _NEGATIVE):
            return graph.element(_SUBTRACT, (y, x.args[0]), shape, dtype)
    return None


def product(graph, args, shape, dtype):
    """A product whose factors that are numbers are one."""
    numbers = [uniform(arg) for arg in args]
    if numbers[0] is not None or numbers[1] is not None:
        i = 0 if numbers[0] is not None else 1
        number, other = float(numbers[i]), args[1 - i]
        factor, rest = factored(other)
        if factor == 1.0 and number != -1.0:
            return None
        if other.shape != shape and factor != 1.0:
            return None
        if not (scales_exactly(factor, dtype) or scales_exactly(number, dtype)):
            return None
        return times(graph, number * factor, rest, shape, dtype)
    (a, x), (b, y) = map(factored, args)
    if a * b == 1.0 and a == 1.0:
        return None
    if not (scales_exactly(a, dtype) and scales_exactly(b, dtype)):
        return None
    found = graph.element(_MULTIPLY, (x, y), shape, dtype)
    return times(graph, a * b, found, shape, dtype)
