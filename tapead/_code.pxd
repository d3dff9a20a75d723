"""Code: the instructions of a program, for those who cimport them."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from tapead._tape cimport Tape

cdef enum:
    NO_OPERAND = -0x80000000  # second operand of a unary instruction


cdef struct CodeGuard:
    # A guard: what was read off a value, see _guards.GUARDS.
    double x_value  # when it was recorded
    double y_value
    int32_t kind
    int32_t x
    int32_t y
    int32_t outcome
    int32_t at  # it is taken before this instruction
    int32_t source


cdef class Code:
    # Operands: v >= 0 is a value, inputs first, then instructions; v < 0 is constants[-1 - v].
    cdef readonly int64_t n_inputs
    cdef readonly int64_t n  # instructions
    cdef readonly int64_t n_constants
    cdef readonly int64_t n_outputs
    cdef readonly int64_t n_guards
    cdef int64_t n_primal  # instructions in front of those of a derivative
    cdef uint8_t* op
    cdef int32_t* x
    cdef int32_t* y
    cdef double* constants
    cdef int32_t* outputs
    cdef CodeGuard* guards
    cdef readonly tuple sources  # (filename, line, function) that guards index
    cdef int64_t capacity
    cdef int64_t constant_capacity
    cdef int32_t* constant_index  # hash table of constants, by bits
    cdef int64_t index_size

    cdef int room(self, int64_t capacity) except -1
    cdef int fit(self) except -1
    cdef int32_t emit(self, int op, int32_t x, int32_t y) except? -2
    cdef int32_t constant(self, double value) except? 0
    cdef int rehash(self) except -1
    cdef int set_outputs(self, int64_t n) except -1
    cdef int set_guards(self, int64_t n, tuple sources) except -1

cdef Code freeze(
    Tape tape, int64_t n_inputs, const int64_t[::1] ids, const double[::1] values, int64_t n_primal
)
cdef Code optimised(Code code, bint reassociate)
cdef Code restricted(Code old, const uint8_t* kept, list outputs, list guards)
cdef Code reverse_code(
    Code code, const uint8_t[::1] wrt, int64_t n_differentiated, bint seeded, bint with_values,
    bint maybe_absent
)
cdef Code forward_code(
    Code code, const uint8_t[::1] wrt, int64_t n_differentiated, bint with_values,
    bint maybe_absent
)
cdef tuple sparse_code(
    Code code, const uint8_t[::1] wrt, int64_t n_differentiated, int64_t most
)
cdef Code compacted(Code old, const int32_t* order)
