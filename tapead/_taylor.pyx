"""Loops over Taylor coefficients of doubles: the values of a plan, order after order.

The coefficients lie in one array by value, order and lane; a lane is a point or an element.
"""

from libc.stdint cimport int32_t, int64_t

from tapead._nodes cimport is_unreached
from tapead._rules cimport guard_holds, value_of

from tapead import _taylor_plan

cdef extern from "_taylor_loops.h":
    void taylor_convolve(
        double* out, const double* a, const double* b, int64_t rows, int64_t lanes, double first,
        double sign, int weighted) noexcept nogil

cdef int32_t INPUT = _taylor_plan.INPUT, CONSTANT = _taylor_plan.CONSTANT
cdef int32_t CHAIN = _taylor_plan.CHAIN, PRODUCT = _taylor_plan.PRODUCT
cdef int32_t QUOTIENT = _taylor_plan.QUOTIENT, SELECT = _taylor_plan.SELECT


cdef struct Row:
    int32_t rule
    int32_t op
    int32_t x
    int32_t y
    int32_t a
    int32_t b
    int32_t p
    int32_t q
    int32_t limit
    int32_t flat
    int32_t marked
    int32_t last  # coefficients above are zero
    double constant


cdef struct Table:
    double* data
    Row* rows
    int64_t n
    int64_t order
    int64_t n_lanes


cdef inline double* at(Table* t, int64_t i, int64_t k) noexcept nogil:
    return t.data + (i * (t.order + 1) + k) * t.n_lanes


cdef int fill(Row* rows, plan) except -1:
    """The rows of a plan in memory."""
    cdef const int32_t[::1] rules = plan.rules, ops = plan.ops, limits = plan.limits
    cdef const int32_t[::1] x = plan.x, y = plan.y, a = plan.a, b = plan.b, p = plan.p, q = plan.q
    cdef const int32_t[::1] flat = plan.flat, marked = plan.marked
    cdef const double[::1] constants = plan.constants
    cdef int64_t i
    for i in range(rules.shape[0]):
        rows[i].rule, rows[i].op, rows[i].limit = rules[i], ops[i], limits[i]
        rows[i].x, rows[i].y, rows[i].a, rows[i].b = x[i], y[i], a[i], b[i]
        rows[i].p, rows[i].q = p[i], q[i]
        rows[i].flat, rows[i].marked, rows[i].last = flat[i], marked[i], 0
        rows[i].constant = constants[i]
    return 0


cdef class Loops:
    """Loops(plan)\n--\n

    A plan in memory.

    Parameters
    ----------
    plan : Plan
    """

    cdef readonly int64_t n
    cdef readonly int64_t order
    cdef object memory

    def __init__(self, plan):
        cdef char[::1] view
        self.n, self.order = len(plan), plan.order
        self.memory = bytearray((self.n + 1) * sizeof(Row))
        view = self.memory
        fill(<Row*><void*>&view[0], plan)

    def run(self, double[:, :, ::1] data not None, int32_t[::1] lasts not None):
        """Fill in the coefficients of all values but the inputs.

        Parameters
        ----------
        data : ndarray of float64, shape (n, k + 1, lanes)
            Zeros, but for the inputs' coefficients up to an order k, at most that of the plan.
        lasts : ndarray of int32, shape (n,)
            The highest order that an input has; on return that of every value.

        Returns
        -------
        int
            Multiplications of coefficients.
        """
        cdef Table t
        cdef int64_t k, done = 0
        cdef Row* rows
        if (data.shape[0] != self.n or not 0 < data.shape[1] <= self.order + 1
                or lasts.shape[0] != self.n):
            raise ValueError("the coefficients do not fit the plan")
        if data.shape[2] == 0 or self.n == 0:
            return 0
        # the loops note what is zero in rows of their own: a plan serves several threads
        own = bytearray(self.memory)
        cdef char[::1] view = own
        rows = <Row*><void*>&view[0]
        t.data, t.rows, t.n = &data[0, 0, 0], rows, self.n
        t.order, t.n_lanes = data.shape[1] - 1, data.shape[2]
        for k in range(self.n):
            rows[k].last = min(max(0, lasts[k]), <int32_t>t.order) if rows[k].rule == INPUT else 0
        with nogil:
            first(&t)
            for k in range(1, t.order + 1):
                done += next_order(&t, k)
        for k in range(self.n):
            lasts[k] = rows[k].last
        return done


def guards_hold(double[:, :, ::1] data not None, list guards, kinds, outcomes):
    """Whether all guards come out as they were recorded, by the coefficients of order 0."""
    cdef int64_t i
    for i, (x, y) in enumerate(guards):
        if not guard_holds(kinds[i], data[x, 0, 0], data[y, 0, 0], outcomes[i]):
            return False
    return True


cdef void first(Table* t) noexcept nogil:
    """Coefficients of order 0, and which of the others are zero by structure."""
    cdef int64_t i, lane
    cdef Row* row
    cdef double* out
    cdef double* x
    cdef double* y
    for i in range(t.n):
        row = &t.rows[i]
        if row.limit < 0 or row.rule == INPUT:
            continue
        out = at(t, i, 0)
        if row.rule == CONSTANT:
            for lane in range(t.n_lanes):
                out[lane] = row.constant
            continue
        if row.rule == SELECT:
            select(t, i, 0)
        else:
            x = at(t, row.x, 0)
            y = at(t, row.y if row.y >= 0 else row.x, 0)
            for lane in range(t.n_lanes):
                out[lane] = value_of(row.op, x[lane], y[lane])
        row.last = last_of(t, row)


