"""Exported models that begin with layers for preprocessing, reloaded in their own runtimes."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from tests.conftest import ENGINES
from tests.export.test_export import FEW, FORMATS, needed

import kfront
from kfront import errors, layers

needs_tensorflow = pytest.mark.skipif("tensorflow" not in ENGINES, reason="tensorflow is not installed")
WORDS = np.array([["the cat, sat"], ["A CAT on the"], ["dog-the dog"], [""], ["\tüber  cat "]])
VOCABULARY = ["the", "cat", "dog", "a", "on", "c", "t", "über"]
INTS = np.array([[3, 70], [5, -2], [9, 12], [10**6, 3]], "int32")

TV = layers.TextVectorization
# name -> makes the layer, the number of its indices if it gives such, data
TEXT = {
    "TextVectorization": (lambda: TV(vocabulary=VOCABULARY, output_sequence_length=3), 12, WORDS),
    "open length": (lambda: TV(vocabulary=VOCABULARY, ngrams=2), 12, WORDS),
    "characters": (lambda: TV(vocabulary=VOCABULARY, split="character", standardize="lower"), 12, WORDS),
    "count": (lambda: TV(vocabulary=VOCABULARY, output_mode="count", standardize="strip_punctuation"), None, WORDS),
    "multi_hot": (lambda: TV(vocabulary=VOCABULARY, output_mode="multi_hot", ngrams=(1, 2)), None, WORDS),
    "tf_idf": (lambda: learned(TV(output_mode="tf_idf"), WORDS), None, WORDS),
    "adapted": (lambda: learned(TV(), WORDS), 20, WORDS),
    "StringLookup": (
        lambda: layers.StringLookup(vocabulary=["a", "b"], mask_token="", num_oov_indices=3),
        6,
        np.array([["a", ""], ["b", "c"], ["d", "e"]]),
    ),
    "StringLookup one_hot": (
        lambda: layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot", mask_token=""),
        None,
        np.array([["a"], ["b"], ["c"], [""]]),
    ),
    "Hashing": (lambda: layers.Hashing(20, mask_value="b"), 20, np.array([["a", "b"], ["über", "x" * 70]])),
    "salted": (
        lambda: layers.Hashing(20, salt=[3, 4], output_mode="multi_hot"),
        None,
        np.array([["a", "b"], ["über", "x" * 70]]),
    ),
    "Hashing of integers": (lambda: layers.Hashing(20, mask_value=3), 20, INTS),
    "hashed unknown integers": (
        lambda: layers.IntegerLookup(vocabulary=[3, 5], num_oov_indices=4, oov_method="farmhash", salt=7),
        7,
        INTS,
    ),
}
NUMBERS = np.append(np.random.default_rng(0).normal(size=(7, 4)), [[-0.5, 0.0, 0.7, 3.0]], 0).astype("float32")
CLASSES = np.array([[3, 70], [5, -2], [9, 12], [10**6, 3], [0, 1]], "int32")
SOUND = np.random.default_rng(0).normal(size=(3, 64)).astype("float32")
# data -> layers that take them, all in one model
NUMERIC = {
    "floats": (
        NUMBERS,
        lambda: [
            learned(layers.Normalization(), NUMBERS),
            layers.Rescaling(0.5, 1.0),
            layers.Discretization([-0.5, 0.0, 0.7]),
            learned(layers.Discretization(num_bins=3, output_mode="count"), NUMBERS),
            layers.Lambda(lambda x: kfront.ops.top_k(x, 2)[0]),
        ],
    ),
    "integers": (
        CLASSES,
        lambda: [
            layers.CategoryEncoding(6, output_mode="count"),
            layers.IntegerLookup(vocabulary=[9, 3, 70]),
            layers.IntegerLookup(vocabulary=[9, 3], mask_token=12, num_oov_indices=3),
            layers.IntegerLookup(vocabulary=[9, -2, 1_000_000], output_mode="multi_hot", mask_token=3),
            learned(layers.IntegerLookup(output_mode="tf_idf"), CLASSES),
            layers.IntegerLookup(vocabulary=[0, 3, 2], invert=True, oov_token=1),
        ],
    ),
    "sound": (SOUND, lambda: [layers.MelSpectrogram(16, 8, num_mel_bins=4, max_freq=8000)]),
}


def numeric(name):
    """What all the layers give, side by side."""
    data, make = NUMERIC[name]
    x = kfront.Input(data.shape[1:], dtype=data.dtype.name)
    parts = [layers.Flatten()(kfront.ops.cast(layer(x), "float32")) for layer in make()]
    return kfront.Model(x, layers.Concatenate()(parts) if len(parts) > 1 else parts[0])


def learned(layer, data):
    layer.adapt(data)
    return layer


def pipeline(make, size, data, pool=False):
    """The layer, an embedding if it gives indices, and a Dense layer; with `pool` any number of words."""
    kfront.utils.set_random_seed(0)
    dtype = "string" if data.dtype.kind == "U" else data.dtype.name
    parts = [make(), *([layers.Embedding(size, 2)] if size else [])]
    parts.append(layers.GlobalAveragePooling1D() if pool else layers.Flatten())
    return kfront.Sequential([kfront.Input(data.shape[1:], dtype=dtype), *parts, layers.Dense(2)])


_RUN = """
import json, sys
import numpy as np
import tensorflow as tf
job = json.load(sys.stdin)
for name, (data, dtype, want) in job.items():
    loaded = tf.saved_model.load(f"{sys.argv[1]}/{name}")
    x = tf.constant(data, "string" if dtype[0] == "<" else dtype)
    for run in (loaded.serve, lambda x: list(loaded.signatures["serving_default"](x).values())[0]):
        np.testing.assert_allclose(run(x), want, atol=1e-4, err_msg=name)
