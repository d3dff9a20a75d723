"""Passes: none changes a bit of a result, and the schedule keeps few values."""

import itertools

import numpy as np
import pytest
from coded import (
    NAMES,
    SPECIAL,
    everything,
    first_failure,
    instructions,
    most_live,
    run,
    with_constants,
)  # fmt: skip
from codes import results, same_bits
from hypothesis import given
from hypothesis import strategies as st

import tapead

COMMUTING = ("add", "multiply", "carry", "merge")
CODES = st.builds(with_constants, st.integers(0, 10**6), st.integers(0, 80), st.integers(0, 12))


@pytest.mark.parametrize("name", NAMES)
@given(drawn=CODES)
def test_pass_changes_no_bit(name, drawn):
    data, inputs = drawn
    assert same_bits(results(data, inputs), results(run(name, data), inputs))


@given(drawn=CODES, points=st.lists(st.lists(st.sampled_from(SPECIAL), min_size=5, max_size=5)))
def test_all_passes_change_no_bit(drawn, points):
    data, inputs = drawn
    found = everything(data)
    for point in [inputs, *points]:
        assert same_bits(results(data, point), results(found, point))


@given(drawn=CODES, order=st.permutations(NAMES))
def test_passes_in_any_order_change_no_bit(drawn, order):
    data, inputs = drawn
    found = data
    for name in order:
        found = run(name, found)
    assert same_bits(results(data, inputs), results(found, inputs))


@pytest.mark.parametrize("name", ["dead code", "constant folding", "common subexpressions"])
@given(drawn=CODES)
def test_pass_is_idempotent(name, drawn):
    once = run("dead code", run(name, drawn[0]))
    twice = run("dead code", run(name, once))
    assert unordered(once) == unordered(twice)


def unordered(data):
    """Instructions with the operands of those that commute in one order."""
    return [
        (name, *(sorted(operands, key=str) if name in COMMUTING else operands))
        for name, *operands in instructions(data, numbered=False)
    ]


@given(drawn=CODES)
def test_all_passes_make_nothing_longer(drawn):
    once = everything(drawn[0])
    assert len(once.op) <= len(drawn[0].op)
    assert len(everything(once).op) <= len(once.op)


@given(drawn=CODES)
def test_guards_after_all_passes_tell_the_same(drawn):
    """Those that fail at another point are the same, first the same."""
    data, inputs = drawn
    found = everything(data)
    for point in (inputs, inputs + 0.3, -inputs):
        wanted, got = first_failure(data, point), first_failure(found, point)
        assert wanted is got is None or wanted[0] == got[0]


# -- the schedule ----------------------------------------------------------------------------


def rosenbrock(x):
    total = 0.0
    for a, b in itertools.pairwise(x):
        total += 100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2
    return total


def test_schedule_of_a_gradient_needs_few_values_at_once():
    """A sum of terms: what one term needs, and not what all the others left behind."""
    n = 1000
    gradient = tapead.record(rosenbrock, [0.5] * n).gradient()
    stats = gradient.stats()
    # every input and output has a slot of its own: a thousand of each
    assert stats["slots"] - stats["constants"] - 2 * n <= 20
    assert most_live(gradient.code) <= n + 20


@pytest.mark.parametrize("n", [3, 40])
def test_schedule_changes_no_bit_of_a_gradient(n):
    x = np.random.default_rng(n).normal(size=n).tolist()
    assert tapead.record(rosenbrock, [0.5] * n).gradient()(x) == tapead.grad(rosenbrock)(x)


@pytest.mark.parametrize("order", [1, 2])
def test_schedule_of_a_chain_needs_no_more_than_the_chain(order):
    """Nothing of a chain's adjoint can run early: the values in front wait, no others."""

    def f(x):
        for _ in range(500):
            x = tapead.sin(x)
        return x

    found = tapead.record(f, 0.3)
    for _ in range(order):
        before = most_live(found.code)
        found = found.gradient()
        assert most_live(found.code) <= 2 * (before + 500) + 4


def test_stats_name_each_pass():
    steps = tapead.record(lambda x: x * 1.0 + x * 1.0, 2.0).stats()["passes"]
    names = [name for name, _ in steps]
    assert names == ["recorded", *NAMES]
    counts = [count for _, count in steps]
    assert counts[0] == 3
    assert counts[-1] == 1
