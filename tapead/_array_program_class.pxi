# ArrayProgram: what users see, and the paths of each kind of replay.

MOST_PATHS = 32
OTHERWISE = (
    "the function does something else when it runs again; a program needs one that depends on its "
    "arguments only")
NO_ARRAYS = "{} is for programs of numbers; record the function with arrays=False for it"


@cython.final
cdef class ArrayProgram:
    """ArrayProgram()\n--\n

    A recorded function of arrays: replays without Python, and so do its derivatives.

    Comes from `tapead.record` where arrays are large or ``arrays=True``. Everything that the
    function took from elsewhere than its arguments is a constant of the program, with the values
    of the recording. A derivative is recorded from the function when it is first asked for.
    Works in several threads at once. Results are new arrays.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> program = tapead.record(lambda x: np.sum(x * x), np.ones(1000))
    >>> program(np.full(1000, 2.0))
    4000.0
    >>> program.grad(np.full(1000, 2.0))[:3]
    array([4., 4., 4.])
    """

    cdef readonly object function
    cdef object argnums
    cdef bint has_aux
    cdef bint record_branches
    cdef bint any_form  # arguments of another form are recorded anew
    cdef readonly set trials  # threads whose recordings may be given up: `OnlyReads`
    cdef dict paths  # by kind and argnums: the last one used comes first
    cdef Py_ssize_t most_paths
    cdef Form form
    cdef dict by_rows  # by argnums: whether a sparse Jacobian takes fewer rows than columns
    cdef tuple example  # arguments of the recording; see `stand_in`
    cdef readonly int last
    cdef readonly Py_ssize_t n_recorded
    cdef readonly Py_ssize_t n_replayed
    cdef readonly Py_ssize_t n_dropped

    def __init__(self, *args, **kwargs):
        raise TypeError("an ArrayProgram comes from tapead.record(f, *example, arrays=True)")

    @property
    def status(self):
        """How the last replay went: `Status`."""
        from tapead._program import Status

        return Status(self.last)

    @property
    def __wrapped__(self):
        return self.function

    # -- replays -----------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        """The function's result."""
        if may_be_traced() and (any_traced(args) or any_traced(kwargs)):
            return self.function(*args, **kwargs)
        return self.replay("value", None, args, kwargs)

    def grad(self, *args, argnums=None, **kwargs):
        """Gradient, as ``tapead.grad(f, argnums)`` returns it; see `Program.grad`."""
        return self.derive("grad", argnums, args, kwargs)

    def value_and_grad(self, *args, argnums=None, **kwargs):
        """Value and gradient, as ``tapead.value_and_grad(f, argnums)`` returns them."""
        return self.derive("value_and_grad", argnums, args, kwargs)

    def jacobian(self, *args, argnums=None, **kwargs):
        """Jacobian, as ``tapead.jacobian(f, argnums)`` returns it."""
        return self.derive("jacobian", argnums, args, kwargs)

    def hessian(self, *args, argnums=None, **kwargs):
        """Hessian, as ``tapead.hessian(f, argnums)`` returns it."""
        return self.derive("hessian", argnums, args, kwargs)

    def jacobian_sparsity(self, argnums=None):
        """Pattern of the Jacobian; see `Program.jacobian_sparsity`."""
        return self.pattern("sparse_jacobian", argnums)

    def hessian_sparsity(self, argnums=None):
        """Pattern of the Hessian; see `Program.hessian_sparsity`."""
        return self.pattern("sparse_hessian", argnums)

    def sparse_jacobian(self, *args, argnums=None, **kwargs):
        """Jacobian as a csr_array; see `Program.sparse_jacobian`."""
        return self.sparse("sparse_jacobian", argnums, args, kwargs)

    def sparse_hessian(self, *args, argnums=None, **kwargs):
        """Hessian as a csr_array; see `Program.sparse_hessian`."""
        return self.sparse("sparse_hessian", argnums, args, kwargs)

    def jvp(self, primals, tangents):
        """Value, and the Jacobian times a vector, as `tapead.jvp` returns them."""
        return self.pair("jvp", primals, tangents)

    def hvp(self, primals, tangents):
        """Hessian times a vector, as `tapead.hvp` returns it."""
        return self.pair("hvp", primals, tangents)

    def vjp(self, *primals):
        """Value and pullback, as `tapead.vjp` returns them; the pullback replays."""
        y = self(*primals)
        primals = copied(primals)

        def pullback(adjoint):
            return self.pair("vjp", primals, adjoint)

        return (y[0], pullback, y[1]) if self.has_aux else (y, pullback)

    def replayed(self, kind, argnums, args, kwargs):
        """What a replay of one kind returns, as `compile` asks for it."""
        return dense_if_finite(self, kind, argnums, args, kwargs)

    cdef object derive(self, str kind, object argnums, tuple args, dict kwargs):
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        if may_be_traced() and (any_traced(args) or any_traced(kwargs)):
            return getattr(transforms, kind)(self.function, argnums, self.has_aux)(*args, **kwargs)
        return dense_if_finite(self, kind, argnums, args, kwargs)

    def sparse(self, kind, argnums, args, kwargs):
        """A sparse Jacobian or Hessian, and the auxiliary result."""
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        if may_be_traced() and (any_traced(args) or any_traced(kwargs)):
            raise TypeError(NOT_TRACED.format(kind, kind.removeprefix("sparse_")))
        found = sparse_matrix(self, kind, argnums, args, kwargs, False)
        return (found, self.replay("value", None, args, kwargs)[1]) if self.has_aux else found

    cdef object pattern(self, str kind, object argnums):
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        if self.example is None:
            raise TypeError("a program that was not recorded at an example has no pattern yet")
        args, kwargs = map_leaves(written_out, self.example)
        return pattern_at(self, kind, argnums, args, kwargs)

    def pair(self, kind, primals, second):
        """A replay that takes arguments, and tangents or an adjoint."""
        if not isinstance(primals, (tuple, list)):
            raise TypeError(f"{kind} takes primals as a tuple with one entry per argument; "
                            f"got {type(primals).__name__}")
        primals = map_leaves(float_of_int, tuple(primals))
        second = map_leaves(float_leaf, second)
        if may_be_traced() and any_traced((primals, second)):
            return recorder(self.function, kind, None, self.has_aux, False)(primals, second)
        return self.replay(kind, None, (primals, second), {})

    cdef object replay(self, str kind, object argnums, tuple args, dict kwargs):
        """Along a path that is there or is recorded now."""
        cdef list paths = self.paths.get((kind, argnums))
        cdef ArrayPath path
        cdef int64_t failed = -1
        cdef list found, inputs
        cdef tuple tree = args + (kwargs,) if kwargs else args
        cdef Py_ssize_t i = 0
        cdef object change = None
        if paths is None:
            paths = self.paths.setdefault((kind, argnums), [])
        for path in paths:
            inputs = path.leaves_of(tree)
            if inputs is not None:
                found = self.run(path, inputs, &failed)
                if failed < 0:
                    if i:
                        move_to_front(paths, path)
                    return rebuilt(path.result, found)
                change = (path, failed)
            i += 1
        return self.replay_new(paths, kind, argnums, tree, bool(kwargs), change)

    cdef list run(self, ArrayPath path, list inputs, int64_t* failed, bint first=False):
        cdef int kinks = 0
        cdef list found
        if first:
            found = path.executor.settle(inputs, failed, &kinks)
        else:
            found = path.executor.run(inputs, failed, &kinks)
        if failed[0] >= 0:
            self.last = 2
            return None
        self.last = 1 if kinks else 0
        self.n_replayed += 1
        return found

    cdef object replay_new(
        self, list paths, str kind, object argnums, tuple tree, bint keywords, object change
    ):
        """Record one more path and replay it."""
        cdef ArrayPath path
        cdef int64_t failed = -1
        tree = self.with_floats(kind, argnums, tree, keywords)
        if change is not None and not self.record_branches:
            raise_changed((<ArrayPath>change[0]).executor, change[1])
        if change is None and not self.any_form:
            self.check_form(kind, tree)
        path = recorded_path(
            recorder(self.function, kind, argnums, self.has_aux, keywords), tree,
            threading.get_ident() in self.trials)
        paths.insert(0, path)
        self.n_recorded += 1
        if len(paths) > self.most_paths:
            paths.pop()
            self.n_dropped += 1
        found = self.run(path, path.leaves_of(tree), &failed, True)
        if failed >= 0:  # it was recorded at this very point
            raise RuntimeError(OTHERWISE)
        return rebuilt(path.result, found)

    cdef tuple with_floats(self, str kind, object argnums, tuple tree, bint keywords):
        """The arguments with floats for ints in those that are differentiated."""
        if kind in PAIRED or kind in DIRECTIONS or (kind == "value" and self.any_form):
            return tree
        n = len(tree) - keywords
        where = self.argnums if argnums is None else argnums
        where = found_positions(where, n, kind) if n else ()
        return tuple([
            map_leaves(float_of_int, arg) if i in where else arg for i, arg in enumerate(tree)])

    cdef int check_form(self, str kind, tuple tree) except -1:
        """Refuse arguments of another form than the recorded one."""
        cdef Form form = self.form
        if kind in PAIRED:
            tree = tree[0]
        elif kind in DIRECTIONS:
            tree = tree[0] + (tree[1],) if tree[1] else tree[0]
        if not form.read(tree, []):
            raise ValueError(
                "the arguments are not of the recorded form (numbers, shapes, dtypes, containers "
                "and what is static); record the function for these, or use tapead.compile")
        return 0

    def begin(self, example, kwargs, numbers_do):
        """Record the value at an example; `OnlyReads` as `recorded_path` has it."""
        cdef dict named = kwargs
        cdef int64_t failed = -1
        cdef ArrayPath path
        tree = example + (named,) if named else example
        tree = self.with_floats("value", None, tree, bool(named))
        self.form = form_of(tree, argument_form)
        path = recorded_path(
            recorder(self.function, "value", None, self.has_aux, bool(named)), tree, numbers_do)
        if self.run(path, path.leaves_of(tree), &failed, True) is None:
            raise RuntimeError(OTHERWISE)
        self.paths["value", None] = [path]
        self.n_recorded += 1
        self.example = copied((example, named))
        if not path.executor.stats()["guards"]:
            self.example = map_leaves(stand_in, self.example)

    # -- what tapead's transforms ask ----------------------------------------------------------

    def transformed(self, name, argnums, has_aux, args, kwargs):
        """What a transform of the program returns; NotImplemented if it is not replayed."""
        if has_aux != self.has_aux or any_traced(args) or any_traced(kwargs):
            return NotImplemented
        if name in PAIRED:
            return self.pair(name, *args)
        if name in SPARSE:
            return self.sparse(name, argnums, args, kwargs)
        return self.derive(name, argnums, args, kwargs)

    def vjp_of(self, primals, has_aux):
        """What ``vjp(self, *primals)`` returns; NotImplemented if it is not replayed."""
        if has_aux != self.has_aux or any_traced(primals):
            return NotImplemented
        return self.vjp(*primals)

    # -- derivatives as programs ---------------------------------------------------------------

    def gradient(self, argnums=None):
        """Program of the gradient; see `Program.gradient`."""
        self.require_no_aux("grad")
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        new = self.derived(transforms.grad(self.function, argnums), argnums)
        (<ArrayProgram>new).form, (<ArrayProgram>new).any_form = self.form, self.any_form
        return new

    def pushforward(self):
        """Program of value and tangent: takes ``(primals, tangents)``, as `jvp` does."""
        self.require_no_aux("jvp")
        return self.derived(functools.partial(transforms.jvp, self.function), 0)

    def pullback(self):
        """Program of the adjoints of the arguments: takes ``(primals, adjoint)``."""
        return self.derived(functools.partial(pulled_back, self.function, self.has_aux), 0)

    def derived(self, function, argnums):
        """A program of a derivative, which is recorded when it is first called."""
        return array_program(
            function, argnums, False, self.record_branches, True, self.most_paths)

    def require_no_aux(self, kind):
        """Refuse a function with an auxiliary result."""
        if self.has_aux:
            raise TypeError(f"a program of the {kind} of a function with has_aux=True is not "
                            "supported; record the function without its auxiliary result")

    # -- texts -------------------------------------------------------------------------------

    def stats(self):
        """What the program of the value is made of, and what became of it.

        Returns
        -------
        dict
            ``inputs``, ``outputs``, ``steps``, ``instructions`` (within clusters), ``guards``,
            ``constants``, ``arena`` (bytes), ``bytes`` (all), how many times the function was
            ``recorded`` and the program ``replayed``, and the ``paths`` that are kept.
        """
        out = {"recorded": self.n_recorded, "replayed": self.n_replayed,
               "dropped": self.n_dropped, "paths": sum(map(len, self.paths.values()))}
        for key in (("value", None), *self.paths):
            if self.paths.get(key):
                return self.paths[key][0].executor.stats() | out
        return out

    @property
    def nbytes(self):
        """Bytes of all paths: steps, constants and a frame each."""
        return sum([
            path.executor.nbytes for paths in self.paths.values() for path in paths])

    def to_text(self, max_rows=None):
        """The steps of each kind of replay, one line each."""
        from tapead._array_listing import listing

        lines = []
        for (kind, argnums), paths in self.paths.items():
            for path in paths:
                name = kind if argnums is None else f"{kind}, argnums={argnums}"
                lines.append(f"{name}:")
                lines.append(listing(path.executor, max_rows))
        return "\n".join(lines)

    def __str__(self):
        return self.to_text(60)

    def __repr__(self):
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"<ArrayProgram of {name}: {sum(map(len, self.paths.values()))} paths>"

    # -- what only programs of numbers do --------------------------------------------------------

    def map(self, *args, **kwargs):
        """Not for programs of arrays."""
        raise TypeError(NO_ARRAYS.format("map"))

    def to_c(self, name):
        """Not for programs of arrays."""
        raise TypeError(NO_ARRAYS.format("to_c"))

    def save(self, path):
        """Not for programs of arrays."""
        raise TypeError(NO_ARRAYS.format("save"))

    def __reduce_ex__(self, protocol):
        raise TypeError(
            "a program of arrays is not pickled; pickle the function and record it anew, or "
            "record it with arrays=False")


cdef int move_to_front(list paths, ArrayPath path) except -1:
    try:
        paths.remove(path)
    except ValueError:  # another thread has dropped it
        return 0
    paths.insert(0, path)
    return 0


def record_arrays(f, example, kwargs, argnums, has_aux, record_branches, numbers_do):
    """A program of arrays of `f`, recorded at an example."""
    program = array_program(f, argnums, has_aux, record_branches, False, MOST_PATHS)
    program.begin(example, kwargs, numbers_do)
    return program


def array_program(f, argnums, has_aux, record_branches, any_form, most_paths):
    """A program of arrays that has no path yet."""
    cdef ArrayProgram program = ArrayProgram.__new__(ArrayProgram)
    program.function, program.argnums, program.has_aux = f, argnums, has_aux
    program.record_branches, program.any_form = record_branches, any_form
    program.most_paths, program.last, program.paths = most_paths, -1, {}
    program.by_rows, program.trials = {}, set()
    return program
