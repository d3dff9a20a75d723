"""Every family of SciPy's solvers, by `optimize.objective`, on problems with known solutions."""

import itertools
import warnings

import numpy as np
import pytest
from scipy import optimize
from scipy.sparse import issparse
from scipy.sparse.linalg import LinearOperator

import tapead
from tapead.optimize import objective

FORMS = ["dense", "sparse", "operator"]
START = np.array([-1.2, 1.0, 0.7])


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def by_numbers(x):
    """The same in a loop with a branch, of a list."""
    total = 0.0
    for a, b in itertools.pairwise(x):
        gap = b - a * a
        total += 100.0 * gap * gap if gap > 0.0 else 100.0 * (-gap) ** 2
        total += (1.0 - a) ** 2
    return total


def of_dict(p):
    return rosenbrock(np.concatenate([p["head"], [p["tail"]]]))


PROBLEMS = {
    "array": (rosenbrock, START),
    "list": (by_numbers, START.tolist()),
    "dict": (of_dict, {"head": START[:2], "tail": 0.7}),
}


def solved(found, wanted, tolerance=1e-4):
    np.testing.assert_allclose(found.x, wanted, rtol=0, atol=tolerance)


# -- one number ------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", PROBLEMS)
def test_derivatives_are_those_in_closed_form(problem):
    o = objective(*PROBLEMS[problem])
    for x in (START, np.array([0.3, -0.4, 2.0])):
        assert o.fun(x) == pytest.approx(optimize.rosen(x), rel=1e-14)
        np.testing.assert_allclose(o.jac(x), optimize.rosen_der(x), rtol=1e-13)
        np.testing.assert_allclose(o.hess(x), optimize.rosen_hess(x), rtol=1e-13)
        p = np.array([0.5, -1.0, 2.0])
        np.testing.assert_allclose(o.hessp(x, p), optimize.rosen_hess_prod(x, p), rtol=1e-12)


WITHOUT_GRADIENT = ("Nelder-Mead", "Powell", "COBYLA", "COBYQA")
WITH_GRADIENT = ("CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP")
WITH_PRODUCTS = ("Newton-CG", "trust-ncg", "trust-krylov", "trust-constr")
WITH_HESSIAN = (*WITH_PRODUCTS, "trust-exact")


@pytest.mark.parametrize("method", WITHOUT_GRADIENT)
def test_minimize_without_gradient(method):
    o = objective(lambda x: np.sum((x - 1.0) ** 2 + (x - 1.0) ** 4), np.array([0.5, 0.2, 3.0]))
    solved(optimize.minimize(o.fun, o.x0, method=method), 1.0, 1e-3)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", WITH_GRADIENT)
def test_minimize_with_gradient(method, problem):
    o = objective(*PROBLEMS[problem])
    tol = 1e-10 if method in ("L-BFGS-B", "TNC", "SLSQP") else None
    options = {"maxfun": 2000} if method == "TNC" else {}
    found = optimize.minimize(o.fun, o.x0, jac=o.jac, method=method, tol=tol, options=options)
    solved(found, 1.0, 1e-3)


@pytest.mark.parametrize("method", WITH_PRODUCTS)
def test_minimize_with_products(method):
    o = objective(rosenbrock, START)
    solved(optimize.minimize(o.fun, o.x0, jac=o.jac, hessp=o.hessp, method=method), 1.0)


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("method", WITH_HESSIAN)
def test_minimize_with_hessian(method, problem):
    o = objective(*PROBLEMS[problem])
    solved(optimize.minimize(o.fun, o.x0, jac=o.jac, hess=o.hess, method=method), 1.0)


def test_dogleg_minimises_a_convex_function():
    o = objective(lambda x: np.sum(np.exp(x - 1.0) - x + x**4 - 4.0 * x), np.zeros(3))
    solved(optimize.minimize(o.fun, o.x0, jac=o.jac, hess=o.hess, method="dogleg"), 1.0)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["trust-constr", "Newton-CG"])
def test_minimize_takes_the_form_of_the_hessian(method, form):
    o = objective(rosenbrock, START, form=form)
    assert isinstance(
        o.hess(o.x0), {"dense": np.ndarray, "operator": LinearOperator}.get(form, object)
    )
    assert issparse(o.hess(o.x0)) is (form == "sparse")
    solved(optimize.minimize(o.fun, o.x0, jac=o.jac, hess=o.hess, method=method), 1.0)


GLOBAL = {
    "basinhopping": lambda o: optimize.basinhopping(
        o.fun, o.x0, niter=20, rng=1, minimizer_kwargs={"jac": o.jac, "bounds": o.bounds}
    ),
    "differential_evolution": lambda o: optimize.differential_evolution(o.fun, o.bounds, rng=1),
    "dual_annealing": lambda o: optimize.dual_annealing(
        o.fun, o.bounds, rng=1, maxiter=200, minimizer_kwargs={"jac": o.jac, "bounds": o.bounds}
    ),
    "shgo": lambda o: optimize.shgo(
        o.fun, o.bounds, options={"jac": o.jac}, sampling_method="sobol", n=128, iters=2
    ),
    "direct": lambda o: optimize.direct(o.fun, o.bounds, maxfun=20000, maxiter=5000),
}


