/* Scalar functions that rows of the table name and C's library does not have.

   Standard C without flags of its own. `_special.pxd` holds this text for those who cimport it,
   `_rows.h` includes it, and programs written out as C take the functions they need from it. */

#ifndef TAPEAD_SPECIAL_H
#define TAPEAD_SPECIAL_H

#include <math.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t tapead_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline int tapead_same_bits(double x, double y) {
    return tapead_bits(x) == tapead_bits(y);
}

/* An adjoint that nothing has reached: a quiet NaN that arithmetic does not produce. */
static inline double tapead_mark(void) {
    const uint64_t bits = UINT64_C(0x7FFC7AEA00000000);
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline int tapead_is_mark(double x) {
    return tapead_bits(x) == UINT64_C(0x7FFC7AEA00000000);
}

static inline double tapead_carry(double x, double y) {
    return tapead_is_mark(x) ? x : tapead_is_mark(y) ? y : x * y;
}

static inline double tapead_join(double x, double y) {
    return tapead_is_mark(y) ? x : x + y;
}

/* The sum first and then the choice: loops of it vectorise. */
static inline double tapead_merge(double x, double y) {
    const double joined = tapead_join(x, y);
    return tapead_is_mark(x) ? y : joined;
}

static inline double tapead_number(double x) {
    return tapead_is_mark(x) ? 0.0 : x;
}

static inline double tapead_present(double x) {
    return tapead_is_mark(x) ? x : 1.0;
}

static inline double tapead_sign(double x) {
    return x != x ? x : (x > 0.0) - (x < 0.0);
}

static inline double tapead_maximum(double x, double y) {
    return x > y || x != x ? x : y;
}

static inline double tapead_minimum(double x, double y) {
    return x < y || x != x ? x : y;
}

/* C leaves the sign of fmax(0.0, -0.0) open, and compilers differ from call to call. */
static inline double tapead_fmax(double x, double y) {
    return x >= y || y != y ? x : y;
}

static inline double tapead_fmin(double x, double y) {
    return x <= y || y != y ? x : y;
}

static inline double tapead_relu(double x) {
    return x > 0.0 || x != x ? x : 0.0;
}

static inline double tapead_heaviside(double x, double y) {
    return x > 0.0 ? 1.0 : x < 0.0 ? 0.0 : x == 0.0 ? y : x;
}

static inline double tapead_sech2(double x) {
    const double e = exp(-2.0 * fabs(x));
    return 4.0 * e / ((1.0 + e) * (1.0 + e));
}

static inline double tapead_sigmoid(double x) {
    const double e = exp(-fabs(x));
    return (x >= 0.0 ? 1.0 : e) / (1.0 + e);
}

static inline double tapead_softplus(double x) {
    return tapead_maximum(x, 0.0) + log1p(exp(-fabs(x)));
}

/* log(x / (1 - x)) loses digits where it vanishes, at 1/2. Both and then the choice: loops of it
   vectorise, and elsewhere compilers call only one. */
static inline double tapead_logit(double x) {
    const double middle = log1p((2.0 * x - 1.0) / (1.0 - x)), outside = log(x / (1.0 - x));
    return 0.3 < x && x < 0.65 ? middle : outside;
}

static inline double tapead_logaddexp(double x, double y) {
    return x == y ? x + 0.6931471805599453 : tapead_maximum(x, y) + log1p(exp(-fabs(x - y)));
}

static inline double tapead_logaddexp2(double x, double y) {
    const double larger = tapead_maximum(x, y);
    return x == y ? x + 1.0 : larger + log1p(exp2(-fabs(x - y))) * 1.4426950408889634;
}

static inline double tapead_xlogy(double x, double y) {
    return x == 0.0 && y == y ? 0.0 : x * log(y);
}

static inline double tapead_xlog1py(double x, double y) {
    return x == 0.0 && y == y ? 0.0 : x * log1p(y);
}

static inline double tapead_xdivy(double x, double y) {
    return x == 0.0 && y == y ? 0.0 : x / y;
}

/* The sign of the divisor, as Python's % and NumPy's remainder have it. */
static inline double tapead_remainder(double x, double y) {
    const double r = fmod(x, y);
    if (r == 0.0) return copysign(0.0, y);
    return (y < 0.0) != (r < 0.0) ? r + y : r;
}

/* x - fmod(x, y) is a multiple of y up to rounding; as npy_divmod of NumPy has it. */
static inline double tapead_floor_divide(double x, double y) {
    const double r = fmod(x, y);
    double q, whole;
    if (y == 0.0) return x / y;
    q = (x - r) / y;
    if (r != 0.0 && (y < 0.0) != (r < 0.0)) q -= 1.0;
    if (q == 0.0) return copysign(0.0, x / y);
    whole = floor(q);
    return q - whole > 0.5 ? whole + 1.0 : whole;
}

/* sin(pi x); the reduction is exact. */
static inline double tapead_sin_pi(double x) {
    const double pi = 3.141592653589793, r = x - 2.0 * floor(0.5 * x);
    if (r > 1.5) return sin(pi * (r - 2.0));
    return r <= 0.5 ? sin(pi * r) : sin(pi * (1.0 - r));
}

/* sin(pi x + j pi / 2) */
static inline double tapead_sin_quarter(double x, int64_t j) {
    const double value = j % 2 == 0 ? tapead_sin_pi(x) : tapead_sin_pi(0.5 - x);
    return j % 4 >= 2 ? -value : value;
}

/* sinc(x) = sum_k (-1)^k (pi x)^2k / (2k + 1)!; n-fold differentiation of (pi x)^2k. */
static inline double tapead_sinc_series(double n, double x) {
    const double pi = 3.141592653589793, z = pi * x;
    const int64_t first = (int64_t)floor((n + 1.0) / 2.0);
    double k = (double)first, term, total;
    term = pow(pi, n) / (2.0 * k + 1.0) * (2.0 * k - n == 1.0 ? z : 1.0);
    term = first % 2 ? -term : term;
    total = term;
    for (int i = 0; i < 40; i++) {
        k += 1.0;
        term *= -z * z * (2.0 * k - 1.0)
                / ((2.0 * k - n) * (2.0 * k - n - 1.0) * (2.0 * k + 1.0));
        total += term;
    }
    return total;
}

static inline double tapead_sinc_recurrence(double n, double x) {
    const double pi = 3.141592653589793;
    double s = tapead_sin_pi(x) / (pi * x), power = 1.0;
    for (int64_t j = 1; j <= (int64_t)n; j++) {
        s = (power * tapead_sin_quarter(x, j) - (double)j * s) / x;
        power *= pi;
    }
    return s;
}

/* n-th derivative of sin(pi x) / (pi x).

   From x * sinc(x) = sin(pi x) / pi it follows that x s_n + n s_(n-1) = pi^(n-1) sin(pi x +
   n pi / 2), which is stable upwards for pi |x| > n; nearer to 0 the Taylor series is used. */
static inline double tapead_sinc_derivative(double n, double x) {
    const double z = 3.141592653589793 * fabs(x);
    if (!(n >= 0.0 && n <= 1000.0)) return NAN; /* pi^n overflows long before */
    return z < n + 1.0 ? tapead_sinc_series(n, x) : tapead_sinc_recurrence(n, x);
}

#endif
