"""Images in other colour spaces."""

from __future__ import annotations

from kfront.core.dtypes import FLOATS
from kfront.core.errors import DTypeError, ShapeError
from kfront.core.op import op
from kfront.core.typing import Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.ops.image_common import compute_dtype, integer_part, spatial_axes
from kfront.ops.primitives.arguments import data_format


def _parts(images: Tensor, layout: str) -> tuple[Tensor, Tensor, Tensor, int]:
    """The three channels in the dtype that is computed in, and the channel axis."""
    _, axis = spatial_axes(images, layout)
    if images.shape[axis] not in (3, None):
        raise ShapeError(f"expected 3 channels in axis {axis} ({layout}), got shape {tuple(images.shape)}.")
    x = p.cast(images, compute_dtype(images))
    r, g, b = (p.get_item(x, p.key_on(len(x.shape), axis, i)) for i in range(3))
    return r, g, b, axis


def _check_floating(images: TensorLike) -> None:
    if p.dtype_of(images) not in FLOATS:
        raise DTypeError(f"expected floating `images` in [0, 1], got {p.dtype_of(images)}; divide by 255 first.")


@op(prepare={"data_format": data_format}, home="image", class_name="RGBToGrayscale")
def rgb_to_grayscale(images: Tensor, data_format: str | None = None) -> Tensor:
    """Luma of RGB images: 0.2989 red + 0.587 green + 0.114 blue.

    Args:
        images: tensor of shape (height, width, 3) or (batch, height, width, 3), or with channels first.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor with 1 channel, in the dtype of `images` (fractions of integers are cut off).

    Raises:
        ShapeError: if the rank is not 3 or 4, or there are not 3 channels.

    References:
        ITU-R, Recommendation BT.601.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.image.rgb_to_grayscale(ops.array([[[100, 200, 50]]]))).tolist()
    [[[152]]]
    """
    r, g, b, axis = _parts(images, str(data_format))
    y = p.add(p.add(p.multiply(r, 0.2989), p.multiply(g, 0.587)), p.multiply(b, 0.114))
    return integer_part(p.expand_dims(y, axis), p.dtype_of(images))


@op(prepare={"data_format": data_format}, home="image", class_name="RGBToHSV")
def rgb_to_hsv(images: Tensor, data_format: str | None = None) -> Tensor:
    """Hue, saturation and value of RGB images in [0, 1].

    Args:
        images: floating tensor of shape (height, width, 3) or (batch, height, width, 3), or with channels first.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of the shape and dtype of `images`, in [0, 1]; a hue of 0 is red, 1/3 green, 2/3 blue.

    Raises:
        DTypeError: if `images` are not floating.
        ShapeError: if the rank is not 3 or 4, or there are not 3 channels.

    References:
        Smith, "Color gamut transform pairs", 1978.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.image.rgb_to_hsv(ops.array([[[0.5, 0.5, 0.0]]]))).tolist()
    [[[0.1666666716337204, 1.0, 0.5]]]
    """
    _check_floating(images)
    r, g, b, axis = _parts(images, str(data_format))
    value = p.maximum(p.maximum(r, g), b)
    spread = p.subtract(value, p.minimum(p.minimum(r, g), b))
    colored, bright = p.greater(spread, 0.0), p.greater(value, 0.0)
    safe = p.where(colored, spread, 1.0)
    red = p.mod(p.divide(p.subtract(g, b), safe), 6.0)
    green = p.add(p.divide(p.subtract(b, r), safe), 2.0)
    blue = p.add(p.divide(p.subtract(r, g), safe), 4.0)
    sector = p.where(p.equal(value, r), red, p.where(p.equal(value, g), green, blue))
    hue = p.where(colored, p.divide(sector, 6.0), 0.0)
    saturation = p.where(bright, p.divide(spread, p.where(bright, value, 1.0)), 0.0)
    return p.cast(p.stack([hue, saturation, value], axis), p.dtype_of(images))


@op(prepare={"data_format": data_format}, home="image", class_name="HSVToRGB")
def hsv_to_rgb(images: Tensor, data_format: str | None = None) -> Tensor:
    """RGB images in [0, 1] of hue, saturation and value; the inverse of `rgb_to_hsv`.

    Args:
        images: floating tensor of shape (height, width, 3) or (batch, height, width, 3), or with channels first.
        data_format: "channels_last" or "channels_first"; the configured one if None.

    Returns:
        tensor of the shape and dtype of `images`.

    Raises:
        DTypeError: if `images` are not floating.
        ShapeError: if the rank is not 3 or 4, or there are not 3 channels.

    References:
        Smith, "Color gamut transform pairs", 1978.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.image.hsv_to_rgb(ops.array([[[0.0, 1.0, 0.5]]]))).tolist()
    [[[0.5, 0.0, 0.0]]]
    """
    _check_floating(images)
    hue, saturation, value, axis = _parts(images, str(data_format))
    chroma = p.multiply(value, saturation)

    def channel(offset: float) -> Tensor:
        k = p.mod(p.add(p.multiply(hue, 6.0), offset), 6.0)
        return p.subtract(value, p.multiply(chroma, clip(p.minimum(k, p.subtract(4.0, k)), 0.0, 1.0)))

    return p.cast(p.stack([channel(5.0), channel(3.0), channel(1.0)], axis), p.dtype_of(images))
