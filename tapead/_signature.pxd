"""Signatures, for those who cimport them."""

from libc.stdint cimport int64_t

from tapead._nodes cimport State


cdef class Part:
    # What a leaf or a container is; made once, never changed.
    cdef Py_ssize_t n  # doubles
    cdef Py_ssize_t n_leaves
    cdef Py_hash_t hashed

    cdef int read(self, object x, double* out, bint strict) except -1
    cdef object build(self, const double* values)
    cdef int gather(self, object x, list out) except -1
    cdef object take(self, list leaves, Py_ssize_t* cursor)
    cdef int variables(self, State* st, int64_t first, list out) except -1
    cdef int differ(self, object x, str path, bint strict, bint structure) except -1
    cdef int enumerate_leaves(self, list out, Py_ssize_t offset) except -1
    cdef bint same(self, Part other) except -1
    cdef tuple parts_within(self)
    cdef str text(self)


cdef class Signature:
    cdef Part part
    cdef readonly Py_ssize_t n  # doubles
    cdef readonly bint strict

    @staticmethod
    cdef Signature of(object tree, bint static_ints, bint strict, str refusing)
    # 1: it fits and `out` is filled; 0: it does not
    cdef int read(self, object tree, double* out) except -1
    cdef object build(self, const double* values)
    cdef object lift(self, State* st, int64_t first)
    cdef list numbers_of(self, object tree)
    cdef int differ(self, object tree, str what, bint structure) except -1
