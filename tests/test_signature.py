"""Signatures: trees to rows of doubles and back, exactly, or a clear error."""

import collections
import dataclasses
import fractions
import math
import pickle
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapead
from tapead._numpy import elements
from tapead._signature import Leaf, Signature


class Point(NamedTuple):
    x: object
    y: object


@dataclasses.dataclass
class Pair:
    x: object
    y: object = "text"


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    x: object
    y: object = 2.0


FLOAT64 = np.dtype(np.float64)
numbers = st.floats(allow_nan=False)
arrays = st.builds(
    lambda shape, dtype: np.arange(math.prod(shape)).astype(dtype).reshape(shape),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from([np.float16, np.float32, np.float64]),
)
statics = st.sampled_from([None, True, 3, "text", b"bytes", 2j, Signature])
keys = st.one_of(st.text(max_size=2), st.integers(0, 3))


def containers(children):
    return st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(keys, children, max_size=3),
        st.builds(Point, children, children),
        st.builds(Pair, children, children),
        st.builds(Frozen, children, children),
        st.lists(children, max_size=3).map(collections.deque),
        st.dictionaries(keys, children, max_size=3).map(collections.OrderedDict),
    )


leaves = st.one_of(numbers, numbers, arrays, statics)
trees = st.recursive(leaves, containers, max_leaves=8)


def same(x, y):
    """Whether two trees are equal, arrays and types included."""
    if type(x) is not type(y):
        return False
    if isinstance(x, np.ndarray):
        return x.dtype == y.dtype and np.array_equal(x, y)
    if isinstance(x, dict):
        return list(x) == list(y) and all(same(x[key], y[key]) for key in x)
    if isinstance(x, (list, tuple, collections.deque)):
        return len(x) == len(y) and all(map(same, x, y))
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        return all(same(getattr(x, f.name), getattr(y, f.name)) for f in dataclasses.fields(x))
    return x == y


# -- there and back --------------------------------------------------------------------------


@given(trees)
def test_what_is_read_is_built_again(tree):
    signature = Signature(tree, static_ints=True, strict=True)
    numbers = signature.read_numbers(tree)
    assert len(numbers) == signature.n
    assert same(signature.build_from(numbers), tree)
    signature.explain(tree)


@given(trees)
def test_leaves_lie_one_after_another(tree):
    signature = Signature(tree)
    offset = 0
    for leaf, x in zip(signature.leaves(), signature.flatten(tree), strict=True):
        assert leaf.kind == ("array" if isinstance(x, np.ndarray) else "number")
        assert (leaf.offset, leaf.shape) == (offset, np.shape(x))
        offset += np.size(x)
    assert offset == signature.n


@given(trees)
def test_flattened_trees_are_put_together_again(tree):
    signature = Signature(tree, static_ints=True)
    assert same(signature.unflatten(signature.flatten(tree)), tree)


@given(trees, trees)
def test_a_strict_signature_reads_what_has_the_same_signature(tree, other):
    signature = Signature(tree, static_ints=True, strict=True)
    its = Signature(other, static_ints=True, strict=True)
    fits = signature.read_numbers(other) is not None
    assert fits == (signature == its)
    if fits:
        assert hash(signature) == hash(its)
        signature.explain(other)
    else:
        with pytest.raises((TypeError, ValueError), match="the tree"):
            signature.explain(other)


@given(trees)
def test_a_pickled_signature_is_equal(tree):
    signature = Signature(tree, strict=True)
    again = pickle.loads(pickle.dumps(signature))
    assert (again, hash(again)) == (signature, hash(signature))
    assert again.read_numbers(tree) == signature.read_numbers(tree)


@pytest.mark.parametrize(
    ("x", "number"),
    [(3, 3.0), (np.float32(0.5), 0.5), (np.int8(-1), -1.0), (fractions.Fraction(1, 4), 0.25)],
    ids=lambda x: type(x).__name__,
)
def test_numbers_of_any_type_come_back_as_floats(x, number):
    signature = Signature([x])
    assert signature.read_numbers([x]) == Signature([0.0]).read_numbers([x]) == [number]
    assert type(signature.build_from([number])[0]) is float


