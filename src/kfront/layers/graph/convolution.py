"""Graph convolutions: GCN, GraphSAGE, GIN, edge-conditioned."""

from __future__ import annotations

from typing import Any, Self, Unpack

from kfront import ops
from kfront.core.codec import serialize_keras_object, with_objects
from kfront.core.errors import ArgumentTypeError, ShapeError
from kfront.core.options import normalisers, positive
from kfront.core.typing import (
    Activation,
    ActivationLike,
    Config,
    InitializerLike,
    LayerOptions,
    RegularizerLike,
    Tensor,
    VariableLike,
)
from kfront.core.variable import Variable, read
from kfront.layers.base import Layer
from kfront.layers.graph.base import UNWRITTEN, Edges, MessagePassing, flag, weights_of_edges
from kfront.ops.matrix import linear
from kfront.ops.primitives.dtypes import dtype_of


class _Convolution(MessagePassing):
    """A layer with `units` outputs, kernels and a bias."""

    _kf_normalise = normalisers(
        hidden_units=lambda layer, name, value: None if value is None else positive(layer, name, value),
        normalize=flag,
        self_loops=flag,
    )
    units: int
    activation: Activation
    use_bias: bool
    kernel_initializer: InitializerLike
    bias_initializer: InitializerLike
    kernel_regularizer: RegularizerLike
    bias_regularizer: RegularizerLike
    bias: Variable | None = None

    def _width(self, features: int) -> int:
        return self.units

    def _add_bias(self) -> None:
        if self.use_bias:
            self.bias = self._kf_weight("bias", (self.units,))

    def _finish(self, out: Any) -> Tensor:
        out = out if self.bias is None else ops.add(out, read(self.bias))
        return out if self.activation is None else self.activation(out)


class GCNConv(_Convolution):
    """Graph convolution: ``D**-0.5 @ A @ D**-0.5 @ x @ kernel + bias``.

    A holds the weights of the edges, with self-loops, and D the degrees: the sums of the weights that lead to a node.


    Args:
        units: number of output features.
        activation: name or function; none if None.
        self_loops: whether each node gets an edge of weight 1 to itself, in place of those it has.
        use_bias: whether there is a bias.
        kernel_initializer: first values of the kernels.
        bias_initializer: first values of the bias.
        kernel_regularizer: function of the kernels that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        **kwargs: name, trainable, dtype.
    Input: list ``[x, edge_index]``, or ``[x, edge_index, edge_weight]`` with weights of shape (edges,) or (batch,
    edges). `x`: tensor of shape (nodes, features), or (batch, nodes, features); `edge_index`: int tensor of shape (2,
    edges), or (batch, 2, edges), sources before targets; edges with a number out of range are left out. A mask of `x`
    leaves nodes and their edges out.

    Output: tensor like `x` with `units` features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Kipf and Welling, 2017, https://arxiv.org/abs/1609.02907.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.GCNConv(4)
    >>> x, edges = kfront.ops.ones((3, 2)), kfront.ops.array([[0, 1], [1, 2]])
    >>> tuple(layer([x, edges]).shape)
    (3, 4)
    """

    _extra = 1
    kernel: VariableLike | None = None
    _kf_normalise = normalisers(aggregate=UNWRITTEN)
    self_loops: bool

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        self_loops: bool = True,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self.__dict__["_loops"] = self.self_loops

    def _build(self, features: int, extra: list[int]) -> None:
        self.kernel = self._kf_weight("kernel", (features, self.units))
        self._add_bias()

    def propagate(self, x: Tensor, edges: Edges, extra: list[Tensor], training: bool) -> Tensor:
        """New features of all nodes."""
        weight = weights_of_edges(self.name, edges, extra, dtype_of(x))
        degree = edges.sum(weight)
        some = ops.greater(degree, 0)
        scale = ops.where(some, ops.rsqrt(ops.where(some, degree, 1)), 0)
        weight = ops.multiply(weight, ops.multiply(edges.from_sources(scale), edges.from_targets(scale)))
        x = ops.matmul(x, read(self.kernel))
        return self._finish(edges.sum(ops.multiply(edges.from_sources(x), ops.expand_dims(weight, 1))))


