"""Dense, Embedding, and the small layers that compute nothing of their own: Masking, Identity, Lambda."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, Unpack

import numpy as np

from kfront import activations, ops
from kfront.core import codec, registry
from kfront.core.codec import is_copying, serialize_keras_object, with_objects
from kfront.core.dtypes import is_int
from kfront.core.errors import ArgumentTypeError, SavingError, ShapeError
from kfront.core.options import normalisers, positive
from kfront.core.spec import KerasTensor
from kfront.core.typing import (
    Activation,
    ActivationLike,
    Config,
    ConstraintLike,
    CustomObjects,
    InitializerLike,
    LayerOptions,
    NamedOptions,
    RegularizerLike,
    Shape,
    Tensor,
    TensorLike,
    VariableLike,
)
from kfront.core.variable import Variable, read
from kfront.layers.base import InputSpec, Layer
from kfront.layers.options import OptionLayer, known_axis, second_name
from kfront.layers.quantized import Layout, Quantizable, QuantizedWeight
from kfront.layers.symbolic_call import spec_by_call
from kfront.ops.encoding import embedding
from kfront.ops.matrix import linear
from kfront.ops.primitives.dtypes import dtype_of

_linear_activation = activations.linear


class Dense(Quantizable):
    """``activation(inputs @ kernel + bias)`` over the last axis.

    Args:
        units: number of outputs.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, bias_regularizer: functions of the weights that are added to the loss.
        activity_regularizer: function of the output that is added to the loss.
        kernel_constraint, bias_constraint: functions applied to the weights after each update.
        lora_rank: rank of a trained product that is added to the kernel, which is then frozen (https://arxiv.org/abs/2106.09685).
        lora_alpha: the product is scaled by lora_alpha / lora_rank; `lora_rank` if None.
        quantization_config: how `quantize` and a quantized dtype policy quantize the weight; their default if None.
        **kwargs: name, trainable, dtype, autocast.

    Attributes:
        kernel: Variable of shape (inputs, units).
        bias: Variable of shape (units,), or None.

    Input: tensor of shape (batch, ..., inputs). Output: tensor of shape (batch, ..., units).

    Raises:
        ArgumentError: if `units` is not a positive int.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Dense(4, activation="relu")
    >>> tuple(layer(kfront.ops.ones((2, 3))).shape)
    (2, 4)
    """

    units: int
    activation: Activation
    use_bias: bool
    kernel_initializer: InitializerLike
    bias_initializer: InitializerLike
    kernel_regularizer: RegularizerLike
    bias_regularizer: RegularizerLike
    kernel_constraint: ConstraintLike
    bias_constraint: ConstraintLike
    kernel: VariableLike | None = None
    bias: Variable | None = None
    _modes = ("int8", "int4", "float8", "ternary", "gptq", "awq")

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: object = None,
        **kwargs: Unpack[NamedOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._set_lora(lora_rank, lora_alpha)
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Create kernel and bias."""
        inputs = known_axis(self.name, input_shape)
        self._add_weight((inputs, self.units))
        if self.use_bias:
            self.bias = self._kf_weight("bias", (self.units,))
        self.input_spec = InputSpec(min_ndim=2, axes={-1: inputs})
        self._weight_made()

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        """The layer's output, see the class."""
        bias = self.bias
        if self._special:
            outputs = self._special_outputs(inputs, bias, training)
        else:
            outputs = linear(inputs, read(self.kernel), read(bias))
        activation = self.activation
        if activation is None or activation is _linear_activation:
            return outputs
        return activation(outputs)

    def _layout(self, shape: tuple[int, ...]) -> Layout:
        return Layout(shape, (0,), (1,), shape[1:])

    def _contract(self, x: Tensor, kernel: Tensor) -> Tensor:
        return ops.matmul(x, kernel)

    def _contract_back(self, dy: Tensor, kernel: Tensor, rank: int) -> Tensor:
        return ops.matmul(dy, ops.transpose(kernel))

    def _input_axes(self, rank: int) -> tuple[int, ...]:
        return (rank - 1,)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(*input_shape[:-1], units)."""
        return (*input_shape[:-1], self.units)


class Embedding(Quantizable):
    """Turns whole numbers into trained vectors.

    Args:
        input_dim: number of rows, one more than the greatest number that occurs.
        output_dim: length of a vector.
        embeddings_initializer: first values of the table.
        embeddings_regularizer: function of the table that is added to the loss.
        embeddings_constraint: function applied to the table after each update.
        mask_zero: whether 0 means "nothing here": the output then carries a mask.
        weights: first value of the table, an array of shape (input_dim, output_dim).
        lora_rank: rank of a trained product that is added to the table, which is then frozen (https://arxiv.org/abs/2106.09685).
        lora_alpha: the product is scaled by lora_alpha / lora_rank; `lora_rank` if None.
        quantization_config: how `quantize` and a quantized dtype policy quantize the weight; their default if None.
        **kwargs: name, trainable, dtype.

    Attributes:
        embeddings: Variable of shape (input_dim, output_dim).

    Input: integer tensor of any shape. Output: tensor of shape (*input shape, output_dim).

    Raises:
        ArgumentError: if a size is not a positive int.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Embedding(1000, 64)
    >>> tuple(layer(kfront.ops.ones((2, 10), dtype="int32")).shape)
    (2, 10, 64)
    """

    _kf_normalise = normalisers(input_dim=positive, output_dim=positive, weights=None)
    _kf_writes_activity_regularizer = True
    input_dim: int
    output_dim: int
    mask_zero: bool
    embeddings_initializer: InitializerLike
    embeddings_regularizer: RegularizerLike
    embeddings_constraint: ConstraintLike
    _adapted = "embeddings"
    _embeddings = second_name("embeddings")
    _modes = ("int8", "int4")
    _takes_vectors = False
    embeddings: Any = None

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: InitializerLike = "uniform",
        embeddings_regularizer: RegularizerLike = None,
        embeddings_constraint: ConstraintLike = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: int | None = None,
        lora_alpha: float | None = None,
        quantization_config: object = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        kwargs.pop("input_length", None)
        super().__init__(**{**kwargs, "autocast": False})
        self._kf_store(locals())
        self._set_lora(lora_rank, lora_alpha)
        self.supports_masking = mask_zero
        if weights is not None:
            self.build()
            table = weights[0] if isinstance(weights, (list, tuple)) and len(weights) == 1 else weights
            shape, wanted = np.shape(table), tuple(self.embeddings.shape)
            if shape != wanted:
                raise ShapeError(
                    f"[{self.name}] expected `weights` of shape {wanted} (input_dim, output_dim), got {shape}."
                )
            self.embeddings.assign(table)

    def build(self, input_shape: Shape | None = None) -> None:
        """Create the table."""
        if self.built:
            return
        self._add_weight((self.input_dim, self.output_dim))
        self._weight_made()

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        if not is_int(dtype_of(inputs)):
            inputs = ops.cast(inputs, "int32")
        if not self.lora_enabled:
            return self._rows(self.embeddings, inputs)
        table = self.embeddings
        rows = ops.matmul(embedding(inputs, read(table.a)), read(table.b))
        return ops.add(self._rows(table.base, inputs), ops.multiply(rows, table.scale))

    def quantized_build(self, embeddings_shape: Sequence[int], mode: str, config: object = None) -> None:
        """Create the Variables of the quantized table."""
        super().quantized_build(embeddings_shape, mode, config)

    def _rows(self, table: object, inputs: Tensor) -> Tensor:
        return table.taken(inputs) if isinstance(table, QuantizedWeight) else embedding(inputs, read(table))

    def _layout(self, shape: tuple[int, ...]) -> Layout:
        return Layout(shape, (1,), (0,), shape[:1], rows=False)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Where the numbers are not 0, with `mask_zero`."""
        return ops.not_equal(inputs, 0) if self.mask_zero else None

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(*input_shape, output_dim)."""
        return (*input_shape, self.output_dim)


class Masking(OptionLayer):
    """Marks time steps in which every feature equals `mask_value` as to be skipped by the layers that follow.

    Args:
        mask_value: the value that means "nothing here".
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, time, ...). Output: the same, zero at skipped steps, with a mask.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Masking()
    >>> mask = layer.compute_mask(kfront.ops.convert_to_tensor([[[0.0, 0.0], [1.0, 0.0]]]))
    >>> kfront.ops.convert_to_numpy(mask).tolist()
    [[False, True]]
    """

    mask_value: Any

    def __init__(self, mask_value: object = 0.0, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if isinstance(mask_value, dict):
            mask_value = codec.deserialize_keras_object(mask_value)
        self._kf_store(locals())
        self.supports_masking = True
        self._kf_built_when_made()

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """Where any feature differs from `mask_value`."""
        return ops.any(ops.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        there = ops.any(ops.not_equal(inputs, self.mask_value), axis=-1, keepdims=True)
        return ops.where(there, inputs, ops.zeros_like(inputs))


class Identity(Layer):
    """Returns its input.

    Example:

    >>> import kfront
    >>> x = kfront.ops.ones((2, 3))
    >>> kfront.layers.Identity()(x) is x
    True
    """

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True
        self._kf_built_when_made()

    def call(self, inputs: Tensor) -> Tensor:
        """`inputs`."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """`input_shape`."""
        return input_shape

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """The spec of `inputs`."""
        return inputs

    def get_config(self) -> Config:
        """Constructor arguments."""
        return super().get_config()


_FUNCTIONS = ("function", "mask", "output_shape")


class Lambda(Layer):
    """Runs a Python function as a layer.

    A function is saved by its name, never as code, and found again if it is registered
    (`kfront.saving.register_keras_serializable`) or passed as custom object: a model with an anonymous function can be
    used, but not saved.

    Args:
        function: called with the input as first argument; may take `training` and `mask`.
        output_shape: shape without the batch axis, or function of the input shape, where it cannot be inferred.
        mask: mask of the output, or function (inputs, mask) -> mask.
        arguments: dict of further keyword arguments of the function.
        **kwargs: name, trainable, dtype.

    Input: what the function takes. Output: what it returns.

    Raises:
        ArgumentTypeError: if `function` is not callable.
        SavingError: by `get_config`, if the function is anonymous.

    Example:

    >>> import kfront
    >>> double = kfront.layers.Lambda(lambda x: 2 * x)
    >>> float(double(kfront.ops.ones((1, 1)))[0, 0])
    2.0
    """

    def __init__(
        self,
        function: object,
        output_shape: Any = None,
        mask: Tensor | None = None,
        arguments: Any = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentTypeError(f"[Lambda] expected `function` to be callable, got {function!r}.")
        if not isinstance(arguments or {}, dict):
            raise ArgumentTypeError(f"[Lambda] expected `arguments` to be a dict or None, got {arguments!r}.")
        self.function = function
        self.arguments = dict(arguments or {})
        self._output_shape, self.mask = output_shape, mask
        self.supports_masking = mask is not None
        names = signature(function).parameters
        self._takes = tuple(n for n in ("training", "mask") if n in names)

    def call(self, inputs: Any, mask: Tensor | None = None, training: bool | None = None) -> Any:
        """``function(inputs)``."""
        more = dict(self.arguments)
        for name, value in (("training", training), ("mask", mask)):
            if name in self._takes:
                more[name] = value
        return self.function(inputs, **more)

    def compute_mask(self, inputs: TensorLike, mask: Tensor | None = None) -> Tensor | None:
        """The mask given to the constructor, or what it computes."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape given to the constructor, else that of the function on abstract values."""
        given = self._output_shape
        if given is None:
            return super().compute_output_shape(input_shape)
        if callable(given):
            return given(input_shape)
        first = input_shape[0] if isinstance(input_shape, list) else input_shape
        return (first[0], *((given,) if isinstance(given, int) else given))

    def compute_output_spec(self, inputs: Any, mask: Tensor | None = None, training: bool | None = None) -> KerasTensor:
        """Specs of the outputs: the function run on abstract values, where no shape was given."""
        if self._output_shape is not None:
            return super().compute_output_spec(inputs, mask=mask, training=training)
        return spec_by_call(self, (inputs,), {"mask": mask, "training": training})

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None, safe_mode: bool | None = None) -> Lambda:
        """A layer from its config; functions are found by their registered names, whatever `safe_mode` says."""
        return cls(**with_objects(config, _FUNCTIONS, custom_objects))

    def get_config(self) -> Config:
        """Constructor arguments.

        Raises:
            SavingError: if a function is anonymous.
        """
        config = {"function": self._by_name("function", self.function), "arguments": self.arguments}
        for name, value in (("output_shape", self._output_shape), ("mask", self.mask)):
            if value is not None:
                config[name] = self._by_name(name, value) if callable(value) else value
        return {**super().get_config(), **config}

    def _by_name(self, what: str, function: object) -> Any:
        anonymous = getattr(function, "__name__", "") == "<lambda>" and not registry.is_registered(function)
        if anonymous and not is_copying():
            raise SavingError(
                f"[{self.name}] expected `{what}` to have a name to save this Lambda layer, got an anonymous function; "
                "decorate a named function with @kfront.saving.register_keras_serializable(), or write a Layer class. "
                "Code itself is never saved."
            )
        return serialize_keras_object(function)
