"""Sequence to sequence: an encoder's states start a decoder; teacher forcing; then decoding step by step."""

import keras
import numpy as np
from common import fill, labels, show
from keras import layers

SIZE, LENGTH, UNITS = 7, 5, 6
source = labels(8 * LENGTH, SIZE, seed=2).reshape(8, LENGTH)
target = (source[:, ::-1] + 1) % SIZE
shifted = np.concatenate([np.zeros((8, 1), "int32"), target[:, :-1]], axis=1)

reads = keras.Input((None,), dtype="int32", name="source")
writes = keras.Input((None,), dtype="int32", name="target")
_, h, c = layers.LSTM(UNITS, return_state=True, name="encoder")(layers.Embedding(SIZE, 4, name="read")(reads))
write = layers.Embedding(SIZE, 4, name="write")
decoder = layers.LSTM(UNITS, return_sequences=True, return_state=True, name="decoder")
dense = layers.Dense(SIZE, activation="softmax", name="choice")
model = keras.Model([reads, writes], dense(decoder(write(writes), initial_state=[h, c])[0]))
fill(model)
model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
show("history", model.fit([source, shifted], target, epochs=2, batch_size=4, shuffle=False, verbose=0).history)
encoder = keras.Model(reads, [h, c])
old = [keras.Input((UNITS,)), keras.Input((UNITS,))]
out, *new = decoder(write(writes), initial_state=old)
step = keras.Model([writes, *old], [dense(out), *new])
states = encoder.predict(source[:2], verbose=0)
token, words = np.zeros((2, 1), "int32"), []
for _ in range(LENGTH):
    chances, *states = step.predict([token, *states], verbose=0)
    token = chances[:, -1].argmax(-1)[:, None].astype("int32")
    words.append(token[:, 0].tolist())
show("words", words)
show("states", states)
show("chances", chances)

# with attention over what the encoder saw
seen, state = layers.GRU(UNITS, return_sequences=True, return_state=True)(layers.Embedding(SIZE, 4)(reads))
said = layers.GRU(UNITS, return_sequences=True)(layers.Embedding(SIZE, 4)(writes), initial_state=state)
context, scores = layers.Attention()([said, seen], return_attention_scores=True)
both = layers.Concatenate()([said, context])
attending = keras.Model([reads, writes], [layers.TimeDistributed(layers.Dense(SIZE))(both), scores])
fill(attending)
logits, looked = attending.predict([source[:2], shifted[:2]], verbose=0)
show("logits", logits)
show("looked", looked.sum(-1))
show("layers", sorted(layer.name.rstrip("_0123456789") for layer in attending.layers))
