"""kfront's layers where TensorFlow expects trackables and variables."""

from __future__ import annotations

import numpy as np
import pytest

import kfront
from kfront import layers
from kfront.core.variable import AutocastScope

pytest.importorskip("tensorflow")
try:  # torch is loaded before TensorFlow where both are used in one process
    import torch  # noqa: F401
except ImportError:
    pass
import tensorflow as tf


@pytest.fixture(autouse=True)
def _on_tensorflow():
    with kfront.backend_scope("tensorflow"):
        yield


def mlp():
    return kfront.Sequential(
        [
            kfront.Input((4,)),
            layers.Dense(8, activation="tanh"),
            layers.BatchNormalization(),
            layers.Dropout(0.5, seed=1),
            layers.Dense(3, name="head"),
        ]
    )


def rand(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def test_checkpoints_fit_models_made_alike(tmp_path):
    one, two, x = mlp(), mlp(), rand(2, 4)
    assert not np.array_equal(one(x), two(x))
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(model=one), str(tmp_path), max_to_keep=1)
    manager.save()
    tf.train.Checkpoint(model=two).restore(manager.latest_checkpoint).assert_consumed()
    np.testing.assert_array_equal(one(x), two(x))


def test_a_checkpoint_restored_before_the_weights_exist(tmp_path):
    one, two, x = layers.Dense(3), layers.Dense(3), rand(2, 4)
    one(x)
    path = tf.train.Checkpoint(layer=one).save(str(tmp_path / "c"))
    status = tf.train.Checkpoint(layer=two).restore(path)
    two(x)
    status.assert_consumed()
    np.testing.assert_array_equal(one(x), two(x))


def test_a_graph_is_traced_once_for_all_batches():
    model, traces = mlp(), []

    @tf.function(input_signature=[tf.TensorSpec([None, 4])])
    def run(x):
        traces.append(x.shape)
        return model(x)

    for n in (1, 3, 7):
        np.testing.assert_allclose(run(tf.constant(rand(n, 4))), model(rand(n, 4)), rtol=1e-5, atol=1e-6)
    assert len(traces) == 1


def test_graphs_see_weights_and_averages_change():
    model, x = mlp(), tf.constant(rand(32, 4))
    run = tf.function(lambda x: model(x, training=True))
    before = model.layers[1].moving_mean.numpy()
    one, two = run(x), run(x)
    assert not np.array_equal(one, two), "dropout draws anew in each call"
    assert not np.array_equal(model.layers[1].moving_mean.numpy(), before)
    plain = tf.function(lambda x: model(x))
    want = plain(x)
    model.layers[-1].kernel.assign(np.zeros((8, 3)))
    assert not np.array_equal(plain(x), want)


def test_variables_in_tensorflow_ops():
    layer = layers.Dense(3)
    layer(rand(2, 4))
    np.testing.assert_allclose(tf.matmul(rand(2, 4), layer.kernel), rand(2, 4) @ layer.kernel.numpy(), rtol=1e-5)
    assert float(tf.reduce_sum(layer.bias)) == 0
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(rand(2, 4)) ** 2)
    grads = tape.gradient(loss, {"k": layer.kernel, "b": layer.bias})
    assert grads["k"].shape == (4, 3) and grads["b"].shape == (3,)


def test_the_value_of_a_variable_is_its_tf_variable():
    """As in Keras on TensorFlow; a tensor only where the value is another one than the stored."""
    v, x = kfront.Variable([1.0, 2.0]), tf.constant([3.0, 4.0])
    assert isinstance(v.value, tf.Variable) and v.value is v.value and v.value.trainable
    assert not kfront.Variable(1.0, trainable=False).value.trainable
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(x * v * v)
    np.testing.assert_allclose(tape.gradient(loss, v.value), [6, 16])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(v.value)
        loss = kfront.ops.sum(kfront.ops.multiply(x, v.value))
    np.testing.assert_allclose(tape.gradient(loss, v.value), x)
    found = tf.function(lambda: tf.gradients(tf.reduce_sum(x * v), [v.value]))()
    np.testing.assert_allclose(found[0], x)
    with AutocastScope("float16"):
        assert v.value.dtype == tf.float16 and not isinstance(v.value, tf.Variable)
    with AutocastScope("float32"):
        assert isinstance(v.value, tf.Variable)
    with kfront.StatelessScope([(v, [5.0, 5.0])]):
        np.testing.assert_allclose(v.value, [5, 5])
        assert not isinstance(v.value, tf.Variable)
    seen = []
    tf.function(lambda: seen.append(v.value))()
    assert seen[0] is v.value


@pytest.mark.parametrize("rule", [kfront.optimizers.SGD, kfront.optimizers.Adam])
def test_optimizers_take_tf_variables(rule):
    """Those of Variables, and others."""

    def trained(make, given, steps=3):
        v, optimizer = make([1.0, 2.0]), rule(0.1)
        if given == "built":
            optimizer.build([v])
        for _ in range(steps):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(v * v)
            held = v if given == "itself" else v.value
            optimizer.apply_gradients([(tape.gradient(loss, held), held)])
        assert len(optimizer.variables) == (2 if rule is kfront.optimizers.SGD else 4)
        return v.numpy()

    want = trained(kfront.Variable, "itself")
    assert abs(want - [1, 2]).min() > 0.1
    for make, given in ((kfront.Variable, "value"), (kfront.Variable, "built"), (tf.Variable, "itself")):
        np.testing.assert_array_equal(trained(make, given), want)


def test_a_persistent_tape_and_second_derivatives():
    layer, x = layers.Dense(1, activation="tanh"), tf.Variable(rand(1, 2))
    layer(x)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = tf.reduce_sum(layer(x))
        slope = inner.gradient(y, x)
        size = tf.reduce_sum(slope**2)
    assert outer.gradient(size, layer.kernel).shape == (2, 1)


