# Loops over strided and broadcast arrays: an outer index in this file, kernels along the last axis.

cdef enum:
    MOST = 5  # operands of a loop, the result among them
    MAX_DIMS = 32

ctypedef void (*UfuncLoop)(
    char** data, const npy_intp* n, const npy_intp* strides, void* extra) noexcept nogil


cdef struct Walk:
    int n_dims
    int n_operands
    npy_intp[MAX_DIMS] shape
    char* data[MOST]
    npy_intp strides[MOST][MAX_DIMS]  # in bytes


cdef struct Row:
    # What applies an instruction of the table to arrays.
    int arity
    UfuncLoop loops[2]  # NumPy's, of float64 and float32; NULL if there is none or ours is faster
    void* extra[2]
    bint[2] reads_x  # by partial: whether it reads the operand or the result
    bint[2] reads_y
    bint[2] reads_v


cdef int begin_walk(Walk* walk, ndarray out) except -1:
    cdef int d
    if cnp.PyArray_NDIM(out) > MAX_DIMS:
        raise ValueError(f"an array has at most {MAX_DIMS} axes; got {cnp.PyArray_NDIM(out)}")
    walk.n_dims = cnp.PyArray_NDIM(out)
    walk.n_operands = 0
    for d in range(walk.n_dims):
        walk.shape[d] = cnp.PyArray_DIMS(out)[d]
    return 0


cdef int walk_array(Walk* walk, ndarray array) noexcept:
    """An operand that broadcasts to the shape of the walk."""
    cdef int k = walk.n_operands, d, lead = walk.n_dims - cnp.PyArray_NDIM(array)
    walk.data[k] = <char*>cnp.PyArray_DATA(array)
    for d in range(walk.n_dims):
        if d < lead or (cnp.PyArray_DIMS(array)[d - lead] == 1 and walk.shape[d] != 1):
            walk.strides[k][d] = 0
        else:
            walk.strides[k][d] = cnp.PyArray_STRIDES(array)[d - lead]
    walk.n_operands += 1
    return 0


cdef int walk_number(Walk* walk, void* number) noexcept:
    """An operand that is one number."""
    cdef int k = walk.n_operands, d
    walk.data[k] = <char*>number
    for d in range(walk.n_dims):
        walk.strides[k][d] = 0
    walk.n_operands += 1
    return 0


cdef void order_axes(Walk* walk) noexcept:
    """Let the axes come in the order of the result's memory: insertion sort, they are few."""
    cdef int d, e, k, out = walk.n_operands - 1
    for d in range(1, walk.n_dims):
        e = d
        while e > 0 and walk.strides[out][e - 1] < walk.strides[out][e]:
            walk.shape[e - 1], walk.shape[e] = walk.shape[e], walk.shape[e - 1]
            for k in range(walk.n_operands):
                walk.strides[k][e - 1], walk.strides[k][e] = (
                    walk.strides[k][e], walk.strides[k][e - 1])
            e -= 1


cdef void collapse(Walk* walk) noexcept:
    """Join axes that all operands step through as one; drop those of length 1."""
    cdef int d, k, n = 0
    cdef bint joins
    if walk.n_dims > 1:
        order_axes(walk)
    for d in range(walk.n_dims):
        if walk.shape[d] == 1:
            continue
        joins = n > 0
        if joins:
            for k in range(walk.n_operands):
                joins = joins and (
                    walk.strides[k][n - 1] == walk.strides[k][d] * walk.shape[d])
        if joins:
            walk.shape[n - 1] *= walk.shape[d]
        else:
            walk.shape[n] = walk.shape[d]
            n += 1
        for k in range(walk.n_operands):
            walk.strides[k][n - 1] = walk.strides[k][d]
    if n == 0:
        walk.shape[0] = 1
        for k in range(walk.n_operands):
            walk.strides[k][0] = 0
        n = 1
    walk.n_dims = n


cdef inline bint next_row(Walk* walk, npy_intp* index) noexcept nogil:
    """Move to the next index of all axes but the last; False at the end."""
    cdef int d, k
    for d in range(walk.n_dims - 2, -1, -1):
        index[d] += 1
        if index[d] < walk.shape[d]:
            for k in range(walk.n_operands):
                walk.data[k] += walk.strides[k][d]
            return True
        for k in range(walk.n_operands):
            walk.data[k] -= walk.strides[k][d] * (walk.shape[d] - 1)
        index[d] = 0
    return False


cdef inline bint is_empty(Walk* walk) noexcept nogil:
    cdef int d
    for d in range(walk.n_dims):
        if walk.shape[d] == 0:
            return True
    return False


cdef void walk_value(Walk* walk, Row* row, int op, bint single) noexcept nogil:
    """Value of a row: operands first, the result last."""
    cdef npy_intp[MAX_DIMS] index
    cdef npy_intp[3] steps
    cdef char* data[3]
    cdef int last = walk.n_dims - 1, k
    cdef npy_intp n = walk.shape[last], size = 4 if single else 8
    cdef UfuncLoop loop = row.loops[1 if single else 0]
    if is_empty(walk):
        return
    memset(index, 0, sizeof(index))
    for k in range(walk.n_operands):
        steps[k] = walk.strides[k][last]
    while True:
        if loop != NULL:
            for k in range(walk.n_operands):
                data[k] = walk.data[k]
            loop(data, &n, steps, row.extra[1 if single else 0])
        else:
            row_value(op, single, n, walk.data[0], steps[0] // size,
                      walk.data[row.arity - 1], steps[row.arity - 1] // size,
                      walk.data[row.arity])
        if not next_row(walk, index):
            return


cdef void walk_scaled(
    Walk* walk, int op, int arg, bint single, bint accumulate, bint marked
) noexcept nogil:
    """Partial times operand 0: operands w, x, y, v and the result."""
    cdef npy_intp[MAX_DIMS] index
    cdef int last = walk.n_dims - 1
    cdef npy_intp n = walk.shape[last], size = 4 if single else 8
    if is_empty(walk):
        return
    memset(index, 0, sizeof(index))
    while True:
        row_scaled(
            op, arg, single, n, walk.data[0], walk.strides[0][last] // size,
            walk.data[1], walk.strides[1][last] // size,
            walk.data[2], walk.strides[2][last] // size,
            walk.data[3], walk.strides[3][last] // size, walk.data[4], accumulate, marked)
        if not next_row(walk, index):
            return


cdef void walk_merge(Walk* walk, bint single, bint marked) noexcept nogil:
    """Add operand 1 to operand 0, which may have elements that stand for several."""
    cdef npy_intp[MAX_DIMS] index
    cdef int last = walk.n_dims - 1
    cdef npy_intp n = walk.shape[last], size = 4 if single else 8
    cdef npy_intp step = walk.strides[0][last] // size
    if is_empty(walk):
        return
    memset(index, 0, sizeof(index))
    while True:
        if step == 0 and n > 1:
            merge_sum(single, n, walk.data[0], walk.data[1], walk.strides[1][last] // size)
        else:
            (merge_into if marked else add_into)(
                single, n, walk.data[0], step, walk.data[1], walk.strides[1][last] // size)
        if not next_row(walk, index):
            return


cdef void merge_sum(
    bint single, npy_intp n, char* total, const char* terms, npy_intp step
) noexcept nogil:
    """Add what is there of a run to one number."""
    cdef double sum = 0.0
    if sum_marked(single, n, terms, step, &sum):
        merge_number(total, sum, single)
