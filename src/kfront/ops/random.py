"""Random ops: a seed becomes a key, an op turns the key into numbers; `kfront.random` is their public place.

In portable mode (`kfront.config.set_portable_random`) all values are computed from the bits of threefry2x32 (Salmon et
al., 2011) with the same arithmetic on every engine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kfront.core import shapes
from kfront.core.dtypes import is_float, is_int, keep, standardize
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import op
from kfront.core.rng import seed_key
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.core.typing import DTypeLike, Seed, Size, Sizes, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.control import while_loop
from kfront.ops.creation import zeros_like
from kfront.ops.elementwise import square
from kfront.ops.primitives.arguments import shape_tuple


@op(1, fuse=True)
def random_truncated_normal(key: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Standard normal numbers that lie within (-2, 2).

    Args:
        key: integer tensor of shape (2,).
        shape: tuple of ints or scalar tensors.
        dtype: floating dtype name.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_truncated_normal
    >>> -2 < float(random_truncated_normal(ops.array([1, 0]), (), "float32")) < 2
    True
    """
    return p.cast(_truncated(p.random_uniform(key, shape, "float32")), dtype)


def _truncated(u: TensorLike) -> Tensor:
    """Truncated normal numbers from uniform ones."""
    half = math.erf(2 / math.sqrt(2))
    return clip(
        p.multiply(p.erfinv(p.multiply(p.subtract(p.multiply(u, 2.0), 1.0), half)), math.sqrt(2)), -1.9999999, 1.9999999
    )


