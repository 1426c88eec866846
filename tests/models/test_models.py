"""Models where kfront goes its own way, or where Keras has no comparable form."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import kfront
from kfront import layers, ops


def data(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def mlp():
    return kfront.Sequential(
        [layers.Input((4,)), layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2)]
    )


def functional():
    a, b = layers.Input((4,), name="a"), layers.Input((4,), name="b")
    shared = layers.Dense(3, name="shared")
    return kfront.Model({"a": a, "b": b}, {"s": shared(a) + ops.relu(shared(b)), "t": [layers.Dense(1)(a)]})


class Net(kfront.Model):
    def __init__(self, units, depth=2, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(units) for _ in range(depth)]
        self.out = layers.Dense(1)

    def call(self, x):
        for block in self.blocks:
            x = block(x)
        return self.out(x)


def net():
    model = Net(3, depth=3)
    model(data(2, 4))
    return model


MODELS = {
    "mlp": (mlp, lambda: data(3, 4)),
    "functional": (functional, lambda: {"a": data(3, 4), "b": data(3, 4) + 1}),
    "net": (net, lambda: data(3, 4)),
}


def close(a, b, tolerance=1e-6):
    if isinstance(a, dict):
        for k in a:
            close(a[k], b[k], tolerance)
    elif isinstance(a, (list, tuple)):
        for x, y in zip(a, b, strict=True):
            close(x, y, tolerance)
    else:
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies(backend, kind, how):
    make, x = MODELS[kind]
    model = make()
    wanted = model.predict(x(), verbose=0)
    other = how(model)
    close(other.predict(x(), verbose=0), wanted)
    other.set_weights([w + 1 for w in other.get_weights()])
    close(model.predict(x(), verbose=0), wanted)


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_copies_of_compiled_models_go_on_training(trainable_backend, how):
    model = mlp()
    model.compile("adam", "mse", metrics=["mae"])
    x, y = data(8, 4), data(8, 2)
    model.fit(x, y, verbose=0)
    other = how(model)
    assert int(other.optimizer.iterations.numpy()) == 1
    before = model.get_weights()
    history = other.fit(x, y, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all() and int(other.optimizer.iterations.numpy()) == 3
    close(model.get_weights(), before)


def test_config_of_a_subclass_is_what_it_was_made_with(backend):
    config = Net(3, depth=1, name="mine").get_config()
    assert config["units"] == 3 and config["depth"] == 1 and config["name"] == "mine"
    again = Net.from_config(config)
    assert len(again.blocks) == 1 and again.name == "mine"


def test_tracked_containers(backend):
    model = Net(3)
    model.blocks.append(layers.Dense(3, name="late"))
    model.extra = {"x": layers.Dense(2, name="in_dict")}
    model.extra["y"] = layers.Dense(2, name="added")
    model.pair = (layers.Dense(1, name="first"), [layers.Dense(1, name="second")])
    names = [x.name for x in model._flatten_layers()]
    assert {"late", "in_dict", "added", "first", "second"} <= set(names)
    del model.extra["x"]
    model.blocks.pop()
    model.pair = None
    names = [x.name for x in model._flatten_layers()]
    assert not {"late", "in_dict", "first", "second"} & set(names) and "added" in names


@pytest.mark.parametrize("target", ["numpy", "torch", "jax", "tensorflow"])
def test_convert(trainable_backend, target):
    if target not in kfront.backends.installed():
        pytest.skip("not installed")
    kfront.utils.set_random_seed(1)
    model = mlp()
    model.compile("adam", "mse", metrics=["mae"])
    x, y = data(8, 4), data(8, 2)
    model.fit(x, y, epochs=2, verbose=0)
    other = kfront.convert(model, target)
    assert other._kf_backend.name == target
    close(other.predict(x, verbose=0), model.predict(x, verbose=0), 1e-5)
    close([v.numpy() for v in other.variables], [v.numpy() for v in model.variables])
    close([v.numpy() for v in other.optimizer.variables], [v.numpy() for v in model.optimizer.variables])
    if target != "numpy":
        other.fit(x, y, verbose=0)
        assert int(other.optimizer.iterations.numpy()) == 3 and int(model.optimizer.iterations.numpy()) == 2


def text_of(model, **kwargs):
    lines = []
    model.summary(print_fn=lambda line: lines.append(line), line_length=100, **kwargs)
    return "\n".join(lines)


def test_summary(backend):
    text = text_of(mlp())
    assert "(None, 5)" in text and "Total params: 57 " in text and "Non-trainable params: 10 " in text
    for name in ("Dense", "BatchNormalization", "Dropout"):
        assert name in text


def test_summary_of_unbuilt_models(backend):
    assert "unbuilt" in text_of(kfront.Sequential([layers.Dense(2)]))
    assert "unbuilt" in text_of(Net(2))


def test_summary_options(backend):
    i = layers.Input((4,), name="start")
    inner = kfront.Sequential([layers.Input((4,)), layers.Dense(3, name="deep")], name="inner")
    frozen = layers.Dense(3, name="cold", trainable=False)
    model = kfront.Model(i, layers.Dense(1, name="end")(layers.Add(name="plus")([inner(i), frozen(i)])))
    plain, expanded = text_of(model), text_of(model, expand_nested=True, show_trainable=True)
    assert "deep" not in plain and "deep" in expanded and "Trainable" in expanded and " N " in expanded
    assert "plus" in plain and "Connected to" in plain
    part = text_of(model, layer_range=("plus", "end"))
    assert "start" not in part and "end" in part
    with pytest.raises(ValueError, match="layer_range"):
        text_of(model, layer_range=("nope", "end"))


ERRORS = {
    "unconnected": lambda: kfront.Model(layers.Input((2,)), layers.Dense(1)(layers.Input((2,)))),
    "doubled name": lambda: kfront.Sequential(
        [layers.Input((2,)), layers.Dense(1, name="a"), layers.Dense(1, name="a")]
    ),
    "no layer": lambda: kfront.Sequential([layers.Input((2,)), 3]),
    "late input": lambda: kfront.Sequential([layers.Dense(1), layers.Input((2,))]),
    "arrays": lambda: kfront.Model(np.ones((2, 2)), np.ones((2, 2))),
    "empty pop": lambda: kfront.Sequential().pop(),
    "clone no model": lambda: kfront.models.clone_model(3),
    "unbuilt shape": lambda: kfront.Sequential([layers.Dense(1)]).output_shape,
    "unbuilt count": lambda: kfront.Sequential([layers.Dense(1)]).count_params(),
    "missing input": lambda: functional()({"a": data(2, 4)}),
    "too many inputs": lambda: functional()([data(2, 4)] * 3),
    "wrong shape": lambda: mlp()(data(2, 7)),
}


@pytest.mark.parametrize("what", ERRORS)
def test_misuse(what, backend):
    from kfront.core.errors import KfrontError

    with pytest.raises(KfrontError):
        ERRORS[what]()


def test_inputs_of_any_form(backend):
    """Lists, dicts by name, missing and surplus last axes, other dtypes."""
    a, b = layers.Input((1,), name="a"), layers.Input((2,), name="b")
    model = kfront.Model([a, b], layers.Concatenate()([a, b]))
    wanted = np.array([[1, 2, 3], [4, 5, 6]], "float32")
    x, y = wanted[:, :1], wanted[:, 1:]
    for form in ([x, y], (x, y), {"a": x, "b": y}, [x[:, 0], y], [x.astype("int64"), y.astype("float64")]):
        np.testing.assert_array_equal(model.predict(form, verbose=0), wanted)
        np.testing.assert_array_equal(ops.convert_to_numpy(model(form)), wanted)


def test_set_weights_is_all_or_nothing(backend):
    model = mlp()
    before = model.get_weights()
    with pytest.raises(ValueError):
        model.set_weights([*[w + 1 for w in before[:-1]], np.ones(7, "float32")])
    close(model.get_weights(), before)


def test_masks_through_a_nested_model(backend):
    inner = kfront.Sequential([layers.Input((4, 2)), layers.Dense(2, use_bias=False)])
    i = layers.Input((4, 2))
    model = kfront.Model(i, layers.GlobalAveragePooling1D()(inner(layers.Masking()(i))))
    x = data(2, 4, 2)
    x[0, 2:] = 0
    kernel = inner.get_weights()[0]
    wanted = np.stack([(x[0, :2] @ kernel).mean(0), (x[1] @ kernel).mean(0)])
    close(model.predict(x, verbose=0), wanted, 1e-5)


def test_two_backends_side_by_side():
    names = [n for n in kfront.backends.installed() if n != "numpy"]
    models = []
    for name in names:
        with kfront.backend_scope(name):
            kfront.utils.set_random_seed(3)
            models.append(mlp())
    first = models[0].predict(data(4, 4), verbose=0)
    for model, name in zip(models, names, strict=True):
        assert model._kf_backend.name == name
        close(model.predict(data(4, 4), verbose=0), first, 1e-5)


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_sequential_begins_with_a_model_that_knows_its_input(kind, backend):
    """It is built at once, as in Keras."""
    inputs = kfront.Input((4,), dtype="float32")
    dense = layers.Dense(2)
    base = kfront.Model(inputs, dense(inputs)) if kind == "functional" else kfront.Sequential([inputs, dense])
    model = kfront.Sequential([base, layers.Dense(3)])
    assert (model.built, model.input_shape, model.output_shape, len(model.weights)) == (True, (None, 4), (None, 3), 4)
    again = kfront.Sequential.from_config(model.get_config())
    assert (again.built, len(again.layers), again.output_shape) == (True, 2, (None, 3))


def test_a_sequential_goes_on_without_a_graph_where_a_layer_tells_no_shape(backend):
    class Silent(layers.Layer):
        def call(self, x):
            return x * 2

        def compute_output_spec(self, *args, **kwargs):
            raise NotImplementedError

    model = kfront.Sequential([kfront.Input((2,)), Silent(), layers.Dense(3, kernel_initializer="ones")])
    assert (model.built, len(model.layers)) == (True, 2)
    np.testing.assert_allclose(model.predict(np.ones((1, 2)), verbose=0), [[4.0, 4.0, 4.0]])


def _of_two(as_dict):
    a, b = kfront.Input((2,), name="a"), kfront.Input((2,), name="b")
    return kfront.Model({"a": a, "b": b} if as_dict else [a, b], layers.Add()([a, b]))


@pytest.mark.parametrize("given", [{"a": 1, "b": 1, "c": 1}, [1, 1]])
def test_inputs_of_another_structure_are_told(given, backend):
    with pytest.warns(UserWarning, match=r"expected a dict of inputs \['a', 'b'\]"):
        _of_two(True)(kfront.tree.map_structure(lambda _: np.ones((3, 2), "float32"), given))


@pytest.mark.parametrize(("as_dict", "given"), [(True, {"a": 1, "x": 1}), (True, [1, 1]), (False, {"a": 1, "b": 1})])
def test_a_clone_takes_inputs_of_the_same_structure(as_dict, given, backend):
    with pytest.raises(ValueError, match="same form"):
        kfront.models.clone_model(_of_two(as_dict), kfront.tree.map_structure(lambda _: kfront.Input((2,)), given))
