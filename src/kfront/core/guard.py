"""The one gate between data and code: what a file or config may name, and what form it must have.

Every entry point passes here: `load_model`, `load_weights`, `from_config` of models, `model_from_json`, `clone_model`,
every `deserialize`. Classes resolve only from kfront's own serializable ones and from what the user registered or
passed; functions only from pure ops, activations, losses, metrics and initializers. There is no list of forbidden
things and no switch that data could reach: `safe_mode=False` is an argument at the call, and even then code in a file
(a marshalled lambda, a pickle) is never run.

Configs are walked once before anything is built: plain types, bounded depth and size. What goes wrong leaves as
`SavingError` (`UnsafeFileError` where data asked for what data must not do) on every engine.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import json
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from kfront.core import registry
from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import KfrontError, SavingError, UnsafeFileError
from kfront.core.lazy import LAZY
from kfront.core.op_registry import OPS, class_of
from kfront.core.state import state
from kfront.core.typing import Config, CustomObjects


class LIMITS:
    """Bounds on what is read: large enough for real models, small enough to bound the cost of a hostile file."""

    json_bytes = 64 << 20
    depth = 200
    values = 5_000_000
    layers = 100_000
    integer_bits = 65
    zip_members = 10_000
    asset_bytes = 4 << 30
    names_in_group = 100_000


_PACKAGES = """
    _legacy.layers activations constraints distillation dtype_policies initializers layers losses metrics models
    optimizers optimizers.schedules quantizers random regularizers
"""
# Keras namespaces that a file may name, and where their public names are here
_NAMESPACES = {
    "keras": "kfront",
    **{n: n for n in registry.OWN_NAMESPACES},
    **{f"keras.{n}": f"kfront.{n}" for n in _PACKAGES.split()},
}
# modules that only Keras's files name
_INTERNAL = {
    ("keras.src.models.functional", "Functional"): "kfront.models.functional",
    ("keras.src.engine.functional", "Functional"): "kfront.models.functional",
    ("keras.src.models.sequential", "Sequential"): "kfront.models.sequential",
    **{
        ("keras.src.layers.preprocessing.feature_space", n): "kfront.utils.feature_space"
        for n in ("Cross", "Feature", "TFDIdentity")
    },
    ("keras.utils", "FeatureSpace"): "kfront.utils.feature_space",
    ("keras.src.models.model", "Model"): "kfront.models.model",
    ("keras.src.losses.losses", "LossFunctionWrapper"): "kfront.losses.base",
    ("keras.activations", "keras2_hard_sigmoid"): "kfront.saving.keras2_ops",
    ("keras.src.applications.convnext", "LayerScale"): "kfront.applications.convnext",
    ("keras.src.applications.inception_resnet_v2", "CustomScaleLayer"): "kfront.applications.inception_resnet_v2",
}
# where Keras's torch backend places its optimizers, under their public names
_ENGINES_OPTIMIZER = re.compile(r"keras\.src\.backend\.torch\.optimizers\.torch_\w{1,40}")
_FUNCTION_HOMES = ("keras.activations", "keras.losses", "keras.metrics", "keras.initializers", "keras.regularizers")


class corrupt_file_errors:
    """Scope that turns whatever a library raises for a damaged file into one error.

    Args:
        what: what it is, for messages.
        where: the file or the place in it that is read.
    """

    __slots__ = ("what", "where")

    def __init__(self, what: str, where: object) -> None:
        self.what, self.where = what, where

    def __enter__(self) -> None:
        """Nothing to do."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if error is None or isinstance(error, SavingError) or not isinstance(error, Exception):
            return
        if isinstance(error, MemoryError):
            problem = f"one that asks for too much memory at {self.where}"
        else:
            problem = f"one that cannot be read at {self.where}: {type(error).__name__}: {shown(str(error))}"
        raise SavingError(f"[load] expected an intact {self.what}, got {problem}.") from None


def shown(value: object) -> str:
    """A short, one-line form of something from a file, for messages."""
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 120 else text[:117] + "..."


# ---- the scope of one load -------------------------------------------------------------------------------------------


class _State(threading.local):
    depth = 0
    safe = True
    shared: dict[object, object] | None = None


_now = _State()


def in_loading() -> bool:
    """Whether an object is being made from a config or file at the moment."""
    return _now.depth > 0


def is_safe() -> bool:
    """Whether the running load (or one that starts now) is in safe mode."""
    return _now.safe


