# Written by tools/stubs.py from the table in the module of the same name.
from kfront.legacy import saving as saving

__all__ = [
    "saving",
]
