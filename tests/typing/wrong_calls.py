"""Calls that a type checker must refuse: `test_typing.py` looks for the rule at the end of each line. Never run."""

from __future__ import annotations

import numpy as np

import kfront
from kfront import callbacks, layers, losses, metrics, ops, optimizers
from kfront.core.typing import Tensor

x = np.zeros((4, 8), "float32")
inputs = kfront.Input((8,))
model = kfront.Model(inputs, layers.Dense(2)(inputs))
history = model.fit(x, x, epochs=1)

# ---- layers ----
layers.Dense()  # reportCallIssue
layers.Dense("64")  # reportArgumentType
layers.Dense(64, activations="relu")  # reportCallIssue
layers.Conv2D(8, 3, padding=1)  # reportArgumentType
layers.Embedding()  # reportCallIssue
layers.MaxPooling2D(pool_size="2")  # reportArgumentType
layers.Dropout(rate="0.1")  # reportArgumentType
layers.Dense(4).kernels  # reportAttributeAccessIssue
layers.Dense(4).get_weight()  # reportAttributeAccessIssue
kfront.Input(shape="8")  # reportArgumentType

# ---- models ----
model.fitt(x, x)  # reportAttributeAccessIssue
model.fit(x, x, epoch=3)  # reportCallIssue
model.fit(x, x, epochs="3")  # reportArgumentType
model.compile(optimiser="adam")  # reportCallIssue
model.compile(optimizer=3)  # reportArgumentType
model.summarize()  # reportAttributeAccessIssue
model.save()  # reportCallIssue
history.histories  # reportAttributeAccessIssue
history.history["loss"].mean()  # reportAttributeAccessIssue
kfront.Sequential([layers.Dense(2)]).append(layers.Dense(2))  # reportAttributeAccessIssue
kfront.saving.load_model("model.keras", compiled=False)  # reportCallIssue
kfront.saving.load_model("model.keras").weigths  # reportAttributeAccessIssue
kfront.convert(model)  # reportCallIssue

# ---- ops and transforms ----
ops.add(x)  # reportCallIssue
ops.reshape(x, "8")  # reportArgumentType
ops.sum(x, axes=0)  # reportCallIssue
ops.concatenate([x, x], axis="0")  # reportArgumentType
ops.zeros("3")  # reportArgumentType
ops.relu(x).mean()  # reportAttributeAccessIssue
ops.matmull(x, x)  # reportAttributeAccessIssue
ops.softmax("abc")  # reportArgumentType


@kfront.jit
def scaled(x: Tensor, by: float) -> Tensor:
    return x * by


scaled(ops.ones((2,)))  # reportCallIssue
scaled(ops.ones((2,)), by="2")  # reportArgumentType
kfront.grad(scaled)(ops.ones((2,)), 2.0, 3.0)  # reportCallIssue
kfront.backend_scope(3)  # reportArgumentType

# ---- optimizers, losses, metrics, callbacks ----
optimizers.Adam("fast", beta1=0.9)  # reportCallIssue
optimizers.Adam(learning_rate=[0.1])  # reportArgumentType
optimizers.schedules.CosineDecay(0.1)  # reportCallIssue
losses.MeanSquaredError(reduce="sum")  # reportCallIssue
metrics.Mean().results()  # reportAttributeAccessIssue
callbacks.EarlyStopping(patience="3")  # reportArgumentType
kfront.Variable([1.0]).asign(2.0)  # reportAttributeAccessIssue


# ---- own classes ----
class Wrong(layers.Layer):
    def call(self, inputs: Tensor) -> Tensor:
        return [inputs]  # reportReturnType

    def get_config(self) -> list[str]:  # reportIncompatibleMethodOverride
        return []


class WrongMetric(metrics.Metric):
    def result(self) -> Tensor:
        return None  # reportReturnType


class WrongModel(kfront.Model):
    def train_step(self, data: tuple[Tensor, Tensor]) -> Tensor:  # reportIncompatibleMethodOverride
        return data[0]
