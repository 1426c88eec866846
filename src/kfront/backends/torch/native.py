"""Layers as `torch.nn.Module`s, variables as `torch.nn.Parameter`s.

Every variable of a layer is a Parameter, those that are not trained with ``requires_grad=False``, so that `.to()`,
`state_dict`, `deepcopy`, pickle, DDP and `torch.compile` see all of them. The objects stay where Python finds them
first, in the instance's `__dict__`; `_parameters` and `_modules` hold them for torch besides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.fx.proxy import Proxy
from torch.nn import Module, Parameter
from torch.nn.modules.module import register_module_module_registration_hook
from torch.nn.parameter import UninitializedParameter
from torch.utils._pytree import tree_map

from kfront.backends.torch.common import NAMES, current_device, native
from kfront.core.errors import NotBuiltError
from kfront.core.state import state
from kfront.core.variable import Variable

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
    waiting: Any = None  # the layer while it has no weights yet, of which there is a placeholder then

    def __setitem__(self, name: str, value: Tensor) -> None:
        super().__setitem__(name, value)
        owner = self.owners.get(name)
        if owner is not None:
            owner._value = value

    def items(self) -> Any:
        layer = self.waiting
        if layer is None or layer.__dict__.get("built", True):
            return super().items()
        return [*super().items(), ("not_built", Unbuilt.of(layer))]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return (*super().__reduce_ex__(protocol)[:4], iter(dict.items(self)))  # type: ignore[misc]


class Unbuilt(UninitializedParameter):
    """Stands for the weights that a layer does not have yet: an optimizer that is made of it says so."""

    of_layer: str

    @classmethod
    def of(cls, layer: Any) -> Unbuilt:
        """That of a layer."""
        out = cls()
        out.__dict__["of_layer"] = layer.name
        return out

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: object = None) -> Any:
        if func == Tensor.grad.__get__:
            return None
        raise NotBuiltError(
            f"[{args[0].__dict__['of_layer']}] expected a built layer, got one whose parameters do not exist yet; call "
            "it on data, or its `build`, before an optimizer is made or its parameters are counted or frozen."
        )


class _unlisted:
    """Context in which the placeholder of a layer without weights is not among its parameters."""

    def __init__(self, layer: Any) -> None:
        self.table = layer.__dict__["_parameters"]

    def __enter__(self) -> None:
        self.layer, self.table.waiting = self.table.waiting, None

    def __exit__(self, *exc: object) -> None:
        self.table.waiting = self.layer


# ---- registration in the module --------------------------------------------------------------------------------------


def track(layer: Module, attribute: str, thing: Any) -> None:
    """Register the Parameter of a Variable, or a layer that is a Module, under a name made of `attribute`.

    What stands there already under an automatic name (leading "_") moves to the better one.
    """
    value, table = (thing, "_modules") if isinstance(thing, Module) else (thing._value, "_parameters")
    there = thing.__dict__.get("_held_by") is layer  # it stands for a module or Parameter that is an attribute
    if table not in layer.__dict__ or (getattr(thing, "_elsewhere", False) and not there):
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
    if there:
        return
    take_mode(layer, name, thing)
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


def set_native_attribute(layer: Any, name: str, value: Tensor) -> None:
    """A Module or Parameter became an attribute: a weight, or what holds some, of the layer as of any Module.

    Under a Variable's name a Parameter becomes its storage.
    """
    known = layer.__dict__.get("_native_names", {}).get(name)
    if known is not None and isinstance(value, Parameter) and isinstance(known[0], Variable):
        layer.__dict__["_parameters"][name] = value
        known[0]._follow(value)
        return
    if isinstance(value, Module):
        layer._adopt(name, value)
        return
    layer._tracker.forget(name)
    layer.__dict__.pop(name, None)
    Module.__setattr__(layer, name, value)
    layer._tracker.track(name, layer._backend.foreign("torch", layer.name).adopted(layer, name, name, layer))


# ---- members of bound classes ----------------------------------------------------------------------------------------


def _apply(self: Any, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
    """`Module._apply` (`.to()`, `.double()` …); Variables and the layer's dtype follow."""
    with _unlisted(self):
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


def _save_to_state_dict(self: Any, *args: Any) -> None:
    with _unlisted(self):
        Module._save_to_state_dict(self, *args)


def _load_from_state_dict(self: Any, *args: Any) -> None:
    with _unlisted(self):
        Module._load_from_state_dict(self, *args)


def take_mode(module: Module, name: str, part: Any) -> None:
    """A layer that is put into a module takes over its mode, unless `train` or another module has set one before."""
    mode = module.__dict__.get("training")  # what `torch.compile` makes asks the module that it is about
    if mode is not None and isinstance(part, Module) and part.__dict__.get("_mode_set") is False:
        if part.training != mode:
            part.train(mode)
        part.__dict__["_mode_set"] = True


register_module_module_registration_hook(take_mode)


def _ignored_by_ddp(self: Any) -> list[str]:
    """Names of the parameters that DistributedDataParallel leaves alone: keys of random ops, which stay on the CPU."""
    return [n for n, _ in self.named_parameters() if n.endswith(SEED_NAME)]


def members(cls: type, root: type) -> dict[str, object]:
    """What a layer class bound to torch has besides: calls go through `Module.__call__`, so that hooks fire."""
    own_train, run_general = getattr(cls, "train", Module.train), cls._run_general  # type: ignore[attr-defined]

    def run(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for x in args:
            if type(x) is Proxy:  # `torch.fx` traces: a layer is a node of its graph, as torch's own are
                return x.tracer.create_proxy("call_module", x.tracer.path_of_module(self), args, kwargs)
        return run_general(self, args, kwargs)

    def train(self: Any, mode: bool = True) -> Any:
        fields = self.__dict__
        fields["_mode_set"] = True
        for layer in self._modules_held() if self._has_modules else ():
            layer.__dict__["_modes"] = None  # the flags that a call has covered up are of the past
        return own_train(self, mode)

    out: dict[str, Any] = {
        "__call__": Module.__call__,
        "_run_general": run,
        "_apply": _apply,
        "_save_to_state_dict": _save_to_state_dict,
        "_load_from_state_dict": _load_from_state_dict,
        "train": train,
        "_ddp_params_and_buffers_to_ignore": property(_ignored_by_ddp),
    }
    if not hasattr(cls, "forward"):
        own = cls.__call__
        out["forward"] = root._run if own is root.__call__ else own  # type: ignore[attr-defined]
    return out
