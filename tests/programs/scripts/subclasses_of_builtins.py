"""Classes of one's own below built-in ones: what their configs hold, what they hand on, and what they override."""

import functools
import inspect
import warnings

import keras
import numpy as np
from common import show

warnings.simplefilter("ignore")

GIVEN = {
    "units": 2, "filters": 2, "kernel_size": 1, "num_heads": 2, "key_dim": 2, "head_dim": 2, "num_query_heads": 2,
    "num_key_value_heads": 1, "input_dim": 5, "output_dim": 4, "output_shape": (4,), "rate": 0.1, "stddev": 0.1,
    "target_shape": (-1,), "dims": (2, 1), "n": 2, "axes": -1, "equation": "ab,bc->ac", "function": abs,
    "num_bins": 3, "num_tokens": 5, "height": 4, "width": 4, "factor": 0.2, "height_factor": 0.1, "sequence_length": 4,
    "width_factor": 0.1, "cell": keras.layers.GRUCell(2), "cells": [keras.layers.GRUCell(2)], "scale": 2.0,
    "layer": keras.layers.LSTM(2, return_sequences=True), "num_classes": 3, "target_class_ids": [0], "fn": abs,
    "recall": 0.5, "precision": 0.5, "sensitivity": 0.5, "specificity": 0.5, "normalizer": None, "value": 0.5,
    "initial_learning_rate": 0.1, "first_decay_steps": 3, "decay_steps": 3, "decay_rate": 0.5, "boundaries": [2],
    "values": [0.1, 0.2], "pool_size": 2, "output_size": 2, "max_number": 3,
    "inner_optimizer": keras.optimizers.SGD(), "layers": [], "mask_value": 0.0, "bin_boundaries": [0.5], "dtype": None,
    "activation": "relu", "max_value": 1.0, "kernel_initializer": "ones", "value_range": (0, 255), "size": 2,
}  # fmt: skip
LEFT_OUT = {
    # what Keras forgets in configs, as `alpha` of ELU; a class whose constructor says less on TensorFlow
    "ELU", "Huber", "CosineSimilarity", "SparseCategoricalCrossentropy", "SparseTopKCategoricalAccuracy", "Optimizer",
    # what cannot be made of the table
    "LearningRateSchedule", "CategoryEncoding", "Discretization", "InputLayer", "Lambda", "RandomPosterization",
    "MeanMetricWrapper",
    # of a later Keras
    "GroupedQueryAttention", "Mosaic", "TernaryDense", "SparseCategoricalFocalCrossentropy",
}  # fmt: skip
SPACES = ("layers", "losses", "metrics", "optimizers", "optimizers.schedules", "initializers", "regularizers")


def made(cls):
    """An instance of a class of one's own below `cls`, or None where what it needs is not in the table."""
    needed = list(inspect.signature(cls.__init__).parameters.values())[1:]
    needed = [p.name for p in needed if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if any(name not in GIVEN for name in needed):
        return None

    class Own(cls):
        def __init__(self, *args, extra=1, **kwargs):
            super().__init__(*args, **kwargs)
            self.extra = extra

        def get_config(self):
            return {**super().get_config(), "extra": self.extra}

    return Own(**{name: GIVEN[name] for name in needed}, extra=3)


for space in SPACES:
    found = functools.reduce(getattr, space.split("."), keras)
    for name in sorted(n for n in dir(found) if inspect.isclass(getattr(found, n)) and n not in LEFT_OUT):
        own = made(getattr(found, name))
        if own is None:
            show(f"{space}.{name}", "needs more")
            continue
        try:
            config = own.get_config()
        except NotImplementedError:
            show(f"{space}.{name}", "has to be given a config")
            continue
        show(f"{space}.{name}", sorted(config))
        again = type(own).from_config(dict(config))
        show(f"{space}.{name} again", [again.extra, again.get_config().keys() == config.keys()])


# `build` of a model whose `call` takes more than that shape, and of layers that take whatever they are given
class Joined(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def call(self, x, other):
        return self.dense(x) + other


class Owned(Joined):
    def build(self, input_shape):
        super().build(input_shape)


class Whatever(keras.layers.Layer):
    def build(self, input_shape=None):
        self.scale = self.add_weight(shape=(), initializer="ones")

    def call(self, *given, **named):
        return given[0]["a"] * self.scale + sum(v["a"] for v in named.values())


x, other = np.ones((3, 4), "float32"), np.ones((3, 2), "float32")
for cls in (Joined, Owned):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = cls()
        model.build((3, 4))
    built = [model.built, model.dense.built]
    show(cls.__name__, [*built, any(w.category is UserWarning for w in told), list(model(x, other).shape)])
    show(f"{cls.__name__} called", [list(cls()(x, other).shape), len(model.weights)])
show("whatever", [Whatever()({"a": x}), Whatever()({"a": x}, {"b": other}), Whatever()({"a": x}, more={"a": x})])
