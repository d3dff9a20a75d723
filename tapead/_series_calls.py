"""How NumPy's and tapead's functions are called with series: elementals by Taylor arithmetic."""

import math

import numpy as np

from tapead import _array, _dispatch
from tapead._array import as_array, plain_value
from tapead._batched import BatchedArray
from tapead._series import Series, is_inner, is_series, level_of, number
from tapead._tape import Var
from tapead._taylor import Loops
from tapead._taylor_plan import (
    CHAIN,
    CONSTANT,
    FLAT,
    INPUT,
    PRODUCT,
    QUOTIENT,
    SELECT,
    is_factored,
    row_plan,
)
from tapead.elementals import FIRST_MARKED, INSTRUCTIONS, OPCODES
from tapead.primitives import FUNCTIONS

_POWER, _DIVIDE = OPCODES["power"], OPCODES["divide"]
_CARRY, _MERGE, _NUMBER = OPCODES["carry"], OPCODES["merge"], OPCODES["number"]
_NUMBERED = {_POWER: 1, OPCODES["polygamma"]: 0, OPCODES["sinc_derivative"]: 0}
_FLOATS = (float, np.float64)
MEMORY = 1 << 15  # coefficients of all values of a plan that stay in the cache


# -- protocols --------------------------------------------------------------------------------


def apply_ufunc(ufunc, method, inputs, kwargs):
    """What a ufunc or one of its methods means where an operand is a series."""
    level = level_of((inputs, kwargs))
    if is_inner((inputs, kwargs), level):
        return NotImplemented
    if ufunc in _dispatch.PLAIN_UFUNCS:
        return getattr(ufunc, method)(*[at_zero(x, level) for x in inputs], **kwargs)
    if method == "outer":
        x, y = map(as_array, inputs)
        return ufunc(x[(...,) + (None,) * np.ndim(y)], y, **kwargs)
    if method == "__call__" and not kwargs and ufunc not in FUNCTIONS:
        code = _array.code_of(ufunc)
        if code is not None:
            return elementwise(code, inputs)
    return _with_options(ufunc, method, inputs, dict(kwargs))


def _with_options(ufunc, method, inputs, kwargs):
    out = kwargs.pop("out", None)
    where = kwargs.pop("where", True) if method == "__call__" else True
    if out is None and where is True:
        return _dispatch.apply_ufunc(ufunc, method, inputs, kwargs)
    if out is None:
        raise TypeError(
            f"numpy.{ufunc.__name__} with where= leaves elements undefined; use numpy.where"
        )
    if type(out[0]) is not Series:
        raise TypeError(
            f"numpy.{ufunc.__name__} with out= a plain array would drop the derivatives of a value "
            "inside jet; leave out= away"
        )
    result = getattr(ufunc, method)(*inputs, **kwargs)
    if where is True and not out[0].ndim:
        return result  # an operation in place, of a number
    out[0][...] = result if where is True else np.where(plain_value(where), result, out[0])
    return out[0]


def apply_function(function, args, kwargs):
    """What a NumPy function means where an argument is a series."""
    from tapead import _series_primitives

    level = level_of((args, kwargs))
    if level is None or is_inner((args, kwargs), level):
        return NotImplemented
    own = _series_primitives.OWN.get(function)
    if own is not None:
        return own(level, *args, **kwargs)
    if function.__module__.startswith("tapead."):
        return function.__wrapped__(*args, **kwargs)
    found = FUNCTIONS.get(function)
    if found is None:
        return _dispatch.apply_other(function, args, kwargs)
    return found.call(*args, **kwargs)


def apply_elemental(name, inputs):
    """A function of tapead's table."""
    return elementwise(OPCODES[name], inputs)


def at_zero(x, level):
    """An operand at t = 0."""
    return x.coefficients[0] if is_series(x, level) else x


# -- rows of the table ------------------------------------------------------------------------


