"""The examples for SciPy's solvers: solutions as certified, published or generated."""

import numpy as np
import pytest
from examples import load


@pytest.fixture(scope="module")
def fits():
    return load("nist_fits").main()


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("name", ["Misra1a", "MGH09", "Thurber"])
def test_fit_has_the_certified_digits(fits, name, start):
    parameters, deviations, rss = fits[f"{name}, start {start}"]
    assert parameters > 6.0
    assert deviations > 6.0
    assert rss > 9.0


def test_standard_errors_are_those_in_closed_form(capsys):
    shown = load("maximum_likelihood").main()
    for name in ("O-rings", "bearings"):
        closed, ours = shown[name]
        np.testing.assert_allclose(ours, closed, rtol=1e-9, err_msg=name)
        found, published = shown["estimates"][name]
        np.testing.assert_allclose(found, published, rtol=5e-4, err_msg=name)
    np.testing.assert_allclose(shown["O-rings"][1], [7.3786, 0.1082], rtol=1e-3)
    assert "probability of distress at 31 F: 0.9996" in capsys.readouterr().out


def test_beam_is_as_cheap_as_is_known():
    module = load("welded_beam")
    shown = module.main()
    for method in ("SLSQP", "trust-constr"):
        assert shown[method].fun == pytest.approx(module.COST, abs=1e-4)
        np.testing.assert_allclose(shown[method].x, module.BEST, rtol=2e-3)
    assert shown["loads"].max() < 1.0 + 1e-8
    assert np.sum(shown["loads"] > 0.999) == 4


def test_scene_is_adjusted_to_its_noise():
    module = load("bundle_adjustment")
    shown = module.main()
    assert shown["before"] > 5.0
    n, m = shown["x"]["tapead"].x.size, shown["x"]["tapead"].fun.size
    expected = module.NOISE * np.sqrt(1.0 - (n - 7.0) / m)  # seven numbers place and scale a scene
    assert shown["after"] == pytest.approx(expected, rel=0.15)
    assert shown["inside"]
    assert shown["share"] == pytest.approx(12.0 / n, rel=1e-6)
