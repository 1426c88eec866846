"""`Input` and `InputLayer`: where data enters a functional or sequential model."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from kfront.core.dtypes import standardize
from kfront.core.errors import ArgumentError, UnsupportedError
from kfront.core.operation import Node
from kfront.core.spec import KerasTensor, standardize_shape
from kfront.core.typing import Config, DTypeLike, Tensor
from kfront.layers.base import Layer


class InputLayer(Layer):
    """The layer behind `Input`.

    Args:
        shape: shape without the batch dimension.
        batch_size: fixed batch size, or None.
        dtype: dtype name; floatx if None.
        sparse: whether the input is sparse.
        ragged: whether the input is ragged.
        batch_shape: shape with the batch dimension, instead of `shape` and `batch_size`.
        input_tensor: an existing KerasTensor to stand for the input.
        optional: whether None may be passed.
        name: the layer's name.

    Output: a KerasTensor of shape ``batch_shape``; the layer is not called, `Input` returns it.

    Raises:
        ArgumentError: unless one of `shape` and `batch_shape` is given, or if `input_tensor` is no KerasTensor.
        UnsupportedError: for ragged data, on an engine without ragged tensors.

    Example:

    >>> import kfront
    >>> kfront.layers.InputLayer(shape=(3,)).batch_shape
    (None, 3)
    """

    batch_shape: tuple[int | None, ...] = ()
    _kf_of_instance = Layer._kf_of_instance | {"batch_shape"}

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: DTypeLike = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: object = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name)
        if "input_shape" in kwargs:
            warnings.warn("[InputLayer] expected `shape`, got `input_shape`, which older programs have.", stacklevel=2)
            shape = kwargs.pop("input_shape")
        if "batch_input_shape" in kwargs:
            batch_shape = kwargs.pop("batch_input_shape")
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ArgumentError(f"[{self.name}] expected `input_tensor` to be a KerasTensor, got {input_tensor!r}.")
            whole = batch_shape and tuple(batch_shape)
            asked = (shape and tuple(shape), batch_size, whole, dtype and standardize(dtype), sparse, ragged)
            self._kf_compare(input_tensor, asked)
            batch_shape, shape, batch_size, dtype = input_tensor.shape, None, None, input_tensor.dtype
        if (shape is None) == (batch_shape is None) or None not in (batch_size, batch_shape):
            raise ArgumentError(
                f"[{self.name}] expected either `shape` (without the batch dimension) and `batch_size` if known, or "
                f"`batch_shape`, got shape={shape}, batch_size={batch_size}, batch_shape={batch_shape}."
            )
        if batch_shape is None:
            batch_shape = (batch_size, *standardize_shape(shape, "shape"))
        self.batch_shape = standardize_shape(batch_shape, "batch_shape")
        if ragged and not self._kf_backend.ragged_tensors:
            raise UnsupportedError(
                f"[{self.name}] expected ragged=False, got {ragged!r}; {self._kf_backend.name} has no ragged tensors."
            )
        self._input_dtype = dtype if dtype is not None else self.variable_dtype
        self.sparse, self.ragged, self.optional = bool(sparse), bool(ragged), optional
        self.built = True
        out = (
            input_tensor
            if input_tensor is not None
            else KerasTensor(self.batch_shape, self._input_dtype, self.sparse, self.ragged, name=self.name)
        )
        Node(self, (), {}, out)

    def _kf_compare(self, x: KerasTensor, asked: Sequence[object]) -> None:
        """Refuse options that are not those of the given tensor."""
        found = (x.shape[1:], *x.shape[:1], x.shape, x.dtype, x.sparse, x.ragged)
        if any(want is not None and want != have for want, have in zip(asked, found, strict=bool(x.shape))):
            raise ArgumentError(f"[{self.name}] expected options that fit `input_tensor` {x!r}, got {asked}.")

    def call(self) -> None:
        """Nothing to compute."""

    @property
    def dtype(self) -> str:
        """The dtype of the data."""
        return self._inbound_nodes[0].outputs[0].dtype

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Tensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic input of a model.

    Args:
        shape: shape without the batch dimension, None for sizes that vary.
        batch_size: fixed batch size, or None.
        dtype: dtype name; floatx if None.
        sparse: whether the data will be sparse.
        ragged: whether the data will be ragged.
        batch_shape: shape with the batch dimension, instead of `shape` and `batch_size`.
        name: name of the input, by which dicts of data are matched.
        tensor: an existing KerasTensor to stand for the input.
        optional: whether None may be passed.

    Returns:
        A KerasTensor of shape ``(batch_size, *shape)``.

    Example:

    >>> import kfront
    >>> x = kfront.Input((784,))
    >>> kfront.Model(x, kfront.layers.Dense(10)(x)).output_shape
    (None, 10)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        input_tensor=tensor,
        optional=optional,
        name=name,
    )
    return layer._inbound_nodes[0].outputs[0]
