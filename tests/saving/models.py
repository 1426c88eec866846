"""Models written once for `k` = kfront or keras, by the names under which files are exchanged."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


def data(shape: tuple[int, ...], kind: str = "float", seed: int = 0) -> np.ndarray:
    """The same numbers on both sides."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 9, shape).astype("int32") if kind == "int" else rng.normal(size=shape).astype("float32")


def mlp(k: Any) -> Any:
    return k.Sequential(
        [
            k.Input((6,)),
            k.layers.Dense(8, activation="relu", kernel_regularizer="l2"),
            k.layers.Dropout(0.5),
            k.layers.Dense(5, activation="gelu", kernel_initializer=k.initializers.HeNormal(seed=3), use_bias=False),
            k.layers.LayerNormalization(),
            k.layers.Activation("tanh"),
            k.layers.Dense(3, activation="softmax", name="probabilities", kernel_constraint="max_norm"),
        ],
        name="mlp",
    )


def cnn(k: Any) -> Any:
    L = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            L.Conv2D(4, 3, padding="same", activation="relu"),
            L.BatchNormalization(),
            L.MaxPooling2D(),
            L.SeparableConv2D(4, 3, padding="same"),
            L.DepthwiseConv2D(3, padding="same"),
            L.Conv2DTranspose(3, 2, strides=2),
            L.AveragePooling2D(2),
            L.GlobalAveragePooling2D(),
            L.Reshape((3, 1)),
            L.Conv1D(2, 2),
            L.Flatten(),
            L.Dense(2),
        ],
        name="cnn",
    )


def lstm(k: Any) -> Any:
    L = k.layers
    return k.Sequential(
        [
            k.Input((5,), dtype="int32"),
            L.Embedding(10, 4, mask_zero=True),
            L.LSTM(3, return_sequences=True),
            L.GRU(3),
            L.Dense(2),
        ],
        name="rnn",
    )


def transformer(k: Any) -> Any:
    L = k.layers
    x = k.Input((6, 8), name="tokens")
    a = L.MultiHeadAttention(2, 4, name="attention")(x, x, use_causal_mask=True)
    y = L.LayerNormalization()(L.Add()([x, a]))
    z = L.EinsumDense("abc,cd->abd", output_shape=(6, 8), bias_axes="d", activation="relu")(y)
    z = L.Concatenate()([z, y])
    return k.Model(x, L.Dense(3)(L.Flatten()(z)), name="transformer")


def graph(k: Any) -> Any:
    """Raw ops, shared layers, two inputs, a dict of outputs."""
    L, ops = k.layers, k.ops
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    shared = L.Dense(4, name="shared")
    a, b = shared(x), shared(y)
    c = ops.concatenate([a[:, 1:3], -b, 2.0 * a + 1.0], axis=-1)
    c = ops.where(c > 0, c, np.float32(0.1) * np.ones((10,), "float32"))
    d, e = ops.split(c, 2, axis=1)
    f = ops.relu(ops.matmul(d - e, np.ones((5, 2), "float32"))) ** 2
    g = ops.mean(ops.reshape(f, (-1, 2, 1)), axis=[1, 2], keepdims=False)
    h = ops.softmax(L.Multiply()([a, b])) / 3.0
    return k.Model({"x": x, "y": y}, {"g": g, "h": ops.expand_dims(ops.clip(h, 0.0, 1.0), 1)}, name="graph")


def nested(k: Any) -> Any:
    L = k.layers
    i = k.Input((4,), name="inner_in")
    inner = k.Model(i, L.Dense(4, activation="relu")(i), name="inner")
    seq = k.Sequential([L.Dense(4), L.Dense(4)], name="seq")
    x = k.Input((4,), name="outer_in")
    y = seq(inner(inner(x)))
    return k.Model([x], [L.Dense(1)(y), y], name="outer")


