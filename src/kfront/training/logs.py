"""Logs that are computed when they are read, so that a step needs no device synchronization and no metric result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kfront.core.operators import VariableBase
from kfront.core.typing import Backend


class LazyLogs(dict):
    """A dict whose entries come from a function on first access.

    Args:
        compute: gives the dict name -> number; called at most once.
    """

    __slots__ = ("_compute",)

    def __init__(self, compute: Callable[[], dict[str, object]]) -> None:
        super().__init__()
        self._compute: Callable[[], dict[str, object]] | None = compute

    def _fill(self) -> None:
        compute, self._compute = self._compute, None
        if compute is not None:
            for k, v in by_name(compute()).items():
                if not dict.__contains__(self, k):
                    dict.__setitem__(self, k, v)

    def __getitem__(self, key: str) -> Any:
        self._fill()
        return dict.__getitem__(self, key)

    def get(self, key: str, default: object = None) -> Any:
        self._fill()
        return dict.get(self, key, default)

    def __contains__(self, key: object) -> bool:
        self._fill()
        return dict.__contains__(self, key)

    def __iter__(self) -> Iterator[str]:
        self._fill()
        return dict.__iter__(self)

    def __len__(self) -> int:
        self._fill()
        return dict.__len__(self)

    def __bool__(self) -> bool:
        return len(self) > 0

    def keys(self) -> Any:
        self._fill()
        return dict.keys(self)

    def values(self) -> Any:
        self._fill()
        return dict.values(self)

    def items(self) -> Any:
        self._fill()
        return dict.items(self)

    def copy(self) -> dict[str, Any]:
        self._fill()
        return dict(dict.items(self))

    def pop(self, key: str, *default: object) -> Any:
        self._fill()
        return dict.pop(self, key, *default)

    def __repr__(self) -> str:
        self._fill()
        return dict.__repr__(self)

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return dict, (self.copy(),)


def python_logs(logs: dict[str, Any], backend: Backend) -> dict[str, Any]:
    """Logs with Python floats (or NumPy arrays) in place of tensors."""
    out: dict[str, Any] = {}
    for name, value in logs.items():
        if isinstance(value, dict):
            out.update(python_logs(value, backend))
            continue
        if backend.counts_as_tensor(value) or isinstance(value, VariableBase):
            value = backend.to_numpy(value._tensor if isinstance(value, VariableBase) else value)
        if getattr(value, "ndim", None) == 0:
            value = float(value)
        out[name] = value
    return out


def by_name(logs: Mapping[str, object]) -> dict[str, Any]:
    """Logs in the order in which callbacks and users get them: that of their names."""
    return dict(sorted(logs.items()))
