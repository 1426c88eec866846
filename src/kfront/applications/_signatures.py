"""The functions that make models: their signatures, which families share, and their documentation."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from kfront.applications._builder import Architecture, Request, assemble
from kfront.models.functional import Functional

__all__ = ["Standard", "documented", "standard"]

F = TypeVar("F")
_HANG: dict[str, Any] = {"subsequent_indent": "    ", "break_long_words": False, "break_on_hyphens": False}
_ARGS = {
    "include_top": "whether the model ends in the classifier.",
    "include_preprocessing": "whether the model starts with the scaling of images of values 0 to 255.",
    "weights": 'None for random ones, ``"imagenet"`` to download those trained on ImageNet (once; kept in '
    "`~/.keras/models` or under `KERAS_HOME`), or the path of a file.",
    "input_tensor": "KerasTensor of images that the model continues; a new input if None.",
    "input_shape": "shape of an image in the configured layout, sizes in pixels; None for {size} × {size} RGB with the "
    "top, any size without. At least {least} × {least}.",
    "pooling": 'what becomes of the features without the top: None for all of them, ``"avg"`` or ``"max"`` for '
    "their mean or maximum over the image.",
    "classes": "number of classes; 1000 for ImageNet's weights.",
    "classifier_activation": 'activation of the classifier; None for logits. ``"softmax"`` or None for ImageNet\'s '
    "weights.",
    "alpha": "width: factor of the number of filters in each layer.",
    "depth_multiplier": "number of depthwise filters per channel.",
    "minimalistic": "whether to leave out 5 × 5 kernels, hard-swish and squeeze-and-excitation.",
    "dropout": "part of the features that is dropped before the classifier in training.",
    "dropout_rate": "part of the features that is dropped before the classifier in training.",
    "name": "the model's name.",
}
_TEXT = """{summary}

Args:
{args}

Returns:
    A functional model of images `(batch, height, width, 3)`, or channels first as configured. Its output is
    `(batch, classes)` with the top, else the features.

Raises:
    ArgumentError: an argument is unknown, or does not go with the weights of ImageNet.
    ShapeError: images of `input_shape` are too small, or no images.
    DataError: the weights cannot be downloaded.
    SavingError: the weights do not fit.

Example:

>>> import kfront
>>> model = kfront.applications.{public}(weights=None, include_top=False, input_shape=({low}, {low}, 3))
>>> model.input_shape
(None, {low}, {low}, 3)

Paper: {paper}
"""


class Standard(Protocol):
    """What makes a model, for most families."""

    __name__: str

    def __call__(
        self,
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = ...,
    ) -> Functional:
        """The model."""
        ...


def standard(this: Architecture, name: str, summary: str, paper: str, module: str) -> Standard:
    """The function that makes the model `this`, called `name` unless the user says otherwise."""

    @documented(this, paper, module, summary)
    def make(
        include_top: bool = True,
        weights: Any = "imagenet",
        input_tensor: Any = None,
        input_shape: Any = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: Any = "softmax",
        name: str = name,
    ) -> Functional:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )
        return assemble(this, request)

    return make


def documented(this: Architecture, paper: str, module: str, summary: str = "") -> Callable[[F], F]:
    """A decorator that gives a function the name and the documentation of the model that it makes.

    `summary` is the first sentence; that of the function if empty.
    """

    def decorate(make: F) -> F:
        made: Any = make
        code, low = made.__code__, max(this.least, 32)
        told = {n: _ARGS[n].format(size=this.size, least=this.least) for n in code.co_varnames[: code.co_argcount]}
        args = "\n".join(textwrap.indent(textwrap.fill(f"{n}: {t}", 110, **_HANG), "    ") for n, t in told.items())
        head = summary or made.__doc__
        made.__doc__ = _TEXT.format(summary=head, args=args, paper=paper, public=this.public, low=low)
        made.__name__ = made.__qualname__ = this.public
        made.__module__ = module
        return make

    return decorate
