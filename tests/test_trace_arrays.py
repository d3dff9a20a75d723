"""Traces of arrays: matrix forms of the rules, short values, the same rows in every format."""

import csv
import io
import json
import xml.etree.ElementTree

import numpy as np
import pytest
from arrays import Sample, samples

import tapead
from tapead._array import as_array
from tapead._trace import Trace, _windows
from tapead._trace._inputs import Names
from tapead._trace._text import columns

TABLES = ("text", "markdown", "latex", "html")
FORMATS = (*TABLES, "csv", "json", "dot", "svg")


def network(X, W, b, U):  # noqa: N803
    hidden = np.tanh(X @ W + b)
    return np.sum(hidden @ U)


def rewriting(x, s):
    y = np.tanh(x) * s
    e = y[1:].T[0, 1]
    y[0] = 3.0 * e
    y[1, :1] = 2.0
    z = np.where(y > 0.0, y, np.exp(x))
    return np.sum(z / x) + e


def formulas(rows):
    return [row.formula for row in rows]


@pytest.fixture
def example():
    rng = np.random.default_rng(1)
    shapes = (2, 3), (3, 2), (2,), (2, 1)
    return tapead.trace(network, *(rng.normal(size=shape) for shape in shapes))


@pytest.fixture
def rewritten():
    x = np.array([[-2.3, -0.2], [1.2, 0.7], [-0.5, -0.3]])
    return tapead.trace(rewriting, x, 2.0, tangent={"x": np.eye(3, 2), "s": 1.0})


def test_inputs_are_whole_arrays(example):
    assert list(example.inputs) == ["X", "W", "b", "U"]
    assert [row.name for row in example.primal[:4]] == ["V-3", "V-2", "V-1", "V0"]
    assert example.inputs["W"].shape == (3, 2)


def test_capital_letters_are_arrays(example):
    assert [f"{row.name} = {row.formula}" for row in example.primal[4:]] == [
        "V1 = V-3 @ V-2",
        "V2 = V1 + V-1",
        "V3 = tanh V2",
        "V4 = V3 @ V0",
        "v5 = sum(V4)",
    ]


def test_adjoint_rows_are_the_matrix_form_in_the_order_it_happens(example):
    assert formulas(example.adjoint) == [
        "1",
        "V̄4 += v̄5 broadcast",
        "V̄3 += V̄4 V0ᵀ",
        "V̄0 += V3ᵀ V̄4",
        "V̄2 += V̄3 ∘ sech² V2",
        "V̄1 += V̄2",
        "V̄-1 += sum(V̄2, axis=0)",
        "V̄-3 += V̄1 V-2ᵀ",
        "V̄-2 += V-3ᵀ V̄1",
    ]


