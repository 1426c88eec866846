"""Dense with weights of -1, 0 and 1."""

from __future__ import annotations

from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import UnsupportedError
from kfront.core.options import normalisers, number
from kfront.core.typing import (
    ActivationLike,
    Config,
    ConstraintLike,
    InitializerLike,
    NamedOptions,
    RegularizerLike,
    Shape,
    Tensor,
)
from kfront.core.variable import Variable, read
from kfront.layers.core import Dense
from kfront.quantizers.functions import to_ternary


class TernaryDense(Dense):
    """``activation(inputs @ ternary(kernel) + bias)``: training sees each weight as -1, 0 or 1, times one scale.

    The kernel itself stays floating and is trained as if it were used as it is (the straight-through estimator).
    `quantize("ternary")` then keeps what it is rounded to, five values in a byte, without a change of the outputs.

    Args:
        units: number of outputs.
        threshold: weights up to this absolute value count as 0, and the scale is 1; if None, weights up to half of
            the mean absolute value, which is the scale then.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer: functions of the weights that are added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint, bias_constraint: functions applied to the weights after each update.
        **kwargs: name, trainable, dtype, autocast.

    Input: tensor of shape (batch, ..., inputs). Output: tensor of shape (batch, ..., units).

    Raises:
        ArgumentError: if `units` is not a positive int, or `threshold` neither None nor a number from 0 on.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.TernaryDense(2, threshold=0.5, use_bias=False)
    >>> layer.build((None, 2))
    >>> layer.set_weights([[[0.9, 0.1], [-0.7, 0.6]]])
    >>> kfront.ops.convert_to_numpy(layer(kfront.ops.array([[1.0, 10.0]]))).tolist()
    [[-9.0, 10.0]]

    Reference: Ma et al., 2024, https://arxiv.org/abs/2402.17764.
    """

    _kf_normalise = normalisers(threshold=number("None or >= 0", lambda x: x is None or x >= 0))
    _modes = ("ternary",)
    _kf_writes_activity_regularizer = True
    threshold: float | None

    def __init__(
        self,
        units: int,
        threshold: float | None = None,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _kf_weight(self, name: str, shape: Shape, options: str | None = None, autocast: bool = True) -> Variable:
        return super()._kf_weight(name, shape, options, autocast and name != "kernel")

    def call(self, inputs: Tensor) -> Tensor:  # type: ignore[override]
        """The layer's output, see the class."""
        if self.quantization_mode is not None:
            return super().call(inputs)
        kernel = read(self.kernel)  # in its own dtype, see `_kf_weight`: `quantize` has to find the same values
        values, scale = to_ternary(kernel, self.threshold)
        passed = ops.add(kernel, ops.stop_gradient(ops.subtract(values, kernel)))
        outputs = ops.matmul(inputs, ops.cast(ops.multiply(passed, scale), self.compute_dtype))
        outputs = outputs if self.bias is None else ops.add(outputs, read(self.bias))
        return outputs if self.activation is None else self.activation(outputs)

    def _set_lora(self, rank: Any, alpha: object) -> None:
        if rank is not None:
            raise UnsupportedError(f"[{self.name}] expected no low-rank adaptation of a ternary weight, got {rank}.")

    def get_config(self) -> Config:
        """Constructor arguments."""
        config = super().get_config()
        del config["quantization_config"]
        return config
