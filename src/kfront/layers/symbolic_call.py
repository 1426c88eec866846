"""Runs a layer's `call` on symbolic inputs, to infer its outputs or to build its sublayers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from kfront.backends import backend_scope
from kfront.core import tree
from kfront.core.errors import KfrontError
from kfront.core.spec import Abstract, NoValueError, abstract
from kfront.core.variable import Forgetting, Variable

if TYPE_CHECKING:
    from kfront.layers.base import Layer


def spec_by_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Specs of what `layer.call` returns, from running it on abstract values.

    Code of the engine itself cannot run on these: then the engine is asked. What the call assigns to variables is
    forgotten, since nothing has been computed.
    """
    args, kwargs = tree.map_structure(abstract, (args, layer._kf_with_masks(args, kwargs)))
    try:
        with backend_scope(layer._kf_backend), Forgetting():
            return layer.call(*args, **kwargs)
    except Exception as error:
        if isinstance(error, KfrontError) and not isinstance(error, NoValueError):
            raise
        try:
            return layer._kf_backend.compute_spec(layer.call, *args, **kwargs)
        except KfrontError:
            raise
        except Exception:
            raise error from None


def specs_of_constants(layer: Layer, outputs: object) -> Any:
    """Outputs of a call on symbolic inputs, with specs of those that do not depend on the inputs and so have values."""
    backend = layer._kf_backend

    def spec(x: Any) -> Any:
        if not isinstance(x, Variable) and not backend.is_tensor(x):
            return x
        return Abstract(backend.static_shape(value := backend.convert(x)), backend.dtype_name(value.dtype))

    return tree.map_structure(spec, outputs)


def build_by_call(layer: Layer, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    """Build the sublayers that `layer.call` uses, where the class tells its output's shape but has no `build`.

    A file of weights read before the first call on data needs them. A `call` that symbolic values do not get through,
    which is a reason to tell the shape, leaves the rest to that first call.
    """
    if any(not sub.built for sub in layer._flatten_layers(include_self=False)):
        with contextlib.suppress(Exception):
            spec_by_call(layer, args, kwargs)
