"""Layers that make one tensor of several."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core.dtypes import result_type
from kfront.core.errors import ArgumentError, ArgumentTypeError, KfrontError, ShapeError
from kfront.core.options import normalisers
from kfront.core.shapes import broadcast
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.core.typing import LayerOptions, Shape, Tensor
from kfront.layers.base import Layer
from kfront.layers.options import OptionLayer


class Merge(OptionLayer):
    """Base of layers that combine a list of tensors element by element.

    Axis 0 is the batch; inputs of fewer axes get axes of size 1 behind it, then sizes are broadcast.
    """

    _kf_owns_weights = False
    _count: int | None = None  # how many inputs there must be

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    def _checked(self, shapes: object) -> list[tuple[int | None, ...]]:
        """The input shapes.

        Raises:
            ArgumentTypeError: if it was not a list of inputs.
            ShapeError: if the number of inputs is wrong, or their batch sizes differ.
        """
        if not isinstance(shapes, (list, tuple)) or not all(isinstance(s, (list, tuple)) for s in shapes):
            got = "none" if shapes is None else f"one tensor of shape {getattr(shapes, 'shape', shapes)}"
            raise ShapeError(f"[{self.name}] expected a list of inputs, got {got}; pass [x, y].")
        if self._count is not None and len(shapes) != self._count:
            raise ShapeError(f"[{self.name}] expected exactly {self._count} inputs, got {len(shapes)}: {list(shapes)}.")
        if not shapes:
            raise ShapeError(f"[{self.name}] expected at least one input, got an empty list.")
        return [tuple(s) for s in shapes]

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Check the input shapes."""
        self.compute_output_shape(input_shape)

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:  # which published subclasses override
        raise ArgumentError(f"[{self.name}] expected a method `call` or `_merge_function` of {type(self).__name__}.")

    def _kf_masks_of(self, inputs: Sequence[Tensor]) -> Sequence[Tensor | None]:
        if not state.any_mask_seen:
            return [None] * len(inputs)
        return [_spread(self._kf_backend.get_mask(x), x) for x in inputs]

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The layer's output, see the class."""
        return self._merge_function(_of_one_rank(self, inputs))

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """The broadcast shape."""
        shapes = self._checked(input_shape)
        batches = {s[0] for s in shapes if s} - {None}
        if len(batches) > 1:
            raise ShapeError(f"[{self.name}] expected inputs of one batch size, got shapes {shapes}.")
        rank = max(len(s) for s in shapes)
        full = [(*s[:1], *(1,) * (rank - len(s)), *s[1:]) for s in shapes]
        try:
            rest = broadcast(*(s[1:] for s in full))
        except KfrontError:
            raise ShapeError(
                f"[{self.name}] expected inputs whose sizes are equal or 1 on every axis, got shapes {shapes}."
            ) from None
        return (next(iter(batches), None), *rest) if rank else ()

    def compute_output_spec(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        """The spec of the output."""
        self._checked([x.shape for x in inputs] if isinstance(inputs, (list, tuple)) else inputs)
        return self._inferred(inputs)

    def _inferred(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        out = self.call([Abstract(x.shape, x.dtype) for x in inputs])
        shape = self.compute_output_shape([x.shape for x in inputs])
        return Abstract(shape, out.dtype, all(x.sparse for x in inputs))

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        """Where any input counts; None unless all inputs have masks."""
        if mask is None:
            return None
        if not isinstance(mask, (list, tuple)) or len(mask) != len(inputs):
            raise ArgumentError(f"[{self.name}] expected one mask (or None) for each input, got {mask!r}.")
        known: list[Tensor] = [m for m in mask if m is not None]
        return functools.reduce(ops.logical_or, known) if len(known) == len(mask) else None


def _of_one_rank(layer: Merge, inputs: Sequence[Tensor]) -> list[Any]:
    if any([x is None for x in inputs]):
        raise ArgumentTypeError(f"[{type(layer).__name__}] expected tensors, got None among them.")
    rank = max([len(x.shape) for x in inputs])
    out = []
    for x in inputs:
        for _ in range(rank - len(x.shape)):
            x = ops.expand_dims(x, 1)
        out.append(x)
    return out


def _spread(mask: Any, x: Tensor) -> Any:
    """A mask with axes of size 1 behind, up to the rank of `x`."""
    if mask is not None:
        for _ in range(len(x.shape) - len(mask.shape)):
            mask = ops.expand_dims(mask, -1)
    return mask


class Add(Merge):
    """Adds tensors.

    Args:
        **kwargs: name, trainable, dtype.

    Input: list of tensors of one shape; inputs of fewer axes get axes of size 1 behind the batch, and sizes of 1 are
    stretched. Output: one tensor.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.Add()([x, y])[0, 0])
    6.0
    """

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        return functools.reduce(ops.add, inputs)


class Subtract(Merge):
    """Subtracts the second of two tensors from the first.

    Args:
        **kwargs: name, trainable, dtype.

    Input: list of tensors of one shape; inputs of fewer axes get axes of size 1 behind the batch, and sizes of 1 are
    stretched. Output: one tensor.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.Subtract()([x, y])[0, 0])
    2.0
    """

    _count = 2

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        return ops.subtract(inputs[0], inputs[1])


class Multiply(Merge):
    """Multiplies tensors.

    Args:
        **kwargs: name, trainable, dtype.

    Input: list of tensors of one shape; inputs of fewer axes get axes of size 1 behind the batch, and sizes of 1 are
    stretched. Elements that a mask leaves out count as 1. Output: one tensor.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.Multiply()([x, y])[0, 0])
    8.0
    """

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        masks = self._kf_masks_of(inputs)
        known = [m for m in masks if m is not None]
        if not known:
            return functools.reduce(ops.multiply, inputs)
        out = functools.reduce(ops.multiply, [_or_one(x, m) for x, m in zip(inputs, masks, strict=True)])
        if len(known) < len(inputs):
            return out
        return ops.where(functools.reduce(ops.logical_or, known), out, ops.zeros_like(out))


def _or_one(x: Tensor, mask: Any) -> Tensor:
    return x if mask is None else ops.where(mask, x, ops.ones_like(x))


class Average(Merge):
    """The mean of tensors.

    Args:
        **kwargs: name, trainable, dtype.

    Input: list of tensors of one shape; inputs of fewer axes get axes of size 1 behind the batch, and sizes of 1 are
    stretched. Output: one tensor.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.Average()([x, y])[0, 0])
    3.0
    """

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        return ops.divide(functools.reduce(ops.add, inputs), len(inputs))


class _Extreme(Merge):
    """Maximum or minimum over the elements that masks let count."""

    _pick: Any = None

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        masks = self._kf_masks_of(inputs)
        out, have = inputs[0], masks[0]
        for x, mask in zip(inputs[1:], masks[1:], strict=True):
            x = x if mask is None else ops.where(mask, x, out)  # where neither counts, the first
            best = self._pick(out, x)
            if have is not None:
                best = ops.where(have, best, x)
                have = None if mask is None else ops.logical_or(have, mask)
            out = best
        return out


class Maximum(_Extreme):
    """The larger of tensors.

    Args:
        **kwargs: name, trainable, dtype.

    Input: list of tensors of one shape; inputs of fewer axes get axes of size 1 behind the batch, and sizes of 1 are
    stretched. Elements that a mask leaves out do not count. Output: one tensor.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.Maximum()([x, y])[0, 0])
    4.0
    """

    _pick = staticmethod(ops.maximum)


class Minimum(_Extreme):
    """The smaller of tensors.

    Args:
        **kwargs: name, trainable, dtype.

    Input: list of tensors of one shape; inputs of fewer axes get axes of size 1 behind the batch, and sizes of 1 are
    stretched. Elements that a mask leaves out do not count. Output: one tensor.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.Minimum()([x, y])[0, 0])
    2.0
    """

    _pick = staticmethod(ops.minimum)


class Concatenate(Merge):
    """Puts tensors one behind the other along an axis.

    Args:
        axis: the axis.
        **kwargs: name, trainable, dtype.

    Input: list of tensors whose shapes differ on that axis only. Output: one tensor.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.ones((2, 3)), kfront.ops.ones((2, 5))
    >>> tuple(kfront.layers.Concatenate()([x, y]).shape)
    (2, 8)
    """

    axis: int

    def __init__(self, axis: int = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The layer's output, see the class."""
        return self._merge_function(inputs)

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        return ops.concatenate(inputs, axis=self.axis)

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """The first input's shape, with the sum of the sizes on `axis`."""
        shapes = self._checked(input_shape)
        rank = len(shapes[0])
        if not -rank <= self.axis < rank:
            raise ShapeError(f"[{self.name}] expected inputs with an axis {self.axis}, got shapes {shapes}.")
        axis, out = self.axis % rank, list(shapes[0])
        for shape in shapes[1:]:
            if len(shape) != rank or any(
                None not in (a, b) and a != b for i, (a, b) in enumerate(zip(out, shape, strict=True)) if i != axis
            ):
                raise ShapeError(f"[{self.name}] expected shapes that differ on axis {self.axis} only, got {shapes}.")
            out = [b if a is None else a for a, b in zip(out, shape, strict=True)]
        sizes = [s[axis] for s in shapes]
        out[axis] = None if None in sizes else sum(d for d in sizes if d is not None)
        return tuple(out)

    def compute_output_spec(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        """The spec of the output."""
        if not isinstance(inputs, (list, tuple)):
            self._checked(inputs)
        return self._inferred(inputs)

    def _inferred(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        shape = self.compute_output_shape([tuple(x.shape) for x in inputs])
        return Abstract(shape, result_type(*(x.dtype for x in inputs)), all(x.sparse for x in inputs))

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        """The masks, put together in the same way; inputs without one count everywhere."""
        super().compute_mask(inputs, mask)  # which refuses what is no list
        if mask is None or all(m is None for m in mask):
            return None
        parts = []
        for x, m in zip(inputs, mask, strict=True):
            if m is None or len(m.shape) < len(x.shape):
                full = ops.ones_like(x, dtype="bool")
                m = full if m is None else ops.logical_and(full, _spread(m, x))
            parts.append(ops.cast(m, "bool"))
        return ops.any(ops.concatenate(parts, axis=self.axis), axis=-1)


def _axis_or_pair(layer: Merge, name: str, axes: object) -> Any:
    if not isinstance(axes, int):
        if not isinstance(axes, (list, tuple)) or not all(isinstance(a, int) for a in axes):
            raise ArgumentTypeError(f"[Dot] expected `axes` to be an int or a pair of ints, got {axes!r}.")
        if len(axes) != 2:
            raise ArgumentError(f"[Dot] expected `axes` to be an int or a pair of ints, got {axes!r}.")
    return axes


class Dot(Merge):
    """Sums products of two tensors over one axis of each, sample by sample.

    Args:
        axes: the axis of both, or a pair, one of each; the batch is 0.
        normalize: whether the vectors are divided by their norms before: the output then holds cosines.
        **kwargs: name, trainable, dtype.

    Input: list of two tensors. Output: tensor of the axes left of the first (the batch included) and then of the
    second; of shape (batch, 1) if none are left.

    Raises:
        ArgumentTypeError: if `axes` is not an int or a pair of ints.
        ShapeError: if the sizes on the axes differ.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[1.0, 2.0]]), kfront.ops.convert_to_tensor([[3.0, 4.0]])
    >>> float(kfront.layers.Dot(axes=1)([x, y])[0, 0])
    11.0
    """

    _kf_normalise = normalisers(axes=_axis_or_pair)
    _count = 2
    axes: Any
    normalize: bool

    def __init__(self, axes: object, normalize: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def _axes_for(self, shapes: Sequence[Sequence[Any]]) -> tuple[int, int]:
        given = (self.axes,) * 2 if isinstance(self.axes, int) else self.axes
        found = []
        for axis, shape in zip(given, shapes, strict=True):
            if not -len(shape) < axis < len(shape) or axis % len(shape) == 0:
                raise ShapeError(
                    f"[{self.name}] expected axes {given} within the inputs and not the batch, got shapes "
                    f"{list(shapes)}."
                )
            found.append(axis % len(shape))
        a, b = shapes[0][found[0]], shapes[1][found[1]]
        if None not in (a, b) and a != b:
            raise ShapeError(
                f"[{self.name}] expected equal sizes on the axes {tuple(found)}, got {a} and {b} "
                f"(shapes {list(shapes)})."
            )
        return found[0], found[1]

    def call(self, inputs: Sequence[Tensor]) -> Tensor:
        """The layer's output, see the class."""
        return self._merge_function(inputs)

    def _merge_function(self, inputs: Sequence[Tensor]) -> Tensor:
        x, y = inputs
        a, b = self._axes_for([tuple(x.shape), tuple(y.shape)])
        if self.normalize:
            x, y = ops.normalize(x, axis=a, epsilon=1e-6), ops.normalize(y, axis=b, epsilon=1e-6)
        letters = iter("cdefghijklmnopqrstuvwxyz")
        left = ["b", *(next(letters) for _ in x.shape[1:])]
        right = ["b", *(next(letters) for _ in y.shape[1:])]
        left[a] = right[b] = "a"
        rest = [c for c in (*left, *right[1:]) if c != "a"]
        out = ops.einsum(f"{''.join(left)},{''.join(right)}->{''.join(rest)}", x, y)
        return ops.expand_dims(out, 1) if len(rest) == 1 else out

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """(batch, *axes left of the first, *axes left of the second)."""
        x, y = self._checked(input_shape)
        if not x or not y or (None not in (x[0], y[0]) and x[0] != y[0]):
            raise ShapeError(f"[{self.name}] expected inputs of one batch size, got shapes {[x, y]}.")
        a, b = self._axes_for([x, y])
        rest = (*x[1:a], *x[a + 1 :], *y[1:b], *y[b + 1 :])
        return (y[0] if x[0] is None else x[0], *(rest or (1,)))

    def compute_output_spec(self, inputs: Sequence[KerasTensor]) -> KerasTensor:
        """The spec of the output."""
        if not isinstance(inputs, (list, tuple)):
            self._checked(inputs)
        return super()._inferred(inputs)

    def compute_mask(self, inputs: Sequence[Tensor], mask: Sequence[Tensor | None] | None = None) -> Tensor | None:
        """None."""
        return None


def _functional(cls: type[Layer], inputs: Sequence[Tensor], *args: object, **kwargs: object) -> Any:
    return cls(*args, **kwargs)(inputs)


def add(inputs: Sequence[Tensor], **kwargs: object) -> Any:
    """`Add` as a function.

    Args:
        inputs: list of tensors.
        **kwargs: of the layer.

    Returns:
        tensor of the broadcast shape.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.add([x, y])[0, 0])
    6.0
    """
    return _functional(Add, inputs, **kwargs)


def subtract(inputs: Sequence[Tensor], **kwargs: object) -> Any:
    """`Subtract` as a function.

    Args:
        inputs: list of two tensors.
        **kwargs: of the layer.

    Returns:
        tensor of the broadcast shape.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.subtract([x, y])[0, 0])
    2.0
    """
    return _functional(Subtract, inputs, **kwargs)


def multiply(inputs: Sequence[Tensor], **kwargs: object) -> Any:
    """`Multiply` as a function.

    Args:
        inputs: list of tensors.
        **kwargs: of the layer.

    Returns:
        tensor of the broadcast shape.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.multiply([x, y])[0, 0])
    8.0
    """
    return _functional(Multiply, inputs, **kwargs)


def average(inputs: Sequence[Tensor], **kwargs: object) -> Any:
    """`Average` as a function.

    Args:
        inputs: list of tensors.
        **kwargs: of the layer.

    Returns:
        tensor of the broadcast shape.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.average([x, y])[0, 0])
    3.0
    """
    return _functional(Average, inputs, **kwargs)


def maximum(inputs: Sequence[Tensor], **kwargs: object) -> Any:
    """`Maximum` as a function.

    Args:
        inputs: list of tensors.
        **kwargs: of the layer.

    Returns:
        tensor of the broadcast shape.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.maximum([x, y])[0, 0])
    4.0
    """
    return _functional(Maximum, inputs, **kwargs)


def minimum(inputs: Sequence[Tensor], **kwargs: object) -> Any:
    """`Minimum` as a function.

    Args:
        inputs: list of tensors.
        **kwargs: of the layer.

    Returns:
        tensor of the broadcast shape.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[4.0]]), kfront.ops.convert_to_tensor([[2.0]])
    >>> float(kfront.layers.minimum([x, y])[0, 0])
    2.0
    """
    return _functional(Minimum, inputs, **kwargs)


def concatenate(inputs: Sequence[Tensor], axis: int = -1, **kwargs: object) -> Any:
    """`Concatenate` as a function.

    Args:
        inputs: list of tensors.
        axis: the axis.
        **kwargs: of the layer.

    Returns:
        tensor with the sum of the sizes on `axis`.

    Raises:
        ShapeError: if the shapes do not fit together.

    Example:

    >>> import kfront
    >>> tuple(kfront.layers.concatenate([kfront.ops.ones((2, 3)), kfront.ops.ones((2, 5))]).shape)
    (2, 8)
    """
    return _functional(Concatenate, inputs, axis=axis, **kwargs)


def dot(inputs: Sequence[Tensor], axes: object = -1, **kwargs: object) -> Any:
    """`Dot` as a function.

    Args:
        inputs: list of two tensors.
        axes: the axis of both, or a pair.
        **kwargs: of the layer.

    Returns:
        tensor of the axes left of the first and then of the second; of shape (batch, 1) if none are left.

    Raises:
        ShapeError: if the sizes on the axes differ.

    Example:

    >>> import kfront
    >>> x, y = kfront.ops.convert_to_tensor([[1.0, 2.0]]), kfront.ops.convert_to_tensor([[3.0, 4.0]])
    >>> float(kfront.layers.dot([x, y], axes=1)[0, 0])
    11.0
    """
    return _functional(Dot, inputs, axes=axes, **kwargs)
