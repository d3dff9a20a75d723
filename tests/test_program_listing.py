"""Programs as text and as graphs."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from codes import MARK, code, one_row, random_code, small
from reference import row_id

from tapead._guards import COMPARISONS, GUARDS
from tapead._listing import MOST_IN_DOT, WIDTH, listing, to_dot
from tapead.elementals import INSTRUCTIONS

SMALL = """\
program: 2 inputs, 5 instructions, 3 guards, 3 outputs
  v1 = x[0] × x[1]
  guard v1 < 0.5 is True   (model.py:12)
  guard ⌊x[0]⌋ == −2
  v2 = sin v1
  v3 = (−2) + v2
  v4 = v3^0.5
  v5 = v4 + (absent or nothing)
  guard v4 is exactly v4   (m.py:3)
outputs: v5, x[0], −2"""


def test_small_program_is_listed():
    assert listing(small()) == SMALL


def test_single_input_has_no_number():
    assert listing(code(1, [("sin", 0)], [1])).splitlines() == [
        "program: 1 input, 1 instruction, 0 guards, 1 output",
        "  v1 = sin x",
        "output: v1",
    ]


def test_inputs_have_the_names_given():
    assert "  v1 = a × b.c\n" in listing(small(), ["a", "b.c"])
    assert "  v1 = t[0] × t[1]\n" in listing(small(), "t")


def test_names_are_one_per_input():
    with pytest.raises(ValueError, match="expected 2 names, one per input; got 3"):
        listing(small(), ["a", "b", "c"])


def test_names_cannot_move_the_cursor():
    text = listing(small()._replace(sources=(("a\x1b[2J\n.py", 1, "f"),) * 3), ["\x1b[1m", "\n"])
    assert not re.search(r"[^\n -~×−⌊⌋]", text)
    assert len(text.splitlines()) == 10


def test_program_without_anything_is_listed():
    text = "program: 0 inputs, 0 instructions, 0 guards, 0 outputs"
    assert listing(code(0, [], []), limit=2) == text


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=row_id)
def test_every_row_is_written(row):
    lines = listing(one_row(row)).splitlines()
    assert len(lines) == 3
    assert "{" not in lines[1]


@pytest.mark.parametrize("kind", range(len(GUARDS)), ids=[guard.name for guard in GUARDS])
def test_every_guard_is_written(kind):
    guard = (GUARDS[kind].name, 0, -1, 1, 0, ("dir/m.py", 7, "f"))
    line = listing(code(1, [], [0], [-2.5], [guard])).splitlines()[1]
    assert line.startswith("  guard ")
    assert "x" in line
    assert "−2.5" in line
    assert (" is True " in line) == (kind < COMPARISONS)
    assert line.endswith("   (m.py:7)")


def test_constants_are_written():
    data = code(0, [], [-1, -2, -3, -4], [np.nan, np.inf, MARK, 1e20])
    assert listing(data).splitlines()[1] == "outputs: nan, inf, absent, 1e+20"


def test_equals_signs_are_below_each_other():
    data, _ = random_code(1, 1200)
    lines = [line for line in listing(data).splitlines() if re.match(r"  v\d", line)]
    assert len(lines) == 1200
    assert {line.index("=") for line in lines} == {8}


# -- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2, 3, 10, 49])
def test_head_and_tail_of_a_long_program(limit):
    data, _ = random_code(2, 40, n_guards=10)
    lines = listing(data).splitlines()
    shown = listing(data, limit=limit).splitlines()
    head, tail = limit - limit // 2, limit // 2
    assert shown[: head + 1] == lines[: head + 1]
    assert shown[head + 2 :] == [*lines[51 - tail : 51], *lines[51:]] or limit < len(data.outputs)
    guards = sum(line.startswith("  guard") for line in lines[head + 1 : 51 - tail])
    among = f", {guards} guard{'s' * (guards != 1)} among them" * bool(guards)
    assert shown[head + 1] == f"  … {50 - limit} more{among} …"


@pytest.mark.parametrize("limit", [50, 51, None])
def test_nothing_is_left_out_within_the_limit(limit):
    data, _ = random_code(2, 40, n_guards=10)
    assert listing(data, limit=limit) == listing(data)


def test_guards_in_one_place_count_too():
    guards = [("less", 0, -1, 1, 0, ("", 0, ""))] * 100_000
    data = code(1, [("sin", 0)], [1], [1.0], guards)
    lines = listing(data, limit=4).splitlines()
    assert len(lines) == 7
    assert lines[3] == "  … 99,997 more, 99,997 guards among them …"
    assert lines[5] == "  v1 = sin x"


def test_outputs_are_folded():
    data = code(1, [("sin", 0)] * 400, range(1, 401))
    lines = listing(data).splitlines()[401:]
    assert all(len(line) <= WIDTH for line in lines)
    assert lines[0].startswith("outputs: v1, v2, ")
    assert lines[1].startswith("         v")
    assert re.findall(r"v\d+", " ".join(lines)) == [f"v{k}" for k in range(1, 401)]


def test_outputs_are_limited():
    data = code(1, [("sin", 0)] * 3, [1, 2, 3, 1, 2, 3])
    assert listing(data, limit=3).splitlines()[-1] == "outputs: v1, v2, … 3 more …, v3"


@pytest.mark.parametrize("limit", [0, 1, -3, 2.5])
def test_limit_is_a_number_of_at_least_two(limit):
    with pytest.raises(ValueError, match=f"at least 2; got {limit}"):
        listing(small(), limit=limit)


# -- graphs -----------------------------------------------------------------------------------


def test_graph_has_a_node_for_everything():
    text = to_dot(small(), ['a"b', "\\"])
    assert text.count(" [label=") == 2 + 5 + 3 + 3
    assert '  n0 [label="a\\"b", style=filled' in text
    assert '  n2 [label="v1 = a\\"b × \\\\"];' in text
    assert "  n2 -> n3;" in text
    assert '  g0 [label="v1 < 0.5 is True\\nmodel.py:12", shape=hexagon' in text
    assert "  n2 -> g0 [style=dashed];" in text
    assert '  y2 [label="output 3\\n−2", penwidth=2];' in text
    assert "  n6 -> y0;" in text


def test_operand_used_twice_has_one_edge():
    text = to_dot(code(1, [("multiply", 0, 0)], [1]))
    assert text.count("n0 -> n1") == 1
    assert 'label="output"' in text


def test_graph_that_is_too_large_is_refused():
    data = code(1, [("sin", 0)] * MOST_IN_DOT, [1])
    with pytest.raises(ValueError, match="draws at most 10,000 nodes; this program has 10,002"):
        to_dot(data)


def test_graphviz_reads_the_graph():
    if shutil.which("dot") is None:
        pytest.skip("no Graphviz")
    text = to_dot(random_code(3, 100, n_guards=20)[0])
    command = ["dot", "-Tcanon"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
