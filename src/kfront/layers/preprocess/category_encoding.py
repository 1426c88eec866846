"""CategoryEncoding: class numbers to vectors."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.options import normalisers, one_of, positive
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import LayerOptions, Shape, Tensor
from kfront.layers.preprocess.data_layer import DataLayer
from kfront.layers.preprocess.encoding import MODES, check_sparse, encode, encoded_shape


def _known_count(layer: CategoryEncoding, name: str, value: object) -> int:
    if value is None:
        raise ArgumentError(
            "[CategoryEncoding] expected `num_tokens`, got None; where the number of classes is not known, learn "
            "them with `IntegerLookup`."
        )
    return positive(layer, name, value)


class CategoryEncoding(DataLayer):
    """Class numbers as vectors with one place for each class.

    Args:
        num_tokens: number of classes; inputs are in [0, num_tokens), others count for nothing.
        output_mode: "one_hot" for a vector for each number; "multi_hot" or "count" for one vector for all numbers
            along the last axis.
        sparse: whether outputs are sparse tensors, where the engine has them.
        **kwargs: name, trainable, dtype.

    Call arguments:
        inputs: integers of shape (batch, n), or any other shape.
        count_weights: for "count", what each number counts; numbers of the shape of `inputs`.

    Returns:
        floating tensor of shape (batch, num_tokens), or (..., num_tokens) with "one_hot".

    Raises:
        ArgumentError: for an unknown `output_mode`, or `num_tokens` that is not a positive int.
        UnsupportedError: for `sparse` on an engine without sparse tensors.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.CategoryEncoding(num_tokens=4, output_mode="count")
    >>> kfront.ops.convert_to_numpy(layer(np.array([[0, 1, 1], [2, 0, 0]]))).tolist()
    [[1.0, 2.0, 0.0, 0.0], [2.0, 0.0, 1.0, 0.0]]
    """

    _kf_normalise = normalisers(num_tokens=_known_count, output_mode=one_of(*MODES[1:]))
    _kf_omitted = MappingProxyType({"sparse": False})
    num_tokens: int
    output_mode: str
    sparse: bool

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        check_sparse("CategoryEncoding", self._kf_backend, self.sparse, self.output_mode)

    def call(self, inputs: Tensor, count_weights: Any = None) -> Tensor:
        """The encoded numbers."""
        if count_weights is not None and self.output_mode != "count":
            raise ArgumentError(
                f"[{self.name}] expected `count_weights` with output_mode='count' only, got {self.output_mode!r}."
            )
        long = self._kf_backend.dtype_name(inputs.dtype) in ("int64", "uint64")  # as int32, 2**32 would be class 0
        classes = ops.cast(inputs, "int64" if long else "int32")
        out = encode(classes, self.num_tokens, self.output_mode, self.dtype, count_weights)
        return self._kf_backend.to_sparse(out) if self.sparse else out

    def compute_output_shape(self, input_shape: Shape, count_weights_shape: Any = None) -> Shape:
        """That of the inputs, encoded as `output_mode` says."""
        return encoded_shape(tuple(input_shape), self.num_tokens, self.output_mode)

    def compute_output_spec(self, inputs: KerasTensor, count_weights: Any = None) -> KerasTensor:
        """Shape and dtype of the result."""
        return Abstract(self.compute_output_shape(inputs.shape), self.dtype, self.sparse)
