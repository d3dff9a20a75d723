"""Random numbers in a training step: noticed wherever they come from, and never frozen."""

import functools
import gc
import itertools
import random
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tapead import nn, optim
from tapead.nn import _draws
from tapead.nn._living import instances

RNG = np.random.default_rng(7)
X, Y = RNG.normal(size=(16, 6)), RNG.integers(0, 4, 16)
STREAM = [np.random.default_rng(3)]  # no attribute of a net
PYTHONS = random.Random(3)
COUNT = itertools.count()
CACHE = {}


def unseeded():
    return np.random.default_rng().normal()


def rarely():
    """The same numbers in all runs that a test will see."""
    return float(np.random.default_rng().random() < 1e-12)


DRAWS = {
    "entropy": unseeded,
    "entropy-legacy": lambda: np.random.RandomState().normal(),
    "entropy-rarely": rarely,
    "entropy-python": lambda: float(random.Random().random() < 1e-12),
    "entropy-system": lambda: float(random.SystemRandom().random() < 1e-12),
    "stream": lambda: STREAM[0].normal(0.0, 1.0),
    "stream-python": lambda: PYTHONS.gauss(0.0, 1.0),
    "shared": np.random.normal,
    "shared-python": random.random,
}


class Noisy(nn.Linear):
    """Adds what a function gives to its outputs."""

    def __init__(self, draw):
        super().__init__(6, 4, rng=0, dtype=np.float64)
        self.__dict__["draw"] = draw

    def forward(self, x):
        return super().forward(x) * (1.0 + self.draw())


def stepped(make, draw, n=4):
    """The step, and its losses on one batch."""
    net = Noisy(draw)
    step = make(net, nn.cross_entropy, optim.SGD(net.parameters(), lr=0.1))
    return step, [step(X, Y) for _ in range(n)]


@pytest.mark.parametrize("name", DRAWS)
def test_draws_are_noticed(name):
    step, _ = stepped(nn.compile_step, DRAWS[name])
    assert step.stats() == {
        "recorded": 0, "replayed": 0, "eager": 4,
        "why": "forward draws random numbers; Dropout can be replayed",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["stream", "stream-python", "shared", "shared-python"])
def test_what_a_recording_drew_is_drawn_again(name, monkeypatch):
    monkeypatch.setattr(threading, "active_count", lambda: 1)  # other tests may have left threads
    losses = []
    for make in (nn.eager_step, nn.compile_step):
        STREAM[0] = np.random.default_rng(3)
        for seed in (PYTHONS.seed, random.seed, np.random.seed):
            seed(3)
        losses.append(stepped(make, DRAWS[name])[1])
    assert losses[0] == losses[1]


@pytest.mark.parametrize("name", ["shared", "shared-python"])
def test_what_shared_generators_drew_is_drawn_again_after_a_freeze(name, monkeypatch):
    gc.freeze()
    try:
        test_what_a_recording_drew_is_drawn_again(name, monkeypatch)
    finally:
        gc.unfreeze()


def test_numbers_that_are_the_same_in_each_run_are_constants():
    def draw():
        return np.random.default_rng(5).normal()

    step, losses = stepped(nn.compile_step, draw)
    assert step.stats() == {"recorded": 1, "replayed": 4, "eager": 0, "why": None}
    np.testing.assert_allclose(losses, stepped(nn.eager_step, draw)[1], rtol=1e-12)


@pytest.mark.parametrize("draw", [
    lambda: float(next(COUNT)),
    lambda: CACHE.setdefault("rng", np.random.default_rng(4)).normal(),  # made by the first run
], ids=["count", "cache"])  # fmt: skip
def test_other_changes_from_run_to_run_are_noticed(draw):
    CACHE.clear()
    step, _ = stepped(nn.compile_step, draw)
    assert step.stats()["eager"] == 4
    assert step.stats()["why"] == "forward gives other numbers when it runs again"


def test_losses_that_draw_are_noticed():
    def loss(outputs, y):
        return nn.cross_entropy(outputs * (1.0 + STREAM[0].normal()), y)

    net = Noisy(lambda: 0.0)
    step = nn.compile_step(net, loss, optim.SGD(net.parameters()))
    step(X, Y)
    assert "draws random numbers" in step.stats()["why"]


