"""Places of tokens in their sequences, and rotary embeddings of them."""

from __future__ import annotations

from kfront.core.dtypes import result_type, to_float
from kfront.core.errors import ShapeError
from kfront.core.op import op
from kfront.core.spec import KerasTensor
from kfront.core.state import state
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.casting import widen


@op(1, home="nn")
def token_positions(inputs: TensorLike) -> Tensor:
    """The place of each token in its sequence, counted from 0.

    While a `kfront.generation.Cache` is in use, the tokens of a call continue a sequence, and are counted on from its
    end. Whatever depends on a token's place takes it from here, so that a model works with and without a cache.

    Args:
        inputs: tensor of shape (batch, length, ...); only its shape matters.

    Returns:
        int32 tensor of shape (1, length), or (batch, length) where a cache has sequences of different lengths.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.token_positions(ops.zeros((2, 3, 8)))).tolist()
    [[0, 1, 2]]
    """
    steps = p.expand_dims(p.arange(p.dim(inputs, 1), dtype="int32"), 0)
    return steps if state.cache is None or isinstance(inputs, KerasTensor) else state.cache.counted_on(steps)


def _rule(inputs: object, positions: object) -> tuple[object, object]:
    kind = to_float(result_type(inputs))
    return (kind, None), kind


@op(2, _rule, home="nn")
def rotary_embedding(
    inputs: Tensor, positions: TensorLike, base: float = 10000.0, factor: float = 1.0, interleaved: bool = False
) -> Tensor:
    """Pairs of features turned by angles that grow with the token's place (Su et al., 2021, arXiv:2104.09864).

    The product of two vectors turned so depends on how far apart their places are. The angle of pair i of n is
    ``position / factor * base ** (-i / n)``; halves are computed in float32.

    Args:
        inputs: tensor of shape (batch, length, heads, size): queries or keys; the size is even.
        positions: integer tensor of shape (batch, length) or (1, length), see `token_positions`.
        base: number that the speeds of turning are powers of.
        factor: positions are divided by it.
        interleaved: whether features 2i and 2i + 1 are a pair, rather than i and i + size / 2.

    Returns:
        tensor of the shape of `inputs`, in its dtype, a floating one.

    Raises:
        ShapeError: if the size of heads is odd.

    Example:

    >>> from kfront import ops
    >>> turned = ops.rotary_embedding(ops.ones((1, 2, 1, 2)), [[0, 1]])
    >>> [round(float(x), 3) for x in ops.reshape(turned, (-1,))]
    [1.0, 1.0, -0.301, 1.382]
    """
    size = inputs.shape[-1]
    if size % 2:
        raise ShapeError(f"[rotary_embedding] expected an even size of heads, got inputs of shape {inputs.shape}.")
    wide = widen(inputs)
    kind = p.dtype_of(wide)
    speeds = p.convert_to_tensor([base ** (-2 * i / size) for i in range(size // 2)], kind)
    angles = p.multiply(p.expand_dims(p.divide(p.cast(positions, kind), factor), -1), speeds)
    across, along = (p.expand_dims(f(angles), 2) for f in (p.sin, p.cos))
    first, second = _halves(wide, interleaved)
    turned = (
        p.subtract(p.multiply(first, along), p.multiply(second, across)),
        p.add(p.multiply(second, along), p.multiply(first, across)),
    )
    if interleaved:
        return p.cast(p.reshape(p.stack(turned, -1), (-1, *(p.dim(wide, a) for a in (1, 2, 3)))), p.dtype_of(inputs))
    return p.cast(p.concatenate(turned, -1), p.dtype_of(inputs))


def _halves(x: Tensor, interleaved: bool) -> tuple[Tensor, Tensor]:
    """The first and the second features of all pairs."""
    if interleaved:
        return p.get_item(x, (Ellipsis, slice(0, None, 2))), p.get_item(x, (Ellipsis, slice(1, None, 2)))
    half = x.shape[-1] // 2
    return p.get_item(x, (Ellipsis, slice(None, half))), p.get_item(x, (Ellipsis, slice(half, None)))
