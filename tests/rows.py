"""What the tests of rows in C share: points, the values of the scalar path, and comparisons."""

import numpy as np
import pytest
from reference import row_id

from tapead import _tape
from tapead.elementals import OPCODES

MARK = np.array([0x7FFC7AEA00000000], dtype=np.uint64).view(float)[0]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 2.5, 1e-300, 1e300, np.inf, -np.inf, np.nan]
MARKED = {"copy": "x", "seed": "x", "number": "x", "present": "x",  # operands that may be the mark
          "carry": "xy", "merge": "xy", "join": "y"}  # fmt: skip
ULPS = 4  # of functions that vectorise, which are not C's own


def each(rows):
    return pytest.mark.parametrize("row", rows, ids=row_id)


def in_cython(name, *columns):
    """A row's values by its own loop."""
    columns = [np.ascontiguousarray(column, dtype=float) for column in columns]
    out = np.empty(len(columns[0]))
    _tape.evaluate_rows(OPCODES[name], columns[0], columns[-1], out)
    return out


def values_of(row, name):
    """Special values of an operand of a row, or of nothing but a number."""
    return [*SPECIAL, MARK] if name in MARKED.get(row, "") else SPECIAL


def columns_of(row):
    """Points of the domain and, crossed with each other, special values."""
    rng = np.random.default_rng(list(row.name.encode()))
    special = list(np.meshgrid(*[values_of(row.name, name) for name in row.args]))
    if "nan" in row.partials:  # an order
        special[0] = np.clip(np.nan_to_num(np.abs(np.trunc(special[0]))), 1, 5)
    inside = [rng.uniform(low, high, 60) for low, high in row.domain]
    return [np.concatenate([a, b.ravel()]) for a, b in zip(inside, special, strict=True)]


def is_mark(x):
    """Where the elements of an array are the mark of what is absent."""
    x = np.asarray(x)
    if x.dtype == np.float32:
        return x.view(np.uint32) == 0x7FFC7AEA
    return x.view(np.uint64) == MARK.view(np.uint64)


def same_bits(got, wanted):
    """Whether the bits agree; of a NaN only that it is one, unless it is the mark."""
    got, wanted = np.array(got), np.array(wanted)
    both_nan = np.isnan(got) & np.isnan(wanted) & ~(is_mark(got) | is_mark(wanted))
    bits = np.uint32 if got.dtype == np.float32 else np.uint64
    return (got.view(bits) == wanted.view(bits)) | both_nan


def close(got, wanted, ulps=ULPS):
    with np.errstate(invalid="ignore"):
        return np.abs(got - wanted) <= ulps * np.spacing(np.abs(wanted))
