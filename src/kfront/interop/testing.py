"""`TestCase`: what packages written for Keras derive their tests of layers from (`keras.src.testing`)."""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
import tempfile
import unittest
from collections.abc import Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront import backends, ops
from kfront.config import dtype_policy, set_dtype_policy
from kfront.core import tree
from kfront.core.spec import KerasTensor
from kfront.core.typing import Config, DTypeLike, Shape, Tensor, TensorLike
from kfront.distribution import list_devices
from kfront.dtype_policies import DTypePolicy
from kfront.layers import Layer
from kfront.models import Model
from kfront.random import SeedGenerator
from kfront.saving import deserialize_keras_object, serialize_keras_object
from kfront.utils import clear_session

if TYPE_CHECKING or importlib.util.find_spec("absl") is None:
    _Base = unittest.TestCase
else:  # packages mix it with classes of absl.testing, which has a metaclass
    from absl.testing.parameterized import TestCase as _Base


def named_product(*cases: Iterable[Config], **values: Iterable[object]) -> list[Config]:
    """All combinations of named cases and of values, each with a `testcase_name` made of theirs.

    Args:
        *cases: dicts of arguments with their `testcase_name`; one of each sequence is taken.
        **values: the values of an argument.
    """
    named = [[{"testcase_name": _name_of(v), key: v} for v in some] for key, some in values.items()]
    products = [reversed(chosen) for chosen in itertools.product(*reversed([*map(list, cases), *named]))]
    out = []
    for chosen in map(list, products):
        merged = {key: value for one in chosen for key, value in one.items()}
        out.append({**merged, "testcase_name": "_".join(one["testcase_name"] for one in chosen)})
    return out


def _name_of(value: object) -> str:
    return str(getattr(value, "__name__", value)).lower()


