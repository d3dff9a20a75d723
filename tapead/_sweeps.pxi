# The numeric sweeps: linear passes over the nodes without the GIL.

cdef int reverse_sweep(State* st, double* bars, int64_t first, int64_t last) except -1 nogil:
    """Adjoints of nodes last - 1 down to `first`; ``bars[i]`` belongs to node i."""
    cdef int64_t top = last, bottom
    while top > first:
        bottom = max(first, top - CHECK_EVERY)
        reverse_block(st.nodes, bars, bottom, top)
        top = bottom
        if top > first:
            check_signals()
    return 0


cdef void reverse_block(
    const Node* nodes, double* bars, int64_t first, int64_t last
) noexcept nogil:
    cdef int64_t i
    cdef double bar
    cdef const Node* node
    for i in range(last - 1, first - 1, -1):
        bar = bars[i]
        if is_unreached(bar):
            continue
        node = &nodes[i]
        bars[node.x] += reached(bar * node.px)
        bars[node.y] += reached(bar * node.py)


cdef int forward_sweep(State* st, double* dots, int64_t first, int64_t last) except -1 nogil:
    """Tangents of nodes `first` to last - 1; a node without operands keeps what it has."""
    cdef int64_t bottom = first, top
    while bottom < last:
        top = min(last, bottom + CHECK_EVERY)
        forward_block(st.nodes, dots, bottom, top)
        bottom = top
        if bottom < last:
            check_signals()
    return 0


cdef void forward_block(
    const Node* nodes, double* dots, int64_t first, int64_t last
) noexcept nogil:
    cdef int64_t i
    cdef double dot
    cdef const Node* node
    for i in range(first, last):
        node = &nodes[i]
        if node.x == 0 and node.y == 0:
            continue
        dot = -0.0
        if not is_unreached(dots[node.x]):
            dot += reached(dots[node.x] * node.px)
        if not is_unreached(dots[node.y]):
            dot += reached(dots[node.y] * node.py)
        dots[i] = dot


# The same with LANES directions side by side: ``bars[LANES * i + k]`` is direction k of node i.
# An operand that nothing has reached in one lane contributes nothing there, whatever its partial.

cdef int reverse_lanes(State* st, double* bars, int64_t first, int64_t last) except -1 nogil:
    cdef int64_t top = last, bottom
    while top > first:
        bottom = max(first, top - CHECK_EVERY // LANES)
        reverse_lane_block(st.nodes, bars, bottom, top)
        top = bottom
        if top > first:
            check_signals()
    return 0


cdef void reverse_lane_block(
    const Node* nodes, double* bars, int64_t first, int64_t last
) noexcept nogil:
    cdef int64_t i
    for i in range(last - 1, first - 1, -1):
        if nodes[i].x:
            add_lanes(&bars[LANES * nodes[i].x], &bars[LANES * i], nodes[i].px)
        if nodes[i].y:
            add_lanes(&bars[LANES * nodes[i].y], &bars[LANES * i], nodes[i].py)


cdef int forward_lanes(State* st, double* dots, int64_t first, int64_t last) except -1 nogil:
    cdef int64_t bottom = first, top
    while bottom < last:
        top = min(last, bottom + CHECK_EVERY // LANES)
        forward_lane_block(st.nodes, dots, bottom, top)
        bottom = top
        if bottom < last:
            check_signals()
    return 0


cdef void forward_lane_block(
    const Node* nodes, double* dots, int64_t first, int64_t last
) noexcept nogil:
    cdef int64_t i
    for i in range(first, last):
        if nodes[i].x:
            add_lanes(&dots[LANES * i], &dots[LANES * nodes[i].x], nodes[i].px)
        if nodes[i].y:
            add_lanes(&dots[LANES * i], &dots[LANES * nodes[i].y], nodes[i].py)


cdef inline void add_lanes(double* total, const double* factor, double partial) noexcept nogil:
    cdef int k
    cdef double[LANES] terms
    for k in range(LANES):
        terms[k] = -0.0 if is_unreached(factor[k]) else reached(factor[k] * partial)
    for k in range(LANES):
        total[k] += terms[k]


cdef int check_signals() except -1 with gil:
    return PyErr_CheckSignals()


cdef void unreach(double* values, int64_t first, int64_t last) noexcept nogil:
    cdef int64_t i
    for i in range(first, last):
        values[i] = -0.0
