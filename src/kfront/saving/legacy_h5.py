"""Whole models in one HDF5 file, as Keras 2 and tf.keras wrote them and Keras 3 still writes and reads them.

Architecture and compile arguments are texts in attributes, weights are under the names of layers and variables. Keras
3 has the form in its "legacy" part; the configs inside are translated by `kfront.saving.keras2`.
"""

from __future__ import annotations

import contextlib
import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import h5py
import numpy as np

from kfront import losses
from kfront._version import KERAS_API
from kfront.core import codec, guard
from kfront.core.errors import KfrontError, SavingError
from kfront.core.typing import Config, CustomObjects
from kfront.losses.base import LossFunctionWrapper
from kfront.models.model import Model
from kfront.saving import keras2
from kfront.saving.cudnn import converted
from kfront.saving.hdf5 import Dataset, H5Reader, new_file, reading
from kfront.saving.hdf5_text import write_text, write_texts
from kfront.saving.weights_h5 import Difference, assign_all, compare, report

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.layers.base import Layer

_CLASS_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}  # public name -> the class's own, which this form has
_WEIGHTS, _OPTIMIZER, _TOP = "model_weights", "optimizer_weights", "top_level_model_weights"


class _Source:
    """A legacy file that is open for reading."""

    def __init__(self, file: BinaryIO, what: str) -> None:
        self.what = what
        self.reader = H5Reader(file, what)
        with reading(what):
            self.texts = self.reader.texts
        self.root = (_WEIGHTS,) if self.reader.group((_WEIGHTS,)) is not None else ()

    def text(self, name: str) -> str | None:
        """An attribute of the file, None if there is none."""
        with reading(f"{self.what}: {name}"):
            return self.texts.one(self.reader.group(()), name)

    def json(self, name: str) -> Any:
        """An attribute that holds JSON, None if there is none."""
        text = self.text(name)
        return None if text is None else guard.parse_json(text, f"{self.what}: {name}")

    def arrays(self, path: tuple[str, ...]) -> list[tuple[str, Dataset | None]]:
        """Names and datasets of a group, in the order that its attribute gives."""
        group = self.reader.group(path)
        with reading("/".join(path)):
            names = self.texts.many(group, "weight_names") if group is not None else None
        return [(n, self.reader.dataset((*path, *n.split("/")))) for n in names or []]

    def layers(self) -> dict[str, list[tuple[str, Dataset | None]]]:
        """Names of the layers that have weights, with these."""
        with reading(self.what):
            names = self.texts.many(self.reader.group(self.root), "layer_names")
        if names is None:
            raise SavingError(f"[load_weights] expected {self.what} to list its layers, got a file of another form.")
        found = {n: self.arrays((*self.root, *n.split("/"))) for n in names}
        return {n: arrays for n, arrays in found.items() if arrays}


@contextlib.contextmanager
def _opened(file: BinaryIO, what: str) -> Iterator[_Source]:
    source = _Source(file, what)
    try:
        yield source
    finally:
        source.reader.close()


def is_legacy(file: BinaryIO) -> bool:
    """Whether an HDF5 file is of the old form."""
    start = file.tell()
    try:
        with reading("the file"), h5py.File(file, "r") as h5:
            return any(n in h5.attrs for n in ("layer_names", "layer_names0", "model_config")) or _WEIGHTS in h5
    except SavingError:
        return False
    finally:
        file.seek(start)


# ---- loading ---------------------------------------------------------------------------------------------------------


