"""Gradients by `tf.GradientTape`, steps by `tf.function`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.tensorflow import common, native
from kfront.backends.typing import Closure, Pair
from kfront.core import tree
from kfront.core.spec import KerasTensor
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.variable import Variable


_log = logging.getLogger("kfront")


def value_and_grad(
    fn: Callable[[], Pair[Tensor]], variables: Sequence[Variable], state: Sequence[Variable] = ()
) -> tuple[Nested[Tensor], Nested[Tensor], list[Tensor]]:
    """Value and gradients of a closure; see `Backend.value_and_grad`. `state` needs no care: writes are ops."""
    held = [native.component(v._value) for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(held)
        loss, aux = fn()
        loss = tf.convert_to_tensor(loss)
    found = tape.gradient(loss, held)
    return loss, aux, [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in found]


def compile_step(fn: Closure[Tensor], state: Callable[[], Sequence[Variable]], jit: bool | str) -> Closure[Tensor]:
    """`fn` as a graph. It is traced anew at most once more for other batch sizes (`reduce_retracing`).

    XLA is used only if `jit` is True; where it cannot compile the step, a warning is logged and the plain graph runs.
    """
    return Step(fn, jit is True)


class Step:
    """A function of nested tensors as a graph, called with little overhead.

    `tf.function` binds and hashes its signature anew at each call, which costs 100-150 us. Here the concrete function
    is looked up by structure, shapes and dtypes of the arguments, and called with a flat list.

    Args:
        fn: takes and returns nested tensors; None is allowed anywhere.
        xla: whether to compile by XLA.
    """

    def __init__(self, fn: Closure[Tensor], xla: bool = False) -> None:
        self.fn, self.xla = fn, xla
        self.graphs: dict[Any, Any] = {}  # structure -> tf.function of flat tensors
        self.ready: dict[Any, Any] = {}  # structure, shapes, dtypes -> concrete function

    def __call__(self, *args: object) -> Nested[Tensor]:
        if not tf.executing_eagerly() or tf.config.functions_run_eagerly():
            return self.fn(*args)
        leaves: list[Tensor] = []
        structure = _flatten(args, leaves)
        key = _key(structure, leaves)
        found = self.ready.get(key)
        if found is not None:
            return found._call_flat(leaves, found.captured_inputs)
        return self._first(structure, leaves, key)

    def _first(self, structure: object, leaves: list[Tensor], key: object) -> Nested[Tensor]:
        """The first call for these shapes and dtypes."""
        graph = self._traced(structure, leaves, key)
        if not self.xla:
            self._remember(graph, leaves, key)
            return graph(*leaves)
        try:
            out = graph(*leaves)
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError) as error:
            if not _from_compiler(error):
                raise
            reason = str(error).strip().splitlines()[0][:200]
            _log.warning("[jit_compile] XLA cannot compile this step, it runs as a plain graph: %s", reason)
            self.xla = False
            self.graphs.clear()
            return self._first(structure, leaves, key)
        self._remember(graph, leaves, key)
        return out

    def expect(self, full: tuple[Nested[Tensor], ...], rest: tuple[Nested[Tensor], ...]) -> None:
        """Trace for the usual shapes, and for those of the smaller last batch before it comes; nothing is run.

        Args:
            full: arguments of the usual shapes.
            rest: arguments of the other shapes.
        """
        for args in (full, rest):
            leaves: list[Tensor] = []
            structure = _flatten(args, leaves)
            key = _key(structure, leaves)
            if key not in self.ready:
                self._remember(self._traced(structure, leaves, key), leaves, key)

    def _traced(self, structure: object, leaves: list[Tensor], key: object) -> Nested[Tensor]:
        """The graph for these arguments. Other sizes relax the one that is there, unless its code needs known sizes."""
        kind = (structure, *[x.shape.rank for x in leaves])  # retracing relaxes sizes, and must not relax ranks
        graph = self.graphs.get(key) or self.graphs.get(kind)
        if graph is None:
            graph = self.graphs[kind] = self._kf_graph(structure)
        elif not tf.distribute.has_strategy():
            try:
                graph.get_concrete_function(*leaves)
            except (TypeError, ValueError):
                graph = self.graphs[key] = self._kf_graph(structure, relax=False)
        return graph

    def _remember(self, graph: object, leaves: list[Tensor], key: object) -> None:
        if tf.distribute.has_strategy() or any(x.__class__ is not _Eager for x in leaves):
            return
        made = graph.get_concrete_function(*leaves)
        if hasattr(made, "_call_flat"):  # private; without it, the slower public call stays in use
            if len(self.ready) >= 1024:
                self.ready.clear()
            self.ready[key] = made

    def _kf_graph(self, structure: object, relax: bool = True) -> Nested[Tensor]:
        xla = self.xla

        def run(*leaves: object) -> Nested[Tensor]:
            rest = iter(leaves)
            with common.target.being(fused=not xla):
                return self.fn(*_packed(structure, rest))

        return tf.function(run, autograph=False, reduce_retracing=relax, jit_compile=True if xla else None)


_Eager: type = common.EagerTensor
_LEAF = "*"


def _key(structure: object, leaves: list[Tensor]) -> Nested[Tensor]:
    """What a concrete function is found by: structure, shapes and dtypes."""
    return (structure, *[(x._shape_tuple(), x.dtype) if x.__class__ is _Eager else None for x in leaves])


def _flatten(x: Tensor, leaves: list[Tensor]) -> Nested[Tensor]:
    """The structure of nested tensors, hashable; the tensors go to `leaves`."""
    kind = x.__class__
    if kind is _Eager:
        leaves.append(x)
        return _LEAF
    if x is None:
        return None
    if kind is tuple or kind is list:
        return (kind, *[_flatten(v, leaves) for v in x])
    if kind is dict:
        return (kind, *[(k, _flatten(v, leaves)) for k, v in x.items()])
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return (kind._make, *[_flatten(v, leaves) for v in x])
    leaves.append(x if isinstance(x, tf.__internal__.CompositeTensor) else tf.convert_to_tensor(x))
    return _LEAF


def _packed(structure: object, leaves: Iterator[Tensor]) -> Nested[Tensor]:
    if structure is None:
        return None
    if structure == _LEAF:
        return next(leaves)
    kind, *parts = structure
    if kind is dict:
        return {k: _packed(v, leaves) for k, v in parts}
    return kind([_packed(v, leaves) for v in parts])


def _from_compiler(error: Exception) -> bool:
    """Whether an error came from XLA and not from the computation (nothing has run, so it can be run again)."""
    text = str(error)
    return any(s in text for s in ("XLA", "compil", "unsupported", "Unsupported", "must be a compile-time constant"))


def compile_loop(fn: Closure[Tensor], state: Callable[[], Sequence[Variable]], jit: bool | str) -> Closure[Tensor]:
    """Several batches in one graph call; see `Backend.compile_loop`.

    The first batch is run before the loop, which gives the loop its result structure. Batches whose shapes differ
    (the last one) are run one by one.
    """
    step = compile_step(fn, state, jit)

    def many(*batches: object) -> Nested[Tensor]:
        leaves = [tf.nest.flatten(b) for b in batches]
        stacked = [None if column[0] is None else tf.stack(column) for column in zip(*leaves, strict=True)]
        first = fn(*batches[0])
        results = [_tensor(x) for x in tf.nest.flatten(first)]

        def body(i: int | Tensor, last: Any) -> Nested[Tensor]:
            row = [None if column is None else column[i] for column in stacked]
            new = tf.nest.flatten(fn(*tf.nest.pack_sequence_as(batches[0], row)))
            kept = [_tensor(x) for x in new if x is not None]
            return i + 1, [tf.ensure_shape(x, o.shape) for x, o in zip(kept, last, strict=True)]

        start = (tf.constant(1), [x for x in results if x is not None])
        _, last = tf.while_loop(lambda i, _: i < len(batches), body, start, parallel_iterations=1)
        rest = iter(last)
        return tf.nest.pack_sequence_as(first, [None if x is None else next(rest) for x in results])

    loop = compile_step(many, state, jit)

    def run(batches: Nested[Tensor]) -> Nested[Tensor]:
        batches = [tuple(b) for b in batches]
        if len(batches) > 1 and _alike(batches):
            return loop(*batches)
        out = None
        for batch in batches:
            out = step(*batch)
        return out

    run.expect = getattr(step, "expect", None)  # type: ignore[attr-defined]
    return run


def _tensor(x: Tensor) -> Nested[Tensor]:
    return None if x is None else tf.convert_to_tensor(x)


def _alike(batches: Sequence[Tensor]) -> bool:
    """Whether all batches have the same shapes."""
    first = [getattr(x, "shape", None) for x in tf.nest.flatten(batches[0])]
    return all([getattr(x, "shape", None) for x in tf.nest.flatten(b)] == first for b in batches[1:])


def cannot_trace(error: Exception) -> bool:
    """Whether an error says that a symbolic tensor has no value or truth."""
    if isinstance(error, tf.errors.OperatorNotAllowedInGraphError):
        return True
    text = str(error)
    return isinstance(error, (TypeError, AttributeError, NotImplementedError)) and "ymbolic" in text


def compute_spec(convert: Closure[Tensor], fn: Closure[Tensor], args: object, kwargs: object) -> object:
    """Outputs of `fn` on KerasTensors: it is traced, nothing runs.

    Args:
        convert: makes an abstract value of a traced tensor.
        fn: code on TensorFlow tensors.
        args: positional arguments, KerasTensors at the places of tensors.
        kwargs: keyword arguments, likewise.
    """
    leaves = tree.flatten((args, kwargs))
    places = [i for i, x in enumerate(leaves) if isinstance(x, KerasTensor)]
    specs = [tf.TensorSpec(leaves[i].shape, leaves[i].dtype) for i in places]
    found: list[Any] = []

    def traced(*tensors: Nested[Tensor]) -> None:
        values = list(leaves)
        for i, t in zip(places, tensors, strict=True):
            values[i] = t
        a, k = tree.pack_sequence_as((args, kwargs), values)
        found.append(tree.map_structure(convert, fn(*a, **k)))

    tf.function(traced, autograph=False).get_concrete_function(*specs)
    return found[-1]
