# Which states are kept: by binomials where the number of steps is known, while they run where not.
#
# With s kept states, of which the first is one, and at most r runs of any step, most_steps(s, r) =
# binom(s + r, s) steps can be differentiated. Those of a loop in between take r l - binom(s + r,
# r - 1) runs at the least [1]. If m steps are run to the next state that is kept, this is reached
# where the m steps take r - 1 runs with s states, and the others r runs with s - 1:
#
#     most_steps(s, r - 2) <= m <= most_steps(s, r - 1),
#     most_steps(s - 1, r - 1) <= l - m <= most_steps(s - 1, r).
#
# Where the number of steps is not known, the state in front of each new step is kept, and one is
# let go of, so that the gap where it stood can still be crossed with few runs. Gap j, counted from
# the first, has s - j states; most_steps(s - j, rho) steps are what rho runs of it cross.
# The least rho that lets a state go is taken: the leftmost gap while it is 1, which keeps the
# optimum up to most_steps(s, 2) steps, and the rightmost one otherwise.
#
# [1] A. Griewank and A. Walther, "Algorithm 799: revolve", ACM Trans. Math. Softw. 26 (2000) 19.

cdef enum:
    LOOK_EVERY = 1024  # steps back between two looks for Ctrl-C

cdef int64_t ENOUGH = <int64_t>1 << 62


cdef int64_t most_steps(int64_t s, int64_t r) noexcept nogil:
    """binom(s + r, s), or `ENOUGH` if it is larger than that over s + r."""
    cdef int64_t k, found = 1, few = min(s, r), many = max(s, r)
    for k in range(1, few + 1):
        if found > ENOUGH // (many + k):
            return ENOUGH
        found = found * (many + k) // k
    return found


cdef int64_t repetitions(int64_t l, int64_t s) noexcept nogil:
    """Runs of a step at most, of l steps from s kept states."""
    cdef int64_t r = 0
    if s == 1:
        return l - 1
    while most_steps(s, r) < l:
        r += 1
    return r


cdef int64_t steps_ahead(int64_t l, int64_t s) noexcept nogil:
    """Steps to the next state to keep: of l > 1 steps from s kept states, the present one among
    them."""
    cdef int64_t r
    if s == 1:
        return l - 1
    if l <= s + 1:
        return 1
    r = repetitions(l, s)
    return min(most_steps(s, r - 1), l - most_steps(s - 1, r - 1))


def fewest_runs(int64_t n, int64_t n_slots):
    """Runs of steps that n steps take at the least, those within pullbacks not counted."""
    cdef int64_t r
    if n < 2:
        return 0
    r = repetitions(n, n_slots)
    return r * n - most_steps(n_slots + 1, r - 1)


