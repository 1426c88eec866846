"""JAX: LSTM and GRU over a batch of sequences, in one scan.

JAX differentiates a scan step by step: each step adds a thin product to the gradient of the recurrent kernel. Here the
derivative has a rule of its own. The cell is nonlinear in its gates alone, and the steps note the slopes of those. With
them all that the tangents of inputs and weights give to the gates is one product over all steps, and what is left to a
scan is linear in the states. Transposed, for gradients, the products with the weights stand outside the scan as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_derivatives import SymbolicZero
from jax.nn import sigmoid

from kfront.backends.jax.common import compiled, on_cpu
from kfront.backends.jax.tuned.linalg import product
from kfront.backends.jax.tuned.nn import linear
from kfront.backends.jax.tuned.table import tuned
from kfront.backends.typing import Function

_REASON = "jax differentiates a scan step by step: each adds a thin product to the gradient of the recurrent kernel"
_UNTIL = "jax takes products with constants out of transposed scans"


class _Cell(NamedTuple):
    """A recurrent cell, by what the input (z) and the output of the step before (q) give to its gates.

    Attributes:
        step: of (z, q, states): the states after it, the output first, and a function that gives the slopes.
        gather: of (slopes, dz, dq), the tangents of all steps or None: what they give to each step, or None.
        tangent: of (slopes, gathered, dq, dstates): the tangents of the states after a step.
    """

    step: Callable[[Array, Array, Array], tuple[Array, Callable[[], Array]]]
    gather: Function[Array]
    tangent: Function[Array]


def _sum(*terms: Array) -> Array:
    """The sum of those that are not None; None if all are."""
    return reduce(lambda a, b: b if a is None else a if b is None else a + b, terms)


def _product(a: Array, b: Array) -> Array:
    """Of all steps at once: (time, batch, n) by (n, m); None if one of them is."""
    return None if a is None or b is None else product(a, b)


# ---- cells -----------------------------------------------------------------------------------------------------------


def _lstm_step(z: Array, q: Array, states: Array) -> tuple[Array, Callable[[], Array]]:
    c = states[1]
    i, f, g, o = jnp.split(z + q, 4, -1)
    i, f, g, o = sigmoid(i), sigmoid(f), jnp.tanh(g), sigmoid(o)
    new = f * c + i * g
    t = jnp.tanh(new)

    def slopes() -> tuple[Array, Array, Array]:
        gates = jnp.concatenate([i * (1 - i) * g, f * (1 - f) * c, (1 - g * g) * i, o * (1 - o) * t], -1)
        return gates, f, o * (1 - t * t)

    return (o * t, new), slopes


def _lstm_tangent(slopes: Array, given: Array, dq: Array, dstates: Array) -> tuple[Array, Array]:
    gates, forget, output = slopes
    di, df, dg, do = jnp.split(gates * _sum(given, dq), 4, -1)
    dc = forget * dstates[1] + di + df + dg
    return do + output * dc, dc


def _gru_step(z: Array, q: Array, states: Array) -> tuple[Array, Callable[[], Array]]:
    (h,) = states
    (xz, xr, xh), (qz, qr, qh) = jnp.split(z, 3, -1), jnp.split(q, 3, -1)
    z, r = sigmoid(xz + qz), sigmoid(xr + qr)
    g = jnp.tanh(xh + r * qh)

    def slopes() -> tuple[Array, Array, Array]:
        candidate = (1 - z) * (1 - g * g)
        gates = jnp.concatenate([(h - g) * z * (1 - z), candidate * qh * r * (1 - r), candidate], -1)
        return gates, z, r

    return (z * h + (1 - z) * g,), slopes


def _gru_gather(slopes: Array, dz: Array, dq: Array) -> Array:
    gates, _, r = slopes
    of_input = None if dz is None else sum(jnp.split(gates * dz, 3, -1))
    if dq is None:
        return of_input
    update, reset, candidate = jnp.split(gates * dq, 3, -1)
    return _sum(of_input, update + reset + r * candidate)


def _gru_tangent(slopes: Array, given: Array, dq: Array, dstates: Array) -> tuple[Array]:
    return (_sum(slopes[1] * dstates[0], given, _gru_gather(slopes, None, dq)),)


_LSTM = _Cell(_lstm_step, lambda slopes, dz, dq: _sum(dz, dq), _lstm_tangent)
_GRU = _Cell(_gru_step, _gru_gather, _gru_tangent)


# ---- the scan over time ----------------------------------------------------------------------------------------------


def _kept(valid: Array, new: Function[Array], old: Array) -> Array:
    """The states after a step: the old ones where it is left out."""
    return new if valid is None else jax.tree_util.tree_map(lambda a, b: jnp.where(valid, a, b), new, old)


def _scan(cell: _Cell, differentiated: bool, primals: tuple[Array, ...]) -> tuple[Array, Array, Array]:
    """The last states, the outputs of all steps, and the slopes at all steps where those are needed."""
    x, valid, states, kernel, recurrent, bias, inner = primals

    def step(states: Array, now: Array) -> tuple[Array, Array]:
        z, keep = now
        z = z if kernel is None else linear(z, kernel, bias)
        new, slopes = cell.step(z, linear(states[0], recurrent, inner), states)
        new = _kept(keep, new, states)
        return new, (new[0], slopes() if differentiated else None)

    last, (outputs, slopes) = lax.scan(step, states, (x, valid))
    return last, outputs, slopes


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _recur(
    cell: _Cell, x: Array, valid: Array, states: Array, kernel: Array, recurrent: Array, bias: Array, inner: Array
) -> Array:
    """The last states and the outputs of all steps; x is (time, batch, ...), what the input gives if `kernel` is None.

    Steps where `valid`, of shape (time, batch, 1), is false are left out: states and output stay.
    """
    return _scan(cell, False, (x, valid, states, kernel, recurrent, bias, inner))[:2]


@partial(_recur.defjvp, symbolic_zeros=True)
def _recur_jvp(cell: _Cell, primals: Array, tangents: Array) -> tuple[Array, Array]:
    x, valid, states, kernel, recurrent, _, _ = primals
    last, outputs, slopes = _scan(cell, True, primals)
    none = jax.tree_util.tree_map(lambda t: None if isinstance(t, SymbolicZero) else t, tangents)
    dx, _, first, dkernel, drecurrent, dbias, dinner = none
    dz = dx if kernel is None else _sum(_product(dx, kernel), _product(x, dkernel), dbias)
    before = jnp.concatenate([states[0][None], outputs])[: x.shape[0]]
    given = cell.gather(slopes, dz, _sum(_product(before, drecurrent), dinner))
    if given is not None:
        given = jnp.broadcast_to(given, (*x.shape[:2], given.shape[-1]))

    def step(dstates: Array, now: Array) -> tuple[Array, Array]:
        slopes, given, keep = now
        new = cell.tangent(slopes, given, jnp.matmul(dstates[0], recurrent), dstates)
        new = _kept(keep, new, dstates)
        return new, new[0]

    dstates = tuple(jnp.zeros_like(s) if t is None else t for s, t in zip(states, first, strict=True))
    dlast, doutputs = lax.scan(step, dstates, (slopes, given, valid))
    return (last, outputs), (dlast, doutputs)


def _over_time(x: Array, lengths: Array, backwards: bool) -> tuple[Array, Array]:
    """Time first, in the order of computation, and which steps count: (time, batch, 1), None if all."""
    x = jnp.swapaxes(x, 0, 1)
    valid = None if lengths is None else (jnp.arange(x.shape[0], dtype="int32")[:, None] < lengths)[..., None]
    if backwards:
        x, valid = jnp.flip(x, 0), None if valid is None else jnp.flip(valid, 0)
    return x, valid


def _outputs(states: Array, valid: Array) -> Array:
    """Batch first, zero where steps were left out."""
    return jnp.swapaxes(states if valid is None else jnp.where(valid, states, 0), 0, 1)


# ---- ops -------------------------------------------------------------------------------------------------------------


@tuned("lstm_sequence", reason=_REASON, benchmark="compiled_layers:LSTM", until=_UNTIL)
@compiled(7)
def lstm_sequence(
    x: Array,
    h0: Array,
    c0: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    lengths: Array | None = None,
    go_backwards: bool = False,
) -> tuple[Array, Array, Array]:
    """LSTM over (batch, time, features), gates in the order i, f, c, o: (outputs, h, c)."""
    x, valid = _over_time(x, lengths, go_backwards)
    if not on_cpu() or x.shape[-1] > h0.shape[-1]:
        x, kernel, bias = linear(x, kernel, bias), None, None  # few features: on CPU each step's own costs less
    (h, c), states = _recur(_LSTM, x, valid, (h0, c0), kernel, recurrent_kernel, bias, None)
    return _outputs(states, valid), h, c


@tuned("gru_sequence", reason=_REASON, benchmark="compiled_layers:GRU", until=_UNTIL)
@compiled(6, 7)
def gru_sequence(
    x: Array,
    h0: Array,
    kernel: Array,
    recurrent_kernel: Array,
    bias: Array | None = None,
    lengths: Array | None = None,
    reset_after: bool = True,
    go_backwards: bool = False,
) -> tuple[Array, Array]:
    """GRU over (batch, time, features), gates in the order z, r, h: (outputs, h)."""
    inner = None
    if bias is not None and reset_after and bias.ndim == 2:
        bias, inner = bias[0], bias[1]
    x, valid = _over_time(x, lengths, go_backwards)
    x = linear(x, kernel, bias)
    if reset_after:
        (h,), states = _recur(_GRU, x, valid, (h0,), None, recurrent_kernel, None, inner)
    else:
        h, states = _reset_before(x, valid, h0, recurrent_kernel)
    return _outputs(states, valid), h


def _reset_before(x: Array, valid: Array, h0: Array, recurrent: Array) -> tuple[Array, Array]:
    """The GRU of Cho et al.: its gates need two products of the state, one after the other."""
    gates, candidate = jnp.split(recurrent, [2 * h0.shape[-1]], -1)

    def step(h: Array, now: Array) -> tuple[Array, Array]:
        (xz, xr, xh), keep = jnp.split(now[0], 3, -1), now[1]
        qz, qr = jnp.split(jnp.matmul(h, gates), 2, -1)
        z, r = sigmoid(xz + qz), sigmoid(xr + qr)
        h = _kept(keep, z * h + (1 - z) * jnp.tanh(xh + jnp.matmul(r * h, candidate)), h)
        return h, h

    return lax.scan(step, h0, (x, valid))
