"""Arguments for tuned kernels: small ones to compare each with its plain form, larger ones to time both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import kfront

__all__ = ["CASES", "COMPOSED", "Call", "calls"]


class Call(NamedTuple):
    """A call of an op.

    Attributes:
        args: arguments in declared order; arrays become tensors.
        by: positions of the arguments that gradients are taken by; none: values are compared only.
        tolerance: relative, and absolute in units of the largest value.
        same: False where both forms draw random numbers of their own: shapes and shares are compared.
    """

    args: tuple[Any, ...]
    by: tuple[int, ...] = ()
    tolerance: float = 1e-5
    same: bool = True


def _numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype="float32")


def _loop(large: bool) -> list[Call]:
    """A loop that fills the rows of an array, each computed from the one before."""

    def step(i: Any, row: Any, rows: Any, weight: Any) -> tuple[Any, ...]:
        row = kfront.ops.tanh(kfront.ops.matmul(row, weight))
        return i + 1, row, kfront.ops.slice_update(rows, (i, 0), row), weight

    n, width = (100, 64) if large else (16, 4)
    start = np.array(0, "int32"), _numbers(1, width), np.zeros((n, width), "float32"), _numbers(width, width)
    return [Call((lambda i, *_: i < n, step, start, n), tolerance=0.0)]


def _indices(high: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, high, shape).astype("int32")


def _products(large: bool) -> list[Call]:
    b, n, m = (8, 512, 512) if large else (2, 3, 4)
    return [Call((_numbers(b, 16, n), _numbers(n, m, seed=1)), (0, 1))]


def _linear(large: bool) -> list[Call]:
    return [Call((*c.args, _numbers(c.args[1].shape[1], seed=2)), (0, 1, 2)) for c in _products(large)]


def _windows(large: bool, *tail: Any) -> list[Call]:
    if large:
        return [Call((_numbers(8, 32, 32, 32), 2, None, "valid", "channels_last", *tail), (0,))]
    x = _numbers(2, 9, 8, 3)
    return [
        Call((x, 2, None, "valid", "channels_last", *tail), (0,)),
        Call((x, 3, 2, "same", "channels_last", *tail), (0,)),
        Call((np.moveaxis(x, -1, 1), (2, 3), (2, 1), "same", "channels_first", *tail), (0,)),
    ]


def _kernels(large: bool, *kernel: int) -> list[Call]:
    """A convolution whose kernel has these last two axes for an input of 4 (32) channels."""
    if large:
        kernel = tuple(8 * n if n > 1 else n for n in kernel)
        return [Call((_numbers(8, 32, 32, 32), _numbers(3, 3, *kernel, seed=1), 1, "same", "channels_last", 1), (0, 1))]
    x, k = _numbers(2, 7, 6, 4), _numbers(3, 2, *kernel, seed=1)
    return [
        Call((x, k, 1, "same", "channels_last", 1), (0, 1), 1e-4),
        Call((x, k, 2, "valid", "channels_last", 1), (0, 1), 1e-4),
        Call((np.moveaxis(x, -1, 1), k, 1, "same", "channels_first", 2), (0, 1), 1e-4),
        Call((x[:, 0], k[0], 1, "valid", "channels_last", 1), (0, 1), 1e-4),
    ]


def _transposed(large: bool) -> list[Call]:
    if large:
        return [
            Call((_numbers(8, 16, 16, 32), _numbers(3, 3, 64, 32, seed=1), 2, "same", None, "channels_last", 1), (0, 1))
        ]
    x, k = _numbers(2, 4, 5, 3), _numbers(3, 2, 4, 3, seed=1)
    return [
        Call((x, k, 2, "same", None, "channels_last", 1), (0, 1), 1e-4),
        Call((x, k, 1, "valid", None, "channels_last", 2), (0, 1), 1e-4),
    ]


def _separable(large: bool) -> list[Call]:
    n, c = (32, 32) if large else (6, 4)
    args = (_numbers(2, n, n, c), _numbers(3, 3, c, 1, seed=1), _numbers(1, 1, c, 5, seed=2), 1, "same")
    return [Call((*args, "channels_last", 1), (0, 1, 2), 1e-4)]


def _sequences(gates: int, states: int, rest: tuple[Any, ...], large: bool) -> list[Call]:
    b, t, f, u = (32, 128, 128, 128) if large else (3, 5, 2, 4)
    args = (
        _numbers(b, t, f) * 0.5,
        *(_numbers(b, u, seed=1 + i) * 0.5 for i in range(states)),
        _numbers(f, gates * u, seed=3) * 0.3,
        _numbers(u, gates * u, seed=4) * 0.3,
        _numbers(gates * u, seed=5) * 0.3,
    )
    by = tuple(range(len(args)))
    whole = Call((*args, None, *rest, False), by, 1e-4)
    if large:
        return [whole]
    lengths = np.array([5, 2, 0], "int32")
    return [whole, Call((*args, lengths, *rest, False), by, 1e-4), Call((*args, lengths, *rest, True), by, 1e-4)]


def _batch_norm(large: bool) -> list[Call]:
    x = _numbers(32, 32, 32, 64) if large else _numbers(4, 5, 3) * 2 + 1
    own = x.shape[-1]
    return [Call((x, _numbers(own, seed=1), _numbers(own, seed=2), -1, 1e-3), (0, 1, 2), 1e-4)]


def _crossentropy(large: bool) -> list[Call]:
    rows, classes = (4096, 10) if large else (5, 4)
    labels, logits = _indices(classes, rows), _numbers(rows, classes)
    if large:
        return [Call((labels, logits, True, -1), (1,))]
    outside = np.array([0, 3, 1, 7, -1], "int32")
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    return [
        Call((labels, logits, True, -1), (1,)),
        Call((outside, logits, True, -1), (1,)),
        Call((labels, probabilities, False, -1), (1,)),
    ]


def _attention(large: bool) -> list[Call]:
    b, t, h, d = (4, 128, 8, 32) if large else (2, 5, 2, 4)
    q, k, v = (_numbers(b, t, h, d, seed=i) for i in range(3))
    mask = np.arange(t)[:, None] >= np.arange(t)[None]
    masks = [None] if large else [None, np.broadcast_to(mask, (b, h, t, t))]
    of_one = [] if large else [(np.repeat(q[:, :1], 2, 2), m) for m in (None, mask[2], mask[None, None, 3:4])]
    return [
        Call((target, k, v, None, m, scale, False, None, None), (0, 1, 2), 1e-4)
        for target, m, scale in [*((q, m, None) for m in masks), *((target, m, 0.3) for target, m in of_one)]
    ]


def _segments(large: bool) -> list[Call]:
    rows, n = (20000, 500) if large else (6, 4)
    data, ids = _numbers(rows, 8), _indices(n, rows)
    if not large:
        ids[1] = n + 3
    return [Call((data, ids, n, False), (0,))]


def _taken(large: bool) -> list[Call]:
    rows, count = (2000, 512) if large else (7, 5)
    x, at = _numbers(rows, 64 if large else 3), _indices(rows, count)
    return [Call((x, at, 0), (0,))] + ([] if large else [Call((x, at - rows, 0), (0,)), Call((x, at % 3, 1), (0,))])


def _scattered(large: bool) -> list[Call]:
    rows, count = (20000, 5000) if large else (6, 4)
    return [Call((_indices(rows, count, 1), _numbers(count, 8), (rows, 8)), (1,))]


def _dropout(large: bool) -> list[Call]:
    x = np.ones((1024, 1024) if large else (200, 200), "float32")
    return [Call((np.array([1, 2]), x, 0.3, None), same=False)]


CASES: dict[str, Callable[[bool], list[Call]]] = {
    "average_pool": _windows,
    "batch_normalization_train": _batch_norm,
    "biased_conv": lambda large: [
        Call((*c.args[:2], _numbers(c.args[1].shape[-1], seed=2), *c.args[2:]), (0, 1, 2), 1e-4)
        for c in _kernels(large, 4, 8) + ([] if large else _kernels(large, 2, 6))
    ],
    "bincount": lambda large: [Call((_indices(1000 if large else 5, 100000 if large else 9), None, 7, False))],
    "conv": lambda large: _kernels(large, 4, 8) + ([] if large else _kernels(large, 2, 6)),
    "conv_transpose": _transposed,
    "depthwise_conv": lambda large: _kernels(large, 4, 1) + ([] if large else _kernels(large, 4, 2)),
    "dot_product_attention": _attention,
    "embedding": lambda large: [Call((c.args[1], c.args[0]), (1,)) for c in _taken(large)[:1]],
    "fused_sparse_crossentropy_mean": lambda large: [Call((*c.args[:3],), (1,)) for c in _crossentropy(large)[:1]],
    "get_item": lambda large: [Call((_numbers(8, 6), k), (0,)) for k in (3, (slice(1, 4), -1), (None, Ellipsis, 2))],
    "gru_sequence": lambda large: _sequences(3, 1, (True,), large),
    "linear": _linear,
    "lstm_sequence": lambda large: _sequences(4, 2, (), large),
    "matmul": _products,
    "max_pool": _windows,
    "one_hot": lambda large: [Call((_indices(12, 4096 if large else 6) - 1, 10, -1, "float32", False))],
    "power": lambda large: [Call((_numbers(*((1000, 1000) if large else (3, 4))), 2), (0,))],
    "random_dropout": _dropout,
    "row_counts": lambda large: [
        Call((_indices(12, *((1000, 100) if large else (3, 7))) - 1, 10, "float32", b)) for b in (False, True)
    ],
    "scatter": _scattered,
    "segment_max": _segments,
    "segment_min": _segments,
    "segment_sum": _segments,
    "separable_conv": _separable,
    "sparse_categorical_crossentropy": _crossentropy,
    "take": _taken,
    "while_loop": _loop,
    "top_k": lambda large: (
        [Call((_numbers(64, 10000) if large else _numbers(3, 20), 5, True), (0,))]
        + ([] if large else [Call((np.round(_numbers(3, 20)), 5, True), (0,))])
    ),
}


def calls(op: str, large: bool = False) -> list[Call]:
    """The calls for an op; of those larger ones that are timed, the first counts."""
    return CASES[op](large)


# what runs in place of a hook that has no plain form


def _counts(x: Any, depth: int, dtype: str, binary: bool) -> Any:
    hot = kfront.ops.one_hot(x, depth, dtype=dtype)
    return kfront.ops.max(hot, -2) if binary else kfront.ops.sum(hot, -2)


def _mean_crossentropy(target: Any, output: Any, from_logits: bool) -> Any:
    return kfront.ops.mean(kfront.ops.sparse_categorical_crossentropy(target, output, from_logits))


COMPOSED = {"row_counts": _counts, "fused_sparse_crossentropy_mean": _mean_crossentropy}
