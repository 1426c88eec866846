"""Habits of published packages written for Keras: private modules, subclasses of attention, builds with two shapes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.interop.test_as_keras import run

import kfront
from kfront import layers, ops

X = np.random.default_rng(0).normal(size=(2, 5, 8)).astype("float32")


def test_private_modules_offer_public_names_and_a_few_more():
    code = """
import kfront; kfront.install_as_keras()
import keras
import keras.src.callbacks
from keras.src import backend, saving
from keras.src.api_export import keras_export
from keras.src.applications.resnet import ResNet50
from keras.src.version import __version__
from keras.src.backend import get_keras_mask, set_keras_mask
from keras.src.layers.core.dense import Dense
from keras.src.losses.losses import LossFunctionWrapper
from keras.src.saving import serialization_lib
from keras.src.saving.saving_lib import load_model, save_model
from keras.src.trainers.data_adapters.data_adapter_utils import class_weight_to_sample_weights
from keras.src.utils import tracking
from keras.src.utils.backend_utils import in_grain_data_pipeline, in_tf_graph
assert ResNet50 is keras.applications.ResNet50 and __version__ == keras.__version__
assert Dense is keras.layers.Dense and load_model is keras.saving.load_model
assert keras.src.callbacks.History is keras.callbacks.History
assert serialization_lib.deserialize_keras_object is keras.saving.deserialize_keras_object
assert backend.convert_to_tensor is keras.ops.convert_to_tensor and backend.numpy is keras.ops.numpy
assert not in_tf_graph() and not in_grain_data_pipeline()
f = tracking.no_automatic_dependency_tracking(keras_export("x.y")(len))
assert f is len
names = {}
exec("from keras.src.ops import *", names)
assert names["add"] is keras.ops.add and "layers" not in names
x = keras.ops.ones((2, 3)); set_keras_mask(x, keras.ops.ones((2,), "bool")); assert get_keras_mask(x) is not None
import numpy as np
assert class_weight_to_sample_weights(np.array([0, 1]), {1: 3.0}).tolist() == [1.0, 3.0]
for bad in ("from keras.src.layers import no_such", "import keras.src.nothing"):
    try: exec(bad)
    except ImportError: pass
    else: raise AssertionError(bad)
"""
    run("-c", code, KERAS_BACKEND="numpy")


@pytest.mark.sampled(4, table="long")
def test_classes_of_operations_are_views_of_the_declared_ops(backend):
    code = """
import copy, pickle
import kfront; kfront.install_as_keras()
import keras, numpy as np
from keras.src.ops.numpy import Add, Concatenate, Einsum, GetItem, Sum
from keras.src.ops.nn import Relu
x = keras.Input((3,))
found = {Add: x + 1, GetItem: x[:, :1], Sum: keras.ops.sum(x, axis=1), Relu: keras.ops.relu(x),
         Concatenate: keras.ops.concatenate([x, x], axis=1), Einsum: keras.ops.einsum("ab,cb->ac", x, x)}
for kind, tensor in found.items():
    operation = tensor._keras_history.operation
    assert type(operation) is kind and isinstance(operation, keras.Operation) and kind.__name__ in repr(kind)
    for again in (pickle.loads(pickle.dumps(operation)), copy.deepcopy(operation)):
        assert type(again) is kind and again.static == operation.static
assert found[Sum]._keras_history.operation.axis == 1 and not found[Sum]._keras_history.operation.keepdims
assert float(Sum(axis=0)(np.ones(3, "float32"))) == 3.0 and Sum(0, name="s").name == "s"
assert Einsum("i,i->")(np.ones(2, "float32"), np.ones(2, "float32")).shape == ()
try: found[Sum]._keras_history.operation.nothing
except AttributeError: pass
else: raise AssertionError
"""
    run("-c", code, KERAS_BACKEND=backend.name)


def test_every_private_name_leads_somewhere():
    code = """
import importlib, kfront; kfront.install_as_keras()
from kfront.interop.private_names import modules, private
for module, names in private().items():
    for name in names:
        getattr(importlib.import_module(".".join(filter(None, ["keras.src", module]))), name)
for package, names in modules().items():
    for name in names:
        importlib.import_module(".".join(filter(None, ["keras.src", package, name])))
from keras.src import testing
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell
from keras.src.optimizers.adadelta import Adadelta
assert Adadelta is kfront.optimizers.Adadelta and not testing.uses_gpu() and not testing.jax_uses_tpu()
class Cell(kfront.layers.Layer, DropoutRNNCell):
    pass
try:
    from keras.src.utils.numerical_utils import no_such_name
