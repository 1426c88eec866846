"""Files and programs once found to differ: paths of weights, clones, own steps, callbacks, names of operations."""

import contextlib
import io
import os
import pathlib
import tempfile

import h5py
import keras
import numpy as np
from common import data, fill, refused, show
from keras import layers, ops

ENGINE = keras.backend.backend()
FOLDER = pathlib.Path(tempfile.mkdtemp())
X, Y = data(8, 4), data(8, 2, seed=5)


def stored(model):
    """The data sets in the weights of a model: path -> shape."""
    path = FOLDER / "stored.weights.h5"
    model.save_weights(path)
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, one: found.update({name: list(one.shape)} if hasattr(one, "shape") else {}))
    return dict(sorted(found.items()))


def again(model, name="again.keras", **options):
    """A model that was saved and loaded."""
    model.save(FOLDER / name)
    return keras.models.load_model(FOLDER / name, **options)


# ---- files


@keras.saving.register_keras_serializable("reported")
class Backbone(keras.Model):
    """Functional, with its layers as attributes."""

    def __init__(self, units=3, **options):
        dense, out = layers.Dense(units, name="first"), layers.Dense(2, name="second")
        inputs = keras.Input((4,))
        super().__init__(inputs, out(dense(inputs)), **options)
        self.some_dense = dense
        self.units = units
        self.last = out

    def get_config(self):
        return {"units": self.units, "name": self.name}


backbone = fill(Backbone())
show("paths of a backbone", stored(backbone))
show("a backbone loaded", again(backbone).predict(X, verbose=0))
built = layers.Embedding(5, 3)
built.build((None,))
holder = keras.Sequential([built])
show("paths of an embedding", stored(holder) if holder.built else "not built")
inner = fill(keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.Dropout(0.5), layers.Dense(2)]))
outer = keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)])
fill(outer)
show("paths of nested models", stored(outer))
show("nested models loaded", again(outer).predict(X, verbose=0))
a = keras.Input((4,), name="a")
shared = layers.Dense(4, name="shared")
h = shared(shared(a))
pair = keras.Model(a, [h, layers.Dense(2, name="end")(h)], name="pair")
b = keras.Input((4,), name="b")
p, q = pair(b)
whole = fill(keras.Model(b, [q, layers.Add()([p, b])]))
show("a nested model of two outputs", [v.shape for v in again(whole).predict(X, verbose=0)])
show("paths of it", stored(whole))
for optimizer in ("adam", "rmsprop", "adamw", "nadam", "ftrl", "lion", "adafactor", "adadelta"):
    model = fill(keras.Sequential([keras.Input((4,)), layers.Dense(2)]))
    model.compile(optimizer, "mse", metrics=["mae"])
    model.fit(X, Y, shuffle=False, verbose=0)
    loaded = again(model)
    show(
        f"{optimizer} loaded",
        [loaded.optimizer.name, len(loaded.optimizer.variables), int(loaded.optimizer.iterations)],
    )
    model.train_on_batch(X, Y), loaded.train_on_batch(X, Y)
    gap = np.abs(model.get_weights()[0] - loaded.get_weights()[0]).max()
    show("trains on", [float(gap), loaded.compiled])


