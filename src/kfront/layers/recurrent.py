"""Recurrent layers: `RNN` runs any cell over time; SimpleRNN, LSTM and GRU have fast paths of their own.

There are three ways through a sequence: a cell called step by step in a scan; for the built-in cells the products with
the inputs for all steps at once, and a scan over what is left; and for LSTM and GRU with the usual activations one op
for the whole sequence, for which engines have fused kernels. These know lengths only: where a mask leaves out steps in
the middle, or is not known because an engine traces, the steps that count are brought to the front first, and the
outputs back to their places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, Unpack

import numpy as np

from kfront import ops
from kfront.core import tree
from kfront.core.codec import serialize_keras_object, with_objects
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.options import base_arguments, normalisers, option_names, positive
from kfront.core.spec import KerasTensor
from kfront.core.typing import (
    ActivationLike,
    Backend,
    Config,
    ConstraintLike,
    CustomObjects,
    InitializerLike,
    LayerOptions,
    Nested,
    RegularizerLike,
    Seed,
    Shape,
    Tensor,
)
from kfront.core.variable import Variable, read
from kfront.layers.base import InputSpec
from kfront.layers.options import OptionLayer
from kfront.layers.recurrent_cells import (
    BaseCell,
    GRUCell,
    LSTMCell,
    SimpleRNNCell,
    StackedRNNCells,
    check_cell,
    initial_state_of,
    is_plain,
    output_size_of,
    start_dropout,
    states_must_fit,
    step_of,
    stop_dropout,
)
from kfront.ops.control import scan
from kfront.ops.primitives.dtypes import dtype_of
from kfront.ops.primitives.shapes import dim


class _Carried:
    """A state that a stateful layer carries from batch to batch: tracked, but not one of the layer's weights."""

    _kf_tracked_kind = "seed"

    def __init__(self, state: object) -> None:
        self.state = state


def run_steps(
    step: Callable[[Any, Any], tuple[Any, Any]],
    xs: Any,
    states: Any,
    mask: Tensor | None,
    zeros: object,
    collect: bool,
    backwards: bool,
    unroll: bool,
    zero_output: bool,
) -> tuple[Any, Any, Any]:
    """Run a step over time.

    Args:
        step: takes (one step's slice of `xs`, states), returns (output, states).
        xs: tensor of shape (batch, time, ...).
        states: nested states.
        mask: bool tensor (batch, time), or None: where it is False states stay, and the output is the last one.
        zeros: what stands for the output before the first one.
        collect: whether the outputs of all steps are wanted.
        backwards: whether time runs from the end.
        unroll: whether the loop is written out.
        zero_output: whether the output is zero where the mask is False.

    Returns:
        (last output, outputs of all steps in the order of computation or None, last states).
    """
    flat = tuple(tree.flatten(states))

    def one(carry: tuple[Any, ...], item: Any) -> tuple[tuple[Any, ...], Any]:
        x, valid = item if mask is not None else (item, None)
        out, new = step(x, tree.pack_sequence_as(states, carry[1:]))
        new = tuple(tree.flatten(new))
        if valid is None:
            return (out, *new), out if collect else None
        new = tuple(ops.where(_column(valid, n), n, o) for n, o in zip(new, carry[1:], strict=True))
        here = _column(valid, out)
        kept = ops.where(here, out, carry[0])
        shown = ops.where(here, out, ops.zeros_like(out)) if zero_output else kept
        return (kept, *new), shown if collect else None

    items = ops.swapaxes(xs, 0, 1)
    if mask is not None:
        items = (items, ops.transpose(mask))
    start = (zeros, *flat)
    carry, outputs = _unrolled(one, start, items, backwards) if unroll else scan(one, start, items, reverse=backwards)
    if outputs is not None:
        outputs = ops.swapaxes(outputs, 0, 1)
        outputs = ops.flip(outputs, axis=1) if backwards else outputs
    return carry[0], outputs, tree.pack_sequence_as(states, carry[1:])


def _column(mask: Tensor, like: Tensor) -> Tensor:
    """A mask of shape (batch,) with axes of size 1 up to the rank of `like`."""
    return ops.reshape(mask, (-1, *(1,) * (len(like.shape) - 1)))


