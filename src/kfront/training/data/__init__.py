"""Training data of every kind as one thing: an object that yields batches ``(x, y, sample_weight)`` per epoch."""

from kfront.training.data.adapters import make_data
from kfront.training.data.arrays import ArrayData, split_arrays
from kfront.training.data.base import Data
from kfront.training.data.datasets import IndexedData, IterableData, LoaderData, SequenceData

__all__ = [
    "ArrayData",
    "Data",
    "IndexedData",
    "IterableData",
    "LoaderData",
    "SequenceData",
    "make_data",
    "split_arrays",
]
