"""Inputs and outputs in containers: derivatives come back in the structure of what went in."""

import collections
import dataclasses
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import optree
import pytest

import tapead
from tapead._containers import leaves, map_leaves


class Point(NamedTuple):
    x: object
    y: object


@dataclasses.dataclass
class Pair:
    x: object
    y: object


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: object
    y: object = dataclasses.field(default=1.0, kw_only=True)


@dataclasses.dataclass
class Late(Pair):
    """One that computes a field, which copying must not do again."""

    total: object = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = self.x + self.y


@optree.register_pytree_node_class(namespace=optree.registry.__GLOBAL_NAMESPACE)
class Registered:
    """optree's own protocol."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)

    __hash__ = None

    def tree_flatten(self):
        return (self.x, self.y), None, None

    @classmethod
    def tree_unflatten(cls, metadata, children):
        return cls(*children)


# a container of 2.0 and 5.0 (in order), and how to read them
BUILD = {
    "list": (lambda x, y: [x, y], lambda c: c),
    "tuple": (lambda x, y: (x, y), lambda c: c),
    "dict": (lambda x, y: {"x": x, "y": y}, lambda c: (c["x"], c["y"])),
    "dict, keys not sorted": (lambda x, y: {"y": x, "x": y}, lambda c: (c["y"], c["x"])),
    "dict, keys of two types": (lambda x, y: {1: x, "x": y}, lambda c: (c[1], c["x"])),
    "named tuple": (Point, lambda c: (c.x, c.y)),
    "dataclass": (Pair, lambda c: (c.x, c.y)),
    "frozen dataclass": (lambda x, y: Frozen(x, y=y), lambda c: (c.x, c.y)),
    "OrderedDict": (
        lambda x, y: collections.OrderedDict(b=x, a=y), lambda c: (c["b"], c["a"]),
    ),
    "defaultdict": (
        lambda x, y: collections.defaultdict(float, a=x, b=y), lambda c: (c["a"], c["b"]),
    ),
    "deque": (lambda x, y: collections.deque([x, y]), lambda c: (c[0], c[1])),
    "registered with optree": (Registered, lambda c: (c.x, c.y)),
    "nested": (
        lambda x, y: {"a": [x, (Point(y, []),)]}, lambda c: (c["a"][0], c["a"][1][0].x),
    ),
    "with empty ones": (lambda x, y: ([], x, {}, (y,), ()), lambda c: (c[1], c[3][0])),
}  # fmt: skip
each_container = pytest.mark.parametrize("kind", BUILD)


def f(x, y):
    return x * x * y


GX, GY = 20.0, 4.0  # of f at (2, 5)


@each_container
def test_gradient_has_the_structure_of_the_argument(kind):
    build, read = BUILD[kind]
    got = tapead.grad(lambda c: f(*read(c)))(build(2.0, 5.0))
    assert got == build(GX, GY)
    assert type(got) is type(build(2.0, 5.0))


@each_container
def test_jvp_takes_tangents_in_the_structure(kind):
    build, read = BUILD[kind]
    y, y_dot = tapead.jvp(lambda c: f(*read(c)), (build(2.0, 5.0),), (build(1.0, 10.0),))
    assert (y, y_dot) == (20.0, GX + 10 * GY)


@each_container
def test_vjp_has_the_structure_of_result_and_argument(kind):
    build, read = BUILD[kind]

    def g(c):
        x, y = read(c)
        return build(x * x, x * y)

    value, pullback = tapead.vjp(g, build(2.0, 5.0))
    assert value == build(4.0, 10.0)
    assert pullback(build(1.0, 10.0)) == (build(4.0 + 50.0, 20.0),)


@each_container
@pytest.mark.parametrize("transform", [tapead.jacfwd, tapead.jacrev, tapead.jacobian])
def test_jacobian_has_the_structure_of_the_argument_in_that_of_the_result(kind, transform):
    build, read = BUILD[kind]

    def g(c):
        x, y = read(c)
        return build(x * x, x * y)

    wanted = build(build(4.0, 0.0), build(5.0, 2.0))
    assert transform(g)(build(2.0, 5.0)) == wanted


@each_container
def test_hessian_has_the_structure_twice(kind):
    build, read = BUILD[kind]
    got = tapead.hessian(lambda c: f(*read(c)))(build(2.0, 5.0))
    assert got == build(build(10.0, 4.0), build(4.0, 0.0))


def test_dataclass_keeps_what_its_init_would_compute():
    c = Late(2.0, 5.0)
    c.total = 100.0
    got = tapead.grad(lambda c: c.x * c.total)(c)
    assert (got.x, got.y, got.total) == (100.0, 0.0, 2.0)
    assert type(got) is Late


def test_function_gets_the_container_type_with_its_methods():
    class Deep(NamedTuple):
        x: float

        def squared(self):
            return self.x * self.x

    assert tapead.grad(lambda c: c.squared())(Deep(3.0)) == Deep(6.0)


def test_tangents_of_a_dict_are_found_by_key():
    """Whatever the order in which a dict was filled."""
    primals = {"a": 2.0, "b": 5.0, "c": [1.0, 3.0]}
    tangents = {"c": [1000.0, 10000.0], "b": 0.0, "a": 1.0}

    def g(d):
        return 3.0 * d["a"] + d["b"] + d["c"][0] + 2 * d["c"][1]

    assert tapead.jvp(g, (primals,), (tangents,))[1] == 3.0 + 1000.0 + 20000.0
    _, pullback = tapead.vjp(lambda x: {"a": x, "b": 10.0 * x}, 1.0)
    assert pullback({"b": 1.0, "a": 0.0}) == (10.0,)
    hvp = tapead.hvp(
        lambda d: d["a"] ** 2 * d["b"], ({"a": 1.0, "b": 3.0},), ({"b": 0.0, "a": 1.0},)
    )
    assert hvp == ({"a": 6.0, "b": 2.0},)


ARRAYS = {
    "vector": np.array([1.0, 2.0, 3.0]),
    "matrix": np.arange(1.0, 7.0).reshape(2, 3),
    "Fortran order": np.asfortranarray(np.arange(1.0, 7.0).reshape(2, 3)),
    "strided": np.arange(1.0, 13.0)[::-2],
    "broadcast": np.broadcast_to(np.array([1.0, 2.0]), (3, 2)),
    "read-only": np.frombuffer(np.array([1.0, 2.0]).tobytes()),
    "0-d": np.array(3.0),
    "empty": np.empty((0, 3)),
    "one element": np.array([[[2.0]]]),
    "float32": np.array([1.0, 2.0], np.float32),
    "float16": np.array([1.0, 2.0], np.float16),
    "objects": np.array([1.0, 2, np.float32(3)], dtype=object),
}
each_array = pytest.mark.parametrize("kind", ARRAYS)


def cube(x):
    return np.sum(x**3) if np.ndim(x) or hasattr(x, "ndim") else x**3


@each_array
def test_gradient_has_shape_and_dtype_of_the_array(kind):
    x = ARRAYS[kind]
    got = tapead.grad(cube)(x)
    assert type(got) is np.ndarray
    assert got.shape == x.shape
    assert got.dtype == (float if x.dtype == object else x.dtype)
    np.testing.assert_array_equal(got, 3 * x.astype(float) ** 2)


@each_array
def test_hvp_and_hessian_of_an_array_agree(kind):
    x = ARRAYS[kind]
    direction = np.ones(x.shape)
    hessian = tapead.hessian(cube)(x)
    assert hessian.shape == x.shape * 2
    (product,) = tapead.hvp(cube, (x,), (direction,))
    wanted = hessian.reshape(x.size, x.size) @ np.ones(x.size)
    np.testing.assert_allclose(product, wanted.reshape(x.shape))
    np.testing.assert_array_equal(product, 6 * x.astype(float))


@each_array
def test_jvp_of_an_array_is_elementwise(kind):
    x = ARRAYS[kind]
    y, y_dot = tapead.jvp(lambda x: x * x, (x,), (np.ones(x.shape),))
    np.testing.assert_array_equal(y, x * x)
    np.testing.assert_array_equal(y_dot, 2 * x.astype(float))


@pytest.mark.parametrize("transform", [tapead.jacfwd, tapead.jacrev, tapead.jacobian])
@pytest.mark.parametrize("n_in", [1, 7, 8, 9, 20])
@pytest.mark.parametrize("n_out", [1, 7, 8, 9, 20])
def test_jacobian_of_a_linear_map_is_its_matrix(transform, n_in, n_out):
    """Eight directions at a time: below, at and above that, and several times."""
    matrix = np.random.default_rng(0).normal(size=(n_out, n_in))
    got = transform(lambda x: matrix @ x)(np.ones(n_in))
    np.testing.assert_array_equal(got, matrix)


def test_jacobian_blocks_have_the_shape_of_result_then_argument():
    x, y = np.ones((2, 3)), {"a": 2.0, "b": np.array(3.0)}

    def g(x, y):
        return {"m": x.T * y["a"], "s": y["a"] * y["b"] * x[0, 0]}

    for transform in (tapead.jacfwd, tapead.jacrev, tapead.jacobian):
        got = transform(g, argnums=(0, 1))(x, y)
        assert got["m"][0].shape == (3, 2, 2, 3)
        assert got["m"][1]["a"].shape == (3, 2)
        assert got["m"][1]["b"].shape == (3, 2)
        assert got["s"][0].shape == (2, 3)
        assert (got["s"][1]["a"], got["s"][1]["b"]) == (3.0, 2.0)
        assert type(got["s"][1]["a"]) is float
        np.testing.assert_array_equal(
            got["m"][0], 2.0 * np.einsum("il,jk->ijkl", np.eye(3), np.eye(2))
        )


def test_mixed_containers_and_arrays():
    tree = {"w": [np.array([[1.0, 2.0]]), 3.0], "b": (np.float32(4.0), 5)}

    def loss(p):
        return np.sum(p["w"][0] ** 2) * p["w"][1] + p["b"][0] * p["b"][1]

    got = tapead.grad(loss)(tree)
    np.testing.assert_array_equal(got["w"][0], [[6.0, 12.0]])
    assert (got["w"][1], got["b"]) == (5.0, (5.0, 4.0))


@each_container
def test_leaves_come_in_one_order(kind):
    build, _ = BUILD[kind]
    assert leaves(build(2.0, 5.0)) == [2.0, 5.0]
    assert map_leaves(lambda x: x + 1, build(2.0, 5.0)) == build(3.0, 6.0)


def test_container_that_the_function_changes_is_a_copy():
    x = [1.0, 2.0]

    def g(x):
        x.append(3.0)
        x[0] = 10.0 * x[1]
        return x[0] * x[2]

    assert tapead.grad(g)(x) == [0.0, 30.0]
    assert x == [1.0, 2.0]


def test_container_that_grows_meanwhile_is_an_error():
    x = [1.0, 2.0]

    def g(t):
        x.append(5.0)
        return t[0] * t[1]

    with pytest.raises(RuntimeError, match="grew while the function ran"):
        tapead.grad(g)(x)
    assert tapead.grad(lambda t: t[0] * t[1])([1.0, 2.0]) == [2.0, 1.0]


def test_deeply_nested_container():
    tree = 2.0
    for _ in range(100):
        tree = [tree]

    def innermost(tree):
        while isinstance(tree, list):
            (tree,) = tree
        return tree * tree

    assert leaves(tapead.grad(innermost)(tree)) == [4.0]


ENDLESS = {
    "holds itself": "t = [1.0]; t.append(t)",
    "100,000 deep": "t = 1.0\nfor _ in range(100_000): t = [t]",
    "tuples": "t = 1.0\nfor _ in range(100_000): t = (t,)",
    "dicts": "t = 1.0\nfor _ in range(100_000): t = {'a': t}",
}


@pytest.mark.parametrize("case", ENDLESS)
def test_endless_container_is_an_error_not_a_crash(case):
    script = f"""
