# Written by tools/stubs.py from the table in the module of the same name.
from kfront.ops import custom_gradient as custom_gradient
from kfront.transforms.functions import checkpoint as checkpoint, jit as jit, vmap as vmap
from kfront.transforms.gradients import (
    grad as grad,
    hessian as hessian,
    jacobian as jacobian,
    jvp as jvp,
    value_and_grad as value_and_grad,
    vjp as vjp,
)
from kfront.transforms.parts import merge as merge, partition as partition

__all__ = [
    "checkpoint",
    "custom_gradient",
    "grad",
    "hessian",
    "jacobian",
    "jit",
    "jvp",
    "merge",
    "partition",
    "value_and_grad",
    "vjp",
    "vmap",
]
