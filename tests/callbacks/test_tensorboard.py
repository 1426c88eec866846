"""`TensorBoard`: the files hold what was written, as TensorFlow reads them."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

import kfront
from kfront import callbacks, layers
from kfront.callbacks.events import EventWriter, masked_crc, png
from kfront.core.errors import ArgumentError, UnsupportedError

X = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(20, 2)).astype("float32")


def events(folder):
    """All events below a folder, read by TensorFlow (which checks the checksums too)."""
    tf = pytest.importorskip("tensorflow")
    from tensorflow.core.util import event_pb2

    out = []
    for file in sorted(folder.glob("events.out.tfevents.*")):
        out += [event_pb2.Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(file))]
    return out


def values(found):
    return [(v.tag, e.step, v) for e in found for v in e.summary.value]


def test_checksum():
    assert masked_crc(b"") == 0xA282EAD8
    crc = masked_crc(b"123456789") - 0xA282EAD8 & 0xFFFFFFFF
    assert (crc >> 17 | crc << 15) & 0xFFFFFFFF == 0xE3069283  # the check value of CRC-32C


def test_png():
    image = pytest.importorskip("PIL.Image")
    for channels in (1, 3, 4):
        pixels = np.random.default_rng(0).integers(0, 256, (5, 7, channels), dtype="uint8")
        back = np.asarray(image.open(io.BytesIO(png(pixels))))
        np.testing.assert_array_equal(back.reshape(pixels.shape), pixels)


def test_writer(tmp_path):
    writer = EventWriter(tmp_path / "run")
    writer.scalar("a", np.float32(0.25), step=3)
    writer.scalar("large", 2.0**40, step=2**33)
    writer.histogram("h", np.array([0.0, 1.0, 2.0, np.nan]), step=1)
    writer.image("i", np.zeros((2, 3, 4, 1)), step=1)
    writer.close()
    found = events(tmp_path / "run")
    assert found[0].file_version == "brain.Event:2"
    (a, big, h, first, second) = values(found)
    assert (a[0], a[1], a[2].simple_value) == ("a", 3, 0.25)
    assert (big[1], big[2].simple_value) == (2**33, 2.0**40)
    histogram = h[2].histo
    assert (histogram.min, histogram.max, histogram.num, histogram.sum, histogram.sum_squares) == (0, 2, 3, 3, 5)
    assert sum(histogram.bucket) == 3
    assert len(histogram.bucket_limit) == 30
    assert (first[0], first[2].image.height, first[2].image.width) == ("i", 3, 4)
    assert second[0] == "i/1"


def test_a_run(trainable_backend, tmp_path):
    table = layers.Embedding(5, 3, name="words")
    i = layers.Input((4,), name="i")
    h = layers.Dense(3, name="h")(i)
    model = kfront.Model(i, layers.Dense(2, name="o")(layers.Add(name="sum")([h, layers.Dense(3, name="k")(i)])))
    model.compile("adam", "mse", metrics=["mae"])
    board = callbacks.TensorBoard(
        tmp_path, histogram_freq=1, write_images=True, write_steps_per_second=True, update_freq=2
    )
    history = model.fit(X, Y, batch_size=5, epochs=2, verbose=0, validation_data=(X, Y), callbacks=[board]).history
    train, validation = events(tmp_path / "train"), events(tmp_path / "validation")
    scalars = {(tag, step): v.simple_value for tag, step, v in values(train)}
    assert [scalars["epoch_loss", e] for e in (0, 1)] == pytest.approx(history["loss"])
    assert scalars["epoch_learning_rate", 1] == pytest.approx(1e-3)
    assert {step for tag, step in scalars if tag == "batch_mae"} == {2, 4, 6, 8}
    assert scalars["epoch_steps_per_second", 1] > 0
    assert scalars["batch_steps_per_second", 8] > 0
    tags = {tag for tag, _, _ in values(train)}
    assert {f"{v.path}/histogram" for v in model.weights} <= tags
    assert f"{model.weights[0].path}/image" in tags
    checked = {(tag, step): v.simple_value for tag, step, v in values(validation)}
    assert [checked["epoch_mae", e] for e in (0, 1)] == pytest.approx(history["val_mae"])
    assert checked["evaluation_loss_vs_iterations", 8] == pytest.approx(history["val_loss"][1])
    from tensorflow.core.framework import graph_pb2

    (graph,) = [graph_pb2.GraphDef.FromString(e.graph_def) for e in train if e.graph_def]
    assert {n.name: (n.op, list(n.input)) for n in graph.node} == {
        "i": ("InputLayer", []),
        "h": ("Dense", ["i"]),
        "k": ("Dense", ["i"]),
        "sum": ("Add", ["h", "k"]),
        "o": ("Dense", ["sum"]),
    }
    assert table.name == "words"


def test_embeddings_and_own_values(tmp_path):
    model = kfront.Sequential([layers.Input((4,)), layers.Embedding(5, 3, name="words"), layers.Flatten()])
    model.add(layers.Dense(2))
    model.compile("sgd", "mse")
    board = callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "words.txt"})

    class Own(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            board.summary.scalar("own", 7, step=epoch)

    model.fit(np.zeros((8, 4), "int32"), Y[:8], verbose=0, callbacks=[board, Own()])
    table = np.loadtxt(tmp_path / "train" / "words.tsv", delimiter="\t")
    np.testing.assert_allclose(table, model.get_layer("words").embeddings.numpy(), rtol=1e-6)
    text = (tmp_path / "train" / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "words.tsv"' in text
    assert 'metadata_path: "words.txt"' in text
    assert ("own", 0) in [(tag, step) for tag, step, _ in values(events(tmp_path / "train"))]
    with pytest.raises(ArgumentError, match="embeddings_metadata"):
        unknown = callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"x": "y"})
        model.fit(np.zeros((8, 4), "int32"), Y[:8], verbose=0, callbacks=[unknown])


def test_profiles(trainable_backend, tmp_path):
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(X, Y, batch_size=5, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path, profile_batch=(2, 3))])
    found = [p for p in (tmp_path / "train").rglob("*") if p.is_file() and "tfevents" not in p.name]
    assert found


def test_arguments(tmp_path):
    for wrong in ({"update_freq": "step"}, {"update_freq": 0}, {"profile_batch": (3, 2)}, {"profile_batch": "1"}):
        with pytest.raises(ArgumentError, match="expected"):
            callbacks.TensorBoard(tmp_path, **wrong)
    with kfront.backend_scope("numpy"), pytest.raises(UnsupportedError, match="profile_batch=0"):
        kfront.backends.current().profiler(str(tmp_path))


def test_nothing_else_is_imported():
    """Neither TensorFlow nor tensorboard."""
    import subprocess

    code = (
        "import sys, tempfile, numpy as np, kfront\n"
        "m = kfront.Sequential([kfront.layers.Input((2,)), kfront.layers.Dense(1)]); m.compile('sgd', 'mse')\n"
        "board = kfront.callbacks.TensorBoard(tempfile.mkdtemp())\n"
        "m.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[board])\n"
        "assert not {'tensorflow', 'tensorboard'} & set(sys.modules)"
    )
    import os

    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "KERAS_BACKEND": "torch"})
