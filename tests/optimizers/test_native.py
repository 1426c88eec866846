"""Where the definition is the same, fifty steps of torch.optim and optax give the same weights."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.conftest import TRAINABLE

import kfront
from kfront import ops, optimizers

STEPS = 50
SHAPES = [(3, 2), (2,), (4, 5)]


def arrays(seed: int) -> list[np.ndarray]:
    r = np.random.default_rng(seed)
    return [r.normal(size=s).astype("float32") for s in SHAPES]


def ours(make: Callable[[], Any], engine: str) -> list[np.ndarray]:
    with kfront.backend_scope(engine):
        weights = [kfront.Variable(x, name=f"w{i}") for i, x in enumerate(arrays(0))]
        optimizer = make()
        for step in range(STEPS):
            optimizer.apply([ops.convert_to_tensor(g) for g in arrays(step + 1)], weights)
        return [w.numpy() for w in weights]


# kfront's epsilon is added to the root before the correction for the first steps, torch's and optax's after: 0 here.
TORCH: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
    "sgd": (lambda: optimizers.SGD(0.05), "SGD", {"lr": 0.05}),
    "momentum": (lambda: optimizers.SGD(0.05, 0.9), "SGD", {"lr": 0.05, "momentum": 0.9}),
    "nesterov": (lambda: optimizers.SGD(0.05, 0.9, True), "SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    "adam": (lambda: optimizers.Adam(0.01, epsilon=0.0), "Adam", {"lr": 0.01, "eps": 0.0}),
    "adamw": (
        lambda: optimizers.AdamW(0.01, 0.1, epsilon=0.0),
        "AdamW",
        {"lr": 0.01, "eps": 0.0, "weight_decay": 0.1},
    ),
    "adagrad": (
        lambda: optimizers.Adagrad(0.1, 0.3, epsilon=0.0),
        "Adagrad",
        {"lr": 0.1, "eps": 0.0, "initial_accumulator_value": 0.3},
    ),
    "adadelta": (lambda: optimizers.Adadelta(1.0, 0.9, 1e-6), "Adadelta", {"lr": 1.0, "rho": 0.9, "eps": 1e-6}),
    "rmsprop": (
        lambda: optimizers.RMSprop(0.01, 0.99, epsilon=0.0),
        "RMSprop",
        {"lr": 0.01, "alpha": 0.99, "eps": 0.0},
    ),
}

OPTAX: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
    "lion": (lambda: optimizers.Lion(0.01), "lion", {"learning_rate": 0.01, "b2": 0.99, "weight_decay": 0.0}),
    "lamb": (lambda: optimizers.Lamb(0.01, epsilon=1e-6), "lamb", {"learning_rate": 0.01, "eps": 1e-6}),
    "adamax": (lambda: optimizers.Adamax(0.01, epsilon=1e-8), "adamax", {"learning_rate": 0.01, "eps": 1e-8}),
    "adam_clipped": (
        lambda: optimizers.Adam(0.01, beta_2=0.9, global_clipnorm=0.5),
        "chain",
        {"clip": 0.5, "learning_rate": 0.01, "b2": 0.9, "eps": 0.0},
    ),
    "adafactor": (
        lambda: optimizers.Adafactor(0.05, relative_step=False),
        "adafactor",
        {"learning_rate": 0.05, "min_dim_size_to_factor": 1, "decay_rate": 0.8, "clipping_threshold": 1.0},
    ),
    "schedule_free": (
        lambda: optimizers.ScheduleFreeAdamW(0.01),
        "contrib.schedule_free_adamw",
        {"learning_rate": 0.01, "weight_decay": 0.0, "eps": 1e-8},
    ),
}


@pytest.mark.parametrize("case", TORCH)
@pytest.mark.parametrize("engine", TRAINABLE)
def test_torch(engine: str, case: str) -> None:
    torch = pytest.importorskip("torch")
    make, name, options = TORCH[case]
    weights = [torch.nn.Parameter(torch.tensor(x)) for x in arrays(0)]
    theirs = getattr(torch.optim, name)(weights, **options)
    for step in range(STEPS):
        for w, g in zip(weights, arrays(step + 1), strict=True):
            w.grad = torch.tensor(g)
        theirs.step()
    for a, w in zip(ours(make, engine), weights, strict=True):
        np.testing.assert_allclose(a, w.detach().numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("case", OPTAX)
def test_optax(case: str) -> None:
    optax = pytest.importorskip("optax")
    jax = pytest.importorskip("jax")
    make, name, options = OPTAX[case]
    if name == "chain":
        clip = options.pop("clip")
        theirs = optax.chain(optax.clip_by_global_norm(clip), optax.adam(**options))
        options["clip"] = clip
    else:
        module, _, attribute = f"optax.{name}".rpartition(".")
        theirs = getattr(importlib.import_module(module), attribute)(**options)
    weights = arrays(0)
    state = theirs.init(weights)

    @jax.jit
    def step_of(grads: Any, state: Any, weights: Any) -> Any:
        updates, state = theirs.update(grads, state, weights)
        return optax.apply_updates(weights, updates), state

    for step in range(STEPS):
        weights, state = step_of(arrays(step + 1), state, weights)
    for engine in TRAINABLE:
        for a, w in zip(ours(make, engine), weights, strict=True):
            np.testing.assert_allclose(a, np.asarray(w), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("engine", TRAINABLE)
def test_muon_steps_are_orthogonal(engine: str) -> None:
    """Singular values of a step lie where five iterations of the published polynomial bring them."""
    with kfront.backend_scope(engine):
        optimizer = optimizers.Muon(1.0, weight_decay=None, rms_rate=None)
        tall, wide = (kfront.Variable(np.zeros(s, "float32"), name="kernel") for s in ((16, 6), (6, 16)))
        g = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
        optimizer.apply([ops.convert_to_tensor(g), ops.convert_to_tensor(g.T.copy())], [tall, wide])
        found = np.linalg.svd(tall.numpy(), compute_uv=False)
        assert found.min() > 0.6 and found.max() < 1.25
        np.testing.assert_allclose(tall.numpy(), wide.numpy().T, rtol=1e-4, atol=1e-5)
        left, _, right = np.linalg.svd(g, full_matrices=False)
        assert (-tall.numpy() * (left @ right)).sum() / 6 > 0.85  # along the nearest orthogonal matrix


@pytest.mark.parametrize("engine", TRAINABLE)
def test_schedule_free_averages(engine: str) -> None:
    """`averages` is the mean of the fast sequence."""
    with kfront.backend_scope(engine):
        w = kfront.Variable([1.0, -2.0])
        optimizer = optimizers.ScheduleFreeAdamW(0.1, warmup_steps=2)
        seen = []
        for step in range(6):
            optimizer.apply([ops.convert_to_tensor(np.array([1.0, 2.0 - step], "float32"))], [w])
            seen.append(optimizer.variables[2].numpy())
        np.testing.assert_allclose(ops.convert_to_numpy(optimizer.averages()[0]), np.mean(seen, 0), rtol=1e-5)


MULTI = "SGD RMSprop Adam AdamW Adamax Nadam Adagrad Adadelta Ftrl Lion ScheduleFreeAdamW"


@pytest.mark.parametrize("name", MULTI.split())
def test_updates_are_multi_tensor(name: str) -> None:
    """On torch the number of operations of a step, clipping, decay and averages included, is that for few variables."""
    pytest.importorskip("torch")
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counter(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            self.count += 1
            return func(*args, **(kwargs or {}))

    options: dict[str, Any] = {"weight_decay": 0.1, "global_clipnorm": 1.0, "use_ema": True}
    options |= {"momentum": 0.9} if name in ("SGD", "RMSprop") else {}
    counts = []
    with kfront.backend_scope("torch"):
        for size in (2, 40):
            weights = [kfront.Variable(np.ones(3, "float32"), name=f"w{i}") for i in range(size)]
            grads = [ops.ones(3) for _ in weights]
            optimizer = getattr(optimizers, name)(0.1, **options)
            optimizer.apply(grads, weights)
            with Counter() as counter:
                optimizer.apply(grads, weights)
            counts.append(counter.count)
    assert counts[0] == counts[1]
