"""Layers as `torch.nn.Module`s, variables as `torch.nn.Parameter`s.

Every variable of a layer is a Parameter, those that are not trained with ``requires_grad=False``, so that `.to()`,
`state_dict`, `deepcopy`, pickle, DDP and `torch.compile` see all of them. The objects stay where Python finds them
first, in the instance's `__dict__`; `_parameters` and `_modules` hold them for torch besides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import Module, Parameter
from torch.utils._pytree import tree_map

from kfront.backends.torch.common import NAMES, current_device, native
from kfront.core.state import state
from kfront.core.variable import Variable

__all__ = ["Parameters", "TorchVariable", "members", "set_native_attribute", "track", "untrack"]

Tensor = torch.Tensor
SEED_NAME = "seed_generator_state"


class TorchVariable(Variable):
    """A Variable whose value is a Parameter.

    Inside a recorded computation the value of a variable that is not trained is read as an alias. If it is assigned
    later in that computation the Parameter gets new memory, and what autograd saved stays as it was: assigning in the
    forward pass is as safe as on the other engines.
    """

    _aliased_by_autograd = False
    _elsewhere = False  # whether the Parameter belongs to a module of its own

    def _make(self, value: Tensor) -> None:
        b = self._backend
        with b.eager():
            if isinstance(value, Tensor):
                tensor = value.detach().clone()
            else:
                tensor = b.convert(value, self._dtype).clone()
            device = torch.device("cpu") if self.name == SEED_NAME else current_device()
            if device is not None and tensor.device != device:
                tensor = tensor.to(device)
            self._dtype = NAMES[tensor.dtype]
            self._value = Parameter(tensor, requires_grad=self._trainable and _differentiable(tensor))
        self._aliased_by_autograd = (
            False  # of its own from the start: compiled code is guarded by an attribute's absence
        )

    @property
    def value(self) -> Tensor:
        """The native tensor, in the autocast dtype inside such a scope."""
        value = self._value
        if not self._trainable and torch.is_grad_enabled() and _may_be_saved(value):
            value = value.data
            self._aliased_by_autograd = True
        cast = state.autocast
        if cast is not None and self._autocast and cast != self._dtype and value.is_floating_point():
            return value.to(native(cast))
        return value

    def _write(self, value: Tensor) -> None:
        mine = self._value
        if type(mine) is not Parameter:
            self._value = value
        elif self._aliased_by_autograd and not torch.compiler.is_compiling():
            mine.data = value.detach().to(mine.device, mine.dtype, copy=True)
            self._aliased_by_autograd = False
        else:
            with torch.no_grad():
                mine.copy_(value)

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it; setting it sets the Parameter's `requires_grad`."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        Variable.trainable.fset(self, value)  # type: ignore[attr-defined]
        mine = self._value
        if type(mine) is Parameter and mine.requires_grad != self._trainable and _differentiable(mine):
            mine.requires_grad_(self._trainable)

    def _follow(self, tensor: Tensor) -> None:
        """Take `tensor` as the storage (torch made a new one, or converted it)."""
        if self.name == SEED_NAME and not tensor.is_meta:
            tensor.data = tensor.data.to("cpu", torch.int64)  # keys are read on the host
        self._value, self._aliased_by_autograd = tensor, False
        self._dtype, self._shape = NAMES[tensor.dtype], tuple(tensor.shape)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: object = (), kwargs: object = None) -> Any:
        """torch's own functions take Variables."""
        args, kwargs = tree_map(lambda x: x.value if isinstance(x, Variable) else x, (args, kwargs or {}))
        return func(*args, **kwargs)


def _may_be_saved(value: Tensor) -> bool:
    """Whether autograd could save a Parameter that may be assigned: a floating constant, not while compiling."""
    return (
        type(value) is Parameter
        and not value.requires_grad
        and value.is_floating_point()
        and not torch.compiler.is_compiling()
    )


