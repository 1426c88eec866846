"""Functions and classes that Keras keeps private, programs use, and kfront needs in no other place."""

from __future__ import annotations

import abc
import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from kfront import activations, backends
from kfront.applications._builder import Architecture, Request, image_shape
from kfront.core import dtypes, guard, settings, shapes_nn, tree
from kfront.core.errors import ArgumentError
from kfront.core.operation import abstract_of, any_symbolic
from kfront.core.options import int_tuple
from kfront.core.registry import get_custom_objects
from kfront.core.rng import seed_key
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import state
from kfront.core.symbolic import SymbolicScope
from kfront.core.typing import DTypeLike, Seed, Shape, Tensor
from kfront.core.variable import StatelessScope
from kfront.interop.private_names import LAZY
from kfront.layers import conv, separable_conv
from kfront.layers.base import Layer
from kfront.layers.einsum_dense import EinsumDense, Equation
from kfront.layers.preprocess import data_layer
from kfront.saving.hdf5 import H5Reader, H5Writer, Store
from kfront.training.data.arrays import class_weights
from kfront.utils.dtype_utils import standardize_dtype

IS_THREAD_SAFE = SUPPORTS_COMPLEX_DTYPES = True  # of every engine
SUPPORTS_RAGGED_TENSORS = False
_SPARSE = frozenset(("jax", "tensorflow"))  # engines on which Keras has sparse tensors
FLOAT_TYPES = tuple(dtype for dtype in dtypes.FLOATS if dtype not in dtypes.FLOAT8)


def mark(*args: object, **kwargs: object) -> Callable[[Any], Any]:
    """A decorator that changes nothing; Keras lists its public names with one."""
    return lambda thing: thing


def untracked(method: Callable[..., object]) -> Callable[..., Any]:
    """The method as it is.

    kfront tracks variables and layers by what an attribute holds, and containers of anything else stay equal to plain
    ones, so there is nothing to switch off.
    """
    return method


def get_keras_mask(x: Tensor) -> Any:
    """The mask of a tensor, None without one."""
    return state.backend.get_mask(x) if state.backend.is_tensor(x) else getattr(x, "_keras_mask", None)


def set_keras_mask(x: Any, mask: Any) -> None:
    """Give a tensor a mask."""
    state.any_mask_seen = True
    if state.backend.is_tensor(x):
        state.backend.set_mask(x, mask)
    else:
        x._keras_mask = mask


def in_stateless_scope() -> bool:
    """Whether variables are read from and written to a StatelessScope."""
    return state.stateless is not None


def get_stateless_scope() -> object:
    """The innermost StatelessScope, None outside of any."""
    return state.stateless


def any_symbolic_tensors(args: Sequence[object] | None = None, kwargs: dict[str, object] | None = None) -> bool:
    """Whether there is a KerasTensor among the arguments."""
    return any_symbolic(tuple(args or ()), dict(kwargs or {}))


def class_weight_to_sample_weights(y: Tensor, class_weight: dict[int, float]) -> np.ndarray:
    """Weights of samples (shape (batch,)) from those of their classes."""
    return class_weights(class_weight, y, None)


def in_tf_graph() -> bool:
    """Whether TensorFlow is tracing a function while another engine is current."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and not tensorflow.executing_eagerly()


def in_grain_data_pipeline() -> bool:
    """Whether this runs inside a worker of a Grain pipeline."""
    return any("grain" in frame.filename.split("/") for frame in inspect.stack(context=0))


def record_object_after_deserialization(made: object, number: int) -> None:
    """Take `made` for other objects of a file with that ``"shared_object_id"``."""
    guard.shared_objects()[type(made).__name__, number] = made


def to_torch_dtype(dtype: DTypeLike) -> Any:
    """torch's own dtype."""
    return backends.get("torch").native_dtype(standardize_dtype(dtype))


def in_safe_mode() -> bool:
    """Whether objects are being made from a file, and none of what it holds is trusted."""
    return guard.in_loading() and guard.is_safe()


# ---- shapes and arguments ------------------------------------------------------------------------------------------


def compute_output_spec(fn: Callable[..., object], *args: object, **kwargs: object) -> Any:
    """KerasTensors with the shapes and dtypes of what a function gives for KerasTensors."""
    args, kwargs = tree.map_structure(abstract_of, (args, kwargs))
    with SymbolicScope(), StatelessScope():
        outputs = fn(*args, **kwargs)
    return tree.map_structure(lambda x: KerasTensor(x.shape, x.dtype) if hasattr(x, "shape") else x, outputs)


