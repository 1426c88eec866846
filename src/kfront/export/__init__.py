"""Models for serving, in the formats of runtimes that know nothing of kfront; `Model.export` writes them."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(__name__, names(".archive", "ExportArchive"))
