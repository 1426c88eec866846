"""Layers whose weight is kept in 8 or 4 bits, or that train in float8.

A quantized weight is several Variables: the values, the scale, and with blocks the zero points and the block of each
input. The layer reads a `QuantizedWeight`, which computes the floating-point values; so a layer that only stores its
weight in few bits needs no other `call`, and low-rank adaptation works on top of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront import dtype_policies, ops, quantizers
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, NotBuiltError, ShapeError, UnsupportedError
from kfront.core.options import Option, normalisers
from kfront.core.typing import Store, Tensor
from kfront.core.variable import read
from kfront.layers.derived_weight import DerivedWeight
from kfront.layers.float8 import Float8
from kfront.layers.lora import LoraLayer, LowRankWeight
from kfront.quantizers.calibrated import Quantized, Statistics, nearest
from kfront.quantizers.configs import CALIBRATED, config_for
from kfront.quantizers.functions import dequantize_grouped, to_ternary

if TYPE_CHECKING:
    from kfront.core.variable import Variable

INT4 = (-8, 7)


def _inverse(order: Sequence[int]) -> list[int]:
    """The permutation that undoes another; in Python, since torch's compiler takes NumPy's results for tensors."""
    return [order.index(i) for i in range(len(order))]


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a weight is cut up.

    Attributes:
        shape: of the weight.
        inputs: its axes that are summed over, which share a scale.
        outputs: its other axes, in the order that they have in the stored scale.
        scale: shape of the stored scale of 8-bit values.
        rows: whether the matrix of 4-bit values has the inputs as its rows; else as its columns.
        pack: axis of the matrix along which two values share a byte.
        zero_dtype: dtype of the stored zero points.
    """

    shape: tuple[int, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    scale: tuple[int, ...]
    rows: bool = True
    pack: int = 1
    zero_dtype: str = "int8"

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of inputs and outputs."""
        return math.prod([self.shape[i] for i in self.inputs]), math.prod([self.shape[i] for i in sorted(self.outputs)])

    @property
    def packed(self) -> tuple[int, ...]:
        """Shape of the stored 4-bit values."""
        matrix = list(self.sizes if self.rows else self.sizes[::-1])
        matrix[self.pack] = (matrix[self.pack] + 1) // 2
        return tuple(matrix)

    @property
    def packed_size(self) -> int:
        """Size of the packed axis before packing."""
        return (self.sizes if self.rows else self.sizes[::-1])[self.pack]

    def to_matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix of as many rows as inputs; its axes keep their order."""
        return ops.reshape(weight if self.rows else ops.transpose(weight), self.sizes)

    def from_matrix(self, matrix: Tensor) -> Tensor:
        """The weight of a matrix as it is stored."""
        return ops.reshape(matrix, self.shape)

    def scale_to_stored(self, scale: Any) -> Tensor:
        """A scale of size 1 along the inputs, as it is stored."""
        return ops.reshape(ops.transpose(scale, (*self.inputs, *self.outputs)), self.scale)

    def scale_beside(self, stored: Any) -> Tensor:
        """A stored scale in a shape that broadcasts against the weight."""
        order = (*self.inputs, *self.outputs)
        spread = ops.reshape(stored, tuple(1 if i in self.inputs else self.shape[i] for i in order))
        return ops.transpose(spread, _inverse(order))


class QuantizedWeight(DerivedWeight):
    """A weight whose floating-point values are computed from stored integers when it is read.

    Args:
        layout: how the weight is cut up.
        mode: "int8" or "int4".
        variables: the stored Variables: values and scale, and with blocks zero points and the block of each input.
        block: rows of a block, which may be more than there are; 0 without blocks.
    """

    constraint = regularizer = None
    trainable = False

    def __init__(self, layout: Layout, mode: str, variables: Sequence[Variable], block: int = 0) -> None:
        self.layout, self.mode, self.block = layout, mode, block
        self.stored, self.scale, *more = variables
        self.zero: object = more[0] if more else None
        self.group: Any = more[1] if more else None
        super().__init__(self.scale)

    @property
    def value(self) -> Any:
        """The native tensor."""
        layout, scale = self.layout, read(self.scale)
        if self.mode == "int8":
            return ops.divide(ops.cast(read(self.stored), scale.dtype), layout.scale_beside(scale))
        values = self.unpacked()
        if self.zero is None:
            matrix = ops.divide(ops.cast(values, scale.dtype), scale if layout.rows else ops.expand_dims(scale, 1))
        else:
            matrix = dequantize_grouped(values, scale, read(self.zero), read(self.group), 0 if layout.rows else 1)
        return layout.from_matrix(matrix)

    def unpacked(self) -> Tensor:
        """The matrix of 4-bit values, one in a byte."""
        return quantizers.unpack_int4(read(self.stored), self.layout.packed_size, self.layout.pack)

    def taken(self, rows: Tensor) -> Tensor:
        """Some rows of a table: only these are computed."""
        scale = ops.take(read(self.scale), rows, axis=0)
        values = ops.take(read(self.stored), rows, axis=0)
        if self.mode == "int4":
            values = quantizers.unpack_int4(values, self.layout.packed_size, -1)
        if self.zero is None:
            return ops.divide(ops.cast(values, scale.dtype), ops.expand_dims(scale, -1))
        group = ops.cast(read(self.group), "int32")
        scale = ops.take(scale, group, axis=-1)
        zero = ops.take(ops.take(read(self.zero), rows, axis=0), group, axis=-1)
        return ops.multiply(ops.subtract(ops.cast(values, scale.dtype), ops.cast(zero, scale.dtype)), scale)

    def quantized(self, value: Tensor, quantizer: Any) -> list[Any]:
        """What the stored Variables of a floating weight are."""
        layout = self.layout
        value = ops.cast(value, "float32")
        if self.mode == "int8":
            quantizer = quantizer or quantizers.AbsMaxQuantizer(axis=layout.inputs)
            values, scale = quantizer(value, to_numpy=True)
            return [values, _fitting(scale, layout)]
        matrix = layout.to_matrix(value)
        if self.zero is None:
            stored = matrix if layout.rows else ops.transpose(matrix)
            quantizer = quantizer or quantizers.AbsMaxQuantizer(axis=int(not layout.rows), value_range=INT4)
            values, scale = quantizer(stored, to_numpy=True)
            values, found = values if layout.rows else ops.transpose(values), [ops.reshape(scale, (-1,))]
        else:
            values, scale, zero = quantizers.abs_max_quantize_grouped_with_zero_point(
                matrix, self.block, INT4, to_numpy=True
            )
            found = [scale, zero] if layout.rows else [ops.transpose(scale), ops.transpose(zero)]
            found.append(read(self.group))
        packed, _, _ = quantizers.pack_int4(values if layout.rows else ops.transpose(values), layout.pack)
        return [packed, *found]

    @property
    def variables(self) -> list[Any]:
        """The stored Variables."""
        return [v for v in (self.stored, self.scale, self.zero, self.group) if v is not None]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""
        return self.layout.shape

    @property
    def path(self) -> str:
        """Path of the stored values."""
        return self.stored.path

    def __repr__(self) -> str:
        return f"<QuantizedWeight {self.path}, shape={self.shape}, {self.mode}>"


class TernaryWeight(QuantizedWeight):
    """A matrix of -1, 0 and 1, five to a byte, and one scale.

    Args:
        layout: how the weight is cut up.
        variables: the stored Variables: values and scale.
        threshold: up to which absolute value floating weights count as 0; half of their mean if None.
    """

    def __init__(self, layout: Layout, variables: Sequence[Variable], threshold: float | None) -> None:
        super().__init__(layout, "ternary", variables)
        self.threshold = threshold

    @property
    def value(self) -> Any:
        """The native tensor."""
        scale = self.scale.value
        return ops.multiply(ops.cast(self.unpacked(), scale.dtype), scale)

    def unpacked(self) -> Tensor:
        """The matrix of values, one in a byte."""
        return quantizers.unpack_ternary(self.stored.value, self.layout.shape[-1], -1)

    def quantized(self, value: Tensor, quantizer: object) -> list[Tensor]:
        """What the stored Variables of a floating weight are."""
        values, scale = to_ternary(ops.cast(value, "float32"), self.threshold)
        return [quantizers.pack_ternary(values, -1)[0], scale]


class CalibratedWeight(QuantizedWeight):
    """A weight that GPTQ or AWQ chose: a matrix of unsigned values with one row for each output.

    Args:
        layout: how the weight is cut up.
        mode: "gptq" or "awq".
        bits: bits of a value; those of 4 share a byte.
        variables: the stored Variables: values, scale, zero points, with "awq" the factors of the inputs, and the
            group of each input.
    """

    def __init__(self, layout: Layout, mode: str, bits: int, variables: Sequence[Variable]) -> None:
        *most, group = variables
        super().__init__(layout, mode, [*most[:3], group])
        self.bits = bits
        self.factors: Any = most[3] if mode == "awq" else None
        axes = [i for i in range(len(layout.shape)) if i not in layout.inputs]
        self._order = (*axes, *layout.inputs)
        self._sizes = tuple(layout.shape[i] for i in self._order)

    @property
    def value(self) -> Any:
        """The native tensor."""
        matrix = dequantize_grouped(self.unpacked(), read(self.scale), read(self.zero), read(self.group), 1)
        if self.factors is not None:
            matrix = ops.divide(matrix, read(self.factors))
        return ops.transpose(ops.reshape(matrix, self._sizes), _inverse(self._order))

    def unpacked(self) -> Tensor:
        """The matrix of values, one in a byte."""
        if self.bits != 4:
            return read(self.stored)
        return quantizers.unpack_int4(read(self.stored), self.layout.sizes[1], 0, "uint8")

    def to_rows(self, value: np.ndarray) -> np.ndarray:
        """A weight as a matrix with one row for each output."""
        return value.transpose(self._order).reshape(self.layout.sizes[::-1])

    def quantized(self, value: Tensor, quantizer: object) -> list[Tensor | np.ndarray]:
        """What the stored Variables of a floating weight are, each value rounded by itself; groups and factors stay."""
        factors = None if self.factors is None else self.factors.numpy()
        rows = self.to_rows(self._kf_backend.to_numpy(self._kf_backend.convert(value)))
        return self.stored_as(nearest(rows, self.bits, self.group.numpy().astype("int32"), factors))

    def take(self, found: Quantized) -> None:
        """Hold a matrix in few bits from now on."""
        for variable, new in zip(self.variables, self.stored_as(found), strict=True):
            variable.assign(new)

    def stored_as(self, found: Quantized) -> list[Tensor | np.ndarray]:
        """What the stored Variables of a matrix in few bits are."""
        values = found.values.astype("uint8")
        if self.bits == 4:
            values, _, _ = quantizers.pack_int4(values, 0, "uint8")
        factors = [] if found.factors is None else [found.factors.astype("float32")]
        scale, zero = found.scale.astype("float32"), found.zero.astype("uint8")
        return [values, scale, zero, *factors, found.group.astype("float32")]

    @property
    def variables(self) -> list[Any]:
        """The stored Variables."""
        return [v for v in (self.stored, self.scale, self.zero, self.factors, self.group) if v is not None]


def _fitting(scale: Any, layout: Layout) -> Tensor:
    wanted = tuple(1 if i in layout.inputs else d for i, d in enumerate(layout.shape))
    if tuple(scale.shape) != wanted:
        raise ArgumentError(
            f"[quantize] expected a `weight_quantizer` over the axes {layout.inputs} of the weight, with a scale "
            f"of shape {wanted}, got a scale of shape {tuple(scale.shape)}."
        )
    return layout.scale_to_stored(scale)


def _read_config(layer: Quantizable, name: str, config: object) -> Any:
    if isinstance(config, dict):
        config = deserialize_keras_object(config)
    return None if config is None else config_for(type(layer).__name__, None, config)  # it has no name yet


def _write_config(config: object) -> Any:
    return None if config is None else serialize_keras_object(config)


class Quantizable(LoraLayer):
    """A layer that can be quantized.

    Attributes:
        quantization_config: how it is quantized, or None.
    """

    _kf_normalise = normalisers(
        lora_alpha=None, lora_rank=None, quantization_config=Option(check=_read_config, write=_write_config)
    )
    kernel: Any
    g_idx: Any
    _modes: tuple[str, ...] = ("int8", "int4", "float8", "gptq", "awq")
    threshold: float | None = None  # of ternary weights
    _zero_name = "kernel_zero"  # of the zero points that calibration gives
    _float8: Any = None
    _takes_vectors = True  # not numbers, of which nothing can be rounded
    _special = False  # whether the product needs more than the weight

    def _set_quantization(self, config: object) -> None:
        self.__dict__["quantization_config"] = _read_config(self, "quantization_config", config)

    def _layout(self, shape: tuple[int, ...]) -> Layout:
        """How the weight is cut up; subclasses define it."""
        raise NotImplementedError

    def _set_lora(self, rank: object, alpha: object) -> None:
        if rank is not None and self.quantization_mode == "ternary":
            raise UnsupportedError(f"[{self.name}] expected no low-rank adaptation of a ternary weight, got {rank}.")
        super()._set_lora(rank, alpha)

    # -- quantizing ---------------------------------------------------------------------------------------------------

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Keep the weight in few bits from now on, or train in float8.

        Args:
            mode: "int8", "int4", "float8" or "ternary"; that of the config if None.
            type_check: whether subclasses of the built-in layers are refused, whose `call` may read the weight.
            config: a `QuantizationConfig`; that of the layer, else the default of the mode, if None.

        Raises:
            NotBuiltError: if the weight does not exist yet.
            ArgumentError: if the layer is quantized already, or mode and config do not fit.
            UnsupportedError: if the layer has no such mode, or is of a subclass.
        """
        own = getattr(type(self), "_kf_unbound", type(self))
        if type_check and not own.__module__.startswith("kfront."):
            raise UnsupportedError(
                f"[{self.name}] expected a built-in layer for `quantize`, got the subclass {own.__name__}; pass "
                "`type_check=False` if its `call` leaves the weight to the base class."
            )
        config = config_for(self.name, mode, config or (self.quantization_config if mode is None else None))
        if config.mode not in self._modes:
            raise UnsupportedError(f"[{self.name}] expected a mode in {self._modes}, got {config.mode!r}.")
        if config.mode in CALIBRATED:
            raise ArgumentError(
                f"[{self.name}] expected mode {config.mode!r} at `quantize` of a model, which runs the data through "
                "the layers; got it at a layer."
            )
        if self.quantization_mode is not None:
            raise ArgumentError(f"[{self.name}] expected a layer that is not quantized, got {self._dtype_policy!r}.")
        if not self.built:
            raise NotBuiltError(f"[{self.name}] expected a built layer for `quantize`; call it on data first.")
        if config.mode == "ternary" and self.lora_enabled:
            raise UnsupportedError(f"[{self.name}] expected no low-rank adaptation of a ternary weight; save it first.")
        self._take_config(config)
        self._quantize(config)

    def _take_config(self, config: Any) -> None:
        before = self._dtype_policy
        self.__dict__["quantization_config"] = config
        self._kf_take_policy(dtype_policies.get(f"{config.dtype_policy_string()}_from_{before.name}"))

    def _kf_quantize_to(self, policy: Any) -> None:
        mode, given = policy.quantization_mode, self.quantization_config
        if mode not in self._modes or mode in CALIBRATED:
            raise UnsupportedError(
                f"[{self.name}] expected a dtype policy with a mode that needs no data, got {policy!r}."
            )
        config = given if given is not None and given.mode == mode else config_for(self.name, mode, None)
        self.__dict__["quantization_config"] = config
        self._kf_take_policy(policy)
        self._quantize(config)

    @property
    def inputs_quantizer(self) -> Any:
        """What quantizes the inputs of a quantized layer; None where they stay as they are."""
        return self._inputs_quantizer() if self.quantization_mode is not None and self._takes_vectors else None

    def _quantize(self, config: Any, statistics: Statistics | None = None) -> None:
        name = self._adapted
        if config.mode == "float8":
            return self.quantized_build(getattr(self, name).shape, "float8", config)
        adapted = getattr(self, name) if self.lora_enabled else None
        base = self._base if adapted is not None else getattr(self, name)
        value = base.numpy()
        self._kf_disown(base)
        self.quantized_build(base.shape, config.mode, config)
        weight = getattr(self, name)
        if statistics is None:
            self._assign_quantized(weight, value, config)
        else:
            weight.take(config.quantized(weight.to_rows(value), statistics))
        if adapted is not None:
            self._adapt(adapted.a, adapted.b)
        return None

    def _assign_quantized(self, weight: Any, value: Tensor, config: Any) -> None:
        for variable, new in zip(weight.variables, weight.quantized(value, config.weight_quantizer), strict=True):
            variable.assign(new)

    def quantized_build(self, kernel_shape: Sequence[int], mode: str, config: object = None) -> None:
        """Create the Variables of a quantized weight, without values.

        Args:
            kernel_shape: shape of the weight.
            mode: "int8", "int4", "float8", "ternary", "gptq" or "awq".
            config: a `QuantizationConfig`; for "int4" it tells the size of blocks.

        Raises:
            UnsupportedError: if the layer has no such mode.
        """
        if mode in CALIBRATED:
            return self._calibrated_build(tuple(kernel_shape), mode)
        if mode not in self._modes:
            raise UnsupportedError(f"[{self.name}] expected a mode in {self._modes}, got {mode!r}.")
        if mode == "float8":
            length = getattr(self._dtype_policy, "amax_history_length", 1024)
            self.__dict__.update(_float8=Float8(self, length), _special=True)
            return None
        name = self._adapted
        self.__dict__["_special"] = "kernel" in name and self._inputs_quantizer() is not None
        return self._put_quantized(name, name, self._layout(tuple(kernel_shape)), mode, self._block_size(config))

    def _block_size(self, config: object) -> int:
        size = getattr(self._dtype_policy, "block_size", None)
        if size is None:
            size = getattr(config, "block_size", -1)
        return -1 if size is None else size

    def _put_quantized(
        self, attribute: str, name: str, layout: Layout, mode: str, block: int, group: Any = None
    ) -> None:
        def add(suffix: str, shape: Sequence[int], dtype: str, initializer: str = "zeros") -> Any:
            variable = self.add_weight(
                name=suffix if suffix == "g_idx" else f"{name}{suffix}",
                shape=tuple(shape),
                dtype=dtype,
                initializer=initializer,
                trainable=False,
            )
            place = suffix if suffix == "g_idx" else f"{attribute}{suffix}" if suffix else f"_{attribute}"
            setattr(self, place, variable)
            return variable

        if mode == "ternary":
            parts = [add("", (*layout.shape[:-1], -(-layout.shape[-1] // 5)), "uint8")]
            parts.append(add("_scale", (), self.variable_dtype, "ones"))
            self.__dict__[attribute] = TernaryWeight(layout, parts, self.threshold)
            return
        inputs, outputs = layout.sizes
        values = add("", layout.shape if mode == "int8" else layout.packed, "int8")
        if mode == "int8" or block == -1:
            variables = [
                values,
                add("_scale", layout.scale if mode == "int8" else (outputs,), self.variable_dtype, "ones"),
            ]
        else:
            count = -(-inputs // block)
            shape = (count, outputs) if layout.rows else (outputs, count)
            variables = [values, add("_scale", shape, self.variable_dtype, "ones")]
            variables.append(add("_zero", shape, layout.zero_dtype))
            if group is None:
                group = add("g_idx", (inputs,), "float32")
                group.assign((np.arange(inputs) // block).astype("float32"))
            variables.append(group)
        self.__dict__[attribute] = QuantizedWeight(layout, mode, variables, block)

    # -- calibration --------------------------------------------------------------------------------------------------

    def _calibrates(self, mode: str) -> bool:
        """Whether calibration can quantize the layer: its product is one of rows of inputs and a matrix."""
        return mode in self._modes and self.built

    def _calibrated_sizes(self) -> tuple[int, int]:
        """Numbers of outputs and inputs of the matrix."""
        inputs, outputs = self._layout(tuple(self.kernel.shape)).sizes
        return outputs, inputs

    def _calibration_rows(self, inputs: np.ndarray) -> np.ndarray:
        """Inputs as a matrix, in the order of the weight's axes that are summed over."""
        return inputs.reshape(-1, inputs.shape[-1])

    def _calibrate(self, config: Any, statistics: Statistics) -> None:
        """Keep the weight in few bits, chosen for inputs like those seen."""
        config = config.without_data()
        self._take_config(config)
        self._quantize(config, statistics)

    def _calibrated_build(self, shape: tuple[int, ...], mode: str) -> None:
        policy, layout = self._dtype_policy, self._layout(shape)
        bits, (inputs, outputs) = policy.weight_bits, layout.sizes
        grid = (outputs, 1 if policy.group_size == -1 else -(-inputs // policy.group_size))

        def add(attribute: str, shape: tuple[int, ...], dtype: str, first: str = "zeros", name: str = "") -> Any:
            variable = self.add_weight(
                name=name or attribute, shape=shape, dtype=dtype, initializer=first, trainable=False
            )
            setattr(self, attribute, variable)
            return variable

        rows = (outputs + 1) // 2 if bits == 4 else outputs
        variables = [
            add("quantized_kernel", (rows, inputs), "uint8", name="kernel"),
            add("kernel_scale", grid, self.variable_dtype, "ones"),
            add("kernel_zero", grid, "uint8", name=self._zero_name),
        ]
        if mode == "awq":
            variables.append(add("awq_scales", (inputs,), self.variable_dtype, "ones"))
        variables.append(add("g_idx", (inputs,), "float32"))
        self.__dict__["kernel"] = CalibratedWeight(layout, mode, bits, variables)

    def _add_weight(self, shape: tuple[int, ...]) -> None:
        """Create the weight, quantized if the dtype policy says so."""
        name, mode = self._adapted, self.quantization_mode
        if mode not in (None, "float8"):
            if mode not in self._modes:
                raise UnsupportedError(
                    f"[{self.name}] expected a dtype policy with a mode in {self._modes}, got {self._dtype_policy!r}."
                )
            return self.quantized_build(shape, mode, self.quantization_config)
        return setattr(self, name, self._kf_weight(name, shape))

    def _weight_made(self) -> None:
        """To be called at the end of `build`."""
        if self.quantization_mode == "float8":
            self.quantized_build((), "float8")
        self._start_lora()

    # -- calling ------------------------------------------------------------------------------------------------------

    def _contract(self, x: Tensor, kernel: Tensor) -> Tensor:
        """The product of inputs and weight; subclasses that take quantized inputs define it."""
        raise NotImplementedError

    def _contract_back(self, dy: Tensor, kernel: Tensor, rank: int) -> Tensor:
        """The gradient of the inputs, which have that rank."""
        raise NotImplementedError

    def _input_axes(self, rank: int) -> tuple[int, ...]:
        """The axes of inputs that are summed over."""
        raise NotImplementedError

    def _input_scale(self, scale: Any, rank: int) -> Tensor:
        """A scale of inputs, of size 1 on these axes, in a shape that broadcasts against the product."""
        return scale

    def _special_outputs(self, x: Tensor, bias: Variable | None, training: bool | None) -> Tensor:
        y = self._special_product(x, training)
        if bias is None:
            return y
        term, plain = read(bias), self._float8 is None or self.compute_dtype != "float32"
        # in float8 rounded, so that engines can fuse the sum, as in Keras
        return ops.add(y, term if plain else ops.cast(ops.cast(term, "bfloat16"), "float32"))

    def _special_product(self, x: Tensor, training: bool | None) -> Tensor:
        """The product where more is to be done than reading the weight: float8, or quantized inputs."""
        if self._float8 is not None:
            kernel = self._float8.through("kernel", read(self.kernel), bool(training))
            x = self._float8.through("inputs", x, bool(training))
            return self._float8.gradient_through(self._contract(x, kernel))
        weight = self.kernel.base if self.lora_enabled else self.kernel
        y = (
            self._product_of_integers(x, weight)
            if weight.mode == "int8"
            else self._contract(self._rounded(x), read(weight))
        )
        if not self.lora_enabled:
            return y
        more = ops.matmul(read(self.kernel.a), read(self.kernel.b))
        return ops.add(y, ops.multiply(self._contract(x, more), self.kernel.scale))

    def _product_of_integers(self, x: Tensor, weight: Any) -> Tensor:
        rank = len(x.shape)
        axes, values, scale = self._input_axes(rank), read(weight.stored), read(weight.scale)

        @ops.custom_gradient
        def product(x: Tensor) -> Any:
            small, own = self._quantize_inputs(x, axes)
            y = ops.cast(self._contract(small, values), x.dtype)
            y = ops.divide(y, ops.multiply(self._input_scale(own, rank), scale))

            def grad(*args: Any, upstream: Tensor | None = None) -> Tensor:
                dy = args[0] if upstream is None else upstream
                return self._contract_back(dy, read(weight), rank)

            return y, grad

        return product(x)

    def _quantize_inputs(self, x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        return self._inputs_quantizer()(x, axis=axes)

    def _rounded(self, x: Tensor) -> Tensor:
        """Inputs as their quantized values tell them, with slope 1."""
        small, scale = self._quantize_inputs(x, self._input_axes(len(x.shape)))
        return ops.add(x, ops.stop_gradient(ops.subtract(ops.divide(ops.cast(small, x.dtype), scale), x)))

    def _inputs_quantizer(self) -> Any:
        """What quantizes the inputs, or None."""
        if self.quantization_config is None:
            return quantizers.AbsMaxQuantizer() if self.quantization_mode == "int8" else None
        return self.quantization_config.activation_quantizer

    def quantized_call(self, *args: Any, **kwargs: Any) -> Any:
        """The layer's output with its quantized weight; what `call` gives."""
        if self.quantization_mode is None:
            raise ArgumentError(
                f"[{self.name}] expected a quantized layer for `quantized_call`; call `quantize` first."
            )
        return self.call(*args, **kwargs)

    # -- files --------------------------------------------------------------------------------------------------------

    @property
    def variable_serialization_spec(self) -> dict[str | None, list[str]]:
        """For each way of quantization (None for without) the names of the variables in the order that files have."""
        name, plain = self._adapted, [self._adapted, *(["bias"] if hasattr(type(self), "bias") else [])]
        scaled = [*plain, f"{name}_scale"]
        spec: dict[str | None, list[str]] = {None: plain, "int8": scaled, "int4": [*scaled, f"{name}_zero", "g_idx"]}
        pairs = [(f"{x}_scale", f"{x}_amax_history") for x in ("inputs", "kernel", "outputs_grad")]
        first = [*plain[1:], "quantized_kernel", "kernel_scale", "kernel_zero"]
        spec.update(ternary=scaled, float8=[*plain, *(n for pair in pairs for n in pair)])
        spec.update(gptq=[*first, "g_idx"], awq=[*first, "awq_scales", "g_idx"])
        return {mode: names for mode, names in spec.items() if mode is None or mode in self._modes}

    def _file_order(self) -> list[Variable]:
        """The variables in the order that files have: weight, others, what quantization adds; after GPTQ and AWQ all
        that stands for the weight is behind the others.
        """
        own, weight = self._plain_order(), getattr(self, self._adapted)
        weight = weight.base if isinstance(weight, LowRankWeight) else weight
        if not isinstance(weight, QuantizedWeight):
            return own
        first, *rest = weight.variables
        known = {id(v) for v in weight.variables}
        others = [v for v in own if id(v) not in known]
        return [*others, first, *rest] if isinstance(weight, CalibratedWeight) else [first, *others, *rest]

    def _plain_order(self) -> list[Variable]:
        return self._plain_variables() if self.lora_enabled else self._kf_ordered()

    def save_own_variables(self, store: Store) -> None:
        """Write the variables; a low-rank product is added to the weight first."""
        weight = getattr(self, self._adapted)
        base = weight.base if isinstance(weight, LowRankWeight) else weight
        if not isinstance(base, QuantizedWeight):
            return super().save_own_variables(store)
        new: dict[int, Any] = {}
        if base is not weight:
            config = self.quantization_config
            merged = base.quantized(read(weight), getattr(config, "weight_quantizer", None))
            new = {id(v): x for v, x in zip(base.variables, merged, strict=True)}
        for i, v in enumerate(self._file_order()):
            store[f"{i}"] = self._kf_backend.to_numpy(new[id(v)]) if id(v) in new else v.numpy()
        return None

    def load_own_variables(self, store: Store) -> None:
        """Read the variables; a low-rank product starts anew."""
        weight = getattr(self, self._adapted)
        base = weight.base if isinstance(weight, LowRankWeight) else weight
        if not isinstance(base, QuantizedWeight):
            return super().load_own_variables(store)
        own = self._file_order()
        if len(store.keys()) != len(own):
            raise ShapeError(f"[{self.name}] expected {len(own)} variables in the file, got {len(store.keys())}.")
        for i, v in enumerate(own):
            v.assign(store[f"{i}"])
        if base is not weight:
            weight.b.assign(np.zeros(weight.b.shape, "float32"))
        return None
