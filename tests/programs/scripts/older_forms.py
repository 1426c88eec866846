"""Arguments of older programs, and structures of targets that fit a model's outputs or do not."""

import os
import tempfile
import warnings

import keras
import numpy as np
from common import data, fill, refused, show
from keras import layers, ops

warnings.simplefilter("ignore")
x = data(8, 4)
one, two = data(8, 1, seed=1), data(8, 2, seed=2)

# sizes of inputs as arguments of the first layer; what is not known yet is no attribute
model = keras.Sequential([layers.Dense(3, input_dim=4, activation="relu"), layers.Dense(1)])
show("input_dim", [model.built, model.input_shape, model.output_shape])
unbuilt = keras.Sequential([layers.Dense(1)])
names = ("input", "output", "inputs", "outputs", "input_shape", "output_shape", "nothing")
show("unbuilt", [[hasattr(unbuilt, n) for n in names], getattr(unbuilt, "input_shape", "unknown")])

# `decay` of optimizers is taken and has no effect; weight decay can be switched off for a Variable at any time
for kind in (keras.optimizers.SGD, keras.optimizers.Adam, keras.optimizers.RMSprop):
    show(kind.__name__, sorted(kind(learning_rate=0.1, decay=1e-6).get_config()))
weight = keras.Variable([1.0, 2.0])
optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.5)
optimizer.apply([ops.zeros(2)], [weight])
show("with weight decay", weight)

# a list of callbacks: the history comes before the progress bar
callbacks = keras.callbacks.CallbackList([keras.callbacks.TerminateOnNaN()], add_history=True, add_progbar=True)
show("callbacks", [type(c).__name__ for c in callbacks.callbacks])

# several outputs at the end of a Sequential, or in its middle
start = keras.Input((4,))
branches = keras.Model(start, {"p": layers.Dense(1)(start), "q": layers.Dense(2)(start)})
pair = keras.Model(start, [layers.Dense(1)(start), layers.Dense(2)(start)])
for name, parts in {"dict": [branches], "list": [pair], "joined": [pair, layers.Concatenate()]}.items():
    model = fill(keras.Sequential([keras.Input((4,)), *parts]))
    again = fill(keras.models.model_from_json(model.to_json()))
    show(name, [model(x), model.output_shape, len(model.outputs), model.predict(x, verbose=0), again(x)])

# targets by name: other names are refused, and so are too few
i = keras.Input((4,))
outputs = {"list": lambda a, b: [a, b], "dict": lambda a, b: {"a": a, "b": b}, "renamed": lambda a, b: {"p": a, "q": b}}
targets = {
    "names": {"a": one, "b": two},
    "keys": {"p": one, "q": two},
    "one": {"a": one},
    "more": {"a": one, "b": two, "c": two},
    "others": {"c": one, "d": two},
    "list": [one, two],
    "short": [one],
    "bare": one,
}
for form, make in outputs.items():
    found = {}
    for name, y in targets.items():
        model = keras.Model(i, make(layers.Dense(1, name="a")(i), layers.Dense(2, name="b")(i)))
        model.compile("sgd", "mse", run_eagerly=True)
        found[name] = refused(lambda y=y: model.fit(x, y, verbose=0), Exception)
        keras.utils.clear_session()
    show(f"targets of {form}", found)


# labels that are NaN, which a loss of one's own leaves out
def known_only(target, output):
    known = ops.logical_not(ops.isnan(target))
    return ops.sum(ops.where(known, ops.square(ops.where(known, target, 0.0) - output), 0.0))


class KnownOnly(keras.losses.Loss):
    def call(self, target, output):
        return known_only(target, output)


class OwnLoss(keras.Sequential):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return known_only(y, y_pred)


with_gaps = np.where(np.arange(8)[:, None] == 2, np.nan, one)
for name, kind, loss in (
    ("function", keras.Sequential, known_only),
    ("class", keras.Sequential, KnownOnly()),
    ("compute_loss", OwnLoss, "mse"),
):
    model = fill(kind([keras.Input((4,)), layers.Dense(1)]))
    model.compile(keras.optimizers.SGD(0.01), loss)
    show(f"NaN and a {name}", model.fit(x, with_gaps, epochs=2, shuffle=False, verbose=0).history)

# files that are not there
model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
nowhere = os.path.join(tempfile.mkdtemp(), "nowhere")
for name, call in {
    "load_weights": lambda: model.load_weights(f"{nowhere}.weights.h5"),
    "load_model": lambda: keras.models.load_model(f"{nowhere}.h5"),
    "save": lambda: model.save(f"{nowhere}/model.keras"),
    "editor": lambda: keras.saving.KerasFileEditor(f"{nowhere}.weights.h5"),
    "images": lambda: keras.utils.image_dataset_from_directory(nowhere),
    "image": lambda: keras.utils.load_img(nowhere),
}.items():
    show(f"{name} of a missing file", refused(call, FileNotFoundError))
