"""Whole recurrent layers: the input products of all steps as one matrix product, then a loop (or TensorFlow's LSTM op).

The gradients of the loops are written out: they need one product for each step, and one for each weight at the end,
instead of accumulating every intermediate of `tf.while_loop`.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from kfront.backends.tensorflow import common
from kfront.backends.tensorflow.common import constant, raw, shape_vector, size_of
from kfront.backends.tensorflow.tuned.table import tuned
from kfront.core.op import OPS
from kfront.core.typing import Nested

Tensor = tf.Tensor
_matmul, _sigmoid, _tanh, _concat = raw("MatMul"), raw("Sigmoid"), raw("Tanh"), raw("ConcatV2")
_split, _reshape, _transpose, _select = raw("Split"), raw("Reshape"), raw("Transpose"), raw("SelectV2")
_block_lstm = raw("BlockLSTM")
_REASON = (
    "tf.while_loop keeps every intermediate of a step for its gradient, and adds up a weight gradient in each step"
)
_UNTIL = "gradients of tf.while_loop take products with constants out of the loop"
_WIDE = 96  # units from which the loop's gradient beats the one of the fused op


@tuned("lstm_sequence", reason=_REASON, benchmark="compiled_layers:LSTM", until=_UNTIL)
def lstm_sequence(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    lengths: Tensor | None,
    go_backwards: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """LSTM over sequences; gates i, f, c, o."""
    if common.target.lite:
        return OPS["lstm_sequence"].body(x, h0, c0, kernel, recurrent_kernel, bias, lengths, go_backwards)
    times = _time_major(x, lengths, go_backwards)
    units = h0.shape[-1]
    if bias is None:
        bias = tf.zeros((4 * units,), x.dtype)
    if x.dtype == tf.float32 and common.target.fused and (units < _WIDE or tf.executing_eagerly()):
        hs, cs = _fused_lstm(times, h0, c0, kernel, recurrent_kernel, bias)
    else:
        hs, cs = _lstm_loop(_projected(times, kernel, bias), h0, c0, recurrent_kernel)
    outputs, (h, c) = _finished(hs, (hs, cs), (h0, c0), lengths, go_backwards)
    return outputs, h, c


@tuned("gru_sequence", reason=_REASON, benchmark="compiled_layers:GRU", until=_UNTIL)
def gru_sequence(
    x: Tensor,
    h0: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None,
    lengths: Tensor | None,
    reset_after: bool,
    go_backwards: bool,
) -> tuple[Tensor, Tensor]:
    """GRU over sequences; gates z, r, candidate. The older form, without `reset_after`, is left to the composed op."""
    if not reset_after or common.target.lite:
        return OPS["gru_sequence"].body(x, h0, kernel, recurrent_kernel, bias, lengths, reset_after, go_backwards)
    times = _time_major(x, lengths, go_backwards)
    width = recurrent_kernel.shape[-1]
    outer, inner = bias, None
    if bias is not None and bias.shape.rank == 2:
        outer, inner = bias[0], bias[1]
    projected = _projected(times, kernel, outer if outer is not None else tf.zeros((width,), x.dtype))
    hs = _gru_loop(projected, h0, recurrent_kernel, inner if inner is not None else tf.zeros((width,), x.dtype))
    outputs, (h,) = _finished(hs, (hs,), (h0,), lengths, go_backwards)
    return outputs, h


# ---- before and after the loop --------------------------------------------------------------------------------------


def _time_major(x: Tensor, lengths: Tensor | None, go_backwards: bool) -> Tensor:
    """Time first, in the order of computation. Going backwards, the valid steps are brought to the front."""
    if go_backwards:
        x = tf.reverse(x, [1]) if lengths is None else tf.reverse_sequence(x, lengths, seq_axis=1, batch_axis=0)
    return _transpose(x, constant((1, 0, 2)))


def _projected(times: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    flat = _reshape(times, shape_vector((-1, kernel.shape[0])))
    out = tf.nn.bias_add(_matmul(flat, kernel), bias)
    return _reshape(out, shape_vector((size_of(times, 0), -1, kernel.shape[1])))


def _finished(
    hs: Tensor, sequences: Sequence[Tensor], starts: Sequence[Tensor], lengths: Tensor | None, go_backwards: bool
) -> tuple[Tensor, list[Tensor]]:
    """Outputs with the batch first, and the last states; with lengths, those of the last valid step."""
    steps = size_of(hs, 0)
    if lengths is None:
        return _transpose(hs, constant((1, 0, 2))), [s[-1] for s in sequences]
    valid = tf.sequence_mask(lengths, steps)
    outputs = _select(valid[..., None], _transpose(hs, constant((1, 0, 2))), constant(0, hs.dtype))
    if go_backwards:  # left-out steps come first in the order of computation
        place = tf.range(steps) - (steps - lengths[:, None])
        outputs = tf.gather(outputs, place % steps, axis=1, batch_dims=1)
    last = tf.stack([tf.maximum(lengths - 1, 0), tf.range(tf.shape(lengths)[0])], 1)
    ran = tf.greater(lengths, 0)[:, None]
    return outputs, [_select(ran, tf.gather_nd(s, last), start) for s, start in zip(sequences, starts, strict=True)]


# ---- LSTM -----------------------------------------------------------------------------------------------------------


def _fused_lstm(
    times: Tensor, h0: Tensor, c0: Tensor, kernel: Tensor, recurrent: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """The op wants the gates as i, c, f, o. (The gradient of its successor, BlockLSTMV2, mistakes its own order.)"""

    def ordered(w: Tensor, axis: int) -> Tensor:
        i, f, c, o = _split(axis, w, 4)
        return _concat([i, c, f, o], axis)

    none = tf.zeros((h0.shape[-1],), times.dtype)
    weights = ordered(_concat([kernel, recurrent], 0), 1)
    steps = tf.cast(size_of(times, 0), tf.int64)
    out = _block_lstm(steps, times, c0, h0, weights, none, none, none, ordered(bias, 0), 0.0, 0.0)
    return out[6], out[1]


@tf.custom_gradient
def _lstm_loop(projected: Tensor, h0: Tensor, c0: Tensor, recurrent: Tensor) -> tuple[Tensor, Tensor]:
    units = h0.shape[-1]

    def step(z: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        i, f, g, o = _split(1, z + _matmul(h, recurrent), 4)
        i, f, g, o = _sigmoid(i), _sigmoid(f), _tanh(g), _sigmoid(o)
        c = f * c + i * g
        return o * _tanh(c), c, _concat([i, f, g, o], 1)

    hs, cs, gates = _forward(step, projected, (h0, c0), 3)

    def grad(d_hs: Tensor, d_cs: Tensor) -> tuple[Tensor, ...]:
        before_c, before_h = _shifted(cs, c0), _shifted(hs, h0)
        i, f, g, o = tf.split(gates, 4, 2)
        t = _tanh(cs)
        factors = _concat([g * i * (1 - i), before_c * f * (1 - f), i * (1 - g * g)], 2)
        known = _concat([d_hs, d_cs, t * o * (1 - o), o * (1 - t * t), f, factors], 2)
        widths = tf.constant((*(units,) * 5, 3 * units))  # made here: a SavedModel's gradients must capture no tensors
        turned = tf.transpose(recurrent)

        def back(row: Tensor, dh: Tensor, dc: Tensor) -> tuple[Tensor, ...]:
            up, up_c, by_o, by_c, f, k = raw("SplitV")(row, widths, 1, 6)
            dh = dh + up
            dc = dc + up_c + dh * by_c
            dz = _concat([_concat([dc, dc, dc], 1) * k, dh * by_o], 1)
            return _matmul(dz, turned), dc * f, dz

        dh, dc, dz = _backward(back, known, (tf.zeros_like(h0), tf.zeros_like(c0)), projected.shape[-1])
        return dz, dh, dc, _weight_gradient(before_h, dz)

    return (hs, cs), grad


# ---- GRU ------------------------------------------------------------------------------------------------------------


@tf.custom_gradient
def _gru_loop(projected: Tensor, h0: Tensor, recurrent: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The reset gate is applied after the recurrent product."""
    units = h0.shape[-1]
    gate_widths = constant((2 * units, units))

    def step(x: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        inner = tf.nn.bias_add(_matmul(h, recurrent), bias)
        x_gates, x_new = raw("SplitV")(x, gate_widths, 1, 2)
        h_gates, h_new = raw("SplitV")(inner, gate_widths, 1, 2)
        gates = _sigmoid(x_gates + h_gates)
        z, r = _split(1, gates, 2)
        n = _tanh(x_new + r * h_new)
        return n + z * (h - n), _concat([gates, n, h_new], 1)

    hs, kept = _forward(step, projected, (h0,), 2)

    def grad(d_hs: Tensor) -> tuple[Tensor, ...]:
        before = _shifted(hs, h0)
        z, r, n, h_new = tf.split(kept, 4, 2)
        by_n = (1 - z) * (1 - n * n)
        known = _concat([d_hs, z, (before - n) * z * (1 - z), by_n, by_n * r, by_n * h_new * r * (1 - r)], 2)
        turned = tf.transpose(recurrent)

        def back(row: Tensor, dh: Tensor) -> tuple[Tensor, ...]:
            up, z, by_z, by_n, by_inner, by_r = _split(1, row, 6)
            dh = dh + up
            d_gates = _concat([dh * by_z, dh * by_r], 1)
            d_inner = _concat([d_gates, dh * by_inner], 1)
            return _matmul(d_inner, turned) + dh * z, _concat([d_inner, dh * by_n], 1)

        dh, both = _backward(back, known, (tf.zeros_like(h0),), 4 * units)
        d_inner = both[:, :, : 3 * units]
        d_outer = _concat([both[:, :, : 2 * units], both[:, :, 3 * units :]], 2)
        return d_outer, dh, _weight_gradient(before, d_inner), tf.reduce_sum(d_inner, [0, 1])

    return hs, grad


# ---- loops ----------------------------------------------------------------------------------------------------------


def _array(like: Tensor, steps: Tensor) -> tf.TensorArray:
    return tf.TensorArray(like.dtype, size=steps, clear_after_read=False)


def _forward(step: Tensor, inputs: Tensor, states: Sequence[Tensor], results: int) -> list[Tensor]:
    """Run over the first axis; `step` returns the new states, then more to keep. Gives the sequence of each."""
    steps = size_of(inputs, 0)
    rows = _array(inputs, steps).unstack(inputs)
    count = len(states)

    def body(t: Tensor, *carried: Tensor) -> tuple[Tensor, ...]:
        out = step(rows.read(t), *carried[:count])
        written = [a.write(t, v) for a, v in zip(carried[count:], out, strict=True)]
        return t + 1, *out[:count], *written

    start = (tf.constant(0), *states, *(_array(inputs, steps) for _ in range(results)))
    out = tf.while_loop(lambda t, *_: t < steps, body, start, maximum_iterations=steps)
    return [_known(a.stack(), inputs, None) for a in out[1 + count :]]


def _backward(step: Tensor, inputs: Tensor, states: Sequence[Tensor], width: Nested[int]) -> tuple[Tensor, ...]:
    """Run over the first axis from its end; the last result of `step` is kept. Gives the states and the sequence."""
    steps = size_of(inputs, 0)
    rows = _array(inputs, steps).unstack(inputs)

    def body(t: Tensor, *carried: Tensor) -> tuple[Tensor, ...]:
        *new, kept = step(rows.read(t), *carried[:-1])
        return t - 1, *new, carried[-1].write(t, kept)

    start = (tf.constant(steps - 1) if isinstance(steps, int) else steps - 1, *states, _array(inputs, steps))
    out = tf.while_loop(lambda t, *_: t >= 0, body, start, maximum_iterations=steps)
    return *out[1:-1], _known(out[-1].stack(), inputs, width)


def _known(x: Tensor, like: Tensor, width: Nested[int]) -> Tensor:
    """With the static sizes of time and batch that the loop forgets."""
    x.set_shape([like.shape[0], like.shape[1], width])
    return x


def _shifted(sequence: Tensor, first: Tensor) -> Tensor:
    """What each step started from."""
    return _concat([first[None], sequence[:-1]], 0)


def _weight_gradient(states: Tensor, d: Tensor) -> Tensor:
    rows, columns = states.shape[-1], d.shape[-1]  # not `constant`, as above
    return _matmul(tf.reshape(states, (-1, rows)), tf.reshape(d, (-1, columns)), True)
