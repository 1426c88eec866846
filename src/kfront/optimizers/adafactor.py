"""Adafactor: the mean square of a matrix of gradients kept as one number per row and one per column."""

from __future__ import annotations

import math
from typing import Any, Unpack

from kfront import ops
from kfront.core.options import above_zero, normalisers
from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.scalars import minimum
from kfront.optimizers.schedules import LearningRate


class Adafactor(Optimizer):
    """Adam's scaling with memory for rows and columns instead of elements, and steps relative to the weights' size.

    With the mean squares ``R`` of the rows and ``C`` of the columns, ``V = R C^T / mean(R)`` (for vectors the running
    mean of ``g ** 2`` itself) and ``U = g / sqrt(V)``, step t is
    ``w -= max(epsilon_2, RMS(w)) * rate_t * U / max(1, RMS(U) / clip_threshold)``. The old means have the weight
    ``1 - t ** beta_2_decay``. Axes before the last two are batches of matrices.

    Args:
        learning_rate: a float, a schedule or a callable.
        beta_2_decay: exponent of the running means' decay, below zero.
        epsilon_1: added to the squares.
        epsilon_2: the least size of a variable that steps are relative to.
        clip_threshold: root mean square that an update may have before it is scaled down.
        relative_step: the rate of step t is at most ``1 / sqrt(t)``; if False it is `learning_rate`.
        weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency,
            loss_scale_factor, gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Shazeer and Stern, 2018, "Adafactor: Adaptive learning rates with sublinear memory cost",
    arXiv:1804.04235.

    Example:

    >>> import kfront
    >>> w = kfront.Variable([[1.0, 1.0]])
    >>> kfront.optimizers.Adafactor(0.1).apply([kfront.ops.ones((1, 2))], [w])
    >>> w.numpy().round(3)
    array([[0.9, 0.9]], dtype=float32)
    """

    beta_2_decay: float
    epsilon_1: float
    epsilon_2: float
    clip_threshold: float
    relative_step: bool
    _kf_normalise = normalisers(clip_threshold=above_zero)

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **kwargs: Unpack[MoreOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._rows: list[Variable] = []
        self._columns: list[Variable] = []
        self._velocities: list[Variable] = []

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        for v in variables:
            shape = tuple(v.shape)
            matrix = len(shape) > 1
            self._rows.append(self._mean_of(v, shape[:-1] if matrix else None))
            self._columns.append(self._mean_of(v, shape[:-2] + shape[-1:] if matrix else None))
            self._velocities.append(self.add_variable_from_reference(v, "velocity"))

    def _mean_of(self, variable: Variable, shape: tuple[int, ...] | None) -> Variable:
        """A slot; a single 0, which files have a place for, where there are neither rows nor columns."""
        if shape is not None:
            return self.add_variable(shape, "zeros", variable.dtype, name=variable.name)
        return self._kf_new_variable(0, "int32", variable.name, "none")

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """The rule."""
        rate = minimum(learning_rate, step**-0.5) if self.relative_step else learning_rate
        updates = fe.div(grads, fe.sqrt(self._mean_squares(fe, group, grads, 1.0 - step**self.beta_2_decay)))
        scales = fe.div(
            fe.maximum(_rms(fe, fe.values(group.variables)), self.epsilon_2),
            fe.maximum(fe.mul(_rms(fe, updates), 1.0 / self.clip_threshold), 1.0),
        )
        fe.add_to(group.variables, fe.mul(updates, scales), -rate)

    def _mean_squares(self, fe: Foreach, group: Group, grads: list[Tensor], old: Scalar) -> list[Tensor]:
        """The running means of the squares of each gradient, which have the weight `old`, brought up to date."""
        squares = fe.add(fe.square(grads), self.epsilon_1)
        slots, rows, columns = (group.of(x) for x in (self._velocities, self._rows, self._columns))
        means: dict[int, Any] = dict.fromkeys(range(len(grads)))
        flat = [i for i in means if len(group.variables[i].shape) < 2]
        if flat:
            new = fe.lerp_to([slots[i] for i in flat], [squares[i] for i in flat], 1.0 - old)
            means.update(zip(flat, new, strict=True))
        whole = [i for i in means if means[i] is None]
        if whole:
            r = fe.lerp_to([rows[i] for i in whole], [ops.mean(squares[i], -1) for i in whole], 1.0 - old)
            c = fe.lerp_to([columns[i] for i in whole], [ops.mean(squares[i], -2) for i in whole], 1.0 - old)
            shares = fe.div(r, [ops.mean(x, -1, keepdims=True) for x in r])
            new = [ops.expand_dims(x, -1) * ops.expand_dims(y, -2) for x, y in zip(shares, c, strict=True)]
            fe.assign([slots[i] for i in whole], new)
            means.update(zip(whole, new, strict=True))
        return list(means.values())


def _rms(fe: Foreach, xs: list[Tensor]) -> list[Tensor]:
    """Root mean squares, each a 0-d tensor."""
    return fe.mul(fe.norms(xs), [1.0 / math.sqrt(max(1, math.prod(x.shape))) for x in xs])
