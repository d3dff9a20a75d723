"""jet and taylor of numbers: every row against mpmath, compositions against nested transforms."""

import math

import numpy as np
import pytest
from mpmath import mp
from reference import DIGITS, active, points, row_id, textbook

import tapead
from tapead import _array, _jet_programs
from tapead._taylor_plan import row_plan
from tapead.elementals import OPCODES, ROWS

ORDER = 8
ULPS = 2e4  # of the largest coefficient: cancellation in convolutions; polygamma is SciPy's


def applied(row):
    """A row as a function of numbers and of values inside jet."""
    return lambda *xs: _array.apply_elemental(OPCODES[row.name], *xs)


def curves(row, point):
    """Coefficients of each argument: a curve through the point; an order does not move."""
    rng = np.random.default_rng(list(row.name.encode()))
    found = []
    for i, x in enumerate(point):
        moves = i in active(row)
        found.append([x, *(rng.uniform(-0.3, 0.3, 3) * moves), *(0.0,) * (ORDER - 3)])
    return found


def reference(row, columns):
    """Coefficients of the definition along a curve, by mpmath."""
    with mp.workdps(DIGITS):
        f = textbook(row)

        def along(t):
            return f(*(mp.fsum(mp.mpf(c) * t**k for k, c in enumerate(column)) if any(column[1:])
                       else mp.mpf(column[0]) for column in columns))  # fmt: skip

        return [float(c) for c in mp.taylor(along, 0, ORDER)]


def derivatives(column):
    return [c * math.factorial(k) for k, c in enumerate(column)][1:]


def jet_of(f, columns):
    """Taylor coefficients along a curve given by its own."""
    varies = [any(column[1:]) for column in columns]
    series = [derivatives(c) if moves else None for c, moves in zip(columns, varies, strict=True)]
    y, terms = tapead.jet(f, tuple(c[0] for c in columns), tuple(series))
    return [y, *(term / math.factorial(k) for k, term in enumerate(terms, start=1))]


SMOOTH = [row for row in ROWS if row.name != "heaviside"]


@pytest.mark.parametrize("row", SMOOTH, ids=row_id)
def test_rows_are_mpmath_s(row):
    for point in points(row):
        columns = curves(row, (1.0, point[1]) if "nan" in row.partials else point)
        wanted = reference(row, columns)
        got = jet_of(applied(row), columns)
        got = [*got, *(0.0,) * (len(wanted) - len(got))]
        scale = max(map(abs, wanted))
        np.testing.assert_allclose(got, wanted, rtol=0, atol=ULPS * np.spacing(scale))


@pytest.mark.parametrize("row", [row for row in SMOOTH if "nan" not in row.partials], ids=row_id)
def test_coefficients_of_any_kind_are_those_of_doubles(row):
    """The plan over traced coefficients gives what the loops over doubles give."""
    point = points(row)[0]
    columns = curves(row, point)
    wanted = jet_of(applied(row), columns)
    with tapead.Tape() as tape:
        traced = [[tape.variable(column[0]), *column[1:]] for column in columns]
        got = jet_of(applied(row), traced)
    got = [getattr(x, "value", x) for x in got]
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12 * max(map(abs, wanted)))


def nested(f, n):
    """Derivatives of a function of one number by nested transforms."""
    found = []
    for _ in range(n + 1):
        found.append(f)
        f = tapead.derivative(f)
    return found


