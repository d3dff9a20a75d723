"""The trace of one run: names, formulas, numbers, order; the lecture's example to the letter."""

import collections
import math

import numpy as np
import pytest

import tapead
from tapead import _expressions
from tapead._trace import _facts
from tapead._trace._writer import parsed, truth
from tapead.elementals import ROWS

Pair = collections.namedtuple("Pair", "low high")


def lecture(x1, x2):
    logarithm, product, sine = tapead.log(x1), x1 * x2, tapead.sin(x2)
    return logarithm + product - sine


def steps(n):
    """Function of n steps."""

    def f(x):
        for _ in range(n):
            x = x * 0.5
        return x

    return f


@pytest.fixture
def example():
    return tapead.trace(lecture, 2.0, 5.0, tangent={"x1": 1.0})


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_facts, "BLOCK", 3)
    monkeypatch.setattr(_facts, "CHUNK", 2)


def cells(rows):
    return [(row.name, row.formula, pytest.approx(row.value, abs=5e-4)) for row in rows]


def test_primal_is_the_lectures(example):
    assert cells(example.primal) == [
        ("v-1", "x1", 2.0),
        ("v0", "x2", 5.0),
        ("v1", "ln v-1", 0.693),
        ("v2", "v-1 × v0", 10.0),
        ("v3", "sin v0", -0.959),
        ("v4", "v1 + v2", 10.693),
        ("v5", "v4 − v3", 11.652),
    ]


def test_adjoint_is_the_lectures_in_the_order_it_happens(example):
    assert cells(example.adjoint) == [
        ("v5", "1", 1.0),
        ("v4", "v̄5", 1.0),
        ("v3", "−v̄5", -1.0),
        ("v1", "v̄4", 1.0),
        ("v2", "v̄4", 1.0),
        ("v0", "v̄3 × cos v0", -0.284),
        ("v-1", "v̄2 × v0", 5.0),
        ("v0", "v̄0 + v̄2 × v-1", 1.716),
        ("v-1", "v̄-1 + v̄1 / v-1", 5.5),
    ]


def test_tangent_sums_over_the_operands_that_carry_one(example):
    assert cells(example.tangent) == [
        ("v-1", "1", 1.0),
        ("v0", "0", 0.0),
        ("v1", "v̇-1 / v-1", 0.5),
        ("v2", "v̇-1 × v0", 5.0),
        ("v3", "0", 0.0),
        ("v4", "v̇1 + v̇2", 5.5),
        ("v5", "v̇4", 5.5),
    ]


def test_attributes(example):
    assert example.value == pytest.approx(11.652071455223084)
    assert example.inputs == {"x1": 2.0, "x2": 5.0}
    assert example.gradient == pytest.approx({"x1": 5.5, "x2": 2.0 - math.cos(5.0)})
    assert len(example) == 5


def test_tex_of_a_row(example):
    assert example.primal[3].tex == r"v_{-1} \times v_{0}"
    assert example.adjoint[-1].tex == r"\bar{v}_{-1} + \frac{\bar{v}_{1}}{v_{-1}}"


def test_row_reads_as_a_sentence(example):
    assert str(example.primal[0]) == "v-1 = x1 = 2"
    assert str(example.adjoint[0]) == "v̄5 = 1"
    assert str(example.adjoint[5]) == "v̄0 = v̄3 × cos v0 = −0.283662"


def test_source_line_is_the_functions_own(example):
    line = lecture.__code__.co_firstlineno
    assert example.primal[2].source == f"test_trace.py:{line + 1}"
    assert example.adjoint[1].source == f"test_trace.py:{line + 2}"


def test_steps_come_in_the_order_they_ran():
    rows = tapead.trace(lambda x: tapead.sin(tapead.exp(x)) + x, 0.0).primal
    assert [row.formula for row in rows] == ["x", "exp v0", "sin v1", "v2 + v0"]


def test_seed_scales_every_adjoint():
    trace = tapead.trace(lecture, 2.0, 5.0, seed=-2.0)
    assert trace.gradient["x1"] == -11.0
    assert str(trace.adjoint[0]) == "v̄5 = −2"


def test_tangent_is_empty_unless_asked_for():
    assert list(tapead.trace(lecture, 2.0, 5.0).tangent) == []


@pytest.mark.parametrize(
    ("argument", "names"),
    [
        (1.0, ["q"]),
        (np.float32(1.0), ["q"]),
        (3, ["q"]),
        ([1.0, 2.0], ["q[0]", "q[1]"]),
        ((1.0, [2.0]), ["q[0]", "q[1][0]"]),
        ({"a": 1.0, 2: (3.0,)}, ["q['a']", "q[2][0]"]),
        (np.ones((1, 2)), ["q"]),
        ([np.ones(2, np.float32), 1.0], ["q[0]", "q[1]"]),
        (Pair(1.0, 2.0), ["q.low", "q.high"]),
        ([], []),
    ],
    ids=repr,
)
def test_inputs_are_named_after_their_argument(argument, names):
    assert list(tapead.trace(lambda q: 1.0, argument).inputs) == names


