# Steps: what a plan says, as structs that run without the GIL.

cdef enum:
    CLUSTER = 0
    COPY = 1
    REDUCE = 2
    MATMUL = 3
    CALL = 4
    LOOK = 5
    GUARD = 6
    IMAGES = 7

cdef enum:
    LOOP_AXES = 8

cdef extern from "_array_loops.h":
    ctypedef struct tapead_loop:
        int64_t n
        int64_t shape[LOOP_AXES]
        int64_t x[LOOP_AXES]
        int64_t d[LOOP_AXES]
    void tapead_copy(const tapead_loop* l, const char* x, char* d, int64_t size) nogil
    bint tapead_settle(
        const tapead_loop* l, const char* x, char* recorded, int64_t size,
        double tolerance) nogil
    bint tapead_same(const tapead_loop* l, const char* x, const char* recorded, int64_t size) nogil
    void tapead_reduce(
        const tapead_loop* kept, const tapead_loop* over, const char* x, char* d, int64_t single,
        int64_t rows_inside, int64_t kind) nogil
    double tapead_get(const char* x, int64_t single) nogil
    void tapead_put(char* d, double value, int64_t single) nogil

ctypedef void (*UfuncLoop)(
    char** data, const npy_intp* n, const npy_intp* strides, void* extra) noexcept nogil

cdef extern from "numpy/ufuncobject.h":
    ctypedef struct PyUFuncObject:
        int nin
        int nout
        int ntypes
        UfuncLoop* functions
        void** data
        const char* types

cdef extern from "numpy/arrayobject.h":
    ndarray PyArray_NewFromDescr(
        PyTypeObject* kind, object dtype, int nd, npy_intp* shape, npy_intp* strides, void* data,
        int flags, PyObject* like)


cdef struct Place:
    int64_t buffer
    int64_t offset


cdef struct Step:
    int64_t kind
    int64_t index  # of the cluster, the call or the recorded array
    int64_t size  # bytes of an element, or whether numbers are in single precision
    int64_t other  # the same of a second operand; rows_inside; the outcome of a guard
    Place x
    Place y
    Place d
    tapead_loop loop
    tapead_loop over
    npy_intp dims[4]
    npy_intp strides[9]
    const char* recorded
    void* cluster
    int64_t n
    int64_t n_inputs
    int64_t n_outputs
    int64_t n_sums
    Place* places  # of a cluster: inputs, outputs, sums; of images: operands, result
    ImageTask* task
    Column* columns
    Target* targets
    Layout* layouts


cdef UfuncLoop[2] matmul_loops
cdef void* matmul_data[2]


cdef int find_matmul() except -1:
    """NumPy's inner loops of matmul, which bring its BLAS along."""
    cdef PyUFuncObject* u = <PyUFuncObject*><PyObject*>np.matmul
    cdef int k
    for k in range(u.ntypes):
        for single, kind in enumerate((cnp.NPY_DOUBLE, cnp.NPY_FLOAT)):
            if u.types[3 * k] == u.types[3 * k + 1] == u.types[3 * k + 2] == kind:
                matmul_loops[single] = u.functions[k]
                matmul_data[single] = u.data[k]
    return 0


find_matmul()


cdef void* block(int64_t size) except NULL:
    cdef void* new = calloc(max(size, <int64_t>8), 1)
    if new == NULL:
        raise MemoryError(f"out of memory for {size} bytes of a program of arrays")
    return new


cdef Place place_of(tuple where):
    cdef Place place
    place.buffer, place.offset = where[0], where[1]
    return place


cdef bint is_single(tuple where):
    return where[4].itemsize == 4


def collapsed(shape, *strides):
    """Axes that all operands step through as one joined, those of length 1 dropped.

    Returns shape and strides; at least one axis is left, more than `LOOP_AXES` are an error.
    """
    order = sorted(range(len(shape)), key=lambda i: [-abs(s[i]) for s in reversed(strides)])
    out_shape, out = [], [[] for _ in strides]
    for i in order:
        if shape[i] == 1:
            continue
        if out_shape and all(o[-1] == s[i] * shape[i] for o, s in zip(out, strides)):
            out_shape[-1] *= shape[i]
            for o, s in zip(out, strides):
                o[-1] = s[i]
            continue
        out_shape.append(shape[i])
        for o, s in zip(out, strides):
            o.append(s[i])
    if not out_shape:
        out_shape, out = [1], [[0] for _ in strides]
    if len(out_shape) > LOOP_AXES:
        raise TypeError(
            f"a program of arrays takes at most {LOOP_AXES} axes that do not lie behind one "
            f"another; got {len(out_shape)}")
    return out_shape, out


def broadcast_strides(where, shape):
    """Strides of an operand that broadcasts to `shape`."""
    lead = len(shape) - len(where[2])
    return tuple(
        0 if i < lead or (where[2][i - lead] == 1 and shape[i] != 1) else where[3][i - lead]
        for i in range(len(shape)))


cdef int fill_loop(tapead_loop* loop, object shape, object x, object d) except -1:
    cdef Py_ssize_t k
    loop.n = len(shape)
    for k in range(loop.n):
        loop.shape[k], loop.x[k], loop.d[k] = shape[k], x[k], d[k]
    return 0


