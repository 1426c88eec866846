"""Dtype policies under the names of `keras.mixed_precision`."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.dtype_policies", "DTypePolicy"),
        **names("kfront.config", "dtype_policy set_dtype_policy"),
        **names("kfront.optimizers", "LossScaleOptimizer"),
        "Policy": "kfront.dtype_policies:DTypePolicy",
        "global_policy": "kfront.config:dtype_policy",
        "set_global_policy": "kfront.config:set_dtype_policy",
    },
)
