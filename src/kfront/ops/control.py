"""Control flow: loops, branches, maps, and control over gradients. Functions come and go as Python callables."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from kfront.core import shapes, tree
from kfront.core.arguments import check_count, is_no_tensor, is_whole
from kfront.core.dtypes import result_type
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.naming import auto_name
from kfront.core.op import in_front_of, op
from kfront.core.op_registry import Declared, function
from kfront.core.operation import OpCall, Operation, any_symbolic
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import current, state
from kfront.core.typing import AnyCallable, Tensor, TensorLike
from kfront.ops import primitives as p
from kfront.ops.arithmetic import clip
from kfront.transforms.gradients import grad as gradient


@function("core")
def grad(f: AnyCallable, argnums: int | Sequence[int] = 0) -> AnyCallable:
    """A function that computes the gradient of another, whose result is summed; see `kfront.grad`.

    Args:
        f: returns a tensor.
        argnums: the positional arguments to differentiate by: an int, or a tuple of them.

    Returns:
        A function of the same arguments that returns the gradient, for a tuple a tuple of them.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.grad(ops.square)(ops.array([1.0, 2.0]))).tolist()
    [2.0, 4.0]
    """
    return gradient(lambda *args, **kwargs: p.sum(f(*args, **kwargs)), argnums)


class ControlCall(OpCall):
    """A recorded call of a control function in a functional graph.

    Args:
        function: the public function.
        name: that of the declared function, under which files have the call.
    """

    def __init__(self, function: AnyCallable, name: str | None = None) -> None:
        self.op: Any = Declared()  # of this call only, it is not in the catalog
        self.op.name, self.op.public = name or function.__name__, function
        parameters = inspect.signature(function).parameters
        stars = any(x.kind is x.VAR_POSITIONAL for x in parameters.values())
        self.op.tensors = () if stars else tuple(parameters)
        Operation.__init__(self, auto_name(self.op.name))
        self.static = {}

    def call(self, *args: object, **kwargs: object) -> Any:
        """Run the function."""
        return self.op.public(*args, **kwargs)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Record a call on KerasTensors."""
        return self.symbolic_call(*args, **kwargs) if any_symbolic(args, kwargs) else self.call(*args, **kwargs)


def _kind(values: object) -> type | None:
    """KerasTensor if a symbolic value that belongs to a graph is nested in `values`, Abstract for others, or None."""
    found = {type(x) is Abstract for x in tree.flatten(values) if isinstance(x, KerasTensor)}
    return None if not found else KerasTensor if False in found else Abstract


def _spec(x: object) -> Any:
    if isinstance(x, KerasTensor):
        return Abstract(x.shape, x.dtype)
    if isinstance(x, (bool, int, float)):
        return Abstract((), result_type(type(x)))
    b = state.backend
    return x if x is None or not hasattr(x, "dtype") else Abstract(b.static_shape(x), p.dtype_of(x))


def _specs(values: object) -> Any:
    return tree.map_structure(_spec, values)


def _check_callable(name: str, **functions: object) -> None:
    for what, f in functions.items():
        if not callable(f):
            raise ArgumentTypeError(f"[{name}] expected `{what}` to be callable, got {f!r}.")


def _check_values(name: str, values: object) -> None:
    """Refuse text, dicts and classes among the values that a function is run on; None may be one."""
    for x in tree.flatten(values):
        if x is not None and is_no_tensor(x):
            raise ArgumentTypeError(f"[{name}] expected tensors, got {x!r}.")


