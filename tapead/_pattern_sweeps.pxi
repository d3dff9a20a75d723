# Patterns of Code: sets of indices swept through its instructions.

cdef uint8_t[256] BLIND_X, BLIND_Y  # whether an operand has no path to the result


def blind():
    """By opcode, which operands have no path to the result wherever they are: (x, y)."""
    return {
        code: tuple(partial == "absent" for partial in row.partials)
        for code, row in enumerate(INSTRUCTIONS, start=1)
    }


for _code, _absent in blind().items():
    BLIND_X[_code] = _absent[0]
    BLIND_Y[_code] = _absent[len(_absent) - 1]


def code_pattern(data, const int32_t[::1] columns, n_columns, n_rows):
    """Which inputs the first results of a Code depend on.

    Parameters
    ----------
    data : CodeData
    columns : ndarray of int32
        Column of each input, -1 of those that are not differentiated.
    n_columns, n_rows : int

    Returns
    -------
    indptr, indices : ndarray of int32
        The columns of each row, in order.
    """
    cdef IndexSets sets = IndexSets(n_columns)
    cdef const uint8_t[::1] op = data.op
    cdef const int32_t[::1] x = data.x, y = data.y, outputs = data.outputs
    cdef int64_t n_inputs = data.n_inputs, n = op.shape[0], i = 0, k = 0, end
    cdef int32_t[::1] ids = np.zeros(n_inputs + n + 1, dtype=np.int32)
    cdef int32_t[::1] rows = np.zeros(n_rows, dtype=np.int32)
    for i in range(n_inputs):
        ids[i] = columns[i] + 1
    i = 0
    while i < n:
        end = min(n, i + BLOCK)
        with nogil:
            while i < end:
                k = sets.union_of(
                    ids[x[i]] if x[i] >= 0 and not BLIND_X[op[i]] else 0,
                    ids[y[i]] if y[i] >= 0 and not BLIND_Y[op[i]] else 0)
                if k < 0:
                    break
                ids[n_inputs + i] = <int32_t>k
                i += 1
        sets.look_up(k)
    for i in range(rows.shape[0]):
        rows[i] = ids[outputs[i]] if outputs[i] >= 0 else 0
    return sets.csr(rows)


def transposed_pattern(const int32_t[::1] indptr, const int32_t[::1] indices, n_columns):
    """Rows of each column, in order: ``indptr``, ``indices``, and where each entry comes from."""
    cdef int64_t n_rows = indptr.shape[0] - 1, nnz = indices.shape[0], i, k, place
    starts, rows = np.zeros(n_columns + 1, dtype=np.int32), np.empty(nnz, dtype=np.int32)
    origins = np.empty(nnz, dtype=np.int32)
    cdef int32_t[::1] start = starts, row = rows, origin = origins
    cdef int32_t[::1] at = np.zeros(n_columns + 1, dtype=np.int32)
    for k in range(nnz):
        start[indices[k] + 1] += 1
    for i in range(n_columns):
        start[i + 1] += start[i]
        at[i + 1] = start[i + 1]
    for i in range(n_rows):
        for k in range(indptr[i], indptr[i + 1]):
            place = at[indices[k]]
            row[place], origin[place] = <int32_t>i, <int32_t>k
            at[indices[k]] += 1
    return starts, rows, origins