COMPOSITIONS = {
    "rational": lambda x: (x**3 - 2.0 * x) / (1.0 + x * x),
    "trig": lambda x: tapead.sin(x) * tapead.exp(-x) + tapead.tan(0.3 * x),
    "powers": lambda x: x**2.5 + x**-3 + (x + 1.0) ** x + 2.0**x + x**70,
    "sigmoids": lambda x: tapead.tanh(x * x) + tapead.sigmoid(3.0 * x) * tapead.softplus(-x),
    "special": lambda x: tapead.erf(x) + tapead.gamma(x + 1.0) + tapead.sinc(x),
    "roots": lambda x: tapead.sqrt(x + 2.0) + tapead.cbrt(x) + tapead.hypot(x, 1.0 - x),
    "inverse": lambda x: tapead.arctan2(x, 2.0) + tapead.arcsinh(x) + tapead.arccosh(x + 1.5),
    "logs": lambda x: tapead.logaddexp(x, 2.0 * x) + tapead.log1p(x) * tapead.log2(x + 1.0),
    "python": lambda x: abs(x) + x // 1.0 + x % 1.0 + (-x) * +x,
    "loop": lambda x: sum(tapead.sin(k * x) / k for k in range(1, 6)),
}


@pytest.mark.parametrize("name", COMPOSITIONS)
@pytest.mark.parametrize("how", ["function", "program", "compiled"])
def test_compositions_are_nested_derivatives(name, how):
    f = COMPOSITIONS[name]
    g = {"function": f, "program": tapead.record(f, 0.7), "compiled": tapead.compile(f)}[how]
    for x in (0.7, 0.35):
        y, terms = tapead.jet(g, (x,), ([1.0, 0.0, 0.0, 0.0, 0.0],))
        wanted = [d(x) for d in nested(f, 5)]
        np.testing.assert_allclose([y, *terms], wanted, rtol=1e-10)


def test_curves_are_followed():
    """d^k/dt^k f(x(t)), with x(t) given by all its derivatives."""

    def f(x, y):
        return x * tapead.sin(y) / (1.0 + y * y)

    def along(t):
        x = 0.5 + 2.0 * t - 1.5 * t**2 + 0.5 * t**3
        y = 1.0 - 1.0 * t + 0.25 * t**2
        return f(x, y)

    y, terms = tapead.jet(f, (0.5, 1.0), ([2.0, -3.0, 3.0, 0.0], [-1.0, 0.5, 0.0, 0.0]))
    np.testing.assert_allclose([y, *terms], [d(0.0) for d in nested(along, 4)], rtol=1e-13)


@pytest.mark.parametrize("x", [0.0, 1.5, -2.0])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 64])
def test_integer_powers_are_exact_at_zero_too(x, n):
    wanted = [math.comb(n, k) * x ** (n - k) if k <= n else 0.0 for k in range(7)]
    np.testing.assert_allclose(tapead.taylor(lambda t: t**n, x, 6), wanted, rtol=1e-14)


@pytest.mark.parametrize("n", [65, 100, 1000])
def test_powers_beyond_their_exponent(n):
    found = tapead.taylor(lambda t: t**n, 0.1, 120)
    with mp.workdps(DIGITS):
        x = mp.mpf(0.1)
        wanted = [float(mp.binomial(n, k) * x ** (n - k)) if k <= n else 0.0 for k in range(121)]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_powers_near_zero_do_not_cancel():
    found = tapead.taylor(lambda t: t**3, 1e-12, 8)
    np.testing.assert_allclose(found, [1e-36, 3e-24, 3e-12, 1.0, 0, 0, 0, 0, 0], rtol=1e-14)


@pytest.mark.parametrize("f", [lambda t: t**2.5, tapead.record(lambda t: t**2.5, 1.0)])
def test_a_power_at_zero_has_the_derivatives_that_exist(f):
    found = tapead.taylor(f, 0.0, 4)
    assert found[:3].tolist() == [0.0, 0.0, 0.0]
    assert found[3] == math.inf