def test_a_dataset_pipeline_runs_a_layer():
    layer = layers.Rescaling(0.5) if hasattr(layers, "Rescaling") else layers.Lambda(lambda x: x * 0.5)
    data = tf.data.Dataset.from_tensor_slices(rand(6, 4)).batch(2).map(lambda x: layer(x))
    got = np.concatenate([x.numpy() for x in data])
    np.testing.assert_allclose(got, rand(6, 4) * 0.5, rtol=1e-6)


def test_gradient_clipping_by_tensorflow_and_kfronts_optimizer():
    model, x, y = mlp(), tf.constant(rand(16, 4)), tf.constant(np.arange(16) % 3)
    optimizer = kfront.optimizers.Adam(0.05)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            logits = model(x, training=False)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits))
        grads, _ = tf.clip_by_global_norm(tape.gradient(loss, model.trainable_variables), 1.0)
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        return loss

    optimizer.build(model.trainable_variables)
    losses = [float(step()) for _ in range(10)]
    assert losses[-1] < losses[0] and int(optimizer.iterations.numpy()) == 10


def test_xla(recwarn):
    model = mlp()
    run = tf.function(lambda x: model(x), jit_compile=True)
    np.testing.assert_allclose(run(tf.constant(rand(3, 4))), model(rand(3, 4)), rtol=1e-5, atol=1e-6)


def test_blocks_are_written_at_indices_that_xla_does_not_know():
    from kfront import ops

    def filled(x, block):
        body = lambda i, x: (i + 1, ops.slice_update(x, (i, 1), block))  # noqa: E731
        return tf.while_loop(lambda i, x: i < 3, body, (tf.constant(0), x))[1]

    with kfront.backend_scope("tensorflow"):
        x, block = tf.zeros((3, 4)), tf.ones((1, 2))
        want = np.array([[0, 1, 1, 0]] * 3)
        for jit in (False, True):
            np.testing.assert_array_equal(tf.function(filled, jit_compile=jit)(x, block), want)

        @tf.function
        def slopes(x, block, i):
            with tf.GradientTape() as tape:
                tape.watch((x, block))
                y = tf.reduce_sum(ops.slice_update(x, (i, 1), block) ** 2 * tf.constant([[1.0, 2.0, 3.0, 4.0]]))
            return tape.gradient(y, (x, block))

        dx, dblock = slopes(x + 1, block, tf.constant(2))
        np.testing.assert_array_equal(dx, [[2, 4, 6, 8], [2, 4, 6, 8], [2, 0, 0, 8]])
        np.testing.assert_array_equal(dblock, [[4, 6]])


def test_a_number_in_an_eager_loop_takes_the_dtype_that_is_added():
    from kfront import ops

    with kfront.backend_scope("tensorflow"):
        out = ops.while_loop(lambda i, n: i < 3, lambda i, n: (i + 1, n + ops.where(i > 0, 1.0, 0.0)), (0, 0))
        assert [float(v) for v in out] == [3.0, 2.0]


DRAWS = {
    "uniform": lambda seed: kfront.random.uniform((3,), seed=seed),
    "normal": lambda seed: kfront.random.normal((3,), seed=seed),
    "truncated_normal": lambda seed: kfront.random.truncated_normal((3,), seed=seed),
    "randint": lambda seed: kfront.random.randint((3,), 0, 50, seed=seed),
    "categorical": lambda seed: kfront.random.categorical(tf.zeros((2, 4)), 3, seed=seed),
    "shuffle": lambda seed: kfront.random.shuffle(tf.range(5), seed=seed),
    "dropout": lambda seed: kfront.random.dropout(tf.ones(7), 0.5, seed=seed),
}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers_in_graphs_and_under_xla(name):
    """The seeds are int64. A graph draws the numbers of eager code; XLA makes its own floats of the same bits."""
    draw = DRAWS[name]
    np.testing.assert_array_equal(tf.function(draw)(2**31 + 7), draw(2**31 + 7))
    generator = kfront.random.SeedGenerator(3)

    @tf.function(jit_compile=True)
    def loop():
        return tf.while_loop(lambda i, x: i < 2, lambda i, x: (i + 1, draw(generator)), (0, draw(generator)))[1]

    before = generator.state.numpy()
    out = loop()
    assert out.shape == draw(1).shape and np.isfinite(out.numpy().astype("float64")).all()
    np.testing.assert_array_equal(generator.state.numpy() - before, [0, 3])


@pytest.mark.parametrize("policy", ["float16", "mixed_bfloat16", "float64"])
def test_a_layer_of_another_dtype_takes_sparse_tensors(policy):
    x = np.random.default_rng(0).normal(size=(2, 3, 4)).astype("float32") * [1, 0, 0, 1]
    for layer in (kfront.layers.Flatten(dtype=policy), kfront.layers.Permute((2, 1), dtype=policy)):
        out = layer(tf.sparse.from_dense(x.astype("float32")))
        assert isinstance(out, tf.SparseTensor)
        expected = layer(x.astype("float32"))
        assert out.dtype == expected.dtype
        np.testing.assert_array_equal(tf.sparse.to_dense(out).numpy(), expected.numpy())


def test_a_float8_model_is_exported(tmp_path):
    model = kfront.Sequential([kfront.Input((8,)), kfront.layers.Dense(4)])
    model.quantize("float8")
    x = np.random.default_rng(0).normal(size=(3, 8)).astype("float32")
    model.compile("sgd", "mse")
    model.fit(x, x[:, :4], verbose=0)
    model.export(tmp_path / "model", format="tf_saved_model", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "model"))
    np.testing.assert_allclose(served.serve(x), model.predict(x, verbose=0), rtol=1e-6)