def ackley(p):
    x, y = p["x"], p["y"]
    r = tapead.sqrt(0.5 * (x * x + y * y) + 1e-30)
    waves = 0.5 * (tapead.cos(2.0 * np.pi * x) + tapead.cos(2.0 * np.pi * y))
    return -20.0 * tapead.exp(-0.2 * r) - tapead.exp(waves) + np.e + 20.0


@pytest.mark.parametrize("solver", GLOBAL)
def test_global_solvers(solver):
    o = objective(ackley, {"x": 1.7, "y": -2.3}, lower=-4.0, upper=5.0)
    solved(GLOBAL[solver](o), 0.0, 1e-2)


# -- residuals ---------------------------------------------------------------------------------


T = np.linspace(0.0, 3.0, 40)
DECAY = {"rate": 1.5, "scale": 2.0, "offset": np.array([0.5])}
SIGNAL = 2.0 * np.exp(-1.5 * T) + 0.5


def residuals(p):
    return p["scale"] * np.exp(-p["rate"] * T) + p["offset"] - SIGNAL


def decay(**options):
    return objective(residuals, {"rate": 1.0, "scale": 1.0, "offset": np.zeros(1)}, **options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_least_squares(method, form):
    o = decay(form=form, lower={"rate": 0.0}, upper={"scale": 10.0})
    found = optimize.least_squares(o.fun, o.x0, jac=o.jac, bounds=o.bounds, method=method)
    solved(found, o.ravel(DECAY), 1e-6)


def test_least_squares_by_levenberg_and_marquardt():
    o = decay()
    found = optimize.least_squares(o.fun, o.x0, jac=o.jac, bounds=o.bounds, method="lm")
    solved(found, o.ravel(DECAY), 1e-6)
    solved(optimize.OptimizeResult(x=optimize.leastsq(o.fun, o.x0, Dfun=o.jac)[0]), found.x, 1e-6)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan"])
def test_least_squares_with_a_robust_loss(loss):
    outlier = np.zeros(T.size)
    outlier[7] = 3.0
    o = objective(lambda p: residuals(p) - outlier, {"rate": 1.0, "scale": 1.0, "offset": 0.0})
    found = optimize.least_squares(o.fun, o.x0, jac=o.jac, loss=loss, f_scale=0.01)
    solved(found, [1.5, 2.0, 0.5], 0.02)


def test_jacobian_is_that_by_a_complex_step():
    o = decay()
    x = np.array([1.3, 1.8, 0.2])
    wanted = np.stack([
        np.imag((x[1] + 1e-30j * (k == 1)) * np.exp(-(x[0] + 1e-30j * (k == 0)) * T)) / 1e-30
        for k in range(2)
    ] + [np.ones(T.size)], axis=1)  # fmt: skip
    np.testing.assert_allclose(o.jac(x), wanted, rtol=1e-13)


def test_operator_is_the_jacobian():
    dense, o = decay(), decay(form="operator")
    x = np.array([1.3, 1.8, 0.2])
    jacobian, operator = dense.jac(x), o.jac(x)
    x[:] = 0.0  # the operator has its own point
    np.testing.assert_allclose(operator @ np.eye(3), jacobian, rtol=1e-13)
    np.testing.assert_allclose(operator.T @ np.eye(T.size), jacobian.T, rtol=1e-13)
    v = np.cos(T)
    x = np.array([1.3, 1.8, 0.2])
    np.testing.assert_allclose(o.hess(x, v) @ np.eye(3), dense.hess(x, v), rtol=1e-12, atol=1e-12)


# -- equations -----------------------------------------------------------------------------------


def broyden(x):
    left = np.concatenate([[0.0], x[:-1]])
    right = np.concatenate([x[1:], [0.0]])
    return (3.0 - 2.0 * x) * x - left - 2.0 * right + 1.0


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov", "df-sane"])
def test_root(method):
    o = objective(broyden, np.full(12, -1.0))
    jac = o.jac if method in ("hybr", "lm") else None
    found = optimize.root(o.fun, o.x0, jac=jac, method=method)
    assert found.success
    assert np.abs(broyden(found.x)).max() < 1e-5


def test_fsolve_and_equations_in_a_container():
    def circle_and_line(p):
        return {"circle": p["x"] ** 2 + p["y"] ** 2 - 4.0, "line": [p["x"] - p["y"]]}

    o = objective(circle_and_line, {"x": 1.0, "y": 2.0})
    np.testing.assert_allclose(optimize.fsolve(o.fun, o.x0, fprime=o.jac), np.sqrt(2.0))


# -- constraints ---------------------------------------------------------------------------------


def hs71(x):
    return x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2]


