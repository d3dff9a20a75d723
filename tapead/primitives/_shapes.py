"""Other shapes and orders of the same elements: views that alias their base, as NumPy has them."""

import operator

import numpy as np

from tapead.primitives._core import as_array, copied, data_of, is_traced, view_of
from tapead.primitives._reductions import axes_of
from tapead.primitives._row import answers, call
from tapead.primitives._scans import part


def existing(*names, of=np):
    """The functions of these names that this version of NumPy has."""
    return [getattr(of, name) for name in names if hasattr(of, name)]


def _answers_with_view(*functions, samples):
    """Answer functions whose result is a view of their first argument, `a`."""
    function = functions[0]

    def viewed(a, *args, **kwargs):
        return view_of(as_array(a), function, *args, **kwargs)

    answers(*functions, samples=samples)(viewed)


_answers_with_view(
    np.transpose,  # permute_dims is the same function
    samples=(
        lambda r: call(r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=(2, 3, 4)), axes=(1, -1, 0)),
    ),
)
_answers_with_view(np.swapaxes, samples=(lambda r: call(r.normal(size=(2, 3, 4)), 0, -1),))
_answers_with_view(
    np.moveaxis,
    samples=(
        lambda r: call(r.normal(size=(2, 3, 4)), 0, -1),
        lambda r: call(r.normal(size=(2, 3, 4)), (0, 1), (-1, 0)),
    ),
)
_answers_with_view(
    np.rollaxis,
    samples=(
        lambda r: call(r.normal(size=(2, 3, 4)), 2),
        lambda r: call(r.normal(size=(2, 3, 4)), 0, start=2),
    ),
)
_answers_with_view(
    np.expand_dims,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), 0),
        lambda r: call(r.normal(size=(2, 3)), axis=(0, -1)),
    ),
)
_answers_with_view(
    np.squeeze,
    samples=(
        lambda r: call(r.normal(size=(1, 3, 1))),
        lambda r: call(r.normal(size=(1, 3, 1)), axis=-1),
        lambda r: call(r.normal(size=(1, 1))),
    ),
)
_answers_with_view(
    np.diagonal,
    samples=(
        lambda r: call(r.normal(size=(3, 4))),
        lambda r: call(r.normal(size=(3, 4)), offset=-1),
        lambda r: call(r.normal(size=(3, 2, 4)), 1, axis1=-1, axis2=0),
    ),
)


@answers(
    np.reshape,
    samples=(
        lambda r: call(r.normal(size=(2, 6)), (3, -1)),
        lambda r: call(r.normal(size=(2, 3, 2)), 12, order="F"),
        lambda r: call(r.normal(size=(2, 6)), (4, 3), "F"),
        lambda r: call(r.normal(size=(1, 1)), ()),
    ),
)
def reshape(a, /, shape=None, order="C", *, newshape=None, copy=None):
    a = as_array(a)
    shape = _lengths(newshape if shape is None else shape)
    order = _order(a, order, "CFA")
    if copy is False:
        np.reshape(data_of(a), shape, order, copy=False)  # raises where it has to copy
    a = copied(a) if copy else a
    if order == "F":
        return np.transpose(np.reshape(np.transpose(a), shape[::-1]))
    return view_of(a, np.reshape, shape)


def _lengths(shape):
    """A shape as a tuple."""
    return tuple(shape) if np.iterable(shape) else (operator.index(shape),)


def _order(a, order, known):
    """`order`, with A told to be C or F."""
    if order not in (*known, *known.lower()):
        wanted = ", ".join(known)
        raise ValueError(f"order must be one of {wanted}; got {order!r}")
    flags = a.flags
    if order.upper() == "A":
        return "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    return order.upper()


@answers(
    np.ravel,
    samples=(
        lambda r: call(r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=(2, 3)), order="F"),
        lambda r: call(r.normal(size=(2, 3)), "K"),
        lambda r: call(r.normal(size=())),
    ),
)
def ravel(a, order="C"):
    a = as_array(a)
    order = _order(a, order, "CFAK")
    if order == "K":
        steps = a.strides
        a = np.transpose(a, sorted(range(a.ndim), key=lambda i: -abs(steps[i])))
    return view_of(np.transpose(a) if order == "F" else a, np.ravel)


@answers(
    np.broadcast_to,
    samples=(
        lambda r: call(r.normal(size=3), (2, 3)),
        lambda r: call(r.normal(size=(2, 1, 3)), (4, 2, 2, 3)),
        lambda r: call(r.normal(size=()), (2, 3)),
    ),
)
def broadcast_to(array, shape, subok=False):
    return view_of(as_array(array), np.broadcast_to, shape)


@answers(
    np.broadcast_arrays,
    samples=(lambda r: call(r.normal(size=(2, 1)), r.normal(size=3), 1),),
)
def broadcast_arrays(*args, subok=False):
    arrays = [as_array(x) for x in args]
    shape = np.broadcast_shapes(*(x.shape for x in arrays))
    return tuple(x if x.shape == shape else np.broadcast_to(x, shape) for x in arrays)


