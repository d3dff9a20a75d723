# Arrays made of numbers, some of them traced.

@cython.final
@cython.no_gc
cdef class StackEntry(Entry):
    """An array made of numbers, some of them traced."""

    cdef ndarray ids  # by element: of its node, 0 is passive
    cdef bint single

    cdef int pull(self, Sweep sweep) except -1:
        cdef int64_t[::1] ids = self.ids
        cdef const double[::1] w
        cdef Py_ssize_t i
        bar = sweep.bars[self.place]
        if bar is None:
            return 0
        if sweep.kept is None or self.place not in sweep.kept:
            sweep.bars[self.place] = None
        w = np.ascontiguousarray(as_type(bar, np.dtype(float))).ravel()
        for i in range(ids.shape[0]):
            if ids[i] and not is_unreached(w[i]):
                reach(&sweep.values[ids[i]], w[i])
        return 0

    cdef int push(self, Sweep sweep) except -1:
        cdef int64_t[::1] ids = self.ids
        cdef double[::1] dot = np.empty(self.ids.shape[0])
        cdef Py_ssize_t i
        cdef bint any = False
        for i in range(ids.shape[0]):
            dot[i] = sweep.values[ids[i]] if ids[i] else unreached()
            any = any or not is_unreached(dot[i])
        if not any:
            return 0
        out = as_type(np.asarray(dot), np.dtype(np.float32 if self.single else np.float64))
        return add_bar(sweep, self.place, out.reshape(self.shape), True)

    cdef object shape

    cdef int record_pull(self, Sweep sweep) except -1:
        cdef int64_t[::1] ids = self.ids
        cdef Py_ssize_t i
        w = taken_bar(sweep, self.place)
        if w is None:
            return 0
        w = np.reshape(w, -1)
        if sweep.st.guarding == ARRAYS and is_marked(w):
            for i in range(ids.shape[0]):
                if wanted(sweep, ids[i]):
                    add_number(sweep, ids[i], seeded(w[i]))
            return 0
        absent = marks_of(plain_of(w))
        for i in range(ids.shape[0]):
            if wanted(sweep, ids[i]) and not absent[i]:
                add_number(sweep, ids[i], w[i])
        return 0

    cdef int record_push(self, Sweep sweep) except -1:
        cdef int64_t[::1] ids = self.ids
        dots = [taken_number(sweep, id) for id in ids]
        if all(dot is None for dot in dots):
            return 0
        absent = np.array([dot is None for dot in dots]).reshape(self.shape)
        out = array_of_numbers(
            sweep.st, [0.0 if dot is None else dot for dot in dots], self.shape)
        return add_recorded(
            sweep, self.place, primitive("keep")(out, condition=~absent))

    cdef bint depends(self, const char* nodes, int64_t base) noexcept:
        cdef int64_t id
        for id in self.ids:
            if id >= base and nodes[id - base]:
                return True
        return False

    cdef bint reaches_below(self, int64_t first) noexcept:
        return bool(np.any((self.ids > 0) & (self.ids < first)))


cdef Array array_of_numbers(State* st, list values, tuple shape):
    """A float64 array of numbers, some of them traced."""
    cdef StackEntry entry
    cdef Ref ref
    cdef Py_ssize_t i
    cdef ndarray data = np.empty(len(values)), ids = np.zeros(len(values), dtype=np.int64)
    cdef double[::1] numbers = data
    cdef int64_t[::1] nodes = ids
    for i in range(len(values)):
        if not as_ref(st, values[i], &ref):
            raise TypeError(
                f"a traced array is made of real numbers; got a {type(values[i]).__name__}")
        numbers[i], nodes[i] = ref.value, ref.id
    data = (<object>data).reshape(shape)
    if not ids.any():
        return new_array_of(st, data, 0, -1)
    entry = StackEntry.__new__(StackEntry)
    entry.ids, entry.shape, entry.single = ids, shape, False
    out = result_of(st, entry, data, any([is_marked(x) for x in values if type(x) is Var]))
    if st.guarding == ARRAYS:
        note(st, ("stack", entry.id, [noted(st, x) for x in values], form(data)))
    return out


def as_array(x):
    """`x` as an array, traced if it is or holds something traced; plain otherwise."""
    if type(x) is Array:
        return x
    if type(x) is Var:
        return array_of_numbers(active_state(), [x], ())
    if isinstance(x, (list, tuple)):
        return array_of_list(x)
    if is_series(x):
        return x
    x = np.asarray(x)
    if x.dtype == object and any(type(item) is Var for item in x.flat):
        return array_of_numbers(active_state(), list(x.flat), x.shape)
    return x


cdef object array_of_list(object items):
    """A list as NumPy makes an array of it."""
    cdef list parts
    if not holds_traced(items):
        return np.asarray(items)
    if not any(isinstance(item, (list, tuple, ndarray, Array)) or is_series(item)
               for item in items):
        return array_of_numbers(active_state(), list(items), (len(items),))
    parts = [as_array(item) for item in items]
    return np.stack(parts)


cdef bint holds_traced(object items):
    for item in items:
        if type(item) is Var or type(item) is Array or is_series(item):
            return True
        if isinstance(item, (list, tuple)) and holds_traced(item):
            return True
        if isinstance(item, ndarray) and item.dtype == object:
            return True
    return False


cdef inline bint is_series(object x):
    """Whether `x` is a value inside `jet`, which NumPy's functions take as it is."""
    return hasattr(type(x), "__tapead_series__")
