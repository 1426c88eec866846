"""`Model.export`: which engine writes which format. The writers are in `backends/<engine>/export.py`."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kfront.backends import backend_scope, get
from kfront.core import tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, KfrontError, UnsupportedError
from kfront.core.state import state
from kfront.core.typing import Backend
from kfront.export.signature import model_signature, standardize_signature
from kfront.layers.preprocess.host_layer import HostLayer
from kfront.models.cloning import convert

if TYPE_CHECKING:
    from kfront.layers.base import Layer
    from kfront.models.model import Model

_STRINGS = "tf_saved_model"  # the format that holds operations on strings
# format -> the engine that a model of another one is moved to for it
_HOME = {
    **dict.fromkeys(("tf_saved_model", "litert"), "tensorflow"),
    **dict.fromkeys(("torch", "torch_aot", "onnx", "openvino"), "torch"),
    "stablehlo": "jax",
}


def export_model(
    model: Model,
    filepath: str | os.PathLike[str],
    format: str,
    verbose: bool | None,
    input_signature: object,
    options: Mapping[str, object],
) -> None:
    """Write a model in a format for serving; see `Model.export`."""
    if not isinstance(filepath, (str, os.PathLike)):
        raise ArgumentTypeError(f"[export] expected `filepath` to be a path, got {type(filepath).__name__}.")
    backend = model._kf_backend
    if format not in _HOME and format not in backend.exports:
        raise ArgumentError(f"[export] expected `format` to be one of {', '.join(map(repr, _HOME))}, got {format!r}.")
    if format not in backend.exports or host_layers(model, backend, format):
        backend = get(_HOME[format])
    refuse_host_layers(model, backend, format)
    if input_signature is None:
        signature = model_signature(model)
    else:
        signature = standardize_signature(input_signature)
    if not model.built:
        with backend_scope(model._kf_backend):
            model.compute_output_spec(*signature)
    if backend is not model._kf_backend:
        model = convert(model, backend.name)
    write = backend.exporter(format)
    known = [p.name for p in inspect.signature(write).parameters.values() if p.kind is p.KEYWORD_ONLY]
    if set(options) - set(known):
        unknown = ", ".join(sorted(set(options) - set(known)))
        raise ArgumentTypeError(f"[export] expected options of {format!r} among {known or 'none'}, got {unknown}.")
    try:
        with backend_scope(backend), inference():
            write(model, signature, os.fspath(filepath), **options)
    except KfrontError:
        raise
    except Exception as error:
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        raise UnsupportedError(
            f"[export] expected a model that {backend.name} can trace for {format!r} with the signature "
            f"{_shown(signature)}, got {type(first).__name__}: {str(first).strip().partition(chr(10))[0]}; "
            "if that is about a size, give those that are None in `input_signature`."
        ) from error
    if verbose:
        print(f"Exported {model.name!r} to {os.fspath(filepath)} ({format}).")


@contextlib.contextmanager
def inference() -> Iterator[None]:
    """Without a `training` argument, layers run as in `predict`, random layers for images among them."""
    before, state.training = state.training, False
    try:
        yield
    finally:
        state.training = before


def _shown(signature: tuple[object, ...]) -> str:
    return ", ".join(f"{x.name}: {x.dtype}{x.shape}" for x in tree.flatten(signature))


def host_layers(model: Layer, backend: Backend, format: str = _STRINGS) -> list[str]:
    """The names of layers that need Python, or what a format has not, when they run on a backend."""
    hosted = [layer for layer in model._flatten_layers() if isinstance(layer, HostLayer)]
    native = "native_on" if format == _STRINGS else "in_ops"
    return [layer.name for layer in hosted if getattr(layer, native)(backend) is None]


def refuse_host_layers(model: Layer, backend: Backend, format: str = _STRINGS) -> None:
    """Check that no layer needs Python when it runs.

    Raises:
        UnsupportedError: if one does.
    """
    found = host_layers(model, backend, format)
    if found:
        raise UnsupportedError(
            f"[export] expected layers that {format!r} can hold, got {', '.join(found)}, which need Python there; "
            "leave them out of the exported model and apply them to the data before"
            + (f", or use the format {_STRINGS!r}." if format != _STRINGS else ".")
        )
