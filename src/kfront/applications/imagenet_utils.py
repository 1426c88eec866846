"""Images as the models of ImageNet expect them, and the names of its classes (Russakovsky et al., arXiv:1409.0575)."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kfront import config, ops
from kfront.backends import current
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError, DataError, ShapeError
from kfront.core.spec import KerasTensor
from kfront.core.typing import AnyCallable, Tensor
from kfront.utils.file_utils import get_file

__all__ = ["decode_predictions", "preprocess_input"]

CLASSES = 1000
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of red, green and blue in 0…1
_INDEX_URL = "https://storage.googleapis.com/download.tensorflow.org/data/imagenet_class_index.json"
_INDEX_MD5 = "c2c37ea517e94d9795004a39431a14cb"


class _Mode(NamedTuple):
    """Images are divided by `divisor`, then `mean` is subtracted from their channels, which are divided by `std`."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float] | None = None
    divisor: float | None = None
    bgr: bool = False  # whether the order of channels changes first, from RGB to BGR


_MODES = {
    "caffe": _Mode((103.939, 116.779, 123.68), bgr=True),
    "tf": _Mode((1.0, 1.0, 1.0), divisor=127.5),
    "torch": _Mode(MEAN, STD, divisor=255.0),
}
_MEANING = {
    None: "as they are, for the model itself scales them",
    "caffe": "RGB becomes BGR, and the mean of ImageNet is subtracted from each channel; nothing is scaled",
    "tf": "values are scaled to -1…1",
    "torch": "values are scaled to 0…1 and normalized by the mean and standard deviation of ImageNet's channels",
}
_FAMILY_TEXT = """Images as {family} expects them: {meaning}.

Args:
    x: array, tensor or KerasTensor of RGB images of values 0 to 255; an array of floats may be written over.
    data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.

Returns:
    The images in the same form.

Raises:
    ArgumentError: `data_format` is unknown.
    ShapeError: `x` has not 3 or 4 axes, or not 3 channels.

Example:

>>> import numpy as np
>>> from {module} import preprocess_input
>>> preprocess_input(np.full((1, 1, 3), 255.0)).shape
(1, 1, 3)
"""


