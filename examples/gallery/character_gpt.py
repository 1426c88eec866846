"""
A small GPT that writes like a licence
======================================

Two blocks of causal attention read the Apache License letter by letter and learn what comes next. Then the model writes
by itself: each letter is drawn from what it holds likely.

A. Radford et al., "Improving Language Understanding by Generative Pre-Training", 2018.

Result: at most 2.6 bits a letter; by the frequency of letters alone it takes more than 4.
"""

from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(0)
random = np.random.default_rng(0)
here = Path(kfront.__file__).resolve()
licence = next(p / "LICENSE" for p in here.parents if (p / "LICENSE").exists())
text = " ".join(licence.read_text(encoding="utf-8").lower().split())
letters = sorted(set(text))
numbers = np.array([letters.index(letter) for letter in text], "int32")
context, width = 48, 64
starts = random.integers(0, len(numbers) - context - 1, 2000)
windows = np.stack([numbers[s : s + context + 1] for s in starts])


class Block(layers.Layer):
    """Attention to what came before, and two Dense layers, each added to what goes in."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = layers.MultiHeadAttention(4, width // 4)
        self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
        self.wide, self.narrow = layers.Dense(4 * width, activation="gelu"), layers.Dense(width)

    def call(self, x):
        """The same shape."""
        normed = self.norms[0](x)
        x = x + self.attention(normed, normed, use_causal_mask=True)
        return x + self.narrow(self.wide(self.norms[1](x)))


class GPT(kfront.Model):
    """Letters in, scores of the next letters out."""

    def __init__(self) -> None:
        super().__init__()
        self.letters, self.places = layers.Embedding(len(letters), width), layers.Embedding(context, width)
        self.blocks = [Block(), Block()]
        self.norm, self.head = layers.LayerNormalization(), layers.Dense(len(letters))

    def call(self, x):
        """Scores of shape (batch, places, letters)."""
        h = self.letters(x) + self.places(ops.arange(context))
        for block in self.blocks:
            h = block(h)
        return self.head(self.norm(h))


model = GPT()
rate = kfront.optimizers.schedules.CosineDecay(3e-3, 310)
model.compile(kfront.optimizers.AdamW(rate), kfront.losses.SparseCategoricalCrossentropy(from_logits=True))
history = model.fit(windows[:, :-1], windows[:, 1:], epochs=10, batch_size=64, verbose=0)


# %%
def write(start: str, count: int, temperature: float = 0.6) -> str:
    """A text that begins with `start`."""
    written = [letters.index(letter) for letter in start]
    for _ in range(count):
        seen = written[-context:]
        row = np.zeros((1, context), "int32")
        row[0, : len(seen)] = seen
        scores = ops.convert_to_numpy(model(row))[0, len(seen) - 1] / temperature
        chances = np.exp(scores - scores.max())
        written.append(int(random.choice(len(letters), p=chances / chances.sum())))
    return "".join(letters[n] for n in written)


print(write("you may ", 200))

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(np.array(history.history["loss"]) / np.log(2))
axes.set(xlabel="epoch", ylabel="bits a letter")
figure.tight_layout()

# %%
RESULT = history.history["loss"][-1] / float(np.log(2))
print(f"{RESULT:.2f} bits a letter")
