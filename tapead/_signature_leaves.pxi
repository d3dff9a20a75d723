# Leaves of a signature that doubles hold: a number, an array of floats.

cdef class Part:
    """What a leaf or a container is."""

    cdef int read(self, object x, double* out, bint strict) except -1:
        """Fill `out`: 1; 0 if `x` does not fit."""
        raise NotImplementedError

    cdef object build(self, const double* values):
        raise NotImplementedError

    cdef int gather(self, object x, list out) except -1:
        """Append the leaves of `x`: 1; 0 if its containers differ."""
        raise NotImplementedError

    cdef object take(self, list leaves, Py_ssize_t* cursor):
        """The tree with the leaves from the cursor on."""
        raise NotImplementedError

    cdef int variables(self, State* st, int64_t first, list out) except -1:
        """Append leaves made of the nodes from `first` on."""
        raise NotImplementedError

    cdef int differ(self, object x, str path, bint strict, bint structure) except -1:
        """Raise an error at the first difference; with `structure`, of containers only."""
        raise NotImplementedError

    cdef int enumerate_leaves(self, list out, Py_ssize_t offset) except -1:
        raise NotImplementedError

    cdef bint same(self, Part other) except -1:
        """Whether they are equal; both are of one class."""
        raise NotImplementedError

    cdef tuple parts_within(self):
        raise TypeError(f"{self.text()} has no children")

    cdef str text(self):
        raise NotImplementedError


cdef bint parts_equal(Part x, Part y) except -1:
    if x is y:
        return True
    return type(x) is type(y) and x.hashed == y.hashed and x.n == y.n and x.same(y)


cdef inline int read_number(PyObject* x, double* out, bint strict) except -1:
    if is_float(x):
        out[0] = float_value(x)
        return 1
    if is_int(x):
        if strict:
            return 0
        out[0] = int_value(x)
        return 1
    return read_other_number(<object>x, out, strict)


cdef int read_other_number(object x, double* out, bint strict) except -1:
    if not isinstance(x, FLOATS) and (strict or not is_integer(x)):
        return 0
    out[0] = float(x)
    return 1


cdef bint is_integer(object x):
    return isinstance(x, INTEGERS) and not isinstance(x, BOOLS)


cdef bint is_number(object x, bint static_ints):
    """Whether a leaf of an example is a number."""
    if type(x) is float or type(x) is Var or isinstance(x, FLOATS):
        return True
    return not static_ints and is_integer(x)


cdef int misfit(str wanted, object x, str path) except -1:
    raise ValueError(f"expected {wanted} as {path}; got {describe(x)}")


cdef int misfit_leaf(str wanted, object x, str path) except -1:
    if is_container(x):
        misfit(wanted, x, path)
    if type(x) is Var:
        raise TypeError(f"expected {wanted} as {path}; got a traced value")
    raise TypeError(f"expected {wanted} as {path}; got {describe(x)}")


@cython.final
cdef class Number(Part):
    """One double; an int or a NumPy scalar comes back as a float."""

    def __cinit__(self):
        self.n = self.n_leaves = 1
        self.hashed = hash(Number)

    cdef int read(self, object x, double* out, bint strict) except -1:
        return read_number(<PyObject*>x, out, strict)

    cdef object build(self, const double* values):
        return values[0]

    cdef int gather(self, object x, list out) except -1:
        if type(x) is not float and is_container(x):
            return 0
        out.append(x)
        return 1

    cdef object take(self, list leaves, Py_ssize_t* cursor):
        cursor[0] += 1
        return leaves[cursor[0] - 1]

    cdef int variables(self, State* st, int64_t first, list out) except -1:
        out.append(variable(st, first))
        return 0

    cdef int differ(self, object x, str path, bint strict, bint structure) except -1:
        cdef double number
        if structure:
            return misfit("a number", x, path) if is_container(x) else 0
        return 0 if self.read(x, &number, strict) else misfit_leaf("a float", x, path)

    cdef int enumerate_leaves(self, list out, Py_ssize_t offset) except -1:
        out.append(Leaf("number", (), np.dtype(np.float64), offset))
        return 0

    cdef bint same(self, Part other) except -1:
        return True

    cdef str text(self):
        return "a float"

    def __reduce__(self):
        return Number, ()


cdef Number NUMBER = Number()


cdef Var variable(State* st, int64_t id):
    cdef Ref ref
    ref.value = st.nodes[id].value
    ref.id = id
    return new_var(st, ref)


cdef dict FORMATS = {"e": np.float16, "f": np.float32, "d": np.float64, "O": np.object_}


