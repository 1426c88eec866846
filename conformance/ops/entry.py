"""What the table says about an op, and small helpers to write it down.

In the arguments of a sample a NumPy array stands for a tensor, also inside tuples, lists and dicts; everything else is
passed on as it is (Python numbers are weak scalars, strings, axes and functions are static).
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

__all__ = [
    "DTYPES",
    "EPS",
    "FLOATS",
    "Entry",
    "Kink",
    "Sample",
    "Tolerance",
    "arrays_of",
    "bools",
    "cast",
    "floats",
    "ints",
    "kind_of",
    "map_arrays",
    "sample_of",
    "tol",
    "with_arrays",
]

FLOATS = ("float16", "bfloat16", "float32", "float64")
DTYPES = ("bool", "uint8", "int8", "int16", "int32", "int64", *FLOATS)
EPS = {d: float(ml_dtypes.finfo(d).eps) for d in FLOATS}
TINY = {d: float(ml_dtypes.finfo(d).smallest_normal) for d in FLOATS}


class Tolerance(NamedTuple):
    """How far a result may be from the reference: ``ulp * eps * |want| + spread * eps * max|want|``.

    Attributes:
        ulp: for float32 and float64.
        half: for float16 and bfloat16, in which every step of a composed op rounds.
        spread: share that is relative to the largest result, for sums in which terms cancel.
        reason: why it is loose; needed above 16 ulp.
    """

    ulp: float = 4
    half: float = 2
    spread: float = 0
    reason: str = ""

    def of(self, dtype: str, largest: float) -> tuple[float, float]:
        """(relative, absolute) tolerance for results of a dtype, the largest of which is given."""
        eps = EPS[dtype]
        half = dtype in ("float16", "bfloat16")
        spread = min(self.spread, 4.0) if half else self.spread
        return (self.half if half else self.ulp) * eps, spread * eps * largest + TINY[dtype]


def tol(ulp: float = 4, half: float = 2, spread: float = 0, reason: str = "") -> Tolerance:
    """A tolerance; see `Tolerance`.

    Raises:
        ValueError: for a loose one without a reason.
    """
    if ulp > 16 and not reason:
        raise ValueError(f"expected a reason for a tolerance of {ulp} ulp, got none.")
    return Tolerance(ulp, half, spread, reason)


class Sample(NamedTuple):
    """A call of an op.

    Attributes:
        args: positional arguments.
        kwargs: keyword arguments.
        label: short description, unique within the op.
        smooth: whether gradients are compared here (no NaN, no infinity, no kink).
        batch: which arrays have a first dimension that may be unknown, by their place among the arrays.
    """

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    label: str
    smooth: bool
    batch: tuple[int, ...]


class Kink(NamedTuple):
    """A point where the derivative is a convention: the gradients of the summed results there.

    Attributes:
        args: the arguments.
        slopes: the gradient of each floating array among them.
    """

    args: tuple[Any, ...]
    slopes: tuple[Any, ...]


@dataclasses.dataclass
class Entry:
    """What holds for one op.

    Attributes:
        name: public name, or that of the op.
        reference: the op on float64, int64 and bool arrays; None for ops whose results are random.
        tolerance: of values.
        domain: dtypes that each array may have: "number" (bool, integers, floating), "real" (without bool), "float",
            "bits" (bool and integers), "int", "any", or "fixed"; the last one stands for all that follow.
        scalars: whether two operands promote, so that Python scalars may stand for one.
        raw: whether the reference gets the arrays in their own dtypes.
        view: what of the results is compared, where they are unique only up to sign or order.
        smooth: whether the op has gradients to compare.
        outputs: which results are differentiated, all if None.
        kinks: conventions, the same on every engine.
        far: values at which the gradient must be finite and the same on every engine; True: the first sample times
            1e4; a float: times that.
        far_slack: absolute tolerance far out, with its reason, where terms cancel.
        one_by_one: whether all terms have one sign, so that sums that an engine makes one by one (XLA on CPUs, in
            jnp.var too) are the less exact the more terms there are: by the root of their number.
        random: whether results are random.
        lead: whether only the first array has a dimension that may be unknown (the others are weights).
        compiles: whether it can be compiled with unknown sizes (False where shapes depend on values).
        like: an op that Hypothesis calls with arguments of the same kinds; without one `families.py` has a row.

    Arrays that `floats`, `ints` and `bools` draw after an entry was made come from a stream that its name seeds.
    """

    name: str
    reference: Callable[..., Any] | None = None
    tolerance: Tolerance = dataclasses.field(default_factory=Tolerance)
    domain: Any = "number"
    scalars: bool = False
    raw: bool = False
    view: Callable[[list[Any]], list[Any]] | None = None
    smooth: bool = True
    outputs: tuple[int, ...] | None = None
    kinks: tuple[Kink, ...] = ()
    far: Any = ()
    far_slack: tuple[float, str] = (1e-12, "")
    one_by_one: bool = False
    random: bool = False
    lead: bool = False
    compiles: bool = True
    like: str = ""
    samples: list[Sample] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        draw_for(self.name)

    def __call__(self, *args: Any, **kwargs: Any) -> Entry:
        """Add an ordinary sample."""
        return self._kf_add(args, kwargs, self.smooth, None)

    def edge(self, *args: Any, **kwargs: Any) -> Entry:
        """Add a sample at which no gradients are compared."""
        return self._kf_add(args, kwargs, False, None)

    def fixed(self, *args: Any, **kwargs: Any) -> Entry:
        """Add an ordinary sample all of whose dimensions must be known."""
        return self._kf_add(args, kwargs, self.smooth, ())

    def also(self, *dtypes: str) -> Entry:
        """Add the last ordinary sample with its floating arrays in other dtypes."""
        last = self.samples[-1]
        for d in dtypes:
            args, kwargs = map_arrays(
                lambda x, d=d: cast(x, d) if kind_of(x) in FLOATS else x, (last.args, last.kwargs)
            )
            self._kf_add(args, kwargs, False, None if last.batch else ())
        return self

    def _kf_add(self, args: Any, kwargs: dict[str, Any], smooth: bool, batch: tuple[int, ...] | None) -> Entry:
        sample = sample_of(args, kwargs, smooth, batch is None, self.lead)
        label = sample.label
        same = sum(s.label == label or s.label.startswith(f"{label} (") for s in self.samples)
        self.samples.append(sample._replace(label=f"{label} ({same + 1})" if same else label))
        return self

    def some(self, quick: bool, most: int = 3) -> list[Sample]:
        """The samples, or when `quick` some from all over the list."""
        return self.samples[:: -(-len(self.samples) // most) or 1] if quick else self.samples

    def domain_of(self, place: int) -> str:
        """The domain of an array by its place."""
        if isinstance(self.domain, str):
            return self.domain
        return self.domain[min(place, len(self.domain) - 1)]


def sample_of(
    args: Any, kwargs: dict[str, Any], smooth: bool = False, batch: bool = True, lead: bool = False
) -> Sample:
    """A sample that is labelled by its arguments.

    Args:
        args: positional arguments.
        kwargs: keyword arguments.
        smooth: whether gradients are compared.
        batch: whether there are dimensions that may be unknown.
        lead: whether only the first array has one.
    """
    label = ", ".join([*map(_short, args), *(f"{k}={_short(v)}" for k, v in kwargs.items())])[:100]
    places = _batch_of(arrays_of((args, kwargs))[: 1 if lead else None]) if batch else ()
    return Sample(args, kwargs, label, smooth, places)


def _batch_of(arrays: list[np.ndarray]) -> tuple[int, ...]:
    """The first array, and those that share its rank and first dimension."""
    if not arrays or not arrays[0].ndim:
        return ()
    first = arrays[0]
    return tuple(i for i, x in enumerate(arrays) if x.ndim == first.ndim and x.shape[0] == first.shape[0])


_CODES = {"float": "f", "bfloat": "bf", "int": "i", "uint": "u", "bool": "b"}


def _short(v: Any) -> str:
    if isinstance(v, np.ndarray):
        name = kind_of(v)
        letters = name.rstrip("0123456789")
        return f"{_CODES.get(letters, letters)}{name[len(letters) :]}:{'x'.join(map(str, v.shape))}"
    if isinstance(v, (list, tuple)):
        return f"({' '.join(map(_short, v))})"
    if callable(v):
        return getattr(v, "__name__", "function")
    if isinstance(v, slice):
        return ":".join("" if p is None else str(p) for p in (v.start, v.stop, v.step))
    return "..." if v is Ellipsis else str(v)


# ---- nested arguments ----------------------------------------------------------------------------------------------


def map_arrays(fn: Callable[[np.ndarray], Any], x: Any) -> Any:
    """`x` with every array replaced by `fn(array)`."""
    if isinstance(x, np.ndarray):
        return fn(x)
    if isinstance(x, (tuple, list)):
        return type(x)(map_arrays(fn, v) for v in x)
    if isinstance(x, dict):
        return {k: map_arrays(fn, v) for k, v in x.items()}
    return x


def arrays_of(x: Any) -> list[np.ndarray]:
    """The arrays nested in `x`, in order."""
    out: list[np.ndarray] = []

    def see(v: np.ndarray) -> np.ndarray:
        out.append(v)
        return v

    map_arrays(see, x)
    return out


def with_arrays(x: Any, arrays: Sequence[Any]) -> Any:
    """`x` with its arrays replaced one by one."""
    left: Iterator[Any] = iter(arrays)
    return map_arrays(lambda _: next(left), x)


# ---- arrays --------------------------------------------------------------------------------------------------------

_rng = np.random.Generator(np.random.Philox(key=2024))


def draw_for(name: str) -> None:
    """Draw what follows from a stream of its own, so that a new entry leaves the numbers of all others as they are."""
    global _rng
    _rng = np.random.Generator(np.random.Philox(key=zlib.crc32(name.encode())))


def cast(x: np.ndarray, dtype: str) -> np.ndarray:
    """`x` in a dtype, bfloat16 among them."""
    with np.errstate(all="ignore"):
        return x.astype(np.dtype(getattr(ml_dtypes, dtype, dtype)))


def kind_of(x: np.ndarray) -> str:
    """The dtype's name."""
    return x.dtype.name


def floats(*shape: int, low: float = -2.0, high: float = 2.0, dtype: str = "float32") -> np.ndarray:
    """Uniform floating numbers."""
    return cast(np.asarray(_rng.uniform(low, high, shape)), dtype)


def ints(*shape: int, low: int = -5, high: int = 6, dtype: str = "int32") -> np.ndarray:
    """Integers in [low, high)."""
    return np.asarray(_rng.integers(low, high, shape)).astype(dtype)


def bools(*shape: int) -> np.ndarray:
    """Bools."""
    return np.asarray(_rng.integers(0, 2, shape)).astype(bool)
