/* Loops of programs of arrays: strided copies and sums, in double or single precision. */

#ifndef TAPEAD_ARRAY_LOOPS_H
#define TAPEAD_ARRAY_LOOPS_H

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { TAPEAD_LOOP_AXES = 8 };

/* A loop over the axes of two operands, from the outermost in; strides in bytes. */
typedef struct {
    int64_t n;
    int64_t shape[TAPEAD_LOOP_AXES], x[TAPEAD_LOOP_AXES], d[TAPEAD_LOOP_AXES];
} tapead_loop;

static inline int64_t tapead_loop_rows(const tapead_loop *l) {
    int64_t rows = 1;
    for (int64_t k = 0; k < l->n - 1; k++) rows *= l->shape[k];
    return rows;
}

/* Moves to the next index of all axes but the last. */
static inline void tapead_loop_next(
    const tapead_loop *l, int64_t *index, const char **x, char **d) {
    for (int64_t k = l->n - 2; k >= 0; k--) {
        *x += l->x[k];
        *d += l->d[k];
        if (++index[k] < l->shape[k]) return;
        *x -= l->x[k] * l->shape[k];
        *d -= l->d[k] * l->shape[k];
        index[k] = 0;
    }
}

static void tapead_copy_row(
    const char *x, char *d, int64_t x_stride, int64_t d_stride, int64_t size, int64_t n) {
    if (x_stride == size && d_stride == size) {
        memcpy(d, x, (size_t)(n * size));
    } else if (size == 8) {
        for (int64_t i = 0; i < n; i++) memcpy(d + i * d_stride, x + i * x_stride, 8);
    } else {
        for (int64_t i = 0; i < n; i++) memcpy(d + i * d_stride, x + i * x_stride, 4);
    }
}

/* Elements of `size` bytes, 4 or 8, from x to d. */
static void tapead_copy(const tapead_loop *l, const char *x, char *d, int64_t size) {
    int64_t index[TAPEAD_LOOP_AXES] = {0}, last = l->n - 1, rows = tapead_loop_rows(l);
    if (l->shape[last] == 0) return;
    for (int64_t row = 0; row < rows; row++) {
        tapead_copy_row(x, d, l->x[last], l->d[last], size, l->shape[last]);
        tapead_loop_next(l, index, &x, &d);
    }
}

/* Whether the elements at x have the very bits of those at d. */
static int tapead_same(const tapead_loop *l, const char *x, const char *recorded, int64_t size) {
    int64_t index[TAPEAD_LOOP_AXES] = {0}, last = l->n - 1, rows = tapead_loop_rows(l);
    char *d = (char *)recorded;
    if (l->shape[last] == 0) return 1;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < l->shape[last]; i++)
            if (memcmp(x + i * l->x[last], d + i * l->d[last], (size_t)size)) return 0;
        tapead_loop_next(l, index, &x, &d);
    }
    return 1;
}

static int tapead_near(double x, double y, double most) {
    return x == y || (x != x && y != y) || (x - y <= most && y - x <= most);
}

static inline double tapead_get(const char *x, int64_t single) {
    float narrow;
    double wide;
    if (single) {
        memcpy(&narrow, x, 4);
        return narrow;
    }
    memcpy(&wide, x, 8);
    return wide;
}

static inline void tapead_put(char *d, double value, int64_t single) {
    const float narrow = (float)value;
    if (single)
        memcpy(d, &narrow, 4);
    else
        memcpy(d, &value, 8);
}

/* The largest size of the elements at d that are finite. */
static double tapead_largest(const tapead_loop *l, char *d, int64_t size) {
    int64_t index[TAPEAD_LOOP_AXES] = {0}, last = l->n - 1, rows = tapead_loop_rows(l);
    const char *unused = d;
    double most = 0.0;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < l->shape[last]; i++) {
            const double x = fabs(tapead_get(d + i * l->d[last], size == 4));
            most = x > most && x < INFINITY ? x : most;
        }
        tapead_loop_next(l, index, &unused, &d);
    }
    return most;
}

/* Lets `recorded` have the very bits of the elements at x if they are the same numbers but for
   rounding, which is not that of the recording; what cancels is as far off as what it is a
   difference of, so the largest element is the measure of all. */
static int tapead_settle(
    const tapead_loop *l, const char *x, char *recorded, int64_t size, double tolerance) {
    int64_t index[TAPEAD_LOOP_AXES] = {0}, last = l->n - 1, rows = tapead_loop_rows(l);
    const char *from = x;
    char *d = recorded;
    if (l->shape[last] == 0) return 1;
    tolerance *= tapead_largest(l, recorded, size);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < l->shape[last]; i++)
            if (!tapead_near(tapead_get(from + i * l->x[last], size == 4),
                             tapead_get(d + i * l->d[last], size == 4), tolerance))
                return 0;
        tapead_loop_next(l, index, &from, &d);
    }
    tapead_copy(l, x, recorded, size);
    return 1;
}

enum { TAPEAD_SUM, TAPEAD_MAX, TAPEAD_MIN };