def _unrolled(one: Callable[..., Any], carry: Any, items: Any, backwards: bool) -> tuple[Any, Any]:
    count = tree.flatten(items)[0].shape[0]
    outs = []
    for t in reversed(range(count)) if backwards else range(count):
        carry, out = one(carry, tree.map_structure(lambda v, t=t: v[t], items))
        outs.append(out)
    if backwards:
        outs.reverse()
    return carry, None if outs[0] is None else ops.stack(outs, axis=0)


class RNN(OptionLayer):
    """Runs a cell over the steps of sequences.

    Args:
        cell: a layer with ``call(inputs, states) -> (output, new states)`` and `state_size` (an int or a list of ints),
            or a list of such layers, to be stacked.
        return_sequences: whether to return the outputs of all steps instead of the last one's.
        return_state: whether to return the last states too.
        go_backwards: whether time runs from the end; outputs come in the order of computation.
        stateful: whether the last states of a batch are the first ones of the next; needs a fixed batch size.
        unroll: whether the loop is written out, which compiles longer and may run faster.
        **kwargs: zero_output_for_mask (whether outputs are zero at steps that the mask leaves out, instead of the
            output before), name, trainable, dtype.

    Call arguments: `sequences`, tensor of shape (batch, time, ...); `initial_state`, list of the first states;
    `mask`, bool tensor of shape (batch, time), False at steps to be left out; `training`.

    Returns: tensor of shape (batch, ...), or (batch, time, ...) with `return_sequences`; with `return_state` a
    tuple of it and the last states.

    Raises:
        ArgumentTypeError: if `cell` cannot be used as one.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.RNN(kfront.layers.LSTMCell(4), return_sequences=True)
    >>> tuple(layer(kfront.ops.ones((2, 5, 3))).shape)
    (2, 5, 4)
    """

    _kf_normalise = normalisers(cell=None)
    return_sequences: bool
    return_state: bool
    go_backwards: bool
    stateful: bool
    unroll: bool
    zero_output_for_mask: bool
    use_cudnn: str | bool = "auto"
    _carried: Any = ()

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        cell = StackedRNNCells(cell) if isinstance(cell, (list, tuple)) else cell
        check_cell(type(self).__name__, cell)
        self.cell = cell
        self._kf_store(locals())
        self.supports_masking = True

    @property
    def state_size(self) -> list[Any]:
        """The cell's state sizes, as a list."""
        size = self.cell.state_size
        return list(size) if isinstance(size, (list, tuple)) else [size]

    @property
    def states(self) -> Any:
        """The carried states of a stateful layer, Variables nested as the cell's states; None before it is built."""
        if not self._carried:
            return None
        return tree.pack_sequence_as(self._state_form, [c.state for c in self._carried])

    def build(self, sequences_shape: Shape, initial_state_shape: Any = None) -> None:
        """Build the cell, and the carried states of a stateful layer."""
        step_shape = (sequences_shape[0], *sequences_shape[2:])
        if hasattr(self.cell, "build") and not getattr(self.cell, "built", True):
            self.cell.build(step_shape)
        if self.input_spec is not None and self.input_spec.ndim == 3:
            self.input_spec = InputSpec(ndim=3, axes={-1: sequences_shape[-1]} if sequences_shape[-1] else None)
        elif len(sequences_shape) == 3 and isinstance(self.cell, BaseCell):
            # an engine may run its steps as one, past the checks of the cell
            self.input_spec = InputSpec(ndim=3, axes={-1: sequences_shape[-1]})
        if self.stateful:
            if sequences_shape[0] is None:
                raise ShapeError(
                    f"[{self.name}] expected a fixed batch size for `stateful=True`, got inputs of shape "
                    f"{tuple(sequences_shape)}; give `batch_shape` or `batch_size` to Input."
                )
            self._make_carried(sequences_shape[0])

    def _make_carried(self, batch_size: int) -> None:
        with self._kf_backend.eager():
            first = self.get_initial_state(batch_size)
            self._state_form = tree.map_structure(lambda s: None, first)
            self._carried = [
                _Carried(Variable(s, trainable=False, dtype=self.variable_dtype, name="rnn_state"))
                for s in tree.flatten(first)
            ]

    def get_build_config(self) -> Config | None:
        """The shapes `build` was called with."""
        config = super().get_build_config()
        if config is not None and "sequences_shape" in config:
            return {"input_shape": config["sequences_shape"]}
        return config

    def get_initial_state(self, batch_size: int | Tensor | None) -> list[Tensor]:
        """The first states for that batch size: zeros, or what the cell says."""
        return initial_state_of(self.cell, batch_size, self.compute_dtype)

    def _first_states(self, sequences: Tensor, initial_state: Any) -> Any:
        if initial_state is None:
            if self._carried:
                self._check_batch(sequences.shape[0])
                return tree.map_structure(lambda v: ops.cast(read(v), self.compute_dtype), self.states)
            return self.get_initial_state(dim(sequences, 0))
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        states_must_fit(self.name, states, self.state_size)
        return states

    def _check_batch(self, size: int | None) -> None:
        kept = self._carried[0].state.shape[0]
        if size is not None and size != kept:
            raise ShapeError(
                f"[{self.name}] expected sequences of batch size {kept}, that of the states which a stateful layer "
                f"carries, got {size}."
            )

    def call(
        self,
        sequences: Tensor,
        initial_state: Nested[Tensor] | None = None,
        mask: Tensor | None = None,
        training: bool = False,
    ) -> Any:
        """The layer's output, see the class."""
        self._check_unroll(sequences)
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        states = self._first_states(sequences, initial_state)
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        for kept, new in zip(self._carried, tree.flatten(states), strict=True) if self._carried else ():
            kept.state.assign(new)
        result = outputs if self.return_sequences else last
        return (result, *states) if self.return_state else result

    def _check_unroll(self, sequences: Tensor) -> None:
        if self.unroll and sequences.shape[1] is None:
            raise ShapeError(
                f"[{self.name}] expected a fixed number of steps for `unroll=True`, got inputs of shape "
                f"{tuple(sequences.shape)}; give it in Input(shape=...)."
            )

    def compute_output_spec(self, sequences: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Specs of the outputs."""
        self._check_unroll(sequences)
        return super().compute_output_spec(sequences, *args, **kwargs)

    def inner_loop(self, sequences: Tensor, initial_state: Any, mask: Tensor | None, training: bool = False) -> Any:
        """Run the cell over time.

        Args:
            sequences: tensor of shape (batch, time, ...).
            initial_state: list of states.
            mask: bool tensor of shape (batch, time), or None.
            training: whether dropout acts.

        Returns:
            (last output, outputs of all steps, list of last states). With a mask, the states of a layer that neither
            returns nor carries them may be those after steps that are left out.
        """
        if is_plain(self.cell, self):
            return self._by_parts(sequences, tuple(initial_state), mask, training)
        batch = dim(sequences, 0)
        if training:
            start_dropout(self.cell, batch, self.compute_dtype)
        try:
            states = list(initial_state)
            return self._kf_steps(self._cell_step(states, training), sequences, states, mask, batch)
        finally:
            if training:
                stop_dropout(self.cell)

    def _by_parts(self, sequences: Tensor, states: tuple[Tensor, ...], mask: Tensor | None, training: bool) -> Any:
        """A built-in cell: the engine's op for whole sequences, or else a scan over what needs the states."""
        cell, keep = self.cell, None
        if training and (cell.dropout or cell.recurrent_dropout):
            sequences, keep = self._dropped(sequences, states[0])
        if keep is None and self.use_cudnn is not False and cell.usual():
            return self._fused(sequences, states, mask)

        def step(z: Tensor, before: Any) -> tuple[Tensor, list[Tensor]]:
            new = cell.advance(z, tuple(before), keep)
            return new[0], list(new)

        return self._kf_steps(step, cell.project(sequences), list(states), mask, dim(sequences, 0))

    def _dropped(self, sequences: Tensor, h: Tensor) -> tuple[Any, Any]:
        """Sequences with dropout, and the mask of the states; the same ones at each step."""
        cell = self.cell
        try:
            mask = cell.get_dropout_mask(ops.get_item(sequences, (slice(None), 0)))
            if mask is not None:
                sequences = ops.multiply(sequences, ops.expand_dims(mask, 1))
            return sequences, cell.get_recurrent_dropout_mask(h)
        finally:
            stop_dropout(cell)

    def _fused(self, x: Tensor, states: tuple[Tensor, ...], mask: Any) -> Any:
        sequence, (padding, steps) = self.cell.sequence, _padding(self._kf_backend, mask)
        if padding == "none":
            outputs, *new = sequence(x, states, None, self.go_backwards)
            return new[0], outputs, new
        mask = ops.cast(mask, "bool")
        lengths = ops.sum(ops.cast(mask, "int32"), axis=1)
        if self.go_backwards:
            x, mask = ops.flip(x, axis=1), ops.flip(mask, axis=1)
        moved = padding == "any" or self.go_backwards
        if moved:  # the steps that count come first, in their order
            x = _steps_at(x, ops.argsort(ops.logical_not(mask), axis=1)[:, :steps])
        some = ops.expand_dims(ops.greater(lengths, 0), 1)
        if self.return_state or self._carried:
            outputs, *new = sequence(x, states, lengths, False)
            last = new[0]
        else:  # engines are faster where no state has to stand still
            outputs, *new = sequence(x, states, None, False)
            last = ops.squeeze(_steps_at(outputs, ops.expand_dims(ops.maximum(lengths - 1, 0), 1)), 1)
        last = ops.where(some, last, ops.zeros_like(last))
        if self.return_sequences and moved:
            outputs = self._spread(outputs, mask)
        elif self.return_sequences:
            shown = ops.zeros_like(last) if self.zero_output_for_mask else last
            outputs = ops.where(ops.expand_dims(mask, 2), outputs, ops.expand_dims(shown, 1))
        return last, outputs, new

    def _spread(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """Outputs of the steps that count, which come first in `outputs`, at their places."""
        count = ops.cumsum(ops.cast(mask, "int32"), axis=1)
        outputs = _steps_at(outputs, ops.maximum(ops.subtract(count, 1), 0))
        shown = mask if self.zero_output_for_mask else ops.greater(count, 0)
        return ops.where(ops.expand_dims(shown, 2), outputs, ops.zeros_like(outputs))

    def _cell_step(self, states: list[object], training: bool) -> Callable[[Any, Any], Any]:
        run = step_of(self.cell, training)

        def step(x: Tensor, before: object) -> tuple[Any, Any]:
            out, new = run(x, before)
            return out, new if isinstance(new, (list, tuple)) else [new]

        return step

    def _kf_steps(self, step: Any, xs: Tensor, states: object, mask: Tensor | None, batch: Any) -> Any:
        size = output_size_of(self.cell)
        sizes = tuple(size) if isinstance(size, (list, tuple)) else (size,)
        zeros = ops.zeros((batch, *sizes), dtype=dtype_of(tree.flatten(states)[0]))
        return run_steps(
            step,
            xs,
            states,
            None if mask is None else ops.cast(mask, "bool"),
            zeros,
            self.return_sequences,
            self.go_backwards,
            self.unroll,
            self.zero_output_for_mask,
        )

    def compute_output_shape(self, sequences_shape: Shape, initial_state_shape: Sequence[Shape] | None = None) -> Any:
        """Shape of the output, or a tuple of it and the shapes of the states."""
        batch, time = sequences_shape[:2]
        size = output_size_of(self.cell)
        sizes = tuple(size) if isinstance(size, (list, tuple)) else (size,)
        out = (batch, time, *sizes) if self.return_sequences else (batch, *sizes)
        if not self.return_state:
            return out
        states = tree.map_structure(
            lambda n: (batch, *(n if isinstance(n, tuple) else (n,))), [_leaf_sizes(s) for s in self.state_size]
        )
        return (out, *states)

    def compute_mask(self, _: Tensor, mask: Tensor | None) -> Any:
        """The mask with `return_sequences`, None else (and None for states)."""
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        out = mask if self.return_sequences else None
        return [out] + [None] * len(self.state_size) if self.return_state else out

    def reset_state(self) -> None:
        """Set the carried states of a stateful layer back to their first values."""
        carried = self.states
        if carried is None:
            return
        first = self.get_initial_state(tree.flatten(carried)[0].shape[0])
        for variable, value in zip(tree.flatten(carried), tree.flatten(first), strict=True):
            variable.assign(value)

    reset_states = reset_state

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "cell": serialize_keras_object(self.cell)}

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """A layer from its config."""
        return cls(**with_objects(config, ("cell",), custom_objects))


def _leaf_sizes(size: Any) -> Any:
    return [_leaf_sizes(s) for s in size] if isinstance(size, (list, tuple)) else size


# ---- the built-in layers ---------------------------------------------------------------------------------------------


class OfCell(RNN):
    """A layer over one of the built-in cells: the options of the cell are options of the layer, and so are its weights.

    Args:
        given: local variables of the `__init__` of a subclass: each is an option of the cell or an argument of `RNN`.
    """

    _cell_class: type[BaseCell] = BaseCell
    _cell_name = ""
    _size = "units"  # the option that is the cell's size
    _kf_writes_activity_regularizer = True
    cell: Any

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        for name in option_names(cls._cell_class):
            if not hasattr(cls, name):
                setattr(cls, name, property(lambda self, name=name: getattr(self.cell, name)))

    def __init__(self, given: Mapping[str, Any]) -> None:
        positive(self, self._size, given[self._size])
        kwargs = base_arguments(given)
        kwargs.pop("implementation", None)
        options = {name: given[name] for name in option_names(self._cell_class)}
        options.update(self._more_for_cell(), dtype=kwargs.get("dtype"), trainable=kwargs.get("trainable", True))
        super().__init__(self._cell_class(**options, name=self._cell_name), **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def _more_for_cell(self) -> Config:
        """Arguments of the cell that the layer has no option for."""
        return {}

    def get_config(self) -> Config:
        """Constructor arguments: those of `RNN` but the cell, and of the cell."""
        return {**super(RNN, self).get_config(), **self.cell._kf_stored_options()}


def _padding(backend: Backend, mask: Tensor | None) -> tuple[str, int | None]:
    """Where a mask leaves steps out: "none", at the "end", or "any" place, as is assumed while an engine traces.

    And how many steps the longest sequence has at most, in eighths of the time: engines compile for each number.
    """
    if mask is None:
        return "none", None
    if isinstance(mask, KerasTensor) or not backend.has_value(mask):
        return "any", None
    valid = np.asarray(backend.to_numpy(mask)).astype(bool)
    if valid.all():
        return "none", None
    part = max(1, valid.shape[1] // 8)
    steps = max(1, -(-int(valid.sum(1).max(initial=0)) // part)) * part
    return ("end" if (valid[:, :-1] >= valid[:, 1:]).all() else "any"), steps


def _steps_at(x: Tensor, at: Any) -> Tensor:
    """The steps of sequences (batch, time, features) at positions (batch, n): rows, which engines move fast."""
    first = ops.arange(dim(x, 0), dtype="int32") * dim(x, 1)
    rows = ops.reshape(x, (-1, x.shape[-1]))
    return ops.take(rows, ops.add(ops.cast(at, "int32"), ops.expand_dims(first, 1)), axis=0)


class SimpleRNN(OfCell):
    """Recurrent layer whose output is fed back: ``h = activation(x @ kernel + h @ recurrent_kernel + bias)``.

    Args:
        units: size of outputs and states.
        activation: name or function; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
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
        unroll: whether the loop is written out, which compiles longer and may run faster.
        **kwargs: zero_output_for_mask (whether outputs are zero at steps that the mask leaves out, instead of the
            output before), name, trainable, dtype.

    Call arguments: `sequences`, tensor of shape (batch, time, features); `initial_state`, list of the first states;
    `mask`, bool tensor of shape (batch, time), False at steps to be left out; `training`.

    Returns: tensor of shape (batch, units), or (batch, time, units) with `return_sequences`; with `return_state` a
    tuple of it and the last states.

    Raises:
        ArgumentError: if `units` is not a positive int, or another option is not allowed.
        ShapeError: if inputs or states do not fit.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.SimpleRNN(4)
    >>> tuple(layer(kfront.ops.ones((2, 5, 3))).shape)
    (2, 4)
    """

    _cell_class = SimpleRNNCell
    _cell_name = "simple_rnn_cell"

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
        activity_regularizer: RegularizerLike = None,
        kernel_constraint: ConstraintLike = None,
        recurrent_constraint: ConstraintLike = None,
        bias_constraint: ConstraintLike = None,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        seed: Seed = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(locals())

    def get_config(self) -> Config:
        """Constructor arguments; Keras leaves the seed out, so it is there only when one was given."""
        config = super().get_config()
        return config if config["seed"] is not None else {n: v for n, v in config.items() if n != "seed"}


class LSTM(OfCell):
    """Long short-term memory: a recurrent layer whose gates decide what its cell state keeps.

    Args:
        units: size of outputs and states.
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
        unroll: whether the loop is written out, which compiles longer and may run faster.
        use_cudnn: False keeps the layer off the engine's fused kernels.
        **kwargs: zero_output_for_mask (whether outputs are zero at steps that the mask leaves out, instead of the
            output before), name, trainable, dtype.

    Call arguments: `sequences`, tensor of shape (batch, time, features); `initial_state`, list of the first states;
    `mask`, bool tensor of shape (batch, time), False at steps to be left out; `training`.

    Returns: tensor of shape (batch, units), or (batch, time, units) with `return_sequences`; with `return_state` a
    tuple of it and the last states.

    Raises:
        ArgumentError: if `units` is not a positive int, or another option is not allowed.
        ShapeError: if inputs or states do not fit.

    Reference: Hochreiter and Schmidhuber, 1997, Long short-term memory.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.LSTM(4)
    >>> tuple(layer(kfront.ops.ones((2, 5, 3))).shape)
    (2, 4)
    """

    _cell_class = LSTMCell
    _cell_name = "lstm_cell"

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
        unroll: bool = False,
        use_cudnn: str | bool = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(locals())
        self.use_cudnn = check_cudnn("LSTM", use_cudnn)


class GRU(OfCell):
    """Gated recurrent unit: a recurrent layer whose gates decide what its state keeps.

    Args:
        units: size of outputs and states.
        activation: name or function of the candidate; none if None.
        recurrent_activation: name or function of the gates; none if None.
        use_bias: whether there is a bias.
        kernel_initializer, recurrent_initializer, bias_initializer: first values of the weights.
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
        unroll: whether the loop is written out, which compiles longer and may run faster.
        reset_after: whether the reset gate is applied after the recurrent product (as fused kernels do).
        use_cudnn: False keeps the layer off the engine's fused kernels.
        **kwargs: zero_output_for_mask (whether outputs are zero at steps that the mask leaves out, instead of the
            output before), name, trainable, dtype.

    Call arguments: `sequences`, tensor of shape (batch, time, features); `initial_state`, list of the first states;
    `mask`, bool tensor of shape (batch, time), False at steps to be left out; `training`.

    Returns: tensor of shape (batch, units), or (batch, time, units) with `return_sequences`; with `return_state` a
    tuple of it and the last states.

    Raises:
        ArgumentError: if `units` is not a positive int, or another option is not allowed.
        ShapeError: if inputs or states do not fit.

    Reference: Cho et al., 2014, https://arxiv.org/abs/1406.1078.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GRU(4)
    >>> tuple(layer(kfront.ops.ones((2, 5, 3))).shape)
    (2, 4)
    """

    _cell_class = GRUCell
    _cell_name = "gru_cell"

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
        unroll: bool = False,
        reset_after: bool = True,
        use_cudnn: str | bool = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(locals())
        self.use_cudnn = check_cudnn("GRU", use_cudnn)


def check_cudnn(who: str, value: Any) -> Any:
    """`use_cudnn`, if it is allowed.

    Raises:
        ArgumentError: if it is not "auto", True or False.
    """
    if value not in ("auto", True, False):
        raise ArgumentError(f"[{who}] expected `use_cudnn` to be 'auto', True or False, got {value!r}.")
    return value
