"""Checks of `kfront.distribution` on JAX with eight devices; run as a script, it prints what fails as JSON."""

from __future__ import annotations

import copy
import functools
import json
import os
import pickle
import sys
import tempfile
import traceback

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["KERAS_BACKEND"] = "jax"

import jax
import numpy as np
from jax.sharding import PartitionSpec as P

import kfront
from kfront import distribution as D
from kfront import errors, layers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6)).astype("float32")
Y = RNG.normal(size=(40, 4)).astype("float32")


def grid():
    return D.DeviceMesh((2, 4), ["batch", "model"])


def split():
    layouts = D.LayoutMap(grid())
    layouts[".*dense.*kernel"] = (None, "model")
    layouts[".*dense.*bias"] = ("model",)
    return D.ModelParallel(layout_map=layouts, batch_dim_name="batch")


def make(optimizer="adam", **how):
    kfront.utils.set_random_seed(3)
    model = kfront.Sequential(
        [
            kfront.Input((6,)),
            layers.Dense(8, "relu", name="dense_a"),
            layers.BatchNormalization(),
            layers.Dense(4, name="dense_b"),
        ]
    )
    model.compile(optimizer, "mse", metrics=["mae"], **how)
    return model


def numbers(model):
    """What two epochs, an evaluation and a prediction give; 40 samples in batches of 16 leave a batch of 8."""
    history = model.fit(X, Y, batch_size=16, epochs=2, verbose=0).history
    tests = model.evaluate(X, Y, batch_size=16, verbose=0)
    return [*history.values(), tests, model.predict(X, batch_size=16, verbose=0), *model.get_weights()]


@functools.cache
def one_device():
    return numbers(make())


def same(got, wanted, tolerance=2e-5):
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def slot(model, name):
    """The optimizer's Variable of this name."""
    return next(v for v in model.optimizer.variables if v.path.endswith(name))


def spec(variable):
    return variable.value.sharding.spec


class Watch(layers.Layer):
    """Writes down how its inputs are split."""

    def call(self, x):
        if not isinstance(x, jax.core.Tracer) and hasattr(x, "sharding"):
            self.__dict__.setdefault("seen", []).append(x.sharding)
        return x


def check_parts_of_variables():
    with split().scope():
        kernel, _, gamma, *_ = make().weights
        for v in (kernel, gamma):
            d, value = v._kf_backend.distributor, v.numpy()
            parts = d.shards(v)
            assert all(p[2:] == (0, 1) for p in parts) and sum(p.array.size for p in parts) == value.size
            for offset, array, *_ in parts:
                assert (array == value[tuple(slice(o, o + n) for o, n in zip(offset, array.shape))]).all()
            wanted = np.arange(value.size, dtype="float32").reshape(value.shape)
            d.assign_shards(v, lambda offset, shape: wanted[tuple(slice(o, o + n) for o, n in zip(offset, shape))])
            assert (v.numpy() == wanted).all() and v.value.sharding == v._sharding
        assert len(d.shards(kernel)) == 4


def check_devices():
    assert D.list_devices() == [f"cpu:{i}" for i in range(8)] == D.list_devices("CPU")
    assert D.get_device_count() == 8
    mesh = grid()
    assert mesh.backend_mesh.shape == {"batch": 2, "model": 4}
    layout = D.TensorLayout(("batch", None), mesh)
    assert layout.backend_layout.spec == P("batch", None)
    parallel = D.DataParallel()
    assert (parallel.num_model_replicas, parallel.num_processes, parallel.data_shard_id) == (8, 1, 0)
    some = D.DataParallel(devices=["cpu:3", "cpu:5"]).device_mesh.backend_mesh
    assert [d.id for d in some.devices.flat] == [3, 5]


def check_data_parallel_is_as_one_device():
    alone = one_device()
    with D.DataParallel().scope():
        model = make()
        same(numbers(model), alone)
        everything = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
        assert all(len(v.value.sharding.device_set) == 8 and v.value.is_fully_replicated for v in everything)


def check_model_parallel_is_as_one_device():
    alone = one_device()
    with split().scope():
        model = make()
        assert [spec(v) for v in model.trainable_variables[:2]] == [P(None, "model"), P("model")]
        assert model.layers[0].kernel.value.addressable_shards[0].data.shape == (6, 2)
        same(numbers(model), alone)
        assert [spec(v) for v in model.trainable_variables[:2]] == [P(None, "model"), P("model")]


def check_slots_lie_as_their_variables():
    with split().scope():
        model = make()
        model.optimizer.build(model.trainable_variables)
    for kind in ("momentum", "velocity"):
        assert spec(slot(model, f"dense_a_kernel_{kind}")) == P(None, "model")
        assert spec(slot(model, f"dense_b_bias_{kind}")) == P("model")
        assert spec(slot(model, f"gamma_{kind}")) == P()


def check_steps_are_compiled_once():
    with D.DataParallel().scope():
        model, found = make(), []
        compile_step = model._kf_backend.compile_step
        model._kf_backend.compile_step = lambda *args: found.append(compile_step(*args)) or found[-1]
        model.fit(X[:32], Y[:32], batch_size=16, epochs=3, verbose=0)
        del model._kf_backend.compile_step
        (step,) = found
        assert step.compiled.donating._cache_size() == 1


