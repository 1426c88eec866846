"""JAX: activations, normalization, losses, attention, encodings."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kfront import config
from kfront.backends.jax.common import axes, canonical, compiled, on_cpu
from kfront.backends.jax.elementwise import clip
from kfront.backends.jax.linalg import product
from kfront.backends.jax.native import get_logits, set_logits
from kfront.backends.jax.rows import taken
from kfront.core.errors import ArgumentError
from kfront.core.op import OPS
from kfront.core.sparse import sparse_one_hot

# ---- activations -----------------------------------------------------------------------------------------------------

_softmax = compiled(1)(lambda x, axis: jax.nn.softmax(x, axis))
_log_softmax = compiled(1)(lambda x, axis: jax.nn.log_softmax(x, axis))
softplus = compiled()(jax.nn.softplus)
silu = compiled()(jax.nn.silu)
log_sigmoid = compiled()(jax.nn.log_sigmoid)


def softmax(x: Any, axis: Any = -1) -> Any:
    """Softmax over one axis or several; over all if None."""
    y = _softmax(x, tuple(range(x.ndim)) if axis is None else axes(axis))
    if axis.__class__ is int:
        set_logits(y, x, axis)
    return y


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """Log of the softmax."""
    return _log_softmax(x, tuple(range(x.ndim)) if axis is None else axes(axis))


@compiled(1)
def gelu(x: Any, approximate: bool = True) -> Any:
    """GELU, with tanh if approximate."""
    return jax.nn.gelu(x, approximate)


@compiled()
def linear(x: Any, kernel: Any, bias: Any) -> Any:
    """Product over the last axis, plus a bias."""
    y = product(x, kernel)
    return y if bias is None else y + bias


# ---- encodings -------------------------------------------------------------------------------------------------------


@compiled(1, 2, 3)
def _one_hot(x: Any, num_classes: int, axis: int, dtype: str) -> Any:
    x = x if jnp.issubdtype(x.dtype, jnp.integer) else x.astype("int32")
    return jax.nn.one_hot(x, num_classes, dtype=dtype, axis=axis)


def one_hot(x: Any, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False) -> Any:
    """Rows of zeros with a one at the class; classes out of range give zeros only."""
    if sparse:
        return sparse_one_hot(x, num_classes, axis, dtype)
    return _one_hot(x, num_classes, axis, canonical(dtype))


# ---- normalization ---------------------------------------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def _moments(x: Any, over: tuple[int, ...]) -> tuple[Any, Any]:
    """Mean and variance, in one reading of `x` where no digits are lost by it.

    On CPU, XLA reads `x` once less for E[x^2] - E[x]^2 than for E[(x - E[x])^2], which is what counts at the size of
    activations. The former is good while no mean is further from 0 than three standard deviations.
    """
    mean = jnp.mean(x, over)

    def centered() -> Any:
        return jnp.mean(jnp.square(x - jnp.expand_dims(mean, over)), over)

    if not on_cpu():
        return mean, centered()
    square = jnp.square(mean)
    variance = jnp.mean(jnp.square(x), over) - square
    return mean, lax.cond(jnp.all(square <= 9 * variance), lambda: variance, centered)


@_moments.defjvp
def _moments_jvp(over: tuple[int, ...], primals: Any, tangents: Any) -> Any:
    (x,), (dx,) = primals, tangents
    mean, variance = _moments(x, over)
    centered = x - jnp.expand_dims(mean, over)  # its mean is 0: what the mean adds to the variance drops out
    return (mean, variance), (jnp.mean(dx, over), 2 * jnp.mean(centered * dx, over))


@compiled(3, 4)
def batch_normalization_train(x: Any, offset: Any, scale: Any, axis: int, epsilon: float) -> tuple[Any, Any, Any]:
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
def _picked_crossentropy(target: Any, output: Any, kind: str, axis: int, least: float) -> Any:
    """Of logits ("logits"), of probabilities that are cut at `least`, or of their logits ("softmax")."""
    count, place = output.shape[axis], jnp.expand_dims(target, axis)
    inside = (place >= 0) & (place < count)

    def pick(x: Any) -> Any:
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


def sparse_categorical_crossentropy(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
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
def _attention(q: Any, k: Any, v: Any, bias: Any, mask: Any, scale: Any, is_causal: bool, how: Any, cap: Any) -> Any:
    mask = None if mask is None else mask.astype(bool)
    kind = q.dtype
    lacks = cap is not None or v.shape[-1] != k.shape[-1] or kind == jnp.float64
    if lacks or (kind == jnp.float32 and how is None and on_cpu()):
        return _plain_attention(q, k, v, bias, mask, scale, is_causal, cap)
    if kind == jnp.float16 and on_cpu():  # XLA has no float16 products summed in float32 there
        q, k, v = (t.astype(jnp.float32) for t in (q, k, v))
    bias = None if bias is None else bias.astype(q.dtype)
    out = jax.nn.dot_product_attention(q, k, v, bias, mask, scale=scale, is_causal=is_causal, implementation=how)
    return out.astype(kind)


def _plain_attention(q: Any, k: Any, v: Any, bias: Any, allowed: Any, scale: Any, is_causal: bool, cap: Any) -> Any:
    """What jax.nn.dot_product_attention lacks: a cap, values of another depth, float64; and on CPU it is slower."""
    groups = q.shape[2] // k.shape[2]
    k, v = (jnp.repeat(t, groups, 2) if groups > 1 else t for t in (k, v))
    logits = jnp.einsum("btnh,bsnh->bnts", q, k, preferred_element_type=jnp.promote_types(q.dtype, jnp.float32))
    logits = logits * (q.shape[-1] ** -0.5 if scale is None else scale)
    logits = logits if cap is None else cap * jnp.tanh(logits / cap)
    if bias is not None:
        logits = logits + bias
    if is_causal:
        triangle = jnp.tril(jnp.ones(logits.shape[-2:], bool))
        allowed = triangle if allowed is None else allowed & triangle
    if allowed is not None:
        logits = jnp.where(allowed, logits, 0.7 * jnp.finfo(logits.dtype).min)
    return jnp.einsum("bnts,bsnh->btnh", jax.nn.softmax(logits, -1).astype(v.dtype), v)


def dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: Any = None,
    is_causal: bool = False,
    flash_attention: Any = None,
    attn_logits_soft_cap: Any = None,
) -> Any:
    """Attention over (batch, length, heads, size)."""
    if attn_logits_soft_cap is not None and flash_attention:
        raise ArgumentError(
            "[dot_product_attention] expected no `attn_logits_soft_cap` with flash_attention=True on JAX."
        )
    cap = None if attn_logits_soft_cap is None else float(attn_logits_soft_cap)
    how = "cudnn" if flash_attention else None
    return _attention(query, key, value, bias, mask, scale, bool(is_causal), how, cap)


def embedding(indices: Any, table: Any) -> Any:
    """Rows of `table`."""
    return _rows(table, indices)


_rows = compiled()(lambda table, indices: taken(table, indices, 0))