class SAGEConv(_Convolution):
    """GraphSAGE: ``x @ kernel + neighbours @ neighbour_kernel + bias`` with the mean (sum, maximum) of neighbours.

    Args:
        units: number of output features.
        activation: name or function; none if None.
        aggregate: "mean", "sum" or "max" of the neighbours.
        normalize: whether each node's output is divided by its Euclidean norm.
        use_bias: whether there is a bias.
        kernel_initializer: first values of the kernels.
        bias_initializer: first values of the bias.
        kernel_regularizer: function of the kernels that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        **kwargs: name, trainable, dtype.
    Input: list ``[x, edge_index]``. `x`: tensor of shape (nodes, features), or (batch, nodes, features);
    `edge_index`: int tensor of shape (2, edges), or (batch, 2, edges), sources before targets; edges with a number out
    of range are left out. A mask of `x` leaves nodes and their edges out.

    Output: tensor like `x` with `units` features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Hamilton et al., 2017, https://arxiv.org/abs/1706.02216.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.SAGEConv(4)
    >>> x, edges = kfront.ops.ones((3, 2)), kfront.ops.array([[0, 1], [1, 2]])
    >>> tuple(layer([x, edges]).shape)
    (3, 4)
    """

    kernel: VariableLike | None = None
    neighbour_kernel: VariableLike | None = None
    normalize: bool

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        aggregate: str = "mean",
        normalize: bool = False,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _build(self, features: int, extra: list[int]) -> None:
        self.kernel = self._kf_weight("kernel", (features, self.units))
        self.neighbour_kernel = self._kf_weight("neighbour_kernel", (features, self.units), "kernel")
        self._add_bias()

    def update(self, x: Tensor, gathered: Tensor) -> Tensor:
        """New features from old ones and the neighbours'."""
        bias = read(self.bias)
        out = ops.add(linear(x, read(self.kernel), bias), ops.matmul(gathered, read(self.neighbour_kernel)))
        out = out if self.activation is None else self.activation(out)
        return ops.normalize(out, axis=-1, order=2, epsilon=1e-12) if self.normalize else out


