"""Training data of every kind as one thing: an object that yields batches ``(x, y, sample_weight)`` per epoch."""

from kfront.training.data.adapters import ArrayData, Data, IterableData, SequenceData, make_data, split_arrays

__all__ = ["ArrayData", "Data", "IterableData", "SequenceData", "make_data", "split_arrays"]