def load_legacy_model(
    file: BinaryIO, what: str, custom_objects: CustomObjects, compile: bool, safe_mode: bool
) -> Model:
    """A model from a whole-model HDF5 file.

    Args:
        file: a seekable binary file.
        what: its name, for messages.
        custom_objects: name -> class or function, for those of the model's that are not kfront's.
        compile: whether to compile the model as it was, with its optimizer's state.
        safe_mode: as in `load_model`.

    Raises:
        UnsafeFileError: the file asks for what data must not do.
        SavingError: it is damaged, or does not describe a model.
    """
    with _opened(file, what) as source:
        config = source.json("model_config")
        if config is None:
            raise SavingError(
                f"[load_model] expected {what} to hold a model, got a file without `model_config`; if it holds weights "
                "alone, build the model in code and use `load_weights`."
            )
        training = source.json("training_config") if compile else None
        budget = file.seek(0, 2) * 16 + (64 << 20)
        with guard.budget(budget, what), guard.loading("load_model", config, custom_objects, safe_mode):
            model = codec.build(keras2.modern(config, source.text("keras_version")))
            if not isinstance(model, Model):
                raise SavingError(f"[load_model] expected {what} to hold a model, got a {type(model).__name__}.")
            pairs, differences, unused = _plan(model, source, by_name=False)
            report(model, what, differences, [], unused, skip_mismatch=False, strict_optimizer=True)
            assign_all(pairs)
            if training is not None:
                guard.check_config(training, what)
                model.compile_from_config(keras2.modern_compile(training))
                _load_optimizer(model, source)
    return model


def read_legacy_weights(model: Model, file: BinaryIO, what: str, by_name: bool, skip_mismatch: bool) -> None:
    """Weights from a file of the old form: in the order of layers, or to the layers of the same name.

    Args:
        model: a built model.
        file: a seekable binary file.
        what: its name, for messages.
        by_name: whether layers are found by name, and others left alone.
        skip_mismatch: whether layers that do not fit are passed over, with a warning that lists them.

    Raises:
        SavingError: the file does not fit the model; nothing was loaded.
    """
    with _opened(file, what) as source:
        pairs, differences, unused = _plan(model, source, by_name)
        report(model, what, differences, [], unused, skip_mismatch, strict_optimizer=False)
        assign_all(pairs)


def _weights_of(layer: Layer) -> list[Variable]:
    """A layer's weights in the order of old files: trained ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


Plan = tuple[list[tuple[Any, Dataset]], list[Difference], list[str]]


def _plan(model: Model, source: _Source, by_name: bool) -> Plan:
    """(variables with their data, differences, names of layers in the file that the model has not)."""
    saved = source.layers()
    mine = {x.name: _weights_of(x) for x in getattr(model, "layers", [model])}
    mine = {name: weights for name, weights in mine.items() if weights}
    if by_name:
        matched = [(n, n) for n in mine if n in saved]
    elif set(mine) == set(saved):
        matched = [(n, n) for n in mine]
    elif len(mine) == len(saved):
        matched = list(zip(mine, saved, strict=True))
    else:
        return [], _numbers(mine, saved), []
    pairs: list[tuple[Any, Dataset]] = []
    differences: list[Difference] = []
    for name, other in matched:
        _match(name, mine[name], other, saved[other], pairs, differences)
    top = source.arrays((*source.root, _TOP))
    own = [v for v in model.weights if all(v is not w for ws in mine.values() for w in ws)] if top else []
    if own:
        _match(_TOP, own, _TOP, top, pairs, differences)
    unused = [n for n in saved if n not in {other for _, other in matched}]
    return pairs, differences, unused if not by_name else []


def _numbers(mine: dict[str, list[Variable]], saved: Config) -> list[Difference]:
    """The message when model and file have different numbers of layers: each layer that only one of them has."""
    out = []
    for name in [n for n in mine if n not in saved] or list(mine):
        for v in mine[name]:
            out.append(Difference(f"{name}/{v.name}", str(tuple(v.shape)), "nothing", v.path))
    for name in [n for n in saved if n not in mine] or list(saved):
        for path, data in saved[name]:
            got = f"an array of shape {data.shape}" if data is not None else "something else"
            out.append(Difference(f"{name}/{path}", "nothing", got))
    return out


def _match(
    name: str,
    mine: list[Variable],
    other: str,
    saved: list[tuple[str, Dataset | None]],
    pairs: list[tuple[object, Dataset]],
    differences: list[Difference],
) -> None:
    """One layer's variables and arrays."""
    if len(saved) == len(mine) + 1 and saved[-1][0].endswith("count:0"):
        saved = saved[:-1]  # the number of samples that a Normalization layer had seen
    saved = converted(mine, saved)
    problems: list[Difference] = []
    found: list[tuple[Any, Dataset]] = []
    for i in range(max(len(mine), len(saved))):
        if i >= len(mine):
            path, data = saved[i]
            problems.append(
                Difference(f"{other}/{path}", "nothing", f"an array of shape {getattr(data, 'shape', '?')}")
            )
            continue
        path, data = saved[i] if i < len(saved) else (mine[i].name, None)
        problem = compare(f"{other}/{path}", mine[i], data)
        if problem is not None:
            problems.append(problem)
        elif data is not None:
            found.append((mine[i], data))
    if problems:
        differences += problems
    else:
        pairs += found


