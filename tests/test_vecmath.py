"""The branch-free functions of _vecmath.h: error, special values, the same bits in every clone."""

import ctypes
import math
import platform
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import mpmath
import numpy as np
import pytest

import tapead

HEADERS = Path(tapead.__file__).parent
NAMES = [
    "exp", "log", "sin", "cos", "tanh", "expm1", "log1p", "exp2", "log2", "log10", "sinh", "cosh",
    "tan", "atan", "erf", "erfc", "cbrt",
]  # fmt: skip
LIKE_X = ("sin", "tan", "tanh", "expm1", "log1p", "sinh", "atan")  # f(x) / x tends to 1 at 0
PERIODIC = ("sin", "cos", "tan")
FLAGS = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"]
SHARED = ["-fPIC", "-shared"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
LIMIT = 2.0**20
SOURCE = """
#include "_vecmath_more.h"
#define LOOP(tag, name, target) \\
target void tag##_##name(double *restrict d, const double *x, int n) \\
{ int i; for (i = 0; i < n; i++) d[i] = tapead_v_##name(x[i]); }
#define PLAIN
%s
"""
MANY = """
void many_sin(double *d, const double *x, int n) { tapead_v_sin_many(d, x, n); }
void many_cos(double *d, const double *x, int n) { tapead_v_cos_many(d, x, n); }
void many_tan(double *d, const double *x, int n) { tapead_v_tan_many(d, x, n); }
"""
X86 = """
int supports_avx2(void) { return __builtin_cpu_supports("avx2") != 0; }
int supports_avx512f(void) { return __builtin_cpu_supports("avx512f") != 0; }
"""
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, -5e-324, 1e-310, -1e-310]
EDGES = {
    "exp": [709.782712893384, 709.7827128933841, -745.1332191019411, -745.1332191019412, -708.4],
    "exp2": [1023.9999999999999, 1024.0, -1022.5, -1074.0, -1074.9999999999998, -1075.0],
    "expm1": [709.782712893384, 709.7827128933841, -37.0, -1e300],
    "sinh": [710.4758600739439, 710.475860073944, -710.475860073944, 1e300],
    "cosh": [710.4758600739439, 710.475860073944, -710.475860073944, 1e300],
    "tanh": [19.0, 22.0, -1e300],
    "log": [1.7976931348623157e308, -5e-324],
    "log2": [8.0, 2.0**-1074, 2.0**1023, -2.0],
    "log10": [1000.0, 1e-5, 1e22, -2.0],
    "erf": [5.9, 6.1, -1e300],
    "erfc": [26.5, 27.3, 1e300, -1e300],
    "cbrt": [27.0, -8.0, 1.7976931348623157e308],
    "log1p": [-1.0000000000000002, -0.9999999999999999, 1.7976931348623157e308],
}


