"""What a layer owns, listed: variables, weights, sublayers, metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from kfront.core.errors import NotBuiltError, ShapeError
from kfront.core.tracking import Tracker, structure
from kfront.core.typing import Backend, Config, T
from kfront.core.variable import Variable
from kfront.layers.binding import kind_of, saved_state
from kfront.layers.call_signature import call_info

if TYPE_CHECKING:
    from kfront.core.rng import SeedGenerator
    from kfront.layers.base import Layer
    from kfront.metrics import Metric


class Owner:
    """The part of `Layer` that lists what its tracker has filed."""

    name: str
    built: bool
    trainable: bool
    _tracker: Tracker
    # whether it holds something of the engine's that reports no changes; it has a `_look` then
    _kf_holds_native = False

    _kf_owns_weights = True  # whether `build`, if a class has one, makes weights
    _kf_has_modules = False  # whether attributes are modules of the engine's own, whose mode a call sets

    @property
    def call_signature_parameters(self) -> list[str]:
        """Names of the parameters of `call`."""
        return call_info(type(self)).names

    _kf_backend: Backend
    # what layers made alike differ in, and what a call leaves behind
    _kf_of_instance = frozenset({"name", "_path", "_kf_init_args", "_kf_build_shapes"})
    _kf_of_run = frozenset(
        {"_kf_ready", "_kf_training", "_kf_plain_arguments", "_kf_makes_mask", "_kf_told", "_kf_dropout_masks"}
    )

    def _kf_architecture(self) -> Config:
        """The attributes that a layer made after this one has, not those of a graph that it is in, nor its losses."""
        return {
            **saved_state(cast("Layer", self)),
            "_kf_backend": self._kf_backend,
            "_losses": [],
            "_inbound_nodes": [],
            "_outbound_nodes": [],
        }

    @property
    def _kf_own_variables(self) -> list[Variable]:
        return [v for v in self._tracker.of_kind("variable") if v._kf_listed]

    @property
    def _layers(self) -> list[Layer]:
        return self._tracker.of_kind("layer")

    @property
    def _metrics(self) -> list[Metric]:
        return self._tracker.of_kind("metric")

    @property
    def _seed_generators(self) -> list[SeedGenerator]:
        return self._tracker.of_kind("seed")

    def _kf_adopt(self, name: str, module: object) -> None:
        """A module of torch became an attribute: it stays what it is, and a layer of its weights is filed for it."""
        from kfront.layers.foreign import TorchModuleWrapper  # which imports this module

        self.__dict__.update(_kf_has_modules=True, _kf_general_only=True, _kf_ready=False)
        before = [x for _, x in self._tracker.items.get(name, ()) if kind_of(x) == "layer"]
        layer = TorchModuleWrapper._attribute_of(self, name, *before)
        self._tracker.track(name, layer)
        layer._hold(module)
        for one in before:
            self._kf_replaced(one, layer)

    def _kf_replaced(self, old: Layer, new: Layer) -> None:
        """A module of torch took a layer's place among the attributes, or a layer that of a module."""

    def _kf_modules_held(self) -> list[Any]:
        return [x for x in self._tracker.of_kind("layer") if x.__dict__.get("_held_by") is self]

    def _kf_unlisted(self) -> list[tuple[str, Any]]:
        """Layers that no attribute holds, which stand for what an attribute does hold, with their names."""
        return [(x.name, x) for x in self._kf_modules_held()] if self._kf_has_modules else []

    def _kf_structure_version(self) -> int:
        """Changes with what some owner holds, or trains."""
        held = self.__dict__.get("_kf_lists")  # a copy has none at first
        for layer in held[2] if held is not None else ():
            layer._look()
        return structure.version

    def _kf_kept(self, name: str, make: Callable[[], list[T]]) -> list[T]:
        """A list that is made anew only when what some owner holds, or trains, has changed; not to be altered."""
        held = self.__dict__.get("_kf_lists")
        if held is None or held[0] != self._kf_structure_version():
            holders = [x for x in self._flatten_layers() if x._kf_holds_native]  # which reports the changes until now
            held = self.__dict__["_kf_lists"] = (structure.version, {}, holders)
        lists = held[1]
        found = lists.get(name)
        if found is None:
            found = lists[name] = make()
        return found

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Layer]:
        out = [cast("Layer", self)] if include_self else []
        seen = {id(self)}
        stack = list(reversed(self._layers))
        while stack:
            layer = stack.pop()
            if id(layer) in seen:
                continue
            seen.add(id(layer))
            out.append(layer)
            if recursive:
                stack.extend(reversed(layer._layers))
        return out

    def _kf_collect(self, name: str, pick: Callable[[Layer], Sequence[T]]) -> list[T]:
        """What is picked of all layers, each once."""
        layers = self._flatten_layers
        return self._kf_kept(name, lambda: list({id(v): v for layer in layers() for v in pick(layer)}.values()))

    @property
    def _kf_all_built(self) -> bool:
        """Whether it and all its layers are built; once they are, that holds until a layer is added."""
        seen = self._kf_kept("built", list)
        if not seen and all(layer.built for layer in self._flatten_layers()):
            seen.append(True)
        return bool(seen)

    @property
    def variables(self) -> list[Variable]:
        """All variables, the states of seed generators included."""
        return [*self._kf_collect("variables", lambda x: [*x._kf_ordered(), *(s.state for s in x._seed_generators)])]

    def _kf_disown(self, variable: Variable) -> None:
        """Take a variable out of the layer, whatever attributes hold it."""
        items, own = self._tracker.items, variable._handle
        for attribute in [a for a, held in items.items() if any(x is own for _, x in held)]:
            self._tracker.forget(attribute)

    def _kf_ordered(self) -> list[Variable]:
        own = self._kf_own_variables
        return [v for v in own if v._settable_trainable] + [v for v in own if not v._settable_trainable]

    def _kf_state(self) -> list[Variable]:
        """All that is saved of the layer alone, as Variables."""
        return self._kf_ordered()

    @property
    def weights(self) -> list[Variable]:
        """Trainable and other weights, without the states of seed generators."""
        return [*self._kf_collect("weights", lambda x: x._kf_ordered())]

    @property
    def trainable_variables(self) -> list[Variable]:
        """The variables that optimizers update."""
        return (
            [*self._kf_kept("trainable", lambda: [v for v in self.variables if v.trainable])] if self.trainable else []
        )

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that optimizers update."""
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The variables that optimizers leave alone."""
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that optimizers leave alone."""
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def metrics(self) -> list[Metric]:
        """Metrics of this layer and its sublayers."""
        return [*self._kf_collect("metrics", lambda x: x._metrics)]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of its metrics."""
        return [v for m in self.metrics for v in m.variables]

    def get_weights(self) -> list[np.ndarray]:
        """The values of `weights` as NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Set all `weights`; nothing is set unless every shape fits.

        Raises:
            ShapeError: if the number or a shape differs.
        """
        own, weights = self.weights, list(weights)
        if len(own) != len(weights):
            raise ShapeError(f"[{self.name}] expected {len(own)} arrays in `set_weights`, got {len(weights)}.")
        for v, w in zip(own, weights, strict=True):
            if tuple(np.shape(w)) != v.shape:
                raise ShapeError(
                    f"[{self.name}] expected an array of shape {v.shape} for {v.path}, got {tuple(np.shape(w))}."
                )
        for v, w in zip(own, weights, strict=True):
            v.assign(w)

    def count_params(self) -> int:
        """The number of scalars in its weights.

        Raises:
            NotBuiltError: if the weights do not exist yet.
        """
        if not self.built:
            raise NotBuiltError(
                f"[{self.name}] expected a built layer, got one without weights; call it on data first."
            )
        return sum(int(np.prod(v.shape)) for v in self.weights)
