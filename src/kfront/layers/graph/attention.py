"""Graph attention, in its two forms."""

from __future__ import annotations

from typing import Any, Unpack

from kfront import ops
from kfront.core.options import between, normalisers, positive
from kfront.core.rng import SeedGenerator
from kfront.core.typing import (
    Activation,
    ActivationLike,
    InitializerLike,
    LayerOptions,
    RegularizerLike,
    Seed,
    Tensor,
    VariableLike,
)
from kfront.core.variable import Variable, read
from kfront.layers.graph.base import UNWRITTEN, Edges, MessagePassing, flag
from kfront.ops.random import dropout


class _Attention(MessagePassing):
    """Nodes take means of their neighbours' projections, weighted by a softmax over scores."""

    activation: Activation
    use_bias: bool
    kernel_initializer: InitializerLike
    bias_initializer: InitializerLike
    kernel_regularizer: RegularizerLike
    bias_regularizer: RegularizerLike
    bias: Variable | None = None
    concat: bool
    dropout: float
    negative_slope: float
    _kf_normalise = normalisers(
        aggregate=UNWRITTEN,
        concat=flag,
        dropout=between(0, 1),
        heads=positive,
        negative_slope=lambda layer, name, value: float(value),
        self_loops=flag,
        share_weights=flag,
    )
    units: int
    heads: int
    concat: bool
    dropout: float
    negative_slope: float
    self_loops: bool
    seed: Seed

    def __init__(
        self,
        units: int,
        heads: int = 1,
        concat: bool = True,
        activation: ActivationLike = None,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        self_loops: bool = True,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.__dict__["_loops"] = self.self_loops
        self.seed_generator = SeedGenerator(seed) if dropout else None

    def _width(self, features: int) -> int:
        return self.units * self.heads if self.concat else self.units

    def _add_bias(self) -> None:
        if self.use_bias:
            self.bias = self._kf_weight("bias", (self._width(0),))

    def _projected(self, x: Tensor, kernel: Any) -> Tensor:
        """(nodes, heads, units)."""
        return ops.reshape(ops.matmul(x, read(kernel)), (-1, self.heads, self.units))

    def _leaky(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, negative_slope=self.negative_slope)

    def _scored(self, x: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
        """(values of the nodes (nodes, heads, units), scores of the edges (edges, heads))."""
        raise NotImplementedError

    def propagate(self, x: Tensor, edges: Edges, extra: list[Tensor], training: bool) -> Tensor:
        """New features of all nodes."""
        values, scores = self._scored(x, edges)
        weights = edges.softmax(scores)
        if training and self.dropout:
            weights = dropout(weights, self.dropout, None, self.seed_generator)
        messages = ops.multiply(edges.from_sources(values), ops.expand_dims(weights, 2))
        out = edges.sum(messages)
        out = ops.reshape(out, (-1, self.heads * self.units)) if self.concat else ops.mean(out, axis=1)
        out = out if self.bias is None else ops.add(out, read(self.bias))
        return out if self.activation is None else self.activation(out)


class GATConv(_Attention):
    """Graph attention: the score of an edge is ``leaky_relu(a_source . W x[source] + a_target . W x[target])``.

    Args:
        units: number of output features of a head.
        heads: number of heads.
        concat: whether the heads' outputs stand side by side, ``heads * units`` features; their mean otherwise.
        activation: name or function; none if None.
        negative_slope: slope of the leaky relu in the scores, below 0.
        dropout: rate at which attention weights are dropped in training.
        self_loops: whether each node gets an edge to itself, in place of those it has.
        use_bias: whether there is a bias.
        kernel_initializer: first values of the weights.
        bias_initializer: first values of the bias.
        kernel_regularizer: function of the weights that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        seed: int, for the same dropout in each run.
        **kwargs: name, trainable, dtype.
    Input: list ``[x, edge_index]``. `x`: tensor of shape (nodes, features), or (batch, nodes, features);
    `edge_index`: int tensor of shape (2, edges), or (batch, 2, edges), sources before targets; edges with a number out
    of range are left out. A mask of `x` leaves nodes and their edges out.

    Output: tensor like `x` with `units` or ``heads * units`` features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Veličković et al., 2018, https://arxiv.org/abs/1710.10903.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.GATConv(4, heads=2)
    >>> x, edges = kfront.ops.ones((3, 2)), kfront.ops.array([[0, 1], [1, 2]])
    >>> tuple(layer([x, edges]).shape)
    (3, 8)
    """

    kernel: VariableLike | None = None
    source_attention: VariableLike | None = None
    target_attention: VariableLike | None = None

    def _build(self, features: int, extra: list[int]) -> None:
        self.kernel = self._kf_weight("kernel", (features, self.heads * self.units))
        self.source_attention = self._kf_weight("source_attention", (self.heads, self.units), "kernel")
        self.target_attention = self._kf_weight("target_attention", (self.heads, self.units), "kernel")
        self._add_bias()

    def _scored(self, x: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
        values = self._projected(x, self.kernel)
        parts = [
            ops.sum(ops.multiply(values, read(a)), axis=-1) for a in (self.source_attention, self.target_attention)
        ]
        return values, self._leaky(ops.add(edges.from_sources(parts[0]), edges.from_targets(parts[1])))


class GATv2Conv(_Attention):
    """Graph attention that can prefer any node: scores ``a . leaky_relu(W_source x[source] + W_target x[target])``.

    Args:
        units: number of output features of a head.
        heads: number of heads.
        concat: whether the heads' outputs stand side by side, ``heads * units`` features; their mean otherwise.
        activation: name or function; none if None.
        negative_slope: slope of the leaky relu in the scores, below 0.
        dropout: rate at which attention weights are dropped in training.
        self_loops: whether each node gets an edge to itself, in place of those it has.
        share_weights: whether sources and targets go through the same matrix.
        use_bias: whether there is a bias.
        kernel_initializer: first values of the weights.
        bias_initializer: first values of the bias.
        kernel_regularizer: function of the weights that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        seed: int, for the same dropout in each run.
        **kwargs: name, trainable, dtype.
    Input: list ``[x, edge_index]``. `x`: tensor of shape (nodes, features), or (batch, nodes, features);
    `edge_index`: int tensor of shape (2, edges), or (batch, 2, edges), sources before targets; edges with a number out
    of range are left out. A mask of `x` leaves nodes and their edges out.

    Output: tensor like `x` with `units` or ``heads * units`` features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Brody et al., 2022, https://arxiv.org/abs/2105.14491.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.GATv2Conv(4, heads=2)
    >>> x, edges = kfront.ops.ones((3, 2)), kfront.ops.array([[0, 1], [1, 2]])
    >>> tuple(layer([x, edges]).shape)
    (3, 8)
    """

    kernel: VariableLike | None = None
    target_kernel: object = None
    attention: VariableLike | None = None
    share_weights: bool

    def __init__(self, units: int, heads: int = 1, share_weights: bool = False, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(units, heads, **kwargs)
        self._kf_store(locals())

    def _build(self, features: int, extra: list[int]) -> None:
        self.kernel = self._kf_weight("kernel", (features, self.heads * self.units))
        if not self.share_weights:
            self.target_kernel = self._kf_weight("target_kernel", (features, self.heads * self.units), "kernel")
        self.attention = self._kf_weight("attention", (self.heads, self.units), "kernel")
        self._add_bias()

    def _scored(self, x: Tensor, edges: Edges) -> tuple[Tensor, Tensor]:
        values = self._projected(x, self.kernel)
        ends = values if self.share_weights else self._projected(x, self.target_kernel)
        hidden = self._leaky(ops.add(edges.from_sources(values), edges.from_targets(ends)))
        return values, ops.sum(ops.multiply(hidden, read(self.attention)), axis=-1)