def test_gradient_is_that_of_the_transform(example):
    expected = tapead.grad(network, argnums=(0, 1, 2, 3))(*example.inputs.values())
    for found, wanted in zip(example.gradient.values(), expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_last_contributions_are_the_gradient(rewritten):
    last = {row.name: row.value for row in rewritten.adjoint}
    np.testing.assert_array_equal(last["V-1"], rewritten.gradient["x"])
    assert last["v0"] == rewritten.gradient["s"]


def test_views_elements_and_writes(rewritten):
    assert formulas(rewritten.primal)[2:9] == [
        "tanh V-1",
        "V1 × v0",
        "V2[2, 0]",
        "3 × v3",
        "V2 with [0] := v4",
        "V5 with [1:2, 0] := 2",
        "exp V-1",
    ]
    assert (
        formulas(rewritten.adjoint)[-8:]
        == [
            "V̄-1 += V̄7 ∘ V7",
            "V̄5 += V̄6 outside [1:2, 0]",
            "sum(V̄5[0])",
            "V̄2 += V̄5 outside [0]",
            "v̄3 + v̄4 × 3",
            "V̄2[2, 0] += v̄3",
            "V̄1 += V̄2 × v0",
            "sum(V̄2 ∘ V1)",
        ]
        or formulas(rewritten.adjoint)[-9:-1]
    )


def test_values_are_those_of_their_time(rewritten):
    before, after = (rewritten.primal[i].value for i in (3, 6))
    np.testing.assert_allclose(before, 2.0 * np.tanh(rewritten.inputs["x"]))
    np.testing.assert_allclose(after[0], 3.0 * before[2, 0])
    np.testing.assert_array_equal(after[1:], before[1:])


def test_tangent_is_that_of_the_transform(rewritten):
    arguments = tuple(rewritten.inputs.values())
    _, expected = tapead.jvp(rewriting, arguments, (np.eye(3, 2), 1.0))
    assert rewritten.tangent[-1].value == pytest.approx(expected)


def test_tangent_formulas():
    trace = tapead.trace(
        lambda y, x: np.sum(np.exp(y @ x) / x), np.eye(2), np.ones(2), tangent={"y": 1.0, "x": 2.0}
    )
    assert formulas(trace.tangent)[2:] == [
        "V̇-1 @ V0 + V-1 @ V̇0",
        "V̇1 ∘ V2",
        "V̇2 / V0 − V̇0 ∘ V3 / V0",
        "sum(V̇3)",
    ]


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: np.maximum(x, 0.5), "V̄0 += V̄1 where V0 > 0.5"),
        (lambda x: np.maximum(x, -9.0), "V̄0 += V̄1"),
        (np.absolute, "V̄0 += V̄1 ∘ sign(V0)"),
        (lambda x: x[::-1], "V̄0[::-1] += V̄1"),
        (lambda x: x[[0, 2, 0]], "V̄0[[0, 2, 0]] += V̄1"),
        (lambda x: x[:, None], "V̄0[:, None] += V̄1"),
        (lambda x: x.reshape(2, 2), "reshape(V̄0, (2, 2)) += V̄1"),
        (lambda x: 2.0 * x, "V̄0 += V̄1 × 2"),
        (lambda x: x * np.arange(4.0), "V̄0 += V̄1 ∘ [0, 1, 2, 3]"),
        (lambda x: x * np.arange(12.0).reshape(3, 4),
         "V̄0 += sum(V̄1 ∘ const(3, 4), axis=0)"),
        (lambda x: x * x, "V̄0 += V̄1 ∘ V0 + V̄1 ∘ V0"),
        (lambda x: np.cumsum(x, axis=0), "V̄0 += V̄1 summed from the end"),
        (lambda x: np.where(x > 0.0, x, 2.0), "V̄0 += V̄1 where c"),
        (lambda x: np.concatenate([x, x]), "V̄0 += V̄1 where V0 is + V̄1 where V0 is"),
    ],
)  # fmt: skip
def test_contribution(f, expected):
    trace = tapead.trace(f, np.array([-1.0, 0.25, 1.0, 2.0]))
    assert trace.adjoint[1].formula == expected


def test_absent_elements_are_dots():
    trace = tapead.trace(lambda x: np.maximum(x, 0.0), np.array([-1.0, 2.0]))
    assert str(trace.adjoint[1]) == "V̄0 += V̄1 where V0 > 0 → [·, 1]"
    assert json.loads(trace.to_json())["adjoint"][1]["value"] == [None, 1.0]
    np.testing.assert_array_equal(trace.gradient["x"], [0.0, 1.0])


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array([1.0, -2.5]), "[1, −2.5] float64(2,)"),
        (np.array(3.0, np.float32), "3 float32()"),
        (np.zeros((2, 0)), "[[], []] float64(2, 0)"),
        (np.arange(6.0).reshape(2, 3), "[[0, 1, 2], [3, 4, 5]] float64(2, 3)"),
        (np.arange(9.0).reshape(3, 3), "[0, 1, …, 7, 8] float64(3, 3)"),
        (np.array([np.nan, np.inf]), "[nan, inf] float64(2,)"),
    ],
)
def test_small_arrays_are_shown_whole(array, text):
    trace = tapead.trace(lambda x: 1.0, array)
    assert str(trace.primal[0]) == f"V0 = x = {text}"


