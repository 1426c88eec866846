from __future__ import annotations

import importlib.util

import numpy as np
import pytest

import kfront
from kfront.core.errors import ArgumentError, NotBuiltError
from kfront.utils import Config, FeatureSpace
from kfront.utils.dataset import Dataset

RAW = {
    "size": np.array([0.0, 0.1, 0.2, 0.3], "float32"),
    "age": np.array([0.0, 0.1, 0.2, 0.3], "float32"),
    "color": np.array(["zero", "one", "two", "three"]),
    "kind": np.array([0, 1, 2, 3]),
    "shop": np.array(["zero", "one", "two", "three"]),
}


def space(mode="concat", **more):
    features = {
        "size": "float_normalized",
        "age": FeatureSpace.float_discretized(num_bins=3),
        "color": "string_categorical",
        "kind": FeatureSpace.integer_categorical(),
        "shop": FeatureSpace.string_hashed(num_bins=5),
    }
    crosses = [("color", "kind"), FeatureSpace.cross(("shop", "kind"), crossing_dim=7)]
    return FeatureSpace(features, output_mode=mode, crosses=crosses, crossing_dim=6, **more)


def adapted(mode="concat"):
    out = space(mode)
    out.adapt(RAW)
    return out


def expected():
    """The parts in the order of their names, crosses behind them, from the layers themselves."""
    with kfront.backend_scope("numpy"):
        one = adapted("dict")
        out = one(RAW)
        return np.concatenate([out[n] for n in (*sorted(RAW), "color_X_kind", "shop_X_kind")], axis=1)


def test_concat(backend):
    got = backend.to_numpy(adapted()(RAW))
    assert got.shape == (4, 3 + 5 + 5 + 5 + 1 + 6 + 7)
    np.testing.assert_allclose(got, expected(), atol=1e-6)
    assert got[:, 0:3].tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]  # age
    np.testing.assert_allclose(got[:, 18], (RAW["size"] - 0.15) / np.sqrt(0.0125), rtol=1e-4)
    single = backend.to_numpy(adapted()({n: v[1] for n, v in RAW.items()}))
    np.testing.assert_allclose(single, got[1], atol=1e-6)


def test_crosses_are_of_class_numbers():
    """As Keras computes them: the indices that a lookup gives are crossed, not the strings."""
    with kfront.backend_scope("numpy"):
        out = FeatureSpace(
            {
                n: getattr(FeatureSpace, f)(output_mode="int")
                for n, f in (("s", "string_categorical"), ("i", "integer_categorical"))
            },
            "dict",
            [FeatureSpace.cross(("s", "i"), 32, output_mode="int")],
        )
        data = {"s": RAW["color"], "i": RAW["kind"]}
        out.adapt(data)
        assert out(data)["s_X_i"].ravel().tolist() == [21, 18, 27, 20]  # what Keras 3.15 gives


def sources():
    rows = lambda: ({n: v[i] for n, v in RAW.items()} for i in range(4))  # noqa: E731
    yield "batch", lambda: [RAW]
    yield "rows", rows
    yield "Dataset", lambda: Dataset.from_arrays(RAW).batch(3)
    if importlib.util.find_spec("tensorflow"):
        yield "tf.data", lambda: __import__("tensorflow").data.Dataset.from_tensor_slices(RAW)
        yield "tf.data batches", lambda: __import__("tensorflow").data.Dataset.from_tensor_slices(RAW).batch(3)


@pytest.mark.parametrize("source", [s for _, s in sources()], ids=[n for n, _ in sources()])
def test_adapt_reads(source):
    with kfront.backend_scope("numpy"):
        out = space()
        out.adapt(source())
        np.testing.assert_allclose(out(RAW), expected(), atol=1e-6)


def test_functional_model_and_files(backend, tmp_path):
    out = adapted()
    model = kfront.Model(out.get_inputs(), out.get_encoded_features())
    assert model.output_shape == (None, 32)
    np.testing.assert_allclose(backend.to_numpy(model(RAW)), expected(), atol=1e-6)
    out.save(tmp_path / "space.keras")
    again = kfront.saving.load_model(tmp_path / "space.keras")
    assert type(again).__name__ == "FeatureSpace"
    np.testing.assert_allclose(backend.to_numpy(again(RAW)), expected(), atol=1e-6)


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
def test_in_tf_data(backend):
    import tensorflow as tf

    out = adapted()
    data = tf.data.Dataset.from_tensor_slices(RAW)
    got = np.concatenate(list(data.batch(2).map(out).as_numpy_iterator()))
    np.testing.assert_allclose(got, expected(), atol=1e-6)
    assert data.map(out).element_spec.shape == (32,)


def test_any_layer():
    with kfront.backend_scope("numpy"):
        text = kfront.layers.TextVectorization(output_mode="count")
        out = FeatureSpace({"t": FeatureSpace.feature("string", text, "float")})
        data = {"t": np.array(["a b", "b"])}
        out.adapt(data)
        assert out(data).tolist() == [[0, 1, 1], [0, 1, 0]] and out.preprocessors["t"] is text


def test_errors():
    with pytest.raises(NotBuiltError, match="adapt"):
        space()(RAW)
    with pytest.raises(ArgumentError, match="one_hot"):
        FeatureSpace({"s": FeatureSpace.string_categorical(output_mode="int")})
    with pytest.raises(ArgumentError, match="float_normal"):
        FeatureSpace({"s": "floats"})
    with pytest.raises(ArgumentError, match="none"):
        FeatureSpace({"s": "float"}, crosses=[("s", "t")])
    with pytest.raises(ArgumentError, match="kind"):
        adapted()({n: v for n, v in RAW.items() if n != "kind"})
    with pytest.raises(ArgumentError, match="labels"):
        space().adapt([(RAW, np.ones(4))])


def test_config():
    config = Config(rate=0.1)
    config.seed = 3
    config["name"] = "x"
    assert config.rate == 0.1 and config["seed"] == 3 and len(config) == 3 and "name" in config
    assert config.as_dict() == {"rate": 0.1, "seed": 3, "name": "x"} == dict(config.items())
    assert config.get("none", 5) == 5 and config.pop("name") == "x" and list(config) == ["rate", "seed"]
    config.freeze()
    for change in (lambda: setattr(config, "a", 1), lambda: config.update(b=2), lambda: config.pop("rate")):
        with pytest.raises(ArgumentError, match="frozen"):
            change()
    config.unfreeze()
    config.update(rate=1)
    assert config.to_json() == '{"rate": 1, "seed": 3}' and not config.frozen
    with pytest.raises(AttributeError):
        config.none
