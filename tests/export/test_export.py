"""Exported models, reloaded in their own runtimes."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from tests.conftest import ENGINES

import kfront
from kfront import errors, layers, ops

needs = {
    engine: pytest.mark.skipif(engine not in ENGINES, reason=f"{engine} is not installed")
    for engine in ("torch", "jax", "tensorflow")
}


# ---- models ----------------------------------------------------------------------------------------------------------


def mlp():
    parts = [layers.Dense(8, "relu"), layers.Dropout(0.5), layers.BatchNormalization(), layers.Dense(3, "softmax")]
    return kfront.Sequential([kfront.Input((6,)), layers.Normalization(mean=1.0, variance=4.0), *parts])


def cnn():
    parts = [
        layers.RandomFlip(),
        layers.RandomBrightness(0.5),
        layers.MaxPooling2D(),
        layers.DepthwiseConv2D(3),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2),
    ]
    return kfront.Sequential([kfront.Input((12, 12, 3)), layers.Conv2D(4, 3, padding="same"), *parts])


def lstm():
    recurrent = [layers.LSTM(5, return_sequences=True), layers.Bidirectional(layers.GRU(4))]
    return kfront.Sequential([kfront.Input((7,), dtype="int32"), layers.Embedding(10, 4), *recurrent, layers.Dense(2)])


def transformer():
    x = kfront.Input((None, 8))
    h = layers.LayerNormalization()(layers.add([x, layers.MultiHeadAttention(2, 4)(x, x)]))
    h = layers.LayerNormalization()(layers.add([h, layers.Dense(8)(layers.Dense(16, "gelu")(h))]))
    return kfront.Model(x, layers.GlobalAveragePooling1D()(h))


def pipeline():
    """Preprocessing of numbers and of classes among them, then a model."""
    x = kfront.Input((4,))
    numbers = layers.Normalization(mean=[1.0, 0.0, -1.0, 2.0], variance=[4.0, 1.0, 1.0, 9.0])(x)
    bins = layers.Discretization([-0.5, 0.0, 0.7], output_mode="multi_hot")(x)
    classes = ops.cast(ops.round(ops.multiply(x[:, 2:], 2.0)), "int32")
    known = layers.Flatten()(layers.Embedding(5, 3)(layers.IntegerLookup(vocabulary=[-1, 0, 1, 2])(classes)))
    counts = layers.CategoryEncoding(4, output_mode="count")(ops.abs(ops.clip(classes, -3, 3)))
    both = layers.Concatenate()([numbers, layers.Rescaling(0.5, 1.0)(x), bins, known, counts])
    return kfront.Model(x, layers.Dense(2)(layers.Dense(6, "relu")(both)))


MODELS = {f.__name__: f for f in (mlp, cnn, lstm, transformer, pipeline)}


def data(model, count):
    rng = np.random.default_rng(count)
    shape = [count if i == 0 else 5 + count if n is None else n for i, n in enumerate(model.inputs[0].shape)]
    whole = model.inputs[0].dtype == "int32"
    return rng.integers(0, 10, shape).astype("int32") if whole else rng.normal(size=shape).astype("float32")


def randomized(model):
    """The model with weights none of which is 0 or 1, so that each of them counts."""
    rng = np.random.default_rng(3)
    old = model.get_weights()
    model.set_weights([rng.uniform(0.1, 0.6, w.shape).astype(w.dtype) if w.dtype.kind == "f" else w for w in old])
    return model


# ---- runtimes: a path -> a function of NumPy arrays ------------------------------------------------------------------


def run_saved_model(path):
    tf = pytest.importorskip("tensorflow")
    loaded = tf.saved_model.load(path)

    def run(x):
        out = np.asarray(loaded.serve(x))
        (name,) = loaded.signatures["serving_default"].structured_input_signature[1]
        served = loaded.signatures["serving_default"](**{name: tf.constant(x)})
        np.testing.assert_array_equal(np.asarray(served["output_0"]), out)
        return out

    return run


def run_torch(path):
    torch = pytest.importorskip("torch")
    module = torch.export.load(path).module()
    return lambda x: module(torch.from_numpy(x)).detach().numpy()


def run_torch_aot(path):
    torch = pytest.importorskip("torch")
    run = torch._inductor.aoti_load_package(path)
    return lambda x: run(torch.from_numpy(x)).numpy()


def run_onnx(path):
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    assert isinstance(given.shape[0], str)  # the batch size is free
    return lambda x: session.run(None, {given.name: x})[0]


def run_stablehlo(path):
    pytest.importorskip("jax")
    from jax import export

    with open(path, "rb") as file:
        exported = export.deserialize(bytearray(file.read()))
    assert export.is_symbolic_dim(exported.in_avals[0].shape[0])
    return lambda x: np.asarray(exported.call(x))


def run_litert(path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(model_path=path)
    (name,) = interpreter.get_signature_list()["serve"]["inputs"]
    serve = interpreter.get_signature_runner("serve")  # gives the tensors the sizes of the inputs
    return lambda x: serve(**{name: x})["output_0"]


def run_openvino(path):
    core = pytest.importorskip("openvino").Core()
    compiled = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})  # else some processors take 16 bits
    return lambda x: compiled({compiled.input(0).any_name: x})["output_0"]


# format -> (how it is run, the engines of the models, endings of the files)
FORMATS = {
    "tf_saved_model": (run_saved_model, ("tensorflow", "jax"), ("",)),
    "torch": (run_torch, ("torch",), (".pt2",)),
    "torch_aot": (run_torch_aot, ("torch",), (".pt2",)),
    "onnx": (run_onnx, ("torch", "jax", "tensorflow"), (".onnx",)),
    "stablehlo": (run_stablehlo, ("jax",), (".bin",)),
    "litert": (run_litert, ("tensorflow",), (".tflite",)),
    "openvino": (run_openvino, ("torch",), (".xml", ".bin")),
}
PACKAGES = {"onnx": "onnxscript", "tf_saved_model": "tensorflow", "openvino": "openvino"}  # beside the engine
# What takes a C++ compiler, and what only converts the model before, is left to the long form but for a few.
LONG = os.environ.get("KFRONT_LONG_TESTS", "") not in ("", "0")
FEW = {
    ("torch_aot", "torch"): ("lstm", "pipeline"),
    ("onnx", "jax"): ("pipeline",),
    ("onnx", "tensorflow"): ("pipeline",),
}
CASES = [
    pytest.param(engine, format, name, marks=needs[engine], id=f"{format}-{engine}-{name}")
    for format, (_, engines, _) in FORMATS.items()
    for engine in engines
    for name in (MODELS if LONG else FEW.get((format, engine), MODELS))
]


@functools.cache
def readable():
    """Whether the installed TensorFlow reads what the installed JAX writes of a batch of unknown size."""
    with kfront.backend_scope("jax"), tempfile.TemporaryDirectory() as folder:
        try:
            kfront.Sequential([kfront.Input((2,)), layers.Dense(1)]).export(f"{folder}/m")
        except errors.UnsupportedError as error:
            assert "newer ones from JAX" in str(error)
            return False
    return True


def needed(format, engine=None):
    if format in PACKAGES:
        pytest.importorskip(PACKAGES[format])
    if (format, engine) == ("tf_saved_model", "jax") and not readable():
        pytest.skip("the newest TensorFlow is too old for the installed JAX")
    if format == "torch_aot":
        from torch._inductor import cpp_builder, exc

        try:
            cpp_builder.get_cpp_compiler()
        except exc.InvalidCxxCompiler as error:
            pytest.skip(str(error))


@pytest.mark.sampled(6)
@pytest.mark.parametrize("engine, format, name", CASES)
def test_reloaded_models_predict_the_same(engine, format, name, tmp_path):
    needed(format, engine)
    run, _, endings = FORMATS[format]
    path = str(tmp_path / f"model{endings[0]}")
    with kfront.backend_scope(engine):
        model = randomized(MODELS[name]())
        before = [w.copy() for w in model.get_weights()]
        model.export(path, format=format)
        assert sorted(os.listdir(tmp_path)) == sorted("model" + ending for ending in endings)
        run = run(path)
        for count in (1, 4):
            x = data(model, count)
            want = model.predict(x, verbose=0)
            np.testing.assert_allclose(run(x), want, atol=1e-4)
            assert np.ptp(want) > 1e-3
        for a, b in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)


def steps(*parts):
    """A model of sequences of words, some of which are left out."""
    return kfront.Sequential([kfront.Input((7,), dtype="int32"), layers.Embedding(10, 4, mask_zero=True), *parts])


LOOPS = {  # what LiteRT has no operation for
    "masked": lambda: steps(layers.Bidirectional(layers.LSTM(5, return_sequences=True)), layers.GRU(4)),
    "cells": lambda: steps(layers.RNN([layers.LSTMCell(3), layers.GRUCell(4, reset_after=False)])),
    "convolution": lambda: steps(layers.Reshape((7, 2, 2, 1)), layers.ConvLSTM2D(2, 1)),
    "scan": lambda: steps(layers.Lambda(lambda x: ops.scan(twice, ops.sum(x, 1), ops.swapaxes(x, 0, 1))[0])),
}


def twice(carry, x):
    return ops.add(ops.multiply(carry, 2.0), x), None


@pytest.mark.sampled(4, table="long")
@needs["tensorflow"]
@pytest.mark.parametrize("name", LOOPS)
def test_loops_are_written_out_for_litert(name, tmp_path):
    path = str(tmp_path / "m.tflite")
    with kfront.backend_scope("tensorflow"):
        model = randomized(LOOPS[name]())
        model.export(path, format="litert")
        x = np.random.default_rng(0).integers(0, 3, (4, 7)).astype("int32")
        want = model.predict(x, verbose=0)
        np.testing.assert_allclose(run_litert(path)(x), want, atol=1e-4)
        assert np.ptp(want) > 1e-3


@needs["tensorflow"]
def test_litert_and_open_numbers_of_steps(tmp_path):
    with kfront.backend_scope("tensorflow"):
        model = kfront.Sequential([kfront.Input((None, 3)), layers.LSTM(4)])
        with pytest.raises(errors.ShapeError, match="number of steps for 'litert'.*enable_select_tf_ops"):
            model.export(tmp_path / "m.tflite", format="litert")
        assert os.listdir(tmp_path) == []
        model.export(tmp_path / "m.tflite", format="litert", enable_select_tf_ops=True)
        assert b"FlexTensorListReserve" in (tmp_path / "m.tflite").read_bytes()


@pytest.mark.sampled(4, table="long")
@needs["tensorflow"]
def test_recurrent_layers_in_saved_models_keep_their_gradients(tmp_path):
    """An LSTM of float64 runs in a loop with a gradient of its own, as wide ones do."""
    import tensorflow as tf

    with kfront.backend_scope("tensorflow"):
        model = kfront.Sequential([kfront.Input((None, 3), dtype="float64"), layers.LSTM(4, dtype="float64")])
        model.export(tmp_path / "m")
        loaded, x = tf.saved_model.load(str(tmp_path / "m")), tf.ones((2, 5, 3), "float64")
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            found, want = loaded.serve(x), model(x)
        np.testing.assert_allclose(found, want, atol=1e-6)
        np.testing.assert_allclose(tape.gradient(found, x), tape.gradient(want, x), atol=1e-6)


# ---- signatures ------------------------------------------------------------------------------------------------------


def two_inputs():
    """Inputs and outputs by name, in another order than the alphabet's."""
    z, a = kfront.Input((3,), name="z"), kfront.Input((None, 2), name="a-b")
    one, other = layers.Dense(2)(z), layers.GlobalMaxPooling1D()(layers.Conv1D(2, 3)(a))
    return kfront.Model(
        {"z": z, "a-b": a}, {"sum": layers.add([one, other]), "difference": layers.subtract([one, other])}
    )


