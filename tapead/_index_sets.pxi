# Sets of indices, each of which is kept once and known by a number.

cdef enum:
    SMALL = 64  # members up to which a set holds them itself
    MEMO = 1 << 14  # unions that are remembered
    MOST_SETS = 0x7FFFFFF0
    BLOCK = 1 << 16  # unions between two looks at signals
    DENSE = 1 << 27  # entries beyond which at least half of a pattern is empty


@cython.final
cdef class IndexSets:
    """IndexSets(n)\n--\n

    Sets of the indices 0 to n - 1, and their unions.

    Set 0 is empty and set 1 + i is {i}. A small set holds its members in order, and equal ones are
    one set. A larger one holds the sets that it is the union of: it is taken apart only if a
    pattern asks for it, so that a sum of a million terms costs a million steps.
    """

    cdef readonly int64_t n_indices
    cdef readonly int64_t n  # sets
    cdef int64_t capacity
    cdef int64_t top  # members in use
    cdef int64_t room
    cdef int64_t* starts  # set k holds members[starts[k]] up to starts[k + 1]
    cdef uint8_t* large
    cdef int32_t* members
    cdef int32_t* table  # hash table of sets by what they hold
    cdef int64_t table_size
    cdef int32_t* memo  # (a, b, union)

    def __cinit__(self, n):
        cdef int64_t i
        if not 0 <= n < MOST_SETS:
            raise ValueError(f"expected at most {MOST_SETS} indices; got {n}")
        self.n_indices = n
        self.memo = <int32_t*>calloc(3 * MEMO, sizeof(int32_t))
        if self.memo == NULL or self.reserve(2 * n + SMALL, n + 64) < 0:
            raise MemoryError(f"out of memory for the sets of {n} indices")
        self.starts[0] = self.starts[1] = 0
        self.large[0] = False
        self.n = 1
        for i in range(n):
            self.members[self.top] = <int32_t>i
            if self.kept(1, False) < 0:
                raise MemoryError(f"out of memory for the sets of {n} indices")

    def __dealloc__(self):
        free(self.starts)
        free(self.large)
        free(self.members)
        free(self.table)
        free(self.memo)

    @property
    def nbytes(self):
        """Bytes of all sets."""
        return self.capacity * 9 + self.room * 4 + self.table_size * 4 + 12 * MEMO

    # -- one set -----------------------------------------------------------------------------

    cdef int reserve(self, int64_t members, int64_t sets) noexcept nogil:
        """Room for so many members and sets more; -1 if there is none."""
        cdef int64_t size
        cdef void* found
        if self.top + members > self.room:
            size = max(2 * self.room, self.top + members)
            found = realloc(self.members, size * sizeof(int32_t))
            if found == NULL:
                return -1
            self.members = <int32_t*>found
            self.room = size
        if self.n + sets + 1 > self.capacity:
            size = max(2 * self.capacity, self.n + sets + 1)
            if size > MOST_SETS:
                return -1
            found = realloc(self.starts, (size + 1) * sizeof(int64_t))
            if found == NULL:
                return -1
            self.starts = <int64_t*>found
            found = realloc(self.large, size)
            if found == NULL:
                return -1
            self.large = <uint8_t*>found
            self.capacity = size
        if 2 * (self.n + sets) > self.table_size:
            return self.rehash(2 * (self.n + sets))
        return 0

    cdef int rehash(self, int64_t least) noexcept nogil:
        cdef int64_t size = 1024, k
        while size < 2 * least:
            size *= 2
        free(self.table)
        self.table_size = 0
        self.table = <int32_t*>calloc(size, sizeof(int32_t))
        if self.table == NULL:
            return -1
        self.table_size = size
        for k in range(1, self.n):
            self.table[self.free_place(k)] = <int32_t>k
        return 0

    cdef int64_t free_place(self, int64_t k) noexcept nogil:
        cdef int64_t mask = self.table_size - 1
        cdef int64_t at = <int64_t>self.hashed(
            self.starts[k], self.starts[k + 1] - self.starts[k], self.large[k]) & mask
        while self.table[at]:
            at = (at + 1) & mask
        return at

    cdef uint64_t hashed(self, int64_t start, int64_t n, bint large) noexcept nogil:
        cdef uint64_t h = <uint64_t>0x9E3779B97F4A7C15 + large
        cdef int64_t i
        for i in range(start, start + n):
            h = (h ^ <uint64_t>self.members[i]) * <uint64_t>0xFF51AFD7ED558CCD
            h ^= h >> 32
        return h

    cdef int64_t kept(self, int64_t n, bint large) noexcept nogil:
        """Number of the set whose `n` members stand at the top; there is room for it."""
        cdef int64_t mask = self.table_size - 1, start = self.top, k
        cdef int64_t at = <int64_t>self.hashed(start, n, large) & mask
        while self.table[at]:
            k = self.table[at]
            if (self.starts[k + 1] - self.starts[k] == n and self.large[k] == large
                    and memcmp(&self.members[self.starts[k]], &self.members[start],
                               n * sizeof(int32_t)) == 0):
                return k
            at = (at + 1) & mask
        k = self.n
        self.table[at] = <int32_t>k
        self.large[k] = large
        self.top += n
        self.starts[k + 1] = self.top
        self.n += 1
        return k

    cdef int64_t size_of(self, int64_t k) noexcept nogil:
        return self.starts[k + 1] - self.starts[k]

    cdef int64_t union_of(self, int64_t a, int64_t b) noexcept nogil:
        """Number of the union; -1 if there is no memory."""
        cdef int64_t k
        cdef int32_t* memo
        if a == b or b == 0:
            return a
        if a == 0:
            return b
        if a > b:
            a, b = b, a
        memo = &self.memo[3 * (<int64_t>(
            (<uint64_t>a * <uint64_t>0x9E3779B97F4A7C15 + <uint64_t>b) * <uint64_t>0xC2B2AE35 >> 17)
            & (MEMO - 1))]
        if memo[0] == a and memo[1] == b:
            return memo[2]
        if self.reserve(2 * SMALL, 1) < 0:
            return -1
        k = self.made(a, b)
        memo[0], memo[1], memo[2] = <int32_t>a, <int32_t>b, <int32_t>k
        return k

    cdef int64_t made(self, int64_t a, int64_t b) noexcept nogil:
        cdef int64_t n = 0, i, j, i_end, j_end
        cdef int32_t* m = self.members
        cdef int32_t* out = m + self.top
        if not (self.large[a] or self.large[b]):
            i, i_end, j, j_end = (
                self.starts[a], self.starts[a + 1], self.starts[b], self.starts[b + 1])
            while i < i_end and j < j_end:
                out[n] = min(m[i], m[j])
                i, j = i + (m[i] == out[n]), j + (m[j] == out[n])
                n += 1
            while i < i_end:
                out[n] = m[i]
                i, n = i + 1, n + 1
            while j < j_end:
                out[n] = m[j]
                j, n = j + 1, n + 1
            if n == self.size_of(a) or n == self.size_of(b):
                return a if n == self.size_of(a) else b
            if n <= SMALL:
                return self.kept(n, False)
        out[0], out[1] = <int32_t>a, <int32_t>b
        return self.kept(2, True)

    cdef int64_t union_of_many(self, const int32_t* ids, int64_t n) noexcept nogil:
        """Number of the union of sets; -1 if there is no memory."""
        cdef int64_t found = 0, i, k = 1, last = 0
        for i in range(n):
            found = self.union_of(found, ids[i])
            if found < 0:
                return -1
            if self.large[found]:
                break
        if i + 1 >= n or not self.large[found]:
            return found
        if self.reserve(n - i + 1, 1) < 0:
            return -1
        self.members[self.top] = <int32_t>found
        for i in range(i + 1, n):
            if ids[i] != last and ids[i] != found:
                last = ids[i]
                if last:
                    self.members[self.top + k] = <int32_t>last
                    k += 1
        return found if k == 1 else self.kept(k, True)

    # -- many sets ---------------------------------------------------------------------------

    def joined(self, const int32_t[::1] a, const int32_t[::1] b):
        """Unions of two rows of sets, pair by pair."""
        out = np.empty(a.shape[0], dtype=np.int32)
        cdef int32_t[::1] found = out
        cdef int64_t i = 0, n = a.shape[0], end, k = 0
        if b.shape[0] != n:
            raise ValueError(f"expected rows of one length; got {n} and {b.shape[0]}")
        while i < n:
            end = min(n, i + BLOCK)
            with nogil:
                for i in range(i, end):
                    k = self.union_of(a[i], b[i])
                    if k < 0:
                        break
                    found[i] = <int32_t>k
                else:
                    i = end
            self.look_up(k)
        return out

    def merged(self, const int32_t[:, ::1] rows):
        """Union of the sets of each row."""
        out = np.zeros(rows.shape[0], dtype=np.int32)
        cdef int32_t[::1] found = out
        cdef int64_t i, k
        if rows.shape[1]:
            for i in range(rows.shape[0]):
                with nogil:
                    k = self.union_of_many(&rows[i, 0], rows.shape[1])
                self.look_up(k)
                found[i] = <int32_t>k
        return out

    def running(self, const int32_t[:, ::1] rows):
        """Unions of the sets of each row up to each place."""
        out = np.empty((rows.shape[0], rows.shape[1]), dtype=np.int32)
        cdef int32_t[:, ::1] found = out
        cdef int64_t i, j, k
        for i in range(rows.shape[0]):
            k = 0
            for j in range(rows.shape[1]):
                k = self.union_of(k, rows[i, j])
                if k < 0:
                    break
                found[i, j] = <int32_t>k
            self.look_up(k)
        return out

    cdef int look_up(self, int64_t k) except -1:
        if k < 0:
            raise MemoryError(f"out of memory for {self.n} sets of indices")
        return PyErr_CheckSignals()

    def csr(self, const int32_t[::1] ids):
        """Members of a row of sets, in order: ``indptr`` and ``indices``."""
        cdef Members found = Members(self)
        indptr = np.zeros(ids.shape[0] + 1, dtype=np.int32)
        cdef int32_t[::1] ends = indptr
        cdef int64_t i
        for i in range(ids.shape[0]):
            if found.append(ids[i]) < 0:
                raise MemoryError("out of memory for the entries of a pattern")
            if found.n > DENSE and 2 * found.n > (i + 1) * self.n_indices or found.n > 0x7FFFFFFF:
                raise MemoryError(
                    f"the pattern is not sparse: {found.n} entries in {i + 1} rows of "
                    f"{self.n_indices}; use products with vectors (jvp, vjp, hvp)")
            ends[i + 1] = <int32_t>found.n
            if i % BLOCK == 0 or found.n > 16 * BLOCK:
                PyErr_CheckSignals()
        indices = np.empty(found.n, dtype=np.int32)
        cdef int32_t[::1] flat = indices
        if found.n:
            memcpy(&flat[0], found.out, found.n * sizeof(int32_t))
        return indptr, indices
