# Forms: what arguments look like, and how results are put together.

cdef enum:
    NUMBER = 0
    ARRAY = 1
    STATIC = 2  # everything that is no number: it must be the same again
    TUPLE = 3
    LIST = 4
    DICT = 5
    OTHER = 6  # other containers


@cython.final
cdef class Form:
    """A tree of numbers, arrays and what is static."""

    cdef int kind
    cdef object value  # what is static; keys of a dict; an example of another container
    cdef list children
    cdef tuple shape
    cdef object dtype
    cdef int typenum

    cdef bint read(self, object x, list out) except -1:
        """Append the leaves of `x`; whether it has this form."""
        cdef Py_ssize_t i, n
        if self.kind == NUMBER:
            return read_number(x, out)
        if self.kind == ARRAY:
            return self.read_array(x, out)
        if self.kind == STATIC:
            return same(self.value, x)
        n = len(self.children)
        if self.kind == TUPLE or self.kind == LIST:
            if type(x) is not (tuple if self.kind == TUPLE else list) or len(x) != n:
                return False
        elif self.kind == DICT:
            if type(x) is not dict or list(x) != self.value:
                return False
            x = list(x.values())
        else:
            if type(x) is not type(self.value):
                return False
            x = leaves(x)
            if len(x) != n:
                return False
        for i in range(n):
            if not (<Form>self.children[i]).read(x[i], out):
                return False
        return True

    cdef bint read_array(self, object x, list out) except -1:
        cdef ndarray array
        cdef Py_ssize_t i, n = len(self.shape)
        if type(x) is not ndarray:
            if not isinstance(x, ndarray):
                return False
            x = x.view(ndarray)
        array = x
        if cnp.PyArray_TYPE(array) != self.typenum or cnp.PyArray_NDIM(array) != n:
            return False
        for i in range(n):
            if cnp.PyArray_DIMS(array)[i] != <cnp.npy_intp>self.shape[i]:
                return False
        if not (cnp.PyArray_ISCARRAY_RO(array)):
            array = np.require(array, self.dtype, "CA")
        out.append(array)
        return True

    cdef object build(self, list items, Py_ssize_t* at):
        """The tree with the next of `items` for its numbers and arrays."""
        if self.kind == NUMBER or self.kind == ARRAY:
            at[0] += 1
            return items[at[0] - 1]
        if self.kind == STATIC:
            return self.value.copy() if isinstance(self.value, ndarray) else self.value
        found = [(<Form>child).build(items, at) for child in self.children]
        if self.kind == TUPLE:
            return tuple(found)
        if self.kind == DICT:
            return dict(zip(self.value, found))
        if self.kind == OTHER:
            parts = iter(found)
            return map_leaves(lambda leaf: next(parts), self.value)
        return found


cdef bint read_number(object x, list out) except -1:
    if PyFloat_CheckExact(x):
        out.append(x)
        return True
    if isinstance(x, (bool, np.bool_)) or not isinstance(x, (float, int, np.floating, np.integer)):
        return False
    out.append(float(x))
    return True


cpdef bint same(object one, object other) except -1:
    """Whether something static has not changed."""
    if type(one) is not type(other):
        return False
    if isinstance(one, ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one is other or bool(one == other)


cdef Form container_form(object x, object leaf_form):
    """The form of a container; None of a leaf."""
    cdef Form form = Form.__new__(Form)
    kind = type(x)
    if kind is tuple or kind is list:
        form.kind, items = TUPLE if kind is tuple else LIST, x
    elif kind is dict:
        form.kind, form.value, items = DICT, list(x), list(x.values())
    else:
        items = leaves(x)
        if len(items) == 1 and items[0] is x:
            return None
        form.kind, form.value = OTHER, map_leaves(lambda leaf: None, x)
        form.value = x
    form.children = [form_of(item, leaf_form) for item in items]
    return form


cdef Form form_of(object x, object leaf_form):
    form = container_form(x, leaf_form)
    return leaf_form(x) if form is None else form


def argument_form(x):
    """The form of a leaf of the arguments."""
    cdef Form form = Form.__new__(Form)
    if isinstance(x, ndarray) and x.dtype in (np.float64, np.float32):
        form.kind, form.shape, form.dtype = ARRAY, x.shape, x.dtype
        form.typenum = x.dtype.num
    elif isinstance(x, (float, np.floating)):
        form.kind = NUMBER
    else:
        form.kind, form.value = STATIC, x.copy() if isinstance(x, ndarray) else x
    return form


cdef object rebuilt(Form form, list items):
    cdef Py_ssize_t at = 0
    return form.build(items, &at)


cdef Py_ssize_t n_elements(object tree) except -1:
    """Elements of the float arrays in a tree; long lists of numbers are not looked through."""
    cdef Py_ssize_t total = 0
    kind = type(tree)
    if kind is float or kind is int:
        return 0
    if isinstance(tree, ndarray):
        return tree.size if tree.dtype.kind == "f" else 0
    if kind is tuple or kind is list:
        if len(tree) and type(tree[0]) is float and type(tree[len(tree) - 1]) is float:
            return 0
        for item in tree:
            total += n_elements(item)
        return total
    if kind is dict:
        for item in tree.values():
            total += n_elements(item)
        return total
    if isinstance(tree, (str, bytes, np.generic, type(None))):
        return 0
    return sum([leaf.size for leaf in leaves(tree) if isinstance(leaf, ndarray)])


def array_elements(tree):
    """Elements of the float arrays in a tree of arguments."""
    return n_elements(tree)


def has_singles(tree):
    """Whether there are arrays of float32, which a program of numbers would compute in double."""
    return any([
        isinstance(leaf, ndarray) and leaf.dtype == np.float32 and leaf.size > 0
        for leaf in leaves(tree)])


@cython.final
cdef class Arguments:
    """The form of the arguments of a call."""

    cdef Form form

    def __init__(self, args, kwargs):
        self.form = form_of((args, kwargs), argument_form)

    def fits(self, args, kwargs):
        """Whether other arguments have the same form."""
        return self.form.read((args, kwargs), [])
