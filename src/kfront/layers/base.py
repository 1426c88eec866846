"""`Layer`: weights and a computation, bound to one backend when it is created.

A class is written once. `Layer.__new__` makes (once per class and backend) a subclass that mixes in the engine's
native base, so on torch a layer is a `torch.nn.Module`, on JAX a pytree, on TensorFlow a trackable.

A call takes the fast path (`_kf_run`) when the layer is built and one native tensor of the compute dtype comes in
without a mask; everything else (building, conversion, masks, symbolic values, autocast, losses) is `_kf_run_general`.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from kfront import activations, constraints, dtype_policies, initializers, regularizers  # noqa: F401  options have them
from kfront.backends import backend_scope, current
from kfront.core import tree
from kfront.core.auto_config import auto_config, named_shapes, taken, tuples
from kfront.core.dtypes import is_float
from kfront.core.errors import ArgumentError, ArgumentTypeError, NotBuiltError, ShapeError, nearest
from kfront.core.naming import auto_name, current_path, name_scope
from kfront.core.operation import Node, Operation, record
from kfront.core.registry import serializable
from kfront.core.spec import Abstract, KerasTensor, abstract, standardize_shape
from kfront.core.state import State, distribution_on, state
from kfront.core.symbolic import SymbolicScope
from kfront.core.tracking import PLAIN, structure
from kfront.core.typing import (
    Backend,
    Config,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    RegularizerLike,
    Shape,
    ShapeLike,
    Store,
)
from kfront.core.variable import StatelessScope, Variable
from kfront.layers.binding import bind_class, make_tracker, rebuild, saved_state
from kfront.layers.call_signature import CallInfo, build_arguments, call_info, shape_info
from kfront.layers.input_spec import InputSpec, check_inputs, shape_test
from kfront.layers.inputs import convert_inputs, passing_dtypes, uncast
from kfront.layers.losses import LossOwner
from kfront.layers.owner import Owner
from kfront.layers.sublayer_policies import apply_policies, decoded, keep_quantizers, serialized_policy, with_quantizers
from kfront.layers.symbolic_call import build_by_call, spec_by_call, specs_of_constants
from kfront.layers.unquantized import Unquantized

if TYPE_CHECKING:
    from kfront.dtype_policies import DTypePolicy

__all__ = ["InputSpec", "Layer"]

_UNTRACKED = PLAIN | {InputSpec}  # types of attributes that hold nothing to be filed


def _wrap_build(build: Callable[..., None]) -> Callable[..., None]:
    """`build` as called by anyone: in the layer's backend and name scope, marking the layer built."""

    @functools.wraps(build)
    def wrapped(self: Layer, *args: object, **kwargs: object) -> None:
        if state.backend is not self._kf_backend:
            with backend_scope(self._kf_backend):
                return wrapped(self, *args, **kwargs)
        scope = state.stateless
        with name_scope(self.name, caller=self):
            self.__dict__["_path"] = current_path()
            apply_policies(self)
            if scope is not None and scope.except_builds:
                state.stateless = None
            try:
                build(self, *args, **kwargs)
            finally:
                state.stateless = scope
        self.__dict__["_kf_build_shapes"] = (args, kwargs)
        self._kf_finish_build()
        return None

    wrapped._kf_wrapped = True  # type: ignore[attr-defined]
    return wrapped


