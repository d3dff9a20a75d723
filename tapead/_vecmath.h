/* Elementary functions without branches, for loops that a compiler turns into vectors.

   tapead_v_<name>(x): 1.5 ulp at most, as measured; infinities, zeros, denormals as libm's;
   a NaN gives a NaN, of whatever sign and payload.  sin and cos are NaN where |x| is finite and
   above TAPEAD_V_TRIG_MAX, and tapead_v_sin_many and tapead_v_cos_many ask libm there.

   Compile the calling function with -O3 -fno-math-errno -fno-trapping-math -ffp-contract=off,
   never with -ffast-math; clone it with target_clones: only + - * / and bit operations of
   64-bit words occur and no FMA, so that the bits do not depend on the vector's width.

   Reductions and compensated forms after [1], [2], [3]; the polynomials are minimax fits of our
   own (Remez exchange in 220 bits; the weighted error stands beside each).

   [1] W. J. Cody and W. Waite, Software Manual for the Elementary Functions, 1980.
   [2] K. C. Ng and others, FDLIBM, Sun Microsystems, 1993: the comments on exp, log, log1p, sin.
   [3] J.-M. Muller and others, Handbook of Floating-Point Arithmetic, 2nd ed., 2018, ch. 4, 10. */
#ifndef TAPEAD_VECMATH_H
#define TAPEAD_VECMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
/* inlined before the caller is cloned: a call would not be part of the clone */
#define TAPEAD_V static inline __attribute__((always_inline, unused))
#elif defined(_MSC_VER)
#define TAPEAD_V static __forceinline
#else
#define TAPEAD_V static inline
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define TAPEAD_V_IVDEP _Pragma("GCC ivdep")
#else
#define TAPEAD_V_IVDEP
#endif

/* 1.5 * 2^52: a small number added to it is rounded to an integer, which the low bits hold */
#define TAPEAD_V_ROUND 6755399441055744.0
#define TAPEAD_V_SIGN (UINT64_C(1) << 63)
#define TAPEAD_V_LN2_HI 0.6931471803691238 /* 32 bits: its product by an exponent is exact */
#define TAPEAD_V_LN2_LO 1.9082149292705877e-10

TAPEAD_V uint64_t tapead_v_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

