/* More functions without branches: tan, atan, erf, erfc, cbrt, hypot; the contract is _vecmath.h's.

   tapead_v_tan is NaN where |x| is finite and above TAPEAD_V_TRIG_MAX, where tapead_v_tan_many
   asks libm.
   The forms of atan and cbrt after [1] and [2], of erfc after [3].
   pow has but a loop, tapead_v_pow_many.

   [1] S. L. Moshier, Methods and Programs for Mathematical Functions, Ellis Horwood, 1989.
   [2] W. Kahan, Computing a real cube root, 1991.
   [3] M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc(x),
       Math. Comp. 36 (1981), 249-253. */
#ifndef TAPEAD_VECMATH_MORE_H
#define TAPEAD_VECMATH_MORE_H

#include "_vecmath.h"

TAPEAD_V double tapead_v_select(uint64_t mask, double yes, double no)
{
    return tapead_v_double((tapead_v_bits(yes) & mask) | (tapead_v_bits(no) & ~mask));
}

/* sine / cosine, or -cosine / sine in an odd quadrant; both as sums of two */
TAPEAD_V double tapead_v_tan(double x)
{
    tapead_v_angle a = tapead_v_quadrant(x);
    uint64_t odd = 0 - (a.quadrant & 1);
    tapead_v_pair s = tapead_v_sin_pair(a.high, a.low), c = tapead_v_cos_pair(a.high, a.low);
    double sine = s.high + s.low, sine_low = s.low - (sine - s.high);
    double cosine = c.high + c.low, cosine_low = c.low - (cosine - c.high);
    double over = tapead_v_select(odd, -cosine, sine), under = tapead_v_select(odd, sine, cosine);
    double over_low = tapead_v_select(odd, -cosine_low, sine_low);
    double under_low = tapead_v_select(odd, sine_low, cosine_low);
    double q = over / under, y = q + (over_low - q * under_low) / under;
    y = fabs(x) <= TAPEAD_V_TRIG_MAX ? y : TAPEAD_V_NAN;
    return fabs(x) < 1e-9 ? x : y; /* tan(x) rounds to x */
}
TAPEAD_V_MANY(tan)

/* atan(y) / y - 1, |y| <= tan(pi/8), z = y * y; 2^-58.5 */
TAPEAD_V double tapead_v_atan_tail(double z)
{
    double z2 = z * z, z4 = z2 * z2;
    double a = -0.33333333333333265 + z * 0.19999999999968934;
    double b = -0.14285714281336673 + z * 0.11111110823848264;
    double c = -0.09090898526395376 + z * 0.07692068117575972;
    double d = -0.06663139421858134 + z * 0.05847816077829577;
    double e = -0.050377262088890234 + z * 0.03799776005333733 - z2 * 0.01780936296974955;
    return z * ((a + z2 * b) + z4 * ((c + z2 * d) + z4 * e));
}

/* atan(x) = base + atan(y), y = x, (x - 1) / (x + 1) or -1 / x about 0, 1 and infinity */
TAPEAD_V double tapead_v_atan(double x)
{
    double t = fabs(x), over, under, over_low, under_low, base, base_low, y, low;
    over = t - 1.0; /* in error by over_low, as the sum is */
    under = t + 1.0;
    over_low = t - (over + 1.0);
    under_low = t - (under - 1.0);
    over_low = t > 0.41421356237309503 ? over_low : 0.0;
    under_low = t > 0.41421356237309503 ? under_low : 0.0;
    over = t > 0.41421356237309503 ? over : t;
    under = t > 0.41421356237309503 ? under : 1.0;
    base = t > 0.41421356237309503 ? 0.7853981633974483 : 0.0;
    base_low = t > 0.41421356237309503 ? 3.061616997868383e-17 : 0.0;
    over_low = t > 2.414213562373095 ? 0.0 : over_low;
    under_low = t > 2.414213562373095 ? 0.0 : under_low;
    over = t > 2.414213562373095 ? -1.0 : over;
    under = t > 2.414213562373095 ? t : under;
    base = t > 2.414213562373095 ? 1.5707963267948966 : base;
    base_low = t > 2.414213562373095 ? 6.123233995736766e-17 : base_low;
    y = over / under;
    low = base_low + (over_low - y * under_low) * (0.5 - 0.5 * y); /* 1 / (t + 1) = (1 - y) / 2 */
    return tapead_v_signed(base + (y + (y * tapead_v_atan_tail(y * y) + low)), x);
}

