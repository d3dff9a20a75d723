# Views and elements. A view is a window onto the memory of its base: offset, shape, strides.

@cython.final
@cython.no_gc
cdef class Base:
    """Memory that views share; see the declarations."""


cdef Base base_of(State* st, Array a):
    """The base of an array, made when it is first viewed or written to."""
    cdef Base base
    if a.base is not None:
        return a.base
    base = Base.__new__(Base)
    if not (cnp.PyArray_IS_C_CONTIGUOUS(a.data) or cnp.PyArray_IS_F_CONTIGUOUS(a.data)):
        a.data = a.data.copy()  # windows need memory without gaps
        a.borrowed = False
    # a reference of the array; more are operations that keep the values
    base.saved = Py_REFCNT(<PyObject*>a.data) > 1
    base.buffer = a.data
    base.id, base.place, base.serial, base.marked = a.id, a.place, a.serial, a.marked
    base.borrowed = a.borrowed
    base.version = 0
    a.base, a.version, a.whole = base, 0, True
    return base


cdef int refresh(State* st, Array a) except -1:
    """Node and memory of an array whose base was written to, or of a view at its first use."""
    cdef Base base = a.base
    cdef WindowEntry entry
    refresh_data(a)
    a.marked, a.serial, a.version = base.marked, base.serial, base.version
    if a.whole or base.id == 0:
        a.id, a.place = base.id, base.place
        return 0
    check_alive(st, base.serial, base.id, "this array")
    entry = WindowEntry.__new__(WindowEntry)
    entry.base_id, entry.base_place = base.id, base.place
    entry.window = Window.onto(
        base.buffer, (<object>a.data).shape, (<object>a.data).strides, a.offset)
    push_entry(st, entry, 0.0, 0)
    if st.guarding == ARRAYS:
        note(st, ("window", entry.id, base.id, described(entry.window)))
    a.id, a.place, a.serial = entry.id, entry.place, st.serial
    return 0


cdef int refresh_data(Array a) except -1:
    """The memory of an array whose base has moved."""
    cdef ndarray buffer = a.base.buffer
    if a.whole:
        a.data = buffer
    elif <char*>cnp.PyArray_DATA(a.data) != <char*>cnp.PyArray_DATA(buffer) + a.offset:
        a.data = window_of(
            buffer, (<object>a.data).shape, (<object>a.data).strides, a.offset)
    return 0


cdef ndarray window_of(ndarray buffer, tuple shape, tuple strides, Py_ssize_t offset):
    """A view of memory without gaps."""
    cdef int d, n = len(shape)
    cdef npy_intp[MAX_DIMS] lengths
    cdef npy_intp[MAX_DIMS] steps
    for d in range(n):
        lengths[d] = shape[d]
        steps[d] = strides[d]
    return view_at(buffer, n, lengths, steps, offset, cnp.NPY_ARRAY_WRITEABLE)


cdef ndarray view_at(ndarray buffer, int n, npy_intp* lengths, npy_intp* strides,
                     Py_ssize_t offset, int flags):
    cdef object dtype = buffer.dtype
    cdef ndarray out
    Py_INCREF(dtype)
    out = PyArray_NewFromDescr(
        <PyTypeObject*>ndarray, dtype, n, lengths, strides,
        <char*>cnp.PyArray_DATA(buffer) + offset, flags, NULL)
    cnp.set_array_base(out, buffer)
    cnp.PyArray_UpdateFlags(out, cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_F_CONTIGUOUS
                            | cnp.NPY_ARRAY_ALIGNED)
    return out


