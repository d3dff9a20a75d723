# Guards: what Python read off traced values while a Program was being recorded.

from tapead._guards import COMPARISONS, GUARDS

cdef dict KINDS = {kind.name: code for code, kind in enumerate(GUARDS)}
cdef int SAME_BITS = KINDS["same_bits"]
cdef int NOT_EQUAL = KINDS["not_equal"]
cdef int[6] KIND_OF  # of Python's comparisons
KIND_OF[Py_LT] = KINDS["less"]
KIND_OF[Py_LE] = KINDS["less_equal"]
KIND_OF[Py_GT] = KINDS["greater"]
KIND_OF[Py_GE] = KINDS["greater_equal"]
KIND_OF[Py_EQ] = KINDS["equal"]
KIND_OF[Py_NE] = KINDS["not_equal"]


cdef State* state_of(Var var) noexcept:
    """The recording of a Program that `var` belongs to: the active one or one around it."""
    cdef State* st = active_state()
    while st.owner != NULL:
        if (<Tape>st.owner).owns(var):
            return st if st.guarding else NULL
        st = (<Tape>st.owner).outer
    return NULL


cdef int note_guard(State* st, int kind, Ref x, Ref y, bint outcome) except -1:
    cdef Tape tape = <Tape>st.owner
    cdef Py_ssize_t capacity = 2 * tape.guard_capacity + 16
    cdef Guard* guard
    if tape.n_guards == tape.guard_capacity:
        guard = <Guard*>realloc(tape.guards, capacity * sizeof(Guard))
        if guard == NULL:
            raise TapeMemoryError(f"out of memory after {tape.n_guards} comparisons")
        tape.guards = guard
        tape.guard_capacity = capacity
    guard = &tape.guards[tape.n_guards]
    guard.x, guard.y = <int32_t>x.id, <int32_t>y.id
    guard.x_value, guard.y_value = x.value, y.value
    guard.kind = kind
    guard.outcome = outcome
    guard.at = st.n
    locate(tape, &guard.source)
    tape.n_guards += 1
    return 0


cdef inline Ref ref_of(Var var) noexcept:
    cdef Ref ref
    ref.value = var.number
    ref.id = var.id
    return ref


cdef int note_read(Var var) except -1:
    """The number itself was read: only the very same one leads along the same path."""
    cdef State* st = state_of(var)
    return 0 if st == NULL else note_guard(
        st, SAME_BITS, ref_of(var), passive(var.number), True)


cdef int note_whole(Var var, str kind, object outcome) except -1:
    """An int was made of the value."""
    cdef State* st = state_of(var)
    cdef double whole
    if st == NULL:
        return 0
    whole = float(outcome)
    return note_guard(st, KINDS[kind], ref_of(var), passive(whole), True)


cdef int note_truth(Var var) except -1:
    cdef State* st = state_of(var)
    return 0 if st == NULL else note_guard(
        st, NOT_EQUAL, ref_of(var), passive(0.0), var.number != 0.0)


cdef int note_comparison(Var var, object other, int op, bint outcome) except -1:
    cdef State* st = state_of(var)
    cdef Ref y
    if type(other) is Var:
        if state_of(<Var>other) != st:  # two recordings: neither knows the other's next value
            note_read(<Var>other)
            return note_read(var)
        y = ref_of(<Var>other)
    elif st != NULL:
        y = passive(float(other))
    if st == NULL:
        return 0
    if y.id == 0 and y.value != other and other == other:  # it is no double, as 2**53 + 1
        return note_read(var)
    return note_guard(st, KIND_OF[op], ref_of(var), y, outcome)


cdef int keep_guards(Tape tape, int64_t n) noexcept:
    """Guards once the nodes from n on are gone; those were constants, or nobody can replay."""
    cdef Py_ssize_t i, kept = 0
    cdef Guard* guard
    for i in range(tape.n_guards):
        guard = &tape.guards[i]
        guard.x = guard.x if guard.x < n else 0
        guard.y = guard.y if guard.y < n else 0
        guard.at = min(guard.at, n)
        if guard.x or guard.y:
            tape.guards[kept] = guard[0]
            kept += 1
    tape.n_guards = kept
    return 0
