"""kfront's layers where torch's own modules are expected."""

from __future__ import annotations

import copy
import io
import itertools

import numpy as np
import pytest

import kfront
from kfront import layers, ops

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture(autouse=True)
def _on_torch():
    with kfront.backend_scope("torch"):
        yield


def mlp(dropout=0.0):
    return kfront.Sequential(
        [
            kfront.Input((4,)),
            layers.Dense(8, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(dropout, seed=1),
            layers.Dense(3, name="head"),
        ]
    )


def rand(*shape):
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype("float32"))


# ---- names and state -------------------------------------------------------------------------------------------------


def test_models_made_alike_have_the_same_state_dict():
    one, two = mlp(0.5), mlp(0.5)
    assert list(one.state_dict()) == list(two.state_dict())
    assert [k for k in one.state_dict() if "seed" not in k] == [
        "dense.kernel",
        "dense.bias",
        "batch_normalization.gamma",
        "batch_normalization.beta",
        "batch_normalization.moving_mean",
        "batch_normalization.moving_variance",
        "head.kernel",
        "head.bias",
    ]


def test_functional_models_made_alike_have_the_same_state_dict():
    def make():
        x = kfront.Input((4,))
        y = layers.Dense(4)(layers.Dense(4)(x))
        return kfront.Model(x, layers.Add()([x, layers.Dense(4, name="mine")(y)]))

    one, two = make(), make()
    assert list(one.state_dict()) == [
        "dense.kernel",
        "dense.bias",
        "dense_1.kernel",
        "dense_1.bias",
        "mine.kernel",
        "mine.bias",
    ]
    two.load_state_dict(one.state_dict())
    x = rand(2, 4)
    assert torch.equal(one(x), two(x))


def test_layers_may_have_the_automatic_name_of_others():
    layers.Dense(1)  # the automatic names that follow are others than "dense", whichever test runs first
    model = kfront.Sequential(
        [kfront.Input((4, 4)), layers.Conv1D(2, 2, name="dense"), layers.Dense(2), layers.Dense(3)]
    )
    assert len(model.state_dict()) == 6
    model.pop()
    assert len(model.state_dict()) == 4
    model.add(layers.Dense(5))
    assert len(model.state_dict()) == 6 and len(list(model.parameters())) == 6


def test_a_partial_state_dict_is_reported():
    model = mlp()
    state = model.state_dict()
    del state["head.bias"]
    state["extra"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match=r"head\.bias"):
        model.load_state_dict(state)
    missing, unexpected = model.load_state_dict(state, strict=False)
    assert missing == ["head.bias"] and unexpected == ["extra"]


def test_assigned_state_is_what_variables_hold():
    model = mlp()
    state = {k: torch.full_like(v, 0.5) for k, v in model.state_dict().items()}
    model.load_state_dict(state, assign=True)
    assert (model.layers[0].kernel.numpy() == 0.5).all()
    assert model.layers[0].kernel._value is dict(model.named_parameters())["dense.kernel"]


def test_weights_from_nn_linear():
    ours, theirs = layers.Dense(3), nn.Linear(4, 3)
    x = rand(5, 4)
    ours(x)
    with torch.no_grad():
        dict(ours.named_parameters())["kernel"].copy_(theirs.weight.T)
        dict(ours.named_parameters())["bias"].copy_(theirs.bias)
    torch.testing.assert_close(ours(x), theirs(x))


# ---- modes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("masked", [False, True])
def test_train_and_eval_reach_every_layer(masked):
    model = kfront.Sequential(
        [
            kfront.Input((5,), dtype="int32"),
            layers.Embedding(9, 6, mask_zero=masked),
            layers.Dropout(0.5),
            layers.Dense(2),
        ]
    )
    x = torch.tensor([[1, 2, 3, 0, 0]])
    assert torch.equal(model(x), model(x)), "inference unless told"
    model.train()
    draws = [model(x) for _ in range(4)]
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(draws))
    assert torch.equal(model(x, training=False), model(x, training=False))
    model.eval()
    assert torch.equal(model(x), model(x)) and not torch.equal(model(x, training=True), model(x, training=True))


def test_a_default_of_true_is_kept():
    class Noisy(kfront.Layer):
        def call(self, x, training=True):
            return x + 1 if training else x

    layer, x = Noisy(), rand(2, 2)
    for _ in range(3):
        assert torch.equal(layer(x), x + 1)
        assert torch.equal(layer(x, training=False), x)