def rest(k: Any) -> Any:
    """Small layers."""
    L = k.layers
    x = k.Input((4, 3), name="x")
    y = L.Identity()(x)
    y = L.ReLU(max_value=2.0)(y)
    y = L.LeakyReLU(negative_slope=0.2)(y)
    y = L.ELU()(y)
    y = L.Softmax()(y)
    y = L.Permute((2, 1))(y) if hasattr(L, "Permute") else y
    return k.Model(x, L.GlobalMaxPooling1D()(L.Masking(0.0)(y)), name="rest")


def nested_outputs(k: Any) -> Any:
    """A model of several inputs and outputs that is called three times, and whose outputs end the graph."""
    a, b, dense = k.Input((4,), name="a"), k.Input((4,), name="b"), k.layers.Dense(4)
    inner = k.Model([a, b], [dense(a), dense(b), k.layers.Subtract()([a, b])], name="inner")
    x, y = k.Input((4,), name="x"), k.Input((4,), name="y")
    one, two, three = inner([x, y])
    four = inner([three, one])[2]
    return k.Model([x, y], [*inner([two, four]), three], name="nested_outputs")


def attributes(k: Any) -> Any:
    """A functional model that holds its layers as attributes too, and a layer that was built without a shape."""
    embedding, dense = k.layers.Embedding(9, 3), k.layers.Dense(2)
    embedding.build()
    x = k.Input((5,), dtype="int32")
    model = k.Model(x, dense(embedding(x)), name="attributes")
    model.dense, model.all = dense, [embedding, dense]
    return model


MODELS: dict[str, tuple[Any, Any]] = {
    "mlp": (mlp, [((4, 6), "float")]),
    "cnn": (cnn, [((2, 8, 8, 3), "float")]),
    "rnn": (lstm, [((3, 5), "int")]),
    "transformer": (transformer, [((2, 6, 8), "float")]),
    "graph": (graph, {"x": ((3, 4), "float"), "y": ((3, 4), "float")}),
    "nested": (nested, [((3, 4), "float")]),
    "rest": (rest, [((2, 4, 3), "float")]),
    "nested_outputs": (nested_outputs, {"x": ((3, 4), "float"), "y": ((3, 4), "float")}),
    "attributes": (attributes, [((3, 5), "int")]),
}

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": 0.9, "nesterov": True},
    "RMSprop": {"centered": True, "momentum": 0.5},
    "Adam": {"amsgrad": True, "clipnorm": 1.0},
    "AdamW": {"weight_decay": 0.01, "use_ema": True},
    "Adafactor": {},
    "Muon": {"exclude_layers": ["dense_1"]},
    "ScheduleFreeAdamW": {},
    "Adamax": {"global_clipnorm": 2.0},
    "Nadam": {},
    "Adagrad": {"clipvalue": 0.5},
    "Adadelta": {},
    "Ftrl": {"l1_regularization_strength": 0.001},
    "Lion": {"weight_decay": 0.01},
    "Lamb": {},
    "LossScaleOptimizer": {},
}
# optimizers with which Keras writes or reads no legacy file: a name stands twice, its own name is unknown to it
NOT_IN_LEGACY = ("Adafactor", "Lamb")


def _save_json(model: Any, path: str) -> None:
    with open(f"{path}.json", "w") as file:
        file.write(model.to_json())
    model.save_weights(f"{path}.weights.h5")


# how models are written besides `.keras` and `.weights.h5`
FORMS = {
    "json": lambda model, path: _save_json(model, path),
    "folder": lambda model, path: model.save(f"{path}.folder", zipped=False),
    "legacy": lambda model, path: model.save(f"{path}.h5"),
    "sharded": lambda model, path: model.save_weights(f"{path}.weights.json", max_shard_size=1e-5),
}


def load_form(k: Any, form: str, make: Any, path: str) -> Any:
    """A model from one of the forms; `make` makes one for those that hold weights alone."""
    if form == "sharded":
        model = make(k)
        model.load_weights(f"{path}.weights.json")
        return model
    if form == "json":
        with open(f"{path}.json") as file:
            model = k.models.model_from_json(file.read())
        model.load_weights(f"{path}.weights.h5")
        return model
    return k.saving.load_model(f"{path}.{'h5' if form == 'legacy' else form}")


