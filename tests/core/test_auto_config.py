"""Configs of operations and layers whose class defines none: what the constructor got, and its defaults."""

from __future__ import annotations

import pytest

import kfront


class Scaled(kfront.Operation):
    def __init__(self, alpha, beta=2, *, name=None):
        super().__init__(name=name)
        self.alpha, self.beta = alpha, beta

    def call(self, x):
        return x * self.alpha + self.beta


class Wide(kfront.Layer):
    def __init__(self, units, rate=0.5, **kwargs):
        super().__init__(**kwargs)
        self.units, self.rate = units, rate


def test_an_operation_says_what_it_was_made_with():
    assert Scaled(3.0, name="s").get_config() == {"name": "s", "alpha": 3.0, "beta": 2}
    again = Scaled.from_config(Scaled(3.0, beta=5).get_config())
    assert (again.alpha, again.beta) == (3.0, 5)


def test_what_cannot_be_written_is_refused():
    with pytest.raises(NotImplementedError, match="get_config"):
        Scaled(object()).get_config()


def test_defaults_of_a_layer(backend):
    config = Wide(3, name="w", trainable=False).get_config()
    assert {k: config[k] for k in ("name", "trainable", "units", "rate")} == {
        "name": "w",
        "trainable": False,
        "units": 3,
        "rate": 0.5,
    }
    assert Wide.from_config(config).rate == 0.5


class Plain(kfront.Layer):
    def call(self, x):
        return x


class Passing(Plain):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)


@pytest.mark.parametrize("layer", [Plain, Passing])
def test_options_of_the_base_are_written_in_one_form(layer, backend):
    made = layer(autocast=False, activity_regularizer="l2", dtype="float16", trainable=False)
    config = made.get_config()
    assert config["autocast"] is False and config["activity_regularizer"]["class_name"] == "L2"
    again = layer.from_config(config)
    assert again.get_config() == config and again.autocast is False
    again.trainable = True
    assert again.get_config()["trainable"] is True
