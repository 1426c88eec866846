"""Neural network ops: activations, convolution, pooling, losses, attention.

Kernels on the CPU know only channels-last, so channels-first is a transpose on either side.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from kfront.backends.tensorflow import _raw
from kfront.backends.tensorflow._raw import constant, dims, nonnegative, product, raw, shape_vector, size_of, via
from kfront.core.errors import ShapeError
from kfront.core.op import OPS
from kfront.core.shapes_nn import transpose_padding
from kfront.core.sparse import sparse_one_hot

Tensor = Any
_cast, _reshape, _transpose, _select = raw("Cast"), raw("Reshape"), raw("Transpose"), raw("SelectV2")
_add, _sub, _mul, _div, _neg = raw("AddV2"), raw("Sub"), raw("Mul"), raw("RealDiv"), raw("Neg")
_softmax, _log_softmax, _sigmoid = raw("Softmax"), raw("LogSoftmax"), raw("Sigmoid")
_maximum, _minimum, _tanh, _erf = raw("Maximum"), raw("Minimum"), raw("Tanh"), raw("Erf")
_HALF = (tf.float16, tf.bfloat16)
_less, _greater = raw("Less"), raw("Greater")

# ---- activations ----------------------------------------------------------------------------------------------------

softplus = raw("Softplus")
relu6 = raw("Relu6")
_elu, _leaky = raw("Elu"), raw("LeakyRelu")


def _along(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel for the last axis, on any axis or axes."""

    def run(x: Tensor, axis: Any = -1) -> Tensor:
        rank = x.shape.rank
        if axis == -1 and rank <= 5:
            return kernel(x)
        axes = range(rank) if axis is None else axis if isinstance(axis, (tuple, list)) else (axis,)
        last = [nonnegative(a, rank) for a in axes]
        if last == [rank - 1] and rank <= 5:
            return kernel(x)
        order = [i for i in range(rank) if i not in last] + last
        moved = _transpose(x, constant(tuple(order))) if order != list(range(rank)) else x
        sizes = dims(moved)
        flat = _reshape(moved, shape_vector([-1, product(sizes[rank - len(last) :])]))  # five axes at most
        out = _reshape(kernel(flat), shape_vector(sizes))
        back = tuple(int(i) for i in np.argsort(order))
        return _transpose(out, constant(back)) if order != list(range(rank)) else out

    return run


softmax = _along(_softmax)
log_softmax = _along(_log_softmax)


def silu(x: Tensor) -> Tensor:
    """x * sigmoid(x)."""
    return _mul(x, _sigmoid(x))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x, or alpha * (exp(x) - 1) for negative x."""
    out = _elu(x)
    return out if alpha == 1.0 else _select(_greater(x, constant(0, x.dtype)), out, _mul(out, constant(alpha, x.dtype)))


def selu(x: Tensor) -> Tensor:
    """Scaled `elu` that keeps mean 0 and variance 1."""
    return via(OPS["selu"].body, tf.float32, x) if x.dtype in _HALF else OPS["selu"].body(x)


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """x, or a multiple of it for negative x."""
    if x.dtype == tf.float64:  # the kernel's slope is a float32 number
        return _select(_greater(x, constant(0, x.dtype)), x, _mul(x, constant(negative_slope, x.dtype)))
    return _leaky(x, negative_slope)


def gelu(x: Tensor, approximate: bool = True) -> Tensor:
    """x times the normal distribution function at x."""
    kind = x.dtype
    if kind in _HALF:  # the cube overflows, and its gradient would be NaN
        return via(gelu, tf.float32, x, approximate)
    half, one = constant(0.5, kind), constant(1.0, kind)
    if approximate:
        cubic = _add(x, _mul(constant(0.044715, kind), _mul(x, _mul(x, x))))
        inner = _tanh(_mul(constant(math.sqrt(2 / math.pi), kind), cubic))
    else:
        inner = _erf(_mul(x, constant(math.sqrt(0.5), kind)))
    return _mul(_mul(half, x), _add(one, inner))


# ---- convolution ----------------------------------------------------------------------------------------------------

_conv2d, _conv3d, _depthwise = raw("Conv2D"), raw("Conv3D"), raw("DepthwiseConv2dNative")
_conv2d_input, _conv3d_input = raw("Conv2DBackpropInput"), raw("Conv3DBackpropInputV2")


def _each(value: Any, rank: int) -> tuple[int, ...]:
    return (int(value),) * rank if isinstance(value, (int, np.integer)) else tuple(int(v) for v in value)


def _to_last(x: Tensor) -> Tensor:
    n = x.shape.rank
    return _transpose(x, constant((0, *range(2, n), 1)))


def _to_first(x: Tensor) -> Tensor:
    n = x.shape.rank
    return _transpose(x, constant((0, n - 1, *range(1, n - 1))))


def _channels_last(f: Callable[..., Any]) -> Callable[..., Any]:
    """Run a function of channels-last tensors on either layout; `data_format` is its fifth argument."""

    @functools.wraps(f)
    def run(x: Tensor, kernel: Any, strides: Any, padding: str, data_format: str, *rest: Any) -> Tensor:
        if data_format != "channels_first":
            return f(x, kernel, strides, padding, *rest)
        return _to_first(f(_to_last(x), kernel, strides, padding, *rest))

    return run


@functools.lru_cache(maxsize=16)
def _dilates(kind: Any) -> bool:
    """Whether the kernels for a dtype (oneDNN, CUDA) differentiate dilated and grouped convolutions; Eigen's do not."""
    with tf.init_scope():
        x, k = tf.ones((1, 5, 5, 2), kind), tf.ones((2, 2, 1, 2), kind)
        rest = ([1] * 4, "SAME", True, [], "NHWC", [1, 2, 2, 1])
        try:
            _conv2d_input([1, 5, 5, 2], k, _conv2d(x, k, *rest), *rest)
        except tf.errors.OpError:
            return False
    return True


