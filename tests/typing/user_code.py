"""Ordinary code of a user; `test_typing.py` runs it, and checks that pyright in strict mode finds nothing in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

import kfront
from kfront import callbacks, layers, losses, metrics, ops, optimizers
from kfront.core.typing import Tensor

features: np.ndarray = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
labels: np.ndarray = (features.sum(axis=1) > 0).astype("int32")


# ---- layers and models -----------------------------------------------------------------------------------------------


class Gate(layers.Layer):
    """A layer of the user's own."""

    def __init__(self, units: int, name: str | None = None) -> None:
        super().__init__(name=name)
        self.units = units

    def build(self, input_shape: tuple[int, ...]) -> None:
        self.kernel = self.add_weight((input_shape[-1], self.units), initializer="glorot_uniform", name="kernel")
        self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        gate = ops.sigmoid(ops.matmul(inputs, self.kernel) + self.bias)
        scale = 1.0 if training else 0.5
        return gate * scale

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "units": self.units}


class Classifier(kfront.Model):
    """A subclassed model with a training step of its own."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.gate = Gate(16)
        self.dropout = layers.Dropout(0.1, seed=1)
        self.head = layers.Dense(classes, activation="softmax")

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        x: Tensor = self.gate(inputs)
        x = self.dropout(x, training=training)
        return self.head(x)

    def train_step(self, data: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
        x, y = data

        def loss_of(x: Tensor, y: Tensor) -> Tensor:
            return self.compute_loss(x=x, y=y, y_pred=self(x, training=True))

        loss, gradients = kfront.value_and_grad(loss_of, wrt=self.trainable_variables)(x, y)
        self.optimizer.apply(gradients, self.trainable_variables)
        return {"loss": loss}


def functional() -> kfront.Model:
    inputs = kfront.Input((8,), name="features")
    x = layers.Dense(16, activation="relu")(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Add()([x, layers.Dense(16)(inputs)])
    outputs = layers.Dense(2, activation="softmax", name="classes")(ops.relu(x))
    return kfront.Model(inputs, outputs, name="functional")


def sequential() -> kfront.Sequential:
    model = kfront.Sequential([layers.Input((8,)), layers.Dense(4, "relu")])
    model.add(layers.Dense(2, "softmax"))
    return model


# ---- losses, metrics, callbacks --------------------------------------------------------------------------------------


@kfront.saving.register_keras_serializable("mine")
class Focal(losses.Loss):
    """A loss of the user's own."""

    def __init__(self, gamma: float = 2.0, name: str = "focal", reduction: str = "mean") -> None:
        super().__init__(name=name, reduction=reduction)
        self.gamma = gamma

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        of_class = ops.take_along_axis(y_pred, ops.expand_dims(ops.cast(y_true, "int32"), -1), axis=-1)
        return -ops.log(of_class[..., 0]) * (1.0 - of_class[..., 0]) ** self.gamma

    def get_config(self) -> dict[str, object]:
        return {"gamma": self.gamma, "name": self.name}


@kfront.saving.register_keras_serializable("mine")
class Share(metrics.Metric):
    """The share of one class among the predictions."""

    def __init__(self, of: int, name: str = "share") -> None:
        super().__init__(name=name)
        self.of = of
        self.found = self.add_weight((), name="found")
        self.seen = self.add_weight((), name="seen")

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        hits = ops.cast(ops.equal(ops.argmax(y_pred, axis=-1), self.of), "float32")
        self.found.assign_add(ops.sum(hits))
        self.seen.assign_add(ops.sum(ops.ones_like(hits)))

    def result(self) -> Tensor:
        return self.found / self.seen

    def get_config(self) -> dict[str, object]:
        return {"of": self.of, "name": self.name}


class Stop(callbacks.Callback):
    """Stops the training when the loss is small."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if logs is not None and logs["loss"] < 1e-3:
            self.model.stop_training = True


def train(model: kfront.Model) -> list[float]:
    rate = optimizers.schedules.CosineDecay(1e-2, decay_steps=100)
    model.compile(optimizers.AdamW(rate, weight_decay=1e-4), loss=Focal(), metrics=["accuracy", Share(of=1)])
    history = model.fit(features, labels, epochs=2, batch_size=16, callbacks=[Stop()], verbose=0)
    values: list[float] = history.history["loss"]
    report = model.evaluate(features, labels, verbose=0, return_dict=True)
    predictions = model.predict(features, verbose=0)
    print(f"{report['loss']:.3f}", predictions.shape, history.epoch, model.count_params())
    return values


# ---- transforms, files, engines --------------------------------------------------------------------------------------


def slope(x: float) -> float:
    def cubed(x: Tensor) -> Tensor:
        return ops.sum(x**3)

    return float(kfront.grad(kfront.jit(cubed))(ops.array([x]))[0])


def files(model: kfront.Model, folder: Path) -> kfront.Model:
    model.save(folder / "model.keras")
    model.save_weights(folder / "model.weights.h5")
    again = kfront.saving.load_model(folder / "model.keras")
    again.load_weights(folder / "model.weights.h5")
    return again


def main() -> None:
    names: list[str] = [v.path for v in functional().trainable_variables]
    with tempfile.TemporaryDirectory() as folder:
        model = functional()
        train(model)
        again = files(model, Path(folder))
    train(Classifier(2))
    train(sequential())
    with kfront.backend_scope("numpy"):
        zeros: Tensor = ops.zeros((2, 3), dtype="float32")
    moved = kfront.convert(again, "numpy")
    first: layers.Layer = moved.layers[1]
    shape: tuple[int, ...] = first.weights[0].shape
    print(names[0], zeros.shape, shape, slope(2.0), moved.get_config()["name"])


if __name__ == "__main__":
    main()
