# Paths and kernels.

cdef enum:
    BRIEF = 400  # instructions that take less time than to let go of the GIL

MOST_SPARSE = 64  # instructions of a sparse derivative for one of the function


@cython.final
cdef class Kernel:
    """Code behind an executor, and how its numbers are read and built."""

    cdef Executor executor
    cdef Signature arguments
    cdef Signature result
    cdef object places  # of the outputs in a matrix

    def __init__(self, Code code, Signature arguments, Signature result, places=None):
        self.executor = executor_for(code)
        self.arguments = arguments
        self.result = result
        self.places = places

    cdef int64_t run(self, Frame* frame, int* kinks) noexcept:
        """The guard that failed, or -1."""
        cdef int64_t failed
        if self.executor.code.n < BRIEF:
            return self.executor.point(frame, kinks)
        with nogil:
            failed = self.executor.point(frame, kinks)
        return failed


@cython.final
cdef class Path:
    """What was recorded along one way through a function."""

    cdef readonly Code recorded  # what derivatives come from: the same bits as those of a tape
    cdef Code own_code
    cdef Kernel own_value
    cdef readonly Signature arguments  # of a tuple of them
    cdef readonly Signature result  # what derivatives see: every number counts
    cdef readonly Signature shown  # what a caller gets: an int stays one; often the same
    cdef readonly list shown_leaves  # which leaves of `result` those are
    cdef readonly Py_ssize_t n_differentiated  # numbers in front of those of an auxiliary result
    cdef readonly bint has_aux
    cdef readonly bint reassociate
    cdef bint plain  # what kernels build is what a caller gets
    cdef dict kernels
    cdef public dict plans  # of Taylor arithmetic, see _jet_programs
    cdef object last_kind  # the kernel that was asked for last
    cdef object last_argnums
    cdef Kernel last_kernel

    def __init__(self, Code code, arguments, result, shown, has_aux, reassociate):
        self.recorded = code
        self.arguments, self.result, self.shown = arguments, result, shown
        self.has_aux, self.reassociate = has_aux, reassociate
        self.n_differentiated = (<Signature>result.children[0]).n if has_aux else result.n
        self.kernels = {}
        self.plain = not has_aux

    def __reduce__(self):
        from tapead._program_file import dump

        # as in a file, where operations have names: numbers may change between versions
        return rebuilt_path, (
            dump(self.recorded.data, {}), self.arguments, self.result, self.shown,
            self.shown_leaves, self.has_aux, self.reassociate)

    cdef Code code(self):
        """The instructions after all passes."""
        if self.own_code is None:
            self.own_code = self.finished(self.recorded)
        return self.own_code

    cdef Kernel value(self):
        if self.own_value is None:
            self.own_value = Kernel(self.code(), self.arguments, self.result)
        return self.own_value

    cdef list steps(self):
        """Instructions after each pass, the recorded ones first."""
        return steps(self.recorded, self.reassociate)

    # -- parts -------------------------------------------------------------------------------

    cdef Signature differentiated(self):
        """Signature of the result without the auxiliary one."""
        return self.result.children[0] if self.has_aux else self.result

    cdef object mask(self, object argnums, str name):
        """Which inputs are differentiated: bytes, one by input."""
        cdef tuple children = self.arguments.children, offsets = self.arguments.offsets
        wrt = np.zeros(self.arguments.n, dtype=np.uint8)
        for i in found_positions(argnums, len(children), name):
            require_numbers(children[i], name)
            wrt[offsets[i] : offsets[i] + children[i].n] = 1
        return wrt

    cdef Signature selected(self, object argnums, str name):
        """Signature of the arguments that are differentiated."""
        found = found_positions(argnums, len(self.arguments.children), name)
        return self.arguments.select(found if isinstance(argnums, tuple) else found[0])

    cdef Code finished(self, Code code):
        return optimised(code, self.reassociate)

    cdef bint fits(self, tuple tree) except -1:
        """Whether these arguments are of the recorded kind."""
        cdef double* values = <double*>malloc((self.arguments.n + 1) * sizeof(double))
        if values == NULL:
            raise MemoryError(f"out of memory for {self.arguments.n} inputs")
        try:
            return self.arguments.read(tree, values)
        finally:
            free(values)

    cdef object value_shown(self, object y):
        """The result as the function gives it: ints are ints."""
        if self.shown_leaves is None:
            return y
        kept = zip(self.result.flatten(y), self.shown_leaves, strict=True)
        return self.shown.unflatten([leaf for leaf, is_shown in kept if is_shown])

    # -- kernels -----------------------------------------------------------------------------

    cdef bint has_kernel(self, str kind, object argnums):
        return kind == "value" or (kind, argnums) in self.kernels

    cdef Kernel kernel(self, str kind, object argnums):
        cdef Kernel found
        if kind is self.last_kind and argnums is self.last_argnums:
            return self.last_kernel
        if kind == "value":
            return self.value()
        found = self.kernels.get((kind, argnums))
        if found is None:
            code, arguments, result = self.derived(kind, argnums)
            found = Kernel(self.finished(code), arguments, result)
            self.kernels[kind, argnums] = found
        self.last_kind = None  # until all three belong together
        self.last_argnums, self.last_kernel = argnums, found
        self.last_kind = kind
        return found

    cdef tuple derived(self, str kind, object argnums):
        """Code of a derivative before any pass, and the signatures of what it takes and gives."""
        return getattr(self, f"derive_{kind}")(argnums)

    def derive_grad(self, argnums):
        """With an auxiliary result, a pair of result and gradient."""
        code = self.adjoints(argnums, "grad", self.has_aux)
        gradient = self.selected(argnums, "grad")
        return code, self.arguments, (
            Signature.pair(self.result, gradient) if self.has_aux else gradient)

    def derive_value_and_grad(self, argnums):
        code = self.adjoints(argnums, "value_and_grad", True)
        gradient = self.selected(argnums, "value_and_grad")
        return code, self.arguments, Signature.pair(self.result, gradient)

    def derive_jvp(self, argnums):
        wrt = self.mask(argnums, "jvp")
        code = forward_code(self.recorded, wrt, self.n_differentiated, True, False)
        return (code, Signature.pair(self.arguments, self.selected(argnums, "jvp")),
                Signature.pair(self.result, self.differentiated()))

    def derive_vjp(self, argnums):
        wrt = self.mask(argnums, "vjp")
        code = reverse_code(self.recorded, wrt, self.n_differentiated, True, False, False)
        return (code, Signature.pair(self.arguments, self.differentiated()),
                self.selected(argnums, "vjp"))

    def derive_hvp(self, argnums):
        gradient = compacted(self.adjoints(argnums, "hvp", False), NULL)
        wrt = self.mask(argnums, "hvp")
        code = forward_code(gradient, wrt, gradient.n_outputs, False, False)
        selected = self.selected(argnums, "hvp")
        return code, Signature.pair(self.arguments, selected), selected

    def derive_hessian_diagonal(self, argnums):
        cdef Code gradient = self.adjoints(argnums, "hessian_diagonal", False)
        cdef Code code
        wrt, order = self.mask(argnums, "hessian_diagonal"), self.order(argnums)
        n = gradient.n_outputs
        code, places = sparse_code(compacted(gradient, NULL), wrt, n, 1 << 26)
        if code is None:
            raise MemoryError("the Hessian's diagonal takes too many instructions")
        keep_diagonal(code, places, np.arange(n) if order is None else order)
        return code, self.arguments, self.selected(argnums, "hessian_diagonal")

    cdef Code adjoints(self, object argnums, str name, bint with_values):
        """The gradient in the order of `argnums`, behind the values if those are wanted."""
        cdef Code code
        cdef int64_t k, start
        cdef int32_t[::1] outputs
        wrt, order = self.mask(argnums, name), self.order(argnums)
        self.require_scalar(name)
        code = reverse_code(self.recorded, wrt, 1, False, with_values, False)
        if order is not None:
            start = code.n_outputs - len(order)
            outputs = np.array([code.outputs[start + k] for k in order], dtype=np.int32)
            for k in range(outputs.shape[0]):
                code.outputs[start + k] = outputs[k]
        return code

    cdef object order(self, object argnums):
        """Places, among the differentiated inputs, of those in the order of `argnums`."""
        cdef tuple children = self.arguments.children
        found = found_positions(argnums, len(children), "a transform")
        if list(found) == sorted(found):
            return None
        starts = np.concatenate([[0], np.cumsum([children[i].n for i in sorted(found)])])
        start = dict(zip(sorted(found), starts))
        return np.concatenate([np.arange(children[i].n) + start[i] for i in found])

    cdef object outcome(self, str kind, object found):
        """What a caller gets of what a kernel has built."""
        if kind == "value":
            return self.value_shown(found)
        if kind == "value_and_grad":
            return self.value_shown(found[0]), found[1]
        if kind == "grad" and self.has_aux:
            return found[1], self.value_shown(found[0])[1]
        if kind == "jvp":
            y = self.value_shown(found[0])
            return (y[0], found[1], y[1]) if self.has_aux else (y, found[1])
        return found

    cdef Matrix matrix(self, str kind, object argnums):
        """How the Jacobian, or the Hessian, is had."""
        cdef Matrix found = self.kernels.get((kind, argnums))
        if kind in SPARSE:
            return sparse_matrix(self, kind, argnums)
        if found is None:
            code, n_rows = self.recorded, self.n_differentiated
            if kind == "hessian":
                code = compacted(self.adjoints(argnums, kind, False), NULL)
                n_rows = code.n_outputs
            found = Matrix(self, code, self.mask(argnums, kind), n_rows, self.order(argnums))
            self.kernels[kind, argnums] = found
        return found

    cdef object blocks(self, str kind, object argnums, object matrix):
        """The matrix in the structure of result and arguments."""
        inputs = self.selected(argnums, kind)
        inputs = inputs.build_from([0.0] * inputs.n)
        if kind == "hessian":
            return blocks_of(matrix, inputs, inputs)
        y = self.differentiated()
        y = y.build_from([0.0] * y.n)
        if len(leaves(y)) != self.differentiated().n_leaves:
            raise TypeError(f"{kind} needs f to return numbers; got {self.differentiated()!r}")
        return blocks_of(matrix, y, inputs)

    cdef int require_scalar(self, str name) except -1:
        cdef Signature y = self.differentiated()
        if y.n != 1 or not is_one_number(y.build_from([0.0])):
            raise TypeError(
                f"{name} needs f to return one number; got {y!r}; "
                "use tapead.jacobian for several results")
        return 0


