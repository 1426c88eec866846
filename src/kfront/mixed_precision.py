"""Dtype policies under the names of `keras.mixed_precision`."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.dtype_policies", "DTypePolicy Policy=DTypePolicy"),
        **names("kfront.config", "dtype_policy set_dtype_policy global_policy=dtype_policy"),
        **names("kfront.config", "set_global_policy=set_dtype_policy"),
        "LossScaleOptimizer": "kfront.optimizers",
    },
)
