# Written by tools/stubs.py from the table in the module of the same name.
from kfront.distillation.losses import (
    DistillationLoss as DistillationLoss,
    FeatureDistillation as FeatureDistillation,
    LogitsDistillation as LogitsDistillation,
)
from kfront.distillation.model import Distiller as Distiller

__all__ = [
    "DistillationLoss",
    "Distiller",
    "FeatureDistillation",
    "LogitsDistillation",
]
