"""What `optimize.objective` evaluates, keeps and hands out."""

import pickle
import threading

import numpy as np
import pytest
from scipy import optimize

import tapead
from tapead.optimize import objective


def quartic(x):
    return np.sum(x**4) - np.prod(x)


def slope(x):
    return 4.0 * x**3 - np.prod(x) / x


X = np.array([1.0, 2.0, 3.0])


class Counted:
    """A function that counts its calls with traced and with plain arguments."""

    def __init__(self, f):
        self.f, self.plain, self.traced = f, 0, 0

    def __call__(self, x):
        if isinstance(x, np.ndarray):
            self.plain += 1
        else:
            self.traced += 1
        return self.f(x)


def replays(o, calls):
    """How many replays some calls take."""
    before = o.program.n_replayed
    calls()
    return o.program.n_replayed - before


# -- one evaluation of a point -----------------------------------------------------------------


def test_value_and_gradient_of_a_point_are_one_replay():
    o = objective(quartic, X)
    x = X + 0.5
    assert replays(o, lambda: (o.fun(x), o.jac(x), o.fun(x), o.jac(x.copy()))) == 1
    assert replays(o, lambda: (o.jac(2.0 * x), o.fun(2.0 * x))) == 1


def test_value_at_the_start_is_known():
    o = objective(quartic, X)
    assert replays(o, lambda: o.fun(o.x0)) == 0


def test_gradient_is_left_out_where_nobody_asks_for_it():
    eager = Counted(quartic)
    o = objective(eager, X, record=False)
    for k in range(10):
        o.fun(X + k)
    assert (eager.plain, eager.traced) == (1 + 8, 1)
    o.jac(X + 9.0)
    o.fun(X - 1.0)
    o.jac(X - 1.0)
    assert (eager.plain, eager.traced) == (1 + 8, 3)


def test_solver_evaluates_each_point_once():
    o = objective(quartic, X)
    before = o.program.n_replayed
    found = optimize.minimize(o.fun, o.x0, jac=o.jac, method="L-BFGS-B")
    assert found.nfev == found.njev
    assert o.program.n_replayed - before == found.nfev


def test_residuals_of_a_point_are_evaluated_once():
    counted = Counted(lambda x: x**2 - 2.0)
    o = objective(counted, X, record=False)
    assert counted.plain == 1
    o.fun(X), o.fun(X.copy()), o.fun(X + 1.0), o.fun(X + 1.0)
    assert counted.plain == 2


def test_jacobian_of_a_point_is_evaluated_once():
    o = objective(lambda x: x**2 - 2.0, X)
    x = X + 1.0
    assert replays(o, lambda: (o.jac(x), o.jac(x.copy()))) == 1
    o.jac(x)[:] = 0.0
    assert o.jac(x).tolist() == np.diag(2.0 * x).tolist()
    x[0] = 9.0
    assert o.jac(x)[0, 0] == 18.0


@pytest.mark.parametrize("record", [True, False])
def test_point_that_is_written_to_is_another_point(record):
    o = objective(quartic, X, record=record)
    x = X.copy()
    for k in range(5):
        x[k % 3] += 0.25
        assert o.fun(x) == quartic(x)
        np.testing.assert_allclose(o.jac(x), slope(x), rtol=1e-14)
    x[0] = -x[0]
    np.testing.assert_allclose(o.jac(x), slope(x), rtol=1e-14)
    assert o.fun(x) == quartic(x)


@pytest.mark.parametrize("record", [True, False])
def test_vector_that_is_written_to_is_another_point(record):
    o = objective(lambda x: x, X, record=record)  # the result would be the argument itself
    x = X.copy()
    y = o.fun(x)
    x[0] = 7.0
    assert o.fun(X).tolist() == X.tolist()
    y[1] = -1.0
    assert o.fun(X).tolist() == X.tolist()
    assert o.fun(x).tolist() == x.tolist()


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_calls_in_any_order(seed, record):
    """Points come back, are written to, and results are spoilt by the caller."""
    rng = np.random.default_rng(seed)
    o = objective(quartic, X, record=record)
    r = objective(lambda x: [quartic(x), x[0] * x[2]], X, record=record)
    x, kept = X.copy(), [X.copy()]
    for _ in range(400):
        action = rng.integers(8)
        if action == 0:
            x[rng.integers(3)] = rng.uniform(0.5, 3.0)
            kept.append(x.copy())
        elif action == 1:
            x[:] = kept[rng.integers(len(kept))]
        elif action == 2:
            o.hessp(x, np.ones(3))
        elif action in (3, 4):
            assert o.fun(x) == pytest.approx(quartic(x), rel=1e-14)
        elif action in (5, 6):
            g = o.jac(x)
            np.testing.assert_allclose(g, slope(x), rtol=1e-13, atol=1e-13)
            g[:] = np.nan
        else:
            y, matrix = r.fun(x), r.jac(x)
            np.testing.assert_allclose(y, [quartic(x), x[0] * x[2]], rtol=1e-14)
            np.testing.assert_allclose(matrix, [slope(x), [x[2], 0.0, x[0]]], rtol=1e-13)
            y[:], matrix[:] = np.nan, np.nan


