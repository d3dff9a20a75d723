"""A function that returns a value of another recording: an error, never a number."""

import pytest

import tapead
from tapead import TapeError

TRANSFORMS = {
    "grad": tapead.grad,
    "value_and_grad": tapead.value_and_grad,
    "jacobian": lambda f: tapead.jacobian(lambda x: [f(x)]),
    "hessian": tapead.hessian,
    "derivative": tapead.derivative,
    "jvp": lambda f: lambda x: tapead.jvp(f, (x,), (1.0,)),
    "vjp": lambda f: lambda x: tapead.vjp(f, x)[1](1.0),
    "aux": lambda f: tapead.grad(lambda x: (x, f(x)), has_aux=True),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
def test_value_of_an_earlier_recording_is_refused(transform):
    kept = []

    def f(x):
        kept.append(x * x * x)
        return kept[0]

    tapead.grad(f)(2.0)
    with pytest.raises(TapeError, match="not on this tape"):
        transform(f)(3.0)
    assert tapead.grad(tapead.square)(3.0) == 6.0


def test_value_of_a_finished_inner_tape_is_refused():
    def f(x):
        with tapead.Tape() as tape:
            for _ in range(100):
                y = tape.variable(1.0)
        return y

    with pytest.raises(TapeError, match="not on this tape"):
        tapead.grad(f)(2.0)
