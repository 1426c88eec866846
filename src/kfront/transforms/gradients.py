"""Derivatives: `grad` and `value_and_grad`, `vjp` and `jvp`, `jacobian` and `hessian`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kfront.core import tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.op_registry import ops
from kfront.core.typing import AnyCallable, Backend, P, R, Tensor
from kfront.core.variable import StatelessScope
from kfront.transforms.arguments import Point, check_callable, engine_of, on_engine, split_tensors


class _Run:
    """A function at a point, as the hooks of a backend take it: no arguments, two lists of tensors as results.

    Args:
        name: of the transform, for messages.
        b: the backend.
        fn: the user's function.
        point: where it is differentiated.
        arrange: makes the positional arguments of `fn` from those of the point.
        kwargs: keyword arguments of `fn`.
        has_aux: whether `fn` returns (result, anything else).
    """

    def __init__(
        self, name: str, b: Backend, fn: Any, point: Point, arrange: Callable[[Any], Any], kwargs: Any, has_aux: bool
    ) -> None:
        self.name, self.b, self.fn, self.point = name, b, fn, point
        self.arrange, self.kwargs, self.has_aux = arrange, kwargs, has_aux
        self.result: Any = None
        self.rebuild_aux: Any = None

    def __call__(self) -> tuple[list[Any], list[Any]]:
        out = self.fn(*self.arrange(self.point.arguments()), **self.kwargs)
        aux = None
        if self.has_aux:
            if not isinstance(out, tuple) or len(out) != 2:
                raise ArgumentTypeError(
                    f"[{self.name}] expected a function that returns (result, other) as `has_aux` says, got {out!r}."
                )
            out, aux = out
        self.result = out
        others, self.rebuild_aux = split_tensors(self.b, aux)
        return [self.b.convert(x) for x in tree.flatten(out)], others

    def pack(self, results: Sequence[Tensor]) -> Any:
        """Tensors in the structure of the function's result."""
        return tree.pack_sequence_as(self.result, results)


def _check_argnums(name: str, argnums: Any, count: int) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not isinstance(i, int) or not -count <= i < count for i in numbers):
        raise ArgumentError(f"[{name}] expected `argnums` among the {count} positional arguments, got {argnums!r}.")
    return tuple(i % count for i in numbers)


def _prepare(
    name: str,
    fn: Callable[..., object],
    argnums: object,
    wrt: object,
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
    has_aux: bool,
) -> tuple[Any, _Run]:
    """The backend, and the function at the point that `argnums` or `wrt` chooses."""
    b = engine_of(wrt, args, kwargs)
    if wrt is not None:
        return b, _Run(name, b, fn, Point(name, b, wrt), lambda _: args, kwargs, has_aux)
    numbers = _check_argnums(name, argnums, len(args))
    single = isinstance(argnums, int)
    point = Point(name, b, args[numbers[0]] if single else tuple(args[i] for i in numbers))

    def arrange(values: Any) -> list[Any]:
        new = list(args)
        for i, v in zip(numbers, (values,) if single else values, strict=True):
            new[i] = v
        return new

    return b, _Run(name, b, fn, point, arrange, kwargs, has_aux)


def value_and_grad(
    fn: Callable[P, R], argnums: int | Sequence[int] = 0, has_aux: bool = False, wrt: object = None
) -> Callable[P, tuple[R, Any]]:
    """A function that computes the value of another and its gradient.

    Args:
        fn: returns a scalar; with `has_aux` a pair (scalar, anything else).
        argnums: the positional arguments to differentiate by, one number or several. An argument may be nested tensors,
            Variables, or a layer, which stands for its trainable variables.
        has_aux: whether `fn` returns something besides.
        wrt: nested Variables or layers to differentiate by instead of arguments.

    Returns:
        A function of the same arguments that returns (value, gradient), with `has_aux` ((value, other), gradient). The
        gradient has the structure of what it is by: for a layer the list of its trainable variables' gradients.
        Where nothing depends on a value its gradient is 0.

    Raises:
        ShapeError: if the value is not a scalar.
        DTypeError: by integers or bools.
        UnsupportedError: on an engine that does not differentiate.

    Example:

    >>> import kfront
    >>> value, slope = kfront.value_and_grad(lambda x: x**3)(2.0)
    >>> float(value), float(slope)
    (8.0, 12.0)
    """
    check_callable("value_and_grad", fn)
    return functools.wraps(fn)(_gradient("value_and_grad", fn, argnums, has_aux, wrt))


def _gradient(name: str, fn: Callable[..., object], argnums: object, has_aux: bool, wrt: object) -> AnyCallable:
    def call(*args: object, **kwargs: object) -> Any:
        b, run = _prepare(name, fn, argnums, wrt, args, kwargs, has_aux)
        return on_engine(b, _value_and_grad, b, run)

    return call


def _value_and_grad(b: Backend, run: _Run) -> Any:
    results, others, pull = b.vjp(run, run.point.holders, True)
    if len(results) != 1 or b.static_shape(results[0]) != ():
        shapes = [b.static_shape(x) for x in results]
        raise ShapeError(f"[{run.name}] expected a function that returns a scalar, got shapes {shapes}; reduce it.")
    found = run.point.pack(pull([b.ones_like(results[0])]))
    value = run.pack(results)
    return ((value, run.rebuild_aux(others)) if run.has_aux else value), found


