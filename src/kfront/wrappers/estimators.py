"""Models as estimators of scikit-learn: in pipelines, searches and cross validation.

What an estimator must do is laid down in https://scikit-learn.org/stable/developers/develop.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError, NotCompiledError, UnsupportedError
from kfront.models.cloning import clone_model
from kfront.models.model import Model

if TYPE_CHECKING:
    from sklearn.utils import Tags

try:
    import sklearn
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
    from sklearn.utils.metadata_routing import MetadataRequest
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:  # pragma: no cover
    raise UnsupportedError(
        "[kfront.wrappers] expected scikit-learn 1.6 or later, got none; `pip install 'kfront[sklearn]'`."
    ) from error


class _Estimator(BaseEstimator):
    """What the three have in common: arguments and `fit`."""

    _numeric_targets = False

    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, object] | None = None,
        fit_kwargs: dict[str, object] | None = None,
    ) -> None:
        self.model, self.warm_start = model, warm_start
        self.model_kwargs, self.fit_kwargs = model_kwargs, fit_kwargs

    def fit(self, X: Any, y: Any, **kwargs: object) -> Any:
        """Train the model.

        Args:
            X: inputs, array-like of shape (samples, features, …).
            y: targets, array-like of shape (samples,) or (samples, outputs).
            **kwargs: for the model's `fit`.

        Returns:
            The estimator.

        Raises:
            ArgumentTypeError: `model` gives no Model.
            NotCompiledError: the model is not compiled.
        """
        X, y = validate_data(self, X, y, allow_nd=True, multi_output=True, y_numeric=self._numeric_targets)
        targets = self._targets(y)
        model = self._model_for(X, targets)
        self.history_ = model.fit(X, targets, **{**(self.fit_kwargs or {}), **kwargs})
        self.model_ = model
        return self

    def _targets(self, y: np.ndarray) -> np.ndarray:
        """Targets as the model is given them, shape (samples, outputs)."""
        if y.ndim == 2 and y.shape[1] > 1:
            return y
        return column_or_1d(y, warn=True).reshape(-1, 1)

    def _model_for(self, X: np.ndarray, y: np.ndarray) -> Any:
        """The model to train: that of the last `fit`, a new one, or a copy without the weights."""
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        who, model = type(self).__name__, self.model
        given = isinstance(model, Model)
        if callable(model) and not given:
            model = model(X=X, y=y, **(self.model_kwargs or {}))
        if not isinstance(model, Model):
            raise ArgumentTypeError(f"[{who}] expected `model` to be a Model, or to return one, got {model!r}.")
        if not model.compiled:
            raise NotCompiledError(
                f"[{who}] expected a compiled model, got one without loss and optimizer; call `model.compile(...)`."
            )
        if given and not self.warm_start:
            config = model.get_compile_config() or {}
            model = clone_model(model)
            model.compile_from_config(config)
        return model

    def _outputs(self, X: Any) -> np.ndarray:
        """What the trained model gives."""
        check_is_fitted(self, "model_")
        return self.model_.predict(validate_data(self, X, reset=False, allow_nd=True), verbose=0)

    def predict(self, X: object) -> np.ndarray:
        """The model's outputs; those of a model with one output as an array of shape (samples,).

        Args:
            X: inputs, array-like of shape (samples, features, …).
        """
        out = self._outputs(X)
        return out[:, 0] if out.ndim == 2 and out.shape[1] == 1 else out

    @property
    def epoch_(self) -> int:
        """The number of epochs of the last `fit`."""
        return len(self.history_.epoch)

    def set_fit_request(self, **kwargs: object) -> Any:
        """Say which metadata `fit` asks for; for metadata routing.

        Args:
            **kwargs: name of an argument of `fit` -> True, False, None, or the name under which it is passed.

        Returns:
            The estimator.

        Raises:
            UnsupportedError: metadata routing is off.
        """
        if not sklearn.get_config()["enable_metadata_routing"]:
            raise UnsupportedError(
                f"[{type(self).__name__}] expected metadata routing to be on, got it off; call "
                "`sklearn.set_config(enable_metadata_routing=True)`."
            )
        request = getattr(self, "_metadata_request", None) or MetadataRequest(owner=self)
        for name, alias in kwargs.items():
            request.fit.add_request(param=name, alias=alias)
        self._metadata_request = request
        return self

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # initial weights and shuffles come from Python's generator
        return tags


class SKLearnClassifier(ClassifierMixin, _Estimator):
    """A model as a classifier of scikit-learn.

    The model is given one-hot targets, and is to give a number for each class.


    Args:
        model: a compiled Model, which is copied without its weights before it is trained (unless `warm_start`); or a
            function that returns one, called with `X`, `y` and what `model_kwargs` holds, by keyword.
        warm_start: whether `fit` continues with the model of the last `fit`, at first with the one that was given.
        model_kwargs: arguments for `model`, where that is a function.
        fit_kwargs: arguments for the model's `fit`, such as `epochs`; those given to `fit` itself come first.

    Attributes:
        model_: the trained Model.
        history_: the History that its `fit` returned.
        classes_: the classes, sorted.

    Example:

    >>> import kfront, numpy as np
    >>> def classifier(X, y, units=8):
    ...     layers = [kfront.Input(X.shape[1:]), kfront.layers.Dense(units, "relu")]
    ...     model = kfront.Sequential([*layers, kfront.layers.Dense(y.shape[1], "softmax")])
    ...     model.compile("adam", "categorical_crossentropy")
    ...     return model
    >>> estimator = kfront.wrappers.SKLearnClassifier(classifier, model_kwargs={"units": 4})
    >>> estimator = estimator.fit(np.eye(6), ["a", "b"] * 3, epochs=2, verbose=0)
    >>> estimator.predict(np.eye(6)).shape, estimator.classes_.tolist()
    ((6,), ['a', 'b'])
    """

    def _targets(self, y: np.ndarray) -> np.ndarray:
        check_classification_targets(y)
        self.classes_, index = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ArgumentError(
                f"[{type(self).__name__}] expected at least two classes in `y`, got the one class {self.classes_[0]!r}."
            )
        return np.eye(len(self.classes_))[index]

    def predict(self, X: object) -> np.ndarray:
        """The class for which the model gives most, for each sample.

        Args:
            X: inputs, array-like of shape (samples, features, …).
        """
        out = self._outputs(X)
        return self.classes_[out.argmax(-1)]

    def decision_function(self, X: object) -> np.ndarray:
        """The model's outputs, an array of shape (samples, classes).

        Args:
            X: inputs, array-like of shape (samples, features, …).
        """
        return self._outputs(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True  # how good it is depends on the model
        return tags


class SKLearnRegressor(RegressorMixin, _Estimator):
    """A model as a regressor of scikit-learn.

    Args:
        model: a compiled Model, which is copied without its weights before it is trained (unless `warm_start`); or a
            function that returns one, called with `X`, `y` and what `model_kwargs` holds, by keyword.
        warm_start: whether `fit` continues with the model of the last `fit`, at first with the one that was given.
        model_kwargs: arguments for `model`, where that is a function.
        fit_kwargs: arguments for the model's `fit`, such as `epochs`; those given to `fit` itself come first.

    Attributes:
        model_: the trained Model.
        history_: the History that its `fit` returned.

    Example:

    >>> import kfront, numpy as np
    >>> model = kfront.Sequential([kfront.layers.Dense(1)])
    >>> model.compile(kfront.optimizers.SGD(0.5), "mse")
    >>> X = np.linspace(-1, 1, 32).reshape(-1, 1)
    >>> estimator = kfront.wrappers.SKLearnRegressor(model, fit_kwargs={"epochs": 50, "verbose": 0})
    >>> round(estimator.fit(X, 3 * X[:, 0]).score(X, 3 * X[:, 0]), 2)
    1.0
    """

    _numeric_targets = True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):
    """A model as a transformer of scikit-learn: its outputs are what samples are transformed to.

    Args:
        model: a compiled Model, which is copied without its weights before it is trained (unless `warm_start`); or a
            function that returns one, called with `X`, `y` and what `model_kwargs` holds, by keyword.
        warm_start: whether `fit` continues with the model of the last `fit`, at first with the one that was given.
        model_kwargs: arguments for `model`, where that is a function.
        fit_kwargs: arguments for the model's `fit`, such as `epochs`; those given to `fit` itself come first.

    Attributes:
        model_: the trained Model.
        history_: the History that its `fit` returned.

    Example:

    >>> import kfront, numpy as np
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> model.compile("sgd", "mse")
    >>> estimator = kfront.wrappers.SKLearnTransformer(model, fit_kwargs={"verbose": 0})
    >>> estimator.fit_transform(np.ones((4, 3)), np.zeros((4, 2))).shape
    (4, 2)
    """

    def transform(self, X: object) -> np.ndarray:
        """The model's outputs.

        Args:
            X: inputs, array-like of shape (samples, features, …).
        """
        return self._outputs(X)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        tags.transformer_tags.preserves_dtype = []
        return tags
