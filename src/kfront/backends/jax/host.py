"""Calls from traced code back to Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax import Array

from kfront.backends.jax.common import canonical

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor


def host_call(caller: object, tensors: Sequence[Array], spec: KerasTensor) -> Any:
    """See `Backend.host_call`."""
    dtype = np.dtype(canonical(spec.dtype))
    out = jax.ShapeDtypeStruct(spec.shape, dtype)
    return jax.pure_callback(lambda *a: np.asarray(caller.on_arrays(*map(np.asarray, a)), dtype), out, *tensors)