def test_float32_stays():
    trace = tapead.trace(lambda x: np.sum(np.sin(x)), np.ones(3, np.float32))
    assert {row.value.dtype for row in trace.primal[:-1]} == {np.dtype(np.float32)}
    assert trace.gradient["x"].dtype == np.float32


def test_result_may_be_an_array():
    x, seed = np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0])
    trace = tapead.trace(lambda x: (x * x)[1:], x, seed=seed)
    np.testing.assert_array_equal(trace.value, [4.0, 9.0])
    np.testing.assert_array_equal(trace.gradient["x"], [0.0, 4.0, 60.0])
    with pytest.raises(ValueError, match=r"seed of shape \(2,\); got shape \(3,\)"):
        tapead.trace(lambda x: x[1:], x, seed=np.ones(3))


def test_array_that_the_result_does_not_depend_on():
    trace = tapead.trace(lambda x, y: np.sum(y), np.ones(2), np.ones(3))
    np.testing.assert_array_equal(trace.gradient["x"], np.zeros(2))


def test_refuses_arrays_of_other_types():
    with pytest.raises(TypeError, match="argument x is an array of float64 or float32"):
        tapead.trace(lambda x: 0.0, np.ones(2, np.longdouble))


def test_array_filled_element_by_element():
    def f(x):
        z = np.zeros_like(x)
        z[0] = x[0]
        for i in range(1, len(x)):
            z[i] = 0.5 * z[i - 1] + x[i]
        return z[-1]

    trace = tapead.trace(f, np.ones(3))
    assert trace.primal[2].formula == "[0, 0, 0] with [0] := v1"
    assert [row.value.tolist() for row in trace.primal if " with " in row.formula] == [
        [1.0, 0.0, 0.0], [1.0, 1.5, 0.0], [1.0, 1.5, 1.75],
    ]  # fmt: skip
    assert trace.gradient["x"].tolist() == [0.25, 0.5, 1.0]


def test_numbers_stacked_to_an_array():
    trace = tapead.trace(lambda a, b: np.sum(as_array([a, b, a]) ** 2), 2.0, 3.0)
    assert trace.primal[2].formula == "[v-1, v0, v-1]"
    assert trace.adjoint[-2].formula == "V̄1[0] + V̄1[2]"
    assert trace.gradient == {"a": 8.0, "b": 6.0}


def test_nested_derivative_is_recorded_too():
    trace = tapead.trace(lambda x: np.sum(tapead.grad(lambda z: np.sum(z**3))(x)), np.ones(2))
    assert trace.value == 6.0
    np.testing.assert_allclose(trace.gradient["x"], [6.0, 6.0])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_shows_every_kind_of_step(rewritten, name):
    text = getattr(rewritten, f"to_{name}")()
    assert "with" in text
    if name == "svg":
        xml.etree.ElementTree.fromstring(text)


def test_text_stands_in_columns(example):
    lines = example.to_text(width=300).splitlines()
    starts = {columns(line[: line.index("+=")]) for line in lines if "+=" in line}
    assert len(starts) == 1


def test_ascii_is_ascii(rewritten):
    text = rewritten.to_text(ascii=True)
    assert text.isascii()
    assert "bar(V2)[2, 0] += bar(v3)" in text


def test_latex_has_bold_capitals_and_bars(example, rewritten):
    text = example.to_latex()
    assert (
        r"$\bar{\mathbf{V}}_{-3} \mathrel{+}= \bar{\mathbf{V}}_{1} \mathbf{V}_{-2}^{\top}$" in text
    )
    assert r"\begin{bmatrix}" in text
    assert r"\mathrm{float64}(2,\ 3)" in text
    assert (text + rewritten.to_latex()).isascii()


def test_json_and_csv_hold_whole_arrays():
    x = np.arange(12.0).reshape(3, 4)
    trace = tapead.trace(lambda x: np.sum(x, axis=None), x)
    data = json.loads(trace.to_json())
    assert data["inputs"]["x"] == x.tolist()
    assert data["primal"][0]["shape"] == [3, 4]
    assert data["primal"][0]["dtype"] == "float64"
    rows = list(csv.DictReader(io.StringIO(trace.to_csv())))
    assert json.loads(rows[0]["value"]) == x.tolist()
    assert rows[-1]["formula"] == "V̄0 += v̄1 broadcast"


