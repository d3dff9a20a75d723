# Operands of an elemental: traced arrays and numbers, constants, Python's numbers.

cdef enum:
    SMALL = 1 << 15  # bytes: a plain array that is kept is copied up to this size
    PROBES = 509  # elements of a larger one that are looked at for changes

cdef tuple WEAK = (int, float)


cdef struct Operand:
    PyObject* array  # borrowed; NULL is a number
    double number
    float single
    int64_t id
    int64_t place  # of an array's entry, -1 for a number or what is passive
    bint marked


cdef inline bint is_real(ndarray array) noexcept:
    """Whether a traced array may have this dtype."""
    cdef int kind = cnp.PyArray_TYPE(array)
    return kind == cnp.NPY_DOUBLE or kind == cnp.NPY_FLOAT


cdef int check_alive(State* st, uint64_t serial, int64_t id, str what) except -1:
    if serial != st.serial:
        if st.owner == NULL or not (<Tape>st.owner).owns_node(serial, id):
            raise_stale(st, what)
    return 0


cdef int resolve(State* st, Array a) except -1:
    """Bring `a` up to date with its memory, and check that it belongs to this recording."""
    if a.base is not None and a.version != a.base.version:
        refresh(st, a)
    if a.serial != st.serial and a.id:
        check_alive(st, a.serial, a.id, "this array")
    return 0


cdef int read_operand(State* st, object o, Operand* operand) except -1:
    """0 if `o` is nothing that an elemental takes. The caller keeps `o` alive."""
    cdef Ref ref
    operand.array = NULL
    operand.id = 0
    operand.place = -1
    operand.marked = False
    if type(o) is Array:
        resolve(st, <Array>o)
        operand.array = <PyObject*>(<Array>o).data
        operand.id = (<Array>o).id
        operand.place = (<Array>o).place
        operand.marked = (<Array>o).marked
        return 1
    if PyFloat_CheckExact(o):
        operand.number = PyFloat_AS_DOUBLE(o)
        operand.single = <float>operand.number
        return 1
    if type(o) is ndarray:
        operand.array = <PyObject*>o
        return 1
    if type(o) is Var:
        as_ref(st, o, &ref)
        operand.number = ref.value
        operand.single = <float>ref.value
        operand.id = ref.id
        return 1
    if type(o) in WEAK:
        operand.number = o
        operand.single = <float>operand.number
        return 1
    return 0


cdef object strong(object o):
    """Other operands as arrays; None if they are no numbers, an error for traced objects."""
    if isinstance(o, (bool, np.bool_, np.generic, ndarray)):
        o = np.asarray(o)
    elif isinstance(o, (list, tuple)):
        o = as_array(o)
    elif isinstance(o, numbers.Rational):
        return float(o)
    else:
        return None
    return as_array(o) if type(o) is ndarray and o.dtype == object else o


cdef object converted(object array, object dtype):
    """An array operand in the dtype of the operation; what is traced by a node of its own."""
    if type(array) is Array:
        return array if (<Array>array).data.dtype == dtype else cast(array, dtype)
    return array if array.dtype == dtype and is_plain(array) else array.astype(dtype)


cdef bint is_plain(ndarray array) noexcept:
    """Whether kernels can read it as it is."""
    return cnp.PyArray_ISALIGNED(array) and cnp.PyArray_ISNOTSWAPPED(array)


cdef object float_type(object x, object y):
    """dtype of a result by NumPy's rules, Python's numbers and traced ones being weak."""
    cdef list parts = [
        (<Array>o).data.dtype if type(o) is Array else o.dtype if type(o) is ndarray else 1.0
        for o in (x, y) if o is not None]
    dtype = np.result_type(*parts, np.float32)
    if dtype == np.float32 or dtype == np.float64:
        return dtype
    raise TypeError(
        f"traced arrays are of float64 or float32; an operation with {describe(x)} and "
        f"{describe(y)} would give {dtype}")


cdef str describe(object x):
    if type(x) is Array:
        return f"a traced array of {(<Array>x).data.dtype}"
    if isinstance(x, ndarray):
        return f"an array of {x.dtype}"
    return f"a {type(x).__name__}"


cdef ndarray kept(object operand):
    """An operand's values as an operation keeps them, whatever the user writes to it later."""
    if type(operand) is Array:
        if (<Array>operand).base is not None:
            (<Array>operand).base.saved = True
        return (<Array>operand).data
    return kept_plain(active_state(), <ndarray>operand)


cdef ndarray kept_plain(State* st, ndarray array):
    """A plain array as an operation keeps it: a copy of a small one, a large one under watch."""
    if cnp.PyArray_NBYTES(array) <= SMALL or not is_dense(array):
        return array.copy()
    if cnp.PyArray_ISWRITEABLE(array):
        watch((<Tape>st.owner).watched_arrays, array)
    return array


cdef inline bint is_dense(ndarray array) noexcept:
    return cnp.PyArray_IS_C_CONTIGUOUS(array) or cnp.PyArray_IS_F_CONTIGUOUS(array)


cdef int watch(dict watched, ndarray array) except -1:
    found = watched.get(id(array))
    if found is None:
        watched[id(array)] = (array, probe(array))
    elif found[1] != probe(array):
        raise_changed(array)
    return 0


cdef int check_probes(dict watched) except -1:
    for array, found in watched.values():
        if probe(array) != found:
            raise_changed(array)
    return 0


cdef int raise_changed(ndarray array) except -1:
    raise TapeError(
        f"an array of shape {(<object>array).shape} and {array.dtype} was written to after the "
        "recording had used it; let every step have an array of its own, or pass a copy")


cdef object probe(ndarray array):
    """A number that changes with the array: of up to `PROBES` elements all over it."""
    cdef const char* data = <const char*>cnp.PyArray_DATA(array)
    cdef Py_ssize_t n = cnp.PyArray_NBYTES(array) // 8, step = max(1, n // PROBES), i = 0
    cdef uint64_t total = 14695981039346656037ULL, word
    while i < n:
        memcpy(&word, data + 8 * i, 8)
        total = (total ^ word) * 1099511628211ULL
        i += step
    memcpy(&word, data + 8 * (n - 1), 8)
    return (total ^ word) * 1099511628211ULL


cdef bint is_exclusive(ndarray array) noexcept:
    """Whether the caller's reference is the only one to this memory."""
    return (Py_REFCNT(<PyObject*>array) <= 1 and cnp.PyArray_BASE(array) == NULL
            and cnp.PyArray_CHKFLAGS(array, cnp.NPY_ARRAY_OWNDATA)
            and cnp.PyArray_ISWRITEABLE(array))


@cython.final
@cython.no_gc
cdef class Outline:
    """What a rule may know of an operand whose values it does not read."""

    cdef readonly tuple shape
    cdef readonly object dtype
    cdef readonly int ndim
    cdef readonly Py_ssize_t size

    def __init__(self, array):
        self.shape, self.dtype = array.shape, array.dtype
        self.ndim, self.size = array.ndim, array.size


cdef object outline(object array, bint read):
    return array if read else Outline(array)
