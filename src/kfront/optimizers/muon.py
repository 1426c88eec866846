"""Muon: momentum whose matrices are made orthogonal."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core.options import from_0_to_1, normalisers
from kfront.core.typing import Foreach, Scalar, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.adam import adam_rule
from kfront.optimizers.base import Group, Optimizer
from kfront.optimizers.plan import MoreOptions
from kfront.optimizers.schedules import LearningRate


class Muon(Optimizer):
    """Steps along the nearest orthogonal matrix of the momentum for matrices, AdamW for all other variables.

    ``m = momentum * m + g``, then ``w -= learning_rate * s * orthogonal(g + momentum * m)``, where ``orthogonal`` is a
    few Newton-Schulz iterations ``X = a X + (b A + c A A) X`` with ``A = X X^T`` from the matrix divided by its norm,
    and ``s = rms_rate * sqrt(max(rows, columns))`` gives the step the size that Adam's steps have.

    Variables that are not matrices, those of embeddings, and those that `exclude_layers` names follow AdamW. The output
    layer is best named there.

    Args:
        learning_rate: a float, a schedule or a callable.
        adam_beta_1: AdamW's weight of the old mean of the gradient.
        adam_beta_2: AdamW's weight of the old mean of its square.
        adam_weight_decay: weight decay of the variables that follow AdamW.
        epsilon: keeps AdamW's divisor from zero.
        weight_decay: weight decay of the matrices.
        exclude_layers: regular expressions, searched for in `Variable.path`, of matrices that follow AdamW.
        exclude_embeddings: whether matrices with "embedding" in their path follow AdamW.
        muon_a, muon_b, muon_c: coefficients of the iteration.
        adam_lr_ratio: factor on the learning rate of the variables that follow AdamW.
        momentum: weight of the old momentum.
        ns_steps: number of iterations.
        nesterov: look ahead; if False, the momentum itself is made orthogonal.
        rms_rate: size of a step's elements; None leaves the orthogonal matrix as it is.
        clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, loss_scale_factor,
            gradient_accumulation_steps, name: see `Optimizer`.

    Reference: Jordan et al., 2024, "Muon: An optimizer for hidden layers in neural networks"; Liu et al., 2025, "Muon
    is scalable for LLM training", arXiv:2502.16982, for weight decay and `rms_rate`.

    Example:

    >>> import kfront
    >>> w = kfront.Variable(kfront.ops.eye(2), name="kernel")
    >>> optimizer = kfront.optimizers.Muon(0.1, weight_decay=None)
    >>> optimizer.apply([kfront.ops.eye(2)], [w])
    >>> bool(w.numpy()[0, 0] < 1.0), float(w.numpy()[0, 1])
    (True, 0.0)
    """

    adam_beta_1: float
    adam_beta_2: float
    adam_weight_decay: float | None
    epsilon: float
    exclude_layers: list[str]
    exclude_embeddings: bool
    muon_a: float
    muon_b: float
    muon_c: float
    adam_lr_ratio: float
    momentum: float
    ns_steps: int
    nesterov: bool
    rms_rate: float | None
    _kf_normalise = normalisers(
        exclude_layers=lambda _, __, patterns: list(patterns or ()), adam_beta_1=from_0_to_1, adam_beta_2=from_0_to_1
    )

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        adam_beta_1: float = 0.9,
        adam_beta_2: float = 0.999,
        adam_weight_decay: float | None = 0.004,
        epsilon: float = 1e-7,
        weight_decay: float | None = 0.004,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: float = 3.4445,
        muon_b: float = -4.775,
        muon_c: float = 2.0315,
        adam_lr_ratio: float = 1,
        momentum: float = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: float | None = 0.2,
        **kwargs: Unpack[MoreOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()))
        self._momentums: list[Variable] = []
        self._velocities: list[Variable | None] = []

    def _kf_add_slots(self, variables: list[Variable]) -> None:
        for v in variables:
            self._momentums.append(self.add_variable_from_reference(v, "momentum"))
            self._velocities.append(self.add_variable_from_reference(v, "velocity") if self._uses_adam(v) else None)

    def _uses_adam(self, variable: Variable) -> bool:
        path = variable.path
        if len(variable.shape) != 2 or (self.exclude_embeddings and "embedding" in path.lower()):
            return True
        return any(re.search(pattern, path) for pattern in self.exclude_layers)

    def _kf_decay_of(self, variable: Variable) -> float:
        decay = self.adam_weight_decay if self._uses_adam(variable) else self.weight_decay
        return decay if decay and self._use_weight_decay(variable) else 0.0

    def _kf_apply(self, fe: Foreach, group: Group, grads: list[Tensor], learning_rate: Scalar, step: Scalar) -> None:
        """Both rules, each on its variables."""
        rows = list(zip(group.variables, grads, group.of(self._momentums), group.of(self._velocities), strict=True))
        adam, muon = [r for r in rows if r[3] is not None], [r for r in rows if r[3] is None]
        if adam:
            variables, grads, ms, vs = map(list, zip(*adam, strict=True))
            rate, b1, b2 = learning_rate * self.adam_lr_ratio, self.adam_beta_1, self.adam_beta_2
            adam_rule(fe, variables, grads, ms, vs, None, rate, step, b1, b2, self.epsilon)
        if muon:
            variables, grads, ms, _ = map(list, zip(*muon, strict=True))
            self._muon_rule(fe, variables, grads, ms, learning_rate)

    def _muon_rule(
        self, fe: Foreach, variables: list[Variable], grads: list[Tensor], slots: list[Variable], learning_rate: Scalar
    ) -> None:
        fe.mul_to(slots, self.momentum)
        m = fe.add_to(slots, grads)
        steps = self._orthogonal(fe.add(grads, fe.mul(m, self.momentum)) if self.nesterov else m)
        fe.add_to(variables, [self.lr_adjust(x) for x in steps], -learning_rate)

    def _orthogonal(self, matrices: list[Tensor]) -> list[Tensor]:
        """`zeropower_via_newtonschulz5` of each, those of one shape together."""
        alike: dict[tuple[int, ...], list[int]] = {}
        for i, x in enumerate(matrices):
            alike.setdefault(tuple(x.shape), []).append(i)
        out: list[Any] = [None] * len(matrices)
        for which in alike.values():
            found = self.zeropower_via_newtonschulz5(ops.stack([matrices[i] for i in which]), self.ns_steps)
            for i, one in zip(which, ops.unstack(found, len(which)), strict=True):
                out[i] = one
        return out

    def zeropower_via_newtonschulz5(self, x: Tensor, steps: int) -> Tensor:
        """About the nearest orthogonal matrices: all singular values come near 1.

        Args:
            x: matrices in the last two axes. A tall one is turned first, which makes the products small.
            steps: number of iterations.
        """
        tall = x.shape[-2] > x.shape[-1]
        x = self.transpose_last_axis(x) if tall else x
        x = x / (ops.sqrt(ops.sum(x * x, axis=(-2, -1), keepdims=True)) + 1e-7)
        for _ in range(steps):
            a = ops.matmul(x, self.transpose_last_axis(x))
            x = self.muon_a * x + ops.matmul(self.muon_b * a + self.muon_c * ops.matmul(a, a), x)
        return self.transpose_last_axis(x) if tall else x

    def transpose_last_axis(self, X: Tensor) -> Tensor:
        """`X` with its last two axes exchanged."""
        return ops.swapaxes(X, -2, -1)

    def lr_adjust(self, x: Tensor) -> Tensor:
        """An orthogonal matrix scaled to the size of Adam's steps; as it is if `rms_rate` is None."""
        return x if self.rms_rate is None else x * (self.rms_rate * math.sqrt(max(x.shape)))