class GINConv(MessagePassing):
    """Graph isomorphism network: ``layer((1 + epsilon) * x + sum of the neighbours)``.

    Args:
        layer: the layer (a Sequential of two Dense layers, for instance) that is applied to each node.
        epsilon: weight of a node's own features, beyond 1.
        train_epsilon: whether `epsilon` is a trained weight.
        **kwargs: name, trainable, dtype.

    Input: list ``[x, edge_index]``. `x`: tensor of shape (nodes, features), or (batch, nodes, features);
    `edge_index`: int tensor of shape (2, edges), or (batch, 2, edges), sources before targets; edges with a number out
    of range are left out. A mask of `x` leaves nodes and their edges out.

    Output: tensor like `x` with the layer's features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Xu et al., 2019, https://arxiv.org/abs/1810.00826.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.GINConv(kfront.layers.Dense(4))
    >>> x, edges = kfront.ops.ones((3, 2)), kfront.ops.array([[0, 1], [1, 2]])
    >>> tuple(layer([x, edges]).shape)
    (3, 4)
    """

    _kf_normalise = normalisers(aggregate=UNWRITTEN, epsilon=None, layer=None, train_epsilon=flag)
    layer: Layer
    epsilon: Any
    train_epsilon: bool

    def __init__(
        self, layer: Layer, epsilon: float = 0.0, train_epsilon: bool = False, **kwargs: Unpack[LayerOptions]
    ) -> None:
        super().__init__(**kwargs)
        if not isinstance(layer, Layer):
            raise ArgumentTypeError(f"[GINConv] expected `layer` to be a layer, got {layer!r}.")
        self._kf_store(locals())
        self.layer = layer
        self._first_epsilon = float(epsilon)
        self.epsilon = float(epsilon)

    def _build(self, features: int, extra: list[int]) -> None:
        if self.train_epsilon:
            first = self._first_epsilon
            self.epsilon = self.add_weight(
                name="epsilon", shape=(), initializer=lambda shape, dtype=None: ops.full(shape, first, dtype=dtype)
            )
        if not self.layer.built:
            self.layer.build((None, features))

    def update(self, x: Tensor, gathered: Tensor) -> Tensor:
        """New features from old ones and the neighbours'."""
        own = read(self.epsilon) if self.train_epsilon else self.epsilon
        return self.layer(ops.add(ops.multiply(x, ops.add(own, 1.0) if self.train_epsilon else own + 1.0), gathered))

    def _width(self, features: int) -> int:
        return self.layer.compute_output_shape((None, features))[-1]

    def get_config(self) -> Config:
        """Constructor arguments."""
        own = {"layer": serialize_keras_object(self.layer), "epsilon": self._first_epsilon}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A layer from its config."""
        return cls(**with_objects(config, ("layer",)))


class EdgeConditionedConv(_Convolution):
    """Message passing in which the features of an edge give the matrix that its source's features go through.

    ``x @ kernel + sum(x[source] @ matrix(edge_features)) + bias``, each matrix of shape (features, units).


    Args:
        units: number of output features.
        activation: name or function; none if None.
        aggregate: "sum", "mean" or "max" of the messages.
        hidden_units: size of a hidden layer with relu between edge features and matrices; none if None.
        use_bias: whether there is a bias.
        kernel_initializer: first values of the kernels.
        bias_initializer: first values of the bias.
        kernel_regularizer: function of the kernels that is added to the loss.
        bias_regularizer: function of the bias that is added to the loss.
        **kwargs: name, trainable, dtype.
    Input: list ``[x, edge_index]``, with ``edge_features`` third, a tensor of shape (edges, features) or (batch, edges,
    features). `x`: tensor of shape (nodes, features), or (batch, nodes, features); `edge_index`: int tensor of shape
    (2, edges), or (batch, 2, edges), sources before targets; edges with a number out of range are left out. A mask of
    `x` leaves nodes and their edges out.

    Output: tensor like `x` with `units` features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Simonovsky and Komodakis, 2017, https://arxiv.org/abs/1704.02901; Gilmer et al., 2017, https://arxiv.org/abs/1704.01212.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.EdgeConditionedConv(4)
    >>> x, edges = kfront.ops.ones((3, 2)), kfront.ops.array([[0, 1], [1, 2]])
    >>> tuple(layer([x, edges, kfront.ops.ones((2, 5))]).shape)
    (3, 4)
    """

    _extra = 1
    kernel: VariableLike | None = None
    edge_kernel: VariableLike | None = None
    edge_bias: VariableLike | None = None
    hidden_kernel: VariableLike | None = None
    hidden_bias: VariableLike | None = None
    hidden_units: int | None

    def __init__(
        self,
        units: int,
        activation: ActivationLike = None,
        aggregate: str = "sum",
        hidden_units: int | None = None,
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))

    def _check(self, shapes: Any) -> tuple[Any, ...]:
        shapes = super()._check(shapes)
        if len(shapes) != 3 or len(shapes[2]) != len(shapes[0]):
            raise ShapeError(
                f"[{self.name}] expected [x, edge_index, edge_features], the last of shape (edges, features) or "
                f"(batch, edges, features), got shapes {shapes}."
            )
        return shapes

    def _build(self, features: int, extra: list[int]) -> None:
        (width,) = extra
        if self.hidden_units is not None:
            self.hidden_kernel = self._kf_weight("hidden_kernel", (width, self.hidden_units), "kernel")
            self.hidden_bias = self._kf_weight("hidden_bias", (self.hidden_units,), "bias")
            width = self.hidden_units
        self.edge_kernel = self._kf_weight("edge_kernel", (width, features * self.units), "kernel")
        self.edge_bias = self._kf_weight("edge_bias", (features * self.units,), "bias")
        self.kernel = self._kf_weight("kernel", (features, self.units))
        self._add_bias()

    def message(self, x: Tensor, edges: Edges, extra: list[Tensor]) -> Tensor:
        """The sources' features through the matrix of each edge."""
        given = extra[0]
        if self.hidden_kernel is not None:
            given = ops.relu(linear(given, read(self.hidden_kernel), read(self.hidden_bias)))
        matrices = linear(given, read(self.edge_kernel), read(self.edge_bias))
        matrices = ops.reshape(matrices, (-1, x.shape[-1], self.units))
        return ops.squeeze(ops.matmul(ops.expand_dims(edges.from_sources(x), 1), matrices), 1)

    def update(self, x: Tensor, gathered: Tensor) -> Tensor:
        """New features from old ones and what was gathered."""
        return self._finish(ops.add(ops.matmul(x, read(self.kernel)), gathered))
