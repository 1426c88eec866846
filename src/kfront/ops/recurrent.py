"""Whole recurrent layers as one op, so that engines can put their fused kernels in. Not public."""

from __future__ import annotations

from typing import Any

from kfront.core.dtypes import result_type, to_float
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.control import scan
from kfront.ops.matrix import linear
from kfront.ops.shapes import swapaxes


def _rule(*dtypes: object) -> tuple[object, object]:
    """Everything in the common floating dtype, but the lengths (last) int32."""
    d = to_float(result_type(*dtypes[:-1]))
    return (*(d,) * (len(dtypes) - 1), "int32"), d


def _run(
    cell: Any, init: tuple[object, ...], x: TensorLike, projected: TensorLike, lengths: TensorLike, go_backwards: bool
) -> Any:
    """Scan `cell` over time; `init` holds the states, the first of them is the output."""
    places = p.arange(p.dim(x, 1))
    times = swapaxes(projected, 0, 1)

    def step(states: tuple[Tensor, ...], item: Any) -> Any:
        z, t = item
        new = cell(states, z)
        if lengths is None:
            return new, new[0]
        valid = p.expand_dims(p.less(t, lengths), 1)
        return tuple(p.where(valid, n, o) for n, o in zip(new, states, strict=True)), p.where(valid, new[0], 0.0)

    states, outputs = scan(step, init, (times, places), reverse=go_backwards)
    outputs = swapaxes(outputs, 0, 1)
    return (_reversed(outputs) if go_backwards else outputs), states


def _reversed(outputs: TensorLike) -> Tensor:

    return p.flip(outputs, 1)


@op(("x", "h0", "c0", "kernel", "recurrent_kernel", "bias", "lengths"), _rule)
def lstm_sequence(
    x: TensorLike,
    h0: TensorLike,
    c0: TensorLike,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: TensorLike | None = None,
    lengths: Any = None,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """LSTM over a batch of sequences (Hochreiter and Schmidhuber, 1997), tanh and sigmoid.

    Args:
        x: tensor of shape (batch, time, features).
        h0: first output, tensor of shape (batch, units).
        c0: first cell state, tensor of shape (batch, units).
        kernel: tensor of shape (features, 4 * units), gates in the order input, forget, cell, output.
        recurrent_kernel: tensor of shape (units, 4 * units).
        bias: tensor of shape (4 * units,), or None.
        lengths: int32 tensor of shape (batch,): steps from there on are left out; states stay, outputs are 0.
        go_backwards: whether time runs from the end; outputs come in the order of computation.

    Returns:
        Tuple (outputs, h, c): shape (batch, time, units), (batch, units), (batch, units).

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.recurrent import lstm_sequence
    >>> state = ops.zeros((2, 3))
    >>> outputs, h, c = lstm_sequence(ops.ones((2, 5, 4)), state, state, ops.ones((4, 12)), ops.ones((3, 12)))
    >>> tuple(outputs.shape), tuple(h.shape), tuple(c.shape)
    ((2, 5, 3), (2, 3), (2, 3))
    """

    def cell(states: tuple[Tensor, ...], z: TensorLike) -> tuple[Tensor, Tensor]:
        h, c = states
        i, f, g, o = p.split(p.add(z, p.matmul(h, recurrent_kernel)), 4, -1)
        c = p.add(p.multiply(p.sigmoid(f), c), p.multiply(p.sigmoid(i), p.tanh(g)))
        return p.multiply(p.sigmoid(o), p.tanh(c)), c

    outputs, (h, c) = _run(cell, (h0, c0), x, linear(x, kernel, bias), lengths, go_backwards)
    return outputs, h, c


@op(("x", "h0", "kernel", "recurrent_kernel", "bias", "lengths"), _rule)
def gru_sequence(
    x: TensorLike,
    h0: Tensor,
    kernel: TensorLike,
    recurrent_kernel: TensorLike,
    bias: Tensor | None = None,
    lengths: Any = None,
    reset_after: bool = True,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    """GRU over a batch of sequences (Cho et al., 2014, arXiv:1406.1078), tanh and sigmoid.

    Args:
        x: tensor of shape (batch, time, features).
        h0: first output, tensor of shape (batch, units).
        kernel: tensor of shape (features, 3 * units), gates in the order update, reset, candidate.
        recurrent_kernel: tensor of shape (units, 3 * units).
        bias: tensor of shape (3 * units,), (2, 3 * units) with `reset_after` (for input and state), or None.
        lengths: int32 tensor of shape (batch,): steps from there on are left out; the state stays, outputs are 0.
        reset_after: whether the reset gate is applied after the recurrent product.
        go_backwards: whether time runs from the end; outputs come in the order of computation.

    Returns:
        Tuple (outputs, h): shape (batch, time, units), (batch, units).

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.recurrent import gru_sequence
    >>> outputs, h = gru_sequence(ops.ones((2, 5, 4)), ops.zeros((2, 3)), ops.ones((4, 9)), ops.ones((3, 9)))
    >>> tuple(outputs.shape), tuple(h.shape)
    ((2, 5, 3), (2, 3))
    """
    state_bias: object = None
    if bias is not None and reset_after and len(bias.shape) == 2:
        bias, state_bias = p.get_item(bias, 0), p.get_item(bias, 1)
    units = h0.shape[-1]
    gates = p.get_item(recurrent_kernel, (..., slice(None, 2 * units)))
    candidate = gates if reset_after else p.get_item(recurrent_kernel, (..., slice(2 * units, None)))

    def cell(states: tuple[Tensor, ...], z: TensorLike) -> tuple[Tensor]:
        (h,) = states
        xz, xr, xh = p.split(z, 3, -1)
        if reset_after:
            hz, hr, hh = p.split(linear(h, recurrent_kernel, state_bias), 3, -1)
            update, reset = p.sigmoid(p.add(xz, hz)), p.sigmoid(p.add(xr, hr))
            new = p.tanh(p.add(xh, p.multiply(reset, hh)))
        else:
            hz, hr = p.split(p.matmul(h, gates), 2, -1)
            update, reset = p.sigmoid(p.add(xz, hz)), p.sigmoid(p.add(xr, hr))
            new = p.tanh(p.add(xh, p.matmul(p.multiply(reset, h), candidate)))
        return (p.add(p.multiply(update, h), p.multiply(p.subtract(1.0, update), new)),)

    outputs, (h,) = _run(cell, (h0,), x, linear(x, kernel, bias), lengths, go_backwards)
    return outputs, h
