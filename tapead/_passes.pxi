# Passes: Code to Code, the same numbers bit for bit (NaN is NaN) unless reassociation is allowed.
#
# Dead code, folding, identities and sharing look at one instruction at a time: together they are
# one walk over the code, alone they are passes of their own.

cdef enum:
    DEAD = 1
    IDENTITIES = 2
    FOLD = 4
    SHARE = 8
    REASSOCIATE = 16
    MOST_LOOKS = 64  # at earlier instructions with the same newer operand


cdef class Rewriting:
    """A Code in the making: where each value of the old one has gone."""

    cdef Code old
    cdef Code new
    cdef int32_t* places  # by value
    cdef int32_t* constants  # by old constant: its new operand, or 0; NULL if they stay
    cdef int32_t* newest  # by value: the last instruction whose newer operand it is, plus one
    cdef int32_t* earlier  # by instruction: the one before it in that list, plus one
    cdef bint folding
    cdef bint sharing
    cdef bint reassociate
    # of the new code, at hand without counting references to it
    cdef uint8_t* op
    cdef int32_t* x
    cdef int32_t* y
    cdef int64_t n
    cdef int64_t n_inputs

    def __dealloc__(self):
        free(self.places)
        free(self.constants)
        free(self.newest)
        free(self.earlier)

    cdef inline int32_t operand(self, int32_t operand) noexcept:
        return self.places[operand] if operand >= 0 else operand


cdef inline int32_t moved(Rewriting self, int32_t operand) noexcept:
    """The new operand for an old one; a constant gets its number when it is first used."""
    cdef int32_t k = -1 - operand
    if operand >= 0:
        return self.places[operand]
    if self.constants == NULL or operand == NO_OPERAND:
        return operand
    if self.constants[k] == 0:
        self.new.constants[self.new.n_constants] = self.old.constants[k]
        self.new.n_constants += 1
        self.constants[k] = <int32_t>(-self.new.n_constants)
    return self.constants[k]


cdef Rewriting rewriting(Code old):
    """Nothing emitted yet; inputs and constants keep their numbers."""
    cdef Rewriting self = Rewriting()
    cdef Code new = Code()
    cdef int64_t i
    self.old, self.new = old, new
    new.n_inputs = old.n_inputs
    new.room(2 * old.n + 8)  # no rewriting makes more than two of one
    copy_constants(new, old)
    self.op, self.x, self.y, self.n_inputs = new.op, new.x, new.y, new.n_inputs
    self.places = <int32_t*>resized(NULL, (old.n_inputs + old.n) * sizeof(int32_t))
    for i in range(old.n_inputs):
        self.places[i] = <int32_t>i
    return self


cdef int copy_constants(Code new, Code old) except -1:
    """The same numbers for them; the index is made anew when one is added."""
    new.constants = <double*>resized(new.constants, old.constant_capacity * sizeof(double))
    new.constant_capacity = old.constant_capacity
    new.n_constants = old.n_constants
    if old.n_constants:
        memcpy(new.constants, old.constants, old.n_constants * sizeof(double))
    return 0


cdef Code walked(Code old, int wanted):
    """The old code, each instruction rewritten as it is wanted."""
    cdef Rewriting self = rewriting(old)
    cdef Code new = self.new
    cdef int64_t i, n_inputs = old.n_inputs
    cdef int32_t x, y
    cdef uint8_t* needed = needed_values(old) if wanted & DEAD else NULL
    self.folding = wanted & FOLD
    self.reassociate = wanted & REASSOCIATE
    if wanted & SHARE:
        share(self)
    try:
        for i in range(old.n):
            if i == old.n_primal:
                new.n_primal = self.n
            if needed != NULL and not needed[n_inputs + i]:
                continue
            x = self.operand(old.x[i])
            y = self.operand(old.y[i]) if old.y[i] >= 0 else old.y[i]
            if wanted & IDENTITIES:
                self.places[n_inputs + i] = simplified(self, old.op[i], x, y)
            else:
                self.places[n_inputs + i] = put(self, old.op[i], x, y)
    finally:
        free(needed)
    if old.n_primal >= old.n:
        new.n_primal = self.n
    return rewritten(self)


