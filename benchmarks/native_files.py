"""Weights of an existing model to a file and back, without kfront."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Files", "native_files"]


class Files(NamedTuple):
    """Ways to write and read a model's weights.

    Attributes:
        save: writes the variables to a path.
        load: reads a path into the variables.
    """

    save: Callable[[str], Any]
    load: Callable[[str], Any]


def native_files(engine: str, arrays: list[np.ndarray], safetensors: bool, turned: bool = False) -> Files:
    """The peer of an engine: `torch.save` (an archive with checksums, as `.keras` is one) or safetensors.

    Args:
        engine: "torch", "jax" or "tensorflow".
        arrays: the weights.
        safetensors: the `safetensors` package instead of `torch.save`.
        turned: the matrices in the file have the other order of axes.
    """
    state, give, take = {"torch": _torch, "jax": _jax, "tensorflow": _tensorflow}[engine](arrays)
    if safetensors:
        st = importlib.import_module(f"safetensors.{'flax' if engine == 'jax' else engine}")
        turn = lambda v: v.numpy().T if engine == "tensorflow" else v.T  # noqa: E731
        read = lambda path: {k: turn(v) if turned else v for k, v in st.load_file(path).items()}  # noqa: E731
        return Files(lambda path: st.save_file(dict(state), path), lambda path: take(read(path)))
    import torch

    return Files(
        lambda path: torch.save({k: give(v) for k, v in state.items()}, path),
        lambda path: take(torch.load(path, weights_only=True)),
    )


Side = tuple[dict[str, Any], Callable[[Any], Any], Callable[[dict[str, Any]], None]]


def _torch(arrays: list[np.ndarray]) -> Side:
    import torch

    state = {str(i): torch.from_numpy(a).clone() for i, a in enumerate(arrays)}  # memory of torch, as in a module

    def take(values: dict[str, Any]) -> None:
        for name, tensor in state.items():
            tensor.copy_(values[name])

    return state, lambda v: v, take


def _jax(arrays: list[np.ndarray]) -> Side:
    import jax.numpy as jnp
    import torch

    state = {str(i): jnp.asarray(a) for i, a in enumerate(arrays)}

    def take(values: dict[str, Any]) -> None:
        state.update({k: jnp.asarray(v.numpy() if isinstance(v, torch.Tensor) else v) for k, v in values.items()})

    return state, lambda v: torch.from_numpy(np.asarray(v)), take


def _tensorflow(arrays: list[np.ndarray]) -> Side:
    import torch  # isort: skip
    import tensorflow as tf

    state = {str(i): tf.Variable(a) for i, a in enumerate(arrays)}

    def take(values: dict[str, Any]) -> None:
        for name, value in values.items():
            state[name].assign(np.asarray(value))

    return state, lambda v: torch.from_numpy(v.numpy()), take
