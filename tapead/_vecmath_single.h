/* exp, tanh and log1p of floats, branch-free as in _vecmath.h: 1.5 ulp at most, as measured.

   The polynomials are minimax fits of our own; the weighted error stands beside each. */
#ifndef TAPEAD_VECMATH_SINGLE_H
#define TAPEAD_VECMATH_SINGLE_H

#include "_vecmath.h"

TAPEAD_V uint32_t tapead_v_bits_single(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

TAPEAD_V float tapead_v_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* exp(x - n ln 2) for the nearest n: 2^-28.2 */
TAPEAD_V float tapead_v_exp_rest_single(float x, float n)
{
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f; /* 9 bits: the product is exact */
    float z = r * r, p;
    p = (0.5f + r * 0.16666512f) + z * ((0.041666187f + r * 0.008369599f) + z * 0.0013951722f);
    return 1.0f + (r + z * p);
}

/* 2^n is two factors, as n goes beyond the exponents. n + 254 > 0 stands in the low bits of
   1.5 * 2^23 + n + 254. */
TAPEAD_V float tapead_v_exp_single(float x)
{
    float t, p;
    uint32_t both, half;
    x = x < -105.0f ? -105.0f : x; /* exp(-105) rounds to 0, exp(89) to infinity; a NaN stays */
    x = x > 89.0f ? 89.0f : x;
    t = x * 1.44269504f + 12582912.0f;
    p = tapead_v_exp_rest_single(x, t - 12582912.0f);
    both = tapead_v_bits_single(t + 254.0f) & 0xFFF;
    half = both >> 1;
    return p * tapead_v_float(half << 23) * tapead_v_float((both - half) << 23);
}

/* For x <= 0 only, where the factors can be 2^(n + 24), which is 0 for n = -151, and 2^-24 */
TAPEAD_V float tapead_v_exp_below_single(float x)
{
    float t, p;
    x = x < -105.0f ? -105.0f : x;
    t = x * 1.44269504f + 12582912.0f;
    p = tapead_v_exp_rest_single(x, t - 12582912.0f);
    return p * tapead_v_float((tapead_v_bits_single(t) + 151) << 23) * 5.9604645e-8f;
}

/* 1 - 2e / (1 + e) with e = exp(-2a), and a + a^3 P(a^2) below 0.625: 2^-27.8 */
TAPEAD_V float tapead_v_tanh_single(float x)
{
    float a = fabsf(x), e = tapead_v_exp_below_single(-2.0f * a), z = a * a, p, small;
    p = (-0.33333282f + z * 0.13331442f)
        + z * z * ((-0.05373971f + z * 0.02063909f) + z * z * -0.00570499f);
    small = a + a * z * p;
    return copysignf(a < 0.625f ? small : 1.0f - 2.0f * e / (1.0f + e), x);
}

/* For 0 <= x <= 1 only: x - (h - s (h + z P(z))) with s = x / (2 + x), h = x^2 / 2; 2^-27.7 */
TAPEAD_V float tapead_v_log1p_single(float x)
{
    float s = x / (2.0f + x), z = s * s, half = 0.5f * x * x;
    float p = (0.6666641f + z * 0.400217f) + z * z * (0.2799914f + z * 0.28024477f);
    return x - (half - s * (half + z * p));
}

#endif
