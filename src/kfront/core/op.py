"""`@op`: an op is declared once; dispatch, dtype promotion, shape inference and graph recording follow from it.

An op with an empty body is a *primitive*: every backend implements it. An op with a body is *composed*: the body is
the implementation and, run on `Abstract` values, the inference. A backend may override a composed op by defining its
name. For each op a dispatcher with the exact signature is generated. It calls the backend at once when every tensor
operand is a native tensor whose dtype the rule leaves alone; everything else goes through `Op.slow`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Sequence
from inspect import CO_VARARGS
from types import FunctionType
from typing import Any, NoReturn, TypeVar

import numpy as np

from kfront.core import arguments, memo, sparse, tree
from kfront.core.dtypes import WEAK, standardize
from kfront.core.errors import ArgumentError, ArgumentTypeError, KfrontError, ShapeError, UnsupportedError
from kfront.core.op_registry import OPS, Declared
from kfront.core.operation import record_op
from kfront.core.operators import VariableBase
from kfront.core.settings import is_traceback_filtering_enabled, on_floatx
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import current, state
from kfront.core.typing import AnyCallable, Backend, Tensor

_NONE = type(None)
_LIST = "list"
_OF_WRONG_KINDS = (TypeError, AttributeError, IndexError, KeyError, ZeroDivisionError)
F = TypeVar("F", bound=AnyCallable)


class Op(Declared):
    """One declared op.

    Attributes:
        name: public name, also the name of the backend's implementation.
        parameters: names of the parameters, in order.
        body: the composed body, or None for a primitive.
        tensors: names of the tensor parameters; the first parameter only when `listed`.
        listed: whether the first parameter is a list of tensors.
        static: names of the other parameters.
        annotations: of the parameters, as they are written.
        rule: dtype rule or None.
        shape: shape rule (primitives).
        weak: whether the native form takes Python scalars as they are.
        zeros: what it does with zeros of sparse operands, see `kfront.core.sparse.ZEROS`.
        fuse: whether a backend may compile the body as one.
        public: the dispatcher that was generated for it.
        plans: cast plans by operand dtypes, filled as they are met.
        inferred: results of inference by what they depend on, see `kfront.core.memo`.
    """

    def __init__(
        self,
        fn: AnyCallable,
        tensors: Any,
        dtype: Any,
        shape: Any,
        weak: bool,
        name: str,
        prepare: dict[str, AnyCallable],
        zeros: str,
        fuse: bool,
    ) -> None:
        self.name = name
        self.prepare, self.zeros, self.fuse = prepare, zeros, fuse
        code = fn.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & CO_VARARGS)]
        self.parameters: tuple[str, ...] = names
        self.annotations = fn.__annotations__
        self.listed = tensors == _LIST
        if self.listed:
            self.tensors = names[:1]
        else:
            self.tensors = names[:tensors] if isinstance(tensors, int) else tuple(tensors)
        self.static = tuple(n for n in names if n not in self.tensors)
        self.primitive = shape is not None
        self.body = None if self.primitive else fn
        self.rule, self.shape, self.weak = dtype, shape, weak
        self.sparse_at = self.static.index("sparse") if "sparse" in self.static else None
        self.static_dtype = getattr(dtype, "wants_static", False)
        defaults: Any = fn.__defaults__ or ()
        positional = names[: code.co_argcount]
        pairs = zip(positional[len(positional) - len(defaults) :], defaults, strict=True)
        self.optional = frozenset(n for n, default in pairs if default is None)
        self.nullable = self.optional | {n for n, a in fn.__annotations__.items() if "None" in str(a).split(" | ")}
        self.cast_always = frozenset() if self.rule is None or self.static_dtype else self._cast_always()
        self.plans: dict[object, tuple[str | None, ...]] = {}
        self.inferred: dict[object, object] = {}
        self.arrange: AnyCallable = lambda f, t, s: f(*t, *s)
        self.public = _generate(self, fn)
        OPS[name] = self

    def __reduce__(self) -> tuple[object, ...]:
        return _named_op, (self.name,)

    def _cast_always(self) -> frozenset[str]:
        """Optional operands that the rule gives a dtype of their own, as a bool mask: only without is a call fast."""
        try:
            cast = self.rule(*("float32",) * len(self.tensors))[0]
        except Exception:  # a rule of other dtypes
            return frozenset()
        pairs = zip(self.tensors, cast, strict=False) if isinstance(cast, tuple) else ()
        return frozenset(n for n, c in pairs if n in self.optional and c not in (None, "float32"))

    # -- the general path -------------------------------------------------------------------------------------------

    def slow(self, b: Backend, tensors: Any, static: tuple[Any, ...]) -> Any:
        """Convert, promote and run; or infer and record when a symbolic value is among the operands."""
        if not b:
            b = current()
        if self.listed:
            return self._slow_list(b, tensors[0], static)
        if any(type(x) is np.float64 for x in tensors):
            tensors = _python_floats(b, tensors)
        values, key, symbolic = self._operands(b, tensors)
        if symbolic or any(_symbolic(s) for s in static):
            return self.symbolic(tensors, static)
        if any(map(b.is_sparse, values)):
            return sparse.run(self, b, values, key, static)
        try:
            if self.rule is not None:
                values = self._cast(b, values, key, static)
            return self.arrange(getattr(b, self.name), values, static)
        except Exception as error:
            return self.fail(b, error, tensors, static)

    def _slow_list(self, b: Backend, items: Any, static: tuple[object, ...]) -> Any:
        if not isinstance(items, (list, tuple)) and not hasattr(items, "shape"):
            raise ArgumentTypeError(
                f"[{self.name}] expected a list of tensors as `{self.tensors[0]}`, got {type(items).__name__}."
            )
        items = _python_floats(b, items)
        if not items:
            raise ShapeError(f"[{self.name}] expected at least one tensor in `{self.tensors[0]}`, got none.")
        values, key, symbolic = self._operands(b, items)
        if symbolic:
            return self.symbolic((items,), static)
        if any(map(b.is_sparse, values)):
            return sparse.run(self, b, values, key, static)
        values = [b.convert(v) if type(v) in WEAK and self.rule is None else v for v in values]
        try:
            if self.rule is not None:
                values = self._cast(b, values, key, static)
            return getattr(b, self.name)(list(values), *static)
        except Exception as error:
            return self.fail(b, error, (items,), static)

    def _operands(self, b: Backend, tensors: Sequence[Any]) -> tuple[list[Any], list[Any], bool]:
        """Native values, their dtypes, and whether one is symbolic."""
        key: list[object] = [b.name]
        values, types, symbolic = [], b.types, False
        for x in tensors:
            kind = type(x)
            if kind in types:
                key.append(x.dtype)
            elif kind in WEAK or x is None:
                key.append(kind)
            elif isinstance(x, KerasTensor):
                symbolic = True
            else:
                x = x._tensor if isinstance(x, VariableBase) and x._kf_backend is b else b.convert(x)
                key.append(x.dtype)
            values.append(x)
        return values, key, symbolic

    def _cast(self, b: Backend, values: Sequence[Any], key: list[Any], static: tuple[Any, ...]) -> list[Any]:
        keep = not self.static_dtype and not b.compiling()  # a compiler would watch the growing dict
        plan = self.plans.get(k := tuple(key)) if keep else None
        if plan is None:
            names = [d if d in WEAK else None if d is _NONE else b.dtype_name(d) for d in key[1:]]
            try:
                plan = self.plan(names, static)
            except KfrontError as error:
                self.named(error)
            if keep:
                self.plans[k] = plan
        return [v if c is None else _apply(b, v, c) for v, c in zip(values, plan, strict=True)]

    def plan(self, dtypes: Sequence[object], static: tuple[Any, ...]) -> tuple[str | None, ...]:
        """The dtype that each operand is converted to, None to leave it as it is."""
        for name, have in zip(self.tensors, dtypes, strict=False):
            if have is None and name not in self.nullable:
                raise ArgumentTypeError(f"expected `{name}` to be a tensor, got None.")
        cast, _ = self.dtype_of(dtypes, static)
        wanted = cast if isinstance(cast, (tuple, list)) else (cast,) * len(dtypes)
        scalars_only = all(d in WEAK or d is None for d in dtypes)
        out: list[str | None] = []
        for have, want in zip(dtypes, wanted, strict=True):
            if have is None:
                out.append(None)
            elif have in WEAK:
                as_it_is = self.weak and not scalars_only and (have is not bool or want == "bool")
                out.append(None if as_it_is else want or _default(have))
            else:
                out.append(None if want in (None, have) else want)
        return tuple(out)

    def dtype_of(self, dtypes: Sequence[Any], static: tuple[Any, ...]) -> tuple[Any, Any]:
        """Apply the dtype rule: (cast, result)."""
        if self.static_dtype:
            return self.rule(tuple(dtypes), **dict(zip(self.static, static, strict=True)))
        return self.rule(*dtypes)

    # -- symbolic values --------------------------------------------------------------------------------------------

    def infer(self, tensors: Any, static: tuple[Any, ...]) -> Any:
        """The Abstract result(s) for operands given as specs, native tensors or Python scalars."""
        operands = [_abstract(x) for x in (tensors[0] if self.listed else tensors)]
        work_out = self._by_rule if self.primitive else self._by_body
        try:
            out = memo.recalled(self.inferred, memo.key_of(operands, static), work_out, operands, static)
        except KfrontError as error:
            self.named(error)
        if self.sparse_at is not None and static[self.sparse_at]:
            sparse.check(state.backend or current())
            out.sparse = True
        return out

    def _by_body(self, operands: list[object], static: tuple[Any, ...]) -> Any:
        if self.rule is not None:
            operands = self._cast_specs(operands, static)
        return self.arrange(self.body, (operands,) if self.listed else operands, static)

    def _by_rule(self, operands: list[Any], static: tuple[Any, ...]) -> Any:
        named = dict(zip(self.static, static, strict=True))
        result = self.dtype_of(_dtypes(operands), static)[1] if self.rule is not None else None
        shapes = self.shape(operands, **named) if self.listed else self.shape(*operands, **named)
        if type(shapes) is list:
            kinds = result if isinstance(result, (list, tuple)) else [result] * len(shapes)
            return tuple(Abstract(s, d) for s, d in zip(shapes, kinds, strict=True))
        return Abstract(shapes, result)

    def _cast_specs(self, operands: list[object], static: tuple[object, ...]) -> list[object]:
        plan = self.plan(_dtypes(operands), static)
        return [
            Abstract(x.shape if isinstance(x, KerasTensor) else (), c) if c is not None else x
            for x, c in zip(operands, plan, strict=True)
        ]

    def symbolic(self, tensors: Any, static: tuple[Any, ...]) -> Any:
        """Infer; record a node when a KerasTensor that is not `Abstract` is among the operands."""
        out = self.infer(tensors, static)
        leaves = [x for x in tree.flatten((tensors, static)) if isinstance(x, KerasTensor)]
        if any(x.sparse for x in leaves) and isinstance(out, Abstract) and not out.sparse:
            out.sparse = sparse.is_sparse_result(self, tensors[0] if self.listed else tensors, static)
        return record_op(self, tensors, static, out) if any(type(x) is not Abstract for x in leaves) else out

    def named(self, error: KfrontError) -> NoReturn:
        """Raise `error` with the op's name in front of its message, unless it begins with a name."""
        if str(error).startswith("["):
            raise error
        raise type(error)(f"[{self.name}] {error}") from None

    def fail(self, b: Backend, error: Exception, tensors: Any, static: tuple[object, ...]) -> Any:
        """Raise what went wrong in the engine as the same exception class on every engine, where the rules tell.

        What an engine cannot do with a sparse operand, a switch that is no bool or a number in place of a tensor is
        left to the general path.
        """
        operands = tensors[0] if self.listed else tensors
        if any(map(b.is_sparse, operands)):
            return self.slow(b, tensors, static)
        if not isinstance(error, UnsupportedError):
            arguments.check(self, operands, static)
            if (plain := arguments.settled(self, static)) is not static:
                return self.slow(b, tensors, plain)
            if not self.listed and any(type(x) in WEAK for x in tensors):
                return self.slow(b, tuple(b.convert(x) if type(x) in WEAK else x for x in tensors), static)
            try:
                self.infer(tensors, static)
            except KfrontError as explained:
                if is_traceback_filtering_enabled():
                    error.__traceback__ = None  # many frames of the engine, which tell less
                raise explained from error
            except Exception:
                self._refuse_kinds(error, static)
                raise error from None
        if isinstance(error, KfrontError):
            self.named(error)
        self._refuse_kinds(error, static)
        if isinstance(error, b.refusals):
            raise ArgumentError(f"[{self.name}] expected matrices that it is defined for: {error}") from error
        raise error

    def _refuse_kinds(self, error: Exception, static: tuple[object, ...]) -> None:
        """Refuse the arguments of a composed op if Python failed at their kinds, and not in a function of a user."""
        if self.body is not None and type(error) in _OF_WRONG_KINDS and not any(map(callable, static)):
            raise ArgumentTypeError(f"[{self.name}] expected arguments that fit, got others: {error}.") from error


