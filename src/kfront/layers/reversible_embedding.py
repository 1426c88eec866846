"""ReversibleEmbedding: an Embedding that also turns vectors back into scores for each number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kfront import ops
from kfront.core.dtypes import is_float, standardize
from kfront.core.options import normalisers
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import ConstraintLike, InitializerLike, RegularizerLike, Shape, Tensor
from kfront.core.variable import read
from kfront.layers.core import Embedding
from kfront.layers.options import known_axis
from kfront.layers.quantized import Layout, QuantizedWeight
from kfront.ops.primitives.dtypes import dtype_of

if TYPE_CHECKING:
    from kfront.core.variable import Variable


class ReversibleEmbedding(Embedding):
    """Turns whole numbers into trained vectors and, called with ``reverse=True``, vectors into scores of the numbers.

    Args:
        input_dim: number of rows, one more than the greatest number that occurs.
        output_dim: length of a vector.
        tie_weights: whether the way back uses the same table, transposed; otherwise it has a matrix of its own.
        embeddings_initializer: first values of the weights.
        embeddings_regularizer: function of the table that is added to the loss.
        embeddings_constraint: function applied to the table after each update.
        mask_zero: whether 0 means "nothing here": the output then carries a mask.
        reverse_dtype: dtype name in which the way back is computed; the compute dtype if None.
        logit_soft_cap: c, for scores of ``c * tanh(scores / c)`` instead; None for no cap.
        **kwargs: lora_rank, lora_alpha, name, trainable, dtype.

    Call arguments: `inputs`, integer tensor of any shape, or with `reverse` a tensor of shape (..., output_dim);
    `reverse`, whether to go back. Returns a tensor of shape (*input shape, output_dim), or (..., input_dim).

    Attributes:
        embeddings: Variable of shape (input_dim, output_dim).
        reverse_embeddings: Variable of shape (output_dim, input_dim) without `tie_weights`.

    Raises:
        ArgumentError: if a size is not a positive int.

    Reference: Press and Wolf, 2016, https://arxiv.org/abs/1608.05859.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ReversibleEmbedding(100, 16)
    >>> vectors = layer(kfront.ops.ones((2, 10), dtype="int32"))
    >>> tuple(layer(vectors, reverse=True).shape)
    (2, 10, 100)
    """

    _kf_normalise = normalisers(reverse_dtype=lambda layer, name, value: None if value is None else standardize(value))
    _takes_vectors = True  # on the way back
    reverse_embeddings: Any = None
    tie_weights: bool
    reverse_dtype: str | None
    logit_soft_cap: float | None

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        reverse_dtype: str | None = None,
        logit_soft_cap: float | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def build(self, input_shape: Shape | None = None) -> None:
        """Create the table, and the matrix of the way back."""
        super().build(input_shape)
        if not self.tie_weights and self.reverse_embeddings is None and self.quantization_mode is None:
            self.reverse_embeddings = self.add_weight(
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
                name="reverse_embeddings",
            )

    def call(self, inputs: Tensor, reverse: bool = False) -> Tensor:
        """The layer's output, see the class."""
        if not reverse:
            return super().call(inputs)
        known_axis(self.name, inputs.shape)
        dtype = self.reverse_dtype or self.compute_dtype
        inputs = ops.cast(inputs, dtype)
        if self._special:
            inputs = self._rounded(inputs)
        kernel = ops.transpose(read(self.embeddings)) if self.tie_weights else read(self.reverse_embeddings)
        logits = ops.matmul(inputs, ops.cast(kernel, dtype))
        cap = self.logit_soft_cap
        return logits if cap is None else ops.multiply(ops.tanh(ops.divide(logits, cap)), cap)

    def quantized_build(self, embeddings_shape: Sequence[int], mode: str, config: object = None) -> None:
        """Create the Variables of the quantized table, and those of the way back."""
        super().quantized_build(embeddings_shape, mode, config)
        self.__dict__["_special"] = self._inputs_quantizer() is not None
        if not self.tie_weights:
            shape = (embeddings_shape[1], embeddings_shape[0])
            layout = Layout(shape, (0,), (1,), shape[1:], pack=0, zero_dtype="float32")
            name, block = "reverse_embeddings", self._block_size(config)
            self._put_quantized(name, name, layout, mode, block, self.embeddings.group)

    def _quantize(self, config: object) -> None:
        way_back = self.reverse_embeddings
        if way_back is not None:
            self._kf_disown(way_back)
        super()._quantize(config)
        if way_back is not None:
            self._assign_quantized(self.reverse_embeddings, way_back.numpy(), config)

    def _input_axes(self, rank: int) -> tuple[int, ...]:
        return (rank - 1,)

    def _file_order(self) -> list[Variable]:
        order, way_back = super()._file_order(), self.reverse_embeddings
        if not isinstance(way_back, QuantizedWeight):
            return order
        last = [v for v in way_back.variables if v is not way_back.group]
        return [*(v for v in order if all(v is not x for x in last)), *last]

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Where the numbers are not 0, with `mask_zero`; on the way back the mask of the vectors."""
        from_numbers = self.mask_zero and not _is_float(inputs)
        return ops.not_equal(inputs, 0) if from_numbers else mask

    def compute_output_shape(self, input_shape: Shape, reverse: bool = False) -> Shape:
        """(*input_shape, output_dim), or with `reverse` (..., input_dim)."""
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs: KerasTensor, reverse: bool = False) -> KerasTensor:
        """Shape and dtype of the output."""
        dtype = (self.reverse_dtype if reverse else None) or self.compute_dtype
        return Abstract(self.compute_output_shape(tuple(inputs.shape), reverse), dtype)


def _is_float(x: Tensor) -> bool:
    return is_float(dtype_of(x))