def inputs(name: str) -> Any:
    """Input data of a model."""
    spec = MODELS[name][1]
    if isinstance(spec, dict):
        return {n: data(shape, kind, seed=i) for i, (n, (shape, kind)) in enumerate(spec.items())}
    arrays = [data(shape, kind, seed=i) for i, (shape, kind) in enumerate(spec)]
    return arrays[0] if len(arrays) == 1 else arrays


def flat(outputs: Any) -> list[np.ndarray]:
    """Outputs as a list of arrays."""
    values = [outputs[n] for n in sorted(outputs)] if isinstance(outputs, dict) else outputs
    values = values if isinstance(values, (list, tuple)) else [values]
    return [np.asarray(x.detach() if hasattr(x, "detach") else x) for x in values]


def predict(model: Any, name: str) -> list[np.ndarray]:
    """Outputs of the model for its data."""
    return flat(model(inputs(name), training=False))


def trainable(k: Any, optimizer: str) -> Any:
    """A compiled model after two steps of training."""
    k.utils.set_random_seed(1)
    model = k.Sequential([k.Input((6,)), k.layers.Dense(4, activation="relu"), k.layers.Dense(1)], name="trained")
    if optimizer == "LossScaleOptimizer":
        made = k.optimizers.LossScaleOptimizer(k.optimizers.SGD(0.01, momentum=0.5), initial_scale=8.0)
    else:
        made = getattr(k.optimizers, optimizer)(learning_rate=0.01, **OPTIMIZERS[optimizer])
    model.compile(made, loss=k.losses.Huber(delta=0.5) if hasattr(k.losses, "Huber") else "mse", metrics=["mae"])
    continue_training(model)
    return model


def continue_training(model: Any, epochs: int = 1) -> float:
    """Two steps more; the last loss."""
    x, y = data((8, 6)), data((8, 1), seed=5)
    return model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0).history["loss"][-1]


# namespaces whose classes are exchanged one by one, and arguments for those that need some
NAMESPACES = [
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
    "optimizers",
    "optimizers.schedules",
    "dtype_policies",
]
ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "losses.LossFunctionWrapper": (),
    "metrics.MeanIoU": (3,),
    "metrics.IoU": (3, [0, 2]),
    "metrics.BinaryIoU": ([0, 1], 0.4),
    "metrics.OneHotIoU": (3, [1]),
    "metrics.OneHotMeanIoU": (3,),
    "metrics.MeanRelativeError": ([1.0, 2.0],),
    "metrics.PrecisionAtRecall": (0.5,),
    "metrics.RecallAtPrecision": (0.5,),
    "metrics.SensitivityAtSpecificity": (0.5,),
    "metrics.SpecificityAtSensitivity": (0.5,),
    "optimizers.schedules.CosineDecay": (0.1, 10),
    "optimizers.schedules.CosineDecayRestarts": (0.1, 10),
    "optimizers.schedules.ExponentialDecay": (0.1, 10, 0.5),
    "optimizers.schedules.InverseTimeDecay": (0.1, 10, 0.5),
    "optimizers.schedules.PiecewiseConstantDecay": ([3, 5], [0.1, 0.05, 0.01]),
    "optimizers.schedules.PolynomialDecay": (0.1, 10),
    "dtype_policies.DTypePolicy": ("mixed_bfloat16",),
    "dtype_policies.FloatDTypePolicy": ("mixed_float16",),
    "dtype_policies.QuantizedDTypePolicy": ("int8", "float32"),
    "dtype_policies.QuantizedFloat8DTypePolicy": ("float8", "mixed_bfloat16"),
}
# bases, and what takes functions or live objects
NOT_EXCHANGED = [
    "losses.Loss",
    "metrics.Metric",
    "metrics.MeanMetricWrapper",
    "initializers.Initializer",
    "regularizers.Regularizer",
    "constraints.Constraint",
    "optimizers.Optimizer",
    "optimizers.schedules.LearningRateSchedule",
    "optimizers.LossScaleOptimizer",
    "optimizers.MultiOptimizer",
    "optimizers.OptimizerMap",
    "dtype_policies.DTypePolicyMap",
]


