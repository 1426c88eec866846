"""Recurrent sequences on torch's fused kernels.

torch keeps weights as (gates * units, features), in the order i, f, g, o for an LSTM, which is Keras's, and r, z, n
for a GRU, where Keras has z, r, h. Padded batches are packed; while compiling, where the lengths are not known, the
composed op runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from kfront.core.op import OPS

Tensor = torch.Tensor
_VF = torch._VF  # type: ignore[attr-defined]


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
    if torch.compiler.is_compiling():
        body = OPS["lstm_sequence"].body
        return body(x, h0, c0, kernel, recurrent_kernel, bias, lengths, go_backwards)  # type: ignore[misc]
    weights = [kernel.t(), recurrent_kernel.t()]
    if bias is not None:
        weights += [bias, torch.zeros_like(bias)]
    return _run(_VF.lstm, x, (h0, c0), weights, bias is not None, lengths, go_backwards)


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
    if not reset_after or torch.compiler.is_compiling():  # torch has only the form that resets after the product
        body = OPS["gru_sequence"].body
        return body(x, h0, kernel, recurrent_kernel, bias, lengths, reset_after, go_backwards)  # type: ignore[misc]
    weights = [_gates(kernel).t(), _gates(recurrent_kernel).t()]
    if bias is not None:
        weights += _gates(bias).unbind(0) if bias.ndim == 2 else [_gates(bias), torch.zeros_like(bias)]
    return _run(_VF.gru, x, (h0,), weights, bias is not None, lengths, go_backwards)


def _gates(weight: Tensor) -> Tensor:
    """From the order z, r, h to r, z, n."""
    z, r, h = weight.chunk(3, -1)
    return torch.cat([r, z, h], -1)


def _run(
    kernel: Callable[..., Any],
    x: Tensor,
    carry: tuple[Tensor, ...],
    weights: list[Tensor],
    biased: bool,
    lengths: Tensor | None,
    backwards: bool,
) -> Any:
    """(outputs, *last states), time by time from the end if `backwards`."""
    train = torch.is_grad_enabled()
    if lengths is None:
        x = torch.flip(x, (1,)) if backwards else x
        hx = [h.unsqueeze(0) for h in carry]
        out, *last = kernel(x, hx if len(hx) > 1 else hx[0], weights, biased, 1, 0.0, train, False, True)
        return (out, *(h.squeeze(0) for h in last))
    steps, long = x.shape[1], lengths.to(torch.int64)
    if backwards:
        x = _along_time(x, _reversed(long, steps))
    host = long.cpu()
    packed = pack_padded_sequence(x, host.clamp(min=1), batch_first=True, enforce_sorted=False)
    hx = [h.index_select(0, packed.sorted_indices).unsqueeze(0) for h in carry]
    data, *last = kernel(
        packed.data, packed.batch_sizes, hx if len(hx) > 1 else hx[0], weights, biased, 1, 0.0, train, False
    )
    packed = PackedSequence(data, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
    out, _ = pad_packed_sequence(packed, batch_first=True, total_length=steps)
    last = [h.squeeze(0).index_select(0, packed.unsorted_indices) for h in last]
    if bool((host == 0).any()):  # torch packs no empty sequence: they ran one step, which is taken back
        some = (long > 0).unsqueeze(-1)
        out = out * some.unsqueeze(-1)
        last = [torch.where(some, new, old) for new, old in zip(last, carry, strict=True)]
    if backwards:
        shift = (steps - long).unsqueeze(-1)
        at = torch.arange(steps, device=x.device) - shift
        out = _along_time(out, at.clamp(min=0)) * (at >= 0).unsqueeze(-1)
    return (out, *last)


def _reversed(lengths: Tensor, steps: int) -> Tensor:
    """Positions that reverse the valid part of each sequence."""
    t = torch.arange(steps, device=lengths.device)
    back = lengths.unsqueeze(-1) - 1 - t
    return torch.where(back >= 0, back, t)


def _along_time(x: Tensor, at: Tensor) -> Tensor:
    return torch.gather(x, 1, at.unsqueeze(-1).expand(-1, -1, x.shape[-1]))
