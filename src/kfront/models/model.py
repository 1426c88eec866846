"""`Model`: a layer that can be trained, saved and summarized."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, overload

from kfront import saving
from kfront.core import codec, guard, tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, SavingError
from kfront.core.registry import CustomObjectScope, serializable
from kfront.core.spec import Abstract
from kfront.core.state import state
from kfront.core.typing import Config, CustomObjects, Nested, Tensor
from kfront.layers.base import Layer
from kfront.models.graph_config import deserialize_functional
from kfront.models.stateless import Stateless
from kfront.training.trainer import Trainer
from kfront.utils.io_utils import print_msg

if TYPE_CHECKING:
    from kfront.layers.call_signature import CallInfo
    from kfront.models.functional import Functional
    from kfront.quantizers.report import QuantizationReport


def _quantizing() -> ModuleType:
    """The module that quantizes models."""
    from kfront.models import quantizing  # what most programs do not need, so not at import

    return quantizing


def _functional() -> Any:
    """The class of functional models."""
    from kfront.models.functional import Functional  # its module imports this one

    return Functional


def _functional_arguments(args: tuple[object, ...], kwargs: Config) -> bool:
    return len(args) >= 2 or (len(args) == 1 and "outputs" in kwargs) or ("inputs" in kwargs and "outputs" in kwargs)


@serializable(("keras.models", "keras", "keras.src.models.model"))
class Model(Stateless, Trainer, Layer):
    """A model, in one of three ways.

    - ``Model(inputs, outputs)`` from symbolic tensors: a functional model.
    - A subclass with layers made in `__init__` and used in `call`.
    - `Sequential`.

    Args:
        inputs, outputs: KerasTensors in any nesting (functional form).
        name: the model's name.

    Raises:
        ArgumentError: positional arguments that are not the inputs and outputs of a functional model.

    Example:

    >>> import kfront
    >>> x = kfront.Input((4,))
    >>> kfront.Model(x, kfront.layers.Dense(2)(x)).count_params()
    10
    """

    _kf_holds_segments = True
    _kf_of_run = Layer._kf_of_run | {"history", "_initial_epoch", "_kf_last_logs"}

    @overload
    def __new__(
        cls, inputs: Nested[Tensor], outputs: Nested[Tensor], name: str | None = None, **kwargs: object
    ) -> Functional: ...
    @overload
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _functional_arguments(args, kwargs):
            cls = _functional()
        return super().__new__(cls, *args, **kwargs)  # pyright: ignore[reportArgumentType]

    def __init__(self, *args: object, **kwargs: Any) -> None:
        if _functional_arguments(args, kwargs):
            self._kf_become_functional(args, kwargs)
            return
        if args:
            raise ArgumentError(
                f"[{type(self).__name__}] expected `super().__init__(name=...)` or symbolic inputs and outputs, "
                f"got {len(args)} positional argument(s)."
            )
        Layer.__init__(self, **kwargs)

    def _kf_become_functional(self, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
        """A subclass whose `__init__` passes inputs and outputs up: derive its class from Functional as well."""
        own, base = type(self), _functional()
        if not issubclass(own, base):
            bases: tuple[object, ...] = (own, base)
            unbound = own.__dict__.get("_kf_unbound", own)
            mixed: object = type(own.__name__, bases, {"__module__": own.__module__, "_kf_unbound": unbound})
            self._kf_backend.register_layer_class(mixed)
            object.__setattr__(self, "__class__", mixed)
        base.__init__(self, *args, **kwargs)  # pyright: ignore[reportArgumentType]

    # -- structure ----------------------------------------------------------------------------------------------------

    _kf_owns_weights = False  # but its layers

    @property
    def layers(self) -> list[Layer]:
        """The layers it is made of."""
        return list(self._flatten_layers(include_self=False, recursive=False))

    @layers.setter
    def layers(self, value: object) -> None:
        raise AttributeError(
            f"[{self.name}] expected another attribute name than `layers`, which the model uses itself."
        )

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """A layer by name or position.

        Raises:
            ArgumentError: if there is none, or not exactly one of the arguments is given.
        """
        if (name is None) == (index is None):
            raise ArgumentError(
                f"[{self.name}] expected one of `name` and `index`, got name={name!r}, index={index!r}."
            )
        layers = self.layers
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ArgumentError(f"[{self.name}] expected `index` below {len(layers)}, got {index}.")
            return layers[index]
        for layer in layers:
            if layer.name == name:
                return layer
        raise ArgumentError(f"[{self.name}] expected a layer among {[x.name for x in layers]}, got {name!r}.")

    def quantize(
        self,
        mode: str | None = None,
        config: object = None,
        filters: object = None,
        verbose: bool = False,
        **kwargs: object,
    ) -> QuantizationReport:
        """Quantize the weights of the layers that support it, or train them in float8.

        Args:
            mode: "int8", "int4", "float8", "ternary", "gptq" or "awq"; that of the config if None.
            config: a `kfront.quantizers.QuantizationConfig`; the default of the mode if None. "gptq" and "awq" need
                one, with data: they quantize the layers of block after block, see `get_quantization_layer_structure`.
            filters: which layers: a regular expression searched for in their names, a list of them, or a function of
                the layer; all if None.
            verbose: whether the report is printed.
            **kwargs: `type_check`, whether layers of subclasses are left out (True).

        Returns:
            A `kfront.quantizers.QuantizationReport`: which layers are quantized now, and why others are not. If some
            cannot be, there is one warning.

        Raises:
            NotBuiltError: if the model has no weights yet.
            ArgumentError: if mode and config do not fit.

        Example:

        >>> import kfront
        >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(8), kfront.layers.Dense(2)])
        >>> model.quantize("int8", filters=lambda layer: layer.units > 2).num_quantized
        1
        >>> [layer.quantization_mode for layer in model.layers]
        ['int8', None]
        """
        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ArgumentTypeError(f"[{self.name}] expected only `type_check` besides, got {', '.join(kwargs)}.")
        return _quantizing().quantize_model(self, mode, config, filters, type_check, verbose)

    def quantization_summary(self, verbose: bool = True) -> str:
        """What the quantized layers store, and how much of float32 that is.

        Args:
            verbose: whether it is printed.

        Returns:
            The text.

        Example:

        >>> import kfront
        >>> model = kfront.Sequential([kfront.Input((64,)), kfront.layers.Dense(8, use_bias=False)])
        >>> report = model.quantize("int8")
        >>> model.quantization_summary(verbose=False).splitlines()[-1]
        '544 bytes instead of 2,048 bytes in float32, 3.76 times as small'
        """
        text = _quantizing().storage(self)
        if verbose:
            print_msg(text)
        return text

    def get_quantization_layer_structure(self, mode: str | None = None) -> Config | None:
        """What quantization with calibration data needs to know of the model; overridden by its author.

        Args:
            mode: the mode.

        Returns:
            dict with "pre_block_layers", a list of layers that come first, and "sequential_blocks", a list of layers
            that are quantized one after the other on the outputs of those before; None here.
        """
        return None

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], object] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | list[str] | None = None,
    ) -> None:
        """Print a table of the layers, their output shapes and their numbers of parameters.

        Args:
            line_length: width in characters.
            positions: widths of the columns, as fractions or characters.
            print_fn: called with the text instead of printing.
            expand_nested: whether the layers of nested models are listed.
            show_trainable: whether a column says what is trainable.
            layer_range: names of the first and last layer to list (regular expressions).
        """
        from kfront.models.summary import print_summary  # what most programs do not need, so not at import

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # -- building -----------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Create the weights by a symbolic call on inputs of this shape (structure of shapes).

        Where `call` cannot be run on it, as one that takes several inputs, layers are left to the first call; a warning
        says so if there are any to build.
        """
        if input_shape is None or self.built or not self._kf_has_call:
            return
        specs = tree.map_shape_structure(lambda s: Abstract(s, self.compute_dtype), input_shape)
        try:
            self.compute_output_spec(specs)
        except Exception as error:  # of the user's `call`; a `build` of one's own is run by a call, which does the rest
            left = [layer.name for layer in self._flatten_layers(include_self=False) if not layer.built]
            if left and type(self).build is Model.build:
                told = f"[{self.name}] `build` could not call the model on {input_shape}: {error} Not built: {left}."
                warnings.warn(told, stacklevel=3)

    @property
    def _kf_has_call(self) -> bool:
        return type(self).call is not Layer.call

    def _kf_build_for(self, named: dict[str, object]) -> None:
        """A subclassed model's layers are built by the call itself, unless it has its own `build`."""
        if type(self).build is not Model.build:
            super()._kf_build_for(named)

    def _kf_concrete(self, args: object, kwargs: object, named: dict[str, object], info: CallInfo) -> object:
        out = super()._kf_concrete(args, kwargs, named, info)
        if not self.built or self._kf_build_shapes is None:
            self._kf_remember_shapes(named)
        return out

    def _kf_symbolic(self, args: object, kwargs: object, named: dict[str, object], info: CallInfo) -> object:
        out = super()._kf_symbolic(args, kwargs, named, info)
        if self._kf_build_shapes is None:
            self._kf_remember_shapes(named)
        return out

    def _kf_set_masks(self, inputs: object, mask: object) -> None:
        b = self._kf_backend
        for x, m in zip(tree.flatten(inputs), tree.flatten(mask), strict=True):
            if m is not None and b.is_tensor(x):
                state.any_mask_seen = True
                b.set_mask(x, m)

    def _kf_warn_unused(self, arguments: Config) -> None:
        warnings.warn(f"[{self.name}] expected inputs, training and mask, got {[*arguments]}: not used.", stacklevel=2)

    def _kf_remember_shapes(self, named: dict[str, object]) -> None:
        first = next(iter(named.values()), None)
        shapes = tree.map_structure(lambda x: (None, *self._kf_shape_of(x)[1:]) if hasattr(x, "shape") else None, first)
        self.__dict__["_kf_build_shapes"] = ((shapes,), {})
        self.__dict__["built"] = True

    # -- files --------------------------------------------------------------------------------------------------------

    def save(
        self,
        filepath: str | os.PathLike[str] | BinaryIO,
        overwrite: bool = True,
        zipped: bool | None = None,
        **kwargs: object,
    ) -> Any:
        """Save architecture, weights, compile state and optimizer state; see `kfront.saving.save_model`."""
        return saving.save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(
        self,
        filepath: str | os.PathLike[str],
        overwrite: bool = True,
        max_shard_size: float | None = None,
        **kwargs: object,
    ) -> Any:
        """Save the weights, in one file or several; see `kfront.saving.save_weights`."""
        return saving.save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs)

    def load_weights(
        self, filepath: str | os.PathLike[str] | BinaryIO, skip_mismatch: bool = False, **kwargs: object
    ) -> None:
        """Load weights; nothing is loaded unless everything fits. See `kfront.saving.load_weights`."""
        return saving.load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON; `kwargs` go to `json.dumps`."""
        return json.dumps(codec.serialize_keras_object(self), **kwargs)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        input_signature: object = None,
        **kwargs: object,
    ) -> None:
        """Write the model for another runtime, as it is used for inference; sizes that are None stay open.

        A model of an engine that does not write the format is converted (`kfront.convert`) to the one that does, which
        must be installed. An existing file is replaced when the new one is complete.

        Args:
            filepath: path of the file, of the folder for "tf_saved_model".
            format: "tf_saved_model" (TensorFlow or JAX; loaded by `tf.saved_model.load`, with the method `serve`),
                "torch" (torch; a ".pt2" program for `torch.export.load`), "torch_aot" (torch, with a C++ compiler; a
                ".pt2" package of machine code for `torch._inductor.aoti_load_package`), "onnx" (torch, with the
                packages onnx and onnxscript; for onnxruntime and others), "openvino" (torch, with the package openvino;
                an ".xml" file and one with the weights beside it), "litert" (TensorFlow; for LiteRT's interpreter),
                "stablehlo" (JAX; for `jax.export.deserialize`).
            verbose: whether a line says what was written.
            input_signature: list with an entry for each argument of the model: structures of InputSpecs,
                KerasTensors, `tf.TensorSpec`s or tensors; that of the model if None. A subclassed model is taken to
                have inputs of its `input_dtype`, so pass this if it takes integers.
            **kwargs: options of the format: `strict`, `dynamic_shapes`, `prefer_deferred_runtime_asserts_over_guards`
                and `preserve_module_call_signature` of `torch.export.export` for "torch"; `inductor_configs` for
                "torch_aot"; `opset_version` for "onnx"; `compress_to_fp16` for "openvino"; `optimizations`,
                `representative_dataset`, `experimental_new_quantizer`, `allow_custom_ops` and `enable_select_tf_ops` of
                TensorFlow's converter for "litert";
                `platforms` and `constraints` (on "batch" and the other unknown sizes "n0", "n1" …, such as
                ["n0 >= 3"]) for "stablehlo"; `is_static` and `jax2tf_kwargs` for
                "tf_saved_model" on JAX, see `kfront.export.ExportArchive.add_endpoint`.

        Raises:
            ArgumentError: for an unknown format, a signature without shapes, or another ending than ".pt2" for "torch".
            ArgumentTypeError: for an option that the format does not have.
            BackendError: if the engine or a package that writes the format is not installed.
            UnsupportedError: if a layer needs Python to run, as those for strings do except in "tf_saved_model", or the
                engine cannot trace the model with sizes that stay open.
            NotBuiltError: if the model has not seen inputs, and no signature is given.
            SavingError: if the file cannot be written.

        Example:

        >>> import kfront, os, tempfile
        >>> model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.export(f"{folder}/model.pt2", format="torch")
        ...     os.listdir(folder)
        ['model.pt2']
        """
        from kfront.export.exporting import export_model  # a higher layer than models; imports the engines' exporters

        export_model(self, filepath, format, verbose, input_signature, kwargs)

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Any:
        """A model from its config; the saving gate checks what it names."""
        if "layers" in config and "output_layers" in config:
            base = cls if issubclass(cls, _functional()) else _functional()
            return deserialize_functional(base, config, custom_objects)
        with CustomObjectScope(custom_objects):
            return cls(**codec.deserialize_config_values(config))


def model_from_json(json_string: str, custom_objects: CustomObjects = None) -> Model:
    """A model, without weights, from `to_json`.

    Args:
        json_string: the text.
        custom_objects: dict name -> class or function.

    Returns:
        The model, not compiled, on the current backend.

    Raises:
        UnsafeFileError: the text asks for what data must not do.
        SavingError: it is no JSON, or does not describe a model.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    >>> kfront.models.model_from_json(model.to_json()).output_shape
    (None, 2)
    """
    config = guard.parse_json(guard.expect(json_string, (str, bytes), "model_from_json"), "model_from_json")
    made = codec.deserialize_keras_object(config, custom_objects)
    if not isinstance(made, Model):
        raise SavingError(f"[model_from_json] expected the JSON of a model, got {guard.shown(made)}.")
    return made
