# grad, value_and_grad, and what every transform of a function has in common.

cdef class Transform:
    """A function made from a function: knows it as ``__wrapped__`` and binds as a method."""

    cdef object f
    cdef object argnums  # an int, or a tuple of ints
    cdef bint first_only  # argnums is 0
    cdef bint has_aux
    cdef tuple found  # positions of the arguments in the last call
    cdef Py_ssize_t n_args  # of the last call

    def __init__(self, f, argnums=0, has_aux=False):
        if not callable(f):
            raise TypeError(f"{self._name()} needs a function; got {type(f).__name__}")
        self.f = f
        self.argnums = checked_argnums(argnums)
        self.first_only = argnums == 0
        self.n_args = -1
        self.has_aux = has_aux

    @classmethod
    def _name(cls):
        return cls.__name__

    def __getattr__(self, name):
        # not a property: inspect.signature would follow the class's own
        if name == "__wrapped__":
            return self.f
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def __name__(self):
        return f"{self._name()}({getattr(self.f, '__name__', type(self.f).__name__)})"

    def __repr__(self):
        return f"<tapead.{self.__name__}>"

    def __get__(self, instance, owner):
        return self if instance is None else types.MethodType(self, instance)

    def __reduce__(self):
        return type(self), (self.f, self.argnums, self.has_aux)


cdef object recorded_type = None  # that of what is replayed; registered when it is imported


def register_recorded(kind):
    """Take the type of functions that replay their transforms; called by its module."""
    global recorded_type
    recorded_type = kind


cdef object batching = None  # what transforms inside vmap; None while none is running


def register_batching(hook):
    """Take what transforms functions of batched arrays, or None; called by vmap."""
    global batching
    batching = hook


cdef bint may_be_traced() noexcept:
    """Whether arguments may be traced or batched: a tape is active, or a vmap runs."""
    return active_state().owner != NULL or batching is not None


cdef bint any_traced(object tree) except -1:
    """Whether a leaf is traced, or batched by vmap."""
    for leaf in leaves(tree):
        kind = type(leaf)
        if kind is float or kind is int:
            continue
        if kind is Var or kind is Array or hasattr(kind, "__tapead_elemental__"):
            return True
        if isinstance(leaf, np.ndarray) and leaf.dtype == object and any_traced(leaf.tolist()):
            return True
    return False


cdef inline bint is_recorded(object f):
    return recorded_type is not None and isinstance(f, recorded_type)


cdef object replayed(Transform transform, str name, tuple args, dict kwargs):
    """The transform of a recorded function; NotImplemented if it has to run."""
    return transform.f.transformed(name, transform.argnums, transform.has_aux, args, kwargs)


cdef object checked_argnums(object argnums):
    numbers = argnums if isinstance(argnums, tuple) else (argnums,)
    if isinstance(argnums, list) or not all(
        isinstance(i, int) and not isinstance(i, bool) for i in numbers
    ):
        raise TypeError(f"argnums is an int or a tuple of ints; got {argnums!r}")
    if len(set(numbers)) != len(numbers):
        raise ValueError(f"argnums names an argument twice: {argnums!r}")
    return argnums


cdef tuple positions(Transform transform, Py_ssize_t n, str name):
    """Non-negative positions, among n arguments, of those to differentiate."""
    if transform.n_args != n:
        transform.found = found_positions(transform.argnums, n, name)
        transform.n_args = n
    return transform.found


cdef tuple found_positions(object argnums, Py_ssize_t n, str transform):
    cdef list out = []
    for i in argnums if isinstance(argnums, tuple) else (argnums,):
        if not -n <= i < n:
            raise TypeError(
                f"{transform} has argnums={argnums}, but the function was called with "
                f"{n} positional argument{'s' * (n != 1)}; pass it by position")
        out.append(i % n)
    if len(set(out)) != len(out):
        raise ValueError(f"{transform} has argnums={argnums}, which names an argument twice")
    return tuple(out)


cdef object record(Run run, Transform transform, tuple args, dict kwargs):
    """Run the function on lifted arguments."""
    cdef tuple lifted
    if run.nested:
        settle(run, args)
    if transform.first_only and len(args) == 1 and not kwargs:
        argument = walk(run, args[0], lift_leaf)
        result = transform.f(argument)
    else:
        lifted = lift_some(run, args, positions(transform, len(args), run.transform))
        result = transform.f(*lifted, **kwargs)
    run.recorded()
    return result


cdef int settle(Run run, tuple args) except -1:
    """Record views among the arguments first, so that the leaves stand one behind the other."""
    for arg in args:
        if type(arg) is not float:
            walk(run, arg, settle_leaf)
    run.first = run.last = run.st.n
    run.n_entries = len(run.tape.entries)
    return 0


cdef object settle_leaf(object context, object leaf):
    if type(leaf) is Array:
        resolve((<Run>context).st, <Array>leaf)
    return None


cdef tuple lift_some(Run run, tuple args, tuple where):
    cdef list lifted = list(args)
    for i in where:
        lifted[i] = walk(run, args[i], lift_leaf)
    return tuple(lifted)


