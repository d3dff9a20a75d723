# Sparse Jacobians and Hessians of programs of numbers.

SPARSE = _array_program.SPARSE
NOT_TRACED = _array_program.NOT_TRACED
MATRICES = frozenset(("jacobian", "hessian")) | SPARSE


@cython.final
cdef class SparseMatrix(Matrix):
    """How a Jacobian is had as a csr_array: its entries alone, or columns that are told apart."""

    cdef object structure
    cdef Py_ssize_t nnz
    cdef object told_apart  # Directions
    cdef object columns  # of the results of rows, None if they stay
    cdef list full_rows  # those that are pulled back one by one
    cdef Executor pullback

    def __init__(self, Path path, Code code, wrt, Py_ssize_t n_rows, order, bint symmetric):
        from tapead import _structures

        self.n_rows, self.n_columns = n_rows, int(wrt.sum())
        columns = columns_of(wrt, order)
        found = code_pattern(code.data, columns, self.n_columns, n_rows)
        self.structure = _structures.Structure(*found, (self.n_rows, self.n_columns))
        if symmetric:
            self.structure = self.structure.symmetrised()
            self.told_apart = _structures.hessian_directions(self.structure)
        else:
            self.told_apart = _structures.jacobian_directions(self.structure)
            apart = _structures.without_full_rows(self.structure, self.told_apart.n_colours // 2)
            if apart is not None:
                self.told_apart, self.full_rows = apart
        self.nnz = self.structure.nnz
        most = min(MOST_SPARSE, 2 * self.told_apart.n_colours + 1) * (code.n + code.n_inputs)
        sparse, places = sparse_code(code, wrt, n_rows, most)
        self.forward = self.told_apart.forward
        if sparse is not None:
            self.take_entries(path, sparse, places, columns[np.flatnonzero(wrt)])
            return
        self.columns = order
        if self.full_rows or not self.forward:
            self.pullback = executor_for(path.finished(
                reverse_code(code, wrt, n_rows, True, False, True)))
        if self.forward:
            # a direction has its seeds in the order of the inputs
            self.told_apart.colours = self.told_apart.colours[columns[np.flatnonzero(wrt)]]
            self.directions = executor_for(path.finished(
                forward_code(code, wrt, n_rows, False, True)))
        else:
            self.directions = self.pullback

    cdef int take_entries(self, Path path, Code sparse, places, columns) except -1:
        """Let the outputs of the code be the entries in the order of the data."""
        cdef int64_t k, n = self.structure.nnz
        at = self.structure.places(
            places // max(1, self.n_columns), columns[places % max(1, self.n_columns)])
        cdef const int64_t[::1] place = at.astype(np.int64)
        cdef int32_t[::1] outputs = np.full(n, sparse.constant(0.0), dtype=np.int32)
        for k in range(place.shape[0]):
            outputs[place[k]] = sparse.outputs[k]
        sparse.set_outputs(n)
        for k in range(n):
            sparse.outputs[k] = outputs[k]
        self.entries = Kernel(path.finished(sparse), path.arguments, None)
        self.told_apart = None
        return 0

    cdef object from_entries(self, Frame* frame, int* kinks, int64_t* failed):
        """The outputs of the run are the data."""
        cdef double* own = frame.outputs
        data = np.empty(max(<Py_ssize_t>1, self.nnz))
        cdef double[::1] flat = data
        frame.outputs = &flat[0]
        failed[0] = self.entries.run(frame, kinks)
        frame.outputs = own
        return self.structure.matrix(data if self.nnz else data[:0]) if failed[0] < 0 else None

    cdef object swept(self, const double* inputs, Py_ssize_t n_inputs, int* kinks, int64_t* failed):
        cdef Py_ssize_t n = self.told_apart.n_colours, start, i
        out = np.empty((min(n, <Py_ssize_t>MOST_DIRECTIONS),
                        self.n_rows if self.forward else self.n_columns))
        data = np.zeros(self.structure.nnz)
        for start in range(0, n, MOST_DIRECTIONS):
            part = out[: n - start]
            seeds = self.told_apart.seeds(start, start + len(part), unreached())
            push_seeds(self.directions, seeds, inputs, n_inputs, part, kinks, failed)
            if not self.forward and self.columns is not None:
                part = part[:, self.columns]
            for i in range(len(part)):
                self.told_apart.read(start + i, part[i], data)
        if self.full_rows:
            self.pull_rows(inputs, n_inputs, data, kinks, failed)
        return self.structure.matrix(data)

    cdef int pull_rows(
        self, const double* inputs, Py_ssize_t n_inputs, object data, int* kinks, int64_t* failed
    ) except -1:
        """The rows that are full."""
        indptr, indices = self.structure.indptr, self.structure.indices
        seeds = np.full((len(self.full_rows), self.n_rows), unreached())
        seeds[np.arange(len(seeds)), self.full_rows] = 1.0
        out = np.empty((len(seeds), self.n_columns))
        push_seeds(self.pullback, seeds, inputs, n_inputs, out, kinks, failed)
        if self.columns is not None:
            out = out[:, self.columns]
        for row, results in zip(self.full_rows, out):
            data[indptr[row] : indptr[row + 1]] = results[indices[indptr[row] : indptr[row + 1]]]
        return 0


cdef object columns_of(object wrt, object order):
    """Column of each input, -1 of those that are not differentiated."""
    columns = np.full(len(wrt), -1, dtype=np.int32)
    places = np.flatnonzero(wrt)
    if order is not None:
        places = places[order]
    columns[places] = np.arange(len(places), dtype=np.int32)
    return columns


cdef Matrix sparse_matrix(Path path, str kind, object argnums):
    """How a sparse matrix of a path is had; made when it is first asked for."""
    cdef Code code = path.recorded
    cdef Py_ssize_t n_rows = path.n_differentiated
    found = path.kernels.get((kind, argnums))
    if found is None:
        if kind == "sparse_hessian":
            code = compacted(path.adjoints(argnums, kind, False), NULL)
            n_rows = code.n_outputs
        else:
            require_result(path, kind)
        found = SparseMatrix(
            path, code, path.mask(argnums, kind), n_rows, path.order(argnums),
            kind == "sparse_hessian")
        path.kernels[kind, argnums] = found
    return found


cdef int require_result(Path path, str kind) except -1:
    """Refuse a result that holds something else than floats."""
    y = path.differentiated()
    if len(leaves(y.build_from([0.0] * y.n))) != y.n_leaves:
        raise TypeError(f"{kind} needs f to return numbers; got {y!r}")
    return 0


cdef class SparseReplayed(Replayed):
    """The derivatives of a Program that are sparse matrices."""

    def jacobian_sparsity(self, argnums=None):
        """Which inputs each result depends on: the pattern of the Jacobian.

        Parameters
        ----------
        argnums : int or tuple of int, optional
            Arguments whose numbers are the columns; by default those `record` was given.

        Returns
        -------
        scipy.sparse.csr_array of bool
            Shape (numbers of the result, numbers of the arguments), in the order of their leaves.
            An entry that is not there is 0 wherever the program is replayed along the path that
            was used last: both sides of `maximum`, `where` and their like count.

        Raises
        ------
        TypeError
            If the result or an argument holds something else than floats.

        Examples
        --------
        >>> import tapead
        >>> program = tapead.record(lambda x: [x[0] * x[1], x[2]], [1.0, 2.0, 3.0])
        >>> program.jacobian_sparsity().toarray()
        array([[ True,  True, False],
               [False, False,  True]])
        """
        return self.pattern("sparse_jacobian", argnums)

    def hessian_sparsity(self, argnums=None):
        """Which inputs act on each other: the pattern of the Hessian.

        Parameters
        ----------
        argnums : int or tuple of int, optional
            As for `jacobian_sparsity`.

        Returns
        -------
        scipy.sparse.csr_array of bool
            Symmetric.

        Raises
        ------
        TypeError
            If the result is not one number, or an argument holds something else than floats.

        Examples
        --------
        >>> import tapead
        >>> program = tapead.record(lambda x: x[0] * x[1] + 3.0 * x[2], [1.0, 2.0, 3.0])
        >>> program.hessian_sparsity().toarray()
        array([[False,  True, False],
               [ True, False, False],
               [False, False, False]])
        """
        return self.pattern("sparse_hessian", argnums)

    def sparse_jacobian(self, *args, argnums=None, **kwargs):
        """Jacobian as a sparse matrix.

        Parameters
        ----------
        *args
            As in the recorded call.
        argnums : int or tuple of int, optional
            As for `jacobian_sparsity`.
        **kwargs
            As in the recorded call.

        Returns
        -------
        scipy.sparse.csr_array
            All entries of `jacobian_sparsity`, also those that are 0 here, so that its indices
            are the same in every call. With `has_aux` a pair of it and the auxiliary result.

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.

        Examples
        --------
        >>> import tapead
        >>> program = tapead.record(lambda x: [x[0] * x[1], x[2] ** 2], [1.0, 2.0, 3.0])
        >>> program.sparse_jacobian([3.0, 4.0, 5.0]).toarray()
        array([[ 4.,  3.,  0.],
               [ 0.,  0., 10.]])
        """
        return self.sparse("sparse_jacobian", argnums, args, kwargs)

    def sparse_hessian(self, *args, argnums=None, **kwargs):
        """Hessian as a sparse matrix.

        Parameters
        ----------
        *args
            As in the recorded call.
        argnums : int or tuple of int, optional
            As for `jacobian_sparsity`.
        **kwargs
            As in the recorded call.

        Returns
        -------
        scipy.sparse.csr_array
            All entries of `hessian_sparsity`, both halves. With `has_aux` a pair of it and the
            auxiliary result.

        Raises
        ------
        BranchChanged, TypeError, ValueError
            As for `grad`.

        Examples
        --------
        >>> import tapead
        >>> program = tapead.record(lambda x: x[0] ** 2 * x[1] + x[2] ** 3, [1.0, 2.0, 3.0])
        >>> program.sparse_hessian([3.0, 4.0, 5.0]).toarray()
        array([[ 8.,  6.,  0.],
               [ 6.,  0.,  0.],
               [ 0.,  0., 30.]])
        """
        return self.sparse("sparse_hessian", argnums, args, kwargs)

    cdef object pattern(self, str kind, object argnums):
        cdef SparseMatrix matrix
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        matrix = sparse_matrix(self.front(), kind, argnums)
        return matrix.structure.pattern()

    cdef object sparse(self, str kind, object argnums, tuple args, dict kwargs):
        argnums = self.argnums if argnums is None else checked_argnums(argnums)
        if may_be_traced() and (any_traced(args) or any_traced(kwargs)):
            raise TypeError(NOT_TRACED.format(kind, kind.removeprefix("sparse_")))
        return self.matrix(kind, argnums, args, kwargs)