def objects(k: Any) -> dict[str, Any]:
    """An object of every class of the namespaces, under the name that stands in files."""
    out: dict[str, Any] = {}
    for namespace in NAMESPACES:
        module = k
        for part in namespace.split("."):
            module = getattr(module, part)
        for name in sorted(dir(module)):
            cls = getattr(module, name)
            full = f"{namespace}.{name}"
            if not isinstance(cls, type) or cls.__name__ != name or full in NOT_EXCHANGED:
                continue
            try:
                out[full] = k.saving.serialize_keras_object(cls(*ARGUMENTS.get(full, ())))
            except Exception as error:
                out[full] = f"{type(error).__name__}: {error}"
    return out


class OpCase(NamedTuple):
    """A call of an op; arrays stand for tensors."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def op_function(k: Any, name: str) -> Any:
    """A public op."""
    return getattr(k.ops if hasattr(k.ops, name) else k.ops.image, name)


def op_model(k: Any, case: OpCase) -> Any:
    """A functional model of one op call; every array becomes an input."""
    inputs: list[Any] = []

    def symbolic(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            inputs.append(k.Input(batch_shape=x.shape, dtype=x.dtype.name, name=f"in{len(inputs)}"))
            return inputs[-1]
        if isinstance(x, (list, tuple)):
            return type(x)(symbolic(v) for v in x)
        return x

    args, kwargs = symbolic(list(case.args)), {n: symbolic(v) for n, v in case.kwargs.items()}
    out = op_function(k, case.name)(*args, **kwargs)
    tensors = [x for x in k.tree.flatten(out) if isinstance(x, k.KerasTensor)]
    return k.Model(inputs, tensors, name="op")


def op_arrays(case: OpCase) -> list[np.ndarray]:
    """The arrays of a call, in the order of `op_model`'s inputs."""
    out: list[np.ndarray] = []

    def find(x: Any) -> None:
        if isinstance(x, np.ndarray):
            out.append(x)
        elif isinstance(x, (list, tuple)):
            for v in x:
                find(v)

    find(list(case.args))
    find(list(case.kwargs.values()))
    return out


def layer_cases() -> list[Any]:
    """The layers from the table of layer tests, on plain inputs."""
    import importlib.util
    import sys
    from pathlib import Path

    path = Path(__file__).parent.parent / "layers" / "layer_cases.py"
    spec = importlib.util.spec_from_file_location("layer_cases", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["layer_cases"] = module
    spec.loader.exec_module(module)
    return [(module, c) for c in module.CASES if not c.call]


LAYER_FORMS = ("keras", "h5")  # the others hold the same configs and arrays as the first


def layer_model(k: Any, module: Any, case: Any) -> Any:
    """A functional model of one layer."""
    arrays = module.input_arrays(case)
    several = isinstance(arrays, list)
    inputs = [
        k.Input(batch_shape=(None, *x.shape[1:]), dtype=x.dtype.name, name=f"in{i}")
        for i, x in enumerate(arrays if several else [arrays])
    ]
    layer = module.make(k.layers, case)
    spread = case.layer in ("MultiHeadAttention", "GroupQueryAttention")
    out = layer(*inputs) if spread else layer(inputs if several else inputs[0])
    return k.Model(inputs if several else inputs[0], out, name="one")


def layer_outputs(k: Any, model: Any, module: Any, case: Any) -> list[np.ndarray]:
    """What the model gives for the case's inputs."""
    return flat(k.tree.flatten(model(module.input_arrays(case), training=False)))
