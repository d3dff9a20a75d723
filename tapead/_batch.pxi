# Many points: lanes side by side, blocks of lanes in chunks, chunks on threads.
#
# What is the same at all points is run once, in front, by the interpreter of one point. Chunks and
# the order in which they are summed depend on the numbers of points and instructions only, so that
# a sum has the same bits for any number of threads.

cdef enum:
    MANY_LANES = 64
    FEW_LANES = 16
    ROOMY = 1 << 19  # bytes of slots from which on fewer lanes stay in the cache
    CHUNK_WORK = 1 << 18  # instructions times points of a chunk, about 20 us
    SERIAL_WORK = 1 << 20  # the same, below which a second thread does not pay
    GROUP_WORK = 1 << 29  # between two looks for Ctrl-C

cdef extern from "_threads.h":
    ctypedef void (*tapead_task)(void* context, int64_t chunk, int worker) noexcept nogil
    void tapead_parallel(
        tapead_task task, void* context, int64_t n_chunks, int n_threads, int* stop) nogil


cdef void run_chunks(
    void (*task)(void*, int64_t, int) noexcept nogil, void* context, int64_t n_chunks,
    int n_threads
) noexcept nogil:
    """Run ``task(context, chunk, worker)`` for all chunks, on the threads of programs."""
    tapead_parallel(task, context, n_chunks, n_threads, NULL)


cdef struct Job:
    # What the tasks of one batch share.
    tapead_batch batch
    double* slots  # those of each worker behind one another
    int64_t slots_size
    int64_t lanes
    int64_t n_points
    int64_t chunk_points
    int64_t first_chunk
    double* chunk_sums
    int64_t n_outputs
    int32_t* failed  # by point, or NULL
    int* kinks  # by worker


cdef class Batch:
    """Many points for `Executor.batch`; see the declarations."""

    def __dealloc__(self):
        free(self.inputs)
        free(self.outputs)

    cdef int prepare(
        self, int64_t n_points, int64_t n_inputs, int64_t n_outputs, int64_t n_guards
    ) except -1:
        """Room for everything, on one thread; no input varies and nothing is summed."""
        self.n_points = n_points
        self.n_threads = 1
        self.varies = np.zeros(n_inputs, dtype=np.uint8)
        self.inputs = <Column*>block(n_inputs * sizeof(Column))
        self.outputs = <Target*>block(n_outputs * sizeof(Target))
        self.sums = np.zeros(n_outputs)
        self.failed = np.full(n_points if n_guards else 0, -1, dtype=np.int32)
        return 0

    cdef int drop_outputs(self) except -1:
        """Sum the outputs over the points instead of writing them."""
        free(self.outputs)
        self.outputs = NULL
        return 0


