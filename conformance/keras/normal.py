"""Values as JSON: what of a result, an attribute or a config is compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["OFF", "Json", "alike", "different", "normal", "of_errors"]

Json = Any  # None, bool, int, float, str, lists and dicts of them
MOST = 256  # numbers of an array that are compared one by one, evenly chosen
RTOL = 2e-4  # relative to the largest of an array; kernels of one engine, called in another order
OFF = "values by"  # in each text about numbers that differ, whatever else does


def normal(value: Any, package: Any, depth: int = 0) -> Json:
    """A value as JSON.

    Args:
        value: any.
        package: the module `keras` or `kfront` that it comes from.
        depth: how deep in a structure.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value if type(value) in (bool, int, str, type(None)) else {type(value).__name__: str(value)}
    if isinstance(value, float):
        return _number(float(value)) if type(value) is float else {"scalar": [type(value).__name__, _number(value)]}
    if depth > 6:
        return "..."
    if isinstance(value, (list, tuple)):
        parts = [normal(v, package, depth + 1) for v in value]
        return {"tuple": parts} if isinstance(value, tuple) else parts
    if isinstance(value, Mapping):
        return {"dict": {str(k): normal(v, package, depth + 1) for k, v in value.items()}}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted(str(v) for v in value)}
    return _of_object(value, package)


def _of_object(value: Any, package: Any) -> Json:
    if isinstance(value, package.KerasTensor):
        return {"symbolic": [list(value.shape), str(value.dtype)]}
    if isinstance(value, package.Variable):
        dtype = package.backend.standardize_dtype(value.dtype)
        return {"variable": [list(value.shape), dtype, bool(value.trainable), value.name]}
    if isinstance(value, (np.ndarray, np.generic)):
        return {"array" if isinstance(value, np.ndarray) else "scalar": _array(value)}
    if package.ops.is_tensor(value):
        dtype = package.backend.standardize_dtype(value.dtype)
        return {"tensor": [dtype, *_array(package.ops.convert_to_numpy(value))[1:]]}
    if isinstance(value, type):
        return {"class": value.__name__}
    if callable(value) and hasattr(value, "__name__"):
        return {"function": value.__name__}
    return {"object": type(value).__name__}


def _number(x: Any) -> Json:
    x = float(x)
    return x if math.isfinite(x) else str(x)


