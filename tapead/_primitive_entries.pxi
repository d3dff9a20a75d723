# Operations that are rows of the table of primitives.

cdef object primitives = None  # the table, imported when it is first needed


cdef object primitive(str name):
    """A row by its name."""
    if primitives is None:
        load_primitives()
    return primitives[name]


cdef int load_primitives() except -1:
    global primitives
    from tapead.primitives import PRIMITIVES

    primitives = PRIMITIVES
    return 0


def record_primitive(row, tuple operands, dict params):
    """Value of a primitive at operands some of which are traced, with the entry that it needs."""
    cdef State* st = active_state()
    cdef list arrays = [traced_array(st, x) for x in operands]
    cdef list plain = [(<Array>x).data if type(x) is Array else x for x in arrays]
    cdef PrimitiveEntry entry
    cdef dict traced = params
    if st.guarding == ARRAYS:
        traced = checked_masks(row, params)
        params = plain_masks(traced)
    v = row.value(*plain, **params)
    if traced is params and not any([is_active(x) for x in arrays]):
        return passive_results(st, v, any([is_marked(x) for x in arrays if type(x) is Array])
                               or row.name in SELECTING)
    entry = PrimitiveEntry.__new__(PrimitiveEntry)
    entry.primitive, entry.params, entry.traced_params = row, params, traced
    entry.ids = [(<Array>x).id if type(x) is Array else 0 for x in arrays]
    entry.places = [(<Array>x).place if type(x) is Array else -1 for x in arrays]
    entry.marked = [type(x) is Array and (<Array>x).marked for x in arrays]
    reads = row.reads
    entry.operands = tuple([
        kept(x) if "*" in reads or (i < 3 and "xyz"[i] in reads) else outline(plain[i], False)
        for i, x in enumerate(arrays)])
    marked = row.moves == "both" and True in entry.marked or row.name in SELECTING
    if type(v) is tuple:
        out = record_several(st, entry, v)
        if st.guarding == ARRAYS:
            ids = tuple([0 if part is None else part[0] for part in entry.parts])
            journal_primitive(st, row, arrays, traced, (entry.id, *ids), v)
        return out
    v = np.asarray(v)
    entry.v = outline(v, "v" in reads)
    entry.is_number = v.ndim == 0
    out = number_result(st, entry, v) if entry.is_number else result_of(st, entry, v, marked)
    if st.guarding == ARRAYS:
        journal_primitive(st, row, arrays, traced, entry.id, v)
    return out


# Rows whose result may hold absent elements.
SELECTING = ("keep", "scatter", "broadcast_sum", "max_pool2d_images")


cdef object traced_array(State* st, object x):
    """An operand as an Array or a plain array."""
    if type(x) is Array:
        resolve(st, <Array>x)
        return x
    if type(x) is Var:
        return array_of_numbers(st, [x], ())
    x = np.asarray(x)
    if x.dtype.kind == "c":
        raise TypeError(f"traced arrays are of real numbers; got an operand of {x.dtype}")
    return x


cdef object passive_results(State* st, object v, bint marked):
    cdef Array out
    if type(v) is tuple:
        return tuple([passive_results(st, part, marked) for part in v])
    v = np.asarray(v)
    if v.dtype.kind != "f":
        return v
    if v.ndim == 0:
        return float(v)
    out = new_array_of(st, v, 0, -1)
    out.marked = marked
    return out


cdef Var number_result(State* st, Entry entry, ndarray v):
    """A result without axes: a number."""
    cdef Ref ref
    ref.value = v
    ref.id = push_entry(st, entry, ref.value, 0)
    return new_var(st, ref)


cdef object result_of(State* st, Entry entry, ndarray v, bint marked):
    cdef Array out
    push_entry(st, entry, 0.0, cnp.PyArray_NBYTES(v))
    note_result(st, entry.id, v, None, None)
    out = new_array_of(st, v, entry.id, entry.place)
    out.marked = marked
    out.borrowed = not is_real(v) or cnp.PyArray_BASE(v) != NULL
    return out


cdef tuple record_several(State* st, PrimitiveEntry entry, tuple values):
    """Results of a primitive that has several: an entry for each, after their own."""
    cdef PartEntry part
    cdef list out = []
    entry.parts = []
    entry.n_results = len(values)
    entry.v = tuple([outline(v, "v" in entry.primitive.reads) for v in values])
    push_entry(st, entry, 0.0, sum([np.asarray(v).nbytes for v in values]))
    for i, v in enumerate(values):
        v = np.asarray(v)
        if v.dtype.kind != "f":
            out.append(v)
            entry.parts.append(None)
            continue
        part = PartEntry.__new__(PartEntry)
        part.whole_id, part.whole_place, part.index = entry.id, entry.place, i
        part.n_results = entry.n_results
        if v.ndim == 0:
            part.is_number = True
            out.append(number_result(st, part, v))
        else:
            out.append(result_of(st, part, v, False))
        entry.parts.append((part.id, part.place))
    return tuple(out)


