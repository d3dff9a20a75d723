"""Every transform: what it returns, argnums, has_aux, keywords, and what it refuses."""

import decimal
import fractions
import inspect
import pickle

import numpy as np
import pytest

import tapead

X, Y = 2.0, 5.0


def lecture(x1, x2):
    return tapead.log(x1) + x1 * x2 - tapead.sin(x2)


def pair(x1, x2):
    return lecture(x1, x2), x1 * x1 * x2


G = (5.5, 1.7163378145367738)  # of lecture
G2 = (2 * X * Y, X * X)  # of the second of pair
H = ((-0.25, 1.0), (1.0, tapead.sin(Y)))

# what one function of two numbers gives under each transform
RESULTS = {
    "grad": (lambda: tapead.grad(lecture)(X, Y), G[0]),
    "grad by both": (lambda: tapead.grad(lecture, (0, 1))(X, Y), G),
    "grad in the other order": (lambda: tapead.grad(lecture, (1, 0))(X, Y), G[::-1]),
    "grad by the last": (lambda: tapead.grad(lecture, -1)(X, Y), G[1]),
    "grad by a tuple of one": (lambda: tapead.grad(lecture, (1,))(X, Y), (G[1],)),
    "grad by nothing": (lambda: tapead.grad(lecture, ())(X, Y), ()),
    "value_and_grad": (
        lambda: tapead.value_and_grad(lecture, (0, 1))(X, Y), (lecture(X, Y), G),
    ),
    "jvp": (
        lambda: tapead.jvp(pair, (X, Y), (1.0, 2.0)),
        (pair(X, Y), (G[0] + 2 * G[1], G2[0] + 2 * G2[1])),
    ),
    "vjp": (
        lambda: tapead.vjp(pair, X, Y)[1]((1.0, 2.0)), (G[0] + 2 * G2[0], G[1] + 2 * G2[1]),
    ),
    "jacrev": (lambda: tapead.jacrev(pair, (0, 1))(X, Y), (G, G2)),
    "jacfwd": (lambda: tapead.jacfwd(pair, (0, 1))(X, Y), (G, G2)),
    "jacobian": (lambda: tapead.jacobian(pair, (0, 1))(X, Y), (G, G2)),
    "jacobian by one": (lambda: tapead.jacobian(pair)(X, Y), (G[0], G2[0])),
    "hessian": (lambda: tapead.hessian(lecture, (0, 1))(X, Y), H),
    "hessian by one": (lambda: tapead.hessian(lecture, 1)(X, Y), H[1][1]),
    "hvp": (
        lambda: tapead.hvp(lecture, (X, Y), (1.0, 2.0)),
        (H[0][0] + 2 * H[0][1], H[1][0] + 2 * H[1][1]),
    ),
    "derivative": (lambda: tapead.derivative(lecture)(X, Y), G[0]),
    "derivative of order 0": (lambda: tapead.derivative(lecture, 0)(X, Y), lecture(X, Y)),
    "derivative of order 3": (lambda: tapead.derivative(lecture, 3)(X, Y), 2 / X**3),
    "derivative of order 6": (lambda: tapead.derivative(tapead.log, 6)(X), -120 / X**6),
}  # fmt: skip


def flat(tree):
    return [x for item in tree for x in flat(item)] if isinstance(tree, tuple) else [tree]


def shape(tree):
    return tuple(map(shape, tree)) if isinstance(tree, tuple) else type(tree)


@pytest.mark.parametrize("case", RESULTS)
def test_result_is_right_and_made_of_floats(case):
    call, wanted = RESULTS[case]
    got = call()
    assert shape(got) == shape(wanted)
    assert flat(got) == pytest.approx(flat(wanted), rel=1e-14)  # sixth order: 720 roundings


OF_A_FUNCTION = {
    transform.__name__: transform
    for transform in (
        tapead.grad,
        tapead.value_and_grad,
        tapead.jacrev,
        tapead.jacfwd,
        tapead.jacobian,
        tapead.hessian,
    )
}
each_transform = pytest.mark.parametrize("name", OF_A_FUNCTION)


