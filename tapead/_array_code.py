"""Programs of arrays as values that refer to earlier ones, made from a tape and its journal.

A `Graph` is in static single assignment: writes yield new versions, views are windows onto the
memory of a value. Equal operations become one value, operations on constants become constants, and
what no output or guard needs is left out. `_array_plan` turns it into steps.
"""

import math

import numpy as np

from tapead import _array
from tapead._array import MARKS
from tapead._array_algebra import IDENTITIES, rewritten
from tapead._array_layouts import (
    _ADD,
    _CARRY,
    _COPY,
    _JOIN,
    _MERGE,
    _MULTIPLY,
    _NUMBER,
    _PRESENT,
    are_apart,
    c_strides,
    in_precision,
    is_dense,
    is_mark,
    laid_out,
    may_hold_marks,
    repeated,
    strided,
    uniform,
    uniform_number,
    usual_strides,
)  # fmt: skip
from tapead._array_pieces import Pieces
from tapead.elementals import COMMUTING, INSTRUCTIONS, OPCODES

UNARY = [True, *(row.arity == 1 for row in INSTRUCTIONS)]
COMMUTES = {OPCODES[name] for name in COMMUTING}
OP_ARRAY = _array.OP_OF_ARRAYS
_HOPS = 32  # writes that a read looks behind


