"""Random numbers on torch.

A key is an int64 tensor (seed, number of keys given out) on the CPU. Eagerly it seeds a generator of torch, one per
device. While compiling there are no generators: the numbers come from threefry2x32 on int32 lanes, as in portable mode.

Eagerly, a key without a seed is drawn from torch's generator on the CPU: `torch.manual_seed` and `fork_rng` then mean
what they mean for torch's own layers, and `torch.utils.checkpoint`, which puts the generator back for its second run,
gets the same numbers twice. Where there is a seed, the second run finds the keys of the first by a number that both
draw from that generator.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from kfront.backends.torch.common import current_device, native
from kfront.backends.torch.recording import drawing, one_call
from kfront.backends.torch.step import computing, recorded
from kfront.core.op import OPS
from kfront.core.rng import SeedGenerator
from kfront.core.state import state
from kfront.core.typing import DTypeLike, Seed, ShapeLike

if TYPE_CHECKING:
    from kfront.core.variable import Variable


Tensor = torch.Tensor
_STEP = torch.tensor([0, 1])
_CPU = torch.device("cpu")
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_MASK = 0xFFFFFFFF
_SLOW_BERNOULLI = 1000  # elements from which torch's own dropout is slower than uniform numbers, on CPU
HALF = frozenset((torch.float16, torch.bfloat16))


class _Generators(threading.local):
    """One generator per thread and device: seeding it and drawing from it are two steps."""

    def __init__(self) -> None:
        self.by_device: dict[torch.device, torch.Generator] = {}


_mine = _Generators()


def ambient() -> bool:
    """Whether random numbers without a seed are those of torch's own generator."""
    return state.stateless is None and not state.portable_random


@drawing
def ambient_key() -> Tensor | None:
    """A key from torch's generator, None where a seed must give it."""
    if not ambient() or torch.compiler.is_compiling():
        return None
    return torch.randint(-(1 << 62), 1 << 62, (2,), device=_CPU)


_graph_task: Callable[[], int] = getattr(torch._C, "_current_graph_task_id", lambda: -1)  # private: of a backward pass
_saving_hooks: Callable[[bool], object] = getattr(
    torch._C._autograd, "_top_saved_tensors_default_hooks", lambda x: None
)
_keys: dict[int, Tensor] = {}  # of runs that may be repeated, by a number from torch's generator
_MOST_KEYS = 1 << 16


def in_backward() -> bool:
    """Whether a backward pass runs: a layer that is called in it is in the second run of a checkpoint."""
    return not torch.compiler.is_compiling() and _graph_task() != -1


def _checkpointed(variable: Variable) -> Tensor | None:
    """The key, if this may be one of the two runs of a checkpoint (no graph or hooks in the first); else None."""
    again = _graph_task() != -1
    if not again and torch.is_grad_enabled() and _saving_hooks(False) is None:
        return None
    number = int(torch.randint(1 << 62, (), device=_CPU))
    if again:
        return _keys.get(number)
    key = _keys[number] = _advance(variable)
    if len(_keys) > _MOST_KEYS:
        del _keys[next(iter(_keys))]
    return key


def _advance(variable: Variable) -> Tensor:
    if recorded():
        with computing():
            return _next(variable._value)
    return _next(variable._value)


def _next(mine: Tensor) -> Tensor:
    key = mine.data
    mine.data = torch.add(key, _STEP)  # new memory: `key` keeps the old
    return key


@drawing
def next_key(variable: Variable) -> Tensor:
    """The value of a SeedGenerator's state, which moves on by one."""
    mine = variable._value
    if state.stateless is None and mine is variable.own and not torch.compiler.is_compiling():
        key = _checkpointed(variable)
        return _advance(variable) if key is None else key
    key = mine.clone()
    new = torch.add(key, torch.tensor([0, 1]))
    if state.stateless is None:
        variable._write(new)
    else:
        state.stateless.write(variable, new)
    return key


# ---- torch's generators ----------------------------------------------------------------------------------------------


