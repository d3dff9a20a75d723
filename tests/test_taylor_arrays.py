"""jet and taylor of arrays: against numbers, against nested jvp, and by every primitive."""

import numpy as np
import pytest
from arrays import Sample, directions, flat, samples

import tapead

SAMPLES = [
    pytest.param(Sample(function, args, kwargs), id=name)
    for name, function, args, kwargs in samples()
]
ACTIVE = [param for param in SAMPLES if param.values[0].arrays]
ORDER = 3
with tapead.Tape():
    OUTSIDE = tapead.numpy.zeros(2)


def nested(f, primals, tangents, n):
    """Derivatives of f(x + t v) at t = 0 by nested jvp: of orders 0 to n."""
    found = []
    for _ in range(n + 1):
        found.append(f)
        f = _next(f, tangents)
    return [g(*primals) for g in found]


def _next(f, tangents):
    return lambda *xs: tapead.jvp(f, xs, tuple(tangents))[1]


# third derivatives of a determinant are quotients by it: see the test of its own
SMOOTH = [param for param in ACTIVE if param.id not in ("numpy.linalg.det-2", "numpy.linalg.det-3")]


@pytest.mark.parametrize("f", SMOOTH)
def test_primitives_are_nested_jvp(f):
    tangents = [0.1 * v for v in directions(f.arrays)]
    series = tuple([v, *[np.zeros_like(v)] * (ORDER - 1)] for v in tangents)
    try:
        wanted = nested(f, tuple(f.arrays), tangents, ORDER)
    except TypeError:
        pytest.skip("no nested derivative to compare with")
    y, terms = tapead.jet(f, tuple(f.arrays), series)
    for got, want in zip([y, *terms], wanted, strict=True):
        scale = 1.0 + np.abs(flat(want)).max(initial=0.0)
        np.testing.assert_allclose(flat(got), flat(want), rtol=1e-8, atol=1e-10 * scale)