cdef object n_marked = 0  # counts what made marks: a rule during which it stays made none


def made_marks():
    """Called where a rule lets elements be absent."""
    global n_marked
    n_marked += 1


@cython.final
cdef class PrimitiveEntry(Entry):
    """A primitive applied to arrays; its rules are those of its row."""

    cdef object primitive
    cdef dict params
    cdef dict traced_params  # the same with conditions that a Program of arrays computes anew
    cdef list ids
    cdef list places
    cdef list marked  # operands that may hold absent elements
    cdef tuple operands  # arrays, or outlines of those that no rule reads
    cdef object v  # the same of the result; a tuple if there are several
    cdef int n_results  # 0 is one
    cdef list parts  # nodes of several results
    cdef bint is_number  # the result is a number

    cdef int pull(self, Sweep sweep) except -1:
        if self.is_number:
            if is_unreached(sweep.values[self.id]):
                return 0
            sweep.bars[self.place] = np.asarray(sweep.values[self.id], dtype=self.v.dtype)
        w = sweep.bars[self.place]
        if w is None:
            return 0
        marked = sweep.marks[self.place]
        if sweep.kept is None or self.place not in sweep.kept:
            sweep.bars[self.place] = None
        if not self.primitive.moves and self.n_results == 0:
            if marked and is_nowhere(w):
                return 0  # no path: 0 times an infinity is not met
            w, marked = unmarked(w, marked), False
        elif self.n_results:
            w = tuple(w)
        for i in range(len(self.ids)):
            if self.ids[i]:
                self.contribute(sweep, i, w, marked)
        return 0

    cdef int contribute(self, Sweep sweep, Py_ssize_t i, object w, bint marked) except -1:
        before = n_marked
        term = self.primitive.pullback(i, w, self.v, *self.operands, **self.params)
        if term is None:
            return 0
        return add_bar(sweep, self.places[i], fitted(self, i, term),
                       marked or n_marked is not before)

    cdef int push(self, Sweep sweep) except -1:
        cdef Py_ssize_t i
        for i in range(len(self.ids)):
            if not self.ids[i] or sweep.bars[self.places[i]] is None:
                continue
            dot, marked = sweep.bars[self.places[i]], sweep.marks[self.places[i]]
            if self.primitive.moves != "both":
                dot, marked = unmarked(dot, marked), False
            before = n_marked
            term = self.pushed(i, dot)
            self.add_dots(sweep, term, marked or n_marked is not before)
        return 0

    cdef object pushed(self, Py_ssize_t i, object dot):
        """Tangent of the result along operand i."""
        if self.primitive.pushforward is not None:
            return self.primitive.pushforward(i, dot, self.v, *self.operands, **self.params)
        operands = list(self.operands)
        operands[i] = dot
        return self.primitive(*operands, **self.params)

    cdef int add_dots(self, Sweep sweep, object term, bint marked) except -1:
        if self.is_number:
            if not is_unreached(float(term)):
                reach(&sweep.values[self.id], float(term))
            return 0
        if self.n_results == 0:
            return add_bar(sweep, self.place, np.asarray(term, dtype=self.v.dtype), marked)
        dots = sweep.bars[self.place]
        if dots is None:
            sweep.bars[self.place] = list(term)
            return 0
        sweep.bars[self.place] = [
            a if b is None else b if a is None else a + b for a, b in zip(dots, term)]
        return 0

    cdef int record_pull(self, Sweep sweep) except -1:
        cdef Py_ssize_t i
        w = taken_number(sweep, self.id) if self.is_number else taken_bar(sweep, self.place)
        if w is None:
            return 0
        if self.n_results:
            w = tuple(w)
        elif self.is_number:
            w = as_array(w if self.primitive.moves else number_of(w))
        elif not self.primitive.moves:
            w = number_of(w)
        operands, v = self.handles(sweep)
        for i in range(len(self.ids)):
            if wanted(sweep, self.ids[i]):
                term = self.primitive.pullback(i, w, v, *operands, **self.traced_params)
                if term is not None:
                    add_recorded(sweep, self.places[i], cast(as_array(term), operands[i].dtype))
        return 0

    cdef tuple handles(self, Sweep sweep):
        """Operands and result as the rules take them while they are recorded."""
        cdef Py_ssize_t i
        operands = [
            operand_handle(sweep.st, self.ids[i], self.places[i], x, 0.0, self.marked[i])
            if isinstance(x, ndarray) else x
            for i, x in enumerate(self.operands)]
        if self.n_results:
            first = self.place + 1
            v = tuple([
                part_handle(sweep.st, self.parts[i], x) for i, x in enumerate(self.v)])
        elif self.is_number:
            v = self.v
            if isinstance(v, ndarray):
                v = as_array(new_var(sweep.st, node_ref(sweep.st, self.id)))
        else:
            v = operand_handle(sweep.st, self.id, self.place, self.v, 0.0, False) if isinstance(
                self.v, ndarray) else self.v
        return operands, v

    cdef int record_push(self, Sweep sweep) except -1:
        cdef Py_ssize_t i
        operands, v = None, None
        for i in range(len(self.ids)):
            dot = sweep.bars[self.places[i]] if self.ids[i] >= sweep.base else None
            if dot is None:
                continue
            if operands is None:
                operands, v = self.handles(sweep)
            dot = dot if self.primitive.moves == "both" else number_of(dot)
            if self.primitive.pushforward is not None:
                term = self.primitive.pushforward(i, dot, v, *operands, **self.traced_params)
            else:
                moved = list(operands)
                moved[i] = dot
                term = self.primitive(*moved, **self.traced_params)
            self.record_dots(sweep, term)
        return 0

    cdef int record_dots(self, Sweep sweep, object term) except -1:
        if self.is_number:
            return add_number(sweep, self.id, term if type(term) is Var else as_array(term)[()])
        if self.n_results == 0:
            return add_recorded(sweep, self.place, cast(as_array(term), self.v.dtype))
        dots = sweep.bars[self.place]
        sweep.bars[self.place] = list(term) if dots is None else [
            a if b is None else b if a is None else a + b for a, b in zip(dots, term)]
        return 0

    cdef int release(self) except -1:
        self.operands, self.v, self.params = (), None, None
        return 0

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        cdef int64_t id
        for id in self.ids:
            if id >= base and nodes[id - base]:
                return True
        return False

    cdef bint reaches_below(self, int64_t first) noexcept:
        cdef int64_t id
        for id in self.ids:
            if 0 < id < first:
                return True
        return False

    cdef int64_t nbytes(self, set seen) except -1:
        cdef int64_t total = 0
        results = self.v if type(self.v) is tuple else (self.v,)
        for array in (*self.operands, *results):
            if isinstance(array, ndarray):
                total += bytes_of(array, seen)
        return total


