# Leaves of a signature that no double holds, and their refusal.

@cython.final
cdef class Static(Part):
    """What must be the same again, and comes back as it is."""

    cdef object value
    cdef bint array
    cdef bint copied  # it could change: what is kept, and what is built, is a copy

    def __cinit__(self, value):
        self.array = isinstance(value, ndarray)
        self.copied = self.array or isinstance(value, (list, dict, set, bytearray))
        self.value = copy.copy(value) if self.copied else value
        try:
            self.hashed = hash((type(value), value))
        except TypeError:
            self.hashed = hash(type(value))

    cdef int read(self, object x, double* out, bint strict) except -1:
        if x is self.value:
            return 1
        if type(x) is not type(self.value):
            return 0
        if self.array:
            return self.same_array(x)
        try:
            return 1 if x == self.value else 0
        except (TypeError, ValueError):  # no truth value: an array's comparison, say
            return 0

    cdef bint same_array(self, object x) except -1:
        if x.shape != self.value.shape or x.dtype != self.value.dtype:
            return False
        if x.dtype.hasobject:
            return list(map(type, x.flat)) == list(map(type, self.value.flat)) and bool(
                np.array_equal(x, self.value))
        return x.tobytes() == self.value.tobytes()

    cdef object value_again(self):
        return copy.copy(self.value) if self.copied else self.value

    cdef object build(self, const double* values):
        return self.value_again()

    cdef int gather(self, object x, list out) except -1:
        return 1

    cdef object take(self, list leaves, Py_ssize_t* cursor):
        return self.value_again()

    cdef int variables(self, State* st, int64_t first, list out) except -1:
        return 0

    cdef int differ(self, object x, str path, bint strict, bint structure) except -1:
        if structure or self.read(x, NULL, strict):
            return 0
        was, got = reprlib.repr(self.value), reprlib.repr(x)
        if self.array:
            was, got = f"an array of {self.value.dtype}", describe(x)
        could_vary = self.array or isinstance(self.value, INTEGERS)
        way_out = ", or pass floats there" if could_vary else ""
        raise ValueError(
            f"{path} was {was} when the program was recorded and is part of it; got {got}: "
            f"record again{way_out}")

    cdef int enumerate_leaves(self, list out, Py_ssize_t offset) except -1:
        return 0

    cdef bint same(self, Part other) except -1:
        return self.read((<Static>other).value, NULL, True)

    cdef str text(self):
        return reprlib.repr(self.value)

    def __reduce__(self):
        return Static, (self.value,)


cdef int refuse_statics(Part part, str transform) except -1:
    """Refuse the first static leaf, as what cannot be differentiated with respect to."""
    if isinstance(part, Static):
        what = refused((<Static>part).value)
        way_out = ", convert it with x.astype(float)" if what.startswith("an ") else ""
        raise TypeError(
            f"{transform} differentiates with respect to floats, arrays of floats and "
            f"containers of them; got {what}{way_out}")
    if isinstance(part, Group):
        for child in (<Group>part).parts:
            refuse_statics(child, transform)
    return 0


cdef str refused(object value):
    if type(value) not in ARRAYS:
        return "a " + type(value).__name__
    if value.dtype != object:
        return f"an array of {value.dtype}"
    return "a " + next(type(x).__name__ for x in value.flat if not is_number(x, False))