def test_kinks_follow_the_conventions():
    taylor = tapead.taylor
    assert taylor(abs, 0.0, 2).tolist() == [0.0, 0.0, 0.0]
    assert taylor(tapead.relu, 0.0, 2).tolist() == [0.0, 0.0, 0.0]
    assert taylor(lambda t: tapead.maximum(t, 0.0), 0.0, 2).tolist() == [0.0, 0.5, 0.0]
    assert taylor(lambda t: tapead.clip(t, 0.0, 1.0), 0.0, 2).tolist() == [0.0, 0.0, 0.0]
    assert taylor(lambda t: tapead.hypot(t, t), 0.0, 2).tolist() == [0.0, 0.0, 0.0]
    assert taylor(lambda t: tapead.floor(t) + tapead.sign(t), 1.0, 2).tolist() == [2.0, 0.0, 0.0]


def test_what_is_not_taken_is_absent():
    """An infinite derivative of the other side does not arrive."""

    def f(t):
        return tapead.where(t > 0, tapead.sqrt(t), 0.0) + tapead.relu(t - 1.0) * 0.0

    assert tapead.taylor(f, -1.0, 3).tolist() == [0.0, 0.0, 0.0, 0.0]
    assert tapead.taylor(lambda t: tapead.maximum(tapead.log(t), 5.0), 0.0, 2).tolist() == [5, 0, 0]


def test_branches_are_those_at_t_0():
    def f(x):
        return x * x if x > 0 else -3.0 * x

    assert tapead.taylor(f, 2.0, 2).tolist() == [4.0, 4.0, 1.0]
    assert tapead.taylor(f, -2.0, 2).tolist() == [6.0, -3.0, 0.0]
    program = tapead.record(f, 2.0)
    with pytest.raises(tapead.BranchChanged):
        tapead.taylor(program, -2.0, 2)
    compiled = tapead.compile(f)
    for x, wanted in ((2.0, [4.0, 4.0, 1.0]), (-2.0, [6.0, -3.0, 0.0]), (3.0, [9.0, 6.0, 1.0])):
        assert tapead.taylor(compiled, x, 2).tolist() == wanted


def test_zeros_by_structure_are_not_multiplied():
    """log(x) at x = 0: nothing but infinities of one sign, as nested derivatives have them."""
    found = tapead.taylor(tapead.log, 0.0, 3)
    assert found.tolist() == [-math.inf, math.inf, -math.inf, math.inf]


def test_operations_in_place():
    def f(x):
        y = x
        y += 1.0
        y *= x
        y **= 2
        return y

    wanted = tapead.taylor(lambda x: ((x + 1.0) * x) ** 2, 0.5, 3)
    np.testing.assert_allclose(tapead.taylor(f, 0.5, 3), wanted, rtol=1e-14)


def test_traced_arguments_of_a_program_without_its_function():
    program = tapead.record(tapead.sin, 1.0).gradient()
    with pytest.raises(TypeError, match="call jet of the function"):
        tapead.grad(lambda x: tapead.taylor(program, x, 2)[1])(0.5)


def test_order_0_is_the_value():
    assert tapead.jet(tapead.exp, (1.0,), ([],)) == (math.exp(1.0), [])
    assert tapead.taylor(tapead.exp, 1.0, 0).tolist() == [math.exp(1.0)]
    program = tapead.record(lambda x: x * x, 1.0)
    assert tapead.jet(program, (3.0,), ([],)) == (9.0, [])


def test_containers_come_and_go():
    def f(p, scale):
        return {"a": p["x"] * scale, "b": [p["y"] ** 2, 1.0]}

    primals = ({"x": 2.0, "y": 3.0}, 5.0)
    series = ([{"x": 1.0, "y": 1.0}, {"x": 0.0, "y": 2.0}], None)
    for g in (f, tapead.record(f, *primals)):
        y, terms = tapead.jet(g, primals, series)
        assert y == {"a": 10.0, "b": [9.0, 1.0]}
        assert terms == [{"a": 5.0, "b": [6.0, 0.0]}, {"a": 0.0, "b": [14.0, 0.0]}]


