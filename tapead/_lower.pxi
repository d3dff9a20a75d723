# Lowering: pairs of instructions fused, values put into slots, guards among the instructions.

cdef enum:
    LONGEST = 0x7FFFFFFF  # the last use of what is kept to the end
    UNPLACED = -1

cdef uint8_t[2][256][256] FUSED  # side, inner, outer: opcode of the pair less FIRST_FUSION - 1
memset(FUSED, 0, sizeof(FUSED))
for _index, _fusion in enumerate(FUSIONS, start=1):
    FUSED[_fusion.side][OPCODES[_fusion.inner]][OPCODES[_fusion.outer]] = _index
    if _fusion.outer in COMMUTING:
        FUSED[1][OPCODES[_fusion.inner]][OPCODES[_fusion.outer]] = _index


cdef class Lowering:
    """A Code on its way into slots."""

    cdef Code code
    cdef int64_t n_values  # inputs and instructions
    cdef int64_t n_inputs  # of the code, as the next ones: no counting of references to it
    cdef const uint8_t* op
    cdef const int32_t* x
    cdef const int32_t* y
    cdef int32_t* inner  # by instruction: the one that it absorbs, or -1
    cdef uint8_t* skipped  # by instruction: absorbed, or not run here
    cdef int32_t* last_use  # by operand, constants behind values
    cdef int32_t* slot  # the same
    cdef int32_t* free_slots
    cdef int64_t n_free
    cdef int64_t n_slots
    cdef tapead_wide* out
    cdef int64_t n
    cdef int64_t capacity
    cdef int32_t minus_zero  # slot that holds -0.0, or -1: -p runs as -0 - p, which can be fused
    cdef bint on_demand  # inputs and uniform values get slots when they are first used
    cdef const int32_t* uniform  # by operand: its place among the uniform values, or -1

    def __dealloc__(self):
        free(self.inner)
        free(self.skipped)
        free(self.last_use)
        free(self.slot)
        free(self.free_slots)
        free(self.out)

    def __init__(self, Code code):
        cdef int64_t i, n_operands = code.n_inputs + code.n + code.n_constants + 1
        self.code = code
        self.minus_zero = -1
        self.n_values = code.n_inputs + code.n
        self.n_inputs, self.op, self.x, self.y = code.n_inputs, code.op, code.x, code.y
        self.inner = <int32_t*>block(code.n * sizeof(int32_t))
        self.skipped = <uint8_t*>block(code.n)
        self.last_use = <int32_t*>block(n_operands * sizeof(int32_t))
        self.slot = <int32_t*>block(n_operands * sizeof(int32_t))
        self.free_slots = <int32_t*>block(n_operands * sizeof(int32_t))
        for i in range(code.n):
            self.inner[i] = -1
        for i in range(n_operands):
            self.slot[i] = UNPLACED
            self.last_use[i] = -1

    cdef inline int64_t place(self, int32_t operand) noexcept:
        """Index of an operand: constants stand behind the values."""
        return operand if operand >= 0 else self.n_values - 1 - operand

    # -- fusion ------------------------------------------------------------------------------

    cdef int fuse(self) except -1:
        """Let instructions absorb an operand that nothing else uses."""
        cdef Code code = self.code
        cdef int64_t i
        cdef int32_t* uses = <int32_t*>block((self.n_values + 1) * sizeof(int32_t))
        for i in range(code.n_outputs):
            count_use(uses, code.outputs[i])
        for i in range(code.n_guards):
            count_use(uses, code.guards[i].x)
            count_use(uses, code.guards[i].y)
        for i in range(code.n):
            if not self.skipped[i]:
                count_use(uses, code.x[i])
                count_use(uses, code.y[i])
        for i in range(code.n):
            if not self.skipped[i] and not self.absorb(i, code.x[i], 0, uses):
                self.absorb(i, code.y[i], 1, uses)
        free(uses)
        return 0

    cdef inline bint absorb(
        self, int64_t i, int32_t operand, int side, const int32_t* uses
    ) noexcept:
        cdef int64_t at = operand - self.n_inputs
        if at < 0 or uses[operand] != 1 or self.inner[at] >= 0 or self.skipped[at]:
            return False
        if self.op[i] == OP_NEGATIVE:
            if self.minus_zero < 0 or not FUSED[1][self.op[at]][<int>OP_SUBTRACT]:
                return False
        elif not FUSED[side][self.op[at]][self.op[i]]:
            return False
        self.inner[i] = <int32_t>at
        self.skipped[at] = 1
        return True

    # -- slots -------------------------------------------------------------------------------

    cdef int find_last_uses(self, bint keep_outputs) except -1:
        cdef Code code = self.code
        cdef int64_t i, at
        for i in range(code.n):
            if not self.skipped[i]:
                at = self.inner[i]
                self.uses_at(code.x[i], time_of(i))
                self.uses_at(code.y[i], time_of(i))
                if at >= 0:
                    self.uses_at(code.x[at], time_of(i))
                    self.uses_at(code.y[at], time_of(i))
        for i in range(code.n_guards):
            self.uses_at(code.guards[i].x, time_of_guard(&code.guards[i]))
            self.uses_at(code.guards[i].y, time_of_guard(&code.guards[i]))
        for i in range(code.n_outputs):
            at = code.outputs[i] - code.n_inputs
            self.uses_at(code.outputs[i], time_of(at) if (
                at >= 0 and not self.skipped[at] and not keep_outputs) else LONGEST)
        return 0

    cdef inline void uses_at(self, int32_t operand, int64_t time) noexcept:
        if operand != NO_OPERAND:
            self.last_use[self.place(operand)] = <int32_t>max(
                <int64_t>self.last_use[self.place(operand)], time)

    cdef inline int32_t new_slot(self) noexcept:
        if self.n_free:
            self.n_free -= 1
            return self.free_slots[self.n_free]
        self.n_slots += 1
        return <int32_t>(self.n_slots - 1)

    cdef inline void release(self, int32_t operand, int64_t time) noexcept:
        """Give the slot of an operand back if `time` was its last use."""
        cdef int64_t at
        if operand == NO_OPERAND:
            return
        at = self.place(operand)
        if self.last_use[at] <= time and self.slot[at] >= 0 and (
            self.on_demand or operand >= self.n_inputs
        ):
            self.free_slots[self.n_free] = self.slot[at]
            self.n_free += 1
            self.slot[at] = UNPLACED

    cdef inline uint32_t slot_of(self, int32_t operand) except? 0xFFFFFFFF:
        """Slot that holds an operand, which is brought there first if need be."""
        cdef int32_t slot = self.slot[self.place(operand)]
        return self.bring(operand) if slot == UNPLACED else slot

    cdef uint32_t bring(self, int32_t operand) except? 0xFFFFFFFF:
        cdef int64_t at = self.place(operand)
        if not self.on_demand:
            raise RuntimeError(f"operand {operand} has lost its slot")
        self.slot[at] = self.new_slot()
        if self.uniform != NULL and self.uniform[at] >= 0:
            self.emit(UNIFORM, self.slot[at], self.uniform[at], 0, 0)
        else:
            self.emit(LOAD, self.slot[at], operand, 0, 0)
        return self.slot[at]

    # -- instructions ------------------------------------------------------------------------

    cdef inline int emit(
        self, uint32_t op, uint32_t d, uint32_t x, uint32_t y, uint32_t z
    ) except -1:
        if self.n == self.capacity:
            self.capacity = 2 * self.capacity + self.code.n + 64
            out = realloc(self.out, self.capacity * sizeof(tapead_wide))
            if out == NULL:
                raise MemoryError(f"out of memory for {self.capacity} instructions")
            self.out = <tapead_wide*>out
        self.out[self.n] = tapead_wide(op, d, x, y, z)
        self.n += 1
        return 0

    cdef int lower(self) except -1:
        """Instructions and guards in order."""
        cdef int64_t i, guard = 0
        for i in range(self.code.n + 1):
            if guard < self.code.n_guards:
                guard = self.lower_guards(i, guard, NULL)
            if i < self.code.n and not self.skipped[i]:
                self.lower_instruction(i)
        return 0

    cdef int64_t lower_guards(self, int64_t i, int64_t guard, const uint8_t* here) except -1:
        """The guards in front of instruction i, `guard` the first of them; the next one."""
        cdef Code code = self.code
        cdef int64_t first = guard
        while guard < code.n_guards and code.guards[guard].at <= i:
            if here == NULL or here[guard]:
                self.lower_guard(guard)
            guard += 1
        for k in range(first, guard):  # they may have operands in common
            if here == NULL or here[k]:
                self.release(code.guards[k].x, time_of_guard(&code.guards[k]))
                self.release(code.guards[k].y, time_of_guard(&code.guards[k]))
        return guard

    cdef int lower_instruction(self, int64_t i) except -1:
        cdef int64_t at = self.inner[i], time = time_of(i)
        cdef int32_t x = self.x[i], y = self.y[i], z = NO_OPERAND, slot
        cdef uint32_t op = self.op[i], x_slot, y_slot = 0, z_slot = 0
        cdef int side
        if at >= 0:
            side = y == self.n_inputs + at
            z = x if side else y
            if op == OP_NEGATIVE:
                op, side = OP_SUBTRACT, 1
            op = FIRST_FUSION - 1 + FUSED[side][self.op[at]][op]
            x, y = self.x[at], self.y[at]
            z_slot = self.minus_zero if z == NO_OPERAND else self.slot_of(z)
        x_slot = self.slot_of(x)
        if y != NO_OPERAND:
            y_slot = self.slot_of(y)
            self.release(y, time)
        self.release(x, time)
        if at >= 0:
            self.release(z, time)
        slot = self.new_slot()
        self.slot[self.n_inputs + i] = slot
        return self.emit(op, slot, x_slot, y_slot, z_slot)

    cdef int lower_guard(self, int64_t k) except -1:
        cdef CodeGuard* guard = &self.code.guards[k]
        cdef uint32_t x = self.slot_of(guard.x), y = self.slot_of(guard.y)
        return self.emit(FIRST_GUARD + guard.kind, <uint32_t>k, x, y, guard.outcome)


cdef inline int64_t time_of(int64_t i) noexcept:
    return 2 * i + 1


cdef inline int64_t time_of_guard(const CodeGuard* guard) noexcept:
    return 2 * <int64_t>guard.at  # before the instruction of that number


cdef inline void count_use(int32_t* uses, int32_t operand) noexcept:
    if operand >= 0:
        uses[operand] += 1


cdef void* block(int64_t size) except NULL:
    cdef void* new = calloc(max(size, <int64_t>8), 1)
    if new == NULL:
        raise MemoryError(f"out of memory for {size} bytes of a program")
    return new
