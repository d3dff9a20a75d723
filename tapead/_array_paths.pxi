# Paths: recordings of a function, or of a derivative of it, and their replays.

PAIRED = frozenset(("jvp", "vjp", "hvp"))  # these read the arguments, and tangents or adjoints


@cython.final
cdef class ArrayPath:
    """What was recorded along one way through a function of arrays."""

    cdef readonly ArrayExecutor executor
    cdef Form arguments
    cdef Form result
    cdef readonly object graph
    cdef object compressed  # `Compressed`, of a path of one direction

    cdef list leaves_of(self, object tree):
        """Inputs in order, None if the arguments are not of the recorded form."""
        cdef list out = []
        return out if self.arguments.read(tree, out) else None


class OnlyReads(Exception):
    """Nothing is done to arrays but to read elements: a program of numbers does better."""


cdef ArrayPath recorded_path(object function, tuple tree, bint numbers_do):
    """Run a function on traced arguments and keep what it did.

    `OnlyReads` if that is work for a program of numbers, and `numbers_do`.
    """
    cdef Tape tape = Tape()
    cdef ArrayPath path = ArrayPath.__new__(ArrayPath)
    cdef list numbers = []
    cdef list nodes = []
    path.arguments = form_of(tree, argument_form)
    path.arguments.read(tree, numbers)
    journal = _array.open_journal(tape)
    try:
        lifted = [_array.lift_input(tape, leaf) for leaf in numbers]
        tape.begin()
        try:
            y = function(*rebuilt(path.arguments, lifted))
            if active_state() != &tape.state:
                raise TapeError("the function left a tape open; use `with tape:`")
            path.result = form_of(y, functools.partial(result_form, tape, nodes))
        finally:
            while active_state() != &tape.state:
                (<Tape>active_state().owner).end()
            tape.end()
        if tape.state.failed:
            raise_failed(&tape.state)
        if numbers_do and all([record[0] in ("input", "element", "stack") for record in journal]):
            raise OnlyReads
        path.graph = frozen(tape, journal, numbers, nodes)
    finally:
        _array.close_journal(tape)
    path.executor = ArrayExecutor(Plan(path.graph))
    return path


def result_form(tape, list nodes, x):
    """The form of a leaf of the result; what is traced is appended to `nodes`."""
    cdef Form form = Form.__new__(Form)
    if hasattr(type(x), "__tapead_mask__"):
        x = np.array(x)
    if isinstance(x, ndarray) and x.dtype == object:
        x = _array.as_array(x)
    if type(x) is Var or type(x) is _array.Array:
        form.kind = NUMBER if type(x) is Var else ARRAY
        nodes.append(_array.result_of_program(tape, x))
        return form
    form.kind, form.value = STATIC, x.copy() if isinstance(x, ndarray) else x
    return form


# -- what is recorded for each kind of replay ------------------------------------------------

cdef object recorder(object f, str kind, object argnums, bint has_aux, bint keywords):
    """A function of the arguments alone whose recording is the program of this kind."""
    if kind == "value":
        made = functools.partial(checked_pair, f) if has_aux else f
    elif kind == "jvp":
        return lambda primals, tangents: transforms.jvp(f, primals, tangents, has_aux)
    elif kind == "hvp":
        return lambda primals, tangents: transforms.hvp(f, primals, tangents)
    elif kind == "vjp":
        return functools.partial(pulled_back, f, has_aux)
    elif kind in DIRECTIONS:
        return functools.partial(directed, f, kind, argnums, has_aux)
    else:
        made = getattr(transforms, kind)(f, argnums, has_aux)
    if keywords:
        return lambda *args: made(*args[:-1], **args[-1])
    return made


def pulled_back(f, has_aux, primals, adjoint):
    """Adjoints of the arguments of a function."""
    return transforms.vjp(f, *primals, has_aux=has_aux)[1](adjoint)


def checked_pair(f, *args, **kwargs):
    """What a function with an auxiliary result gives."""
    y = f(*args, **kwargs)
    if not isinstance(y, tuple) or len(y) != 2:
        raise TypeError(f"record with has_aux=True needs f to return (value, aux); got "
                        f"{type(y).__name__}")
    return y


def float_leaf(leaf):
    """A float for an int, and floats for an array of ints."""
    if isinstance(leaf, (int, np.integer)) and not isinstance(leaf, bool):
        return float(leaf)
    if isinstance(leaf, ndarray) and leaf.dtype.kind in "iu":
        return leaf.astype(np.float64)
    return leaf


def float_of_int(leaf):
    """A float for an int, else the leaf itself."""
    integer = isinstance(leaf, (int, np.integer)) and not isinstance(leaf, bool)
    return float(leaf) if integer else leaf


cdef int raise_changed(ArrayExecutor executor, int64_t index) except -1:
    raise changed(executor, index)


cdef object changed(ArrayExecutor executor, int64_t step):
    """The error that tells of a guard."""
    recorded, told = executor.guard_at(step)
    if told[0] == "look":
        return BranchChanged(
            "an array that the function looked at, as `.value`, bool() or an index does, has "
            "other values than when the program was recorded", ("", 0, ""), recorded, None, step)
    kind, outcome, values, source = told[3:]
    guard = GUARDS[kind]
    text = guard.text.replace("{x:r}", "{x}").format(x=repr(values[0]), y=repr(values[1]))
    held = bool(outcome) if kind < COMPARISONS else True
    return BranchChanged(
        f"{text} was {held} when the program was recorded, and is not any more", source, values,
        None, step)
