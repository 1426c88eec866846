"""JAX: activations, linear maps, encodings, attention."""

from __future__ import annotations

import math
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array

from kfront.backends.jax.common import axes, canonical, compiled, on_cpu
from kfront.backends.jax.native import set_logits
from kfront.backends.typing import Axes, Function
from kfront.core.errors import ArgumentError
from kfront.core.sparse import sparse_one_hot
from kfront.core.typing import DTypeLike

Scale: TypeAlias = Array | float | None

# ---- activations -----------------------------------------------------------------------------------------------------

_softmax = compiled(1)(lambda x, axis: jax.nn.softmax(x, axis))
_log_softmax = compiled(1)(lambda x, axis: jax.nn.log_softmax(x, axis))
softplus = compiled()(jax.nn.softplus)
silu = compiled()(jax.nn.silu)
log_sigmoid = compiled()(jax.nn.log_sigmoid)


def softmax(x: Array, axis: Axes = -1) -> Array:
    """Softmax over one axis or several; over all if None."""
    y = _softmax(x, tuple(range(x.ndim)) if axis is None else axes(axis))
    if axis.__class__ is int:
        set_logits(y, x, axis)
    return y


def log_softmax(x: Array, axis: Axes = -1) -> Array:
    """Log of the softmax."""
    return _log_softmax(x, tuple(range(x.ndim)) if axis is None else axes(axis))


@compiled(1)
def gelu(x: Array, approximate: bool = True) -> Array:
    """GELU; the formula with tanh, if approximate, as a sigmoid: 1 + tanh(y) loses all digits far below 0."""
    if not approximate:
        return jax.nn.gelu(x, False)
    return x * jax.nn.sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))


@compiled()
def linear(x: Array, kernel: Array, bias: Array) -> Array:
    """Product over the last axis, plus a bias."""
    y = jnp.matmul(x, kernel)
    return y if bias is None else y + bias


# ---- encodings -------------------------------------------------------------------------------------------------------


@compiled(1, 2, 3)
def _one_hot(x: Array, num_classes: int, axis: int, dtype: str) -> Array:
    x = x if jnp.issubdtype(x.dtype, jnp.integer) else x.astype("int32")
    return jax.nn.one_hot(x, num_classes, dtype=dtype, axis=axis)


def one_hot(x: Array, num_classes: int, axis: int = -1, dtype: DTypeLike = None, sparse: bool = False) -> Array:
    """Rows of zeros with a one at the class; classes out of range give zeros only."""
    if sparse:
        return sparse_one_hot(x, num_classes, axis, dtype)
    return _one_hot(x, num_classes, axis, canonical(dtype))


# ---- attention -------------------------------------------------------------------------------------------------------


@compiled(5, 6, 7, 8)
def attention(
    q: Array, k: Array, v: Array, bias: Array, mask: Array, scale: Scale, is_causal: bool, how: Array, cap: float | None
) -> Array:
    """Attention by `jax.nn.dot_product_attention`, where it has what is asked for."""
    mask = None if mask is None else mask.astype(bool)
    kind = q.dtype
    if cap is not None or v.shape[-1] != k.shape[-1] or kind == jnp.float64:
        return attention_by_products(q, k, v, bias, mask, scale, is_causal, cap)
    if kind == jnp.float16 and on_cpu():  # XLA has no float16 products summed in float32 there
        q, k, v = (t.astype(jnp.float32) for t in (q, k, v))
    bias = None if bias is None else bias.astype(q.dtype)
    out = jax.nn.dot_product_attention(q, k, v, bias, mask, scale=scale, is_causal=is_causal, implementation=how)
    return out.astype(kind)


def attention_by_products(
    q: Array, k: Array, v: Array, bias: Array, allowed: Array, scale: Scale, is_causal: bool, cap: float | None
) -> Array:
    """What `jax.nn.dot_product_attention` lacks: a cap, values of another depth, float64."""
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


def attention_op(attend: Array) -> Function[Array]:
    """The op `dot_product_attention` by a function of its operands and (scale, causal, implementation, cap)."""

    def dot_product_attention(
        query: Array,
        key: Array,
        value: Array,
        bias: Array | None = None,
        mask: Array | None = None,
        scale: Scale = None,
        is_causal: bool = False,
        flash_attention: bool | None = None,
        attn_logits_soft_cap: float | None = None,
    ) -> Array:
        """Attention over (batch, length, heads, size)."""
        if attn_logits_soft_cap is not None and flash_attention:
            raise ArgumentError(
                "[dot_product_attention] expected no `attn_logits_soft_cap` with flash_attention=True on JAX."
            )
        cap = None if attn_logits_soft_cap is None else float(attn_logits_soft_cap)
        how = "cudnn" if flash_attention else None
        return attend(query, key, value, bias, mask, scale, bool(is_causal), how, cap)

    return dot_product_attention


dot_product_attention = attention_op(attention)


def embedding(indices: Array, table: Array) -> Array:
    """Rows of `table`."""
    return _rows(table, indices)


_rows = compiled()(lambda table, indices: jnp.take(table, indices, 0))
