"""Shape rules: from the shapes of operands, with None for unknown dimensions, to the shapes of results.

A rule takes the operands of an op (`Abstract` values, Python scalars, None) and its static arguments by name. It
raises `ShapeError`; `Op.infer` puts the op's name in front of the message. Helpers that adapters need as well
(`axes_of`, `pad_pairs`, `spatial`) are here too.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.spec import KerasTensor
from kfront.core.typing import Axis, DTypeLike, Shape, Tensor, TensorLike

# ---- helpers -------------------------------------------------------------------------------------------------------


def shape_of(x: Any) -> Shape:
    """Shape of an operand: of a spec, a tensor, nested lists or a Python scalar."""
    if isinstance(x, (int, float, complex)) or x is None:
        return ()
    if hasattr(x, "shape"):
        return tuple(x.shape)
    if isinstance(x, (list, tuple)):
        inner = shape_of(x[0]) if x else ()
        return (len(x), *inner)
    return tuple(np.shape(x))


def known(d: object) -> int | None:
    """A dimension as an int, or None when it is unknown (None, or a tensor)."""
    if isinstance(d, (int, np.integer)):
        return int(d)
    return None


def axis_of(axis: Any, ndim: int, what: str = "axis") -> int:
    """A non-negative axis.

    Raises:
        ShapeError: if it is out of range.
    """
    try:
        a = axis.__index__()
    except AttributeError:
        raise ArgumentTypeError(f"expected `{what}` to be an int, got {axis!r}.") from None
    if not -ndim <= a < ndim:
        raise ShapeError(f"expected `{what}` in [{-ndim}, {ndim}) for a tensor of rank {ndim}, got {a}.")
    return a % ndim


def axes_of(axis: object, ndim: int, what: str = "axis") -> tuple[int, ...]:
    """Non-negative axes from None (all), an int or a sequence.

    Raises:
        ShapeError: if one is out of range, or named twice.
    """
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, (tuple, list)):
        out = tuple(axis_of(a, ndim, what) for a in axis)
        if len(set(out)) != len(out):
            raise ShapeError(f"expected distinct axes in `{what}`, got {tuple(axis)}.")
        return out
    return (axis_of(axis, ndim, what),)


def product(dims: Iterable[Any]) -> int | None:
    """Product of dimensions, None if one is unknown (and none is 0)."""
    dims = list(dims)
    if any(known(d) is None for d in dims):
        return None
    return math.prod([int(d) for d in dims])  # a list: torch's compiler takes no generator


def broadcast(*shapes: Sequence[int | None]) -> Shape:
    """The shape that shapes broadcast to.

    Raises:
        ShapeError: if they do not broadcast.
    """
    rank = max(len(s) for s in shapes)
    out: list[int | None] = []
    for i in range(-rank, 0):
        dims = {s[i] for s in shapes if -i <= len(s)} - {1}
        fixed = dims - {None}
        if len(fixed) > 1:
            listed = " and ".join(str(tuple(s)) for s in shapes)
            raise ShapeError(f"expected shapes that broadcast, got {listed}; reshape or expand_dims one of them.")
        out.append(fixed.pop() if fixed else (None if dims else 1))
    return tuple(out)


def merge(a: int | None, b: int | None, what: str) -> int | None:
    """One dimension from two that must agree."""
    if a is not None and b is not None and a != b:
        raise ShapeError(f"expected {what} to agree, got {a} and {b}.")
    return b if a is None else a


def may_be_equal(a: Iterable[int | None], b: Iterable[int | None]) -> bool:
    """Whether two shapes are of one rank, and no two known sizes differ."""
    first, second = tuple(a), tuple(b)
    pairs = zip(first, second, strict=False)
    return len(first) == len(second) and all(m == n or m is None or n is None for m, n in pairs)


def rank_at_least(x: object, rank: int, what: str = "x") -> Shape:
    """The shape of an operand whose rank is at least `rank`."""
    s = shape_of(x)
    if len(s) < rank:
        raise ShapeError(f"expected `{what}` of rank >= {rank}, got shape {s}.")
    return s


# ---- elementwise and reductions ------------------------------------------------------------------------------------


def same(x: Tensor, *others: object, **static: object) -> Shape:
    """The first operand's shape."""
    return shape_of(x)


