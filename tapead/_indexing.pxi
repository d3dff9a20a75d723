# a[index] and a[index] = value.

cdef tuple BASIC = (int, np.integer, slice, type(None), type(Ellipsis))


cdef bint is_basic(object index):
    """Whether NumPy answers this index with a view or an element."""
    if type(index) is tuple:
        for part in <tuple>index:
            if not isinstance(part, BASIC) or isinstance(part, (bool, np.bool_)):
                return False
        return True
    return isinstance(index, BASIC) and not isinstance(index, (bool, np.bool_))


cdef object checked_index(object index):
    """An index made of plain numbers and arrays, which later writes do not reach."""
    if type(index) is tuple:
        return tuple([checked_index(part) for part in <tuple>index])
    if type(index) is Array or type(index) is Var:
        raise IndexError(
            "an index is made of integers, slices and boolean masks; got a traced value, which is "
            "a real number: use int(x), or a comparison of its values")
    if isinstance(index, (list, ndarray)) or is_mask(index):
        return np.array(index)
    return index


cdef Window whole_window(Base base):
    if base.window is None:
        base.window = Window.onto(
            base.buffer, (<object>base.buffer).shape, (<object>base.buffer).strides, 0)
    return <Window>base.window


cdef object get_item(Array a, object index):
    cdef State* st = active_state()
    cdef Py_ssize_t i
    if type(index) is int and cnp.PyArray_NDIM(a.data) == 1:
        i = index
        return get_element(st, a, i)
    if a.base is not None:
        refresh_data(a)
    if not is_basic(index):
        return primitive("gather")(a, index=checked_index(index))
    base_of(st, a)  # which may move the memory
    parts = index if type(index) is tuple else (index,)
    view = a.data[parts if Ellipsis in parts else (*parts, Ellipsis)]
    if (<object>view).ndim == 0 and Ellipsis not in parts:
        return element_at(st, a, view)
    return view_on(st, a, view)


cdef object get_element(State* st, Array a, Py_ssize_t i):
    cdef Py_ssize_t n
    if a.base is not None:
        refresh_data(a)
    n = cnp.PyArray_DIMS(a.data)[0]
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for axis 0 with size {n}")
    i = i + n if i < 0 else i
    return number_at(st, a, <char*>cnp.PyArray_DATA(a.data) + i * cnp.PyArray_STRIDES(a.data)[0])


cdef object element_at(State* st, Array a, ndarray view):
    return number_at(st, a, <char*>cnp.PyArray_DATA(view))


cdef object number_at(State* st, Array a, char* at):
    """The element at an address within `a`: a Var, or a float if it is passive."""
    cdef bint single = cnp.PyArray_TYPE(a.data) == cnp.NPY_FLOAT
    cdef ElementEntry entry
    cdef Py_ssize_t offset = at - <char*>cnp.PyArray_DATA(a.data)
    cdef Base base = base_of(st, a)  # which may move the memory
    cdef Ref ref
    at = <char*>cnp.PyArray_DATA(a.data) + offset
    ref.value = (<float*>at)[0] if single else (<double*>at)[0]
    if base.id == 0:
        return ref.value
    check_alive(st, base.serial, base.id, "this array")
    entry = ElementEntry.__new__(ElementEntry)
    entry.base_id, entry.base_place = base.id, base.place
    entry.offset = at - <char*>cnp.PyArray_DATA(base.buffer)
    entry.window = whole_window(base)
    ref.id = push_entry(st, entry, ref.value, 0)
    if st.guarding == ARRAYS:
        note(st, ("element", ref.id, base.id, entry.offset, described(entry.window)))
    return new_var(st, ref)


cdef bint is_same_layout(ndarray view, ndarray buffer) noexcept:
    """Whether a view that starts where its memory does is all of it."""
    cdef int d, n = cnp.PyArray_NDIM(buffer)
    if cnp.PyArray_NDIM(view) != n or n == 0:
        return False
    for d in range(n):
        if (cnp.PyArray_DIMS(view)[d] != cnp.PyArray_DIMS(buffer)[d]
                or cnp.PyArray_STRIDES(view)[d] != cnp.PyArray_STRIDES(buffer)[d]):
            return False
    return True


cdef Array view_on(State* st, Array a, ndarray view):
    """A traced view of `a` whose values are `view`, a view of its data."""
    cdef Base base = a.base
    cdef Array out
    cdef Py_ssize_t offset = <char*>cnp.PyArray_DATA(view) - <char*>cnp.PyArray_DATA(base.buffer)
    out = new_array_of(st, view, 0, -1)
    out.base, out.version = base, -1
    out.whole = offset == 0 and is_same_layout(view, base.buffer)
    out.offset = offset
    out.marked, out.serial = base.marked, base.serial
    return out
