"""Tape and Var for those who cimport them."""

from libc.stdint cimport int32_t, int64_t, uint64_t

from tapead._nodes cimport Node, Ref, State


cdef struct Segment:
    # Vars with this serial are alive if their id lies below `end`; see Tape.rewind.
    uint64_t serial
    int64_t end


cdef struct Source:
    int32_t code  # index into Tape.codes
    int32_t line


cdef struct Guard:
    # Something that Python read off a traced value: `x` and `y` are ids (0 is passive).
    double x_value
    double y_value
    int64_t at  # the id of the next node
    int32_t x
    int32_t y
    int32_t kind  # index into _guards.GUARDS
    int32_t outcome
    Source source


cdef class Tape:
    cdef State state
    cdef Segment* segments  # of earlier serials that still have live nodes
    cdef Py_ssize_t n_segments
    cdef Py_ssize_t segment_capacity
    cdef double* adjoints
    cdef int64_t adjoint_capacity
    cdef Source* sources  # one per node while tracing, else NULL
    cdef Guard* guards
    cdef Py_ssize_t n_guards
    cdef Py_ssize_t guard_capacity
    cdef list codes
    cdef dict code_indices
    cdef dict names_of_inputs
    cdef State* outer  # what was active before this tape
    cdef unsigned long thread  # where it is active
    cdef readonly bint active
    cdef bint tracing
    cdef bint busy  # a sweep without the GIL is reading it
    cdef int64_t byte_limit  # -1 is none

    cdef int check_idle(self) except -1
    cdef list swept(self, list starts, list seeds, list ends, int64_t last, bint forward)
    cdef int sweep_all(self, double* values, int64_t last, bint forward) except -1
    cdef list seeds_for(self, list targets, seed, str what)
    cdef int64_t id_of(self, var, str what) except -1
    cdef int push_segment(self, uint64_t serial, int64_t end) except -1
    cdef int begin(self) except -1
    cdef int end(self) except -1
    cdef int cut(self, int64_t n) except -1
    cdef double* workspace(self, int64_t n) except NULL
    cdef int64_t bytes_used(self) noexcept nogil
    cdef bint owns(self, Var var) noexcept


cdef class Var:
    cdef double number
    cdef int64_t id
    cdef uint64_t serial


cdef enum:
    LANES = 8  # directions that one sweep carries at once

cdef State* active_state() noexcept nogil
cdef Tape active_tape()
cdef Var new_var(State* st, Ref ref)
cdef object as_object(State* st, Ref ref)
cdef int as_ref(State* st, object o, Ref* ref) except -1
cdef int raise_failed(State* st) except -1
cdef int make_room(Tape tape, int64_t n) except -1
cdef int note_guard(State* st, int kind, Ref x, Ref y, bint outcome) except -1
cdef int reverse_sweep(State* st, double* bars, int64_t first, int64_t last) except -1 nogil
cdef int forward_sweep(State* st, double* dots, int64_t first, int64_t last) except -1 nogil
cdef int reverse_lanes(State* st, double* bars, int64_t first, int64_t last) except -1 nogil
cdef int forward_lanes(State* st, double* dots, int64_t first, int64_t last) except -1 nogil
cdef void unreach(double* values, int64_t first, int64_t last) noexcept nogil
