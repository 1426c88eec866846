"""Which side of a split a club's members took, from who met whom: a graph convolution that knows two labels.

    KERAS_BACKEND=torch python examples/karate_club.py        (or jax, tensorflow)

The data are the 34 members and 78 ties of W. W. Zachary, "An information flow model for conflict and fission in small
groups", Journal of Anthropological Research 33 (1977). Members 0 and 33, the instructor and the officer between whom
the club split, are the only ones whose side the model is told. The network is that of Kipf and Welling, 2017
(https://arxiv.org/abs/1609.02907).
"""

from __future__ import annotations

import numpy as np

import kfront
from kfront import Input, Model
from kfront.layers import graph

TIES = {
    0: [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 17, 19, 21, 31],
    1: [2, 3, 7, 13, 17, 19, 21, 30],
    2: [3, 7, 8, 9, 13, 27, 28, 32],
    3: [7, 12, 13],
    4: [6, 10],
    5: [6, 10, 16],
    6: [16],
    8: [30, 32, 33],
    9: [33],
    13: [33],
    14: [32, 33],
    15: [32, 33],
    18: [32, 33],
    19: [33],
    20: [32, 33],
    22: [32, 33],
    23: [25, 27, 29, 32, 33],
    24: [25, 27, 31],
    25: [31],
    26: [29, 33],
    27: [33],
    28: [31, 33],
    29: [32, 33],
    30: [32, 33],
    31: [32, 33],
    32: [33],
}
WITH_INSTRUCTOR = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 16, 17, 19, 21]
MEMBERS = 34


def load_data():
    """Features (one-hot), edges in both directions, sides (0: instructor's, 1: officer's); a batch of one graph."""
    pairs = [(a, b) for a, others in TIES.items() for b in others]
    edges = np.array([*pairs, *((b, a) for a, b in pairs)], "int32").T
    sides = np.ones(MEMBERS, "int32")
    sides[WITH_INSTRUCTOR] = 0
    return np.eye(MEMBERS, dtype="float32")[None], edges[None], sides[None]


def build_model():
    """Two graph convolutions."""
    members, ties = Input((MEMBERS, MEMBERS)), Input((2, None), dtype="int32")
    h = graph.GCNConv(16, activation="relu")([members, ties])
    out = graph.GCNConv(2, activation="softmax")([h, ties])
    model = Model([members, ties], out)
    model.compile(kfront.optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    return model


def main() -> float:
    """Train on the two known members; the share of the 34 whose side is found."""
    kfront.utils.set_random_seed(0)
    x, edges, sides = load_data()
    known = np.zeros(sides.shape, "float32")
    known[0, [0, 33]] = 1.0
    model = build_model()
    model.fit([x, edges], sides, sample_weight=known, epochs=100, verbose=0)
    found = model.predict([x, edges], verbose=0)[0].argmax(axis=-1)
    wrong = np.flatnonzero(found != sides[0])
    print(f"{MEMBERS - len(wrong)} of {MEMBERS} members placed on their side; wrong: {wrong.tolist()}")
    return 1 - len(wrong) / MEMBERS


if __name__ == "__main__":
    main()
