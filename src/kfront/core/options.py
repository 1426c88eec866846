"""Options of a class: declared by the signature of its `__init__`; stored, checked and written to configs from there.

    class Scaled(Configurable):
        factor: float

        def __init__(self, factor: float = 1.0, name: str | None = None) -> None:
            super().__init__(**self._kf_store(locals()))

`_kf_store(locals())` keeps each argument that this `__init__` names and no base does, under the same name, and returns
the others, which are the base's; `get_config` returns what every `__init__` of the class's bases stored. On the way in
an option is normalised, on the way out it is made plain. Both come from one table, by the option's name or by the
name's last word (`kernel_initializer` is an `initializer`); `_kf_normalise` of a class has entries of its own. A
name that maps to None there is no option: `__init__` deals with it. One that maps to `kept` is stored, but not in the
config.

What there is to do is found once per class from the signature; an instance costs a loop over a tuple.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MappingProxyType
from typing import Any, NamedTuple, NoReturn, TypeAlias, TypeGuard, TypeVar, cast

import numpy as np

from kfront.core import settings
from kfront.core.arguments import is_whole
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.tracking import PLAIN
from kfront.core.typing import AnyCallable, Config

Found = TypeVar("Found")
F = TypeVar("F", bound=AnyCallable)

Check: TypeAlias = Callable[[Any, str, Any], Any]  # (object or name of its class, name of the option, value) -> value
Convert: TypeAlias = Callable[[Any], Any]  # value -> value
Arguments: TypeAlias = Mapping[str, Any]  # `locals()` of an `__init__`


def plain(value: object) -> Any:
    """NumPy scalars and arrays as Python numbers and lists, anything else as it is."""
    if isinstance(value, np.generic):
        return value.item()
    return value.tolist() if isinstance(value, np.ndarray) else value


class Option(NamedTuple):
    """How options of one name are read and written.

    Attributes:
        check: normalises a value, or raises; None to take it as it is.
        get: the same for functions of the value alone, such as `initializers.get`.
        write: makes a stored value plain for the config; None to leave it out.
        tracked: whether the owner has to notice the value, as it may be a layer, or hold some.
    """

    check: Check | None = None
    get: Convert | None = None
    write: Convert | None = plain
    tracked: bool = False


_AS_IT_IS = Option(tracked=True)
kept = Option(write=None, tracked=True)
_TABLE: dict[str, Option] = {}
_NAMESPACES: dict[str, tuple[str, bool]] = {}  # key -> package that has `get` and `serialize`, may values be layers


def register_option(*keys: str, check: Check | None = None, write: Convert = plain) -> None:
    """Enter what holds for every option of these names, unless a class says otherwise.

    Args:
        *keys: names of options, or last words of such names.
        check: normalises a value, or raises; called with the object, the option's name and the value.
        write: makes a stored value plain for the config.
    """
    _TABLE.update(dict.fromkeys(keys, Option(check, None, write)))


def register_namespace(key: str, package: str, tracked: bool = False) -> None:
    """Have options with this last word read by the package's `get` and written by its `serialize`.

    Args:
        key: last word of the options' names, e.g. ``"initializer"``.
        package: name of an imported package; what it loads lazily is loaded when an option needs it.
        tracked: whether values may be layers.
    """
    _NAMESPACES[key] = package, tracked


def _find(cls: type, name: str) -> Option | None:
    """The entry for an option of a class; None if the name is no option."""
    for base in cls.__mro__:
        own: Mapping[str, Check | Option | None] = base.__dict__.get("_kf_normalise", {})
        if name in own:
            found = own[name]
            return found if found is None or isinstance(found, Option) else Option(found)
    for key in (name, name[name.rfind("_") + 1 :]):
        if key in _NAMESPACES and key not in _TABLE:
            _TABLE[key] = _of_namespace(*_NAMESPACES[key])
        if key in _TABLE:
            return _TABLE[key]
    return _AS_IT_IS


def _of_namespace(package: str, tracked: bool) -> Option:
    space: object = sys.modules[package]
    serialize = space.serialize
    return Option(None, space.get, lambda value: None if value is None else serialize(value), tracked)


def normalisers(**entries: Check | Option | None) -> Mapping[str, Check | Option | None]:
    """Entries of a class's own, for its `_kf_normalise`.

    Args:
        **entries: by the option's name: a check, an Option, `kept`, or None for what is no option.

    Example:

    >>> normalisers(units=positive)["units"]("Dense", "units", 3)
    3
    """
    return MappingProxyType(entries)


# ---- signatures ------------------------------------------------------------------------------------------------------


def _parameters(cls: type) -> list[inspect.Parameter]:
    """The parameters of the `__init__` that a class itself defines, without `self`."""
    init = cls.__dict__.get("__init__")
    return [] if init is None or cls is object else list(inspect.signature(init).parameters.values())[1:]


_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class _Signature(NamedTuple):
    """What the `__init__` of a class does with its arguments."""

    own: tuple[str, ...]  # options that it stores
    shared: tuple[str, ...]  # those that a base has too
    rest: str | None  # the name of **kwargs


def _signature(cls: type) -> _Signature:
    found = cls.__dict__.get("_kf_signature_of_init")
    if found is None:
        parameters = _parameters(cls)
        above = {p.name for base in cls.__mro__[1:] for p in _parameters(base)} - set(
            cls.__dict__.get("_kf_normalise", ())
        )
        names = [p.name for p in parameters if p.kind not in _VARIADIC]
        found = _Signature(
            tuple(n for n in names if n not in above and _find(cls, n) is not None),
            tuple(n for n in names if n in above),
            next((p.name for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD), None),
        )
        cls._kf_signature_of_init = found  # type: ignore[attr-defined]
    return found


def _declaring(given: Arguments) -> type:
    """The class whose `__init__` has these local variables."""
    try:
        return given["__class__"]
    except KeyError:
        raise ArgumentError(
            f"[{type(given.get('self')).__name__}] expected the local variables of an `__init__` that calls "
            "`super().__init__`, got others; call it before `_kf_store(locals())`."
        ) from None


def base_arguments(given: Arguments) -> Config:
    """What an `__init__` passes on: the arguments that a base names too, and its **kwargs.

    Args:
        given: `locals()` of the `__init__`.

    Example:

    >>> class Base:
    ...     def __init__(self, name=None):
    ...         self.name = name
    >>> class Power(Base):
    ...     def __init__(self, exponent=2, name=None):
    ...         super().__init__(**base_arguments(locals()))
    >>> Power(3, "cube").name
    'cube'
    """
    signature = _signature(_declaring(given))
    out = {name: given[name] for name in signature.shared}
    if signature.rest is not None:
        out.update(given[signature.rest])
    return out


def _stores(cls: type) -> bool:
    """Whether the `__init__` that a class itself defines stores its options."""
    code = getattr(cls.__dict__.get("__init__"), "__code__", None)
    return code is not None and "_kf_store" in code.co_names


def _cached(cls: type, name: str, make: Callable[[type, type], Found], key: type) -> Found:
    """What was found out about a class and is kept in it, not handed down to its subclasses."""
    table = cls.__dict__.get(name)
    if table is None:
        table = {}
        setattr(cls, name, table)
    if key not in table:
        table[key] = make(cls, key)
    return table[key]


def option_names(cls: type) -> tuple[str, ...]:
    """The options of a class that go into its config, those of its bases first.

    Args:
        cls: a Configurable class.
    """
    return tuple(_cached(cls, "_option_writers", _writers, cls))


def _writers(cls: type, _: type) -> dict[str, Convert]:
    """How the options of a class are written."""
    bases = [base for base in reversed(cls.__mro__) if _stores(base)]
    found = {name: _find(cls, name) for base in bases for name in _signature(base).own}
    return {name: entry.write for name, entry in found.items() if entry is not None and entry.write is not None}


class _Reader(NamedTuple):
    """How `_kf_store` treats one option of a class."""

    name: str
    get: Convert | None
    check: Check | None
    direct: bool  # whether the value goes into `__dict__`, whatever it is
    plain: frozenset[type]  # types of values that go into `__dict__`; others are set as attributes


def _readers(cls: type, declaring: type) -> tuple[_Reader, ...]:
    """How objects of `cls` treat the options that the `__init__` of `declaring` stores."""
    rows, types = [], declaring.__dict__["__init__"].__annotations__
    for name in _signature(declaring).own:
        entry = _find(cls, name)
        if entry is _AS_IT_IS:
            entry = _BY_ANNOTATION.get(types.get(name), entry)
        if entry is not None:
            is_property = hasattr(getattr(cls, name, None), "__set__")
            direct = not entry.tracked and not is_property
            rows.append(_Reader(name, entry.get, entry.check, direct, frozenset() if is_property else PLAIN))
    return tuple(rows)


def with_defaults(function: F, **defaults: object) -> F:
    """The same function with other default values: how one `__init__` serves several classes."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    values = dict(zip(reversed(names), reversed(function.__defaults__ or ()), strict=False))
    merged = tuple({**values, **defaults}[n] for n in names if n in values or n in defaults)
    out = FunctionType(function.__code__, function.__globals__, function.__name__, merged, function.__closure__)
    out.__kwdefaults__, out.__annotations__ = function.__kwdefaults__, function.__annotations__
    out.__qualname__, out.__doc__ = function.__qualname__, function.__doc__
    return cast(F, out)


