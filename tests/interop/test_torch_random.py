"""Random layers under torch's own tools: checkpoints, `manual_seed`, `fork_rng`; torch's layers are the oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops

torch = pytest.importorskip("torch")
nn = torch.nn
checkpoint = pytest.importorskip("torch.utils.checkpoint").checkpoint
make_fx = pytest.importorskip("torch.fx.experimental.proxy_tensor").make_fx


@pytest.fixture(autouse=True)
def on_torch() -> Any:
    with kfront.backend_scope("torch"):
        yield


class Uniform(layers.Layer):
    """A layer of a user's own that draws, by a generator of its own, or by none."""

    def __init__(self, seed: int | None = None, own: bool = True) -> None:
        super().__init__()
        self.generator = kfront.random.SeedGenerator(seed) if own else None

    def call(self, x: Any) -> Any:
        return x * kfront.random.uniform(ops.shape(x), seed=self.generator)


RANDOM = {
    "Dropout": lambda seed: layers.Dropout(0.5, seed=seed),
    "Dropout, large": lambda seed: nn.Sequential(layers.Dense(2000), layers.Dropout(0.5, seed=seed), layers.Dense(8)),
    "Dropout, noise_shape": lambda seed: layers.Dropout(0.5, noise_shape=(None, None, 1), seed=seed),
    "SpatialDropout1D": lambda seed: layers.SpatialDropout1D(0.5, seed=seed),
    "AlphaDropout": lambda seed: layers.AlphaDropout(0.5, seed=seed),
    "GaussianNoise": lambda seed: layers.GaussianNoise(0.5, seed=seed),
    "GaussianDropout": lambda seed: layers.GaussianDropout(0.5, seed=seed),
    "LSTM": lambda seed: layers.LSTM(8, dropout=0.3, recurrent_dropout=0.3, seed=seed, return_sequences=True),
    "GRU": lambda seed: layers.GRU(8, dropout=0.3, seed=seed, return_sequences=True),
    "MultiHeadAttention": lambda seed: Attends(layers.MultiHeadAttention(2, 4, dropout=0.5, seed=seed)),
    "own": lambda seed: Uniform(seed),
    "global": lambda seed: Uniform(own=False),
}


class Attends(nn.Module):
    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Any) -> Any:
        return self.layer(x, x)


def network(name: str, seed: int | None) -> Any:
    kfront.utils.set_random_seed(4)
    net = nn.Sequential(layers.Dense(8), RANDOM[name](seed), layers.Dense(3)).train()
    net(torch.ones(4, 5, 8))
    return net


def gradients(net: Any, run: Any) -> list[Any]:
    kfront.utils.set_random_seed(11)
    torch.manual_seed(7)
    x = torch.linspace(-1, 1, 160).reshape(4, 5, 8).requires_grad_()
    out = run(net, x)
    (out.square().sum() + run(net, x).sum()).backward()  # two calls: each has its own numbers
    return [out.detach(), x.grad, *(p.grad for p in net.parameters() if p.grad is not None)]


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("reentrant", [False, True])
@pytest.mark.parametrize("name", RANDOM)
def test_checkpoint_repeats_the_numbers(name: str, reentrant: bool, seed: int | None) -> None:
    """The gradients are those of a run without checkpoints, which draws the same numbers."""
    plain, kept = network(name, seed), network(name, seed)
    outputs: list[Any] = []

    def remembered(net: Any, x: Any) -> Any:
        out = checkpoint(net, x, use_reentrant=reentrant)
        outputs.append(out.detach())
        return out

    got = gradients(kept, remembered)
    want = gradients(plain, lambda net, x: net(x))
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b)
    assert not torch.equal(outputs[0], outputs[1])
    for a, b in zip(kept.state_dict().values(), plain.state_dict().values(), strict=True):
        assert torch.equal(a, b)  # the second run has not moved the seeds on


@pytest.mark.parametrize("name", RANDOM)
def test_manual_seed(name: str) -> None:
    """As for torch's layers: one seed, one sequence; layers with a seed of their own keep to that."""
    net, x = network(name, None), torch.ones(4, 5, 8)
    if name == "global":
        kfront.core.rng._global["seed"] = None  # as in a program that calls `torch.manual_seed` only
        kfront.core.rng.clear_global_generators()
    torch.manual_seed(1)
    first, second = net(x), net(x)
    torch.manual_seed(1)
    assert torch.equal(net(x), first) and torch.equal(net(x), second) and not torch.equal(first, second)
    with torch.random.fork_rng():
        inside = net(x)
    assert torch.equal(net(x), inside)
    state = torch.get_rng_state()
    third = net(x)
    torch.set_rng_state(state)
    assert torch.equal(net(x), third)