@pytest.mark.parametrize(
    ("f", "names"),
    [
        (lambda *args: args[1], ["args[0]", "args[1]"]),
        (lambda a, *rest: a, ["a", "rest[0]"]),
        (max, ["x1", "x2"]),
    ],
)
def test_names_of_arguments_by_position(f, names):
    assert list(tapead.trace(f, 1.0, 2.0).inputs) == names


def test_keyword_arguments_are_inputs():
    trace = tapead.trace(lambda x, *, scale, **more: x * scale * more["k"], 2.0, scale=3.0, k=5.0)
    assert trace.gradient == {"x": 15.0, "scale": 10.0, "k": 6.0}


def test_containers_keep_their_kind():
    def f(pair, array, mapping):
        return pair.low * array.sum() * mapping["k"][0]

    trace = tapead.trace(f, Pair(2.0, 0.0), np.array([1.0, 2.0]), {"k": (5.0,)})
    assert trace.value == 30.0


@pytest.mark.parametrize(
    "argument",
    [True, "a", None, 1j, np.array([1, 2]), np.array(["a"]), {1.0}, [1.0, "b"], np.bool_(1)],
    ids=repr,
)
def test_refuses_by_name_what_is_not_made_of_floats(argument):
    with pytest.raises(TypeError, match="argument speed"):
        tapead.trace(lambda speed: 0.0, argument)


@pytest.mark.parametrize("result", [None, True, "a", [1.0], np.ones(2), 1j], ids=repr)
def test_refuses_a_result_that_is_not_one_number(result):
    with pytest.raises(TypeError, match=f"f must return one number.*{type(result).__name__}"):
        tapead.trace(lambda x: result, 1.0)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"seed": "1"}, TypeError),
        ({"seed": True}, TypeError),
        ({"tangent": 1.0}, TypeError),
        ({"tangent": {"x": None}}, TypeError),
        ({"tangent": {"y": 1.0}}, ValueError),
    ],
)
def test_refuses_other_seeds(options, error):
    with pytest.raises(error, match=r"seed|tangent"):
        tapead.trace(lambda x: x, 1.0, **options)


def test_not_a_function():
    with pytest.raises(TypeError, match="trace needs a function; got float"):
        tapead.trace(1.0)


def test_constant_result_has_no_adjoints():
    trace = tapead.trace(lambda x: 7, 2.0)
    assert (trace.value, trace.gradient, len(trace.adjoint)) == (7.0, {"x": 0.0}, 0)


def test_result_that_is_an_input():
    trace = tapead.trace(lambda x, y: x, 2.0, 3.0)
    assert (len(trace), trace.gradient) == (0, {"x": 1.0, "y": 0.0})
    assert [str(row) for row in trace.adjoint] == ["v̄-1 = 1"]


def test_operand_without_a_path_has_no_row():
    trace = tapead.trace(tapead.maximum, 2.0, 1.0)
    assert [str(row) for row in trace.adjoint] == ["v̄1 = 1", "v̄-1 = v̄1 = 1"]


def test_steps_beside_the_result_make_no_increments():
    def f(x):
        tapead.exp(x)
        y = 2.0 * x
        tapead.sin(y)
        return y

    trace = tapead.trace(f, 1.0)
    assert (len(trace), [row.name for row in trace.adjoint]) == (3, ["v2", "v0"])


def test_operand_used_twice_has_two_increments():
    rows = tapead.trace(lambda x: x * x, 3.0).adjoint
    assert [str(row) for row in rows] == ["v̄1 = 1", "v̄0 = v̄1 × v0 = 3", "v̄0 = v̄0 + v̄1 × v0 = 6"]


@pytest.mark.parametrize(
    ("f", "formulas"),
    [
        (lambda x, y: x / y, ["1", "v̄1 / v0", "−v̄1 × v1 / v0"]),
        (lambda x, y: x * -3.0 + y, ["1", "v̄2", "v̄2", "−v̄1 × 3"]),
        (lambda x, y: x**3, ["1", "v̄1 × 3 × v-1^2"]),
        (lambda x, y: x - y - y, ["1", "v̄2", "−v̄2", "v̄1", "v̄0 − v̄1"]),
        (lambda x, y: tapead.cos(x), ["1", "−v̄1 × sin v-1"]),
        (lambda x, y: x / -2.0, ["1", "−v̄1 / 2"]),
        (lambda x, y: 2.0**x, ["1", "v̄1 × v1 × ln 2"]),
    ],
)
def test_formulas_read_as_a_person_writes_them(f, formulas):
    rows = tapead.trace(f, 2.0, 5.0).adjoint
    assert [row.formula for row in rows] == formulas