@op(("key", "alpha"))
def random_gamma(key: Tensor, alpha: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Gamma distributed numbers with rate 1.

    Args:
        key: integer tensor of shape (2,).
        alpha: shape parameter > 0, floating tensor that broadcasts.
        shape: tuple of ints or scalar tensors.
        dtype: floating dtype name.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_gamma
    >>> bool(ops.all(random_gamma(ops.array([1, 0]), ops.array(2.0), (3,), "float32") > 0))
    True
    """
    return _gamma_of_bits(key, alpha, shape, dtype)


@op(("key", "counts", "probabilities"))
def random_binomial(key: Tensor, counts: TensorLike, probabilities: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Numbers of successes in `counts` trials.

    Args:
        key: integer tensor of shape (2,).
        counts: floating tensor that broadcasts.
        probabilities: floating tensor that broadcasts.
        shape: tuple of ints or scalar tensors.
        dtype: floating dtype name.

    Returns:
        tensor of that shape and dtype.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_binomial
    >>> x = random_binomial(ops.array([1, 0]), ops.array(10.0), ops.array(1.0), (2,), "float32")
    >>> ops.convert_to_numpy(x).tolist()
    [10.0, 10.0]
    """
    return _binomial_of_bits(key, counts, probabilities, shape, dtype)


@op(("key", "alpha", "beta"))
def random_beta(key: Tensor, alpha: TensorLike, beta: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Beta distributed numbers.

    Args:
        key: integer tensor of shape (2,).
        alpha: first parameter > 0, floating tensor that broadcasts.
        beta: second parameter > 0, floating tensor that broadcasts.
        shape: tuple of ints or scalar tensors.
        dtype: floating dtype name.

    Returns:
        tensor of that shape and dtype, in [0, 1].

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_beta
    >>> 0 <= float(random_beta(ops.array([1, 0]), ops.array(2.0), ops.array(3.0), (), "float32")) <= 1
    True
    """
    return _beta(key, alpha, beta, shape, dtype)


def _beta(key: Tensor, alpha: TensorLike, beta: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """From logarithms of Gamma(a) = Gamma(a + 1) U^(1 / a), which are finite where the numbers themselves are 0."""
    logs = []
    for number, parameter in enumerate((alpha, beta)):
        own = fold_in(key, number) if number else key
        u = p.cast(_open_uniform(fold_in(own, 2), shape), dtype)
        logs.append(p.add(p.log(_gamma(own, p.add(parameter, 1.0), shape, dtype)), p.divide(p.log(u), parameter)))
    return p.divide(1.0, p.add(1.0, p.exp(p.subtract(logs[1], logs[0]))))


def _gamma(key: Tensor, alpha: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    return (_gamma_of_bits if state.portable_random else random_gamma)(key, alpha, shape, dtype)


_ROUNDS = 6  # each accepts at least 95 %


def _gamma_of_bits(key: Tensor, alpha: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Gamma distributed numbers from the portable bits.

    As in Marsaglia and Tsang, 2000, "A simple method for generating gamma variables", all rounds at once.
    """
    alpha = p.cast(alpha, "float32")
    small = p.less(alpha, 1.0)
    d = p.subtract(p.where(small, p.add(alpha, 1.0), alpha), 1 / 3)
    normals = _portable_normal(key, [_ROUNDS, *shape])
    logs = p.log(_open_uniform(fold_in(key, 3), [_ROUNDS, *shape]))
    cubes = p.power(p.add(1.0, p.divide(normals, p.sqrt(p.multiply(d, 9.0)))), 3)
    positive = p.greater(cubes, 0.0)
    v = p.where(positive, cubes, 1.0)
    limit = p.add(p.multiply(square(normals), 0.5), p.multiply(d, p.add(p.subtract(1.0, v), p.log(v))))
    accepted = p.logical_and(positive, p.less(logs, limit))
    value = p.get_item(v, 0)
    for i in range(_ROUNDS - 1, -1, -1):
        value = p.where(p.get_item(accepted, i), p.get_item(v, i), value)
    u = _open_uniform(fold_in(key, 5), shape)
    boost = p.where(small, p.exp(p.divide(p.log(u), p.where(small, alpha, 1.0))), 1.0)
    return p.cast(p.multiply(p.multiply(d, value), boost), dtype)


_FEW = 16  # trials that are counted one by one


def _binomial_of_bits(key: Tensor, counts: TensorLike, probabilities: TensorLike, shape: Sizes, dtype: str) -> Tensor:
    """Binomially distributed numbers from the portable bits.

    Many trials are uniform numbers of which one in the middle is drawn: it tells on which side of it the others count,
    and half of the trials are left (Devroye, 1986, "Non-Uniform Random Variate Generation", X.4.3).
    """
    none = p.zeros(shape, "float32")
    left = p.add(none, p.floor(p.cast(counts, "float32")))
    likely = p.add(none, clip(p.cast(probabilities, "float32"), 0.0, 1.0))

    def halve(key: Tensor, left: TensorLike, likely: Tensor, found: TensorLike) -> tuple[object, ...]:
        middle = p.add(p.floor(p.multiply(left, 0.5)), 1.0)
        others = p.maximum(p.subtract(p.add(left, 1.0), middle), 1.0)
        a = _gamma_of_bits(fold_in(key, 1), middle, shape, "float32")
        b = _gamma_of_bits(fold_in(key, 2), others, shape, "float32")
        at = p.divide(a, p.add(a, b))
        many, below = p.greater(left, _FEW), p.less(at, likely)
        rest = p.where(
            below, p.divide(p.subtract(likely, at), p.subtract(1.0, at)), p.minimum(p.divide(likely, at), 1.0)
        )
        return (
            p.cast(random_bits(fold_in(key, 3), [2]), p.dtype_of(key)),
            p.where(many, p.where(below, p.subtract(left, middle), p.subtract(middle, 1.0)), left),
            p.where(many, rest, likely),
            p.where(p.logical_and(many, below), p.add(found, middle), found),
        )

    start = (key, left, likely, none)
    key, left, likely, found = while_loop(lambda key, left, *_: p.any(p.greater(left, _FEW)), halve, start)
    trials = p.less(_open_uniform(fold_in(key, 4), [_FEW, *shape]), likely)
    line = p.reshape(p.arange(_FEW, dtype="float32"), (_FEW, *(1 for _ in shape)))
    return p.cast(p.add(found, p.sum(p.cast(p.logical_and(trials, p.less(line, left)), "float32"), 0)), dtype)


def _portable_normal(key: Tensor, shape: Sizes) -> Tensor:
    u = _open_uniform(key, shape)
    return p.multiply(p.erfinv(p.subtract(p.multiply(u, 2.0), 1.0)), math.sqrt(2))


@op(("key", "logits"))
def random_categorical(key: Tensor, logits: TensorLike, num_samples: int, dtype: str) -> Tensor:
    """Class numbers, drawn with the probabilities softmax(logits).

    Args:
        key: integer tensor of shape (2,).
        logits: floating tensor of shape (batch, classes).
        num_samples: how many for each row.
        dtype: integer dtype name.

    Returns:
        tensor of shape (batch, num_samples).

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_categorical
    >>> x = random_categorical(ops.array([1, 0]), ops.array([[0.0, 100.0]]), 3, "int32")
    >>> ops.convert_to_numpy(x).tolist()
    [[1, 1, 1]]
    """
    return _gumbel_max(key, logits, num_samples, dtype)


def _gumbel_max(key: Tensor, logits: TensorLike, num_samples: int, dtype: str) -> Tensor:
    batch, classes = p.shape(logits)
    u = _open_uniform(key, [batch, num_samples, classes])
    gumbel = p.negative(p.log(p.negative(p.log(u))))
    scores = p.add(p.cast(p.expand_dims(logits, 1), "float32"), gumbel)
    return p.cast(p.argmax(scores, -1), dtype)


@op(("key", "x"), fuse=True)
def random_shuffle(key: Tensor, x: TensorLike, axis: int) -> Tensor:
    """The slices along an axis in random order.

    Args:
        key: integer tensor of shape (2,).
        x: tensor.
        axis: along which axis.

    Returns:
        tensor of the shape and dtype of `x`.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_shuffle
    >>> x = random_shuffle(ops.array([1, 0]), ops.array([3, 1, 2]), 0)
    >>> sorted(ops.convert_to_numpy(x).tolist())
    [1, 2, 3]
    """
    return _sorted_by_bits(key, x, axis)


def _sorted_by_bits(key: Tensor, x: TensorLike, axis: int) -> Tensor:
    return p.take(x, p.argsort(_bits31(key, [p.dim(x, axis)]), -1), axis)


@op(("key", "inputs"))
def random_dropout(
    key: TensorLike, inputs: TensorLike, rate: float, noise_shape: Sequence[Size | None] | None
) -> Tensor:
    """Elements set to 0 with probability `rate`, the others divided by 1 - rate.

    Args:
        key: integer tensor of shape (2,).
        inputs: floating tensor.
        rate: probability in [0, 1).
        noise_shape: shape of the mask, which broadcasts; that of `inputs` if None.

    Returns:
        tensor of the shape and dtype of `inputs`.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_dropout
    >>> x = random_dropout(ops.array([1, 0]), ops.ones(100), 0.5, None)
    >>> sorted(set(ops.convert_to_numpy(x).tolist()))
    [0.0, 2.0]
    """
    shape = p.shape(inputs) if noise_shape is None else noise_shape
    return _kept(inputs, p.greater_equal(p.random_uniform(key, shape, "float32"), rate), rate)


def _kept(inputs: TensorLike, mask: TensorLike, rate: float) -> Tensor:
    return p.where(mask, p.divide(inputs, 1.0 - rate), 0.0)


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def _rotate(x: TensorLike, r: int) -> Tensor:
    return p.bitwise_or(p.left_shift(x, r), p.bitwise_and(p.right_shift(x, 32 - r), (1 << r) - 1))


@op(1)
def random_bits(key: TensorLike, shape: Sizes) -> Tensor:
    """32 random bits for each element: threefry2x32 of a counter, the same on every engine.

    With h half the number of elements (rounded up), element i < h is the first word of the counter (i, i + h), element
    i >= h the second word of the counter (i - h, i).

    Args:
        key: integer tensor of shape (2,), of which the low 32 bits count.
        shape: tuple of ints or scalar tensors.

    Returns:
        int32 tensor of that shape, to be read as a pattern of bits.

    Example:

    >>> from kfront import ops
    >>> from kfront.ops.random import random_bits
    >>> ops.convert_to_numpy(random_bits(ops.array([1, 0]), (2,))).view("uint32").tolist()
    [3906887105, 1176396260]
    """
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), "int32")
    k0, k1 = (p.cast(p.get_item(key, i), "int32") for i in range(2))
    keys = (k0, k1, p.bitwise_xor(p.bitwise_xor(k0, k1), _PARITY))
    n = _count(shape)
    half = p.floor_divide(p.add(n, 1), 2) if not isinstance(n, int) else (n + 1) // 2
    x0 = p.arange(half)
    x1 = p.add(p.add(x0, half), keys[1])
    x0 = p.add(x0, keys[0])
    for i in range(5):
        for r in _ROTATIONS[i % 2]:
            x0 = p.add(x0, x1)
            x1 = p.bitwise_xor(_rotate(x1, r), x0)
        x0 = p.add(x0, keys[(i + 1) % 3])
        x1 = p.add(p.add(x1, keys[(i + 2) % 3]), i + 1)
    flat = p.concatenate([x0, x1], 0)
    return p.reshape(flat if isinstance(n, int) and n % 2 == 0 else p.slice(flat, [0], [n]), shape)


