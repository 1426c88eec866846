"""Members, forms of arguments and refusals that were once missing: quantized layers, structures, symbolic sizes."""

import io
import sys

import keras
import numpy as np
from common import data, fill, refused, show
from keras import layers, ops

ENGINE = keras.backend.backend()
X, Y = data(8, 4), data(8, 2, seed=5)


def known(value):
    """Whether something is there, by the form it has."""
    return None if value is None else [list(value.shape), keras.backend.standardize_dtype(value.dtype)]


# ---- quantized layers

for mode in ("int8", "int4", "float8"):
    dense = layers.Dense(6)
    dense(X)
    fill(dense)
    before = dense(X)
    dense.quantize(mode)
    show(f"{mode} dense", [dense.quantization_mode, dense.dtype_policy.name.split("_from")[0]])
    show(f"{mode} scale", known(getattr(dense, "kernel_scale", None)))
    show(f"{mode} quantizer", type(getattr(dense, "inputs_quantizer", None)).__name__)
    show(f"{mode} is near", float(np.abs(ops.convert_to_numpy(dense(X)) - ops.convert_to_numpy(before)).max()) < 0.3)
for mode in ("int8", "int4"):
    for layer, x in [
        (layers.Embedding(7, 4), np.array([[1, 2], [3, 6]])),
        (layers.EinsumDense("ab,bc->ac", 6), X),
        (layers.ReversibleEmbedding(7, 4), np.array([[1, 2], [3, 6]])),
    ]:
        layer(x)
        fill(layer)
        layer.quantize(mode)
        names = ("kernel_scale", "embeddings_scale", "inputs_quantizer", "reverse_embeddings_scale")
        found = {
            n: type(v).__name__ if n.endswith("zer") else known(v)
            for n in names
            if (v := getattr(layer, n, None)) is not None
        }
        show(f"{mode} {type(layer).__name__}", [found, layer(x)])
dense = layers.Dense(3)
dense(X)
dense.dtype_policy = "int8_from_float32"
show("a quantized policy", [dense.quantization_mode, known(dense.kernel_scale)])
for name in ("int8_from_float32", "int4/64_from_mixed_bfloat16", "float8_from_float32", "int4_from_float32"):
    policy = keras.dtype_policies.get(name)
    show(f"policy {name}", [policy.name, policy.quantization_mode, policy.compute_dtype, policy.variable_dtype])
for name, args in [("GPTQDTypePolicy", ("gptq/4/128", "float32")), ("AWQDTypePolicy", ("awq/4/64", "float32"))]:
    policy = getattr(keras.dtype_policies, name, None) or getattr(keras.src.dtype_policies.dtype_policy, name)
    policy = policy(*args)
    show(name, [policy.name, policy.mode, policy.weight_bits, policy.group_size, policy.get_config()])

# ---- structures in compile

a = keras.Input((4,), name="a")
left, right = layers.Dense(2, name="left")(a), layers.Dense(2, name="right")(a)
for outputs, losses, targets in [
    ([left, right], ["mse", "mae"], [Y, Y]),
    ({"l": left, "r": right}, {"l": "mse", "r": "mae"}, {"l": Y, "r": Y}),
    ({"l": left, "r": [left, right]}, {"l": "mse", "r": ["mae", "mse"]}, {"l": Y, "r": [Y, Y]}),
    ([left, [left, right]], ["mse", ["mae", "mse"]], [Y, [Y, Y]]),
    ({"l": [left], "r": {"x": right}}, {"l": ["mse"], "r": {"x": "mae"}}, {"l": [Y], "r": {"x": Y}}),
]:
    if ENGINE == "tensorflow" and isinstance(outputs, dict) and isinstance(outputs["l"], list):
        continue  # Keras on TensorFlow does not train it
    model = fill(keras.Model(a, outputs))
    model.compile("sgd", losses)
    history = model.fit(X, targets, shuffle=False, verbose=0).history
    show("structured losses", [round(float(history["loss"][0]), 3), len(history)])
    show("structured predictions", [v.shape for v in keras.tree.flatten(model.predict(X, verbose=0))])

# ---- adapt, and other inputs

for name, given in {
    "rows": X.tolist(),
    "array": X,
    "batches": [X[:4], X[4:]],
    "native": ops.convert_to_tensor(X),
}.items():
    layer = layers.Normalization()
    if name not in ("rows", "batches"):
        layer.adapt(given)
        show(f"adapted to {name}", [layer.mean, layer.variance, layer(X)])
show("masks of normalization", layers.Normalization().supports_masking)


class OfList(layers.Layer):
    def call(self, inputs):
        return inputs[0] + 2 * inputs[1]


class OfDict(layers.Layer):
    def call(self, inputs):
        return inputs["p"] + 2 * inputs["q"]


show("sequential of a list", keras.Sequential([OfList(), layers.ReLU()])([X, X]))
show("sequential of a dict", keras.Sequential([OfDict(), layers.ReLU()])({"p": X, "q": X}))

