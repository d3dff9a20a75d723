"""Sparse matrices of every row of both tables, against the dense ones."""

import math

import numpy as np
import pytest
from arrays import Sample, samples, total
from hypothesis import given
from programs import programs
from reference import function

import tapead
from tapead.elementals import ROWS

SAMPLES = [
    pytest.param(Sample(function, args, kwargs), id=name)
    for name, function, args, kwargs in samples()
]
ACTIVE = [param for param in SAMPLES if param.values[0].arrays]
PUBLIC = [pytest.param(row, id=row.name) for row in ROWS if row.public]


def as_matrix(blocks, heights, widths):
    """Blocks of results by arguments as one matrix."""
    rows = [
        np.hstack([np.reshape(block, (n, m)) for block, m in zip(row, widths, strict=True)])
        for row, n in zip(blocks, heights, strict=True)
    ]
    return np.vstack(rows) if rows else np.zeros((0, sum(widths)))


def sizes(arrays):
    return [math.prod(np.shape(x)) for x in arrays]


@pytest.mark.parametrize("f", ACTIVE)
def test_jacobian_of_a_function_of_arrays(f):
    argnums = tuple(range(len(f.arrays)))
    heights = sizes(tapead.vjp(f, *f.arrays)[0])
    dense = tapead.jacobian(f, argnums)(*f.arrays)
    dense = as_matrix(dense, heights, sizes(f.arrays))
    program = tapead.record(f, *f.arrays, argnums=argnums, arrays=True)
    found = program.sparse_jacobian(*f.arrays)
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-11, atol=1e-12)
    assert not np.any(dense[~program.jacobian_sparsity().toarray()])


@pytest.mark.parametrize("f", ACTIVE)
def test_hessian_of_a_function_of_arrays(f):
    argnums = tuple(range(len(f.arrays)))

    def scalar(*xs):
        return total(f(*xs))

    dense = tapead.hessian(scalar, argnums)(*f.arrays)
    dense = as_matrix(dense, sizes(f.arrays), sizes(f.arrays))
    program = tapead.record(scalar, *f.arrays, argnums=argnums, arrays=True)
    found = program.sparse_hessian(*f.arrays)
    scale = np.abs(dense).max(initial=0.0)
    np.testing.assert_allclose(found.toarray(), dense, rtol=1e-9, atol=1e-11 * (1.0 + scale))


@pytest.mark.parametrize("row", PUBLIC)
def test_row_of_the_table(row):
    """Of numbers, of elements, and the second derivatives."""
    rng = np.random.default_rng(len(row.name))
    example, *points = (
        [rng.uniform(*box) for _ in range(4) for box in row.domain] for _ in range(4)
    )
    n = row.arity

    def f(x):
        return [function(row)(*x[i : i + n]) for i in range(0, len(x), n)]

    def scalar(x):
        y = f(x)
        return y[0] * y[1] + y[2]

    program, twice = tapead.record(f, example), tapead.record(scalar, example)
    arrays = tapead.record(
        lambda x: function(row)(*[x[i::n] for i in range(n)]), np.array(example), arrays=True
    )
    for x in points:
        dense = np.array(tapead.jacobian(f)(x), dtype=float)
        assert np.array_equal(program.sparse_jacobian(x).toarray(), dense)
        found = arrays.sparse_jacobian(np.array(x)).toarray()
        np.testing.assert_allclose(found, dense, rtol=1e-13, atol=1e-13)
        dense = np.array(tapead.hessian(scalar)(x), dtype=float)
        np.testing.assert_allclose(twice.sparse_hessian(x).toarray(), dense, rtol=1e-13, atol=1e-13)


@given(programs())
def test_random_programs_over_the_table(program):
    def f(xs):
        return program(*xs)

    x = list(program.point)
    recorded = tapead.record(f, x)
    dense = np.array(recorded.jacobian(x), dtype=float).reshape(-1, len(x))
    assert np.array_equal(recorded.sparse_jacobian(x).toarray(), dense)
    recorded = tapead.record(lambda xs: f(xs)[0], x)
    dense = np.array(recorded.hessian(x), dtype=float)
    np.testing.assert_allclose(
        recorded.sparse_hessian(x).toarray(), dense, rtol=1e-12, atol=1e-12 * abs(dense).max()
    )