def ones(x):
    """A tangent for x."""
    return np.ones(x.shape) if isinstance(x, np.ndarray) else 1.0


CALLS = {
    **{name: (lambda f, x, g=g: g(f)(x)) for name, g in OF_A_FUNCTION.items()},
    "derivative": lambda f, x: tapead.derivative(f)(x),
    "jvp": lambda f, x: tapead.jvp(f, (x,), (ones(x),)),
    "vjp": tapead.vjp,
    "hvp": lambda f, x: tapead.hvp(f, (x,), (ones(x),)),
}
each_call = pytest.mark.parametrize("name", CALLS)


@each_transform
def test_keyword_arguments_are_passed_on_and_not_differentiated(name):
    def f(x, *, scale, offset=None):
        assert type(scale) is float
        assert offset is None
        return scale * x**3

    def g(x):
        return 2.0 * x**3

    assert OF_A_FUNCTION[name](f)(1.5, scale=2.0, offset=None) == OF_A_FUNCTION[name](g)(1.5)


@each_transform
def test_other_arguments_may_be_anything(name):
    def f(x, what, table):
        return x**3 if what == "cube" else table

    g = OF_A_FUNCTION[name]
    assert g(f)(1.5, "cube", {None: [True]}) == g(lambda x: x**3)(1.5)


@each_transform
def test_auxiliary_result_comes_back_as_plain_numbers(name):
    def f(x):
        y = x**3
        return y, {"y": y, "list": [x, "text", None, 3], "array": np.array([x, y])}

    wanted = OF_A_FUNCTION[name](lambda x: x**3)(2.0)
    result = OF_A_FUNCTION[name](f, has_aux=True)(2.0)
    if name == "value_and_grad":
        (value, aux), gradient = result
        assert (value, gradient) == wanted
    else:
        assert result[0] == wanted
        aux = result[1]
    assert (aux["y"], aux["list"]) == (8.0, [2.0, "text", None, 3])
    assert type(aux["y"]) is float
    assert aux["array"].dtype == float
    assert aux["array"].tolist() == [2.0, 8.0]


def test_auxiliary_result_of_jvp_and_vjp_comes_third():
    def f(x):
        return x * x, [x]

    assert tapead.jvp(f, (3.0,), (1.0,), has_aux=True) == (9.0, 6.0, [3.0])
    y, pullback, aux = tapead.vjp(f, 3.0, has_aux=True)
    assert (y, aux, pullback(1.0)) == (9.0, [3.0], (6.0,))


@pytest.mark.parametrize("result", [1.0, (1.0,), (1.0, 2.0, 3.0), [1.0, 2.0]], ids=repr)
@each_transform
def test_has_aux_needs_a_pair(name, result):
    with pytest.raises(TypeError, match=r"has_aux=True needs f to return \(value, aux\)"):
        OF_A_FUNCTION[name](lambda x: result, has_aux=True)(1.0)


UNUSED = {
    "grad": (0.0, (0.0, 0.0)),
    "value_and_grad": ((3.0, 0.0), (3.0, (0.0, 0.0))),
    "jacrev": (0.0, (0.0, 0.0)),
    "jacfwd": (0.0, (0.0, 0.0)),
    "jacobian": (0.0, (0.0, 0.0)),
    "hessian": (0.0, ((0.0, 0.0), (0.0, 0.0))),
}


@each_transform
def test_unused_argument_has_derivative_zero(name):
    def f(x, y):
        return 3.0

    assert OF_A_FUNCTION[name](f)(1.0, 2.0) == UNUSED[name][0]
    assert OF_A_FUNCTION[name](f, argnums=(0, 1))(1.0, 2.0) == UNUSED[name][1]


@pytest.mark.parametrize("name", [name for name in CALLS if name != "vjp"])
def test_identity_is_a_function_like_any_other(name):
    assert CALLS[name](lambda x: x, 2.0) == CALLS[name](lambda x: x * 1.0, 2.0)


