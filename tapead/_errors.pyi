class TapeError(RuntimeError): ...
class TapeMemoryError(MemoryError): ...

class BranchChanged(RuntimeError):  # noqa: N818 - it tells of a branch, not of an error
    comparison: str
    filename: str
    lineno: int
    function: str
    recorded: tuple[float, ...]
    values: tuple[float, ...]
    index: int
    def __init__(
        self,
        comparison: str,
        source: tuple[str, int, str] = ("", 0, ""),
        recorded: tuple[float, ...] = (),
        values: tuple[float, ...] = (),
        index: int = 0,
    ) -> None: ...
