"""Random ops: one seed gives the same numbers again, the numbers have the right distribution, and in portable mode they
are the same on every engine: integers, masks and orders bit for bit, floating numbers within rounding.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np

import kfront
from kfront.backends import get
from kfront.core.state import state

from ..suite import Case, close
from .running import quiet

__all__ = ["DRAWS", "PORTABLE", "alike", "cases", "draw", "portable_mode", "tensor"]

_N = 20000
Draw = Callable[[Any, Any], Any]  # (kfront.random, seed) -> tensor


def _x(shape: tuple[int, ...]) -> Any:
    from kfront import ops

    return ops.reshape(ops.arange(math.prod(shape), dtype="float32"), shape)


def _image() -> Any:
    from kfront.ops import image

    return image


def _logits() -> Any:
    return np.tile(np.log(np.array([[0.1, 0.2, 0.3, 0.4]], "float32")), (4, 1))


# name: (how to draw, mean, standard deviation, smallest and largest possible value)
_HALF = 2 * 0.3989422804 * math.exp(-2) / math.erf(math.sqrt(2))  # what the ends take from the variance
DRAWS: dict[str, tuple[Draw, float, float, float, float]] = {
    "normal": (lambda r, s: r.normal((_N,), 1.0, 2.0, seed=s), 1.0, 2.0, -math.inf, math.inf),
    "truncated_normal": (lambda r, s: r.truncated_normal((_N,), seed=s), 0.0, math.sqrt(1 - 2 * _HALF), -2.0, 2.0),
    "uniform": (lambda r, s: r.uniform((_N,), -1.0, 3.0, seed=s), 1.0, 4 / math.sqrt(12), -1.0, 3.0),
    "randint": (lambda r, s: r.randint((_N,), 0, 10, seed=s), 4.5, math.sqrt(99 / 12), 0, 9),
    "gamma": (lambda r, s: r.gamma((_N,), 3.0, seed=s), 3.0, math.sqrt(3), 0.0, math.inf),
    "beta": (lambda r, s: r.beta((_N,), 2.0, 3.0, seed=s), 0.4, 0.2, 0.0, 1.0),
    "binomial": (lambda r, s: r.binomial((_N,), 10.0, 0.3, seed=s), 3.0, math.sqrt(2.1), 0, 10),
    "categorical": (lambda r, s: r.categorical(_logits(), _N // 4, seed=s), 2.0, 1.0, 0, 3),
    "dropout": (lambda r, s: r.dropout(np.ones((_N,), "float32"), 0.25, seed=s), 1.0, math.sqrt(1 / 3), 0.0, 1.34),
    "shuffle": (lambda r, s: r.shuffle(_x((_N,)), seed=s), (_N - 1) / 2, math.sqrt((_N**2 - 1) / 12), 0, _N - 1),
}
EXACT = ("randint", "categorical", "shuffle")  # portable mode: equal bit for bit, and so are dropout masks
IMAGES: dict[str, Draw] = {
    "elastic_transform": lambda r, s: _image().elastic_transform(_x((20, 20, 2)), 10.0, 3.0, seed=s),
    "elastic_transform, batch": lambda r, s: _image().elastic_transform(_x((2, 12, 12, 2)), 10.0, 3.0, seed=s),
}
PORTABLE = ("normal", "truncated_normal", "uniform", "dropout", "gamma", "beta", "binomial", *EXACT, *IMAGES)


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """For each backend: repetition and distribution; for all together: portable mode."""
    for b in backends:
        for name in DRAWS:
            yield Case("values", f"{name}/same seed, same numbers", b, _again(b, name))
            yield Case("values", f"{name}/distribution", b, _distribution(b, name))
        yield Case("values", "random_bits/threefry2x32", b, _threefry(b))
        if _draws_parts(b):
            yield Case("values", "random_bits/parts", b, _parts(b))
        for name in PORTABLE:
            yield Case("values", f"{name}/portable", b, _portable(b, name))
        yield Case("values", "uniform/portable, no seed", b, _without_a_seed(b))
        yield Case("values", "dropout/noise_shape", b, _noise_shape(b))
        yield Case("values", "randint/bounds in tensors", b, _bounds(b))


@contextlib.contextmanager
def portable_mode(on: bool) -> Iterator[None]:
    """Portable random ops for the time of a block."""
    old, state.portable_random = state.portable_random, on
    try:
        yield
    finally:
        state.portable_random = old


def tensor(name: str, seed: Any) -> Any:
    """A native tensor of random numbers."""
    draw = IMAGES[name] if name in IMAGES else DRAWS[name][0]
    return draw(kfront.random, seed)


def draw(backend: str, name: str, seed: Any, portable: bool = False) -> np.ndarray:
    """Random numbers of a backend; a seed in a tuple stands for a new SeedGenerator."""
    with quiet(), kfront.backend_scope(backend) as b, portable_mode(portable):
        generator = kfront.random.SeedGenerator(seed[0]) if isinstance(seed, tuple) else seed
        return b.to_numpy(tensor(name, generator))


def _again(backend: str, name: str) -> Callable[[], None]:
    def check() -> None:
        first, second, other = (draw(backend, name, s) for s in (7, 7, 8))
        assert np.array_equal(first, second), "expected the same numbers of the same seed"
        assert not np.array_equal(first, other), "expected other numbers of another seed"
        with kfront.backend_scope(backend):
            generator = kfront.random.SeedGenerator(7)
        one, two = draw(backend, name, generator), draw(backend, name, generator)
        assert not np.array_equal(one, two), "expected a SeedGenerator to give new numbers each time"
        assert np.array_equal(one, draw(backend, name, (7,))), "expected SeedGenerators of one seed to begin alike"

    return check


def _distribution(backend: str, name: str) -> Callable[[], None]:
    def check() -> None:
        _, mean, deviation, low, high = DRAWS[name]
        for portable in (False, True):
            x = np.asarray(draw(backend, name, 11, portable), "float64")
            assert x.min() >= low and x.max() <= high, f"values in [{x.min()}, {x.max()}], expected [{low}, {high}]"
            error = abs(x.mean() - mean) / (deviation / math.sqrt(x.size))
            assert error < 5, f"mean {x.mean():.4f}, expected {mean} ({error:.1f} standard errors away)"
            assert abs(x.std() / deviation - 1) < 0.05, f"standard deviation {x.std():.4f}, expected {deviation:.4f}"

    return check


def _portable(backend: str, name: str) -> Callable[[], None]:
    return lambda: alike(name, draw(backend, name, 5, portable=True), draw("numpy", name, 5, portable=True))


def _without_a_seed(backend: str) -> Callable[[], None]:
    """A generator without a seed tells one in its config; in portable mode this gives the same numbers."""

    def check() -> None:
        with kfront.backend_scope(backend):
            generator = kfront.random.SeedGenerator()
        told = (generator.get_config()["seed"],)
        alike("uniform", draw(backend, "uniform", generator, portable=True), draw("numpy", "uniform", told, True))

    return check


def alike(name: str, got: np.ndarray, want: np.ndarray) -> None:
    """Assert that numbers are the same but for rounding."""
    if name in EXACT:
        assert np.array_equal(got, want), f"{np.sum(got != want)} of {got.size} differ"
    elif name == "dropout":
        assert np.array_equal(got != 0, want != 0), "the mask differs"
    elif name in ("gamma", "beta"):  # near the border of acceptance, rounding decides
        near = np.isclose(got, want, 1e-4, 1e-6)
        assert near.mean() > 0.999, f"{np.sum(~near)} of {got.size} differ"
    elif name in IMAGES:  # moved by up to some pixels; values are up to 800
        close(got, want, 1e-4, 1e-2, name)
    else:  # erfinv in float32 differs by some ulp near the ends; uniform numbers are exact before scaling
        close(got, want, 2e-5 if "normal" in name else 3e-7, 1e-6, name)


def _words(key: tuple[int, int], counter: tuple[int, int]) -> tuple[int, int]:
    """Threefry2x32, 20 rounds, with Python's integers."""
    mask = 0xFFFFFFFF
    keys = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    x, y = (counter[0] + keys[0]) & mask, (counter[1] + keys[1]) & mask
    for i in range(5):
        for r in ((13, 15, 26, 6), (17, 29, 16, 24))[i % 2]:
            x = (x + y) & mask
            y = ((y << r | y >> (32 - r)) & mask) ^ x
        x, y = (x + keys[(i + 1) % 3]) & mask, (y + keys[(i + 2) % 3] + i + 1) & mask
    return x, y


