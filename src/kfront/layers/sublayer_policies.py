"""Serializes and restores the dtype policies of quantized sublayers.

The config of a layer whose sublayers are quantized has a `DTypePolicyMap` in place of its dtype policy: the policies of
these sublayers by path, and its own as the default. When a layer is built, it takes its policy from the maps of the
layers around it; so layers that create sublayers need no code for this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kfront import dtype_policies
from kfront.core.codec import serialize_keras_object
from kfront.core.naming import owners
from kfront.core.typing import Config
from kfront.dtype_policies import DTypePolicyMap
from kfront.quantizers.configs import CALIBRATED, config_for

if TYPE_CHECKING:
    from kfront.layers.base import Layer

_KEY = "quantization_configs"  # beside the shapes that a layer was built with


def _quantized(layer: Layer) -> list[Layer]:
    """The quantized layers inside a layer that does not write down its sublayers."""
    if layer._kf_writes_sublayers:
        return []
    return [x for x in layer._flatten_layers(include_self=False) if x.quantization_mode is not None]


def serialized_policy(layer: Layer) -> Config:
    """The dtype policy for a layer's config."""
    given = layer.__dict__.get("_policies")
    inner = {place(x): x.dtype_policy for x in _quantized(layer)}
    if not inner:
        return dtype_policies.serialize(layer._dtype_policy if given is None else given)
    before = {} if given is None else dict(given)
    return dtype_policies.serialize(DTypePolicyMap(layer._dtype_policy, {**before, **inner}))


def decoded(config: Config) -> Config:
    """A layer's config, its dtype policy decoded: the name of a plain one, as constructors are usually given."""
    if not isinstance(config.get("dtype"), dict):
        return config
    policy = dtype_policies.get(config["dtype"])
    return {**config, "dtype": policy.name if type(policy) is dtype_policies.DTypePolicy else policy}


def apply_policies(layer: Any) -> None:
    """Give a layer that is about to be built the policy that maps have for its path: its own, or one around it."""
    fields, own = layer.__dict__, layer._dtype_policy
    if DTypePolicyMap in type(own).__mro__:  # `isinstance` asks its metaclass
        fields["_policies"] = own
        layer._kf_take_policy(own[place(layer)])
    for owner in owners():
        policies = None if owner is layer else getattr(owner, "__dict__", {}).get("_policies")
        if policies is not None and (found := _entry(policies, place(layer), place(owner))) is not None:
            key, policy = found
            layer._kf_take_policy(policy)
            config = owner.__dict__.get("_inner_configs", {}).get(key)
            if config is not None:
                layer._set_quantization(config)


def place(layer: Layer) -> str:
    """The path of a layer, its name before it is built."""
    return layer.path or layer.name


def _entry(policies: DTypePolicyMap, path: str, around: str) -> Any:
    """(key, policy) that a map has for a path; else for the place inside the layer around, wherever that was then."""
    key = policies.match(path)
    if key is not None:
        return key, policies[key]
    inside = path.removeprefix(around)
    keys = [k for k in policies if k.endswith(inside)] if inside.startswith("/") else []
    return (keys[0], policies[keys[0]]) if len(keys) == 1 else None


def with_quantizers(layer: Layer, build_config: Config) -> Config:
    """A build config that tells also how layers inside were quantized, where their policies do not say it all."""
    found = {}
    for x in _quantized(layer):
        config, mode = getattr(x, "quantization_config", None), x.quantization_mode
        if config is not None and mode not in CALIBRATED:
            plain = config_for(x.name, mode, None)
            if serialize_keras_object(config.activation_quantizer) != serialize_keras_object(
                plain.activation_quantizer
            ):
                found[place(x)] = serialize_keras_object(config)
    return {**build_config, _KEY: found} if found else build_config


def keep_quantizers(layer: Layer, build_config: Config) -> dict[str, object]:
    """The shapes of a build config; what else it tells is kept for `apply_policies`."""
    if _KEY not in build_config:
        return build_config
    layer.__dict__["_inner_configs"] = build_config[_KEY]
    return {k: v for k, v in build_config.items() if k != _KEY}
