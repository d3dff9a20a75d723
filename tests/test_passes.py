"""Passes: what each does to code by hand."""

import itertools

import numpy as np
import pytest
from coded import NAMES, SPECIAL, everything, expressions, instructions, run
from codes import MARK, code, results, same_bits

from tapead._code import Code


def assert_same_results(data, found, n_inputs, message=""):
    points = np.array(list(itertools.product(SPECIAL, repeat=n_inputs))).T
    for point, one, other in zip(
        points.T, results(data, points).T, results(found, points).T, strict=True
    ):
        assert same_bits(one, other), (message, point)


# -- identities ------------------------------------------------------------------------------

X, Y, C = 0, 1, -1  # operands: two inputs and a constant

# name: instructions, constants, what is left
REMOVED = {
    "x * 1": ([("multiply", X, C)], [1.0], "x0"),
    "1 * x": ([("multiply", C, X)], [1.0], "x0"),
    "x / 1": ([("divide", X, C)], [1.0], "x0"),
    "x - 0": ([("subtract", X, C)], [0.0], "x0"),
    "x + -0": ([("add", X, C)], [-0.0], "x0"),
    "-0 + x": ([("add", C, X)], [-0.0], "x0"),
    "copy": ([("copy", X)], [], "x0"),
    "seed": ([("seed", X)], [], "x0"),
    "--x": ([("negative", X), ("negative", 2)], [], "x0"),
    "x ** 1": ([("power", X, C)], [1.0], "x0"),
    "x * -1": ([("multiply", X, C)], [-1.0], ("negative", "x0")),
    "-1 * x": ([("multiply", C, X)], [-1.0], ("negative", "x0")),
    "x / -1": ([("divide", X, C)], [-1.0], ("negative", "x0")),
    "x + -y": ([("negative", Y), ("add", X, 2)], [], ("subtract", "x0", "x1")),
    "-x + y": ([("negative", X), ("add", 2, Y)], [], ("subtract", "x1", "x0")),
    "x - -y": ([("negative", Y), ("subtract", X, 2)], [], ("add", "x0", "x1")),
    "-x * y": (
        [("negative", X), ("multiply", 2, Y)], [], ("negative", ("multiply", "x0", "x1"))),
    "x / -y": (
        [("negative", Y), ("divide", X, 2)], [], ("negative", ("divide", "x0", "x1"))),
    "-x * -y": (
        [("negative", X), ("negative", Y), ("multiply", 2, 3)], [], ("multiply", "x0", "x1")),
    "-x / -y": (
        [("negative", X), ("negative", Y), ("divide", 2, 3)], [], ("divide", "x0", "x1")),
    "(x * 4) * 3": (
        [("multiply", X, C), ("multiply", 2, -2)], [4.0, 3.0], ("multiply", "x0", 12.0)),
    "(x * 2) * -1.5": (
        [("multiply", X, C), ("multiply", 2, -2)], [2.0, -1.5], ("multiply", "x0", -3.0)),
}  # fmt: skip

KEPT = {
    "x + 0": ([("add", X, C)], [0.0]),
    "0 + x": ([("add", C, X)], [0.0]),
    "x - -0": ([("subtract", X, C)], [-0.0]),
    "0 - x": ([("subtract", C, X)], [0.0]),
    "x * 0": ([("multiply", X, C)], [0.0]),
    "0 / x": ([("divide", C, X)], [0.0]),
    "x ** 0": ([("power", X, C)], [0.0]),
    "x ** 2": ([("power", X, C)], [2.0]),
    "x - x": ([("subtract", X, X)], []),
    "x / x": ([("divide", X, X)], []),
    "x / 3": ([("divide", X, C)], [3.0]),
    "1 / x": ([("divide", C, X)], [1.0]),
    "1 ** x": ([("power", C, X)], [1.0]),
    "1 * nan": ([("multiply", X, C)], [np.nan]),
    "(x * 3) * 4": ([("multiply", X, C), ("multiply", 2, -2)], [3.0, 4.0]),
    "(x * .5) * 2": ([("multiply", X, C), ("multiply", 2, -2)], [0.5, 2.0]),
    "(x * 2) * .5": ([("multiply", X, C), ("multiply", 2, -2)], [2.0, 0.5]),
    "(x * 2**1000) * 2**100": (
        [("multiply", X, C), ("multiply", 2, -2)], [2.0**1000, 2.0**100]),
    "-x - y": ([("negative", X), ("subtract", 2, Y)], []),  # x + y = 0 has the sign of neither
    "(x + y) - y": ([("add", X, Y), ("subtract", 2, Y)], []),
    "(x * y) / y": ([("multiply", X, Y), ("divide", 2, Y)], []),
}  # fmt: skip


@pytest.mark.parametrize("name", REMOVED)
def test_identities_simplify(name):
    steps, constants, wanted = REMOVED[name]
    data = code(2, steps, [1 + len(steps)], constants)
    found = run("dead code", run("identities", data))
    assert expressions(found) == [wanted]
    assert_same_results(data, found, 2, name)


