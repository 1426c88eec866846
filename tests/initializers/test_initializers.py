"""Initial values: the same on every backend, distributed as they should be, found by name, written to configs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import initializers
from kfront.core.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from kfront.core.mesh import Region, Unmade
from kfront.initializers import Constant, RandomUniform

RANDOM = (
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
)
FIXED = ("Constant", "Identity", "Ones", "Zeros")


def host(x: Any) -> np.ndarray:
    return np.asarray(kfront.ops.convert_to_numpy(x))


@pytest.mark.parametrize("name", RANDOM)
def test_same_bits_on_every_backend(name: str, backend: Any) -> None:
    made = getattr(initializers, name)(seed=42)
    value = made((6, 5))
    assert backend.is_tensor(value)
    np.testing.assert_array_equal(host(value), made.host((6, 5), "float32"))
    np.testing.assert_array_equal(host(made((6, 5))), host(value))


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_values_differ_between_instances(name: str) -> None:
    one, two = (getattr(initializers, name)() for _ in range(2))
    assert not np.array_equal(one.host((6, 5), "float32"), two.host((6, 5), "float32"))
    np.testing.assert_array_equal(one.host((6, 5), "float32"), one.host((6, 5), "float32"))
    assert not np.array_equal(one.clone().host((6, 5), "float32"), one.host((6, 5), "float32"))


def test_seed_generator_gives_new_values(backend: Any) -> None:
    made = initializers.HeNormal(seed=kfront.random.SeedGenerator(7))
    first, second = made.host((4, 4), "float32"), made.host((4, 4), "float32")
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, initializers.HeNormal(seed=7).host((4, 4), "float32"))


CASES = {
    "GlorotUniform": (lambda i, o: np.sqrt(2 / (i + o)), None),
    "GlorotNormal": (lambda i, o: np.sqrt(2 / (i + o)), None),
    "HeUniform": (lambda i, o: np.sqrt(2 / i), None),
    "HeNormal": (lambda i, o: np.sqrt(2 / i), None),
    "LecunUniform": (lambda i, o: np.sqrt(1 / i), None),
    "LecunNormal": (lambda i, o: np.sqrt(1 / i), None),
    "RandomNormal": (lambda i, o: 0.05, None),
    "RandomUniform": (lambda i, o: 0.1 / np.sqrt(12), 0.05),
    "TruncatedNormal": (lambda i, o: 0.05 * 0.8796, 0.1),
}


@pytest.mark.parametrize("name", CASES)
def test_moments(name: str) -> None:
    spread, limit = CASES[name]
    for shape, fans in (((300, 200), (300, 200)), ((3, 3, 40, 60), (360, 540))):
        value = getattr(initializers, name)(seed=1).host(shape, "float32")
        assert value.dtype == np.float32 and value.shape == shape
        np.testing.assert_allclose(value.std(), spread(*fans), rtol=0.02)
        assert abs(value.mean()) < 4 * value.std() / np.sqrt(value.size)
        assert limit is None or np.abs(value).max() <= limit


def test_truncated_at_two_deviations() -> None:
    value = initializers.TruncatedNormal(1.0, 2.0, seed=1).host((100_000,), "float32")
    assert value.min() >= -3 and value.max() <= 5 and value.max() > 4.9


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (3, 3, 2, 5), (5, 5)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    q = initializers.Orthogonal(gain=2.0, seed=1).host(shape, "float64").reshape(-1, shape[-1]) / 2
    small = q.T @ q if q.shape[0] >= q.shape[1] else q @ q.T
    np.testing.assert_allclose(small, np.eye(len(small)), atol=1e-12)


def test_fixed_values(backend: Any) -> None:
    np.testing.assert_array_equal(host(initializers.Constant([1, 2, 3])((2, 3))), [[1, 2, 3]] * 2)
    np.testing.assert_array_equal(host(initializers.Identity(2.0)((2, 3))), [[2, 0, 0], [0, 2, 0]])
    np.testing.assert_array_equal(host(initializers.Ones()((2,), "int32")), [1, 1])
    np.testing.assert_array_equal(host(initializers.Zeros()((2,), "bool")), [False, False])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_dtypes(dtype: str) -> None:
    value = initializers.GlorotUniform(seed=1).host((3, 3), dtype)
    assert kfront.backend.standardize_dtype(value.dtype) == dtype
    if dtype.endswith("16"):
        full = initializers.GlorotUniform(seed=1).host((3, 3), "float32")
        np.testing.assert_allclose(value.astype("float32"), full, rtol=0.01)


@pytest.mark.parametrize("name", RANDOM + FIXED)
def test_config_round_trip(name: str) -> None:
    made = getattr(initializers, name)(**({"seed": 3} if name in RANDOM else {}))
    config = initializers.serialize(made)
    assert (config["module"], config["class_name"]) == ("keras.initializers", name)
    again = initializers.deserialize(config)
    np.testing.assert_array_equal(again.host((3, 3), "float32"), made.host((3, 3), "float32"))
    assert again.get_config() == made.get_config()


def test_get() -> None:
    assert initializers.get(None) is None
    assert type(initializers.get("glorot_uniform")) is initializers.GlorotUniform
    assert type(initializers.get("Zeros")) is initializers.Zeros
    assert type(initializers.get(initializers.HeNormal)) is initializers.HeNormal
    assert type(initializers.get("uniform")) is initializers.RandomUniform
    assert initializers.get({"class_name": "Constant", "config": {"value": 2.0}}).value == 2.0
    function = lambda shape, dtype=None: np.ones(shape)  # noqa: E731
    assert initializers.get(function) is function
    for bad in ("glorot", 3, "eye"):
        with pytest.raises(ArgumentError, match="initializer"):
            initializers.get(bad)


def test_registered_function(backend: Any) -> None:
    @kfront.saving.register_keras_serializable("tests", name="all_fours")
    def fours(shape: Any, dtype: Any = None) -> Any:
        return kfront.ops.full(shape, 4.0, dtype=dtype)

    layer = kfront.layers.Dense(2, kernel_initializer="tests>all_fours")
    layer.build((None, 3))
    np.testing.assert_array_equal(layer.kernel.numpy(), np.full((3, 2), 4.0))


def test_errors() -> None:
    for bad, kind in (
        (lambda: initializers.VarianceScaling(scale=0), ArgumentError),
        (lambda: initializers.VarianceScaling(mode="x"), ArgumentError),
        (lambda: initializers.VarianceScaling(distribution="x"), ArgumentError),
        (lambda: initializers.HeNormal(seed="x"), ArgumentTypeError),
        (lambda: initializers.HeNormal().host((2, 2), "int32"), DTypeError),
        (lambda: initializers.Orthogonal().host((3,), "float32"), ShapeError),
        (lambda: initializers.Identity().host((3, 3, 3), "float32"), ShapeError),
        (lambda: initializers.Constant([1, 2]).host((3,), "float32"), ShapeError),
    ):
        with pytest.raises(kind) as found:
            bad()
        assert type(found.value) is kind


PARTED = ("zeros", "ones", "random_normal", "truncated_normal", "random_uniform", "glorot_uniform", "he_normal")


@pytest.mark.parametrize("name", [*PARTED, "orthogonal", "identity"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_parts_are_those_of_the_whole_value(name: str, dtype: str) -> None:
    """Larger than what is drawn at once, divided along rows, columns and both."""
    made = kfront.initializers.get(name)
    shape = (400, 400)
    whole = made.host(shape, dtype)
    for offset, local in (((0, 0), (200, 400)), ((200, 0), (200, 400)), ((0, 100), (400, 100)), ((201, 7), (101, 33))):
        part = made.part(shape, dtype, Region(shape, offset, local))
        assert part.dtype == whole.dtype
        rows, columns = (slice(o, o + n) for o, n in zip(offset, local, strict=True))
        np.testing.assert_array_equal(part, whole[rows, columns])


def test_parts_of_one_call_are_of_one_stream() -> None:
    """A SeedGenerator moves on once, however many parts are made."""
    with kfront.backend_scope("numpy"):
        first, second = (RandomUniform(seed=kfront.random.SeedGenerator(3)) for _ in range(2))
        value = Unmade(first, (8, 4), "float32")
        parts = [value.part((i, 0), (4, 4)) for i in (0, 4)]
        np.testing.assert_array_equal(np.concatenate(parts), second.host((8, 4), "float32"))
        np.testing.assert_array_equal(first.host((8, 4), "float32"), second.host((8, 4), "float32"))
        array = Constant(np.arange(4.0)).part((8, 4), "float32", Region((8, 4), (2, 1), (3, 2)))
        assert array.tolist() == [[1.0, 2.0]] * 3
