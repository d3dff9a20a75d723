# Products with a Jacobian or a Hessian, and derivatives of a function of one number.

cdef object tangent_leaf(object context, object leaf):
    """Collect the numbers of a tangent or an adjoint in order."""
    if type(leaf) is float:
        (<list>context).append(leaf)
        return None
    if isinstance(leaf, ndarray):
        for item in leaf.ravel().tolist():
            tangent_leaf(context, item)
        return None
    if type(leaf) is not Var and (isinstance(leaf, (bool, np.bool_)) or not isinstance(
        leaf, (int, float, np.floating, np.integer)
    )):
        raise TypeError(f"a tangent or adjoint is made of floats; got {type(leaf).__name__}")
    (<list>context).append(leaf if type(leaf) is Var else float(leaf))
    return None


cdef list numbers_like(object tree, object like, str what):
    """Seeds in `tree`, which must have the structure of `like`: a number or an array each."""
    cdef list out = []
    for like_leaf, leaf in zip(leaves(like), align(like, tree, what)):
        if type(like_leaf) is Array or (
                isinstance(like_leaf, ndarray) and like_leaf.dtype != object
                and active_state().guarding != SCALARS):
            out.append(seed_like(leaf, like_leaf.dtype))
        else:
            tangent_leaf(out, leaf)
    return out


cdef object seed_like(object leaf, object dtype):
    """A tangent or an adjoint of an array, in its precision."""
    if isinstance(leaf, ndarray) and leaf.dtype == object:
        leaf = as_array(leaf)
    if type(leaf) is Array:
        return leaf.astype(dtype, copy=False)
    if isinstance(leaf, ndarray) and leaf.dtype.kind not in "iuf":
        raise TypeError(f"a tangent or adjoint is made of floats; got an array of {leaf.dtype}")
    return np.array(leaf, dtype=dtype)


cdef int require_tuple(object value, str name, str what) except -1:
    if not isinstance(value, (tuple, list)):
        raise TypeError(
            f"{name} takes {what} as a tuple with one entry per argument of f; "
            f"got {type(value).__name__}")
    return 0


cdef object dot_leaf(object context, object leaf):
    """Tangent of a leaf of the result."""
    cdef Run run = <Run>context
    if type(leaf) is Array:
        if run.depends_on_leaf(leaf):
            return run.reached_like((<Array>leaf).id, leaf)
        return np.zeros(leaf.shape, dtype=leaf.dtype)
    if isinstance(leaf, ndarray) and leaf.dtype != object:
        return np.zeros(leaf.shape, dtype=leaf.dtype if leaf.dtype.kind == "f" else float)
    if isinstance(leaf, ndarray):
        out = np.empty(leaf.size, dtype=object)
        for i, item in enumerate(leaf.flat):
            out[i] = dot_leaf(run, item)
        return float_array(out, leaf.dtype).reshape(leaf.shape)
    check_scalar(leaf, run.transform)
    return run.reached_at((<Var>leaf).id) if run.depends_on_leaf(leaf) else 0.0


def jvp(f, primals, tangents, has_aux=False):
    """Value of `f` and its Jacobian times a vector: one forward sweep.

    Parameters
    ----------
    f : callable
        Returns numbers: one, an array, or a container of them.
    primals : tuple
        Arguments of `f`.
    tangents : tuple
        One tangent per argument, in its structure.
    has_aux : bool, default False
        Whether `f` returns a pair of the result and anything else.

    Returns
    -------
    y, y_dot
        Result and its tangent, in one structure; with `has_aux` the auxiliary result as well.

    Raises
    ------
    TypeError, ValueError
        If an argument is not differentiable, or the tangents do not fit the primals.

    Examples
    --------
    >>> import tapead
    >>> tapead.jvp(lambda x, y: x * y, (3.0, 2.0), (1.0, 0.5))
    (6.0, 3.5)
    """
    require_tuple(primals, "jvp", "primals")
    require_tuple(tangents, "jvp", "tangents")
    cdef list seeds
    if batching is not None:
        found = batching(jvp, (f, tuple(primals), tuple(tangents)), {"has_aux": has_aux})
        if found is not NotImplemented:
            return found
    if is_recorded(f):
        found = f.transformed("jvp", (), has_aux, (tuple(primals), tuple(tangents)), {})
        if found is not NotImplemented:
            return found
    seeds = numbers_like(
        tuple(tangents), tuple(primals), "tangents in the structure of the primals")
    return forward_product(f, tuple(primals), seeds, has_aux, "jvp")


