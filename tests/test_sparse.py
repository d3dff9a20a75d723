"""Sparse Jacobians and Hessians of programs of numbers, against the dense ones."""

from typing import NamedTuple

import numpy as np
import pytest
from scipy import sparse

import tapead
from tapead._sparse_transforms import sparse_hessian, sparse_jacobian


def random_equations(seed, n_inputs, n_results, n_terms=3):
    """A function of a list: each result mixes a few inputs, and a few earlier results."""
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, n_inputs, (n_results, n_terms))
    kinds = rng.integers(0, 5, n_results)
    earlier = [rng.integers(0, max(1, i)) for i in range(n_results)]

    def f(x):
        out = []
        for (i, j, k), kind, before in zip(chosen, kinds, earlier, strict=True):
            if kind == 0:
                y = x[i] * x[j] + tapead.sin(x[k])
            elif kind == 1:
                y = tapead.maximum(x[i], x[j]) * 2.0
            elif kind == 2 and out:
                y = out[before] * x[i] - x[k]
            elif kind == 3:
                y = tapead.floor(x[i]) + x[j] ** 3
            else:
                y = 3.0 * x[i] + 1.0
            out.append(y)
        return out

    return f


def random_sum(seed, n):
    """A partially separable function of a list."""
    rng = np.random.default_rng(seed)
    chosen, kinds = rng.integers(0, n, (2 * n, 3)), rng.integers(0, 4, 2 * n)

    def f(x):
        total = 0.0
        for (i, j, k), kind in zip(chosen, kinds, strict=True):
            if kind == 0:
                total += x[i] * x[j]
            elif kind == 1:
                total += tapead.exp(0.1 * x[i] * x[j] - x[k])
            elif kind == 2:
                total += tapead.relu(x[i]) * x[k] + 2.0 * x[j]
            else:
                total += (x[i] - x[k]) ** 2
        return total

    return f


def full(rows):
    """A matrix in the containers of results and arguments as one array."""
    return np.array(rows, dtype=float).reshape(len(rows), -1)


def check_form(found, shape):
    """What holds for every result."""
    assert isinstance(found, sparse.csr_array)
    assert found.shape == shape
    assert found.indices.dtype == found.indptr.dtype == np.int32
    found.check_format(full_check=True)
    for row in np.split(found.indices, found.indptr[1:-1]):
        assert np.all(np.diff(row) > 0)


def same_structure(a, b):
    return np.array_equal(a.indptr, b.indptr) and np.array_equal(a.indices, b.indices)


@pytest.mark.parametrize("seed", range(20))
def test_jacobian_is_the_dense_one(seed):
    n, m = 3 + seed, 2 + (7 * seed) % 23
    f = random_equations(seed, n, m)
    rng = np.random.default_rng(100 + seed)
    program = tapead.record(f, rng.normal(size=n).tolist())
    pattern = program.jacobian_sparsity()
    assert pattern.dtype == bool
    for _ in range(3):
        x = rng.normal(size=n).tolist()
        dense, found = full(program.jacobian(x)), program.sparse_jacobian(x)
        check_form(found, (m, n))
        assert np.array_equal(found.toarray(), dense)
        assert same_structure(found, pattern)
        assert not np.any(dense[~pattern.toarray()])
        assert np.array_equal(sparse_jacobian(f)(x).toarray(), dense)


@pytest.mark.parametrize("seed", range(20))
def test_hessian_is_the_dense_one(seed):
    n = 2 + seed
    f = random_sum(seed, n)
    rng = np.random.default_rng(200 + seed)
    program = tapead.record(f, rng.normal(size=n).tolist())
    pattern = program.hessian_sparsity()
    assert np.array_equal(pattern.toarray(), pattern.T.toarray())
    for _ in range(3):
        x = rng.normal(size=n).tolist()
        dense, found = full(program.hessian(x)), program.sparse_hessian(x)
        check_form(found, (n, n))
        assert np.allclose(found.toarray(), dense, rtol=1e-13, atol=1e-13)
        assert same_structure(found, pattern)
        assert not np.any(dense[~pattern.toarray()])
        assert np.allclose(sparse_hessian(f)(x).toarray(), dense, rtol=1e-13, atol=1e-13)


