# Tape: what Python sees of the storage and the sweeps.

@cython.final
cdef class Tape:
    """Tape(max_bytes=None, *, sources=False)\n--\n

    Record of the operations on traced values while it is active.

    A context manager; tapes nest and each thread has its own active one. Once it is left it can
    still be swept, and entered again to go on recording.

    Parameters
    ----------
    max_bytes : int, optional
        Bytes that nodes and adjoints may take together; by default as many as there are. Room
        for one reverse sweep is kept free.
    sources : bool, default False
        Whether to note the source line of every operation (about 100 ns each) and to keep the value
        of every array, as a trace needs them.

    Raises
    ------
    TapeMemoryError
        From the operation that would exceed `max_bytes`; what is recorded stays valid.

    Examples
    --------
    >>> import tapead
    >>> with tapead.Tape() as tape:
    ...     x1, x2 = tape.variable(2.0, name="x1"), tape.variable(5.0, name="x2")
    ...     y = tapead.log(x1) + x1 * x2 - tapead.sin(x2)
    >>> tape.gradient(y, [x1, x2])
    [5.5, 1.7163378145367738]
    >>> len(tape), tape.active
    (7, False)
    """

    def __cinit__(self, max_bytes=None, *, bint sources=False):
        cdef int64_t capacity = SMALLEST
        self.byte_limit = _byte_limit(max_bytes)
        self.tracing = sources
        self.entries = []
        self.results = {}
        self.watched_arrays = {}
        self.codes = []
        self.code_indices = {}
        self.names_of_inputs = {}
        self.segments = <Segment*>malloc(FIRST_SEGMENTS * sizeof(Segment))
        self.segment_capacity = FIRST_SEGMENTS
        if self.byte_limit >= 0:
            capacity = max(2, min(capacity, fitting_nodes(self)))
        self.state.owner = <void*>self
        self.state.reserve = reserve
        self.state.serial = next_serial()
        if self.segments == NULL or resize(self, capacity):
            raise TapeMemoryError(f"no memory for a tape of {capacity} operations")
        memset(&self.state.nodes[0], 0, sizeof(Node))
        self.state.ops[0] = 0
        self.state.n = 1

    def __dealloc__(self):
        free(self.state.nodes)
        free(self.state.ops)
        free(self.sources)
        free(self.guards)
        free(self.segments)
        free(self.adjoints)

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, *exc_info):
        self.end()

    def __len__(self):
        return self.state.n - 1

    def __repr__(self):
        return f"<Tape: {len(self)} nodes, {self.nbytes} bytes{', active' * self.active}>"

    @property
    def nbytes(self):
        """Bytes allocated for nodes, adjoints, arrays that are kept and what goes with them."""
        cdef int64_t total = self.bytes_used()
        cdef set seen = set()
        for entry in self.entries:
            total += (<Entry>entry).nbytes(seen)
        return total + result_bytes(self.results, seen)

    @property
    def max_bytes(self):
        """The limit on `nbytes`, or None."""
        return None if self.byte_limit < 0 else self.byte_limit

    @property
    def names(self):
        """Names of the inputs that have one, by their position on the tape."""
        return dict(self.names_of_inputs)

    def variable(self, value, name=None):
        """Put an input on the tape.

        Parameters
        ----------
        value : float or ndarray
            A number, or an array of float64 or float32, which is copied.
        name : str, optional
            What a trace calls it.

        Returns
        -------
        Var or Array

        Examples
        --------
        >>> import tapead
        >>> with tapead.Tape() as tape:
        ...     x = tape.variable(3, name="x")
        ...     y = x * x
        >>> y.value, tape.gradient(y, x)
        (9.0, 6.0)
        """
        self.check_idle()
        if name is not None and not isinstance(name, str):
            raise TypeError(f"a variable's name is a str; got {type(name).__name__}")
        if isinstance(value, np.ndarray) and array_type is not None:
            array = array_hooks.lift(&self.state, value.copy(), False)
            if name is not None:
                self.names_of_inputs[self.state.n - 1] = name
            return array
        cdef Var var = new_var(&self.state, push(
            &self.state, OP_INPUT, as_number(value, "a variable's value"), 0.0, 0.0, 0, 0))
        if name is not None:
            self.names_of_inputs[var.id] = name
        return var

    def mark(self):
        """Position to `rewind` to.

        Returns
        -------
        int
        """
        return self.state.n - 1

    def rewind(self, mark):
        """Forget what was recorded after `mark`; the values from before stay usable.

        Parameters
        ----------
        mark : int
            What `mark()` returned.

        Raises
        ------
        TypeError, ValueError
            If `mark` is not an int, or the tape is shorter.
        """
        self.check_idle()
        mark = operator.index(mark)
        if not 0 <= mark <= len(self):
            raise ValueError(f"expected a mark from 0 to {len(self)}; got {mark}")
        self.cut(<int64_t>mark + 1)

    def clear(self):
        """Forget everything recorded; memory is kept for the next recording."""
        self.check_idle()
        self.cut(1)

    def gradient(self, y, xs, seed=1.0):
        """Adjoints of `xs` for the result `y`: one reverse sweep.

        Parameters
        ----------
        y : Var, Array or sequence of them
            Result, or several; a plain number depends on nothing.
        xs : Var, Array or sequence of them
            Inputs, or any values in between.
        seed : float, ndarray or sequence of them, default 1.0
            Adjoint of `y`, one per result; 1.0 alone is that of every element.

        Returns
        -------
        float, ndarray or list of them
            One adjoint per element of `xs`; 0.0 where `y` does not depend on it.

        Raises
        ------
        TapeError
            If a Var is not, or no longer, on this tape.
        ValueError
            If there are not as many seeds as results.
        """
        cdef list sources = list(xs) if isinstance(xs, (list, tuple)) else [xs]
        cdef list results = list(y) if isinstance(y, (list, tuple)) else [y]
        cdef list seeds = self.seeds_for(results, seed, "adjoints, one per output")
        cdef int64_t last = 1
        for result in results:
            last = max(last, self.id_of(result, "y") + 1)
        bars = self.swept(results, seeds, sources, last, False)
        return bars if isinstance(xs, (list, tuple)) else bars[0]

    def pushforward(self, y, xs, seed=1.0):
        """Tangents of `y` for tangents of the inputs `xs`: one forward sweep.

        Parameters
        ----------
        y : Var or sequence of Var
        xs : Var or sequence of Var
            Inputs put on the tape by `variable`.
        seed : float or sequence of float, default 1.0
            Tangent of `xs`, one per input; 1.0 alone is the tangent of each.

        Returns
        -------
        float or list of float

        Examples
        --------
        >>> import tapead
        >>> with tapead.Tape() as tape:
        ...     x = tape.variable(0.0)
        ...     y = tapead.sin(x) * 3.0
        >>> tape.pushforward(y, x, seed=2.0)
        6.0
        """
        cdef list sources = list(xs) if isinstance(xs, (list, tuple)) else [xs]
        cdef list results = list(y) if isinstance(y, (list, tuple)) else [y]
        cdef list seeds = self.seeds_for(sources, seed, "tangents, one per input")
        cdef int64_t last = 1
        for x in sources:
            if self.state.ops[self.id_of(x, "xs")] != OP_INPUT:
                raise ValueError("pushforward starts from inputs; got a Var that was computed")
        for result in results:
            last = max(last, self.id_of(result, "y") + 1)
        dots = self.swept(sources, seeds, results, last, True)
        return dots if isinstance(y, (list, tuple)) else dots[0]

    cdef list swept(self, list starts, list seeds, list ends, int64_t last, bint forward):
        """Sweep nodes below `last` from `starts`; what reached `ends`, 0.0 where nothing did."""
        cdef int64_t n = last, i
        cdef Py_ssize_t k
        cdef double* values
        cdef list out = []
        if self.entries:
            return array_hooks.sweep(self, starts, seeds, ends, last, forward)
        for var in starts:
            n = max(n, self.id_of(var, "a Var") + 1)
        values = self.workspace(n)
        unreach(values, 0, n)
        for k in range(len(starts)):
            i = self.id_of(starts[k], "a Var")
            if i:
                reach(&values[i], <double>seeds[k])
        self.sweep_all(values, last, forward)
        for var in ends:
            i = self.id_of(var, "a Var")
            out.append(number_reached(values[i]) if 0 < i < n else 0.0)
        return out

    cdef int sweep_all(self, double* values, int64_t last, bint forward) except -1:
        self.busy = True
        try:
            with nogil:
                if forward:
                    forward_sweep(&self.state, values, 1, last)
                else:
                    reverse_sweep(&self.state, values, 1, last)
        finally:
            self.busy = False
        return 0

    cdef list seeds_for(self, list targets, seed, str what):
        if isinstance(seed, (list, tuple)):
            if len(seed) != len(targets):
                raise ValueError(f"expected {len(targets)} {what}; got {len(seed)}")
            return [seed_of(s, target) for s, target in zip(seed, targets)]
        return [seed_of(seed, target) for target in targets]

    cdef int64_t id_of(self, var, str what) except -1:
        if type(var) is Var:
            if (<Var>var).serial != self.state.serial and not self.owns(<Var>var):
                raise_foreign(&self.state, <Var>var)
            return (<Var>var).id
        if is_array(var):
            return array_hooks.node(&self.state, var)
        as_number(var, what)
        return 0

    cdef bint owns(self, Var var) noexcept:
        """Whether `var` is a live node of this tape."""
        return self.owns_node(var.serial, var.id)

    cdef bint owns_node(self, uint64_t serial, int64_t id) noexcept:
        """Whether a node that was recorded under `serial` is alive."""
        cdef Py_ssize_t low = 0, high = self.n_segments, middle
        if serial == self.state.serial:
            return True
        while low < high:  # serials grow along the segments
            middle = (low + high) // 2
            if self.segments[middle].serial < serial:
                low = middle + 1
            else:
                high = middle
        return (low < self.n_segments and self.segments[low].serial == serial
                and id < self.segments[low].end)

    cdef int begin(self) except -1:
        self.check_idle()
        if self.active:
            raise TapeError("this tape is active already; use another Tape for a nested recording")
        self.outer = active_state()
        self.thread = <unsigned long>PyThread_get_thread_ident()
        self.state.watched = self.state.guarding or self.outer.watched
        self.active = True
        Py_INCREF(self)  # the thread's pointer keeps it alive
        tapead_activate(&self.state)
        return 0

    cdef int end(self) except -1:
        if active_state() != &self.state:
            raise TapeError("tapes are left in the reverse order of entering them, in one thread")
        tapead_activate(self.outer)
        self.active = False
        Py_DECREF(self)
        return 0

    cdef int cut(self, int64_t n) except -1:
        """Keep the nodes below n; a later Var with one of the freed ids gets a new serial."""
        cdef State* st = &self.state
        cdef int64_t start = self.segments[self.n_segments - 1].end if self.n_segments else 1
        if n > start:
            self.push_segment(st.serial, n)
        while self.n_segments and self.segments[self.n_segments - 1].end > n:
            start = self.segments[self.n_segments - 2].end if self.n_segments > 1 else 1
            if start < n:
                self.segments[self.n_segments - 1].end = n
            else:
                self.n_segments -= 1
        st.serial = next_serial()
        st.n = n
        st.failed = 0
        if self.entries:
            drop_entries(self, n)
        if self.n_guards:
            keep_guards(self, n)
        if self.names_of_inputs:
            self.names_of_inputs = {
                id: name for id, name in self.names_of_inputs.items() if id < n}
        return 0

    cdef int push_segment(self, uint64_t serial, int64_t end) except -1:
        cdef void* segments
        cdef Py_ssize_t more = self.segment_capacity * sizeof(Segment)
        if self.n_segments == self.segment_capacity:
            if self.byte_limit >= 0 and self.bytes_used() + more > self.byte_limit:
                raise TapeMemoryError(
                    f"to rewind needs {more} bytes beyond max_bytes={self.byte_limit}; "
                    "clear the tape, or give it a larger max_bytes")
            segments = realloc(self.segments, 2 * self.segment_capacity * sizeof(Segment))
            if segments == NULL:
                raise TapeMemoryError("no memory to rewind the tape")
            self.segments = <Segment*>segments
            self.segment_capacity *= 2
        self.segments[self.n_segments].serial = serial
        self.segments[self.n_segments].end = end
        self.n_segments += 1
        return 0

    cdef double* workspace(self, int64_t n) except NULL:
        """Room for n doubles, kept from sweep to sweep."""
        cdef int64_t more = (n - self.adjoint_capacity) * sizeof(double)
        self.check_idle()
        if more > 0:
            if self.byte_limit >= 0 and self.bytes_used() + more > self.byte_limit:
                raise TapeMemoryError(
                    f"the sweep needs {self.bytes_used() + more} bytes, more than "
                    f"max_bytes={self.byte_limit}; give the Tape a larger max_bytes")
            free(self.adjoints)
            self.adjoint_capacity = 0
            self.adjoints = <double*>malloc(n * sizeof(double))
            if self.adjoints == NULL:
                raise TapeMemoryError(f"out of memory for the adjoints of {n} nodes")
            self.adjoint_capacity = n
        return self.adjoints

    cdef int64_t bytes_used(self) noexcept nogil:
        return (self.state.capacity * node_bytes(self) + self.segment_capacity * sizeof(Segment)
                + self.adjoint_capacity * sizeof(double))

    cdef int check_idle(self) except -1:
        """Refuse to touch a tape that another thread records on or sweeps."""
        if self.busy or (self.active and self.thread != <unsigned long>PyThread_get_thread_ident()):
            raise TapeError(
                "this tape is in use: another thread records on it or sweeps it, or a sweep of it "
                "was interrupted by a signal; use another Tape")
        return 0
