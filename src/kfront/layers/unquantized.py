"""The members around quantization that every layer has; `layers/quantized.py` has them for layers that can."""

from __future__ import annotations

from typing import Any, NoReturn

from kfront.core.errors import UnsupportedError
from kfront.core.typing import Shape


class Unquantized:
    """The part of `Layer` that says that a layer has no quantized form."""

    name: str
    _dtype_policy: Any
    quantization_config: Any = None
    _kf_writes_sublayers = False  # whether the layer's config has the configs of its sublayers

    @property
    def quantization_mode(self) -> str | None:
        """How the layer is quantized; None if it is not."""
        return self._dtype_policy.quantization_mode

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]] | None:
        """For each way of quantization the names of the variables in the order that files have; None if there is none.

        Example:

        >>> import kfront
        >>> kfront.layers.Embedding(4, 2).variable_serialization_spec["int8"]
        ['embeddings', 'embeddings_scale']
        """
        return None

    def quantize(self, mode: str | None = None, type_check: bool = True, config: object = None) -> None:
        """Keep the weight in few bits; layers that can override it.

        Raises:
            UnsupportedError: here.
        """
        self._kf_has_no("quantize")

    def _kf_quantize_to(self, policy: object) -> None:
        """Get a quantized dtype policy after the weights exist."""
        self._kf_has_no("quantize")

    def quantized_build(self, input_shape: Shape, mode: str, config: object = None) -> None:
        """Create the Variables of a quantized weight; layers that can override it.

        Raises:
            UnsupportedError: here.
        """
        self._kf_has_no("quantized_build")

    def _kf_has_no(self, method: str) -> NoReturn:
        raise UnsupportedError(
            f"[{self.name}] expected a layer with a quantized form for `{method}` (Dense, EinsumDense, Embedding, "
            f"ReversibleEmbedding), got {type(self).__name__}."
        )