def _threefry(backend: str) -> Callable[[], None]:
    def check() -> None:
        from kfront.core.op import OPS

        assert _words((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3)) == (
            0xC4923A9C,
            0x483DF7A0,
        )  # Random123's vector
        for shape in ((4,), (5,), (2, 3), ()):
            n = math.prod(shape)
            half = (n + 1) // 2
            pairs = [_words((9, 1), (i, i + half)) for i in range(half)]
            want = np.array([p[0] for p in pairs] + [p[1] for p in pairs], "uint32")[:n].reshape(shape)
            with kfront.backend_scope(backend) as b:
                got = b.to_numpy(OPS["random_bits"].public(b.convert(np.array([9, 1]), b.seed_dtype), shape))
            assert got.dtype.name == "int32", f"dtype {got.dtype}, expected int32"
            assert np.array_equal(got.view("uint32"), want), f"shape {shape}: {got.view('uint32')}, expected {want}"

    return check


def _module(backend: str) -> Any:
    """The module of an adapter that draws."""
    return importlib.import_module(f"{type(get(backend)).__module__}.random")


def _draws_parts(backend: str) -> bool:
    """Whether an adapter, a package with a module for it, draws parts of the bits of a shape."""
    package = type(get(backend)).__module__
    packaged = hasattr(sys.modules[package], "__path__") and find_spec(f"{package}.random") is not None
    return packaged and hasattr(_module(backend), "bits_at")


