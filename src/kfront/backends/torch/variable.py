"""Variables, and the Parameters that a layer's attributes show.

A `TorchVariable` says who it is: name, path, regularizer. Its storage is a tensor that a layer has in `_parameters`
(what may be trained) or `_buffers` (all else), whoever put it there. A Parameter in a layer is a `VariableParameter`: a
Parameter for torch, with the Variable's members besides. It is what an attribute such as `layer.kernel` holds.
"""

from __future__ import annotations

import sys
from typing import Any, Self

import numpy as np
import torch
from torch import overrides
from torch.fx.experimental import proxy_tensor
from torch.nn import Module, Parameter
from torch.optim import optimizer as _optimizer
from torch.utils._device import DeviceContext
from torch.utils._pytree import tree_map

from kfront.backends.torch.common import NAMES, current_device, native, shared_dtype
from kfront.backends.torch.step import inside_func, recorded
from kfront.core.operators import VariableBase
from kfront.core.state import state
from kfront.core.tracking import structure
from kfront.core.typing import AnyCallable, Config, DTypeLike
from kfront.core.variable import Variable, parameters

Tensor = torch.Tensor
SEED_NAME = "seed_generator_state"


class TorchVariable(Variable):
    """A Variable whose storage torch may replace.

    Inside a recorded computation the value of a variable that is not trained is read as an alias. If it is assigned
    later in that computation the storage gets new memory, and what autograd saved stays as it was: assigning in the
    forward pass is as safe as on the other engines.

    Attributes:
        own: the storage. `_value` is another tensor where something stands in its place: in `bind`, in scopes, inside
            the transforms of `torch.func`.
        places: layers that have registered it, and under which name.
    """

    own: Tensor
    places: tuple[tuple[Module, str], ...] = ()
    _aliased_by_autograd = False
    _reference: Variable | None = None  # a Variable beside whose shards its own are, in an optimizer
    _elsewhere = False  # whether the storage belongs to a module of its own

    def _make(self, value: Tensor) -> None:
        b = self._kf_backend
        with b.eager():
            if isinstance(value, Tensor):
                tensor = value.detach().clone()
            else:
                plain = type(value) is np.ndarray and shared_dtype(value) == self._dtype
                plain = plain and not torch.compiler.is_compiling()
                tensor = torch.from_numpy(value) if plain else b.convert(value, self._dtype)
                tensor = tensor.clone()  # FSDP resizes storages, which NumPy's memory does not allow
            device = torch.device("cpu") if self.name == SEED_NAME else state.device or _chosen() or current_device()
            if device is not None and tensor.device != device:
                tensor = tensor.to(device)
            self._dtype = NAMES[tensor.dtype]
            self._value = self.own = self._parameter(tensor) if self._trainable else tensor
        self._aliased_by_autograd = (
            False  # of its own from the start: compiled code is guarded by an attribute's absence
        )

    def _parameter(self, tensor: Tensor) -> Parameter:
        return Parameter(tensor, requires_grad=self._trainable and _differentiable(tensor))

    # -- reading and writing ------------------------------------------------------------------------------------------

    @property
    def value(self) -> Tensor:
        """The native tensor, in the autocast dtype inside such a scope."""
        value = self._value
        if not self._trainable and value is self.own and torch.is_grad_enabled() and _may_be_saved(value):
            value = value.data
            self._aliased_by_autograd = True
        cast = state.autocast
        if cast is not None and self._autocast and cast != self._dtype and value.is_floating_point():
            return value.to(native(cast))
        return value

    def _write(self, value: Tensor) -> None:
        mine = self.own
        if self._value is not mine:
            self._put(value)
        elif self._aliased_by_autograd and not recorded():
            mine.data = value.detach().to(mine.device, mine.dtype, copy=True)
            self._aliased_by_autograd = False
        else:  # not under `no_grad`, which is in no trace
            mine.detach().copy_((value if type(mine) is VariableParameter else _laid_out(value, mine)).detach())

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it: the Parameter's `requires_grad`."""
        mine = self.own
        return mine.requires_grad if is_parameter(mine) and _differentiable(mine) else self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        Variable.trainable.fset(self, value)  # type: ignore[attr-defined]
        mine = self.own
        if self._trainable and not isinstance(mine, Parameter):
            self.become(self._parameter(mine))
        elif isinstance(mine, Parameter) and _differentiable(mine):
            Tensor.requires_grad_(mine, self._trainable)

    @classmethod
    def __torch_function__(cls, func: AnyCallable, types: object, args: object = (), kwargs: object = None) -> Any:
        """torch's own functions take Variables."""
        args, kwargs = tree_map(lambda x: x.value if isinstance(x, Variable) else x, (args, kwargs or {}))
        return func(*args, **kwargs)

    def __array_function__(self, func: AnyCallable, types: object, args: object, kwargs: object) -> Any:
        """NumPy's functions take it as an array; else they call a tensor's methods, which have other arguments."""
        args, kwargs = tree_map(lambda x: x.numpy() if isinstance(x, Variable) else x, (args, kwargs))
        return func(*args, **kwargs)

    # -- storage ------------------------------------------------------------------------------------------------------

    def take(self, tensor: Tensor) -> None:
        """Hold what torch has put in a layer's table, as the storage; inside transforms and traces only for a time."""
        inside = inside_func()
        if not inside:
            self._claim(tensor)
            self.own, self._aliased_by_autograd = tensor, False
            self._dtype, self._shape = NAMES[tensor.dtype], tuple(tensor.shape)
            if is_parameter(tensor) and _differentiable(tensor):
                self._trainable = Tensor.requires_grad.__get__(tensor)  # type: ignore[attr-defined]
        self._put(tensor)

    def _claim(self, tensor: Tensor) -> None:
        """Make a Parameter one that has this Variable's members."""
        if type(tensor) is Parameter:
            tensor.__class__ = VariableParameter
        if type(tensor) is VariableParameter and tensor._handle is None:
            tensor._handle = self

    def become(self, tensor: Tensor) -> None:
        """Have another storage, in all layers."""
        self.take(tensor)
        for layer, name in self.places:
            file(layer, name, self)

    def _lay_out_like(self, reference: Variable | None) -> None:
        self._reference = reference
        if reference is not None and hasattr(reference.own, "placements") and not hasattr(self.own, "placements"):
            self.become(_laid_out(self.own, reference.own))

    def displace(self, layer: Module, name: str) -> None:
        """The layer's table has no storage any more."""
        if len(self.places) > 1:
            self.places = tuple(p for p in self.places if p[0] is not layer or p[1] != name)
            return
        if type(self.own) is VariableParameter:
            self.own.__class__ = Parameter
            self.own._handle = None
        self._kind, self.__class__ = type(self), Displaced
        structure.version += 1
        bound = next(c for c in type(layer).__mro__ if "_kf_unbound" in vars(c))
        if not isinstance(vars(bound).get(name), _Default) and hasattr(bound, name):
            setattr(bound, name, _Default(name, getattr(bound, name)))

    def _put(self, value: Tensor) -> None:
        self._value = value
        own = self.own
        other = ReplacedParameter if value is own else VariableParameter
        if type(own) is other and not torch.compiler.is_compiling():
            own.__class__ = VariableParameter if value is own else ReplacedParameter
        for layer, name in self.places:
            fields = layer.__dict__
            shown = self._shown(layer)
            for attribute in fields["_kf_native_names"][name][1]:
                held = fields.get(attribute)
                if held is not None and held is not shown and isinstance(held, (TorchVariable, Parameter)):
                    object.__setattr__(layer, attribute, shown)

    def _shown(self, layer: Module) -> Variable:
        """What an attribute of `layer` holds: the Parameter; the Variable where there is none, or where it casts.

        A layer whose compute dtype is another reads its weights in that dtype. kfront's own do so by `read`; in a
        user's, operators and ops do, which a Parameter leaves as it is.
        """
        value = self._value
        if not is_parameter(value) or (type(value) is not VariableParameter and inside_func()):
            return self
        casts = layer.__dict__.get("_kf_scope_dtype") is not None
        return self if casts and not type(layer)._kf_unbound.__module__.startswith("kfront.") else value

    def _kf_state(self) -> Config:
        return {k: v for k, v in super()._kf_state().items() if k not in ("places", "_reference")}


