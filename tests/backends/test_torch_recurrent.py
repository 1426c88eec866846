"""LSTM and GRU under `torch.compile`: one op forward, one backward, with the gradients of torch's own kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import kfront

BATCH, TIME, FEATURES, UNITS = 3, 6, 4, 5


def _arguments(gates: int, bias: bool, dtype: Any, states: int) -> list[Any]:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Any:
        return torch.randn(*shape, generator=generator, dtype=dtype).requires_grad_()

    biases = [draw(gates * UNITS), draw(gates * UNITS)] if bias else [None, None]
    carry = [draw(BATCH, UNITS) for _ in range(states)]
    return [draw(TIME, BATCH, FEATURES), *carry, draw(gates * UNITS, FEATURES), draw(gates * UNITS, UNITS), *biases]


CASES = [(kind, bias, dtype) for kind in ("lstm", "gru") for bias in (True, False) for dtype in ("float32", "float64")]


def _case(kind: str, bias: bool, dtype: str) -> tuple[Any, Any, list[Any], int]:
    from kfront.backends.torch.tuned import rnn_compiled as ops

    states = 2 if kind == "lstm" else 1
    arguments = _arguments(4 if kind == "lstm" else 3, bias, getattr(torch, dtype), states)
    return getattr(ops, kind), getattr(torch._VF, kind), arguments, states


def _own(kernel: Any, arguments: list[Any], states: int) -> Any:
    """What torch's kernel gives: outputs and last states."""
    x, *rest = arguments
    carry, weights = [s.unsqueeze(0) for s in rest[:states]], [w for w in rest[states:] if w is not None]
    hx = carry if states > 1 else carry[0]
    out, *last = kernel(x, hx, weights, len(weights) > 2, 1, 0.0, True, False, False)
    return [out, *(h.squeeze(0) for h in last)]


@pytest.fixture(autouse=True)
def _on_torch() -> Any:
    with kfront.backend_scope("torch"):
        kfront.ops.ones(1)
        yield


@pytest.mark.parametrize(("kind", "bias", "dtype"), CASES)
def test_values_and_gradients_are_those_of_the_kernel(kind: str, bias: bool, dtype: str) -> None:
    op, kernel, arguments, states = _case(kind, bias, dtype)
    leaves = [a for a in arguments if a is not None]
    want = _own(kernel, arguments, states)
    got = op(*arguments, True)[: 1 + states]
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for w, g in zip(want, got, strict=True):
        torch.testing.assert_close(g, w, rtol=tolerance, atol=tolerance)
    directions = [torch.cos(torch.arange(w.numel(), dtype=w.dtype)).view_as(w) for w in want]
    expected = torch.autograd.grad(want, leaves, directions)
    found = torch.autograd.grad(got, leaves, directions)
    for e, f in zip(expected, found, strict=True):
        torch.testing.assert_close(f, e, rtol=10 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("carried", [True, False])
def test_the_lstm_goes_on_from_what_its_forward_pass_has_left(carried: bool) -> None:
    from kfront.backends.torch.tuned import rnn_compiled as ops

    op, kernel, arguments, states = _case("lstm", True, "float32")
    with torch.no_grad():
        out, h, c, carrier = op(*arguments, True)
        assert hasattr(carrier, "kept") == torch.backends.mkldnn.is_available()
        carrier = carrier if carried else torch.empty(0)
        ones = [torch.ones_like(v) for v in (out, h, c)]
        found = ops.lstm_backward(*ones, *arguments, out, h, c, carrier, True)
    want = torch.autograd.grad(sum(v.sum() for v in _own(kernel, arguments, states)), arguments)
    for e, f in zip(want[:-1], found, strict=True):
        torch.testing.assert_close(f, e, rtol=1e-5, atol=1e-5)


def test_a_gru_without_kept_gates_computes_them_again() -> None:
    from kfront.backends.torch.tuned import rnn_compiled as ops

    op, _, arguments, _ = _case("gru", True, "float64")
    with torch.no_grad():
        out, h, *kept = op(*arguments, True)
        same, _, *none = op(*arguments, False)
        torch.testing.assert_close(same, out)
        assert [v.numel() for v in none] == [0, 0, 0]
        given = (torch.ones_like(out), torch.ones_like(h), *arguments, out)
        for e, f in zip(ops.gru_backward(*given, *kept, True), ops.gru_backward(*given, *none, True), strict=True):
            torch.testing.assert_close(f, e)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_the_ops_are_registered_as_torch_wants_them(kind: str) -> None:
    op, _, arguments, _ = _case(kind, True, "float64")
    torch.library.opcheck(op, (*arguments, True))


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
@pytest.mark.parametrize("masked", [False, True])
def test_a_compiled_layer_has_the_gradients_of_the_eager_one(name: str, masked: bool) -> None:
    layer = getattr(kfront.layers, name)(UNITS, return_sequences=True)
    x = torch.from_numpy(np.random.default_rng(0).standard_normal((BATCH, TIME, FEATURES), dtype="float32"))
    mask = torch.arange(TIME) < torch.tensor([[TIME], [2], [0]]) if masked else None
    layer(x)
    leaves = [x.requires_grad_(), *(p for p in layer.parameters() if p.requires_grad)]

    def loss(x: Any) -> Any:
        return torch.sum(layer(x, mask=mask) ** 2)

    want = torch.autograd.grad(loss(x), leaves)
    torch._dynamo.reset()
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True)
    for e, f in zip(want, torch.autograd.grad(compiled(x), leaves), strict=True):
        torch.testing.assert_close(f, e, rtol=1e-4, atol=1e-5)


def test_the_graph_has_one_node_for_a_sequence() -> None:
    layer = kfront.layers.LSTM(UNITS)
    x = torch.ones(BATCH, 50, FEATURES)
    layer(x)
    nodes: list[str] = []

    def count(graph: Any, _: Any) -> Any:
        nodes.extend(str(n.target) for n in graph.graph.nodes if n.op == "call_function")
        return graph.forward

    torch._dynamo.reset()
    torch.compile(layer, backend=count, fullgraph=True)(x)
    assert len([n for n in nodes if "kfront" in n and "lstm" in n]) == 1
    assert len(nodes) < 40


def test_an_exported_program_holds_ops_of_torch_alone() -> None:
    model = kfront.Sequential([kfront.layers.Input((TIME, FEATURES)), kfront.layers.GRU(UNITS)])
    for strict in (False, True):
        program = torch.export.export(model, (torch.ones(BATCH, TIME, FEATURES),), strict=strict)
        assert not [n for n in program.graph.nodes if "kfront" in str(n.target)]