def _python_floats(b: Backend, items: Iterable[Any]) -> list[Any]:
    """Operands with NumPy's scalars of float64 as the Python floats that they are by class, unless they are tensors."""
    return [float(x) if type(x) is np.float64 and np.float64 not in b.types else x for x in items]


def _symbolic(x: Tensor) -> bool:
    """Whether a static argument is symbolic, or a shape with a symbolic dimension."""
    if x.__class__ is tuple or x.__class__ is list:
        return any(isinstance(i, KerasTensor) for i in x)
    return isinstance(x, KerasTensor)


def _forget_plans() -> None:
    for one in OPS.values():
        one.plans.clear()


on_floatx.append(_forget_plans)


def _named_op(name: str) -> Op:
    return OPS[name]


def _apply(b: Backend, value: Any, dtype: str) -> Any:
    if type(value) not in WEAK:
        return b.cast(value, dtype)
    return b.convert(int(value) if value.__class__ is bool and dtype != "bool" else value, dtype)


def _default(kind: type) -> str:
    return standardize(kind)


def _dtypes(operands: Sequence[object]) -> list[Any]:
    """Names, the types of Python scalars, and None for what is absent."""
    return [x.dtype if isinstance(x, KerasTensor) else None if x is None else type(x) for x in operands]


def _abstract(x: Tensor) -> Any:
    if x is None or type(x) in WEAK or type(x) is Abstract:
        return x
    if isinstance(x, KerasTensor):
        return Abstract(x.shape, x.dtype)
    if isinstance(x, VariableBase):
        return Abstract(x.shape, state.autocast if state.autocast and x._autocast_now() else x.dtype)
    b = state.backend or current()
    if not b.is_tensor(x):
        x = b.convert(x)
    return Abstract(b.static_shape(x), b.dtype_name(x.dtype))


