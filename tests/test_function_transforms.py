"""elementwise_grad, stop_gradient, checkpoint."""

from typing import NamedTuple

import numpy as np
import pytest

import tapead

X = np.linspace(0.1, 1.0, 5)


# -- elementwise_grad ----------------------------------------------------------------------

SLOPES = {
    "tanh": (np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
    "a product": (lambda x: x * np.sin(x), lambda x: np.sin(x) + x * np.cos(x)),
    "a constant": (lambda x: np.ones_like(tapead.stop_gradient(x)), np.zeros_like),
    "linear": (lambda x: 3.0 * x, lambda x: np.full_like(x, 3.0)),
}


@pytest.mark.parametrize("shape", [(), (5,), (2, 3), (0,)], ids=str)
@pytest.mark.parametrize("case", SLOPES)
def test_elementwise_grad_is_the_slope_at_every_element(case, shape):
    f, slope = SLOPES[case]
    x = np.linspace(0.2, 0.9, int(np.prod(shape))).reshape(shape)
    found = tapead.elementwise_grad(f)(x if shape else 0.4)
    assert np.shape(found) == shape
    np.testing.assert_allclose(found, slope(x if shape else np.array(0.4)), rtol=1e-14)


def test_elementwise_grad_nests():
    third = tapead.elementwise_grad(tapead.elementwise_grad(tapead.elementwise_grad(np.sin)))
    np.testing.assert_allclose(third(X), -np.cos(X), rtol=1e-14)


def test_elementwise_grad_broadcasts_the_argument():
    n = np.array([[2.0], [3.0]])
    f = tapead.elementwise_grad(lambda x, n: x**n, argnums=(0, 1))
    by_x, by_n = f(X, n)
    np.testing.assert_allclose(by_x, n * X ** (n - 1), rtol=1e-13)
    np.testing.assert_allclose(by_n, X**n * np.log(X), rtol=1e-13)


def test_elementwise_grad_takes_keywords_and_keeps_float32():
    x = X.astype(np.float32)
    found = tapead.elementwise_grad(lambda x, *, k: x**k)(x, k=3)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 3 * x**2, rtol=1e-6)


NOT_ELEMENTWISE = {
    "a sum": (np.sum, (X,), r"result of shape \(\) for arguments of shape \(5,\)"),
    "an outer product": (lambda x: np.outer(x, x), (X,), "one element for each element"),
    "half of it": (lambda x: x[:2], (X,), "tapead.jacobian"),
}


@pytest.mark.parametrize("case", NOT_ELEMENTWISE)
def test_elementwise_grad_refuses_what_mixes_elements(case):
    f, args, message = NOT_ELEMENTWISE[case]
    with pytest.raises(ValueError, match=message):
        tapead.elementwise_grad(f)(*args)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tapead.elementwise_grad(3.0), "needs a function; got float"),
        (lambda: tapead.elementwise_grad(np.sin, 1)(X), "argnums=1, but .* with 1 positional"),
        (lambda: tapead.elementwise_grad(np.sin, "x")(X), "argnums is an int"),
        (lambda: tapead.elementwise_grad(np.sin)(np.arange(3)), "array of int"),
    ],
)
def test_elementwise_grad_says_what_it_wanted(make, message):
    with pytest.raises(TypeError, match=message):
        make()


# -- stop_gradient -------------------------------------------------------------------------


class Pair(NamedTuple):
    left: object
    right: object


STOPPED = {
    "a number": (2.0, lambda x: x),
    "an array": (X, np.sum),
    "a container": ({"a": [X, 2.0], "b": Pair(3.0, X[:2])}, lambda t: t["a"][0][1] * t["b"].left),
}


@pytest.mark.parametrize("case", STOPPED)
def test_stop_gradient_has_the_values_and_no_path(case):
    x, total = STOPPED[case]
    seen = []

    def f(x):
        seen.append(tapead.stop_gradient(x))
        return total(x) * total(seen[-1])

    value, gradient = tapead.value_and_grad(f)(x)
    assert value == pytest.approx(total(x) ** 2)
    once = tapead.grad(lambda y: total(y) * total(x))(x)
    for got, expected in zip(numbers(gradient), numbers(once), strict=True):
        np.testing.assert_allclose(got, expected)
    assert type(seen[0]) is type(x)
    for got, expected in zip(numbers(seen[0]), numbers(x), strict=True):
        assert type(got) is type(expected)


def numbers(tree):
    return tapead.testing.leaves(tree)


def test_stop_gradient_leaves_alone_what_is_not_traced():
    tree = ["text", None, 3, X]
    assert tapead.stop_gradient(tree)[3] is X
    assert tapead.stop_gradient(tree)[:3] == tree[:3]


def test_stop_gradient_stops_every_order_and_mode():
    def f(x):
        return x * x * tapead.stop_gradient(x)

    assert tapead.derivative(f, 2)(3.0) == 6.0
    assert tapead.grad(tapead.grad(f))(3.0) == 6.0


def test_stop_gradient_is_a_copy():
    def f(x):
        kept = tapead.stop_gradient(x)
        kept[0] = 7.0
        return np.sum(x)

    assert tapead.value_and_grad(f)(np.ones(2))[0] == 2.0


@pytest.mark.parametrize("x", [X, 2.0], ids=["an array", "a number"])
def test_stop_gradient_is_computed_anew_in_a_program(x):
    def f(x):
        return np.sum(x * x * tapead.stop_gradient(x))

    program = tapead.record(f, x, arrays=True)
    assert program(3.0 * x) == pytest.approx(f(3.0 * x))
    np.testing.assert_allclose(program.grad(3.0 * x), tapead.grad(f)(3.0 * x))
    np.testing.assert_allclose(program.hessian(3.0 * x), tapead.hessian(f)(3.0 * x))


