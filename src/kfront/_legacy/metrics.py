"""Metrics under their short names."""

from kfront.core.lazy import LAZY, lazy_namespace

from . import losses

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__, {name: row for name, row in LAZY[losses.__name__].items() if name != "Reduction"}
)
