"""The functions that make models: their signatures, which families share, and their documentation."""

from __future__ import annotations

import inspect
import os
import textwrap
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from kfront.applications._builder import Architecture, Request, assemble
from kfront.core.errors import ArgumentTypeError
from kfront.core.typing import ActivationLike, Config, Shape
from kfront.models.functional import Functional

if TYPE_CHECKING:
    from kfront.core.spec import KerasTensor

F = TypeVar("F")
_HANG: Config = {"subsequent_indent": "    ", "break_long_words": False, "break_on_hyphens": False}
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
        weights: str | os.PathLike[str] | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: Shape | None = None,
        pooling: str | None = None,
        classes: int = 1000,
        classifier_activation: ActivationLike = "softmax",
        name: str = ...,
    ) -> Functional:
        """The model."""
        ...


def standard(this: Architecture, name: str, summary: str, paper: str, module: str) -> Standard:
    """The function that makes the model `this`, called `name` unless the user says otherwise."""
    return family(Standard, this, name, summary, paper, module)


def family(
    form: type[F],
    this: Architecture,
    name: str,
    summary: str,
    paper: str,
    module: str,
    vary: Callable[..., Architecture] | None = None,
) -> F:
    """The function that makes a model of a family.

    Args:
        form: its signature is that of this protocol's `__call__`.
        this: the model.
        name: the model's name unless the user says otherwise.
        summary: the first sentence of the documentation.
        paper: where the model is from.
        module: the public module of the function.
        vary: makes the architecture of `this`, the request, and the arguments of the form that no `Request` has.
    """
    told = inspect.signature(form.__call__)  # type: ignore[operator]
    _, *parameters = told.parameters.values()
    signature = told.replace(parameters=[p.replace(default=name) if p.name == "name" else p for p in parameters])

    def make(*args: object, **kwargs: object) -> Functional:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            known = ", ".join(signature.parameters)
            raise ArgumentTypeError(f"[{this.public}] expected arguments of {known}; {error}.") from None
        bound.apply_defaults()
        given = bound.arguments
        request = Request(**{field: given.pop(field) for field in Request._fields})
        return assemble(this if vary is None else vary(this, request, **given), request)

    make.__signature__ = signature  # type: ignore[attr-defined]
    made: Any = documented(this, paper, module, summary)(make)
    return made


def scaled_images(this: Architecture, request: Request, include_preprocessing: bool) -> Architecture:
    """For `family`: a model whose body scales images of values 0 to 255, or does not."""
    return this._replace(body=partial(this.body, scaling=include_preprocessing))


def documented(this: Architecture, paper: str, module: str, summary: str = "") -> Callable[[F], F]:
    """A decorator that gives a function the name and the documentation of the model that it makes.

    `summary` is the first sentence; that of the function if empty.
    """

    def decorate(make: F) -> F:
        made: Any = make
        low, names = max(this.least, 32), inspect.signature(made).parameters
        told = {n: _ARGS[n].format(size=this.size, least=this.least) for n in names}
        args = "\n".join(textwrap.indent(textwrap.fill(f"{n}: {t}", 110, **_HANG), "    ") for n, t in told.items())
        head = summary or made.__doc__
        made.__doc__ = _TEXT.format(summary=head, args=args, paper=paper, public=this.public, low=low)
        made.__name__ = made.__qualname__ = this.public
        made.__module__ = module
        return make

    return decorate
