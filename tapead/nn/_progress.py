"""Progress: a bar by tqdm where that is installed, and otherwise a line per epoch."""

import sys
import time


class Silent:
    """Says nothing."""

    def batch(self, loss):
        """A batch is done."""

    def epoch(self, row):
        """An epoch is done, with the numbers of its row."""

    def close(self):
        """Training has ended."""


class Lines(Silent):
    """One line per epoch, on the standard error."""

    def __init__(self, n_epochs, n_batches, first):
        self.n_epochs, self.done, self.batches, self.start = n_epochs, first, 0, time.perf_counter()

    def batch(self, loss):
        """A batch is done."""
        self.batches += 1

    def epoch(self, row):
        """An epoch is done, with the numbers of its row."""
        self.done += 1
        now = time.perf_counter()
        rate = self.batches / max(now - self.start, 1e-9)
        self.batches, self.start = 0, now
        print(
            f"epoch {self.done}/{self.n_epochs}  {described(row)}  {rate:.0f} batches/s",
            file=sys.stderr, flush=True,
        )  # fmt: skip


class Bar(Silent):
    """A bar over all batches, with the loss and the rate."""

    def __init__(self, tqdm, n_epochs, n_batches, first):
        self.n_epochs, self.done, self.shown = n_epochs, first, 0.0
        self.bar = tqdm(
            total=n_epochs * n_batches, initial=first * n_batches, unit="batch", file=sys.stderr,
            dynamic_ncols=True,
        )  # fmt: skip
        self.bar.set_description(f"epoch {first}/{n_epochs}", refresh=False)

    def batch(self, loss):
        """A batch is done."""
        now = time.perf_counter()
        if not self.done and now - self.shown > 0.1:  # numbers of an epoch stay once there are any
            self.bar.set_postfix_str(f"loss {loss:.4g}", refresh=False)
            self.shown = now
        self.bar.update()

    def epoch(self, row):
        """An epoch is done, with the numbers of its row."""
        self.done += 1
        self.bar.set_description(f"epoch {self.done}/{self.n_epochs}", refresh=False)
        self.bar.set_postfix_str(described(row), refresh=False)

    def close(self):
        """Training has ended."""
        self.bar.close()


def described(row):
    """Numbers of an epoch in a line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in row.items())


def progress_of(wanted, n_epochs, n_batches, first):
    """What shows progress: None wants it where the standard error is a terminal."""
    if wanted is None:
        wanted = sys.stderr is not None and sys.stderr.isatty()
    if not wanted:
        return Silent()
    try:
        from tqdm import tqdm
    except ImportError:
        return Lines(n_epochs, n_batches, first)
    return Bar(tqdm, n_epochs, n_batches, first)