def _count(shape: Sequence[Any]) -> Any:
    out: Any = 1
    for d in shape:
        out = out * d if isinstance(out, int) and isinstance(d, int) else p.multiply(out, d)
    return out


def any_symbolic_shape(shape: Sizes) -> bool:
    """Whether a shape has a dimension that is symbolic or None."""
    return any(d is None or isinstance(d, KerasTensor) for d in shape)


def fold_in(key: Tensor, number: int) -> Tensor:
    """Another key made from a key and a number."""
    mixed = (number * 0x9E3779B1) & 0x7FFFFFFF
    return p.bitwise_xor(key, p.cast(p.convert_to_tensor([mixed, 0]), p.dtype_of(key)))


def _bits31(key: Tensor, shape: Sizes) -> Tensor:
    """Integers in [0, 2^31) from the portable bits."""
    return p.bitwise_and(random_bits(key, shape), 0x7FFFFFFF)


def _bits24(key: Tensor, shape: Sizes) -> Tensor:
    """float32 whole numbers in [0, 2^24) from the portable bits."""
    return p.cast(p.bitwise_and(p.right_shift(random_bits(key, shape), 8), 0xFFFFFF), "float32")


def _open_uniform(key: Tensor, shape: Sizes) -> Tensor:
    """float32 numbers in (0, 1)."""
    if state.portable_random:
        return p.multiply(p.add(_bits24(key, shape), 0.5), 2.0**-24)
    return p.add(p.multiply(p.random_uniform(key, shape, "float32"), 1.0 - 2.0**-23), 2.0**-24)


