"""Models as `torch.export` programs and as ONNX graphs."""

from __future__ import annotations

import contextlib
import inspect
import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch.utils._pytree import tree_leaves  # dicts in their own order, as programs take them

from kfront.core import tree
from kfront.core.errors import ArgumentError, BackendError, SavingError
from kfront.export.signature import named_outputs
from kfront.saving.atomic import atomic_write

__all__ = ["write_onnx", "write_torch"]

_SIZE = 32  # of unknown dimensions in the inputs that are traced; no program depends on it, which torch checks
_MOST = (1 << 31) - 1  # bytes that a protobuf message may have


def write_torch(
    model: Any,
    signature: tuple[Any, ...],
    path: str,
    *,
    strict: bool = False,
    dynamic_shapes: Any = None,
    prefer_deferred_runtime_asserts_over_guards: bool = False,
    preserve_module_call_signature: tuple[str, ...] = (),
) -> None:
    """A model as a program for `torch.export.load`.

    Args:
        model: the model.
        signature: its arguments.
        path: the file, which ends in ".pt2".
        strict: whether TorchDynamo reads the Python code, instead of its being run.
        dynamic_shapes: an entry for each argument, as `torch.export.export` takes it; every unknown dimension if None.
        prefer_deferred_runtime_asserts_over_guards: as `torch.export.export` takes it.
        preserve_module_call_signature: likewise.

    Raises:
        ArgumentError: if the path has another ending.
    """
    if not path.endswith(".pt2"):
        raise ArgumentError(f"[export] expected a path that ends in '.pt2' for 'torch', got {path!r}.")
    options: dict[str, Any] = {"strict": strict, "preserve_module_call_signature": preserve_module_call_signature}
    if prefer_deferred_runtime_asserts_over_guards:  # which older versions do not know
        options["prefer_deferred_runtime_asserts_over_guards"] = True
    program = _program(model, signature, dynamic_shapes, **options)
    with atomic_write(path) as file:
        torch.export.save(program, file)


def write_onnx(model: Any, signature: tuple[Any, ...], path: str, *, opset_version: int | None = None) -> None:
    """A model as an ONNX graph in one file.

    Args:
        model: the model.
        signature: its arguments.
        path: the file.
        opset_version: version of the ONNX operators; torch's choice if None.

    Raises:
        BackendError: without the packages onnx and onnxscript.
        SavingError: if it is larger than the 2 GiB that such a file can have.
    """
    try:
        import onnx  # noqa: F401  # pyright: ignore[reportMissingImports]
        import onnxscript  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise BackendError(
            "[export] expected the packages onnx and onnxscript, got none; do `pip install 'kfront[onnx]'`."
        ) from error
    outputs = list(named_outputs(model.compute_output_spec(*signature)))
    with _quiet("torch.onnx"):
        graph = torch.onnx.export(
            _program(model, signature, None),
            input_names=[x.name for x in tree_leaves(signature)],
            output_names=outputs,
            opset_version=opset_version,
            dynamo=True,
            verbose=False,
        )
    assert graph is not None
    proto = graph.model_proto
    if proto.ByteSize() > _MOST:
        raise SavingError(f"[export] expected at most 2 GiB for 'onnx', got {proto.ByteSize()} bytes; use 'torch'.")
    with atomic_write(path) as file:
        file.write(proto.SerializeToString())


def _program(model: Any, signature: tuple[Any, ...], dynamic: Any, **options: Any) -> Any:
    """The model as a `torch.export` program, in inference mode."""
    device = next((p.device for p in model.parameters()), None)

    def example(x: Any) -> Any:
        shape = [_SIZE if n is None else n for n in x.shape]
        return torch.zeros(shape, dtype=model._backend.native_dtype(x.dtype), device=device)

    def free(x: Any) -> Any:
        return {i: torch.export.Dim.DYNAMIC for i, n in enumerate(x.shape) if n is None}

    inputs = tree.map_structure(example, signature)
    dims = tuple(tree.map_structure(free, signature) if dynamic is None else dynamic)
    parameters = inspect.signature(model.forward).parameters.values()
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    with _inference(model):
        return torch.export.export(model, inputs, dynamic_shapes=(dims,) if several else dims, **options)


@contextlib.contextmanager
def _inference(model: Any) -> Iterator[None]:
    """All modules in evaluation mode, and as they were at the end."""
    training = [m for m in model.modules() if m.training]
    for m in training:
        m.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for m in training:
            m.training = True


@contextlib.contextmanager
def _quiet(name: str) -> Iterator[None]:
    """No warnings of optional packages that nothing here needs."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
