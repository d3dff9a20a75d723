# Making programs, raising, and programs within a recording.

TANGENTS = {
    "jvp": "tangents", "hvp": "tangents", "vjp": "an adjoint",
}


def record(
    f, *example, argnums=0, has_aux=False, on_branch="raise", reassociate=False, arrays=None,
    **kwargs
):
    """Record a function once, as a `Program` that replays it.

    Parameters
    ----------
    f : callable
        A function as `tapead.grad` takes it.
    *example
        Arguments to record it at. Floats, arrays of floats, and containers of them are inputs of
        the program. Everything else (ints, bools, str, None, arrays of ints, objects) is part of
        it and must be the same in every replay, and so is all that `f` takes from elsewhere.
    argnums : int or tuple of int, default 0
        Arguments to differentiate with respect to, unless a method is told otherwise. An int in
        them counts as a float.
    has_aux : bool, default False
        Whether `f` returns a pair of the result and anything else.
    on_branch : {"raise", "record"}, default "raise"
        What a replay does whose comparisons come out differently: raise `BranchChanged`, or
        record anew there and keep both paths.
    reassociate : bool, default False
        Whether passes may change the results' last bits or the sign of a zero.
    arrays : bool, optional
        Whether operations on arrays are recorded as such, in an `ArrayProgram`, or element by
        element. By default element by element if the arrays in `example` have no more than 256
        elements together and that takes no more than 20,000 instructions, and also if `f` does
        nothing to them but read elements; as arrays otherwise, and where `f` calls what takes
        whole arrays only.
    **kwargs
        Further arguments of `f`, as `example`.

    Returns
    -------
    Program or ArrayProgram

    Raises
    ------
    TypeError, ValueError
        If an option or an argument is of the wrong kind.

    See Also
    --------
    compile : Records by itself whenever it must.

    Notes
    -----
    What the function captures is a constant:

    >>> import tapead
    >>> rate = 0.5
    >>> program = tapead.record(lambda x: rate * x, 1.0)
    >>> rate = 2.0
    >>> program(1.0)
    0.5

    A parameter that is to change is an argument:

    >>> program = tapead.record(lambda x, rate: rate * x, 1.0, 0.5)
    >>> program(1.0, 2.0)
    2.0

    Examples
    --------
    >>> program = tapead.record(lambda x: tapead.sin(x) * x, 1.0)
    >>> program.value_and_grad(0.0)
    (0.0, 0.0)
    """
    if not callable(f):
        raise TypeError(f"record needs a function; got {type(f).__name__}")
    if on_branch not in ("raise", "record"):
        raise ValueError(f'on_branch is "raise" or "record"; got {on_branch!r}')
    check_arrays_option(arrays)
    argnums = checked_argnums(argnums)
    if any_traced(example) or any_traced(kwargs):
        raise TypeError("record takes an example of plain numbers; got traced ones, use .value")

    def with_arrays(numbers_do=True):
        return _array_program.record_arrays(
            f, example, kwargs, argnums, has_aux, on_branch == "record", numbers_do)

    def with_numbers():
        return record_numbers(f, example, kwargs, argnums, has_aux, on_branch, reassociate)

    if arrays is not None:
        return with_arrays(False) if arrays else with_numbers()
    return chosen(with_arrays, with_numbers, _array_program.array_elements((example, kwargs)))


cdef int check_arrays_option(object arrays) except -1:
    if arrays is not None and not isinstance(arrays, bool):
        raise TypeError(f"arrays is None, True or False; got {arrays!r}")
    return 0


cdef object chosen(object with_arrays, object with_numbers, Py_ssize_t n_elements):
    """A program of arrays where there are many elements or numbers do not do."""
    if n_elements > FEW_ELEMENTS:
        try:
            return with_arrays()
        except _array_program.OnlyReads:
            try:
                return with_numbers()
            except TypeError:
                return with_arrays(False)
        except TypeError:
            if n_elements > MOST_ELEMENTS:
                raise
            try:
                return with_numbers()
            except TypeError:
                pass
            raise
    expanded = _numpy.taken.elements
    try:
        program = with_numbers()
    except TypeError as error:
        try:
            return with_arrays(False)
        except TypeError:
            raise error from None
    if n_elements and is_long((<Program>program).front(), expanded):
        try:
            return with_arrays()
        except (TypeError, _array_program.OnlyReads):
            return program
    return program


