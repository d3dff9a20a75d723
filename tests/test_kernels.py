"""Kernels on runs of numbers: values and partials of all rows, marks, sums, conversions."""

import ast
import math

import numpy as np
import pytest
from rows import MARK, SPECIAL, close, columns_of, each, in_cython, is_mark, same_bits

from tapead import _kernels
from tapead._expressions import evaluate, parse
from tapead.elementals import ELEMENTALS, INSTRUCTIONS, OPCODES

LENGTHS = [0, 1, 7, 8, 9, 15, 16, 17, 31, 100, 255, 256, 257, 300]
STEPS = [-2, -1, 0, 1, 3]
DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])
PARTIALS = pytest.mark.parametrize(
    ("row", "arg"),
    [pytest.param(row, arg, id=f"{row.name}-{row.args[arg]}")
     for row in INSTRUCTIONS for arg in range(row.arity)],
)  # fmt: skip
ULPS = {np.float64: 2, np.float32: 3}
BATCHES = ["tanh", "multiply", "maximum", "power", "arctan2", "relu", "add", "subtract", "sin"]


def cast(column, dtype):
    """Numbers as the dtype; marks stay marks."""
    column = np.ascontiguousarray(column, dtype=float)
    if dtype is np.float64:
        return column
    return _kernels.converted(column, np.empty(len(column), np.float32))


def mark_of(dtype):
    return cast([MARK], dtype)[0]


def value(row, columns, dtype):
    return _kernels.value(OPCODES[row.name], columns[0], columns[-1],
                          np.empty(len(columns[0]), dtype))  # fmt: skip


def partial(row, arg, columns, v):
    """A partial by the scalar path, element by element."""
    tree = parse(row.partials[arg])

    def applied(name):
        return lambda *xs: float(in_cython(name, *([x] for x in xs))[0])

    found = []
    for *xs, result in zip(*columns, v, strict=True):
        names = {**dict(zip("xy", map(float, xs), strict=False)), "v": float(result)}
        number = evaluate(tree, names, applied)
        found.append(MARK if number is None else number)
    return np.array(found)


def within(got, wanted, dtype):
    """The bits agree, or it is a matter of a few last places."""
    with np.errstate(over="ignore"):
        wanted = cast(wanted, dtype)
    assert (is_mark(got) == is_mark(wanted)).all()
    return (same_bits(got, wanted) | close(got, wanted, ULPS[dtype])).all()


def operands(row, dtype, n=300):
    """Points of the row's domain and the values there."""
    rng = np.random.default_rng(list(row.name.encode()))
    columns = [cast(rng.uniform(low, high, n), dtype) for low, high in row.domain]
    return columns, value(row, columns, dtype) if n else columns[0]


def strided(column, step):
    """An array that steps through memory and holds the column's numbers."""
    if step == 0:
        return np.broadcast_to(column[:1], column.shape)
    memory = np.full(abs(step) * len(column), np.nan, column.dtype)
    view = memory[::step]
    view[:] = column
    return view


@DTYPES
@each(INSTRUCTIONS)
def test_values_are_those_of_the_scalar_path(row, dtype):
    columns = [cast(column, dtype) for column in columns_of(row)]
    wanted = in_cython(row.name, *(doubles(column) for column in columns))
    assert within(value(row, columns, dtype), wanted, dtype)


def doubles(column):
    if column.dtype == np.float64:
        return column
    return _kernels.converted(column, np.empty(len(column)))


@DTYPES
@PARTIALS
def test_partials_are_those_of_the_scalar_path(row, arg, dtype):
    columns = [cast(column, dtype) for column in columns_of(row)]
    v = cast(in_cython(row.name, *(doubles(column) for column in columns)), dtype)
    wanted = partial(row, arg, [doubles(column) for column in columns], doubles(v))
    ones = np.ones(len(v), dtype)
    got = _kernels.scaled(OPCODES[row.name], arg, ones, columns[0], columns[-1], v, ones.copy())
    assert within(got, wanted, dtype)


ARITHMETIC = {"add", "subtract", "multiply", "divide", "negative", "sqrt", "fabs", "sign"}


@each([row for row in ELEMENTALS.values()
       if {call.func.id for partial in row.partials for call in ast.walk(ast.parse(partial))
           if isinstance(call, ast.Call)} <= ARITHMETIC])  # fmt: skip
def test_partials_of_plain_arithmetic_have_the_same_bits(row):
    columns = columns_of(row)
    v = in_cython(row.name, *columns)
    for arg in range(row.arity):
        got = _kernels.scaled(OPCODES[row.name], arg, np.ones(len(v)), columns[0], columns[-1], v,
                              np.empty(len(v)))  # fmt: skip
        assert same_bits(got, partial(row, arg, columns, v)).all()


