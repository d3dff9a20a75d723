"""What a row of the table of array primitives is, and what its rules may use.

A primitive is an array operation with rules of its own. Its value is computed on plain arrays; its
rules are written with NumPy's functions and other primitives alone, so that on plain arrays they
compute and on traced ones they are recorded, which gives derivatives of any order.
"""

import functools
from typing import NamedTuple

from tapead._array import Array, record_primitive
from tapead._tape import Var

TRACED = (Array, Var)
PRIMITIVES = {}  # by name
FUNCTIONS = {}  # what answers each NumPy (or SciPy) function


class Primitive:
    """An array operation with rules of its own.

    Called with operands (arrays, differentiated) and params (everything else, by keyword): it
    records where an operand is traced, and computes on plain arrays.

    Parameters
    ----------
    name : str
        NumPy's name of the operation.
    value : callable
        ``value(*operands, **params)`` of plain arrays: an array, or a tuple of them.
    pushforward : callable or None
        ``pushforward(i, x_dot, v, *operands, **params)``: tangent of the result for the tangent
        `x_dot` of operand i alone; `v` is the result. None for a linear operation: its value at the
        tangent (the other operands as they are).
    pullback : callable
        ``pullback(i, v_bar, v, *operands, **params)``: adjoint of operand i for the adjoint `v_bar`
        of the result. Where that is a tuple, so is `v_bar`, with None for what nothing reached.
    reads : str
        Which values the rules read: ``x``, ``y``, ``z`` the first operands, ``v`` the result, ``*``
        all operands. The others are stand-ins that know shape, dtype, ndim and size only.
    moves : bool or "both"
        Whether the pullback only moves elements, so that an absent one stays absent; "both" if the
        pushforward does so too.
    adjoints : tuple of str
        The pullback as a person writes it, one text per operand: ``("Z̄ Yᵀ", "Xᵀ Z̄")``.
    """

    __slots__ = ("adjoints", "moves", "name", "pullback", "pushforward", "reads", "value")

    def __init__(
        self, name, value, pullback, pushforward=None, reads="*v", moves=False, adjoints=()
    ):
        self.name = name
        self.value = value
        self.pullback = pullback
        self.pushforward = pushforward
        self.reads = reads
        self.moves = moves
        self.adjoints = adjoints
        if name in PRIMITIVES:
            raise ValueError(f"there is a primitive {name!r} already")
        PRIMITIVES[name] = self

    def __call__(self, *operands, **params):
        traced = hasattr(params.get("condition"), "__tapead_mask__")
        for x in operands:
            if type(x) in TRACED:
                traced = True
            elif hasattr(type(x), "__tapead_series__"):
                return x.apply_primitive(self, operands, params)
        if traced:
            return record_primitive(self, operands, params)
        return self.value(*operands, **params)

    def __repr__(self):
        return f"<primitive {self.name}>"


class Function(NamedTuple):
    """What answers a NumPy function where an argument is traced.

    `call` has the signature of the NumPy function; `samples` are functions of a random generator
    that return (args, kwargs): every float array among them, in lists too, is differentiated.
    """

    name: str
    call: object
    samples: tuple


def answers(*functions, samples=()):
    """Make the decorated function the answer to NumPy's `functions`.

    Text stands for a function of a library that is not imported until it is used.
    """

    def register(call):
        for function in functions:
            name = _name_of(function)
            if function in FUNCTIONS:
                raise ValueError(f"{name} is answered already")
            FUNCTIONS[function] = Function(name, call, tuple(samples))
        return call

    return register


def _name_of(function):
    if isinstance(function, str):
        return function
    return getattr(function, "__module__", "numpy") + "." + function.__name__


def batched_in(tree):
    """An argument that has a value per point of a vmap and answers NumPy; None without any."""
    if isinstance(tree, list | tuple):
        return next((x for x in map(batched_in, tree) if x is not None), None)
    return tree if hasattr(type(tree), "__tapead_elemental__") else None


def takes_batched(function):
    """`function`, answered by an argument that is batched where there is one."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        found = batched_in((args, tuple(kwargs.values())))
        if found is not None:
            return found.__array_function__(call, (), args, kwargs)
        return function(*args, **kwargs)

    return call


def call(*args, **kwargs):
    """Arguments of a sample."""
    return args, kwargs


def is_traced(x):
    """Whether `x` is a traced number or array."""
    return type(x) in TRACED or hasattr(type(x), "__tapead_series__")


def into(out, result):
    """`result`, written to `out` if there is one."""
    if out is None:
        return result
    out[...] = result  # an Array takes it; a plain one refuses what is traced
    return out