def shared_objects() -> dict[object, object]:
    """Objects of the running load by the id that the file gives them."""
    return _now.shared if _now.shared is not None else {}


@contextlib.contextmanager
def loading(
    what: str, config: object = None, custom_objects: dict[str, Any] | None = None, safe_mode: Any = True
) -> Iterator[None]:
    """Scope in which a config becomes objects; nested scopes keep the outermost one's safe mode.

    Args:
        what: the entry point, for messages.
        config: checked on the outermost level, see `check_config`.
        custom_objects: names that resolve to the user's classes and functions inside.
        safe_mode: only the very value False at the call turns it off; None does not.

    Raises:
        SavingError: whatever went wrong inside.
    """
    outer = (_now.depth, _now.safe, _now.shared)
    if _now.depth == 0:
        check_config(config, what)
        _now.shared = {}
        _now.safe = safe_mode is not False
    elif safe_mode is False:
        _now.safe = False
    _now.depth += 1
    try:
        with registry.CustomObjectScope(_checked_objects(custom_objects)):
            yield
    except SavingError:
        raise
    except RecursionError:
        raise UnsafeFileError(f"[{what}] expected a config of moderate depth, got one that nests too deep.") from None
    except Exception as error:
        if outer[0] > 0 and isinstance(error, KfrontError):
            raise
        raise SavingError(
            f"[{what}] expected a config that can be built, got {type(error).__name__}: {error}"
        ) from error
    finally:
        _now.depth, _now.safe, _now.shared = outer


def _checked_objects(custom_objects: CustomObjects) -> dict[str, object] | None:
    if custom_objects is not None and not isinstance(custom_objects, dict):
        raise SavingError(
            f"[load] expected `custom_objects` to be a dict name -> class or function, got {shown(custom_objects)}."
        )
    return custom_objects


class Budget:
    """A bound on the memory of the variables of a model that is being loaded, from the size of its file.

    Args:
        size: bytes.
        what: the file's name, for messages.
    """

    def __init__(self, size: int, what: str) -> None:
        self.left, self.what = size, what

    def spend(self, shape: tuple[int, ...], dtype: str) -> None:
        """A variable of this shape is about to be made.

        Raises:
            UnsafeFileError: it asks for more than is left.
        """
        size = numpy_dtype(dtype).itemsize
        for d in shape:
            size *= d
        self.left -= size
        if self.left < 0:
            raise UnsafeFileError(
                f"[load] expected weights of about the size that {self.what} stores, its config asks for a variable of "
                f"shape {tuple(shape)}, {size:,} bytes."
            )


@contextlib.contextmanager
def budget(size: int, what: str) -> Iterator[None]:
    """Scope in which new variables are counted against `size` bytes.

    Args:
        size: bytes.
        what: the file's name, for messages.
    """
    outer = getattr(state, "budget", None)
    state.budget = Budget(size, what)
    try:
        yield
    finally:
        state.budget = outer


# ---- the form of data ------------------------------------------------------------------------------------------------


def expect(value: object, kinds: type | tuple[type, ...], what: str) -> Any:
    """`value` if it is of one of `kinds`.

    Args:
        value: from a config.
        kinds: allowed types; bool does not count as int.
        what: its place, for the message.

    Raises:
        SavingError: it is of another type.
    """
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds):
        return value
    names = " or ".join(k.__name__ for k in kinds)
    raise SavingError(f"[{what}] expected a {names}, got {shown(value)} ({type(value).__name__}).")


_LEAVES = frozenset((str, float, bool, type(None)))


def check_config(config: Any, what: str = "load") -> None:
    """Walk a config: bounded depth and number of values, no integer beyond 64 bits, dicts keyed by strings.

    Live objects (tensors, layers, functions that code put into the config) are leaves.

    Raises:
        UnsafeFileError: a bound is passed.
        SavingError: a key is not a string or number.
    """
    level: list[Any] = [config]
    seen = 0
    for _ in range(LIMITS.depth):
        below: list[Any] = []
        for value in level:
            kind = type(value)
            if kind in _LEAVES:
                continue
            if kind is int:
                if value.bit_length() > LIMITS.integer_bits:
                    raise UnsafeFileError(
                        f"[{what}] expected integers of at most 64 bits, got {value.bit_length()} bits."
                    )
            elif kind is dict or isinstance(value, dict):
                for key in value:
                    if type(key) is not str and not isinstance(key, (str, int, float, type(None))):
                        raise SavingError(f"[{what}] expected dict keys to be strings, got {shown(key)}.")
                below.extend(value.values())
            elif kind is list or kind is tuple or isinstance(value, (list, tuple)):
                below.extend(value)
        if not below:
            return
        seen += len(below)
        if seen > LIMITS.values:
            raise UnsafeFileError(f"[{what}] expected a config of at most {LIMITS.values:,} values, got more.")
        level = below
    raise UnsafeFileError(
        f"[{what}] expected a config nested at most {LIMITS.depth} levels deep, got more (or one that contains itself)."
    )


