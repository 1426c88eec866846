"""What the models of this namespace share: the checks of their arguments, the input, the head, weights from files."""

from __future__ import annotations

import os
import warnings
from typing import Any, NamedTuple

from kfront import config, layers
from kfront.applications._files import find_file
from kfront.applications.imagenet_utils import CLASSES
from kfront.core.errors import ArgumentError, DataError, ShapeError
from kfront.core.spec import KerasTensor
from kfront.core.typing import ActivationLike, AnyCallable, Shape, Tensor
from kfront.models.function import get_source_inputs
from kfront.models.functional import Functional
from kfront.saving.hub import is_hub_path
from kfront.utils.file_utils import get_file

_BASE = "https://storage.googleapis.com/"


class Request(NamedTuple):
    """The arguments that all these models take."""

    include_top: bool
    weights: str | os.PathLike[str] | None
    input_tensor: KerasTensor | None
    input_shape: Shape | None
    pooling: str | None
    classes: int
    classifier_activation: ActivationLike
    name: str | None


class Architecture(NamedTuple):
    """What is fixed about one model.

    Attributes:
        public: its public name.
        size: height and width of images with the top unless `input_shape` says otherwise.
        least: the smallest height and width that it takes.
        body: makes the features of an image and the request.
        head: makes the outputs of features and the request.
        size_without_top: likewise without the top; None for any.
        fixed: whether the classifier needs images of a known size.
        file: name of its row in the table of weight files; `public` if empty.
    """

    public: str
    size: int
    least: int
    body: AnyCallable
    head: AnyCallable
    size_without_top: int | None = None
    fixed: bool = True
    file: str = ""


def assemble(this: Architecture, request: Request) -> Functional:
    """The model, with its weights.

    Raises:
        ArgumentError: an argument is unknown, or does not go with the others.
        ShapeError: images of `input_shape` do not fit the model.
        DataError: the weights cannot be downloaded.
        SavingError: the weights do not fit.
    """
    _check(this.public, request)
    shape = image_shape(this, request)
    path = _weights_file(this, request)
    image = layers.Input(shape=shape) if request.input_tensor is None else request.input_tensor
    x = this.head(this.body(image, request), request)
    inputs = image if request.input_tensor is None else get_source_inputs(request.input_tensor)
    model = Functional(inputs, x, name=request.name)
    if path is not None:
        model.load_weights(path)
    return model


# ---- arguments -------------------------------------------------------------------------------------------------------


def _check(who: str, request: Request) -> None:
    weights, top = request.weights, request.include_top
    imagenet = weights == "imagenet"
    exists = isinstance(weights, (str, os.PathLike)) and os.path.exists(weights)
    if not (weights is None or imagenet or exists or is_hub_path(weights)):
        raise ArgumentError(
            f"[{who}] expected `weights` to be None, 'imagenet' or the path of a file, got {weights!r}, which does not "
            "exist."
        )
    if imagenet and top and request.classes != CLASSES:
        raise ArgumentError(
            f"[{who}] expected `classes={CLASSES}` with weights='imagenet' and `include_top`, got {request.classes}; "
            "pass `include_top=False` and add a layer for your classes."
        )
    if request.pooling not in (None, "avg", "max") and not top:
        raise ArgumentError(f"[{who}] expected `pooling` to be None, 'avg' or 'max', got {request.pooling!r}.")
    if imagenet and top and request.classifier_activation not in (None, "softmax"):
        raise ArgumentError(
            f"[{who}] expected `classifier_activation` 'softmax' or None with weights='imagenet', got "
            f"{request.classifier_activation!r}."
        )
    image, shape = request.input_tensor, request.input_shape
    if image is None:
        return
    if not isinstance(image, KerasTensor):
        raise ArgumentError(
            f"[{who}] expected `input_tensor` to be a KerasTensor, got {type(image).__name__}; make one with "
            "`kfront.Input`."
        )
    if shape is not None and any(None not in (n, m) and n != m for n, m in zip(shape, image.shape[1:], strict=False)):
        raise ShapeError(
            f"[{who}] expected `input_shape` to be that of `input_tensor`, {tuple(image.shape[1:])}, got "
            f"{tuple(shape)}; leave it out."
        )


def channel_axis() -> int:
    """The axis of channels in batches of images, in the configured layout."""
    return 1 if config.image_data_format() == "channels_first" else 3


