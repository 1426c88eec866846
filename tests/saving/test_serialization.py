"""The plain forms of objects and values, and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kfront
from kfront.core import registry
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.op_registry import class_of, declared, ops_in_files
from kfront.models.cloning import clone_by_config

serialize = kfront.saving.serialize_keras_object
deserialize = kfront.saving.deserialize_keras_object


@pytest.mark.parametrize(
    "value", [None, True, 3, 2.5, "a", [1, [2]], {"a": [1, None]}, slice(1, None, 2), b"a", Ellipsis, (slice(None), 1)]
)
def test_values(value):
    assert deserialize(serialize(value)) == value


def test_forms():
    assert serialize(slice(1, None)) == {"class_name": "__slice__", "config": {"start": 1, "stop": None, "step": None}}
    assert serialize(...) == {"class_name": "__ellipsis__", "config": {}}
    assert serialize(np.float32(1.5)) == 1.5 and type(serialize(np.int64(3))) is int
    assert serialize(b"ab") == {"class_name": "__bytes__", "config": {"value": "ab"}}  # as Keras has it
    assert kfront.saving.deserialize_keras_object(serialize(b"ab")) == b"ab"
    assert serialize(np.arange(2, dtype="int32")) == {
        "class_name": "__numpy__",
        "config": {"value": [0, 1], "dtype": "int32"},
    }


def test_tensors(backend):
    x = backend.convert(np.arange(6, dtype="float32").reshape(2, 3))
    form = serialize(x)
    assert form["class_name"] == ("__numpy__" if backend.name == "numpy" else "__tensor__")
    assert form["config"]["dtype"] == "float32"
    again = deserialize(json.loads(json.dumps(form)))
    assert backend.is_tensor(again)
    np.testing.assert_array_equal(backend.to_numpy(again), backend.to_numpy(x))


def test_symbolic_tensors():
    x = kfront.Input((3,), name="here")
    form = serialize(x)
    assert form["config"]["keras_history"] == ["here", 0, 0]
    assert tuple(deserialize(form).shape) == (None, 3)


def test_objects():
    form = serialize(kfront.initializers.HeNormal(seed=1))
    assert (form["module"], form["class_name"], form["registered_name"]) == ("keras.initializers", "HeNormal", None)
    layer = kfront.layers.Dense(3, kernel_regularizer="l2")
    layer.build((None, 4))
    again = deserialize(json.loads(json.dumps(serialize(layer))))
    assert again.built and again.units == 3 and type(again.kernel_regularizer).__name__ == "L2"


def test_what_has_no_form():
    for value in ({1, 2}, object(), 1j, lambda x: x, len, int, np.array(["a"]), np.array([object()])):
        with pytest.raises(SavingError, match=r"^\["):
            serialize(value)


def test_registered_names():
    @kfront.saving.register_keras_serializable("pkg", "Other")
    class Mine(kfront.layers.Layer):
        pass

    form = serialize(Mine(name="m"))
    assert (form["module"], form["class_name"], form["registered_name"]) == (__name__, "Mine", "pkg>Other")
    assert isinstance(deserialize(form), Mine)
    assert kfront.saving.get_registered_name(Mine) == "pkg>Other"
    assert kfront.saving.get_registered_object("pkg>Other") is Mine


def test_copy_by_config_needs_no_registration():
    class Mine(kfront.layers.Layer):
        def __init__(self, fn=None, **kwargs):
            super().__init__(**kwargs)
            self.fn = fn

        def call(self, x):
            return self.fn(x)

        def get_config(self):
            return {**super().get_config(), "fn": serialize(self.fn)}

        @classmethod
        def from_config(cls, config):
            return cls(**{**config, "fn": deserialize(config["fn"])})

    model = kfront.Sequential([kfront.Input((2,)), Mine(lambda x: x * 3)])
    again = clone_by_config(model)
    assert isinstance(again.layers[0], Mine) and again.layers[0] is not model.layers[0]
    x = np.ones((1, 2), "float32")
    np.testing.assert_array_equal(np.asarray(again.predict(x, verbose=0)), 3 * x)
    with pytest.raises(SavingError):
        model.to_json()


def test_op_table():
    assert class_of("add") == ("keras.src.ops.numpy", "Add")
    assert class_of("batch_normalization") == ("keras.src.ops.nn", "BatchNorm")
    assert class_of("swish") == class_of("silu")
    assert class_of("map") == ("keras.src.ops.core", "Map") and class_of("system") is None
    assert declared("get_item").call_names == ("x", "key") and declared("relu").call_names == ("x",)
    assert ops_in_files()["keras.src.ops.numpy", "TrueDivide"] == "divide"  # an alias: another class, the same op
    assert all(class_of(op) in ops_in_files() for op in ops_in_files().values())


def test_every_public_op_has_a_name_in_files():
    """Ops that take tensors only can stand in a saved graph."""
    import kfront.ops as ops
    from kfront.core.op import OPS

    takes_functions = {"cond", "map", "scan", "while_loop", "fori_loop", "switch", "vectorized_map", "associative_scan"}
    takes_functions.add("shape")  # gives plain numbers for a symbolic tensor
    missing = [n for n in ops.__all__ if n in OPS and OPS[n].tensors and class_of(n) is None]
    assert sorted(set(missing) - takes_functions) == []


def test_functions_that_keras_before_3_7_wrote_without_their_package(monkeypatch):
    monkeypatch.setattr(registry, "_custom", {})
    monkeypatch.setattr(registry, "_custom_names", {})

    def twice(x):
        return 2 * x

    config = {"module": "builtins", "class_name": "function", "config": "twice", "registered_name": "function"}
    with pytest.raises(UnsafeFileError):
        kfront.saving.deserialize_keras_object(config)
    kfront.saving.register_keras_serializable("mine")(twice)
    assert kfront.saving.deserialize_keras_object(config) is twice
    kfront.saving.register_keras_serializable("other")(lambda x: x)  # another name is no answer
    assert kfront.saving.deserialize_keras_object(config) is twice
    kfront.saving.register_keras_serializable("other", name="twice")(lambda x: x)
    with pytest.raises(SavingError, match="got 2"):
        kfront.saving.deserialize_keras_object(config)
    with kfront.saving.custom_object_scope({"twice": twice}):
        assert kfront.saving.deserialize_keras_object(config) is twice


def test_an_unbuilt_sequential_of_a_layer_that_was_built_without_a_shape(backend, tmp_path):
    embedding = kfront.layers.Embedding(5, 2)
    embedding.build()
    assert embedding.get_build_config() == {"shapes_dict": {}}
    model = kfront.Sequential([embedding])
    model.save(tmp_path / "m.keras")
    again = kfront.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.layers[0].embeddings.numpy(), embedding.embeddings.numpy())
