"""The losses and metrics given to `compile`, matched to a model's outputs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from kfront import losses, metrics, ops
from kfront.core import tree
from kfront.core.errors import ArgumentError, DataError, ShapeError
from kfront.core.naming import to_snake_case
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.tracking import structure
from kfront.core.typing import AnyCallable, Backend, Config, Nested, Size, Tensor
from kfront.losses.base import LossFunctionWrapper, whole_of_replicas

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.metrics import Metric


def _is_spec(x: object) -> bool:
    """Whether `x` names or is one loss or metric (not a structure of them)."""
    return x is None or isinstance(x, (str, _Joined)) or callable(x) or hasattr(x, "get_config") or _is_config(x)


def _is_scale(x: object) -> bool:
    return x is None or isinstance(x, (int, float))


def _is_config(x: object) -> bool:
    return isinstance(x, dict) and "class_name" in x and "config" in x


class _Joined(NamedTuple):
    """The loss of a part of the structure with several outputs, which it gets as that structure."""

    loss: object
    depth: int  # of the part's first output within it; 0 if the part is all of it


class _Term(NamedTuple):
    """A loss and the outputs that it is of."""

    fn: AnyCallable
    scale: float
    places: list[int]
    form: object  # the structure of its outputs, None for one output

    def of(self, flat: list[object]) -> object:
        """What a loss gets of a list with an entry for each output."""
        if self.form is None:
            return flat[self.places[0]]
        return tree.pack_sequence_as(self.form, [flat[i] for i in self.places])

    def weight(self, flat: list[object]) -> object:
        """As `of`; what is the same for all outputs is given once."""
        first = flat[self.places[0]]
        return first if all(flat[i] is first for i in self.places) else self.of(flat)


def align(
    spec: object, paths: list[tuple[object, ...]], names: list[str], what: str, pick: Callable[[object], bool]
) -> list[Any]:
    """One entry of `spec` for each output; outputs of a part that has one loss share a `_Joined`.

    Args:
        spec: one entry; or entries in the structure of the outputs, in a flat list, or in a dict by output name or key.
        paths: the outputs' paths in the model's output structure.
        names: the outputs' names.
        what: the argument's name for messages.
        pick: whether something is an entry rather than a structure.

    Raises:
        ArgumentError: if the structure does not match the outputs.
    """
    if pick(spec):
        return [spec] * len(names)
    parts = _parts(paths)
    if isinstance(spec, dict):
        last = [str(p[-1]) if p else n for p, n in zip(paths, names, strict=True)]
        if set(spec) <= set(parts):
            spec = [spec.get(key) for key in parts]
        elif set(spec) <= {*last, *names}:
            return [spec.get(k, spec.get(n)) for k, n in zip(last, names, strict=True)]
        else:
            known = {*parts, *last, *names}
            raise ArgumentError(
                f"[compile] expected `{what}` keys among the outputs {sorted(known)}, "
                f"got {sorted({*map(str, spec)} - known)}."
            )
    if not isinstance(spec, (list, tuple)):
        raise ArgumentError(f"[compile] expected `{what}` as a name, function, list or dict, got {spec!r}.")
    if len(spec) == len(names) != len(parts):
        return list(spec)
    if len(spec) != len(parts):
        raise ArgumentError(f"[compile] expected one entry of `{what}` per output ({len(names)}), got {len(spec)}.")
    found: dict[int, object] = {}
    for one, places in zip(spec, parts.values(), strict=True):
        below = [paths[i][1:] for i in places]
        if below == [()]:
            entries = [one]
        elif what == "loss" and one is not None and pick(one):
            entries = [_Joined(one, len(below[0]))] * len(below)
        else:
            entries = align(one, below, [names[i] for i in places], what, pick)
        found.update(zip(places, entries, strict=True))
    return [found[i] for i in range(len(names))]


def _parts(paths: list[tuple[object, ...]]) -> dict[str, list[int]]:
    """The outputs of each part of a structure, by the part's key or place."""
    parts: dict[str, list[int]] = {}
    for i, path in enumerate(paths):
        parts.setdefault(str(path[0]) if path else "", []).append(i)
    return parts