assert not any(m.split(".")[0] == "kfront" for m in sys.modules)
print(len(job))
"""


@pytest.mark.sampled(4, table="long")
@needs_tensorflow
def test_saved_models_with_strings_run_without_kfront(tmp_path):
    """All of them in one process that has TensorFlow only; models of every engine are converted."""
    job = {}
    for i, (name, (make, size, data)) in enumerate(TEXT.items()):
        with kfront.backend_scope(ENGINES[i % len(ENGINES)]):
            model = pipeline(make, size, data, name in ("open length", "characters", "adapted"))
            model.run_eagerly = True
            want = model.predict(data, verbose=0)
            assert np.ptp(want) > 1e-3
            model.export(tmp_path / name)
            job[name] = (data.tolist(), data.dtype.str if data.dtype.kind == "U" else data.dtype.name, want.tolist())
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "KERAS_BACKEND")}
    done = subprocess.run(
        [sys.executable, "-c", _RUN, str(tmp_path)], input=json.dumps(job), capture_output=True, text=True, env=env
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == str(len(TEXT))


NO_FFT = pytest.mark.xfail(raises=errors.UnsupportedError, strict=True, reason="OpenVINO does not read torch's FFT")
CASES = [
    pytest.param(
        engine,
        format,
        name,
        id=f"{format}-{engine}-{name}",
        marks=[NO_FFT] if (format, name) == ("openvino", "sound") else [],
    )
    for format, (_, engines, _) in FORMATS.items()
    for engine in engines
    if engine in ENGINES and (format, engine) not in FEW
    for name in NUMERIC
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine, format, name", CASES)
def test_layers_for_numbers(engine, format, name, tmp_path):
    needed(format, engine)
    data = NUMERIC[name][0]
    path = str(tmp_path / f"model{FORMATS[format][2][0]}")
    with kfront.backend_scope(engine):
        model = numeric(name)
        want = np.asarray(kfront.ops.convert_to_numpy(model(data)))
        if (format, engine, name) == ("tf_saved_model", "jax", "floats"):  # see test_export.py
            model = kfront.convert(model, "tensorflow")
        model.export(path, format=format)
        run = FORMATS[format][0](path)
        for count in (len(data), 1):
            np.testing.assert_allclose(run(data[:count]), want[:count], atol=1e-4)


@pytest.mark.parametrize("format, engine", [("torch", "torch"), ("onnx", "torch"), ("stablehlo", "jax")])
def test_formats_without_strings_say_so(format, engine, tmp_path):
    if engine not in ENGINES:
        pytest.skip(f"{engine} is not installed")
    with kfront.backend_scope(engine):
        model = pipeline(*TEXT["StringLookup"])
        with pytest.raises(errors.UnsupportedError, match="string_lookup.*tf_saved_model"):
            model.export(tmp_path / "m.pt2", format=format)
    assert os.listdir(tmp_path) == []


@needs_tensorflow
@pytest.mark.parametrize("name", TEXT)
def test_graphs_of_tensorflow_need_no_python(name):
    """`tf.data` and `tf.function` get ops, whatever engine the layer is on, with the values of the host."""
    import tensorflow as tf

    make, _, data = TEXT[name]
    with kfront.backend_scope(ENGINES[0]):
        layer = make()
        want = np.asarray(kfront.ops.convert_to_numpy(layer(data)))
    traced = tf.function(
        layer, input_signature=[tf.TensorSpec((None, data.shape[1]), tf.as_dtype(tf.constant(data).dtype))]
    )
    graph = traced.get_concrete_function().graph
    assert not {"PyFunc", "EagerPyFunc"} & {op.type for op in graph.get_operations()}
    np.testing.assert_allclose(traced(tf.constant(data)), want, atol=1e-6)
    mapped = tf.data.Dataset.from_tensor_slices(data).batch(len(data)).map(layer)
    np.testing.assert_allclose(next(iter(mapped)), want, atol=1e-6)


@needs_tensorflow
def test_unknown_values_without_a_place_are_errors_in_files(tmp_path):
    import tensorflow as tf

    with kfront.backend_scope("tensorflow"):
        layer = layers.StringLookup(vocabulary=["a", "b"], num_oov_indices=0, output_mode="one_hot")
        model = kfront.Sequential([kfront.Input((1,), dtype="string"), layer])
        model.export(tmp_path / "m")
        loaded = tf.saved_model.load(str(tmp_path / "m"))
        np.testing.assert_array_equal(loaded.serve([["b"]]), [[0.0, 1.0]])
        with pytest.raises(tf.errors.InvalidArgumentError, match="num_oov_indices=0"):
            loaded.serve([["c"]])


@pytest.mark.parametrize("target", ENGINES)
def test_converted_models_keep_what_was_learned(target):
    with kfront.backend_scope("numpy"):
        model = pipeline(*TEXT["adapted"], pool=True)
        want = model.predict(WORDS, verbose=0)
    moved = kfront.convert(model, target)
    moved.run_eagerly = True  # JAX has no compiled steps with strings
    np.testing.assert_allclose(moved.predict(WORDS, verbose=0), want, atol=1e-5)


@needs_tensorflow
def test_crossed_features(tmp_path):
    import tensorflow as tf

    words, numbers = np.array([["a"], ["b"], ["über"], ["a"]]), np.array([[1], [2], [-3], [1]], "int64")
    with kfront.backend_scope("tensorflow"):
        inputs = [kfront.Input((1,), dtype="string"), kfront.Input((1,), dtype="int64")]
        model = kfront.Model(inputs, layers.HashedCrossing(20, output_mode="one_hot")(inputs))
        want = np.asarray(layers.HashedCrossing(20, output_mode="one_hot")((words, numbers)))
        model.export(tmp_path / "m")
    found = tf.saved_model.load(str(tmp_path / "m")).serve([tf.constant(words), tf.constant(numbers)])
    np.testing.assert_array_equal(found, want)
    assert len({tuple(row) for row in want.tolist()}) == 3
