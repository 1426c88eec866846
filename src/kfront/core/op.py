"""`@op`: an op is declared once; dispatch, dtype promotion, shape inference and graph recording follow from it.

An op with an empty body is a *primitive*: every backend implements it. An op with a body is *composed*: the body is
the implementation and, run on `Abstract` values, the inference. A backend may override a composed op by defining its
name. For each op a dispatcher with the exact signature is generated. It calls the backend at once when every tensor
operand is a native tensor whose dtype the rule leaves alone; everything else goes through `Op.slow`.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from types import CodeType, FunctionType
from typing import Any, NoReturn, TypeVar

from kfront.core import memo, sparse, tree
from kfront.core.dtypes import WEAK, standardize
from kfront.core.errors import ArgumentTypeError, KfrontError, ShapeError, UnsupportedError
from kfront.core.op_registry import OPS
from kfront.core.operation import record_op
from kfront.core.operators import VariableBase
from kfront.core.settings import on_floatx
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import current, state

__all__ = ["OPS", "Op", "op"]

_NONE = type(None)
_LIST = "list"
F = TypeVar("F", bound=Callable[..., Any])


class Op:
    """One declared op.

    Attributes:
        name: public name, also the name of the backend's implementation.
        body: the composed body, or None for a primitive.
        tensors: names of the tensor parameters; the first parameter only when `listed`.
        listed: whether the first parameter is a list of tensors.
        static: names of the other parameters.
        rule: dtype rule or None.
        shape: shape rule (primitives).
        weak: whether the native form takes Python scalars as they are.
        plans: cast plans by operand dtypes, filled as they are met.
        inferred: results of inference by what they depend on, see `kfront.core.memo`.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        tensors: Any,
        dtype: Any,
        shape: Any,
        weak: bool,
        name: str | None = None,
        prepare: dict[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        self.name = name or fn.__name__
        self.prepare = prepare or {}
        self.signature = inspect.signature(fn)
        names = list(self.signature.parameters)
        self.listed = tensors == _LIST
        if self.listed:
            self.tensors = tuple(names[:1])
        else:
            self.tensors = tuple(names[:tensors]) if isinstance(tensors, int) else tuple(tensors)
        self.static = tuple(n for n in names if n not in self.tensors)
        self.primitive = shape is not None
        self.body = None if self.primitive else fn
        self.rule, self.shape, self.weak = dtype, shape, weak
        self.sparse_at = self.static.index("sparse") if "sparse" in self.static else None
        self.static_dtype = getattr(dtype, "wants_static", False)
        self.plans: dict[Any, Any] = {}
        self.inferred: dict[Any, Any] = {}
        self.arrange: Callable[..., Any] = lambda f, t, s: f(*t, *s)
        self.public: Callable[..., Any] = fn
        OPS[self.name] = self

    def __reduce__(self) -> Any:
        return _named_op, (self.name,)

    # -- the general path -------------------------------------------------------------------------------------------

    def slow(self, b: Any, tensors: Any, static: tuple[Any, ...]) -> Any:
        """Convert, promote and run; or infer and record when a symbolic value is among the operands."""
        if not b:
            b = current()
        if self.listed:
            return self._slow_list(b, tensors[0], static)
        values, key, symbolic = self._operands(b, tensors)
        if symbolic or any(_symbolic(s) for s in static):
            return self.symbolic(tensors, static)
        if any(map(b.is_sparse, values)):
            return sparse.run(self, b, values, key, static)
        if self.rule is not None:
            values = self._cast(b, values, key, static)
        try:
            return self.arrange(getattr(b, self.name), values, static)
        except Exception as error:
            self.fail(b, error, tensors, static)

    def _slow_list(self, b: Any, items: Any, static: tuple[Any, ...]) -> Any:
        if not isinstance(items, (list, tuple)) and not hasattr(items, "shape"):
            raise ArgumentTypeError(
                f"[{self.name}] expected a list of tensors as `{self.tensors[0]}`, got {type(items).__name__}."
            )
        items = list(items)
        if not items:
            raise ShapeError(f"[{self.name}] expected at least one tensor in `{self.tensors[0]}`, got none.")
        values, key, symbolic = self._operands(b, items)
        if symbolic:
            return self.symbolic((items,), static)
        if any(map(b.is_sparse, values)):
            return sparse.run(self, b, values, key, static)
        values = [b.convert(v) if type(v) in WEAK and self.rule is None else v for v in values]
        if self.rule is not None:
            values = self._cast(b, values, key, static)
        try:
            return getattr(b, self.name)(list(values), *static)
        except Exception as error:
            self.fail(b, error, (items,), static)

    def _operands(self, b: Any, tensors: Sequence[Any]) -> tuple[list[Any], list[Any], bool]:
        """Native values, their dtypes, and whether one is symbolic."""
        values, key, types, symbolic = [], [b.name], b.types, False
        for x in tensors:
            kind = type(x)
            if kind in types:
                key.append(x.dtype)
            elif kind in WEAK or x is None:
                key.append(kind)
            elif isinstance(x, KerasTensor):
                symbolic = True
            else:
                x = x.value if isinstance(x, VariableBase) and x._backend is b else b.convert(x)
                key.append(x.dtype)
            values.append(x)
        return values, key, symbolic

    def _cast(self, b: Any, values: Sequence[Any], key: list[Any], static: tuple[Any, ...]) -> list[Any]:
        keep = not self.static_dtype and not b.compiling()  # a compiler would watch the growing dict
        plan = self.plans.get(k := tuple(key)) if keep else None
        if plan is None:
            names = [d if d in WEAK else None if d is _NONE else b.dtype_name(d) for d in key[1:]]
            plan = self.plan(names, static)
            if keep:
                self.plans[k] = plan
        return [v if c is None else _apply(b, v, c) for v, c in zip(values, plan, strict=True)]

    def plan(self, dtypes: list[Any], static: tuple[Any, ...]) -> tuple[str | None, ...]:
        """The dtype that each operand is converted to, None to leave it as it is."""
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

    def _by_body(self, operands: list[Any], static: tuple[Any, ...]) -> Any:
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

    def _cast_specs(self, operands: list[Any], static: tuple[Any, ...]) -> list[Any]:
        plan = self.plan(_dtypes(operands), static)
        return [
            Abstract(x.shape if isinstance(x, KerasTensor) else (), c) if c is not None else x
            for x, c in zip(operands, plan, strict=True)
        ]

    def symbolic(self, tensors: Any, static: tuple[Any, ...]) -> Any:
        """Infer; record a node when a KerasTensor that is not `Abstract` is among the operands."""
        out = self.infer(tensors, static)
        leaves = [x for x in tree.flatten((tensors, static)) if isinstance(x, KerasTensor)]
        if not any(type(x) is not Abstract for x in leaves):
            return out
        out = record_op(self, tensors, static, out)
        if any(x.sparse for x in leaves) and isinstance(out, KerasTensor) and not out.sparse:
            out.sparse = sparse.is_sparse_result(self, tensors[0] if self.listed else tensors, static)
        return out

    def named(self, error: KfrontError) -> NoReturn:
        """Raise `error` with the op's name in front of its message, unless one stands there."""
        if str(error).startswith("["):
            raise error
        raise type(error)(f"[{self.name}] {error}") from None

    def fail(self, b: Any, error: Exception, tensors: Any, static: tuple[Any, ...]) -> None:
        """Raise what went wrong in the engine as the same exception class on every engine, where the rules tell.

        What an engine cannot do with a sparse operand is left to the general path.
        """
        if any(map(b.is_sparse, tensors[0] if self.listed else tensors)):
            return
        if not isinstance(error, UnsupportedError):
            try:
                self.infer(tensors, static)
            except KfrontError as explained:
                raise explained from error
            except Exception:
                raise error from None
        if isinstance(error, KfrontError):
            self.named(error)
        raise error


def _symbolic(x: Any) -> bool:
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


def _apply(b: Any, value: Any, dtype: str) -> Any:
    if type(value) not in WEAK:
        return b.cast(value, dtype)
    return b.convert(int(value) if value.__class__ is bool and dtype != "bool" else value, dtype)


def _default(kind: type) -> str:
    return standardize(kind)


def _dtypes(operands: Sequence[Any]) -> list[Any]:
    """Names, the types of Python scalars, and None for what is absent."""
    return [x.dtype if isinstance(x, KerasTensor) else None if x is None else type(x) for x in operands]


def _abstract(x: Any) -> Any:
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
# Sources name the parameters a0, a1 … and the op OP: ops of one form share the compiled code, under their own names.

_FIXED = """def OP({sig}):
{prepare}    _b = _state.backend
    if {fast}:
        try:
            return _b.OP({pos})
        except Exception as _error:
            _op.fail(_b, _error, ({tensors}), ({static}))
{scalar}    return _op.slow(_b, ({tensors}), ({static}))
"""

# A tensor and a Python number that takes the tensor's dtype: the native form takes both as they are.
_SCALAR = """    if type({x}) in _b.types and (
        {x}.dtype in _b.okf_OP if {y}.__class__ is float else {y}.__class__ is int and {x}.dtype in _b.oki_OP
    ):
        try:
            return _b.OP({pos})
        except Exception as _error:
            _op.fail(_b, _error, ({tensors}), ({static}))
"""

_LISTED = """def OP({sig}):
{prepare}    _b = _state.backend
    if ({x}.__class__ is list or {x}.__class__ is tuple) and {x}:
        _types = _b.types
        _dtype = getattr({x}[0], "dtype", None)
        for _item in {x}:
            if type(_item) not in _types or _item.dtype != _dtype:
                break
        else:
            if _dtype in _b.ok_OP:
                try:
                    return _b.OP(list({x}), {static})
                except Exception as _error:
                    _op.fail(_b, _error, ({x},), ({static}))
    return _op.slow(_b, ({x},), ({static}))
"""


def _fast_test(one: Op, params: Sequence[inspect.Parameter], alias: dict[str, str]) -> str:
    """Condition under which operands need no conversion: native, of one dtype that the rule leaves alone."""
    keeps = one.rule is None or getattr(one.rule, "keeps", False)
    if not one.tensors:  # creation: nothing to convert, unless the shape has a symbolic dimension
        return "_b.types and a0.__class__ is tuple" if keeps and one.static == ("shape", "dtype") else "False"
    if one.static_dtype and not keeps:
        return "False"
    first = alias[one.tensors[0]]
    tests = [f"type({first}) in _b.types"]
    tests += [f"{alias[n]}.__class__ is tuple" for n, f in one.prepare.items() if getattr(f, "gives_tuple", False)]
    if not keeps:
        tests.append(f"{first}.dtype in _b.ok_OP")
    optional = {p.name for p in params if p.default is None}
    for name in one.tensors[1:]:
        x = alias[name]
        test = f"type({x}) in _b.types"
        if not keeps:
            test += f" and {first}.dtype == {x}.dtype"
        tests.append(f"({x} is None or {test})" if name in optional else test)
    return " and ".join(tests)


def _comma(names: Iterable[str]) -> str:
    return "".join(f"{n}, " for n in names)


def _source(one: Op, params: Sequence[inspect.Parameter], alias: dict[str, str]) -> str:
    positional = [alias[p.name] for p in params if p.kind is not p.KEYWORD_ONLY]
    named = [alias[p.name] for p in params if p.kind is p.KEYWORD_ONLY]
    prepare = "".join(f"        {alias[n]} = _p_{alias[n]}({alias[n]})\n" for n in one.prepare)
    if prepare:
        prepare = f"    try:\n{prepare}    except _KfrontError as _error:\n        _op.named(_error)\n"
    tensors = [alias[n] for n in one.tensors]
    fields = {
        "sig": ", ".join([*positional, *(["*", *named] if named else [])]),
        "prepare": prepare,
        "static": _comma(alias[n] for n in one.static),
        "tensors": _comma(tensors),
    }
    if one.listed:
        return _LISTED.format(x=tensors[0], **fields)
    fields["pos"] = _comma(alias.values())
    pairs = itertools.permutations(tensors) if one.weak and len(tensors) == 2 else ()
    fields["scalar"] = "".join(_SCALAR.format(x=x, y=y, **fields) for x, y in pairs)
    return _FIXED.format(fast=_fast_test(one, params, alias), **fields)


@functools.cache
def _compiled(source: str) -> CodeType:
    return next(c for c in compile(source, "<op>", "exec").co_consts if isinstance(c, CodeType))


@functools.cache
def _arrangement(order: str) -> Callable[..., Any]:
    return eval(f"lambda f, t, s: f({order})")


def _generate(one: Op, fn: Any) -> Callable[..., Any]:
    params = list(one.signature.parameters.values())
    alias = {p.name: f"a{i}" for i, p in enumerate(params)}
    code = _compiled(_source(one, params, alias))
    code = code.replace(
        co_name=one.name,
        co_qualname=one.name,
        co_filename=f"<op {one.name}>",
        co_varnames=(*alias, *code.co_varnames[len(alias) :]),
        co_names=tuple(n.replace("OP", one.name) for n in code.co_names),
    )
    ns = {"__builtins__": __builtins__, "_state": state, "_op": one, "_KfrontError": KfrontError}  # dynamo wants them
    ns |= {f"_p_{alias[n]}": f for n, f in one.prepare.items()}
    where = {n: f"t[{i}]" for i, n in enumerate(one.tensors)} | {n: f"s[{i}]" for i, n in enumerate(one.static)}
    if [p.name for p in params] != [*one.tensors, *one.static]:
        one.arrange = _arrangement(", ".join(where[p.name] for p in params))
    dispatcher = FunctionType(code, ns, one.name, fn.__defaults__)
    dispatcher.__kwdefaults__ = fn.__kwdefaults__
    return functools.wraps(fn)(dispatcher)


def op(
    tensors: int | str | tuple[str, ...] = 1,
    dtype: Any = None,
    shape: Any = None,
    weak: bool = False,
    name: str | None = None,
    prepare: dict[str, Callable[[Any], Any]] | None = None,
) -> Callable[[F], F]:
    """Declare an op.

    Args:
        tensors: how many of the first parameters are tensors, or their names, or ``"list"`` when the first parameter
            is a list of tensors.
        dtype: rule ``(*operand_dtypes) -> (cast, result)``; see `kfront.core.dtypes`. None: operands as they are.
        shape: rule ``(*operands, **static) -> tuple`` or a list of tuples; it makes the op a primitive.
        weak: whether the backend's native form takes Python scalars as they are.
        name: the op's name where the function has another (a public function in front of the op has it then).
        prepare: by parameter name, functions that check and normalize an argument before anything else sees it: option
            strings, shapes, dtypes.
    """

    def decorate(fn: F) -> F:
        one = Op(fn, tensors, dtype, shape, weak, name, prepare)
        public = _generate(one, fn)
        public.op = one  # type: ignore[attr-defined]
        one.public = public
        return public  # type: ignore[return-value]

    return decorate
