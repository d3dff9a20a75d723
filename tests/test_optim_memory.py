"""Optimisers change arrays of any layout in place, all of them or none, the same on threads."""

import numpy as np
import pytest

import tapead
from tapead import optim

from .test_optim_steps import RULES

LAYOUTS = {
    "fortran": np.asfortranarray,
    "transposed": lambda x: x.T.copy().T,
    "window": lambda x: np.zeros((9, 11), x.dtype)[1:7, 2:10],
    "strided": lambda x: np.zeros((12, 16), x.dtype)[::2, ::-2],
    "unaligned": lambda x: np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape),
}


def stepped(name, x, gradients):
    kind, _, keywords = RULES[name]
    optimizer = kind([x], **keywords)
    for gradient in gradients:
        optimizer.step([gradient])
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", RULES)
def test_layouts_make_no_difference(name, layout, dtype):
    rng = np.random.default_rng(3)
    start, *gradients = rng.standard_normal((4, 6, 8)).astype(dtype)
    expected = stepped(name, start.copy(), gradients)
    x, gradient = LAYOUTS[layout](start), LAYOUTS[layout](gradients[1])
    x[...], gradient[...] = start, gradients[1]
    assert stepped(name, x, [gradients[0], gradient, gradients[2]]) is x
    tolerance = 4 * np.finfo(dtype).eps if "lamb" in name else 0.0  # its norms sum in memory order
    np.testing.assert_allclose(x, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", RULES)
def test_gradients_that_share_memory_with_the_parameter(name):
    memory = np.linspace(-1.0, 1.0, 41)
    expected = stepped(name, memory[1:].copy(), [memory[:-1].copy()])
    np.testing.assert_array_equal(stepped(name, memory[1:], [memory[:-1]]), expected)
    memory = np.linspace(-1.0, 1.0, 41)
    expected = stepped(name, memory.copy(), [memory.copy()])
    np.testing.assert_array_equal(stepped(name, memory, [memory]), expected)


@pytest.mark.parametrize("name", RULES)
def test_threads_make_no_difference(name):
    rng = np.random.default_rng(4)
    start, *gradients = rng.standard_normal((4, 200_001)).astype(np.float32)
    found = []
    for threads in (1, 2, 3):
        tapead.set_num_threads(threads)
        try:
            found.append(stepped(name, start.copy(), gradients))
        finally:
            tapead.set_num_threads(None)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_gradients_of_other_types_are_rounded():
    x = np.ones(2, np.float32)
    optim.SGD([x], lr=1.0).step([[1, 2]])
    assert x.tolist() == [0.0, -1.0]
    optim.SGD([x], lr=1.0).step([np.array([0.1, 0.2])])
    assert x.tolist() == [np.float32(-0.1), np.float32(-1.0) - np.float32(0.2)]


@pytest.mark.parametrize(("second", "error", "message"), [
    (np.ones(3), ValueError, r"has the shape of its parameter, \(2,\); got \(3,\)"),
    (np.ones(2, complex), TypeError, "complex128"),
])  # fmt: skip
@pytest.mark.parametrize("name", RULES)
def test_a_gradient_that_does_not_fit_changes_nothing(name, second, error, message):
    kind, _, keywords = RULES[name]
    from tapead import nn

    ps = [nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))]
    optimizer, same = kind(ps, **keywords), kind([np.ones(2), np.ones(2)], **keywords)
    ps[0].grad, ps[1].grad = np.ones(2), second
    with pytest.raises(error, match=message):
        optimizer.step()
    assert ps[0].value.tolist() == [1.0, 1.0]
    for key, value in same.state_dict().items():
        np.testing.assert_array_equal(optimizer.state_dict()[key], value)


def test_a_parameter_that_cannot_be_written_to():
    x = np.ones(2)
    optimizer = optim.Adam([x])
    x.flags.writeable = False
    with pytest.raises(ValueError, match="this array is read-only"):
        optimizer.step([np.ones(2)])


def test_empty_parameters_and_none():
    xs = [np.ones((0, 3)), np.ones(2), np.ones(())]
    optim.LAMB(xs).step([np.ones((0, 3)), np.zeros(2), np.zeros(())])
    assert xs[1].tolist() == [1.0, 1.0]


def test_a_rule_derived_from_one_of_ours():
    class Slow(optim.SGD):
        def update(self, x, gradient, state, spare):
            super().update(x, np.multiply(gradient, 0.5, out=spare[0]), state, spare)

    x = np.array([1.0, 2.0])
    Slow([x], lr=1.0).step([np.array([1.0, 1.0])])
    assert x.tolist() == [0.5, 1.5]


@pytest.mark.parametrize("kind", [optim.SGD, optim.RMSprop])
def test_a_momentum_that_comes_later_has_no_state(kind):
    x = np.ones(2)
    optimizer = kind([x])
    optimizer.momentum = 0.9
    with pytest.raises(ValueError, match="arrays of state for each parameter; this optimizer was"):
        optimizer.step([np.ones(2)])
    assert x.tolist() == [1.0, 1.0]


def test_a_derived_rule_with_a_state_of_its_own():
    class Counting(optim.Adam):
        STATE = ("mean", "square", "count")

        def update(self, x, gradient, state, spare):
            state["count"] += 1.0
            super().update(x, gradient, state, spare)

    class Forgetful(optim.Adam):
        STATE = ("mean",)

    x, y = np.ones(2), np.ones(2)
    counting, plain = Counting([x]), optim.Adam([y])
    for optimizer in (counting, plain):
        optimizer.step([np.array([1.0, -2.0])])
    np.testing.assert_array_equal(x, y)
    with pytest.raises(ValueError, match="adam with these settings needs 2 arrays of state"):
        Forgetful([x]).step([np.ones(2)])
