"""Functions of `K` that layers and losses consist of."""

from __future__ import annotations

from collections.abc import Sequence

from kfront import losses, ops
from kfront._legacy.backend.shapes import padded
from kfront.config import epsilon
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.typing import AnyCallable, Tensor, TensorLike
from kfront.ops.primitives.arguments import data_format as layout

Ints = Sequence[int]


def hard_sigmoid(x: TensorLike) -> Tensor:
    """``0.2 * x + 0.5`` between 0 and 1, the form before Keras 3."""
    return ops.clip(ops.add(ops.multiply(x, 0.2), 0.5), 0.0, 1.0)


def bias_add(x: TensorLike, bias: TensorLike, data_format: str | None = None) -> Tensor:
    """`x` plus one number per channel, or one for each place and channel.

    Raises:
        ShapeError: if `bias` has another rank.
    """
    first, rank = layout(data_format) == "channels_first", ops.ndim(x)
    sizes = list(ops.shape(bias))
    if len(sizes) not in (1, rank - 1):
        raise ShapeError(f"[bias_add] expected `bias` of rank 1 or {rank - 1}, got rank {len(sizes)}.")
    if first and rank > 2:
        rest = sizes[:-1] if len(sizes) > 1 else (1,) * (rank - 2)
        bias = ops.reshape(bias, (sizes[-1], *rest))
    return ops.add(x, bias)


def batch_normalization(
    x: Tensor,
    mean: TensorLike,
    var: TensorLike,
    beta: TensorLike | None,
    gamma: TensorLike | None,
    axis: int = -1,
    epsilon: float = 1e-3,
) -> Tensor:
    """`x` normalized by given statistics, times `gamma`, plus `beta`; each has one number per channel."""
    offset, scale = (None if p is None else ops.reshape(p, (-1,)) for p in (beta, gamma))
    return ops.batch_normalization(x, ops.reshape(mean, (-1,)), ops.reshape(var, (-1,)), axis, offset, scale, epsilon)


# ---- losses ----------------------------------------------------------------------------------------------------------


def binary_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False) -> Tensor:
    """The crossentropy of each element; a small number is added to probabilities before their logarithm."""
    if from_logits:
        return ops.binary_crossentropy(target, output, from_logits=True)
    output = ops.clip(output, epsilon(), 1 - epsilon())
    hit, miss = (ops.log(ops.add(p, epsilon())) for p in (output, ops.subtract(1, output)))
    return ops.negative(ops.add(ops.multiply(target, hit), ops.multiply(ops.subtract(1, target), miss)))


def binary_focal_crossentropy(
    target: TensorLike,
    output: TensorLike,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
) -> Tensor:
    """The focal loss of each element."""
    target, output = ops.expand_dims(target, -1), ops.expand_dims(output, -1)  # the mean over this axis changes nothing
    return losses.binary_focal_crossentropy(target, output, apply_class_balancing, alpha, gamma, from_logits)


def categorical_focal_crossentropy(
    target: TensorLike,
    output: TensorLike,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    axis: int = -1,
) -> Tensor:
    """The focal loss of each row."""
    return losses.categorical_focal_crossentropy(target, output, alpha, gamma, from_logits, axis=axis)


def sparse_categorical_crossentropy(
    target: TensorLike,
    output: TensorLike,
    from_logits: bool = False,
    axis: int = -1,
    ignore_class: int | None = None,
) -> Tensor:
    """The crossentropy of class numbers."""
    return losses.sparse_categorical_crossentropy(target, output, from_logits, ignore_class, axis)


# ---- convolution and pooling -----------------------------------------------------------------------------------------


def conv1d(
    x: TensorLike,
    kernel: TensorLike,
    strides: int = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int = 1,
) -> Tensor:
    """Convolution of sequences; with "causal" padding a step sees no later one."""
    if padding == "causal":
        x, padding = padded(x, [(dilation_rate * (ops.shape(kernel)[0] - 1), 0)], data_format, 1), "valid"
    return ops.conv(x, kernel, strides, padding, data_format, dilation_rate)


def _pool(rank: int) -> AnyCallable:
    def function(
        x: TensorLike,
        pool_size: Ints,
        strides: Ints = (1,) * rank,
        padding: str = "valid",
        data_format: str | None = None,
        pool_mode: str = "max",
    ) -> Tensor:
        """The largest value or the mean of each window."""
        if pool_mode not in ("max", "avg"):
            raise ArgumentError(f"[pool{rank}d] expected `pool_mode` 'max' or 'avg', got {pool_mode!r}.")
        op = ops.max_pool if pool_mode == "max" else ops.average_pool
        return op(x, tuple(pool_size), strides, padding, data_format)

    function.__name__ = function.__qualname__ = f"pool{rank}d"
    return function


pool2d, pool3d = map(_pool, (2, 3))


def conv2d_transpose(
    x: TensorLike,
    kernel: TensorLike,
    output_shape: Ints,
    strides: Ints = (1, 1),
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: Ints = (1, 1),
) -> Tensor:
    """Transposed convolution to a given shape, of several that a convolution would bring to that of `x`."""
    first = 1 if layout(data_format) == "channels_last" else 2
    wanted = [int(n) for n in tuple(output_shape)[first : first + 2]]
    whole = ops.conv_transpose(x, kernel, strides, "valid", None, data_format, dilation_rate)
    given, sizes = (ops.shape(v)[first : first + 2] for v in (x, whole))
    before, after = [], []
    for axis, n in enumerate(wanted):
        full = (given[axis] - 1) * strides[axis] + (ops.shape(kernel)[axis] - 1) * dilation_rate[axis] + 1
        before.append(max(full - n, 0) // 2 if padding == "same" else 0)
        after.append(max(before[-1] + n - sizes[axis], 0))
    whole = padded(whole, [(0, n) for n in after], data_format, 2)
    window = tuple(slice(b, b + n) for b, n in zip(before, wanted, strict=True))
    return whole[(slice(None),) * first + window]
