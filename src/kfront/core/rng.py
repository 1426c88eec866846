"""Randomness: host streams for weights and shuffles, seeds for random ops.

Initial weights and shuffles come from NumPy's Philox (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2,
3"), so they are the same bit for bit on every backend. Random ops take a *key*, a native integer tensor of shape (2,),
from `seed_key`; in portable mode they are computed from threefry2x32 (same paper) and agree between backends.
"""

from __future__ import annotations

import functools
import random as python_random
import threading
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.naming import auto_name, name_scope
from kfront.core.registry import serializable
from kfront.core.state import backend_scope, current, state
from kfront.core.typing import Backend, Config, Seed
from kfront.core.variable import Variable

_lock = threading.Lock()
_global: dict[str, Any] = {"seed": None, "generators": {}}


def make_default_seed() -> int:
    """A fresh seed from Python's generator (so that `random.seed` makes it reproducible)."""
    return python_random.randint(1, int(1e9))


def set_global_seed(seed: int) -> None:
    """Seed what has no seed of its own: the global SeedGenerator of each backend."""
    with _lock:
        _global["seed"] = int(seed)
        _global["generators"].clear()


def clear_global_generators() -> None:
    """Drop the global seed generators (`clear_session`)."""
    with _lock:
        _global["generators"].clear()


def host_generator(seed: int) -> np.random.Generator:
    """A NumPy generator on Philox for an integer seed: the same stream on every machine and backend."""
    return np.random.Generator(np.random.Philox(key=int(seed) & 0xFFFFFFFFFFFFFFFF))


class _Kept(threading.local):
    """One generator of a thread, reset for each use."""

    def __init__(self) -> None:
        self.generator = host_generator(0)
        self.start = self.generator.bit_generator.state


@functools.cache
def _kept() -> _Kept:
    return _Kept()  # when it is first asked for, because NumPy loads `numpy.random` only then


def passing_generator(seed: int) -> np.random.Generator:
    """`host_generator` for draws made at once: ten times cheaper, and invalid after the next call in this thread."""
    kept = _kept()
    start, generator = kept.start, kept.generator
    start["state"]["key"][0] = int(seed) & 0xFFFFFFFFFFFFFFFF
    generator.bit_generator.state = start
    return generator


def permutation(seed: int, count: int) -> np.ndarray:
    """The numbers below `count` in the order that ``host_generator(seed).permutation(count)`` gives them."""
    return passing_generator(seed).permutation(count)


def check_seed(seed: Seed, who: str) -> SeedGenerator | int | None:
    """`seed` if it is None, an int or a SeedGenerator; else an error."""
    if seed is None or isinstance(seed, SeedGenerator):
        return seed
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return int(seed)
    raise ArgumentTypeError(f"[{who}] expected `seed` to be an int, a SeedGenerator or None, got {seed!r}.")


@serializable("keras.random")
class SeedGenerator:
    """Gives each random op a new key, reproducibly from one seed.

    Args:
        seed: integer seed; drawn from Python's `random` if None.
        name: name of the generator and scope of its variable.

    Attributes:
        state: Variable of shape (2,): (seed, number of keys given out).

    Raises:
        ArgumentTypeError: `seed` is not an integer.
        ArgumentError: `seed` is negative, or there are other arguments.

    Example:

    >>> import kfront
    >>> generator = kfront.random.SeedGenerator(7)
    >>> first, second = (kfront.random.uniform((), seed=generator) for _ in range(2))
    >>> bool(first != second)
    True
    """

    _kf_tracked_kind = "seed"
    _free = False  # whether it has no seed of its own: the engine's generator may give the keys
    _kf_of_instance = frozenset({"name", "_initial_seed", "_worker"})

    def __init__(self, seed: Seed = None, name: str | None = None, **kwargs: object) -> None:
        kwargs.pop("backend", None)  # Keras's generators serve one engine, these serve all
        if kwargs:
            raise ArgumentError(f"[SeedGenerator] expected `seed` and `name`, got {', '.join(kwargs)}.")
        self.name = name if name is not None else auto_name(type(self).__name__)
        self._free = seed is None
        if seed is None:
            seed = make_default_seed()
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
            raise ArgumentTypeError(f"[SeedGenerator] expected `seed` to be an int or None, got {seed!r}.")
        if seed < 0:
            raise ArgumentError(f"[SeedGenerator] expected a `seed` >= 0, got {seed}.")
        self._initial_seed = int(seed)
        self._worker: tuple[int, ...] = ()
        self._twins: dict[str, SeedGenerator] = {}
        self.backend = current()
        with name_scope(self.name, caller=self):
            self.state = Variable(
                np.array([self._initial_seed & 0xFFFFFFFF, 0], dtype="int64"),
                dtype=self.backend.seed_dtype,
                trainable=False,
                autocast=False,
                aggregation="none",
                name="seed_generator_state",
            )

    def next(self, ordered: bool = True) -> Any:
        """The next key, a native tensor of shape (2,); the state moves on by one.

        Without a seed it may come from the generator of random numbers that the engine's users seed, as on torch.
        """
        key = self.backend.ambient_key() if self._free else None
        return self.backend.next_key(self.state) if key is None else key

    def on(self, backend: Backend) -> SeedGenerator:
        """The generator to draw from on a backend: this one, or a twin with the same seed and a state of its own."""
        if backend is self.backend:
            return self
        twin = self._twins.get(backend.name)
        if twin is None:
            with backend_scope(backend), backend.eager():
                twin = self._twins[backend.name] = SeedGenerator(self._stream(), name=self.name)
            twin.state._kf_made_in = None  # as `global_seed_generator`
        return twin

    def enter_worker(self, worker: tuple[int, ...]) -> None:
        """Use a stream of its own in a worker process, into which this generator was copied.

        Args:
            worker: the number of the process and those of its parents.
        """
        self._worker, self._twins = worker, {}
        if self.backend.survives_fork:
            self.state.assign(np.array([self._stream(), 0], dtype="int64"))

    def _stream(self) -> int:
        """The seed; in a worker process it is combined with the numbers of the process."""
        seed = self._initial_seed & 0xFFFFFFFF
        return int(np.random.SeedSequence([seed, *self._worker]).generate_state(1)[0]) if self._worker else seed

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_twins": {}}

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {"seed": self._initial_seed, "name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> SeedGenerator:
        """A generator from its config."""
        return cls(**config)


def global_seed_generator() -> SeedGenerator:
    """The current backend's generator for random ops without a seed."""
    b = current()
    found = _global["generators"].get(b.name)
    if found is None:
        with _lock:
            seed = _global["seed"]
        with b.eager():
            found = _global["generators"][b.name] = SeedGenerator(seed, name="global_seed_generator")
        found.state._kf_made_in = None  # no part of the trace in which it is first asked for
    return found


def seed_key(seed: Seed) -> Any:
    """The native key of a seed.

    Args:
        seed: int (the same key each time), SeedGenerator (its next key), None (the next key of the global generator),
            or a native tensor of shape (2,), returned as it is.
    """
    if isinstance(seed, SeedGenerator):
        return (seed if seed.backend is state.backend else seed.on(state.backend)).next()
    if seed is None:
        return global_seed_generator().next()
    b = state.backend
    if isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
        return b.convert(np.array([int(seed) & 0xFFFFFFFF, 0], dtype="int64"), b.seed_dtype)
    if not isinstance(seed, bool) and b.is_tensor(seed) and tuple(seed.shape) == (2,):
        return seed
    raise ArgumentTypeError(f"[random] expected `seed` to be an int, a SeedGenerator or None, got {seed!r}.")
