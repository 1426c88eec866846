"""Neural network ops: activations, normalization, losses, encodings."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from kfront.backends.tensorflow import common
from kfront.backends.tensorflow.common import (
    axes_of,
    constant,
    dims,
    nonnegative,
    product,
    raw,
    shape_vector,
    size_of,
    via,
)
from kfront.backends.tensorflow.elementwise import erf, erfc
from kfront.backends.tensorflow.linalg import matmul
from kfront.backends.tensorflow.reduce import listed
from kfront.backends.typing import Axes, Function
from kfront.core.op import OPS
from kfront.core.sparse import sparse_one_hot

Tensor = tf.Tensor
_cast, _reshape, _transpose, _select = raw("Cast"), raw("Reshape"), raw("Transpose"), raw("SelectV2")
_add, _sub, _mul, _div = raw("AddV2"), raw("Sub"), raw("Mul"), raw("RealDiv")
_matmul, _bias_add = raw("MatMul"), raw("BiasAdd")
_softmax, _log_softmax, _sigmoid = raw("Softmax"), raw("LogSoftmax"), raw("Sigmoid")
_maximum = raw("Maximum")
_HALF = (tf.float16, tf.bfloat16)
FLOATS = frozenset((tf.float32, tf.float64, *_HALF))
_less, _greater = raw("Less"), raw("Greater")


# ---- activations -----------------------------------------------------------------------------------------------------

softplus = raw("Softplus")
relu6 = raw("Relu6")
_elu, _leaky = raw("Elu"), raw("LeakyRelu")


def _along(kernel: Function[Tensor]) -> Function[Tensor]:
    """A kernel for the last axis, on any axis or axes."""

    def run(x: Tensor, axis: Axes = -1) -> Tensor:
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
    if approximate:
        cubic = _add(x, _mul(constant(0.044715, kind), _mul(x, _mul(x, x))))
        return _mul(x, _sigmoid(_mul(constant(2 * math.sqrt(2 / math.pi), kind), cubic)))
    if common.target.lite:  # whose converter knows this form as one operation, and no other error function
        normal = _add(constant(1.0, kind), erf(_mul(x, constant(math.sqrt(0.5), kind))))
        return _mul(_mul(constant(0.5, kind), x), normal)
    return _mul(_mul(constant(0.5, kind), x), erfc(_mul(x, constant(-math.sqrt(0.5), kind))))


# ---- encodings -------------------------------------------------------------------------------------------------------


def one_hot(x: Tensor, num_classes: int, axis: int, dtype: str, sparse: bool) -> Tensor:
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
    if x.dtype != tf.float32 or rank < 2 or nonnegative(axis, rank) != rank - 1 or not common.target.fused:
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


# ---- normalization and losses ----------------------------------------------------------------------------------------

_mean, _square, _rsqrt = raw("Mean"), raw("Square"), raw("Rsqrt")


def _normalized(x: Tensor, axis: Axes, epsilon: float, center: bool) -> tuple[Tensor, Tensor]:
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


def layer_normalization(x: Tensor, gamma: Tensor | None, beta: Tensor | None, axis: Axes, epsilon: float) -> Tensor:
    """Mean 0 and variance 1 over axes, then scaled and shifted."""
    out, axes = _normalized(x, axis, epsilon, True)
    out = out if gamma is None else _mul(out, _weight(gamma, out, axes))
    out = out if beta is None else _add(out, _weight(beta, out, axes))
    return out if out.dtype == x.dtype else _cast(out, x.dtype)


def rms_normalization(x: Tensor, scale: Tensor | None = None, axis: Axes = -1, epsilon: float = 1e-7) -> Tensor:
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


def _of_rows(kernel: Function[Tensor], logits: Tensor, target: Tensor) -> Tensor:
    """A fused loss, which takes rows, of logits of any rank."""
    if logits.shape.rank == 2:
        return kernel(logits, target)[0]
    rows = shape_vector((-1, size_of(logits, -1)))
    target = _reshape(target, rows if target.shape.rank == logits.shape.rank else constant((-1,)))
    return _reshape(kernel(_reshape(logits, rows), target)[0], shape_vector(dims(logits)[:-1]))


_both, _at_least = raw("LogicalAnd"), raw("GreaterEqual")
_cross_entropy, _sparse_cross_entropy = raw("SoftmaxCrossEntropyWithLogits"), raw("SparseSoftmaxCrossEntropyWithLogits")


def sparse_categorical_crossentropy(target: Tensor, output: Tensor, from_logits: bool, axis: int) -> Tensor:
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


def moments(x: Tensor, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    """Mean and variance over axes; half precision is accumulated in float32.

    With `synchronized`, the replicas of a `tf.distribute` strategy are taken together.
    """
    if x.dtype in _HALF:
        m, v = moments(_cast(x, tf.float32), axes, keepdims, synchronized)
        top = x.dtype.max
        return tuple(_cast(tf.clip_by_value(r, -top, top), x.dtype) for r in (m, v))
    axis = axes_of(x, axes)
    center = _mean(x, axis, True)
    context = tf.distribute.get_replica_context() if synchronized else None
    if context is not None and context.num_replicas_in_sync > 1:
        mean_op = tf.distribute.ReduceOp.MEAN
        center, second = context.all_reduce(mean_op, [center, _mean(_square(x), axis, True)])
        spread = tf.maximum(second - _square(center), 0)
    else:
        spread = _mean(_square(_sub(x, center)), axis, True)
    if keepdims:
        return center, spread
    return tf.squeeze(center, listed(axes, x)), tf.squeeze(spread, listed(axes, x))


_gather = raw("GatherV2")


# ---- linear maps -----------------------------------------------------------------------------------------------------

_INDEX = (tf.int32, tf.int64)


def embedding(indices: Tensor, table: Tensor) -> Tensor:
    """Rows of a table."""
    if indices.dtype not in _INDEX:
        indices = _cast(indices, tf.int32)
    return _gather(table, indices, 0)


def linear(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """x @ kernel + bias over the last axis."""
    if x.shape.rank != 2 or x.dtype not in FLOATS:
        out = matmul(x, kernel)
        return out if bias is None else _add(out, bias)
    out = _matmul(x, kernel)
    return out if bias is None else _bias_add(out, bias)
