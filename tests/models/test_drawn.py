"""Faults that drawn models have shown (`python -m conformance --areas models`), each as a small program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import layers, ops

IMAGES = np.random.default_rng(0).uniform(0.2, 0.8, (2, 4, 4, 3)).astype("float32")


def changes(model, **kwargs):
    """Whether the model gives other images than it gets."""
    out = ops.convert_to_numpy(model(IMAGES, **kwargs))
    return not np.allclose(out, IMAGES)


def brightness():
    return layers.RandomBrightness((0.1, 0.2), value_range=(0, 1))


def chain():
    return kfront.Sequential([brightness()])


def functional():
    x = kfront.Input((4, 4, 3))
    return kfront.Model(x, chain()(x))


@kfront.saving.register_keras_serializable("tests")
class Augment(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = brightness()

    def call(self, x, training=None):
        return self.inner(x)


@pytest.mark.parametrize("make", [brightness, chain, functional, Augment])
def test_augmentation_is_the_default_inside_of_models_too(backend, make):
    model = make()
    for _ in range(2):  # the second call may take another path
        assert changes(model) and changes(model, training=True)
        assert not changes(model, training=False)
    if isinstance(model, kfront.Model):
        np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), IMAGES)


def test_a_model_whose_default_is_inference_says_so_to_its_layers(backend):
    class Careful(kfront.Model):
        def __init__(self):
            super().__init__()
            self.inner = brightness()

        def call(self, x, training=False):
            return self.inner(x)

    model = Careful()
    assert not changes(model) and not changes(model)
    assert changes(model, training=True)


def test_torch_modules_in_evaluation_do_not_augment():
    pytest.importorskip("torch")
    with kfront.backend_scope("torch"):
        model: Any = chain()
        assert changes(model) and model.training is False
        assert not changes(model.eval()) and changes(model.train())


def test_patches_of_volumes_in_files(backend, tmp_path):
    x = kfront.Input((4, 5, 4, 2))
    model = kfront.Model(x, ops.image.extract_patches_3d(x, 2, (1, 2, 1)))
    model.save(tmp_path / "model.keras")
    data = np.random.default_rng(0).uniform(size=(2, 4, 5, 4, 2)).astype("float32")
    again = kfront.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(ops.convert_to_numpy(again(data)), ops.convert_to_numpy(model(data)))
    with pytest.raises(kfront.errors.ArgumentError, match="3 ints"):
        ops.image.extract_patches_3d(data, (2, 2))


def _exported(model, data, path):
    """What the model gives once written for another runtime."""
    if model._kf_backend.name == "torch":
        import torch

        model.export(f"{path}.pt2", format="torch", verbose=False)
        return torch.export.load(f"{path}.pt2").module()(torch.tensor(data)).detach().numpy()
    import jax

    model.export(f"{path}", format="stablehlo", verbose=False)
    return np.asarray(jax.export.deserialize(path.read_bytes()).call(data))


OPEN = {
    "rearrange": ((None, 5, 4), lambda x: ops.rearrange(x, "b h w c -> b (h w) c")),
    "patches": ((None, None, 2), lambda x: ops.image.extract_patches(x, 2)),
    "activity": ((6, 4), lambda x: layers.Dense(2, activity_regularizer="l1")(x)),
    "space to depth": ((6, 6, 2), lambda x: ops.space_to_depth(x, 2)),
}


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("row", OPEN)
def test_sizes_that_stay_open_in_exports(name, row, tmp_path):
    pytest.importorskip(name)
    shape, build = OPEN[row]
    with kfront.backend_scope(name):
        x = kfront.Input(shape)
        model = kfront.Model(x, build(x))
        data = np.random.default_rng(0).uniform(size=(3, *(n or 6 for n in shape))).astype("float32")
        want = model.predict(data, verbose=0)
        np.testing.assert_allclose(_exported(model, data, tmp_path / "m"), want, rtol=1e-6)
