"""Which layers compute each row of a batch from that row alone: a process runs them on its rows, as on one device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfront.core.operation import OpCall
from kfront.core.spec import KerasTensor

if TYPE_CHECKING:
    from kfront.distribution.strategies import ModelParallel

LAYERS = frozenset(
    (
        *("InputLayer", "Dense", "EinsumDense", "Embedding", "Activation", "Masking", "Identity", "Dropout"),
        *("Flatten", "Reshape", "Permute", "RepeatVector", "Cropping1D", "Cropping2D", "Cropping3D"),
        *("ZeroPadding1D", "ZeroPadding2D", "ZeroPadding3D", "UpSampling1D", "UpSampling2D", "UpSampling3D"),
        *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
        *("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
        *("LayerNormalization", "RMSNormalization", "GroupNormalization", "UnitNormalization"),
        *("Conv1D", "Conv2D", "Conv3D", "Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
        *("DepthwiseConv1D", "DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D"),
        *(f"{kind}Pooling{n}D" for kind in ("Max", "Average", "GlobalMax", "GlobalAverage") for n in (1, 2, 3)),
        *("MultiHeadAttention", "GroupedQueryAttention", "LSTM", "LSTMCell", "GRU", "GRUCell"),
    )
)
OPS = frozenset(
    (
        *("add", "subtract", "multiply", "divide", "maximum", "minimum", "negative", "abs"),
        *("exp", "log", "sqrt", "rsqrt", "square", "tanh", "sigmoid", "relu", "gelu", "silu", "softplus", "erf"),
    )
)
_FORBIDS = ("activity_regularizer", "noise_shape", "stateful", "recurrent_dropout")  # what else may stand in the way


def by_rows(operation: Any, distribution: ModelParallel) -> bool:
    """Whether an operation, with all that it calls, computes each row of a batch from that row alone.

    Args:
        operation: a built layer, a model, or an operation of a functional graph.
        distribution: what the layouts of outputs are asked of; a row is not alone where there is one.
    """
    if isinstance(operation, OpCall):
        nodes = operation._inbound_nodes
        return operation.op.name in OPS and all(
            isinstance(x, (KerasTensor, int, float)) for node in nodes for x in node.args
        )
    if distribution.get_tensor_layout(f"{operation.path or operation.name}/output") is not None:
        return False
    if any(getattr(operation, name, None) for name in _FORBIDS):
        return False
    parts = operation.operations if operation._kf_is_graph else operation._layers
    return (operation._kf_is_graph or _known(operation)) and all(by_rows(part, distribution) for part in parts)


def _known(layer: Any) -> bool:
    kind = type(layer)._kf_unbound
    if kind.__name__ == "Sequential" and kind.__module__.startswith("kfront.models"):
        return True
    if kind.__name__ not in LAYERS or not kind.__module__.startswith("kfront.layers"):
        return False
    axis = getattr(layer, "axis", -1)
    return all(a == -1 or a > 0 for a in (axis if isinstance(axis, (list, tuple)) else (axis,)))
