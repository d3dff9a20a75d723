# Jacobians and Hessians: one recording, many directions.

cdef enum:
    CHOOSE = 0
    FORWARD = 1
    REVERSE = 2


cdef object result_leaf(object context, object leaf):
    """Collect the numbers and arrays of a result in order."""
    if type(leaf) is Array or (isinstance(leaf, ndarray) and leaf.dtype != object
                               and active_state().guarding != SCALARS):
        (<list>context).append(leaf)
        return None
    if isinstance(leaf, ndarray):
        for item in leaf.ravel().tolist():
            result_leaf(context, item)
        return None
    check_scalar(leaf, "a Jacobian")
    (<list>context).append(leaf)
    return None


cdef tuple jacobian_of(Transform transform, int mode, tuple args, dict kwargs, str name):
    """Jacobian in the structure of result and arguments, and the auxiliary result."""
    cdef Run run = Run.__new__(Run)
    cdef list results = []
    run.start(name)
    try:
        y, aux = recorded_parts(run, transform, args, kwargs)
        walk(results, y, result_leaf)
        if run.has_arrays():
            matrix = array_jacobian(run, results, mode)
        else:
            if mode == CHOOSE:
                mode = FORWARD if run.n_leaves <= len(results) else REVERSE
            matrix = jacobian_matrix(run, results, mode)
        if isinstance(transform.argnums, tuple):
            inputs = tuple([args[i] for i in positions(transform, len(args), name)])
        else:
            inputs = args[transform.argnums]
        blocks = blocks_of(matrix, y, inputs)
        if transform.has_aux:
            aux = run.released(aux)
    except BaseException:
        run.abandon()
        raise
    run.finish()
    return blocks, aux


cdef object jacobian_matrix(Run run, list results, int mode):
    """Results by leaves: a float64 array, or an object array if it is recorded."""
    if run.symbolic:
        matrix = np.empty((len(results), run.n_leaves), dtype=object)
        (record_columns if mode == FORWARD else record_rows)(run, results, matrix)
        return matrix
    matrix = np.zeros((len(results), run.n_leaves))
    if matrix.size:
        (sweep_columns if mode == FORWARD else sweep_rows)(run, results, matrix)
    return matrix


cdef object record_rows(Run run, list results, object matrix):
    cdef int64_t i
    for row, result in enumerate(results):
        run.record_reverse([result], [1.0])
        for i in range(run.n_leaves):
            matrix[row, i] = run.reached_at(run.first + i)


cdef object record_columns(Run run, list results, object matrix):
    cdef int64_t i
    cdef Ref one = passive(1.0)
    for i in range(run.n_leaves):
        run.prepare_refs()
        run.refs[i] = one
        run.sweep_refs_forward()
        for row, result in enumerate(results):
            matrix[row, i] = (
                run.reached_at((<Var>result).id) if run.depends_on_leaf(result) else 0.0)


cdef object sweep_rows(Run run, list results, double[:, ::1] matrix):
    """LANES rows at a time."""
    cdef int64_t start, k, i, id
    cdef double* bars = run.tape.workspace(LANES * run.last)
    for start in range(0, len(results), LANES):
        unreach(bars, LANES * run.first, LANES * run.last)
        for k in range(min(<int64_t>LANES, <int64_t>len(results) - start)):
            if run.depends_on_leaf(results[start + k]):
                id = (<Var>results[start + k]).id
                bars[LANES * id + k] = 1.0
        run.sweep(reverse_lanes, bars)
        for k in range(min(<int64_t>LANES, <int64_t>len(results) - start)):
            for i in range(run.n_leaves):
                matrix[start + k, i] = number_reached(
                    bars[LANES * (run.first + i) + k])


cdef object sweep_columns(Run run, list results, double[:, ::1] matrix):
    """LANES columns at a time."""
    cdef int64_t start, k, row, lanes
    cdef double* dots = run.tape.workspace(LANES * run.last)
    cdef int64_t[::1] ids = np.array(
        [(<Var>y).id if run.depends_on_leaf(y) else 0 for y in results], dtype=np.int64)
    for start in range(0, run.n_leaves, LANES):
        lanes = min(<int64_t>LANES, run.n_leaves - start)
        unreach(dots, LANES * run.first, LANES * run.last)
        for k in range(lanes):
            dots[LANES * (run.first + start + k) + k] = 1.0
        run.sweep(forward_lanes, dots)
        for row in range(ids.shape[0]):
            for k in range(lanes):
                matrix[row, start + k] = (
                    number_reached(dots[LANES * ids[row] + k]) if ids[row] else 0.0)


cdef class Blocks:
    """Cuts a matrix of results by leaves into blocks, one per leaf of either structure."""

    cdef object matrix
    cdef object inputs
    cdef list items  # the row at hand, where a result is a number
    cdef tuple shape  # of the result at hand, where it is an array
    cdef Py_ssize_t row
    cdef Py_ssize_t height
    cdef Py_ssize_t column

    def __init__(self, matrix, inputs):
        self.matrix = matrix
        self.inputs = inputs
        self.row = 0


cdef object blocks_of(object matrix, object y, object inputs):
    """A matrix in the structure of the result `y`, and within its leaves in that of `inputs`."""
    return walk(Blocks(matrix, inputs), y, row_block_leaf)


cdef object row_block_leaf(object context, object leaf):
    cdef Blocks blocks = <Blocks>context
    blocks.items = None
    blocks.shape = ()
    blocks.height = 1
    if isinstance(leaf, ndarray) or type(leaf) is Array:
        blocks.shape = leaf.shape
        blocks.height = leaf.size
    elif not isinstance(blocks.inputs, ndarray) and type(blocks.inputs) is not Array:
        blocks.items = blocks.matrix[blocks.row].tolist()
    blocks.column = 0
    out = walk(blocks, blocks.inputs, block_leaf)
    blocks.row += blocks.height
    return out


