"""Training programs that run on Keras and on kfront alike; what they return is compared.

`python tests/training/scenarios.py [name …]` (with the installed Keras) writes `keras_values.json` anew. Keras runs on
torch, which lacks `steps_per_execution`: "executions" is made with KERAS_BACKEND=jax.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SCENARIOS: dict[str, Any] = {}


def scenario(fn: Any) -> Any:
    SCENARIOS[fn.__name__] = fn
    return fn


def fill(model: Any) -> Any:
    model.set_weights(
        [
            np.sin(np.arange(w.size, dtype="float32") + i).reshape(w.shape) * 0.5
            for i, w in enumerate(model.get_weights())
        ]
    )
    return model


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def labels(n: int, classes: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, n)


X, Y, C = data(22, 4), data(22, 2, seed=1), labels(22, 3)


def regressor(K: Any) -> Any:
    return fill(K.Sequential([K.Input((4,)), K.layers.Dense(5, activation="tanh"), K.layers.Dense(2)]))


def classifier(K: Any) -> Any:
    return fill(
        K.Sequential([K.Input((4,)), K.layers.Dense(5, activation="relu"), K.layers.Dense(3, activation="softmax")])
    )


def two_heads(K: Any, structure: str = "list") -> Any:
    i = K.Input((4,), name="i")
    h = K.layers.Dense(5, activation="tanh", name="h")(i)
    a, b = K.layers.Dense(2, name="reg")(h), K.layers.Dense(3, activation="softmax", name="cls")(h)
    return fill(K.Model(i, {"x1": a, "x2": b} if structure == "dict" else [a, b]))


FIT = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


@scenario
def plain_fit(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse", metrics=["mae"])
    h = m.fit(X, Y, **FIT)
    return {
        "h": h.history,
        "epoch": h.epoch,
        "params": {k: h.params[k] for k in ("epochs", "steps")},
        "keys": list(h.history),
        "w": m.get_weights(),
        "e": m.evaluate(X, Y, verbose=0),
        "p": m.predict(X, verbose=0),
    }


@scenario
def adam_classifier(K: Any) -> Any:
    m = classifier(K)
    m.compile(K.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    h = m.fit(X, C, validation_data=(X[:7], C[:7]), **FIT)
    return {"h": h.history, "keys": list(h.history), "e": m.evaluate(X, C, verbose=0, return_dict=True)}


@scenario
def one_hot_accuracy(K: Any) -> Any:
    m = classifier(K)
    m.compile(K.optimizers.SGD(0.1), "categorical_crossentropy", metrics=["acc"], weighted_metrics=["accuracy"])
    h = m.fit(X, np.eye(3, dtype="float32")[C], sample_weight=np.arange(22, dtype="float32") / 10, **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def binary(K: Any) -> Any:
    m = fill(K.Sequential([K.Input((4,)), K.layers.Dense(1, activation="sigmoid")]))
    m.compile(K.optimizers.RMSprop(0.01), "binary_crossentropy", metrics=["accuracy", K.metrics.AUC(name="auc")])
    h = m.fit(X, (C > 0).astype("float32"), **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def sample_weights(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse", metrics=["mae"], weighted_metrics=["mae"])
    w = np.linspace(0, 2, 22).astype("float32")
    h = m.fit(X, Y, sample_weight=w, validation_data=(X[:7], Y[:7], w[:7]), **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def class_weights(K: Any) -> Any:
    m = classifier(K)
    m.compile(K.optimizers.SGD(0.1), "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    h = m.fit(X, C, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, **FIT)
    return {"h": h.history}


@scenario
def class_weights_one_hot(K: Any) -> Any:
    m = classifier(K)
    m.compile(K.optimizers.SGD(0.1), "categorical_crossentropy")
    return m.fit(X, np.eye(3, dtype="float32")[C], class_weight={0: 1.0, 1: 2.0, 2: 0.5}, **FIT).history


@scenario
def validation_split(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    return m.fit(X, Y, validation_split=0.3, validation_batch_size=3, **FIT).history


@scenario
def validation_freq(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    a = m.fit(X, Y, validation_data=(X, Y), validation_freq=2, **{**FIT, "epochs": 4}).history
    b = m.fit(X, Y, validation_data=(X, Y), validation_freq=[1, 3], **{**FIT, "epochs": 3}).history
    return [a, b]


@scenario
def validation_steps(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    return m.fit(X, Y, validation_data=(X, Y), validation_steps=1, **FIT).history


@scenario
def steps_per_epoch(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")

    def batches() -> Any:
        while True:
            for i in range(0, 22, 8):
                yield X[i : i + 8], Y[i : i + 8]

    h = m.fit(batches(), steps_per_epoch=2, epochs=3, verbose=0)
    return {
        "h": h.history,
        "e": m.evaluate(batches(), steps=2, verbose=0),
        "p": m.predict(batches(), steps=2, verbose=0),
        "steps": h.params["steps"],
    }


@scenario
def initial_epoch(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    h = m.fit(X, Y, initial_epoch=3, **{**FIT, "epochs": 5})
    return {"h": h.history, "epoch": h.epoch}


@scenario
def list_losses(K: Any) -> Any:
    m = two_heads(K)
    m.compile(
        K.optimizers.SGD(0.1),
        ["mse", "sparse_categorical_crossentropy"],
        loss_weights=[0.5, 2.0],
        metrics=[["mae"], ["accuracy"]],
    )
    h = m.fit(X, [Y, C], validation_data=(X, [Y, C]), **FIT)
    return {
        "h": h.history,
        "keys": list(h.history),
        "e": m.evaluate(X, [Y, C], verbose=0),
        "d": m.evaluate(X, [Y, C], verbose=0, return_dict=True),
    }


@scenario
def dict_losses(K: Any) -> Any:
    m = two_heads(K, "dict")
    m.compile(
        K.optimizers.SGD(0.1),
        {"x1": "mse", "x2": "sparse_categorical_crossentropy"},
        loss_weights={"x1": 0.5, "x2": 2.0},
        metrics={"x1": ["mae", "mse"], "x2": "accuracy"},
    )
    y = {"x1": Y, "x2": C}
    h = m.fit(X, y, **FIT)
    return {
        "h": h.history,
        "keys": list(h.history),
        "e": m.evaluate(X, y, verbose=0),
        "d": m.evaluate(X, y, verbose=0, return_dict=True),
    }


@scenario
def names_losses(K: Any) -> Any:
    m = two_heads(K)
    m.compile(
        K.optimizers.SGD(0.1), {"reg": "mse", "cls": "sparse_categorical_crossentropy"}, metrics={"cls": ["accuracy"]}
    )
    h = m.fit(X, {"reg": Y, "cls": C}, **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def one_loss_for_all(K: Any) -> Any:
    i = K.Input((4,), name="i")
    m = fill(K.Model(i, [K.layers.Dense(2, name="a")(i), K.layers.Dense(2, name="b")(i)]))
    m.compile(K.optimizers.SGD(0.1), "mse")
    h = m.fit(X, [Y, Y], **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def one_metric_each(K: Any) -> Any:
    i = K.Input((4,), name="i")
    m = fill(K.Model(i, [K.layers.Dense(2, name="a")(i), K.layers.Dense(2, name="b")(i)]))
    m.compile(K.optimizers.SGD(0.1), ["mse", "mae"], metrics=[["mae"], None])
    h = m.fit(X, [Y, Y], **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def no_loss_on_one(K: Any) -> Any:
    m = two_heads(K)
    m.compile(K.optimizers.SGD(0.1), ["mse", None])
    h = m.fit(X, [Y, C], **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def weights_per_output(K: Any) -> Any:
    m = two_heads(K)
    m.compile(
        K.optimizers.SGD(0.1), ["mse", "sparse_categorical_crossentropy"], weighted_metrics=[["mae"], ["accuracy"]]
    )
    w = np.linspace(0, 2, 22).astype("float32")
    h = m.fit(X, [Y, C], sample_weight=[w, w[::-1].copy()], **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def executions(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse", metrics=["mae"], steps_per_execution=2)
    h = m.fit(X, Y, **FIT)
    return {
        "h": h.history,
        "e": m.evaluate(X, Y, batch_size=8, verbose=0),
        "p": m.predict(X, batch_size=8, verbose=0),
    }


@scenario
def eagerly(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse", run_eagerly=True)
    return m.fit(X, Y, **FIT).history


@scenario
def on_batch(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse", metrics=["mae"])
    a = [m.train_on_batch(X[:8], Y[:8]), m.train_on_batch(X[8:16], Y[8:16], return_dict=True)]
    m.reset_metrics()
    b = [m.test_on_batch(X[:8], Y[:8]), m.test_on_batch(X[8:16], Y[8:16], return_dict=True)]
    c = classifier(K)
    c.compile(K.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    d = [
        c.train_on_batch(X[:8], C[:8], sample_weight=np.arange(8.0)),
        c.train_on_batch(X[:8], C[:8], class_weight={0: 2.0, 1: 1.0, 2: 0.5}),
    ]
    return {"train": a, "test": b, "p": m.predict_on_batch(X[:3]), "weighted": d}


@scenario
def batch_logs(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse", metrics=["mae"])
    seen: list[Any] = []

    class Watch(K.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            seen.append(["epoch", epoch])

        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            seen.append(["begin", batch])

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(["end", batch, {k: float(v) for k, v in logs.items()}])

        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(["test", batch, float(logs["loss"])])

        def on_test_begin(self, logs: Any = None) -> None:
            seen.append(["test begin"])

        def on_test_end(self, logs: Any = None) -> None:
            seen.append(["test end", {k: float(v) for k, v in logs.items()}])

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(["epoch end", {k: float(v) for k, v in logs.items()}])

        def on_train_begin(self, logs: Any = None) -> None:
            seen.append(["train begin"])

        def on_train_end(self, logs: Any = None) -> None:
            seen.append(["train end", sorted(logs or {})])

    m.fit(X, Y, validation_data=(X[:9], Y[:9]), callbacks=[Watch()], **FIT)
    return seen


@scenario
def predict_hooks(K: Any) -> Any:
    m = regressor(K)
    seen: list[Any] = []

    class Watch(K.callbacks.Callback):
        def on_predict_begin(self, logs: Any = None) -> None:
            seen.append("begin")

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append([batch, list(logs["outputs"].shape)])

        def on_predict_end(self, logs: Any = None) -> None:
            seen.append("end")

    m.predict(X, batch_size=8, verbose=0, callbacks=[Watch()])
    return seen


@scenario
def lambda_changes_weights(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")

    class Change(K.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            self.model.optimizer.learning_rate = 0.1 / (epoch + 1)
            w = self.model.get_weights()
            self.model.set_weights([a * 0.5 for a in w])

    h = m.fit(X, Y, callbacks=[Change()], **{**FIT, "epochs": 3})
    return {"h": h.history, "w": m.get_weights()}


@scenario
def scheduler(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    h = m.fit(X, Y, callbacks=[K.callbacks.LearningRateScheduler(lambda e, lr: lr * 0.5)], **{**FIT, "epochs": 3})
    return {"h": h.history, "keys": list(h.history)}


@scenario
def plateau(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    c = K.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.1, patience=1, min_delta=10.0)
    h = m.fit(X, Y, callbacks=[c], **{**FIT, "epochs": 5})
    return {"h": h.history, "keys": list(h.history)}


@scenario
def early_stopping(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    c = K.callbacks.EarlyStopping(monitor="loss", patience=2, min_delta=10.0, restore_best_weights=True)
    h = m.fit(X, Y, callbacks=[c], **{**FIT, "epochs": 9})
    return {"h": h.history, "stopped": c.stopped_epoch, "w": m.get_weights(), "epoch": h.epoch}


@scenario
def stop_training(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")

    class Stop(K.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 1:
                self.model.stop_training = True

    h = m.fit(X, Y, callbacks=[Stop()], **{**FIT, "epochs": 5})
    return {"h": h.history, "epoch": h.epoch}


@scenario
def freezing_after_compile(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    m.layers[0].trainable = False
    m.compile(K.optimizers.SGD(0.1), "mse")
    h = m.fit(X, Y, **FIT)
    return {"h": h.history, "w": m.get_weights()}


@scenario
def batch_norm_and_regularizer(K: Any) -> Any:
    m = K.Sequential(
        [
            K.Input((4,)),
            K.layers.Dense(5, kernel_regularizer=K.regularizers.L2(0.1)),
            K.layers.BatchNormalization(),
            K.layers.Dense(2, activity_regularizer=K.regularizers.L1(0.01)),
        ]
    )
    fill(m)
    m.compile(K.optimizers.SGD(0.05), "mse")
    h = m.fit(X[:16], Y[:16], validation_data=(X[:8], Y[:8]), **FIT)
    return {"h": h.history, "w": m.get_weights()}


@scenario
def custom_train_step(K: Any) -> Any:
    class Net(K.Sequential):
        def train_step(self, *args: Any, **kwargs: Any) -> Any:
            return super().train_step(*args, **kwargs)

        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
        ) -> Any:
            return super().compute_loss(x, y, y_pred, sample_weight) * 0.5 + K.ops.mean(K.ops.square(y_pred)) * 0.1

    m = fill(Net([K.Input((4,)), K.layers.Dense(2)]))
    m.compile(K.optimizers.SGD(0.1), "mse", metrics=["mae"])
    h = m.fit(X, Y, **FIT)
    return {"h": h.history, "w": m.get_weights()}


@scenario
def custom_compute_metrics(K: Any) -> Any:
    class Net(K.Sequential):
        def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> Any:
            results = super().compute_metrics(x, y, y_pred, sample_weight)
            self.extra.update_state(K.ops.mean(K.ops.abs(y_pred)))
            results["extra"] = self.extra.result()
            return results

    m = fill(Net([K.Input((4,)), K.layers.Dense(2)]))
    m.extra = K.metrics.Mean(name="extra")
    m.compile(K.optimizers.SGD(0.1), "mse", metrics=["mae"])
    h = m.fit(X, Y, validation_data=(X, Y), **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def added_losses_only(K: Any) -> Any:
    class Pull(K.layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(K.ops.mean(K.ops.square(x - 1.0)))
            return x

    m = fill(K.Sequential([K.Input((4,)), K.layers.Dense(2), Pull()]))
    m.compile(K.optimizers.SGD(0.1))
    return m.fit(X, **FIT).history


@scenario
def function_losses(K: Any) -> Any:
    def own(y_true: Any, y_pred: Any) -> Any:
        return K.ops.mean(K.ops.abs(y_true - y_pred) ** 3, axis=-1)

    def bias(y_true: Any, y_pred: Any) -> Any:
        return K.ops.mean(y_pred - y_true, axis=-1)

    m = regressor(K)
    m.compile(K.optimizers.SGD(0.05), own, metrics=[bias, K.metrics.MeanSquaredError(), own])
    h = m.fit(X, Y, **FIT)
    return {"h": h.history, "keys": list(h.history)}


@scenario
def metric_names_twice(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.05), "mse", metrics=["mae", K.metrics.MeanAbsoluteError(name="mae")])
    h = m.fit(X, Y, **FIT)
    return {"keys": list(h.history)}


@scenario
def lists_and_scalars(K: Any) -> Any:
    m = fill(K.Sequential([K.Input((1,)), K.layers.Dense(1)]))
    m.compile(K.optimizers.SGD(0.05), "mse")
    x = np.array([1.0, 2, 3, 4])
    h = m.fit(x, x * 2, **FIT)
    return {"h": h.history, "p": m.predict(x, verbose=0)}


@scenario
def accumulation(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2), "mse")
    h = m.fit(X, Y, **FIT)
    return {"h": h.history, "w": m.get_weights()}


@scenario
def ema_and_clipping(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.Adam(0.05, use_ema=True, ema_momentum=0.9, clipnorm=0.1, weight_decay=0.01), "mse")
    h = m.fit(X, Y, **FIT)
    return {"h": h.history, "w": m.get_weights()}


@scenario
def schedule(K: Any) -> Any:
    m = regressor(K)
    m.compile(K.optimizers.SGD(K.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)), "mse")
    return m.fit(X, Y, **FIT).history


@scenario
def pandas_frames(K: Any) -> Any:
    import pandas as pd

    m = regressor(K)
    m.compile(K.optimizers.SGD(0.1), "mse")
    frame = pd.DataFrame(X, columns=list("abcd"))
    h = m.fit(frame, pd.DataFrame(Y), **FIT)
    c = classifier(K)
    c.compile(K.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return [h.history, c.fit(frame, pd.Series(C), **FIT).history, m.predict(frame, verbose=0)]


@scenario
def py_dataset(K: Any) -> Any:
    class Rows(K.utils.PyDataset):
        def __len__(self) -> int:
            return 3

        def __getitem__(self, i: int) -> Any:
            return X[i * 8 : (i + 1) * 8], Y[i * 8 : (i + 1) * 8]

    out = []
    for kwargs in ({}, {"workers": 1}):
        m = regressor(K)
        m.compile(K.optimizers.SGD(0.1), "mse")
        h = m.fit(Rows(**kwargs), validation_data=Rows(), epochs=2, shuffle=False, verbose=0)
        out.append([h.history, m.evaluate(Rows(), verbose=0), m.predict(Rows(), verbose=0)])
    return out


@scenario
def dict_inputs(K: Any) -> Any:
    a, b = K.Input((4,), name="a"), K.Input((2,), name="b")
    m = fill(K.Model({"a": a, "b": b}, K.layers.Dense(1, name="o")(K.layers.Concatenate()([a, b]))))
    m.compile(K.optimizers.SGD(0.1), "mse")
    h = m.fit({"a": X, "b": Y}, Y[:, :1], **FIT)
    return [h.history, m.predict({"b": Y, "a": X}, verbose=0)]


@scenario
def timeseries_weights(K: Any) -> Any:
    m = fill(K.Sequential([K.Input((3, 4)), K.layers.Dense(2)]))
    m.compile(K.optimizers.SGD(0.1), "mse", weighted_metrics=["mae"])
    h = m.fit(data(8, 3, 4), data(8, 3, 2, seed=2), sample_weight=np.abs(data(8, 3, seed=3)), **FIT)
    return h.history


@scenario
def masked_loss(K: Any) -> Any:
    i = K.Input((5,), dtype="int32")
    e = K.layers.Embedding(7, 3, mask_zero=True)(i)
    m = fill(K.Model(i, K.layers.LSTM(2, return_sequences=True)(e)))
    m.compile(K.optimizers.SGD(0.5), "mse", metrics=["mae"])
    x = np.array([[1, 2, 3, 0, 0], [4, 5, 0, 0, 0], [1, 1, 1, 1, 1], [6, 0, 0, 0, 0]], "int32")
    return m.fit(x, data(4, 5, 2), **FIT).history


def plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {str(k): plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [plain(v) for v in x]
    if hasattr(x, "tolist"):
        return x.tolist()
    return x if isinstance(x, (str, int, float, bool, type(None))) else str(x)


def run(name: str, K: Any) -> Any:
    K.utils.clear_session()
    return plain(SCENARIOS[name](K))


if __name__ == "__main__":
    import json
    import os
    import pathlib
    import sys
    import warnings

    warnings.simplefilter("ignore")
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    path = pathlib.Path(__file__).with_name("keras_values.json")
    old = json.loads(path.read_text()) if path.exists() else {}
    values = {k: v for k, v in old.items() if k in SCENARIOS}
    for name in sys.argv[1:] or [n for n in SCENARIOS if n != "executions"]:
        try:
            values[name] = run(name, keras)
        except Exception as error:
            print(name, type(error).__name__, str(error)[:300])
    path.write_text(json.dumps(values, indent=1) + "\n")
    print(len(values), "scenarios")
