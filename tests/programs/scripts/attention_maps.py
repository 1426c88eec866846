"""What attention looks at: scores of heads, gradients as class activation maps, activations of inner layers."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers, ops

inputs = keras.Input((6, 8))
attention = layers.MultiHeadAttention(num_heads=2, key_dim=4, name="attention")
out, scores = attention(inputs, inputs, return_attention_scores=True)
out = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([inputs, out]))
model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(out)))
fill(model)
x = data(2, 6, 8)
maps = keras.Model(inputs, scores).predict(x, verbose=0)
show("maps", maps[:, :, 0])
show("rows sum to one", bool(np.allclose(maps.sum(-1), 1, atol=1e-5)))
show("most looked at", maps.mean(axis=(1, 2)).argmax(-1))
causal = attention(x, x, use_causal_mask=True, return_attention_scores=True)[1]
show("causal", np.triu(np.asarray(ops.convert_to_numpy(causal))[0, 0], 1).sum())
mask = np.ones((2, 6, 6), bool)
mask[:, :, 3:] = False
masked = attention(x, x, attention_mask=mask, return_attention_scores=True)[1]
show("masked", np.asarray(ops.convert_to_numpy(masked))[0, 0])

picture = keras.Input((8, 8, 1))
conv = layers.Conv2D(4, 3, activation="relu", name="conv")(picture)
top = layers.Dense(2, name="top")(layers.GlobalAveragePooling2D()(conv))
net = keras.Model(picture, top)
fill(net, seed=6)
image = data(1, 8, 8, 1)
inner = keras.Model(net.inputs, [net.get_layer("conv").output, net.output])
planes, answer = inner.predict(image, verbose=0)
heat = np.tensordot(planes[0], net.get_layer("top").get_weights()[0][:, 1], 1)
show("answer", answer)
show("heat", heat)
show("filters", list(net.get_layer("conv").kernel.shape))
every = keras.Model(net.inputs, {layer.name.rstrip("_0123456789"): layer.output for layer in net.layers[1:]})
show("every layer", {k: list(v.shape) for k, v in sorted(every.predict(image, verbose=0).items())})
rolled = layers.MultiHeadAttention(2, 4, value_dim=4, output_shape=5, use_bias=False)
show("shapes", [list(rolled(x, x).shape), len(rolled.weights)])
grouped = layers.GroupQueryAttention(head_dim=4, num_query_heads=4, num_key_value_heads=2)
grouped(x, x)
fill(grouped)
show("grouped", grouped(x, x)[0, 0])
