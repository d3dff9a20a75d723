"""Errors that are tapead's own."""


class TapeError(RuntimeError):
    """A tape or a traced value was used where it cannot be: cleared, foreign, or not active."""


class TapeMemoryError(MemoryError):
    """A recording reached its tape's ``max_bytes``, or the machine's memory."""
