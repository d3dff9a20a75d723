"""Losses and penalties: formulas written out, tails, and what they refuse."""

import mpmath
import numpy as np
import pytest
from scipy import special

import tapead
from tapead import nn

RNG = np.random.default_rng(3)
X, TARGETS = RNG.normal(size=(5, 4)) * 3.0, RNG.normal(size=(5, 4))
LABELS, BITS = np.array([0, 3, 1, 1, 2]), RNG.integers(0, 2, (5, 4)).astype(float)
ROWS = np.arange(5)


def margins(x, labels):
    """By loops, over the classes that are not the label."""
    return [
        sum(max(0.0, 1.0 - row[k] + row[j]) for j in range(4) if j != k) / 4
        for row, k in zip(x, labels, strict=True)
    ]


FORMULAS = {
    nn.mse_loss: (TARGETS, lambda x: (x - TARGETS) ** 2),
    nn.huber_loss: (TARGETS, lambda x: special.huber(1.0, x - TARGETS)),
    nn.binary_cross_entropy_with_logits: (
        BITS, lambda x: -special.xlogy(BITS, special.expit(x))
        - special.xlogy(1.0 - BITS, special.expit(-x)),
    ),
    nn.cross_entropy: (LABELS, lambda x: -np.log(special.softmax(x, axis=1)[ROWS, LABELS])),
    nn.hinge_loss: (2.0 * BITS - 1.0, lambda x: np.maximum(0.0, 1.0 - (2.0 * BITS - 1.0) * x)),
    nn.multi_margin_loss: (LABELS, lambda x: margins(x, LABELS)),
}  # fmt: skip


def loss_id(loss):
    return loss.__name__


@pytest.mark.parametrize("loss", FORMULAS, ids=loss_id)
def test_loss_is_its_formula(loss):
    target, formula = FORMULAS[loss]
    values = formula(X)
    # the logarithm of a probability near 1 has lost some digits
    np.testing.assert_allclose(loss(X, target, reduction="none"), values, rtol=1e-10)
    assert loss(X, target) == pytest.approx(np.mean(values), rel=1e-13)
    assert loss(X, target, reduction="sum") == pytest.approx(np.sum(values), rel=1e-13)
    tapead.testing.check_grads(lambda x: loss(x, target), (X,))


@pytest.mark.parametrize("loss", FORMULAS, ids=loss_id)
def test_loss_keeps_float32(loss):
    target, _ = FORMULAS[loss]
    x = X.astype(np.float32)
    assert loss(x, target, reduction="none").dtype == np.float32
    assert tapead.grad(lambda x: loss(x, target))(x).dtype == np.float32


@pytest.mark.parametrize("loss", FORMULAS, ids=loss_id)
def test_loss_refuses(loss):
    target, _ = FORMULAS[loss]
    with pytest.raises(ValueError, match="reduction is one of mean, sum, none; got 'avg'"):
        loss(X, target, reduction="avg")
    with pytest.raises(ValueError, match=f"{loss.__name__} needs"):
        loss(X, target[:3])


def test_losses_of_labels_refuse_other_labels():
    with pytest.raises(TypeError, match=r"integer labels; got float64: labels\.astype\(int\)"):
        nn.cross_entropy(X, LABELS.astype(float))
    with pytest.raises(ValueError, match="labels from 0 to 3, one output per class; got 0 to 4"):
        nn.cross_entropy(X, [0, 1, 2, 3, 4])
    with pytest.raises(ValueError, match="labels of -1 and 1; for 0 and 1 give"):
        nn.hinge_loss(X, BITS)
    with pytest.raises(ValueError, match="positive delta"):
        nn.huber_loss(X, TARGETS, delta=0.0)


@pytest.mark.parametrize("z", [-1000.0, -40.0, -1e-9, 0.0, 1e-9, 40.0, 700.0])
def test_binary_cross_entropy_keeps_its_digits(z):
    with mpmath.workdps(400):
        exact = mpmath.log1p(mpmath.exp(-mpmath.mpf(z)))
        slope = -1 / (1 + mpmath.exp(mpmath.mpf(z)))
    value, gradient = tapead.value_and_grad(nn.binary_cross_entropy_with_logits)(
        np.array([z]), np.array([1.0])
    )
    assert value == pytest.approx(float(exact), rel=4e-16)
    assert gradient[0] == pytest.approx(float(slope), rel=4e-16)


def test_cross_entropy_of_far_logits():
    """p - onehot: CONVENTIONS, softmax cross-entropy at logits of +-1000."""
    logits = np.array([[1000.0, -1000.0], [1000.0, -1000.0]])
    value, gradient = tapead.value_and_grad(nn.cross_entropy)(logits, [0, 1])
    assert value == 1000.0
    assert gradient.tolist() == [[0.0, 0.0], [0.5, -0.5]]


def test_cross_entropy_of_two_classes_is_the_binary_one():
    z = X[:, 0]
    two = np.stack([np.zeros(5), z], axis=1)
    bits = BITS[:, 0].astype(int)
    assert nn.cross_entropy(two, bits) == pytest.approx(
        nn.binary_cross_entropy_with_logits(z, bits), rel=1e-14
    )


def test_targets_may_be_traced():
    gradient = tapead.grad(nn.mse_loss, argnums=1)(X, TARGETS)
    np.testing.assert_allclose(gradient, -2.0 * (X - TARGETS) / X.size, rtol=1e-13)


def test_penalties_leave_biases_and_norms_alone():
    net = nn.Sequential(nn.Linear(3, 4, dtype=float), nn.BatchNorm1d(4, dtype=float))
    w = net[0].weight.value
    for p in net.parameters():
        p.value[...] = RNG.normal(size=p.shape)
    for penalty, value, slope in [
        (nn.l2_penalty, 0.05 * np.sum(w**2), 0.1 * w),
        (nn.l1_penalty, 0.1 * np.sum(np.abs(w)), 0.1 * np.sign(w)),
    ]:
        got, gradient = tapead.value_and_grad(penalty)(net.arrays(), 0.1)
        assert got == pytest.approx(value, rel=1e-14)
        np.testing.assert_allclose(gradient["0.weight"], slope, rtol=1e-14)
        assert not any(x.any() for name, x in gradient.items() if name != "0.weight")
        net.zero_grad()
        penalty(net, 0.1).backward()
        np.testing.assert_allclose(net[0].weight.grad, slope, rtol=1e-14)
        assert float(penalty(net.eval(), 0.1)) == pytest.approx(value, rel=1e-14)
        net.train()


def test_accuracy_and_r2():
    from sklearn.metrics import accuracy_score, r2_score

    assert nn.accuracy(X, LABELS) == accuracy_score(LABELS, X.argmax(axis=1))
    assert nn.accuracy(X[:, :1], BITS[:, 0]) == accuracy_score(BITS[:, 0], X[:, 0] > 0)
    assert nn.r2(X, TARGETS) == pytest.approx(r2_score(TARGETS, X), rel=1e-13)
    with pytest.raises(ValueError, match="arrays of one shape"):
        nn.r2(X[:, :1], TARGETS[:, 0])