def _stuffed(kernel: Tensor, dilation: Sequence[int]) -> Tensor:
    """A kernel with zeros between its elements: what dilation means."""
    for axis, d in enumerate(dilation):
        n = kernel.shape[axis]
        if d == 1 or n == 1:
            continue
        sizes = kernel.shape.as_list()
        wide = _reshape(kernel, constant((*sizes[: axis + 1], 1, *sizes[axis + 1 :])))
        pads = [(0, 0)] * wide.shape.rank
        pads[axis + 1] = (0, d - 1)
        wide = _reshape(raw("Pad")(wide, constant(tuple(pads))), constant((*sizes[:axis], n * d, *sizes[axis + 1 :])))
        kernel = wide[tuple([slice(None)] * axis + [slice(0, (n - 1) * d + 1)])]
    return kernel


@_channels_last
def conv(inputs: Tensor, kernel: Tensor, strides: Any, padding: str, dilation_rate: Any) -> Tensor:
    """Convolution over 1, 2 or 3 axes; grouped if the kernel takes fewer channels than there are."""
    if inputs.shape[0] == 0:  # for an empty batch the oneDNN kernel gives the shape of the input
        one = tf.zeros([1, *dims(inputs)[1:]], inputs.dtype)
        return conv(one, kernel, strides, padding, "channels_last", dilation_rate)[:0]
    rank = inputs.shape.rank - 2
    steps, dilation = _each(strides, rank), _each(dilation_rate, rank)
    groups = inputs.shape[-1] // kernel.shape[-2]
    if any(d > 1 for d in dilation) and not _dilates(inputs.dtype):
        kernel, dilation = _stuffed(kernel, dilation), (1,) * rank
    if groups > 1 and (rank == 3 or not _dilates(inputs.dtype)):
        parts = zip(tf.split(inputs, groups, -1), tf.split(kernel, groups, -1), strict=True)
        return tf.concat([_dense_conv(x, k, rank, steps, padding, dilation) for x, k in parts], -1)
    return _dense_conv(inputs, kernel, rank, steps, padding, dilation)


def _dense_conv(x: Tensor, kernel: Tensor, rank: int, steps: Any, padding: str, dilation: Any) -> Tensor:
    mode = padding.upper()
    if rank == 3:
        return _conv3d(x, kernel, [1, *steps, 1], mode, "NDHWC", [1, *dilation, 1])
    if rank == 2:
        return _conv2d(x, kernel, [1, *steps, 1], mode, True, [], "NHWC", [1, *dilation, 1])
    out = _conv2d(
        tf.expand_dims(x, 1), tf.expand_dims(kernel, 0), [1, 1, *steps, 1], mode, True, [], "NHWC", [1, 1, *dilation, 1]
    )
    return tf.squeeze(out, 1)


