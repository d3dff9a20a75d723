# Code: arrays of instructions, constants, outputs and guards.

cdef enum:
    MOST = 0x7FFFFFFF  # instructions and inputs together


@cython.final
cdef class Code:
    """Code()\n--\n

    Instructions of a program, each of which refers to earlier values.
    """

    def __cinit__(self):
        self.sources = ()

    def __dealloc__(self):
        free(self.op)
        free(self.x)
        free(self.y)
        free(self.constants)
        free(self.constant_index)
        free(self.outputs)
        free(self.guards)

    def __len__(self):
        return self.n

    def __repr__(self):
        return f"<Code: {self.n_inputs} to {self.n_outputs} numbers, {self.n} instructions>"

    @property
    def nbytes(self):
        """Bytes that the instructions, constants, outputs and guards take."""
        return (self.capacity * 9 + self.constant_capacity * 8 + self.index_size * 4
                + self.n_outputs * 4 + self.n_guards * sizeof(CodeGuard))

    @property
    def data(self):
        """The same as NumPy arrays: copies."""
        guards = np.array([
            (g.kind, g.x, g.y, g.outcome, g.at, g.source) for g in self.guards[:self.n_guards]
        ], dtype=np.int32).reshape(-1, 6)
        return CodeData(
            n_inputs=self.n_inputs,
            op=copy_of(self.op, self.n, 1, "u1"),
            x=copy_of(self.x, self.n, 4, "i4"),
            y=copy_of(self.y, self.n, 4, "i4"),
            constants=copy_of(self.constants, self.n_constants, 8, "f8"),
            outputs=copy_of(self.outputs, self.n_outputs, 4, "i4"),
            guard_kind=guards[:, 0].astype(np.uint8),
            guard_x=guards[:, 1].copy(),
            guard_y=guards[:, 2].copy(),
            guard_outcome=guards[:, 3].astype(np.uint8),
            guard_at=guards[:, 4].copy(),
            guard_values=np.array(
                [(g.x_value, g.y_value) for g in self.guards[:self.n_guards]]).reshape(-1, 2),
            sources=tuple([self.sources[i] for i in guards[:, 5]]),
        )

    @staticmethod
    def of(data):
        """Code of a `CodeData`, which is checked first."""
        cdef Code code = Code()
        cdef Py_ssize_t i
        check(data)
        code.n_inputs = data.n_inputs
        code.room(len(data.op))
        cdef int32_t[::1] constants = np.array(
            [code.constant(value) for value in data.constants], dtype=np.int32)
        cdef const uint8_t[::1] op = data.op
        cdef const int32_t[::1] x = data.x, y = data.y, outputs = data.outputs
        for i in range(op.shape[0]):
            code.emit(op[i], renumbered(x[i], constants), renumbered(y[i], constants))
        code.n_primal = code.n
        code.set_outputs(outputs.shape[0])
        for i in range(outputs.shape[0]):
            code.outputs[i] = renumbered(outputs[i], constants)
        code.set_guards(len(data.guard_kind), tuple(dict.fromkeys(data.sources)))
        places = {source: i for i, source in enumerate(code.sources)}
        for i in range(code.n_guards):
            code.guards[i] = CodeGuard(
                data.guard_values[i, 0], data.guard_values[i, 1], data.guard_kind[i],
                renumbered(data.guard_x[i], constants), renumbered(data.guard_y[i], constants),
                data.guard_outcome[i], data.guard_at[i], places[data.sources[i]])
        return code

    cdef int room(self, int64_t capacity) except -1:
        """Make room for so many instructions."""
        if capacity <= self.capacity:
            return 0
        if capacity + self.n_inputs > MOST:
            raise MemoryError(f"a program holds at most {MOST} instructions; got {capacity}")
        self.op = <uint8_t*>resized(self.op, capacity)
        self.x = <int32_t*>resized(self.x, capacity * sizeof(int32_t))
        self.y = <int32_t*>resized(self.y, capacity * sizeof(int32_t))
        self.capacity = capacity
        return 0

    cdef int fit(self) except -1:
        """Give back the room that no instruction takes."""
        self.capacity = 0
        return self.room(max(<int64_t>1, self.n))

    cdef int32_t emit(self, int op, int32_t x, int32_t y) except? -2:
        """Append an instruction; its value."""
        if self.n == self.capacity:
            self.room(2 * self.n + 16)
        self.op[self.n] = op
        self.x[self.n] = x
        self.y[self.n] = y
        self.n += 1
        return <int32_t>(self.n_inputs + self.n - 1)

    cdef int32_t constant(self, double value) except? 0:
        """Operand of a constant; equal bits are one constant."""
        cdef uint64_t place
        cdef int32_t found
        if is_no_path(value):
            value = 0.0 / 0.0  # a mark is not data
        if 2 * self.n_constants >= self.index_size:
            self.rehash()
        place = hashed(bits_of(value)) & (self.index_size - 1)
        while True:
            found = self.constant_index[place]
            if found == 0:
                break
            if bits_of(self.constants[-1 - found]) == bits_of(value):
                return found
            place = (place + 1) & (self.index_size - 1)
        if self.n_constants == self.constant_capacity:
            self.constants = <double*>resized(
                self.constants, 2 * (self.n_constants + 8) * sizeof(double))
            self.constant_capacity = 2 * (self.n_constants + 8)
        self.constants[self.n_constants] = value
        self.n_constants += 1
        self.constant_index[place] = <int32_t>(-self.n_constants)
        return <int32_t>(-self.n_constants)

    cdef int rehash(self) except -1:
        cdef int64_t size = max(<int64_t>32, 2 * self.index_size), i
        cdef uint64_t place
        while size < 4 * self.n_constants:
            size *= 2
        free(self.constant_index)
        self.constant_index = NULL
        self.index_size = 0
        self.constant_index = <int32_t*>calloc(size, sizeof(int32_t))
        if self.constant_index == NULL:
            raise MemoryError(f"out of memory for {self.n_constants} constants")
        self.index_size = size
        for i in range(self.n_constants):
            place = hashed(bits_of(self.constants[i])) & (size - 1)
            while self.constant_index[place]:
                place = (place + 1) & (size - 1)
            self.constant_index[place] = <int32_t>(-1 - i)
        return 0

    cdef int set_outputs(self, int64_t n) except -1:
        self.outputs = <int32_t*>resized(self.outputs, n * sizeof(int32_t))
        self.n_outputs = n
        return 0

    cdef int set_guards(self, int64_t n, tuple sources) except -1:
        self.guards = <CodeGuard*>resized(self.guards, n * sizeof(CodeGuard))
        self.n_guards = n
        self.sources = sources
        return 0


cdef void* resized(void* block, int64_t size) except NULL:
    cdef void* new = realloc(block, max(size, <int64_t>8))
    if new == NULL:
        raise MemoryError(f"out of memory for {size} bytes of a program")
    return new


cdef object copy_of(const void* block, int64_t n, int size, str dtype):
    out = np.empty(n, dtype)
    cdef const uint8_t[::1] view = out.view(np.uint8)
    if n:
        memcpy(<void*>&view[0], block, n * size)
    return out


cdef inline uint64_t bits_of(double x) noexcept nogil:
    cdef uint64_t bits
    memcpy(&bits, &x, sizeof(bits))
    return bits


cdef inline uint64_t hashed(uint64_t key) noexcept nogil:
    # Fibonacci hashing; the high half has seen every bit
    return (key * <uint64_t>0x9E3779B97F4A7C15) >> 29


cdef inline int32_t renumbered(int32_t operand, int32_t[::1] constants) noexcept:
    return operand if operand >= 0 or operand == NO_OPERAND else constants[-1 - operand]
