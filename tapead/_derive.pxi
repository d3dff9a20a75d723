# Derivatives of Code: its rules recorded on a tape, and frozen again.

cdef class Derivation:
    """A thawed Code and the adjoints or tangents of its values, from node 1 on."""

    cdef Code code
    cdef Tape tape
    cdef int64_t n_seeds
    cdef int64_t base  # inputs and seeds
    cdef int64_t last  # end of the nodes of the code
    cdef Ref* refs
    cdef char* depends
    cdef list ids  # of the outputs, with their values where they are constants
    cdef list values

    def __dealloc__(self):
        free(self.refs)
        free(self.depends)

    cdef State* state(self) noexcept:
        return &self.tape.state

    cdef Ref operand(self, int32_t operand) noexcept:
        """What stands on the tape for an operand of the code."""
        cdef Ref ref
        ref.id = node_of(operand, self.code.n_inputs, 1 + self.n_seeds)
        ref.value = payload_of(self.code, operand)
        return ref

    cdef int output(self, Ref ref) except -1:
        """One more output; an absent one is 0."""
        if ref.id == NO_PATH_ID:
            ref = passive(0.0)
        ref = present(self.state(), ref)
        self.ids.append(ref.id)
        self.values.append(ref.value)
        return 0

    cdef int clear(self) noexcept:
        cdef int64_t i
        for i in range(self.last):
            self.refs[i].id = NO_PATH_ID
        return 0

    cdef Ref seed(self, int64_t k, bint maybe_absent) noexcept:
        """Seed k; if it may be absent it is the mark where it is."""
        cdef Ref ref
        ref.id = 1 + self.code.n_inputs + k
        ref.value = 1.0
        if maybe_absent:
            return push(self.state(), OP_SEED, 1.0, 1.0, 0.0, ref.id, 0)
        return ref

    cdef Code frozen(self):
        cdef Code new
        if self.tape.state.failed:
            raise_failed(&self.tape.state)
        new = freeze(
            self.tape, self.code.n_inputs + self.n_seeds,
            np.array(self.ids, dtype=np.int64), np.array(self.values, dtype=np.float64),
            self.last - 1)
        keep_guards_of(new, self.code, self.n_seeds)
        return new


cdef Derivation derivation(Code code, const uint8_t[::1] wrt, int64_t n_seeds):
    """Nothing reached yet; `wrt` says which inputs are differentiated."""
    cdef Derivation self = Derivation()
    cdef int64_t i
    self.code = code
    self.n_seeds = n_seeds
    self.tape = thawed(code, n_seeds)
    self.last = self.tape.state.n
    self.base = code.n_inputs + n_seeds
    self.ids, self.values = [], []
    self.refs = <Ref*>resized(NULL, (self.last + 1) * sizeof(Ref))
    self.depends = <char*>calloc(self.last + 1, 1)
    if self.depends == NULL:
        raise MemoryError(f"out of memory for {self.last} nodes")
    for i in range(code.n_inputs):
        self.depends[1 + i] = wrt[i]
    for i in range(self.base + 1, self.last):
        self.depends[i] = (self.depends[self.tape.state.nodes[i].x]
                           or self.depends[self.tape.state.nodes[i].y])
    self.clear()
    return self


cdef Code reverse_code(
    Code code, const uint8_t[::1] wrt, int64_t n_differentiated, bint seeded, bint with_values,
    bint maybe_absent
):
    """Adjoints of the inputs in `wrt`, behind all the values if those are wanted.

    The first `n_differentiated` outputs are. With `seeded` there is one further input for each
    of them, its adjoint (the mark where it is absent if `maybe_absent`); else those are 1.
    """
    cdef Derivation self = derivation(code, wrt, n_differentiated if seeded else 0)
    cdef int64_t i
    cdef Ref at
    for i in range(code.n_outputs):
        at = self.operand(code.outputs[i])
        if with_values:
            self.output(at)
        if i < n_differentiated and at.id and self.depends[at.id]:
            accumulate(self.state(), &self.refs[at.id],
                       self.seed(i, maybe_absent) if seeded else passive(1.0))
    record_reverse(self.state(), self.refs + 1, self.depends + 1, self.base + 1, self.last, 1)
    for i in range(code.n_inputs):
        if wrt[i]:
            self.output(self.refs[1 + i])
    return self.frozen()


