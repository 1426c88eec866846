"""Several inputs and outputs: losses and weights by name, metrics by name, missing targets, dicts and lists."""

import keras
import numpy as np
from common import data, fill, labels, show
from keras import layers

title, body = keras.Input((5,), name="title"), keras.Input((7,), name="body")
tags = keras.Input((3,), name="tags")
both = layers.concatenate([layers.Dense(4, activation="relu")(title), layers.Dense(4)(body), tags])
priority = layers.Dense(1, activation="sigmoid", name="priority")(both)
department = layers.Dense(3, name="department")(both)
model = keras.Model([title, body, tags], {"priority": priority, "department": department})
fill(model)
x = {"title": data(12, 5), "body": data(12, 7, seed=1), "tags": data(12, 3, seed=2)}
y = {"priority": labels(12, 2).astype("float32")[:, None], "department": labels(12, 3, seed=4)}
model.compile(
    keras.optimizers.SGD(0.1),
    loss={
        "priority": keras.losses.BinaryCrossentropy(),
        "department": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 1.0, "department": 0.2},
    metrics={"priority": ["accuracy", keras.metrics.AUC(name="auc")], "department": ["accuracy"]},
)
fit = {"batch_size": 3, "shuffle": False, "verbose": 0}
show("dicts", model.fit(x, y, epochs=2, validation_split=0.25, **fit).history)
show("evaluated", model.evaluate(x, y, verbose=0, return_dict=True))
show("in order", model.evaluate(x, y, verbose=0))
out = model.predict(x, verbose=0)
show("outputs", {k: v[:2] for k, v in out.items()})
weights = {"priority": np.linspace(0, 1, 12), "department": np.ones(12)}
show("weighted", model.fit(x, y, sample_weight=weights, **fit).history)

named = keras.Model([title, body, tags], [priority, department])
named.compile("sgd", loss=["mse", keras.losses.SparseCategoricalCrossentropy(from_logits=True)], loss_weights=[1, 0.5])
show("by position", named.fit(list(x.values()), list(y.values()), **fit).history)
show("batch", named.train_on_batch(list(x.values()), list(y.values()), return_dict=True))
show("batch metrics", [type(v).__name__ for v in named.test_on_batch(list(x.values()), list(y.values()))])
one = keras.Model([title, body, tags], priority)
one.compile("sgd", "mse")
show("one", [type(one.train_on_batch(x, y["priority"])).__name__])
show("shapes", [sorted(model.output_shape.items()) if isinstance(model.output_shape, dict) else model.output_shape])
