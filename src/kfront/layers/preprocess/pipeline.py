"""`Pipeline`: layers of an input pipeline, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from kfront.core.codec import serialize_keras_object, with_objects
from kfront.core.errors import ArgumentTypeError
from kfront.core.typing import Config, Tensor
from kfront.layers.base import Layer
from kfront.layers.call_signature import call_info
from kfront.layers.preprocess.data_layer import DataLayer


class Pipeline(DataLayer):
    """Applies layers one after the other; where all of them work inside `tf.data`, so does the pipeline.

    Args:
        layers: list of layers, each called with what the one before returned.
        name: its name.

    Call arguments: `inputs`, what the first layer takes; `training`, True by default; `mask`.

    Returns what the last layer returns.

    Raises:
        ArgumentTypeError: if something among `layers` is no layer.

    Example:

    >>> import numpy as np, kfront
    >>> pipeline = kfront.layers.Pipeline([kfront.layers.Rescaling(1 / 255), kfront.layers.RandomBrightness(0.1)])
    >>> tuple(pipeline(np.ones((2, 4, 4, 3), "uint8")).shape)
    (2, 4, 4, 3)
    """

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        if not isinstance(layers, (list, tuple)):
            raise ArgumentTypeError(f"[Pipeline] expected a list of layers, got {layers!r}.")
        for layer in layers:
            if not isinstance(layer, Layer):
                raise ArgumentTypeError(f"[Pipeline] expected a list of layers, got {layer!r} in it.")
        self._pipeline_layers = list(layers)
        self._kf_built_when_made()

    @property
    def layers(self) -> list[Layer]:
        """The layers, in order."""
        return list(self._pipeline_layers)

    def call(self, inputs: Tensor, training: bool = True, mask: Tensor | None = None) -> Any:
        """What the last layer returns."""
        x = inputs
        for layer in self._pipeline_layers:
            info = call_info(type(layer))
            options: dict[str, object] = {"training": training} if info.training else {}
            if info.mask and mask is not None:
                options["mask"] = mask
            x = layer(x, **options)
        return x

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {"layers": [serialize_keras_object(layer) for layer in self._pipeline_layers], "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A pipeline from its config."""
        return cls(**{"layers": None, **with_objects(config, ("layers",))})
