"""The page to step through: what it holds, and what it does in a browser."""

import html
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_trace_formats import Balance, lecture

import tapead
from tapead.__main__ import main
from tapead._trace import _array_facts, _facts, _values
from tapead._trace._writer import PRETTY, Writer

HOSTILE = "</script><script>document.title = 1</script><!--&\"'"
STEPS = re.compile(r'<script type="application/json" id="steps">(.*?)</script>', re.DOTALL)
VOID = "meta", "input"


def network(x, w, b):
    hidden = np.tanh(x @ w + b)
    hidden[0] = 0.0
    return np.sum(hidden) + np.sum(w * w) + w[0, 0]


MATRICES = (
    np.array([[1.0, 0.0], [2.0, 1.0]]),
    np.array([[0.5, -0.5], [-1.0, 1.0]]),
    np.array([0.5, 1.0]),
)
TRACES = {
    "numbers": lambda: tapead.trace(lecture, 2.0, 5.0),
    "tangents": lambda: tapead.trace(lecture, 2.0, 5.0, tangent={"x1": 1.0}),
    "arrays": lambda: tapead.trace(network, *MATRICES),
    "tangents of arrays": lambda: tapead.trace(network, *MATRICES, tangent={"w": 1.0}),
    "several results": lambda: tapead.trace(
        lambda a: np.sum(np.linalg.eigh(a)[0] ** 2), np.diag([1.0, 2.0])
    ),
    "array result": lambda: tapead.trace(lambda x: x * 2.0, np.ones(3)),
    "constant": lambda: tapead.trace(lambda x: 1.0, 2.0),
    "input": lambda: tapead.trace(lambda x: x, 2.0),
    "nothing": lambda: tapead.trace(lambda: 1.0),
    "nan": lambda: tapead.trace(lambda x: x * tapead.sqrt(x), 0.0),
    "many": lambda: tapead.trace(lambda x: sum(x * x for _ in range(400)), 1.0),
}


def steps_of(text):
    """What a page will tell, step by step."""
    return json.loads(STEPS.search(text)[1])


def rows_of(text):
    """Numbers of the steps that the rows of each table stand for."""
    tables = re.findall(r'<div class="table (\w+)".*?</div>', text, re.DOTALL)
    parts = re.split(r'<div class="table \w+"', text)[1:]
    return {
        name: [int(n) for n in re.findall(r'<tr data-step="(\d+)"', part)]
        for name, part in zip(tables, parts, strict=True)
    }


@pytest.fixture
def page():
    return TRACES["numbers"]().to_html(interactive=True)


@pytest.mark.parametrize("name", TRACES)
def test_tags_are_balanced(name):
    text = TRACES[name]().to_html(interactive=True)
    text = re.sub(rf"<({'|'.join(VOID)})\b[^>]*>", "", text.removeprefix("<!DOCTYPE html>"))
    text = re.sub(r"<(path|rect)([^>]*)/>", r"<\1\2></\1>", text)
    assert Balance(text).seen.count("table") == text.count("<caption>")


@pytest.mark.parametrize("name", TRACES)
def test_every_step_has_its_row(name):
    trace = TRACES[name]()
    text = trace.to_html(interactive=True, max_rows=None)
    steps, rows = steps_of(text), rows_of(text)
    forward = [n for n, step in enumerate(steps, 1) if step["sweep"] == "forward"]
    assert rows["primal"] == forward == list(range(1, len(trace.primal) + 2))
    assert sorted(rows.get("adjoint", [])) == list(range(len(forward) + 1, len(steps) + 1))
    assert rows.get("tangent", forward) == forward


@pytest.mark.parametrize("name", TRACES)
def test_reverse_steps_are_the_rows_of_the_adjoint_trace(name):
    trace = TRACES[name]()
    steps = steps_of(trace.to_html(interactive=True, max_rows=None))
    told = [step for step in steps if step["adjoint"]]
    assert len(told) == len(trace.adjoint)
    writer = Writer(PRETTY, trace)
    for step, row in zip(told, trace.adjoint, strict=True):
        assert step["adjoint"].endswith(f" = {writer.number(row.value)}")


def test_formulas_have_numbers():
    steps = steps_of(TRACES["tangents"]().to_html(interactive=True))
    assert steps[6]["lines"] == [
        ["v₅", "= v₄ − v₃", "= 10.6931 − (−0.958924)", "= 11.6521"],
        ["v̇₅", "= v̇₄", "", "= 5.5"],
    ]
    lines = {line[1]: line[2] for step in steps[7:] for line in step["lines"]}
    assert lines["= v̄₀ + v̄₂ × v₋₁"] == "= −0.283662 + 1 × 2"
    assert lines["= v̄₋₁ + v̄₁ / v₋₁"] == "= 5 + 1 / 2"