def long_chain(x):
    """Many steps for every input, so that entries cost more than directions."""
    out = []
    for i in range(len(x)):
        y = x[i]
        for _ in range(40):
            y = tapead.sin(y) * 1.5
        out.append(y + x[i - 1])
    total = 0.0
    for y in out:
        total = total + y * 0.5
    return [*out, total]


def wide_sum(x):
    """A running sum that every later result sees."""
    out, total = [], 0.0
    for i in range(len(x)):
        total = total + x[i] ** 2
        out.append(total)
    return out


def arrow(x):
    total = 0.0
    for xi in x:
        total = total + xi * xi
    return x[0] * total


def double_arrow(x):
    """Two columns that are full."""
    return arrow(x) + x[1] ** 2 * sum(xi**3 for xi in x)


@pytest.mark.parametrize("f", [long_chain, wide_sum])
def test_jacobian_by_directions(f):
    x = np.linspace(0.1, 1.3, 90).tolist()
    program = tapead.record(f, x)
    assert np.allclose(program.sparse_jacobian(x).toarray(), full(program.jacobian(x)), rtol=1e-13)


@pytest.mark.parametrize("f", [arrow, double_arrow])
def test_hessian_with_full_rows_by_directions(f):
    x = np.linspace(0.1, 1.3, 300).tolist()
    program = tapead.record(f, x)
    found = program.sparse_hessian(x)
    assert np.allclose(found.toarray(), full(program.hessian(x)), rtol=1e-13)
    assert found.nnz < 5 * 300


def test_rows_where_they_are_fewer():
    n = 400
    program = tapead.record(lambda x: [arrow(x), x[3] * x[5]], np.linspace(0.1, 1.0, n).tolist())
    x = np.linspace(0.3, 2.0, n).tolist()
    found = program.sparse_jacobian(x)
    assert found.nnz == n + 2
    assert np.allclose(found.toarray(), full(program.jacobian(x)), rtol=1e-13)


def test_no_path_is_not_a_zero_times_infinity():
    def f(x):
        return [tapead.sqrt(x[i]) * x[i - 1] for i in range(len(x))]

    program = tapead.record(f, [1.0, 1.0, 1.0])
    found = program.sparse_jacobian([0.0, 1.0, 4.0]).toarray()
    assert np.array_equal(found, full(program.jacobian([0.0, 1.0, 4.0])))
    assert np.isinf(found[0, 0])
    assert np.isfinite(found[1:]).all()


def test_pattern_has_both_sides_of_a_selection():
    program = tapead.record(lambda x: [tapead.maximum(x[0], x[1]), tapead.relu(x[2])], [1.0] * 3)
    assert program.jacobian_sparsity().toarray().tolist() == [
        [True, True, False],
        [False, False, True],
    ]
    for x in ([2.0, 1.0, -1.0], [1.0, 2.0, 1.0]):
        found = program.sparse_jacobian(x)
        assert found.nnz == 3
        assert np.array_equal(found.toarray(), full(program.jacobian(x)))


def test_entries_that_vanish_stay():
    program = tapead.record(lambda x: [x[0] * x[1]], [1.0, 2.0])
    assert program.sparse_jacobian([0.0, 0.0]).nnz == 2


def test_results_do_not_share_memory():
    program = tapead.record(lambda x: [x[0] * x[1], x[1] ** 2], [1.0, 2.0])
    one = program.sparse_jacobian([0.0, 3.0])
    one.eliminate_zeros()
    one.data[:] = -1.0
    other = program.sparse_jacobian([5.0, 3.0])
    assert np.array_equal(other.toarray(), [[3.0, 5.0], [0.0, 6.0]])
    assert other.nnz == 3
    assert one.nnz == 2


def test_argnums_in_any_order():
    def f(a, b, c):
        return [a[0] * b, c * a[1], b * c]

    x = ([1.0, 2.0], 3.0, 4.0)
    program = tapead.record(f, *x)
    for argnums in (0, 1, (0, 1), (2, 0), (1, 2, 0), (2, 1, 0), ()):
        blocks = program.jacobian(*x, argnums=argnums) if argnums != () else [[], [], []]
        wanted = np.array([np.hstack([np.ravel(b) for b in row]) if isinstance(row, (tuple, list))
                           and row else np.ravel(row) for row in blocks])  # fmt: skip
        found = program.sparse_jacobian(*x, argnums=argnums)
        assert np.array_equal(found.toarray(), wanted.reshape(3, -1)), argnums
        assert same_structure(found, program.jacobian_sparsity(argnums))
        assert np.array_equal(sparse_jacobian(f, argnums)(*x).toarray(), found.toarray())


