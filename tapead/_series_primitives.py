"""Array primitives of series, by what their rows say; and functions that make arrays like others.

A row without a pushforward is linear in each operand, so its coefficients are products of Cauchy. A
row whose rules read no values is linear in all of them together. Any other row has the derivative
that its pushforward gives: evaluated along the curve up to order k - 1 it yields the coefficient k,
one order after the other. Systems of equations are solved order by order.
"""

import itertools

import numpy as np

from tapead._array import Array, passive, plain_value
from tapead._batched import level_of as batched_level
from tapead._batched_calls import by_point
from tapead._containers import leaves, map_leaves
from tapead._series import Series, arrayed, is_inner, is_series, level_of, number
from tapead._series_calls import row as elemental
from tapead.elementals import OPCODES
from tapead.primitives._determinants import inverse_or_nan, is_tame

_NUMBER = OPCODES["number"]
JOINT = {"concatenate", "stack", "where"}  # the value at the coefficients of all operands
SELECTING = {"keep", "scatter", "broadcast_sum"}  # absent elements are zero along a curve


def apply_primitive(row, operands, params):
    """A row applied to operands some of which are series."""
    operands = [x if type(x) is Series else arrayed(x) for x in operands]
    level = level_of(operands)
    if is_inner(operands, level):
        raise TypeError(
            f"{row.name} of a value inside jet and one inside a vmap within it is not supported; "
            "put the vmap outside: tapead.vmap of a function that calls jet"
        )
    if hasattr(params.get("condition"), "__tapead_mask__"):
        params = params | {"condition": params["condition"].plain()}
    order = min(x.order for x in operands if is_series(x, level))
    operands = [x.cut(order) if is_series(x, level) else x for x in operands]
    rule = RULES.get(row.name)
    if rule is None:
        rule = _joint if row.name in JOINT else _rule_of(row)
    return rule(row, operands, params, level, order)


def _rule_of(row):
    if row.name in SELECTING or row.pushforward is None:
        return _multilinear
    return _together if row.reads == "" else _by_order


def called(row, operands, params):
    """A row at coefficients: at all points of a vmap by NumPy's function, or one by one."""
    level = batched_level(list(operands))
    if level is None:
        return row(*operands, **params)
    if row.name == "sum" and params["where"] is True and params["dtype"] is None:
        return np.sum(*operands, axis=params["axis"], keepdims=params["keepdims"])
    if row.name == "matmul" and not params:
        return np.matmul(*operands)
    return by_point(row, level, tuple(operands), params)


def _terms(x, level):
    """The coefficients of an operand, as arrays."""
    return [arrayed(c) for c in x.terms] if is_series(x, level) else [x]


def _made(coefficients, level, order):
    return Series([number(c) for c in coefficients], level, order)


def _joint(row, operands, params, level, order):
    terms = [_terms(x, level) for x in operands]
    last = max(map(len, terms))
    zeros = [None if len(t) == last else np.zeros(t[0].shape, t[0].dtype) for t in terms]
    parts = (
        [t[k] if k < len(t) else zero for t, zero in zip(terms, zeros, strict=True)]
        for k in range(last)
    )
    return _made([called(row, part, params) for part in parts], level, order)


def _multilinear(row, operands, params, level, order):
    """Sums of the value at coefficients whose orders add up."""
    terms = [_terms(x, level) for x in operands]
    found = [None] * (order + 1)
    for orders in itertools.product(*(range(len(t)) for t in terms)):
        k = sum(orders)
        if k <= order:
            value = called(row, [t[j] for t, j in zip(terms, orders, strict=True)], params)
            if row.name in SELECTING:
                value = elemental(_NUMBER, value)
            found[k] = value if found[k] is None else found[k] + value
    return _made([value for value in found if value is not None], level, order)


def _value(row, operands, params, level):
    """The value at t = 0; a list of them where there are several."""
    zeroth = [arrayed(x.coefficients[0]) if is_series(x, level) else x for x in operands]
    return called(row, zeroth, params)


def _together(row, operands, params, level, order):
    """A row that is linear in all operands together."""
    return _stepped(row, operands, params, level, order, at_once=True)


def _by_order(row, operands, params, level, order):
    return _stepped(row, operands, params, level, order, at_once=False)


