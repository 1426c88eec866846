"""Convolutions, pooling, normalization, merging and reshaping layers: outputs and shapes in both layouts."""

import keras
from common import data, fill, show
from keras import layers


def run(name, layer, *arrays):
    layer.build(arrays[0].shape) if len(arrays) == 1 else None
    fill(layer)
    out = layer(arrays[0] if len(arrays) == 1 else list(arrays))
    show(name, [list(out.shape), keras.ops.sum(out), keras.ops.max(out), layer.count_params()])


image, line, volume = data(2, 9, 8, 4), data(2, 9, 4), data(1, 5, 6, 4, 2)
run("conv", layers.Conv2D(6, (3, 2), strides=2, padding="same", activation="relu"), image)
run("grouped", layers.Conv2D(6, 3, groups=2, dilation_rate=2, use_bias=False), image)
run("transposed", layers.Conv2DTranspose(3, 3, strides=2, padding="same", output_padding=1), image)
run("depthwise", layers.DepthwiseConv2D(3, depth_multiplier=2), image)
run("separable", layers.SeparableConv2D(5, 3, padding="same"), image)
run("causal", layers.Conv1D(3, 3, padding="causal", dilation_rate=2), line)
run("line", layers.SeparableConv1D(3, 3), line)
run("volume", layers.Conv3D(2, 3, padding="same"), volume)
run("max", layers.MaxPooling2D(3, strides=2, padding="same"), image)
run("average", layers.AveragePooling2D((2, 3)), image)
run("global", layers.GlobalAveragePooling2D(keepdims=True), image)
run("adaptive", layers.AdaptiveAveragePooling2D((3, 3)), image)
run("batch", layers.BatchNormalization(scale=False), image)
run("layer", layers.LayerNormalization(axis=[2, 3]), image)
run("groups", layers.GroupNormalization(groups=2), image)
run("rms", layers.RMSNormalization(), image)
run("unit", layers.UnitNormalization(axis=-1), image)
run("padding", layers.ZeroPadding2D(((1, 0), (2, 1))), image)
run("cropping", layers.Cropping2D(1), image)
run("upsampled", layers.UpSampling2D(2, interpolation="bilinear"), image)
run("permuted", layers.Permute((3, 1, 2)), image)
run("repeated", layers.RepeatVector(3), data(2, 4))
run("recurrent", layers.ConvLSTM2D(2, 2, padding="same"), data(1, 3, 4, 4, 2))
run("prelu", layers.PReLU(shared_axes=[1, 2]), image)
for merge in (layers.Add(), layers.Multiply(), layers.Average(), layers.Maximum(), layers.Concatenate(axis=1)):
    run(type(merge).__name__, merge, line, data(2, 9, 4, seed=1))
run("dot", layers.Dot(axes=(1, 1), normalize=True), line, data(2, 9, 3, seed=1))
for name in ("relu", "gelu", "silu", "elu", "softplus", "mish", "hard_sigmoid", "selu", "leaky_relu", "softsign"):
    show(name, keras.activations.get(name)(data(6)))
spectral = layers.SpectralNormalization(layers.Dense(2))
spectral.build((None, 4))
show("spectral", [v.path.split("/")[-1] for v in spectral.variables])
first = layers.Conv2D(2, 3, data_format="channels_first" if keras.backend.backend() == "torch" else "channels_last")
show(
    "computed", first.compute_output_shape((None, 9, 8, 4) if first.data_format == "channels_last" else (None, 4, 9, 8))
)
