/* What executors run: instructions on slots, and where many points come from and go to. */

#ifndef TAPEAD_LOWERED_H
#define TAPEAD_LOWERED_H

#include <stdint.h>

/* Slots of a workspace of doubles: d takes the value, x, y and z hold the operands. A guard has
   its index as d and, if it is a comparison, the outcome it expects as z. */
typedef struct { uint16_t op, d, x, y, z; } tapead_narrow;
typedef struct { uint32_t op, d, x, y, z; } tapead_wide;

/* How points lie in an array that is no row of doubles: axes from the outermost in, strides in
   bytes. */
enum { TAPEAD_MOST_AXES = 8 };
enum { TAPEAD_DOUBLES, TAPEAD_SINGLES };
typedef struct {
    int64_t n, kind;
    int64_t shape[TAPEAD_MOST_AXES], stride[TAPEAD_MOST_AXES];
} tapead_layout;

/* An input or an output over many points: that of point p is base[p * stride], or as the layout
   says if there is one. */
typedef struct { const double *base; int64_t stride; const tapead_layout *layout; } tapead_column;
typedef struct {
    double *base;
    int64_t stride;
    const tapead_layout *layout;
    int64_t summed; /* added up and not stored */
} tapead_target;

typedef struct {
    const tapead_wide *code;
    const double *uniform; /* values that are the same at all points */
    const tapead_column *inputs;
    const tapead_target *outputs;
    int64_t guarded; /* whether there are guards, and where each lane failed is told */
    double *sums; /* of the outputs that are summed; all of them if `outputs` is NULL */
} tapead_batch;

#endif
