"""Recurrent sequences on torch's fused kernels.

torch keeps weights as (gates * units, features), in the order i, f, g, o for an LSTM, which is Keras's, and r, z, n
for a GRU, where Keras has z, r, h.

Padded batches need no packing, which is several times slower on the CPU and waits for the lengths on a GPU: one more
feature is 1 past the end of a sequence, and its weights shut the gates so that the state stays exactly as it is.
"""

from __future__ import annotations

import torch

from kfront.backends.torch.tuned.table import tuned
from kfront.backends.typing import Function
from kfront.core.op import OPS

Tensor = torch.Tensor
_VF = torch._VF  # type: ignore[attr-defined]
_exporting = getattr(torch.compiler, "is_exporting", lambda: False)  # since torch 2.7
_REASON = (
    "a step takes a dozen kernels otherwise; packed sequences are several times slower than padded "
    "ones on CPU; torch.compile takes the kernel apart into a dozen nodes for each step, and compiles for minutes"
)
_UNTIL = "torch.compile keeps recurrent kernels whole, and takes lengths without packing"
_SHUT = 1e4  # far beyond where a sigmoid is 0 or 1, and a number that float16 has


@tuned("lstm_sequence", reason=_REASON, benchmark="compiled_layers:LSTM padded", until=_UNTIL)
def lstm_sequence(
    x: Tensor,
    h0: Tensor,
    c0: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    biases = [] if bias is None else [bias, torch.zeros_like(bias)]
    weights = [kernel, recurrent_kernel.t(), *biases]
    return _run(_VF.lstm, x, (h0, c0), weights, (-_SHUT, _SHUT, 0.0, 0.0), lengths, go_backwards)


@tuned("gru_sequence", reason=_REASON, benchmark="compiled_layers:GRU", until=_UNTIL)
def gru_sequence(
    x: Tensor,
    h0: Tensor,
    kernel: Tensor,
    recurrent_kernel: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    reset_after: bool = True,
    go_backwards: bool = False,
) -> tuple[Tensor, Tensor]:
    if not reset_after:  # torch has only the form that resets after the product
        body = OPS["gru_sequence"].body
        return body(x, h0, kernel, recurrent_kernel, bias, lengths, reset_after, go_backwards)  # type: ignore[misc]
    biases: list[Tensor] = []
    if bias is not None:
        bias = _gates(bias)
        biases = [bias[0], bias[1]] if bias.ndim == 2 else [bias, torch.zeros_like(bias)]
    weights = [_gates(kernel), _gates(recurrent_kernel).t(), *biases]
    return _run(_VF.gru, x, (h0,), weights, (0.0, _SHUT, 0.0), lengths, go_backwards)


def _gates(weight: Tensor) -> Tensor:
    """From the order z, r, h to r, z, n."""
    z, r, h = weight.chunk(3, -1)
    return torch.cat([r, z, h], -1)


def _run(
    kernel: Function[Tensor],
    x: Tensor,
    carry: tuple[Tensor, ...],
    weights: list[Tensor],
    shut: tuple[float, ...],
    lengths: Tensor | None,
    backwards: bool,
) -> Tensor:
    """(outputs, *last states), time by time from the end if `backwards`.

    Args:
        kernel: torch's function.
        x: (batch, time, features).
        carry: the states to begin with.
        weights: input weights (features, gates * units), recurrent weights and biases as torch has them.
        shut: for each gate, the weight of the feature that keeps the state.
        lengths: valid steps of each sequence, or None.
        backwards: whether time runs from the end.
    """
    if lengths is None:
        x = torch.flip(x, (1,)) if backwards else x
        return _call(kernel, x, carry, weights)
    lengths = lengths.to(torch.int64).unsqueeze(-1)
    times = torch.arange(x.shape[1], device=x.device)
    if backwards:
        back = lengths - 1 - times
        x = _along_time(x, torch.where(back >= 0, back, times))
    past = (times >= lengths).unsqueeze(-1)
    row = torch.tensor(shut, dtype=x.dtype, device=x.device).repeat_interleave(carry[0].shape[-1])
    weights = [torch.cat([weights[0], row.unsqueeze(0)]), *weights[1:]]
    out, *last = _call(kernel, torch.cat([x, past.to(x.dtype)], -1), carry, weights)
    out = out.masked_fill(past, 0.0)
    end = _along_time(out, (lengths - 1).clamp(min=0)).squeeze(1)
    last[0] = torch.where(lengths > 0, end, carry[0])
    if backwards:
        at = times - (x.shape[1] - lengths)
        out = _along_time(out, at.clamp(min=0)).masked_fill((at < 0).unsqueeze(-1), 0.0)
    return (out, *last)


def _call(kernel: Function[Tensor], x: Tensor, carry: tuple[Tensor, ...], weights: list[Tensor]) -> tuple[Tensor, ...]:
    if torch.compiler.is_dynamo_compiling() and not _exporting():
        return _call_compiled(kernel, x, carry, weights)
    states = [h.unsqueeze(0) for h in carry]
    hx = states if len(states) > 1 else states[0]
    given = [weights[0].t(), *weights[1:]]
    trained = torch.is_grad_enabled() or torch.jit.is_tracing()  # a trace is differentiated later
    out, *last = kernel(x, hx, given, len(given) > 2, 1, 0.0, trained, False, True)
    return (out, *(h.squeeze(0) for h in last))


def _call_compiled(
    kernel: Function[Tensor], x: Tensor, carry: tuple[Tensor, ...], weights: list[Tensor]
) -> tuple[Tensor, ...]:
    from kfront.backends.torch.tuned import rnn_compiled  # registers operators; only while compiling

    given = (x.transpose(0, 1), *carry, weights[0].t(), weights[1], *(weights[2:] or [None, None]))
    op = rnn_compiled.lstm if kernel is _VF.lstm else rnn_compiled.gru
    out, *last = op(*given, torch.is_grad_enabled())
    return (out.transpose(0, 1), *last[: len(carry)])


def _along_time(x: Tensor, at: Tensor) -> Tensor:
    """The steps at (batch, position)."""
    return torch.gather(x, 1, at.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