class Displaced(TorchVariable):
    """A Variable whose storage its layer has no more: its value is what the layer has under its name.

    A parametrization computes that, or pruning, from Parameters that are trained instead; after `del` there is none.
    """

    _kf_listed = False
    own: Tensor | None = None

    @property
    def _kf_place(self) -> tuple[Module, str]:
        return self.places[0]

    @property
    def _value(self) -> Tensor:
        return getattr(*self._kf_place)

    def _write(self, value: Tensor) -> None:
        layer, name = self._kf_place
        original = layer._parameters.get(f"{name}_orig")  # of `torch.nn.utils.prune`
        with torch.no_grad():
            if original is not None:
                original.copy_(value)
                value = original * layer._buffers[f"{name}_mask"]
            setattr(layer, name, value)

    @property
    def trainable(self) -> bool:
        """Whether what it is computed from is trained."""
        return self._value.requires_grad

    def take(self, tensor: Tensor) -> None:
        """Have a storage again."""
        layer, name = self._kf_place
        self.__class__ = self._kind
        structure.version += 1
        TorchVariable.take(self, tensor)
        if name in layer.__dict__["_kf_native_names"][name][1]:
            layer.__dict__[name] = self._shown(layer)


class _Default:
    """A class's default for an attribute, which is absent once there was a Variable that is gone.

    A parametrization takes the name only if there is no attribute.
    """

    def __init__(self, name: str, default: object) -> None:
        self.name, self.default = name, default

    def __get__(self, layer: Module | None, owner: type) -> Any:
        entry = None if layer is None else layer.__dict__["_kf_native_names"].get(self.name)
        if entry is not None and type(entry[0]) is Displaced:
            raise AttributeError(f"{owner.__name__!r} object has no attribute {self.name!r}", name=self.name, obj=layer)
        return self.default


