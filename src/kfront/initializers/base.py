"""The base of initializers, and how random ones get their numbers."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Self, TypeAlias

import numpy as np

from kfront.backends import current
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.dtypes import FLOATS, is_float, standardize
from kfront.core.errors import ArgumentTypeError, DTypeError
from kfront.core.mesh import Region
from kfront.core.options import Configurable, normalisers
from kfront.core.rng import SeedGenerator, make_default_seed, passing_generator
from kfront.core.spec import is_plain
from kfront.core.typing import Config, DTypeLike, Seed, Tensor

IntShape: TypeAlias = int | Sequence[int]


def plain_shape(shape: IntShape) -> tuple[int, ...]:
    """`shape` as a tuple of Python ints."""
    if is_plain(shape):
        return shape
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(map(int, shape))


class Initializer(Configurable):
    """Makes the first value of a variable.

    A subclass defines ``__call__(self, shape, dtype=None)``; `get_config` gives its constructor arguments.

    Example:

    >>> import kfront
    >>> class Ramp(kfront.initializers.Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return kfront.ops.reshape(kfront.ops.arange(6, dtype=dtype or "float32"), shape)
    >>> tuple(Ramp()((2, 3)).shape)
    (2, 3)
    """

    def __call__(self, shape: IntShape, dtype: DTypeLike = None) -> Tensor:
        """The first value, a tensor of the current backend.

        Args:
            shape: tuple of ints.
            dtype: dtype name; floatx if None.
        """
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `__call__(shape, dtype)`.")

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """An initializer from its config."""
        return cls(**config)

    def clone(self) -> Self:
        """A new initializer of the same config; one without a seed draws a new one."""
        return type(self).from_config(self.get_config())


class HostInitializer(Initializer):
    """An initializer whose numbers are made with NumPy, the same on every backend.

    Subclasses define `host`, or `part` if they can make parts of a value without the rest.
    """

    made_on_host = True  # Variables take what `host` makes, without the way over a tensor

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "__call__" in cls.__dict__:  # a user's subclass, whose calls give something else
            cls.made_on_host = False

    def __call__(self, shape: IntShape, dtype: DTypeLike = None) -> Tensor:
        """The first value, a tensor of the current backend.

        Args:
            shape: tuple of ints.
            dtype: dtype name; floatx if None.
        """
        dtype = standardize(dtype)
        return current().convert(self.host(shape, dtype), dtype)

    def host(self, shape: IntShape, dtype: str) -> np.ndarray:
        """The first value as a NumPy array."""
        return self.part(plain_shape(shape), dtype, None)

    def part(self, shape: tuple[int, ...], dtype: str, region: Region | None) -> np.ndarray:
        """A part of the first value, bit for bit; all of it for None."""
        if region is None:
            raise NotImplementedError
        return region.of(self.host(shape, dtype))

    def settled(self) -> Self:
        """An initializer that gives what this one gives next, however often it is called."""
        return self


class RandomInitializer(HostInitializer):
    """Base of random initializers: one stream of host Philox per seed.

    Args:
        seed: an int: the same values at each call; a SeedGenerator: new values at each call; None: an int drawn now.
    """

    _kf_of_instance = frozenset({"seed", "_init_seed"})
    _kf_normalise = normalisers(seed=None)  # the config holds what was given, `seed` what is drawn from

    def __init__(self, seed: Seed | Config = None) -> None:
        super().__init__()
        if isinstance(seed, dict):
            seed = deserialize_keras_object(seed)
        self._init_seed = seed
        if seed is None:
            seed = make_default_seed()
        elif isinstance(seed, (int, np.integer)) and not isinstance(seed, bool):
            seed = int(seed)
        elif not isinstance(seed, SeedGenerator):
            raise ArgumentTypeError(
                f"[{type(self).__name__}] expected `seed` to be an int, a SeedGenerator or None, got {seed!r}."
            )
        self.seed = seed

    def generator(self) -> np.random.Generator:
        """The stream that the next value is drawn from, at once."""
        return passing_generator(self._next_seed())

    def _next_seed(self) -> int:
        seed = self.seed
        if not isinstance(seed, SeedGenerator):
            return seed
        with seed.backend.eager():
            start, count = np.asarray(seed.backend.to_numpy(seed.next())).tolist()
        return (int(count) << 32) | int(start)

    def settled(self) -> Self:
        """An initializer that gives what this one gives next, however often it is called."""
        if not isinstance(self.seed, SeedGenerator):
            return self
        found = copy.copy(self)
        found.seed = self._next_seed()
        return found

    def work_dtype(self, dtype: str) -> type[np.floating]:
        """The NumPy dtype to draw in for a result of `dtype`.

        Raises:
            DTypeError: if `dtype` is not floating.
        """
        if dtype not in FLOATS or not is_float(dtype):
            raise DTypeError(
                f"[{type(self).__name__}] expected a floating dtype, got {dtype!r}; use 'zeros', 'ones' or a Constant "
                "for other dtypes."
            )
        return np.float64 if dtype == "float64" else np.float32

    def get_config(self) -> Config:
        """Constructor arguments."""
        seed = self._init_seed
        if isinstance(seed, SeedGenerator):
            seed = serialize_keras_object(seed)
        return {"seed": seed, **super().get_config()}
