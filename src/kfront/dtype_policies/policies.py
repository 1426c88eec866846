"""Dtype policies: the dtype that a layer computes in, and the one that its variables are kept in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from types import ModuleType
from typing import Any, Self

from kfront.core import dtypes, guard, settings
from kfront.core.codec import deserialize_keras_object, serialize_keras_object, with_objects
from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.lazy import public_members
from kfront.core.naming import matching
from kfront.core.registry import serializable
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.state import current
from kfront.core.typing import Config, CustomObjects, DTypeLike

_MIXED = {"mixed_float16": ("float16", "float32"), "mixed_bfloat16": ("bfloat16", "float32")}


@serializable("keras", "DTypePolicy")
class DTypePolicy:
    """The dtypes of a layer's computation and of its variables.

    Args:
        name: a dtype name such as "float32": both are that; "mixed_float16" or "mixed_bfloat16": computation in the
            half precision, variables in float32; None: the global policy.

    Attributes:
        compute_dtype: dtype that floating inputs and variables are cast to.
        variable_dtype: dtype of new variables.

    Raises:
        ArgumentTypeError: if `name` is not a string.
        ArgumentError: if it names no policy.

    Example:

    >>> import kfront
    >>> policy = kfront.dtype_policies.DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = dtype_policy().name
        if not isinstance(name, str):
            raise ArgumentTypeError(f"[DTypePolicy] expected `name` to be a string, got {name!r}.")
        self._name = name
        self._compute_dtype, self._variable_dtype = self._parse_name(name)

    def _parse_name(self, name: str) -> tuple[str, str]:
        if name in _MIXED:
            return _MIXED[name]
        name = "int32" if name == "int" else name
        if name not in dtypes.ALL:
            raise ArgumentError(
                f"[DTypePolicy] expected a dtype name such as 'float32', or one of {', '.join(_MIXED)}, "
                f"got {name!r:.100}."
            )
        return name, name

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """Dtype of the computation."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the variables."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """How the layer is quantized, or None."""
        return None

    def convert_input(self, x: Any, autocast: bool, dtype: str) -> Any:
        """`x` as the layer takes it.

        Args:
            x: a tensor, symbolic tensor or array.
            autocast: whether floating values are cast.
            dtype: the dtype they are cast to.
        """
        if isinstance(x, KerasTensor):
            if not autocast or x.dtype == dtype or not dtypes.is_float(x.dtype):
                return x
            if type(x) is Abstract:
                return Abstract(x.shape, dtype)
            return KerasTensor(x.shape, dtype, x.sparse, x.ragged)
        b = current()
        if not hasattr(x, "dtype"):
            return x
        x = b.convert(x)
        have = b.dtype_name(x.dtype)
        return b.cast(x, dtype) if autocast and have != dtype and dtypes.is_float(have) else x

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self._name}">'

    def __eq__(self, other: object) -> bool:
        same = getattr(type(other), "_stands_for", type(other)) is getattr(type(self), "_stands_for", type(self))
        return same and isinstance(other, DTypePolicy) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash((getattr(type(self), "_stands_for", type(self)).__name__, self._name))

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        """A policy from its config."""
        return cls(**config)


@serializable("keras", "FloatDTypePolicy")
class FloatDTypePolicy(DTypePolicy):
    """`DTypePolicy` under the name that earlier releases had for it.

    Args:
        name: as for `DTypePolicy`.

    Example:

    >>> import kfront
    >>> from kfront.dtype_policies.policies import FloatDTypePolicy
    >>> FloatDTypePolicy("mixed_float16").compute_dtype
    'float16'
    """

    _stands_for = DTypePolicy  # the two are equal


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by layer path, and one for every other path.

    Args:
        default_policy: the policy of paths that match no key; the global one if None.
        policy_map: dict path, or regular expression that matches a whole path, -> policy.

    Raises:
        ArgumentTypeError: if `policy_map` is not a dict.
        ArgumentError: when reading a path that several patterns match, or setting a key twice.

    Example:

    >>> import kfront
    >>> policies = kfront.dtype_policies.DTypePolicyMap("float32")
    >>> policies["encoder/.*"] = kfront.dtype_policies.DTypePolicy("mixed_bfloat16")
    >>> policies["encoder/dense"].name, policies["decoder/dense"].name
    ('mixed_bfloat16', 'float32')
    """

    def __init__(self, default_policy: DTypeLike = None, policy_map: dict[str, DTypeLike] | None = None) -> None:
        if policy_map is not None and not isinstance(policy_map, dict):
            raise ArgumentTypeError(f"[DTypePolicyMap] expected `policy_map` to be a dict, got {policy_map!r}.")
        self._given = default_policy
        self._default_policy = get(default_policy)
        self._policies: dict[str, DTypePolicy] = {k: get(v) for k, v in (policy_map or {}).items()}
        self._name = f"map_{self._default_policy.name}"

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths that match no key."""
        return self._default_policy

    @property
    def compute_dtype(self) -> str:
        """Dtype of the computation under the default policy."""
        return self._default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """Dtype of the variables under the default policy."""
        return self._default_policy.variable_dtype

    def __getitem__(self, key: str) -> DTypePolicy:
        found = self.match(key)
        return self._default_policy if found is None else self._policies[found]

    def match(self, path: str) -> str | None:
        """The key for a path: itself, or the pattern that matches it; None if there is none.

        Raises:
            ArgumentError: if several patterns match.
        """
        return matching("DTypePolicyMap", self._policies, path)

    def __setitem__(self, key: str, policy: DTypeLike) -> None:
        if key in self._policies:
            raise ArgumentError(f"[DTypePolicyMap] expected a new key, got {key!r}, which is set; delete it first.")
        self._policies[key] = get(policy)

    def __delitem__(self, key: str) -> None:
        del self._policies[key]

    def __contains__(self, key: object) -> bool:
        return key in self._policies

    def __len__(self) -> int:
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def __repr__(self) -> str:
        mapping = [(k, p.name) for k, p in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self._default_policy.name}, mapping={mapping}>"

    __hash__ = DTypePolicy.__hash__
    __eq__ = DTypePolicy.__eq__

    def get_config(self) -> Config:
        """Constructor arguments."""
        given = None if self._given is None else serialize(self._default_policy)
        return {"default_policy": given, "policy_map": {k: serialize(p) for k, p in self._policies.items()}}

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> DTypePolicyMap:
        """A map from its config."""
        config = with_objects(config, ("default_policy", "policy_map"), custom_objects)
        policies = config.get("policy_map")
        if isinstance(policies, Mapping):
            policies = {guard.pattern(key, "policy_map"): policy for key, policy in policies.items()}
        return cls(**{**config, "policy_map": policies})


_shared: dict[str, DTypePolicy] = {}


def get(identifier: DTypeLike) -> DTypePolicy:
    """The policy that `identifier` stands for.

    Args:
        identifier: a policy, its name or config, a dtype, or None for the global policy.

    Raises:
        ArgumentError: if it stands for none.

    Example:

    >>> import kfront
    >>> kfront.dtype_policies.get("mixed_float16")
    <DTypePolicy "mixed_float16">
    """
    if isinstance(identifier, DTypePolicy):
        return identifier
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, dict):
        identifier = deserialize(identifier)
        if isinstance(identifier, DTypePolicy):
            return identifier
    if not isinstance(identifier, str):
        try:
            identifier = dtypes.standardize(identifier)
        except TypeError:
            raise ArgumentTypeError(
                f"[dtype_policies.get] expected a policy, its name, its config, a dtype or None, got {identifier!r}."
            ) from None
    found = _shared.get(identifier)
    if found is None:
        found = _shared[identifier] = _quantized_policy(identifier) or DTypePolicy(identifier)
    return found


def dtype_policy() -> DTypePolicy:
    """The `DTypePolicy` of layers that are made without one: floatx unless set otherwise.

    Returns:
        The policy.

    Example:

    >>> import kfront
    >>> kfront.config.dtype_policy().variable_dtype
    'float32'
    """
    policy = settings.now.dtype_policy
    return _first_policy() if policy is None else policy


def _first_policy() -> DTypePolicy:
    policy = settings.now.dtype_policy = DTypePolicy(settings.floatx())
    return policy


def set_dtype_policy(policy: DTypeLike) -> None:
    """Set the dtype policy of layers that are made from now on without one.

    Args:
        policy: a name such as ``"float32"``, ``"mixed_float16"``, ``"mixed_bfloat16"``, or a `DTypePolicy`; None goes
            back to floatx.

    Raises:
        ArgumentError: unknown name.

    Example:

    >>> import kfront
    >>> kfront.config.set_dtype_policy("mixed_bfloat16")
    >>> kfront.layers.Dense(4).compute_dtype
    'bfloat16'
    >>> kfront.config.set_dtype_policy(None)
    """
    if policy is not None:
        policy = get(policy)
    settings.now.dtype_policy, settings.now.policy_is_default = policy, policy is None


def _quantized() -> ModuleType:
    """The module of the policies of quantized layers."""
    from kfront.dtype_policies import quantized  # it imports this module

    return quantized


def _quantized_policy(name: str) -> DTypePolicy | None:
    if name == "int8":  # weights would be rounded to integers
        raise ArgumentError(f"[dtype_policies.get] expected 'int8_from_float32' or the like, got {name!r}.")
    if "_from_" not in name:
        return None
    return _quantized().parse(name)


def serialize(dtype_policy: DTypePolicy) -> Config:
    """The config of a policy.

    Args:
        dtype_policy: a policy.

    Returns:
        Its config: a dict with `class_name` and `config`.

    Example:

    >>> import kfront
    >>> kfront.dtype_policies.serialize(kfront.dtype_policies.DTypePolicy("mixed_float16"))["class_name"]
    'DTypePolicy'
    """
    return serialize_keras_object(dtype_policy)


def deserialize(config: Config, custom_objects: CustomObjects = None) -> DTypePolicy:
    """A policy from its config.

    Args:
        config: what `serialize` gave.
        custom_objects: dict name -> class for names that are not kfront's.

    Returns:
        The policy.

    Example:

    >>> import kfront
    >>> config = kfront.dtype_policies.serialize(kfront.dtype_policies.DTypePolicy("mixed_float16"))
    >>> type(kfront.dtype_policies.deserialize(config)).__name__
    'DTypePolicy'
    """
    classes = {c.__name__: c for c in (DTypePolicy, FloatDTypePolicy, DTypePolicyMap)}
    classes |= public_members(_quantized())
    return deserialize_keras_object(config, custom_objects=custom_objects, module_objects=classes)
