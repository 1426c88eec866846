"""Published packages written for Keras run on kfront as they are: `nox -s packages` installs them; skipped without."""

from __future__ import annotations

import importlib.util

import pytest
from tests.interop.test_as_keras import run

HEAD = """
import torch
import kfront; kfront.install_as_keras()
import pickle, tempfile
import keras, numpy as np
rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)
"""

CODE = {
    "scikeras": """
from scikeras.wrappers import KerasClassifier
from sklearn.model_selection import GridSearchCV
def make(hidden=8, meta=None):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(hidden, "relu"), keras.layers.Dense(3, "softmax")])
x = rng.random((90, 4)).astype("float32"); y = (x[:, 0] * 3).astype(int)
c = KerasClassifier(make, loss="sparse_categorical_crossentropy", optimizer="adam", epochs=2, verbose=0, hidden=8)
c.fit(x, y)
again = pickle.loads(pickle.dumps(c))
assert np.allclose(c.predict_proba(x), again.predict_proba(x), atol=1e-5)
assert set(GridSearchCV(c, {"hidden": [4, 8]}, cv=2).fit(x, y).best_params_) == {"hidden"}
""",
    "keras_rs": """
import keras_rs
assert keras_rs.layers.DotInteraction()([np.ones((2, 4)), np.ones((2, 4))]).shape == (2, 1)
items = rng.random((20, 4)).astype("float32")
found = keras_rs.layers.BruteForceRetrieval(candidate_embeddings=items, k=3)(rng.random((2, 4)).astype("float32"))
metric = keras_rs.metrics.NDCG(k=2); metric.update_state(np.array([[1.0, 0.0, 2.0]]), np.array([[0.2, 0.3, 0.1]]))
assert 0 < float(metric.result()) < 1
""",
    "keras_tuner": """
import keras_tuner
def make(hp):
    layers = [keras.layers.Dense(hp.Int("units", 4, 8, step=4)), keras.layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,)), *layers])
    model.compile(keras.optimizers.Adam(hp.Choice("rate", [1e-2, 1e-3])), "mse", metrics=["mae"])
    return model
x = rng.random((64, 4)).astype("float32"); y = x.sum(1)
for tuner, most in ((keras_tuner.RandomSearch, {"max_trials": 2}), (keras_tuner.Hyperband, {"max_epochs": 3})):
    search = tuner(make, objective="val_loss", directory=tempfile.mkdtemp(), project_name="p", **most)
    search.search(x, y, validation_split=0.25, epochs=1, verbose=0)
    assert np.isfinite(search.get_best_models(1)[0].evaluate(x, y, verbose=0)[0])
""",
    "bayesflow": """
import bayesflow as bf
def prior(): return dict(theta=np.random.normal(size=2))
def likelihood(theta): return dict(x=theta + np.random.normal(size=(10, 2)))
simulator = bf.make_simulator([prior, likelihood])
adapter = bf.Adapter().convert_dtype("float64", "float32").as_set(["x"])
adapter = adapter.rename("theta", "inference_variables").rename("x", "summary_variables")
for network in (bf.networks.CouplingFlow(depth=2), bf.networks.FlowMatching()):
    summary = bf.networks.DeepSet(summary_dim=4)
    flow = bf.BasicWorkflow(simulator=simulator, adapter=adapter, summary_network=summary, inference_network=network)
    flow.fit_online(epochs=1, batch_size=8, num_batches_per_epoch=3, verbose=0)
    assert flow.sample(num_samples=5, conditions=simulator.sample(3))["theta"].shape == (3, 5, 2)
    model = flow.estimator if hasattr(flow, "estimator") else flow.approximator  # its name before 2.1
    path = tempfile.mktemp(suffix=".keras"); model.save(path); again = keras.saving.load_model(path)
    for a, b in zip(model.get_weights(), again.get_weights(), strict=True):
        assert np.array_equal(a, b)
    assert len(model.get_weights()) > 10
""",
    "keras_hub": """
from keras_hub import models
size = dict(vocabulary_size=100, num_layers=2, intermediate_dim=32, hidden_dim=16)
heads = dict(num_query_heads=4, num_key_value_heads=2)
length = dict(num_heads=2, max_sequence_length=16)
ids, mask = np.ones((2, 8), "int32"), np.ones((2, 8), "int32")
text = {"token_ids": ids, "padding_mask": mask}
both = {f"{side}_{k}": v for side in ("encoder", "decoder") for k, v in text.items()}
image = rng.random((2, 64, 64, 3)).astype("float32")
swin = dict(image_shape=(64, 64, 3), embed_dim=8, depths=(1, 1), num_heads=(1, 2), window_size=4)
cases = [
    (models.BertBackbone(**size, **length), {**text, "segment_ids": 0 * ids}),
    (models.DebertaV3Backbone(**size, **length, bucket_size=8), text),
    (models.GPT2Backbone(**size, **length), text),
    (models.MistralBackbone(**size, **heads, sliding_window=4), text),
    (models.MixtralBackbone(**size, **heads, num_experts=2, top_k=1), text),
    (models.GemmaBackbone(**size, **heads, head_dim=4), text),
    (models.T5Backbone(**size, num_heads=2), both),
    (models.BartBackbone(**size, **length), both),
    (models.XLNetBackbone(**size, num_heads=2), {**text, "segment_ids": 0 * ids}),
    (models.VGGBackbone(stackwise_num_repeats=[1, 1], stackwise_num_filters=[8, 8]), image),
    (models.DenseNetBackbone(stackwise_num_repeats=[1, 2], image_shape=(64, 64, 3)), image),
    (models.SwinTransformerBackbone(**swin), image),
]
first = lambda x: next(iter(x.values())) if isinstance(x, dict) else x
for model, x in cases:
    path = tempfile.mktemp(suffix=".keras"); model.save(path)
    want, got = (first(m.predict(x, verbose=0)) for m in (model, keras.models.load_model(path)))
    assert np.allclose(want, got, atol=1e-5), model.name
    out = first(model.output)
    head = keras.Model(model.input, keras.ops.mean(keras.layers.Dense(1)(out), tuple(range(1, len(out.shape)))))
    head.compile("adam", "mse")
    assert np.isfinite(head.fit(x, np.zeros(2, "float32"), verbose=0).history["loss"]).all(), model.name
""",
}


@pytest.mark.parametrize("package", CODE)
def test_package(package):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    run("-c", HEAD + CODE[package], KERAS_BACKEND="torch")
