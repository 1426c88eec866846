"""The backends: which exist, which is current, and how third parties add one.

A backend is an object (`kfront.backends.base.Backend`). The choice is per thread: `set_backend` in the main thread
also sets what threads start with that have made no choice.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
from typing import Any

from kfront.core.errors import ArgumentTypeError, BackendError
from kfront.core.lazy import without_collections
from kfront.core.settings import file_path, from_file
from kfront.core.state import UNSET, State, backend_scope, current, state
from kfront.core.state import backends as state_backends
from kfront.core.typing import Backend

__all__ = [
    "available",
    "backend",
    "backend_scope",
    "current",
    "default_backend",
    "get",
    "installed",
    "owner_of",
    "set_backend",
    "set_tuned_kernels",
    "tuned_kernels",
]

_DEFAULT_ORDER = ("torch", "jax", "tensorflow")

# name -> (module of the adapter, distribution that must be importable, pip extra)
_BUILTIN = {
    "torch": ("kfront.backends.torch", "torch", "torch"),
    "jax": ("kfront.backends.jax", "jax", "jax"),
    "tensorflow": ("kfront.backends.tensorflow", "tensorflow", "tensorflow"),
    "numpy": ("kfront.backends.numpy", "numpy", ""),
}
# package of a tensor's class -> backend
_ENGINES = {"torch": "torch", "jax": "jax", "jaxlib": "jax", "tensorflow": "tensorflow"}
_loaded: dict[str, object] = {}
_agreed: list[int] = []  # the seed of several processes: engines that are loaded later, for their data, draw alike too
_lock = threading.RLock()


def _entry_points() -> dict[str, object]:
    from importlib.metadata import entry_points  # only for a name that is not a built-in one

    return {e.name: e for e in entry_points(group="kfront.backends")}


def available() -> list[str]:
    """Names of every known backend, installed or not."""
    return [*_BUILTIN, *(n for n in _entry_points() if n not in _BUILTIN)]


def installed() -> list[str]:
    """Names of the backends whose engine can be imported; nothing is imported to find out."""
    names = [n for n, (_, package, _) in _BUILTIN.items() if importlib.util.find_spec(package) is not None]
    return [*names, *(n for n in _entry_points() if n not in _BUILTIN)]


def is_loaded(name: str) -> bool:
    """Whether a backend is in use in this process."""
    return name in _loaded


def get(name: str) -> Any:
    """The backend called `name`, loaded on first use.

    Raises:
        BackendError: if there is no such backend, its engine is not installed, or primitives are missing.
    """
    found = _loaded.get(name)
    if found is not None:
        return found
    with _lock:
        if name not in _loaded:
            _loaded[name] = _load(name)
        return _loaded[name]


@without_collections()
def _load(name: str) -> Any:
    import kfront.ops  # noqa: F401  (stands above; declares every op before an adapter is checked)

    if name in _BUILTIN:
        module, package, extra = _BUILTIN[name]
        if importlib.util.find_spec(package) is None:
            raise BackendError(
                f"[backend] expected an installed engine, got {name!r}, which is not installed "
                f"(installed: {', '.join(installed())}); run `pip install 'kfront[{extra}]'` or set KERAS_BACKEND."
            )
        made = importlib.import_module(module).make_backend()
    else:
        points = _entry_points() if isinstance(name, str) else {}
        if name not in points:
            raise BackendError(
                f"[backend] expected one of {', '.join(available())}, got {name!r} (installed: "
                f"{', '.join(installed())}); check KERAS_BACKEND and keras.json, or `pip install 'kfront[torch]'`."
            )
        made = points[name].load()()
    made.finish()
    made.use_tuned_kernels(tuned_kernels())
    for seed in _agreed:
        made.set_random_seed(seed)
    return made


def owner_of(x: object) -> Any:
    """The backend whose engine's tensor `x` is; None for NumPy arrays and anything else.

    A backend is loaded only for a tensor of its engine.
    """
    name = _ENGINES.get(type(x).__module__.partition(".")[0])
    if name is None:
        return next((b for n, b in _loaded.items() if n not in _BUILTIN and b.is_tensor(x)), None)
    found = get(name)
    return found if found.is_tensor(x) else None


def _choose() -> Backend:
    """The backend of a thread that has made no choice: the one that the process began with."""
    b = get(default_backend())
    if State.backend is UNSET:
        State.backend = b
    state.backend = b
    return b


def default_backend() -> str:
    """Name of the backend to begin with.

    `KERAS_BACKEND` decides, else the entry ``"backend"`` of `keras.json`, else the first engine installed of torch,
    jax and tensorflow, else numpy.

    Returns:
        The name, such as ``"torch"``.

    Raises:
        BackendError: the name given there is unknown, or its engine is not installed.

    Example:

    >>> import kfront
    >>> from kfront.backends import available, default_backend
    >>> default_backend() in available()
    True
    """
    here = installed()
    name, source = os.environ.get("KERAS_BACKEND", ""), "KERAS_BACKEND"
    if not name:
        name, source = from_file("backend"), str(file_path())
    if not name:
        return next((n for n in _DEFAULT_ORDER if n in here), "numpy")
    if name in here:
        return name
    known = available()
    what = "is not installed" if name in known else f"is none of {', '.join(known)}"
    install = f"`pip install 'kfront[{name}]'`" if name in known else "correct it"
    raise BackendError(
        f"[backend] expected an installed backend ({', '.join(here)}), got {name!r} from {source}, which {what}; "
        f"{install}, or name another in KERAS_BACKEND."
    )


def backend() -> str:
    """Name of the backend of this thread; no engine is loaded to tell.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("numpy"):
    ...     kfront.config.backend()
    'numpy'
    """
    return state.backend.name or default_backend()


def set_backend(backend: str) -> None:
    """Make another backend current in this thread, at run time.

    Called in the main thread, it is also the backend of threads that have made no choice. Models and layers stay with
    the backend that they were made on; `kfront.convert` moves them.

    Args:
        backend: ``"torch"``, ``"jax"``, ``"tensorflow"``, ``"numpy"`` or the name of an installed third-party backend.

    Raises:
        BackendError: there is no such backend, or its engine is not installed.

    Example:

    >>> import kfront
    >>> before = kfront.config.backend()
    >>> kfront.config.set_backend("numpy")
    >>> kfront.config.backend()
    'numpy'
    >>> kfront.config.set_backend(before)
    """
    b = get(backend)
    if threading.current_thread() is threading.main_thread():
        State.backend = b
    state.backend = b


state_backends.named, state_backends.choose = get, _choose


_tuned: list[bool | None] = [None]


def tuned_kernels() -> bool:
    """Whether tuned kernels run, see `set_tuned_kernels`.

    Returns:
        What `set_tuned_kernels` set, else False if `KFRONT_TUNED_KERNELS` is "0", else True.

    Example:

    >>> import kfront
    >>> kfront.config.set_tuned_kernels(True)
    >>> kfront.config.tuned_kernels()
    True
    >>> kfront.config.set_tuned_kernels(None)
    """
    return os.environ.get("KFRONT_TUNED_KERNELS") != "0" if _tuned[0] is None else _tuned[0]


def set_tuned_kernels(value: bool | None) -> None:
    """Choose between tuned kernels and their plain forms, on every backend: to find out where a number comes from.

    A tuned kernel computes what an engine runs slowly, such as the gradient of pooling on JAX's CPU backend, in another
    way; the numbers are the same up to rounding (of dropout: from another stream). See docs/tuned_kernels.md.

    What was compiled before (`fit`'s steps, `kfront.jit`, an engine's own `jit`) keeps the form with which it was
    traced, except on JAX, which traces it again at its next call. So call this before a model is compiled.

    Args:
        value: True for tuned kernels, False for plain forms, None for what `KFRONT_TUNED_KERNELS` says.

    Raises:
        ArgumentTypeError: neither a bool nor None.

    Example:

    >>> import kfront
    >>> kfront.config.set_tuned_kernels(False)
    >>> kfront.config.tuned_kernels()
    False
    >>> kfront.config.set_tuned_kernels(None)
    """
    if value is not None and not isinstance(value, bool):
        raise ArgumentTypeError(f"[set_tuned_kernels] expected True, False or None, got {value!r}.")
    with _lock:
        _tuned[0] = value
        for found in _loaded.values():
            found.use_tuned_kernels(tuned_kernels())
