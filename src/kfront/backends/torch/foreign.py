"""`torch.nn.Module`s inside layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.nn.parameter import UninitializedTensorMixin

from kfront.backends import get
from kfront.backends.torch.common import NAMES
from kfront.backends.torch.variable import TorchVariable
from kfront.core.state import state as scopes
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.layers.base import Layer


Place = tuple[Module, str, bool, int]
Modes = tuple[bool, list[tuple[Module, bool]]]


class Adopted(TorchVariable):
    """A Variable whose storage is a place in a module: who swaps its value swaps the module's.

    Args:
        module: the module.
        leaf: what the module calls the Parameter or buffer.
        name: name of the Variable.
        layer: the layer that it belongs to.
        table: "_parameters" or "_buffers".
    """

    def __init__(self, module: Module, leaf: str, name: str, layer: Layer, table: str = "_parameters") -> None:
        fields = self.__dict__
        fields.update(_held_by=module, _leaf=leaf, _layer=layer, _table=table, name=name, _owner=None, _layout=None)
        fields.update(_regularizer=None, _constraint=None, _autocast=True, _aliased_by_autograd=False)
        fields["_settable_trainable"] = self._trainable

    _elsewhere = True
    _kf_backend = property(lambda self: get("torch"))
    path = property(lambda self: f"{self._layer.path or self._layer.name}/{self.name}")
    _dtype = property(lambda self: NAMES[self._value.dtype])
    _shape = property(lambda self: tuple(self._value.shape))

    @property
    def _value(self) -> Any:
        return self._held_by.__dict__[self._table][self._leaf]

    @_value.setter
    def _value(self, value: Tensor) -> None:
        self._held_by.__dict__[self._table][self._leaf] = value

    @property
    def own(self) -> Any:
        """The Parameter, None while something else stands in its place."""
        value = self._value
        return value if isinstance(value, Parameter) else None

    @property
    def _trainable(self) -> bool:
        return self._value.requires_grad

    @_trainable.setter
    def _trainable(self, value: bool) -> None:
        self._value.requires_grad_(value)

    @property
    def value(self) -> Tensor:
        """The Parameter, in the autocast dtype inside such a scope."""
        value, cast = self._value, scopes.autocast
        return value if cast is None or not value.is_floating_point() else value.to(get("torch").native_dtype(cast))

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return Adopted.__new__, (Adopted,), dict(self.__dict__)


_made: WeakValueDictionary[int, Adopted] = WeakValueDictionary()  # by the id of the Parameter: tied ones have one


def adopted(module: Module, leaf: str, name: str, layer: Layer, before: Adopted | None = None) -> Adopted:
    """The Variable of a Parameter, which other modules may hold too; `before` if another Parameter had one there."""
    held = module._parameters[leaf]
    found = _made.get(id(held))
    if found is None or found._held_by._parameters.get(found._leaf) is not held:
        found = _made[id(held)] = Adopted(module, leaf, name, layer) if before is None else before
    return found


def is_module(x: Tensor) -> bool:
    """Whether `x` is a module whose parameters exist."""
    return isinstance(x, Module) and not any(isinstance(p, UninitializedTensorMixin) for p in x.parameters())


def hold(owner: Module, name: str, module: Module) -> None:
    """Make a module an attribute of a layer, whose mode it takes over."""
    owner.__dict__.pop(name, None)
    Module.__setattr__(owner, name, module)
    module.train(owner.training)


def places(module: Module) -> list[Place]:
    """Where a module holds weights: (part, name in the part, whether trained, id); layers in it have the name ""."""
    out: list[Place] = []
    seen: set[int] = set()
    rest: list[Module | None] = [module]
    while rest:
        part = rest.pop()
        if part is None or id(part) in seen:
            continue
        seen.add(id(part))
        if _is_layer(part):
            out.append((part, "", False, 0))
            continue
        for leaf, held in part._parameters.items():
            if held is not None and not isinstance(held, UninitializedTensorMixin):
                out.append((part, leaf, held.requires_grad, id(held)))
        rest.extend(reversed(part._modules.values()))
    return out


def contents(
    layer: Layer, module: Module | None, found: list[Place], before: list[Adopted]
) -> tuple[list[Adopted], list[tuple[str, Layer]]]:
    """What a module that is part of a layer holds: Variables, and layers with their names.

    Args:
        layer: the layer.
        module: the module.
        found: its `places`.
        before: the Variables until now, which stay where there is still a Parameter.
    """
    parts = () if module is None else module.named_modules()  # `del` has taken it away
    names = {id(part): f"{name}." if name else "" for name, part in parts}
    known = {(id(v._held_by), v._leaf): v for v in before}
    made = [adopted(p, n, names[id(p)] + n, layer, known.get((id(p), n))) for p, n, *_ in found if n]
    inside: Any = [(names[id(part)][:-1], part) for part, leaf, *_ in found if not leaf]
    return list({id(v): v for v in made}.values()), inside


def buffers(layer: Layer, module: Module) -> list[Adopted]:
    """Variables for what a module saves besides its weights, such as moving statistics."""
    out = []
    for prefix, part in module.named_modules(prefix=""):
        for leaf, held in part._buffers.items():
            if held is not None and leaf not in part._non_persistent_buffers_set and not _is_layer(part):
                out.append(Adopted(part, leaf, f"{prefix}.{leaf}" if prefix else leaf, layer, "_buffers"))
    return out


def force_mode(module: Module, modes: Modes | None, training: bool | None) -> Modes | None:
    """Put a module into a mode that was asked for; with None its parts get back the flags that they had before.

    Args:
        module: the module.
        modes: what the last call returned.
        training: whether the parts behave as in training.

    Returns:
        The mode, and the flags that the parts had before; None if nothing is changed.
    """
    if training is None:
        for part, flag in modes[1] if modes is not None else ():
            if part.training == modes[0]:  # else someone has set it since  # type: ignore[index]
                part.training = flag
        return None
    if modes is None or modes[0] != training:
        before = [(part, part.training) for part in module.modules()] if modes is None else modes[1]
        module.train(training)
        return training, before
    return modes


def run(layer: Layer, args: Nested[Tensor], kwargs: Any) -> Any:
    """Call the module of a layer in the layer's compute dtype."""
    module = layer.module
    if layer._kf_scope_dtype is None:
        return module(*args, **kwargs)
    cast = {v.name: v.value for v in layer._kf_own_variables if isinstance(v, Adopted)}
    return torch.func.functional_call(module, cast, args, kwargs)


def state(module: Module) -> dict[str, np.ndarray]:
    """The `state_dict` as arrays, without what belongs to layers in the module."""
    b = get("torch")
    layers = tuple(f"{module_name}." for module_name, part in module.named_modules() if _is_layer(part))
    return {n: b.to_numpy(x) for n, x in module.state_dict().items() if not n.startswith(layers)}


def load(module: Module, values: dict[str, np.ndarray]) -> None:
    """Load what `state` gave."""
    b = get("torch")
    module.load_state_dict({name: b.convert(x) for name, x in values.items()}, strict=False)


def _is_layer(part: Module) -> bool:
    return getattr(type(part), "_kf_tracked_kind", None) == "layer"
