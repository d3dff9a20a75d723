"""Implicit functions against the unrolled solver, closed forms and differences."""

import numpy as np
import pytest

import tapead
from tapead import implicit
from tapead.testing import check_grads

A = np.array([[3.0, 1.0], [1.0, 2.0]])
P = {"A": A, "b": np.array([1.0, 2.0]), "s": 1.5}
P_DOT = {"A": 0.3 * A.T, "b": np.array([2.0, -1.0]), "s": -0.5}


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in tapead.testing.leaves(tree)])


def close(found, expected, tolerance=1e-9):
    np.testing.assert_allclose(flat(found), flat(expected), rtol=tolerance, atol=tolerance)


def contracted(q, p):
    """One number of a gradient, to differentiate again."""
    return np.sum(q["A"] * P_DOT["A"]) + np.sum(q["b"] * P_DOT["b"]) + q["s"]


def loss(f):
    return lambda p: np.sum(np.sin(f(p)))


TRANSFORMS = {
    "value": lambda f: f(P),
    "grad": lambda f: tapead.grad(loss(f))(P),
    "jvp": lambda f: tapead.jvp(f, (P,), (P_DOT,))[1],
    "forward over reverse": lambda f: tapead.hvp(loss(f), (P,), (P_DOT,)),
    "reverse over reverse": lambda f: tapead.grad(lambda p: contracted(tapead.grad(loss(f))(p), p))(
        P
    ),
    "forward over forward": lambda f: tapead.jvp(
        lambda p: tapead.jvp(f, (p,), (P_DOT,))[1], (P,), (P_DOT,)
    )[1],
}


# -- root ----------------------------------------------------------------------------------


def equations(x, p):
    return p["A"] @ x + 0.1 * x**3 - p["b"] * p["s"]


def by_newton(p):
    x = np.zeros(2)
    for _ in range(10):
        x = x - np.linalg.solve(p["A"] + np.diag(0.3 * x**2), equations(x, p))
    return x