def _answers_with_axes(function, least):
    """Answer a function of several arrays that adds the axes which they lack."""

    def lifted(a):
        a = as_array(a)
        if a.ndim >= least:
            return a
        return view_of(a, function) if is_traced(a) else function(a)

    def atleast(*arys):
        found = tuple(map(lifted, arys))
        return found[0] if len(found) == 1 else found

    samples = (
        lambda r: call(r.normal(size=())),
        lambda r: call(r.normal(size=3), r.normal(size=(2, 3)), r.normal(size=(2, 3, 4))),
    )
    answers(function, samples=samples)(atleast)


_answers_with_axes(np.atleast_1d, 1)
_answers_with_axes(np.atleast_2d, 2)
_answers_with_axes(np.atleast_3d, 3)


def _answers_with_turn(function, samples):
    """Answer functions that reverse or turn their argument, `m`."""

    def turned(m, *args, **kwargs):
        return view_of(as_array(m), function, *args, **kwargs)

    answers(function, samples=samples)(turned)


_answers_with_turn(
    np.flip,
    samples=(
        lambda r: call(r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=(2, 3, 4)), axis=(0, -1)),
    ),
)
_answers_with_turn(np.fliplr, samples=(lambda r: call(r.normal(size=(2, 3))),))
_answers_with_turn(np.flipud, samples=(lambda r: call(r.normal(size=4)),))
_answers_with_turn(
    np.rot90,
    samples=(
        lambda r: call(r.normal(size=(2, 3))),
        lambda r: call(r.normal(size=(2, 3, 4)), k=-1, axes=(1, 2)),
    ),
)


def _answers_with_matrices(*functions, view, samples):
    """Answer functions of the array API, which see the last two axes of `x`."""

    def viewed(x, /, **kwargs):
        x = as_array(x)
        if x.ndim < 2:
            raise ValueError(f"expected an array of at least two axes; got shape {x.shape}")
        return view_of(x, view, **kwargs)

    answers(*functions, samples=samples)(viewed)


_answers_with_matrices(
    *existing("matrix_transpose"),
    *existing("matrix_transpose", of=np.linalg),
    view=lambda x: np.swapaxes(x, -1, -2),
    samples=(lambda r: call(r.normal(size=(2, 3, 4))),),
)
_answers_with_matrices(
    *existing("diagonal", of=np.linalg),
    view=lambda x, offset=0: np.diagonal(x, offset, -2, -1),
    samples=(lambda r: call(r.normal(size=(2, 3, 4)), offset=1),),
)


def _bounds(piece):
    """Where a piece of a range of integers starts and stops."""
    return (int(piece[0]), int(piece[-1]) + 1) if piece.size else (0, 0)


def _answers_in_pieces(function):
    """Answer numpy.split or numpy.array_split."""

    def split(ary, indices_or_sections, axis=0):
        ary = as_array(ary)
        (axis,) = axes_of(axis, ary.ndim)
        pieces = function(np.arange(ary.shape[axis]), indices_or_sections)
        return [ary[part(axis, *_bounds(piece))] for piece in pieces]

    samples = (
        lambda r: call(r.normal(size=6), 3),
        lambda r: call(r.normal(size=(2, 6)), [1, 4, 9], axis=-1),
    )
    answers(function, samples=samples)(split)


_answers_in_pieces(np.split)
_answers_in_pieces(np.array_split)


def _answers_in_pieces_along(function, axis, least, samples):
    """Answer a split along one certain axis of arrays with at least so many."""

    def split(ary, indices_or_sections):
        ary = as_array(ary)
        if ary.ndim < least:
            function(data_of(ary), indices_or_sections)  # raises
        return np.split(ary, indices_or_sections, axis if ary.ndim > 1 else 0)

    answers(function, samples=samples)(split)


_answers_in_pieces_along(
    np.hsplit,
    1,
    1,
    samples=(
        lambda r: call(r.normal(size=4), 2),
        lambda r: call(r.normal(size=(2, 4)), [1]),
    ),
)
_answers_in_pieces_along(np.vsplit, 0, 2, samples=(lambda r: call(r.normal(size=(4, 2)), 2),))
_answers_in_pieces_along(np.dsplit, 2, 3, samples=(lambda r: call(r.normal(size=(2, 3, 4)), 2),))


@answers(
    *existing("unstack"),
    samples=(
        lambda r: call(r.normal(size=(2, 3)), axis=-1),
        lambda r: call(r.normal(size=3)),
    ),
)
def unstack(x, /, *, axis=0):
    return tuple(np.moveaxis(as_array(x), axis, 0))


@answers(np.real, samples=(lambda r: call(r.normal(size=(2, 3))),))
def real(val):
    return as_array(val)


@answers(np.real_if_close, samples=(lambda r: call(r.normal(size=(2, 3))),))
def real_if_close(a, tol=100):
    return as_array(a)


@answers(np.imag)
def imag(val):
    val = as_array(val)
    return np.zeros(val.shape, val.dtype)


@answers(np.conjugate, samples=(lambda r: call(r.normal(size=(2, 3))),))
def conjugate(x, /):
    return np.positive(x)


@answers(
    np.lib.stride_tricks.sliding_window_view,
    samples=(
        lambda r: call(r.normal(size=5), 3),
        lambda r: call(r.normal(size=(4, 5)), (2, 3)),
        lambda r: call(r.normal(size=(4, 5)), 2, axis=0),
    ),
)
def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    return view_of(as_array(x), np.lib.stride_tricks.sliding_window_view, window_shape, axis)
