"""Neural-network ops on torch's fused kernels; each name is the op of that name in `kfront.ops`."""

from __future__ import annotations

import itertools
import math

import torch
import torch.nn.functional as F

from kfront.backends.torch.common import NOTHING, at_hand, axes_of, native
from kfront.backends.torch.step import nesting
from kfront.backends.typing import Axes, Function
from kfront.config import epsilon
from kfront.core.errors import ShapeError
from kfront.core.op import OPS
from kfront.core.sparse import sparse_one_hot
from kfront.core.typing import DTypeLike

Tensor = torch.Tensor
_nn = torch._C._nn
_PLAIN = (Tensor, torch.nn.Parameter)


# ---- activations -----------------------------------------------------------------------------------------------------

silu, swish, log_sigmoid = _nn.silu, _nn.silu, _nn.log_sigmoid
hard_sigmoid, hard_silu, hard_swish = _nn.hardsigmoid, _nn.hardswish, _nn.hardswish
relu6, elu = F.relu6, _nn.elu
leaky_relu, soft_shrink, glu = _nn.leaky_relu, _nn.softshrink, _nn.glu
selu, celu, hard_shrink = torch.selu, torch.celu, torch.hardshrink


def hard_tanh(x: Tensor) -> Tensor:
    return _nn.hardtanh(x) if x.dtype is not torch.uint8 else torch.clamp(x, max=1)


def softplus(x: Tensor) -> Tensor:
    return _nn.softplus(x, 1.0, 40.0)  # torch's threshold of 20 costs float64 its last digits


def gelu(x: Tensor, approximate: bool = True) -> Tensor:
    return _nn.gelu(x, approximate="tanh" if approximate else "none")


def tanh_shrink(x: Tensor) -> Tensor:
    return x - torch.tanh(x)


def softsign(x: Tensor) -> Tensor:
    return x / (x.abs() + 1)


def threshold(x: Tensor, threshold: float, default_value: float) -> Tensor:
    return torch.threshold(x, threshold, default_value)


def softmax(x: Tensor, axis: Axes = -1) -> Tensor:
    if axis.__class__ is int:
        return torch.softmax(x, axis)
    return _over(torch.softmax, x, axis)


def log_softmax(x: Tensor, axis: Axes = -1) -> Tensor:
    if axis.__class__ is int:
        return torch.log_softmax(x, axis)
    return _over(torch.log_softmax, x, axis)


def _over(fn: Function[Tensor], x: Tensor, axis: Axes) -> Tensor:
    """`fn` of one axis, over several (None: all)."""
    axes = axes_of(axis, x.ndim)
    rest = [a for a in range(x.ndim) if a not in axes]
    order = [*rest, *axes]
    moved = x.permute(order)
    out = fn(moved.reshape((*moved.shape[: len(rest)], -1)), -1).reshape(moved.shape)
    back = [order.index(a) for a in range(x.ndim)]
    return out.permute(back)


# ---- linear maps and attention ---------------------------------------------------------------------------------------


def linear(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    if x.ndim == 2:
        return torch.mm(x, kernel) if bias is None else torch.addmm(bias, x, kernel)
    return _nn.linear(x, kernel.t(), bias)


def embedding(indices: Tensor, table: Tensor) -> Tensor:
    if indices.dtype is not torch.int32 and indices.dtype is not torch.int64:
        indices = indices.to(torch.int64)
    return torch.embedding(table, indices)


def dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    scale: Tensor | float | None = None,
    is_causal: bool = False,
    flash_attention: bool | None = None,
    attn_logits_soft_cap: float | None = None,
) -> Tensor:
    if query.ndim != 4 or key.ndim != 4 or value.ndim != 4:
        raise ShapeError("[dot_product_attention] expected operands of rank 4.")
    query, key, value = query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2)
    if attn_logits_soft_cap is not None:
        return _capped_attention(query, key, value, bias, mask, scale, is_causal, attn_logits_soft_cap)
    grouped = key.shape[1] != query.shape[1]
    if bias is not None or mask is not None:
        bias = _attention_bias(query, key, bias, mask, is_causal)
        is_causal = False
    out = F.scaled_dot_product_attention(query, key, value, bias, 0.0, is_causal, scale=scale, enable_gqa=bool(grouped))
    return out.transpose(1, 2)


