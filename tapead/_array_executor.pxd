"""Executors of programs of arrays, for those who cimport them."""

from libc.stdint cimport int32_t, int64_t

cdef struct ArrayFrame:
    # What one run writes to.
    char** bases  # of the buffers: arena, inputs, constants, results
    char* arena
    double* work
    double* sums
    int n_threads
    void* columns
    void* targets


cdef class ArrayExecutor:
    cdef readonly int64_t n_steps
    cdef readonly int64_t arena_size
    cdef readonly list constants
    cdef readonly list descriptions  # of the steps, for people
    cdef object plan
    cdef list clusters
    cdef list calls  # what runs with the GIL
    cdef list recorded  # what guards compare with
    cdef list results  # (buffer, shape, strides, dtype) or a place of a number
    cdef int64_t[::1] numbers  # by input: offset in the arena, -1 of an array
    cdef void* steps
    cdef void* memory
    cdef int64_t n_buffers
    cdef int64_t n_inputs
    cdef int64_t work_size
    cdef int64_t most_columns
    cdef int64_t most_sums
    cdef bint threaded
    cdef int64_t cost
    cdef ArrayFrame* frames[8]
    cdef int n_frames
    cdef list run(self, list leaves, int64_t* failed, int* kinks)
    cdef bint settling
    cdef list settle(self, list leaves, int64_t* failed, int* kinks)
    cdef list run_in(self, ArrayFrame* frame, list leaves, int64_t* failed, int* kinks)
    cdef ArrayFrame* borrow(self) except NULL
    cdef void give_back(self, ArrayFrame* frame) noexcept
    cdef int64_t frame_size(self)
    cdef int n_threads(self) noexcept nogil
    cdef int take_results(self, plan) except -1
    cdef int take(self, void* place, tuple told) except -1
    cdef int64_t run_steps(
        self, ArrayFrame* frame, int64_t at, int64_t* failed, int* kinks) noexcept nogil
    cdef object call(self, int64_t index, ArrayFrame* frame)