def _chosen() -> torch.device | None:
    """The device of ``with torch.device(..)`` or `torch.set_default_device`, None without one."""
    if not torch._C._len_torch_function_stack():
        return None
    modes = overrides._get_current_function_mode_stack()
    return next((mode.device for mode in reversed(modes) if isinstance(mode, DeviceContext)), None)


def is_parameter(tensor: object) -> bool:
    """Whether it is a Parameter; `isinstance` asks a metaclass, which takes ten times as long as the usual answer."""
    kind = type(tensor)
    return kind is VariableParameter or (kind is not Tensor and isinstance(tensor, Parameter))


def file(layer: Module, name: str, variable: TorchVariable) -> None:
    """Put a variable's storage in the right table of a layer."""
    fields, own = layer.__dict__, variable.own
    there, other = ("_parameters", "_buffers") if is_parameter(own) else ("_buffers", "_parameters")
    dict.pop(fields[other], name, None)
    dict.__setitem__(fields[there], name, own)


def _laid_out(value: Tensor, mine: Tensor) -> Tensor:
    """A whole value as shards, where the storage is a DTensor, and the other way round."""
    if hasattr(mine, "placements") == hasattr(value, "placements"):
        return value
    if hasattr(value, "placements"):
        return value.full_tensor()
    return sys.modules[type(mine).__module__].distribute_tensor(value, mine.device_mesh, mine.placements)


def _may_be_saved(value: Tensor) -> bool:
    """Whether autograd could save a storage that may be assigned: a floating constant, not in a recorded program."""
    return not value.requires_grad and value.is_floating_point() and not recorded()


