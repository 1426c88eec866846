"""Neural network ops: normalization, attention, encodings, losses, and the products that layers are made of."""

from __future__ import annotations

import math
from typing import Any

from kfront.core import shapes, shapes_nn
from kfront.core.dtypes import floating, result_type, static_rule, to_float
from kfront.core.errors import ShapeError
from kfront.core.op import in_front_of, op
from kfront.core.sparse import sparse_multi_hot
from kfront.core.spec import KerasTensor
from kfront.ops._prepare import dtype_name, epsilon
from kfront.ops.arithmetic import add, divide, maximum, multiply, subtract
from kfront.ops.create import arange
from kfront.ops.elementwise import cast, dtype_of, exp, limits, log, log1p, negative, rsqrt, square, tanh
from kfront.ops.index import take, take_along_axis
from kfront.ops.logic import greater_equal, less, logical_and, where
from kfront.ops.matrix import einsum, matmul, norm
from kfront.ops.nn_activation import log_softmax, softmax
from kfront.ops.reduce import max, mean, sum, var
from kfront.ops.shape import dim, expand_dims, repeat, reshape, squeeze

_HALF = ("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2")


def _widen(x: Any) -> Any:
    """`x` in float32 if it is a half: sums of halves are not accurate."""
    return cast(x, "float32") if dtype_of(x) in _HALF else x


# ---- products -------------------------------------------------------------------------------------------------------


def _linear_rule(*dtypes: Any) -> tuple[Any, Any]:
    d = result_type(*dtypes)
    d = "int32" if d == "int8" else d  # as matmul
    return d, d


@op(("x", "kernel", "bias"), _linear_rule, zeros="filled")
def linear(x: Any, kernel: Any, bias: Any = None) -> Any:
    """Product over the last axis, plus a bias: the heart of a dense layer.

    Args:
        x: tensor of shape (..., k).
        kernel: tensor of shape (k, n).
        bias: tensor of shape (n,), or None.

    Returns:
        tensor of shape (..., n), in the promoted dtype; int8 gives int32.
    """
    y = matmul(x, kernel)
    return y if bias is None else add(y, bias)


def _table_rule(indices: Any, table: Any) -> tuple[Any, Any]:
    return None, result_type(table)


_table_rule.keeps = True  # type: ignore[attr-defined]


@op(2, _table_rule, zeros="filled")
def embedding(indices: Any, table: Any) -> Any:
    """Rows of a table.

    Args:
        indices: integer tensor of any shape.
        table: tensor of shape (rows, n).

    Returns:
        tensor of shape indices.shape + (n,), in the dtype of `table`.
    """
    return take(table, indices, 0)


# ---- encodings ------------------------------------------------------------------------------------------------------


@static_rule
def _one_hot_rule(dtypes: tuple[Any, ...], dtype: Any = None, **static: Any) -> tuple[Any, Any]:
    return None, dtype


_one_hot_rule.keeps = True  # type: ignore[attr-defined]


@op(dtype=_one_hot_rule, shape=shapes_nn.one_hot, prepare={"dtype": dtype_name}, zeros="filled", home="nn")
def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """A 1 at the place of each class number, zeros elsewhere; only zeros for numbers out of range.

    Args:
        x: integer tensor of any shape.
        num_classes: number of classes.
        axis: place of the new axis in the result.
        dtype: dtype name; floatx if None.
        sparse: whether the result is a sparse tensor, on an engine that has them.

    Returns:
        tensor with an axis of length `num_classes` more.

    Raises:
        UnsupportedError: with `sparse`, on an engine without sparse tensors.

    Example:

    >>> from kfront import ops
    >>> ops.one_hot(ops.array([2, 0]), 3).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """


@op(name="multi_hot", prepare={"dtype": dtype_name}, zeros="filled", home="nn")
def _multi_hot(inputs: Any, num_classes: int, axis: int, dtype: Any, sparse: bool) -> Any:
    if sparse and not isinstance(inputs, KerasTensor):
        return sparse_multi_hot(inputs, num_classes, axis, dtype)
    return max(one_hot(inputs, num_classes, axis, dtype), 1 if len(inputs.shape) > 1 else 0)


