"""Program.map of random code of exact rows: the bits of a point at every lane."""

import numpy as np
import pytest
from coded import first_failure
from codes import code, results, same_bits, with_guards
from hypothesis import given
from hypothesis import strategies as st

import tapead
from tapead import _program
from tapead._program_file import dump
from tapead._signature import Signature
from tapead.elementals import FIRST_MARKED, INSTRUCTIONS, OPCODES

# Rounded correctly or not at all; the others are vectorised and may differ in the last bits.
NAMES = [
    "add", "subtract", "multiply", "divide", "negative", "reciprocal", "square", "sqrt", "absolute",
    "sign", "maximum", "minimum", "fmax", "fmin", "clip_min", "clip_max", "relu", "heaviside",
    "floor", "ceil", "trunc", "rint", "excess",
]  # fmt: skip
CARRIERS = ["carry", "merge", "number", "present", "seed"]
EXACT = [
    row for row in INSTRUCTIONS if row.name in NAMES + CARRIERS or OPCODES[row.name] >= FIRST_MARKED
]
ARITHMETIC = [row for row in EXACT if OPCODES[row.name] <= 4]
TAKES_MARK = {"carry", "merge", "number", "present"}
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, np.inf, -np.inf, np.nan, 1e300, 5e-324]


def drawn(seed, n, n_outputs, n_inputs=4):
    """Random code; marks go to rows that take them."""
    rng = np.random.default_rng(seed)
    constants = [0.5, -2.0, 0.0, 1.0]
    steps, plain, marked = [], list(range(n_inputs)), list(range(n_inputs))
    for k in range(n):
        rows = ARITHMETIC if rng.random() < 0.6 else EXACT
        row = rows[rng.integers(len(rows))]
        values = marked if row.name in TAKES_MARK else plain
        operands = [values[-1 - rng.integers(min(len(values), 9))] for _ in range(row.arity)]
        if row in ARITHMETIC and rng.random() < 0.3:
            operands[1] = -1 - int(rng.integers(len(constants)))
        steps.append((row.name, *operands))
        marked.append(n_inputs + k)
        if OPCODES[row.name] < FIRST_MARKED:
            plain.append(n_inputs + k)
    return code(n_inputs, steps, rng.choice(marked, n_outputs), constants), plain, rng


def program(data):
    """Each input is an argument of its own; without a function."""
    arguments = Signature((0.0,) * data.n_inputs)
    result = Signature([0.0] * len(data.outputs))
    path = _program.rebuilt_path(dump(data, {}), arguments, result, result, None, False, False)
    return _program.program_from(path, 0)


@given(
    seed=st.integers(0, 10**6), n=st.integers(0, 150), n_points=st.sampled_from([1, 16, 65, 129]),
    varies=st.lists(st.booleans(), min_size=4, max_size=4).filter(any),
    threads=st.integers(1, 3),
)  # fmt: skip
def test_lanes_have_the_bits_of_a_point(seed, n, n_points, varies, threads):
    data, _, rng = drawn(seed, n, 5)
    points = np.where(rng.random((n_points, 4)) < 0.2, rng.choice(SPECIAL, (n_points, 4)),
                      rng.normal(size=(n_points, 4)))  # fmt: skip
    points[:, np.logical_not(varies)] = points[0, np.logical_not(varies)]
    axes = tuple(0 if varying else None for varying in varies)
    args = [points[:, k] if varies[k] else float(points[0, k]) for k in range(4)]
    got = np.transpose(program(data).map(*args, in_axes=axes, threads=threads))
    for row, point, wanted in zip(got, points, results(data, points.T).T, strict=True):
        assert same_bits(row, wanted), point


@pytest.mark.parametrize("seed", range(5))
def test_lanes_of_large_code_have_the_bits_of_a_point(seed):
    """Outputs enough that 16 lanes run and not 64."""
    data, _, rng = drawn(seed, 3000, 2500)
    points = rng.normal(size=(37, 4))
    columns = list(points.T.copy())
    got = np.transpose(program(data).map(*columns, threads=2))
    summed = [program(data).map(*columns, reduction="sum", threads=k) for k in (1, 2)]
    assert same_bits(*summed)
    assert same_bits(got, results(data, points.T).T)
    for total, column in zip(summed[0], got.T, strict=True):
        if np.isfinite(column).all():
            assert abs(total - column.sum()) <= 1e-14 * np.abs(column).sum()


@given(
    seed=st.integers(0, 10**6), n=st.integers(0, 60), n_guards=st.integers(1, 12),
    varies=st.lists(st.booleans(), min_size=4, max_size=4).filter(any),
)  # fmt: skip
def test_lanes_stop_at_the_guards_of_a_point(seed, n, n_guards, varies):
    """Points that hold have their results; the first that does not tells its first guard."""
    data, plain, rng = drawn(seed, n, 3)
    inputs = rng.normal(size=4)
    data = with_guards(data, inputs, rng, n_guards, plain)
    points = np.tile(inputs, (70, 1))
    moved = np.flatnonzero(rng.random(70) < 0.1)
    points[moved] += rng.normal(size=(len(moved), 4)) * np.array(varies)
    axes = tuple(0 if varying else None for varying in varies)
    args = [points[:, k] if varies[k] else float(points[0, k]) for k in range(4)]
    failures = [first_failure(data, point) for point in points]
    left = [failure for failure in failures if failure is not None]
    if not left:
        got = np.transpose(program(data).map(*args, in_axes=axes))
        assert same_bits(got, results(data, points.T).T)
        return
    with pytest.raises(tapead.BranchChanged) as caught:
        program(data).map(*args, in_axes=axes)
    assert (caught.value.filename, caught.value.lineno, caught.value.function) == left[0][0]
    assert same_bits(caught.value.values, left[0][1])