def sides(shape: Shape) -> tuple[int | None, ...]:
    """Height and width of a shape `(height, width, channels)`, or channels first as configured."""
    first = channel_axis() - 1
    return tuple(n for i, n in enumerate(shape) if i != first)


def trained_size(this: Architecture, request: Request, sizes: tuple[int, ...]) -> int:
    """The size of images that ImageNet's weights were trained on: that of `input_shape` if it is one of `sizes`."""
    shape = request.input_shape
    height, *width = sides(shape) if shape is not None and len(shape) == 3 else (None,)
    if width == [height] and height in sizes:
        return height
    if request.weights == "imagenet" and shape is not None:
        warnings.warn(
            f"[{this.public}] expected square images of one of the sizes {sizes} with weights='imagenet', got "
            f"`input_shape={tuple(shape)}`; the weights for {this.size} are taken.",
            stacklevel=3,
        )
    return this.size


def _of_size(size: int | None, channels: int) -> tuple[int | None, ...]:
    shape: list[int | None] = [size, size]
    shape.insert(channel_axis() - 1, channels)
    return tuple(shape)


def image_shape(this: Architecture, request: Request) -> tuple[int | None, ...]:
    """The shape of one image: `input_shape`, checked, or the model's own.

    Raises:
        ShapeError: images of `input_shape` do not fit the model.
    """
    shape, imagenet = request.input_shape, request.weights == "imagenet"
    fixed = this.fixed and request.include_top
    if shape is None:
        return _of_size(this.size if fixed else this.size_without_top, 3)
    shape = tuple(shape)
    if len(shape) != 3:
        raise ShapeError(f"[{this.public}] expected `input_shape` with 3 sizes, got {shape}.")
    if imagenet and fixed and shape != (wanted := _of_size(this.size, 3)):
        raise ShapeError(
            f"[{this.public}] expected `input_shape={wanted}` with weights='imagenet' and `include_top`, got {shape}; "
            "pass `include_top=False` for images of another size."
        )
    if imagenet and shape[channel_axis() - 1] != 3:
        raise ShapeError(f"[{this.public}] expected images with 3 channels with weights='imagenet', got {shape}.")
    if any(n is not None and n < this.least for n in sides(shape)):
        raise ShapeError(
            f"[{this.public}] expected images of at least {this.least} × {this.least} pixels, got "
            f"`input_shape={shape}`, which stands for {config.image_data_format()}."
        )
    if fixed and None in shape:
        raise ShapeError(
            f"[{this.public}] expected a fully known `input_shape` with `include_top`, got {shape}; pass sizes, or "
            "`include_top=False`."
        )
    return shape


# ---- heads -----------------------------------------------------------------------------------------------------------


def pooled(x: Tensor, request: Request, average: str | None = None, largest: str | None = None) -> Tensor:
    """Features without the top: as they are, or pooled over the image by the layer `average` or `largest`."""
    if request.pooling == "avg":
        return layers.GlobalAveragePooling2D(name=average)(x)
    if request.pooling == "max":
        return layers.GlobalMaxPooling2D(name=largest)(x)
    return x


def usual_head(
    x: Tensor, request: Request, average: str | None = None, pool: tuple[str | None, str | None] = (None, None)
) -> Tensor:
    """The mean over the image, by the layer `average`, and the classes; without the top, layers named as in `pool`."""
    if not request.include_top:
        return pooled(x, request, *pool)
    return classify(layers.GlobalAveragePooling2D(name=average)(x), request)


def classify(x: Tensor, request: Request, dropout: float = 0.0, name: str = "predictions", **options: Any) -> Tensor:
    """The outputs for the classes, of features that are pooled already."""
    if dropout:
        x = layers.Dropout(dropout, name="top_dropout")(x)
    return layers.Dense(request.classes, activation=request.classifier_activation, name=name, **options)(x)


# ---- weights ---------------------------------------------------------------------------------------------------------


def _weights_file(this: Architecture, request: Request) -> Any:
    """The path of the weights, downloaded if need be; None for none."""
    if request.weights != "imagenet":
        return request.weights
    file = find_file(this.file or this.public, request.include_top)
    try:
        return get_file(file.name, origin=_BASE + file.address, cache_subdir="models", file_hash=file.hash)
    except DataError as e:
        raise DataError(
            f"[{this.public}] expected to find or download the weights of ImageNet, {file.name}, but: {e} Or pass "
            "their path as `weights`, or `weights=None` for random ones."
        ) from e
