# A run: one recording of a function on lifted arguments, and the sweeps over it.

cdef enum:
    IDLE_TAPES = 8
    SCALARS = 1  # of State.guarding: arrays are recorded element by element
    IDLE_BYTES = 1 << 27  # a larger tape gives its memory back

ctypedef int (*NumberSweep)(State*, double*, int64_t, int64_t) except -1 nogil

cdef list idle_tapes = []
cdef object ndarray = np.ndarray


@cython.final
@cython.freelist(16)
cdef class Run:
    cdef Tape tape
    cdef State* st
    cdef str transform  # for errors
    cdef int64_t first  # id of the first leaf
    cdef int64_t n_leaves
    cdef int64_t last  # end of the function's own nodes
    cdef int64_t cursor  # the leaf that is written next
    cdef bint nested
    cdef bint symbolic
    cdef double* values  # adjoints of the leaves, by id, after a numeric sweep
    cdef Ref* refs  # the same after a recorded sweep, from `first`
    cdef char* depends
    cdef Py_ssize_t n_entries  # of the tape before the run
    cdef Sweep mixed  # the sweep, where the tape holds arrays
    cdef dict leaf_data  # values of array leaves, by their position

    def __dealloc__(self):
        free(self.refs)
        free(self.depends)

    cdef int start(self, str transform) except -1:
        self.transform = transform
        self.st = active_state()
        # a signal handler or a finaliser may interrupt a sweep: it gets a tape of its own
        self.nested = self.st.owner != NULL and not (<Tape>self.st.owner).busy
        if self.nested:
            self.tape = <Tape>self.st.owner
        else:
            self.tape = idle_tapes.pop() if idle_tapes else Tape()
            self.tape.begin()
            self.st = &self.tape.state
        self.first = self.last = self.st.n
        self.n_entries = len(self.tape.entries)
        self.n_leaves = 0
        return 0

    cdef int recorded(self) except -1:
        """Note the end of the function and whether its result depends on an outer recording."""
        if self.leave_tapes():
            raise TapeError("the function left a tape open; use `with tape:`")
        self.last = self.st.n
        self.symbolic = self.nested and (
            reaches_below(self.st, self.first, self.last) or self.arrays_reach_below())
        return 0

    cdef bint has_arrays(self):
        return len(self.tape.entries) > self.n_entries

    cdef bint arrays_reach_below(self) except -1:
        cdef Py_ssize_t k
        for k in range(self.n_entries, len(self.tape.entries)):
            if (<Entry>self.tape.entries[k]).reaches_below(self.first):
                return True
        return False

    cdef int finish(self) except -1:
        """Leave nothing behind, except on an outer tape what belongs to its result."""
        self.tape.busy = False
        if self.nested:
            if not self.symbolic and self.st.n > self.first:
                self.tape.cut(self.first)
            return 0
        self.tape.end()
        self.tape.cut(1)
        if len(idle_tapes) < IDLE_TAPES and self.tape.bytes_used() < IDLE_BYTES:
            idle_tapes.append(self.tape)
        return 0

    cdef int abandon(self) except -1:
        """Finish after an error."""
        self.symbolic = False
        self.leave_tapes()
        return self.finish()

    cdef bint leave_tapes(self) except -1:
        """Leave the tapes that the function entered and did not leave; whether there were any."""
        cdef bint found = False
        while active_state() != self.st and active_state().owner != NULL:
            (<Tape>active_state().owner).end()
            found = True
        return found

    # -- sweeps ------------------------------------------------------------------------------

    cdef int reverse_one(self, object result) except -1:
        """Adjoints of one result, with seed 1."""
        cdef double* values
        if self.symbolic:
            return self.record_reverse([result], [1.0])
        self.values = values = self.tape.workspace(self.last)
        unreach(values, self.first, self.last)
        if self.has_arrays():
            self.mixed = new_sweep(self.tape, values)
            self.mixed.last = True
        if self.depends_on_leaf(result):
            values[(<Var>result).id] = 1.0
            self.sweep(reverse_sweep, values)
        return 0

    cdef int sweep(self, NumberSweep sweep, double* values) except -1:
        """Sweep the function's nodes; the tape stays busy until the run is finished."""
        cdef int64_t start = self.first + self.n_leaves
        self.tape.busy = True
        if self.mixed is not None:
            if sweep == forward_sweep:
                return forward_mixed(self.mixed, start, self.last)
            return reverse_mixed(self.mixed, start, self.last)
        with nogil:
            sweep(self.st, values, start, self.last)
        return 0

    cdef int reverse(self, list results, list seeds) except -1:
        if self.symbolic:
            return self.record_reverse(results, seeds)
        self.prepare()
        for result, seed in zip(results, seeds):
            if self.depends_on_leaf(result):
                if self.mixed is not None:
                    seed_sweep(self.mixed, result, seed)
                else:
                    reach(&self.values[(<Var>result).id], <double>seed)
        return self.sweep(reverse_sweep, self.values)

    cdef int prepare(self) except -1:
        """Room for a numeric sweep, in which nothing has arrived."""
        self.values = self.tape.workspace(self.last)
        unreach(self.values, self.first, self.last)
        self.mixed = new_sweep(self.tape, self.values) if self.has_arrays() else None
        return 0

    cdef int forward(self, list seeds) except -1:
        """Tangents of all nodes from one seed per leaf."""
        cdef int64_t i
        if self.symbolic:
            return self.record_forward(seeds)
        self.prepare()
        for i in range(self.n_leaves):
            if isinstance(seeds[i], ndarray):
                seed = seeds[i].astype(self.leaf_data[i].dtype, copy=False)
                add_bar(self.mixed, self.place_of(self.first + i), seed, False)
            else:
                self.values[self.first + i] = <double>seeds[i]
        return self.sweep(forward_sweep, self.values)

    cdef Py_ssize_t place_of(self, int64_t id) noexcept:
        """Place of the array whose node this is, -1 if it is that of a number."""
        cdef Py_ssize_t place = first_entry(self.tape, id)
        if place < len(self.tape.entries) and (<Entry>self.tape.entries[place]).id == id:
            return place
        return -1

    cdef int record_reverse(self, list results, list seeds) except -1:
        cdef Ref ref
        cdef int64_t i
        self.prepare_refs()
        for result, seed in zip(results, seeds):
            if not self.depends_on_leaf(result):
                continue
            if type(result) is Array:
                add_recorded(self.mixed, (<Array>result).place, seed)
            else:
                i = (<Var>result).id - self.first
                as_ref(self.st, seed, &ref)
                accumulate(self.st, &self.refs[i], ref)
        if self.mixed is not None:
            return record_reverse_mixed(
                self.mixed, self.depends, self.first + self.n_leaves, self.last)
        with nogil:
            record_reverse(
                self.st, self.refs, self.depends, self.first + self.n_leaves, self.last,
                self.first)
        return raise_failed(self.st) if self.st.failed else 0

    cdef int record_forward(self, list seeds) except -1:
        cdef int64_t i
        self.prepare_refs()
        for i in range(self.n_leaves):
            if type(seeds[i]) is Array or isinstance(seeds[i], ndarray):
                add_recorded(self.mixed, self.place_of(self.first + i), seeds[i])
            else:
                as_ref(self.st, seeds[i], &self.refs[i])
        return self.sweep_refs_forward()

    cdef int sweep_refs_forward(self) except -1:
        if self.mixed is not None:
            return record_forward_mixed(
                self.mixed, self.depends, self.first + self.n_leaves, self.last)
        with nogil:
            record_forward(
                self.st, self.refs, self.depends, self.first + self.n_leaves, self.last,
                self.first)
        return raise_failed(self.st) if self.st.failed else 0

    cdef int prepare_refs(self) except -1:
        """All refs absent; `depends` says which nodes depend on a leaf."""
        cdef int64_t i, n = self.last - self.first
        if self.refs == NULL:
            self.refs = <Ref*>malloc((n + 1) * sizeof(Ref))
            self.depends = <char*>calloc(n + 1, 1)
            if self.refs == NULL or self.depends == NULL:
                raise MemoryError(f"out of memory for the adjoints of {n} nodes")
            mark_dependents(self.tape, self.depends, self.n_leaves, self.first, self.last)
        for i in range(n):
            self.refs[i].id = NO_PATH_ID
        if self.has_arrays():
            self.mixed = new_sweep(self.tape, NULL)
            self.mixed.refs, self.mixed.base = self.refs, self.first
            self.mixed.dependents = self.depends
        return 0

    # -- values in and out -------------------------------------------------------------------

    cdef bint depends_on_leaf(self, object result) except -1:
        """Whether `result` is a node of this run; an error if it is a node of no live recording."""
        cdef Ref ref
        if type(result) is Array:
            resolve(self.st, <Array>result)
            return (<Array>result).id >= self.first
        if type(result) is not Var:
            return False
        as_ref(self.st, result, &ref)
        return ref.id >= self.first

    cdef object reached_at(self, int64_t i):
        """Adjoint or tangent of node i: a float, or a Var of the outer recording."""
        cdef Ref ref
        if not self.symbolic:
            return number_reached(self.values[i])
        ref = self.refs[i - self.first]
        if ref.id == NO_PATH_ID:
            return 0.0
        return as_object(self.st, present(self.st, ref))

    cdef object reached_like(self, int64_t i, object leaf):
        """Adjoint or tangent of node i, which is that of an array like `leaf`."""
        cdef Py_ssize_t place = self.place_of(i)
        if not self.symbolic:
            bar = reached_array(self.mixed, place, data_of(leaf))
            return bar.astype(leaf.dtype, copy=False)
        bar = self.mixed.bars[place] if self.mixed is not None else None
        if bar is None:
            return np.zeros(leaf.shape, dtype=leaf.dtype)
        return number_of(bar)

    cdef object released(self, object tree):
        """`tree` as the caller may keep it: this recording's Vars as numbers if it ends."""
        if self.symbolic:
            return tree
        if type(tree) is Var or type(tree) is Array:
            return release_leaf(self, tree)
        return walk(self, tree, release_leaf)


