/* Blocks of points in arrays of any layout, double or single precision, to doubles and back. */

#ifndef TAPEAD_LAYOUTS_H
#define TAPEAD_LAYOUTS_H

#include "_lowered.h"

/* A mark stays a mark in either precision; see _nodes.pxd. */
#define TAPEAD_MARK_DOUBLE UINT64_C(0x7FFC7AEA00000000)
#define TAPEAD_MARK_SINGLE UINT32_C(0x7FFC7AEA)

static inline double tapead_widened(float x) {
    const double wide = x;
    uint32_t bits;
    uint64_t found;
    memcpy(&bits, &x, sizeof bits);
    memcpy(&found, &wide, sizeof found);
    found = bits == TAPEAD_MARK_SINGLE ? TAPEAD_MARK_DOUBLE : found;
    return tapead_v_double(found);
}

static inline float tapead_narrowed(double x) {
    float narrow = (float)x;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    bits = tapead_v_bits(x) == TAPEAD_MARK_DOUBLE ? TAPEAD_MARK_SINGLE : bits;
    memcpy(&narrow, &bits, sizeof narrow);
    return narrow;
}

/* `n` points that lie `stride` bytes apart. */
static inline void tapead_load_row(
    double *d, const char *from, int64_t stride, int64_t kind, int64_t n) {
    if (kind == TAPEAD_SINGLES) {
        const float *x = (const float *)from;
        const int64_t step = stride / 4;
        if (step == 1)
            TAPEAD_APART for (int64_t i = 0; i < n; i++) d[i] = tapead_widened(x[i]);
        else
            for (int64_t i = 0; i < n; i++) d[i] = tapead_widened(x[i * step]);
    } else {
        const double *x = (const double *)from;
        const int64_t step = stride / 8;
        if (step == 1)
            TAPEAD_APART for (int64_t i = 0; i < n; i++) d[i] = x[i];
        else
            for (int64_t i = 0; i < n; i++) d[i] = x[i * step];
    }
}

static inline void tapead_store_row(
    const double *x, char *to, int64_t stride, int64_t kind, int64_t n) {
    if (kind == TAPEAD_SINGLES) {
        float *d = (float *)to;
        const int64_t step = stride / 4;
        if (step == 1)
            TAPEAD_APART for (int64_t i = 0; i < n; i++) d[i] = tapead_narrowed(x[i]);
        else
            for (int64_t i = 0; i < n; i++) d[i * step] = tapead_narrowed(x[i]);
    } else {
        double *d = (double *)to;
        const int64_t step = stride / 8;
        if (step == 1)
            TAPEAD_APART for (int64_t i = 0; i < n; i++) d[i] = x[i];
        else
            for (int64_t i = 0; i < n; i++) d[i * step] = x[i];
    }
}

/* Where a point is, by axis; its offset in bytes. */
static inline int64_t tapead_locate(const tapead_layout *l, int64_t point, int64_t *index) {
    int64_t offset = 0;
    for (int64_t k = l->n - 1; k > 0; k--) {
        index[k] = point % l->shape[k];
        point /= l->shape[k];
        offset += index[k] * l->stride[k];
    }
    index[0] = point;
    return offset + point * l->stride[0];
}

/* Offset of the next row's first point; `index` becomes that of the row. */
static inline int64_t tapead_next_row(const tapead_layout *l, int64_t *index) {
    int64_t offset = 0, k = l->n - 1;
    index[k] = 0;
    while (--k >= 0 && ++index[k] == l->shape[k])
        if (k > 0) index[k] = 0;
    for (k = 0; k < l->n; k++) offset += index[k] * l->stride[k];
    return offset;
}

static inline void tapead_load_layout(
    double *d, const tapead_column *column, int64_t first, int64_t count, int64_t lanes) {
    const tapead_layout *l = column->layout;
    const int64_t last = l->n - 1;
    int64_t index[TAPEAD_MOST_AXES], offset = tapead_locate(l, first, index), done = 0;
    for (;;) {
        int64_t n = l->shape[last] - index[last];
        if (n > count - done) n = count - done;
        tapead_load_row(d + done, (const char *)column->base + offset, l->stride[last], l->kind, n);
        done += n;
        if (done == count) break;
        offset = tapead_next_row(l, index);
    }
    for (; done < lanes; done++) d[done] = d[count - 1];
}

static inline void tapead_store_layout(
    const double *x, const tapead_target *target, int64_t first, int64_t count) {
    const tapead_layout *l = target->layout;
    const int64_t last = l->n - 1;
    int64_t index[TAPEAD_MOST_AXES], offset = tapead_locate(l, first, index), done = 0;
    for (;;) {
        int64_t n = l->shape[last] - index[last];
        if (n > count - done) n = count - done;
        tapead_store_row(x + done, (char *)target->base + offset, l->stride[last], l->kind, n);
        done += n;
        if (done == count) break;
        offset = tapead_next_row(l, index);
    }
}

#endif
