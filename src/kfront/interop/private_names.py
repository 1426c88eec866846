"""Private modules of Keras, `keras.src.…`, that published programs import, and what of kfront stands for each name.

kfront has no copy of that tree. A module `keras.src.a.b.c` of `private_modules.txt` offers the public names of the nearest
namespace above it (`keras.src.layers.core.dense` those of `kfront.layers`), and what `PRIVATE` lists for it. Classes of
operations (`keras.src.ops.numpy.Add`) are those that record the declared ops in graphs.
"""

from __future__ import annotations

import functools
import importlib
import importlib.resources
import importlib.util
import inspect
import operator
from types import ModuleType
from typing import Any, ClassVar

from kfront.backends import backend_scope
from kfront.core.op_registry import declared, ops_in_files
from kfront.core.operation import op_class

LAZY = ("tensorflow", "jax", "torch", "numpy", "scipy", "sklearn", "matplotlib")  # libraries as lazy modules

ROOT = "keras.src"
ENGINES = ("jax", "tensorflow", "torch")  # `keras.src.backend.tensorflow.nn` has the ops, on that engine


def _rows(target: str, names: str) -> dict[str, str]:
    """Rows for names that are the same on both sides."""
    return {name: f"{target}:{name}" for name in names.split()}


_HERE = "kfront.interop.private_helpers"
_DEVICE_CHECKS = [f"{engine}_uses_{kind}" for engine in ENGINES for kind in ("gpu", "tpu")]
# module below keras.src -> {name: "module:attribute"}; a module without an attribute stands for a module
PRIVATE: dict[str, dict[str, str]] = {
    "activations": {"ALL_OBJECTS_DICT": f"{_HERE}:all_activations"},
    "api_export": {"keras_export": f"{_HERE}:mark"},
    "applications.imagenet_utils": _rows(_HERE, "obtain_input_shape"),
    "backend": {
        **_rows(_HERE, "compute_output_spec standardize_data_format"),
        **_rows("kfront.core.spec", "standardize_shape"),
        **_rows("kfront", "KerasTensor Variable StatelessScope name_scope device"),
        **_rows(
            "kfront.ops", "cast convert_to_tensor convert_to_numpy is_tensor shape cond vectorized_map stop_gradient"
        ),
        **_rows(_HERE, "get_keras_mask set_keras_mask in_stateless_scope get_stateless_scope any_symbolic_tensors"),
        **_rows(_HERE, "IS_THREAD_SAFE SUPPORTS_COMPLEX_DTYPES SUPPORTS_RAGGED_TENSORS"),
        "SUPPORTS_SPARSE_TENSORS": f"{_HERE}:engine.has_sparse",
        "in_symbolic_scope": "kfront.core.symbolic:SymbolicScope.is_active",
        **{name: f"kfront.ops.{name}:" for name in ("numpy", "nn", "linalg", "image")},
        "core": "kfront.ops:",
        "math": "kfront.ops:",
        "random": "kfront.random:",
    },
    "backend.common": {
        **_rows("kfront", "KerasTensor StatelessScope name_scope"),
        **{name: "kfront:Variable" for name in ("KerasVariable", "Variable")},
    },
    "backend.common.dtypes": {
        **_rows(_HERE, "FLOAT_TYPES"),
        "ALLOWED_DTYPES": "kfront.core.dtypes:ALL",
        "INT_TYPES": "kfront.core.dtypes:INTS",
        "COMPLEX_TYPES": "kfront.core.dtypes:COMPLEX",
        "FLOAT8_TYPES": "kfront.core.dtypes:FLOAT8",
    },
    "backend.common.masking": _rows(_HERE, "get_keras_mask set_keras_mask"),
    "backend.common.name_scope": _rows("kfront.core.naming", "current_path"),
    "backend.common.stateless_scope": _rows(_HERE, "in_stateless_scope get_stateless_scope"),
    "backend.common.symbolic_scope": {"in_symbolic_scope": "kfront.core.symbolic:SymbolicScope.is_active"},
    "backend.jax.random": {"jax_draw_seed": f"{_HERE}:draw_key"},
    "backend.torch": _rows(_HERE, "to_torch_dtype"),
    "callbacks.callback_list": _rows("kfront.callbacks", "CallbackList"),
    "layers.attention.multi_head_attention": {
        "_build_attention_equation": "kfront.layers.multi_head:attention_equations",
        "_build_proj_equation": "kfront.layers.multi_head:projection_equation",
    },
    "layers.convolutional.base_conv": _rows(_HERE, "BaseConv"),
    "layers.core.einsum_dense": {
        "_analyze_einsum_string": f"{_HERE}:einsum_shapes",
        "_analyze_quantization_info": f"{_HERE}:einsum_gradient",
    },
    "layers.merging.base_merge": _rows("kfront.layers.merge", "Merge"),
    "layers.pooling.base_global_pooling": {"BaseGlobalPooling": "kfront.layers.pool:BaseGlobalPooling"},
    "layers.pooling.base_pooling": _rows("kfront.layers.pool", "BasePooling"),
    "layers.preprocessing.data_layer": _rows(_HERE, "DataLayer"),
    "layers.rnn.dropout_rnn_cell": _rows("kfront.layers.recurrent_cells", "DropoutRNNCell"),
    "losses.losses": _rows("kfront.losses.base", "LossFunctionWrapper"),
    "losses": _rows("kfront.losses.base", "LossFunctionWrapper"),
    "models": _rows("kfront.models.functional", "Functional"),
    "ops.operation_utils": {"compute_conv_output_shape": f"{_HERE}:conv_output_shape"},
    "optimizers.base_optimizer": {"BaseOptimizer": "kfront.optimizers:Optimizer"},
    "random.seed_generator": _rows("kfront.core.rng", "global_seed_generator"),
    "saving.saving_lib": _rows(_HERE, "H5IOStore"),
    "saving.serialization_lib": _rows(_HERE, "in_safe_mode record_object_after_deserialization"),
    "testing": {
        **_rows("kfront.interop.testing", "TestCase uses_gpu uses_tpu"),
        **{n: f"kfront.interop.testing:checks.{n}" for n in _DEVICE_CHECKS},
    },
    "testing.test_case": _rows("kfront.interop.testing", "TestCase"),
    "testing.test_utils": _rows("kfront.interop.testing", "named_product"),
    "trainers.trainer": _rows("kfront.training.trainer", "Trainer"),
    "trainers.data_adapters.data_adapter_utils": {
        **_rows("kfront.utils", "pack_x_y_sample_weight unpack_x_y_sample_weight"),
        "class_weight_to_sample_weights": f"{_HERE}:class_weight_to_sample_weights",
    },
    "utils.argument_validation": _rows(_HERE, "standardize_tuple standardize_padding"),
    "utils.backend_utils": _rows(_HERE, "in_tf_graph in_grain_data_pipeline DynamicBackend"),
    "utils.image_utils": _rows("kfront.preprocessing.image", "smart_resize"),
    "utils.module_utils": {**_rows(_HERE, "LazyModule"), **{name: f"{_HERE}:lazy.{name}" for name in LAZY}},
    "utils.naming": _rows("kfront.core.naming", "auto_name to_snake_case get_uid"),
    "version": {"__version__": "kfront._version:KERAS_API"},
    "utils.tracking": {"no_automatic_dependency_tracking": f"{_HERE}:untracked"},
}
@functools.cache
def modules() -> dict[str, list[str]]:
    """Package below `keras.src` -> its modules.

    Names in this table are modules; others, as names of functions that kfront has not, are import errors, which
    programs that try one place after another rely on.
    """
    text = importlib.resources.files("kfront.interop").joinpath("private_modules.txt").read_text("utf-8")
    rows = (line.partition(":") for line in text.splitlines() if not line.startswith("#"))
    return {package: names.split() for package, _, names in rows}