def _float_dtype(who: str, dtype: DTypeLike) -> str:
    name = standardize(dtype)
    if not is_float(name):
        raise ArgumentError(f"[{who}] expected a floating `dtype`, got {name!r}; use randint for integers.")
    return name


def _scaled(values: TensorLike, factor: object, offset: TensorLike, dtype: str) -> Any:
    """values * factor + offset in `dtype`."""
    if factor.__class__ is not float or factor != 1.0:
        values = p.multiply(values, _number(factor, dtype))
    if offset.__class__ is not float or offset != 0.0:
        values = p.add(values, _number(offset, dtype))
    return values


def _number(value: Any, dtype: str) -> float | Tensor:
    return float(value) if isinstance(value, (int, float)) else p.cast(value, dtype)


@op(0, prepare={"shape": shape_tuple}, home="random")
def normal(
    shape: Sizes, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: DTypeLike = None, seed: Seed = None
) -> Tensor:
    """Normally distributed numbers.

    Args:
        shape: int or tuple of ints.
        mean: their mean.
        stddev: their standard deviation.
        dtype: floating dtype name; floatx if None.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of that shape and dtype.

    Raises:
        ArgumentError: if `dtype` is not floating.

    Example:

    >>> from kfront import random
    >>> tuple(random.normal((2, 3), seed=1).shape)
    (2, 3)
    """
    dtype = _float_dtype("normal", dtype)
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), dtype)
    key = seed_key(seed)
    if state.portable_random:
        z = p.cast(_portable_normal(key, shape), dtype)
    else:
        z = p.random_normal(key, shape, dtype)
    return _scaled(z, stddev, mean, dtype)


@op(0, prepare={"shape": shape_tuple}, home="random")
def truncated_normal(
    shape: Sizes, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: DTypeLike = None, seed: Seed = None
) -> Tensor:
    """Normally distributed numbers within two standard deviations of the mean.

    Args:
        shape: int or tuple of ints.
        mean: mean before the ends are cut off.
        stddev: standard deviation before the ends are cut off.
        dtype: floating dtype name; floatx if None.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of that shape and dtype.

    Raises:
        ArgumentError: if `dtype` is not floating.

    Example:

    >>> from kfront import random
    >>> tuple(random.truncated_normal((2, 3), seed=1).shape)
    (2, 3)
    """
    dtype = _float_dtype("truncated_normal", dtype)
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), dtype)
    key = seed_key(seed)
    if state.portable_random:
        z = p.cast(_truncated(_open_uniform(key, shape)), dtype)
    else:
        z = random_truncated_normal(key, shape, dtype)
    return _scaled(z, stddev, mean, dtype)