def test_batch_normalization_learns_its_averages_in_a_torch_loop():
    model = mlp()
    model.train()
    before = model.layers[1].moving_mean.numpy()
    with torch.no_grad():
        model(rand(64, 4))
    assert not np.array_equal(model.layers[1].moving_mean.numpy(), before)
    assert not model.state_dict()["batch_normalization.moving_mean"].requires_grad


# ---- around layers ---------------------------------------------------------------------------------------------------


class Block(nn.Module):
    """A user's module with kfront's layers among its own."""

    def __init__(self):
        super().__init__()
        self.inner = nn.ModuleList([layers.Dense(6, activation="gelu"), layers.LayerNormalization()])
        self.out = nn.Linear(6, 2)

    def forward(self, x):
        for layer in self.inner:
            x = layer(x)
        return self.out(x)


def test_lazy_layers_in_a_module_list():
    block, x = Block(), rand(3, 4)
    block(x)
    assert {n for n, _ in block.named_parameters()} >= {"inner.0.kernel", "inner.1.gamma", "out.weight"}
    twin = copy.deepcopy(block)
    torch.testing.assert_close(twin(x), block(x))
    file = io.BytesIO()
    torch.save(block.state_dict(), file)
    file.seek(0)
    other = Block()
    other(x)
    other.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(other(x), block(x))


def test_a_module_in_a_layer():
    class Both(kfront.Layer):
        def __init__(self):
            super().__init__()
            self.theirs = nn.Linear(4, 4)
            self.ours = layers.Dense(2)

        def call(self, x):
            return self.ours(torch.relu(self.theirs(x)))

    layer = Both()
    layer(rand(2, 4)).sum().backward()
    named = dict(layer.named_parameters())
    assert set(named) == {"theirs.weight", "theirs.bias", "ours.kernel", "ours.bias"}
    assert all(p.grad is not None for p in named.values())


def test_weight_decay_groups_and_schedulers():
    model = mlp()
    groups = [
        {"params": [p for n, p in model.named_parameters() if n.endswith("kernel")], "weight_decay": 0.1},
        {"params": [p for n, p in model.named_parameters() if n.endswith("bias")], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.05)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 5)
    x, y = rand(32, 4), torch.arange(32) % 3
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_kfront_trains_what_torch_trained():
    model, x, y = mlp(), rand(32, 4), torch.arange(32) % 3
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
    loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    want = nn.functional.cross_entropy(model(x), y).item()
    assert model.evaluate(x.numpy(), y.numpy(), verbose=0) == pytest.approx(want, rel=1e-4)
    history = model.fit(x.numpy(), y.numpy(), epochs=3, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_gradient_hooks_of_parameters():
    model, seen = mlp(), []
    name, p = next(iter(model.named_parameters()))
    p.register_hook(lambda g: seen.append(tuple(g.shape)))
    model(rand(2, 4)).sum().backward()
    assert name == "dense.kernel" and seen == [(4, 8)]


def test_parametrization_by_ops_of_kfront_keeps_gradients():
    x = torch.ones(3, 2, requires_grad=True)
    ops.sum(ops.square(layers.Dense(2, kernel_initializer="ones")(x))).backward()
    assert x.grad is not None and (x.grad == 8).all()


def test_data_parallel_sees_one_set_of_parameters():
    model = mlp(0.3)
    trained = {id(v.own) for v in model.trainable_variables}
    assert trained == {id(p) for p in model.parameters()} and len(trained) == len(list(model.parameters()))
    assert {id(x) for x in model.buffers()} == {id(v.own) for v in model.non_trainable_variables}


def test_a_frozen_layer_has_no_gradients():
    model = mlp()
    model.layers[0].trainable = False
    model(rand(2, 4)).sum().backward()
    named = dict(model.named_parameters())
    assert named["dense.kernel"].grad is None and named["head.kernel"].grad is not None
    assert not named["dense.kernel"].requires_grad


def test_compiled_once_for_changing_batches():
    torch._dynamo.reset()
    model = mlp()
    compiled = torch.compile(model, fullgraph=True, backend="eager", dynamic=True)
    for n in (2, 5, 9):
        torch.testing.assert_close(compiled(rand(n, 4)), model(rand(n, 4)))