cdef int share(Rewriting self) except -1:
    cdef int64_t n = self.old.n_inputs + self.new.capacity
    self.newest = <int32_t*>calloc(n + 1, sizeof(int32_t))
    self.earlier = <int32_t*>malloc((self.new.capacity + 1) * sizeof(int32_t))
    if self.newest == NULL or self.earlier == NULL:
        raise MemoryError(f"out of memory for {self.old.n} instructions")
    self.sharing = True
    return 0


cdef inline int32_t put(Rewriting self, int op, int32_t x, int32_t y) except? -2:
    """Operand that holds a value: a constant, an instruction that is there, or a new one."""
    cdef int32_t found
    if self.folding and x < 0 and y < 0:
        found = folded(self, op, x, y)
        if found:
            return found
    if self.sharing:
        if COMMUTES[op] and (x < 0 or 0 <= y < x):  # constants second, else the older one first
            x, y = y, x
        found = shared(self, op, x, y)
        if found:
            return found
    self.op[self.n] = <uint8_t>op
    self.x[self.n] = x
    self.y[self.n] = y
    self.n += 1
    return <int32_t>(self.n_inputs + self.n - 1)


cdef int32_t folded(Rewriting self, int op, int32_t x, int32_t y) except? -2:
    """Constant that an instruction on constants yields; 0 if that is the mark."""
    cdef Code new = self.new
    cdef double value = value_of(
        op, new.constants[-1 - x], 0.0 if y == NO_OPERAND else new.constants[-1 - y])
    return 0 if is_unreached(value) else new.constant(value)


# -- common subexpressions -------------------------------------------------------------------

cdef inline int32_t shared(Rewriting self, int op, int32_t x, int32_t y) noexcept:
    """The same instruction if it is there, else 0, and it is noted as the next one.

    Looks along those with the same newer operand: they are few, and close in memory.
    """
    cdef int32_t newer = max(x, y), at, looks = 0
    if newer < 0:
        return 0
    at = self.newest[newer]
    while at and looks < MOST_LOOKS:
        if self.op[at - 1] == op and self.x[at - 1] == x and self.y[at - 1] == y:
            return <int32_t>(self.n_inputs + at - 1)
        at = self.earlier[at - 1]
        looks += 1
    self.earlier[self.n] = self.newest[newer]
    self.newest[newer] = <int32_t>(self.n + 1)
    return 0


# -- identities ------------------------------------------------------------------------------

cdef int32_t simplified(Rewriting self, int op, int32_t x, int32_t y) except? -2:
    """Operand that holds the value of an instruction, which is emitted if need be.

    x * 1, x - 0, x + -0, -(-x) and the like are x; x + -y becomes x - y. x + 0 is x as well, but
    for x = -0: only if reassociation is allowed.
    """
    if op == OP_MULTIPLY or op == OP_DIVIDE:
        return simple_product(self, op, x, y)
    if op == OP_ADD:
        return simple_sum(self, x, y)
    if op == OP_SUBTRACT:
        return simple_difference(self, x, y)
    if op == OP_COPY or op == OP_SEED:
        return x
    if op == OP_NEGATIVE:
        return negated(self, x)
    if (op == OP_POWER or op == OP_CARRY) and is_constant(self, y, 1.0):
        return x
    return put(self, op, x, y)


# A sign moves outwards, where the next sum absorbs it: -a * b = -(a * b). -a - b = -(a + b) too,
# but for the sign of a zero.

cdef int32_t negated(Rewriting self, int32_t x) except? -2:
    if is_op(self, x, OP_NEGATIVE):
        return self.x[x - self.n_inputs]
    return put(self, OP_NEGATIVE, x, NO_OPERAND)