def two_data():
    rng = np.random.default_rng(0)
    return {"z": rng.normal(size=(3, 3)).astype("float32"), "a-b": rng.normal(size=(3, 6, 2)).astype("float32")}


def close(found, want):
    assert set(found) == set(want)
    for name in want:
        np.testing.assert_allclose(np.asarray(found[name]), want[name], atol=1e-4)


def test_names_and_structures(tmp_path):
    """A model of NumPy's engine in every format, which converts it."""
    path, x = str(tmp_path / "m.pt2"), two_data()
    named = {"z": x["z"], "a_b": x["a-b"]}
    with kfront.backend_scope("numpy"):
        model = randomized(two_inputs())
        want = model.predict(x, verbose=0)
        if "tensorflow" in ENGINES:
            import tensorflow as tf

            model.export(path + "s", format="tf_saved_model")
            loaded = tf.saved_model.load(path + "s")
            close(loaded.serve(x), want)
            close(loaded.signatures["serve"](**{k: tf.constant(v) for k, v in named.items()}), want)
        if "torch" in ENGINES:
            import torch

            model.export(path, format="torch")
            found = torch.export.load(path).module()({k: torch.from_numpy(v) for k, v in x.items()})
            close({k: v.detach() for k, v in found.items()}, want)
        if "jax" in ENGINES:
            from jax import export

            with pytest.raises(errors.UnsupportedError, match="a_b: float32.*input_signature"):
                model.export(path, format="stablehlo")  # whether the convolution has a result depends on the length
            model.export(path, format="stablehlo", constraints=["n0 >= 3"])
            with open(path, "rb") as file:
                close(export.deserialize(bytearray(file.read())).call(x), want)