def test_a_row_of_arrays_is_in_c_order():
    x = np.arange(6.0).reshape(2, 3)
    fortran = np.asfortranarray(x)
    assert Signature(x).read_numbers(fortran) == list(range(6))
    assert Signature(x).read_numbers(np.arange(12.0).reshape(2, 6)[:, ::2]) == [0, 2, 4, 6, 8, 10]
    assert Signature(x[::-1]).read_numbers(x[::-1]) == [3, 4, 5, 0, 1, 2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_arrays_of_floats_stand_for_each_other_unless_it_is_strict(dtype):
    x = np.array([0.5, -1e-3], dtype=dtype)
    expected = x.astype(float).tolist()
    assert Signature(np.zeros(2)).read_numbers(x) == expected
    built = Signature(x).build_from(expected)
    assert built.dtype == dtype
    assert np.array_equal(built, x)
    strict = Signature(np.zeros(2), strict=True).read_numbers(x)
    assert strict == (expected if dtype is np.float64 else None)


def test_numbers_too_large_for_the_dtype_become_infinite():
    for dtype in (np.float16, np.float32):
        built = Signature(np.zeros(1, dtype=dtype)).build_from([1e300])
        assert built[0] == np.inf


def test_an_array_without_dimensions_stays_one():
    built = Signature(np.array(1.5)).build_from([2.5])
    assert isinstance(built, np.ndarray)
    assert (built.shape, built.item()) == ((), 2.5)


def test_an_object_array_comes_back_as_float64():
    x = np.array([1, 2.5, np.float32(0.5)], dtype=object)
    signature = Signature(x)
    assert signature.leaves() == [Leaf("array", (3,), FLOAT64, 0)]
    assert signature.read_numbers(x) == [1.0, 2.5, 0.5]
    assert signature.build_from([1.0, 2.0, 3.0]).dtype == FLOAT64
    assert signature.read_numbers(np.array([1.0, None, 2.0])) is None


def test_traced_numbers_make_a_signature_that_reads_floats_alone():
    with tapead.Tape() as tape:
        x = tape.variable(2.0)
        signature = Signature((x, elements([x, 1.0])))
    assert signature == Signature((1.0, np.array([1.0, 2.0], dtype=object)))
    assert signature.read_numbers((x, np.zeros(2))) is None
    assert signature.read_numbers((1.0, elements([x, 1.0]))) is None
    with pytest.raises(TypeError, match="expected a float as the result; got a traced value"):
        Signature(1.0).explain(x, "the result")


def test_a_dict_in_another_order_is_read_by_key_unless_it_is_strict():
    signature = Signature({"a": 1.0, "b": 2.0})
    assert signature.read_numbers({"b": 2.0, "a": 1.0}) == [1.0, 2.0]
    strict = Signature({"a": 1.0, "b": 2.0}, strict=True)
    assert strict.read_numbers({"b": 2.0, "a": 1.0}) is None
    assert strict != Signature({"b": 2.0, "a": 1.0}, strict=True)


# -- static leaves ---------------------------------------------------------------------------


def test_an_int_is_static_if_asked_for():
    assert Signature([2, 0.5]).n == 2
    signature = Signature([2, 0.5], static_ints=True)
    assert signature.read_numbers([2, 1.5]) == [1.5]
    assert signature.read_numbers([2.0, 1.5]) is signature.read_numbers([3, 1.5]) is None


@pytest.mark.parametrize(
    "other", [1, 1.0, np.True_, None, "True", np.array([True]), np.array(True)], ids=repr
)
def test_a_static_leaf_must_be_of_the_same_type(other):
    assert Signature(True).read_numbers(True) == []
    assert Signature(True).read_numbers(other) is None


def test_static_arrays_are_compared_and_copied():
    x = np.arange(3)
    signature = Signature({"index": x, "x": 1.0})
    x[0] = 7
    assert signature.read_numbers({"index": np.arange(3), "x": 2.0}) == [2.0]
    for other in (x, np.arange(3, dtype=np.int32), np.arange(4), [0, 1, 2]):
        assert signature.read_numbers({"index": other, "x": 2.0}) is None
    built = signature.build_from([1.0])["index"]
    built[0] = 9
    assert signature.build_from([1.0])["index"][0] == 0


def test_a_set_that_changes_is_another():
    names = {"a"}
    signature = Signature((names, 1.0))
    names.add("b")
    assert signature.read_numbers((names, 1.0)) is None
    assert signature.read_numbers(({"a"}, 1.0)) == [1.0]


@pytest.mark.parametrize(
    "x",
    [np.ma.masked_array([1.0, 2.0], [True, False]), np.zeros(2, dtype=">f8"),
     np.zeros(2, dtype="M8[s]"), np.array(["a", None], dtype=object)],
    ids=["masked", "swapped", "dates", "objects"],
)  # fmt: skip
def test_arrays_that_are_not_plain_floats_are_static(x):
    signature = Signature([x])
    assert signature.n == 0
    assert signature.read_numbers([x.copy()]) == []
    assert Signature(np.zeros(2)).read_numbers(x) is None


def test_a_comparison_without_truth_value_is_no_match():
    class Odd:
        def __eq__(self, other):
            return np.array([True, True])

        __hash__ = None

    assert Signature(Odd()).read_numbers(Odd()) is None


def test_attributes_of_a_dataclass_that_are_no_fields_are_static():
    pair = Pair(1.0, 2.0)
    pair.scale = [3.0]
    signature = Signature(pair)
    assert signature.read_numbers(Pair(1.0, 2.0)) is None
    assert signature.build_from([5.0, 6.0]).scale == [3.0]
    pair.scale.append(4.0)
    assert signature.read_numbers(pair) is None
    with pytest.raises(ValueError, match=r"^the tree\.scale was \[3\.0\] when"):
        signature.explain(pair)


@pytest.mark.parametrize(
    "x", [True, "text", None, 2j, np.arange(2), np.array(["a", 1.0], dtype=object), [1.0, {"a"}]],
    ids=repr,
)  # fmt: skip
def test_static_leaves_are_refused_as_grad_refuses_them(x):
    with pytest.raises(TypeError) as expected:
        tapead.grad(lambda x: 1.0)(x)
    with pytest.raises(TypeError) as got:
        Signature((1.0, x), refusing="grad")
    assert str(got.value) == str(expected.value)


# -- what is kept ----------------------------------------------------------------------------


def test_the_example_may_change():
    tree = [1.0, {"x": [2.0]}, np.zeros(2), Pair([1.0], None)]
    signature = Signature(tree)
    tree[1]["x"].append(3.0)
    tree[3].x.append(2.0)
    assert signature.read_numbers([1, {"x": [2]}, np.ones(2), Pair([4], None)]) == [1, 2, 1, 1, 4]


def test_a_list_that_changes_while_it_is_read_does_not_fit():
    class Shrinking(float):
        def __float__(self):
            tree.clear()
            return 1.0

    signature = Signature([1.0] * 3)
    tree = [1.0, Shrinking(2.0), 3.0]
    assert signature.read_numbers(tree) is None


def test_errors_of_a_number_are_the_callers():
    with pytest.raises(OverflowError):
        Signature(1.0).read_numbers(10**400)


def test_containers_nested_too_deeply_are_an_error():
    endless, deep = [], 1.0
    endless.append(endless)
    for _ in range(100_000):
        deep = [deep]
    for tree in (endless, deep):
        with pytest.raises(RecursionError):
            Signature(tree)
    shallow = Signature([[1.0, "s"], "s"])
    assert shallow.read_numbers(endless) is None
    assert Signature([Pair([None])]).read_numbers([Pair(endless)]) is None
    while deep != 1.0 and isinstance(deep, list):  # a deep list is not compared, nor freed, deeply
        deep = deep[0]


# -- errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "got", "error", "text"),
    [
        (([1.0] * 3,), ([1.0] * 4,), ValueError,
         "expected a list of 3 floats as argument 1; got a list of 4"),
        ((1.0,), (1.0, 2.0), ValueError, "expected 1 argument; got 2"),
        ((1.0,), ("a",), TypeError, "expected a float as argument 1; got a str"),
        ((1.0,), ([1.0],), ValueError, "expected a float as argument 1; got a list of 1"),
        ((1.0, {"w": [1.0, 2.0]}), (1.0, {"w": [1.0, None]}), TypeError,
         "expected a float as argument 2['w'][1]; got a NoneType"),
        (({"a": 1.0},), ({"b": 1.0},), ValueError,
         "expected a dict with keys ['a'] as argument 1; got a dict with keys ['b']"),
        ((np.zeros(3),), (np.zeros((3, 1)),), ValueError,
         "expected an array of shape (3,) as argument 1; got an array of shape (3, 1)"),
        ((np.zeros(3),), (np.arange(3),), TypeError,
         ("expected an array of floats as argument 1; got one of int64, "
         "convert it with x.astype(float)")),
        ((np.zeros(3),), ([0.0] * 3,), ValueError,
         "expected an array of shape (3,) as argument 1; got a list of 3"),
        ((1.0, "fast"), (1.0, "slow"), ValueError,
         ("argument 2 was 'fast' when the program was recorded and is part of it; got 'slow': "
         "record again")),
        ((np.arange(3),), (np.arange(4),), ValueError,
         ("argument 1 was an array of int64 when the program was recorded and is part of it; "
         "got an array of shape (4,): record again, or pass floats there")),
        ((Point(1.0, Pair(2.0)),), (Point(1.0, Pair("a")),), TypeError,
         "expected a float as argument 1.y.x; got a str"),
        ((Point(1.0, 2.0),), ((1.0, 2.0),), ValueError,
         "expected a Point as argument 1; got a tuple of 2"),
    ],
)  # fmt: skip
def test_explain_names_the_first_difference(wanted, got, error, text):
    with pytest.raises(error) as caught:
        Signature(wanted).explain(got, "argument")
    assert str(caught.value) == text