/* The larger of the two, or a NaN if there is one. */
static inline double tapead_larger(double x, double y) { return x > y || x != x ? x : y; }

static inline double tapead_smaller(double x, double y) { return x < y || x != x ? x : y; }

#define TAPEAD_JOIN_8(s, join) \
    join(join(join(s[0], s[4]), join(s[2], s[6])), join(join(s[1], s[5]), join(s[3], s[7])))
#define TAPEAD_ADDED(x, y) ((x) + (y))

/* A row reduced to a number, in an order that depends on its length only. */
#define TAPEAD_REDUCE_ROW(name, join, first)                                                       \
    static double name(const char *x, int64_t stride, int64_t single, int64_t n) {                 \
        double s[8];                                                                               \
        int64_t i = 0;                                                                             \
        for (int k = 0; k < 8; k++) s[k] = first;                                                  \
        if (!single && stride == 8) {                                                              \
            const double *v = (const double *)x;                                                   \
            for (; i + 8 <= n; i += 8)                                                             \
                for (int k = 0; k < 8; k++) s[k] = join(s[k], v[i + k]);                           \
        } else if (single && stride == 4) {                                                        \
            const float *v = (const float *)x;                                                     \
            for (; i + 8 <= n; i += 8)                                                             \
                for (int k = 0; k < 8; k++) s[k] = join(s[k], (double)v[i + k]);                   \
        }                                                                                          \
        for (; i < n; i++) s[i % 8] = join(s[i % 8], tapead_get(x + i * stride, single));          \
        return TAPEAD_JOIN_8(s, join);                                                             \
    }                                                                                              \
                                                                                                   \
    static void name##_into(                                                                       \
        double *s, const char *x, int64_t stride, int64_t single, int64_t n) {                     \
        if (!single && stride == 8) {                                                              \
            const double *v = (const double *)x;                                                   \
            for (int64_t i = 0; i < n; i++) s[i] = join(s[i], v[i]);                               \
        } else if (single && stride == 4) {                                                        \
            const float *v = (const float *)x;                                                     \
            for (int64_t i = 0; i < n; i++) s[i] = join(s[i], (double)v[i]);                       \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++) s[i] = join(s[i], tapead_get(x + i * stride, single)); \
        }                                                                                          \
    }

TAPEAD_REDUCE_ROW(tapead_sum_row, TAPEAD_ADDED, 0.0)
TAPEAD_REDUCE_ROW(tapead_max_row, tapead_larger, -(double)INFINITY)
TAPEAD_REDUCE_ROW(tapead_min_row, tapead_smaller, (double)INFINITY)

typedef double (*tapead_row_reducer)(const char *, int64_t, int64_t, int64_t);
typedef void (*tapead_row_joiner)(double *, const char *, int64_t, int64_t, int64_t);

static inline double tapead_joined(double x, double y, int64_t kind) {
    return kind == TAPEAD_SUM ? x + y : kind == TAPEAD_MAX ? tapead_larger(x, y)
                                                           : tapead_smaller(x, y);
}

enum { TAPEAD_REDUCE_BLOCK = 256 };

/* Reduces the axes of `over` for every index of `kept`; the `d` of `over` are not used. With
   `rows_inside` the rows of `over` lie closer than those of `kept`. */
static void tapead_reduce(
    const tapead_loop *kept, const tapead_loop *over, const char *x, char *d, int64_t single,
    int64_t rows_inside, int64_t kind) {
    static const tapead_row_reducer reducers[] = {tapead_sum_row, tapead_max_row, tapead_min_row};
    static const tapead_row_joiner joiners[] = {
        tapead_sum_row_into, tapead_max_row_into, tapead_min_row_into};
    static const double firsts[] = {0.0, -(double)INFINITY, (double)INFINITY};
    int64_t index[TAPEAD_LOOP_AXES] = {0}, last = kept->n - 1;
    const int64_t rows = tapead_loop_rows(kept), n = kept->shape[last];
    const int64_t block = rows_inside ? 1 : TAPEAD_REDUCE_BLOCK;
    const int64_t over_rows = tapead_loop_rows(over), end = over->n - 1;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t first = 0; first < n; first += block) {
            const int64_t count = n - first < block ? n - first : block;
            const char *at = x + first * kept->x[last];
            char *unused = d;
            double found[TAPEAD_REDUCE_BLOCK];
            int64_t inner[TAPEAD_LOOP_AXES] = {0};
            for (int64_t i = 0; i < count; i++) found[i] = firsts[kind];
            for (int64_t k = 0; k < over_rows; k++) {
                if (rows_inside) {
                    found[0] = tapead_joined(
                        found[0], reducers[kind](at, over->x[end], single, over->shape[end]), kind);
                } else {
                    const char *from = at;
                    for (int64_t i = 0; i < over->shape[end]; i++, from += over->x[end])
                        joiners[kind](found, from, kept->x[last], single, count);
                }
                tapead_loop_next(over, inner, &at, &unused);
            }
            for (int64_t i = 0; i < count; i++)
                tapead_put(d + (first + i) * kept->d[last], found[i], single);
        }
        tapead_loop_next(kept, index, &x, &d);
    }
}

#endif
