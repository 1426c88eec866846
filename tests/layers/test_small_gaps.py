"""Small things that programs written for Keras lean on, as Keras 3.15.1 has them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import constraints, layers, metrics, ops, optimizers

X, Y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")


def values(x: Any) -> Any:
    return np.asarray(ops.convert_to_numpy(x)).astype("float64")


@pytest.mark.parametrize(
    ("scores", "options", "expected"),
    [
        ([0, 0.5, 0.3, 0.9, 0.6, 0.2], {}, 0.7917),
        ([0, 0.5, 0.3, 0.9, 0.6, 0.2], {"summation_method": "majoring"}, 0.8333),
        ([0, 0.5, 0.3, 0.9, 0.6, 0.2], {"num_thresholds": 5}, 0.9167),
        ([0.7, 0.2, 0.3, 0.1, 0.6, 0.9], {}, -0.375),
        ([0.1, 0.6, 0.8, 0.6, 0.1, 0.9], {"num_thresholds": 3}, 0.25),
    ],
)
def test_area_under_precision_and_recall_gain(scores: Any, options: Any, expected: float, backend: Any) -> None:
    """Numbers of Keras."""
    metric = metrics.AUC(curve="PRGAIN", **options)
    metric.update_state([0, 0, 1, 1, 1, 0], scores)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-4)
    assert metrics.AUC.from_config(metric.get_config()).curve == "PRGAIN"


@pytest.mark.parametrize("make", [lambda: constraints.MaxNorm(1.0), lambda: constraints.MinMaxNorm(0.1, 1.0)])
def test_constraints_take_arrays(make: Any, backend: Any) -> None:
    np.testing.assert_allclose(values(make()(np.ones((3, 2), "float32"))), np.full((3, 2), 3**-0.5), rtol=1e-5)


@pytest.mark.parametrize("first", ["list", "dict"])
def test_a_sequential_over_a_structure(first: str, trainable_backend: Any) -> None:
    class Sum(layers.Layer):
        def call(self, parts: Any) -> Any:
            return parts["a"] + parts["b"] if first == "dict" else parts[0] + parts[1]

    data = {"a": X, "b": X} if first == "dict" else [X, X]
    model = kfront.Sequential([Sum(), layers.Dense(2, kernel_initializer="ones")])
    np.testing.assert_allclose(values(model(data)), np.full((4, 2), 6.0))
    model.compile("sgd", "mse")
    model.fit(data, np.ones((4, 2)), verbose=0)
    assert model.predict(data, verbose=0).shape == (4, 2)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: layers.Attention(), [0.7071, 0.4195, 0.5653, 0.2548, 0.7755]),
        (lambda: layers.AdditiveAttention(use_scale=False), [0.6751, 0.5205, 0.6244, 0.3253, 0.7526]),
    ],
)
def test_attention_of_rank_four(make: Any, expected: list[float], backend: Any) -> None:
    x = np.random.default_rng(0).random((2, 3, 4, 5)).astype("float32")
    np.testing.assert_allclose(values(make()([x, x]))[0, 0, 0], expected, atol=2e-4)


def test_a_loss_of_ones_own_without_the_flag(trainable_backend: Any) -> None:
    class Own(kfront.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None) -> Any:
            return ops.mean((y - y_pred) ** 2)

    model = Own()
    model.compile("sgd")
    assert list(model.fit(X, Y, verbose=0).history) == ["loss"]


def test_one_update_of_a_variable(trainable_backend: Any) -> None:
    variable, optimizer = kfront.Variable(np.ones(2, "float32")), optimizers.SGD(0.5)
    optimizer.build([variable])
    optimizer.update_step(ops.ones(2), variable, 0.5)
    assert variable.numpy().tolist() == [0.5, 0.5]
    assert optimizers.get(None) is None


def test_a_list_that_holds_itself(backend: Any) -> None:
    class Cyclic(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.parts: list[Any] = []
            self.parts.append(self.parts)
            self.parts.append(layers.Dense(1))

    assert len(Cyclic()._layers) == 1


def test_input_spec_of_a_model_can_be_set(backend: Any) -> None:
    inputs = kfront.Input((3,))
    model = kfront.Model(inputs, layers.Dense(1)(inputs))
    assert model.input_spec[0].shape == (None, 3)
    model.input_spec = kfront.InputSpec(shape=(None, 3), dtype="float32")
    assert model.input_spec.dtype == "float32"


class Batches(kfront.utils.PyDataset):
    """Batches (x, y)."""

    def __len__(self) -> int:
        return 2

    def __getitem__(self, i: int) -> Any:
        return ADAPTED[2 * i : 2 * i + 2], np.ones(2)


ADAPTED = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 4.0]], "float32")
SOURCES = {
    "array": lambda: ADAPTED,
    "list of batches": lambda: [ADAPTED[:2], ADAPTED[2:]],
    "iterator": lambda: iter([ADAPTED[:2], ADAPTED[2:]]),
    "pairs": lambda: ((x, np.ones(len(x))) for x in (ADAPTED[:2], ADAPTED[2:])),
    "PyDataset of pairs": lambda: Batches(),
    "nested lists": lambda: ADAPTED.tolist(),
}


@pytest.mark.parametrize("source", SOURCES)
def test_what_normalization_adapts_to(source: str, backend: Any) -> None:
    layer = layers.Normalization()
    layer.adapt(SOURCES[source]())
    np.testing.assert_allclose(values(layer.mean), [[3.0, 4.0]], rtol=1e-6)
    np.testing.assert_allclose(values(layer.variance), [[8 / 3, 8 / 3]], rtol=1e-6)
    with pytest.raises(ValueError, match="batch"):
        layers.Normalization().adapt(iter([]))


def test_a_layer_called_twice_tells_its_first_call(backend):
    x, y, dense = kfront.Input((3,)), kfront.Input((3,)), layers.Dense(2)
    first = dense(x)
    dense(y)
    assert dense.input is x and dense.output is first
    inner = kfront.Model(first, layers.Dense(1, name="top")(first))
    assert [layer.name for layer in inner.layers][1:] == ["top"]
    assert inner.get_layer("top").input is first


def test_hashing_takes_a_tuple_as_one_array(backend):
    layer = layers.Hashing(3)
    np.testing.assert_array_equal(kfront.ops.convert_to_numpy(layer((("a", "b"), ("c", "d")))), [[0, 1], [1, 2]])
    np.testing.assert_array_equal(kfront.ops.convert_to_numpy(layer((1, 2, 3))), [0, 1, 0])


def test_rand_augment_of_no_operations(backend):
    images = np.ones((1, 4, 4, 3), "float32")
    np.testing.assert_array_equal(
        kfront.ops.convert_to_numpy(layers.RandAugment(num_ops=0)(images, training=True)), images
    )


def test_states_of_stacked_cells_have_the_form_that_each_gives_them(backend):
    cells = layers.StackedRNNCells([layers.LSTMCell(2), layers.GRUCell(3)])
    x = np.ones((2, 5, 3), "float32")
    _, lstm, gru = layers.RNN(cells, return_state=True)(x)
    assert [s.shape[-1] for s in lstm] == [2, 2] and [tuple(s.shape) for s in gru] == [(2, 3)]
    for given in ([lstm, gru], [lstm, gru[0]]):
        assert tuple(layers.RNN(cells)(x, initial_state=given).shape) == (2, 3)
    symbolic = layers.RNN(cells, return_state=True)(kfront.Input((5, 3)))
    assert [tuple(s.shape) for s in symbolic[1]] == [(None, 2)] * 2 and tuple(symbolic[2].shape) == (None, 3)


def test_a_layer_that_takes_arguments_as_they_are(backend):
    class Raw(layers.Layer):
        def __init__(self):
            super().__init__()
            self._convert_input_args = False

        def call(self, x):
            return type(x).__name__

    assert Raw()(np.ones(2)) == "ndarray"


class _Brightness(layers.RandomBrightness):
    def call(self, data: Any, training: bool | None = True) -> Any:
        self.__dict__["got"] = training
        return super().call(data, training=bool(training))


class _Handing(kfront.Model):
    def __init__(self) -> None:
        super().__init__()
        self.inner = _Brightness(0.3, seed=1)

    def call(self, x: Any, training: bool | None = None) -> Any:
        self.__dict__["got"] = training
        return self.inner(x, training=training)


@pytest.mark.parametrize("given", [{}, {"training": None}, {"training": True}, {"training": False}])
def test_a_flag_that_nobody_set_is_none(given: Any, backend: Any) -> None:
    model, images = _Handing(), np.ones((1, 2, 2, 3), "float32")
    for _ in range(2):  # the second call takes a shorter path
        model(images, **given)
        wanted = given.get("training")
        assert model.got is wanted and model.inner.got is wanted
    model.inner(images)
    assert model.inner.got is True
    model.inner(images, training=None)
    assert model.inner.got is None


def test_train_of_torch_is_no_none() -> None:
    pytest.importorskip("torch")
    with kfront.backend_scope("torch"):
        model = _Handing()
        images = np.ones((1, 2, 2, 3), "float32")
        for flag, wanted in ((True, True), (False, None)):
            model.train(flag)
            model(images)
            assert model.got is wanted and model.inner.got is wanted


@pytest.mark.parametrize("kind", ["sequential", "functional"])
def test_a_dict_for_one_input(kind: str, backend: Any) -> None:
    first = kfront.Input((3,), name="first")
    model = kfront.Sequential([first, layers.Dense(2)])
    model = model if kind == "sequential" else kfront.Model(first, layers.Dense(2)(first))
    for data in ({"first": X}, {"first": X, "other": X}):
        assert tuple(model(data).shape) == (4, 2)
    with pytest.raises(ValueError, match="first") as error:
        model({"other": X})
    assert isinstance(error.value, kfront.errors.ArgumentError)
    with pytest.raises(kfront.errors.ArgumentError, match="'text'"):
        model("text")


def test_configs_take_custom_objects() -> None:
    class Own(kfront.DTypePolicy):
        pass

    policies = kfront.dtype_policies.DTypePolicyMap()
    policies["a"] = Own("float16")
    config = policies.get_config()
    again = kfront.dtype_policies.DTypePolicyMap.from_config(config, custom_objects={"Own": Own})
    assert type(again["a"]) is Own and again["a"].name == "float16"
    with pytest.raises(kfront.errors.UnsafeFileError, match="Own"):
        kfront.dtype_policies.DTypePolicyMap.from_config(config)
    array = {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float64"}}  # as Keras writes it
    rescaling = layers.Rescaling.from_config({"scale": array, "offset": 1.0}, custom_objects={})
    np.testing.assert_allclose(values(rescaling(np.ones((1, 2), "float32"))), [[2.0, 3.0]])
    assert layers.Discretization.from_config({"bin_boundaries": [1.0]}, custom_objects={}).bin_boundaries == [1.0]


def test_optimizers_are_built_by_name() -> None:
    variable = kfront.Variable(np.ones(2, "float32"))
    for name in ("Adam", "SGD", "LossScaleOptimizer"):
        given = (optimizers.SGD(),) if name == "LossScaleOptimizer" else ()
        one = getattr(optimizers, name)(*given)
        one.build(var_list=[variable])
        assert one.built


def test_an_embedding_names_the_shape_of_its_table() -> None:
    layer = layers.Embedding(4, 3)
    layer.quantized_build(embeddings_shape=(4, 3), mode="int8")
    assert len(layer.weights) == 2


def test_an_output_shape_may_be_that_of_tensorflow(backend):
    """Layers of kdp give a `tf.TensorShape` on every engine."""
    tf = pytest.importorskip("tensorflow")

    class Doubled(layers.Layer):
        def call(self, x):
            return [x, {"last": x[..., :1]}]

        def compute_output_shape(self, input_shape):
            return [tf.TensorShape(input_shape), {"last": tf.TensorShape([input_shape[0], 1])}]

    whole, parts = Doubled()(kfront.Input((3,)))
    assert (whole.shape, parts["last"].shape) == ((None, 3), (None, 1))
