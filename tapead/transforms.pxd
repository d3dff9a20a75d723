"""What Programs share with the transforms."""

cdef bint may_be_traced() noexcept
cdef bint any_traced(object tree) except -1
cdef object checked_argnums(object argnums)
cdef tuple found_positions(object argnums, Py_ssize_t n, str transform)
cdef object blocks_of(object matrix, object y, object inputs)
