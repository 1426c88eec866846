"""What is current in this thread: backend, autocast dtype, training flag, scopes.

One plain `threading.local` (a `ContextVar` breaks `torch.compile(fullgraph=True)`). Class attributes are the values
that a new thread starts with.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from typing import Any

from kfront.core.typing import Backend


class _Unset:
    """The backend of a thread that has not chosen one: it has no tensor types, so every op takes the slow path."""

    name = None
    types: frozenset[type] = frozenset()

    def __bool__(self) -> bool:
        return False


UNSET = _Unset()


class State(threading.local):
    """What is current in a thread."""

    backend: Any = UNSET
    autocast: str | None = None  # dtype that floating variables are read in, or None
    training: bool | None = None  # flag of the outermost running layer call
    stateless: Any = None  # innermost StatelessScope
    depth: int = 0  # nesting of running layer calls
    portable_random: bool = False
    cache: Any = None  # keys and values that attention layers continue, see `layers/attention_cache.py`
    remat: object = None  # innermost RematScope: layers made now remember it
    symbolic: bool = False  # inside a SymbolicScope
    in_segment: bool = False  # inside a layer call that is computed again for the gradient
    device: object = None
    distribution: Any = None  # what `kfront.distribution.set_distribution` set
    any_mask_seen: bool = False  # until a mask was made, no layer looks for one
    budget: Any = None  # what loading a file may allocate, or None
    add_loss_used: bool = False  # until `add_loss` was called, no call of a layer clears losses
    losses: Any = None  # list that collects add_loss values during a stateless call

    def __init__(self) -> None:
        """Make the attributes that scopes set and restore exist in each thread from the start.

        A function compiled by `torch.compile` is guarded by an attribute's absence, and fails if tracing adds it.
        """
        self.autocast = self.training = self.stateless = self.remat = self.device = self.losses = self.cache = None
        self.distribution = None
        self.depth = 0
        self.any_mask_seen = self.add_loss_used = self.in_segment = self.symbolic = False


state = State()


class _Backends:
    """How a backend is found: `kfront.backends` puts its two functions here.

    It is loaded, by its name, when a backend is first needed: `import kfront` alone does not need one.
    """

    named: Callable[[str], Any]  # the backend of a name
    choose: Callable[[], object]  # the one of a thread that has made no choice

    def __getattr__(self, attribute: str) -> Any:
        if attribute not in _Backends.__annotations__:
            raise AttributeError(attribute)
        importlib.import_module("kfront.backends")
        return vars(self)[attribute]


backends = _Backends()


def current() -> Any:
    """The backend of this thread; chosen by configuration on first use."""
    b = state.backend
    return b if b is not UNSET else backends.choose()


def named(name: str) -> Any:
    """The backend called `name`, loaded on first use.

    Raises:
        BackendError: if there is no such backend, its engine is not installed, or primitives are missing.
    """
    return backends.named(name)


class backend_scope:
    """Context manager: another backend in this thread, restored on exit.

    Args:
        backend: a backend or its name.

    Raises:
        BackendError: if there is no backend of that name, or its engine is not installed.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("numpy"):
    ...     type(kfront.ops.zeros(2)).__name__
    'ndarray'
    """

    __slots__ = ("_old", "backend")

    def __init__(self, backend: str | Backend) -> None:
        self.backend = named(backend) if isinstance(backend, str) else backend

    def __enter__(self) -> Backend:
        self._old, state.backend = state.backend, self.backend
        return self.backend

    def __exit__(self, *exc: object) -> None:
        state.backend = self._old


def distribution_on(backend: Backend) -> Any:
    """The current distribution if it is one of this backend, else None."""
    now = state.distribution
    return now if now is not None and now._kf_backend is backend else None
