# Room for nodes: `reserve` is what a push calls when it reaches the limit.

from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF, Py_XINCREF

import os.path

cdef str PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep


cdef extern from "Python.h":
    int PyGILState_Check() noexcept nogil
    ctypedef struct PyFrameObject
    PyFrameObject* PyEval_GetFrame() noexcept
    void* PyFrame_GetCode(PyFrameObject* frame) noexcept
    PyFrameObject* PyFrame_GetBack(PyFrameObject* frame) noexcept
    int PyFrame_GetLineNumber(PyFrameObject* frame) noexcept


cdef int64_t node_bytes(Tape tape) noexcept nogil:
    return sizeof(Node) + sizeof(uint8_t) + (sizeof(Source) if tape.tracing else 0)


cdef int64_t fitting_nodes(Tape tape) noexcept nogil:
    """How many nodes the byte limit has room for, each with an adjoint."""
    cdef int64_t segments = tape.segment_capacity * sizeof(Segment)
    cdef int64_t spare = max(0, tape.adjoint_capacity - tape.state.capacity) * sizeof(double)
    return (tape.byte_limit - segments - spare) // (node_bytes(tape) + sizeof(double))


cdef int reserve(State* st) noexcept nogil:
    """Make room for node ``st.n``; while tracing, note the source line too."""
    cdef int code = 0
    cdef Source* source
    if st.n >= st.capacity:
        code = grow(st)
    if code:
        st.failed = code
        return -1
    if st.limit == 0:
        source = &(<Tape>st.owner).sources[st.n]
        source.code = -1
        source.line = 0
        if PyGILState_Check():
            note_source(st)
    return 0


cdef int grow(State* st) noexcept with gil:
    cdef Tape tape = <Tape>st.owner
    cdef int64_t capacity = st.capacity
    capacity += capacity if capacity < DOUBLING else capacity // 5
    if tape.byte_limit >= 0:
        capacity = min(capacity, fitting_nodes(tape))
        if capacity <= st.n:
            return FAILED_LIMIT
    capacity = min(capacity, <int64_t>0x7FFFFFFF)
    return FAILED_COUNT if capacity <= st.n else resize(tape, capacity)


cdef int resize(Tape tape, int64_t capacity) noexcept:
    cdef State* st = &tape.state
    cdef void* nodes = realloc(st.nodes, capacity * sizeof(Node))
    if nodes == NULL:
        return FAILED_MEMORY
    st.nodes = <Node*>nodes
    cdef void* ops = realloc(st.ops, capacity)
    if ops == NULL:
        return FAILED_MEMORY
    st.ops = <uint8_t*>ops
    cdef void* sources
    if tape.tracing:
        sources = realloc(tape.sources, capacity * sizeof(Source))
        if sources == NULL:
            return FAILED_MEMORY
        tape.sources = <Source*>sources
    st.capacity = capacity
    st.limit = 0 if tape.tracing else capacity
    return 0


cdef int make_room(Tape tape, int64_t n) except -1:
    """Make room for n nodes that will surely come."""
    if n > tape.state.capacity and n < 0x7FFFFFFF and resize(tape, n):
        raise TapeMemoryError(f"out of memory for {n} operations")
    return 0


cdef void note_source(State* st) noexcept with gil:
    cdef Tape tape = <Tape>st.owner
    locate(tape, &tape.sources[st.n])


cdef void locate(Tape tape, Source* source) noexcept:
    """Code and line of the innermost Python frame that is not tapead's own."""
    cdef PyFrameObject* frame = PyEval_GetFrame()
    cdef PyFrameObject* outer
    Py_XINCREF(<PyObject*>frame)
    while frame != NULL:
        source.code = code_index(tape, frame)
        source.line = PyFrame_GetLineNumber(frame)
        outer = PyFrame_GetBack(frame) if source.code < 0 else NULL
        Py_XDECREF(<PyObject*>frame)
        frame = outer


cdef int32_t code_index(Tape tape, PyFrameObject* frame) noexcept:
    """Index of the frame's code in ``tape.codes``, -1 for tapead's own."""
    # by identity: hashing a code object costs more than recording an operation
    cdef PyObject* code = <PyObject*>PyFrame_GetCode(frame)
    index = tape.code_indices.get(<size_t>code)
    if index is None:
        tape.codes.append(<object>code)  # kept, so that no other takes its address
        own = (<object>code).co_filename.startswith(PACKAGE)
        index = tape.code_indices[<size_t>code] = -1 if own else len(tape.codes) - 1
    Py_XDECREF(code)
    return index


cdef int raise_failed(State* st) except -1:
    """Say why the last push found no room."""
    cdef int code = st.failed
    cdef Tape tape = <Tape>st.owner
    st.failed = 0
    if code == FAILED_LIMIT:
        raise TapeMemoryError(
            f"the recording needs more than max_bytes={tape.byte_limit} bytes after {st.n - 1} "
            "operations; give the Tape a larger max_bytes, or record less at a time"
        )
    if code == FAILED_COUNT:
        raise TapeMemoryError("a tape holds at most 2147483646 operations; record less at a time")
    raise TapeMemoryError(f"out of memory after {st.n - 1} recorded operations")


def _byte_limit(max_bytes):
    if max_bytes is None:
        return -1
    if isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 128:
        raise ValueError(f"max_bytes is None or an int of at least 128; got {max_bytes!r}")
    return max_bytes
