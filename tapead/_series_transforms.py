"""What the transforms of functions mean for values inside `jet`.

Along a curve the adjoint of x is a series as well. With w the series of the adjoint of the result
y, its coefficient k is the derivative of the sum over j of ``w[n - j] * y[j]`` with respect to
``x[n - k]``, n being the order: one reverse sweep over the coefficients gives all of them.
"""

from tapead._containers import align, leaves, map_leaves
from tapead._series import Series, filled, is_series, number, series_of
from tapead.transforms import derivative, grad, hvp, jvp, value_and_grad, vjp


def transformed(call, level):
    """A transform with arguments, or a function, that vary along the curve of `level`."""
    rule = _RULES.get(call.kind)
    if rule is None:
        raise TypeError(
            f"tapead.{call.kind.__name__} of a value inside jet is not supported; use tapead.jvp, "
            "vjp or grad there, or take the derivative of a function that calls jet"
        )
    if _has_aux(call):
        raise TypeError("has_aux=True is not supported inside jet; return the result alone")
    return rule(call, level, level.order)


def _has_aux(call):
    if call.kind in (jvp, vjp, hvp):
        return bool(call.options.get("has_aux"))
    return call.kind is not derivative and bool(call.options[1])


class _OfCoefficients:
    """A function of series as one of all their coefficients, in a list."""

    __slots__ = ("f", "level", "order", "result", "trees")

    def __init__(self, f, trees, level, order):
        self.f, self.trees, self.level, self.order = f, trees, level, order
        self.result = None

    def __call__(self, *coefficients):
        args = grouped(self.trees, coefficients, self.level, self.order)
        self.result = self.f(*args)
        return coefficients_in(self.result, self.level, self.order)


def coefficients_in(tree, level, order):
    """The coefficients of every leaf, one after the other."""
    return [c for leaf in leaves(tree) for c in _coefficients(leaf, level, order)]


def _coefficients(leaf, level, order):
    if is_series(leaf, level):
        return leaf.coefficients
    leaf = float(leaf) if isinstance(leaf, int) and not isinstance(leaf, bool) else leaf
    return filled([number(leaf)], order)


def grouped(tree, coefficients, level, order):
    """The tree with series of these coefficients as its leaves."""
    queue = iter(coefficients)

    def series(_):
        return Series([next(queue) for _ in range(order + 1)], level, order)

    return map_leaves(series, tree)


def _vjp(call, level, order):
    function = _OfCoefficients(call.f, tuple(call.args), level, order)
    y, pullback = vjp(function, *coefficients_in(tuple(call.args), level, order))
    result = map_leaves(lambda leaf: 0.0, function.result)
    trees = tuple(call.args)

    def pulled(adjoint):
        ws = align(result, adjoint, "an adjoint in the structure of the result")
        seeds = [c for w in ws for c in series_of(w, level, order).coefficients[::-1]]
        bars = pullback(seeds)
        n = order + 1
        turned = [c for i in range(0, len(bars), n) for c in bars[i : i + n][::-1]]
        return grouped(trees, turned, level, order)

    return grouped(result, y, level, order), pulled


def _jvp(call, level, order):
    primals, tangents = map(tuple, call.args)
    function = _OfCoefficients(call.f, primals, level, order)
    dots = align(primals, tangents, "tangents in the structure of the primals")
    dots = [c for dot in dots for c in _coefficients(dot, level, order)]
    y, y_dot = jvp(function, tuple(coefficients_in(primals, level, order)), tuple(dots))
    result = map_leaves(lambda leaf: 0.0, function.result)
    return tuple(grouped(result, found, level, order) for found in (y, y_dot))


def _value_and_grad(call, level, order):
    chosen = tuple(call.args[i] for i in call.positions)
    inner = _Same(call.of_chosen, chosen)
    y, pullback = _vjp(inner, level, order)
    if not isinstance(y, Series) or y.ndim:
        raise TypeError(
            f"{call.kind.__name__} needs f to return one number; got "
            f"{'an array of shape ' + str(y.shape) if isinstance(y, Series) else type(y).__name__}"
        )
    parts = pullback(1.0)
    return y, parts if isinstance(call.options[0], tuple) else parts[0]


class _Same:
    """A call of another function."""

    __slots__ = ("args", "f")

    def __init__(self, f, args):
        self.f, self.args = f, args


def _grad(call, level, order):
    return _value_and_grad(call, level, order)[1]


def _derivative(call, level, order):
    (n,), (x, *rest) = call.options, call.args
    f = derivative(call.f, n - 1) if n > 1 else call.f
    along = _Same(lambda x: f(x, *rest, **call.kwargs), ((x,), (1.0,)))
    return _jvp(along, level, order)[1]


def _hvp(call, level, order):
    primals, tangents = map(tuple, call.args)
    gradient = grad(call.f, tuple(range(len(primals))))
    return _jvp(_Same(gradient, (primals, tangents)), level, order)[1]


_RULES = {
    jvp: _jvp,
    vjp: _vjp,
    grad: _grad,
    value_and_grad: _value_and_grad,
    derivative: _derivative,
    hvp: _hvp,
}
