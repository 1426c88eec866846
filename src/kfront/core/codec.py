"""Objects as plain dicts and back, in the form that Keras 3 writes.

``{"module", "class_name", "config", "registered_name"}``, for layers also ``"build_config"``, for models
``"compile_config"``; inside a file that is being saved an object that occurs more than once carries a
``"shared_object_id"``. Arrays, tensors, slices and symbolic tensors have forms of their own (``"__numpy__"`` …).
What a dict may name is decided in `kfront.core.guard`.
"""

from __future__ import annotations

import contextlib
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from kfront.core import guard, registry, tree
from kfront.core.dtypes import ALL, numpy_dtype
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.op_codec import deserialize_op_call, is_op_config, serialize_op_call
from kfront.core.operation import OpCall, Operation
from kfront.core.operators import VariableBase
from kfront.core.spec import KerasTensor
from kfront.core.state import current
from kfront.core.typing import Config, CustomObjects

_PLAIN = (bool, int, float, str, type(None))
_PLAIN_TYPES = frozenset(_PLAIN)
# where Keras's own files place a class that has several public homes
_WRITTEN = {
    ("keras.models", "Functional"): ("keras.src.models.functional", "Functional"),
    ("keras.models", "Sequential"): ("keras", "Sequential"),
    ("keras.models", "Model"): ("keras", "Model"),
    ("keras.layers", "Layer"): ("keras", "Layer"),
    ("keras.layers", "InputSpec"): ("keras", "InputSpec"),
    ("keras.dtype_policies", "DTypePolicy"): ("keras", "DTypePolicy"),
}


# ---- objects -> dicts ------------------------------------------------------------------------------------------------


class _Sharing(threading.local):
    seen: dict[int, tuple[Any, dict[str, Any]]] | None = None


_sharing = _Sharing()


class _Live(threading.local):
    """While a live object is copied by its config: its classes and functions, by generated names."""

    table: dict[str, Any] | None = None


_live = _Live()


def is_copying() -> bool:
    """Whether a live object is being copied by its config: then lambdas have a form too, one that no file gets."""
    return _live.table is not None


def _live_name(obj: object) -> str | None:
    if _live.table is None:
        return None
    name = f"live>{len(_live.table)}"
    for known, other in _live.table.items():
        if other is obj:
            return known
    _live.table[name] = obj
    return name


@contextlib.contextmanager
def sharing_scope() -> Iterator[None]:
    """Inside, an object that is serialized more than once is marked with one ``"shared_object_id"``."""
    outer, _sharing.seen = _sharing.seen, {}
    try:
        yield
    finally:
        _sharing.seen = outer


def serialize_keras_object(obj: object) -> Any:
    """The plain form of an object.

    Args:
        obj: a layer, model, optimizer, loss, metric, initializer … (anything with `get_config`), a named function, a
            tensor or array, a slice, a plain value, or lists, tuples and dicts of these.

    Returns:
        Plain values, ready for JSON.

    Raises:
        SavingError: it has no such form (lambdas never have).

    Example:

    >>> import kfront
    >>> kfront.saving.serialize_keras_object(kfront.initializers.Zeros())["class_name"]
    'Zeros'
    """
    if type(obj) in _PLAIN_TYPES or isinstance(obj, _PLAIN):
        return obj
    if tree.is_dict(obj):
        return {k: serialize_keras_object(v) for k, v in obj.items()}
    if isinstance(obj, (list, tuple)):
        values = [serialize_keras_object(v) for v in obj]
        return tuple(values) if isinstance(obj, tuple) else values
    special = _special_form(obj)
    if special is not None:
        return special
    if isinstance(obj, OpCall):
        return serialize_op_call(obj, serialize_keras_object)
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return _object_form(obj)
    if callable(obj) and hasattr(obj, "__name__"):
        return _function_form(obj)
    if hasattr(obj, "dtype") and hasattr(obj, "shape"):
        return _array_form("__tensor__", current().to_numpy(current().convert(obj)))
    raise SavingError(
        f"[serialize_keras_object] expected plain values, tensors, named functions or objects with `get_config`, got "
        f"{guard.shown(obj)} ({type(obj).__name__}); give its class a `get_config`."
    )


