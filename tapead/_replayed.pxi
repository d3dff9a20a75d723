# One recorded function, and its derivatives at a point.

cdef object RAISE = "raise"


cdef class Replayed(Recorded):
    """The replays of one path, and those of its derivatives: what a Program does at a point."""

    cdef bint record_branches

    # -- replays -----------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        """The function's result."""
        cdef Path path = self.front()
        cdef tuple tree = args + (kwargs,) if kwargs else args
        return self.run(path, path.value(), "value", None, tree, args, kwargs)

    def grad(self, *args, argnums=None, **kwargs):
        """Gradient, as ``tapead.grad(f, argnums)`` returns it.

        Parameters
        ----------
        *args
            As in the recorded call.
        argnums : int or tuple of int, optional
            Arguments to differentiate with respect to; by default those `record` was given.
        **kwargs
            As in the recorded call.

        Returns
        -------
        gradient
            In the structure of the argument; with `has_aux` a pair of it and the auxiliary
            result.

        Raises
        ------
        BranchChanged
            If a comparison comes out differently than when it was recorded.
        TypeError, ValueError
            If the arguments are not of the recorded kind, or the result is not one number.

        Examples
        --------
        >>> import tapead
        >>> tapead.record(lambda x, y: x * y, 1.0, 1.0, argnums=(0, 1)).grad(3.0, 2.0)
        (2.0, 3.0)
        """
        return self.derive("grad", argnums, tree_of(args, kwargs), args, kwargs)

    def value_and_grad(self, *args, argnums=None, **kwargs):
        """Value and gradient, as ``tapead.value_and_grad(f, argnums)`` returns them.

        Parameters
        ----------
        *args
            As in the recorded call.
        argnums : int or tuple of int, optional
        **kwargs
            As in the recorded call.

        Returns
        -------
        value, gradient

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.
        """
        return self.derive("value_and_grad", argnums, tree_of(args, kwargs), args, kwargs)

    def jvp(self, primals, tangents):
        """Value, and the Jacobian times a vector, as `tapead.jvp` returns them.

        Parameters
        ----------
        primals, tangents : tuple
            One entry per argument.

        Returns
        -------
        y, y_dot
            With `has_aux` the auxiliary result as well.

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.

        Examples
        --------
        >>> import tapead
        >>> tapead.record(lambda x, y: x * y, 1.0, 1.0).jvp((3.0, 2.0), (1.0, 0.5))
        (6.0, 3.5)
        """
        args, tangents = tuple_of(primals, "jvp", "primals"), tuple_of(tangents, "jvp", "tangents")
        return self.derive("jvp", self.every(args), (args, tangents), args, {})

    def vjp(self, *primals):
        """Value and pullback, as `tapead.vjp` returns them.

        Parameters
        ----------
        *primals
            As in the recorded call.

        Returns
        -------
        y
            Result of the function.
        pullback : callable
            Takes the adjoint of the result, returns a tuple with the adjoint of each argument;
            every call is a replay.
        aux
            With `has_aux`, the auxiliary result.

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.

        Examples
        --------
        >>> import tapead
        >>> y, pullback = tapead.record(lambda x, y: x * y, 1.0, 1.0).vjp(3.0, 2.0)
        >>> y, pullback(1.0)
        (6.0, (2.0, 3.0))
        """
        y = self(*primals)
        primals = copied(primals)

        def pullback(adjoint):
            return self.derive("vjp", self.every(primals), (primals, adjoint), primals, {})

        return (y[0], pullback, y[1]) if self.has_aux else (y, pullback)

    def hvp(self, primals, tangents):
        """Hessian times a vector, as `tapead.hvp` returns it.

        Parameters
        ----------
        primals, tangents : tuple
            One entry per argument.

        Returns
        -------
        tuple
            One product per argument.

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.

        Examples
        --------
        >>> import tapead
        >>> program = tapead.record(lambda x: x[0] ** 2 * x[1], [1.0, 1.0])
        >>> program.hvp(([3.0, 2.0],), ([1.0, 0.0],))
        ([4.0, 6.0],)
        """
        args, tangents = tuple_of(primals, "hvp", "primals"), tuple_of(tangents, "hvp", "tangents")
        return self.derive("hvp", self.every(args), (args, tangents), args, {})

    def jacobian(self, *args, argnums=None, **kwargs):
        """Jacobian, as ``tapead.jacobian(f, argnums)`` returns it.

        Parameters
        ----------
        *args
            As in the recorded call.
        argnums : int or tuple of int, optional
        **kwargs
            As in the recorded call.

        Returns
        -------
        jacobian
            With `has_aux` a pair of it and the auxiliary result.

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.
        """
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        if may_be_traced() and any_traced(args):
            return transforms.jacobian(self, argnums, self.has_aux)(*args, **kwargs)
        return self.matrix("jacobian", argnums, args, kwargs)

    def hessian(self, *args, argnums=None, **kwargs):
        """Hessian, as ``tapead.hessian(f, argnums)`` returns it.

        Parameters
        ----------
        *args
            As in the recorded call.
        argnums : int or tuple of int, optional
        **kwargs
            As in the recorded call.

        Returns
        -------
        hessian
            With `has_aux` a pair of it and the auxiliary result.

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.

        Examples
        --------
        >>> import numpy as np
        >>> import tapead
        >>> program = tapead.record(lambda x: x[0] ** 2 * x[1], np.array([1.0, 1.0]))
        >>> program.hessian(np.array([3.0, 2.0]))
        array([[4., 6.],
               [6., 0.]])
        """
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        if may_be_traced() and any_traced(args):
            return transforms.hessian(self, argnums, self.has_aux)(*args, **kwargs)
        return self.matrix("hessian", argnums, args, kwargs)

    # -- how a replay goes -------------------------------------------------------------------

    cdef tuple every(self, tuple args):
        """All arguments, of which there must be as many as were recorded."""
        cdef Py_ssize_t n = len(self.front().arguments.children)
        if len(args) != n:
            raise ValueError(f"expected {n} argument{'s' * (n != 1)}; got {len(args)}")
        return all_of(args)

    cdef Path front(self):
        return self.paths[0]

    cdef object derive(self, str kind, object argnums, tuple tree, tuple args, dict kwargs):
        cdef Path path = self.front()
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        return self.run(path, path.kernel(kind, argnums), kind, argnums, tree, args, kwargs)

    cdef object run(
        self, Path path, Kernel kernel, str kind, object argnums, tuple tree, tuple args,
        dict kwargs
    ):
        cdef Executor executor = kernel.executor
        cdef Frame* frame = executor.borrow()
        cdef int kinks = 0
        cdef int64_t failed
        try:
            if not kernel.arguments.read(tree, frame.inputs):
                return self.unfit(path, kernel, kind, argnums, tree, args, kwargs)
            failed = kernel.run(frame, &kinks)
            if failed < 0:
                self.note(kinks)
                found = kernel.result.build(frame.outputs)
                return found if path.plain else path.outcome(kind, found)
            self.last = 2
            if not self.record_branches:
                raise_changed(executor, frame, failed)
        finally:
            executor.give_back(frame)
        return self.replay(kind, argnums, tree, args, kwargs)

    cdef object unfit(
        self, Path path, Kernel kernel, str kind, object argnums, tuple tree, tuple args,
        dict kwargs
    ):
        """Arguments that are not of the recorded kind: traced, or wrong."""
        if may_be_traced() and any_traced(tree):
            if not (kind == "value" and self.record_branches):
                found = self.by_point(path, kernel, kind, argnums, tree, args, kwargs)
                if found is not NotImplemented:
                    return found
            return path.outcome(kind, self.inlined(kernel, kind, tree, args, kwargs))
        if kind in PAIRED:
            kernel.arguments.children[0].explain(tree[0], "argument")
            kernel.arguments.children[1].explain(tree[1], TANGENTS[kind])
        kernel.arguments.explain(tree, "argument")
        raise ValueError("the arguments changed while they were read")

    cdef object by_point(
        self, Path path, Kernel kernel, str kind, object argnums, tuple tree, tuple args,
        dict kwargs
    ):
        """Batched arguments, one point after the other; NotImplemented if there are none."""
        from tapead._batched import level_of
        from tapead._batched_calls import by_point

        level = level_of(tree)
        if level is None:
            return NotImplemented

        def paired(primals, second):
            return self.run(path, kernel, kind, argnums, (primals, second), primals, {})

        def single(*args, **kwargs):
            return self.run(path, kernel, kind, argnums, tree_of(args, kwargs), args, kwargs)

        if kind in PAIRED:
            return by_point(paired, level, tree, {})
        return by_point(single, level, args, kwargs)

    cdef object inlined(self, Kernel kernel, str kind, tuple tree, tuple args, dict kwargs):
        """Within a recording: the function itself if it may branch, else its instructions."""
        if kind == "value" and self.record_branches:
            return self.function(*args, **kwargs)
        return inlined_kernel(kernel, tree, TANGENTS.get(kind, "argument"))

    cdef Signature signature_of(self, tuple args, dict kwargs, object argnums, str kind):
        return self.front().arguments

    cdef bint may_record(self):
        return self.record_branches

    cdef int refuse_unfit(self, tuple tree, bint unfit) except -1:
        if unfit:
            self.front().arguments.explain(tree, "argument")
        return 0

    def vjp_of(self, primals, has_aux):
        """What ``vjp(self, *primals)`` returns; see `Recorded`."""
        if has_aux != self.has_aux or any_traced(primals):
            return NotImplemented
        return self.vjp(*primals)

    def transformed(self, name, argnums, has_aux, args, kwargs):
        """What a transform of the program returns; see `Recorded`."""
        if has_aux != self.has_aux or any_traced(args) or any_traced(kwargs):
            return NotImplemented
        if name in PAIRED:
            return getattr(self, name)(*args)
        return getattr(self, name)(*args, argnums=argnums, **kwargs)
