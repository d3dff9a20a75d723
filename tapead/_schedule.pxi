# The order of instructions: each as soon as what it depends on is there.

cdef enum:
    FEW_LIVE = 256  # values that the nearest cache holds with ease

cdef Code scheduled(Code old):
    """Instructions sorted by the last primal one that each depends on, in their old order else.

    Adjoint steps then run as soon as they can, and the values that they use need not be kept. The
    old order stays where that would keep `FEW_LIVE` values more alive. What is dead is left out.
    """
    cdef Code new
    cdef int32_t* order
    cdef int64_t live
    if old.n_primal >= old.n:
        return compacted(old, NULL)
    order = order_of(old)
    try:
        live = most_live(old, order)
        better = live <= FEW_LIVE or live <= most_live(old, NULL) + FEW_LIVE
        new = compacted(old, order if better else NULL)
    finally:
        free(order)
    return new


cdef int32_t* order_of(Code code) except NULL:
    """Old positions in their new order: a counting sort by the last primal step, stable."""
    cdef int64_t i, n = code.n
    cdef int32_t* keys = <int32_t*>resized(NULL, (n + 1) * sizeof(int32_t))
    cdef int32_t* starts = <int32_t*>calloc(n + 2, sizeof(int32_t))
    cdef int32_t* order = <int32_t*>malloc((n + 1) * sizeof(int32_t))
    if starts == NULL or order == NULL:
        free(keys)
        free(starts)
        free(order)
        raise MemoryError(f"out of memory for {n} instructions")
    find_keys(code, keys)
    for i in range(n):
        starts[keys[i] + 1] += 1
    for i in range(n):
        starts[i + 1] += starts[i]
    for i in range(n):
        order[starts[keys[i]]] = <int32_t>i
        starts[keys[i]] += 1
    free(keys)
    free(starts)
    return order


cdef int find_keys(Code code, int32_t* keys) noexcept:
    """The primal step after which each instruction can run.

    Those that depend on inputs alone could run at once. They run beside the primal steps, one
    each: a chain of adjoints that waits for nothing but itself then overlaps with theirs.
    """
    cdef int64_t i
    cdef int32_t x, y, alone = 0
    for i in range(code.n_primal):
        keys[i] = <int32_t>i
    for i in range(code.n_primal, code.n):
        x, y = key_of(code, keys, code.x[i]), key_of(code, keys, code.y[i])
        if x < 0 and y < 0:  # of inputs alone: -1 less the key
            keys[i] = -1 - alone
            alone = min(alone + 1, max(0, <int32_t>code.n_primal - 1))
        else:
            keys[i] = max(x if x >= 0 else -1 - x, y if y >= 0 else -1 - y)
    for i in range(code.n_primal, code.n):
        if keys[i] < 0:
            keys[i] = -1 - keys[i]
    return 0


cdef inline int32_t key_of(Code code, const int32_t* keys, int32_t operand) noexcept:
    return keys[operand - code.n_inputs] if operand >= code.n_inputs else -1


cdef int64_t most_live(Code code, const int32_t* order) except -1:
    """The largest number of instructions' results that are needed later, at any one time."""
    cdef int64_t i, at, live = 0, most = 0, n_inputs = code.n_inputs
    cdef const int32_t* x = code.x
    cdef const int32_t* y = code.y
    cdef uint8_t* needed = <uint8_t*>calloc(n_inputs + code.n + 1, 1)
    if needed == NULL:
        raise MemoryError(f"out of memory for {code.n} instructions")
    for i in range(code.n_outputs):
        live += use(needed, n_inputs, code.outputs[i])
    for i in range(code.n_guards):
        live += use(needed, n_inputs, code.guards[i].x) + use(needed, n_inputs, code.guards[i].y)
    most = live
    for i in range(code.n - 1, -1, -1):
        at = i if order == NULL else order[i]
        if needed[n_inputs + at]:
            live += use(needed, n_inputs, x[at]) + use(needed, n_inputs, y[at]) - 1
            most = max(most, live)
    free(needed)
    return most


cdef inline int use(uint8_t* needed, int64_t n_inputs, int32_t operand) noexcept:
    cdef int first
    if operand < n_inputs:
        return 0
    first = not needed[operand]
    needed[operand] = 1
    return first


# -- all of them -----------------------------------------------------------------------------

cdef Code optimised(Code code, bint reassociate):
    """All passes."""
    cdef int wanted = DEAD | IDENTITIES | FOLD | SHARE
    return scheduled(walked(code, wanted | REASSOCIATE if reassociate else wanted))


def steps(Code code, bint reassociate):
    """Number of instructions after each pass, as pairs with its name; the recorded ones first."""
    cdef int done = REASSOCIATE if reassociate else 0
    found = [("recorded", code.n)]
    for name, wanted in WALKS.items():
        done |= wanted
        found.append((name, walked(code, done).n))
    found.append(("schedule", optimised(code, reassociate).n))
    return found


WALKS = {
    "dead code": DEAD, "identities": IDENTITIES, "constant folding": FOLD,
    "common subexpressions": SHARE,
}


def passes():
    """The passes by name, each a function of Code to Code."""
    return {
        "dead code": lambda Code code: compacted(code, NULL),
        "identities": lambda Code code, bint reassociate=False: walked(
            code, IDENTITIES | (REASSOCIATE if reassociate else 0)),
        "constant folding": lambda Code code: walked(code, FOLD),
        "common subexpressions": lambda Code code: walked(code, SHARE),
        "schedule": lambda Code code: scheduled(code),
    }