class Value:
    """A number, an array, or what a step does for its effect.

    `op` is ``"leaf"``, ``"constant"``, ``"element"`` (a row of the table applied element by
    element, `data` is its opcode), ``"window"``, ``"assign"``, ``"pieces"`` (side by side),
    ``"sum"``, ``"max"``, ``"min"``, ``"matmul"``, ``"images"``, ``"primitive"``, ``"part"``,
    ``"stack"``, ``"look"`` or ``"guard"``.
    """

    __slots__ = (
        "args", "data", "depth", "dtype", "group", "marks", "op", "owner", "place", "shape",
        "storage", "strides",
    )  # fmt: skip

    def __init__(self, op, args, shape, dtype, strides=None, data=None):
        self.op, self.args, self.data = op, args, data
        self.shape, self.dtype = shape, np.dtype(dtype)
        self.strides = usual_strides(shape, self.dtype, strides)
        self.group = self.storage = self.owner = None
        self.place = 0  # bytes into the storage
        self.depth = -1
        self.marks = may_hold_marks(self)

    @property
    def nbytes(self):
        """Bytes of all elements."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __repr__(self):
        return f"<{self.op} {self.data if self.op == 'element' else ''} {self.shape} {self.dtype}>"


class Graph(Pieces):
    """Values in the order in which they may be computed."""

    def __init__(self):
        self.values = []
        self.leaves = []
        self.known = {}
        self.outputs = []
        self.guards = []
        self.constants = {}
        self.totals = {}  # sums of what is there, by the value that is absent where nothing is

    # -- making values -----------------------------------------------------------------------

    def add(self, op, args, shape, dtype, strides=None, data=None, key=None):
        """A new value, or the one that is there with the same `key`."""
        if key is not None:
            key = (op, *map(id, args), key)
            found = self.known.get(key)
            if found is not None:
                return found
        value = Value(op, args, shape, dtype, strides, data)
        self.values.append(value)
        if key is not None:
            self.known[key] = value
        return value

    def leaf(self, shape, dtype):
        """The next input."""
        value = self.add("leaf", (), shape, dtype, data=len(self.leaves))
        self.leaves.append(value)
        return value

    def constant(self, array):
        """A value that is the same in every run."""
        array = np.asarray(array)
        if array.dtype.kind != "f":
            array = array.astype(np.float64)
        number = uniform_number(array)
        if number is not None:
            key = (array.dtype, array.shape, np.asarray(number).tobytes())
        elif array.nbytes <= 4096:
            key = (array.dtype, array.shape, array.strides, array.tobytes(order="A"))
        else:
            key = id(array)
        found = self.constants.get(key)
        if found is None:
            if not is_dense(array.shape, array.strides, array.dtype):
                array = np.array(array, order="C")
            held = array if number is None else repeated(array)
            found = Value("constant", (), array.shape, array.dtype, array.strides, (held, number))
            self.constants[key] = found
            self.values.append(found)
        return found

    def element(self, op, args, shape, dtype, strides=None):
        """A row of the table, element by element."""
        args = tuple(self.scalar(arg) if is_repeated(arg) else arg for arg in args)
        if op in _MARKED and any(arg.marks for arg in args):
            op = _MARKED[op]
        simple = self.simplified(op, args, shape, np.dtype(dtype))
        if simple is not None:
            return simple
        names = sorted(args, key=id) if op in COMMUTES else args
        key = ("element", op, shape, np.dtype(dtype), *map(id, names))
        found = self.known.get(key)
        if found is None:
            if strides is None or not is_dense(shape, strides, np.dtype(dtype)):
                strides = None
            found = self.known[key] = self.add("element", args, shape, dtype, strides, op)
        return found

    def simplified(self, op, args, shape, dtype):
        """A value that is there already and that this one equals; None if there is none."""
        if all(arg.op == "constant" for arg in args):
            return self.folded(op, args, shape, dtype)
        if op == _COPY and args[0].shape == shape and args[0].dtype == dtype:
            return args[0]
        if op in _ABSORBING:
            found = self.without_marks(op, args, shape, dtype)
            if found is not None:
                return found
        if op in IDENTITIES:
            found = rewritten(self, op, args, shape, dtype)
            if found is not None:
                return found
        if any(arg.op == "pieces" for arg in args):
            return self.pieces_of_element(op, args, shape, dtype)
        return None

    def without_marks(self, op, args, shape, dtype):
        marks = [is_mark(uniform(arg), arg.dtype) for arg in args]
        if op == _MERGE and True in marks:
            other = args[0] if marks[1] else args[1]
            return self.element(_COPY, (other,), shape, dtype)
        if op == _JOIN and marks[1]:
            return self.element(_COPY, (args[0],), shape, dtype)
        if op == _CARRY and True in marks:
            return self.constant(np.full(shape, MARKS[dtype], dtype))
        for one, other in ((0, 1), (1, 0)):
            if op in (_CARRY, _MULTIPLY) and uniform(args[one]) == 1.0:
                return self.element(_COPY, (args[other],), shape, dtype)
        return self.as_numbers(op, args, shape, dtype)

    def as_numbers(self, op, args, shape, dtype):
        """A rule for what may be absent, of what never is."""
        marks = [arg.marks for arg in args]
        if op == _NUMBER and id(args[0]) in self.totals:
            return self.totals[id(args[0])]
        if op == _NUMBER and not marks[0]:
            return self.element(_COPY, args, shape, dtype)
        if op == _PRESENT and not marks[0]:
            return self.constant(np.full(shape, 1.0, dtype))
        if op == _CARRY and True not in marks:
            return self.element(_MULTIPLY, args, shape, dtype)
        if op == _MERGE and False in marks:
            if True not in marks:
                return self.element(_ADD, args, shape, dtype)
            return self.element(_JOIN, args if marks[1] else args[::-1], shape, dtype)
        if op == _JOIN and not marks[1]:
            return self.element(_ADD, args, shape, dtype)
        return None

    def folded(self, op, args, shape, dtype):
        numbers = [uniform(arg) for arg in args]
        if None in numbers:
            operands = [in_precision(arg.data[0], dtype) for arg in args]
            return self.constant(np.broadcast_to(_array.apply_elemental(op, *operands), shape))
        operands = [in_precision(np.full(1, uniform(arg), arg.dtype), dtype) for arg in args]
        return self.constant(np.full(shape, _array.apply_elemental(op, *operands)[0], dtype))

    def window(self, base, form):
        """A view of a value: `form` is (base shape and strides, shape, strides, offset)."""
        base_shape, base_strides, shape, strides, offset, _ = form
        for _hop in range(_HOPS):
            if base.op != "assign" or base.data[0] is not None:
                break
            where = base.data[1]
            if where[2:5] == form[2:5] and not where[5]:
                return self.element(_COPY, (base.args[1],), shape, base.dtype)
            if not are_apart(where, form, base.dtype.itemsize):
                break
            base = base.args[0]
        if base.op == "constant":
            number = uniform(base)
            if number is not None:
                return self.constant(np.full(shape, number, base.dtype))
            array = laid_out(base.data[0], base_strides)
            return self.constant(np.array(strided(array, shape, strides, offset)))
        if base.strides != base_strides:
            base = self.add("element", (base,), base_shape, base.dtype, base_strides, _COPY)
        if shape == base_shape and strides == base_strides and offset == 0:
            return base
        total = self.totals.get(id(base))  # laid out as the value is, and seen in the same way
        total = None if total is base else total
        if base.op == "window":
            base, offset = base.args[0], offset + base.data
        found = self.moved_window(base, shape, strides, offset)
        if found is not None:
            return found
        found = self.add(
            "window", (base,), shape, base.dtype, strides, offset, (shape, strides, offset)
        )
        if total is not None:
            self.totals[id(found)] = self.window(total, form)
        return found

    def assign(self, base, value, form, index, winners, dtype):
        """A value with other elements in a window."""
        value = self.element(_COPY, (value,), value.shape, dtype)  # in its precision
        base_shape, base_strides, shape, strides, _, repeats = form
        if index is None and not repeats and shape == base_shape and strides == base_strides:
            return self.element(_COPY, (value,), shape, dtype, strides)
        if index is None and not repeats:
            found = self.whole(base, value, form)
            if found is not None:
                return found
        found = self.pieces(base, value, form, index, dtype)
        if found is not None:
            return found
        if base.strides != base_strides:
            if base.op == "constant":
                base = self.constant(laid_out(base.data[0], base_strides))
            else:
                base = self.add("element", (base,), base_shape, dtype, base_strides, _COPY)
        return self.add("assign", (base, value), base_shape, dtype, base_strides, (index, form))

    def whole(self, base, value, form):
        """A write to all elements in another shape, or to the transpose; None if it is another.

        So what a matrix product adds to a parameter used as ``x @ w.T`` needs no zeros to be added
        to, and no copy: ``(a @ b).T`` is ``b.T @ a.T``.
        """
        base_shape, base_strides, shape, strides, offset, _ = form
        dense = c_strides(base_shape, value.dtype)
        if (
            value.shape != shape or offset or base_strides != dense or math.prod(base_shape) == 0
            or math.prod(shape) != math.prod(base_shape)
        ):  # fmt: skip
            return None
        if strides == c_strides(shape, value.dtype) == value.strides:
            return self.reshaped(value, base_shape)
        if value.op != "matmul" or (shape, strides) != (base_shape[::-1], base_strides[::-1]):
            return None
        args = tuple(map(self.transposed, value.args[::-1]))
        if any(len(arg.shape) != 2 for arg in args):
            return None
        return self.add("matmul", args, base_shape, value.dtype, None, None, ())

    def transposed(self, value):
        """A matrix with its axes in the other order."""
        form = (value.shape, value.strides, value.shape[::-1], value.strides[::-1], 0, False)
        return self.window(value, form)

    def reshaped(self, value, shape):
        """A value without gaps in another shape."""
        if value.shape == shape:
            return value
        if value.op == "constant":
            return self.constant(value.data[0].reshape(shape))
        strides = c_strides(shape, value.dtype)
        return self.window(value, (value.shape, value.strides, shape, strides, 0, False))

    def scalar(self, value):
        """The one element of a value, as a number."""
        if value.shape == ():
            return value
        if value.op == "constant":
            return self.constant(np.asarray(uniform(value), value.dtype))
        return self.window(value, (value.shape, value.strides, (), (), 0, False))


def is_repeated(value):
    """Whether a window shows one element again and again."""
    return (
        value.op == "window"
        and value.shape != ()
        and not any(stride for stride, n in zip(value.strides, value.shape, strict=True) if n != 1)
    )


_MARKED = {_MULTIPLY: _CARRY, _ADD: _MERGE}  # what they are where elements may be absent
_ABSORBING = {_MERGE, _JOIN, _CARRY, _MULTIPLY, _NUMBER, _PRESENT}


def needed(graph):
    """The values that outputs and guards need, each behind those that it needs."""
    found, seen = [], set()
    for root in (*graph.guards, *graph.outputs):
        stack = [(root, iter(root.args))]
        while stack:
            value, args = stack[-1]
            if id(value) in seen:
                stack.pop()
                continue
            arg = next((arg for arg in args if id(arg) not in seen), None)
            if arg is None:
                seen.add(id(value))
                found.append(value)
                stack.pop()
            else:
                stack.append((arg, iter(arg.args)))
    return found
