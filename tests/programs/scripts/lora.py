"""LoRA: enable_lora of Dense, Embedding and EinsumDense, what is trained, a step of training, saving merged weights."""

import os
import tempfile

import keras
import numpy as np
from common import data, fill, labels, refused, show
from keras import layers

inputs = keras.Input((5,), dtype="int32")
x = layers.Embedding(10, 4, name="embedding")(inputs)
x = layers.GlobalAveragePooling1D()(x)
x = layers.Dense(6, activation="relu", name="dense")(x)
model = fill(keras.Model(inputs, layers.Dense(3, name="top")(x)))
ids = np.array([[1, 2, 3, 4, 5], [6, 7, 8, 9, 0]] * 4, "int32")
want = model.predict(ids, verbose=0)
model.get_layer("embedding").enable_lora(2)
model.get_layer("dense").enable_lora(3)
show("unchanged", bool(np.allclose(model.predict(ids, verbose=0), want, atol=1e-6)))
show("trained", [[v.path, list(v.shape)] for v in model.trainable_variables])
show("frozen", [v.path for v in model.non_trainable_variables])
show("rank", [model.get_layer("dense").lora_rank, model.get_layer("dense").lora_enabled])
fill(model, seed=4)
show("other", model.predict(ids[:2], verbose=0))
model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
show("history", model.fit(ids, labels(8, 3), batch_size=4, epochs=2, shuffle=False, verbose=0).history)
show("kernel", keras.ops.convert_to_numpy(model.get_layer("dense").kernel))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "lora.keras")
    model.save(path)
    loaded = keras.saving.load_model(path)
    show("loaded", [len(loaded.trainable_variables), loaded.predict(ids[:2], verbose=0)])
einsum = layers.EinsumDense("abc,cd->abd", output_shape=(None, 4))
einsum.build((None, 2, 3))
fill(einsum)
einsum.enable_lora(2, lora_alpha=4)
fill(einsum, seed=5)
show("einsum", einsum(data(1, 2, 3)))
show("config", {k: v for k, v in einsum.get_config().items() if "lora" in k})
show("twice", refused(lambda: einsum.enable_lora(2), ValueError))
