"""compile: always the answer of the function itself, whatever its branches and arguments."""

import collections
import functools
import math
import pickle

import numpy as np
import pytest
from branches import branching, numbers, same
from hypothesis import given, settings
from hypothesis import strategies as st

import tapead

Point = collections.namedtuple("Point", "x y")
NAN, INF = math.nan, math.inf


def traced(f, *args, **kwargs):
    """What f gives for traced numbers: IEEE's answers where a float's operator would raise."""
    return tapead.vjp(lambda *xs: f(*xs, **kwargs), *args)[0]


def every(f, xs, argnums):
    """All transforms of f at a point."""
    tangent = tuple(1.0 - 0.5 * i for i in range(len(xs)))
    return {
        "grad": tapead.grad(f, argnums)(*xs),
        "value_and_grad": tapead.value_and_grad(f, argnums)(*xs),
        "jvp": tapead.jvp(f, xs, tangent),
        "hvp": tapead.hvp(f, xs, tangent),
        "vjp": tapead.vjp(f, *xs)[1](2.0),
        "hessian": tapead.hessian(f, argnums)(*xs),
        "jacobian": tapead.jacfwd(f, argnums)(*xs),
    }


@settings(max_examples=60)
@given(branching(), st.lists(st.tuples(numbers, numbers, numbers), min_size=3, max_size=12))
def test_random_branches_give_what_the_function_gives(f, points):
    fast = tapead.compile(f)
    for xs in points:
        same(fast(*xs), traced(f, *xs))
    for xs in points:
        wanted = every(f, xs, (0, 1, 2))
        for name, found in every(fast, xs, (0, 1, 2)).items():
            assert same(found, wanted[name]), name
        # a derivative of a replayed derivative: other last bits, which may cancel
        second = tapead.derivative(fast, 2)(*xs), tapead.derivative(f, 2)(*xs)
        assert second[0] == pytest.approx(second[1], rel=1e-9, abs=1e-12, nan_ok=True)


@settings(max_examples=60)
@given(branching(), st.lists(st.tuples(numbers, numbers, numbers), min_size=3, max_size=12))
def test_random_branches_recorded_anew_give_what_the_function_gives(f, points):
    program = tapead.record(f, *points[0], argnums=(0, 1, 2), on_branch="record")
    for xs in points:
        same(program.value_and_grad(*xs), tapead.value_and_grad(f, (0, 1, 2))(*xs))
        same(program(*xs), traced(f, *xs))


@settings(max_examples=60)
@given(branching(), st.lists(st.tuples(numbers, numbers, numbers), min_size=3, max_size=12))
def test_random_branches_are_right_or_refused(f, points):
    program = tapead.record(f, *points[0], argnums=(0, 1, 2))
    for xs in points:
        try:
            found = program.value_and_grad(*xs)
        except tapead.BranchChanged:
            continue
        same(found, tapead.value_and_grad(f, (0, 1, 2))(*xs))


@settings(max_examples=30)
@given(branching(), st.lists(st.tuples(numbers, numbers, numbers), min_size=9, max_size=20))
def test_few_paths_give_the_same_answers(f, points):
    fast = tapead.compile(f, max_paths=2)
    for xs in points:
        same(fast(*xs), traced(f, *xs))
        stats = fast.stats()
        assert stats["paths"] <= 2
        assert stats["recorded"] - stats["dropped"] == stats["paths"]


def kinds(x, y=None):
    """Answers by the kind of its arguments."""
    if isinstance(x, dict):
        return {key: value * 2.0 for key, value in x.items()}
    if isinstance(x, Point):
        return Point(x.y, x.x)
    if isinstance(x, (list, tuple)):
        return type(x)([kinds(item) for item in x])
    if isinstance(x, np.ndarray):
        return x * 2.0 if x.dtype != object else x * 3.0
    if isinstance(x, str):
        return x + "!"
    if x is None or isinstance(x, bool):
        return not x
    if isinstance(x, int):
        return x // 2
    return x * (3.0 if y is None else y)