def check_batches_are_split():
    with split().scope():
        watch = Watch()
        model = kfront.Sequential([watch, layers.Dense(4)])
        model.compile("sgd", "mse", run_eagerly=True)
        model.fit(X[:16], Y[:16], batch_size=8, verbose=0)
        assert {s.spec for s in watch.seen if hasattr(s, "spec")} == {P("batch", None)}
        watch.seen.clear()
        model.predict(X[:3], verbose=0)  # three samples on two rows of devices: each has all of them
        assert {s.spec for s in watch.seen} == {P()}


def check_batches_that_cannot_be_divided():
    alone = make("sgd").fit(X[:15], Y[:15], batch_size=5, epochs=2, verbose=0).history["loss"]
    with D.DataParallel().scope():
        same(make("sgd").fit(X[:15], Y[:15], batch_size=5, epochs=2, verbose=0).history["loss"], alone)


def check_several_steps_at_once():
    alone = make("sgd", steps_per_execution=2).fit(X[:32], Y[:32], batch_size=8, epochs=2, verbose=0).history["loss"]
    with split().scope():
        same(
            make("sgd", steps_per_execution=2).fit(X[:32], Y[:32], batch_size=8, epochs=2, verbose=0).history["loss"],
            alone,
        )


def check_single_batches():
    model = make()
    alone = [model.train_on_batch(X[:8], Y[:8]), model.test_on_batch(X[:8], Y[:8]), model.predict_on_batch(X[:8])]
    with D.DataParallel().scope():
        model = make()
        same([model.train_on_batch(X[:8], Y[:8]), model.test_on_batch(X[:8], Y[:8])], alone[:2])
        same(model.predict_on_batch(X[:8]), alone[2])


def check_own_steps_and_averages():
    class Own(kfront.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            loss, grads = kfront.value_and_grad(
                lambda: kfront.ops.mean((self(x) - y) ** 2), wrt=self.trainable_variables
            )()
            self.optimizer.apply(grads, self.trainable_variables)
            return {"loss": loss}

    def run():
        kfront.utils.set_random_seed(1)
        model = Own()
        model.compile(kfront.optimizers.SGD(0.1, momentum=0.9, use_ema=True, gradient_accumulation_steps=2))
        return [model.fit(X, Y, batch_size=8, epochs=2, verbose=0).history["loss"], *model.get_weights()]

    alone = run()
    with D.DataParallel().scope():
        same(run(), alone)


def check_outputs_of_layers():
    mesh = grid()
    layouts = D.LayoutMap(mesh)
    layouts[".*dense_a/output"] = ("batch", "model")
    with D.ModelParallel(layout_map=layouts).scope():
        watch = Watch()
        model = kfront.Sequential([kfront.Input((6,)), layers.Dense(8, name="dense_a"), watch, layers.Dense(4)])
        wanted = model(X[:8])
        assert watch.seen[-1].spec == P("batch", "model")
        model(X[:3])  # cannot be divided: stays as it is
        same(model.predict(X[:8], verbose=0), wanted)
        assert copy.deepcopy(model.layers[0])._kf_around is None
    text = jax.jit(lambda x: model(x)).lower(X[:8]).as_text()
    assert "sharding" in text


def check_outputs_lie_as_the_targets_do():
    """XLA gathers the last activations otherwise, and divides the columns of the outputs in place of the batch."""
    seen = []

    def noted(target, output):
        jax.debug.inspect_array_sharding(output, callback=seen.append)
        return kfront.ops.mean(output, -1)

    mesh = D.DeviceMesh((8,), ["batch"])
    layouts = D.get_layout_map(mesh, None, "batch", smallest=1)
    with D.ModelParallel(layout_map=layouts, batch_dim_name="batch").scope():
        tokens = kfront.Input((8,), dtype="int32")
        x = layers.GlobalAveragePooling1D()(layers.Embedding(32, 16)(tokens))
        model = kfront.Model(tokens, layers.Dense(32)(x))
        model.compile("sgd", kfront.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=[noted])
        model.train_on_batch(np.ones((16, 8), "int32"), np.ones(16, "int32"))
    assert [s.shard_shape((16, 32)) for s in seen] == [(2, 32)], seen


def check_assignments_keep_the_layout():
    with split().scope():
        model = make()
    kernel = model.layers[0].kernel
    kernel.assign(np.ones((6, 8)))
    kernel.assign_add(kfront.ops.ones((6, 8)))
    assert spec(kernel) == P(None, "model") and (kernel.numpy() == 2).all()
    model.set_weights([w * 0 for w in model.get_weights()])
    assert spec(kernel) == P(None, "model") and not kernel.numpy().any()


def check_files():
    alone = make()
    alone.fit(X, Y, batch_size=40, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        with split().scope():
            model = make()
            model.fit(X, Y, batch_size=40, verbose=0)
            model.save(f"{folder}/model.keras")
            model.save_weights(f"{folder}/model.weights.h5")
            again = kfront.models.load_model(f"{folder}/model.keras")
            assert spec(again.layers[0].kernel) == P(None, "model")
            velocity = slot(again, "dense_a_kernel_velocity")
            assert spec(velocity) == P(None, "model") and velocity.numpy().any()
            same(again.predict(X[:8], verbose=0), model.predict(X[:8], verbose=0), 1e-6)
        plain = make()
        plain.load_weights(f"{folder}/model.weights.h5")
        assert len(plain.layers[0].kernel.value.sharding.device_set) == 1
        same(plain.get_weights(), model.get_weights(), 0)
        same(plain.get_weights(), alone.get_weights())


def check_models_made_before():
    model = make("sgd")
    model.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    twin = make("sgd")
    twin.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    with D.DataParallel().scope():
        model.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    twin.fit(X[:8], Y[:8], batch_size=8, verbose=0)
    same(model.get_weights(), twin.get_weights())


def check_copies():
    with split().scope():
        model = make()
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), kfront.models.clone_model(model)):
        twin.set_weights(model.get_weights())
        same(twin.predict(X, verbose=0), model.predict(X, verbose=0), 1e-6)


