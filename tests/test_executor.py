"""The point executor: lowered code does what the code says, instruction by instruction."""

import itertools
import math

import numpy as np
import pytest
from coded import chain, first_failure, instructions, program
from codes import MARK, code, one_row, random_code, results, same_bits, values, with_guards
from hypothesis import given
from hypothesis import strategies as st
from reference import row_id

import tapead
from tapead._guards import COMPARISONS, GUARDS
from tapead.elementals import ELEMENTALS, FUSIONS, INSTRUCTIONS

SPECIAL = [0.0, -0.0, 1.0, -1.5, 0.3, np.inf, -np.inf, np.nan, 1.7e308, 5e-324]
MARKABLE = ("carry", "merge", "join", "number", "present")
ORDERED = ("polygamma", "sinc_derivative")


def at(data, point):
    return program(data)([float(x) for x in point])


def assert_replayed(data, points, message=""):
    run = program(data)
    points = np.array(points, float)
    for point, wanted in zip(points.tolist(), results(data, points.T).T, strict=True):
        assert same_bits(run(point), wanted), (message, point)


# -- rows ------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=row_id)
def test_row_is_replayed_as_it_is_evaluated(row):
    data = one_row(row)
    numbers = [*SPECIAL, MARK] if row.name in MARKABLE else SPECIAL
    low, high = np.array(row.domain[-data.n_inputs :]).T
    inside = np.random.default_rng(1).uniform(low, high, (20, data.n_inputs))
    assert_replayed(data, [*itertools.product(numbers, repeat=data.n_inputs), *inside])


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=row_id)
def test_row_of_constants_is_replayed_as_it_is_evaluated(row):
    """Folded or not: the bits are those of the row."""
    for x, y in itertools.product(SPECIAL[:6], repeat=2):
        x = 1.0 if row.name in ORDERED else x  # noqa: PLW2901
        steps = [(row.name, *(-1, -2)[: row.arity]), ("copy", 1)]
        data = code(1, steps, [1, 2], [x, y])
        assert same_bits(at(data, [0.5]), results(data, [0.5])), (x, y)


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=row_id)
def test_row_beside_a_constant_is_replayed_as_it_is_evaluated(row):
    if row.arity == 1 or row.name in ORDERED:
        return
    for constant, operands in itertools.product(SPECIAL, [(0, -1), (-1, 0)]):
        data = code(1, [(row.name, *operands)], [1], [constant])
        assert_replayed(data, [[x] for x in SPECIAL], (operands, constant))


# -- fusions ---------------------------------------------------------------------------------


def fused(fusion, operands=(0, 1, 2)):
    x, y, z = operands
    outer = (3, z) if fusion.side == 0 else (z, 3)
    return code(3, [(fusion.inner, x, y), (fusion.outer, *outer)], [4])


@pytest.mark.parametrize("fusion", FUSIONS, ids=row_id)
def test_fusion_is_replayed_as_its_two_rows(fusion):
    data = fused(fusion)
    assert program(data).stats()["lowered"] == 2  # the pair and the end
    numbers = [*SPECIAL, MARK] if fusion.inner == "carry" else SPECIAL
    # a sum contracted with its product would differ in the last bit at most of these
    drawn = np.random.default_rng(2).normal(size=(300, 3))
    assert_replayed(data, [*itertools.product(numbers, repeat=3), *drawn])


@pytest.mark.parametrize("fusion", FUSIONS, ids=row_id)
def test_fusion_of_equal_operands(fusion):
    """Slots are given back once, also where operands are one value."""
    for operands in itertools.product(range(3), repeat=3):
        assert_replayed(fused(fusion, operands), [(0.3, -1.7, 2.9), (np.inf, 0.0, -0.0)])