cdef object block_leaf(object context, object leaf):
    cdef Blocks blocks = <Blocks>context
    cdef Py_ssize_t start = blocks.column
    array = type(leaf) is Array or (type(leaf) is not float and isinstance(leaf, ndarray))
    blocks.column += leaf.size if array else 1
    if blocks.items is not None and not array:
        return blocks.items[start]
    block = blocks.matrix[blocks.row : blocks.row + blocks.height, start : blocks.column]
    block = block.reshape(blocks.shape + (leaf.shape if array else ()))
    if block.dtype == object:
        return elements(block)
    if type(block) is Array and not block.ndim:
        return block[()]
    return block.astype(leaf.dtype if array and leaf.dtype != object else np.float64)


cdef class jacrev(Transform):
    """jacrev(f, argnums=0, has_aux=False)\n--\n

    Function of the Jacobian of `f`, by reverse sweeps (one per result, eight at a time).

    Parameters
    ----------
    f : callable
        Returns numbers: one, an array, or a container of them.
    argnums : int or tuple of int, default 0
        As for `grad`.
    has_aux : bool, default False

    Returns
    -------
    callable
        Returns the Jacobian: in the structure of the result, and within each of its leaves in
        that of the argument. A leaf of shape S by a leaf of shape T is an array of shape S + T;
        a number by a number is a float.

    Raises
    ------
    TypeError
        As for `grad`, and if a result is not a number.

    Examples
    --------
    >>> import tapead
    >>> tapead.jacrev(lambda x: [x[0] * x[1], x[0] + x[1]])([3.0, 2.0])
    [[2.0, 3.0], [1.0, 1.0]]
    """

    def __call__(self, *args, **kwargs):
        if batching is not None:
            found = batching(self, args, kwargs)
            if found is not NotImplemented:
                return found
        if is_recorded(self.f):
            found = replayed(self, "jacobian", args, kwargs)
            if found is not NotImplemented:
                return found
        blocks, aux = jacobian_of(self, REVERSE, args, kwargs, "jacrev")
        return (blocks, aux) if self.has_aux else blocks


cdef class jacfwd(Transform):
    """jacfwd(f, argnums=0, has_aux=False)\n--\n

    Function of the Jacobian of `f`, by forward sweeps (one per input, eight at a time).

    Parameters
    ----------
    f : callable
    argnums : int or tuple of int, default 0
    has_aux : bool, default False

    Returns
    -------
    callable
        As for `jacrev`.

    Raises
    ------
    TypeError
        As for `jacrev`.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> tapead.jacfwd(lambda x: np.cumsum(x * x))(np.array([1.0, 2.0]))
    array([[2., 0.],
           [2., 4.]])
    """

    def __call__(self, *args, **kwargs):
        if batching is not None:
            found = batching(self, args, kwargs)
            if found is not NotImplemented:
                return found
        if is_recorded(self.f):
            found = replayed(self, "jacobian", args, kwargs)
            if found is not NotImplemented:
                return found
        blocks, aux = jacobian_of(self, FORWARD, args, kwargs, "jacfwd")
        return (blocks, aux) if self.has_aux else blocks


cdef class jacobian(Transform):
    """jacobian(f, argnums=0, has_aux=False)\n--\n

    Function of the Jacobian of `f`, forward or reverse, whichever takes fewer sweeps.

    Both come from the same recording; there are as many sweeps as inputs or as results.

    Parameters
    ----------
    f : callable
    argnums : int or tuple of int, default 0
    has_aux : bool, default False

    Returns
    -------
    callable
        As for `jacrev`.

    Raises
    ------
    TypeError
        As for `jacrev`.

    Examples
    --------
    >>> import tapead
    >>> tapead.jacobian(lambda r, phi: (r * tapead.cos(phi), r * tapead.sin(phi)))(2.0, 0.0)
    (1.0, 0.0)
    """

    def __call__(self, *args, **kwargs):
        if batching is not None:
            found = batching(self, args, kwargs)
            if found is not NotImplemented:
                return found
        if is_recorded(self.f):
            found = replayed(self, "jacobian", args, kwargs)
            if found is not NotImplemented:
                return found
        blocks, aux = jacobian_of(self, CHOOSE, args, kwargs, "jacobian")
        return (blocks, aux) if self.has_aux else blocks


cdef class hessian(Transform):
    """hessian(f, argnums=0, has_aux=False)\n--\n

    Function of the Hessian of `f`: forward sweeps over the recorded reverse sweep.

    Parameters
    ----------
    f : callable
        Returns one number.
    argnums : int or tuple of int, default 0
    has_aux : bool, default False

    Returns
    -------
    callable
        Returns the Jacobian of the gradient, in the structure that `jacrev` gives it.

    Raises
    ------
    TypeError
        As for `grad`.

    Examples
    --------
    >>> import numpy as np
    >>> import tapead
    >>> tapead.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 2.0]))
    array([[4., 6.],
           [6., 0.]])
    """

    def __call__(self, *args, **kwargs):
        cdef Transform gradient = grad(self.f, self.argnums, self.has_aux)
        if batching is not None:
            found = batching(self, args, kwargs)
            if found is not NotImplemented:
                return found
        if is_recorded(self.f):
            found = replayed(self, "hessian", args, kwargs)
            if found is not NotImplemented:
                return found
        blocks, aux = jacobian_of(
            jacfwd(gradient, self.argnums, self.has_aux), FORWARD, args, kwargs, "hessian")
        return (blocks, aux) if self.has_aux else blocks
