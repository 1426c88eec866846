"""What a model of many layers costs grows with their number, and no faster.

Calls of functions are counted, not seconds: a loop in Python over all layers, run for each layer, shows on any machine.
`python -m benchmarks.graphs` measures the time.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

import kfront
from kfront import layers

FEW, MANY = 40, 160
SLACK = 1.1  # how many more calls for each layer the larger model may have


def listed(count):
    return kfront.Sequential([kfront.Input((4,)), *[layers.Dense(4) for _ in range(count)]])


def added(count):
    model = kfront.Sequential()
    for _ in range(count):
        model.add(layers.Dense(4))
    model.build((None, 4))
    return model


def functional(count):
    x = inputs = kfront.Input((4,))
    for _ in range(count):
        x = layers.Dense(4)(x)
    return kfront.Model(inputs, x)


class Stack(kfront.Model):
    """Layers in a list, in a dict, and as attributes."""

    def __init__(self, count):
        super().__init__()
        self.several, self.by_name = [], {}
        for i in range(count // 3 + 1):
            self.several.append(layers.Dense(4))
            self.by_name[f"dense_{i}"] = layers.Dense(4)
            setattr(self, f"own_{i}", layers.Dense(4))
        self.build((None, 4))

    def call(self, x):
        for layer in [*self.several, *self.by_name.values()]:
            x = layer(x)
        return x


BUILD = [listed, added, functional, Stack]
USE = {
    "call": lambda m: m(np.zeros((1, 4), "float32")),
    "weights": lambda m: m.weights,
    "set_weights": lambda m: m.set_weights(m.get_weights()),
    "freeze": lambda m: setattr(m, "trainable", False),
    "get_config": lambda m: m.get_config(),
    "clone": kfront.models.clone_model,
    "summary": lambda m: m.summary(print_fn=lambda *a, **k: None),
}


def calls(function, *args):
    """How many functions are called."""
    count = 0

    def counting(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        function(*args)
    finally:
        sys.setprofile(before)
    return count


def grows(costs):
    few, many = costs[0] / FEW, costs[1] / MANY
    assert many < SLACK * few, f"{few:.0f} calls for each layer of {FEW}, {many:.0f} of {MANY}"


@pytest.mark.parametrize("make", BUILD, ids=lambda f: f.__name__)
def test_building(backend, make):
    make(2)
    grows([calls(make, count) for count in (FEW, MANY)])


@pytest.mark.parametrize("use", USE)
@pytest.mark.parametrize("make", [listed, functional], ids=lambda f: f.__name__)
def test_use(backend, make, use):
    USE[use](make(2))
    grows([calls(USE[use], make(count)) for count in (FEW, MANY)])