def _stepped(row, operands, params, level, order, at_once):
    """Coefficients one after the other, by the pushforward along the curve."""
    value = _value(row, operands, params, level)
    several = isinstance(value, tuple)
    parts = [[number(v)] for v in (value if several else (value,))]
    dots = [derivative(x) if is_series(x, level) and x.cell[0] else None for x in operands]
    if all(dot is None for dot in dots):
        return _result(parts, several, level, order)
    for k in range(1, order + 1):
        if at_once:
            now = [_value_of_dot(dot, k - 1, level) for dot in dots]
            terms = _tangents(row, operands, now, params, value, len(parts))
            found = [None if term is None else number(term) for term in terms]
        else:
            cut = [x.cut(k - 1) if is_series(x, level) else x for x in operands]
            v = _result(parts, several, level, k - 1)
            now = [dot if dot is None else dot.cut(k - 1) for dot in dots]
            terms = _tangents(row, cut, now, params, v, len(parts))
            found = [_last(term, level, k - 1) for term in terms]
        for part, term in zip(parts, found, strict=True):
            if _is_real(part[0]):
                part.append(_next(part, term, k))
    return _result(parts, several, level, order)


def _next(part, term, k):
    """Coefficient k of a result whose derivative has the coefficient `term` of one order less."""
    return 0.0 * part[0] if term is None else term / k


def _tangents(row, operands, dots, params, v, n):
    """Tangent of each part of the result; None where there is none."""
    totals = [None] * n
    for i, dot in enumerate(dots):
        if dot is None:
            continue
        found = row.pushforward(i, dot, v, *operands, **params)
        found = found if isinstance(found, tuple) else (found,)
        for k, term in enumerate(found):
            if term is not None:
                there = term if type(term) is Series else elemental(_NUMBER, term)
                totals[k] = there if totals[k] is None else totals[k] + there
    return totals


def _value_of_dot(dot, k, level):
    return None if dot is None else arrayed(dot.coefficients[k])


def _last(term, level, k):
    """The coefficient of order k of a tangent."""
    if term is None or not is_series(term, level):
        return None if term is None or k else number(arrayed(term))
    return term.coefficients[k]


def _is_real(x):
    """Whether part of a result carries a derivative."""
    return getattr(x, "dtype", np.dtype(float)).kind == "f"


def _result(parts, several, level, order):
    found = [Series(part, level, order) if _is_real(part[0]) else part[0] for part in parts]
    return tuple(found) if several else found[0]


def derivative(x):
    """The series of the derivative along the curve, of one order less."""
    terms = [k * c for k, c in enumerate(x.coefficients)][1:]
    return Series(terms, x.level, x.order - 1, [max(x.cell[0] - 1, 0)])


def _solve(row, operands, params, level, order):
    """x_k from ``a_0 x_k = b_k - sum of a_j x_(k - j)``."""
    a, factors, b = operands
    if is_series(factors, level):
        factors = factors.coefficients[0]
    matrices, sides = _terms(a, level), _terms(b, level)
    triangle = {"L": np.tril, "U": np.triu, None: lambda m: m}[params["triangle"]]
    turned = (lambda m: m) if params["from_left"] else (lambda m: np.swapaxes(m, -1, -2))
    found = []
    for k in range(order + 1):
        side = sides[k] if k < len(sides) else np.zeros(sides[0].shape, sides[0].dtype)
        for j in range(1, min(k, len(matrices) - 1) + 1):
            side = side - np.matmul(turned(triangle(matrices[j])), found[k - j])
        found.append(called(row, [matrices[0], arrayed(factors), side], params))
        if len(matrices) == 1 and k + 1 == len(sides):
            break
    return _made(found, level, order)


def _inv(row, operands, params, level, order):
    """v_k from ``a_0 v_k = - sum of a_j v_(k - j)``."""
    matrices = _terms(operands[0], level)
    found = [called(row, matrices[:1], params)]
    for k in range(1, order + 1 if len(matrices) > 1 else 1):
        terms = [np.matmul(matrices[j], found[k - j]) for j in range(1, min(k + 1, len(matrices)))]
        found.append(-np.matmul(found[0], sum(terms[1:], terms[0])))
    return _made(found, level, order)


