"""Rules as recorded nodes: what makes derivatives of any order."""

from libc.stdint cimport int64_t

from tapead._nodes cimport Ref, State

cdef double value_of(int op, double x, double y) noexcept nogil
cdef bint guard_holds(int kind, double x, double y, int outcome) noexcept nogil
cdef Ref push_op(State* st, int op, Ref x, Ref y) noexcept nogil
cdef Ref operand_x(State* st, int64_t i) noexcept nogil
cdef Ref operand_y(State* st, int64_t i) noexcept nogil
cdef Ref present(State* st, Ref ref) noexcept nogil
cdef void accumulate(State* st, Ref* total, Ref term) noexcept nogil
cdef int record_reverse(
    State* st, Ref* bars, const char* depends, int64_t first, int64_t last, int64_t base
) except -1 nogil
cdef int record_forward(
    State* st, Ref* dots, const char* depends, int64_t first, int64_t last, int64_t base
) except -1 nogil
cdef int record_forward_at(
    State* st, Ref* dots, const int64_t* nodes, int64_t n, int64_t base
) except -1 nogil
cdef void contribute(State* st, Ref* total, Ref factor, Ref partial) noexcept nogil
cdef void find_dependents(
    State* st, char* depends, int64_t n_leaves, int64_t base, int64_t first, int64_t last
) noexcept nogil
