"""Images at other sizes and places: resizing, coordinates, affine, perspective and elastic transforms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.op import op
from kfront.core.typing import Seed, Size, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops import random as kr
from kfront.ops.arithmetic import clip
from kfront.ops.creation import ones_like, zeros_like
from kfront.ops.image_common import (
    along,
    compute_dtype,
    half_away,
    highest,
    in_proportion,
    larger,
    pair,
    restore,
    share,
    spatial_axes,
    window,
)
from kfront.ops.image_filter import blurred
from kfront.ops.primitives.arguments import data_format, option, shape_tuple
from kfront.ops.shapes import moveaxis

_LETTERS = "abcdefgh"


def _triangle(x: TensorLike) -> Tensor:
    return p.maximum(p.subtract(1.0, x), 0.0)


def _keys_cubic(x: TensorLike) -> Tensor:
    # Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -1/2
    near = p.add(p.multiply(p.multiply(p.subtract(p.multiply(x, 1.5), 2.5), x), x), 1.0)
    far = p.add(p.multiply(p.subtract(p.multiply(p.add(p.multiply(x, -0.5), 2.5), x), 4.0), x), 2.0)
    return p.where(p.greater_equal(x, 2.0), 0.0, p.where(p.greater_equal(x, 1.0), far, near))


def _lanczos(radius: float) -> Any:
    # Duchon, "Lanczos filtering in one and two dimensions", 1979
    def kernel(x: TensorLike) -> Any:
        inside = p.logical_and(p.greater(x, 1e-3), p.less(x, radius))
        safe = p.multiply(p.where(inside, x, 1.0), math.pi)
        y = p.divide(p.multiply(radius, p.multiply(p.sin(safe), p.sin(p.divide(safe, radius)))), p.multiply(safe, safe))
        return p.where(p.greater_equal(x, radius), 0.0, p.where(inside, y, 1.0))

    return kernel


_KERNELS: dict[str, Any] = {
    **dict.fromkeys(("linear", "bilinear", "trilinear", "triangle"), _triangle),
    **dict.fromkeys(("cubic", "bicubic", "tricubic"), _keys_cubic),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def _resampled(
    x: Tensor, axis: int, length: Any, step: Any, offset: TensorLike, method: str, antialias: bool
) -> Tensor:
    """`x` along an axis at `length` places of which place j lies at ``(j + 1/2 - offset) * step`` of the input."""
    kind, n = p.dtype_of(x), p.dim(x, axis)
    at = p.subtract(p.multiply(p.subtract(p.add(p.cast(p.arange(length), kind), 0.5), offset), step), 0.5)
    far = p.abs(p.subtract(p.expand_dims(at, 0), p.expand_dims(p.cast(p.arange(n), kind), 1)))
    weights = _KERNELS[method](p.divide(far, larger(step, 1.0)) if antialias else far)
    total = p.sum(weights, 0, True)
    fine = p.greater(p.abs(total), 1e-4)
    weights = p.where(fine, p.divide(weights, p.where(fine, total, 1.0)), 0.0)
    seen = p.logical_and(p.greater_equal(at, -0.5), p.less_equal(at, p.subtract(p.cast(n, kind), 0.5)))
    letters = _LETTERS[: len(x.shape)]
    here = letters[axis]
    return p.einsum(f"{here}z,{letters}->{letters.replace(here, 'z')}", p.multiply(weights, p.cast(seen, kind)), x)


@op(
    ("images", "scale", "translation"),
    prepare={"output_shape": shape_tuple, "method": option("method", *_KERNELS)},
    home="image",
    call_args=("images", "output_shape", "scale", "translation"),
)
def scale_and_translate(
    images: Tensor,
    output_shape: Sequence[Size],
    scale: TensorLike,
    translation: TensorLike,
    spatial_dims: Sequence[int],
    method: str,
    antialias: bool = True,
) -> Tensor:
    """Resample images at places that are scaled and shifted.

    The center of pixel (y, x) is (y + 1/2, x + 1/2); it comes to ``(y * scale[0] + translation[0], ...)``. Output
    pixels whose place lies outside the input are 0.

    Args:
        images: tensor of any shape.
        output_shape: shape of the result; it differs from that of `images` along `spatial_dims` only.
        scale: tensor of shape (k,): factor along each of `spatial_dims`.
        translation: tensor of shape (k,): shift along each of `spatial_dims`, in output pixels.
        spatial_dims: k axes.
        method: "linear" ("bilinear", "trilinear", "triangle"), "cubic" ("bicubic", "tricubic"), "lanczos3" or
            "lanczos5".
        antialias: whether the kernel is widened where the image shrinks.

    Returns:
        tensor of shape `output_shape`, in the dtype of `images` (integers are rounded).

    Raises:
        ArgumentError: for an unknown `method`.

    Example:

    >>> from kfront import ops
    >>> x = ops.array([[0.0, 1.0, 2.0]])
    >>> ops.convert_to_numpy(ops.image.scale_and_translate(x, (1, 5), [2.0], [-0.5], (1,), "linear")).tolist()
    [[0.0, 0.5, 1.0, 1.5, 2.0]]
    """
    if len(output_shape) != len(images.shape):
        raise ShapeError(f"expected `output_shape` of {len(images.shape)} sizes, got {tuple(output_shape)}.")
    kind = compute_dtype(images)
    y, scale, translation = p.cast(images, kind), p.cast(scale, kind), p.cast(translation, kind)
    for i, axis in enumerate(spatial_dims):
        axis = axis % len(images.shape)
        step, offset = p.divide(1.0, p.get_item(scale, i)), p.get_item(translation, i)
        y = _resampled(y, axis, output_shape[axis], step, offset, method, antialias)
    return restore(y, p.dtype_of(images))


def _nearest(x: TensorLike, axis: int, length: int) -> Tensor:
    """The input pixel below the center of each output pixel, computed in integers."""
    n = p.dim(x, axis)
    places = p.floor_divide(p.multiply(p.add(p.multiply(p.arange(length), 2), 1), n), 2 * length)
    return p.take(x, places, axis)


def _with_aspect(
    images: TensorLike, axes: tuple[int, ...], size: tuple[int, int], crop: bool, fill: object
) -> TensorLike:
    """The largest window of the aspect ratio of `size` inside the images, or the smallest one around them."""
    h, w = p.dim(images, axes[0]), p.dim(images, axes[1])
    for axis, n, length in zip(axes, (h, w), in_proportion(h, w, size, crop), strict=True):
        start = share(n - length, 1, 2) if crop else -share(length - n, 1, 2)
        images = window(images, axis, start, length if crop else n - start * 2, fill)
    return images


_METHODS = option("interpolation", "nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")


_RESIZE: dict[str, Any] = {
    "size": pair("size", least=1),
    "interpolation": _METHODS,
    "fill_mode": option("fill_mode", "constant"),
    "data_format": data_format,
}


@op(prepare=_RESIZE, home="image")
def resize(
    images: TensorLike,
    size: Any,
    interpolation: str = "bilinear",
    antialias: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    fill_mode: str = "constant",
    fill_value: float = 0.0,
    data_format: str | None = None,
) -> Tensor:
    """Images at another size.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        size: (height, width) of the result.
        interpolation: "nearest", "bilinear", "bicubic", "lanczos3" or "lanczos5".
        antialias: whether the kernel is widened where the image shrinks.
        crop_to_aspect_ratio: whether images are first cut (about their center) to the aspect ratio of `size`.
        pad_to_aspect_ratio: whether images are first padded (evenly) to the aspect ratio of `size`.
        fill_mode: "constant": padding holds `fill_value`.
        fill_value: number in padded places.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with the new height and width, in the dtype of `images` (integers are rounded).

    Raises:
        ArgumentError: for an unknown option, or both ways of keeping the aspect ratio.
        ShapeError: if the rank is not 3 or 4.

    Example:

    >>> from kfront import ops
    >>> x = ops.reshape(ops.arange(4.0), (2, 2, 1))
    >>> ops.convert_to_numpy(ops.image.resize(x, (1, 2))[..., 0]).tolist()
    [[1.0, 2.0]]
    """
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError("expected at most one of `crop_to_aspect_ratio` and `pad_to_aspect_ratio`, got both.")
    axes, _ = spatial_axes(images, str(data_format))
    if crop_to_aspect_ratio or pad_to_aspect_ratio:
        images = _with_aspect(images, axes, size, crop_to_aspect_ratio, fill_value)
    if interpolation == "nearest":
        return _nearest(_nearest(images, axes[0], size[0]), axes[1], size[1])
    y = p.cast(images, compute_dtype(images))
    for axis, length in zip(axes, size, strict=True):
        n = p.dim(y, axis)
        known = isinstance(n, int) and isinstance(length, int)
        if not known or n != length:
            step = n / length if known else p.divide(*(p.cast(v, p.dtype_of(y)) for v in (n, length)))
            y = _resampled(y, axis, length, step, 0.0, interpolation, antialias)
    return restore(y, p.dtype_of(images))


def _reflected(i: Tensor, n: Tensor) -> Tensor:
    # d c b a | a b c d | d c b a
    i = p.mod(i, p.multiply(n, 2))
    return p.minimum(i, p.subtract(p.subtract(p.multiply(n, 2), 1), i))


def _mirrored(i: Tensor, n: Any) -> Tensor:
    # c d c b | a b c d | c b a b
    period = larger(p.multiply(highest(n), 2), 1)
    i = p.mod(i, period)
    return p.minimum(i, p.subtract(period, i)) if not isinstance(n, int) or n > 1 else zeros_like(i)


def _clipped(i: Tensor, n: Tensor) -> Tensor:
    return clip(i, 0, highest(n))


_INSIDE: dict[str, Any] = {
    "constant": _clipped,
    "nearest": _clipped,
    "wrap": p.mod,
    "mirror": _mirrored,
    "reflect": _reflected,
}


def _near(at: Tensor, n: Any, order: int, mode: str) -> list[tuple[Any, Any, Any]]:
    """The places along one axis that make up the values at coordinates: (position, whether it is inside, weight)."""
    if mode in ("constant", "nearest"):  # beyond that nothing changes, and far out an index would overflow
        at = clip(at, -1.0, p.cast(n, p.dtype_of(at)))
    if order == 0:
        below, weights = half_away(at), [None]
    else:
        below = p.floor(at)
        share_of_next = p.subtract(at, below)
        weights = [p.subtract(1.0, share_of_next), share_of_next]
    below = p.cast(below, "int32")
    out = []
    for i, weight in enumerate(weights):
        place = p.add(below, i) if i else below
        inside = _INSIDE[mode](place, n)
        out.append((inside, p.equal(place, inside) if mode == "constant" else None, weight))
    return out


def _values_at(rows: Any, sizes: Any, coordinates: list[Any], base: Any, order: int, mode: str, fill: Any) -> Any:
    """Interpolated rows.

    Args:
        rows: tensor of shape (positions, ...): the grid, flattened.
        sizes: length of the grid along each axis.
        coordinates: floating places along each axis, which broadcast.
        base: position at which the grid begins.
        order: 0 for the nearest place, 1 for linear interpolation.
        mode: what lies outside, a key of `_INSIDE`.
        fill: the value outside for "constant".
    """
    total: Any = None
    per_axis = [_near(c, n, order, mode) for c, n in zip(coordinates, sizes, strict=True)]
    for corner in itertools.product(*per_axis):
        place, valid, weight = base, None, None
        for (i, inside, w), n in zip(corner, sizes, strict=True):
            place = i if place is None else p.add(p.multiply(place, n), i)
            valid = inside if valid is None else p.logical_and(valid, inside)
            weight = w if weight is None else p.multiply(weight, w)
        value = p.take(rows, place, 0)
        extra = len(rows.shape) - 1
        if valid is not None:
            value = p.where(_widened(valid, extra), value, fill)
        if weight is not None:
            value = p.multiply(value, _widened(weight, extra))
        total = value if total is None else p.add(total, value)
    return total


def _widened(x: TensorLike, axes: int) -> TensorLike:
    return p.expand_dims(x, tuple(range(-axes, 0))) if axes else x


_FILL_MODES = option("fill_mode", *_INSIDE)


def _order(value: object) -> int:
    if value not in (0, 1):
        raise ArgumentError(f"expected `order` to be 0 (nearest) or 1 (linear), got {value!r}.")
    return int(value)


@op(2, prepare={"order": _order, "fill_mode": _FILL_MODES}, home="image")
def map_coordinates(
    inputs: Tensor, coordinates: Any, order: int, fill_mode: str = "constant", fill_value: float = 0
) -> Tensor:
    """Values of a tensor at coordinates between its elements.

    Args:
        inputs: tensor of rank n >= 1.
        coordinates: tensor of shape (n, ...): the place along each axis, 0 at the first element.
        order: 0 for the nearest element (halves away from 0), 1 for linear interpolation.
        fill_mode: values outside the image: "constant" (`fill_value`), "nearest" (the edge), "wrap" (the other end),
            "mirror" (mirrored without the edge) or "reflect" (with the edge).
        fill_value: number outside for "constant".

    Returns:
        tensor of shape coordinates.shape[1:], in the dtype of `inputs` (integers are rounded).

    Raises:
        ArgumentError: for an unknown `order` or `fill_mode`.
        ShapeError: if there is not one coordinate for each axis.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.image.map_coordinates(ops.array([0.0, 10.0, 20.0]), [[0.5, 1.75]], 1)).tolist()
    [5.0, 17.5]
    """
    rank = len(inputs.shape)
    if not rank or len(coordinates.shape) < 2 or coordinates.shape[0] not in (rank, None):
        raise ShapeError(
            f"expected `coordinates` of shape ({rank}, ...) for `inputs` of shape {tuple(inputs.shape)}, "
            f"got {tuple(coordinates.shape)}."
        )
    kind = compute_dtype(inputs)
    at = p.cast(coordinates, kind)
    sizes = [p.dim(inputs, i) for i in range(rank)]
    places = [p.get_item(at, i) for i in range(rank)]
    y = _values_at(p.reshape(p.cast(inputs, kind), (-1,)), sizes, places, None, order, fill_mode, fill_value)
    return restore(y, p.dtype_of(inputs), half_away)


def images_at(
    images: Any, ys: TensorLike, xs: TensorLike, interpolation: str, mode: str, fill: object, layout: str
) -> Tensor:
    """Images at places of shape (1 or batch, rows, columns); `images` may be one image or a batch, in either layout."""
    _, channels = spatial_axes(images, layout)
    single = len(images.shape) == 3
    x = p.cast(images, compute_dtype(images))
    x = moveaxis(p.expand_dims(x, 0) if single else x, channels - len(images.shape), -1)
    batch, h, w, c = p.shape(x)
    base = p.reshape(p.arange(batch), (-1, 1, 1))
    order = int(interpolation == "bilinear")
    y = _values_at(p.reshape(x, (-1, c)), (h, w), [ys, xs], base, order, mode, fill)
    y = moveaxis(y, -1, channels - len(images.shape))
    return restore(p.squeeze(y, 0) if single else y, p.dtype_of(images), half_away)


def _grid(images: TensorLike, layout: str) -> tuple[Tensor, Tensor]:
    """Coordinates of pixels: y of shape (height, 1), x of shape (1, width)."""
    (h, w), _ = spatial_axes(images, layout)
    kind = compute_dtype(images)
    return along(p.cast(p.arange(p.dim(images, h)), kind), 2, 0), along(p.cast(p.arange(p.dim(images, w)), kind), 2, 1)


_BETWEEN = option("interpolation", "nearest", "bilinear")
_PLACES: dict[str, Any] = {"interpolation": _BETWEEN, "data_format": data_format}


def _check_rows(images: Any, what: str, x: Any, tail: tuple[int, ...]) -> None:
    """That `x` has the shape `tail`, or one such row for each image."""
    s, lead, shape = tuple(x.shape), len(x.shape) - len(tail), tuple(images.shape)
    batch = images.shape[0] if len(images.shape) == 4 else 1
    fits = lead in (0, 1) and all(d in (None, t) for d, t in zip(s[lead:], tail, strict=True))
    if not fits or (lead and s[0] not in (None, 1, batch) and batch is not None):
        raise ShapeError(
            f"expected `{what}` of shape {tail}, or {(batch, *tail)} for `images` of shape {shape}, got {s}."
        )


@op(2, prepare={**_PLACES, "fill_mode": _FILL_MODES}, home="image")
def affine_transform(
    images: TensorLike,
    transform: Any,
    interpolation: str = "bilinear",
    fill_mode: str = "constant",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images moved by projective transforms.

    With a transform ``[a0, a1, a2, b0, b1, b2, c0, c1]`` the output pixel (x, y) is taken from the input at
    ``((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k)``, where ``k = c0 x + c1 y + 1``. On every engine c0 and c1
    count, and gradients reach the transform.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        transform: tensor of shape (8,), or (batch, 8).
        interpolation: "bilinear" or "nearest".
        fill_mode: values outside the image: "constant" (`fill_value`), "nearest", "wrap", "mirror" or "reflect"; see
            `map_coordinates`.
        fill_value: number outside for "constant".
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of the shape and dtype of `images` (integers are rounded).

    Raises:
        ArgumentError: for an unknown option.
        ShapeError: if the shapes do not fit.

    Example: one pixel to the left.

    >>> from kfront import ops
    >>> x = ops.reshape(ops.arange(4.0), (2, 2, 1))
    >>> ops.convert_to_numpy(ops.image.affine_transform(x, [1, 0, 1, 0, 1, 0, 0, 0])[..., 0]).tolist()
    [[1.0, 0.0], [3.0, 0.0]]
    """
    layout = str(data_format)
    y, x = _grid(images, layout)
    _check_rows(images, "transform", transform, (8,))
    rows = p.reshape(p.cast(transform, compute_dtype(images)), (-1, 8, 1, 1))
    a0, a1, a2, b0, b1, b2, c0, c1 = (p.get_item(rows, (slice(None), i)) for i in range(8))
    k = p.add(p.add(p.multiply(c0, x), p.multiply(c1, y)), 1.0)
    xs = p.divide(p.add(p.add(p.multiply(a0, x), p.multiply(a1, y)), a2), k)
    ys = p.divide(p.add(p.add(p.multiply(b0, x), p.multiply(b1, y)), b2), k)
    return images_at(images, ys, xs, interpolation, fill_mode, fill_value, layout)


