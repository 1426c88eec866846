"""From many nodes to fewer, or to one vector for each graph."""

from __future__ import annotations

from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import normalisers, one_of
from kfront.core.spec import Abstract
from kfront.core.typing import LayerOptions, Shape, Tensor, VariableLike
from kfront.core.variable import read
from kfront.layers.graph.base import AGGREGATIONS, Edges, node_mask
from kfront.layers.options import OptionLayer, known_axis
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.primitives.shapes import dim


class GraphReadout(OptionLayer):
    """Sum, mean or maximum over the nodes of each graph.

    Args:
        mode: "sum", "mean" or "max".
        num_graphs: number of graphs, for inputs ``[x, graph_ids]``; the largest number + 1 if None, which compiled code
            cannot ask for.
        **kwargs: name, trainable, dtype.

    Input: a batch of graphs, tensor of shape (batch, nodes, features), of which masked nodes do not count; or a list
    ``[x, graph_ids]`` of graphs put side by side, with x of shape (nodes, features) and graph_ids of shape (nodes,),
    the number of each node's graph, out of range for padded nodes.

    Output: tensor of shape (batch, features), or (num_graphs, features); 0 for a graph without nodes.

    Raises:
        ArgumentError: for an unknown mode.
        ShapeError: if inputs do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.GraphReadout("mean")
    >>> out = layer([kfront.ops.array([[1.0], [3.0], [5.0]]), kfront.ops.array([0, 0, 1])])[:, 0]
    >>> kfront.ops.convert_to_numpy(out).tolist()
    [2.0, 5.0]
    """

    _kf_normalise = normalisers(mode=one_of(*AGGREGATIONS))
    mode: str
    num_graphs: int | None

    def __init__(self, mode: str = "sum", num_graphs: int | None = None, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.supports_masking = True

    def call(self, inputs: Any, mask: Tensor | None = None) -> Any:
        """The layer's output, see the class."""
        if isinstance(inputs, (list, tuple)):
            x, ids = inputs
            count = self.num_graphs if self.num_graphs is not None else int(ops.max(ids)) + 1
            return _Groups(ops.cast(ids, "int32"), count).aggregate(x, self.mode)
        if len(inputs.shape) != 3:
            raise ShapeError(
                f"[{self.name}] expected x of shape (batch, nodes, features), or [x, graph_ids], got {inputs.shape}."
            )
        mask = ops.ones(ops.shape(inputs)[:2], dtype="bool") if mask is None else ops.cast(mask, "bool")
        return _over_nodes(inputs, ops.expand_dims(mask, 2), self.mode)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """(graphs, features)."""
        if isinstance(input_shape[0], (list, tuple)):
            return (self.num_graphs, input_shape[0][-1])
        return (input_shape[0], input_shape[-1])

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """None: nodes are gone."""
        return None


class _Groups(Edges):
    """Nodes as edges that lead to their graphs."""

    def __init__(self, targets: Tensor, count: int) -> None:
        self.targets, self.nodes = targets, count


def _over_nodes(x: Tensor, kept: Any, mode: str) -> Tensor:
    count = ops.sum(ops.cast(kept, dtype_of(x)), axis=1)
    if mode == "max":
        most = ops.max(ops.where(kept, x, -float("inf")), axis=1)
        return ops.where(ops.greater(count, 0), most, 0)
    total = ops.sum(ops.where(kept, x, 0), axis=1)
    return total if mode == "sum" else ops.divide(total, ops.maximum(count, 1))


def _count_or_share(layer: OptionLayer, name: str, k: Any) -> int | float:
    whole = isinstance(k, int) and not isinstance(k, bool)
    if not (whole or isinstance(k, float)) or k <= 0 or (not whole and k > 1):
        raise ArgumentError(f"[TopKPooling] expected `k` to be a positive int, or a float up to 1, got {k!r}.")
    return k


class TopKPooling(OptionLayer):
    """Keeps the nodes of each graph that score highest, and the edges between them.

    The score of a node is ``x . p / |p|`` with a trained vector p; features of kept nodes are scaled by the tanh of it.

    Args:
        k: number of nodes to keep (int), or which part of the nodes (float up to 1).
        **kwargs: name, trainable, dtype.

    Input: list ``[x, edge_index]`` of shapes (batch, nodes, features), with a known number of nodes, and (batch, 2,
    edges); a mask of `x` leaves nodes out.

    Output: tuple of the same: (batch, k, features), best nodes first, and (batch, 2, edges), -1 for edges that are
    gone. Where a graph has fewer than `k` nodes the rest is masked.

    Attributes:
        projection: Variable of shape (features,), the vector p.

    Raises:
        ArgumentError: if `k` is not positive, or a float above 1.
        ShapeError: if inputs do not fit.

    Reference: Gao and Ji, 2019, https://arxiv.org/abs/1905.05178.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.graph.TopKPooling(2)
    >>> x, edges = kfront.ops.ones((1, 3, 4)), kfront.ops.array([[[0, 1], [1, 2]]])
    >>> [tuple(t.shape) for t in layer([x, edges])]
    [(1, 2, 4), (1, 2, 2)]
    """

    _kf_normalise = normalisers(k=_count_or_share)
    k: int | float
    projection: VariableLike | None = None

    def __init__(self, k: int | float, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.supports_masking = True

    def _count_kept(self, nodes: int) -> int:
        return min(nodes, self.k) if isinstance(self.k, int) else -int(-self.k * nodes // 1)

    def build(self, input_shape: Any) -> None:
        """Create the vector."""
        shapes = input_shape
        if not isinstance(shapes, (list, tuple)) or len(shapes) != 2 or any(len(s) != 3 for s in shapes):
            raise ShapeError(
                f"[{self.name}] expected [x, edge_index] of shapes (batch, nodes, features) and (batch, 2, edges), got "
                f"{shapes}."
            )
        known_axis(self.name, shapes[0], 1)
        self.projection = self.add_weight(
            name="projection", shape=(known_axis(self.name, shapes[0]),), initializer="glorot_uniform"
        )

    def call(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """The layer's output, see the class."""
        x, edge_index = inputs
        mask, batch, nodes = node_mask(mask), dim(x, 0), x.shape[1]
        k, p = self._count_kept(nodes), read(self.projection)
        scores = ops.divide(ops.matmul(x, p), ops.sqrt(ops.add(ops.sum(ops.square(p)), 1e-12)))
        ranked = scores if mask is None else ops.where(ops.cast(mask, "bool"), scores, -float("inf"))
        places = ops.cast(ops.top_k(ranked, k)[1], "int32")
        column = ops.expand_dims(places, 2)
        kept = ops.take_along_axis(x, column, axis=1)
        gate = ops.tanh(ops.take_along_axis(scores, places, axis=1))
        kept = ops.multiply(kept, ops.expand_dims(gate, 2))
        if mask is not None:
            kept = ops.multiply(kept, ops.expand_dims(ops.cast(self._valid(mask, k), dtype_of(kept)), 2))
        return kept, self._renumbered(ops.cast(edge_index, "int32"), places, batch, nodes)

    def _renumbered(self, edge_index: Tensor, places: Any, batch: Any, nodes: int) -> Tensor:
        """Edges by the new numbers of their nodes, -1 for both if one is gone."""
        k = places.shape[1]
        first = ops.expand_dims(ops.arange(batch, dtype="int32") * nodes, 1)
        numbers = ops.broadcast_to(ops.expand_dims(ops.arange(k, dtype="int32"), 0), ops.shape(places))
        flat = ops.reshape(ops.add(places, first), (-1,))
        new = ops.maximum(ops.segment_max(ops.reshape(numbers, (-1,)), flat, batch * nodes), -1)
        first = ops.expand_dims(first, 2)
        inside = ops.logical_and(ops.greater_equal(edge_index, 0), ops.less(edge_index, nodes))
        found = ops.take(new, ops.add(ops.where(inside, edge_index, 0), first))
        found = ops.where(inside, found, -1)
        both = ops.all(ops.greater_equal(found, 0), axis=1, keepdims=True)
        return ops.where(both, found, -1)

    def _valid(self, mask: Tensor, k: int) -> Tensor:
        count = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)
        return ops.less(ops.arange(k, dtype="int32"), count)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Shapes of nodes and edges."""
        nodes, edges = input_shape
        return (nodes[0], self._count_kept(nodes[1]), nodes[2]), tuple(edges)

    def compute_output_spec(self, inputs: Any) -> tuple[Abstract, Abstract]:
        """Shapes and dtypes of nodes and edges."""
        shapes = self.compute_output_shape([tuple(v.shape) for v in inputs])
        return Abstract(shapes[0], self.compute_dtype), Abstract(shapes[1], "int32")

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Which of the kept nodes exist."""
        mask = node_mask(mask)
        return None if mask is None else (self._valid(mask, self._count_kept(inputs[0].shape[1])), None)
