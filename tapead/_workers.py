"""Where tasks run: in this process, or on the workers of a dask cluster.

Both do the same tasks and give them back by number, so that nothing depends on which comes first.
"""

import itertools
import sys
import time
from collections import Counter, defaultdict
from contextlib import contextmanager

from tapead._shards import packed

AHEAD = 4  # tasks on their way for each thread of a worker
SMALL = 1 << 20  # bytes that go with the tasks, whose way is shorter but leads by the scheduler
FRESH = 5.0  # seconds for which a list of workers is taken to be right


def place(client):
    """Where the tasks of a client run; None is this process."""
    return Here() if client is None else There(checked(client))


def checked(client):
    """A client that can be used.

    Raises
    ------
    TypeError
        If it is something else.
    ValueError
        If it is closed, or asynchronous.
    """
    try:
        from distributed import Client
    except ImportError:
        Client = ()  # noqa: N806
    if not isinstance(client, Client):
        raise TypeError(
            "client is a dask.distributed.Client, or None for this process; got "
            f"{type(client).__name__} (pip install 'tapead[distributed]' brings dask)"
        )
    if client.asynchronous:
        raise ValueError("client is asynchronous; make one with asynchronous=False")
    if client.status != "running":
        raise ValueError(f"client is {client.status}; connect a client to a scheduler that runs")
    return client


class Here:
    """Runs tasks in this process, one after the other."""

    def keep(self, thing):
        """What tasks take in the place of a thing that many of them need."""
        return thing

    def send(self, thing, nbytes):
        """What tasks of one step take; `nbytes` are those of all tasks."""
        return thing

    def call(self, number, function, *args):
        """Run a task; `number` tells tasks apart that should run side by side."""
        return function(*args)

    def results(self, found):
        """Values of what `call` returned."""
        return found

    def stream(self, function, kept, tasks):
        """Go through tasks and give the number and result of each, in any order."""
        for i, args in enumerate(tasks):
            yield i, function(kept, *args)


class There:
    """Runs tasks on the workers of a client.

    A task goes to a worker of its own, or to any other once that one is gone. What many tasks need
    goes to one worker, and from there to those that ask for it; it is sent once more if it is lost.
    """

    def __init__(self, client):
        self.client, self.threads, self.asked = client, {}, None

    def keep(self, thing):
        """What tasks take in the place of a thing that many of them need, as a pickle."""
        return self._submit(None, _itself, packed(thing))

    def send(self, thing, nbytes):
        """What tasks of one step take; `nbytes` are those of all tasks."""
        return thing if nbytes <= SMALL else self._submit(None, _itself, thing)

    def call(self, number, function, *args):
        """Start a task; `number` tells tasks apart that should run side by side."""
        addresses = [] if number is None else list(self._workers())
        address = addresses[number % len(addresses)] if addresses else None
        return self._submit(address, function, *args)

    def results(self, found):
        """Values of what `call` returned."""
        return self.client.gather(found)

    def stream(self, function, kept, tasks):
        """Go through tasks and give the number and result of each, in any order.

        A few tasks per thread are under way at a time: what they take need not fit in memory.
        """
        from distributed import as_completed

        done, tasks = as_completed(loop=self.client.loop), enumerate(tasks)
        busy, under_way = Counter(), {}

        def fill():
            for address, dealt in self._dealt(tasks, busy).items():
                futures = self._map(address, function, kept, [args for _, args in dealt])
                for (i, _), future in zip(dealt, futures, strict=True):
                    under_way[future.key] = i, address, future
                busy[address] += len(futures)
                done.update(futures)

        try:
            fill()
            for batch in done.batches():
                found = self.client.gather(batch)
                numbers = []
                for future in batch:
                    i, address, _ = under_way.pop(future.key)
                    busy[address] -= 1
                    numbers.append(i)
                fill()
                yield from zip(numbers, found, strict=True)
        finally:
            self.client.cancel([future for _, _, future in under_way.values()])

    def _dealt(self, tasks, busy):
        """The next tasks by address, or None for any, each to the one with most room."""
        room = {a: AHEAD * n - busy[a] for a, n in (self._workers() or {None: 1}).items()}
        dealt = defaultdict(list)
        for task in itertools.islice(tasks, sum(max(n, 0) for n in room.values())):
            address = max(room, key=room.get)
            room[address] -= 1
            dealt[address].append(task)
        return dealt

    def _workers(self):
        """Threads by address."""
        now = time.monotonic()
        if self.asked is None or now - self.asked > FRESH:
            self.threads, self.asked = self.client.nthreads(), now
        return self.threads

    def _submit(self, address, function, *args):
        with _any_size():
            return self.client.submit(function, *args, pure=False, **_where(address))

    def _map(self, address, function, kept, rows):
        """Start several tasks, which costs little more than one."""
        columns = zip(*((kept, *args) for args in rows), strict=True)
        with _any_size():
            return self.client.map(function, *columns, pure=False, **_where(address))


def _any_size():
    """Without dask's advice to load what is large by dask."""
    import dask

    return dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"})


def _where(address):
    return {} if address is None else {"workers": [address], "allow_other_workers": True}


def _itself(thing):
    return thing


# -- progress


@contextmanager
def shown(wanted, total):
    """Show how many of `total` shards are done: a function to call after each.

    `wanted` is a bool, None for what the standard error is, or a function of both numbers.
    """
    if wanted is None:
        wanted = sys.stderr is not None and sys.stderr.isatty()
    bar = _bar(total) if wanted and not callable(wanted) else None
    if bar is not None:
        with bar:
            yield bar.update
        return
    show = wanted if callable(wanted) else _Lines() if wanted else None
    done = 0

    def step():
        nonlocal done
        done += 1
        if show is not None:
            show(done, total)

    yield step


def _bar(total):
    """A bar of tqdm; None if that is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=total, unit="shard", file=sys.stderr, dynamic_ncols=True)


class _Lines:
    """A line for each tenth, on the standard error."""

    def __init__(self):
        self.start = time.perf_counter()

    def __call__(self, done, total):
        if done == total or 10 * done // total > 10 * (done - 1) // total:
            rate = done / max(time.perf_counter() - self.start, 1e-9)
            print(f"{done}/{total} shards  {rate:.3g}/s", file=sys.stderr, flush=True)
