"""Operations on containers of arrays and numbers whose rules take all operands together.

The tape asks a row for the adjoint of one operand at a time, and for the tangent that one operand
causes. A `Joint` row has one rule for all of them; what it computed for the first operand is kept
until the last has fetched its part.
"""

import numpy as np

from tapead._array import Array, as_array
from tapead._batched import BatchedArray, level_of
from tapead._containers import leaves, map_leaves
from tapead._numpy import holds_traced
from tapead._tape import Var
from tapead.primitives import Primitive

SMALL = 1 << 15  # bytes: a plain constant is copied up to this size


class Flat:
    """A container as the list of its leaves, and the way back.

    The leaves of a batched array are its data.
    """

    __slots__ = ("leaves", "levels", "skeleton")

    def __init__(self, tree):
        self.leaves, self.levels = [], []
        self.skeleton = map_leaves(self._collect, tree)

    def _collect(self, leaf):
        levels = []
        while type(leaf) is BatchedArray:
            levels.append(leaf.level)
            leaf = leaf.data
        self.leaves.append(leaf)
        self.levels.append(levels[::-1])
        return 0.0

    def filled(self, values):
        """The container around other leaves."""
        queue = iter([_batched(x, found) for x, found in zip(values, self.levels, strict=True)])
        return map_leaves(lambda _: next(queue), self.skeleton)


def _batched(x, levels):
    for level in levels:
        x = BatchedArray(x, level)
    return x


class Call:
    """One application of a `Joint` row: its arguments, and what its rules need to rebuild them.

    Operands are the float arrays and the traced numbers among the leaves; `traced` tells which of
    them are traced. Everything else is static.
    """

    __slots__ = ("_last", "arguments", "numbers", "operands", "places", "results", "traced")

    def __init__(self, tree):
        self.arguments = flat = Flat(tree)
        self.operands, self.places = [], []
        for k, leaf in enumerate(flat.leaves):
            if is_operand(leaf):
                self.operands.append(as_array(leaf) if is_array(leaf) else leaf)
                self.places.append(k)
                flat.leaves[k] = None  # the tape keeps what it needs
            else:
                flat.leaves[k] = _own(leaf)
        self.traced = [type(x) in (Array, Var) for x in self.operands]
        self.numbers = [type(x) is Var for x in self.operands]
        self._last = None

    def __repr__(self):
        return "…"  # a trace shows the operands

    def tree(self, operands):
        """The arguments with other operands."""
        found = list(self.arguments.leaves)
        for k, x, number in zip(self.places, operands, self.numbers, strict=True):
            found[k] = as_number(x) if number else x
        return self.arguments.filled(found)

    def separate(self, result):
        """The float leaves of a result as plain arrays: one, or a tuple of them."""
        self.results = flat = Flat(result)
        floats = [np.asarray(leaf) for leaf in flat.leaves if is_float(leaf)]
        flat.leaves = [None if is_float(leaf) else leaf for leaf in flat.leaves]
        return floats[0] if len(floats) == 1 else tuple(floats)

    def joined(self, floats):
        """A result around its float leaves."""
        queue = iter(floats if isinstance(floats, tuple) else (floats,))
        return self.results.filled(next(queue) if x is None else x for x in self.results.leaves)

    def once(self, bar, i, compute):
        """Adjoint of operand i, of those that `compute` gives for all of them."""
        last = self._last  # of this thread, or of another whose parts are left alone
        if last is None or last[0] is not bar or i not in last[1]:
            last = self._last = bar, dict(enumerate(compute()))
        part = last[1].pop(i)
        if not any(k in last[1] for k, traced in enumerate(self.traced) if traced):
            self._last = None
        return part


