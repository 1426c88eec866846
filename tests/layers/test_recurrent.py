"""Recurrent layers: masks, states, dropout, user cells, the three ways through a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops

KINDS = ("SimpleRNN", "LSTM", "GRU")


def data(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def host(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x))


def padded_mask(lengths: list[int], steps: int) -> np.ndarray:
    return np.arange(steps)[None, :] < np.array(lengths)[:, None]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("back", [False, True])
def test_padding_with_a_mask_is_as_if_cut_off(kind: str, back: bool, backend: Any) -> None:
    x, lengths = data(3, 6, 2), [6, 3, 1]
    layer = getattr(layers, kind)(4, return_sequences=True, return_state=True, go_backwards=back)
    out, *states = layer(x, mask=padded_mask(lengths, 6))
    for i, n in enumerate(lengths):
        alone, *ends = layer(x[i : i + 1, :n])
        found = host(out)[i, 6 - n :] if back else host(out)[i, :n]
        np.testing.assert_allclose(found, host(alone)[0], rtol=1e-5, atol=1e-6)
        for a, e in zip(states, ends, strict=True):
            np.testing.assert_allclose(host(a)[i], host(e)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_with_holes_is_as_if_steps_were_left_out(kind: str, backend: Any) -> None:
    x, mask = data(2, 6, 2), np.array([[1, 0, 1, 1, 0, 1], [0, 1, 0, 0, 1, 0]], dtype=bool)
    layer = getattr(layers, kind)(4)
    out = host(layer(x, mask=mask))
    for i in range(2):
        np.testing.assert_allclose(out[i], host(layer(x[i : i + 1, mask[i]]))[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_fused_and_step_by_step_agree(kind: str, backend: Any) -> None:
    x, mask = data(3, 5, 2), padded_mask([5, 2, 0], 5)
    for flags in ({}, {"go_backwards": True}, {"zero_output_for_mask": True}):
        fused = getattr(layers, kind)(4, return_sequences=True, return_state=True, **flags)
        plain = getattr(layers, kind)(4, return_sequences=True, return_state=True, use_cudnn=False, **flags)
        rolled = getattr(layers, kind)(
            4, return_sequences=True, return_state=True, use_cudnn=False, unroll=True, **flags
        )
        cell = layers.RNN(getattr(layers, f"{kind}Cell")(4), return_sequences=True, return_state=True, **flags)
        for m in (None, mask):
            want = fused(x, mask=m)
            for other in (plain, rolled, cell):
                other(x)
                other.set_weights(fused.get_weights())
                for a, e in zip(other(x, mask=m), want, strict=True):
                    np.testing.assert_allclose(host(a), host(e), rtol=1e-5, atol=1e-6)


def test_masks_come_from_embedding(backend: Any) -> None:
    words = np.array([[1, 2, 3, 0, 0], [4, 0, 0, 0, 0]])
    table, layer = layers.Embedding(5, 3, mask_zero=True), layers.LSTM(4)
    out = host(layer(table(words)))
    np.testing.assert_allclose(out[0], host(layer(table(words[:1, :3])))[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(out[1], host(layer(table(words[1:, :1])))[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_stateful_goes_on_where_it_stopped(kind: str, backend: Any) -> None:
    x = data(2, 6, 3)
    layer = getattr(layers, kind)(4, stateful=True)
    first = host(layer(x[:, :3]))
    last = host(layer(x[:, 3:]))
    whole = getattr(layers, kind)(4)
    whole(x)
    whole.set_weights(layer.get_weights())
    np.testing.assert_allclose(last, host(whole(x)), rtol=1e-5, atol=1e-6)
    layer.reset_state()
    np.testing.assert_allclose(host(layer(x[:, :3])), first, rtol=1e-6)
    assert len(layer.weights) == 3
    assert sum(v.path.endswith("rnn_state") for v in layer.variables) == (2 if kind == "LSTM" else 1)


def test_user_cell(backend: Any) -> None:
    class Cell(layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], self.units), initializer="ones")

        def call(self, inputs: Any, states: Any) -> Any:
            h = ops.matmul(inputs, self.kernel) + 0.5 * states[0]
            return h, [h]

    x = np.ones((2, 3, 2), "float32")
    np.testing.assert_allclose(host(layers.RNN(Cell(4))(x)), np.full((2, 4), 3.5), rtol=1e-6)
    stack = layers.RNN([Cell(4), layers.GRUCell(3)], return_state=True)
    out, first, second = stack(x)
    assert host(out).shape == (2, 3)
    np.testing.assert_allclose(host(first), np.full((2, 4), 3.5), rtol=1e-6)  # one size, one state, as in Keras
    assert [host(s).shape for s in second] == [(2, 3)]  # its own first states are a list, as in Keras


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rates", [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)])
def test_dropout_acts_in_training_only(kind: str, rates: tuple[float, float], backend: Any) -> None:
    x = data(4, 5, 3)
    layer = getattr(layers, kind)(8, dropout=rates[0], recurrent_dropout=rates[1], seed=1)
    calm = host(layer(x))
    one, two = host(layer(x, training=True)), host(layer(x, training=True))
    assert not np.allclose(one, calm) and not np.allclose(one, two)
    np.testing.assert_array_equal(host(layer(x)), calm)
    again = getattr(layers, kind)(8, dropout=rates[0], recurrent_dropout=rates[1], seed=1)
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_allclose(host(again(x, training=True)), one, rtol=1e-5, atol=1e-6)


def test_bidirectional_is_two_layers(backend: Any) -> None:
    x, mask = data(2, 5, 3), padded_mask([5, 2], 5)
    layer = layers.Bidirectional(layers.GRU(4, return_sequences=True))
    out = host(layer(x, mask=mask))
    ahead = host(layer.forward_layer(x, mask=mask))
    back = host(layer.backward_layer(x, mask=mask))[:, ::-1]
    np.testing.assert_allclose(out, np.concatenate([ahead, back], -1), rtol=1e-6)
    alone = host(layer(x[1:, :2]))
    np.testing.assert_allclose(out[1, :2], alone[0], rtol=1e-5, atol=1e-6)
    assert layer.backward_layer.go_backwards and not layer.forward_layer.go_backwards


def test_initial_state(backend: Any) -> None:
    x, h = data(2, 3, 2), data(2, 4)
    layer = layers.Bidirectional(layers.LSTM(4, return_state=True), merge_mode=None)
    first, last, *states = layer(x, initial_state=[h, h, h, h])
    assert len(states) == 4
    np.testing.assert_allclose(host(states[0]), host(first), rtol=1e-6)
    np.testing.assert_allclose(host(states[2]), host(last), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float64"])
@pytest.mark.parametrize("kind", KINDS)
def test_dtypes(kind: str, policy: str, backend: Any) -> None:
    x = data(2, 3, 2)
    layer = getattr(layers, kind)(4, dtype=policy, return_state=True)
    out, *states = layer(x)
    want = "float64" if policy == "float64" else "bfloat16"
    if policy == "float64" and backend.name == "jax":
        pytest.skip("jax computes in 32 bits unless jax_enable_x64 is set")
    assert {kfront.backend.standardize_dtype(t.dtype) for t in (out, *states)} == {want}
    assert {w.dtype for w in layer.weights} == {"float64" if policy == "float64" else "float32"}


MASKS = np.array(
    [[1, 1, 0, 1, 0, 1], [0, 0, 1, 1, 0, 1], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1]], dtype=bool
)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("flags", [{}, {"go_backwards": True}, {"zero_output_for_mask": True}])
def test_masks_are_exact_where_the_engine_traces(kind: str, flags: dict[str, Any], trainable_backend: Any) -> None:
    """Outputs, states and gradients of the fused op are those of the scan, for any mask, eagerly and compiled."""
    x, first = data(5, 6, 3), [data(5, 4) for _ in range(2 if kind == "LSTM" else 1)]
    made = [
        getattr(layers, kind)(4, return_sequences=True, return_state=True, use_cudnn=u, **flags)
        for u in ("auto", False)
    ]
    for layer in made:
        layer(x)
    made[1].set_weights(made[0].get_weights())

    def results(layer: Any, compiled: bool) -> list[np.ndarray]:
        inputs = [kfront.Variable(v) for v in (x, *first)]
        sources = [*layer.trainable_variables, *inputs]
        mask = ops.convert_to_tensor(MASKS)
        factors = [ops.convert_to_tensor(f) for f in (data(5, 6, 4), *[data(5, 4) + 1 for _ in first])]

        def run() -> tuple[Any, Any]:
            outs = layer(inputs[0].value, initial_state=[v.value for v in inputs[1:]], mask=mask)
            return sum(ops.sum(o * f) for o, f in zip(outs, factors, strict=True)), outs

        step = lambda: trainable_backend.value_and_grad(run, sources)  # noqa: E731
        value, outs, grads = trainable_backend.compile_step(step, lambda: sources, "auto")() if compiled else step()
        return [trainable_backend.to_numpy(v) for v in (value, *outs, *grads)]

    want = results(made[1], True)
    for compiled in (True,) if flags else (True, False):
        for got, expected in zip(results(made[0], compiled), want, strict=True):
            np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)
