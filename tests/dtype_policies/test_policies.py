"""Dtype policies: names, maps, configs, what they do to inputs, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kfront
from kfront import dtype_policies
from kfront.core.errors import ArgumentError, ArgumentTypeError

DTypePolicy, DTypePolicyMap = dtype_policies.DTypePolicy, dtype_policies.DTypePolicyMap


@pytest.mark.parametrize(
    ("name", "compute", "variable"),
    [
        ("float32", "float32", "float32"),
        ("float16", "float16", "float16"),
        ("mixed_float16", "float16", "float32"),
        ("mixed_bfloat16", "bfloat16", "float32"),
        ("int32", "int32", "int32"),
    ],
)
def test_names(name: str, compute: str, variable: str) -> None:
    policy = DTypePolicy(name)
    assert (policy.name, policy.compute_dtype, policy.variable_dtype) == (name, compute, variable)
    assert policy.quantization_mode is None
    config = dtype_policies.serialize(policy)
    assert (config["module"], config["class_name"], config["config"]) == ("keras", "DTypePolicy", {"name": name})
    assert dtype_policies.deserialize(config) == policy
    assert repr(policy) == f'<DTypePolicy "{name}">'


def test_get() -> None:
    assert dtype_policies.get(None) is kfront.config.dtype_policy()
    assert dtype_policies.get("mixed_float16").name == "mixed_float16"
    assert dtype_policies.get(np.float16).name == "float16"
    policy = DTypePolicy("float64")
    assert dtype_policies.get(policy) is policy
    for bad in ("nope", 3, "mixed_float8"):
        with pytest.raises(ArgumentError):
            dtype_policies.get(bad)
    with pytest.raises(ArgumentTypeError):
        DTypePolicy(3)  # type: ignore[arg-type]


def test_global_policy() -> None:
    kfront.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert DTypePolicy().name == "mixed_bfloat16"
        assert kfront.layers.Dense(2).compute_dtype == "bfloat16"
    finally:
        kfront.config.set_dtype_policy(None)


def test_map() -> None:
    policies = DTypePolicyMap("float32", {"encoder/.*": DTypePolicy("mixed_bfloat16")})
    policies["decoder/out"] = DTypePolicy("float16")
    assert policies["encoder/dense"].name == "mixed_bfloat16"
    assert policies["decoder/out"].name == "float16"
    assert policies["decoder/other"].name == "float32"
    assert policies.compute_dtype == "float32" and len(policies) == 2
    with pytest.raises(ArgumentError, match="set"):
        policies["decoder/out"] = "float32"
    policies["encoder/d.*"] = "float64"
    with pytest.raises(ArgumentError, match="at most one"):
        policies["encoder/dense"]
    again = dtype_policies.deserialize(dtype_policies.serialize(policies))
    assert again == policies


def test_convert_input(backend: Any) -> None:
    policy = DTypePolicy("mixed_bfloat16")
    x = policy.convert_input(np.ones(2, "float32"), True, "bfloat16")
    assert backend.is_tensor(x) and backend.dtype_name(x.dtype) == "bfloat16"
    assert backend.dtype_name(policy.convert_input(np.ones(2, "int32"), True, "bfloat16").dtype) == "int32"
    assert backend.dtype_name(policy.convert_input(np.ones(2, "float32"), False, "bfloat16").dtype) == "float32"
    assert policy.convert_input(kfront.KerasTensor((2,)), True, "bfloat16").dtype == "bfloat16"
