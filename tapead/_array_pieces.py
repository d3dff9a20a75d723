"""Rows of pieces: arrays of one axis that are put together from stretches.

Writes to stretches of a new array, as adjoints of slices are, make such a row. What is computed of
it is computed piece by piece, and windows onto computed elements are computations on windows: so a
stencil and its adjoint become one loop.
"""

import math

import numpy as np

from tapead._array_layouts import _COPY, is_single, uniform
from tapead.elementals import OPCODES

MOST_PIECES = 8
MOST_WORK = 60  # rows that are computed again rather than stored
LIGHT = {OPCODES[name] for name in (
    "add", "subtract", "multiply", "divide", "negative", "copy", "square", "reciprocal", "sqrt",
    "absolute", "sign", "maximum", "minimum", "number", "join", "carry", "merge", "present",
    "seed", "taken", "less", "less_equal", "greater", "greater_equal", "equal", "not_equal",
)} | {code for name, code in OPCODES.items() if "_partial_" in name}  # fmt: skip


class Pieces:
    """What a `Graph` does about windows onto arrays of one axis, and writes to them."""

    def moved_window(self, base, shape, strides, offset):
        """A window onto computed elements as a computation on windows; None if it costs more."""
        if len(base.shape) != 1 or len(shape) != 1 or strides != base.strides or shape[0] == 0:
            return None
        first = offset // base.dtype.itemsize
        if base.op == "pieces":
            return self.cut(base, first, first + shape[0])
        if base.op == "element" and is_cheap(base):
            return self.part_of_element(base, first, first + shape[0])
        return None

    def part_of_element(self, value, first, last):
        """Elements `first` to last - 1 of a value that rows compute."""
        args = tuple(
            self.range_of(arg, first, last) if arg.shape == value.shape else arg
            for arg in value.args
        )
        return self.element(value.data, args, (last - first,), value.dtype)

    def range_of(self, value, first, last):
        """Elements `first` to last - 1 of a value with one axis."""
        if (first, last) == (0, value.shape[0]):
            return value
        if value.op == "constant" and uniform(value) is not None:
            return self.constant(np.full(last - first, uniform(value), value.dtype))
        return self.window(
            value,
            (
                value.shape,
                value.strides,
                (last - first,),
                value.strides,
                first * value.strides[0],
                False,
            ),
        )

    def pieces(self, base, value, form, index, dtype):
        """A write to a stretch of a constant or of a row of pieces; None if it is another."""
        base_shape, _, shape, strides, offset, _ = form
        itemsize = dtype.itemsize
        if (
            index is not None
            or len(base_shape) != 1
            or len(shape) > 1
            or value.shape != shape
            or value.dtype != dtype
            or (shape and strides != (itemsize,))
        ):
            return None
        first = offset // itemsize
        last = first + (shape[0] if shape else 1)
        if base.op == "pieces":
            parts = list(zip(base.data, base.args, strict=True))
        elif uniform(base) is not None:
            parts = [((0, base_shape[0]), base)]
        else:
            return None
        if not shape or first == last:
            return None
        kept = [*self.cut_parts(parts, 0, first), ((first, last), value)]
        kept += self.cut_parts(parts, last, base_shape[0])
        return self.row_of_pieces(kept, base_shape, dtype)

    def cut_parts(self, parts, first, last):
        """What of the parts lies between `first` and `last`."""
        kept = []
        for (start, end), value in parts:
            low, high = max(start, first), min(end, last)
            if low < high:
                kept.append(((low, high), self.range_of(value, low - start, high - start)))
        return kept

    def row_of_pieces(self, parts, shape, dtype):
        """Parts side by side; None if there are too many."""
        flat = []
        for (first, last), value in parts:
            if value.op == "pieces":
                flat += [
                    ((first + low, first + high), part)
                    for (low, high), part in zip(value.data, value.args, strict=True)
                ]
            else:
                flat.append(((first, last), value))
        parts = flat
        if len(parts) > MOST_PIECES:
            return None
        if len(parts) == 1:
            return self.element(_COPY, (parts[0][1],), shape, dtype)
        places, values = zip(*parts, strict=True)
        return self.add("pieces", values, shape, dtype, None, places, (places, shape))

    def cut(self, row, first, last):
        """A stretch of a row of pieces."""
        parts = self.cut_parts(list(zip(row.data, row.args, strict=True)), first, last)
        parts = [((low - first, high - first), value) for (low, high), value in parts]
        return self.row_of_pieces(parts, (last - first,), row.dtype)

    def pieces_of_element(self, op, args, shape, dtype):
        """A row of the table, piece by piece; None if the pieces cost more than they save."""
        if len(shape) != 1 or not all(
            arg.shape == shape or math.prod(arg.shape) == 1 for arg in args
        ):
            return None
        if not all(arg.op != "element" or is_cheap(arg) for arg in args):
            return None
        ends = sorted({end for arg in args if arg.op == "pieces" for _, end in arg.data})
        if len(ends) > MOST_PIECES:
            return None
        parts = []
        for first, last in zip([0, *ends], ends, strict=False):
            cut = tuple(
                self.range_of(arg, first, last) if arg.shape == shape else arg for arg in args
            )
            parts.append(((first, last), self.element(op, cut, (last - first,), dtype)))
        return self.row_of_pieces(parts, shape, dtype)


def is_cheap(value):
    """Whether an element costs less to compute once more than to store and load.

    Comparisons must see the same bits again: functions have others where elements are few, and
    what was narrowed is rounded where it is stored.
    """
    seen, stack = set(), [value]
    while stack and len(seen) <= MOST_WORK:
        top = stack.pop()
        if top.op != "element" or id(top) in seen:
            continue
        if top.data not in LIGHT or (top.dtype.itemsize == 4 and not is_single(top)):
            return False
        seen.add(id(top))
        stack.extend(top.args)
    return not stack
