# Adjoints and tangents of arrays while a tape is swept.

cdef ndarray own_bar(Sweep sweep, int64_t place, bint marks):
    """The adjoint at a place, in memory that may be written to."""
    cdef ndarray bar = sweep.bars[place]
    sweep.bars[place] = None
    if not is_exclusive(bar):
        bar = copy_of(bar)
    sweep.bars[place] = bar
    return bar


cdef ndarray copy_of(ndarray array):
    cdef ndarray out = new_like(array, cnp.PyArray_TYPE(array))
    cnp.PyArray_CopyInto(out, array)
    return out


cdef int add_bar(Sweep sweep, int64_t place, ndarray term, bint marks) except -1:
    """Add a contribution; the first one is taken over as it is."""
    cdef ndarray total = sweep.bars[place]
    cdef bint marked = sweep.marks[place]
    if total is None:
        sweep.bars[place] = term
        sweep.marks[place] = marks
        return 0
    total = None
    total = own_bar(sweep, place, marks)
    merge(total, term, marks or marked)
    sweep.marks[place] = marked and marks
    return 0


cdef int merge(ndarray total, ndarray term, bint marked) except -1:
    """Add `term`, which broadcasts, to `total` in place."""
    cdef Walk walk
    begin_walk(&walk, total)
    walk_array(&walk, term)
    walk_array(&walk, total)
    collapse(&walk)
    walk_merge(&walk, cnp.PyArray_TYPE(total) == cnp.NPY_FLOAT, marked)
    return 0


cdef int sum_all(ndarray array, bint marked, double* sum) except -1:
    """Sum of the elements that are not absent; whether there are any."""
    cdef ndarray flat = cnp.PyArray_GETCONTIGUOUS(array)
    return sum_marked(cnp.PyArray_TYPE(flat) == cnp.NPY_FLOAT, cnp.PyArray_SIZE(flat),
                      cnp.PyArray_DATA(flat), 1, sum)


cdef ndarray unbroadcast(ndarray w, object shape, bint marked):
    """Sum over the axes along which an operand of this shape was broadcast."""
    cdef int lead = cnp.PyArray_NDIM(w) - len(shape), i
    axes = (*range(lead), *[
        lead + i for i in range(len(shape))
        if shape[i] == 1 and cnp.PyArray_DIMS(w)[lead + i] != 1])
    if not marked:
        return np.add.reduce(w, axis=axes, keepdims=True).reshape(shape)
    absent = marks_of(w)
    total = np.add.reduce(np.where(absent, w.dtype.type(0), w), axis=axes, keepdims=True)
    nowhere = np.logical_and.reduce(absent, axis=axes, keepdims=True)
    return np.where(nowhere, MARKS[w.dtype], total).reshape(shape)


MARKS = {np.dtype(np.float64): np.uint64(0x7FFC7AEA00000000).view(np.float64),
         np.dtype(np.float32): np.uint32(0x7FFC7AEA).view(np.float32)}


def marks_of(array):
    """Where the elements of an adjoint are absent."""
    if array.dtype == np.float64:
        return array.view(np.uint64) == 0x7FFC7AEA00000000
    return array.view(np.uint32) == 0x7FFC7AEA


cdef ndarray unmarked(ndarray w, bint marked):
    """`w` with 0 where it is absent."""
    if not marked:
        return w
    w = copy_of(w)
    number_in_place(cnp.PyArray_TYPE(w) == cnp.NPY_FLOAT, cnp.PyArray_SIZE(w),
                    cnp.PyArray_DATA(w), 1)
    return w
