"""`Rescaling`: values times a number, plus a number."""

from __future__ import annotations

from typing import Any, Self, Unpack

from kfront import ops
from kfront.core.codec import with_objects
from kfront.core.dtypes import is_float
from kfront.core.options import Option, normalisers
from kfront.core.settings import image_data_format
from kfront.core.typing import Config, CustomObjects, LayerOptions, Shape, Tensor
from kfront.layers.preprocess.data_layer import DataLayer


class Rescaling(DataLayer):
    """Multiplies values by `scale` and adds `offset`; in training and otherwise.

    Args:
        scale: number, or a list of numbers that broadcasts against the inputs; for images in the configured layout
            "channels_first", a number for each channel.
        offset: the same.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`, tensor of any shape and dtype. Returns a tensor of that shape in the layer's dtype.

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.layers.Rescaling(1 / 127.5, offset=-1)([0, 255])).tolist()
    [-1.0, 1.0]
    """

    _kf_normalise = normalisers(offset=Option(), scale=Option())
    scale: Any
    offset: Any

    def __init__(self, scale: object, offset: object = 0.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.supports_masking = True
        self._kf_built_when_made()

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """A layer from its config, in which arrays may be in the form that files have them in."""
        return cls(**with_objects(config, ("scale", "offset"), custom_objects))

    def call(self, inputs: Tensor) -> Tensor:
        """The rescaled inputs."""
        dtype = self.compute_dtype
        x = ops.cast(inputs, dtype)
        number = float if is_float(dtype) else int

        def operand(value: object) -> Any:
            if isinstance(value, (int, float)) and number(value) == value:
                return value
            tensor = ops.convert_to_tensor(value, dtype=dtype)
            by_channel = len(tensor.shape) == 1 and len(x.shape) in (3, 4) and image_data_format() == "channels_first"
            return ops.reshape(tensor, (-1, 1, 1)) if by_channel else tensor

        return ops.add(ops.multiply(x, operand(self.scale)), operand(self.offset))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs."""
        return tuple(input_shape)
