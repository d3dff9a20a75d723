# Sweeps over numbers and arrays that record what they do.

cdef int mark_dependents(
    Tape tape, char* depends, int64_t n_leaves, int64_t first, int64_t last
) except -1:
    """Which nodes from `first` on depend on the leaves that stand there."""
    cdef State* st = &tape.state
    cdef Entry entry
    cdef int64_t at = first
    cdef Py_ssize_t k, n = first_entry(tape, last)
    for k in range(first_entry(tape, first), n):
        entry = <Entry>tape.entries[k]
        find_dependents(st, depends, n_leaves, first, at, entry.id + 1)
        if entry.id >= first + n_leaves:
            depends[entry.id - first] = entry.depends(depends, first)
        at = entry.id + 1
    find_dependents(st, depends, n_leaves, first, at, last)
    return 0


cdef int record_reverse_mixed(
    Sweep sweep, const char* depends, int64_t first, int64_t last
) except -1:
    cdef Tape tape = <Tape>sweep.st.owner
    cdef Entry entry
    cdef int64_t top = last
    cdef Py_ssize_t k
    for k in range(first_entry(tape, last) - 1, -1, -1):
        entry = <Entry>tape.entries[k]
        if entry.id < first:
            break
        if entry.id + 1 < top:
            with nogil:
                record_reverse(sweep.st, sweep.refs, depends, entry.id + 1, top, sweep.base)
        if depends[entry.id - sweep.base]:
            entry.record_pull(sweep)
        top = entry.id
    if first < top:
        with nogil:
            record_reverse(sweep.st, sweep.refs, depends, first, top, sweep.base)
    return raise_failed(sweep.st) if sweep.st.failed else 0


cdef int record_forward_mixed(
    Sweep sweep, const char* depends, int64_t first, int64_t last
) except -1:
    cdef Tape tape = <Tape>sweep.st.owner
    cdef Entry entry
    cdef int64_t bottom = first
    cdef Py_ssize_t k, n = first_entry(tape, last)
    for k in range(first_entry(tape, first), n):
        entry = <Entry>tape.entries[k]
        if bottom < entry.id:
            with nogil:
                record_forward(sweep.st, sweep.refs, depends, bottom, entry.id, sweep.base)
        if depends[entry.id - sweep.base]:
            entry.record_push(sweep)
        bottom = entry.id + 1
    if bottom < last:
        with nogil:
            record_forward(sweep.st, sweep.refs, depends, bottom, last, sweep.base)
    return raise_failed(sweep.st) if sweep.st.failed else 0
