"""Renderers: well-formed, escaped, and the same rows in each."""

import csv
import html.parser
import io
import json
import math
import xml.etree.ElementTree

import pytest

import tapead
from tapead._trace._text import columns
from tapead.elementals import ROWS

HOSTILE = '<b>&"|_$\\{%#^~é]'
FORMATS = ("text", "markdown", "latex", "html", "csv", "json", "dot", "svg")
TABLES = ("text", "markdown", "latex", "html")
EXAMPLE = """\
Primal trace ↓               Adjoint trace ↑
──────────────────────────   ────────────────────────────────
v₋₁ = x1       = 2           x̄1  = v̄₋₁            = 5.5
v₀  = x2       = 5           x̄2  = v̄₀             = 1.71634
──────────────────────────   ────────────────────────────────
v₁  = ln v₋₁   = 0.693147    v̄₋₁ = v̄₋₁ + v̄₁ / v₋₁ = 5.5
v₂  = v₋₁ × v₀ = 10          v̄₀  = v̄₀ + v̄₂ × v₋₁  = 1.71634
                             v̄₋₁ = v̄₂ × v₀        = 5
v₃  = sin v₀   = −0.958924   v̄₀  = v̄₃ × cos v₀    = −0.283662
v₄  = v₁ + v₂  = 10.6931     v̄₂  = v̄₄             = 1
                             v̄₁  = v̄₄             = 1
v₅  = v₄ − v₃  = 11.6521     v̄₃  = −v̄₅            = −1
                             v̄₄  = v̄₅             = 1
──────────────────────────   ────────────────────────────────
y   = v₅       = 11.6521     v̄₅  = ȳ              = 1"""


def lecture(x1, x2):
    logarithm, product, sine = tapead.log(x1), x1 * x2, tapead.sin(x2)
    return logarithm + product - sine


@pytest.fixture
def example():
    return tapead.trace(lecture, 2.0, 5.0)


@pytest.fixture
def hostile():
    return tapead.trace(lambda p: tapead.absolute(p[HOSTILE]) * 2.0, {HOSTILE: 3.0})


def render(trace, name, **options):
    return getattr(trace, f"to_{name}")(**options)


