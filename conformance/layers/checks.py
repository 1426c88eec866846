"""What must hold for each row of the table; each check takes a backend's name and a row."""

from __future__ import annotations

import functools
import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

import kfront
from kfront.core.state import state

from ..suite import close
from . import running
from .row import Row, arrays_of, map_arrays, with_arrays
from .running import built, call, host, native, new_weights, ready, result, specs, tensors, world

__all__ = [
    "compiled",
    "config",
    "files",
    "float64",
    "gradients",
    "half",
    "padded",
    "seeds",
    "slopes",
    "state_dict",
    "symbolic",
    "values",
]

SAME = 1e-6  # the same computation by the same engine, in another order at most
GRADIENT = 1e-4  # of the largest element: sums over the batch and, in float32, over steps
SLOPE = 2e-4  # of float32 gradients along a direction against differences of float64 values: of the sum of all terms
SLOW_TO_TRACE = ("tensorflow",)  # engines whose graphs take longer to make than to run: only for rows that are compiled


def _compare(got: list[np.ndarray], want: list[np.ndarray], rtol: float, what: str = "output") -> None:
    """Equal shapes, and values within `rtol` of the largest."""
    assert len(got) == len(want), f"{len(got)} outputs, expected {len(want)}"
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        finite = np.abs(w[np.isfinite(w)]).astype("float64") if w.dtype.kind != "b" else np.ones(1)
        exact = g.dtype.kind in "bi" and g.dtype.name != "bfloat16"
        limit = 0.0 if exact else rtol * float(finite.max(initial=0.0))
        close(g, w, 0.0, limit, f"{what} {i}" if len(got) > 1 else what)


def _is_float(a: np.ndarray) -> bool:
    return a.dtype.kind == "f" or a.dtype.name == "bfloat16"


# ---- values ----------------------------------------------------------------------------------------------------------


def values(backend: str, row: Row) -> None:
    """Float32 results are those of NumPy in float64."""
    got, want = result(backend, row), result("numpy", row, "float64")
    _compare(got, want, row.rtol)
    for g, w in zip(got, want, strict=True):
        wanted = "float32" if _is_float(w) else w.dtype.name
        assert g.dtype.name == wanted, f"dtype {g.dtype.name}, expected {wanted}"


def float64(backend: str, row: Row) -> None:
    """The policy "float64" computes in it (but portable normal numbers are float32 in every dtype)."""
    got, want = result(backend, row, "float64"), result("numpy", row, "float64")
    _compare(got, want, 1e-6 if row.random else 1e-9)
    for g, w in zip(got, want, strict=True):
        assert g.dtype == w.dtype, f"dtype {g.dtype.name}, expected {w.dtype.name}"


def half(backend: str, row: Row) -> None:
    """The mixed policies compute in half precision on float32 weights."""
    if not row.half:
        return
    want = result("numpy", row, "float64")
    for policy in ("mixed_bfloat16", "mixed_float16"):
        with world(backend, policy) as b:
            layer = ready(row)
            got = host(b, call(layer, row, native(b, row)))
            kinds = {w.dtype for w in layer.weights} - {"int32"}  # counts
        assert kinds <= {"float32"}, f"{policy}: weights of {kinds}, expected float32"
        for g, w in zip(got, want, strict=True):
            wanted = policy.removeprefix("mixed_") if _is_float(w) else w.dtype.name
            assert g.dtype.name == wanted, f"{policy}: dtype {g.dtype.name}, expected {wanted}"
        _compare(got, want, row.half, policy)


# ---- symbolic, eager, compiled ---------------------------------------------------------------------------------------


def map_specs(fn: Callable[[Any], Any], arguments: Any) -> Any:
    """`arguments` with every KerasTensor replaced."""
    return kfront.tree.map_structure(lambda v: fn(v) if isinstance(v, kfront.KerasTensor) else v, arguments)


