"""Executors: Code lowered to slots and run without the GIL, at one point or at many.

A Program knows the interface `Executor` alone, so that another one can take its place.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from tapead._code cimport NO_OPERAND, Code, CodeGuard, restricted
from tapead._elementals cimport OP_NEGATIVE, OP_SUBTRACT
from tapead._special cimport digamma, erfcx, erfinv, log_ndtr, polygamma

import os

import numpy as np

from tapead._guards import GUARDS
from tapead.elementals import COMMUTING, FUSIONS, INSTRUCTIONS, OPCODES


cdef extern from "_lanes_single.h":
    ctypedef struct tapead_narrow:
        uint16_t op
        uint16_t d
        uint16_t x
        uint16_t y
        uint16_t z
    ctypedef struct tapead_wide:
        uint32_t op
        uint32_t d
        uint32_t x
        uint32_t y
        uint32_t z
    ctypedef struct tapead_column:
        const double* base
        int64_t stride
    ctypedef struct tapead_target:
        double* base
        int64_t stride
        int64_t summed
    ctypedef struct tapead_batch:
        const tapead_wide* code
        const double* uniform
        const tapead_column* inputs
        const tapead_target* outputs
        int64_t guarded
        double* sums
    void tapead_load_layout_double(
        double* d, const tapead_column* column, int64_t first, int64_t count, int64_t lanes) nogil
    void tapead_store_layout_double(
        const double* x, const tapead_target* target, int64_t first, int64_t count) nogil
    void tapead_lanes_single(
        const tapead_batch* b, float* w, int64_t first, int64_t count, int* kinks) nogil
    void tapead_lanes_256(
        const tapead_batch* b, double* w, int64_t first, int64_t count, int32_t* failed,
        int* kinks) nogil
    void tapead_lanes_64(
        const tapead_batch* b, double* w, int64_t first, int64_t count, int32_t* failed,
        int* kinks) nogil
    void tapead_lanes_16(
        const tapead_batch* b, double* w, int64_t first, int64_t count, int32_t* failed,
        int* kinks) nogil


cdef extern from "_replay.h":
    int64_t tapead_replay_narrow(const tapead_narrow* code, double* w, int* kinks) nogil
    int64_t tapead_replay_wide(const tapead_wide* code, double* w, int* kinks) nogil


cdef extern from "_rows.h":
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
    HALT = 0

cdef int FIRST_FUSION = len(INSTRUCTIONS) + 1
cdef int FIRST_GUARD = FIRST_FUSION + len(FUSIONS)
cdef int LOAD = FIRST_GUARD + len(GUARDS)
cdef int UNIFORM = LOAD + 1
cdef int STORE = LOAD + 2

cdef class Executor:
    """What runs a Code; see the declarations."""

    cdef Frame* borrow(self) except NULL:
        raise NotImplementedError

    cdef void give_back(self, Frame* frame) noexcept:
        pass

    cdef int64_t point(self, Frame* frame, int* kinks) noexcept nogil:
        return 0

    cdef int64_t batch(self, Batch batch) except? -2:
        """Run many points; how many of them left the recorded path."""
        raise NotImplementedError

    cdef tuple guard_values(self, Frame* frame, int64_t guard):
        """Both sides of a guard that has failed in this frame."""
        raise NotImplementedError


include "_thread_setting.pxi"
include "_lower.pxi"
include "_point.pxi"
include "_batch.pxi"
include "_cluster.pxi"


cdef Executor executor_for(Code code):
    """The executor of a Code; the place where another one would be chosen."""
    return Interpreter(code)