DOMAINS = {
    "exp": (-746.0, 710.0), "expm1": (-45.0, 710.0), "exp2": (-1080.0, 1024.0),
    "sinh": (-711.0, 711.0), "cosh": (-711.0, 711.0), "log": (0.0, 20.0), "log2": (0.0, 20.0),
    "log10": (0.0, 20.0), "log1p": (-1.0, 20.0), "erf": (-7.0, 7.0), "erfc": (-7.0, 28.0),
}  # fmt: skip
NUMPY = {"atan": "arctan"}
EXACT = {
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log": lambda x: mpmath.log(x) if x > 0 else mpmath.nan,
    "log2": lambda x: mpmath.log(x) / mpmath.ln2 if x > 0 else mpmath.nan,
    "log10": lambda x: mpmath.log(x) / mpmath.ln10 if x > 0 else mpmath.nan,
    "log1p": lambda x: mpmath.log1p(x) if x > -1 else mpmath.nan,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
}
EXACT_RESULTS = {
    "exp2": (np.arange(-1074.0, 1024.0), 2.0 ** np.arange(-1074, 1024)),
    "log2": (2.0 ** np.arange(-1074, 1024), np.arange(-1074.0, 1024.0)),
    "log10": (10.0 ** np.arange(23), np.arange(23.0)),
    "exp": ([0.0, -0.0], [1.0, 1.0]),
    "cos": ([0.0, -0.0, 1e-9], [1.0, 1.0, 1.0]),
    "tanh": ([20.0, -20.0, 1e-9], [1.0, -1.0, 1e-9]),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Loops over the functions, for every instruction set that this machine can be asked for."""
    compiler = shlex.split(sysconfig.get_config_var("CC") or "")
    if not compiler or shutil.which(compiler[0]) is None:
        pytest.skip("no C compiler")
    targets = {"plain": "PLAIN"}
    text = MANY
    if platform.machine() == "x86_64":
        targets |= {name: f'__attribute__((target("{name}")))' for name in ("avx2", "avx512f")}
        text += X86
    loops = [f"LOOP({tag}, {name}, {how})" for tag, how in targets.items() for name in NAMES]
    folder = tmp_path_factory.mktemp("vecmath")
    source, shared = folder / "loops.c", folder / "loops.so"
    source.write_text(SOURCE % "\n".join(loops) + text)
    command = [*compiler, *FLAGS, *WARNINGS, f"-I{HEADERS}", *SHARED, str(source), "-o"]
    subprocess.run([*command, str(shared), "-lm"], check=True)
    return ctypes.CDLL(str(shared))


def call(library, name, x, out=None):
    """A loop's results."""
    x = np.ascontiguousarray(x, dtype=float)
    out = np.empty_like(x) if out is None else out
    pointers = [ctypes.c_void_p(each.ctypes.data) for each in (out, x)]
    library[name](*pointers, ctypes.c_int(x.size))
    return out


def points(name, n):
    """Ordinary arguments, tiny ones, ones near a zero, and any bits at all."""
    rng = np.random.default_rng(20)
    low, high = DOMAINS.get(name, (-20.0, 20.0))
    near = 1.0 if name in ("log", "log2", "log10") else 0.0
    drawn = [
        rng.uniform(low, high, n),
        rng.uniform(max(low, -1.5), 1.5, n),
        near + rng.uniform(-1, 1, n) * 2.0 ** rng.integers(-60, 0, n),
        rng.integers(0, 2**64, n, dtype=np.uint64).view(float),
        rng.integers(0, 2**54, n, dtype=np.uint64).view(float),
    ]
    if name in PERIODIC:
        multiples = rng.integers(0, 2**19, n) * (np.pi / 2)
        drawn += [rng.uniform(-LIMIT, LIMIT, n), multiples, np.nextafter(multiples, 0)]
    x = np.concatenate(drawn)
    return x[np.abs(x) <= LIMIT] if name in PERIODIC else x[np.isfinite(x)]


def libm(name, x):
    """The function of Python's math, or NumPy's where that would raise."""
    try:
        return getattr(math, name)(x)
    except (ValueError, OverflowError):
        return getattr(np, NUMPY.get(name, name))(np.float64(x))


def exact(name, x):
    """What the function is at x, to 100 bits: its limit where mpmath would labour for it."""
    x = mpmath.mpf(x)
    if name in LIKE_X and abs(x) < 1e-40:
        return x
    if name in ("tanh", "erf", "erfc") and abs(x) > 40:
        return mpmath.mpf(1 - mpmath.sign(x)) if name == "erfc" else mpmath.sign(x)
    if name in ("exp", "exp2", "expm1", "sinh", "cosh") and abs(x) > 1100:
        x = 1100 * mpmath.sign(x)
    return EXACT.get(name, getattr(mpmath, name, None))(x)


def ulps(y, value):
    """The distance of y from a real number in units of the last place of the latter."""
    near = float(value)
    if math.isnan(near):
        return 0.0 if math.isnan(y) else math.inf
    if math.isinf(near) or not math.isfinite(y) or near == 0.0:
        return 0.0 if y == near else math.inf
    return float(abs(mpmath.mpf(y) - value) / mpmath.mpf(math.ulp(near)))


@pytest.mark.parametrize("name", NAMES)
def test_error(library, name):
    x = points(name, 1000)
    with mpmath.workprec(100):
        errors = [
            ulps(y, exact(name, each))
            for each, y in zip(x.tolist(), call(library, f"plain_{name}", x).tolist(), strict=True)
        ]
    worst = int(np.argmax(errors))
    assert errors[worst] <= 1.5, float(x[worst]).hex()


@pytest.mark.parametrize("name", NAMES)
def test_special_values(library, name):
    x = np.concatenate([SPECIAL, EDGES.get(name, [])])
    with np.errstate(all="ignore"):
        expected = np.array([libm(name, each) for each in x])
    y = call(library, f"plain_{name}", x)
    plain = ~np.isfinite(expected) | (expected == 0)
    np.testing.assert_array_equal(y[plain], expected[plain])
    signed = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(y)[signed], np.signbit(expected)[signed])
    np.testing.assert_allclose(y[~plain], expected[~plain], rtol=4e-16, atol=5e-324)


