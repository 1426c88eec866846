"""Training in float8: inputs, weight and the gradient of the outputs go through 8-bit floats, with scales that follow.

Reference: Micikevicius et al., 2022, https://arxiv.org/abs/2209.05433.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfront import ops
from kfront.core.typing import Tensor, TensorLike
from kfront.core.variable import read
from kfront.quantizers.functions import compute_float8_amax_history, compute_float8_scale, quantize_and_dequantize

if TYPE_CHECKING:
    from kfront.layers.base import Layer

E4M3, E5M2 = ("float8_e4m3fn", 448.0), ("float8_e5m2", 57344.0)


class Float8:
    """The scales of one layer and their histories.

    Their new values travel as gradients, which an optimizer assigns to variables with `overwrite_with_gradient`.

    Args:
        layer: the layer, which gets the variables.
        length: how many steps the scales look back.
    """

    def __init__(self, layer: Layer, length: int) -> None:
        self.pairs: dict[str, tuple[Any, Any]] = {}
        for name in ("inputs", "kernel", "outputs_grad"):
            pair = []
            for suffix, shape, initializer in (("scale", (), "ones"), ("amax_history", (length,), "zeros")):
                variable = layer.add_weight(
                    name=f"{name}_{suffix}",
                    shape=shape,
                    dtype="float32",
                    initializer=initializer,
                    trainable=True,
                    autocast=False,
                    overwrite_with_gradient=True,
                )
                setattr(layer, f"{name}_{suffix}", variable)
                pair.append(variable)
            self.pairs[name] = (pair[0], pair[1])

    def through(self, name: str, x: Tensor, training: bool) -> Tensor:
        """`x` as float8 keeps it; in training scale and history move on, for the next step."""
        scale, history = self.pairs[name]
        dtype = x.dtype

        @ops.custom_gradient
        def pretend(x: Tensor, scale: TensorLike, history: object) -> Any:
            new = _moved(x, scale, history, E4M3[1]) if training else (scale, history)
            y = quantize_and_dequantize(x, scale, E4M3[0], dtype)

            def grad(*args: object, upstream: Tensor | None = None) -> Any:
                return args[0] if upstream is None else upstream, *new

            return y, grad

        return pretend(x, read(scale), read(history))

    def gradient_through(self, x: Tensor) -> Tensor:
        """`x` itself, whose gradient goes through float8."""
        scale, history = self.pairs["outputs_grad"]
        dtype = x.dtype

        @ops.custom_gradient
        def pretend(x: Tensor, scale: TensorLike, history: Tensor) -> Any:
            def grad(*args: Any, upstream: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
                dy = args[0] if upstream is None else upstream
                new = _moved(dy, scale, history, E5M2[1])
                return quantize_and_dequantize(dy, scale, E5M2[0], dtype), *new

            return ops.multiply(x, 1), grad

        return pretend(x, read(scale), read(history))


def _moved(x: Tensor, scale: TensorLike, history: Any, largest: float) -> tuple[Tensor, Tensor]:
    """The next scale, from the history so far, and the history with `x`."""
    return compute_float8_scale(ops.max(history), scale, largest), compute_float8_amax_history(x, history)
