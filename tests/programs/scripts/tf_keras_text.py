"""A text classifier as programs wrote it before Keras 3: Tokenizer, pad_sequences, skipgrams, a matrix of words."""

import numpy as np
from common import fill, show
from keras._tf_keras import keras
from keras._tf_keras.keras.layers import Dense, Embedding, GlobalAveragePooling1D
from keras._tf_keras.keras.models import Sequential
from keras._tf_keras.keras.preprocessing.sequence import make_sampling_table, pad_sequences
from keras._tf_keras.keras.preprocessing.text import Tokenizer, text_to_word_sequence, tokenizer_from_json

texts = [
    "A fine film, with fine actors!",
    "Dull. The actors were dull; the plot was dull.",
    "I loved the plot (and the music)",
    "No plot, no music: a bad film",
    "fine music and a loved plot",
    "bad actors in a dull film",
]
kinds = np.array([1, 0, 1, 0, 1, 0], "float32")
tokenizer = Tokenizer(num_words=12, oov_token="<unk>")
tokenizer.fit_on_texts(texts)
show("words", text_to_word_sequence(texts[0]))
show("index", tokenizer.word_index)
sequences = tokenizer.texts_to_sequences(texts)
show("sequences", sequences)
show("back", tokenizer.sequences_to_texts(sequences[:2]))
x = pad_sequences(sequences, maxlen=8, padding="post", truncating="post")
show("padded", x)
show("table", make_sampling_table(6))
again = tokenizer_from_json(tokenizer.to_json())
show("same", again.texts_to_sequences(texts) == sequences)

model = Sequential(
    [keras.Input((8,)), Embedding(12, 6), GlobalAveragePooling1D(), Dense(4, "relu"), Dense(1, "sigmoid")]
)
fill(model)
model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.SGD(0.5), metrics=["accuracy"])
history = model.fit(x, kinds, epochs=3, batch_size=2, shuffle=False, verbose=0, validation_split=0.34)
show("history", history.history)
show("new text", model.predict(pad_sequences(tokenizer.texts_to_sequences(["a fine plot"]), 8), verbose=0))

bag = Tokenizer(num_words=10)
bag.fit_on_texts(texts)
matrix = bag.texts_to_matrix(texts, mode="tfidf")
show("matrix", matrix)
linear = fill(Sequential([keras.Input((10,)), Dense(1, "sigmoid")]))
linear.compile("sgd", keras.losses.mse, metrics=[keras.metrics.mae])
show("linear", linear.fit(matrix, kinds, epochs=2, shuffle=False, verbose=0).history)
