"""What an exported function takes: shapes and dtypes, None where any size will do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from kfront.core import tree
from kfront.core.errors import ArgumentError, NotBuiltError
from kfront.core.spec import KerasTensor
from kfront.core.typing import Tensor


def model_signature(model: Any) -> tuple[object, ...]:
    """The positional arguments of a built model, as structures of KerasTensors, for batches of any size.

    Raises:
        NotBuiltError: if it has never seen inputs.
    """
    structure = getattr(model, "_inputs_struct", None)
    if structure is None and getattr(model, "_kf_head", None) is not None:
        structure = model.inputs[0]
    if structure is not None:
        free = tree.map_structure(lambda x: KerasTensor((None, *x.shape[1:]), x.dtype, name=x.name), structure)
        return standardize_signature([free])
    given, named = getattr(model, "_kf_build_shapes", None) or ((), {})
    seen = [*given, *named.values()]
    if not seen:
        raise NotBuiltError(
            f"[export] expected a model whose inputs are known, got {model.name!r}, which is not built; call it on "
            "data or pass `input_signature`."
        )
    shapes = tree.map_shape_structure(lambda s: KerasTensor(s, model.input_dtype, name=""), seen)
    return standardize_signature(shapes)


def standardize_signature(signature: object, names: Sequence[str] = ()) -> tuple[object, ...]:
    """Positional arguments as structures of KerasTensors, each with a name of its own.

    Args:
        signature: a list or tuple, one entry an argument: structures of InputSpecs, KerasTensors, `tf.TensorSpec`s or
            tensors, whatever has a shape and a dtype. One alone stands for a list of one.
        names: what arguments are called that have no name of their own; else "inputs".

    Raises:
        ArgumentError: if one of them has no known rank.
    """
    arguments = list(signature) if isinstance(signature, (list, tuple)) else [signature]
    taken: set[str] = set()

    def one(x: Tensor, usual: str) -> KerasTensor:
        name = re.sub(r"\W", "_", getattr(x, "name", None) or usual).strip("_") or "inputs"
        free = next(n for n in (name, *(f"{name}_{i}" for i in range(1, len(taken) + 2))) if n not in taken)
        taken.add(free)
        return _named(x, free)

    usual = [*names, *["inputs"] * len(arguments)]
    return tuple(tree.map_structure(lambda x, n=n: one(x, n), a) for a, n in zip(arguments, usual, strict=False))


def named_outputs(outputs: object) -> dict[str, object]:
    """The leaves of what a model returns by name: the keys of a flat dict, else "output_0" and so on."""
    if isinstance(outputs, dict) and not any(tree.is_nested(x) for x in outputs.values()):
        return {str(k): x for k, x in outputs.items()}
    return {f"output_{i}": x for i, x in enumerate(tree.flatten(outputs))}


def _named(x: Tensor, name: str) -> KerasTensor:
    """A KerasTensor of anything that has a shape and a dtype."""
    try:
        return KerasTensor(tuple(x.shape), x.dtype, name=name)
    except (AttributeError, TypeError, ValueError) as error:
        raise ArgumentError(
            f"[export] expected an `input_signature` of InputSpecs with shape and dtype, got {x!r}; "
            "pass e.g. `[kfront.InputSpec(shape=(None, 3), dtype='float32')]`."
        ) from error