def segment_attention(
    query: Tensor, key: Tensor, value: Tensor, segment_ids: Tensor, is_causal: bool = False, scale: float | None = None
) -> Tensor:
    """Each sequence by itself, without a mask, where their bounds can be looked at without waiting for a device."""
    known = at_hand(segment_ids) and type(segment_ids) is Tensor and not torch.jit.is_tracing()
    lengths = _lengths_of_runs(segment_ids) if known else None
    if lengths is None:
        same = (segment_ids.unsqueeze(2) == segment_ids.unsqueeze(1)).unsqueeze(1)
        return dot_product_attention(query, key, value, None, same, scale, is_causal)
    rows = []
    for row, counts in enumerate(lengths):
        parts = zip(*(x[row : row + 1].split(counts, 1) for x in (query, key, value)), strict=True)
        rows.append(torch.cat([dot_product_attention(*p, None, None, scale, is_causal) for p in parts], 1))
    return torch.cat(rows)


def _lengths_of_runs(segment_ids: Tensor) -> list[list[int]] | None:
    """How long the sequences of each row are; None if one does not lie together, or there is none."""
    rows = segment_ids.tolist()
    runs = [[(number, len(list(run))) for number, run in itertools.groupby(row)] for row in rows]
    whole = all(len({number for number, _ in row}) == len(row) > 0 for row in runs)
    return [[count for _, count in row] for row in runs] if whole and runs else None


def _attention_bias(q: Tensor, k: Tensor, bias: Tensor | None, mask: Tensor | None, is_causal: bool) -> Tensor:
    """Bias and masks as one term to add; a row that is masked everywhere attends evenly, as on the other engines."""
    if is_causal:
        causal = torch.ones((q.shape[-2], k.shape[-2]), dtype=torch.bool, device=q.device).tril()
        mask = causal if mask is None else torch.logical_and(mask != 0, causal)
    if mask is None:
        return bias.to(q.dtype)  # type: ignore[union-attr]
    if mask.dtype is not torch.bool:
        mask = mask != 0
    lowest = torch.finfo(q.dtype).min * 0.7
    if bias is None:
        return torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill(~mask, lowest)
    return torch.where(mask, bias.to(q.dtype), lowest)


def _capped_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor,
    mask: Tensor,
    scale: Tensor | float | None,
    is_causal: bool,
    cap: float,
) -> Tensor:
    groups = q.shape[1] // k.shape[1]
    if groups > 1:
        k, v = k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    logits = torch.matmul(q, k.transpose(-1, -2)) * scale
    logits = torch.tanh(logits / cap) * cap
    if bias is not None or mask is not None or is_causal:
        logits = logits + _attention_bias(q, k, bias, mask, is_causal)
    return torch.matmul(torch.softmax(logits, -1), v).transpose(1, 2)


# ---- normalization ---------------------------------------------------------------------------------------------------


def _are_last(axes: tuple[int, ...], ndim: int) -> bool:
    """Whether axes are the last ones in order."""
    return axes == tuple(range(ndim - len(axes), ndim))


def _as(weight: Tensor | None, x: Tensor) -> Tensor | None:
    """A weight in the dtype of `x`."""
    return weight if weight is None or weight.dtype is x.dtype else weight.to(x.dtype)


def _lie_along(axes: tuple[int, ...], x: Tensor, *weights: Tensor | None) -> bool:
    """Whether weights have the sizes of `x` along the axes, as torch's kernels want it; others are broadcast."""
    sizes = tuple([x.shape[i] for i in axes])
    return all([w is None or w.shape == sizes for w in weights])


def layer_normalization(x: Tensor, gamma: Tensor | None, beta: Tensor | None, axis: Axes, epsilon: float) -> Tensor:
    last = x.shape[-1:]
    if axis == -1 and last and (gamma is None or gamma.shape == last) and (beta is None or beta.shape == last):
        return torch.layer_norm(x, last, _as(gamma, x), _as(beta, x), epsilon)
    axes = () if axis in NOTHING else axes_of(axis, x.ndim)
    if not axes or not _lie_along(axes, x, gamma, beta):
        return OPS["layer_normalization"].body(x, gamma, beta, axis, epsilon)  # type: ignore[misc]
    gamma, beta = _as(gamma, x), _as(beta, x)
    if _are_last(axes, x.ndim):
        return torch.layer_norm(x, x.shape[axes[0] :], gamma, beta, epsilon)
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    out = (x - mean) * torch.rsqrt(variance + epsilon)
    return _affine(out, gamma, beta, axes)


def rms_normalization(x: Tensor, scale: Tensor | None = None, axis: Axes = -1, epsilon: float = 1e-07) -> Tensor:
    axes = () if axis in NOTHING else axes_of(axis, x.ndim)
    if not axes or not _lie_along(axes, x, scale):
        return OPS["rms_normalization"].body(x, scale, axis, epsilon)  # type: ignore[misc]
    scale = _as(scale, x)
    if _are_last(axes, x.ndim):
        return torch.rms_norm(x, x.shape[axes[0] :], scale, epsilon)
    out = x * torch.rsqrt(torch.mean(x * x, axes, True) + epsilon)
    return _affine(out, scale, None, axes)