ANSWERS = {
    "float": (2.5,), "int": (7,), "large int": (2**70,), "bool": (True,), "false": (False,),
    "None": (None,), "str": ("a",), "nan": (NAN,), "inf": (-INF,), "-0.0": (-0.0,),
    "list": ([1.0, 2],), "longer list": ([1.0, 2, 3.5],), "empty list": ([],),
    "tuple": ((1.0, (2, 3.0)),), "empty tuple": ((),), "dict": ({"a": 1.0, "b": 2.0},),
    "dict in another order": ({"b": 1.0, "a": 2.0},), "dict of ints": ({"a": 1, "b": 2},),
    "empty dict": ({},), "namedtuple": (Point(1.0, 2),), "two": (1.0, 2.0),
    "float and int": (1.0, 2),
    "int and float": (3, 2.0), "one": (1,), "one as a float": (1.0,), "one as a bool": (True,),
    "array of ints": (np.arange(3),), "zero": (0.0,), "zero as an int": (0,),
    "list of Nones": ([None, None],), "numpy int": (np.int64(3),), "numpy bool": (np.True_,),
}  # fmt: skip


def test_answers_are_those_of_the_function_in_type_and_order():
    """One compiled function sees all kinds of arguments, twice, in random order."""
    fast = tapead.compile(kinds, max_paths=len(ANSWERS) + 9)
    cases = 3 * list(ANSWERS)
    np.random.default_rng(0).shuffle(cases)
    for case in cases:
        args = ANSWERS[case]
        assert same(fast(*args), kinds(*args)), case
    assert fast.stats()["recorded"] <= len(ANSWERS)


RESULTS = {
    "int": lambda x: 3,
    "int by a branch": lambda x: 3 if x > 0 else 4.0,
    "bool": lambda x: x > 0,
    "str": lambda x: "positive" if x > 0 else "negative",
    "None": lambda x: None,
    "int of x": int,
    "round": round,
    "mixed": lambda x: [x, 1, True, None, "s", {"k": (x, 2)}],
    "array": lambda x: np.array([x, x * 2.0]),
    "array of ints": lambda x: np.array([1, 2]),
    "float32": lambda x: np.array([1.0, 2.0], np.float32),
    "numpy float": lambda x: np.float64(3.0),
    "lists by a branch": lambda x: [x] * (2 if x > 0 else 3),
    "identity": lambda x: x,
    "empty": lambda x: {},
    "negative zero": lambda x: -0.0 * x,
}


@pytest.mark.parametrize("case", RESULTS)
def test_result_is_that_of_the_function_in_type(case):
    f = RESULTS[case]
    fast = tapead.compile(f)
    for x in (2.0, -2.0, 2.0, 3.25, -0.0, -7.5, 2.0):
        same(fast(x), f(x))


def test_mutable_result_is_new_at_every_call():
    fast = tapead.compile(lambda x: [x, [1, 2], np.array([x, 1.0]), np.array([1, 2])])
    for _ in range(3):
        found = fast(2.0)
        same(found, [2.0, [1, 2], np.array([2.0, 1.0]), np.array([1, 2])])
        found[1].append(3)
        found[2][:] = 9.0
        found[3][:] = 9
        found.clear()


def test_stats_say_what_became_of_the_calls():
    fast = tapead.compile(lambda x: x * x if x > 0 else -x, max_paths=2)
    fast(1.0), fast(2.0), fast(-1.0), fast(-2.0), fast(3.0)
    assert fast.stats() == {"recorded": 2, "replayed": 5, "dropped": 0, "paths": 2}
    fast(1)  # an int is another path
    assert fast.stats() == {"recorded": 3, "replayed": 6, "dropped": 1, "paths": 2}
    fast(-1.0)  # was the least recently used one
    assert fast.stats()["recorded"] == 4