class Configurable:
    """Mixin for classes whose config follows from the signature of `__init__`, see the module."""

    _kf_normalise: Mapping[str, Check | Option | None] = normalisers()

    def _kf_store(self, given: Arguments) -> Config:
        """Normalise and keep the arguments that the calling `__init__` names and no base does.

        Args:
            given: `locals()` of that `__init__`, which has to use `super()`.

        Returns:
            What `base_arguments` returns: the arguments for the base.

        Raises:
            ArgumentError: if an option has a value that its entry in the table does not allow.
        """
        fields = self.__dict__
        for name, get, check, direct, plain in _cached(type(self), "_kf_option_readers", _readers, _declaring(given)):
            value = given[name]
            if get is not None:
                value = get(value)
            elif check is not None:
                value = check(self, name, value)
            if direct or type(value) in plain:
                fields[name] = value
            else:
                setattr(self, name, value)
        return base_arguments(given)

    def _kf_stored_options(self) -> Config:
        """Name and plain value of every option."""
        writers = _cached(type(self), "_option_writers", _writers, type(self))
        return {name: write(getattr(self, name)) for name, write in writers.items()}

    def get_config(self) -> Config:
        """Constructor arguments."""
        return self._kf_stored_options()


class WrapsFunction(Configurable):
    """Mixin for classes that wrap one function each, which they say in the class statement.

        class Huber(Loss, function=huber):
            def __init__(self, delta: float = 1.0, name: str = "huber_loss") -> None: ...

    The options of such a class are arguments of its function. One that has none needs no `__init__`: its default `name`
    is that of the function, or what the class statement gives as `name`.
    """

    _function: AnyCallable
    _function_options: Arguments = MappingProxyType({})

    def __init_subclass__(cls, function: AnyCallable | None = None, name: str | None = None, **rest: object) -> None:
        super().__init_subclass__(**rest)
        if function is not None:
            cls._function = staticmethod(function)
            if "__init__" not in cls.__dict__:
                cls.__init__ = with_defaults(cls.__init__, name=name or function.__name__)  # type: ignore[method-assign]

    @property
    def _kf_takes_function(self) -> bool:
        """Whether the constructor takes the function, as `fn`, which is then in the config."""
        return "fn" in inspect.signature(type(self).__init__).parameters

    def _kf_store(self, given: Arguments) -> Config:
        rest = super()._kf_store(given)
        self._function_options = {name: getattr(self, name) for name in option_names(type(self))}
        return rest


