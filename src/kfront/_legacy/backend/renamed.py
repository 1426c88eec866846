"""Functions of `K` that are functions of kfront with other names of arguments, or other defaults."""

from __future__ import annotations

import inspect

from kfront import activations, ops, random
from kfront.core.typing import AnyCallable

_REDUCTION = "x, axis=None, keepdims=False"
_RANDOM = "dtype=None, seed=None"
_2D = "strides=(1, 1), padding='valid', data_format=None, dilation_rate=(1, 1)"
_3D = "strides=(1, 1, 1), padding='valid', data_format=None, dilation_rate=(1, 1, 1)"

# name -> (arguments, function that takes them in this order)
_ROWS: dict[str, tuple[str, AnyCallable]] = {
    **{name: ("x, y", getattr(ops, name)) for name in ["equal", "greater", "greater_equal", "less", "less_equal"]},
    **{name: ("x, y", getattr(ops, name)) for name in ["maximum", "minimum", "not_equal"]},
    **{name: (_REDUCTION, getattr(ops, name)) for name in ["max", "min", "prod", "std", "sum", "var"]},
    **{name: ("x, axis=0", getattr(ops, name)) for name in ("cumprod", "cumsum")},
    "pow": ("x, a", ops.power),
    "round": ("x", ops.round),
    "relu": ("x, alpha=0.0, max_value=None, threshold=0.0", activations.relu),
    "expand_dims": ("x, axis=-1", ops.expand_dims),
    "permute_dimensions": ("x, pattern", ops.transpose),
    "repeat_elements": ("x, rep, axis", ops.repeat),
    "reshape": ("x, shape", ops.reshape),
    "reverse": ("x, axes", ops.flip),
    "shape": ("x", ops.shape),
    "squeeze": ("x, axis", ops.squeeze),
    "tile": ("x, n", ops.tile),
    "transpose": ("x", ops.transpose),
    "conv2d": (f"x, kernel, {_2D}", ops.conv),
    "conv3d": (f"x, kernel, {_3D}", ops.conv),
    "depthwise_conv2d": (f"x, depthwise_kernel, {_2D}", ops.depthwise_conv),
    "separable_conv2d": (f"x, depthwise_kernel, pointwise_kernel, {_2D}", ops.separable_conv),
    "random_normal": (f"shape, mean=0.0, stddev=1.0, {_RANDOM}", random.normal),
    "random_uniform": (f"shape, minval=0.0, maxval=1.0, {_RANDOM}", random.uniform),
    "truncated_normal": (f"shape, mean=0.0, stddev=1.0, {_RANDOM}", random.truncated_normal),
}


def __getattr__(name: str) -> AnyCallable:
    if name not in _ROWS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    arguments, call = _ROWS[name]
    names = inspect.signature(eval(f"lambda {arguments}: None")).parameters  # the rows above, nothing from outside
    made: AnyCallable = eval(f"lambda {arguments}: call({', '.join(names)})", {"call": call})
    made.__name__ = made.__qualname__ = name  # so that it can be pickled
    made.__module__, made.__doc__ = __name__, f"`{call.__name__}` of kfront, with the arguments that `K` has."
    globals()[name] = made
    return made