@pytest.mark.parametrize("linear", ["dense", "gmres", "own"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_root_has_the_derivatives_of_newton_s_iterations(transform, linear):
    if linear == "own":

        def linear(product, b):
            matrix = np.stack([product(e) for e in np.eye(b.size)], axis=1)
            return np.linalg.solve(matrix, b)

    def f(p):
        return implicit.root(equations, np.zeros(2), p, linear=linear)

    close(TRANSFORMS[transform](f), TRANSFORMS[transform](by_newton))


CUBE_ROOTS = {
    "hybr": {},
    "lm": {"method": "lm"},
    "krylov": {"method": "krylov", "tol": 1e-12},
    "own": {"solver": lambda fun, x: np.cbrt(8.0 - 0.0 * fun(x))},
}


@pytest.mark.parametrize("case", CUBE_ROOTS)
def test_root_is_a_cube_root(case):
    def f(a):
        return implicit.root(lambda x, a: x**3 - a, 1.0, a, **CUBE_ROOTS[case])

    assert type(f(8.0)) is float
    assert f(8.0) == pytest.approx(2.0, rel=1e-8)
    assert tapead.grad(f)(8.0) == pytest.approx(1.0 / 12.0, rel=1e-7)
    assert tapead.derivative(f, 3)(8.0) == pytest.approx(10.0 / 27.0 * 8.0 ** (-8 / 3), rel=1e-6)


def test_root_takes_containers_and_keeps_float32():
    def f(x, a):
        return {"u": x["u"] * a - 1.0, "v": x["v"] ** 2 - a}

    x0 = {"u": 0.5, "v": np.ones(3, np.float32)}
    x = implicit.root(f, x0, 4.0)
    assert x["u"] == pytest.approx(0.25)
    assert x["v"].dtype == np.float32
    slope = tapead.jacobian(lambda a: implicit.root(f, x0, a))(4.0)
    close(slope, {"u": -1.0 / 16.0, "v": np.full(3, 0.25)}, 1e-6)


def test_root_of_many_unknowns_is_solved_by_products():
    n = 600
    x0 = np.ones(n)

    def f(x, a):
        neighbours = np.concatenate([x[1:], x[:1]])
        return 3.0 * x + 0.1 * x**3 - 0.5 * neighbours - a

    def total(a):
        return np.sum(implicit.root(f, x0, a, method="krylov", tol=1e-12))

    x = implicit.root(f, x0, 2.6, method="krylov", tol=1e-12)
    np.testing.assert_allclose(x, 1.0, rtol=1e-9)
    assert tapead.grad(total)(2.6) == pytest.approx(n / 2.8, rel=1e-8)


def test_root_starting_point_has_no_derivative():
    def f(x0):
        return implicit.root(lambda x: x**2 - 4.0, x0) * x0

    assert tapead.grad(f)(1.0) == pytest.approx(2.0)


def test_root_within_vmap_is_solved_point_by_point():
    def f(a):
        return implicit.root(lambda x, a: x**3 - a, 1.0, a)

    a = np.array([1.0, 8.0, 27.0])
    close(tapead.vmap(f)(a), np.cbrt(a))
    close(tapead.vmap(tapead.grad(f))(a), np.cbrt(a) / (3.0 * a))
    close(tapead.grad(lambda a: np.sum(tapead.vmap(f)(a)))(a), np.cbrt(a) / (3.0 * a))


# -- minimize ------------------------------------------------------------------------------


def quadratic(x, p):
    return 0.5 * x @ p["A"] @ x + 0.025 * np.sum(x**4) - p["s"] * (p["b"] @ x)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_minimize_has_the_derivatives_of_newton_s_iterations(transform):
    def f(p):
        return implicit.minimize(quadratic, np.zeros(2), p)

    symmetric = {**P, "A": A}
    assert np.allclose(symmetric["A"], symmetric["A"].T)
    found, expected = TRANSFORMS[transform](f), TRANSFORMS[transform](by_newton_of_gradient)
    close(found, expected, 1e-8)


def by_newton_of_gradient(p):
    x = np.zeros(2)
    for _ in range(10):
        slope = tapead.grad(quadratic)(x, p)
        x = x - np.linalg.solve(0.5 * (p["A"] + p["A"].T) + np.diag(0.3 * x**2), slope)
    return x


@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "Newton-CG", "trust-exact", "Nelder-Mead"])
def test_minimize_by_any_method(method):
    def f(a):
        x0 = {"u": 0.3, "v": np.zeros(2)}

        def loss(x, a):
            return (x["u"] - a) ** 2 + np.sum((x["v"] - a * x["u"]) ** 2)

        return implicit.minimize(loss, x0, a, method=method)

    close(f(2.0), {"u": 2.0, "v": np.full(2, 4.0)}, 1e-6)
    close(tapead.jacobian(f)(2.0), {"u": 1.0, "v": np.full(2, 4.0)}, 1e-5)


# -- fixed_point ---------------------------------------------------------------------------


def contraction(x, p):
    return 0.1 * np.cos(p["A"] @ x + p["b"]) * p["s"]


def by_iteration(p):
    x = np.zeros(2)
    for _ in range(150):
        x = contraction(x, p)
    return x


@pytest.mark.parametrize("linear", ["dense", "gmres"])
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_fixed_point_has_the_derivatives_of_the_iteration(transform, linear):
    def f(p):
        return implicit.fixed_point(contraction, np.zeros(2), p, linear=linear)

    close(TRANSFORMS[transform](f), TRANSFORMS[transform](by_iteration))


def test_fixed_point_takes_a_solver():
    from scipy.optimize import fixed_point as accelerated

    def f(a):
        return implicit.fixed_point(lambda x, a: 0.5 * (x + a / x), 1.0, a, solver=accelerated)

    assert f(9.0) == pytest.approx(3.0)
    check_grads(f, (9.0,), order=3)