@cython.final
@cython.no_gc
cdef class Window:
    """Shape, strides and offset of a view, and the layout of the memory that it is of."""

    cdef object dtype
    cdef tuple base_shape
    cdef bint c_order  # of the base
    cdef tuple shape
    cdef tuple strides
    cdef Py_ssize_t offset
    cdef bint repeats  # the same element at several places

    @staticmethod
    cdef Window onto(ndarray buffer, tuple shape, tuple strides, Py_ssize_t offset):
        cdef Window self = Window.__new__(Window)
        self.dtype = buffer.dtype
        self.base_shape = (<object>buffer).shape
        self.c_order = cnp.PyArray_IS_C_CONTIGUOUS(buffer)
        self.shape, self.strides, self.offset = shape, strides, offset
        self.repeats = may_repeat(shape, strides, cnp.PyArray_ITEMSIZE(buffer))
        return self

    def absent(self):
        """An adjoint of the base that nothing has reached."""
        out = self.empty()
        fill(out)
        return out

    cdef ndarray empty(self):
        return new_shaped(
            self.base_shape, cnp.NPY_FLOAT if self.dtype.itemsize == 4 else cnp.NPY_DOUBLE,
            0 if self.c_order else cnp.NPY_ARRAY_F_CONTIGUOUS)

    cdef ndarray around(self, ndarray w):
        """An adjoint of the base that nothing has reached but `w`, which the window looks at."""
        cdef ndarray out = self.empty(), view = self.of(out)
        cdef char* data = <char*>cnp.PyArray_DATA(out)
        cdef Py_ssize_t size = cnp.PyArray_ITEMSIZE(out), n = cnp.PyArray_NBYTES(view)
        cdef bint single = size == 4
        if is_dense(view) and n:
            fill_marks(single, self.offset // size, data, 1)
            n += self.offset
            fill_marks(single, (cnp.PyArray_NBYTES(out) - n) // size, data + n, 1)
        else:
            fill(out)
        cnp.PyArray_CopyInto(view, w)
        return out

    cdef bint fits(self, ndarray bar) noexcept:
        """Whether an adjoint of the base is laid out as the base is."""
        return (cnp.PyArray_IS_C_CONTIGUOUS(bar) if self.c_order
                else cnp.PyArray_IS_F_CONTIGUOUS(bar))

    cdef ndarray laid_out(self, ndarray bar):
        """An adjoint of the base in the layout of its memory; `bar` itself if it has it."""
        cdef ndarray out
        if self.fits(bar):
            return bar
        out = self.empty()
        cnp.PyArray_CopyInto(out, bar)
        return out

    cdef ndarray of(self, ndarray bar):
        """The window onto an adjoint of the base that is laid out."""
        return window_of(bar, self.shape, self.strides, self.offset)

    cdef int add(self, ndarray bar, ndarray w, bint marked) except -1:
        """Add `w` to the window onto `bar`."""
        if not self.repeats:
            return merge(self.of(bar), w, marked)
        looped = overlapping(self.shape, self.strides, cnp.PyArray_ITEMSIZE(bar))
        if math.prod([self.shape[i] for i in looped]) * LEAST_APART <= cnp.PyArray_SIZE(w):
            order = looped + [i for i in range(len(self.shape)) if i not in looped]
            view, terms = self.of(bar).transpose(order), w.transpose(order)
            for index in np.ndindex(*[self.shape[i] for i in looped]):
                merge(view[index], terms[index], marked)
            return 0
        places = self.places().ravel()
        flat = np.ravel(bar, order="K")  # a view: there are no gaps
        terms = np.ascontiguousarray(w).ravel()
        here = ~marks_of(terms)
        touched = places[here]
        flat[touched[marks_of(flat[touched])]] = 0.0
        np.add.at(flat, touched, terms[here])
        return 0

    def gathered(self, w):
        """What a recorded adjoint of the view, which repeats elements, adds to that of the base."""
        if not self.base_shape:
            return total_of(w)
        order = "C" if self.c_order else "F"
        index = np.unravel_index(self.places(), self.base_shape, order=order)
        return primitive("scatter")(number_of(w), index=index, shape=self.base_shape)

    def element(self, offset):
        """The window onto one element."""
        cdef Window window = Window.__new__(Window)
        window.dtype, window.offset = self.dtype, offset
        window.base_shape, window.c_order = self.base_shape, self.c_order
        window.shape = window.strides = ()
        return window

    def places(self):
        """Positions in memory, by element of the view."""
        n = int(np.prod(self.base_shape))
        size = self.dtype.itemsize
        return np.lib.stride_tricks.as_strided(
            np.arange(n)[self.offset // size :], self.shape,
            [s // size * 8 for s in self.strides])


cdef bint may_repeat(tuple shape, tuple strides, npy_intp extent):
    """Whether a view may have an element, which is `extent` bytes long, at several places."""
    cdef list axes = [(abs(stride), n) for stride, n in zip(strides, shape) if n > 1]
    cdef npy_intp step, n
    if len(axes) > 1:
        axes.sort()
    for step, n in axes:
        if step < extent:
            return True
        extent += step * (n - 1)
    return False


LEAST_APART = 100  # elements that are added at once in the time of two that are looked up


cdef list overlapping(tuple shape, tuple strides, npy_intp size):
    """Axes without which no element of a view is at several places; the others are the longest."""
    cdef list axes = sorted(range(len(shape)), key=lambda i: -shape[i]), looped = []
    kept = ((), ())
    for i in axes:
        more = (*kept[0], shape[i]), (*kept[1], strides[i])
        if may_repeat(more[0], more[1], size):
            looped.append(i)
        else:
            kept = more
    return looped


cdef int fill(ndarray array) except -1:
    """Let all elements of a new array be absent."""
    fill_marks(cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT, cnp.PyArray_SIZE(array),
               cnp.PyArray_DATA(array), 1)
    return 0


cdef ndarray window_bar(Sweep sweep, int64_t place, Window window):
    """The adjoint of a base, laid out, in memory that may be written to."""
    cdef ndarray bar = sweep.bars[place], laid
    if bar is None:
        bar = window.absent()
        sweep.marks[place] = True
        sweep.bars[place] = bar
        return bar
    bar = None
    bar = own_bar(sweep, place, True)
    laid = window.laid_out(bar)
    sweep.bars[place] = laid
    return laid


@cython.final
@cython.no_gc
cdef class WindowEntry(Entry):
    """A view of an array: its adjoint is added to that of the base, where it looks."""

    cdef int64_t base_id
    cdef int64_t base_place
    cdef Window window

    cdef int pull(self, Sweep sweep) except -1:
        cdef ndarray w = sweep.bars[self.place], bar
        cdef bint marked = sweep.marks[self.place]
        if w is None:
            return 0
        if sweep.kept is None or self.place not in sweep.kept:
            sweep.bars[self.place] = None
        if sweep.bars[self.base_place] is None and not self.window.repeats:
            bar = self.window.around(w)
            marked = marked or cnp.PyArray_SIZE(w) < cnp.PyArray_SIZE(bar)
            return add_bar(sweep, self.base_place, bar, marked)
        bar = window_bar(sweep, self.base_place, self.window)
        return self.window.add(bar, w, marked or sweep.marks[self.base_place])

    cdef int push(self, Sweep sweep) except -1:
        cdef ndarray dot = sweep.bars[self.base_place]
        if dot is None:
            return 0
        dot = self.window.laid_out(dot)
        return add_bar(sweep, self.place, self.window.of(dot).copy(),
                       sweep.marks[self.base_place])

    cdef int record_pull(self, Sweep sweep) except -1:
        w = taken_bar(sweep, self.place)
        if w is not None and wanted(sweep, self.base_id):
            merge_recorded(sweep, self.base_place, self.window, w)
        return 0

    cdef int record_push(self, Sweep sweep) except -1:
        dot = sweep.bars[self.base_place]
        if dot is not None:
            add_recorded(sweep, self.place, look(dot, self.window))
        return 0

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        return self.base_id >= base and nodes[self.base_id - base]

    cdef bint reaches_below(self, int64_t first) noexcept:
        return 0 < self.base_id < first


@cython.final
@cython.no_gc
cdef class ElementEntry(Entry):
    """A number out of an array."""

    cdef int64_t base_id
    cdef int64_t base_place
    cdef Py_ssize_t offset  # in bytes, into the memory of the base
    cdef Window window  # of the whole base; shared

    cdef int pull(self, Sweep sweep) except -1:
        cdef double bar = sweep.values[self.id]
        cdef char* at
        if is_unreached(bar):
            return 0
        at = <char*>cnp.PyArray_DATA(window_bar(
            sweep, self.base_place, self.window)) + self.offset
        merge_number(at, bar, self.window.dtype.itemsize == 4)
        return 0

    cdef int push(self, Sweep sweep) except -1:
        cdef ndarray dot = sweep.bars[self.base_place]
        cdef char* at
        cdef bint single = self.window.dtype.itemsize == 4
        if dot is None:
            return 0
        dot = self.window.laid_out(dot)
        at = <char*>cnp.PyArray_DATA(dot) + self.offset
        if not any_mark(single, 1, at, 1):
            sweep.values[self.id] = (<float*>at)[0] if single else (<double*>at)[0]
        return 0

    cdef int record_pull(self, Sweep sweep) except -1:
        w = taken_number(sweep, self.id)
        if w is not None and wanted(sweep, self.base_id):
            merge_recorded(sweep, self.base_place, self.window.element(self.offset), w)
        return 0

    cdef int record_push(self, Sweep sweep) except -1:
        dot = sweep.bars[self.base_place]
        if dot is None:
            return 0
        dot = look(dot, self.window.element(self.offset))
        if sweep.st.guarding == ARRAYS and is_marked(dot):
            add_number(sweep, self.id, seeded(dot[()]))
        elif not marks_of(plain_of(dot)):
            add_number(sweep, self.id, dot[()])
        return 0

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        return self.base_id >= base and nodes[self.base_id - base]

    cdef bint reaches_below(self, int64_t first) noexcept:
        return 0 < self.base_id < first


cdef inline void merge_number(char* at, double term, bint single) noexcept nogil:
    cdef float narrow = <float>term
    merge_into(single, 1, at, 1, <char*>&narrow if single else <char*>&term, 1)


cdef ndarray as_type(ndarray w, object dtype):
    """An adjoint in another precision; what is absent stays absent."""
    if w.dtype == dtype:
        return w
    out = np.asarray(w, dtype=dtype)
    return np.where(marks_of(w), MARKS[np.dtype(dtype)], out)
