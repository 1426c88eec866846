"""Models between backends: conversion, several in one process, processes with one engine."""

from __future__ import annotations

import importlib
import itertools

import numpy as np
import pytest
from tests.conftest import ENGINES, TRAINABLE

import kfront
from kfront import layers

alone = importlib.import_module("conformance.interop.alone")

PAIRS = [(a, b) for a, b in itertools.permutations(ENGINES, 2) if a in TRAINABLE]
X = np.random.default_rng(0).normal(size=(12, 4)).astype("float32")
Y = np.arange(12) % 3


def trained(backend):
    with kfront.backend_scope(backend):
        kfront.utils.set_random_seed(1)
        model = kfront.Sequential(
            [kfront.Input((4,)), layers.Dense(6, activation="relu"), layers.Dense(3, activation="softmax")]
        )
        model.compile(
            kfront.optimizers.RMSprop(0.01, momentum=0.5), "sparse_categorical_crossentropy", metrics=["accuracy"]
        )
        model.fit(X, Y, batch_size=4, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize("first, second", PAIRS)
def test_convert(first, second):
    model = trained(first)
    new = kfront.convert(model, second)
    np.testing.assert_allclose(new.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-5, atol=1e-6)
    if second in TRAINABLE:
        got, want = (m.fit(X, Y, batch_size=4, epochs=2, verbose=0, shuffle=False).history for m in (new, model))
        np.testing.assert_allclose(got["loss"], want["loss"], rtol=1e-5)
        np.testing.assert_allclose(got["accuracy"], want["accuracy"], rtol=1e-6)


def test_converting_to_the_same_backend_copies(trainable_backend):
    model = trained(trainable_backend.name)
    new = kfront.convert(model, trainable_backend.name)
    assert new is not model
    new.layers[0].kernel.assign(np.zeros((4, 6)))
    assert np.abs(model.layers[0].kernel.numpy()).max() > 0


@pytest.mark.parametrize("target", ENGINES)
def test_convert_a_layer(target, backend):
    layer = layers.Dense(3, kernel_initializer="he_normal")
    want = backend.to_numpy(layer(X))
    new = kfront.convert(layer, target)
    with kfront.backend_scope(target) as b:
        np.testing.assert_allclose(b.to_numpy(new(X)), want, rtol=1e-5, atol=1e-6)


def test_frozen_layers_and_rates_go_along(trainable_backend):
    model = trained(trainable_backend.name)
    model.layers[0].trainable = False
    model.optimizer.learning_rate = 0.005
    for target in ENGINES:
        new = kfront.convert(model, target)
        assert not new.layers[0].trainable and new.layers[1].trainable
        assert float(new.optimizer.learning_rate.numpy()) == pytest.approx(0.005)


def test_calls_take_tensors_of_other_engines(backend):
    layer = layers.Dense(2)
    want = backend.to_numpy(layer(X))
    for name in ENGINES:
        with kfront.backend_scope(name) as other:
            x = other.convert(X)
        np.testing.assert_allclose(backend.to_numpy(layer(x)), want, rtol=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_a_process_with_one_engine_imports_no_other(name):
    alone.check(name)
