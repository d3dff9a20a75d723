"""Rules as recorded nodes: what makes derivatives of any order."""

from libc.stdint cimport int64_t

from tapead._nodes cimport Ref, State

cdef Ref operand_x(State* st, int64_t i) noexcept nogil
cdef Ref operand_y(State* st, int64_t i) noexcept nogil
cdef void accumulate(State* st, Ref* total, Ref term) noexcept nogil
cdef int record_reverse(
    State* st, Ref* bars, const char* depends, int64_t first, int64_t last, int64_t base
) except -1 nogil
cdef int record_forward(
    State* st, Ref* dots, const char* depends, int64_t first, int64_t last, int64_t base
) except -1 nogil