def parse_json(data: bytes | str, what: str) -> Any:
    """JSON under the gate's bounds; NaN and Infinity are allowed, as Keras writes them.

    Raises:
        UnsafeFileError: too long, too deep, or a key occurs twice in one object.
        SavingError: it is not JSON.
    """
    if len(data) > LIMITS.json_bytes:
        raise UnsafeFileError(f"[{what}] expected at most {LIMITS.json_bytes:,} bytes of JSON, got {len(data):,}.")
    try:
        value = json.loads(data, object_pairs_hook=_no_doubles)
    except RecursionError:
        raise UnsafeFileError(f"[{what}] expected JSON of moderate depth, got one that nests too deep.") from None
    except SavingError as error:
        raise UnsafeFileError(f"[{what}] {error}") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise SavingError(f"[{what}] expected JSON, got text that is none: {error}.") from None
    check_config(value, what)
    return value


def _no_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    out = dict(pairs)
    if len(out) != len(pairs):
        names = [k for k, _ in pairs]
        double = next(k for k in names if names.count(k) > 1)
        raise SavingError(f"expected every key of an object once, got {shown(double)} twice.")
    return out


_REPEATS = re.compile(r"(?<!\\)[*+{]")


def pattern(text: Any, what: str) -> str:
    """A path, or a regular expression for paths, that a file has; one whose matching may not end is refused.

    Args:
        text: the expression.
        what: what contains it, for messages.

    Raises:
        UnsafeFileError: it repeats groups, or has more than three repetitions.
    """
    text = expect(text, str, what)
    if len(text) > 1000 or re.search(r"\)\s*[*+?{]", text) or len(_REPEATS.findall(text)) > 3:
        raise UnsafeFileError(
            f"[load] expected paths or short expressions, with at most three repetitions and none of a group, in "
            f"{what}, got {shown(text)}."
        )
    return text


def refuse_path(who: str, argument: str, value: object, in_config: bool = False) -> None:
    """Refuse a path or URL that comes from data: for constructors that also take a path from code.

    Args:
        who: the class, for the message.
        argument: the argument's name.
        value: the argument.
        in_config: whether it is known to come from a config; else it does while an object is loaded.

    Raises:
        UnsafeFileError: a string or path in a config in safe mode.
    """
    is_path = isinstance(value, (str, bytes)) or hasattr(value, "__fspath__")
    if is_path and (in_config or in_loading()) and is_safe():
        raise UnsafeFileError(
            f"[{who}] expected the values of `{argument}` in the config, got the path {shown(value)}; a file may not "
            "name another file. Build the object in code, or pass `safe_mode=False` if you trust the source."
        )


# ---- names -----------------------------------------------------------------------------------------------------------


def _user_object(*names: object) -> Any:
    """What the user passed or registered under one of the names."""
    wanted = [n for n in names if isinstance(n, str)]
    found = registry.scoped_object(*wanted)
    if found is None:
        custom = registry.get_custom_objects()
        found = next((custom[n] for n in wanted if n in custom), None)
    return found


def _builtin(module: str, name: str) -> Any:
    """A serializable object of kfront, its module loaded if need be; only names in the namespaces' tables are tried.

    What else is registered (callbacks, which write files) may not be named by a file, whether it is loaded or not.
    """
    module = "keras.optimizers" if _ENGINES_OPTIMIZER.fullmatch(module) else module
    home, namespace = _INTERNAL.get((module, name)), _NAMESPACES.get(module)
    if home is None and namespace is None:
        return None
    if home is not None:
        importlib.import_module(home)
        return registry.BUILTIN.get((module, name)) or registry.BUILTIN.get(("keras.models", name))
    listed = public_name(str(namespace), name)
    identity = registry.public_identity(listed)
    return listed if identity is not None and identity[0] == module else registry.BUILTIN.get((module, name))


