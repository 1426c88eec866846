"""Dtype names, the promotion lattice, and the dtype rules that ops declare.

A dtype is its name: ``"float32"``. Python scalars are weak: rules have them as the types ``bool``, ``int``,
``float`` and take the dtype of the array they are combined with. The lattice is the one of JAX's type promotion
(https://docs.jax.dev/en/latest/type_promotion.html) without 64-bit narrowing.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.core.errors import DTypeError
from kfront.core.settings import floatx
from kfront.core.typing import DTypeLike

if TYPE_CHECKING:
    from kfront.core.operation import Node

FLOAT8 = ("float8_e4m3fn", "float8_e5m2")
FLOATS = ("float16", "bfloat16", "float32", "float64", *FLOAT8)
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
SIGNED = ("int8", "int16", "int32", "int64")
INTS = (*UNSIGNED, *SIGNED)
COMPLEX = ("complex64", "complex128")
ALL = ("bool", *INTS, *FLOATS, *COMPLEX, "string")
_NAMES = frozenset(ALL)
_PYTHON = {bool: "bool", int: "int32", str: "string", complex: "complex64"}
WEAK = frozenset((bool, int, float, complex))


def is_float(dtype: str) -> bool:
    """Whether `dtype` is a real floating-point type."""
    return dtype in FLOATS


def is_int(dtype: str) -> bool:
    """Whether `dtype` is an integer type (not bool)."""
    return dtype in INTS


def at_least_single(dtype: DTypeLike) -> str:
    """float64 for float64, float32 for everything else: halves and integers would lose too much on the way."""
    return "float64" if dtype == "float64" else "float32"


def standardize(dtype: object) -> str:
    """The name of a dtype given as a name, Python type, NumPy dtype or an engine's dtype; None means floatx.

    Raises:
        DTypeError: if it is not one of the public dtypes.
    """
    if type(dtype) is str and dtype in _NAMES:
        return dtype
    if dtype is None or dtype is float:
        return floatx()
    if isinstance(dtype, type) and dtype in _PYTHON:
        return _PYTHON[dtype]
    name = _name_of(dtype)
    if name not in _NAMES or dtype is object:
        raise DTypeError(
            f"[dtype] expected one of {', '.join(ALL)}, got {dtype!r:.100}; pass a dtype name such as 'float32'."
        )
    return name


def numpy_dtype(name: str) -> np.dtype:
    """The NumPy dtype of a name; bfloat16 and float8 come from ml_dtypes."""
    try:
        return np.dtype("O" if name == "string" else name)
    except TypeError:
        import ml_dtypes  # only arrays of these dtypes need it

        return np.dtype(getattr(ml_dtypes, name))


def _name_of(dtype: object) -> str:
    if isinstance(dtype, str):
        return {"double": "float64", "float": "float32", "half": "float16", "int": "int32"}.get(dtype, dtype)
    name = getattr(dtype, "name", None)  # NumPy, JAX, TensorFlow
    if not isinstance(name, str):
        name = getattr(dtype, "__name__", None) or str(dtype).rpartition(".")[2]  # NumPy's scalar types, "torch.int8"
    if getattr(dtype, "kind", "") in ("U", "S", "T"):  # NumPy's strings, with their lengths
        return "string"
    return {"bool_": "bool", "str_": "string", "str": "string", "object": "string"}.get(name, name)


# ---- promotion -----------------------------------------------------------------------------------------------------

# Direct edges of the lattice: each name points to what it is promoted to next.
_EDGES: dict[Any, tuple[Any, ...]] = {
    bool: ("bool",),
    "bool": (int,),
    int: ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": (float,),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": (float,),
    float: ("float16", "bfloat16", complex),
    "float8_e4m3fn": (),
    "float8_e5m2": (),
    "float16": ("float32",),
    "bfloat16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    complex: ("complex64",),
    "complex64": ("complex128",),
    "complex128": (),
    "string": (),
}


def _reach(node: Node) -> frozenset[object]:
    return frozenset({node}).union(*(_reach(n) for n in _EDGES[node]))


def _joins() -> dict[tuple[object, object], object]:
    """The least common type of each pair that has one, by walking the lattice."""
    reach = {n: _reach(n) for n in _EDGES}
    table = {}
    for a, b in itertools.product(_EDGES, repeat=2):
        common = reach[a] & reach[b]
        for n in common:
            if common <= reach[n]:
                table[a, b] = n
    return table


# A table and no cached function: `torch.compile` traces through dict lookups, and warns of `functools.cache`.
_JOINS = _joins()


def _join(a: object, b: object) -> Any:
    found = _JOINS.get((a, b))
    if found is None:
        raise DTypeError(f"[result_type] no dtype holds both {a!r} and {b!r}; cast one of them first.")
    return found


def result_type(*dtypes: object) -> str:
    """The dtype that operands of `dtypes` are promoted to.

    Args:
        dtypes: dtype names, or the Python types bool, int, float for weak scalars; None entries are left out.

    Returns:
        A dtype name; floatx for weak floats alone, or integers and a weak float.

    Raises:
        DTypeError: no dtype can represent the values of both.

    Example:

    >>> import kfront
    >>> kfront.backend.result_type("int32", float), kfront.backend.result_type("int8", "uint8")
    ('float32', 'int16')
    """
    found = [d if d in WEAK else standardize(d) for d in dtypes if d is not None]
    out: Any = found[0] if found else float
    for d in found[1:]:
        out = _join(out, d)
    return _PYTHON.get(out) or standardize(out)


def to_float(dtype: object) -> str:
    """`dtype` if it is floating or complex, else floatx."""
    if dtype in FLOATS or dtype in COMPLEX:
        return dtype
    return "complex64" if dtype is complex else standardize(None)


# ---- rules: operand dtypes -> (dtype to cast operands to, dtype of the result) ------------------------------------

Rule = Callable[..., tuple[Any, Any]]


def static_rule(rule: Rule) -> Rule:
    """Mark a rule that is called as ``rule(operand_dtypes, **static_arguments)``."""
    rule.wants_static = True  # type: ignore[attr-defined]
    return rule


def keep(*dtypes: object) -> tuple[None, str]:
    """Operands as they are; the result has the first one's dtype."""
    return None, result_type(dtypes[0])


