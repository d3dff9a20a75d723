"""tapead.testing.check_grads finds wrong derivatives, and only those."""

import numpy as np
import pytest

import tapead
from tapead.testing import check_grads


def detached(x):
    """The plain number: no derivative passes."""
    return getattr(x, "value", x)


RIGHT = {
    "scalar": (lambda x, y: tapead.sin(x) * y, (0.5, 2.0)),
    "array": (lambda x: np.cumsum(x**2), (np.array([1.0, 2.0, 3.0]),)),
    "container": (lambda p: {"s": p["a"] * p["b"][0], "t": [p["a"]]}, ({"a": 1.0, "b": [2.0]},)),
    "large numbers": (lambda x: x * 1e6 + tapead.sin(x), (0.5,)),
    "constant": (lambda x: 3.0, (0.5,)),
    "float32": (lambda x: np.sum(x * 2.0), (np.ones(2, np.float32),)),
    "int": (lambda x: x**3, (2,)),
}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("case", RIGHT)
def test_check_grads_accepts_right_derivatives(case, order):
    f, args = RIGHT[case]
    check_grads(f, args, order=order, atol=1e-4, rtol=1e-4)


def wrong_second(x):
    """cos has its slope at first order only: the derivative is detached."""
    return (
        x * tapead.cos(detached(x))
        - detached(x) * tapead.cos(detached(x))
        + tapead.sin(detached(x))
    )


def wrong_third(x):
    """Value, slope and curvature of exp, and no more."""
    d = detached(x)
    h = x - d
    return tapead.exp(d) * (1.0 + h + h * h / 2)


# function and the lowest order whose derivative is wrong
WRONG = {
    "no path": (lambda x: tapead.sin(detached(x)), 1),
    "half a path": (lambda x: x * detached(x), 1),
    "slightly wrong": (lambda x: tapead.sin(x) + 1e-3 * tapead.sin(detached(x)), 1),
    "wrong second": (wrong_second, 2),
    "wrong third": (wrong_third, 3),
}


@pytest.mark.parametrize("modes", [("fwd",), ("fwd", "rev")], ids="-".join)
@pytest.mark.parametrize("case", WRONG)
def test_check_grads_finds_a_wrong_derivative(case, modes):
    f, order = WRONG[case]
    if order > 1:
        check_grads(f, (0.7,), order=order - 1, modes=modes)
    with pytest.raises(AssertionError, match=f"order {order}"):
        check_grads(f, (0.7,), order=order, modes=modes)


def test_check_grads_finds_modes_that_disagree():
    """A function that looks at how it is called: reverse mode against forward mode."""
    calls = []

    def f(x):
        calls.append(type(x))
        return x * float(len(calls))

    with pytest.raises(AssertionError, match="reverse mode"):
        check_grads(f, (0.7,), order=1, modes=("rev",))


def test_check_grads_finds_one_wrong_element_of_an_array():
    def f(x):
        y = x * x
        y[3] = y[3] + 0.01 * detached(x[3])
        return y

    with pytest.raises(AssertionError):
        check_grads(f, (np.arange(1.0, 6.0),), order=1)


def test_check_grads_says_both_numbers():
    with pytest.raises(AssertionError, match=r"(?s)forward mode, a difference disagree.*ACTUAL"):
        check_grads(lambda x: x * detached(x), (2.0,), order=1)


REFUSED = {
    "order 0": ({"order": 0}, "order of at least 1; got 0"),
    "unknown mode": ({"modes": ("back",)}, "modes are.*back"),
    "no mode": ({"modes": ()}, "modes are"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_check_grads_says_what_it_wanted(case):
    keywords, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        check_grads(tapead.sin, (1.0,), **keywords)


def test_check_grads_is_repeatable():
    seen = []
    for _ in range(2):
        seen.append([])
        check_grads(lambda x: seen[-1].append(detached(x)) or x * x, (2.0,), seed=7)
    assert seen[0] == seen[1]
