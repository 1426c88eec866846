"""What layers over edges share: graphs of either form as one list of edges, and sums over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import Option, normalisers, one_of
from kfront.core.typing import LayerOptions, Shape, Tensor
from kfront.layers.options import OptionLayer, known_axis
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.primitives.shapes import dim

AGGREGATIONS = ("sum", "mean", "max")
CALL_DOC = """
    Input: list ``[x, edge_index]``{more}. `x`: tensor of shape (nodes, features), or (batch, nodes, features);
    `edge_index`: int tensor of shape (2, edges), or (batch, 2, edges), sources before targets; edges with a number out
    of range are left out. A mask of `x` leaves nodes and their edges out.

    Output: tensor like `x` with {units} features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit."""


UNWRITTEN = Option(one_of(*AGGREGATIONS), write=None)  # of `aggregate`, for layers that have it fixed


def flag(layer: OptionLayer, name: str, value: object) -> bool:
    """The value as a bool."""
    return bool(value)


class Edges:
    """The edges of one graph, or of a batch of graphs as one.

    Args:
        edge_index: int tensor of shape (2, edges) or (batch, 2, edges).
        x: tensor of shape (nodes, features) or (batch, nodes, features).
        mask: bool tensor of the shape of `x` without features, or None.
        loops: whether each node gets an edge to itself, in place of those that it has.

    Attributes:
        nodes: number of nodes.
        sources, targets: int tensors (edges,); the target is -1 where an edge is left out.
        loops: number of edges that were added.
    """

    def __init__(self, edge_index: Tensor, x: Tensor, mask: Tensor | None = None, loops: bool = False) -> None:
        edge_index = ops.cast(edge_index, "int32")
        count = dim(x, -2)
        self.nodes = count
        sources, targets = edge_index[..., 0, :], edge_index[..., 1, :]
        inside = ops.logical_and(_within(sources, count), _within(targets, count))
        if loops:
            inside = ops.logical_and(inside, ops.not_equal(sources, targets))
        if len(x.shape) == 3:
            batch = dim(x, 0)
            self.nodes = batch * count
            first = ops.expand_dims(ops.arange(batch, dtype="int32") * count, 1)
            sources, targets = ops.add(sources, first), ops.add(targets, first)
        self.sources, targets, inside = (ops.reshape(v, (-1,)) for v in (sources, targets, inside))
        self.sources = ops.where(inside, self.sources, 0)
        if mask is not None:
            kept = ops.reshape(ops.cast(mask, "bool"), (-1,))
            ends = (ops.take(kept, self.sources), ops.take(kept, ops.where(inside, targets, 0)))
            inside = ops.logical_and(inside, ops.logical_and(*ends))
        self.targets = ops.where(inside, targets, -1)
        self.loops = loops
        if loops:
            own = ops.arange(self.nodes, dtype="int32")
            self.sources, self.targets = ops.concatenate([self.sources, own]), ops.concatenate([self.targets, own])

    def from_sources(self, x: Tensor) -> Tensor:
        """The rows of the nodes that edges leave."""
        return ops.take(x, self.sources, axis=0)

    def from_targets(self, x: Tensor) -> Tensor:
        """The rows of the nodes that edges lead to."""
        return ops.take(x, ops.maximum(self.targets, 0), axis=0)

    def sum(self, messages: Tensor) -> Tensor:
        """For each node the sum of the messages of the edges that lead to it."""
        return ops.segment_sum(messages, self.targets, self.nodes)

    def degrees(self, dtype: str) -> Tensor:
        """The number of edges that lead to each node."""
        return self.sum(ops.ones_like(self.targets, dtype=dtype))

    def aggregate(self, messages: Tensor, how: str) -> Tensor:
        """Sum, mean or maximum of messages (edges, features) at each node; 0 where no edge leads."""
        if how == "sum":
            return self.sum(messages)
        degrees = ops.expand_dims(self.degrees(dtype_of(messages)), 1)
        if how == "mean":
            return ops.divide(self.sum(messages), ops.maximum(degrees, 1))
        most = ops.segment_max(messages, self.targets, self.nodes)
        return ops.where(ops.greater(degrees, 0), most, 0)

    def softmax(self, scores: Tensor) -> Tensor:
        """Scores (edges, heads) as weights that sum to 1 over the edges that lead to one node."""
        most = ops.stop_gradient(ops.segment_max(scores, self.targets, self.nodes))
        shifted = ops.exp(ops.subtract(scores, self.from_targets(ops.where(ops.isfinite(most), most, 0))))
        left_out = ops.expand_dims(ops.less(self.targets, 0), 1)
        shifted = ops.where(left_out, 0, shifted)
        total = self.from_targets(self.sum(shifted))
        return ops.divide(shifted, ops.where(ops.greater(total, 0), total, 1))


def _within(numbers: Tensor, count: Any) -> Tensor:
    return ops.logical_and(ops.greater_equal(numbers, 0), ops.less(numbers, count))


def node_mask(mask: Any) -> Tensor | None:
    """The mask of the nodes among those of a layer's inputs."""
    return mask[0] if isinstance(mask, (list, tuple)) else mask