def _parts(backend: str) -> Callable[[], None]:
    """A part of the bits of a shape, which a device of a mesh draws alone, is that part."""

    def check() -> None:
        with kfront.backend_scope(backend) as b:
            key, module = b.convert(np.array([9, 1]), b.seed_dtype), _module(backend)
            whole = b.to_numpy(module.random_bits(key, (4, 6)))
            for first, sizes in (((0, 0), (4, 6)), ((2, 0), (2, 6)), ((1, 3), (2, 3))):
                part = b.to_numpy(module.bits_at(key, (4, 6), first, sizes))
                place = tuple(slice(i, i + n) for i, n in zip(first, sizes, strict=True))
                assert np.array_equal(part, whole[place]), f"{sizes} from {first}: {part}, expected {whole[place]}"

    return check


def _noise_shape(backend: str) -> Callable[[], None]:
    def check() -> None:
        for portable in (False, True):
            with kfront.backend_scope(backend) as b, portable_mode(portable):
                x = kfront.random.dropout(np.ones((6, 50), "float32"), 0.5, noise_shape=(None, 1), seed=3)
                rows = b.to_numpy(x)
            assert (rows == rows[:, :1]).all(), "expected one decision for each row"

    return check


def _bounds(backend: str) -> Callable[[], None]:
    def check() -> None:
        low, high = np.array([0, 10, -5], "int32"), np.array([3, 40, -4], "int32")
        for portable in (False, True):
            with kfront.backend_scope(backend) as b, portable_mode(portable):
                x = b.to_numpy(kfront.random.randint((200, 3), b.convert(low), b.convert(high), seed=3))
            assert (x.min(0) == low).all() and (x.max(0) >= high - 3).all() and (x.max(0) < high).all(), "out of bounds"

    return check