except ImportError: pass
else: raise AssertionError
"""
    run("-c", code, KERAS_BACKEND="numpy")


@pytest.mark.sampled(4, table="long")
def test_a_layer_for_pipelines_is_written_by_its_constructor(backend):
    """As zea's, which has an Operation of its own before it, and no `get_config`."""
    code = """
import kfront; kfront.install_as_keras()
import keras
from keras.src.layers.preprocessing.data_layer import DataLayer
class Step(keras.Operation):
    def __init__(self, key="data", **kwargs):
        super().__init__(**kwargs)
        self.key = key
class Pad(Step, DataLayer):
    def __init__(self, size, uniform=True, **kwargs):
        super().__init__(**kwargs)
        self.size, self.uniform = size, uniform
config = Pad((2, 2), uniform=False, key="image", dtype="float16").get_config()
assert config["size"] == (2, 2) and config["uniform"] is False and config["key"] == "image", config
again = Pad.from_config(config)
assert again.get_config() == config and again.size == (2, 2) and again.key == "image"
assert again.compute_dtype == "float16"
"""
    run("-c", code, KERAS_BACKEND=backend.name)


def test_private_helpers_give_what_keras_gives():
    code = """
import kfront; kfront.install_as_keras()
import keras
from keras.src import testing
from keras.src.backend import compute_output_spec, standardize_data_format
from keras.src.layers.attention.multi_head_attention import _build_attention_equation, _build_proj_equation
from keras.src.layers.convolutional.base_conv import BaseConv
from keras.src.layers.core.einsum_dense import _analyze_einsum_string, _analyze_quantization_info
from keras.src.layers.convolutional.base_conv_transpose import BaseConvTranspose
from keras.src.layers.convolutional.base_depthwise_conv import BaseDepthwiseConv
from keras.src.layers.convolutional.base_separable_conv import BaseSeparableConv
from keras.src.ops.node import Node
from keras.src.ops.operation_utils import compute_conv_output_shape, compute_pooling_output_shape
from keras.src.utils.argument_validation import standardize_tuple
assert _build_proj_equation(3, bound_dims=2, output_dims=1) == ("abcde,def->abcf", "f", 4)
assert _build_attention_equation(5, attn_axes=(2,)) == ("abfde,abcde->abdcf", "abdcf,abfde->abcde", 5)
want = ([6, 4, 5], [4, 5], [None, None, 4, 5], [0], [1, 2])
assert _analyze_einsum_string("abc,cde->abde", "de", (None, 3, 6), (None, 4, 5)) == want
assert _analyze_quantization_info("abc,cde->abde", (None, 3, 6))[8] == "abde,cde->abc"
assert compute_conv_output_shape((None, 8, 8, 3), 4, (3, 3), 2, "same") == (None, 4, 4, 4)
assert standardize_tuple(2, 3, "strides") == (2, 2, 2) and standardize_data_format(None) == "channels_last"
assert compute_output_spec(keras.ops.matmul, keras.Input((3, 4)), keras.Input((4, 5))).shape == (None, 3, 5)
assert isinstance(keras.layers.Conv2D(2, 3), BaseConv)
assert BaseConv(1, 2, 3)(keras.ops.ones((1, 5, 1))).shape == (1, 3, 2)
sequence = keras.ops.ones((2, 8, 3))
assert BaseConvTranspose(1, 2, 3, strides=2)(sequence).shape == (2, 17, 2)
separable, depthwise = BaseSeparableConv(1, 2, 4, 3, padding="same"), BaseDepthwiseConv(1, 2, 3)
assert separable(sequence).shape == (2, 8, 4) and [w.shape for w in separable.weights[:2]] == [(3, 3, 2), (1, 6, 4)]
assert depthwise(sequence).shape == (2, 6, 6) and BaseDepthwiseConv(rank=2, depth_multiplier=1, kernel_size=2).rank == 2
assert issubclass(keras.layers.Conv2DTranspose, BaseConvTranspose) and not isinstance(separable, BaseDepthwiseConv)
assert issubclass(keras.layers.SeparableConv1D, BaseSeparableConv)
assert compute_pooling_output_shape((None, 3, 9), (2,), (2,), "same", "channels_first") == (None, 3, 5)
assert isinstance(keras.Input((2,))._keras_history.operation._inbound_nodes[0], Node)
class Scale(keras.layers.Layer):
    def build(self, shape): self.w = self.add_weight(shape=shape[-1:])
    def call(self, x): return x * self.w
class Test(testing.TestCase):
    def test(self):
        self.run_layer_test(Scale, {}, (2, 3), expected_output_shape=(2, 3), expected_num_trainable_weights=1)
        with self.assertRaises(AssertionError):
            self.run_layer_test(Scale, {}, (2, 3), expected_output_shape=(2, 4))
import unittest
result = unittest.TestResult(); unittest.TestLoader().loadTestsFromTestCase(Test).run(result)
assert result.wasSuccessful(), result.failures + result.errors
"""
    run("-c", code, KERAS_BACKEND="torch")