@pytest.mark.parametrize("name", KEPT)
def test_identities_keep_what_is_not_exact(name):
    steps, constants = KEPT[name]
    data = code(2, steps, [1 + len(steps)], constants)
    found = run("identities", data)
    assert len(found.op) == len(steps)
    assert_same_results(data, found, 2, name)


@pytest.mark.parametrize("instruction", [("add", X, C), ("add", C, X)], ids=str)
def test_identities_drop_a_zero_if_reassociation_is_allowed(instruction):
    data = code(1, [instruction], [1], [0.0])
    assert expressions(run("identities", data, reassociate=True)) == ["x0"]
    assert expressions(everything(data, reassociate=True)) == ["x0"]


@pytest.mark.parametrize("outer", ["add", "subtract", "multiply", "divide"])
@pytest.mark.parametrize("inner", [("multiply", X, C), ("divide", X, C), ("negative", X)], ids=str)
@pytest.mark.parametrize("constant", [1.0, -1.0, 2.0, -0.5, 0.0, -0.0, np.nan, np.inf, 2.0**1023])
def test_identities_of_pairs_change_no_bit(inner, outer, constant):
    for swapped, other in itertools.product((False, True), (Y, C, X, 2)):
        operands = (other, 2) if swapped else (2, other)
        data = code(2, [inner, (outer, *operands)], [3], [constant])
        assert_same_results(data, run("identities", data), 2, (inner, operands))


def test_identities_move_a_sign_into_the_next_sum():
    steps = [("negative", 0), ("multiply", 3, 1), ("divide", 4, 2), ("add", 0, 5)]
    found = everything(code(3, steps, [6]))
    assert expressions(found) == [
        ("subtract", "x0", ("divide", ("multiply", "x0", "x1"), "x2"))
    ]  # fmt: skip


def test_identities_leave_a_mark_where_it_is():
    """A mark times 1, or plus -0, would be a number; the rows that carry marks keep them."""
    steps = [("present", 0), ("carry", 1, -1), ("merge", 2, -2), ("number", 2)]
    data = code(1, steps, [2, 3, 4], [1.0, -0.0])
    for found in (run("identities", data), everything(data)):
        for x in [*SPECIAL, MARK]:
            assert same_bits(results(data, [x]), results(found, [x])), x


# -- constant folding ------------------------------------------------------------------------


def test_folding_evaluates_rows_as_they_are_replayed():
    for name in ("sin", "exp", "log", "tanh", "sqrt", "gamma", "erf", "floor", "sign", "relu"):
        for x in SPECIAL:
            data = code(1, [(name, -1)], [1], [x])
            found = run("constant folding", data)
            assert same_bits(results(data, [0.0]), results(found, [0.0])), (name, x)


def test_folding_works_through_a_chain_and_dead_code_drops_the_rest():
    steps = [("multiply", -1, -2), ("exp", 1), ("add", 2, 0)]
    found = run("dead code", run("constant folding", code(1, steps, [3], [2.0, 3.0])))
    assert expressions(found) == [("add", float(np.exp(6.0)), "x0")]
    assert len(found.constants) == 1


def test_folding_of_nothing_but_constants_leaves_no_instruction():
    steps = [("add", -1, -2), ("multiply", 1, 1)]
    found = everything(code(1, steps, [2, -1], [2.0, 3.0]))
    assert len(found.op) == 0
    np.testing.assert_array_equal(results(found, [0.0]), [25.0, 2.0])


def test_folding_keeps_a_mark_an_instruction():
    """A mark is no constant: `sign`'s partial of a constant is absent at every point."""
    steps = [("present", -1), ("relu_partial_x", -2), ("merge", 1, 0), ("join", 0, 2)]
    data = code(1, steps, [1, 2, 3, 4], [2.0, -1.0])
    for found in (run("constant folding", data), everything(data)):
        assert same_bits(results(data, [0.5]), results(found, [0.5]))


# -- common subexpressions -------------------------------------------------------------------


COMMUTING = ("add", "multiply", "carry", "merge")


@pytest.mark.parametrize("name", COMMUTING)
def test_sharing_of_commuted_operands(name):
    found = run("common subexpressions", code(2, [(name, 0, 1), (name, 1, 0)], [2, 3]))
    assert len(found.op) == 1
    assert found.outputs[0] == found.outputs[1]


# maximum(x, y) of -0 and +0, or of two NaNs, is not maximum(y, x); join's sides are not alike
@pytest.mark.parametrize("name", ["subtract", "divide", "power", "maximum", "hypot", "join"])
def test_sharing_does_not_commute(name):
    data = code(2, [(name, 0, 1), (name, 1, 0)], [2, 3])
    found = run("common subexpressions", data)
    assert len(found.op) == 2
    assert_same_results(data, found, 2)


