"""Text written token by token beside a loop with a static cache written by hand for the engine."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.timing import Row, paired

if TYPE_CHECKING:
    from benchmarks.bench import Bench

__all__ = ["PROMPT", "SHAPES", "Shape", "generating", "weights"]

PROMPT, LENGTH = 4, 68


class Shape(NamedTuple):
    """Sizes of a model: GPT-2's form if `key_heads` is 0, else Llama's."""

    vocabulary: int
    width: int
    depth: int
    heads: int
    key_heads: int
    hidden: int


SHAPES = {
    "gpt 1M": Shape(1000, 128, 4, 4, 0, 512),
    "gpt 20M": Shape(8000, 384, 8, 6, 0, 1536),
    "llama 1M": Shape(1000, 128, 4, 4, 2, 352),
    "llama 50M": Shape(8000, 640, 8, 10, 5, 1728),
}


def weights(shape: Shape) -> list[np.ndarray]:
    """The weights of a model, in the order in which kfront's model has them."""
    s, g = shape, np.random.default_rng(0)
    size = s.width // s.heads
    keys = s.key_heads or s.heads
    attention = [(s.width, s.heads, size), (s.width, keys, size), (s.width, keys, size), (s.heads, size, s.width)]
    if s.key_heads:
        block = [(s.width,), *attention, (s.width,), (s.width, s.hidden), (s.width, s.hidden), (s.hidden, s.width)]
        sizes = [(s.vocabulary, s.width), *block * s.depth, (s.width,), (s.width, s.vocabulary)]
    else:
        biased = [x for a in attention for x in (a, a[1:] if a is not attention[-1] else a[2:])]
        dense = [(s.width, s.hidden), (s.hidden,), (s.hidden, s.width), (s.width,)]
        block = [(s.width,), (s.width,), *biased, (s.width,), (s.width,), *dense]
        sizes = [(s.vocabulary, s.width), (LENGTH, s.width), *block * s.depth, (s.width,), (s.width,)]
    return [g.normal(size=x).astype("float32") * 0.05 for x in sizes]


def _by_kfront(bench: Bench, shape: Shape, values: list[np.ndarray], prompt: np.ndarray) -> Callable[[], Any]:
    from examples.language_models import gpt2, llama

    s = shape
    if s.key_heads:
        model = llama(s.vocabulary, s.width, s.depth, s.heads, s.key_heads, s.hidden)
    else:
        model = gpt2(s.vocabulary, s.width, s.depth, s.heads, LENGTH)
    for w, x in zip(model.weights, values, strict=True):
        w.assign(x)
    return lambda: bench.kfront.generation.generate(model, prompt, LENGTH)


def generating(bench: Bench) -> Iterator[Row]:
    """64 tokens after a prompt of 4, greedily, for one sequence and for eight."""
    if bench.native is None:
        return
    native = importlib.import_module(f"benchmarks.native_generation_{bench.engine}")
    for name, shape in SHAPES.items():
        for batch in (1, 8):
            title = f"generate {name} batch {batch}"
            if not bench.wants(title) and not bench.wants(name):
                continue
            prompt = np.random.default_rng(1).integers(1, shape.vocabulary, (batch, PROMPT)).astype("int32")
            values = weights(shape)
            by_hand = native.loop(shape, values, prompt, LENGTH)
            ours = _by_kfront(bench, shape, values, prompt)
            np.testing.assert_array_equal(ours(), np.asarray(by_hand()))
            ratios, base, spread = paired({"native": by_hand, "kfront": ours}, 1, bench.rounds)
            yield Row(title, "x", ratios["kfront"], None, base / (LENGTH - PROMPT), 1.05, spread)