def _apart(loss: object, weights: object, y_pred: object, top: bool = True) -> list[tuple[object, ...]]:
    """Pairs of losses and weights: one, unless the losses for some part are in a list that has not its structure."""
    if _is_spec(loss) or not (isinstance(loss, (dict, list, tuple)) and isinstance(y_pred, (dict, list, tuple))):
        return [(loss, weights)]
    if isinstance(loss, (list, tuple)):
        named = any(isinstance(one, str) for one in loss)  # these are of tensors, not of dicts
        alike = named if isinstance(y_pred, dict) else isinstance(loss, tuple) == isinstance(y_pred, tuple)
        if not alike and not (all(map(_is_spec, loss)) and len(loss) == len(tree.flatten(y_pred))):
            each = (
                weights if isinstance(weights, (list, tuple)) and len(weights) == len(loss) else [weights] * len(loss)
            )
            found = [(_Joined(one, 0) if top and _is_spec(one) else one, w) for one, w in zip(loss, each, strict=True)]
            return [pair for one, w in found for pair in _apart(one, w, y_pred, top)]
    given, outputs = (x if isinstance(x, dict) else dict(enumerate(x)) for x in (loss, y_pred))
    scales = weights if isinstance(weights, dict) else dict.fromkeys(given, weights)
    parts = {str(k): _apart(v, scales.get(k), outputs.get(k), False) for k, v in given.items()}
    if all(part[0][0] is v for part, v in zip(parts.values(), given.values(), strict=True)):
        return [(loss, weights)]
    rows = itertools.zip_longest(*parts.values(), fillvalue=(None, None))
    return [tuple(dict(zip(parts, column, strict=True)) for column in zip(*row, strict=True)) for row in rows]