def _differentiable(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


# ---- what attributes show --------------------------------------------------------------------------------------------


class VariableParameter(Parameter, Variable):
    """A Parameter with the members of its Variable; Parameters become one, it has no constructor of its own.

    What both have is torch's: `dtype` is a `torch.dtype`, `layout` a `torch.layout`, operators are torch's. torch asks
    every tensor that is no exact Tensor or Parameter for `__torch_function__`; it has to stand in the class itself.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl
    _handle: TorchVariable | None = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Nothing: ``Parameter(own)`` calls it."""

    @property
    def value(self) -> Tensor:
        """The tensor: this one, or what stands in its place; in the autocast dtype inside such a scope."""
        handle = self._handle
        return self if handle is None or (handle._value is self and state.autocast is None) else handle.value

    def __repr__(self) -> str:
        return repr(Tensor._make_subclass(Parameter, self.data, self.requires_grad))

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """The value as a NumPy array (a copy)."""
        return self._handle.numpy()

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> np.ndarray:
        return VariableBase.__array__(self, dtype, copy)

    __array_function__ = TorchVariable.__array_function__
    __float__, __int__ = Variable.__float__, Variable.__int__
    __dlpack__, __dlpack_device__ = Variable.__dlpack__, Variable.__dlpack_device__

    def _set_requires_grad(self, on: bool) -> None:
        Tensor.requires_grad.__set__(self, on)  # type: ignore[attr-defined]
        if self._handle is not None:
            self._handle._trainable = on
            structure.version += 1

    def _get_requires_grad(self) -> bool:
        if torch.compiler.is_compiling():  # the compiler would look for the tensor's own here again, without end
            return self._handle is not None and self._handle._trainable
        return Tensor.requires_grad.__get__(self)  # type: ignore[attr-defined]

    requires_grad = property(_get_requires_grad, _set_requires_grad)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Whether autograd gives it a gradient; its Variable is trained or not accordingly."""
        self._set_requires_grad(requires_grad)
        return self

    def detach(self) -> Tensor:
        """The tensor without history. ``Parameter(own)`` insists on its own type; `weight_norm` calls that."""
        out = super().detach()
        if not torch.compiler.is_compiling() and sys._getframe(1).f_code is _NEW_PARAMETER:
            return out.as_subclass(VariableParameter)
        return out

    def __deepcopy__(self, memo: dict[int, object]) -> Parameter:
        out = memo[id(self)] = Parameter(self.data.clone(), self.requires_grad)
        return out

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        """Alone it is a Parameter; the layer that holds it makes it a VariableParameter again."""
        return torch._utils._rebuild_parameter, (self.data, self.requires_grad, {})


class ReplacedParameter(VariableParameter):
    """A VariableParameter in whose place something else stands for a time; torch's functions get that."""

    @classmethod
    def __torch_function__(cls, func: AnyCallable, types: object, args: object = (), kwargs: object = None) -> Any:
        args, kwargs = tree_map(lambda x: x.value if type(x) is ReplacedParameter else x, (args, kwargs or {}))
        return func(*args, **kwargs)


_NEW_PARAMETER = Parameter.__new__.__code__
_OF_THE_VARIABLE = (
    *("name", "path", "trainable", "regularizer", "constraint", "overwrite_with_gradient"),
    *("aggregation", "synchronization", "assign", "assign_add", "assign_sub"),
    *("own", "_value", "_put", "_write", "_read", "_kf_backend", "_dtype", "_shape", "_layout", "_owner"),
    *("_autocast", "_trainable", "_settable_trainable"),
)


def _forwarded(name: str) -> property:
    return property(lambda self: getattr(self._handle, name), lambda self, value: setattr(self._handle, name, value))


def _of_the_tensor(name: str) -> property:
    return property(lambda self: getattr(self.value, name))


for _name in _OF_THE_VARIABLE:
    setattr(VariableParameter, _name, _forwarded(_name))
for _name in {*dir(Tensor)}.difference(dir(TorchVariable)):  # `grad`, `device`, `t` …
    if not _name.startswith("_"):  # not by `__getattr__`, which would make all attributes slow
        setattr(TorchVariable, _name, _of_the_tensor(_name))
parameters.update((VariableParameter, Parameter))
# where torch asks for exact Parameters: foreach and fused optimizers by default (as it does for DTensor); `make_fx`
_optimizer._foreach_supported_types.append(VariableParameter)
proxy_tensor.HANDLED_TYPES += (VariableParameter,)