# -- odeint --------------------------------------------------------------------------------


def pendulum(y, t, p):
    return np.stack([y[1], -p["k"] * np.sin(y[0]) - p["c"][0] * y[1] + p["c"][1] * np.cos(t)])


Y0 = np.array([1.0, 0.2])
T = np.array([0.0, 0.4, 1.0])
PARAMETERS = {"k": 2.0, "c": np.array([0.3, 0.5])}
TANGENTS = (np.array([0.3, -1.0]), np.array([0.1, 0.2, -0.3]), {"k": 0.7, "c": np.ones(2)})
WEIGHTS = np.arange(6.0).reshape(3, 2) + 1.0


def by_runge_kutta(f, y, t, *args, n=60):
    ys = [y]
    for k in range(len(t) - 1):
        h, s = (t[k + 1] - t[k]) / n, t[k]
        for _ in range(n):
            k1 = f(y, s, *args)
            k2 = f(y + h / 2 * k1, s + h / 2, *args)
            k3 = f(y + h / 2 * k2, s + h / 2, *args)
            k4 = f(y + h * k3, s + h, *args)
            y, s = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4), s + h
        ys.append(y)
    return np.stack(ys)


def by_odeint(f, y, t, *args):
    return implicit.odeint(f, y, t, *args, rtol=1e-11, atol=1e-11)


def weighted(solve):
    return lambda y, t, p: np.sum(WEIGHTS * solve(pendulum, y, t, p))


OF_ODE = {
    "value": lambda s, t: s(pendulum, Y0, t, PARAMETERS),
    "grad": lambda s, t: tapead.grad(weighted(s), (0, 1, 2))(Y0, t, PARAMETERS),
    "jvp": lambda s, t: tapead.jvp(weighted(s), (Y0, t, PARAMETERS), TANGENTS)[1],
    "hvp": lambda s, t: tapead.hvp(weighted(s), (Y0, t, PARAMETERS), TANGENTS),
}


@pytest.mark.parametrize("sign", [1.0, -1.0], ids=["forward", "backward"])
@pytest.mark.parametrize("transform", OF_ODE)
def test_odeint_has_the_derivatives_of_runge_kutta(transform, sign):
    found, expected = (OF_ODE[transform](s, sign * T) for s in (by_odeint, by_runge_kutta))
    close(found, expected, 2e-7)  # n = 60 steps of order 4


def decay(r):
    return implicit.odeint(lambda y, t, r: -r * y, 2.0, np.array([0.0, 1.0]), r)[1]


@pytest.mark.parametrize("order", [0, 1, 2])
def test_odeint_of_decay_has_the_closed_form(order):
    found = tapead.derivative(decay, order)(1.0)
    assert found == pytest.approx(2.0 * (-1.0) ** order / np.e, rel=1e-7)
    if order == 2:
        assert tapead.grad(tapead.grad(decay))(1.0) == pytest.approx(found, rel=1e-6)


def test_odeint_takes_containers():
    def f(y, t, r):
        return {"a": -r * y["b"], "b": y["a"][0] * r}

    def ends(r):
        y0 = {"a": np.array([1.0]), "b": 0.0}
        return implicit.odeint(f, y0, [0, 1, 2], r)

    y, slope = ends(1.0), tapead.jacobian(ends)(1.0)
    assert y["a"].shape == (3, 1)
    t = np.arange(3.0)
    close(y, {"a": np.cos(t), "b": np.sin(t)}, 1e-7)
    close(slope, {"a": -t * np.sin(t), "b": t * np.cos(t)}, 1e-7)


def test_odeint_solves_stiff_equations_and_their_adjoints():
    def f(k):
        def field(y, t, k):
            return np.stack([-k * (y[0] - np.cos(y[1])), 1.0 + 0.0 * y[0]])

        return implicit.odeint(field, np.zeros(2), np.array([0.0, 1.0]), k, method="Radau")[1, 0]

    difference = (f(1010.0) - f(990.0)) / 20.0
    assert tapead.grad(f)(1000.0) == pytest.approx(difference, rel=1e-2)


