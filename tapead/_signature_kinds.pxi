# Kinds of containers: each is opened into its children and closed around new ones.

cdef object ABSENT = object()


@cython.final
cdef class Sequence(Group):
    """A list, a tuple or a named tuple."""

    def __cinit__(self, kind, tuple parts not None):
        self.gain(kind, parts)

    cdef tuple opened(self, object x, bint strict):
        if type(x) is not self.kind or len(x) != PyTuple_GET_SIZE(self.parts):
            return None
        children = tuple(x)
        return children if len(children) == len(self.parts) else None

    cdef object closed(self, list children):
        if self.kind is list:
            return children
        return tuple(children) if self.kind is tuple else self.kind._make(children)

    cdef object path(self, str path, Py_ssize_t i):
        named = self.kind is not list and self.kind is not tuple
        return f"{path}.{self.kind._fields[i]}" if named else path_of_item(path, i)

    cdef str text(self):
        counted = self.kind is list or self.kind is tuple
        return f"a {self.kind.__name__} of {len(self.parts)}" if counted else Group.text(self)

    def __reduce__(self):
        return Sequence, (self.kind, self.parts)


@cython.final
cdef class Mapping(Group):
    """A dict; its order counts if reading is strict."""

    cdef tuple keys

    def __cinit__(self, tuple keys not None, tuple parts not None):
        self.gain(dict, parts)
        if len(keys) != len(parts):
            raise ValueError(f"expected {len(parts)} keys; got {len(keys)}")
        self.keys = keys

    cdef tuple opened(self, object x, bint strict):
        if type(x) is not dict or len(<dict>x) != len(self.keys):
            return None
        if strict and not same_keys(self.keys, tuple(x)):
            return None
        cdef list children = []
        cdef PyObject* child
        for key in self.keys:
            child = PyDict_GetItemWithError(x, key)
            if child == NULL:
                return None
            children.append(<object>child)
        return tuple(children)

    cdef object closed(self, list children):
        cdef Py_ssize_t i
        cdef dict out = {}
        for i in range(PyTuple_GET_SIZE(self.keys)):
            out[self.keys[i]] = children[i]
        return out

    cdef object path(self, str path, Py_ssize_t i):
        return f"{path}[{self.keys[i]!r}]"

    cdef bint same_container(self, Group group) except -1:
        return same_keys(self.keys, (<Mapping>group).keys)

    cdef str text(self):
        return f"a dict with keys {list(self.keys)}"

    def __reduce__(self):
        return Mapping, (self.keys, self.parts)


cdef bint same_keys(tuple keys, tuple others) except -1:
    """Whether keys are equal, of the same types and in the same order."""
    return keys == others and list(map(type, keys)) == list(map(type, others))


@cython.final
cdef class Record(Group):
    """A dataclass; what no field declares is static."""

    cdef object blank  # with None in every attribute
    cdef tuple names
    cdef dict extras  # name: Static

    def __cinit__(self, blank, tuple names not None, dict extras not None, tuple parts not None):
        self.gain(type(blank), parts)
        if len(names) != len(parts):
            raise ValueError(f"expected {len(parts)} fields; got {len(names)}")
        self.blank = blank
        self.names = names
        self.extras = extras

    cdef tuple opened(self, object x, bint strict):
        if type(x) is not self.kind:
            return None
        children = [getattr(x, name, ABSENT) for name in self.names]
        return None if is_among(ABSENT, children) else tuple(children)

    cdef int read_children(self, object x, double* out, bint strict) except -1:
        return Group.read_children(self, x, out, strict) and self.has_extras(x)

    cdef bint has_extras(self, object x) except -1:
        cdef dict extras = undeclared(x, self.names)
        if extras.keys() != self.extras.keys():
            return False
        for name, static in self.extras.items():
            if not (<Static?>static).read(extras[name], NULL, True):
                return False
        return True

    cdef int differ(self, object x, str path, bint strict, bint structure) except -1:
        Group.differ(self, x, path, strict, structure)
        if structure or self.has_extras(x):
            return 0
        extras = undeclared(x, self.names)
        if extras.keys() != self.extras.keys():
            raise ValueError(
                f"expected {path} to have, besides its fields, {list(self.extras)}; "
                f"got {list(extras)}")
        for name, static in self.extras.items():
            (<Static?>static).differ(extras[name], f"{path}.{name}", strict, False)
        return 0

    cdef object closed(self, list children):
        out = with_fields(self.blank, self.names, children)
        for name, static in self.extras.items():
            object.__setattr__(out, name, (<Static?>static).value_again())
        return out

    cdef object path(self, str path, Py_ssize_t i):
        return f"{path}.{self.names[i]}"

    cdef bint same_container(self, Group group) except -1:
        cdef Record other = <Record>group
        if self.names != other.names or self.extras.keys() != other.extras.keys():
            return False
        for name in self.extras:
            if not parts_equal(self.extras[name], other.extras[name]):
                return False
        return True

    def __reduce__(self):
        return Record, (self.blank, self.names, self.extras, self.parts)


cdef Record record_of(object tree, bint static_ints):
    import dataclasses

    names = tuple([field.name for field in dataclasses.fields(tree)])
    parts = parts_of([getattr(tree, name) for name in names], static_ints)
    extras = {name: Static(value) for name, value in undeclared(tree, names).items()}
    blank = with_fields(tree, names + tuple(extras), [None] * (len(names) + len(extras)))
    return Record(blank, names, extras, parts)


cdef dict undeclared(object x, tuple names):
    """Attributes that are no fields: set by hand, or kept by a cached property."""
    attributes = getattr(x, "__dict__", None) or {}
    return {name: value for name, value in attributes.items() if name not in names}


cdef object with_fields(object tree, tuple names, list values):
    out = copy.copy(tree)  # calls no __init__
    for name, value in zip(names, values):
        object.__setattr__(out, name, value)
    return out


cdef bint is_among(object x, list items):
    for item in items:
        if item is x:
            return True
    return False


@cython.final
cdef class Foreign(Group):
    """A container that optree knows."""

    cdef object spec
    cdef tuple keys  # of a dict, in order

    def __cinit__(self, kind, spec, tuple keys not None, tuple parts not None):
        self.gain(kind, parts)
        if spec.num_leaves != len(parts):
            raise ValueError(f"expected {len(parts)} children; got {spec.num_leaves}")
        self.spec = spec
        self.keys = keys

    cdef tuple opened(self, object x, bint strict):
        if type(x) is not self.kind:
            return None
        children, spec = opened_by_optree(x)
        if spec != self.spec or (strict and not same_keys(self.keys, keys_in_order(x))):
            return None
        return tuple(children)

    cdef object closed(self, list children):
        return self.spec.unflatten(children)

    cdef int misfit(self, object x, str path) except -1:
        if type(x) is self.kind:
            raise ValueError(f"expected {path} as {self.spec}; got {opened_by_optree(x)[1]}")
        return misfit(self.text(), x, path)

    cdef bint same_container(self, Group group) except -1:
        cdef Foreign other = <Foreign>group
        return self.spec == other.spec and same_keys(self.keys, other.keys)

    def __reduce__(self):
        return Foreign, (self.kind, self.spec, self.keys, self.parts)
