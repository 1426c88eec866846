"""`checkpoint` and `RematScope` inside `torch.compile`."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops

torch = pytest.importorskip("torch")


class Graphs:
    """A backend of `torch.compile` that runs graphs as they are, and counts.

    Attributes:
        products: matrix products, by kind of graph ("forward", "backward", "whole").
        results: results of the graphs, likewise: of a forward graph these are the outputs and all that is kept.
    """

    def __init__(self) -> None:
        from functorch.compile import min_cut_rematerialization_partition
        from torch._dynamo.backends.common import aot_autograd

        self.products: dict[str, int] = {}
        self.results: dict[str, int] = {}
        kinds = {"fw_compiler": "forward", "bw_compiler": "backward", "inference_compiler": "whole"}
        compilers: dict[str, Any] = {k: self.compiler(v) for k, v in kinds.items()}
        self.backend = aot_autograd(**compilers, partition_fn=min_cut_rematerialization_partition)

    def compiler(self, kind: str) -> Any:
        from functorch.compile import make_boxed_func

        def run(graph: Any, inputs: Any) -> Any:
            calls = [str(n.target) for n in graph.graph.nodes if n.op == "call_function"]
            self.products[kind] = sum("mm" in c for c in calls)
            self.results[kind] = len(next(n for n in graph.graph.nodes if n.op == "output").args[0])
            return make_boxed_func(graph.forward)

        return run


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Any:
    with kfront.backend_scope("torch"):
        torch._dynamo.reset()
        graphs = Graphs()
        monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=graphs.backend))
        yield graphs
        torch._dynamo.reset()


def test_gradients_outside_the_graph(compiled: Any) -> None:
    found = {}
    for name, wrap in (("kept", lambda f: f), ("again", kfront.checkpoint)):
        w = torch.full((4, 4), 0.1, requires_grad=True)
        part = wrap(lambda x, w=w: ops.sin(ops.matmul(ops.sin(ops.matmul(x, w)), w)))
        torch.compile(lambda x, part=part: ops.sum(part(part(x))), fullgraph=True)(torch.ones(3, 4)).backward()
        found[name] = (w.grad, compiled.results["forward"], compiled.products["backward"])
    torch.testing.assert_close(found["kept"][0], found["again"][0])
    assert found["again"][1] < found["kept"][1] and found["again"][2] > found["kept"][2]


def model(scope: bool) -> Any:
    kfront.utils.set_random_seed(1)
    with kfront.RematScope(mode="full" if scope else None):
        x = inputs = kfront.Input((8,))
        for i in range(2):
            x = layers.Dense(8, activation="tanh")(x)
            x = layers.BatchNormalization()(x) if i else layers.Dropout(0.5, seed=3)(x)
        out = kfront.Model(inputs, layers.Dense(1)(x))
    out.compile("sgd", "mse", jit_compile=True)
    return out


def test_whole_steps(compiled: Any) -> None:
    x = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
    found = {}
    for scope in (False, True):
        one = model(scope)
        losses = one.fit(x, x[:, :1], epochs=3, batch_size=16, verbose=0, shuffle=False).history["loss"]
        found[scope] = (losses, [v.numpy() for v in one.variables])
        assert compiled.products.pop("whole")  # it was compiled, gradient and all
    np.testing.assert_allclose(found[False][0], found[True][0], rtol=1e-5)
    for a, b in zip(found[False][1], found[True][1], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