def python_rows():
    """The table, its text such that Python can evaluate it."""
    arithmetic = {"add": "{x} + {y}", "subtract": "{x} - {y}", "multiply": "{x} * {y}",
                  "divide": "{x} / {y}", "negative": "-{x}"}  # fmt: skip
    call = "({x:r})", "({x:r}, {y:r})"
    return {
        row.name: row._replace(text=arithmetic.get(row.name, f"{row.name}{call[row.arity - 1]}"))
        for row in ROWS
    }


PRIVATE = {
    "excess": lambda x, y: 0.0 if x == y else x - y,
    "xdivy": lambda x, y: x / y,
    "sech2": lambda x: 1.0 / math.cosh(x) ** 2,
    "mills": lambda x: math.exp(-x * x / 2) / math.sqrt(2 * math.pi) / tapead.ndtr(x),
    "sinc_derivative": lambda n, x: (np.sinc(x + 1e-6) - np.sinc(x - 1e-6)) / 2e-6,
    "polygamma": lambda n, x: tapead.math.polygamma(int(n), x),
}


class Functions(dict):
    """Functions that a formula may name, the private rows among them."""

    def __missing__(self, name):
        return PRIVATE.get(name) or getattr(tapead, name)


PARTIALS = [
    pytest.param(row, operand, id=f"{row.name}-{row.args[operand]}")
    for row in ROWS
    for operand in range(row.arity)
    if row.public
]


@pytest.mark.parametrize(("row", "operand"), PARTIALS)
def test_formula_of_an_adjoint_states_the_partial(row, operand):
    notation = _expressions.Notation("text", " * ", "-", "(", ")")
    function = getattr(tapead, row.name)
    point = [low + 0.7 * (high - low) for low, high in row.domain]
    values = Functions(zip("xy", point, strict=False), adjoint=1.5, v=function(*point))
    names = {name: _expressions.Formula(name) for name in "xyv"}
    formula = _expressions.adjoint_term(
        parsed(row.partials[operand]), _expressions.Formula("adjoint"), names,
        lambda test: truth(test, values), python_rows(), notation,
    )  # fmt: skip
    with tapead.Tape() as tape:
        traced = [tape.variable(x) for x in point]
        expected = tape.gradient(function(*traced), traced, seed=1.5)[operand]
    found = eval(formula.text, {}, values) if formula else 0.0
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-12)  # numbers have six digits


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["primal", "tangent", "adjoint"])
@pytest.mark.parametrize(
    "window",
    [slice(None), slice(2, 5), slice(-3, None), slice(None, None, -1), slice(1, None, 3),
     slice(7, 1, -2), slice(4, 4)],
    ids=str,
)  # fmt: skip
def test_slice_is_a_window(example, kind, window):
    rows = getattr(example, kind)
    assert list(rows[window]) == list(rows)[window]
    assert len(rows[window]) == len(list(rows)[window])


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("kind", ["primal", "tangent", "adjoint"])
def test_index_is_the_same_as_iteration(example, kind):
    rows = getattr(example, kind)
    assert [rows[i] for i in range(-len(rows), len(rows))] == 2 * list(rows)
    assert list(reversed(rows)) == list(rows)[::-1]
    with pytest.raises(IndexError, match=f"row {len(rows)} of {len(rows)}"):
        rows[len(rows)]


def test_last_increments_are_the_gradient():
    def f(w, x):
        hidden = [tapead.tanh(a * x + b) for a, b in zip(w[::2], w[1::2], strict=True)]
        return tapead.maximum(hidden[0], hidden[1]) * hidden[1] - tapead.relu(hidden[0])

    trace = tapead.trace(f, [0.3, -0.2, 0.1, 0.7], 1.5)
    last = {row.name: row.value for row in trace.adjoint}
    assert [last[f"v{i}"] for i in range(-4, 1)] == list(trace.gradient.values())


def test_nested_derivative_is_recorded_too():
    trace = tapead.trace(lambda x: tapead.grad(lambda z: z**3)(x) * x, 2.0)
    assert trace.value == 24.0
    assert trace.gradient["x"] == pytest.approx(36.0)


def test_exception_in_the_function_leaves_no_tape_active():
    with pytest.raises(ZeroDivisionError):
        tapead.trace(lambda x: 1 / 0, 1.0)
    assert tapead.grad(lambda x: x * x)(3.0) == 6.0


def test_long_trace_prints_head_and_tail():
    trace = tapead.trace(steps(1_000_000), 1.0)
    text = trace.to_text(max_rows=6, width=200)
    assert "999,995 of 1,000,001 rows left out" in text
    assert "v₁ " in text
    assert "v₁₀₀₀₀₀₀ = v₉₉₉₉₉₉ × 0.5" in text
    assert len(text.splitlines()) < 14


def test_long_trace_answers_by_position():
    trace = tapead.trace(steps(1_000_000), 1.0)
    assert len(trace) == 1_000_000
    assert trace.adjoint[3].name == "v999997"
    assert trace.adjoint[-1].formula == "v̄1 × 0.5"
    assert [row.name for row in trace.primal[500_000:500_002]] == ["v500000", "v500001"]
