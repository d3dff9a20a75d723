# Sparse Jacobians and Hessians of programs of arrays: a program of one direction, replayed for
# every colour. It is linear in its seeds, and which of its results depend on which seeds is the
# pattern: that of the very path that it takes.

SPARSE = frozenset(("sparse_jacobian", "sparse_hessian"))
MARKED = {kind: f"marked {kind}" for kind in ("columns", "rows", "products")}  # J s, s J, H s
DIRECTIONS = frozenset((*MARKED, *MARKED.values()))
TAKEN, SEED = OPCODES["taken"], OPCODES["seed"]
NOT_TRACED = (
    "{} gives plain numbers, which would drop the derivative with respect to a traced or batched "
    "argument; use {} there")


def directed(f, kind, argnums, has_aux, args, kwargs, seeds):
    """One direction: a Jacobian times seeds, seeds times a Jacobian, or a Hessian times seeds.

    In the marked kinds seeds of 0 are absent: 0 times an infinite partial is no NaN then.
    """
    positions = found_positions(argnums, len(args), kind)
    if kind.startswith("marked "):
        kind, seeds = kind.removeprefix("marked "), map_leaves(absent_or_one, seeds)

    def of_selected(*selected):
        found = list(args)
        for i, x in zip(positions, selected):
            found[i] = x
        y = checked_pair(f, *found, **kwargs)[0] if has_aux else f(*found, **kwargs)
        if kind == "products" and not isinstance(y, (Var, float, int)) and (
            not hasattr(y, "ndim") or y.ndim
        ):
            raise TypeError(
                f"sparse_hessian needs f to return one number; got {type(y).__name__}; use "
                "sparse_jacobian for several results")
        return y

    selected = tuple([args[i] for i in positions])
    if kind == "columns":
        return transforms.jvp(of_selected, selected, seeds)[1]
    if kind == "rows":
        return transforms.vjp(of_selected, *selected)[1](seeds)
    return transforms.hvp(of_selected, selected, seeds)


def absent_or_one(seed):
    """A traced seed with the mark where it is 0."""
    found = _array.apply_elemental(TAKEN, seed)
    return _array.apply_elemental(SEED, found) if type(seed) is Var else found


