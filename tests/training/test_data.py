"""Every kind of data gives the same training as plain arrays; workers end, and their errors are told."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

import kfront
from kfront import layers, ops
from kfront.core.errors import DataError

X = np.random.default_rng(0).normal(size=(22, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(22, 2)).astype("float32")
PARTS = [(X[i : i + 8], Y[i : i + 8]) for i in range(0, 22, 8)]


@pytest.fixture(autouse=True)
def _one_engine():
    """What reads data does not depend on the engine; `test_training.py` runs some kinds on all."""
    with kfront.backend_scope("torch" if "torch" in kfront.backends.installed() else "jax"):
        yield


def model_of():
    kfront.utils.set_random_seed(0)
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(5, "tanh"), layers.Dense(2)])
    model.compile(kfront.optimizers.SGD(0.1), "mse")
    return model


def curve(**given):
    return model_of().fit(**{"epochs": 2, "verbose": 0, "shuffle": False, **given}).history["loss"]


def plain(**given):
    return curve(x=X, y=Y, batch_size=8, **given)


def polars_frames():
    pl = pytest.importorskip("polars")
    return {"x": pl.DataFrame(X), "y": pl.DataFrame(Y)}


def pandas_frames():
    pd = pytest.importorskip("pandas")
    return {"x": pd.DataFrame(X), "y": pd.DataFrame(Y)}


def mixed_frame():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X)
    frame[3] = frame[3].astype(object)
    return {"x": frame, "y": Y}


def sparse(kind="csr"):
    return {"x": pytest.importorskip("scipy.sparse").coo_array(X).asformat(kind), "y": Y}


class Pairs:
    """A map-style dataset, as torch and grain sources are."""

    def __len__(self):
        return 22

    def __getitem__(self, i):
        return X[i], Y[i]


def torch_dataset():
    torch = pytest.importorskip("torch")
    return {"x": torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))}


def torch_own_dataset():
    torch = pytest.importorskip("torch")
    return {"x": type("Own", (Pairs, torch.utils.data.Dataset), {})()}


def hugging_face():
    datasets = pytest.importorskip("datasets")
    return {"x": datasets.Dataset.from_dict({"a": X.tolist(), "b": Y.tolist()}), "y": "b"}


def hugging_face_stream():
    return {**hugging_face(), "x": hugging_face()["x"].to_iterable_dataset()}


def grain_map():
    return {"x": pytest.importorskip("grain").MapDataset.source(Pairs()).batch(8)}


def grain_iter():
    return {"x": pytest.importorskip("grain").MapDataset.source(Pairs()).to_iter_dataset().batch(8)}


def grain_loader():
    grain = pytest.importorskip("grain.python")
    sampler = grain.IndexSampler(22, shard_options=grain.NoSharding(), shuffle=False, num_epochs=1)
    return {"x": grain.DataLoader(data_source=Pairs(), sampler=sampler, operations=[grain.Batch(8)])}


SAMPLES = {
    "polars": polars_frames,
    "pandas": pandas_frames,
    "pandas, objects": mixed_frame,
    "scipy csr": sparse,
    "scipy coo": lambda: sparse("coo"),
    "torch Dataset": torch_dataset,
    "torch Dataset, own": torch_own_dataset,
    "Hugging Face": hugging_face,
}
BATCHES = {
    "Hugging Face, streamed": hugging_face_stream,
    "grain MapDataset": grain_map,
    "grain IterDataset": grain_iter,
    "grain DataLoader": grain_loader,
    "iterable": lambda: {"x": type("Iterable", (), {"__iter__": lambda self: iter(PARTS)})()},
    "generator": lambda: {"x": (p for _ in range(2) for p in PARTS), "steps_per_epoch": 3},
}


@pytest.mark.parametrize("kind", {**SAMPLES, **BATCHES})
def test_kinds(kind):
    given = {**SAMPLES, **BATCHES}[kind]()
    np.testing.assert_allclose(curve(batch_size=8, **given), plain(), rtol=1e-5)
    if kind in SAMPLES:
        got = curve(batch_size=8, **SAMPLES[kind](), **{"shuffle": True})
        np.testing.assert_allclose(got, plain(shuffle=True), rtol=1e-5)
        x = SAMPLES[kind]()["x"]
        x = x.remove_columns("b") if kind == "Hugging Face" else x
        np.testing.assert_allclose(
            model_of().predict(x, verbose=0), model_of().predict(X, verbose=0), rtol=1e-5, atol=1e-6
        )


def test_class_weights_reach_datasets():
    labels = np.arange(22) % 3

    def fit(**given):
        kfront.utils.set_random_seed(0)
        model = kfront.Sequential([layers.Input((4,)), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy")
        weights = {0: 1.0, 1: 3.0, 2: 0.5}
        return model.fit(epochs=2, verbose=0, shuffle=False, class_weight=weights, **given).history["loss"]

    parts = [(X[i : i + 8], labels[i : i + 8]) for i in range(0, 22, 8)]
    source = type("Iterable", (), {"__iter__": lambda self: iter(parts)})()
    np.testing.assert_allclose(fit(x=source), fit(x=X, y=labels, batch_size=8), rtol=1e-5)


def test_sparse_matrices_are_never_dense_as_a_whole():
    scipy = pytest.importorskip("scipy.sparse")
    wide = scipy.random(1000, 20_000, density=1e-4, format="csr", random_state=0)  # 160 MB if it were dense
    model = kfront.Sequential([layers.Input((20_000,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    import tracemalloc

    tracemalloc.start()
    model.fit(wide, np.ones((1000, 1)), batch_size=20, verbose=0, validation_split=0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20


def test_nested_data():
    i, j = layers.Input((4,), name="i"), layers.Input((2,), name="j")
    h = layers.Concatenate()([i, j])
    model = kfront.Model({"i": i, "j": j}, {"a": layers.Dense(2, name="a")(h), "b": layers.Dense(1, name="b")(h)})
    losses, weights = {"a": "mse", "b": "mae"}, {"a": 1.0, "b": 0.5}
    model.compile("sgd", loss=losses, loss_weights=weights, metrics={"a": ["mae"], "b": "mse"})
    start = model.get_weights()
    x, y = {"i": X, "j": Y}, {"a": Y, "b": X[:, :1]}
    w = {"a": np.linspace(0, 1, 22), "b": np.ones(22)}
    wanted = model.fit(x, y, sample_weight=w, batch_size=8, epochs=2, verbose=0, shuffle=False).history

    def batches():
        cut = lambda d, k: {n: a[k : k + 8] for n, a in d.items()}  # noqa: E731
        while True:
            yield from ((cut(x, k), cut(y, k), cut(w, k)) for k in range(0, 22, 8))

    model.set_weights(start)
    model.optimizer.iterations.assign(0)
    got = model.fit(batches(), steps_per_epoch=3, epochs=2, verbose=0).history
    assert set(got) == {"loss", "a_loss", "b_loss", "a_mae", "b_mse"}
    for name in wanted:
        np.testing.assert_allclose(got[name], wanted[name], rtol=1e-5)


def test_errors():
    datasets = pytest.importorskip("datasets")
    table = datasets.Dataset.from_dict({"a": X.tolist(), "b": [[1.0]] * 21 + [[1.0, 2.0]]})
    with pytest.raises(DataError, match="among the columns"):
        model_of().fit(table, y="c", verbose=0)
    with pytest.raises(DataError, match="name columns"):
        model_of().fit(table, y=Y, verbose=0)
    with pytest.raises(DataError, match="column 'b'"):
        model_of().predict(table, verbose=0)
    with pytest.raises(DataError, match="inside the dataset"):
        model_of().fit(PARTS.__iter__(), Y, verbose=0)
    with pytest.raises(DataError, match="torch Dataset or DataLoader"):
        model_of().fit(object(), verbose=0)
    torch = pytest.importorskip("torch")

    class Ragged(torch.utils.data.Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, i):
            return np.zeros(i + 1, "float32")

    with pytest.raises(DataError, match="one shape"):
        model_of().predict(Ragged(), verbose=0)


# -- workers ----------------------------------------------------------------------------------------------------------


class Slow(kfront.utils.PyDataset):
    """Batches that take different times."""

    fail_at: int | None = None
    size = 12

    def __len__(self):
        return self.size

    def __getitem__(self, i):
        time.sleep((i % 3) * 1e-3)
        if i == self.fail_at:
            raise ZeroDivisionError(f"in batch {i}")
        return np.full((2, 4), i, "float32"), np.zeros((2, 2), "float32")


class Failing(Slow):
    fail_at = 7


def names():
    return [t.name for t in threading.enumerate() if t.name.startswith("kfront-data")]


@pytest.mark.parametrize("workers", [2, 4])
def test_many_epochs_with_threads(workers):
    """No batch is lost or doubled, no epoch hangs, no thread stays."""
    seen = []
    watch = kfront.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(batch))
    data = Slow(workers=workers, max_queue_size=3)
    model_of().fit(data, epochs=25, verbose=0, callbacks=[watch], validation_data=Slow(workers=2))
    assert len(seen) == 25 * 12
    assert names() == []
    loader = kfront.utils.py_dataset.Loader(data)
    for _ in range(50):
        assert [int(x[0, 0]) for x, _ in loader.epoch()] == list(range(12))
    for _ in range(20):  # epochs that are left early
        next(iter(loader.epoch()))
    loader.close()
    assert names() == []


@pytest.mark.parametrize("processes", [False, True])
def test_an_error_in_a_worker_is_told(processes):
    data = Failing(workers=2, use_multiprocessing=processes, max_queue_size=4)
    with pytest.raises(ZeroDivisionError, match="in batch 7") as caught:
        model_of().fit(data, epochs=3, verbose=0, shuffle=False)
    shown = "".join(__import__("traceback").format_exception(caught.value))
    assert "__getitem__" in shown
    assert names() == []


def test_stopping_early_ends_the_workers():
    class Stop(kfront.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = batch == 1

    began = time.perf_counter()
    model_of().fit(Slow(workers=3), epochs=5, verbose=0, callbacks=[Stop()])
    assert names() == []
    with pytest.raises(KeyboardInterrupt):
        model_of().fit(
            Slow(workers=3),
            verbose=0,
            callbacks=[kfront.callbacks.LambdaCallback(on_train_batch_end=interrupt)],
        )
    assert names() == []
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("options", [{}, {"run_eagerly": True}, {"steps_per_execution": 2}])
def test_callbacks_stop_what_has_no_end(options):
    class Stop(kfront.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            self.model.stop_predicting = batch == 3

        def on_test_batch_end(self, batch, logs=None):
            self.model.stop_evaluating = batch == 3

    model, seen = model_of(), []
    model.compile("sgd", "mse", **options)
    batches = lambda: (seen.append(i) or (np.ones((2, 4)), np.ones((2, 2))) for i in range(100))  # noqa: E731
    for _ in range(2):  # the flags are reset
        assert model.predict(batches(), verbose=0, callbacks=[Stop()]).shape == (8, 2)
        model.evaluate(batches(), verbose=0, callbacks=[Stop()])
    assert len(seen) < 60


def interrupt(batch, logs):
    raise KeyboardInterrupt


def test_processes_over_epochs():
    seen = []
    watch = kfront.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
    model_of().fit(Slow(workers=2, use_multiprocessing=True), epochs=4, verbose=0, callbacks=[watch])
    assert len(seen) == 4
    import multiprocessing

    assert multiprocessing.active_children() == []


def test_native_tensors_of_another_engine():
    torch = pytest.importorskip("torch")
    for name in kfront.backends.installed():
        if name in ("jax", "tensorflow"):
            with kfront.backend_scope(name):
                given = {"x": torch.from_numpy(X), "y": torch.from_numpy(Y), "batch_size": 8}
                np.testing.assert_allclose(curve(**given), plain(), rtol=1e-4)
                assert not ops.isnan(ops.sum(ops.convert_to_tensor(X)))


def test_orders_are_those_of_a_new_generator():
    """Whatever was drawn before: a kept generator is set back as a whole."""
    from kfront.core.rng import host_generator, permutation

    seeds = np.random.default_rng(0).integers(0, 2**63, 50)
    for seed, count in zip(seeds, (*range(48), 1000, 70000), strict=True):
        np.testing.assert_array_equal(permutation(seed, count), host_generator(seed).permutation(count))


@pytest.mark.parametrize("dtype", ["int8", "int32", ">i4", "int64", "uint8", "uint32", "float32"])
@pytest.mark.parametrize("bad", [3, -1])
def test_labels_outside_the_classes_are_refused(dtype, bad):
    if bad < 0 and dtype.startswith("u"):
        pytest.skip("has no numbers below zero")
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    labels = np.array([0, 1, 2, 2, 1, 0]).astype(dtype)
    model.fit(X[:6], labels, verbose=0)
    model.fit(X[:3], labels[::-2], verbose=0)
    labels[4] = bad
    before = model.get_weights()[0]
    with pytest.raises(DataError, match=f"labels from 0 to 2 for the model's 3 outputs, got {bad}"):
        model.fit(X[:6], labels, verbose=0)
    np.testing.assert_array_equal(model.get_weights()[0], before)


@pytest.mark.parametrize(("dtype", "classes"), [("int8", 127), ("int8", 128), ("int8", 300), ("int16", 70_000)])
def test_negative_labels_of_small_integers_are_not_taken_for_large_ones(dtype, classes):
    model = kfront.Sequential([layers.Input((4,)), layers.Dense(classes, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X[:2], np.array([0, 126], dtype), verbose=0)
    with pytest.raises(DataError, match="got -1"):
        model.fit(X[:2], np.array([0, -1], dtype), verbose=0)


@pytest.mark.parametrize("first", [True, False])
def test_optional_inputs_without_data(first, trainable_backend):
    class Sum(layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

        def compute_output_shape(self, x_shape, y_shape=None):
            return x_shape

    inputs = [kfront.Input((3,), name="a"), kfront.Input((3,), name="b", optional=True)]
    x = [np.ones((4, 3), "float32"), None]
    model = kfront.Model(inputs[::-1] if first else inputs, Sum()(*inputs))
    model.compile("sgd", "mse")
    x, y = x[::-1] if first else x, np.zeros((4, 3), "float32")
    assert model.fit(x, y, batch_size=3, verbose=0).history["loss"] == pytest.approx([1.0])
    assert model.evaluate(x, y, verbose=0) == pytest.approx(1.0)
    np.testing.assert_array_equal(model.predict(x, verbose=0), y + 1)