@pytest.mark.parametrize(
    "x", [3, np.int64(3), np.float32(3), np.float64(3), fractions.Fraction(3)], ids=type
)
@each_call
def test_scalar_of_any_real_type_is_taken_as_a_float(name, x):
    got, wanted = (CALLS[name](lambda t: t**3, value) for value in (x, 3.0))
    if name == "vjp":
        assert type(got[1](1.0)[0]) is float
        got, wanted = ([y, pullback(1.0)] for y, pullback in (got, wanted))
    assert got == wanted


REFUSED = {
    "a bool": True,
    "a (numpy.)?bool_?": np.True_,
    "a str": "1.0",
    "a NoneType": None,
    "a complex": 1j,
    "a complex128": np.complex128(1),
    "a bytes": b"1",
    "a Decimal": decimal.Decimal(1),
    "a object": object(),
    "a set": {1.0},
    "a function": lambda: None,
    "a type": float,
    "an array of int64": np.array([1, 2]),
    "an array of bool": np.array([True]),
    "an array of complex128": np.array([1j]),
    "an array of <U1": np.array(["a"]),
    "an array of datetime64": np.array(["2020-01-01"], "M8[D]"),
}


@pytest.mark.parametrize("what", REFUSED)
@each_call
def test_argument_is_refused_by_name(name, what):
    with pytest.raises(TypeError, match=f"{name}.*(got {what}|of one number)"):
        CALLS[name](tapead.sin, REFUSED[what])


@pytest.mark.parametrize("what", REFUSED)
def test_argument_in_a_container_is_refused_by_name(what):
    with pytest.raises(TypeError, match=f"got {what}"):
        tapead.grad(lambda x: x["a"][0])({"a": [1.0, REFUSED[what]]})


def test_int_array_refusal_says_how_to_convert():
    with pytest.raises(TypeError, match=r"array of int64.*x\.astype\(float\)"):
        tapead.grad(np.sum)(np.array([1, 2]))


NO_NUMBER = {"str": "1", "NoneType": None, "bool": True, "complex": 1j, "ndarray": np.ones(2)}
NO_NUMBER |= {"list": [1.0], "tuple": (1.0,), "dict": {"a": 1.0}, "Decimal": decimal.Decimal(1)}


@pytest.mark.parametrize("what", NO_NUMBER)
@pytest.mark.parametrize("name", ["grad", "value_and_grad", "hessian", "derivative", "hvp"])
def test_result_that_is_no_number_is_refused_by_name(name, what):
    with pytest.raises(TypeError, match=f"one number; got {what}"):
        CALLS[name](lambda x: NO_NUMBER[what], 1.0)


@pytest.mark.parametrize("what", ["str", "NoneType", "bool", "complex", "Decimal"])
@pytest.mark.parametrize("name", ["jacrev", "jacfwd", "jacobian", "jvp", "vjp"])
def test_result_made_of_no_numbers_is_refused_by_name(name, what):
    with pytest.raises(TypeError, match=f"got {what}"):
        CALLS[name](lambda x: [x, NO_NUMBER[what]], 1.0)


@each_call
def test_function_must_be_callable(name):
    with pytest.raises(TypeError, match=r"needs a function; got float|not callable"):
        CALLS[name](3.0, 1.0)


ARGNUMS = {
    "out of range": (2, TypeError, r"argnums=2.*2 positional arguments"),
    "far below": (-3, TypeError, r"argnums=-3.*2 positional"),
    "one out of range": ((0, 5), TypeError, r"argnums=\(0, 5\)"),
    "twice": ((0, 0), ValueError, "twice"),
    "twice from either end": ((0, -2), ValueError, "twice"),
    "a list": ([0], TypeError, "int or a tuple of ints"),
    "a float": (1.0, TypeError, "int or a tuple of ints"),
    "a bool": (True, TypeError, "int or a tuple of ints"),
    "a str": ("x", TypeError, "int or a tuple of ints"),
    "None": (None, TypeError, "int or a tuple of ints"),
}


