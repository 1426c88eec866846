"""`CallbackList`: the callbacks of one run, each called in the hooks in which it does something."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kfront.callbacks.base import Callback, Logs
from kfront.callbacks.history import History, ProgbarLogger
from kfront.core import tree
from kfront.core.errors import ArgumentTypeError
from kfront.core.typing import Config, Nested

if TYPE_CHECKING:
    from kfront.models import Model

_BATCH_HOOKS = {kind: (f"on_{kind}_batch_begin", f"on_{kind}_batch_end") for kind in ("train", "test", "predict")}
_HOOKS = (
    *(name for pair in _BATCH_HOOKS.values() for name in pair),
    *("on_epoch_begin", "on_epoch_end", "on_train_begin", "on_train_end"),
    *("on_test_begin", "on_test_end", "on_predict_begin", "on_predict_end"),
)
_ALSO = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}
_NAMES = frozenset((*_HOOKS, *_ALSO.values()))


@functools.cache
def _hooks_of(cls: type) -> frozenset[str]:
    """The hooks in which objects of a class of callbacks do anything."""
    own = {name for name in _NAMES if getattr(cls, name) is not Callback.__dict__[name]}
    return frozenset(hook for hook in _HOOKS if hook in own or _ALSO.get(hook) in own)


def _active(callback: Callback) -> Iterable[str]:
    """The hooks in which a callback does anything; it need not be a `Callback`, and may hold hooks as attributes."""
    if isinstance(callback, Callback) and _NAMES.isdisjoint(callback.__dict__):
        return _hooks_of(type(callback))
    return [hook for hook in _HOOKS if _overrides(callback, hook)]


def _overrides(callback: Callback, hook: str) -> bool:
    found = [(getattr(callback, name, None), Callback.__dict__[name]) for name in (hook, _ALSO.get(hook, hook))]
    return any(f is not None and getattr(f, "__func__", f) is not base for f, base in found)


class CallbackList:
    """Calls the hooks of several callbacks, and only those that do something.

    Args:
        callbacks: callbacks, possibly nested in lists.
        add_history: add a `History` unless one is among them.
        add_progbar: add a `ProgbarLogger` unless one is among them.
        model: the model.
        **params: what `Callback.params` holds.

    Attributes:
        callbacks: the callbacks.
        train_batch_hooks, test_batch_hooks, predict_batch_hooks: whether any callback has such a hook.

    Raises:
        ArgumentTypeError: something is not a callback.

    Example:

    >>> import kfront
    >>> callbacks = kfront.callbacks.CallbackList([kfront.callbacks.TerminateOnNaN()], add_history=True)
    >>> [type(callback).__name__ for callback in callbacks.callbacks]
    ['TerminateOnNaN', 'History']
    """

    def __init__(
        self,
        callbacks: Nested[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Model | None = None,
        **params: object,
    ) -> None:
        self.callbacks: list[Callback] = tree.flatten(callbacks) if callbacks is not None else []
        for one in self.callbacks:
            if not hasattr(one, "set_model") or isinstance(one, type):
                raise ArgumentTypeError(f"[CallbackList] expected Callback objects, got {one!r}; create an instance.")
        self._history = next((c for c in self.callbacks if isinstance(c, History)), None)
        if add_history and self._history is None:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and not any(isinstance(c, ProgbarLogger) for c in self.callbacks):
            self.callbacks.append(ProgbarLogger())
        self._hooks: dict[str, list[Callable[..., None]]] = {}
        self.train_batch_hooks = self.test_batch_hooks = self.predict_batch_hooks = False
        self._model: Model | None = None
        self.params: Config = {}
        if model is not None:
            self.set_model(model)
        self.set_params(params)
        self._kf_collect()

    def _kf_collect(self) -> None:
        """List, for each hook, the callbacks that do something in it."""
        ordered = sorted(self.callbacks, key=lambda c: getattr(c, "_kf_last", False))
        self._hooks = {hook: [] for hook in _HOOKS}
        for c in ordered:
            for hook in _active(c):
                self._hooks[hook].append(getattr(c, hook))
        for kind, (begin, end) in _BATCH_HOOKS.items():
            setattr(self, f"{kind}_batch_hooks", bool(self._hooks[begin] or self._hooks[end]))

    @property
    def model(self) -> Model | None:
        """The model."""
        return self._model

    def append(self, callback: Callback) -> None:
        """Add a callback."""
        self.callbacks.append(callback)
        if self._model is not None:
            callback.set_model(self._model)
        callback.set_params(self.params)
        self._kf_collect()

    def set_params(self, params: Config) -> None:
        """Hand the parameters of the loop to all callbacks."""
        self.params = params
        if params:
            for c in self.callbacks:
                c.set_params(params)

    def set_model(self, model: Model) -> None:
        """Hand the model to all callbacks."""
        self._model = model
        if self._history is not None:
            model.history = self._history
        for c in self.callbacks:
            c.set_model(model)

    def _call(self, hook: str, *args: object) -> None:
        for f in self._hooks[hook]:
            f(*args)

    def _begin(self, hook: str, *args: object) -> None:
        """Call a hook in which callbacks may set others."""
        self._call(hook, *args)
        self._kf_collect()

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_train_batch_begin", batch, {} if logs is None else logs)

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_train_batch_end", batch, logs)

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        logs = {} if logs is None else logs
        for f in self._hooks["on_train_batch_begin"]:
            f(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        for f in self._hooks["on_train_batch_end"]:
            f(batch, logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_test_batch_begin", batch, {} if logs is None else logs)

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_test_batch_end", batch, logs)

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_predict_batch_begin", batch, {} if logs is None else logs)

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_predict_batch_end", batch, logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._begin("on_epoch_begin", epoch, {} if logs is None else logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_epoch_end", epoch, {} if logs is None else logs)

    def on_train_begin(self, logs: Logs = None) -> None:
        """Call the hook."""
        self._begin("on_train_begin", {} if logs is None else logs)

    def on_train_end(self, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_train_end", {} if logs is None else logs)

    def on_test_begin(self, logs: Logs = None) -> None:
        """Call the hook."""
        self._begin("on_test_begin", {} if logs is None else logs)

    def on_test_end(self, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_test_end", {} if logs is None else logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        """Call the hook."""
        self._begin("on_predict_begin", {} if logs is None else logs)

    def on_predict_end(self, logs: Logs = None) -> None:
        """Call the hook."""
        self._call("on_predict_end", {} if logs is None else logs)