cdef class Lanes:
    """Code lowered for many points, some of whose inputs vary."""

    cdef Code code
    cdef Interpreter prologue  # its outputs are the values that are the same at all points
    cdef list prologue_guards  # which of the code's it takes
    cdef Lowering lowering
    cdef Lowering summing  # the same with the outputs at the end
    cdef int32_t* uniform
    cdef uint8_t* same  # by value: whether it is the same at all points
    cdef uint8_t* guard_here

    def __dealloc__(self):
        free(self.uniform)
        free(self.same)
        free(self.guard_here)

    def __init__(self, Code code, const uint8_t[::1] varies):
        self.code = code
        self.find_same(varies)
        self.split()

    cdef int find_same(self, const uint8_t[::1] varies) except -1:
        cdef Code code = self.code
        cdef int64_t i, n_inputs = code.n_inputs
        self.same = <uint8_t*>block(n_inputs + code.n + 1)
        self.guard_here = <uint8_t*>block(code.n_guards)
        for i in range(n_inputs):
            self.same[i] = not varies[i]
        for i in range(code.n):
            self.same[n_inputs + i] = self.is_same(code.x[i]) and self.is_same(code.y[i])
        for i in range(code.n_guards):
            self.guard_here[i] = not (
                self.is_same(code.guards[i].x) and self.is_same(code.guards[i].y))
        return 0

    cdef inline bint is_same(self, int32_t operand) noexcept:
        return operand < 0 or self.same[operand]

    cdef int split(self) except -1:
        """What the lanes need of what is the same at all points, and the prologue that has it."""
        cdef Code code = self.code
        cdef int64_t i, n_values = code.n_inputs + code.n
        cdef list needed = []
        self.uniform = <int32_t*>block((n_values + code.n_constants) * sizeof(int32_t))
        for i in range(n_values + code.n_constants):
            self.uniform[i] = -1
        for i in range(code.n):
            if not self.same[code.n_inputs + i]:
                self.need(code.x[i], needed)
                self.need(code.y[i], needed)
        for i in range(code.n_guards):
            if self.guard_here[i]:
                self.need(code.guards[i].x, needed)
                self.need(code.guards[i].y, needed)
        for i in range(code.n_outputs):
            self.need(code.outputs[i], needed)
        self.prologue_guards = [i for i in range(code.n_guards) if not self.guard_here[i]]
        self.prologue = Interpreter(restricted(code, self.same, needed, self.prologue_guards))
        return 0

    cdef int need(self, int32_t operand, list needed) except -1:
        cdef int64_t place
        if operand == NO_OPERAND or not self.is_same(operand):
            return 0
        place = operand if operand >= 0 else self.code.n_inputs + self.code.n - 1 - operand
        if self.uniform[place] < 0:
            self.uniform[place] = <int32_t>len(needed)
            needed.append(operand)
        return 0

    cdef Lowering lowered(self, bint summed):
        cdef Lowering lowering = self.summing if summed else self.lowering
        cdef int64_t i
        if lowering is None:
            lowering = Lowering(self.code)
            lowering.on_demand = True
            lowering.uniform = self.uniform
            for i in range(self.code.n):
                lowering.skipped[i] = self.same[self.code.n_inputs + i]
            lowering.fuse()
            lowering.find_last_uses(summed)
            lower_with_stores(lowering, self.guard_here, summed)
            if summed:
                self.summing = lowering
            else:
                self.lowering = lowering
        return lowering

    cdef int64_t run(self, Batch batch) except? -2:
        """Run all points; how many of them left the recorded path."""
        cdef Lowering lowering = self.lowered(batch.outputs == NULL)
        cdef Frame* frame = self.prologue.borrow()
        cdef int64_t i, failed
        try:
            for i in range(self.code.n_inputs):
                if self.same[i]:
                    frame.inputs[i] = batch.inputs[i].base[0]
            with nogil:
                failed = self.prologue.point(frame, &batch.kinks)
            if failed >= 0:
                batch.failed[:] = self.prologue_guards[failed]
                return batch.n_points
            return run_lanes(lowering, batch, frame.outputs)
        finally:
            self.prologue.give_back(frame)


cdef int lower_with_stores(Lowering self, const uint8_t* guard_here, bint summed) except -1:
    """Instructions, each followed by the stores of its value; sums and the rest at the end."""
    cdef Code code = self.code
    cdef int64_t i, at, guard = 0
    cdef int32_t output
    cdef int32_t* first = <int32_t*>block((code.n + 1) * sizeof(int32_t))
    cdef int32_t* following = <int32_t*>block((code.n_outputs + 1) * sizeof(int32_t))
    cdef bint late
    for i in range(code.n_outputs):
        at = code.outputs[i] - code.n_inputs
        late = summed or at < 0 or self.skipped[at]
        if not late:
            following[i] = first[at]
            first[at] = <int32_t>i + 1
    for i in range(code.n + 1):
        guard = self.lower_guards(i, guard, guard_here)
        if i < code.n and not self.skipped[i]:
            self.lower_instruction(i)
            output = first[i]
            while output:
                self.emit(STORE, output - 1, self.slot_of(code.outputs[output - 1]), 0, 0)
                output = following[output - 1]
            if first[i]:
                self.release(<int32_t>(code.n_inputs + i), time_of(i))
    for i in range(code.n_outputs):
        at = code.outputs[i] - code.n_inputs
        if summed or at < 0 or self.skipped[at]:
            self.emit(STORE, <uint32_t>i, self.slot_of(code.outputs[i]), 0, 0)
    free(first)
    free(following)
    return self.emit(HALT, 0, 0, 0, 0)


