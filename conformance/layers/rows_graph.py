"""Rows: layers for graphs, on batches of padded graphs."""

from __future__ import annotations

from typing import Any

from kfront import layers as L

from .row import Row, ids, keep, row, x

__all__ = ["ROWS"]

NODES = x(5, 3)
EDGES = ids(2, 6, below=5) - 1  # -1: an edge that is not there
WEIGHTS = x(6, low=0.5, high=1.5)


def _row(name: str, tag: str, make: Any, *more: Any, **call: Any) -> Row:
    return row(f"graph.{name}", tag, make, [NODES, EDGES, *more], rtol=3e-5, **call)


ROWS: list[Row] = [
    _row("MessagePassing", "sum", lambda: L.graph.MessagePassing()),
    _row("GCNConv", "plain", lambda: L.graph.GCNConv(4)),
    _row("GCNConv", "weights, relu", lambda: L.graph.GCNConv(4, activation="relu"), WEIGHTS),
    _row("GCNConv", "mask", lambda: L.graph.GCNConv(4, self_loops=False), mask=[keep(5), None]),
    _row("SAGEConv", "mean", lambda: L.graph.SAGEConv(4)),
    _row("SAGEConv", "max", lambda: L.graph.SAGEConv(4, aggregate="max", normalize=True)),
    _row("GINConv", "plain", lambda: L.graph.GINConv(L.Dense(4), epsilon=0.1, train_epsilon=True)),
    _row("EdgeConditionedConv", "plain", lambda: L.graph.EdgeConditionedConv(4, hidden_units=3), x(6, 2)),
    _row("GATConv", "heads", lambda: L.graph.GATConv(4, heads=2)),
    _row("GATConv", "mean, mask", lambda: L.graph.GATConv(4, heads=2, concat=False), mask=[keep(5), None]),
    _row("GATConv", "dropout", lambda: L.graph.GATConv(4, dropout=0.4, seed=2), training=True, random=True),
    _row("GATv2Conv", "heads", lambda: L.graph.GATv2Conv(4, heads=2)),
    _row("GATv2Conv", "shared", lambda: L.graph.GATv2Conv(4, share_weights=True, self_loops=False)),
    _row("TopKPooling", "three", lambda: L.graph.TopKPooling(3)),
    *(
        row("graph.GraphReadout", mode, lambda mode=mode: L.graph.GraphReadout(mode), NODES, mask=keep(5))
        for mode in ("sum", "mean", "max")
    ),
]