def is_users(*names: object) -> bool:
    """Whether the user passed or registered something under one of the names."""
    return _user_object(*names) is not None


def is_builtin(module: str, name: str) -> bool:
    """Whether a file may name this class or function of kfront's."""
    return _builtin(module, name) is not None


def public_name(namespace: str, name: str) -> Any:
    """What has a public name, its module loaded if need be; None for anything that the namespace does not list.

    Args:
        namespace: one of kfront's.
        name: the name, from a file.
    """
    try:
        loaded = importlib.import_module(namespace)
    except ModuleNotFoundError:
        return None
    if name in LAZY.get(namespace, {}) or name in getattr(loaded, "__all__", ()):
        return getattr(loaded, name, None)
    return None


def resolve_class(config: Config, module_objects: Mapping[str, object] | None = None) -> type:
    """The class that ``{"module", "class_name", "registered_name"}`` names.

    Args:
        config: a serialized object.
        module_objects: further names, for configs without a module.

    Raises:
        UnsafeFileError: it is neither kfront's nor the user's.
        SavingError: the names are not strings, or belong to something that is no class.
    """
    name = expect(config["class_name"], str, "class_name")
    module = config.get("module")
    registered = config.get("registered_name") or None
    for value, what in ((module, "module"), (registered, "registered_name")):
        if value is not None:
            expect(value, str, what)
    plain = registered is None or registered == name
    if not name:
        raise SavingError("[load] expected the name of a class in `class_name`, got ''.")
    found = _builtin(module, name) if module is not None else None
    if found is not None and not plain:
        raise UnsafeFileError(
            f"[load] expected no other `registered_name` beside the class {shown(f'{module}.{name}')} of kfront, got "
            f"{shown(registered)}; one of the two was changed."
        )
    if found is None:
        found = _user_object(registered, name)
    if found is None and module is None and plain and module_objects:
        found = module_objects.get(name)
    if found is None:
        raise UnsafeFileError(_unknown(module, name, registered))
    if not isinstance(found, type):
        raise SavingError(f"[load] expected {shown(name)} to be a class, got {shown(found)}.")
    return found


def _unknown(module: object, name: str, registered: object) -> str:
    full = f"{module}.{name}" if module else name
    known = f", registered as {shown(registered)}" if registered not in (None, name) else ""
    return (
        f"[load] expected a class of kfront or one that you registered, got {shown(full)}{known}, which is neither; "
        "pass it in `custom_objects` or decorate it with `@kfront.saving.register_keras_serializable()` if it is yours."
    )


def resolve_function(name: Any, module_objects: Mapping[str, object] | None = None) -> Any:
    """The function that a config names: the user's, else a pure one of kfront's.

    Args:
        name: the function's name or registered name.
        module_objects: further names -> functions.

    Raises:
        UnsafeFileError: it is neither kfront's nor the user's.
    """
    expect(name, str, "function")
    found = _user_object(name)
    if found is None and module_objects and inspect.isfunction(module_objects.get(name)):
        found = module_objects[name]
    if found is None:
        found = _pure_function(name)
    if found is None:
        found = _registered_function(name)
    if found is None or not callable(found):
        raise UnsafeFileError(
            f"[load] expected a function that you registered, or a pure one of kfront's (ops, activations, losses, "
            f"metrics, initializers), got {shown(name)}; pass it in `custom_objects` or decorate it with "
            "`@kfront.saving.register_keras_serializable()` if it is yours."
        )
    return found


def _registered_function(name: str) -> Any:
    """The one function that the user registered under a name in some package: Keras before 3.7 wrote no package."""
    custom = registry.get_custom_objects()
    found = [f for key, f in custom.items() if key.rpartition(">")[2] == name and inspect.isfunction(f)]
    if len(found) > 1:
        raise SavingError(
            f"[load] expected one registered function of the name {shown(name)}, got {len(found)}; pass the one "
            "that is meant in `custom_objects`."
        )
    return found[0] if found else None


def _pure_function(name: str) -> Any:
    for module in _FUNCTION_HOMES:
        found = _builtin(module, name) or public_name(_NAMESPACES[module], name)
        if inspect.isfunction(found) and registry.public_identity(found) is not None:
            return found
    if class_of(name) is not None:
        one = OPS.get(name)
        return one.public if one is not None else None
    return None
