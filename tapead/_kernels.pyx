"""Kernels on runs of numbers: values and partials of rows, adjoints with marks, memory."""

from libc.stdint cimport int64_t, uint8_t, uint64_t
from numpy cimport ndarray, npy_intp

from tapead._special cimport digamma, erfcx, erfinv, log_ndtr, polygamma

cimport numpy as cnp

cnp.import_array()


cdef extern from "_kernels.h":
    ctypedef struct tapead_use:
        uint8_t kind
        uint8_t reads
        uint8_t marks
        uint8_t fast
        double number
    ctypedef struct tapead_run_double:
        const double* base
        int64_t step
    ctypedef struct tapead_run_single:
        const float* base
        int64_t step
    const tapead_use tapead_uses[1][3]
    enum: TAPEAD_NUMBER
    enum: TAPEAD_ADDED
    enum: TAPEAD_MARKED
    void tapead_value_double(
        const tapead_use* use, int64_t n, const tapead_run_double* runs, double* out) nogil
    void tapead_value_single(
        const tapead_use* use, int64_t n, const tapead_run_single* runs, float* out) nogil
    void tapead_scaled_double(
        const tapead_use* use, int how, int64_t n, tapead_run_double w,
        const tapead_run_double* runs, double* out) nogil
    void tapead_scaled_single(
        const tapead_use* use, int how, int64_t n, tapead_run_single w,
        const tapead_run_single* runs, float* out) nogil
    void tapead_accumulate_double(
        int marked, int64_t n, double* total, int64_t step, tapead_run_double term) nogil
    void tapead_accumulate_single(
        int marked, int64_t n, float* total, int64_t step, tapead_run_single term) nogil
    void tapead_fill_marks_double(int64_t n, double* out, int64_t step) nogil
    void tapead_fill_marks_single(int64_t n, float* out, int64_t step) nogil
    void tapead_number_in_place_double(int64_t n, double* x, int64_t step) nogil
    void tapead_number_in_place_single(int64_t n, float* x, int64_t step) nogil
    int tapead_any_mark_double(int64_t n, tapead_run_double x) nogil
    int tapead_any_mark_single(int64_t n, tapead_run_single x) nogil
    int tapead_sum_double(int64_t n, tapead_run_double x, double* total) nogil
    int tapead_sum_single(int64_t n, tapead_run_single x, double* total) nogil
    void tapead_converted_double(int64_t n, tapead_run_double x, float* out) nogil
    void tapead_converted_single(int64_t n, tapead_run_single x, double* out) nogil
    ctypedef struct tapead_foreign_functions:
        double (*polygamma)(double, double) noexcept nogil
        double (*digamma)(double) noexcept nogil
        double (*erfinv)(double) noexcept nogil
        double (*erfcx)(double) noexcept nogil
        double (*log_ndtr)(double) noexcept nogil
    tapead_foreign_functions tapead_foreign

tapead_foreign.polygamma = polygamma
tapead_foreign.digamma = digamma
tapead_foreign.erfinv = erfinv
tapead_foreign.erfcx = erfcx
tapead_foreign.log_ndtr = log_ndtr

cdef enum:
    VALUE = 2  # behind the partials by x and by y


cdef inline tapead_run_double doubles(const void* x, int64_t step) noexcept nogil:
    return tapead_run_double(<const double*>x, step)


cdef inline tapead_run_single singles(const void* x, int64_t step) noexcept nogil:
    return tapead_run_single(<const float*>x, step)


cdef void row_value(
    int op, bint single, int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step,
    void* out
) noexcept nogil:
    cdef tapead_run_double[2] of_doubles
    cdef tapead_run_single[2] of_singles
    cdef const tapead_use* use = &tapead_uses[op][VALUE]
    if single:
        of_singles[0], of_singles[1] = singles(x, x_step), singles(y, y_step)
        tapead_value_single(use, n, of_singles, <float*>out)
    else:
        of_doubles[0], of_doubles[1] = doubles(x, x_step), doubles(y, y_step)
        tapead_value_double(use, n, of_doubles, <double*>out)


