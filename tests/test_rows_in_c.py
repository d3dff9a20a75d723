"""The rows as C: the same bits as in Cython, one point at a time and many points side by side."""

import ctypes
import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from rows import MARK, SPECIAL, close, columns_of, each, in_cython, same_bits, values_of

import tapead
from tapead._c99 import c_names, helpers, to_c99
from tapead._guards import COMPARISONS, GUARDS
from tapead.elementals import ELEMENTALS, FUSIONS, INSTRUCTIONS, OPCODES

PACKAGE = Path(tapead.__file__).parent
FLAGS = ["-std=c11", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
FLAGS += os.environ.get("TAPEAD_CFLAGS", "").split()  # with which the package is compiled, too
STRICT = ["-Wall", "-Wextra", "-Werror", "-Wno-pass-failed"]
FOREIGN = ["polygamma", "digamma", "erfinv", "erfcx", "log_ndtr"]
FIRST_FUSION = len(INSTRUCTIONS) + 1
FIRST_GUARD = FIRST_FUSION + len(FUSIONS)
LOAD, UNIFORM, STORE = (FIRST_GUARD + len(GUARDS) + i for i in range(3))
HALT = (0, 0, 0, 0, 0)

HARNESS = """
#include "_lanes.h"
#include "_replay.h"
void set_foreign(double (*polygamma)(double, double), double (*digamma)(double),
                 double (*erfinv)(double), double (*erfcx)(double), double (*log_ndtr)(double)) {
    tapead_foreign.polygamma = polygamma;
    tapead_foreign.digamma = digamma;
    tapead_foreign.erfinv = erfinv;
    tapead_foreign.erfcx = erfcx;
    tapead_foreign.log_ndtr = log_ndtr;
}
int64_t narrow(const tapead_narrow *code, double *w, int *kinks) {
    return tapead_replay_narrow(code, w, kinks);
}
int64_t wide(const tapead_wide *code, double *w, int *kinks) {
    return tapead_replay_wide(code, w, kinks);
}
"""


class Column(ctypes.Structure):
    _fields_ = [
        ("base", ctypes.c_void_p), ("stride", ctypes.c_int64), ("layout", ctypes.c_void_p),
    ]  # fmt: skip


class Target(Column):
    _fields_ = [("summed", ctypes.c_int64)]


class Batch(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_void_p)
        for name in ("code", "uniform", "inputs", "outputs", "guarded", "sums")
    ]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The headers, compiled by the machine's own compiler with all warnings."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "cc")[:1]
    if shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler")
    if not (PACKAGE / "_lanes.h").exists():
        pytest.skip("the headers are not installed")
    folder = tmp_path_factory.mktemp("rows")
    (folder / "rows.c").write_text(HARNESS)
    command = [*compiler, *FLAGS, *STRICT, "-fPIC", "-shared", f"-I{PACKAGE}"]
    command += ["rows.c", "-o", "rows.so", "-lm"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    library = ctypes.CDLL(str(folder / "rows.so"))
    library.narrow.restype = library.wide.restype = ctypes.c_int64
    library.foreign = [foreign(name) for name in FOREIGN]  # kept alive
    library.set_foreign(*library.foreign)
    return library


def foreign(name):
    """A C function of a row that is no C."""
    arity = ELEMENTALS[name].arity if name in ELEMENTALS else 1
    kind = ctypes.CFUNCTYPE(*[ctypes.c_double] * (arity + 1))
    if name in OPCODES:
        return kind(lambda *xs: float(in_cython(name, *([x] for x in xs))[0]))
    from scipy.special import erfcx

    return kind(lambda x: float(erfcx(x)))


def run_point(library, code, w, word=np.uint16):
    """The index of the guard that failed, or -1, and whether there was a kink; `w` changes."""
    code = np.array(code, dtype=word)
    kinks = ctypes.c_int(0)
    run = library.narrow if word is np.uint16 else library.wide
    failed = run(code.ctypes.data_as(ctypes.c_void_p), data(w), ctypes.byref(kinks))
    return failed, bool(kinks.value)


def data(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def run_lanes(library, code, columns, lanes=64, uniform=(), n_outputs=1, summed=False):
    """Outputs or their sums, the guards that failed, and whether there was a kink."""
    n = len(columns[0])
    code = np.array(code, dtype=np.uint32)
    uniform, sums = np.array(uniform, dtype=float), np.zeros(n_outputs)
    outputs = np.full((n_outputs, n), -7.0)
    inputs = (Column * len(columns))(*[Column(c.ctypes.data, c.strides[0] // 8) for c in columns])
    targets = (Target * n_outputs)(*[Target(row.ctypes.data, 1) for row in outputs])
    batch = Batch(code.ctypes.data, uniform.ctypes.data, ctypes.addressof(inputs),
                  None if summed else ctypes.addressof(targets), 1,
                  sums.ctypes.data if summed else None)  # fmt: skip
    failed, kinks = np.full(n, -9, dtype=np.int32), ctypes.c_int(0)
    memory = np.zeros(32 * lanes + 8)
    w = memory[(-memory.ctypes.data % 64) // 8 :]
    run = getattr(library, f"tapead_lanes_{lanes}")
    for first in range(0, n, lanes):
        run(
            ctypes.byref(batch),
            data(w),
            ctypes.c_int64(first),
            ctypes.c_int64(min(lanes, n - first)),
            data(failed[first:]),
            ctypes.byref(kinks),
        )
    return sums if summed else outputs, failed, bool(kinks.value)


@each(INSTRUCTIONS)
def test_row_at_a_point_has_the_bits_of_cython(compiled, row):
    columns = columns_of(row)
    wanted = in_cython(row.name, *columns)
    code = [(OPCODES[row.name], 2, 0, row.arity - 1, 0), HALT]
    for word in (np.uint16, np.uint32):
        got = []
        for point in zip(*columns, strict=True):
            w = np.array([*point, 0.0, 0.0][: max(3, row.arity)])
            assert run_point(compiled, code, w, word)[0] == -1
            got.append(w[2])
        assert same_bits(got, wanted).all()


@each(INSTRUCTIONS)
@pytest.mark.parametrize("lanes", [64, 16])
def test_row_of_many_points_has_the_values_of_cython(compiled, row, lanes):
    columns = columns_of(row)
    loads = [(LOAD, i, i, 0, 0) for i in range(row.arity)]
    # in place, as slots are when an operand is not needed any more
    code = [*loads, (OPCODES[row.name], 0, 0, row.arity - 1, 0), (STORE, 0, 0, 0, 0), HALT]
    (got,), failed, _ = run_lanes(compiled, code, columns, lanes)
    wanted = in_cython(row.name, *columns)
    assert (same_bits(got, wanted) | close(got, wanted)).all()
    assert (failed == -1).all()


@each([row for row in INSTRUCTIONS if row.kink])
def test_kink_is_noticed_where_the_table_has_one(compiled, row):
    names = {name: lambda *xs, name=name: float(in_cython(name, *([x] for x in xs))[0])
             for name in ELEMENTALS}  # fmt: skip
    columns = columns_of(row)
    code = [(OPCODES[row.name], 2, 0, row.arity - 1, 0), HALT]
    lanes = [*((LOAD, i, i, 0, 0) for i in range(row.arity)), *code]
    for point in zip(*columns, strict=True):
        wanted = bool(eval(row.kink, names, dict(zip("xy", map(float, point), strict=False))))
        w = np.array([*point, 0.0, 0.0])
        assert run_point(compiled, code, w)[1] == wanted, point
        assert run_lanes(compiled, lanes, [np.array([x]) for x in point])[2] == wanted, point


@each(FUSIONS)
def test_fused_pair_is_one_after_the_other(compiled, row):
    operands = (row.inner, "x"), (row.inner, "y"), (row.outer, "x" if row.side else "y")
    x, y, z = (v.ravel() for v in np.meshgrid(*[values_of(*operand) for operand in operands]))
    inner = in_cython(row.inner, x, y)
    wanted = in_cython(row.outer, *((z, inner) if row.side else (inner, z)))
    op = FIRST_FUSION + FUSIONS.index(row)
    code = [(op, 0, 0, 1, 2), HALT]
    got = []
    for point in zip(x, y, z, strict=True):
        w = np.array(point)
        run_point(compiled, code, w)
        got.append(w[0])
    assert same_bits(got, wanted).all()
    code = [*((LOAD, i, i, 0, 0) for i in range(3)), (op, 2, 0, 1, 2), (STORE, 0, 2, 0, 0), HALT]
    for lanes in (64, 16):
        (got,), _, _ = run_lanes(compiled, code, [x, y, z], lanes)
        assert same_bits(got, wanted).all()


def guard_expected(guard, x, y):
    """Whether the test is true and whether it is a tie."""
    names = {name: getattr(np, name) for name in ("trunc", "floor", "ceil", "rint")}
    names["same_bits"] = lambda a, b: np.float64(a).tobytes() == np.float64(b).tobytes()
    scope = {"x": np.float64(x), "y": np.float64(y)}
    with np.errstate(invalid="ignore"):
        return bool(eval(guard.test, names, scope)), bool(eval(guard.tie or "False", names, scope))


@pytest.mark.parametrize("kind", range(len(GUARDS)), ids=[guard.name for guard in GUARDS])
def test_guard_stops_the_point_and_marks_the_lane(compiled, kind):
    x, y = (values.ravel() for values in np.meshgrid(SPECIAL, SPECIAL))
    for wanted in (1, 0) if kind < COMPARISONS else (1,):
        tests, ties = np.transpose(
            [guard_expected(GUARDS[kind], *p) for p in zip(x, y, strict=True)]
        )
        code = [(FIRST_GUARD + kind, 3, 0, 1, wanted), (OPCODES["add"], 2, 0, 1, 0), HALT]
        for a, b, test, tie in zip(x, y, tests, ties, strict=True):
            w = np.array([a, b, -7.0])
            assert run_point(compiled, code, w) == (-1 if test == wanted else 3, tie)
            assert (w[2] == -7.0) == (test != wanted)
        lanes = [(LOAD, 0, 0, 0, 0), (LOAD, 1, 1, 0, 0), *code]
        for size in (64, 16):
            _, failed, kinks = run_lanes(compiled, lanes, [x, y], size)
            assert (failed == np.where(tests == wanted, -1, 3)).all()
            assert kinks == ties.any()


def test_first_guard_that_fails_is_the_one_told(compiled):
    x = np.array([0.5, 1.5, 2.5])
    greater = FIRST_GUARD + 2
    code = [(LOAD, 0, 0, 0, 0), (UNIFORM, 1, 0, 0, 0), (UNIFORM, 2, 1, 0, 0),
            (greater, 0, 1, 0, 1), (greater, 1, 2, 0, 1), (greater, 5, 1, 0, 1), HALT]  # fmt: skip
    _, failed, kinks = run_lanes(compiled, code, [x], uniform=[2.0, 1.0])
    assert failed.tolist() == [-1, 1, 0]
    assert not kinks


def test_kinks_of_lanes_off_their_path_do_not_count(compiled):
    x = np.array([-1.0, 0.0])
    code = [(LOAD, 0, 0, 0, 0), (UNIFORM, 1, 0, 0, 0), (FIRST_GUARD, 0, 0, 1, 1),
            (OPCODES["absolute"], 2, 0, 0, 0), HALT]  # fmt: skip
    assert run_lanes(compiled, code, [x], uniform=[-0.5])[2] is False
    assert run_lanes(compiled, code, [x], uniform=[0.5])[2] is True


@pytest.mark.parametrize("lanes", [64, 16])
@pytest.mark.parametrize("n", [1, 7, 8, 16, 63, 64, 65, 200])
def test_lanes_load_and_store_what_is_theirs(compiled, n, lanes):
    table = np.random.default_rng(n).uniform(-1, 1, (n, 3))
    columns = [table[:, 0], table[::-1, 1], np.broadcast_to(table[0, 2:], n)]
    product, total = (OPCODES["multiply"], 3, 0, 1, 0), (OPCODES["add"], 3, 3, 2, 0)
    loads = [(LOAD, i, i, 0, 0) for i in range(3)]
    stores = [(STORE, 1, 3, 0, 0), (STORE, 0, 0, 0, 0)]
    code = [*loads, product, total, *stores, HALT]
    outputs, failed, _ = run_lanes(compiled, code, columns, lanes, n_outputs=2)
    assert (outputs[0] == columns[0]).all()
    assert (outputs[1] == columns[0] * columns[1] + columns[2]).all()
    assert (failed == -1).all()


@pytest.mark.parametrize("lanes", [64, 16])
@pytest.mark.parametrize("n", [1, 7, 64, 65, 200])
def test_sums_leave_out_lanes_off_their_path(compiled, n, lanes):
    x = np.random.default_rng(n).integers(-99, 99, n).astype(float)
    x[x < -90] = np.nan  # off the path, too: it is not greater
    code = [(LOAD, 0, 0, 0, 0), (UNIFORM, 1, 0, 0, 0), (FIRST_GUARD + 2, 0, 0, 1, 1),
            (STORE, 0, 0, 0, 0), HALT]  # fmt: skip
    sums, failed, _ = run_lanes(compiled, code, [x], lanes, uniform=[-50.0], summed=True)
    assert sums.tolist() == [x[x > -50].sum()]
    assert (failed == np.where(x > -50, -1, 0)).all()


def test_mark_survives_a_move(compiled):
    x = np.array([MARK, 1.0])
    code = [(LOAD, 0, 0, 0, 0), (OPCODES["seed"], 1, 0, 0, 0), (STORE, 0, 1, 0, 0), HALT]
    (got,), _, _ = run_lanes(compiled, code, [x])
    assert got.tobytes() == x.tobytes()


# -- the reading as C99 ----------------------------------------------------------------------


C99 = {
    "2 * x": "2.0 * x",
    "-(-x)": "-(-x)",
    "x - (y - 1)": "x - (y - 1.0)",
    "x - y - 1": "x - y - 1.0",
    "x - -0.5": "x - -0.5",
    "(x - y) / (x * y)": "(x - y) / (x * y)",
    "0.3 < x < 0.65": "0.3 < x && x < 0.65",
    "x < 0 or y > 0 and x == 1": "x < 0.0 || (y > 0.0 && x == 1.0)",
    "1 if x > 0 else 0 if x == 0 else absent_()": "x > 0.0 ? 1.0 : x == 0.0 ? 0.0 : tapead_mark()",
    "(1 if x > 0 else 2) * y": "(x > 0.0 ? 1.0 : 2.0) * y",
    "sigmoid(exp(x))": "tapead_sigmoid(exp(x))",
    "x * 1e999": "x * INFINITY",
}


@pytest.mark.parametrize("expression", C99)
def test_c99_reading_is_in_doubles(expression):
    assert to_c99(expression, c_names(["sigmoid"])) == C99[expression]


def test_c99_reading_refuses_what_it_does_not_know():
    with pytest.raises(ValueError, match="not x"):
        to_c99("not x", {})


def test_helpers_of_the_header_are_all_found():
    text = (PACKAGE / "_special.h").read_text(encoding="utf-8")
    found = helpers(text)
    assert len(found) == text.count("static inline")
    assert all(call in {f.c_name for f in found.values()} for f in found.values()
               for call in f.calls if call.startswith("tapead_"))  # fmt: skip