# ---- the generated dispatcher --------------------------------------------------------------------------------------

_FIXED = """def {name}({signature}):
{prepare}    _b = _state.backend
    try:
        if {fast}:
            return _b.{name}({arguments})
    except Exception as _error:
        return _op.fail(_b, _error, ({tensors}), ({static}))
    return _op.slow(_b, ({tensors}), ({static}))
"""

_ALWAYS_SLOW = """def {name}({signature}):
{prepare}    return _op.slow(_state.backend, ({tensors}), ({static}))
"""

_LISTED = """def {name}({signature}):
{prepare}    _b = _state.backend
    if ({x}.__class__ is list or {x}.__class__ is tuple) and {x}:
        _types = _b.types
        _dtype = getattr({x}[0], "dtype", None)
        for _item in {x}:
            if type(_item) not in _types or _item.dtype != _dtype:
                break
        else:
            if _dtype in _b.ok_{name}:
                try:
                    return _b.{name}(list({x}), {static})
                except Exception as _error:
                    return _op.fail(_b, _error, ({x},), ({static}))
    return _op.slow(_b, ({x},), ({static}))
"""

_COUNT = """    if {n}.__class__ is not int{optional}:
        _check_count("{name}", "{n}", {n})
"""

_PREPARE = """    try:
{steps}    except _KfrontError as _error:
        _op.named(_error)
"""


