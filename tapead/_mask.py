"""Masks: comparisons of traced arrays while a Program of arrays is being recorded.

A mask computes its booleans anew in every replay where they select: in ``where``, in rules that
keep some elements, in sums of booleans. For everything else it hands out the booleans of the
recording, and the program then checks in every replay that they are still the same.
"""

import numpy as np

from tapead import _array
from tapead.elementals import OPCODES

_CODES = {
    np.less: "less", np.less_equal: "less_equal", np.greater: "greater",
    np.greater_equal: "greater_equal", np.equal: "equal", np.not_equal: "not_equal",
}  # fmt: skip
_MOVING = (
    np.broadcast_to, np.reshape, np.expand_dims, np.squeeze, np.transpose, np.swapaxes,
    np.moveaxis, np.ravel,
)  # fmt: skip


def compared(ufunc, inputs):
    """The mask of a comparison of traced arrays; None if there is no such mask."""
    inputs = [x.array if isinstance(x, Mask) else x for x in inputs]
    if ufunc in _CODES:
        found = _apply(_CODES[ufunc], *inputs)
    elif ufunc is np.isnan:
        found = _apply("not_equal", inputs[0], inputs[0])
    elif ufunc is np.isinf:
        found = _apply("equal", np.absolute(inputs[0]), np.inf)
    elif ufunc is np.isfinite:
        found = _apply("less", np.absolute(inputs[0]), np.inf)
    else:
        return None
    return Mask(found) if isinstance(found, _array.Array) else None


def _apply(name, *operands):
    return _array.apply_elemental(OPCODES[name], *operands)


class Mask:
    """Booleans that depend on traced arrays: `array` is 1 where they are true, else 0."""

    __tapead_mask__ = True
    __array_priority__ = 2000.0
    __slots__ = ("array", "node", "seen")
    __hash__ = object.__hash__
    dtype = np.dtype(bool)

    def __init__(self, array):
        self.array = array
        self.seen = None

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)

    def now(self):
        """The booleans of the recording, for an operation that the program computes anew."""
        self.node = _array.node_of(self.array)
        return _array.data_of(self.array) != 0

    def plain(self):
        """The booleans of the recording, which every replay then compares with its own."""
        if self.seen is None:
            self.seen = self.array.value != 0
        return self.seen

    def __array__(self, dtype=None, copy=None):
        found = self.plain()
        return found.copy() if dtype is None else found.astype(dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        rule = _LOGIC.get(ufunc)
        if rule is not None and method == "__call__" and not kwargs:
            return rule(*inputs)
        if ufunc in _CODES or ufunc in (np.isnan, np.isinf, np.isfinite, *_LOGIC):
            inputs = [x.plain() if isinstance(x, Mask) else x for x in inputs]
        else:  # arithmetic: a boolean is 0 or 1
            inputs = [x.array if isinstance(x, Mask) else x for x in inputs]
            kwargs = {key: x.plain() if isinstance(x, Mask) else x for key, x in kwargs.items()}
        return getattr(ufunc, method)(*inputs, **kwargs)

    def __array_function__(self, function, types, args, kwargs):
        if function is np.where and len(args) == 3:
            return _array.call(function, args, kwargs)
        if function in _MOVING and isinstance(args[0], Mask):
            return Mask(function(args[0].array, *args[1:], **kwargs))
        if function in (np.sum, np.count_nonzero, np.mean) and isinstance(args[0], Mask):
            function = np.sum if function is np.count_nonzero else function
            return function(args[0].array, *args[1:], **_plain(kwargs))
        return function(*_plain(args), **_plain(kwargs))

    def __getitem__(self, index):
        found = self.array[index]
        return Mask(found) if isinstance(found, _array.Array) else bool(found != 0)

    def __getattr__(self, name):
        return getattr(self.plain(), name)

    def __bool__(self):
        return bool(self.plain())

    def __len__(self):
        return len(self.array)

    def __iter__(self):
        return iter(self.plain())

    def __repr__(self):
        return repr(self.plain())

    def __invert__(self):
        return np.logical_not(self)

    def __and__(self, other):
        return np.logical_and(self, other)

    def __or__(self, other):
        return np.logical_or(self, other)

    def __xor__(self, other):
        return np.logical_xor(self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __eq__(self, other):
        return self.plain() == other

    def __ne__(self, other):
        return self.plain() != other

    def __add__(self, other):
        return self.array + other

    def __mul__(self, other):
        return self.array * other

    def __sub__(self, other):
        return self.array - other

    def __rsub__(self, other):
        return other - self.array

    __radd__, __rmul__ = __add__, __mul__


def _plain(tree):
    """Arguments with plain booleans for masks."""
    if isinstance(tree, Mask):
        return tree.plain()
    if isinstance(tree, list | tuple):
        return type(tree)([_plain(item) for item in tree])
    return {key: _plain(x) for key, x in tree.items()} if isinstance(tree, dict) else tree


def _logic(name):
    def rule(*operands):
        like = next(x for x in operands if isinstance(x, Mask)).array.dtype
        arrays = [
            x.array if isinstance(x, Mask) else np.asarray(x, dtype=bool).astype(like)
            for x in operands
        ]
        if name == "not":
            return Mask(_apply("subtract", 1.0, arrays[0]))
        return Mask(_apply(name, *arrays))

    return rule


_LOGIC = {
    np.logical_and: _logic("multiply"), np.bitwise_and: _logic("multiply"),
    np.logical_or: _logic("maximum"), np.bitwise_or: _logic("maximum"),
    np.logical_xor: _logic("not_equal"), np.bitwise_xor: _logic("not_equal"),
    np.logical_not: _logic("not"), np.invert: _logic("not"),
}  # fmt: skip
