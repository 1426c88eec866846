"""What a Transformer of 12 blocks keeps for its gradient: with `RematScope` a third or less, counted on each engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops

WIDTH, LENGTH, BATCH = 16, 64, 2


class Block(layers.Layer):
    """Attention and two dense layers, each added to what it gets."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
        self.attention = layers.MultiHeadAttention(2, WIDTH // 2)
        self.wide, self.narrow = layers.Dense(4 * WIDTH, "gelu"), layers.Dense(WIDTH)

    def build(self, shape: Any) -> None:
        for norm in self.norms:
            norm.build(shape)
        self.attention.build(shape, shape)
        self.wide.build(shape)
        self.narrow.build((*shape[:-1], 4 * WIDTH))

    def call(self, x: Any) -> Any:
        y = self.norms[0](x)
        x = x + self.attention(y, y, use_causal_mask=True)
        return x + self.narrow(self.wide(self.norms[1](x)))


def kept_by_torch(loss: Any, weights: list[Any]) -> int:
    import torch

    kept: dict[int, int] = {}

    def pack(x: torch.Tensor) -> torch.Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss().backward()
    own = {w.value.untyped_storage().data_ptr() for w in weights}
    return sum(size for place, size in kept.items() if place not in own)


def kept_by_jax(loss: Any, weights: list[Any]) -> int:
    from jax._src.ad_checkpoint import saved_residuals

    def bound(values: Any) -> Any:
        with kfront.StatelessScope(state_mapping=list(zip(weights, values, strict=True))):
            return loss()

    found = saved_residuals(bound, [w.value for w in weights])
    return sum(int(np.prod(x.shape)) * x.dtype.itemsize for x, why in found if "argument" not in why)


def kept_by_tensorflow(loss: Any, weights: list[Any]) -> int:
    import tensorflow as tf

    made = tf.function(loss, autograph=False).get_concrete_function()
    forward, _ = made._delayed_rewrite_functions.forward_backward()
    handles = (tf.resource, tf.variant)
    return sum(x.shape.num_elements() * x.dtype.size for x in forward.graph.outputs if x.dtype not in handles)


KEPT = {"torch": kept_by_torch, "jax": kept_by_jax, "tensorflow": kept_by_tensorflow}


def kept(engine: str, mode: str | None) -> tuple[float, float]:
    """What is kept, in units of a block's input, and the loss."""
    kfront.utils.set_random_seed(0)
    with kfront.RematScope(mode):
        inputs = x = kfront.Input((LENGTH, WIDTH))
        for _ in range(12):
            x = Block()(x)
        model = kfront.Model(inputs, x)
    data = ops.array(np.random.default_rng(0).standard_normal((BATCH, LENGTH, WIDTH)).astype("float32"))
    loss = lambda: ops.mean(ops.square(model(data, training=True)))  # noqa: E731
    size = KEPT[engine](loss, model.trainable_variables)
    return size / (BATCH * LENGTH * WIDTH * 4), float(ops.stop_gradient(loss()))


@pytest.mark.sampled(4, table="long")
def test_twelve_blocks(trainable_backend: Any) -> None:
    whole, want = kept(trainable_backend.name, None)
    cut, found = kept(trainable_backend.name, "full")
    assert found == pytest.approx(want, rel=1e-6)
    assert whole > 12 * 10, "what a block computes is kept"
    assert 12 <= cut <= whole / 3, "each block keeps its input"


@pytest.mark.sampled(4, table="long")
def test_compiled_step_of_jax(monkeypatch: Any) -> None:
    """The memory of a compiled training step beside its inputs; the same step inside JAX's own transforms."""
    jax = pytest.importorskip("jax")
    from kfront.backends.jax import step as steps

    sizes: list[int] = []
    chosen = steps._Compiled.chosen

    def measured(self: Any) -> Any:
        run = chosen(self)

        def call(*args: Any) -> Any:
            made = run.lower(*args).compile()
            sizes.append(made.memory_analysis().temp_size_in_bytes)
            return made(*args)

        return call

    x = np.random.default_rng(0).standard_normal((BATCH, LENGTH, WIDTH)).astype("float32")
    losses = []
    with kfront.backend_scope("jax"):
        for mode in (None, "full"):
            kfront.utils.set_random_seed(0)
            with kfront.RematScope(mode):
                model = kfront.Sequential([kfront.Input((LENGTH, WIDTH)), *(Block() for _ in range(12))])
            model.compile("sgd", "mse")
            with monkeypatch.context() as patch:
                patch.setattr(steps._Compiled, "chosen", measured)
                losses.append(model.train_on_batch(x, x))
        assert losses[0] == pytest.approx(losses[1], rel=1e-6)
        assert len(sizes) == 2
        assert sizes[1] <= sizes[0] / 3
        with kfront.RematScope():
            wave = layers.Dense(4, "gelu")
        step = kfront.jit(kfront.grad(lambda y: ops.sum(ops.square(wave(y)))))
        whole = np.asarray(step(ops.array(x)))
        for inside in (jax.vmap(lambda y: step(y[None])[0]), jax.jit(lambda y: step(y))):
            np.testing.assert_allclose(inside(ops.array(x)), whole, rtol=1e-3, atol=1e-4)