def _array(x: Any) -> list[Json]:
    """[dtype, shape, values]."""
    x = np.asarray(x)
    flat = x.reshape(-1)[:: max(1, x.size // MOST)]
    if x.dtype.kind in "USO":
        return ["str", list(x.shape), [str(v) for v in flat.tolist()]]
    if x.dtype.kind == "c":
        flat = np.stack([flat.real, flat.imag], -1).reshape(-1)
    if x.dtype.kind in "biu":
        return [x.dtype.name, list(x.shape), [int(v) for v in flat]]
    return [x.dtype.name, list(x.shape), [_number(v) for v in flat.astype("float64")]]


def alike(value: Json) -> Json:
    """Tuples as lists, where nothing depends on which of both it is: options, shapes."""
    if isinstance(value, dict):
        return alike(value["tuple"]) if value.keys() == {"tuple"} else {k: alike(v) for k, v in value.items()}
    return [alike(v) for v in value] if isinstance(value, list) else value


# ---- comparison ------------------------------------------------------------------------------------------------------


def different(theirs: Json, ours: Json, rtol: float = RTOL) -> str:
    """What differs between two normal forms, Keras's first; nothing if they agree."""
    if _error(theirs) or _error(ours):
        return of_errors(_error(theirs), _error(ours))
    theirs, ours = _of_no_rank(theirs, ours), _of_no_rank(ours, theirs)
    if isinstance(theirs, dict) and isinstance(ours, dict) and "symbolic" in theirs.keys() & ours.keys():
        return different(theirs["symbolic"], ours["symbolic"])
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys() == {"method"}:
        return _untaken(theirs["method"], ours["method"])
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys() == {"drawn"}:
        return _draws(theirs["drawn"], ours["drawn"])
    if isinstance(theirs, dict) and isinstance(ours, dict) and theirs.keys() == ours.keys():
        tagged = next(iter(theirs), None) in ("tensor", "array", "scalar")
        if tagged and isinstance(next(iter(theirs.values())), list):
            (tag, a), b = next(iter(theirs.items())), next(iter(ours.values()))
            return _arrays(tag, a, b, rtol)
        return _some(f"{key}: {d}" for key in theirs if (d := different(theirs[key], ours[key], rtol)))
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        found = (different(a, b, rtol) for a, b in zip(theirs, ours, strict=True))
        return _some(f"[{i}] {d}" for i, d in enumerate(found) if d)
    if type(theirs) is float and type(ours) is float:
        same = math.isclose(theirs, ours, rel_tol=rtol, abs_tol=1e-7)
    else:
        same = type(theirs) is type(ours) and theirs == ours
    return "" if same else _forms(theirs, ours, rtol) or f"Keras {_short(theirs)}, kfront {_short(ours)}"


def _some(found: Iterable[str]) -> str:
    """The first of what differs, numbers before all else."""
    return "; ".join(sorted(found, key=lambda text: OFF not in text)[:3])


def _forms(theirs: Json, ours: Json, rtol: float) -> str:
    """Of sequences and numbers in two forms (list, tuple, tensor, array, Python's) the forms, and what else differs."""
    forms = [next(iter(x)) if isinstance(x, dict) and x else type(x).__name__ for x in (theirs, ours)]
    if forms[0] == forms[1]:
        return ""
    parts = [x["tuple"] if form == "tuple" else x for x, form in zip((theirs, ours), forms, strict=True)]
    if isinstance(parts[0], list) and isinstance(parts[1], list):
        inner = different(*parts, rtol)
    elif (a := _numbers(parts[0])) and (b := _numbers(parts[1])) and len(a[2]) == len(b[2]):
        inner = _arrays("numbers", [a[0] or b[0], *a[1:]], [b[0] or a[0], *b[1:]], rtol)
    else:
        return ""
    return "; ".join(filter(None, [f"form: Keras {forms[0]}, kfront {forms[1]}", inner]))


def _numbers(x: Json) -> list[Json] | None:
    """[dtype, shape, values] of what consists of numbers that are known; Python's own have no dtype."""
    if isinstance(x, dict):
        tag, value = next(iter(x.items()), ("", None))
        known = tag in ("tensor", "array", "scalar") and len(found := _whole(value)) == 3
        return found if known else _numbers(value) if tag == "tuple" else None
    if not isinstance(x, list):
        return ["", [], [x]] if isinstance(x, (int, float)) else None
    parts = [_numbers(v) for v in x]
    first, *others = parts or [None]
    if first is None or any(p is None or p[:2] != first[:2] for p in others):
        return None
    return [first[0], [len(parts), *first[1]], [v for p in parts if p for v in p[2]]]


def _whole(found: list[Json]) -> list[Json]:
    """[dtype, shape, values]; a scalar may be [dtype, value]."""
    return found if isinstance(found[1], list) else [found[0], [], [found[1]]]


def _of_no_rank(x: Json, other: Json) -> Json:
    """A scalar as an array beside one: which of both NumPy's functions give for no axes is an accident."""
    if not (isinstance(x, dict) and isinstance(other, dict) and "scalar" in x and "array" in other):
        return x
    return {"array": _whole(x["scalar"])}


def _untaken(theirs: dict[str, list[str]], ours: dict[str, list[str]]) -> str:
    """What can be handed to Keras's method, by position or by name, and not to kfront's."""
    first, plain, named = "POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD", "KEYWORD_ONLY"
    asked, known = ([*a.get(first, ()), *a.get(plain, ())] for a in (theirs, ours))
    in_order = "VAR_POSITIONAL" in ours or known[: len(asked)] == asked
    wanted, taken = ({*a.get(plain, ()), *a.get(named, ())} for a in (theirs, ours))
    missing = set() if "VAR_KEYWORD" in ours else wanted - taken
    return "" if not ours or (in_order and not missing) else f"Keras takes {sorted(missing) or asked}, kfront {known}"


def _draws(theirs: list[float], ours: list[float]) -> str:
    """[count, mean, deviation, largest] of drawn values: means and deviations within five of their own deviations."""
    count, deviation = min(theirs[0], ours[0]), max(theirs[2], 1e-9)
    off = deviation / math.sqrt(count)
    bounds = (7 * off, 5 * off, (0.25 if count > 1000 else 0.5) * theirs[3] + 1e-9)
    far = any(abs(a - b) > bound for a, b, bound in zip(theirs[1:], ours[1:], bounds, strict=True))
    return f"drawn: Keras {_short(theirs)}, kfront {_short(ours)}" if far else ""


def _error(x: Json) -> Json:
    return x.get("raises") if isinstance(x, dict) else None


def of_errors(theirs: Json, ours: Json) -> str:
    """An error that Keras raises on purpose has its class here; where something fails within it, ours may be any."""
    if theirs is None or ours is None:
        agree = theirs is ours
    else:
        agree = not theirs["planned"] or theirs["error"] in (ours["error"], *ours["also"])
    return "" if agree else f"Keras {_told(theirs)}, kfront {_told(ours)}"


def _told(error: Json) -> str:
    if error is None:
        return "accepts"
    return f"raises {error['error']}" if error["planned"] else f"fails ({error['error']})"


def _arrays(tag: str, a: list[Json], b: list[Json], rtol: float) -> str:
    """What differs between [dtype, shape, values] of both; of what is drawn there are no values."""
    a, b = _whole(a), _whole(b)
    kind = f"Keras {a[:2]}, kfront {b[:2]}" if a[:2] != b[:2] else ""
    half = {"float16", "bfloat16"} & {a[0], b[0]}
    compared = a[1] == b[1] and len(a) == len(b) == 3
    numbers = _values(a[2], b[2], 0.02 if half else rtol) if compared else ""
    return f"{tag}: {'; '.join(filter(None, [kind, numbers]))}" if kind or numbers else ""


def _values(a: list[Json], b: list[Json], rtol: float) -> str:
    if a == b:
        return ""
    finite = [(v, w) for v, w in zip(a, b, strict=True) if not isinstance(v, str) and not isinstance(w, str)]
    x, y = np.array(finite, "float64").reshape(-1, 2).T
    worst = float(np.max(np.abs(x - y), initial=0.0))
    if any(v != w for v, w in zip(a, b, strict=True) if isinstance(v, str) or isinstance(w, str)):
        worst = math.inf
    close = worst <= rtol * max(float(np.max(np.abs(x), initial=0.0)), 1e-3)
    return "" if close else f"{OFF} {worst:.3g}, Keras {_short(a)}, kfront {_short(b)}"


def _short(x: Json) -> str:
    text = repr([round(v, 5) if isinstance(v, float) else v for v in x[:6]] if isinstance(x, list) else x)
    return text if len(text) <= 160 else f"{text[:157]}..."