def elementwise(op, inputs):
    """A row of the table applied to operands some of which are series."""
    inputs = [as_array(x) if _is_made_of_others(x) else x for x in inputs]
    level = level_of(inputs)
    if is_inner(inputs, level):
        return NotImplemented
    if not all(map(_is_numeric, inputs)):
        return NotImplemented
    order = min(x.order for x in inputs if is_series(x, level))
    inputs = [x.terms[: order + 1] if is_series(x, level) else [_floated(x)] for x in inputs]
    kinds, given = [], []
    for i, terms in enumerate(inputs):
        fixed = _fixed_number(op, i, terms)
        kinds.append("series" if len(terms) > 1 else "fixed" if fixed is None else fixed)
        if fixed is None:
            given.append(terms)
    plan = row_plan(op, tuple(kinds), order, _may_be_at_zero(op, kinds, inputs))
    if all(_is_double(c) for terms in given for c in terms):
        return Series(run_doubles(plan, given), level, order)
    return Series(run_any(plan, given), level, order)


def _is_made_of_others(x):
    return isinstance(x, list | tuple) or (isinstance(x, np.ndarray) and x.dtype == object)


def _is_numeric(x):
    if isinstance(x, np.generic | np.ndarray):
        return x.dtype.kind in "fiub"
    return isinstance(x, int | float | Var) or hasattr(type(x), "__tapead_traced__")


def _floated(x):
    return float(x) if isinstance(x, int) else x


def _fixed_number(op, i, terms):
    """The number that an operand is, where the plan depends on it."""
    if _NUMBERED.get(op) != i or len(terms) > 1 or type(terms[0]) not in _FLOATS:
        return None
    return float(terms[0])


def _may_be_at_zero(op, kinds, inputs):
    """Whether a power has the base 0 somewhere, or exponents that are an array."""
    if op != _POWER or kinds[0] == "fixed":
        return False
    if isinstance(kinds[1], float):
        return not is_factored(kinds[1]) and _has_zero(inputs[0][0])
    fixed_array = kinds[1] == "fixed" and np.ndim(inputs[1][0]) > 0
    return fixed_array or _has_zero(inputs[0][0])


def _has_zero(x):
    """Whether an element is 0, at any point of a vmap."""
    while type(x) is BatchedArray:
        x = x.data
    return bool(np.any(x == 0))


def _is_double(c):
    """Whether a coefficient is of plain float64, or of what becomes one."""
    if type(c) is np.ndarray:
        return c.dtype == np.float64 or c.dtype.kind in "biu"
    return type(c) in _FLOATS or isinstance(c, np.bool_ | np.integer)