def elementwise(*operands: object, **static: object) -> Shape:
    """Broadcast of all operands; absent ones do not count."""
    return broadcast(*(shape_of(x) for x in operands if x is not None))


def reduce(s: Shape, axis: int | Sequence[int] | None, keepdims: bool) -> Shape:
    """`s` with the axes taken out, or 1 with `keepdims`."""
    gone = axes_of(axis, len(s))
    if keepdims:
        return tuple(1 if i in gone else d for i, d in enumerate(s))
    return tuple(d for i, d in enumerate(s) if i not in gone)


def reduction(x: Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False, **static: object) -> Shape:
    """Reduction over `axis` (None: all)."""
    return reduce(shape_of(x), axis, keepdims)


def extreme(x: Tensor, axis: Axis = None, keepdims: bool = False, initial: object = None) -> Shape:
    """The largest or smallest of some elements: there must be one."""
    found = reduction(x, axis, keepdims)
    if initial is None and 0 in shape_of(x) and 0 not in reduction(x, axis):
        raise ShapeError(f"expected elements along `axis` (`max` and `min` take `initial`), got shape {shape_of(x)}.")
    return found


def arg_reduction(x: Tensor, axis: int | Sequence[int] | None = None, keepdims: bool = False) -> Shape:
    """Position of an extreme value along one axis, or in the flat tensor."""
    if axis is not None and not isinstance(axis, int):
        raise ArgumentTypeError(f"expected `axis` to be an int or None, got {axis!r}.")
    extreme(x, axis)
    return reduction(x, axis, keepdims)


def scanned(x: Tensor, axis: int | Sequence[int] | None = None, **static: object) -> Shape:
    """Cumulative results: flat when `axis` is None."""
    s = shape_of(x)
    if axis is None:
        return (product(s),)
    axis_of(axis, len(s))
    return s


def over(x: Tensor, axis: int | Sequence[int] | None = None, **static: object) -> Shape:
    """Same shape, after checking `axis`; None means all axes."""
    s = shape_of(x)
    axes_of(axis, len(s))
    return s


def along(x: Tensor, axis: int | Sequence[int] | None = -1, **static: object) -> Shape:
    """Same shape, after checking `axis`; None means the flat tensor."""
    s = shape_of(x)
    if axis is None:
        return (product(s),)
    axes_of(axis, max(len(s), 1))
    return s


def top_k(x: Tensor, k: int, sorted: bool = True, is_stable: bool = True) -> list[Shape]:
    """Values and positions of the k largest along the last axis."""
    s = rank_at_least(x, 1)
    if s[-1] is not None and known(k) is not None and k > s[-1]:
        raise ShapeError(f"expected `k` <= the last dimension {s[-1]} of `x`, got {k}.")
    return [(*s[:-1], known(k)), (*s[:-1], known(k))]


def searchsorted(sorted_sequence: object, values: Tensor, side: str = "left") -> Shape:
    """Positions, one for each value."""
    if len(shape_of(sorted_sequence)) != 1:
        raise ShapeError(f"expected `sorted_sequence` of rank 1, got shape {shape_of(sorted_sequence)}.")
    return shape_of(values)


def bincount(x: Tensor, weights: Tensor | None = None, minlength: int = 0, sparse: bool = False) -> Shape:
    """Counts; how many is known from the values only."""
    s = shape_of(x)
    if len(s) not in (1, 2):
        raise ShapeError(f"expected `x` of rank 1 or 2, got shape {s}.")
    if weights is not None:
        broadcast(s, shape_of(weights))
    return (*s[:-1], None)


# ---- shape and indexing --------------------------------------------------------------------------------------------


