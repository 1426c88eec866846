"""What layers do besides computing values: dtypes, randomness, moving averages, masks, files, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_cases import CASES, Case, call_arguments, input_arrays, make

import kfront
from kfront import layers, ops
from kfront.core.errors import (
    ArgumentError,
    ArgumentTypeError,
    SavingError,
    ShapeError,
)


def data(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def host(x: Any) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(x)).astype("float64")


def name_of(dtype: Any) -> str:
    return kfront.backend.standardize_dtype(dtype)


# ---- dtypes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "name", ["Dense", "Conv2D", "BatchNormalization", "LayerNormalization", "LSTM", "MultiHeadAttention"]
)
def test_mixed_precision(name: str, policy: str, backend: Any) -> None:
    case = next(c for c in CASES if c.id == name)
    half = make(layers, Case(case.layer, {**case.args, "dtype": policy}, case.inputs, tag=case.tag))
    full = make(layers, case)
    x = input_arrays(case)
    args = x if name == "MultiHeadAttention" else [x]
    outs = [layer(*args) for layer in (half, full)]
    full.set_weights(half.get_weights())
    outs = [half(*args), full(*args)]
    assert name_of(outs[0].dtype) == policy.removeprefix("mixed_")
    assert {w.dtype for w in half.weights} == {"float32"}
    np.testing.assert_allclose(host(outs[0]), host(outs[1]), rtol=0.05, atol=0.05)


def test_integer_inputs(backend: Any) -> None:
    x = np.array([[1, 2, 3]])
    assert name_of(layers.Dense(2)(x).dtype) == "float32"
    for layer in (layers.Flatten(), layers.Reshape((3, 1)), layers.Permute((1,)), layers.Identity()):
        assert name_of(layer(ops.convert_to_tensor(x)).dtype) == name_of(ops.convert_to_tensor(x).dtype)
        assert layer(kfront.KerasTensor((None, 3), "int32")).dtype == "int32"


# ---- in training -------------------------------------------------------------------------------------------------

RANDOM = {
    "Dropout": ({"rate": 0.5}, (100, 20)),
    "SpatialDropout1D": ({"rate": 0.5}, (50, 3, 20)),
    "SpatialDropout2D": ({"rate": 0.5}, (50, 3, 3, 20)),
    "SpatialDropout3D": ({"rate": 0.5}, (50, 2, 2, 2, 20)),
    "GaussianDropout": ({"rate": 0.5}, (100, 20)),
    "GaussianNoise": ({"stddev": 0.5}, (100, 20)),
    "AlphaDropout": ({"rate": 0.5}, (100, 20)),
}


@pytest.mark.parametrize("name", RANDOM)
def test_noise(name: str, backend: Any) -> None:
    args, shape = RANDOM[name]
    x = np.ones(shape, "float32")
    layer = getattr(layers, name)(**args, seed=5)
    np.testing.assert_array_equal(host(layer(x)), x)
    one, two = host(layer(x, training=True)), host(layer(x, training=True))
    assert one.shape == shape and not np.array_equal(one, two)
    again = getattr(layers, name)(**args, seed=5)
    np.testing.assert_array_equal(host(again(x, training=True)), one)
    if name != "AlphaDropout":
        assert abs(one.mean() - 1) < 0.15
    if name.endswith("Dropout") or name.startswith("Spatial"):
        assert set(np.unique(one)) == {0.0, 2.0} or name in ("GaussianDropout", "AlphaDropout")
    if name.startswith("Spatial"):
        assert (one == one[:, :1]).all() or one.ndim > 3
        flat = one.reshape(shape[0], -1, shape[-1])
        assert (flat == flat[:, :1]).all()


def test_alpha_dropout_keeps_mean_and_variance(backend: Any) -> None:
    x = np.random.default_rng(0).normal(size=(300, 300)).astype("float32")
    out = host(layers.AlphaDropout(0.3, seed=1)(x, training=True))
    assert abs(out.mean()) < 0.02 and abs(out.std() - 1) < 0.02


def test_dropout_noise_shape(backend: Any) -> None:
    out = host(layers.Dropout(0.5, noise_shape=(None, 1), seed=2)(np.ones((20, 7), "float32"), training=True))
    assert (out == out[:, :1]).all() and set(np.unique(out)) == {0.0, 2.0}


def test_batch_normalization_moves_its_averages(backend: Any) -> None:
    x = data(64, 5, 3) * 2 + 1
    layer = layers.BatchNormalization(momentum=0.5)
    out = host(layer(x, training=True))
    np.testing.assert_allclose(out.mean((0, 1)), 0, atol=1e-5)
    np.testing.assert_allclose(out.std((0, 1)), 1, atol=1e-2)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.5 * x.mean((0, 1)), rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.5 + 0.5 * x.var((0, 1)), rtol=1e-4)
    before = layer.moving_mean.numpy()
    want = (x - before) / np.sqrt(layer.moving_variance.numpy() + 1e-3)
    np.testing.assert_allclose(host(layer(x)), want, rtol=1e-4, atol=1e-5)
    layer.trainable = False
    np.testing.assert_allclose(host(layer(x, training=True)), want, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), before)


def test_activity_regularization_adds_a_loss(backend: Any) -> None:
    layer = layers.ActivityRegularization(l1=0.1, l2=0.01)
    x = data(4, 3)
    layer(x)
    want = (0.1 * np.abs(x).sum() + 0.01 * np.square(x).sum()) / 4
    np.testing.assert_allclose(float(host(layer.losses[0])), want, rtol=1e-4)


def test_initializers_of_projections_differ(backend: Any) -> None:
    layer = layers.MultiHeadAttention(2, 4)
    x = data(2, 3, 8)
    layer(x, x)
    query, key = layer.query_dense.kernel.numpy(), layer.key_dense.kernel.numpy()
    assert not np.allclose(query, key)


# ---- masks -------------------------------------------------------------------------------------------------------


def test_mask_travels(backend: Any) -> None:
    words = np.array([[1, 2, 0], [3, 0, 0]])
    x = layers.Embedding(4, 6, mask_zero=True)(words)
    kept = (layers.Dropout(0.1), layers.LayerNormalization(), layers.Activation("relu"), layers.Dense(3))
    for layer in kept:
        x = layer(x)
        mask = backend.get_mask(x)
        assert mask is not None, layer
        np.testing.assert_array_equal(host(mask), words != 0)
    pooled = layers.GlobalAveragePooling1D()(x)
    want = [host(x)[0, :2].mean(0), host(x)[1, :1].mean(0)]
    np.testing.assert_allclose(host(pooled), want, rtol=1e-5, atol=1e-6)
    assert backend.get_mask(pooled) is None


def test_attention_heeds_masks(backend: Any) -> None:
    words = np.array([[1, 2, 0, 0]])
    x = layers.Embedding(4, 6, mask_zero=True)(words)
    layer = layers.MultiHeadAttention(2, 3)
    out = layer(x, x)
    cut = layer(
        ops.convert_to_tensor(host(x)[:, :2].astype("float32")), ops.convert_to_tensor(host(x)[:, :2].astype("float32"))
    )
    np.testing.assert_allclose(host(out)[:, :2], host(cut), rtol=1e-4, atol=1e-5)


def test_merging_masks(backend: Any) -> None:
    a, b = np.array([[True, True, False]]), np.array([[True, False, False]])
    x = data(1, 3, 2)
    masks = [ops.convert_to_tensor(m) for m in (a, b)]
    np.testing.assert_array_equal(host(layers.Add().compute_mask([x, x], masks)), a)
    assert layers.Add().compute_mask([x, x], [masks[0], None]) is None
    both = layers.Concatenate(axis=1).compute_mask([ops.convert_to_tensor(x)] * 2, masks)
    np.testing.assert_array_equal(host(both), np.concatenate([a, b], 1))


# ---- configs and files -------------------------------------------------------------------------------------------


def test_lambda_is_never_code(backend: Any) -> None:
    layer = layers.Lambda(lambda x: x * 2)
    np.testing.assert_array_equal(host(layer(np.ones((1, 2), "float32"))), [[2.0, 2.0]])
    with pytest.raises(SavingError, match="register_keras_serializable"):
        layer.get_config()

    @kfront.saving.register_keras_serializable("tests")
    def triple(x: Any) -> Any:
        return x * 3

    config = kfront.layers.serialize(layers.Lambda(triple))
    assert "code" not in str(config)
    again = kfront.layers.deserialize(config)
    np.testing.assert_array_equal(host(again(np.ones((1, 2), "float32"))), [[3.0, 3.0]])


@pytest.mark.parametrize("case", [c for c in CASES if c.training is not True], ids=lambda c: c.id)
def test_place_of_weights_in_files(case: Case, reference: dict[str, Any], tmp_path: Any) -> None:
    h5py = pytest.importorskip("h5py")
    with kfront.backend_scope("numpy"):
        inner = make(layers, case)

        class Holder(kfront.Model):
            def __init__(self) -> None:
                super().__init__()
                self.inner = inner

            def call(self, *args: Any, **kwargs: Any) -> Any:
                return self.inner(*args, **kwargs)

        model = Holder()
        x = input_arrays(case)
        several = case.layer in ("MultiHeadAttention", "GroupQueryAttention")
        inner(*(x if several else [x]), **call_arguments(case))
        model.built = True
        path = tmp_path / "w.weights.h5"
        model.save_weights(path)
    found: dict[str, Any] = {}
    with h5py.File(path) as f:
        f.visititems(lambda n, o: found.update({n: o.shape}) if isinstance(o, h5py.Dataset) else None)
    assert found == reference[case.id]["h5"]


# ---- errors ------------------------------------------------------------------------------------------------------


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, "float32")


def spec(*shape: int | None) -> Any:
    return kfront.KerasTensor(shape)


def twice(layer: Any, first: Any, second: Any) -> None:
    layer(first)
    layer(second)


ERRORS: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "units": (lambda: layers.Dense(0), ArgumentError, r"\[Dense\].*`units`.*positive int.*got 0"),
    "rank": (lambda: layers.Dense(2, name="d")(ones(3)), ShapeError, r"\[d\] expected rank at least 2.*\(3,\)"),
    "last axis": (lambda: layers.Dense(2, name="d").build((None, None)), ShapeError, r"\[d\].*last axis.*known"),
    "other width": (
        lambda: twice(layers.Dense(2, name="d"), ones(2, 3), ones(2, 4)),
        ShapeError,
        r"\[d\] expected axis -1 of size 3.*\(2, 4\)",
    ),
    "activation": (lambda: layers.Dense(2, activation="nope"), ArgumentError, "nope"),
    "initializer": (lambda: layers.Dense(2, kernel_initializer="glorot"), ArgumentError, "did you mean.*glorot_"),
    "keyword": (lambda: layers.Dense(2, foo=1), ArgumentError, r"\[Dense\].*foo"),
    "misspelt keyword": (
        lambda: layers.Dense(2, use_bais=False),
        ArgumentError,
        r"use_bais; did you mean .use_bias.\?",
    ),
    "quantization": (lambda: layers.Dense(2, quantization_config=1), ArgumentError, "QuantizationConfig"),
    "kernel too large": (
        lambda: layers.Conv2D(2, 3, name="c")(ones(1, 2, 2, 1)),
        ShapeError,
        r"\[c\].*\(1, 2, 2, 1\).*kernel_size \(3, 3\).*padding='same'",
    ),
    "symbolic kernel too large": (lambda: layers.Conv2D(2, 3, name="c")(spec(None, 2, 2, 1)), ShapeError, r"\[c\]"),
    "conv rank": (lambda: layers.Conv2D(2, 3, name="c")(ones(2, 5, 5)), ShapeError, r"\[c\] expected rank 4"),
    "kernel size": (lambda: layers.Conv2D(2, (3,)), ArgumentTypeError, r"`kernel_size`.*\(3,\)"),
    "padding": (lambda: layers.Conv2D(2, 3, padding="causal"), ArgumentError, r"`padding`.*'causal'"),
    "dilation": (lambda: layers.Conv2D(2, 3, strides=2, dilation_rate=2), ArgumentError, "dilation_rate"),
    "groups": (lambda: layers.Conv2D(4, 3, groups=2)(ones(1, 5, 5, 3)), ShapeError, "2 groups divide, got 3"),
    "output padding": (lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=2), ArgumentError, "below"),
    "pool": (lambda: layers.MaxPooling2D(5, name="p")(spec(None, 3, 3, 1)), ShapeError, r"\[p\].*pool_size \(5, 5\)"),
    "equation": (lambda: layers.EinsumDense("ab,bc-ac", 3), ArgumentError, "ab,bc-ac"),
    "einsum shape": (lambda: layers.EinsumDense("abc,cd->abd", (7, 3))(ones(2, 3, 4)), ShapeError, "got 3.*and 7"),
    "table": (lambda: layers.Embedding(3, 2, weights=np.ones((3, 4))), ShapeError, r"\(3, 2\).*\(3, 4\)"),
    "axis": (lambda: layers.BatchNormalization(axis=3)(ones(2, 3)), ShapeError, "axis 3"),
    "rate": (lambda: layers.Dropout(1.5), ArgumentError, r"\[Dropout\].*`rate`.*1.5"),
    "seed": (lambda: layers.Dropout(0.5, seed="a"), ArgumentTypeError, "seed"),
    "reshape": (lambda: layers.Reshape((5,), name="r")(ones(2, 3)), ShapeError, r"\[r\].*5 elements.*with 3"),
    "permute": (lambda: layers.Permute((1, 3)), ArgumentError, "dims"),
    "cropping": (lambda: layers.Cropping1D(3)(ones(2, 5, 1)), ShapeError, "longer than"),
    "merge one": (lambda: layers.Add(name="m")(ones(2, 3)), ShapeError, r"\[m\] expected a list"),
    "merge shapes": (lambda: layers.Add(name="m")([ones(2, 3), ones(2, 4)]), ShapeError, r"\[m\].*\(2, 3\), \(2, 4\)"),
    "merge batch": (lambda: layers.Add()([ones(2, 3), ones(3, 3)]), ShapeError, "batch size"),
    "concatenate": (lambda: layers.Concatenate()([ones(2, 3), ones(3, 3)]), ShapeError, "axis -1 only"),
    "dot": (lambda: layers.Dot(1)([ones(2, 3), ones(2, 4)]), ShapeError, "got 3 and 4"),
    "cell": (lambda: layers.RNN(layers.Dense(2)), ArgumentTypeError, "state_size"),
    "rnn rank": (lambda: layers.LSTM(2, name="l")(ones(2, 3)), ShapeError, r"\[l\] expected rank 3"),
    "states": (lambda: layers.LSTM(2)(ones(2, 3, 2), initial_state=[ones(2, 2)]), ShapeError, "2 initial state"),
    "stateful": (lambda: layers.LSTM(2, stateful=True)(spec(None, 4, 2)), ShapeError, "fixed batch size"),
    "bidirectional": (lambda: layers.Bidirectional(layers.Dense(2)), ArgumentTypeError, "recurrent"),
    "heads": (lambda: layers.MultiHeadAttention(0, 2), ArgumentError, "num_heads"),
    "value": (lambda: layers.MultiHeadAttention(2, 2)(ones(2, 3, 4)), ArgumentTypeError, "`value`"),
    "key": (
        lambda: layers.MultiHeadAttention(2, 2)(ones(2, 3, 4), ones(2, 5, 6), ones(2, 4, 6)),
        ShapeError,
        "value and key",
    ),
    "groups of heads": (lambda: layers.GroupQueryAttention(2, 4, 3), ArgumentError, "divide"),
    "attention": (lambda: layers.Attention(name="a")([ones(2, 3, 4), ones(2, 5, 3)]), ShapeError, r"\[a\].*depth"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str, backend: Any) -> None:
    run, kind, message = ERRORS[name]
    with pytest.raises(kind, match=message) as found:
        run()
    assert type(found.value) is kind


def test_names_are_all_there() -> None:
    for name in layers.__all__:
        assert getattr(layers, name) is not None
    with pytest.raises(AttributeError, match="did you mean"):
        layers.Densee


# ---- low-rank adaptation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Dense", "EinsumDense", "Embedding", "Conv2D"])
def test_lora(name: str, backend: Any, tmp_path: Any) -> None:
    case = next(c for c in CASES if c.id == name)
    x = input_arrays(case)
    layer = make(layers, case)
    before = host(layer(x))
    frozen = next(w for w in layer.weights if w.name in ("kernel", "embeddings"))
    layer.enable_lora(2)
    np.testing.assert_allclose(host(layer(x)), before, rtol=1e-6)
    assert not frozen.trainable and len(layer.trainable_weights) == len(layer.weights) - 1
    second = next(w for w in layer.weights if w.name.endswith("_b"))
    second.assign(np.ones(second.shape, "float32"))
    after = host(layer(x))
    assert not np.allclose(after, before)
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    plain = make(layers, case)
    plain(x)
    plain.load_own_variables(store)
    np.testing.assert_allclose(host(plain(x)), after, rtol=1e-4, atol=1e-5)
    layer.load_own_variables(store)
    np.testing.assert_allclose(host(layer(x)), after, rtol=1e-4, atol=1e-5)
    with pytest.raises(ArgumentError, match="once"):
        layer.enable_lora(2)


def test_every_layer_takes_training_and_hands_it_on(backend):
    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.drop = layers.Dropout(0.5)

        def call(self, x):
            return self.drop(x)

    block, x = Block(), np.ones((4, 50), "float32")
    for _ in range(2):  # building, and built
        assert (backend.to_numpy(block(x, training=True)) == 0).any()
        assert (backend.to_numpy(block(x, training=False)) == 1).all()
    assert layers.Dense(2)(x, training=True).shape == (4, 2)
    inputs = kfront.Input((50,))
    assert kfront.Model(inputs, layers.Dense(2)(inputs, training=False))(x, training=True).shape == (4, 2)
