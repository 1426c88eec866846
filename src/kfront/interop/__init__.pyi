# Written by tools/stubs.py from the table in the module of the same name.
from kfront.interop.as_keras import install_as_keras as install_as_keras

__all__ = [
    "install_as_keras",
]
