"""SciPy's special functions behind C pointers; imported when one of them is first called."""

cimport scipy.special.cython_special as cs

from tapead._special cimport scipy_functions


cdef double _digamma(double x) noexcept nogil:
    return cs.psi(x)


cdef double _erfinv(double x) noexcept nogil:
    return cs.erfinv(x)


cdef double _erfcx(double x) noexcept nogil:
    return cs.erfcx(x)


cdef double _log_ndtr(double x) noexcept nogil:
    return cs.log_ndtr(x)


scipy_functions.digamma = _digamma
scipy_functions.erfinv = _erfinv
scipy_functions.erfcx = _erfcx
scipy_functions.log_ndtr = _log_ndtr
