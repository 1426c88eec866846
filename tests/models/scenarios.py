"""Programs that run on Keras and on kfront alike; what they return is compared.

`python tests/models/scenarios.py` (with the installed Keras) writes `keras_values.json` anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SCENARIOS: dict[str, Any] = {}
TRAINS = {"metric_in_layer"}


def scenario(fn: Any) -> Any:
    SCENARIOS[fn.__name__] = fn
    return fn


def fill(model: Any) -> Any:
    """Weights that are the same everywhere."""
    model.set_weights(
        [
            np.sin(np.arange(w.size, dtype="float32") + i).reshape(w.shape) * 0.5
            for i, w in enumerate(model.get_weights())
        ]
    )
    return model


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def names(layers: Any) -> list[str]:
    return [x.name for x in layers]


def facts(model: Any) -> dict[str, Any]:
    return {
        "layers": names(model.layers),
        "paths": [w.path for w in model.weights],
        "shapes": [list(w.shape) for w in model.weights],
        "trainable": [w.path for w in model.trainable_weights],
        "count": model.count_params(),
    }


def shapes(x: Any) -> Any:
    if isinstance(x, dict):
        return {k: shapes(v) for k, v in x.items()}
    if isinstance(x, list):
        return [shapes(v) for v in x]
    return list(getattr(x, "shape", x))


@scenario
def sequential_input(K: Any) -> Any:
    m = K.Sequential([K.Input((4,)), K.layers.Dense(3, activation="relu"), K.layers.Dense(2)], name="s")
    return {**facts(m), "in": m.input_shape, "out": m.output_shape, "y": fill(m).predict(data(5, 4), verbose=0)}


@scenario
def sequential_deferred(K: Any) -> Any:
    m = K.Sequential([K.layers.Dense(3), K.layers.BatchNormalization(), K.layers.Dense(2)], name="s")
    before = [m.built, len(m.weights)]
    m(np.ones((2, 4), "float32"))
    return {
        **facts(m),
        "before": before,
        "built": m.built,
        "out": m.output_shape,
        "y": fill(m).predict(data(5, 4), verbose=0),
    }


@scenario
def sequential_build(K: Any) -> Any:
    m = K.Sequential([K.layers.Dense(3), K.layers.Dense(2)], name="s")
    m.build((None, 4))
    return {**facts(m), "in": m.input_shape, "out": m.output_shape, "inputs": [list(x.shape) for x in m.inputs]}


@scenario
def sequential_input_shape(K: Any) -> Any:
    m = K.Sequential([K.layers.Dense(3, input_shape=(4,)), K.layers.Dense(2)], name="s")
    return {**facts(m), "built": m.built, "out": m.output_shape}


@scenario
def sequential_add_pop(K: Any) -> Any:
    m = K.Sequential(name="s")
    m.add(K.Input((4,)))
    m.add(K.layers.Dense(3))
    m.add(K.layers.Dense(2))
    first = facts(m)
    m.pop()
    m.add(K.layers.Dense(5, name="last"))
    return {"first": first, **facts(m), "out": m.output_shape, "y": fill(m).predict(data(3, 4), verbose=0)}


@scenario
def sequential_names(K: Any) -> Any:
    m = K.Sequential(
        [K.Input((8, 8, 1)), K.layers.Conv2D(2, 3), K.layers.MaxPooling2D(), K.layers.Flatten(), K.layers.Dense(2)]
    )
    return {**facts(m), "name": m.name, "inputs": names(m.inputs and [m.layers[0]]), "names": names(m.layers)}


@scenario
def sequential_nested(K: Any) -> Any:
    inner = K.Sequential([K.layers.Dense(3), K.layers.Dense(3)], name="inner")
    m = K.Sequential([K.Input((4,)), inner, K.layers.Dense(2)], name="outer")
    return {**facts(m), "inner": facts(inner), "y": fill(m).predict(data(3, 4), verbose=0)}


@scenario
def functional_branches(K: Any) -> Any:
    a, b = K.Input((4,), name="a"), K.Input((3,), name="b")
    x, y = K.layers.Dense(5, name="da")(a), K.layers.Dense(5, name="db")(b)
    z = K.layers.Concatenate(name="cat")([x, y])
    m = K.Model([a, b], [K.layers.Dense(2, name="o1")(z), K.layers.Dense(1, name="o2")(x)], name="f")
    return {
        **facts(m),
        "in": m.input_shape,
        "out": m.output_shape,
        "names": m.output_names,
        "y": fill(m).predict([data(3, 4), data(3, 3)], verbose=0),
    }


@scenario
def functional_dicts(K: Any) -> Any:
    a, b = K.Input((4,), name="a"), K.Input((4,), name="b")
    s = K.layers.Add(name="s")([a, b])
    m = K.Model({"a": a, "b": b}, {"sum": s, "dense": K.layers.Dense(2, name="d")(s)}, name="f")
    x = {"a": data(3, 4), "b": data(3, 4, seed=1)}
    return {**facts(m), "out": m.output_shape, "names": m.output_names, "y": fill(m).predict(x, verbose=0)}


@scenario
def functional_nested_structures(K: Any) -> Any:
    a, b, c = K.Input((2,), name="a"), K.Input((2,), name="b"), K.Input((2,), name="c")
    m = K.Model({"p": [a, b], "q": c}, [{"u": a + b}, (b * c, c - a)], name="f")
    x = {"p": [data(3, 2), data(3, 2, seed=1)], "q": data(3, 2, seed=2)}
    y = m.predict(x, verbose=0)
    return {"kinds": [type(y).__name__, type(y[0]).__name__, type(y[1]).__name__], "y": [y[0]["u"], y[1][0], y[1][1]]}


@scenario
def functional_shared(K: Any) -> Any:
    a, b = K.Input((4,), name="a"), K.Input((4,), name="b")
    d = K.layers.Dense(3, name="shared")
    out = K.layers.Dense(1, name="out")(K.layers.Subtract(name="sub")([d(a), d(b)]))
    m = K.Model([a, b], out, name="f")
    return {
        **facts(m),
        "y": fill(m).predict([data(3, 4), data(3, 4, seed=1)], verbose=0),
        "nodes": len(d._inbound_nodes),
    }


@scenario
def functional_raw_ops(K: Any) -> Any:
    x = K.Input((4, 3), name="x")
    y = K.ops.relu(x) * 2.0 + 1.0
    z = K.ops.concatenate([y[:, 0], 1.0 - y[:, -1], y[..., 1]], axis=-1)
    w = K.ops.mean(z**2, axis=-1, keepdims=True) / 3
    v = K.ops.matmul(y, K.ops.transpose(y, (0, 2, 1)))
    m = K.Model(x, [z, w, -w, v, abs(y), y > 1.0], name="f")
    return {"out": m.output_shape, "y": [np.asarray(p, "float32") for p in m.predict(data(2, 4, 3), verbose=0)]}


@scenario
def functional_intermediate(K: Any) -> Any:
    a = K.Input((4,), name="a")
    h = K.layers.Dense(3, name="h")(a)
    o = K.layers.Dense(2, name="o")(h)
    full = fill(K.Model(a, o, name="full"))
    tail = K.Model(h, o, name="tail")
    head = K.Model(full.input, full.get_layer("h").output, name="head")
    return {
        "tail": names(tail.layers)[1:],
        "head": names(head.layers),
        "y": tail.predict(data(2, 3), verbose=0),
        "z": head.predict(data(2, 4), verbose=0),
    }


@scenario
def functional_nested_models(K: Any) -> Any:
    i = K.Input((4,), name="i")
    inner = K.Model(i, K.layers.Dense(3, name="d")(i), name="inner")
    seq = K.Sequential([K.Input((3,)), K.layers.Dense(3, name="e")], name="seq")
    x = K.Input((4,), name="x")
    m = K.Model(x, K.layers.Dense(1, name="f")(seq(inner(x)) + inner(x)), name="outer")
    return {**facts(m), "y": fill(m).predict(data(2, 4), verbose=0)}


@scenario
def functional_layer_order(K: Any) -> Any:
    x = K.Input((8,), name="x")
    a = K.layers.Dense(4, name="a")(x)
    b = K.layers.Dense(4, name="b")(a)
    c = K.layers.Dense(4, name="c")(x)
    d = K.layers.Add(name="d")([c, b])
    e = K.layers.Dense(4, name="e")(x)
    m = K.Model(x, [K.layers.Dense(1, name="g")(d), K.layers.Multiply(name="h")([e, a]), c], name="f")
    return {**facts(m), "names": m.output_names}


@scenario
def functional_skip(K: Any) -> Any:
    x = K.Input((8, 8, 3), name="x")
    y = K.layers.Conv2D(4, 3, padding="same", name="c1")(x)
    z = K.layers.BatchNormalization(name="bn")(y)
    z = K.layers.Activation("relu", name="act")(z)
    z = K.layers.Conv2D(4, 3, padding="same", name="c2")(z)
    z = K.layers.Add(name="add")([y, z])
    z = K.layers.GlobalAveragePooling2D(name="gap")(z)
    m = K.Model(x, K.layers.Dense(2, name="out")(z), name="res")
    return {**facts(m), "y": fill(m).predict(data(2, 8, 8, 3), verbose=0)}


@scenario
def functional_duplicate_input(K: Any) -> Any:
    x = K.Input((4,), name="x")
    h = K.layers.Dense(2, name="h")(x)
    m = K.Model(x, [h, h, x], name="f")
    y = fill(m).predict(data(2, 4), verbose=0)
    return {**facts(m), "names": m.output_names, "y": y}


@scenario
def functional_list_layers(K: Any) -> Any:
    x = K.Input((4,), name="x")
    m = K.Model(inputs=x, outputs=[K.layers.Dense(2, name="h")(x)], name="f")
    y = fill(m).predict(data(2, 4), verbose=0)
    return {"kind": type(y).__name__, "out": m.output_shape, "n": len(y)}


@scenario
def subclass_lists(K: Any) -> Any:
    class Net(K.Model):
        def __init__(self, n: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.blocks = []
            for i in range(n):
                self.blocks.append(K.layers.Dense(4, name=f"block{i}"))
            self.heads = {"a": K.layers.Dense(1, name="ha")}
            self.heads["b"] = K.layers.Dense(1, name="hb")

        def call(self, x: Any) -> Any:
            for b in self.blocks:
                x = b(x)
            return {k: h(x) for k, h in self.heads.items()}

    m = Net(n=3, name="net")
    before = m.built
    y = m.predict(data(2, 4), verbose=0)
    return {**facts(m), "before": before, "built": m.built, "keys": sorted(y)}


@scenario
def subclass_build(K: Any) -> Any:
    class Net(K.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.d = K.layers.Dense(3, name="d")

        def build(self, input_shape: Any) -> None:
            self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")
            self.d.build(input_shape)
            self.built = True

        def call(self, x: Any) -> Any:
            return self.d(x * self.scale)

    m = Net()
    m.build((None, 4))
    return {**facts(m), "y": fill(m).predict(data(2, 4), verbose=0)}


@scenario
def subclass_functional(K: Any) -> Any:
    class Net(K.Model):
        def __init__(self, units: int, **kwargs: Any) -> None:
            x = K.Input((4,), name="x")
            super().__init__(inputs=x, outputs=K.layers.Dense(units, name="d")(x), **kwargs)
            self.units = units

        def double(self, x: Any) -> Any:
            return self(x) * 2

    m = fill(Net(3, name="net"))
    return {
        **facts(m),
        "out": m.output_shape,
        "y": m.predict(data(2, 4), verbose=0),
        "z": K.ops.convert_to_numpy(m.double(data(2, 4))),
    }


@scenario
def subclass_of_models(K: Any) -> Any:
    class Net(K.Model):
        def __init__(self) -> None:
            super().__init__(name="n")
            x = K.Input((4,), name="x")
            self.s = K.Sequential([K.layers.Dense(2)], name="s")
            self.d = K.layers.Dense(2)
            self.f = K.Model(x, K.layers.Dense(2, name="h")(x), name="f")
            self.t = K.Sequential([K.Input((4,)), K.layers.Dense(2)], name="t")

        def call(self, x: Any) -> Any:
            return self.s(x) + self.f(x) * self.t(x) - self.d(x)

    m = Net()
    m(data(2, 4))
    return {**facts(m), "y": fill(m).predict(data(2, 4), verbose=0)}


@scenario
def subclass_training_flag(K: Any) -> Any:
    class Net(K.Model):
        def __init__(self) -> None:
            super().__init__(name="net")
            self.bn = K.layers.BatchNormalization(name="bn")
            self.drop = K.layers.Dropout(0.5, name="drop")

        def call(self, x: Any, training: bool = False) -> Any:
            return self.drop(self.bn(x, training=training), training=training) + (1.0 if training else 0.0)

    m = Net()
    y = m(data(4, 3))
    m(data(4, 3), training=True)
    return {
        **facts(m),
        "y": K.ops.convert_to_numpy(y),
        "mean": m.bn.get_weights()[2],
        "z": m.predict(data(4, 3), verbose=0),
    }


@scenario
def layer_paths(K: Any) -> Any:
    class Block(K.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.a = K.layers.Dense(4, name="a")
            self.b = K.layers.Dense(4)

        def build(self, shape: Any) -> None:
            self.w = self.add_weight(shape=(4,), name="w")
            self.plain = self.add_weight(shape=())
            self.a.build(shape)

        def call(self, x: Any) -> Any:
            return self.b(self.a(x)) * self.w

    m = K.Sequential([K.Input((4,)), Block(name="blk"), Block()], name="m")
    return [{"path": v.path, "name": v.name, "dtype": str(v.dtype)} for v in m.variables]


@scenario
def freezing(K: Any) -> Any:
    m = K.Sequential(
        [
            K.Input((4,)),
            K.layers.Dense(3, name="a"),
            K.layers.BatchNormalization(name="b"),
            K.layers.Dense(2, name="c"),
        ],
        name="m",
    )
    out = [[w.path for w in m.trainable_weights]]
    m.layers[0].trainable = False
    out.append([w.path for w in m.trainable_weights])
    out.append([w.path for w in m.non_trainable_weights])
    m.trainable = False
    out.append([w.path for w in m.trainable_weights])
    out.append([w.path for w in m.non_trainable_weights])
    m.trainable = True
    out.append([w.path for w in m.trainable_weights])
    out.append([[v.trainable for v in x.weights] for x in m.layers])
    m.layers[2].kernel.trainable = False
    out.append([w.path for w in m.trainable_weights])
    return out


@scenario
def freezing_before_build(K: Any) -> Any:
    d = K.layers.Dense(2, name="d", trainable=False)
    m = K.Sequential([K.Input((3,)), d], name="m")
    out = [[w.path for w in m.trainable_weights]]
    d.trainable = True
    out.append([w.path for w in m.trainable_weights])
    return out


@scenario
def variables_of_layers(K: Any) -> Any:
    m = K.Sequential(
        [
            K.Input((6, 4)),
            K.layers.Dropout(0.5, name="p"),
            K.layers.LSTM(3, name="l", dropout=0.1),
            K.layers.BatchNormalization(name="b"),
        ],
        name="m",
    )
    return {
        "variables": [v.path for v in m.variables],
        "weights": [v.path for v in m.weights],
        "trainable": [v.path for v in m.trainable_variables],
        "non": [v.path for v in m.non_trainable_variables],
        "non_weights": [v.path for v in m.non_trainable_weights],
    }


@scenario
def losses_of_layers(K: Any) -> Any:
    class Pen(K.layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(K.ops.mean(x) * 0.5)
            return x

    m = K.Sequential(
        [
            K.Input((4,)),
            K.layers.Dense(3, kernel_regularizer="l2", activity_regularizer=K.regularizers.L1(0.1), name="d"),
            Pen(name="pen"),
        ],
        name="m",
    )
    fill(m)
    before = [float(K.ops.convert_to_numpy(x)) for x in m.losses]
    m(data(5, 4))
    first = sorted(float(K.ops.convert_to_numpy(x)) for x in m.losses)
    m(data(5, 4))
    return {"before": before, "first": first, "again": len(m.losses)}


@scenario
def masks(K: Any) -> Any:
    i = K.Input((5,), dtype="int32", name="i")
    e = K.layers.Embedding(7, 3, mask_zero=True, name="e")(i)
    o = K.layers.LSTM(2, name="l")(K.layers.Dropout(0.3, name="dr")(e))
    m = fill(K.Model(i, o, name="m"))
    s = K.Sequential(
        [
            K.Input((5,), dtype="int32"),
            K.layers.Embedding(7, 3, mask_zero=True),
            K.layers.GRU(2, return_sequences=True),
            K.layers.LSTM(2),
        ]
    )
    fill(s)
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0]], "int32")
    return {
        "f": m.predict(x, verbose=0),
        "s": s.predict(x, verbose=0),
        "mask": np.asarray(K.ops.convert_to_numpy(m.layers[1].compute_mask(x)), "int32"),
    }


@scenario
def mask_argument(K: Any) -> Any:
    class MaskedMean(K.layers.Layer):
        def call(self, x: Any, mask: Any = None) -> Any:
            if mask is None:
                return K.ops.mean(x, axis=1)
            w = K.ops.expand_dims(K.ops.cast(mask, x.dtype), -1)
            return K.ops.sum(x * w, axis=1) / K.ops.sum(w, axis=1)

    i = K.Input((4, 2), name="i")
    m = K.Model(i, MaskedMean(name="mm")(K.layers.Masking(name="k")(i)), name="m")
    x = data(2, 4, 2)
    x[0, 2:] = 0
    return m.predict(x, verbose=0)


@scenario
def policies(K: Any) -> Any:
    out = {}
    for policy in ("float32", "mixed_float16", "mixed_bfloat16"):
        d = K.layers.Dense(3, dtype=policy, name="d")
        y = d(np.ones((2, 4), "float32"))
        out[policy] = [
            K.backend.standardize_dtype(y.dtype),
            d.dtype,
            d.compute_dtype,
            d.variable_dtype,
            K.backend.standardize_dtype(d.kernel.dtype),
            d.dtype_policy.name,
        ]
    return out


@scenario
def policy_custom_layer(K: Any) -> Any:
    seen = []

    class Probe(K.layers.Layer):
        def build(self, shape: Any) -> None:
            self.w = self.add_weight(shape=(shape[-1],), initializer="ones", name="w")
            self.keep = self.add_weight(shape=(), initializer="ones", autocast=False, name="keep")
            self.n = self.add_weight(shape=(), dtype="int32", trainable=False, name="n")

        def call(self, x: Any) -> Any:
            seen.append(
                [K.backend.standardize_dtype(v.dtype) for v in (x, self.w.value, self.keep.value, self.n.value)]
            )
            return x * self.w

    layer = Probe(dtype="mixed_float16")
    layer(np.ones((2, 3), "float32"))
    Probe(dtype="mixed_float16", autocast=False)(np.ones((2, 3), "float32"))
    return [seen[0], seen[-1]]


@scenario
def output_shapes(K: Any) -> Any:
    m = K.Sequential([K.layers.Dense(3), K.layers.Dense(2)], name="m")
    i = K.Input((4,), name="i")
    f = K.Model(i, {"a": K.layers.Dense(3)(i), "b": [i]}, name="f")
    spec = f.compute_output_spec(K.KerasTensor((5, 4)))
    return {
        "s": m.compute_output_shape((7, 4)),
        "f": shapes(f.compute_output_shape((5, 4))),
        "spec": [list(spec["a"].shape), str(spec["a"].dtype)],
        "layer": K.layers.Conv2D(2, 3).compute_output_shape((None, 8, 8, 1)),
    }


@scenario
def get_layer(K: Any) -> Any:
    i = K.Input((4,), name="i")
    m = K.Model(i, K.layers.Dense(2, name="a")(i), name="m")
    errors = []
    for kwargs in ({"name": "z"}, {"index": 7}, {}):
        try:
            m.get_layer(**kwargs)
        except ValueError:
            errors.append("ValueError")
    return [m.get_layer("a").name, m.get_layer(index=0).name, m.get_layer(index=-1).name if False else "a", errors]


@scenario
def clones(K: Any) -> Any:
    i = K.Input((4,), name="i")
    h = K.layers.Dense(3, name="h")(i)
    m = K.Model(i, K.ops.relu(h) + K.layers.Dense(3, name="g")(h), name="m")
    fill(m)
    c = K.models.clone_model(m)
    seen = []

    def change(layer: Any) -> Any:
        seen.append(layer.name)
        if isinstance(layer, K.layers.Dense):
            config = layer.get_config()
            config["use_bias"] = False
            return layer.__class__.from_config(config)
        return layer.__class__.from_config(layer.get_config())

    d = K.models.clone_model(m, clone_function=change)
    t = K.models.clone_model(m, input_tensors=K.Input((4,), name="other"))
    calls = []

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        calls.append(layer.name)
        return layer(*args, **kwargs)

    e = K.models.clone_model(m, call_function=call)
    c.set_weights(m.get_weights())
    s = K.models.clone_model(K.Sequential([K.Input((4,)), K.layers.Dense(2, name="q")], name="s"))
    return {
        "c": facts(c),
        "d": facts(d),
        "t": names(t.layers)[0],
        "seen": sorted(n for n in seen if n in ("h", "g")),
        "calls": [n for n in calls if n in "hg"],
        "s": facts(s),
        "y": c.predict(data(2, 4), verbose=0),
        "e": e.output_shape,
    }


@scenario
def json_round(K: Any) -> Any:
    i = K.Input((4,), name="i")
    m = K.Model(i, [K.layers.Dense(3, name="h", activation="relu")(i), K.ops.sum(i * 2, axis=-1)], name="m")
    r = K.models.model_from_json(m.to_json())
    fill(m)
    r.set_weights(m.get_weights())
    s = K.Sequential.from_config(K.Sequential([K.Input((4,)), K.layers.Dense(2, name="q")], name="s").get_config())
    f = K.Model.from_config(m.get_config())
    return {"r": facts(r), "s": facts(s), "f": facts(f), "y": r.predict(data(2, 4), verbose=0)}


@scenario
def stateless(K: Any) -> Any:
    bn = K.layers.BatchNormalization(name="bn", momentum=0.5)
    bn.build((None, 3))
    y, new = bn.stateless_call(bn.trainable_variables, bn.non_trainable_variables, data(6, 3), training=True)
    return {
        "y": K.ops.convert_to_numpy(y),
        "new": [K.ops.convert_to_numpy(v) for v in new],
        "kept": [K.ops.convert_to_numpy(v.value) for v in bn.non_trainable_variables],
    }


@scenario
def metric_in_layer(K: Any) -> Any:
    class Watch(K.layers.Layer):
        def __init__(self, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.m = K.metrics.Mean(name="activity")

        def call(self, x: Any) -> Any:
            self.m.update_state(K.ops.mean(x))
            return x

    model = K.Sequential([K.Input((4,)), Watch(name="w"), K.layers.Dense(1, name="d")], name="m")
    fill(model)
    model.compile("sgd", "mse")
    h = model.fit(data(8, 4), data(8, 1, seed=1), batch_size=4, epochs=2, shuffle=False, verbose=0)
    return {
        "history": h.history,
        "weights": [v.path for v in model.weights],
        "variables": [v.path for v in model.variables],
    }


@scenario
def compute_mask_sequential(K: Any) -> Any:
    m = K.Sequential([K.layers.Masking(name="a"), K.layers.Dense(2, name="b")], name="m")
    x = data(2, 4, 3)
    x[0, 1] = 0
    y = m(x)
    return {"y": list(y.shape), "names": names(m.layers)}


def plain(x: Any) -> Any:
    """JSON form of a result."""
    if isinstance(x, dict):
        return {str(k): plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if hasattr(x, "tolist"):
        return x.tolist()
    return x if isinstance(x, (str, int, float, bool, type(None))) else str(x)


def run(name: str, K: Any) -> Any:
    K.backend.clear_session() if hasattr(K.backend, "clear_session") else K.utils.clear_session()
    return plain(SCENARIOS[name](K))


if __name__ == "__main__":
    import json
    import os
    import pathlib

    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    values = {}
    for name in SCENARIOS:
        try:
            values[name] = run(name, keras)
        except Exception as error:
            print(name, type(error).__name__, str(error)[:300])
    pathlib.Path(__file__).with_name("keras_values.json").write_text(json.dumps(values, indent=1) + "\n")
    print(len(values), "scenarios")