def symbolic(backend: str, row: Row) -> None:
    """Shapes and dtypes are known before anything is computed, with known and unknown sizes."""
    want = result(backend, row)
    with world(backend) as b:
        layer = ready(row)
        for batch, free in ((want[0].shape[0], False), (None, False), (None, True)):
            arguments = specs(row, batch, free)
            out = call(layer, row, arguments)
            got = tensors(b, out)
            assert len(got) == len(want), f"{len(got)} symbolic outputs, expected {len(want)}"
            for g, w in zip(got, want, strict=True):
                _same_spec(g, w, batch, free)
            if row.shapes:
                _same_shapes(layer, row, arguments, got)
        model = kfront.Model(running.arrays_of_specs(arguments), out)
        _compare(host(b, model(arrays_of((row.args, row.kwargs)))), want, SAME, "functional model")


def _same_spec(got: Any, want: np.ndarray, batch: int | None, free: bool) -> None:
    shape = tuple(got.shape)
    wanted = (batch, *want.shape[1:])
    fits = len(shape) == want.ndim and all(s == w or (free and s is None) for s, w in zip(shape, wanted, strict=True))
    assert fits, f"symbolic shape {shape}, expected {wanted}"
    assert got.dtype == want.dtype.name, f"symbolic dtype {got.dtype}, expected {want.dtype.name}"


def _same_shapes(layer: Any, row: Row, arguments: Any, got: list[Any]) -> None:
    args, _ = arguments
    shapes = layer.compute_output_shape(*map_specs(lambda t: tuple(t.shape), args))
    flat = [tuple(s) for s in _flat_shapes(shapes)]
    wanted = [tuple(g.shape) for g in got]
    assert flat == wanted, f"compute_output_shape gives {flat}, expected {wanted}"


def _flat_shapes(shapes: Any) -> list[Any]:
    if isinstance(shapes, (tuple, list)) and all(d is None or isinstance(d, int) for d in shapes):
        return [shapes]
    parts = [shapes[k] for k in sorted(shapes)] if isinstance(shapes, dict) else shapes
    return [s for part in parts for s in _flat_shapes(part)]


def compiled(backend: str, row: Row, resized: bool) -> None:
    """Compiled as a whole by the engine, the layer gives the same; with `resized` for a smaller batch too."""
    counts = (None, 2) if resized and not (row.training or row.random) else (None,)
    for count, got in zip(counts, running.compiled(backend, row, counts), strict=True):
        want = result(backend, row, "float32", count)
        _compare(got, want, max(SAME, row.rtol / 5), f"compiled, batch of {count or len(want[0])}")
        for g, w in zip(got, want, strict=True):
            assert g.dtype == w.dtype, f"compiled dtype {g.dtype}, expected {w.dtype}"


# ---- gradients -------------------------------------------------------------------------------------------------------


def _factors(outputs: list[Any]) -> list[np.ndarray]:
    g = np.random.Generator(np.random.Philox(key=9))
    return [g.uniform(0.5, 1.5, tuple(o.shape)) for o in outputs]


def _weighted(b: Any, outputs: list[Any]) -> Any:
    """A scalar that every element of the floating outputs takes part in."""
    ops, total = kfront.ops, 0.0
    for o, f in zip(outputs, _factors(outputs), strict=True):
        name = b.dtype_name(o.dtype)
        if name in ("float32", "float64"):
            total = total + ops.sum(ops.multiply(o, b.convert(f.astype(name))))
    return total


def _gradients(backend: str, row: Row, compiles: bool) -> list[np.ndarray]:
    """Gradients by the trainable weights and the floating inputs, compiled where the engine's own steps are."""
    with world(backend) as b:
        layer = ready(row)
        inputs = [kfront.Variable(a) if _is_float(a) else b.convert(a) for a in arrays_of((row.args, row.kwargs))]
        sources = [*layer.trainable_variables, *(v for v in inputs if isinstance(v, kfront.Variable))]
        others = layer.non_trainable_variables

        def run() -> tuple[Any, Any]:
            arguments = with_arrays((row.args, row.kwargs), inputs)
            return _weighted(b, tensors(b, call(layer, row, arguments))), None

        step = lambda: b.value_and_grad(run, sources, others)[2]  # noqa: E731
        if compiles or backend not in SLOW_TO_TRACE:
            step = b.compile_step(step, lambda: [*sources, *others], "auto")
        found = step()
        lost = [v.path for v, g in zip(sources, found, strict=True) if g is None]
        assert not lost, f"no gradient for {', '.join(lost)}"
        return [b.to_numpy(g) for g in found]


