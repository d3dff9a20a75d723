# Jacobians of functions of arrays: a sweep for every element of the results or of the arguments.

cdef object array_jacobian(Run run, list results, int mode):
    """Results by leaves, both element by element: a float64 array, or a traced one.

    Seeds are 0 but for one element. Where that leaves a number that is not finite, as 0 times an
    infinite partial, the sweeps run once more with seeds that are absent there.
    """
    cdef Py_ssize_t i
    cdef list sizes = [leaf_size(run, run.first + i) for i in range(run.n_leaves)]
    n_rows = sum([size_of(result) for result in results])
    if mode == CHOOSE:
        mode = FORWARD if sum(sizes) <= n_rows else REVERSE
    swept = swept_rows if mode == REVERSE else swept_columns
    matrix = swept(run, results, sizes, n_rows, False)
    if not run.symbolic and not np.isfinite(matrix).all():
        matrix = swept(run, results, sizes, n_rows, True)
    return matrix


cdef object swept_rows(Run run, list results, list sizes, Py_ssize_t n_rows, bint absent):
    """By reverse sweeps."""
    rows = []
    for result in results:
        for seed in unit_seeds(result, absent):
            run.tape.busy = False
            if absent and isinstance(seed, ndarray):
                run.prepare()
                if run.depends_on_leaf(result):
                    add_bar(run.mixed, (<Array>result).place, seed, True)
                run.sweep(reverse_sweep, run.values)
            else:
                run.reverse([result], [seed])
            rows.append(flat_adjoints(run, sizes))
    return stacked(rows, (n_rows, sum(sizes)))


cdef object swept_columns(Run run, list results, list sizes, Py_ssize_t n_rows, bint absent):
    """By forward sweeps."""
    cdef Py_ssize_t i
    rows = []
    for i in range(run.n_leaves):
        for seed in leaf_seeds(run, run.first + i, absent):
            seeds = [0.0 if run.place_of(run.first + k) < 0 else None
                     for k in range(run.n_leaves)]
            seeds[i] = seed
            forward_some(run, seeds, absent)
            rows.append(flat_tangents(run, results))
    matrix = stacked(rows, (sum(sizes), n_rows))
    return matrix.T if type(matrix) is Array else np.ascontiguousarray(matrix.T)


cdef object stacked(list rows, tuple shape):
    if not rows or not shape[1]:
        return np.zeros(shape)
    return as_array(rows)


cdef int forward_some(Run run, list seeds, bint absent) except -1:
    """Tangents from the seeds that are there; None is an array without one."""
    cdef int64_t i
    run.tape.busy = False
    if run.symbolic:
        run.prepare_refs()
    else:
        run.prepare()
    for i in range(run.n_leaves):
        if isinstance(seeds[i], ndarray):
            if run.symbolic:
                add_recorded(run.mixed, run.place_of(run.first + i), seeds[i])
            else:
                add_bar(run.mixed, run.place_of(run.first + i), seeds[i], absent)
        elif seeds[i] == 1.0:
            if run.symbolic:
                run.refs[i] = passive(1.0)
            else:
                run.values[run.first + i] = 1.0
    return run.sweep_refs_forward() if run.symbolic else run.sweep(forward_sweep, run.values)


cdef Py_ssize_t size_of(object result) except -1:
    return result.size if type(result) is Array or isinstance(result, ndarray) else 1


cdef object leaf_of(Run run, int64_t id):
    """Values of an array leaf, None of a number."""
    cdef Py_ssize_t place = run.place_of(id)
    return None if place < 0 else run.leaf_data[id - run.first]


cdef Py_ssize_t leaf_size(Run run, int64_t id) except -1:
    data = leaf_of(run, id)
    return 1 if data is None else data.size


cdef list unit_seeds(object result, bint absent):
    """One seed per element: 1 there, 0 or absent elsewhere."""
    if not (type(result) is Array or isinstance(result, ndarray)):
        return [1.0]
    return units(result.shape, result.dtype, absent)


cdef list units(object shape, object dtype, bint absent):
    seeds = np.eye(int(np.prod(shape)), dtype=dtype)
    if absent:
        seeds = np.where(seeds != 0.0, seeds, _array.MARKS[dtype])
    return [seed.reshape(shape).copy() for seed in seeds]


cdef list leaf_seeds(Run run, int64_t id, bint absent):
    data = leaf_of(run, id)
    return [1.0] if data is None else units(data.shape, data.dtype, absent)


cdef object flat_adjoints(Run run, list sizes):
    """Adjoints of all leaves in a row."""
    cdef int64_t i
    parts = []
    for i in range(run.n_leaves):
        data = leaf_of(run, run.first + i)
        if data is None:
            parts.append(as_array([run.reached_at(run.first + i)]))
        else:
            parts.append(np.reshape(run.reached_like(run.first + i, data), -1))
    return joined_parts(parts)


cdef object flat_tangents(Run run, list results):
    """Tangents of all results in a row."""
    parts = []
    for result in results:
        dot = dot_leaf(run, result)
        parts.append(np.reshape(dot, -1) if type(dot) is Array or isinstance(dot, ndarray)
                     else as_array([dot]))
    return joined_parts(parts)


cdef object joined_parts(list parts):
    parts = [part.astype(np.float64) if part.dtype != np.float64 else part for part in parts]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
