# Steps that are programs of numbers: a state is a row of doubles.

cdef enum:
    MOST_PATHS = 256  # ways through a step; what has more is not replayed
    BLOCK = 100_000  # instructions between two looks for Ctrl-C
    BRIEF = 2_000  # instructions that take less time than to let go of the GIL
    ASK_EVERY = 1 << 12  # states of which one is asked in Python whether it is the last


class NotReplayed(Exception):  # noqa: N818 - not an error of the caller
    """A step cannot be had as a program of numbers, or is not worth it."""


@cython.final
cdef class StepPath:
    """What was recorded along one way through a step."""

    cdef Code code
    cdef Executor value
    cdef Executor pullback  # None until it is wanted
    cdef double first  # the first output where it was last looked for

    def __init__(self, Code code not None):
        self.code = code
        self.value = executor_for(optimised(code, False))

    cdef int derive(self, Py_ssize_t n_state) except -1:
        """Make the pullback: of state, parameters and adjoint, to those of state and parameters."""
        wrt = np.ones(self.code.n_inputs, dtype=np.uint8)
        code = reverse_code(self.code, wrt, n_state, True, False, False)
        self.pullback = executor_for(optimised(code, False))
        return 0


cdef class Paths:
    """The ways through a function of a state and parameters that have been recorded."""

    cdef object record
    cdef list paths
    cdef StepPath path  # the one that was taken last
    cdef Py_ssize_t n_state
    cdef Py_ssize_t n_params
    cdef Py_ssize_t n_outputs

    def __init__(self, record, Py_ssize_t n_state, Py_ssize_t n_params, Py_ssize_t n_outputs):
        self.record, self.paths = record, []
        self.n_state, self.n_params, self.n_outputs = n_state, n_params, n_outputs

    cdef int find(self, const double* state, const double* params) except -1:
        """Find the path that is taken at a state, or record it."""
        cdef StepPath path
        if self.path is not None and self.fits(self.path, state, params):
            return 0
        for path in self.paths:
            if self.fits(path, state, params):
                self.path = path
                return 0
        if len(self.paths) == MOST_PATHS:
            raise NotReplayed(f"the step has more than {MOST_PATHS} ways through it")
        row = row_of(state, self.n_state), row_of(params, self.n_params)
        path = StepPath(self.record(np.concatenate(row)))
        if path.code.n_inputs != self.n_state + self.n_params or (
            path.code.n_outputs != self.n_outputs or not self.fits(path, state, params)
        ):
            raise NotReplayed("the step is no program of numbers")
        self.paths.append(path)
        self.path = path
        return 0

    cdef bint fits(self, StepPath path, const double* state, const double* params) except -1:
        """Whether a path is taken at a state; its first output is noted."""
        cdef Frame* frame = path.value.borrow()
        cdef int kinks = 0
        cdef int64_t failed
        memcpy(frame.inputs, state, self.n_state * sizeof(double))
        memcpy(frame.inputs + self.n_state, params, self.n_params * sizeof(double))
        failed = path.value.point(frame, &kinks)
        path.first = frame.outputs[0]
        path.value.give_back(frame)
        return failed < 0