def _affine(x: Tensor, scale: Tensor | None, offset: Tensor | None, axes: Axes) -> Tensor:
    """Scale and shift with weights that lie along `axes`."""
    shape = [n if i in axes else 1 for i, n in enumerate(x.shape)]
    x = x if scale is None else x * scale.reshape(shape)
    return x if offset is None else x + offset.reshape(shape)


def batch_normalization(
    x: Tensor, mean: Tensor, variance: Tensor, axis: int, offset: Tensor | None, scale: Tensor | None, epsilon: float
) -> Tensor:
    ndim = x.ndim
    axis = axis + ndim if axis < 0 else axis
    size = x.shape[axis : axis + 1]
    fit = mean.shape == size == variance.shape and (scale is None or scale.shape == size)  # else they broadcast
    fit = fit and (offset is None or offset.shape == size) and not nesting.func
    if fit and not (torch.is_grad_enabled() and (mean.requires_grad or variance.requires_grad)):
        if axis == ndim - 1 and ndim > 1:
            flat = x.reshape(-1, x.shape[-1])
            return torch.batch_norm(flat, scale, offset, mean, variance, False, 0.0, epsilon, True).reshape(x.shape)
        if axis == 1:
            return torch.batch_norm(x, scale, offset, mean, variance, False, 0.0, epsilon, True)
    factor = torch.rsqrt(variance + epsilon)
    factor = factor if scale is None else factor * scale
    shift = -mean * factor if offset is None else torch.addcmul(offset, mean, factor, value=-1)
    if axis != ndim - 1:
        shape = [-1 if i == axis else 1 for i in range(ndim)]
        factor, shift = factor.reshape(shape), shift.reshape(shape)
    return torch.addcmul(shift, x, factor)


