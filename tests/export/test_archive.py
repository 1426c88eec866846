"""`ExportArchive`: SavedModels with functions of the user's choice, from TensorFlow and JAX."""

from __future__ import annotations

import os

import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.export.test_export import needed

import kfront
from kfront import errors, layers, ops
from kfront.export import ExportArchive

tf = pytest.importorskip("tensorflow")
SPEC = [kfront.InputSpec("float32", (None, 3))]
X = np.arange(6, dtype="float32").reshape(2, 3)


@pytest.fixture(params=[e for e in ("tensorflow", "jax") if e in ENGINES])
def writing_backend(request):
    """The engines that write SavedModels."""
    needed("tf_saved_model", request.param)
    with kfront.backend_scope(request.param) as b:
        yield b


def small(*parts):
    return kfront.Sequential([kfront.Input((3,)), layers.BatchNormalization(), layers.Dense(4), *parts])


def test_endpoints_collections_and_variables(writing_backend, tmp_path, capsys):
    model = small()
    model.compile("adam", "mse")
    model.fit(X, np.ones((2, 4), "float32"), verbose=0)
    archive = ExportArchive()
    archive.track(model)
    archive.add_endpoint("twice", lambda x: {"y": ops.multiply(model(x), 2.0)}, SPEC)
    serve = archive.track_and_add_endpoint("serve", model, SPEC)
    archive.add_variable_collection("state", model.optimizer.variables)
    archive.write_out(tmp_path / "m")
    assert "twice, serve" in capsys.readouterr().out
    want = model.predict(X, verbose=0)
    np.testing.assert_allclose(np.asarray(serve(X)), want, atol=1e-6)

    loaded = tf.saved_model.load(str(tmp_path / "m"))
    np.testing.assert_allclose(loaded.serve(X), want, atol=1e-6)
    np.testing.assert_allclose(loaded.twice(X)["y"], 2 * want, atol=1e-6)
    assert set(loaded.signatures) == {"serving_default", "serve", "twice"}
    served = loaded.signatures["serving_default"](x=tf.constant(X))
    np.testing.assert_allclose(served["y"], 2 * want, atol=1e-6)  # the first endpoint
    for name, own in (
        ("variables", model.variables),
        ("trainable_variables", model.trainable_variables),
        ("non_trainable_variables", model.non_trainable_variables),
        ("state", model.optimizer.variables),
    ):
        found = getattr(loaded, name)
        assert len(found) == len(own)
        for a, b in zip(found, own, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_variables_need_not_be_tracked(writing_backend, tmp_path):
    scale, model = kfront.Variable([3.0], name="scale"), small()
    archive = ExportArchive()
    signature = [*SPEC, kfront.InputSpec("float32", (None, 4))]
    archive.add_endpoint("serve", lambda x, y: ops.add(ops.multiply(model(x), scale), y), signature)
    archive.write_out(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    want = model.predict(X, verbose=0) * 3 + 1
    np.testing.assert_allclose(loaded.serve(X, np.ones((2, 4), "float32")), want, atol=1e-5)
    (held,) = [v for v in loaded.variables if v.shape == (1,)]
    held.assign([0.0])  # a variable still, not a constant
    np.testing.assert_allclose(loaded.serve(X, np.ones((2, 4), "float32")), np.ones((2, 4)), atol=1e-6)


def test_state_of_training_endpoints(writing_backend, tmp_path):
    """Dropout draws another mask at each call of the loaded function; batch statistics move."""
    model = small(layers.Dropout(0.5))
    archive = ExportArchive()
    archive.track(model)
    archive.add_endpoint("train", lambda x: model(x, training=True), SPEC)
    archive.write_out(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    before = [v.numpy() for v in loaded.non_trainable_variables]
    one, other = np.asarray(loaded.train(x)), np.asarray(loaded.train(x))
    assert 0.2 < ((one == 0) != (other == 0)).mean() < 0.8
    assert all(np.any(a != v.numpy()) for a, v in zip(before, loaded.non_trainable_variables, strict=True))


def test_static_endpoints_of_jax(tmp_path):
    if "jax" not in ENGINES:
        pytest.skip("jax is not installed")
    needed("tf_saved_model", "jax")
    with kfront.backend_scope("jax"):
        model = small(layers.Dropout(0.5))
        archive = ExportArchive()
        archive.add_endpoint(
            "train", lambda x: model(x, training=True), SPEC, is_static=True, jax2tf_kwargs={"with_gradient": False}
        )
        archive.write_out(tmp_path / "m", verbose=False)
    loaded = tf.saved_model.load(str(tmp_path / "m"))
    np.testing.assert_array_equal(loaded.train(X), loaded.train(X))


def test_sizes_of_jax_by_name(tmp_path):
    """`polymorphic_shapes` says that two sizes are one, which the function needs."""
    needed("tf_saved_model", "jax")
    square = [kfront.InputSpec("float32", (None, None, None))]
    with kfront.backend_scope("jax"):
        archive = ExportArchive()
        shapes = {"polymorphic_shapes": ["(batch, n, n)"]}
        archive.add_endpoint("product", lambda x: ops.matmul(x, x), square, jax2tf_kwargs=shapes)
        archive.write_out(tmp_path / "m", verbose=False)
    x = np.arange(18, dtype="float32").reshape(2, 3, 3)
    np.testing.assert_allclose(tf.saved_model.load(str(tmp_path / "m")).product(x), x @ x)


@pytest.mark.skipif("tensorflow" not in ENGINES, reason="of TensorFlow's functions")
def test_arguments_are_those_of_the_function(tmp_path):
    with kfront.backend_scope("tensorflow"):
        layer = layers.MultiHeadAttention(1, 2)
        x = np.ones((2, 3, 4), "float32")
        layer(x, x)
        archive = ExportArchive()
        archive.track(layer)
        spec = kfront.InputSpec("float32", (None, 3, 4))
        archive.add_endpoint("go", layer.call, [spec, spec])
        archive.add_endpoint("deep", lambda x: {"y": {"z": x}}, [spec])
        archive.write_out(tmp_path / "m", verbose=False)
        loaded, want = tf.saved_model.load(str(tmp_path / "m")), layer(x, x)
    for found in (loaded.go(query=x, value=x), loaded.go(x, value=x)):
        np.testing.assert_allclose(found, want, rtol=1e-6)
    assert set(loaded.signatures["go"].structured_input_signature[1]) == {"query", "value"}
    np.testing.assert_allclose(loaded.signatures["deep"](x=tf.constant(x))["output_0"], x)


def test_functions_and_tables_of_tensorflow(tmp_path):
    with kfront.backend_scope("tensorflow"):
        model = small()
        table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["a", "b"], [1.0, 2.0]), default_value=0.0
        )
        archive = ExportArchive()
        archive.track(model)
        archive.track(table)

        @tf.function
        def serve(words):
            return model(table.lookup(words))

        with pytest.raises(errors.ArgumentError, match="has been called"):
            archive.add_endpoint("serve", serve)
        words = tf.constant([["a", "b", "c"]])
        want = serve(words)
        archive.add_endpoint("serve", serve)
        archive.write_out(tmp_path / "m", verbose=False)
        loaded = tf.saved_model.load(str(tmp_path / "m"))
        np.testing.assert_array_equal(loaded.serve(words), want)
        np.testing.assert_array_equal(loaded.signatures["serving_default"](words=words)["output_0"], want)


def test_loaded_by_the_layer_for_saved_models(tmp_path):
    with kfront.backend_scope("tensorflow"):
        model = small()
        model.export(tmp_path / "m")
        layer = layers.TFSMLayer(str(tmp_path / "m"), call_endpoint="serve")
        np.testing.assert_array_equal(layer(X), model(X))
        assert len(layer.weights) == len(model.weights)


def python_call(x):
    return tf.numpy_function(lambda v: v + 1, [x], tf.float32)


def in_another_encoding():
    return layers.StringLookup(vocabulary=["a"], encoding="latin-1")


WRONG = {  # what is done with an archive and a model -> error and what it says
    "no endpoint": (lambda a, m: a.write_out("m"), errors.ArgumentError, "add_endpoint"),
    "name": (lambda a, m: a.add_endpoint("a b", m, SPEC), errors.ArgumentError, "a b"),
    "reserved": (lambda a, m: a.add_endpoint("variables", m, SPEC), errors.ArgumentError, "taken"),
    "twice": (lambda a, m: [a.add_endpoint("s", m, SPEC) for _ in "ab"], errors.ArgumentError, "taken"),
    "no signature": (lambda a, m: a.add_endpoint("s", m), errors.ArgumentError, "input_signature"),
    "no function": (lambda a, m: a.add_endpoint("s", 3, SPEC), errors.ArgumentTypeError, "callable"),
    "option": (lambda a, m: a.add_endpoint("s", m, SPEC, fast=True), errors.ArgumentTypeError, "fast"),
    "collection": (lambda a, m: a.add_variable_collection("c", [3]), errors.ArgumentTypeError, "Variables"),
    "resource": (lambda a, m: a.track(3), errors.ArgumentTypeError, "layer"),
    "Python": (lambda a, m: a.add_endpoint("s", python_call, SPEC), errors.UnsupportedError, "Python"),
    "strings": (lambda a, m: a.track(in_another_encoding()), errors.UnsupportedError, "Python"),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    do, kind, words = WRONG[case]
    with kfront.backend_scope("tensorflow"), pytest.raises(kind, match=words):
        do(ExportArchive(), small())
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("engine", [e for e in ENGINES if e in ("numpy", "torch")])
def test_engines_without_saved_models_say_so(engine):
    with kfront.backend_scope(engine):
        with pytest.raises(errors.UnsupportedError, match=r"kfront\.convert"):
            ExportArchive()
        model = small()
    with kfront.backend_scope("tensorflow"), pytest.raises(errors.ArgumentTypeError, match=r"kfront\.convert"):
        ExportArchive().track(model)
