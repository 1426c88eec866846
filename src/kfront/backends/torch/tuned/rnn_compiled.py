"""LSTM and GRU as ops that `torch.compile` takes as they are.

torch takes its recurrent kernels apart when it compiles: a step of time becomes a dozen nodes of the graph, forward and
backward, and a layer of 128 steps minutes of compilation. Here the forward pass is torch's kernel, and the backward
pass is written out: with the outputs known, the gates of all steps are one product each, and only the chain from step
to step is left to a loop (S. Hochreiter, J. Schmidhuber, Long Short-Term Memory, 1997; K. Cho et al., Learning Phrase
Representations using RNN Encoder-Decoder, 2014, in the form whose reset gate is applied after the product).

All sequences are (time, batch, features), weights (gates * units, features), in torch's order of the gates.
"""

from __future__ import annotations

import torch
from torch.autograd.function import FunctionCtx
from torch.library import custom_op

Tensor = torch.Tensor
_VF = torch._VF  # type: ignore[attr-defined]
_tanh_backward = torch.ops.aten.tanh_backward.grad_input
_sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
Three = tuple[Tensor, Tensor, Tensor]


def _weights(w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None) -> list[Tensor]:
    return [w_ih, w_hh] if b_ih is None or b_hh is None else [w_ih, w_hh, b_ih, b_hh]


def _before(h0: Tensor, out: Tensor) -> Tensor:
    """The state that each step begins with."""
    return torch.cat([h0.unsqueeze(0), out[:-1]])


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None, gates: int) -> Tensor:
    """(time, batch, gates, units)."""
    rows = x.contiguous().flatten(0, 1)
    out = rows @ weight.t() if bias is None else torch.addmm(bias, rows, weight.t())
    return out.view(*x.shape[:2], gates, -1)


def _empty_gradients(x: Tensor, others: tuple[Tensor, ...], wanted: bool) -> tuple[Tensor, ...]:
    """What stands for gradients while a graph is made."""
    return tuple(x.new_empty(s) for s in (x.shape if wanted else (0,), *others))


def _of_products(d: Tensor, x: Tensor, weight: Tensor, wanted: bool) -> Three:
    """Gradients of an input (empty, if not wanted), the weight and the bias of a product with this gradient."""
    flat, rows = d.flatten(2).flatten(0, 1), x.flatten(0, 1)
    dx = (flat @ weight).reshape(x.shape) if wanted else x.new_empty(0)
    return dx, flat.t() @ rows, flat.sum(0)


# ---- LSTM ------------------------------------------------------------------------------------------------------------


def _has_own_backward(x: Tensor) -> bool:
    """Whether oneDNN's layer takes it, whose backward pass goes on from what the forward pass has left."""
    engine = torch.backends.mkldnn
    return x.is_cpu and x.dtype is torch.float32 and x.numel() > 0 and engine.is_available() and bool(engine.enabled)


_MODE = 2  # oneDNN's number of an LSTM


def _one_dnn(weights: tuple[Tensor, Tensor, Tensor | None, Tensor | None]) -> list[Tensor]:
    w_ih, w_hh, b_ih, b_hh = weights
    zeros = w_ih.new_zeros(len(w_ih)) if b_ih is None or b_hh is None else w_ih
    return [w_ih, w_hh, zeros if b_ih is None else b_ih, zeros if b_hh is None else b_hh]


