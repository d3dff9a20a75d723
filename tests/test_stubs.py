"""The stubs agree with the package, and a type checker reads them as the documentation does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import tapead

ALLOWLIST = Path(__file__).with_name("stubtest_allowlist.txt")

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
    command = [sys.executable, "-m", "mypy.stubtest", "tapead", "--allowlist", str(ALLOWLIST)]
    command += ["--mypy-config-file", str(ALLOWLIST.with_name("stubtest.ini"))]
    done = run(command, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("expression", TYPED)
def test_stubs_give_the_type(errors, expression):
    assert not errors[expression]


@pytest.mark.parametrize("expression", REFUSED)
def test_stubs_refuse(errors, expression):
    assert errors[expression]


def test_stubs_are_installed_with_the_package():
    package = Path(tapead.math.__file__).parent
    names = [
        "__init__",
        "_program",
        "_tape",
        "_trace/__init__",
        "math",
        "nn/__init__",
        "optim/__init__",
        "testing",
        "transforms",
    ]
    assert [name for name in names if not (package / f"{name}.pyi").exists()] == []
    assert (package / "py.typed").exists()