cdef int32_t last_of(Table* t, Row* row) noexcept nogil:
    """The highest order that a value may have."""
    cdef int32_t order = <int32_t>t.order, last = 0
    if row.rule == PRODUCT:
        return min(order, t.rows[row.a].last + t.rows[row.b].last)
    if row.rule == SELECT:
        return max(t.rows[row.a].last, t.rows[row.b].last)
    if row.rule == QUOTIENT:
        return order if t.rows[row.b].last else t.rows[row.a].last
    if row.rule == CHAIN:
        last = term_last(t, row.x, row.p)
        if row.q >= 0:
            last = max(last, term_last(t, row.y, row.q))
    return last


cdef int32_t term_last(Table* t, int32_t x, int32_t p) noexcept nogil:
    if p < 0 or t.rows[x].last == 0:
        return 0
    return t.rows[x].last if t.rows[p].flat else <int32_t>t.order


cdef int64_t next_order(Table* t, int64_t k) noexcept nogil:
    """Coefficients of order k of all values."""
    cdef int64_t i, lane, done = 0
    cdef Row* row
    cdef double* out
    cdef double* v
    for i in range(t.n):
        row = &t.rows[i]
        if k > row.limit or k > row.last or row.rule == INPUT:
            continue
        if row.rule == CHAIN:
            done += chain(t, row, at(t, i, k), k)
        elif row.rule == PRODUCT:
            done += convolved(t, row.a, row.b, at(t, i, k), 0, k, 1.0)
        elif row.rule == QUOTIENT:
            done += quotient(t, row, i, k)
        else:
            select(t, i, k)
        if row.marked:
            out, v = at(t, i, k), at(t, i, 0)
            for lane in range(t.n_lanes):
                if is_unreached(v[lane]):
                    out[lane] = 0.0
    return done


cdef int64_t chain(Table* t, Row* row, double* out, int64_t k) noexcept nogil:
    """The sum of j x_j p_(k - j), divided by k; and x_k p_0 where p does not vary."""
    cdef int64_t lane, done = term(t, row.x, row.p, out, k)
    if row.q >= 0:
        done += term(t, row.y, row.q, out, k)
    for lane in range(t.n_lanes):
        out[lane] /= <double>k
    steady_term(t, row.x, row.p, out, k)
    if row.q >= 0:
        steady_term(t, row.y, row.q, out, k)
    return done + 1


cdef int64_t term(Table* t, int32_t x, int32_t p, double* out, int64_t k) noexcept nogil:
    cdef int64_t first, n
    if p < 0 or t.rows[p].flat:
        return 0
    first = max(1, k - t.rows[p].last)
    n = min(k, t.rows[x].last) - first + 1
    if n <= 0:
        return 0
    taylor_convolve(
        out, at(t, x, first), at(t, p, k - first), n, t.n_lanes, <double>first, 1.0, True)
    return n


cdef void steady_term(Table* t, int32_t x, int32_t p, double* out, int64_t k) noexcept nogil:
    cdef int64_t lane
    cdef double* a
    cdef double* b
    if p < 0 or not t.rows[p].flat or k > t.rows[x].last:
        return
    a, b = at(t, x, k), at(t, p, 0)
    for lane in range(t.n_lanes):
        if not is_unreached(b[lane]):
            out[lane] += a[lane] * b[lane]


cdef int64_t convolved(
    Table* t, int32_t a, int32_t b, double* out, int64_t skip, int64_t k, double sign
) noexcept nogil:
    """Add the sum of a_j b_(k - j), those of b from order `skip` on."""
    cdef int64_t first = max(0, k - t.rows[b].last)
    cdef int64_t n = min(k - skip, t.rows[a].last) - first + 1
    if n <= 0:
        return 0
    taylor_convolve(out, at(t, a, first), at(t, b, k - first), n, t.n_lanes, 0.0, sign, False)
    return n


cdef int64_t quotient(Table* t, Row* row, int64_t i, int64_t k) noexcept nogil:
    """v_k = (a_k - sum over j < k of v_j b_(k - j)) / b_0"""
    cdef int64_t lane, done
    cdef double* out = at(t, i, k)
    cdef double* b = at(t, row.b, 0)
    cdef double* a = at(t, row.a, k)
    if k <= t.rows[row.a].last:
        for lane in range(t.n_lanes):
            out[lane] = a[lane]
    done = convolved(t, <int32_t>i, row.b, out, 1, k, -1.0)
    for lane in range(t.n_lanes):
        out[lane] /= b[lane]
    return done + 1


cdef void select(Table* t, int64_t i, int64_t k) noexcept nogil:
    cdef Row* row = &t.rows[i]
    cdef int64_t lane
    cdef double* held = at(t, row.x, 0)
    cdef double* a = at(t, row.a, k)
    cdef double* b = at(t, row.b, k)
    cdef double* out = at(t, i, k)
    for lane in range(t.n_lanes):
        out[lane] = b[lane] if is_unreached(held[lane]) else a[lane]
