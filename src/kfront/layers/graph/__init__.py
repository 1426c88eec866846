"""Layers for graphs: message passing over edges, attention, pooling, readout.

A graph is nodes `x` and edges `edge_index`. One graph, or several put side by side as one, has `x` of shape
(nodes, features) and `edge_index` of shape (2, edges): edge e leads from node ``edge_index[0, e]`` to node
``edge_index[1, e]``. A batch of graphs, padded to the same sizes so that compiled code sees one shape, has (batch,
nodes, features) and (batch, 2, edges): padded edges hold -1, padded nodes are False in a mask (batch, nodes).
"""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "MessagePassing": ".base",
        **names(".convolution", "EdgeConditionedConv GCNConv GINConv SAGEConv"),
        **names(".attention", "GATConv GATv2Conv"),
        **names(".pooling", "GraphReadout TopKPooling"),
    },
)
