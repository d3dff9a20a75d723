"""Programs of arrays: arguments, results, paths, threads, and what they refuse."""

import pickle
import threading

import numpy as np
import pytest

import tapead

X = np.linspace(0.5, 2.0, 300)


def energy(x):
    """A sum over an array."""
    return np.sum(np.sin(x) * x)


def test_containers_of_arrays_and_numbers():
    def f(p, scale):
        return {"loss": np.sum(p["w"] @ p["b"]) * scale, "out": [p["w"] * scale, 3, "text"]}

    p = {"w": np.arange(6.0).reshape(2, 3), "b": np.ones(3)}
    program = tapead.record(f, p, 2.0, arrays=True)
    q = {"w": p["w"] + 1.0, "b": 2.0 * p["b"]}
    found, expected = program(q, 3.0), f(q, 3.0)
    assert found["loss"] == expected["loss"]
    np.testing.assert_array_equal(found["out"][0], expected["out"][0])
    assert found["out"][1:] == [3, "text"]


def test_gradients_in_the_structure_of_the_arguments():
    def f(p, c):
        return np.sum(p[0] * p[1]) * c

    program = tapead.record(f, (X, X), 2.0, argnums=(0, 1), arrays=True)
    (a, b), c = program.grad((X, 2 * X), 3.0)
    np.testing.assert_allclose(a, 6 * X)
    np.testing.assert_allclose(b, 3 * X)
    assert c == pytest.approx(2 * X @ X)


def test_keywords_and_static_arguments():
    def f(x, *, power, name):
        return np.sum(x**power) if name == "sum" else np.max(x)

    program = tapead.compile(f)
    assert program(X, power=2, name="sum") == pytest.approx(np.sum(X**2))
    assert program(X, power=3, name="sum") == pytest.approx(np.sum(X**3))
    assert program(X, power=3, name="max") == 2.0


def test_results_belong_to_the_caller():
    program = tapead.record(lambda x: (x, x[1:], x * 2.0, x * 2.0), X, arrays=True)
    first = program(X)
    for part in first:
        part[...] = 0.0
    x, view, double, same = program(X)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(view, X[1:])
    np.testing.assert_array_equal(double, 2 * X)
    assert not np.shares_memory(double, same)
    assert X[0] == 0.5


def test_arguments_of_any_layout():
    program = tapead.record(lambda a: np.sum(a * a.T), np.eye(20), arrays=True)
    a = np.arange(400.0).reshape(20, 20)
    expected = np.sum(a * a.T)
    assert program(np.asfortranarray(a)) == expected
    assert program(a[::-1, ::-1].copy()[::-1, ::-1]) == expected
    assert program(np.repeat(a, 2, axis=1)[:, ::2]) == expected


def test_captured_arrays_stay_as_recorded():
    c = np.ones(300)
    program = tapead.record(lambda x: np.sum(c * x), X, arrays=True)
    expected = program(X)
    c[:] = 7.0
    assert program(X) == expected


def test_a_changed_shape_is_recorded_anew_by_compile():
    f = tapead.compile(energy)
    for x in (X, X[:280], X, X.astype(np.float32)):
        np.testing.assert_allclose(f(x), energy(x), rtol=1e-5)
    assert f.stats()["recorded"] == 3
    with pytest.raises(ValueError, match="recorded form"):
        tapead.record(energy, X)(X[:280])


def branching(x):
    """One of two functions."""
    return np.sum(x * x) if np.sum(x) > 0.0 else np.sum(x)


def test_a_changed_branch_raises_or_is_recorded():
    program = tapead.record(branching, X)
    assert program(X) == pytest.approx(X @ X)
    with pytest.raises(tapead.BranchChanged):
        program(-X)
    assert program.status == 2
    program = tapead.record(branching, X, on_branch="record")
    assert program(-X) == pytest.approx(-np.sum(X))
    assert program(2 * X) == pytest.approx(4 * X @ X)
    assert program.stats()["recorded"] == 2


@pytest.mark.parametrize(
    "look",
    [
        lambda x: float(x.value[3]),
        lambda x: float((x > 1.0).any()),
        lambda x: float(np.argmax(x)),
        lambda x: float(len(repr(x))),
        lambda x: float(np.count_nonzero(x.value > 1.0)),
        lambda x: float(bool(x[0] > 1.0)),
        lambda x: float(int(x[3])),
        lambda x: float(np.ones(300)[np.asarray(x > 1.0)].sum()),
        lambda x: float((x > 1.0).astype(int).sum()),
    ],
)
def test_a_replay_is_never_stale(look):
    def f(x):
        return np.sum(x) * look(x)

    def plain(x):
        with tapead.Tape() as tape:
            return f(tape.variable(x)).value

    compiled = tapead.compile(f)
    rng = np.random.default_rng(0)
    for _ in range(4):
        x = rng.permutation(X) + rng.choice([0.0, 0.7])
        np.testing.assert_allclose(compiled(x), plain(x), rtol=1e-12)
    again = compiled.stats()["recorded"]
    compiled(x)
    assert compiled.stats()["recorded"] == again