@pytest.mark.parametrize("fusion", FUSIONS, ids=row_id)
@pytest.mark.parametrize("other", ["output", "guard", "instruction", "itself"])
def test_fusion_keeps_an_inner_value_that_something_else_needs(fusion, other):
    outer = (3, 2) if fusion.side == 0 else (2, 3)
    steps = [(fusion.inner, 0, 1), (fusion.outer, *(outer if other != "itself" else (3, 3)))]
    outputs, guards = [4], []
    if other == "output":
        outputs = [4, 3]
    elif other == "guard":
        guards = [("less", 3, 2, 1, 2, ("f.py", 1, "f"))]
    elif other == "instruction":
        steps.append(("sin", 3))
        outputs = [4, 5]
    data = code(3, steps, outputs, guards=guards)
    stats = program(data).stats()
    assert stats["lowered"] == stats["instructions"] + stats["guards"] + 1
    assert_replayed(data, [(0.3, -1.7, 2.9), (0.1, 0.2, 3.0)])


@pytest.mark.parametrize("name", ["add", "subtract", "multiply"])
@pytest.mark.parametrize("n", [2, 3, 4, 5, 20, 51])
def test_fusion_in_chains(name, n):
    """Of three in a row one pair is fused: an instruction absorbs one that absorbed none."""
    drawn = np.random.default_rng(n).normal(size=(20, 2))
    assert_replayed(chain([name] * n), drawn)
    steps = [(name, 1 + k if k else 0, k % 2) for k in range(n)]
    data = code(2, steps, [1 + n])
    assert program(data).stats()["lowered"] == (n + 1) // 2 + 1
    assert_replayed(data, drawn)


@given(names=st.lists(st.sampled_from(["add", "subtract", "multiply", "carry", "merge", "join"])),
       seed=st.integers(0, 1000))  # fmt: skip
def test_fusion_in_random_sums_and_products(names, seed):
    rng = np.random.default_rng(seed)
    steps = [(name, *rng.integers(0, 3 + k, 2).tolist()) for k, name in enumerate(names)]
    data = code(3, steps, rng.integers(0, 3 + len(steps), 2))
    assert_replayed(data, [rng.normal(size=3), *rng.choice(SPECIAL, (5, 3))])


