"""Files: what one backend saves every other loads, predicts the same and goes on training with; Keras both ways.

A model is trained for six steps and saved as `.keras` and `.weights.h5`. Wherever it is loaded, predictions must be
the same within 1e-5, weights and optimizer state the same bit by bit, and the losses of six more steps within 1e-5
(where training draws random numbers: after the seeds were set, which Keras's formats have no place for).
Keras runs once, in a process of its own: it writes its files and reads those of all backends.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import pathlib
import subprocess
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import kfront

from ..suite import Case, close, process_of
from . import models

__all__ = ["cases"]

RTOL = 1e-5  # predictions and losses: rounding of sums


class Written(NamedTuple):
    """A file and what the model did that it was made from.

    Attributes:
        path: the `.keras` file; the `.weights.h5` file is beside it.
        outputs: predictions.
        state: values of weights and optimizer variables, empty if it was not trained.
        seeds: values of the states of seed generators.
        losses: of the training after it was saved.
    """

    path: str
    outputs: list[np.ndarray]
    state: list[np.ndarray]
    seeds: list[np.ndarray]
    losses: list[float]


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """The folder of all files; it is deleted when the process ends."""
    return tempfile.TemporaryDirectory(prefix="kfront-conformance-")


class _portable:
    """Context: a backend is current, and its random ops draw what those of the others draw."""

    def __init__(self, backend: str) -> None:
        self.scope = kfront.backend_scope(backend)

    def __enter__(self) -> Any:
        self.old = kfront.config.is_portable_random()
        kfront.config.set_portable_random(True)
        return self.scope.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self.scope.__exit__(*exc)
        kfront.config.set_portable_random(self.old)


def _state(model: Any) -> list[np.ndarray]:
    return [v.numpy() for v in (*model.weights, *model.optimizer.variables)]


def _seeds(model: Any) -> list[Any]:
    weights = {id(v) for v in model.weights}
    return [v for v in model.variables if id(v) not in weights]


@functools.cache
def _write(backend: str, name: str) -> Written:
    """Train (where the backend can) and save a model."""
    folder = pathlib.Path(_folder().name) / backend
    folder.mkdir(exist_ok=True)
    path = f"{folder}/{name}.keras"
    with _portable(backend) as b:
        kfront.utils.clear_session()
        model = models.train(kfront, name)
        if b.trainable:
            models.go_on(model, name)
        model.save(path)
        model.save_weights(path.replace(".keras", ".weights.h5"))
        outputs = models.predictions(model, name)
        if not b.trainable:
            return Written(path, outputs, [], [], [])
        state, seeds = _state(model), [v.numpy() for v in _seeds(model)]
        return Written(path, outputs, state, seeds, models.go_on(model, name))


def _same(got: list[np.ndarray], want: list[np.ndarray], what: str = "prediction") -> None:
    assert len(got) == len(want), f"{len(got)} arrays, expected {len(want)}"
    for g, w in zip(got, want, strict=True):
        close(g, w, RTOL, RTOL, what)


def _loaded(backend: str, written: Written, name: str) -> None:
    """What must hold for a `.keras` file on a backend."""
    with _portable(backend) as b:
        model = kfront.saving.load_model(written.path)
        assert model._kf_backend is b
        model.jit_compile = "auto"  # Keras writes down what it chose for its own engine
        _same(models.predictions(model, name), written.outputs)
        if written.state:
            for i, (g, w) in enumerate(zip(_state(model), written.state, strict=True)):
                assert g.shape == w.shape and np.array_equal(g, w), f"variable {i} of weights and optimizer differs"
            for v, seed in zip(_seeds(model), written.seeds, strict=bool(written.seeds)):
                v.assign(seed)
            if b.trainable and written.losses:
                close(models.go_on(model, name), written.losses, RTOL, 1e-7, "losses of further training")


def _weights(backend: str, path: str, outputs: list[np.ndarray], name: str) -> None:
    """What must hold for a file of weights on a backend."""
    with _portable(backend):
        model = models.MODELS[name].build(kfront)
        model.load_weights(path.replace(".keras", ".weights.h5"))
        _same(models.predictions(model, name), outputs)


# ---- Keras -----------------------------------------------------------------------------------------------------------


def _keras_engine() -> str | None:
    """The engine that Keras runs on here, None without Keras."""
    if importlib.util.find_spec("keras") is None:
        return None
    return next((n for n in ("jax", "torch", "tensorflow") if importlib.util.find_spec(n) is not None), None)


@functools.cache
def _run_keras(backends: tuple[str, ...]) -> None:
    """Write all files, then let Keras write and read its own."""
    for name in models.MODELS:
        for backend in backends:
            _write(backend, name)
    settings = {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "KERAS_HOME": _folder().name}
    command, env = process_of("files.keras_side", KERAS_BACKEND=str(_keras_engine()), **settings)
    command += [_folder().name, ",".join(models.MODELS)]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"Keras failed: {done.stderr[-2000:]}"


def _arrays(path: str) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[n] for n in file.files]


def _check_error(path: str) -> None:
    error = pathlib.Path(f"{path}.error")
    assert not error.exists(), error.read_text()[-1500:]


def _from_keras(backends: tuple[str, ...], backend: str, name: str) -> None:
    """Keras's files, on a backend."""
    _run_keras(backends)
    path = f"{_folder().name}/keras/{name}.keras"
    _check_error(path)
    losses = [] if models.MODELS[name].noisy else json.loads(pathlib.Path(f"{path}.losses").read_text())
    written = Written(path, _arrays(f"{path}.npz"), _arrays(f"{path}.state.npz"), [], losses)
    _loaded(backend, written, name)
    _weights(backend, path, written.outputs, name)