class MessagePassing(OptionLayer):
    """Base of layers in which nodes gather messages along edges.

    Each edge carries `message`; a node takes the sum, mean or maximum of those that reach it, and `update` makes its
    new features. Used as it is, the messages are the features of the sources.

    Args:
        aggregate: "sum", "mean" or "max".
        **kwargs: name, trainable, dtype.

    Input: list ``[x, edge_index]``. `x`: tensor of shape (nodes, features), or (batch, nodes, features);
    `edge_index`: int tensor of shape (2, edges), or (batch, 2, edges), sources before targets; edges with a number out
    of range are left out. A mask of `x` leaves nodes and their edges out.

    Output: tensor like `x` with the same features; 0 at masked nodes.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs do not fit.

    Reference: Gilmer et al., 2017, https://arxiv.org/abs/1704.01212.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.MessagePassing()
    >>> x = kfront.ops.array([[1.0], [2.0], [4.0]])
    >>> kfront.ops.convert_to_numpy(layer([x, kfront.ops.array([[0, 1], [2, 2]])])[:, 0]).tolist()
    [0.0, 0.0, 3.0]
    """

    _kf_normalise = normalisers(aggregate=one_of(*AGGREGATIONS))
    _loops = False  # whether each node gets an edge to itself
    _extra = 0  # how many inputs there may be besides nodes and edges
    aggregate: str

    def __init__(self, aggregate: str = "sum", **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.supports_masking = True

    def _check(self, shapes: object) -> tuple[Any, ...]:
        """Shapes of the inputs.

        Raises:
            ShapeError: if they do not fit each other.
        """
        if not isinstance(shapes, (list, tuple)) or not 2 <= len(shapes) <= 2 + self._extra:
            count = "2" if not self._extra else f"2 to {2 + self._extra}"
            raise ShapeError(f"[{self.name}] expected {count} inputs [x, edge_index, ...], got shapes {shapes}.")
        nodes, edges = tuple(shapes[0]), tuple(shapes[1])
        if len(nodes) not in (2, 3) or len(edges) != len(nodes) or edges[-2] not in (2, None):
            raise ShapeError(
                f"[{self.name}] expected x of shape (nodes, features) and edge_index of shape (2, edges), or both with "
                f"a batch axis before, got {nodes} and {edges}."
            )
        if nodes[-1] is None:
            raise ShapeError(f"[{self.name}] expected a known number of features, got x of shape {nodes}.")
        return tuple(tuple(s) for s in shapes)

    def build(self, input_shape: Sequence[Shape]) -> None:
        """Create the weights."""
        self._build(self._check(input_shape)[0][-1], [known_axis(self.name, s) for s in input_shape[2:]])

    def _build(self, features: int, extra: list[int]) -> None:
        """Create the weights for that number of node features, and last axes of further inputs."""

    def call(self, inputs: Sequence[Tensor], mask: Tensor | None = None, training: bool | None = None) -> Tensor:
        """The layer's output, see the class."""
        shapes = self._check([v.shape for v in inputs])
        x, edge_index, *extra = inputs
        mask = node_mask(mask)
        edges = Edges(edge_index, x, mask, self._loops)
        flat = ops.reshape(x, (-1, shapes[0][-1]))
        if len(shapes[0]) == 3:
            extra = [ops.reshape(v, (-1, *v.shape[2:])) for v in extra]
        out = self.propagate(flat, edges, extra, bool(training))
        if mask is not None:
            out = ops.multiply(out, ops.expand_dims(ops.cast(ops.reshape(mask, (-1,)), dtype_of(out)), 1))
        return ops.reshape(out, (*ops.shape(x)[:-1], out.shape[-1])) if len(shapes[0]) == 3 else out

    def propagate(self, x: Tensor, edges: Edges, extra: list[Tensor], training: bool) -> Tensor:
        """New features of all nodes.

        Args:
            x: tensor of shape (nodes, features).
            edges: the edges.
            extra: further inputs, one row for each edge.
            training: whether dropout acts.
        """
        return self.update(x, edges.aggregate(self.message(x, edges, extra), self.aggregate))

    def message(self, x: Tensor, edges: Edges, extra: list[Tensor]) -> Tensor:
        """What edges carry, a tensor of shape (edges, ...)."""
        return edges.from_sources(x)

    def update(self, x: Tensor, gathered: Tensor) -> Tensor:
        """New features from old ones and what was gathered."""
        return gathered

    def _width(self, features: int) -> int:
        """The number of output features."""
        return features

    def compute_output_shape(self, input_shape: Sequence[Shape]) -> Shape:
        """The shape of `x` with the layer's features."""
        nodes = self._check(input_shape)[0]
        return (*nodes[:-1], self._width(nodes[-1]))

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor | None:
        """The mask of the nodes."""
        return node_mask(mask)


def weights_of_edges(who: str, edges: Edges, extra: list[Tensor], dtype: str) -> Tensor:
    """The weight of each edge, (edges,): those given as a third input of shape (..., edges), 1 otherwise."""
    if not extra:
        return ops.ones_like(edges.targets, dtype=dtype)
    if len(extra[0].shape) != 1:
        raise ArgumentError(f"[{who}] expected weights of shape (..., edges), got one more axis.")
    own = ops.ones((edges.nodes,), dtype=dtype)
    return ops.concatenate([extra[0], own]) if edges.loops else extra[0]
