# The kernels as functions of Python, on vectors: what the tests call.


cdef int64_t step_of(ndarray a):
    return cnp.PyArray_STRIDES(a)[0] // cnp.PyArray_ITEMSIZE(a) if cnp.PyArray_NDIM(a) else 0


cdef bint is_single(ndarray a):
    return cnp.PyArray_TYPE(a) == cnp.NPY_FLOAT


def value(int op, ndarray x, ndarray y, ndarray out):
    """`row_value`; the length is that of `out`."""
    row_value(op, is_single(out), cnp.PyArray_SIZE(out), cnp.PyArray_DATA(x), step_of(x),
              cnp.PyArray_DATA(y), step_of(y), cnp.PyArray_DATA(out))
    return out


def scaled(int op, int arg, ndarray w, ndarray x, ndarray y, ndarray v, ndarray out,
           bint accumulate=False, bint marked=False):
    """`row_scaled`; the length is that of `out`."""
    row_scaled(op, arg, is_single(out), cnp.PyArray_SIZE(out), cnp.PyArray_DATA(w), step_of(w),
               cnp.PyArray_DATA(x), step_of(x), cnp.PyArray_DATA(y), step_of(y),
               cnp.PyArray_DATA(v), step_of(v), cnp.PyArray_DATA(out), accumulate, marked)
    return out


def marks(int op, int arg):
    """`row_marks`."""
    return row_marks(op, arg)


def reads(int op, int arg):
    """What a partial reads, of ``"xyv"``."""
    return "".join(which for which in "xyv" if row_reads(op, arg, ord(which)))


def added(ndarray total, ndarray term, bint marked):
    """`merge_into` or `add_into`."""
    (merge_into if marked else add_into)(
        is_single(total), cnp.PyArray_SIZE(total), cnp.PyArray_DATA(total), step_of(total),
        cnp.PyArray_DATA(term), step_of(term))
    return total


def filled(ndarray out):
    """`fill_marks`."""
    fill_marks(is_single(out), cnp.PyArray_SIZE(out), cnp.PyArray_DATA(out), step_of(out))
    return out


def numbers(ndarray x):
    """`number_in_place`."""
    number_in_place(is_single(x), cnp.PyArray_SIZE(x), cnp.PyArray_DATA(x), step_of(x))
    return x


def has_mark(ndarray x):
    """`any_mark`."""
    return any_mark(is_single(x), cnp.PyArray_SIZE(x), cnp.PyArray_DATA(x), step_of(x))


def summed(ndarray x):
    """`sum_marked`: the sum, and whether any element is there."""
    cdef double total
    present = sum_marked(
        is_single(x), cnp.PyArray_SIZE(x), cnp.PyArray_DATA(x), step_of(x), &total)
    return total, present


def converted(ndarray x, ndarray out):
    """`convert_marked`."""
    convert_marked(is_single(out), cnp.PyArray_SIZE(x), cnp.PyArray_DATA(x), step_of(x),
                   cnp.PyArray_DATA(out))
    return out


def array(tuple shape, int typenum):
    """`new_array`."""
    cdef npy_intp[MAX_NDIM] lengths
    for d in range(len(shape)):
        lengths[d] = shape[d]
    return new_array(len(shape), lengths, typenum)


def like(ndarray a, int typenum):
    """`new_like`."""
    return new_like(a, typenum)
