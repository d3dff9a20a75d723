"""Sparse Jacobians and Hessians: branches, recorded functions, files, threads, what is refused."""

import pickle
import threading

import numpy as np
import pytest
from test_sparse import arrow, double_arrow, full

import tapead
from tapead._sparse_transforms import sparse_hessian, sparse_jacobian


def branching(x):
    if x[0] > 1.0:
        return [x[0] * x[1], x[2]]
    return [x[2], x[2] ** 2]


def test_other_branches_are_recorded_anew():
    f = sparse_jacobian(branching)
    points = ([2.0, 3.0, 4.0], [0.0, 3.0, 4.0], [5.0, 1.0, 1.0], [0.5, 1.0, 1.0])
    for x in points * 2:
        assert np.array_equal(f(x).toarray(), full(tapead.jacobian(branching)(x)))
    program = tapead.record(branching, points[0])
    with pytest.raises(tapead.BranchChanged, match="was True when the program was recorded"):
        program.sparse_jacobian(points[1])
    program = tapead.record(branching, points[0], on_branch="record")
    assert program.sparse_jacobian(points[1]).nnz == 2
    assert program.stats()["recorded"] == 2


def test_recorded_functions_replay():
    program = tapead.record(branching, [2.0, 3.0, 4.0])
    before = program.n_replayed
    found = sparse_jacobian(program)([2.0, 3.0, 5.0])
    assert program.n_replayed == before + 1
    assert np.array_equal(found.toarray(), [[3.0, 2.0, 0.0], [0.0, 0.0, 1.0]])
    compiled = tapead.compile(branching)
    assert sparse_jacobian(compiled)([2.0, 3.0, 5.0]).nnz == 3
    assert compiled.stats()["recorded"] == 1
    assert program.status is tapead.Status.SAME_PATH


@pytest.mark.parametrize("arrays", [True, False])
def test_dicts_keep_their_order(arrays):
    def f(d):
        return {"z": d["b"] * 2.0, "a": d["a"] * d["b"][0]}

    x = {"b": np.array([1.0, 2.0]), "a": np.array([5.0])}
    program = tapead.record(f, x, arrays=arrays)
    wanted = [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [5.0, 0.0, 1.0]]
    assert program.sparse_jacobian(x).toarray().tolist() == wanted


@pytest.mark.parametrize("arrays", [True, False])
@pytest.mark.parametrize("value", [3, 3.0, np.float64(3.0)])
def test_hessian_of_a_constant(arrays, value):
    program = tapead.record(lambda x: value, np.ones(3), arrays=arrays)
    found = program.sparse_hessian(np.ones(3))
    assert found.shape == (3, 3)
    assert found.nnz == 0


def test_full_rows_beside_full_columns():
    n = 500

    def f(x):
        return [x[1:] * x[0] ** 2, np.sum(x**3), np.sqrt(x[:1])]

    program = tapead.record(f, np.ones(n))
    rng = np.random.default_rng(5)
    for x in (rng.random(n), np.append(0.0, rng.random(n - 1))):
        found = program.sparse_jacobian(x)
        wanted = np.zeros((n + 1, n))
        wanted[: n - 1, 0] = 2.0 * x[1:] * x[0]
        wanted[np.arange(n - 1), np.arange(1, n)] = x[0] ** 2
        wanted[n - 1] = 3.0 * x**2
        wanted[n, 0] = 0.5 / np.sqrt(x[0]) if x[0] else np.inf
        np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-13)
        assert found.nnz == 3 * n - 1
    seen = program.n_replayed
    program.sparse_jacobian(rng.random(n))
    assert program.n_replayed - seen < 8  # two colours, a full row, and what the result looks like


@pytest.mark.parametrize("argnums", [(0, 1), (1, 0)])
def test_full_rows_beside_full_columns_of_numbers(argnums):
    def f(a, b):
        x = [*a, *b]
        return [*(xi * x[0] ** 2 for xi in x[1:]), sum(xi**3 for xi in x), tapead.sqrt(x[0])]

    rng = np.random.default_rng(5)
    a, b = rng.random(100).tolist(), rng.random(200).tolist()
    program = tapead.record(f, a, b, argnums=argnums)
    for first in (0.5, 0.0):
        a[0] = first
        blocks = program.jacobian(a, b)
        wanted = np.array([[*row[0], *row[1]] for row in blocks])
        found = program.sparse_jacobian(a, b)
        np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-13)
        assert found.nnz == 3 * 300 - 1


