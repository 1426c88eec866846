"""Images through filters, cut into windows and patches, padded and cropped, and compared."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from kfront.core.dtypes import floating
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError, UnsupportedError
from kfront.core.op import op
from kfront.core.op_registry import function
from kfront.core.options import above_zero, positive
from kfront.core.typing import Scalar, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.elementwise import square
from kfront.ops.image_common import compute_dtype, highest, larger, pair, restore, spatial_axes, two_of_three, window
from kfront.ops.primitives.arguments import data_format, int_or_tuple, option
from kfront.ops.shapes import moveaxis


def _span(name: str, n: Any, before: Any, after: Any, target: Any, labels: tuple[str, str, str], sign: int) -> Any:
    """Start and length of the window that cropping (sign 1) or padding (sign -1) leaves of an axis of length `n`."""
    two_of_three(name, before, after, target, labels)
    for label, v in zip(labels, (before, after, target), strict=True):
        if v is not None and (not isinstance(v, int) or v < 0):
            raise ArgumentError(f"[{name}] expected `{label}` to be an int >= 0, got {v!r}.")
    if target is None:
        target = n - sign * (before + after)
    elif before is None:
        before = sign * (n - target) - after
    after = sign * (n - target) - before
    if (isinstance(n, int) and min(before, after) < 0) or (isinstance(target, int) and target < 0):
        what = "crop" if sign > 0 else "pad"
        raise ShapeError(
            f"[{name}] expected numbers >= 0 to {what} a size of {n}, got {labels[0]}={before}, {labels[1]}={after}."
        )
    return sign * before, target


def _reframed(
    name: str,
    images: TensorLike,
    layout: str,
    rows: tuple[object, object, object],
    columns: tuple[object, object, object],
    word: str,
    sign: int,
) -> Any:
    axes, _ = spatial_axes(images, layout)
    labels = ((f"top_{word}", f"bottom_{word}", "target_height"), (f"left_{word}", f"right_{word}", "target_width"))
    spans = [
        _span(name, p.dim(images, axis), *given, label, sign)
        for axis, given, label in zip(axes, (rows, columns), labels, strict=True)
    ]
    for axis, (start, length) in zip(axes, spans, strict=True):
        images = window(images, axis, start, length)
    return images


@op(prepare={"data_format": data_format}, home="image")
def crop_images(
    images: TensorLike,
    top_cropping: int | None = None,
    left_cropping: int | None = None,
    bottom_cropping: int | None = None,
    right_cropping: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images without some rows and columns at their edges.

    Of the rows (top, bottom, target height) exactly two are given, of the columns (left, right, target width) too.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        top_cropping: number of rows to leave out at the top.
        left_cropping: number of columns to leave out at the left.
        bottom_cropping: number of rows to leave out at the bottom.
        right_cropping: number of columns to leave out at the right.
        target_height: height of the result.
        target_width: width of the result.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor in the dtype of `images`.

    Raises:
        ArgumentError: if not exactly two of three are given, or one is negative.
        ShapeError: if the images are too small.

    Example:

    >>> from kfront import ops
    >>> x = ops.reshape(ops.arange(9), (3, 3, 1))
    >>> ops.convert_to_numpy(ops.image.crop_images(x, 1, 0, target_height=2, target_width=2)[..., 0]).tolist()
    [[3, 4], [6, 7]]
    """
    rows = (top_cropping, bottom_cropping, target_height)
    columns = (left_cropping, right_cropping, target_width)
    return _reframed("crop_images", images, str(data_format), rows, columns, "cropping", 1)


@op(prepare={"data_format": data_format}, home="image")
def pad_images(
    images: TensorLike,
    top_padding: int | None = None,
    left_padding: int | None = None,
    bottom_padding: int | None = None,
    right_padding: int | None = None,
    target_height: int | None = None,
    target_width: int | None = None,
    data_format: str | None = None,
) -> Tensor:
    """Images with rows and columns of zeros around them.

    Of the rows (top, bottom, target height) exactly two are given, of the columns (left, right, target width) too.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        top_padding: number of rows to add at the top.
        left_padding: number of columns to add at the left.
        bottom_padding: number of rows to add at the bottom.
        right_padding: number of columns to add at the right.
        target_height: height of the result.
        target_width: width of the result.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor in the dtype of `images`.

    Raises:
        ArgumentError: if not exactly two of three are given, or one is negative.
        ShapeError: if the images are too large.

    Example:

    >>> from kfront import ops
    >>> out = ops.image.pad_images(ops.ones((1, 1, 1)), 1, 0, target_height=2, target_width=2)[..., 0]
    >>> ops.convert_to_numpy(out).tolist()
    [[0.0, 0.0], [1.0, 0.0]]
    """
    rows = (top_padding, bottom_padding, target_height)
    columns = (left_padding, right_padding, target_width)
    return _reframed("pad_images", images, str(data_format), rows, columns, "padding", -1)