FUNCTIONS = {
    "mix": lambda x: np.sin(x) * np.exp(-x) / (1.0 + x**2) + np.tanh(x) ** 3,
    "powers": lambda x: x**1.5 + x ** np.array([2.0, 0.5, -1.0], x.dtype) + 2.0**x,
    "select": lambda x: np.where(x > 0.5, np.log(x), x * x) + np.maximum(x, 0.4) + np.abs(x),
    "special": lambda x: tapead.erf(x) + tapead.gamma(x) + np.sinc(x),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_are_their_elements(name, dtype):
    f = FUNCTIONS[name]
    x = np.array([0.3, 0.7, 1.2], dtype)
    found = tapead.taylor(f, x, 5)
    assert found.dtype == dtype
    with_others = [x.astype(float) for _ in range(3)]
    for i in range(3):

        def element(t, i=i):
            y = with_others[i] + t * np.eye(3)[i]
            return f(y)[i]

        wanted = tapead.taylor(element, 0.0, 5)
        tolerance = 1e-11 if dtype == np.float64 else 2e-4
        np.testing.assert_allclose(found[:, i], wanted, rtol=tolerance, atol=tolerance)


def test_large_arrays_go_in_pieces():
    x = np.linspace(0.1, 2.0, 20_001)
    found = tapead.taylor(np.log, x, 4)
    k = np.arange(1, 5)[:, None]
    np.testing.assert_allclose(found[1:], -((-1.0) ** k) / (k * x**k), rtol=1e-12)


def test_shapes_broadcast():
    y, terms = tapead.jet(lambda a, b: a * b + a, (np.ones((2, 1)), np.arange(3.0)),
                          ([np.ones((2, 1))], [np.ones(3)]))  # fmt: skip
    np.testing.assert_array_equal(y, np.arange(3.0) + np.ones((2, 3)))
    np.testing.assert_array_equal(terms[0], np.arange(3.0) + 2.0 + np.zeros((2, 3)))


def test_nothing_to_do():
    assert tapead.taylor(np.sin, np.zeros((0, 3)), 2).shape == (3, 0, 3)
    assert tapead.taylor(np.sum, np.zeros(0), 2).tolist() == [0.0, 0.0, 0.0]


def layer(x, w):
    h = np.tanh(w @ x)
    return np.sum(h * x) + np.max(h)


def test_matrices_and_sums():
    rng = np.random.default_rng(5)
    x, w, v, u = (rng.normal(size=shape) for shape in (3, (3, 3), 3, (3, 3)))
    y, terms = tapead.jet(layer, (x, w), ([v, 0 * v, 0 * v, 0 * v], [u, 0 * u, 0 * u, 0 * u]))
    wanted = nested(layer, (x, w), (v, u), 4)
    np.testing.assert_allclose([y, *terms], wanted, rtol=1e-10)


def test_a_loop_that_writes():
    def f(x):
        out = np.zeros_like(x)
        view = out[1:]
        out[0] = x[0] ** 2
        for i in range(1, len(x)):
            view[i - 1] = x[i] * out[i - 1]
        return out

    x, v = np.array([0.5, -1.0, 2.0]), np.array([1.0, 0.5, -0.25])
    found = tapead.taylor(f, x, 4, direction=v)
    wanted = nested(lambda t: f(x + t * v), (0.0,), (1.0,), 4)
    fact = np.array([1, 1, 2, 6, 24])[:, None]
    np.testing.assert_allclose(found * fact, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_operations_in_place(dtype):
    def f(a):
        b = +a
        b += 1.0
        b[:2] *= a[1:]
        return a * b

    def g(a):
        return a * (a + 1.0) * np.concatenate([a[1:], np.ones(1, a.dtype)])

    x = np.array([0.5, 1.5, 2.0], dtype)
    np.testing.assert_allclose(tapead.taylor(f, x, 3), tapead.taylor(g, x, 3), rtol=1e-6)


def test_arrays_made_inside_take_values():
    def f(x):
        z = tapead.numpy.ones(len(x))
        for i in range(len(x)):
            z[i] = z[i - 1] * tapead.numpy.array([x[i], 2.0])[0]
        return np.sum(z)

    def g(x):
        return x[0] + x[0] * x[1] + x[0] * x[1] * x[2]

    x = np.array([2.0, 3.0, 4.0])
    np.testing.assert_allclose(tapead.taylor(f, x, 4), tapead.taylor(g, x, 4), rtol=1e-13)
    slope = tapead.grad(lambda x: tapead.taylor(f, x, 2)[2])(x)
    np.testing.assert_allclose(slope, tapead.grad(lambda x: tapead.taylor(g, x, 2)[2])(x))


def test_results_are_not_the_arguments_memory():
    x = np.ones(3)
    y, (term,) = tapead.jet(lambda a: a, (x,), ([np.ones(3)],))
    y[0], term[0] = 5.0, 5.0
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_arguments_are_not_written_to():
    def f(a):
        a[0] = 7.0
        return np.sum(a)

    x = np.ones(3)
    assert tapead.taylor(f, x, 1).tolist() == [9.0, 2.0]
    assert x.tolist() == [1.0, 1.0, 1.0]


def test_programs_of_arrays():
    x, v = np.array([0.3, 0.5, 0.2]), np.array([1.0, -1.0, 0.5])
    w = np.arange(9.0).reshape(3, 3) / 9.0
    wanted = tapead.taylor(lambda a: layer(a, w), x, 4, direction=v)
    for f in (tapead.record(lambda a: layer(a, w), x, arrays=True),
              tapead.record(lambda a: layer(a, w), x),
              tapead.compile(lambda a: layer(a, w))):  # fmt: skip
        np.testing.assert_allclose(tapead.taylor(f, x, 4, direction=v), wanted, rtol=1e-12)


def test_compiled_functions_inside():
    inner = tapead.compile(lambda a: np.sin(a) * a)
    x = np.array([0.3, 0.5])
    found = tapead.taylor(lambda a: inner(a) + inner(2.0 * a), x, 3)
    wanted = tapead.taylor(lambda a: np.sin(a) * a + np.sin(2.0 * a) * 2.0 * a, x, 3)
    np.testing.assert_allclose(found, wanted, rtol=1e-13)


def test_gradients_through_arrays():
    rng = np.random.default_rng(6)
    x, w, v = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=3)

    def by_jet(x, w):
        return tapead.jet(layer, (x, w), ([v, 0.0 * v], None))[1][1]

    def by_jvp(x, w):
        return nested(lambda a: layer(a, w), (x,), (v,), 2)[2]

    for got, wanted in zip(tapead.grad(by_jet, (0, 1))(x, w), tapead.grad(by_jvp, (0, 1))(x, w),
                           strict=True):  # fmt: skip
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


def test_gradients_by_what_a_function_closes_over():
    x, v = np.array([0.3, 0.5, 0.2]), np.array([1.0, -1.0, 0.5])

    def by_jet(w):
        return tapead.taylor(lambda a: layer(a, w), x, 3, direction=v)[3]

    def by_jvp(w):
        return nested(lambda a: layer(a, w), (x,), (v,), 3)[3] / 6.0

    w = np.arange(9.0).reshape(3, 3) / 9.0
    np.testing.assert_allclose(tapead.grad(by_jet)(w), tapead.grad(by_jvp)(w), rtol=1e-9)


def test_gradients_inside_jets():
    """A force along a path: the series of a gradient."""
    rng = np.random.default_rng(10)
    x, v, w = rng.normal(size=3), rng.normal(size=3), rng.normal(size=(3, 3))

    def force(x):
        return tapead.grad(lambda x: np.sum(np.tanh(w @ x) * x))(x)

    wanted = nested(force, (x,), (v,), 4)
    y, terms = tapead.jet(force, (x,), ([v, 0 * v, 0 * v, 0 * v],))
    np.testing.assert_allclose([y, *terms], wanted, rtol=1e-10, atol=1e-12)


def test_vmap_around_jet():
    xs = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])

    def f(x):
        return tapead.taylor(lambda a: np.sum(np.tanh(a) ** 2.5) * a[0], x, 3)

    np.testing.assert_allclose(tapead.vmap(f)(xs), [f(x) for x in xs], rtol=1e-12)


