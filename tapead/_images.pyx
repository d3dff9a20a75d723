# cython: wraparound=True
"""Kernels of images: convolutions, which are linear in each operand, and maxima of windows.

An image has the axes (rows, channels, height, width), weights (filters, channels, height, width).
Knows no rule; those are rows of the table of primitives.
"""

cimport numpy as cnp
from numpy cimport ndarray, npy_intp

import numpy as np

from tapead._kernels cimport new_array

cnp.import_array()

cdef extern from "_convolution.h":
    int tapead_convolve_double(
        const tapead_convolution* c, const char* x, const char* w, char* y) nogil
    int tapead_convolve_single(
        const tapead_convolution* c, const char* x, const char* w, char* y) nogil
    int tapead_convolve_images_double(
        const tapead_convolution* c, char* x, const char* w, const char* y) nogil
    int tapead_convolve_images_single(
        const tapead_convolution* c, char* x, const char* w, const char* y) nogil
    int tapead_convolve_weights_double(
        const tapead_convolution* c, const char* x, char* w, const char* y) nogil
    int tapead_convolve_weights_single(
        const tapead_convolution* c, const char* x, char* w, const char* y) nogil

cdef extern from "_pooling.h":
    void tapead_largest_double(const tapead_pooling* p, const char* x, char* v) nogil
    void tapead_largest_single(const tapead_pooling* p, const char* x, char* v) nogil
    void tapead_shared_double(
        const tapead_pooling* p, const char* w, const char* x, const char* v, char* d) nogil
    void tapead_shared_single(
        const tapead_pooling* p, const char* w, const char* x, const char* v, char* d) nogil

cdef enum:
    CONVOLVE = 0
    IMAGES = 1
    WEIGHTS = 2
    LARGEST = 3
    SHARED = 4

KINDS = {
    "conv2d": CONVOLVE, "conv2d_images": IMAGES, "conv2d_weights": WEIGHTS,
    "max_pool2d": LARGEST, "max_pool2d_images": SHARED,
}

# Which of the arrays are images, weights and result of a convolution.
ROLES = {CONVOLVE: (0, 1, 2), IMAGES: (2, 1, 0), WEIGHTS: (0, 2, 1)}


cdef int fill_task(
    ImageTask* task, str name, bint single, list shapes, list strides, tuple window
) except -1:
    cdef tapead_convolution* c = &task.convolution
    cdef tapead_pooling* p = &task.pooling
    cdef int d
    task.kind, task.single = KINDS[name], single
    if task.kind in ROLES:
        x, w, y = ROLES[task.kind]
        c.n, c.channels, c.height, c.width = shapes[x]
        c.filters, _, c.kh, c.kw = shapes[w]
        _, _, c.rows, c.columns = shapes[y]
        c.down, c.right = window
        for d in range(4):
            c.x[d], c.w[d], c.y[d] = strides[x][d], strides[w][d], strides[y][d]
        return 0
    x, v = (0, 1) if task.kind == LARGEST else (1, 2)
    p.n, p.channels, p.height, p.width = shapes[x]
    _, _, p.rows, p.columns = shapes[v]
    p.kh, p.kw, p.down, p.right = window
    for d in range(4):
        p.w[d], p.x[d], p.v[d] = strides[0][d], strides[x][d], strides[v][d]
        p.d[d] = strides[-1][d]
    return 0


cdef int run_task(const ImageTask* task, char** data) noexcept nogil:
    cdef const tapead_convolution* c = &task.convolution
    cdef const tapead_pooling* p = &task.pooling
    if task.kind == CONVOLVE:
        return (tapead_convolve_single if task.single else tapead_convolve_double)(
            c, data[0], data[1], data[2])
    if task.kind == IMAGES:
        return (tapead_convolve_images_single if task.single else tapead_convolve_images_double)(
            c, data[2], data[1], data[0])
    if task.kind == WEIGHTS:
        return (tapead_convolve_weights_single if task.single else tapead_convolve_weights_double)(
            c, data[0], data[2], data[1])
    if task.kind == LARGEST:
        (tapead_largest_single if task.single else tapead_largest_double)(p, data[0], data[1])
        return 0
    (tapead_shared_single if task.single else tapead_shared_double)(
        p, data[0], data[1], data[2], data[3])
    return 0


def computed(str name, list operands, tuple shape, tuple window):
    """The result, of a certain shape, of a primitive applied to plain arrays."""
    cdef ImageTask task
    cdef char* data[MOST_IMAGES]
    cdef npy_intp[4] lengths
    cdef ndarray out, x
    cdef Py_ssize_t i, n = len(operands)
    cdef int failed
    dtype = np.result_type(*operands)
    arrays = [laid(a, dtype) for a in operands]
    for i in range(4):
        lengths[i] = shape[i]
    out = new_array(4, lengths, dtype.num)
    arrays.append(out)
    fill_task(&task, name, dtype.itemsize == 4, [a.shape for a in arrays],
              [a.strides for a in arrays], window)
    for i in range(n + 1):
        x = arrays[i]
        data[i] = <char*>cnp.PyArray_DATA(x)
    with nogil:
        failed = run_task(&task, data)
    if failed:
        raise MemoryError(f"out of memory for {name} with a result of shape {shape}")
    return out


cdef ndarray laid(object a, object dtype):
    """An operand in this precision, whose rows have no gaps."""
    array = np.asarray(a, dtype)
    rows = array.strides[3] == array.itemsize
    return array if rows else np.ascontiguousarray(array)
