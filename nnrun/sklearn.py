"""Networks as scikit-learn's estimators: for pipelines, cross-validation and searches.

    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_iris(return_X_y=True)
    >>> bool(cross_val_score(Classifier(epochs=30, random_state=0), X, y).mean() > 0.9)
    True

Each is a `nnrun.NeuralNetwork` with the defaults that tables ask for: rectified linear units, Adam,
the gradient, and numbers brought to mean 0 and standard deviation 1. ``network_`` holds it.
Weights of samples are not offered, as no engine has them; nor is a warm start, as
``network_.learn`` goes on.
"""

from collections.abc import Callable, Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from nnrun.errors import InputError, Issue, as_typed
from nnrun.model import NeuralNetwork
from nnrun.model.arguments import is_whole
from nnrun.network.losses import LOSSES, Loss
from nnrun.problem.features import standard
from nnrun.problem.problem import Array


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What both share: their parameters, and how a network is made and taught by them."""

    network_: NeuralNetwork

    def __init__(
        self,
        hidden_layers: Any = (32,),
        learning_rate: float = 0.005,
        *,
        activation: Any = "relu",
        loss: Any = None,
        optimizer: Any = "adam",
        init: Any = "glorot",
        schedule: Any = "constant",
        batch_size: int | None = 32,
        epochs: int = 100,
        shuffle: bool = True,
        penalties: Any = None,
        clip: Any = None,
        shortcut: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        standardise: bool = True,
        random_state: Any = None,
    ) -> None:
        self.hidden_layers = hidden_layers
        self.learning_rate = learning_rate
        self.activation = activation
        self.loss = loss
        self.optimizer = optimizer
        self.init = init
        self.schedule = schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.shuffle = shuffle
        self.penalties = penalties
        self.clip = clip
        self.shortcut = shortcut
        self.bias = bias
        self.dropout = dropout
        self.standardise = standardise
        self.random_state = random_state

    def _anew(self, learn: Callable[[Any, Any], None], X: Any, y: Any) -> Self:
        """Learn; of what fails or is interrupted, nothing stays: an earlier fit goes on."""
        before = dict(vars(self))
        try:
            self._require_own()
            learn(X, y)
        except BaseException:
            self.__dict__ = before
            raise
        return self

    def _require_own(self) -> None:
        """Check the parameters that a network does not have, or has under other names."""
        issues = []
        if not is_whole(self.epochs, 1):
            rule = "must be a whole number of 1 or more"
            issues.append(Issue("epochs", as_typed(self.epochs), rule))
        for key in ("shuffle", "standardise"):
            if not isinstance(value := getattr(self, key), bool | np.bool_):
                issues.append(Issue(key, as_typed(value), "must be true or false"))
        if issues:
            raise InputError(*issues)

    def _says_probabilities(self) -> bool:
        """Say whether there are any; before it is fitted, whether there may be."""
        if (network := vars(self).get("network_")) is not None:
            return bool(network.says_probabilities)
        loss = self.loss.get("name") if isinstance(self.loss, Mapping) else self.loss
        if loss is None:
            return True
        if isinstance(loss, str) and loss in LOSSES:
            loss = LOSSES[loss]()
        return isinstance(loss, Loss) and loss.usual_output in ("sigmoid", "softmax")

    def _teach(self, X: Array, targets: Array, loss: str, output: str | None) -> None:
        """Make a network and have it learn; ``loss`` and ``output`` where none are asked for."""
        own = ("activation", "optimizer", "init", "schedule", "penalties", "clip", "shortcut")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self._shift, self._scale = self._moments(X)
        network = NeuralNetwork(
            X.shape[1],
            self.hidden_layers,
            targets.shape[1],
            self.learning_rate,
            loss=loss if self.loss is None else self.loss,
            output_activation=output,
            batch_size=self.batch_size,
            budget=len(X) * int(self.epochs),
            backprop="exact",
            bias=self.bias,
            dropout=self.dropout,
            seed=seed,
            **{key: getattr(self, key) for key in own},
        )
        rows = self._scaled(X)
        self.loss_curve_ = network.learn(rows, targets, self.epochs, shuffle=self.shuffle)
        if not all(np.isfinite(part).all() for layer in network.weights for part in layer):
            raise ValueError(f"learning diverged: learning_rate={self.learning_rate} is too large")
        self.network_, self.n_iter_ = network, int(self.epochs)

    def _moments(self, values: Array) -> tuple[Array, Array]:
        """Return what is subtracted from each column, and what divides it then, shape (column,)."""
        if not self.standardise:
            return np.zeros(values.shape[1]), np.ones(values.shape[1])
        shift, scale = standard(values)
        # a constant column becomes 0, whatever its size
        return np.where(_constant(values), values[0], shift), scale

    def _scaled(self, X: Array) -> Array:
        return np.ascontiguousarray((X - self._shift) / self._scale)

    def _rows(self, X: Any) -> Array:
        """Check rows to be predicted and return the network's inputs."""
        check_is_fitted(self)
        return self._scaled(validate_data(self, X, dtype=np.float64, reset=False))


def _constant(values: Array) -> Array:
    """Say which columns of values, shape (n, column), do not vary, shape (column,)."""
    same: Array = (values == values[0]).all(axis=0)
    return same


class Classifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A neural network that tells classes apart.

    Args:
        hidden_layers: Units of each hidden layer, input side first; () for none.
        learning_rate: Of every step, before the schedule's factor.
        activation: As `nnrun.NeuralNetwork` takes it, as are optimizer, init, schedule, penalties,
            clip, shortcut, bias and dropout. A schedule's budget is all that is learned.
        loss: Likewise; None for cross-entropy. ``predict_proba`` needs one that ends in a single
            sigmoid for two classes, or in softmax.
        batch_size: Samples of a step, at most all; None for all.
        epochs: How often the samples are visited.
        shuffle: Whether each epoch has an order of its own.
        standardise: Whether features are brought to mean 0 and standard deviation 1 first, by
            those of the samples that are learned.
        random_state: Of first weights and orders: an int, a RandomState or None.

    Attributes:
        classes_: What is told apart, sorted, shape (class,).
        network_: The network; it takes and gives numbers, its inputs standardised.
        loss_curve_: Mean loss of each epoch, shape (epoch,), in nats by default.
        n_iter_: How often the samples were visited.
        n_features_in_: Number of features; ``feature_names_in_`` has the names of a table's.

    Example:
        >>> X, y = [[0.0], [0.1], [0.9], [1.0]] * 5, ["low", "low", "high", "high"] * 5
        >>> model = Classifier((4,), random_state=0).fit(X, y)
        >>> model.predict([[0.2], [0.8]]).tolist(), model.predict_proba([[0.2]]).shape
        (['low', 'high'], (1, 2))
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn classes from the beginning.

        Args:
            X: Features, shape (n, feature): finite numbers.
            y: Classes, shape (n,): numbers or text.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If they are of other shapes or values, of a single class, or learning
                diverges.
            InputError: If a parameter is not what it must be.
        """
        return self._anew(self._learn, X, y)

    def _learn(self, X: Any, y: Any) -> None:
        X, y = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(y)
        self.classes_, places = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        n = len(self.classes_)
        if n < 2:
            raise ValueError(f"y holds one class, {self.classes_[0]!r}: it takes two to tell apart")
        targets = np.eye(n)[places]
        if n == 2:
            self._teach(X, targets[:, 1:], "binary_crossentropy", None)
        else:
            self._teach(X, targets, "categorical_crossentropy", None)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Say the class of each row of X, shape (n, feature): entries of ``classes_``, (n,)."""
        rows = self._rows(X)
        return self.classes_[self.network_.classify(rows)]

    @available_if(_Estimator._says_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """Say how likely each class is, shape (n, class) in the order of ``classes_``."""
        rows = self._rows(X)
        return self.network_.predict_proba(rows)


class Regressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A neural network that predicts quantities.

    Args:
        hidden_layers: Units of each hidden layer, input side first; () for none.
        learning_rate: Of every step, before the schedule's factor.
        activation: As `nnrun.NeuralNetwork` takes it, as are optimizer, init, schedule, penalties,
            clip, shortcut, bias and dropout. A schedule's budget is all that is learned.
        loss: Likewise; None for half the squared error.
        batch_size: Samples of a step, at most all; None for all.
        epochs: How often the samples are visited.
        shuffle: Whether each epoch has an order of its own.
        standardise: Whether features and targets are brought to mean 0 and standard deviation 1
            first, by those of the samples that are learned; predictions are in the data's unit.
        random_state: Of first weights and orders: an int, a RandomState or None.

    Attributes:
        network_: The network; it takes and gives numbers, standardised.
        loss_curve_: Mean loss of each epoch, shape (epoch,), of standardised targets.
        n_iter_: How often the samples were visited.
        n_features_in_: Number of features; ``feature_names_in_`` has the names of a table's.

    Example:
        >>> X = np.linspace(0, 1, 50)[:, None]
        >>> model = Regressor((8,), random_state=0).fit(X, 1000 * X[:, 0])
        >>> bool(abs(model.predict([[0.5]])[0] - 500) < 20)
        True
    """

    def fit(self, X: Any, y: Any) -> Self:
        """Learn quantities from the beginning.

        Args:
            X: Features, shape (n, feature): finite numbers.
            y: Quantities, shape (n,) or (n, output).

        Returns:
            The estimator itself.

        Raises:
            ValueError: If they are of other shapes or values, or learning diverges.
            InputError: If a parameter is not what it must be.
        """
        return self._anew(self._learn, X, y)

    def _learn(self, X: Any, y: Any) -> None:
        X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        targets = np.asarray(y, np.float64)
        self._flat = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self._mean, self._spread = self._moments(targets)
        self._teach(X, (targets - self._mean) / self._spread, "squared_error", "linear")
        if self.standardise:  # what never varied is predicted as it was
            self._spread = np.where(_constant(targets), 0.0, self._spread)

    def predict(self, X: Any) -> Array:
        """Predict rows of X, shape (n, feature): shape (n,) or (n, output), as y was."""
        rows = self._rows(X)
        outputs = self.network_.predict(rows) * self._spread + self._mean
        return outputs[:, 0] if self._flat else outputs

    def __sklearn_tags__(self) -> Any:
        """Say that there may be several outputs."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
