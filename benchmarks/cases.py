"""What is measured: each case yields rows; candidates of a case are built fresh."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks import models
from benchmarks.bench import Bench
from benchmarks.files import file_memory, files, table_files
from benchmarks.generation import generating
from benchmarks.hub import hub
from benchmarks.layer_rows import compiled_layers, eager_layers
from benchmarks.once import epochs
from benchmarks.programs import PROGRAMS, programs
from benchmarks.strings import string_layers
from benchmarks.timing import Row, count_calls, per_call
from benchmarks.tuned_rows import tuned_kernels

__all__ = ["CASES"]


_OPS: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "add": lambda k: k.ops.add,
    "matmul": lambda k: k.ops.matmul,
    "reshape": lambda k: lambda x, f=k.ops.reshape: f(x, (-1,)),
    "softmax": lambda k: lambda x, f=k.ops.softmax: f(x, -1),
    "concatenate": lambda k: lambda x, f=k.ops.concatenate: f((x, x), 0),
    "mean": lambda k: lambda x, f=k.ops.mean: f(x, -1),
}
_OP_LIMIT = {"torch": 1.0, "jax": 1.2, "numpy": 2.5, "tensorflow": 5.0}


def _numpy_ops() -> dict[str, Callable[..., Any]]:
    def softmax(x: Any) -> Any:
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    return {
        "add": np.add,
        "matmul": np.matmul,
        "reshape": lambda x: np.reshape(x, (-1,)),
        "softmax": softmax,
        "concatenate": lambda x: np.concatenate((x, x), 0),
        "mean": lambda x: np.mean(x, -1),
    }


def op_calls(bench: Bench) -> Iterator[Row]:
    """Microseconds over the native call, tiny arrays."""
    x = np.ones((4, 4), "float32")
    native = _numpy_ops() if bench.native is None else bench.native.ops()
    t = x if bench.native is None else bench.native.tensor(x)
    for name, of in _OPS.items():
        two = name in ("add", "matmul")
        args = (t, t) if two else (t,)
        candidates = {"native": native[name], **{k: of(api) for k, api in bench.apis().items()}}
        times = per_call({k: (lambda f=f, a=args: f(*a)) for k, f in candidates.items()})
        over = {k: v - times["native"] for k, v in times.items()}
        yield Row(f"op {name}", "us", over["kfront"], over.get("keras"), times["native"], _OP_LIMIT[bench.engine])


def layer_calls(bench: Bench) -> Iterator[Row]:
    """Eager calls of layers."""
    if bench.native is None:
        return
    t = bench.native.tensor(np.ones((1, 16), "float32"))
    dense = bench.native.dense(16, 16)

    def layer(api: Any) -> Callable[[], Any]:
        one = api.layers.Dense(16)
        one(t)
        return lambda: one(t)

    limit = 2.0 if bench.engine == "torch" else None
    yield bench.ratio("Dense call", lambda: dense(t), layer, limit, n=200)
    if bench.engine == "torch":
        net = bench.native.build("deep", 20)

        def deep(api: Any) -> Callable[[], Any]:
            model = models.deep(api, 20)
            return lambda: model(t)

        yield bench.ratio("20-layer MLP call, batch 1", lambda: net(t), deep, limit, n=20)


def building(bench: Bench) -> Iterator[Row]:
    """Building 100 Dense layers with their weights, which stay as those of a model do; old ones are collected first."""
    if bench.engine != "torch":
        return

    def make(api: Any) -> Callable[[], Any]:
        def run() -> None:
            made = [api.layers.Dense(64) for _ in range(100)]
            for layer in made:
                layer.build((None, 64))

        return run

    native = lambda: [bench.native.dense(64, 64) for _ in range(100)]  # noqa: E731
    yield bench.ratio("build 100 Dense", native, make, 2.5, settle=gc.collect)


_FIT = ("mlp", "cnn", "lstm", "text", "transformer")
_STEPS = {"mlp": 64, "text": 64, "lstm": 8}  # per epoch; 20 for the others
_DEPTHS = (10, 100, 400)
_FEW = 3  # rounds of what takes seconds


def fitting(bench: Bench) -> Iterator[Row]:
    """Training epochs, batch 32."""
    if bench.native is None:
        return
    limit = 1.1 if bench.engine == "torch" else 1.05
    for kind in filter(bench.wants, _FIT):
        yield _epochs(bench, kind, 0, _STEPS.get(kind, 20), limit)


def depths(bench: Bench) -> Iterator[Row]:
    """Training epochs of narrow networks: what a layer costs beside its arithmetic."""
    if bench.native is None:
        return
    for depth in (d for d in _DEPTHS if bench.wants(f"deep{d}")):
        yield _epochs(bench, "deep", depth, 20 if depth < 400 else 10, 1.2)


def _epochs(bench: Bench, kind: str, depth: int, steps: int, limit: float) -> Row:
    ratios, base, spread = epochs(bench, kind, depth, steps)
    return Row(f"fit {kind}{depth or ''}", "x", ratios["kfront"], ratios.get("keras"), base, limit, spread)


_OPTIMIZERS = ("SGD", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam", "Adagrad", "Adadelta")


def updates(bench: Bench) -> Iterator[Row]:
    """Eager steps of optimizers over 400 weights, beside torch's own, which take several weights at once as well."""
    if bench.engine != "torch":
        return
    shape, count = (64, 64), 400
    for name in filter(bench.wants, _OPTIMIZERS):
        options = {"momentum": 0.9} if name == "SGD" else {}

        def step(api: Any, name: str = name, options: dict[str, Any] = options) -> Callable[[], Any]:
            weights = [api.Variable(np.ones(shape, "float32")) for _ in range(count)]
            gradients = [bench.native.tensor(np.full(shape, 0.01, "float32")) for _ in range(count)]
            optimizer = getattr(api.optimizers, name)(1e-3, **options)
            optimizer.build(weights)
            return lambda: optimizer.apply(gradients)

        native = bench.native.update(name, options, shape, count)
        yield bench.ratio(f"{name} of {count} weights", native, step, 1.2, n=3)