def homography(source: Tensor, target: Tensor) -> Tensor:
    """The transforms (n, 8) that take points `target` to `source`, both of shape (n, 4, 2)."""
    u, v = p.get_item(source, (..., 0)), p.get_item(source, (..., 1))
    x, y = p.get_item(target, (..., 0)), p.get_item(target, (..., 1))
    one, zero = ones_like(x), zeros_like(x)
    for_u = p.stack([x, y, one, zero, zero, zero, p.negative(p.multiply(x, u)), p.negative(p.multiply(y, u))], -1)
    for_v = p.stack([zero, zero, zero, x, y, one, p.negative(p.multiply(x, v)), p.negative(p.multiply(y, v))], -1)
    found = p.solve(p.concatenate([for_u, for_v], -2), p.expand_dims(p.concatenate([u, v], -1), -1))
    return p.squeeze(found, -1)


@op(3, prepare=_PLACES, home="image")
def perspective_transform(
    images: Tensor,
    start_points: TensorLike,
    end_points: TensorLike,
    interpolation: str = "bilinear",
    fill_value: float = 0,
    data_format: str | None = None,
) -> Tensor:
    """Images seen from elsewhere: the projective transform that takes four points to four others.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        start_points: tensor of shape (4, 2) or (batch, 4, 2): points (x, y) of the images, in pixels.
        end_points: tensor of the same shape: where they come to.
        interpolation: "bilinear" or "nearest".
        fill_value: number outside.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of the shape and dtype of `images` (integers are rounded).

    Raises:
        ArgumentError: for an unknown option.
        ShapeError: if the shapes do not fit.

    Example: one pixel to the right.

    >>> from kfront import ops
    >>> x = ops.reshape(ops.arange(4.0), (2, 2, 1))
    >>> corners = ops.array([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    >>> y = ops.image.perspective_transform(x, corners, corners + ops.array([1.0, 0.0]))
    >>> ops.convert_to_numpy(ops.round(y[..., 0], 3)).tolist()
    [[0.0, 0.0], [0.0, 2.0]]
    """
    for what, points in (("start_points", start_points), ("end_points", end_points)):
        _check_rows(images, what, points, (4, 2))
    kind = compute_dtype(images)
    source, target = (p.reshape(p.cast(x, kind), (-1, 4, 2)) for x in (start_points, end_points))
    transform = homography(source, target)
    return affine_transform(images, transform, interpolation, "constant", fill_value, data_format)