def test_cells_of_ones_own_with_dropout_are_called_symbolically(trainable_backend):
    code = """
import kfront; kfront.install_as_keras()
import keras
from keras.src.layers.rnn.dropout_rnn_cell import DropoutRNNCell
class Cell(DropoutRNNCell, keras.layers.Layer):
    state_size, dropout, recurrent_dropout = 3, 0.5, 0.0
    def call(self, inputs, states, training=False):
        mask = self.get_dropout_mask(inputs) if training else None
        out = states[0] + (inputs if mask is None else inputs * mask)
        return out, [out]
cell = Cell()
out, (state,) = cell(keras.KerasTensor((2, 3)), [keras.KerasTensor((2, 3))])
assert out.shape == state.shape == (2, 3)
assert keras.layers.RNN(cell)(keras.Input((5, 3))).shape == (None, 3)
dropped = keras.layers.RNN(cell)(keras.ops.ones((1, 5, 3)), training=True)
assert set(keras.ops.convert_to_numpy(dropped).ravel()) <= {0.0, 10.0}  # one mask for all steps
"""
    run("-c", code, KERAS_BACKEND=trainable_backend.name)


@pytest.mark.parametrize("method", ["call", "_merge_function"])
def test_merging_layers_of_ones_own_derive_from_keras_private_base(trainable_backend, method):
    code = f"""
import kfront; kfront.install_as_keras()
import keras
from keras.src.layers.merging.base_merge import Merge
class Minus(Merge):
    def {method}(self, inputs): return inputs[0] - inputs[1]
inputs = [keras.Input((5, 4)), keras.Input((5, 4))]
model = keras.Model(inputs, Minus()(inputs))
assert model.output_shape == (None, 5, 4)
data = [keras.ops.ones((2, 5, 4)), keras.ops.full((2, 5, 4), 3.0)]
assert float(keras.ops.mean(model(data))) == float(keras.ops.mean(Minus()(data))) == -2.0
assert float(keras.ops.mean(Minus()([data[0], data[1][:, 0]]))) == -2.0  # of fewer axes
"""
    code = code if method == "_merge_function" else code.rpartition("assert")[0]
    run("-c", code, KERAS_BACKEND=trainable_backend.name)


