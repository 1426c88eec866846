"""`torch.nn.Module`s inside layers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch.nn.parameter import UninitializedTensorMixin

from kfront.backends import get
from kfront.backends.torch.common import NAMES
from kfront.backends.torch.native import TorchVariable
from kfront.core.state import state as scopes
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.layers.base import Layer


class Adopted(TorchVariable):
    """A Variable whose storage is the place of a Parameter in a module: who swaps its value swaps the module's."""

    def __init__(self, module: Module, leaf: str, name: str, path: str) -> None:
        held = module._parameters[leaf]
        assert held is not None
        fields = self.__dict__
        fields.update(_module=module, _leaf=leaf, name=name, path=path, _owner=None, _layout=None)
        fields.update(_regularizer=None, _constraint=None, _autocast=True, _aliased_by_autograd=False)
        fields["_trainable"] = fields["_settable_trainable"] = held.requires_grad

    _elsewhere = True
    _backend = property(lambda self: get("torch"))

    @property
    def _value(self) -> Any:
        return self._module._parameters[self._leaf]

    @_value.setter
    def _value(self, value: Tensor) -> None:
        self._module._parameters[self._leaf] = value

    @property
    def _dtype(self) -> str:
        return NAMES[self._value.dtype]

    @property
    def _shape(self) -> tuple[int, ...]:
        return tuple(self._value.shape)

    @property
    def value(self) -> Tensor:
        """The Parameter, in the autocast dtype inside such a scope."""
        value, cast = self._value, scopes.autocast
        return value if cast is None or not value.is_floating_point() else value.to(get("torch").native_dtype(cast))

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Adopted.__new__, (Adopted,), dict(self.__dict__)


def is_module(x: Tensor) -> bool:
    """Whether `x` is a module whose parameters exist."""
    return isinstance(x, Module) and not any(isinstance(p, UninitializedTensorMixin) for p in x.parameters())


def variables(module: Module, layer_name: str) -> Iterator[Tensor]:
    """A Variable for each Parameter, each once; Variables that are there already for what is a layer inside."""
    seen: set[int] = set()
    for prefix, part in module.named_modules():
        for leaf, held in part._parameters.items():
            if isinstance(held, Parameter) and id(held) not in seen:
                seen.add(id(held))
                name = f"{prefix}.{leaf}" if prefix else leaf
                yield Adopted(part, leaf, name, f"{layer_name}/{name}")


def run(layer: Layer, args: Nested[Tensor], kwargs: Any, training: bool | None) -> Any:
    """Call the module of a layer in its training or evaluation mode, in the layer's compute dtype."""
    module = layer.module
    if training is not None and module.training != training:
        module.train(training)
    if layer._scope_dtype is None:
        return module(*args, **kwargs)
    cast = {v.name: v.value for v in layer._own_variables if isinstance(v, Adopted)}
    return torch.func.functional_call(module, cast, args, kwargs)


def state(module: Module) -> dict[str, np.ndarray]:
    """The `state_dict` as arrays."""
    b = get("torch")
    return {name: b.to_numpy(x) for name, x in module.state_dict().items()}


def load(module: Module, values: dict[str, np.ndarray]) -> None:
    """Load a `state_dict` of arrays."""
    b = get("torch")
    module.load_state_dict({name: b.convert(x) for name, x in values.items()})
