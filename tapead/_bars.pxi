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
    return merge_over(total, total, term, marked)


cdef int merge_over(ndarray whole, ndarray total, ndarray term, bint marked) except -1:
    """Add a term to a total that both broadcast to the shape of `whole`."""
    cdef Walk walk
    begin_walk(&walk, whole)
    walk_array(&walk, total)
    walk_array(&walk, term)
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
    cdef ndarray total = new_shaped(shape, cnp.PyArray_TYPE(w), 0)
    if marked:
        fill(total)
    else:
        memset(cnp.PyArray_DATA(total), 0, cnp.PyArray_NBYTES(total))
    merge_over(w, total, w, marked)
    return total


cdef ndarray new_shaped(tuple shape, int typenum, int flags):
    """Room for an adjoint."""
    cdef npy_intp[MAX_DIMS] lengths
    cdef int d, n = len(shape)
    if n > MAX_DIMS:
        raise ValueError(f"an array has at most {MAX_DIMS} axes; got {n}")
    for d in range(n):
        lengths[d] = shape[d]
    return new_array(n, lengths, typenum, flags)


def stretched(w, tuple shape):
    """`w` as it broadcasts to a shape: a view to read."""
    if type(w) is not ndarray or cnp.PyArray_NDIM(w) > len(shape) or len(shape) > MAX_DIMS:
        return np.broadcast_to(w, shape)
    cdef npy_intp[MAX_DIMS] lengths
    cdef npy_intp[MAX_DIMS] strides
    cdef ndarray array = w
    cdef int d, n = len(shape)
    for d in range(n):
        lengths[d] = shape[d]
        own = length_of(array, d - n)
        if own != lengths[d] and own != 1:
            return np.broadcast_to(w, shape)  # which says what is wrong
        strides[d] = 0 if own == 1 else cnp.PyArray_STRIDES(array)[
            d - n + cnp.PyArray_NDIM(array)]
    return view_at(array, n, lengths, strides, 0, 0)


MARKS = {np.dtype(np.float64): np.uint64(0x7FFC7AEA00000000).view(np.float64),
         np.dtype(np.float32): np.uint32(0x7FFC7AEA).view(np.float32)}


def marks_of(array):
    """Where the elements of an adjoint are absent."""
    if array.dtype == np.float64:
        return array.view(np.uint64) == 0x7FFC7AEA00000000
    return array.view(np.uint32) == 0x7FFC7AEA


cdef bint is_nowhere(ndarray array):
    """Whether all elements are absent."""
    cdef ndarray flat = cnp.PyArray_GETCONTIGUOUS(array)
    cdef bint single = cnp.PyArray_TYPE(flat) == cnp.NPY_FLOAT
    cdef npy_intp i
    for i in range(cnp.PyArray_SIZE(flat)):
        if not any_mark(single, 1, <char*>cnp.PyArray_DATA(flat) + i * (4 if single else 8), 1):
            return False
    return True


cdef ndarray unmarked(ndarray w, bint marked):
    """`w` with 0 where it is absent; in place if the caller alone holds it."""
    cdef ndarray out
    if not marked:
        return w
    out = w if is_exclusive(w) and is_dense(w) else copy_of(w)
    number_in_place(cnp.PyArray_TYPE(out) == cnp.NPY_FLOAT, cnp.PyArray_SIZE(out),
                    cnp.PyArray_DATA(out), 1)
    return out


def in_type(array, dtype):
    """A plain array in another precision; what is absent stays so."""
    if array.dtype == dtype:
        return array.astype(dtype)
    return as_type(array, np.dtype(dtype))
