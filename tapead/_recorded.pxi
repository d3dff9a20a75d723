# What Program and Compiled have in common: paths, tried in the order of their last use.

cdef class Recorded:
    """A function and the paths through it that have been recorded."""

    cdef readonly object function
    cdef object argnums
    cdef bint has_aux
    cdef bint reassociate
    cdef list paths  # the last one used comes first
    cdef Py_ssize_t most_paths
    cdef int last  # Status
    cdef readonly Py_ssize_t n_recorded
    cdef readonly Py_ssize_t n_replayed
    cdef readonly Py_ssize_t n_dropped

    @property
    def status(self):
        """How the last replay went, in any thread: `Status`.

        ``SAME_PATH``; ``AT_KINK`` if a function that the replay evaluates has a kink at this very
        point, or a comparison ties; or ``BRANCH_CHANGED``. A derivative that no longer contains the
        function, as the second one of relu, does not see its kink.
        """
        return Status(self.last)

    @property
    def __wrapped__(self):
        return self.function

    def paths_for(self, tuple tree):
        """The paths recorded for arguments of this kind, the one used last in front."""
        return [path for path in tuple(self.paths) if (<Path>path).fits(tree)]

    cdef int note(self, int kinks) except -1:
        self.last = 1 if kinks else 0
        self.n_replayed += 1
        return 0

    cdef object try_path(self, Path path, str kind, object argnums, tuple tree, bint* ran):
        """Replay along one path; `ran` is false if arguments or branches are others."""
        cdef Kernel kernel = path.kernel(kind, argnums)
        cdef Frame* frame = kernel.executor.borrow()
        cdef int kinks = 0
        ran[0] = False
        try:
            if not kernel.arguments.read(tree, frame.inputs):
                return None
            if kernel.run(frame, &kinks) >= 0:
                self.last = 2
                return None
            ran[0] = True
            self.note(kinks)
            return kernel.result.build(frame.outputs)
        finally:
            kernel.executor.give_back(frame)

    cdef object try_paths(self, str kind, object argnums, tuple tree, bint* ran):
        cdef Path path
        cdef Py_ssize_t i
        for i, path in enumerate(tuple(self.paths)):
            if not path.has_kernel(kind, argnums) and not path.fits(tree_args(kind, tree)):
                continue
            found = self.try_path(path, kind, argnums, tree, ran)
            if ran[0]:
                if i:
                    self.move_to_front(path)
                return path.outcome(kind, found)
        return None

    cdef object replay(self, str kind, object argnums, tuple tree, tuple args, dict kwargs):
        """Along a path that is there or is recorded now."""
        cdef bint ran = False
        cdef Path path
        found = self.try_paths(kind, argnums, tree, &ran)
        if not ran:
            path = self.recorded(self.signature_of(args, kwargs, argnums, kind), args, kwargs)
            found = self.try_path(path, kind, argnums, tree, &ran)
            if not ran:  # it was recorded at this very point
                raise RuntimeError(
                    "the function does something else when it runs again; a program needs one "
                    "that depends on its arguments only")
            found = path.outcome(kind, found)
        return found

    cdef object matrix(self, str kind, object argnums, tuple args, dict kwargs):
        """Jacobian or Hessian, along the first path that these arguments take."""
        cdef tuple tree = tree_of(args, kwargs)
        cdef MatrixRun run = MatrixRun()
        cdef Path path
        cdef bint unfit = True
        for path in tuple(self.paths):
            if not path.has_kernel(kind, argnums) and not path.fits(tree):
                continue
            found = self.matrix_along(path, kind, argnums, tree, run)
            if not run.fits:
                continue
            if run.changed is None:
                return found
            if not self.may_record():
                raise run.changed
            unfit = False
        self.refuse_unfit(tree, unfit)
        path = self.recorded(self.signature_of(args, kwargs, argnums, kind), args, kwargs)
        run = MatrixRun()
        return self.matrix_along(path, kind, argnums, tree, run)

    cdef object matrix_along(
        self, Path path, str kind, object argnums, tuple tree, MatrixRun run
    ):
        cdef int kinks = 0
        cdef Matrix matrix = path.matrix(kind, argnums)
        run.changed = None
        if matrix_at(matrix, path.arguments, tree, run, &kinks) is None:
            return None
        if run.changed is not None:
            self.last = 2
            return None
        self.note(kinks)
        blocks = run.matrix if kind in SPARSE else path.blocks(kind, argnums, run.matrix)
        if not self.has_aux:
            return blocks
        return blocks, self.try_aux(path, tree)

    cdef object try_aux(self, Path path, tuple tree):
        """The auxiliary result along a path that these arguments take."""
        cdef bint ran = False
        return path.value_shown(self.try_path(path, "value", None, tree, &ran))[1]

    cdef bint may_record(self):
        """Whether another branch is recorded rather than an error."""
        return True

    cdef int refuse_unfit(self, tuple tree, bint unfit) except -1:
        """Raise if these arguments cannot be recorded."""
        return 0

    cdef Path recorded(self, Signature arguments, tuple args, dict kwargs):
        """One more path; the least recently used one leaves if there are too many."""
        cdef Path path = recorded_path(
            self.function, arguments, args, kwargs, self.has_aux, self.reassociate)
        self.paths.insert(0, path)
        self.n_recorded += 1
        if len(self.paths) > self.most_paths:
            self.paths.pop()
            self.n_dropped += 1
        return path

    cdef int move_to_front(self, Path path) except -1:
        try:
            self.paths.remove(path)
        except ValueError:  # another thread has dropped it
            return 0
        self.paths.insert(0, path)
        return 0

    cdef Signature signature_of(self, tuple args, dict kwargs, object argnums, str kind):
        """Signature to record these arguments with."""
        raise NotImplementedError

    def vjp_of(self, primals, has_aux):
        """What ``vjp(self, *primals)`` returns; NotImplemented if it is not replayed."""
        return NotImplemented

    def transformed(self, name, argnums, has_aux, args, kwargs):
        """What a transform of this function returns; NotImplemented if it is not replayed.

        The transforms call it; `args` are those of the transform's function, but for jvp, vjp and
        hvp, which take the pair of arguments and tangents, or adjoint.
        """
        return NotImplemented


cdef tuple tree_args(str kind, tuple tree):
    """The arguments within what a kernel reads."""
    return tree[0] if kind in PAIRED else tree


PAIRED = frozenset(("jvp", "vjp", "hvp"))  # these read the arguments, and tangents or adjoints


cdef tuple tree_of(tuple args, dict kwargs):
    """Arguments as one tuple."""
    return args + (kwargs,) if kwargs else args


cdef Signature arguments_signature(tuple args, dict kwargs, object argnums, bint strict):
    """Signature of the arguments; ints count as numbers in those that are differentiated."""
    cdef tuple where = ()
    cdef list parts
    if argnums is not None:
        where = found_positions(argnums, len(args), "record") if args else ()
    parts = [Signature(arg, i not in where) for i, arg in enumerate(args)]
    if kwargs:
        parts.append(Signature(kwargs, True))
    return Signature.of_tuple(parts, strict)


cdef tuple floated(tuple args, object argnums):
    """The arguments with floats for ints in those that are differentiated."""
    where = found_positions(argnums, len(args), "a transform")
    return tuple([
        map_leaves(float_of_int, arg) if i in where else arg for i, arg in enumerate(args)])


def float_of_int(leaf):
    """A float for an int, else the leaf itself."""
    integer = isinstance(leaf, (int, np.integer)) and not isinstance(leaf, bool)
    return float(leaf) if integer else leaf
