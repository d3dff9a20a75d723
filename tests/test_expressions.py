"""The table's expressions: their readings as C, as recorded rules and in Python agree."""

import ast
import math
import re
from itertools import product
from string import Formatter

import numpy as np
import pytest
from reference import EPS, NAMES, active, function, points, row_id

import tapead
from tapead import _tape
from tapead._expressions import evaluate, parse, to_c, to_record
from tapead.elementals import ELEMENTALS, INSTRUCTIONS, OPCODES, ROWS

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 2.5, 1e-300, 1e300, np.inf, -np.inf, np.nan]
DIRECT = [row for row in ROWS if row.public or row.name.startswith("clip_")]

# The readings round the same operations; C may keep a product of two unrounded.
ROUNDING = 4 * EPS


def each_row(rows=ROWS):
    return pytest.mark.parametrize("row", rows, ids=row_id)


def value(name, *xs):
    """A row's value by its own loop."""
    out = np.empty(1)
    columns = [np.array([x], dtype=float) for x in xs]
    _tape.evaluate_rows(OPCODES[name], columns[0], columns[-1], out)
    return float(out[0])


def evaluated(row, point):
    """The partials by `evaluate`; 0.0 where there is no path."""
    names = dict(zip("xy", point, strict=False)) | {"v": value(row.name, *point)}

    def row_function(name):
        return lambda *xs: value(name, *xs)

    partials = [evaluate(parse(partial), names, row_function) for partial in row.partials]
    return [0.0 if partial is None else partial for partial in partials]


def swept(row, point):
    """The partials as C, by a numeric sweep."""
    with tapead.Tape() as tape:
        xs = [tape.variable(x) for x in point]
        y = function(row)(*xs)
    return tape.gradient(y, xs)


def recorded(row, point, transform):
    """The partials as recorded nodes."""
    with tapead.Tape() as tape:
        xs = [tape.variable(x) for x in point]
        return [getattr(d, "value", d) for d in transform(row, xs)]


def by_reverse(row, xs):
    return tapead.grad(function(row), tuple(range(row.arity)))(*xs)


def by_forward(row, xs):
    f = function(row)
    return [
        tapead.jvp(lambda t, i=i: f(*xs[:i], t, *xs[i + 1 :]), (x,), (1.0,))[1]
        for i, x in enumerate(xs)
    ]


def readings(row, point):
    """The partials by every reading but Python's."""
    return [
        swept(row, point),
        recorded(row, point, by_reverse),
        recorded(row, point, by_forward),
    ]


@each_row(DIRECT)
def test_readings_agree_in_the_domain(row):
    for point in points(row):
        wanted = evaluated(row, point)
        for got in (
            swept(row, point),
            *(recorded(row, point, t) for t in (by_reverse, by_forward)),
        ):
            np.testing.assert_allclose(got, wanted, rtol=ROUNDING, atol=0)


@each_row(DIRECT)
def test_readings_agree_at_special_values(row):
    """Ties, kinks, infinities and NaNs take the same branch in every reading."""
    for point in product(SPECIAL, repeat=row.arity):
        wanted = evaluated(row, point)
        for got in (
            swept(row, point),
            *(recorded(row, point, t) for t in (by_reverse, by_forward)),
        ):
            np.testing.assert_allclose(
                got, wanted, rtol=ROUNDING, atol=0, err_msg=f"{row.name} at {point}"
            )


@each_row([row for row in ROWS if row not in DIRECT])
def test_partial_of_a_hidden_row_is_its_expression(row):
    """Rows that serve as partials of others: one order up, their own partials are swept."""
    i = active(row)[-1]
    for point in points(row):
        got = tapead.grad(lambda t, point=point: function(row)(*point[:i], t))(point[i])
        # excess and mills are reached through functions that cancel
        assert got == pytest.approx(evaluated(row, point)[i], rel=1e-12, abs=1e-13)


# -- the table -------------------------------------------------------------------------------


def names_in(expression):
    return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}


def test_names_are_unique():
    names = [name for row in ROWS for name in {row.name, *row.names}]
    assert len(names) == len(set(names))
    assert len(ELEMENTALS) == len(ROWS)


def test_opcodes_fit_a_byte_and_leave_out_the_input():
    assert sorted(OPCODES.values()) == list(range(1, len(INSTRUCTIONS) + 1))
    assert len(INSTRUCTIONS) < 256


