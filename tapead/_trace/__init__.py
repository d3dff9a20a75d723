"""The trace: the table of one run, for people and for programs.

It reads the very tape that computes; there is no second interpreter.
"""

from tapead._trace._rows import Row, Rows
from tapead._trace._trace import Trace, trace

__all__ = ["Row", "Rows", "Trace", "trace"]
