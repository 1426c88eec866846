"""Text: vocabularies, bags of words with tf-idf, sequences through masked embeddings and bidirectional LSTMs."""

import keras
import numpy as np
from common import data, fill, labels, show
from keras import layers

texts = ["The cat sat on the mat!", "A dog; a cat, a mat.", "the dog ate", "Mat the dog..."]
for mode, ngrams in (("int", None), ("multi_hot", None), ("count", 2), ("tf_idf", 2)):
    vectorize = layers.TextVectorization(max_tokens=20, output_mode=mode, ngrams=ngrams)
    vectorize.adapt(texts)
    out = vectorize(texts)
    show(mode, keras.ops.cast(out, "float32"))
    show(f"{mode} words", [vectorize.vocabulary_size(), vectorize.get_vocabulary()[:8]])
vectorize = layers.TextVectorization(
    output_mode="int", output_sequence_length=6, standardize="lower", split="whitespace"
)
vectorize.set_vocabulary(["cat", "dog", "mat"])
show("set", vectorize(["Cat dog bird", "mat"]))
show("without special", vectorize.get_vocabulary(include_special_tokens=False))
own = layers.TextVectorization(standardize=None, split="character", output_sequence_length=4, vocabulary=list("abc"))
show("characters", own(["abz", "cabba"]))
config = vectorize.get_config()
show("config", {k: config[k] for k in ("max_tokens", "output_mode", "output_sequence_length", "split", "standardize")})

ids = np.asarray(keras.ops.convert_to_numpy(vectorize(["cat dog mat cat", "dog", "mat mat", "bird cat"])))
inputs = keras.Input((None,), dtype="int64", name="words")
x = layers.Embedding(6, 4, mask_zero=True, name="embedding")(inputs)
x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
x = layers.Bidirectional(layers.GRU(2), merge_mode="sum", name="sum")(x)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="positive")(x))
fill(model)
show("paths", [v.path for v in model.trainable_variables])
show("output", model.predict(ids, verbose=0))
show("longer", model.predict(np.pad(ids, ((0, 0), (0, 3))), verbose=0))
model.compile("adam", "binary_crossentropy", metrics=["acc", "binary_accuracy"])
show("fit", model.fit(ids, labels(4, 2), epochs=2, batch_size=2, shuffle=False, verbose=0).history)
mask = model.get_layer("embedding").compute_mask(ids)
show("mask", mask)
embedded = model.get_layer("embedding")(ids)
show("keras_mask", getattr(embedded, "_keras_mask", None) is not None)
positional = layers.Embedding(6, 4)
positional.build(None)
show("built", [positional.built, list(positional.embeddings.shape)])
show(
    "pooled", layers.GlobalAveragePooling1D()(data(2, 3, 2), mask=np.array([[True, False, True], [True, True, False]]))
)
lookup = layers.StringLookup(vocabulary=["x", "y"], num_oov_indices=2)
back = layers.StringLookup(vocabulary=lookup.get_vocabulary(), num_oov_indices=2, invert=True)
show("lookup", lookup(["x", "y", "q", "r"]))
if keras.backend.backend() != "jax":  # where Keras fails
    show("back", [str(s.decode() if isinstance(s, bytes) else s) for s in np.asarray(back([2, 3, 0])).tolist()])
show("padded", keras.utils.pad_sequences([[1], [2, 3, 4], []], maxlen=2, padding="post", truncating="pre", value=9))
show("hashed", layers.Hashing(5, salt=3)([["a"], ["b"]]))
