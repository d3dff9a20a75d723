"""Errors that are tapead's own."""


class TapeError(RuntimeError):
    """A tape or a traced value was used where it cannot be: cleared, foreign, or not active."""


class TapeMemoryError(MemoryError):
    """A recording reached its tape's ``max_bytes``, or the machine's memory."""


class BranchChanged(RuntimeError):  # noqa: N818 - it tells of a branch, not of an error
    """A replay came to a comparison whose outcome is not the recorded one.

    Parameters
    ----------
    comparison : str
        What was compared, with the recorded values and the new ones.
    source : tuple of (str, int, str)
        Where it stands: the attributes ``filename``, ``lineno`` and ``function``.
    recorded, values : tuple of float
        Both sides of the comparison: when it was recorded, and now.
    index : int
        The program's instruction in front of which it is checked.
    """

    def __init__(self, comparison, source=("", 0, ""), recorded=(), values=(), index=0):
        super().__init__(comparison, source, recorded, values, index)
        self.comparison = comparison
        self.filename, self.lineno, self.function = source
        self.recorded, self.values, self.index = recorded, values, index

    def __str__(self):
        where = f"{self.filename}:{self.lineno} in {self.function}" if self.filename else "?"
        return (
            f"{self.comparison}, at {where} (instruction {self.index}); record the function "
            'again, use tapead.compile, or give tapead.record on_branch="record"'
        )
