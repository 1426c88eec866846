"""Configs of the wrong form: only `SavingError` comes out, soon, and without much memory."""

from __future__ import annotations

import json
import time

import pytest
from tests.security import attacks as a

import kfront
from kfront.core.errors import KfrontError, SavingError, UnsafeFileError

WRONG = [None, True, 0, -1, 1.5, float("nan"), "", "x", [], {}, [[]], {"a": 1}, ["x", 0], 2**63, "../x", ["a", 0, 0]]


@pytest.fixture(autouse=True)
def quick():
    start = time.monotonic()
    yield
    assert time.monotonic() - start < 60


def _paths(value, path=()):
    """Every place in a nested value."""
    yield path
    if isinstance(value, dict):
        for k, v in value.items():
            yield from _paths(v, (*path, k))
    elif isinstance(value, list):
        for i, v in enumerate(value):
            yield from _paths(v, (*path, i))


def _with(value, path, new):
    copy = json.loads(json.dumps(value))
    if not path:
        return new
    target = copy
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = new
    return copy


def _without(value, path):
    copy = json.loads(json.dumps(value))
    target = copy
    for step in path[:-1]:
        target = target[step]
    del target[path[-1]]
    return copy


SEQUENTIAL = a.sequential(a.dense(), build_config={"input_shape": [None, 4]})
FUNCTIONAL = a.functional(
    (a.dense("e"), "e", [a.node(a.reference("x"))]),
    (
        a.named("keras.src.ops.numpy", "Add", {"name": "add"}, "Add"),
        "add",
        [a.node(a.reference("e", shape=(None, 2)), 1.0)],
    ),
    (a.dense("d"), "d", [a.node(a.reference("add", shape=(None, 2)))]),
)


def test_the_harmless_configs_load(backend):
    for config in (SEQUENTIAL, FUNCTIONAL):
        assert kfront.saving.deserialize_keras_object(config).count_params() > 0


@pytest.mark.parametrize("config", [SEQUENTIAL, FUNCTIONAL], ids=["sequential", "functional"])
def test_wrong_types_everywhere(config):
    """Each place of a valid config replaced by each wrong value, and left out: a model or a SavingError."""
    refused = 0
    for path in _paths(config):
        for new in WRONG:
            try:
                kfront.saving.deserialize_keras_object(_with(config, path, new))
            except SavingError:
                refused += 1
        if path:
            try:
                kfront.saving.deserialize_keras_object(_without(config, path))
            except SavingError:
                refused += 1
    assert refused > 100


def test_the_same_errors_on_every_engine(backend):
    for path, new in [
        (("config", "layers"), None),
        (("config", "layers"), {"a": 1}),
        (("config", "layers", 1, "config", "units"), -1),
        (("config", "layers", 1, "config", "units"), "many"),
        (("config", "layers", 1, "config", "kernel_initializer"), "no_such"),
        (("config", "layers", 1, "config"), []),
        (("config", "layers", 1, "class_name"), 3),
        (("config", "layers", 1), "Dense"),
        (("config", "trainable"), "yes"),
        (("config", "name"), 7),
        (("config",), 7),
        (("class_name",), "NoSuchModel"),
    ]:
        with pytest.raises(SavingError) as caught:
            kfront.saving.deserialize_keras_object(_with(SEQUENTIAL, path, new))
        assert str(caught.value).startswith("["), caught.value


def test_direct_entry_points_raise_kfront_errors():
    for attempt in (
        lambda: kfront.layers.deserialize({"class_name": "NoSuch", "config": {}}),
        lambda: kfront.layers.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.losses.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.metrics.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.optimizers.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.initializers.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.regularizers.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.constraints.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.activations.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.dtype_policies.deserialize({"module": "os", "class_name": "system", "config": {}}),
        lambda: kfront.Model.from_config({"layers": [], "input_layers": [], "output_layers": []}),
        lambda: kfront.Model.from_config({"layers": None, "input_layers": None, "output_layers": None}),
        lambda: kfront.Sequential.from_config({"layers": [{"class_name": "x"}]}),
        lambda: kfront.models.model_from_json("{"),
        lambda: kfront.models.model_from_json("[]"),
        lambda: kfront.models.model_from_json(json.dumps(a.dense())),
        lambda: kfront.models.model_from_json(3),
    ):
        with pytest.raises(KfrontError):
            attempt()


def test_deep_nesting(backend):
    for text in ("[" * 100_000, '{"a":' * 100_000, "[" * 900 + "]" * 900):
        with pytest.raises(SavingError):
            kfront.models.model_from_json(text)
    config = a.dense()
    for _ in range(300):
        config = a.sequential(config)
    with pytest.raises(UnsafeFileError):
        kfront.saving.deserialize_keras_object(config)


def test_a_config_that_contains_itself(backend):
    config = a.sequential(a.dense())
    config["config"]["layers"].append(config)
    with pytest.raises(UnsafeFileError, match="contains itself"):
        kfront.saving.deserialize_keras_object(config)


