"""Functions of `K` with loops and branches, and those for sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from kfront import ops
from kfront.backends import current
from kfront.config import epsilon
from kfront.core import tree
from kfront.core.errors import ShapeError
from kfront.core.typing import AnyCallable, DTypeLike, Tensor, TensorLike
from kfront.layers.recurrent import run_steps

Branch: TypeAlias = "Tensor | Callable[[], Tensor]"
"""A value, or a function that returns one."""

Values: TypeAlias = Any
"""Nested tensors."""


def switch(condition: TensorLike, then_expression: Branch, else_expression: Branch) -> Tensor:
    """One of two tensors, or of what two functions return: by one condition for all, or by one for each element.

    Raises:
        ShapeError: if the condition has more axes than the tensors.
    """
    condition = ops.cast(condition, "bool")
    if ops.ndim(condition) == 0:
        branches = (_function(then_expression), _function(else_expression))
        return ops.cond(condition, *branches)
    then, other = _function(then_expression)(), _function(else_expression)()
    missing = ops.ndim(then) - ops.ndim(condition)
    if missing < 0:
        raise ShapeError(f"[switch] expected a condition of rank {ops.ndim(then)} at most, got {ops.ndim(condition)}.")
    return ops.where(ops.reshape(condition, (*ops.shape(condition), *(1,) * missing)), then, other)


def _function(value: Branch) -> Callable[[], Tensor]:
    return value if callable(value) else lambda: ops.convert_to_tensor(value)


def map_fn(fn: AnyCallable, elems: Values, name: str | None = None, dtype: DTypeLike = None) -> Values:
    """The results of a function for each row."""
    found = ops.map(fn, elems)
    return found if dtype is None else tree.map_structure(lambda x: ops.cast(x, dtype), found)


def foldl(fn: AnyCallable, elems: Values, initializer: Values | None = None, name: str | None = None) -> Values:
    """What ``fn(so far, row)`` returns at the last row; the first one begins if nothing else does."""
    return _folded(fn, elems, initializer, 0, slice(1, None))


def foldr(fn: AnyCallable, elems: Values, initializer: Values | None = None, name: str | None = None) -> Values:
    """The same from the last row to the first."""
    return _folded(fn, elems, initializer, -1, slice(None, -1))


def _folded(fn: AnyCallable, elems: Values, start: Values | None, end: int, rest: slice) -> Values:
    elems = tree.map_structure(ops.convert_to_tensor, elems)
    if start is None:
        start, elems = (tree.map_structure(lambda x, at=at: x[at], elems) for at in (end, rest))
    start = tree.map_structure(ops.convert_to_tensor, start)
    return ops.scan(lambda carry, x: (fn(carry, x), None), start, elems, reverse=end == -1)[0]


def rnn(
    step_function: AnyCallable,
    inputs: Values,
    initial_states: Sequence[Tensor],
    go_backwards: bool = False,
    mask: TensorLike | None = None,
    constants: Sequence[Tensor] | None = None,
    unroll: bool = False,
    input_length: int | None = None,
    time_major: bool = False,
    zero_output_for_mask: bool = False,
    return_all_outputs: bool = True,
) -> tuple[Tensor, Tensor, list[Tensor]]:
    """Run a step function over time: (last output, outputs of all steps, last states).

    Where `mask` is False, states stay as they are, and the output is the one before, or zero. `input_length` tells
    engines how many steps there are; here the sequences do.
    """
    if time_major:
        inputs = tree.map_structure(lambda x: ops.swapaxes(x, 0, 1), inputs)
        mask = None if mask is None else ops.transpose(mask)

    def step(x: Values, states: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        output, new = step_function(x, [*states, *(constants or ())])
        return output, list(new)

    if mask is not None:
        mask = ops.reshape(ops.cast(mask, "bool"), ops.shape(mask)[:2])
    states = list(initial_states)
    first = tree.map_structure(lambda x: x[:, 0], inputs)
    zeros = tree.map_structure(ops.zeros_like, step(first, states)[0])
    collect = return_all_outputs or zero_output_for_mask
    last, outputs, states = run_steps(
        step, inputs, states, mask, zeros, collect, go_backwards, unroll, zero_output_for_mask
    )
    last = outputs[:, -1] if zero_output_for_mask else last
    outputs = outputs if return_all_outputs else ops.expand_dims(last, 1)
    return last, ops.swapaxes(outputs, 0, 1) if time_major else outputs, states


# ---- connectionist temporal classification ---------------------------------------------------------------------------


def ctc_batch_cost(
    y_true: TensorLike, y_pred: TensorLike, input_length: TensorLike, label_length: TensorLike
) -> Tensor:
    """The loss of each sequence, (batch, 1): of probabilities per step whose last class is the blank."""
    wanted, given = (ops.cast(ops.reshape(n, (-1,)), "int32") for n in (label_length, input_length))
    labels = ops.cast(y_true, "int32")
    return ops.expand_dims(ops.ctc_loss(labels, _logits(y_pred), wanted, given, ops.shape(y_pred)[-1] - 1), 1)


def ctc_decode(
    y_pred: TensorLike, input_length: TensorLike, greedy: bool = True, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[Tensor], Tensor]:
    """Class sequences, filled up with -1: a list of `top_paths` tensors (batch, steps), and their scores."""
    strategy = "greedy" if greedy else "beam_search"
    decoded, scores = ops.ctc_decode(
        _logits(y_pred), input_length, strategy, beam_width, 1 if greedy else top_paths, mask_index=None
    )
    return [ops.cast(decoded[i], "int64") for i in range(1 if greedy else top_paths)], scores


def _logits(probabilities: TensorLike) -> Tensor:
    return ops.log(ops.add(probabilities, epsilon()))


def ctc_label_dense_to_sparse(labels: TensorLike, label_lengths: TensorLike) -> Tensor:
    """The labels that count as a sparse tensor of the engine."""
    steps = ops.arange(ops.shape(labels)[1])
    rows, columns = ops.where(ops.less(steps, ops.expand_dims(label_lengths, 1)))
    places = ops.add(ops.multiply(rows, ops.shape(labels)[1]), columns)
    values = ops.take(ops.reshape(labels, (-1,)), places)
    return current().make_sparse(ops.stack([rows, columns], axis=1), values, ops.shape(labels), True)