@pytest.mark.parametrize("case", ARGNUMS)
@each_transform
def test_argnums_says_what_it_wanted(name, case):
    argnums, error, message = ARGNUMS[case]
    with pytest.raises(error, match=message):
        OF_A_FUNCTION[name](lecture, argnums=argnums)(X, Y)


@each_transform
def test_argument_by_keyword_only_is_an_error_that_says_so(name):
    with pytest.raises(TypeError, match=r"0 positional arguments.*pass it by position"):
        OF_A_FUNCTION[name](lambda x: x)(x=1.0)


@pytest.mark.parametrize("n", [-1, 1.0, True, None, "2"], ids=repr)
def test_derivative_order_says_what_it_wanted(n):
    with pytest.raises((TypeError, ValueError), match="derivative needs an order n"):
        tapead.derivative(tapead.sin, n)


MISFITS = {
    "primals no tuple": (lambda: tapead.jvp(tapead.sin, 1.0, (1.0,)), TypeError, "tuple"),
    "tangents no tuple": (lambda: tapead.jvp(tapead.sin, (1.0,), 1.0), TypeError, "tuple"),
    "tangent missing": (lambda: tapead.jvp(lecture, (X, Y), (1.0,)), ValueError, "structure"),
    "tangent too many": (lambda: tapead.jvp(tapead.sin, (X,), (1.0, 2.0)), ValueError, "structure"),
    "tangent of str": (lambda: tapead.jvp(tapead.sin, (X,), ("1",)), TypeError, "got str"),
    "tangent of bool": (lambda: tapead.jvp(tapead.sin, (X,), (True,)), TypeError, "got bool"),
    "tangent of None": (lambda: tapead.jvp(tapead.sin, (X,), (None,)), TypeError, "NoneType"),
    "tangent of a shape": (
        lambda: tapead.jvp(np.sum, (np.ones(2),), (np.ones(3),)), ValueError, "structure",
    ),
    "hvp's tangent": (lambda: tapead.hvp(lecture, (X, Y), (1.0,)), ValueError, "structure"),
    "adjoint too many": (lambda: tapead.vjp(tapead.sin, X)[1]([1.0]), ValueError, "structure"),
    "adjoint of str": (lambda: tapead.vjp(tapead.sin, X)[1]("1"), TypeError, "got str"),
    "adjoint missing": (lambda: tapead.vjp(pair, X, Y)[1]((1.0,)), ValueError, "structure"),
    "nothing for a 0-d array": (
        lambda: tapead.jvp(np.sum, (np.array(2.0),), ((),)), ValueError, "structure",
    ),
    "a number for a 0-d array in a list": (
        lambda: tapead.jvp(lambda x: x[0], ([1.0],), ((1.0,),)), ValueError, "structure",
    ),
    "a dict's other key": (
        lambda: tapead.jvp(lambda d: d["a"], ({"a": 1.0},), ({"b": 1.0},)), ValueError, "structure",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_tangent_or_adjoint_that_does_not_fit_is_refused(case):
    call, error, message = MISFITS[case]
    with pytest.raises(error, match=message):
        call()


@each_transform
def test_transformed_function_behaves_as_a_function(name):
    g = OF_A_FUNCTION[name](lecture)
    assert g.__wrapped__ is lecture
    assert g.__name__ == f"{name}(lecture)"
    assert name in repr(g)
    assert callable(g)
    assert list(inspect.signature(g).parameters) == ["x1", "x2"]
    assert pickle.loads(pickle.dumps(g))(X, Y) == g(X, Y)


@each_transform
def test_transformed_method_binds(name):
    class Model:
        scale = 3.0

        def loss(self, x):
            return self.scale * x**2

    Model.slope = OF_A_FUNCTION[name](Model.loss, argnums=1)
    assert Model().slope(2.0) == OF_A_FUNCTION[name](Model().loss)(2.0)