@op(0, prepare={"shape": shape_tuple}, home="random")
def uniform(
    shape: Sizes, minval: TensorLike = 0.0, maxval: TensorLike = 1.0, dtype: DTypeLike = None, seed: Seed = None
) -> Tensor:
    """Uniformly distributed numbers in [minval, maxval).

    Args:
        shape: int or tuple of ints.
        minval: lower end.
        maxval: upper end, not included.
        dtype: floating dtype name; floatx if None.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of that shape and dtype.

    Raises:
        ArgumentError: if `dtype` is not floating.

    Example:

    >>> from kfront import random
    >>> tuple(random.uniform((2, 3), seed=1).shape)
    (2, 3)
    """
    dtype = _float_dtype("uniform", dtype)
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), dtype)
    key = seed_key(seed)
    if state.portable_random:
        u = p.cast(p.multiply(_bits24(key, shape), 2.0**-24), dtype)
    else:
        u = p.random_uniform(key, shape, dtype)
    if isinstance(minval, (int, float)) and isinstance(maxval, (int, float)):
        return _scaled(u, float(maxval - minval), float(minval), dtype)
    return _scaled(u, p.subtract(maxval, minval), minval, dtype)


@op(0, prepare={"shape": shape_tuple}, home="random")
def randint(shape: Sizes, minval: TensorLike, maxval: Any, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Uniformly distributed integers in [minval, maxval).

    Args:
        shape: int or tuple of ints.
        minval: lower end.
        maxval: upper end, not included.
        dtype: integer dtype name.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of that shape and dtype.

    Raises:
        ArgumentError: if `dtype` is not an integer type.

    Example:

    >>> from kfront import random
    >>> tuple(random.randint((2, 3), 0, 10, seed=1).shape)
    (2, 3)
    """
    dtype = standardize(dtype)
    if not is_int(dtype):
        raise ArgumentError(f"[randint] expected an integer `dtype`, got {dtype!r}; use uniform for floating numbers.")
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), dtype)
    key = seed_key(seed)
    if not state.portable_random:
        return p.random_randint(key, shape, minval, maxval, dtype)
    width = maxval - minval
    return p.cast(p.add(p.mod(_bits31(key, shape), width), minval), dtype)


@op(0, prepare={"shape": shape_tuple}, home="random")
def gamma(shape: Sizes, alpha: TensorLike, dtype: DTypeLike = None, seed: Seed = None) -> Tensor:
    """Gamma distributed numbers with rate 1.

    Args:
        shape: int or tuple of ints.
        alpha: shape parameter > 0, a number or a tensor that broadcasts.
        dtype: floating dtype name; floatx if None.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of that shape and dtype.

    Raises:
        ArgumentError: if `dtype` is not floating.

    Example:

    >>> from kfront import random
    >>> tuple(random.gamma((2, 3), 2.0, seed=1).shape)
    (2, 3)
    """
    dtype = _float_dtype("gamma", dtype)
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), dtype)
    return _gamma(seed_key(seed), _parameter(alpha, dtype), shape, dtype)


def _parameter(value: object, dtype: str) -> Tensor:
    return p.cast(p.convert_to_tensor(value), dtype)


@op(0, prepare={"shape": shape_tuple}, home="random")
def beta(shape: Sizes, alpha: TensorLike, beta: TensorLike, dtype: DTypeLike = None, seed: Seed = None) -> Tensor:
    """Beta distributed numbers.

    Args:
        shape: int or tuple of ints.
        alpha: first parameter > 0, a number or a tensor that broadcasts.
        beta: second parameter > 0, a number or a tensor that broadcasts.
        dtype: floating dtype name; floatx if None.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of that shape and dtype, in [0, 1].

    Raises:
        ArgumentError: if `dtype` is not floating.

    Example:

    >>> from kfront import random
    >>> tuple(random.beta((2, 3), 2.0, 3.0, seed=1).shape)
    (2, 3)
    """
    dtype = _float_dtype("beta", dtype)
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), dtype)
    draw = _beta if state.portable_random else random_beta
    return draw(seed_key(seed), _parameter(alpha, dtype), _parameter(beta, dtype), shape, dtype)


@op(0, prepare={"shape": shape_tuple}, home="random")
def binomial(
    shape: Sizes, counts: TensorLike, probabilities: TensorLike, dtype: DTypeLike = None, seed: Seed = None
) -> Tensor:
    """Numbers of successes in independent trials.

    Args:
        shape: int or tuple of ints.
        counts: numbers of trials, a number or a tensor that broadcasts.
        probabilities: of success, a number or a tensor that broadcasts.
        dtype: floating dtype name; floatx if None.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of that shape and dtype, whole numbers in [0, counts].

    Raises:
        ArgumentError: if `dtype` is not floating.

    Example:

    >>> from kfront import random
    >>> tuple(random.binomial((2, 3), 10.0, 0.5, seed=1).shape)
    (2, 3)
    """
    dtype = _float_dtype("binomial", dtype)
    if any_symbolic_shape(shape):
        return Abstract(shapes.given(shape), dtype)
    counts, probabilities = _parameter(counts, dtype), _parameter(probabilities, dtype)
    draw = _binomial_of_bits if state.portable_random else random_binomial
    return draw(seed_key(seed), counts, probabilities, shape, dtype)


@op(1, home="random")
def categorical(logits: Tensor, num_samples: int, dtype: DTypeLike = "int32", seed: Seed = None) -> Tensor:
    """Class numbers, drawn with the probabilities softmax(logits).

    Args:
        logits: floating tensor of shape (batch, classes).
        num_samples: how many for each row.
        dtype: integer dtype name.
        seed: int (the same numbers each time), SeedGenerator (new ones each time), or None.

    Returns:
        tensor of shape (batch, num_samples).

    Raises:
        ShapeError: if `logits` is not of rank 2.

    Example:

    >>> from kfront import ops, random
    >>> tuple(random.categorical(ops.zeros((2, 4)), 3, seed=1).shape)
    (2, 3)
    """
    dtype = standardize(dtype)
    if len(size := shapes.shape_of(logits)) != 2:
        raise ShapeError(f"[categorical] expected `logits` of shape (batch, classes), got {size}.")
    if isinstance(logits, KerasTensor):
        return Abstract((logits.shape[0], num_samples), dtype)
    draw = _gumbel_max if state.portable_random else random_categorical
    return draw(seed_key(seed), logits, num_samples, dtype)


@op(1, keep, home="random")
def dropout(
    inputs: TensorLike, rate: float, noise_shape: Sequence[Size | None] | None = None, seed: Seed = None
) -> Tensor:
    """Elements set to 0 at random, the others scaled up (Srivastava et al., 2014).

    Args:
        inputs: floating tensor.
        rate: probability that an element becomes 0, in [0, 1).
        noise_shape: shape of the mask, which broadcasts to `inputs`; None entries stand for the dimension of `inputs`.
        seed: int (the same mask each time), SeedGenerator (a new one each time), or None.

    Returns:
        tensor of the shape and dtype of `inputs`.

    Raises:
        ArgumentError: if `rate` is negative or no number.

    Example:

    >>> from kfront import ops, random
    >>> ops.convert_to_numpy(random.dropout(ops.ones(3), 0.0, seed=1)).tolist()
    [1.0, 1.0, 1.0]
    """
    if isinstance(inputs, KerasTensor):
        return inputs
    if noise_shape is not None:
        noise_shape = tuple(p.dim(inputs, i) if d is None else d for i, d in enumerate(noise_shape))
    if not rate >= 0:
        raise ArgumentError(f"[dropout] expected a rate in [0, 1], got {rate}.")
    if rate >= 1:
        return zeros_like(inputs)
    if not state.portable_random:
        return random_dropout(seed_key(seed), inputs, rate, noise_shape)
    shape = p.shape(inputs) if noise_shape is None else noise_shape
    return _kept(inputs, p.less_equal(_bits31(seed_key(seed), shape), int((1.0 - rate) * 2**31) - 1), rate)


@op(1, keep, home="random")
def shuffle(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """The slices along an axis in random order.

    Args:
        x: tensor.
        axis: along which axis.
        seed: int (the same order each time), SeedGenerator (a new one each time), or None.

    Returns:
        tensor of the shape and dtype of `x`.

    Raises:
        ShapeError: if `x` is a scalar.

    Example:

    >>> from kfront import ops, random
    >>> ops.convert_to_numpy(ops.sort(random.shuffle(ops.array([1, 2, 3]), seed=1))).tolist()
    [1, 2, 3]
    """
    if isinstance(x, KerasTensor):
        return x
    if not shapes.shape_of(x):
        raise ShapeError("[shuffle] expected `x` to have an axis, got a scalar.")
    return (_sorted_by_bits if state.portable_random else random_shuffle)(seed_key(seed), x, axis)
