# Writes to arrays: the entry of one, and what records it.

@cython.final
@cython.no_gc
cdef class AssignEntry(Entry):
    """A write: the node of the base from here on.

    In reverse the adjoint of the base goes on to the node before, without what was overwritten;
    in forward the tangent does, with what was written.
    """

    cdef int64_t base_id  # the node before; 0 if it was passive
    cdef int64_t base_place
    cdef int64_t value_id
    cdef int64_t value_place  # -1: a number
    cdef Window window  # of the array that was written through
    cdef object index  # into it; None is all of it
    cdef object winners  # where an index comes twice: the elements of the value that stayed
    cdef tuple value_shape
    cdef object value_dtype

    cdef ndarray target(self, ndarray bar):
        return self.window.of(bar) if self.index is None else self.window.of(bar)[self.index]

    cdef int pull(self, Sweep sweep) except -1:
        cdef ndarray bar = sweep.bars[self.place], w
        if bar is None:
            return 0
        bar = None
        keep = sweep.kept is not None and self.place in sweep.kept
        bar = window_bar(sweep, self.place, self.window)
        if keep:
            bar = copy_of(bar)
        else:
            sweep.bars[self.place] = None
        if self.value_id:
            w = np.array(self.target(bar))
            if self.winners is not None:
                w[~self.winners] = MARKS[w.dtype]
            self.pass_on(sweep, w)
        self.window.of(bar)[() if self.index is None else self.index] = MARKS[bar.dtype]
        if self.base_id:
            return add_bar(sweep, self.base_place, bar, True)
        return 0

    cdef int pass_on(self, Sweep sweep, ndarray w) except -1:
        cdef double sum = 0.0
        if self.value_place < 0:
            if sum_all(w, True, &sum):
                reach(&sweep.values[self.value_id], sum)
            return 0
        shape = self.value_shape
        if (<object>w).shape != shape:
            w = unbroadcast(w, shape[len(shape) - w.ndim:] if len(shape) > w.ndim else shape, True)
            w = (<object>w).reshape(shape)
        return add_bar(sweep, self.value_place, as_type(w, self.value_dtype), True)

    cdef int push(self, Sweep sweep) except -1:
        cdef ndarray dot = sweep.bars[self.base_place] if self.base_id else None
        cdef ndarray value = None
        if self.value_place >= 0:
            value = sweep.bars[self.value_place]
        elif self.value_id and not is_unreached(sweep.values[self.value_id]):
            value = np.asarray(sweep.values[self.value_id])
        if dot is None and value is None:
            return 0
        dot = self.window.absent() if dot is None else copy_of(self.window.laid_out(dot))
        marked = MARKS[dot.dtype] if value is None else as_type(value, dot.dtype)
        self.window.of(dot)[() if self.index is None else self.index] = marked
        return add_bar(sweep, self.place, dot, True)

    cdef int record_pull(self, Sweep sweep) except -1:
        bar = taken_bar(sweep, self.place)
        if bar is None:
            return 0
        bar = own_recorded(sweep, self.place, self.window, bar)
        if wanted(sweep, self.value_id):
            w = look(bar, self.window)
            w = w[()] if self.index is None and w.ndim == 0 else w[
                () if self.index is None else self.index]
            if self.winners is not None:
                w = primitive("keep")(w, condition=self.winners)
            # a copy: the window that it looks through is written to next
            self.record_value(sweep, copied_array(w) if type(w) is Array else w)
        look(bar, self.window)[() if self.index is None else self.index] = MARKS[bar.dtype]
        (<Array>bar).marked = True
        if wanted(sweep, self.base_id):
            if sweep.bars[self.base_place] is None:
                sweep.marks[self.base_place] = True  # ours to write to
            add_recorded(sweep, self.base_place, bar)
        return 0

    cdef int record_value(self, Sweep sweep, object w) except -1:
        if self.value_place < 0:
            return add_number(sweep, self.value_id, total_of(w))
        w = as_array(w)
        if w.shape != self.value_shape:
            n = len(self.value_shape) - w.ndim
            w = recorded_unbroadcast(w, self.value_shape[n:] if n > 0 else self.value_shape)
            w = np.reshape(w, self.value_shape)
        return add_recorded(sweep, self.value_place, cast(w, self.value_dtype))

    cdef int record_push(self, Sweep sweep) except -1:
        dot = sweep.bars[self.base_place] if self.base_id else None
        value = recorded_dot(sweep, self.value_id, self.value_place)
        if dot is None and value is None:
            return 0
        dot = own_recorded(
            sweep, -1, self.window, self.window.absent() if dot is None else dot)
        look(dot, self.window)[() if self.index is None else self.index] = (
            MARKS[dot.dtype] if value is None else value)
        return add_recorded(sweep, self.place, dot)

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        return ((self.base_id >= base and nodes[self.base_id - base])
                or (self.value_id >= base and nodes[self.value_id - base]))

    cdef bint reaches_below(self, int64_t first) noexcept:
        return 0 < self.base_id < first or 0 < self.value_id < first