def test_sharing_works_through_chains():
    half = [("multiply", 0, 1), ("sin", 2), ("add", 3, -1)]
    other = [("multiply", 1, 0), ("sin", 5), ("add", -1, 6)]
    found = run("common subexpressions", code(2, half + other, [4, 7], [0.5]))
    assert len(found.op) == 3


def test_sharing_tells_constants_apart_by_their_bits():
    data = code(1, [("divide", 0, -1), ("divide", 0, -2)], [1, 2], [0.0, -0.0])
    found = run("common subexpressions", data)
    assert len(found.op) == 2
    np.testing.assert_array_equal(results(found, [1.0]), [np.inf, -np.inf])


@pytest.mark.parametrize("n", [70, 1000])
def test_sharing_is_right_among_many_users_of_one_value(n):
    """No more than 64 are looked at; the rest may stay."""
    constants = np.arange(1.0, n + 1)
    steps = [("multiply", 0, -1 - k) for k in range(n)] * 2
    data = code(1, steps, range(1, 2 * n + 1), constants)
    found = run("common subexpressions", data)
    assert n <= len(found.op) <= 2 * n
    assert same_bits(results(data, [0.7]), results(found, [0.7]))


# -- constants -------------------------------------------------------------------------------


def test_constants_are_interned_by_their_bits():
    numbers = [0.0, -0.0, 1.0, 0.0, np.nan, np.nan, -np.nan, 1.0, 5e-324]
    steps = [("add", 0, -1 - k) for k in range(len(numbers))]
    found = Code.of(code(1, steps, range(1, 10), numbers)).data
    assert len(found.constants) == 6
    assert same_bits(found.constants[-1 - found.y], numbers)


def test_many_constants_are_found_again():
    numbers = np.random.default_rng(1).normal(size=5000)
    steps = [("add", 0, -1 - k) for k in range(5000)]
    found = Code.of(code(1, steps, [1], np.tile(numbers, 2))).data
    assert len(found.constants) == 5000
    np.testing.assert_array_equal(found.constants[-1 - found.y], numbers)


# -- dead code and guards --------------------------------------------------------------------


def guard(kind, x, y, outcome, at, line=1):
    return (kind, x, y, outcome, at, ("f.py", line, "f"))


def test_dead_code_keeps_what_outputs_and_guards_need():
    steps = [("sin", 0), ("cos", 0), ("exp", 0), ("log", 2)]
    found = run("dead code", code(1, steps, [1], guards=[guard("less", 3, 0, 0, 4)]))
    assert [name for name, *_ in instructions(found)] == ["sin", "exp"]
    assert (found.guard_x[0], found.guard_y[0]) == (2, 0)


def test_dead_code_drops_constants_that_nothing_uses():
    found = run("dead code", code(1, [("add", 0, -3)], [1, -2], [1.0, 2.0, 3.0]))
    assert sorted(found.constants) == [2.0, 3.0]
    np.testing.assert_array_equal(results(found, [1.0]), [4.0, 2.0])


GUARDED = code(
    2,
    [("multiply", 0, 1), ("multiply", 1, 0), ("add", 2, 3), ("sin", -1), ("exp", 0)],
    [4],
    [0.5],
    [
        guard("less", 0, 1, 1, 0, 1),
        guard("less", 2, -1, 1, 1, 2),
        guard("less", 3, -1, 1, 2, 3),
        guard("less", 0, 1, 1, 2, 4),
        guard("greater", 0, 1, 0, 2, 5),
        guard("less", 5, -1, 1, 4, 6),
        guard("floor", 4, -1, 1, 5, 7),
        guard("less", -1, -1, 0, 5, 8),
    ],
)


def lines(data):
    return [line for _, line, _ in data.sources]


def test_guards_are_deduplicated_in_order():
    """3 says what 2 says once products are shared; 4 is 1; 8 and 6 are of constants alone."""
    found = everything(GUARDED)
    assert lines(found) == [1, 2, 5, 7]
    assert [name for name, *_ in instructions(found)] == ["multiply", "add"]


def test_guards_of_another_kind_or_outcome_are_others():
    data = code(2, [], [0], guards=[
        guard("less", 0, 1, 1, 0, 1), guard("less_equal", 0, 1, 1, 0, 2),
        guard("less", 1, 0, 0, 0, 3), guard("less", 0, 1, 1, 0, 4)])  # fmt: skip
    assert lines(everything(data)) == [1, 2, 3]


def test_guards_that_contradict_are_both_there():
    data = code(2, [], [0], guards=[guard("less", 0, 1, 1, 0, 1), guard("less", 0, 1, 0, 0, 2)])
    assert lines(everything(data)) == [1, 2]


@pytest.mark.parametrize("name", NAMES)
def test_guards_stay_in_order_and_behind_their_operands(name):
    found = run(name, GUARDED)
    assert lines(found) == sorted(lines(found))
    newest = np.maximum(found.guard_x, found.guard_y)
    assert (found.guard_at >= newest + 1 - found.n_inputs).all()
