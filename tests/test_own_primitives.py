"""Own primitives: rules, the mode that is derived, what they refuse."""

import ctypes
import ctypes.util

import numpy as np
import pytest

import tapead
from tapead.testing import check_grads

X = np.linspace(0.1, 1.0, 6).reshape(2, 3)


def made(*modes, opaque=False):
    """A product ``x**n * y`` with the rules in `modes`, which take plain arrays if `opaque`."""
    plain = np.array if opaque else lambda x: x

    @tapead.primitive
    def power(x, y, *, n=2):
        return x**n * y

    def pullback(v_bar, v, x, y, *, n):
        v_bar, x = plain(v_bar), plain(x)
        return v_bar * n * x ** (n - 1) * y, np.sum(v_bar * x**n)

    def pushforward(x_dot, y_dot, v, x, y, *, n):
        x_dot, x = plain(x_dot), plain(x)
        return x_dot * n * x ** (n - 1) * y + x**n * y_dot

    if "pullback" in modes:
        power.pullback(pullback)
    if "pushforward" in modes:
        power.pushforward(pushforward)
    return power


MODES = {
    "both": ("pullback", "pushforward"),
    "pullback": ("pullback",),
    "pushforward": ("pushforward",),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("modes", MODES)
def test_primitive_is_right_in_both_modes_to_second_order(modes, dtype):
    f = made(*MODES[modes])
    check_grads(f, (X.astype(dtype), 2.0), order=2)
    check_grads(lambda x, y: f(x, y, n=3), (X.astype(dtype), 2.0), order=2)


@pytest.mark.parametrize("modes", MODES)
def test_primitive_nests_to_third_order(modes):
    f = made(*MODES[modes])
    third = tapead.derivative(lambda y: np.sum(f(X * y, y)), 3)(2.0)
    assert third == pytest.approx(6.0 * np.sum(X**2), rel=1e-12)


def test_primitive_with_opaque_rules_has_first_derivatives():
    check_grads(made("pullback", "pushforward", opaque=True), (X, 2.0), order=1)
    check_grads(made("pushforward", opaque=True), (X, 2.0), order=1, modes=("fwd",))
    slope = tapead.grad(lambda x: np.sum(made("pullback", opaque=True)(x, 2.0)))(X)
    np.testing.assert_allclose(slope, 4.0 * X)


OPAQUE = {
    "second order": (
        ("pullback", "pushforward"),
        "hvp",
        "pullback of primitive power takes no traced arrays",
    ),
    "no pushforward": (("pullback",), "jvp", "has no pushforward, and its pullback cannot be"),
    "no pullback": (("pushforward",), "grad", "has no pullback, and its pushforward cannot be"),
    "no rule": ((), "grad", "primitive power has no rule; give it one with @power.pullback"),
}


@pytest.mark.parametrize("case", OPAQUE)
def test_primitive_that_cannot_be_differentiated_says_so(case):
    modes, transform, message = OPAQUE[case]
    f = made(*modes, opaque=True)

    def total(x, y):
        return np.sum(f(x, y))

    calls = {
        "hvp": lambda: tapead.hvp(total, (X, 2.0), (X, 1.0)),
        "jvp": lambda: tapead.jvp(total, (X, 2.0), (X, 1.0)),
        "grad": lambda: tapead.grad(total)(X, 2.0),
    }
    with pytest.raises(TypeError, match=message):
        calls[transform]()


# -- arguments and results -----------------------------------------------------------------


def test_primitive_on_plain_arguments_is_the_function():
    calls = []
    f = tapead.primitive(lambda x: calls.append(x) or x)
    assert f(X) is X
    assert len(calls) == 1


def test_primitive_gets_plain_arrays_and_numbers():
    seen = []

    @tapead.primitive
    def f(x, y, k):
        seen.append((type(x), type(y), k))
        return float(np.sum(x)) * y

    f.pullback(lambda w, v, x, y, k: (w * y * np.ones(x.shape), w * np.sum(x), None))
    value = tapead.grad(lambda x, y: f(x, y, 3), (0, 1))(X, 2.0)
    assert seen == [(np.ndarray, float, 3)]
    np.testing.assert_allclose(value[0], 2.0)
    assert value[1] == pytest.approx(np.sum(X))


def test_primitive_has_several_results():
    @tapead.primitive
    def f(p, k):
        return {"s": p["a"] + k * p["b"], "t": (float(np.sum(p["a"] * p["b"])), k)}

    @f.pullback
    def _(w, v, p, k):
        return {"b": k * w["s"] + w["t"][0] * p["a"], "a": w["s"] + w["t"][0] * p["b"]}, None

    def total(p):
        result = f(p, 3)
        assert result["t"][1] == 3
        return {"s": result["s"], "t": result["t"][0]}

    check_grads(total, ({"a": X, "b": 2 * X},), order=2)


def test_primitive_result_that_is_not_used_has_a_zero_adjoint():
    @tapead.primitive
    def f(x):
        return np.sin(x), np.cos(x)

    @f.pullback
    def _(w, v, x):
        assert w[1].shape == x.shape
        return w[0] * v[1] - w[1] * v[0]

    np.testing.assert_allclose(tapead.grad(lambda x: np.sum(f(x)[0]))(X), np.cos(X))


def test_primitive_takes_absent_tangents_as_zeros():
    @tapead.primitive
    def f(x, y, z):
        return x * y * z

    @f.pushforward
    def _(x_dot, y_dot, z_dot, v, x, y, z):
        assert y_dot.tolist() == [0.0] * 3
        assert z_dot == 0.0
        return x_dot * y * z + x * y_dot * z + x * y * z_dot

    y = np.arange(3.0)
    assert tapead.jvp(lambda x: f(x, y, 2.0), (y,), (np.ones(3),))[1].tolist() == [0.0, 2.0, 4.0]


def test_primitive_rule_says_that_there_is_no_path():
    @tapead.primitive
    def f(x, y):
        return x * 1.0

    f.pullback(lambda w, v, x, y: (w, None))
    for argnum, expected in ((0, 1.0), (1, 0.0)):
        bar = tapead.grad(lambda x, y: np.sum(f(x, y)), argnum)(X, X)
        assert np.all(bar == expected)


def test_primitive_pullback_runs_once_for_all_arguments():
    calls = []

    @tapead.primitive
    def f(x, y):
        return x * y

    f.pullback(lambda w, v, x, y: calls.append(1) or (w * y, w * x))
    tapead.grad(lambda x, y: np.sum(f(x, y)), (0, 1))(X, X)
    assert len(calls) == 1


def test_primitive_rule_may_write_to_the_adjoint():
    doubled = tapead.primitive(lambda x: 2.0 * x)

    @doubled.pullback
    def _(v_bar, v, x):
        v_bar *= 2.0
        return v_bar

    x, w = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    pullback = tapead.vjp(lambda x, y: (doubled(x) + y) * w, x, x)[1]
    np.testing.assert_array_equal(pullback(np.ones(2)), (2.0 * w, w))


def test_primitive_binds_arguments_and_fills_in_defaults():
    @tapead.primitive
    def f(x, scale=2.0, *, n=3):
        return scale * x**n

    f.pullback(lambda w, v, x, scale, *, n: (w * scale * n * x ** (n - 1), w * v / scale))
    assert tapead.grad(f)(1.0) == 6.0
    assert tapead.grad(lambda s: f(scale=s, x=2.0))(1.0) == 8.0


def test_primitive_is_a_method():
    class Model:
        factor = 3.0

        @tapead.primitive
        def apply(self, x):
            return self.factor * x

        apply.pullback(lambda w, v, self, x: (None, self.factor * w))

    assert tapead.grad(Model().apply)(1.0) == 3.0


def test_primitive_result_shares_no_memory_with_an_operand():
    f = tapead.primitive(lambda x: x)
    f.pullback(lambda w, v, x: w)

    def total(x):
        y = f(x)
        y[0] = 0.0
        return np.sum(y * x)

    np.testing.assert_allclose(tapead.grad(total)(np.ones(3)), [0.0, 2.0, 2.0])


def test_primitive_calls_a_kernel_in_c():
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    library.erf.restype, library.erf.argtypes = ctypes.c_double, [ctypes.c_double]

    @tapead.primitive
    def erf(x):
        return np.array([library.erf(item) for item in x.ravel()]).reshape(x.shape)

    erf.pullback(lambda w, v, x: w * 2.0 / np.sqrt(np.pi) * np.exp(-(x**2)))
    check_grads(erf, (X,), order=3)


@pytest.mark.parametrize("x", [X, 2.0], ids=["an array", "a number"])
def test_primitive_is_an_instruction_of_a_program(x):
    f = made("pullback")

    def total(x, y):
        return np.sum(f(x, y)) * y

    program = tapead.record(total, x, 2.0, argnums=(0, 1))
    assert program(3.0 * x, 5.0) == pytest.approx(total(3.0 * x, 5.0))
    found = program.grad(3.0 * x, 5.0)
    for got, expected in zip(found, tapead.grad(total, (0, 1))(3.0 * x, 5.0), strict=True):
        np.testing.assert_allclose(got, expected)


def test_primitive_within_vmap_is_called_point_by_point():
    f = made("pullback", opaque=True)
    ks = np.array([1.0, 2.0])
    np.testing.assert_allclose(tapead.vmap(f)(X, ks), X**2 * ks[:, None])
    slopes = tapead.vmap(tapead.grad(lambda x, k: np.sum(f(x, k))))(X, ks)
    np.testing.assert_allclose(slopes, 2 * X * ks[:, None])


# -- what is wrong -------------------------------------------------------------------------


def wrong(pullback):
    f = tapead.primitive(lambda x, y: x * y, name="product")
    f.pullback(pullback)
    return lambda x, y: np.sum(f(x, y))


WRONG_PULLBACKS = {
    "shape": (lambda w, v, x, y: (w * y, np.ones(4)), r"adjoint of y has shape \(4,\); expected"),
    "one for two": (lambda w, v, x, y: w * y, "a tuple of 2 adjoints.*got a ndarray"),
    "three for two": (lambda w, v, x, y: (w, w, w), "a tuple of 2 adjoints.*got 3"),
    "structure": (lambda w, v, x, y: (w * y, [w, w]), "adjoint of y.* list"),
}


@pytest.mark.parametrize("case", WRONG_PULLBACKS)
def test_primitive_names_what_is_wrong_with_a_pullback(case):
    pullback, message = WRONG_PULLBACKS[case]
    with pytest.raises(ValueError, match=f"pullback of primitive product.*{message}"):
        tapead.grad(wrong(pullback), (0, 1))(X, X)


def test_primitive_names_what_is_wrong_with_a_pushforward():
    f = tapead.primitive(lambda x: x, name="same")
    f.pushforward(lambda x_dot, v, x: x_dot[0])
    message = r"pushforward of primitive same: the tangent .* shape \(3,\); expected \(2, 3\)"
    with pytest.raises(ValueError, match=message):
        tapead.jvp(f, (X,), (X,))


def test_primitive_lets_the_errors_of_a_rule_through():
    def pullback(w, v, x, y):
        raise TypeError("a mistake of its own")

    with pytest.raises(TypeError, match=r"^a mistake of its own$"):
        tapead.grad(wrong(pullback))(X, X)


REFUSED = {
    "no function": (lambda: tapead.primitive(1.0), "primitive needs a function; got float"),
    "no rule": (lambda: made().pullback(1.0), "pullback of primitive power is a function"),
    "traced keyword": (
        lambda: tapead.grad(lambda n: np.sum(made("pullback")(X, 1.0, n=n)))(2.0),
        "argument n of primitive power is traced",
    ),
    "traced from outside": (
        lambda: tapead.grad(lambda a: tapead.primitive(lambda x: a * x, name="f")(a))(2.0),
        "f gave a traced result.* not among its arguments",
    ),
    "a Program": (
        lambda: tapead.record(lambda y: made("pullback")(1.0, y), 2.0, arrays=False),
        "primitive power cannot be recorded in a Program of numbers; give.*arrays=True",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_primitive_says_what_it_wanted(case):
    make, message = REFUSED[case]
    with pytest.raises(TypeError, match=message):
        make()


def test_check_grads_finds_a_wrong_rule():
    f = tapead.primitive(lambda x: x**2)
    f.pullback(lambda w, v, x: 2.01 * w * x)
    for dtype in (np.float64, np.float32):
        with pytest.raises(AssertionError, match="order 1"):
            check_grads(f, (X.astype(dtype),), order=1)
    f.pushforward(lambda x_dot, v, x: 2.0 * x_dot * x)
    with pytest.raises(AssertionError, match="order 1: reverse mode"):
        check_grads(f, (X,), order=1)


def test_primitive_is_named_after_its_function():
    f = made("pullback")
    assert repr(f) == "<tapead.primitive power>"
    assert f.__name__ == "power"


@pytest.mark.parametrize("name", ["copied", "sum", "where", "matmul", "logsumexp"])
def test_a_name_that_one_of_ours_has(name):
    own = tapead.primitive(lambda x: np.flip(x) * 3.0, name)
    program = tapead.record(lambda x: own(x) * 1.0, np.ones(4), arrays=True)
    assert program(np.arange(4.0)).tolist() == [9.0, 6.0, 3.0, 0.0]
