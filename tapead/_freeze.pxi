# From a tape to Code and back.

cdef Code freeze(
    Tape tape, int64_t n_inputs, const int64_t[::1] ids, const double[::1] values, int64_t n_primal
):
    """Code of all that is on a tape.

    Parameters
    ----------
    tape : Tape
        Its first nodes are the inputs.
    n_inputs : int
    ids : memoryview of int64
        Nodes of the outputs; 0 is a constant.
    values : memoryview of float64
        Values of the outputs that are constants.
    n_primal : int
        Nodes, inputs included, in front of those of a derivative.
    """
    cdef State* st = &tape.state
    cdef Code code = Code()
    cdef int64_t i, n = st.n - 1
    cdef Node* node
    code.n_inputs = n_inputs
    code.room(n - n_inputs)
    for i in range(n_inputs + 1, n + 1):
        node = &st.nodes[i]
        if st.ops[i] == OP_INPUT:
            raise RuntimeError("an input in the middle of a recording")
        code.emit(
            st.ops[i], frozen(code, node.x, node.px),
            NO_OPERAND if UNARY[st.ops[i]] else frozen(code, node.y, node.py))
    code.n_primal = n_primal - n_inputs
    code.set_outputs(ids.shape[0])
    for i in range(ids.shape[0]):
        code.outputs[i] = <int32_t>(ids[i] - 1) if ids[i] else code.constant(values[i])
    freeze_guards(code, tape)
    return code


cdef inline int32_t frozen(Code code, int32_t id, double payload) except? -2:
    """Operand of a node."""
    cdef int64_t found = operand_id(id, payload)
    return code.constant(payload) if found == 0 else <int32_t>(found - 1)


cdef int freeze_guards(Code code, Tape tape) except -1:
    cdef Py_ssize_t i
    cdef Guard* guard
    cdef dict places = {}
    code.set_guards(tape.n_guards, ())
    for i in range(tape.n_guards):
        guard = &tape.guards[i]
        source = where(tape, guard.source.code, guard.source.line)
        code.guards[i] = CodeGuard(
            guard.x_value, guard.y_value, guard.kind,
            frozen(code, guard.x, guard.x_value), frozen(code, guard.y, guard.y_value),
            guard.outcome, guard.at - 1 - code.n_inputs, places.setdefault(source, len(places)))
    code.sources = tuple(places)
    return 0


cdef tuple where(Tape tape, int32_t index, int32_t line):
    if index < 0:
        return ("", 0, "")
    source = tape.codes[index]
    return (source.co_filename, line, source.co_name)


cdef Tape thawed(Code code, int64_t n_seeds):
    """A tape with the inputs of `code`, `n_seeds` further ones, and its instructions.

    Values are of no account: rules look at none while `guarding` is set.
    """
    cdef Tape tape = Tape()
    cdef State* st = &tape.state
    cdef int64_t i, shift = 1 + n_seeds, n_inputs = code.n_inputs
    cdef int32_t x, y
    st.guarding = 1
    make_room(tape, n_inputs + n_seeds + 5 * code.n)
    for i in range(n_inputs + n_seeds):
        push(st, OP_INPUT, 1.0, 0.0, 0.0, 0, 0)
    for i in range(code.n):
        x = code.x[i]
        y = code.y[i]
        push(
            st, code.op[i], 1.0, payload_of(code, x), payload_of(code, y),
            node_of(x, n_inputs, shift), node_of(y, n_inputs, shift))
    if st.failed:
        raise_failed(st)
    return tape


cdef inline double payload_of(Code code, int32_t operand) noexcept:
    return 0.0 if operand >= 0 or operand == NO_OPERAND else code.constants[-1 - operand]


cdef inline int64_t node_of(int32_t operand, int64_t n_inputs, int64_t shift) noexcept:
    """Id, on a thawed tape, of an operand of the code; 0 of a constant."""
    if operand < 0:
        return 0
    return operand + (1 if operand < n_inputs else shift)


cdef int keep_guards_of(Code code, Code old, int64_t n_seeds) except -1:
    """Guards of the code that `code` is a derivative of."""
    cdef int64_t i
    cdef CodeGuard* guard
    code.set_guards(old.n_guards, old.sources)
    for i in range(old.n_guards):
        guard = &code.guards[i]
        guard[0] = old.guards[i]
        guard.x = with_seeds(code, old, guard.x, n_seeds)
        guard.y = with_seeds(code, old, guard.y, n_seeds)
    return 0


cdef inline int32_t with_seeds(Code code, Code old, int32_t operand, int64_t n_seeds) except? -2:
    """`operand` of `old` once `n_seeds` inputs stand behind its own."""
    if operand < 0:
        return code.constant(old.constants[-1 - operand])
    return operand if operand < old.n_inputs else <int32_t>(operand + n_seeds)