def test_files_and_pickles(tmp_path):
    x = [2.0, 3.0, 4.0]
    program = tapead.record(arrow, x)
    program.save(tmp_path / "arrow.tapead")
    wanted = program.sparse_hessian(x).toarray()
    for other in (tapead.load(tmp_path / "arrow.tapead"), pickle.loads(pickle.dumps(program))):
        assert np.array_equal(other.sparse_hessian(x).toarray(), wanted)
    f = pickle.loads(pickle.dumps(sparse_hessian(arrow)))
    assert np.array_equal(f(x).toarray(), wanted)
    assert repr(f) == "<tapead.sparse_hessian(arrow)>"
    assert f.__wrapped__ is arrow


class Model:
    scale = 2.0

    def equations(self, x):
        return [x[0] * x[1] * self.scale]

    slopes = sparse_jacobian(equations, argnums=1)


def test_binds_as_a_method():
    assert Model().slopes([3.0, 4.0]).toarray().tolist() == [[8.0, 6.0]]


def test_threads():
    n = 200
    program = tapead.record(double_arrow, np.linspace(0.1, 1.0, n).tolist())
    points = np.random.default_rng(1).random((8, n))
    wanted = [program.sparse_hessian(x.tolist()).toarray() for x in points]
    found = [None] * 8

    def work(i):
        for _ in range(20):
            found[i] = program.sparse_hessian(points[i].tolist()).toarray()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(map(np.array_equal, found, wanted))


def test_errors_say_what_to_do():
    program = tapead.record(lambda x: [x[0], "text"], [1.0])
    with pytest.raises(TypeError, match="sparse_jacobian needs f to return numbers"):
        program.sparse_jacobian([1.0])
    with pytest.raises(TypeError, match="sparse_hessian needs f to return one number"):
        tapead.record(lambda x: [x[0], x[0]], [1.0]).sparse_hessian([1.0])
    with pytest.raises(TypeError, match="differentiates with respect to floats"):
        tapead.record(lambda x, n: [x[0] * n[0]], [1.0], [2]).jacobian_sparsity(1)
    with pytest.raises(TypeError, match="argnums"):
        tapead.record(arrow, [1.0]).sparse_jacobian([1.0], argnums=3)
    with pytest.raises(ValueError, match="a list of 1"):
        tapead.record(arrow, [1.0]).sparse_jacobian([1.0, 2.0])
    with pytest.raises(TypeError, match="needs a function"):
        sparse_jacobian(3)
    with pytest.raises(TypeError, match="argnums is an int"):
        sparse_hessian(arrow, [0])


def test_traced_arguments_are_refused():
    program = tapead.record(arrow, [1.0, 2.0])
    message = "sparse_jacobian gives plain numbers.*use jacobian there"
    for f in (sparse_jacobian(arrow), program.sparse_jacobian, sparse_jacobian(program)):
        with pytest.raises(TypeError, match=message):
            tapead.grad(lambda x, f=f: f([x, 1.0]).data[0])(1.0)
        with pytest.raises(TypeError, match=message):
            tapead.vmap(lambda x, f=f: f([x, 1.0]).data[0])(np.ones(3))
    assert np.isfinite(tapead.grad(lambda x: x * sparse_jacobian(arrow)([1.0, 2.0]).data[0])(1.0))


def test_pattern_without_a_call():
    def branching(x):
        return x[1:] * x[:-1] if x[0] > 2.0 else x[1:] + 0.0 * x[:-1]

    program = tapead.record(branching, np.full(300, 3.0))
    assert program.jacobian_sparsity().nnz == 2 * 299  # at the values of the recording
    program = tapead.record(lambda x: np.log(x[1:] - x[:-1]), np.arange(300.0))
    assert program.jacobian_sparsity().nnz == 2 * 299  # log of 0 says nothing
    program = tapead.record(
        lambda x: np.linalg.cholesky(x - 500.0 * np.eye(20)), 600.0 * np.eye(20)
    )
    with pytest.raises(TypeError, match="call sparse_jacobian at a point"):
        program.jacobian_sparsity()
