"""Bridges to code that was not written for kfront."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(__name__, names(".as_keras", "install_as_keras"))
