# Written by tools/stubs.py from the table in the module of the same name.
from kfront.generation.beam import Beam as Beam
from kfront.generation.contrastive import Contrastive as Contrastive
from kfront.generation.program import generate as generate
from kfront.generation.samplers import (
    Greedy as Greedy,
    Sampler as Sampler,
    Temperature as Temperature,
    TopK as TopK,
    TopP as TopP,
)
from kfront.layers.attention_cache import Cache as Cache

__all__ = [
    "Beam",
    "Cache",
    "Contrastive",
    "Greedy",
    "Sampler",
    "Temperature",
    "TopK",
    "TopP",
    "generate",
]