def test_a_checkpoint_has_keras_steps(tmp_path, trainable_backend):
    seen = []

    class Logged(kfront.callbacks.ModelCheckpoint):
        def on_train_batch_end(self, batch, logs=None):
            if self._should_save_on_batch(batch):
                self._save_model(epoch=self._current_epoch, batch=batch, logs=logs)
                seen.append(self._get_file_path(epoch=self._current_epoch, batch=batch, logs=logs))

    model = kfront.Sequential([kfront.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    callback = Logged(tmp_path / "{epoch}-{batch}.keras", save_freq=3)
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, epochs=2, verbose=0, callbacks=[callback])
    assert seen == [str(tmp_path / name) for name in ("1-3.keras", "2-2.keras")]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1-3.keras", "2-2.keras"]


def test_a_mixed_in_layer_is_built_and_configured(backend):
    class Mixed(layers.Layer):
        def __init__(self, extra=1, **kwargs):
            super().__init__(**kwargs)
            self.extra = extra

        def build(self, input_shape):
            super().build(input_shape)
            self.scale = self.add_weight(shape=(), initializer="ones")

        def get_config(self):
            return {**super().get_config(), "extra": self.extra}

    class Both(layers.Activation, Mixed):
        def __init__(self, activation, **kwargs):
            super().__init__(activation, **kwargs)
            self.built = False

    layer = Both("relu", extra=2)
    layer(X)
    assert len(layer.weights) == 1 and layer.get_config()["extra"] == 2


class Cached(layers.MultiHeadAttention):
    """Calls the projections and the attention itself, as layers with a cache do."""

    def call(self, query, value, key=None, attention_mask=None, training=None):
        q, k, v = self._query_dense(query), self._key_dense(value if key is None else key), self._value_dense(value)
        out, _ = self._compute_attention(q, k, v, attention_mask=attention_mask, training=training)
        return self._output_dense(out)


class Scored(layers.MultiHeadAttention):
    """Replaces the attention between projected tensors, by Keras's equations."""

    def _compute_attention(self, query, key, value, attention_mask=None, training=None, return_attention_scores=False):
        self._build_attention(len(query.shape))
        scores = ops.einsum(self._dot_product_equation, key, query / np.sqrt(self._key_dim).astype("float32"))
        weights = self._dropout_layer(self._masked_softmax(scores, attention_mask), training=training)
        return ops.einsum(self._combine_equation, weights, value), weights


class Projected(layers.MultiHeadAttention):
    """Makes its own projections in `build`."""

    def build(self, query_shape, value_shape, key_shape=None):
        for name, size in (("query", self._key_dim), ("key", self._key_dim), ("value", self._value_dim)):
            dense = layers.EinsumDense(
                "abc,cde->abde",
                output_shape=(None, self._num_heads, size),
                bias_axes="de" if self._use_bias else None,
                name=name,
                **self._get_common_kwargs_for_sublayer(),
            )
            dense.build(query_shape)
            setattr(self, f"_{name}_dense", dense)
        self._build_attention(4)
        shape = self._output_shape or query_shape[-1:]
        self._output_dense = layers.EinsumDense("abcd,cde->abe", output_shape=(None, *shape), bias_axes="e", name="out")
        self._output_dense.build((*query_shape[:-1], self._num_heads, self._value_dim))


@pytest.mark.parametrize("cls", [Cached, Scored, Projected])
def test_subclasses_of_attention(backend, cls):
    plain = layers.MultiHeadAttention(2, 4, value_dim=3)
    own = cls(2, 4, value_dim=3)
    plain(X, X), own(X, X)
    own.set_weights(plain.get_weights())
    assert [v.path.split("/", 1)[1] for v in plain.weights][:6] == [v.path.split("/", 1)[1] for v in own.weights][:6]
    assert own.query_dense is own._query_dense and len(own._layers) == 4
    mask = np.tril(np.ones((5, 5), bool))[None]
    for extra in ({}, {"attention_mask": mask}):
        want, got = plain(X, X, **extra), own(X, X, **extra)
        np.testing.assert_allclose(ops.convert_to_numpy(got), ops.convert_to_numpy(want), atol=1e-5)


def test_build_with_two_shapes_is_written_and_read(backend):
    class Conditioned(layers.Layer):
        def build(self, x_shape, conditions_shape=None):
            width = x_shape[-1] + (conditions_shape[-1] if conditions_shape else 0)
            self.kernel = self.add_weight(shape=(width, 2))

    for args, kwargs in (((2, 3), (2, 4)), {}), (((2, 3),), {"conditions_shape": (2, 4)}):
        layer = Conditioned()
        layer.build(*args, **kwargs)
        config = layer.get_build_config()
        assert config == {"shapes_dict": {"x_shape": (2, 3), "conditions_shape": (2, 4)}}
        other = Conditioned()
        other.build_from_config(config)
        assert tuple(other.kernel.shape) == (7, 2)
    layer = Conditioned()
    layer.build(x_shape=(2, 3))
    assert layer.get_build_config() == {"input_shape": (2, 3)}


def test_sublayers_of_a_layer_without_build_exist_after_a_symbolic_call(backend, tmp_path):
    class Normed(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.norm, self.dense = layers.LayerNormalization(), layers.Dense(3)

        def call(self, x):
            return self.dense(self.norm(x))

        def compute_output_shape(self, shape):
            return (*shape[:-1], 3)

    x = kfront.Input((4,))
    model = kfront.Model(x, Normed()(x))
    assert len(model.weights) == 4
    model.save(tmp_path / "m.keras")
    loaded = kfront.saving.load_model(tmp_path / "m.keras", custom_objects={"Normed": Normed})
    data = np.ones((2, 4), "float32")
    np.testing.assert_allclose(loaded.predict(data, verbose=0), model.predict(data, verbose=0), atol=1e-6)


def test_values_as_initializer(backend):
    get = kfront.initializers.get(np.array([1, 0]))
    assert ops.convert_to_numpy(get((2,), "int32")).tolist() == [1, 0]
    with pytest.raises(kfront.errors.ShapeError, match="reshape"):
        get((3,))
    layer = layers.Layer()
    v = layer.add_weight(shape=(2,), initializer=kfront.initializers.get(ops.convert_to_tensor([3, 4])), dtype="int32")
    assert ops.convert_to_numpy(v).tolist() == [3, 4]


def test_a_wrapped_loss_function_is_pickled_and_serialized():
    from kfront.losses.base import LossFunctionWrapper

    loss = LossFunctionWrapper(kfront.losses.mean_squared_error, name="e")
    for again in (
        pickle.loads(pickle.dumps(loss)),
        kfront.losses.deserialize(kfront.losses.serialize(loss)),
    ):
        assert float(again(np.zeros((2, 1)), np.ones((2, 1)))) == 1.0
