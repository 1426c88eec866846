"""Options: stored, checked and written to configs by the signature of `__init__`."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from kfront import initializers
from kfront.core import options
from kfront.core.errors import ArgumentError
from kfront.core.options import Configurable, base_arguments, kept, normalisers, one_of, option_names, positive


class Base(Configurable):
    def __init__(self, name: str = "base") -> None:
        self.name = name

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, **super().get_config()}


class Wide(Base):
    _kf_normalise = normalisers(mode=one_of("first", "second"), memory=kept, passed=None)
    seen: Any = None

    def __init__(
        self, units: int, mode: str = "first", scale: Any = 1.0, memory: Any = None, passed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**base_arguments(locals()))
        self.seen = passed
        self._kf_store(locals())


class Deep(Wide):
    _kf_normalise = normalisers(mode=one_of("third"), units=positive)

    def __init__(self, depth: int = 2, table_initializer: Any = "zeros", name: str = "deep", **kwargs: Any) -> None:
        super().__init__(**self._kf_store(locals()))


class Silent(Deep):
    def __init__(self, extra: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.other = extra


def test_arguments_are_stored_and_written_in_the_order_of_signatures() -> None:
    made = Deep(3, units=np.int64(4), mode="THIRD", scale=np.float32(0.5))
    assert (made.name, made.depth, made.units, made.mode) == ("deep", 3, 4, "third")  # type: ignore[attr-defined]
    config = made.get_config()
    assert list(config) == ["name", "units", "mode", "scale", "depth", "table_initializer"]
    assert config["scale"] == 0.5 and type(config["scale"]) is float
    assert config["table_initializer"] == initializers.serialize(initializers.Zeros())
    assert option_names(Deep) == tuple(config)[1:]


def test_names_without_an_entry_stay_with_init_and_kept_ones_out_of_the_config() -> None:
    made = Wide(1, memory=[1, 2], passed="here")
    assert made.seen == "here" and not hasattr(made, "passed")
    assert made.memory == [1, 2] and "memory" not in made.get_config()  # type: ignore[attr-defined]


def test_an_init_that_stores_nothing_adds_nothing() -> None:
    made = Silent(7, units=1, mode="third")
    assert list(made.get_config()) == ["name", "units", "mode", "scale", "depth", "table_initializer"]


def test_a_pickled_object_has_its_config_in_a_process_that_made_none() -> None:
    made = pickle.loads(pickle.dumps(Deep(units=2, mode="third")))
    for cls in (Deep, Wide):
        for cache in ("_option_writers", "_kf_option_readers", "_kf_signature_of_init"):
            if cache in cls.__dict__:
                delattr(cls, cache)
    assert made.get_config()["units"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": 0}, r"\[Deep\] expected `units` to be a positive int, got 0"),
        ({"units": True}, r"\[Deep\] expected `units` to be a positive int, got True"),
        ({"units": 1, "mode": "first"}, r"\[Deep\] expected `mode` in 'third', got 'first'"),
    ],
)
def test_checks_name_class_and_option(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        Deep(**arguments)


def test_a_signature_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Deep(units=1, mode="third").get_config()
    monkeypatch.setattr(options.inspect, "signature", lambda _: pytest.fail("the signature was read again"))
    Deep(units=1, mode="third").get_config()


def test_store_says_where_it_belongs() -> None:
    class Alone(Configurable):
        def __init__(self, a: int) -> None:
            self._kf_store(locals())

    with pytest.raises(ArgumentError, match=r"\[Alone\] expected the local variables of an `__init__`"):
        Alone(1)


def test_the_first_layer_of_a_process_reads_its_options() -> None:
    code = "from kfront.layers import graph; print(callable(graph.GCNConv(4, activation='relu').activation))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "True"
