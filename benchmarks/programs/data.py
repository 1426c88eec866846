"""What the programs learn from, and how they tell what came out: NumPy alone, so that it costs all of them the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["GRAPH_CLASSES", "LATENT", "START", "WORDS", "digits", "graph", "images", "photos", "q_learning", "report"]
__all__ += ["reviews", "sentences"]

WORDS, START, LATENT, GRAPH_CLASSES = 2000, 1, 16, 5


def report(parameters: int, score: float) -> None:
    """The last line of a program: how many parameters were there, and how well they do."""
    print(json.dumps({"parameters": int(parameters), "score": float(score)}))


def images(count: int = 1024, size: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of coloured pictures, and ten classes that differ in where it is bright."""
    g = np.random.default_rng(0)
    y = g.integers(0, 10, count).astype("int32")
    x = g.integers(0, 120, (count, size, size, 3)).astype("uint8")
    for i, label in enumerate(y):
        x[i, 3 * label : 3 * label + 5] += 100
    return x, y


def photos(count: int = 192, size: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Larger pictures from -1 to 1, of two classes."""
    x, y = images(count, size)
    return x.astype("float32") / 127.5 - 1, (y % 2).astype("int32")


def reviews(count: int = 1024, length: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Texts of words, those of class 1 with more of the small numbers."""
    g = np.random.default_rng(0)
    y = g.integers(0, 2, count).astype("float32")
    x = g.integers(2, WORDS, (count, length))
    return np.where(g.random(x.shape) < 0.3 * y[:, None], x % 20 + 2, x).astype("int32"), y


def sentences(count: int = 768, length: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Sentences, and their translations behind a start token: other words, in the order from the end."""
    x = np.random.default_rng(0).integers(2, WORDS // 4, (count, length)).astype("int32")
    y = np.full((count, length + 1), START, "int32")
    y[:, 1:] = WORDS // 2 - x[:, ::-1]
    return x, y


def digits(count: int = 1024) -> np.ndarray:
    """Pictures of 28 by 28 from 0 to 1, each with a bright box."""
    g = np.random.default_rng(0)
    x = g.random((count, 28, 28, 1)).astype("float32") * 0.1
    for one, (i, j) in zip(x, g.integers(0, 18, (count, 2)), strict=True):
        one[i : i + 10, j : j + 10] += 0.8
    return x


def graph(nodes: int = 800, features: int = 64) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Normalized adjacency, features and classes of nodes, and which of them are learned from."""
    g = np.random.default_rng(0)
    y = g.integers(0, GRAPH_CLASSES, nodes).astype("int32")
    edges = g.random((nodes, nodes)) < np.where(y[:, None] == y, 0.02, 0.002)
    edges = (edges | edges.T | np.eye(nodes, dtype=bool)).astype("float32")
    scale = 1 / np.sqrt(edges.sum(1))
    x = g.normal(size=(nodes, features)) + (np.arange(features) % GRAPH_CLASSES == y[:, None])
    return edges * scale[:, None] * scale, x.astype("float32"), y, (g.random(nodes) < 0.3).astype("float32")


def q_learning(
    values: Callable[[np.ndarray], np.ndarray],
    later: Callable[[np.ndarray], np.ndarray],
    learn: Callable[[np.ndarray, np.ndarray], object],
    keep: Callable[[], object],
) -> float:
    """Keep a pole upright by deep Q-learning: 1,500 pushes, and a step on 32 of those before for each.

    Args:
        values: states -> the values of both actions, an array that is written to.
        later: states -> the same by the target network.
        learn: takes a step towards values for states.
        keep: makes the weights those of the target network.

    Returns:
        How long the pole stood in the last five rounds, in pushes.
    """
    rng, world, memory, lengths = np.random.default_rng(0), Pole(), list[Any](), list[int]()
    state = world.reset()
    for step in range(1500):
        explores = rng.random() < max(0.05, 1 - step / 800)
        action = int(rng.integers(2)) if explores else int(values(state[None])[0].argmax())
        after, reward, fallen = world.step(action)
        memory.append((state, action, reward, after, fallen))
        state = after
        if fallen:
            lengths.append(world.steps)
            state = world.reset()
        if step % 100 == 0:
            keep()
        if step >= 64:
            chosen = [memory[i] for i in rng.integers(0, len(memory), 32)]
            states, actions, rewards, afters, ends = (np.array(one) for one in zip(*chosen, strict=True))
            wanted = values(states)
            wanted[np.arange(32), actions] = rewards + 0.99 * later(afters).max(-1) * (1 - ends)
            learn(states, wanted)
    return float(np.mean(lengths[-5:]))


class Pole:
    """A pole on a cart, to be kept upright by pushing the cart to the left or to the right."""

    def __init__(self) -> None:
        self.random, self.state, self.steps = np.random.default_rng(0), np.zeros(4), 0

    def reset(self) -> np.ndarray:
        """Begin anew, and give the state: place, speed, angle, speed of the angle."""
        self.state, self.steps = self.random.uniform(-0.05, 0.05, 4), 0
        return self.state.astype("float32")

    def step(self, right: int) -> tuple[np.ndarray, float, bool]:
        """Push, and give the state, the reward and whether the pole has fallen."""
        _, speed, angle, turning = self.state
        push = (10.0 if right else -10.0) + 0.05 * turning**2 * np.sin(angle)
        faster = (9.8 * np.sin(angle) - np.cos(angle) * push / 1.1) / (0.5 * (4 / 3 - 0.1 * np.cos(angle) ** 2 / 1.1))
        further = push / 1.1 - 0.05 * faster * np.cos(angle) / 1.1
        self.state = self.state + 0.02 * np.array([speed, further, turning, faster])
        self.steps += 1
        fallen = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.21 or self.steps >= 200
        return self.state.astype("float32"), 1.0, bool(fallen)
