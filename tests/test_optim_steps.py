"""Optimisers: 100 steps beside the formulas written out, and beside PyTorch's."""

import numpy as np
import pytest

from tapead import nn, optim

N_STEPS = 100
SHAPES = ((4, 3), (3,), ())


def starts(dtype):
    rng = np.random.default_rng(1)
    return [rng.normal(size=shape).astype(dtype) for shape in SHAPES]


def gradients_at(xs, step):
    """Of a function with a minimum, plus noise: the same for the same step."""
    rng = np.random.default_rng((2, step))
    return [np.sin(x) + 0.1 * x + 0.1 * rng.normal(size=x.shape).astype(x.dtype) for x in xs]


# -- the formulas, element by element --------------------------------------------------------------


def sgd(x, g, s, t, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    g = g + weight_decay * x
    if momentum:
        s["b"] = g if t == 1 else momentum * s["b"] + (1.0 - dampening) * g
        g = g + momentum * s["b"] if nesterov else s["b"]
    return x - lr * g


def rmsprop(x, g, s, t, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
    g = g + weight_decay * x
    s["v"] = alpha * s.get("v", 0.0) + (1.0 - alpha) * g**2
    s["b"] = momentum * s.get("b", 0.0) + g / (np.sqrt(s["v"]) + eps)
    return x - lr * s["b"]


def adagrad(x, g, s, t, lr, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0):
    g = g + weight_decay * x
    s["v"] = s.get("v", initial_accumulator_value) + g**2
    return x - lr / (1.0 + (t - 1) * lr_decay) * g / (np.sqrt(s["v"]) + 1e-10)


def moments(g, s, t, betas):
    s["m"] = betas[0] * s.get("m", 0.0) + (1.0 - betas[0]) * g
    s["v"] = betas[1] * s.get("v", 0.0) + (1.0 - betas[1]) * g**2
    return s["m"] / (1.0 - betas[0] ** t), s["v"] / (1.0 - betas[1] ** t)


def adam(x, g, s, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    m, v = moments(g + weight_decay * x, s, t, betas)
    return x - lr * m / (np.sqrt(v) + eps)


def adamw(x, g, s, t, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2):
    m, v = moments(g, s, t, betas)
    return x - lr * weight_decay * x - lr * m / (np.sqrt(v) + eps)


def lamb(x, g, s, t, lr, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0):
    """Algorithm 2 of You et al., 2020, layer by layer."""
    m, v = moments(g, s, t, betas)
    r = m / (np.sqrt(v) + eps) + weight_decay * x
    return x - lr * np.sqrt(np.sum(x**2)) / np.sqrt(np.sum(r**2)) * r


RULES = {
    "gradient-descent": (optim.SGD, sgd, {"lr": 0.1}),
    "decay": (optim.SGD, sgd, {"lr": 0.1, "weight_decay": 0.3}),
    "momentum": (optim.SGD, sgd, {"lr": 0.05, "momentum": 0.9}),
    "dampening": (optim.SGD, sgd, {"lr": 0.05, "momentum": 0.9, "dampening": 0.4}),
    "nesterov": (
        optim.SGD, sgd, {"lr": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1},
    ),
    "rmsprop": (optim.RMSprop, rmsprop, {"lr": 0.02}),
    "rmsprop-momentum": (
        optim.RMSprop, rmsprop,
        {"lr": 0.02, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.1},
    ),
    "adagrad": (optim.Adagrad, adagrad, {"lr": 0.1}),
    "adagrad-decay": (
        optim.Adagrad, adagrad,
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2, "weight_decay": 0.1},
    ),
    "adam": (optim.Adam, adam, {"lr": 0.05}),
    "adam-decay": (optim.Adam, adam, {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1}),
    "adamw": (optim.AdamW, adamw, {"lr": 0.05, "weight_decay": 0.2}),
    "lamb": (optim.LAMB, lamb, {"lr": 0.02}),
    "lamb-decay": (optim.LAMB, lamb, {"lr": 0.02, "weight_decay": 0.1}),
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_steps_are_the_formula(name):
    kind, formula, keywords = RULES[name]
    xs, expected, states = starts(float), starts(float), [{} for _ in SHAPES]
    optimizer = kind(xs, **keywords)
    for t in range(1, N_STEPS + 1):
        optimizer.step(gradients_at(xs, t))
        gradients = gradients_at(expected, t)
        parts = zip(expected, gradients, states, strict=True)
        expected = [formula(x, g, s, t, **keywords) for x, g, s in parts]
        for x, y in zip(xs, expected, strict=True):
            np.testing.assert_allclose(x, y, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name in RULES if "lamb" not in name])
def test_steps_are_pytorch_s(name, dtype):
    torch = pytest.importorskip("torch")
    kind, _, keywords = RULES[name]
    xs = starts(dtype)
    others = [torch.tensor(x) for x in starts(dtype)]
    optimizer, other = kind(xs, **keywords), getattr(torch.optim, kind.__name__)(others, **keywords)
    for t in range(1, N_STEPS + 1):
        gradients = gradients_at(xs, t)  # the same for both: what is compared is the step
        for y, g in zip(others, gradients, strict=True):
            y.grad = torch.tensor(g)
        optimizer.step(gradients)
        other.step()
    for x, y in zip(xs, others, strict=True):
        assert x.dtype == dtype
        tolerance = 1e-6 if dtype == np.float32 else 1e-12
        np.testing.assert_allclose(x, y.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", RULES)
def test_steps_go_on_from_a_saved_state(name):
    kind, _, keywords = RULES[name]
    whole, stopped = starts(np.float32), starts(np.float32)
    first, second = kind(whole, **keywords), kind(stopped, **keywords)
    for t in range(10):
        first.step(gradients_at(whole, t))
        second.step(gradients_at(stopped, t))
        if t == 4:
            state = second.state_dict()
            second = kind(stopped, **keywords)
            second.load_state_dict(state)
    for x, y in zip(whole, stopped, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("name", RULES)
def test_steps_change_neither_gradients_nor_places(name):
    kind, _, keywords = RULES[name]
    xs = starts(np.float32)
    kept, gradients = list(xs), gradients_at(xs, 0)
    before = [g.copy() for g in gradients]
    kind(xs, **keywords).step(gradients)
    for x, y, g, h in zip(xs, kept, gradients, before, strict=True):
        assert x is y
        np.testing.assert_array_equal(g, h)


def test_steps_allocate_no_arrays():
    import tracemalloc

    x, g = np.ones(100_000, np.float32), np.ones(100_000, np.float32)
    for kind, _, keywords in RULES.values():
        optimizer = kind([x], **keywords)
        optimizer.step([g])
        tracemalloc.start()
        optimizer.step([g])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 20_000, kind


def test_gradients_of_parameters_are_taken_from_them():
    p, q = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    optimizer = optim.SGD([p, q], lr=0.5)
    p.grad = np.array([1.0, 2.0])
    optimizer.step()
    assert (p.value.tolist(), q.value.tolist()) == ([0.5, 0.0], [1.0, 1.0])
    optimizer.zero_grad()
    assert p.grad is None


def test_lamb_does_not_divide_by_a_length_of_zero():
    x = np.zeros(3)
    optim.LAMB([x], lr=0.1).step([np.array([1.0, -1.0, 0.0])])
    np.testing.assert_allclose(x, [-0.1, 0.1, 0.0], rtol=1e-5)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: optim.SGD([], lr=0.1), "needs parameters; got none"),
    (lambda: optim.SGD([np.ones(2)], lr=-1.0), "lr is a number that is not negative"),
    (lambda: optim.SGD([np.ones(2)], nesterov=True), "nesterov needs a momentum"),
    (lambda: optim.Adam([np.ones(2)], betas=(1.0, 0.9)), "betas are two numbers"),
    (lambda: optim.RMSprop([np.ones(2)], eps=-1.0), "eps is not negative; got -1.0"),
    (lambda: optim.SGD([np.ones(2)]).step(), "needs gradients"),
    (lambda: optim.SGD([np.ones(2)]).step([np.ones(3)]), r"\[\(2,\)\]; got \[\(3,\)\]"),
    (lambda: optim.SGD({"w": np.ones(2)}).step({"v": np.ones(2)}), "a dict of w"),
    (lambda: optim.SGD([np.ones(2)]).load_state_dict({"lr": 1.0}), "state of another optimizer"),
    (lambda: optim.clip_grad_norm_([np.ones(2)], -1.0), "max_norm is not negative"),
    (lambda: optim.clip_grad_value_([np.ones(2)], -1.0), "clip_value is not negative"),
    (lambda: optim.LBFGS([np.ones(2)], max_iter=0), "max_iter and history_size are positive"),
])  # fmt: skip
def test_values_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(("make", "message"), [
    (lambda: optim.SGD(np.ones(2)), "or a dict or list of arrays; got a ndarray"),
    (lambda: optim.SGD([np.ones(2, int)]), "float32 or float64; got int64"),
    (lambda: optim.SGD([3.0]), "float32 or float64; got float"),
    (lambda: optim.LBFGS([np.ones(2)]).step(None), "takes a function"),
    (lambda: optim.clip_grad_norm_(np.ones(2), 1.0), "or a dict or list of gradients"),
])  # fmt: skip
def test_types_that_make_no_sense(make, message):
    with pytest.raises(TypeError, match=message):
        make()


# -- clipping ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [0.5, 2.0, 1e3])
def test_clipping_is_pytorch_s(bound):
    torch = pytest.importorskip("torch")
    for ours, theirs in [
        (optim.clip_grad_norm_, torch.nn.utils.clip_grad_norm_),
        (optim.clip_grad_value_, torch.nn.utils.clip_grad_value_),
    ]:
        gradients, others = starts(float), [torch.tensor(x) for x in starts(float)]
        for y in others:
            y.grad = y.clone()
        found, wanted = ours(gradients, bound), theirs(others, bound)
        assert wanted is None or found == pytest.approx(float(wanted), rel=1e-14)
        for g, y in zip(gradients, others, strict=True):
            np.testing.assert_allclose(g, y.grad.numpy(), rtol=1e-12)


def test_clipping_of_parameters_passes_over_those_without_a_gradient():
    p, q = nn.Parameter(np.ones(2)), nn.Parameter(np.ones(2))
    p.grad = np.array([3.0, 4.0])
    assert optim.clip_grad_norm_([p, q], 1.0) == 5.0
    assert np.linalg.norm(p.grad) == pytest.approx(1.0, abs=1e-6)
    assert q.grad is None


# -- L-BFGS ------------------------------------------------------------------------------------


def test_lbfgs_finds_the_least_squares_solution():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 1))
    net = nn.Linear(4, 1, bias=False, rng=0, dtype=float)
    optimizer = optim.LBFGS(net.parameters(), max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = nn.mse_loss(net(x), y)
        loss.backward()
        return loss

    last = optimizer.step(closure)
    solution = np.linalg.lstsq(x, y, rcond=None)[0]
    np.testing.assert_allclose(net.weight.value.T, solution, atol=1e-6)
    assert last == pytest.approx(np.mean((x @ solution - y) ** 2), rel=1e-9)
    assert "CONVERGENCE" in optimizer.message


def test_lbfgs_is_scipy_s():
    from scipy.optimize import minimize, rosen, rosen_der

    start = np.full(6, -0.5)
    wanted = minimize(
        rosen, start, jac=rosen_der, method="L-BFGS-B", options={"maxiter": 15, "gtol": 1e-7}
    )
    x = start.copy()
    optimizer = optim.LBFGS({"x": x}, max_iter=15)
    assert optimizer.step(lambda: (rosen(x), {"x": rosen_der(x)})) == wanted.fun
    np.testing.assert_array_equal(x, wanted.x)