def product_and_squares(x):
    return np.stack([x[0] * x[1] * x[2] * x[3], np.sum(x * x)])


HS71 = [1.0, 4.74299963, 3.82114998, 1.37940829]  # Hock and Schittkowski 1981, problem 71
X71 = np.array([1.0, 5.0, 5.0, 1.0])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_nonlinear_constraint(method, form):
    if form == "operator" and method == "SLSQP":
        pytest.skip("SLSQP takes matrices")
    o = objective(hs71, X71, lower=1.0, upper=5.0, form=form)
    c = objective(product_and_squares, X71, form="dense" if form == "operator" else form)
    second, hess, options = {}, None, {}
    if method == "trust-constr":
        second = {"hess": objective(product_and_squares, X71, form=form).hess}
        hess, options = o.hess, {"gtol": 1e-9, "xtol": 1e-10, "maxiter": 3000}
    constraint = optimize.NonlinearConstraint(
        c.fun, [25.0, 40.0], [np.inf, 40.0], jac=c.jac, **second
    )
    with warnings.catch_warnings():  # SLSQP prefers equations in a constraint of their own
        warnings.simplefilter("ignore", optimize.OptimizeWarning)
        found = optimize.minimize(
            o.fun, o.x0, jac=o.jac, hess=hess, bounds=o.bounds, constraints=[constraint],
            method=method, options=options,
        )  # fmt: skip
    solved(found, HS71)
    assert found.fun == pytest.approx(17.0140173, abs=1e-4)


@pytest.mark.parametrize("method", ["COBYLA", "COBYQA"])
def test_constraint_without_derivatives(method):
    o = objective(hs71, X71, lower=1.0, upper=5.0)
    c = objective(product_and_squares, X71)
    constraint = optimize.NonlinearConstraint(c.fun, [25.0, 40.0], [np.inf, 40.0])
    found = optimize.minimize(o.fun, o.x0, bounds=o.bounds, constraints=[constraint], method=method)
    solved(found, HS71, 1e-2)


def test_constraint_of_one_number():
    o = objective(rosenbrock, np.zeros(2))
    c = objective(lambda x: np.sum(x * x), np.zeros(2))
    for method, hess in (("SLSQP", None), ("trust-constr", o.hess)):
        second = {"hess": c.hess} if hess else {}
        disc = optimize.NonlinearConstraint(c.fun, 0.0, 1.0, jac=c.jac, **second)
        found = optimize.minimize(
            o.fun, o.x0, jac=o.jac, hess=hess, constraints=[disc], method=method
        )
        solved(found, [0.78641, 0.61770], 1e-3)


def test_constraint_in_slsqp_s_own_form():
    o = objective(hs71, X71, lower=1.0, upper=5.0)
    c = objective(lambda x: product_and_squares(x) - np.array([25.0, 40.0]), X71)
    rows = [(0, "ineq"), (1, "eq")]
    constraints = [
        {"type": kind, "fun": lambda x, i=i: c.fun(x)[i], "jac": lambda x, i=i: c.jac(x)[i]}
        for i, kind in rows
    ]
    found = optimize.minimize(
        o.fun, o.x0, jac=o.jac, bounds=o.bounds, constraints=constraints, method="SLSQP"
    )
    solved(found, HS71)


@pytest.mark.parametrize("form", FORMS)
def test_weighted_hessian_is_the_sum(form):
    c = objective(product_and_squares, X71, form=form)
    x, v = np.array([1.5, 2.0, 3.0, 0.5]), np.array([2.0, -3.0])
    of_each = tapead.hessian(lambda x: product_and_squares(x)[0])(x)
    wanted = 2.0 * of_each - 3.0 * 2.0 * np.eye(4)
    np.testing.assert_allclose(c.hess(x, v) @ np.eye(4), wanted, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(c.hess(x, -v) @ np.eye(4), -wanted, rtol=1e-13, atol=1e-13)


# -- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead"])
def test_bounds_hold(method):
    o = objective(of_dict, {"head": np.zeros(2), "tail": 0.0}, upper={"head": [0.5, None]})
    assert o.bounds.ub.tolist() == [0.5, np.inf, np.inf]
    jac = None if method == "Nelder-Mead" else o.jac
    options = {"maxfun" if method == "TNC" else "maxiter": 3000}
    found = optimize.minimize(
        o.fun, o.x0, jac=jac, bounds=o.bounds, method=method, tol=1e-9, options=options
    )
    solved(found, [0.5, 0.2582, 0.0667], 2e-2)
    assert found.x[0] <= 0.5


def test_fixed_parameter():
    o = objective(rosenbrock, START, lower=[None, 1.0, None], upper=[None, 1.0, None])
    found = optimize.minimize(o.fun, o.x0, jac=o.jac, bounds=o.bounds)
    assert found.x[1] == 1.0
    assert np.abs(o.jac(found.x)[[0, 2]]).max() < 1e-3