def inference(bench: Bench) -> Iterator[Row]:
    """evaluate and predict of small models, batch 32."""
    if bench.native is None:
        return
    for kind in filter(bench.wants, _FIT):
        x, y = models.data(kind, 32 * _STEPS.get(kind, 20))
        net = bench.native.build(kind)

        def evaluate(api: Any, kind: str = kind, x: Any = x, y: Any = y) -> Callable[[], Any]:
            model = models.make(api, kind)
            return lambda: model.evaluate(x, y, batch_size=32, verbose=0)

        def predict(api: Any, kind: str = kind, x: Any = x) -> Callable[[], Any]:
            model = models.make(api, kind)
            return lambda: model.predict(x, batch_size=32, verbose=0)

        yield bench.ratio(f"evaluate {kind}", bench.native.evaluate(net, x, y, 32), evaluate, 1.5)
        yield bench.ratio(f"predict {kind}", bench.native.predict(net, x, 32), predict, 1.2)


def small_calls(bench: Bench) -> Iterator[Row]:
    """Single calls of the MLP: what `fit` and `predict` cost beside the step."""
    if bench.native is None:
        return
    x, y = models.data("mlp", 32)
    net = bench.native.build("mlp")

    def predict_one(api: Any) -> Callable[[], Any]:
        model = models.mlp(api)
        return lambda: model.predict(x[:1], verbose=0)

    def predict_on_batch(api: Any) -> Callable[[], Any]:
        model = models.mlp(api)
        return lambda: model.predict_on_batch(x)

    def fit_one(api: Any) -> Callable[[], Any]:
        model = models.mlp(api)
        return lambda: model.fit(x, y, verbose=0)

    def on_batch(api: Any) -> Callable[[], Any]:
        model = models.mlp(api)
        return lambda: model.train_on_batch(x, y)

    yield bench.ratio("predict one sample", bench.native.predict_one(net, x[:1]), predict_one, 1.2, n=20)
    yield bench.ratio("predict_on_batch", bench.native.predict_one(net, x), predict_on_batch, 1.2, n=20)
    yield bench.ratio("fit one step", bench.native.fit(net, x, y, 32), fit_one, 2.0, n=10)
    yield bench.ratio("train_on_batch", bench.native.train_one(net, x, y), on_batch, 1.2, n=10)


def python_calls(bench: Bench) -> Iterator[Row]:
    """Python functions entered per training step of the MLP (no timing noise)."""
    if bench.native is None:
        return
    few, many = models.data("mlp", 64), models.data("mlp", 64 + 320)

    def per_step(run: Callable[[Any], Callable[[], Any]]) -> float:
        return (count_calls(run(many)) - count_calls(run(few))) / 10

    def native(d: Any) -> Callable[[], Any]:
        return bench.native.fit(bench.native.build("mlp"), *d, 32)

    def of(api: Any) -> Callable[[Any], Callable[[], Any]]:
        return lambda d: lambda m=models.mlp(api): m.fit(*d, batch_size=32, verbose=0)

    counts = {k: per_step(of(api)) for k, api in bench.apis().items()}
    limit = 900.0 if bench.engine == "torch" else None
    yield Row("Python calls per fit step", "calls", counts["kfront"], counts.get("keras"), per_step(native), limit)