def batch_normalization_train(
    x: Tensor, offset: Tensor | None, scale: Tensor | None, axis: int, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalized by its own moments, which come back too: (result, mean, variance), the moments without gradient."""
    axis, channels = axis % x.ndim, x.shape[axis]
    mean, variance = x.new_zeros(channels), x.new_zeros(channels)
    out = _by_batch(x, offset, scale, axis, epsilon, mean, variance, 1.0)
    count = x.numel() // channels if channels else 0
    variance = variance * ((count - 1) / count) if count > 1 else torch.zeros_like(variance)  # torch's is unbiased
    return out, mean, variance


def _by_batch(
    x: Tensor,
    offset: Tensor | None,
    scale: Tensor | None,
    axis: int,
    epsilon: float,
    mean: Tensor,
    variance: Tensor,
    rate: float,
) -> Tensor:
    """Normalized by its own moments, towards which `mean` and `variance` move in place."""
    if axis == 1:
        return torch.batch_norm(x, scale, offset, mean, variance, True, rate, epsilon, True)
    y = x if axis == x.ndim - 1 else torch.movedim(x, axis, -1)
    flat = y.reshape(-1, y.shape[-1])
    out = torch.batch_norm(flat, scale, offset, mean, variance, True, rate, epsilon, True).reshape(y.shape)
    return out if y is x else torch.movedim(out, -1, axis)


def batch_normalization_step(
    x: Tensor, offset: Tensor | None, scale: Tensor | None, axis: int, epsilon: float, moving: list[Tensor], rate: float
) -> Tensor | None:
    """`batch_normalization_train` and the step of the moving moments in one kernel; None where it cannot be.

    The kernel's variance is unbiased: what is moved is scaled before and after, through aliases, so that autograd
    does not take it for a change of what it has saved.
    """
    mean, variance = moving
    channels, axis = len(mean), axis % x.ndim
    count = x.numel() // channels if channels else 0
    if count < 2 or type(x) not in _PLAIN or x.dtype is not variance.dtype or torch.compiler.is_compiling():
        return None
    biased = (count - 1) / count
    variance.data.mul_(1 / biased)
    out = _by_batch(x, offset, scale, axis, epsilon, mean, variance, rate)
    variance.data.mul_(biased)
    return out


def _moments(x: Tensor, axes: Axes, keepdims: bool) -> tuple[Tensor, Tensor]:
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=keepdims)
    return mean, variance


def _moments_of_all(x: Tensor, axes: Axes, keepdims: bool) -> tuple[Tensor, Tensor]:
    """Over what the processes of the default group hold together; gradients cross processes too."""
    from kfront.backends.torch.distribution import total  # a decorator in it loads the compiler

    own = x.sum(axes, keepdim=True)
    count = total(torch.full_like(own, x.numel() / max(own.numel(), 1)))
    mean = total(own) / count
    variance = total((x - mean).square().sum(axes, keepdim=True)) / count
    return (mean, variance) if keepdims else (mean.squeeze(axes), variance.squeeze(axes))


def moments(x: Tensor, axes: Axes, keepdims: bool = False, synchronized: bool = False) -> tuple[Tensor, Tensor]:
    half = x.dtype is torch.float16
    together = synchronized and torch.distributed.is_available() and torch.distributed.is_initialized()
    find = _moments_of_all if together else _moments
    mean, variance = find(x.float() if half else x, axes, keepdims)
    if half:
        ends = torch.finfo(torch.float16)
        mean = mean.clamp(ends.min, ends.max).to(x.dtype)
        variance = variance.clamp(ends.min, ends.max).to(x.dtype)
    return mean, variance


# ---- encodings -------------------------------------------------------------------------------------------------------


def one_hot(x: Tensor, num_classes: int, axis: int = -1, dtype: DTypeLike = None, sparse: bool = False) -> Tensor:
    if sparse:
        return sparse_one_hot(x, num_classes, axis, dtype)
    kind = native(dtype)
    x = x.to(torch.int64)
    inside = torch.logical_and(x >= 0, x < num_classes).to(kind).unsqueeze(-1)
    out = torch.zeros((*x.shape, num_classes), dtype=kind, device=x.device)
    out = out.scatter(-1, x.clamp(0, max(num_classes - 1, 0)).unsqueeze(-1), inside) if num_classes else out
    return out if axis == -1 or axis == x.ndim else torch.movedim(out, -1, axis)


# ---- losses ----------------------------------------------------------------------------------------------------------


def _check(name: str, fits: bool, target: Tensor, output: Tensor) -> None:
    """torch would broadcast what does not fit."""
    if not fits:
        raise ShapeError(f"[{name}] expected shapes that fit, got {tuple(target.shape)} and {tuple(output.shape)}.")


def log_probabilities(output: Tensor, from_logits: bool, axis: int) -> Tensor:
    """Of what a crossentropy is given."""
    if from_logits:
        return torch.log_softmax(output, axis)
    edge = epsilon()
    output = output / torch.sum(output, axis, True)
    return torch.log(torch.clamp(output, edge, 1 - edge))


def binary_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False) -> Tensor:
    _check("binary_crossentropy", target.shape == output.shape, target, output)
    if from_logits:
        return torch.binary_cross_entropy_with_logits(output, target, None, None, 0)
    edge = epsilon()
    if torch.compiler.is_compiling():
        return OPS["binary_crossentropy"].body(target, output)  # type: ignore[misc]
    try:
        return _nn.binary_cross_entropy(torch.clamp(output, edge, 1 - edge), target, None, 0)
    except RuntimeError:  # NaN, or a target outside of 0 and 1, which only this kernel refuses
        return OPS["binary_crossentropy"].body(target, output)  # type: ignore[misc]


def categorical_crossentropy(target: Tensor, output: Tensor, from_logits: bool = False, axis: int = -1) -> Tensor:
    _check("categorical_crossentropy", target.shape == output.shape, target, output)
    return torch.sum(target * log_probabilities(output, from_logits, axis), axis).neg()


def sparse_categorical_crossentropy(target: Tensor, output: Tensor, from_logits: bool, axis: int) -> Tensor:
    ndim = output.ndim
    axis = axis + ndim if axis < 0 else axis
    if target.ndim == ndim and target.shape[axis] == 1:
        target = target.squeeze(axis)
    shape = output.shape
    _check("sparse_categorical_crossentropy", target.shape == shape[:axis] + shape[axis + 1 :], target, output)
    target = target.to(torch.int64)
    logs = log_probabilities(output, from_logits, axis)
    if axis != ndim - 1:
        logs = torch.movedim(logs, axis, -1)
    if ndim != 2:
        return _picked(logs.reshape(-1, shape[axis]), target.reshape(-1)).reshape(target.shape)
    return _picked(logs, target)


def _picked(logs: Tensor, target: Tensor) -> Tensor:
    """-logs[i, target[i]]; a label out of range costs nothing (torch's kernel raises on the CPU, aborts on a GPU)."""
    if logs.is_cpu and not torch.compiler.is_compiling():
        try:
            return _nn.nll_loss_nd(logs, target, None, 0, -1)
        except IndexError:
            pass
    target = torch.where(target < logs.shape[-1], target.clamp(min=-1), -1)
    return _nn.nll_loss_nd(logs, target, None, 0, -1)
