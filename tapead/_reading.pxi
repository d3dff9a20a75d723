# What a trace reads: nodes, adjoints and tangents as arrays.

COLUMNS = {
    "op": "u1", "x": "i4", "y": "i4", "value": "f8", "px": "f8", "py": "f8",
    "x_value": "f8", "y_value": "f8", "x_path": "u1", "y_path": "u1", "code": "i4", "line": "i4",
}


def columns(Tape tape, int64_t first, int64_t last):
    """Nodes `first` to last - 1 as arrays, one per field.

    ``x`` and ``y`` are ids of operands (0 is passive), ``x_value`` and ``y_value`` their
    values, ``px`` and ``py`` the partials, ``x_path`` and ``y_path`` whether the adjoint
    reaches the operand; ``code`` indexes `codes`.
    """
    cdef int64_t i, n = last - first
    cdef State* st = &tape.state
    if not 1 <= first <= last <= st.n:
        raise IndexError(f"expected nodes within [1, {st.n}]; got [{first}, {last})")
    fields = {name: np.empty(n, dtype) for name, dtype in COLUMNS.items()}
    cdef uint8_t[::1] op = fields["op"]
    cdef int32_t[::1] x = fields["x"], y = fields["y"]
    cdef int32_t[::1] code = fields["code"], line = fields["line"]
    cdef double[::1] value = fields["value"], px = fields["px"], py = fields["py"]
    cdef double[::1] x_value = fields["x_value"], y_value = fields["y_value"]
    cdef uint8_t[::1] x_path = fields["x_path"], y_path = fields["y_path"]
    cdef Node* node
    for i in range(n):
        node = &st.nodes[first + i]
        op[i] = st.ops[first + i]
        value[i] = node.value
        px[i], py[i] = node.px, node.py
        x_path[i], y_path[i] = node.x != 0, node.y != 0
        x[i], y[i] = operand_id(node.x, node.px), operand_id(node.y, node.py)
        x_value[i] = st.nodes[x[i]].value if x[i] else node.px
        y_value[i] = st.nodes[y[i]].value if y[i] else node.py
        code[i] = tape.sources[first + i].code if tape.tracing else -1
        line[i] = tape.sources[first + i].line if tape.tracing else 0
    return fields


def node_of(Tape tape, var):
    """Id of a Var or an Array on this tape."""
    return tape.id_of(var, "a Var")


def adjoints(Tape tape, int64_t result, double seed, int64_t first):
    """Adjoints after the reverse sweep of nodes `result` down to `first`.

    Element i belongs to node i; -0.0 is where nothing has arrived, and only there.
    """
    cdef double[::1] bars = np.empty(result + 1)
    unreach(&bars[0], 0, result + 1)
    bars[result] = seed
    with nogil:
        reverse_sweep(&tape.state, &bars[0], first, result + 1)
    return show_unreached(bars)


def tangents(Tape tape, seeds):
    """Tangents of all nodes for `seeds`, a dict of id to tangent; as `adjoints`."""
    cdef int64_t n = tape.state.n
    cdef double[::1] dots = np.empty(n)
    unreach(&dots[0], 0, n)
    for id, seed in seeds.items():
        dots[<int64_t>id] = seed
    with nogil:
        forward_sweep(&tape.state, &dots[0], 1, n)
    return show_unreached(dots)


def codes(Tape tape):
    """Code objects that ``code`` indexes; tapead's own stand among them but are not indexed."""
    return tape.codes


cdef object show_unreached(double[::1] values):
    """`values` with -0.0 where nothing has arrived, and nowhere else."""
    cdef Py_ssize_t i
    for i in range(values.shape[0]):
        values[i] = -0.0 if is_unreached(values[i]) else values[i] + 0.0
    return np.asarray(values)
