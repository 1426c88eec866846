"""Models as graphs: boxes, lines, and clear errors where a program is missing."""

from __future__ import annotations

import shutil
import sys
from typing import Any

import pytest

import kfront
from kfront import layers
from kfront.core.errors import ArgumentError, NotBuiltError, UnsupportedError


def branched() -> Any:
    x = kfront.Input((3,), name="x")
    a, b = layers.Dense(4, activation="relu", name="a")(x), layers.Dense(4, name="b")(x)
    inner = kfront.Sequential(
        [kfront.Input((4,)), layers.Dense(5, name="i1"), layers.Dense(1, name="i2")], name="inner"
    )
    return kfront.Model(x, inner(layers.add([a, b])), name="m")


def test_boxes_and_lines() -> None:
    pytest.importorskip("pydot", reason="graphs are made by pydot")
    dot = kfront.utils.model_to_dot(
        branched(), show_shapes=True, show_dtype=True, show_layer_activations=True, show_trainable=True
    )
    labels = [n.get_label() for n in dot.get_node_list()]
    assert len(labels) == 5 and len(dot.get_edge_list()) == 5
    box = next(label for label in labels if "<b>a</b>" in label)
    for part in ("Dense", "relu", "(None, 3)", "(None, 4)", "float32", "Trainable"):
        assert part in box


def test_nested() -> None:
    pytest.importorskip("pydot", reason="graphs are made by pydot")
    dot = kfront.utils.model_to_dot(branched(), expand_nested=True)
    (cluster,) = dot.get_subgraph_list()
    assert "inner" in cluster.get_label() and len(cluster.get_edge_list()) >= 1
    assert len(dot.get_node_list()) == 4
    assert type(kfront.utils.model_to_dot(branched(), subgraph=True)).__name__ == "Cluster"


def test_files(tmp_path: Any) -> None:
    pytest.importorskip("pydot", reason="graphs are made by pydot")
    path = tmp_path / "model.dot"
    assert kfront.utils.plot_model(branched(), path, rankdir="LR") is None
    text = path.read_text()
    assert text.startswith("digraph") and "rankdir=LR" in text.replace('"', "")
    picture = tmp_path / "model.png"
    if shutil.which("dot"):
        kfront.utils.plot_model(branched(), picture)
        assert picture.read_bytes().startswith(b"\x89PNG")
    else:
        with pytest.raises(UnsupportedError, match="Graphviz"):
            kfront.utils.plot_model(branched(), picture)
    with pytest.raises(ArgumentError, match="ends in"):
        kfront.utils.plot_model(branched(), tmp_path / "model")


def test_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="rankdir"):
        kfront.utils.model_to_dot(branched(), rankdir="up")
    with pytest.raises(ArgumentError, match="known arguments"):
        kfront.utils.model_to_dot(branched(), colour="red")
    with pytest.raises(ArgumentError, match="expected a model"):
        kfront.utils.model_to_dot(3)
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pydot", None)
        with pytest.raises(UnsupportedError, match="pip install pydot"):
            kfront.utils.model_to_dot(branched())
    pytest.importorskip("pydot", reason="graphs are made by pydot")
    with pytest.raises(NotBuiltError):
        kfront.utils.model_to_dot(kfront.Sequential())


def test_lines_between_models_of_several_inputs() -> None:
    pytest.importorskip("pydot", reason="graphs are made by pydot")
    a, b = kfront.Input((2,), name="a"), kfront.Input((2,), name="b")
    inner = kfront.Model([a, b], [layers.Dense(2, name="p")(a), layers.Dense(2, name="q")(b)], name="inner")
    x, y = kfront.Input((2,), name="x"), kfront.Input((2,), name="y")
    one, two = inner([x, y])
    model = kfront.Model([x, y], [layers.Dense(1, name="r")(one), layers.Dense(1, name="s")(two)])
    dot = kfront.utils.model_to_dot(model, expand_nested=True)
    graphs = [dot, *dot.get_subgraphs()]
    names = {n.get_name(): n.get_label().split("<b>")[1].split("</b>")[0] for g in graphs for n in g.get_node_list()}
    edges = {(names[e.get_source()], names[e.get_destination()]) for g in graphs for e in g.get_edge_list()}
    assert edges == {("x", "a"), ("y", "b"), ("a", "p"), ("b", "q"), ("p", "r"), ("q", "s")}
