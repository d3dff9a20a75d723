# Jacobians and Hessians: the entries that structure allows, or directions side by side.

cdef enum:
    MOST_DIRECTIONS = 512  # pushed through at once: bounds the memory of their seeds


cdef class Matrix:
    """How the Jacobian of a Code is had."""

    cdef object order  # of the columns, None if they stay
    cdef Py_ssize_t n_rows
    cdef Py_ssize_t n_columns
    cdef Kernel entries  # one output per entry that is not 0 by structure
    cdef Executor directions  # pushforward or pullback, where those would be too many
    cdef bint forward

    def __init__(self, Path path, Code code, wrt, Py_ssize_t n_rows, order):
        self.order, self.n_rows, self.n_columns = order, n_rows, int(wrt.sum())
        most = MOST_SPARSE * (code.n + code.n_inputs)
        sparse, places = sparse_code(code, wrt, n_rows, most)
        self.forward = self.n_columns <= self.n_rows
        if sparse is not None:
            self.entries = Kernel(path.finished(sparse), path.arguments, None, places)
        elif self.forward:
            self.directions = executor_for(path.finished(
                forward_code(code, wrt, n_rows, False, True)))
        else:
            self.directions = executor_for(path.finished(
                reverse_code(code, wrt, n_rows, True, False, True)))

    cdef Executor executor(self):
        return self.directions if self.entries is None else self.entries.executor

    cdef object from_entries(self, Frame* frame, int* kinks, int64_t* failed):
        """The matrix from a run of the entries; None if a guard failed."""
        failed[0] = self.entries.run(frame, kinks)
        return self.filled(frame) if failed[0] < 0 else None

    cdef object filled(self, Frame* frame):
        """The matrix from the entries that a run has left in the frame."""
        cdef int64_t k
        out = np.zeros(self.n_rows * self.n_columns)
        cdef double[::1] flat = out
        cdef const int64_t[::1] places = self.entries.places
        for k in range(places.shape[0]):
            flat[places[k]] = frame.outputs[k]
        return out.reshape(self.n_rows, self.n_columns)

    cdef object swept(self, const double* inputs, Py_ssize_t n_inputs, int* kinks, int64_t* failed):
        """The matrix by directions, `MOST_DIRECTIONS` at a time: 1 in their place, else absent."""
        cdef Py_ssize_t n = self.n_columns if self.forward else self.n_rows, start, i
        cdef double[:, ::1] seed
        out = np.empty((n, self.n_rows if self.forward else self.n_columns))
        for start in range(0, n, MOST_DIRECTIONS):
            part = out[start : start + MOST_DIRECTIONS]
            seed = np.full((len(part), n), unreached())
            for i in range(seed.shape[0]):
                seed[i, start + i] = 1.0
            push_seeds(self.directions, seed, inputs, n_inputs, part, kinks, failed)
        return np.ascontiguousarray(out.T) if self.forward else out


cdef int push_seeds(
    Executor directions, double[:, ::1] seed, const double* inputs, Py_ssize_t n_inputs,
    double[:, ::1] out, int* kinks, int64_t* failed
) except -1:
    """Directions side by side: a row of seeds each, and a row of results."""
    cdef Batch batch = Batch()
    cdef Py_ssize_t i, n_points = out.shape[0], n = seed.shape[1]
    if n_points == 0:
        return 0
    batch.prepare(n_points, n_inputs + n, out.shape[1], directions.code.n_guards)
    for i in range(n_inputs):
        batch.inputs[i] = Column(&inputs[i], 0, NULL)
    for i in range(n):
        batch.inputs[n_inputs + i] = Column(&seed[0, i], n, NULL)
        batch.varies[n_inputs + i] = 1
    for i in range(out.shape[1]):
        batch.outputs[i] = Target(&out[0, i], out.shape[1], NULL, 0)
    if directions.batch(batch):
        failed[0] = batch.failed[0]
    kinks[0] |= batch.kinks
    return 0


cdef class MatrixRun:
    """The matrix of one call."""

    cdef object matrix
    cdef bint fits  # whether the arguments are of the recorded kind
    cdef object changed  # the error, if a guard failed


cdef object matrix_at(Matrix matrix, Signature arguments, tuple tree, MatrixRun run, int* kinks):
    """The matrix at these arguments; None if they do not fit. `run` says if a guard failed."""
    cdef Executor executor = matrix.executor()
    cdef Frame* frame = executor.borrow()
    cdef int64_t failed = -1
    try:
        run.fits = arguments.read(tree, frame.inputs)
        if not run.fits:
            return None
        if matrix.entries is not None:
            run.matrix = matrix.from_entries(frame, kinks, &failed)
            if failed >= 0:
                run.changed = changed(executor.code, failed, executor.guard_values(frame, failed))
        else:
            run.matrix = matrix.swept(frame.inputs, arguments.n, kinks, &failed)
            if failed >= 0:
                run.changed = changed(executor.code, failed, (np.nan, np.nan))
        if matrix.order is not None and failed < 0:
            run.matrix = np.ascontiguousarray(run.matrix[:, matrix.order])
    finally:
        executor.give_back(frame)
    return run
