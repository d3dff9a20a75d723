"""Program.map: many points, against a loop over them."""

import io

import numpy as np
import pytest
from mapped import EXACT, FUNCTIONS, KINDS, as_tuple, at_each, drawn, rosenbrock, same, wide

import tapead

EXAMPLE = np.array([0.3, 0.7, -0.4, 1.1])
SIZES = (0, 1, 15, 16, 17, 63, 64, 65, 1000)
PROGRAMS = {name: tapead.record(f, EXAMPLE) for name, f in FUNCTIONS.items()}


def close(a, b, ulps=8):
    """Within `ulps` of the largest number that takes part."""
    return np.allclose(a, b, rtol=ulps * 2.0**-52, atol=ulps * 2.0**-52 * np.abs(b).max(initial=1))


# -- the loop --------------------------------------------------------------------------------


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("what", KINDS[:3])
@pytest.mark.parametrize("name", EXACT)
def test_map_of_arithmetic_has_the_bits_of_a_loop(name, what, n):
    x = drawn(n)
    got = as_tuple(PROGRAMS[name].map(x, what=what))
    if n == 0:
        shapes = {"value": [(0,)], "grad": [(0, 4)], "value_and_grad": [(0,), (0, 4)]}
        assert [part.shape for part in got] == shapes[what]
        return
    for part, wanted in zip(got, at_each(PROGRAMS[name], what, x), strict=True):
        assert same(part, wanted)


@pytest.mark.parametrize("n", SIZES[1:])
@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_map_is_close_to_a_loop(name, what, n):
    """Vectorised functions are within 2 ulp; the sum of a few such terms follows."""
    x = drawn(n)
    got = as_tuple(PROGRAMS[name].map(x, what=what))
    for part, wanted in zip(got, at_each(PROGRAMS[name], what, x), strict=True):
        assert close(part, wanted, 16)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("what", KINDS)
def test_map_of_many_points_on_threads(what, threads):
    x = drawn(100_003)
    got = as_tuple(PROGRAMS["rosenbrock"].map(x, what=what, threads=threads))
    chosen = np.r_[0:40, np.random.default_rng(1).integers(0, 100_003, 300), 99_950:100_003]
    for part, wanted in zip(got, at_each(PROGRAMS["rosenbrock"], what, x[chosen]), strict=True):
        assert part.shape[0] == 100_003
        equal = close if what == "hessian_diagonal" else same
        assert equal(part[chosen], wanted)


@pytest.mark.parametrize("what", KINDS)
def test_hessian_diagonal_and_all_kinds_of_a_number(what):
    program = tapead.record(lambda x: x**3 * x, 1.0)
    x = drawn(100, 1)[:, 0]
    wanted = {
        "value": x**4, "grad": 4 * x**3, "value_and_grad": None, "hessian_diagonal": 12 * x**2,
    }[what]  # fmt: skip
    got = program.map(x, what=what)
    if what == "value_and_grad":
        assert close(got[0], x**4, 20)
        assert close(got[1], 4 * x**3, 20)
    else:
        assert close(got, wanted, 20)


@pytest.mark.parametrize("n", [1, 16, 63, 64, 65, 700])
@pytest.mark.parametrize("what", ["value", "grad"])
def test_map_of_a_large_program(n, what):
    """Sixteen lanes instead of 64."""
    program = tapead.record(wide, np.array([0.3, 0.99]))
    assert program.stats()["slots"] > 1100
    x = 0.9 * np.tanh(drawn(n, 2))
    got = program.map(x, what=what, threads=2)
    chosen = slice(None, None, max(1, n // 50))
    assert same(got[chosen], at_each(program, what, x[chosen])[0])


# -- where points come from ------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        np.asfortranarray,
        lambda x: np.repeat(np.repeat(x, 2, axis=0), 3, axis=1)[::2, ::3],
        lambda x: x[::-1].copy()[::-1],
        lambda x: np.broadcast_to(x, (2, *x.shape))[1],
        lambda x: np.frombuffer(b"\0" * 4 + x.tobytes(), dtype=np.uint8)[4:]
        .view(np.float64).reshape(x.shape),
    ],
    ids=["fortran", "strided", "reversed", "readonly", "unaligned"],
)  # fmt: skip
def test_map_reads_any_array(form):
    x = drawn(130)
    kept = x.copy()
    got = PROGRAMS["quotient"].map(form(x), what="value_and_grad")
    wanted = PROGRAMS["quotient"].map(x, what="value_and_grad")
    assert all(same(a, b) for a, b in zip(got, wanted, strict=True))
    assert same(x, kept)


