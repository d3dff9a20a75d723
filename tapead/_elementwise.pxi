# Elementals on arrays: value, entry, and the entry's part in numeric sweeps.

cdef Row[256] table
cdef dict op_of_ufunc = {}  # by the ufunc itself
cdef list ufunc_of = [None] * 256
cdef list name_of = [None] * 256


cdef extern from "numpy/ufuncobject.h":
    ctypedef struct PyUFuncObject:
        int nin
        int nout
        int ntypes
        UfuncLoop* functions
        void** data
        const char* types


cdef int read_table() except -1:
    """Prepare all rows: NumPy's loops where a row answers to one of its ufuncs and is slower."""
    cdef int op, arg
    cdef Row* row
    for op, elemental in enumerate(INSTRUCTIONS, start=1):
        row = &table[op]
        row.arity = elemental.arity
        name_of[op] = elemental.name
        for arg in range(row.arity):
            row.reads_x[arg] = row_reads(op, arg, b"x")
            row.reads_y[arg] = row_reads(op, arg, b"y")
            row.reads_v[arg] = row_reads(op, arg, b"v")
        module, _, name = elemental.ufunc.rpartition(".")
        if module == "numpy":
            register_ufunc(op, getattr(np, name))
    op_of_ufunc[np.positive] = OP_COPY
    op_of_ufunc[np.conjugate] = OP_COPY
    op_of_ufunc[np.fabs] = op_of_ufunc[np.absolute]
    op_of_ufunc[np.float_power] = OP_POWER
    op_of_ufunc[np.radians] = op_of_ufunc[np.deg2rad]
    op_of_ufunc[np.degrees] = op_of_ufunc[np.rad2deg]
    return 0


cdef int register_ufunc(int op, object ufunc) except -1:
    cdef PyUFuncObject* u = <PyUFuncObject*><PyObject*>ufunc
    cdef int k, i, single
    cdef const char* types
    cdef char wanted
    op_of_ufunc[ufunc] = op
    ufunc_of[op] = ufunc
    for single in range(2):
        wanted = cnp.NPY_FLOAT if single else cnp.NPY_DOUBLE
        for k in range(0 if row_is_fast(op, single) else u.ntypes):
            types = u.types + k * (u.nin + u.nout)
            for i in range(u.nin + u.nout):
                if types[i] != wanted:
                    break
            else:
                table[op].loops[single] = u.functions[k]
                table[op].extra[single] = u.data[k]
                break
    return 0


cdef object apply_row(int op, object x, object y):
    """A row applied to operands some of which are arrays; NotImplemented if one is no number."""
    cdef State* st = active_state()
    cdef Operand a, b
    b.array = NULL
    b.id = 0
    b.place = -1
    b.marked = False
    b.number = 0.0
    if not read_operand(st, x, &a):
        x = strong(x)
        return NotImplemented if x is None else apply_row(op, x, y)
    if y is not None and not read_operand(st, y, &b):
        y = strong(y)
        return NotImplemented if y is None else apply_row(op, x, y)
    if op == OP_POWER and b.array == NULL and b.id == 0 and b.number == 2.0:
        op, y = OP_SQUARE, None
    return apply_operands(st, op, x, y, &a, &b)


cdef object apply_operands(State* st, int op, object x, object y, Operand* a, Operand* b):
    cdef int kind
    cdef Array passive
    cdef ndarray left = None, right = None
    if a.array != NULL:
        left = <ndarray>a.array
    if b.array != NULL:
        right = <ndarray>b.array
    if left is None and right is None:
        return apply_numbers(op, x, y)
    if ((left is None or cnp.PyArray_NDIM(left) == 0)
            and (right is None or cnp.PyArray_NDIM(right) == 0)
            and not (a.marked or b.marked or op >= first_marked)):
        return apply_numbers(op, without_axes(x), without_axes(y))  # numbers, as NumPy has it
    kind = cnp.PyArray_TYPE(left if left is not None else right)
    if ((kind != cnp.NPY_DOUBLE and kind != cnp.NPY_FLOAT)
            or (left is not None and right is not None and cnp.PyArray_TYPE(right) != kind)
            or (left is not None and not is_plain(left))
            or (right is not None and not is_plain(right))):
        return apply_converted(op, x, y)
    cdef ndarray out = result_like(left, right)
    compute(op, kind == cnp.NPY_FLOAT, a, b, left, right, out)
    if a.id == 0 and b.id == 0:
        if type(x) is Array or type(y) is Array:
            passive = new_array_of(st, out, 0, -1)
            passive.marked = op >= first_marked and op != op_number
            return passive
        return out
    return recorded(st, op, kind == cnp.NPY_FLOAT, a, b, x, y, out)


cdef object apply_numbers(int op, object x, object y):
    """Numbers alone, one of them traced perhaps."""
    cdef State* st = active_state()
    cdef Ref left, right = passive_ref(0.0)
    as_ref(st, x, &left)
    if y is not None:
        as_ref(st, y, &right)
    if left.id == 0 and right.id == 0:
        return value_of(op, left.value, right.value)
    return as_object(st, push_op(st, op, left, right))


