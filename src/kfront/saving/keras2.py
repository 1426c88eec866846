"""Configs of earlier Keras: those in legacy `.h5` files, and those of Keras 2 and tf.keras, in the form of Keras 3.

Plain dicts become plain dicts; nothing is made here, so the result is checked like any other config. What
Keras 2 wrote and Keras 3 does not use is dropped, renamed options get their new name, and nodes are converted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from kfront.core import guard
from kfront.core.errors import SavingError
from kfront.core.op_registry import class_of, ops_in_files
from kfront.core.typing import Config
from kfront.saving.keras2_ops import op_call, slice_key

if TYPE_CHECKING:
    from kfront.core.operation import Node

_RECURRENT = {"LSTM", "GRU", "SimpleRNN", "RNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Bidirectional"}
_MODELS = {"Model", "Functional", "Sequential"}
_CLASSES = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "GroupedQueryAttention": "GroupQueryAttention",  # the name of the class, not the one under which it is public
}
_RENAMED = {
    ("LeakyReLU", "alpha"): "negative_slope",
    ("InputLayer", "batch_input_shape"): "batch_shape",
    ("InputLayer", "input_dtype"): "dtype",
}
# key -> values without which nothing changes; () means any value
_DROPPED: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("batch_input_shape", "input_dtype", "input_length", "implementation", "rng_type", "fused"), ()),
    **dict.fromkeys(("query_shape", "key_shape", "value_shape", "vocabulary_size"), ()),
    **dict.fromkeys(("time_major", "softmax_robust_masking"), (False, None)),
    **dict.fromkeys(("virtual_batch_size", "adjustment", "renorm_clipping", "activity_regularizer"), (None,)),
    "input_spec": (None,),
    "experimental_autocast": (True, None),
}
_DROPPED_IN = {
    *((f"Conv{n}DTranspose", "groups") for n in (1, 2, 3)),
    *((f"DepthwiseConv{n}D", "groups") for n in (1, 2)),
    *((f"SeparableConv{n}D", k) for n in (1, 2) for k in ("groups", "kernel_initializer", "kernel_regularizer")),
    *((f"SeparableConv{n}D", "kernel_constraint") for n in (1, 2)),
    *((f"DepthwiseConv{n}D", f"kernel_{k}") for n in (1, 2) for k in ("initializer", "regularizer", "constraint")),
    *((f"SpatialDropout{n}D", k) for n in (1, 2, 3) for k in ("noise_shape", "trainable")),
    *((f"ConvLSTM{n}D", "unroll") for n in (1, 2, 3)),
}
_HARD_SIGMOID = {"module": "builtins", "class_name": "function", "config": "keras2_hard_sigmoid"}
_KINDS = {"_initializer": "initializers", "_regularizer": "regularizers", "_constraint": "constraints"}
_OLD_MODULE = re.compile(r"tf_keras(\.\w+)+|keras(\.src)?\.layers(\.\w+)*")
_OP_CLASSES: dict[str, tuple[str, str]] = {name: (module, name) for module, name in ops_in_files()}


def modern(config: Config, version: str | None = None) -> Config:
    """The config of a model in the form of Keras 3.

    Args:
        config: ``{"class_name", "config"}`` of a model as Keras 2, tf.keras or a legacy file has it.
        version: the version that wrote it; Keras 2 if None.

    Raises:
        SavingError: it does not have such a form, or says what Keras 3 has no counterpart for.
    """
    if version is None or version.split(".")[0] in ("1", "2"):
        config = _old_activations(config)
    return _object(config, "layers")


def _old_activations(value: object) -> Any:
    """The hard sigmoid of Keras 2 is another function than that of Keras 3."""
    if isinstance(value, list):
        return [_old_activations(v) for v in value]
    if not isinstance(value, dict):
        return value
    return {
        k: _HARD_SIGMOID if k.endswith("activation") and v == "hard_sigmoid" else _old_activations(v)
        for k, v in value.items()
    }


def _object(data: Any, kind: str) -> Config:
    """One serialized object."""
    guard.expect(data, dict, kind)
    if "class_name" not in data or "config" not in data:
        raise SavingError(f"[load] expected class_name and config of an object, got {guard.shown(data)}.")
    given: str = guard.expect(data["class_name"], str, "class_name")
    name: str = _CLASSES.get(given, given)
    config = data["config"]
    if name in _MODELS and _is_model(config):
        return _model(data, name, config)
    if name.startswith("__") or name == "function":
        return data
    if kind == "layers" and name in _OP_CLASSES and isinstance(config, dict) and "trainable" not in config:
        module, cls = _OP_CLASSES[name]
        return {**data, "module": module, "class_name": cls, "registered_name": cls}
    module, registered, name = _place(data, name, kind)
    return {
        **{k: v for k, v in data.items() if k in ("build_config", "shared_object_id")},
        "module": module,
        "class_name": name,
        "config": _layer_config(name, config) if isinstance(config, dict) else config,
        "registered_name": registered,
    }


def _place(data: Config, name: str, kind: str) -> tuple[str | None, str | None, str]:
    """(module, registered name, class name): the user's own classes come first, as in Keras 2."""
    module, registered = data.get("module"), data.get("registered_name")
    if isinstance(module, str) and _OLD_MODULE.fullmatch(module) is None:
        return module, registered, name
    if guard.is_users(registered, name):
        return None, registered if isinstance(registered, str) else name, name
    plain = name.removeprefix("Custom>")
    for candidate in (kind, "layers", "initializers", "regularizers", "constraints"):
        if guard.is_builtin(f"keras.{candidate}", plain):
            return f"keras.{candidate}", None, plain
    return module, registered, name


