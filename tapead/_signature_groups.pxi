# Containers of a signature: which they are, those of numbers alone, and what the others share.

cdef Part part_of(object tree, bint static_ints):
    """Part of an example."""
    if type(tree) is float:
        return NUMBER
    enter(" while a container was read")
    try:
        return container_of(tree, static_ints)
    finally:
        leave()


cdef Part container_of(object tree, bint static_ints):
    kind = type(tree)
    if kind is list or kind is tuple:
        return sequence_like(tree, static_ints)
    if kind is dict:
        return Mapping(tuple(tree), parts_of(tree.values(), static_ints))
    if isinstance(tree, ndarray):
        return array_of(tree)
    if is_number(tree, static_ints):
        return NUMBER
    if not is_container(tree):
        return Static(tree)
    if isinstance(tree, tuple) and hasattr(tree, "_make"):
        return sequence_of(kind, parts_of(tree, static_ints))
    if hasattr(kind, "__dataclass_fields__"):
        return record_of(tree, static_ints)
    children, spec = opened_by_optree(tree)
    return Foreign(kind, spec, keys_in_order(tree), parts_of(children, static_ints))


cdef tuple parts_of(object children, bint static_ints):
    return tuple([part_of(child, static_ints) for child in list(children)])


cdef Part sequence_like(object tree, bint static_ints):
    """Part of a list or tuple; a long one of floats makes no part for each."""
    for item in tree:
        if type(item) is not float:
            return sequence_of(type(tree), parts_of(tree, static_ints))
    return Numbers(type(tree), len(tree))


cdef Part sequence_of(object kind, tuple parts):
    if kind is list or kind is tuple:
        if all([type(part) is Number for part in parts]):
            return Numbers(kind, len(parts))
    return Sequence(kind, parts)


cdef Part array_of(object array):
    if type(array) in ARRAYS:
        if array.dtype.char in "efd" and array.dtype.isnative:
            return Array(array.shape, array.dtype.char)
        if array.dtype == object and all([is_number(x, False) for x in array.ravel().tolist()]):
            return Array(array.shape, "O")
    return Static(array)


cdef bint is_container(object tree) except -1:
    kind = type(tree)
    if kind is float or kind is Var or isinstance(tree, LEAVES):
        return False
    if kind is list or kind is tuple or kind is dict or hasattr(kind, "__dataclass_fields__"):
        return True
    if isinstance(tree, tuple) and hasattr(tree, "_make"):
        return True
    if kind.__module__ == "tapead._tape":
        return False
    import optree

    return not optree.tree_is_leaf(tree, none_is_leaf=True)


cdef tuple LEAVES = (int, float, complex, str, bytes, np.ndarray, np.generic, type(None))


cdef tuple opened_by_optree(object tree):
    """Children of one level, and what is needed to close them."""
    import optree

    return optree.tree_flatten(tree, is_leaf=lambda x: x is not tree, none_is_leaf=True)


cdef tuple keys_in_order(object tree):
    return tuple(tree) if isinstance(tree, dict) else ()


@cython.final
cdef class Numbers(Part):
    """A list or tuple of numbers alone."""

    cdef object kind
    cdef bint is_list

    def __cinit__(self, kind, Py_ssize_t n):
        if (kind is not list and kind is not tuple) or n < 0:
            raise ValueError(f"expected a length of a list or tuple; got {kind!r} and {n}")
        self.kind = kind
        self.is_list = kind is list
        self.n = self.n_leaves = n
        self.hashed = hash((Numbers, kind, n))

    cdef int read(self, object x, double* out, bint strict) except -1:
        if type(x) is not self.kind:
            return 0
        if self.is_list:
            return self.read_list(<PyObject*>x, out, strict)
        return self.read_tuple(<PyObject*>x, out, strict)

    cdef int read_list(self, PyObject* x, double* out, bint strict) except -1:
        cdef Py_ssize_t i
        cdef PyObject* item
        for i in range(self.n):
            if PyList_GET_SIZE(<object>x) != self.n:  # a number's __float__ may do anything
                return 0
            item = item_of_list(x, i)
            if is_float(item):
                out[i] = float_value(item)
            elif not read_kept(item, out + i, strict):
                return 0
        return PyList_GET_SIZE(<object>x) == self.n

    cdef int read_tuple(self, PyObject* x, double* out, bint strict) except -1:
        cdef Py_ssize_t i
        cdef PyObject* item
        if PyTuple_GET_SIZE(<object>x) != self.n:
            return 0
        for i in range(self.n):
            item = item_of_tuple(x, i)
            if is_float(item):
                out[i] = float_value(item)
            elif not read_number(item, out + i, strict):
                return 0
        return 1

    cdef object build(self, const double* values):
        cdef Py_ssize_t i
        cdef object number  # one object, whose count the container takes over
        cdef list items
        cdef tuple row
        if self.is_list:
            items = PyList_New(self.n)
            for i in range(self.n):
                number = values[i]
                Py_INCREF(number)
                PyList_SET_ITEM(items, i, number)
            return items
        row = PyTuple_New(self.n)
        for i in range(self.n):
            number = values[i]
            Py_INCREF(number)
            PyTuple_SET_ITEM(row, i, number)
        return row

    cdef int gather(self, object x, list out) except -1:
        if type(x) is not self.kind or len(x) != self.n:
            return 0
        for item in tuple(x):
            if type(item) is not float and is_container(item):
                return 0
            out.append(item)
        return 1

    cdef object take(self, list leaves, Py_ssize_t* cursor):
        cdef Py_ssize_t start = cursor[0]
        cursor[0] += self.n
        return self.kind(leaves[start : cursor[0]])

    cdef int variables(self, State* st, int64_t first, list out) except -1:
        cdef Py_ssize_t i
        for i in range(self.n):
            out.append(variable(st, first + i))
        return 0

    cdef int differ(self, object x, str path, bint strict, bint structure) except -1:
        if type(x) is not self.kind or len(x) != self.n:
            return misfit(self.text(), x, path)
        for i, item in enumerate(tuple(x)):
            if type(item) is not float:
                NUMBER.differ(item, path_of_item(path, i), strict, structure)
        return 0

    cdef int enumerate_leaves(self, list out, Py_ssize_t offset) except -1:
        for i in range(self.n):
            NUMBER.enumerate_leaves(out, offset + i)
        return 0

    cdef bint same(self, Part other) except -1:
        return self.kind is (<Numbers>other).kind

    cdef tuple parts_within(self):
        return (NUMBER,) * self.n

    cdef str text(self):
        floats = f"{self.n} float{'s' * (self.n != 1)}" if self.n else "nothing"
        return f"a {self.kind.__name__} of {floats}"

    def __reduce__(self):
        return Numbers, (self.kind, self.n)


