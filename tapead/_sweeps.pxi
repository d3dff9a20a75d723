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
    # The adjoint of node i - 1 stays in a register while node i is swept: it is the operand most
    # often, and a store and a load again would make a chain wait for both.
    cdef int64_t i, x, y
    cdef double bar = bars[last - 1], below
    for i in range(last - 1, first - 1, -1):
        below = bars[i - 1]
        if not is_unreached(bar):
            x = nodes[i].x
            y = nodes[i].y
            if x:
                if x == i - 1:
                    below = joined(below, bar * nodes[i].px)
                else:
                    reach(&bars[x], bar * nodes[i].px)
            if y:
                if y == i - 1:
                    below = joined(below, bar * nodes[i].py)
                else:
                    reach(&bars[y], bar * nodes[i].py)
        bars[i - 1] = below
        bar = below


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
    cdef const Node* node
    for i in range(first, last):
        node = &nodes[i]
        if node.x and not is_unreached(dots[node.x]):
            reach(&dots[i], dots[node.x] * node.px)
        if node.y and not is_unreached(dots[node.y]):
            reach(&dots[i], dots[node.y] * node.py)


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
    cdef double[LANES] sums
    for k in range(LANES):
        sums[k] = joined(total[k], factor[k] * partial)
        sums[k] = total[k] if is_unreached(factor[k]) else sums[k]
    for k in range(LANES):
        total[k] = sums[k]


cdef int check_signals() except -1 with gil:
    return PyErr_CheckSignals()


cdef void unreach(double* values, int64_t first, int64_t last) noexcept nogil:
    cdef int64_t i
    for i in range(first, last):
        values[i] = unreached()
