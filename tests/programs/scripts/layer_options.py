"""Options that layers refuse, what data and image layers make of lists, and dtypes and weights of rarer options."""

import warnings

import keras
import numpy as np
from common import data, fill, refused, show
from keras import layers, ops, quantizers

warnings.simplefilter("ignore")

wrong = {
    "translation": [lambda: layers.RandomTranslation((0, 1.5), 0.1), lambda: layers.RandomTranslation(0.1, (-1.5, 0))],
    "shear": [lambda: layers.RandomShear((0, 1.5)), lambda: layers.RandomShear((-0.5, 0.2))],
    "policies": [lambda: layers.RandAugment(factor=(-0.1, 0.5)), lambda: layers.AugMix(factor=(0, 1.5))],
    "solarization": [lambda: layers.Solarization((0, 1.5)), lambda: layers.Solarization(0.1, (-0.5, 0.5))],
    "cropping": [lambda: layers.Cropping1D((1,)), lambda: layers.ZeroPadding1D([1]), lambda: layers.Cropping1D("a")],
    "spectrogram": [lambda: layers.STFTSpectrogram(window="a"), lambda: layers.MelSpectrogram(4, sequence_length=8)],
    "pipeline": [lambda: layers.Pipeline.from_config({}), lambda: layers.Pipeline.from_config({"layers": 3})],
    "renorm": [
        lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"rmax": 1.0, "rmin": 2.0}),
        lambda: layers.BatchNormalization(renorm=True, renorm_clipping={"dmax": -1.0}),
    ],
    "masks": [lambda: layers.Concatenate().compute_mask([ops.ones((2, 3)), ops.ones((2, 3))], ops.ones((2, 3)))],
    "shapes": [lambda: keras.Input(2), lambda: keras.layers.Layer().add_weight(3), lambda: keras.KerasTensor(3)],
}
for name, calls in wrong.items():
    show(f"{name} refused", [refused(call, ValueError) for call in calls])

x = keras.KerasTensor((2, 4, 3))
given = [
    {"batch_shape": (1, 2), "batch_size": 2},
    {"input_tensor": x, "dtype": "int32"},
    {"input_tensor": x, "batch_size": 3},
    {"input_tensor": x, "batch_shape": (1, 2)},
    {"input_tensor": x, "sparse": True},
    {"input_tensor": x, "shape": (9,)},
    {"input_tensor": x, "shape": (4, 3), "batch_size": 2, "dtype": "float32"},
    {"input_shape": (2,)},
]
show("InputLayer", [refused(lambda o=o: layers.InputLayer(**o), ValueError) for o in given])
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    layers.InputLayer(input_shape=(2,))
show("InputLayer warns", [w.category.__name__ for w in told])

# what Normalization adapts to
batches = [np.full((2, 3), i, "float32") for i in range(3)]


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, index):
        return batches[index], np.zeros(2)


kinds = {"list": batches, "tuples": [(b, np.zeros(2)) for b in batches], "iterator": iter(batches), "data set": Pairs()}
for name, source in kinds.items():
    layer = layers.Normalization()
    layer.adapt(source)
    show(f"adapted to a {name}", [layer.mean, layer.variance])
nothing = [[], (), iter([])]
show("nothing to adapt to", [refused(lambda s=s: layers.Normalization().adapt(s), ValueError) for s in nothing])
numbers = [iter([1.0, 2.0]), iter(["a"]), np.float32(3), "abc"]
show("no arrays to adapt to", [refused(lambda s=s: layers.Normalization().adapt(s), TypeError) for s in numbers])

# a number for each channel
keras.config.set_image_data_format("channels_first")
try:
    images = data(2, 3, 2, 2)
    show("by channel", [layers.Rescaling([1.0, 2.0, 3.0])(v) for v in (images, images[0])])
finally:
    keras.config.set_image_data_format("channels_last")

# large numbers in half precision, and the first deviation of a renormalization
large = layers.GroupNormalization(2, dtype="mixed_float16")(data(2, 8, 4) * 1e5)
show("large numbers", [large.dtype, bool(ops.all(ops.isfinite(large)))])
show("rms_scaling", layers.LayerNormalization(rms_scaling=True, dtype="mixed_bfloat16")(data(2, 8)).dtype)
mask = layers.Concatenate().compute_mask([keras.KerasTensor((2, 3))] * 2, [ops.ones((2, 3), "bool")] * 2)
show("mask of symbolic tensors", mask)
layer = layers.BatchNormalization(renorm=True, moving_variance_initializer=keras.initializers.Constant(4.0))
layer.build((None, 3))
show("renorm", {w.name: w for w in layer.weights})

# quantizers of one's own
for axis in (1, -1):
    own = quantizers.AbsMaxQuantizer(axis=axis, value_range=(-8, 7), output_dtype="int8")
    layer = layers.Embedding(5, 4)
    layer.build()
    fill(layer).quantize(config=quantizers.Int4QuantizationConfig(own, None, block_size=None))
    show(f"embedding {axis}", [layer(np.arange(5)), {w.name: list(w.shape) for w in layer.weights}])
    show("blocks refused", refused(lambda q=own: quantizers.Int4QuantizationConfig(q, None), ValueError))

# Variables, constraints and policies
for value in ([1.0, 2.0], np.ones((2, 2), "float32"), 3.0, np.arange(2000.0, dtype="float32")):
    show("shown", repr(keras.Variable(value, name="v")))
show("no constraint", keras.constraints.Constraint()(np.array([1.0, -2.0], "float32")))
keras.config.set_dtype_policy(keras.dtype_policies.DTypePolicyMap(default_policy="float16"))
show("policy", [keras.config.dtype_policy().name, layers.Dense(2).compute_dtype])
keras.config.set_dtype_policy("float32")
show("int8 alone", refused(lambda: layers.Dense(2, dtype="int8"), ValueError))
policy = keras.dtype_policies.get("float8_from_float32")
show("float8", refused(lambda: layers.Embedding(5, 4, dtype=policy).build(), NotImplementedError))