def _layer_config(name: str, config: Config) -> Config:
    out: dict[str, Any] = {}
    for key, value in config.items():
        new = _RENAMED.get((name, key), key)
        if new == key and ((name, key) in _DROPPED_IN or _drops(name, key, value)):
            continue
        out[new] = _value(new, value)
    if name.startswith("DepthwiseConv"):
        out.pop("filters", None)
    if name == "InputLayer":
        out = {k: v for k, v in out.items() if k not in ("ragged", "sparse", "optional") or v}
    if name == "BatchNormalization" and isinstance(out.get("axis"), list) and len(out["axis"]) == 1:
        out["axis"] = out["axis"][0]
    return out


def _drops(name: str, key: str, value: object) -> bool:
    """Whether an entry is left out.

    Raises:
        SavingError: it asks for what layers do not do any more.
    """
    if key not in _DROPPED:
        return False
    neutral = _DROPPED[key]
    if key in ("activity_regularizer", "renorm_clipping") and value is not None:
        return False
    if neutral and value not in neutral:
        raise SavingError(
            f"[{name}] expected {key}={neutral[0]!r} in the config, got {guard.shown(value)}, which Keras 3 has no "
            "counterpart for; build the model in code and load its weights with `load_weights`."
        )
    return True


def _value(key: str, value: object) -> object:
    """One entry of a config."""
    if key == "dtype" and isinstance(value, dict) and str(value.get("class_name", "")).startswith("Policy"):
        inner = value.get("config")
        return inner.get("name") if isinstance(inner, dict) else None
    kind = next((k for end, k in _KINDS.items() if key.endswith(end)), "layers")
    return _nested(value, kind)


def _nested(value: object, kind: str) -> object:
    if isinstance(value, dict):
        if "class_name" in value and "config" in value:
            if value["class_name"] == "Policy":
                return _value("dtype", value)
            return _object(value, kind)
        return {k: _nested(v, kind) for k, v in value.items()}
    if isinstance(value, list):
        return [_nested(v, kind) for v in value]
    return value


# ---- models ----------------------------------------------------------------------------------------------------------


