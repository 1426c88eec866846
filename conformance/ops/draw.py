"""Drawing arguments with Hypothesis: shapes of 0 to 5 dimensions of 0 to 4, dtypes of an entry's domain, values in the
range of its samples, special ones among them, in arrays that need not be contiguous.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
from hypothesis import strategies as st

from .dtypes import DOMAINS
from .entry import DTYPES, FLOATS, Entry, arrays_of, cast, kind_of

__all__ = ["KEEP", "OMIT", "Call", "Draw", "Family"]

Call = tuple[tuple[Any, ...], dict[str, Any]]
KEEP = (False, True)  # choices of `keepdims` and the like
OMIT = object()  # the choice to leave a keyword argument out

_SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0)


class Draw:
    """Draws the arguments of a call of one op.

    Args:
        draw: Hypothesis's function.
        entry: the op.
        special: whether NaN, infinities and signed zeros are among floating numbers.
        extreme: whether the largest and the smallest numbers of a dtype are among them.
    """

    def __init__(self, draw: Any, entry: Entry, special: bool, extreme: bool) -> None:
        self.draw, self.entry, self.special, self.extreme = draw, entry, special, extreme
        self.dtype = self.pick("float32", "float32", *DTYPES)  # of all arrays, unless they are mixed
        self.mixed = self.pick(False, False, True)

    def pick(self, *choices: Any) -> Any:
        """One of the choices, of which the first is the simplest."""
        return self.draw(st.sampled_from(choices))

    def some(self, **choices: tuple[Any, ...]) -> dict[str, Any]:
        """Keyword arguments, each one of its choices or left out."""
        drawn = {k: self.pick(*v) for k, v in choices.items()}
        return {k: v for k, v in drawn.items() if v is not OMIT}

    def number(self, low: int, high: int) -> int:
        """An integer in [low, high]."""
        return self.draw(st.integers(low, high))

    def shape(self, least: int = 0, most: int = 5, smallest: int = 0) -> tuple[int, ...]:
        """A shape of so many dimensions; none is smaller than `smallest`."""
        sides = [n for n in (2, 1, 3, 4, 0) if n >= smallest]
        return tuple(self.draw(st.lists(st.sampled_from(sides), min_size=least, max_size=most)))

    def part_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to `shape`: without some of its first dimensions, and with ones for others."""
        rest = shape[self.number(0, len(shape)) :]
        return tuple(1 if self.pick(False, False, True) else n for n in rest)

    def axis(self, rank: int) -> int:
        """An axis, counted from either end."""
        return self.number(-rank, rank - 1)

    def axes(self, rank: int) -> Any:
        """None, an axis, or a tuple of different ones."""
        if not rank or self.pick(False, True):
            return None
        if self.pick(False, True):
            return self.axis(rank)
        chosen = self.draw(st.lists(st.integers(0, rank - 1), unique=True, min_size=1))
        return tuple(a - rank if self.pick(False, True) else a for a in chosen)

    def kind(self, place: int) -> str:
        """The dtype of an array, by its place."""
        domain = self.entry.domain_of(place)
        if domain == "fixed":
            return _known(self.entry.name, place)[0]
        if self.mixed:
            return self.pick(*DOMAINS[domain][::-1])
        return self.dtype if self.dtype in DOMAINS[domain] else self.pick(*DOMAINS[domain][::-1])

    def array(self, shape: tuple[int, ...], place: int = 0, low: float | None = None, high: float | None = None,
              dtype: str = "") -> np.ndarray:  # fmt: skip
        """An array, perhaps not contiguous, of numbers in the range of the entry's samples and special ones."""
        kind = dtype or self.kind(place)
        ends = _known(self.entry.name, place)[1 if "float" in kind else 2]
        low, high = ends[0] if low is None else low, ends[1] if high is None else high
        rng = np.random.Generator(np.random.Philox(key=self.number(0, 999)))
        whole = "int" in kind or kind == "bool"
        x = rng.integers(*_inside(low, high, kind), shape) if whole else rng.uniform(low, high, shape)
        if self.special and self.pick(False, True):
            x = np.round(x * 2) / 2 if "float" in kind else x  # so that there are equal ones
        if kind.startswith("complex"):
            x = x + 1j * rng.uniform(low, high, shape)
        x = cast(np.asarray(x), kind)
        if x.size and not kind.startswith("complex"):
            self._put(x, kind)
        return self._laid_out(x)

    def index(self, shape: tuple[int, ...], size: int, place: int = 1, low: int | None = None) -> np.ndarray:
        """An array of indices into `size` elements, negative ones among them."""
        return self.array(shape, place, -size if low is None else low, size - 1, self.kind(place))

    def _put(self, x: np.ndarray, kind: str) -> None:
        values: list[Any] = []
        if kind in FLOATS:
            info = ml_dtypes.finfo(kind)
            values += _SPECIAL if self.special else ()
            tiny = float(info.smallest_normal)
            values += [float(info.max), float(info.min), tiny, -tiny, tiny / 4] if self.extreme else []
        elif "int" in kind and self.extreme:
            values += [int(ml_dtypes.iinfo(kind).min), int(ml_dtypes.iinfo(kind).max)]
        for value in self.draw(st.lists(st.sampled_from(values), max_size=3)) if values else ():
            x.reshape(-1)[self.number(0, x.size - 1)] = value

    def _laid_out(self, x: np.ndarray) -> np.ndarray:
        """The same array in another order of memory."""
        how = self.pick("C", "F", "every second", "backwards") if x.ndim else "C"
        if how == "F":
            return np.asfortranarray(x)
        if how == "every second":
            return np.repeat(x, 2, -1)[..., ::2]
        return np.ascontiguousarray(x[..., ::-1])[..., ::-1] if how == "backwards" else x


