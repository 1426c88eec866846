# Written by tools/stubs.py from the table in the module of the same name.
from kfront.layers.graph.attention import GATConv as GATConv, GATv2Conv as GATv2Conv
from kfront.layers.graph.base import MessagePassing as MessagePassing
from kfront.layers.graph.convolution import (
    EdgeConditionedConv as EdgeConditionedConv,
    GCNConv as GCNConv,
    GINConv as GINConv,
    SAGEConv as SAGEConv,
)
from kfront.layers.graph.pooling import GraphReadout as GraphReadout, TopKPooling as TopKPooling

__all__ = [
    "EdgeConditionedConv",
    "GATConv",
    "GATv2Conv",
    "GCNConv",
    "GINConv",
    "GraphReadout",
    "MessagePassing",
    "SAGEConv",
    "TopKPooling",
]