def reshape(x: Tensor, newshape: Any) -> Shape:
    """`newshape` with -1 filled in where the size is known."""
    s = shape_of(x)
    wanted = [known(d) for d in newshape]
    if wanted.count(-1) > 1:
        raise ShapeError(f"expected at most one -1 in `newshape`, got {tuple(newshape)}.")
    size = product(s)
    if -1 in wanted:
        rest = product(d for d in wanted if d != -1)
        free = None
        if size is not None and rest:
            if size % rest:
                raise ShapeError(f"expected a `newshape` that holds {size} elements, got {tuple(wanted)} for {s}.")
            free = size // rest
        return tuple(free if d == -1 else d for d in wanted)
    total = product(wanted)
    if size is not None and total is not None and size != total:
        raise ShapeError(
            f"expected a `newshape` of {size} elements for a tensor of shape {s}, got {tuple(wanted)} "
            f"with {total} elements; use -1 for one dimension that is to be inferred."
        )
    return tuple(wanted)


def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Shape:
    """Permuted dimensions; reversed when `axes` is None."""
    s = shape_of(x)
    if axes is None:
        return s[::-1]
    order = axes_of(axes, len(s), "axes")
    if len(order) != len(s):
        raise ShapeError(f"expected `axes` to be a permutation of {len(s)} axes, got {tuple(axes)}.")
    return tuple(s[a] for a in order)


def broadcast_to(x: object, shape: Shape) -> Shape:
    """The given shape, -1 keeps a dimension."""
    s, target = shape_of(x), [known(d) for d in shape]
    lead = len(target) - len(s)
    if lead < 0:
        raise ShapeError(f"expected a `shape` of rank >= {len(s)}, got {tuple(shape)} for a tensor of shape {s}.")
    target = [s[i - lead] if d == -1 and i >= lead else d for i, d in enumerate(target)]
    for have, want in zip(s, target[lead:], strict=True):
        if have not in (None, 1) and want is not None and have != want:
            raise ShapeError(f"expected a `shape` that {s} broadcasts to, got {tuple(shape)}.")
    return tuple(target)


def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Shape:
    """All dimensions agree but that of `axis`, which adds up."""
    shapes = [shape_of(x) for x in xs]
    first = shapes[0]
    if any(len(s) != len(first) for s in shapes):
        raise ShapeError(f"expected tensors of one rank, got shapes {shapes}.")
    a = axis_of(axis, len(first))
    out: list[int | None] = []
    for i in range(len(first)):
        dims = [s[i] for s in shapes]
        if i == a:
            out.append(None if None in dims else sum(d for d in dims if d is not None))
            continue
        fixed = {d for d in dims if d is not None}
        if len(fixed) > 1:
            raise ShapeError(f"expected shapes that agree except on axis {a}, got {shapes}.")
        out.append(fixed.pop() if fixed else None)
    return tuple(out)


def stack(x: Tensor, axis: int = 0) -> Shape:
    """One more dimension, as long as the list."""
    shapes = [shape_of(t) for t in x]
    first = shapes[0]
    if any(len(s) != len(first) for s in shapes):
        raise ShapeError(f"expected tensors of one shape, got {shapes}.")
    dims = [_agree([s[i] for s in shapes], shapes) for i in range(len(first))]
    a = axis_of(axis, len(first) + 1)
    return (*dims[:a], len(shapes), *dims[a:])


def _agree(dims: list[int | None], shapes: list[Shape]) -> int | None:
    fixed = {d for d in dims if d is not None}
    if len(fixed) > 1:
        raise ShapeError(f"expected tensors of one shape, got {shapes}.")
    return fixed.pop() if fixed else None


