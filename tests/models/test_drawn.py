"""Faults that drawn models have shown (`python -m conformance --areas models`), each as a small program."""

from __future__ import annotations

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
        model = chain()
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