def check_dropout_and_half_precision():
    with D.DataParallel().scope():
        kfront.utils.set_random_seed(1)
        dense = layers.Dense(4, dtype="mixed_bfloat16")
        model = kfront.Sequential([kfront.Input((6,)), layers.Dropout(0.5), dense])
        model.compile("adam", "mse")
        losses = model.fit(X, Y, batch_size=8, epochs=3, verbose=0).history["loss"]
        assert np.isfinite(losses).all() and losses[-1] < losses[0]


def check_functional_code():
    with split().scope():
        model = make()
        values = [v.value for v in model.trainable_variables]
        rest = [v.value for v in model.non_trainable_variables]
        out, _ = jax.jit(model.stateless_call)(values, rest, X[:8])
        same(out, model.predict(X[:8], verbose=0))


def check_tensors():
    layout = D.TensorLayout(("batch", None), grid())
    x = np.arange(16.0, dtype="float32").reshape(8, 2)
    assert D.distribute_tensor(x, layout).sharding.spec == P("batch", None)
    assert D.distribute_tensor(x, layout.backend_layout).sharding.spec == P("batch", None)
    out = jax.jit(lambda a: D.distribute_tensor(a * 2, layout))(x)
    assert out.sharding.spec in (P("batch", None), P("batch")) and (np.asarray(out) == 2 * x).all()
    fails(errors.ShapeError, lambda: D.distribute_tensor(x[:3], layout), "(3, 2)")
    fails(errors.ArgumentTypeError, lambda: D.distribute_tensor(x, 3), "TensorLayout")


def check_variables_of_their_own_layout():
    mesh = grid()
    with split().scope():
        v = kfront.Variable(np.zeros((4, 8), "float32"), layout=D.TensorLayout(("batch", "model"), mesh))
        w = kfront.Variable(np.zeros((4, 8), "float32"), layout=("batch", None))
    assert spec(v) == P("batch", "model") and spec(w) == P("batch")
    assert spec(kfront.Variable(np.zeros((4, 8)), layout=D.TensorLayout(("model", None), mesh))) == P("model")


def check_errors():
    def build(layout, units=4):
        layouts = D.LayoutMap(grid())
        layouts[".*kernel"] = layout
        with D.ModelParallel(layout_map=layouts).scope():
            kfront.Sequential([kfront.Input((6,)), layers.Dense(units)])

    fails(errors.ShapeError, lambda: build((None, "model"), 3), "kernel] expected", "(6, 3)")
    fails(errors.ShapeError, lambda: build((None, None, "model")), "at most 2 axes")
    fails(errors.ArgumentError, lambda: D.DeviceMesh((1,), ["a"], ["cpu:99"]).backend_mesh, "cpu:99")
    fails(errors.UnsupportedError, lambda: D.list_devices("gpu"), "gpu")
    fails(errors.ArgumentError, lambda: D.list_devices("disk"), "disk")
    fails(errors.ArgumentError, lambda: D.DeviceMesh((2, 2), ["a", "b"]), "4 devices", "got 8")


def check_other_engines_are_left_alone():
    with D.DataParallel().scope(), kfront.backend_scope("numpy"):
        dense = layers.Dense(2)
        assert dense(np.ones((3, 2), "float32")).shape == (3, 2) and dense.kernel.layout is None


def check_under_the_name_of_keras():
    kfront.install_as_keras()
    import keras
    from keras.distribution import LayoutMap
    from keras.src.distribution.distribution_lib import DataParallel

    assert keras.distribution is D and LayoutMap is D.LayoutMap and DataParallel is D.DataParallel


def fails(kind, call, *words):
    try:
        call()
    except kind as error:
        assert all(w in str(error) for w in words), str(error)
    else:
        raise AssertionError(f"expected {kind.__name__}")


if __name__ == "__main__":
    failed = {}
    for name, check in [(n, f) for n, f in globals().items() if n.startswith("check_")]:
        try:
            check()
        except Exception:
            failed[name] = traceback.format_exc()
        D.set_distribution(None)
    json.dump(failed, sys.stdout)
