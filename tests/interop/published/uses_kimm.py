"""kimm: image models, their features, and models whose branches are joined for inference."""

import keras
import kimm
import numpy as np

keras.utils.set_random_seed(0)
image = np.random.default_rng(0).random((1, 64, 64, 3)).astype("float32")
for make in (kimm.models.LCNet050, kimm.models.VisionTransformerTiny32):
    model = make(weights=None, include_preprocessing=False, input_shape=(64, 64, 3), classes=5)
    assert model.predict(image, verbose=0).shape == (1, 5)
keys = ["BLOCK1_S4", "BLOCK2_S8"]
model = kimm.models.LCNet050(weights=None, input_shape=(64, 64, 3), feature_extractor=True, feature_keys=keys)
assert set(model.predict(image, verbose=0)) >= set(keys)
assert "RepVGGA0" in kimm.list_models("repvgg")
