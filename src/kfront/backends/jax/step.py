"""JAX: gradients of closures over Variables, and compiled steps that keep their state in Variables."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.extend.core import jaxpr_as_fun

from kfront.backends.jax.common import TRACER, at_top, on_cpu
from kfront.backends.jax.native import Journal, Reads, Trace, journaling, recomputing, store
from kfront.backends.jax.step_state import Borrowed, StepState, copy_of
from kfront.backends.typing import Closure, Pair
from kfront.core.errors import UnsupportedError
from kfront.core.operators import VariableBase
from kfront.core.spec import is_text
from kfront.core.state import state as scopes
from kfront.core.typing import Nested
from kfront.core.variable import bind

if TYPE_CHECKING:
    from kfront.core.variable import Variable


def value_and_grad(
    fn: Callable[[], Pair[Array]], variables: Sequence[Variable], state: Sequence[Variable] = ()
) -> tuple[Nested[Array], Nested[Array], list[Array]]:
    """Value and gradients of a closure; what it assigned is in the Variables afterwards.

    Args:
        fn: no arguments, returns (scalar loss, anything else).
        variables: Variables to differentiate by.
        state: Variables that `fn` may assign (those it does assign are found without).

    Returns:
        (loss, the other result, gradients in the order of `variables`, None for those that are not floating).
    """
    chosen = [v for v in variables if jnp.issubdtype(v._value.dtype, jnp.inexact)]
    written: list[Variable] = []

    def run(values: list[Array]) -> Pair[Array]:
        with bind(chosen, values), Journal() as journal:
            loss, aux = fn()
            written[:] = journal.written()
            return loss, (aux, [v._value for v in written])

    (loss, (aux, new)), found = jax.value_and_grad(run, has_aux=True)([v._value for v in chosen])
    for v, x in zip(written, new, strict=True):
        store(v, x)
    by_id = {id(v): g for v, g in zip(chosen, found, strict=True)}
    return loss, aux, [by_id.get(id(v)) for v in variables]


class _Stale(Exception):
    """The set of Variables is not the one the step was prepared for."""


def _ordered(x: Array) -> Nested[Array]:
    """`x` with dicts as OrderedDicts: JAX returns those in their order, and plain dicts sorted."""
    if type(x) is dict:
        return OrderedDict((k, _ordered(v)) for k, v in x.items())
    if type(x) in (list, tuple):
        return type(x)(_ordered(v) for v in x)
    return x.value if isinstance(x, VariableBase) else x


def _checking() -> bool:
    """Whether JAX looks for NaN or infinity in what compiled code returns."""
    return bool(jax.config.jax_debug_nans or jax.config.jax_debug_infs)


class _Compiled:
    """A function compiled twice, as a step needs it.

    Args:
        fn: the function.
        recomputes: whether it computes something again for its gradient.

    Attributes:
        donating: its first argument is donated.
        keeping: it is not, while JAX checks results: JAX then runs the function again, op by op.
        inside: to be called where JAX traces, which takes no options for compilation there.
    """

    def __init__(self, fn: Callable[..., Any], recomputes: bool) -> None:
        # on CPUs XLA would join both computations again, and keep all (conformance/upstream/jax/recomputed_on_cpu.py)
        options = {"xla_disable_hlo_passes": "cse_barrier_expander"} if recomputes and on_cpu() else None
        self.donating: Any = jax.jit(fn, donate_argnums=0, compiler_options=options)
        self.keeping: Any = jax.jit(fn, compiler_options=options)
        self.inside: Any = jax.jit(fn, donate_argnums=0) if options else None

    def chosen(self) -> Any:
        """The one to call now."""
        if self.inside is not None and not at_top():
            return self.inside
        return self.keeping if _checking() else self.donating


class Step:
    """A function over Variables, compiled: values go in, the new ones come out and are written straight back.

    Values of Variables that `fn` assigns are donated: their old buffers are reused for the new ones. An array that
    somebody else may have is copied first (`step_state.py`), so that nobody's array is taken away.

    Args:
        fn: takes nested tensors, reads and assigns Variables, returns nested tensors.
        state: gives the list of Variables; asked when the step is traced.
    """

    def __init__(self, fn: Closure[Array], state: Callable[[], Sequence[Variable]]) -> None:
        self.fn, self.state = fn, state
        self.variables: list[Variable] = []
        self.extra: list[Variable] = []  # read or assigned by `fn`, but not in `state()`
        self.written: list[Variable] = []
        self.read: list[Variable] = []
        self.traced: tuple[Any, Any] | None = None
        self.compiled: Any = None
        self.recomputes = False
        self.resident = StepState([])

    # -- tracing ------------------------------------------------------------------------------------------------------

    def _ask(self) -> list[Array]:
        found = {id(v): v for v in self.state()}
        found.update((id(v), v) for v in self.extra)
        return list(found.values())

    def _kf_run(self, values: Sequence[Array], args: object) -> tuple[list[Array], Any]:
        """Trace `fn`: (new values of the Variables, output)."""
        variables = self.variables
        with Trace(), bind(variables, values), Reads() as reads, Journal() as journal:
            out = _ordered(self.fn(*args))
            new = [x if v._value is x else v._outcome() for v, x in zip(variables, values, strict=True)]
            known = {id(v) for v in variables}
            missed = {id(v): v for v in journal.written()}
        missed.update((i, v) for i, v in reads.items() if not isinstance(v._value, TRACER))
        if not missed.keys() <= known:
            self.extra += [v for i, v in missed.items() if i not in known]
            raise _Stale
        return new, out

    def prepare(self, args: tuple[Nested[Array], ...]) -> None:
        """Trace once to learn which Variables are assigned; the trace is kept for the compilation."""
        if any(map(is_text, jax.tree_util.tree_leaves(args))):
            raise UnsupportedError(
                "[jax] expected numbers in a compiled step, got strings, which JAX has no arrays of; compile the model "
                "with `run_eagerly=True`, or apply the layers for strings to the data before."
            )
        outer, recomputing.seen = recomputing.seen, False
        while True:
            self.variables = self._ask()
            try:
                jaxpr, shapes = jax.make_jaxpr(self._kf_run, return_shape=True)(
                    [v._value for v in self.variables], args
                )
            except _Stale:
                continue
            if len(self._ask()) == len(self.variables):  # else `fn` made Variables: they are state as well
                break
        inner = jaxpr.jaxpr
        same = [o is i for o, i in zip(inner.outvars, inner.invars, strict=False)][: len(self.variables)]
        self.written = [v for v, kept in zip(self.variables, same, strict=True) if not kept]
        self.read = [v for v, kept in zip(self.variables, same, strict=True) if kept]
        self.traced = (jaxpr, jax.tree_util.tree_structure(shapes))
        self.recomputes, recomputing.seen = recomputing.seen, outer or recomputing.seen
        self.compiled = _Compiled(self.pure, self.recomputes)
        self.resident = StepState(self.written)

    def pure(self, written: Sequence[Variable], read: Sequence[Array], args: object) -> tuple[list[Array], Any]:
        """The step as a function of values: (new values of `written`, output)."""
        new = dict(zip(map(id, self.written), written, strict=True))
        new.update(zip(map(id, self.read), read, strict=True))
        values = [new[id(v)] for v in self.variables]
        if self.traced is not None:
            (jaxpr, structure), self.traced = self.traced, None
            flat = jaxpr_as_fun(jaxpr)(*jax.tree_util.tree_leaves((values, args)))
            after, out = jax.tree_util.tree_unflatten(structure, flat)
        else:
            if [id(v) for v in self._ask()] != [id(v) for v in self.variables]:
                raise _Stale
            after, out = self._kf_run(values, args)
        changed = {id(v): x for v, x, old in zip(self.variables, after, values, strict=True) if x is not old}
        if not changed.keys() <= set(map(id, self.written)):
            raise _Stale
        outcome = [changed.get(id(v), new[id(v)]) for v in self.written]
        return outcome, _apart(out, [*outcome, *read])

    # -- running ------------------------------------------------------------------------------------------------------

    def step(self, *args: object) -> Nested[Array]:
        """Run it once."""
        if self.compiled is None:
            self.prepare(args)
        try:
            return self._execute(self.compiled, args)
        except _Stale:
            self.compiled = None
            return self.step(*args)

    __call__ = step

    def _execute(self, pair: _Compiled, args: object) -> Nested[Array]:
        checking = _checking()
        compiled = pair.chosen()
        # read before the lock is taken: another step, in another thread, may have these
        with Borrowed(self.read) as read:
            if journaling() or scopes.stateless is not None:
                return self._execute_inside(compiled, read, args)
            state, results = self.resident, []
            with state as values:
                try:
                    # not a plain call: an interruption (Ctrl-C) that comes while it runs is raised before its result
                    # could be bound to a name, and with the result the state would be lost, whose old buffers are gone
                    # JAX that looks for NaN may run the step op by op, which takes the values from the state
                    given = list(values) if checking else values
                    results.extend(map(compiled, (given,), (read,), (args,)))
                    ((new, out),) = results
                    state.put(new)
                    return out
                except BaseException as error:
                    if results:
                        state.put(results[0][0])
                    _explain(error, self.written)
                    raise

    def _execute_inside(self, compiled: Any, read: list[Variable], args: object) -> Nested[Array]:
        """Inside another transform or a scope, to which the new values belong."""
        try:
            new, out = compiled([copy_of(v._value) for v in self.written], read, args)
        except BaseException as error:
            _explain(error, self.written)
            raise
        for v, x in zip(self.written, new, strict=True):
            if journaling():
                store(v, x)
            else:
                v._value = x
        return out

    def expect(self, full: tuple[Nested[Array], ...], rest: tuple[Nested[Array], ...]) -> None:
        """Compile for the smaller last batch before it comes; nothing is changed.

        Args:
            full: arguments of the usual shapes.
            rest: arguments of the other shapes.
        """
        if self.compiled is None:
            self.prepare(rest)
        with Borrowed([*self.written, *self.read]) as values:
            count = len(self.written)
            self.compiled.chosen()(list(map(copy_of, values[:count])), values[count:], rest)


def _apart(out: Nested[Array], values: Sequence[Array]) -> Nested[Array]:
    """`out`, with copies where it is the value of a Variable: an array that is handed out is not one to be donated."""
    own = set(map(id, values))
    return jax.tree_util.tree_map(lambda x: jnp.copy(x) if id(x) in own else x, out)


def _explain(error: BaseException, variables: Sequence[Variable]) -> None:
    """Say so where a failed execution has taken the state with it; otherwise the Variables hold what they held."""
    lost = [v.path for v in variables if not isinstance(v._value, TRACER) and v._value.is_deleted()]
    if lost and hasattr(error, "add_note"):
        error.add_note(
            f"[compile_step] the values of {len(lost)} variables ({', '.join(lost[:3])}, ...) were given to the step "
            "that failed and are lost; load the weights again before going on."
        )


class Loop(Step):
    """A step run over a list of batches in one go on the device (`lax.scan`).

    It is compiled for one number of batches; a list of another length, or of batches that differ in shape, runs step
    by step.

    Args:
        fn, state: as for a step.
        count: the number of batches; that of the first list, if None.
    """

    looped: Any = None

    def __init__(self, fn: Closure[Array], state: Callable[[], Sequence[Variable]], count: int | None = None) -> None:
        super().__init__(fn, state)
        self.count = count

    def many(self, written: Sequence[Variable], read: Sequence[Array], stacked: Nested[Array]) -> Pair[Array]:
        """All steps: (new values of `written`, the last output)."""
        written, outputs = lax.scan(lambda values, args: self.pure(values, read, args), list(written), stacked)
        return written, jax.tree_util.tree_map(lambda y: y[-1], outputs)

    def prepare(self, args: tuple[Nested[Array], ...]) -> None:
        """As for a step."""
        super().prepare(args)
        self.looped = _Compiled(self.many, self.recomputes)

    def __call__(self, batches: Iterable[Any]) -> Nested[Array]:  # type: ignore[override]
        """Run on each batch (a tuple of arguments); returns the last output."""
        batches = [tuple(b) for b in batches]
        if self.count is None and len(batches) > 1:
            self.count = len(batches)
        stacked = _stack(batches) if len(batches) == self.count and not _checking() else None
        if stacked is None:
            out = None
            for batch in batches:
                out = self.step(*batch)
            return out
        if self.looped is None:
            self.prepare(batches[0])
        try:
            return self._execute(self.looped, stacked)
        except _Stale:
            self.looped = self.compiled = None
            return self(batches)


def _stack(batches: list[Any]) -> Nested[Array]:
    """Batches stacked along a new first axis, None if they differ."""
    flat, structures = zip(*map(jax.tree_util.tree_flatten, batches), strict=True)
    if any(s != structures[0] for s in structures[1:]):
        return None
    columns = []
    for column in zip(*flat, strict=True):
        first = column[0]
        if any(np.shape(x) != np.shape(first) or x.dtype != first.dtype for x in column[1:]):
            return None
        columns.append(np.stack(column) if isinstance(first, np.ndarray) else jnp.stack(column))
    return jax.tree_util.tree_unflatten(structures[0], columns)
