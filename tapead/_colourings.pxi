# Colourings: groups of columns that share no row, and of the nodes of a symmetric pattern.

cdef enum:
    MOST_STEPS = 1 << 30  # of a star colouring, some seconds


def largest_first(const int32_t[::1] indptr):
    """Lines by their number of entries, the fullest first, else in their order."""
    counts = np.diff(np.asarray(indptr))
    return np.argsort(-counts, kind="stable").astype(np.int32)


def column_work(const int32_t[::1] indptr):
    """Steps of a colouring of the columns: the squares of the rows' numbers of entries."""
    return float(np.sum(np.square(np.diff(np.asarray(indptr)).astype(np.float64))))


def column_colours(rows, columns, const int32_t[::1] order):
    """Colours such that columns which share a row have different ones (distance 2).

    Parameters
    ----------
    rows, columns : tuple of ndarray
        ``(indptr, indices)`` of the pattern by its rows, and by its columns.
    order : ndarray of int32
        Columns in the order in which they are coloured, each with the first colour that is free.

    Returns
    -------
    colours : ndarray of int32
    n_colours : int
    """
    cdef const int32_t[::1] row_start = rows[0], row = rows[1]
    cdef const int32_t[::1] column_start = columns[0], column = columns[1]
    cdef int64_t n = column_start.shape[0] - 1, i, k, j, n_colours = 0
    cdef int32_t v, r, c
    found = np.full(n, -1, dtype=np.int32)
    cdef int32_t[::1] colour = found
    cdef int32_t[::1] taken = np.full(n + 1, -1, dtype=np.int32)
    for i in range(n):
        v = order[i]
        for k in range(column_start[v], column_start[v + 1]):
            r = column[k]
            for j in range(row_start[r], row_start[r + 1]):
                c = colour[row[j]]
                if c >= 0:
                    taken[c] = v
        c = 0
        while taken[c] == v:
            c += 1
        colour[v] = c
        n_colours = max(n_colours, <int64_t>c + 1)
        if i % BLOCK == 0:
            PyErr_CheckSignals()
    return found, int(n_colours)


@cython.final
cdef class StarColouring:
    """StarColouring(indptr, indices, order)\n--\n

    Colours of a symmetric pattern: neighbours differ, and so do some two of four on a path.

    Two colours then meet in stars only, so that every entry stands alone in one of the compressed
    columns of its two colours. Beside each node stands which colours its neighbours have, how
    often and where first: a node of a million neighbours costs no more than their colours.
    """

    cdef const int32_t[::1] start
    cdef const int32_t[::1] node
    cdef readonly object colours
    cdef readonly int64_t n_colours
    cdef int32_t[::1] colour
    cdef int32_t[::1] n_seen  # of each node: colours among its neighbours
    cdef int32_t[::1] seen  # those colours, in the places of its entries
    cdef int32_t[::1] count
    cdef int32_t[::1] first
    cdef int32_t[::1] taken
    cdef int64_t n_steps
    cdef readonly bint done  # False if it took too many steps

    def __init__(self, indptr, indices, const int32_t[::1] order):
        cdef int64_t n = len(indptr) - 1, i
        self.start, self.node = indptr, indices
        self.colours = np.full(n, -1, dtype=np.int32)
        self.colour = self.colours
        self.n_seen = np.zeros(n, dtype=np.int32)
        self.seen, self.count, self.first = (
            np.zeros(len(indices), dtype=np.int32) for _ in range(3))
        self.taken = np.full(n + 1, -1, dtype=np.int32)
        for i in range(n):
            self.take(order[i])
            if i % 256 == 0:
                PyErr_CheckSignals()
            if self.n_steps > MOST_STEPS:
                return
        self.done = True

    cdef int64_t place(self, int32_t v, int32_t c) noexcept nogil:
        """Where colour c stands beside node v, -1 if no neighbour has it."""
        cdef int64_t k
        for k in range(self.start[v], self.start[v] + self.n_seen[v]):
            if self.seen[k] == c:
                self.n_steps += k - self.start[v] + 1
                return k
        self.n_steps += self.n_seen[v]
        return -1

    cdef int take(self, int32_t v) except -1:
        """Colour node v."""
        cdef int64_t k
        cdef int32_t c = 0
        for k in range(self.start[v], self.start[v + 1]):
            if self.node[k] != v and self.colour[self.node[k]] >= 0:
                self.forbid_by(v, self.node[k])
        while self.taken[c] == v:
            c += 1
        self.colour[v] = c
        self.n_colours = max(self.n_colours, <int64_t>c + 1)
        for k in range(self.start[v], self.start[v + 1]):
            if self.node[k] != v:
                self.note(self.node[k], c, v)
        return 0

    cdef int forbid_by(self, int32_t v, int32_t w) except -1:
        """Colours that node v cannot have because of its neighbour w."""
        cdef int32_t c = self.colour[w]
        cdef int64_t k, other
        cdef bint twice = self.count[self.place(v, c)] > 1
        self.taken[c] = v
        for k in range(self.start[w], self.start[w] + self.n_seen[w]):
            if twice:  # v is the middle of a path, whose ends must not meet its colour
                self.taken[self.seen[k]] = v
            elif self.count[k] == 1:
                other = self.place(self.first[k], c)
                if self.count[other] > 1:  # w is an end of a star
                    self.taken[self.seen[k]] = v
        return 0

    cdef int note(self, int32_t v, int32_t c, int32_t neighbour) except -1:
        """A neighbour of v has a colour."""
        cdef int64_t k = self.place(v, c)
        if k < 0:
            k = self.start[v] + self.n_seen[v]
            self.seen[k], self.count[k], self.first[k] = c, 0, neighbour
            self.n_seen[v] += 1
        self.count[k] += 1
        return 0

    def read_at(self):
        """Per entry: the colour in whose compressed column it stands alone, and the row."""
        cdef int64_t n = self.colour.shape[0], i, k
        cdef int32_t j
        groups, rows = (np.empty(self.node.shape[0], dtype=np.int32) for _ in range(2))
        cdef int32_t[::1] group = groups, row = rows
        for i in range(n):
            for k in range(self.start[i], self.start[i + 1]):
                j = self.node[k]
                if i == j or self.count[self.place(<int32_t>i, self.colour[j])] == 1:
                    group[k], row[k] = self.colour[j], <int32_t>i
                else:
                    group[k], row[k] = self.colour[i], j
        return groups, rows
