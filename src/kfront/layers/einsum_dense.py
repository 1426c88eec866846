"""EinsumDense: a dense layer over any axes, written as an einsum equation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kfront import ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.options import normalisers
from kfront.core.typing import (
    Activation,
    ActivationLike,
    AnyCallable,
    Config,
    ConstraintLike,
    InitializerLike,
    LayerOptions,
    RegularizerLike,
    Shape,
    Tensor,
)
from kfront.core.variable import Variable, read
from kfront.initializers import VarianceScaling
from kfront.layers.base import InputSpec
from kfront.layers.core import _linear_activation
from kfront.layers.quantized import Layout, Quantizable
from kfront.ops.matrix import linear


class Equation:
    """``input,kernel->output`` with at most one ellipsis in input and output, taken apart.

    Attributes:
        inputs, kernel, outputs: lists of letters, "..." among them.

    Raises:
        ArgumentError: if the equation has another form.
    """

    def __init__(self, equation: str) -> None:
        wrong = ArgumentError(
            f"[EinsumDense] expected `equation` in the form 'ab,bc->ac', '...b,bc->...c' or 'ab...,bc->ac...', "
            f"got {equation!r}."
        )
        if not isinstance(equation, str):
            raise ArgumentTypeError(*wrong.args)
        left, arrow, out = equation.replace(" ", "").partition("->")
        parts = left.split(",")
        if not arrow or len(parts) != 2 or "..." in parts[1] or ("..." in parts[0]) != ("..." in out):
            raise wrong
        self.inputs, self.kernel, self.outputs = (self._letters(p, wrong) for p in (*parts, out))

    @staticmethod
    def _letters(term: str, wrong: ArgumentError) -> list[str]:
        before, dots, after = term.partition("...")
        letters = [*before, *(["..."] if dots else []), *after]
        if any(not (c.isalpha() or c == "...") for c in letters) or len(set(letters)) != len(letters):
            raise wrong
        return letters

    def expanded(self, rank: int) -> tuple[list[str], list[str]]:
        """Input and output letters for inputs of that rank, digits standing for the axes of the ellipsis."""
        missing = rank - len(self.inputs) + 1
        if "..." not in self.inputs:
            if missing != 1:
                raise ShapeError(f"expected inputs of rank {len(self.inputs)}, got rank {rank}")
            return self.inputs, self.outputs
        if missing < 0:
            raise ShapeError(f"expected inputs of rank {len(self.inputs) - 1} or more, got rank {rank}")
        dots = [str(i) for i in range(missing)]
        return tuple([x for c in term for x in (dots if c == "..." else [c])] for term in (self.inputs, self.outputs))  # type: ignore[return-value]


class EinsumDense(Quantizable):
    """A dense layer over any axes: ``activation(einsum(equation, inputs, kernel) + bias)``.

    Args:
        equation: for example "abc,cd->abd" (a Dense layer on sequences) or "...x,xy->...y"; the first letter of the
            output is the batch.
        output_shape: shape of the output without the batch; None for axes that are the input's.
        activation: name or function; none if None.
        bias_axes: letters of the output axes that have a bias of their own, such as "d"; no bias if None.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer: functions of the weights that are added to the loss.
        kernel_constraint, bias_constraint: functions applied to the weights after each update.
        lora_rank: rank of a trained product that is added to the kernel, which is then frozen (https://arxiv.org/abs/2106.09685).
        lora_alpha: the product is scaled by lora_alpha / lora_rank; `lora_rank` if None.
        gptq_unpacked_column_size: not needed here; files may have it.
        quantization_config: how `quantize` and a quantized dtype policy quantize the kernel; their default if None.
        **kwargs: activity_regularizer, name, trainable, dtype.

    Input: tensor whose axes are those of the first term of `equation`. Output: tensor of shape (batch, *output_shape).

    Attributes:
        kernel: Variable; its axes are those of the equation's second term.
        bias: Variable, or None.

    Raises:
        ArgumentError: if equation, shape and bias axes do not fit together.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.EinsumDense("abc,cde->abde", output_shape=(None, 4, 5), bias_axes="de")
    >>> tuple(layer(kfront.ops.ones((2, 3, 6))).shape)
    (2, 3, 4, 5)
    """

    activation: Activation
    kernel_initializer: InitializerLike
    bias_initializer: InitializerLike
    kernel_regularizer: RegularizerLike
    bias_regularizer: RegularizerLike
    kernel_constraint: ConstraintLike
    bias_constraint: ConstraintLike
    kernel: Any = None
    bias: Variable | None = None
    _kf_normalise = normalisers(
        gptq_unpacked_column_size=None,
        output_shape=lambda layer, name, value: (value,) if isinstance(value, int) else tuple(value),
    )
    _kf_writes_activity_regularizer = True
    equation: str
    output_shape: tuple[int | None, ...]
    _terms: Equation
    _letters: tuple[list[str], list[str]]
    _contracted = 0
    _zero_name = "zero_point"
    bias_axes: str | None

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: ActivationLike = None,
        bias_axes: str | None = None,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        gptq_unpacked_column_size: int | None = None,
        quantization_config: object = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self.__dict__["_terms"] = Equation(equation)
        for axis in bias_axes or "":
            if axis not in self._terms.outputs:
                raise ArgumentError(
                    f"[EinsumDense] expected `bias_axes` among the output axes of {equation!r}, got {bias_axes!r}."
                )
        self._kf_store(locals())
        self._set_lora(lora_rank, lora_alpha)

    def _sizes(self, input_shape: Shape) -> tuple[list[str], list[str], dict[str, int | None]]:
        """Input letters, output letters, and the size behind each letter, None where it is not known."""
        who, wanted = f"[{self.name}]", self.output_shape
        try:
            inputs, outputs = self._terms.expanded(len(input_shape))
        except ShapeError as error:
            raise ShapeError(f"{who} {error} (shape {tuple(input_shape)}, equation {self.equation!r}).") from None
        sizes: dict[str, int | None] = dict(zip(inputs, input_shape, strict=True))
        left, dots, right = self._split_outputs()
        if not dots and len(left) != len(wanted) + 1:
            raise ShapeError(
                f"{who} expected `output_shape` with {len(left) - 1} entries for the output of {self.equation!r}, "
                f"got {wanted}."
            )
        pairs = [*zip(left[1:], wanted, strict=False), *zip(reversed(right), reversed(wanted), strict=False)]
        for letter, size in pairs:
            known = sizes.get(letter)
            if None not in (known, size) and known != size:
                raise ShapeError(
                    f"{who} expected the same size on axis {letter!r} of input and output, got {known} in the input "
                    f"{tuple(input_shape)} and {size} in `output_shape` {wanted}."
                )
            if known is None:
                sizes[letter] = size
        return inputs, outputs, sizes

    def _split_outputs(self) -> tuple[list[str], bool, list[str]]:
        letters = self._terms.outputs
        if "..." not in letters:
            return letters, False, []
        i = letters.index("...")
        return letters[:i], True, letters[i + 1 :]

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias."""
        inputs, outputs, sizes = self._sizes(input_shape)
        shape = []
        for letter in self._terms.kernel:
            size = sizes.get(letter)
            if size is None:
                raise ShapeError(
                    f"[{self.name}] expected a known size for axis {letter!r} of the kernel in {self.equation!r}, got "
                    f"inputs of shape {tuple(input_shape)} and output_shape {self.output_shape}."
                )
            shape.append(size)
        self.__dict__["_letters"] = inputs, outputs
        if "..." not in self._terms.inputs:
            self.input_spec = InputSpec(ndim=len(inputs))
        self._add_weight(tuple(shape))
        if self.bias_axes:
            self.bias = self._kf_weight("bias", self._bias_shape(outputs, sizes))
        self._contracted = self._dense_form(inputs, outputs)
        self._weight_made()

    def _kf_initializer(self, options: str) -> AnyCallable:
        """Fans come from the equation: axes that are summed over are inputs of the kernel, the others outputs."""
        found = super()._kf_initializer(options)
        if options != "kernel" or not isinstance(found, VarianceScaling):
            return found
        outputs, kernel = self._letters[1], self._terms.kernel
        summed = tuple(i for i, c in enumerate(kernel) if c not in outputs)
        return found.counting(summed, tuple(i for i in range(len(kernel)) if i not in summed))

    def _bias_shape(self, outputs: list[str], sizes: dict[str, int | None]) -> tuple[int, ...]:
        axes = self.bias_axes or ""
        first = min(outputs.index(a) for a in axes)
        shape = tuple(sizes.get(c) if c in axes else 1 for c in outputs[first:])
        if None in shape:
            raise ShapeError(f"[{self.name}] expected known sizes for the bias axes {axes!r}, got {shape}.")
        return shape  # type: ignore[return-value]

    def _dense_form(self, inputs: list[str], outputs: list[str]) -> int:
        """How many last axes of the input the first axes of the kernel take up, in order; 0 if it is not so simple."""
        kernel = self._terms.kernel
        shared = [c for c in kernel if c in inputs]
        n = len(shared)
        plain = n > 0 and kernel[:n] == shared == inputs[-n:] and outputs == inputs[:-n] + kernel[n:]
        return n if plain and (self.bias is None or len(self.bias.shape) <= len(kernel) - n) else 0

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """The layer's output, see the class."""
        bias = self.bias
        if self._special:
            outputs = self._special_outputs(inputs, bias, training)
        elif self._contracted:
            outputs = self._as_dense(inputs, read(self.kernel), bias)
        else:
            outputs = ops.einsum(self.equation, inputs, read(self.kernel))
            outputs = outputs if bias is None else ops.add(outputs, read(bias))
        activation = self.activation
        if activation is None or activation is _linear_activation:
            return outputs
        return activation(outputs)

    def _as_dense(self, inputs: Tensor, kernel: Tensor, bias: Any) -> Tensor:
        """One product of matrices: several times faster than einsum on small tensors."""
        n, shape, b = self._contracted, self.kernel.shape, self._kf_backend
        out = shape[n:]
        flat_bias = None
        fits = type(inputs) in b.types and inputs.shape[-n:] == shape[:n]
        plain = fits and inputs.dtype == kernel.dtype  # nothing to convert or to refuse: no need to dispatch
        reshape, product = (b.reshape, b.linear) if plain else (ops.reshape, linear)
        if bias is not None and bias.shape == out:
            flat_bias = read(bias) if len(out) == 1 else reshape(read(bias), (-1,))
        if n == 1 and len(out) == 1:
            outputs = product(inputs, kernel, flat_bias)
        else:
            rows = columns = 1
            for d in shape[:n]:
                rows *= d
            for d in out:
                columns *= d
            sizes = tuple(inputs.shape)
            sizes = (ops.shape(inputs) if None in sizes else sizes)[:-n]
            x = inputs if n == 1 else reshape(inputs, (*sizes, rows))
            outputs = product(x, reshape(kernel, (rows, columns)), flat_bias)
            outputs = reshape(outputs, (*sizes, *out)) if len(out) != 1 else outputs
        if bias is not None and flat_bias is None:
            outputs = ops.add(outputs, read(bias))
        return outputs

    def _layout(self, shape: tuple[int, ...]) -> Layout:
        outputs, kernel = self._letters[1], self._terms.kernel
        summed = tuple(i for i, c in enumerate(kernel) if c not in outputs)
        kept = tuple(kernel.index(c) for c in outputs if c in kernel)
        scale = tuple(shape[kernel.index(c)] if c in kernel else 1 for c in outputs)
        return Layout(shape, summed, kept, scale)

    def _calibrates(self, mode: str) -> bool:
        if not super()._calibrates(mode):
            return False
        (inputs, outputs), kernel = self._letters, self._terms.kernel
        batched = any(c in outputs and c in inputs for c in kernel)
        return not batched and {c for c in kernel if c not in outputs} == {c for c in inputs if c not in outputs}

    def _calibration_rows(self, inputs: np.ndarray) -> np.ndarray:
        letters, outputs = self._terms.expanded(inputs.ndim)
        summed = [letters.index(c) for c in self._terms.kernel if c not in outputs]
        rows = np.moveaxis(inputs, summed, range(-len(summed), 0))
        return rows.reshape(-1, self._calibrated_sizes()[1])

    def get_config(self) -> Config:
        """Constructor arguments."""
        config = super().get_config()
        if self.quantization_mode == "gptq" and self.built:
            config["gptq_unpacked_column_size"] = self._calibrated_sizes()[0]
        return config

    def _contract(self, x: Tensor, kernel: Tensor) -> Tensor:
        return ops.einsum(self.equation, x, kernel)

    def _contract_back(self, dy: Tensor, kernel: Tensor, rank: int) -> Tensor:
        left, right = self.equation.replace(" ", "").split("->")
        given, weight = left.split(",")
        return ops.einsum(f"{right},{weight}->{given}", dy, kernel)

    def _input_axes(self, rank: int) -> tuple[int, ...]:
        inputs, outputs = self._terms.expanded(rank)
        return tuple(i for i, c in enumerate(inputs) if c not in outputs)

    def _input_scale(self, scale: Any, rank: int) -> Tensor:
        inputs, outputs = self._terms.expanded(rank)
        summed = self._input_axes(rank)
        found = ops.squeeze(scale, summed)
        there = [c for c in inputs if c in outputs]
        found = ops.transpose(found, [there.index(c) for c in outputs if c in there])
        new = [i for i, c in enumerate(outputs) if c not in there]
        return ops.expand_dims(found, new) if new else found

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape behind the equation's right-hand side."""
        _, outputs, sizes = self._sizes(input_shape)
        return tuple(sizes.get(c) for c in outputs)