@cython.final
cdef class Array(Part):
    """The elements of an array, in C order; an object array comes back as float64."""

    cdef tuple shape
    cdef str format  # one of FORMATS
    cdef char code  # the same
    cdef object dtype  # of what is built

    def __cinit__(self, tuple shape not None, str format not None):
        self.n = 1
        self.n_leaves = 1
        for length in shape:
            if length < 0:
                raise ValueError(f"an array has no shape {shape}")
            self.n *= length
        self.shape = shape
        self.format = format
        self.code = <char>ord(format)
        self.dtype = np.dtype(np.float64 if format == "O" else FORMATS[format])
        self.hashed = hash((Array, shape, format))

    cdef int read(self, object x, double* out, bint strict) except -1:
        cdef Py_buffer view
        cdef int fits
        if type(x) is not ndarray and type(x) not in ARRAYS:
            return 0
        if not array_buffer(x, &view):
            return self.read_aligned(x, out, strict)
        try:
            fits = self.has_shape(&view) and self.takes(view.format, strict)
            if fits and copied(&view, self.n, out):
                return 1
        finally:
            PyBuffer_Release(&view)
        return self.convert(x, out, strict) if fits else self.read_aligned(x, out, strict)

    cdef int read_aligned(self, object x, double* out, bint strict) except -1:
        """Read an array that fits but for its place in memory."""
        if x.flags.aligned or not x.dtype.isnative:
            return 0
        return self.read(np.array(x), out, strict)

    cdef bint has_shape(self, Py_buffer* view):
        cdef Py_ssize_t i
        if view.ndim != PyTuple_GET_SIZE(self.shape):
            return False
        for i in range(view.ndim):
            if view.shape[i] != <Py_ssize_t>self.shape[i]:
                return False
        return True

    cdef bint takes(self, const char* format, bint strict):
        """Whether elements of this buffer format are numbers for this array."""
        if format[0] == 0 or format[1] != 0:
            return False
        if format[0] == self.code:
            return True
        return not strict and format[0] in (b"d", b"f", b"e")

    cdef int convert(self, object x, double* out, bint strict) except -1:
        """Read an array that is not one of doubles in C order."""
        cdef Py_ssize_t i
        cdef double[::1] row
        if x.dtype == object:
            for i, item in enumerate(x.ravel().tolist()):
                if i >= self.n or not read_number(<PyObject*>item, out + i, strict):
                    return 0
        elif self.n:
            row = np.ascontiguousarray(x, dtype=np.float64).reshape(-1)
            memcpy(out, &row[0], self.n * sizeof(double))
        return 1

    cdef object build(self, const double* values):
        cdef Py_buffer view
        cdef Py_ssize_t i
        cdef bint single = self.code == b"f"
        out = ndarray(self.shape, float32 if single else float64)
        PyObject_GetBuffer(out, &view, PyBUF_STRIDES | PyBUF_WRITABLE)
        if single:
            for i in range(self.n):
                (<float*>view.buf)[i] = <float>values[i]
        else:
            memcpy(view.buf, values, self.n * sizeof(double))
        PyBuffer_Release(&view)
        return halves(out) if self.code == b"e" else out

    cdef int gather(self, object x, list out) except -1:
        if is_container(x):
            return 0
        out.append(x)
        return 1

    cdef object take(self, list leaves, Py_ssize_t* cursor):
        cursor[0] += 1
        return leaves[cursor[0] - 1]

    cdef int variables(self, State* st, int64_t first, list out) except -1:
        cdef Py_ssize_t i
        array = np.empty(self.n, dtype=object)
        for i in range(self.n):
            array[i] = variable(st, first + i)
        out.append(elements(array.reshape(self.shape)))
        return 0

    cdef int differ(self, object x, str path, bint strict, bint structure) except -1:
        if structure:
            return misfit(self.text(), x, path) if is_container(x) else 0
        if type(x) not in ARRAYS:
            return misfit_leaf(self.text(), x, path)
        if x.shape != self.shape:
            return misfit(self.text(), x, path)
        if self.read_numbers(x, strict):
            return 0
        wanted = self.dtype if strict else "floats"
        way_out = "" if strict else ", convert it with x.astype(float)"
        raise TypeError(f"expected an array of {wanted} as {path}; got one of {x.dtype}{way_out}")

    cdef int read_numbers(self, object x, bint strict) except -1:
        cdef double* row = <double*>PyMem_Malloc((self.n + 1) * sizeof(double))
        if row == NULL:
            raise MemoryError()
        try:
            return self.read(x, row, strict)
        finally:
            PyMem_Free(row)

    cdef int enumerate_leaves(self, list out, Py_ssize_t offset) except -1:
        out.append(Leaf("array", self.shape, self.dtype, offset))
        return 0

    cdef bint same(self, Part other) except -1:
        return self.shape == (<Array>other).shape and self.code == (<Array>other).code

    cdef str text(self):
        return f"an array of shape {self.shape}"

    def __reduce__(self):
        return Array, (self.shape, self.format)


cdef int copied(Py_buffer* view, Py_ssize_t n, double* out) noexcept:
    """Read an array in C order of doubles or of floats: 1; 0 if it is another."""
    cdef Py_ssize_t i
    if not PyBuffer_IsContiguous(view, b"C"):
        return 0
    if view.format[0] == b"d":
        memcpy(out, view.buf, n * sizeof(double))
        return 1
    if view.format[0] == b"f":
        for i in range(n):
            out[i] = (<float*>view.buf)[i]
        return 1
    return 0


cdef object halves(object array):
    with np.errstate(all="ignore"):  # too large for a float16 is inf
        return array.astype(np.float16)


cdef int array_buffer(object x, Py_buffer* view) except -1:
    """The buffer of an array; 0 if its dtype has none."""
    try:
        PyObject_GetBuffer(x, view, PyBUF_STRIDES | PyBUF_FORMAT)
    except (BufferError, ValueError):
        return 0
    return 1