import os, tapead
{ENDLESS[case]}
try:
    tapead.grad(lambda t: 1.0)(t)
except RecursionError:
    print(tapead.grad(tapead.square)(3.0), flush=True)
os._exit(0)  # Python itself may overflow when it frees them
"""
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert (result.stdout, result.stderr, result.returncode) == ("6.0\n", "", 0)


@pytest.mark.parametrize(("tangent", "error", "message"), [
    ([1.0], ValueError, "got a list of 1 in the place of a list of 2"),
    ((1.0, 2.0), ValueError, "got a tuple of 2 in the place of a list of 2"),
    ([1.0, [2.0]], ValueError, "got a list of 1 in the place of a float"),
    ([1.0, "a"], TypeError, "made of floats; got str"),
    ([1.0, np.ones(2)], ValueError, "got an array of shape"),
])  # fmt: skip
@pytest.mark.parametrize("product", [tapead.jvp, tapead.hvp])
def test_tangents_of_another_structure(product, tangent, error, message):
    with pytest.raises(error, match=message):
        product(lambda x: x[0] * x[1], ([1.0, 2.0],), (tangent,))


def test_a_list_in_itself_is_refused():
    x = []
    x.append(x)
    with pytest.raises(RecursionError):
        tapead.jvp(lambda x: x[0], (x,), (x,))
