"""What the transforms of functions mean at all points of a `vmap` at once.

The points do not see each other: a sweep over all of them, seeded with an adjoint or a tangent per
point, gives the derivative of each. What a function is differentiated with respect to is therefore
made to differ from point to point first, also where it has one value.
"""

import math
import threading

import numpy as np

from tapead import _series_transforms
from tapead._array import Array
from tapead._batched import NUMERIC, BatchedArray, data_of, is_batched, level_of, ndim_of
from tapead._containers import leaves, map_leaves
from tapead._series import Expansion, Series
from tapead.transforms import (
    derivative,
    grad,
    hessian,
    hvp,
    jacfwd,
    jacobian,
    jacrev,
    jvp,
    value_and_grad,
    vjp,
)

LEVELS = threading.local()  # `running` counts the vmaps of this thread


def transformed(transform, args, kwargs):
    """The transform of a function at batched arguments; NotImplemented where nothing is batched.

    `transform` is an object such as ``grad(f)``, or `jvp`, `vjp` or `hvp`, whose first argument is
    the function.
    """
    if not getattr(LEVELS, "running", 0):
        return NotImplemented
    call = _Call(transform, args, kwargs)
    if type(call.f) is _Probe:
        return NotImplemented
    level = _innermost((call.args, call.kwargs))
    if level is None:
        try:
            return call.of(_Probe(call.f))
        except _Found as found:  # what it closes over is batched
            level = found.level
    if type(level) is Expansion:
        return _series_transforms.transformed(call, level)
    return _RULES[call.kind](call, level)


def _innermost(tree):
    """The innermost level of a vmap or a jet among the leaves, None without any."""
    found = [level_of(_batched_leaves(tree))]
    found += [leaf.level for leaf in leaves(tree) if type(leaf) is Series]
    return max((level for level in found if level), key=lambda level: level.depth, default=None)


def _batched_leaves(tree):
    return [leaf for leaf in leaves(tree) if type(leaf) is BatchedArray]


class _Call:
    """A transform with its arguments."""

    __slots__ = ("args", "f", "kind", "kwargs", "options")

    def __init__(self, transform, args, kwargs):
        if transform is jvp or transform is vjp or transform is hvp:
            self.kind, self.options, self.kwargs = transform, kwargs, {}
            self.f, *rest = args
            self.args = tuple(rest)
        else:
            self.kind, (self.f, *options) = transform.__reduce__()
            self.options, self.args, self.kwargs = tuple(options), args, kwargs

    def of(self, f):
        """The same of another function."""
        if self.kind in (jvp, vjp, hvp):
            return self.kind(f, *self.args, **self.options)
        return self.kind(f, *self.options)(*self.args, **self.kwargs)

    @property
    def positions(self):
        """Positions of the arguments to differentiate with respect to."""
        argnums = self.options[0]
        several = argnums if isinstance(argnums, tuple) else (argnums,)
        n = len(self.args)
        if any(not -n <= i < n for i in several):
            raise TypeError(
                f"{self.kind.__name__} has argnums={argnums}, but the function was called with {n} "
                "positional arguments; pass it by position"
            )
        return several

    def chosen(self, level):
        """Data of the chosen arguments."""
        return tuple(data_in(self.args[i], level) for i in self.positions)

    def of_chosen(self, *chosen):
        """The function's result with other chosen arguments."""
        args = list(self.args)
        for i, x in zip(self.positions, chosen, strict=True):
            args[i] = x
        return self.f(*args, **self.kwargs)


class _OfData:
    """A function of batched arrays as one of their data; with `has_aux`, of a pair."""

    __slots__ = ("batched", "f", "has_aux", "level")

    def __init__(self, f, level, has_aux):
        self.f, self.level, self.has_aux = f, level, has_aux
        self.batched = []  # by leaf of the auxiliary result

    def __call__(self, *data):
        result = self.f(*wrapped(data, self.level))
        if not self.has_aux:
            return data_in(result, self.level)
        y, aux = result
        self.batched = [is_batched(leaf, self.level) for leaf in leaves(aux)]
        plain = map_leaves(lambda x: x.data if is_batched(x, self.level) else x, aux)
        return data_in(y, self.level), plain

    def aux(self, trees):
        """Auxiliary results, if there are any, as the function gave them."""
        queue = iter(self.batched)
        return [
            map_leaves(lambda x: BatchedArray(x, self.level) if next(queue) else x, tree)
            for tree in trees
        ]


