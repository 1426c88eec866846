"""Programs give attributes and methods of their layers, models and metrics any name that Keras leaves free.

So all that kfront's bases have beside Keras's names begins with `_kf_`.
"""

import itertools
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import kfront

pytest.importorskip("keras")
torch = pytest.importorskip("torch")
SCRIPT = str(pathlib.Path(__file__).with_name("names_of_bases.py"))
# of the newest Keras, of Keras on TensorFlow, of torch's optimizers, and of what TensorFlow reads
KNOWN = {
    *("compiled_loss", "compiled_metrics"),
    *("lora_enabled", "quantization_config", "quantization_summary", "state_sync", "stop_evaluating"),
    "stop_predicting",
    *("variable_serialization_spec", "compute_loss_and_updates", "jax_state_sync", "param_groups", "input_names"),
    *("autograph_info__", "_direction", "_keras_identity", "_ddp_params_and_buffers_to_ignore"),
}
LAYERS = {"dense", "sub", "input_layer"}  # of the script, which torch lists as attributes


def _names(tmp_path, *runner):
    out = tmp_path / "names.json"
    env = {**os.environ, "KERAS_BACKEND": "torch"}
    subprocess.run([sys.executable, *runner, SCRIPT, str(out)], check=True, env=env, capture_output=True)
    return set(json.loads(out.read_text()))


@pytest.mark.sampled(4, table="long")
def test_names_that_keras_leaves_free_are_free(tmp_path):
    ours = _names(tmp_path, "-m", "kfront.as_keras")
    theirs = _names(tmp_path) | set(dir(torch.nn.Module()))
    taken = {n for n in ours - theirs - KNOWN - LAYERS if not n.startswith(("_kf_", "__"))}
    assert taken == set(), "give these names the prefix `_kf_`"


@pytest.mark.parametrize(
    "name", ["_backend", "_state", "_ready", "_steps", "_graph", "_head", "_logs", "_run", "compiled_metrics"]
)
def test_a_layer_and_a_model_have_attributes_of_any_name(trainable_backend, name):
    class Own(kfront.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            setattr(self, name, "mine")

        def call(self, x):
            return 2 * x

    class Net(kfront.Model):
        def __init__(self):
            super().__init__()
            setattr(self, name, kfront.layers.Dense(1))
            self.own = Own()

        def call(self, x):
            return getattr(self, name)(self.own(x))

    net = Net()
    net.compile("sgd", "mse")
    net.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    assert getattr(net.own, name) == "mine"
    assert [w.shape for w in net.weights] == [(2, 1), (1,)]


def test_of_classes_that_are_mixed_none_keeps_a_value_where_another_has_a_method():
    """Bases that do not know of each other, such as `DropoutRNNCell` and `Layer`."""
    for name in kfront.layers.__all__:
        getattr(kfront.layers, name)  # namespaces are lazy
    mixed, waiting = set(), [kfront.layers.Layer]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        bases = [b for b in cls.__mro__ if b.__module__.startswith("kfront.") and "_kf_unbound" not in vars(b)]
        for one, other in itertools.combinations(bases, 2):
            shared = vars(one).keys() & vars(other).keys() if other not in one.__mro__ else ()
            differ = [n for n in shared if callable(vars(one)[n]) != callable(vars(other)[n])]
            mixed |= {(n, one.__name__, other.__name__) for n in differ}
    assert mixed == set()
