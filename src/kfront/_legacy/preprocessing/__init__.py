"""Images, sequences and texts made ready with NumPy."""

from kfront.core.lazy import lazy_namespace

__getattr__, __dir__, __all__ = lazy_namespace(__name__, {}, submodules="image sequence text")
