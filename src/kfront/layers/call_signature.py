"""The signatures of a layer class's `call`, `build` and `compute_output_shape`, read once per class."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kfront.core import tree
from kfront.core.errors import ArgumentTypeError
from kfront.core.typing import Shape

_SKIP = ("training", "mask")


class CallInfo:
    """Facts about a class's `call` and `build`.

    Attributes:
        owner: the class.
        names: parameter names of `call`, in order.
        positional: those that may be given by position.
        training: whether `call` takes `training`.
        mask: whether `call` takes `mask`.
        masks: dict tensor parameter -> name of its mask parameter.
        build_names: parameter names of `build`.
        plain: how many parameters come before `training` and masks, and the names of the others.
        simple: whether `call` names a tensor parameter and takes no ``*args``: then calls with one positional argument
            may take the fast path.
    """

    def __init__(self, cls: type) -> None:
        self.owner = cls
        params = list(inspect.signature(cls.call).parameters.values())[1:]  # type: ignore[attr-defined]
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.names = [p.name for p in params]
        self.positional = [p.name for p in params if p.kind in kinds]
        self.var_positional = any(p.kind is p.VAR_POSITIONAL for p in params)
        self.var_keyword = any(p.kind is p.VAR_KEYWORD for p in params)
        self.training = "training" in self.names
        self.mask = "mask" in self.names
        self.defaults = {p.name: p.default for p in params if p.default is not p.empty}
        self.required = [p.name for p in params if p.default is p.empty and p.kind in kinds]
        tensors = [n for n in self.positional if n not in _SKIP and not n.endswith("_mask")]
        self.masks = {n: f"{n}_mask" for n in tensors if f"{n}_mask" in self.names}
        if self.mask and tensors:
            self.masks.setdefault(tensors[0], "mask")
        first = next((i for i, n in enumerate(self.positional) if n not in tensors), len(self.positional))
        self.plain = first, frozenset(self.names) - {*self.positional[:first], "training"}
        self.simple = bool(tensors) and not self.var_positional
        build = list(inspect.signature(cls.build).parameters.values())[1:]  # type: ignore[attr-defined]
        self.build_names = [p.name for p in build if p.kind in kinds]
        self.build_any = any(p.kind is p.VAR_KEYWORD for p in build)

    def bind(self, who: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> dict[str, Any]:
        """Arguments by name.

        Raises:
            ArgumentTypeError: for a missing, unknown or doubled argument.
        """
        if len(args) > len(self.positional):
            if not self.var_positional:
                raise ArgumentTypeError(
                    f"[{who}] expected at most {len(self.positional)} positional arguments "
                    f"({', '.join(self.positional)}), got {len(args)}; several inputs go in one list."
                )
            return {**dict(zip(self.positional, args, strict=False)), "*": args[len(self.positional) :], **kwargs}
        named = dict(zip(self.positional, args, strict=False))
        for key in kwargs:
            if key in named:
                raise ArgumentTypeError(f"[{who}] expected `{key}` once, got it by position and by name.")
            if key not in self.names and not self.var_keyword:
                raise ArgumentTypeError(f"[{who}] expected arguments among {', '.join(self.names)}, got `{key}`.")
        named.update(kwargs)
        missing = [n for n in self.required if n not in named]
        if missing:
            raise ArgumentTypeError(f"[{who}] expected argument `{missing[0]}` of `call`, got nothing for it.")
        return named


def call_info(cls: type) -> CallInfo:
    """The `CallInfo` of a class, made on first use."""
    found = getattr(cls, "_kf_call_info", None)  # not `cls.__dict__`: torch.compile cannot look into a changing one
    if found is None or found.owner is not cls:
        found = CallInfo(cls)
        cls._kf_call_info = found  # type: ignore[attr-defined]
    return found


def build_arguments(
    info: CallInfo | _ShapeInfo, named: dict[str, Any], shape_of: Callable[[Any], Shape]
) -> tuple[tuple[object, ...], dict[str, object]]:
    """Arguments for `build` from those of `call`: shapes of the tensors among them."""

    def shapes(value: object) -> Any:
        return tree.map_structure(lambda x: shape_of(x) if hasattr(x, "shape") else None, value)

    tensors = {n: shapes(v) for n, v in named.items() if n != "*" and any(hasattr(x, "shape") for x in tree.flatten(v))}
    if "*" in named:  # as many by position as `build` takes
        names = list(named)[: list(named).index("*")]
        given = [*(tensors[n] for n in names if n in tensors), *map(shapes, named["*"])]
        return tuple(given[: len(info.build_names) or None]), {}
    wanted = {f"{n}_shape": s for n, s in tensors.items()}
    if len(info.build_names) > 1 or (info.build_names and info.build_names[0] in wanted and len(wanted) > 1):
        matched = {k: v for k, v in wanted.items() if k in info.build_names or info.build_any}
        if matched:
            own_name = next(iter(wanted)) in matched or info.build_names[0] in matched
            return (() if own_name else (next(iter(tensors.values())),)), matched
    first = next(iter(tensors.values()), None)
    return ((first,) if info.build_names else ()), {}


class _ShapeInfo:
    """The parameters of a class's `compute_output_shape`, in the form that `build_arguments` reads."""

    def __init__(self, cls: type) -> None:
        params = list(inspect.signature(cls.compute_output_shape).parameters.values())[1:]  # type: ignore[attr-defined]
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.build_names = [p.name for p in params if p.kind in kinds] or ["input_shape"]
        self.build_any = any(p.kind is p.VAR_KEYWORD for p in params)


@functools.cache
def shape_info(cls: type) -> _ShapeInfo:
    """The parameters of a class's `compute_output_shape`, in the form that `build_arguments` reads."""
    return _ShapeInfo(cls)
