"""The `device` scope."""

from __future__ import annotations

from typing import Any

from kfront.core.errors import ArgumentTypeError
from kfront.core.state import current


class device:
    """Context manager: tensors and variables made inside are on that device.

    Args:
        device_name: ``"cpu"``, ``"gpu"``, ``"gpu:1"``, ``"tpu:0"`` or a name of the engine's own such as ``"cuda:0"``.

    Raises:
        ArgumentTypeError: the name is not a string.

    Example:

    >>> import kfront
    >>> with kfront.device("cpu"):
    ...     x = kfront.ops.ones((2, 2))
    """

    __slots__ = ("_kf_scope", "device_name")

    def __init__(self, device_name: str) -> None:
        if not isinstance(device_name, str):
            raise ArgumentTypeError(f"[device] expected a device name such as 'cpu' or 'gpu:0', got {device_name!r}.")
        self.device_name = device_name

    def __enter__(self) -> device:
        self._kf_scope: Any = current().device(self.device_name)
        self._kf_scope.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._kf_scope.__exit__(*exc)
