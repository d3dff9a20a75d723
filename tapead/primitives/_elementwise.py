"""NumPy's functions that act element by element and are no ufuncs: rows of the elementals."""

import numpy as np

from tapead._array import apply_elemental
from tapead.elementals import OPCODES
from tapead.primitives._core import as_array
from tapead.primitives._row import answers, call, into


@answers(
    np.clip,
    samples=(
        lambda r: call(r.normal(size=(2, 3)), -0.5, 0.5),
        lambda r: call(r.normal(size=3), r.normal(size=3) - 2.0, None),
    ),
)
def clip(a, a_min=None, a_max=None, out=None, *, min=None, max=None, **kwargs):
    low, high = (new if old is None else old for old, new in ((a_min, min), (a_max, max)))
    a = as_array(a)
    if low is not None:
        a = apply_elemental(OPCODES["clip_min"], a, low)
    if high is not None:
        a = apply_elemental(OPCODES["clip_max"], a, high)
    return into(out, a)


@answers(np.sinc, samples=(lambda r: call(r.normal(size=3)),))
def sinc(x):
    return apply_elemental(OPCODES["sinc_derivative"], 0.0, as_array(x))


def _rounded(a, decimals=0, out=None):
    scale = 10.0**decimals
    return into(out, np.rint(as_array(a) * scale) / scale)


@answers(np.round, samples=(lambda r: call(r.normal(size=3), 1),))
def round(a, decimals=0, out=None):
    return _rounded(a, decimals, out)


if np.around is not np.round:
    answers(np.around)(_rounded)


@answers(np.fix, samples=(lambda r: call(3.0 * r.normal(size=3)),))
def fix(x, out=None):
    return into(out, np.trunc(as_array(x)))


@answers(np.polyval, samples=(lambda r: call(r.normal(size=3), r.normal(size=(2, 2))),))
def polyval(p, x):
    """By Horner's rule."""
    p, x = as_array(p), as_array(x)
    y = x * 0.0
    for coefficient in p:
        y = y * x + coefficient
    return y
