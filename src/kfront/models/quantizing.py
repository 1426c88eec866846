"""Quantization of whole models."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kfront.core.errors import ArgumentTypeError, NotBuiltError
from kfront.layers.input_layer import InputLayer
from kfront.layers.lora import LowRankWeight
from kfront.layers.quantized import Quantizable, QuantizedWeight
from kfront.layers.sublayer_policies import place
from kfront.layers.wrappers import Wrapper
from kfront.models.calibrating import calibrate
from kfront.quantizers.configs import CALIBRATED, config_for
from kfront.quantizers.report import QuantizationReport, render_storage
from kfront.training.trainer import Trainer
from kfront.utils.io_utils import print_msg

if TYPE_CHECKING:
    from kfront.layers.base import Layer
    from kfront.models.model import Model


def quantize_model(
    model: Model, mode: str | None, config: object, filters: object, type_check: bool, verbose: bool
) -> QuantizationReport:
    """Quantize every layer of a model that has the mode, passes the filters and is not quantized yet.

    Args:
        model: a built model.
        mode: "int8", "int4", "float8", "ternary", "gptq" or "awq"; that of the config if None.
        config: a `QuantizationConfig`, the default of the mode if None; "gptq" and "awq" need one, and quantize the
            layers within the blocks of the model's structure.
        filters: a regular expression that is searched for in the names of layers, a list of them, a function of the
            layer, or None for all layers.
        type_check: whether layers of subclasses are left out, whose `call` may read the weight.
        verbose: whether the report is printed.

    Raises:
        NotBuiltError: if the model has no weights yet.
        ArgumentError: if mode and config do not fit.
    """
    config = config_for(model.name, mode, config)
    if not model.built:
        raise NotBuiltError(f"[{model.name}] expected a built model for `quantize`; call it on data first.")
    wanted, layers = _filter(filters), _parts(model)
    before = {id(x) for x in layers if x.quantization_mode is not None}
    chosen = [x for x in layers if id(x) not in before and wanted(x) and _can(x, config.mode, type_check)]
    inside: set[int] = set()
    if config.mode in CALIBRATED:
        inside = calibrate(model, config, chosen)
    else:
        for layer in chosen:
            layer.quantize(config.mode, type_check, config)
    for layer in layers:
        if isinstance(layer, Wrapper):
            layer._kf_take_weights()
    model._kf_steps().clear()
    report = QuantizationReport(config.mode)
    for layer in layers:
        if id(layer) in before:
            report.add_skipped(place(layer), report.SKIP_ALREADY_QUANTIZED)
        elif layer.quantization_mode is not None:
            report.add_quantized(place(layer), config.mode, layer.dtype_policy.name)
        elif not wanted(layer):
            report.add_skipped(place(layer), report.SKIP_FILTERED)
        else:
            outside = config.mode in CALIBRATED and id(layer) not in inside
            report.add_skipped(place(layer), report.SKIP_OUTSIDE_STRUCTURE if outside else report.SKIP_NO_SUPPORT)
    _tell(report, verbose)
    return report


def _tell(report: QuantizationReport, verbose: bool) -> None:
    if verbose:
        print_msg(report.render())
    if (text := report.summary_warning()) is not None:
        warnings.warn(text, stacklevel=4)  # where `quantize` of the model is called


def _parts(model: Model) -> list[Layer]:
    """The layers of a model and of models within."""
    found = model._flatten_layers(include_self=False)
    return [x for x in found if not isinstance(x, (Trainer, InputLayer))]


def _can(layer: Layer, mode: str, type_check: bool) -> bool:
    own = getattr(type(layer), "_kf_unbound", type(layer))
    built_in = not type_check or own.__module__.startswith("kfront.")
    return isinstance(layer, Quantizable) and built_in and mode in layer._modes


def storage(model: Model) -> str:
    """What the quantized layers of a model store."""
    rows = []
    for layer in _parts(model):
        if isinstance(layer, Quantizable) and layer.quantization_mode is not None:
            weight = layer._adapted_weight
            weight = weight.base if isinstance(weight, LowRankWeight) else weight
            kept = not isinstance(weight, QuantizedWeight)
            parts = [weight] if kept else weight.variables
            size = sum(v.numpy().nbytes for v in parts)
            count = math.prod(weight.shape)
            rows.append((place(layer), layer.dtype_policy.name, parts[0].dtype, size, count, kept))
    return render_storage(model.name, rows)


def _filter(filters: Any) -> Callable[[Any], bool]:
    if filters is None:
        return lambda layer: True
    if callable(filters):  # it may ask for what only layers with a quantized form have
        return lambda layer: not isinstance(layer, Quantizable) or bool(filters(layer))
    patterns: Sequence[Any] = [filters] if isinstance(filters, str) else filters
    if not isinstance(patterns, (list, tuple)) or not all(isinstance(p, str) for p in patterns):
        raise ArgumentTypeError(
            f"[quantize] expected `filters` to be a regular expression, a list of them or a function, got {filters!r}."
        )
    compiled = [re.compile(p) for p in patterns]
    return lambda layer: any(c.search(layer.name) for c in compiled)