def grad(
    fn: Callable[P, object], argnums: int | Sequence[int] = 0, has_aux: bool = False, wrt: object = None
) -> Callable[P, Any]:
    """A function that computes the gradient of another.

    Args:
        fn: returns a scalar; with `has_aux` a pair (scalar, anything else).
        argnums: the positional arguments to differentiate by; see `value_and_grad`.
        has_aux: whether `fn` returns something besides.
        wrt: nested Variables or layers to differentiate by instead of arguments.

    Returns:
        A function of the same arguments that returns the gradient, with `has_aux` (gradient, other).

    Raises:
        ShapeError: if the value is not a scalar.

    Example:

    >>> import kfront
    >>> cube = lambda x: x**3
    >>> float(kfront.grad(cube)(2.0)), float(kfront.grad(kfront.grad(cube))(2.0))
    (12.0, 12.0)
    """
    check_callable("grad", fn)
    both = _gradient("grad", fn, argnums, has_aux, wrt)

    @functools.wraps(fn)
    def call(*args: Any, **kwargs: Any) -> Any:
        value, found = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return call


def vjp(fn: AnyCallable, *primals: object, has_aux: bool = False) -> Any:
    """Value of a function, and the function that maps gradients of its result to gradients of its arguments.

    Args:
        fn: takes the primals, returns nested tensors; with `has_aux` a pair (result, anything else).
        *primals: nested tensors, Variables or layers.
        has_aux: whether `fn` returns something besides.

    Returns:
        Tuple (result, pull), with `has_aux` (result, pull, other). `pull` takes what is structured as the result,
        may be called again and again, and returns a tuple with the gradient by each primal.

    Raises:
        ArgumentTypeError: `fn` is no function.
        ArgumentError: from `pull`, for another number of tensors than the result has.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> y, pull = kfront.vjp(ops.sin, ops.array([0.0, 1.0]))
    >>> ops.convert_to_numpy(pull(ops.array([1.0, 0.0]))[0]).tolist()
    [1.0, 0.0]
    """
    check_callable("vjp", fn)
    b, run = _prepare("vjp", fn, range(len(primals)), None, primals, {}, has_aux)
    results, others, back = on_engine(b, b.vjp, run, run.point.holders)
    kinds = [b.dtype_name(x.dtype) for x in results]

    def pull(cotangents: object) -> Any:
        given = tree.flatten(cotangents)
        if len(given) != len(kinds):
            raise ArgumentError(f"[vjp] expected the {len(kinds)} tensors of the result, got {len(given)}.")
        given = [b.convert(x, k) for x, k in zip(given, kinds, strict=True)]
        return run.point.pack(on_engine(b, back, given))

    value = run.pack(results)
    return (value, pull, run.rebuild_aux(others)) if has_aux else (value, pull)


def jvp(fn: AnyCallable, primals: Any, tangents: Any, has_aux: bool = False) -> Any:
    """Value of a function and its derivative in a direction, in one forward pass.

    Args:
        fn: takes the primals, returns nested tensors; with `has_aux` a pair (result, anything else).
        primals: tuple of nested tensors, Variables or layers: where.
        tangents: the same structure: in which direction.
        has_aux: whether `fn` returns something besides.

    Returns:
        Tuple (result, derivative), with `has_aux` (result, derivative, other).

    Raises:
        ArgumentTypeError: `fn` is no function.
        ArgumentError: different numbers of primals and tangents.

    Example:

    >>> import kfront
    >>> value, slope = kfront.jvp(lambda x, y: x * y, (3.0, 2.0), (1.0, 0.0))
    >>> float(value), float(slope)
    (6.0, 2.0)
    """
    check_callable("jvp", fn)
    primals, tangents = tuple(primals), tuple(tangents)
    if len(primals) != len(tangents):
        raise ArgumentError(f"[jvp] expected a tangent for each primal, got {len(primals)} and {len(tangents)}.")
    b, run = _prepare("jvp", fn, range(len(primals)), None, primals, {}, has_aux)
    given = run.point.unpack(tangents)
    results, others, slopes = on_engine(b, b.jvp, run, run.point.holders, given)
    out = (run.pack(results), run.pack(slopes))
    return (*out, run.rebuild_aux(others)) if has_aux else out


