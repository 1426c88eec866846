"""Layers that run on each process's rows of a batch: what they give for some rows is what they give for all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kfront import backends, layers
from kfront.distribution import rows

RNG = np.random.default_rng(0)
ARGUMENTS = {
    **{"Dense": (3,), "EinsumDense": ("abc,cd->abd", (None, 3)), "Embedding": (9, 3), "Activation": ("tanh",)},
    **{"Dropout": (0.0,), "Reshape": ((-1,),), "Permute": ((2, 1),), "RepeatVector": (2,), "Concatenate": (-1,)},
    **{"MultiHeadAttention": (2, 3), "GroupedQueryAttention": (4, 2, 2), "GroupNormalization": (2,)},
    **{f"{kind}Conv{n}D": (2, 2) for kind in ("Separable", "") for n in (1, 2, 3)},
    **{f"Conv{n}DTranspose": (2, 2) for n in (1, 2, 3)},
    **{f"DepthwiseConv{n}D": (2,) for n in (1, 2)},
    **dict.fromkeys(("LSTM", "GRU"), (3,)),
    **{f"AveragePooling{n}D": (2,) for n in (1, 2, 3)},
}
MERGES = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
LAYERS = sorted(rows.LAYERS - {"InputLayer", "LSTMCell", "GRUCell"})


def inputs_of(name):
    if name == "Embedding":
        return [RNG.integers(0, 9, (4, 5)).astype("int32")]
    space = next((int(c) for c in name if c.isdigit()), 1)
    shape = (4, 6) if name == "RepeatVector" else (4, *[6] * space, 4)
    count = 2 if name in MERGES or "Attention" in name else 1
    return [RNG.normal(size=shape).astype("float32") for _ in range(count)]


@pytest.mark.parametrize("name", LAYERS)
def test_a_row_is_computed_from_that_row(name):
    if "torch" not in backends.installed():
        pytest.skip("torch is not installed")
    with backends.backend_scope("torch"):
        layer = getattr(layers, name)(*ARGUMENTS.get(name, ()))
        xs = inputs_of(name)
        call = (lambda xs: layer(xs)) if name in MERGES else (lambda xs: layer(*xs))
        whole = call(xs).detach().numpy()
        some = call([x[1:3] for x in xs]).detach().numpy()
    assert np.ptp(whole) > 0
    np.testing.assert_allclose(some, whole[1:3], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (lambda: layers.BatchNormalization(), "the statistics of the batch"),
        (lambda: layers.Dense(3, activity_regularizer="l2"), "a loss of the batch"),
        (lambda: layers.Concatenate(axis=0), "rows of all"),
        (lambda: type("Mine", (layers.Dense,), {})(3), "a class of a user's own"),
    ],
)
def test_what_does_not_go_by_rows(layer, why):
    made = layer()
    made.__dict__["built"] = True
    assert not rows.by_rows(made, type("None_", (), {"get_tensor_layout": lambda self, path: None})()), why


def test_the_table_of_ops_is_current():
    if "torch" not in backends.installed():
        pytest.skip("torch is not installed")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, root / "tools" / "mesh_docs.py", "--check"], cwd=root, check=False)
    assert done.returncode == 0, "run python tools/mesh_docs.py"
