"""One image moved, turned, sheared, scaled, lightened; random numbers come from NumPy's generator."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence

import numpy as np

from kfront.core.errors import ArgumentError, optional
from kfront.core.typing import AnyCallable
from kfront.utils.image_utils import array_to_img, img_to_array

# what all functions that move an image take: its axes, and the last arguments of `apply_affine_transform`
_PLACE = {
    "row_axis": 1, "col_axis": 2, "channel_axis": 0, "fill_mode": "nearest", "cval": 0.0, "interpolation_order": 1,
}  # fmt: skip


def _matrix(theta: float, tx: float, ty: float, shear: float, zx: float, zy: float) -> np.ndarray | None:
    """Where in the image each place of the result is taken from, as a 3 x 3 matrix; None where nothing moves."""
    factors = []
    if theta:
        a = np.deg2rad(theta)
        factors.append([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    if tx or ty:
        factors.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
    if shear:
        a = np.deg2rad(shear)
        factors.append([[1, -np.sin(a), 0], [0, np.cos(a), 0], [0, 0, 1]])
    if zx != 1 or zy != 1:
        factors.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
    return functools.reduce(np.dot, map(np.array, factors)) if factors else None


def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Turn, shift, shear and scale an image about its middle.

    Args:
        x: the image, of rank 3.
        theta, shear: angles in degrees.
        tx, ty: how many pixels it is shifted along columns and rows.
        zx, zy: scales.
        row_axis, col_axis, channel_axis: its axes; channels are the first or the last.
        fill_mode: what is outside of the image: "constant" (`cval`), "nearest", "reflect" or "wrap".
        cval: value outside.
        order: of the spline between pixels.

    Returns:
        The image; `x` itself where nothing moves.

    Raises:
        ArgumentError: if two axes are the same, or channels are in the middle.

    Example:

    >>> import numpy as np
    >>> apply_affine_transform(np.eye(3)[..., None], tx=1, row_axis=0, col_axis=1, channel_axis=2)[..., 0].tolist()
    [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    """
    if len({row_axis, col_axis, channel_axis}) < 3 or channel_axis not in (0, 2):
        raise ArgumentError(
            "[apply_affine_transform] expected three different axes, channels the first or the last, got "
            f"row_axis={row_axis}, col_axis={col_axis}, channel_axis={channel_axis}."
        )
    matrix = _matrix(theta, tx, ty, shear, zx, zy)
    if matrix is None:
        return x
    middle = np.array([x.shape[row_axis] / 2 - 0.5, x.shape[col_axis] / 2 - 0.5])
    to_middle, from_middle = np.eye(3), np.eye(3)
    to_middle[:2, 2], from_middle[:2, 2] = middle, -middle
    matrix = to_middle @ matrix @ from_middle
    if row_axis < col_axis:  # the matrix has columns first
        matrix = matrix[[1, 0, 2]][:, [1, 0, 2]]
    moved = optional("apply_affine_transform", "scipy.ndimage", "SciPy", "images").affine_transform
    channels = [
        moved(channel, matrix[:2, :2], matrix[:2, 2], order=order, mode=fill_mode, cval=cval)
        for channel in np.moveaxis(x, channel_axis, 0)
    ]
    return np.stack(channels, axis=channel_axis)


def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """The image with a number added, within the limits of its values."""
    return np.clip(x + intensity, np.min(x), np.max(x))


def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """The image lightened by a factor, as Pillow does it.

    Args:
        x: image of rank 3.
        brightness: the factor.
        scale: whether values are stretched to 0…255; they are, and put back, where they leave that range.

    Returns:
        The image, floatx.

    Example:

    >>> import numpy as np
    >>> apply_brightness_shift(np.full((1, 1, 1), 100.0), 0.5, scale=False).ravel().tolist()
    [50.0]
    """
    low, high = np.min(x), np.max(x)
    outside = bool(low < 0 or high > 255)
    image = array_to_img(x, scale=outside or scale)
    enhance = optional("apply_brightness_shift", "PIL.ImageEnhance", "Pillow", "images")
    found = img_to_array(enhance.Brightness(image).enhance(brightness))
    return found / 255 * (high - low) + low if outside and not scale else found


def _moves(draw: AnyCallable) -> AnyCallable:
    """A function that moves an image at random: `draw` returns arguments of `apply_affine_transform`.

    It gets a view of the image with its axes in the order rows, columns, channels. The function has the arguments of
    `draw`, and those of `_PLACE` behind them.
    """
    own = inspect.signature(draw)
    more = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=v) for n, v in _PLACE.items()]
    whole = own.replace(parameters=[*own.parameters.values(), *more])

    @functools.wraps(draw)
    def function(*args: object, **kwargs: object) -> np.ndarray:
        given = whole.bind(*args, **kwargs)
        given.apply_defaults()
        x, *own = given.args[: -len(_PLACE)]
        place = given.args[-len(_PLACE) :]
        move = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1} | draw(
            np.moveaxis(x, place[:3], (0, 1, 2)), *own
        )
        return apply_affine_transform(x, *move.values(), *place)

    function.__signature__ = whole  # type: ignore[attr-defined]
    return function


@_moves
def random_rotation(x: np.ndarray, rg: float) -> dict[str, float]:
    """The image turned by at most `rg` degrees."""
    return {"theta": np.random.uniform(-rg, rg)}


@_moves
def random_shift(x: np.ndarray, wrg: float, hrg: float) -> dict[str, float]:
    """The image shifted by at most these shares of its width and height."""
    return {"tx": np.random.uniform(-hrg, hrg) * x.shape[0], "ty": np.random.uniform(-wrg, wrg) * x.shape[1]}


@_moves
def random_shear(x: np.ndarray, intensity: float) -> dict[str, float]:
    """The image sheared by at most `intensity` degrees."""
    return {"shear": np.random.uniform(-intensity, intensity)}


@_moves
def random_zoom(x: np.ndarray, zoom_range: Sequence[float]) -> dict[str, float]:
    """The image scaled by factors between two limits."""
    return dict(zip(("zx", "zy"), drawn_zoom(pair("random_zoom", "zoom_range", zoom_range)), strict=True))


def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """The image with a number of at most this size added."""
    return apply_channel_shift(x, np.random.uniform(-intensity_range, intensity_range), channel_axis)


def random_brightness(x: np.ndarray, brightness_range: Sequence[float], scale: bool = True) -> np.ndarray:
    """The image lightened by a factor between two limits.

    Raises:
        ArgumentError: if `brightness_range` is no pair.
    """
    low, high = pair("random_brightness", "brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(low, high), scale)


def drawn_zoom(limits: Sequence[float]) -> tuple[float, float]:
    """Two scales between limits; nothing is drawn where both are 1."""
    if limits[0] == limits[1] == 1:
        return 1, 1
    zx, zy = np.random.uniform(limits[0], limits[1], 2)
    return zx, zy


def pair(who: str, name: str, value: Sequence[float]) -> Sequence[float]:
    """The value, if it is two numbers."""
    if len(value) != 2:
        raise ArgumentError(f"[{who}] expected `{name}` to be two numbers, got {value}.")
    return value
