"""Recurrent cells: one time step of SimpleRNN, LSTM and GRU, and cells on top of each other."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kfront import activations, ops
from kfront.backends import current
from kfront.core import tree
from kfront.core.codec import serialize_keras_object, with_objects
from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import ArgumentTypeError, ShapeError
from kfront.core.options import normalisers
from kfront.core.rng import SeedGenerator
from kfront.core.typing import (
    Activation,
    ActivationLike,
    AnyCallable,
    Config,
    ConstraintLike,
    CustomObjects,
    InitializerLike,
    LayerOptions,
    RegularizerLike,
    Shape,
    Tensor,
)
from kfront.core.variable import Variable, read
from kfront.layers.base import Layer
from kfront.layers.options import OptionLayer, known_axis
from kfront.ops.matrix import linear
from kfront.ops.random import dropout
from kfront.ops.recurrent import gru_sequence, lstm_sequence

_tanh, _sigmoid = activations.tanh, activations.sigmoid


class DropoutRNNCell:
    """Mixed into a cell: inputs and states can be dropped, with one mask for all steps of a sequence."""

    dropout: float
    recurrent_dropout: float
    seed_generator: SeedGenerator | None = None
    _kf_dropout_masks: tuple[Any, Any] = (None, None)

    def get_dropout_mask(self, step_input: Tensor) -> Any:
        """The mask of the inputs, made on first use; None without dropout."""
        return self._kf_dropout_mask(0, self.dropout, step_input)

    def get_recurrent_dropout_mask(self, step_input: Tensor) -> Any:
        """The mask of the states, made on first use; None without recurrent dropout."""
        return self._kf_dropout_mask(1, self.recurrent_dropout, step_input)

    def _kf_dropout_mask(self, which: int, rate: float, like: Tensor) -> Any:
        if not rate:
            return None
        masks = list(self._kf_dropout_masks)
        if masks[which] is None:
            masks[which] = dropout(ops.ones_like(like), rate, None, self.seed_generator)
            self.__dict__["_kf_dropout_masks"] = tuple(masks)
        return masks[which]

    def reset_dropout_mask(self) -> None:
        """Forget the mask of the inputs: the next sequence gets a new one."""
        self.__dict__["_kf_dropout_masks"] = (None, self._kf_dropout_masks[1])

    def reset_recurrent_dropout_mask(self) -> None:
        """Forget the mask of the states."""
        self.__dict__["_kf_dropout_masks"] = (self._kf_dropout_masks[0], None)


def _clipped_rate(cell: BaseCell, name: str, rate: object) -> float:
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.number)):
        who = type(cell).__name__
        raise ArgumentTypeError(f"[{who}] expected `{name}` to be a number between 0 and 1, got {rate!r}.")
    return min(1.0, max(0.0, float(rate)))


class BaseCell(DropoutRNNCell, OptionLayer):
    """What the three cells share: weights, dropout, and a step in two parts.

    `project` needs the inputs only and can be done for all steps at once; `advance` needs the states.
    """

    _kf_normalise = normalisers(dropout=_clipped_rate, recurrent_dropout=_clipped_rate)
    seed: int | None
    units: int
    use_bias: bool
    activation: Activation
    recurrent_activation: Activation
    kernel: Any = None
    recurrent_kernel: Any = None
    bias: Variable | None = None
    state_size: Any
    output_size: int
    _gates = 1

    def _start(self) -> None:
        self.seed_generator = SeedGenerator(self.seed)
        self.__dict__["state_size"] = self.output_size = self.units

    def build(self, input_shape: Shape) -> None:
        """Create kernel, recurrent kernel and bias."""
        inputs, columns = known_axis(self.name, input_shape), self._gates * self.units
        self.kernel = self._kf_weight("kernel", (inputs, columns))
        self.recurrent_kernel = self._kf_weight("recurrent_kernel", (self.units, columns), "recurrent")
        if self.use_bias:
            self.bias = self._kf_weight("bias", self._bias_shape(columns))

    def _bias_shape(self, columns: int) -> tuple[int, ...]:
        return (columns,)

    def project(self, x: Tensor) -> Tensor:
        """The part of the gates that comes from inputs of shape (..., features)."""
        return linear(x, read(self.kernel), read(self.bias))

    def advance(self, z: Tensor, states: tuple[Tensor, ...], mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """New states, the output first.

        Args:
            z: what `project` gives for one step.
            states: the states before.
            mask: dropout mask of the first state where it enters the gates, or None.
        """
        raise NotImplementedError

    def call(self, inputs: Tensor, states: Any, training: bool = False) -> Any:
        """One step.

        Args:
            inputs: tensor of shape (batch, features).
            states: list of tensors of shape (batch, units).
            training: whether dropout acts.

        Returns:
            (output, new states).
        """
        nested = isinstance(states, (list, tuple))
        before = tuple(states) if nested else (states,)
        mask = None
        if training:
            inputs, mask = self.dropped(inputs), self.get_recurrent_dropout_mask(before[0])
        new = self.advance(self.project(inputs), before, mask)
        return new[0], list(new) if nested else new[0]

    def usual(self) -> bool:
        """Whether `sequence` computes this cell: engines have fused kernels for the usual activations only."""
        return False

    def sequence(
        self, x: Tensor, states: tuple[Tensor, ...], lengths: Tensor | None, go_backwards: bool
    ) -> tuple[Tensor, ...]:
        """Outputs of all steps, in the order of computation, and the last states.

        Args:
            x: tensor of shape (batch, time, features).
            states: the first states.
            lengths: int tensor (batch,), steps from there on are left out; None for none.
            go_backwards: whether time runs from the end.
        """
        raise NotImplementedError

    def dropped(self, inputs: Tensor) -> Tensor:
        """Inputs with dropout, (batch, features)."""
        mask = self.get_dropout_mask(inputs)
        return inputs if mask is None else ops.multiply(inputs, mask)

    def get_initial_state(self, batch_size: int | Tensor | None = None) -> list[Tensor]:
        """Zeros for all states."""
        zeros = ops.zeros((batch_size, self.units), dtype=self.compute_dtype)
        return [zeros] * (len(self.state_size) if isinstance(self.state_size, list) else 1)

    def compute_output_shape(self, input_shape: Shape, states_shape: Sequence[Shape] | None = None) -> Any:
        """(output shape, state shapes)."""
        one = (input_shape[0], self.units)
        return one, [one] * (len(self.state_size) if isinstance(self.state_size, list) else 1)


class SimpleRNNCell(BaseCell):
    """One step of a SimpleRNN: ``h = activation(x @ kernel + h @ recurrent_kernel + bias)``.

    Args:
        units: size of state and output.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions of the weights that are added to the
            loss.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to the weights after each update.
        dropout: rate at which inputs are dropped in training, the same ones at each step.
        recurrent_dropout: rate at which states are dropped in training, the same ones at each step.
        seed: int, for the same dropout in each run.
        **kwargs: name, trainable, dtype.

    Call arguments: `sequence`, tensor of shape (batch, features); `states`, list of tensors of shape (batch, units):
    the last output; `training`. Returns (output, new states).

    Raises:
        ArgumentError: if `units` is not a positive int, or a dropout is no number.

    Example:

    >>> import kfront
    >>> cell = kfront.layers.SimpleRNNCell(4)
    >>> output, states = cell(kfront.ops.ones((2, 3)), cell.get_initial_state(2))
    >>> tuple(output.shape)
    (2, 4)
    """

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._start()

    def call(self, sequence: Tensor, states: Any, training: bool = False) -> Any:
        """One step, see the class."""
        return super().call(sequence, states, training)

    def advance(self, z: Tensor, states: tuple[Tensor, ...], mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """New states, the output first."""
        h = states[0] if mask is None else ops.multiply(states[0], mask)
        out = ops.add(z, ops.matmul(h, read(self.recurrent_kernel)))
        return (out if self.activation is None else self.activation(out),)


class ForgetBias:
    """Ones for the forget gate, the given initializer for the others."""

    def __init__(self, initializer: AnyCallable, units: int) -> None:
        self.initializer, self.units = initializer, units

    def __call__(self, shape: Shape, dtype: str = "float32") -> np.ndarray:
        make = self.initializer.host if getattr(self.initializer, "made_on_host", False) else self.initializer
        parts = [make((n * self.units,), dtype=dtype) for n in (1, 2)]
        first, rest = (x if isinstance(x, np.ndarray) else current().to_numpy(current().convert(x)) for x in parts)
        return np.concatenate([first, np.ones(self.units), rest]).astype(numpy_dtype(dtype))


class LSTMCell(BaseCell):
    """One step of an LSTM.

    Args:
        units: size of state and output.
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
        **kwargs: name, trainable, dtype.

    Call arguments: `sequence`, tensor of shape (batch, features); `states`, list of tensors of shape (batch, units):
    the last output and the cell state; `training`. Returns (output, new states).

    Raises:
        ArgumentError: if `units` is not a positive int, or a dropout is no number.

    Reference: Hochreiter and Schmidhuber, 1997, Long short-term memory.

    Example:

    >>> import kfront
    >>> cell = kfront.layers.LSTMCell(4)
    >>> output, states = cell(kfront.ops.ones((2, 3)), cell.get_initial_state(2))
    >>> tuple(output.shape)
    (2, 4)
    """

    _gates = 4
    unit_forget_bias: bool

    def __init__(
        self,
        units: int,
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
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        kwargs.pop("implementation", None)
        super().__init__(**self._kf_store(locals()))
        self._start()
        self.__dict__["state_size"] = [self.units, self.units]

    def _kf_initializer(self, options: str) -> AnyCallable:
        found = super()._kf_initializer(options)
        return ForgetBias(found, self.units) if options == "bias" and self.unit_forget_bias else found

    def advance(self, z: Tensor, states: tuple[Tensor, ...], mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """New states, the output first."""
        h, c = states
        h = h if mask is None else ops.multiply(h, mask)
        gate, act = self.recurrent_activation, self.activation
        i, f, g, o = ops.split(ops.add(z, ops.matmul(h, read(self.recurrent_kernel))), 4, axis=-1)
        c = ops.add(ops.multiply(gate(f), c), ops.multiply(gate(i), act(g)))
        return ops.multiply(gate(o), act(c)), c

    def usual(self) -> bool:
        """Whether `sequence` computes this cell."""
        return self.activation is _tanh and self.recurrent_activation is _sigmoid

    def sequence(
        self, x: Tensor, states: tuple[Tensor, ...], lengths: Tensor | None, go_backwards: bool
    ) -> tuple[Tensor, ...]:
        """Outputs of all steps and the last states."""
        kernel, recurrent = read(self.kernel), read(self.recurrent_kernel)
        bias = read(self.bias)
        return lstm_sequence(x, states[0], states[1], kernel, recurrent, bias, lengths, go_backwards)


class GRUCell(BaseCell):
    """One step of a GRU.

    Args:
        units: size of state and output.
        activation: name or function of the candidate; none if None.
        recurrent_activation: name or function of the gates; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
        reset_after: whether the reset gate is applied after the recurrent product (as fused kernels do).
        kernel_regularizer, recurrent_regularizer, bias_regularizer: functions of the weights that are added to the
            loss.
        kernel_constraint, recurrent_constraint, bias_constraint: functions applied to the weights after each update.
        dropout: rate at which inputs are dropped in training, the same ones at each step.
        recurrent_dropout: rate at which states are dropped in training, the same ones at each step.
        seed: int, for the same dropout in each run.
        **kwargs: name, trainable, dtype.

    Call arguments: `sequence`, tensor of shape (batch, features); `states`, list of tensors of shape (batch, units):
    the last output; `training`. Returns (output, new states).

    Raises:
        ArgumentError: if `units` is not a positive int, or a dropout is no number.

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078.

    Example:

    >>> import kfront
    >>> cell = kfront.layers.GRUCell(4)
    >>> output, states = cell(kfront.ops.ones((2, 3)), cell.get_initial_state(2))
    >>> tuple(output.shape)
    (2, 4)
    """

    _gates = 3
    reset_after: bool

    def __init__(
        self,
        units: int,
        activation: ActivationLike = "tanh",
        recurrent_activation: ActivationLike = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: InitializerLike = "glorot_uniform",
        recurrent_initializer: InitializerLike = "orthogonal",
        bias_initializer: InitializerLike = "zeros",
        kernel_regularizer: RegularizerLike = None,
        recurrent_regularizer: RegularizerLike = None,
        bias_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        reset_after: bool = True,
        seed: int | None = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        kwargs.pop("implementation", None)
        super().__init__(**self._kf_store(locals()))
        self._start()

    def _bias_shape(self, columns: int) -> tuple[int, ...]:
        return (2, columns) if self.reset_after else (columns,)

    def project(self, x: Tensor) -> Tensor:
        """The part of the gates that comes from inputs of shape (..., features)."""
        bias = read(self.bias)
        if bias is not None and self.reset_after:
            bias = bias[0]
        return linear(x, read(self.kernel), bias)

    def advance(self, z: Tensor, states: tuple[Tensor, ...], mask: Tensor | None = None) -> tuple[Tensor, ...]:
        """New states, the output first."""
        (h,) = states
        seen = h if mask is None else ops.multiply(h, mask)
        gate, act, recurrent = self.recurrent_activation, self.activation, read(self.recurrent_kernel)
        xz, xr, xh = ops.split(z, 3, axis=-1)
        if self.reset_after:
            bias = read(self.bias)
            parts = linear(seen, recurrent, None if bias is None else bias[1])
            hz, hr, hh = ops.split(parts, 3, axis=-1)
            update, reset = gate(ops.add(xz, hz)), gate(ops.add(xr, hr))
            new = act(ops.add(xh, ops.multiply(reset, hh)))
        else:
            cut = 2 * self.units
            hz, hr = ops.split(ops.matmul(seen, recurrent[:, :cut]), 2, axis=-1)
            update, reset = gate(ops.add(xz, hz)), gate(ops.add(xr, hr))
            new = act(ops.add(xh, ops.matmul(ops.multiply(reset, seen), recurrent[:, cut:])))
        return (ops.add(ops.multiply(update, h), ops.multiply(ops.subtract(1.0, update), new)),)

    def usual(self) -> bool:
        """Whether `sequence` computes this cell."""
        return self.activation is _tanh and self.recurrent_activation is _sigmoid

    def sequence(
        self, x: Tensor, states: tuple[Tensor, ...], lengths: Tensor | None, go_backwards: bool
    ) -> tuple[Tensor, ...]:
        """Outputs of all steps and the last states."""
        kernel, recurrent = read(self.kernel), read(self.recurrent_kernel)
        bias = read(self.bias)
        return gru_sequence(x, states[0], kernel, recurrent, bias, lengths, self.reset_after, go_backwards)


def is_plain(cell: object, layer: Layer) -> bool:
    """Whether a cell is a built-in one that computes in the dtypes of `layer`: then its parts may be run one by one."""
    for cls in (LSTMCell, GRUCell, SimpleRNNCell):
        if isinstance(cell, cls):
            own = type(cell)
            same = all(getattr(own, n) is getattr(cls, n) for n in ("call", "project", "advance"))
            return same and cell.compute_dtype == layer.compute_dtype and cell._kf_scope_dtype == layer._kf_scope_dtype
    return False


def check_cell(who: str, cell: object) -> None:
    """Raise unless `cell` can be used as a recurrent cell.

    Raises:
        ArgumentTypeError: if it has no `call` or no `state_size`.
    """
    for needed in ("call", "state_size"):
        if not hasattr(cell, needed):
            raise ArgumentTypeError(
                f"[{who}] expected a cell with `{needed}`, such as LSTMCell, got {cell!r}; a cell is a layer with "
                "`call(inputs, states)` and `state_size`, an int or a list of ints."
            )


class StackedRNNCells(OptionLayer):
    """Cells on top of each other, as one cell.

    Args:
        cells: list of cells; each one's output is the input of the next.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`, tensor of shape (batch, features); `states`, list with those of each cell;
    `training`. Returns (output of the last cell, new states).

    Raises:
        ArgumentTypeError: if one is no cell.

    Example:

    >>> import kfront
    >>> cells = [kfront.layers.LSTMCell(4), kfront.layers.GRUCell(3)]
    >>> layer = kfront.layers.RNN(kfront.layers.StackedRNNCells(cells))
    >>> tuple(layer(kfront.ops.ones((2, 5, 1))).shape)
    (2, 3)
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        if not isinstance(cells, (list, tuple)):
            raise ArgumentTypeError(f"[StackedRNNCells] expected a list of cells, got {cells!r}.")
        for cell in cells:
            check_cell("StackedRNNCells", cell)
        self.cells = list(cells)

    @property
    def state_size(self) -> list[Any]:
        """The state size(s) of each cell."""
        return [c.state_size for c in self.cells]

    @property
    def output_size(self) -> Any:
        """The output size of the last cell."""
        return output_size_of(self.cells[-1])

    def get_initial_state(self, batch_size: int | Tensor | None = None) -> list[Any]:
        """First states of each cell in the form that it gives them: a list, or one tensor."""
        return [initial_state_of(c, batch_size, self.compute_dtype, alone=True) for c in self.cells]

    def build(self, input_shape: Shape) -> None:
        """Build each cell for the output of the one before."""
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            size = output_size_of(cell)
            input_shape = (input_shape[0], *(size if isinstance(size, (list, tuple)) else (size,)))

    def call(self, inputs: Tensor, states: Any, training: bool = False, **kwargs: Any) -> Any:
        """One step of all cells.

        Args:
            inputs: tensor of shape (batch, features).
            states: list with the states of each cell.
            training: whether dropout acts.
            **kwargs: passed to each cell.
        """
        new = []
        for cell, state in zip(self.cells, states, strict=True):
            inputs, after = step_of(cell, training, **kwargs)(inputs, _listed(state))
            new.append(_listed(after) if isinstance(state, (list, tuple)) else _listed(after)[0])
        return inputs, new

    def compute_output_shape(self, input_shape: Shape, states_shape: Any = None) -> Any:
        """(output shape, state shapes)."""
        batch, size = input_shape[0], self.output_size
        states = [tree.map_structure(lambda n: (batch, n), c.state_size) for c in self.cells]
        return (batch, *(size if isinstance(size, (list, tuple)) else (size,))), states

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "cells": [serialize_keras_object(c) for c in self.cells]}

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> StackedRNNCells:
        """A layer from its config."""
        return cls(**with_objects(config, ("cells",), custom_objects))


