"""Layers around models of one engine: TorchModuleWrapper, JaxLayer, FlaxLayer, TFSMLayer.

What an engine must do for them is in `backends/<engine>/foreign.py`, found by `Backend.foreign`; on other engines the
constructors say so. No file can make one of them read code or another file.
"""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any, Self, Unpack

import numpy as np

from kfront.core import guard
from kfront.core.codec import serialize_keras_object, with_objects
from kfront.core.errors import ArgumentError, ArgumentTypeError, SavingError, ShapeError, UnsafeFileError
from kfront.core.registry import custom_object_scope
from kfront.core.rng import SeedGenerator
from kfront.core.spec import Abstract
from kfront.core.state import state as scopes
from kfront.core.tracking import structure
from kfront.core.typing import (
    AnyCallable,
    Config,
    CustomObjects,
    DTypeLike,
    LayerOptions,
    Shape,
    Store,
    Tensor,
    TensorLike,
    UnnamedOptions,
)
from kfront.core.variable import read
from kfront.layers.base import Layer

if TYPE_CHECKING:
    from kfront.core.variable import Variable

# ---- torch -----------------------------------------------------------------------------------------------------------


class _OfEngine(Layer):
    """A layer around a model of one engine."""

    _kf_general_only = True
    _kind: str

    @property
    def _engine(self) -> Any:
        """The engine's functions for such models; on another engine an error."""
        return self._kf_backend.foreign(self._kind, type(self).__name__)


