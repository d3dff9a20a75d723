"""Cosine and sine transforms that tapead differentiates, by SciPy's names.

`scipy.fft` makes plain arrays of its arguments, so that a traced array is refused there; either
call the functions of this module, or make it the backend of `scipy.fft`:

>>> import numpy as np
>>> import scipy.fft
>>> import tapead.fft
>>> x = np.array([1.0, 2.0, 4.0])
>>> tapead.grad(lambda x: np.sum(tapead.fft.dct(x) ** 2))(x)
array([40., 52., 76.])
>>> with scipy.fft.set_backend(tapead.fft):
...     tapead.grad(lambda x: np.sum(scipy.fft.dct(x) ** 2))(x)
array([40., 52., 76.])
"""

from tapead.primitives import FUNCTIONS
from tapead.primitives._fft import dct, dctn, dst, dstn, idct, idctn, idst, idstn
from tapead.primitives._row import batched_in, is_traced

__all__ = ["dct", "dctn", "dst", "dstn", "idct", "idctn", "idst", "idstn"]

__ua_domain__ = "numpy.scipy.fft"


def __ua_function__(method, args, kwargs):  # noqa: N807 - SciPy asks for it by this name
    """What `scipy.fft` calls in place of its own; NotImplemented leaves it to SciPy."""
    row = FUNCTIONS.get(f"scipy.fft.{method.__name__}")
    if row is None or not (args and (is_traced(args[0]) or batched_in(args))):
        return NotImplemented
    return row.call(*args, **kwargs)