def test_layers_that_wait_for_each_other(backend):
    loop = a.functional(
        (a.dense("d"), "d", [a.node(a.reference("e", shape=(None, 2)))]),
        (a.dense("e"), "e", [a.node(a.reference("d", shape=(None, 2)))]),
    )
    own = a.functional((a.dense("d"), "d", [a.node(a.reference("d"))]))
    missing = a.functional((a.dense("d"), "d", [a.node(a.reference("nowhere"))]))
    later = a.functional((a.dense("d"), "d", [a.node(a.reference("x", node=5))]))
    for config in (loop, own, missing, later):
        with pytest.raises(SavingError):
            kfront.saving.deserialize_keras_object(config)


def test_a_million_layers(backend):
    with pytest.raises(UnsafeFileError):
        kfront.saving.deserialize_keras_object(a.sequential(*([a.dense()] * 1_000_000)))
    with pytest.raises(UnsafeFileError):
        kfront.saving.deserialize_keras_object(a.sequential(*([{}] * 200_000)))


def test_a_long_chain_takes_linear_time():
    def chain(n):
        relu = lambda i: a.named("keras.src.ops.nn", "Relu", {"name": f"r{i}"}, "Relu")  # noqa: E731
        names = ["x", *(f"r{i}" for i in range(n))]
        layers = [(relu(i), f"r{i}", [a.node(a.reference(names[i]))]) for i in range(n)]
        return a.functional(*reversed(layers), outputs=(f"r{n - 1}", 0, 0))

    start = time.monotonic()
    assert len(kfront.saving.deserialize_keras_object(chain(3000)).operations) == 3001
    assert time.monotonic() - start < 20


def test_numbers_in_json(backend):
    for text in ("1" * 5000, "-" + "9" * 5000, str(2**70)):
        with pytest.raises(SavingError):
            kfront.models.model_from_json(f'{{"class_name": "Sequential", "config": {{"n": {text}}}}}')
    with pytest.raises(UnsafeFileError, match="twice"):
        kfront.models.model_from_json('{"class_name": "A", "class_name": "B", "config": {}}')


@pytest.mark.parametrize("kind", ["__numpy__", "__tensor__"])
def test_arrays_in_configs(backend, kind):
    good = {"class_name": kind, "config": {"value": [[1, 2], [3, 4]], "dtype": "float32"}}
    assert tuple(kfront.saving.deserialize_keras_object(good).shape) == (2, 2)
    for value, dtype in [
        ("/etc/passwd", "float32"),
        (["a"], "float32"),
        ([[1], [1, 2]], "float32"),
        ([1], "object"),
        ([1], "O"),
        ([1], "S10"),
        ([1], "string"),
        ([1], None),
        ([1], ["float32"]),
        ({"a": 1}, "float32"),
        ([None], "float32"),
        (None, "float32"),
        ([300], "uint8"),
    ]:
        with pytest.raises(SavingError):
            kfront.saving.deserialize_keras_object({"class_name": kind, "config": {"value": value, "dtype": dtype}})


def test_shared_ids_do_not_confuse_types(backend):
    first = {**a.named("keras.initializers", "Zeros"), "shared_object_id": 1}
    other = {**a.named("keras.regularizers", "L2", {"l2": 0.1}), "shared_object_id": 1}
    layer = kfront.saving.deserialize_keras_object(a.dense(kernel_initializer=first, kernel_regularizer=other))
    assert type(layer.kernel_initializer).__name__ == "Zeros"
    assert type(layer.kernel_regularizer).__name__ == "L2"


@pytest.mark.parametrize("key", ["(a+)+b", "(a|a)*b", "(?:a*)*b", "(a{1,9}){1,9}b", ".*a.*a.*a.*b"])
def test_expressions_that_take_for_ever(key):
    """Keys of maps are matched with paths, and a file brings both."""
    maps = [
        {"module": "keras.dtype_policies", "class_name": "DTypePolicyMap", "config": {"policy_map": {key: "float32"}}},
        {
            "module": "keras.optimizers",
            "class_name": "OptimizerMap",
            "config": {
                "default_optimizer": {"module": "keras.optimizers", "class_name": "SGD", "config": {}},
                "optimizer_map": {key: {"module": "keras.optimizers", "class_name": "SGD", "config": {}}},
            },
        },
    ]
    for config in maps:
        with pytest.raises(UnsafeFileError, match="short expressions"):
            kfront.saving.deserialize_keras_object({**config, "registered_name": None})


def test_usual_expressions_come_back():
    policies = kfront.dtype_policies.DTypePolicyMap("float32", {"a/.*/b.*": "bfloat16", "a/c": "float16"})
    again = kfront.saving.deserialize_keras_object(kfront.saving.serialize_keras_object(policies))
    assert again["a/x/bc"].name == "bfloat16" and again["a/c"].name == "float16" and again["x"].name == "float32"
    assert again["a/" + "x" * 300 + "/b"].name == "float32"
