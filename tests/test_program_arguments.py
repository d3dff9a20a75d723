"""Arguments and results of a Program: containers, static parts, keywords, and what is refused."""

import collections
import contextlib
import dataclasses

import numpy as np
import pytest
from branches import same

import tapead

Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class State:
    """Position and velocity."""

    position: list
    velocity: np.ndarray


def of_list(x):
    return x[0] * x[1]


def of_dict(d):
    return d["b"] * d["a"] ** 2


def of_point(p):
    return p.x * tapead.sin(p.y)


def of_state(s):
    return sum(s.position) * np.sum(s.velocity * s.velocity)


def of_nested(t):
    return t[0]["u"][1] * t[1].x + np.sum(t[0]["v"])


def of_matrix(a):
    return np.sum(a @ a)


def first(x):
    return x * 3.0


# function of one argument, example, another argument
CONTAINERS = {
    "float": (lambda x: x * x, 1.0, 3.0),
    "int": (lambda x: x * x, 1, 3.0),
    "int for a float": (lambda x: x * x, 1.0, 3),
    "numpy float": (lambda x: x * x, np.float64(1.0), np.float64(3.0)),
    "list": (of_list, [1.0, 2.0], [5.0, 7.0]),
    "tuple": (of_list, (1.0, 2.0), (5.0, 7.0)),
    "dict": (of_dict, {"a": 1.0, "b": 2.0}, {"a": 5.0, "b": 7.0}),
    "dict in another order": (of_dict, {"a": 1.0, "b": 2.0}, {"b": 7.0, "a": 5.0}),
    "namedtuple": (of_point, Point(1.0, 2.0), Point(5.0, 7.0)),
    "dataclass": (
        of_state,
        State([1.0, 2.0], np.array([3.0, 4.0])),
        State([5.0, 7.0], np.array([0.5, -1.0])),
    ),
    "nested": (
        of_nested,
        ({"u": [1.0, 2.0], "v": np.ones((2, 2))}, Point(1.0, 2.0)),
        ({"u": [5.0, 7.0], "v": np.arange(4.0).reshape(2, 2)}, Point(-1.0, 8.0)),
    ),
    "array": (lambda x: np.sum(x * x), np.ones(3), np.arange(3.0)),
    "array of float32": (
        lambda x: np.sum(x * x),
        np.ones(3, np.float32),
        np.array([0.5, 0.25, 3.0], np.float32),  # exact in float32: numbers are replayed in double
    ),
    "matrix": (of_matrix, np.eye(3), np.arange(9.0).reshape(3, 3)),
    "Fortran order": (of_matrix, np.eye(3), np.asfortranarray(np.arange(9.0).reshape(3, 3))),
    "strided": (lambda x: np.sum(x * x), np.ones(3), np.arange(6.0)[::-2]),
    "0-d": (lambda x: x * x, np.array(1.0), np.array(3.0)),
    "list of arrays": (lambda x: np.sum(x[0] * x[1]), [np.ones(2)] * 2, [np.arange(2.0)] * 2),
}

# an example of a result each; what it is made of is to come back
RESULTS = {
    "tuple": lambda x: (x, x * x),
    "list": lambda x: [x, [x * 2.0]],
    "dict": lambda x: {"b": x, "a": x * x},
    "namedtuple": lambda x: Point(x, -x),
    "dataclass": lambda x: State([x], np.array([x, x * x])),
    "array": lambda x: np.array([x, x * x]),
    "matrix": lambda x: np.array([[x, 1.0], [0.0, x * x]]),
    "empty list": lambda x: [],
    "empty array": lambda x: np.zeros(0) * x,
    "0-d": lambda x: np.array(2.0) * x,
    "constant": lambda x: (1.5, x),
    "repeated": lambda x: [x, x, x],
}


def sorted_keys(tree):
    """The tree with its dicts in one order: a program's are in the recorded one."""
    if isinstance(tree, dict):
        return {key: sorted_keys(tree[key]) for key in sorted(tree)}
    return tuple(map(sorted_keys, tree)) if type(tree) is tuple else tree