@needs["torch"]
def test_names_in_onnx(tmp_path):
    needed("onnx")
    runtime = pytest.importorskip("onnxruntime")
    path, x = str(tmp_path / "m.onnx"), two_data()
    with kfront.backend_scope("torch"):
        model = randomized(two_inputs())
        model.train()
        model.export(path, format="onnx", opset_version=20)
        assert model.training  # as before
        session = runtime.InferenceSession(path)
        names = [o.name for o in session.get_outputs()]
        found = dict(zip(names, session.run(None, {"z": x["z"], "a_b": x["a-b"]}), strict=True))
        close(found, model.predict(x, verbose=0))


@needs["torch"]
def test_packages_of_compiled_code_need_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", lambda: 1 / 0)
    with kfront.backend_scope("torch"), pytest.raises(errors.BackendError, match="C\\+\\+ compiler"):
        mlp().export(tmp_path / "m.pt2", format="torch_aot")
    assert os.listdir(tmp_path) == []


@needs["torch"]
@pytest.mark.parametrize("format, name", [("openvino", "openvino"), ("onnx", "onnx"), ("onnx", "onnxscript")])
def test_missing_packages_are_named(format, name, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with kfront.backend_scope("torch"), pytest.raises(errors.BackendError, match=rf"{name}.*kfront\[{format}\]"):
        mlp().export(tmp_path / "m.xml", format=format)
    assert os.listdir(tmp_path) == []


@needs["torch"]
def test_ops_that_a_format_has_not(tmp_path):
    needed("onnx")
    with kfront.backend_scope("torch"):
        model = kfront.Sequential([kfront.Input((4,)), layers.Lambda(lambda x: kfront.ops.erfinv(x))])
        with pytest.raises(errors.UnsupportedError, match=r"'onnx'.*float32\(None, 4\).*erf_?inv"):
            model.export(tmp_path / "m.onnx", format="onnx")
    assert os.listdir(tmp_path) == []


class Subclassed(kfront.Model):
    def __init__(self):
        super().__init__()
        self.table, self.dense = layers.Embedding(10, 3), layers.Dense(2)

    def call(self, x, training=False):
        return self.dense(self.table(x))


@needs["torch"]
def test_subclassed_models_and_their_signature(tmp_path):
    import torch

    with kfront.backend_scope("torch"):
        with pytest.raises(errors.NotBuiltError, match="input_signature"):
            Subclassed().export(tmp_path / "m.pt2", format="torch")
        model = Subclassed()
        given = [kfront.InputSpec(shape=(None, 4), dtype="int32")]
        model.export(tmp_path / "m.pt2", format="torch", input_signature=given)
        x = np.arange(8).reshape(2, 4).astype("int32")
        found = torch.export.load(tmp_path / "m.pt2").module()(torch.from_numpy(x))
        np.testing.assert_allclose(found.detach().numpy(), model.predict(x, verbose=0), atol=1e-4)


@needs["jax"]
@needs["tensorflow"]
def test_what_the_installed_tensorflow_cannot_run_is_not_written(tmp_path):
    """Either it runs what JAX wrote, or the export says that it does not."""
    with kfront.backend_scope("jax"):
        model = kfront.Sequential([kfront.Input((4,)), layers.Lambda(lambda x: kfront.ops.top_k(x, 2)[0])])
        x = np.arange(8, dtype="float32").reshape(2, 4)
        try:
            model.export(tmp_path / "m")
        except errors.UnsupportedError as error:
            assert "kfront.convert(model, 'tensorflow')" in str(error)
            assert os.listdir(tmp_path) == []
            model = kfront.convert(model, "tensorflow")
            model.export(tmp_path / "m")
        np.testing.assert_array_equal(run_saved_model(str(tmp_path / "m"))(x), [[3, 2], [7, 6]])


# ---- errors, and what they leave -------------------------------------------------------------------------------------


def texts():
    return kfront.Sequential([kfront.Input((1,), dtype="int32"), layers.Hashing(4), layers.Embedding(4, 2)])


BAD = {  # arguments -> the error and what it says
    "format": (mlp, dict(filepath="m", format="pickle"), errors.ArgumentError, "'tf_saved_model', 'litert', 'torch'"),
    "path": (mlp, dict(filepath=3, format="torch"), errors.ArgumentTypeError, "path"),
    "ending of openvino": (mlp, dict(filepath="m.bin", format="openvino"), errors.ArgumentError, r"\.xml"),
    "ending": (mlp, dict(filepath="m.pt", format="torch"), errors.ArgumentError, r"\.pt2"),
    "option": (mlp, dict(filepath="m.pt2", format="torch", opset_version=3), errors.ArgumentTypeError, "opset_version"),
    "signature": (mlp, dict(filepath="m.pt2", format="torch", input_signature=[3]), errors.ArgumentError, "InputSpec"),
    "host": (texts, dict(filepath="m.pt2", format="torch"), errors.UnsupportedError, "hashing.*Python"),
    "folder": (mlp, dict(filepath="no/m.pt2", format="torch"), errors.SavingError, "existing folder"),
}


@needs["torch"]
@pytest.mark.parametrize("name", BAD)
def test_errors(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make, arguments, kind, words = BAD[name]
    with kfront.backend_scope("torch"), pytest.raises(kind, match=words):
        make().export(**arguments)
    assert os.listdir(tmp_path) == []


@needs["tensorflow"]
def test_a_folder_of_other_things_is_kept(tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "thesis.txt").write_text("all of it")
    with kfront.backend_scope("tensorflow"):
        with pytest.raises(errors.SavingError, match="holds others"):
            mlp().export(tmp_path / "m")
    assert (tmp_path / "m" / "thesis.txt").read_text() == "all of it"
    assert os.listdir(tmp_path) == ["m"]


PICKING = {
    "take_along_axis": lambda lib, x: lib.take_along_axis(x, lib.argmin(x, 1, keepdims=True), 1),
    "nanmedian": lambda lib, x: lib.nanmedian(x, 1),
    "nanquantile": lambda lib, x: lib.nanquantile(x, 0.3, 1),
}


@needs["torch"]
@pytest.mark.parametrize("name", PICKING)
def test_ops_that_pick_leave_the_batch_open(name, tmp_path):
    """Written with an open batch, run with one of five; the oracle is NumPy."""
    import torch

    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    with kfront.backend_scope("torch"):
        inputs = kfront.Input((3,))
        kfront.Model(inputs, PICKING[name](ops, inputs)).export(tmp_path / "m.pt2", format="torch", verbose=False)
        got = torch.export.load(tmp_path / "m.pt2").module()(torch.from_numpy(x))
    np.testing.assert_allclose(got.numpy(), PICKING[name](np, x), rtol=1e-6)


@needs["tensorflow"]
def test_exports_replace_older_ones_or_leave_them(tmp_path):
    class Broken(kfront.Model):
        def call(self, x):
            raise ValueError("not today")

    with kfront.backend_scope("tensorflow"):
        model = mlp()
        model.export(tmp_path / "m", verbose=True)
        randomized(model)
        model.export(tmp_path / "m")
        x = data(model, 2)
        np.testing.assert_allclose(run_saved_model(str(tmp_path / "m"))(x), model.predict(x, verbose=0), atol=1e-4)
        with pytest.raises(ValueError):
            Broken().export(tmp_path / "m", input_signature=[kfront.KerasTensor((None, 2))])
        np.testing.assert_allclose(run_saved_model(str(tmp_path / "m"))(x), model.predict(x, verbose=0), atol=1e-4)
    assert os.listdir(tmp_path) == ["m"]


@pytest.mark.sampled(4, table="long")
@needs["torch"]
def test_torch_needs_no_other_engine(tmp_path):
    code = f"""
import sys
import kfront
model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
model.export({str(tmp_path / "m.pt2")!r}, format="torch")
assert not {{"tensorflow", "jax"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "KERAS_BACKEND": "torch"})


@pytest.mark.parametrize("build", ["call", "Input"])
def test_batches_of_any_size(build, tmp_path):
    tf, x = pytest.importorskip("tensorflow"), np.ones((3, 4), "float32")
    with kfront.backend_scope("tensorflow"):
        first = [kfront.Input((4,), batch_size=3)] if build == "Input" else []
        model = kfront.Sequential([*first, kfront.layers.Dense(2)])
        model(x)
        model.export(tmp_path / "model", verbose=False)
        archive = kfront.export.ExportArchive()
        archive.track(model)
        shapes = {n: [tuple(v.shape) for v in getattr(archive, n)] for n in ("variables", "non_trainable_variables")}
    assert tf.saved_model.load(str(tmp_path / "model")).serve(np.ones((6, 4), "float32")).shape == (6, 2)
    assert shapes == {"variables": [(4, 2), (2,)], "non_trainable_variables": []}


def test_a_subclass_whose_argument_has_another_name(tmp_path):
    class Plain(kfront.Model):
        def __init__(self):
            super().__init__()
            self.dense = kfront.layers.Dense(2)

        def call(self, input):
            return self.dense(input)

    torch = pytest.importorskip("torch")
    with kfront.backend_scope("torch"):
        model, x = Plain(), torch.ones(3, 4)
        before = model(x)
        free = {0: torch.export.Dim("batch", min=1, max=64)}  # of the only input
        for options in ({}, {"dynamic_shapes": free}):
            model.export(tmp_path / "m.pt2", format="torch", verbose=False, **options)
            np.testing.assert_allclose(torch.export.load(tmp_path / "m.pt2").module()(x).detach(), before.detach())


def test_open_sizes_among_the_values_of_a_tensor():
    torch = pytest.importorskip("torch")

    class Sizes(torch.nn.Module):
        def forward(self, x):
            rows = x.shape[0]
            half = kfront.ops.convert_to_tensor((rows / 2, 1.0))
            return kfront.ops.convert_to_tensor([[rows, 2], [3, rows + 1]]), half

    with kfront.backend_scope("torch"):
        free = ({0: torch.export.Dim("rows", min=2, max=64)},)
        program = torch.export.export(Sizes(), (torch.ones(4, 3),), dynamic_shapes=free, strict=False)
        whole, half = program.module()(torch.ones(7, 3))
    assert (whole.tolist(), whole.dtype) == ([[7, 2], [3, 8]], torch.int32)
    assert (half.tolist(), half.dtype) == ([3.5, 1.0], torch.float32)


@pytest.mark.parametrize("nested", [False, True])
def test_a_model_is_as_before_after_its_export_on_torch(nested, tmp_path):
    torch = pytest.importorskip("torch")
    with kfront.backend_scope("torch"):
        model = kfront.Sequential([kfront.Input((4,)), kfront.layers.BatchNormalization(), kfront.layers.Dense(2)])
        x = np.float32([[1, 2, 3, 4], [5, 6, 7, 9]])
        before = kfront.ops.convert_to_numpy(model(x))
        free = ({0: torch.export.Dim.AUTO},)
        model.export(tmp_path / "m.pt2", format="torch", dynamic_shapes=(free,) if nested else free, verbose=False)
        assert not any(module.training for module in model.modules())
        np.testing.assert_array_equal(kfront.ops.convert_to_numpy(model(x)), before)


@needs["torch"]
def test_normalized_by_its_own_moments_and_run_with_gradients(tmp_path):
    with kfront.backend_scope("torch"):
        import torch

        x = kfront.Input((6, 4))
        hidden = layers.Dense(4)(x)
        model = kfront.Model(x, ops.batch_normalization(hidden, *ops.moments(hidden, (0, 1)), axis=-1))
        model.export(str(tmp_path / "model.pt2"), format="torch", verbose=False)
        value = torch.randn(2, 6, 4)
        got = torch.export.load(tmp_path / "model.pt2").module()(value)
        assert got.requires_grad
        np.testing.assert_allclose(got.detach(), ops.convert_to_numpy(model(value)), 1e-5, 1e-5)