cdef tuple forward_product(object f, tuple primals, list seeds, bint has_aux, str name):
    cdef Run run = Run.__new__(Run)
    cdef Transform transform = Transform(f, tuple(range(len(primals))), has_aux)
    run.start(name)
    try:
        y, aux = recorded_parts(run, transform, primals, {})
        run.symbolic = run.symbolic or (run.nested and any_var(seeds))
        run.forward(seeds)
        y_dot = walk(run, y, dot_leaf)
        y = run.released(y)
        aux = run.released(aux)
    except BaseException:
        run.abandon()
        raise
    run.finish()
    return (y, y_dot, aux) if has_aux else (y, y_dot)


cdef bint any_var(list values):
    for value in values:
        if type(value) is Var or type(value) is Array:
            return True
    return False


def vjp(f, *primals, has_aux=False):
    """Value of `f` and its pullback: vectors times its Jacobian, one reverse sweep each.

    Parameters
    ----------
    f : callable
        Returns numbers: one, an array, or a container of them.
    *primals
        Arguments of `f`.
    has_aux : bool, default False
        Whether `f` returns a pair of the result and anything else.

    Returns
    -------
    y
        Result of `f`.
    pullback : callable
        Takes the adjoint of the result, in its structure, and returns a tuple with the adjoint
        of each argument. May be called many times, and inside other transforms.
    aux
        With `has_aux`, the auxiliary result.

    Raises
    ------
    TypeError
        If an argument is not differentiable.

    Examples
    --------
    >>> import tapead
    >>> y, pullback = tapead.vjp(lambda x, y: x * y, 3.0, 2.0)
    >>> y, pullback(1.0)
    (6.0, (2.0, 3.0))
    """
    cdef Run run = Run.__new__(Run)
    cdef Transform transform = Transform(f, tuple(range(len(primals))), has_aux)
    cdef list results = []
    if batching is not None:
        found = batching(vjp, (f, *primals), {"has_aux": has_aux})
        if found is not NotImplemented:
            return found
    if is_recorded(f):
        found = f.vjp_of(primals, has_aux)
        if found is not NotImplemented:
            return found
    run.start("vjp")
    try:
        y, aux = recorded_parts(run, transform, primals, {})
        walk(results, y, result_leaf)
        value, aux = run.released(y), run.released(aux)
    except BaseException:
        run.abandon()
        raise
    if not run.nested:
        run.tape.end()  # the pullback keeps the tape
    # copies: what the caller does to the arguments and to the result is no business of it
    pullback = Pullback(run, transform, copied(primals), copied(value), results)
    return (value, pullback, aux) if has_aux else (value, pullback)


cdef class Pullback:
    """Adjoints of a result to adjoints of the arguments; what `vjp` returns."""

    cdef Run run
    cdef Transform transform
    cdef bint depends  # on an outer recording
    cdef tuple primals
    cdef object value
    cdef list results

    def __init__(self, Run run, Transform transform, tuple primals, value, list results):
        self.run = run
        self.transform = transform
        self.depends = run.symbolic
        self.primals = primals
        self.value = value
        self.results = results

    def __call__(self, adjoint):
        """Adjoints of the arguments for the `adjoint` of the result."""
        cdef Run run = self.run
        cdef list seeds = numbers_like(
            adjoint, self.value, "an adjoint in the structure of the result")
        if active_state() != run.st if run.nested or any_var(seeds) else False:
            return self.again(adjoint, seeds)
        run.tape.check_idle()
        run.symbolic = run.nested and (self.depends or any_var(seeds))
        self.check_alive()
        try:
            run.reverse(self.results, seeds)
            return adjoints_of(run, self.transform, self.primals)
        finally:
            run.tape.busy = False

    cdef object again(self, adjoint, list seeds):
        """On a tape that does not hold the function's nodes: record it anew."""
        cdef Ref ref
        try:
            for value in leaves(self.primals) + seeds:
                if type(value) is Var:
                    as_ref(active_state(), value, &ref)
                elif type(value) is Array:
                    resolve(active_state(), <Array>value)
        except TapeError as error:
            raise TapeError(
                f"a value that this pullback belongs to, or its seed, is gone: {error}") from error
        return vjp(self.transform.f, *self.primals, has_aux=self.transform.has_aux)[1](adjoint)

    cdef int check_alive(self) except -1:
        for result in self.results:
            if (type(result) is Var and not self.run.tape.owns(<Var>result)
                    or type(result) is Array and (<Array>result).id
                    and not self.run.tape.owns_node((<Array>result).serial, (<Array>result).id)):
                raise TapeError("the recording that this pullback belongs to was rewound")
        return 0


