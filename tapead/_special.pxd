# cython: cdivision=True
"""Scalar functions that rows of the table name and C's library does not have.

Inline where they are short; the others stand in `_special.pyx`.
"""

from libc.math cimport copysign, exp, exp2, fabs, floor, fmod, log, log1p, log2

cdef double sinc_derivative(double n, double x) noexcept nogil
cdef double polygamma(double n, double x) noexcept nogil
cdef double digamma(double x) noexcept nogil
cdef double erfinv(double x) noexcept nogil
cdef double erfcx(double x) noexcept nogil
cdef double log_ndtr(double x) noexcept nogil

ctypedef double (*Unary)(double) noexcept nogil


cdef struct ScipyFunctions:
    # Filled by `_scipy_special` when one of them is first called: importing scipy.special takes
    # twice as long as importing NumPy.
    Unary digamma
    Unary erfinv
    Unary erfcx
    Unary log_ndtr

cdef ScipyFunctions scipy_functions


cdef inline double sign(double x) noexcept nogil:
    return x if x != x else (x > 0) - (x < 0)


cdef inline double maximum(double x, double y) noexcept nogil:
    return x if x > y or x != x else y


cdef inline double minimum(double x, double y) noexcept nogil:
    return x if x < y or x != x else y


cdef inline double fmax(double x, double y) noexcept nogil:
    # C leaves the sign of fmax(0.0, -0.0) open, and compilers differ from call to call
    return x if x >= y or y != y else y


cdef inline double fmin(double x, double y) noexcept nogil:
    return x if x <= y or y != y else y


cdef inline double relu(double x) noexcept nogil:
    return x if x > 0 or x != x else 0.0


cdef inline double heaviside(double x, double y) noexcept nogil:
    return 1.0 if x > 0 else 0.0 if x < 0 else y if x == 0 else x


cdef inline double sech2(double x) noexcept nogil:
    cdef double e = exp(-2.0 * fabs(x))
    return 4.0 * e / ((1.0 + e) * (1.0 + e))


cdef inline double sigmoid(double x) noexcept nogil:
    cdef double e = exp(-fabs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e)


cdef inline double softplus(double x) noexcept nogil:
    return maximum(x, 0.0) + log1p(exp(-fabs(x)))


cdef inline double logit(double x) noexcept nogil:
    # log(x / (1 - x)) loses digits where it vanishes, at 1/2
    return log1p((2.0 * x - 1.0) / (1.0 - x)) if 0.3 < x < 0.65 else log(x / (1.0 - x))


cdef inline double logaddexp(double x, double y) noexcept nogil:
    return x + 0.6931471805599453 if x == y else maximum(x, y) + log1p(exp(-fabs(x - y)))


cdef inline double logaddexp2(double x, double y) noexcept nogil:
    return x + 1.0 if x == y else (
        maximum(x, y) + log1p(exp2(-fabs(x - y))) * 1.4426950408889634
    )


cdef inline double xlogy(double x, double y) noexcept nogil:
    return 0.0 if x == 0 and y == y else x * log(y)


cdef inline double xlog1py(double x, double y) noexcept nogil:
    return 0.0 if x == 0 and y == y else x * log1p(y)


cdef inline double xdivy(double x, double y) noexcept nogil:
    return 0.0 if x == 0 and y == y else x / y


cdef inline double remainder(double x, double y) noexcept nogil:
    # the sign of the divisor, as Python's % and NumPy's remainder have it
    cdef double r = fmod(x, y)
    if r == 0:
        return copysign(0.0, y)
    return r + y if (y < 0) != (r < 0) else r


cdef inline double floor_divide(double x, double y) noexcept nogil:
    # x - fmod(x, y) is a multiple of y up to rounding; as npy_divmod of NumPy has it
    cdef double r = fmod(x, y), q, whole
    if y == 0:
        return x / y
    q = (x - r) / y
    if r != 0 and (y < 0) != (r < 0):
        q -= 1.0
    if q == 0:
        return copysign(0.0, x / y)
    whole = floor(q)
    return whole + 1.0 if q - whole > 0.5 else whole
