# What a trace reads of operations on arrays: what they do, their values, adjoints one by one.

cdef enum:
    SHOWN = 6  # elements up to which a constant is kept for its text


cdef int note_result(State* st, int64_t id, object value, object x, object y) except -1:
    """While tracing, keep the value of an operation, and what its text needs of constants."""
    cdef Tape tape = <Tape>st.owner
    if tape.tracing:
        tape.results[id] = (value, constant_of(x), constant_of(y))
    return 0


cdef int note_write(State* st, int64_t id, object before, object written) except -1:
    """While tracing, keep what was written, and what it was written to if that is passive."""
    cdef Tape tape = <Tape>st.owner
    if tape.tracing:
        tape.results[id] = (None, before, np.array(written))
    return 0


cdef object constant_of(object x):
    """A small array, the outline of a larger one, None of what is traced or no array."""
    if is_active(x) or not isinstance(x, (Array, ndarray)):
        return None
    array = plain_number_or_array(x)
    return array.copy() if array.size <= SHOWN else Outline(array)


def holds_arrays(Tape tape):
    """Whether there are operations on arrays on a tape."""
    return len(tape.entries) > 0


def is_array_node(Tape tape, int64_t id):
    """Whether the value of a node is an array, or several."""
    entry = entry_of(tape, id)
    if type(entry) is PrimitiveEntry:
        return not (<PrimitiveEntry>entry).is_number
    if type(entry) is PartEntry:
        return not (<PartEntry>entry).is_number
    return entry is not None and type(entry) is not ElementEntry


cdef object entry_of(Tape tape, int64_t id):
    """The operation on arrays that a node stands for, or None."""
    cdef Py_ssize_t k = first_entry(tape, id)
    if k == len(tape.entries) or (<Entry>tape.entries[k]).id != id:
        return None
    return tape.entries[k]


def entry_facts(Tape tape, int64_t first, int64_t last):
    """Operations on arrays among the nodes `first` to last - 1.

    Returns
    -------
    dict of int to dict
        By node: ``kind``; ``operands``, pairs of a node and what stands for it where that is 0 (a
        number, an array, an outline); and by kind ``op``, ``primitive``, ``params``, ``part``,
        ``window``, ``index``, ``shape``.
    """
    cdef Py_ssize_t k
    facts = {}
    for k in range(first_entry(tape, first), first_entry(tape, last)):
        entry = tape.entries[k]
        facts[(<Entry>entry).id] = facts_of(tape, entry)
    return facts


cdef dict facts_of(Tape tape, object entry):
    kind = type(entry)
    if kind is ElementalEntry:
        return elemental_facts(tape, entry)
    if kind is PrimitiveEntry:
        return primitive_facts(entry)
    if kind is WindowEntry:
        return view_facts("window", (<WindowEntry>entry).base_id, (<WindowEntry>entry).window)
    if kind is ElementEntry:
        return view_facts("element", (<ElementEntry>entry).base_id,
                          (<ElementEntry>entry).window.element((<ElementEntry>entry).offset))
    if kind is AssignEntry:
        return write_facts(tape, entry)
    if kind is StackEntry:
        return stack_facts(tape, entry)
    if kind is PartEntry:
        return {"kind": "part", "part": (<PartEntry>entry).index,
                "operands": [((<PartEntry>entry).whole_id, None)]}
    outer = (<InputEntry>entry).outer_id
    return {"kind": "copy" if outer else "input", "operands": [(outer, None)] if outer else []}


cdef dict elemental_facts(Tape tape, ElementalEntry entry):
    _, x, y = tape.results.get(entry.id, (None, None, None))
    operands = [(entry.x_id, entry.x_number if x is None and entry.x_id == 0 else x),
                (entry.y_id, entry.y_number if y is None and entry.y_id == 0 else y)]
    return {"kind": "elemental", "op": entry.op, "operands": operands[: table[entry.op].arity]}


cdef dict primitive_facts(PrimitiveEntry entry):
    operands = [(id, None if id else x) for id, x in zip(entry.ids, entry.operands)]
    return {"kind": "primitive", "primitive": entry.primitive, "params": entry.params,
            "operands": operands}


cdef dict view_facts(str kind, int64_t base_id, Window window):
    return {"kind": kind, "operands": [(base_id, None)], "window": geometry(window)}


cdef dict write_facts(Tape tape, AssignEntry entry):
    _, before, written = tape.results.get(entry.id, (None, None, None))
    operands = [(entry.base_id, before), (entry.value_id, None if entry.value_id else written)]
    return {"kind": "write", "operands": operands, "window": geometry(entry.window),
            "index": entry.index}


