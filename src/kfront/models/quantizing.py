"""Quantization of whole models."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kfront.core.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from kfront.layers.quantized import Quantizable
from kfront.models.calibrating import calibrate
from kfront.quantizers.configs import CALIBRATED, config_for

if TYPE_CHECKING:
    from kfront.layers.base import Layer
    from kfront.models.model import Model

_log = logging.getLogger("kfront")


def quantize_model(model: Model, mode: str | None, config: object, filters: object, type_check: bool) -> None:
    """Quantize every layer of a model that has the mode and passes the filters.

    Args:
        model: a built model.
        mode: "int8", "int4", "float8", "gptq" or "awq"; that of the config if None.
        config: a `QuantizationConfig`, the default of the mode if None; "gptq" and "awq" need one, and quantize the
            layers within the blocks of the model's structure.
        filters: a regular expression that is searched for in the names of layers, a list of them, a function of the
            layer, or None for all layers.
        type_check: whether layers of subclasses are left out, whose `call` may read the weight.

    Raises:
        NotBuiltError: if the model has no weights yet.
        ArgumentError: if mode and config do not fit, or a layer is quantized already.
    """
    config = config_for(model.name, mode, config)
    if not model.built:
        raise NotBuiltError(f"[{model.name}] expected a built model for `quantize`; call it on data first.")
    wanted = _filter(filters)
    layers = [x for x in model._flatten_layers() if isinstance(x, Quantizable) and wanted(x)]
    done = [x.name for x in layers if x.quantization_mode is not None]
    if done:
        raise ArgumentError(f"[{model.name}] expected layers that are not quantized, got {', '.join(done)}.")
    if config.mode in CALIBRATED:
        calibrate(model, config, lambda layer: wanted(layer) and _may(layer, type_check))
    else:
        for layer in layers:
            if _may(layer, type_check) and config.mode in layer._modes:
                layer.quantize(config.mode, type_check, config)
    model._steps().clear()


def _may(layer: Layer, type_check: bool) -> bool:
    own = getattr(type(layer), "_unbound", type(layer))
    built_in = not type_check or own.__module__.startswith("kfront.")
    if not built_in:
        _log.warning("[quantize] %s is left as it is: %s is not a built-in layer.", layer.name, own.__name__)
    return built_in


def _filter(filters: Any) -> Callable[[Any], bool]:
    if filters is None:
        return lambda layer: True
    if callable(filters):
        return lambda layer: bool(filters(layer))
    patterns: Sequence[Any] = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise ArgumentTypeError(
            f"[quantize] expected `filters` to be a regular expression, a list of them or a function, got {filters!r}."
        )
    compiled = [re.compile(p) for p in patterns]
    return lambda layer: any(c.search(layer.name) for c in compiled)
