"""Layouts of arrays in programs, and values that are the same everywhere."""

import numpy as np

from tapead._array import MARKS, SELECTING, marks_of
from tapead.elementals import FIRST_MARKED, OPCODES

_COPY, _MERGE, _JOIN, _CARRY = (OPCODES[name] for name in ("copy", "merge", "join", "carry"))
_MULTIPLY, _SUBTRACT, _TAKEN = (OPCODES[name] for name in ("multiply", "subtract", "taken"))
_NUMBER, _PRESENT, _ADD = OPCODES["number"], OPCODES["present"], OPCODES["add"]


def c_strides(shape, dtype):
    """Strides of an array in C order."""
    strides, step = [], dtype.itemsize
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def may_hold_marks(value):
    """Whether elements may be absent."""
    if value.op == "element":
        if value.data == _MERGE:
            return all(arg.marks for arg in value.args)
        if value.data in (_COPY, _CARRY):
            return any(arg.marks for arg in value.args)
        return value.data >= FIRST_MARKED
    if value.op == "constant":
        return bool(marks_of(value.data[0]).any())
    if value.op in ("primitive", "part"):
        return True
    if value.op == "images":
        return value.data[0] in SELECTING
    return value.op in ("window", "assign", "stack", "pieces") and any(
        arg.marks for arg in value.args
    )


def is_single(value):
    """Whether a row of the table is computed in floats: its result and its operands are float32.

    A number that meets float32 arrays is rounded to float32.
    """
    return value.dtype.itemsize == 4 and all(
        arg.dtype.itemsize == 4 or (arg.shape == () and (value.shape or arg.op == "constant"))
        for arg in value.args
    )


def is_of_a_kind(value, arg):
    """Whether one cluster can compute both: what is widened or was narrowed goes through memory."""
    return is_single(arg) if is_single(value) else arg.dtype.itemsize == 8


def usual_strides(shape, dtype, strides):
    """`strides`, those of axes of length 1 as NumPy has them in new arrays."""
    usual = c_strides(shape, dtype)
    if strides is None or all(
        n == 1 or s == u for n, s, u in zip(shape, strides, usual, strict=True)
    ):
        return usual
    usual = tuple(reversed(c_strides(shape[::-1], dtype)))
    if all(n == 1 or s == u for n, s, u in zip(shape, strides, usual, strict=True)):
        return usual
    return strides


def in_precision(array, dtype):
    """A copy of `array` in another precision; what is absent stays so."""
    return np.where(marks_of(array), MARKS[dtype], array.astype(dtype))


def is_dense(shape, strides, dtype):
    """Whether elements fill the memory without gaps, in some order of the axes."""
    step = dtype.itemsize
    for stride, n in sorted((s, n) for s, n in zip(strides, shape, strict=True) if n != 1):
        if stride != step:
            return False
        step *= n
    return True


def strided(array, shape, strides, offset):
    """A view of the memory of a dense array."""
    memory = np.ravel(array, order="K")
    return np.ndarray(shape, array.dtype, memory, offset, strides)


def laid_out(array, strides):
    """`array` in memory with these strides, without gaps."""
    if array.strides == strides:
        return array
    memory = np.empty(array.size, array.dtype)
    out = np.ndarray(array.shape, array.dtype, memory, 0, strides)
    out[...] = array
    return out


def uniform(value):
    """The number that all elements of a constant are; None if it is none."""
    return value.data[1] if value.op == "constant" else None


def is_mark(number, dtype):
    """Whether a number is the mark of what is absent."""
    return number is not None and bool(marks_of(np.asarray(number, dtype)))


def uniform_number(array):
    """The bits that all elements have in common, as a number; None if they differ."""
    if array.size == 0:
        return None
    bits = array.view(f"u{array.dtype.itemsize}")
    first = bits.flat[0]
    return array.flat[0] if bits.size == 1 or bool((bits == first).all()) else None


def repeated(array):
    """An array of equal elements that holds one of them."""
    first = array[tuple(slice(1) for _ in array.shape)].copy()
    return np.broadcast_to(first.reshape(()), array.shape)


def are_apart(one, other, itemsize):
    """Whether two windows onto the same memory have no byte in common; True if it is certain."""
    (low, high), (start, end) = span(one, itemsize), span(other, itemsize)
    return high <= start or end <= low


def span(form, itemsize):
    """First byte of a window and the byte after its last."""
    low = high = form[4]
    for n, stride in zip(form[2], form[3], strict=True):
        if stride > 0:
            high += (n - 1) * stride
        else:
            low += (n - 1) * stride
    return low, high + itemsize