# ---- optimizers ------------------------------------------------------------------------------------------------------


def _load_optimizer(model: Model, source: _Source) -> None:
    """The optimizer's state, if the file has some that fits."""
    saved = source.arrays((_OPTIMIZER,))
    optimizer = model.optimizer
    if not saved or optimizer is None:
        return
    mine = optimizer.variables
    without_rate = [v for v in mine if v is not getattr(optimizer, "_learning_rate", None)]
    arrays = [d for _, d in saved]
    product = getattr(optimizer, "_u_product", None)
    plain = [v for v in without_rate if v is not product]  # Keras 2 does not store this product of Nadam's
    for variables, data in ((mine, arrays), (without_rate, arrays), (plain, arrays), (plain, _by_variable(saved))):
        pairs = _fitting(variables, data)
        if pairs is not None:
            assign_all(pairs)
            if product is not None and variables is plain:
                product.assign(_momentum_product(optimizer))
            return
    warnings.warn(
        f"[load_model] the optimizer state in {source.what} does not fit {type(optimizer).__name__} here and was left "
        f"out; it has {', '.join(n for n, _ in saved[:20])}.",
        stacklevel=4,
    )


def _momentum_product(nadam: Any) -> float:
    """The product of Nadam's momenta up to now (Dozat, Incorporating Nesterov Momentum into Adam, 2016)."""
    steps = np.arange(1, int(nadam.iterations.numpy()) + 1)
    return float(np.prod(nadam.beta_1 * (1.0 - 0.5 * 0.96**steps)))


def _fitting(variables: list[Variable], data: list[Dataset | None]) -> list[tuple[Any, Dataset]] | None:
    if len(variables) != len(data):
        return None
    pairs = [(v, d) for v, d in zip(variables, data, strict=True) if d is not None and compare("", v, d) is None]
    return pairs if len(pairs) == len(variables) else None


def _by_variable(saved: list[tuple[str, Dataset | None]]) -> list[Dataset | None]:
    """Slots variable by variable, where the file lists the first slot of all variables, then the second.

    The names are ``optimizer/layer/variable/slot:0``; what is no slot comes first.
    """
    slots: dict[str, list[Dataset | None]] = {}
    first: list[Dataset | None] = []
    for name, data in saved:
        kind = re.fullmatch(r".+/([^/]+?)(:\d+)?", name)
        if len(name.split("/")) < 3 or kind is None:
            first.append(data)
        else:
            slots.setdefault(kind[1], []).append(data)
    if len({len(v) for v in slots.values()}) != 1:
        return []
    return [*first, *(d for row in zip(*slots.values(), strict=True) for d in row)]


# ---- saving ----------------------------------------------------------------------------------------------------------


def write_legacy_model(model: Model, file: BinaryIO, include_optimizer: bool = True) -> None:
    """Write a whole model as Keras 3 does.

    Args:
        model: a built model.
        file: a seekable binary file, opened for reading and writing.
        include_optimizer: whether compile arguments and optimizer state are written too.

    Raises:
        SavingError: the model has no config of plain values, or is not built.
    """
    if not getattr(model, "built", False):
        raise SavingError(
            f"[save_model] expected a built model for the '.h5' format, got {getattr(model, 'name', model)!r}; call it "
            "on data first."
        )
    form = codec.serialize_keras_object(model)
    with new_file(file) as h5:
        _write_versions(model, h5)
        write_text(h5, "model_config", _json(_old_form(form)))
        _write_weights(model, h5.create_group(_WEIGHTS))
        if include_optimizer and getattr(model, "compiled", False):
            write_text(h5, "training_config", _json(_training_config(model)))
            if model.optimizer is not None and model.optimizer.built:
                _write_arrays(h5.create_group(_OPTIMIZER), [(v.path, v) for v in model.optimizer.variables])


