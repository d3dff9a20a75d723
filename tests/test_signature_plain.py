"""Signatures in files, and those who cimport them."""

import collections
import json
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tapead
from tapead._numpy import elements
from tapead._signature import Signature

leaves = st.one_of(
    st.floats(),
    st.sampled_from([None, True, 3, "text"]),
    st.builds(np.zeros, st.lists(st.integers(0, 3), max_size=3),
              st.sampled_from([np.float16, np.float32, np.float64])),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda children: st.one_of(
        st.lists(children, max_size=4),
        st.lists(children, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3), children, max_size=4),
    ),
    max_leaves=12,
)


@given(trees)
def test_a_signature_survives_json(tree):
    signature = Signature(tree, static_ints=True)
    again = Signature.from_plain(json.loads(json.dumps(signature.to_plain())))
    assert (again, hash(again), again.n) == (signature, hash(signature), signature.n)


def test_a_long_list_is_a_short_description():
    assert Signature([1.0] * 10**6).to_plain() == {"list": 10**6}


@pytest.mark.parametrize(
    ("tree", "name"),
    [([collections.deque([1.0])], "a deque"), ({1: 2.0}, "the key 1"), ([2j], "a complex"),
     (collections.namedtuple("Point", "x")(1.0), "a Point"), ([np.arange(3)], "of shape")],
)  # fmt: skip
def test_what_a_file_cannot_hold_is_named(tree, name):
    with pytest.raises(TypeError, match=f"^a file holds .*; got .*{name}"):
        Signature(tree).to_plain()


def nested(depth):
    tree = "float"
    for _ in range(depth):
        tree = {"list": [tree, {"static": 1}]}
    return tree


@pytest.mark.parametrize(
    "plain",
    [None, 1, "floats", [], {}, ["float"], {"list": -1}, {"list": True}, {"list": 2**31},
     {"list": 1.0}, {"list": None}, {"list": "float"}, {"list": [], "dict": []}, {"set": []},
     {"array": [3]}, {"array": [3], "dtype": "int64"}, {"array": [3], "dtype": ["float64"]},
     {"array": 3, "dtype": "float64"}, {"array": [-1], "dtype": "float64"},
     {"array": [2**20, 2**20], "dtype": "float64"}, {"array": [1] * 33, "dtype": "float64"},
     {"array": [0, 2**40], "dtype": "float64"}, {"array": [True], "dtype": "float64"},
     {"array": [3], "shape": "float64"}, {"dict": {"a": "float"}}, {"dict": [["a"]]},
     {"dict": [[1, "float"]]}, {"dict": [["a", "float"], ["a", "float"]]}, {"static": []},
     {"static": {}}, {"list": [{"list": 2**31 - 1}] * 2}, {"list": [{"tuple": 2**30}] * 10},
     nested(101)],
    ids=lambda plain: repr(plain)[:40],
)  # fmt: skip
def test_a_hostile_description_is_a_clear_error(plain):
    with pytest.raises(ValueError, match="this is not the description of a signature"):
        Signature.from_plain(plain)


atoms = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(),
    st.sampled_from(["float", "list", "tuple", "dict", "array", "dtype", "static", "float64"]),
)  # fmt: skip
junk = st.recursive(
    atoms,
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.dictionaries(
            st.sampled_from(["list", "tuple", "dict", "array", "dtype", "static"]),
            children,
            max_size=2,
        ),
    ),
    max_leaves=8,
)


@given(junk)
def test_junk_is_refused_or_is_a_signature(plain):
    try:
        signature = Signature.from_plain(plain)
    except ValueError:
        return
    assert Signature.from_plain(signature.to_plain()) == signature


def test_a_description_nested_without_end_is_a_clear_error():
    with pytest.raises(ValueError, match="more than 100 deep"):
        Signature.from_plain(nested(100_000))


def test_the_deepest_tree_that_a_file_holds():
    assert Signature.from_plain(nested(100)).to_plain() == nested(100)
    tree = [1.0, "s"]
    for _ in range(101):
        tree = [tree, "s"]
    with pytest.raises(ValueError, match="100 deep"):
        Signature(tree).to_plain()


CONSUMER = """
    # cython: language_level=3
    from libc.stdlib cimport free, malloc
    from tapead._signature cimport Signature
    from tapead._tape cimport active_state


    def lift(Signature signature, long first):
        return signature.lift(active_state(), first)


    def numbers_of(tree):
        return Signature.of(tree, False, False, None).numbers_of(tree)


    def through(Signature signature, tree):
        "What is built from what was read."
        cdef double* row = <double*>malloc((signature.n + 1) * sizeof(double))
        try:
            return signature.build(row) if signature.read(tree, row) else None
        finally:
            free(row)
"""
SETUP = """
    from Cython.Build import cythonize
    from setuptools import Extension, setup

    setup(name="signed", ext_modules=cythonize([Extension("signed", ["signed.pyx"])]))
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A small extension module that cimports Signature."""
    folder = tmp_path_factory.mktemp("signed")
    (folder / "signed.pyx").write_text(textwrap.dedent(CONSUMER))
    (folder / "setup.py").write_text(textwrap.dedent(SETUP))
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield pytest.importorskip("signed")


def test_rows_pass_through_c(consumer):
    signature = Signature([1.0, (2.0, "text")])
    assert consumer.through(signature, [3, (0.5, "text")]) == [3.0, (0.5, "text")]
    assert consumer.through(signature, [3, (0.5, "other")]) is None


def test_a_lifted_tree_holds_the_nodes_of_the_tape(consumer):
    with tapead.Tape() as tape:
        inputs = [tape.variable(float(i)) for i in range(5)]
        tree = consumer.lift(Signature(([1.0], np.zeros((2, 1)), {"x": 2.0, "mode": "fast"})), 2)
        assert tree[2]["mode"] == "fast"
        assert [x.value for x in consumer.numbers_of(tree)] == [1.0, 2.0, 3.0, 4.0]
        y = tree[0][0] * tree[1][1, 0] * tree[2]["x"]
    assert (type(tree[1]).__name__, tree[1].shape) == ("Elements", (2, 1))
    assert tape.gradient(y, inputs) == [0.0, 12.0, 0.0, 4.0, 3.0]


def test_lifting_nodes_that_are_not_there_is_an_error(consumer):
    with tapead.Tape() as tape:
        tape.variable(1.0)
        for first in (0, 1, -1, 10**9):
            with pytest.raises(ValueError, match="there are no nodes"):
                consumer.lift(Signature([1.0, 2.0]), first)


def test_numbers_of_a_result_in_order(consumer):
    with tapead.Tape() as tape:
        x = tape.variable(3.0)
        found = consumer.numbers_of({"y": (x, 1.0), "z": elements([[x], [2.0]]), "n": None})
    assert [value if type(value) is float else value.value for value in found] == [3, 1, 3, 2]
    assert found[0] is found[2] is x