def first_step(bench: Bench) -> Iterator[Row]:
    """Model made, compiled and trained for one step, from nothing."""
    if bench.native is None:
        return
    for kind, limit in (("mlp", None), ("lstm", 2.0 if bench.engine == "torch" else None)):
        x, y = models.data(kind, 32)

        def native(kind: str = kind, x: Any = x, y: Any = y) -> None:
            bench.native.fit(bench.native.build(kind), x, y, 32)()

        def first(api: Any, kind: str = kind, x: Any = x, y: Any = y) -> Callable[[], Any]:
            return lambda: models.make(api, kind).fit(x, y, verbose=0)

        yield bench.ratio(f"build and first step, {kind}", native, first, limit)


_IMPORT = """import time
import {engine}
start = time.perf_counter()
import {api}
{use}
print(time.perf_counter() - start)"""


def imports(bench: Bench) -> Iterator[Row]:
    """Milliseconds to import the frontend and touch its layers, the engine being imported already.

    Python's own compilation to bytecode is left out: the first of the runs makes it.
    """
    results: dict[str, float] = {}
    uses = {"kfront": "kfront.layers.Dense; kfront.ops.add; kfront.Sequential", "keras": "keras.layers.Dense"}
    with tempfile.TemporaryDirectory() as bytecode:
        env = {**os.environ, "KERAS_BACKEND": bench.engine, "PYTHONPYCACHEPREFIX": bytecode}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for name in bench.apis():
            code = [sys.executable, "-c", _IMPORT.format(engine=bench.engine, api=name, use=uses[name])]
            found = [
                float(subprocess.run(code, env=env, capture_output=True, text=True, check=True).stdout)
                for _ in range(6)
            ]
            results[name] = sorted(found[1:])[2] * 1e3
    yield Row("import after the engine", "ms", results["kfront"], results.get("keras"), 0.0, 150.0)


def _rss() -> float:
    with open("/proc/self/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def memory(bench: Bench) -> Iterator[Row]:
    """Megabytes that 20 repeated fits and 200 re-created models add."""
    if bench.native is None:
        return

    x, y = models.data("mlp", 320)
    model = models.mlp(bench.kfront)
    for _ in range(5):
        model.fit(x, y, verbose=0)
    gc.collect()
    start = _rss()
    for _ in range(20):
        model.fit(x, y, verbose=0)
    gc.collect()
    yield Row("20 repeated fits", "MB", _rss() - start, None, 0.0, 5.0)

    def cycle() -> None:
        one = models.deep(bench.kfront, 3)
        one(bench.native.tensor(np.ones((1, 16), "float32")))

    for _ in range(50):
        cycle()
    gc.collect()
    start = _rss()
    for _ in range(200):
        cycle()
    gc.collect()
    yield Row("200 re-created models", "MB", _rss() - start, None, 0.0, 5.0)


def peak(bench: Bench) -> Iterator[Row]:
    """The most memory that training takes beyond the data, each candidate in a process of its own."""
    if bench.native is None:
        return
    found: dict[str, float] = {}
    for name in ("native", *bench.apis()):
        command = [sys.executable, "-m", "benchmarks.memory", "--peak", name, "--backend", bench.engine]
        env = {**os.environ, "KERAS_BACKEND": bench.engine}
        out = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
        found[name] = float(out.split()[-1])
    base = found["native"]
    yield Row(
        "peak memory of fit", "x", found["kfront"] / base, found["keras"] / base if bench.keras else None, base, 1.1
    )


def symbolic_calls(bench: Bench) -> Iterator[Row]:
    """Microseconds of the inference of shapes and dtypes: the slowest ops of the conformance table."""
    from benchmarks.symbolic import measure

    for row in measure()[:15]:
        yield Row(f"symbolic {row.op} ({row.sample[:40]})", "us", row.recorded, None, 0.0, 50.0)


def whole_programs(bench: Bench) -> Iterator[Row]:
    """Programs from their first import to their end."""
    if bench.native is not None:
        yield from programs(bench.engine, filter(bench.wants, PROGRAMS), _FEW, bench.keras is not None)


CASES: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "ops": op_calls,
    "symbolic": symbolic_calls,
    "layers": layer_calls,
    "eager_layers": eager_layers,
    "compiled_layers": compiled_layers,
    "tuned": tuned_kernels,
    "build": building,
    "fit": fitting,
    "depths": depths,
    "updates": updates,
    "inference": inference,
    "generate": generating,
    "hub": hub,
    "programs": whole_programs,
    "small": small_calls,
    "calls": python_calls,
    "first": first_step,
    "files": files,
    "file_memory": file_memory,
    "table_files": table_files,
    "strings": string_layers,
    "import": imports,
    "memory": memory,
    "peak": peak,
}