cdef bint is_long(Path path, object expanded):
    """Whether a path of numbers is long, and mostly of array operations since `expanded`."""
    n = path.recorded.n
    return n > MOST_INSTRUCTIONS and 3 * (_numpy.taken.elements - expanded) > n


cdef enum:
    FEW_ELEMENTS = 256  # of arrays, up to which they are recorded element by element
    MOST_INSTRUCTIONS = 20_000  # of numbers, beyond which arrays are tried
    MOST_ELEMENTS = 100_000  # from which nothing is recorded so in place of an error


cdef Program record_numbers(
    object f, tuple example, dict kwargs, object argnums, object has_aux, str on_branch,
    object reassociate
):
    cdef Signature arguments = arguments_signature(example, kwargs, argnums, False)
    cdef Program program
    program = program_of(None, f, argnums, on_branch == "record")
    program.has_aux, program.reassociate = has_aux, reassociate
    program.recorded(arguments, example, kwargs)
    return program


cdef Program program_of(Path path, object f, object argnums, bint record_branches):
    cdef Program program = Program.__new__(Program)
    program.function = f
    program.argnums = argnums
    program.record_branches = record_branches
    program.most_paths = MOST_PATHS
    program.last = -1
    program.paths = []
    if path is not None:
        program.paths.append(path)
        program.has_aux, program.reassociate = path.has_aux, path.reassociate
    return program


def program_from(path, argnums):
    """Program from what a pickle or a file holds; its function is not among that."""
    return program_of(path, None, argnums, False)


def load(path):
    """Read a program that `Program.save` wrote.

    The file is checked before anything of it runs, and nothing in it is executed as Python.

    Parameters
    ----------
    path : str, path-like or binary file

    Returns
    -------
    Program

    Raises
    ------
    ValueError
        If it is not such a file, or is damaged.
    OSError
        If it cannot be read.
    """
    from tapead._program_file import load as read

    data, header = read(path)
    return program_from(*checked_header(data, header))


cdef dict header_of(Program program):
    cdef Path path = program.front()
    return {
        "arguments": path.arguments.to_plain(), "result": path.result.to_plain(),
        "shown": path.shown.to_plain(), "shown_leaves": path.shown_leaves,
        "has_aux": path.has_aux, "reassociate": path.reassociate,
        "argnums": program.argnums,
    }


MOST_INPUTS = 1 << 25  # of a program from a file


def checked_header(data, header):
    """Path and argnums from a file whose arrays are well-formed."""
    try:
        arguments, result, shown = (
            Signature.from_plain(header[key]) for key in ("arguments", "result", "shown"))
        shown_leaves = header["shown_leaves"]
        argnums = header["argnums"]
        argnums = checked_argnums(tuple(argnums) if isinstance(argnums, list) else argnums)
        options = bool(header["has_aux"]), bool(header["reassociate"])
        n_shown = result.n_leaves if shown_leaves is None else sum(map(bool, shown_leaves))
        arguments.select(())  # a tuple
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"the program's description is damaged: {error!r}") from error
    if data.n_inputs > MOST_INPUTS:  # they take no room in a file, but in a frame
        raise ValueError(f"the program's description is damaged: {data.n_inputs} inputs")
    if (arguments.n != data.n_inputs or result.n != len(data.outputs)
            or shown.n_leaves != n_shown
            or shown_leaves is not None and len(shown_leaves) != result.n_leaves
            or options[0] and len(result.children) != 2):
        raise ValueError("the program's description is damaged: it does not fit its numbers")
    path = Path(Code.of(data), arguments, result, shown, *options)
    (<Path>path).shown_leaves = shown_leaves
    (<Path>path).plain = not options[0] and shown_leaves is None
    return path, argnums


# -- errors ----------------------------------------------------------------------------------

cdef int raise_changed(Executor executor, Frame* frame, int64_t failed) except -1:
    values = executor.guard_values(frame, failed)
    raise changed(executor.code, failed, values)


cdef object changed(Code code, int64_t failed, object values):
    """The error that tells of a guard."""
    cdef CodeGuard guard = code.guards[failed]
    kind = GUARDS[guard.kind]
    recorded = (guard.x_value, guard.y_value)
    now = tuple([float(value) for value in values])
    if guard.kind < COMPARISONS:
        text = (f"{comparison(kind, now)} is {not guard.outcome}; it was {bool(guard.outcome)} "
                f"when the program was recorded, {comparison(kind, recorded)}")
    else:
        text = (f"{comparison(kind, now)} does not hold: the recorded value was "
                f"{recorded[0]!r}")
    return BranchChanged(text, code.sources[guard.source], recorded, now, guard.at)