cdef object without_axes(object x):
    """An operand without axes as a number, traced if it is."""
    if type(x) is Array:
        return get_item(<Array>x, ())
    return float(x) if type(x) is ndarray else x


cdef object apply_converted(int op, object x, object y):
    """Operands of several dtypes, in the one that NumPy gives the result."""
    dtype = float_type(x, y)
    if type(x) is Array or type(x) is ndarray:
        x = converted(x, dtype)
    if type(y) is Array or type(y) is ndarray:
        y = converted(y, dtype)
    return apply_row(op, x, y)


cdef ndarray result_like(ndarray x, ndarray y):
    """Room for the result of operands that broadcast."""
    cdef int d
    if y is None:
        return new_like(x, cnp.PyArray_TYPE(x))
    if x is None:
        return new_like(y, cnp.PyArray_TYPE(y))
    if cnp.PyArray_SAMESHAPE(x, y):
        return new_like(x, cnp.PyArray_TYPE(x))
    return broadcast_result(x, y)


cdef ndarray broadcast_result(ndarray x, ndarray y):
    cdef npy_intp[MAX_DIMS] shape
    cdef int n = max(cnp.PyArray_NDIM(x), cnp.PyArray_NDIM(y)), d
    cdef npy_intp left, right
    if n > MAX_DIMS:
        raise ValueError(f"an array has at most {MAX_DIMS} axes; got {n}")
    for d in range(n):
        left = length_of(x, d - n)
        right = length_of(y, d - n)
        if left != right and left != 1 and right != 1:
            raise ValueError(
                "operands could not be broadcast together with shapes "
                f"{(<object>x).shape} {(<object>y).shape}")
        shape[d] = right if left == 1 else left
    return new_array(n, shape, cnp.PyArray_TYPE(x))


cdef npy_intp length_of(ndarray x, int axis) noexcept:
    """Length along an axis that counts from the end; 1 where there is none."""
    cdef int d = cnp.PyArray_NDIM(x) + axis
    return cnp.PyArray_DIMS(x)[d] if d >= 0 else 1


cdef int compute(
    int op, bint single, Operand* a, Operand* b, ndarray left, ndarray right, ndarray out
) except -1:
    """The value, into `out`."""
    cdef Walk walk
    begin_walk(&walk, out)
    walk_operand(&walk, single, a, left)
    if table[op].arity == 2:
        walk_operand(&walk, single, b, right)
    walk_array(&walk, out)
    collapse(&walk)
    if walk.shape[walk.n_dims - 1] * walk.n_operands > LARGE:
        with nogil:
            walk_value(&walk, &table[op], op, single)
    else:
        walk_value(&walk, &table[op], op, single)
    return 0


cdef inline int walk_operand(Walk* walk, bint single, Operand* o, ndarray array) except -1:
    if array is not None:
        return walk_array(walk, array)
    return walk_number(walk, <void*>&o.single if single else <void*>&o.number)


cdef Array recorded(
    State* st, int op, bint single, Operand* a, Operand* b, object x, object y, ndarray out
):
    """The result, as a node with an entry."""
    cdef ElementalEntry entry = ElementalEntry.__new__(ElementalEntry)
    cdef Row* row = &table[op]
    cdef bint by_x = a.id != 0, by_y = b.id != 0  # which partials there are
    cdef Array result
    cdef ndarray left = None, right = None
    if a.array != NULL:
        left = <ndarray>a.array
    if b.array != NULL:
        right = <ndarray>b.array
    entry.op = op
    entry.single = single
    entry.x_id, entry.x_place, entry.x_number = a.id, a.place, a.number
    entry.y_id, entry.y_place, entry.y_number = b.id, b.place, b.number
    entry.x_float, entry.y_float = a.single, b.single
    entry.x_marked, entry.y_marked = a.marked, b.marked
    if left is not None:
        if (by_x and row.reads_x[0]) or (by_y and row.reads_x[1]):
            entry.x = kept(x)
        if by_x and not cnp.PyArray_SAMESHAPE(left, out):
            entry.x_shape = (<object>left).shape
    if right is not None:
        if (by_x and row.reads_y[0]) or (by_y and row.reads_y[1]):
            entry.y = kept(y)
        if by_y and not cnp.PyArray_SAMESHAPE(right, out):
            entry.y_shape = (<object>right).shape
    if (by_x and row.reads_v[0]) or (by_y and row.reads_v[1]):
        entry.v = out
    if entry.x_shape is not None or entry.y_shape is not None or (
            by_x and left is None) or (by_y and right is None):
        entry.shape = (<object>out).shape
    push_entry(st, entry, 0.0, cnp.PyArray_NBYTES(out))
    note_result(st, entry.id, out, x, y)
    if st.guarding == ARRAYS:
        journal_elemental(st, op, single, x, y, a, b, out, entry.id)
    result = new_array_of(st, out, entry.id, entry.place)
    result.marked = op >= first_marked and op != op_number
    return result


cdef int first_marked = FIRST_MARKED
cdef int op_number = OPCODES["number"]
cdef int op_carry = OPCODES["carry"]
cdef int op_merge = OPCODES["merge"]

cdef enum:
    LARGE = 1 << 15  # elements from which the GIL is let go of