@pytest.mark.parametrize("tag", ["avx2", "avx512f"])
@pytest.mark.parametrize("name", NAMES)
def test_clones_agree_to_the_bit(library, name, tag):
    if platform.machine() != "x86_64" or not library[f"supports_{tag}"]():
        pytest.skip(f"no {tag} here")
    x = np.concatenate([SPECIAL, EDGES.get(name, []), points(name, 5000)])
    y, other = (call(library, f"{each}_{name}", x) for each in ("plain", tag))
    np.testing.assert_array_equal(np.isnan(y), np.isnan(other))
    numbers = ~np.isnan(y)
    np.testing.assert_array_equal(y.view(np.int64)[numbers], other.view(np.int64)[numbers])


@pytest.mark.parametrize("name", NAMES)
def test_a_value_does_not_depend_on_its_place(library, name):
    x = points(name, 5)
    together = call(library, f"plain_{name}", x)
    alone = np.concatenate([call(library, f"plain_{name}", x[i : i + 1]) for i in range(x.size)])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("name", EXACT_RESULTS)
def test_exact_results(library, name):
    x, expected = EXACT_RESULTS[name]
    np.testing.assert_array_equal(call(library, f"plain_{name}", x), expected)


@pytest.mark.parametrize("name", PERIODIC)
def test_nan_beyond_the_reduction(library, name):
    y = call(library, f"plain_{name}", [LIMIT, np.nextafter(LIMIT, np.inf), -1e300])
    np.testing.assert_array_equal(np.isnan(y), [False, True, True])


@pytest.mark.parametrize("name", PERIODIC)
def test_many_asks_libm_beyond_the_reduction(library, name):
    x = np.concatenate([points(name, 20), SPECIAL])
    within = call(library, f"plain_{name}", x)
    np.testing.assert_array_equal(call(library, f"many_{name}", x), within)
    huge = [2.0**21, -1e22, 1.7976931348623157e308]
    y = call(library, f"many_{name}", np.concatenate([huge, x]))
    np.testing.assert_array_equal(y[3:], within)
    np.testing.assert_array_equal(y[:3], [getattr(math, name)(each) for each in huge])


@pytest.mark.parametrize("name", PERIODIC)
def test_many_in_place(library, name):
    for x in (points(name, 20), np.array([1.0, 1e22, 2.0])):
        expected = call(library, f"many_{name}", x)
        np.testing.assert_array_equal(call(library, f"many_{name}", x, out=x), expected)


def test_header_is_cxx_too(tmp_path):
    compiler = shlex.split(sysconfig.get_config_var("CXX") or "")
    if not compiler or shutil.which(compiler[0]) is None:
        pytest.skip("no C++ compiler")
    source = tmp_path / "use.cpp"
    source.write_text('#include "_vecmath_more.h"\ndouble f(double x) { return tapead_v_erf(x); }')
    command = [*compiler, *WARNINGS, "-pedantic", f"-I{HEADERS}", "-fsyntax-only", str(source)]
    subprocess.run(command, check=True)
