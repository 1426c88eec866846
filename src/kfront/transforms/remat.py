"""Rematerialization: intermediate results are recomputed for the gradient instead of being kept.

A layer remembers the `RematScope` in which it was made, and the layer's calls go through `rematerialized`. Models are
transparent: each of their layers is a segment of its own, and inside a segment nothing is cut again.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from kfront.core import tree
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.registry import public_identity
from kfront.core.spec import Abstract
from kfront.core.state import current, state
from kfront.core.typing import AnyCallable, Backend, Tensor
from kfront.transforms.functions import checkpoint

if TYPE_CHECKING:
    from kfront.layers.base import Layer

MODES = ("full", "activations", "larger_than", "list_of_layers", None)


class RematScope:
    """Context manager: layers made inside save memory in training by recomputing intermediate results.

    Args:
        mode: "full" for all layers, "activations" for the activation functions of layers, "larger_than" for layers
            whose output has more elements than `output_size_threshold`, "list_of_layers" for those of the given names,
            None for no layers (inside another scope).
        output_size_threshold: number of elements, the batch counted too.
        layer_names: names of layers.

    Raises:
        ArgumentError: for an unknown mode, a negative threshold, or names that are not a list of strings.

    Reference: Chen et al., 2016, https://arxiv.org/abs/1604.06174.

    Example:

    >>> import kfront
    >>> with kfront.RematScope(mode="full"):
    ...     layer = kfront.layers.Dense(4, activation="gelu")
    >>> tuple(layer(kfront.ops.ones((2, 3))).shape)
    (2, 4)
    """

    def __init__(
        self, mode: str | None = "full", output_size_threshold: int = 1024, layer_names: Sequence[str] | None = None
    ) -> None:
        if mode not in MODES:
            raise ArgumentError(f"[RematScope] expected `mode` in {MODES}, got {mode!r}.")
        if isinstance(output_size_threshold, bool) or not isinstance(output_size_threshold, (int, float)):
            raise ArgumentError(
                f"[RematScope] expected `output_size_threshold` to be a number, got {output_size_threshold!r}."
            )
        names = [] if layer_names is None else layer_names
        if isinstance(names, str) or not all(isinstance(n, str) for n in names):
            raise ArgumentError(f"[RematScope] expected `layer_names` to be a list of strings, got {layer_names!r}.")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = list(names)
        self._outer: list[object] = []

    def __enter__(self) -> RematScope:
        self._outer.append(state.remat)
        state.remat = self
        return self

    def __exit__(self, *exc: object) -> None:
        state.remat = self._outer.pop()

    def instead(self, layer: Layer, call: AnyCallable, args: object, kwargs: object) -> AnyCallable:
        """The function to call in place of `call`, the computation of a layer that was made in this scope."""
        mode = self.mode
        if state.in_segment or mode is None:
            return call
        if mode == "list_of_layers":
            return segment(layer, call) if layer.name in self.layer_names else call
        if layer._kf_holds_segments:
            return call
        if mode == "activations":
            return _with_activation(layer, call)
        if mode == "larger_than":
            shapes = [x.shape for x in tree.flatten(_specs(layer, args, kwargs))]
            if not any(None in s or math.prod(s) > self.output_size_threshold for s in shapes):
                return call
        return segment(layer, call)

    def __reduce__(self) -> tuple[type[RematScope], tuple[str | None, int, list[str]]]:
        return RematScope, (self.mode, self.output_size_threshold, self.layer_names)


def remat(f: AnyCallable) -> AnyCallable:
    """The same function, whose intermediate results are not kept for the gradient but recomputed for it.

    Args:
        f: takes and returns nested tensors; it may read and assign Variables and draw random numbers, which are in
            the second run as they were in the first.

    Returns:
        A function of the same arguments.

    Raises:
        ArgumentTypeError: if `f` is not callable.

    Reference: Chen et al., 2016, https://arxiv.org/abs/1604.06174.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> float(kfront.remat(lambda x: ops.exp(ops.sin(x)))(ops.array(0.0)))
    1.0
    """
    if not callable(f):
        raise ArgumentTypeError(f"[remat] expected a function, got {f!r}.")

    @functools.wraps(f, updated=())
    def call(*args: object, **kwargs: object) -> Any:
        return checkpoint(f)(*args, **kwargs)

    return call


# ---- layers ----------------------------------------------------------------------------------------------------------


def _specs(layer: Layer, args: Any, kwargs: Any) -> object:
    b = getattr(layer, "_kf_backend", None) or current()

    def spec(x: Tensor) -> Any:
        return Abstract(b.static_shape(x), b.dtype_name(x.dtype)) if b.is_tensor(x) else x

    args, kwargs = tree.map_structure(spec, (args, kwargs))
    return layer.compute_output_spec(*args, **kwargs)


def segment(layer: Layer, call: AnyCallable) -> AnyCallable:
    """`call` as one recomputed segment, which returns the losses that it adds and the masks of its outputs."""
    if not hasattr(layer, "_flatten_layers"):  # an operation: no losses, no masks
        return remat(call)
    b = layer._kf_backend

    def run(args: Any, kwargs: Any, masks: Any) -> Any:
        state.in_segment = True
        for x, m in zip(tree.flatten((args, kwargs)), masks, strict=True):
            if m is not None:
                b.set_mask(x, m)
        outer, state.losses = state.losses, None
        counts = [(one, len(one._losses)) for one in layer._flatten_layers()]
        try:
            out = call(*args, **kwargs)
        finally:
            state.losses = outer
        losses = [one._losses[n:] for one, n in counts]
        for one, n in counts:
            del one._losses[n:]
        return out, losses, [_mask(b, x) for x in tree.flatten(out)]

    def whole(*args: object, **kwargs: object) -> Any:
        masks = [_mask(b, x) for x in tree.flatten((args, kwargs))]
        out, losses, found = remat(run)(args, kwargs, masks)
        for one, values in zip(layer._flatten_layers(), losses, strict=False):
            if values:
                one.add_loss(values)
        for x, m in zip(tree.flatten(out), found, strict=True):
            if m is not None and _mask(b, x) is None:
                b.set_mask(x, m)
        return out

    return whole


def _mask(b: Backend, x: Tensor) -> object:
    return b.get_mask(x) if state.any_mask_seen and b.is_tensor(x) else None


def _with_activation(layer: Layer, call: AnyCallable) -> AnyCallable:
    """`call` while the layer's activation function is recomputed."""
    activation = layer.__dict__.get("activation")
    if not callable(activation) or public_identity(activation) == ("keras.activations", "linear"):
        return call

    def run(*args: object, **kwargs: object) -> Any:
        object.__setattr__(layer, "activation", remat(activation))
        try:
            return call(*args, **kwargs)
        finally:
            object.__setattr__(layer, "activation", activation)

    return run
