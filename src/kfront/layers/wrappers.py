"""Layers around layers: Wrapper, TimeDistributed, Bidirectional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from kfront import ops
from kfront.core import tree
from kfront.core.codec import serialize_keras_object, with_objects
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.typing import Config, CustomObjects, LayerOptions, Shape, Tensor, TensorLike
from kfront.layers.base import InputSpec, Layer
from kfront.layers.call_signature import call_info
from kfront.layers.options import OptionLayer
from kfront.ops.primitives.shapes import dim

if TYPE_CHECKING:
    from kfront.layers.recurrent import RNN


def _check_layer(who: str, layer: Layer) -> None:
    if not isinstance(layer, Layer):
        raise ArgumentTypeError(f"[{who}] expected `layer` to be a layer, got {layer!r}.")


class Wrapper(OptionLayer):
    """Base of layers that change how another layer is applied.

    Args:
        layer: the layer.
        **kwargs: name, trainable, dtype.

    Input and output: as the subclass defines them.

    Attributes:
        layer: the layer.

    Raises:
        ArgumentTypeError: if `layer` is no layer.

    Example:

    >>> import kfront
    >>> class Twice(kfront.layers.Wrapper):
    ...     def call(self, inputs):
    ...         return self.layer(self.layer(inputs))
    >>> tuple(Twice(kfront.layers.Dense(3))(kfront.ops.ones((2, 3))).shape)
    (2, 3)
    """

    _kf_writes_sublayers = True

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerOptions]) -> None:
        _check_layer(type(self).__name__, layer)
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape: Any = None) -> None:
        """Build the layer inside."""
        if not self.layer.built:
            self.layer.build(input_shape)

    def _kf_take_weights(self) -> None:
        """Refer to weights of the layer inside, where the class does; they are others after `quantize`."""

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "layer": serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """A layer from its config."""
        return cls(**with_objects(config, ("layer",), custom_objects))


class TimeDistributed(Wrapper):
    """Applies a layer to every time step, with the same weights.

    Args:
        layer: the layer; it sees time steps as if they were samples.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, time, ...). Output: tensor of shape (batch, time, ...).

    Raises:
        ArgumentTypeError: if `layer` is no layer.
        ShapeError: if inputs have fewer than three axes.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.TimeDistributed(kfront.layers.Conv2D(4, 3))
    >>> tuple(layer(kfront.ops.ones((2, 5, 8, 8, 3))).shape)
    (2, 5, 6, 6, 4)
    """

    def __init__(self, layer: Layer, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape: Any) -> Shape:
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) < 3:
            raise ShapeError(
                f"[{self.name}] expected inputs of shape (batch, time, ...) with at least 3 axes, got {input_shape}."
            )
        return (input_shape[0], *input_shape[2:])

    def build(self, input_shape: Any) -> None:
        """Build the layer inside for one time step."""
        super().build(self._step_shape(input_shape))

    def call(self, inputs: TensorLike, training: bool | None = None, mask: Tensor | None = None) -> Any:
        """The layer's output, see the class."""
        self._step_shape(ops.shape(inputs))
        batch, time = dim(inputs, 0), dim(inputs, 1)
        if mask is not None:
            self._check_mask(mask, inputs)
        more: dict[str, Any] = {}
        if mask is not None and "mask" in call_info(type(self.layer)).names:
            more["mask"] = ops.reshape(mask, (-1, *mask.shape[2:]))
        steps = ops.reshape(inputs, (-1, *ops.shape(inputs)[2:]))
        out = self.layer(steps, **more)
        return tree.map_structure(lambda y: ops.reshape(y, (batch, time, *ops.shape(y)[1:])), out)

    def _check_mask(self, mask: Tensor, inputs: Any) -> None:
        have, wanted = tuple(mask.shape[:2]), tuple(inputs.shape[:2])
        if len(have) < 2 or any(None not in pair and pair[0] != pair[1] for pair in zip(have, wanted, strict=True)):
            raise ShapeError(f"[{self.name}] expected a mask of shape {wanted} (batch, time), got {tuple(mask.shape)}.")

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, time, *output of the layer)."""
        inner = self.layer.compute_output_shape(self._step_shape(input_shape))
        return tree.map_shape_structure(lambda s: (s[0], input_shape[1], *s[1:]), inner)

    def compute_mask(self, inputs: TensorLike, previous_mask: Tensor | None = None) -> Any:
        """The mask of the inputs."""
        return previous_mask


_MERGE = ("sum", "mul", "concat", "ave", None)
_SAME = ("return_sequences", "return_state", "stateful")


class Bidirectional(OptionLayer):
    """Runs a recurrent layer forwards and another one backwards over sequences, and merges what they give.

    Args:
        layer: a recurrent layer; the forward layer is made from its config, and so is the backward one.
        merge_mode: "concat", "sum", "mul", "ave", or None for both outputs.
        weights: first values of the weights, those of the forward layer before those of the backward one.
        backward_layer: another layer for the way back, with `go_backwards` set.
        **kwargs: name, trainable, dtype.

    Call arguments: `sequences`, tensor of shape (batch, time, ...); `initial_state`, list of the first states of the
    forward and then of the backward layer; `mask`, bool tensor (batch, time); `training`.

    Returns: tensor of shape (batch, features), or (batch, time, features) where the layers return sequences, merged as
    `merge_mode` says; a pair of tensors without it; with `return_state` followed by the last states of both layers.

    Attributes:
        forward_layer, backward_layer: the two layers.

    Raises:
        ArgumentTypeError: if `layer` is not recurrent.
        ArgumentError: if the layers do not fit together, or for an unknown merge mode.

    Reference: Schuster and Paliwal, 1997, Bidirectional recurrent neural networks.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.Bidirectional(kfront.layers.LSTM(4, return_sequences=True))
    >>> tuple(layer(kfront.ops.ones((2, 5, 3))).shape)
    (2, 5, 8)
    """

    _kf_writes_sublayers = True

    def __init__(
        self,
        layer: Any,
        merge_mode: str | None = "concat",
        weights: Any = None,
        backward_layer: Any = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        _check_recurrent(layer)
        super().__init__(**kwargs)
        if merge_mode not in _MERGE:
            raise ArgumentError(f"[Bidirectional] expected `merge_mode` in {_MERGE}, got {merge_mode!r}.")
        self.merge_mode = merge_mode
        self.forward_layer = _remade(layer, "forward_", layer.go_backwards)
        if backward_layer is None:
            backward_layer = _remade(layer, "backward_", not layer.go_backwards)
        else:
            _check_recurrent(backward_layer)
            _check_pair(layer, backward_layer)
        self.backward_layer = backward_layer
        if weights is not None and not isinstance(weights, (list, tuple)):
            raise ArgumentTypeError(f"[Bidirectional] expected a list of arrays as `weights`, got {weights!r}.")
        self._first_weights = None if weights is None else list(weights)
        self.return_sequences, self.return_state = layer.return_sequences, layer.return_state
        self.stateful = layer.stateful
        self.supports_masking = True
        self.input_spec = self.forward_layer.input_spec or InputSpec(min_ndim=3)

    @property
    def states(self) -> Any:
        """The carried states of stateful layers, None otherwise."""
        pair = (self.forward_layer.states, self.backward_layer.states)
        return None if None in pair else (*pair[0], *pair[1])

    def build(self, sequences_shape: Any, initial_state_shape: Any = None) -> None:
        """Build both layers."""
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
        if self._first_weights is not None:
            self.set_weights(self._first_weights)

    def get_build_config(self) -> Config | None:
        """The shapes `build` was called with."""
        config = super().get_build_config()
        if config is not None and "sequences_shape" in config:
            return {"input_shape": config["sequences_shape"]}
        return config

    def call(
        self, sequences: Tensor, initial_state: Any = None, mask: Tensor | None = None, training: bool | None = None
    ) -> Any:
        """The layer's output, see the class."""
        ahead: dict[str, Any] = {} if mask is None else {"mask": mask}  # `training` reaches inner calls by itself
        back = dict(ahead)
        if initial_state is not None:
            half = len(self.forward_layer.state_size)
            if not isinstance(initial_state, (list, tuple)) or len(initial_state) != 2 * half:
                raise ShapeError(f"[{self.name}] expected {2 * half} initial states, got {initial_state!r}.")
            ahead["initial_state"], back["initial_state"] = list(initial_state[:half]), list(initial_state[half:])
        first, last = self.forward_layer(sequences, **ahead), self.backward_layer(sequences, **back)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*first[1:], *last[1:])
            first, last = first[0], last[0]
        if self.return_sequences:
            last = ops.flip(last, axis=1)
        merged = self._merged(first, last)
        if not self.return_state:
            return merged
        return (*merged, *states) if self.merge_mode is None else (merged, *states)

    def _merged(self, first: Tensor, last: Tensor) -> tuple[Tensor, Tensor] | Tensor:
        mode = self.merge_mode
        if mode is None:
            return first, last
        if mode == "concat":
            return ops.concatenate([first, last], axis=-1)
        if mode == "mul":
            return ops.multiply(first, last)
        total = ops.add(first, last)
        return ops.divide(total, 2) if mode == "ave" else total

    def compute_output_shape(self, sequences_shape: Any, initial_state_shape: Sequence[Shape] | None = None) -> Any:
        """Shape of the merged output (or of both), then those of the states with `return_state`."""
        shape = self.forward_layer.compute_output_shape(sequences_shape)
        out, states = (shape[0], shape[1:]) if self.return_state else (shape, ())
        if self.merge_mode == "concat":
            other = self.backward_layer.compute_output_shape(sequences_shape)
            other = other[0] if self.return_state else other
            out = (*out[:-1], out[-1] + other[-1])
        merged = (out, out) if self.merge_mode is None else out
        if not self.return_state:
            return merged
        return (*merged, *states, *states) if self.merge_mode is None else (merged, *states, *states)

    def compute_mask(self, _: Tensor, mask: Tensor | None) -> Any:
        """The mask with `return_sequences` (once for each output), None else."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        out = mask if self.return_sequences else None
        return (out, out) if self.merge_mode is None else out

    def reset_state(self) -> None:
        """Set the carried states of stateful layers back to their first values."""
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    reset_states = reset_state

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Bidirectional:
        """A layer from its config."""
        return cls(**with_objects(config, ("layer", "backward_layer"), custom_objects))


def _check_recurrent(layer: object) -> None:
    needed = ("go_backwards", "return_sequences", "return_state")
    if not isinstance(layer, Layer) or not all(hasattr(layer, n) for n in needed):
        raise ArgumentTypeError(f"[Bidirectional] expected recurrent layers such as LSTM, got {layer!r}.")


def _check_pair(layer: RNN, backward: RNN) -> None:
    if layer.go_backwards == backward.go_backwards:
        raise ArgumentError(
            f"[Bidirectional] expected `layer` and `backward_layer` with different `go_backwards`, got "
            f"{layer.go_backwards} in both."
        )
    for name in _SAME:
        ours, theirs = getattr(layer, name), getattr(backward, name)
        if ours != theirs:
            raise ArgumentError(
                f"[Bidirectional] expected `layer` and `backward_layer` with the same `{name}`, got {ours} and "
                f"{theirs}."
            )


def _remade(layer: Any, prefix: str, go_backwards: bool) -> Any:
    """A new layer of the same config, for one of the two directions."""
    name = layer.name.removeprefix("forward_").removeprefix("backward_")
    config = {**layer.get_config(), "name": prefix + name, "go_backwards": go_backwards}
    if layer.return_sequences and "zero_output_for_mask" in config:
        config["zero_output_for_mask"] = True
    made = type(layer).from_config(config)
    if hasattr(layer, "use_cudnn"):  # no part of configs
        made.use_cudnn = layer.use_cudnn
    return made
