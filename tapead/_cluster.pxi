# Clusters: Code applied element by element to arrays, in blocks that stay in the cache.

cdef enum:
    MOST_LANES = 256
    MOST_SLOTS = 11  # that so many lanes of stay in the first-level cache
    FEWEST = 4  # elements up to which one after the other costs less than lanes side by side
    MOST_SINGLE_LANES = 512
    SINGLE_ROOM = 6144  # floats of all slots


@cython.final
cdef class Cluster:
    """Code for the elements of arrays; see the declarations."""

    def __init__(self, Code code, bint single):
        cdef Lanes lanes = Lanes(code, np.ones(code.n_inputs, dtype=np.uint8))
        cdef Interpreter one = Interpreter(code)
        cdef Lowering lowering = lanes.lowered(False)
        cdef ClusterRun* data = &self.data
        cdef int64_t lanes_at_once
        self.code, self.one, self.lanes = code, one, lanes
        self.uniform = uniform_values(lanes.prologue)
        data.instructions, data.n_slots, data.cost = lowering.out, lowering.n_slots, lowering.n
        data.uniform = &self.uniform[0]
        data.n_inputs, data.n_outputs = code.n_inputs, code.n_outputs
        data.n_constants, data.constants = code.n_constants, code.constants
        data.narrow, data.wide, data.output_slots = one.narrow, one.wide, one.output_slots
        if single:
            data.single_lanes = max(MANY_LANES, min(
                MOST_SINGLE_LANES, SINGLE_ROOM // (data.n_slots + 1) // FEW_LANES * FEW_LANES))
        lanes_at_once = MOST_LANES if data.n_slots <= MOST_SLOTS else MANY_LANES
        lanes_at_once = max(lanes_at_once, data.single_lanes // 2)
        data.work_size = max((data.n_slots + 1) * lanes_at_once, one.n_slots)
        data.work_size = (data.work_size + 7) // 8 * 8


cdef object uniform_values(Interpreter prologue):
    """What is the same for all elements."""
    cdef Frame* frame = prologue.borrow()
    cdef int64_t i, n = prologue.code.n_outputs
    cdef int kinks = 0
    cdef double[::1] found = np.zeros(max(<int64_t>1, n))
    prologue.point(frame, &kinks)
    for i in range(n):
        found[i] = frame.outputs[i]
    prologue.give_back(frame)
    return found


cdef int64_t chunk_elements(const ClusterRun* cluster) noexcept nogil:
    """Elements that are run in one go; it depends on the code only, and so do sums."""
    return max(<int64_t>1, CHUNK_WORK // (MOST_LANES * cluster.cost)) * MOST_LANES


cdef int64_t n_element_chunks(const ClusterRun* cluster, int64_t n) noexcept nogil:
    cdef int64_t chunk = chunk_elements(cluster)
    return (n + chunk - 1) // chunk


cdef bint takes_threads(const ClusterRun* cluster, int64_t n) noexcept nogil:
    """Whether there is work for more than one thread."""
    return n * cluster.cost >= SERIAL_WORK


cdef struct ElementJob:
    const ClusterRun* cluster
    const Column* inputs
    const Target* outputs
    double* chunk_sums  # by chunk and output
    double* work  # by worker
    int64_t n
    int64_t chunk
    int kinks


cdef void run_chunk_of_elements(void* context, int64_t chunk, int worker) noexcept nogil:
    cdef ElementJob* job = <ElementJob*>context
    cdef int kinks = 0
    cdef int64_t first = chunk * job.chunk
    run_block(
        job.cluster, job.inputs, job.outputs, job.chunk_sums + chunk * job.cluster.n_outputs,
        first, min(job.n, first + job.chunk), job.work + worker * job.cluster.work_size, &kinks)
    if kinks:
        job.kinks = 1


cdef void run_elements(
    const ClusterRun* cluster, const Column* inputs, const Target* outputs, double* sums,
    int64_t n, double* work, int n_threads, int* kinks
) noexcept nogil:
    """All elements. `sums` has room for the sums of every chunk; the totals come first."""
    cdef ElementJob job
    cdef int64_t i, k, n_chunks = n_element_chunks(cluster, n)
    for i in range(max(<int64_t>1, n_chunks) * cluster.n_outputs):
        sums[i] = 0.0
    if n_chunks <= 1:
        run_block(cluster, inputs, outputs, sums, 0, n, work, kinks)
        return
    job.cluster, job.inputs, job.outputs = cluster, inputs, outputs
    job.chunk_sums, job.work, job.n = sums, work, n
    job.chunk, job.kinks = chunk_elements(cluster), 0
    if not takes_threads(cluster, n):
        n_threads = 1
    tapead_parallel(run_chunk_of_elements, &job, n_chunks, n_threads, NULL)
    for k in range(1, n_chunks):
        for i in range(cluster.n_outputs):
            sums[i] += sums[k * cluster.n_outputs + i]
    kinks[0] |= job.kinks


cdef void run_block(
    const ClusterRun* cluster, const Column* inputs, const Target* outputs, double* sums,
    int64_t first, int64_t last, double* work, int* kinks
) noexcept nogil:
    """Elements `first` to last - 1; sums are added to `sums`."""
    cdef tapead_batch batch
    cdef int32_t[MOST_LANES] failed
    cdef int64_t count
    batch = tapead_batch(
        <const tapead_wide*>cluster.instructions, cluster.uniform, <const tapead_column*>inputs,
        <const tapead_target*>outputs, False, sums)
    if not cluster.single_lanes and last - first <= FEWEST:
        run_few(cluster, inputs, outputs, sums, first, last, work, kinks)
        return
    while first < last:
        count = last - first
        if cluster.single_lanes:
            count = min(count, cluster.single_lanes)
            tapead_lanes_single(&batch, <float*>work, first, count, kinks)
        elif count <= FEW_LANES:
            tapead_lanes_16(&batch, work, first, count, failed, kinks)
        elif count > MOST_LANES // 2 and cluster.n_slots <= MOST_SLOTS:
            count = min(count, <int64_t>MOST_LANES)
            tapead_lanes_256(&batch, work, first, count, failed, kinks)
        else:
            count = min(count, <int64_t>MANY_LANES)
            tapead_lanes_64(&batch, work, first, count, failed, kinks)
        first += count


cdef void run_few(
    const ClusterRun* cluster, const Column* inputs, const Target* outputs, double* sums,
    int64_t first, int64_t last, double* work, int* kinks
) noexcept nogil:
    """Element after element."""
    cdef int64_t i, k
    cdef double* slots = work + cluster.n_constants
    cdef const double* found
    if cluster.n_constants:
        memcpy(work, cluster.constants, cluster.n_constants * sizeof(double))
    slots[cluster.n_inputs] = -0.0
    for k in range(first, last):
        for i in range(cluster.n_inputs):
            if inputs[i].layout == NULL:
                slots[i] = inputs[i].base[k * inputs[i].stride]
            else:
                tapead_load_layout_double(&slots[i], <const tapead_column*>&inputs[i], k, 1, 1)
        if cluster.narrow != NULL:
            tapead_replay_narrow(<const tapead_narrow*>cluster.narrow, work, kinks)
        else:
            tapead_replay_wide(<const tapead_wide*>cluster.wide, work, kinks)
        for i in range(cluster.n_outputs):
            found = &work[cluster.output_slots[i]]
            if outputs[i].summed:
                sums[i] += found[0]
            elif outputs[i].layout == NULL:
                outputs[i].base[k * outputs[i].stride] = found[0]
            else:
                tapead_store_layout_double(found, <const tapead_target*>&outputs[i], k, 1)
