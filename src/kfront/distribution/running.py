"""The devices there are, and the distribution that is current."""

from __future__ import annotations

import os
from typing import Any

from kfront.backends import current
from kfront.core.errors import ArgumentError
from kfront.core.mesh import as_layout
from kfront.core.typing import Tensor

_KINDS = ("cpu", "gpu", "tpu")


def list_devices(device_type: str | None = None) -> list[str]:
    """Names of the devices of one kind, those of all processes together.

    Args:
        device_type: "cpu", "gpu" or "tpu"; accelerators if there are any, else "cpu", if None.

    Returns:
        Names such as "gpu:0".

    Raises:
        ArgumentError: another kind.
        UnsupportedError: the engine has no such devices.

    Example:

    >>> import kfront
    >>> "cpu:0" in kfront.distribution.list_devices("cpu")
    True
    """
    kind = device_type.lower() if isinstance(device_type, str) else device_type
    if kind is not None and kind not in _KINDS:
        raise ArgumentError(f"[list_devices] expected `device_type` in {_KINDS} or None, got {device_type!r}.")
    return current().distributor.devices(kind)


def get_device_count(device_type: str | None = None) -> int:
    """The number of devices of one kind.

    Args:
        device_type: as for `list_devices`.

    Raises:
        ArgumentError: another kind.
        UnsupportedError: the engine has no such devices.

    Example:

    >>> import kfront
    >>> kfront.distribution.get_device_count("cpu") > 0
    True
    """
    return len(list_devices(device_type))


def initialize(
    job_addresses: str | None = None, num_processes: int | None = None, process_id: int | None = None
) -> None:
    """Connect several processes, before anything is computed; every process calls it.

    What is not given comes from the environment variables `KERAS_DISTRIBUTION_JOB_ADDRESSES`,
    `KERAS_DISTRIBUTION_NUM_PROCESSES` and `KERAS_DISTRIBUTION_PROCESS_ID`, and without them from what starts the
    processes (`torchrun` on torch; the cluster on JAX). Seeds are those of the first process afterwards.

    Args:
        job_addresses: "host:port" of the first process, or of all, with commas between them.
        num_processes: how many there are.
        process_id: which this is, from 0.

    Raises:
        ArgumentError: numbers that do not fit.
        UnsupportedError: on TensorFlow and NumPy.

    Example:

    >>> import kfront
    >>> kfront.distribution.initialize("10.0.0.1:1234", 2, 0)  # doctest: +SKIP
    """
    given = os.environ.get
    job_addresses = job_addresses or given("KERAS_DISTRIBUTION_JOB_ADDRESSES")
    count = num_processes if num_processes is not None else given("KERAS_DISTRIBUTION_NUM_PROCESSES")
    mine = process_id if process_id is not None else given("KERAS_DISTRIBUTION_PROCESS_ID")
    count, mine = (None if n is None else int(n) for n in (count, mine))
    if count is not None and mine is not None and not 0 <= mine < count:
        raise ArgumentError(f"[initialize] expected `process_id` from 0 to {count - 1}, got {mine}.")
    address = job_addresses.split(",")[0].strip() if job_addresses else None
    current().distributor.initialize(address, count, mine)


def distribute_tensor(tensor: object, layout: object) -> Any:
    """The tensor in a layout: moved to its devices, or, in compiled code, a constraint for the compiler.

    Args:
        tensor: a tensor or array of any shape and dtype.
        layout: a `TensorLayout`, or a sharding of the engine.

    Returns:
        A tensor of the same values.

    Raises:
        ArgumentTypeError: the layout is none.
        ShapeError: the tensor cannot be divided that way.
        UnsupportedError: the engine cannot.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     mesh = kfront.distribution.DeviceMesh((1,), ["batch"], devices=["cpu:0"])
    ...     layout = kfront.distribution.TensorLayout(("batch", None), mesh)
    ...     kfront.distribution.distribute_tensor(kfront.ops.ones((2, 3)), layout).shape
    (2, 3)
    """
    distributor = current().distributor
    made: Tensor = current().convert(tensor)
    if not distributor.is_layout(layout):
        given = as_layout("distribute_tensor", layout, None)
        given.check_shape("distribute_tensor", made.shape)
        layout = given.backend_layout
    return distributor.place(made, layout)