@cython.final
cdef class Compressed:
    """What a path of one direction tells: the pattern, and the directions that show all of it."""

    cdef readonly object structure  # of the Jacobian or the Hessian
    cdef readonly object directions
    cdef object origins  # of the entries, where rows are grouped
    cdef readonly bint forward  # whether columns need no more directions than rows
    cdef list full_rows  # those that are pulled back one by one

    def __init__(self, str kind, ArrayPath path, Py_ssize_t n_seeds):
        from tapead import _structures
        from tapead._array_sparsity import graph_pattern

        sets, outputs = graph_pattern(path.graph, len(path.graph.leaves) - n_seeds)
        ids = flat_sets(leaves(rebuilt(path.result, outputs)))
        found = _structures.Structure(*sets.csr(ids), (len(ids), int(sets.n_indices)))
        self.forward, self.full_rows = True, []
        if kind == "products":
            found = found.symmetrised()
            self.directions = _structures.hessian_directions(found)
        elif kind == "columns":
            self.directions = _structures.jacobian_directions(found)
            apart = _structures.without_full_rows(found, self.directions.n_colours // 2)
            if apart is not None:
                self.directions, self.full_rows = apart
            self.forward = self.directions.forward
        else:
            self.directions = _structures.column_directions(found)
        self.structure = found
        if kind == "rows":
            self.structure, self.origins = found.transposed()

    cdef object matrix(self, object data):
        return self.structure.matrix(data if self.origins is None else data[self.origins])


cdef object flat_sets(list parts):
    """The sets of all leaves of a result, in a row; what is static depends on nothing."""
    rows = [
        part.reshape(-1) if isinstance(part, ndarray) and part.dtype == np.int32
        else np.zeros(np.size(part), dtype=np.int32) for part in parts]
    return np.concatenate(rows) if rows else np.zeros(0, dtype=np.int32)


cdef object sparse_matrix(
    ArrayProgram program, str kind, object argnums, tuple args, dict kwargs, bint pattern
):
    """A csr_array at these arguments; its structure alone if `pattern` is set."""
    args = program.with_floats(kind, argnums, args, False)
    if kind == "sparse_hessian":
        return along_paths(program, "products", argnums, args, kwargs, pattern)
    if not program.by_rows.get(argnums, False):
        matrix = along_paths(program, "columns", argnums, args, kwargs, pattern)
        if matrix is not None:
            return matrix
        program.by_rows[argnums] = True
    return along_paths(program, "rows", argnums, args, kwargs, pattern)


cdef object along_paths(
    ArrayProgram program, str kind, object argnums, tuple args, dict kwargs, bint pattern
):
    """The matrix along the first path that these arguments take; None if rows are better."""
    cdef ArrayPath path
    cdef Compressed found
    like = seeds_like(program, kind, argnums, args, kwargs)
    cdef Py_ssize_t n_seeds = len(leaves(like))
    cdef int attempt
    for attempt in range(2):
        for path in tuple(program.paths.get((kind, argnums), ())):
            if path.leaves_of((args, kwargs, seeds_of(like, None))) is None:
                continue
            if path.compressed is None:
                path.compressed = Compressed(kind, path, n_seeds)
            found = path.compressed
            if not found.forward:
                return None
            if pattern:
                return found.structure
            data = pushed(program, path, argnums, found, args, kwargs, like)
            if data is not None:
                move_to_front(program.paths[kind, argnums], path)
                if not np.isfinite(data).all():
                    push_marked(program, kind, argnums, found, args, kwargs, like, data)
                return found.matrix(data)
        program.replay(kind, argnums, (args, kwargs, seeds_of(like, None)), {})
    raise RuntimeError(OTHERWISE)


cdef object pushed(
    ArrayProgram program, ArrayPath path, object argnums, Compressed found, tuple args,
    dict kwargs, object like
):
    """The entries, read from all directions; None if the arguments take another path."""
    cdef int64_t failed = -1
    cdef list inputs, results
    data = None
    for k in range(found.directions.n_colours):
        seeds = seeds_of(like, found.directions.seeds(k, k + 1)[0])
        inputs = path.leaves_of((args, kwargs, seeds))
        results = None if inputs is None else program.run(path, inputs, &failed)
        if results is None:
            return None
        row = flat_row(leaves(rebuilt(path.result, results)))
        if data is None:
            data = np.zeros(found.structure.nnz, row.dtype)
        found.directions.read(k, row, data)
    if found.full_rows:
        pull_rows(program, "rows", argnums, found, args, kwargs, data)
    return np.zeros(0) if data is None else data


cdef int pull_rows(
    ArrayProgram program, str kind, object argnums, Compressed found, tuple args, dict kwargs,
    object data
) except -1:
    """The rows that are full."""
    like = seeds_like(program, "rows", argnums, args, kwargs)
    structure = found.structure
    for row in found.full_rows:
        seeds = np.zeros(structure.shape[0])
        seeds[row] = 1.0
        results = program.replay(kind, argnums, (args, kwargs, seeds_of(like, seeds)), {})
        part = slice(structure.indptr[row], structure.indptr[row + 1])
        data[part] = flat_row(leaves(results))[structure.indices[part]]
    return 0


cdef int push_marked(
    ArrayProgram program, str kind, object argnums, Compressed found, tuple args, dict kwargs,
    object like, object data
) except -1:
    """The same where a partial is not finite: what a direction does not name is absent in it."""
    for k in range(found.directions.n_colours):
        seeds = seeds_of(like, found.directions.seeds(k, k + 1)[0])
        results = program.replay(MARKED[kind], argnums, (args, kwargs, seeds), {})
        found.directions.read(k, flat_row(leaves(results)), data)
    if found.full_rows:
        pull_rows(program, MARKED["rows"], argnums, found, args, kwargs, data)
    return 0


cdef object flat_row(list parts):
    rows = [np.reshape(part, -1) for part in parts]
    return rows[0] if len(rows) == 1 else np.concatenate(rows) if rows else np.zeros(0)


cdef object seeds_like(
    ArrayProgram program, str kind, object argnums, tuple args, dict kwargs
):
    """What seeds look like: the arguments to differentiate, or the result."""
    if kind == "rows":
        y = program.replay("value", None, args, kwargs)
        like = y[0] if program.has_aux else y
        wanted = "needs f to return numbers"
    else:
        like = tuple([args[i] for i in found_positions(argnums, len(args), kind)])
        wanted = "differentiates with respect to floats, arrays of floats and containers of them"
    for leaf in leaves(like):
        if not isinstance(leaf, (float, np.floating)) and not (
            isinstance(leaf, ndarray) and leaf.dtype in (np.float64, np.float32)
        ):
            name = "sparse_hessian" if kind == "products" else "sparse_jacobian"
            what = f"an array of {leaf.dtype}" if isinstance(leaf, ndarray) else (
                f"a {type(leaf).__name__}")
            raise TypeError(f"{name} {wanted}; got {what}")
    return like


cdef object seeds_of(object like, object flat):
    """Seeds in the structure of `like`: the numbers of `flat`, or ones."""
    cdef list at = [0]

    def part(leaf):
        size = leaf.size if isinstance(leaf, ndarray) else 1
        at[0] += size
        if not isinstance(leaf, ndarray):
            return 1.0 if flat is None else float(flat[at[0] - 1])
        if flat is None:
            return np.ones(leaf.shape, leaf.dtype)
        return flat[at[0] - size : at[0]].reshape(leaf.shape).astype(leaf.dtype)

    return map_leaves(part, like)


cdef object pattern_at(ArrayProgram program, str kind, object argnums, tuple args, dict kwargs):
    """The pattern at arguments that may be in place of others."""
    try:
        with np.errstate(all="ignore"):
            return sparse_matrix(program, kind, argnums, args, kwargs, True).pattern()
    except (ArithmeticError, np.linalg.LinAlgError) as error:
        raise TypeError(
            "the function has no value at the arguments where its pattern was looked for; "
            f"call {kind} at a point and take the pattern of its result") from error


class StandIn:
    """In place of an array of floats: without guards the path does not depend on its elements."""

    def __init__(self, array):
        self.shape, self.dtype = array.shape, array.dtype

    def array(self):
        """Numbers in general position; matrices are symmetric and positive definite."""
        found = np.random.default_rng(0).uniform(0.5, 1.0, self.shape)
        if found.ndim > 1 and self.shape[-1] == self.shape[-2]:
            n = self.shape[-1]
            found = found + np.swapaxes(found, -1, -2) + 2.0 * n * np.eye(n)
        return found.astype(self.dtype)


def stand_in(leaf):
    """What is kept of a leaf of arguments where there are no guards."""
    is_float = isinstance(leaf, ndarray) and leaf.dtype.kind == "f"
    return StandIn(leaf) if is_float else leaf


def written_out(leaf):
    """An array for what stands in for one."""
    return leaf.array() if isinstance(leaf, StandIn) else leaf