def standardize_tuple(value: int | Sequence[int], n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """An int, or `n` of them, as a tuple of `n`."""
    return int_tuple(name, name, value, n, 0 if allow_zero else 1)


def standardize_padding(value: str, allow_causal: bool = False) -> str:
    """The name of a padding in lower case, checked."""
    allowed = ("valid", "same", *(("causal",) if allow_causal else ()))
    if not isinstance(value, str) or value.lower() not in allowed:
        raise ArgumentError(f"[padding] expected one of {', '.join(allowed)}, got {value!r}.")
    return value.lower()


def standardize_data_format(data_format: str | None) -> str:
    """The layout of images, checked; the configured one if None."""
    found = settings.image_data_format() if data_format is None else str(data_format).lower()
    if found not in ("channels_last", "channels_first"):
        raise ArgumentError(f"[data_format] expected 'channels_last' or 'channels_first', got {data_format!r}.")
    return found


def obtain_input_shape(
    input_shape: Shape | None,
    default_size: int,
    min_size: int,
    data_format: str,
    require_flatten: bool,
    weights: str | None = None,
) -> Shape:
    """The shape of one image for a model, checked."""
    model = Architecture("input_shape", default_size, min_size, mark, mark, fixed=require_flatten)
    return image_shape(model, Request(require_flatten, weights, None, input_shape, None, 0, None, None))


def conv_output_shape(
    input_shape: Shape,
    filters: int,
    kernel_size: Sequence[int],
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Sequence[int] = 1,
) -> Shape:
    """The shape that a convolution gives."""
    kernel = (*kernel_size, input_shape[-1 if data_format == "channels_last" else 1], filters)
    inputs, weight = (Abstract(tuple(s), "float32") for s in (input_shape, kernel))
    return shapes_nn.conv(inputs, weight, strides, padding, data_format, dilation_rate)


def pooling_output_shape(
    input_shape: Shape, pool_size: object, strides: object, padding: str = "valid", data_format: str = "channels_last"
) -> Shape:
    """The shape that pooling gives."""
    return shapes_nn.pool(Abstract(tuple(input_shape), "float32"), pool_size, strides, padding, data_format)


def einsum_shapes(equation: str, bias_axes: str | None, input_shape: Shape, output_shape: Shape) -> tuple[Any, ...]:
    """What an EinsumDense works with.

    Returns:
        (shape of the kernel, of the bias or None, of the output, axes of the kernel that are summed over, others).
    """
    layer = EinsumDense(equation, output_shape, bias_axes=bias_axes)
    layer.build(input_shape)
    kernel = layer._terms.kernel
    inputs, outputs, sizes = layer._sizes(input_shape)
    left, _, right = layer._split_outputs()
    wanted = [
        *zip(left[1:], layer.output_shape, strict=False),
        *zip(right[::-1], layer.output_shape[::-1], strict=False),
    ]
    summed = [i for i, c in enumerate(kernel) if c in inputs and c not in outputs]
    return (
        list(layer.kernel.shape),
        None if layer.bias is None else list(layer.bias.shape),
        [dict(wanted).get(c, sizes.get(c)) for c in outputs],
        summed,
        [i for i, c in enumerate(kernel) if c in outputs],
    )


def einsum_gradient(equation: str, input_shape: Shape) -> dict[int, str]:
    """Under 8, where programs look for it: the equation that leads from an output's gradient to the input's."""
    terms = Equation(equation)
    inputs, outputs = terms.expanded(len(input_shape))
    free = iter(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in equation)
    names = {c: next(free) if c.isdigit() else c for c in inputs}
    back, given = ("".join(names.get(c, c) for c in term) for term in (outputs, inputs))
    return {8: f"{back},{''.join(terms.kernel)}->{given}"}


def draw_key(seed: Seed) -> Any:
    """The engine's key of random numbers from a seed or generator."""
    return seed_key(seed)


# ---- classes -------------------------------------------------------------------------------------------------------


class DynamicBackend:
    """`keras.src.backend`, and the name of the engine."""

    @property
    def _kf_backend(self) -> str:
        return backends.current().name

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module("keras.src.backend"), name)


