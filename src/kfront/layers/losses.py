"""The losses that a layer adds to a training step: by `add_loss`, activity and weight regularizers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kfront import ops
from kfront.backends import backend_scope
from kfront.core import tree
from kfront.core.errors import ArgumentError, UnsupportedError
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import Backend, Tensor
from kfront.core.variable import Variable

if TYPE_CHECKING:
    from kfront.layers.base import Layer


class LossOwner:
    """The part of a layer that has losses."""

    name: str
    activity_regularizer: Any
    _kf_backend: Backend
    _losses: list[object]
    if TYPE_CHECKING:  # what `Owner` has

        @property
        def trainable_weights(self) -> list[Variable]: ...
        def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Layer]: ...

    def add_loss(self, loss: object) -> None:
        """Add scalar loss value(s), computed during this call, to the training loss."""
        values = tree.flatten(loss)
        for x in values:
            if not (self._kf_backend.is_tensor(x) or isinstance(x, (KerasTensor, int, float))):
                raise ArgumentError(f"[{self.name}] expected `add_loss` of a tensor or number, got {x!r}.")
        if any(isinstance(x, KerasTensor) for x in values):
            return
        state.add_loss_used = True
        self._losses.extend(values)
        if state.losses is not None:
            state.losses.extend(values)

    def add_metric(self, *args: object, **kwargs: object) -> None:
        """Refused: metrics are given to `compile`, or made in `__init__` and updated in `call`.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"[{self.name}] expected metrics in `compile(metrics=[...])`, got `add_metric`; or make a Metric in "
            "`__init__` and call its `update_state`."
        )

    def _kf_add_activity_loss(self, outputs: object) -> None:
        for x in tree.flatten(outputs):
            if self._kf_backend.is_tensor(x):
                batch = ops.cast(ops.shape(x)[0] if len(x.shape) else 1, self._kf_backend.dtype_name(x.dtype))
                self.add_loss(ops.divide(self.activity_regularizer(x), ops.maximum(batch, 1)))

    def _clear_losses(self) -> None:
        for layer in self._flatten_layers():
            layer._losses.clear()

    @contextlib.contextmanager
    def _kf_kept_losses(self) -> Iterator[None]:
        """After the block the losses are those before it: what a trace has added means nothing outside it."""
        before = [(layer, layer._losses[:]) for layer in self._flatten_layers()] if state.add_loss_used else ()
        yield
        if state.add_loss_used:
            self._clear_losses()
            for layer, losses in before:
                layer._losses.extend(losses)

    def _kf_weight_losses(self) -> list[Tensor]:
        return [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    @property
    def losses(self) -> list[Any]:
        """Values of `add_loss`, activity and weight regularizers, of this layer and its sublayers."""
        values = [x for layer in self._flatten_layers() for x in layer._losses]
        with backend_scope(self._kf_backend):
            return values + self._kf_weight_losses()
