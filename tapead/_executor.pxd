"""Executors: what runs Code, for those who cimport them."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from tapead._code cimport Code

cdef enum:
    MOST_AXES = 8


cdef struct Layout:
    # How points lie in an array that is no row of doubles; strides are in bytes.
    int64_t n
    int64_t kind  # 0 doubles, 1 singles
    int64_t shape[MOST_AXES]
    int64_t stride[MOST_AXES]


cdef struct Column:
    # An input at many points: at point p it is ``base[p * stride]``, or where `layout` has it.
    const double* base
    int64_t stride
    const Layout* layout


cdef struct Target:
    # An output at many points.
    double* base
    int64_t stride
    const Layout* layout
    int64_t summed


cdef struct Frame:
    # What one run at a point writes to: inputs go in, outputs come out.
    double* inputs
    double* outputs
    double* slots


cdef class Executor:
    # The interface: a Program asks for nothing else. Frames are lent under the GIL; runs are not
    # under it, and several may go on at once, each in a frame of its own.
    cdef readonly Code code
    cdef Frame* borrow(self) except NULL
    cdef void give_back(self, Frame* frame) noexcept
    cdef int64_t point(self, Frame* frame, int* kinks) noexcept nogil
    cdef int64_t batch(self, Batch batch) except? -2
    cdef tuple guard_values(self, Frame* frame, int64_t guard)


cdef class Batch:
    # Many points: where inputs come from and outputs go to.
    cdef int64_t n_points
    cdef int n_threads
    cdef uint8_t[::1] varies  # by input; the others are the same at all points
    cdef Column* inputs
    cdef Target* outputs  # NULL if they are summed
    cdef double[::1] sums  # of the outputs over the points
    cdef int32_t[::1] failed  # the first guard that failed at each point, or -1
    cdef int kinks
    cdef int prepare(
        self, int64_t n_points, int64_t n_inputs, int64_t n_outputs, int64_t n_guards) except -1
    cdef int drop_outputs(self) except -1
    cdef object keep  # the arrays that inputs and outputs point into

cdef Executor executor_for(Code code)
cdef int wanted_threads() noexcept nogil
cdef void run_chunks(
    void (*task)(void*, int64_t, int) noexcept nogil, void* context, int64_t n_chunks,
    int n_threads) noexcept nogil


cdef struct ClusterRun:
    # Code applied to the elements of arrays, as what runs without the GIL sees it.
    const void* instructions
    const double* uniform
    const void* narrow  # for very few elements
    const void* wide
    const double* constants
    const int32_t* output_slots
    int64_t n_slots
    int64_t n_inputs
    int64_t n_outputs
    int64_t n_constants
    int64_t work_size  # doubles of a workspace, which is the caller's and aligned to 64 bytes
    int64_t cost  # of an element, in instructions
    int64_t single_lanes  # floats side by side; 0 where elements are doubles


cdef class Cluster:
    # What a ClusterRun points into.
    cdef ClusterRun data
    cdef Code code
    cdef Executor one
    cdef object lanes
    cdef double[::1] uniform

cdef void run_elements(
    const ClusterRun* cluster, const Column* inputs, const Target* outputs, double* sums,
    int64_t n, double* work, int n_threads, int* kinks) noexcept nogil
cdef int64_t n_element_chunks(const ClusterRun* cluster, int64_t n) noexcept nogil
cdef bint takes_threads(const ClusterRun* cluster, int64_t n) noexcept nogil
