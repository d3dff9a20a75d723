"""Programs written out as C: they compile without a warning and give the same bits."""

import ctypes
import shlex
import shutil
import subprocess
import sysconfig

import numpy as np
import pytest
from codes import FROM_SCIPY, MARK, code, one_row, random_code, results, same_bits, small
from reference import row_id

from tapead._c_source import PART, to_c
from tapead._code_data import check
from tapead.elementals import INSTRUCTIONS

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2"]
IN_C = [row for row in INSTRUCTIONS if row.name not in FROM_SCIPY]


MODEL = """\
int model(const double *x, double *y) {
    const double v1 = x[0] * x[1];
    if (!(v1 < 0.5)) return 1; /* model.py:12 */
    if (!(floor(x[0]) == (-2.0))) return 2;
    const double v2 = sin(v1);
    const double v3 = (-2.0) + v2;
    const double v4 = pow(v3, 0.5);
    const double v5 = tapead_join(v4, tapead_mark());
    if (!(tapead_same_bits(v4, v4))) return 3; /* m.py:3 */
    y[0] = v5;
    y[1] = x[0];
    y[2] = (-2.0);
    return 0;
}
"""


def compiler():
    """The compiler that Python was built with, or the machine's; skips if there is none."""
    for command in (sysconfig.get_config_var("CC"), "cc"):
        words = shlex.split(command or "")
        if words and shutil.which(words[0]):
            return words
    pytest.skip("no C compiler")


def compiled(data, folder, name="f", flags=STRICT):
    """A Python function of a list of inputs: the code and the outputs."""
    check(data)
    source, library = folder / f"{name}.c", folder / f"{name}.so"
    source.write_text(to_c(data, name), encoding="utf-8")
    command = [*compiler(), *flags, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    function = getattr(ctypes.CDLL(str(library)), name)
    function.restype = ctypes.c_int
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]

    def call(inputs):
        x, y = np.array(inputs, float), np.full(len(data.outputs), 7.25)
        return function(x.ctypes.data, y.ctypes.data), y

    return call


def test_program_in_c_gives_the_same_bits(tmp_path):
    data, inputs = random_code(1, 400, n_guards=40)
    failed, y = compiled(data, tmp_path)(inputs)
    assert failed == 0
    assert same_bits(y, results(data, inputs))


@pytest.mark.parametrize("seed", [2, 3])
def test_program_in_parts_gives_the_same_bits(tmp_path, seed):
    data, inputs = random_code(seed, 3 * PART, n_outputs=2500 * (seed - 2) + 4, n_guards=100)
    failed, y = compiled(data, tmp_path)(inputs)
    assert failed == 0
    assert same_bits(y, results(data, inputs))


def test_workspace_too_large_for_a_stack_is_allocated(tmp_path):
    n = 4200
    instructions = [("add", 0, -1 - k) for k in range(n)]
    data = code(1, instructions, range(1, n + 1), np.arange(n) / 7)
    assert "malloc" in to_c(data, "f")
    failed, y = compiled(data, tmp_path)([0.3])
    assert failed == 0
    assert same_bits(y, 0.3 + np.arange(n) / 7)


def test_every_row_is_the_same_in_c(tmp_path):
    # one program of all rows over inputs of its own; orders of derivatives are constants, of which
    # compilers know powers better than C's library
    points = (0.7, 1.0), (-0.3, 0.3), (0.0, -0.0), (np.inf, np.nan)
    for k, inputs in enumerate(points):
        rows = [one_row(row) for row in IN_C]
        instructions = [
            (row.name, -1, 0) if len(data.constants) else (row.name, *range(row.arity))
            for row, data in zip(IN_C, rows, strict=True)
        ]
        data = code(2, instructions, range(2, 2 + len(rows)), [2.0])
        failed, y = compiled(data, tmp_path, f"f{k}")(inputs)
        assert failed == 0
        wanted = results(data, inputs)
        different = [
            (row.name, a, b)
            for row, a, b in zip(IN_C, y, wanted, strict=True)
            if not same_bits([a], [b]) and not ("sinc" in row.name and abs(a - b) < 1e-15 * abs(b))
        ]
        assert not different


