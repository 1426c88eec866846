"""hgq2: layers whose weights and activations learn their bit widths."""

import tempfile

import keras
import numpy as np
from hgq.config import LayerConfigScope, QuantizerConfigScope
from hgq.layers import QBatchNormalization, QConv2D, QDense, QEinsumDense, QMaxPooling2D, QMultiHeadAttention, QSum
from keras.src.layers.convolutional.base_conv import BaseConv
from keras.src.layers.pooling.base_pooling import BasePooling
from keras.src.ops.numpy import Add, Concatenate, GetItem, Matmul, Sum, Transpose

rng = np.random.default_rng(0)
keras.utils.set_random_seed(0)

with QuantizerConfigScope(place="all", default_q_type="kbi"), LayerConfigScope(enable_ebops=True, beta0=1e-5):
    image = keras.Input((8, 8, 1))
    x = QConv2D(4, 3, activation="relu")(image)
    x = QBatchNormalization()(QMaxPooling2D(2)(x))
    images = keras.Model(image, QDense(3)(keras.layers.Flatten()(x)))
    tokens = keras.Input((5, 8))
    x = QMultiHeadAttention(2, 4)(tokens, tokens)
    sequences = keras.Model(tokens, QEinsumDense("ab,bc->ac", output_shape=3)(QSum(axes=1)(x)))
for model, shape in ((images, (16, 8, 8, 1)), (sequences, (16, 5, 8))):
    data, labels = rng.normal(size=shape).astype("float32"), rng.integers(0, 3, 16)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit(data, labels, epochs=2, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all(), history
    assert any(float(keras.ops.convert_to_numpy(layer.ebops)) > 0 for layer in model.layers if hasattr(layer, "ebops"))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/m.keras")
        again = keras.saving.load_model(f"{folder}/m.keras")
    assert np.allclose(model.predict(data, verbose=0), again.predict(data, verbose=0), atol=1e-5)

# operations of a graph are of the classes that Keras names
x = keras.Input((4, 3))
found = {
    Add: x + x,
    GetItem: x[:, 1],
    Sum: keras.ops.sum(x, axis=1),
    Transpose: keras.ops.transpose(x, (0, 2, 1)),
    Matmul: keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1))),
    Concatenate: keras.ops.concatenate([x, x], axis=-1),
}
for kind, tensor in found.items():
    operation = tensor._keras_history.operation
    assert isinstance(operation, kind) and type(operation).__name__ == kind.__name__
assert found[Concatenate]._keras_history.operation.axis == -1
assert isinstance(images.layers[1], BaseConv) and isinstance(images.layers[2], BasePooling)
