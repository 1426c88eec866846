"""
A graph network on a graph of citations
=======================================

Which part of SciPy is a file from? As papers cite papers, its files import one another: 970 documents with some 2,800
citations, of which five of each of twelve topics have a label. The features are the words in a file, without the names
of the topics. A graph convolution carries both along the citations.

T. N. Kipf, M. Welling, "Semi-Supervised Classification with Graph Convolutional Networks",
https://arxiv.org/abs/1609.02907.

Result: at least 60 % of the other files are told right, and more than by logistic regression on the same labels. (With
seeds 0 to 3 on three engines it was 69 to 77 %.)
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import scipy
from matplotlib import pyplot as plt
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import kfront
from kfront import layers
from kfront.layers import graph

kfront.utils.set_random_seed(0)
root = Path(scipy.__file__).parent
texts = {f.relative_to(root): f.read_text(encoding="utf-8") for f in sorted(root.glob("*/**/*.py"))}
modules = {".".join(f.with_suffix("").parts).removesuffix(".__init__"): n for n, f in enumerate(texts)}
sizes = Counter(f.parts[0] for f in texts)
topics = sorted(t for t, files in sizes.items() if files >= 25 and not t.startswith("_"))


def cited(file: Path, text: str) -> Iterator[str]:
    """Names of modules that a file imports, as seen from SciPy's folder."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (name.name.removeprefix("scipy.") for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = file.parts[: len(file.parts) - node.level] if node.level else ()
            path = ".".join((*here, *filter(None, [node.module]))).removeprefix("scipy.")
            yield from (path, *(f"{path}.{name.name}" for name in node.names))


edges = {
    (n, modules[name])
    for n, (file, text) in enumerate(texts.items())
    for name in cited(file, text)
    if modules.get(name, n) != n
}
pairs = np.array(sorted(edges | {(b, a) for a, b in edges}), "int32").T
words = CountVectorizer(token_pattern=r"[A-Za-z]{3,}", max_features=1000, binary=True, stop_words=["scipy", *topics])
counts = words.fit_transform(texts.values()).toarray().astype("float32")
x = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
y = np.array([topics.index(f.parts[0]) if f.parts[0] in topics else -1 for f in texts])
random = np.random.default_rng(0)
known = np.concatenate([random.choice(np.flatnonzero(y == t), 5, replace=False) for t in range(len(topics))])
weight = np.zeros((1, len(x)), "float32")
weight[0, known] = 1.0

# %%
# As in the paper: two convolutions, and dropout before each.
inputs = kfront.Input(x.shape), kfront.Input((2, None), dtype="int32")
h = graph.GCNConv(64, activation="relu")([layers.Dropout(0.5)(inputs[0]), inputs[1]])
h = graph.GCNConv(len(topics), activation="softmax")([layers.Dropout(0.5)(h), inputs[1]])
model = kfront.Model(list(inputs), h)
model.compile(kfront.optimizers.AdamW(1e-2, weight_decay=5e-3), "sparse_categorical_crossentropy")
model.fit([x[None], pairs[None]], np.maximum(y, 0)[None], sample_weight=weight, epochs=200, verbose=0)

# %%
found = model.predict([x[None], pairs[None]], verbose=0)[0].argmax(axis=-1)
rest = np.setdiff1d(np.flatnonzero(y >= 0), known)
alone = LogisticRegression(max_iter=1000).fit(counts[known], y[known]).predict(counts)
figure, axes = plt.subplots(figsize=(6, 3), layout="constrained")
for shift, answers, name in ((-0.2, alone, "words alone"), (0.2, found, "words and citations")):
    right = [(answers[rest] == y[rest])[y[rest] == t].mean() for t in range(len(topics))]
    axes.bar(np.arange(len(topics)) + shift, right, 0.4, label=name)
axes.set_xticks(range(len(topics)), topics, rotation=45, ha="right")
axes.set(ylabel="told right", ylim=(0, 1.2))
axes.legend(ncols=2)

# %%
score, words_only = (float((answers[rest] == y[rest]).mean()) for answers in (found, alone))
RESULT = score if score > words_only else 0.0
print(f"graph network {score:.3f}, logistic regression {words_only:.3f}")
