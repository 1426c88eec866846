"""Configs that are refused say at which key they are wrong, and files that pretend to be something else are refused."""

from __future__ import annotations

import json

import pytest
from tests.security import attacks as a

import kfront
from kfront import layers
from kfront.core.errors import SavingError, UnsafeFileError

TWO = a.functional(
    (a.dense("first"), "first", [a.node(a.reference("x"))]),
    (a.dense("last"), "last", [a.node(a.reference("first", shape=(None, 2)))]),
)


def layer(config, name):
    return next(x for x in config["config"]["layers"] if x["config"]["name"] == name)


def refers(name, *where):
    """A change: the first argument of a layer's call comes from there."""

    def change(config):
        layer(config, name)["inbound_nodes"][0]["args"][0]["config"]["keras_history"] = list(where)

    return change


def sets(name, key, value):
    """A change of one entry of a layer's config."""
    return lambda config: layer(config, name)["config"].update({key: value})


def ends(*where):
    return lambda config: config["config"].update(output_layers=list(where))


CASES = {
    "cycle": (refers("first", "last", 0, 0), r"`inbound_nodes` without a cycle.*'first' <- 'last' <- 'first'"),
    "itself": (refers("first", "first", 0, 0), r"`inbound_nodes` without a cycle.*'first' <- 'first'"),
    "missing layer": (refers("last", "none", 0, 0), r"`inbound_nodes` of 'last' \(call 0\), got 'none'"),
    "node index": (refers("last", "first", 7, 0), r"node index below 1.*`inbound_nodes` of 'last' \(call 0\), got 7"),
    "negative index": (refers("last", "first", -1, 0), r"node index below 1.*got -1"),
    "tensor index": (refers("last", "first", 0, 7), r"in `inbound_nodes`.*\('first', 0, 7\)"),
    "output": (ends("last", 5, 0), r"in `output_layers`.*\('last', 5, 0\)"),
    "empty class": (lambda config: layer(config, "first").update(class_name=""), "in `class_name`, got ''"),
    "empty inner class": (
        sets("first", "kernel_initializer", {"class_name": "", "config": {}}),
        "`class_name`, got ''",
    ),
    "shape as text": (sets("x", "batch_shape", "abc"), r"InputLayer x.*\[batch_shape\].*got 'abc'"),
    "shape of digits": (sets("x", "batch_shape", "123"), r"\[batch_shape\].*got '123'"),
    "size as text": (sets("x", "batch_shape", ["a", 4]), r"\[batch_shape\].*got \['a', 4\]"),
    "build shape": (lambda c: layer(c, "first").update(build_config={"input_shape": "abc"}), "build_config.*'abc'"),
    "huge dtype": (sets("x", "dtype", "f" * 100_000), r"InputLayer x.*\[dtype\].*got 'fff"),
    "huge policy": (sets("first", "dtype", "S" + "9" * 100_000), r"Dense first.*\[DTypePolicy\].*got 'S999"),
}


@pytest.mark.parametrize("case", CASES)
def test_messages_name_the_key_at_fault(case):
    config = json.loads(json.dumps(TWO))
    change, message = CASES[case]
    change(config)
    with pytest.raises(SavingError, match=message) as caught:
        kfront.saving.deserialize_keras_object(config)
    assert len(str(caught.value)) < 1000


class Theirs(layers.Layer):
    """A class of the user's, which a file must not put in the place of kfront's."""

    def __init__(self, *args, **kwargs):
        raise AssertionError("the user's class was made")


@pytest.mark.parametrize("registered", ["theirs>Theirs", "Theirs"])
@pytest.mark.parametrize("name", [("keras.layers", "Dense"), ("keras", "Sequential"), ("keras.optimizers", "Adam")])
def test_a_class_of_kfront_under_the_registered_name_of_another_is_refused(name, registered):
    with kfront.saving.custom_object_scope({registered: Theirs}):
        config = a.named(*name, {"units": 2}, registered)
        with pytest.raises(UnsafeFileError, match="`registered_name` beside the class"):
            kfront.saving.deserialize_keras_object(config)


@pytest.mark.parametrize("made", [kfront.optimizers.Adam, kfront.metrics.Mean, kfront.initializers.Zeros])
def test_a_file_of_something_else_is_no_model(made, tmp_path):
    config = kfront.saving.serialize_keras_object(made())
    with pytest.raises(SavingError, match="to hold a model, got a"):
        kfront.saving.load_model(a.keras_file(tmp_path / "m.keras", config))


@pytest.mark.parametrize("cls", [layers.StringLookup, layers.IntegerLookup, layers.TextVectorization])
def test_paths_in_configs_are_refused_outside_of_loading_too(cls, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("1\n2\n")
    assert len(cls(vocabulary=str(path)).get_vocabulary()) >= 3
    for config in ({"vocabulary": str(path)}, {"vocabulary": path}, {"vocabulary": ["1"], "idf_weights": str(path)}):
        with pytest.raises(UnsafeFileError, match="a file may not name another file"):
            cls.from_config(config)
    assert cls.from_config(cls(vocabulary=str(path)).get_config()).name


@pytest.mark.parametrize("name", ["Adam", "AdamW", "SGD", "RMSprop"])
def test_optimizers_of_the_torch_backend_of_keras_are_those_of_the_same_name(name):
    config = a.named(f"keras.src.backend.torch.optimizers.torch_{name.lower()}", name, {"learning_rate": 0.5}, name)
    made = kfront.saving.deserialize_keras_object(config)
    assert type(made) is getattr(kfront.optimizers, name)
    for module in ("keras.src.backend.torch.optimizers.torch_x.y", "os.keras.src.backend.torch.optimizers.torch_adam"):
        with pytest.raises(UnsafeFileError):
            kfront.saving.deserialize_keras_object(a.named(module, name, {}, name))