cdef int set_item(Array a, object index, object value) except -1:
    cdef State* st = active_state()
    cdef Base base
    cdef object source = value
    if type(value) is not Array and type(value) is not Var and not PyFloat_CheckExact(value):
        source = as_array(value)
    if is_series(source):
        raise TypeError(
            "an array made outside of the arguments of jet cannot hold a value inside it; make it "
            "with numpy.zeros_like(x) of one, or with numpy.stack")
    index = index if is_basic(index) else checked_index(index)
    if type(source) is Array:
        resolve(st, <Array>source)
    base = writable_base(st, a)
    data = plain_number_or_array(source)
    if base.id == 0 and not is_active(source):
        a.data[index] = data
        return 0
    if base.id:
        check_alive(st, base.serial, base.id, "this array")
    if st.owner == NULL:
        raise_stale(st, "this array")
    before = None
    if base.id == 0 and (st.guarding == ARRAYS or (<Tape>st.owner).tracing):
        before = copy_of(base.buffer)
    a.data[index] = data
    record_write(st, a, base, before, index, source)
    return note_write(st, base.id, before, data)


cdef bint is_active(object value) noexcept:
    """Whether it has a node."""
    if type(value) is Array:
        return (<Array>value).id != 0
    return type(value) is Var and (<Var>value).id != 0


cdef object plain_number_or_array(object value):
    if type(value) is Array:
        return (<Array>value).data
    return (<Var>value).number if type(value) is Var else value


cdef Base writable_base(State* st, Array a):
    """The base of `a`, in memory that no operation keeps."""
    cdef Base base = base_of(st, a)
    if base.saved or base.borrowed:
        base.buffer = copy_of(base.buffer)
        base.saved = base.borrowed = False
        base.window = None
    refresh_data(a)
    return base


cdef int record_write(
    State* st, Array a, Base base, object before, object index, object value
) except -1:
    cdef AssignEntry entry = AssignEntry.__new__(AssignEntry)
    cdef Ref ref
    entry.base_id, entry.base_place = base.id, base.place
    entry.value_place = -1
    entry.index = None
    if type(value) is Array:
        entry.value_id, entry.value_place = (<Array>value).id, (<Array>value).place
        entry.value_shape = (<object>(<Array>value).data).shape
        entry.value_dtype = (<Array>value).data.dtype
        base.marked = base.marked or (<Array>value).marked
    elif type(value) is not Var and is_marked(value):
        base.marked = True
    elif type(value) is Var:
        as_ref(st, value, &ref)
        entry.value_id = ref.id
        entry.value_shape = ()
        entry.value_dtype = base.buffer.dtype
    target = a.data
    if is_basic(index):
        parts = index if type(index) is tuple else (index,)
        target = a.data[parts if Ellipsis in parts else (*parts, Ellipsis)]
    else:
        entry.index = index
        entry.winners = winners_of(index, a.data) if entry.value_id else None
    entry.window = Window.onto(
        base.buffer, target.shape, target.strides,
        <char*>cnp.PyArray_DATA(target) - <char*>cnp.PyArray_DATA(base.buffer))
    new_version(st, a, base, entry)
    if st.guarding == ARRAYS:
        journal_write(st, base, before, value, entry)
    return 0


cdef int new_version(State* st, Array a, Base base, Entry entry) except -1:
    push_entry(st, entry, 0.0, 0)
    base.id, base.place, base.serial = entry.id, entry.place, st.serial
    base.version += 1
    if a.whole:
        a.id, a.place, a.serial, a.version = base.id, base.place, base.serial, base.version
        a.marked = base.marked
    return 0


cdef object winners_of(object index, ndarray data):
    """Where an element is written more than once: a mask of the elements that stay, or None."""
    parts = index if type(index) is tuple else (index,)
    if all(part.dtype == bool for part in parts if isinstance(part, ndarray)):
        return None
    places = np.arange(data.size).reshape((<object>data).shape)[index]
    flat = places.ravel()
    last = np.unique(flat[::-1], return_index=True)[1]
    if last.size == flat.size:
        return None
    mask = np.zeros(flat.size, dtype=bool)
    mask[flat.size - 1 - last] = True
    return mask.reshape(places.shape)