cdef object fitted(PrimitiveEntry entry, Py_ssize_t i, object term):
    """An adjoint in shape and precision of its operand."""
    operand = entry.operands[i]
    term = np.asarray(term)
    if term.shape != operand.shape:
        raise RuntimeError(
            f"the pullback of {entry.primitive.name} gave operand {i} an adjoint of shape "
            f"{term.shape}; its shape is {operand.shape}")
    return as_type(term, operand.dtype)


@cython.final
@cython.no_gc
cdef class PartEntry(Entry):
    """One of several results of a primitive."""

    cdef int64_t whole_id
    cdef int64_t whole_place
    cdef int index
    cdef int n_results
    cdef bint is_number

    cdef int pull(self, Sweep sweep) except -1:
        w = sweep.bars[self.place]
        if self.is_number and not is_unreached(sweep.values[self.id]):
            w = np.asarray(sweep.values[self.id])
        if w is None:
            return 0
        if sweep.kept is None or self.place not in sweep.kept:
            sweep.bars[self.place] = None
        if sweep.bars[self.whole_place] is None:
            sweep.bars[self.whole_place] = [None] * self.n_results
        sweep.bars[self.whole_place][self.index] = unmarked(w, sweep.marks[self.place])
        return 0

    cdef int push(self, Sweep sweep) except -1:
        dots = sweep.bars[self.whole_place]
        if dots is None or dots[self.index] is None:
            return 0
        if self.is_number:
            reach(&sweep.values[self.id], float(dots[self.index]))
            return 0
        return add_bar(sweep, self.place, np.asarray(dots[self.index]), False)

    cdef int record_pull(self, Sweep sweep) except -1:
        w = taken_number(sweep, self.id) if self.is_number else taken_bar(sweep, self.place)
        if w is None:
            return 0
        if sweep.bars[self.whole_place] is None:
            sweep.bars[self.whole_place] = [None] * self.n_results
        sweep.bars[self.whole_place][self.index] = as_array(number_of(w))
        return 0

    cdef int record_push(self, Sweep sweep) except -1:
        dots = sweep.bars[self.whole_place]
        if dots is None or dots[self.index] is None:
            return 0
        if self.is_number:
            return add_number(sweep, self.id, as_array(dots[self.index])[()])
        return add_recorded(sweep, self.place, as_array(dots[self.index]))

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        return self.whole_id >= base and nodes[self.whole_id - base]

    cdef bint reaches_below(self, int64_t first) noexcept:
        return 0 < self.whole_id < first