def _on_engine(engine: str | None, op: Any) -> Any:
    """The op on that engine, whichever is current: programs prepare data with TensorFlow beside another engine."""
    if engine is None or not inspect.isfunction(op):
        return op

    @functools.wraps(op)
    def call(*args: object, **kwargs: object) -> Any:
        with backend_scope(engine):
            return op(*args, **kwargs)

    return call


# ---- modules -------------------------------------------------------------------------------------------------------


def stands_for(inner: str) -> bool:
    """Whether there is a module `keras.src.<inner>`."""
    package, _, name = inner.rpartition(".")
    return name in modules().get(package, ()) and (not package or stands_for(package))


class PrivateModule(ModuleType):
    """A module `keras.src.…`: names of the table, else public ones of the nearest namespace of kfront."""

    __path__: ClassVar[list[str]] = []

    @property
    def _kf_inner(self) -> str:
        return self.__name__[len(ROOT) + 1 :]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        target = PRIVATE.get(self._kf_inner, {}).get(name)
        if target is not None:
            module, _, attribute = target.partition(":")
            found = importlib.import_module(module)
            return operator.attrgetter(attribute)(found) if attribute else found
        recorded = ops_in_files().get((self.__name__, name))
        if recorded is not None:
            return op_class(declared(recorded))
        if stands_for(f"{self._kf_inner}.{name}".lstrip(".")):
            return importlib.import_module(f"{self.__name__}.{name}")
        for namespace in self._namespaces():
            if name in dir(namespace):
                return _on_engine(self._engine, getattr(namespace, name))
        raise AttributeError(
            f"module {self.__name__!r} is private to Keras; kfront has its public names and a few more, and "
            f"{name!r} is not among them."
        )

    @property
    def _engine(self) -> str | None:
        """The engine whose ops the module has, None for a module of all engines."""
        return next((e for e in ENGINES if f"{self._kf_inner}.".startswith(f"backend.{e}.")), None)

    def _namespaces(self) -> list[ModuleType]:
        """Public namespaces from the nearest up to the root."""
        parts = self._kf_inner.split(".") if self._kf_inner else []
        if self._engine:
            own = {"random": ["kfront.random"]} | {n: [f"kfront.ops.{n}"] for n in ("image", "linalg", "nn", "numpy")}
            return [importlib.import_module(name) for name in (*own.get(parts[-1], ()), "kfront.ops")]
        found = []
        for count in range(len(parts), -1, -1):
            name = ".".join(["kfront", *parts[:count]]).replace("kfront.legacy.", "kfront._legacy.")
            try:
                if count == 0 or importlib.util.find_spec(name) is not None:
                    found.append(importlib.import_module(name))
            except ModuleNotFoundError:
                continue
        return found

    def __dir__(self) -> list[str]:
        return sorted({*PRIVATE.get(self._kf_inner, ()), *dir(self._namespaces()[0])})