def test_slots_are_python_s_and_taken_once():
    slots = [row.slot for row in ROWS if row.slot]
    assert len(slots) == len(set(slots))
    assert all(hasattr(float, slot) for slot in slots)


@each_row()
def test_partials_are_made_of_rows(row):
    allowed = {*row.args, "v", "absent", "nan", *ELEMENTALS}
    for partial in row.partials:
        assert names_in(partial) <= allowed
        for call in ast.walk(ast.parse(partial)):
            if isinstance(call, ast.Call):
                assert len(call.args) == ELEMENTALS[call.func.id].arity


@each_row()
def test_definition_is_made_of_mpmath_s_names(row):
    assert names_in(row.definition or row.value) <= {*row.args, *NAMES, "max", "min", "int"}


@each_row()
def test_domain_has_an_interval_for_every_argument(row):
    assert len(row.domain) == row.arity
    assert all(low <= high for low, high in row.domain)


@each_row()
def test_templates_name_every_argument(row):
    for template in (row.text, row.tex):
        fields = {field for _, field, _, _ in Formatter().parse(template) if field}
        assert fields == set(row.args)


@each_row([row for row in ROWS if row.kink])
def test_kink_is_a_condition_on_the_arguments(row):
    assert names_in(row.kink) <= {*row.args, *ELEMENTALS}
    for point in points(row):
        names = dict(zip("xy", point, strict=False))
        assert not evaluate(parse(row.kink), names, lambda name: lambda *xs: value(name, *xs))


# -- one reading at a time -------------------------------------------------------------------


C_CODE = {
    "2 * x": "2.0 * x",
    "-1": "-1.0",
    "-v / y": "-v / y",
    "absent": "absent_()",
    "nan": "nan_()",
    "1 / hypot(1, x)": "1.0 / hypot_value(1.0, x)",
    "0 if x == 0 else v * log(x)": "0.0 if x == 0.0 else v * log_value(x)",
}


@pytest.mark.parametrize("expression", C_CODE)
def test_c_reading_is_in_doubles(expression):
    assert to_c(expression) == C_CODE[expression]


RECORDS = {
    "1": ([], "passive(1.0)"),
    "x": ([], "x"),
    "-0.5": ([], "passive(-0.5)"),
    "absent": ([], "absent_ref()"),
    "-sin(x)": (["t[0] = record_sin(st, x)", "t[1] = record_negative(st, t[0])"], "t[1]"),
    "2 * x": (["t[0] = record_multiply(st, passive(2.0), x)"], "t[0]"),
    "1 if x > 0 else absent": (
        [
            "t[0] = passive(0.0)",
            "if x.value > 0:",
            "    t[0] = passive(1.0)",
            "else:",
            "    t[0] = absent_ref()",
        ],
        "t[0]",
    ),
}


@pytest.mark.parametrize("expression", RECORDS)
def test_recorded_reading_is_in_statements(expression):
    assert to_record(expression) == RECORDS[expression]


@each_row()
def test_recorded_reading_assigns_before_it_uses(row):
    for partial in row.partials:
        lines, result = to_record(partial)
        assigned = set()
        for line in [*lines, f"_ = {result}"]:
            target, _, expression = line.strip().partition(" = ")
            assert set(re.findall(r"t\[\d+\]", expression)) <= assigned
            assigned.add(target)


VALUES = {
    "2 * x - y / 4": 2 * 3.0 - 8.0 / 4,
    "-x": -3.0,
    "1 if x > y else 2": 2.0,
    "1 if x > y or x == 3 else 2": 1.0,
    "1 if x > 2 and x == y else 2": 2.0,
    "hypot(x, 4)": 5.0,
    "absent": None,
}


@pytest.mark.parametrize("expression", VALUES)
def test_python_reading_has_the_value(expression):
    names = {"x": 3.0, "y": 8.0}
    functions = {"hypot": math.hypot}.get
    got = evaluate(parse(expression), names, lambda name: functions(name, arithmetic(name)))
    assert got == VALUES[expression]


def arithmetic(name):
    """Functions of the operators' rows."""
    return lambda *xs: value(name, *xs)


def test_python_reading_of_nan_is_nan():
    assert math.isnan(evaluate(parse("nan"), {}, None))