def hvp(f, primals, tangents):
    """Hessian of `f` times a vector: a forward sweep over a recorded reverse sweep.

    Parameters
    ----------
    f : callable
        Returns one number.
    primals : tuple
        Arguments of `f`.
    tangents : tuple
        One tangent per argument, in its structure.

    Returns
    -------
    tuple
        One product per argument, in its structure.

    Raises
    ------
    TypeError, ValueError
        As for `jvp`.

    Examples
    --------
    >>> import tapead
    >>> tapead.hvp(lambda x: x[0] ** 2 * x[1], ([3.0, 2.0],), ([1.0, 0.0],))
    ([4.0, 6.0],)
    """
    require_tuple(primals, "hvp", "primals")
    require_tuple(tangents, "hvp", "tangents")
    cdef list seeds
    if batching is not None:
        found = batching(hvp, (f, tuple(primals), tuple(tangents)), {})
        if found is not NotImplemented:
            return found
    if is_recorded(f):
        found = f.transformed("hvp", (), False, (tuple(primals), tuple(tangents)), {})
        if found is not NotImplemented:
            return found
    seeds = numbers_like(
        tuple(tangents), tuple(primals), "tangents in the structure of the primals")
    gradient = grad(f, tuple(range(len(primals))))
    products = forward_product(gradient, tuple(primals), seeds, False, "hvp")[1]
    return with_dtypes_of(tuple(primals), products)


cdef object with_dtypes_of(tuple primals, tuple products):
    """Arrays of floats with the precision of those they belong to."""
    dtypes = iter([leaf.dtype for leaf in leaves(primals) if has_dtype(leaf)])

    def converted(leaf):
        if not has_dtype(leaf):
            return leaf
        dtype = next(dtypes)
        return leaf if leaf.dtype == object or dtype == object else leaf.astype(dtype, copy=False)

    return map_leaves(converted, products)


cdef bint has_dtype(object leaf):
    """Whether it is an array, plain or traced."""
    return isinstance(leaf, ndarray) or type(leaf).__module__ == "tapead._array"


cdef class derivative(Transform):
    """derivative(f, n=1)\n--\n

    n-th derivative of a function of one number.

    Every order records the sweep of the one before and differentiates it, so that the cost grows
    about fourfold with each.

    Parameters
    ----------
    f : callable
        Takes a number first, and returns one.
    n : int, default 1
        Order, at least 0.

    Returns
    -------
    callable
        Takes the arguments of `f`; differentiates with respect to the first.

    Raises
    ------
    ValueError
        If `n` is negative.
    TypeError
        When called: if argument or result is not one number.

    Examples
    --------
    >>> import tapead
    >>> tapead.derivative(tapead.sin, 3)(0.0)
    -1.0
    """

    cdef Py_ssize_t order
    cdef object lower

    def __init__(self, f, n=1):
        if isinstance(n, bool) or not isinstance(n, int):
            raise TypeError(f"derivative needs an order n of type int; got {type(n).__name__}")
        if n < 0:
            raise ValueError(f"derivative needs an order n of at least 0; got {n}")
        super().__init__(f)
        self.order = n
        self.lower = derivative(f, n - 1) if n > 1 else f

    def __call__(self, x, *args, **kwargs):
        if isinstance(x, (list, tuple, dict, np.ndarray)):
            raise TypeError(f"derivative is of a function of one number; got {type(x).__name__}, "
                            "use tapead.jacobian")
        if self.order == 0:
            return self.f(x, *args, **kwargs)
        if batching is not None:
            found = batching(self, (x, *args), kwargs)
            if found is not NotImplemented:
                return found
        if self.order <= 2 and is_recorded(self.f):
            name = "grad" if self.order == 1 else "hessian"
            found = self.f.transformed(name, 0, False, (x, *args), kwargs)
            if found is not NotImplemented:
                return found
        return forward_product(
            lambda x: scalar_result(self.lower(x, *args, **kwargs)), (x,), [1.0], False,
            "derivative")[1]

    def __reduce__(self):
        return derivative, (self.f, self.order)


cdef object scalar_result(object y):
    y = unwrapped(y)
    check_scalar(y, "derivative")
    return y