class TorchModuleWrapper(_OfEngine):
    """A `torch.nn.Module` as a layer: its parameters are weights of the layer, the same storage.

    Args:
        module: the module; a lazy one must have been called before.
        name: the layer's name.
        output_shape: shape of the output, None for unknown sizes; worked out by torch if None.
        **kwargs: trainable, dtype.

    Input and output: those of the module.

    Attributes:
        module: the module.

    Raises:
        ArgumentTypeError: if `module` is no module.
        UnsupportedError: on an engine other than torch.

    A config does not hold the module, so that no file can bring code along. To save and load a model with such a
    layer, write a subclass whose `__init__` makes the module, and register it.

    Example:

    >>> import kfront, torch
    >>> layer = kfront.layers.TorchModuleWrapper(torch.nn.Linear(3, 2))
    >>> [tuple(w.shape) for w in layer.weights]
    [(2, 3), (2,)]
    """

    _kind = "torch"
    _kf_holds_native = True

    output_shape: Shape | None
    _held_by: Any  # the layer whose attribute the module is: this one, or another
    _held_as: str
    _modes: Any
    _before: Layer | None = None  # the layer whose place it took

    def __init__(
        self, module: object, name: str | None = None, output_shape: Any = None, **kwargs: Unpack[UnnamedOptions]
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not self._engine.is_module(module):
            raise ArgumentTypeError(
                f"[{type(self).__name__}] expected `module` to be a torch.nn.Module with weights, got {module!r}; call "
                "a lazy module once before it is wrapped."
            )
        self._kf_place(self, "module", output_shape)
        self._hold(module)
        if not self.trainable:
            self.trainable = False

    @classmethod
    def _attribute_of(cls, owner: object, name: str, before: Layer | None = None) -> Self:
        """The layer that stands for a module which becomes an attribute of another layer, maybe after a layer."""
        self = cls.__new__(cls)
        Layer.__init__(self, name=name if before is None else before.name)
        self._kf_place(owner, name, None)
        self.__dict__["_before"] = before
        return self

    def _kf_place(self, owner: object, name: str, output_shape: Any) -> None:
        fields = self.__dict__
        fields.update(_held_by=owner, _held_as=name, _places=None, _inside=([], []), _modes=None, built=True)
        fields["output_shape"] = None if output_shape is None else tuple(output_shape)

    def _hold(self, module: object) -> None:
        self._engine.hold(self._held_by, self._held_as, module)
        self._look()

    @property
    def module(self) -> Any:
        """The module."""
        return self._held_by._modules.get(self._held_as)

    @property
    def path(self) -> str | None:
        """Name with the scopes it was built in, or that of the layer whose attribute it is."""
        owner = self._held_by
        return super().path if owner is self else f"{owner.path}/{self.name}"

    def _look(self) -> tuple[list[Any], list[Any]]:
        """Variables, and layers with their names, in the module, which reports no changes of its parts."""
        fields, module = self.__dict__, self.module
        places = self._engine.places(module)
        if places != fields["_places"]:
            fields["_places"], fields["_inside"] = (
                places,
                self._engine.contents(self, module, places, fields["_inside"][0]),
            )
            structure.version += 1
        return fields["_inside"]

    @property
    def _kf_own_variables(self) -> list[Variable]:
        return [*super()._kf_own_variables, *self._look()[0]]

    @property
    def _layers(self) -> list[Layer]:
        return [*super()._layers, *(layer for _, layer in self._look()[1])]

    def _kf_unlisted(self) -> list[tuple[str, Variable]]:
        return [*super()._kf_unlisted(), *self._look()[1]]

    def _kf_state(self) -> list[Variable]:
        return [*super()._kf_state(), *self._engine.buffers(self, self.module)]

    def _take_mode(self, training: bool | None) -> None:
        """Put the module into the mode that a call asks for; None leaves it to the flags of its parts."""
        modes = self._modes
        if training != (modes and modes[0]) and (training is not None or not self._kf_backend.in_backward()):
            self.__dict__["_modes"] = self._engine.force_mode(self.module, modes, training)

    def call(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """The module's output."""
        self._take_mode(scopes.training if training == self._kf_default_training() else training)
        return self._engine.run(self, args, kwargs)

    def parameters(self, recurse: bool = True) -> Any:
        """The module's parameters, as torch iterates over them."""
        return self.module.parameters(recurse)

    def compute_output_spec(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Shapes and dtypes of the outputs: `output_shape`, or what the module gives for tensors without values."""
        if self.output_shape is not None:
            return Abstract(self.output_shape, self.compute_dtype)
        try:
            return self._kf_backend.compute_spec(self.call, *args, **kwargs)
        except (AssertionError, RuntimeError):  # of torch's tensors without values, which cannot be parametrized, say
            if self._before is None:
                raise
            return self._before.compute_output_spec(*args, **kwargs)

    def save_own_variables(self, store: Store) -> None:
        """Write the module's `state_dict`."""
        for name, value in self._engine.state(self.module).items():
            store[name] = value

    def load_own_variables(self, store: Store) -> None:
        """Read the module's `state_dict`.

        Raises:
            ShapeError: if names or shapes differ; nothing is loaded then.
        """
        own = self._engine.state(self.module)
        found = {name: np.asarray(store[name]) for name in store.keys()}  # noqa: SIM118  (h5py groups)
        if {k: v.shape for k, v in own.items()} != {k: v.shape for k, v in found.items()}:
            wanted = {k: v.shape for k, v in own.items() if k not in found or found[k].shape != v.shape}
            got = {k: v.shape for k, v in found.items() if k not in own or own[k].shape != v.shape}
            raise ShapeError(f"[{self.name}] expected a state_dict with {wanted}, got {got} in the file.")
        self._engine.load(self.module, found)

    def get_config(self) -> Config:
        """Constructor arguments but for the module."""
        return {**super().get_config(), "output_shape": self.output_shape}

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None, safe_mode: bool | None = None) -> Self:
        """A layer from its config, which cannot hold the module, whatever `safe_mode` says.

        Raises:
            UnsafeFileError: unless a subclass makes the module itself.
        """
        own = cls.__dict__.get("_kf_unbound", cls)
        if own is TorchModuleWrapper or "module" in config:
            raise UnsafeFileError(
                f"[{cls.__name__}] expected a class of yours that makes its torch module, got a config, and code in a "
                "file is never run; subclass TorchModuleWrapper, make the module in `__init__`, and register the class "
                "with `kfront.saving.register_keras_serializable` or pass it as `custom_objects`."
            )
        with custom_object_scope(custom_objects):
            return super().from_config(config)


# ---- JAX -------------------------------------------------------------------------------------------------------------


class _OfJax(_OfEngine):
    """A layer around functions of JAX: what JaxLayer and FlaxLayer share."""

    _kind = "jax"
    seed_generator: SeedGenerator

    def _start(self, seed: int | None) -> None:
        self._engine  # noqa: B018  (refuse other engines at once)
        self.seed_generator = SeedGenerator(seed)
        self._trees: dict[str, Any] = {}
        self._trained: list[object] = []
        self._other: list[Any] = []

    def _make(self, params: object, state: object) -> None:
        """Variables that hold two trees of arrays."""
        for kind, tree, out in (("params", params, self._trained), ("state", state, self._other)):
            leaves, self._trees[kind] = self._engine.flatten(tree)
            for name, leaf in leaves:
                out.append(
                    self.add_weight(
                        shape=leaf.shape,
                        initializer=lambda shape, dtype=None, leaf=leaf: leaf,
                        dtype=self._kf_backend.dtype_name(leaf.dtype),
                        trainable=kind == "params",
                        name=name or kind,
                    )
                )

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of this shape, unless they were given."""
        if not self._trees:
            rng, inputs = self.seed_generator.next(), self._engine.ones(input_shape, self.compute_dtype)
            self._make(*self._engine.first(self._first, rng, inputs))

    def _first(self, rng: object, inputs: TensorLike) -> tuple[Tensor, Tensor]:
        """(params, state) for a key and inputs of the right shape."""
        raise NotImplementedError

    def _apply_to(
        self, params: object, state: object, rng: object, inputs: TensorLike, training: bool
    ) -> tuple[Tensor, Tensor]:
        """(outputs, new state)."""
        raise NotImplementedError

    _has_state = True
    _has_rng = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        """The model's output; its new state is kept."""
        rng = self.seed_generator.next() if self._has_rng else None
        variables = ([read(v) for v in self._trained], [read(v) for v in self._other])
        outputs, new = self._engine.run(self, self._run_on, rng, inputs, bool(training), *variables)
        for variable, value in zip(self._other, new, strict=True):
            variable.assign(value)
        return outputs

    def _run_on(
        self, trained: list[object], other: list[object], rng: object, inputs: TensorLike, training: bool
    ) -> tuple[Any, Any]:
        """(outputs, new state) for values of the variables."""
        params = self._engine.unflatten(self._trees["params"], trained)
        state = self._engine.unflatten(self._trees["state"], other)
        outputs, new = self._apply_to(params, state, rng, inputs, training)
        return outputs, new if self._other else None

    def compute_output_spec(self, inputs: TensorLike, training: bool = False) -> Any:
        """Shapes and dtypes of the outputs, from JAX."""
        return self._kf_backend.compute_spec(self.call, inputs)


def _arguments(who: str, what: str, fn: object, needed: tuple[str, ...], optional: tuple[str, ...]) -> frozenset[str]:
    """Parameter names of a function.

    Raises:
        ArgumentError: if it is no function, lacks a needed one, or needs one that is not known.
    """
    if not callable(fn):
        raise ArgumentError(f"[{who}] expected `{what}` to be a function, got {fn!r}.")
    found = inspect.signature(fn).parameters
    names = frozenset(found)
    any_name = any(p.kind is p.VAR_KEYWORD for p in found.values())
    unknown = [n for n, p in found.items() if n not in needed + optional and p.default is p.empty and not any_name]
    missing = [n for n in needed if n not in names and not any_name]
    if missing or unknown:
        raise ArgumentError(
            f"[{who}] expected `{what}` with the arguments {', '.join(needed)} and, if it needs them, "
            f"{', '.join(optional)}, got ({', '.join(names)}); wrap it in a function that has these names."
        )
    return names & frozenset(needed + optional)


class JaxLayer(_OfJax):
    """A model of JAX, given as functions of its parameters, as a layer.

    Args:
        call_fn: function with the arguments `params`, `inputs` and, if it needs them, `state` (non-trainable state),
            `rng` (a key) and `training` (bool), by these names. Returns the outputs; with `state` a tuple of outputs
            and new state.
        init_fn: function with the arguments `rng`, `inputs` (arrays of ones) and, if it needs it, `training`. Returns
            the parameters; if `call_fn` has `state`, a tuple of parameters and state.
        params: pytree of parameters, instead of `init_fn`.
        state: pytree of non-trainable state, instead of `init_fn`.
        seed: int, for the same keys in each run.
        native_serialization_platforms: on TensorFlow, the platforms that the model can run on later, such as
            ("cpu", "cuda"); the present one if None.
        **kwargs: name, trainable, dtype.

    Raises:
        ArgumentError: if the functions have other arguments, or neither `init_fn` nor `params` or `state` is given.
        UnsupportedError: on an engine other than JAX and TensorFlow, which runs it through jax2tf.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     import jax.numpy as jnp
    ...     layer = kfront.layers.JaxLayer(lambda params, inputs: inputs @ params, params=jnp.ones((3, 2)))
    ...     layer(jnp.ones((1, 3))).tolist()
    [[3.0, 3.0]]
    """

    def __init__(
        self,
        call_fn: AnyCallable,
        init_fn: AnyCallable | None = None,
        params: object = None,
        state: object = None,
        seed: int | None = None,
        native_serialization_platforms: object = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        self._start(seed)
        who = type(self).__name__
        self.call_fn, self.init_fn = call_fn, init_fn
        self.native_serialization_platforms = native_serialization_platforms
        self._takes = _arguments(who, "call_fn", call_fn, ("params", "inputs"), ("state", "rng", "training"))
        self._has_state, self._has_rng = "state" in self._takes, "rng" in self._takes
        if init_fn is not None:
            self._init_takes = _arguments(who, "init_fn", init_fn, ("rng", "inputs"), ("training",))
        elif params is None and state is None:
            raise ArgumentError(f"[{who}] expected `init_fn`, or `params` and `state`, got none of them.")
        if state is not None and not self._has_state:
            raise ArgumentError(
                f"[{who}] expected a `call_fn` with the argument `state` for the given state, got none."
            )
        if params is not None or state is not None:
            self._make(params, state)
            self.built = True

    def _first(self, rng: object, inputs: TensorLike) -> tuple[Any, Any]:
        assert self.init_fn is not None
        more = {"training": True} if "training" in self._init_takes else {}
        found = self.init_fn(rng=rng, inputs=inputs, **more)
        if not self._has_state:
            return found, None
        if not isinstance(found, tuple) or len(found) != 2:
            raise ArgumentError(
                f"[{self.name}] expected `init_fn` to return (params, state), got {type(found).__name__}."
            )
        return found

    def _apply_to(
        self, params: object, state: object, rng: object, inputs: TensorLike, training: bool
    ) -> tuple[Any, Any]:
        given = {"params": params, "state": state, "rng": rng, "inputs": inputs, "training": training}
        out = self.call_fn(**{k: given[k] for k in self._takes})
        if not self._has_state:
            return out, None
        if not isinstance(out, tuple) or len(out) != 2:
            raise ArgumentError(
                f"[{self.name}] expected `call_fn` to return (outputs, state), got {type(out).__name__}."
            )
        return out

    def get_config(self) -> Config:
        """Constructor arguments; functions by the names under which they are registered."""
        return {
            **super().get_config(),
            "call_fn": serialize_keras_object(self.call_fn),
            "init_fn": None if self.init_fn is None else serialize_keras_object(self.init_fn),
            "native_serialization_platforms": self.native_serialization_platforms,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A layer from its config; its functions are those that were registered or passed under their names."""
        return cls(**with_objects(config, ("call_fn", "init_fn")))


class FlaxLayer(_OfJax):
    """A module of Flax as a layer: of `flax.linen`, or of `flax.nnx`.

    Args:
        module: a `flax.linen.Module`, or a `flax.nnx.Module`, whose parameters are taken over.
        method: name of the module's method to call, or for linen a function that takes the module first; `__call__` if
            None. It takes `inputs` and, if it needs it, `training`; if an nnx module's does not, it is put into its
            training or evaluation mode.
        variables: dict of collections as `Module.init` returns, for linen; made when the layer is built if None.
        **kwargs: name, trainable, dtype, seed.

    Call arguments: `inputs`, what the module takes; `training`. Returns what the module returns.

    Attributes:
        module: the module.

    Raises:
        ArgumentTypeError: if `module` is of neither kind.
        UnsupportedError: on an engine other than JAX and TensorFlow, or without Flax.

    Example:

    >>> import kfront
    >>> from flax import linen
    >>> with kfront.backend_scope("jax"):
    ...     layer = kfront.layers.FlaxLayer(linen.Dense(2))
    ...     tuple(layer(kfront.ops.ones((4, 3))).shape)
    (4, 2)
    """

    def __init__(self, module: object, method: object = None, variables: object = None, **kwargs: Any) -> None:
        seed = kwargs.pop("seed", None)
        super().__init__(**kwargs)
        self._start(seed)
        self.module, self.method = module, method
        self._functions = self._engine.flax(module, method, type(self).__name__)
        first = self._functions.given(variables)
        if first is not None:
            self._make(*first)
            self.built = True

    def _first(self, rng: object, inputs: TensorLike) -> tuple[Tensor, Tensor]:
        return self._functions.init(rng, inputs)

    def _apply_to(
        self, params: object, state: object, rng: object, inputs: TensorLike, training: bool
    ) -> tuple[Tensor, Tensor]:
        return self._functions.apply(params, state, rng, inputs, training)

    def get_config(self) -> Config:
        """Constructor arguments; the module's class must be registered and have `get_config`."""
        if not hasattr(self.module, "get_config"):
            raise SavingError(
                f"[{self.name}] expected a module with `get_config`, of a registered class, got {type(self.module)}."
            )
        method = self.method if self.method is None or isinstance(self.method, str) else None
        if method is not self.method:
            method = serialize_keras_object(self.method)
        return {**super().get_config(), "module": serialize_keras_object(self.module), "method": method}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A layer from its config; the module's class is one that was registered or passed."""
        return cls(**with_objects(config, ("module", "method")))


# ---- TensorFlow ------------------------------------------------------------------------------------------------------


class TFSMLayer(_OfEngine):
    """A function of a TensorFlow SavedModel as a layer.

    Args:
        filepath: folder of the SavedModel.
        call_endpoint: name of the function to call: an attribute of what was saved, or a signature.
        call_training_endpoint: name of the function to call in training; `call_endpoint` if None.
        trainable: whether its weights are trained.
        name: the layer's name.
        dtype: dtype name or policy.

    Call arguments: `inputs`, one tensor or nested ones; `training`.

    Returns what the function returns.

    Raises:
        ArgumentError: if there is no such folder or function.
        UnsupportedError: on an engine other than TensorFlow.
        UnsafeFileError: if the path comes from a file or config: a SavedModel holds code.

    Example:

    >>> import tempfile, kfront
    >>> with kfront.backend_scope("tensorflow"), tempfile.TemporaryDirectory() as folder:
    ...     model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    ...     model.export(folder, verbose=False)
    ...     tuple(kfront.layers.TFSMLayer(folder)(kfront.ops.ones((4, 3))).shape)
    (4, 2)
    """

    _kind = "savedmodel"

    def __init__(
        self,
        filepath: Any,
        call_endpoint: str = "serve",
        call_training_endpoint: str | None = None,
        trainable: bool = True,
        name: str | None = None,
        dtype: DTypeLike = None,
    ) -> None:
        guard.refuse_path(type(self).__name__, "filepath", filepath)
        super().__init__(trainable=trainable, name=name, dtype=dtype)
        self.filepath, self.call_endpoint = os.fspath(filepath), call_endpoint
        self.call_training_endpoint = call_training_endpoint
        if not os.path.isdir(self.filepath):
            raise ArgumentError(f"[TFSMLayer] expected the folder of a SavedModel, got {self.filepath!r}.")
        loaded = self._engine.load(self.filepath)
        self._loaded = _Opaque(loaded)
        self._endpoint = _Opaque(self._engine.endpoint(loaded, call_endpoint))
        train = call_endpoint if call_training_endpoint is None else call_training_endpoint
        self._training_endpoint = _Opaque(self._engine.endpoint(loaded, train))
        for variable in self._engine.variables(loaded):
            variable._settable_trainable = variable.trainable
            self._tracker.track(f"_weight_{len(self._tracker.items)}_{variable.name}", variable)
        if not trainable:
            self.trainable = False
        self.built = True

    def call(self, inputs: TensorLike, training: bool = False, **kwargs: Any) -> Any:
        """The function's output."""
        endpoint = self._training_endpoint if training else self._endpoint
        return self._engine.run(endpoint.value, inputs, kwargs)

    def compute_output_spec(self, inputs: TensorLike, training: bool = False, **kwargs: Any) -> Any:
        """Shapes and dtypes of the outputs, from TensorFlow."""
        return self._kf_backend.compute_spec(self.call, inputs, **kwargs)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            **super().get_config(),
            "filepath": self.filepath,
            "call_endpoint": self.call_endpoint,
            "call_training_endpoint": self.call_training_endpoint,
        }

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None, safe_mode: bool | None = None) -> Self:
        """A layer from its config.

        Raises:
            UnsafeFileError: unless `safe_mode`, here or in the call that loads, is False.
        """
        if guard.is_safe() and safe_mode is not False:
            raise UnsafeFileError(
                "[TFSMLayer] expected no SavedModel in a config, got one: it holds code and names another file. Make "
                "the layer in your program, or pass `safe_mode=False` to the call that loads, if you trust the source."
            )
        return cls(**config)


class _Opaque:
    """Holds an object of the engine that is no part of the layer for the layer's bookkeeping."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value