def _is_model(config: Config) -> bool:
    return isinstance(config, list) or (isinstance(config, dict) and "layers" in config)


def _model(data: Config, name: str, config: Config) -> dict[str, object]:
    if name == "Sequential":
        module, inner = "keras", _sequential(config)
    else:
        module, name, inner = "keras.src.models.functional", "Functional", _functional(config)
    kept = {k: v for k, v in data.items() if k in ("build_config", "shared_object_id")}
    compiled = data.get("compile_config")  # in `.keras` files; legacy ones have it elsewhere
    if isinstance(compiled, dict) and compiled.get("optimizer") is not None:
        kept["compile_config"] = modern_compile({**compiled, "optimizer_config": compiled["optimizer"]})
    return {"module": module, "class_name": name, "config": inner, "registered_name": None, **kept}


def _sequential(config: Config) -> dict[str, object]:
    config = {"layers": config} if isinstance(config, list) else dict(config)
    layers = guard.expect(config.get("layers"), list, "Sequential layers")
    out = [_object(x, "layers") for x in layers]
    if layers and out[0]["class_name"] != "InputLayer":
        first = layers[0].get("config")
        shape = first.get("batch_input_shape") if isinstance(first, dict) else None
        if shape is not None:
            dtype = "int32" if out[0]["class_name"] == "Embedding" else "float32"
            entry = {"batch_shape": shape, "dtype": dtype}
            out.insert(0, {"module": "keras.layers", "class_name": "InputLayer", "config": entry})
    kept = {k: v for k, v in config.items() if k in ("name", "trainable", "build_input_shape")}
    return {**kept, "layers": out}


def _functional(config: Config) -> dict[str, object]:
    graph = _Graph(config)
    layers = [graph.entry(data) for data in guard.expect(config["layers"], list, "Functional layers")]
    return {
        "name": config.get("name"),
        "trainable": config.get("trainable", True),
        "layers": layers,
        "input_layers": graph.ends(config.get("input_layers")),
        "output_layers": graph.ends(config.get("output_layers")),
    }


def _is_reference(value: object) -> bool:
    if not isinstance(value, list) or len(value) not in (3, 4) or not isinstance(value[0], str):
        return False
    return type(value[1]) is int and (len(value) == 3 or isinstance(value[3], dict))