def _differentiable(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


class Parameters(dict[str, Any]):
    """`Module._parameters` of a layer: what torch puts there (`functional_call`, `_apply`) the Variables hold too.

    Attributes:
        owners: Variables by registered name.
    """

    owners: dict[str, Variable] = {}  # noqa: RUF012  (until the first is registered, or a copy is complete)

    def __setitem__(self, name: str, value: Tensor) -> None:
        super().__setitem__(name, value)
        owner = self.owners.get(name)
        if owner is not None:
            owner._value = value


# ---- registration in the module --------------------------------------------------------------------------------------


def track(layer: Module, attribute: str, thing: Any) -> None:
    """Register the Parameter of a Variable, or a layer that is a Module, under a name made of `attribute`.

    What stands there already under an automatic name (leading "_") moves to the better one.
    """
    value, table = (thing, "_modules") if isinstance(thing, Module) else (thing._value, "_parameters")
    if table not in layer.__dict__ or getattr(thing, "_elsewhere", False):
        return  # a copy that is being put together; what was registered comes with it
    names = layer.__dict__.setdefault("_native_names", {})
    found = next((n for n, (x, _) in names.items() if x is thing), None)
    name = attribute.replace(".", "_")
    if found is not None and not (found.startswith("_") and not name.startswith("_")):
        names[found][1].append(attribute)
        return
    users = [attribute]
    if found is not None:
        users = [*names.pop(found)[1], attribute]
        _forget(layer, found)
    names[name] = (thing, users)
    if table == "_parameters":
        parameters = layer.__dict__[table]
        parameters.owners = {**parameters.owners, name: thing}
    layer.__dict__[table][name] = value


def _forget(layer: Module, name: str) -> None:
    parameters = layer.__dict__["_parameters"]
    parameters.owners = {n: v for n, v in parameters.owners.items() if n != name}
    parameters.pop(name, None)
    layer.__dict__["_modules"].pop(name, None)


def untrack(layer: Module, attribute: str) -> None:
    """An attribute no longer holds what was registered for it."""
    names = layer.__dict__.get("_native_names", {})
    for name, (_, users) in list(names.items()):
        if attribute in users:
            users.remove(attribute)
            if not users:
                del names[name]
                _forget(layer, name)


def set_native_attribute(layer: Module, name: str, value: Tensor) -> None:
    """A Module or Parameter became an attribute: as in any Module; under a Variable's name it becomes its storage."""
    known = layer.__dict__.get("_native_names", {}).get(name)
    if known is not None and isinstance(value, Parameter) and isinstance(known[0], Variable):
        layer.__dict__["_parameters"][name] = value
        known[0]._follow(value)
        return
    layer.__dict__.pop(name, None)
    Module.__setattr__(layer, name, value)


# ---- members of bound classes ----------------------------------------------------------------------------------------


def _apply(self: Any, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
    """`Module._apply` (`.to()`, `.double()` …); Variables and the layer's dtype follow."""
    Module._apply(self, fn, recurse)
    parameters = self._parameters
    for name, (thing, _) in self.__dict__.get("_native_names", {}).items():
        if isinstance(thing, Variable):
            thing._follow(parameters[name])
    have = native(self.variable_dtype) if self.variable_dtype else None
    if have is not None and have.is_floating_point:
        now = fn(torch.empty(0, dtype=have)).dtype
        if now is not have:
            self.dtype_policy = NAMES[now]
    return self


def _ignored_by_ddp(self: Any) -> list[str]:
    """Names of the parameters that DistributedDataParallel leaves alone: keys of random ops, which stay on the CPU."""
    return [n for n, _ in self.named_parameters() if n.endswith(SEED_NAME)]


def members(cls: type, root: type) -> dict[str, object]:
    """What a layer class bound to torch has besides: calls go through `Module.__call__`, so that hooks fire."""
    out: dict[str, Any] = {
        "__call__": Module.__call__,
        "_apply": _apply,
        "training": False,
        "_ddp_params_and_buffers_to_ignore": property(_ignored_by_ddp),
    }
    if not hasattr(cls, "forward"):
        own = cls.__call__
        out["forward"] = root._run if own is root.__call__ else own  # type: ignore[attr-defined]
    return out