@pytest.mark.parametrize("case", CONTAINERS)
def test_argument_s_container_is_kept(case):
    f, example, other = CONTAINERS[case]
    program = tapead.record(f, example)
    pairs = (
        (program(other), tapead.vjp(f, other)[0]),
        (program.grad(other), tapead.grad(f)(other)),
        (program.value_and_grad(other), tapead.value_and_grad(f)(other)),
        (program.jvp((other,), (other,)), tapead.jvp(f, (other,), (other,))),
        (program.hvp((other,), (other,)), tapead.hvp(f, (other,), (other,))),
        (program.hessian(other), tapead.hessian(f)(other)),
    )
    for found, wanted in pairs:
        same(sorted_keys(found), sorted_keys(wanted))


@pytest.mark.parametrize("case", RESULTS)
def test_result_s_container_is_kept(case):
    f = RESULTS[case]
    program = tapead.record(f, 1.0)
    wanted, pullback = tapead.vjp(f, 3.0)
    found, replayed_pullback = program.vjp(3.0)
    same(program(3.0), wanted)
    same(found, wanted)
    same(replayed_pullback(wanted), pullback(wanted))
    same(program.jvp((3.0,), (1.0,)), tapead.jvp(f, (3.0,), (1.0,)))
    same(program.jacobian(3.0), tapead.jacobian(f)(3.0))


@pytest.mark.parametrize("argnums", [0, 1, -1, (0,), (1, 0), (0, -1), ()])
def test_argnums_choose_as_in_the_transforms(argnums):
    def f(x, y):
        return x[0] * y**2 + x[1]

    at = ([3.0, 2.0], 5.0)
    for program, options in (
        (tapead.record(f, [1.0, 1.0], 1.0, argnums=argnums), {}),
        (tapead.record(f, [1.0, 1.0], 1.0), {"argnums": argnums}),
    ):
        for name in ("grad", "value_and_grad", "hessian", "jacobian"):
            same(getattr(program, name)(*at, **options), getattr(tapead, name)(f, argnums)(*at))


def test_auxiliary_result_is_replayed():
    def f(x):
        return x * x, {"root": tapead.sqrt(x), "n": 7}

    program = tapead.record(f, 1.0, has_aux=True)
    for name in ("grad", "value_and_grad", "hessian", "jacobian"):
        same(getattr(program, name)(4.0), getattr(tapead, name)(f, has_aux=True)(4.0))
    same(program.jvp((4.0,), (1.0,)), tapead.jvp(f, (4.0,), (1.0,), has_aux=True))
    value, pullback, aux = program.vjp(4.0)
    same((value, pullback(1.0), aux), (16.0, (8.0,), {"root": 2.0, "n": 7}))
    same(program(4.0), (16.0, {"root": 2.0, "n": 7}))


def test_int_of_the_result_stays_an_int():
    same(tapead.record(lambda x: (x, 3, True, "s", None), 1.0)(2.0), (2.0, 3, True, "s", None))


def test_keywords_are_arguments():
    def f(x, *, scale, n=2):
        return scale * x**n

    program = tapead.record(f, 1.0, scale=2.0, n=3)
    assert program(2.0, scale=5.0, n=3) == 40.0
    assert program.grad(2.0, n=3, scale=5.0) == 60.0
    assert program.hessian(2.0, scale=5.0, n=3) == 60.0
    with pytest.raises(ValueError, match="3"):
        program(2.0, scale=5.0, n=2)


STATIC = {
    "int": (3, 4), "bool": (True, False), "str": ("sum", "product"), "None": (None, 0),
    "array of ints": (np.array([0, 1]), np.array([1, 0])),
}  # fmt: skip


@pytest.mark.parametrize("case", STATIC)
def test_static_argument_must_be_the_same_again(case):
    one, other = STATIC[case]
    program = tapead.record(lambda x, how: x * 2.0, 1.0, one)
    assert program(3.0, one) == 6.0
    assert program.grad(3.0, one) == 2.0
    for call in (program, program.grad, program.hessian, program.jacobian, program.vjp):
        with pytest.raises((ValueError, TypeError), match="argument 2"):
            call(3.0, other)