def output_size_of(cell: Any) -> Any:
    """Size of a cell's output: its `output_size`, else its first state's size."""
    found = getattr(cell, "output_size", None)
    return tree.flatten(cell.state_size)[0] if found is None else found


def initial_state_of(cell: Any, batch_size: int | Tensor | None, dtype: str, alone: bool = False) -> Any:
    """A cell's first states, nested as it wants them; zeros if it does not say, with `alone` without a list for one."""
    if hasattr(cell, "get_initial_state"):
        return cell.get_initial_state(batch_size=batch_size)
    zeros = tree.map_structure(lambda n: ops.zeros((batch_size, n), dtype=dtype), cell.state_size)
    return zeros if alone or isinstance(zeros, (list, tuple)) else [zeros]


def _listed(states: object) -> list[Any]:
    """The states of one cell as a list."""
    return list(states) if isinstance(states, (list, tuple)) else [states]


def sub_cells(cell: object) -> list[Any]:
    """The cell, or the cells that it stacks."""
    return [c for sub in cell.cells for c in sub_cells(sub)] if isinstance(cell, StackedRNNCells) else [cell]


def start_dropout(cell: object, batch_size: int | Tensor | None, dtype: str) -> None:
    """Make the dropout masks that all steps of a sequence share, outside of the loop."""
    for one in sub_cells(cell):
        if isinstance(one, BaseCell):
            for rate, make, n in (
                (one.dropout, one.get_dropout_mask, one.kernel.shape[0]),
                (one.recurrent_dropout, one.get_recurrent_dropout_mask, one.units),
            ):
                if rate:
                    make(ops.ones((batch_size, n), dtype=dtype))


def stop_dropout(cell: object) -> None:
    """Forget the dropout masks of a sequence."""
    for one in sub_cells(cell):
        if isinstance(one, DropoutRNNCell):
            one.reset_dropout_mask()
            one.reset_recurrent_dropout_mask()


def step_of(cell: Any, training: bool, **kwargs: object) -> Any:
    """The cell as a function (inputs, states) -> (output, states)."""
    names = inspect.signature(cell.call).parameters
    if "training" in names:
        kwargs["training"] = training
    return lambda inputs, states: cell(inputs, states, **kwargs)


def states_must_fit(who: str, states: list[Any], sizes: Sequence[object]) -> None:
    """Raise unless there is one state of the right size for each.

    Raises:
        ShapeError: otherwise.
    """
    found = [tuple(s.shape) for s in tree.flatten(states)]
    wanted = tree.flatten(sizes)
    if len(found) != len(wanted) or any(isinstance(n, int) and s[-1] != n for s, n in zip(found, wanted, strict=True)):
        raise ShapeError(
            f"[{who}] expected {len(wanted)} initial state(s) with last axes {wanted}, got shapes {found}; pass "
            "`initial_state` as a list of tensors of shape (batch, size)."
        )
