"""Programs of float32 arrays: each operation is rounded as eager code rounds it."""

import math

import numpy as np
import pytest
from rows import close, same_bits

import tapead
from tapead.elementals import ROWS

PUBLIC = [row for row in ROWS if row.public]
ULPS = 3
RNG = np.random.default_rng(5)
X = RNG.uniform(0.2, 2.0, 600).astype(np.float32)
Y = RNG.uniform(-1.0, 1.0, 600).astype(np.float32)


def columns(row, n):
    rng = np.random.default_rng(n)
    return [rng.uniform(low, high, n).astype(np.float32) for low, high in row.domain]


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_row_is_that_of_eager_code(row):
    f = getattr(tapead, row.name)
    for n in (1, 5, 16, 100, 700):
        args = columns(row, n)
        program = tapead.record(f, *args, arrays=True)
        got, wanted = program(*args), f(*args)
        assert got.dtype == wanted.dtype == np.float32
        tiny = np.abs(got - wanted) <= 2e-7  # what NumPy's float32 loops lose near zeros
        assert (same_bits(got, wanted) | close(got, wanted, ULPS) | tiny).all()


@pytest.mark.parametrize("row", PUBLIC, ids=lambda row: row.name)
def test_partials_of_a_row_are_those_of_eager_code(row):
    def f(*args):
        return np.sum(getattr(tapead, row.name)(*args) * np.float32(0.7))

    args = columns(row, 100)
    argnums = tuple(range(row.arity))
    program = tapead.record(f, *args, arrays=True)
    got = program.grad(*args, argnums=argnums)
    for one, other in zip(got, tapead.grad(f, argnums)(*args), strict=True):
        assert one.dtype == np.float32
        np.testing.assert_allclose(one, other, rtol=3e-6, atol=1e-7)


def arithmetic(x, y):
    z = (x * y + x) / (x - 3.0) - y * y * 0.3
    return np.maximum(np.sqrt(np.abs(z)), 1.1 * x - y) * np.sign(y) + 0.1


@pytest.mark.parametrize("n", [1, 3, 4, 5, 15, 16, 17, 512, 513, 600])
def test_arithmetic_has_the_bits_of_eager_code(n):
    x, y = X[:n], Y[:n]
    program = tapead.record(arithmetic, x, y, arrays=True)
    assert same_bits(program(x, y), arithmetic(x, y)).all()


def summed(x, y):
    return x + x * np.float32(0.1), x * np.float32(1.1)


TIES = {
    "maximum": lambda x, y: np.maximum(*summed(x, y)),
    "minimum": lambda x, y: np.minimum(*summed(x, y)),
    "fmax": lambda x, y: np.fmax(*summed(x, y)),
    "fmin": lambda x, y: np.fmin(*summed(x, y)),
    "relu": lambda x, y: tapead.relu(np.subtract(*summed(x, y))),
    "absolute": lambda x, y: np.abs(np.subtract(*summed(x, y))),
    "clip": lambda x, y: np.clip(summed(x, y)[0], summed(x, y)[1], 2.0),
    "where": lambda x, y: np.where(summed(x, y)[0] > summed(x, y)[1], x, 3.0 * x),
    "equal": lambda x, y: np.where(summed(x, y)[0] == summed(x, y)[1], x, 3.0 * x),
    "factors": lambda x, y: np.where(0.1 * (3.0 * x) == 0.3 * x, x, 3.0 * x),
    "products": lambda x, y: np.where((0.1 * x) * (0.7 * y) == 0.07 * (x * y), x, 3.0 * x),
}


@pytest.mark.parametrize("n", [3, 600])
@pytest.mark.parametrize("name", TIES)
def test_ties_are_those_of_eager_code(name, n):
    def f(x, y):
        return np.sum(TIES[name](x, y) * y)

    x, y = X[:n], Y[:n]
    program = tapead.record(f, x, y, arrays=True)
    np.testing.assert_allclose(program.grad(x, y), tapead.grad(f)(x, y), rtol=1e-6)
    assert n == 3 or 0 < np.sum(np.equal(*summed(x, y))) < n


