# The entry of an elemental: its part in sweeps.

@cython.final
@cython.no_gc
cdef class ElementalEntry(Entry):
    """A row applied to arrays."""

    cdef int op
    cdef bint single  # float32
    cdef bint x_marked
    cdef bint y_marked
    cdef int64_t x_id  # 0 is passive
    cdef int64_t y_id
    cdef int64_t x_place  # -1 is a number, or passive
    cdef int64_t y_place
    cdef double x_number
    cdef double y_number
    cdef float x_float
    cdef float y_float
    cdef ndarray x  # what the partials read, else None
    cdef ndarray y
    cdef ndarray v
    cdef object shape  # of the result, where an operand has another one
    cdef object x_shape  # None where it is that of the result
    cdef object y_shape

    cdef int pull(self, Sweep sweep) except -1:
        cdef ndarray w = sweep.bars[self.place]
        cdef bint marked
        if w is None:
            return 0
        marked = sweep.marks[self.place]
        if sweep.kept is None or self.place not in sweep.kept:
            sweep.bars[self.place] = None
        if self.y_id == 0:
            return self.contribute(sweep, 0, w, marked, True)
        if self.x_id:
            self.contribute(sweep, 0, w, marked, False)
        return self.contribute(sweep, 1, w, marked, True)

    cdef int contribute(self, Sweep sweep, int arg, ndarray w, bint marked, bint last) except -1:
        """Adjoint of an operand. The `last` one may take over the memory of `w`."""
        cdef int64_t id = self.y_id if arg else self.x_id
        cdef int64_t place = self.y_place if arg else self.x_place
        cdef object shape = self.y_shape if arg else self.x_shape
        cdef bint marks = marked or row_marks(self.op, arg)
        cdef ndarray out, total
        cdef double sum = 0.0
        if place >= 0 and shape is None and sweep.bars[place] is not None:
            total = own_bar(sweep, place, marks)
            self.scaled(arg, w, total, True, marks or sweep.marks[place])
            sweep.marks[place] = marks or sweep.marks[place]
            return 0
        if row_passes(self.op, arg):
            out = w
        else:
            out = w if last and is_exclusive(w) else new_like(w, cnp.PyArray_TYPE(w))
            self.scaled(arg, w, out, False, marked)
        if place < 0:
            if sum_all(out, marks, &sum):
                reach(&sweep.values[id], sum)
            return 0
        if shape is not None:
            out = unbroadcast(out, shape, marks)
        return add_bar(sweep, place, out, marks)

    cdef int push(self, Sweep sweep) except -1:
        self.advance(sweep, 0, self.x_id, self.x_place)
        return self.advance(sweep, 1, self.y_id, self.y_place)

    cdef int advance(self, Sweep sweep, int arg, int64_t id, int64_t place) except -1:
        """Tangent of the result along an operand."""
        cdef ndarray w, out
        cdef bint marked = False
        if id == 0:
            return 0
        if place >= 0:
            w = sweep.bars[place]
            if w is None:
                return 0
            marked = sweep.marks[place]
        else:
            if is_unreached(sweep.values[id]):
                return 0
            w = np.asarray(sweep.values[id], dtype=np.float32 if self.single else np.float64)
        out = (new_like(w, cnp.PyArray_TYPE(w)) if self.shape is None
               else np.empty(self.shape, dtype=w.dtype))
        self.scaled(arg, w, out, False, marked)
        return add_bar(sweep, self.place, out, marked or row_marks(self.op, arg))

    cdef int scaled(
        self, int arg, ndarray w, ndarray out, bint accumulate, bint marked
    ) except -1:
        """Partial times `w`, into `out`."""
        cdef Walk walk
        begin_walk(&walk, out)
        walk_array(&walk, w)
        self.walk_kept(&walk, self.x, &self.x_number, &self.x_float)
        self.walk_kept(&walk, self.y, &self.y_number, &self.y_float)
        self.walk_kept(&walk, self.v, &self.x_number, &self.x_float)
        walk_array(&walk, out)
        collapse(&walk)
        if walk.shape[walk.n_dims - 1] > LARGE:
            with nogil:
                walk_scaled(&walk, self.op, arg, self.single, accumulate, marked)
        else:
            walk_scaled(&walk, self.op, arg, self.single, accumulate, marked)
        return 0

    cdef inline int walk_kept(
        self, Walk* walk, ndarray array, double* number, float* single
    ) except -1:
        if array is not None:
            return walk_array(walk, array)
        return walk_number(walk, <void*>single if self.single else <void*>number)

    cdef int record_pull(self, Sweep sweep) except -1:
        w = taken_bar(sweep, self.place)
        if w is None:
            return 0
        if wanted(sweep, self.x_id):
            self.record_contribution(sweep, 0, w, self.x_id, self.x_place, self.x_shape)
        if wanted(sweep, self.y_id):
            self.record_contribution(sweep, 1, w, self.y_id, self.y_place, self.y_shape)
        return 0

    cdef int record_contribution(
        self, Sweep sweep, int arg, object w, int64_t id, int64_t place, object shape
    ) except -1:
        term = times(w, self.partial(sweep, arg))
        if term is None:
            return 0
        if place < 0:
            return add_number(sweep, id, total_of(term))
        if shape is not None:
            term = recorded_unbroadcast(term, shape)
        return add_recorded(sweep, place, term)

    cdef int record_push(self, Sweep sweep) except -1:
        self.record_advance(sweep, 0, self.x_id, self.x_place)
        return self.record_advance(sweep, 1, self.y_id, self.y_place)

    cdef int record_advance(self, Sweep sweep, int arg, int64_t id, int64_t place) except -1:
        w = recorded_dot(sweep, id, place)
        if w is None:
            return 0
        term = times(w, self.partial(sweep, arg))
        if term is None:
            return 0
        if self.shape is not None:
            term = broadcast_recorded(term, self.shape, self.single)
        return add_recorded(sweep, self.place, term)

    cdef object partial(self, Sweep sweep, int arg):
        """The partial as a recorded value; None where there is no path at all."""
        return rule_of(self.op, arg)(
            operand_handle(sweep.st, self.x_id, self.x_place, self.x, self.x_number, self.x_marked),
            operand_handle(sweep.st, self.y_id, self.y_place, self.y, self.y_number, self.y_marked),
            operand_handle(sweep.st, self.id, self.place, self.v, 0.0, self.op >= first_marked))

    cdef int release(self) except -1:
        self.x = self.y = self.v = None
        return 0

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        return ((self.x_id >= base and nodes[self.x_id - base])
                or (self.y_id >= base and nodes[self.y_id - base]))

    cdef bint reaches_below(self, int64_t first) noexcept:
        return 0 < self.x_id < first or 0 < self.y_id < first

    cdef int64_t nbytes(self, set seen) except -1:
        return bytes_of(self.x, seen) + bytes_of(self.y, seen) + bytes_of(self.v, seen)


cdef int64_t bytes_of(object array, set seen) except -1:
    """Bytes of the memory of an array, once."""
    if array is None:
        return 0
    while isinstance(array.base, ndarray):
        array = array.base
    if id(array) in seen:
        return 0
    seen.add(id(array))
    return array.nbytes