@in_front_of(p.engine_cond)
def cond(pred: object, true_fn: Callable[[], Tensor], false_fn: Callable[[], Tensor]) -> Any:
    """The result of one of two functions.

    Args:
        pred: bool, or scalar bool tensor.
        true_fn: called without arguments when `pred` is true.
        false_fn: called without arguments when it is not; the results have one structure, shapes and dtypes.

    Returns:
        What the function returned.

    Example:

    >>> from kfront import ops
    >>> x = ops.array(3)
    >>> int(ops.cond(x > 2, lambda: x * 2, lambda: x))
    6
    """
    _check_callable("cond", true_fn=true_fn, false_fn=false_fn)
    kind = _kind(pred)
    if kind is KerasTensor:
        return ControlCall(cond)(pred, true_fn, false_fn)
    if kind is Abstract:
        return _join_branches(true_fn(), false_fn())
    if isinstance(pred, bool):
        return true_fn() if pred else false_fn()
    try:
        return current().cond(pred, true_fn, false_fn)
    except Exception:
        if state.backend.is_tracing():
            raise
        out = true_fn()  # branches that close over abstract values while shapes are inferred
        if _kind(out) is None:
            raise
        return _join_branches(out, false_fn())


def _join_branches(a: TensorLike, b: TensorLike) -> Any:
    def join(x: Tensor, y: Tensor) -> Any:
        if x is None and y is None:
            return None
        x, y = _spec(x), _spec(y)
        if x is None or y is None:
            raise ArgumentError(f"[cond] expected branches that return one structure, got {a} and {b}.")
        sizes = zip(x.shape, y.shape, strict=False)
        if len(x.shape) != len(y.shape) or any(None not in pair and pair[0] != pair[1] for pair in sizes):
            raise ShapeError(f"[cond] expected branches that return one shape, got {x.shape} and {y.shape}.")
        if x.dtype != y.dtype:
            raise ArgumentError(f"[cond] expected branches that return one dtype, got {x.dtype} and {y.dtype}.")
        return Abstract((i if i == j else None for i, j in zip(x.shape, y.shape, strict=True)), x.dtype)

    return tree.map_structure(join, a, b)


@op(0, None, name="switch", home="core", call_args=("index", "branches", "*operands"))
def _switch(index: Any, branches: Any, *operands: object) -> Any:

    last = len(branches) - 1
    index = clip(index, 0, last)

    def pick(i: int) -> Any:
        if i == last:
            return branches[i](*operands)
        return cond(p.equal(index, i), lambda: branches[i](*operands), lambda: pick(i + 1))

    return pick(0)


@in_front_of(_switch)
def switch(index: object, branches: Sequence[Callable[..., object]], *operands: object) -> Any:
    """The result of one of several functions.

    Args:
        index: scalar integer tensor: which one; numbers out of range stand for the nearest.
        branches: functions that take `operands`; the results have one structure, shapes and dtypes.
        *operands: tensors.

    Returns:
        What the function returned.

    Raises:
        ArgumentError: there are no branches.
        ArgumentTypeError: a branch is no function.

    Example:

    >>> from kfront import ops
    >>> int(ops.switch(1, [lambda x: x, lambda x: x * 10], ops.array(3)))
    30
    """
    if not branches:
        raise ArgumentError("[switch] expected at least one branch, got none.")
    _check_callable("switch", **{f"branches[{i}]": f for i, f in enumerate(branches)})
    last = len(branches) - 1
    if isinstance(index, int):
        return branches[min(max(index, 0), last)](*operands)
    kind = _kind((index, operands))
    if kind is KerasTensor:
        return ControlCall(switch)(index, branches, *operands)
    if kind is Abstract:
        return functools.reduce(_join_branches, [f(*operands) for f in branches])
    return current().switch(index, branches, *operands)


@in_front_of(p.engine_while_loop)
def while_loop(
    cond: Callable[..., object], body: Callable[..., object], loop_vars: object, maximum_iterations: int | None = None
) -> Any:
    """Repeat while a condition holds.

    Args:
        cond: takes the loop variables, returns a scalar bool tensor.
        body: takes the loop variables, returns them anew with the same shapes and dtypes.
        loop_vars: tuple or list of tensors (or one tensor): the first values.
        maximum_iterations: most repetitions; no limit if None.

    Returns:
        The last values, in the structure of `loop_vars`.

    Raises:
        ArgumentTypeError: if `loop_vars` is None.

    Example:

    >>> from kfront import ops
    >>> [int(v) for v in ops.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (ops.array(0), ops.array(0)))]
    [4, 6]
    """
    _check_callable("while_loop", cond=cond, body=body)
    _check_values("while_loop", loop_vars)
    if loop_vars is None:
        raise ArgumentTypeError("[while_loop] expected tensors as `loop_vars`, got None.")
    kind = _kind(loop_vars)
    if kind is KerasTensor:
        return ControlCall(while_loop)(cond, body, loop_vars, maximum_iterations)
    if kind is Abstract:
        return _specs(loop_vars)
    return current().while_loop(cond, body, loop_vars, maximum_iterations)