@pytest.mark.parametrize("n", [3, 100])
def test_what_is_not_taken_leaves_nothing(n):
    """Square roots have no derivative at 0, in a cluster with the choice."""

    def f(x, y):
        return np.sum(np.where(x > 0.5, np.sqrt(np.where(x > 0.5, x - 0.5, 0.0)) * y, y))

    x = np.where(np.arange(n) % 2 == 0, X[:n], 0.5).astype(np.float32)
    program = tapead.record(f, x, Y[:n], arrays=True)
    for argnum in (0, 1):
        got, wanted = program.grad(x, Y[:n], argnums=argnum), tapead.grad(f, argnum)(x, Y[:n])
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


def test_marks_are_stored_and_loaded():
    """An adjoint that is absent for some elements is summed over an axis and used on both sides."""

    def f(x, w):
        h = np.where(x > 1.0, np.log(np.where(x > 1.0, x, 0.0)) * w, x[:, ::-1])
        return np.sum(tapead.logsumexp(h, axis=1) + np.max(h, axis=1))

    x, w = X[:400].reshape(40, 10), Y[:10]
    program = tapead.record(f, x, w, arrays=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        for argnum in (0, 1):
            got, wanted = program.grad(x, w, argnums=argnum), tapead.grad(f, argnum)(x, w)
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


SHAPES = [
    ((100, 16), (16,)), ((100, 10), (100, 1)), ((100, 10), (10,)), ((100, 1), (1, 10)),
    ((1, 16), (600, 16)), ((600, 17), (600, 1)), ((40, 3, 5), (3, 1)), ((40, 3, 5), (40, 1, 5)),
    ((7, 1, 9), (5, 1)), ((600,), ()), ((3, 700), (3, 1)), ((3, 700), (700,)), ((0, 4), (4,)),
]  # fmt: skip


@pytest.mark.parametrize("order", ["C", "F", "reversed"])
@pytest.mark.parametrize("shapes", SHAPES, ids=str)
def test_broadcasting_is_that_of_eager_code(shapes, order):
    x, y = (np.asarray(RNG.uniform(0.5, 2.0, shape), np.float32, order="C") for shape in shapes)
    if order == "F":
        x = np.asfortranarray(x)

    def f(x, y):
        return (x[::-1] if order == "reversed" else x) * y - y

    program = tapead.record(f, x, y, arrays=True)
    got, wanted = program(x, y), f(x, y)
    assert got.shape == wanted.shape
    assert same_bits(got, wanted).all()


def test_array_without_axes_is_an_argument():
    x, y = X[:5], np.asarray(1.3, np.float32)
    program = tapead.record(lambda x, y: x * y - y, x, y, arrays=True)
    assert same_bits(program(x, y), x * y - y).all()
    gradient = tapead.grad(lambda x, y: np.sum(x * y - y), (0, 1))
    program = tapead.record(lambda x, y: np.sum(x * y - y), x, y, argnums=(0, 1), arrays=True)
    for got, wanted in zip(program.grad(x, y), gradient(x, y), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_outer_product_is_elementwise(dtype):
    x, y = X[:100, None].astype(dtype), Y[None, :16].astype(dtype)
    program = tapead.record(lambda x, y: np.tanh(x @ y) * 2.0, x, y, arrays=True)
    np.testing.assert_allclose(program(x, y), np.tanh(x @ y) * 2.0, rtol=1e-6)
    assert "@" not in str(program)


@pytest.mark.parametrize("f", [
    np.sum, lambda x: np.sum(x * np.float32(0.5)), lambda x: np.sum(x[1:] - x[:-1] + x[1:]),
])  # fmt: skip
def test_sums_of_many_are_accurate(f):
    x = np.random.default_rng(0).uniform(0.0, 1.0, 10**6).astype(np.float32)
    terms = {np.sum: x}.get(f, x * np.float32(0.5))
    if f(np.arange(3.0)) == 3.0 + 2.0:  # 1 - 0 + 1 and 2 - 1 + 2
        terms = x[1:] - x[:-1] + x[1:]
    program = tapead.record(f, x, arrays=True)
    wanted = math.fsum(terms.tolist())
    assert abs(float(program(x)) - wanted) <= np.spacing(np.float32(wanted))


def test_sums_in_stretches_are_accurate():
    """Large parts of opposite signs cancel."""

    def f(x):
        return np.sum(x[1:] * x[:-1] * x[:-1])

    x = RNG.uniform(-1.0, 1.0, 10**5).astype(np.float32)
    x[:2], x[-2:] = 3000.0, (-3000.0, 3000.0)
    program = tapead.record(f, x, arrays=True)
    np.testing.assert_allclose(program(x), f(x), rtol=1e-5, atol=1e-2)
    np.testing.assert_allclose(program.grad(x), tapead.grad(f)(x), rtol=1e-6)
    assert float(program.value_and_grad(x)[0]) == pytest.approx(float(f(x)), rel=1e-6)


def test_numbers_of_python_are_rounded():
    """As NumPy 2 has it: 0.1 is no float32."""

    def f(x, a):
        return np.where(x == 0.1, 1.0, x) + np.where(x == a, 2.0, 0.1 * x) * a

    x = np.float32([0.1, 0.2, 0.3, 0.7] * 5)
    program = tapead.record(f, x, 0.2, arrays=True)
    for a in (0.2, 0.3):
        assert program(x, a).dtype == f(x, a).dtype == np.float32
        assert same_bits(program(x, a), f(x, a)).all()


def test_precisions_are_not_mixed():
    """Float32 and float64 side by side, widened and narrowed."""

    def f(x, y):
        a, b = x * np.float32(1.1), y * 1.1
        c = a.astype(np.float64) * b - a.astype(np.float64)
        return np.sum((c.astype(np.float32) * a - a).astype(np.float64) * b)

    x, y = X, Y.astype(float)
    program = tapead.record(f, x, y, arrays=True)
    np.testing.assert_allclose(program(x, y), f(x, y), rtol=1e-12)
    for argnum in (0, 1):
        got, wanted = program.grad(x, y, argnums=argnum), tapead.grad(f, argnum)(x, y)
        assert got.dtype == wanted.dtype
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize("n_terms", [30, 100, 300])
def test_many_values_at_once(n_terms):
    """More than fit with many lanes."""

    def f(x):
        terms = [np.sqrt(x + float(i)) for i in range(n_terms)]
        total = terms[0]
        for term in terms[::-1]:
            total = total * 0.5 + term
        return total

    program = tapead.record(f, X, arrays=True)
    assert same_bits(program(X), f(X)).all()


def test_threads_change_no_bit():
    x = np.random.default_rng(1).normal(size=300_000).astype(np.float32)
    program = tapead.record(lambda x: np.sum(np.tanh(x) * tapead.sigmoid(x)), x, arrays=True)
    tapead.set_num_threads(1)
    try:
        one = program.value_and_grad(x)
        tapead.set_num_threads(2)
        two = program.value_and_grad(x)
    finally:
        tapead.set_num_threads(None)
    assert one[0] == two[0]
    assert same_bits(one[1], two[1]).all()


@pytest.mark.parametrize("n", [2, 100])
def test_kinks_are_seen(n):
    program = tapead.record(lambda x: tapead.relu(x - np.float32(0.5)), X[:n], arrays=True)
    program(X[:n])
    assert program.status.name == "SAME_PATH"
    at = X[:n].copy()
    at[-1] = 0.5
    program(at)
    assert program.status.name == "AT_KINK"