@DTYPES
@pytest.mark.parametrize("exponent", [-2, -1, -0.5, 0, 0.5, 1, 2, 3, 4, 5, 2.5, -3])
def test_powers_of_one_exponent_are_products(exponent, dtype):
    row, x = ELEMENTALS["power"], cast(np.concatenate([SPECIAL, np.linspace(-3, 3, 50)]), dtype)
    for add in (0.0, 1.0):  # that of the partial is less by 1
        y = np.full(len(x), exponent + add, dtype)
        v = value(row, (x, y), dtype)
        assert within(v, in_cython("power", x, y), dtype)
        got = _kernels.scaled(OPCODES["power"], 0, np.ones_like(x), x, y, v, np.empty_like(x))
        assert within(got, partial(row, 0, (x, y), v), dtype)


@PARTIALS
def test_what_a_partial_reads_and_whether_it_may_be_absent(row, arg):
    names = {node.id for node in ast.walk(parse(row.partials[arg])) if isinstance(node, ast.Name)}
    calls = {node.func.id for node in ast.walk(parse(row.partials[arg]))
             if isinstance(node, ast.Call)}  # fmt: skip
    assert _kernels.reads(OPCODES[row.name], arg) == "".join(n for n in "xyv" if n in names)
    marks = "absent" in names or "present" in calls or row.name == "carry"
    assert _kernels.marks(OPCODES[row.name], arg) == marks


def whole(row, arg, dtype):
    """Operands, the partial at them, an adjoint and a total, both with marks now and then."""
    columns, v = operands(row, dtype)
    rng = np.random.default_rng(arg)
    w, total = (cast(rng.normal(size=len(v)), dtype) for _ in range(2))
    w[rng.random(len(w)) < 0.2] = mark_of(dtype)
    total[rng.random(len(w)) < 0.2] = mark_of(dtype)
    w[:2], total[2:4] = np.nan, np.nan  # which are no marks
    p = _kernels.scaled(OPCODES[row.name], arg, np.ones_like(w), columns[0], columns[-1], v,
                        np.empty_like(w))  # fmt: skip
    return columns, v, p, w, total


def carried(w, p, dtype):
    return np.where(is_mark(w) | is_mark(p), mark_of(dtype), w * p)


def merged(total, term):
    return np.where(is_mark(total), term, np.where(is_mark(term), total, total + term))


@DTYPES
@PARTIALS
def test_terms_are_products_and_add_up(row, arg, dtype):
    columns, v, p, w, total = whole(row, arg, dtype)
    op, plain = OPCODES[row.name], np.where(is_mark(w), w.dtype.type(0.5), w)
    rest = (columns[0], columns[-1], v)
    numbers = np.where(is_mark(total), total.dtype.type(0.5), total)
    term, term_of_marked = carried(plain, p, dtype), carried(w, p, dtype)
    got = _kernels.scaled(op, arg, plain, *rest, np.empty_like(w))
    assert same_bits(got, term).all()
    got = _kernels.scaled(op, arg, plain, *rest, numbers.copy(), accumulate=True)
    assert same_bits(got, merged(numbers, term)).all()
    got = _kernels.scaled(op, arg, w, *rest, np.empty_like(w), marked=True)
    assert same_bits(got, term_of_marked).all()
    got = _kernels.scaled(op, arg, w, *rest, total.copy(), accumulate=True, marked=True)
    assert same_bits(got, merged(total, term_of_marked)).all()