@in_front_of(p.engine_fori_loop)
def fori_loop(lower: object, upper: object, body_fun: Callable[[object, object], object], init_val: object) -> Any:
    """Repeat for the integers of a range.

    Args:
        lower: first integer.
        upper: end, not included.
        body_fun: takes the integer and the value, returns the next value with the same shapes and dtypes.
        init_val: first value, nested tensors.

    Returns:
        The last value.

    Example:

    >>> from kfront import ops
    >>> int(ops.fori_loop(0, 5, lambda i, total: total + i, ops.array(0)))
    10
    """
    _check_callable("fori_loop", body_fun=body_fun)
    for name, n in (("lower", lower), ("upper", upper)):
        check_count("fori_loop", name, n)
    kind = _kind((lower, upper, init_val))
    if kind is KerasTensor:
        return ControlCall(fori_loop)(lower, upper, body_fun, init_val)
    if kind is Abstract:
        return _specs(init_val)
    return current().fori_loop(lower, upper, body_fun, init_val)


@in_front_of(p.engine_scan)
def scan(
    f: Callable[[Any, Any], Any],
    init: object,
    xs: object = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: object = 1,
) -> Any:
    """Run a function over the first axis, carrying a value along and collecting results.

    Args:
        f: takes (carry, x), returns (carry, y); the carry keeps its structure, shapes and dtypes.
        init: first carry, nested tensors.
        xs: nested tensors of shape (n, ...), or None.
        length: n; needed when `xs` is None.
        reverse: whether to run from the end (results stay in the places of their x).
        unroll: how many steps a compiled loop does at once (an int, or True for all).

    Returns:
        Tuple (last carry, ys of shape (n, ...)).

    Raises:
        ArgumentError: if neither `xs` nor `length` is given, or `length` is no length.

    Example:

    >>> from kfront import ops
    >>> carry, ys = ops.scan(lambda c, x: (c + x, c + x), ops.array(0), ops.array([1, 2, 3]))
    >>> int(carry), ops.convert_to_numpy(ys).tolist()
    (6, [1, 3, 6])
    """
    _check_callable("scan", f=f)
    _check_values("scan", (init, xs))
    if xs is None and length is None:
        raise ArgumentError("[scan] expected `xs` or `length`, got neither.")
    if length is not None and (not is_whole(length) or length < 0):
        raise ArgumentError(f"[scan] expected `length` to be an int from 0 on, got {length!r}.")
    if not isinstance(unroll, (bool, int)) or (unroll is not True and unroll is not False and unroll < 1):
        raise ArgumentError(f"[scan] expected `unroll` to be a bool or an int >= 1, got {unroll!r}.")
    if xs is not None and length is not None and any(n not in (None, length) for n in _lengths(xs)):
        raise ArgumentError(f"[scan] expected `xs` of `length` {length}, got {_lengths(xs)}.")
    kind = _kind((init, xs))
    if kind is KerasTensor:
        return ControlCall(scan)(f, init, xs, length, reverse, unroll)
    if kind is Abstract:
        return _scan_spec(f, init, xs, length)
    sizes = [length] if xs is None else [x.shape[0] for x in tree.flatten(xs) if hasattr(x, "shape")]
    return _no_steps(f, init, xs) if 0 in sizes else current().scan(f, init, xs, length, reverse, unroll)


