# How arrays come into a recording, what answers NumPy, and what a sweep gives back.

COMPARISONS = {
    Py_LT: np.less, Py_LE: np.less_equal, Py_GT: np.greater, Py_GE: np.greater_equal,
    Py_EQ: np.equal, Py_NE: np.not_equal,
}
cdef object _dispatch = None
cdef dict answers = None


cdef object dispatch():
    """NumPy's protocols beyond the fast path."""
    global _dispatch
    if _dispatch is None:
        import tapead._dispatch

        _dispatch = tapead._dispatch
    return _dispatch


cdef bint is_foreign(object kind) except -1:
    """Whether a class has NumPy's protocols and is neither ours nor NumPy's."""
    return (kind is not Array and kind is not Var and not issubclass(kind, ndarray)
            and not issubclass(kind, np.generic) and hasattr(kind, "__array_ufunc__"))


cdef bint any_foreign(tuple operands) except -1:
    for x in operands:
        if is_foreign(type(x)):
            return True
    return False


cdef object call_answer(object function, tuple args, dict kwargs):
    """What answers a NumPy function."""
    global answers
    if answers is None:
        primitive("keep")
        answers = dispatch().FUNCTIONS
    found = answers.get(function)
    if found is None:
        return dispatch().apply_other(function, args, kwargs)
    return found.call(*args, **kwargs)


cdef int read_values(Array a) except -1:
    """Before its numbers are looked at."""
    refresh_if_needed(a)
    return journal_look(a)


cdef object written_over(Array a, object result):
    """`a` after an operation in place."""
    if result is NotImplemented:
        return result
    a[...] = result
    return a


cdef object copied_array(Array a):
    """A copy; what is absent stays so."""
    cdef State* st = active_state()
    resolve(st, a)
    if a.id == 0:
        copy = new_array_of(st, (<object>a.data).copy(), 0, -1)
    else:
        copy = apply_row(OP_COPY, a, None)
    if a.marked and type(copy) is Array:
        (<Array>copy).marked = True
    return copy


def view_of(array, function, *args, **kwargs):
    """The traced view that ``function(data, *args, **kwargs)`` makes of an array's numbers."""
    cdef State* st = active_state()
    cdef Array a
    if type(array) is not Array and is_series(array):
        return array.viewed(function, *args, **kwargs)
    a = array
    base_of(st, a)
    refresh_if_needed(a)
    view = function(a.data, *args, **kwargs)
    if not np.may_share_memory(view, a.base.buffer) and view.size:
        a = new_array_of_copy(a)
        base_of(st, a)
        view = function(a.data, *args, **kwargs)
    return view_on(st, a, view)


cdef Array new_array_of_copy(Array a):
    """A copy in C order."""
    return primitive("copied")(a)


cdef object cast(object a, object dtype, bint always=False):
    """An array in another precision."""
    if not always and a.dtype == dtype:
        return a
    if dtype != np.float64 and dtype != np.float32:
        raise TypeError(
            f"traced arrays are of float64 or float32; got dtype {dtype}")
    if not type(a) is Array:
        return as_type(a, dtype)
    return primitive("cast")(a, dtype=dtype)


def recording():
    """Whether a tape is recording in this thread."""
    return active_state().owner != NULL


def passive(array):
    """A traced array that depends on nothing yet: values can be written to it."""
    cdef ndarray data = np.array(array)
    if not is_real(data):
        raise TypeError(f"traced arrays are of float64 or float32; got dtype {data.dtype}")
    return new_array_of(active_state(), data, 0, -1)


cdef Array lifted_array(State* st, object array, bint nested):
    """An input of a transform: a copy on the tape where the recording is nested."""
    cdef Array out, outer
    cdef InputEntry entry
    if type(array) is Array:
        outer = array
        resolve(st, outer)
        entry = InputEntry.__new__(InputEntry)
        entry.outer_id, entry.outer_place = outer.id, outer.place
        push_entry(st, entry, 0.0, 0)
        out = new_array_of(st, kept(outer), entry.id, entry.place)
        out.marked = outer.marked
        if st.guarding == ARRAYS:
            note(st, ("input", entry.id, noted(st, outer)))
    else:
        if not is_real(array) or not is_plain(array):
            raise TypeError(
                "a traced array is of float64 or float32; got an array of "
                f"{array.dtype}, convert it with x.astype(float)")
        entry = InputEntry.__new__(InputEntry)
        push_entry(st, entry, 0.0, 0)
        out = new_array_of(st, kept_plain(st, array), entry.id, entry.place)
        if st.guarding == ARRAYS:
            note(st, ("input", entry.id, out.data))
    out.borrowed = True
    note_result(st, entry.id, out.data, None, None)
    return out


