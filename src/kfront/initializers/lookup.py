"""`get`, `serialize`, `deserialize` of initializers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kfront import ops
from kfront.core.errors import ShapeError
from kfront.core.lazy import public_members
from kfront.core.lookup import Lookup
from kfront.core.typing import AnyCallable, Config, CustomObjects, DTypeLike, InitializerLike, Tensor, TensorLike
from kfront.initializers import fixed, sampled
from kfront.initializers.base import Initializer

_lookup = Lookup(
    "initializer",
    public_members(fixed, sampled),
    {
        "IdentityInitializer": fixed.Identity,
        "OrthogonalInitializer": sampled.Orthogonal,
        "STFTInitializer": fixed.STFT,
        "stft": fixed.STFT,
        "normal": sampled.RandomNormal,
        "one": fixed.Ones,
        "uniform": sampled.RandomUniform,
        "zero": fixed.Zeros,
    },
)


def get(identifier: InitializerLike | type[Initializer] | TensorLike) -> Any:
    """The initializer that `identifier` stands for.

    Args:
        identifier: a name such as "glorot_uniform" or "GlorotUniform", a config, an Initializer, a class, a callable
            ``(shape, dtype) -> array``, None, or a tensor or array: the values themselves.

    Raises:
        ArgumentError: if it stands for none.

    Example:

    >>> import kfront
    >>> type(kfront.initializers.get("he_normal")).__name__
    'HeNormal'
    """
    if isinstance(identifier, Initializer):
        return identifier
    return _values(identifier) if hasattr(identifier, "__array__") else _lookup.get(identifier)


def _values(values: Any) -> AnyCallable:
    """A function that gives the values of an array as first values of a variable."""

    def initialize(shape: Sequence[int] | None = None, dtype: DTypeLike = None) -> Tensor:
        if shape is not None and tuple(shape) != tuple(values.shape):
            raise ShapeError(
                f"[initializers.get] expected an array of the variable's shape {tuple(shape)}, got one of "
                f"{tuple(values.shape)}; reshape it."
            )

        return ops.convert_to_tensor(values, dtype)

    return initialize


def serialize(initializer: Initializer | AnyCallable) -> Config:
    """The config of an initializer.

    Args:
        initializer: an initializer, or a registered function.

    Returns:
        Its config: a dict with `class_name` and `config`, or the name of a function.

    Example:

    >>> import kfront
    >>> kfront.initializers.serialize(kfront.initializers.Zeros())["class_name"]
    'Zeros'
    """
    return _lookup.serialize(initializer)


def deserialize(config: Config | str, custom_objects: CustomObjects = None) -> Any:
    """An initializer from its config.

    Args:
        config: what `serialize` gave.
        custom_objects: dict name -> class or function for names that are not kfront's.

    Returns:
        The initializer.

    Example:

    >>> import kfront
    >>> config = kfront.initializers.serialize(kfront.initializers.Zeros())
    >>> type(kfront.initializers.deserialize(config)).__name__
    'Zeros'
    """
    return _lookup.deserialize(config, custom_objects)
