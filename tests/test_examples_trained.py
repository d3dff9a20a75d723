"""The lectures' examples that train: outcomes by seed, and plots where Matplotlib is there."""

import numpy as np
import pytest
from examples import load


def test_gradients_vanish_explode_and_are_cured():
    shown = load("vanishing_exploding").main()
    first = {name: norms[0] for name, norms in shown["norms"].items()}
    assert first.pop("sigmoid: vanishing") < 1e-10
    assert first.pop("ReLU, large weights: exploding") > 1e10
    assert len(first) == 4
    for name, norm in first.items():
        assert 1e-2 < norm < 1e2, name
    assert shown["before"] > 1e10
    assert shown["after"] == pytest.approx(1.0, rel=1e-6)


def test_every_optimiser_descends_and_mini_batches_beat_whole_ones():
    losses = load("optimisers").main()
    assert list(losses) == ["GD", "SGD", "momentum", "RMSprop", "Adagrad", "Adam", "LAMB"]
    for name, values in losses.items():
        assert np.isfinite(values).all(), name
        assert values[-1] < 0.2 * values[0], name
    last = {name: values[-1] for name, values in losses.items()}
    assert max(last, key=last.get) == "GD"


def test_small_set_is_learnt_by_heart():
    shown = load("overfitting").main()
    assert shown["trained"] == 1.0
    assert shown["fresh"] < 0.95
    assert shown["fresh_loss"][-1] > 2.0 * min(shown["fresh_loss"])
    assert shown["parameters"] > 40


def test_autoencoder_beats_principal_components():
    pytest.importorskip("sklearn")
    shown = load("autoencoder").main(epochs=20)
    assert shown["error"] < 0.9 * shown["principal"]


def test_convnet_of_the_slides_learns_digits():
    pytest.importorskip("sklearn")
    shown = load("convnet_digits").main()
    assert shown["parameters"] == 60 + 880 + 69240 + 10164 + 850
    assert shown["losses"][0] == pytest.approx(np.log(10.0), abs=0.05)
    assert shown["accuracy"] > 0.93


@pytest.mark.parametrize("name", ["relu_pulse", "vanishing_exploding"])
def test_plot_is_saved(tmp_path, name):
    pytest.importorskip("matplotlib")
    path = tmp_path / "plot.png"
    load(name).main(plot=path)
    assert path.read_bytes().startswith(b"\x89PNG")