def get_test_data(
    train_samples: int,
    test_samples: int,
    input_shape: tuple[int, ...],
    num_classes: int,
    random_seed: int | None = None,
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Points around a center for each class, float32, and their classes: `(x_train, y_train), (x_test, y_test)`."""
    draw = np.random.default_rng(random_seed)
    y = draw.permutation(np.arange(train_samples + test_samples) % num_classes)
    centers = draw.uniform(-2, 2, (num_classes, *input_shape))
    x = (centers[y] + draw.normal(size=(len(y), *input_shape))).astype("float32")
    return (x[:train_samples], y[:train_samples]), (x[train_samples:], y[train_samples:])


def uses_gpu() -> bool:
    """Whether the engine runs on a GPU."""
    return list_devices()[:1] == ["gpu:0"]


def uses_tpu() -> bool:
    """Whether the engine runs on a TPU."""
    return list_devices()[:1] == ["tpu:0"]


# `jax_uses_gpu` and its kin: whether it is that engine, and has one
checks = SimpleNamespace(
    **{
        f"{engine}_{uses.__name__}": lambda engine=engine, uses=uses: backends.current().name == engine and uses()
        for engine in ("jax", "tensorflow", "torch")
        for uses in (uses_gpu, uses_tpu)
    }
)


def _numpy(x: Any) -> np.ndarray:
    return np.asarray(x) if isinstance(x, (list, tuple, int, float)) else ops.convert_to_numpy(x)


class TestCase(_Base):
    """Assertions about tensors, and whole tests of a layer."""

    maxDiff = None

    def setUp(self) -> None:
        """Names are numbered anew in each test."""
        super().setUp()
        clear_session(free_memory=False)

    def get_temp_dir(self) -> str:
        """A new folder that is removed after the test."""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        return folder

    # -- tensors -----------------------------------------------------------------------------------------------------

    def convert_to_numpy(self, x: TensorLike) -> np.ndarray:
        """A tensor's values."""
        return _numpy(x)

    def assertAllClose(
        self,
        actual: object,
        desired: object,
        atol: float = 1e-6,
        rtol: float = 1e-6,
        tpu_atol: float | None = None,
        tpu_rtol: float | None = None,
        msg: str | None = None,
    ) -> None:
        """Every number of one tensor is close to that of another."""
        np.testing.assert_allclose(_numpy(actual), _numpy(desired), atol=atol, rtol=rtol, err_msg=msg or "")

    def assertNotAllClose(
        self, x1: object, x2: object, atol: float = 1e-6, rtol: float = 1e-6, msg: object = None
    ) -> None:
        """Some number of one tensor is not close to that of another."""
        a, b = _numpy(x1), _numpy(x2)
        close = a.shape == b.shape and np.allclose(a, b, atol=atol, rtol=rtol)
        self.assertFalse(close, msg or f"The tensors are close: {x1} and {x2}.")

    def assertAlmostEqual(
        self, actual: object, desired: object, decimal: int = 3, tpu_decimal: int | None = None, msg: str | None = None
    ) -> None:
        """Every number of one tensor is that of another, to so many decimals."""
        np.testing.assert_almost_equal(_numpy(actual), _numpy(desired), decimal, msg or "")

    def assertAllEqual(self, actual: object, desired: object, msg: str | None = None) -> None:
        """Every value of one structure of tensors is that of another."""
        nested = tree.is_nested(actual)
        for a, b in zip(*map(tree.flatten, (actual, desired)), strict=True) if nested else [(actual, desired)]:
            np.testing.assert_array_equal(_numpy(a), _numpy(b), err_msg=msg or "")

    def assertLen(self, iterable: Any, expected_len: int, msg: str | None = None) -> None:
        """It has that many elements."""
        self.assertEqual(len(iterable), expected_len, msg)

    def assertSameStructure(self, a: object, b: object, aname: str = "a", bname: str = "b", msg: object = None) -> None:
        """Two nested structures have the same containers and keys."""
        tree.assert_same_structure(a, b)

    def assertDType(self, x: object, dtype: str, msg: str | None = None) -> None:
        """The tensor is of that dtype."""
        got = str(getattr(x, "dtype", None)).replace("torch.", "").removeprefix("<dtype: '").removesuffix("'>")
        self.assertEqual(got, dtype, msg)

    def assertSparse(self, x: object, sparse: bool = True) -> None:
        """The tensor is sparse, or is not."""
        self.assertEqual(getattr(x, "sparse", False) or backends.current().is_sparse(x), sparse)

    # -- configs -----------------------------------------------------------------------------------------------------

    def run_class_serialization_test(self, instance: Any, custom_objects: Config | None = None) -> Any:
        """A copy from the config, and one from the serialized form, have the same config; the last is returned."""
        config = instance.get_config()
        plain = json.dumps(serialize_keras_object(config), sort_keys=True)
        revived = type(instance).from_config(config)
        self.assertEqual(json.dumps(serialize_keras_object(revived.get_config()), sort_keys=True), plain)
        own = {type(instance).__name__: type(instance), **(custom_objects or {})}
        again = deserialize_keras_object(json.loads(json.dumps(serialize_keras_object(instance))), custom_objects=own)
        self.assertEqual(json.dumps(serialize_keras_object(again.get_config()), sort_keys=True), plain)
        return again

    # -- layers ------------------------------------------------------------------------------------------------------

    def run_layer_test(
        self,
        layer_cls: type[Layer],
        init_kwargs: Config,
        input_shape: Shape | None = None,
        input_dtype: Any = None,
        input_sparse: bool = False,
        input_ragged: bool = False,
        input_data: object = None,
        call_kwargs: Config | None = None,
        expected_output_shape: Any = None,
        expected_output_dtype: Any = None,
        expected_output_sparse: bool = False,
        expected_output_ragged: bool = False,
        expected_output: object = None,
        expected_num_trainable_weights: int | None = None,
        expected_num_non_trainable_weights: int | None = None,
        expected_num_non_trainable_variables: int | None = None,
        expected_num_seed_generators: int | None = None,
        expected_num_losses: int | None = None,
        supports_masking: bool | None = None,
        expected_mask_shape: object = None,
        custom_objects: Config | None = None,
        run_training_check: bool = True,
        run_mixed_precision_check: bool = True,
        assert_built_after_instantiation: bool = False,
        tpu_atol: float | None = None,
        tpu_rtol: float | None = None,
    ) -> None:
        """What every layer must be able to do, and what is expected of this one: nothing where an option is None.

        Inputs are `input_data`, or drawn with the shapes of `input_shape` and the dtypes of `input_dtype`.
        """
        layer = layer_cls(**init_kwargs)
        self.run_class_serialization_test(layer, custom_objects)
        if supports_masking is not None:
            self.assertEqual(layer.supports_masking, supports_masking)
        if assert_built_after_instantiation:
            self.assertTrue(layer.built)
        data = _drawn(input_shape, input_dtype) if input_data is None else input_data
        kwargs = call_kwargs or {}
        abstract = lambda x: KerasTensor(tuple(x.shape), ops.dtype(x)) if hasattr(x, "shape") else x  # noqa: E731
        symbolic = tree.map_structure(abstract, (data, kwargs))
        self._check_outputs(_call(layer_cls(**init_kwargs), *symbolic), expected_output_shape, expected_output_dtype)
        outputs = _call(layer, data, kwargs)
        self._check_outputs(outputs, expected_output_shape, expected_output_dtype)
        if expected_output is not None:
            self.assertAllClose(outputs, expected_output)
        counts = {
            "trainable_weights": expected_num_trainable_weights,
            "non_trainable_weights": expected_num_non_trainable_weights,
            "non_trainable_variables": expected_num_non_trainable_variables,
            "losses": expected_num_losses,
        }
        for name, count in counts.items():
            if count is not None:
                self.assertLen(getattr(layer, name), count, name)
        if expected_num_seed_generators is not None:
            seeds = [x for part in layer._flatten_layers() for x in vars(part).values() if isinstance(x, SeedGenerator)]
            self.assertLen(seeds, expected_num_seed_generators)
        if run_training_check:
            _train(layer_cls(**init_kwargs), data, kwargs, outputs)
        if run_mixed_precision_check:
            self._check_policy(layer_cls, init_kwargs, data, kwargs)

    def _check_outputs(self, outputs: object, shape: Any, dtype: DTypeLike) -> None:
        if shape is not None:
            got = tree.map_structure(lambda x: tuple(x.shape), outputs)
            self.assertEqual(got, shape)
        if dtype is not None:
            for x in tree.flatten(outputs):
                self.assertEqual(ops.dtype(x), dtype)

    def _check_policy(self, cls: type[Layer], options: Config, data: object, kwargs: Config) -> None:
        before = dtype_policy()
        set_dtype_policy("mixed_float16")
        try:
            layer = cls(**{**options, "dtype": DTypePolicy("mixed_float16")})
            outputs = _call(layer, data, kwargs)
        finally:
            set_dtype_policy(before)
        for x in tree.flatten(outputs):
            if "float" in ops.dtype(x):
                self.assertEqual(ops.dtype(x), layer.compute_dtype)
        for weight in layer.weights:
            if "float" in weight.dtype:
                self.assertEqual(weight.dtype, layer.variable_dtype)


def _drawn(shape: Any, dtype: Any) -> Any:
    """Inputs of these shapes, nested alike."""
    rng = np.random.default_rng(0)

    def one(shape: tuple[int, ...], dtype: str | None) -> Any:
        name = dtype or "float32"
        values = rng.integers(0, 2, shape) if name == "bool" or "int" in name else rng.uniform(size=shape)
        return ops.convert_to_tensor(values, name)

    if isinstance(shape, dict):
        kinds = dtype if isinstance(dtype, dict) else dict.fromkeys(shape, dtype)
        return {k.removesuffix("_shape"): _drawn(s, kinds.get(k)) for k, s in shape.items()}
    if shape and isinstance(shape[0], (tuple, list)):
        return [_drawn(s, dtype[i] if isinstance(dtype, (list, tuple)) else dtype) for i, s in enumerate(shape)]
    return one(tuple(shape), dtype)


def _call(layer: Layer, data: object, kwargs: Config) -> Tensor:
    if isinstance(data, dict):
        return layer(**data, **kwargs)
    return layer(data, **kwargs)


def _train(layer: Layer, data: object, kwargs: Config, targets: object) -> None:
    """One step of training on targets that the layer gave."""

    class _Trained(Model):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def call(self, x: Any, training: bool = False) -> Any:
            return _call(self.layer, x, kwargs)

    model = _Trained()
    model.compile(optimizer="sgd", loss="mse")
    floats = all("float" in ops.dtype(x) for x in tree.flatten(targets))
    if floats and layer.trainable_weights:
        model.fit(data, targets, batch_size=len(tree.flatten(data)[0]), verbose=0)
