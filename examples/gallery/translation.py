"""
Translation: dates as people write them, as computers do
========================================================

An encoder reads "3 March 1999" in one of several styles, a decoder writes "1999-03-03" letter by letter and attends to
what was read.

D. Bahdanau, K. Cho, Y. Bengio, "Neural Machine Translation by Jointly Learning to Align and Translate",
https://arxiv.org/abs/1409.0473.

Result: at least 90 % of dates not seen are translated without a fault.
"""

import datetime

import numpy as np
from matplotlib import pyplot as plt

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
random = np.random.default_rng(0)
STYLES = ("{d.day} {d:%B} {d.year}", "{d:%B} {d.day}, {d.year}", "{d:%d.%m.%Y}", "{d:%b} {d:%d} {d:%Y}", "{d:%m/%d/%y}")
days = [datetime.date(1970, 1, 1) + datetime.timedelta(int(n)) for n in random.integers(0, 18000, 6000)]
written = [random.choice(STYLES).format(d=day) for day in days]
wanted = [day.isoformat() for day in days]

letters = sorted(set("".join(written)))
signs = "0123456789-^"  # ^ begins


def numbers(texts: list[str], table: str | list[str], length: int) -> np.ndarray:
    """Letters as numbers, 0 behind the end."""
    rows = np.zeros((len(texts), length), "int32")
    for row, text in zip(rows, texts, strict=True):
        row[: len(text)] = [table.index(letter) + 1 for letter in text]
    return rows


source, target = numbers(written, letters, 18), numbers(["^" + text for text in wanted], signs, 11)

# %%
# While it learns, the decoder is given the letters before each; so all ten are learned at once.
read, given = kfront.Input((18,), dtype="int32"), kfront.Input((10,), dtype="int32")
states = layers.Bidirectional(layers.GRU(48, return_sequences=True))(
    layers.Embedding(len(letters) + 1, 24, mask_zero=True)(read)
)
decoded = layers.GRU(96, return_sequences=True)(layers.Embedding(13, 24)(given))
seen, weights = layers.MultiHeadAttention(1, 96)(decoded, states, return_attention_scores=True)
out = layers.Dense(13)(layers.Dense(96, activation="relu")(layers.concatenate([decoded, seen])))
model = kfront.Model([read, given], out)
model.compile(kfront.optimizers.Adam(4e-3), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
model.fit([source[:5000], target[:5000, :-1]], target[:5000, 1:], epochs=8, batch_size=100, verbose=0)

# %%
# To translate, each letter is the likeliest after those that were written.
answer = np.zeros((1000, 11), "int32")
answer[:, 0] = target[0, 0]
for place in range(10):
    scores = model.predict([source[5000:], answer[:, :-1]], batch_size=1000, verbose=0)
    answer[:, place + 1] = scores[:, place].argmax(axis=-1)

attention = kfront.Model(model.inputs, weights).predict([source[5000:5001], answer[:1, :-1]], verbose=0)[0, 0]
figure, axes = plt.subplots(figsize=(6, 3.4))
text = written[5000]
axes.imshow(attention[:, : len(text)], cmap="Blues")
axes.set_xticks(range(len(text)), text)
axes.set_yticks(range(10), wanted[5000])
figure.tight_layout()

# %%
RESULT = float((answer == target[5000:]).all(axis=1).mean())
print(f"dates without a fault: {RESULT:.3f}")