@serializable(("keras.layers", "keras"))
class Layer(Owner, LossOwner, Unquantized, Operation):
    """Base of all layers.

    Args:
        activity_regularizer: function of the output whose value is added to the loss.
        trainable: whether its weights are trained.
        dtype: dtype name or policy; the global policy if None.
        autocast: whether floating inputs are cast to the compute dtype.
        name: its name, without "/"; made from the class name if None.

    Input and output: those of `call`, which a subclass defines.

    Raises:
        ArgumentError: for an unknown argument, or a name with "/".

    Attributes:
        built: whether the weights exist.
        supports_masking: whether masks pass through it.
        input_spec: InputSpec(s) that inputs must fit, or None.

    Example:

    >>> import kfront
    >>> class Scale(kfront.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, x):
    ...         return x * self.factor
    """

    _kf_tracked_kind = "layer"
    lora_enabled = False  # whether a weight is adapted by a product of low rank
    _kf_backend: Backend
    _dtype_policy: Any
    _path: str | None
    _kf_build_shapes: tuple[tuple[object, ...], Config]
    _input_spec: object
    _kf_fits: object
    _trainable: bool
    _kf_ready: bool = False
    _kf_scope_dtype: str | None
    _kf_pass_dtypes: frozenset[object]
    _kf_training: bool
    _kf_plain_arguments: tuple[int, frozenset[str]]
    _kf_told: bool | None = None
    _kf_makes_mask: bool
    _kf_init_args: tuple[tuple[object, ...], Config]
    _inbound_nodes: list[Node]
    _outbound_nodes: list[object]
    autocast: bool
    supports_masking: bool = False
    supports_jit: bool = True
    _kf_uncast: frozenset[str] = frozenset()  # keys of inputs in a dict that are float32 where the others are halves

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        backend = current()
        bound: Any = bind_class(cls, backend, Layer)
        self = bound._kf_blank(bound)
        fields = self.__dict__
        fields["_kf_backend"] = backend
        fields["_kf_init_args"], fields["_kf_lists"] = (args, kwargs), (-1, {}, ())
        backend.init_layer(self)
        fields["_tracker"] = make_tracker(self)
        return self

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        build = cls.__dict__.get("build")
        if build is not None and not getattr(build, "_kf_wrapped", False):
            cls.build = _wrap_build(build)  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike = None,
        trainable: bool = True,
        dtype: DTypeLike = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        shape, size = kwargs.pop("input_shape", None), kwargs.pop("input_dim", None)
        if kwargs:
            extra = ", ".join(kwargs)
            hint = nearest(extra, inspect.signature(type(self)).parameters) or "see the class's signature."
            raise ArgumentError(f"[{type(self).__name__}] expected known keyword arguments, got {extra}; {hint}")
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ArgumentError(f"[{type(self).__name__}] expected `name` to be a string without '/', got {name!r}.")
        if not isinstance(trainable, (bool, np.bool_)):
            raise ArgumentTypeError(f"[{type(self).__name__}] expected `trainable` to be a bool, got {trainable!r}.")
        fields = self.__dict__
        fields["name"] = name if name is not None else auto_name(type(self).__name__)
        fields["_inbound_nodes"], fields["_outbound_nodes"] = [], []
        fields["built"] = False
        fields["_trainable"] = bool(trainable)
        fields["_dtype_policy"] = dtype_policies.get(dtype)
        fields["autocast"] = autocast
        fields["supports_masking"] = self.supports_masking or self._kf_computes_mask
        fields["_losses"], fields["_path"], fields["_kf_build_shapes"] = [], None, None
        fields["_input_spec"] = fields["_kf_fits"] = None
        fields["_kf_ready"] = False
        fields["_kf_input_shape_arg"] = shape if size is None else (size,)
        if state.remat is not None:
            fields["_kf_around"] = state.remat
        distribution = distribution_on(self._kf_backend)
        if distribution is not None:
            distribution._kf_adopt(self)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self._kf_refresh_policy()

    def _kf_refresh_policy(self) -> None:
        """Store what the fast path of a call reads of the dtype policy."""
        fields, policy = self.__dict__, self._dtype_policy
        compute, variable = policy.compute_dtype, policy.variable_dtype
        fields["_kf_scope_dtype"] = compute if compute != variable and is_float(compute or "") else None
        fields["_kf_pass_dtypes"] = passing_dtypes(self._kf_backend, self.input_dtype, bool(self.autocast))

    # -- attributes ---------------------------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        structure.changes += 1
        if type(value) not in _UNTRACKED:
            tracker = self.__dict__.get("_tracker")
            if tracker is not None:
                native = self._kf_backend.native_types
                if native and isinstance(value, native) and self._kf_backend.set_native_attribute(self, name, value):
                    return None
                value = tracker.track(name, value)
                if isinstance(value, Variable):
                    value = value._handle._shown(self)
        elif name in self.__dict__.get("_modules", ()) or name in self._tracker.items:
            self._tracker.forget(name)
        object.__setattr__(self, name, value)
        return None

    def __delattr__(self, name: str) -> None:
        if self._kf_backend.delete_native_attribute(self, name):
            return
        held = name in self._tracker.items
        self._tracker.forget(name)
        if name in self.__dict__ or not held:  # else the engine held it
            super().__delattr__(name)

    @property
    def path(self) -> str | None:
        """Name with the scopes it was built in, None before."""
        return self._path

    @property
    def input_spec(self) -> Any:
        """InputSpec(s) that inputs must fit, or None."""
        return self._input_spec

    @input_spec.setter
    def input_spec(self, value: object) -> None:
        fields = self.__dict__
        fields["_input_spec"] = value
        fields["_kf_fits"] = shape_test(value) if self._kf_ready else None  # else `_kf_become_ready` makes it

    @property
    def dtype_policy(self) -> DTypePolicy:
        """The dtype policy; a quantized one quantizes a layer that is built."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: DTypeLike) -> None:
        policy = dtype_policies.get(value)
        if self.built and policy.quantization_mode is not None and self.quantization_mode is None:
            self._kf_quantize_to(policy)
        else:
            self._kf_take_policy(policy)

    def _kf_take_policy(self, policy: object) -> None:
        structure.changes += 1
        self.__dict__["_dtype_policy"] = policy
        self.__dict__["_kf_ready"] = False
        self._kf_refresh_policy()
        self._kf_backend.show_weights(self)

    @property
    def dtype(self) -> str:
        """The dtype of its weights."""
        return self.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype it computes in."""
        return self._dtype_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of its weights."""
        return self._dtype_policy.variable_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype that floating inputs are cast to."""
        return self.compute_dtype

    @property
    def trainable(self) -> bool:
        """Whether its weights are trained; setting it applies to all weights and sublayers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        value = bool(value)
        self.__dict__["_trainable"] = value
        structure.version += 1
        for v in self._kf_own_variables:
            if v._settable_trainable:
                v.trainable = value
        for layer in self._layers:
            layer.trainable = value

    # -- building -----------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Create the weights for inputs of this shape; layers with weights override it."""

    build._empty = True  # type: ignore[attr-defined]

    def _kf_built_when_made(self) -> None:
        """For the end of `__init__` of layers without weights: built, unless a subclass has a `build` of its own."""
        self.built = getattr(type(self).build, "_empty", False)

    def _kf_finish_build(self) -> None:
        structure.changes += 1
        self.__dict__["built"] = True

    def add_weight(
        self,
        shape: ShapeLike | None = None,
        initializer: InitializerLike = None,
        dtype: str | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike = None,
        constraint: ConstraintLike = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a variable of this layer.

        Args:
            shape: fully known shape; () if None.
            initializer: name, config, Initializer or callable; glorot_uniform for floats, zeros otherwise, if None.
            dtype: dtype name; the layer's variable dtype if None.
            trainable: whether optimizers update it.
            autocast: whether it is read in the compute dtype.
            regularizer: name or function whose value is added to the loss.
            constraint: name or function applied after each update.
            aggregation: how replicas are combined.
            overwrite_with_gradient: whether the optimizer assigns the gradient itself.
            name: the variable's name.

        Returns:
            The variable.
        """
        dtype = dtype if dtype is not None else self.variable_dtype
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        initializer = initializers.get(initializer)
        shape = standardize_shape(shape if shape is not None else ())
        if None in shape:
            raise ShapeError(f"[{self.name}] expected a fully known shape for weight {name!r}, got {shape}.")
        outer, _, last = (self._path or self.name).rpartition("/")
        with name_scope(last, self, override_parent=outer) if self.built else name_scope(self.name, caller=self):
            v = Variable(
                initializer,
                shape=shape,
                dtype=dtype,
                trainable=trainable and self.trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        v._settable_trainable = trainable
        if regularizer is not None:
            v.regularizer = regularizers.get(regularizer)
        if constraint is not None:
            v.constraint = constraints.get(constraint)
        v.overwrite_with_gradient = overwrite_with_gradient
        self._tracker.track(f"_weight_{len(self._tracker.items)}_{v.name}", v)
        return v

    add_variable = add_weight

    def get_build_config(self) -> Config | None:
        """What `build_from_config` needs: the shapes `build` was called with."""
        if self._kf_build_shapes is None:
            return None
        args, kwargs = self._kf_build_shapes
        return with_quantizers(self, named_shapes(type(self), args, kwargs))

    def build_from_config(self, config: Config) -> None:
        """Create the weights from `get_build_config`."""
        if not config or self.built:
            return
        config = keep_quantizers(self, config)
        if "input_shape" in config:
            self.build(tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{k: tuples(v) for k, v in config["shapes_dict"].items()})
        else:
            self.build(**{k: tuples(v) for k, v in config.items()})

    def _kf_build_for(self, named: dict[str, Any]) -> None:
        """Build from the arguments of a call."""
        cls = type(self)
        if cls.build is not Layer.build:
            args, kwargs = build_arguments(call_info(cls), named, self._kf_shape_of)
            self.build(*args, **kwargs)
            if not self.built:
                self._kf_finish_build()

    def _kf_shape_of(self, x: Any) -> Shape:
        return tuple(x.shape) if isinstance(x, (KerasTensor, Variable)) else self._kf_backend.static_shape(x)

    # -- calling ------------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; subclasses define it."""
        raise NotImplementedError(f"[{type(self).__name__}] expected the class to define `call(self, inputs)`.")

    def _kf_run(self, *args: Any, **kwargs: Any) -> Any:
        st, b = state, self._kf_backend
        if st.backend is not b:
            with backend_scope(b):
                return self._kf_run(*args, **kwargs)
        fields = self.__dict__  # attributes of a torch.nn.Module take three times as long
        if fields.get("_kf_ready") and not kwargs and len(args) == 1:
            x = args[0]
            if (
                type(x) in b.types
                and x.dtype in fields["_kf_pass_dtypes"]
                and st.autocast == fields["_kf_scope_dtype"]
                and not st.add_loss_used
                and ((fits := fields["_kf_fits"]) is None or fits(x.shape))
                and (not st.any_mask_seen or (b.get_mask(x) is None and not fields["_kf_makes_mask"]))
            ):
                if not fields["_kf_training"]:
                    return self.call(x)
                flag = st.training
                known = flag is not None and fields.get("_kf_told") is flag
                return self.call(x, training=flag if known else self._kf_flag(st, fields))
            if type(x) is list and self._kf_plain_list(x, st, b):
                return self.call(x, training=self._kf_flag(st, fields)) if fields["_kf_training"] else self.call(x)
        elif fields.get("_kf_ready") and len(kwargs) == 1 and kwargs.get("training").__class__ is bool and args:
            outer, st.training = st.training, kwargs["training"]
            try:
                return self._kf_run(*args)
            finally:
                st.training = outer
        elif fields.get("_kf_ready") and self._kf_plain_call(args, kwargs, st, b):
            kwargs = {**kwargs, "training": self._kf_flag(st, fields)} if fields["_kf_training"] else kwargs
            return self.call(*args, **kwargs)
        return self._kf_run_general(args, kwargs)

    if not TYPE_CHECKING:  # types are those of `Operation.__call__`
        __call__ = _kf_run

    def _kf_plain_call(self, args: tuple[object, ...], kwargs: Mapping[str, object], st: State, b: Backend) -> bool:
        """Whether a call may take the fast path: tensors by position, no masks among them, and switches by name."""
        most, names = self._kf_plain_arguments
        if not 0 < len(args) <= most or not all([v.__class__ is bool and k in names for k, v in kwargs.items()]):
            return False
        return self._kf_plain_list(args, st, b)

    def _kf_plain_list(self, items: Sequence[Any], st: State, b: Backend) -> bool:
        """Whether a list of inputs may take the fast path: native tensors that need no cast, no masks around."""
        if self._kf_fits is not None or st.any_mask_seen or st.add_loss_used or st.autocast != self._kf_scope_dtype:
            return False
        types, passing = b.types, self._kf_pass_dtypes
        for x in items:  # noqa: SIM110  (a generator costs more than the loop)
            if type(x) not in types or x.dtype not in passing:
                return False
        return True

    def _kf_flag(self, st: State, fields: dict[str, Any]) -> bool | None:
        """The flag for `call`; the one that was told is kept for a second run (see `Backend.in_backward`)."""
        training = st.training
        told = fields.get("_kf_told")
        if training is None:
            return (fields.get("training") or None) if told is None else self._kf_default_training()
        if training is not told:
            fields["_kf_told"] = training
        return training

    def _kf_default_training(self) -> bool | None:
        """The flag when nobody set one: on torch True after `Module.train()`; else None, as good as False."""
        fields = self.__dict__
        if fields.get("_kf_told") is not None:
            if self._kf_backend.in_backward():
                return fields["_kf_told"]
            fields["_kf_told"] = None
        return fields.get("training") or None

    def _kf_run_general(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        info = call_info(type(self))
        if not hasattr(self, "_losses"):
            raise ArgumentError(
                f"[{type(self).__name__}] expected `super().__init__()` to be called first in `__init__`, got a layer "
                "without it; call it before setting attributes."
            )
        given = None
        if "training" in kwargs and not (info.training or info.var_keyword):
            kwargs = dict(kwargs)  # for the sublayers only
            given = kwargs.pop("training")
        args, kwargs = convert_inputs(self, args, kwargs)
        named = info.bind(self.name, args, kwargs)
        symbolic = any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs)))
        if self._input_spec is not None and args:
            check_inputs(self._input_spec, args[0], self.name, self._kf_shape_of)
        outer = (state.training, state.depth, state.autocast)
        training = self._kf_asked_training(named, info) if given is None else given
        scope = name_scope(self.name, caller=self)
        scope.__enter__()
        try:
            if self._path is None:
                self.__dict__["_path"] = current_path()
            if state.depth == 0 and state.add_loss_used:
                self._clear_losses()
            state.depth = outer[1] + 1
            state.training = training
            state.autocast = None  # weights are created in full precision
            if not self.built:
                self._kf_build_for(named)
            state.autocast = self._kf_scope_dtype
            if info.training and "training" not in info.positional[: len(args)]:
                kwargs = {**kwargs, "training": self._kf_flag(state, self.__dict__)}
            if symbolic:
                return self._kf_symbolic(args, kwargs, named, info)
            return self._kf_concrete(args, kwargs, named, info)
        finally:
            state.training, state.depth, state.autocast = outer
            scope.__exit__()

    def _kf_concrete(self, args: Any, kwargs: Any, named: dict[str, Any], info: CallInfo) -> Any:
        kwargs = self._kf_masks(named, len(args), kwargs, info) if state.any_mask_seen and info.masks else kwargs
        if self._kf_has_modules:
            for layer in self._kf_modules_held():
                layer._take_mode(state.training)
        call = self.call if self._kf_around is None else self.rematerialized_call(self.call, *args, **kwargs)
        out = call(*args, **kwargs)
        if not self.built and type(self).build is Layer.build:
            self._kf_finish_build()
        if self.supports_masking and named:
            self._kf_pass_mask(named, info, out)
        elif state.any_mask_seen and state.depth == 1 and named and not self._kf_backend.is_tracing():
            self._kf_drop_mask(named)
        if self.activity_regularizer is not None:
            self._kf_add_activity_loss(out)
        self._kf_become_ready(info)
        return out

    def _kf_symbolic(self, args: Any, kwargs: Any, named: Mapping[str, object], info: CallInfo) -> Any:
        with SymbolicScope():
            if not self.built and type(self).build is Layer.build and self._kf_tells_shape():
                build_by_call(self, args, kwargs)
            out = self.compute_output_spec(*args, **kwargs)
        self.__dict__["built"] = True
        if all(type(x) is Abstract for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)):
            out = tree.map_structure(abstract, out)
        else:
            kwargs = {k: v for k, v in kwargs.items() if k != "training" or k in self._kf_explicit(named)}
            out = record(self, *uncast(args, kwargs), specs_of_constants(self, out))
        if self.supports_masking and named:
            self._kf_pass_mask(named, info, out)
        elif state.depth == 1 and named:
            self._kf_drop_mask(named)
        return out

    def _kf_explicit(self, named: Mapping[str, object]) -> dict[str, Any]:
        return {k: v for k, v in named.items() if v is not None}

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Infer the outputs of a call on KerasTensors and record it in the graph."""
        return self._kf_run_general(args, kwargs)

    def _kf_become_ready(self, info: CallInfo) -> None:
        """Allow the fast path from now on, if the layer is plain enough."""
        fields = self.__dict__
        fields["_kf_training"] = info.training
        fields["_kf_plain_arguments"] = info.plain
        fields["_kf_makes_mask"] = self.supports_masking and self._kf_computes_mask
        ready = bool(
            info.simple
            and self.built
            and self.activity_regularizer is None
            and not self._kf_general_only
            and self._kf_around is None
            and (info.defaults.get("training") is None or not (info.defaults["training"] or self._layers))
        )
        if ready and not self._kf_ready:
            fields["_kf_fits"] = shape_test(self._input_spec)
        fields["_kf_ready"] = ready

    _kf_general_only = False  # a class whose every call must take the general path sets this

    def _kf_asked_training(self, named: dict[str, Any], info: CallInfo) -> bool | None:
        """The flag that the call, one around it or the signature of `call` sets; None leaves it to the layers' own."""
        training = named.get("training")
        if shape := getattr(training, "shape", ()):
            raise ArgumentTypeError(
                f"[{self.name}] expected `training` to be a bool or None, got a tensor of shape {tuple(shape)}; pass "
                "several inputs as one list."
            )
        training = state.training if training is None else training
        if training is None and info.training and "training" not in named and not self.__dict__.get("_kf_mode_set"):
            training = info.defaults.get("training")  # `train()` and `eval()` of torch say more than a default
        return training

    # -- masks --------------------------------------------------------------------------------------------------------

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the outputs; by default that of the inputs."""
        return previous_mask

    @property
    def _kf_computes_mask(self) -> bool:
        return type(self).compute_mask is not Layer.compute_mask

    def _kf_mask_of(self, value: object) -> Any:
        b = self._kf_backend

        def get(x: Any) -> Any:
            return b.get_mask(x) if b.is_tensor(x) else getattr(x, "_keras_mask", None)

        if tree.is_nested(value):
            masks = tree.map_structure(get, value)
            return masks if any(m is not None for m in tree.flatten(masks)) else None
        return get(value)

    def _kf_masks(self, named: dict[str, Any], count: int, kwargs: dict[str, Any], info: CallInfo) -> dict[str, Any]:
        """`kwargs` and the masks of tensors for which none was given, where `count` arguments come by position."""
        extra = {}
        for name, mask_name in info.masks.items():
            if named.get(mask_name) is None and name in named and mask_name not in info.positional[:count]:
                mask = self._kf_mask_of(named[name])
                if mask is not None:
                    extra[mask_name] = mask
        return {**kwargs, **extra} if extra else kwargs

    def _kf_with_masks(self, args: tuple[object, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """`kwargs` of a symbolic call with the masks that its tensors carry."""
        info = call_info(type(self))
        named = info.bind(self.name, args, kwargs) if info.masks else {}
        return self._kf_masks(named, len(args), kwargs, info)

    def _kf_pass_mask(self, named: Mapping[str, object], info: CallInfo, outputs: object) -> None:
        """Give the outputs of a call with these arguments their masks."""
        name, inputs = next(iter(named.items()))
        given = named.get(info.masks.get(name, ""))
        previous = self._kf_mask_of(inputs) if given is None else given
        if previous is None and not self._kf_computes_mask:
            return
        if (masks := self.compute_mask(inputs, previous)) is None:
            return
        b, flat = self._kf_backend, tree.flatten(outputs)
        kept = self._layers or any(x is one for one in tree.flatten(inputs) for x in flat)  # set within, or handed on
        if kept and all(self._kf_mask_of(x) is not None for x in flat):
            return
        for x, m in zip(flat, tree.flatten(masks), strict=False):
            if m is not None and isinstance(x, KerasTensor):
                x._keras_mask = m
            elif m is not None and b.is_tensor(x):
                state.any_mask_seen = True
                b.set_mask(x, m)

    def _kf_drop_mask(self, named: Mapping[str, object]) -> None:
        """Warn if the layer has no use for the mask of what it is called with."""
        if self._kf_mask_of(next(iter(named.values()))) is not None:
            text = (
                f"[{self.name}] expected inputs without a mask, got one, which is lost: the layer does not support it."
            )
            warnings.warn(text, stacklevel=2)

    # -- shapes -------------------------------------------------------------------------------------------------------

    def compute_output_shape(self, *args: Any, **kwargs: Any) -> Any:
        """The shape(s) of the output for input shapes, without computing.

        Args:
            *args: the input shape(s), as `build` takes them.
            **kwargs: the same by name, e.g. ``query_shape=``.
        """
        make = lambda s: Abstract(s, self.compute_dtype)  # noqa: E731
        specs = [tree.map_shape_structure(make, a) for a in args]
        names = {k.removesuffix("_shape"): tree.map_shape_structure(make, v) for k, v in kwargs.items()}
        if "input" in names and "input" not in call_info(type(self)).names:
            specs.append(names.pop("input"))
        return tree.map_structure(lambda x: tuple(x.shape), self.compute_output_spec(*specs, **names))

    def _kf_tells_shape(self) -> bool:
        return type(self).compute_output_shape is not Layer.compute_output_shape

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """KerasTensors with the shapes and dtypes of the outputs.

        The class's `compute_output_shape` where it has one, else `call` run on abstract values.
        """
        cls, fields = type(self), self.__dict__
        if self._kf_tells_shape() and "_kf_asked" not in fields:  # else by an override that asks the base's
            named = call_info(cls).bind(self.name, args, kwargs)
            positional, keyed = build_arguments(shape_info(cls), dict(named), self._kf_shape_of)
            fields["_kf_asked"] = True
            try:
                shapes = cls.compute_output_shape(self, *positional, **keyed)
            finally:
                del fields["_kf_asked"]
            return tree.map_shape_structure(lambda s: Abstract(s, self.compute_dtype), shapes)
        return spec_by_call(self, args, kwargs)

    # -- stateless ----------------------------------------------------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables: Sequence[Variable],
        non_trainable_variables: Sequence[Variable],
        *args: object,
        return_losses: bool = False,
        **kwargs: object,
    ) -> Any:
        """Call with the given values of the variables; nothing is assigned.

        Args:
            trainable_variables: values for `trainable_variables`, in order.
            non_trainable_variables: values for `non_trainable_variables`, in order.
            *args: as for a call.
            **kwargs: as for a call.
            return_losses: whether to return the losses too.

        Returns:
            (outputs, new non-trainable values), and the losses with `return_losses`.

        Raises:
            NotBuiltError: if the layer has no weights yet.
            ShapeError: if the numbers of values differ.
        """
        if not self.built:
            raise NotBuiltError(f"[{self.name}] expected a built layer, got one without weights; call it once.")
        train, rest = self.trainable_variables, self.non_trainable_variables
        for what, own, given in (
            ("trainable", train, trainable_variables),
            ("non-trainable", rest, non_trainable_variables),
        ):
            if len(own) != len(given):
                raise ShapeError(f"[{self.name}] expected {len(own)} {what} values, got {len(given)}.")
        pairs = [*zip(train, trainable_variables, strict=True), *zip(rest, non_trainable_variables, strict=True)]
        with (
            backend_scope(self._kf_backend),
            self._kf_kept_losses(),
            StatelessScope(pairs, collect_losses=return_losses),
        ):
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else []
            new = [v._value for v in rest]
        return (outputs, new, losses) if return_losses else (outputs, new)

    # -- configuration ------------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """Constructor arguments: the base's, and for a class without its own `get_config` what it was made with."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": serialized_policy(self)}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        if hasattr(type(self).get_config, "_automatic"):
            config = {**(own := taken(self, config)), **auto_config(self, Layer), **own}  # the keys keep their order
        return config

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A layer from its config; the constructor gets the name of a policy, or the policy if it is no plain one."""
        return super().from_config(decoded(config))

    get_config._automatic = from_config.__func__._automatic = True  # type: ignore[attr-defined]

    def load_own_variables(self, store: Store) -> None:
        """Read this layer's own variables from a mapping "0", "1" … -> array."""
        own = self._kf_ordered()
        if len(store.keys()) != len(own):
            if not own and not self.built:
                raise NotBuiltError(
                    f"[{self.name}] expected a built layer, got one without weights while the file has "
                    f"{len(store.keys())} for it; build the model before loading."
                )
            raise ShapeError(f"[{self.name}] expected {len(own)} variables in the file, got {len(store.keys())}.")
        for i, v in enumerate(own):
            v.assign(store[f"{i}"])

    def save_own_variables(self, store: Store) -> None:
        """Write this layer's own variables to a mapping "0", "1" … -> array."""
        for i, v in enumerate(self._kf_ordered()):
            store[f"{i}"] = v.numpy()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.__dict__.get('built', False)}>"

    def __reduce_ex__(self, protocol: object) -> tuple[object, ...]:
        cls = type(self)
        return rebuild, (cls.__dict__.get("_kf_unbound", cls), self._kf_backend.name), saved_state(self)

    def __setstate__(self, saved: Mapping[str, object]) -> None:
        self.__dict__.update(saved)
        self.__dict__["_kf_fits"] = shape_test(self._input_spec)
        self._kf_refresh_policy()


Layer.build = _wrap_build(Layer.build)  # type: ignore[method-assign]
