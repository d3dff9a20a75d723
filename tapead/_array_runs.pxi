# Runs: frames, the loop over the steps, and what needs the GIL.

cdef enum:
    MOST_FRAMES = 8  # kept for the next run
    BRIEF_WORK = 4000  # about a microsecond: less than to let go of the GIL
    ALIGNMENT = 64
    NO_MEMORY = -2


@cython.final
cdef class ArrayExecutor:
    """Steps of a plan on memory of their own; see the declarations."""

    def __init__(self, plan):
        cdef Py_ssize_t i, n = len(plan.steps)
        self.plan = plan
        self.clusters, self.calls, self.recorded = [], [], []
        self.constants = plan.constants
        self.arena_size = -(-plan.arena_size // ALIGNMENT) * ALIGNMENT
        self.n_steps = n
        self.steps = block(n * sizeof(Step))
        self.n_inputs = len(plan.graph.leaves)
        self.n_buffers = 1 + self.n_inputs + len(plan.constants) + len(plan.results)
        self.numbers = np.array(
            [-1 if s is None else s.offset for s in plan.numbers] or [0], dtype=np.int64)
        self.take_results(plan)
        self.work_size = self.most_columns = self.most_sums = 8
        for i in range(n):
            self.take(<Step*>self.steps + i, plan.steps[i])

    def __dealloc__(self):
        cdef int64_t i
        cdef Step* step
        for i in range(self.n_frames):
            free(self.frames[i])
        for i in range(self.n_steps if self.steps != NULL else 0):
            step = <Step*>self.steps + i
            free(step.places)
            free(step.task)
            free(step.columns)
            free(step.targets)
            free(step.layouts)
        free(self.steps)

    @property
    def nbytes(self):
        """Bytes of the steps, the constants and one frame."""
        constants = sum([constant.nbytes for constant in self.constants])
        return self.n_steps * sizeof(Step) + constants + self.frame_size()

    def stats(self):
        """What the program is made of."""
        steps = self.plan.steps
        return {
            "inputs": self.n_inputs, "outputs": len(self.results), "steps": self.n_steps,
            "instructions": sum([len(step[1][1]) for step in steps if step[0] == "cluster"]),
            "guards": len(self.recorded), "constants": len(self.constants),
            "arena": self.arena_size, "bytes": self.nbytes,
        }

    def guard_at(self, step):
        """What a guard compares with, and the step as the plan tells it."""
        return self.recorded[(<Step*>self.steps)[<int64_t>step].index]

    @property
    def told(self):
        """The steps as the plan tells them."""
        return self.plan.steps

    cdef int64_t frame_size(self):
        return (sizeof(ArrayFrame) + self.n_buffers * sizeof(char*) + self.arena_size
                + (self.n_threads() * self.work_size + self.most_sums) * sizeof(double)
                + self.most_columns * (sizeof(Column) + sizeof(Target)) + 2 * ALIGNMENT)

    cdef int n_threads(self) noexcept nogil:
        return wanted_threads() if self.threaded else 1

    cdef int take_results(self, plan) except -1:
        first = 1 + self.n_inputs + len(plan.constants)
        self.results = []
        for k, (value, own) in enumerate(plan.results):
            where = plan.where(value)
            if value.shape == ():
                self.results.append((where[0], where[1], is_single(where)))
            else:
                strides = value.strides if own else None
                self.results.append((first + k, value.shape, strides, value.dtype))
        return 0

    cdef int take(self, void* place, tuple told) except -1:
        """One step of the plan."""
        cdef Step* step = <Step*>place
        kind = told[0]
        if kind == "cluster":
            cluster = make_cluster(
                step, told[1], told[2], told[3], told[4], told[5], told[6])
            step.index = len(self.clusters)
            self.clusters.append(cluster)
            step.cluster = <void*>&(<Cluster>cluster).data
            self.work_size = max(self.work_size, (<Cluster>cluster).data.work_size)
            self.most_columns = max(
                self.most_columns, step.n_inputs + step.n_outputs + step.n_sums)
            self.most_sums = max(self.most_sums, (step.n_outputs + step.n_sums) * max(
                <int64_t>1, n_element_chunks(<ClusterRun*>step.cluster, step.n)))
            self.threaded |= takes_threads(<ClusterRun*>step.cluster, step.n)
            self.cost += step.n * (<Cluster>cluster).data.cost
        elif kind == "copy":
            make_copy(step, told[1], told[2])
            self.cost += math.prod(told[2][2])
        elif kind in REDUCTIONS:
            make_reduction(step, kind, told[1], told[2], told[3])
            self.cost += math.prod(told[1][2])
        elif kind == "matmul":
            make_matmul(step, told[1], told[2], told[3])
            self.cost += math.prod(told[1][2]) * told[2][2][-1]
        elif kind == "images":
            make_images(step, told[1], told[2], [*told[3], told[4]])
            self.cost += math.prod(told[4][2]) * math.prod(told[3][-1][2][2:])
        elif kind == "look":
            recorded = np.array(told[2], order="C").reshape(told[1][2])
            target = (0, 0, told[1][2], recorded.strides, told[1][4])
            make_copy(step, told[1], target)
            step.kind, step.index, step.other = LOOK, len(self.recorded), told[3]
            step.recorded = <const char*>cnp.PyArray_DATA(<ndarray>recorded)
            self.recorded.append((recorded, told))
        elif kind == "guard":
            step.kind, step.other, step.size = GUARD, told[4], told[3]
            step.x, step.y = place_of(told[1]), place_of(told[2])
            step.n_inputs, step.n_outputs = is_single(told[1]), is_single(told[2])
            step.index = len(self.recorded)
            self.recorded.append((None, told))
        else:
            step.kind, step.index = CALL, len(self.calls)
            self.calls.append(told)
        return 0

    # -- frames ------------------------------------------------------------------------------

    cdef ArrayFrame* borrow(self) except NULL:
        cdef ArrayFrame* frame
        cdef Py_ssize_t i
        cdef char* memory
        cdef ndarray constant
        while self.n_frames:
            self.n_frames -= 1
            frame = self.frames[self.n_frames]
            if frame.n_threads == self.n_threads():
                return frame
            free(frame)  # the setting has changed
        frame = <ArrayFrame*>block(self.frame_size())
        frame.bases = <char**>(frame + 1)
        memory = <char*>(frame.bases + self.n_buffers)
        memory += (ALIGNMENT - <size_t>memory % ALIGNMENT) % ALIGNMENT
        frame.arena = memory
        memory += self.arena_size
        frame.work = <double*>memory
        frame.n_threads = self.n_threads()
        frame.sums = frame.work + frame.n_threads * self.work_size
        frame.columns = <void*>(frame.sums + self.most_sums)
        frame.targets = <void*>(<Column*>frame.columns + self.most_columns)
        frame.bases[0] = frame.arena
        for i, constant in enumerate(self.constants):
            frame.bases[1 + self.n_inputs + i] = <char*>cnp.PyArray_DATA(constant)
        return frame

    cdef void give_back(self, ArrayFrame* frame) noexcept:
        if self.n_frames < MOST_FRAMES:
            self.frames[self.n_frames] = frame
            self.n_frames += 1
        else:
            free(frame)

    # -- runs --------------------------------------------------------------------------------

    cdef list run(self, list leaves, int64_t* failed, int* kinks):
        """Results for inputs of the recorded form; `failed` is the step of a guard, or -1."""
        cdef ArrayFrame* frame = self.borrow()
        try:
            return self.run_in(frame, leaves, failed, kinks)
        finally:
            self.give_back(frame)

    cdef list settle(self, list leaves, int64_t* failed, int* kinks):
        """The first run, at the inputs of the recording: what was looked at then is looked at
        now, as this executor rounds it."""
        self.settling = True
        try:
            return self.run(leaves, failed, kinks)
        finally:
            self.settling = False

    cdef list run_in(self, ArrayFrame* frame, list leaves, int64_t* failed, int* kinks):
        cdef Py_ssize_t i
        cdef int64_t at = 0
        cdef list out = []
        cdef tuple told
        for i in range(self.n_inputs):
            if self.numbers[i] >= 0:
                (<double*>(frame.arena + self.numbers[i]))[0] = <double>leaves[i]
            else:
                frame.bases[1 + i] = <char*>cnp.PyArray_DATA(<ndarray>leaves[i])
        for told in self.results:
            if len(told) == 3:
                out.append(None)
                continue
            array = made(told)
            frame.bases[<int64_t>told[0]] = <char*>cnp.PyArray_DATA(<ndarray>array)
            out.append(array)
        failed[0] = -1
        while True:
            if self.cost < BRIEF_WORK:
                at = self.run_steps(frame, at, failed, kinks)
            else:
                with nogil:
                    at = self.run_steps(frame, at, failed, kinks)
            if failed[0] >= 0:
                return None
            if failed[0] == NO_MEMORY:
                raise MemoryError("out of memory for a convolution or a pool in a program")
            if at == self.n_steps:
                break
            self.call((<Step*>self.steps)[at].index, frame)
            at += 1
        for i, told in enumerate(self.results):
            if len(told) == 3:
                out[i] = tapead_get(frame.bases[<int64_t>told[0]] + <int64_t>told[1], told[2])
        return out

    cdef int64_t run_steps(
        self, ArrayFrame* frame, int64_t at, int64_t* failed, int* kinks
    ) noexcept nogil:
        """Run from step `at` to the next that needs the GIL, or the end."""
        cdef Step* step
        cdef char* data[3]
        cdef char* images[MOST_IMAGES]
        cdef int64_t i
        while at < self.n_steps:
            step = <Step*>self.steps + at
            if step.kind == CLUSTER:
                run_cluster(step, frame, kinks)
            elif step.kind == COPY:
                tapead_copy(&step.loop, address(frame, step.x), address(frame, step.d), step.size)
            elif step.kind == REDUCE:
                tapead_reduce(&step.loop, &step.over, address(frame, step.x),
                              address(frame, step.d), step.size, step.other, step.index)
            elif step.kind == MATMUL:
                data[0], data[1] = address(frame, step.x), address(frame, step.y)
                data[2] = address(frame, step.d)
                matmul_loops[step.size](data, step.dims, step.strides, matmul_data[step.size])
            elif step.kind == IMAGES:
                for i in range(step.n_inputs):
                    images[i] = address(frame, step.places[i])
                if run_task(step.task, images):
                    failed[0] = NO_MEMORY
                    return at
            elif step.kind == GUARD:
                if not guard_holds(
                        <int>step.size, tapead_get(address(frame, step.x), step.n_inputs),
                        tapead_get(address(frame, step.y), step.n_outputs), <int>step.other):
                    failed[0] = at
                    return at
            elif step.kind == LOOK:
                if not tapead_same(
                        &step.loop, address(frame, step.x), step.recorded, step.size):
                    if not self.settling or not tapead_settle(
                            &step.loop, address(frame, step.x), <char*>step.recorded, step.size,
                            1e-3 if step.other else 1e-7):  # single precision came into it
                        failed[0] = at
                        return at
            else:
                return at
            at += 1
        return at

    # -- with the GIL ------------------------------------------------------------------------

    cdef object call(self, int64_t index, ArrayFrame* frame):
        """A primitive, or a write that NumPy does."""
        cdef tuple told = self.calls[index]
        if told[0] == "put":
            target = at_place(frame, told[1])
            target[() if told[2] is None else told[2]] = at_place(frame, told[3])
            return None
        _, row, operands, params, results = told
        found = row.value(*[at_place(frame, where) for where in operands], **params)
        if type(results) is dict:
            for i, where in results.items():
                at_place(frame, where)[...] = found[i]
        else:
            at_place(frame, results)[...] = found
        PyErr_CheckSignals()
        return None


cdef void run_cluster(Step* step, ArrayFrame* frame, int* kinks) noexcept nogil:
    cdef int64_t i, n_in = step.n_inputs, n_out = step.n_outputs
    cdef Column* columns = <Column*>frame.columns
    cdef Target* targets = <Target*>frame.targets
    cdef double* sums = frame.sums
    cdef Place* places = step.places
    memcpy(columns, step.columns, n_in * sizeof(Column))
    memcpy(targets, step.targets, (n_out + step.n_sums) * sizeof(Target))
    for i in range(n_in):
        columns[i].base = <const double*>address(frame, places[i])
    for i in range(n_out):
        targets[i].base = <double*>address(frame, places[n_in + i])
    run_elements(<ClusterRun*>step.cluster, columns, targets, sums, step.n, frame.work,
                 frame.n_threads, kinks)
    for i in range(step.n_sums):
        tapead_put(address(frame, places[n_in + n_out + i]), sums[n_out + i],
                   step.layouts[n_in + n_out + i].kind)


cdef inline char* address(ArrayFrame* frame, Place place) noexcept nogil:
    return frame.bases[place.buffer] + place.offset


cdef ndarray at_place(ArrayFrame* frame, tuple where):
    """The array at a place, for as long as the frame is not used for anything else."""
    cdef int d, n = len(where[2])
    cdef npy_intp[64] shape
    cdef npy_intp[64] strides
    cdef object dtype = where[4]
    for d in range(n):
        shape[d], strides[d] = where[2][d], where[3][d]
    Py_INCREF(dtype)
    return PyArray_NewFromDescr(
        <PyTypeObject*>ndarray, dtype, n, shape, strides,
        frame.bases[<int64_t>where[0]] + <int64_t>where[1], cnp.NPY_ARRAY_WRITEABLE, NULL)


cdef ndarray made(tuple told):
    """A new array whose axes lie in memory as a result's do."""
    cdef int d, n = len(told[1])
    cdef npy_intp[64] shape
    cdef ndarray array
    for d in range(n):
        shape[d] = told[1][d]
    array = new_array(n, shape, told[3].num)
    if told[2] is None or (<object>array).strides == told[2]:
        return array
    memory = np.empty(math.prod(told[1]), told[3])
    return np.ndarray(told[1], told[3], memory, 0, told[2])