def test_gradient_is_the_caller_s_own():
    o = objective(quartic, X)
    g = o.jac(X)
    g[:] = 0.0
    np.testing.assert_allclose(o.jac(X), slope(X), rtol=1e-14)


def test_signs_of_zero_are_two_points():
    o = objective(lambda x: tapead.arctan2(x[0], -1.0), np.array([1.0]))
    assert o.fun(np.array([0.0])) == np.pi
    assert o.fun(np.array([-0.0])) == -np.pi


def test_nan_and_infinity_pass_through():
    o = objective(lambda x: np.sum(np.log(x)), X)
    with np.errstate(all="ignore"):
        for value in (np.nan, -1.0):
            x = np.array([value, 1.0, 1.0])
            assert np.isnan(o.fun(x))
            assert np.isnan(o.fun(x))
        assert o.fun(np.array([0.0, 1.0, 1.0])) == -np.inf
        assert o.jac(np.array([0.0, 1.0, 1.0])).tolist() == [np.inf, 1.0, 1.0]


def test_line_search_steps_back_from_infinite_values():
    o = objective(lambda x: np.sum(x - np.log(x)), np.array([0.1, 5.0]))
    with np.errstate(all="ignore"):
        found = optimize.minimize(o.fun, o.x0, jac=o.jac, method="BFGS")
    np.testing.assert_allclose(found.x, 1.0, atol=1e-5)


def test_error_of_the_function_leaves_what_is_known():
    class StopError(Exception):
        pass

    def f(x):
        if x[0] > 5.0:
            raise StopError
        return quartic(x)

    for record in (True, False):
        o = objective(f, X, record=record)
        y = o.fun(X + 1.0)
        for call in (o.fun, o.jac, o.hess):
            with pytest.raises(StopError):
                call(X + 9.0)
        assert o.fun(X + 1.0) == y
        np.testing.assert_allclose(o.jac(X + 1.0), slope(X + 1.0), rtol=1e-14)
        with pytest.raises(StopError):
            o.fun(X + 9.0)


def test_branches_are_recorded_when_they_are_taken():
    def huber(x):
        return sum(0.5 * v * v if abs(v) < 1.0 else abs(v) - 0.5 for v in x)

    o = objective(huber, np.array([3.0, 0.5]))
    for x in np.array([[3.0, 0.5], [0.2, 0.5], [-3.0, -4.0], [0.1, 9.0]]):
        assert o.fun(x) == huber(x)
        np.testing.assert_array_equal(o.jac(x), np.clip(x, -1.0, 1.0))
        np.testing.assert_array_equal(o.hess(x), np.diag(np.abs(x) < 1.0).astype(float))
    assert o.program.stats()["recorded"] >= 4


def test_many_unknowns_are_a_program_of_arrays():
    def rosenbrock(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    n = 2000
    o = objective(rosenbrock, np.linspace(-1.0, 1.0, n))
    assert isinstance(o.program, tapead.ArrayProgram)
    x = np.linspace(0.5, 1.5, n)
    np.testing.assert_allclose(o.fun(x), optimize.rosen(x), rtol=1e-12)
    np.testing.assert_allclose(o.jac(x), optimize.rosen_der(x), rtol=1e-11, atol=1e-9)
    p = np.cos(np.arange(n))
    np.testing.assert_allclose(o.hessp(x, p), optimize.rosen_hess_prod(x, p), rtol=1e-9, atol=1e-9)
    found = optimize.minimize(o.fun, o.x0, jac=o.jac, hessp=o.hessp, method="trust-ncg")
    np.testing.assert_allclose(found.x, 1.0, atol=1e-3)


def test_threads_get_the_values_of_their_points():
    o, wrong = objective(quartic, X), []

    def work(k):
        for i in range(300):
            x = X + k + i % 7
            if o.fun(x) != quartic(x) or not np.allclose(o.jac(x), slope(x), rtol=1e-12):
                wrong.append(x)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_objective_may_be_used_within_itself():
    inner = objective(quartic, X)

    def outer(x):
        return x[0] * inner.fun(X)

    o = objective(outer, X, record=False)
    assert o.fun(X) == inner.fun(X)


def test_pickle_records_anew():
    o = objective(quartic, X, lower=0.0)
    again = pickle.loads(pickle.dumps(o))
    assert again.fun(X + 1.0) == o.fun(X + 1.0)
    assert again.bounds.lb.tolist() == [0.0, 0.0, 0.0]
    fun = pickle.loads(pickle.dumps(o.fun))  # as workers of a solver get it
    assert fun(X) == o.fun(X)
