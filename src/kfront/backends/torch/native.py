"""Layers as `torch.nn.Module`s.

What a layer's Variables may train is in `_parameters`, their other storage in `_buffers`, so that `.to()`,
`state_dict`, `deepcopy`, pickle, DDP and `torch.compile` see all of it, and what torch puts there is what the
Variables hold (`variable.py`). Attributes stay where Python finds them first, in the instance's `__dict__`.
"""

from __future__ import annotations

import copy
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeGuard

import torch
from torch.fx.proxy import Proxy
from torch.nn import Module, Parameter
from torch.nn.modules import module
from torch.nn.parameter import Buffer, UninitializedParameter

from kfront.backends.torch.common import NAMES, native
from kfront.backends.torch.step import inside_func
from kfront.backends.torch.variable import SEED_NAME, TorchVariable, VariableParameter, file, is_parameter
from kfront.core.errors import NotBuiltError
from kfront.core.typing import AnyCallable, Config

Tensor = torch.Tensor
_HOOKS = (
    ("_parameters", module._global_parameter_registration_hooks),
    ("_buffers", module._global_buffer_registration_hooks),
)


class Table(dict[str, Tensor | None]):
    """`_parameters` or `_buffers` of a layer: what torch puts there, as `functional_call` does, the Variables hold.

    Attributes:
        waiting: whether it has a placeholder as long as the layer has no weights.
    """

    waiting: bool = False

    def __init__(self, layer: Module, items: Mapping[str, Tensor | None]) -> None:
        super().__init__(items)
        self.layer = layer

    def __setitem__(self, name: str, value: Tensor) -> None:
        super().__setitem__(name, value)
        variable = known(self.layer, name)
        if variable is not None:
            variable.take(value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        variable = known(self.layer, name)
        if variable is not None:
            self.layer.__dict__.pop(name, None)
            variable.displace(self.layer, name)
        elif name in self.layer.__dict__["_kf_native_names"]:
            self.layer._tracker.forget(name)

    def pop(self, name: str, *default: Tensor | None) -> Tensor | None:
        value = self.get(name, *default)
        if name in self:
            del self[name]
        return value

    def items(self) -> Iterable[tuple[str, Tensor | None]]:
        if not self.waiting or self.layer.__dict__.get("built", True):
            return super().items()
        return [*super().items(), ("not_built", Unbuilt.of(self.layer))]

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        return dict, (dict(self),)


def known(layer: Module, name: str) -> TorchVariable | None:
    """The Variable that is registered under a name, or None."""
    entry = layer.__dict__["_kf_native_names"].get(name)
    return entry[0] if entry is not None and _is_held(entry[0]) else None


def _is_held(thing: object) -> TypeGuard[TorchVariable]:
    """Whether it is a Variable whose storage the layer's tables hold for it."""
    return isinstance(thing, TorchVariable) and not thing._elsewhere


def init_tables(layer: Module) -> None:
    """Give a new layer, or one that was copied, tables that its Variables follow."""
    fields = layer.__dict__
    names = fields.setdefault("_kf_native_names", {})
    for table in ("_parameters", "_buffers"):
        fields[table] = Table(layer, fields[table])
    fields["_parameters"].waiting = layer._kf_owns_weights and not getattr(type(layer).build, "_empty", False)
    for name, (thing, _) in names.items():
        if _is_held(thing):
            thing.places = (*thing.places, (layer, name))
            thing.take(thing.own)


class Unbuilt(UninitializedParameter):
    """Stands for the weights that a layer does not have yet: an optimizer that is made of it says so."""

    of_layer: str

    @classmethod
    def of(cls, layer: Module) -> Unbuilt:
        """That of a layer."""
        out = cls()
        out.__dict__["of_layer"] = layer.name
        return out

    @classmethod
    def __torch_function__(cls, func: AnyCallable, types: object, args: Any = (), kwargs: object = None) -> None:
        if func == Tensor.grad.__get__:
            return None
        raise NotBuiltError(
            f"[{args[0].__dict__['of_layer']}] expected a built layer, got one whose parameters do not exist yet; call "
            "it on data, or its `build`, before an optimizer is made or its parameters are counted or frozen."
        )


class _unlisted:
    """Context in which the placeholder of a layer without weights is not among its parameters."""

    def __init__(self, layer: Module) -> None:
        self.table = layer.__dict__["_parameters"]

    def __enter__(self) -> None:
        self.waiting, self.table.waiting = self.table.waiting, False

    def __exit__(self, *exc: object) -> None:
        self.table.waiting = self.waiting


# ---- registration in the module --------------------------------------------------------------------------------------


def track(layer: Module, attribute: str, thing: Any) -> None:
    """Register the storage of a Variable, or a layer that is a Module, under a name made of `attribute`.

    What stands there already under an automatic name (leading "_") moves to the better one.
    """
    fields = layer.__dict__
    there = thing.__dict__.get("_held_by") is layer  # it stands for a module or Parameter that is an attribute
    if "_modules" not in fields or (getattr(thing, "_elsewhere", False) and not there):
        return  # a copy that is being put together; what was registered comes with it
    names = fields["_kf_native_names"]
    own = thing.__dict__
    placed = "_kf_native_names" not in own or own.get("_placed", False)  # a layer that is new need not be looked for
    found = next(iter([n for n, (x, _) in names.items() if x is thing]), None) if placed else None
    if not placed:
        own["_placed"] = True
    name = attribute.replace(".", "_")
    if found is not None and not (found.startswith("_") and not name.startswith("_")):
        names[found][1].append(attribute)
        return
    if found is not None:
        _rename(layer, found, name, attribute)
        return
    names[name] = (thing, [attribute])
    if there:
        return
    if isinstance(thing, Module):
        for hook in module._global_module_registration_hooks.values():  # `take_mode` is one
            hook(layer, name, thing)
        fields["_modules"][name] = thing
        return
    thing.places, new = (*thing.places, (layer, name)), not thing.places
    if new and type(thing.own) is Parameter and thing._value is thing.own and not inside_func():
        thing._claim(thing.own)  # of a new Variable nothing else can have changed
    elif thing._settable_trainable and not is_parameter(thing.own):
        thing.become(thing._parameter(thing.own))
    elif thing._value is thing.own:
        thing.take(thing.own)
    file(layer, name, thing)
    if not name.startswith("_weight_"):  # what `add_weight` gives it until it is an attribute
        _announce(layer, name)


def _announce(layer: Module, name: str) -> None:
    """Call the hooks for all that is registered, each of which may put something else in its place."""
    for table, hooks in _HOOKS:
        if hooks and name in layer.__dict__[table]:
            for hook in hooks.values():
                new = hook(layer, name, dict.__getitem__(layer.__dict__[table], name))
                if new is not None:
                    layer.__dict__[table][name] = new


def _rename(layer: Module, old: str, new: str, attribute: str) -> None:
    """Move what is registered to a better name, which an attribute has given it."""
    fields = layer.__dict__
    thing, users = fields["_kf_native_names"].pop(old)
    fields["_kf_native_names"][new] = thing, [*users, attribute]
    for table in (fields["_parameters"], fields["_buffers"], fields["_modules"]):
        if old in table:
            value = dict.__getitem__(table, old)
            dict.pop(table, old)
            dict.__setitem__(table, new, value)
    if not isinstance(thing, Module):
        thing.places = tuple([(x, new if x is layer and n == old else n) for x, n in thing.places])
        _announce(layer, new)


def _forget(layer: Module, name: str) -> None:
    fields = layer.__dict__
    thing = fields["_kf_native_names"].pop(name)[0]
    if not isinstance(thing, Module):
        thing.places = tuple(p for p in thing.places if p[0] is not layer or p[1] != name)
    elif any(isinstance(x, Module) for _, x in layer._tracker.items.get(name, ())):
        fields["_modules"][name] = None  # another one follows, in the same place, maybe while torch iterates over them
        return
    for table in ("_parameters", "_buffers", "_modules"):
        dict.pop(fields[table], name, None)


def untrack(layer: Module, attribute: str) -> None:
    """An attribute no longer holds what was registered for it."""
    for name, (_, users) in list(layer.__dict__.get("_kf_native_names", {}).items()):
        if attribute in users:
            users.remove(attribute)
            if not users:
                _forget(layer, name)


def set_native_attribute(layer: Module, name: str, value: object) -> bool:
    """Take a Module or tensor as an attribute, as any Module does; under a Variable's name it becomes its storage.

    Returns:
        Whether that is what it is; kfront's layers, Parameters of other layers and plain tensors are not.
    """
    fields, variable = layer.__dict__, known(layer, name)
    if variable is not None and isinstance(value, Tensor):
        if name in fields["_buffers"]:
            fields["_buffers"][name] = value
        elif isinstance(value, Parameter):
            if type(value) is VariableParameter and value._handle is not None and value._handle is not variable:
                return False
            fields["_parameters"][name] = value
        elif variable._kf_listed:
            return False
        else:
            object.__setattr__(layer, name, value)  # what was computed from the storage that is gone
        return True
    if (
        type(value) is VariableParameter
        or hasattr(type(value), "_kf_tracked_kind")
        or not isinstance(value, (Module, Parameter, Buffer))
    ):
        return False
    if isinstance(value, Module):
        layer._kf_adopt(name, value)
        return True
    if isinstance(fields["_kf_native_names"].get(name, ("",))[0], TorchVariable):
        fields["_parameters"][name] = value  # its Variable looks there
        return True
    layer._tracker.forget(name)
    fields.pop(name, None)
    Module.__setattr__(layer, name, value)  # which registers it
    return True


def delete_native_attribute(layer: Module, name: str) -> bool:
    """Delete what a Variable is registered for, and say whether one is; it is gone from all lists."""
    fields = layer.__dict__
    if known(layer, name) is None:
        return False
    for table in (fields["_parameters"], fields["_buffers"]):
        if name in table:
            del table[name]
            return True
    fields.pop(name, None)
    return True


# ---- members of bound classes ----------------------------------------------------------------------------------------


def settle(layer: Module) -> None:
    """Have the Variables hold what is in the tables: torch may have put new objects there, or changed their class."""
    for name, (thing, _) in layer.__dict__["_kf_native_names"].items():
        for table in (layer._parameters, layer._buffers):
            if name in table and _is_held(thing):
                thing.take(table[name])


def _apply(self: Module, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Module:
    """`Module._apply` (`.to()`, `.double()` …); Variables and the layer's dtype follow, keys stay on the host."""
    keys = {n: x for n, x in self._buffers.items() if n.endswith(SEED_NAME)}
    with _unlisted(self):
        Module._apply(self, fn, recurse)
    self._buffers.update(keys)
    settle(self)
    have = native(self.variable_dtype) if self.variable_dtype else None
    if have is not None and have.is_floating_point:
        now = fn(torch.empty(0, dtype=have)).dtype
        if now is not have:
            self.dtype_policy = NAMES[now]
    return self


def _save_to_state_dict(self: Module, *args: object) -> None:
    with _unlisted(self):
        Module._save_to_state_dict(self, *args)


def _load_from_state_dict(self: Module, *args: object) -> None:
    with _unlisted(self):
        Module._load_from_state_dict(self, *args)
    settle(self)


def take_mode(owner: Module, name: str, part: Module | None) -> None:
    """A layer that is put into a module takes over its mode, unless `train` or another module has set one before."""
    mode = owner.__dict__.get("training")  # what `torch.compile` makes asks the module that it is about
    if owner.__dict__.get("_kf_mode_set") is False:
        return  # nobody has told the owner either, so that a layer's own default holds
    if mode is not None and isinstance(part, Module) and part.__dict__.get("_kf_mode_set") is False:
        if part.training != mode:
            part.train(mode)
        part.__dict__["_kf_mode_set"] = True


module.register_module_module_registration_hook(take_mode)


def _register_parameter(self: Module, name: str, param: Parameter | None) -> None:
    """As `Module.register_parameter`; under a Variable's name it becomes its storage."""
    if param is not None and known(self, name) is None:
        Module.register_parameter(self, name, param)
        self._tracker.track(name, self._kf_backend.foreign("torch", self.name).adopted(self, name, name, self))
    else:
        self._parameters[name] = param


def _deepcopy(self: Module, memo: dict[int, object]) -> Module:
    """What `copy.deepcopy` does without it; here because torch gives a parametrized class one of another kind."""
    make, args, state = self.__reduce_ex__(4)[:3]
    out = memo[id(self)] = make(*args)
    out.__setstate__(copy.deepcopy(state, memo))
    return out


def _ignored_by_ddp(self: Module) -> list[str]:
    """Names of the buffers that DistributedDataParallel leaves alone: keys of random ops, which stay on the CPU."""
    return [n for n, _ in self.named_buffers() if n.endswith(SEED_NAME)]


_module_call = Module.__call__


def _call(self: Module, *args: Any, **kwargs: Any) -> Any:
    """`Module.__call__`, to which it leaves what is rarely there: hooks, `Module.compile`, `torch.fx`, `torch.jit`."""
    fields = self.__dict__
    if torch._C._get_tracing_state():
        fields["_kf_ready"] = False  # `torch.jit.trace` compares two runs, which have to take the same path
        return Module.__call__(self, *args, **kwargs)
    if (
        fields["_forward_hooks"]
        or fields["_forward_pre_hooks"]
        or fields["_backward_hooks"]
        or fields["_backward_pre_hooks"]
        or "_compiled_call_impl" in fields
        or module._global_forward_hooks
        or module._global_forward_pre_hooks
        or module._global_backward_hooks
        or module._global_backward_pre_hooks
    ):
        return Module.__call__(self, *args, **kwargs)
    if Module.__call__ is not _module_call:
        return _recorded(self, args, kwargs)
    return self.forward(*args, **kwargs)


def _recorded(self: Module, args: tuple[object, ...], kwargs: dict[str, object]) -> Any:
    """A call while `torch.fx` records: the layer is one node, as torch's own layers are."""
    proxy = next((x for x in (*args, *kwargs.values()) if isinstance(x, Proxy)), None)
    if proxy is None:
        return Module.__call__(self, *args, **kwargs)
    tracer: Any = proxy.tracer
    return tracer.create_proxy("call_module", tracer.path_of_module(self), args, kwargs)


def _signed(run: types.FunctionType, cls: type) -> types.FunctionType:
    """A function with the signature of a layer's `call`, by which `torch.export` matches arguments."""
    out = types.FunctionType(run.__code__, run.__globals__, "forward", run.__defaults__, run.__closure__)
    out.__kwdefaults__, out.__signature__ = run.__kwdefaults__, inspect.signature(cls.call)
    return out


def members(cls: type, root: type) -> dict[str, object]:
    """What a layer class bound to torch has besides: calls go through `Module.__call__`, so that hooks fire."""
    own_train = getattr(cls, "train", Module.train)

    def train(self: Module, mode: bool = True) -> Module:
        fields = self.__dict__
        fields["_kf_mode_set"] = True
        for layer in self._kf_modules_held() if self._kf_has_modules else ():
            layer.__dict__["_modes"] = None  # the flags that a call has covered up are of the past
        return own_train(self, mode)

    def set_state(self: Module, saved: Config) -> None:
        cls.__setstate__(self, saved)  # type: ignore[attr-defined]
        init_tables(self)

    out: dict[str, object] = {
        "__call__": _call,
        "__setstate__": set_state,
        "_apply": _apply,
        "_save_to_state_dict": _save_to_state_dict,
        "_load_from_state_dict": _load_from_state_dict,
        "register_parameter": _register_parameter,
        "train": train,
        "_ddp_params_and_buffers_to_ignore": property(_ignored_by_ddp),
    }
    if not hasattr(cls, "__deepcopy__"):
        out["__deepcopy__"] = _deepcopy
    if not hasattr(cls, "forward"):
        own = cls.__call__
        out["forward"] = _signed(root._kf_run, cls) if own is root.__call__ else own  # type: ignore[attr-defined]
    return out
