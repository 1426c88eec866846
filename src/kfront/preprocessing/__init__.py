"""Image and sequence helpers under the names of `keras.preprocessing`."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace

__getattr__, __dir__, __all__ = lazy_namespace(__name__, {}, submodules=("image", "sequence"))