cdef Code forward_code(
    Code code, const uint8_t[::1] wrt, int64_t n_differentiated, bint with_values,
    bint maybe_absent
):
    """Tangents of the first `n_differentiated` outputs, behind all the values if wanted.

    There is one further input per input in `wrt`: its tangent, the mark where it is absent if
    `maybe_absent` is set.
    """
    cdef Derivation self = derivation(code, wrt, sum(wrt))
    cdef int64_t i, k = 0
    cdef Ref at
    for i in range(code.n_inputs):
        if wrt[i]:
            self.refs[1 + i] = self.seed(k, maybe_absent)
            k += 1
    record_forward(self.state(), self.refs + 1, self.depends + 1, self.base + 1, self.last, 1)
    if with_values:
        for i in range(code.n_outputs):
            self.output(self.operand(code.outputs[i]))
    for i in range(n_differentiated):
        at = self.operand(code.outputs[i])
        self.output(self.refs[at.id] if at.id else passive(0.0))
    return self.frozen()


cdef tuple sparse_code(
    Code code, const uint8_t[::1] wrt, int64_t n_differentiated, int64_t most
):
    """The entries of the Jacobian that are not zero by structure, and where they stand.

    Returns
    -------
    code : Code or None
        Its outputs are the entries; None if more than `most` instructions would be differentiated.
    places : ndarray of int64
        Row times the number of columns plus column, of each entry.
    """
    cdef Derivation self
    cdef int64_t i, column = 0, n_columns = sum(wrt)
    cdef list places = []
    reached = reached_from(code, wrt, most)
    if reached is None:
        return None, None
    self = derivation(code, wrt, 0)
    rows = outputs_of(code, n_differentiated)
    for i in range(code.n_inputs):
        if wrt[i]:
            column_entries(self, 1 + i, reached[column], rows, column, n_columns, places)
            column += 1
    return self.frozen(), np.array(places, dtype=np.int64)


cdef int column_entries(
    Derivation self, int64_t leaf, const int64_t[::1] nodes, dict rows, int64_t column,
    int64_t n_columns, list places
) except -1:
    """Tangents along one input: of `nodes` alone, which are all that depend on it."""
    cdef int64_t k
    self.refs[leaf] = passive(1.0)
    if nodes.shape[0]:
        record_forward_at(self.state(), self.refs + 1, &nodes[0], nodes.shape[0], 1)
    entry(self, leaf, rows, column, n_columns, places)
    for k in range(nodes.shape[0]):
        entry(self, nodes[k], rows, column, n_columns, places)
    return 0


cdef int entry(
    Derivation self, int64_t id, dict rows, int64_t column, int64_t n_columns, list places
) except -1:
    """The tangent of a node, if it is an output; it is forgotten then."""
    if self.refs[id].id != NO_PATH_ID:
        for row in rows.get(id, ()):
            self.output(self.refs[id])
            places.append(row * n_columns + column)
    self.refs[id].id = NO_PATH_ID
    return 0


cdef dict outputs_of(Code code, int64_t n_differentiated):
    """Rows by the node that they are."""
    cdef dict rows = {}
    for row in range(n_differentiated):
        if code.outputs[row] >= 0:
            rows.setdefault(code.outputs[row] + 1, []).append(row)
    return rows


cdef list reached_from(Code code, const uint8_t[::1] wrt, int64_t most):
    """Nodes that depend on each input, in order; None if they are more than `most` in all."""
    cdef int64_t n = code.n_inputs + code.n, i, at, k, head, count, found = 0
    users = users_of(code)
    cdef const int64_t[::1] starts = users[0], targets = users[1]
    cdef int64_t[::1] seen = np.full(n, -1, dtype=np.int64)
    nodes = np.empty(n + 1, dtype=np.int64)
    cdef int64_t[::1] node = nodes  # those found, of which the first `head` were looked at
    cdef list reached = []
    for i in range(code.n_inputs):
        if not wrt[i]:
            continue
        at, head, count = i, 0, 0
        while True:
            for k in range(starts[at], starts[at + 1]):
                if seen[targets[k]] != i:
                    seen[targets[k]] = i
                    node[count] = targets[k]
                    count += 1
            if found + count > most:
                return None
            if head == count:
                break
            at = node[head]
            head += 1
        found += count
        reached.append(np.sort(nodes[:count]) + 1)
    return reached


cdef tuple users_of(Code code):
    """Values that use each value: where their list starts, and the list."""
    data = code.data
    operands = np.concatenate([data.x, data.y]).astype(np.int64)
    users = np.tile(np.arange(code.n_inputs, code.n_inputs + code.n), 2)[operands >= 0]
    operands = operands[operands >= 0]
    order = np.argsort(operands, kind="stable")
    counts = np.bincount(operands, minlength=code.n_inputs + code.n)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), users[order].astype(np.int64)
