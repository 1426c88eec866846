"""Models as estimators of scikit-learn."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__, names(".estimators", "SKLearnClassifier SKLearnRegressor SKLearnTransformer")
)