@cython.final
@cython.no_gc
cdef class InputEntry(Entry):
    """An array that is put on the tape: a leaf, or a copy of an array of an outer recording."""

    cdef int64_t outer_id
    cdef int64_t outer_place

    cdef int pull(self, Sweep sweep) except -1:
        if self.outer_id and sweep.bars[self.place] is not None:
            return add_bar(sweep, self.outer_place, copy_of(sweep.bars[self.place]),
                           sweep.marks[self.place])
        return 0

    cdef int push(self, Sweep sweep) except -1:
        if self.outer_id and sweep.bars[self.outer_place] is not None:
            return add_bar(sweep, self.place, copy_of(sweep.bars[self.outer_place]),
                           sweep.marks[self.outer_place])
        return 0

    cdef int record_pull(self, Sweep sweep) except -1:
        if wanted(sweep, self.outer_id) and sweep.bars[self.place] is not None:
            add_recorded(sweep, self.outer_place, sweep.bars[self.place])
        return 0

    cdef int record_push(self, Sweep sweep) except -1:
        if wanted(sweep, self.outer_id) and sweep.bars[self.outer_place] is not None:
            add_recorded(sweep, self.place, sweep.bars[self.outer_place])
        return 0

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        return self.outer_id >= base and nodes[self.outer_id - base]

    cdef bint reaches_below(self, int64_t first) noexcept:
        return 0 < self.outer_id < first


cdef object lifted(State* st, object array, bint nested):
    return lifted_array(st, array, nested)


cdef int64_t node_of_array(State* st, object array) except -1:
    """The node of an array that a tape may hold, which need not be recording."""
    cdef Array a = array
    if a.base is not None and a.version != a.base.version:
        if active_state() == st or a.whole:
            refresh(st, a)
        else:
            raise TapeError("a view is used first inside `with tape:`, before it is swept to")
    if a.id:
        check_alive(st, a.serial, a.id, "this array")
    return a.id


cdef list swept_arrays(
    Tape tape, list starts, list seeds, list ends, int64_t last, bint forward
):
    """What `Tape.gradient` and `Tape.pushforward` return where a tape holds arrays."""
    cdef int64_t n = last, id
    cdef Sweep sweep
    cdef double* values
    for var in (*starts, *ends):
        n = max(n, tape.id_of(var, "a Var") + 1)
    values = tape.workspace(n)
    unreach(values, 0, n)
    sweep = new_sweep(tape, values)
    sweep.kept = {(<Array>a).place for a in ends if type(a) is Array}
    for var, seed in zip(starts, seeds):
        seed_sweep(sweep, var, seed)
    tape.busy = True
    try:
        if forward:
            forward_mixed(sweep, 1, last)
        else:
            reverse_mixed(sweep, 1, last)
    finally:
        tape.busy = False
    return [reached_in(sweep, var) for var in ends]


cdef int seed_sweep(Sweep sweep, object var, object seed) except -1:
    """Start a sweep at a number or an array."""
    if type(var) is Var:
        if (<Var>var).id:
            reach(&sweep.values[(<Var>var).id], float(seed))
    elif type(var) is Array and (<Array>var).id:
        full = np.empty((<Array>var).shape, dtype=(<Array>var).dtype)
        full[...] = seed
        add_bar(sweep, (<Array>var).place, full, False)
    return 0


cdef object reached_in(Sweep sweep, object var):
    """Adjoint or tangent of a number or an array; zero where nothing has arrived."""
    if type(var) is Var:
        return number_reached(sweep.values[(<Var>var).id]) if (<Var>var).id else 0.0
    if type(var) is not Array:
        return 0.0
    return reached_array(sweep, (<Array>var).place, (<Array>var).data)


cdef ndarray reached_array(Sweep sweep, int64_t place, ndarray like):
    """Adjoint or tangent of an array as the caller may keep it."""
    cdef ndarray bar = sweep.bars[place] if place >= 0 else None
    if bar is None:
        return np.zeros((<object>like).shape, dtype=like.dtype)
    marked = sweep.marks[place]
    sweep.bars[place] = None
    if not is_exclusive(bar):
        bar = copy_of(bar)
    if marked:
        number_in_place(cnp.PyArray_TYPE(bar) == cnp.NPY_FLOAT, cnp.PyArray_SIZE(bar),
                        cnp.PyArray_DATA(bar), 1)
    return bar


cdef int finish_import() except -1:
    cdef ArrayHooks hooks
    read_table()
    hooks.apply = apply_row
    hooks.lift = lifted
    hooks.sweep = swept_arrays
    hooks.node = node_of_array
    hooks.check = check_probes
    return register_arrays(Array, hooks)


finish_import()


def call(function, args, kwargs):
    """What answers a NumPy function."""
    return call_answer(function, args, kwargs)


def code_of(ufunc):
    """Opcode of the row that answers to a ufunc, or None."""
    code = op_of_ufunc.get(ufunc)
    if code is None and type(ufunc) is np.ufunc:  # SciPy's are known by name: it is not imported
        names = [row.name for row in ELEMENTALS.values()
                 if row.ufunc == f"scipy.special.{ufunc.__name__}"]
        if names:
            code = op_of_ufunc[ufunc] = OPCODES[names[0]]
    return code


def apply_elemental(code, *operands):
    """A row, by its opcode, applied to operands some of which are arrays."""
    found = apply_row(code, operands[0], operands[1] if len(operands) == 2 else None)
    if found is NotImplemented:  # batched, or a series
        for x in operands:
            if hasattr(type(x), "__tapead_elemental__"):
                return x.__tapead_elemental__(name_of[code], operands)
    return found


def number_of_marked(w):
    """An adjoint with 0 where it is absent."""
    return number_of(w)
