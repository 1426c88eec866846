"""Rarer forms of common things: axes in any order, policies of integers, directions, parts of layers by themselves."""

import keras
import numpy as np
from common import data, refused, show
from keras import layers, ops, quantizers

x = data(2, 3, 4)
for cls in (layers.LayerNormalization, layers.RMSNormalization):
    for axis in ([2, 1], [-1, -2], [2, 0, 1], (1, 2)):
        layer = cls(axis=axis)
        layer.build((2, 3, 4))
        for weight in layer.weights:
            weight.assign(np.arange(float(np.prod(weight.shape))).reshape(weight.shape))
        show(
            f"{cls.__name__} over {axis}",
            [layer.axis, layer.get_config()["axis"], tuple(layer.weights[0].shape), layer(x)],
        )
show("scale over two axes", ops.layer_normalization(x, data(3, 4), data(3, 4), axis=[2, 1]))

if keras.backend.backend() != "tensorflow":  # whose integers are of 64 bits on Keras
    policy = keras.DTypePolicy("int")
    show("policy of integers", [policy.name, policy.compute_dtype, policy.variable_dtype])


class Told(layers.Layer):
    """Says what it is given as dtype."""

    def __init__(self, dtype=None, **kwargs):
        show("dtype", [type(dtype).__name__, dtype])
        super().__init__(dtype=dtype, **kwargs)


for policy in ("float16", keras.DTypePolicy("mixed_bfloat16")):
    config = layers.Dense(2, dtype=policy).get_config()
    Told.from_config({"name": "told", "dtype": config["dtype"]})

for use in (True, False, "auto"):
    both = layers.Bidirectional(layers.LSTM(2, use_cudnn=use))
    show("fused kernels", [both.forward_layer.use_cudnn, both.backward_layer.use_cudnn])

byte = quantizers.AbsMaxQuantizer(axis=0)
show("int4 from bytes", refused(lambda: quantizers.Int4QuantizationConfig(byte, block_size=-1), ValueError))

keras.name_scope("left open").__enter__()
keras.utils.clear_session()
show("after a reset", keras.Variable(1.0, name="v").path)
