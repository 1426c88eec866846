"""Functional API: several inputs and outputs, named losses, shared layers, the nodes of the graph."""

import keras
from common import data, fill, labels, show
from keras import layers

title = keras.Input((6,), name="title")
body = keras.Input((6,), name="body")
shared = layers.Dense(4, activation="relu", name="shared")
x = layers.concatenate([shared(title), shared(body)])
priority = layers.Dense(1, activation="sigmoid", name="priority")(x)
department = layers.Dense(3, activation="softmax", name="department")(x)
model = keras.Model([title, body], {"priority": priority, "department": department}, name="tickets")
fill(model)
show("names", [layer.name for layer in model.layers if "concat" not in layer.name])
show("inputs", model.inputs)
show("output", model.output)
show("named", [x.name for x in model.inputs])
model.compile(
    optimizer=keras.optimizers.SGD(0.1),
    loss={"priority": "binary_crossentropy", "department": "sparse_categorical_crossentropy"},
    loss_weights={"priority": 1.0, "department": 0.2},
    metrics={"department": ["accuracy"]},
)
inputs = {"title": data(12, 6), "body": data(12, 6, seed=3)}
targets = {"priority": (data(12, 1, seed=4) > 0).astype("float32"), "department": labels(12, 3)}
history = model.fit(inputs, targets, batch_size=4, epochs=2, shuffle=False, verbose=0)
show("history", history.history)
show("evaluate", model.evaluate(inputs, targets, batch_size=4, verbose=0, return_dict=True))
show("predict", model.predict(inputs, verbose=0))
again = keras.Model.from_config(model.get_config())
show("config", [layer["class_name"] for layer in model.get_config()["layers"]])
again.set_weights(model.get_weights())
show("again", again([inputs["title"][:2], inputs["body"][:2]]))
sub = keras.Model(model.input, x)
show("features", sub.predict(inputs, verbose=0)[:2])
