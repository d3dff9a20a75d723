# cython: cdivision=True
"""Nodes of the tape and how one is pushed: plain structs, no Python objects."""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcpy


cdef struct Node:
    # What a sweep reads. Node 0 is every passive value. An operand that is passive has id 0 and
    # leaves its value where its partial would stand; an operand without a path to the result has
    # id 0 as well and leaves its own id there (see `no_path`).
    double value
    double px
    double py
    int32_t x
    int32_t y


cdef struct Ref:
    # A value while it is being recorded: id 0 is passive.
    double value
    int64_t id


cdef struct State:
    uint64_t serial  # unique to the recording; 0 is no recording
    int64_t n  # nodes in use, the passive one included
    int64_t limit  # a push beyond it calls `reserve` first
    Node* nodes
    uint8_t* ops
    int (*reserve)(State*) noexcept nogil  # room for one more node; non-zero if there is none
    void* owner  # the Tape
    int64_t capacity
    int failed
    int guarding  # a Program is being recorded: comparisons are noted, conditions become nodes
    int watched  # the same, or it is true of a recording around this one


cdef enum:
    NO_PATH_ID = -1

cdef inline uint64_t _bits(double x) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &x, sizeof(bits))
    return bits


cdef inline double _from_bits(uint64_t bits) noexcept nogil:
    cdef double x
    memcpy(&x, &bits, sizeof(x))
    return x


# A quiet NaN that arithmetic does not produce; the low half has room for an operand's id.
cdef inline double no_path(int64_t id) noexcept nogil:
    return _from_bits(<uint64_t>0x7FFC7AEA00000000 | <uint64_t>id)


cdef inline bint is_no_path(double x) noexcept nogil:
    return (_bits(x) >> 32) == <uint64_t>0x7FFC7AEA


cdef inline int64_t no_path_id(double x) noexcept nogil:
    return <int64_t>(_bits(x) & <uint64_t>0xFFFFFFFF)


cdef inline int64_t operand_id(int32_t id, double payload) noexcept nogil:
    """Id of an operand whether or not it has a path; 0 if it is passive."""
    return no_path_id(payload) if id == 0 and is_no_path(payload) else id


cdef inline Ref passive(double value) noexcept nogil:
    cdef Ref ref
    ref.value = value
    ref.id = 0
    return ref


cdef inline Ref push(
    State* st, uint8_t op, double value, double px, double py, int64_t x, int64_t y
) noexcept nogil:
    """Append a node; the passive NaN if there is no room, which `State.failed` explains."""
    cdef Ref ref
    cdef Node* node
    cdef int64_t n
    if st.n >= st.limit and st.reserve(st) != 0:
        return passive(value - value if value - value != 0.0 else 0.0 / 0.0)
    n = st.n
    node = &st.nodes[n]
    node.value = value
    node.px = px
    node.py = py
    node.x = <int32_t>x
    node.y = <int32_t>y
    st.ops[n] = op
    st.n = n + 1
    ref.value = value
    ref.id = n
    return ref


cdef inline Ref push_selection(
    State* st, uint8_t op, double value, double px, double py, Ref x, Ref y
) noexcept nogil:
    """Append a node some of whose operands may have no path to the result."""
    cdef int64_t x_id = x.id, y_id = y.id
    if x_id == 0:
        px = px if px == px else 0.0 / 0.0  # a NaN must not look like an id
    elif is_no_path(px):
        px = no_path(x_id)
        x_id = 0
    if y_id == 0:
        py = py if py == py else 0.0 / 0.0
    elif is_no_path(py):
        py = no_path(y_id)
        y_id = 0
    return push(st, op, value, px, py, x_id, y_id)


# Adjoints and tangents that nothing has reached hold a NaN of their own, which arithmetic does not
# produce: a path that was not taken is not a path whose derivative is zero, and 0 * inf is seen as
# the NaN it is. The first contribution replaces it, so that a chain of nodes waits for one
# multiplication each and not for additions of nothing.
cdef inline double unreached() noexcept nogil:
    return no_path(0)


cdef inline bint is_unreached(double x) noexcept nogil:
    return _bits(x) == <uint64_t>0x7FFC7AEA00000000


cdef inline double joined(double total, double term) noexcept nogil:
    """The sum with one more contribution."""
    return term if is_unreached(total) else total + term


cdef inline void reach(double* total, double term) noexcept nogil:
    """Add a contribution."""
    total[0] = joined(total[0], term)


cdef inline double number_reached(double x) noexcept nogil:
    """The adjoint or tangent as a number: 0.0 where nothing has arrived."""
    return 0.0 if is_unreached(x) else x