def test_rows_answer_by_position(rewritten):
    for rows in (rewritten.primal, rewritten.tangent, rewritten.adjoint):
        assert list(map(str, rows)) == [str(rows[i]) for i in range(len(rows))]
        assert list(map(str, rows[3:1:-1])) == [str(rows[3]), str(rows[2])]


def test_source_line_is_the_functions_own(example):
    line = network.__code__.co_firstlineno
    assert {row.source for row in example.primal[4:7]} == {f"test_trace_arrays.py:{line + 1}"}


def test_health_finds_what_is_not_finite():
    with np.errstate(all="ignore"):
        health = tapead.trace(lambda x: np.sum(x * np.log(x)), np.array([0.0, 1.0])).health()
    assert (health.forward.function, health.forward.kind) == ("log", "infinity")
    assert "first infinity, forward" in str(health)


def test_only_a_tape_with_sources_keeps_all_values():
    sizes = []
    for sources in (False, True):
        with tapead.Tape(sources=sources) as tape:
            x = tape.variable(np.ones(100))
            mark = tape.mark()
            before = tape.nbytes
            x + 1.0
            sizes.append(tape.nbytes - before)
            tape.rewind(mark)
            assert tape.nbytes == before
    assert sizes == [0, 800]


def test_values_that_were_not_kept():
    with tapead.Tape() as tape:
        y = np.sum(tape.variable(np.ones(2)))
    with pytest.raises(tapead.TapeError, match="sources=True"):
        Trace(tape, Names(["x"]), y).to_text()


@pytest.mark.parametrize(
    "sample",
    [pytest.param(Sample(*sample), id=name) for name, *sample in samples() if name.endswith("-0")],
)
def test_every_row_of_the_table_is_traced(sample):
    def f(arrays):
        return sum(np.sum(np.sin(part)) for part in sample(*arrays))

    names = [f"arrays[{i}]" for i in range(len(sample.arrays))]
    trace = tapead.trace(f, sample.arrays, tangent=dict.fromkeys(names, 1.0))
    for found, wanted in zip(trace.gradient.values(), tapead.grad(f)(sample.arrays), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)
    assert all(getattr(trace, f"to_{name}")() for name in FORMATS)
    assert trace.to_text(ascii=True).isascii()


BASE = np.arange(24.0).reshape(2, 3, 4)
INDICES = [
    np.s_[1], np.s_[:, 1], np.s_[..., 0], np.s_[:, ::-1], np.s_[:, 1:, ::2], np.s_[1, 2, 3:],
    np.s_[:, None, 2], np.s_[None, :, :1], np.s_[1:, 2:0:-1], np.s_[:, :, ::-3], np.s_[:0],
    np.s_[-1, -2:], np.s_[...],
]  # fmt: skip


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("index", INDICES, ids=str)
def test_index_is_read_off_the_strides(index, order):
    base = BASE.copy(order=order)
    before, behind = _windows.written(geometry(base, base[index]))
    assert before == ""
    np.testing.assert_array_equal(eval(f"base{behind}"), base[index])


@pytest.mark.parametrize(
    ("view", "text"),
    [
        (lambda x: x.T, ("transpose(", ", (2, 1, 0))")),
        (lambda x: x[0].T, ("", "[0]ᵀ")),
        (lambda x: x.reshape(6, 4), ("reshape(", ", (6, 4))")),
        (lambda x: np.broadcast_to(x, (5, 2, 3, 4)), ("broadcast_to(", ", (5, 2, 3, 4))")),
        (np.diagonal, None),
    ],
)
def test_other_views_have_words_or_none(view, text):
    assert _windows.written(geometry(BASE, view(BASE))) == text


def geometry(base, view):
    offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    order = "C" if base.flags.c_contiguous else "F"
    return base.shape, order, view.shape, view.strides, offset, base.itemsize