def test_vmap_within_jet():
    """A result or a clear error, never a wrong number."""
    xs = np.array([0.1, 0.2, 0.3])

    def f(t):
        return tapead.vmap(lambda x: np.sin(x * t) * x)(xs)

    wanted = tapead.taylor(lambda t: np.sin(xs * t) * xs, 0.5, 3)
    try:
        found = tapead.taylor(f, 0.5, 3)
    except TypeError as error:
        assert "vmap" in str(error)  # noqa: PT017
    else:
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_own_primitives_go_by_their_pushforward():
    @tapead.primitive
    def cube(x):
        return np.asarray(x) ** 3 if isinstance(x, np.ndarray) else x**3

    with pytest.raises(TypeError, match="needs a pushforward inside jet"):
        tapead.taylor(cube, 2.0, 2)

    @cube.pushforward
    def _(x_dot, v, x):
        return 3.0 * x * x * x_dot

    assert tapead.taylor(cube, 2.0, 4).tolist() == [8.0, 12.0, 6.0, 1.0, 0.0]
    x = np.array([1.0, 2.0])
    np.testing.assert_allclose(tapead.taylor(cube, x, 3), tapead.taylor(lambda a: a**3, x, 3))


def test_solvers_are_refused():
    def f(a):
        return tapead.implicit.root(lambda x, a: x * x - a, 1.0, a)

    with pytest.raises(TypeError, match="not supported inside jet"):
        tapead.taylor(f, 2.0, 2)


