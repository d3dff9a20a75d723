"""Cosine and sine transforms of SciPy; what is refused because it is complex."""

import numpy as np

from tapead.primitives._core import as_array
from tapead.primitives._reductions import axes_of
from tapead.primitives._row import Primitive, answers, call, takes_batched
from tapead.primitives._scans import part

_COMPLEX = (
    "it is of complex numbers; use tapead.fft.dct or tapead.fft.dst, or numpy.matmul with "
    "matrices of cosines and sines"
)
REFUSED = {
    **{
        getattr(np.fft, name): _COMPLEX
        for name in (
            "fft", "ifft", "fft2", "ifft2", "fftn", "ifftn", "rfft", "irfft", "rfft2", "irfft2",
            "rfftn", "irfftn", "hfft", "ihfft",
        )
    },
    **{
        getattr(np.emath, name): f"it may be complex; use numpy.{name}"
        for name in ("sqrt", "log", "log2", "log10", "power", "arccos", "arcsin", "arctanh")
    },
    np.emath.logn: "it may be complex; use numpy.log(x) / numpy.log(n)",
    np.linalg.eig: "it may be complex; use numpy.linalg.eigh for symmetric matrices",
    np.linalg.eigvals: "it may be complex; use numpy.linalg.eigvalsh for symmetric matrices",
    np.roots: "they may be complex; solve for a real root with tapead.implicit.root",
}  # fmt: skip

# By type: the type of the transposed matrix, and of the inverse.
_TURNED = {1: 1, 2: 3, 3: 2, 4: 4}
_INVERSE_NORMS = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _value(x, kind, number, axis, norm, orthogonalize):
    import scipy.fft

    # not by SciPy, which scaled the wrong end of a sine transform once (1.11)
    before, after = _ends(kind, number) if orthogonalize else ([], [])
    x = _weighted(x, 2.0**0.5, before, axis)
    v = getattr(scipy.fft, kind)(x, number, axis=axis, norm=norm, orthogonalize=False)
    return _weighted(v, 0.5**0.5, after, axis)


def _ends(kind, number):
    """Where a factor to numbers, and one to their transform, make the matrix orthogonal."""
    if number == 4 or (kind == "dst" and number == 1):
        return [], []
    ends = [0, -1] if number == 1 else [0] if kind == "dct" else [-1]
    return ends if number in (1, 3) else [], ends if number in (1, 2) else []


def _weighted(x, factor, places, axis):
    """`x` with a factor at places along an axis."""
    if not places:
        return x
    weights = np.ones((x.shape[axis],) + (1,) * (x.ndim - axis - 1), x.dtype)
    weights[places] = factor
    return x * weights


def _pullback(i, w, v, x, kind, number, axis, norm, orthogonalize):
    how = {"axis": axis, "norm": norm, "orthogonalize": orthogonalize}
    before, after = ([], []) if orthogonalize else _ends(kind, number)
    w = _transform(_weighted(w, 2.0, after, axis), kind, number=_TURNED[number], **how)
    return _weighted(w, 0.5, before, axis)


_TRANSFORMS = {
    kind: Primitive(kind, _value, _pullback, reads="", adjoints=("the transposed transform of Z̄",))
    for kind in ("dct", "dst")
}


def _transform(x, kind, **how):
    return _TRANSFORMS[kind](x, kind=kind, **how)


def _of_length(x, n, axis):
    """`x` cut, or filled up with zeros, along an axis."""
    if n is None or n == x.shape[axis]:
        return x
    if n < 1:
        raise ValueError(f"expected at least one point; got n={n}")
    if n < x.shape[axis]:
        return x[part(axis, n)]
    beyond = (*x.shape[:axis], n - x.shape[axis], *x.shape[axis + 1 :])
    return np.concatenate([x, np.zeros(beyond, x.dtype)], axis)


def _transformed(x, name, number, n, axis, norm, orthogonalize):
    """The transform of this name along one axis; an inverse is one of another type and norm."""
    if number not in _TURNED or norm not in _INVERSE_NORMS:
        raise ValueError(
            "expected type 1, 2, 3 or 4 and norm None, 'backward', 'ortho' or 'forward'; got "
            f"{number!r} and {norm!r}"
        )
    orthogonalize = norm == "ortho" if orthogonalize is None else orthogonalize
    if name.startswith("i"):
        number, norm = _TURNED[number], _INVERSE_NORMS[norm]
    (axis,) = axes_of(axis, x.ndim)
    x = x if x.dtype.kind == "f" else x.astype(float)
    how = {"axis": axis, "norm": norm, "orthogonalize": orthogonalize}
    return _transform(_of_length(x, n, axis), kind=name[-3:], number=number, **how)


