"""What optimizers do besides their rules: compiled, stateless, with own rules; names, configs, errors."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import backends, ops, optimizers
from kfront.core.errors import ArgumentError, ArgumentTypeError, NotBuiltError, ShapeError

BACKENDS = [b for b in ("torch", "jax", "tensorflow") if b in backends.installed()]
NAMES = ["SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta", "Ftrl", "Lion", "Lamb"]
NAMES += ["Adafactor", "Muon", "ScheduleFreeAdamW"]
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in NAMES),
    ("SGD", {"momentum": 0.9, "nesterov": True}),
    ("RMSprop", {"centered": True, "momentum": 0.5}),
    ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("Adam", {"gradient_accumulation_steps": 2, "use_ema": True, "ema_overwrite_frequency": 3, "clipnorm": 0.5}),
    ("SGD", {"global_clipnorm": 0.1, "loss_scale_factor": 4.0}),
    ("AdamW", {"param_groups": [{"pattern": "bias", "learning_rate": 0.5, "weight_decay": 2.0}]}),
    ("ScheduleFreeAdamW", {"warmup_steps": 3, "weight_decay": 0.1}),
    ("SGD", {"learning_rate": optimizers.schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=2)}),
]


def values(seed: int) -> list[np.ndarray]:
    r = np.random.default_rng(seed)
    return [r.normal(size=s).astype("float32") for s in ((3, 2), (2,))]


def weights() -> list[Any]:
    return [kfront.Variable(x, name=n) for x, n in zip(values(0), ("kernel", "bias"), strict=True)]


def native(arrays: list[np.ndarray]) -> list[Any]:
    return [ops.convert_to_tensor(a) for a in arrays]


def compiled(b: Any, fn: Any, variables: list[Any]) -> Any:
    """`fn` as the engine compiles it, without falling back."""
    if b.name == "torch":
        import torch

        torch._dynamo.reset()
        return torch.compile(fn, fullgraph=True, backend="eager")
    return b.compile_step(fn, lambda: variables, True)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_compiled_equals_eager(backend: str, name: str, options: dict[str, Any]) -> None:
    with kfront.backend_scope(backend) as b:
        results = []
        for compile_it in (False, True):
            mine = weights()
            optimizer = getattr(optimizers, name)(**{"learning_rate": 0.05, **options})
            optimizer.build(mine)

            def step(*grads: Any, optimizer: Any = optimizer, mine: Any = mine) -> None:
                with b.no_grad():
                    optimizer.apply(list(grads), mine)

            run = compiled(b, step, [*mine, *optimizer.variables]) if compile_it else step
            for i in range(4):
                run(*native(values(i + 1)))
            results.append([v.numpy() for v in (*mine, *optimizer.variables)])
        for eager, jitted in zip(*results, strict=True):
            np.testing.assert_allclose(jitted, eager, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_stateless(backend: str, name: str, options: dict[str, Any]) -> None:
    with kfront.backend_scope(backend):
        mine = weights()
        optimizer = getattr(optimizers, name)(**{"learning_rate": 0.05, **options})
        optimizer.build(mine)
        state, trained = [v.value for v in optimizer.variables], [v.value for v in mine]
        for i in range(3):
            trained, state = optimizer.stateless_apply(state, native(values(i + 1)), trained)
        before = [v.numpy() for v in mine]
        np.testing.assert_array_equal(before[0], values(0)[0])  # nothing was changed
        for i in range(3):
            optimizer.apply(native(values(i + 1)), mine)
        for v, x in zip((*mine, *optimizer.variables), (*trained, *state), strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(x), v.numpy(), rtol=1e-5, atol=1e-6)


class OwnMomentum(optimizers.Optimizer):
    """SGD with momentum as a user writes it."""

    def __init__(self, learning_rate: float = 0.1, momentum: float = 0.9, **kwargs: Any) -> None:
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.slots = [self.add_variable_from_reference(reference_variable=v, name="m") for v in variables]

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        learning_rate = ops.cast(learning_rate, variable.dtype)
        gradient = ops.cast(gradient, variable.dtype)
        m = self.slots[self._get_variable_index(variable)]
        step = ops.subtract(ops.multiply(m, self.momentum), ops.multiply(gradient, learning_rate))
        self.assign(m, step)
        self.assign_add(variable, step)


class DoubleAdam(optimizers.Adam):
    """A subclass that goes around one of our rules."""

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        super().update_step(ops.multiply(gradient, 2.0), variable, learning_rate)


@pytest.mark.parametrize("backend", BACKENDS)
def test_own_rules(backend: str) -> None:
    with kfront.backend_scope(backend):
        pairs = [
            (OwnMomentum(0.1, weight_decay=0.1), optimizers.SGD(0.1, 0.9, weight_decay=0.1), 1),
            (DoubleAdam(0.1), optimizers.Adam(0.1), 2),
        ]
        for own, ours, factor in pairs:
            mine, others = weights(), weights()
            for i in range(3):
                own.apply(native(values(i)), mine)
                ours.apply(native([factor * g for g in values(i)]), others)
            for a, c in zip(mine, others, strict=True):
                np.testing.assert_allclose(a.numpy(), c.numpy(), rtol=1e-5)
        assert own.variables[2].path.endswith("/kernel_momentum")


@pytest.mark.parametrize("backend", BACKENDS)
def test_missing_gradients_dtypes_constraints(backend: str) -> None:
    with kfront.backend_scope(backend):
        mine = [
            *weights(),
            kfront.Variable(np.ones(3, "float16"), name="half"),
            kfront.Variable(np.ones(2), name="taken"),
        ]
        mine[0].constraint = lambda w: ops.maximum(w, 0.0)
        mine[3].overwrite_with_gradient = True
        optimizer = optimizers.Adam(0.1)
        grads = [*native(values(1)), np.ones(3, "float32"), np.full(2, 7.0)]
        optimizer.apply(grads, mine)
        assert mine[0].numpy().min() == 0
        assert mine[2].dtype == "float16"
        np.testing.assert_allclose(mine[2].numpy(), 0.9, rtol=2e-3)
        np.testing.assert_allclose(mine[3].numpy(), 7.0)
        kept = mine[1].numpy()
        with pytest.warns(UserWarning, match="no gradient for bias"):
            optimizer.apply([grads[0], None], mine[:2])
        np.testing.assert_array_equal(mine[1].numpy(), kept)
        assert int(optimizer.iterations.numpy()) == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_ema_and_learning_rate(backend: str) -> None:
    with kfront.backend_scope(backend):
        mine = weights()
        optimizer = optimizers.SGD(0.5, use_ema=True, ema_momentum=0.5)
        optimizer.apply(native(values(1)), mine)
        optimizer.learning_rate = 0.25
        assert float(optimizer.learning_rate.numpy()) == 0.25
        optimizer.apply(native(values(1)), mine)
        w0, g = values(0)[1], values(1)[1]
        np.testing.assert_allclose(mine[1].numpy(), w0 - 0.75 * g, rtol=1e-5)
        optimizer.finalize_variable_values(mine)
        np.testing.assert_allclose(mine[1].numpy(), w0 - 0.5 * g - 0.125 * g, rtol=1e-5)
        rates = iter([1.0, 0.0])
        called = optimizers.SGD(lambda: next(rates))
        v = kfront.Variable([1.0])
        for _ in range(2):
            called.apply([ops.ones(1)], [v])
        assert v.numpy().tolist() == [0.0]
        with pytest.raises(ArgumentTypeError, match="no new value"):
            optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)).learning_rate = 0.1


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("compile_it", [False, True])
def test_loss_scale(backend: str, compile_it: bool) -> None:
    seen = []
    with kfront.backend_scope(backend) as b:
        v = kfront.Variable(np.zeros(2, "float32"))
        optimizer = optimizers.LossScaleOptimizer(optimizers.SGD(0.1), initial_scale=4.0, dynamic_growth_steps=3)
        optimizer.build([v])

        def step(gradient: Any) -> None:
            with b.no_grad():
                optimizer.apply([gradient], [v])

        run = compiled(b, step, [v, *optimizer.variables]) if compile_it else step
        scale = 4.0
        for g in (1, 1, 1, np.inf, 1, 1, 1, np.nan, 1):
            run(ops.convert_to_tensor(np.full(2, g * scale, "float32")))
            scale = float(optimizer.dynamic_scale.numpy())
            counts = (int(optimizer.step_counter.numpy()), int(optimizer.iterations.numpy()))
            seen.append((round(float(v.numpy()[0]), 5), *counts, scale))
        assert float(optimizer.scale_loss(ops.ones(()))) == scale
    assert seen == [
        *((-0.1, 1, 1, 4.0), (-0.2, 2, 2, 4.0), (-0.3, 0, 3, 8.0), (-0.3, 0, 3, 4.0)),
        *((-0.4, 1, 4, 4.0), (-0.5, 2, 5, 4.0), (-0.6, 0, 6, 8.0), (-0.6, 0, 6, 4.0), (-0.7, 1, 7, 4.0)),
    ]


def test_weight_decay_exclusion() -> None:
    mine = weights()
    optimizer = optimizers.SGD(0.1, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.apply(native([np.zeros((3, 2), "float32"), np.zeros(2, "float32")]), mine)
    np.testing.assert_allclose(mine[0].numpy(), values(0)[0] * 0.95, rtol=1e-6)
    np.testing.assert_array_equal(mine[1].numpy(), values(0)[1])
    optimizer.exclude_from_weight_decay(var_list=[mine[0]])  # takes effect at the next step
    before = mine[0].numpy()
    optimizer.apply(native([np.zeros((3, 2), "float32"), np.zeros(2, "float32")]), mine)
    np.testing.assert_array_equal(mine[0].numpy(), before)


def test_a_misspelt_name() -> None:
    with pytest.raises(ArgumentError, match="did you mean .*'adam'"):
        optimizers.get("adma")


def test_names() -> None:
    with kfront.name_scope("model"), kfront.name_scope("dense"):
        v = kfront.Variable(np.zeros((2, 3)), dtype="float32", name="kernel")
    optimizer = optimizers.Adam(name="adam")
    optimizer.build([v])
    assert [v.path for v in optimizer.variables] == [
        "adam/iteration",
        "adam/learning_rate",
        "adam/model_dense_kernel_momentum",
        "adam/model_dense_kernel_velocity",
    ]


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_config(name: str, options: dict[str, Any]) -> None:
    optimizer = getattr(optimizers, name)(**options)
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()
    config = optimizers.serialize(optimizer)
    assert (config["module"], config["class_name"]) == ("keras.optimizers", name)
    assert optimizers.deserialize(config).get_config() == optimizer.get_config()
    assert type(optimizers.get(name.lower())) is type(optimizer)


@pytest.mark.parametrize("backend", BACKENDS)
def test_state_goes_through_files_copies_and_pickles(backend: str) -> None:
    with kfront.backend_scope(backend):
        mine = weights()
        optimizer = optimizers.Adam(0.1)
        optimizer.apply(native(values(1)), mine)
        store: dict[str, Any] = {}
        optimizer.save_own_variables(store)
        assert sorted(store, key=int) == [str(i) for i in range(6)]
        other_weights = [kfront.Variable(v.numpy()) for v in mine]
        other = optimizers.Adam(0.3)
        other.build(other_weights)
        other.load_own_variables(store)
        both = copy.deepcopy([optimizer, mine]), pickle.loads(pickle.dumps([optimizer, mine]))
        optimizer.apply(native(values(2)), mine)
        other.apply(native(values(2)), other_weights)
        for one, copied in both:
            one.apply(native(values(2)), copied)
        for group in (other_weights, both[0][1], both[1][1]):
            for a, c in zip(group, mine, strict=True):
                np.testing.assert_allclose(a.numpy(), c.numpy(), rtol=1e-6)
        with pytest.warns(UserWarning, match="expected 6 saved values, got 1"):
            optimizer.load_own_variables({"0": np.zeros(())})


BAD: list[tuple[Any, type[Exception], str]] = [
    (lambda: optimizers.get("addam"), ArgumentError, "expected one of"),
    (lambda: optimizers.get(3), ArgumentError, "got 3"),
    (lambda: optimizers.SGD(clipnorm=1.0, clipvalue=1.0), ArgumentError, "at most one"),
    (lambda: optimizers.SGD(clipnorm=-1.0), ArgumentError, "clipnorm"),
    (lambda: optimizers.SGD(momentum=3.0), ArgumentError, "momentum"),
    (lambda: optimizers.SGD("fast"), ArgumentError, "learning_rate"),
    (lambda: optimizers.SGD(lr=0.1), ArgumentError, "got lr"),
    (lambda: optimizers.SGD(use_ema=True, ema_momentum=3.0), ArgumentError, "ema_momentum"),
    (lambda: optimizers.SGD(gradient_accumulation_steps=1), ArgumentError, ">= 2"),
    (lambda: optimizers.SGD().apply([np.ones(1)]), NotBuiltError, "build"),
    (lambda: optimizers.SGD().stateless_apply([], [], []), NotBuiltError, "build"),
    (lambda: optimizers.SGD().set_weights([1]), NotBuiltError, "build"),
    (lambda: optimizers.SGD().apply([None], weights()[:1]), ArgumentError, "at least one"),
    (lambda: optimizers.SGD().apply(native(values(1)), weights()[:1]), ArgumentError, "one gradient for each"),
    (lambda: optimizers.SGD().build([1.0]), ArgumentTypeError, "Variables"),
    (lambda: optimizers.LossScaleOptimizer(optimizers.SGD(), clipnorm=1.0), ArgumentError, "inner optimizer"),
    (lambda: optimizers.schedules.ExponentialDecay(0.1, 0, 0.5), ArgumentError, "decay_steps"),
    (lambda: optimizers.schedules.PiecewiseConstantDecay([1], [1.0]), ArgumentError, "one value more"),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD)
def test_errors(call: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_unknown_variable_and_wrong_shape() -> None:
    optimizer = optimizers.SGD()
    optimizer.build(weights())
    with pytest.raises(ArgumentError, match="built for"):
        optimizer.apply(native(values(1)), weights())
    with pytest.raises((ShapeError, RuntimeError)):
        optimizers.SGD().apply([ops.ones((5, 5))], weights()[:1])


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_sparse_gradients(name, trainable_backend):
    """As dense ones; Adam on torch asks for dense ones, as `torch.optim.Adam` does."""
    if (name, trainable_backend.name) == ("Adam", "torch"):
        return
    gradient, found = np.float32([[0, 2], [0, 0], [1, 0]]), []
    for sparse in (None, True):
        weight = kfront.Variable(np.ones((3, 2), "float32"))
        optimizer = getattr(kfront.optimizers, name)(0.1)
        for _ in range(2):
            optimizer.apply([kfront.ops.convert_to_tensor(gradient, sparse=sparse)], [weight])
        found.append(weight.numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)
