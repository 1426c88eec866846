"""Texts: standardizing with a function, n-grams, tf-idf, sequences into an embedding, a bag-of-words classifier."""

import keras
import numpy as np
from common import fill, show
from keras import layers

texts = np.array(
    [
        "A quiet film, slow and warm.",
        "Loud, LOUD, loud: never again!",
        "warm and funny, a film to see again",
        "slow; far too slow",
    ]
)


def whole(encoded):
    return np.asarray(keras.ops.convert_to_numpy(encoded)).astype("int64")


rating = np.array([1.0, 0.0, 1.0, 0.0], "float32")
plain = layers.TextVectorization(output_mode="int", output_sequence_length=6)
plain.adapt(texts)
show("words", plain.get_vocabulary()[:8])
show("indices", plain(texts))
bags = layers.TextVectorization(output_mode="multi_hot", max_tokens=12)
bags.adapt(texts)
show("bags", whole(bags(texts)))
counts = layers.TextVectorization(output_mode="count", ngrams=2, max_tokens=15)
counts.adapt(texts)
show("pairs", counts.get_vocabulary())
show("counts", whole(counts(texts[1:2])))
weighted = layers.TextVectorization(output_mode="tf_idf", max_tokens=10, pad_to_max_tokens=True)
weighted.adapt(texts)
show("weighted", weighted(texts))
letters = layers.TextVectorization(split="character", standardize="lower", output_sequence_length=8)
letters.adapt(texts)
show("letters", letters(["Film", "again"]))
show("config", {k: letters.get_config()[k] for k in ("split", "standardize", "output_mode", "output_sequence_length")})
known = layers.TextVectorization(vocabulary=["warm", "slow", "loud"], output_sequence_length=4)
show("known", [known.vocabulary_size(), known.get_vocabulary()])
show("unknown words", known(["warm winds", "loud, slow"]))

model = keras.Sequential(
    [
        keras.Input((6,), dtype="int64"),
        layers.Embedding(plain.vocabulary_size(), 4, mask_zero=True),
        layers.LSTM(3),
        layers.Dense(1, activation="sigmoid"),
    ]
)
fill(model)
model.compile(keras.optimizers.RMSprop(0.01), "binary_crossentropy", metrics=["accuracy"])
tokens = np.asarray(keras.ops.convert_to_numpy(plain(texts)))
show("history", model.fit(tokens, rating, epochs=2, batch_size=2, shuffle=False, verbose=0).history)
show("scores", model.predict(tokens, verbose=0))
flat = keras.Sequential([keras.Input((12,)), layers.Dense(1, activation="sigmoid")])
fill(flat)
flat.compile("sgd", "binary_crossentropy")
show("bag of words", flat.fit(np.asarray(keras.ops.convert_to_numpy(bags(texts))), rating, verbose=0).history)