def _inside(low: float, high: float, kind: str) -> tuple[int, int]:
    """Ends for integers of a dtype, the second one excluded."""
    if kind == "bool":
        return int(low >= 1), 2
    info = ml_dtypes.iinfo(kind)
    first = max(math.ceil(low), int(info.min))
    return first, max(min(math.floor(high), int(info.max)), first) + 1


@functools.cache
def _known(name: str, place: int) -> tuple[str, tuple[float, float], tuple[float, float]]:
    """Of the entry's samples: the dtype at a place, the range of floating numbers, and that of integers."""
    from .samples import table

    samples = table()[name].samples
    ranges: dict[bool, tuple[float, float]] = {}
    first = ""
    for s in sorted(samples, key=lambda s: not s.smooth):
        arrays = arrays_of((s.args, s.kwargs))
        x = arrays[min(place, len(arrays) - 1)] if arrays else np.zeros(0)
        first = first or (kind_of(x) if len(arrays) > place else "")
        floating = kind_of(x) in FLOATS
        values = x[np.isfinite(x)].astype("float64") if x.dtype.kind not in "bc" else np.zeros(0)
        if values.size and (floating not in ranges or s.smooth):
            low, high = ranges.get(floating, (math.inf, -math.inf))
            ranges[floating] = min(low, float(values.min())), max(high, float(values.max()))
    floats = ranges.get(True, (-2.0, 2.0))
    return first or "float32", floats, ranges.get(False, (max(floats[0], -5.0), min(floats[1], 5.0)))


@dataclasses.dataclass(frozen=True)
class Family:
    """Ops whose arguments are alike.

    Attributes:
        call: draws the arguments of one of them.
        special: whether NaN, infinities and signed zeros are drawn.
        extreme: whether the ends of dtypes are drawn.
        batch: whether the first dimension may be unknown.
        why: why `special` or `extreme` values are left out where others of the family have them.
    """

    call: Callable[[Draw], Call]
    special: bool = False
    extreme: bool = False
    batch: bool = False
    why: str = ""

    def but(self, why: str, special: bool = False) -> Family:
        """The same without extreme values, and without special ones; it is said why."""
        return dataclasses.replace(self, special=special, extreme=False, why=why)

    def strategy(self, entry: Entry) -> st.SearchStrategy[Call]:
        """Calls of an op."""

        @st.composite
        def calls(draw: Any) -> Call:
            return self.call(Draw(draw, entry, self.special, self.extreme))

        return calls()
