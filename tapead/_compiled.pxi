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
    cdef object arrays  # whether arrays are recorded as such; None is by their elements
    cdef object side  # the program of arrays
    cdef list modes  # forms of arguments that were recorded, and whether as arrays

    def __init__(self, f, max_paths=MOST_PATHS, reassociate=False, arrays=None):
        if not callable(f):
            raise TypeError(f"compile needs a function; got {type(f).__name__}")
        if isinstance(max_paths, bool) or not isinstance(max_paths, int) or max_paths < 1:
            raise ValueError(f"max_paths is an int of at least 1; got {max_paths!r}")
        check_arrays_option(arrays)
        self.arrays, self.modes = arrays, []
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
        if may_be_traced() and (any_traced(args) or any_traced(kwargs)):
            return self.function(*args, **kwargs)
        if self.takes_numbers(args, kwargs):
            return self.replay("value", None, args, args, kwargs)
        return self.run("value", None, tree_of(args, kwargs), args, kwargs)

    # -- numbers or arrays -------------------------------------------------------------------

    cdef object run(self, str kind, object argnums, object tree, tuple args, dict kwargs):
        """A replay of numbers or of arrays, `tree` being what the former read."""
        cdef int mode = self.mode_of(args, kwargs)
        if mode == 2:
            return self.run_first(kind, argnums, tree, args, kwargs)
        return self.run_in(mode, kind, argnums, tree, args, kwargs)

    cdef object run_in(
        self, bint mode, str kind, object argnums, object tree, tuple args, dict kwargs
    ):
        if mode:
            return self.run_arrays(kind, argnums, tree, args, kwargs)
        return self.run_numbers(kind, argnums, tree, args, kwargs)

    cdef object run_numbers(self, str kind, object argnums, object tree, tuple args, dict kwargs):
        if kind in MATRICES:
            return self.matrix(kind, argnums, args, kwargs)
        return self.replay(kind, argnums, tree, args, kwargs)

    cdef object run_arrays(
        self, str kind, object argnums, object tree, tuple args, dict kwargs, bint trial=False
    ):
        """A replay of arrays; `OnlyReads` if it is a trial that finds work for numbers alone."""
        if self.side is None:
            self.side = _array_program.array_program(
                self.function, 0, self.has_aux, True, True, self.most_paths)
        if trial:
            self.side.trials.add(threading.get_ident())
        try:
            if kind in PAIRED:
                return self.side.pair(kind, tree[0], tree[1])
            if kind in SPARSE:
                return self.side.sparse(kind, argnums, args, kwargs)
            return self.side.replayed(kind, argnums, args, kwargs)
        finally:
            self.last = self.side.last
            if trial:
                self.side.trials.discard(threading.get_ident())

    cdef int mode_of(self, tuple args, dict kwargs) except -1:
        """1 for arrays, 0 for numbers, 2 if that has to be found out."""
        if self.arrays is not None:
            return self.arrays
        if self.takes_numbers(args, kwargs):
            return 0
        n = _array_program.array_elements(args) if args else 0
        if kwargs:
            n += _array_program.array_elements(kwargs)
        if n == 0 and not self.modes:
            return 2 if not self.paths else 0
        for form, mode in self.modes:
            if form.fits(args, kwargs):
                return mode
        return 2

    cdef bint takes_numbers(self, tuple args, dict kwargs):
        """Whether numbers are all that there ever was: what needs no look at forms."""
        return (self.arrays is None and len(self.paths) > 0 and len(self.modes) == 0
                and not kwargs and are_numbers(args))

    cdef object run_first(self, str kind, object argnums, object tree, tuple args, dict kwargs):
        """The first call with arguments of this form."""
        cdef bint mode
        n = _array_program.array_elements((args, kwargs))
        mode = n > FEW_ELEMENTS or _array_program.has_singles((args, kwargs))
        extrema, expanded = _numpy.taken.extrema, _numpy.taken.elements
        try:
            if not mode:
                found = self.run_numbers(kind, argnums, tree, args, kwargs)
                mode = n and _numpy.taken.extrema > extrema  # numbers would share ties by pairs
            if mode:
                found = self.tried(kind, argnums, tree, args, kwargs, &mode)
            elif n and self.paths:
                path = self.paths[0]
                if is_long(path, expanded):
                    found = self.shorter(path, kind, argnums, tree, args, kwargs, found, &mode)
        except TypeError as error:
            if n > MOST_ELEMENTS:
                raise
            mode = not mode
            try:
                found = self.run_in(mode, kind, argnums, tree, args, kwargs)
            except TypeError:
                raise error from None
        if n or mode:
            self.modes.insert(0, (_array_program.Arguments(args, kwargs), mode))
            del self.modes[self.most_paths :]
        return found

    cdef object tried(
        self, str kind, object argnums, object tree, tuple args, dict kwargs, bint* mode
    ):
        """A result of arrays, or of numbers if arrays are but read."""
        try:
            return self.run_arrays(kind, argnums, tree, args, kwargs, True)
        except _array_program.OnlyReads:
            mode[0] = False
            return self.run_numbers(kind, argnums, tree, args, kwargs)

    cdef object shorter(
        self, Path path, str kind, object argnums, object tree, tuple args, dict kwargs,
        object found, bint* mode
    ):
        """A result of arrays in place of the path, if they are more than read; else `found`."""
        try:
            of_arrays = self.run_arrays(kind, argnums, tree, args, kwargs, True)
        except (TypeError, _array_program.OnlyReads):
            return found
        mode[0] = True
        if path in self.paths:
            self.paths.remove(path)
        return of_arrays

    def __get__(self, instance, owner):
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self):
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"<tapead.compile({name}): {len(self.paths)} paths>"

    def __reduce__(self):
        if self.is_global():
            return self.__qualname__
        return Compiled, (self.function, self.most_paths, bool(self.reassociate), self.arrays)

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
        out = {
            "recorded": self.n_recorded, "replayed": self.n_replayed,
            "dropped": self.n_dropped, "paths": len(self.paths),
        }
        if self.side is not None:
            found = self.side.stats()
            out = {key: out[key] + found[key] for key in out}
        return out

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
        tree = (primals, args[1]) if name in PAIRED else tree_of(primals, kwargs)
        return own.run(name, argnums, tree, primals, kwargs)

    def vjp_of(self, primals, has_aux):
        """What ``vjp(self, *primals)`` returns; see `Recorded`."""
        cdef Compiled own = self.aux() if has_aux else self
        if any_traced(primals):
            return NotImplemented
        primals = copied(floated(primals, all_of(primals)))
        y = own.run("value", None, primals, primals, {})

        def pullback(adjoint):
            return own.run("vjp", all_of(primals), (primals, adjoint), primals, {})

        return (y[0], pullback, y[1]) if has_aux else (y, pullback)

    cdef Compiled aux(self):
        if self.with_aux is None:
            self.with_aux = Compiled(
                self.function, self.most_paths, self.reassociate, self.arrays)
            self.with_aux.has_aux = True
        return self.with_aux


cdef bint are_numbers(tuple args):
    """Whether all arguments are floats, or lists that begin and end with one."""
    for arg in args:
        if type(arg) is list and len(<list>arg):
            if type((<list>arg)[len(<list>arg) - 1]) is not float:
                return False
            arg = (<list>arg)[0]
        if type(arg) is not float:
            return False
    return True


def compile(f=None, /, *, max_paths=MOST_PATHS, reassociate=False, arrays=None):
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
    arrays : bool, optional
        Whether operations on arrays are recorded as such, as for `record`.

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
        return functools.partial(
            compile, max_paths=max_paths, reassociate=reassociate, arrays=arrays)
    return Compiled(f, max_paths, reassociate, arrays)