def test_derivatives_of_programs():
    """The gradient of a Program has rows for what may be absent."""
    f = COMPOSITIONS["sigmoids"]

    def g(x):
        return f(x) + tapead.relu(x - 0.5) + tapead.maximum(x, 0.2) ** 2

    program = tapead.record(g, 0.7).gradient()
    y, terms = tapead.jet(program, (0.7,), ([1.0, 0.0, 0.0],))
    np.testing.assert_allclose([y, *terms], [d(0.7) for d in nested(g, 4)[1:]], rtol=1e-11)


def test_gradients_of_jets():
    def third(x):
        return tapead.jet(COMPOSITIONS["trig"], (x,), ([1.0, 0.0, 0.0],))[1][2]

    wanted = nested(COMPOSITIONS["trig"], 5)
    np.testing.assert_allclose(tapead.grad(third)(0.4), wanted[4](0.4), rtol=1e-11)
    np.testing.assert_allclose(tapead.hessian(third)(0.4), wanted[5](0.4), rtol=1e-11)
    by_seed = tapead.grad(lambda s: tapead.jet(tapead.sin, (1.0,), ([s, 0.0],))[1][1])(2.0)
    assert by_seed == pytest.approx(-4.0 * math.sin(1.0))


def test_gradients_by_what_a_function_closes_over():
    def f(a):
        return tapead.taylor(lambda t: tapead.sin(a * t), 0.5, 3)[2]

    exact = tapead.derivative(lambda a: -0.5 * a * a * tapead.sin(0.5 * a))(1.3)
    assert tapead.grad(f)(1.3) == pytest.approx(exact, rel=1e-13)


def test_transforms_inside_jets():
    """Along a curve, derivatives are series too."""

    def f(x):
        return tapead.sin(x) * x * x

    ds = nested(f, 6)
    wanted = [d(0.7) / math.factorial(k) for k, d in enumerate(ds[1:5])]
    second = [d(0.7) / math.factorial(k) for k, d in enumerate(ds[2:6])]
    firsts = (
        tapead.grad(f),
        tapead.derivative(f),
        lambda x: tapead.value_and_grad(f)(x)[1],
        lambda x: tapead.jvp(f, (x,), (1.0,))[1],
        lambda x: tapead.vjp(f, x)[1](1.0)[0],
    )
    seconds = (
        tapead.grad(tapead.grad(f)),
        tapead.derivative(f, 2),
        lambda x: tapead.hvp(f, (x,), (1.0,))[0],
    )
    for g in firsts:
        np.testing.assert_allclose(tapead.taylor(g, 0.7, 3), wanted, rtol=1e-12)
    for g in seconds:
        np.testing.assert_allclose(tapead.taylor(g, 0.7, 3), second, rtol=1e-12)


def test_gradients_inside_jets_by_what_they_close_over():
    def f(x):
        return tapead.grad(lambda y: tapead.sin(x * y))(2.0)

    wanted = tapead.taylor(lambda x: x * tapead.cos(2.0 * x), 0.3, 4)
    np.testing.assert_allclose(tapead.taylor(f, 0.3, 4), wanted, rtol=1e-13)


def test_jets_in_jets():
    """Mixed derivatives, the inner curve through what the outer one moves."""

    def f(x):
        return tapead.taylor(lambda y: tapead.sin(x * y) * x, 0.3, 2)[2]

    def g(x):
        return -0.5 * x**3 * tapead.sin(0.3 * x)

    np.testing.assert_allclose(tapead.taylor(f, 0.8, 4), tapead.taylor(g, 0.8, 4), rtol=1e-12)


def test_programs_of_jets():
    """A Program that was recorded of a jet checks the branches that it took."""
    program = tapead.record(lambda x: tapead.taylor(lambda t: t**2.5, x, 2)[2], 2.0)
    assert program(3.0) == pytest.approx(tapead.taylor(lambda t: t**2.5, 3.0, 2)[2], rel=1e-14)
    with pytest.raises(tapead.BranchChanged):
        program(0.0)


