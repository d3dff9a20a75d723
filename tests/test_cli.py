"""The command line: what it prints, what it refuses, and how."""

import json
import os
import subprocess
import sys

import pytest

import tapead
from tapead.__main__ import main

EXAMPLE = "ln(x1) + x1*x2 - sin(x2)"
AT = ["x1=2", "x2=5"]
FORMATS = ("text", "markdown", "latex", "html", "csv", "json", "dot", "svg")
MODULE = """
import sys
import tapead

def lecture(x1, x2):
    return tapead.log(x1) + x1 * x2 - tapead.sin(x2)

def fails(x):
    raise ValueError("two\\nlines")

def leaves(x):
    sys.exit(3)

class Box:
    double = staticmethod(lambda x: 2 * x)
"""


def run(*arguments, **options):
    command = [sys.executable, "-m", "tapead", *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, **options)


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "traced_by_cli.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield "traced_by_cli"
    sys.modules.pop("traced_by_cli", None)


def test_without_arguments_it_shows_the_worked_example(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out
    assert "v₅  = v₄ − v₃  = 11.6521" in out
    assert "v̄₀  = v̄₀ + v̄₂ × v₋₁  = 1.71634" in out
    assert "Nothing to report" in out
    assert "tapead.grad(f" in out


def test_process_prints_the_worked_example():
    done = run(env={**os.environ, "PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert "v̄₅  = ȳ              = 1".encode() in done.stdout


def test_process_falls_back_to_ascii():
    done = run(env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"bar(v5)  = bar(y)" in done.stdout
    assert done.stdout.isascii()


def test_version():
    done = run("--version")
    assert done.stdout.decode().strip() == f"tapead {tapead.__version__}"


@pytest.mark.parametrize("command", [[], ["trace"], ["grad"]])
def test_help(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert "usage: tapead" in capsys.readouterr().out


def test_formula_is_ordered_level_by_level(capsys):
    assert main(["trace", EXAMPLE, *AT, "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["primal"]
    assert [row["formula"] for row in rows[2:]] == [
        "ln v-1", "v-1 × v0", "sin v0", "v1 + v2", "v4 − v3",
    ]  # fmt: skip


def test_function_shows_the_order_in_which_it_ran(module, capsys):
    assert main(["trace", f"{module}:lecture", "2", "5", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)["primal"]
    assert [row["formula"] for row in rows[2:]] == [
        "ln v-1", "v-1 × v0", "v1 + v2", "sin v0", "v3 − v4",
    ]  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_those_of_the_trace(name, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["trace", EXAMPLE, *AT, "--format", name]) == 0
    out = capsys.readouterr().out
    starts = {
        "text": "Primal", "markdown": "| Primal", "latex": "% ", "html": "<table", "csv": "trace,",
        "json": "{", "dot": "digraph", "svg": "<svg",
    }  # fmt: skip
    assert out.startswith(starts[name])
    assert out.endswith("\n")


@pytest.mark.parametrize(("suffix", "start"), [(".html", "<table"), (".svg", "<svg"), (".x", "Pr")])
def test_output_file_decides_the_format(tmp_path, suffix, start, capsys):
    path = tmp_path / f"trace{suffix}"
    assert main(["trace", EXAMPLE, *AT, "-o", str(path)]) == 0
    assert path.read_text(encoding="utf-8").startswith(start)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("option", "value"), [("x1", 5.5), ("x1=2", 11.0)])
def test_tangent_of_an_input(option, value, capsys):
    assert main(["trace", EXAMPLE, *AT, "--tangent", option, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["tangent"][-1]["value"] == value


def test_options_may_stand_between_values(capsys):
    assert main(["trace", EXAMPLE, "x1=2", "--format", "csv", "x2=5"]) == 0
    assert capsys.readouterr().out.startswith("trace,")


@pytest.mark.parametrize(
    ("formula", "values", "gradient"),
    [
        (EXAMPLE, AT, {"x1": 5.5, "x2": 1.7163378145367738}),
        ("-x*2", ["x=-1e-3"], {"x": -2.0}),
        ("x**2 + 2**x", ["x=0"], {"x": 0.6931471805599453}),
        ("x // 2 + x % 2", ["x=5"], {"x": 1.0}),
        ("expit(x) * 4", ["x=0"], {"x": 1.0}),
        ("clip(x, 0, 1)", ["x=.5"], {"x": 1.0}),
        ("sin(tau*x) + e*0", ["x=1"], {"x": pytest.approx(6.283185307179586)}),
        ("sin(x)", ["x=pi/2 - pi/2"], {"x": 1.0}),
        ("+x", ["x=3", "y=4"], {"x": 1.0, "y": 0.0}),
        ("e*x", ["e=3", "x=1"], {"e": 1.0, "x": 3.0}),
    ],
)
def test_gradient_of_a_formula(formula, values, gradient, capsys):
    assert main(["grad", formula, *values, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["gradient"] == gradient


def test_gradient_of_a_function(module, capsys):
    assert main(["grad", f"{module}:lecture", "2", "x2=5"]) == 0
    assert capsys.readouterr().out == (
        "value  11.652071455223084\nd/dx1  5.5\nd/dx2  1.7163378145367738\n"
    )


def test_function_inside_a_class(module, capsys):
    assert main(["grad", f"{module}:Box.double", "-1e-3"]) == 0
    assert capsys.readouterr().out == "value  -0.002\nd/dx   2.0\n"


def test_formula_is_evaluated_in_floats(capsys):
    assert main(["grad", "x * 9**9**9**9", "x=1"]) == 0
    assert capsys.readouterr().out == "value  inf\nd/dx   inf\n"


def test_text_tells_what_to_look_at_twice(capsys):
    assert main(["trace", "abs(x)", "x=0"]) == 0
    assert "kink, forward" in capsys.readouterr().out


BAD = {
    "power": ["grad", "x^2", "x=1"],
    "unclosed": ["grad", "sin(x", "x=1"],
    "empty": ["grad", ""],
    "nothing": ["grad"],
    "command": ["draw", "x", "x=1"],
    "option": ["trace", "x", "x=1", "--colour", "red"],
    "format": ["trace", "x", "x=1", "--format", "pdf"],
    "function": ["grad", "sine(x)", "x=1"],
    "arity": ["grad", "hypot(x)", "x=1"],
    "keyword": ["grad", "sin(x=1)", "x=1"],
    "star": ["grad", "sin(*x)", "x=1"],
    "unknown": ["grad", "x + y", "x=1"],
    "uncalled": ["grad", "sin + 1", "x=1"],
    "attribute": ["grad", "x.real", "x=1"],
    "module": ["grad", "math.sin(x)", "x=1"],
    "called": ["grad", "(lambda: 1)()", "x=1"],
    "import": ["grad", "__import__('os').system('true')", "x=1"],
    "string": ["grad", "'a' * x", "x=1"],
    "complex": ["grad", "1j * x", "x=1"],
    "bool": ["grad", "True * x", "x=1"],
    "comparison": ["grad", "x < 1", "x=1"],
    "conditional": ["grad", "x if x else 1", "x=1"],
    "list": ["grad", "[x][0]", "x=1"],
    "walrus": ["grad", "(x := 1)", "x=1"],
    "statement": ["grad", "import os", "x=1"],
    "null": ["grad", "x\0", "x=1"],
    "newline": ["grad", "x\ny", "x=1"],
    "value": ["grad", "x", "x=abc"],
    "no-value": ["grad", "x", "x="],
    "no-name": ["grad", "x", "1"],
    "twice": ["grad", "x", "x=1", "x=2"],
    "not-a-name": ["grad", "x", "1x=1"],
    "tangent": ["trace", "x", "x=1", "--tangent", "y"],
    "tangent-value": ["trace", "x", "x=1", "--tangent", "x=y"],
    "large-number": ["grad", "9" * 400 + "*x", "x=1"],
    "escape": ["grad", r"'\d' * x", "x=1"],
    "huge-number": ["grad", "9" * 5000 + "*x", "x=1"],
    "long": ["grad", "x+" * 6000 + "x", "x=1"],
    "parentheses": ["grad", "(" * 4000 + "x", "x=1"],
    "minuses": ["grad", "(" + "-" * 9000 + "x)", "x=1"],
    "sums": ["grad", "not " * 2000 + "x", "x=1"],
    "no-module": ["grad", "no_such_module_1:f", "1"],
    "no-function": ["grad", "math:no_such_function", "1"],
    "no-number": ["grad", "os:getcwd"],
    "drops": ["grad", "math:sin", "1"],
    "not-callable": ["grad", "math:pi", "1"],
    "unwritable": ["trace", "x", "x=1", "-o", "/no/such/folder/file"],
    "too-many-nodes": ["trace", "+".join(["x"] * 310), "x=1", "--format", "svg"],
}


@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_input_is_one_line_and_status_2(arguments, capsys):
    assert main(arguments) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith("tapead: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("name", ["fails", "leaves", "nothing"])
def test_exception_in_the_function_is_one_line_and_status_2(module, name, capsys):
    assert main(["trace", f"{module}:{name}", "1"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_exception_in_the_function_names_its_line(module, capsys):
    main(["trace", f"{module}:fails", "1"])
    assert capsys.readouterr().err == (
        "tapead: traced_by_cli:fails: ValueError: two lines (traced_by_cli.py:9)\n"
    )


def test_process_reports_bad_input_without_a_traceback():
    done = run("grad", "x^2", "x=1")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"tapead: ^ is not a power in Python; write ** instead\n"


def test_power_error_says_what_to_write(capsys):
    main(["grad", "x^2", "x=1"])
    assert "write ** instead" in capsys.readouterr().err


def test_reader_that_goes_away_is_no_error():
    formula = "+".join(["x*x"] * 250)
    command = [sys.executable, "-m", "tapead", "trace", formula, "x=1", "--format", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert (process.stderr.read(), process.wait(60)) == (b"", 0)
    process.stderr.close()
