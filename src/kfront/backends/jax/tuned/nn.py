"""Linear maps, normalization, losses and attention on JAX."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from kfront import config
from kfront.backends.jax.common import compiled, on_cpu
from kfront.backends.jax.elementwise import clip
from kfront.backends.jax.native import get_logits
from kfront.backends.jax.nn import Scale, attention, attention_by_products, attention_op
from kfront.backends.jax.tuned import index, linalg
from kfront.backends.jax.tuned.table import tuned
from kfront.core.op import OPS

# ---- linear maps -----------------------------------------------------------------------------------------------------


@tuned("linear", reason=linalg.REASON, benchmark="tuned:linear", until=linalg.UNTIL)
@compiled()
def linear(x: Array, kernel: Array, bias: Array) -> Array:
    """Product over the last axis, plus a bias."""
    y = linalg.product(x, kernel)
    return y if bias is None else y + bias


@tuned("embedding", reason=f"as of `take`: {index.FILL}", benchmark="tuned:embedding", until=index.UNTIL)
def embedding(indices: Array, table: Array) -> Array:
    """Rows of `table`."""
    return index.taken_rows(table, indices, 0)


# ---- normalization ---------------------------------------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _moments(x: Array, over: tuple[int, ...]) -> tuple[Array, Array]:
    """Mean and variance, in one reading of `x` where no digits are lost by it.

    E[x^2] - E[x]^2 is good while no mean is further from 0 than three standard deviations.
    """
    mean = jnp.mean(x, over)

    def centered() -> Array:
        return jnp.mean(jnp.square(x - jnp.expand_dims(mean, over)), over)

    if not on_cpu():
        return mean, centered()
    square = jnp.square(mean)
    variance = jnp.mean(jnp.square(x), over) - square
    return mean, lax.cond(jnp.all(square <= 9 * variance), lambda: variance, centered)


@_moments.defjvp
def _moments_jvp(over: tuple[int, ...], primals: Array, tangents: Array) -> tuple[Array, Array]:
    (x,), (dx,) = primals, tangents
    mean, variance = _moments(x, over)
    centered = x - jnp.expand_dims(mean, over)  # its mean is 0: what the mean adds to the variance drops out
    return (mean, variance), (jnp.mean(dx, over), 2 * jnp.mean(centered * dx, over))


@tuned(
    "batch_normalization_train",
    reason="XLA on CPU reads the batch once more for E[(x - E[x])^2] than for E[x^2] - E[x]^2, and memory is the limit "
    "at the size of activations",
    benchmark="compiled_layers:BatchNormalization",
    until="XLA computes mean and variance in one pass over memory",
)
@compiled(3, 4)
def batch_normalization_train(
    x: Array, offset: Array, scale: Array, axis: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """Normalized by the batch's own moments; with these moments, through which no gradient flows."""
    own = axis % x.ndim
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    mean, variance = _moments(wide, tuple(i for i in range(x.ndim) if i != own))
    mean, variance = mean.astype(x.dtype), variance.astype(x.dtype)
    y = OPS["batch_normalization"].body(x, mean, variance, axis, offset, scale, epsilon)
    return y, lax.stop_gradient(mean), lax.stop_gradient(variance)


# ---- losses ----------------------------------------------------------------------------------------------------------

_FEW = 128  # classes: among so many, one is found by comparing them all; no scatter comes with its gradient


@compiled(2, 3, 4)
def _picked_crossentropy(target: Array, output: Array, kind: str, axis: int, least: float) -> Array:
    """Of logits ("logits"), of probabilities that are cut at `least`, or of their logits ("softmax")."""
    count, place = output.shape[axis], jnp.expand_dims(target, axis)
    inside = (place >= 0) & (place < count)

    def pick(x: Array) -> Array:
        if isinstance(count, int) and count <= _FEW:
            number = lax.broadcasted_iota(place.dtype, x.shape, axis % x.ndim)
            return jnp.sum(jnp.where(number == place, x, 0), axis)
        return jnp.squeeze(jnp.take_along_axis(x, jnp.where(inside, place, 0), axis), axis)

    if kind == "probabilities":
        logs = jnp.log(clip(pick(output) / jnp.sum(output, axis), least, 1 - least))
    else:
        logs = pick(jax.nn.log_softmax(output, axis))
        if kind == "softmax":
            logs = clip(logs, math.log(least), math.log1p(-least))
    return jnp.where(jnp.squeeze(inside, axis), -logs, 0)


@tuned(
    "sparse_categorical_crossentropy",
    reason="the composed form makes one-hot rows of the class numbers; XLA on CPU adds one element at a time "
    "in the gradient of a gather, so few classes are compared instead; a softmax is taken by its logits, in half of "
    "the kernels",
    benchmark="tuned:sparse_categorical_crossentropy",
    until="XLA on CPU fuses the composed form, forward and backward",
)
def sparse_categorical_crossentropy(target: Array, output: Array, from_logits: bool = False, axis: int = -1) -> Array:
    """-log(output) of the class that is right; 0 for a class number out of range."""
    rank = output.ndim
    if -rank <= axis < rank:
        if target.ndim == rank and target.shape[axis] == 1:
            target = jnp.squeeze(target, axis)
        own = axis % rank
        if target.shape == (*output.shape[:own], *output.shape[own + 1 :]):
            kind = "logits" if from_logits else "probabilities"
            logits = None if from_logits else get_logits(output, axis)
            if logits is not None:  # the same value and gradient in half of the kernels
                kind, output = "softmax", logits
            return _picked_crossentropy(target, output, kind, axis, config.epsilon())
    return OPS["sparse_categorical_crossentropy"].body(target, output, from_logits, axis)  # says what is wrong


# ---- attention -------------------------------------------------------------------------------------------------------


@compiled(5, 6, 7, 8)
def _attention(
    q: Array, k: Array, v: Array, bias: Array, mask: Array, scale: Scale, is_causal: bool, how: Array, cap: float | None
) -> Array:
    if q.dtype == jnp.float32 and how is None and on_cpu():
        allowed = None if mask is None else mask.astype(bool)
        if q.shape[1] == 1 and bias is None and cap is None and not is_causal:
            return _of_one_target(q, k, v, allowed, scale)
        return attention_by_products(q, k, v, bias, allowed, scale, is_causal, cap)
    return attention(q, k, v, bias, mask, scale, is_causal, how, cap)


def _of_one_target(q: Array, k: Array, v: Array, allowed: Array | None, scale: Scale) -> Array:
    """Attention of one target, by products of which neither has keys and values copied into another order."""
    (batch, _, heads, size), key_heads = q.shape, k.shape[2]
    scores = jnp.einsum("bskh,bkgh->bksg", k, q.reshape(batch, key_heads, -1, size))
    scores = scores * (size**-0.5 if scale is None else scale)
    if allowed is not None:
        allowed = jnp.broadcast_to(allowed, (batch, heads, 1, k.shape[1]))
        allowed = jnp.swapaxes(allowed.reshape(batch, key_heads, -1, k.shape[1]), 2, 3)
        scores = jnp.where(allowed, scores, 0.7 * jnp.finfo(scores.dtype).min)
    return jnp.einsum("bksg,bskh->bkgh", jax.nn.softmax(scores, 2), v).reshape(batch, 1, heads, v.shape[-1])


dot_product_attention = tuned(
    "dot_product_attention",
    reason="jax.nn.dot_product_attention takes 1.6 times as long on CPU as its products and softmax one by one",
    benchmark="compiled_layers:MultiHeadAttention",
    until="the row is as fast with the plain form",
)(attention_op(_attention))