def _det(row, operands, params, level, order):
    """From ``y' = y trace(a^-1 a')``; where a is nearly singular, without divisions."""
    (a,) = operands
    first = plain_value(a)
    inverse = inverse_or_nan(first)
    if not is_tame(first, inverse) or not order:
        return _det_of_products(a, _value(row, operands, params, level))
    moved = np.swapaxes(np.linalg.inv(a.cut(order - 1)), -1, -2) * derivative(a)
    w = np.sum(moved, axis=(-2, -1)).coefficients
    found = [_value(row, operands, params, level)]
    for k in range(1, order + 1):
        terms = [found[j] * w[k - 1 - j] for j in range(k)]
        found.append(sum(terms[1:], terms[0]) / k)
    return _made(found, level, order)


def _det_of_products(a, value):
    """The last coefficient of the characteristic polynomial, by traces of products [1]_.

    .. [1] A. S. Householder, *The Theory of Matrices in Numerical Analysis*, Dover, 1975, p. 166.
    """
    n = a.shape[-1]
    one = np.eye(n, dtype=a.dtype)
    power, c = one, 1.0
    for k in range(1, n + 1):
        product = np.matmul(a, power)
        c = np.sum(product * one, axis=(-2, -1)) / -k
        power = product + c[..., None, None] * one
    y = c if n % 2 == 0 else -c
    return Series([number(value), *y.coefficients[1:]], y.level, y.order, [y.cell[0]])


def _without_path(row, operands, params, level, order):
    return called(row, [x.value for x in operands], params)


def apply_rule(function, pushforward, args, kwargs):
    """A function with a pushforward of its own: ``pushforward(*dots, v, *args, **kwargs)``."""
    level = level_of(leaves(args))
    order = min(x.order for x in leaves(args) if is_series(x, level))
    start = map_leaves(lambda x: x.coefficients[0] if is_series(x, level) else x, args)
    value = function(*start, **kwargs)
    parts = [[number(v)] if _is_real(v) else [v] for v in leaves(value)]
    dots = map_leaves(lambda x: _dot(x, level), args)
    for k in range(1, order + 1):
        now, along = (map_leaves(lambda x, k=k: _cut(x, k - 1, level), t) for t in (dots, args))
        queue = iter(parts)
        v = map_leaves(lambda _, q=queue, k=k: _result([next(q)], False, level, k - 1), value)
        tangents = leaves(pushforward(*now, v, *along, **kwargs))
        for part, term in zip(parts, tangents, strict=True):
            if _is_real(part[0]):
                part.append(_next(part, _last(term, level, k - 1), k))
    queue = iter(parts)
    return map_leaves(lambda _: _result([next(queue)], False, level, order), value)


def _dot(x, level):
    if is_series(x, level):
        return derivative(x)
    if isinstance(x, float):
        return 0.0
    return np.zeros(x.shape, x.dtype) if _is_real_array(x) else None


def _is_real_array(x):
    return getattr(x, "dtype", np.dtype(bool)).kind == "f"


def _cut(x, order, level):
    return x.cut(order) if is_series(x, level) else x


RULES = {"solve": _solve, "inv": _inv, "det": _det, "stop_gradient": _without_path}


# -- functions whose arrays can be written to ---------------------------------------------------


def _like(function):
    def call(level, a, *args, **kwargs):
        terms = a.terms if is_series(a, level) else [a]
        order = a.order if is_series(a, level) else 0
        made = function(np.empty(a.shape, a.dtype), *args, **kwargs)
        if made.dtype.kind != "f" or not made.shape:
            return made
        if any(type(c) is Array for c in terms):
            made = passive(made)
        return Series([made], level, order)

    return call


def _full_like(level, a, fill_value, *args, **kwargs):
    out = np.zeros_like(a if is_series(a, level) else fill_value * np.zeros(np.shape(a)))
    out[...] = fill_value
    return out


def _copy(level, a, order="K", subok=False):
    return a.copy()


OWN = {
    np.zeros_like: _like(np.zeros_like), np.ones_like: _like(np.ones_like),
    np.empty_like: _like(np.zeros_like), np.full_like: _full_like, np.copy: _copy,
}  # fmt: skip