_DOC = """{article} {what} transform of real numbers, as `scipy.fft.{name}` has it.

    Parameters
    ----------
    x : array_like of float
        The numbers to transform.
    type : {{1, 2, 3, 4}}, optional
        Which of the transforms.
    {length}
        Number of points: what is there is cut, or filled up with zeros. The whole by default.
    {along}
        Where to transform.
    norm : {{"backward", "ortho", "forward"}}, optional
        Where the scaling is: in the inverse, in both, or in the transform that is not an inverse.
    overwrite_x : bool, optional
        Without effect: `x` is kept.
    workers : int, optional
        Without effect.
    orthogonalize : bool, optional
        Whether the matrix of the transform is orthogonal up to a factor: as it is by default where
        `norm` is ``"ortho"``.

    Returns
    -------
    ndarray or Array
        The transform: it is linear, and its adjoint is a transform again.

    Raises
    ------
    ValueError
        If there is no such type or norm.
    """


def _answers_along(name, what, sample):
    """Answer a transform along one axis."""

    def transform(
        x, type=2, n=None, axis=-1, norm=None, overwrite_x=False, workers=None, orthogonalize=None
    ):
        return _transformed(as_array(x), name, type, n, axis, norm, orthogonalize)

    _named(transform, name, what, "n : int, optional", "axis : int, optional")
    samples = [_sample(number, **sample) for number in _TURNED]
    return answers(f"scipy.fft.{name}", samples=samples)(takes_batched(transform))


def _answers_over(name, what, sample):
    """Answer a transform over several axes."""

    def transform(
        x, type=2, s=None, axes=None, norm=None, overwrite_x=False, workers=None,
        *, orthogonalize=None,
    ):  # fmt: skip
        x = as_array(x)
        if axes is None:
            axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
        axes = axes_of(tuple(axes) if np.iterable(axes) else axes, x.ndim)
        lengths = [None] * len(axes) if s is None else s if np.iterable(s) else (s,)
        for axis, n in zip(axes, lengths, strict=True):
            x = _transformed(x, name[:-1], type, n, axis, norm, orthogonalize)
        return x

    length = "s : int or sequence of int, optional"
    _named(transform, name, what, length, "axes : int or sequence of int, optional")
    return answers(f"scipy.fft.{name}", samples=[_sample(2, **sample)])(takes_batched(transform))


def _sample(number, **how):
    return lambda r: call(r.normal(size=(3, 4)), number, **how)


def _named(function, name, what, length, along):
    """Give a function its name and its documentation."""
    article = "Inverse" if name.startswith("i") else "The"
    function.__name__ = function.__qualname__ = name
    function.__doc__ = _DOC.format(
        article=article, what=what, name=name, length=length, along=along
    )


dct = _answers_along("dct", "cosine", {"n": 5})
idct = _answers_along("idct", "cosine", {"norm": "ortho", "axis": 0})
dst = _answers_along("dst", "sine", {"norm": "forward", "n": 3})
idst = _answers_along("idst", "sine", {"norm": "backward", "axis": -2})
dctn = _answers_over("dctn", "cosine", {"norm": "ortho", "orthogonalize": False})
idctn = _answers_over("idctn", "cosine", {"s": (2, 5)})
dstn = _answers_over("dstn", "sine", {"axes": (1, 0)})
idstn = _answers_over("idstn", "sine", {"axes": 1, "s": 3})


def _answers_shift(function, half):
    """Answer a rotation of the axes by half of their lengths."""

    def shift(x, axes=None):
        x = as_array(x)
        axes = axes_of(tuple(axes) if np.iterable(axes) else axes, x.ndim)
        return np.roll(x, [half(x.shape[i]) for i in axes], axes)

    answers(
        function,
        samples=(
            lambda r: call(r.normal(size=(3, 4))),
            lambda r: call(r.normal(size=(3, 4)), axes=0),
        ),
    )(shift)


_answers_shift(np.fft.fftshift, lambda n: n // 2)
_answers_shift(np.fft.ifftshift, lambda n: -(n // 2))