# ---- symbolic sizes

unknown = keras.KerasTensor((None, 3, None))
for name, call in {
    "sum": lambda x: ops.sum(x, axis=(1, 2)),
    "max": lambda x: ops.max(x, axis=(0, -1), keepdims=True),
    "reshape": lambda x: ops.reshape(x, (-1, 3)),
    "transpose": lambda x: ops.transpose(x, (2, 0, 1)),
    "concatenate": lambda x: ops.concatenate([x, x], axis=-1),
    "stack": lambda x: ops.stack([x, x]),
    "squeeze": lambda x: ops.squeeze(x[:, :1], 1),
    "expand": lambda x: ops.expand_dims(x, (0, -1)),
    "flip": lambda x: ops.flip(x, (1, 2)),
    "roll": lambda x: ops.roll(x, (1, 2), (0, 1)),
    "norm": lambda x: ops.norm(x, axis=(1, 2)),
    "logsumexp": lambda x: ops.logsumexp(x, axis=(0, 1)),
    "pad": lambda x: ops.pad(x, ((1, 1), (0, 2), (0, 0))),
    "repeat": lambda x: ops.repeat(x, 2, axis=1),
    "tile": lambda x: ops.tile(x, (1, 2, 3)),
    "top": lambda x: ops.top_k(ops.transpose(x, (0, 2, 1)), 2)[0],
    "matmul": lambda x: ops.matmul(x, ops.transpose(x, (0, 2, 1))),
    "split": lambda x: ops.split(x, 3, axis=1)[0],
    "one hot": lambda x: ops.one_hot(ops.cast(x, "int32"), 4),
    "median": lambda x: ops.median(x, axis=(1, 2)),
    "moments": lambda x: ops.moments(x, axes=(0, 1))[0],
    "moveaxis": lambda x: ops.moveaxis(x, (0, 1), (2, 0)),
    "tensordot": lambda x: ops.tensordot(x, ops.ones((3, 2)), axes=((1,), (0,))),
    "resize": lambda x: ops.image.resize(ops.expand_dims(x, -1), (4, 5)),
}.items():
    show(f"symbolic {name}", call(unknown))

# ---- refusals


def called_twice(layer):
    layer(X)
    layer(X[:, :3])


def compiled():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    return model


for name, call in {
    "axis beyond": lambda: ops.sum(np.ones((2, 3)), axis=5),
    "dense of rank 0": lambda: layers.Dense(2)(np.float32(1)),
    "units 0": lambda: layers.Dense(0),
    "units -1": lambda: layers.Dense(-1),
    "units text": lambda: layers.Dense("a"),
    "rate 2": lambda: layers.Dropout(2.0),
    "kernel 0": lambda: layers.Conv2D(2, 0),
    "groups": lambda: layers.Conv2D(3, 2, groups=2),
    "padding": lambda: layers.Conv2D(3, 2, padding="sane"),
    "activation": lambda: layers.Dense(2, activation="none such"),
    "initializer": lambda: layers.Dense(2, kernel_initializer="none such"),
    "loss": lambda: keras.losses.get("none such"),
    "metric": lambda: keras.metrics.get("none such"),
    "optimizer": lambda: keras.optimizers.get("none such"),
    "concatenate": lambda: layers.Concatenate()([np.ones((2, 3)), np.ones((3, 3))]),
    "add": lambda: layers.Add()([np.ones((2, 3)), np.ones((2, 4))]),
    "one input": lambda: layers.Add()(np.ones((2, 3))),
    "wrong size": lambda: called_twice(layers.Dense(2)),
    "reshape": lambda: layers.Reshape((5,))(np.ones((2, 3))),
    "permute": lambda: layers.Permute((1, 3)),
    "no model": lambda: keras.Model(1, 2),
    "disconnected": lambda: keras.Model(keras.Input((2,)), layers.Dense(1)(keras.Input((2,)))),
    "not compiled": lambda: keras.Sequential([keras.Input((4,)), layers.Dense(2)]).fit(X, Y),
    "lengths": lambda: compiled().fit(X, Y[:5], verbose=0),
    "split": lambda: compiled().fit(X, Y, validation_split=1.5, verbose=0),
    "frozen name": lambda: layers.Dense(2, name=3),
    "unknown option": lambda: layers.Dense(2, bogus=1),
    "embedding text": lambda: layers.Embedding(3, 2)(np.array([["a"]])),
    "lstm of rank 2": lambda: layers.LSTM(2)(np.ones((2, 3), "float32")),
    "two names": lambda: keras.Model(a, [layers.Dense(2, name="s")(a), layers.Dense(2, name="s")(a)]),
}.items():
    show(f"refuses {name}", refused(call, Exception))

# ---- the rest of the list

show("prgain", keras.metrics.AUC(curve="PRGAIN", num_thresholds=5)([0, 0, 1, 1], [0.1, 0.6, 0.4, 0.9]))