@cython.final
cdef class Checkpoints:
    """Checkpoints(steps, n_slots)\n--\n

    Runs the steps of a loop forward, and then back with at most `n_slots` states kept.

    Attributes
    ----------
    n : int
        Steps of the loop.
    runs : int
        Runs of steps so far, those within pullbacks not counted.
    """

    cdef Steps steps
    cdef int64_t n_slots
    cdef readonly int64_t n
    cdef readonly int64_t runs
    cdef int64_t at  # number of the current state
    cdef int64_t* number  # by slot, of the state that is kept there
    cdef int64_t* earlier  # by slot: the one of the state that was kept before
    cdef int64_t* later  # the other way, also among slots that are free
    cdef int64_t n_kept
    cdef int64_t last  # slot of the latest state, -1 if there is none
    cdef int64_t free_slot
    cdef int64_t n_used  # slots that have held something
    cdef int64_t gap  # slot in front of the leftmost gap that may take one run
    cdef int64_t gap_index

    def __cinit__(self, Steps steps not None, int64_t n_slots):
        cdef size_t size = min(n_slots, ENOUGH // 8) * sizeof(int64_t)
        self.steps, self.n_slots = steps, n_slots
        self.last = self.free_slot = -1
        self.number = <int64_t*>malloc(size)
        self.earlier = <int64_t*>malloc(size)
        self.later = <int64_t*>malloc(size)
        if self.number == NULL or self.earlier == NULL or self.later == NULL:
            raise MemoryError(f"out of memory for {n_slots} checkpoints")

    def __dealloc__(self):
        free(self.number)
        free(self.earlier)
        free(self.later)

    def run(self, int64_t n):
        """Run all of n > 0 steps; the current state is the last one then."""
        self.n = n
        try:
            self.push(0, False)
            self.approach(n)
            self.advance(1)
        except BaseException as error:
            self.tell(error, "")
            raise

    def run_until(self, int64_t most):
        """Run steps until the state is the last one, or `most` of them if that is not negative."""
        try:
            self.push(0, False)
            while self.at != most and not self.steps.ended():
                if self.at > 1:
                    self.keep_one_more(self.at - 1)
                self.advance(1)
            self.n = self.at
        except BaseException as error:
            self.tell(error, "")
            raise

    def back(self):
        """Pull the adjoints from the last step to the first."""
        cdef int64_t end = self.n
        try:
            if end:
                self.steps.undo()
                self.at = end - 1
            while end:
                if self.at != end - 1:
                    self.steps.take(self.last)
                    self.at = self.number[self.last]
                    self.approach(end)
                end -= 1
                self.steps.pull(end)
                self.at = -1
                while self.last >= 0 and self.number[self.last] >= end:
                    self.drop(self.last)
                if end % LOOK_EVERY == 0:
                    PyErr_CheckSignals()
                    with nogil:  # other threads may run
                        pass
        except BaseException as error:
            self.tell(error, ", which was run again on the way back")
            raise

    cdef int tell(self, object error, str how) except -1:
        """Note the step in an error."""
        if isinstance(error, Exception) or isinstance(error, KeyboardInterrupt):
            error.add_note(f"tapead.checkpointed_loop: in step {self.steps.at}{how}")
        return 0

    cdef int advance(self, int64_t count) except -1:
        self.steps.advance(self.at, count)
        self.at += count
        self.runs += count
        return 0

    cdef int approach(self, int64_t end) except -1:
        """Go from the latest kept state to the one in front of step ``end - 1``."""
        while end - self.at > 1:
            self.advance(steps_ahead(end - self.at, self.n_slots - self.n_kept + 1))
            if end - self.at > 1:
                self.push(self.at, False)
        return 0

    # -- the kept states -----------------------------------------------------------------------

    cdef int push(self, int64_t number, bint before) except -1:
        """Keep the current state, or the one before, behind the others."""
        cdef int64_t slot = self.free_slot
        if slot >= 0:
            self.free_slot = self.later[slot]
        else:
            slot = self.n_used
            self.n_used += 1
        self.steps.keep(slot, before)
        self.number[slot] = number
        self.earlier[slot], self.later[slot] = self.last, -1
        if self.last >= 0:
            self.later[self.last] = slot
        self.last = slot
        self.n_kept += 1
        return 0

    cdef void drop(self, int64_t slot) noexcept:
        cdef int64_t earlier = self.earlier[slot], later = self.later[slot]
        if later >= 0:
            self.earlier[later] = earlier
        else:
            self.last = earlier
        if earlier >= 0:
            self.later[earlier] = later
        self.later[slot] = self.free_slot
        self.free_slot = slot
        self.n_kept -= 1

    cdef int keep_one_more(self, int64_t number) except -1:
        """Keep the state before the current one; if there is no slot, let go of it or another."""
        if self.n_kept == self.n_slots:
            if self.n_slots == 1:
                return 0
            self.find_gap(number)
            if self.gap == self.last:
                return 0  # the one that would be let go of is this one
            self.drop(self.later[self.gap])
        return self.push(number, True)

    cdef int find_gap(self, int64_t number) noexcept:
        """Find the kept state behind which one can be let go of, `number` being the latest."""
        cdef int64_t runs = 1
        while not self.spans(self.gap, self.gap_index, 1, number):
            if self.gap == self.last:
                break
            self.gap = self.later[self.gap]
            self.gap_index += 1
        else:
            return 0
        while True:
            runs += 1
            self.gap, self.gap_index = self.last, self.n_slots - 1
            while self.gap >= 0:
                if self.spans(self.gap, self.gap_index, runs, number):
                    return 0
                self.gap = self.earlier[self.gap]
                self.gap_index -= 1

    cdef bint spans(self, int64_t slot, int64_t index, int64_t runs, int64_t number) noexcept:
        """Whether the gap behind a kept state may take the next one in."""
        cdef int64_t end = number + 1, later = self.later[slot]
        if later >= 0:
            end = number if later == self.last else self.number[self.later[later]]
        return end - self.number[slot] <= most_steps(self.n_slots - index, runs)
