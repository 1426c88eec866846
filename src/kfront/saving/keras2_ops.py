"""TensorFlow functions in the graphs of Keras 2 files, as ops.

A row is the function's name in the file, the op, and the function's parameters: the first is the one that the node
gives by position, ``a=b`` says that the op calls `a` `b`. The names were read off files that tf.keras wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kfront import ops
from kfront.core.errors import SavingError, UnsafeFileError
from kfront.core.guard import expect, shown
from kfront.core.registry import serializable
from kfront.core.typing import Config, Tensor


@serializable("keras.activations")
def keras2_hard_sigmoid(x: Tensor) -> Any:
    """The hard sigmoid of Keras 2: 0 below -2.5, 1 above 2.5, ``0.2 * x + 0.5`` between.

    Args:
        x: a tensor.
    """
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)


_ROWS = """
    __operators__.add add x=x1 y=x2
    math.add add x=x1 y=x2
    math.subtract subtract x=x1 y=x2
    math.multiply multiply x=x1 y=x2
    math.divide divide x=x1 y=x2
    math.truediv divide x=x1 y=x2
    math.divide_no_nan divide_no_nan x=x1 y=x2
    compat.v1.floor_div floor_divide x=x1 y=x2
    math.floordiv floor_divide x=x1 y=x2
    math.floormod mod x=x1 y=x2
    math.pow power x=x1 y=x2
    math.maximum maximum x=x1 y=x2
    math.minimum minimum x=x1 y=x2
    math.greater greater x=x1 y=x2
    math.greater_equal greater_equal x=x1 y=x2
    math.less less x=x1 y=x2
    math.less_equal less_equal x=x1 y=x2
    math.equal equal x=x1 y=x2
    math.not_equal not_equal x=x1 y=x2
    __operators__.eq equal self=x1 other=x2
    __operators__.ne not_equal self=x1 other=x2
    math.logical_and logical_and x=x1 y=x2
    math.logical_or logical_or x=x1 y=x2
    math.logical_xor logical_xor x=x1 y=x2
    math.logical_not logical_not x
    math.atan2 arctan2 y=x1 x=x2
    math.abs abs x
    math.negative negative x
    math.exp exp x
    math.expm1 expm1 x
    math.log log x
    math.log1p log1p x
    math.sqrt sqrt x
    math.rsqrt rsqrt x
    math.square square x
    math.sign sign x
    math.round round x
    math.floor floor x
    math.ceil ceil x
    math.sin sin x
    math.cos cos x
    math.tan tan x
    math.tanh tanh x
    math.sinh sinh x
    math.cosh cosh x
    math.asin arcsin x
    math.acos arccos x
    math.atan arctan x
    math.erf erf x
    math.reciprocal reciprocal x
    math.sigmoid sigmoid x
    math.softplus softplus features=x
    math.is_nan isnan x
    math.is_inf isinf x
    math.is_finite isfinite x
    math.l2_normalize normalize x axis
    math.cumsum cumsum x axis
    math.cumprod cumprod x axis
    math.argmax argmax input=x axis
    math.argmin argmin input=x axis
    math.top_k top_k input=x k sorted
    math.reduce_sum sum input_tensor=x axis keepdims
    math.reduce_mean mean input_tensor=x axis keepdims
    math.reduce_max max input_tensor=x axis keepdims
    math.reduce_min min input_tensor=x axis keepdims
    math.reduce_prod prod input_tensor=x axis keepdims
    math.reduce_any any input_tensor=x axis keepdims
    math.reduce_all all input_tensor=x axis keepdims
    math.reduce_std std input_tensor=x axis keepdims
    math.reduce_variance var input_tensor=x axis keepdims
    math.reduce_logsumexp logsumexp input_tensor=x axis keepdims
    nn.relu relu features=x
    nn.relu6 relu6 features=x
    nn.elu elu features=x
    nn.selu selu features=x
    nn.gelu gelu features=x approximate
    nn.silu silu features=x
    nn.swish silu features=x
    nn.leaky_relu leaky_relu features=x alpha=negative_slope
    nn.softplus softplus features=x
    nn.softsign softsign features=x
    nn.sigmoid sigmoid x
    nn.tanh tanh x
    nn.softmax softmax logits=x axis
    nn.log_softmax log_softmax logits=x axis
    nn.l2_normalize normalize x axis
    linalg.matmul matmul a=x1 b=x2
    reshape reshape tensor=x shape=newshape
    transpose transpose a=x perm=axes
    compat.v1.transpose transpose a=x perm=axes
    expand_dims expand_dims input=x axis
    squeeze squeeze input=x axis
    compat.v1.squeeze squeeze input=x axis
    concat concatenate values=xs axis
    stack stack values=x axis
    unstack unstack value=x num axis
    split split value=x num_or_size_splits=indices_or_sections axis
    tile tile input=x multiples=repeats
    repeat repeat input=x repeats axis
    reverse flip tensor=x axis
    roll roll input=x shift axis
    cast cast x dtype
    ones_like ones_like input=x
    zeros_like zeros_like input=x
    where where condition x=x1 y=x2
    clip_by_value clip t=x clip_value_min=x_min clip_value_max=x_max
    one_hot one_hot indices=x depth=num_classes axis
    gather take params=x indices axis
    compat.v1.gather take params=x indices axis
    pad pad tensor=x paddings=pad_width mode constant_values
    compat.v1.pad pad tensor=x paddings=pad_width mode constant_values
    slice slice input_=inputs begin=start_indices size=shape
    broadcast_to broadcast_to input=x shape
    stop_gradient stop_gradient input=variable
    identity identity input=x
