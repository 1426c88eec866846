"""Models as `torch.export` programs, as packages of compiled code, as ONNX graphs and for OpenVINO."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves  # dicts in their own order, as programs take them

from kfront.backends.typing import Axes, Closure
from kfront.core import tree
from kfront.core.errors import ArgumentError, BackendError, SavingError
from kfront.core.files import atomic_write
from kfront.core.typing import Nested
from kfront.export.openvino import replace_pair
from kfront.export.signature import named_outputs

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor
    from kfront.models.model import Model


_SIZE = 32  # of unknown dimensions in the inputs that are traced; no program depends on it, which torch checks
_MOST = (1 << 31) - 1  # bytes that a protobuf message may have


def write_torch(
    model: Model,
    signature: tuple[Nested[KerasTensor], ...],
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
        dynamic_shapes: an entry for each argument, or that of the only one, as `torch.export.export` takes it; every
            unknown dimension if None.
        prefer_deferred_runtime_asserts_over_guards: as `torch.export.export` takes it.
        preserve_module_call_signature: likewise.

    Raises:
        ArgumentError: if the path has another ending.
    """
    _check_ending(path, ".pt2", "torch")
    options: dict[str, object] = {"strict": strict, "preserve_module_call_signature": preserve_module_call_signature}
    if prefer_deferred_runtime_asserts_over_guards:  # which older versions do not know
        options["prefer_deferred_runtime_asserts_over_guards"] = True
    program = _program(model, signature, dynamic_shapes, **options)
    with atomic_write(path) as file:
        torch.export.save(program, file)


