# Arrays over memory that is kept for reuse.

cdef extern from "_pool.h":
    ctypedef struct tapead_buffers:
        size_t idle
        size_t in_use
        size_t peak
        size_t limit
        uint64_t reused
        uint64_t made
    tapead_buffers tapead_memory
    int tapead_make_handler() except -1
    void tapead_trim(size_t limit, size_t room)
    ndarray tapead_array(
        int ndim, const npy_intp* shape, const npy_intp* strides, int typenum, int flags)

tapead_make_handler()

cdef enum:
    MAX_NDIM = 64  # NumPy's; 32 before NumPy 2


cdef ndarray new_array(int ndim, const npy_intp* shape, int typenum, int flags=0):
    return tapead_array(ndim, shape, NULL, typenum, flags)


cdef ndarray new_like(ndarray a, int typenum):
    cdef int ndim = cnp.PyArray_NDIM(a)
    cdef const npy_intp* shape = cnp.PyArray_DIMS(a)
    cdef npy_intp[MAX_NDIM] strides
    if cnp.PyArray_IS_C_CONTIGUOUS(a):
        return tapead_array(ndim, shape, NULL, typenum, 0)
    if cnp.PyArray_IS_F_CONTIGUOUS(a):
        return tapead_array(ndim, shape, NULL, typenum, cnp.NPY_ARRAY_F_CONTIGUOUS)
    ordered_strides(a, 4 if typenum == cnp.NPY_FLOAT else 8, strides)
    return tapead_array(ndim, shape, strides, typenum, 0)


cdef int ordered_strides(ndarray a, npy_intp size, npy_intp* strides) noexcept:
    """Strides of a compact array whose axes come in memory as those of `a` do."""
    cdef int[MAX_NDIM] axes  # from the outermost on
    cdef int ndim = cnp.PyArray_NDIM(a), d, e
    for d in range(ndim):
        e = d
        while e > 0 and is_outside(a, d, axes[e - 1]):
            axes[e] = axes[e - 1]
            e -= 1
        axes[e] = d
    for d in range(ndim - 1, -1, -1):
        strides[axes[d]] = size
        size *= cnp.PyArray_DIMS(a)[axes[d]]
    return 0


cdef inline bint is_outside(ndarray a, int d, int e) noexcept:
    """Whether axis `d` has longer steps than `e`; a broadcast one has none that count."""
    cdef npy_intp own = abs(cnp.PyArray_STRIDES(a)[d]), other = abs(cnp.PyArray_STRIDES(a)[e])
    return own > other > 0


def pool_statistics():
    """Bytes that arrays hold, held at most, and idle ones; buffers reused and made."""
    return {
        "in_use": tapead_memory.in_use,
        "peak": tapead_memory.peak,
        "idle": tapead_memory.idle,
        "limit": tapead_memory.limit,
        "reused": tapead_memory.reused,
        "made": tapead_memory.made,
    }


def trim_pool(size_t idle=0):
    """Give idle buffers back to the system until at most `idle` bytes are left."""
    tapead_trim(idle, 0)