@pytest.mark.parametrize("x", [2.0, -2.0, [1.0, 2.0], np.array([1.0, 2.0])], ids=repr)
def test_transforms_of_a_compiled_function_replay(x):
    calls = []

    def f(x):
        calls.append(x)
        if hasattr(x, "__len__"):
            return x[0] * tapead.sin(x[1]) + x[0]
        return x**3 if x > 0 else tapead.exp(x)

    fast = tapead.compile(f)
    ones = [1.0, 1.0] if isinstance(x, list) else x * 0.5
    transforms = {
        "value": lambda f: f(x),
        "grad": lambda f: tapead.grad(f)(x),
        "value_and_grad": lambda f: tapead.value_and_grad(f)(x),
        "jvp": lambda f: tapead.jvp(f, (x,), (ones,)),
        "vjp": lambda f: tapead.vjp(f, x)[1](2.0),
        "hvp": lambda f: tapead.hvp(f, (x,), (ones,)),
        "hessian": lambda f: tapead.hessian(f)(x),
        "jacobian": lambda f: tapead.jacobian(f)(x),
        "jacfwd": lambda f: tapead.jacfwd(f)(x),
        "jacrev": lambda f: tapead.jacrev(f)(x),
    }
    for transform in transforms.values():
        transform(fast)
    recorded = len(calls)
    assert recorded == fast.stats()["recorded"] == 1
    for name, transform in transforms.items():
        found = transform(fast)
        assert len(calls) == recorded, name
        if isinstance(x, np.ndarray):  # eagerly by kernels of arrays: zeros may differ in sign
            np.testing.assert_allclose(
                np.hstack(tapead._containers.leaves(found)),
                np.hstack(tapead._containers.leaves(transform(f))),
                rtol=1e-15,
            )
        else:
            assert same(found, transform(f)), name
        calls[recorded:] = []


@pytest.mark.parametrize("argnums", [0, 1, (1, 0), (0, 1), -1, ()])
def test_argnums_of_a_compiled_function_are_those_of_the_transform(argnums):
    def f(x, y):
        return x[0] * y**2 + x[1]

    fast = tapead.compile(f)
    for _ in range(2):
        for name in ("grad", "value_and_grad", "hessian", "jacobian"):
            transform = getattr(tapead, name)
            same(transform(fast, argnums)([3.0, 2.0], 5.0), transform(f, argnums)([3.0, 2.0], 5.0))


def test_ints_count_as_floats_where_they_are_differentiated():
    def f(x, n):
        return x**n

    fast = tapead.compile(f)
    for _ in range(2):
        same(tapead.grad(fast)(3, 2), tapead.grad(f)(3, 2))
        same(tapead.grad(fast)(3.0, 3), 27.0)
        same(tapead.grad(fast, (0, 1))(3, 2), tapead.grad(f, (0, 1))(3, 2))
        same(fast(3, 2), 9)


def test_auxiliary_result_of_a_compiled_function():
    def f(x):
        return (x * x, [x, 7]) if x > 0 else (-x, "negative")

    fast = tapead.compile(f)
    for x in (2.0, -2.0, 3.0):
        for name in ("grad", "value_and_grad", "hessian", "jacobian"):
            transform = getattr(tapead, name)
            same(transform(fast, has_aux=True)(x), transform(f, has_aux=True)(x))
        same(fast(x), f(x))


def test_keywords_and_defaults():
    def f(x, y=2.0, *rest, scale, power=2, **more):
        return scale * (x + y) ** power + sum(rest) + sum(more.values())

    fast = tapead.compile(f)
    calls = [((1.0,), {"scale": 2.0}), ((1.0, 3.0), {"scale": 2.0, "power": 3}),
             ((1.0,), {"y": 3.0, "scale": 2.0}), ((1.0, 2.0, 3.0, 4), {"scale": 1}),
             ((1.0,), {"scale": 2.0, "a": 1.0, "b": 2}), ((1.0,), {"b": 2, "a": 1.0, "scale": 2.0}),
             ((1,), {"scale": 2.0}), ((1.0,), {"scale": 2.0, "power": 2})]  # fmt: skip
    for args, kwargs in calls * 2:
        same(fast(*args, **kwargs), f(*args, **kwargs))
        same(tapead.grad(fast)(*args, **kwargs), tapead.grad(f)(*args, **kwargs))
    with pytest.raises(TypeError, match="scale"):
        fast(1.0)


