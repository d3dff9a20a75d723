"""The table of guards: what a Program checks to know that it still takes the recorded path.

The first `COMPARISONS` hold if their test comes out as it did when the Program was recorded; the
others compare a value with the recorded one and hold if their test is true. Tests and ties are
expressions in ``x`` and ``y`` as in the table of elementals; a tie is where the smallest change of
``x`` may turn the outcome. A guard's number is its place here.
"""

from typing import NamedTuple


class GuardKind(NamedTuple):
    """One way to look at a number and to go on differently.

    Parameters
    ----------
    name : str
        The comparison, the rounding, or ``"same_bits"``.
    test : str
        Condition on ``x`` and ``y``.
    tie : str
        Condition under which the outcome is at its edge; empty if there is none worth telling.
    text : str
        How a person writes the test; ``{x}`` and ``{y}`` stand for the arguments.
    """

    name: str
    test: str
    tie: str
    text: str


# fmt: off
GUARDS = (
    GuardKind("less", "x < y", "x == y", "{x} < {y}"),
    GuardKind("less_equal", "x <= y", "x == y", "{x} <= {y}"),
    GuardKind("greater", "x > y", "x == y", "{x} > {y}"),
    GuardKind("greater_equal", "x >= y", "x == y", "{x} >= {y}"),
    GuardKind("equal", "x == y", "", "{x} == {y}"),
    GuardKind("not_equal", "x != y", "", "{x} != {y}"),
    GuardKind("trunc", "trunc(x) == y", "x == trunc(x)", "trunc({x:r}) == {y}"),
    GuardKind("floor", "floor(x) == y", "x == floor(x)", "⌊{x:r}⌋ == {y}"),
    GuardKind("ceil", "ceil(x) == y", "x == ceil(x)", "⌈{x:r}⌉ == {y}"),
    GuardKind("rint", "rint(x) == y", "x - floor(x) == 0.5", "rint({x:r}) == {y}"),
    GuardKind("same_bits", "same_bits(x, y)", "", "{x} is exactly {y}"),
)
# fmt: on
COMPARISONS = 6
