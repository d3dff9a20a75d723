"""Errors anywhere in a recording leave nothing behind: the next gradient is right."""

import dataclasses

import numpy as np
import pytest

import tapead
from tapead import Tape, TapeError, TapeMemoryError


class BoomError(Exception):
    """What goes wrong."""


def boom(*args, **kwargs):
    raise BoomError


@dataclasses.dataclass
class Explosive:
    """A container that cannot be read twice."""

    x: float
    reads: int = dataclasses.field(default=0, repr=False)

    def __getattribute__(self, name):
        if name == "x":
            boom()
        return object.__getattribute__(self, name)


class ExplosiveTuple(tuple):
    """A named tuple that cannot be made."""

    __slots__ = ()
    _fields = ("x",)

    @classmethod
    def _make(cls, items):
        raise BoomError


def used(f, *args):
    """f after it has recorded something."""

    def g(x):
        y = tapead.sin(x) * x
        return f(y, *args)

    return g


TRANSFORMS = {
    "grad": lambda f, x: tapead.grad(f)(x),
    "value_and_grad": lambda f, x: tapead.value_and_grad(f)(x),
    "jvp": lambda f, x: tapead.jvp(f, (x,), (1.0,)),
    "vjp": tapead.vjp,
    "jacfwd": lambda f, x: tapead.jacfwd(f)(x),
    "jacrev": lambda f, x: tapead.jacrev(f)(x),
    "hessian": lambda f, x: tapead.hessian(f)(x),
    "hvp": lambda f, x: tapead.hvp(f, (x,), (1.0,)),
    "derivative": lambda f, x: tapead.derivative(f, 2)(x),
}


def interrupt():
    raise KeyboardInterrupt


def endless(x):
    return endless(x + 1.0)


def foreign():
    return Tape().variable(1.0)


# function of a number, error
FAILURES = {
    "in the function": (used(boom), BoomError),
    "before it records": (boom, BoomError),
    "in an inner transform": (used(tapead.grad(used(boom))), BoomError),
    "in an inner result": (used(lambda y: tapead.grad(lambda t: [t * y])(y)), TypeError),
    "in an inner argument": (used(lambda y: tapead.grad(tapead.sin)([y, "a"])), TypeError),
    "in an inner tangent": (used(lambda y: tapead.jvp(used(boom), (y,), (y,))), BoomError),
    "in an inner tape": (used(lambda y: Tape().__enter__().__exit__(boom())), BoomError),
    "in the result": (used(lambda y: "result"), TypeError),
    "by a foreign value": (used(lambda y: y + foreign()), TapeError),
    "by a lost derivative": (used(float), TypeError),
    "in a NumPy function": (used(np.frexp), TypeError),
    "in an operator": (used(lambda y: y + "a"), TypeError),
    "KeyboardInterrupt": (used(lambda y: interrupt()), KeyboardInterrupt),
    "StopIteration": (used(lambda y: next(iter(()))), StopIteration),
    "RecursionError": (used(endless), RecursionError),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("place", FAILURES)
def test_error_leaves_nothing_behind(place, transform):
    f, error = FAILURES[place]
    with pytest.raises(error):
        TRANSFORMS[transform](f, 1.0)
    assert tapead.grad(tapead.grad(lambda x: x**3))(2.0) == 12.0


@pytest.mark.parametrize("transform", ["grad", "vjp", "jacfwd", "jacrev", "hessian"])
@pytest.mark.parametrize("x", [Explosive(1.0), ExplosiveTuple((1.0,))], ids=["read", "made"])
def test_error_in_a_container_leaves_nothing_behind(x, transform):
    with pytest.raises(BoomError):
        TRANSFORMS[transform](used(lambda y: y), x)
    assert tapead.grad(tapead.grad(lambda x: x**3))(2.0) == 12.0


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("place", FAILURES)
def test_error_that_a_function_handles_leaves_its_derivative_right(place, transform):
    f, error = FAILURES[place]

    def outer(t):
        y = t * t
        with pytest.raises(error):
            TRANSFORMS[transform](lambda u: f(u * t), t)
        return y * t

    assert tapead.value_and_grad(outer)(2.0) == (8.0, 12.0)


@pytest.mark.parametrize("place", FAILURES)
def test_error_in_a_recording_keeps_the_tape_right(place):
    f, error = FAILURES[place]
    with Tape() as tape:
        t = tape.variable(2.0)
        y = t * t
        n = len(tape)
        with pytest.raises(error):
            tapead.grad(f)(1.0)
        assert len(tape) == n
        z = y * t
    assert tape.gradient(z, t) == 12.0


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_memory_limit_inside_a_transform_leaves_the_tape_valid(transform):
    """The function's own nodes, and those of a recorded sweep, meet the outer tape's limit."""

    def chain(n):
        def f(x):
            for _ in range(n):
                x = tapead.sin(x)
            return x

        return f

    failed = 0
    for n in (10, 60, 120, 180, 240):  # a node is 33 bytes
        with Tape(max_bytes=8000) as tape:
            t = tape.variable(2.0)
            y = t * t
            try:
                TRANSFORMS[transform](chain(n), t)
            except TapeMemoryError:
                failed += 1
            assert tape.nbytes <= 8000
            tape.rewind(2)
            assert (y * t).value == 8.0
    assert 0 < failed < 5


def test_finalizer_may_differentiate():
    seen = []

    class Final:
        def __del__(self):
            seen.append(tapead.grad(tapead.square)(4.0))

    def f(x):
        final = Final()
        y = x * x
        del final
        return y * x

    assert tapead.grad(f)(2.0) == 12.0
    assert seen == [8.0]


def test_generator_suspended_inside_a_transform():
    """A function may hand out its values one by one; they are refused once it has ended."""

    def steps(x):
        for _ in range(3):
            x = x * x
            yield x

    kept = []

    def f(x):
        generator = steps(x)
        kept.append(generator)
        return next(generator)

    assert tapead.grad(f)(3.0) == 6.0
    with pytest.raises(TapeError, match="no tape is recording"):
        next(kept[0])


def test_transform_of_itself():
    """A function that differentiates itself, to a depth."""

    def f(x, n):
        return x**3 if n == 0 else tapead.grad(f)(x, n - 1) * x

    # n times x d/dx of x^3
    assert [tapead.grad(f)(2.0, n) for n in range(4)] == [3**n * 12.0 for n in range(4)]
