"""Tuned kernels beside their plain forms: values, gradients, the switch, and what is registered of each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.cases import CASES as BENCHMARKS
from conformance.ops.tuned_cases import COMPOSED, Call, calls

import kfront
from kfront.backends import get, installed
from kfront.backends.tuned import NO_ISSUE

ENGINES = [n for n in ("torch", "jax", "tensorflow") if n in installed()]
KERNELS = [(n, kernel.op) for n in ENGINES for kernel in get(n).tuned_table]
_WITHOUT_ARGUMENTS = ("foreach.adam", "foreach.tally")  # compared in training below


def _tensors(b: Any, call: Call) -> list[Any]:
    return [b.convert(a) if isinstance(a, np.ndarray) else a for a in call.args]


def _results(b: Any, f: Callable[..., Any], call: Call) -> list[np.ndarray]:
    """Values, then the gradients of a weighted sum of the floating ones."""
    args = _tensors(b, call)
    holders = [kfront.Variable(call.args[i], dtype="float32") for i in call.by]

    def outputs() -> list[Any]:
        given = list(args)
        for i, v in zip(call.by, holders, strict=True):
            given[i] = v.value
        found = f(*given)
        return list(found) if isinstance(found, (tuple, list)) else [found]

    if not call.by:
        return [b.to_numpy(y) for y in outputs()]

    def loss() -> Any:
        found = outputs()
        floating = [y for y in found if b.dtype_name(y.dtype) == "float32"]
        sums = [
            kfront.ops.sum(
                y
                * kfront.ops.cos(
                    kfront.ops.cast(
                        kfront.ops.reshape(kfront.ops.arange(int(np.prod(b.static_shape(y)))), b.static_shape(y)),
                        "float32",
                    )
                )
            )
            for y in floating
        ]
        return sum(sums[1:], sums[0]), found

    _, found, grads = b.value_and_grad(loss, holders)
    return [b.to_numpy(y) for y in [*found, *(g for g in grads if g is not None)]]


def _close(a: np.ndarray, b: np.ndarray, tolerance: float) -> None:
    finite = b[np.isfinite(b)] if b.dtype.kind == "f" else b
    size = float(np.abs(finite).max(initial=0)) if finite.size else 0.0
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(size, 1e-6))


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine, op", [k for k in KERNELS if k[1] not in _WITHOUT_ARGUMENTS])
def test_a_kernel_computes_what_its_plain_form_does(engine: str, op: str) -> None:
    b = get(engine)
    tuned, plain = getattr(b, op), b.plain_form(op)
    assert tuned is b.tuned_table[op].function and tuned is not plain
    with kfront.backend_scope(engine):
        if plain is None:
            plain = COMPOSED[op]
        for call in calls(op):
            if not call.same:
                _same_shares(b, tuned, plain, call)
                continue
            own, other = _results(b, tuned, call), _results(b, plain, call)
            assert len(own) == len(other)
            for x, y in zip(own, other, strict=True):
                assert x.shape == y.shape and x.dtype == y.dtype
                _close(x, y, call.tolerance)


def _same_shares(b: Any, tuned: Any, plain: Any, call: Call) -> None:
    """Of dropout: what is kept is scaled alike, and about as much is."""
    _, x, rate, _ = call.args
    for f in (tuned, plain):
        out = b.to_numpy(f(*_tensors(b, call)))
        np.testing.assert_allclose(out[out != 0], 1 / (1 - rate), rtol=1e-6)
        deviation = np.sqrt(rate * (1 - rate) / x.size)
        assert abs((out != 0).mean() - (1 - rate)) < 6 * deviation


@pytest.mark.sampled(3)
@pytest.mark.parametrize("engine", ENGINES)
def test_training_by_plain_forms_is_the_same(engine: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((32, 8, 8, 2), dtype="float32"), rng.integers(0, 3, 32)

    def train() -> tuple[list[float], list[np.ndarray]]:
        kfront.utils.set_random_seed(1)
        layers = kfront.layers
        model = kfront.Sequential(
            [
                kfront.Input((8, 8, 2)),
                layers.Conv2D(4, 3, activation="relu"),
                layers.BatchNormalization(),
                layers.MaxPooling2D(),
                layers.Reshape((3, 12)),
                layers.GRU(5),
                layers.Dense(3),
            ]
        )
        loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, metrics=["accuracy"])
        history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        return history["loss"], model.get_weights()

    with kfront.backend_scope(engine):
        losses, weights = train()
        try:
            kfront.config.set_tuned_kernels(False)
            plain_losses, plain_weights = train()
        finally:
            kfront.config.set_tuned_kernels(None)
    np.testing.assert_allclose(losses, plain_losses, rtol=2e-4)
    for a, b in zip(weights, plain_weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_switch(engine: str) -> None:
    b = get(engine)
    ops = [op for n, op in KERNELS if n == engine and "." not in op]
    try:
        kfront.config.set_tuned_kernels(False)
        assert not kfront.config.tuned_kernels()
        assert all(getattr(b, op) is b.plain_form(op) for op in ops)
        kfront.config.set_tuned_kernels(True)
        assert all(getattr(b, op) is b.tuned_table[op].function for op in ops)
    finally:
        kfront.config.set_tuned_kernels(None)


def test_compiled_code_on_jax_follows_the_switch() -> None:
    pytest.importorskip("jax")
    with kfront.backend_scope("jax"):
        b = get("jax")
        step = kfront.jit(lambda x: kfront.ops.max_pool(x, 2))
        x = b.convert(np.ones((1, 4, 4, 1), "float32"))
        step(x)
        seen: list[int] = []
        plain = b.plain_form("max_pool")
        b.__dict__["_plain_forms"]["max_pool"] = lambda *args: (seen.append(1), plain(*args))[1]
        try:
            kfront.config.set_tuned_kernels(False)
            step(x)
            assert seen
        finally:
            b.__dict__["_plain_forms"]["max_pool"] = plain
            kfront.config.set_tuned_kernels(None)


def test_the_environment_variable() -> None:
    code = "import kfront; from kfront.backends import current; kfront.ops.add(1, 2); b = current(); print(\n"
    code += "    kfront.config.tuned_kernels(), all(getattr(b, k.op) is b.plain_form(k.op) for k in b.tuned_table\n"
    code += "    if '.' not in k.op))"
    env = {**os.environ, "KFRONT_TUNED_KERNELS": "0", "KERAS_BACKEND": ENGINES[0]}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


def test_a_wrong_value_is_refused() -> None:
    with pytest.raises(kfront.errors.ArgumentTypeError, match="expected True, False or None"):
        kfront.config.set_tuned_kernels("no")  # type: ignore[arg-type]


@pytest.mark.parametrize("engine, op", KERNELS)
def test_each_is_registered_with_its_reason(engine: str, op: str) -> None:
    kernel = get(engine).tuned_table[op]
    assert len(kernel.reason) > 20 and len(kernel.until) > 10
    assert kernel.issue == NO_ISSUE or kernel.issue.startswith("https://github.com/")
    case, _, part = kernel.benchmark.partition(":")
    assert case in BENCHMARKS, kernel.benchmark
    assert part in _parts(case), kernel.benchmark


def _parts(case: str) -> Any:
    from benchmarks import cases, layer_rows
    from conformance.ops import tuned_cases

    if case == "tuned":
        return tuned_cases.CASES
    if case in ("eager_layers", "compiled_layers"):
        return layer_rows.LAYERS
    return {"fit": cases._FIT, "updates": cases._OPTIMIZERS}[case]


@pytest.mark.sampled(4, table="long")
def test_the_page_of_the_documentation_is_current() -> None:
    root = Path(__file__).parents[2]
    for engine in ("torch", "jax", "tensorflow"):
        pytest.importorskip(engine)
    done = subprocess.run([sys.executable, root / "tools" / "tuned_docs.py", "--check"], cwd=root, check=False)
    assert done.returncode == 0, "run python tools/tuned_docs.py"
