"""
Text classification with an LSTM: which package is this from?
=============================================================

Four lines of Python's own library, from one of four packages. A bidirectional LSTM reads them word by word; padding is
masked.

S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", Neural Computation 9 (1997).

Result: at least half of the texts from files not seen are told right, where 25 % would be by chance. (With seeds
0, 1 and 2 on three engines it was 58 to 69 %.)
"""

import numpy as np
from gallery_data import library_lines
from sklearn.metrics import ConfusionMatrixDisplay

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
packages = ["asyncio", "email", "tkinter", "unittest"]
(train, y), (test, y_test) = library_lines(packages, most=1200)

words = layers.TextVectorization(max_tokens=4000, output_sequence_length=40)
words.adapt(train)
x, x_test = (np.asarray(words(lines)) for lines in (train, test))

model = kfront.Sequential(
    [
        kfront.Input((40,), dtype="int32"),
        layers.Embedding(4000, 32, mask_zero=True),
        layers.Bidirectional(layers.LSTM(32)),
        layers.Dropout(0.3),
        layers.Dense(4, activation="softmax"),
    ]
)
model.compile(kfront.optimizers.Adam(4e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x, y, epochs=5, batch_size=100, verbose=0)

# %%
found = model.predict(x_test, verbose=0).argmax(axis=1)
ConfusionMatrixDisplay.from_predictions(y_test, found, display_labels=packages, normalize="true", colorbar=False)

# %%
RESULT = float(np.mean([(found[y_test == k] == k).mean() for k in range(4)]))  # each package counts alike
print(f"accuracy {RESULT:.3f}")