@op(prepare={**_PLACES, "fill_mode": _FILL_MODES}, home="image")
def elastic_transform(
    images: Tensor,
    alpha: float = 20.0,
    sigma: float = 5.0,
    interpolation: str = "bilinear",
    fill_mode: str = "reflect",
    fill_value: float = 0.0,
    seed: Seed = None,
    data_format: str | None = None,
) -> Tensor:
    """Images deformed by smooth random fields, each image by its own.

    The displacement of a pixel is ``alpha`` times normal noise of deviation `sigma`, smoothed by a Gaussian of
    deviation `sigma`.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        alpha: strength of the displacement: about 0.28 `alpha` pixels is its standard deviation.
        sigma: how smooth it is, in pixels.
        interpolation: "bilinear" or "nearest".
        fill_mode: values outside the image: "constant" (`fill_value`), "nearest", "wrap", "mirror" or "reflect"; see
            `map_coordinates`.
        fill_value: number outside for "constant".
        seed: int (the same field each time), SeedGenerator (a new one each time), or None.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of the shape and dtype of `images` (integers are rounded).

    References:
        Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to visual document
        analysis", 2003.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.image.elastic_transform(ops.ones((1, 8, 8, 3)), seed=1).shape)
    (1, 8, 8, 3)
    """
    layout = str(data_format)
    (h, w), _ = spatial_axes(images, layout)
    batch = p.dim(images, 0) if len(images.shape) == 4 else 1
    noise = kr.normal((batch, p.dim(images, h), p.dim(images, w), 2), 0.0, sigma, compute_dtype(images), seed)
    reach = 2 * math.ceil(3 * sigma) + 1
    field = p.multiply(blurred(noise, (reach, reach), (sigma, sigma), "channels_last"), alpha)
    return displaced(images, field, interpolation, fill_mode, fill_value, layout)


def displaced(
    images: TensorLike, field: TensorLike, interpolation: str, mode: str, fill: object, layout: str
) -> Tensor:
    """Images whose pixels come from elsewhere: by `field`, (batch, height, width, 2), further down and to the right."""
    ys, xs = (p.add(grid, p.get_item(field, (..., i))) for i, grid in enumerate(_grid(images, layout)))
    return images_at(images, ys, xs, interpolation, mode, fill, layout)
