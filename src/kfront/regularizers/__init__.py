"""Penalties on weights and activations, added to the loss."""

from kfront.core.lazy import lazy_namespace, names
from kfront.core.options import register_namespace

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".regularizers", "L1 L1L2 L2 OrthogonalRegularizer Regularizer deserialize get serialize l1=L1"),
        **names(".regularizers", "l1_l2=L1L2 l2=L2 orthogonal_regularizer=OrthogonalRegularizer"),
    },
)

register_namespace("regularizer", __name__)
