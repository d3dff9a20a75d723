"""Room for the values of a program: one arena, places given back and taken again."""

import bisect

ALIGNMENT = 64
FOREVER = 1 << 60
ARENA = 0  # its number among the buffers; inputs, constants and results follow


class Storage:
    """Memory of a value, of windows onto it, and of later versions written in place."""

    def __init__(self, nbytes, first, kind="arena", index=0):
        self.nbytes, self.first, self.last = nbytes, first, first
        self.kind, self.index = kind, index
        self.values = []
        self.offset = 0


def allocate(storages):
    """Offsets of storages that live at different times in the same memory; its size."""
    free, size = [], 0  # free: (offset, length) in order
    starts, ends = {}, {}
    for storage in storages:
        if storage.kind == "arena":
            starts.setdefault(storage.first, []).append(storage)
            ends.setdefault(storage.last, []).append(storage)
    times = sorted(set(starts) | {t for t in ends if t < FOREVER})
    for time in times:
        for storage in starts.get(time, ()):
            length = -(-storage.nbytes // ALIGNMENT) * ALIGNMENT if storage.nbytes > 8 else 8
            storage.offset, size = take(free, length, size)
        for storage in ends.get(time, ()):
            length = -(-storage.nbytes // ALIGNMENT) * ALIGNMENT if storage.nbytes > 8 else 8
            give(free, storage.offset, length)
    return size


def take(free, length, size):
    """The first gap that is long enough, or memory at the end; and the size then."""
    step = ALIGNMENT if length > 8 else 8
    for i, (offset, room) in enumerate(free):
        start = -(-offset // step) * step
        if start + length <= offset + room:
            rest = [(offset, start - offset), (start + length, offset + room - start - length)]
            free[i : i + 1] = [gap for gap in rest if gap[1]]
            return start, size
    start = -(-size // step) * step
    if start > size:
        give(free, size, start - size)
    return start, start + length


def give(free, offset, length):
    """Add a gap, joined with its neighbours."""
    i = bisect.bisect(free, (offset, 0))
    if i < len(free) and free[i][0] == offset + length:
        length += free.pop(i)[1]
    if i and sum(free[i - 1]) == offset:
        offset, length = free[i - 1][0], free.pop(i - 1)[1] + length
        i -= 1
    free.insert(i, (offset, length))
