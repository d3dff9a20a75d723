"""Estimators: perceptrons as scikit-learn has them; imported with scikit-learn when asked for."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

import tapead
from tapead import optim
from tapead.nn._fit import fit, predict
from tapead.nn._layers import MLP
from tapead.nn._losses import cross_entropy, mse_loss

FLOATS = (np.float64, np.float32)


class _Perceptron(BaseEstimator):
    """What classifier and regressor share."""

    def __init__(
        self, hidden_layer_sizes=(100,), activation="relu", alpha=1e-4, batch_size="auto",
        learning_rate_init=1e-3, max_iter=200, shuffle=True, random_state=None, tol=1e-4,
        verbose=False, early_stopping=False, validation_fraction=0.1, n_iter_no_change=10,
    ):  # fmt: skip
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change

    def _trained(self, X, y, n_outputs, loss):
        """Train a new net, and keep what is to be told of it."""
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        hidden = tuple(np.atleast_1d(self.hidden_layer_sizes).tolist())
        batch = min(200, len(X)) if self.batch_size == "auto" else min(self.batch_size, len(X))
        sizes = (X.shape[1], *hidden, n_outputs)
        self.net_ = MLP(sizes, activation=self.activation, rng=seed, dtype=X.dtype)
        self.history_ = fit(
            self.net_, (X, y), loss=loss, epochs=self.max_iter, batch_size=batch, seed=seed,
            optimizer=optim.Adam(self.net_.parameters(), lr=self.learning_rate_init),
            l2=self.alpha / batch, shuffle=self.shuffle, progress=bool(self.verbose),
            validation=float(self.validation_fraction) if self.early_stopping else None,
            early_stopping=self.n_iter_no_change, min_delta=self.tol,
        )  # fmt: skip
        self.n_iter_, self.loss_curve_ = len(self.history_), self.history_["loss"]
        self.loss_ = self.loss_curve_[-1]
        if self.n_iter_ == self.max_iter:
            warnings.warn(
                f"the loss still gets smaller after {self.max_iter} epochs; raise max_iter",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _outputs(self, X):
        check_is_fitted(self, "net_")
        X = validate_data(self, X, dtype=FLOATS, reset=False)
        return predict(self.net_, X)


class MLPClassifier(ClassifierMixin, _Perceptron):
    """Multilayer perceptron for classes, as scikit-learn's of the same name.

    Trained by `Adam` on the softmax cross-entropy.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default (100,)
        Units in each hidden layer.
    activation : str, default "relu"
        Of the hidden layers; see `MLP`.
    alpha : float, default 1e-4
        Weight of half the squared weights, over the rows of a batch.
    batch_size : int or "auto", default "auto"
        Rows per step; "auto" is 200 at most.
    learning_rate_init : float, default 1e-3
        Learning rate.
    max_iter : int, default 200
        Largest number of epochs.
    shuffle : bool, default True
        Whether each epoch has an order of its own.
    random_state : int or RandomState, optional
        Of the initial weights and of the orders.
    tol : float, default 1e-4
        By how much a loss has to be smaller to count.
    verbose : bool, default False
        Whether to show progress.
    early_stopping : bool, default False
        Whether rows are set aside, and their loss is watched in the place of that of training.
    validation_fraction : float, default 0.1
        Share of rows that are set aside.
    n_iter_no_change : int, default 10
        Epochs without a smaller loss after which training ends.

    Attributes
    ----------
    classes_ : ndarray
        The classes, sorted.
    net_ : MLP
        What was trained, of the dtype of the data.
    history_ : History
        What was measured.

    Raises
    ------
    ValueError
        If there is only one class, or data are not as scikit-learn wants them.

    See Also
    --------
    fit : More freedom.

    Examples
    --------
    >>> from tapead import nn
    >>> X, y, *_ = nn.load_dataset("digits")
    >>> model = nn.MLPClassifier((32,), batch_size=50, n_iter_no_change=3, tol=0.01, random_state=0)
    >>> model.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.9
    True
    """

    def fit(self, X, y):
        """Train.

        Parameters
        ----------
        X : array_like
            Of shape (rows, features).
        y : array_like
            Of shape (rows,): a class per row.

        Returns
        -------
        MLPClassifier
            This one.
        """
        X, y = validate_data(self, X, y, dtype=FLOATS)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("MLPClassifier needs two or more classes; got 1 class")
        return self._trained(X, labels, len(self.classes_), cross_entropy)

    def predict_proba(self, X):
        """Probability of each class.

        Parameters
        ----------
        X : array_like
            Of shape (rows, features).

        Returns
        -------
        ndarray
            Of shape (rows, classes).
        """
        return tapead.softmax(self._outputs(X), axis=1)

    def predict(self, X):
        """Most probable class.

        Parameters
        ----------
        X : array_like
            Of shape (rows, features).

        Returns
        -------
        ndarray
            Of shape (rows,).
        """
        outputs = self._outputs(X)
        return self.classes_[outputs.argmax(axis=1)]


class MLPRegressor(RegressorMixin, _Perceptron):
    """Multilayer perceptron for numbers, as scikit-learn's of the same name.

    Trained by `Adam` on half the squared error.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default (100,)
        Units in each hidden layer.
    activation : str, default "relu"
        Of the hidden layers; see `MLP`.
    alpha : float, default 1e-4
        Weight of half the squared weights, over the rows of a batch.
    batch_size : int or "auto", default "auto"
        Rows per step; "auto" is 200 at most.
    learning_rate_init : float, default 1e-3
        Learning rate.
    max_iter : int, default 200
        Largest number of epochs.
    shuffle : bool, default True
        Whether each epoch has an order of its own.
    random_state : int or RandomState, optional
        Of the initial weights and of the orders.
    tol : float, default 1e-4
        By how much a loss has to be smaller to count.
    verbose : bool, default False
        Whether to show progress.
    early_stopping : bool, default False
        Whether rows are set aside, and their loss is watched in the place of that of training.
    validation_fraction : float, default 0.1
        Share of rows that are set aside.
    n_iter_no_change : int, default 10
        Epochs without a smaller loss after which training ends.

    Attributes
    ----------
    net_ : MLP
        What was trained, of the dtype of the data.
    history_ : History
        What was measured.

    Raises
    ------
    ValueError
        If data are not as scikit-learn wants them.

    See Also
    --------
    fit : More freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from tapead import nn
    >>> X = np.linspace(-2.0, 2.0, 200).reshape(-1, 1)
    >>> model = nn.MLPRegressor(
    ...     (32,), activation="tanh", batch_size=20, learning_rate_init=0.01, random_state=0)
    >>> model.fit(X, np.sin(2.0 * X[:, 0])).score(X, np.sin(2.0 * X[:, 0])) > 0.98
    True
    """

    def fit(self, X, y):
        """Train.

        Parameters
        ----------
        X : array_like
            Of shape (rows, features).
        y : array_like
            Of shape (rows,) or (rows, outputs).

        Returns
        -------
        MLPRegressor
            This one.
        """
        X, y = validate_data(self, X, y, dtype=FLOATS, multi_output=True, y_numeric=True)
        self._is_flat = y.ndim == 1
        y = y.reshape(len(y), -1).astype(X.dtype)
        return self._trained(X, y, y.shape[1], lambda out, target: 0.5 * mse_loss(out, target))

    def predict(self, X):
        """Numbers of each row.

        Parameters
        ----------
        X : array_like
            Of shape (rows, features).

        Returns
        -------
        ndarray
            Of shape (rows,) or (rows, outputs), as the targets were.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if self._is_flat else outputs

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
