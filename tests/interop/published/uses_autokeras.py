"""AutoKeras: a search over the blocks of a graph."""

import tempfile

import autokeras as ak
import keras
import numpy as np

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)
images, labels = rng.random((20, 8, 8, 1)).astype("float32"), rng.integers(0, 2, 20)
numbers = rng.random((20, 4)).astype("float32")
image, number = ak.ImageInput(), ak.Input()
x = ak.ConvBlock(kernel_size=3, num_blocks=1, num_layers=1, max_pooling=True, separable=False, dropout=0)(image)
x = ak.Merge()(
    [ak.Flatten()(x) if hasattr(ak, "Flatten") else ak.SpatialReduction()(x), ak.DenseBlock(num_layers=1)(number)]
)
model = ak.AutoModel(
    [image, number], ak.ClassificationHead()(x), max_trials=1, directory=tempfile.mkdtemp(), overwrite=True
)
model.fit([images, numbers], labels, epochs=1, validation_split=0.2, verbose=0)
assert model.predict([images, numbers], verbose=0).shape[0] == 20
assert isinstance(model.export_model(), keras.Model)