def first_step(net, loss):
    return nn.compile_step(net, loss, optim.SGD(net.parameters()))(X, Y)


@pytest.mark.parametrize("loss", [
    nn.cross_entropy, functools.partial(nn.multi_margin_loss, margin=2.0),
], ids=["loss", "partial"])  # fmt: skip
def test_code_of_tapead_alone_needs_no_search(loss, monkeypatch):
    monkeypatch.setattr(_draws, "_living", lambda: pytest.fail("the process was searched"))
    first_step(nn.MLP((6, 5, 4), dropout=0.5, rng=0, dtype=np.float64), loss)


def doubled(forward):
    return lambda *args: 2.0 * forward(*args)


def changed(net):
    net.__dict__["forward"] = doubled(net.forward)
    return net


@pytest.mark.parametrize(("net", "loss"), [
    (lambda: nn.Sequential(nn.Linear(6, 6, rng=0), Noisy(float)), nn.cross_entropy),
    (lambda: changed(nn.Linear(6, 4, rng=0)), nn.cross_entropy),
    (lambda: nn.Linear(6, 4, rng=0), doubled(nn.cross_entropy)),
], ids=["layer", "forward", "loss"])  # fmt: skip
def test_code_of_others_is_looked_at(net, loss, monkeypatch):
    searches = []
    monkeypatch.setattr(_draws, "_living", lambda: searches.append(1) or [])
    first_step(net(), loss)
    assert searches == [1]


def test_forward_that_was_put_into_a_class_is_looked_at(monkeypatch):
    monkeypatch.setattr(nn.Linear, "forward", doubled(nn.Linear.forward))
    test_code_of_others_is_looked_at(lambda: nn.Linear(6, 4, rng=0), nn.cross_entropy, monkeypatch)


def test_generators_of_other_threads_are_left_alone():
    asked, drawn = threading.Event(), threading.Event()
    rng, states = np.random.default_rng(8), []

    def other():
        asked.wait(10.0)
        rng.normal()
        states.append(rng.bit_generator.state)
        drawn.set()
        asked.clear()
        asked.wait(10.0)

    def draw():
        if not states:
            asked.set()
            drawn.wait(10.0)
        return 0.0

    thread = threading.Thread(target=other)
    thread.start()
    try:
        stepped(nn.compile_step, draw, 1)
        assert rng.bit_generator.state == states[0]
    finally:
        asked.set()
        thread.join()


def test_a_profiler_at_work_is_left_in_place():
    def profiler(frame, event, arg):
        pass

    before = sys.getprofile()
    sys.setprofile(profiler)
    try:
        stepped(nn.compile_step, unseeded)
        assert sys.getprofile() is profiler
    finally:
        sys.setprofile(before)


def test_draws_of_other_threads_are_not_the_net_s():
    """An event loop draws from the shared generator all the time, here a hundred times a second."""
    done = threading.Event()

    def other():
        while not done.wait(0.01):
            random.random()

    thread = threading.Thread(target=other)
    thread.start()
    try:
        step, _ = stepped(nn.compile_step, lambda: 0.0)
        assert step.stats()["why"] is None
        step, _ = stepped(nn.compile_step, lambda: 0.0 * next(map(random.gauss, [0.0], [1.0])))
        assert step.stats()["why"] == "forward draws random numbers; Dropout can be replayed"
    finally:
        done.set()
        thread.join()


def test_search_for_generators_leaves_the_tuples_of_other_threads_alone():
    mine, going = [np.random.PCG64(1), random.Random(1)], [True]

    def build():
        while going[0]:
            assert len(tuple(str(i) for i in range(200))) == 200
        return True

    with ThreadPoolExecutor(3) as pool:
        built = [pool.submit(build) for _ in range(3)]
        for _ in range(6):
            found = _draws._living()
            assert all(any(one is x for x in found) for one in mine)
        going[0] = False
        assert all(future.result() for future in built)


def test_instances_are_those_of_the_classes_and_of_none_derived():
    class Base:
        pass

    class Derived(Base):
        pass

    one, two, other = Base(), Base(), Derived()
    assert {id(x) for x in instances({Base})} == {id(one), id(two)}
    assert {id(x) for x in instances([Derived, Base])} == {id(one), id(two), id(other)}
    assert instances([]) == []