def multiplications(f, order):
    """How many coefficients are multiplied for a Program."""
    path = tapead.record(f, 0.7).paths_for((0.7,))[0]
    plan = _jet_programs.kept_plan(path, order, False)
    table = np.zeros((len(plan), order + 1, 1))
    table[0, :2, 0] = 0.7, 1.0
    lasts = np.zeros(len(plan), np.int32)
    lasts[0] = 1
    return plan.loops.run(table, lasts)


@pytest.mark.parametrize("name", ["rational", "trig", "roots", "inverse", "logs"])
def test_the_cost_is_quadratic(name):
    """Doubling the order takes four times as many multiplications, plus what is linear in it."""
    f = COMPOSITIONS[name]
    few, many = multiplications(f, 20), multiplications(f, 40)
    assert few < many < 4 * few


def test_plans_close():
    """Values that the series of a row needs do not grow with the order."""
    open_ended = {"gamma", "gammaln", "digamma", "polygamma", "sinc", "sinc_derivative"}
    for row in ROWS:
        sizes = [len(row_plan(OPCODES[row.name], ("series",) * row.arity, n, False))
                 for n in (8, 16)]  # fmt: skip
        if "nan" in row.partials or row.name in open_ended:
            continue
        assert sizes[0] == sizes[1] < 30, row.name


def test_high_orders():
    found = tapead.taylor(tapead.exp, 0.0, 170)
    np.testing.assert_allclose(found, [1.0 / math.factorial(k) for k in range(171)], rtol=1e-13)
    assert len(tapead.taylor(lambda x: 1.0 / (1.0 - x), 0.0, 300)) == 301


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tapead.jet(1.0, (1.0,), ([],)), TypeError, "needs a function; got float"),
        (lambda: tapead.jet(tapead.sin, 1.0, ([],)), TypeError, "primals as a tuple"),
        (lambda: tapead.jet(tapead.sin, (1.0,), 1.0), TypeError, "series as a tuple"),
        (lambda: tapead.jet(tapead.sin, (1.0,), (1.0,)), TypeError, "a list of its derivatives"),
        (lambda: tapead.jet(tapead.sin, (1.0,), ()), ValueError, "1 primals and 0 series"),
        (lambda: tapead.jet(tapead.add, (1.0, 2.0), ([1.0], [])), ValueError, "one length"),
        (lambda: tapead.jet(tapead.sin, (1.0,), ([[1.0]],)), Exception, "structure|shape"),
        (lambda: tapead.jet(tapead.sin, ("x",), ([1.0],)), TypeError, "got str"),
        (lambda: tapead.jet(tapead.sin, (True,), ([1.0],)), TypeError, "got a bool"),
        (lambda: tapead.jet(tapead.sin, (1j,), ([1.0],)), TypeError, "got complex"),
        (lambda: tapead.jet(tapead.sin, (1.0,), ([1.0] * 171,)), ValueError, "at most 170"),
        (lambda: tapead.jet(lambda x: "no", (1.0,), ([1.0],)), TypeError, "returns floats"),
        (lambda: tapead.jet(lambda x: x > 0, (1.0,), ([1.0],)), TypeError, "returns floats"),
        (lambda: tapead.jet(math.sin, (1.0,), ([1.0],)), TypeError, "would drop the derivatives"),
        (lambda: tapead.jet(tapead.hessian(tapead.sin), (1.0,), ([1.0],)), TypeError, "jet"),
        (lambda: tapead.taylor(tapead.sin, 1.0, -1), ValueError, "at least 0; got -1"),
        (lambda: tapead.taylor(tapead.sin, 1.0, 1.5), TypeError, "needs an int"),
        (lambda: tapead.taylor(tapead.sin, [1.0], 1), TypeError, "got list"),
        (lambda: tapead.taylor(None, 1.0, 1), TypeError, "needs a function"),
    ],
)  # fmt: skip
def test_errors_say_what_was_wanted(call, error, message):
    with pytest.raises(error, match=message):
        call()