/* x = m 8^n, 0.35 < m < 2.9: a polynomial of 22 bits, then Halley's step with t * t exact */
TAPEAD_V double tapead_v_cbrt(double x)
{
    double size = fabs(x), third, rest, m, t, r, y;
    tapead_v_split a = tapead_v_log_split(size);
    double f = a.f, f2 = f * f;
    third = a.k * 0.3333333333333333 + TAPEAD_V_ROUND;
    rest = a.k - 3.0 * (third - TAPEAD_V_ROUND);
    m = 1.0 + f;
    m = rest > 0.5 ? 2.0 * m : m;
    m = rest < -0.5 ? 0.5 * m : m;
    t = (0.9999998763765195 + f * 0.33333568334933933) +
        f2 * ((-0.11108608681967826 + f * 0.06156212507493402) +
              f2 * (-0.0418172494523923 + f * 0.03346201919887627 - f2 * 0.020380042198902104));
    t = t * (rest > 0.5 ? 1.2599210498948732 : (rest < -0.5 ? 0.7937005259840998 : 1.0));
    t = tapead_v_double(tapead_v_bits(t) & UINT64_C(0xFFFFFFFFF0000000)); /* 25 bits */
    r = m / (t * t);
    y = t + t * ((r - t) / (2.0 * t + r));
    y = y * tapead_v_double((tapead_v_bits(third) + 1023) << 52);
    y = size < TAPEAD_V_INF ? y : size;
    return tapead_v_signed(size == 0.0 ? 0.0 : y, x);
}

/* The first 26 bits: a product of two such is exact */
TAPEAD_V double tapead_v_head(double x)
{
    return tapead_v_double(tapead_v_bits(x) & UINT64_C(0xFFFFFFFFF8000000));
}

/* x * x - y, where y is about that */
TAPEAD_V double tapead_v_square_rest(double x, double y)
{
    double head = tapead_v_head(x), rest = x - head;
    return ((head * head - y) + 2.0 * head * rest) + rest * rest;
}

/* Scaled by the power of two that brings the larger one near 1; a step of Newton's puts back what
   the squares, their sum and the root have lost */
TAPEAD_V double tapead_v_hypot(double x, double y)
{
    double large = fabs(x), other = fabs(y), up, down, a, b, sum, z, lost;
    double size = large > other ? large : other;
    other = large > other ? other : large;
    large = size;
    size = tapead_v_between(size, 2.2250738585072014e-308, 4.49423283715579e307);
    up = tapead_v_double(tapead_v_bits(size) & UINT64_C(0x7FF0000000000000));
    down = tapead_v_double((UINT64_C(2046) << 52) - tapead_v_bits(up));
    large = large * down;
    other = other * down;
    a = large * large;
    b = other * other;
    sum = a + b;
    z = sqrt(sum);
    lost = ((a - sum) + b) + (tapead_v_square_rest(large, a) + tapead_v_square_rest(other, b));
    lost = lost - tapead_v_square_rest(z, sum);
    z = (z + 0.5 * lost / (z > 0.0 ? z : 1.0)) * up;
    z = fabs(x) == TAPEAD_V_INF ? TAPEAD_V_INF : z; /* also where y is a NaN */
    return fabs(y) == TAPEAD_V_INF ? TAPEAD_V_INF : z;
}

/* erf(x) / x - 1 for |x| <= 1, z = x * x; 2^-56.9 */
TAPEAD_V double tapead_v_erf_near(double z)
{
    double z2 = z * z, z4 = z2 * z2;
    double a = 0.12837916709551256 - z * 0.3761263890318352;
    double b = 0.11283791670944185 - z * 0.02686617064311147;
    double c = 0.00522397760611853 - z * 0.0008548325929318811;
    double d = 0.0001205529357706261 - z * 1.4924712305578145e-05;
    double e = 1.6447131619599616e-06 - z * 1.6206314154619942e-07;
    double f = 1.3710982203956778e-08 - z * 7.779472005940369e-10;
    return (a + z2 * b) + z4 * ((c + z2 * d) + z4 * (e + z2 * f));
}

/* exp(x^2) erfc(x) (x + 9/16), less its value where t = (x - 3) / (x + 3) is 0; for
   0.48 <= x <= 27.3; absolute 2^-60.6 */
#define TAPEAD_V_ERFC_MIDDLE 0.6376916010837017
TAPEAD_V double tapead_v_erfc_rest(double t)
{
    double t2 = t * t, t4 = t2 * t2, t8 = t4 * t4;
    double a = -0.08820015056498043;
    double b = -0.008430909569704655 + t * 0.0554403333200829;
    double c = -0.055157716882783155 + t * 0.032629482464538485;
    double d = -0.011618436438440656 + t * 0.0013089300608771198;
    double e = 0.0009070288060569523 - t * 0.00038708768206807996;
    double f = -4.8576342322440634e-05 + t * 6.174589574351792e-05;
    double g = 1.9759368525205613e-06 - t * 9.91772909424567e-06;
    double h = -2.866949457658028e-07 + t * 1.7175176447842504e-06;
    double i = 1.6157497844661902e-07 - t * 3.056239921586456e-07;
    double j = -6.410413822058093e-08 + t * 4.949185056355345e-08;
    double k = 1.6488190052439032e-08 - t * 5.39287016259421e-09 - t2 * 2.071233143174442e-09;
    double low = t * (a + t * b) + t4 * (c + t2 * d);
    return low + t8 * (((e + t2 * f) + t4 * (g + t2 * h)) + t8 * ((i + t2 * j) + t4 * k));
}