def run_doubles(plan, given):
    """Coefficients of the one output, by the loops in C."""
    if not hasattr(plan, "loops"):
        plan.loops = Loops(plan)
    if all(type(c) is float for terms in given for c in terms):
        return _run_numbers(plan, given)
    shape = np.broadcast_shapes(*(np.shape(c) for terms in given for c in terms))
    rows = [[_row(c, shape) for c in terms] for terms in given]
    size, n = math.prod(shape), plan.order + 1
    lasts = np.zeros(len(plan), np.int32)
    lasts[: len(given)] = [len(terms) - 1 for terms in given]
    out = np.empty((n, size))
    step = max(8, MEMORY // (len(plan) * n))
    found = lasts
    for start in range(0, size, step):
        stop = min(start + step, size)
        data = np.zeros((len(plan), n, stop - start))
        for i, terms in enumerate(rows):
            for k, row in enumerate(terms):
                data[i, k] = row[start:stop]
        found = lasts.copy()
        plan.loops.run(data, found)
        out[:, start:stop] = data[plan.outputs[0]]
    out = out.reshape(n, *shape)[: found[plan.outputs[0]] + 1]
    return list(out) if shape else out.tolist()


def _run_numbers(plan, given):
    data = np.zeros((len(plan), plan.order + 1, 1))
    lasts = np.zeros(len(plan), np.int32)
    for i, terms in enumerate(given):
        data[i, : len(terms), 0] = terms
        lasts[i] = len(terms) - 1
    plan.loops.run(data, lasts)
    i = plan.outputs[0]
    return data[i, : lasts[i] + 1, 0].tolist()


def _row(c, shape):
    if not shape:
        return (c,) if type(c) in _FLOATS else np.reshape(c, 1)
    return np.broadcast_to(c, shape).reshape(-1)


# -- the same plans over coefficients of any kind -----------------------------------------------


def run_any(plan, given):
    """Coefficients of the one output, by operations on numbers and arrays."""
    order, values = plan.order, plan.values
    table = [[] for _ in values]  # the coefficients up to the highest that is not zero
    lasts = [0] * len(values)
    for i, terms in enumerate(given):
        table[i], lasts[i] = list(terms), len(terms) - 1
    for i, value in enumerate(values):
        if value.limit >= 0 and value.rule != INPUT:
            table[i].append(_first(value, table))
            lasts[i] = _last(value, values, lasts, order)
    for k in range(1, order + 1):
        for i, value in enumerate(values):
            if value.rule not in (INPUT, CONSTANT, FLAT) and k <= min(value.limit, lasts[i]):
                table[i].append(_RULES[value.rule](value, i, k, table, values))
    found = table[plan.outputs[0]]
    if plan.outputs[0] < len(given):  # the operand itself: results have memory of their own
        return [c.copy() if np.ndim(c) else c for c in found]
    shape = np.broadcast_shapes(*map(np.shape, found))
    return [_shaped(c, shape) for c in found]


def _shaped(c, shape):
    return c if np.shape(c) == shape else np.broadcast_to(c, shape)


def _first(value, table):
    if value.rule == CONSTANT:
        return value.constant
    if value.rule == SELECT:
        return _select(value, 0, 0, table, None)
    operands = [table[i][0] for i in (value.x, value.y) if i >= 0]
    return number(row(value.op, *operands[: INSTRUCTIONS[value.op - 1].arity]))


def _last(value, values, lasts, order):
    """The highest order that a value may have."""
    if value.rule in (CONSTANT, FLAT):
        return 0
    if value.rule == CHAIN:
        terms = [(value.x, value.p), (value.y, value.q)]
        orders = [
            lasts[x] if values[p].fixed or not lasts[x] else order for x, p in terms if p >= 0
        ]
        return max(orders, default=0)
    a, b = lasts[value.a], lasts[value.b]
    if value.rule == PRODUCT:
        return min(order, a + b)
    return max(a, b) if value.rule == SELECT else order if b else a


def _chain(value, i, k, table, values):
    total, steady = 0.0, []
    for x, p in ((table[value.x], value.p), (table[value.y], value.q)):
        if p < 0:
            continue
        if not values[p].fixed:
            n = range(max(1, k - len(table[p]) + 1), min(k, len(x) - 1) + 1)
            total = _plus(total, [j * x[j] * table[p][k - j] for j in n])
        elif k < len(x):
            steady.append(_carried(values[p], table[p][0], x[k]))
    if not isinstance(total, float):
        total = total / k
    else:
        total /= k
    return _plus(total, steady)


def _carried(value, factor, x):
    """A coefficient times a partial, which may be absent at some elements."""
    if value.op < FIRST_MARKED:
        return factor * x
    return row(_NUMBER, row(_CARRY, factor, x))


def _product(value, i, k, table, values):
    return _convolved(table[value.a], table[value.b], 0, k)


def _quotient(value, i, k, table, values):
    a, b = table[value.a], table[value.b]
    total = _convolved(table[i], b, 1, k)
    total = (a[k] if k < len(a) else 0.0) - total
    return number(row(_DIVIDE, total, b[0]))


def _select(value, i, k, table, values):
    held, other = table[value.x][0], table[value.y][0]
    sides = [row(_CARRY, mask, side[k] if k < len(side) else 0.0)
             for mask, side in ((held, table[value.a]), (other, table[value.b]))]  # fmt: skip
    return row(_NUMBER, row(_MERGE, *sides))


_RULES = {CHAIN: _chain, PRODUCT: _product, QUOTIENT: _quotient, SELECT: _select}


def _convolved(a, b, skip, k):
    """Sum of a_j b_(k - j), those of b from order `skip` on."""
    n = range(max(0, k - len(b) + 1), min(k - skip, len(a) - 1) + 1)
    return _plus(0.0, [a[j] * b[k - j] for j in n])


def _plus(total, terms):
    for term in terms:
        total = term if type(total) is float and total == 0.0 else total + term
    return total


def row(op, *operands):
    """A row of the table applied to numbers and arrays of any kind."""
    return _array.apply_elemental(op, *operands)
