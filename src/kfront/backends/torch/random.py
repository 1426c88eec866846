"""Random numbers on torch.

A key is an int64 tensor (seed, number of keys given out) on the CPU. Eagerly it seeds a generator of torch, one per
device. While compiling there are no generators: the numbers come from threefry2x32 on int32 lanes, as in portable mode.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

import torch
from torch.nn import Parameter

from kfront.backends.torch.common import current_device, native
from kfront.core.op import OPS
from kfront.core.state import state
from kfront.core.typing import DTypeLike, ShapeLike

if TYPE_CHECKING:
    from kfront.core.variable import Variable


Tensor = torch.Tensor
_STEP = torch.tensor([0, 1])
_CPU = torch.device("cpu")
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_MASK = 0xFFFFFFFF
HALF = frozenset((torch.float16, torch.bfloat16))


class _Generators(threading.local):
    """One generator per thread and device: seeding it and drawing from it are two steps."""

    def __init__(self) -> None:
        self.by_device: dict[torch.device, torch.Generator] = {}


_mine = _Generators()


def next_key(variable: Variable) -> Tensor:
    """The value of a SeedGenerator's state, which moves on by one."""
    mine = variable._value
    if state.stateless is None and type(mine) is Parameter and not torch.compiler.is_compiling():
        key = mine.data
        mine.data = torch.add(key, _STEP)  # new memory: `key` keeps the old
        return key
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


def random_normal(key: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    kind = native(dtype)
    if torch.compiler.is_compiling():
        u = _unit(key, shape) * 2 - (1 - 2**-24)
        return (torch.erfinv(u) * math.sqrt(2)).to(kind)
    generator, device = seeded(key)
    return torch.randn(shape, generator=generator, dtype=kind, device=device)


def random_uniform(key: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    kind = native(dtype)
    if torch.compiler.is_compiling():
        return _unit(key, shape).to(kind)
    generator, device = seeded(key)
    return torch.rand(shape, generator=generator, dtype=kind, device=device)


def random_randint(
    key: Tensor, shape: ShapeLike, minval: Tensor | int, maxval: Tensor | int, dtype: DTypeLike
) -> Tensor:
    kind = native(dtype)
    if isinstance(minval, Tensor) or isinstance(maxval, Tensor) or torch.compiler.is_compiling():
        bits = torch.bitwise_and(random_bits(key, shape), 0x7FFFFFFF).to(torch.int64)
        return (minval + bits % (maxval - minval)).to(kind)
    generator, device = seeded(key)
    return torch.randint(int(minval), int(maxval), shape, generator=generator, device=device).to(kind)


def random_gamma(key: Tensor, alpha: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    if torch.compiler.is_compiling():
        return OPS["random_gamma"].body(key, alpha, shape, dtype)  # type: ignore[misc]
    alpha = alpha.expand(shape)
    alpha = alpha.float() if alpha.dtype in HALF else alpha
    return torch._standard_gamma(alpha, seeded(key, alpha.device)[0]).to(native(dtype))


def random_binomial(key: Tensor, counts: Tensor, probabilities: Tensor, shape: ShapeLike, dtype: DTypeLike) -> Tensor:
    if torch.compiler.is_compiling():
        return OPS["random_binomial"].body(key, counts, probabilities, shape, dtype)  # type: ignore[misc]
    counts, probabilities = counts.expand(shape), probabilities.expand(shape)
    if counts.dtype in HALF:
        counts, probabilities = counts.float(), probabilities.float()
    return torch.binomial(counts, probabilities, seeded(key, counts.device)[0]).to(native(dtype))


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
    words = _words(key)
    count = torch.arange(half, dtype=torch.int32, device=current_device())
    x0, x1 = count + words[0], count + half + words[1]
    for i in range(5):
        for by in _ROTATIONS[i % 2]:
            x0 = x0 + x1
            x1 = torch.bitwise_xor(_rotate(x1, by), x0)
        x0 = x0 + words[(i + 1) % 3]
        x1 = x1 + words[(i + 2) % 3] + (i + 1)
    return torch.cat([x0, x1])[:size]


def random_bits(key: Tensor, shape: ShapeLike) -> Tensor:
    return _lanes(key, math.prod(shape)).reshape(shape)


def _unit(key: Tensor, shape: ShapeLike) -> Tensor:
    """Uniform in [0, 1): 24 bits an element."""
    bits = torch.bitwise_and(_lanes(key, math.prod(shape)) >> 8, 0xFFFFFF)
    return (bits.to(torch.float32) * 2**-24).reshape(shape)
