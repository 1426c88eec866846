"""SpectralNormalization: a wrapper that keeps the spectral norm of a layer's weight at 1."""

from __future__ import annotations

from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.options import normalisers, positive
from kfront.core.typing import LayerOptions, Shape, Tensor
from kfront.core.variable import AutocastScope, read
from kfront.initializers import TruncatedNormal
from kfront.layers.base import InputSpec, Layer
from kfront.layers.derived_weight import DerivedWeight
from kfront.layers.wrappers import Wrapper

_SMALL = 1e-12  # of squared norms


class SpectralNormalization(Wrapper):
    """Divides the weight of another layer by its largest singular value at every training step.

    That bounds how much the layer can change distances, which keeps the training of generative adversarial networks
    stable. The singular value is followed by power iteration.

    Args:
        layer: a layer with a `kernel` (Dense, convolutions) or `embeddings`.
        power_iterations: number of iterations per call in training.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`, as for the layer; `training`, whether to normalize the weight.

    Output: that of the layer.

    Attributes:
        layer: the layer.
        kernel: its weight.
        vector_u: Variable of shape (1, last axis of the weight), an estimate of a singular vector.

    Raises:
        ArgumentError: if `power_iterations` is not positive, or the layer has no such weight.

    Reference: Miyato et al., 2018, https://arxiv.org/abs/1802.05957.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.SpectralNormalization(kfront.layers.Dense(4))
    >>> tuple(layer(kfront.ops.ones((2, 3)), training=True).shape)
    (2, 4)
    """

    _kf_normalise = normalisers(power_iterations=positive)
    power_iterations: int
    kernel: Any = None
    vector_u: Any = None

    def __init__(self, layer: Layer, power_iterations: int = 1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(layer, **kwargs)
        self._kf_store(locals())

    def build(self, input_shape: Shape) -> None:
        """Build the layer inside, and the estimate of the singular vector."""
        super().build(input_shape)
        self.input_spec = InputSpec(shape=(None, *input_shape[1:]))
        self._kf_take_weights()
        weight = self.kernel
        self.vector_u = self.add_weight(
            shape=(1, weight.shape[-1]),
            initializer=TruncatedNormal(stddev=0.02),
            name="vector_u",
            dtype=weight.dtype,
            trainable=False,
        )

    def _kf_take_weights(self) -> None:
        weight = next((w for n in ("kernel", "embeddings") if (w := getattr(self.layer, n, None)) is not None), None)
        if weight is None:
            raise ArgumentError(
                f"[{self.name}] expected a layer with `kernel` or `embeddings`, got {type(self.layer).__name__}."
            )
        self.kernel = weight

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The layer's output, see the class."""
        if training and not isinstance(self.kernel, DerivedWeight):
            self._normalize()
        return self.layer(inputs)

    def _normalize(self) -> None:
        """Set the weight to the normalized one; gradients are those at the new value, on every engine."""
        with AutocastScope(None):
            vector, weight = self.normalized_weights()
            now = read(self.kernel)
            self.vector_u.assign(vector)
            self.kernel.assign(ops.add(now, ops.stop_gradient(ops.subtract(weight, now))))

    def normalized_weights(self) -> tuple[Tensor, Tensor]:
        """The next estimate of the singular vector, and the weight divided by the singular value.

        Returns:
            Tensors of the shapes of `vector_u` and `kernel`.
        """
        weight, u = read(self.kernel), read(self.vector_u)
        matrix = ops.reshape(weight, (-1, weight.shape[-1]))
        v = u
        for _ in range(self.power_iterations):
            v = _unit(ops.matmul(u, ops.transpose(matrix)))
            u = _unit(ops.matmul(v, matrix))
        sigma = ops.matmul(ops.matmul(v, matrix), ops.transpose(u))
        return u, ops.divide(weight, ops.reshape(sigma, (1,) * len(weight.shape)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The layer's output shape."""
        return self.layer.compute_output_shape(input_shape)


def _unit(x: Tensor) -> Tensor:
    return ops.multiply(x, ops.rsqrt(ops.maximum(ops.sum(ops.square(x)), _SMALL)))