class Model:
    """A method that is compiled."""

    def __init__(self, rate):
        self.rate = rate

    @tapead.compile
    def price(self, x):
        """Price at x."""
        return self.rate * x if x > 0 else -x


def test_compiled_method_knows_its_instance():
    one, other = Model(2.0), Model(5.0)
    for _ in range(2):
        assert (one.price(3.0), other.price(3.0), one.price(-3.0)) == (6.0, 15.0, 3.0)
        assert tapead.grad(one.price)(3.0) == 2.0
        assert tapead.grad(other.price)(3.0) == 5.0
    assert Model.price(one, 3.0) == 6.0
    assert Model.price.__doc__ == "Price at x."


def test_decorator_keeps_the_function_s_name():
    @tapead.compile(max_paths=3)
    def volume(r: float) -> float:
        """Volume of a ball."""
        return r**3

    assert (volume.__name__, volume.__doc__) == ("volume", "Volume of a ball.")
    assert volume.__wrapped__(2.0) == 8.0
    assert volume.__annotations__ == {"r": float, "return": float}
    assert "volume" in repr(volume)
    assert (volume(2.0), tapead.grad(volume)(2.0)) == (8.0, 12.0)


def test_exception_of_the_function_leaves_nothing_behind():
    def f(x):
        if x > 5.0:
            raise LookupError(f"too large: {x.value}")
        return x * x

    fast = tapead.compile(f)
    for _ in range(3):
        for x in (1.0, 2.0, 3.0):
            assert (fast(x), tapead.grad(fast)(x)) == (x * x, 2 * x)
            with pytest.raises(LookupError, match=r"too large: 9\.0"):
                fast(9.0)
            with pytest.raises(LookupError):
                tapead.hessian(fast)(9.0)
    assert fast.stats()["recorded"] == 1


def test_function_that_calls_itself():
    @tapead.compile
    def f(x):
        return x if x < 1.0 else x * f(x - 1.0)

    def plain(x):
        return x if x < 1.0 else x * plain(x - 1.0)

    for x in (0.5, 3.5, 1.5, 2.25, 3.25):
        same(f(x), traced(plain, x))
        same(tapead.grad(f)(x), tapead.grad(plain)(x))
        same(tapead.hessian(f)(x), tapead.hessian(plain)(x))


def test_compiled_function_that_calls_another():
    @tapead.compile
    def inner(x, n):
        return x**n if x > 0 else tapead.sin(x)

    def outer(f):
        return lambda x: f(x, 2) * f(-x, 3) + tapead.grad(f)(x * x, 3)

    fast, plain = tapead.compile(outer(inner)), outer(inner.__wrapped__)
    for x in (2.0, -2.0, 0.5, 2.0, 3.0):
        same(fast(x), traced(plain, x))
        same(tapead.grad(fast)(x), tapead.grad(plain)(x))
        same(tapead.grad(tapead.grad(fast))(x), tapead.grad(tapead.grad(plain))(x))
    assert fast.stats()["recorded"] == 2


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, None, "2"])
def test_max_paths_is_checked(wrong):
    with pytest.raises(ValueError, match="max_paths"):
        tapead.compile(abs, max_paths=wrong)


def test_function_is_checked():
    with pytest.raises(TypeError, match="function"):
        tapead.compile(3)


def test_partial_and_callable_object():
    class Scaled:
        def __call__(self, x):
            return x * 3.0

    for f in (functools.partial(lambda a, x: a * x, 3.0), Scaled()):
        fast = tapead.compile(f)
        assert (fast(2.0), tapead.grad(fast)(2.0)) == (6.0, 3.0)
        repr(fast)


def test_pickle_keeps_the_function():
    fast = tapead.compile(kinds, max_paths=5)
    fast(1.0)
    again = pickle.loads(pickle.dumps(fast))
    same(again(2.0), 6.0)
    assert again.stats()["recorded"] == 1
