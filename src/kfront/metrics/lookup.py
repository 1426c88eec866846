"""Metrics by name and from configs."""

from __future__ import annotations

from typing import Any

from kfront import metrics
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError
from kfront.core.lazy import LAZY
from kfront.core.naming import to_snake_case
from kfront.core.registry import get_registered_object
from kfront.core.typing import AnyCallable, Config, CustomObjects, MetricLike
from kfront.metrics.base import Metric

_CLASSES = [name for name in LAZY[metrics.__name__] if name[0].isupper() and name != "Metric"]
_SHORT = {
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
    "bce": "BinaryCrossentropy",
}
_NAMES: dict[str, str] = {
    **{name: name for name in _CLASSES},
    **{to_snake_case(name): name for name in _CLASSES},
    **_SHORT,
    **{short.upper(): name for short, name in _SHORT.items()},
}
# need arguments
_NOT_ALONE = {
    *("MeanMetricWrapper", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity"),
    *("SpecificityAtSensitivity", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),
}


def serialize(metric: Metric | AnyCallable) -> Config | str:
    """The config of a metric, as files hold it.

    Args:
        metric: a Metric or a function.

    Returns:
        Its config: a dict with `class_name` and `config`, or the name of a function.

    Example:

    >>> import kfront
    >>> kfront.metrics.serialize(kfront.metrics.MeanIoU(2))["class_name"]
    'MeanIoU'
    """
    return serialize_keras_object(metric)


def deserialize(config: Config | str, custom_objects: CustomObjects = None) -> Any:
    """A metric from its config.

    Args:
        config: as `serialize` returns it, ``{"class_name": …, "config": …}``, or the name of a metric.
        custom_objects: classes and functions by name.

    Returns:
        The metric.

    Raises:
        ArgumentError: there is no metric of that name.

    Example:

    >>> import kfront
    >>> config = kfront.metrics.serialize(kfront.metrics.MeanIoU(2))
    >>> type(kfront.metrics.deserialize(config)).__name__
    'MeanIoU'
    """
    if isinstance(config, str):
        found = get_registered_object(config, custom_objects)
        return get(config if found is None else found)
    if isinstance(config, dict) and "module" not in config and config.get("class_name") in _CLASSES:
        config = {"module": "keras.metrics", "registered_name": None, **config}
    return deserialize_keras_object(config, custom_objects=custom_objects)


def get(identifier: MetricLike) -> Any:
    """A metric.

    Args:
        identifier: the name of a metric (``"mse"``, ``"binary_accuracy"``, ``"AUC"``), a config, a Metric class, a
            callable, or None.

    Returns:
        A Metric for a name, config or class; other callables and None as they are.

    Raises:
        ArgumentError: for anything else.

    Example:

    >>> import kfront
    >>> kfront.metrics.get("mse")
    <MeanSquaredError name=mean_squared_error>
    """
    if identifier is None:
        return None
    if isinstance(identifier, dict) and "class_name" in identifier:
        return deserialize(identifier)
    if isinstance(identifier, str):
        known = _NAMES.get(identifier)
        if known is not None and known not in _NOT_ALONE:
            return getattr(metrics, known)()
        found = get_registered_object(identifier)
        if found is not None:
            return found() if isinstance(found, type) else found
        raise ArgumentError(
            f"[metrics.get] expected the name of a metric, got {identifier!r}; known are "
            f"{', '.join(sorted(_NAMES.keys() - _NOT_ALONE))}."
        )
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if callable(identifier):
        return identifier
    raise ArgumentError(f"[metrics.get] expected a name, a config or a callable, got {identifier!r}.")
