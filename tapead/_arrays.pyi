from collections.abc import Sequence
from typing import Any

from numpy.typing import DTypeLike

def array(values: Any, dtype: DTypeLike | None = None) -> Any: ...
def stack(arrays: Sequence[Any], axis: int = 0) -> Any: ...
