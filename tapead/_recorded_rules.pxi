# Sweeps that record what they do: the rules of entries applied to traced arrays.

cdef dict rules = {}  # what records a partial, by opcode and operand


cdef object rule_of(int op, int arg):
    """``rule(x, y, v)``: a partial as a recorded value, None where there is no path."""
    found = rules.get((op, arg))
    if found is None:
        from tapead._expressions import parse

        row = INSTRUCTIONS[op - 1]
        choice = CHOICES.get((row.name, row.args[arg]))
        found = rules[op, arg] = made_rule(parse(row.partials[arg]), choice)
    return found


def made_rule(node, choice):
    """A function of (x, y, v) for an expression over rows."""
    if choice is None:
        return read_node(node)
    names = ["xyv".index(name) for name in choice.names]
    codes = [OPCODES[row.name] for row in choice.rows]
    if len(codes) == 1:
        return lambda *xyv: apply_codes(codes[0], *[xyv[i] for i in names])
    taken, otherwise = read_node(node.body), read_node(node.orelse)

    def both(*xyv):
        chosen = [apply_codes(code, *[xyv[i] for i in names]) for code in codes]
        terms = [times(c, f(*xyv)) for c, f in zip(chosen, (taken, otherwise))]
        terms = [term for term in terms if term is not None]
        return terms[0] if len(terms) == 1 else apply_codes(op_merge, *terms)

    return both


def read_node(node):
    """A function of (x, y, v) for an expression without conditions."""
    import ast

    from tapead._expressions import application

    if isinstance(node, ast.Constant):
        return lambda *xyv: float(node.value)
    if isinstance(node, ast.Name):
        if node.id == "absent":
            return lambda *xyv: None
        if node.id == "nan":
            return lambda *xyv: float("nan")
        place = "xyv".index(node.id)
        return lambda *xyv: xyv[place]
    name, arguments = application(node)
    code, parts = OPCODES[name], [read_node(argument) for argument in arguments]
    return lambda *xyv: apply_codes(code, *[part(*xyv) for part in parts])


def apply_codes(op, x, y=None):
    """A row applied to arrays or numbers."""
    return apply_row(op, x, y)


cdef object times(object w, object partial):
    """`w` times a partial; where either is absent the product is."""
    if partial is None:
        return None
    if type(partial) is float and partial == 1.0:
        return w
    return apply_row(op_carry if is_marked(w) or is_marked(partial) else OP_MULTIPLY, w, partial)


cdef bint is_marked(object x) except -1:
    """Whether elements may be absent."""
    cdef ndarray array
    if type(x) is Array:
        return (<Array>x).marked
    if isinstance(x, ndarray):
        array = cnp.PyArray_GETCONTIGUOUS(x)
        return any_mark(cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT, cnp.PyArray_SIZE(array),
                        cnp.PyArray_DATA(array), 1)
    if type(x) is Var:
        return may_be_absent(<Var>x)
    return type(x) is float and is_unreached(<double>x)


cdef bint may_be_absent(Var x) except -1:
    """Whether a number is the mark at some points: only while a Program is recorded."""
    cdef State* st = active_state()
    if not st.guarding or x.id <= 0 or x.serial != st.serial or x.id >= st.n:
        return False
    return first_marked <= st.ops[x.id] != OP_ARRAY


cdef object number_of(object w):
    """`w` with 0 where it is absent."""
    return apply_row(op_number, w, None) if is_marked(w) else w


cdef object plain_of(object x):
    if type(x) is Array:
        refresh_if_needed(<Array>x)
        return (<Array>x).data
    return (<Var>x).number if type(x) is Var else x


cdef int refresh_if_needed(Array a) except -1:
    if a.base is not None:
        refresh_data(a)
    return 0


def plain_value(x):
    """The plain array (or number) of `x`; `x` itself if it is not traced."""
    if isinstance(x, (list, tuple)):
        return np.asarray([plain_value(item) for item in x])
    if type(x) is Array:
        journal_look(<Array>x)
    elif is_series(x):
        return plain_value(x.coefficients[0])
    return plain_of(x)


# -- adjoints and tangents -----------------------------------------------------------------


cdef bint wanted(Sweep sweep, int64_t id) noexcept:
    """Whether a node depends on a leaf of the run."""
    return id >= sweep.base and sweep.dependents[id - sweep.base]


cdef object taken_bar(Sweep sweep, int64_t place):
    bar = sweep.bars[place]
    if sweep.kept is None or place not in sweep.kept:
        sweep.bars[place] = None
    return bar


cdef object taken_number(Sweep sweep, int64_t id):
    """Adjoint or tangent of a number, None if it is absent."""
    if id < sweep.base or sweep.refs[id - sweep.base].id == NO_PATH_ID:
        return None
    return as_object(sweep.st, sweep.refs[id - sweep.base])