@keras.saving.register_keras_serializable("reported")
class Alias(keras.Model):
    """A layer under two names."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(2)
        self.also = self.dense

    def call(self, x):
        return self.dense(x) + self.also(x)


alias = Alias()
alias(X)
fill(alias)
show("paths of an alias", stored(alias))
show("an alias loaded", again(alias)(X))
copy = keras.models.clone_model(whole)
show("a clone", [[layer.name for layer in copy.layers], getattr(copy, "compiled", None), len(copy.weights)])
show("missing folders", refused(lambda: whole.save(FOLDER / "none" / "such.keras"), Exception))
attended = layers.MultiHeadAttention(2, 3, name="attended")
x = keras.Input((4, 6))
m = keras.Input((4, 4), dtype="bool")
model = fill(keras.Model([x, m], attended(x, x, attention_mask=m)))
show("variables of attention", [[v.path for v in model.weights], stored(model)])
recurrent = keras.Sequential([keras.Input((3, 4), batch_size=2), layers.LSTM(2, stateful=True), layers.Dense(1)])
show("weights of a stateful model", [[v.path.split("/", 1)[1] for v in recurrent.weights], sorted(stored(recurrent))])
masked = keras.Sequential(
    [keras.Input((4,)), layers.Embedding(6, 3, mask_zero=True), layers.Bidirectional(layers.LSTM(2)), layers.Dense(1)]
)
fill(masked)
tokens = np.array([[1, 2, 0, 0], [3, 4, 5, 0]])
masked.compile("sgd", keras.losses.MeanSquaredError())
show("masked in a file", [again(masked).predict(tokens, verbose=0), masked.predict(tokens, verbose=0)])
masked.save(FOLDER / "masked.h5")
legacy = keras.models.load_model(FOLDER / "masked.h5")
show("masked in an older file", [legacy.predict(tokens, verbose=0), len(legacy.weights)])
normal = keras.Sequential(
    [
        keras.Input((4, 4, 6)),
        layers.BatchNormalization(),
        layers.GroupNormalization(3),
        layers.LayerNormalization(),
        layers.UnitNormalization(),
        layers.Flatten(),
        layers.Dense(2),
    ]
)
fill(normal)
normal.compile(keras.optimizers.SGD(0.01), "mse")
pictures = data(8, 4, 4, 6)
normal.fit(pictures, Y, shuffle=False, verbose=0)
loaded = again(normal)
show(
    "normalization trains on",
    [
        normal.fit(pictures, Y, shuffle=False, verbose=0).history,
        loaded.fit(pictures, Y, shuffle=False, verbose=0).history,
    ],
)
for name in (
    "elu",
    "selu",
    "softplus",
    "gelu",
    "silu",
    "mish",
    "hard_sigmoid",
    "celu",
    "glu",
    "log_softmax",
    "squareplus",
):
    show(
        f"activation {name}",
        again(keras.Sequential([keras.Input((4,)), layers.Activation(name)])).predict(X[:2], verbose=0),
    )
for layer in (layers.RandomZoom(0.2), layers.Resizing(2, 3), layers.CenterCrop(2, 2), layers.RandomRotation(0.1)):
    show(f"{layer.name.rsplit('_', 1)[0]} in inference", layer(np.ones((1, 4, 6, 1), "float32"), training=False).shape)
space = keras.utils.FeatureSpace({"age": "float_normalized", "kind": "string_categorical"}, output_mode="concat")
if ENGINE == "tensorflow":
    import tensorflow as tf

    table = tf.data.Dataset.from_tensor_slices({"age": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"]})
    space.adapt(table)
    space.save(FOLDER / "space.keras")
    loaded = keras.saving.load_model(FOLDER / "space.keras")
    show("features", loaded({"age": np.array([2.0]), "kind": np.array(["b"])}))
low = layers.Dense(4)
low(X)
low.enable_lora(2)
low.quantize("int8")
show("lora on int8", [[v.name, list(v.shape), bool(v.trainable)] for v in low.weights])

# ---- programs


class Needs(layers.Layer):
    """Fails without a mask."""

    def call(self, x, mask=None):
        assert mask is not None, "no mask"
        return x * ops.cast(mask[..., None], x.dtype)


ids = keras.Input((4,), dtype="int32")
functional = keras.Model(ids, Needs()(layers.Embedding(5, 3, mask_zero=True, embeddings_initializer="ones")(ids)))
show("a layer that needs its mask", functional.predict(np.array([[1, 0, 2, 0]]), verbose=0))


class Two(layers.Layer):
    """Gives a mask for each output."""

    def call(self, x):
        return x, x * 2

    def compute_mask(self, inputs, mask=None):
        return [ops.not_equal(inputs[..., 0], 0), ops.not_equal(inputs[..., 1], 0)]

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype), keras.KerasTensor(x.shape, x.dtype)


x = keras.Input((3, 2))
first, second = Two()(x)
functional = keras.Model(x, [Needs()(first), layers.GlobalAveragePooling1D()(second)])
show("masks of two outputs", functional.predict(np.array([[[0, 1], [1, 0], [1, 2]]], "float32"), verbose=0))


class Gan(keras.Model):
    """Has its own step and no call."""

    def __init__(self):
        super().__init__()
        self.dense = keras.Sequential([keras.Input((4,)), layers.Dense(2, kernel_initializer="ones")])
        self.seen = keras.metrics.Mean(name="seen")
        self.built = True

    @property
    def metrics(self):
        return [self.seen]

    def train_step(self, *args):
        if ENGINE == "jax":
            state, batch = args
            mean = keras.ops.mean(batch[0])
            seen, _ = self.seen.stateless_update_state(state[3], mean), None
            return {"seen": self.seen.stateless_result(seen)}, (*state[:3], seen)
        self.seen.update_state(ops.mean(args[0][0]))
        return {"seen": self.seen.result()}


gan = Gan()
gan.compile(optimizer="sgd")
show("no call", gan.fit(X, Y, batch_size=4, epochs=2, verbose=0).history)


class Own(keras.Model):
    """Keeps a loss and a flag of its own."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, kernel_initializer="ones")
        self.loss = "a loss of its own"

    def call(self, x):
        return self.dense(x)


