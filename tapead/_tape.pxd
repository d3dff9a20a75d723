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


cdef class Sweep:
    # Adjoints or tangents of one sweep over a tape that holds array operations.
    cdef State* st
    cdef double* values  # of numbers, by id
    cdef Ref* refs  # the same of a sweep that is recorded, from id `base` on
    cdef int64_t base
    cdef list bars  # of arrays, by place: an ndarray (or traced), None where nothing has arrived
    cdef bytearray marks  # by place: whether elements may be absent
    cdef bint last  # no other sweep follows: entries may let go of what they keep
    cdef set kept  # places whose adjoint is wanted afterwards
    cdef char* dependents  # from id `base` on, of a sweep that is recorded


cdef class Entry:
    # An operation on arrays: the node `id` of the tape stands for it.
    cdef int64_t id
    cdef int64_t place  # among the entries
    cdef int pull(self, Sweep sweep) except -1
    cdef int push(self, Sweep sweep) except -1
    cdef int record_pull(self, Sweep sweep) except -1
    cdef int record_push(self, Sweep sweep) except -1
    cdef int release(self) except -1
    cdef bint depends(self, const char* nodes, int64_t base) noexcept
    cdef bint reaches_below(self, int64_t first) noexcept
    cdef int64_t nbytes(self, set seen) except -1


cdef class Tape:
    cdef State state
    cdef list entries
    cdef int64_t array_bytes  # that a byte limit has counted
    cdef dict results  # while tracing, of array operations by id: see note_result
    cdef dict watched_arrays  # plain arrays that operations keep, by id: (array, probe)
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
    cdef bint owns_node(self, uint64_t serial, int64_t id) noexcept


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


cdef struct ArrayHooks:
    # What the module of arrays does for this one, on which it is built.
    object (*apply)(int op, object x, object y)
    object (*lift)(State* st, object array, bint nested)
    list (*sweep)(Tape tape, list starts, list seeds, list ends, int64_t last, bint forward)
    int64_t (*node)(State* st, object array) except -1
    int (*check)(dict watched) except -1

cdef int register_arrays(type kind, ArrayHooks hooks) except -1
cdef Py_ssize_t first_entry(Tape tape, int64_t id) noexcept
cdef int64_t push_entry(State* st, Entry entry, double value, int64_t nbytes) except -1
cdef int raise_stale(State* st, str what) except -1
cdef int check_watched(Tape tape) except -1
cdef Sweep new_sweep(Tape tape, double* values)
cdef int reverse_mixed(Sweep sweep, int64_t first, int64_t last) except -1
cdef int forward_mixed(Sweep sweep, int64_t first, int64_t last) except -1
