"""Kernels on runs of numbers, float64 or float32 (`single`), and memory for arrays.

Steps are in elements: 1 is contiguous, 0 is one number for all. Results that are written are
contiguous unless they have a step. Needs no GIL, except for arrays.
"""

from libc.stdint cimport int64_t
from numpy cimport ndarray, npy_intp

# The value of an instruction. `out` is apart from the operands.
cdef void row_value(
    int op, bint single, int64_t n, const void* x, int64_t x_step, const void* y, int64_t y_step,
    void* out) noexcept nogil

# Whether `row_value` takes less time than NumPy's loop, at 2 ulp from it at most.
cdef bint row_is_fast(int op, bint single) noexcept nogil

# `w` times the partial by an argument, added to `out` if it accumulates. An element of `w` that is
# absent, if some may be (`marked`), and a partial that is absent give an absent element. `out` may
# be `w`.
cdef void row_scaled(
    int op, int arg, bint single, int64_t n, const void* w, int64_t w_step,
    const void* x, int64_t x_step, const void* y, int64_t y_step, const void* v, int64_t v_step,
    void* out, bint accumulate, bint marked) noexcept nogil

# Whether a partial may be absent; whether it is 1 everywhere; whether it reads operand or result
# `which`, b"x", "y" or "v".
cdef bint row_marks(int op, int arg) noexcept nogil
cdef bint row_passes(int op, int arg) noexcept nogil
cdef bint row_reads(int op, int arg, char which) noexcept nogil

cdef void merge_into(
    bint single, int64_t n, void* total, int64_t t_step, const void* term, int64_t s_step
) noexcept nogil
cdef void add_into(
    bint single, int64_t n, void* total, int64_t t_step, const void* term, int64_t s_step
) noexcept nogil  # no element is absent
cdef void fill_marks(bint single, int64_t n, void* out, int64_t step) noexcept nogil
cdef void number_in_place(bint single, int64_t n, void* x, int64_t step) noexcept nogil
cdef bint any_mark(bint single, int64_t n, const void* x, int64_t step) noexcept nogil
cdef bint sum_marked(
    bint single, int64_t n, const void* x, int64_t step, double* total
) noexcept nogil  # whether any element is there
cdef void convert_marked(
    bint to_single, int64_t n, const void* x, int64_t x_step, void* out) noexcept nogil

cdef ndarray new_array(int ndim, const npy_intp* shape, int typenum, int flags=*)  # in C order
cdef ndarray new_like(ndarray a, int typenum)  # of the same shape and order of memory
