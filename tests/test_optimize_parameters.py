"""What `optimize.objective` takes: parameters, points, functions, bounds; and what it refuses."""

import dataclasses
from typing import NamedTuple

import numpy as np
import pytest

import tapead
from tapead.optimize import Objective, VectorObjective, objective

X = np.array([1.0, 2.0, 3.0])


def quartic(x):
    return np.sum(x**4) - np.prod(x)


def slope(x):
    return 4.0 * x**3 - np.prod(x) / x


class Lens(NamedTuple):
    focus: float
    shift: np.ndarray


@dataclasses.dataclass
class Model:
    lens: Lens
    weights: list


MODEL = Model(Lens(2.0, np.array([[1.0, 2.0], [3.0, 4.0]])), [0.5, np.array([6, 7])])


def of_model(m):
    return m.lens.focus * np.sum(m.lens.shift**2) + m.weights[0] * np.sum(m.weights[1] ** 2)


def test_container_goes_to_a_vector_and_back():
    o = objective(of_model, MODEL)
    assert o.x0.tolist() == [2.0, 1.0, 2.0, 3.0, 4.0, 0.5, 6.0, 7.0]
    assert o.fun(o.x0) == of_model(MODEL)
    back = o.unravel(o.x0)
    assert type(back) is Model
    assert type(back.lens) is Lens
    assert back.lens.shift.tolist() == MODEL.lens.shift.tolist()
    assert o.ravel(back).tolist() == o.x0.tolist()
    wanted = [30.0, 4.0, 8.0, 12.0, 16.0, 85.0, 6.0, 7.0]
    assert o.jac(o.x0).tolist() == wanted


def test_unravelled_arrays_are_the_caller_s_own():
    o = objective(of_model, MODEL)
    x = o.x0.copy()
    back = o.unravel(x)
    x[:] = 0.0
    assert back.lens.shift.tolist() == MODEL.lens.shift.tolist()
    o.unravel(o.x0).lens.shift[:] = 9.0
    assert o.x0[1] == 1.0


def test_other_structure_is_refused():
    o = objective(of_model, MODEL)
    with pytest.raises(ValueError, match="expected parameters like x0"):
        o.ravel([1.0, 2.0])


@pytest.mark.parametrize(
    "x0",
    [3, 3.0, np.float32(3.0), np.array(3.0), np.array([3], dtype=np.int32), np.array([3.0], "f")],
    ids=repr,
)
def test_numbers_are_taken_as_float64(x0):
    o = objective(lambda x: np.sum(np.exp(x) / 3.0), x0)
    assert o.x0.dtype == np.float64
    assert o.fun(o.x0) == pytest.approx(np.exp(3.0) / 3.0, rel=1e-15)
    assert o.jac(o.x0) == pytest.approx([np.exp(3.0) / 3.0], rel=1e-15)


@pytest.mark.parametrize("x", [[1.0, 2.0, 3.0], (1, 2, 3), X.astype("f"), X.astype(int)], ids=repr)
def test_point_may_be_any_real_numbers(x):
    o = objective(quartic, X + 1.0)
    assert o.fun(x) == quartic(X)
    np.testing.assert_allclose(o.jac(x), slope(X), rtol=1e-14)
    np.testing.assert_allclose(o.hess(x), o.hess(X))


def test_integers_with_the_bytes_of_a_known_point_are_another_point():
    o = objective(quartic, X)
    assert o.fun(X.view(np.int64)) == quartic(X.view(np.int64).astype(float))


def test_strided_point():
    o = objective(quartic, X + 1.0)
    x = np.repeat(X, 2)[::2]
    assert o.fun(x) == quartic(X)
    np.testing.assert_allclose(o.jac(x), slope(X), rtol=1e-14)


def test_further_arguments_are_constants_of_their_own():
    data = np.array([1.0, 2.0, 3.0])
    o = objective(lambda x, data, power: np.sum((x - data) ** power), X + 1.0, args=(data, 2))
    data[:] = 100.0
    assert o.fun(X + 2.0) == 12.0
    assert objective(lambda x, a: a * x, 2.0, args=3.0).fun(np.array([2.0])) == 6.0