def test_hessian_argnums_in_any_order():
    def f(a, b, c):
        return a[0] * b * c + a[1] ** 3 * c

    x = ([1.0, 2.0], 3.0, 4.0)
    program = tapead.record(f, *x)
    whole = program.sparse_hessian(*x, argnums=(0, 1, 2)).toarray()
    places = {0: [0, 1], 1: [2], 2: [3]}
    for argnums in ((2, 0), (1, 2, 0), (2, 1, 0), (1,)):
        at = [i for k in argnums for i in places[k]]
        found = program.sparse_hessian(*x, argnums=argnums).toarray()
        assert np.array_equal(found, whole[np.ix_(at, at)])


@pytest.mark.parametrize("argnums", [(1, 0), (0, 1)])
def test_argnums_by_directions(argnums):
    def f(a, b):
        return double_arrow([*b, *a])

    a, b = np.linspace(0.1, 1.0, 200).tolist(), np.linspace(1.0, 2.0, 100).tolist()
    found = sparse_hessian(f, argnums)(a, b).toarray()
    dense = tapead.hessian(double_arrow)([*b, *a])
    order = [*range(100, 300), *range(100)] if argnums == (0, 1) else list(range(300))
    assert np.allclose(found, full(dense)[np.ix_(order, order)], rtol=1e-13)


class Point(NamedTuple):
    x: float
    y: np.ndarray


def test_containers_in_order_of_their_leaves():
    def f(point, scale):
        return {"a": point.x * point.y, "b": (scale * point.x,)}

    point = Point(2.0, np.array([[1.0, 3.0]]))
    program = tapead.record(f, point, 5.0, argnums=(0, 1), arrays=False)
    wanted = [[1.0, 2.0, 0.0, 0.0], [3.0, 0.0, 2.0, 0.0], [5.0, 0.0, 0.0, 2.0]]
    assert np.array_equal(program.sparse_jacobian(point, 5.0).toarray(), wanted)
    assert np.array_equal(sparse_jacobian(f, (0, 1))(point, 5.0).toarray(), wanted)


def test_has_aux_and_keywords():
    def f(x, scale=1.0):
        return [x[0] * x[1] * scale, x[1]], {"seen": x[0]}

    found, aux = sparse_jacobian(f, has_aux=True)([2.0, 3.0], scale=2.0)
    assert np.array_equal(found.toarray(), [[6.0, 4.0], [0.0, 1.0]])
    assert aux == {"seen": 2.0}
    program = tapead.record(f, [1.0, 1.0], has_aux=True, scale=2.0)
    found, aux = program.sparse_jacobian([2.0, 3.0], scale=2.0)
    assert np.array_equal(found.toarray(), [[6.0, 4.0], [0.0, 1.0]])
    assert aux == {"seen": 2.0}
    found, aux = sparse_hessian(lambda x: (x[0] * x[1], "text"), has_aux=True)([2.0, 3.0])
    assert np.array_equal(found.toarray(), [[0.0, 1.0], [1.0, 0.0]])
    assert aux == "text"


def test_nothing_in_and_nothing_out():
    assert sparse_jacobian(lambda x: [1.0, 2.0])([1.0, 2.0]).toarray().tolist() == [[0, 0], [0, 0]]
    assert sparse_jacobian(lambda x: [])([1.0, 2.0]).shape == (0, 2)
    assert sparse_jacobian(lambda x: [1.0])([]).shape == (1, 0)
    assert sparse_hessian(lambda x: 2.0 * x[0])([1.0]).nnz == 0
    assert sparse_hessian(lambda x: 2.0)([]).shape == (0, 0)


def test_result_that_is_an_argument_or_stands_twice():
    found = sparse_jacobian(lambda x: [x[1], x[1], x[0] * 0.0, x[0] * x[0]])([2.0, 3.0])
    assert found.toarray().tolist() == [[0, 1], [0, 1], [0, 0], [4, 0]]