# ---- checks ----------------------------------------------------------------------------------------------------------


def _who(owner: object) -> str:
    return owner if isinstance(owner, str) else type(owner).__name__


def is_int(value: object) -> TypeGuard[int]:
    """Whether `value` is a Python or NumPy int and no bool."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _refuse(owner: object, wanted: str, value: object, right_type: bool) -> NoReturn:
    """Raise the error for a value, or for a type, that is not allowed."""
    kind = ArgumentError if right_type else ArgumentTypeError
    raise kind(f"[{_who(owner)}] expected {wanted}, got {value!r}.")


def positive(owner: object, name: str, value: object) -> int:
    """`value` as an int.

    Raises:
        ArgumentError: if it is not a positive int.
    """
    if is_int(value) and value > 0:
        return int(value)
    _refuse(owner, f"`{name}` to be a positive int", value, is_int(value))


def int_tuple(owner: object, name: str, value: object, n: int, least: int = 1) -> tuple[int, ...]:
    """An int, or a sequence of `n` ints, as a tuple of `n`.

    Raises:
        ArgumentError: if it is neither, or a number is below `least`.
    """
    if is_int(value):
        out: tuple[Any, ...] = (int(value),) * n
    else:
        out = tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else ()
    if len(out) != n or any(not is_int(v) or v < least for v in out):
        ints = f"an int >= {least}" if n == 1 else f"an int >= {least} or {n} of them"
        _refuse(owner, f"`{name}` to be {ints}", value, len(out) == n and all(map(is_int, out)))
    return tuple(int(v) for v in out)


def each_rank(owner: Any, name: str, value: object) -> tuple[int, ...]:
    """An int >= 1, or one for each spatial axis of the owner's `rank`, as a tuple."""
    return int_tuple(owner, name, value, owner.rank)