def test_program_is_taken_as_it_is():
    def kink(x):
        return x[0] if x[0] > 0.0 else -x[0]

    program = tapead.record(kink, np.array([1.0]))
    o = objective(program, np.array([2.0]))
    assert o.program is program
    with pytest.raises(tapead.BranchChanged):
        o.fun(np.array([-2.0]))
    assert objective(kink, np.array([2.0])).fun(np.array([-2.0])) == 2.0
    other = objective(tapead.record(kink, np.array([1.0]), argnums=(0,)), np.array([2.0]))
    assert other.jac(np.array([3.0])).tolist() == [1.0]
    with pytest.raises(tapead.BranchChanged):
        other.fun(np.array([-2.0]))
    compiled = objective(tapead.compile(kink), np.array([2.0]))
    assert compiled.jac(np.array([-2.0])).tolist() == [-1.0]


KINDS = {
    "number": (lambda x: x[0] * x[1], Objective),
    "constant": (lambda x: 3.0, Objective),
    "array": (lambda x: x[:2] * 2.0, VectorObjective),
    "matrix": (lambda x: np.outer(x, x), VectorObjective),
    "list": (lambda x: [x[0], x[1] * x[2]], VectorObjective),
    "list of one": (lambda x: [x[0] * x[1]], VectorObjective),
    "dict": (lambda x: {"a": x[0], "b": x**2}, VectorObjective),
}