@_channels_last
def depthwise_conv(inputs: Tensor, kernel: Tensor, strides: Any, padding: str, dilation_rate: Any) -> Tensor:
    """One filter (or several) for each channel.

    Dilation is always written into the kernel: with `dilations`, the oneDNN kernel's gradients are wrong (TensorFlow
    2.21; the forward pass is right), and Eigen has none.
    """
    rank = inputs.shape.rank - 2
    steps = _each(strides, rank)
    kernel = _stuffed(kernel, _each(dilation_rate, rank))
    if rank == 1:
        x, kernel = tf.expand_dims(inputs, 1), tf.expand_dims(kernel, 0)
        return tf.squeeze(_depthwise(x, kernel, [1, steps[0], steps[0], 1], padding.upper()), 1)
    if steps[0] == steps[1]:
        return _depthwise(inputs, kernel, [1, *steps, 1], padding.upper())
    if padding == "same":  # unequal strides are not in the Eigen kernel: take every so many of stride 1
        inputs = _padded(inputs, kernel.shape.as_list()[:2], steps)
    out = _depthwise(inputs, kernel, [1, 1, 1, 1], "VALID")
    return out[:, :: steps[0], :: steps[1], :]


def _padded(x: Tensor, sizes: Sequence[int], steps: Sequence[int]) -> Tensor:
    """Zeros at the edges as padding "same" has them for these window sizes and strides."""
    pads: list[Any] = [[0, 0]]
    for axis, (k, s) in enumerate(zip(sizes, steps, strict=True), start=1):
        n = size_of(x, axis)
        total = (-(-n // s) - 1) * s + k - n
        total = max(total, 0) if isinstance(total, int) else tf.maximum(total, 0)
        pads.append([total // 2, total - total // 2])
    return tf.pad(x, [*pads, [0, 0]])


def conv_transpose(
    inputs: Tensor,
    kernel: Tensor,
    strides: Any = 1,
    padding: str = "valid",
    output_padding: Any = None,
    data_format: str = "channels_last",
    dilation_rate: Any = 1,
) -> Tensor:
    """Gradient of convolution by its input, as a layer.

    The whole result, of size (n - 1) * stride + window, is computed; then it is cut, or filled up with zeros at the
    end, to the size that Keras documents. "same" cuts half on the left, rounded down.
    """
    if data_format == "channels_first":
        out = conv_transpose(_to_last(inputs), kernel, strides, padding, output_padding, "channels_last", dilation_rate)
        return _to_first(out)
    rank = inputs.shape.rank - 2
    steps = _each(strides, rank)
    extra = (None,) * rank if output_padding is None else _each(output_padding, rank)
    kernel = _stuffed(kernel, _each(dilation_rate, rank))
    sizes, windows = dims(inputs), kernel.shape.as_list()[:rank]
    full = [(n - 1) * s + k for n, k, s in zip(sizes[1:-1], windows, steps, strict=True)]
    cuts = [transpose_padding(k, s, 1, padding, e) for k, s, e in zip(windows, steps, extra, strict=True)]
    out = _full_transpose(inputs, kernel, [sizes[0], *full, kernel.shape[-2]], steps)
    return _cut(out, cuts)


def _full_transpose(x: Tensor, kernel: Tensor, shape: list[Any], steps: tuple[int, ...]) -> Tensor:
    rank = len(steps)
    if rank == 3:
        return _conv3d_input(shape_vector(shape), kernel, x, [1, *steps, 1], "VALID")
    if rank == 2:
        return _conv2d_input(shape_vector(shape), kernel, x, [1, *steps, 1], "VALID")
    wide = [shape[0], 1, *shape[1:]]
    out = _conv2d_input(shape_vector(wide), tf.expand_dims(kernel, 0), tf.expand_dims(x, 1), [1, 1, *steps, 1], "VALID")
    return tf.squeeze(out, 1)


def _cut(x: Tensor, cuts: Sequence[tuple[int, int]]) -> Tensor:
    """Without so many positions at the start and end of each inner axis; negative at the end: zeros more."""
    if any(right < 0 for _, right in cuts):
        x = raw("Pad")(x, constant(((0, 0), *((0, max(-right, 0)) for _, right in cuts), (0, 0))))
    if any(left > 0 or right > 0 for left, right in cuts):
        inner = [slice(left, -right if right > 0 else None) for left, right in cuts]
        x = x[(slice(None), *inner)]
    return x


# ---- pooling --------------------------------------------------------------------------------------------------------


def _pool(flat: str, deep: str, lacks: Any) -> Callable[..., Any]:
    kernel2, kernel3 = raw(flat), raw(deep)

    def windows(x: Tensor, size: Any, steps: Any, mode: str) -> Tensor:
        if len(size) == 1:
            out = kernel2(tf.expand_dims(x, 1), [1, 1, *size, 1], [1, 1, *steps, 1], mode)
            return tf.squeeze(out, 1)
        if len(size) == 2:
            return kernel2(x, [1, *size, 1], [1, *steps, 1], mode)
        if x.dtype in lacks:  # no kernel: both kinds of pooling may go axis by axis
            return in_two(x, size, steps, mode)
        return kernel3(x, [1, *size, 1], [1, *steps, 1], mode)

    def in_two(x: Tensor, size: Any, steps: Any, mode: str) -> Tensor:
        b, d, h, w, c = dims(x)
        out = kernel2(_reshape(x, shape_vector([-1, h, w, c])), [1, *size[1:], 1], [1, *steps[1:], 1], mode)
        _, h2, w2, _ = dims(out)
        out = _reshape(out, shape_vector([b, d, h2 * w2, c]))
        out = kernel2(out, [1, size[0], 1, 1], [1, steps[0], 1, 1], mode)
        return _reshape(out, shape_vector([b, size_of(out, 1), h2, w2, c]))

    @_channels_last
    def pool(inputs: Tensor, pool_size: Any, strides: Any, padding: str) -> Tensor:
        rank = inputs.shape.rank - 2
        size = _each(pool_size, rank)
        sizes = inputs.shape.as_list()[1:-1]
        if padding == "valid" and any(n is not None and n < k for n, k in zip(sizes, size, strict=True)):
            raise ShapeError(f"[pool] expected inputs of at least the window {tuple(size)}, got sizes {tuple(sizes)}.")
        return windows(inputs, size, size if strides is None else _each(strides, rank), padding.upper())

    return pool


max_pool = _pool("MaxPool", "MaxPool3D", (tf.float64, tf.float16))
average_pool = _pool("AvgPool", "AvgPool3D", (tf.float64, tf.float16))

# ---- classification -------------------------------------------------------------------------------------------------


def one_hot(x: Tensor, num_classes: int, axis: int, dtype: str, sparse: bool) -> Any:
    """1 at the index, else 0, on a new axis; all 0 for an index out of range."""
    if sparse:
        return sparse_one_hot(x, num_classes, axis, dtype)
    kind = tf.as_dtype(dtype)
    x = x if x.dtype in (tf.int32, tf.int64, tf.uint8) else _cast(x, tf.int64)
    on, off = (True, False) if kind == tf.bool else (1, 0)
    return raw("OneHot")(x, num_classes, constant(on, kind), constant(off, kind), axis)


_fused_norm = raw("FusedBatchNormV3")


def batch_normalization_train(
    x: Tensor, offset: Tensor | None, scale: Tensor | None, axis: int, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalized by the batch's own moments; with these moments, through which no gradient flows.

    The fused kernel takes float32 with the channels last, and gives the unbiased variance.
    """
    rank = x.shape.rank
    if x.dtype != tf.float32 or rank < 2 or nonnegative(axis, rank) != rank - 1 or not _raw.target.fused:
        return OPS["batch_normalization_train"].body(x, offset, scale, axis, epsilon)
    channels = size_of(x, -1)
    scale = tf.ones((channels,), x.dtype) if scale is None else scale
    offset = tf.zeros((channels,), x.dtype) if offset is None else offset
    sizes = dims(x)
    flat = x if rank == 4 else _reshape(x, shape_vector((sizes[0], 1, -1, channels)))
    empty = constant((), tf.float32)
    y, mean, variance, *_ = _fused_norm(flat, scale, offset, empty, empty, epsilon, 1.0, "NHWC", True)
    count = tf.cast(product(sizes[:-1]), tf.float32)
    variance = _mul(variance, _div(_maximum(_sub(count, constant(1.0, tf.float32)), constant(1.0, tf.float32)), count))
    y = y if rank == 4 else _reshape(y, shape_vector(sizes))
    return y, tf.stop_gradient(mean), tf.stop_gradient(variance)


# ---- normalization and losses ---------------------------------------------------------------------------------------

_mean, _square, _rsqrt = raw("Mean"), raw("Square"), raw("Rsqrt")


def _normalized(x: Tensor, axis: Any, epsilon: float, center: bool) -> tuple[Tensor, Any]:
    """x in at least float32, (without its mean) divided by its root mean square over axes; and these axes."""
    rank = x.shape.rank
    axes = sorted(nonnegative(a, rank) for a in (axis if isinstance(axis, (tuple, list)) else (axis,)))
    wide = _cast(x, tf.float32) if x.dtype in _HALF else x
    where = constant(tuple(axes))
    if center:
        wide = _sub(wide, _mean(wide, where, True))
    factor = _rsqrt(_add(_mean(_square(wide), where, True), constant(epsilon, wide.dtype)))
    return _mul(wide, factor), axes


def _weight(w: Tensor, like: Tensor, axes: Sequence[int]) -> Tensor:
    """A weight of the shape of `axes`, so that it broadcasts."""
    rank = like.shape.rank
    if w.shape.rank != rank and list(axes) != list(range(rank - len(axes), rank)):
        w = _reshape(w, shape_vector([size_of(like, i) if i in axes else 1 for i in range(rank)]))
    return w if w.dtype == like.dtype else _cast(w, like.dtype)


def layer_normalization(
    x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None, axis: Any = -1, epsilon: float = 1e-7
) -> Tensor:
    """Mean 0 and variance 1 over axes, then scaled and shifted."""
    out, axes = _normalized(x, axis, epsilon, True)
    out = out if gamma is None else _mul(out, _weight(gamma, out, axes))
    out = out if beta is None else _add(out, _weight(beta, out, axes))
    return out if out.dtype == x.dtype else _cast(out, x.dtype)


def rms_normalization(x: Tensor, scale: Tensor | None = None, axis: Any = -1, epsilon: float = 1e-7) -> Tensor:
    """Root mean square 1 over axes, then scaled."""
    out, axes = _normalized(x, axis, epsilon, False)
    out = out if scale is None else _mul(out, _weight(scale, out, axes))
    return out if out.dtype == x.dtype else _cast(out, x.dtype)


def categorical_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1) -> Tensor:
    """-sum(target * log(probabilities)); from logits by the fused op."""
    rank = output.shape.rank
    body = OPS["categorical_crossentropy"].body
    if not from_logits or rank < 1 or nonnegative(axis, rank) != rank - 1 or target.shape.rank != rank:
        return body(target, output, from_logits, axis)
    if not target.shape.is_compatible_with(output.shape):
        return body(target, output, from_logits, axis)
    return _of_rows(_cross_entropy, output, target)


def _of_rows(kernel: Callable[..., Any], logits: Tensor, target: Tensor) -> Tensor:
    """A fused loss, which takes rows, of logits of any rank."""
    if logits.shape.rank == 2:
        return kernel(logits, target)[0]
    rows = shape_vector((-1, size_of(logits, -1)))
    target = _reshape(target, rows if target.shape.rank == logits.shape.rank else constant((-1,)))
    return _reshape(kernel(_reshape(logits, rows), target)[0], shape_vector(dims(logits)[:-1]))


_both, _at_least = raw("LogicalAnd"), raw("GreaterEqual")
_cross_entropy, _sparse_cross_entropy = raw("SoftmaxCrossEntropyWithLogits"), raw("SparseSoftmaxCrossEntropyWithLogits")


def sparse_categorical_crossentropy(
    target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """-log(probability of the class `target`), 0 for a class out of range; from logits by the fused op."""
    rank = output.shape.rank
    body = OPS["sparse_categorical_crossentropy"].body
    if not from_logits or rank < 1 or nonnegative(axis, rank) != rank - 1:
        return body(target, output, from_logits, axis)
    if target.shape.rank == rank and target.shape[-1] == 1:
        target = tf.squeeze(target, -1)
    if not target.shape.is_compatible_with(output.shape[:-1]):
        return body(target, output, from_logits, axis)
    inside = _both(_less(target, size_of(output, -1)), _at_least(target, constant(0, target.dtype)))
    safe = _select(inside, target, constant(0, target.dtype))
    loss = _of_rows(_sparse_cross_entropy, output, safe)
    return _select(inside, loss, constant(0, loss.dtype))
