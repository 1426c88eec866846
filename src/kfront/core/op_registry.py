"""The declared ops, for what stands below `kfront.ops`: operators of symbolic tensors and Variables, transforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kfront.core.state import current

if TYPE_CHECKING:
    from kfront.core.op import Op

__all__ = ["OPS", "ops", "publish"]

OPS: dict[str, Op] = {}  # every declared op by its name; `@op` fills it


class _Ops:
    """The functions of `kfront.ops` as attributes; each is looked up when it is called, without an import."""

    def __getattr__(self, name: str) -> Any:
        """Not declared yet: loading a backend declares all ops, because it is checked against them."""
        if not vars(self):
            current()
        if name not in vars(self):
            raise AttributeError(f"[ops] expected the name of an op, got {name!r}.")
        return vars(self)[name]


ops = _Ops()


def publish(functions: Mapping[str, Any]) -> None:
    """Make the public functions of `kfront.ops` known here; that package calls it when it is loaded.

    Args:
        functions: name -> function.
    """
    vars(ops).update(functions)
