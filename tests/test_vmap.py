"""vmap: within and around the other transforms, axes and containers, errors."""

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest

import tapead
import tapead.numpy as tnp
from tapead import _batched_calls
from tapead.testing import leaves

RNG = np.random.default_rng(0)
XS = RNG.normal(size=(4, 3))
YS = RNG.normal(size=(5, 3))
KS = RNG.normal(size=4)
W = RNG.normal(size=(2, 3))


def close(found, expected, tolerance=1e-11):
    found, expected = leaves(found), leaves(expected)
    assert len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert np.shape(x) == np.shape(y)
        np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance)


def loop(f, *args):
    """`f` of one point after the other, the results stacked."""
    results = [f(*point) for point in zip(*args, strict=True)]
    columns = zip(*map(leaves, results), strict=True)
    return [np.stack([np.asarray(tapead.stop_gradient(x)) for x in c]) for c in columns]


# -- transforms ----------------------------------------------------------------------------


def g(x):
    return np.tanh(W @ x) * x[1]


def h(x, k):
    return k * np.sum(np.tanh(W @ x) * x[0])


def cubic(k):
    return tapead.sin(k) * k**3


INSIDE = {
    "grad": (tapead.grad(h), (XS, KS)),
    "grad by number": (tapead.grad(h, 1), (XS, KS)),
    "grad by both": (lambda x, k: list(tapead.grad(h, (0, 1))(x, k)), (XS, KS)),
    "grad of what is not batched": (lambda k: tapead.grad(h)(XS[0], k), (KS,)),
    "grad by what f closes over": (lambda k: tapead.grad(lambda z: z * z * k)(2.0), (KS,)),
    "grad of an array closed over": (
        lambda k: tapead.grad(lambda w: np.sum((w @ XS[0]) ** 2) * k)(W),
        (KS,),
    ),
    "grad of grad": (tapead.grad(tapead.grad(cubic)), (KS,)),
    "value_and_grad": (lambda x, k: list(tapead.value_and_grad(h)(x, k)), (XS, KS)),
    "jvp": (lambda x: tapead.jvp(g, (x,), (x * x,))[1], (XS,)),
    "jvp of what is not batched": (lambda x: tapead.jvp(g, (XS[0],), (x,))[1], (XS,)),
    "vjp": (lambda x: tapead.vjp(g, x)[1](np.array([1.0, 2.0]))[0], (XS,)),
    "vjp of a weight": (lambda x: tapead.vjp(lambda w: np.tanh(w @ x), W)[1](x[:2])[0], (XS,)),
    "jacobian": (tapead.jacobian(g), (XS,)),
    "jacobian of many results": (tapead.jacobian(lambda x: np.outer(x, x)), (XS,)),
    "jacfwd": (tapead.jacfwd(g), (XS,)),
    "jacrev": (tapead.jacrev(g), (XS,)),
    "jacobian of numbers": (tapead.jacobian(lambda k: [k * k, 2.0 * k]), (KS,)),
    "hessian": (tapead.hessian(h), (XS, KS)),
    "hvp": (lambda x, k: tapead.hvp(h, (x, k), (x * x, k))[0], (XS, KS)),
    "derivative": (tapead.derivative(cubic, 3), (KS,)),
    "elementwise_grad": (tapead.elementwise_grad(lambda x: x**3), (XS,)),
    "stop_gradient": (tapead.grad(lambda k: k * tapead.stop_gradient(k)), (KS,)),
    "checkpoint": (tapead.grad(tapead.checkpoint(h)), (XS, KS)),
    "vmap": (lambda x: tapead.vmap(lambda y: h(x, y[0]) * np.sum(x * y))(YS), (XS,)),
    "vmap of grad": (lambda x: tapead.vmap(tapead.grad(lambda y: np.sum(y**2 * x)))(YS), (XS,)),
    "grad of vmap": (
        tapead.grad(lambda x: np.sum(tapead.vmap(lambda y: np.sum(x * y) * x[0])(YS))),
        (XS,),
    ),
}


@pytest.mark.parametrize("case", INSIDE)
def test_transforms_within_vmap_are_those_of_every_point(case):
    f, args = INSIDE[case]
    close(tapead.vmap(f)(*args), loop(f, *args))