def test_map_takes_nothing_of_its_results_back():
    """The arrays of one call are not those of the next."""
    x = drawn(70)
    first = PROGRAMS["quotient"].map(x)
    kept = first.copy()
    PROGRAMS["quotient"].map(x + 1.0)
    assert same(first, kept)
    assert first.flags.writeable


def test_map_of_float32():
    program = tapead.record(lambda x: np.sum(x * x) * x[0], np.ones(3, np.float32))
    x = drawn(70, 3).astype(np.float32)
    value, gradient = program.map(x, what="value_and_grad")
    each = [program.value_and_grad(point) for point in x]
    assert gradient.dtype == each[0][1].dtype == np.float32
    np.testing.assert_array_equal(value, [v for v, _ in each])
    np.testing.assert_array_equal(gradient, [g for _, g in each])


ARGUMENTS = {
    "list": ([0.1, 0.2], lambda n: [drawn(n, 1, 1)[:, 0], drawn(n, 1, 2)[:, 0]]),
    "tuple": ((0.1, 0.2), lambda n: tuple(drawn(n, 2).T)),
    "dict": ({0: 0.1, 1: 0.2}, lambda n: dict(enumerate(drawn(n, 2).T))),
    "array in a list": (
        [np.ones(2), 0.2], lambda n: [drawn(n, 2), drawn(n, 1)[:, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("name", ARGUMENTS)
def test_map_of_containers(name):
    def f(p):
        return {"sum": np.sum(p[0]) + p[1], "rest": [p[0] * p[1], (p[1],)]}

    example, points = ARGUMENTS[name]
    program = tapead.record(f, example)
    x = points(67)
    got = program.map(x)
    assert set(got) == {"sum", "rest"}
    for k in (0, 1, 63, 64, 66):
        point = type(x)({i: v[k] for i, v in x.items()}) if isinstance(x, dict) else type(x)(
            v[k] for v in x)  # fmt: skip
        point = plain(point)
        wanted = program(point)
        assert got["sum"][k] == wanted["sum"]
        np.testing.assert_array_equal(got["rest"][0][k], wanted["rest"][0])
        assert got["rest"][1][0][k] == wanted["rest"][1][0]


def plain(point):
    """Python's floats for NumPy's scalars."""
    items = point.items() if isinstance(point, dict) else enumerate(point)
    numbers = {k: float(v) if np.ndim(v) == 0 else v for k, v in items}
    return numbers if isinstance(point, dict) else type(point)(numbers.values())


def test_map_of_a_result_without_the_input():
    program = tapead.record(lambda x: (x, 2.5, x * x), 1.0)
    x = drawn(70, 1)[:, 0]
    a, b, c = program.map(x)
    assert same(a, x)
    assert same(c, x * x)
    np.testing.assert_array_equal(b, np.full(70, 2.5))


def test_map_of_gradients_is_that_of_the_gradient_program():
    x = drawn(70)
    got = PROGRAMS["rosenbrock"].gradient().map(x)
    assert same(got, PROGRAMS["rosenbrock"].map(x, what="grad"))


def test_map_by_argnums():
    program = tapead.record(lambda x, y: x * x * y + y, 1.0, 2.0)
    x, y = drawn(70, 2).T.copy()
    assert same(program.map(x, y, what="grad", argnums=1), x * x + 1.0)
    gx, gy = program.map(x, y, what="grad", argnums=(0, 1))
    np.testing.assert_allclose(gx, 2 * x * y, rtol=1e-15)
    assert same(gy, x * x + 1.0)


# -- axes ------------------------------------------------------------------------------------


def three(a, b, c):
    """Parts that depend on one argument alone, and on several."""
    return np.sqrt(a * a + 1.0) * b + c * (a / 3.0) - (b * b) * c


@pytest.mark.parametrize("what", KINDS[:3])
@pytest.mark.parametrize(
    "axes", [(0, None, None), (None, 0, None), (0, 0, None), (None, 0, 0), (0, None, 0), 0], ids=str
)
def test_map_in_axes_are_those_of_repeated_arguments(axes, what):
    program = tapead.record(three, 1.0, 2.0, 3.0, argnums=(0, 1, 2))
    columns = drawn(100, 3).T.copy()
    each = (0, 0, 0) if axes == 0 else axes
    args = [x if axis == 0 else float(x[0]) for x, axis in zip(columns, each, strict=True)]
    full = [x if axis == 0 else np.full(100, x[0]) for x, axis in zip(columns, each, strict=True)]
    got, wanted = (program.map(*a, in_axes=i, what=what) for a, i in ((args, axes), (full, 0)))
    for a, b in zip(leaves(got), leaves(wanted), strict=True):
        assert same(a, b)


def leaves(tree):
    return [leaf for part in tree for leaf in leaves(part)] if isinstance(tree, tuple) else [tree]


def test_map_with_an_array_for_all_points():
    program = tapead.record(lambda w, x: np.sum(w * x), np.ones(4), np.ones(4), argnums=0)
    w, x = drawn(2)[0], drawn(70)
    got = program.map(w, x, in_axes=(None, 0), what="value_and_grad")
    wanted = [program.value_and_grad(w, point) for point in x]
    assert same(got[0], [v for v, _ in wanted])
    assert same(got[1], x)


def test_map_keeps_arguments_that_are_no_numbers():
    program = tapead.record(lambda x, name, n: x**n if name == "a" else -x, 2.0, "a", 3)
    x = drawn(70, 1)[:, 0]
    got = program.map(x, "a", 3, in_axes=(0, None, None))
    # in lanes a whole power is a product, within 2 ulp of pow
    np.testing.assert_allclose(got, [program(float(v), "a", 3) for v in x], rtol=5e-16)


# -- reductions ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 15, 64, 65, 1000, 100_003])
@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_reduction_has_the_same_bits_for_any_number_of_threads(reduction, what, n):
    program, x = PROGRAMS["transcendental"], drawn(n)
    found = [as_tuple(program.map(x, what=what, reduction=reduction, threads=threads))
             for threads in (1, 2, 3, 7)]  # fmt: skip
    for other in found[1:]:
        assert all(same(a, b) for a, b in zip(found[0], other, strict=True))
    for got, each in zip(found[0], as_tuple(program.map(x, what=what)), strict=True):
        wanted = each.sum(axis=0) / (n if reduction == "mean" else 1)
        scale = np.abs(each).sum(axis=0) / (n if reduction == "mean" else 1)
        assert np.all(np.abs(got - wanted) <= 1e-14 * scale)


def test_reduction_has_the_same_bits_for_a_large_program():
    program, x = tapead.record(wide, np.array([0.3, 0.99])), 0.9 * np.tanh(drawn(3000, 2))
    found = [program.map(x, what="grad", reduction="sum", threads=threads) for threads in (1, 2, 5)]
    assert same(found[0], found[1])
    assert same(found[0], found[2])


def test_reduction_of_no_points():
    assert PROGRAMS["rosenbrock"].map(drawn(0), reduction="sum") == 0.0
    assert np.isnan(PROGRAMS["rosenbrock"].map(drawn(0), reduction="mean"))


def test_reduction_is_shaped_as_one_point():
    value, gradient = PROGRAMS["sums"].map(drawn(10), what="value_and_grad", reduction="mean")
    assert type(value) is float
    assert gradient.shape == (4,)


def test_reduction_of_what_is_the_same_at_all_points():
    """A constant, an input of all points, and a value of those."""
    program = tapead.record(lambda x, c: (2.5, c, c * c, x), 1.0, 3.0)
    got = program.map(np.ones(100), 3.0, in_axes=(0, None), reduction="sum")
    assert got == (250.0, 300.0, 900.0, 100.0)


def test_reduction_of_special_values():
    program = tapead.record(lambda x: x * 2.0, 1.0)
    x = np.ones(100)
    for special in (np.inf, np.nan):
        x[70] = special
        np.testing.assert_equal(program.map(x, reduction="sum"), special)
    assert np.signbit(program.map(np.full(64, -0.0), reduction="sum")) in (True, False)


# -- errors ----------------------------------------------------------------------------------

ERRORS = {
    "what": ({"what": "jacobian"}, ValueError, "value, grad"),
    "reduction": ({"reduction": "max"}, ValueError, '"sum" or "mean"'),
    "in_axes": ({"in_axes": 1}, ValueError, "in_axes is 0 or None"),
    "length of in_axes": ({"in_axes": (0, 0)}, ValueError, "in_axes"),
    "threads": ({"threads": 0}, ValueError, "threads is an int"),
    "threads of a float": ({"threads": 2.0}, ValueError, "threads is an int"),
    "a bool of threads": ({"threads": True}, ValueError, "threads is an int"),
    "too many threads": ({"threads": 10**6}, ValueError, "threads is an int"),
    "argnums": ({"argnums": 3, "what": "grad"}, TypeError, "argnums=3"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_map_refuses_an_option(name):
    options, error, text = ERRORS[name]
    with pytest.raises(error, match=text):
        PROGRAMS["rosenbrock"].map(drawn(3), **options)


BAD_POINTS = {
    "one point": (drawn(3)[0], ValueError, "shape"),
    "too short": (drawn(3)[:, :3], ValueError, r"\(n, 4\).*got \(3, 3\)"),
    "too many axes": (drawn(3)[None], ValueError, "shape"),
    "ints": (np.ones((3, 4), int), TypeError, "int64"),
    "complex": (np.ones((3, 4), complex), TypeError, "complex128"),
    "objects": (np.ones((3, 4), object), TypeError, "arrays of floats"),
    "strings": (np.full((3, 4), "a"), TypeError, "U1"),
    "a number": (1.0, (TypeError, ValueError), "."),
    "None": (None, (TypeError, ValueError), "."),
    "a list": ([1.0, 2.0, 3.0, 4.0], (TypeError, ValueError), "."),
}


@pytest.mark.parametrize("name", BAD_POINTS)
def test_map_refuses_points(name):
    points, error, text = BAD_POINTS[name]
    with pytest.raises(error, match=text):
        PROGRAMS["rosenbrock"].map(points)


def test_map_refuses_other_numbers_of_arguments_and_points():
    program = tapead.record(three, 1.0, 2.0, 3.0)
    x = np.ones(5)
    for args in ((), (x,), (x, x), (x, x, x, x)):
        with pytest.raises((TypeError, ValueError)):
            program.map(*args)
    with pytest.raises(ValueError, match="expected 5 points in argument 3; got 4"):
        program.map(x, x, x[:4])


def test_map_refuses_to_be_no_map():
    with pytest.raises(ValueError, match="leading axis"):
        PROGRAMS["rosenbrock"].map(EXAMPLE, in_axes=None)


def test_map_refuses_traced_values():
    with pytest.raises(TypeError, match="plain arrays"):
        tapead.grad(lambda x: np.sum(PROGRAMS["sums"].map(x)))(drawn(3))


def test_map_refuses_the_gradient_of_several_numbers():
    program = tapead.record(lambda x: [x, x], 1.0)
    with pytest.raises(TypeError, match="one number"):
        program.map(np.ones(3), what="grad")


def test_map_of_a_loaded_program():
    file = io.BytesIO()
    tapead.record(rosenbrock, EXAMPLE).save(file)
    program = tapead.load(io.BytesIO(file.getvalue()))
    x = drawn(70)
    assert same(program.map(x, what="grad"), PROGRAMS["rosenbrock"].map(x, what="grad"))
