"""Sparse Jacobians and Hessians of programs of arrays, against the dense ones."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from test_array_program_random import STEPS

import tapead
from tapead._sparse_transforms import sparse_hessian, sparse_jacobian

N = 12
INDEX = np.array([3, 3, 0, 7])
ORDER = np.array([2, 0, 1, 3])
WEIGHTS = np.arange(1.0, 13.0)


def written(x):
    r = x * 1.0
    r[INDEX[1:]] = x[:3] ** 2
    r[1:4] += r[5:8]
    return r


def counted(x):
    out = np.zeros(5) * x[0]
    out[[0, 2, 4]] = x[[1, 1, 5]] ** 2
    return out


# What is differentiated, and a bound on the entries of its pattern.
FUNCTIONS = {
    "tridiagonal": (lambda x: x[2:] - 2.0 * x[1:-1] * x[:-2], 3 * (N - 2)),
    "elementwise": (lambda x: np.sin(x) * np.exp(x), N),
    "strided": (lambda x: x[::2] * x[1::2] ** 2, N),
    "reversed": (lambda x: x * x[::-1], 2 * N),
    "gather": (lambda x: x[INDEX] ** 2 + x[ORDER], 8),
    "boolean": (lambda x: x[np.arange(N) % 3 == 0] ** 3, 4),
    "written": (written, 2 * N + 6),
    "counted": (counted, 5),
    "matrix": (lambda x: (x.reshape(3, 4).T * x.reshape(4, 3)).ravel(), 2 * N),
    "rows": (lambda x: np.sum(x.reshape(3, 4) ** 2, axis=1), N),
    "columns": (lambda x: np.sum(x.reshape(3, 4) ** 2, axis=0, keepdims=True), N),
    "mean": (lambda x: np.mean(x.reshape(3, 4) ** 3, axis=1) * 2.0, N),
    "prod": (lambda x: np.prod(x.reshape(3, 4), axis=1), N),
    "std": (lambda x: np.std(x.reshape(3, 4), axis=1), N),
    "max": (lambda x: np.max(x.reshape(3, 4), axis=0), N),
    "norm": (lambda x: np.linalg.norm(x.reshape(3, 4), axis=1), N),
    "cumsum": (lambda x: np.cumsum(x**2), N * (N + 1) // 2),
    "cumulative rows": (lambda x: np.cumsum(x.reshape(3, 4) ** 2, axis=1), 30),
    "where": (lambda x: np.where(x > 0.5, x**2, x[::-1]), 2 * N),
    "maximum": (lambda x: np.maximum(x[1:], x[:-1] ** 2), 2 * N - 2),
    "clip": (lambda x: np.clip(x, 0.2, 0.7) + np.floor(x[0]), N),
    "abs": (lambda x: np.abs(x - 0.5) * np.sign(x[::-1]), N),
    "concatenate": (lambda x: np.concatenate([x[:2] ** 2, x[5:], x[:1]]), N),
    "stack": (lambda x: np.stack([x[:3], x[3:6] ** 2]), 6),
    "roll": (lambda x: np.roll(x, 2) * x, 2 * N),
    "tile": (lambda x: np.tile(x[:2] ** 2, 3), 6),
    "repeat": (lambda x: np.repeat(x[:3] ** 2, 2), 6),
    "diff": (lambda x: np.diff(x, 2), 3 * N),
    "broadcast": (lambda x: x[:3, None] * x[None, 3:6], 18),
    "constant matrix": (lambda x: np.eye(N) @ x**2, N * N),
    "stacked products": (
        lambda x: np.matmul(x.reshape(3, 2, 2), x.reshape(3, 2, 2)), 3 * 4 * 4),
    "vectors": (lambda x: np.outer(x[:3], x[3:5]), 12),
    "softmax": (lambda x: tapead.softmax(x.reshape(3, 4), axis=1), 48),
    "logsumexp": (lambda x: tapead.logsumexp(x.reshape(3, 4), axis=1), N),
    "sort": (lambda x: np.sort(x) ** 2, N),
    "elements": (lambda x: [x[0] * x[1], x[2:4] * x[0], 3.0], 6),
    "convolution": (lambda x: np.convolve(x, [1.0, 2.0, 3.0]), 3 * N),
    "two convolved": (lambda x: np.convolve(x[:7], x[9:] ** 2, "valid"), 30),
    "einsum": (lambda x: np.einsum("ij,kj->ki", x.reshape(3, 4), x.reshape(3, 4)), 9 * 8),
    "vecdot": (lambda x: np.vecdot(x.reshape(3, 4), WEIGHTS[:4]), N),
    "solve": (lambda x: np.linalg.solve(np.eye(N) * 2.0, x), N * N),
    "sum of all": (lambda x: np.sum(x**2), N),
    "constant": (lambda x: np.ones(3), 0),
    "number": (lambda x: x[3] * x[4] + np.sum(x[:2]), 4),
}  # fmt: skip


def full(tree, n=N):
    """Blocks of a Jacobian, one below the other."""
    return np.concatenate([np.reshape(leaf, (-1, n)) for leaf in _leaves(tree)])


def _leaves(tree):
    if isinstance(tree, (list, tuple)):
        return [leaf for item in tree for leaf in _leaves(item)]
    return [tree]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jacobian_is_the_dense_one(name):
    f, most = FUNCTIONS[name]
    rng = np.random.default_rng(3)
    x = np.linspace(0.05, 0.95, N)
    program = tapead.record(f, x, arrays=True, on_branch="record")
    pattern = program.jacobian_sparsity()
    assert pattern.nnz <= most
    for scale in (1.0, 0.9):
        x = np.linspace(0.05, 0.95, N) * scale if name == "sort" else rng.random(N) * scale
        dense = full(tapead.jacobian(f)(x))
        found = program.sparse_jacobian(x)
        found.check_format(full_check=True)
        assert np.allclose(found.toarray(), dense, rtol=1e-13, atol=1e-13)
        assert np.array_equal(found.indices, pattern.indices)
        assert np.array_equal(found.indptr, pattern.indptr)
        assert not np.any(dense[~pattern.toarray()])
        assert np.allclose(sparse_jacobian(f)(x).toarray(), dense, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hessian_is_the_dense_one(name):
    inner, _ = FUNCTIONS[name]
    rng = np.random.default_rng(4)

    def f(x):
        y = inner(x)
        if isinstance(y, list):
            return y[0] * np.sum(y[1])
        return np.sum(np.ravel(y) ** 2)

    program = tapead.record(f, np.linspace(0.05, 0.95, N), arrays=True, on_branch="record")
    pattern = program.hessian_sparsity()
    for scale in (1.0, 0.9):
        x = np.linspace(0.05, 0.95, N) * scale if name == "sort" else rng.random(N) * scale
        dense = tapead.hessian(f)(x)
        found = program.sparse_hessian(x)
        assert np.allclose(found.toarray(), dense, rtol=1e-12, atol=1e-12)
        assert np.array_equal(found.indices, pattern.indices)
        assert not np.any(dense[~pattern.toarray()])
        assert np.array_equal(pattern.toarray(), pattern.toarray().T)


@pytest.mark.parametrize("seed", range(15))
def test_random_functions(seed):
    rng = np.random.default_rng(seed)
    steps = [STEPS[i] for i in rng.integers(0, len(STEPS), 5)]
    choices = rng.integers(0, 3, (5, 2))

    def f(x):
        values = [x[:6], x[6:], x[:6] * x[6:]]
        for step, (i, j) in zip(steps, choices, strict=True):
            n = step.__code__.co_argcount
            values.append(step(*(values[-1 - i], values[-1 - j])[:n]))
            values[-1] = values[-1] if np.shape(values[-1]) == (6,) else values[0]
        return values[-1] + values[-2]

    x = rng.normal(size=N)
    program = tapead.record(f, rng.normal(size=N), arrays=True)
    dense = full(tapead.jacobian(f)(x))
    assert np.allclose(program.sparse_jacobian(x).toarray(), dense, rtol=1e-13, atol=1e-13)

    def total(x):
        return np.sum(f(x) ** 2 * WEIGHTS[:6])

    program = tapead.record(total, x, arrays=True)
    dense = tapead.hessian(total)(x)
    assert np.allclose(program.sparse_hessian(x).toarray(), dense, rtol=1e-12, atol=1e-12)


def test_arrays_and_elements_have_one_pattern():
    f, _ = FUNCTIONS["tridiagonal"]
    x = np.linspace(0.1, 1.0, N)
    arrays, numbers = (tapead.record(f, x, arrays=kind) for kind in (True, False))
    assert type(arrays) is tapead.ArrayProgram
    assert type(numbers) is tapead.Program
    one, other = arrays.jacobian_sparsity(), numbers.jacobian_sparsity()
    assert np.array_equal(one.toarray(), other.toarray())
    assert np.array_equal(
        arrays.sparse_jacobian(x).toarray(), numbers.sparse_jacobian(x).toarray())  # fmt: skip


def test_single_precision_is_kept():
    x = np.linspace(0.1, 1.0, 300, dtype=np.float32)
    found = sparse_jacobian(lambda x: x[1:] * x[:-1])(x)
    assert found.dtype == np.float32
    assert found.nnz == 2 * 299
    assert np.array_equal(found.diagonal(), x[1:])
    assert sparse_hessian(lambda x: np.sum(x[1:] * x[:-1]))(x).dtype == np.float32


def test_argnums_containers_and_keywords():
    def f(a, b, c, scale=1.0):
        return {"one": a["x"] * b * scale, "two": (np.sum(c) * a["y"], c[0])}

    a, b, c = {"x": np.arange(3.0), "y": 2.0}, np.arange(3.0, 6.0), np.array([4.0, 7.0])
    for argnums in (0, 1, (0, 1), (2, 0), (1, 2, 0)):
        selected = argnums if isinstance(argnums, tuple) else (argnums,)
        sizes = [[4, 3, 2][i] for i in selected]
        blocks = [np.zeros((5, 4)), np.zeros((5, 3)), np.zeros((5, 2))]
        blocks[0][:3, :3], blocks[0][3, 3] = np.diag(b) * 2.0, 11.0
        blocks[1][:3] = np.diag(a["x"]) * 2.0
        blocks[2][3:] = [[2.0, 2.0], [1.0, 0.0]]
        wanted = np.hstack([blocks[i] for i in selected])
        found = sparse_jacobian(f, argnums)(a, b, c, scale=2.0)
        assert found.shape == (5, sum(sizes))
        assert np.array_equal(found.toarray(), wanted), argnums
        program = tapead.record(f, a, b, c, argnums=argnums, arrays=True, scale=2.0)
        assert np.array_equal(program.sparse_jacobian(a, b, c, scale=2.0).toarray(), wanted)
        assert program.jacobian_sparsity().shape == wanted.shape


def test_has_aux():
    def f(x):
        return x[1:] * x[:-1], {"total": np.sum(x), "name": "f"}

    x = np.arange(4.0)
    found, aux = sparse_jacobian(f, has_aux=True)(x)
    assert found.shape == (3, 4)
    assert aux == {"total": 6.0, "name": "f"}
    program = tapead.record(f, x, has_aux=True, arrays=True)
    found, aux = program.sparse_jacobian(x + 1.0)
    assert found.toarray()[0].tolist() == [2.0, 1.0, 0.0, 0.0]
    assert aux["total"] == 10.0
    g = sparse_hessian(lambda x: (np.sum(x**3), np.sum(x)), has_aux=True)
    found, aux = g(np.arange(300.0))
    assert np.array_equal(found.diagonal(), 6.0 * np.arange(300.0))
    assert aux == 44850.0


def test_rows_where_they_are_fewer():
    n = 1000

    def f(x):
        return [np.sum(x**2), x[3] * x[5]]

    program = tapead.record(f, np.ones(n))
    x = np.linspace(0.1, 1.0, n)
    found = program.sparse_jacobian(x)
    assert found.nnz == n + 2
    assert "rows" in program.to_text()
    assert np.allclose(found.toarray(), full(tapead.jacobian(f)(x), n))
    assert np.array_equal(program.jacobian_sparsity().indices, found.indices)
    before = program.n_recorded
    program.sparse_jacobian(2.0 * x)
    assert program.n_recorded == before


def test_paths_have_patterns_of_their_own():
    def f(x):
        if x[0] > 0:
            return x[1:] * x[:-1]
        return x[1:] ** 2

    points = [np.linspace(sign, 2.0, 300) for sign in (1.0, -1.0, 2.0, -2.0)]
    g = sparse_jacobian(f)
    for x in points * 2:
        found = g(x)
        assert found.nnz == (598 if x[0] > 0 else 299)
        assert np.array_equal(found.toarray(), tapead.jacobian(f)(x))
    program = tapead.record(f, points[0])
    assert program.sparse_jacobian(points[2]).nnz == 598
    with pytest.raises(tapead.BranchChanged):
        program.sparse_jacobian(points[1])
    program = tapead.record(f, points[0], on_branch="record")
    assert [program.sparse_jacobian(x).nnz for x in points] == [598, 299, 598, 299]


def test_other_shapes_are_recorded_anew():
    f = sparse_jacobian(lambda x: x[1:] * x[:-1])
    assert [f(np.ones(n)).nnz for n in (300, 400, 300, 5)] == [598, 798, 598, 8]
    program = tapead.record(lambda x: x[1:] * x[:-1], np.ones(300))
    with pytest.raises(ValueError, match="not of the recorded form"):
        program.sparse_jacobian(np.ones(301))


def test_the_pattern_is_found_once(monkeypatch):
    from tapead import _array_sparsity

    n_found = []
    found = _array_sparsity.graph_pattern
    monkeypatch.setattr(
        _array_sparsity, "graph_pattern", lambda *args: n_found.append(1) or found(*args)
    )
    program = tapead.record(lambda x: np.sum(x[1:] * x[:-1]), np.ones(500))
    for scale in (1.0, 2.0, 3.0):
        program.sparse_hessian(scale * np.ones(500))
    assert len(n_found) == 1


def test_nothing_in_and_nothing_out():
    f = tapead.record(lambda x: x[:0], np.ones(4), arrays=True)
    assert f.sparse_jacobian(np.ones(4)).shape == (0, 4)
    f = tapead.record(lambda x: np.ones(3), np.ones(0), arrays=True)
    assert f.sparse_jacobian(np.ones(0)).shape == (3, 0)
    f = tapead.record(lambda x: np.sum(3.0 * x), np.ones(400))
    assert f.sparse_hessian(np.ones(400)).nnz == 0


def test_no_path_is_not_a_zero_times_infinity():
    def f(x):
        return np.sqrt(x[1:]) * x[:-1]

    x = np.linspace(1.0, 2.0, 400)
    x[200] = 0.0
    found = sparse_jacobian(f)(x)
    rows, columns = np.nonzero(~np.isfinite(found.toarray()))
    assert rows.tolist() == [199]
    assert columns.tolist() == [200]
    assert found.toarray()[199, 200] == np.inf
    assert found.toarray()[199, 199] == 0.0
    assert found.toarray()[200, 200] == np.sqrt(x[201])


def test_no_path_is_not_a_zero_times_infinity_in_a_hessian():
    def f(x):
        return np.sum(x[1:] ** 1.5 * x[:-1] ** 2)

    x = np.linspace(1.0, 2.0, 400)
    x[200] = 0.0
    found = sparse_hessian(f)(x).toarray()
    rows, columns = np.nonzero(~np.isfinite(found))
    assert rows.tolist() == [200]
    assert columns.tolist() == [200]


def test_no_path_of_a_number_is_not_a_zero_times_infinity():
    x = np.linspace(1.0, 2.0, 400)
    found = sparse_jacobian(lambda x, a: np.sqrt(a) * x, (0, 1))(x, 0.0).toarray()
    assert not found[:, :400].any()
    assert np.all(found[:, 400] == np.inf)


@pytest.mark.parametrize("name", ["cumsum", "norm", "roll", "gather"])
def test_a_primitive_of_the_users_may_need_everything(name):
    mixed = tapead.primitive(lambda x: np.flip(x) * np.sum(x), name)

    @mixed.pullback
    def mixed_pullback(w, v, x):
        return (np.flip(w) * np.sum(x) + np.sum(w * np.flip(x)),)

    @mixed.pushforward
    def mixed_pushforward(x_dot, v, x):
        return np.flip(x_dot) * np.sum(x) + np.flip(x) * np.sum(x_dot)

    x = np.linspace(0.5, 1.0, N)
    program = tapead.record(lambda x: mixed(x)[2:], x, arrays=True)
    dense = tapead.jacobian(lambda x: np.flip(x) * np.sum(x))(x)[2:]
    assert np.allclose(program.sparse_jacobian(x).toarray(), dense, rtol=1e-13)


def test_errors_say_what_to_do():
    with pytest.raises(TypeError, match="array of int64"):
        tapead.record(lambda x, i: x * i, np.ones(300), np.arange(300)).sparse_jacobian(
            np.ones(300), np.arange(300), argnums=1)  # fmt: skip
    with pytest.raises(TypeError, match="sparse_hessian needs f to return one number; got Array"):
        sparse_hessian(lambda x: x[1:] * x[:-1])(np.ones(300))
    program = tapead.record(lambda x: x[1:] * x[:-1], np.ones(300))
    with pytest.raises(TypeError, match="sparse_jacobian gives plain numbers"):
        tapead.jacobian(lambda x: program.sparse_jacobian(x).data)(np.ones(300))
    with pytest.raises(TypeError, match="has no pattern yet"):
        program.pushforward().jacobian_sparsity()


def test_threads():
    program = tapead.record(lambda x: np.sum(x[1:] ** 2 * x[:-1]), np.ones(2000))
    points = np.random.default_rng(1).random((6, 2000))
    wanted = [tapead.hvp(program.function, (x,), (np.ones(2000),))[0] for x in points]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            found = list(pool.map(program.sparse_hessian, points))
            for matrix, product in zip(found, wanted, strict=True):
                np.testing.assert_allclose(matrix @ np.ones(2000), product, rtol=1e-12)


@pytest.mark.parametrize(
    ("transform", "f", "most"),
    [
        (sparse_jacobian, lambda x: x[2:] - 2.0 * x[1:-1] * x[:-2], 3),
        (sparse_hessian, lambda x: x[0] * np.sum(x**2), 3),
    ],
)
def test_memory_is_in_proportion_to_the_entries(transform, f, most):
    n = 200_000
    x = np.linspace(0.5, 1.0, n)
    g = transform(f)
    tracemalloc.start()
    try:
        found = g(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.nnz <= most * n
    assert peak < 200 * most * n  # bytes: the arrays of NumPy are among what is counted
    assert np.allclose(found @ np.ones(n), tapead.jvp(f, (x,), (np.ones(n),))[1]
                       if transform is sparse_jacobian
                       else tapead.hvp(f, (x,), (np.ones(n),))[0])  # fmt: skip


@pytest.mark.slow
def test_a_million_columns():
    n = 10**6
    x = np.linspace(0.5, 1.0, n)
    found = sparse_jacobian(lambda x: x[2:] - 2.0 * x[1:-1] * x[:-2])(x)
    assert np.array_equal(found.diagonal(), -2.0 * x[1:-1])
    found = sparse_hessian(lambda x: x[0] * np.sum(x**2))(x)
    assert np.allclose(found.diagonal()[1:], 2.0 * x[0])
