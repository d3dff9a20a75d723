"""The examples of the lectures: what each works out by hand is what tapead differentiates."""

import ast
import contextlib
import functools
import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from examples import FOLDER, load

NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "side_by_side")

# How many rows an example compares with the lecture's closed form.
CLOSED_FORMS = {
    "accumulate_delta": 6,
    "biases_and_outputs": 6,
    "credit_assignment": 8,
    "delta_recursion": 10,
    "heads": 4,
    "jacobi_chain": 8,
    "logistic_regression": 2,
    "long_loop": 2,
    "loss_gradients": 4,
    "one_neuron": 3,
    "relu_layer": 3,
    "relu_pulse": 2,
    "ridge_functions": 12,
    "several_paths": 7,
    "symbol_to_symbol": 5,
    "taylor_steps": 4,
    "two_matrices": 2,
    "weight_decay": 6,
}
TRAINED = {"autoencoder", "convnet_digits", "optimisers", "overfitting", "vanishing_exploding"}
SOLVED = {"bundle_adjustment", "maximum_likelihood", "nist_fits", "welded_beam"}
ELSEWHERE = {"many_machines"}


def test_every_example_is_tested():
    assert set(NAMES) == CLOSED_FORMS.keys() | TRAINED | SOLVED | ELSEWHERE


@functools.cache
def shown_and_printed(name):
    """What an example returns and what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        shown = load(name).main()
    return shown, printed.getvalue()


def shown_by(name):
    return shown_and_printed(name)[0]


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_closed_form_is_the_derivative(name):
    shown, printed = shown_and_printed(name)
    rows = {key: pair for key, pair in shown.items() if isinstance(pair, tuple) and key != "kink"}
    assert len(rows) == CLOSED_FORMS[name]
    for key, (by_hand, ours) in rows.items():
        assert by_hand.shape == ours.shape
        assert key in printed
        # What stands beside it is rounded in another order: a few units in the last place.
        np.testing.assert_allclose(ours, by_hand, rtol=1e-12, atol=1e-13, err_msg=key)


def test_misprint_is_no_derivative():
    assert shown_by("two_matrices")["misprint"] > 0.1


def test_one_neuron_s_error_shrinks_at_the_known_rate():
    module = load("one_neuron")
    rate = 1.0 - module.ETA * module.X @ module.X
    left = shown_by("one_neuron")["y_hat - y after 10"][1]
    assert left == pytest.approx((module.X @ module.W - module.Y) * rate**10, rel=1e-12)


def test_logistic_regression_is_solved_and_stable():
    shown = shown_by("logistic_regression")
    assert np.linalg.norm(shown["gradient"]) < 1e-5
    assert shown["accuracy"] > 0.9
    assert shown["stable"] == 1.0
    assert np.isnan(shown["textbook"])


def test_kinks_of_relu_and_maximum():
    assert shown_by("relu_layer")["kink"] == (0.0, 0.5)


def test_both_paths_write_to_the_adjoint_of_each_weight():
    assert shown_by("weight_decay")["writes"] == 4


def test_descent_along_accumulated_gradients():
    costs = shown_by("accumulate_delta")["costs"]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < 0.4


def test_deltas_fade_on_the_way_down():
    norms = shown_by("delta_recursion")["norms"]
    assert norms == sorted(norms)
    assert norms[0] < norms[-1] / 20.0


def test_every_head_learns():
    scores = shown_by("heads")["scores"]
    assert min(scores.values()) > 0.98


def test_error_of_pulses_halves_with_their_width():
    errors = list(shown_by("relu_pulse")["errors"].values())
    ratios = np.array(errors[1:]) / errors[:-1]
    np.testing.assert_allclose(ratios, 0.5, atol=0.05)


def test_long_loop_finds_its_parameter():
    assert shown_by("long_loop")["fitted"] == pytest.approx(0.9, abs=1e-10)


def test_taylor_steps_are_as_exact_as_they_say():
    shown = shown_by("taylor_steps")
    assert shown["steps"] < 60
    assert shown["errors"]["Taylor"] < 1e-12
    assert shown["errors"]["Taylor"] < min(
        error for name, error in shown["errors"].items() if name != "Taylor"
    )


def test_greeks_of_many_paths_are_near_the_closed_form():
    """Within three standard errors, of which a hundredth of the value is more than one."""
    command = [sys.executable, FOLDER / "many_machines.py"]
    run = subprocess.run(command, capture_output=True, check=True, encoding="utf-8")
    rows = [line.split()[1:] for line in run.stdout.splitlines()[-5:]]
    arithmetic, geometric, closed_form = np.array(rows, float).T
    np.testing.assert_allclose(geometric, closed_form, rtol=0.02)
    assert np.all(arithmetic > geometric)


def test_gradient_graph_is_printed():
    shown = shown_by("symbol_to_symbol")
    assert {"cos", "sin", "×"} <= set(re.findall(r"[a-z]{3}|×", shown["text"]))
    assert shown["dot"].startswith("digraph")
    assert not re.search(r"\d\.\d", shown["text"])


@pytest.mark.parametrize("name", NAMES)
def test_example_uses_public_names_only(name):
    for node in ast.walk(ast.parse((FOLDER / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("tapead"):
            assert node.module == "tapead"
            assert not [alias.name for alias in node.names if alias.name.startswith("_")]
        elif isinstance(node, ast.Attribute):
            assert not re.match("_[^_]", node.attr), node.attr


@pytest.mark.parametrize("name", NAMES)
def test_list_of_examples_names_it(name):
    assert f"[{name}]({name}.py)" in (FOLDER / "README.md").read_text(encoding="utf-8")


def test_example_runs_as_a_script(tmp_path):
    path = tmp_path / "gradient.dot"
    command = [sys.executable, FOLDER / "symbol_to_symbol.py", "--plot", path]
    env = os.environ | {"PYTHONUTF8": "1"}
    run = subprocess.run(command, capture_output=True, check=True, encoding="utf-8", env=env)
    assert "dz/dw" in run.stdout
    assert path.read_text(encoding="utf-8").startswith("digraph")