@cython.final
cdef class Replayed(Steps):
    """Replayed(record, record_stop, stop, state, params, n_slots)\n--\n

    Steps that are replayed.

    Parameters
    ----------
    record : callable
        ``record(row)``: the Code of the step at a state and parameters, which are its inputs; its
        outputs are the next state.
    record_stop : callable
        The same of a number that is not 0 if the state is the last one.
    stop : callable
        ``stop(row)``: the same in Python.
    state, params : ndarray of float64
    n_slots : int
    """

    cdef Paths step
    cdef Paths ends  # None if it has to be asked in Python
    cdef object stop
    cdef int64_t n_asked
    cdef Py_ssize_t n_state
    cdef Py_ssize_t n_params
    cdef double* memory
    cdef double* state
    cdef double* before  # the state in front of the last step
    cdef double* bar
    cdef double* params
    cdef double* params_bar
    cdef double* slots

    def __cinit__(self, record, record_stop, stop, const double[::1] state,
                  const double[::1] params, int64_t n_slots):
        cdef Py_ssize_t i, n = state.shape[0], m = params.shape[0]
        self.n_state, self.n_params = n, m
        self.step, self.ends, self.stop = Paths(record, n, m, n), Paths(record_stop, n, m, 1), stop
        self.memory = <double*>calloc(3 * n + 2 * m + 1, sizeof(double))
        if n_slots < ENOUGH // (8 * n + 8):
            self.slots = <double*>malloc((n_slots * n + 1) * sizeof(double))
        if self.memory == NULL or self.slots == NULL:
            raise MemoryError(f"out of memory for {n_slots} states of {n} numbers")
        self.state, self.before, self.bar = self.memory, self.memory + n, self.memory + 2 * n
        self.params, self.params_bar = self.memory + 3 * n, self.memory + 3 * n + m
        for i in range(n):
            self.state[i] = state[i]
        for i in range(m):
            self.params[i] = params[i]
        self.step.find(self.state, self.params)

    def __dealloc__(self):
        free(self.memory)
        free(self.slots)

    def current(self):
        """The current state."""
        return row_of(self.state, self.n_state)

    def seed(self, const double[::1] bar):
        """Give the adjoint of the last state."""
        cdef Py_ssize_t i
        for i in range(self.n_state):
            self.bar[i] = bar[i]

    def bars(self):
        """Adjoints of state and parameters."""
        return row_of(self.bar, self.n_state), row_of(self.params_bar, self.n_params)

    cdef int advance(self, int64_t first, int64_t count) except -1:
        cdef int64_t done = 0, ran, most
        while done < count:
            self.at = first + done
            most = max(1, BLOCK // (self.step.path.code.n + 1))
            ran = self.replay(min(count - done, most))
            done += ran
            self.at = first + done
            if ran == 0:
                self.step.find(self.state, self.params)
            PyErr_CheckSignals()
        return 0

    cdef int64_t replay(self, int64_t count) except -1:
        """Run steps along the present path; how many of them take it."""
        cdef Executor executor = self.step.path.value
        cdef Frame* frame = executor.borrow()
        cdef int64_t ran
        memcpy(frame.inputs + self.n_state, self.params, self.n_params * sizeof(double))
        if count * executor.code.n < BRIEF:
            ran = run_steps(executor, frame, &self.state, &self.before, self.n_state, count)
        else:
            with nogil:
                ran = run_steps(executor, frame, &self.state, &self.before, self.n_state, count)
        executor.give_back(frame)
        return ran

    cdef bint ended(self) except -1:
        self.n_asked += 1
        if self.ends is not None and self.n_asked % ASK_EVERY:
            try:
                self.ends.find(self.state, self.params)
                if self.ends.path.code.n_guards:
                    return self.ends.path.first != 0.0
            except (NotReplayed, TypeError):
                pass
            self.ends = None  # it looks at something else than the state, or in too many ways
        row = row_of(self.state, self.n_state), row_of(self.params, self.n_params)
        return self.stop(np.concatenate(row))

    cdef int undo(self) except -1:
        self.state, self.before = self.before, self.state
        return 0

    cdef int keep(self, int64_t slot, bint before) except -1:
        memcpy(self.slots + slot * self.n_state, self.before if before else self.state,
               self.n_state * sizeof(double))
        return 0

    cdef int take(self, int64_t slot) except -1:
        memcpy(self.state, self.slots + slot * self.n_state, self.n_state * sizeof(double))
        return 0

    cdef int pull(self, int64_t i) except -1:
        self.at = i
        if not self.pull_along(self.step.path):
            self.step.find(self.state, self.params)
            if not self.pull_along(self.step.path):
                raise RuntimeError("the pullback of a step takes another branch than the step")
        return 0

    cdef bint pull_along(self, StepPath path) except -1:
        """Pull the adjoints through the step, if it takes this path."""
        cdef Frame* frame
        cdef double* inputs
        cdef int kinks = 0
        cdef Py_ssize_t k, n = self.n_state, m = self.n_params
        cdef int64_t failed
        if path.pullback is None:
            path.derive(n)
        frame = path.pullback.borrow()
        inputs = frame.inputs
        memcpy(inputs, self.state, n * sizeof(double))
        memcpy(inputs + n, self.params, m * sizeof(double))
        memcpy(inputs + n + m, self.bar, n * sizeof(double))
        failed = path.pullback.point(frame, &kinks)
        if failed < 0:
            memcpy(self.bar, frame.outputs, n * sizeof(double))
            for k in range(m):
                self.params_bar[k] += frame.outputs[n + k]
        path.pullback.give_back(frame)
        return failed < 0


cdef int64_t run_steps(
    Executor executor, Frame* frame, double** state, double** before, Py_ssize_t n, int64_t count
) noexcept nogil:
    """Run steps until one leaves the path; how many did not."""
    cdef int64_t i
    cdef int kinks = 0
    for i in range(count):
        memcpy(frame.inputs, state[0], n * sizeof(double))
        if executor.point(frame, &kinks) >= 0:
            return i
        state[0], before[0] = before[0], state[0]
        memcpy(state[0], frame.outputs, n * sizeof(double))
    return count


cdef object row_of(const double* values, Py_ssize_t n):
    row = np.empty(n)
    cdef double[::1] out = row
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = values[i]
    return row