cdef dict stack_facts(Tape tape, StackEntry entry):
    value, _, _ = tape.results.get(entry.id, (None, None, None))
    numbers = np.zeros(entry.ids.size) if value is None else np.ravel(value)
    return {"kind": "stack", "operands": list(zip(entry.ids.tolist(), numbers.tolist())),
            "shape": entry.shape}


cdef tuple geometry(Window window):
    """Shape and order of a base; shape, strides and offset of the view; bytes of an element."""
    return (window.base_shape, "C" if window.c_order else "F", window.shape, window.strides,
            window.offset, window.dtype.itemsize)


def value_of_node(Tape tape, int64_t id):
    """Value of an operation on arrays as it was recorded; do not write to it.

    Raises
    ------
    TapeError
        If the tape does not keep them: ``Tape(sources=True)`` does.
    """
    entry = entry_of(tape, id)
    if type(entry) is WindowEntry:
        return seen_through((<WindowEntry>entry).window,
                            value_of_node(tape, (<WindowEntry>entry).base_id))
    if not is_array_node(tape, id):
        return tape.state.nodes[id].value
    if type(entry) is PrimitiveEntry and (<PrimitiveEntry>entry).n_results:
        return tuple([None if part is None else value_of_node(tape, part[0])
                      for part in (<PrimitiveEntry>entry).parts])
    if id not in tape.results:
        raise TapeError(
            "the values of traced arrays are not on this tape; record on a Tape(sources=True)")
    return tape.results[id][0] if type(entry) is not AssignEntry else written_value(tape, entry)


cdef ndarray seen_through(Window window, ndarray value):
    return window.of(window.laid_out(value))


cdef ndarray written_value(Tape tape, AssignEntry entry):
    """Replay the writes to a base; the last one that was asked for is a place to start at."""
    cdef list writes = []
    cdef ndarray value = None
    last = tape.results.get(0, (0,))
    while True:
        if entry.id == last[0]:
            value = last[1]
            break
        writes.append(entry)
        if entry.base_id == 0:
            value = tape.results[entry.id][1]
            break
        found = entry_of(tape, entry.base_id)
        if type(found) is not AssignEntry:
            value = value_of_node(tape, entry.base_id)
            break
        entry = found
    if not writes:
        return value
    value = (<AssignEntry>writes[len(writes) - 1]).window.laid_out(copy_of(value))
    for found in reversed(writes):
        entry = found
        entry.window.of(value)[() if entry.index is None else entry.index] = (
            tape.results[entry.id][2])
    tape.results[0] = ((<AssignEntry>writes[0]).id, value)
    return value


@cython.final
cdef class TracedSweep:
    """Adjoints or tangents of a tape that holds arrays, to be looked at on the way.

    Parameters
    ----------
    tape : Tape
    keep : bool, default False
        Whether adjoints stay when the sweep has passed them.
    """

    cdef Tape tape
    cdef Sweep sweep
    cdef readonly object numbers

    def __cinit__(self, Tape tape, bint keep=False):
        cdef double[::1] values
        self.tape = tape
        self.numbers = np.empty(tape.state.n)
        values = self.numbers
        unreach(&values[0], 0, tape.state.n)
        self.sweep = new_sweep(tape, &values[0])
        self.sweep.kept = set(range(len(tape.entries))) if keep else None

    def add(self, int64_t id, value):
        """Add to what has reached a node."""
        if not is_array_node(self.tape, id):
            reach(&self.sweep.values[id], value)
            return
        like = value_of_node(self.tape, id)
        full = np.empty(like.shape, like.dtype)
        full[...] = value
        add_bar(self.sweep, (<Entry>entry_of(self.tape, id)).place, full, False)

    def reverse(self, int64_t first, int64_t last):
        """Sweep nodes last - 1 down to `first`."""
        if first < last:
            reverse_mixed(self.sweep, first, last)

    def forward(self):
        """Sweep all nodes."""
        forward_mixed(self.sweep, 1, self.tape.state.n)

    def reached(self, int64_t id):
        """Whether anything has arrived at a node."""
        if is_array_node(self.tape, id):
            return self.sweep.bars[(<Entry>entry_of(self.tape, id)).place] is not None
        return not is_unreached(self.sweep.values[id])

    def at(self, int64_t id):
        """A copy of what has arrived at a node, None where nothing has."""
        if not self.reached(id):
            return None
        if not is_array_node(self.tape, id):
            return self.sweep.values[id] + 0.0
        bar = self.sweep.bars[(<Entry>entry_of(self.tape, id)).place]
        return bar.copy() if isinstance(bar, ndarray) else tuple(bar)