def promote(*dtypes: object) -> tuple[object, object]:
    """All operands and the result in the common type."""
    d = result_type(*dtypes)
    return d, d


def floating(*dtypes: object) -> tuple[Any, Any]:
    """As `promote`, and integers become floatx."""
    d = to_float(result_type(*dtypes))
    return d, d


def numeric(*dtypes: object) -> tuple[object, object]:
    """As `promote`, and bool becomes int32."""
    d = result_type(*dtypes)
    d = "int32" if d == "bool" else d
    return d, d


def integral(*dtypes: object) -> tuple[object, object]:
    """As `promote`, of integers and bools.

    Raises:
        DTypeError: if the common type is another.
    """
    d = result_type(*dtypes)
    if d != "bool" and not is_int(d):
        raise DTypeError(f"expected integers, got {d}.")
    return d, d


def compare(*dtypes: object) -> tuple[str, str]:
    """Operands in the common type, the result bool."""
    return result_type(*dtypes), "bool"


def predicate(*dtypes: object) -> tuple[object, object]:
    """Operands as they are, the result bool."""
    return None, "bool"


def logical(*dtypes: object) -> tuple[object, object]:
    """Operands and result bool."""
    return "bool", "bool"


def index_result(*dtypes: object) -> tuple[object, object]:
    """Operands as they are, the result int32 (positions, counts)."""
    return None, "int32"


_SUM = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}


def sum_like(*dtypes: object) -> tuple[object, object]:
    """Sums and products: integers narrower than 32 bits are widened first."""
    d = result_type(*dtypes)
    d = _SUM.get(d, d)
    return d, d


@static_rule
def from_argument(dtypes: tuple[object, ...], dtype: DTypeLike = None, **static: object) -> tuple[object, object]:
    """Creation: the result has the dtype given, else floatx."""
    return None, standardize(dtype)


from_argument.keeps = True  # type: ignore[attr-defined]
