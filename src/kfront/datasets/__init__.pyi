# Written by tools/stubs.py from the table in the module of the same name.
from kfront.datasets import fashion_mnist as fashion_mnist, mnist as mnist

__all__ = [
    "fashion_mnist",
    "mnist",
]