cdef void row_scaled(
    int op, int arg, bint single, int64_t n, const void* w, int64_t w_step,
    const void* x, int64_t x_step, const void* y, int64_t y_step, const void* v, int64_t v_step,
    void* out, bint accumulate, bint marked
) noexcept nogil:
    cdef tapead_run_double[3] of_doubles
    cdef tapead_run_single[3] of_singles
    cdef const tapead_use* use = &tapead_uses[op][arg]
    cdef int how = (TAPEAD_ADDED if accumulate else 0) | (TAPEAD_MARKED if marked else 0)
    if use.marks:
        how |= TAPEAD_MARKED
    if single:
        of_singles[0], of_singles[1] = singles(x, x_step), singles(y, y_step)
        of_singles[2] = singles(v, v_step)
        tapead_scaled_single(use, how, n, singles(w, w_step), of_singles, <float*>out)
    else:
        of_doubles[0], of_doubles[1] = doubles(x, x_step), doubles(y, y_step)
        of_doubles[2] = doubles(v, v_step)
        tapead_scaled_double(use, how, n, doubles(w, w_step), of_doubles, <double*>out)


cdef bint row_is_fast(int op, bint single) noexcept nogil:
    return tapead_uses[op][VALUE].fast & (2 if single else 1)


cdef bint row_marks(int op, int arg) noexcept nogil:
    return tapead_uses[op][arg].marks


cdef bint row_passes(int op, int arg) noexcept nogil:
    return tapead_uses[op][arg].kind == TAPEAD_NUMBER and tapead_uses[op][arg].number == 1.0


cdef bint row_reads(int op, int arg, char which) noexcept nogil:
    cdef int place = 2 if which == b"v" else which - <char>b"x"
    return (tapead_uses[op][arg].reads >> place) & 1


cdef void merge_into(
    bint single, int64_t n, void* total, int64_t t_step, const void* term, int64_t s_step
) noexcept nogil:
    if single:
        tapead_accumulate_single(True, n, <float*>total, t_step, singles(term, s_step))
    else:
        tapead_accumulate_double(True, n, <double*>total, t_step, doubles(term, s_step))


cdef void add_into(
    bint single, int64_t n, void* total, int64_t t_step, const void* term, int64_t s_step
) noexcept nogil:
    if single:
        tapead_accumulate_single(False, n, <float*>total, t_step, singles(term, s_step))
    else:
        tapead_accumulate_double(False, n, <double*>total, t_step, doubles(term, s_step))


cdef void fill_marks(bint single, int64_t n, void* out, int64_t step) noexcept nogil:
    if single:
        tapead_fill_marks_single(n, <float*>out, step)
    else:
        tapead_fill_marks_double(n, <double*>out, step)


cdef void number_in_place(bint single, int64_t n, void* x, int64_t step) noexcept nogil:
    if single:
        tapead_number_in_place_single(n, <float*>x, step)
    else:
        tapead_number_in_place_double(n, <double*>x, step)


cdef bint any_mark(bint single, int64_t n, const void* x, int64_t step) noexcept nogil:
    if single:
        return tapead_any_mark_single(n, singles(x, step))
    return tapead_any_mark_double(n, doubles(x, step))


cdef bint sum_marked(
    bint single, int64_t n, const void* x, int64_t step, double* total
) noexcept nogil:
    if single:
        return tapead_sum_single(n, singles(x, step), total)
    return tapead_sum_double(n, doubles(x, step), total)


cdef void convert_marked(
    bint to_single, int64_t n, const void* x, int64_t x_step, void* out
) noexcept nogil:
    if to_single:
        tapead_converted_double(n, doubles(x, x_step), <float*>out)
    else:
        tapead_converted_single(n, singles(x, x_step), <double*>out)


include "_pool.pxi"
include "_kernel_hooks.pxi"
