"""The health report: kinks, ties, the first NaN or infinity, 0 × inf; where, and of what."""

import math

import pytest

import tapead
from tapead._trace import _facts


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_facts, "BLOCK", 3)
    monkeypatch.setattr(_facts, "CHUNK", 2)


def kinked(x, y):
    a = abs(x)
    tie = tapead.maximum(a, x)
    step = tapead.floor(y)
    return tie + step


def test_health_lists_kinks_and_ties_with_function_argument_node_and_source():
    health = tapead.trace(kinked, 0.0, 2.0).health()
    line = kinked.__code__.co_firstlineno
    assert [(f.kind, f.function, f.arguments, f.name, f.source) for f in health] == [
        ("kink", "absolute", (0.0,), "v1", f"test_trace_health.py:{line + 1}"),
        ("tie", "maximum", (0.0, 0.0), "v2", f"test_trace_health.py:{line + 2}"),
        ("kink", "floor", (2.0,), "v3", f"test_trace_health.py:{line + 3}"),
    ]


def test_health_of_a_smooth_run_is_ok():
    health = tapead.trace(lambda x: tapead.log(x) * x, 2.0).health()
    assert health.ok
    assert len(health) == 0
    assert str(health).startswith("Nothing to report")


@pytest.mark.parametrize(
    ("f", "x", "kind", "function"),
    [
        (lambda x: tapead.log(x) * 2.0, -1.0, "NaN", "log"),
        (lambda x: 1.0 / x + 1.0, 0.0, "infinity", "divide"),
        (lambda x: x + 1.0, math.inf, "infinity", "input"),
    ],
)
def test_health_finds_what_is_first_forward(f, x, kind, function):
    first = tapead.trace(f, x).health().forward
    assert (first.kind, first.function, first.sweep) == (kind, function, "forward")


@pytest.mark.usefixtures("small_blocks")
def test_health_finds_what_is_first_in_reverse():
    def f(x):
        root = tapead.sqrt(x)
        return (root * 1.0 + 0.0) * 2.0

    first = tapead.trace(f, 0.0).health().reverse
    assert (first.kind, first.function, first.arguments) == ("infinity", "sqrt", (0.0,))
    assert (first.name, first.formula) == ("v̄0", "v̄1 × 0.5 / v1")


def test_health_sees_a_running_total_overflow():
    first = tapead.trace(lambda x: x * 1e308 + x * 1e308, 0.0).health().reverse
    assert (first.kind, first.formula) == ("infinity", "v̄0 + v̄1 × 1e+308")


def test_health_finds_zero_times_infinity():
    health = tapead.trace(lambda x: tapead.sqrt(x) ** 2, 0.0, tangent={"x": 0.0}).health()
    found = health.of("0 × inf")
    assert [(f.sweep, f.function) for f in found] == [("tangent", "sqrt"), ("reverse", "sqrt")]


def test_health_of_a_branch_not_taken_is_ok():
    assert (
        tapead.trace(lambda x: tapead.maximum(x, tapead.sqrt(x - 1.0)), 1.0).health().of("0 × inf")
        == []
    )


def test_health_of_many_kinks_is_short():
    def f(x):
        for _ in range(100_000):
            x = abs(x)
        return x

    health = tapead.trace(f, 0.0).health()
    assert len(health) == 100_000
    assert "99,980 more" in str(health)


def test_trace_of_a_derived_program_shows_its_instructions():
    program = tapead.record(lambda x, y: tapead.relu(x) * tapead.maximum(x, y) ** y, 1.0, 2.0)
    trace = tapead.trace(program.grad, 1.0, 2.0)
    assert trace.value == program.grad(1.0, 2.0) == 4.0
    assert "relu_partial_x" in trace.to_text()
    assert not trace.health()  # an absent adjoint is no NaN
