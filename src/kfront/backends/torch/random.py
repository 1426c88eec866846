"""Random numbers on torch.

A key is an int64 tensor (seed, number of keys given out) on the CPU. Eagerly it seeds a generator of torch, one per
device. While compiling there are no generators: the numbers come from threefry2x32 on int32 lanes, as in portable mode.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.nn import Parameter

from kfront.backends.torch.common import current_device, native
from kfront.core.state import state

Tensor = torch.Tensor
_STEP = torch.tensor([0, 1])
_CPU = torch.device("cpu")
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_MASK = 0xFFFFFFFF
_generators: dict[torch.device, torch.Generator] = {}


def next_key(variable: Any) -> Tensor:
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


def _seeded(key: Tensor) -> tuple[torch.Generator, torch.device]:
    """The generator of the current device, seeded from the key (mixed, as the CPU's takes 32 bits of a seed)."""
    device = current_device() or _CPU
    generator = _generators.get(device)
    if generator is None:
        generator = _generators[device] = torch.Generator(device)
    seed, count = key.tolist()
    z = (seed * 0x9E3779B97F4A7C15 + count * 0xD1B54A32D192ED03 + 0x632BE59BD9B4E019) & 0xFFFFFFFFFFFFFFFF
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    z ^= z >> 31
    generator.manual_seed(z)
    return generator, device


def random_normal(key: Tensor, shape: Any, dtype: Any) -> Tensor:
    kind = native(dtype)
    if torch.compiler.is_compiling():
        u = _unit(key, shape) * 2 - (1 - 2**-24)
        return (torch.erfinv(u) * math.sqrt(2)).to(kind)
    generator, device = _seeded(key)
    return torch.randn(shape, generator=generator, dtype=kind, device=device)


def random_uniform(key: Tensor, shape: Any, dtype: Any) -> Tensor:
    kind = native(dtype)
    if torch.compiler.is_compiling():
        return _unit(key, shape).to(kind)
    generator, device = _seeded(key)
    return torch.rand(shape, generator=generator, dtype=kind, device=device)


def random_truncated_normal(key: Tensor, shape: Any, dtype: Any) -> Tensor:
    kind = native(dtype)
    if torch.compiler.is_compiling():
        u = _unit(key, shape)
    else:
        generator, device = _seeded(key)
        u = torch.rand(shape, generator=generator, dtype=torch.float32, device=device)
    edge = math.erf(math.sqrt(2))  # of two standard deviations
    return (torch.erfinv((u * 2 - 1) * edge) * math.sqrt(2)).to(kind)


def random_randint(key: Tensor, shape: Any, minval: Any, maxval: Any, dtype: Any) -> Tensor:
    kind = native(dtype)
    if isinstance(minval, Tensor) or isinstance(maxval, Tensor) or torch.compiler.is_compiling():
        bits = random_bits(key, shape)
        return (minval + bits % (maxval - minval)).to(kind)
    generator, device = _seeded(key)
    return torch.randint(minval, maxval, shape, generator=generator, device=device).to(kind)


# ---- threefry --------------------------------------------------------------------------------------------------------


def _signed(value: int) -> int:
    value &= _MASK
    return value - (1 << 32) if value >= 1 << 31 else value


def _rotate(x: Tensor, by: int) -> Tensor:
    return torch.bitwise_or(x << by, torch.bitwise_and(x >> (32 - by), (1 << by) - 1))


def _words(key: Tensor) -> tuple[Any, Any, Any]:
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


def random_bits(key: Tensor, shape: Any) -> Tensor:
    bits = _lanes(key, math.prod(shape))
    return torch.bitwise_and(bits.to(torch.int64), _MASK).reshape(shape)


def _unit(key: Tensor, shape: Any) -> Tensor:
    """Uniform in [0, 1): 24 bits an element."""
    bits = torch.bitwise_and(_lanes(key, math.prod(shape)) >> 8, 0xFFFFFF)
    return (bits.to(torch.float32) * 2**-24).reshape(shape)