def __dir__() -> list[str]:
    return list(__all__)


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Images of values 0 to 255 as a model was trained on them.

    A NumPy array of floats is written over; pass a copy to keep it. Anything else is left alone.

    Args:
        x: array, tensor or KerasTensor of RGB images: `(height, width, 3)`, with a batch axis before or without, or
            channels first.
        data_format: ``"channels_last"`` or ``"channels_first"``; as configured if None.
        mode: ``"caffe"`` (BGR, means of ImageNet subtracted), ``"tf"`` (-1…1) or ``"torch"`` (0…1, then normalized by
            mean and standard deviation).

    Returns:
        The images in the same form; integers become floatx.

    Raises:
        ArgumentError: `mode` or `data_format` is unknown.
        ShapeError: `x` has not 3 or 4 axes, or not 3 channels.

    Example:

    >>> import numpy as np
    >>> from kfront.applications.imagenet_utils import preprocess_input
    >>> preprocess_input(np.full((1, 1, 3), 255), mode="tf").tolist()
    [[[1.0, 1.0, 1.0]]]
    """
    if mode not in _MODES:
        raise ArgumentError(f"[preprocess_input] expected `mode` to be one of {', '.join(_MODES)}, got {mode!r}.")
    data_format = config.image_data_format() if data_format is None else data_format
    if data_format not in ("channels_first", "channels_last"):
        raise ArgumentError(
            f"[preprocess_input] expected `data_format` to be 'channels_first' or 'channels_last', got {data_format!r}."
        )
    tensor = not isinstance(x, np.ndarray) and (isinstance(x, KerasTensor) or current().is_tensor(x))
    x = x if tensor else np.asarray(x)
    axis = -1 if data_format == "channels_last" else -3
    if len(x.shape) not in (3, 4) or x.shape[axis] not in (3, None):
        raise ShapeError(
            f"[preprocess_input] expected images with 3 channels in axis {axis} and 3 or 4 axes, got {tuple(x.shape)}."
        )
    return (_tensors if tensor else _arrays)(x, axis, _MODES[mode])


def _arrays(x: np.ndarray, axis: int, this: _Mode) -> np.ndarray:
    def channels(values: tuple[float, ...]) -> np.ndarray:
        return np.array(values, x.dtype).reshape((3,) if axis == -1 else (3, 1, 1))

    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if this.bgr:
        x = np.flip(x, axis)
    if this.divisor is not None:
        x /= this.divisor
    x -= channels(this.mean)
    if this.std is not None:
        x /= channels(this.std)
    return x


def _tensors(x: Any, axis: int, this: _Mode) -> Tensor:
    def channels(values: tuple[float, ...]) -> Tensor:
        return ops.convert_to_tensor(np.reshape(values, (3,) if axis == -1 else (3, 1, 1)), dtype=dtype)

    dtype = x.dtype if isinstance(x, KerasTensor) else current().dtype_name(x.dtype)
    if not is_float(dtype):
        dtype = config.floatx()
        x = ops.cast(x, dtype)
    if this.bgr:
        x = ops.flip(x, axis)
    if this.divisor is not None:
        x = ops.divide(x, this.divisor)
    x = ops.subtract(x, channels(this.mean))
    return x if this.std is None else ops.divide(x, channels(this.std))


def preprocessing(mode: str | None, family: str, module: str) -> AnyCallable:
    """The function `preprocess_input` of a family of models; `mode` is None for models that scale images themselves."""

    def preprocess(x: Tensor, data_format: str | None = None) -> Any:
        return x if mode is None else preprocess_input(x, data_format=data_format, mode=mode)

    preprocess.__name__ = preprocess.__qualname__ = "preprocess_input"
    preprocess.__doc__ = _FAMILY_TEXT.format(family=family, meaning=_MEANING[mode], module=module)
    return preprocess


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple[str, str, object]]]:
    """The most likely classes of ImageNet, by name.

    The names are downloaded once and kept in `~/.keras/models` (or under `KERAS_HOME`).

    Args:
        preds: array of scores, `(batch, 1000)`.
        top: how many classes to give.

    Returns:
        For each image a list of `(WordNet ID, name, score)`, the greatest score first.

    Raises:
        ShapeError: `preds` has another shape.
        DataError: the names cannot be downloaded, or the file is damaged.

    Example:

    >>> import kfront, numpy as np
    >>> scores = np.eye(1000)[[281]]
    >>> kfront.applications.imagenet_utils.decode_predictions(scores, top=1)  # doctest: +SKIP
    [[('n02123045', 'tabby', np.float64(1.0))]]
    """
    scores = ops.convert_to_numpy(preds)
    if scores.ndim != 2 or scores.shape[1] != CLASSES:
        raise ShapeError(
            f"[decode_predictions] expected scores of shape (batch, {CLASSES}), for the classes of ImageNet, got "
            f"{scores.shape}; models for other classes have names of their own."
        )
    path = get_file("imagenet_class_index.json", origin=_INDEX_URL, cache_subdir="models", file_hash=_INDEX_MD5)
    labels = _labels(path)
    best = np.argsort(scores, axis=1)[:, ::-1][:, :top]
    return [[(*labels[i], row[i]) for i in chosen] for row, chosen in zip(scores, best, strict=True)]


@functools.lru_cache(maxsize=1)
def _labels(path: str) -> list[tuple[str, str]]:
    """(WordNet ID, name) of each class."""
    try:
        index = json.loads(Path(path).read_text(encoding="utf-8"))
        return [(str(index[str(i)][0]), str(index[str(i)][1])) for i in range(CLASSES)]
    except (OSError, ValueError, LookupError, TypeError) as e:
        raise DataError(
            f"[decode_predictions] expected the {CLASSES} names of classes in {path}, got {e!r}; delete the file, so "
            "that it is downloaded again."
        ) from e