def test_several_threads_replay_one_program():
    program = tapead.record(energy, X)
    inputs = [X + 0.01 * k for k in range(8)]
    expected = [program.grad(x) for x in inputs]
    wrong = []

    def work(k):
        wrong.extend(
            k for _ in range(50) if not np.array_equal(program.grad(inputs[k]), expected[k])
        )

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_results_do_not_depend_on_the_number_of_threads():
    x = np.random.default_rng(0).normal(size=500_000)
    program = tapead.record(energy, x)
    found = []
    for n in (1, 2, 3):
        tapead.set_num_threads(n)
        assert tapead.get_num_threads() == n
        found.append((program(x), program.grad(x)))
    tapead.set_num_threads(None)
    for value, gradient in found[1:]:
        assert value == found[0][0]
        np.testing.assert_array_equal(gradient, found[0][1])


def test_transforms_of_a_program_replay():
    program = tapead.record(energy, X)
    program.grad(X)
    recorded = program.stats()["recorded"]
    np.testing.assert_allclose(tapead.grad(program)(X), tapead.grad(energy)(X), rtol=1e-12)
    assert program.stats()["recorded"] == recorded


def test_programs_within_a_recording_are_differentiated():
    program = tapead.record(energy, X)
    found = tapead.grad(lambda x: program(x * x))(X)
    np.testing.assert_allclose(found, tapead.grad(lambda x: energy(x * x))(X), rtol=1e-12)


def test_auxiliary_results():
    program = tapead.record(lambda x: (np.sum(x * x), x + 1.0), X, has_aux=True)
    (y, aux), gradient = program.value_and_grad(X)
    assert y == pytest.approx(X @ X)
    np.testing.assert_array_equal(aux, X + 1.0)
    np.testing.assert_allclose(gradient, 2 * X)


@pytest.mark.parametrize("method", ["map", "save", "to_c"])
def test_what_programs_of_numbers_do_is_refused_by_name(method):
    program = tapead.record(energy, X)
    with pytest.raises(TypeError, match="arrays=False"):
        getattr(program, method)("x")
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(program)


def test_arrays_decides_what_is_recorded():
    small = X[:5]
    assert isinstance(tapead.record(energy, small), tapead.Program)
    assert not isinstance(tapead.record(energy, small, arrays=True), tapead.Program)
    assert not isinstance(tapead.record(energy, X), tapead.Program)
    assert isinstance(tapead.record(energy, X, arrays=False), tapead.Program)
    with pytest.raises(TypeError, match="arrays is None"):
        tapead.record(energy, X, arrays=1)


def test_loops_over_elements_become_programs_of_numbers():
    def loop(x):
        total = 0.0
        for i in range(len(x) - 1):
            total = total + x[i] * x[i + 1]
        return total

    program = tapead.record(loop, X)
    assert isinstance(program, tapead.Program)
    assert program(X) == pytest.approx(X[1:] @ X[:-1])
    compiled = tapead.compile(loop)
    assert compiled(X) == pytest.approx(X[1:] @ X[:-1])
    np.testing.assert_allclose(tapead.grad(compiled)(X), tapead.grad(loop)(X))


def test_small_arrays_that_need_whole_arrays_are_recorded_as_such():
    def f(x):
        return np.sum(np.linalg.solve(np.diag(x), x) * x)

    program = tapead.record(f, X[:3])
    assert not isinstance(program, tapead.Program)
    np.testing.assert_allclose(program(X[3:6]), f(X[3:6]))
    np.testing.assert_allclose(tapead.compile(f)(X[3:6]), f(X[3:6]))


def test_text_and_stats_tell_of_every_step():
    program = tapead.record(energy, X)
    stats = program.stats()
    assert stats["steps"] == 1
    assert stats["instructions"] == 2
    text = program.to_text()
    assert "sin" in text
    assert "300 elements" in text
    assert program.nbytes > 0


def long_chain(x):
    for _ in range(300):
        x = np.tanh(x) + 0.1
    return np.sum(x)


def long_reading(x):
    total = 0.0
    for _ in range(250):
        for xi in x:
            total = total + np.sin(xi) * xi
    return total


@pytest.mark.parametrize(
    ("f", "kind"), [(long_chain, "ArrayProgram"), (long_reading, "Program")], ids=["chain", "reads"]
)
def test_many_operations_on_few_elements_stay_arrays(f, kind):
    x = np.linspace(-1.0, 1.0, 100)
    program, compiled = tapead.record(f, x), tapead.compile(f)
    assert type(program).__name__ == kind
    for at in (x, x[::-1] * 0.5, x * 0.25):
        value, gradient = tapead.value_and_grad(f)(at)
        for g in (program.value_and_grad, tapead.value_and_grad(compiled)):
            np.testing.assert_allclose(g(at)[0], value, 1e-12)
            np.testing.assert_allclose(g(at)[1], gradient, 1e-12)
    assert compiled.stats()["replayed"] >= 5
