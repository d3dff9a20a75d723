"""Random programs over the table's rows, for property tests."""

import functools

import numpy as np
from hypothesis import strategies as st
from reference import function

import tapead
from tapead.elementals import ROWS

# Rows that are smooth on their whole box; a value is squeezed into the box before the row sees it.
SMOOTH = [
    row
    for row in ROWS
    if row.public and not row.kink and not row.selects and "nan" not in row.partials
]


def squeeze(x, low, high):
    """A number of the open interval that depends smoothly on x."""
    middle, half = (low + high) / 2, (high - low) / 2
    return middle + half * tapead.tanh(0.3 * x)


class Program:
    """A straight-line program: every step applies a row to earlier values.

    Parameters
    ----------
    n_inputs : int
    steps : sequence of (Elemental, int, int)
        The row and the indices of its operands, counted from the end.
    n_outputs : int
        The last values are the result.
    """

    def __init__(self, n_inputs, steps, n_outputs):
        self.n_inputs, self.steps, self.n_outputs = n_inputs, steps, n_outputs

    def __repr__(self):
        steps = ", ".join(f"{row.name}({i}, {j})" for row, i, j in self.steps)
        return f"Program({self.n_inputs}; {steps}; {self.n_outputs})"

    def __call__(self, *xs):
        values = list(xs)
        for row, *operands in self.steps:
            arguments = [
                squeeze(values[-1 - i % len(values)], *box)
                for i, box in zip(operands, row.domain, strict=False)
            ]
            values.append(function(row)(*arguments))
        return values[-self.n_outputs :]

    @functools.cached_property
    def point(self):
        """Inputs, the same for the same program."""
        rng = np.random.default_rng(len(self.steps))
        return tuple(rng.uniform(-1.0, 1.0, self.n_inputs).tolist())


@st.composite
def programs(draw, max_outputs=3):
    """Programs of up to five inputs and twelve steps."""
    steps = st.tuples(st.sampled_from(SMOOTH), st.integers(0, 20), st.integers(0, 20))
    return Program(
        draw(st.integers(1, 5)),
        draw(st.lists(steps, min_size=1, max_size=12)),
        draw(st.integers(1, max_outputs)),
    )