class Balance(html.parser.HTMLParser):
    """Checks that every tag is closed, and counts cells."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_text_stands_side_by_side(example):
    assert example.to_text(width=80) == EXAMPLE


def test_text_falls_back_to_one_below_the_other(example):
    text = example.to_text(width=60)
    assert max(map(columns, text.splitlines())) <= 60
    assert text.index("Primal trace") < text.index("v₅") < text.index("Adjoint trace")


def test_text_clips_what_is_too_wide():
    trace = tapead.trace(lambda p: tapead.sin(p["a" * 90]), {"a" * 90: 1.0})
    primal, _ = trace.to_text(width=50).split("\n\n")
    assert max(map(columns, primal.splitlines())) <= 50


def test_text_fits_the_terminal_it_is_printed_in(example, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert str(example).count("\n\n") == 1
    monkeypatch.setenv("COLUMNS", "61")
    assert str(example) == EXAMPLE


def test_ascii_text_has_no_other_characters(example, hostile):
    assert example.to_text(ascii=True).isascii()
    assert hostile.to_text(ascii=True).isascii()
    assert "bar(v0)  = bar(v0) + bar(v2) * v-1  = 1.71634" in example.to_text(ascii=True)


def test_print_falls_back_to_ascii(example, monkeypatch):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert str(example).isascii()


@pytest.mark.parametrize("row", [row for row in ROWS if row.public], ids=lambda row: row.name)
def test_ascii_spells_every_row(row):
    point = [0.5 * (low + high) for low, high in row.domain]
    trace = tapead.trace(getattr(tapead, row.name), *point)
    assert "\\" not in trace.to_text(ascii=True)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("n", [2, 3, 7, 40])
def test_tables_say_what_they_leave_out(name, n):
    trace = tapead.trace(lambda x, y: sum(x * y for _ in range(50)), 1.0, 2.0)
    assert f"{len(trace.primal) - n:,} of {len(trace.primal):,} rows" in render(
        trace, name, max_rows=n
    )


@pytest.mark.parametrize("name", TABLES)
def test_tables_refuse_other_limits(example, name):
    with pytest.raises(ValueError, match="max_rows is None or an int of at least 2; got 0"):
        render(example, name, max_rows=0)


@pytest.mark.parametrize("name", FORMATS)
def test_constant_function_renders(name):
    assert render(tapead.trace(lambda x: 3.0, 2.0), name)


@pytest.mark.parametrize("name", FORMATS[:-1])
def test_function_without_inputs_renders(name):
    assert render(tapead.trace(lambda: 3.0), name)


def test_svg_needs_a_node():
    with pytest.raises(ValueError, match="to_svg needs a node to draw"):
        tapead.trace(lambda: 3.0).to_svg()


@pytest.mark.parametrize("name", FORMATS)
def test_nonfinite_values_render(name):
    assert render(tapead.trace(lambda x: tapead.log(x) * 0.0, 0.0, tangent={"x": 1.0}), name)


def test_markdown_has_as_many_columns_in_every_line(example, hostile):
    for text in (example.to_markdown(), hostile.to_markdown()):
        bars = {line.replace(r"\|", "").count("|") for line in text.splitlines()}
        assert bars == {5}


def test_html_is_balanced(example, hostile):
    assert Balance(example.to_html()).seen.count("tr") == 12
    assert "<b>" not in hostile.to_html()
    assert Balance(hostile.to_html()).seen.count("b") == 0


def test_notebook_shows_html(example):
    assert example._repr_html_() == example.to_html()


def test_latex_environments_and_braces_balance(example, hostile):
    for text in (example.to_latex(), hostile.to_latex()):
        plain = text.replace(r"\{", "").replace(r"\}", "").replace(r"\\", "")
        assert plain.count("{") == plain.count("}")
        assert plain.replace(r"\$", "").count("$") % 2 == 0
        rows = [line for line in text.splitlines() if line.startswith("$")]
        assert {row.replace(r"\&", "").count("&") for row in rows} == {3}


def test_csv_holds_all_rows_and_digits(example):
    rows = list(csv.DictReader(io.StringIO(example.to_csv())))
    records = [*example.primal, *example.adjoint]
    assert [(r["trace"], r["name"], float(r["value"])) for r in rows] == [
        (r.trace, r.name, r.value) for r in records
    ]


def test_csv_quotes_names(hostile):
    rows = list(csv.DictReader(io.StringIO(hostile.to_csv())))
    assert rows[0]["formula"] == f"p[{HOSTILE!r}]"


def test_json_has_the_promised_shape():
    trace = tapead.trace(lecture, 2.0, 5.0, tangent={"x1": 1.0})
    content = json.loads(trace.to_json())
    assert list(content) == ["inputs", "value", "gradient", "primal", "adjoint", "tangent"]
    assert content["inputs"] == {"x1": 2.0, "x2": 5.0}
    assert content["gradient"] == trace.gradient
    assert content["primal"][2] == {"name": "v1", "formula": "ln v-1", "value": math.log(2.0)}
    for kind in ("primal", "adjoint", "tangent"):
        assert [row["value"] for row in content[kind]] == [r.value for r in getattr(trace, kind)]


def test_json_spells_what_is_not_finite():
    def refuse(name):
        raise AssertionError(name)

    text = tapead.trace(lambda x: tapead.log(x) * 0.0, 0.0).to_json()
    content = json.loads(text, parse_constant=refuse)
    assert (content["value"], content["primal"][1]["value"]) == ("NaN", "-Infinity")


def test_dot_has_a_node_per_row_and_an_edge_per_operand(example):
    text = example.to_dot()
    assert text.count(" [label=") - text.count("->") == len(example.primal)
    assert text.count("->") == 8


def test_dot_escapes_quotes():
    trace = tapead.trace(lambda p: p['"'] * 2.0, {'"': 1.0})
    assert r"p['\"']" in trace.to_dot()


@pytest.mark.parametrize("n", [1, 5, 90])
def test_svg_draws_every_node(n):
    def f(x, y):
        for _ in range(n):
            x = tapead.sin(x) * y + x
        return x

    trace = tapead.trace(f, 1.0, 2.0)
    root = xml.etree.ElementTree.fromstring(trace.to_svg())
    boxes = [r for r in root.iter("{http://www.w3.org/2000/svg}rect") if r.get("rx")]
    assert len(boxes) == len(trace.primal)


def test_svg_boxes_do_not_overlap(example):
    root = xml.etree.ElementTree.fromstring(example.to_svg())
    rects = [
        tuple(float(r.get(key)) for key in ("x", "y", "width", "height"))
        for r in root.iter("{http://www.w3.org/2000/svg}rect")
        if r.get("rx")
    ]
    for i, (x, y, w, h) in enumerate(rects):
        for u, v, p, q in rects[i + 1 :]:
            assert x + w <= u or u + p <= x or y + h <= v or v + q <= y


def test_svg_escapes(hostile):
    texts = xml.etree.ElementTree.fromstring(hostile.to_svg()).itertext()
    assert f"v₀ = p[{HOSTILE!r}]" in list(texts)


@pytest.mark.parametrize("name", ["dot", "svg"])
def test_drawings_have_a_limit(name):
    trace = tapead.trace(lambda x: sum(x for _ in range(10_001)), 1.0)
    with pytest.raises(ValueError, match=f"to_{name} draws at most .* this trace has 10,002"):
        render(trace, name)
