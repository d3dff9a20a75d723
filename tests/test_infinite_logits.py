"""Infinite logits, as masks leave them: SciPy's values, and limits for derivatives, in every form.

The second source of a derivative is SciPy's softmax of logits so large that it rounds to the limit.
"""

import numpy as np
import pytest
import scipy.special

import tapead
from tapead import nn, optim

INF = np.inf
ROWS = {
    "masked": [0.3, -INF, 1.2, -INF],
    "one left": [-INF, -INF, 0.5, -INF],
    "tie": [0.5, 0.5, -INF, -INF],
    "all masked": [-INF] * 4,
    "one certain": [0.1, INF, -INF, 0.4],
    "two certain": [INF, 0.0, INF, -INF],
    "all certain": [INF] * 4,
}
ELSEWHERE = np.array([0.3, 0.1, 0.2, 0.5])  # where it is recorded
V = np.array([0.4, -1.0, 0.7, 2.0])
LABEL = 3


def picked(x):
    return tapead.log_softmax(x)[LABEL]


def entropy(x):
    return nn.cross_entropy(np.reshape(x, (1, 4)), np.array([LABEL]))


def share(x):
    """The softmax of logits of which infinite ones are only large: equal ones share evenly."""
    return scipy.special.softmax(np.clip(x, -1e6, 1e6))


def one_hot():
    return np.eye(4)[LABEL]


CASES = {
    "logsumexp": (tapead.logsumexp, scipy.special.logsumexp, share),
    "log_softmax": (
        picked, lambda x: scipy.special.log_softmax(x)[LABEL], lambda x: one_hot() - share(x)),
    "cross_entropy": (
        entropy, lambda x: -scipy.special.log_softmax(x)[LABEL], lambda x: share(x) - one_hot()),
}  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("form", ["eager", "program", "compile"])
@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:divide by zero")
def test_values_are_scipys_and_derivatives_limits(name, row, form, dtype):
    function, value, gradient = CASES[name]
    x, v = np.array(ROWS[row], dtype), V.astype(dtype)
    if form == "program":
        function = tapead.record(function, ELSEWHERE.astype(dtype), arrays=True)
    elif form == "compile":
        function = tapead.compile(function)
    tolerance = {"rtol": 1e-12 if dtype is np.float64 else 1e-6}
    np.testing.assert_allclose(function(x), value(x), **tolerance)
    wanted = gradient(x.astype(float))
    np.testing.assert_allclose(tapead.grad(function)(x), wanted, **tolerance)
    np.testing.assert_allclose(tapead.jvp(function, (x,), (v,))[1], wanted @ V, **tolerance)


@pytest.mark.parametrize("row", ROWS)
def test_second_derivatives_are_limits(row):
    x = np.array(ROWS[row])
    p = share(x)
    wanted = p * (V - p @ V)
    program = tapead.record(tapead.logsumexp, ELSEWHERE, arrays=True)
    for function in (tapead.logsumexp, program):
        np.testing.assert_allclose(tapead.hvp(function, (x,), (V,))[0], wanted, atol=1e-15)


class Masked(nn.Linear):
    """Classes that a row of the batch rules out get no probability."""

    def forward(self, x):
        return np.where(x[:, :4] > 0.0, super().forward(x), -INF)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_masked_classes_in_training_steps(dtype):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 6)), rng.integers(0, 4, 16)
    x[np.arange(16), y] = 1.0
    nets = [Masked(6, 4, rng=0, dtype=dtype) for _ in range(2)]
    steps = [
        make(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.5))
        for make, net in zip((nn.eager_step, nn.compile_step), nets, strict=True)
    ]
    tolerance = {"rtol": 1e-10 if dtype is np.float64 else 1e-4}
    for _ in range(8):
        np.testing.assert_allclose(*(step(x, y) for step in steps), **tolerance)
    np.testing.assert_allclose(*(net.weight.value for net in nets), **tolerance)
    assert np.isfinite(nets[1].weight.value).all()
    assert steps[1].stats()["replayed"] == 8