class _Graph:
    """The layers of a functional model, with their calls converted.

    Args:
        config: the model's.
    """

    def __init__(self, config: Config) -> None:
        layers = guard.expect(config.get("layers"), list, "Functional layers")
        self.calls: dict[str, int] = {}
        nested: dict[str, dict[str, object]] = {}
        for data in layers:
            guard.expect(data, dict, "layers")
            name = self._name(data)
            self.calls[name] = len(guard.expect(data.get("inbound_nodes", []), list, "inbound_nodes"))
            if data.get("class_name") in _MODELS and isinstance(data.get("config"), (dict, list)):
                nested[name] = data
        used: dict[str, set[int]] = {}
        for value in (
            config.get("input_layers"),
            config.get("output_layers"),
            [d.get("inbound_nodes") for d in layers],
        ):
            _collect(value, used)
        self.functional = {n for n, d in nested.items() if d["class_name"] != "Sequential"}
        # a nested model that was built with its input has a call of its own, which the file does not list
        self.shifted = {n for n, d in nested.items() if self._is_shifted(d, used.get(n, set()), self.calls[n])}

    @staticmethod
    def _name(data: Config) -> str:
        inner = data.get("config")
        name = data.get("name", inner.get("name") if isinstance(inner, dict) else None)
        return guard.expect(name, str, "layer name")

    @staticmethod
    def _is_shifted(data: Config, used: set[int], calls: int) -> bool:
        if not used or 0 in used:
            return False
        if max(used) >= calls:
            return True
        layers = data["config"].get("layers") if isinstance(data["config"], dict) else data["config"]
        first = layers[0] if isinstance(layers, list) and layers and isinstance(layers[0], dict) else {}
        return data["class_name"] != "Sequential" or first.get("class_name") == "InputLayer"

    def ends(self, value: Any) -> Any:
        """Inputs or outputs of the model; a list of one is that one."""
        if isinstance(value, list) and len(value) == 1 and _is_reference(value[0]):
            value = value[0]
        if _is_reference(value):  # there Keras 3 counts the call of its own that a functional model has, too
            return value[:3] if value[0] in self.functional else self._triple(value)
        if isinstance(value, dict):
            return {k: self.ends(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.ends(v) for v in value]
        raise SavingError(f"[load] expected [name, node index, tensor index], got {guard.shown(value)}.")

    def _triple(self, value: list[Any]) -> list[Any]:
        name, node, index = value[:3]
        return [name, node - 1 if name in self.shifted else node, index]

    def entry(self, data: Config) -> dict[str, Any]:
        """A layer with its calls."""
        name, cls = self._name(data), data.get("class_name")
        nodes = data.get("inbound_nodes", [])
        if cls in ("TFOpLambda", "SlicingOpLambda"):
            return self._op(data, name, nodes)
        form = _object({k: v for k, v in data.items() if k not in ("name", "inbound_nodes")}, "layers")
        return {**form, "name": name, "inbound_nodes": [self._node(n, cls) for n in nodes]}

    def _node(self, node: Node, cls: object) -> dict[str, object]:
        if isinstance(node, dict) and "args" in node and "kwargs" in node:
            return node
        kwargs: Config = {}
        inputs = self._inputs(node, kwargs)
        if cls in _RECURRENT and isinstance(inputs, list) and len(inputs) > 1:
            inputs, kwargs["initial_state"] = inputs[0], inputs[1:]
        return {"args": [inputs], "kwargs": kwargs}

    def _inputs(self, node: Any, kwargs: dict[str, Any]) -> object:
        """The first argument of a call; named ones go to `kwargs`."""
        if _is_reference(node):
            if len(node) == 4:
                kwargs.update({k: self._swap(v) for k, v in node[3].items()})
            return node[2] if node[0] == "_CONSTANT_VALUE" else self._tensor(node)
        if isinstance(node, dict):
            return {k: self._inputs(v, kwargs) for k, v in node.items()}
        values = [self._inputs(v, kwargs) for v in guard.expect(node, list, "inbound_nodes")]
        return values[0] if len(values) == 1 else values

    def _tensor(self, value: list[object]) -> dict[str, object]:
        return {"class_name": "__keras_tensor__", "config": {"keras_history": self._triple(value)}}

    def _swap(self, value: object) -> object:
        """References within an argument become those of Keras 3."""
        if isinstance(value, list):
            if len(value) == 3 and _is_reference(value) and type(value[2]) is int and value[0] in self.calls:
                return self._tensor(value)
            if len(value) >= 3 and value[0] == "_CONSTANT_VALUE":
                return value[2]
            return [self._swap(v) for v in value]
        if isinstance(value, dict):
            return {k: self._swap(v) for k, v in value.items()}
        return value

    def _op(self, data: Config, name: str, nodes: list[object]) -> dict[str, object]:
        """A TensorFlow function in the graph, as a recorded op."""
        config = guard.expect(data.get("config"), dict, "TFOpLambda config")
        calls, op = [], ""
        for node in nodes:
            kwargs: dict[str, object] = {}
            first = self._inputs(node, kwargs)
            if data["class_name"] == "SlicingOpLambda":
                op, named = "get_item", {"x": first, "key": slice_key(kwargs.get("slice_spec"))}
            else:
                op, named = op_call(config.get("function"), first, kwargs)
            args = named.pop("operands", [])
            calls.append({"args": args, "kwargs": {k: _constant(k, v) for k, v in named.items()}})
        where = class_of(op)
        if where is None:
            raise SavingError(f"[load] expected {guard.shown(name)} to be called, got a function without a call.")
        form = {"module": where[0], "class_name": where[1], "config": {"name": name}, "registered_name": where[1]}
        return {**form, "name": name, "inbound_nodes": calls}


def _constant(key: str, value: object) -> object:
    """Constant operands, which the file lists as numbers, as arrays."""
    if key in ("x1", "x2", "indices") and isinstance(value, list):
        flat: list[object] = [value]
        while flat and isinstance(flat[0], list):
            flat = flat[0]
        dtype = "int32" if flat and type(flat[0]) is int else "float32"
        return {"class_name": "__numpy__", "config": {"value": value, "dtype": dtype}}
    return value


def _collect(value: object, used: dict[str, set[int]]) -> None:
    """The calls of each layer whose results are used somewhere."""
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            stack.extend(top.values())
        elif isinstance(top, list):
            if _is_reference(top):
                used.setdefault(top[0], set()).add(top[1])
            stack.extend(v for v in top if isinstance(v, (list, dict)))


# ---- compile arguments -----------------------------------------------------------------------------------------------


def modern_compile(config: Config) -> Config:
    """Compile arguments from the training config of a legacy file.

    Args:
        config: loss, metrics and optimizer as the file has them.
    """
    guard.expect(config, dict, "training_config")
    out: Config = {
        "optimizer": _optimizer(config.get("optimizer_config")),
        "loss": _criterion(config.get("loss"), "losses"),
        "metrics": _flat(_criterion(config.get("metrics"), "metrics")),
        "weighted_metrics": _flat(_criterion(config.get("weighted_metrics"), "metrics")),
        "loss_weights": config.get("loss_weights"),
    }
    for key in ("run_eagerly", "steps_per_execution"):
        if config.get(key) is not None:
            out[key] = config[key]
    return {k: v for k, v in out.items() if v is not None}


def _optimizer(data: object) -> object:
    """An optimizer; the decay of Keras 2's is a schedule now (lr / (1 + decay * step))."""
    if isinstance(data, str):
        return data
    form = _object(data, "optimizers")
    config = {k: v for k, v in guard.expect(form["config"], dict, "optimizer").items() if k not in _GONE}
    rate = config.pop("lr", None)
    if rate is not None:
        config.setdefault("learning_rate", rate)
    decay = guard.expect(config.pop("decay", None) or 0.0, (int, float), "decay")
    if config.get("epsilon", 0.0) is None:
        del config["epsilon"]
    if isinstance(config.get("learning_rate"), dict):
        config["learning_rate"] = _object(config["learning_rate"], "optimizers.schedules")
    elif decay and form["class_name"] != "Nadam":
        inner = {"initial_learning_rate": config.get("learning_rate"), "decay_steps": 1, "decay_rate": decay}
        place = {"module": "keras.optimizers.schedules", "class_name": "InverseTimeDecay", "registered_name": None}
        config["learning_rate"] = {**place, "config": inner}
    return {**form, "config": config}


_GONE = ("jit_compile", "is_legacy_optimizer", "schedule_decay")


def _criterion(value: object, kind: str) -> object:
    """A loss or metrics in any nesting."""
    if isinstance(value, list):
        return [_criterion(v, kind) for v in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value or "config" not in value:
        return {k: _criterion(v, kind) for k, v in value.items()}
    form = _object(value, kind)
    config = form["config"]
    if isinstance(config, dict):
        config = dict(config)
        function = config.pop("fn", None)
        if form["class_name"] == "MeanMetricWrapper":
            config["fn"] = {"module": "builtins", "class_name": "function", "config": function}
        if config.get("reduction") == "auto":
            config["reduction"] = "sum_over_batch_size"
        form["config"] = config
    return form


def _flat(value: object) -> object:
    """The metrics of a model with one output, which Keras 2 lists within a list."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return value
