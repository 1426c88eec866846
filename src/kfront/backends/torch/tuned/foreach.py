"""Rules of optimizers by torch's fused kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kfront.backends.torch.foreach import TorchForeach
from kfront.backends.torch.tuned.table import tuned

if TYPE_CHECKING:
    from kfront.core.variable import Variable


_FUSED = (torch.float32, torch.float64)


@tuned(
    "foreach.adam",
    reason="the rule in multi-tensor functions passes over memory seven times",
    benchmark="updates:Adam",
    until="never, unless `updates` shows the general form as fast",
)
def adam(
    self: TorchForeach,
    variables: Sequence[Variable],
    grads: Sequence[Tensor],
    means: Sequence[Variable],
    squares: Sequence[Variable],
    largest: Sequence[Variable] | None,
    learning_rate: Tensor | float,
    step: Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> bool:
    """One pass over memory by torch's fused kernel.

    It adds epsilon to the root after the correction for the first steps, Keras before: hence the factor. Its
    amsgrad form differs in the same way, but on the largest square, so that one is left to the general form.
    """
    values, first, second = map(self.in_place, (variables, means, squares))
    if values is None or first is None or second is None or largest is not None or step.__class__ is not int:
        return False
    if learning_rate.__class__ is not float or values[0].dtype not in _FUSED:
        return False
    with torch._C.DisableTorchFunctionSubclass():  # else it looks for `__torch_function__` of each Parameter
        # The kernel walks memory, and looks at neither strides nor shapes: a convolution's gradient is channels_last.
        if not all(map(torch.Tensor.is_contiguous, values)):
            return False
        if not all(x.shape == g.shape for x, g in zip(values, grads, strict=True)):
            return False
        grads = list(map(torch.Tensor.contiguous, grads))
        now = torch.full((), float(step), device=values[0].device)
        torch._fused_adam_(
            values,
            grads,
            first,
            second,
            [],
            [now] * len(values),
            lr=learning_rate,
            beta1=beta_1,
            beta2=beta_2,
            weight_decay=0.0,
            eps=epsilon / math.sqrt(1.0 - beta_2**step),
            amsgrad=False,
            maximize=False,
        )
    return True
