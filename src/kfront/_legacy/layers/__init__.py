"""Layers that Keras has no more."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(__name__, names(".older", "RandomHeight RandomWidth ThresholdedReLU"))