def by_loop(f):
    return lambda xs: np.stack([f(x) for x in xs])


OUTSIDE = {
    "a value": lambda w: lambda x: np.tanh(w @ x),
    "a gradient": lambda w: tapead.grad(lambda x: np.sum(np.tanh(w @ x))),
    "a pullback": lambda w: lambda x: tapead.vjp(lambda z: np.tanh(w @ z), x)[1](w[:, 0])[0],
    "a checkpoint": lambda w: tapead.checkpoint(lambda x: np.tanh(np.sum(x) * x)),
}
TRANSFORMS = {
    "grad": lambda f: tapead.grad(f)(W),
    "jvp": lambda f: tapead.jvp(f, (W,), (W * W,))[1],
    "hessian": lambda f: tapead.hessian(f)(W),
    "hvp": lambda f: tapead.hvp(f, (W,), (W * W,)),
    "reverse over reverse": lambda f: tapead.grad(lambda w: np.sum(tapead.grad(f)(w) ** 2))(W),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("case", OUTSIDE)
def test_transforms_of_vmap_are_those_of_the_loop(case, transform):
    def total(mapping):
        return lambda w: np.sum(mapping(OUTSIDE[case](w))(XS) ** 2)

    found, expected = (TRANSFORMS[transform](total(mapping)) for mapping in (tapead.vmap, by_loop))
    close(found, expected)


def test_vmap_passes_auxiliary_results_on():
    f = tapead.value_and_grad(lambda x: (np.sum(x**2), {"x": x, "s": "text"}), has_aux=True)
    (y, aux), gradient = tapead.vmap(f)(XS)
    close([y, aux["x"], gradient], [np.sum(XS**2, 1), XS, 2.0 * XS])
    assert aux["s"] == "text"


OWN = {
    "array": lambda x: tapead.array([x[0], 1.0, [x[1], 2.0][0]]) * x,
    "stack": lambda x: tapead.stack([x, W[0], 2.0 * x], axis=1),
    "logsumexp": lambda x: tapead.logsumexp(np.outer(x, x), axis=1),
    "logsumexp of all": lambda x: tapead.logsumexp(np.outer(x, x)),
    "with factors": lambda x: tapead.logsumexp(np.outer(x, x), 1, np.array([1.0, 2.0, 3.0])),
    "softmax": lambda x: tapead.softmax(np.outer(x, x), axis=-1),
    "log_softmax": tapead.log_softmax,
    "where": lambda x: tapead.where(x > 0.0, x, x * x),
    "clip": lambda x: tapead.clip(x, -0.5, 0.5) + tapead.hypot(x, 2.0),
    "numpy.array": lambda x: tnp.array([x[0], 1.0, x[1]]) + tnp.stack([x[0], x[1], W[0, 0]]),
    "numpy.zeros_like": lambda x: written(tnp.zeros_like(x), x),
}


def written(out, x):
    out[1:] = x[:2] * 2.0
    return out


@pytest.mark.parametrize("case", OWN)
def test_vmap_takes_tapead_s_functions_of_arrays(case):
    f = OWN[case]
    close([tapead.vmap(f)(XS)], loop(f, XS))
    slope = tapead.grad(lambda x: np.sum(np.sin(f(x))))
    if case != "numpy.zeros_like":  # a plain array, which takes no traced values
        close([tapead.vmap(slope)(XS)], loop(slope, XS))


# -- axes and containers -------------------------------------------------------------------


class Point(NamedTuple):
    position: object
    mass: object


def test_vmap_maps_along_any_axis():
    close(tapead.vmap(np.sum, 1)(XS), np.sum(XS, 0))
    close(tapead.vmap(np.outer, (1, 0), 2)(XS, YS[:3]),
          np.einsum("ik,kj->ijk", XS, YS[:3]))  # fmt: skip
    close(tapead.vmap(lambda x: x, -1, -1)(XS), XS)


def test_vmap_takes_containers_of_axes():
    def f(p, scale, *, power):
        return {"a": p.mass * np.sum(p.position**power) * scale["s"], "b": [p.position]}

    axes = (Point(1, 0), {"s": None})
    found = tapead.vmap(f, axes, {"a": 0, "b": [1]})(Point(XS.T, KS), {"s": 2.0}, power=2)
    close(found, {"a": 2.0 * KS * np.sum(XS**2, 1), "b": [XS.T]})


def test_vmap_gives_results_that_do_not_depend_on_the_point_an_axis():
    found = tapead.vmap(lambda x: [1.0, np.ones(2), 3, "text"])(XS)
    close(found[:3], [np.ones(4), np.ones((4, 2)), np.full(4, 3)])
    assert found[3] == "text"
    assert tapead.vmap(lambda x: 1.0, out_axes=None)(XS) == 1.0


def test_vmap_of_no_points_has_results_of_no_points():
    found = tapead.vmap(lambda x: [np.sum(x), W @ x, x.reshape(-1, 1)])(np.zeros((0, 3)))
    assert [x.shape for x in found] == [(0,), (0, 2), (0, 3, 1)]
    with pytest.raises(ValueError, match=r"convolve has no rule.*no point to call it with"):
        tapead.vmap(lambda x: np.convolve(x, x))(np.zeros((0, 3)))


def test_vmap_keeps_float32():
    xs = XS.astype(np.float32)

    def f(x):
        return np.sum(x) * x * 2.0 + np.float32(1.0)

    assert tapead.vmap(f)(xs).dtype == np.float32
    assert tapead.vmap(lambda x, k: k * x)(xs, KS).dtype == np.float32
    assert tapead.vmap(tapead.grad(lambda x: np.sum(x * x)))(xs).dtype == np.float32


def test_vmap_runs_the_function_once():
    calls = []
    tapead.vmap(lambda x: calls.append(x) or np.tanh(W @ x))(XS)
    assert len(calls) == 1


def test_vmap_calls_what_has_no_rule_point_by_point(monkeypatch):
    counted = []
    by_point = _batched_calls.by_point
    monkeypatch.setattr(
        _batched_calls, "by_point", lambda f, *a: counted.append(f.__name__) or by_point(f, *a)
    )
    close([tapead.vmap(lambda x: np.convolve(x, x))(XS)], loop(lambda x: np.convolve(x, x), XS))
    tapead.vmap(lambda x: np.linalg.norm(x) + np.einsum("i,i", x, x))(XS)
    assert counted == ["convolve"]


@pytest.mark.parametrize("arrays", [True, False])
def test_vmap_is_recorded_in_a_program(arrays):
    def f(xs, k):
        return [tapead.vmap(h, (0, None))(xs, k), tapead.vmap(tapead.grad(h), (0, None), 1)(xs, k)]

    program = tapead.record(f, XS, 2.0, arrays=arrays)
    close(program(2.0 * XS, 3.0), f(2.0 * XS, 3.0))


def test_vmap_leaves_its_arguments_alone():
    xs = XS.copy()
    same = tapead.vmap(lambda x: x)(xs)
    same[:] = 0.0
    assert np.all(xs == XS)


def test_vmap_is_named_after_the_function():
    def square(x):
        """The square."""
        return x * x

    assert tapead.vmap(square).__name__ == "square"
    assert tapead.vmap(square).__doc__ == "The square."


def test_vmap_runs_in_several_threads():
    f = tapead.vmap(tapead.grad(h))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda k: f(XS * k, KS), range(1, 20)))
    close(results[0], f(XS, KS))