cdef int read_kept(PyObject* x, double* out, bint strict) except -1:
    """Read a number that its list may let go of meanwhile."""
    number = <object>x
    return read_number(<PyObject*>number, out, strict)


cdef str path_of_item(str path, object key):
    if path == "argument":
        return f"argument {key + 1}"
    return f"{path}[{key!r}]"


cdef class Group(Part):
    """A container of parts."""

    cdef object kind  # its class
    cdef tuple parts

    cdef int gain(self, object kind, tuple parts) except -1:
        """Take the parts; each class does this first."""
        if not isinstance(kind, type):
            raise TypeError(f"expected the class of a container; got {kind!r}")
        self.kind = kind
        self.parts = parts
        self.n = self.n_leaves = 0
        for part in parts:
            if not isinstance(part, Part):
                raise TypeError(f"expected a part of a signature; got {part!r}")
            self.n += (<Part>part).n
            self.n_leaves += (<Part>part).n_leaves
        self.hashed = hash((kind, tuple([(<Part>part).hashed for part in parts])))
        return 0

    cdef tuple opened(self, object x, bint strict):
        """Children of `x` in order, None if it is another container."""
        raise NotImplementedError

    cdef object closed(self, list children):
        raise NotImplementedError

    cdef object path(self, str path, Py_ssize_t i):
        return path_of_item(path, i)

    cdef int read(self, object x, double* out, bint strict) except -1:
        enter(" while a container was read")
        try:
            return self.read_children(x, out, strict)
        finally:
            leave()

    cdef int read_children(self, object x, double* out, bint strict) except -1:
        cdef Py_ssize_t i
        cdef Part part
        cdef tuple children = self.opened(x, strict)
        if children is None:
            return 0
        for i in range(PyTuple_GET_SIZE(self.parts)):
            part = <Part>PyTuple_GET_ITEM(self.parts, i)
            if not part.read(<object>PyTuple_GET_ITEM(children, i), out, strict):
                return 0
            out += part.n
        return 1

    cdef object build(self, const double* values):
        cdef Part part
        cdef list children = []
        for part in self.parts:
            children.append(part.build(values))
            values += part.n
        return self.closed(children)

    cdef int gather(self, object x, list out) except -1:
        cdef Part part
        cdef tuple children = self.opened(x, False)
        if children is None:
            return 0
        enter(" while a container was read")
        try:
            for part, child in zip(self.parts, children):
                if not part.gather(child, out):
                    return 0
        finally:
            leave()
        return 1

    cdef object take(self, list leaves, Py_ssize_t* cursor):
        cdef Part part
        cdef list children = []
        for part in self.parts:
            children.append(part.take(leaves, cursor))
        return self.closed(children)

    cdef int variables(self, State* st, int64_t first, list out) except -1:
        cdef Part part
        for part in self.parts:
            part.variables(st, first, out)
            first += part.n
        return 0

    cdef int differ(self, object x, str path, bint strict, bint structure) except -1:
        cdef Py_ssize_t i
        cdef tuple children = self.opened(x, strict and not structure)
        if children is None:
            return self.misfit(x, path)
        enter(" while a container was read")
        try:
            for i in range(len(self.parts)):
                (<Part>self.parts[i]).differ(children[i], self.path(path, i), strict, structure)
        finally:
            leave()
        return 0

    cdef int misfit(self, object x, str path) except -1:
        return misfit(self.text(), x, path)

    cdef int enumerate_leaves(self, list out, Py_ssize_t offset) except -1:
        cdef Part part
        for part in self.parts:
            part.enumerate_leaves(out, offset)
            offset += part.n
        return 0

    cdef bint same(self, Part other) except -1:
        cdef Group group = <Group>other
        if self.kind is not group.kind or len(self.parts) != len(group.parts):
            return False
        enter(" while signatures were compared")
        try:
            for part, its in zip(self.parts, group.parts):
                if not parts_equal(part, its):
                    return False
        finally:
            leave()
        return self.same_container(group)

    cdef bint same_container(self, Group group) except -1:
        return True

    cdef tuple parts_within(self):
        return self.parts

    cdef str text(self):
        return f"a {self.kind.__name__}"
