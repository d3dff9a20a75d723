# The journal: every array operation of a function, while a Program of arrays is made of it.
#
# Entries keep what sweeps need and nothing else; a program needs all operands. An operand is the
# id of its node (an int), or a constant: a float or a plain array that is not written to any more.

cdef dict journals = {}  # by the address of the recording's State


def open_journal(Tape tape):
    """Let `tape` record a Program of arrays; the list that its operations are noted in."""
    cdef list journal = []
    tape.state.guarding = ARRAYS
    journals[<size_t>&tape.state] = journal
    return journal


def close_journal(Tape tape):
    """Note no more."""
    del journals[<size_t>&tape.state]


cdef enum:
    ARRAYS = 2  # of State.guarding: numbers as in any Program, and arrays as arrays


cdef inline int note(State* st, tuple record) except -1:
    (<list>journals[<size_t>st]).append(record)
    return 0


cdef object argument(State* st, object o, Operand* operand, bint single):
    """An operand of an elemental as the journal holds it."""
    if operand.id:
        return operand.id
    if operand.array != NULL:
        return kept(o)
    return <double>operand.single if single else operand.number


cdef object noted(State* st, object x):
    """An array or a number as the journal holds it."""
    cdef Ref ref
    if type(x) is Array:
        return (<Array>x).id if (<Array>x).id else kept(x)
    if type(x) is Var:
        as_ref(st, x, &ref)
        return ref.id if ref.id else ref.value
    return kept_plain(st, x) if isinstance(x, ndarray) else float(x)


cdef tuple described(Window w):
    """A window without the array that it looks onto."""
    strides = contiguous_strides(w.base_shape, w.dtype.itemsize, w.c_order)
    return w.base_shape, strides, w.shape, w.strides, w.offset, bool(w.repeats)


cdef tuple contiguous_strides(tuple shape, Py_ssize_t step, bint c_order):
    """Strides of an array without gaps."""
    cdef list strides = []
    for n in reversed(shape) if c_order else shape:
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides)) if c_order else tuple(strides)


cdef tuple form(object v):
    """Shape, strides and dtype of a result."""
    return v.shape, v.strides, v.dtype


cdef int journal_elemental(
    State* st, int op, bint single, object x, object y, Operand* a, Operand* b, ndarray out,
    int64_t id
) except -1:
    right = None if table[op].arity == 1 else argument(st, y, b, single)
    return note(st, ("elemental", id, op, argument(st, x, a, single), right, form(out)))


cdef int journal_primitive(
    State* st, object row, list operands, dict params, object ids, object values
) except -1:
    """`ids` and `values` are tuples where there are several results."""
    forms = tuple([form(np.asarray(v)) for v in values]) if type(values) is tuple else form(values)
    return note(st, (
        "primitive", ids, row, [noted(st, x) for x in operands], params, forms))


cdef int journal_write(
    State* st, Base base, object before, object value, AssignEntry entry
) except -1:
    return note(st, (
        "assign", entry.id, entry.base_id or before, noted(st, value), described(entry.window),
        entry.index, entry.winners, form(base.buffer)))


cdef int journal_look(Array a) except -1:
    """Its numbers were read: only the very same ones lead along the same path."""
    cdef State* st = active_state()
    if not st.watched:
        return 0
    if st.guarding == ARRAYS and a.base is not None and a.version != a.base.version:
        refresh(st, a)
    while st.owner != NULL:
        if a.id and (<Tape>st.owner).owns_node(a.serial, a.id):
            if st.guarding == ARRAYS:
                note(st, ("look", a.id, (<object>a.data).copy(), st.n))
            return 0
        st = (<Tape>st.owner).outer
    return 0


cdef bint is_mask(object x):
    """Whether it is a comparison that a Program of arrays computes anew; see `_mask`."""
    return hasattr(type(x), "__tapead_mask__")


cdef dict checked_masks(object row, dict params):
    """`params` in which only conditions are masks; other masks count as looked at."""
    if not any([is_mask(value) for value in params.values()]):
        return params
    for name, value in params.items():
        if is_mask(value) and name == "condition":
            resolve(active_state(), <Array>value.array)
    return {
        name: np.array(value) if is_mask(value) and name != "condition" else value
        for name, value in params.items()}


cdef dict plain_masks(dict params):
    """`params` with the booleans that masks have now."""
    if not any([is_mask(value) for value in params.values()]):
        return params
    return {name: value.now() if is_mask(value) else value for name, value in params.items()}


def records_arrays():
    """Whether a Program of arrays is being recorded."""
    return active_state().guarding == ARRAYS


cdef object seeded(object x):
    """A number that may be the mark, as one of which the rules know it."""
    cdef State* st = active_state()
    cdef Ref ref
    if st.guarding != ARRAYS or type(x) is not Var:
        return x
    as_ref(st, x, &ref)
    return new_var(st, push_op(st, op_seed, ref, passive_ref(0.0)))

cdef int op_seed = OPCODES["seed"]


def nodes_of(Tape tape):
    """Nodes of a tape that are numbers: rows of (op, x, y), and of their values where passive."""
    cdef State* st = &tape.state
    cdef int64_t i
    ids, values = np.zeros((st.n, 3), dtype=np.int64), np.zeros((st.n, 3))
    cdef int64_t[:, ::1] id = ids
    cdef double[:, ::1] value = values
    for i in range(1, st.n):
        id[i, 0] = st.ops[i]
        id[i, 1] = operand_id(st.nodes[i].x, st.nodes[i].px)
        id[i, 2] = operand_id(st.nodes[i].y, st.nodes[i].py)
        value[i, 0] = st.nodes[i].value
        value[i, 1], value[i, 2] = st.nodes[i].px, st.nodes[i].py
    return ids, values


def guards_of(Tape tape):
    """Comparisons of numbers: (node that follows, kind, x, y, outcome, values, source)."""
    cdef Py_ssize_t i
    cdef Guard* guard
    out = []
    for i in range(tape.n_guards):
        guard = &tape.guards[i]
        code = tape.codes[guard.source.code] if guard.source.code >= 0 else None
        source = ("", 0, "") if code is None else (
            code.co_filename, guard.source.line, code.co_name)
        out.append((
            guard.at, guard.kind, guard.x if guard.x else guard.x_value,
            guard.y if guard.y else guard.y_value, guard.outcome,
            (guard.x_value, guard.y_value), source))
    return out


def node_of(x):
    """Node of an array, 0 if it depends on nothing. A view is recorded where it is used first."""
    resolve(active_state(), <Array>x)
    return (<Array>x).id


def result_of_program(Tape tape, x):
    """Node of a traced result (an int), or the numbers of one that depends on nothing."""
    id = node_of(x) if type(x) is Array else tape.id_of(x, "a result")
    return id if id else plain_of(x)


def data_of(x):
    """The numbers of a traced array, which are not looked at."""
    if type(x) is not Array and is_series(x):
        return data_of(x.coefficients[0])
    return plain_of(x)


def lift_input(Tape tape, x):
    """An argument as an input of a Program: an array or a number."""
    if isinstance(x, ndarray):
        return lifted_array(&tape.state, x, False)
    return tape.variable(x)


OP_OF_ARRAYS = OP_ARRAY