def write_onnx(
    model: Model, signature: tuple[Nested[KerasTensor], ...], path: str, *, opset_version: int | None = None
) -> None:
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
    for name in ("onnx", "onnxscript"):
        _package(name, "onnx")
    outputs = list(named_outputs(model.compute_output_spec(*signature)))
    with _quiet("torch.onnx"):
        graph = torch.onnx.export(
            _program(model, signature, None).run_decompositions(_elementary()),
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


def write_openvino(
    model: Model, signature: tuple[Nested[KerasTensor], ...], path: str, *, compress_to_fp16: bool = False
) -> None:
    """A model for OpenVINO: the graph in the file, the weights in one beside it that ends in ".bin".

    Args:
        model: the model.
        signature: its arguments.
        path: the file, which ends in ".xml".
        compress_to_fp16: whether weights are stored with 16 bits.

    Raises:
        ArgumentError: if the path has another ending.
        BackendError: without the package openvino.
    """
    _check_ending(path, ".xml", "openvino")
    openvino = _package("openvino", "openvino")
    outputs = list(named_outputs(model.compute_output_spec(*signature)))
    made = _in_openvino(_program(model, signature, None).run_decompositions(_elementary()))
    for ports, names in ((made.inputs, [x.name for x in tree_leaves(signature)]), (made.outputs, outputs)):
        for port, name in zip(ports, names, strict=True):
            port.get_tensor().set_names({name})
    made.set_friendly_name(model.name)
    with tempfile.TemporaryDirectory(prefix="kfront-export-") as folder:
        openvino.save_model(made, os.path.join(folder, "model.xml"), compress_to_fp16=compress_to_fp16)
        replace_pair(os.path.join(folder, "model"), path.removesuffix(".xml"))


def _in_openvino(program: Any) -> Any:
    """A program as a model of OpenVINO; `convert_model` looks for one of TensorFlow first, which can fail."""
    from openvino.frontend import FrontEndManager  # a library of one format
    from openvino.frontend.pytorch.fx_decoder import TorchFXPythonDecoder  # as above

    reader = FrontEndManager().load_by_framework("pytorch")
    decoder = TorchFXPythonDecoder.from_exported_program(program)  # `load` does not keep it
    return reader.convert(reader.load(decoder))


def write_torch_aot(
    model: Model,
    signature: tuple[Nested[KerasTensor], ...],
    path: str,
    *,
    inductor_configs: dict[str, object] | None = None,
) -> None:
    """A model as machine code for this kind of machine, for `torch._inductor.aoti_load_package`.

    Args:
        model: the model.
        signature: its arguments.
        path: the file, which ends in ".pt2".
        inductor_configs: options of TorchInductor.

    Raises:
        ArgumentError: if the path has another ending.
        BackendError: without a C++ compiler.
    """
    from torch._inductor import aoti_compile_and_package, cpp_builder  # the compiler

    _check_ending(path, ".pt2", "torch_aot")
    try:
        cpp_builder.get_cpp_compiler()
    except Exception as error:
        raise BackendError(
            "[export] expected a C++ compiler for 'torch_aot', got none; install g++ or clang, or use 'torch'."
        ) from error
    program = _program(model, signature, None)
    with tempfile.TemporaryDirectory(prefix="kfront-export-") as folder:
        package = os.path.join(folder, "model.pt2")
        with torch.no_grad():
            aoti_compile_and_package(program, package_path=package, inductor_configs=inductor_configs)
        _move(package, path)


def _check_ending(path: str, ending: str, format: str) -> None:
    if not path.endswith(ending):
        raise ArgumentError(f"[export] expected a path that ends in {ending!r} for {format!r}, got {path!r}.")


def _package(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BackendError(
            f"[export] expected the package {name}, got none; do `pip install 'kfront[{extra}]'`."
        ) from error


def _move(source: str, target: str) -> None:
    with open(source, "rb") as made, atomic_write(target) as file:
        shutil.copyfileobj(made, file)


# ---- programs --------------------------------------------------------------------------------------------------------


def _elementary() -> dict[Any, Any]:
    """Operators that the translators to other formats do not know, in others that they do."""
    aten = torch.ops.aten
    return {
        aten.searchsorted.Tensor: _searchsorted,
        aten.index.Tensor: _index,
        aten.sort.stable: lambda x, *, stable=None, dim=-1, descending=False: aten.sort.default(x, dim, descending),
        aten.amax.default: lambda x, *rest: _over_all(aten.amax.default, x, *rest),
        aten.amin.default: lambda x, *rest: _over_all(aten.amin.default, x, *rest),
    }


def _index(x: Tensor, indices: Sequence[Tensor | None]) -> Tensor:
    """Indexing by 64-bit integers."""
    if not any(i is not None and i.dtype == torch.int32 for i in indices):
        return NotImplemented
    wide = [i.long() if i is not None and i.dtype == torch.int32 else i for i in indices]
    return torch.ops.aten.index.Tensor(x, wide)


def _over_all(op: Closure[Tensor], x: Tensor, dim: Axes = (), keepdim: bool = False) -> Tensor:
    """A reduction that names the dimensions even if it is over all."""
    return NotImplemented if dim or not x.ndim else op(x, list(range(x.ndim)), keepdim)


def _searchsorted(
    limits: Tensor,
    x: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """How many of the limits are below, by comparing with each; NaN is above all."""
    limits = limits if sorter is None else limits.gather(-1, sorter)
    limits, x = limits.unsqueeze(-2) if limits.ndim > 1 else limits, x.unsqueeze(-1)
    above = limits > x if right or side == "right" else limits >= x
    return above.logical_not().sum(-1, dtype=torch.int32 if out_int32 else torch.int64)


def _program(model: Model, signature: tuple[Nested[KerasTensor], ...], dynamic: Any, **options: object) -> Any:
    """The model as a `torch.export` program, in inference mode."""
    device = next((p.device for p in model.parameters()), None)

    def example(x: KerasTensor) -> Tensor:
        shape = [_SIZE if n is None else n for n in x.shape]
        return torch.zeros(shape, dtype=model._kf_backend.native_dtype(x.dtype), device=device)

    def free(x: Tensor) -> Any:
        return {i: torch.export.Dim.DYNAMIC for i, n in enumerate(x.shape) if n is None}

    inputs = tree.map_structure(example, signature)
    dims = (dynamic,) if isinstance(dynamic, dict) else dynamic  # of the only input
    dims = tuple(tree.map_structure(free, signature) if dims is None else dims)
    if len(dims) == 1 and isinstance(dims[0], tuple) and not tree.is_nested(signature[0]):
        (dims,) = dims  # as for a module with `*args`, which Keras exports
    parameters = inspect.signature(model.forward).parameters.values()
    several = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    with _inference(model):
        return torch.export.export(model, inputs, dynamic_shapes=(dims,) if several else dims, **options)


@contextlib.contextmanager
def _inference(model: Model) -> Iterator[None]:
    """All modules in evaluation mode, and as they were at the end."""
    modes = [(m, m.training) for m in model.modules()]
    for m, _ in modes:
        m.training = False
    try:
        with torch.enable_grad():  # what is recorded may later be differentiated
            yield
    finally:  # of all: a module that torch puts the model into gives it its own mode
        for m, mode in modes:
            m.training = mode


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