def _special_form(obj: object) -> Any:
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return _array_form("__numpy__", obj)
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if isinstance(obj, slice):
        parts = {k: serialize_keras_object(getattr(obj, k)) for k in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": parts}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(obj, KerasTensor):
        history = obj._keras_history
        where = [history.operation.name, history.node_index, history.tensor_index] if history is not None else None
        return tensor_reference(obj, where)
    if isinstance(obj, np.dtype):
        return obj.name
    if isinstance(obj, VariableBase):
        return _array_form("__tensor__", obj.numpy())
    return None


def _array_form(kind: str, value: np.ndarray) -> dict[str, object]:
    if value.dtype.name not in ALL or value.dtype.kind in "OSU":
        raise SavingError(f"[serialize_keras_object] expected an array of numbers, got one of dtype {value.dtype}.")
    return {"class_name": kind, "config": {"value": value.tolist(), "dtype": value.dtype.name}}


def tensor_reference(x: KerasTensor, where: object) -> dict[str, object]:
    """The form of a symbolic tensor: shape, dtype and [operation name, node index, tensor index]."""
    return {"class_name": "__keras_tensor__", "config": {"shape": x.shape, "dtype": x.dtype, "keras_history": where}}


def _function_form(fn: Callable[..., object]) -> dict[str, object]:
    name = fn.__name__
    live = _live_name(fn)
    if live is not None:
        return {"module": "builtins", "class_name": "function", "config": live, "registered_name": "function"}
    if name == "<lambda>":
        raise SavingError(
            "[serialize_keras_object] expected a named function, got a lambda: its code would have to be in the "
            "file, and code from files is never run; use `def` and `@kfront.saving.register_keras_serializable()`."
        )
    if isinstance(fn, (types.BuiltinFunctionType, type)):
        raise SavingError(
            f"[serialize_keras_object] expected a Python function or an object with `get_config`, got {fn!r}."
        )
    if registry.is_registered(fn):
        name = registry.get_registered_name(fn)
    else:
        identity = registry.public_identity(fn)
        name = identity[1] if identity is not None else name
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": "function"}


def identity_of(cls: type) -> tuple[str | None, str, str | None]:
    """(module, class name, registered name) that files carry for a class."""
    home = registry.unbound(cls).__module__
    home = None if home == "__main__" else home
    if registry.is_registered(cls):
        return home, cls.__name__, registry.get_registered_name(cls)
    own = registry.public_identity(cls)
    if own is None:
        return home, cls.__name__, _live_name(registry.unbound(cls)) or cls.__name__
    module, name = _WRITTEN.get(own, own)
    return module, name, name if module.startswith("keras.src.") else None


def _object_form(obj: Any) -> dict[str, object]:
    module, name, registered = identity_of(type(obj))
    form = {"module": module, "class_name": name, "config": _config_of(obj), "registered_name": registered}
    form |= {"live": True} if _live.table is not None else {}
    build = obj.get_build_config() if hasattr(obj, "get_build_config") else None
    if build is not None:
        form["build_config"] = serialize_keras_object(build)
    compiled = obj.get_compile_config() if hasattr(obj, "get_compile_config") else None
    if compiled is not None:
        form["compile_config"] = serialize_keras_object(compiled)
    seen = _sharing.seen
    if seen is not None:
        first = seen.get(id(obj))
        if first is None:
            seen[id(obj)] = (obj, form)
        else:
            number = first[1].setdefault("shared_object_id", len(seen))
            form["shared_object_id"] = number
    return form


def _config_of(obj: Any) -> Any:
    config = obj.get_config()
    if not isinstance(config, dict):
        raise SavingError(f"[{type(obj).__name__}] expected `get_config` to return a dict, got {guard.shown(config)}.")
    return {k: serialize_keras_object(v) for k, v in config.items()}


# ---- dicts -> objects ------------------------------------------------------------------------------------------------


def deserialize_keras_object(
    config: object,
    custom_objects: CustomObjects = None,
    safe_mode: bool = True,
    module_objects: Mapping[str, object] | None = None,
    **kwargs: object,
) -> Any:
    """The object that a plain form describes.

    Args:
        config: what `serialize_keras_object` returned.
        custom_objects: name -> class or function, for names that are not kfront's.
        safe_mode: False allows configs to name files; code in a config is never run. Nothing in the config can set it.
        module_objects: further classes by name, for configs that name no module.
        **kwargs: kept for compatibility.

    Returns:
        The object; plain values and unknown live objects as they are.

    Raises:
        UnsafeFileError: the config asks for a class or function that neither kfront nor the user registered.
        SavingError: the config does not describe an object that can be built.

    Example:

    >>> import kfront
    >>> config = kfront.saving.serialize_keras_object(kfront.layers.Dense(3))
    >>> kfront.saving.deserialize_keras_object(config).units
    3
    """
    if config is None or isinstance(config, (bool, int, float)):
        return config
    with guard.loading("deserialize_keras_object", config, custom_objects, safe_mode):
        return build(config, module_objects)


def with_objects(config: Config, names: Iterable[str], custom_objects: CustomObjects = None) -> Config:
    """A config in which the arguments of these names are objects, where it has their plain forms."""
    plain = {n: config[n] for n in names if isinstance(config.get(n), (dict, list, tuple))}
    return {**config, **{n: deserialize_keras_object(v, custom_objects=custom_objects) for n, v in plain.items()}}


def build(config: object, module_objects: Mapping[str, object] | None = None) -> Any:
    """`deserialize_keras_object` inside a loading scope."""
    if isinstance(config, dict):
        if "class_name" in config and "config" in config:
            return _build_named(config, module_objects)
        return {k: build(v) for k, v in config.items()}
    if isinstance(config, (list, tuple)):
        values = [build(v) for v in config]
        return tuple(values) if isinstance(config, tuple) else values
    if isinstance(config, str) and module_objects is not None:
        found = registry.get_registered_object(config, module_objects=module_objects)
        if found is None:
            raise UnsafeFileError(f"[load] expected a known name, got {guard.shown(config)}.")
        return found() if isinstance(found, type) else found
    return config


def _build_named(config: Config, module_objects: Mapping[str, object] | None) -> Any:
    name, inner = config["class_name"], config["config"]
    guard.expect(name, str, "class_name")
    special = _SPECIAL.get(name)
    if special is not None:
        return special(inner)
    if name == "function" and config.get("module") in ("builtins", None):
        return guard.resolve_function(inner, module_objects)
    shared = config.get("shared_object_id")
    if shared is not None:
        guard.expect(shared, (int, str), "shared_object_id")
        found = guard.shared_objects().get((name, shared))
        if found is not None:
            return found
    made = deserialize_op_call(config, build) if is_op_config(config) else _build_object(config, module_objects)
    if shared is not None:
        guard.shared_objects()[name, shared] = made
    return made


def _build_object(config: Config, module_objects: Mapping[str, object] | None) -> Any:
    cls = guard.resolve_class(config, module_objects)
    inner = config["config"]
    inner = {} if inner is None else guard.expect(inner, dict, f"{cls.__name__} config")
    if not all(isinstance(k, str) for k in inner):
        raise SavingError(f"[{cls.__name__}] expected argument names to be strings, got {guard.shown(list(inner))}.")
    if _written_automatically(cls, config.get("live") is True):
        inner = {k: build(v) for k, v in inner.items()}
    try:
        made = cls.from_config(inner) if hasattr(cls, "from_config") else cls(**inner)
    except (SavingError, RecursionError):
        raise
    except Exception as error:
        name = inner.get("name")
        who = f"{cls.__name__} {name}" if isinstance(name, str) else cls.__name__
        raise SavingError(
            f"[{guard.shown(who)[1:-1]}] expected a config that the class accepts, got {type(error).__name__}: {error}"
        ) from error
    _finish(made, config)
    return made


def _written_automatically(cls: type, live: bool) -> bool:
    """Whether the config of a layer class has its constructor's arguments, each serialized; of a live layer also where
    its class writes the config.
    """
    own = issubclass(cls, Operation) and (live or getattr(cls.get_config, "_automatic", False))
    return own and getattr(cls.from_config, "_automatic", False)


def _finish(made: Any, config: Config) -> None:
    """Build and compile as recorded."""
    build_config = config.get("build_config")
    if build_config and hasattr(made, "build_from_config") and not getattr(made, "built", False):
        _carry_out(made.build_from_config, guard.expect(build_config, dict, "build_config"), "build_config")
    compile_config = config.get("compile_config")
    if compile_config and hasattr(made, "compile_from_config"):
        _carry_out(made.compile_from_config, guard.expect(compile_config, dict, "compile_config"), "compile_config")


def _carry_out(method: Any, config: dict[str, Any], what: str) -> None:
    try:
        method(config)
    except (SavingError, RecursionError):
        raise
    except Exception as error:
        raise SavingError(
            f"[{type(method.__self__).__name__}] expected a {what} that fits, got {guard.shown(config)}: "
            f"{type(error).__name__}: {error}"
        ) from error


def deserialize_config_values(config: Config) -> Config:
    """A config with the serialized objects among its values made into objects: arguments for a constructor."""
    with guard.loading("from_config", config):
        return {k: build(v) for k, v in guard.expect(config, dict, "from_config").items()}


def live_form(obj: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The form of a live object, which need not be registered, and the classes and functions that it names.

    Args:
        obj: a layer or model.

    Returns:
        The form, and a dict name -> class or function, to be passed as `custom_objects`.
    """
    outer, _live.table = _live.table, {}
    try:
        return serialize_keras_object(obj), _live.table
    finally:
        _live.table = outer


# ---- forms of their own ----------------------------------------------------------------------------------------------


def _array(config: Config) -> np.ndarray:
    guard.expect(config, dict, "__numpy__")
    dtype = guard.expect(config.get("dtype"), str, "__numpy__ dtype")
    if dtype not in ALL or dtype == "string":
        raise SavingError(f"[__numpy__] expected a numeric dtype, got {guard.shown(dtype)}.")
    value = config.get("value")
    guard.expect(value, (int, float, bool, list), "__numpy__ value")
    stack = [value]
    while stack:
        top = stack.pop()
        for x in top if isinstance(top, list) else (top,):
            if isinstance(x, list):
                stack.append(x)
            elif type(x) not in (int, float, bool):
                raise SavingError(f"[__numpy__] expected nested lists of numbers, got {guard.shown(x)} among them.")
    try:
        return np.array(value, dtype=numpy_dtype(dtype))
    except (ValueError, TypeError, OverflowError) as error:
        raise SavingError(
            f"[__numpy__] expected nested lists of one form that fit {dtype}, got others: {error}."
        ) from None


def _tensor(config: Config) -> Any:
    value = _array(config)
    return current().convert(value, value.dtype.name)


def _slice(config: Config) -> slice:
    guard.expect(config, dict, "__slice__")
    parts = [config.get(k) for k in ("start", "stop", "step")]
    return slice(*(build(guard.expect(p, (int, dict, KerasTensor, type(None)), "__slice__")) for p in parts))


def _symbolic(config: Config) -> KerasTensor:
    guard.expect(config, dict, "__keras_tensor__")
    shape = guard.expect(config.get("shape"), (list, tuple), "__keras_tensor__ shape")
    dtype = guard.expect(config.get("dtype"), str, "__keras_tensor__ dtype")
    return KerasTensor(tuple(guard.expect(d, (int, type(None)), "__keras_tensor__ shape") for d in shape), dtype)


def _code(config: Config) -> Any:
    raise UnsafeFileError(
        "[load] expected a named function, got the code of a Python lambda: code from a file is never run, whatever "
        "`safe_mode` says; write the function in your program, register it with "
        "`@kfront.saving.register_keras_serializable()`, and save the model with it by name."
    )


_SPECIAL = {
    "__numpy__": _array,
    "__tensor__": _tensor,
    "__slice__": _slice,
    "__ellipsis__": lambda config: Ellipsis,
    "__bytes__": lambda config: guard.expect(config.get("value"), str, "__bytes__ value").encode("utf-8"),
    "__keras_tensor__": _symbolic,
    "__lambda__": _code,
}