def _fast_test(one: Op) -> str:
    """Condition under which operands need no conversion: native, of one dtype that the rule leaves alone."""
    keeps = one.rule is None or getattr(one.rule, "keeps", False)
    if not one.tensors:  # creation: nothing to convert, unless the shape has a symbolic dimension
        return "_b.types and shape.__class__ is tuple" if keeps and one.static == ("shape", "dtype") else ""
    if one.static_dtype and not keeps:
        return ""
    first = one.tensors[0]
    tests = [f"type({first}) in _b.types"]
    tests += [f"{n}.__class__ is tuple" for n, f in one.prepare.items() if getattr(f, "gives_tuple", False)]
    if not keeps:
        tests.append(f"(_dtype := {first}.dtype) in _b.ok_{one.name}")
    for x in one.tensors[1:]:
        test = f"type({x}) in _b.types"
        if not keeps:
            test += f" and _dtype == {x}.dtype"
        none = f"{x} is None" if x in one.cast_always else f"({x} is None or {test})"
        tests.append(none if x in one.optional else test)
    pairs = itertools.permutations(one.tensors) if one.weak and len(one.tensors) == 2 else ()
    return " or ".join([" and ".join(tests), *(_beside_a_number(one.name, x, y) for x, y in pairs)])


def _beside_a_number(name: str, x: str, y: str) -> str:
    """Condition for a tensor and a Python number that takes its dtype: the native form takes both as they are."""
    if_int = f"{y}.__class__ is int and {x}.dtype in _b.oki_{name}"
    return f"type({x}) in _b.types and ({x}.dtype in _b.okf_{name} if {y}.__class__ is float else {if_int})"


def _comma(names: Iterable[str]) -> str:
    return "".join(f"{n}, " for n in names)


