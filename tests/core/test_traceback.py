from __future__ import annotations

import traceback

import pytest

from kfront import config
from kfront.core import traceback as module
from kfront.core.traceback import filtered
from kfront.utils import pad_sequences, unpack_x_y_sample_weight


class Rows:
    """A user's object that fails deep inside kfront."""

    def __iter__(self):
        raise ZeroDivisionError("in the user's code")


@filtered
def entry(sequences):
    return pad_sequences(sequences)


def frames(error):
    return [f.name for f in traceback.extract_tb(error.__traceback__)]


def test_frames_of_kfront_are_left_out():
    with pytest.raises(ZeroDivisionError) as e:
        entry(Rows())
    assert "pad_sequences" not in frames(e.value) and "_rows" not in frames(e.value)
    assert frames(e.value)[-1] == "__iter__" and "test_frames_of_kfront_are_left_out" in frames(e.value)


def test_the_frame_that_raised_stays():
    with pytest.raises(ValueError) as e:
        filtered(unpack_x_y_sample_weight)(())
    assert frames(e.value)[-1] == "unpack_x_y_sample_weight"


def test_every_frame_when_it_is_off():
    config.disable_traceback_filtering()
    with pytest.raises(ZeroDivisionError) as e:
        entry(Rows())
    assert {"pad_sequences", "_rows"} <= set(frames(e.value))


def test_cause_and_signature_stay():
    import inspect

    @filtered
    def fails(a, b=1):
        raise ValueError from KeyError("cause")

    with pytest.raises(ValueError) as e:
        fails(1)
    assert isinstance(e.value.__cause__, KeyError)
    assert list(inspect.signature(fails).parameters) == ["a", "b"]
    assert module.shorten(None) is None


def test_frames_of_torch_that_call_layers_are_left_out():
    torch = pytest.importorskip("torch")
    import numpy as np

    import kfront

    class Failing(kfront.layers.Layer):
        def call(self, x):
            raise KeyError("here")

    class Outer(kfront.Model):
        def __init__(self):
            super().__init__()
            self.inner = torch.nn.Sequential()

        def call(self, x):
            return self.inner(self.failing(x))

    with kfront.backend_scope("torch"):
        model = Outer()
        model.failing = Failing()
        model.failing.register_forward_hook(lambda *a: None)  # with one, the call goes through torch
        with pytest.raises(KeyError) as e:
            model.predict(np.ones((1, 2), "float32"), verbose=0)
    files = [f.filename for f in traceback.extract_tb(e.value.__traceback__)]
    assert frames(e.value)[-2:] == ["call", "call"] and not any("torch" in f for f in files)


@pytest.mark.parametrize("engine", ["torch", "jax", "tensorflow", "numpy"])
def test_what_the_engine_said_stays_without_its_frames(engine):
    pytest.importorskip(engine)
    from kfront import backend_scope, ops

    def cause():
        with backend_scope(engine), pytest.raises(ValueError) as e:
            ops.subtract(ops.ones((4, 4)), ops.ones((4, 3)))
        return e.value.__context__ if e.value.__cause__ is None else e.value.__cause__

    assert not any("File" in line for line in traceback.format_exception(cause())) and "4" in str(cause())
    config.disable_traceback_filtering()
    assert any("File" in line for line in traceback.format_exception(cause()))
