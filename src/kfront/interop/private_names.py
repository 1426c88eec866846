"""Private modules of Keras, `keras.src.…`, that published programs import, and what of kfront stands for each name.

kfront has no copy of that tree. A module `keras.src.a.b.c` of `MODULES` offers the public names of the nearest
namespace above it (`keras.src.layers.core.dense` those of `kfront.layers`), and what `PRIVATE` lists for it.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, ClassVar

from kfront.core.state import state
from kfront.core.typing import Tensor
from kfront.training.data.arrays import class_weights

ROOT = "keras.src"


def _rows(target: str, names: str) -> dict[str, str]:
    """Rows for names that are the same on both sides."""
    return {name: f"{target}:{name}" for name in names.split()}


_HERE = "kfront.interop.private_names"
# module below keras.src -> {name: "module:attribute"}; a module without an attribute stands for a module
PRIVATE: dict[str, dict[str, str]] = {
    "api_export": {"keras_export": f"{_HERE}:mark"},
    "backend": {
        **_rows("kfront", "KerasTensor Variable StatelessScope name_scope device"),
        **_rows(
            "kfront.ops", "cast convert_to_tensor convert_to_numpy is_tensor shape cond vectorized_map stop_gradient"
        ),
        **_rows(_HERE, "get_keras_mask set_keras_mask"),
        **{name: f"kfront.ops.{name}:" for name in ("numpy", "nn", "linalg", "image")},
        "core": "kfront.ops:",
        "math": "kfront.ops:",
        "random": "kfront.random:",
    },
    "backend.common": {
        **_rows("kfront", "KerasTensor StatelessScope name_scope"),
        **{name: "kfront:Variable" for name in ("KerasVariable", "Variable")},
    },
    "callbacks.callback_list": _rows("kfront.callbacks", "CallbackList"),
    "losses.losses": _rows("kfront.losses.base", "LossFunctionWrapper"),
    "losses": _rows("kfront.losses.base", "LossFunctionWrapper"),
    "models": _rows("kfront.models.functional", "Functional"),
    "optimizers.base_optimizer": {"BaseOptimizer": "kfront.optimizers:Optimizer"},
    "trainers.trainer": _rows("kfront.training.trainer", "Trainer"),
    "trainers.data_adapters.data_adapter_utils": {
        **_rows("kfront.utils", "pack_x_y_sample_weight unpack_x_y_sample_weight"),
        "class_weight_to_sample_weights": f"{_HERE}:class_weight_to_sample_weights",
    },
    "utils.backend_utils": _rows(_HERE, "in_tf_graph in_grain_data_pipeline"),
    "utils.image_utils": _rows("kfront.preprocessing.image", "smart_resize"),
    "utils.naming": _rows("kfront.core.naming", "auto_name to_snake_case get_uid"),
    "version": {"__version__": "kfront._version:KERAS_API"},
    "utils.tracking": {"no_automatic_dependency_tracking": f"{_HERE}:untracked"},
}
# package below keras.src -> its modules. Names in this table are modules; others, as names of functions that kfront
# has not, are import errors, which programs that try one place after another rely on.
MODULES: dict[str, str] = {
    "": "activations api_export applications backend callbacks constraints datasets distillation distribution "
    "dtype_policies export initializers layers legacy losses metrics models ops optimizers quantizers random "
    "regularizers saving trainers tree utils version visualization wrappers",
    "activations": "activations",
    "applications": "convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3 "
    "mobilenet mobilenet_v2 mobilenet_v3 nasnet resnet resnet_v2 vgg16 vgg19 xception",
    "backend": "common config core image linalg math nn numpy random",
    "backend.common": "dtypes global_state keras_tensor masking name_scope stateless_scope variables",
    "callbacks": "callback callback_list history",
    "constraints": "constraints",
    "distribution": "distribution_lib",
    "dtype_policies": "dtype_policy dtype_policy_map",
    "initializers": "constant_initializers initializer random_initializers",
    "layers": "activations attention convolutional core input_spec layer merging normalization pooling preprocessing "
    "regularization reshaping rnn",
    "layers.attention": "additive_attention attention grouped_query_attention multi_head_attention",
    "layers.core": "dense einsum_dense embedding identity input_layer lambda_layer masking wrapper",
    "layers.normalization": "batch_normalization group_normalization layer_normalization rms_normalization",
    "layers.preprocessing": "normalization string_lookup text_vectorization",
    "layers.regularization": "dropout",
    "layers.rnn": "bidirectional gru lstm rnn simple_rnn stacked_rnn_cells time_distributed",
    "losses": "loss losses",
    "metrics": "accuracy_metrics confusion_metrics metric reduction_metrics regression_metrics",
    "models": "cloning functional model sequential",
    "ops": "core image linalg math nn numpy operation",
    "optimizers": "adam adamw base_optimizer optimizer rmsprop schedules sgd",
    "optimizers.schedules": "learning_rate_schedule",
    "quantizers": "quantizers",
    "random": "random seed_generator",
    "regularizers": "regularizers",
    "saving": "keras_saveable object_registration saving_api saving_lib serialization_lib",
    "trainers": "data_adapters trainer",
    "trainers.data_adapters": "data_adapter_utils",
    "tree": "tree_api",
    "utils": "backend_utils dtype_utils file_utils image_utils naming progbar tf_utils tracking",
}


# ---- what kfront needs in no other place ---------------------------------------------------------------------------


def mark(*args: object, **kwargs: object) -> Callable[[Any], Any]:
    """A decorator that changes nothing; Keras lists its public names with one."""
    return lambda thing: thing


def untracked(method: Callable[..., Any]) -> Callable[..., Any]:
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
    if state.backend.is_tensor(x):
        state.backend.set_mask(x, mask)
    else:
        x._keras_mask = mask


def class_weight_to_sample_weights(y: Tensor, class_weight: dict[int, float]) -> Any:
    """Weights of samples (shape (batch,)) from those of their classes."""
    return class_weights(class_weight, y, None)


def in_tf_graph() -> bool:
    """Whether TensorFlow is tracing a function while another engine is current."""
    tensorflow = sys.modules.get("tensorflow")
    return tensorflow is not None and not tensorflow.executing_eagerly()


def in_grain_data_pipeline() -> bool:
    """Whether this runs inside a worker of a Grain pipeline."""
    return any("grain" in frame.filename.split("/") for frame in inspect.stack(context=0))


# ---- modules -------------------------------------------------------------------------------------------------------


def stands_for(inner: str) -> bool:
    """Whether there is a module `keras.src.<inner>`."""
    package, _, name = inner.rpartition(".")
    return name in MODULES.get(package, "").split() and (not package or stands_for(package))


class PrivateModule(ModuleType):
    """A module `keras.src.…`: names of the table, else public ones of the nearest namespace of kfront."""

    __path__: ClassVar[list[str]] = []

    @property
    def _inner(self) -> str:
        return self.__name__[len(ROOT) + 1 :]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        target = PRIVATE.get(self._inner, {}).get(name)
        if target is not None:
            module, _, attribute = target.partition(":")
            found = importlib.import_module(module)
            return getattr(found, attribute) if attribute else found
        if stands_for(f"{self._inner}.{name}".lstrip(".")):
            return importlib.import_module(f"{self.__name__}.{name}")
        for namespace in self._namespaces():
            if name in dir(namespace):
                return getattr(namespace, name)
        raise AttributeError(
            f"module {self.__name__!r} is private to Keras; kfront has its public names and a few more, and "
            f"{name!r} is not among them."
        )

    def _namespaces(self) -> list[ModuleType]:
        """Public namespaces from the nearest up to the root."""
        parts = self._inner.split(".") if self._inner else []
        found = []
        for count in range(len(parts), -1, -1):
            name = ".".join(["kfront", *parts[:count]])
            try:
                if count == 0 or importlib.util.find_spec(name) is not None:
                    found.append(importlib.import_module(name))
            except ModuleNotFoundError:
                continue
        return found

    def __dir__(self) -> list[str]:
        return sorted({*PRIVATE.get(self._inner, ()), *dir(self._namespaces()[0])})