def _no_steps(f: Callable[[Any, Any], Any], init: object, xs: object) -> Any:
    """A scan over nothing: its results are empty, in the shapes that a step gives."""
    item = tree.map_structure(lambda x: None if x is None else p.zeros(tuple(p.shape(x))[1:], p.dtype_of(x)), xs)
    carry = tree.map_structure(p.convert_to_tensor, init)
    y = f(carry, item)[1]
    return carry, tree.map_structure(lambda v: None if v is None else p.zeros((0, *p.shape(v)), p.dtype_of(v)), y)


def _lengths(xs: object) -> list[int | None]:
    return [r.shape[0] for r in tree.flatten(_specs(xs)) if r is not None]


def _scan_spec(f: Callable[[Any, Any], Any], init: object, xs: object, length: int | None) -> Any:
    n, item = length, None
    if xs is not None:
        rows = _specs(xs)
        n = next((s for s in _lengths(xs) if s is not None), length)
        item = tree.map_structure(lambda r: None if r is None else Abstract(r.shape[1:], r.dtype), rows)
    carry, y = f(_specs(init), item)
    return _specs(carry), _batched(y, n)


def _batched(y: Tensor, n: int | None) -> Any:
    return tree.map_structure(lambda s: None if s is None else Abstract((n, *s.shape), s.dtype), _specs(y))


@function("core", call_args=("f", "xs"))
def map(f: Callable[[object], object], xs: object) -> Any:
    """A function applied to each slice along the first axis, one after the other.

    Args:
        f: takes a slice (nested as `xs`).
        xs: nested tensors of shape (n, ...).

    Returns:
        The results, stacked along a first axis of length n.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.map(lambda row: row * 2, ops.array([[1, 2], [3, 4]]))).tolist()
    [[2, 4], [6, 8]]
    """
    _check_callable("map", f=f)
    if _kind(xs) is KerasTensor:
        return ControlCall(map)(f, xs)
    return scan(lambda carry, x: (carry, f(x)), (), xs)[1]


@in_front_of(p.engine_vectorized_map)
def vectorized_map(function: AnyCallable, elements: object) -> Any:
    """A function applied to each slice along the first axis, all at once.

    Args:
        function: takes a slice (nested as `elements`), made of ops.
        elements: nested tensors of shape (n, ...).

    Returns:
        The results, stacked along a first axis of length n.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.vectorized_map(lambda row: ops.sum(row), ops.array([[1, 2], [3, 4]]))).tolist()
    [3, 7]
    """
    _check_callable("vectorized_map", function=function)
    kind = _kind(elements)
    if kind is KerasTensor:
        return ControlCall(vectorized_map)(function, elements)
    if kind is Abstract:
        return _scan_spec(lambda c, x: (c, function(x)), (), elements, None)[1]
    return current().vectorized_map(function, elements)


@function("core", call_args=("f", "elems"))
def associative_scan(f: Callable[[object, object], object], elems: Any, reverse: bool = False, axis: int = 0) -> Any:
    """Cumulative results of an associative function, in a logarithmic number of steps (Blelloch, 1990).

    Args:
        f: takes two nested tensors, of which slices along `axis` belong together, returns one.
        elems: nested tensors of one length along `axis`.
        reverse: whether to cumulate from the end.
        axis: along which axis.

    Returns:
        Nested tensors as `elems`: place i holds f of all elements up to i.

    Raises:
        ShapeError: if the length is not known, or differs.

    Example:

    >>> from kfront import ops
    >>> ops.convert_to_numpy(ops.associative_scan(ops.add, ops.array([1, 2, 3, 4]))).tolist()
    [1, 3, 6, 10]
    """
    _check_callable("associative_scan", f=f)
    kind = _kind(elems)
    if kind is KerasTensor:
        return ControlCall(associative_scan)(f, elems, reverse, axis)

    leaves = [p.convert_to_tensor(x) for x in tree.flatten(elems)]
    for leaf in leaves:
        shapes.axis_of(axis, len(shapes.shape_of(leaf)))
    sizes = {shapes.shape_of(x)[axis] for x in leaves}
    if len(sizes) != 1 or (None in sizes and kind is not Abstract):
        raise ShapeError(
            f"[associative_scan] expected one known length along axis {axis}, got {sorted(map_str(sizes))}."
        )
    if kind is Abstract:
        return _associative_spec(f, elems, sizes.pop(), axis)
    if reverse:
        leaves = [p.flip(x, axis) for x in leaves]

    def combine(a: list[Tensor], b: list[Tensor]) -> list[object]:
        return tree.flatten(f(tree.pack_sequence_as(elems, a), tree.pack_sequence_as(elems, b)))

    out = _prefix(combine, leaves, axis)
    return tree.pack_sequence_as(elems, [p.flip(x, axis) for x in out] if reverse else out)


