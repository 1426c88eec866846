"""`Config`: named values, by attribute or key, that can be frozen."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from typing import Any

from kfront.core.errors import ArgumentError


class Config(MutableMapping[str, Any]):
    """A dict whose values are attributes as well, and that can be frozen.

    Args:
        **kwargs: the first values.

    Raises:
        ArgumentError: a frozen one is changed.

    Example:

    >>> import kfront
    >>> config = kfront.utils.Config(rate=0.1)
    >>> config.seed = 3
    >>> config["seed"], config.rate, config.to_json()
    (3, 0.1, '{"rate": 0.1, "seed": 3}')
    """

    def __init__(self, **kwargs: object) -> None:
        self.__dict__["_config"] = dict(kwargs)
        self.__dict__["_frozen"] = False

    @property
    def frozen(self) -> bool:
        """Whether it is frozen."""
        return self.__dict__["_frozen"]

    def freeze(self) -> None:
        """Refuse changes from now on."""
        self.__dict__["_frozen"] = True

    def unfreeze(self) -> None:
        """Allow changes again."""
        self.__dict__["_frozen"] = False

    def as_dict(self) -> dict[str, object]:
        """The values in a dict of their own."""
        return dict(self._config)

    def to_json(self) -> str:
        """The values as JSON."""
        return json.dumps(self._config)

    def _check(self) -> None:
        if self.frozen:
            raise ArgumentError("[Config] expected a config that is not frozen; call `unfreeze()` before changing it.")

    def __getitem__(self, key: str) -> Any:
        return self._config[key]

    def __setitem__(self, key: str, item: object) -> None:
        self._check()
        self._config[key] = item

    def __delitem__(self, key: str) -> None:
        self._check()
        del self._config[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._config)

    def __len__(self) -> int:
        return len(self._config)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["_config"][name]
        except KeyError:
            raise AttributeError(f"Config has no value {name!r}") from None

    def __setattr__(self, name: str, value: object) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return f"<Config {self._config}>"

    # as Keras spells the arguments

    def get(self, keyname: str, value: object = None) -> Any:
        """The value of a name, or another if there is none."""
        return self._config.get(keyname, value)

    def pop(self, *args: object) -> Any:
        """Take a value out."""
        self._check()
        return self._config.pop(*args)
