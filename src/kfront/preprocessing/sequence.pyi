# Written by tools/stubs.py from the table in the module of the same name.
from kfront.utils.array_utils import pad_sequences as pad_sequences

__all__ = [
    "pad_sequences",
]