class _Found(Exception):  # noqa: N818 - found, not an error
    """A result is batched although no argument was."""

    def __init__(self, level):
        super().__init__()
        self.level = level


class _Probe:
    """A function whose result must not be batched."""

    __slots__ = ("__wrapped__",)

    def __init__(self, f):
        self.__wrapped__ = f

    def __call__(self, *args, **kwargs):
        result = self.__wrapped__(*args, **kwargs)
        level = _innermost(result)
        if level is not None:
            raise _Found(level)
        return result


def data_in(tree, level):
    """`tree` with the data of every leaf, of those that are not batched as well."""
    return map_leaves(lambda leaf: _data(leaf, level), tree)


def _data(leaf, level):
    if is_batched(leaf, level):
        return leaf.data
    if isinstance(leaf, bool) or not isinstance(leaf, NUMERIC):
        return leaf  # which the transform refuses
    if isinstance(leaf, int | np.integer):
        leaf = float(leaf)
    return data_of(leaf, level)


def wrapped(tree, level):
    """`tree` with data as batched arrays."""
    return map_leaves(lambda data: BatchedArray(data, level) if _is_array(data) else data, tree)


def _is_array(x):
    return isinstance(x, np.ndarray | Array | BatchedArray)


def _vjp(call, level):
    """vjp, whose pullback takes batched adjoints."""
    function = _OfData(call.f, level, call.options.get("has_aux", False))
    y, pullback, *aux = vjp(function, *data_in(call.args, level), has_aux=function.has_aux)

    def batched_pullback(adjoint):
        return wrapped(pullback(data_in(adjoint, level)), level)

    return (wrapped(y, level), batched_pullback, *function.aux(aux))


def _jvp(call, level):
    function = _OfData(call.f, level, call.options.get("has_aux", False))
    primals, tangents = (data_in(tuple(x), level) for x in call.args)
    y, y_dot, *aux = jvp(function, primals, tangents, has_aux=function.has_aux)
    return (wrapped(y, level), wrapped(y_dot, level), *function.aux(aux))


def _hvp(call, level):
    primals, tangents = call.args
    primals = wrapped(data_in(tuple(primals), level), level)
    return jvp(grad(call.f, tuple(range(len(primals)))), primals, tangents)[1]


def _derivative(call, level):
    (order,), (x, *rest) = call.options, call.args
    f = derivative(call.f, order - 1) if order > 1 else call.f
    x = wrapped(data_in(x, level), level)
    return jvp(lambda x: f(x, *rest, **call.kwargs), (x,), (1.0,))[1]


def _value_and_grad(call, level):
    function = _OfData(call.of_chosen, level, call.options[1])
    y, pullback, *aux = vjp(function, *call.chosen(level), has_aux=function.has_aux)
    if ndim_of(y) != 1:
        got = f"an array of shape {y.shape[1:]}" if ndim_of(y) else type(y).__name__
        raise TypeError(
            f"{call.kind.__name__} needs f to return one number; got {got}; use tapead.jacobian "
            "for several results"
        )
    gradient = _by_argument(call, wrapped(pullback(np.ones(level.size, y.dtype)), level))
    return wrapped(y, level), gradient, *function.aux(aux)


def _by_argument(call, parts):
    """What belongs to the chosen arguments: a tuple for a tuple of argnums."""
    return parts if isinstance(call.options[0], tuple) else parts[0]


def _grad(call, level):
    _, gradient, *aux = _value_and_grad(call, level)
    return (gradient, *aux) if aux else gradient