def _cut(x: Tensor, axis: int, size: int, stride: int, rate: int, padding: str) -> Tensor:
    """Axis `axis` as two: the patches, and the places within one."""
    n, reach = p.dim(x, axis), (size - 1) * rate + 1
    if padding == "valid":
        if isinstance(n, int) and n < reach:
            raise ShapeError(f"expected spatial axes of at least {reach} elements, got shape {tuple(x.shape)}.")
        count, left = (n - reach) // stride + 1, 0
        if stride == size and rate == 1 and isinstance(n, int):
            s = list(p.shape(x))
            s[axis : axis + 1] = [count, size]
            return p.reshape(window(x, axis, 0, count * size), tuple(s))
    else:
        count = (n + stride - 1) // stride
        left = larger((count - 1) * stride + reach - n, 0) // 2
    starts = p.expand_dims(p.multiply(p.arange(count), stride), 1)
    places = p.add(starts, p.multiply(p.arange(size), rate))
    if padding == "valid":
        return p.take(x, places, axis)
    places = p.subtract(places, left)
    inside = clip(places, 0, highest(n))
    keep = p.reshape(p.equal(places, inside), (*(1,) * axis, count, size, *(1,) * (len(x.shape) - axis - 1)))
    return p.where(keep, p.take(x, inside, axis), p.cast(0, p.dtype_of(x)))


def _patches(x: Tensor, size: Any, strides: Any, rate: Any, padding: str, layout: str) -> Tensor:
    rank = len(size)
    axes, channels = spatial_axes(x, layout, rank)
    strides = size if strides is None else strides
    for i in reversed(range(rank)):
        x = _cut(x, axes[i], size[i], strides[i], rate[i], padding)
    # axes are now: batch, (channels,) count 1, place 1, count 2, place 2, ..., (channels)
    lead, first = axes[0] if layout == "channels_last" else channels, axes[0]
    counts = [first + 2 * i for i in range(rank)]
    within = [*(c + 1 for c in counts), len(x.shape) - 1 if layout == "channels_last" else channels]
    order = [*counts, *within] if layout == "channels_last" else [*within, *counts]
    s = p.shape(x)
    depth = 1
    for a in within:
        depth = depth * s[a]
    grid = [s[c] for c in counts]
    x = p.transpose(x, (*range(lead), *order))
    return p.reshape(x, (*s[:lead], *grid, depth) if layout == "channels_last" else (*s[:lead], depth, *grid))


_PATCHES: dict[str, Any] = {
    **{name: int_or_tuple(name) for name in ("size", "strides", "dilation_rate")},
    "padding": option("padding", "valid", "same"),
    "data_format": data_format,
}


