"""Estimators: scikit-learn's own checks, and its perceptrons beside them."""

import subprocess
import sys
import warnings

import numpy as np
import pytest

from tapead import nn

pytest.importorskip("sklearn")
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_estimator_passes_scikit_learn_s_checks(kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of training that has not converged, and of checks skipped
        results = check_estimator(getattr(nn, kind)(max_iter=100), on_fail=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    assert not failed
    assert sum(r["status"] == "passed" for r in results) > 40


def test_classifier_works_in_a_pipeline():
    X, y, *_ = nn.load_dataset("wine")
    model = make_pipeline(
        StandardScaler(), nn.MLPClassifier((16,), batch_size=10, max_iter=50, random_state=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert cross_val_score(model, X, y, cv=3).mean() > 0.95


def test_probabilities_are_those_of_the_predicted_class():
    X, y, _, names = nn.load_dataset("wine")
    X, labels = nn.standardize(X)[0], np.array(names)[y]
    model = nn.MLPClassifier((8,), batch_size=20, tol=0.05, random_state=1).fit(X, labels)
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    assert model.net_[0].weight.dtype == X.dtype


def test_regressor_keeps_the_shape_of_targets():
    X, y, *_ = nn.load_dataset("diabetes")
    y = nn.standardize(y)[0]
    keywords = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 0}
    with pytest.warns(ConvergenceWarning, match="after 3 epochs"):
        flat = nn.MLPRegressor(**keywords).fit(X, y[:, 0])
    with pytest.warns(ConvergenceWarning):
        two = nn.MLPRegressor(**keywords).fit(X, np.hstack([y, -y]))
    assert flat.predict(X).shape == (442,)
    assert two.predict(X).shape == (442, 2)
    assert flat.n_iter_ == len(flat.loss_curve_) == 3


def test_same_seed_gives_the_same_model():
    X, y, *_ = nn.load_dataset("wine")
    X = nn.standardize(X)[0]
    models = [
        nn.MLPClassifier((4,), n_iter_no_change=1, tol=1.0, random_state=seed).fit(X, y)
        for seed in (0, 0, 1)
    ]
    first, second, third = (model.predict_proba(X) for model in models)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)


def test_one_class_is_an_error():
    with pytest.raises(ValueError, match="two or more classes; got 1 class"):
        nn.MLPClassifier().fit(np.ones((3, 2)), [1, 1, 1])


def test_scikit_learn_is_imported_when_an_estimator_is_asked_for(tmp_path):
    code = (
        "import sys; from tapead import nn, optim; before = {'sklearn', 'scipy', 'tqdm', "
        "'matplotlib'} & set(sys.modules); nn.MLPClassifier; "
        "print(before, 'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set() True"


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    monkeypatch.delitem(sys.modules, "tapead.nn._estimators", raising=False)
    monkeypatch.delattr(nn, "MLPRegressor", raising=False)
    with pytest.raises(ImportError, match=r"MLPRegressor needs scikit-learn: pip install"):
        nn.MLPRegressor  # noqa: B018
