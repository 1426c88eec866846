"""Models as estimators: scikit-learn's own checks, and what programs do with estimators."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import kfront
from kfront import errors, layers

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from kfront.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

X, LABELS = make_classification(60, 5, n_classes=3, n_informative=4, n_redundant=0, class_sep=2.0, random_state=0)


def network(X, y, units=8, loss="mse", activation=None):
    model = kfront.Sequential(
        [kfront.Input(X.shape[1:]), layers.Dense(units, "relu"), layers.Dense(y.shape[1], activation)]
    )
    model.compile(kfront.optimizers.Adam(0.02), loss)
    return model


def classifier(model=network, **how):
    kwargs = {"loss": "categorical_crossentropy", "activation": "softmax"} if model is network else None
    return SKLearnClassifier(model, model_kwargs=kwargs, fit_kwargs={"epochs": 15, "verbose": 0}, **how)


def regressor(**how):
    return SKLearnRegressor(network, fit_kwargs={"epochs": 2, "verbose": 0}, **how)


def transformer(**how):
    return SKLearnTransformer(network, fit_kwargs={"epochs": 2, "verbose": 0}, **how)


# ---- scikit-learn's checks ------------------------------------------------------------------------------------------

DRAWN = "initial weights are drawn anew for each fit"
RAW = "decision_function gives the model's outputs, a column for each class, as with Keras"
FAILING = {
    "SKLearnClassifier": {
        "check_classifier_data_not_an_array": DRAWN,
        "check_supervised_y_2d": DRAWN,
        "check_fit_idempotent": DRAWN,
        "check_classifiers_classes": RAW,
        "check_classifiers_train": RAW,
    },
    "SKLearnRegressor": dict.fromkeys(
        (
            "check_regressor_data_not_an_array",
            "check_supervised_y_2d",
            "check_regressors_int",
            "check_fit_idempotent",
        ),
        DRAWN,
    ),
    "SKLearnTransformer": {"check_fit_idempotent": DRAWN},
}
CHECKS = [
    (estimator, check)
    for estimator in (classifier(), regressor(), transformer())
    for estimator, check in estimator_checks_generator(estimator, legacy=True)
]


def label(value):
    return getattr(getattr(value, "func", None), "__name__", type(value).__name__)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "check"), CHECKS, ids=label)
def test_what_scikit_learn_checks(estimator, check, request):
    reason = FAILING[type(estimator).__name__].get(check.func.__name__)
    with kfront.backend_scope("torch"):
        if reason is None:
            check(clone(estimator))
            return
        kfront.utils.set_random_seed(0)
        try:
            check(clone(estimator))
        except AssertionError:
            pytest.xfail(reason)
        pytest.fail(f"it passes: take it off the list ({reason})")


# ---- what programs do -----------------------------------------------------------------------------------------------


def test_classifier(trainable_backend):
    kfront.utils.set_random_seed(0)
    names = np.array(["a", "b", "c"])[LABELS]
    estimator = classifier().fit(X, names)
    assert estimator.score(X, names) > 0.6 and set(estimator.predict(X)) <= {"a", "b", "c"}
    assert estimator.classes_.tolist() == ["a", "b", "c"] and estimator.n_features_in_ == 5
    outputs = estimator.decision_function(X)
    np.testing.assert_allclose(outputs, estimator.model_.predict(X, verbose=0))
    np.testing.assert_allclose(outputs.sum(-1), 1.0, rtol=1e-5)
    assert estimator.epoch_ == 15 == len(estimator.history_.history["loss"])
    assert estimator.fit(X, names, epochs=2).epoch_ == 2


def test_regressor():
    with kfront.backend_scope("torch"):
        y = X @ np.arange(5.0)
        estimator = regressor().fit(X, y)
        assert estimator.predict(X).shape == (60,) and np.isfinite(estimator.score(X, y))


def test_shapes_of_targets_and_inputs():
    with kfront.backend_scope("torch"):
        y = X @ np.arange(5.0)
        assert regressor().fit(X, np.stack([y, -y], 1)).predict(X).shape == (60, 2)
        with pytest.warns(DataConversionWarning):
            assert regressor().fit(X, y[:, None]).predict(X).shape == (60,)
        pictures, flat = np.ones((6, 4, 4, 1)), kfront.Sequential([layers.Flatten(), layers.Dense(2)])
        flat.compile("sgd", "mse")
        estimator = SKLearnTransformer(flat, fit_kwargs={"verbose": 0})
        assert estimator.fit(pictures, np.ones((6, 2))).transform(pictures).shape == (6, 2)


def test_transformer():
    with kfront.backend_scope("torch"):
        estimator = transformer()
        assert estimator.fit_transform(X, X[:, 0]).shape == (60, 1) and estimator.predict(X).shape == (60,)
        pipeline = make_pipeline(estimator, classifier()).fit(X, LABELS)
        assert pipeline.predict(X).shape == (60,)


def test_searches_and_pipelines():
    with kfront.backend_scope("torch"):
        kfront.utils.set_random_seed(0)
        grid = {"model_kwargs": [{"units": u, "loss": "mse"} for u in (2, 16)], "fit_kwargs": [{"verbose": 0}]}
        search = GridSearchCV(SKLearnRegressor(network), grid, cv=2).fit(X, X[:, 0])
        assert search.best_params_["model_kwargs"]["units"] in (2, 16) and search.predict(X).shape == (60,)
        pipeline = make_pipeline(StandardScaler(), classifier())
        assert cross_val_score(pipeline, X, LABELS, cv=2).mean() > 0.5


def test_models_are_copied_unless_the_start_is_warm():
    with kfront.backend_scope("torch"):
        model = network(X, np.eye(3)[LABELS], loss="categorical_crossentropy", activation="softmax")
        before = model.get_weights()
        estimator = classifier(model).fit(X, LABELS)
        assert estimator.model_ is not model and estimator.model is model
        assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))
        warm = classifier(model, warm_start=True).fit(X, LABELS)
        assert warm.model_ is model and warm.fit(X, LABELS).model_ is model
        called = classifier(warm_start=True).fit(X, LABELS)
        assert called.model_ is called.fit(X, LABELS).model_


def test_clones_and_pickles():
    with kfront.backend_scope("torch"):
        estimator = classifier().fit(X, LABELS)
        again = pickle.loads(pickle.dumps(estimator))
        np.testing.assert_allclose(again.decision_function(X), estimator.decision_function(X), rtol=1e-6)
        assert again.epoch_ == 15
        twin = clone(estimator)
        assert not hasattr(twin, "model_") and twin.get_params() == estimator.get_params()
        fixed = clone(classifier(estimator.model_))
        assert fixed.model is not estimator.model_ and fixed.fit(X, LABELS).predict(X).shape == (60,)


def test_metadata_routing():
    with pytest.raises(errors.UnsupportedError, match="metadata routing to be on"):
        regressor().set_fit_request(sample_weight=True)
    with sklearn.config_context(enable_metadata_routing=True), kfront.backend_scope("torch"):
        asking = regressor().set_fit_request(sample_weight=True)
        assert asking.get_metadata_routing().fit.requests == {"sample_weight": True}
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), asking)
        assert pipeline.fit(X, X[:, 0], sample_weight=np.ones(60)).predict(X).shape == (60,)


def test_errors():
    with kfront.backend_scope("torch"):
        with pytest.raises(NotFittedError):
            classifier().predict(X)
        with pytest.raises(errors.ArgumentTypeError, match="got 3"):
            SKLearnRegressor(3).fit(X, LABELS)
        with pytest.raises(errors.ArgumentTypeError, match="or to return one"):
            SKLearnRegressor(lambda X, y: None).fit(X, LABELS)
        with pytest.raises(errors.NotCompiledError):
            SKLearnRegressor(kfront.Sequential([layers.Dense(1)])).fit(X, LABELS)
        with pytest.raises(errors.ArgumentError, match="two classes"):
            classifier().fit(X, np.zeros(60, int))
        fitted = regressor().fit(X, LABELS)
        for wrong in (X[:, :2], X * np.nan):
            with pytest.raises(ValueError):
                fitted.predict(wrong)
