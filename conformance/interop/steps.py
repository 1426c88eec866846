"""Own `train_step`s: written once for all engines, and in the form that Keras documents for each."""

from __future__ import annotations

from typing import Any

import kfront

from ..suite import close
from .common import compiled, fit, fitted, made

__all__ = ["FORMS", "check"]


def _as(cls: type, family: str) -> Any:
    """A model of a family as an instance of `cls`, compiled."""
    base = made(family)
    x = kfront.Input(base.inputs[0].shape[1:], dtype=base.inputs[0].dtype)
    return compiled(family, cls(x, base(x)))


class Portable(kfront.Model):
    """The gradient by the backend's own hook."""

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data

        def forward() -> tuple[Any, Any]:
            y_pred = self(x, training=True)
            return self.compute_loss(x, y, y_pred), y_pred

        b = self._kf_backend
        loss, y_pred, grads = b.value_and_grad(forward, self.trainable_variables, self.non_trainable_variables)
        self.optimizer.apply(grads, self.trainable_variables)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class Extended(kfront.Model):
    """The default step and a value besides."""

    def train_step(self, data: Any) -> dict[str, Any]:
        return {**super().train_step(data), "batch": kfront.ops.shape(data[0])[0]}


class OfTorch(kfront.Model):
    """`loss.backward()` and gradients read from the variables."""

    def train_step(self, data: Any) -> dict[str, Any]:
        import torch

        x, y = data
        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(y=y, y_pred=y_pred)
        loss.backward()
        weights = list(self.trainable_weights)
        gradients = [v.value.grad for v in weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, weights)
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OfTensorFlow(kfront.Model):
    """`GradientTape` and `apply_gradients`."""

    def train_step(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        for metric in self.metrics:
            metric.update_state(loss) if metric.name == "loss" else metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}


class OfJax(kfront.Model):
    """A pure function of the state."""

    def compute_loss_and_updates(self, train: Any, rest: Any, x: Any, y: Any, training: bool = False) -> Any:
        y_pred, rest = self.stateless_call(train, rest, x, training=training)
        return self.compute_loss(x, y, y_pred), (y_pred, rest)

    def train_step(self, state: Any, data: Any) -> Any:
        import jax

        train, rest, slots, metrics = state
        x, y = data
        gradient = jax.value_and_grad(self.compute_loss_and_updates, has_aux=True)
        (loss, (y_pred, rest)), grads = gradient(train, rest, x, y, training=True)
        train, slots = self.optimizer.stateless_apply(slots, grads, train)
        logs, new = {}, []
        for metric in self.metrics:
            own = metrics[len(new) : len(new) + len(metric.variables)]
            args = (loss,) if metric.name == "loss" else (y, y_pred)
            own = metric.stateless_update_state(own, *args)
            logs[metric.name] = metric.stateless_result(own)
            new += own
        return logs, (train, rest, slots, new)


FORMS: dict[str, dict[str, type]] = {
    "torch": {"loss.backward": OfTorch},
    "jax": {"state, data": OfJax},
    "tensorflow": {"GradientTape": OfTensorFlow},
}
EVERYWHERE: dict[str, type] = {"portable": Portable, "super().train_step": Extended}


def check(backend: str, cls: type, family: str) -> None:
    """A model with an own step has the losses of one without."""
    model = _as(cls, family)
    losses = fit(model, family)
    close(losses, fitted(backend, family), 1e-5, what="losses")
    logs = model.history.history
    assert "accuracy" in logs and "loss" in logs, list(logs)
    assert cls is not Extended or logs["batch"] == [8], logs