cdef int32_t simple_sum(Rewriting self, int32_t x, int32_t y) except? -2:
    if is_constant(self, y, -0.0) or (self.reassociate and is_constant(self, y, 0.0)):
        return x
    if is_constant(self, x, -0.0) or (self.reassociate and is_constant(self, x, 0.0)):
        return y
    if is_op(self, y, OP_NEGATIVE):
        return simple_difference(self, x, self.x[y - self.n_inputs])
    if is_op(self, x, OP_NEGATIVE):
        return simple_difference(self, y, self.x[x - self.n_inputs])
    return put(self, OP_ADD, x, y)


cdef int32_t simple_difference(Rewriting self, int32_t x, int32_t y) except? -2:
    if is_constant(self, y, 0.0):
        return x
    if is_op(self, y, OP_NEGATIVE):
        return simple_sum(self, x, self.x[y - self.n_inputs])
    if is_op(self, x, OP_NEGATIVE):
        x = with_sign_in_constant(self, x)
    if self.reassociate and is_op(self, x, OP_NEGATIVE):
        return negated(self, put(self, OP_ADD, self.x[x - self.n_inputs], y))
    return put(self, OP_SUBTRACT, x, y)


cdef int32_t with_sign_in_constant(Rewriting self, int32_t negative) except? -2:
    """z * -c for -(z * c), else -(...) as it is."""
    cdef int32_t product = self.x[negative - self.n_inputs], inner
    if not is_op(self, product, OP_MULTIPLY):
        return negative
    inner = <int32_t>(product - self.n_inputs)
    if self.y[inner] >= 0:
        return negative
    return put(self, OP_MULTIPLY, self.x[inner],
               self.new.constant(-self.new.constants[-1 - self.y[inner]]))


cdef int32_t simple_product(Rewriting self, int op, int32_t x, int32_t y) except? -2:
    if is_constant(self, y, 1.0):
        return x
    if is_constant(self, y, -1.0):
        return negated(self, x)
    if op == OP_MULTIPLY and x < 0 <= y:
        x, y = y, x
        if is_constant(self, y, 1.0) or is_constant(self, y, -1.0):
            return simple_product(self, op, x, y)
    if is_op(self, x, OP_NEGATIVE):
        return negated(self, simple_product(self, op, self.x[x - self.n_inputs], y))
    if is_op(self, y, OP_NEGATIVE):
        return negated(self, simple_product(self, op, x, self.x[y - self.n_inputs]))
    if op == OP_MULTIPLY and y < 0 <= x:
        return scaled(self, x, y)
    return put(self, op, x, y)


cdef int32_t scaled(Rewriting self, int32_t x, int32_t y) except? -2:
    """x * y for a constant y; (z * 2^k) * y is z * (2^k * y) to the same bits if |y| >= 1."""
    cdef double factor = self.new.constants[-1 - y], power
    cdef int32_t inner = <int32_t>(x - self.n_inputs)
    if is_op(self, x, OP_MULTIPLY) and self.y[inner] < 0 and fabs(factor) >= 1.0:
        power = self.new.constants[-1 - self.y[inner]]
        if is_power_of_two(power) and isfinite(factor * power):
            return put(self, OP_MULTIPLY, self.x[inner], self.new.constant(factor * power))
    return put(self, OP_MULTIPLY, x, y)


cdef inline bint is_power_of_two(double x) noexcept:
    cdef int exponent
    return x >= 1.0 and isfinite(x) and frexp(x, &exponent) == 0.5


cdef inline bint is_op(Rewriting self, int32_t operand, int op) noexcept:
    return operand >= self.n_inputs and self.op[operand - self.n_inputs] == op


cdef inline bint is_constant(Rewriting self, int32_t operand, double value) noexcept:
    return operand < 0 and operand != NO_OPERAND and (
        bits_of(self.new.constants[-1 - operand]) == bits_of(value))


# -- dead code -------------------------------------------------------------------------------

