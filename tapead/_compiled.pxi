# compile: paths recorded as they are needed.

MOST_PATHS = 32


@cython.final
cdef class Compiled(Recorded):
    """Compiled()\n--\n

    A function that is recorded at its first call and replayed afterwards.

    Comes from `tapead.compile`. Gives what the function itself gives for traced numbers, and its
    derivatives.
    """

    cdef dict __dict__  # name, docstring and annotations of the function
    cdef Compiled with_aux  # the same for transforms with has_aux=True

    def __init__(self, f, max_paths=MOST_PATHS, reassociate=False):
        if not callable(f):
            raise TypeError(f"compile needs a function; got {type(f).__name__}")
        if isinstance(max_paths, bool) or not isinstance(max_paths, int) or max_paths < 1:
            raise ValueError(f"max_paths is an int of at least 1; got {max_paths!r}")
        self.function = f
        self.most_paths = max_paths
        self.reassociate = reassociate
        self.last = -1
        self.paths = []
        for name in functools.WRAPPER_ASSIGNMENTS:
            if hasattr(f, name):
                setattr(self, name, getattr(f, name))

    def __call__(self, *args, **kwargs):
        """The function's result."""
        if active_state().owner != NULL and (any_traced(args) or any_traced(kwargs)):
            return self.function(*args, **kwargs)
        return self.replay("value", None, tree_of(args, kwargs), args, kwargs)

    def __get__(self, instance, owner):
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self):
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"<tapead.compile({name}): {len(self.paths)} paths>"

    def __reduce__(self):
        if self.is_global():
            return self.__qualname__
        return Compiled, (self.function, self.most_paths, bool(self.reassociate))

    cdef bint is_global(self):
        """Whether a module has it under the function's name: it was decorated."""
        try:
            module = sys.modules[self.__module__]
            return operator.attrgetter(self.__qualname__)(module) is self
        except (AttributeError, KeyError):
            return False

    def stats(self):
        """What became of the calls.

        Returns
        -------
        dict
            How many paths were ``recorded``, calls ``replayed``, paths ``dropped`` because there
            were too many, and the ``paths`` that are kept.
        """
        return {
            "recorded": self.n_recorded, "replayed": self.n_replayed,
            "dropped": self.n_dropped, "paths": len(self.paths),
        }

    cdef Signature signature_of(self, tuple args, dict kwargs, object argnums, str kind):
        return arguments_signature(args, kwargs, None, True)

    def transformed(self, name, argnums, has_aux, args, kwargs):
        """What a transform of the function returns; see `Recorded`."""
        cdef Compiled own = self.aux() if has_aux else self
        primals = args[0] if name in PAIRED else args
        if any_traced(args) or any_traced(kwargs):
            return NotImplemented
        argnums = all_of(primals) if name in PAIRED else argnums
        primals = floated(primals, argnums)
        if name == "jacobian" or name == "hessian":
            return own.matrix(name, argnums, primals, kwargs)
        tree = (primals, args[1]) if name in PAIRED else tree_of(primals, kwargs)
        return own.replay(name, argnums, tree, primals, kwargs)

    def vjp_of(self, primals, has_aux):
        """What ``vjp(self, *primals)`` returns; see `Recorded`."""
        cdef Compiled own = self.aux() if has_aux else self
        if any_traced(primals):
            return NotImplemented
        primals = copied(floated(primals, all_of(primals)))
        y = own.replay("value", None, primals, primals, {})

        def pullback(adjoint):
            return own.replay("vjp", all_of(primals), (primals, adjoint), primals, {})

        return (y[0], pullback, y[1]) if has_aux else (y, pullback)

    cdef Compiled aux(self):
        if self.with_aux is None:
            self.with_aux = Compiled(self.function, self.most_paths, self.reassociate)
            self.with_aux.has_aux = True
        return self.with_aux


def compile(f=None, /, *, max_paths=MOST_PATHS, reassociate=False):
    """Function that records `f` at its first call and replays it afterwards.

    A call whose comparisons come out differently, or whose arguments have another structure,
    shape or static value, records one more path; the answer is always the one that `f` gives (a
    NumPy scalar as a float). The transforms (`grad`, `hessian`, ...) of the result replay, too.

    Parameters
    ----------
    f : callable
        Depends on its arguments only; what it captures is a constant of each path. Its side
        effects happen when it is recorded.
    max_paths : int, default 32
        Paths to keep; beyond that the least recently used one leaves.
    reassociate : bool, default False
        As for `record`.

    Returns
    -------
    callable
        Has `stats` and `status`. Without `f`, a decorator.

    Raises
    ------
    TypeError, ValueError
        If `f` is not callable, or `max_paths` less than 1.

    Examples
    --------
    >>> import tapead
    >>> @tapead.compile
    ... def f(x):
    ...     return x * x if x > 0 else -x
    >>> f(3.0), f(2.0), f(-2.0), tapead.grad(f)(-1.0)
    (9.0, 4.0, 2.0, -1.0)
    >>> f.stats()["recorded"], f.stats()["paths"]
    (2, 2)
    """
    if f is None:
        return functools.partial(compile, max_paths=max_paths, reassociate=reassociate)
    return Compiled(f, max_paths, reassociate)