class Scaled(keras.Operation):
    def __init__(self, factor, shift=1.0, *, name=None):
        super().__init__(name=name)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)


operation = Scaled(2.0, shift=3.0, name="scaled")
show("config of an operation", operation.get_config())
show("an operation on both", [operation(X[:2]), operation(unknown)])
first = layers.Dense(3, name="first")
hidden = first(a)
inner = keras.Model(hidden, layers.Dense(2, name="last")(hidden))
show("a model from within", [[type(v).__name__ for v in inner.layers], inner.layers[0].name == "first", first.input])
show("constraints on arrays", [keras.constraints.MaxNorm(0.5)(X), keras.constraints.MinMaxNorm(0.1, 0.5)(X)])
weighted = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
weighted.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mse"])
fill(weighted)
show("weighted metrics", weighted.fit(X, Y, sample_weight=np.ones(8), shuffle=False, verbose=0).history)
two = keras.Model(a, [left, right])
two.compile("sgd", ["mse", "mse"], weighted_metrics=[["mse"], ["mae"]])
show("names of weighted metrics", sorted(two.fit(X, [Y, Y], verbose=0).history))
for args in (
    (int, float),
    ("bool", "int8"),
    ("uint8", "int8"),
    ("float16", "bfloat16"),
    ("int64", "float16"),
    ("bool", float),
):
    show("result type", keras.backend.result_type(*args))


class Custom(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(2, kernel_initializer="ones")

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None):
        return ops.mean(ops.square(y - y_pred)) * 2


custom = Custom()
custom.compile("sgd", "mse")
show(
    "own loss without the flag", [custom.fit(X, Y, shuffle=False, verbose=0).history, custom.evaluate(X, Y, verbose=0)]
)


class Endless(keras.utils.PyDataset):
    def __getitem__(self, index):
        return X[:4], Y[:4]

    @property
    def num_batches(self):
        return None


show("data without a length", len(custom.fit(Endless(), steps_per_epoch=3, epochs=2, verbose=0).history["loss"]))
show("no operations", layers.RandAugment(value_range=(0, 255), num_ops=0)(np.ones((1, 2, 2, 3), "float32") * 9))
show("no optimizer", refused(lambda: keras.optimizers.get(None), ValueError))
sgd = keras.optimizers.SGD(0.1)
v = keras.Variable(np.ones(3, "float32"))
sgd.build([v])
if ENGINE != "jax":
    sgd.update_step(ops.ones((3,)), v, sgd.learning_rate)
    show("one update", v)
functional = keras.Model(a, left)
functional.input_spec = layers.InputSpec(shape=(None, 4))
show("input spec of a model", functional.input_spec.shape)


class Subclassed(keras.Model):
    pass


made = Subclassed(inputs=a, outputs=left)
show(
    "a subclass over inputs",
    [isinstance(made, keras.models.Functional) if hasattr(keras.models, "Functional") else True],
)
both = layers.Bidirectional(layers.LSTM(2, use_cudnn=False))
show("bidirectional", [both.forward_layer.use_cudnn, both.backward_layer.use_cudnn])
q4 = data(2, 3, 4, 5)
show("attention of rank 4", [layers.Attention()([q4, q4]), layers.AdditiveAttention(use_scale=False)([q4, q4])])
show("equal policies", keras.dtype_policies.DTypePolicy("float32") == keras.dtype_policies.FloatDTypePolicy("float32"))
chosen = keras.dtype_policies.DTypePolicyMap()
chosen["one"] = keras.dtype_policies.DTypePolicy("bfloat16")
show("a map without a default", [chosen["one"].name, chosen["two"].name, len(chosen), list(chosen)])


class Logs(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        SEEN.append(logs)


SEEN = []
custom.fit(X, Y, batch_size=4, verbose=0, callbacks=[Logs()])
show("logs when a batch begins", SEEN)
show("hash of a tuple", layers.Hashing(5)(("a", "b", "c")))


class OneState(layers.Layer):
    state_size = 4

    def call(self, x, states):
        out = x + (states[0] if isinstance(states, (list, tuple)) else states)
        return out, [out] if isinstance(states, (list, tuple)) else out


show("a cell of one state", layers.RNN(OneState(), return_state=True)(data(2, 3, 4)))
show("bins of a number", layers.Discretization([0.0, 1.0])(ops.convert_to_tensor(0.5)))
config = layers.Dense(2, dtype="mixed_float16").get_config()
show("a dtype of a config", [config["dtype"]["class_name"], layers.Dense.from_config(config).compute_dtype])
show("symbolic equality", [a == a, a == left, refused(lambda: a != left, ValueError)])

stdout, sys.stdout = sys.stdout, io.StringIO()
bar = keras.utils.Progbar(3, interval=0)
for i in range(3):
    bar.update(i + 1, [("loss", 1.0)])
written, sys.stdout = sys.stdout.getvalue(), stdout
show("a bar in a file", ["3/3" in written, "loss" in written])
