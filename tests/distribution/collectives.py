"""Counts the collectives of a step, on a mesh of which the other processes are made up: prints them as JSON."""

from __future__ import annotations

import json
import os
import warnings

os.environ["KERAS_BACKEND"] = "torch"
warnings.simplefilter("ignore")

import torch.distributed as dist
from benchmarks import distributed
from torch.testing._internal.distributed.fake_pg import FakeStore


def counts(whole):
    """Of kfront's step and of that by hand, for the same model."""
    job = {"engine": "torch", "mesh": [2, 1], "width": 32, "whole": whole, "smallest": 1, "count": 2}
    programs = {"kfront": distributed._kfront, "by hand": distributed._by_hand}
    return {name: distributed._counted(job, make(job)[0]) for name, make in programs.items()}


if __name__ == "__main__":
    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)
    found = {"one block": counts(whole=True)}
    from kfront.backends.torch import placed  # with the first mesh

    placed._BLOCK = 80_000  # as if the model were large: each of its blocks is gathered by itself
    found["several blocks"] = counts(whole=False)
    print(json.dumps(found))