@in_front_of(_multi_hot)
def multi_hot(
    inputs: Any, num_classes: int | None = None, axis: int = -1, dtype: Any = None, sparse: bool = False, **kwargs: Any
) -> Any:
    """A 1 at the place of every class number of a sample, zeros elsewhere.

    Args:
        inputs: integer tensor of shape (n,) or (batch, n, ...).
        num_classes: number of classes.
        axis: place of the axis of classes in the result.
        dtype: dtype name; floatx if None.
        sparse: whether the result is a sparse tensor, on an engine that has them.
        **kwargs: `num_tokens`, an old name of `num_classes`.

    Returns:
        tensor of shape (num_classes,) or (batch, num_classes, ...).

    Raises:
        ShapeError: if `num_classes` is not given.
        UnsupportedError: with `sparse`, on an engine without sparse tensors.
    """
    num_classes = kwargs.get("num_tokens") if num_classes is None else num_classes
    if num_classes is None:
        raise ShapeError("[multi_hot] expected `num_classes`, got None.")
    return _multi_hot(inputs, num_classes, axis, dtype, sparse)


# ---- normalization --------------------------------------------------------------------------------------------------


@op(dtype=floating, fuse=True, home="nn")
def moments(x: Any, axes: Any, keepdims: bool = False, synchronized: bool = False) -> Any:
    """Mean and variance over axes.

    Args:
        x: tensor; halves are computed in float32.
        axes: int or sequence of ints.
        keepdims: whether reduced axes stay, with length 1.
        synchronized: whether replicas (of `tf.distribute`, processes of `torch.distributed`) are taken together.

    Returns:
        Tuple (mean, variance) in the dtype of `x`.
    """
    axes = tuple(axes) if isinstance(axes, (list, tuple)) else axes
    y = _widen(x)
    kind = dtype_of(x)
    return cast(mean(y, axes, keepdims), kind), cast(var(y, axes, keepdims), kind)


@op(
    ("x", "mean", "variance", "offset", "scale"),
    floating,
    prepare={"epsilon": epsilon},
    fuse=True,
    home="nn",
    class_name="BatchNorm",
)
def batch_normalization(
    x: Any, mean: Any, variance: Any, axis: int, offset: Any = None, scale: Any = None, epsilon: float = 1e-3
) -> Any:
    """(x - mean) / sqrt(variance + epsilon) * scale + offset (Ioffe and Szegedy, 2015, arXiv:1502.03167).

    Args:
        x: tensor.
        mean: tensor of shape (n,), n the length of the axis.
        variance: tensor of shape (n,).
        axis: the axis that keeps its own statistics.
        offset: tensor of shape (n,), or None.
        scale: tensor of shape (n,), or None.
        epsilon: keeps the divisor away from 0.

    Returns:
        tensor of the shape of `x`, in the promoted dtype.
    """
    rank = len(x.shape)
    a = shapes.axis_of(axis, rank)
    line = tuple(-1 if i == a else 1 for i in range(rank))
    factor = rsqrt(add(variance, epsilon))
    if scale is not None:
        factor = multiply(factor, scale)
    shift = negative(multiply(mean, factor))
    if offset is not None:
        shift = add(shift, offset)
    return add(multiply(x, reshape(factor, line)), reshape(shift, line))


def _train_rule(x: Any, offset: Any, scale: Any) -> tuple[Any, Any]:
    d = to_float(result_type(x, offset, scale))
    return d, [d, d, d]


@op(("x", "offset", "scale"), _train_rule, prepare={"epsilon": epsilon})
def batch_normalization_train(x: Any, offset: Any, scale: Any, axis: int, epsilon: float) -> Any:
    """`batch_normalization` by the statistics of the batch itself, which come out as well. Not public.

    Args:
        x: tensor.
        offset: tensor of shape (n,), n the length of the axis, or None.
        scale: tensor of shape (n,), or None.
        axis: the axis that keeps its own statistics.
        epsilon: keeps the divisor away from 0.

    Returns:
        Tuple (y, mean, variance); the last two of shape (n,), biased, without gradient.
    """
    from kfront.ops.control import stop_gradient

    rank = len(x.shape)
    a = shapes.axis_of(axis, rank)
    mean, variance = moments(x, tuple(i for i in range(rank) if i != a))
    y = batch_normalization(x, mean, variance, axis, offset, scale, epsilon)
    return y, stop_gradient(mean), stop_gradient(variance)