def seeded(key: Tensor, device: torch.device | None = None) -> tuple[torch.Generator, torch.device]:
    """The generator of a device (else the current), seeded from the key: mixed, as the CPU's takes 32 bits of it."""
    device = device or current_device() or _CPU
    generator = _mine.by_device.get(device)
    if generator is None:
        generator = _mine.by_device[device] = torch.Generator(device)
    seed, count = key.tolist()
    z = (seed * 0x9E3779B97F4A7C15 + count * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z ^= z >> 31
    generator.manual_seed(z)
    return generator, device


@one_call
def random_normal(key: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    kind = native(dtype)
    if torch.compiler.is_compiling():
        u = _unit(key, shape) * 2 - (1 - 2**-24)
        return (torch.erfinv(u) * math.sqrt(2)).to(kind)
    generator, device = seeded(key)
    return torch.randn(shape, generator=generator, dtype=kind, device=device)


@one_call
def random_uniform(key: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    kind = native(dtype)
    if torch.compiler.is_compiling():
        return _unit(key, shape).to(kind)
    generator, device = seeded(key)
    return torch.rand(shape, generator=generator, dtype=kind, device=device)


@one_call
def random_randint(
    key: Tensor, shape: ShapeLike, minval: Tensor | int, maxval: Tensor | int, dtype: DTypeLike
) -> Tensor:
    kind = native(dtype)
    if isinstance(minval, Tensor) or isinstance(maxval, Tensor) or torch.compiler.is_compiling():
        bits = torch.bitwise_and(random_bits(key, shape), 0x7FFFFFFF).to(torch.int64)
        return (minval + bits % (maxval - minval)).to(kind)
    generator, device = seeded(key)
    return torch.randint(int(minval), int(maxval), shape, generator=generator, device=device).to(kind)


@one_call
def random_gamma(key: Tensor, alpha: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    if torch.compiler.is_compiling():
        return OPS["random_gamma"].body(key, alpha, shape, dtype)  # type: ignore[misc]
    alpha = alpha.expand(shape)
    alpha = alpha.float() if alpha.dtype in HALF else alpha
    return torch._standard_gamma(alpha, seeded(key, alpha.device)[0]).to(native(dtype))


@one_call
def random_binomial(key: Tensor, counts: Tensor, probabilities: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    if torch.compiler.is_compiling():
        return OPS["random_binomial"].body(key, counts, probabilities, shape, dtype)  # type: ignore[misc]
    counts, probabilities = counts.expand(shape), probabilities.expand(shape)
    if counts.dtype in HALF:
        counts, probabilities = counts.float(), probabilities.float()
    no_number = counts.isnan()  # for which `torch.binomial` never ends
    drawn = torch.binomial(counts.masked_fill(no_number, 0.0), probabilities, seeded(key, counts.device)[0])
    return drawn.masked_fill(no_number, torch.nan).to(native(dtype))


def dropout(inputs: Tensor, rate: float, noise_shape: ShapeLike | None, seed: Seed) -> Tensor:
    if noise_shape is None and rate < 1 and isinstance(seed, SeedGenerator) and seed._free and ambient():
        on_host = inputs.device.type == "cpu" and not torch.compiler.is_compiling()
        if inputs.is_floating_point() and not (on_host and inputs.numel() > _SLOW_BERNOULLI):
            return torch.dropout(inputs, rate, True)
    return OPS["dropout"].body(inputs, rate, noise_shape, seed)  # type: ignore[misc]


@one_call
def random_shuffle(key: Tensor, x: Tensor, axis: int) -> Tensor:
    if state.portable_random or torch.compiler.is_compiling():
        return OPS["random_shuffle"].body(key, x, axis)  # type: ignore[misc]
    generator, device = seeded(key, x.device)
    return torch.index_select(x, axis, torch.randperm(x.shape[axis], generator=generator, device=device))


# ---- threefry --------------------------------------------------------------------------------------------------------


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 32) if value >= 1 << 31 else value


def _rotate(x: Tensor, by: int) -> Tensor:
    return torch.bitwise_or(x << by, torch.bitwise_and(x >> (32 - by), (1 << by) - 1))


def _words(key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three words of the key schedule: ints, or 0-d tensors while compiling."""
    if torch.compiler.is_compiling():
        low = key.to(torch.int32)
        a, b = low[0], low[1]
        return a, b, a ^ b ^ 0x1BD11BDA
    a, b = (int(v) & _MASK for v in key.tolist())
    return _signed(a), _signed(b), _signed(a ^ b ^ 0x1BD11BDA)


def _lanes(key: Tensor, size: int) -> Tensor:
    """32 random bits an element, as int32: threefry2x32 of the counters (i, i + half), the halves one after the other.

    https://www.thesalmons.org/john/random123/papers/random123sc11.pdf
    """
    half = (size + 1) // 2
    count = torch.arange(half, dtype=torch.int32, device=current_device())
    return torch.cat(_threefry(key, count, count + half))[:size]


def _threefry(key: Tensor, x0: Tensor, x1: Tensor) -> tuple[Tensor, Tensor]:
    """Both words of counters."""
    words = _words(key)
    x0, x1 = x0 + words[0], x1 + words[1]
    for i in range(5):
        for by in _ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = torch.bitwise_xor(_rotate(x1, by), x0)
        x0 = x0 + words[(i + 1) % 3]
        x1 = x1 + words[(i + 2) % 3] + (i + 1)
    return x0, x1


def bits_at(key: Tensor, shape: tuple[int, ...], offset: tuple[int, ...], local: tuple[int, ...]) -> Tensor:
    """The part of `random_bits` of a shape that begins at `offset`; the work is that of the part."""
    index = torch.zeros((), dtype=torch.int32, device=current_device())
    for n, o, m in zip(shape, offset, local, strict=True):
        index = index.unsqueeze(-1) * n + torch.arange(o, o + m, dtype=torch.int32, device=index.device)
    half = (math.prod(shape) + 1) // 2
    low = index < half
    x0, x1 = _threefry(key, torch.where(low, index, index - half), torch.where(low, index + half, index))
    return torch.where(low, x0, x1)


@one_call
def random_bits(key: Tensor, shape: ShapeLike) -> Tensor:
    return _lanes(key, math.prod(shape)).reshape(shape)


def _unit(key: Tensor, shape: ShapeLike) -> Tensor:
    """Uniform in [0, 1): 24 bits an element."""
    bits = torch.bitwise_and(_lanes(key, math.prod(shape)) >> 8, 0xFFFFFF)
    return (bits.to(torch.float32) * 2**-24).reshape(shape)