@functools.cache
def _found(backend: str, row: Row, compiles: bool) -> list[np.ndarray]:
    return _gradients(backend, row, compiles)


def _value_at(row: Row, parameters: list[np.ndarray]) -> float:
    """The scalar in float64, by NumPy, at other weights and inputs."""
    with world("numpy", "float64") as b:
        layer = built(row)
        layer.set_weights(new_weights(row))
        train = layer.trainable_variables
        for v, p in zip(train, parameters, strict=False):
            v.assign(p)
        left = iter(parameters[len(train) :])
        arguments = map_arrays(lambda a: next(left) if _is_float(a) else a, (row.args, row.kwargs))
        return float(_weighted(b, tensors(b, call(layer, row, arguments))))


def slopes(backend: str, row: Row, compiles: bool) -> None:
    """Along a random direction, gradients are differences of values."""
    found = _found(backend, row, compiles)
    train = len(found) - sum(_is_float(a) for a in arrays_of((row.args, row.kwargs)))
    with world("numpy") as b:
        layer = ready(row)
        start = [b.to_numpy(v.value) for v in layer.trainable_variables]
    assert len(start) == train
    start += [a for a in arrays_of((row.args, row.kwargs)) if _is_float(a)]
    start = [p.astype("float64") for p in start]
    g = np.random.Generator(np.random.Philox(key=21))
    step, direction = 1e-6, [g.standard_normal(p.shape) for p in start]
    up, down = (_value_at(row, [p + s * d for p, d in zip(start, direction, strict=True)]) for s in (step, -step))
    want = (up - down) / (2 * step)
    parts = [np.asarray(f, "float64") * d for f, d in zip(found, direction, strict=True)]
    scale = sum(float(np.abs(p).sum()) for p in parts)
    got = sum(float(p.sum()) for p in parts)
    assert abs(got - want) <= SLOPE * max(scale, 1e-3), f"slope {got!r}, expected {want!r}"


def gradients(backend: str, row: Row, first: str, compiles: bool) -> None:
    """Gradients are those of another engine, element by element."""
    got, want = _found(backend, row, compiles), _found(first, row, compiles)
    largest = [float(np.abs(w).max(initial=0.0)) for w in want]
    rounding = 2e-6 * max(largest, default=0.0)  # of a gradient that is zero because others cancel in it
    for i, (g, w) in enumerate(zip(got, want, strict=True)):
        close(g, w, 0.0, GRADIENT * largest[i] + rounding, f"gradient {i}")


# ---- configs, weights, seeds -----------------------------------------------------------------------------------------


def config(backend: str, row: Row) -> None:
    """A layer made from the config, through JSON, is the same layer; weights go over bit by bit."""
    with world(backend) as b:
        layer = ready(row)
        text = json.dumps(kfront.layers.serialize(layer))
        again = kfront.layers.deserialize(json.loads(text))
        assert type(again) is type(layer), f"{type(again).__name__}, expected {type(layer).__name__}"
        assert json.dumps(kfront.layers.serialize(again)) == text or _without_build(again) == _without_build(layer)
        kind = type(layer).__dict__.get("_kf_unbound", type(layer))
        for other in (again, kind.from_config(layer.get_config())):
            args, kwargs = specs(row)
            other(*args, **kwargs, **running._training(row))
            other.set_weights(layer.get_weights())
            for v, w in zip(other.weights, layer.weights, strict=True):
                assert (v.name, v.shape, v.dtype, v.trainable) == (w.name, w.shape, w.dtype, w.trainable), w.path
                assert np.array_equal(v.numpy(), w.numpy()), f"{w.path} is not what was set"
            _compare(host(b, call(other, row, native(b, row))), result(backend, row), 0.0, "after the round trip")


def _without_build(layer: Any) -> str:
    out = dict(kfront.layers.serialize(layer))
    out.pop("build_config", None)
    return json.dumps(out)


