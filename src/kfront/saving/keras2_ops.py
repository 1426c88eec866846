"""TensorFlow functions in the graphs of Keras 2 files, as ops.

A row of `keras2_ops.txt` is the function's name in the file, the op, and the function's parameters: the first is the
one that the node gives by position, ``a=b`` says that the op calls `a` `b`. The names were read off files that tf.keras
wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from kfront import ops
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.guard import expect, shown
from kfront.core.registry import serializable
from kfront.core.typing import Config, Tensor


@serializable("keras.activations")
def keras2_hard_sigmoid(x: Tensor) -> Tensor:
    """The hard sigmoid of Keras 2: 0 below -2.5, 1 above 2.5, ``0.2 * x + 0.5`` between.

    Args:
        x: a tensor.
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


_TABLE: dict[str, tuple[str, dict[str, str]]] = {}
for _row in Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines():
    _name, _op, *_parameters = _row.split()
    _TABLE[_name] = (_op, {p.partition("=")[0]: p.partition("=")[2] or p for p in _parameters})
# what the file may hold beside the op's own arguments, by the only values that change nothing
_NEUTRAL = {"name": None, "validate_indices": None, "batch_dims": (0, None), "conjugate": (False, None), "num": None}
_NEUTRAL.update({"output_type": ("int64", "int32"), "beta": (1.0,), "exclusive": (False,), "reverse": (False,)})


def op_call(function: Callable[..., object], first: object, kwargs: Config) -> tuple[str, dict[str, object]]:
    """The op and its arguments by name, for one call of a TensorFlow function.

    Args:
        function: name of the function in the file.
        first: what the node gives by position.
        kwargs: what it gives by name.

    Raises:
        UnsafeFileError: there is no such function in the table: nothing else is looked up.
        SavingError: an argument has no counterpart.
    """
    row = _TABLE.get(expect(function, str, "TFOpLambda function"))
    if row is None:
        raise UnsafeFileError(
            f"[load] expected a TensorFlow function with a counterpart among kfront's ops in the graph, got "
            f"{shown(function)}; rebuild the model in code and load the weights with `load_weights`."
        )
    op, names = row
    out = {next(iter(names.values())): first}
    special = _SPECIAL.get(op)
    for key, value in kwargs.items():
        if key in names:
            if value is not None:
                out[names[key]] = value
        elif special is None or key not in special[0]:
            neutral = _NEUTRAL.get(key, ())
            if key != "name" and value is not None and value not in (neutral or ()):
                raise SavingError(
                    f"[{function}] expected arguments among {', '.join(names)}, got {key}={shown(value)}."
                )
    if special is not None:
        op = special[1](op, out, kwargs)
    return op, out


def _transposed(op: str, out: dict[str, object], kwargs: Config) -> str:
    if not kwargs.get("transpose_a") and not kwargs.get("transpose_b") and not kwargs.get("adjoint_b"):
        return op
    if kwargs.get("transpose_a") or kwargs.get("adjoint_a"):
        raise SavingError("[linalg.matmul] expected only the second operand to be transposed, got `transpose_a`.")
    out["subscripts"], out["operands"] = "...ij,...kj->...ik", [out.pop("x1"), out.pop("x2")]
    return "einsum"


def _sections(op: str, out: dict[str, object], kwargs: Config) -> str:
    """TensorFlow lists sizes where NumPy lists the places of the cuts."""
    sizes = out["indices_or_sections"]
    if isinstance(sizes, list):
        cuts, at = [], 0
        for size in sizes[:-1]:
            at += expect(size, int, "split")
            cuts.append(at)
        out["indices_or_sections"] = cuts
    out.setdefault("axis", 0)
    return op


def _padding(op: str, out: dict[str, object], kwargs: Config) -> str:
    mode = expect(out.pop("mode", "CONSTANT"), str, "pad").lower()
    out["mode"] = mode
    if mode != "constant":
        out.pop("constant_values", None)
    return op


def _extent(op: str, out: dict[str, object], kwargs: Config) -> str:
    """A slice of which every size is written out; -1 means the rest."""
    begin, size = out.pop("start_indices"), out.pop("shape")
    keys = []
    for b, s in zip(expect(begin, list, "slice"), expect(size, list, "slice"), strict=True):
        expect(b, int, "slice")
        stop = None if expect(s, int, "slice") == -1 else b + s
        keys.append({"class_name": "__slice__", "config": {"start": b, "stop": stop, "step": None}})
    out["x"], out["key"] = out.pop("inputs"), keys
    return "get_item"


def _same(op: str, out: dict[str, object], kwargs: Config) -> str:
    out["x1"], out["x2"] = out.pop("x"), 1
    return "multiply"


def _normalize(op: str, out: dict[str, object], kwargs: Config) -> str:
    out["order"] = 2
    out.setdefault("axis", -1)
    return op


def _taken(op: str, out: dict[str, object], kwargs: Config) -> str:
    out.setdefault("axis", 0)
    return op


def _tanh_form(op: str, out: dict[str, object], kwargs: Config) -> str:
    out.setdefault("approximate", False)
    return op


Change = Callable[[str, dict[str, Any], dict[str, Any]], str]
# op -> (arguments that the change reads itself, the change)
_SPECIAL: dict[str, tuple[tuple[str, ...], Change]] = {
    "matmul": (("transpose_a", "transpose_b", "adjoint_a", "adjoint_b"), _transposed),
    "split": ((), _sections),
    "pad": ((), _padding),
    "slice": ((), _extent),
    "identity": ((), _same),
    "normalize": ((), _normalize),
    "take": ((), _taken),
    "gelu": ((), _tanh_form),
}


def slice_key(spec: object) -> Any:
    """The key of a subscript from the form that Keras 2 gives it."""
    if isinstance(spec, list):
        return [slice_key(s) for s in spec]
    if isinstance(spec, dict) and spec.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(spec, dict) and set(spec) <= {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": spec}
    return spec