def test_static_array_that_was_changed_is_told():
    indices = np.array([0, 1])
    program = tapead.record(lambda x, i: x[i[0]] * 1.0, np.ones(2), indices)
    indices[0] = 1
    with pytest.raises(ValueError, match="argument 2"):
        program(np.ones(2), indices)


# program's example, arguments that do not fit, what the error says
MISFITS = {
    "too few": ((1.0, 2.0), (1.0,), ValueError, "expected 2 arguments; got 1"),
    "too many": ((1.0,), (1.0, 2.0), ValueError, "expected 1 argument; got 2"),
    "none": ((1.0,), (), ValueError, "expected 1 argument; got 0"),
    "list for a float": ((1.0,), ([1.0],), (TypeError, ValueError), "argument 1"),
    "float for a list": (([1.0],), (1.0,), (TypeError, ValueError), "argument 1"),
    "tuple for a list": (([1.0],), ((1.0,),), ValueError, "argument 1"),
    "longer list": (([1.0],), ([1.0, 2.0],), ValueError, "argument 1"),
    "other key": (({"a": 1.0},), ({"b": 1.0},), ValueError, "argument 1"),
    "more keys": (({"a": 1.0},), ({"a": 1.0, "b": 1.0},), ValueError, "argument 1"),
    "other shape": ((np.ones(3),), (np.ones(4),), ValueError, r"\(3,\).*\(4,\)"),
    "other rank": ((np.ones(3),), (np.ones((3, 1)),), ValueError, r"\(3,\).*\(3, 1\)"),
    "float for an array": ((np.ones(1),), (1.0,), TypeError, "argument 1"),
    "array for a float": ((1.0,), (np.ones(1),), (TypeError, ValueError), "argument 1"),
    "array of ints": ((np.ones(3),), (np.arange(3),), TypeError, "astype"),
    "array of bools": ((np.ones(1),), (np.array([True]),), TypeError, "bool"),
    "str": ((1.0,), ("1",), TypeError, "str"),
    "None": ((1.0,), (None,), TypeError, "None"),
    "complex": ((1.0,), (1j,), TypeError, "complex"),
    "bool": ((1.0,), (True,), TypeError, "bool"),
    "object": ((1.0,), (object(),), TypeError, "object"),
    "masked array": ((np.ones(1),), (np.ma.ones(1),), TypeError, "argument 1"),
    "second in a list": (([1.0, 2.0],), ([1.0, "2"],), TypeError, r"\[1\]"),
    "nested": (({"a": [1.0]},), ({"a": [None]},), TypeError, r"\['a'\]\[0\]"),
    "keyword": ((1.0,), (1.0, {"n": 1}), ValueError, "expected 1 argument"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_argument_of_another_kind_is_refused_by_name(case):
    example, args, error, text = MISFITS[case]
    program = tapead.record(lambda *xs: 1.0 * tapead.square(2.0), *example)
    for call in (program, program.grad, program.value_and_grad, program.jacobian,
                 program.hessian, program.vjp):  # fmt: skip
        with pytest.raises(error, match=text):
            call(*args)
    for name in ("jvp", "hvp"):
        with pytest.raises(error, match=text):
            getattr(program, name)(args, example)


def test_replay_is_right_after_a_refused_argument():
    program = tapead.record(lambda x: x[0] * x[1], [1.0, 2.0])
    for bad in ([1.0], [1.0, None], None, "ab"):
        with pytest.raises((TypeError, ValueError)):
            program(bad)
        assert program([3.0, 4.0]) == 12.0
        assert program.grad([3.0, 4.0]) == [4.0, 3.0]


TANGENTS = {
    "not a tuple": (1.0, TypeError, "tuple"),
    "too few": ((), ValueError, "expected"),
    "too many": ((1.0, 2.0), ValueError, "expected"),
    "a list": (([1.0],), (TypeError, ValueError), "tangent"),
    "text": (("a",), TypeError, "str"),
    "None": ((None,), TypeError, "None"),
}


@pytest.mark.parametrize("case", TANGENTS)
@pytest.mark.parametrize("name", ["jvp", "hvp"])
def test_tangent_of_another_kind_is_refused(name, case):
    tangents, error, text = TANGENTS[case]
    program = tapead.record(lambda x: x * x, 1.0)
    with pytest.raises(error, match=text):
        getattr(program, name)((1.0,), tangents)


@pytest.mark.parametrize("adjoint", [(1.0,), [1.0, 2.0, 3.0], {"a": 1.0}, "ab", None, 1.0])
def test_adjoint_of_another_kind_is_refused(adjoint):
    pullback = tapead.record(lambda x: [x, x * x], 1.0).vjp(2.0)[1]
    with pytest.raises((TypeError, ValueError), match="adjoint"):
        pullback(adjoint)
    assert pullback([1.0, 1.0]) == (5.0,)


def test_tangents_in_a_dict_of_another_order_are_taken_by_key():
    program = tapead.record(lambda d: d["a"] * 3.0 + d["b"], {"a": 1.0, "b": 2.0})
    assert program.jvp(({"b": 2.0, "a": 1.0},), ({"b": 0.0, "a": 1.0},))[1] == 3.0


def of_static(x, how):
    return x * 2.0


WRONG = {
    "not a function": (lambda: tapead.record(3.0, 1.0), TypeError, "function"),
    "on_branch": (lambda: tapead.record(abs, 1.0, on_branch="x"), ValueError, "on_branch"),
    "argnums": (lambda: tapead.record(abs, 1.0, argnums="x"), TypeError, "argnums"),
    "argnums twice": (lambda: tapead.record(abs, 1.0, argnums=(0, 0)), ValueError, "twice"),
    "argnums out of range": (lambda: tapead.record(abs, 1.0, argnums=3), TypeError, "argument"),
    "has_aux": (lambda: tapead.record(abs, 1.0, has_aux=True), TypeError, "aux"),
    "several results": (
        lambda: tapead.record(lambda x: [x, x], 1.0).grad(1.0), TypeError, "one number",
    ),
    "grad by a str": (
        lambda: tapead.record(of_static, 1.0, "a").grad(1.0, "a", argnums=1), TypeError, "str",
    ),
    "grad by a static int": (
        lambda: tapead.record(of_static, 1.0, 3).grad(1.0, 3, argnums=1), TypeError, "int",
    ),
    "traced example": (
        lambda: tapead.grad(lambda x: tapead.record(abs, x)(1.0))(1.0), TypeError, "traced",
    ),
    "made by hand": (tapead.Program, TypeError, "record"),
    "no result": (lambda: tapead.record(lambda x: None, 1.0).grad(1.0), TypeError, "one number"),
    "complex result": (lambda: tapead.record(lambda x: 1j, 1.0).grad(1.0), TypeError, "one number"),
    "a float of a traced number": (lambda: tapead.record(float, 1.0), TypeError, "float"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_a_clear_error(case):
    call, error, text = WRONG[case]
    with pytest.raises(error, match=text):
        call()


def test_container_that_holds_itself_is_an_error_not_a_crash():
    loop = [1.0]
    loop.append(loop)
    with pytest.raises((RecursionError, ValueError)):
        tapead.record(lambda t: t[0], loop)
    program = tapead.record(lambda t: t[0] * 2.0, [1.0, [2.0]])
    with pytest.raises((RecursionError, ValueError, TypeError)):
        program(loop)


def test_arguments_that_change_while_they_are_read_do_no_harm():
    class Sly(float):
        """Shortens the list it stands in when it is converted."""

        def __float__(self):
            items.clear()
            return 1.0

    program = tapead.record(lambda x: x[0] + x[1] + x[2], [1.0, 2.0, 3.0])
    items = [1.0]
    items += [Sly(2.0), 3.0]
    with contextlib.suppress(TypeError, ValueError):
        assert program(items) in (5.0, 6.0)
    assert program([1.0, 2.0, 3.0]) == 6.0