def _source(one: Op, fn: FunctionType) -> str:
    """The dispatcher as code: it has the op's own name and parameters, nothing is looked up that could be written."""
    positional = one.parameters[: len(one.parameters) - fn.__code__.co_kwonlyargcount]
    named = one.parameters[len(positional) :]
    steps = "".join(f"        {n} = _prepare_{n}({n})\n" for n in one.prepare)
    kinds = {"int": "", "int | None": " and {n} is not None"}
    counts = [(n, kinds[one.annotations[n]]) for n in one.static if one.annotations.get(n) in kinds]
    checks = "".join(_COUNT.format(n=n, name=one.name, optional=more.format(n=n)) for n, more in counts)
    fast = "" if one.listed else _fast_test(one)
    form = _LISTED if one.listed else _FIXED if fast else _ALWAYS_SLOW
    return form.format(
        name=one.name,
        signature=", ".join([*positional, *(["*", *named] if named else [])]),
        prepare=checks + (_PREPARE.format(steps=steps) if steps else ""),
        fast=fast,
        arguments=", ".join(one.parameters),
        tensors=_comma(one.tensors),
        static=_comma(one.static),
        x=one.tensors[0] if one.listed else "",
    )


@functools.cache
def _arrangement(order: str) -> AnyCallable:
    return eval(f"lambda f, t, s: f({order})")


def _generate(one: Op, fn: Callable[..., object]) -> AnyCallable:
    ns: dict[str, Any] = {"__builtins__": __builtins__}  # dynamo wants them
    ns |= {"_state": state, "_op": one, "_KfrontError": KfrontError, "_check_count": arguments.check_count}
    ns |= {f"_prepare_{n}": f for n, f in one.prepare.items()}
    exec(compile(_source(one, fn), f"<op {one.name}>", "exec"), ns)
    dispatcher = ns.pop(one.name)
    dispatcher.__defaults__, dispatcher.__kwdefaults__ = fn.__defaults__, fn.__kwdefaults__
    if one.parameters != (*one.tensors, *one.static):
        where = {n: f"t[{i}]" for i, n in enumerate(one.tensors)} | {n: f"s[{i}]" for i, n in enumerate(one.static)}
        one.arrange = _arrangement(", ".join(where[n] for n in one.parameters))
    dispatcher.op = one
    return functools.wraps(fn)(dispatcher)


def op(
    tensors: int | str | tuple[str, ...] = 1,
    dtype: object = None,
    shape: Any = None,
    *,
    weak: bool = False,
    name: str | None = None,
    prepare: dict[str, Callable[[Any], Any]] | None = None,
    zeros: str = "refused",
    fuse: bool = False,
    home: str | None = None,
    aliases: Sequence[str] = (),
    call_args: Sequence[str] | None = None,
    class_name: str | None = None,
) -> Callable[[F], F]:
    """Declare an op.

    Args:
        tensors: how many of the first parameters are tensors, or their names, or ``"list"`` when the first parameter
            is a list of tensors.
        dtype: rule ``(*operand_dtypes) -> (cast, result)``; see `kfront.core.dtypes`. None: operands as they are.
        shape: rule ``(*operands, **static) -> tuple`` or a list of tuples; it makes the op a primitive.
        weak: whether the backend's native form takes Python scalars as they are.
        name: the op's name where the function has another (a public function in front of the op has it then, see
            `in_front_of`).
        prepare: by parameter name, functions that check and normalize an argument before anything else sees it: option
            strings, shapes, dtypes.
        zeros: what it does with the zeros of sparse operands, a key of `kfront.core.sparse.ZEROS`.
        fuse: whether a backend may compile the body as one, which JAX does: a composed op of several steps that
            depends on nothing but its arguments and the settings.
        home: where it is public, a key of `kfront.core.op_registry.NAMESPACES`; None if it is private.
        aliases: its other public names.
        call_args: the arguments that a node of a graph in a file lists; the tensors if None, none if empty.
        class_name: the class that Keras's files name; the op's name in camel case if None.
    """

    def decorate(fn: F) -> F:
        one = Op(fn, tensors, dtype, shape, weak, name or fn.__name__, prepare or {}, zeros, fuse)
        one.declare(one.public, home, aliases, one.tensors if call_args is None else call_args, class_name)
        return one.public  # type: ignore[return-value]

    return decorate


def in_front_of(fn: Callable[..., object]) -> Callable[[F], F]:
    """Make a function the public form of an op, which it calls with arguments of another form.

    Args:
        fn: the op; the function has its name.
    """

    def decorate(public: F) -> F:
        fn.op.function = public  # type: ignore[attr-defined]
        return public

    return decorate