"""
_TABLE: dict[str, tuple[str, dict[str, str]]] = {}
for _row in _ROWS.strip().splitlines():
    _name, _op, *_parameters = _row.split()
    _TABLE[_name] = (_op, {p.partition("=")[0]: p.partition("=")[2] or p for p in _parameters})
# what the file may hold beside the op's own arguments, by the only values that change nothing
_NEUTRAL = {"name": None, "validate_indices": None, "batch_dims": (0, None), "conjugate": (False, None), "num": None}
_NEUTRAL.update({"output_type": ("int64", "int32"), "beta": (1.0,), "exclusive": (False,), "reverse": (False,)})


def op_call(function: Callable[..., object], first: object, kwargs: Config) -> tuple[str, dict[str, Any]]:
    """The op and its arguments by name, for one call of a TensorFlow function.

    Args:
        function: name of the function in the file.
        first: what the node gives by position.
        kwargs: what it gives by name.

    Raises:
        UnsafeFileError: there is no such function in the table: nothing else is looked up.
        SavingError: an argument has no counterpart.
    """
    row = _TABLE.get(expect(function, str, "TFOpLambda function"))
    if row is None:
        raise UnsafeFileError(
            f"[load] expected a TensorFlow function with a counterpart among kfront's ops in the graph, got "
            f"{shown(function)}; rebuild the model in code and load the weights with `load_weights`."
        )
    op, names = row
    out = {next(iter(names.values())): first}
    special = _SPECIAL.get(op)
    for key, value in kwargs.items():
        if key in names:
            if value is not None:
                out[names[key]] = value
        elif special is None or key not in special[0]:
            neutral = _NEUTRAL.get(key, ())
            if key != "name" and value is not None and value not in (neutral or ()):
                raise SavingError(
                    f"[{function}] expected arguments among {', '.join(names)}, got {key}={shown(value)}."
                )
    if special is not None:
        op = special[1](op, out, kwargs)
    return op, out


def _transposed(op: str, out: dict[str, object], kwargs: Config) -> str:
    if not kwargs.get("transpose_a") and not kwargs.get("transpose_b") and not kwargs.get("adjoint_b"):
        return op
    if kwargs.get("transpose_a") or kwargs.get("adjoint_a"):
        raise SavingError("[linalg.matmul] expected only the second operand to be transposed, got `transpose_a`.")
    out["subscripts"], out["operands"] = "...ij,...kj->...ik", [out.pop("x1"), out.pop("x2")]
    return "einsum"


def _sections(op: str, out: dict[str, object], kwargs: Config) -> str:
    """TensorFlow lists sizes where NumPy lists the places of the cuts."""
    sizes = out["indices_or_sections"]
    if isinstance(sizes, list):
        cuts, at = [], 0
        for size in sizes[:-1]:
            at += expect(size, int, "split")
            cuts.append(at)
        out["indices_or_sections"] = cuts
    out.setdefault("axis", 0)
    return op


def _padding(op: str, out: dict[str, object], kwargs: Config) -> str:
    mode = expect(out.pop("mode", "CONSTANT"), str, "pad").lower()
    out["mode"] = mode
    if mode != "constant":
        out.pop("constant_values", None)
    return op


def _extent(op: str, out: dict[str, object], kwargs: Config) -> str:
    """A slice of which every size is written out; -1 means the rest."""
    begin, size = out.pop("start_indices"), out.pop("shape")
    keys = []
    for b, s in zip(expect(begin, list, "slice"), expect(size, list, "slice"), strict=True):
        expect(b, int, "slice")
        stop = None if expect(s, int, "slice") == -1 else b + s
        keys.append({"class_name": "__slice__", "config": {"start": b, "stop": stop, "step": None}})
    out["x"], out["key"] = out.pop("inputs"), keys
    return "get_item"


def _same(op: str, out: dict[str, object], kwargs: Config) -> str:
    out["x1"], out["x2"] = out.pop("x"), 1
    return "multiply"


def _normalize(op: str, out: dict[str, object], kwargs: Config) -> str:
    out["order"] = 2
    out.setdefault("axis", -1)
    return op


def _taken(op: str, out: dict[str, object], kwargs: Config) -> str:
    out.setdefault("axis", 0)
    return op


def _tanh_form(op: str, out: dict[str, object], kwargs: Config) -> str:
    out.setdefault("approximate", False)
    return op


Change = Callable[[str, dict[str, Any], dict[str, Any]], str]
# op -> (arguments that the change reads itself, the change)
_SPECIAL: dict[str, tuple[tuple[str, ...], Change]] = {
    "matmul": (("transpose_a", "transpose_b", "adjoint_a", "adjoint_b"), _transposed),
    "split": ((), _sections),
    "pad": ((), _padding),
    "slice": ((), _extent),
    "identity": ((), _same),
    "normalize": ((), _normalize),
    "take": ((), _taken),
    "gelu": ((), _tanh_form),
}


def slice_key(spec: object) -> Any:
    """The key of a subscript from the form that Keras 2 gives it."""
    if isinstance(spec, list):
        return [slice_key(s) for s in spec]
    if isinstance(spec, dict) and spec.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(spec, dict) and set(spec) <= {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": spec}
    return spec