own = Own()
show("a loss of its own", own.loss)
own.compiled = True
show("compiled by hand", own.compiled)


class Told(keras.callbacks.Callback):
    """Writes down what hooks are given."""

    def on_train_batch_begin(self, batch, logs=None):
        SEEN.append(["train", batch, logs])

    def on_test_batch_begin(self, batch, logs=None):
        SEEN.append(["test", batch, logs])

    def on_predict_batch_begin(self, batch, logs=None):
        SEEN.append(["predict", batch, logs])

    def on_predict_batch_end(self, batch, logs=None):
        SEEN.append([batch, sorted(logs), np.shape(keras.tree.flatten(logs["outputs"])[0])])

    def on_epoch_begin(self, epoch, logs=None):
        SEEN.append(["epoch", epoch, logs])

    def on_train_begin(self, logs=None):
        SEEN.append(["begin", logs])

    def on_train_end(self, logs=None):
        SEEN.append(["end", sorted(logs)])


SEEN = []
model = fill(keras.Sequential([keras.Input((4,)), layers.Dense(2)]))
model.compile("sgd", "mse", metrics=["mae"])
model.fit(X, Y, batch_size=4, epochs=2, validation_split=0.5, verbose=0, callbacks=[Told()])
model.evaluate(X, Y, batch_size=4, verbose=0, callbacks=[Told()])
model.predict(X, batch_size=4, verbose=0, callbacks=[Told()])
show("what hooks are given", SEEN)
written = io.StringIO()
with contextlib.redirect_stdout(written):
    a = keras.Input((4,), name="a")
    keras.Model(a, layers.Dense(2, name="d")(a + a * 2.0) / 3.0).summary(line_length=100)
show("a summary of operations", [word for word in ("add", "multiply", "divide") if word in written.getvalue().lower()])
if ENGINE == "torch":
    import torch

    traced = torch.jit.trace(model, torch.ones((2, 4)), check_trace=True)
    show("traced", traced(torch.ones((3, 4)) * 2))
show("a variable of Keras", isinstance(model.weights[0], keras.src.backend.common.KerasVariable))
out = model.fit(X, Y, batch_size=4, steps_per_epoch=10, epochs=1, verbose=0)
show("fewer batches than steps", len(out.history["loss"]))


class AsItIs(layers.Layer):
    """Takes its arguments as they are."""

    def __init__(self):
        super().__init__()
        self._convert_input_args = False

    def call(self, x):
        return type(x).__name__


show("as it is", AsItIs()(ops.convert_to_tensor(np.ones(2))))
for i, colour in enumerate(("dark", "light")):
    os.makedirs(FOLDER / "pictures" / colour, exist_ok=True)
    for j in range(3):
        keras.utils.save_img(FOLDER / "pictures" / colour / f"{j}.png", np.full((4, 4, 3), 100 * i + j, "uint8"))
pictures = keras.utils.image_dataset_from_directory(
    FOLDER / "pictures", image_size=(4, 4), batch_size=2, shuffle=False, verbose=False
)
show("class names", pictures.class_names)
show("batches", [[np.asarray(x).shape, np.asarray(y).tolist()] for x, y in pictures])
show("mapped", [np.asarray(x)[:, 0, 0, 0].tolist() for x, _ in pictures.map(lambda x, y: (x / 255.0, y)).take(1)])
show("steps", [np.asarray(x).shape for x in pictures.unbatch().batch(4).map(lambda x, y: x).skip(1)])
show("cached", len(list(pictures.cache().prefetch(1).repeat(2))))
show("as arrays", [type(x).__name__ for x, y in pictures.as_numpy_iterator()])
show("reduced", int(np.asarray(pictures.unbatch().map(lambda x, y: y).reduce(np.int32(0), lambda s, y: s + y))))
show("windows", [len(list(w)) for w in pictures.unbatch().map(lambda x, y: y).window(4)])
show("sharded", len(list(pictures.shard(2, 0))))
show("element spec", [list(s.shape) for s in pictures.element_spec])
