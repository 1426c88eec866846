"""Preprocessing layers: adapt, vocabularies, lookups, hashing, crossing, discretization, normalization, text."""

import keras
import numpy as np
from common import data, show
from keras import layers

numbers = data(10, 3, scale=4.0)
normalize = layers.Normalization()
normalize.adapt(numbers)
show("normalization", [normalize(numbers)[:2], normalize.mean, normalize.variance])
show("inverted", layers.Normalization(mean=2.0, variance=4.0, invert=True)(numbers[:2]))
buckets = layers.Discretization(num_bins=4)
buckets.adapt(numbers[:, 0])
show("discretization", [buckets(numbers[:, 0]), len(buckets.bin_boundaries)])
show("boundaries", layers.Discretization(bin_boundaries=[-1.0, 0.0, 1.0], output_mode="one_hot")(numbers[:, :1])[:3])
lookup = layers.StringLookup(vocabulary=["a", "b", "c"])
show("lookup", lookup([["a", "z"], ["c", "b"]]))
show("vocabulary", [lookup.get_vocabulary(), lookup.vocabulary_size()])
if keras.backend.backend() != "jax":  # which has no strings in Keras
    back = layers.StringLookup(vocabulary=["a", "b", "c"], invert=True)
    show("inverse", [s.decode() if isinstance(s, bytes) else str(s) for s in np.asarray(back([1, 0, 3])).tolist()])
counts = layers.StringLookup(output_mode="count", num_oov_indices=2)
counts.adapt(["x", "y", "x", "z", "x", "y"])
show("counts", [counts.get_vocabulary(), keras.ops.cast(counts([["x", "x", "z"]]), "float32")])
integers = layers.IntegerLookup(vocabulary=[12, 36, 1138, 42], output_mode="multi_hot", mask_token=None)
show("integers", keras.ops.cast(integers([[12, 1138, 7]]), "float32"))
tf_idf = layers.TextVectorization(output_mode="tf_idf", ngrams=2)
tf_idf.adapt(["the cat sat", "The dog sat!", "a cat"])
show("tf idf", [tf_idf.get_vocabulary()[:4], tf_idf(["the cat"])])
text = layers.TextVectorization(max_tokens=8, output_sequence_length=5, standardize="lower_and_strip_punctuation")
text.adapt(["the cat sat", "the dog, sat", "the cat"])
show("text", [text.get_vocabulary(), text(["The cat barked.", "dog"])])
show("encoding", layers.CategoryEncoding(num_tokens=4, output_mode="count")([[0, 1, 1], [3, 3, 3]]))
show("rescaling", layers.Rescaling(1 / 255.0, offset=-0.5)(np.array([[0, 128, 255]], "uint8")))
show("hashing", layers.Hashing(num_bins=7)([["a"], ["b"], ["long"]]))
show("salted", layers.Hashing(num_bins=7, salt=133)(np.array([1, 2, 3])))
show("crossing", layers.HashedCrossing(num_bins=5)((np.array(["A", "B"]), np.array([101, 102]))))
show("config", sorted(text.get_config()))
