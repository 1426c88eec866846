"""Unusual arguments of ops: on every engine what NumPy gives, or an error of the same class.

A call is a line of source: places beyond the ends, nothing to reduce, NaN and infinity, integers for floats.
A new line needs no expectation; what differs stands in `KNOWN` with the reason, and must go on to differ.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import numpy as np

import kfront
from kfront.core import tree
from kfront.core.errors import KfrontError

from ..layers.running import world
from ..suite import Case, close

__all__ = ["CALLS", "KNOWN", "cases"]

_rng = np.random.default_rng(0)
_NUMBERS = _rng.normal(size=64).astype("float32")


def _f(*sizes: int) -> np.ndarray:
    return np.resize(_NUMBERS, sizes)


VALUES: dict[str, Any] = {
    "np": np,
    "f": _f,
    "i32": lambda *x: np.array(x, "int32"),
    "x": _f(3, 4),
    "v": _f(5),
    "w": np.array([1.0, np.nan, -np.inf, np.inf, 0.0, -0.0, 2.5, -2.5], "float32"),
    "i": np.array([3, -1, 0, 7], "int32"),
    "b": np.array([True, False, True]),
    "none": np.zeros((0, 3), "float32"),
    "images": _f(2, 5, 6, 3),
}
CALLS = """
searchsorted(i32(1, 2, 3), i32(0, 2, 9)) | searchsorted(f(1) * 0, w) | searchsorted(v * 0, v * 0, 'right')
digitize(w, np.array([0.0, 1.0, 2.0], 'float32')) | digitize(v, np.zeros(0, 'float32'))
bincount(i32(1, 1, 3), weights=f(3), minlength=2) | bincount(i32(1, 3), minlength=6) | bincount(np.zeros(0, 'int32'))
one_hot(i, 4) | one_hot(i, 4, axis=0) | one_hot(i, 2, dtype='bool') | multi_hot(i32(0, 5, -1), 3)
take(v, i32(0, -1, -5)) | take(x, i32(-1, 0), axis=1) | take(x, i32(-1, 5)) | take(x, i, axis=None) | take(v, i32(9))
take_along_axis(x, np.array([[-1], [0], [1]]), axis=1) | take_along_axis(x, i32(1, -2), axis=None)
segment_sum(v, i32(0, 1, 5, -1, 1), 3) | segment_max(v, i32(0, 1, 5, -1, 1), 3) | segment_sum(none, i32(), 2)
segment_sum(v, i32(2, 0, 2, 0, 1)) | segment_max(x, i32(0, 2, 2), 4) | segment_min(x, i32(0, 2, 2), 4)
histogram(v, 4) | histogram(v, 4, range=(-1, 1)) | histogram(np.ones(3, 'float32'), 3) | histogram(i, 3) | top_k(v, 9)
top_k(v, 0) | top_k(i, 2) | top_k(w, 3) | in_top_k(i32(0, 9, -1), f(3, 2), 1) | in_top_k(i32(0), f(1, 2), 9)
argmax(w) | argmin(w) | max(w) | min(w) | argsort(w) | sort(w) | max(x, initial=5.0) | max(none, initial=-1.0)
max(none) | max(none, axis=1) | argmax(none) | sum(none, axis=0) | mean(none, axis=0) | prod(none) | any(none)
all(none) | std(none) | median(none) | ptp(none) | nanmax(none) | nanargmax(none) | nansum(none) | nanmean(none)
nanmedian(none) | count_nonzero(none) | logsumexp(none) | sort(none) | argsort(none) | cumsum(none) | diff(none)
norm(none) | unique(none) | logsumexp(w) | softmax(w) | logsumexp(np.full(2, -np.inf, 'float32'))
log_softmax(np.full(2, -np.inf, 'float32')) | quantile(v, [0.0, 0.3, 1.0]) | quantile(v, 0.5, method='lower')
quantile(v, 0.3, method='midpoint') | quantile(w, 0.5) | quantile(v, 0.3, method='higher')
quantile(v, 0.5, method='nearest') | median(w) | median(x) | median(i) | nanmedian(w) | nan_to_num(w)
nan_to_num(w, nan=1.0, posinf=9.0) | clip(v, 1.0, 0.0) | clip(w, -1.0, 1.0) | clip(i, 0.5, 2.0)
round(np.array([0.5, 1.5, 2.5, -0.5], 'float32')) | round(i, -1) | round(v * 100, -1) | sign(w) | floor(w) | ceil(i)
linspace(0.0, 1.0, 0) | linspace(0.0, 1.0, 1) | linspace(0, 10, 4, dtype='int32')
linspace(v[:2], v[2:4], 3, axis=-1) | linspace(0.0, 1.0, 3, endpoint=False) | logspace(0.0, 1.0, 1)
geomspace(1.0, 8.0, 1) | arange(5, 0, -2) | arange(3, 1) | eye(2, 4, -1) | eye(2, k=9) | tri(2, 3, -1)
full_like(i, 2.7) | vander(v, 3) | vander(v, 0) | identity(0) | roll(x, 7, axis=1) | roll(x, (1, -1), axis=(0, 1))
roll(x, 2) | repeat(v, 0) | repeat(x, [1, 0, 2], axis=0) | tile(x, 2) | diag(x, 9) | diag(v, -2)
diagonal(f(2, 3, 4), axis1=2, axis2=0) | trace(x, offset=9) | rot90(x, -1) | rot90(x, 5) | flip(x)
split(x, [-1], axis=1) | split(x, [3, 1], axis=1) | split(x, [9]) | split(x, 5, axis=1) | array_split(v, 7)
unstack(none) | squeeze(x, axis=0) | reshape(none, (-1, 3)) | reshape(x, (5, -1)) | expand_dims(x, (0, -1))
concatenate([i, v]) | concatenate([none, f(2, 3)]) | append(x, v) | stack([]) | concatenate([]) | vstack([v, v])
column_stack([v, v]) | einsum('ii->i', f(3, 3)) | einsum('ii', f(3, 3)) | einsum('ij,jk', x, f(4, 2))
einsum('i,i', i, i) | einsum('ij->', x) | tensordot(v, v, axes=0) | matmul(v, v) | matmul(f(2, 3, 4), f(4))
matmul(f(2, 0), f(0, 3)) | dot(f(2, 3, 4), f(5, 4, 2)) | matmul(x, x) | cross(f(2, 2), f(2, 2))
correlate(v, v[:2], mode='full') | correlate(v[:2], v, mode='same') | inner(x, x)
corrcoef(np.ones((2, 3), 'float32')) | average(v, weights=np.zeros(5, 'float32')) | diff(v, 7) | cumprod(w)
cumsum(b) | where(b, 1, 2.0) | where(b, np.int8(1), np.int16(2)) | nonzero(x > 0) | nonzero(np.zeros(3, 'float32'))
isclose(w, w) | isclose(w, w, equal_nan=True) | maximum(w, 0.0) | minimum(w, 0.0) | power(w, w[::-1])
power(i, i32(-1)) | mod(w, w[::-1]) | mod(i, i32(0, 2, 2, -2)) | floor_divide(i, i32(0, 2, 2, -2))
floor_divide(w, w[::-1]) | divide(i, 2) | divide_no_nan(w, w * 0) | true_divide(i, i32(0, 2, 2, -2)) | reciprocal(w)
sqrt(w) | sqrt(i) | log(w) | arctan2(w, w[::-1]) | logaddexp(w, w[::-1]) | hypot(w, w[::-1]) | left_shift(i, 40)
right_shift(i, 1) | bitwise_and(b, True) | bitwise_invert(b) | abs(i32(-2147483648))
cast(np.array([1.7, -1.7]), 'int32') | cast(w, 'bool') | cast(i32(300, -1), 'uint8')
saturate_cast(v * 1000, 'uint8') | slice(x, (2, 3), (2, 2)) | slice(x, (-1, 0), (1, 2)) | slice(x, (1, 0), (-1, 2))
slice(x, (0, 0), (9, 1)) | slice(x, (-2, 9), (-1, -1))
slice_update(x, (2, 3), f(2, 2)) | slice_update(x, (-1, 9), f(1, 1))
slice_update(x, (0, 0), f(9, 1)) | scatter(np.array([[0], [7]]), v[:2], (4,))
scatter(np.array([[0], [0]]), v[:2], (4,)) | scatter(np.array([[-1]]), v[:1], (4,))
scatter_update(v, [[1], [1]], f(2)) | scatter_update(v, [[-1]], f(1)) | scatter_update(x, [[1]], f(1, 4))
unravel_index(i32(5, -1, 11), (3, 4)) | unravel_index(i32(12), (3, 4)) | pad(v, 7, mode='reflect')
pad(v, 7, mode='symmetric') | pad(x, ((1, -1), (0, 0))) | pad(none, ((1, 0), (0, 0)))
pad(i, (1, 2), constant_values=9) | norm(w, ord=np.inf) | norm(v, ord=0) | normalize(np.zeros((2, 3), 'float32'))
normalize(x, axis=0, order=1) | logdet(f(3, 3)) | det(np.ones((2, 2), 'float32')) | relu(w) | relu6(w) | sigmoid(w)
softplus(w) | softsign(w) | silu(w) | elu(w) | selu(w) | gelu(w) | celu(w) | hard_tanh(w) | hard_sigmoid(w)
hard_silu(w) | leaky_relu(w) | tanh_shrink(w) | soft_shrink(w) | hard_shrink(w) | squareplus(w) | sparse_plus(w)
erf(w) | erfinv(w) | rsqrt(w) | expm1(w) | log1p(w) | sinc(w) | angle(w) | arcsin(w) | arccosh(w) | arctanh(w)
exp2(w) | relu(i) | relu6(i) | sigmoid(i) | silu(i) | elu(i) | gelu(i) | hard_shrink(i) | soft_shrink(i) | tanh(b)
relu(b) | erf(i) | categorical_crossentropy(np.eye(3, dtype='float32'), np.abs(f(3, 3)))
sparse_categorical_crossentropy(i32(0, 3, -1), f(3, 3))
sparse_categorical_crossentropy(i32(0, 3, -1), f(3, 3), from_logits=True)
ctc_loss(i32([1, 1, 2]), f(1, 3, 4), i32(3), i32(3))
binary_crossentropy(f(4) * 0, np.array([0.0, 1.0, 0.5, 2.0], 'float32')) | conv(f(1, 2, 2), f(3, 2, 4))
conv(none, f(3, 2, 4)) | conv(f(1, 5, 2), f(3, 2, 4), strides=9, padding='same')
conv_transpose(f(1, 5, 2), f(3, 4, 2), 2, output_padding=1) | max_pool(np.reshape(w, (1, 8, 1)), 2)
max_pool(images, 9, 2) | max_pool(images, 3, 2, padding='same') | average_pool(images, 9)
moments(x, axes=[0], keepdims=True) | moments(none, axes=[0]) | psnr(x, x, 1.0) | rfft(v, fft_length=8)
rfft(v, fft_length=3) | extract_sequences(f(10), 4, 3) | extract_sequences(f(3), 4, 3) | stft(f(20), 8, 4, 8)
stft(f(3), 8, 4, 8) | image.resize(images, (3, 4), interpolation='nearest') | image.resize(images, (0, 4))
image.rgb_to_hsv(images) | image.extract_patches(images, 9)
image.crop_images(images, 9, 1, target_height=2, target_width=2)
"""
_BEYOND = "JAX raises nothing for what indices are, it fills or passes over; TensorFlow has an error of its own"
_DIVIDED = "integers divided by zero are what the processor gives; torch and TensorFlow raise errors of their own"
KNOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "take(v, i32(9))": (("jax", "tensorflow"), _BEYOND),
    "scatter(np.array([[0], [7]]), v[:2], (4,))": (("jax", "tensorflow"), _BEYOND),
    "mod(i, i32(0, 2, 2, -2))": (("torch", "tensorflow"), _DIVIDED),
    "floor_divide(i, i32(0, 2, 2, -2))": (("torch", "jax", "tensorflow"), _DIVIDED),
    "power(i, i32(-1))": (
        ("torch", "jax", "tensorflow"),
        "integers have no negative powers: torch gives 0 for 1 / 0, "
        "JAX the inverse modulo 2**32, TensorFlow an error of its own",
    ),
    "left_shift(i, 40)": (("tensorflow",), "shifts beyond the width are not defined"),
    "top_k(w, 3)": (("tensorflow",), "the kernel has no place for NaN in its order"),
    "hard_silu(w)": (("torch",), "the kernel multiplies -inf by 0"),
    "max_pool(np.reshape(w, (1, 8, 1)), 2)": (("tensorflow",), "docs/engine_differences.md: it passes over NaN"),
}


def lines() -> list[str]:
    """The calls, one by one."""
    return [call.strip() for line in CALLS.split("\n") for call in line.split(" | ") if call.strip()]


def _outcome(call: str, backend: str) -> Any:
    """Arrays, or the class of the error."""
    with world(backend):
        ops = {name: getattr(kfront.ops, name) for name in dir(kfront.ops) if not name.startswith("_")}
        try:
            found = tree.flatten(eval(call, {**ops, **VALUES}))
            return [kfront.ops.convert_to_numpy(t) for t in found]
        except KfrontError as error:
            return type(error)
        except Exception as error:  # the class that a program can name without the engine
            return next(c for c in type(error).__mro__ if c.__module__ == "builtins")


@functools.cache
def _wanted(call: str) -> Any:
    found = _outcome(call, "numpy")
    allowed = not isinstance(found, type) or found is IndexError or issubclass(found, KfrontError)
    assert allowed, f"{call}: expected values, or an error of kfront, got {found.__name__}"  # such as of a wrong name
    return found


def _agrees(call: str, backend: str) -> None:
    got, want = _outcome(call, backend), _wanted(call)
    if isinstance(want, type) or isinstance(got, type):
        assert got is want, f"{call}: got {got}, NumPy {want}"
        return
    assert len(got) == len(want), f"{call}: {len(got)} results, NumPy {len(want)}"
    for g, w in zip(got, want, strict=True):
        kinds = [a.dtype.kind.replace("u", "i") for a in (g, w)]
        assert kinds[0] == kinds[1], f"{call}: {g.dtype}, NumPy {w.dtype}"
        close(g, w, 2e-4, 2e-5, call)


def _check(call: str, backend: str) -> None:
    engines, reason = KNOWN.get(call, ((), ""))
    if backend not in engines:
        return _agrees(call, backend)
    try:
        _agrees(call, backend)
    except AssertionError:
        return None
    raise AssertionError(f"{call} agrees now: take it out of `KNOWN` ({reason})")


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """Every call on every engine beside NumPy."""
    for name in backends:
        for call in lines() if name != "numpy" else ():
            yield Case("errors", f"unusual: {call}", name, functools.partial(_check, call, name))