@pytest.mark.parametrize("record", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_kind_follows_what_the_function_returns(kind, record):
    f, wanted = KINDS[kind]
    o = objective(f, X, record=record)
    assert type(o) is wanted
    flat = np.concatenate([np.ravel(leaf) for leaf in tapead.testing.leaves(f(X + 1.0))])
    np.testing.assert_allclose(np.ravel(o.fun(X + 1.0)), flat)
    jac = o.jac(X + 1.0)
    assert jac.shape == ((3,) if wanted is Objective else (flat.size, 3))
    step = np.array([1e-6, -2e-6, 3e-6])
    moved = [np.ravel(o.fun(X + 1.0 + sign * step)) for sign in (0.5, -0.5)]
    np.testing.assert_allclose(np.ravel(jac @ step), moved[0] - moved[1], rtol=1e-8, atol=1e-14)


def test_function_that_is_not_recorded_may_write_to_its_argument():
    def f(x):
        y = np.sum(x * x)
        if isinstance(x, np.ndarray):
            x[:] = 0.0
        return y

    o = objective(f, X, record=False)
    x = X + 1.0
    o.fun(X)
    assert o.fun(x) == 29.0
    assert x.tolist() == [2.0, 3.0, 4.0]
    assert o.x0.tolist() == X.tolist()


# -- bounds ------------------------------------------------------------------------------------


BOUNDS = {
    "number": (2.0, [2.0] * 8),
    "none": (None, None),
    "part": ({"a": 1.0}, None),
    "container": (
        Model(Lens(None, np.array([[0.0, 1.0], [2.0, 3.0]])), [-1.0, [None, 5.0]]),
        [-np.inf, 0.0, 1.0, 2.0, 3.0, -1.0, -np.inf, 5.0],
    ),
    "subtree": (Model(1.5, [None, -3]), [1.5] * 5 + [-np.inf, -3.0, -3.0]),
    "broadcast": (
        Model(Lens(0.0, [7.0, 8.0]), None),
        [0.0, 7.0, 8.0, 7.0, 8.0, -np.inf, -np.inf, -np.inf],
    ),
}


@pytest.mark.parametrize("name", [name for name in BOUNDS if name != "part"])
def test_bounds_follow_the_parameters(name):
    bound, wanted = BOUNDS[name]
    bounds = objective(of_model, MODEL, lower=bound).bounds
    if wanted is None:
        assert bounds is None
        return
    assert bounds.lb.tolist() == wanted
    assert bounds.ub.tolist() == [np.inf] * 8


def test_bounds_of_a_dict_may_leave_out_keys():
    x0 = {"a": np.ones(2), "b": 1.0, "c": {"d": 1.0, "e": 2.0}}
    o = objective(lambda p: p["b"], x0, lower={"c": {"e": 0.0}}, upper={"a": [3.0, None], "c": 9.0})
    assert o.bounds.lb.tolist() == [-np.inf, -np.inf, -np.inf, -np.inf, 0.0]
    assert o.bounds.ub.tolist() == [3.0, np.inf, np.inf, 9.0, 9.0]


def test_residuals_always_have_bounds():
    bounds = objective(lambda x: x, X).bounds
    assert bounds.lb.tolist() == [-np.inf] * 3


WRONG_BOUNDS = {
    "unknown key": ({"a": 1.0, "z": 0.0}, r"expected lower like the parameters, a dict"),
    "length": ([1.0], r"expected lower like the parameters"),
    "shape": ({"a": [1.0, 2.0, 3.0]}, r"expected lower\['a'\] as real numbers of shape \(2,\)"),
    "text": ({"b": "low"}, r"expected lower\['b'\] as real numbers"),
    "complex": ({"b": 1j}, r"expected lower\['b'\] as real numbers"),
    "nan": ({"a": np.nan}, "got NaN"),
    "crossed": ({"b": 9.0}, "expected lower <= upper; got 9.0 > 5.0"),
}


@pytest.mark.parametrize("name", WRONG_BOUNDS)
def test_wrong_bounds_are_refused(name):
    lower, message = WRONG_BOUNDS[name]
    with pytest.raises(ValueError, match=message):
        objective(lambda p: p["b"], {"a": np.ones(2), "b": 1.0}, lower=lower, upper=5.0)


# -- errors ------------------------------------------------------------------------------------


REFUSED = {
    "no function": (lambda: objective(3.0, X), TypeError, "needs a function; got float"),
    "form": (lambda: objective(quartic, X, form="csr"), ValueError, "form is one of 'dense'"),
    "complex": (lambda: objective(quartic, X + 0j), TypeError, "expected real parameters"),
    "text": (lambda: objective(quartic, {"a": "x"}), TypeError, "got str: what is no parameter"),
    "bool": (lambda: objective(quartic, True), TypeError, "got bool"),
    "bools": (lambda: objective(quartic, X > 0.0), TypeError, "expected real parameters; got bool"),
    "none": (lambda: objective(quartic, None), TypeError, "got NoneType"),
    "empty": (lambda: objective(quartic, np.zeros(0)), ValueError, "at least one number"),
    "nothing": (lambda: objective(lambda x: None, X, record=False), TypeError, "got NoneType"),
    "words": (lambda: objective(lambda x: "y", X, record=False), TypeError, "got str"),
    "size": (lambda: objective(quartic, X).fun(np.ones(4)), ValueError, "a vector of 3 numbers"),
    "axes": (lambda: objective(quartic, X).jac(np.ones((1, 3))), ValueError, r"shape \(1, 3\)"),
    "complex point": (lambda: objective(quartic, X).fun(X + 0j), TypeError, "got an array of c"),
    "weights": (
        lambda: objective(lambda x: x, X).hess(X, [1.0]), ValueError, "a vector of 3 weights in v"
    ),
    "weight": (
        lambda: objective(quartic, X).hess(X, [1.0, 2.0]), ValueError, "expected one weight"
    ),
    "class": (lambda: Objective(quartic, X), TypeError, "comes from tapead.optimize.objective"),
    "direction": (lambda: objective(quartic, X).hessp(X, X[:2]), ValueError, "of 3 numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    call, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize("kind", [Objective, VectorObjective])
def test_object_without_a_function_does_not_crash(kind):
    o = kind.__new__(kind)
    for call in (o.fun, o.jac, lambda x: o.hess(x, [1.0]), o.unravel):
        for x in (X, np.zeros(0)):
            with pytest.raises((TypeError, ValueError, AttributeError, KeyError)):
                call(x)


def test_traced_values_are_refused():
    o = objective(quartic, X)
    with pytest.raises(TypeError, match="implicit"):
        tapead.grad(o.fun)(X)
    with pytest.raises(TypeError, match="implicit"):
        tapead.grad(lambda a: objective(lambda x, a: a * x, 1.0, args=(a,)).fun([1.0]))(2.0)


def test_what_numpy_cannot_trace_needs_no_gradient():
    def f(x):
        return float(np.fft.fft(np.asarray(x, dtype=float)).real.sum())

    with pytest.raises(TypeError):
        objective(f, X)