class CompiledLoss:
    """The loss of a model: a weighted sum over its outputs.

    Args:
        loss: name, function or Loss; a list or dict of them for several outputs. One that is given for a part of
            nested outputs gets that part; of a list that is given for one output, all are added. In a list for outputs
            in a tuple or dict, that is none of one loss for each output, every entry is of all outputs.
        weights: scale of each output's loss, in the same structure.
    """

    def __init__(self, loss: object, weights: object = None) -> None:
        self.loss, self.weights = loss, weights
        self.terms: list[_Term] | None = None
        self.names: list[str] = []
        self.trackers: list[Metric] = []  # of the terms
        self.results: list[Metric] = []  # the same in the order in which the losses were given
        self.asked = False  # a `compute_loss` of the model's own may never ask for it

    def build(self, y_true: Nested[Tensor], y_pred: Nested[Tensor], names: list[str] | None) -> None:
        """Match losses to outputs; done once, on the first batch or its specs."""
        flat = tree.flatten_with_path(y_pred)
        paths = [p for p, _ in flat]
        self.names = output_names(flat, names)
        self.layer_names = names
        layer_names = names if names and len(names) == len(flat) else self.names
        pairs = [
            (align(one, paths, layer_names, "loss", _is_spec), align(w, paths, layer_names, "loss_weights", _is_scale))
            for one, w in _apart(self.loss, self.weights, y_pred)
        ]
        columns = zip(*(specs for specs, _ in pairs), strict=True)
        self._measured = [any(spec is not None for spec in column) for column in columns]
        targets = self._targets(y_true, y_pred)
        found = [made for specs, scales in pairs for made in self._terms_of(specs, scales, targets, y_pred)]
        terms = [term for _, term in found]
        self.single = len(flat) == 1 and len(terms) == 1 and terms[0][1::2] == (1.0, None)
        if len(terms) > 1:
            self.trackers = [_tracker(f"{label}_loss") for label, _ in found]
            order = [_place(self.loss, paths[term.places[0]], n) for n, term in enumerate(terms)]
            self.results = [self.trackers[n] for n in sorted(range(len(order)), key=order.__getitem__)]
        self.terms = terms
        structure.version += 1

    def _terms_of(
        self, specs: list[object], scales: list[float | None], targets: list[Tensor], y_pred: object
    ) -> Iterator[tuple[str, _Term]]:
        """Pairs of the name that a term's results have and the term, of entries for each output."""
        flat = tree.flatten_with_path(y_pred)
        unnamed = _unnamed(flat, self.layer_names)
        for i, spec in enumerate(specs):
            places, form, name = [i], None, self.names[i]
            if isinstance(spec, _Joined):
                places = [n for n, other in enumerate(specs) if other is spec]
                form, name = _part(y_pred, flat[i][0][: -spec.depth] if spec.depth else ())
                own = sorted(y_pred) if isinstance(y_pred, dict) else [n.rpartition("/")[2] for n in self.names]
                name = name or "_".join(map(str, own))
                spec = spec.loss if i == places[0] else None
            scale = scales[i]
            if not _is_scale(scale) or any(scales[n] != scale for n in places):
                raise ArgumentError(f"[compile] expected one number in `loss_weights` for the loss of {name!r}.")
            for one in spec if isinstance(spec, (list, tuple)) else [spec]:
                if one is not None:
                    fn = _loss_of(one, targets[i], flat[i][1])
                    if form is None and unnamed[i]:
                        own = one if isinstance(one, str) else fn.name.strip("<>")
                        name = "/".join([*map(str, flat[i][0][:-1]), own])
                    yield name, _Term(fn, 1.0 if scale is None else float(scale), places, form)

    def _targets(self, y_true: object, y_pred: object) -> list[Any]:
        """The targets, one for each output; where targets are those of outputs with a loss, None for the others."""
        targets, measured = flat_targets(y_true, y_pred, self.layer_names), self._measured
        if len(targets) not in (len(measured), sum(measured)):
            raise DataError(
                f"[fit] expected targets for the outputs {self.names}, got {len(targets)} target(s); pass `y` in "
                "the structure of the model's outputs."
            )
        if len(targets) == len(measured):
            return targets
        given = iter(targets)
        return [next(given) if has_loss else None for has_loss in measured]

    def __call__(self, y_true: object, y_pred: object, sample_weight: object = None) -> Any:
        """The total loss, a scalar."""
        assert self.terms is not None
        self.asked = True
        if self.single and not tree.is_nested(y_pred):
            y_true = tree.flatten(y_true)[0] if tree.is_nested(y_true) else y_true
            weight = None if sample_weight is None else tree.flatten(sample_weight)[0]
            return self._term(self.terms[0], y_true, y_pred, weight)
        outputs = tree.flatten(y_pred)
        targets = self._targets(y_true, y_pred)
        weights = _per_output(flat_targets(sample_weight, y_pred, self.layer_names, False), len(outputs))
        total = None
        for n, term in enumerate(self.terms):
            missing = next((i for i in term.places if targets[i] is None), None)
            if missing is not None:
                raise DataError(
                    f"[fit] expected a target for the output {self.names[missing]!r}, which has a loss, got none."
                )
            value = self._term(term, term.of(targets), term.of(outputs), term.weight(weights))
            if self.trackers:
                self.trackers[n].update_state(whole_of_replicas(value), first_size(outputs[term.places[0]]))
            value = value if term.scale == 1.0 else value * term.scale
            total = value if total is None else total + value
        return total

    def _term(self, term: _Term, y_true: object, y_pred: object, sample_weight: object) -> Tensor:
        try:
            return term.fn(y_true, y_pred, sample_weight)
        except ShapeError as error:
            true, pred = (tree.map_structure(lambda x: tuple(getattr(x, "shape", ())), y) for y in (y_true, y_pred))
            name = self.names[term.places[0]]
            what = f"{term.fn.name!r} of the output {name!r}" if len(self.names) > 1 else repr(term.fn.name)
            error.add_note(f"While computing the loss {what}: targets of shape {true}, predictions of shape {pred}.")
            raise


def _part(outputs: Any, path: tuple[object, ...]) -> tuple[object, str]:
    """The form of the part of a structure that is found at `path`, and what its results are called."""
    for key in path:
        outputs = outputs[key]
    return tree.map_structure(lambda _: 0, outputs), "/".join(map(str, path))


def _loss_of(spec: object, y_true: Tensor, y_pred: Tensor) -> losses.Loss:
    fn = losses.get(_resolve_loss(spec, y_true, y_pred))
    return fn if isinstance(fn, losses.Loss) else LossFunctionWrapper(fn, name=getattr(fn, "__name__", "loss"))


def _place(given: object, path: tuple[object, ...], position: int) -> list[int]:
    """Where an output stands among the losses, dicts in the order in which they were written."""
    place = []
    for key in path:
        if isinstance(given, dict) and key in given:
            place.append(list(given).index(key))
            given = given[key]
        elif isinstance(given, (list, tuple)) and isinstance(key, int) and key < len(given):
            place.append(key)
            given = given[key]
        else:
            break
    return [*place, position]


def _tracker(name: str) -> Metric:
    made = metrics.Mean(name=name.replace("/", "_"))  # of variables; results have the name with the path
    made.name = name
    return made