def test_increment_and_total_are_told_in_words(page):
    words = [step["words"] for step in steps_of(page)]
    assert words[0] == "The input x1 is 2."
    assert words[2] == "v₁ is ln v₋₁: 0.693147."
    assert words[8] == "The reverse sweep begins at the result y: its adjoint is 1."
    assert "v₂ gives 2 to the adjoint of x2, so far 1.71634." in words
    assert words[-1] == "All has arrived at x1: its adjoint is 5.5."


def test_increments_of_arrays_are_what_their_step_adds():
    trace = TRACES["arrays"]()
    words = [step["words"] for step in steps_of(trace.to_html(interactive=True))]
    assert any("gives [[1, −1], [−2, 2]] to the adjoint of w" in text for text in words)
    increments = _facts.increments(trace, 1, trace._result + 1)
    totals, told = {}, 0
    for increment in increments:
        if not isinstance(increment.step, _facts.Step):
            added = _array_facts.added(trace, increment)
            if added is not None:
                before = totals.get(increment.target, 0.0)
                total = _values.without_marks(increment.total)
                assert np.array_equal(before + _values.without_marks(added), total)
                told += 1
        totals[increment.target] = _values.without_marks(increment.total)
    assert told >= 4


def test_edges_of_the_steps_are_drawn(page):
    drawn = set(re.findall(r'data-edge="([-\d]+)"', page))
    steps = steps_of(page)
    assert {edge for step in steps if step["sweep"] == "forward" for edge in step["edges"]} == drawn
    assert {edge for step in steps if step["sweep"] == "reverse" for edge in step["edges"]} == drawn


def test_texts_are_escaped():
    trace = tapead.trace(lambda p: tapead.absolute(p[HOSTILE]) * 2.0, {HOSTILE: 3.0})
    trace._name = HOSTILE
    text = trace.to_html(interactive=True)
    assert HOSTILE not in text
    assert text.count("<script") == text.count("</script") == 2
    assert "<!--" not in text
    assert html.escape(HOSTILE) in text
    assert any(f"p[{HOSTILE!r}]" in step["words"] for step in steps_of(text))


def test_braces_in_names_are_no_fields():
    trace = tapead.trace(lambda p: p["{{script}}"] * 2.0, {"{{script}}": 3.0})
    assert trace.to_html(interactive=True).count("{{script}}") > 2


def test_page_names_no_address(page):
    page = page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"//\w|\bsrc=|\bhref=|@import|url\((?!#)", page)


@pytest.mark.parametrize("max_rows", [2, 5, 40])
def test_gap_is_a_step(max_rows):
    trace = TRACES["many"]()
    text = trace.to_html(interactive=True, max_rows=max_rows)
    words = [step["words"] for step in steps_of(text)]
    left_out = f"{len(trace.primal) - max_rows} of {len(trace.primal)} rows left out."
    assert words.count(left_out) == 2
    assert text.count(f"⋮ {left_out[:-1]}") == 2
    assert sorted(itertools.chain(*rows_of(text).values())) == list(range(1, len(words) + 1))


def test_totals_below_a_gap_are_those_of_the_whole_trace():
    trace = tapead.trace(lambda x: sum((x * x for _ in range(50)), 0.0), 3.0)
    steps = steps_of(trace.to_html(interactive=True, max_rows=4))
    assert steps[-2]["lines"] == [["v̄₀", "= v̄₀ + v̄₁ × v₀", "= 297 + 1 × 3", "= 300"]]


def test_large_graph_is_left_out_in_words():
    text = TRACES["many"]().to_html(interactive=True)
    assert "<svg" not in text
    assert "this trace has 801 nodes, and at most 300 are drawn." in text


def test_boxes_have_room_for_every_total(page):
    def shown(text):
        found = re.findall(r'<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"', text)
        return list(map(float, found))

    plain = TRACES["numbers"]().to_svg()
    assert all(a >= b for a, b in zip(shown(page), shown(plain), strict=True))
    assert shown(page)[1] >= 8.0 * len("v₀ = −0.283662")


@pytest.mark.parametrize("interactive", [False, True])
def test_html_goes_to_a_file(tmp_path, interactive):
    trace = TRACES["numbers"]()
    for path in (tmp_path / "trace.html", str(tmp_path / "again.html")):
        assert trace.to_html(path, interactive=interactive) is None
        assert Path(path).read_bytes().decode() == trace.to_html(interactive=interactive)


def test_number_is_no_path():
    with pytest.raises(TypeError, match="PathLike"):
        TRACES["numbers"]().to_html(1)


def test_command_line_writes_a_page(tmp_path, capsys):
    path = tmp_path / "trace.txt"
    assert main(["trace", "x*y", "x=1", "--interactive", "y=2", "-o", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert main(["trace", "x", "x=1", "--interactive", "--format", "csv"]) == 2
    assert capsys.readouterr().err == "tapead: a page to step through is html; got --format csv\n"