def _associative_spec(f: Callable[[object, object], object], elems: object, n: int | None, axis: int) -> Any:
    """Specs of the results: those of the elements, in the dtype that they have together with what `f` returns."""
    specs = _specs(elems)
    if n is not None and n < 2:
        return specs

    def half(x: Tensor) -> Abstract:
        a = shapes.axis_of(axis, len(x.shape))
        return Abstract((*x.shape[:a], n and n // 2, *x.shape[a + 1 :]), x.dtype)

    out = f(tree.map_structure(half, specs), tree.map_structure(half, specs))
    return tree.map_structure(lambda x, y: Abstract(x.shape, result_type(x.dtype, y.dtype)), specs, _specs(out))


def map_str(values: Any) -> list[str]:
    """The values as strings."""
    return [str(v) for v in values]


def _prefix(combine: Callable[[list[Any], list[Any]], list[Any]], xs: list[Any], axis: int) -> list[Any]:
    n = shapes.shape_of(xs[0])[axis]
    if n is None or n < 2:
        return xs
    odd = _prefix(combine, combine(_cut(xs, axis, 0, n - n % 2, 2), _cut(xs, axis, 1, None, 2)), axis)
    if n == 2:
        even = _cut(xs, axis, 0, 1)
    else:
        rest = combine(_cut(odd, axis, 0, (n - 1) // 2), _cut(xs, axis, 2, None, 2))
        even = _joined(_cut(xs, axis, 0, 1), rest, axis)
    return [_interleave(e, o, axis, n) for e, o in zip(even, odd, strict=True)]


def _cut(xs: Sequence[Tensor], axis: int, start: int, stop: int | None, step: int = 1) -> list[Tensor]:

    return [p.get_item(x, p.key_on(len(x.shape), axis, slice(start, stop, step))) for x in xs]


def _joined(a: Sequence[Tensor], b: Sequence[Tensor], axis: int) -> list[Tensor]:

    return [p.concatenate([x, y], axis) for x, y in zip(a, b, strict=True)]


def _interleave(even: Tensor, odd: Tensor, axis: int, n: int) -> Tensor:

    half = (n + 1) // 2
    order = [i // 2 + (half if i % 2 else 0) for i in range(n)]
    return p.take(p.concatenate([even, odd], axis), order, axis)


@in_front_of(p.engine_custom_gradient)
def custom_gradient(f: AnyCallable) -> AnyCallable:
    """A function with a gradient of its own.

    Args:
        f: takes tensors, returns (result, grad); `grad(*args, upstream)` takes the gradient of the result (by keyword
            `upstream` or as its only argument) and returns that of each tensor.

    Returns:
        A function that returns the result alone.

    Example:

    >>> from kfront import ops
    >>> @ops.custom_gradient
    ... def double(x):
    ...     def backward(*args, upstream=None):
    ...         return 2.0 * (args[0] if upstream is None else upstream)
    ...     return x * 2.0, backward
    >>> float(double(ops.array(3.0)))
    6.0
    """
    _check_callable("custom_gradient", f=f)
    made: dict[str, Any] = {}

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        kind = _kind((args, kwargs))
        if kind is KerasTensor:
            return ControlCall(wrapped, "custom_gradient")(*args, **kwargs)
        if kind is Abstract:
            return _specs(f(*args, **kwargs)[0])
        b = current()
        if b.name not in made:
            made[b.name] = b.custom_gradient(f)
        return made[b.name](*args, **kwargs)

    return wrapped
