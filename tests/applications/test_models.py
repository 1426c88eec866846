"""Every model has the layers, names, sizes and variables of Keras's, which `record.py` wrote down."""

from __future__ import annotations

import doctest
import inspect
import json
import sys
from pathlib import Path

import pytest
from tests.applications import variants

import kfront
from kfront import applications
from kfront.core.errors import ArgumentError

HERE = Path(__file__).parent
KERAS = json.loads((HERE / "keras_models.json").read_text(encoding="utf-8"))


def build(name, arguments, layout="channels_last"):
    kfront.config.set_image_data_format(layout)
    return getattr(applications, name)(weights=None, **arguments)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", variants.NAMES)
def test_as_keras_builds_it(no_values, name):
    assert variants.describe(build(name, {})) == KERAS[variants.key(name, {})]


@pytest.mark.sampled(3)
@pytest.mark.parametrize(("name", "arguments"), variants.ARGUMENTS)
def test_as_keras_builds_it_with_other_arguments(no_values, name, arguments):
    assert variants.describe(build(name, arguments)) == KERAS[variants.key(name, arguments)]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", variants.CHANNELS_FIRST)
def test_as_keras_builds_it_channels_first(no_values, name):
    found = variants.describe(build(name, {}, "channels_first"))
    assert found == KERAS[variants.key(name, {}, "channels_first")]


def test_every_model_is_compared():
    functions = {n for n in dir(applications) if callable(getattr(applications, n))}
    assert functions == set(variants.NAMES)
    for family, names in variants.FAMILIES.items():
        module = getattr(applications, family)
        assert {"preprocess_input", "decode_predictions", *names.split()} <= {*dir(module)}
        assert all(getattr(module, n) is getattr(applications, n) for n in names.split())


@pytest.mark.parametrize("name", variants.NAMES)
def test_documentation_is_complete(name):
    function = getattr(applications, name)
    assert function.__name__ == function.__qualname__ == name
    assert getattr(sys.modules[function.__module__], name) is function
    doc = function.__doc__
    assert all(f"    {n}: " in doc for n in inspect.signature(function).parameters)
    assert "{" not in doc and "arXiv" in doc and ">>>" in doc


@pytest.mark.parametrize("name", variants.ONE_OF_EACH.values())
def test_examples_run(no_values, name):
    function = getattr(applications, name)
    test = doctest.DocTestParser().get_doctest(function.__doc__, {}, name, None, 0)
    assert doctest.DocTestRunner(verbose=False).run(test) == doctest.TestResults(0, 3)


def test_channels_first_where_keras_has_none(no_values):
    for name in ("DenseNet121", "NASNetMobile"):
        first, last = (variants.describe(build(name, {}, layout)) for layout in ("channels_first", "channels_last"))
        assert first["variables_digest"] == last["variables_digest"] and first["output"] == last["output"]
    with pytest.raises(ArgumentError, match="convnext_tiny.*channels_last"):
        build("ConvNeXtTiny", {}, "channels_first")


def test_nasnet_takes_images_of_any_size_without_the_top(no_values):
    """Which cells see larger features does not depend on sizes that are not known yet."""
    fixed = build("NASNetLarge", {"include_top": False, "input_shape": (64, 64, 3)})
    free = build("NASNetLarge", {"include_top": False})
    assert [v.path for v in free.weights] == [v.path for v in fixed.weights]
    assert free.output_shape == (None, None, None, 4032)


def test_a_digest_notices_one_changed_option(no_values):
    """The comparison above can fail."""
    model = build("MobileNet", {"alpha": 0.25})
    before = variants.describe(model)
    model.get_layer("conv_dw_3_bn").momentum = 0.5
    after = variants.describe(model)
    assert before["layers_digest"] != after["layers_digest"]
    assert before["variables_digest"] == after["variables_digest"]
