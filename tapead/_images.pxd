"""Convolutions and windows' maxima of stacks of images, for programs, without the GIL."""

from libc.stdint cimport int64_t

cdef extern from "_convolution.h":
    ctypedef struct tapead_convolution:
        int64_t n
        int64_t channels
        int64_t height
        int64_t width
        int64_t filters
        int64_t kh
        int64_t kw
        int64_t down
        int64_t right
        int64_t rows
        int64_t columns
        int64_t x[4]
        int64_t w[4]
        int64_t y[4]

cdef extern from "_pooling.h":
    ctypedef struct tapead_pooling:
        int64_t n
        int64_t channels
        int64_t height
        int64_t width
        int64_t kh
        int64_t kw
        int64_t down
        int64_t right
        int64_t rows
        int64_t columns
        int64_t w[4]
        int64_t x[4]
        int64_t v[4]
        int64_t d[4]

cdef struct ImageTask:
    # A primitive of images, and where in memory the elements of its operands and result lie.
    int kind
    bint single
    tapead_convolution convolution
    tapead_pooling pooling

cdef enum:
    MOST_IMAGES = 4  # operands and the result of a task

# `shapes` and `strides` are those of the operands and, last, the result.
cdef int fill_task(
    ImageTask* task, str name, bint single, list shapes, list strides, tuple window) except -1

# Data of the operands and, last, of the result. 0, or -1 if there is no memory.
cdef int run_task(const ImageTask* task, char** data) noexcept nogil