cdef Code compacted(Code old, const int32_t* order):
    """Without instructions and constants that no output and no guard needs; perhaps reordered."""
    cdef Rewriting self = rewriting(old)
    cdef Code new = self.new
    cdef int64_t i, at, n_inputs = old.n_inputs
    cdef uint8_t* needed = needed_values(old)
    new.n_constants = 0
    self.constants = <int32_t*>calloc(old.n_constants + 1, sizeof(int32_t))
    if self.constants == NULL:
        free(needed)
        raise MemoryError(f"out of memory for {old.n_constants} constants")
    for i in range(old.n):
        if i == old.n_primal:
            new.n_primal = self.n
        at = i if order == NULL else order[i]
        if needed[n_inputs + at]:
            self.op[self.n] = old.op[at]
            self.x[self.n] = moved(self, old.x[at])
            self.y[self.n] = moved(self, old.y[at])
            self.places[n_inputs + at] = <int32_t>(n_inputs + self.n)
            self.n += 1
    free(needed)
    if old.n_primal >= old.n or order != NULL:
        new.n_primal = self.n
    return rewritten(self)


cdef Code rewritten(Rewriting self):
    """The new Code with the outputs of the old one, and its guards.

    Each guard stands there once, no earlier than its operands and in the old order; those of
    constants alone say nothing.
    """
    cdef Code old = self.old, new = self.new
    cdef int64_t i, n = 0, at = 0
    cdef CodeGuard guard
    cdef dict seen = {}
    new.n = self.n
    new.fit()
    new.set_outputs(old.n_outputs)
    for i in range(old.n_outputs):
        new.outputs[i] = moved(self, old.outputs[i])
    new.set_guards(old.n_guards, old.sources)
    for i in range(old.n_guards):
        guard = old.guards[i]
        guard.x, guard.y = moved(self, guard.x), moved(self, guard.y)
        key = (guard.kind, guard.x, guard.y, guard.outcome)
        if guard.x < 0 and guard.y < 0 or seen.setdefault(key, i) != i:
            continue
        at = max(at, max(<int64_t>guard.x, <int64_t>guard.y) + 1 - new.n_inputs)
        guard.at = <int32_t>at
        new.guards[n] = guard
        n += 1
    new.n_guards = n
    return new


cdef uint8_t* needed_values(Code code) except NULL:
    """By value: whether an output or a guard needs it."""
    cdef int64_t i, n_inputs = code.n_inputs
    cdef const int32_t* x = code.x
    cdef const int32_t* y = code.y
    cdef uint8_t* needed = <uint8_t*>calloc(n_inputs + code.n + 1, 1)
    if needed == NULL:
        raise MemoryError(f"out of memory for {code.n} instructions")
    for i in range(code.n_outputs):
        if code.outputs[i] >= 0:
            needed[code.outputs[i]] = 1
    for i in range(code.n_guards):
        if code.guards[i].x >= 0:
            needed[code.guards[i].x] = 1
        if code.guards[i].y >= 0:
            needed[code.guards[i].y] = 1
    for i in range(code.n - 1, -1, -1):
        if needed[n_inputs + i]:
            if x[i] >= 0:
                needed[x[i]] = 1
            if y[i] >= 0:
                needed[y[i]] = 1
    return needed


# -- a part ----------------------------------------------------------------------------------

cdef Code restricted(Code old, const uint8_t* kept, list outputs, list guards):
    """The instructions that `kept` marks by value, with some operands as outputs."""
    cdef Rewriting self = rewriting(old)
    cdef Code new = self.new
    cdef int64_t i, k
    for i in range(old.n):
        if kept[old.n_inputs + i]:
            self.places[old.n_inputs + i] = put(
                self, old.op[i], self.operand(old.x[i]),
                old.y[i] if old.y[i] == NO_OPERAND else self.operand(old.y[i]))
    new.n = new.n_primal = self.n
    new.set_outputs(len(outputs))
    for i, operand in enumerate(outputs):
        new.outputs[i] = self.operand(operand)
    new.set_guards(len(guards), old.sources)
    for i, k in enumerate(guards):
        new.guards[i] = old.guards[k]
        new.guards[i].x = self.operand(old.guards[k].x)
        new.guards[i].y = self.operand(old.guards[k].y)
        new.guards[i].at = <int32_t>new.n
    return new