def _unnamed(flat: list[tuple[tuple[object, ...], object]], names: list[str] | None) -> list[bool]:
    """For each of several outputs whether it has no name: results are called by the loss or metric alone."""
    known = names is not None and len(names) == len(flat)
    return [not known and bool(path) and not isinstance(path[-1], str) for path, _ in flat]


def output_names(flat: list[tuple[tuple[object, ...], object]], names: list[str] | None) -> list[str]:
    """What results of each output are called: its key in a dict of outputs, else the name of its layer; with a path
    in front where it is deeper in a structure.
    """
    known = names is not None and len(names) == len(flat)
    out = []
    for i, (path, _) in enumerate(flat):
        *before, last = path or ("",)
        if not isinstance(last, str) or not path:
            last = names[i] if names is not None and known else str(last) or "output"
        out.append("/".join([*map(str, before), last]))
    return out


def flat_targets(y: object, y_pred: object, names: list[str] | None, missing: bool = True) -> Any:
    """Targets in the order of the flat outputs.

    Args:
        y: targets; a dict may go by the outputs' keys, or by the names of the layers that yield them.
        y_pred: outputs.
        names: names of the layers that yield the outputs, if they are known.
        missing: whether the result is a list in any case; else what is no such dict is given back.

    Raises:
        DataError: a dict has keys that are none of the outputs.
    """
    if isinstance(y, dict) and tree.is_nested(y_pred):
        by_key = isinstance(y_pred, dict)
        keys = sorted(y_pred) if by_key else names
        if keys and not (by_key and set(y) == set(keys)):
            if not set(y) <= set(keys):
                raise DataError(f"[fit] expected the outputs {keys} as keys of a dict for them, got {sorted(y)}.")
            if not by_key or not any(map(tree.is_nested, y_pred.values())):
                return [y.get(k) for k in keys]
    return tree.flatten(y) if missing else y


def first_size(x: Tensor) -> Size | None:
    """The number of samples: an int where it is known, else a scalar tensor."""
    size = x.shape[0] if len(x.shape) else 1
    return size if isinstance(size, int) else ops.shape(x)[0]


def _per_output(sample_weight: object, count: int) -> list[object]:
    if sample_weight is None or not tree.is_nested(sample_weight):
        return [sample_weight] * count
    flat = tree.flatten(sample_weight)
    if len(flat) != count:
        raise DataError(f"[fit] expected `sample_weight` for {count} outputs, got {len(flat)}.")
    return flat


def _resolve_loss(spec: object, y_true: Tensor, y_pred: Tensor) -> Any:
    """The name "crossentropy" picks the form by the shapes, as "accuracy" does."""
    if spec in ("crossentropy", "ce"):
        return {"binary": "binary_crossentropy", "sparse": "sparse_categorical_crossentropy"}.get(
            _label_kind(y_true, y_pred), "categorical_crossentropy"
        )
    return spec


def _label_kind(y_true: Tensor, y_pred: Tensor) -> str:
    """Which of "binary", "sparse" and "categorical" the shapes of targets and predictions tell."""
    true, pred = tuple(y_true.shape), tuple(y_pred.shape)
    if not pred or pred[-1] == 1:
        return "binary"
    if len(true) < len(pred) or (true and true[-1] == 1):
        return "sparse"
    return "categorical"


