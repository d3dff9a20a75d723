/* What executors run: instructions on slots, and where many points come from and go to. */

#ifndef TAPEAD_LOWERED_H
#define TAPEAD_LOWERED_H

#include <stdint.h>

/* Slots of a workspace of doubles: d takes the value, x, y and z hold the operands. A guard has
   its index as d and, if it is a comparison, the outcome it expects as z. */
typedef struct { uint16_t op, d, x, y, z; } tapead_narrow;
typedef struct { uint32_t op, d, x, y, z; } tapead_wide;

/* An input or an output over many points: that of point p is base[p * stride]. */
typedef struct { const double *base; int64_t stride; } tapead_column;
typedef struct { double *base; int64_t stride; } tapead_target;

typedef struct {
    const tapead_wide *code;
    const double *uniform; /* values that are the same at all points */
    const tapead_column *inputs;
    const tapead_target *outputs;
    double *sums; /* if not NULL, outputs are added up here and not stored */
} tapead_batch;

#endif
