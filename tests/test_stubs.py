"""The stubs agree with the package, and a type checker reads them as the documentation does."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tapead

ALLOWLIST = Path(__file__).with_name("stubtest_allowlist.txt")
EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
PACKAGE = Path(tapead.math.__file__).parent

# What is accepted, and its type.
TYPED = {
    "tapead.sin(1.0)": "float",
    "tapead.sin(1)": "float",
    "tapead.sin(x)": "tapead.Var",
    "tapead.hypot(x, 1)": "tapead.Var",
    "tapead.hypot(1.0, x)": "tapead.Var",
    "tapead.hypot(1.0, 2.0)": "float",
    "tapead.clip(x, 0.0, 1.0)": "tapead.Var",
    "2.0 * x**2 - x / 3": "tapead.Var",
    "x % 2 + 7 // x": "tapead.Var",
    "x < 1.0": "bool",
    "x.value": "float",
    "round(x)": "int",
    "math.floor(x)": "int",
    "tape.gradient(x, x)": "float",
    "tape.gradient(x, [x])": "list[float]",
    "tapead.trace(f, 1.0).gradient": "dict[str, Any]",
    "tapead.trace(f, 1.0).to_html(interactive=True)": "str",
    "tapead.derivative(f)(1.0)": "float",
    "tapead.record(f, 1.0)": "tapead.Program",
    "tapead.record(f, 1.0, on_branch='record').gradient()": "tapead.Program",
    "tapead.load('f.tapead')": "tapead.Program",
    "program.status": "tapead.Status",
    "program.vjp(1.0)": "tuple[Any, ...]",
    "program.to_c('f')": "str",
    "tapead.nn.MLP((2, 1)).arrays()": "dict[str, np.typing.NDArray[Any]]",
    "tapead.nn.fit(net, (a, a), loss=tapead.nn.mse_loss)": "tapead.nn.History",
    "tapead.optim.Adam(net.parameters(), lr=0.1)": "tapead.optim.Adam",
    "tapead.compile(f).stats()": "dict[str, int]",
    "tapead.compile(max_paths=2)(f).status": "tapead.Status",
}
TYPED |= dict.fromkeys(
    [
        "tapead.sin(a)",
        "tapead.hypot(a, x)",
        "tapead.hypot(1.0, a)",
        "tapead.clip(a, 0, 1)",
        "x + a",
    ],
    "np.typing.NDArray[Any]",
)
REFUSED = [
    "math.sin(x)", "float(x)", "tapead.sin('1')", "tapead.sin(None)", "tape.variable('1')",
    "tapead.Var(1.0)", "tapead.grad(1.0)", "tapead.hypot(1.0)",
    "tapead.nn.MLP(3)", "tapead.nn.fit(net, (a, a))", "tapead.optim.SGD(net)",
    "tapead.Program(f)", "tapead.record(1.0)", "tapead.record(f, 1.0, on_branch='ignore')",
    "tapead.compile(f, 2)", "program.map(a, what='jacobian')", "program.map(a, in_axes=1)",
]  # fmt: skip
PROGRAM = """
import math
from typing import Any, assert_type
import numpy as np
import numpy.typing
import tapead
tape = tapead.Tape(max_bytes=1000)
x = tape.variable(1.0, name="x")
a = np.array([1.0])
def f(x: tapead.Var) -> tapead.Var:
    return x * x
program = tapead.record(f, 1.0)
net = tapead.nn.MLP((2, 1))
"""


def run(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """Errors that mypy finds, by expression."""
    pytest.importorskip("mypy")
    folder = tmp_path_factory.mktemp("stubs")
    statements = {x: f"assert_type({x}, {kind})" for x, kind in TYPED.items()}
    statements |= {x: x for x in REFUSED}
    (folder / "program.py").write_text("\n".join([PROGRAM.strip(), *statements.values(), ""]))
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "program.py"]
    output = run(command, folder).stdout
    found = dict.fromkeys(statements, "")
    for line in output.splitlines():
        number, kind, message = re.fullmatch(r"program.py:(\d+): (\w+): (.*)", line).groups()
        if kind == "error":
            found[list(found)[int(number) - PROGRAM.strip().count("\n") - 2]] += message
    return found


def test_stubs_agree_with_the_package(tmp_path):
    pytest.importorskip("mypy")
    stubs = (path.relative_to(PACKAGE.parent).with_suffix("") for path in PACKAGE.rglob("*.pyi"))
    names = (".".join(path.parts).removesuffix(".__init__") for path in stubs)
    config = ALLOWLIST.with_name("stubtest.ini").read_text(encoding="utf-8")
    config += "".join(f"\n[mypy-{name}]\nignore_errors = False\n" for name in sorted(names))
    (tmp_path / "stubtest.ini").write_text(config, encoding="utf-8")
    command = [sys.executable, "-m", "mypy.stubtest", "tapead", "--allowlist", str(ALLOWLIST)]
    done = run([*command, "--mypy-config-file", "stubtest.ini"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def pyright():
    """Skips where there is none; its package gets the program from npm when it is first run."""
    pytest.importorskip("pyright")
    if run([sys.executable, "-m", "pyright", "--version"], EXAMPLES).returncode:
        pytest.skip("pyright cannot be fetched from npm")


def test_every_public_type_is_known(tmp_path, pyright):
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable]
    done = run([*command, "--verifytypes", "tapead", "--ignoreexternal"], tmp_path)
    assert "Type completeness score: 100%" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("checker", [["mypy", "--check-untyped-defs"], ["pyright"]])
def test_examples_pass_the_type_checkers(tmp_path, checker, request):
    pytest.importorskip("matplotlib")  # one of them draws
    if checker == ["pyright"]:
        request.getfixturevalue("pyright")
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    command = [sys.executable, "-m", *checker, "examples"]
    command += ["--pythonpath", sys.executable] if checker == ["pyright"] else []
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", TYPED)
def test_stubs_give_the_type(errors, expression):
    assert not errors[expression]


@pytest.mark.parametrize("expression", REFUSED)
def test_stubs_refuse(errors, expression):
    assert errors[expression]


def test_stubs_are_installed_with_the_package():
    names = [
        "__init__",
        "_program",
        "_tape",
        "_trace/__init__",
        "fft",
        "math",
        "nn/__init__",
        "optim/__init__",
        "primitives/__init__",
        "testing",
        "transforms",
    ]
    assert [name for name in names if not (PACKAGE / f"{name}.pyi").exists()] == []
    assert (PACKAGE / "py.typed").exists()