cdef object adjoints_of(Run run, Transform transform, tuple args):
    """Leaf adjoints in the structure of the differentiated arguments."""
    run.cursor = run.first
    if transform.first_only:
        return walk(run, args[0], adjoint_leaf)
    if isinstance(transform.argnums, tuple):
        return tuple([
            walk(run, args[i], adjoint_leaf)
            for i in positions(transform, len(args), run.transform)])
    return walk(run, args[transform.argnums], adjoint_leaf)


cdef tuple split_aux(Transform transform, object result, str name):
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{name} with has_aux=True needs f to return (value, aux); got "
                        f"{type(result).__name__}")
    return result


cdef tuple recorded_parts(Run run, Transform transform, tuple args, dict kwargs):
    """Result and auxiliary result, None if there is none."""
    result = record(run, transform, args, kwargs)
    y, aux = split_aux(transform, result, run.transform) if transform.has_aux else (result, None)
    if type(y) is not Var and run.st.guarding != SCALARS:
        y = walk(run, y, joined_leaf)
        run.recorded()
    return y, aux


cdef object joined_leaf(object context, object leaf):
    """A result as one that can be swept from: views are recorded, object arrays are arrays."""
    if type(leaf) is Array:
        resolve(active_state(), <Array>leaf)
    return as_array(leaf) if isinstance(leaf, ndarray) and leaf.dtype == object else leaf


cdef object unwrapped(object y):
    """A number out of an array without dimensions."""
    if type(y) is Array:
        return y[()] if y.ndim == 0 else y
    return y[()] if isinstance(y, ndarray) and y.ndim == 0 else y


cdef int check_scalar(object y, str name) except -1:
    if type(y) is Var or type(y) is float:
        return 0
    if isinstance(y, (bool, np.bool_)) or not isinstance(y, (int, float, np.floating, np.integer)):
        raise TypeError(
            f"{name} needs f to return one number; got {type(y).__name__}; "
            "use tapead.jacobian for several results")
    return 0


cdef object gradient_of(Transform transform, tuple args, dict kwargs, str name, bint with_value):
    """What grad returns, or value_and_grad."""
    cdef Run run = Run.__new__(Run)
    aux = None
    if batching is not None:
        found = batching(transform, args, kwargs)
        if found is not NotImplemented:
            return found
    if is_recorded(transform.f):
        found = replayed(transform, name, args, kwargs)
        if found is not NotImplemented:
            return found
    run.start(name)
    try:
        y = record(run, transform, args, kwargs)
        if transform.has_aux:
            y, aux = split_aux(transform, y, name)
            aux = run.released(aux)
        if type(y) is not Var:
            y = unwrapped(y)
            check_scalar(y, name)
            run.recorded()  # to take a number out of an array is an operation
        run.reverse_one(y)
        gradient = adjoints_of(run, transform, args)
        y = run.released(y) if with_value else None
    except BaseException:
        run.abandon()
        raise
    run.finish()
    if transform.has_aux:
        return ((y, aux), gradient) if with_value else (gradient, aux)
    return (y, gradient) if with_value else gradient


cdef class grad(Transform):
    """grad(f, argnums=0, has_aux=False)\n--\n

    Function of the gradient of `f`, by one recording and one reverse sweep.

    Parameters
    ----------
    f : callable
        Returns one number; with `has_aux` a pair of the number and anything else.
    argnums : int or tuple of int, default 0
        Positional arguments to differentiate with respect to: a float, an array of floats, or
        a container of them (list, tuple, dict, named tuple, dataclass, optree's).
    has_aux : bool, default False

    Returns
    -------
    callable
        Takes the arguments of `f` and returns the gradient in the structure of the argument (a
        tuple of gradients for a tuple of `argnums`); with `has_aux` a pair of it and the
        auxiliary result. 0.0 where the result does not depend on an input.

    Raises
    ------
    TypeError
        When called: if an argument is a bool, str, None, complex or array of integers, or if
        the result is not one number.

    See Also
    --------
    value_and_grad : The value as well.
    jacobian : Of a function with several results.
    hessian : The derivatives of the gradient.

    Examples
    --------
    >>> import tapead
    >>> def f(x1, x2):
    ...     return tapead.log(x1) + x1 * x2 - tapead.sin(x2)
    >>> tapead.grad(f)(2.0, 5.0)
    5.5
    >>> tapead.grad(f, argnums=(0, 1))(2.0, 5.0)
    (5.5, 1.7163378145367738)
    >>> tapead.grad(tapead.grad(f))(2.0, 5.0)
    -0.25
    """

    def __call__(self, *args, **kwargs):
        return gradient_of(self, args, kwargs, "grad", False)


cdef class value_and_grad(Transform):
    """value_and_grad(f, argnums=0, has_aux=False)\n--\n

    Function of the value and the gradient of `f`: one recording, one reverse sweep.

    Parameters
    ----------
    f : callable
        As for `grad`.
    argnums : int or tuple of int, default 0
    has_aux : bool, default False

    Returns
    -------
    callable
        Returns ``(value, gradient)``; with `has_aux` ``((value, aux), gradient)``.

    Raises
    ------
    TypeError
        As for `grad`.

    Examples
    --------
    >>> import tapead
    >>> tapead.value_and_grad(lambda x: x[0] ** 2 * x[1])([3.0, 2.0])
    (18.0, [12.0, 9.0])
    """

    def __call__(self, *args, **kwargs):
        return gradient_of(self, args, kwargs, "value_and_grad", True)
