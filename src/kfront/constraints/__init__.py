"""Projections that are applied to weights after each update."""

from kfront.core.lazy import lazy_namespace, names
from kfront.core.options import register_namespace

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".constraints", "Constraint MaxNorm MinMaxNorm NonNeg UnitNorm deserialize get serialize"),
        **names(".constraints", "max_norm=MaxNorm min_max_norm=MinMaxNorm non_neg=NonNeg unit_norm=UnitNorm"),
    },
)

register_namespace("constraint", __name__)
