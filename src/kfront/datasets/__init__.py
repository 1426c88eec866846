"""Small data sets that are downloaded once, checked, and kept."""

from kfront.core.lazy import lazy_namespace

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__, {}, submodules="boston_housing california_housing cifar10 cifar100 fashion_mnist imdb mnist reuters"
)
