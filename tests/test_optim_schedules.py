"""Schedules: rates beside the formulas, and beside PyTorch's."""

import math

import numpy as np
import pytest

from tapead import optim

N_EPOCHS = 30


def optimizer_of(lr=0.4):
    return optim.SGD([np.ones(1)], lr=lr)


def sequential(module, optimizer):
    warmup = module.LinearLR(optimizer, start_factor=0.1, total_iters=4)
    cosine = module.CosineAnnealingLR(optimizer, T_max=20)
    tail = module.ExponentialLR(optimizer, gamma=0.5)
    return module.SequentialLR(optimizer, [warmup, cosine, tail], milestones=[4, 24])


MAKERS = {
    "step": lambda module, o: module.StepLR(o, step_size=4, gamma=0.3),
    "exponential": lambda module, o: module.ExponentialLR(o, gamma=0.9),
    "cosine": lambda module, o: module.CosineAnnealingLR(o, T_max=12, eta_min=0.01),
    "warm-up": lambda module, o: module.LinearLR(o, start_factor=0.2, total_iters=6),
    "sequential": sequential,
}
FORMULAS = {
    "step": lambda e: 0.4 * 0.3 ** (e // 4),
    "exponential": lambda e: 0.4 * 0.9**e,
    "cosine": lambda e: 0.01 + 0.39 * (1.0 + math.cos(math.pi * e / 12)) / 2.0,
    "warm-up": lambda e: 0.4 * min(1.0, 0.2 + 0.8 * e / 6),
    "sequential": lambda e: (
        0.4 * (0.1 + 0.9 * e / 4) if e < 4
        else 0.2 * (1.0 + math.cos(math.pi * (e - 4) / 20)) if e < 24
        else 0.4 * 0.5 ** (e - 24)
    ),
}  # fmt: skip


def rates(optimizer, schedule, rate):
    found = [rate()]
    for _ in range(N_EPOCHS):
        schedule.step()
        found.append(rate())
    return found


@pytest.mark.parametrize("name", MAKERS)
def test_schedule_is_its_formula(name):
    optimizer = optimizer_of()
    schedule = MAKERS[name](optim, optimizer)
    found = rates(optimizer, schedule, lambda: optimizer.lr)
    np.testing.assert_allclose(found, [FORMULAS[name](e) for e in range(N_EPOCHS + 1)], atol=1e-16)


@pytest.mark.filterwarnings("ignore")  # PyTorch's, of schedules without steps
@pytest.mark.parametrize("name", MAKERS)
def test_schedule_is_pytorch_s(name):
    torch = pytest.importorskip("torch")
    ours = optimizer_of()
    theirs = torch.optim.SGD([torch.ones(1)], lr=0.4)
    found = rates(ours, MAKERS[name](optim, ours), lambda: ours.lr)
    schedule = MAKERS[name](torch.optim.lr_scheduler, theirs)
    wanted = rates(theirs, schedule, lambda: theirs.param_groups[0]["lr"])
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-15)


LOSSES = [1.0, 0.9, 0.9, 0.9, 0.9, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9, 0.79999, 0.9, 0.9, 0.7]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_plateau_is_pytorch_s(mode):
    torch = pytest.importorskip("torch")
    ours, theirs = optimizer_of(), torch.optim.SGD([torch.ones(1)], lr=0.4)
    keywords = {"mode": mode, "factor": 0.5, "patience": 2, "min_lr": 0.06}
    here = optim.ReduceLROnPlateau(ours, **keywords)
    there = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **keywords)
    for loss in LOSSES if mode == "min" else [2.0 - loss for loss in LOSSES]:
        here.step(loss)
        there.step(loss)
        assert ours.lr == theirs.param_groups[0]["lr"]
    assert ours.lr < 0.4


def test_plateau_waits_and_stops_at_the_smallest_rate():
    optimizer = optimizer_of(1.0)
    schedule = optim.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, min_lr=0.2)
    seen = []
    for loss in [1.0, *[1.0] * 8]:
        schedule.step(loss)
        seen.append(optimizer.lr)
    assert seen == [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.2, 0.2, 0.2]
    with pytest.raises(ValueError, match="watches a loss"):
        schedule.step()


@pytest.mark.parametrize("name", [*MAKERS, "plateau"])
def test_schedule_goes_on_from_a_saved_state(name):
    makers = MAKERS | {"plateau": lambda m, o: m.ReduceLROnPlateau(o, patience=1)}
    whole, stopped = optimizer_of(1), optimizer_of(1)
    first, second = makers[name](optim, whole), makers[name](optim, stopped)
    for epoch, loss in enumerate(LOSSES):
        first.step(loss)
        second.step(loss)
        if epoch == 5:
            kept, rates_kept = second.state_dict(), stopped.state_dict()
            stopped = optimizer_of(1)
            second = makers[name](optim, stopped)
            second.load_state_dict(kept)
            stopped.load_state_dict(rates_kept)
        assert stopped.lr == whole.lr


@pytest.mark.parametrize(("make", "message"), [
    (lambda o: optim.StepLR(o, 0), "step_size is positive"),
    (lambda o: optim.CosineAnnealingLR(o, 0), "T_max is positive"),
    (lambda o: optim.LinearLR(o, total_iters=0), "total_iters is positive"),
    (lambda o: optim.ReduceLROnPlateau(o, mode="least"), 'mode is "min" or "max"'),
    (lambda o: optim.SequentialLR(o, [optim.ExponentialLR(o, 1.0)], [3]), "needs 0 ascending"),
])  # fmt: skip
def test_schedules_that_make_no_sense(make, message):
    with pytest.raises(ValueError, match=message):
        make(optimizer_of())


def test_a_schedule_of_one_s_own_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Schedule does not define rate"):
        optim.Schedule(optimizer_of())