class CompiledMetrics:
    """The metrics of a model, per output.

    Args:
        metrics: names, functions or Metrics; per output a list of them, or a dict by output.
        weighted: likewise, those that take the sample weights.
    """

    def __init__(self, metrics: object = None, weighted: object = None) -> None:
        self.given, self.weighted = metrics, weighted
        self.items: list[tuple[Any, int, bool]] | None = None if metrics or weighted else []

    def build(self, y_true: Nested[Tensor], y_pred: Nested[Tensor], names: list[str] | None) -> None:
        """Match metrics to outputs; done once."""
        flat = tree.flatten_with_path(y_pred)
        paths = [p for p, _ in flat]
        targets = flat_targets(y_true, y_pred, names)
        self.layer_names, names = names, output_names(flat, names)
        layer_names = self.layer_names if self.layer_names and len(self.layer_names) == len(flat) else names
        self.items = []
        taken: set[str] = {"loss"}
        for given, is_weighted in ((self.given, False), (self.weighted, True)):
            for i, entries in enumerate(_metric_lists(given, paths, layer_names)):
                for entry in entries:
                    target = targets[i] if i < len(targets) else None
                    one = _make_metric(entry, target, flat[i][1])
                    self.items.append((one, i, is_weighted))
        self.labels = []
        plain = [len(flat) == 1 or unnamed for unnamed in _unnamed(flat, self.layer_names)]
        for one, i, is_weighted in self.items:
            label = one.name if plain[i] else f"{names[i]}_{one.name}"
            if label in taken:
                own = f"weighted_{one.name}" if is_weighted else one.name
                label = own if plain[i] else f"{names[i]}_{own}"
                base, n = label, 1
                while label in taken:
                    label, n = f"{base}_{n}", n + 1
            taken.add(label)
            self.labels.append(label)
        places = range(len(self.labels))
        order = places if len(flat) == 1 else sorted(places, key=self.labels.__getitem__)
        self.items, self.labels = [self.items[i] for i in order], [self.labels[i] for i in order]
        structure.version += 1

    @property
    def metrics(self) -> list[Metric]:
        """The Metric objects."""
        return [m for m, _, _ in self.items or ()]

    def update_state(self, y_true: object, y_pred: object, sample_weight: Any = None) -> None:
        """Take in one batch."""
        if not self.items:
            return
        if not tree.is_nested(y_pred) and not tree.is_nested(y_true):
            weight = tree.flatten(sample_weight)[:1]
            for m, _, weighted in self.items:
                m.update_state(y_true, y_pred, *(weight if weighted else ()))
            return
        outputs, targets = tree.flatten(y_pred), flat_targets(y_true, y_pred, self.layer_names)
        weights = _per_output(flat_targets(sample_weight, y_pred, self.layer_names, False), len(outputs))
        for m, i, weighted in self.items:
            m.update_state(targets[i], outputs[i], weights[i]) if weighted else m.update_state(targets[i], outputs[i])

    def result(self, of: Callable[[Any], Any] = lambda m: m.result()) -> dict[str, Any]:
        """Results by label; `of` gives that of a metric."""
        out: Config = {}
        for (m, _, _), label in zip(self.items or (), getattr(self, "labels", ()), strict=False):
            value = of(m)
            out.update(value if isinstance(value, dict) else {label: value})
        return out


def _metric_lists(given: Any, paths: list[tuple[object, ...]], names: list[str]) -> list[list[object]]:
    if given is None:
        return [[] for _ in names]
    if _is_spec(given):
        given = [given]
    flat_list = isinstance(given, (list, tuple)) and all(_is_spec(x) for x in given)
    if flat_list and (len(names) == 1 or len(given) != len(names)):
        return [list(x for x in given if x is not None)] * 1 if len(names) == 1 else [list(given) for _ in names]
    per_output = align(given, paths, names, "metrics", _is_spec) if not flat_list else list(given)
    return [[] if e is None else [e] if _is_spec(e) else list(e) for e in per_output]


_ACCURACY = {
    "binary": "binary_accuracy",
    "sparse": "sparse_categorical_accuracy",
    "categorical": "categorical_accuracy",
}
_CROSSENTROPY = {
    "binary": "binary_crossentropy",
    "sparse": "sparse_categorical_crossentropy",
    "categorical": "categorical_crossentropy",
}


def _make_metric(entry: Any, y_true: Any, y_pred: Any) -> object:
    name = entry if isinstance(entry, str) else None  # results are reported under the name that was given
    if name is not None and name.lower() in ("accuracy", "acc", "crossentropy", "ce"):
        table = _ACCURACY if name.lower() in ("accuracy", "acc") else _CROSSENTROPY
        entry = table[_label_kind(y_true, y_pred)]
    one: Any = metrics.get(entry)
    if isinstance(one, metrics.Metric):
        if name is not None:
            one.name = name
        build = getattr(one, "build", None)
        if build is not None and not getattr(one, "built", True) and y_true is not None:
            build(tuple(y_true.shape), tuple(y_pred.shape))
        return one
    return metrics.MeanMetricWrapper(one, name=name or to_snake_case(getattr(one, "__name__", type(one).__name__)))


def specs_of(x: object, backend: Backend) -> Any:
    """Abstract values in the place of arrays, the batch size unknown."""

    def one(v: Variable) -> Any:
        if isinstance(v, KerasTensor) or not hasattr(v, "shape"):
            return v
        shape = tuple(v.shape)
        return Abstract((None, *shape[1:]) if shape else shape, backend.dtype_name(v.dtype))

    return tree.map_structure(one, x)