cdef bint reaches_below(State* st, int64_t first, int64_t last) noexcept:
    cdef int64_t i, x, y
    for i in range(first, last):
        x = operand_id(st.nodes[i].x, st.nodes[i].px)
        y = operand_id(st.nodes[i].y, st.nodes[i].py)
        if 0 < x < first or 0 < y < first:
            return True
    return False


cdef object lift_leaf(object context, object leaf):
    """A leaf of an argument as an input of the run."""
    cdef Run run = <Run>context
    cdef Ref ref
    if type(leaf) is float:
        ref.value = <double>leaf
        ref.id = 0
    elif type(leaf) is Array:
        return lift_whole(run, leaf)
    elif isinstance(leaf, ndarray):
        return lift_array(run, leaf)
    elif isinstance(leaf, (bool, np.bool_)) or not as_ref(run.st, leaf, &ref):
        refuse(run, "a " + type(leaf).__name__)
    run.n_leaves += 1
    if run.nested:
        return new_var(run.st, push_copy(run.st, ref))
    return new_var(run.st, push(run.st, OP_INPUT, ref.value, 0.0, 0.0, 0, 0))


cdef object lift_array(Run run, object array):
    if run.st.guarding != SCALARS and array.dtype.kind != "O":
        if array.dtype == np.float16:
            return lift_whole(run, array.astype(np.float32))
        if array.dtype != np.float64 and array.dtype != np.float32:
            refuse(run, f"an array of {array.dtype}")
        return lift_whole(run, array.view(np.ndarray))
    if array.dtype.kind != "O" and array.dtype not in (np.float64, np.float32, np.float16):
        refuse(run, f"an array of {array.dtype}")
    out = np.empty(array.size, dtype=object)
    for i, item in enumerate(array.ravel().tolist()):
        out[i] = lift_leaf(run, item)
    return elements(out.reshape(array.shape))