cdef int add_number(Sweep sweep, int64_t id, object term) except -1:
    cdef Ref ref
    if term is None:
        return 0
    as_ref(sweep.st, term, &ref)
    if is_unreached(ref.value) and (ref.id == 0 or sweep.st.ops[ref.id] != op_seed):
        return 0  # no path; what is seeded has one or not in each replay of a Program
    accumulate(sweep.st, &sweep.refs[id - sweep.base], ref)
    return 0


cdef int add_recorded(Sweep sweep, int64_t place, object term) except -1:
    total = sweep.bars[place]
    if total is not None:
        term = apply_row(
            op_merge if is_marked(total) or is_marked(term) else OP_ADD, total, term)
    # one without axes may have become a number
    sweep.bars[place] = as_array(term) if type(term) is Var or type(term) is float else term
    return 0


cdef object recorded_dot(Sweep sweep, int64_t id, int64_t place):
    """Tangent of an operand: an array or a number; None if there is none."""
    if id < sweep.base:
        return None
    return taken_number(sweep, id) if place < 0 else sweep.bars[place]


cdef object total_of(object term):
    """Sum of what is there, None if nothing is."""
    if type(term) is not Array and not isinstance(term, ndarray):
        return term
    if is_marked(term):
        if is_active(term) and active_state().guarding == ARRAYS:
            return seeded(primitive("broadcast_sum")(term, shape=()))
        if marks_of(plain_of(term)).all():
            return None
    total = np.sum(number_of(term))
    return total if type(total) is Var else float(total)


cdef object recorded_unbroadcast(object w, object shape):
    """Sum over the axes along which an operand of this shape was broadcast."""
    from tapead.primitives._core import unbroadcast as sum_to

    if not is_marked(w):
        return sum_to(w, shape)
    if active_state().guarding == ARRAYS:
        return primitive("broadcast_sum")(w, shape=tuple(shape))
    present = np.broadcast_to(~marks_of(plain_of(w)), w.shape)
    return primitive("keep")(
        as_array(sum_to(number_of(w), shape)),
        condition=np.asarray(sum_to(present.astype(float), shape)) > 0)


cdef object broadcast_recorded(object term, object shape, bint single):
    if type(term) is Var or type(term) is float:
        term = as_array(term)
    if term.shape != shape:
        term = primitive("broadcast")(term, shape=shape)
    return cast(term, np.dtype(np.float32)) if single else term


cdef object operand_handle(
    State* st, int64_t id, int64_t place, ndarray data, double number, bint marked
):
    """An operand as a rule takes it; None if the rule does not read it."""
    cdef Ref ref
    cdef Array a
    if data is not None:
        if id == 0:
            return data
        a = new_array_of(st, data, id, place)
        a.marked, a.borrowed = marked, True
        return a
    if place >= 0:
        return None
    if id == 0:
        return number
    return new_var(st, node_ref(st, id))


cdef object part_handle(State* st, object node, object x):
    if node is None or not isinstance(x, ndarray):
        return x
    if x.ndim == 0:
        return as_array(new_var(st, node_ref(st, node[0])))
    return operand_handle(st, node[0], node[1], x, 0.0, False)


cdef Ref node_ref(State* st, int64_t id) noexcept:
    cdef Ref ref
    ref.id, ref.value = id, st.nodes[id].value
    return ref


cdef object look(object bar, Window window):
    """The window onto an adjoint of a base, as a view."""
    cdef State* st = active_state()
    if isinstance(bar, ndarray):
        return window.of(window.laid_out(bar))
    if type(bar) is Var:  # of an array without axes
        bar = as_array(bar)
    a = laid_array(<Array>bar, window)
    base_of(st, a)
    return view_on(st, a, window.of((<Array>a).data))


cdef Array laid_array(Array a, Window window):
    """An adjoint of a base, laid out as its memory is."""
    refresh_if_needed(a)
    if window.fits(a.data) and (a.base is None or a.whole):
        return a
    out = new_array_of(active_state(), window.absent(), 0, -1)
    out[...] = a
    return out


cdef Array own_recorded(Sweep sweep, int64_t place, Window window, object bar):
    """An adjoint of a base as an array that may be written to."""
    if type(bar) is Array and place >= 0 and sweep.marks[place]:
        return bar
    cdef Array out = new_array_of(sweep.st, window.absent(), 0, -1)
    out.marked = True
    out[...] = bar
    return out


cdef int merge_recorded(Sweep sweep, int64_t place, Window window, object w) except -1:
    """Add to the window onto the adjoint of a base, in place."""
    cdef Array bar
    if sweep.bars[place] is None:
        bar = new_array_of(sweep.st, window.absent(), 0, -1)
        bar.marked = True
    else:
        bar = own_recorded(sweep, place, window, sweep.bars[place])
    sweep.bars[place] = bar
    sweep.marks[place] = True  # ours to write to
    if window.repeats:
        bar[...] = apply_row(op_merge, bar, window.gathered(w))
        return 0
    view = look(bar, window)
    view[...] = apply_row(op_merge, view, w)
    return 0