@op(prepare=_PATCHES, home="image")
def extract_patches(
    images: Tensor,
    size: Any,
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of images, or of volumes if `size` has three numbers, each flattened into the channels.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first;
            volumes have a depth before the height.
        size: int, (height, width), or (depth, height, width).
        strides: int or one per spatial axis: distance of patches; `size` if None.
        dilation_rate: int or one per spatial axis: distance of the pixels in a patch.
        padding: "valid" (none) or "same" (zeros around the images).
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of shape (..., rows, columns, size[0] * size[1] * channels), or with channels first, in the dtype of
        `images`. In a patch the channel varies fastest, then the column, then the row.

    Raises:
        ArgumentError: for an unknown option, or numbers below 1.
        ShapeError: if the rank does not fit, or an image is smaller than a patch.

    Example:

    >>> from kfront import ops
    >>> x = ops.reshape(ops.arange(16), (4, 4, 1))
    >>> ops.convert_to_numpy(ops.image.extract_patches(x, 2)[1, 0]).tolist()
    [8, 9, 12, 13]
    """
    rank = len(size) if hasattr(size, "__len__") else 2
    if rank not in (2, 3):
        raise ArgumentTypeError(f"expected `size` to be an int, 2 or 3 ints, got {size!r}.")
    given = (("size", size), ("strides", strides), ("dilation_rate", dilation_rate))
    window_size, steps, rate = (pair(k, rank, 1)(v) for k, v in given)
    return _patches(images, window_size, steps, rate, padding, str(data_format))


@function("image")  # in files too it is `extract_patches` of three sizes
def extract_patches_3d(
    volumes: Any,
    size: int | Sequence[int],
    strides: int | Sequence[int] | None = None,
    dilation_rate: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Patches of volumes, each flattened into the channels; see `extract_patches`.

    Args:
        volumes: tensor of shape (depth, height, width, channels), or with a batch in front, or with channels first.
        size: int or (depth, height, width).
        strides: int or one per spatial axis: distance of patches; `size` if None.
        dilation_rate: int or one per spatial axis: distance of the voxels in a patch.
        padding: "valid" (none) or "same" (zeros around the volumes).
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of shape (..., depth, rows, columns, voxels * channels), or with channels first, in the dtype of
        `volumes`.

    Raises:
        ArgumentError: for an unknown option, or numbers below 1.
        ShapeError: if the rank does not fit, or a volume is smaller than a patch.

    Example:

    >>> from kfront import ops
    >>> tuple(ops.image.extract_patches_3d(ops.ones((1, 4, 4, 4, 2)), 2).shape)
    (1, 2, 2, 2, 16)
    """
    sizes = (size,) * 3 if isinstance(size, int) else tuple(size)
    if len(sizes) != 3:
        raise ArgumentTypeError(f"[extract_patches_3d] expected `size` to be an int or 3 ints, got {size!r}.")
    return extract_patches(volumes, sizes, strides, dilation_rate, padding, data_format)


@op(prepare={k: v for k, v in _PATCHES.items() if k != "dilation_rate"}, home="image")
def reconstruct_patches(
    patches: Any,
    size: Any,
    output_size: int | Sequence[int] | None = None,
    strides: int | Sequence[int] | None = None,
    padding: str = "valid",
    data_format: str | None = None,
) -> Tensor:
    """Images, or volumes, from their patches that lie side by side: the inverse of `extract_patches`.

    Args:
        patches: tensor of shape (rows, columns, size[0] * size[1] * channels), with a batch in front, or with the
            flat patches first; volumes have one axis more.
        size: int, (height, width), or (depth, height, width) of a patch.
        output_size: int or one per spatial axis: size of the images; with "valid" padding that of all patches if None.
        strides: `size`, or None.
        padding: "valid", or "same" where the patches have zeros around the images, which are cut off.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of shape (height, width, channels), or with a batch in front, or with channels first.

    Raises:
        ArgumentError: an option is not allowed.
        UnsupportedError: patches overlap.
        ShapeError: if the rank or the sizes do not fit.

    Example:

    >>> from kfront import ops
    >>> x = ops.reshape(ops.arange(16), (4, 4, 1))
    >>> again = ops.image.reconstruct_patches(ops.image.extract_patches(x, 2), 2)
    >>> bool(ops.all(again == x))
    True
    """
    rank = len(size) if hasattr(size, "__len__") else 2
    window, steps = (
        pair(k, rank, 1)(v) for k, v in (("size", size), ("strides", size if strides is None else strides))
    )
    if steps != window:
        raise UnsupportedError(f"expected `strides` to be `size` {window}, got {steps}; patches must not overlap.")
    if len(patches.shape) not in (rank + 1, rank + 2):
        raise ShapeError(f"expected patches of rank {rank + 1} or {rank + 2}, got shape {tuple(patches.shape)}.")
    single, first = len(patches.shape) == rank + 1, data_format == "channels_first"
    x = p.expand_dims(patches, 0) if single else patches
    x = moveaxis(x, 1, -1) if first else x
    grid, flat = x.shape[1:-1], x.shape[-1]
    if flat is None:
        raise ShapeError(f"expected a known number of channels, got shape {tuple(x.shape)}.")
    channels = flat // math.prod(window)
    cut = _within_padding(grid, window, output_size, padding)
    x = p.reshape(x, (-1, *(p.dim(x, i + 1) for i in range(rank)), *window, channels))
    pairs = [axis for i in range(rank) for axis in (1 + i, 1 + rank + i)]
    sizes = (p.multiply(p.dim(x, i + 1), w) for i, w in enumerate(window))
    whole = tuple(s if n is None else n * w for s, n, w in zip(sizes, grid, window, strict=True))
    x = p.reshape(p.transpose(x, (0, *pairs, 2 * rank + 1)), (-1, *whole, channels))
    x = x if cut is None else p.get_item(x, (slice(None), *cut))
    x = moveaxis(x, -1, 1) if first else x
    return p.squeeze(x, 0) if single else x


def _within_padding(
    grid: Sequence[int | None], window: Sequence[int], output_size: Any, padding: str
) -> list[slice] | None:
    """What "same" padding leaves of the patches put together, checked; None for all of it."""
    if padding == "valid" and output_size is None:
        return None
    whole = tuple(None if n is None else n * w for n, w in zip(grid, window, strict=True))
    wanted = () if output_size is None else pair("output_size", len(window), 1)(output_size)
    pairs = list(zip(wanted, whole, window, strict=False))
    fits = all(n is None or (n - w < o <= n if padding == "same" else o == n) for o, n, w in pairs)
    if not pairs or not fits or (padding == "same" and None in whole):
        raise ShapeError(f"expected `output_size` that {padding!r} patches of {whole} have, got {output_size}.")
    return [slice((n - o) // 2, (n - o) // 2 + o) for o, n, _ in pairs] if padding == "same" else None


def gaussian_weights(length: int, sigma: Scalar, dtype: str) -> Tensor:
    """A Gaussian of deviation `sigma` at `length` places about its center, of sum 1."""
    at = p.subtract(p.arange(0, length, 1, dtype), (length - 1) / 2)
    w = p.exp(p.multiply(square(p.divide(at, sigma)), -0.5))
    return p.divide(w, p.sum(w))


def _batched(images: Tensor) -> Tensor:
    return p.expand_dims(images, 0) if len(images.shape) == 3 else images


def blurred(x: Any, size: Sequence[int], sigma: Sequence[Scalar], layout: str, padding: str = "same") -> Tensor:
    """A batch filtered with Gaussians along height, then width; zeros lie outside."""
    c = p.dim(x, -1 if layout == "channels_last" else 1)
    for i in range(2):
        w = p.reshape(gaussian_weights(size[i], sigma[i], p.dtype_of(x)), (-1, 1, 1, 1) if i == 0 else (1, -1, 1, 1))
        kernel = p.broadcast_to(w, (size[0], 1, c, 1) if i == 0 else (1, size[1], c, 1))
        x = p.depthwise_conv(x, kernel, 1, padding, layout)
    return x


@op(prepare={"kernel_size": pair("kernel_size", least=1), "data_format": data_format}, home="image")
def gaussian_blur(
    images: Any, kernel_size: Any = (3, 3), sigma: Any = (1.0, 1.0), data_format: str | None = None
) -> Tensor:
    """Images blurred by a Gaussian; zeros lie outside.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        kernel_size: (height, width) of the kernel.
        sigma: (height, width): standard deviations in pixels, numbers or a tensor of shape (2,).
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of the shape and dtype of `images` (integers are rounded).

    Raises:
        ShapeError: if the rank is not 3 or 4.

    Example:

    >>> from kfront import ops
    >>> x = ops.reshape(ops.array([0.0, 1.0, 0.0]), (1, 3, 1))
    >>> ops.convert_to_numpy(1000 * ops.image.gaussian_blur(x, (1, 3))[0, :, 0]).round().tolist()
    [274.0, 452.0, 274.0]
    """
    spatial_axes(images, str(data_format))
    kind = compute_dtype(images)
    if isinstance(sigma, (int, float)):
        sigma = (sigma, sigma)
    elif not isinstance(sigma, (tuple, list)):
        sigma = [p.cast(p.get_item(sigma, i), kind) for i in range(2)]
    y = blurred(_batched(p.cast(images, kind)), kernel_size, sigma, str(data_format))
    return restore(p.squeeze(y, 0) if len(images.shape) == 3 else y, p.dtype_of(images))


_SMOOTH, _SLOPE = (1.0, 2.0, 1.0), (-1.0, 0.0, 1.0)


@op(dtype=floating, prepare={"data_format": data_format}, home="image")
def sobel_edges(images: Tensor, data_format: str | None = None) -> Tensor:
    """Slopes of the intensity by Sobel's operator; zeros lie outside.

    Args:
        images: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of the shape of `images` and an axis of length 2 behind it: the slope downwards and to the right,
        floating.

    Raises:
        ShapeError: if the rank is not 3 or 4.

    Example:

    >>> from kfront import ops
    >>> x = ops.broadcast_to(ops.reshape(ops.array([0.0, 0.0, 1.0, 1.0]), (1, 1, 4, 1)), (1, 3, 4, 1))
    >>> ops.convert_to_numpy(ops.image.sobel_edges(x)[0, 1, 1, 0]).tolist()
    [0.0, 4.0]
    """
    layout = str(data_format)
    spatial_axes(images, layout)
    x = _batched(p.cast(images, compute_dtype(images)))
    last = layout == "channels_last"
    c = p.dim(x, -1 if last else 1)
    down = [[a * b for b in _SMOOTH] for a in _SLOPE]
    right = [[a * b for b in _SLOPE] for a in _SMOOTH]
    both = p.convert_to_tensor([[list(p) for p in zip(*rows, strict=True)] for rows in zip(down, right, strict=True)])
    kernel = p.broadcast_to(p.expand_dims(p.cast(both, p.dtype_of(x)), 2), (3, 3, c, 2))
    y = p.depthwise_conv(x, kernel, 1, "same", layout)
    batch, *rest = p.shape(x)
    y = (
        p.reshape(y, (batch, *rest, 2))
        if last
        else p.transpose(p.reshape(y, (batch, c, 2, *rest[1:])), (0, 1, 3, 4, 2))
    )
    return p.cast(p.squeeze(y, 0) if len(images.shape) == 3 else y, p.dtype_of(images))


@op(2, floating, prepare={"data_format": data_format}, home="image", class_name="SSIM")
def ssim(
    image1: Any,
    image2: TensorLike,
    max_val: float = 1.0,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    data_format: str | None = None,
) -> Tensor:
    """Structural similarity of images: 1 for equal ones.

    Args:
        image1: tensor of shape (height, width, channels) or (batch, height, width, channels), or with channels first.
        image2: tensor of the same shape.
        max_val: range of pixel values: 1.0, or 255.0.
        filter_size: height and width of the Gaussian window.
        filter_sigma: its standard deviation, in pixels.
        k1: stabilizes the comparison of means.
        k2: stabilizes the comparison of variances.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of shape (batch,), or () for one image, floating.

    Raises:
        ShapeError: if the rank is not 3 or 4, or the images are smaller than the window.
        ArgumentError: if `filter_size` or `filter_sigma` is not above 0.

    References:
        Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural similarity",
        2004.

    Example:

    >>> from kfront import ops
    >>> x = ops.ones((16, 16, 1))
    >>> float(ops.image.ssim(x, x))
    1.0
    """
    layout = str(data_format)
    spatial_axes(image1, layout)
    filter_size, filter_sigma = (
        positive("ssim", "filter_size", filter_size),
        above_zero("ssim", "filter_sigma", filter_sigma),
    )
    kind = compute_dtype(image1)
    x, y = (_batched(p.cast(i, kind)) for i in (image1, image2))

    def local(v: object) -> Tensor:
        return blurred(v, (filter_size,) * 2, (filter_sigma,) * 2, layout, "valid")

    mx, my = local(x), local(y)
    vx, vy = p.subtract(local(square(x)), square(mx)), p.subtract(local(square(y)), square(my))
    both = p.subtract(local(p.multiply(x, y)), p.multiply(mx, my))
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    means = p.divide(p.add(p.multiply(p.multiply(mx, my), 2.0), c1), p.add(p.add(square(mx), square(my)), c1))
    spreads = p.divide(p.add(p.multiply(both, 2.0), c2), p.add(p.add(vx, vy), c2))
    out = p.cast(p.mean(p.multiply(means, spreads), (1, 2, 3)), p.dtype_of(image1))
    return p.squeeze(out, 0) if len(image1.shape) == 3 else out
