"""Tables of pandas where arrays are expected: fit, predict, dicts of columns, layers, ops, losses, metrics."""

import keras
import numpy as np
import pandas as pd
from common import show
from keras import layers, ops

table = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1, 0, 1, 0], "c": ["x", "y", "x", "z"]})
table["d"], table["e"] = pd.Categorical(["u", "v", "u", "u"]), [True, False, True, True]
table["o"] = np.array([1, 2, 3, 4], dtype=object)
numbers, a, b = table[["a", "b"]], table["a"], table["b"]


def net(inputs=2):
    """A compiled model with known weights."""
    model = keras.Sequential([keras.Input((inputs,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def fit(*args, inputs=2, **options):
    """What `fit` tells of a new model."""
    return net(inputs).fit(*args, verbose=0, shuffle=False, **options).history


show("fit", fit(numbers, b))
show("weights", fit(numbers, b, sample_weight=a))
show("validation", fit(numbers, b, validation_data=(numbers, b)))
show("split", fit(numbers, b, validation_split=0.5))
show("targets", fit(numbers, table[["b"]]))
show("mixed", fit(table[["a", "b", "e"]], b, inputs=3))
show("classes", fit(numbers, b, class_weight={0: 1.0, 1: 2.0}))
show("evaluate", net().evaluate(numbers, b, verbose=0))
show("predict", net().predict(numbers, verbose=0))
show("one column", net(1).predict(a, verbose=0))
show("call", net()(numbers))
x, y = keras.Input((1,), name="a"), keras.Input((1,), name="b")
both = keras.Model({"a": x, "b": y}, layers.Concatenate()([x, y]))
show("columns", both.predict({"a": a, "b": b}, verbose=0))
show("dict of a table", both.predict(dict(numbers), verbose=0))
show("list", keras.Model([x, y], layers.Concatenate()([x, y])).predict([a, b], verbose=0))
bins = layers.Discretization(num_bins=2)
bins.adapt(a)
show("bins", bins(a))
show("strings", layers.StringLookup(vocabulary=["x", "y"])(table["c"]))
show("categories", layers.StringLookup(vocabulary=["u", "v"])(table["d"]))
show("integers", layers.IntegerLookup(vocabulary=[1, 0])(b))
show("one hot", layers.CategoryEncoding(2, output_mode="one_hot")(b))
show("embedding", layers.Embedding(3, 2, embeddings_initializer="ones")(b))
show("tensor", [ops.convert_to_tensor(v) for v in (numbers, a, b, table["e"])])
show("ops", [ops.add(a, b), ops.mean(numbers, axis=0), ops.stack([a, b]), ops.take(a, b)])
show("metric", keras.metrics.BinaryAccuracy()(b, a / 4))
show("loss", keras.losses.MeanSquaredError()(a, b))
show("rows of classes", [keras.utils.to_categorical(v) for v in (b, table["o"], ["0", "2"])])
show("normalized", keras.utils.normalize(numbers))
show("variable", keras.Variable(np.zeros(4, "float32")).assign(a))