def seeds(backend: str, row: Row) -> None:
    """A seed decides the first weights, the same bits on every engine, and what random layers draw."""
    first = _first_weights(backend, row)
    for other in (_first_weights(backend, row), _first_weights("numpy", row)):
        assert len(first) == len(other)
        for a, b in zip(first, other, strict=True):
            assert a.dtype == b.dtype and np.array_equal(a, b), "other weights from the same seed"
    if row.random:
        with world(backend, portable=False) as b:
            one, two = ready(row), ready(row)
            draws = [host(b, call(layer, row, native(b, row))) for layer in (one, two, one)]
        _compare(draws[1], draws[0], 0.0, "the same seed")
        assert not np.array_equal(draws[2][0], draws[0][0]), "the second call drew the same numbers"


def _first_weights(backend: str, row: Row) -> list[np.ndarray]:
    with world(backend) as b:
        kfront.utils.set_random_seed(SEED)
        layer = row.make()
        args, kwargs = native(b, row)
        layer(*args, **kwargs)  # not in training, which would move averages
        return layer.get_weights()


SEED = 31

# ---- files -----------------------------------------------------------------------------------------------------------


def files(backend: str, row: Row) -> None:
    """A model of the layer comes back from a `.keras` file: the same names and bits of weights, the same outputs."""
    with world(backend) as b, tempfile.TemporaryDirectory() as folder:
        layer, arguments = ready(row), specs(row)
        model = kfront.Model(running.arrays_of_specs(arguments), call(layer, row, arguments))
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        again = kfront.models.load_model(path, safe_mode=False)  # a Lambda is code
        names = [[(w.name, w.shape, w.dtype) for w in m.weights] for m in (again, model)]
        assert names[0] == names[1], f"weights {names[0]}, saved {names[1]}"
        for new, old in zip(again.weights, model.weights, strict=True):
            assert np.array_equal(new.numpy(), old.numpy()), f"{old.path} is not what was saved"
        if not row.random:  # files have no place for the states of seeds
            got = again(arrays_of((row.args, row.kwargs)), **running._training(row))
            _compare(host(b, got), result(backend, row), SAME, "loaded model")


def state_dict(backend: str, row: Row) -> None:
    """torch's `state_dict` goes into a new layer, names and bits."""
    with world(backend) as b:
        old, new = ready(row), built(row)
        saved = old.state_dict()
        assert len({id(v) for v in saved.values()}) >= len(old.weights), "weights are missing in the state_dict"
        assert list(saved) == list(new.state_dict()), "other names in a new layer"
        new.load_state_dict(saved, strict=True)
        for v, w in zip(new.weights, old.weights, strict=True):
            assert np.array_equal(v.numpy(), w.numpy()), f"{w.path} is not what was loaded"
        _compare(host(b, call(new, row, native(b, row))), result(backend, row), 0.0, "after load_state_dict")


# ---- masks -----------------------------------------------------------------------------------------------------------


def padded(backend: str, row: Row) -> None:
    """With padded and masked inputs each sample gives what it gives cut to its length."""
    arrays = arrays_of(row.args)
    time = arrays[0].shape[1]
    lengths = [max(1, time - 2 * i) for i in range(len(arrays[0]))]
    inside = np.arange(time) < np.array(lengths)[:, None]
    with world(backend) as b:
        layer = ready(row)

        def masked(a: np.ndarray) -> Any:
            t = b.convert(np.where(inside.reshape(*inside.shape, *(1,) * (a.ndim - 2)), a, np.float32(7.0)))
            if a.ndim == 3:
                return kfront.layers.Masking(7.0)(t)
            b.set_mask(t, b.convert(inside))  # Masking masks each place of an image
            state.any_mask_seen = True
            return t

        got = host(b, call(layer, row, map_arrays(masked, (row.args, row.kwargs))))[0]
        for i, n in enumerate(lengths):
            cut = map_arrays(
                lambda a, i=i, n=n: b.convert(np.ascontiguousarray(a[i : i + 1, :n])), (row.args, row.kwargs)
            )
            want = host(b, call(layer, row, cut))[0]
            part = got[i : i + 1, :n] if row.padded == "steps" else got[i : i + 1]
            _compare([part], [want], max(row.rtol, 1e-5), f"sample of {n} steps")
