from __future__ import annotations

import importlib.util
import threading
import time
import wave

import numpy as np
import pytest

import kfront
from kfront.core.errors import ArgumentError, DataError
from kfront.utils.dataset import Dataset
from kfront.utils.dataset_image import resize

U = kfront.utils


def numbers(n=10, **facts):
    return Dataset.from_arrays(np.arange(n), **facts)


def values(dataset):
    """The elements as plain Python, of either kind of data set."""
    return [kfront.tree.map_structure(lambda a: np.asarray(a).tolist(), e) for e in dataset.as_numpy_iterator()]


# ---- steps -----------------------------------------------------------------------------------------------------------


def test_steps():
    data = numbers().map(lambda i: i * 2).filter(lambda i: i % 3 != 0).skip(1).take(4)
    assert values(data) == [4, 8, 10, 14] and values(data) == [4, 8, 10, 14]
    assert [b.tolist() for b in numbers(5).batch(2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in numbers(5).batch(2, drop_remainder=True)] == [[0, 1], [2, 3]]
    assert values(numbers(5).batch(2).unbatch()) == [0, 1, 2, 3, 4]
    assert values(numbers(2).repeat(2).concatenate(numbers(1)).enumerate()) == [(0, 0), (1, 1), (2, 0), (3, 1), (4, 0)]
    assert values(numbers(3).repeat().take(7)) == [0, 1, 2, 0, 1, 2, 0]


def test_lengths():
    data = numbers(10)
    assert [len(data), len(data.batch(3)), len(data.batch(3, drop_remainder=True)), len(data.take(4).skip(1))] == [
        10,
        4,
        3,
        3,
    ]
    assert data.filter(bool).cardinality() == -2 and data.repeat().cardinality() == -2
    with pytest.raises(TypeError):
        len(data.filter(bool))


def test_structures_and_attributes():
    data = Dataset.from_arrays(({"a": np.arange(4), "b": np.array(["x", "yy", "z", ""])}, np.ones(4)), names=["n"])
    (x, y) = next(iter(data.batch(3).map(lambda x, y: (x, y + 1)).prefetch(2)))
    assert x["a"].tolist() == [0, 1, 2] and x["b"].tolist() == ["x", "yy", "z"] and y.tolist() == [2, 2, 2]
    assert data.batch(2).shuffle().names == ["n"]


def test_shuffle():
    data = numbers(20).shuffle(seed=3)
    first, second = values(data), values(data)
    assert sorted(first) == sorted(second) == list(range(20)) and first != second
    assert values(numbers(20).shuffle(seed=3)) == first
    kept = numbers(20).shuffle(seed=3, reshuffle_each_iteration=False)
    assert values(kept) == values(kept)
    near = values(numbers(100).shuffle(5, seed=1))
    assert sorted(near) == list(range(100)) and near[0] < 5


def test_threads_keep_the_order_and_end():
    before = threading.active_count()

    def slow(i):
        time.sleep(0.001 * (int(i) % 3))
        return i

    data = numbers(40).map(slow, num_parallel_calls=4).prefetch()
    assert values(data) == list(range(40))
    for element in data:
        assert element == 0
        break
    time.sleep(0.5)
    assert threading.active_count() <= before + 1

    def broken(i):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(numbers(3).map(broken, num_parallel_calls=2).prefetch(1))


def test_cache_reads_once():
    seen = []
    data = numbers(3).map(lambda i: seen.append(int(i)) or i).cache()
    assert values(data) == values(data) == [0, 1, 2] and seen == [0, 1, 2]


def test_fit(trainable_backend):
    x = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
    data = Dataset.from_arrays((x, x.sum(1, keepdims=True))).shuffle(seed=1).batch(8)
    model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(data, epochs=2, validation_data=data, verbose=0).history
    assert len(history["val_loss"]) == 2 and model.predict(data.map(lambda x, y: x), verbose=0).shape == (24, 1)


# ---- directories -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from PIL import Image

    root = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    for name in ("b", "a"):
        for kind in ("text", "image", "audio"):
            (root / kind / name / "sub").mkdir(parents=True)
        for i in range(5):
            (root / "text" / name / f"{'sub/' if i == 2 else ''}{i}.txt").write_text(f"{name}{i} é", encoding="utf-8")
            (root / "text" / name / f"{i}.md").write_text("no text file")
            pixels = rng.integers(0, 255, (6 + i, 9, 3)).astype("uint8")
            Image.fromarray(pixels).save(root / "image" / name / f"{i}.png")
            with wave.open(str(root / "audio" / name / f"{i}.wav"), "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(100)
                file.writeframes(np.full((10 + i, 2), 16384, "<i2").tobytes())
    return root


def text_of(dataset):
    found = [t for batch in dataset.as_numpy_iterator() for t in (batch[0] if isinstance(batch, tuple) else batch)]
    return [t.decode() if isinstance(t, bytes) else t for t in found]


@pytest.mark.parametrize("kind", ["numpy", *(["tensorflow"] if importlib.util.find_spec("tensorflow") else [])])
def test_text(folder, kind):
    with kfront.backend_scope(kind):
        make = lambda **kw: U.text_dataset_from_directory(folder / "text", verbose=False, **kw)  # noqa: E731
        data = make(shuffle=False, batch_size=4)
        assert data.class_names == ["a", "b"] and len(data) == 3
        assert text_of(data) == [f"{c}{i} é" for c in "ab" for i in (0, 1, 3, 4, 2)]
        labels = np.concatenate([y for _, y in data.as_numpy_iterator()])
        assert labels.dtype == np.int32 and labels.tolist() == [0] * 5 + [1] * 5
        assert text_of(make(shuffle=False, label_mode=None, max_length=2))[0] == "a0"
        one_hot = next(make(shuffle=False, label_mode="categorical", class_names=["b", "a"]).as_numpy_iterator())[1]
        assert (
            one_hot.dtype == np.float32 and one_hot[0].tolist() == [1, 0] and text_of(make(shuffle=False))[0][0] == "a"
        )
        binary = next(make(shuffle=False, label_mode="binary", batch_size=None).as_numpy_iterator())[1]
        assert binary.shape == (1,) and binary.dtype == np.float32
        shuffled = make(seed=1)
        assert sorted(text_of(shuffled)) == sorted(text_of(data))
        assert text_of(shuffled) != text_of(shuffled)


def test_parts(folder):
    make = lambda **kw: U.text_dataset_from_directory(folder / "text", verbose=False, **kw)  # noqa: E731
    with kfront.backend_scope("numpy"):
        train, rest = make(seed=3, validation_split=0.3, subset="both")
        assert len(text_of(train)) == 7 and not set(text_of(train)) & set(text_of(rest))
        alone = make(seed=3, validation_split=0.3, subset="validation")
        assert text_of(alone) == text_of(rest) == text_of(rest)
        with pytest.raises(ArgumentError, match="seed"):
            make(validation_split=0.3, subset="training")
        with pytest.raises(ArgumentError, match="together"):
            make(validation_split=0.3)


def test_images(folder):
    make = lambda **kw: U.image_dataset_from_directory(folder / "image", verbose=False, shuffle=False, **kw)  # noqa: E731
    with kfront.backend_scope("numpy"):
        x, y = next(iter(make(image_size=(6, 9))))
        assert x.shape == (10, 6, 9, 3) and x.dtype == np.float32 and y.tolist() == [0] * 5 + [1] * 5
        from PIL import Image

        with Image.open(folder / "image" / "a" / "0.png") as image:
            np.testing.assert_array_equal(x[0], np.asarray(image))
        for kw, shape in (
            ({"color_mode": "grayscale"}, (4, 5, 1)),
            ({"color_mode": "rgba", "data_format": "channels_first"}, (4, 4, 5)),
            ({"crop_to_aspect_ratio": True}, (4, 5, 3)),
            ({"pad_to_aspect_ratio": True, "interpolation": "lanczos3"}, (4, 5, 3)),
        ):
            assert next(iter(make(image_size=(4, 5), **kw)))[0].shape == (10, *shape)
        (folder / "image" / "a" / "x.png").write_bytes(b"no image")
        try:
            with pytest.raises(DataError, match=r"x\.png"):
                list(make())
        finally:
            (folder / "image" / "a" / "x.png").unlink()


@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="TensorFlow is not installed")
@pytest.mark.parametrize("how", ["bilinear", "nearest", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic"])
def test_resize_is_that_of_tensorflow(how):
    import tensorflow as tf

    x = np.random.default_rng(0).uniform(0, 255, (20, 30, 2)).astype("float32")
    for size in ((33, 21), (16, 24), (20, 60), (7, 7)):
        want = tf.image.resize(x, size, method=how).numpy()
        np.testing.assert_allclose(resize(x, size, how), want, atol=2e-3)


def test_audio(folder):
    make = lambda **kw: U.audio_dataset_from_directory(folder / "audio", verbose=False, shuffle=False, **kw)  # noqa: E731
    with kfront.backend_scope("numpy"):
        x, _ = next(iter(make()))
        assert x.shape == (10, 14, 2) and x.dtype == np.float32
        assert x[0, :10].tolist() == [[0.5, 0.5]] * 10 and not x[0, 10:].any()
        assert next(iter(make(output_sequence_length=12, batch_size=3)))[0].shape == (3, 12, 2)
        assert [len(v) for v in next(iter(make(ragged=True)))[0]] == [10, 11, 12, 13, 14] * 2
        pytest.importorskip("scipy")
        assert next(iter(make(sampling_rate=50, output_sequence_length=5)))[0].shape == (10, 5, 2)


def test_grain(folder):
    pytest.importorskip("grain")
    data = U.image_dataset_from_directory(folder / "image", verbose=False, seed=1, format="grain", image_size=(4, 4))
    x, y = next(iter(data))
    assert x.shape == (10, 4, 4, 3) and sorted(y.tolist()) == [0] * 5 + [1] * 5


@pytest.mark.parametrize(
    ("kw", "words"),
    [
        ({"label_mode": "ints"}, "label_mode"),
        ({"labels": [1, 2]}, "10 labels"),
        ({"labels": "all"}, "inferred"),
        ({"class_names": ["a", "c"]}, "folders"),
        ({"subset": "all", "validation_split": 0.5, "seed": 1}, "subset"),
        ({"validation_split": 1.5, "subset": "training", "seed": 1}, "validation_split"),
        ({"format": "csv"}, "format"),
    ],
)
def test_errors(folder, kw, words):
    with pytest.raises(ArgumentError, match=words), kfront.backend_scope("numpy"):
        U.text_dataset_from_directory(folder / "text", verbose=False, **kw)


def test_no_files(tmp_path):
    with pytest.raises(DataError, match="directory"):
        U.text_dataset_from_directory(tmp_path / "none")
    with pytest.raises(DataError, match="none"):
        U.text_dataset_from_directory(tmp_path, labels=None, label_mode=None)


# ---- arrays ----------------------------------------------------------------------------------------------------------


def test_timeseries(backend):
    make = U.timeseries_dataset_from_array
    data = np.arange(99.0)
    (x,) = values(make(data, None, 10, sampling_rate=2, sequence_stride=3))
    assert x[0] == list(range(0, 20, 2)) and x[-1] == list(range(78, 98, 2)) and len(x) == 27
    x, y = values(make(data[:-10], data[10:], 10, batch_size=7, start_index=5, end_index=40))[1]
    assert x[0] == list(range(12, 22)) and y[0] == 22
    shuffled = make(data, data, 4, batch_size=None, shuffle=True, seed=2)
    first, second = values(shuffled), values(shuffled)
    assert first != second and sorted(first) == sorted(second) and all(x[0] == y for x, y in first)
    for kw, words in (
        ({"sequence_length": 0}, "sequence_length"),
        ({"start_index": 200}, "start_index"),
        ({"end_index": 0}, "end_index"),
    ):
        with pytest.raises(ArgumentError, match=words):
            make(data, None, **{"sequence_length": 3, **kw})
    with pytest.raises(DataError, match="at least one window"):
        make(data, None, 50, sampling_rate=3)


def test_split(backend):
    left, right = U.split_dataset(np.arange(10), left_size=0.8)
    assert values(left) == list(range(8)) and values(right) == [8, 9]
    left, right = U.split_dataset((np.arange(10), {"a": np.ones(10)}), right_size=4, shuffle=True, seed=1)
    assert len(values(left)) == 6 and sorted(x for x, _ in values(left) + values(right)) == list(range(10))
    left, right = U.split_dataset(numbers(10).batch(3), left_size=4, right_size=2)
    assert values(left) == [[0, 1, 2], [3]] and values(right) == [[8, 9]]
    for kw in ({}, {"left_size": 1.5}, {"left_size": 8, "right_size": 4}, {"left_size": 11}, {"left_size": True}):
        with pytest.raises(ArgumentError):
            U.split_dataset(np.arange(10), **kw)
