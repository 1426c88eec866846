"""One program for one device and for many: a small Transformer on PyTorch or JAX, in one to four processes.

Usage: python examples/many_devices.py torch
       torchrun --nproc-per-node=4 examples/many_devices.py torch --batch 2 --model 2
       XLA_FLAGS=--xla_force_host_platform_device_count=4 python examples/many_devices.py jax --batch 2 --model 2

It learns which token a sequence holds most often. Weights are sharded over the axis "batch", attention and MLPs are
split over the axis "model"; the numbers that are printed are the same for every mesh.
"""

from __future__ import annotations

import argparse
import contextlib
import os
from typing import Any

import numpy as np

import kfront
from kfront import distribution, layers

WORDS, TIME = 16, 24


def sequences(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Token sequences, and the token that each holds most often."""
    x = np.random.default_rng(0).integers(0, WORDS, (count, TIME))
    x[:, ::3] = x[:, :1]
    return x.astype("int32"), x[:, 0].astype("int32")


def transformer(width: int = 32, blocks: int = 2) -> Any:
    """Embedding, blocks of attention and MLP, a head."""
    tokens = kfront.Input((TIME,), dtype="int32")
    x = layers.Embedding(WORDS, width)(tokens)
    for _ in range(blocks):
        h = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(4, width // 4)(h, h)
        h = layers.Dense(4 * width, "gelu")(layers.LayerNormalization()(x))
        x = x + layers.Dropout(0.1)(layers.Dense(width)(h))
    x = layers.GlobalAveragePooling1D()(layers.LayerNormalization()(x))
    return kfront.Model(tokens, layers.Dense(WORDS)(x))


def main(arguments: list[str] | None = None) -> list[float]:
    """Train, print, and give the losses of the epochs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engine", choices=("torch", "jax"))
    parser.add_argument("--batch", type=int, default=1, help="devices over which batches and weights are sharded")
    parser.add_argument("--model", type=int, default=1, help="devices over which attention and MLPs are split")
    given = parser.parse_args(arguments)

    kfront.config.set_backend(given.engine)
    if "RANK" in os.environ or "KERAS_DISTRIBUTION_NUM_PROCESSES" in os.environ:  # one of several processes
        distribution.initialize()
    first = os.environ.get("RANK", os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0")) == "0"
    kfront.utils.set_random_seed(0)
    kfront.config.set_portable_random(True)

    scope: Any = contextlib.nullcontext()
    if given.batch * given.model > 1:
        mesh = distribution.DeviceMesh((given.batch, given.model), ["batch", "model"])
        layouts = distribution.get_layout_map(mesh, "model", "batch")
        scope = distribution.ModelParallel(layout_map=layouts, batch_dim_name="batch").scope()
    with scope:
        model = transformer()
        loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(kfront.optimizers.Adam(2e-3, global_clipnorm=1.0), loss, metrics=["accuracy"])
        table = distribution.layout_table(model) if given.batch * given.model > 1 else ""
        history = model.fit(*sequences(1000), batch_size=64, epochs=2, verbose=0).history
    if first:
        print(table)
        for epoch, (value, accuracy) in enumerate(zip(history["loss"], history["accuracy"], strict=True)):
            print(f"epoch {epoch}: loss {value:.5f}, accuracy {accuracy:.3f}", flush=True)
    return history["loss"]


if __name__ == "__main__":
    main()
    if "RANK" in os.environ:
        import torch.distributed

        torch.distributed.destroy_process_group()
