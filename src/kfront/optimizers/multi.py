"""Several optimizers for the variables of one model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from typing import NoReturn

from kfront.core import guard
from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.naming import matching
from kfront.core.typing import Config, CustomObjects, Foreach, Tensor
from kfront.core.variable import Variable
from kfront.optimizers.base import Optimizer
from kfront.optimizers.plan import ParamGroup, Plan


class _NoLearningRate(ArgumentTypeError, AttributeError):
    """There is no single learning rate; an AttributeError, so that `hasattr` says so too."""


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Which optimizer a variable has: regular expressions that match the whole of its path, and a default.

    Args:
        default_optimizer: for variables that no pattern matches.
        optimizer_map: dict pattern -> Optimizer; items may be added with ``map[pattern] = optimizer``.

    Raises:
        ArgumentTypeError: if something is no Optimizer, or a pattern no string.
        ArgumentError: if a pattern is no regular expression, is there already, or two of them match one path.

    Example:

    >>> import kfront
    >>> optimizers = kfront.optimizers
    >>> by_path = optimizers.OptimizerMap(optimizers.SGD(), {"encoder/.*": optimizers.Adam()})
    >>> type(by_path["encoder/kernel"]).__name__, type(by_path["decoder/kernel"]).__name__
    ('Adam', 'SGD')
    """

    def __init__(self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None) -> None:
        self._default_optimizer = _checked("OptimizerMap", default_optimizer)
        self._map: dict[str, Optimizer] = {}
        self.update(optimizer_map or {})

    @property
    def default_optimizer(self) -> Optimizer:
        """The optimizer of variables that no pattern matches."""
        return self._default_optimizer

    def __getitem__(self, key: str) -> Optimizer:
        found = matching("OptimizerMap", self._map, key)
        return self._default_optimizer if found is None else self._map[found]

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if not isinstance(key, str):
            raise ArgumentError(f"[OptimizerMap] expected a regular expression as key, got {key!r}.")
        if key in self._map:
            raise ArgumentError(
                f"[OptimizerMap] expected a new pattern, got {key!r}, which has {self._map[key].name!r}; delete it "
                "first."
            )
        try:
            re.compile(key)
        except re.error as error:
            raise ArgumentError(f"[OptimizerMap] expected a regular expression as key, got {key!r}: {error}.") from None
        self._map[key] = _checked("OptimizerMap", optimizer)

    def __delitem__(self, key: str) -> None:
        del self._map[key]

    def __contains__(self, key: object) -> bool:
        return key in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Iterator[str]:
        return iter(self._map)

    def __call__(self, variable: Variable) -> Optimizer:
        """The optimizer of a Variable."""
        return self[variable.path]

    def get_config(self) -> Config:
        """Constructor arguments."""
        pack = serialize_keras_object
        return {
            "default_optimizer": pack(self._default_optimizer),
            "optimizer_map": {pattern: pack(optimizer) for pattern, optimizer in self._map.items()},
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> OptimizerMap:
        """A map from its config."""

        def unpack(one: Config) -> Optimizer:
            return deserialize_keras_object(one, custom_objects=custom_objects)

        chosen = (config.get("optimizer_map") or {}).items()
        rest = {guard.pattern(key, "optimizer_map"): unpack(one) for key, one in chosen}
        return cls(unpack(config["default_optimizer"]), rest)


class MultiOptimizer(Optimizer):
    """Hands each variable to an optimizer of its own choice.

    Clipping, weight decay, averages and accumulation are those of the optimizers that do the work, each on its
    variables. For other learning rates alone, `Optimizer.param_groups` is simpler.

    Args:
        optimizer_map: an `OptimizerMap`, or a callable Variable -> Optimizer, asked once for each variable.
        loss_scale_factor: the loss is multiplied by it in `scale_loss`, the gradients are divided by it.
        name: the optimizer's name.

    Raises:
        ArgumentTypeError: if `optimizer_map` is not callable, or gives something else than an Optimizer.

    Example:

    >>> import kfront
    >>> optimizers = kfront.optimizers
    >>> body, head = kfront.Variable([1.0], name="body"), kfront.Variable([1.0], name="head")
    >>> by_path = optimizers.OptimizerMap(optimizers.SGD(0.5), {"body": optimizers.SGD(0.25)})
    >>> optimizers.MultiOptimizer(by_path).apply([kfront.ops.ones(1), kfront.ops.ones(1)], [body, head])
    >>> body.numpy(), head.numpy()
    (array([0.75], dtype=float32), array([0.5], dtype=float32))
    """

    def __init__(
        self,
        optimizer_map: OptimizerMap | Callable[[Variable], Optimizer],
        loss_scale_factor: float | None = None,
        name: str | None = None,
    ) -> None:
        if not callable(optimizer_map):
            raise ArgumentTypeError(
                f"[MultiOptimizer] expected an OptimizerMap or a callable as `optimizer_map`, got {optimizer_map!r}."
            )
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self.optimizer_map = optimizer_map
        self._optimizers = list({id(one): one for one in self._kf_mapped()}.values())
        self._shares: list[tuple[Optimizer, set[int]]] = []

    def _kf_mapped(self) -> tuple[Optimizer, ...]:
        """The optimizers of an OptimizerMap; those that a function gives are known once it is called."""
        chosen = self.optimizer_map
        return (*chosen._map.values(), chosen.default_optimizer) if isinstance(chosen, OptimizerMap) else ()

    def build(self, var_list: Sequence[Variable]) -> None:
        """Choose each variable's optimizer, and create the state of all."""
        if self.built:
            return
        super().build(var_list)
        shares: dict[int, tuple[Optimizer, list[int]]] = {id(one): (one, []) for one in self._kf_mapped()}
        for i, v in enumerate(self._trainable_variables):
            one = _checked("MultiOptimizer", self.optimizer_map(v))
            shares.setdefault(id(one), (one, []))[1].append(i)
        for one, positions in shares.values():
            one.build([self._trainable_variables[i] for i in positions])
            one._kf_reduction = None  # its gradients are reduced already
        self._shares = [(one, set(positions)) for one, positions in shares.values()]
        self._optimizers = [one for one, _ in self._shares]

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers that do the work; before `build` those of the OptimizerMap."""
        return self._optimizers

    @property
    def variables(self) -> list[Variable]:
        """Its own Variables, then those of its optimizers."""
        return [*self._variables, *(v for one in self._optimizers for v in one.variables)]

    @property
    def _kf_saved_variables(self) -> list[Variable]:
        return self.variables

    @property
    def _kf_rated(self) -> dict[str, Optimizer]:
        return {f"learning_rate_{one.name}": one for one in self._optimizers}

    @property
    def learning_rate(self) -> NoReturn:
        """There is none: each of `optimizers` has its own."""
        raise _NoLearningRate(
            "[MultiOptimizer] expected no use of `learning_rate`, got one; each of its `optimizers` has its own."
        )

    @learning_rate.setter
    def learning_rate(self, value: object) -> None:
        raise _NoLearningRate(
            f"[MultiOptimizer] expected no `learning_rate`, got {value!r}; set it on one of its `optimizers`."
        )

    def _kf_check_param_groups(self, groups: Iterable[ParamGroup] | None) -> list[ParamGroup]:
        if groups:
            raise ArgumentError(
                f"[MultiOptimizer] expected no `param_groups`, got {groups!r}; set them on one of its `optimizers`."
            )
        return []

    @property
    def _kf_settings(self) -> tuple[object, ...]:
        return (self._version, *(one._kf_settings for one in self._optimizers))

    def _apply(self, fe: Foreach, plan: Plan, grads: list[Tensor]) -> None:
        mine = self._trainable_variables
        order = range(len(mine)) if plan.order is None else plan.order
        found = dict(zip(order, grads, strict=True))
        for one, positions in self._shares:
            which = [i for i in order if i in positions]
            self._unscale(fe, found, [i for i in which if not mine[i].overwrite_with_gradient], one)
            one.apply([found[i] for i in which], [mine[i] for i in which])
        fe.increment(self._iterations, 1)

    def _unscale(self, fe: Foreach, grads: dict[int, Tensor], which: list[int], one: Optimizer) -> None:
        """Divide by the loss scale; one that `one` has does not act on the loss, but `one` will divide by it."""
        factor: object = (one.loss_scale_factor or 1.0) / (self.loss_scale_factor or 1.0)
        if factor != 1.0 and which:
            grads.update(zip(which, fe.mul([grads[i] for i in which], factor), strict=True))

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Called when training ends: each optimizer finishes with its variables."""
        for one, positions in self._shares:
            one.finalize_variable_values([v for v in var_list if self._get_variable_index(v) in positions])

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            "optimizer_map": serialize_keras_object(self.optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> MultiOptimizer:
        """An optimizer from its config."""
        chosen = deserialize_keras_object(config["optimizer_map"], custom_objects=custom_objects)
        return cls(chosen, **{k: v for k, v in config.items() if k != "optimizer_map"})


def _checked(who: str, optimizer: object) -> Optimizer:
    if not isinstance(optimizer, Optimizer):
        raise ArgumentTypeError(f"[{who}] expected an Optimizer, got {optimizer!r}.")
    return optimizer