cdef Array lift_whole(Run run, object array):
    """An array as one leaf."""
    cdef Array lifted = lifted_array(run.st, array, run.nested)
    if run.leaf_data is None:
        run.leaf_data = {}
    run.leaf_data[run.n_leaves] = lifted.data
    run.n_leaves += 1
    return lifted


cdef int refuse(Run run, str what) except -1:
    way_out = ", convert it with x.astype(float)" if what.startswith("an ") else ""
    raise TypeError(
        f"{run.transform} differentiates with respect to floats, arrays of floats and containers "
        f"of them; got {what}{way_out}")


cdef object adjoint_leaf(object context, object leaf):
    cdef Run run = <Run>context
    if type(leaf) is Array or (type(leaf) is not float and isinstance(leaf, ndarray)
                               and leaf.dtype != object and run.st.guarding != SCALARS):
        check_cursor(run)
        run.cursor += 1
        return run.reached_like(run.cursor - 1, leaf)
    if type(leaf) is not float and isinstance(leaf, ndarray):
        out = np.empty(leaf.size, dtype=object)
        for i in range(leaf.size):
            out[i] = adjoint_leaf(run, 0.0)
        return float_array(out, leaf.dtype).reshape(leaf.shape)
    check_cursor(run)
    run.cursor += 1
    return run.reached_at(run.cursor - 1)


cdef int check_cursor(Run run) except -1:
    if run.cursor >= run.first + run.n_leaves:
        raise RuntimeError("the arguments grew while the function ran; pass it a copy")
    return 0


cdef object data_of(object leaf):
    return (<Array>leaf).data if type(leaf) is Array else leaf


cdef object release_leaf(object context, object leaf):
    cdef Run run = <Run>context
    if type(leaf) is Array:
        if run.depends_on_leaf(leaf) or not run.nested:
            return (<Array>leaf).value
        return leaf
    if run.depends_on_leaf(leaf):
        return (<Var>leaf).number
    if isinstance(leaf, ndarray) and leaf.dtype == object:
        out = np.empty(leaf.size, dtype=object)
        for i, item in enumerate(leaf.flat):
            out[i] = release_leaf(run, item)
        return float_array(out, np.dtype(np.float64)).reshape(leaf.shape)
    return leaf


cdef object float_array(object objects, object dtype):
    """A flat object array as floats of `dtype`, or as Elements if some are traced."""
    if all(type(item) is float for item in objects):
        return objects.astype(np.float64 if dtype == object else dtype)
    return elements(objects)