_LAYOUTS = ("channels_last", "channels_first")


def data_format(owner: object, name: str, value: object) -> str:
    """The layout; the configured one if None.

    Raises:
        ArgumentError: if it is neither "channels_last" nor "channels_first".
    """
    if value is None:
        return settings.image_data_format()
    found = value.lower() if isinstance(value, str) else value
    if found not in _LAYOUTS:
        _refuse(owner, f"`{name}` 'channels_last' or 'channels_first'", value, isinstance(value, str))
    return found


def choice(
    owner: object, name: str, value: str | None, allowed: Sequence[str | None], case: Callable[[str], str] = str.lower
) -> str | None:
    """A string option, in the case that `case` gives it.

    Raises:
        ArgumentError: if it is not one of `allowed`.
    """
    found = case(value) if isinstance(value, str) else value
    if (found is None or isinstance(found, str)) and found in allowed:
        return found
    _refuse(owner, f"`{name}` in {', '.join(map(repr, allowed))}", value, isinstance(value, str))


def one_of(*allowed: str | None, case: Callable[[str], str] = str.lower) -> Check:
    """The check that a string option is one of `allowed`; it is stored in the case that `case` gives it."""
    return lambda owner, name, value: choice(owner, name, value, allowed, case)


def rate_between(owner: object, name: str, value: Any, low: float = 0.0, high: float = 1.0) -> Any:
    """A number within bounds.

    Raises:
        ArgumentError: if it is no number or out of bounds.
    """
    right_type = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
    if not right_type or not low <= value <= high:
        _refuse(owner, f"`{name}` to be a number between {low:g} and {high:g}", value, right_type)
    return value


def number(wanted: str, test: Callable[[Any], bool]) -> Check:
    """The check that an option is a number, and that `test` holds for it.

    Args:
        wanted: what is expected, as the message says it: "from 0 to 1".
        test: a comparison.
    """

    def check(owner: object, name: str, value: object) -> Any:
        try:
            if test(value):
                return value
        except (TypeError, ValueError, RuntimeError):  # it cannot be compared, or not as one number
            _refuse(owner, f"`{name}` {wanted}", value, right_type=False)
        _refuse(owner, f"`{name}` {wanted}", value, right_type=True)

    return check


def _of_kind(wanted: str, fits: Callable[[Any], bool]) -> Check:
    """A check of what kind of value it is, which raises ArgumentTypeError."""

    def check(owner: object, name: str, value: Found) -> Found:
        if not fits(value):
            _refuse(owner, f"`{name}` to be {wanted}", value, right_type=False)
        return value

    return check


# a number is what `float` takes, but for text; arrays and tensors of one are numbers, and ints
real = _of_kind("a number", lambda value: hasattr(type(value), "__float__") and not getattr(value, "ndim", 0))
whole = _of_kind("an int", is_whole)
text = _of_kind("a string", lambda value: isinstance(value, str))
numbers = _of_kind("numbers", lambda value: not isinstance(value, (str, bytes, dict, type)))  # or sequences of them


def or_none(check: Check) -> Check:
    """The same check, which None passes."""
    return lambda owner, name, value: None if value is None else check(owner, name, value)


_OF_KIND = {"float": real, "int": whole, "str": text}
_BY_ANNOTATION = {
    **{kind: _AS_IT_IS._replace(check=check) for kind, check in _OF_KIND.items()},
    **{f"{kind} | None": _AS_IT_IS._replace(check=or_none(check)) for kind, check in _OF_KIND.items()},
}
above_zero = number("> 0", lambda x: x > 0)
not_negative = number(">= 0", lambda x: x >= 0)
from_0_to_1 = number("from 0 to 1", lambda x: 0 <= x <= 1)


def between(low: float, high: float) -> Check:
    """The check that an option is a number within bounds."""
    return lambda owner, name, value: rate_between(owner, name, value, low, high)


register_option("units", "filters", check=positive)
register_option("kernel_size", "pool_size", check=each_rank)
register_option("data_format", check=data_format)
register_option("label_smoothing", "rho", check=from_0_to_1)
