"""Traced arrays, for those who cimport them."""

from libc.stdint cimport int64_t, uint64_t
from numpy cimport ndarray

from tapead._tape cimport Sweep, State, Tape


cdef class Base:
    # Memory that views share, and the node that its elements are now.
    cdef ndarray buffer
    cdef int64_t id
    cdef int64_t place
    cdef int64_t version
    cdef uint64_t serial
    cdef bint marked
    cdef bint saved  # an operation keeps the values as they are
    cdef bint borrowed  # not our memory
    cdef object window  # of all of it, made when it is needed


cdef class Array:
    cdef ndarray data
    cdef int64_t id  # of its node; 0 is passive
    cdef int64_t place  # of its entry, -1 if it has none
    cdef uint64_t serial
    cdef Base base  # None until it is viewed or written to
    cdef int64_t version  # of the base, that `id` belongs to; -1 is none
    cdef bint marked  # elements may be absent: an adjoint on its way
    cdef bint borrowed  # not our memory
    cdef bint whole  # it is all of its base, not a view
    cdef Py_ssize_t offset  # of a view, in bytes, into the memory of its base


cdef Array new_array_of(State* st, ndarray data, int64_t id, int64_t place)
cdef int resolve(State* st, Array a) except -1
cdef object apply_row(int op, object x, object y)
cdef Array lifted_array(State* st, object array, bint nested)
cdef int add_bar(Sweep sweep, int64_t place, ndarray term, bint marks) except -1
cdef int add_recorded(Sweep sweep, int64_t place, object term) except -1
cdef ndarray unmarked(ndarray w, bint marked)
cdef object number_of(object w)
cdef int mark_dependents(
    Tape tape, char* depends, int64_t n_leaves, int64_t first, int64_t last) except -1
cdef int record_reverse_mixed(
    Sweep sweep, const char* depends, int64_t first, int64_t last) except -1
cdef int record_forward_mixed(
    Sweep sweep, const char* depends, int64_t first, int64_t last) except -1
cdef ndarray reached_array(Sweep sweep, int64_t place, ndarray like)
cdef int seed_sweep(Sweep sweep, object var, object seed) except -1