def test_masks_are_those_of_torchs_layer() -> None:
    x = torch.ones(8, 16)
    outputs = []
    for make in (lambda: layers.Dropout(0.3), lambda: nn.Dropout(0.3)):
        layer = make().train()
        torch.manual_seed(3)
        outputs.append((layer(x), layer(x)))
    for a, b in zip(*outputs, strict=True):
        assert torch.equal(a, b)


def test_a_seed_is_a_seed() -> None:
    x, outputs = torch.ones(4, 8), []
    for torchs in (1, 2):
        torch.manual_seed(torchs)
        layer = layers.Dropout(0.5, seed=7).train()
        outputs.append(torch.stack([layer(x) for _ in range(3)]))
    assert torch.equal(*outputs)


def test_stateless_calls_depend_on_the_state_alone() -> None:
    layer = layers.Dropout(0.5)
    x = torch.ones(4, 8)
    values = ([], [v.value.clone() for v in layer.non_trainable_variables])
    first, new = layer.stateless_call(*values, x, training=True)
    assert torch.equal(layer.stateless_call(*values, x, training=True)[0], first)
    assert not torch.equal(layer.stateless_call([], new, x, training=True)[0], first)


def test_runs_are_repeated_by_one_seed() -> None:
    def losses() -> list[float]:
        kfront.utils.set_random_seed(5)
        model = kfront.Sequential([layers.Dense(8), layers.Dropout(0.5), layers.GaussianNoise(0.1), layers.Dense(1)])
        model.compile("sgd", "mse")
        x = np.linspace(-1, 1, 64, dtype="float32").reshape(16, 4)
        return model.fit(x, x[:, :1], epochs=3, batch_size=4, verbose=0).history["loss"]

    assert losses() == losses()


def test_a_checkpoint_inside_fit() -> None:
    """What a call was told of training holds in the second run too."""

    class Net(kfront.Model):
        def __init__(self, kept: bool) -> None:
            super().__init__()
            self.kept, self.norm = kept, layers.BatchNormalization()
            self.body = kfront.Sequential([layers.Dense(16, "tanh"), layers.Dropout(0.5), nn.Dropout(0.5)])
            self.native, self.head = nn.Sequential(nn.Linear(16, 16), nn.Dropout(0.5)), layers.Dense(1)

        def part(self, x: Any) -> Any:
            return self.native(self.body(x))

        def call(self, x: Any) -> Any:
            x = checkpoint(self.part, x, use_reentrant=False) if self.kept else self.part(x)
            return self.head(self.norm(x))

    x = np.linspace(-1, 1, 64, dtype="float32").reshape(16, 4)
    results = []
    for kept in (True, False):
        kfront.utils.set_random_seed(2)
        model = Net(kept)
        model(x)
        torch.manual_seed(6)
        model.compile(kfront.optimizers.SGD(0.1), "mse")
        results.append(model.fit(x, x[:, :1], epochs=3, batch_size=4, shuffle=False, verbose=0).history["loss"])
    np.testing.assert_allclose(*results, rtol=1e-5)


def test_transforms_of_torch_move_seeds_on():
    """The next key stays in the layer: it is no value of the transform, which ends."""
    x, layer = torch.ones(2, 50), layers.Dropout(0.5, seed=7)
    transforms = {
        "grad": lambda f: torch.func.grad(lambda a: f(a).sum())(x),
        "vmap": lambda f: torch.func.vmap(f, randomness="different")(x),
        "jvp": lambda f: torch.func.jvp(f, (x,), (x,))[0],
        "make_fx": lambda f: make_fx(f)(x)(x),
    }
    for name, run in transforms.items():
        state = layer.seed_generator.state
        before = state.numpy()
        run(lambda a: layer(a, training=True))
        assert state.value is state.own and type(state.own) is torch.Tensor, name
        assert state.numpy().tolist() == [before[0], before[1] + 1], name
    before = state.numpy()
    slope = transforms["grad"](lambda a: layer(a, training=True))
    state.assign(before)
    torch.testing.assert_close(slope, layer(x, training=True))  # the gradient of the mask that was drawn