def _to_keras(backends: tuple[str, ...], backend: str, name: str) -> None:
    """A backend's files, in Keras."""
    _run_keras(backends)
    written = _write(backend, name)
    _check_error(written.path)
    _same(_arrays(f"{written.path}.keras_side.npz"), written.outputs)
    _same(_arrays(f"{written.path}.weights.npz"), written.outputs, "prediction with the file of weights")
    if written.state:
        for i, (g, w) in enumerate(zip(_arrays(f"{written.path}.keras_side.state.npz"), written.state, strict=True)):
            assert np.array_equal(g, w), f"variable {i} of weights and optimizer differs"
        if not models.MODELS[name].noisy:
            losses = json.loads(pathlib.Path(f"{written.path}.keras_side.losses").read_text())
            close(losses, written.losses, RTOL, 1e-7, "losses of further training in Keras")


# ---- cases -----------------------------------------------------------------------------------------------------------


def _pairs(backends: list[str], quick: bool) -> list[tuple[str, str]]:
    """(saved on, loaded on); with `quick` each backend's files on the next one only."""
    if quick:
        return list(zip(backends, [*backends[1:], backends[0]], strict=True))
    return [(a, b) for a in backends for b in backends]


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """The matrix of all pairs of backends, then Keras."""
    for name in models.MODELS:
        for first, second in _pairs(backends, quick):
            yield Case(
                "files",
                f"{name}/.keras from {first}",
                second,
                lambda n=name, a=first, b=second: _loaded(b, _write(a, n), n),
            )
            yield Case(
                "files",
                f"{name}/.weights.h5 from {first}",
                second,
                lambda n=name, a=first, b=second: _weights(b, _write(a, n).path, _write(a, n).outputs, n),
            )
    if _keras_engine() is None:
        yield Case("files", "with Keras: skipped, as it is not installed", "all", lambda: None)
        return
    chosen = tuple(backends[:1] if quick else backends)
    for name in models.MODELS:
        for backend in backends:
            yield Case(
                "files", f"Keras/{name} from Keras", backend, lambda n=name, b=backend: _from_keras(chosen, b, n)
            )
        for backend in chosen:
            yield Case("files", f"Keras/{name} to Keras", backend, lambda n=name, b=backend: _to_keras(chosen, b, n))