/* exp(-x * x) / 2^n as head and rest, for x <= 28; 2^n is in a */
TAPEAD_V tapead_v_pair tapead_v_bell(double x, tapead_v_reduced *a)
{
    double head = tapead_v_head(x), rest = x - head, square = x * x, lost, more;
    tapead_v_pair p;
    lost = ((head * head - square) + 2.0 * head * rest) + rest * rest;
    *a = tapead_v_reduce(-square, 0.0);
    more = a->low + tapead_v_exp_tail(a->high);
    p.high = tapead_v_head(1.0 + (a->high + more));
    p.low = (((1.0 - p.high) + a->high) + more) - p.high * lost;
    return p;
}

/* erfc(x) for 0.48 <= x <= 28: quotient times bell, heads and rests apart up to the last sum */
TAPEAD_V double tapead_v_erfc_far(double x)
{
    double sum = x + 0.5625, back = sum - x, lost = (x - (sum - back)) + (0.5625 - back);
    double d = tapead_v_head(sum), inverse = 1.0 / d, part = ((sum - d) + lost) * inverse;
    double rest = tapead_v_erfc_rest((x - 3.0) / (x + 3.0)), over = TAPEAD_V_ERFC_MIDDLE + rest;
    double q = tapead_v_head(over * inverse), q_low;
    tapead_v_reduced a;
    tapead_v_pair p = tapead_v_bell(x, &a);
    rest = rest - (over - TAPEAD_V_ERFC_MIDDLE);
    q_low = ((over - q * d) + rest) * inverse - (over * inverse) * (part - part * part);
    return (q * p.high + (q * p.low + q_low * (p.high + p.low))) * a.up1 * a.up2;
}

TAPEAD_V double tapead_v_erf(double x)
{
    double size = fabs(x), far, near, small = size < 1.0 ? size : 1.0;
    far = 1.0 - tapead_v_erfc_far(tapead_v_between(size, 0.5, 6.0)); /* erf(6) rounds to 1 */
    near = size + size * tapead_v_erf_near(small * small);
    return tapead_v_signed(size < 1.0 ? near : far, x);
}

TAPEAD_V double tapead_v_erfc(double x)
{
    double size = fabs(x), far, near, small = size < 1.0 ? size : 1.0;
    far = tapead_v_erfc_far(tapead_v_between(size, 0.48, 28.0));
    near = 1.0 - (x + x * tapead_v_erf_near(small * small));
    near = size < 1.0 ? near : 2.0 - far; /* of a negative number */
    return x < 0.5 ? near : far;
}

/* Powers that few products make, in error by 1.5 ulp at most: twice the exponent, or NO_PRODUCT */
#define TAPEAD_V_NO_PRODUCT 99
TAPEAD_V int tapead_v_pow_kind(double y)
{
    int twice = y >= -2.0 && y <= 4.0 ? (int)(2.0 * y) : TAPEAD_V_NO_PRODUCT;
    int served = 0.5 * twice == y && (twice % 2 == 0 || twice * twice == 1);
    return served ? twice : TAPEAD_V_NO_PRODUCT;
}

/* As C's pow at zeros, infinities and NaNs, too */
TAPEAD_V double tapead_v_pow_product(double x, int kind)
{
    double root = x == -TAPEAD_V_INF ? TAPEAD_V_INF : sqrt(x + 0.0), inverse = 1.0 / x;
    switch (kind) {
    case -4: return inverse * inverse;
    case -2: return inverse;
    case -1: return 1.0 / root;
    case 0: return 1.0;
    case 1: return root;
    case 2: return x;
    case 4: return x * x;
    case 6: return x * x * x;
    default: return x * x * (x * x);
    }
}

#define TAPEAD_V_POW(kind)                                                                     \
    case kind:                                                                                 \
        TAPEAD_V_IVDEP                                                                         \
        for (i = 0; i < n; i++)                                                                \
            d[i] = tapead_v_pow_product(x[i], kind);                                           \
        return;

/* d[i] = x[i]^y[i] for n > 0, fast where all exponents are the same small number; a value does
   not depend on its neighbours.  d may be x or y */
TAPEAD_V void tapead_v_pow_many(double *d, const double *x, const double *y, int n)
{
    uint64_t differs = 0;
    int i;
    for (i = 0; i < n; i++)
        differs |= tapead_v_bits(y[i]) ^ tapead_v_bits(y[0]);
    switch (differs ? TAPEAD_V_NO_PRODUCT : tapead_v_pow_kind(y[0])) {
        TAPEAD_V_POW(-4)
        TAPEAD_V_POW(-2)
        TAPEAD_V_POW(-1)
        TAPEAD_V_POW(0)
        TAPEAD_V_POW(1)
        TAPEAD_V_POW(2)
        TAPEAD_V_POW(4)
        TAPEAD_V_POW(6)
        TAPEAD_V_POW(8)
    }
    for (i = 0; i < n; i++) {
        int kind = tapead_v_pow_kind(y[i]);
        d[i] = kind == TAPEAD_V_NO_PRODUCT ? pow(x[i], y[i]) : tapead_v_pow_product(x[i], kind);
    }
}

#endif
