"""Layers around models of one engine: values, gradients, files, and that no file makes them read anything."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops
from kfront.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    KfrontError,
    ShapeError,
    UnsafeFileError,
    UnsupportedError,
)

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)
Y = X[:, :2]


def fits(model: Any) -> None:
    """Training lowers the loss and moves every trained weight."""
    model.compile(kfront.optimizers.SGD(0.1), "mse")
    before = [w.numpy() for w in model.trainable_weights]
    losses = model.fit(X, Y, epochs=5, verbose=0, batch_size=4).history["loss"]
    assert losses[-1] < losses[0]
    assert all((w.numpy() != old).any() for w, old in zip(model.trainable_weights, before, strict=True))


@pytest.mark.parametrize(
    ("name", "homes", "make"),
    [
        ("TorchModuleWrapper", ("torch",), lambda: layers.TorchModuleWrapper(object())),
        ("JaxLayer", ("jax", "tensorflow"), lambda: layers.JaxLayer(lambda params, inputs: inputs, params=[])),
        ("FlaxLayer", ("jax", "tensorflow"), lambda: layers.FlaxLayer(object())),
        ("TFSMLayer", ("tensorflow",), lambda: layers.TFSMLayer(".")),
    ],
)
def test_other_engines_say_so(name: str, homes: tuple[str, ...], make: Any, backend: Any) -> None:
    if backend.name not in homes:
        with pytest.raises(UnsupportedError, match=rf"\[{name}\] expected the {' or '.join(homes)} engine"):
            make()


# ---- torch -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def torch() -> Any:
    found = pytest.importorskip("torch")
    with kfront.backend_scope("torch"):
        yield found


def module(torch: Any) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Linear(3, 4, bias=False), torch.nn.BatchNorm1d(4), torch.nn.Tanh(), torch.nn.Linear(4, 2)
    )


def test_torch_weights_are_the_modules(torch: Any) -> None:
    inner = module(torch)
    layer = layers.TorchModuleWrapper(inner, name="net")
    assert [w.name for w in layer.weights] == [n for n, _ in inner.named_parameters()]
    assert layer.weights[0].path == "net/0.weight"
    np.testing.assert_allclose(layer(X).detach(), inner.eval()(torch.tensor(X)).detach(), rtol=1e-6)
    layer.weights[-1].assign([5.0, 6.0])
    assert inner[3].bias.tolist() == [5.0, 6.0]
    with torch.no_grad():
        inner[3].bias.zero_()
    np.testing.assert_array_equal(layer.weights[-1].numpy(), [0, 0])
    layer.trainable = False
    assert not any(p.requires_grad for p in inner.parameters()) and not layer.trainable_weights
    layer.trainable = True
    assert set(layer.state_dict()) == {f"module.{n}" for n in inner.state_dict()}
    layer.double()
    assert layer.weights[0].dtype == "float64" and layer(X.astype("float64")).dtype == torch.float64


def test_torch_training(torch: Any) -> None:
    inner = module(torch)
    model = kfront.Sequential([kfront.Input((3,)), layers.TorchModuleWrapper(inner, output_shape=(None, 2))])
    mean = inner[1].running_mean.clone()
    fits(model)
    assert not torch.equal(inner[1].running_mean, mean)  # training mode reached the module
    frozen = inner[1].running_mean.clone()
    model.predict(X, verbose=0)
    assert torch.equal(inner[1].running_mean, frozen)


def test_torch_shapes(torch: Any) -> None:
    layer = layers.TorchModuleWrapper(torch.nn.Conv1d(3, 5, 2))
    assert layer(kfront.Input((3, 7))).shape == (None, 5, 6)
    assert layers.TorchModuleWrapper(torch.nn.Linear(3, 2), output_shape=(None, 2))(kfront.Input((3,))).shape == (
        None,
        2,
    )


def test_torch_stateless_and_mixed(torch: Any) -> None:
    layer = layers.TorchModuleWrapper(torch.nn.Linear(3, 2))
    zeros = [torch.zeros_like(w.value) for w in layer.weights]
    out, _ = layer.stateless_call(zeros, [], torch.tensor(X))
    assert not out.any() and layer(X).any()
    mixed = layers.TorchModuleWrapper(torch.nn.Linear(3, 2), dtype="mixed_bfloat16")
    assert mixed(X).dtype == torch.bfloat16 and mixed.weights[0].dtype == "float32"
    mixed(X).float().sum().backward()
    assert mixed.module.weight.grad is not None
    twin = copy.deepcopy(layer)
    twin.weights[0].assign(np.zeros((2, 3)))
    assert layer.weights[0].numpy().any() and not twin.module.weight.any()


def test_torch_files(torch: Any, tmp_path: Any) -> None:
    model = kfront.Sequential([kfront.Input((3,)), layers.TorchModuleWrapper(module(torch), output_shape=(None, 2))])
    want = model.predict(X, verbose=0)
    model.save_weights(tmp_path / "w.weights.h5")
    other = module(torch)
    torch.nn.init.ones_(other[0].weight)
    again = kfront.Sequential([kfront.Input((3,)), layers.TorchModuleWrapper(other, output_shape=(None, 2))])
    again.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_allclose(again.predict(X, verbose=0), want, rtol=1e-6)
    store: dict[str, Any] = {}
    layer = layers.TorchModuleWrapper(torch.nn.Linear(3, 2))
    layer.save_own_variables(store)
    store["weight"] = np.zeros((4, 4))
    with pytest.raises(ShapeError, match="state_dict"):
        layer.load_own_variables(store)
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnsafeFileError, match="never run"):
        kfront.models.load_model(tmp_path / "m.keras")


def test_torch_payloads_are_refused(torch: Any) -> None:
    config = {"name": "x", "trainable": True, "dtype": "float32", "module": "UEsDBBQ=", "output_shape": None}
    wrapped = {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": config, "registered_name": None}
    for safe_mode in (True, False):
        with pytest.raises(UnsafeFileError, match="never run"):
            kfront.saving.deserialize_keras_object(wrapped, safe_mode=safe_mode)
    with pytest.raises(UnsafeFileError):
        layers.TorchModuleWrapper.from_config(config, safe_mode=False)
    with pytest.raises(ArgumentTypeError, match=r"torch\.nn\.Module"):
        layers.TorchModuleWrapper("module")
    with pytest.raises(ArgumentTypeError, match="lazy"):
        layers.TorchModuleWrapper(torch.nn.LazyLinear(2))


def test_torch_subclass_makes_its_module(torch: Any) -> None:
    class Net(layers.TorchModuleWrapper):
        def __init__(self, units: int = 2, **kwargs: Any) -> None:
            super().__init__(torch.nn.Linear(3, units), **kwargs)
            self.units = units

        def get_config(self) -> dict[str, Any]:
            base = super().get_config()
            return {"name": base["name"], "units": self.units}

    layer = Net(5, name="n")
    again = kfront.saving.deserialize_keras_object(
        kfront.saving.serialize_keras_object(layer), custom_objects={"Net": Net}
    )
    assert tuple(again(X).shape) == (4, 5)
    assert Net.from_config(layer.get_config(), custom_objects={"Net": Net}).units == 5


# ---- JAX -------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["jax", "tensorflow"])
def jax(request: Any) -> Any:
    """JAX, whose functions run as layers on itself, and through jax2tf on TensorFlow."""
    found = pytest.importorskip("jax")
    pytest.importorskip(request.param)
    with kfront.backend_scope(request.param):
        yield found


def plain_call(params: Any, inputs: Any) -> Any:
    return inputs @ params["w"] + params["b"]


def plain_init(rng: Any, inputs: Any) -> Any:
    import jax

    return {"w": jax.random.normal(rng, (inputs.shape[-1], 2)), "b": np.zeros(2, "float32")}


def counting_call(params: Any, state: Any, rng: Any, inputs: Any, training: bool) -> Any:
    import jax

    out = inputs @ params
    if training:
        out = out * jax.random.bernoulli(rng, 0.5, out.shape)
    return out, {"calls": state["calls"] + 1}


def test_jax_functions(jax: Any) -> None:
    layer = layers.JaxLayer(plain_call, plain_init, seed=3, name="j")
    assert tuple(layer(kfront.Input((3,))).shape) == (None, 2)
    assert [(w.name, tuple(w.shape), w.trainable) for w in layer.weights] == [("b", (2,), True), ("w", (3, 2), True)]
    np.testing.assert_allclose(layer(X), X @ layer.weights[1].numpy() + layer.weights[0].numpy(), rtol=1e-5)
    fits(kfront.Sequential([kfront.Input((3,)), layers.JaxLayer(plain_call, plain_init, seed=3)]))


def test_jax_state(jax: Any) -> None:
    state = {"calls": np.int32(0)}
    layer = layers.JaxLayer(counting_call, params=np.ones((3, 2), "float32"), state=state, seed=1)
    want = layer(X)
    np.testing.assert_allclose(want, X @ np.ones((3, 2)), rtol=1e-5)
    one, two = layer(X, training=True), layer(X, training=True)
    assert (np.asarray(one) != np.asarray(two)).any()
    assert [w.trainable for w in layer.weights] == [True, False] and int(layer.weights[1]) == 3
    np.testing.assert_allclose(kfront.jit(lambda x: layer(x))(ops.convert_to_tensor(X)), want, rtol=1e-5)


def test_jax_sizes_may_be_open() -> None:
    """A function of TensorFlow with unknown sizes is traced once, and JAX takes its sizes as symbols."""
    tf = pytest.importorskip("tensorflow")
    with kfront.backend_scope("tensorflow"):
        layer = layers.JaxLayer(
            lambda params, inputs: inputs["a"] @ params + inputs["b"], params=np.ones((3, 2), "float32")
        )
        specs = {"a": tf.TensorSpec((None, None, 3)), "b": tf.TensorSpec((None, None, 1))}
        run = tf.function(lambda x: layer(x), input_signature=[specs], autograph=False)
        for n in (2, 5):
            a, b = np.ones((n, n + 1, 3), "float32"), np.full((n, n + 1, 1), 2.0, "float32")
            try:
                got = run({"a": a, "b": b})
            except tf.errors.InvalidArgumentError as error:
                assert "failed to deserialize portable artifact" in str(error)  # its StableHLO is older than JAX's
                pytest.xfail("the newest TensorFlow is too old for the installed JAX")
            np.testing.assert_allclose(got, np.full((n, n + 1, 2), 5.0), rtol=1e-6)
        grown = kfront.jit(lambda x: layer({"a": x, "b": x[..., :1]}))(ops.ones((1, 2, 3)))
        assert tuple(grown.shape) == (1, 2, 2)


def test_jax_refused(jax: Any) -> None:
    for args, what in (
        ({"call_fn": lambda x: x, "params": []}, "arguments params, inputs"),
        ({"call_fn": lambda params, inputs, speed: inputs, "params": []}, "speed"),
        ({"call_fn": plain_call}, "`init_fn`, or"),
        ({"call_fn": plain_call, "init_fn": plain_init, "state": {"n": np.zeros(1)}}, "`state`"),
        ({"call_fn": plain_call, "init_fn": lambda x: x}, "`init_fn` with the arguments"),
        ({"call_fn": 3}, "to be a function"),
    ):
        with pytest.raises(ArgumentError, match=what):
            layers.JaxLayer(**args)
    bad = layers.JaxLayer(lambda params, state, inputs: inputs, params=[], state=[np.zeros(1)])
    with pytest.raises(ArgumentError, match="outputs, state"):
        bad(X)


def test_jax_configs(jax: Any, tmp_path: Any) -> None:
    model = kfront.Sequential([kfront.Input((3,)), layers.JaxLayer(plain_call, plain_init)])
    custom = {"plain_call": plain_call, "plain_init": plain_init}
    with kfront.saving.CustomObjectScope(custom):
        model.save(tmp_path / "m.keras")
        again = kfront.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
    with pytest.raises(KfrontError):
        kfront.models.load_model(tmp_path / "m.keras")  # functions that nobody registered


def test_flax_linen(jax: Any) -> None:
    linen = pytest.importorskip("flax.linen")

    class Net(linen.Module):
        @linen.compact
        def __call__(self, inputs: Any, training: bool = False) -> Any:
            x = linen.BatchNorm(use_running_average=not training, momentum=0.5)(linen.Dense(4)(inputs))
            return linen.Dense(2)(linen.Dropout(0.2, deterministic=not training)(x))

        @linen.compact
        def twice(self, inputs: Any) -> Any:
            return linen.Dense(2)(inputs) * 2

    layer = layers.FlaxLayer(Net())
    assert tuple(layer(kfront.Input((3,))).shape) == (None, 2)
    assert "Dense_0.kernel" in [w.name for w in layer.trainable_weights]
    assert sorted(w.name for w in layer.non_trainable_weights) == [
        "batch_stats.BatchNorm_0.mean",
        "batch_stats.BatchNorm_0.var",
    ]
    before = [w.numpy() for w in layer.non_trainable_weights]
    np.testing.assert_array_equal(layer(X), layer(X))
    layer(X, training=True)
    assert all((w.numpy() != b).any() for w, b in zip(layer.non_trainable_weights, before, strict=True))
    fits(kfront.Sequential([kfront.Input((3,)), layers.Dense(3), layers.FlaxLayer(Net(), method="twice")]))
    net = Net()
    variables = net.init(jax.random.PRNGKey(0), X)
    given = layers.FlaxLayer(net, variables=variables)
    np.testing.assert_allclose(given(X), net.apply(variables, X), rtol=1e-6)
    named = layers.FlaxLayer(net, method=lambda module, inputs, training: module(inputs[0], training))
    assert tuple(named([X]).shape) == (4, 2)
    with pytest.raises(ArgumentTypeError, match=r"flax\.linen\.Module"):
        layers.FlaxLayer(3)
    with pytest.raises(KfrontError, match="get_config"):
        layer.get_config()


def test_flax_nnx(jax: Any) -> None:
    nnx = pytest.importorskip("flax.nnx")

    class Net(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.one, self.two = nnx.Linear(3, 4, rngs=rngs), nnx.Linear(4, 2, rngs=rngs)
            self.norm, self.drop = nnx.BatchNorm(4, momentum=0.5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.two(self.drop(self.norm(self.one(x))))

    net = Net(nnx.Rngs(0))
    layer = layers.FlaxLayer(net, seed=1)
    net.eval()
    np.testing.assert_allclose(layer(X), net(X), rtol=1e-5)
    assert len(layer.trainable_weights) == 6 and len(layer.non_trainable_weights) == 2
    one, two = np.asarray(layer(X, training=True)), np.asarray(layer(X, training=True))
    assert (one != two).any() and layer.non_trainable_weights[0].numpy().any()
    assert tuple(layer(kfront.Input((3,))).shape) == (None, 2)
    model = kfront.Sequential([kfront.Input((3,)), layer])
    model.compile("sgd", "mse")
    before = layer.trainable_weights[-1].numpy()
    model.fit(X, Y, verbose=0)
    assert (layer.trainable_weights[-1].numpy() != before).any()


# ---- TensorFlow ------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Any) -> Any:
    """Folder of a SavedModel: a dense layer, with an endpoint for training."""
    tf = pytest.importorskip("tensorflow")

    class Net(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = tf.Variable(np.ones((3, 2), "float32"), name="w")
            self.calls = tf.Variable(0, trainable=False, name="calls")

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32)])
        def serve(self, x: Any) -> Any:
            return x @ self.w

        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32)])
        def train(self, x: Any) -> Any:
            self.calls.assign_add(1)
            return x @ self.w * 2.0

    net = Net()
    tf.saved_model.save(net, str(tmp_path / "saved"), signatures={"by_name": net.serve})
    with kfront.backend_scope("tensorflow"):
        yield tmp_path / "saved"


def test_saved_model(saved: Any) -> None:
    layer = layers.TFSMLayer(saved, call_training_endpoint="train")
    np.testing.assert_allclose(layer(X), X @ np.ones((3, 2)), rtol=1e-6)
    np.testing.assert_allclose(layer(X, training=True), 2 * X @ np.ones((3, 2)), rtol=1e-6)
    assert [(w.name, w.trainable) for w in layer.weights] == [("w", True), ("calls", False)]
    assert int(layer.weights[1]) == 1
    layer.weights[0].assign(np.zeros((3, 2)))
    assert not np.asarray(layer(X)).any()
    assert tuple(layers.TFSMLayer(saved)(kfront.Input((3,))).shape) == (None, 2)
    np.testing.assert_allclose(layers.TFSMLayer(saved, call_endpoint="by_name")(X), X @ np.ones((3, 2)), rtol=1e-6)
    fits(kfront.Sequential([kfront.Input((3,)), layers.TFSMLayer(saved)]))
    with pytest.raises(ArgumentError, match="by_name"):
        layers.TFSMLayer(saved, call_endpoint="none")
    with pytest.raises(ArgumentError, match="folder"):
        layers.TFSMLayer(saved / "none")


def test_saved_model_paths_in_files_are_refused(saved: Any, tmp_path: Any) -> None:
    layer = layers.TFSMLayer(saved)
    config = layer.get_config()
    assert json.dumps(config["filepath"])
    with pytest.raises(UnsafeFileError, match="holds code"):
        layers.TFSMLayer.from_config(config)
    whole = kfront.saving.serialize_keras_object(layer)
    with pytest.raises(UnsafeFileError):
        kfront.saving.deserialize_keras_object(whole)
    assert layers.TFSMLayer.from_config(config, custom_objects={}, safe_mode=False).filepath == config["filepath"]
    trusted = kfront.saving.deserialize_keras_object(whole, safe_mode=False)
    np.testing.assert_allclose(trusted(X), layer(X), rtol=1e-6)
    model = kfront.Sequential([kfront.Input((3,)), layer])
    model.save(tmp_path / "m.keras")
    with pytest.raises(UnsafeFileError):
        kfront.models.load_model(tmp_path / "m.keras")
    again = kfront.models.load_model(tmp_path / "m.keras", safe_mode=False)
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-6)