def test_vmap_takes_what_a_batched_array_has_of_an_ndarray():
    def f(x):
        assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((3,), 1, 3, 3, np.float64)
        assert (np.shape(x), np.ndim(x), np.size(x)) == ((3,), 1, 3)
        a, b, _ = x
        m = np.stack([x, 2.0 * x])
        return [m.T @ m, m.mT[0], x.sum() + x.mean(), x.reshape(3, 1).ravel(), -x, abs(x), a < b,
                x.astype(np.float32), m.flatten(), x.max(), divmod(x, 2.0)[1], 2.0**x]  # fmt: skip

    close(tapead.vmap(f)(XS), loop(f, XS))


# -- what goes wrong -----------------------------------------------------------------------

BRANCHES = {
    "if": lambda x: x if x[0] > 0 else -x,
    "and": lambda x: (x[0] > 0) and (x[1] > 0),
    "max": lambda x: max(x[0], x[1]),
    "while": lambda x: [1 for _ in iter(lambda: bool(x[0] < 0), True)],
}


@pytest.mark.parametrize("case", BRANCHES)
def test_vmap_names_where_for_a_branch(case):
    with pytest.raises(TypeError, match=r"use numpy\.where\(condition, x, y\) in place of if"):
        tapead.vmap(BRANCHES[case])(XS)


