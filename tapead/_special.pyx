"""Special functions: polygamma, and SciPy's functions, loaded when called."""

from libc.math cimport floor, isinf, isnan, tgamma
from libc.stdint cimport int64_t

import importlib

cdef double NAN = float("nan")

# B_2k / (2k)! for the Euler-Maclaurin sum (NIST DLMF 24.2, 5.15.8)
cdef double[10] BERNOULLI = [
    1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66,
    -691.0 / 2730, 7.0 / 6, -3617.0 / 510, 43867.0 / 798, -174611.0 / 330,
]


cdef double polygamma(double n, double x) noexcept nogil:
    """n-th derivative of digamma, n >= 1: recurrence, then asymptotics (DLMF 5.15.5, 5.15.8)."""
    cdef double total = 0.0, factorial = tgamma(n + 1.0), y = x, power, term
    cdef int k
    if isnan(x) or x < -1e6 or (x <= 0 and x == floor(x)):
        return NAN
    while y < 10.0 + n:
        total += factorial / _whole_power(y, <int>n + 1)
        y += 1.0
    if isinf(y):
        return 0.0
    power = factorial / (n * _whole_power(y, <int>n))  # (n - 1)! / y^n
    total += power + 0.5 * n * power / y
    term = 0.5 * n * (n + 1) * power / (y * y)  # (2k + n - 1)! / ((2k)! y^(2k + n)) for k = 1
    for k in range(10):
        total += BERNOULLI[k] * term
        term *= (2 * k + n + 2) * (2 * k + n + 3) / ((2 * k + 3) * (2 * k + 4) * y * y)
    return total if <int64_t>n % 2 else -total


cdef double _whole_power(double x, int n) noexcept nogil:
    cdef double out = 1.0
    for _ in range(n):
        out *= x
    return out


cdef void _load_scipy() noexcept with gil:
    importlib.import_module("tapead._scipy_special")  # fills scipy_functions


cdef double _scipy(Unary* function, double x) noexcept nogil:
    if function[0] == NULL:
        _load_scipy()
    return function[0](x) if function[0] != NULL else NAN


cdef double digamma(double x) noexcept nogil:
    return _scipy(&scipy_functions.digamma, x)


cdef double erfinv(double x) noexcept nogil:
    return _scipy(&scipy_functions.erfinv, x)


cdef double erfcx(double x) noexcept nogil:
    return _scipy(&scipy_functions.erfcx, x)


cdef double log_ndtr(double x) noexcept nogil:
    return _scipy(&scipy_functions.log_ndtr, x)