def _along_axes(weight: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """A weight over `axes` in a shape that broadcasts to `x`."""
    rank = len(x.shape)
    if len(weight.shape) == rank or axes == tuple(range(rank - len(axes), rank)):
        return weight
    return reshape(weight, tuple(dim(x, i) if i in axes else 1 for i in range(rank)))


def _normal_rule(x: Any, *weights: Any) -> tuple[Any, Any]:
    d = to_float(result_type(x))
    return (d, *(None,) * len(weights)), d


@op(
    ("x", "gamma", "beta"),
    _normal_rule,
    name="layer_normalization",
    prepare={"epsilon": epsilon},
    fuse=True,
    home="nn",
    class_name="LayerNorm",
)
def _layer_normalization(x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: Any = None) -> Any:
    axes = tuple(sorted(shapes.axes_of(tuple(axis) if isinstance(axis, list) else axis, len(x.shape))))
    y = _widen(x)
    y = subtract(y, mean(y, axes, True))
    y = multiply(y, rsqrt(add(mean(square(y), axes, True), epsilon)))
    if gamma is not None:
        y = multiply(y, cast(_along_axes(gamma, x, axes), dtype_of(y)))
    if beta is not None:
        y = add(y, cast(_along_axes(beta, x, axes), dtype_of(y)))
    return cast(y, dtype_of(x))


@in_front_of(_layer_normalization)
def layer_normalization(
    x: Any, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: float | None = None, **kwargs: Any
) -> Any:
    """Mean 0 and variance 1 along axes, then scaled and shifted (Ba et al., 2016, arXiv:1607.06450).

    Args:
        x: tensor; halves are computed in float32.
        gamma: scale, of the shape of `x` along `axis`, or None.
        beta: shift, of the same shape, or None.
        axis: int or sequence of ints.
        epsilon: keeps the divisor away from 0; the configured one if None.
        **kwargs: `rms_scaling=True`, kept for compatibility, stands for `rms_normalization`.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    if kwargs.get("rms_scaling"):
        return rms_normalization(x, gamma, axis, epsilon)
    return _layer_normalization(x, gamma, beta, axis, epsilon)


@op(("x", "scale"), _normal_rule, prepare={"epsilon": epsilon}, fuse=True, home="nn", class_name="RMSNorm")
def rms_normalization(x: Any, scale: Any = None, axis: Any = -1, epsilon: Any = None) -> Any:
    """x divided by its root mean square along axes (Zhang and Sennrich, 2019, arXiv:1910.07467).

    Args:
        x: tensor; halves are computed in float32.
        scale: scale, of the shape of `x` along `axis`, or None.
        axis: int or sequence of ints.
        epsilon: keeps the divisor away from 0; the configured one if None.

    Returns:
        tensor of the shape and dtype of `x`.
    """
    axes = tuple(sorted(shapes.axes_of(tuple(axis) if isinstance(axis, list) else axis, len(x.shape))))
    y = _widen(x)
    y = multiply(y, rsqrt(add(mean(square(y), axes, True), epsilon)))
    if scale is not None:
        y = multiply(y, cast(_along_axes(scale, x, axes), dtype_of(y)))
    return cast(y, dtype_of(x))


@op(dtype=floating, prepare={"epsilon": epsilon}, fuse=True, home="nn")
def normalize(x: Any, axis: Any = -1, order: Any = 2, epsilon: Any = None) -> Any:
    """x divided by its norm along axes; what is shorter than `epsilon` is divided by that.

    Args:
        x: tensor; integers become floatx.
        axis: int, or a sequence of ints.
        order: order of the norm, a positive number.
        epsilon: least divisor; the configured one if None.

    Returns:
        tensor of the shape of `x`, floating.

    Raises:
        ShapeError: if `order` is not a positive number.
    """
    if not isinstance(order, (int, float)) or order < 1:
        raise ShapeError(f"[normalize] expected `order` to be a number >= 1, got {order!r}.")
    axes = shapes.axes_of(tuple(axis) if isinstance(axis, list) else axis, len(x.shape))
    if order == 2:
        total = sum(square(x), axes, True)
        return multiply(x, rsqrt(maximum(total, epsilon * epsilon)))
    return divide(x, maximum(norm(x, order, axes[0] if len(axes) == 1 else axes, True), epsilon))


# ---- attention ------------------------------------------------------------------------------------------------------


def _attention_rule(query: Any, key: Any, value: Any, bias: Any, mask: Any) -> tuple[Any, Any]:
    d = to_float(result_type(query, key, value))
    return (d, d, d, None if bias is None else to_float(result_type(bias)), None if mask is None else "bool"), d


@op(
    ("query", "key", "value", "bias", "mask"),
    _attention_rule,
    name="dot_product_attention",
    home="nn",
    call_args=("query", "key", "value", "bias", "mask", "scale"),
)
def _attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    heads, key_heads = query.shape[2], key.shape[2]
    if heads != key_heads and None not in (heads, key_heads):
        key, value = repeat(key, heads // key_heads, 2), repeat(value, heads // key_heads, 2)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = _widen(einsum("btnh,bsnh->bnts", multiply(query, scale), key))
    if attn_logits_soft_cap is not None:
        scores = multiply(attn_logits_soft_cap, tanh(divide(scores, attn_logits_soft_cap)))
    if bias is not None:
        scores = add(scores, cast(bias, dtype_of(scores)))
    allowed = _allowed(scores, mask, is_causal)
    if allowed is not None:
        scores = where(allowed, scores, 0.7 * limits(dtype_of(scores))[0])
    weights = cast(softmax(scores, -1), dtype_of(value))
    return einsum("bnts,bsnh->btnh", weights, value)


@in_front_of(_attention)
def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Any:
    """Mean of values, weighted by how well their keys fit a query (Vaswani et al., 2017, arXiv:1706.03762).

    Args:
        query: tensor of shape (batch, targets, heads, depth).
        key: tensor of shape (batch, sources, key heads, depth); key heads divide heads.
        value: tensor of shape (batch, sources, key heads, depth).
        bias: tensor that broadcasts to (batch, heads, targets, sources), added to the scores.
        mask: bool tensor that broadcasts to it; False leaves a source out.
        scale: factor of the scores; 1 / sqrt(depth) if None.
        is_causal: whether a target sees only sources that are not behind it.
        flash_attention: whether the engine's fused kernel is used; its choice if None.
        attn_logits_soft_cap: scores are squeezed into (-cap, cap) by tanh.

    Returns:
        tensor of shape (batch, targets, heads, depth), in the promoted dtype.

    Raises:
        ShapeError: if a rank is not 4.
    """
    for name, x in (("query", query), ("key", key), ("value", value)):
        if len(shapes.shape_of(x)) != 4:
            raise ShapeError(
                f"[dot_product_attention] expected `{name}` of shape (batch, length, heads, depth), "
                f"got {shapes.shape_of(x)}."
            )
    return _attention(query, key, value, bias, mask, scale, is_causal, flash_attention, attn_logits_soft_cap)


def _allowed(scores: Any, mask: Any, is_causal: bool) -> Any:
    if not is_causal:
        return mask
    targets, sources = arange(dim(scores, -2)), arange(dim(scores, -1))
    causal = greater_equal(expand_dims(targets, 1), expand_dims(sources, 0))
    return causal if mask is None else logical_and(mask, causal)


# ---- losses ---------------------------------------------------------------------------------------------------------


def _loss_rule(target: Any, output: Any) -> tuple[Any, Any]:
    d = to_float(result_type(output))
    return d, d


def _same_shape(name: str, target: Any, output: Any) -> None:
    t, o = tuple(target.shape), tuple(output.shape)
    if len(t) != len(o) or any(None not in p and p[0] != p[1] for p in zip(t, o, strict=True)):
        raise ShapeError(f"[{name}] expected `target` and `output` of one shape, got {t} and {o}.")


def _log_probabilities(output: Any, from_logits: bool, axis: int) -> Any:
    if from_logits:
        return log_softmax(output, axis)
    eps = epsilon(None)
    output = divide(output, sum(output, axis, True))
    return log(_inside(output, eps))


def _inside(x: Any, eps: float) -> Any:
    from kfront.ops.arithmetic import clip

    return clip(x, eps, 1.0 - eps)


@op(2, _loss_rule, fuse=True, home="nn")
def categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-sum(target * log(output)) along the axis of classes.

    Args:
        target: probabilities, tensor of shape (..., classes).
        output: probabilities or logits, tensor of the same shape.
        from_logits: whether `output` holds logits.
        axis: the axis of classes.

    Returns:
        tensor without that axis, in the dtype of `output`.

    Raises:
        ShapeError: if the shapes differ.
    """
    _same_shape("categorical_crossentropy", target, output)
    if not len(target.shape):
        raise ShapeError("[categorical_crossentropy] expected `target` of rank >= 1, got a scalar.")
    return negative(sum(multiply(target, _log_probabilities(output, from_logits, axis)), axis))


def _sparse_loss_rule(target: Any, output: Any) -> tuple[Any, Any]:
    d = to_float(result_type(output))
    return ("int32", d), d


@op(2, _sparse_loss_rule, home="nn")
def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
    """-log(output) of the class that is right; 0 for a class number out of range.

    Args:
        target: class numbers, integer tensor of the shape of `output` without the axis of classes (or with 1 there).
        output: probabilities or logits, tensor of shape (..., classes).
        from_logits: whether `output` holds logits.
        axis: the axis of classes.

    Returns:
        tensor of the shape of `target`, in the dtype of `output`.

    Raises:
        ShapeError: if the shapes do not fit.
    """
    rank = len(output.shape)
    if not rank:
        raise ShapeError("[sparse_categorical_crossentropy] expected `output` of rank >= 1, got a scalar.")
    a = shapes.axis_of(axis, rank)
    if len(target.shape) == rank and target.shape[a] == 1:
        target = squeeze(target, a)
    t, o = tuple(target.shape), tuple(output.shape)
    rest = o[:a] + o[a + 1 :]
    if len(t) != len(rest) or any(None not in p and p[0] != p[1] for p in zip(t, rest, strict=True)):
        raise ShapeError(
            f"[sparse_categorical_crossentropy] expected `target` of shape {rest} for `output` of shape {o}, got {t}."
        )
    logs = _log_probabilities(output, from_logits, axis)
    inside = logical_and(greater_equal(target, 0), less(target, dim(output, a)))
    picked = take_along_axis(logs, expand_dims(where(inside, target, 0), a), a)
    return where(inside, negative(squeeze(picked, a)), 0.0)


@op(2, _loss_rule, fuse=True, home="nn")
def binary_crossentropy(target: Any, output: Any, from_logits: bool = False) -> Any:
    """-(target * log(output) + (1 - target) * log(1 - output)), elementwise.

    Args:
        target: probabilities, tensor of any shape.
        output: probabilities or logits, tensor of the same shape.
        from_logits: whether `output` holds logits.

    Returns:
        tensor of that shape, in the dtype of `output`.

    Raises:
        ShapeError: if the shapes differ.
    """
    _same_shape("binary_crossentropy", target, output)
    if from_logits:
        positive = greater_equal(output, 0)  # not relu and abs: the gradient at 0 would be wrong
        smooth = log1p(exp(where(positive, negative(output), output)))
        return add(subtract(where(positive, output, 0.0), multiply(output, target)), smooth)
    output = _inside(output, epsilon(None))
    right = multiply(target, log(output))
    wrong = multiply(subtract(1.0, target), log(subtract(1.0, output)))
    return negative(add(right, wrong))


@op(2, floating, fuse=True, home="nn", class_name="PSNR")
def psnr(x1: Any, x2: Any, max_val: float) -> Any:
    """Peak signal-to-noise ratio in decibels.

    Args:
        x1: tensor.
        x2: tensor of the same shape.
        max_val: largest value a signal can take.

    Returns:
        tensor of shape (), floating.

    Raises:
        ShapeError: if the shapes differ.
    """
    _same_shape("psnr", x1, x2)
    error = mean(square(subtract(x1, x2)))
    return subtract(20 * math.log10(max_val), multiply(10 / math.log(10), log(error)))