@custom_op("kfront::lstm", mutates_args=())
def lstm(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    differentiable: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs, last output, last cell state, and an empty tensor for the backward pass alone.

    That tensor has as an attribute what oneDNN has left, of a size that only oneDNN knows. Where a compiler does not
    hand on this very tensor, the backward pass is the one that is written out.
    """
    states = (h0.unsqueeze(0), c0.unsqueeze(0))
    carrier = x.new_empty(0)
    if differentiable and _has_own_backward(x):
        given = _one_dnn((w_ih, w_hh, b_ih, b_hh))
        with torch.enable_grad():  # or nothing is left for the backward pass
            out, h, c, carrier.kept = torch.mkldnn_rnn_layer(  # type: ignore[attr-defined]
                *(x.contiguous(), *given, *states), False, [], _MODE, h0.shape[1], 1, True, False, False, True
            )
    else:
        given = _weights(w_ih, w_hh, b_ih, b_hh)
        out, h, c = _VF.lstm(x, states, given, len(given) > 2, 1, 0.0, False, False, False)
    return out.contiguous(), h[0].clone(), c[0].clone(), carrier


@lstm.register_fake
def _(x: Tensor, h0: Tensor, c0: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
    return tuple(x.new_empty(s) for s in ((x.shape[0], *h0.shape), h0.shape, c0.shape, (0,)))


@custom_op("kfront::lstm_backward", mutates_args=())
def lstm_backward(
    d_out: Tensor,
    d_h: Tensor,
    d_c: Tensor,
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    out: Tensor,
    h: Tensor,
    c: Tensor,
    carrier: Tensor,
    of_input: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x (empty, if not wanted), h0, c0, the weights and a bias."""
    kept = getattr(carrier, "kept", None)
    if kept is None:
        return _written_out((d_out, d_h, d_c), (x, h0, c0, w_ih, w_hh, b_ih, b_hh), out, of_input)
    given = _one_dnn((w_ih, w_hh, b_ih, b_hh))
    states = [s.unsqueeze(0) for s in (h0, c0)]
    last = [s.unsqueeze(0) for s in (h, c)]
    grads = [d_out.contiguous(), d_h.unsqueeze(0), d_c.unsqueeze(0)]
    dx, d_ih, d_hh, d_bias, _, dh, dc = torch.ops.aten.mkldnn_rnn_layer_backward(
        *(x.contiguous(), *given, *states, out, *last, *grads),
        *(False, _MODE, h0.shape[1], 1, True, True, False, [], False, kept),
    )
    return dx if of_input else x.new_empty(0), dh.view_as(h0), dc.view_as(c0), d_ih, d_hh, d_bias.clone()


@lstm_backward.register_fake
def _(
    d_out: Tensor,
    d_h: Tensor,
    d_c: Tensor,
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    *rest: Tensor,
) -> tuple[Tensor, ...]:
    return _empty_gradients(x, (h0.shape, c0.shape, w_ih.shape, w_hh.shape, w_ih.shape[:1]), rest[-1])


def _written_out(given: Three, inputs: tuple[Tensor, ...], out: Tensor, of_input: bool) -> tuple[Tensor, ...]:
    (d_out, d_h, d_c), (x, h0, c0, w_ih, w_hh, b_ih, b_hh) = given, inputs
    before = _before(h0, out)
    gates = _linear(x, w_ih, b_ih, 4).add_(_linear(before, w_hh, b_hh, 4))
    i, f, g, o = gates.unbind(2)
    i, f, g, o = torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
    cells = torch.empty((len(x) + 1, *c0.shape), dtype=x.dtype, device=x.device)
    cells[0] = c0
    kept, gained = f.unbind(0), (i * g).unbind(0)
    for t, c in enumerate(cells[:-1].unbind(0)):
        torch.addcmul(gained[t], kept[t], c, out=cells[t + 1])
    shown = torch.tanh(cells[1:])
    # what a gradient of the cell state (i, f, g) or of the output (o) is times at the entry of each gate
    slopes = gates
    slopes[:, :, 0] = g * i * (1 - i)
    slopes[:, :, 1] = cells[:-1] * f * (1 - f)
    slopes[:, :, 2] = i * (1 - g * g)
    slopes[:, :, 3] = shown * o * (1 - o)
    to_cell = (o * (1 - shown * shown)).unbind(0)
    d = torch.empty_like(slopes)
    by_cell, by_output = slopes[:, :, :3].unbind(0), slopes[:, :, 3].unbind(0)
    d_by_cell, d_by_output = d[:, :, :3].unbind(0), d[:, :, 3].unbind(0)
    whole, seen = d.flatten(2).unbind(0), d_out.unbind(0)
    dh, dc = seen[-1] + d_h, d_c
    for t in range(len(x) - 1, -1, -1):
        dc = torch.addcmul(dc, dh, to_cell[t])
        torch.mul(by_cell[t], dc.unsqueeze(1), out=d_by_cell[t])
        torch.mul(by_output[t], dh, out=d_by_output[t])
        dc = dc * kept[t]
        dh = torch.addmm(seen[t - 1], whole[t], w_hh) if t else whole[t] @ w_hh
    dx, d_ih, d_bias = _of_products(d, x, w_ih, of_input)
    _, d_hh, _ = _of_products(d, before, w_hh, False)
    return dx, dh, dc, d_ih, d_hh, d_bias


def _keep_lstm(ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    ctx.save_for_backward(*inputs[:-1], *output)


def _lstm_gradients(ctx: FunctionCtx, d_out: Tensor, d_h: Tensor, d_c: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
    needed = ctx.needs_input_grad
    dx, dh, dc, d_ih, d_hh, d_bias = lstm_backward(d_out, d_h, d_c, *ctx.saved_tensors, needed[0])
    of_bias = [d_bias if n else None for n in needed[5:7]]
    return dx if needed[0] else None, dh, dc, d_ih, d_hh, *of_bias, None


lstm.register_autograd(_lstm_gradients, setup_context=_keep_lstm)


# ---- GRU -------------------------------------------------------------------------------------------------------------


@custom_op("kfront::gru", mutates_args=())
def gru(
    x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None, differentiable: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Outputs, last output, and for the backward pass r and z, n, and what the reset gate is applied to, if at hand."""
    if differentiable and x.is_cpu:
        return _gru_on_cpu(x, h0, w_ih, w_hh, b_ih, b_hh)
    given = _weights(w_ih, w_hh, b_ih, b_hh)
    out, h = _VF.gru(x.contiguous(), h0.unsqueeze(0), given, len(given) > 2, 1, 0.0, False, False, False)
    return out.contiguous(), h[0].clone(), *(x.new_empty(0) for _ in range(3))


def _gru_on_cpu(
    x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None
) -> tuple[Tensor, ...]:
    """Step by step, which is what torch does there too, but leaves nothing of."""
    of_x = _linear(x, w_ih, b_ih, 3)
    gates, out = torch.empty_like(of_x[:, :, :2]), x.new_empty((len(x), *h0.shape))
    new, reset = torch.empty_like(out), torch.empty_like(out)
    of_h = x.new_empty((len(h0), len(w_hh)))
    of_rz, of_n = of_h.view(len(h0), 3, -1)[:, :2], of_h.view(len(h0), 3, -1)[:, 2]
    steps = (of_x[:, :, :2], of_x[:, :, 2], gates, gates[:, :, 0], gates[:, :, 1], new, reset, out)
    h, weight = h0, w_hh.t()
    for x_rz, x_n, rz, r, z, n, kept, o in zip(*(s.unbind(0) for s in steps), strict=True):
        torch.mm(h, weight, out=of_h) if b_hh is None else torch.addmm(b_hh, h, weight, out=of_h)
        torch.add(x_rz, of_rz, out=rz).sigmoid_()
        kept.copy_(of_n)
        torch.addcmul(x_n, r, of_n, out=n).tanh_()
        h = torch.lerp(n, h, z, out=o)
    return out, h.clone(), gates, new, reset


@gru.register_fake
def _(
    x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor | None, b_hh: Tensor | None, differentiable: bool
) -> tuple[Tensor, ...]:
    out = x.new_empty((x.shape[0], *h0.shape))
    if differentiable and x.is_cpu:
        gates = x.new_empty((x.shape[0], h0.shape[0], 2, h0.shape[1]))
        return out, h0.new_empty(h0.shape), gates, torch.empty_like(out), torch.empty_like(out)
    return out, h0.new_empty(h0.shape), *(x.new_empty(0) for _ in range(3))


@custom_op("kfront::gru_backward", mutates_args=())
def gru_backward(
    d_out: Tensor,
    d_h: Tensor,
    x: Tensor,
    h0: Tensor,
    w_ih: Tensor,
    w_hh: Tensor,
    b_ih: Tensor | None,
    b_hh: Tensor | None,
    out: Tensor,
    gates: Tensor,
    new: Tensor,
    reset: Tensor,
    of_input: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x (empty, if not wanted), h0, the weights and the biases."""
    before = _before(h0, out)
    if not len(gates):
        of_x, of_h = _linear(x, w_ih, b_ih, 3), _linear(before, w_hh, b_hh, 3)
        gates, reset = torch.sigmoid(of_x[:, :, :2] + of_h[:, :, :2]), of_h[:, :, 2]
        new = torch.tanh(torch.addcmul(of_x[:, :, 2], gates[:, :, 0], reset))
    d, d_new = x.new_empty((*gates.shape[:2], 3, gates.shape[-1])), torch.empty_like(out)
    pair = torch.empty_like(gates[0])
    of_r, of_z = pair.unbind(1)
    steps = (d_out, before, gates, gates[:, :, 0], gates[:, :, 1], new, reset)
    results = (d_new, d.flatten(2), d[:, :, :2], d[:, :, 2])
    dh = d_h
    for seen, h, rz, r, z, n, kept, d_n, entry, d_rz, d_kept in zip(
        *(s.unbind(0)[::-1] for s in (*steps, *results)), strict=True
    ):
        dh = dh + seen
        passed = dh * z
        _tanh_backward(dh - passed, n, grad_input=d_n)
        torch.mul(d_n, kept, out=of_r)
        torch.mul(dh, h - n, out=of_z)
        _sigmoid_backward(pair, rz, grad_input=d_rz)
        torch.mul(d_n, r, out=d_kept)
        dh = torch.addmm(passed, entry, w_hh)
    _, d_hh, d_bhh = _of_products(d, before, w_hh, False)
    d[:, :, 2] = d_new
    dx, d_ih, d_bih = _of_products(d, x, w_ih, of_input)
    return dx, dh, d_ih, d_hh, d_bih, d_bhh


@gru_backward.register_fake
def _(
    d_out: Tensor, d_h: Tensor, x: Tensor, h0: Tensor, w_ih: Tensor, w_hh: Tensor, *rest: Tensor
) -> tuple[Tensor, ...]:
    return _empty_gradients(x, (h0.shape, w_ih.shape, w_hh.shape, w_ih.shape[:1], w_hh.shape[:1]), rest[-1])


def _keep_gru(ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: tuple[Tensor, ...]) -> None:
    out, _, *kept = output
    ctx.save_for_backward(*inputs[:-1], out, *kept)


def _gru_gradients(ctx: FunctionCtx, d_out: Tensor, d_h: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
    needed = ctx.needs_input_grad
    dx, dh, d_ih, d_hh, d_bih, d_bhh = gru_backward(d_out, d_h, *ctx.saved_tensors, needed[0])
    of_biases = [d if n else None for d, n in zip((d_bih, d_bhh), needed[4:6], strict=True)]
    return dx if needed[0] else None, dh, d_ih, d_hh, *of_biases, None


gru.register_autograd(_gru_gradients, setup_context=_keep_gru)
