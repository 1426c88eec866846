"""Compiles a model on a mesh with the default compiler, the other processes being made up; fails at a graph break."""

from __future__ import annotations

import functools
import os
import warnings

os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore

import kfront
from kfront import distribution as D
from kfront import layers


def main():
    """Three steps, of which the second is compiled."""
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    torch.compile = functools.partial(torch.compile, fullgraph=True)
    warnings.filterwarnings("error", message=".*torch.compile failed")
    layouts = D.get_layout_map(D.DeviceMesh((2, 1), ["batch", "model"]), None, "batch", smallest=1)
    with D.ModelParallel(layout_map=layouts).scope():
        x = kfront.Input((6, 8))
        h = layers.MultiHeadAttention(2, 4)(x, x)
        h = layers.LayerNormalization()(layers.Dropout(0.1)(h) + x)
        model = kfront.Model(x, layers.Dense(3)(h))
        model.compile("adam", "mse", jit_compile=True)
        for _ in range(3):
            model.train_on_batch(np.ones((4, 6, 8), "float32"), np.ones((4, 6, 3), "float32"))


if __name__ == "__main__":
    main()
