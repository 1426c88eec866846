"""Sequences of different lengths."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(__name__, names("kfront.utils.array_utils", "pad_sequences"))
