"""Series: what a number or an array is along a curve, by Taylor coefficients.

Inside `jet` a function sees a `Series` where it was given a number or an array. It answers NumPy's
protocols: rows of the table by Taylor arithmetic (`_taylor_plan`), array primitives by what their
own rules say (`_series_primitives`). The coefficients are plain, traced, batched, or series of an
outer `jet`; that makes transforms compose.
"""

import math

import numpy as np

from tapead import _array, _batched
from tapead._array import Array, as_array
from tapead._array_methods import ArrayMethods, innermost
from tapead._tape import Var

DROPS = (
    "{} would drop the derivatives of a value inside jet; use NumPy's or tapead's functions on it, "
    "or x.value for the number at t = 0"
)


class Expansion:
    """A `jet` that is running: its order, and how far inside others it is."""

    __slots__ = ("depth", "order")

    def __init__(self, depth, order):
        self.depth, self.order = depth, order


class Series(ArrayMethods):
    """Number or array along a curve: ``coefficients[k]`` is that of ``t**k``.

    Parameters
    ----------
    coefficients : list
        At least that of order 0. Those up to `order` that are not there are zeros.
    level : Expansion
    order : int
    cell : list of int, optional
        The highest order that is not zero by structure; views share it with what they show.
    """

    __slots__ = ("cell", "coefficients", "level")
    __array_priority__ = 1900.0
    __tapead_traced__ = True
    __tapead_series__ = True

    def __init__(self, coefficients, level, order, cell=None):
        self.cell = [len(coefficients) - 1] if cell is None else cell
        self.coefficients = filled(coefficients, order)
        self.level = level

    @property
    def order(self):
        """The highest order."""
        return len(self.coefficients) - 1

    @property
    def terms(self):
        """The coefficients that are not zero by structure."""
        return self.coefficients[: self.cell[0] + 1]

    @property
    def shape(self):
        """Lengths of the axes."""
        return np.shape(self.coefficients[0])

    @property
    def ndim(self):
        """Number of axes."""
        return len(self.shape)

    @property
    def size(self):
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def dtype(self):
        """Type of the elements."""
        return getattr(self.coefficients[0], "dtype", np.dtype(np.float64))

    @property
    def strides(self):
        """Bytes from an element to the next, by axis."""
        return self.coefficients[0].strides

    @property
    def flags(self):
        """Layout of the memory, as NumPy tells it."""
        first = self.coefficients[0]
        return first.flags if hasattr(first, "flags") else np.zeros(self.shape).flags

    @property
    def value(self):
        """The number or array at t = 0, without a path to what it was computed from."""
        first = self.coefficients[0]
        return first.value if hasattr(first, "value") else np.array(first)[()]

    @property
    def imag(self):
        """Zeros."""
        return np.zeros(self.shape, self.dtype)

    @property
    def flat(self):
        """The elements, one after the other."""
        return iter(np.ravel(self))

    def __repr__(self):
        return f"Series({self.coefficients!r})"

    def __bool__(self):
        return bool(self.coefficients[0])

    def __float__(self):
        raise TypeError(DROPS.format("float()"))

    def __int__(self):
        raise TypeError(DROPS.format("int()"))

    def __index__(self):
        raise TypeError("only integers are an index; got a value inside jet")

    def __complex__(self):
        raise TypeError(DROPS.format("complex()"))

    def __array__(self, dtype=None, copy=None):
        raise TypeError(
            DROPS.format("making it a plain array")
            + "; numpy.stack makes an array of such values, "
            "numpy.zeros_like(x) one that they can be written to"
        )

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        from tapead import _series_calls

        return _series_calls.apply_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, function, types, args, kwargs):
        from tapead import _series_calls

        return _series_calls.apply_function(function, args, kwargs)

    def __tapead_elemental__(self, name, inputs):
        from tapead import _series_calls

        return _series_calls.apply_elemental(name, inputs)

    def apply_primitive(self, row, operands, params):
        """A row of the table of primitives, of operands that may be series."""
        from tapead import _series_primitives

        return _series_primitives.apply_primitive(row, operands, params)

    def __getitem__(self, index):
        found = [number(arrayed(c)[index]) for c in self.coefficients]
        return Series(found, self.level, self.order, self.cell)

    def __setitem__(self, index, value):
        """Write to all coefficients; views of the same memory see it."""
        if not self.ndim:
            raise TypeError("a number inside jet cannot be written to; compute another one")
        parts = series_of(value, self.level, self.order)
        self.cell[0] = max(self.cell[0], parts.cell[0])
        for c, part in zip(self.coefficients, parts.coefficients, strict=True):
            c[index] = part

    def viewed(self, function, *args, **kwargs):
        """The same view of every coefficient."""
        found = [number(seen(c, function, args, kwargs)) for c in self.coefficients]
        return Series(found, self.level, self.order, self.cell)

    def each(self, function):
        """A linear function of every coefficient."""
        return Series([number(function(c)) for c in self.terms], self.level, self.order)

    def cut(self, order):
        """The same up to a lower order."""
        cell = [min(self.cell[0], order)]
        return Series(self.coefficients[: order + 1], self.level, order, cell)

    def astype(self, dtype, **kwargs):
        """The array in another type; a plain array if it is not one of real numbers."""
        if np.dtype(dtype).kind in "biu":
            return np.asarray(self.value).astype(dtype)
        return self.each(lambda c: arrayed(c).astype(dtype))

    def copy(self, order="C"):
        """A copy, which may be written to."""
        return self.each(lambda c: c.copy() if np.ndim(c) else c)

    def fill(self, value):
        """Write `value` everywhere."""
        self[...] = value

    def item(self, *args):
        """An element."""
        if not args and self.size != 1:
            raise ValueError("can only convert an array of size 1 to a scalar")
        flat = np.ravel(self)
        return flat[0] if not args else flat[args[0]] if len(args) == 1 else self[args]

    def tolist(self):
        """Nested lists of elements."""
        return [x.tolist() for x in self] if self.ndim else self