# -- slots -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [0, 1, 7, 60, 400, 3000])
def test_random_code_is_replayed_as_it_is_evaluated(n, seed):
    data, inputs = random_code(seed, n, n_outputs=6, n_guards=n // 10)
    assert_replayed(data, [inputs])


@given(seed=st.integers(0, 10**6), n=st.integers(0, 120), n_guards=st.integers(0, 8))
def test_any_random_code_is_replayed_as_it_is_evaluated(seed, n, n_guards):
    data, inputs = random_code(seed, n, n_guards=n_guards)
    assert_replayed(data, [inputs])


@pytest.mark.parametrize("n_inputs", [65_530, 65_600, 200_000])
def test_wide_instructions_are_replayed_as_they_are_evaluated(n_inputs):
    data, inputs = random_code(3, 400, n_inputs=n_inputs, n_outputs=50, n_guards=20)
    outputs = np.concatenate([data.outputs, [n_inputs - 1, 0, 65_535]]).astype(np.int32)
    assert_replayed(data._replace(outputs=outputs), [inputs])


def test_wide_fusions_and_constants():
    constants = np.random.default_rng(4).normal(size=70_000)
    names = ("add", "subtract", "multiply")
    steps = [(names[k % 3], k, -1 - k) for k in range(70_000)]
    data = code(1, steps, [70_000, 35_000], constants)
    assert program(data).stats()["slots"] > 65_535
    assert_replayed(data, [[0.7], [1e300]])


def test_many_live_values_at_once():
    """All are made before any is used, in the other order."""
    n = 70_000
    steps = [("sin", 0)] + [("multiply", k, 0) for k in range(1, n)]
    steps.append(("add", n, n - 1))
    steps += [("add", n + 1 + k, n - 2 - k) for k in range(n - 2)]
    data = code(1, steps, [len(steps)])
    assert program(data).stats()["slots"] > 65_535
    assert_replayed(data, [[0.99999]])


def test_slots_are_used_again():
    data = chain(["multiply", "subtract", "hypot", "add"] * 300)
    assert program(data).stats()["slots"] <= 6


@pytest.mark.parametrize("outputs", [[], [0], [-1], [0, 0, -1, 2, 2], [3, 2, 3]], ids=str)
def test_outputs_may_be_inputs_constants_and_repeated(outputs):
    data = code(2, [("add", 0, 1), ("multiply", 2, 2)], outputs, [0.25])
    assert_replayed(data, [(1.5, -2.0)])


def test_output_in_the_middle_keeps_its_slot():
    data = code(1, [("sin", 0), ("cos", 1), ("exp", 2), ("tan", 3)], [2, 1, 4])
    assert_replayed(data, [[0.3], [-7.0]])


def test_second_run_does_not_see_the_first():
    run = program(random_code(5, 300, n_outputs=20)[0])
    points = np.random.default_rng(5).normal(size=(20, 5)).tolist()
    first = [run(point) for point in points]
    again = [run(point) for point in reversed(points)]
    assert all(same_bits(a, b) for a, b in zip(first, reversed(again), strict=True))


# -- guards ----------------------------------------------------------------------------------

NUMBERS = [0.0, -0.0, 0.5, 1.0, -1.5, 2.5, -2.0, np.nan, np.inf, -np.inf, 1e300]


@pytest.mark.parametrize("guard", GUARDS, ids=row_id)
def test_guard_fails_where_its_test_comes_out_differently(guard):
    kind = GUARDS.index(guard)
    for outcome in (0, 1) if kind < COMPARISONS else (1,):
        data = code(2, [], [0], guards=[(guard.name, 0, 1, outcome, 0, ("f.py", 7, "f"))])
        run = program(data)
        for point in itertools.product(NUMBERS, NUMBERS):
            failure = first_failure(data, point)
            assert failed_at(run, point) == failure, point


def failed_at(run, point):
    """Source and values of the guard that a replay stops at, or None."""
    try:
        run([float(x) for x in point])
    except tapead.BranchChanged as error:
        source = (error.filename, error.lineno, error.function)
        return source, Same(error.values)
    return None


class Same(tuple):
    """Numbers that equal others if a NaN is a NaN."""

    __slots__ = ()
    __hash__ = None

    def __eq__(self, other):
        return same_bits(self, other)


@given(seed=st.integers(0, 10**6), n=st.integers(0, 60), n_guards=st.integers(1, 15))
def test_replay_stops_at_the_first_guard_that_fails(seed, n, n_guards):
    data, inputs = random_code(seed, n, n_guards=n_guards)
    run = program(data)
    for point in (inputs, inputs + 0.1, -inputs, inputs * 3, np.zeros(5), np.full(5, np.nan)):
        assert failed_at(run, point) == first_failure(data, point)


def test_more_guards_than_16_bits_count():
    n = 70_000
    source = ("f.py", 1, "f")
    guards = [("less", 0, -1 - k, 1, 0, ("f.py", k, "f")) for k in range(n)]
    data = code(1, [], [0], np.arange(n, 0, -1.0), guards)
    run = program(data)
    assert run([0.5]) == [0.5]
    for x, line in ((1.5, n - 1), (n - 0.5, 1), (n, 0)):
        assert failed_at(run, [x])[0] == (*source[:1], line, "f")


def test_guards_are_taken_before_what_stands_behind_them():
    """Two at one place, in their order, and one behind the last instruction."""
    guards = [
        (kind, x, -1, 1, place, ("f.py", line, "f"))
        for line, (kind, x, place) in enumerate(
            [("less", 0, 0), ("less", 1, 1), ("greater", 1, 1), ("less", 2, 2)])
    ]  # fmt: skip
    data = code(1, [("sin", 0), ("exp", 1)], [2], [0.5], guards)
    for x in np.linspace(-4, 4, 41):
        assert failed_at(program(data), [x]) == first_failure(data, [x])


def test_guards_of_one_value_at_one_place():
    """A value that nothing else uses lives until the last of them."""

    def f(x):
        y = tapead.sin(x)
        return x if 0.1 < y < 0.9 and y != 0.5 else -x

    run = tapead.record(f, 0.3)
    assert run(0.7) == 0.7
    for x in (0.05, 1.5):
        with pytest.raises(tapead.BranchChanged):
            run(x)


def test_guard_values_survive_the_slots_of_what_follows():
    """A guard of a value that nothing else uses, among many instructions."""
    data, inputs = random_code(6, 500)
    w = values(data, inputs)
    plain = [5 + k for k in range(500) if np.isfinite(w[5 + k])]
    data = with_guards(data, inputs, np.random.default_rng(6), 100, [*range(5), *plain])
    run = program(data)
    assert_replayed(data, [inputs])
    for shift in np.linspace(-0.5, 0.5, 21):
        assert failed_at(run, inputs + shift) == first_failure(data, inputs + shift)


# -- kinks -----------------------------------------------------------------------------------

KINKED = [row for row in INSTRUCTIONS if row.kink]
PYTHON = {
    "floor": np.floor, "trunc": np.trunc, "ceil": np.ceil, "fmod": np.fmod,
    "remainder": lambda x, y: by_row("remainder", x, y),
}  # fmt: skip


def by_row(name, *operands):
    return float(results(one_row(ELEMENTALS[name]), operands)[0])


@pytest.mark.parametrize("row", KINKED, ids=row_id)
def test_status_tells_a_kink(row):
    data = one_row(row)
    numbers = [0.0, -0.0, 0.5, 1.0, -1.5, 2.0, -3.0, np.nan, np.inf]
    run = program(data)
    for point in itertools.product(numbers, repeat=row.arity):
        run(list(point))
        names = dict(zip(row.args, map(np.float64, point), strict=True))
        with np.errstate(all="ignore"):
            kink = bool(eval(row.kink, PYTHON, names))
        assert run.status == (tapead.Status.AT_KINK if kink else tapead.Status.SAME_PATH), point


@pytest.mark.parametrize("guard", [guard for guard in GUARDS if guard.tie], ids=row_id)
def test_status_tells_a_tie(guard):
    for x in (0.0, -0.0, 0.5, 1.0, 1.5, -2.0, -2.5, 0.3, np.inf, np.nan):
        y = x if GUARDS.index(guard) < COMPARISONS else {
            "trunc": math.trunc, "floor": math.floor, "ceil": math.ceil, "rint": round,
        }[guard.name](x) if math.isfinite(x) else x  # fmt: skip
        outcome = int(guard.name not in ("less", "greater") and not math.isnan(x))
        if GUARDS.index(guard) >= COMPARISONS and not outcome:
            continue
        data = code(2, [], [0], guards=[(guard.name, 0, 1, outcome, 0, ("", 0, ""))])
        run = program(data)
        run([x, float(y)])
        with np.errstate(all="ignore"):
            tie = bool(eval(guard.tie, PYTHON, {"x": np.float64(x), "y": np.float64(y)}))
        assert run.status == (tapead.Status.AT_KINK if tie else tapead.Status.SAME_PATH), x


def test_status_is_that_of_the_last_replay():
    run = program(code(1, [("relu", 0)], [1], guards=[("less", 0, -1, 1, 0, ("", 0, ""))],
                       constants=[1.0]))  # fmt: skip
    assert run.status == tapead.Status.NONE
    for x, status in ((0.5, 0), (0.0, 1), (-1.0, 0), (2.0, 2), (0.0, 1)):
        try:
            run([x])
        except tapead.BranchChanged:
            assert status == 2
        assert run.status == status


def test_kinks_of_dead_instructions_do_not_count():
    run = program(code(1, [("relu", 0), ("sin", 0)], [2]))
    assert [name for name, *_ in instructions(run.code)] == ["sin"]
    run([0.0])
    assert run.status == tapead.Status.SAME_PATH
