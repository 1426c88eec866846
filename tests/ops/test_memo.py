"""Inference is kept by all that it depends on, and by nothing that can change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import kfront
from kfront import ops
from kfront.core import memo
from kfront.core.op import OPS
from kfront.core.spec import Abstract, KerasTensor


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    for one in OPS.values():
        one.inferred.clear()
    with kfront.backend_scope("numpy"):
        yield


def test_the_body_runs_once_for_one_question(monkeypatch: pytest.MonkeyPatch) -> None:
    one, runs = OPS["gelu"], []
    body = one.body
    monkeypatch.setattr(one, "body", lambda *args: runs.append(args) or body(*args))
    for _ in range(3):
        assert ops.gelu(Abstract((2, None), "float32")).shape == (2, None)
    assert len(runs) == 1
    ops.gelu(Abstract((3, None), "float32"))
    ops.gelu(Abstract((2, None), "float16"))
    ops.gelu(Abstract((2, None), "float32"), approximate=False)
    assert len(runs) == 4


def test_floatx_belongs_to_the_question() -> None:
    x = Abstract((2,), "int32")
    assert ops.gelu(x).dtype == "float32"
    before = kfront.config.floatx()
    kfront.config.set_floatx("bfloat16")
    try:
        assert ops.gelu(x).dtype == "bfloat16"
    finally:
        kfront.config.set_floatx(before)
    assert ops.gelu(x).dtype == "float32"


def test_the_backend_belongs_to_the_question() -> None:
    x = Abstract((2, 3), "uint16")
    assert ops.sum(x, axis=0).dtype == ops.sum(x, axis=0).dtype == "uint32"
    assert len(OPS["sum"].inferred) == 1
    with kfront.backend_scope("torch"):
        ops.sum(x, axis=0)
    assert len(OPS["sum"].inferred) == 2


@pytest.mark.parametrize("x", ["float32", "int32", "bool"])
def test_numbers_that_are_equal_are_not_the_same(x: str) -> None:
    found = [ops.add(Abstract((2,), x), number).dtype for number in (True, 1, 1.0, True, 1, 1.0)]
    assert found == [ops.add(ops.ones((2,), x), number).dtype.name for number in (True, 1, 1.0)] * 2


def test_results_are_not_shared() -> None:
    x = Abstract((2, 3), "float32")
    first, second = ops.gelu(x), ops.gelu(x)
    first._keras_mask = "mask"
    first.shape = (9,)
    assert first is not second and second._keras_mask is None
    assert ops.gelu(x).shape == (2, 3) and ops.gelu(x)._keras_mask is None
    values, places = ops.top_k(x, 2)
    values.shape = (7,)
    assert ops.top_k(x, 2)[0].shape == places.shape == (2, 2)


def test_an_operand_that_comes_out_again_is_a_copy() -> None:
    x = Abstract((2, 3), "float32")
    assert ops.nan_to_num(x) is not x and ops.cast(x, "float32") is not x


@pytest.mark.parametrize("static", [lambda: 0, object(), KerasTensor((2,)), {1, 2}, iter(())])
def test_what_can_change_has_no_key(static: Any) -> None:
    x = Abstract((2,), "float32")
    assert memo.key_of([x], (static,)) is None
    assert memo.key_of([x], ((1, static),)) is None
    assert memo.key_of([x], (slice(static),)) is None


def test_functions_are_asked_each_time() -> None:
    x, seen = Abstract((4, 2), "float32"), []

    def f(row: Any) -> Any:
        seen.append(row)
        return ops.reshape(row, (-1, 1)) if len(seen) > 1 else row

    assert [ops.map(f, x).shape, ops.map(f, x).shape] == [(4, 2), (4, 2, 1)]


def test_what_is_kept_has_a_bound() -> None:
    for n in range(3 * memo._LIMIT):
        ops.gelu(Abstract((n,), "float32"))
    assert 0 < len(OPS["gelu"].inferred) <= memo._LIMIT


def test_errors_are_raised_each_time() -> None:
    for _ in range(2):
        with pytest.raises(kfront.errors.ShapeError, match=r"\[add\]"):
            ops.add(Abstract((2,), "float32"), Abstract((3,), "float32"))


@pytest.mark.parametrize("reverse", [False, True])
def test_associative_scan_calls_the_function_once(reverse: bool) -> None:
    calls = []

    def f(a: Any, b: Any) -> Any:
        calls.append(a)
        return ops.add(a, b)

    x = KerasTensor((64, 3), "int32")
    out = ops.associative_scan(f, x, reverse=reverse)
    assert (out.shape, out.dtype, len(calls)) == ((64, 3), "int32", 1)
    assert kfront.Function([x], [out])(ops.ones((64, 3), "int32"))[0][-1 if not reverse else 0].tolist() == [64] * 3