cdef int make_copy(Step* step, tuple source, tuple target) except -1:
    shape, (x, d) = collapsed(
        target[2], broadcast_strides(source, target[2]), target[3])
    fill_loop(&step.loop, shape, x, d)
    step.kind, step.size = COPY, target[4].itemsize
    step.x, step.d = place_of(source), place_of(target)
    return 0


REDUCTIONS = {"sum": 0, "max": 1, "min": 2}


cdef int make_reduction(
    Step* step, str kind, tuple source, object axes, tuple target
) except -1:
    shape, strides = source[2], source[3]
    kept = [i for i in range(len(shape)) if i not in axes and shape[i] != 1]
    d = [s for s, n in zip(target[3], target[2]) if n != 1]
    kept_shape, (x, d) = collapsed(
        [shape[i] for i in kept], [strides[i] for i in kept], d)
    over_shape, (over,) = collapsed([shape[i] for i in axes], [strides[i] for i in axes])
    fill_loop(&step.loop, kept_shape, x, d)
    fill_loop(&step.over, over_shape, over, over)
    step.kind, step.size, step.index = REDUCE, is_single(source), REDUCTIONS[kind]
    step.other = abs(over[-1]) < abs(x[-1]) or kept_shape[-1] == 1
    step.x, step.d = place_of(source), place_of(target)
    return 0


cdef int make_matmul(Step* step, tuple a, tuple b, tuple target) except -1:
    """Dimensions and strides as the generalised ufunc's inner loop takes them."""
    size = a[4].itemsize
    (n, k), (a_n, a_k) = (a[2], a[3]) if len(a[2]) == 2 else ((1, a[2][0]), (0, a[3][0]))
    (_, m), (b_k, b_m) = (b[2], b[3]) if len(b[2]) == 2 else ((b[2][0], 1), (b[3][0], 0))
    d = list(target[3])
    d_m = d.pop() if len(b[2]) == 2 else size
    d_n = d.pop() if len(a[2]) == 2 else size * m
    for i, length in enumerate((1, n, k, m)):
        step.dims[i] = length
    a_n = a_n if len(a[2]) == 2 else size * k
    b_m = b_m if len(b[2]) == 2 else size
    for i, stride in enumerate((0, 0, 0, a_n, a_k, b_k, b_m, d_n, d_m)):
        step.strides[i] = stride
    step.kind, step.size = MATMUL, size == 4
    step.x, step.y, step.d = place_of(a), place_of(b), place_of(target)
    return 0


cdef int make_images(Step* step, str name, tuple window, list arrays) except -1:
    """A kernel of images; the result is the last of the arrays."""
    cdef Py_ssize_t i
    step.kind, step.n_inputs = IMAGES, len(arrays)
    step.task = <ImageTask*>block(sizeof(ImageTask))
    step.places = <Place*>block(len(arrays) * sizeof(Place))
    for i, where in enumerate(arrays):
        step.places[i] = place_of(where)
    return fill_task(step.task, name, is_single(arrays[0]), [where[2] for where in arrays],
                     [where[3] for where in arrays], window)


cdef Code code_of(tuple code, bint single):
    """The code of a cluster, after the passes; in floats nothing is rounded in another order."""
    cdef Py_ssize_t n
    n_inputs, op, x, y, constants, outputs = code
    nothing = np.zeros(0, dtype=np.int32)
    data = CodeData(
        n_inputs, np.array(op, dtype=np.uint8), np.array(x, dtype=np.int32),
        np.array(y, dtype=np.int32), constants, np.array(outputs, dtype=np.int32),
        nothing.astype(np.uint8), nothing, nothing, nothing.astype(np.uint8), nothing,
        np.zeros((0, 2)), ())
    return optimised(Code.of(data), not single)


cdef Cluster make_cluster(
    Step* step, tuple code, tuple shape, list inputs, list outputs, list sums, bint single
):
    """Columns and targets over the elements; pointers are filled in by each run."""
    cdef Cluster cluster = Cluster(code_of(code, single), single)
    cdef Py_ssize_t i, k = 0, n_in = len(inputs), n_out = len(outputs), n_sums = len(sums)
    strides = [broadcast_strides(where, shape) for where in inputs]
    strides += [where[3] for where in outputs]
    axes, parts = collapsed(shape, *strides) if strides else ([math.prod(shape)], [])
    step.kind = CLUSTER
    step.n = math.prod(shape)
    step.n_inputs, step.n_outputs, step.n_sums = n_in, n_out, n_sums
    step.places = <Place*>block((n_in + n_out + n_sums) * sizeof(Place))
    step.columns = <Column*>block(n_in * sizeof(Column))
    step.targets = <Target*>block((n_out + n_sums) * sizeof(Target))
    step.layouts = <Layout*>block((n_in + n_out + n_sums) * sizeof(Layout))
    for i, where in enumerate(inputs + outputs + sums):
        step.places[i] = place_of(where)
        if i < n_in + n_out:
            fill_layout(&step.layouts[i], axes, parts[i], is_single(where))
            if i < n_in:
                step.columns[i].layout = &step.layouts[i]
            else:
                step.targets[i - n_in].layout = &step.layouts[i]
        else:
            step.targets[i - n_in].summed = 1
            step.layouts[i].kind = is_single(where)
    return cluster


cdef int fill_layout(Layout* layout, object shape, object strides, bint single) except -1:
    cdef Py_ssize_t k
    layout.n, layout.kind = len(shape), single
    for k in range(layout.n):
        layout.shape[k], layout.stride[k] = shape[k], strides[k]
    return 0