class Joint(Primitive):
    """A row whose rules take all operands together.

    Parameters
    ----------
    name : str
    function : callable
        Takes the arguments and returns the result, containers both.
    pull : callable
        ``pull(call, v_bars, vs, operands)``: an adjoint per operand, None where there is no path;
        `vs` and `v_bars` are lists with the float leaves of the result, and zeros for the adjoints
        of those that nothing has reached.
    push : callable
        ``push(call, i, x_dot, vs, operands)``: a tangent per float leaf of the result.
    reads : str
        As of any row.
    """

    def __init__(self, name, function, pull, push, reads="*v"):
        self.name, self.function, self.pull, self.push = name, function, pull, push
        self.reads, self.moves, self.adjoints = reads, False, ()

    def apply(self, tree):
        """Result at arguments some of which are traced."""
        call = Call(tree)
        operands, call.operands = call.operands, None
        return call.joined(self(*operands, call=call))

    def value(self, *operands, call):
        result = self.function(*call.tree(operands))
        if any_traced(result):
            raise TypeError(
                f"{self.name} gave a traced result for plain arguments: it uses traced values that "
                "are not among its arguments; pass them in as arguments"
            )
        floats = call.separate(result)
        return _unshared(floats, operands)

    def pullback(self, i, v_bar, v, *operands, call):
        return call.once(v_bar, i, lambda: self._pulled(v_bar, v, operands, call))

    def _pulled(self, v_bar, v, operands, call):
        vs, bars = as_list(v), as_list(v_bar)
        pairs = zip(bars, vs, strict=True)
        bars = [np.zeros(x.shape, x.dtype) if w is None else w for w, x in pairs]
        parts = self.pull(call, bars, vs, operands)
        return [None if part is None else as_array(part) for part in parts]

    def pushforward(self, i, x_dot, v, *operands, call):
        dots = self.push(call, i, x_dot, as_list(v), operands)
        dots = tuple(as_array(dot) for dot in dots)
        return dots if isinstance(v, tuple) else dots[0]


def is_array(x):
    return type(x) is Array or isinstance(x, np.ndarray)


def is_operand(x):
    """Whether a leaf is a float array or traced."""
    if isinstance(x, np.ndarray):
        return x.dtype in (np.float64, np.float32) or (x.dtype == object and holds_traced(x))
    return type(x) in (Array, Var)


def is_float(x):
    """Whether a leaf of a plain result is a number or an array that carries a derivative."""
    if isinstance(x, np.ndarray):
        return x.dtype in (np.float64, np.float32)
    return isinstance(x, float | np.float32)


def any_traced(tree):
    """Whether a leaf is traced, or an array of objects holds something that is."""
    return any(type(x) is Array or holds_traced(x) for x in Flat(tree).leaves)


def holds_series(tree):
    """Whether a leaf is a value inside `jet`."""
    return any(hasattr(type(leaf), "__tapead_series__") for leaf in leaves(tree))


def refuse_series(name, tree):
    """Raise where rules for adjoints and tangents are asked for higher orders."""
    if holds_series(tree):
        raise TypeError(
            f"{name} is not supported inside jet: its rules give first derivatives; nest "
            "tapead.jvp for those of higher orders"
        )


def batched_level(tree):
    """The innermost level of batched leaves, None if there are none."""
    return level_of([x for x in leaves(tree) if type(x) is BatchedArray])


def as_number(x):
    """A number out of an array without axes."""
    if type(x) in (float, Var):
        return x
    x = x[()]
    return float(x) if isinstance(x, np.floating) else x


def as_leaf(x):
    """An array, or a number where there are no axes."""
    return as_number(x) if shape_of(x) == () else x


def shape_of(x):
    return getattr(x, "shape", ())


def carries(x):
    """Whether a leaf of a result has a derivative."""
    return type(x) in (Array, Var) or is_float(x) or holds_traced(x)


def is_leaf(tree):
    found = leaves(tree)
    return len(found) == 1 and found[0] is tree


def as_list(x):
    return list(x) if isinstance(x, tuple) else [x]


def _own(leaf):
    """A static leaf, whatever the user writes to it later."""
    return leaf.copy() if isinstance(leaf, np.ndarray) and leaf.nbytes <= SMALL else leaf


def _unshared(floats, operands):
    """Results that are no operand's memory, which the tape holds already."""
    if isinstance(floats, tuple):
        return tuple(_unshared(x, operands) for x in floats)
    shared = any(np.may_share_memory(floats, x) for x in operands)
    return floats.copy() if shared else floats
