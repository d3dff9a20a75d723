/* Loops over the lanes of Taylor coefficients: sums of products of rows. */

#ifndef TAPEAD_TAYLOR_LOOPS_H
#define TAPEAD_TAYLOR_LOOPS_H

#include <stdint.h>

#include "_clones.h"

/* Add to each lane the sum over j of weight(j) a[j] b[-j]: rows of a go up and those of b go down.
   The weight is `first` + j where `weighted`, else `sign`. */
static TAPEAD_CLONES void taylor_convolve(
    double *out, const double *a, const double *b, int64_t rows, int64_t lanes, double first,
    double sign, int weighted)
{
    int64_t j, i;
    for (j = 0; j < rows; j++) {
        const double *x = a + j * lanes, *y = b - j * lanes;
        double weight = weighted ? first + (double)j : sign;
        TAPEAD_APART
        for (i = 0; i < lanes; i++)
            out[i] += weight * x[i] * y[i];
    }
}

#endif
