"""Optimizers: how variables follow their gradients."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "Optimizer": ".base",
        "SGD": ".sgd",
        "RMSprop": ".rmsprop",
        **names(".adam", "Adam AdamW Adamax Nadam"),
        **names(".adagrad", "Adagrad Adadelta"),
        "Ftrl": ".ftrl",
        **names(".lion", "Lion Lamb"),
        "Adafactor": ".adafactor",
        "Muon": ".muon",
        "ScheduleFreeAdamW": ".schedule_free",
        "LossScaleOptimizer": ".loss_scale",
        **names(".multi", "MultiOptimizer OptimizerMap"),
        **names(".lookup", "get serialize deserialize"),
    },
    submodules="legacy schedules",
)