class Engine:
    """What Keras says of the current engine."""

    @property
    def has_sparse(self) -> bool:
        """Whether Keras has sparse tensors there."""
        return backends.current().name in _SPARSE


engine = Engine()


class DataLayer(data_layer.DataLayer):
    """A layer for input pipelines, which asks `self.backend` for the ops of the engine that it runs on."""

    generator: Any = None
    get_config = Layer.get_config  # automatic: options are not declared, as those of kfront's own

    @property
    def backend(self) -> Any:
        """The ops; they run on the engine that the values call for."""
        return DynamicBackend()

    def _get_seed_generator(self, backend: object = None) -> Any:
        return self.generator


class Activations(dict[str, Any]):
    """The functions of `kfront.activations` by name; what is added can be named where an activation is asked for."""

    def __setitem__(self, name: str, function: Any) -> None:
        super().__setitem__(name, function)
        get_custom_objects()[name] = function


all_activations = Activations({name: getattr(activations, name) for name in dir(activations)})


def _of_any_rank(base: Any, *ahead: str) -> type:
    """A base of convolution layers whose rank is the first argument, before others that it has `ahead` of kfront's."""

    def start(self: Layer, rank: int, *args: object, **kwargs: object) -> None:
        object.__setattr__(self, "rank", rank)
        base.__init__(self, *args[len(ahead) :], **dict(zip(ahead, args, strict=False)), **kwargs)

    made = abc.ABCMeta(base.__name__, (base,), {"__init__": start, "__module__": __name__})
    for layer in base.__subclasses__():  # those of kfront count as its subclasses
        made.register(layer)
    return made


BaseConv = _of_any_rank(conv.BaseConv)
BaseConvTranspose = _of_any_rank(conv.BaseConvTranspose)
BaseDepthwiseConv = _of_any_rank(separable_conv.BaseDepthwiseConv, "depth_multiplier")
BaseSeparableConv = _of_any_rank(separable_conv.BaseSeparableConv, "depth_multiplier")


class LazyModule:
    """A module that is imported when it is first used.

    Args:
        name: its name.
        pip_name: what installs it.
        import_error_msg: what to say when it is not there.
    """

    def __init__(self, name: str, pip_name: str | None = None, import_error_msg: str | None = None) -> None:
        self.name, self.pip_name = name, pip_name or name
        self.import_error_msg = import_error_msg or f"[{name}] expected the module; do `pip install {self.pip_name}`."

    @property
    def available(self) -> bool:
        """Whether it can be imported."""
        try:
            return self.initialize() is not None
        except ImportError:
            return False

    def initialize(self) -> ModuleType:
        """Import it.

        Raises:
            ImportError: it is not there.
        """
        try:
            return importlib.import_module(self.name)
        except ImportError as error:
            raise ImportError(self.import_error_msg) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self.initialize(), name)


lazy = SimpleNamespace(**{name: LazyModule(name) for name in LAZY})


class H5IOStore:
    """A `.h5` file of named arrays in groups, as Keras's files of weights have them.

    Args:
        path_or_io: path, or a file that is open.
        archive: not used.
        mode: "r" or "w".
    """

    def __init__(self, path_or_io: Any, archive: None = None, mode: str = "r") -> None:
        is_file, access = hasattr(path_or_io, "read"), "rb" if mode == "r" else "w+b"
        self._file = path_or_io if is_file else open(path_or_io, access)  # noqa: SIM115  (`close` closes it)
        self._reader = H5Reader(self._file, str(path_or_io)) if mode == "r" else None
        self._groups: dict[str, dict[str, Any]] = {}

    def make(self, path: str, metadata: object = None) -> dict[str, Any]:
        """The arrays of a group, to be set by name."""
        return self._groups.setdefault(path, {})

    def get(self, path: str) -> Any:
        """The arrays of a group by name."""
        return self.make(path) if self._reader is None else Store(self._reader, (*path.split("/"), "vars"))

    def close(self) -> None:
        """Write what was set, and close the file."""
        if self._reader is None:
            writer = H5Writer(self._file)
            for path, arrays in self._groups.items():
                for name, value in arrays.items():
                    array = value.numpy() if hasattr(value, "numpy") else state.backend.to_numpy(value)
                    writer.put(writer.group((*path.split("/"), "vars")), name, array)
            writer.close()
        self._file.close()
