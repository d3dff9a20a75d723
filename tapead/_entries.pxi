# Operations on arrays among the nodes, and sweeps over both.

from tapead._elementals cimport OP_ARRAY

cdef enum:
    SIGNALS_EVERY = 16  # operations on arrays between two looks for Ctrl-C
    LONG = 4096  # numbers in a row that are swept without the GIL

cdef type array_type = None  # registered by the module of arrays, which is built on this one
cdef ArrayHooks array_hooks


cdef int register_arrays(type kind, ArrayHooks hooks) except -1:
    """Take the type of traced arrays and what is done with them."""
    global array_type, array_hooks
    array_type, array_hooks = kind, hooks
    return 0


cdef class Entry:
    """An operation on arrays; the node `id` stands for it on the tape."""

    cdef int pull(self, Sweep sweep) except -1:
        """Add to the adjoints of the operands."""
        return 0

    cdef int push(self, Sweep sweep) except -1:
        """Add to the tangent of the result."""
        return 0

    cdef int record_pull(self, Sweep sweep) except -1:
        """As `pull`, by operations that are recorded."""
        return 0

    cdef int record_push(self, Sweep sweep) except -1:
        """As `push`, by operations that are recorded."""
        return 0

    cdef int release(self) except -1:
        """Give back the values that it keeps: it is not swept again."""
        return 0

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        """Whether an operand is among the nodes that ``nodes[id - base]`` is true of."""
        return False

    cdef bint reaches_below(self, int64_t first) noexcept:
        """Whether an operand is a node before `first`."""
        return False

    cdef int64_t nbytes(self, set seen) except -1:
        """Bytes of the arrays that it keeps and `seen` does not hold yet."""
        return 0


cdef class Sweep:
    """Adjoints or tangents while a tape is swept; see the declarations."""


cdef bint is_array(object x) noexcept:
    """Whether `x` is a traced array."""
    return array_type is not None and type(x) is array_type


cdef int64_t push_entry(State* st, Entry entry, double value, int64_t nbytes) except -1:
    """Append the node of an operation on arrays that keeps `nbytes`; its id."""
    cdef Tape tape = <Tape>st.owner
    cdef Ref ref
    if tape.byte_limit >= 0:
        if tape.bytes_used() + tape.array_bytes + 2 * nbytes > tape.byte_limit:
            raise TapeMemoryError(
                f"the recording needs more than max_bytes={tape.byte_limit} bytes for an array of "
                f"{nbytes} bytes and its adjoint; give the Tape a larger max_bytes")
        tape.array_bytes += nbytes
    ref = push(st, OP_ARRAY, value, 0.0, 0.0, 0, 0)
    if ref.id <= 0:
        raise_failed(st)
    entry.id = ref.id
    entry.place = len(tape.entries)
    tape.entries.append(entry)
    return ref.id


cdef int drop_entries(Tape tape, int64_t n) except -1:
    """Keep the entries whose node lies below n."""
    cdef Py_ssize_t kept = first_entry(tape, n)
    del tape.entries[kept:]
    if tape.results:
        tape.results = {id: found for id, found in tape.results.items() if 0 < id < n}
    if kept == 0:
        tape.array_bytes = 0
        tape.watched_arrays.clear()
    return 0


cdef int64_t result_bytes(dict results, set seen) except -1:
    """Bytes of the arrays that are kept for a trace and `seen` does not hold yet."""
    cdef int64_t total = 0
    for found in results.values():
        for array in found:
            while isinstance(getattr(array, "base", None), np.ndarray):
                array = array.base
            if isinstance(array, np.ndarray) and id(array) not in seen:
                seen.add(id(array))
                total += array.nbytes
    return total


cdef Py_ssize_t first_entry(Tape tape, int64_t id) noexcept:
    """Place of the first entry whose node is `id` or later."""
    cdef Py_ssize_t low = 0, high = len(tape.entries), middle
    while low < high:
        middle = (low + high) // 2
        if (<Entry>tape.entries[middle]).id < id:
            low = middle + 1
        else:
            high = middle
    return low


cdef int raise_stale(State* st, str what) except -1:
    if st.owner == NULL:
        raise TapeError(
            f"no tape is recording, but {what} was computed with; go on inside `with tape:`, or "
            "take the numbers a.value")
    raise TapeError(
        f"{what} is not on this tape: it was recorded on another one, or its tape was cleared or "
        "rewound since; pass it in as an argument, or take the numbers a.value")


cdef Sweep new_sweep(Tape tape, double* values):
    """A numeric sweep; ``values[id]`` are those of numbers."""
    cdef Sweep sweep = Sweep.__new__(Sweep)
    cdef Py_ssize_t n = len(tape.entries)
    sweep.st = &tape.state
    sweep.values = values
    sweep.bars = [None] * n
    sweep.marks = bytearray(n)
    return sweep


cdef int check_watched(Tape tape) except -1:
    """Refuse to sweep after a plain array has changed that an operation keeps."""
    if tape.watched_arrays:
        array_hooks.check(tape.watched_arrays)
    return 0


cdef int reverse_mixed(Sweep sweep, int64_t first, int64_t last) except -1:
    """Adjoints of nodes last - 1 down to `first`, arrays among them."""
    cdef Tape tape = <Tape>sweep.st.owner
    cdef Entry entry
    cdef int64_t top = last
    cdef Py_ssize_t k = first_entry(tape, last) - 1
    check_watched(tape)
    while k >= 0:
        entry = <Entry>tape.entries[k]
        if entry.id < first:
            break
        numbers_between(sweep, entry.id + 1, top, False)
        entry.pull(sweep)
        if sweep.last:
            entry.release()
        top = entry.id
        if k % SIGNALS_EVERY == 0:
            PyErr_CheckSignals()
        k -= 1
    return numbers_between(sweep, first, top, False)


cdef int forward_mixed(Sweep sweep, int64_t first, int64_t last) except -1:
    """Tangents of nodes `first` to last - 1, arrays among them."""
    cdef Tape tape = <Tape>sweep.st.owner
    cdef Entry entry
    cdef int64_t bottom = first
    cdef Py_ssize_t k, n = first_entry(tape, last)
    check_watched(tape)
    for k in range(first_entry(tape, first), n):
        entry = <Entry>tape.entries[k]
        numbers_between(sweep, bottom, entry.id, True)
        entry.push(sweep)
        bottom = entry.id + 1
        if k % SIGNALS_EVERY == 0:
            PyErr_CheckSignals()
    return numbers_between(sweep, bottom, last, True)


cdef int numbers_between(Sweep sweep, int64_t first, int64_t last, bint forward) except -1:
    """Sweep nodes `first` to last - 1, which are numbers."""
    if first >= last:
        return 0
    if last - first < LONG:
        (forward_block if forward else reverse_block)(
            sweep.st.nodes, sweep.values, first, last)
        return 0
    with nogil:
        (forward_sweep if forward else reverse_sweep)(sweep.st, sweep.values, first, last)
    return 0


cdef object seed_of(object seed, object target):
    """A plain number; for a traced array also an array of its shape."""
    if is_array(target) and isinstance(seed, np.ndarray):
        if seed.shape != target.shape:
            raise ValueError(f"expected a seed of shape {target.shape}; got {seed.shape}")
        return seed
    return as_number(seed, "a seed")