def filled(coefficients, order):
    """The coefficients with zeros behind them, as many as the order asks for."""
    missing = order + 1 - len(coefficients)
    if missing <= 0:
        return list(coefficients[: order + 1])
    if type(coefficients[0]) in (float, Var):
        return [*coefficients, *[0.0] * missing]
    traced = any(type(c) is Array for c in coefficients)
    return [*coefficients, *(_zero(coefficients[0], traced) for _ in range(missing))]


def _zero(like, traced):
    shape = np.shape(like)
    if not shape:
        return 0.0
    zeros = np.zeros(shape, like.dtype)
    return _array.passive(zeros) if traced else zeros


def seen(c, function, args, kwargs):
    """A view of one coefficient."""
    return _array.view_of(c, function, *args, **kwargs) if type(c) is Array else (
        function(c, *args, **kwargs))  # fmt: skip


def number(c):
    """A coefficient without axes as a number."""
    if type(c) in (float, Var) or np.ndim(c):
        return c
    c = c[()] if hasattr(c, "__getitem__") else c
    return float(c) if isinstance(c, float) else c


def arrayed(c):
    """A coefficient as an array."""
    return c if hasattr(type(c), "__tapead_elemental__") else as_array(c)


def is_series(x, level):
    """Whether `x` varies along the curve of `level`."""
    return type(x) is Series and x.level is level


def level_of(tree):
    """The innermost level of series in lists, tuples and dicts, None without any."""
    return innermost(Series, tree)


def is_inner(tree, level):
    """Whether a `vmap` inside of `level` runs over something in `tree`."""
    found = _batched.level_of(tree)
    return found is not None and found.depth > level.depth


def series_of(x, level, order):
    """`x` along the curve: itself, or what does not vary."""
    if is_series(x, level):
        return x
    if isinstance(x, list | tuple):
        x = as_array(x)
        return series_of(x, level, order) if is_series(x, level) else Series([x], level, order)
    return Series([x], level, order)