cdef int keep_diagonal(Code code, const int64_t[::1] places, const int64_t[::1] order) except -1:
    """Let the outputs be the derivatives of row i by column order[i]; 0 if there is none."""
    cdef int64_t k, n = order.shape[0]
    cdef int32_t[::1] kept = np.full(n, code.constant(0.0), dtype=np.int32)
    for k in range(places.shape[0]):
        if order[places[k] // n] == places[k] % n:
            kept[places[k] // n] = code.outputs[k]
    code.set_outputs(n)
    for k in range(n):
        code.outputs[k] = kept[k]
    return 0


cdef bint is_one_number(object y):
    return isinstance(y, float) or isinstance(y, np.ndarray) and y.ndim == 0


cdef int require_numbers(Signature argument, str name) except -1:
    """Refuse an argument that holds something else than floats."""
    for leaf in leaves(argument.build_from([0.0] * argument.n)):
        if not isinstance(leaf, (float, np.ndarray)) or (
            isinstance(leaf, np.ndarray) and leaf.dtype.kind != "f"
        ):
            raise TypeError(
                f"{name} differentiates with respect to floats, arrays of floats and containers "
                f"of them; got a {type(leaf).__name__} in the argument")
    return 0


def rebuilt_path(content, arguments, result, shown, shown_leaves, *options):
    """Path from what a pickle holds."""
    from tapead._program_file import load

    path = Path(Code.of(load(content)[0]), arguments, result, shown, *options)
    (<Path>path).shown_leaves = shown_leaves
    (<Path>path).plain = not path.has_aux and shown_leaves is None
    return path


# -- recording -------------------------------------------------------------------------------

cdef Path recorded_path(
    object f, Signature arguments, tuple args, dict kwargs, bint has_aux, bint reassociate
):
    """Run a function on traced arguments and keep what it did."""
    cdef Tape tape = Tape()
    cdef State* st = &tape.state
    tape.state.guarding = 1
    push_inputs(tape, arguments, args + (kwargs,) if kwargs else args)
    tape.begin()
    try:
        lifted = arguments.lift(st, 1)
        named = lifted[len(args)] if kwargs else {}
        y = f(*lifted[: len(args)], **named)
        if has_aux and (not isinstance(y, tuple) or len(y) != 2):
            raise TypeError(f"record with has_aux=True needs f to return (value, aux); got "
                            f"{type(y).__name__}")
        if active_state() != st:
            raise TapeError("the function left a tape open; use `with tape:`")
    finally:
        while active_state() != st:
            (<Tape>active_state().owner).end()
        tape.end()
    if st.failed:
        raise_failed(st)
    if tape.entries:
        raise TypeError("the function works on whole arrays, which a program of numbers does not "
                        "hold; record it with arrays=True")
    return frozen_path(tape, arguments, y, has_aux, reassociate)


cdef int push_inputs(Tape tape, Signature arguments, tuple tree) except -1:
    cdef double* values = <double*>malloc((arguments.n + 1) * sizeof(double))
    cdef Py_ssize_t i
    if values == NULL:
        raise MemoryError(f"out of memory for {arguments.n} inputs")
    try:
        if not arguments.read(tree, values):
            arguments.explain(tree, "argument")
            raise ValueError("the arguments changed while they were read")
        for i in range(arguments.n):
            push(&tape.state, OP_INPUT, values[i], 0.0, 0.0, 0, 0)
    finally:
        free(values)
    return 0


cdef Path frozen_path(
    Tape tape, Signature arguments, object y, bint has_aux, bint reassociate
):
    cdef Signature result = Signature(y), shown = Signature(y, True)
    cdef list numbers = result.numbers_of(y)
    cdef Py_ssize_t i, n = len(numbers)
    ids, values = np.zeros(n, dtype=np.int64), np.zeros(n)
    cdef int64_t[::1] id = ids
    cdef double[::1] value = values
    cdef Code code
    cdef Path path
    for i in range(n):
        id[i] = tape.id_of(numbers[i], "a result")
        value[i] = (<Var>numbers[i]).number if type(numbers[i]) is Var else float(numbers[i])
    code = freeze(tape, arguments.n, ids, values, tape.state.n - 1)
    path = Path(code, arguments, result, shown, has_aux, reassociate)
    if shown.n != result.n:
        path.plain = False
        path.shown_leaves = [
            not isinstance(leaf, (int, np.integer)) for leaf in leaves_in(y)]
    return path


cdef list input_names(Path path):
    """Names of the inputs for people: x, or x and y, with indices where there are several."""
    cdef list names = []
    children = path.arguments.children
    for k, child in enumerate(children):
        letter = "x" if len(children) == 1 else f"x{k + 1}"
        single = child.n == 1 and is_one_number(child.build_from([0.0]))
        names += [letter] if single else [f"{letter}[{i}]" for i in range(child.n)]
    return names


cdef list leaves_in(object y):
    """Leaves that count as numbers or arrays, in order."""
    return [
        leaf for leaf in leaves(y)
        if isinstance(leaf, (float, int, np.floating, np.integer, Var))
        and not isinstance(leaf, bool)
        or isinstance(leaf, np.ndarray) and leaf.dtype.char in "efdO"]


def code_of(f, *args):
    """Code of a function of numbers: of those in its arguments to those in its result."""
    arguments = arguments_signature(args, {}, None, True)
    return recorded_path(f, arguments, args, {}, False, False).recorded