def jacobian(
    fn: AnyCallable, argnums: int | Sequence[int] = 0, has_aux: bool = False, wrt: object = None, mode: str = "reverse"
) -> AnyCallable:
    """A function that computes all derivatives of the results of another.

    Args:
        fn: returns nested tensors; with `has_aux` a pair (tensors, anything else).
        argnums: the positional arguments to differentiate by; see `value_and_grad`.
        has_aux: whether `fn` returns something besides.
        wrt: nested Variables or layers to differentiate by instead of arguments.
        mode: "reverse" takes the gradients of all elements of the results at once; "forward" the derivatives in the
            direction of all elements of what is differentiated by, which is less work where these are fewer. Forward
            derivatives do not exist of functions with a `custom_gradient` on JAX, of loops on TensorFlow, and of few
            kernels on torch.

    Returns:
        A function of the same arguments. It returns, in the structure of the result, structures of what it is
        differentiated by, with tensors of the result's shape followed by the argument's shape; with `has_aux`
        (jacobian, other).

    Raises:
        ArgumentError: for another `mode`.
        ShapeError: if the shape of a result ("reverse") or of an argument ("forward") is not known.

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> ops.convert_to_numpy(kfront.jacobian(lambda x: x**2)(ops.array([1.0, 2.0]))).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """
    check_callable("jacobian", fn)
    return functools.wraps(fn)(_all_derivatives("jacobian", fn, argnums, has_aux, wrt, mode))


def _all_derivatives(
    name: str, fn: Callable[..., object], argnums: object, has_aux: bool, wrt: object, mode: str
) -> AnyCallable:
    if mode not in _MODES:
        raise ArgumentError(f'[{name}] expected `mode` to be "reverse" or "forward", got {mode!r}.')

    def call(*args: object, **kwargs: object) -> Any:
        b, run = _prepare(name, fn, argnums, wrt, args, kwargs, has_aux)
        return on_engine(b, _MODES[mode], b, run)

    return call


def _jacobian(b: Backend, run: _Run) -> Any:
    results, others, pull = b.vjp(run, run.point.holders)
    rows = [run.point.pack(_rows(b, results, i, pull)) for i in range(len(results))]
    out = run.pack(rows)
    return (out, run.rebuild_aux(others)) if run.has_aux else out


def _rows(b: Backend, results: Sequence[Tensor], i: int, pull: Callable[[object], object]) -> list[Any]:
    """Derivatives of one result by each holder."""
    shape = _known_shape(b, results[i], "results")
    size = math.prod(shape)
    basis = ops.reshape(ops.eye(size, dtype=b.dtype_name(results[i].dtype)), (size, *shape))
    zeros = [b.zeros_like(x) for x in results]
    found = ops.vectorized_map(lambda row: pull([*zeros[:i], row, *zeros[i + 1 :]]), basis)
    return [ops.reshape(x, (*shape, *b.static_shape(x)[1:])) for x in found]


def _known_shape(b: Any, x: object, what: str) -> tuple[int, ...]:
    shape = b.static_shape(x)
    if None in shape:
        raise ShapeError(f"[jacobian] expected {what} of known shape, got {shape}; give sizes to the inputs.")
    return shape


def _jacobian_forward(b: Backend, run: _Run) -> Any:
    """Columns first, in which nothing is assigned; then the function itself, which starts from the same state."""
    values = [h._value for h in run.point.holders]
    shapes = [_known_shape(b, x, "arguments") for x in values]
    sizes = [math.prod(s) for s in shapes]
    starts, total = [sum(sizes[:i]) for i in range(len(sizes))], sum(sizes)
    basis = [
        ops.reshape(ops.eye(total, n, -start, dtype=b.dtype_name(x.dtype)), (total, *shape))
        for x, shape, n, start in zip(values, shapes, sizes, starts, strict=True)
    ]

    def column(tangents: Any) -> list[Tensor]:
        with StatelessScope():
            return b.jvp(run, run.point.holders, list(tangents))[2]

    columns = [ops.moveaxis(x, 0, -1) for x in ops.vectorized_map(column, basis)]
    _, others = run()
    parts = [[x[..., s : s + n] for s, n in zip(starts, sizes, strict=True)] for x in columns]
    rows = [
        run.point.pack(
            [ops.reshape(p, (*b.static_shape(p)[:-1], *shape)) for p, shape in zip(row, shapes, strict=True)]
        )
        for row in parts
    ]
    out = run.pack(rows)
    return (out, run.rebuild_aux(others)) if run.has_aux else out


_MODES = {"reverse": _jacobian, "forward": _jacobian_forward}


def hessian(
    fn: AnyCallable, argnums: int | Sequence[int] = 0, has_aux: bool = False, wrt: object = None, mode: str = "reverse"
) -> AnyCallable:
    """A function that computes the second derivatives of a scalar function.

    Args:
        fn: returns a scalar; with `has_aux` a pair (scalar, anything else).
        argnums: the positional arguments to differentiate by; see `value_and_grad`.
        has_aux: whether `fn` returns something besides.
        wrt: nested Variables or layers to differentiate by instead of arguments.
        mode: how the gradient is differentiated. "forward" needs less memory; "reverse" works for all that has second
            gradients; see `jacobian`.

    Returns:
        A function of the same arguments that returns, for each pair of values, a tensor of the shape of the first
        followed by that of the second; with `has_aux` (hessian, other).

    Example:

    >>> import kfront
    >>> from kfront import ops
    >>> ops.convert_to_numpy(kfront.hessian(lambda x: ops.sum(x**3))(ops.array([1.0, 2.0]))).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    check_callable("hessian", fn)
    slope = grad(fn, argnums, has_aux, wrt)
    return functools.wraps(fn)(_all_derivatives("hessian", slope, argnums, has_aux, wrt, mode))
