"""KerasRS: layers and metrics of recommenders."""

import tempfile

import keras
import numpy as np

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)

import keras_rs

assert keras_rs.layers.DotInteraction()([np.ones((2, 4)), np.ones((2, 4))]).shape == (2, 1)
items = rng.random((20, 4)).astype("float32")
found = keras_rs.layers.BruteForceRetrieval(candidate_embeddings=items, k=3)(rng.random((2, 4)).astype("float32"))
metric = keras_rs.metrics.NDCG(k=2)
metric.update_state(np.array([[1.0, 0.0, 2.0]]), np.array([[0.2, 0.3, 0.1]]))
assert 0 < float(metric.result()) < 1

# layers and metrics in models, saved, loaded and trained
sides = [keras.Input((4,)) for _ in range(3)]
crossed = keras_rs.layers.DotInteraction(self_interaction=True, skip_gather=True)(sides)
model = keras.Model(sides, keras.layers.Dense(1)(keras_rs.layers.FeatureCross()(crossed)))
data = [rng.random((6, 4)).astype("float32") for _ in sides]
with tempfile.TemporaryDirectory() as folder:
    model.save(f"{folder}/m.keras")
    again = keras.saving.load_model(f"{folder}/m.keras")
assert np.allclose(model.predict(data, verbose=0), again.predict(data, verbose=0), atol=1e-6)
model.compile("adam", "mse")
assert np.isfinite(model.fit(data, rng.random((6, 1)), verbose=0).history["loss"]).all()
layer = keras_rs.layers.DotInteraction(self_interaction=False)
copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
assert copy.get_config() == layer.get_config()
loss = keras_rs.losses.PairwiseHingeLoss()
assert np.isfinite(float(loss(np.array([[1.0, 0.0]], "float32"), np.array([[0.2, 0.8]], "float32"))))