def split(x: Tensor, indices_or_sections: object, axis: int = 0) -> list[Shape]:
    """Equal parts for an int, parts between positions for a sequence."""
    s = rank_at_least(x, 1)
    a = axis_of(axis, len(s))
    n = s[a]
    if isinstance(indices_or_sections, (int, np.integer)):
        parts = int(indices_or_sections)
        if parts <= 0 or (n is not None and n % parts):
            raise ShapeError(f"expected `indices_or_sections` to divide dimension {n} of axis {a}, got {parts}.")
        sizes: list[int | None] = [None if n is None else n // parts] * parts
    else:
        sizes = section_sizes(indices_or_sections, n)
    return [(*s[:a], d, *s[a + 1 :]) for d in sizes]


def section_sizes(positions: Any, n: int | None) -> list[int | None]:
    """Sizes of the parts of range(n) cut at `positions` (out of range ones are clipped, as NumPy does)."""
    cuts = [int(p) for p in positions]
    if n is None:
        starts = [0, *cuts]
        sizes: list[int | None] = [
            max(0, b - a) if a >= 0 and b >= 0 else None for a, b in zip(starts, cuts, strict=False)
        ]
        return [*sizes, None]
    bounds = [0, *(min(max(p + n if p < 0 else p, 0), n) for p in cuts), n]
    return [max(0, b - a) for a, b in itertools.pairwise(bounds)]


def pad_pairs(pad_width: Any, ndim: int) -> tuple[tuple[object, object], ...]:
    """(before, after) for each axis from an int, a pair, or pairs.

    Raises:
        ShapeError: if the number of pairs is neither 1 nor the rank.
    """
    if isinstance(pad_width, (int, np.integer)):
        return ((int(pad_width), int(pad_width)),) * ndim
    pad = list(pad_width)
    if not pad or not hasattr(pad[0], "__len__"):
        pair = (pad[0], pad[0]) if len(pad) == 1 else tuple(pad)
        pad = [pair] * ndim
    elif len(pad) == 1:
        pad = pad * ndim
    pairs = tuple((p[0], p[0]) if len(p) == 1 else tuple(p) for p in pad)
    if len(pairs) != ndim or any(len(p) != 2 for p in pairs):
        raise ShapeError(f"expected `pad_width` to be (before, after) for each of {ndim} axes, got {pad_width!r}.")
    return pairs  # type: ignore[return-value]


def pad(x: Tensor, pad_width: object, mode: str = "constant", constant_values: object = None) -> Shape:
    """Each dimension grows by its padding."""
    s = shape_of(x)
    pairs = pad_pairs(pad_width, len(s))
    return tuple(None if d is None else d + _known_pad(p) for d, p in zip(s, pairs, strict=True))


def _known_pad(pair: tuple[Any, Any]) -> int:
    return int(pair[0]) + int(pair[1])


def roll(x: Tensor, shift: object, axis: int | Sequence[int] | None = None) -> Shape:
    """The shape stays."""
    s = shape_of(x)
    axes_of(axis, len(s)) if axis is not None and not isinstance(axis, (tuple, list)) else None
    return s


def repeat(x: object, repeats: Any, axis: int | None = None) -> Shape:
    """One dimension times `repeats`, or the sum of `repeats`."""
    s = shape_of(x)
    if axis is None:
        s, a = (product(s),), 0
    else:
        a = axis_of(axis, len(s))
    n = s[a]
    counts = list(repeats) if isinstance(repeats, (list, tuple)) or getattr(repeats, "ndim", 0) == 1 else [repeats]
    if isinstance(repeats, KerasTensor):
        size = None
    elif len(counts) == 1:
        size = None if n is None else n * int(counts[0])
    elif n is not None and n != len(counts):
        raise ShapeError(f"expected 1 or {n} numbers in `repeats`, got {len(counts)}.")
    else:
        size = int(sum(int(c) for c in counts))
    return (*s[:a], size, *s[a + 1 :])


def tile(x: Tensor, repeats: Any) -> Shape:
    """Each dimension times its repeats; ones are put in front of the shorter of the two."""
    s = shape_of(x)
    r = [known(d) for d in repeats]
    rank = max(len(s), len(r))
    s, r = (1,) * (rank - len(s)) + s, [1] * (rank - len(r)) + r
    return tuple(None if a is None or b is None else a * b for a, b in zip(s, r, strict=True))


def take(x: object, indices: object, axis: int | None = None) -> Shape:
    """The indexed axis is replaced by the shape of `indices`."""
    s, i = shape_of(x), shape_of(indices)
    if axis is None:
        return i
    a = axis_of(axis, len(s))
    return (*s[:a], *i, *s[a + 1 :])


def take_along_axis(x: object, indices: Tensor, axis: int | None = None) -> Shape:
    """Shapes broadcast except on `axis`, whose length is that of `indices`."""
    s, i = shape_of(x), shape_of(indices)
    if axis is None:
        if len(i) != 1:
            raise ShapeError(f"expected `indices` of rank 1 when `axis` is None, got shape {i}.")
        return i
    if len(s) != len(i):
        raise ShapeError(f"expected `indices` of the rank of `x` ({len(s)}), got shapes {s} and {i}.")
    a = axis_of(axis, len(s))
    out = list(broadcast((*s[:a], 1, *s[a + 1 :]), (*i[:a], 1, *i[a + 1 :])))
    out[a] = i[a]
    return tuple(out)


def expand_dims(x: object, axis: object) -> Shape:
    """Dimensions of 1 at `axis` (positions in the result)."""
    s = list(shape_of(x))
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    rank = len(s) + len(places)
    for a in sorted(axes_of(tuple(places), rank)):
        s.insert(a, 1)
    return tuple(s)


def squeeze(x: Tensor, axis: int | Sequence[int] | None = None) -> Shape:
    """Without dimensions of 1."""
    s = shape_of(x)
    if axis is None:
        return tuple(d for d in s if d != 1)
    gone = axes_of(axis, len(s))
    for a in gone:
        if s[a] not in (1, None):
            raise ShapeError(f"expected dimensions of 1 on the axes to squeeze, got {s[a]} on axis {a} of {s}.")
    return tuple(d for i, d in enumerate(s) if i not in gone)


def get_item(x: Tensor, key: object) -> Shape:
    """NumPy indexing with ints, slices, Ellipsis, None, and index or mask tensors."""
    s = shape_of(x)
    return _index(s, complete_key(list(key) if isinstance(key, tuple) else [key], len(s)))


def complete_key(parts: list[object], rank: int) -> list[Any]:
    """The parts of an index, with whole slices for `...` and for what is left out.

    Raises:
        ShapeError: if there are more than a tensor of this rank takes, or several `...`.
    """
    used = sum(_consumes(k) for k in parts)
    if used > rank:
        raise ShapeError(f"expected at most {rank} indices for a tensor of rank {rank}, got {used}.")
    at = [i for i, k in enumerate(parts) if k is Ellipsis]
    if len(at) > 1:
        raise ShapeError(f"expected at most one Ellipsis, got {len(at)}.")
    fill = [slice(None)] * (rank - used)
    return parts[: at[0]] + fill + parts[at[0] + 1 :] if at else parts + fill


def _is_mask(k: object) -> bool:
    return isinstance(k, (bool, np.bool_)) or "bool" in str(getattr(k, "dtype", ""))


def _consumes(k: object) -> int:
    if k is None or k is Ellipsis:
        return 0
    return len(shape_of(k)) if _is_mask(k) else 1


def _index(s: Shape, parts: list[object]) -> Shape:
    out: list[Any] = []
    arrays: list[Shape] = []
    place: list[int] = []
    axis = 0
    for n, k in enumerate(parts):
        if k is None:
            out.append(1)
            continue
        if isinstance(k, slice):
            out.append(_sliced(s[axis], k))
            axis += 1
            continue
        if isinstance(k, (int, np.integer)) and not isinstance(k, bool):
            _check_index(int(k), s[axis], axis)
        place.append((n, len(out)))  # type: ignore[arg-type]
        arrays.append(_chosen(k))
        axis += _consumes(k)
    if not arrays:
        return tuple(out)
    joined = broadcast(*arrays)
    numbers = [n for n, _ in place]  # type: ignore[misc]
    contiguous = numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    if not contiguous and all(a == () for a in arrays):
        return tuple(out)
    start = place[0][1] if contiguous else 0  # type: ignore[index]
    return (*out[:start], *joined, *out[start:])


def _chosen(k: object) -> Shape:
    """The shape of what an int, an array of integers or a mask chooses."""
    if _is_mask(k):
        return (int(np.count_nonzero(k)),) if isinstance(k, (bool, np.bool_, np.ndarray)) else (None,)
    kind = str(getattr(k, "dtype", ""))
    if "float" in kind or not (kind or hasattr(k, "__index__") or hasattr(k, "__array__")):
        raise ArgumentError(f"expected ints, slices, `...`, None, and arrays of ints or bools as indices, got {k!r}.")
    return shape_of(k)


def _check_index(k: int, n: int | None, axis: int) -> None:
    if n is not None and not -n <= k < n:
        raise ShapeError(f"expected an index in [{-n}, {n}) on axis {axis}, got {k}.")


def _sliced(n: int | None, k: slice) -> int | None:
    ends = (k.start, k.stop, k.step)
    if any(isinstance(e, (float, str)) for e in ends):
        raise ArgumentError(f"expected ints in a slice, got {k!r}.")
    if any(e is not None and known(e) is None for e in ends):
        return None
    if n is not None:
        return len(range(*k.indices(n)))
    return None


def slice_(inputs: Tensor, start_indices: Any, shape: Shape) -> Shape:
    """The given sizes; -1 means to the end."""
    s = shape_of(inputs)
    if len(shape) != len(s):
        raise ShapeError(f"expected a `shape` of {len(s)} numbers for a tensor of shape {s}, got {tuple(shape)}.")
    starts = _starts(start_indices, s)
    out = []
    for n, size, at in zip(s, (known(d) for d in shape), starts, strict=False):
        if size == -1:
            size = None if n is None or at is None else max(n - at - (n if at < 0 else 0), 0)
        if n is not None and size is not None and size > n:
            raise ShapeError(f"expected a slice inside a tensor of shape {s}, got `shape` {tuple(shape)}.")
        out.append(size)
    return tuple(out)


def _starts(start_indices: Any, s: Shape) -> list[int | None]:
    """The first position along each axis, as far as it is known."""
    starts: list[int | None] = [None] * len(s)
    if isinstance(start_indices, Sequence):
        starts = [known(i) for i in start_indices]
    if len(starts) != len(s):
        raise ShapeError(f"expected {len(s)} `start_indices` for a tensor of shape {s}, got {len(starts)}.")
    return starts


def block_of(sizes: Sequence[int], starts: Sequence[int], block: Sequence[int]) -> tuple[slice, ...]:
    """The index of a block, as XLA has it: negative places count from the end; one that sticks out is moved inside.

    Args:
        sizes: those of the tensor.
        starts: the places that are asked for.
        block: the sizes of the block; -1 for all up to the end.

    Raises:
        ShapeError: the block is larger than the tensor.
    """
    out = []
    for n, at, size in zip(sizes, starts, block, strict=True):
        at = at + n if at < 0 else at
        size = max(n - at, 0) if size == -1 else size
        if isinstance(n, int) and size > n:  # a size that a graph does not know may be any
            raise ShapeError(f"expected a slice inside a tensor of shape {tuple(sizes)}, got `shape` {tuple(block)}.")
        at = min(max(at, 0), n - size) if at else 0
        out.append(slice(at, at + size))
    return tuple(out)


def slice_update(inputs: Tensor, updates: Tensor, start_indices: object) -> Shape:
    """The shape of `inputs`; `updates` must fit inside."""
    s, u = shape_of(inputs), shape_of(updates)
    if len(s) != len(u):
        raise ShapeError(f"expected `updates` of the rank of `inputs` ({len(s)}), got shapes {u} and {s}.")
    if any(n is not None and size is not None and size > n for n, size in zip(s, u, strict=True)):
        raise ShapeError(f"expected `updates` inside a tensor of shape {s}, got shape {u}.")
    _starts(start_indices, s)
    return s


def scatter(indices: Tensor, values: Tensor, shape: Shape) -> Shape:
    """The given shape."""
    i = rank_at_least(indices, 1, "indices")
    _check_scatter(i, shape_of(values), tuple(known(d) for d in shape))
    return tuple(known(d) for d in shape)


def scatter_update(inputs: Tensor, indices: Tensor, updates: Tensor, reduction: object = None) -> Shape:
    """The shape of `inputs`."""
    s = shape_of(inputs)
    _check_scatter(rank_at_least(indices, 1, "indices"), shape_of(updates), s)
    return s


def _check_scatter(i: Shape, values: Shape, target: Shape) -> None:
    if i[-1] is None:
        return
    if i[-1] > len(target):
        raise ShapeError(f"expected at most {len(target)} coordinates per index, got `indices` of shape {i}.")
    want = (*i[:-1], *target[i[-1] :])
    if len(values) != len(want) or any(None not in p and p[0] != p[1] for p in zip(values, want, strict=False)):
        raise ShapeError(f"expected values of shape {want} for `indices` of shape {i}, got {values}.")


# ---- creation ------------------------------------------------------------------------------------------------------


def given(shape: Any, **static: object) -> Shape:
    """The shape argument."""
    return tuple(known(d) for d in shape)


def filled(shape: Any, fill_value: object, **static: object) -> Shape:
    """The shape argument, which the value broadcasts to."""
    found = given(shape)
    if not may_be_equal(broadcast(shape_of(fill_value), found), found):
        raise ShapeError(f"expected `fill_value` to broadcast to {found}, got shape {shape_of(fill_value)}.")
    return found


def arange(start: object, stop: Any = None, step: object = None, dtype: DTypeLike = None) -> Shape:
    """The number of steps, when the ends are numbers."""
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    if not all(isinstance(v, (int, float, np.number)) for v in (start, stop, step)):
        return (None,)
    return (max(0, math.ceil((stop - start) / step)),)


def linspace(start: Tensor, stop: Tensor, num: int = 50, axis: int = 0, retstep: bool = False, **static: object) -> Any:
    """`num` in front of the broadcast ends, or at `axis`."""
    s = broadcast(shape_of(start), shape_of(stop))
    a = axis_of(axis, len(s) + 1)
    out = (*s[:a], known(num), *s[a:])
    return [out, ()] if retstep else out


def eye(N: object, M: object = None, **static: object) -> Shape:
    """N rows, M columns."""
    return (known(N), known(N if M is None else M))


# ---- linear algebra ------------------------------------------------------------------------------------------------


def matmul(x1: TensorLike, x2: Tensor) -> Shape:
    """Matrix product with broadcast leading axes; vectors as NumPy treats them."""
    a, b = shape_of(x1), shape_of(x2)
    if min(len(a), len(b)) == 0:
        raise ShapeError(f"expected tensors of rank >= 1, got shapes {a} and {b}; use multiply for scalars.")
    inner = (a[-1], b[-2] if len(b) > 1 else b[0])  # pyright: ignore[reportGeneralTypeIssues]
    if None not in inner and inner[0] != inner[1]:
        raise ShapeError(
            f"expected the last dimension of `x1` to equal the last but one of `x2`, got shapes {a} and {b}."
        )
    if len(a) == 1:
        return b[:-2] + b[-1:] if len(b) > 1 else ()
    if len(b) == 1:
        return a[:-1]
    return (*broadcast(a[:-2], b[:-2]), a[-2], b[-1])  # pyright: ignore[reportGeneralTypeIssues]


def einsum(operands: Any, subscripts: str) -> Shape:
    """The dimensions of the output's letters."""
    terms, out = einsum_terms(subscripts, len(operands))
    sizes: dict[str, int | None] = {}
    spread: list[Shape] = [()]
    for term, x in zip(terms, operands, strict=True):
        s = shape_of(x)
        head, dots, tail = term.partition("...")
        if (not dots and len(s) != len(term)) or len(s) < len(head) + len(tail):
            raise ShapeError(f"expected an operand of rank {len(term)} for {term!r} in {subscripts!r}, got shape {s}.")
        if dots:
            spread.append(s[len(head) : len(s) - len(tail)])
        dims = (*zip(head, s, strict=False), *zip(tail, s[len(s) - len(tail) :], strict=True))
        for letter, d in dims:
            old = sizes.get(letter)
            if old not in (None, 1) and d not in (None, 1) and old != d:
                raise ShapeError(f"expected one size for {letter!r} in {subscripts!r}, got {old} and {d}.")
            sizes[letter] = d if old in (None, 1) and (d is not None or old is None) else old
    ellipsis = broadcast(*spread)
    head, dots, tail = out.partition("...")
    return (*(sizes[c] for c in head), *(ellipsis if dots else ()), *(sizes[c] for c in tail))


def einsum_terms(subscripts: str, count: int) -> tuple[list[str], str]:
    """Operand terms and output term of an einsum equation; the output is inferred when it is not given.

    Raises:
        ArgumentError: if the number of terms is not the number of operands.
    """
    text = subscripts.replace(" ", "")
    left, arrow, out = text.partition("->")
    terms = left.split(",")
    if len(terms) != count:
        raise ArgumentError(f"expected {len(terms)} operands for {subscripts!r}, got {count}.")
    letters = left.replace(",", "").replace("...", "")
    if not arrow:
        dots = "..." if "..." in left else ""
        out = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    elif any(c not in letters for c in out.replace("...", "")):
        raise ArgumentError(f"expected output letters that occur in the operands, got {subscripts!r}.")
    return terms, out


def _square(x: TensorLike, what: str = "x") -> Shape:
    s = rank_at_least(x, 2, what)
    if None not in s[-2:] and s[-1] != s[-2]:
        raise ShapeError(f"expected square matrices in the last two axes of `{what}`, got shape {s}.")
    return s


def square(x: TensorLike, **static: object) -> Shape:
    """Square matrices in, the same out."""
    return _square(x)


def determinant(x: Tensor) -> Shape:
    """A number per matrix."""
    return _square(x)[:-2]


def solve(a: Tensor, b: Tensor, **static: object) -> Shape:
    """The shape of the right side, whose leading axes are broadcast with those of the matrices."""
    s, r = _square(a, "a"), rank_at_least(b, 1, "b")
    own = 1 if len(r) in (1, len(s) - 1) else 2  # axes of a vector, or of a matrix
    rows = r[-own]
    if None not in (rows, s[-1]) and rows != s[-1]:
        raise ShapeError(f"expected `b` with {s[-1]} rows for `a` of shape {s}, got shape {r}.")
    return (*broadcast(s[:-2], r[:-own]), *r[-own:])


def qr(x: Tensor, mode: str = "reduced") -> list[Shape]:
    """Q and R."""
    s = rank_at_least(x, 2)
    m, n = s[-2:]
    k = None if m is None or n is None else min(m, n)
    inner = m if mode == "complete" else k
    return [(*s[:-1], inner), (*s[:-2], inner, n)]


def svd(x: Tensor, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """U, S and V^H, or S alone."""
    s = rank_at_least(x, 2)
    m, n = s[-2:]
    k = None if m is None or n is None else min(m, n)
    values = (*s[:-2], k)
    if not compute_uv:
        return values
    rows, cols = (m, n) if full_matrices else (k, k)
    return [(*s[:-2], m, rows), values, (*s[:-2], cols, n)]


def eigh(x: Tensor) -> list[Shape]:
    """Eigenvalues and eigenvectors."""
    s = _square(x)
    return [s[:-1], s]


def lu_factor(x: Tensor) -> list[Shape]:
    """The packed factors and the pivots."""
    s = rank_at_least(x, 2)
    m, n = s[-2:]
    return [s, (*s[:-2], None if m is None or n is None else min(m, n))]