def test_guard_that_fails_is_told_and_nothing_is_written(tmp_path):
    source = ("m.py", 3, "f")
    guards = [("less", 0, -1, 1, 0, source), ("greater", 0, -2, 0, 1, source),
              ("floor", 0, -3, 1, 1, source)]  # fmt: skip
    data = code(1, [("square", 0)], [1, 0], [5.0, 2.5, 1.0], guards)
    call = compiled(data, tmp_path)
    assert [call([x])[0] for x in (1.5, 6.0, 3.0, 2.0)] == [0, 1, 2, 3]
    assert call([1.5])[1].tolist() == [2.25, 1.5]
    assert call([6.0])[1].tolist() == [7.25, 7.25]


@pytest.mark.parametrize("n", [10, PART + 10])
def test_guard_in_any_part_is_told(tmp_path, n):
    source = ("m.py", 3, "f")
    guards = [("less", k + 1, -1, 1, k + 1, source) for k in range(n)]
    data = code(1, [("add", k, -2) for k in range(n)], [n], [n - 0.5, 1.0], guards)
    call = compiled(data, tmp_path)
    assert call([-1.0]) == (0, [n - 1.0])
    assert call([0.0]) == (n, [7.25])


def test_constants_are_exact(tmp_path):
    bits = [0x7FF8000000000000, 0xFFF8000000000000, 0x7FF8000000012345, 1, 0x8000000000000000]
    odd = np.array(bits, np.uint64).view(np.float64)
    constants = [*odd, MARK, np.inf, -np.inf, 5e-324, 1e300, 0.1, -1 / 3, 2.0**70]
    data = code(0, [], [-1 - k for k in range(len(constants))], constants)
    _, y = compiled(data, tmp_path)([])
    assert y.tobytes() == np.array(constants).tobytes()


def test_empty_program_compiles(tmp_path):
    assert compiled(code(0, [], []), tmp_path)([])[0] == 0


def test_many_outputs_without_instructions(tmp_path):
    failed, y = compiled(code(2, [], [0, 1] * PART), tmp_path)([1.5, 2.5])
    assert failed == 0
    assert y.tolist() == [1.5, 2.5] * PART


def test_instructions_that_nothing_needs_are_left_out(tmp_path):
    data = code(1, [("sin", 0), ("cos", 0), ("exp", 1)], [2])
    text = to_c(data, "f")
    assert "cos(" in text
    assert "sin(" not in text.replace("asin(", "")
    assert compiled(data, tmp_path)([0.5])[1][0] == np.cos(0.5)


def test_source_of_a_guard_cannot_end_its_comment(tmp_path):
    guard = ("less", 0, -1, 1, 0, ("a*/ evil /*\n??/\\.py", 3, "f"))
    compiled(code(1, [], [0], [1.0], [guard]), tmp_path)


@pytest.mark.parametrize("row", INSTRUCTIONS, ids=row_id)
def test_rows_of_scipy_are_refused(row):
    if row.name in FROM_SCIPY:
        with pytest.raises(NotImplementedError, match=rf"cannot write {row.name}: .*SciPy"):
            to_c(one_row(row), "f")
    else:
        assert "int f(const double *x" in to_c(one_row(row), "f")


@pytest.mark.parametrize("name", ["", "1f", "f g", "été", "int", "exp", "tapead_mark", "f\n", None])
def test_name_that_is_no_identifier_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        to_c(small(), name)


def test_small_program_in_c_is_readable():
    assert to_c(small(), "model").rpartition("\n\n")[2] == MODEL


@pytest.mark.slow
def test_long_program_compiles_in_reasonable_time(tmp_path):
    data, inputs = random_code(4, 100_000, n_inputs=100, n_outputs=100, n_guards=1000)
    failed, y = compiled(data, tmp_path)(inputs)
    assert failed == 0
    assert same_bits(y, results(data, inputs))