TAPEAD_V double tapead_v_double(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* y with the sign of x, where y is not negative or has that sign already */
TAPEAD_V double tapead_v_signed(double y, double x)
{
    return tapead_v_double(tapead_v_bits(y) | (tapead_v_bits(x) & TAPEAD_V_SIGN));
}

TAPEAD_V double tapead_v_between(double x, double low, double high)
{
    x = x < low ? low : x; /* a NaN stays */
    return x > high ? high : x;
}

#define TAPEAD_V_NAN tapead_v_double(UINT64_C(0x7FF8000000000000))
#define TAPEAD_V_INF tapead_v_double(UINT64_C(0x7FF0000000000000))

/* x = n ln 2 + high + low; 2^n = up1 * up2, two factors as n goes beyond the exponents */
typedef struct {
    double high, low, up1, up2, n;
    uint64_t field1, field2;
} tapead_v_reduced;

/* The factors of 2^(n - halved) from t = n + ROUND + 2046 - halved: biased, no sign to shift */
TAPEAD_V void tapead_v_powers(tapead_v_reduced *a, double t)
{
    uint64_t both = tapead_v_bits(t) & 0xFFF;
    a->field1 = both >> 1;
    a->field2 = both - a->field1;
    a->up1 = tapead_v_double(a->field1 << 52);
    a->up2 = tapead_v_double(a->field2 << 52);
}

TAPEAD_V tapead_v_reduced tapead_v_reduce(double x, double halved)
{
    tapead_v_reduced a;
    double t = x * 1.4426950408889634 + TAPEAD_V_ROUND, high;
    a.n = t - TAPEAD_V_ROUND;
    tapead_v_powers(&a, t + (2046.0 - halved));
    high = x - a.n * TAPEAD_V_LN2_HI;
    a.high = high - a.n * TAPEAD_V_LN2_LO;
    a.low = (high - a.high) - a.n * TAPEAD_V_LN2_LO;
    return a;
}

/* exp(r) - 1 - r for |r| <= ln(2)/2; 2^-57.3 */
TAPEAD_V double tapead_v_exp_tail(double r)
{
    double z = r * r, z2 = z * z;
    double a = 0.16666666666666685 + r * 0.041666666666602646;
    double b = 0.008333333333313923 + r * 0.0013888888927334638;
    double c = 0.000198412699049353 + r * 2.4801508001259634e-05;
    double d = 2.7557226040292578e-06 + r * 2.7625458586058294e-07 + z * 2.5115113083337537e-08;
    return z * (0.5 + r * ((a + z * b) + z2 * (c + z * d)));
}

/* exp(x) / 2^halved */
TAPEAD_V double tapead_v_exp_scaled(double x, double halved)
{
    tapead_v_reduced a = tapead_v_reduce(x, halved);
    double p = 1.0 + (a.high + (a.low + tapead_v_exp_tail(a.high)));
    return p * a.up1 * a.up2;
}

TAPEAD_V double tapead_v_exp(double x)
{
    /* exp(-746) rounds to 0, exp(710) to infinity */
    return tapead_v_exp_scaled(tapead_v_between(x, -746.0, 710.0), 0.0);
}

TAPEAD_V double tapead_v_exp2(double x)
{
    tapead_v_reduced a;
    double t, r;
    x = tapead_v_between(x, -1080.0, 1025.0);
    t = x + TAPEAD_V_ROUND;
    tapead_v_powers(&a, t + 2046.0);
    r = (x - (t - TAPEAD_V_ROUND)) * 0.6931471805599453;
    return (1.0 + (r + tapead_v_exp_tail(r))) * a.up1 * a.up2;
}

typedef struct {
    double high, low;
} tapead_v_pair;

/* (exp(x) - 1) / 2^halved as a sum, -40 <= x <= 711: 2^n ((1 - 2^-n) + (exp(r) - 1)) */
TAPEAD_V tapead_v_pair tapead_v_expm1_pair(double x, double halved)
{
    tapead_v_reduced a = tapead_v_reduce(x, halved);
    double down1 = tapead_v_double((2046 - a.field1) << 52);
    double down2 = tapead_v_double((2046 - a.field2) << 52);
    double one = 1.0 - down1 * (halved == 0.0 ? down2 : 0.5 * down2);
    double sum = one + a.high; /* |one| >= 1/2 > |r|, or one == 0 */
    double rest = (a.high - (sum - one)) + (a.low + tapead_v_exp_tail(a.high));
    tapead_v_pair e;
    e.high = sum + rest;
    e.low = (rest - (e.high - sum)) * a.up1 * a.up2;
    e.high = e.high * a.up1 * a.up2;
    return e;
}

TAPEAD_V double tapead_v_expm1(double x)
{
    /* expm1(-40) rounds to -1 */
    double y = tapead_v_expm1_pair(tapead_v_between(x, -40.0, 710.0), 0.0).high;
    return x == 0.0 ? x : y;
}

/* E / (E + 2) with E = exp(2|x|) - 1; 1 / (E + 2) = (1 - tanh) / 2 serves the correction */
TAPEAD_V double tapead_v_tanh(double x)
{
    double size = fabs(x), d, back, rest, q;
    tapead_v_pair e = tapead_v_expm1_pair(2.0 * (size > 20.0 ? 20.0 : size), 0.0);
    d = 2.0 + e.high;
    back = d - 2.0;
    rest = ((2.0 - (d - back)) + (e.high - back)) + e.low;
    q = e.high / d;
    return tapead_v_signed(q + (e.low - q * rest) * (0.5 - 0.5 * q), x);
}

/* H + H / (2 H + 1) with H = (exp(|x|) - 1) / 2, which overflows where sinh does */
TAPEAD_V double tapead_v_sinh(double x)
{
    double size = fabs(x), part, d, lost, q, w, y;
    tapead_v_pair h = tapead_v_expm1_pair(size > 711.0 ? 711.0 : size, 1.0);
    part = h.high > 1e18 ? 1e18 : h.high; /* above, q rounds to 1/2 */
    d = 1.0 + 2.0 * part;
    lost = 2.0 * part - (d - 1.0);
    q = part / d;
    w = 1.0 - 2.0 * q; /* 1 / d */
    y = h.high + (q + ((h.low + h.low * w * w) - q * w * lost));
    y = size < 1e-9 ? size : y; /* sinh(x) rounds to x; H would lose a denormal's last bit */
    return tapead_v_signed(y, x);
}

TAPEAD_V double tapead_v_cosh(double x)
{
    double size = fabs(x), half;
    half = tapead_v_exp_scaled(size > 711.0 ? 711.0 : size, 1.0);
    return half + 0.25 / half;
}

/* x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2), of a positive number; down = 2^-k for k < 1024 */
typedef struct {
    double k, f, down;
} tapead_v_split;

TAPEAD_V tapead_v_split tapead_v_log_split(double x)
{
    const uint64_t low = UINT64_C(0x3FE6A09E667F3BCD); /* sqrt(1/2) */
    const uint64_t one = UINT64_C(0x3FF0000000000000);
    double tiny = x < 2.2250738585072014e-308 ? 54.0 : 0.0;
    uint64_t bits = tapead_v_bits(x < 2.2250738585072014e-308 ? x * 18014398509481984.0 : x);
    uint64_t moved = bits + (one - low), field = moved >> 52;
    tapead_v_split a;
    /* 2^52 + field, as bits: there is no vector conversion of 64-bit integers before AVX-512 */
    a.k = tapead_v_double(field | UINT64_C(0x4330000000000000)) - (4503599627370496.0 + 1023.0);
    a.k = a.k - tiny;
    a.f = tapead_v_double((moved & UINT64_C(0x000FFFFFFFFFFFFF)) + low) - 1.0;
    a.down = tapead_v_double((2046 - field) << 52);
    return a;
}

/* log((1 + s) / (1 - s)) / s - 2 for s = f / (2 + f), z = s * s; 2^-59.4 */
TAPEAD_V double tapead_v_log_tail(double z)
{
    double z2 = z * z;
    double a = 0.6666666666666735 + z * 0.39999999999411096;
    double b = 0.28571428743262156 + z * 0.22222198476039057;
    double c = 0.18183569737207492 + z * 0.15313903309386254 + z2 * 0.14797507113945257;
    return z * (a + z2 * (b + z2 * c));
}

/* y, or what a logarithm is at 0, below 0, at infinity and at a NaN */
TAPEAD_V double tapead_v_log_ends(double y, double x)
{
    y = x < TAPEAD_V_INF ? y : x;
    y = x < 0.0 ? TAPEAD_V_NAN : y;
    return x == 0.0 ? -TAPEAD_V_INF : y;
}

TAPEAD_V double tapead_v_log(double x)
{
    tapead_v_split a = tapead_v_log_split(x);
    double s = a.f / (2.0 + a.f), half = 0.5 * a.f * a.f;
    double rest = s * (half + tapead_v_log_tail(s * s)) + a.k * TAPEAD_V_LN2_LO;
    return tapead_v_log_ends(a.k * TAPEAD_V_LN2_HI + (a.f - (half - rest)), x);
}

/* log(u) + lost / u, where u + lost is 1 + x exactly */
TAPEAD_V double tapead_v_log1p(double x)
{
    double u = 1.0 + x, back = u - 1.0;
    double lost = (1.0 - (u - back)) + (x - back), f, s, half, rest, y;
    tapead_v_split a = tapead_v_log_split(u);
    lost = x < 1e17 ? lost * a.down : 0.0;
    f = a.f + lost; /* x itself if k == 0 */
    lost = lost - (f - a.f);
    s = f / (2.0 + f);
    half = 0.5 * f * f;
    rest = lost * (1.0 - 2.0 * s * (1.0 - s)) + a.k * TAPEAD_V_LN2_LO;
    rest = s * (half + tapead_v_log_tail(s * s)) + rest;
    y = tapead_v_signed(a.k * TAPEAD_V_LN2_HI + (f - (half - rest)), x);
    return tapead_v_log_ends(y, u);
}

/* log(1 + f) as a sum; high has 21 bits, so that its product by 32 bits is exact */
TAPEAD_V tapead_v_pair tapead_v_log_pair(double f)
{
    double s = f / (2.0 + f), half = 0.5 * f * f;
    tapead_v_pair e;
    e.high = tapead_v_double(tapead_v_bits(f - half) & UINT64_C(0xFFFFFFFF00000000));
    e.low = ((f - e.high) - half) + s * (half + tapead_v_log_tail(s * s));
    return e;
}

/* k * unit + log(1 + f) * scale with both constants in two parts */
TAPEAD_V double tapead_v_log_base(double x, double unit, double unit_low, double scale,
                                  double scale_low)
{
    tapead_v_split a = tapead_v_log_split(x);
    tapead_v_pair e = tapead_v_log_pair(a.f);
    double top = a.k * unit, high = e.high * scale, sum = top + high;
    double rest = (a.k * unit_low + (e.high + e.low) * scale_low) + e.low * scale;
    /* |top| > |high|, or top is 0 */
    return tapead_v_log_ends(sum + (rest + (high - (sum - top))), x);
}

TAPEAD_V double tapead_v_log2(double x)
{
    return tapead_v_log_base(x, 1.0, 0.0, 1.4426950407214463, 1.675171316488651e-10);
}

TAPEAD_V double tapead_v_log10(double x)
{
    return tapead_v_log_base(x, 0.30102999566361177, 3.6942390771589303e-13, 0.4342944818781689,
                             2.5082946711645275e-11);
}

#define TAPEAD_V_TRIG_MAX 1048576.0 /* n < 2^20 below: its products by 33 bits are exact */

/* x = n pi/2 + high + low, n in the low bits of quadrant.  No double below 2^20 is nearer to a
   multiple than 2^-62, or so; pi/2 is in 33 + 33 + 33 + 53 bits, in error by n 2^-152 */
typedef struct {
    double high, low;
    uint64_t quadrant;
} tapead_v_angle;

TAPEAD_V tapead_v_angle tapead_v_quadrant(double x)
{
    double t = x * 0.6366197723675814 + TAPEAD_V_ROUND, n = t - TAPEAD_V_ROUND;
    double first = x - n * 1.5707963267341256, p2 = n * 6.077100506303966e-11;
    double second = first - p2, lost2 = (first - second) - p2;
    double p3 = n * 2.0222662487111665e-21;
    double third = second - p3, lost3 = (second - third) - p3;
    double rest = (lost2 + lost3) - n * 8.4784276603689e-32;
    tapead_v_angle a;
    a.quadrant = tapead_v_bits(t);
    a.high = third + rest;
    a.low = rest - (a.high - third);
    return a;
}

/* sin(r + low), |r| <= pi/4, as a sum; 2^-57.2 */
TAPEAD_V tapead_v_pair tapead_v_sin_pair(double r, double low)
{
    tapead_v_pair e;
    double z = r * r, z2 = z * z;
    double a = 0.008333333333323624 - z * 0.00019841269830108817;
    double b = 2.7557313638501073e-06 - z * 2.5050732379091645e-08 + z2 * 1.5894579747938922e-10;
    e.high = r;
    e.low = z * (r * (-0.1666666666666664 + z * (a + z2 * b))) + low * (1.0 - 0.5 * z);
    return e;
}

/* cos(r + low), |r| <= pi/4, as a sum; 2^-62.5 */
TAPEAD_V tapead_v_pair tapead_v_cos_pair(double r, double low)
{
    tapead_v_pair e;
    double z = r * r, z2 = z * z, half = 0.5 * z, top = 1.0 - half;
    double a = 0.04166666666666665 - z * 0.0013888888888882816;
    double b = 2.4801587294605748e-05 - z * 2.7557315730259145e-07;
    double c = 2.0875896367191187e-09 - z * 1.1367900018842781e-11;
    e.high = top;
    e.low = ((1.0 - top) - half) + (z2 * (a + z2 * (b + z2 * c)) - r * low);
    return e;
}

/* the sine of the angle plus shift quarter turns */
TAPEAD_V double tapead_v_turned(tapead_v_angle a, uint64_t shift)
{
    uint64_t quadrant = a.quadrant + shift, odd = 0 - (quadrant & 1);
    tapead_v_pair s = tapead_v_sin_pair(a.high, a.low), c = tapead_v_cos_pair(a.high, a.low);
    uint64_t sine = tapead_v_bits(s.high + s.low), cosine = tapead_v_bits(c.high + c.low);
    return tapead_v_double(((sine & ~odd) | (cosine & odd)) ^ ((quadrant & 2) << 62));
}

TAPEAD_V double tapead_v_sin(double x)
{
    double y = tapead_v_turned(tapead_v_quadrant(x), 0);
    y = fabs(x) <= TAPEAD_V_TRIG_MAX ? y : TAPEAD_V_NAN;
    return x == 0.0 ? x : y;
}

TAPEAD_V double tapead_v_cos(double x)
{
    double y = tapead_v_turned(tapead_v_quadrant(x), 1);
    return fabs(x) <= TAPEAD_V_TRIG_MAX ? y : TAPEAD_V_NAN;
}

/* 1 if an x is finite and above the range of tapead_v_sin */
TAPEAD_V int tapead_v_any_beyond(const double *x, int n)
{
    uint64_t any = 0;
    int i;
    for (i = 0; i < n; i++) {
        double size = fabs(x[i]);
        size = size < TAPEAD_V_INF ? size : 0.0;
        any |= tapead_v_bits(TAPEAD_V_TRIG_MAX - size);
    }
    return (int)(any >> 63);
}

/* d[i] = name(x[i]); a value does not depend on its neighbours.  d may be x */
#define TAPEAD_V_MANY(name)                                                                    \
    TAPEAD_V void tapead_v_##name##_many(double *d, const double *x, int n)                    \
    {                                                                                          \
        int i;                                                                                 \
        if (tapead_v_any_beyond(x, n)) {                                                       \
            for (i = 0; i < n; i++)                                                            \
                d[i] = fabs(x[i]) > TAPEAD_V_TRIG_MAX ? name(x[i]) : tapead_v_##name(x[i]);    \
            return;                                                                            \
        }                                                                                      \
        TAPEAD_V_IVDEP                                                                         \
        for (i = 0; i < n; i++)                                                                \
            d[i] = tapead_v_##name(x[i]);                                                      \
    }
TAPEAD_V_MANY(sin)
TAPEAD_V_MANY(cos)

#endif