def test_odeint_at_one_time_is_the_initial_state():
    def f(y):
        return implicit.odeint(lambda y, t: y, y, np.array([1.0]))

    assert f(Y0).tolist() == [Y0.tolist()]
    assert tapead.jacobian(f)(Y0).tolist() == [np.eye(2).tolist()]


# -- what goes wrong -----------------------------------------------------------------------

NO_SOLUTION = {
    "root": (lambda: implicit.root(lambda x: x**2 + 1.0, 1.0), "did not converge.*another x0"),
    "minimize": (lambda: implicit.minimize(lambda x: x + x**3, -1e-3), "minimize did not converge"),
    "fixed_point": (
        lambda: implicit.fixed_point(lambda x: 2.0 * x + 1.0, 1.0),
        "no contraction here.*tapead.implicit.root",
    ),
    "fixed_point in time": (
        lambda: implicit.fixed_point(lambda x: 0.99 * x + 1.0, 1.0, max_iter=5),
        "raise max_iter",
    ),
    "odeint": (
        lambda: implicit.odeint(lambda y, t: y * y, 1.0, np.array([0.0, 2.0])),
        'could not go on beyond t = .*method="Radau"',
    ),
    "gmres": (
        lambda: tapead.grad(
            lambda a: implicit.root(lambda x, a: (x - a) ** 2 + 0.0 * x, 1.0, a, linear="gmres")
        )(1.0),
        'gmres did not solve.*linear="dense"',
    ),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the solvers
@pytest.mark.parametrize("case", NO_SOLUTION)
def test_a_solver_that_fails_says_what_to_do(case):
    solve, message = NO_SOLUTION[case]
    with pytest.raises(implicit.ConvergenceError, match=message):
        solve()


def test_a_singular_jacobian_is_named():
    def f(a):
        return implicit.root(lambda x, a: (x - a) ** 2, 1.0, a)

    with pytest.raises(np.linalg.LinAlgError, match="root: the Jacobian at the solution is sing"):
        tapead.grad(f)(1.0)


TRACED_OUTSIDE = {
    "root": lambda a: implicit.root(lambda x: x**2 - a, 1.0),
    "minimize": lambda a: implicit.minimize(lambda x: (x - a) ** 2, 1.0),
    "fixed_point": lambda a: implicit.fixed_point(lambda x: 0.5 * (x + a / x), 1.0),
    "odeint": lambda a: implicit.odeint(lambda y, t: a * y, 1.0, np.array([0.0, 1.0]))[1],
}


@pytest.mark.parametrize("case", TRACED_OUTSIDE)
def test_traced_values_from_outside_are_refused(case):
    with pytest.raises(TypeError, match=f"{case}: the function uses traced values.*pass them in"):
        tapead.grad(TRACED_OUTSIDE[case])(2.0)


REFUSED = {
    "too few equations": (
        lambda: implicit.root(lambda x: x[:1], np.ones(2)),
        "as many numbers as x0 has, 2; got 1",
    ),
    "times that turn": (
        lambda: implicit.odeint(lambda y, t: y, 1.0, np.array([0.0, 2.0, 1.0])),
        "times in an array of one axis that grow or fall",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_arguments_that_do_not_fit_are_refused(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        make()


def cube_root(a):
    return implicit.root(lambda x, a: x**3 - a, 1.0, a)


def test_implicit_functions_are_instructions_of_a_program():
    program = tapead.record(cube_root, 2.0)
    assert program(8.0) == pytest.approx(2.0)
    assert program.grad(8.0) == pytest.approx(1.0 / 12.0)
    with pytest.raises(TypeError, match=r"implicit\.root cannot be .* a Program of numbers; give"):
        tapead.record(cube_root, 2.0, arrays=False)