def test_stop_gradient_refuses_to_become_a_constant_of_a_program():
    with pytest.raises(TypeError, match=r"constant of a Program of numbers; give.*arrays=True"):
        tapead.record(lambda x: x * tapead.stop_gradient(x), 1.0, arrays=False)


# -- checkpoint ----------------------------------------------------------------------------


def layer(w, x):
    return np.tanh(w * np.sin(w * np.exp(w * x)))


def loss(f):
    return lambda w, x: np.sum(f(w, f(w, x)) ** 2)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in numbers(tree)])


DERIVATIVES = {
    "grad": lambda f: tapead.grad(loss(f), (0, 1))(0.3, X),
    "jvp": lambda f: tapead.jvp(loss(f), (0.3, X), (1.0, X)),
    "vjp": lambda f: tapead.vjp(f, 0.3, X)[1](np.cos(X)),
    "jacobian": lambda f: tapead.jacobian(f, 1)(0.3, X),
    "hessian": lambda f: tapead.hessian(loss(f), 1)(0.3, X),
    "hvp": lambda f: tapead.hvp(loss(f), (0.3, X), (1.0, X)),
    "reverse over reverse": lambda f: tapead.grad(
        lambda w: np.sum(tapead.grad(loss(f), 1)(w, X) ** 2)
    )(0.3),
    "third": lambda f: tapead.derivative(lambda w: loss(f)(w, X), 3)(0.3),
    "vmap": lambda f: tapead.vmap(tapead.grad(loss(f), 1), (None, 0))(0.3, np.stack([X, 2 * X])),
}


@pytest.mark.parametrize("case", DERIVATIVES)
def test_checkpoint_has_the_derivatives_of_the_function(case):
    found, expected = (flat(DERIVATIVES[case](f)) for f in (tapead.checkpoint(layer), layer))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def branches(p, k, *, scale=1.0):
    return {"a": p["w"] * p["x"] * scale, "b": (p["w"][0] * p["s"], k), "n": np.arange(3)}


@pytest.mark.parametrize("transform", [tapead.grad, tapead.hessian])
def test_checkpoint_takes_containers_and_static_values(transform):
    def total(f):
        def of(p):
            result = f(p, 3, scale=2.0)
            assert result["b"][1] == 3
            assert result["n"].tolist() == [0, 1, 2]
            return np.sum(result["a"] ** 2) * result["b"][0]

        return of

    p = {"w": X, "x": X[::-1].copy(), "s": 2.0}
    found, expected = (
        flat(transform(total(f))(p)) for f in (tapead.checkpoint(branches), branches)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_checkpoint_keeps_nothing_in_between():
    x = np.linspace(0.0, 1.0, 10_000)

    def chain(x):
        for k in range(20):
            x = np.sin(x + 0.1 * k) * 1.1
        return x

    def kept(f):
        with tapead.Tape() as tape:
            y = np.sum(f(tape.variable(x)))
        assert y.value != 0.0
        return tape.nbytes

    kept(chain)  # grows the pool of nodes
    arrays = kept(chain) / x.nbytes, kept(tapead.checkpoint(chain)) / x.nbytes
    assert arrays[0] > 20.0
    assert arrays[1] < 4.0


def test_checkpoint_runs_once_more_per_sweep():
    calls = []

    def f(x, y, z):
        calls.append(1)
        return x * y * z

    tapead.grad(lambda *args: np.sum(tapead.checkpoint(f)(*args)), (0, 1, 2))(X, X, X)
    assert len(calls) == 2


def test_checkpoint_without_tracing_is_the_function():
    assert tapead.checkpoint(lambda x, k: (x, k))(2.0, "k") == (2.0, "k")
    assert tapead.checkpoint(layer).__name__ == "layer"


def test_checkpoint_keeps_float32():
    x = X.astype(np.float32)
    bar = tapead.grad(lambda x: np.sum(tapead.checkpoint(layer)(0.5, x)))(x)
    assert bar.dtype == np.float32


def test_checkpoint_sees_a_constant_as_it_was():
    constant = np.ones(5)

    def f(x):
        y = tapead.checkpoint(lambda x, c: x * c)(x, constant)
        constant[:] = 7.0
        return np.sum(y)

    assert tapead.grad(f)(X).tolist() == [1.0] * 5


@pytest.mark.parametrize("arrays", [True, False])
def test_checkpoint_is_recorded_in_a_program(arrays):
    f = tapead.checkpoint(lambda x: tapead.sin(x) * x)
    program = tapead.record(lambda x: np.sum(f(x)), X, arrays=arrays)
    assert program(2.0 * X) == pytest.approx(np.sum(np.sin(2.0 * X) * 2.0 * X))
    np.testing.assert_allclose(program.grad(2.0 * X), np.sin(2 * X) + 2 * X * np.cos(2 * X))


def test_checkpoint_refuses_traced_values_from_outside():
    def f(w):
        return np.sum(tapead.checkpoint(lambda x: w * x)(w))

    with pytest.raises(TypeError, match="traced values that are not among its arguments"):
        tapead.grad(f)(X)


def test_checkpoint_refuses_writes_to_its_arguments():
    def f(x):
        x += 1.0
        return x

    with pytest.raises(ValueError, match="read-only"):
        tapead.grad(lambda x: np.sum(tapead.checkpoint(f)(x)))(X)


def test_checkpoint_needs_a_function():
    with pytest.raises(TypeError, match="needs a function; got float"):
        tapead.checkpoint(1.0)