def _write_versions(model: Model, group: h5py.Group) -> None:
    write_text(group, "backend", model._kf_backend.name)
    write_text(group, "keras_version", KERAS_API)


def _json(value: object) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise SavingError(f"[save_model] expected `get_config` to return plain values, got: {error}.") from None


def _write_weights(model: Model, group: h5py.Group) -> None:
    _write_versions(model, group)
    layers = model.layers
    write_texts(group, "layer_names", [x.name for x in layers])
    inside: set[int] = set()
    for layer in layers:
        weights = _weights_of(layer)
        inside.update(id(v) for v in weights)
        _write_arrays(_new_group(group, layer.name), [(v.path, v) for v in weights])
    own = [v for v in model.weights if id(v) not in inside]
    _write_arrays(group.create_group(_TOP), [(v.path, v) for v in own])


def _new_group(group: h5py.Group, name: str) -> h5py.Group:
    if name in group or "/" in name or name in (".", "..", ""):
        raise SavingError(
            f"[save_model] expected layers with different plain names for the '.h5' format, got {guard.shown(name)}; "
            "rename the layer or use the '.keras' format."
        )
    return group.create_group(name)


def _write_arrays(group: h5py.Group, named: Sequence[tuple[str, object]]) -> None:
    """Arrays by the paths of their variables; a number makes equal paths different."""
    names: dict[str, Any] = {}
    for path, variable in named:
        name, count = path, 1
        while name in names:
            name, count = f"{path}_{count}", count + 1
        names[name] = variable
    write_texts(group, "weight_names", list(names))
    for name, variable in names.items():
        value = variable.numpy()
        if value.dtype.kind not in "biuf":
            value = value.astype("float32")  # HDF5 has no bfloat16; readers of this form expect numbers
        group.create_dataset(name, data=value)


def _old_form(form: Any) -> dict[str, object]:
    """``{"class_name", "config"}`` without modules, for a model and the layers within."""
    registered = form.get("registered_name")
    name = registered if registered and ">" in registered else _CLASS_NAMES.get(form["class_name"], form["class_name"])
    config = form["config"]
    if isinstance(config, dict) and isinstance(config.get("layers"), list):
        config = {**config, "layers": [_old_entry(x) for x in config["layers"]]}
    return {"class_name": name, "config": config}


def _old_entry(data: Config) -> dict[str, object]:
    return {**_old_form(data), **{k: data[k] for k in ("name", "inbound_nodes") if k in data}}


def _training_config(model: Model) -> dict[str, object]:
    given = model._kf_compile_arguments or {}
    out = {k: _old_value(given.get(k)) for k in ("loss", "loss_weights", "metrics", "weighted_metrics")}
    out["loss"] = _named_loss(out["loss"])
    for key in ("run_eagerly", "steps_per_execution", "jit_compile"):
        out[key] = given.get(key)
    if model.optimizer is not None:
        out["optimizer_config"] = _old_form(codec.serialize_keras_object(model.optimizer))
    return out


def _old_value(value: object) -> Any:
    """Losses and metrics in any nesting."""
    if isinstance(value, (list, tuple)):
        return [_old_value(v) for v in value]
    if isinstance(value, dict):
        return {k: _old_value(v) for k, v in value.items()}
    form = codec.serialize_keras_object(value)
    if isinstance(form, dict) and "class_name" in form:
        return form["config"] if form["class_name"] == "function" else _old_form(form)
    return form


def _makes(cls: type, function: Callable[..., object]) -> bool:
    """Whether a loss class without arguments computes that function."""
    try:
        return cls().fn is function
    except TypeError:  # the base, which takes the function
        return False


def _named_loss(value: object) -> object:
    """The loss of that name as an object: Keras does not read names of losses back from this form."""
    if isinstance(value, list):
        return [_named_loss(v) for v in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {k: _named_loss(v) for k, v in value.items()}
    if not isinstance(value, str):
        return value
    try:
        wanted = losses.get(value)
    except KfrontError:
        return value
    for name in dir(losses):
        cls: object = getattr(losses, name)
        if isinstance(cls, type) and issubclass(cls, LossFunctionWrapper) and _makes(cls, wanted):
            make: Any = cls
            return _old_form(codec.serialize_keras_object(make()))
    return value
