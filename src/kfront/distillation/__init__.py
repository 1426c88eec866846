"""Training a small model on the outputs of a large one."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__, {**names(".losses", "DistillationLoss FeatureDistillation LogitsDistillation"), "Distiller": ".model"}
)
