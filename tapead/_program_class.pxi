# Program: derivatives as programs, many points, texts and files.


@cython.final
cdef class Program(SparseReplayed):
    """Program()\n--\n

    A recorded function: replays without Python, knows its derivatives, checks its branches.

    Comes from `tapead.record` or `tapead.load`. Everything that the function took from elsewhere
    than its arguments is a constant of the program. Works in several threads at once.

    Examples
    --------
    >>> import tapead
    >>> program = tapead.record(lambda x: x[0] ** 2 * x[1], [1.0, 1.0])
    >>> program([3.0, 2.0]), program.grad([3.0, 2.0])
    (18.0, [12.0, 9.0])
    >>> program.status
    <Status.SAME_PATH: 0>
    """

    def __init__(self, *args, **kwargs):
        raise TypeError("a Program comes from tapead.record(f, *example) or tapead.load(path)")

    # -- derivatives as programs -------------------------------------------------------------

    def gradient(self, argnums=None):
        """Program of the gradient.

        Parameters
        ----------
        argnums : int or tuple of int, optional
            By default those `record` was given.

        Returns
        -------
        Program
            Takes the same arguments. If it has one result, its `gradient` is the second
            derivative; otherwise its `pushforward` and `pullback` are.

        Raises
        ------
        TypeError
            If the result is not one number.

        Examples
        --------
        >>> import tapead
        >>> program = tapead.record(lambda x: x ** 3, 1.0)
        >>> program.gradient()(2.0), program.gradient().gradient()(2.0)
        (12.0, 12.0)
        """
        return self.of_kernel("grad", self.argnums if argnums is None else argnums)

    def pushforward(self):
        """Program of value and tangent: takes ``(primals, tangents)``, as `jvp` does.

        Returns
        -------
        Program

        Examples
        --------
        >>> import tapead
        >>> tapead.record(lambda x, y: x * y, 1.0, 1.0).pushforward()((3.0, 2.0), (1.0, 0.5))
        (6.0, 3.5)
        """
        return self.of_kernel("jvp", all_of(self.front().arguments.children))

    def pullback(self):
        """Program of the adjoints of the arguments: takes ``(primals, adjoint)``.

        Returns
        -------
        Program

        Examples
        --------
        >>> import tapead
        >>> tapead.record(lambda x, y: x * y, 1.0, 1.0).pullback()((3.0, 2.0), 1.0)
        (2.0, 3.0)
        """
        return self.of_kernel("vjp", all_of(self.front().arguments.children))

    cdef Program of_kernel(self, str kind, object argnums):
        """A Program of a derivative, as one that can stand alone."""
        cdef Path path = self.front()
        if path.has_aux and kind != "vjp":
            raise TypeError(f"a program of the {kind} of a function with has_aux=True is not "
                            "supported; record the function without its auxiliary result")
        code, arguments, result = path.derived(kind, checked_argnums(argnums))
        new = Path(compacted(code, NULL), arguments, result, result, False, path.reassociate)
        return program_of(new, None, self.argnums if kind == "grad" else 0, False)

    # -- many points -------------------------------------------------------------------------

    def map(self, *args, what="value", in_axes=0, reduction=None, threads=None, argnums=None):
        """Replay at many points: the leading axis of the arguments.

        Points are run side by side in the processor's vector registers, and in blocks on several
        threads; both without the GIL. At a point where a comparison comes out differently the
        function is recorded anew, if the program has it, and replayed for those points.

        Parameters
        ----------
        *args
            The arguments; where `in_axes` is 0, numbers become arrays of shape (n,) and arrays get
            a leading axis of n points.
        what : {"value", "grad", "value_and_grad", "hessian_diagonal"}
            What to compute at each point.
        in_axes : 0, None, or tuple of them, default 0
            Per argument: 0, or None if it is the same at all points.
        reduction : {None, "sum", "mean"}
            Over the points. The sum has the same bits for any number of threads.
        threads : int, optional
            By default the processors that this process may use.
        argnums : int or tuple of int, optional
            Arguments to differentiate with respect to; by default those `record` was given.

        Returns
        -------
        result
            As that of one point, with a leading axis of n points; without it if reduced.

        Raises
        ------
        TypeError, ValueError
            If an option or an argument is wrong.
        BranchChanged
            If a comparison comes out differently and the program does not have its function.

        Notes
        -----
        The exponential, the logarithm, sines and the like are vectorised functions here, within 2
        units in the last place; the replay of one point takes them from C's library.

        Examples
        --------
        >>> import numpy as np
        >>> import tapead
        >>> program = tapead.record(lambda x, c: c * x * x, 1.0, 1.0)
        >>> program.map(np.arange(3.0), 2.0, in_axes=(0, None), what="grad")
        array([0., 4., 8.])
        >>> program.map(np.arange(3.0), 2.0, in_axes=(0, None), reduction="sum")
        10.0
        """
        cdef Path path = self.front()
        cdef Mapping job = Mapping()
        if what not in KINDS:
            raise ValueError(f"map computes one of {', '.join(KINDS)}; got {what!r}")
        if reduction not in REDUCTIONS:
            raise ValueError(f'reduction is None, "sum" or "mean"; got {reduction!r}')
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        if any_traced(args):
            raise TypeError("map takes plain arrays; got traced values")
        job.points = points_of(path.arguments, args, in_axes)
        job.result = path.kernel(what, argnums).result
        job.summed = reduction is not None
        job.n_threads = checked_threads(threads)
        self.map_paths(job, what, argnums)
        found = job.built(reduction)
        return path.outcome(what, found)

    cdef int map_paths(self, Mapping job, str what, object argnums) except -1:
        """All points, along the paths that are there, then along new ones."""
        cdef Path path
        for path in tuple(self.paths):
            job.run(path.kernel(what, argnums))
            if not len(job.left):
                break
        while len(job.left):
            point = job.points.point(job.left[0])
            if self.function is None:
                path = self.front()
                self.run(path, path.value(), "value", None, point, point, {})
            path = recorded_path(self.function, self.front().arguments, point, {}, self.has_aux,
                                 self.reassociate)
            self.n_recorded += 1
            if len(self.paths) < self.most_paths:
                self.paths.append(path)
            first = job.left[0]
            job.run(path.kernel(what, argnums))
            if len(job.left) and job.left[0] == first:
                self.map_first(job, path, what, argnums, point)
        return self.note(job.kinks)

    cdef int map_first(
        self, Mapping job, Path path, str what, object argnums, tuple point
    ) except -1:
        """The first point that is left, by itself: a tie that the lanes round to its other side."""
        cdef bint ran = False
        found = self.try_path(path, what, argnums, point, &ran)
        if not ran:
            raise RuntimeError("the function does something else when it runs again; a program "
                               "needs one that depends on its arguments only")
        return job.put_first(found)

    # -- texts and files ---------------------------------------------------------------------

    def __repr__(self):
        return f"<{str(self).partition(chr(10))[0].capitalize()}>"

    def __str__(self):
        return self.to_text(60)

    @property
    def code(self):
        """Instructions as NumPy arrays: `tapead._code_data.CodeData`."""
        return self.front().code().data

    def to_text(self, max_rows=None):
        """The instructions, one line each.

        Parameters
        ----------
        max_rows : int, optional
            Lines to show at most; by default all.

        Returns
        -------
        str
        """
        from tapead._listing import listing

        return listing(self.front().code().data, input_names(self.front()), max_rows)

    def to_dot(self):
        """The instructions as a graph in Graphviz's language.

        Returns
        -------
        str
        """
        from tapead._listing import to_dot

        return to_dot(self.front().code().data, input_names(self.front()))

    def to_c(self, name):
        """A self-contained C99 function of the program.

        Parameters
        ----------
        name : str
            A C identifier.

        Returns
        -------
        str
            Text with ``int name(const double *x, double *y)``, which takes the inputs and fills the
            outputs in order; it returns 0, k + 1 if guard k came out differently, or -1 if there
            is no memory. `x` and `y` must not overlap.

        Raises
        ------
        ValueError
            If `name` is not an identifier.
        NotImplementedError
            If a function of SciPy takes part.
        """
        from tapead._c_source import to_c

        return to_c(self.front().code().data, name)

    def stats(self):
        """What the program is made of, and what became of it.

        Returns
        -------
        dict
            ``passes`` (instructions after each pass, the recorded ones first), ``inputs``,
            ``outputs``, ``instructions``, ``lowered`` (fused ones count once), ``slots``,
            ``constants``, ``guards``, ``bytes``, and how many times the function was ``recorded``
            and the program ``replayed``.
        """
        cdef Path path = self.front()
        cdef Code code = path.code()
        executor = path.value().executor
        return {
            "passes": path.steps(), "inputs": code.n_inputs,
            "outputs": code.n_outputs, "instructions": code.n,
            "lowered": executor.n_lowered, "slots": executor.slots,
            "constants": code.n_constants, "guards": code.n_guards,
            "bytes": code.nbytes + executor.nbytes, "recorded": self.n_recorded,
            "replayed": self.n_replayed,
        }

    def save(self, path):
        """Write the program to a file that `tapead.load` reads.

        The file holds numbers and text only; the function is not part of it.

        Parameters
        ----------
        path : str, path-like or binary file

        Raises
        ------
        TypeError
            If arguments or result are in containers that a file cannot describe: save takes
            numbers, arrays, lists, tuples and dicts.
        """
        from tapead._program_file import dump, write

        write(path, dump(self.front().recorded.data, header_of(self)))

    def __reduce__(self):
        return program_from, (self.front(), self.argnums)