DROPS = {
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "an index": lambda x: [1, 2][x[0] > 0],
    "a plain array": lambda x: np.array([x[0], x[1]], dtype=float),
    "range": lambda x: range(x[0]),
}


@pytest.mark.parametrize("case", DROPS)
def test_vmap_does_not_make_plain_numbers_of_batched_ones(case):
    with pytest.raises((TypeError, ValueError)):
        tapead.vmap(DROPS[case])(XS)


def set_to(x, index, value):
    x[index] = value
    return x


REFUSED = {
    "no axis": (lambda: tapead.vmap(h)(XS, 2.0), "float without axes; give in_axes None"),
    "axis": (lambda: tapead.vmap(np.sum, 2)(XS), "axis 2 of an argument.* of 2 axes"),
    "lengths": (lambda: tapead.vmap(h)(XS, KS[:2]), r"as many points in every.*\[2, 4\]"),
    "nothing": (lambda: tapead.vmap(h, None)(XS, KS), "in_axes None for all of them"),
    "count": (lambda: tapead.vmap(h, (0,))(XS, KS), "in_axes for 1 positional arguments; got 2"),
    "in_axes": (lambda: tapead.vmap(np.sum, "0")(XS), "takes in_axes as an int, None"),
    "in_axes inside": (
        lambda: tapead.vmap(lambda p: p["a"], ({"b": 0},))({"a": XS}),
        "container of them in the structure of the arguments",
    ),
    "out_axes": (lambda: tapead.vmap(np.sum, 0, (0, 0))(XS), "structure of the result"),
    "out axis": (lambda: tapead.vmap(np.sum, 0, 3)(XS), "along axis 3 of a result of 0 axes"),
    "no out axis": (lambda: tapead.vmap(np.sum, 0, None)(XS), "out_axes None for a result"),
    "an argument": (
        lambda: tapead.vmap(lambda x: set_to(x, 0, 1.0))(XS),
        "read-only.*write to a copy",
    ),
    "in place": (lambda: tapead.vmap(lambda x: x.__iadd__(1.0))(XS), "read-only"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_vmap_says_what_it_wanted(case):
    make, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        make()


WRONG_TYPES = {
    "no function": (lambda: tapead.vmap(1.0), "vmap needs a function; got float"),
    "grad of an array": (lambda: tapead.vmap(tapead.grad(g))(XS), "one number; got an array"),
    "into a plain array": (
        lambda: tapead.vmap(lambda x: np.copyto(np.zeros(3), x))(XS),
        "cannot be written into a plain array",
    ),
    "out": (
        lambda: tapead.vmap(lambda x: np.sin(x, out=np.zeros(3)))(XS),
        "plain array; leave out",
    ),
    "at": (lambda: tapead.vmap(lambda x: np.add.at(x, 0, 1.0))(XS), "add.at of a batched value"),
}


@pytest.mark.parametrize("case", WRONG_TYPES)
def test_vmap_refuses(case):
    make, message = WRONG_TYPES[case]
    with pytest.raises(TypeError, match=message):
        make()


def test_vmap_refuses_a_batched_mask():
    with pytest.raises(IndexError, match=r"another number of elements.*numpy\.where"):
        tapead.vmap(lambda x: x[x > 0])(XS)
    with pytest.raises(IndexError, match="too many indices"):
        tapead.vmap(lambda x: x[0, 0])(XS)


def test_vmap_leaves_nothing_behind_after_an_error():
    with pytest.raises(ZeroDivisionError):
        tapead.vmap(lambda x: x / (1 // 0))(XS)
    assert tapead.grad(tapead.square)(3.0) == 6.0
