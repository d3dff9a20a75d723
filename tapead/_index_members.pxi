# Sets of indices taken apart into their members.

@cython.final
cdef class Members:
    """Sets taken apart: their members one behind the other."""

    cdef IndexSets sets
    cdef int32_t* out
    cdef int64_t n
    cdef int64_t room
    cdef int32_t* stack
    cdef int64_t depth
    cdef int64_t stack_room
    cdef int32_t* seen_set  # the last round that came by
    cdef int32_t* seen_index
    cdef int32_t round
    cdef dict places  # of larger sets that were taken apart before

    def __cinit__(self, IndexSets sets):
        self.sets = sets
        self.places = {}
        self.seen_set = <int32_t*>calloc(sets.n + 1, sizeof(int32_t))
        self.seen_index = <int32_t*>calloc(sets.n_indices + 1, sizeof(int32_t))
        if self.seen_set == NULL or self.seen_index == NULL:
            raise MemoryError(f"out of memory for {sets.n} sets of indices")

    def __dealloc__(self):
        free(self.out)
        free(self.stack)
        free(self.seen_set)
        free(self.seen_index)

    cdef int grow(self, int64_t n) noexcept:
        cdef int64_t size
        cdef void* found
        if self.n + n <= self.room:
            return 0
        size = max(2 * self.room, self.n + n + 64)
        found = realloc(self.out, size * sizeof(int32_t))
        if found == NULL:
            return -1
        self.out = <int32_t*>found
        self.room = size
        return 0

    cdef int append(self, int64_t k) except -2:
        """Append the members of set k; -1 if there is no memory."""
        cdef IndexSets sets = self.sets
        cdef int64_t start = sets.starts[k], n = sets.starts[k + 1] - start
        if sets.large[k] and k:
            return self.append_large(k)
        if self.grow(n) < 0:
            return -1
        memcpy(self.out + self.n, sets.members + start, n * sizeof(int32_t))
        self.n += n
        return 0

    cdef int append_large(self, int64_t k) except -2:
        cdef int64_t start = self.n, at, n
        place = self.places.get(k)
        if place is not None:
            at, n = place
            if self.grow(n) < 0:
                return -1
            memcpy(self.out + self.n, self.out + at, n * sizeof(int32_t))
            self.n += n
            return 0
        self.round += 1
        if self.push(k) < 0:
            return -1
        while self.depth:
            self.depth -= 1
            if self.open(self.stack[self.depth]) < 0:
                return -1
        qsort(self.out + start, self.n - start, sizeof(int32_t), compared)
        self.places[k] = (start, self.n - start)
        return 0

    cdef int push(self, int64_t k) noexcept:
        cdef void* found
        cdef int64_t size
        if self.seen_set[k] == self.round:
            return 0
        self.seen_set[k] = self.round
        if self.depth == self.stack_room:
            size = 2 * self.stack_room + 64
            found = realloc(self.stack, size * sizeof(int32_t))
            if found == NULL:
                return -1
            self.stack = <int32_t*>found
            self.stack_room = size
        self.stack[self.depth] = <int32_t>k
        self.depth += 1
        return 0

    cdef int open(self, int64_t k) noexcept:
        """The members of a small set, or the parts of a larger one."""
        cdef IndexSets sets = self.sets
        cdef int64_t i
        cdef int32_t index
        if not sets.large[k] and self.grow(sets.size_of(k)) < 0:
            return -1
        for i in range(sets.starts[k], sets.starts[k + 1]):
            index = sets.members[i]
            if sets.large[k]:
                if self.push(index) < 0:
                    return -1
            elif self.seen_index[index] != self.round:
                self.seen_index[index] = self.round
                self.out[self.n] = index
                self.n += 1
        return 0


cdef int compared(const void* a, const void* b) noexcept nogil:
    return ((<const int32_t*>a)[0] > (<const int32_t*>b)[0]) - (
        (<const int32_t*>a)[0] < (<const int32_t*>b)[0])