def test_flatten_checks_containers_and_lets_shapes_be():
    signature = Signature([1.0, np.zeros(2), {"mode": "fast", "x": 2.0}])
    batch = [np.zeros(5), np.zeros((5, 2)), {"mode": None, "x": np.ones(5)}]
    flat = signature.flatten(batch)
    assert [x.shape for x in flat] == [(5,), (5, 2), (5,)]
    assert signature.unflatten(flat)[2]["mode"] == "fast"
    for wrong in (batch[:2], [[1.0], *batch[1:]], [*batch[:2], {"mode": None}], 1.0):
        with pytest.raises(ValueError, match="as the tangents"):
            signature.flatten(wrong, "the tangents")
    with pytest.raises(ValueError, match="expected 3 leaves; got 2"):
        signature.unflatten(flat[:2])


# -- parts -----------------------------------------------------------------------------------


def test_children_and_where_they_begin():
    arguments = ([1.0, 2.0], np.zeros(3), "static", 4.0)
    signature = Signature(arguments)
    assert signature.children == tuple(map(Signature, arguments))
    assert signature.offsets == (0, 2, 5, 5)
    assert signature.select(1) == Signature(np.zeros(3))
    assert signature.select((3, 0)) == Signature((4.0, [1.0, 2.0]))
    assert signature.select((3,)) == Signature((4.0,))
    assert Signature.pair(Signature(1.0), Signature([2.0])) == Signature((1.0, [2.0]))
    assert Signature((1.0, 2.0)).select(1) == Signature(2.0)
    for where in (4, -1, (0, 9)):
        with pytest.raises(IndexError, match="there is no child"):
            signature.select(where)
    with pytest.raises(TypeError, match="a float has no children"):
        _ = Signature(1.0).children