def test_checkpoints_and_stopped_values():
    x = np.array([0.3, 0.5])
    f = tapead.checkpoint(lambda a: np.sin(a) * a)
    np.testing.assert_allclose(tapead.taylor(f, x, 3), tapead.taylor(lambda a: np.sin(a) * a, x, 3))
    found = tapead.taylor(lambda a: a * tapead.stop_gradient(a), x, 2)
    np.testing.assert_allclose(found, [x * x, x, 0 * x])


def test_linear_systems_take_the_square():
    """High orders of a solution do not cost powers of 2."""
    rng = np.random.default_rng(7)
    a, b = rng.normal(size=(4, 4)) + 4.0 * np.eye(4), rng.normal(size=4)

    def f(t):
        return np.linalg.solve(a + t * np.eye(4), b)

    found = tapead.taylor(f, 0.0, 25)
    wanted = b
    for k in range(26):
        wanted = np.linalg.solve(a, wanted)
        np.testing.assert_allclose(found[k] * (-1.0) ** k, wanted, rtol=1e-9)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_determinants_are_polynomials(rank):
    rng = np.random.default_rng(8)
    a = rng.normal(size=(4, rank)) @ rng.normal(size=(rank, 4))
    v = rng.normal(size=(4, 4))
    found = tapead.taylor(np.linalg.det, a, 6, direction=v)
    t = np.cos(np.pi * (np.arange(5) + 0.5) / 5)
    values = np.linalg.det(a + t[:, None, None] * v)
    wanted = np.linalg.solve(np.vander(t, increasing=True), values)
    np.testing.assert_allclose(found, [*wanted, 0.0, 0.0], atol=1e-11)


def test_nested_derivatives_of_a_determinant():
    """The fourth one differentiates what divides by the determinant, which is a number."""
    a, v = np.diag([1.0, 2.0, 3.0]), np.full((3, 3), 0.5) + np.eye(3)
    found = nested(np.linalg.det, (a,), (v,), 3)
    wanted = tapead.taylor(np.linalg.det, a, 3, direction=v) * [1, 1, 2, 6]
    np.testing.assert_allclose(found, wanted, rtol=1e-10)

    def third(a):
        return nested(np.linalg.det, (a,), (v,), 3)[3]

    np.testing.assert_allclose(tapead.grad(third)(a), np.zeros((3, 3)), atol=1e-9)


def test_inverses():
    rng = np.random.default_rng(9)
    a, v = rng.normal(size=(2, 3, 3)) + 4.0 * np.eye(3), rng.normal(size=(2, 3, 3))
    found = tapead.taylor(np.linalg.inv, a, 20, direction=v)
    b = wanted = np.linalg.inv(a)
    for k in range(21):
        np.testing.assert_allclose(found[k], wanted, rtol=1e-9, atol=1e-12)
        wanted = -b @ v @ wanted


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: np.array([x[0], x[1]]), "drop the derivatives"),
        (lambda x: float(x[0]), "drop the derivatives"),
        (lambda x: np.add(x, x, out=np.zeros(2)), "drop the derivatives"),
        (lambda x: np.busday_count(x, x), "not supported"),
        (lambda x: OUTSIDE.__setitem__(0, x[0]), "cannot hold a value inside"),
    ],
)
def test_errors_say_what_to_do(f, message):
    with pytest.raises(TypeError, match=message):
        tapead.taylor(f, np.array([0.1, 0.2]), 2)


@pytest.mark.parametrize("x", [np.array([1, 2]), np.array(["a"]), np.array([True])])
def test_arrays_are_of_floats(x):
    with pytest.raises(TypeError, match=r"convert it with x\.astype"):
        tapead.taylor(np.sin, x, 1)


def test_series_have_the_shape_of_the_argument():
    with pytest.raises(ValueError, match="shape"):
        tapead.jet(np.sin, (np.ones(3),), ([np.ones(2)],))
