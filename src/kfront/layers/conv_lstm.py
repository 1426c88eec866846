"""Convolutional LSTM layers, written once for all ranks over the base of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core import shapes_nn
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import each_rank, kept, normalisers, one_of
from kfront.core.spec import Abstract
from kfront.core.typing import (
    ActivationLike,
    AnyCallable,
    ConstraintLike,
    InitializerLike,
    LayerOptions,
    RegularizerLike,
    Seed,
    Shape,
    Tensor,
)
from kfront.core.variable import read
from kfront.layers.base import InputSpec
from kfront.layers.options import IntOrInts, known_axis
from kfront.layers.recurrent import OfCell, run_steps
from kfront.layers.recurrent_cells import BaseCell, ForgetBias
from kfront.ops.primitives.nn import conv
from kfront.ops.primitives.shapes import dim


class ConvLSTMCell(BaseCell):
    """One step of a convolutional LSTM, of any rank: an LSTM whose products with the kernels are convolutions.

    Args:
        rank: number of spatial axes.
        filters: number of output channels.
        kernel_size, strides, padding, data_format, dilation_rate: the window, as for the layer.
        **kwargs: name, trainable, dtype.
    """

    _kf_normalise = normalisers(dilation_rate=each_rank, padding=one_of("valid", "same"), rank=kept, strides=each_rank)
    _gates = 4
    filters: int
    kernel_size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation_rate: tuple[int, ...]
    padding: str
    data_format: str
    unit_forget_bias: bool
    rank: int

    def __init__(
        self,
        rank: int,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts,
        padding: str,
        data_format: str | None,
        dilation_rate: IntOrInts,
        activation: ActivationLike,
        recurrent_activation: ActivationLike,
        use_bias: bool,
        kernel_initializer: InitializerLike,
        recurrent_initializer: InitializerLike,
        bias_initializer: InitializerLike,
        unit_forget_bias: bool,
        kernel_regularizer: RegularizerLike,
        recurrent_regularizer: RegularizerLike,
        bias_regularizer: RegularizerLike,
        kernel_constraint: ConstraintLike,
        recurrent_constraint: ConstraintLike,
        bias_constraint: ConstraintLike,
        dropout: float,
        recurrent_dropout: float,
        seed: Seed,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"[ConvLSTM{rank}D] expected `strides` or `dilation_rate` to be 1, got strides {self.strides} and "
                f"dilation_rate {self.dilation_rate}."
            )
        self.units = self.filters
        self._start()
        self.__dict__["state_size"] = [self.units, self.units]
        self._axis = -1 if self.data_format == "channels_last" else 1

    def build(self, input_shape: Shape) -> None:
        """Create kernel, recurrent kernel and bias."""
        columns = self._gates * self.units
        inputs = known_axis(self.name, input_shape, self._axis)
        self.kernel = self._kf_weight("kernel", (*self.kernel_size, inputs, columns))
        self.recurrent_kernel = self._kf_weight(
            "recurrent_kernel", (*self.kernel_size, self.units, columns), "recurrent"
        )
        if self.use_bias:
            self.bias = self._kf_weight("bias", (columns,))

    def _kf_initializer(self, options: str) -> AnyCallable:
        found = super()._kf_initializer(options)
        return ForgetBias(found, self.units) if options == "bias" and self.unit_forget_bias else found

    def project(self, x: Tensor) -> Tensor:
        """The part of the gates that comes from inputs of shape (batch, *space and channels)."""
        z = conv(x, read(self.kernel), self.strides, self.padding, self.data_format, self.dilation_rate)
        if self.bias is None:
            return z
        bias = read(self.bias)
        return ops.add(z, bias if self._axis == -1 else ops.reshape(bias, (-1, *(1,) * self.rank)))

    def advance(self, z: Tensor, states: tuple[Tensor, ...], mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """New states, the output first."""
        h, c = states
        h = h if mask is None else ops.multiply(h, mask)
        gate, act = self.recurrent_activation, self.activation
        z = ops.add(z, conv(h, read(self.recurrent_kernel), 1, "same", self.data_format))
        i, f, g, o = ops.split(z, 4, axis=self._axis)
        c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), act(g)))
        return ops.multiply(gate(o), act(c)), c

    def state_shape(self, input_shape: Shape) -> Shape:
        """Shape of output and states for one step's input shape.

        Raises:
            ShapeError: if the window does not fit.
        """
        kernel = (*self.kernel_size, input_shape[self._axis], self.units)
        specs = (Abstract(tuple(input_shape), "float32"), Abstract(kernel, "float32"))
        return shapes_nn.conv(*specs, self.strides, self.padding, self.data_format, self.dilation_rate)


class BaseConvLSTM(OfCell):
    """A convolutional LSTM layer, of any rank."""

    rank = 0
    _cell_class = ConvLSTMCell
    _cell_name = "conv_lstm_cell"
    _size = "filters"
    _state_shape: tuple[int | None, ...] = ()

    def __init__(
        self,
        filters: int,
        kernel_size: IntOrInts,
        strides: IntOrInts = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: IntOrInts = 1,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        unit_forget_bias: bool = True,
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: Seed = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        **kwargs: object,
    ) -> None:
        super().__init__(locals())
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def _more_for_cell(self) -> dict[str, int]:
        return {"rank": self.rank}

    def build(self, sequences_shape: Shape, initial_state_shape: Sequence[Shape] | None = None) -> None:
        """Build the cell, and the carried states of a stateful layer."""
        self._state_shape = self._step_shape(sequences_shape)[1:]
        super().build(sequences_shape, initial_state_shape)

    def _step_shape(self, sequences_shape: Shape) -> Shape:
        try:
            return self.cell.state_shape((sequences_shape[0], *sequences_shape[2:]))
        except ShapeError as error:
            raise ShapeError(
                f"[{self.name}] {str(error).rstrip('.')}, with kernel_size {self.cell.kernel_size}, strides "
                f"{self.cell.strides} and padding {self.cell.padding!r}; use larger inputs, a smaller kernel or "
                "padding='same'."
            ) from None

    def get_initial_state(self, batch_size: int | Tensor | None) -> list[Tensor]:
        """Zeros for both states.

        Raises:
            ShapeError: if the spatial sizes are not known.
        """
        if None in self._state_shape or not self._state_shape:
            raise ShapeError(
                f"[{self.name}] expected inputs with known spatial sizes for states that are made beforehand, got "
                f"states of shape (batch, {', '.join(map(str, self._state_shape))}); build with full shapes."
            )
        return [ops.zeros((batch_size, *self._state_shape), dtype=self.compute_dtype)] * 2

    def _first_states(self, sequences: Tensor, initial_state: Any) -> Any:
        own = type(self).get_initial_state is not BaseConvLSTM.get_initial_state
        if initial_state is None and not self._carried and not own:
            return None  # zeros, made when the sizes are known
        if initial_state is None:
            return super()._first_states(sequences, None)
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        wanted = self._step_shape(sequences.shape)
        found = [tuple(s.shape) for s in states]
        if len(found) != 2 or not all(_agree(s, wanted) for s in found):
            raise ShapeError(f"[{self.name}] expected 2 initial states of shape {wanted}, got shapes {found}.")
        return states

    def inner_loop(self, sequences: Tensor, initial_state: Any, mask: Tensor | None, training: bool = False) -> Any:
        """Run the cell over time: the convolutions of the inputs for all steps at once, then a scan.

        Args:
            sequences: tensor of shape (batch, time, *space and channels).
            initial_state: list of the two states, zeros if None.
            mask: bool tensor of shape (batch, time), or None.
            training: whether dropout acts.

        Returns:
            (last output, outputs of all steps, list of last states).
        """
        cell, keep = self.cell, None
        batch, time = dim(sequences, 0), dim(sequences, 1)
        dropping = training and (cell.dropout or cell.recurrent_dropout)
        if dropping:
            sequences = self._dropped(sequences)
        z = cell.project(ops.reshape(sequences, (-1, *ops.shape(sequences)[2:])))
        z = ops.reshape(z, (batch, time, *ops.shape(z)[1:]))
        if initial_state is None:
            zeros = ops.zeros_like(ops.split(z[:, 0], 4, axis=cell._axis)[0])
            initial_state = [zeros, zeros]
        if dropping:
            keep = cell.get_recurrent_dropout_mask(initial_state[0])
            cell.reset_recurrent_dropout_mask()

        def step(x: Tensor, before: Any) -> tuple[Tensor, list[Tensor]]:
            new = cell.advance(x, tuple(before), keep)
            return new[0], list(new)

        return run_steps(
            step,
            z,
            list(initial_state),
            None if mask is None else ops.cast(mask, "bool"),
            ops.zeros_like(initial_state[0]),
            self.return_sequences,
            self.go_backwards,
            self.unroll,
            self.zero_output_for_mask,
        )

    def _dropped(self, sequences: Tensor) -> Tensor:
        """Sequences with dropout, the same places at each step."""
        mask = self.cell.get_dropout_mask(sequences[:, 0])
        self.cell.reset_dropout_mask()
        return sequences if mask is None else ops.multiply(sequences, ops.expand_dims(mask, 1))

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Sequence[Shape] | None = None) -> Any:
        """Shape of the output, or a tuple of it and the shapes of the states."""
        one = self._step_shape(sequences_shape)
        out = (*sequences_shape[:2], *one[1:]) if self.return_sequences else one
        return (out, one, one) if self.return_state else out


def _agree(shape: Shape, wanted: Any) -> bool:
    return len(shape) == len(wanted) and all(None in (a, w) or a == w for a, w in zip(shape, wanted, strict=True))


class ConvLSTM1D(BaseConvLSTM):
    """LSTM over sequences with 1 spatial axis: its products with the kernels are convolutions.

    Args:
        filters: number of output channels.
        kernel_size: int or 1 of them: size of the windows over inputs and states.
        strides: int or 1 of them: step of the window over the inputs.
        padding: "valid" (none) or "same", for the inputs; states are always padded to keep their size.
        data_format: "channels_last" (batch, time, length, channels) or "channels_first" (batch, time, channels,
            length); the configured one if None.
        dilation_rate: int or 1 of them: distance of the window's elements over the inputs.
        activation: name or function of candidate and output; none if None.
        recurrent_activation: name or function of the gates; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        unit_forget_bias: whether the bias of the forget gate starts at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions of the weights that are added to the
            loss.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to the weights after each update.
        dropout: rate at which inputs are dropped in training, the same ones at each step.
        recurrent_dropout: rate at which states are dropped in training, the same ones at each step.
        seed: int, for the same dropout in each run.
        activity_regularizer: function of the output that is added to the loss.
        return_sequences: whether to return the outputs of all steps instead of the last one's.
        return_state: whether to return the last states too.
        go_backwards: whether time runs from the end; outputs come in the order of computation.
        stateful: whether the last states of a batch are the first ones of the next; needs a fixed batch size.
        **kwargs: unroll (whether the loop is written out), zero_output_for_mask, name, trainable, dtype.

    Call arguments: `sequences`, tensor of rank 4 as `data_format` says; `initial_state`, list of the two first
    states, of the shape of one step's output; `mask`, bool tensor of shape (batch, time), False at steps to be left
    out; `training`.

    Returns: one step's output (batch, *new space and filters), or those of all steps with `return_sequences`; with
    `return_state` a tuple of it and the last two states.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs or states do not fit.

    Reference: Shi et al., 2015, https://arxiv.org/abs/1506.04214, without the peephole connections.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ConvLSTM1D(4, 3, padding="same")
    >>> tuple(layer(kfront.ops.ones((2, 3, 5, 1))).shape)
    (2, 5, 4)
    """

    rank = 1


class ConvLSTM2D(BaseConvLSTM):
    """LSTM over sequences with 2 spatial axes: its products with the kernels are convolutions.

    Args:
        filters: number of output channels.
        kernel_size: int or 2 of them: size of the windows over inputs and states.
        strides: int or 2 of them: step of the window over the inputs.
        padding: "valid" (none) or "same", for the inputs; states are always padded to keep their size.
        data_format: "channels_last" (batch, time, height, width, channels) or "channels_first" (batch, time, channels,
            height, width); the configured one if None.
        dilation_rate: int or 2 of them: distance of the window's elements over the inputs.
        activation: name or function of candidate and output; none if None.
        recurrent_activation: name or function of the gates; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        unit_forget_bias: whether the bias of the forget gate starts at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions of the weights that are added to the
            loss.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to the weights after each update.
        dropout: rate at which inputs are dropped in training, the same ones at each step.
        recurrent_dropout: rate at which states are dropped in training, the same ones at each step.
        seed: int, for the same dropout in each run.
        activity_regularizer: function of the output that is added to the loss.
        return_sequences: whether to return the outputs of all steps instead of the last one's.
        return_state: whether to return the last states too.
        go_backwards: whether time runs from the end; outputs come in the order of computation.
        stateful: whether the last states of a batch are the first ones of the next; needs a fixed batch size.
        **kwargs: unroll (whether the loop is written out), zero_output_for_mask, name, trainable, dtype.

    Call arguments: `sequences`, tensor of rank 5 as `data_format` says; `initial_state`, list of the two first
    states, of the shape of one step's output; `mask`, bool tensor of shape (batch, time), False at steps to be left
    out; `training`.

    Returns: one step's output (batch, *new space and filters), or those of all steps with `return_sequences`; with
    `return_state` a tuple of it and the last two states.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs or states do not fit.

    Reference: Shi et al., 2015, https://arxiv.org/abs/1506.04214, without the peephole connections.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ConvLSTM2D(4, 3, padding="same")
    >>> tuple(layer(kfront.ops.ones((2, 3, 5, 6, 1))).shape)
    (2, 5, 6, 4)
    """

    rank = 2


class ConvLSTM3D(BaseConvLSTM):
    """LSTM over sequences with 3 spatial axes: its products with the kernels are convolutions.

    Args:
        filters: number of output channels.
        kernel_size: int or 3 of them: size of the windows over inputs and states.
        strides: int or 3 of them: step of the window over the inputs.
        padding: "valid" (none) or "same", for the inputs; states are always padded to keep their size.
        data_format: "channels_last" (batch, time, depth, height, width, channels) or "channels_first" (batch, time,
            channels, depth, height, width); the configured one if None.
        dilation_rate: int or 3 of them: distance of the window's elements over the inputs.
        activation: name or function of candidate and output; none if None.
        recurrent_activation: name or function of the gates; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        unit_forget_bias: whether the bias of the forget gate starts at 1.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions of the weights that are added to the
            loss.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to the weights after each update.
        dropout: rate at which inputs are dropped in training, the same ones at each step.
        recurrent_dropout: rate at which states are dropped in training, the same ones at each step.
        seed: int, for the same dropout in each run.
        activity_regularizer: function of the output that is added to the loss.
        return_sequences: whether to return the outputs of all steps instead of the last one's.
        return_state: whether to return the last states too.
        go_backwards: whether time runs from the end; outputs come in the order of computation.
        stateful: whether the last states of a batch are the first ones of the next; needs a fixed batch size.
        **kwargs: unroll (whether the loop is written out), zero_output_for_mask, name, trainable, dtype.

    Call arguments: `sequences`, tensor of rank 6 as `data_format` says; `initial_state`, list of the two first
    states, of the shape of one step's output; `mask`, bool tensor of shape (batch, time), False at steps to be left
    out; `training`.

    Returns: one step's output (batch, *new space and filters), or those of all steps with `return_sequences`; with
    `return_state` a tuple of it and the last two states.

    Raises:
        ArgumentError: if an option is not allowed.
        ShapeError: if inputs or states do not fit.

    Reference: Shi et al., 2015, https://arxiv.org/abs/1506.04214, without the peephole connections.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.ConvLSTM3D(4, 3, padding="same")
    >>> tuple(layer(kfront.ops.ones((2, 3, 5, 6, 7, 1))).shape)
    (2, 5, 6, 7, 4)
    """

    rank = 3
