# Written by tools/stubs.py from the table in the module of the same name.
from kfront.preprocessing import image as image, sequence as sequence

__all__ = [
    "image",
    "sequence",
]
