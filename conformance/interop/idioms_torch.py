"""Idioms of `torch.nn.Module`: what every Module has."""

from __future__ import annotations

from typing import Any

from torch import nn

from .idioms import Rows
from .torch_pairs import BATCH_NORM, CONV, EMBEDDING, LINEAR, MLP, NORM, Made

__all__ = ["ROWS"]

ROWS = Rows("torch.nn.Module")


@ROWS.of("forward and backward: Dense", LINEAR)
@ROWS.of("forward and backward: in a Sequential", MLP)
@ROWS.of("forward and backward: Conv2D", CONV)
@ROWS.of("forward and backward: LayerNormalization", NORM)
@ROWS.of("forward and backward: BatchNormalization", BATCH_NORM)
@ROWS.of("forward and backward: Embedding", EMBEDDING)
def _(s: Made) -> Any:
    s.loss().backward()
    return s.layer(s.x), s.grads()


@ROWS.of("isinstance, and Parameters by name", LINEAR)
def _(s: Made) -> Any:
    weight = s.layer.get_parameter(s.weight)
    return isinstance(s.layer, nn.Module), isinstance(weight, nn.Parameter), s.params()