def _value_and_gradient(call, level):
    y, gradient, *aux = _value_and_grad(call, level)
    return ((y, *aux), gradient) if aux else (y, gradient)


def _jacobian(call, level):
    return _jacrev(call, level, or_forward=True)


def _jacrev(call, level, or_forward=False):
    """A reverse sweep over all points for every element of the result."""
    function = _OfData(call.of_chosen, level, call.options[1])
    y, pullback, *aux = vjp(function, *call.chosen(level), has_aux=function.has_aux)
    results = leaves(y)
    if or_forward and _n_elements(results) > _n_elements(leaves(call.chosen(level))):
        return _jacfwd(call, level)

    def rows(k):
        shape = results[k].shape[1:]
        found = []
        for place in np.ndindex(*shape):
            seeds = [np.zeros(x.shape, x.dtype) for x in results]
            seeds[k][(slice(None), *place)] = 1.0
            found.append(pullback(_filled(y, seeds)))
        return _stacked(found, shape, call.chosen(level), level)

    numbers = iter(range(len(results)))
    blocks = map_leaves(lambda _: _by_argument(call, rows(next(numbers))), y)
    return (blocks, *function.aux(aux)) if aux else blocks


def _n_elements(arrays):
    """How many elements a point has."""
    return sum(math.prod(x.shape[1:]) for x in arrays)


def _stacked(rows, shape, like, level):
    """Adjoints for all elements of a result of this shape, in the structure of the arguments."""
    columns = list(zip(*map(leaves, rows), strict=True))
    queue = iter(columns or [()] * len(leaves(like)))

    def block(x):
        column = next(queue)
        if not column:
            return BatchedArray(np.zeros((level.size, *shape, *x.shape[1:]), x.dtype), level)
        data = np.stack(column, 1)
        return BatchedArray(np.reshape(data, (level.size, *shape, *x.shape[1:])), level)

    return map_leaves(block, like)


def _jacfwd(call, level):
    """A forward sweep over all points for every element of the arguments."""
    function = _OfData(call.of_chosen, level, call.options[1])
    data = call.chosen(level)
    y, _, *aux = vjp(function, *data, has_aux=function.has_aux)
    bases = leaves(data)
    columns = [_columns(function, data, k) for k in range(len(bases))]
    numbers = iter(range(len(leaves(y))))

    def block(result):
        i = next(numbers)
        queue = iter(range(len(bases)))

        def part(x):
            found = [column[i] for column in columns[next(queue)]]
            shape = (level.size, *result.shape[1:], *x.shape[1:])
            if not found:
                return BatchedArray(np.zeros(shape, result.dtype), level)
            return BatchedArray(np.reshape(np.stack(found, -1), shape), level)

        return _by_argument(call, map_leaves(part, data))

    blocks = map_leaves(block, y)
    return (blocks, *function.aux(aux)) if aux else blocks


def _columns(function, data, k):
    """Tangents of the leaves of the result, for every element of leaf k of the arguments."""
    inputs, found = leaves(data), []
    for place in np.ndindex(*inputs[k].shape[1:]):
        seeds = [np.zeros(x.shape, x.dtype) for x in inputs]
        seeds[k][(slice(None), *place)] = 1.0
        tangents = _filled(data, seeds)
        found.append(leaves(jvp(function, data, tangents, has_aux=function.has_aux)[1]))
    return found


def _filled(tree, values):
    """`tree` with other leaves."""
    queue = iter(values)
    return map_leaves(lambda _: next(queue), tree)


def _hessian(call, level):
    argnums, has_aux = call.options
    gradient = grad(call.f, argnums, has_aux)
    inner = _Call(jacfwd(gradient, argnums, has_aux), call.args, call.kwargs)
    return _jacfwd(inner, level)


_RULES = {
    jvp: _jvp,
    vjp: _vjp,
    hvp: _hvp,
    derivative: _derivative,
    grad: _grad,
    value_and_grad: _value_and_gradient,
    jacrev: _jacrev,
    jacfwd: _jacfwd,
    jacobian: _jacobian,
    hessian: _hessian,
}