cdef str comparison(object kind, tuple values):
    """A guard with numbers in it."""
    return kind.text.replace("{x:r}", "{x}").format(x=f"{values[0]!r}", y=f"{values[1]!r}")


cdef tuple all_of(object arguments):
    return tuple(range(len(arguments)))


cdef tuple tuple_of(object values, str name, str what):
    if not isinstance(values, (tuple, list)):
        raise TypeError(f"{name} takes {what} as a tuple with one entry per argument; "
                        f"got {type(values).__name__}")
    return tuple(values)


# -- within a recording ----------------------------------------------------------------------

cdef object inlined_kernel(Kernel kernel, tuple tree, str what):
    """A kernel's result for arguments some of which are traced."""
    cdef list numbers, shaped = []
    tree = map_leaves(numbered_leaf, tree)
    plain = map_leaves(plain_leaf, tree)
    if kernel.arguments.read_numbers(plain) is None:
        kernel.arguments.explain(plain, what)
    numbers = kernel.arguments.numbers_of(tree)
    numbers = pushed(kernel.executor.code, active_state(), numbers)
    for leaf in kernel.result.leaves():
        size = int(np.prod(leaf.shape, dtype=np.int64))
        if leaf.kind == "number":
            shaped.append(numbers[leaf.offset])
        else:
            array = np.empty(size, dtype=object)
            array[:] = numbers[leaf.offset : leaf.offset + size]
            array = elements(array.reshape(leaf.shape))
            shaped.append(array if active_state().guarding == 1 else _array.as_array(array))
    return kernel.result.unflatten(shaped)


def numbered_leaf(leaf):
    """A traced array as one of traced numbers; anything else as it is."""
    if type(leaf) is not Array:
        return leaf
    array = np.empty(leaf.size, dtype=object)
    array[:] = [leaf[index] for index in np.ndindex(leaf.shape)]
    return elements(array.reshape(leaf.shape))


def plain_leaf(leaf):
    """A leaf without its recording."""
    if type(leaf) is Var:
        return (<Var>leaf).number
    if isinstance(leaf, np.ndarray) and leaf.dtype == object:
        return np.array([float(plain_leaf(item)) for item in leaf.flat]).reshape(leaf.shape)
    return leaf


cdef list pushed(Code code, State* st, list inputs):
    """Record a program's instructions on the active tape; its outputs."""
    cdef int64_t i, k = 0, n_inputs = code.n_inputs
    cdef Ref* refs = <Ref*>malloc((n_inputs + code.n + 1) * sizeof(Ref))
    if refs == NULL:
        raise MemoryError(f"out of memory for {code.n} instructions")
    try:
        for i in range(n_inputs):
            if not as_ref(st, inputs[i], &refs[i]):
                raise TypeError(f"expected a number; got {type(inputs[i]).__name__}")
        for i in range(code.n + 1):
            while k < code.n_guards and code.guards[k].at <= i:
                push_guard(code, k, st, refs)
                k += 1
            if i < code.n:
                refs[n_inputs + i] = pushed_one(
                    st, code.op[i], ref_at(code, refs, code.x[i]), ref_at(code, refs, code.y[i]))
        return [as_object(st, ref_at(code, refs, code.outputs[i])) for i in range(code.n_outputs)]
    finally:
        free(refs)


cdef inline Ref pushed_one(State* st, int op, Ref x, Ref y) noexcept:
    if x.id == 0 and y.id == 0:
        return passive(value_of(op, x.value, y.value))
    return push_op(st, op, x, y)


cdef inline Ref ref_at(Code code, const Ref* refs, int32_t operand) noexcept:
    if operand >= 0:
        return refs[operand]
    return passive(0.0 if operand == NO_OPERAND else code.constants[-1 - operand])


cdef int push_guard(Code code, int64_t k, State* st, const Ref* refs) except -1:
    cdef CodeGuard* guard = &code.guards[k]
    cdef Ref x = ref_at(code, refs, guard.x), y = ref_at(code, refs, guard.y)
    if not guard_holds(guard.kind, x.value, y.value, guard.outcome):
        raise changed(code, k, (x.value, y.value))
    if st.guarding and (x.id or y.id):
        note_guard(st, guard.kind, x, y, guard.outcome)
    return 0