cdef int64_t run_lanes(Lowering lowering, Batch batch, const double* uniform) except? -2:
    cdef Job job
    cdef int64_t n_outputs = lowering.code.n_outputs, n_chunks, i, k
    cdef int n_threads = batch.n_threads
    cdef bint summed = batch.outputs == NULL
    cdef void* memory = NULL
    memset(&job, 0, sizeof(job))
    job.batch = tapead_batch(
        lowering.out, uniform, <const tapead_column*>batch.inputs,
        <const tapead_target*>batch.outputs, lowering.code.n_guards > 0, NULL)
    job.lanes = MANY_LANES if lowering.n_slots * MANY_LANES * 8 <= ROOMY else FEW_LANES
    job.n_points = batch.n_points
    job.chunk_points = job.lanes * max(<int64_t>1, min(
        <int64_t>64, CHUNK_WORK // (job.lanes * lowering.n)))
    job.slots_size = (lowering.n_slots + 1) * job.lanes + 8
    job.n_outputs = n_outputs
    job.failed = &batch.failed[0] if batch.failed.shape[0] else NULL
    n_chunks = (batch.n_points + job.chunk_points - 1) // job.chunk_points
    if batch.n_points * lowering.n < SERIAL_WORK:
        n_threads = 1
    try:
        memory = block(n_threads * job.slots_size * sizeof(double) + 64)
        job.slots = <double*>((<size_t>memory + 63) & ~<size_t>63)
        job.slots_size = (job.slots_size + 7) // 8 * 8
        job.kinks = <int*>block(n_threads * 64 * sizeof(int))
        if summed:
            job.chunk_sums = <double*>block(n_chunks * n_outputs * sizeof(double))
        run_groups(&job, n_chunks, n_threads, lowering.n)
        for i in range(n_threads):
            batch.kinks |= job.kinks[64 * i]
        if summed:
            for i in range(n_chunks):
                for k in range(n_outputs):
                    batch.sums[k] += job.chunk_sums[i * n_outputs + k]
    finally:
        free(memory)
        free(job.kinks)
        free(job.chunk_sums)
    return int(np.count_nonzero(np.asarray(batch.failed) >= 0)) if batch.failed.shape[0] else 0


cdef int run_groups(Job* job, int64_t n_chunks, int n_threads, int64_t n_instructions) except -1:
    """All chunks, with a look for Ctrl-C now and then."""
    cdef int64_t group, left = n_chunks
    cdef int stop = 0
    group = max(<int64_t>n_threads, GROUP_WORK // (job.chunk_points * n_instructions + 1))
    while left > 0:
        with nogil:
            tapead_parallel(run_chunk, job, min(group, left), n_threads, &stop)
        job.first_chunk += group
        left -= group
        PyErr_CheckSignals()
    return 0


cdef void run_chunk(void* context, int64_t chunk, int worker) noexcept nogil:
    cdef Job* job = <Job*>context
    cdef tapead_batch batch = job.batch
    cdef int64_t first, last, count, i
    cdef int32_t[MANY_LANES] failed
    cdef double* slots = job.slots + worker * job.slots_size
    chunk += job.first_chunk
    if job.chunk_sums != NULL:
        batch.sums = job.chunk_sums + chunk * job.n_outputs
    first = chunk * job.chunk_points
    last = min(job.n_points, first + job.chunk_points)
    while first < last:
        count = min(job.lanes, last - first)
        if job.lanes == MANY_LANES:
            tapead_lanes_64(&batch, slots, first, count, failed, &job.kinks[64 * worker])
        else:
            tapead_lanes_16(&batch, slots, first, count, failed, &job.kinks[64 * worker])
        if job.failed != NULL:
            for i in range(count):
                job.failed[first + i] = failed[i]
        first += count