@DTYPES
@pytest.mark.parametrize("name", BATCHES)
def test_lengths_and_places_make_no_difference(name, dtype):
    row = ELEMENTALS[name]
    arg = row.arity - 1
    columns, v, p, w, _ = whole(row, arg, dtype)
    values = value(row, columns, dtype)
    for n in LENGTHS:
        for first in {0, len(v) - n, (len(v) - n) // 2}:
            part = slice(first, first + n)
            x, y = columns[0][part], columns[-1][part]
            got = _kernels.value(OPCODES[name], x, y, np.empty(n, dtype))
            assert got.tobytes() == values[part].tobytes()
            got = w[part].copy()  # in place
            _kernels.scaled(OPCODES[name], arg, got, x, y, v[part], got, marked=True)
            assert same_bits(got, carried(w, p, dtype)[part]).all()


@DTYPES
@pytest.mark.parametrize("name", BATCHES)
@pytest.mark.parametrize("step", STEPS)
def test_operands_may_have_steps(name, step, dtype):
    row = ELEMENTALS[name]
    arg = row.arity - 1
    columns, values, _, bars, total = whole(row, arg, dtype)
    for n in (1, 5, 300):
        given = (columns[0], columns[-1], values, bars)
        steps = [strided(column[:n], step) for column in given]
        dense = [np.array(column) for column in steps]
        out = np.empty(n, dtype)
        wanted = _kernels.value(OPCODES[name], *dense[:2], np.empty(n, dtype))
        assert _kernels.value(OPCODES[name], *steps[:2], out).tobytes() == wanted.tobytes()
        for accumulate in (False, True):
            got, wanted = (
                _kernels.scaled(
                    OPCODES[name], arg, s[3], *s[:3], total[:n].copy(), accumulate, True
                )
                for s in (steps, dense)
            )
            assert got.tobytes() == wanted.tobytes()


@DTYPES
@pytest.mark.parametrize("step", [1, 2, -1])
@pytest.mark.parametrize("term_step", STEPS)
def test_totals_add_up(step, term_step, dtype):
    _, _, _, term, total = whole(ELEMENTALS["exp"], 0, dtype)
    for n in (0, 1, 9, 300):
        terms, totals = strided(term[:n], term_step), strided(total[:n], step)
        wanted = merged(totals.copy(), terms)
        assert same_bits(_kernels.added(totals, terms, True), wanted).all()
        numbers = strided(np.arange(n, dtype=dtype), step)
        wanted = numbers + terms
        assert same_bits(_kernels.added(numbers, terms, False)[~is_mark(terms)],
                         wanted[~is_mark(terms)]).all()  # fmt: skip


@DTYPES
@pytest.mark.parametrize("step", [1, 2, -3])
def test_marks_are_set_found_and_become_zero(step, dtype):
    for n in (0, 1, 9, 300):
        x = strided(np.linspace(-1, 1, n).astype(dtype), step)
        rest = None if x.base is None else x.base.copy()
        assert not _kernels.has_mark(x)
        if n:
            x[n // 2] = mark_of(dtype)
            assert _kernels.has_mark(x)
        x[: n // 3] = np.nan  # is no mark
        wanted = np.where(is_mark(x), dtype(0), x)
        assert same_bits(_kernels.numbers(x), wanted).all()
        assert is_mark(_kernels.filled(x)).all()
        x[:] = 0
        rest[::step] = 0
        assert same_bits(x.base, rest).all()  # nothing else was written to


@DTYPES
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("n", [0, 1, 7, 8, 255, 256, 257, 5000])
def test_sums_leave_out_what_is_absent(n, step, dtype):
    rng = np.random.default_rng(n)
    x = rng.integers(-9, 9, n).astype(dtype)
    x[rng.random(n) < 0.3] = mark_of(dtype)
    x = strided(x, step)
    there = ~is_mark(x)
    assert _kernels.summed(x) == (x[there].sum(), there.any())
    assert _kernels.summed(x[:0]) == (0.0, False)


@DTYPES
def test_sums_of_many_numbers_are_right(dtype):
    x = np.random.default_rng(0).uniform(0, 1, 10**6).astype(dtype)
    wanted = math.fsum(x)
    assert abs(_kernels.summed(x)[0] - wanted) <= 20 * 2.0**-53 * wanted  # log2(n) additions
    x[5] = np.nan
    assert math.isnan(_kernels.summed(x)[0])


@pytest.mark.parametrize("step", STEPS)
def test_conversion_keeps_marks(step):
    x = np.array([1.5, -0.0, np.inf, np.nan, MARK, 1e300, 0.1] * 50)
    with np.errstate(over="ignore"):
        wanted = np.where(is_mark(x), 1.0, x).astype(np.float32)
    single = _kernels.converted(x, np.empty(len(x), np.float32))
    assert (is_mark(single) == is_mark(x)).all()
    assert same_bits(single[~is_mark(x)], wanted[~is_mark(x)]).all()
    double = _kernels.converted(strided(single, step), np.empty(len(x)))
    assert (is_mark(double) == is_mark(strided(single, step))).all()
    there = ~is_mark(double)
    assert same_bits(double[there], strided(single, step).astype(float)[there]).all()


def test_zero_times_infinity_is_not_absent():
    zero, infinity = np.zeros(9), np.full(9, np.inf)
    got = _kernels.scaled(OPCODES["multiply"], 0, zero, zero, infinity, zero, np.empty(9))
    assert np.isnan(got).all()
    assert not is_mark(got).any()


@pytest.mark.parametrize("name", ["exp", "tanh"])
def test_float_functions_are_within_their_error(name):
    """At numbers of all exponents."""
    x = np.arange(0, 0xFF800000, 4099, dtype=np.uint32).view(np.float32)
    x = np.append(x[np.isfinite(x)], np.float32([-0.0, np.inf, -np.inf]))
    with np.errstate(over="ignore", under="ignore"):
        wanted = getattr(np, name)(x.astype(float)).astype(np.float32)
    got = _kernels.value(OPCODES[name], x, x, np.empty_like(x))
    with np.errstate(invalid="ignore"):
        error = np.abs(got.astype(float) - wanted) / np.spacing(wanted)
    assert (same_bits(got, wanted) | (error <= 1.5)).all()
    assert (np.signbit(got) == np.signbit(wanted)).all()
