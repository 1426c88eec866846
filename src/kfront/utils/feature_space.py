"""FeatureSpace: the columns of a table, each prepared in its own way, as one vector or one for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from kfront import layers, ops
from kfront.backends import backend_scope
from kfront.core.errors import ArgumentError, NotBuiltError
from kfront.core.naming import auto_name
from kfront.core.options import normalisers, one_of
from kfront.core.registry import serializable
from kfront.core.typing import Backend, Config, Shape, TensorLike
from kfront.layers.preprocess.adapting import host_array
from kfront.layers.preprocess.data_layer import DataLayer
from kfront.saving import deserialize_keras_object, save_model, serialize_keras_object
from kfront.utils.progbar import Progbar

_MODULE = "keras.src.layers.preprocessing.feature_space"  # where Keras's files say that these classes are
_CHUNK = 1024  # single samples that are prepared together


@serializable(_MODULE)
class TFDIdentity(DataLayer):
    """The input as it is."""

    def call(self, x: TensorLike) -> Any:
        """The input."""
        return x

    def compute_output_shape(self, input_shape: Shape) -> Any:
        """That of the input."""
        return tuple(input_shape)


@serializable(_MODULE)
class Feature:
    """One feature: its dtype, the layer that prepares it, and the form of the result.

    Args:
        dtype: dtype of the raw values.
        preprocessor: a layer, or its config.
        output_mode: "int", "one_hot" or "float".
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in ("int", "one_hot", "float"):
            raise ArgumentError(f"[Feature] expected `output_mode` 'int', 'one_hot' or 'float', got {output_mode!r}.")
        self.dtype, self.output_mode = dtype, output_mode
        self.preprocessor = layers.deserialize(preprocessor) if isinstance(preprocessor, dict) else preprocessor
        if isinstance(preprocessor, str):
            raise ArgumentError(f"[Feature] expected `preprocessor` to be a layer, got {preprocessor!r}.")

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            "dtype": self.dtype,
            "preprocessor": layers.serialize(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Feature:
        """A feature from its config."""
        return cls(**config)


@serializable(_MODULE)
class Cross:
    """Several features whose combinations are hashed to one; class numbers are crossed, not raw values.

    Args:
        feature_names: the names.
        crossing_dim: number of bins.
        output_mode: "int" or "one_hot".
    """

    def __init__(self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> None:
        if output_mode not in ("int", "one_hot"):
            raise ArgumentError(f"[Cross] expected `output_mode` 'int' or 'one_hot', got {output_mode!r}.")
        self.feature_names, self.crossing_dim = tuple(feature_names), crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names of the features, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Cross:
        """A cross from its config."""
        return cls(**config)


@serializable("keras.utils")
class FeatureSpace(DataLayer):
    """The columns of a table prepared for a model: normalized, looked up, hashed, crossed, and put together.

    Args:
        features: dict name -> a feature: the name of one of the methods below ("float", "float_normalized",
            "string_categorical" …), what such a method returns, or what `FeatureSpace.feature` makes of any layer.
        output_mode: "concat" for one vector, the features in the order of their names and crosses behind them; "dict"
            for one vector each.
        crosses: tuples of names of features whose combinations are hashed, or `FeatureSpace.cross`.
        crossing_dim: number of bins of crosses that are given as tuples.
        hashing_dim: number of bins of features that are given as "string_hashed" or "integer_hashed".
        num_discretization_bins: number of bins of features that are given as "float_discretized".
        name: the layer's name.

    Attributes:
        preprocessors: dict name -> the layer of each feature.
        crossers: dict name -> the layer of each cross.
        one_hot_encoders: dict name -> the layer that makes vectors of class numbers.

    Call arguments:
        data: dict name -> values of shape (batch,) or (batch, 1), or a single value each.

    Raises:
        NotBuiltError: it is called before `adapt`, where that is needed.

    Example:

    >>> import numpy as np, kfront
    >>> space = kfront.utils.FeatureSpace(
    ...     {"size": "float_normalized", "color": "string_categorical"}, output_mode="concat"
    ... )
    >>> data = {"size": np.array([1.0, 3.0]), "color": np.array(["red", "blue"])}
    >>> space.adapt(data)
    >>> kfront.ops.convert_to_numpy(space(data)).tolist()
    [[0.0, 1.0, 0.0, -1.0], [0.0, 0.0, 1.0, 1.0]]
    """

    _kf_normalise = normalisers(crosses=None, features=None, output_mode=one_of("concat", "dict", case=str))
    features: dict[str, Feature]
    crosses: list[Cross]
    output_mode: str
    crossing_dim: int
    hashing_dim: int
    num_discretization_bins: int
    _ready_to_run: bool

    def __init__(
        self,
        features: object,
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features or not isinstance(features, dict):
            raise ArgumentError(f"[FeatureSpace] expected `features` to be a dict name -> feature, got {features!r}.")
        self._kf_store(locals())
        made = {n: self._feature(n, f) for n, f in features.items()}
        found = [self._cross(c, made) for c in crosses or ()]
        parts: dict[str, Any] = {**made, **{c.name: c for c in found}}
        if output_mode == "concat":
            ints = [n for n, p in parts.items() if p.output_mode == "int"]
            if ints:
                raise ArgumentError(
                    "[FeatureSpace] expected vectors for output_mode='concat', got class numbers of "
                    f"{', '.join(ints)}; give these output_mode='one_hot', or choose output_mode='dict'."
                )
        self.__dict__["features"], self.__dict__["crosses"] = made, found
        self.__dict__["crosses_by_name"] = {c.name: c for c in found}
        self.preprocessors = {n: f.preprocessor for n, f in made.items()}
        self.crossers = {c.name: layers.HashedCrossing(c.crossing_dim, name=c.name) for c in found}
        self.one_hot_encoders: dict[str, Any] = {}
        self.__dict__["inputs"] = {n: layers.Input((1,), dtype=f.dtype, name=n) for n, f in made.items()}
        self.__dict__["encoded_features"] = None
        self.__dict__["_ready_to_run"] = not self._to_adapt()
        self.crosses_by_name: dict[str, Cross]
        self.inputs: dict[str, object]

    # -- what a feature may be ----------------------------------------------------------------------------------------

    @classmethod
    def cross(cls, feature_names: object, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Combinations of features, hashed to `crossing_dim` bins."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: object, output_mode: str) -> Feature:
        """A feature that any layer prepares; `output_mode` says what becomes of its result."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """A number as it is."""
        return Feature("float32", TFDIdentity(name=_named(name, "float")), "float")

    @classmethod
    def float_rescaled(cls, scale: object = 1.0, offset: object = 0.0, name: str | None = None) -> Feature:
        """A number times `scale`, plus `offset`."""
        layer = layers.Rescaling(scale=scale, offset=offset, name=_named(name, "float_rescaled"))
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """A number, shifted and scaled to mean 0 and variance 1."""
        return Feature("float32", layers.Normalization(axis=-1, name=_named(name, "float_normalized")), "float")

    @classmethod
    def float_discretized(
        cls, num_bins: int, bin_boundaries: object = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """The bin that a number falls into; learned if there are no boundaries."""
        bins = None if bin_boundaries is not None else num_bins
        name = _named(name, "float_discretized")
        return Feature("float32", layers.Discretization(bin_boundaries, bins, name=name), output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """An integer out of a vocabulary that is learned."""
        name = _named(name, "integer_categorical")
        return Feature("int32", layers.IntegerLookup(max_tokens, num_oov_indices, name=name), output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """A string out of a vocabulary that is learned."""
        name = _named(name, "string_categorical")
        return Feature("string", layers.StringLookup(max_tokens, num_oov_indices, name=name), output_mode)

    @classmethod
    def string_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """A string, hashed to a bin."""
        return Feature("string", layers.Hashing(num_bins, name=_named(name, "string_hashed")), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """An integer, hashed to a bin."""
        return Feature("int32", layers.Hashing(num_bins, name=_named(name, "integer_hashed")), output_mode)

    def _feature(self, name: str, given: object) -> Feature:
        if isinstance(given, Feature):
            return given
        if isinstance(given, dict):
            return deserialize_keras_object(given)
        own: dict[Any, Callable[[], Feature]] = {
            "float": lambda: self.float(name=name),
            "float_rescaled": lambda: self.float_rescaled(name=name),
            "float_normalized": lambda: self.float_normalized(name=name),
            "float_discretized": lambda: self.float_discretized(self.num_discretization_bins, name=name),
            "integer_categorical": lambda: self.integer_categorical(name=name),
            "string_categorical": lambda: self.string_categorical(name=name),
            "integer_hashed": lambda: self.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda: self.string_hashed(self.hashing_dim, name=name),
        }
        if given not in own:
            raise ArgumentError(f"[FeatureSpace] expected one of {', '.join(own)} for {name!r}, got {given!r}.")
        return own[given]()

    def _cross(self, given: object, features: dict[str, Feature]) -> Cross:
        if isinstance(given, dict):
            given = deserialize_keras_object(given)
        out = given if isinstance(given, Cross) else Cross(given, self.crossing_dim)
        unknown = [n for n in out.feature_names if n not in features]
        if unknown:
            raise ArgumentError(
                f"[FeatureSpace] expected crosses of features, got {', '.join(unknown)}, which is none."
            )
        return out

    # -- learning -----------------------------------------------------------------------------------------------------

    def _to_adapt(self) -> list[str]:
        """Names of the features whose layers learn from data."""
        given = ("input_mean", "input_vocabulary")
        out = []
        for name, layer in self.preprocessors.items():
            inner = getattr(layer, "_lookup_layer", layer)
            fixed = any(getattr(inner, g, None) is not None for g in given)
            if hasattr(layer, "adapt") and not fixed and getattr(layer, "num_bins", 1) is not None:
                out.append(name)
        return out

    def adapt(self, dataset: Any, verbose: int = 0) -> None:
        """Let the layers of all features learn from data.

        Args:
            dataset: a dict name -> array, or a data set of such dicts, of batches or single samples, without labels.
            verbose: whether a bar shows how many features are done.
        """
        source, names = _repeatable(dataset), self._to_adapt()
        bar = Progbar(len(names), verbose=verbose, unit_name="feature")
        for done, name in enumerate(names, 1):
            self.preprocessors[name].adapt(_Column(source, name))
            bar.update(done)
        self.__dict__["_ready_to_run"] = True
        self.__dict__["encoded_features"] = None

    # -- symbolic -----------------------------------------------------------------------------------------------------

    def get_inputs(self) -> dict[str, Any]:
        """KerasTensors for the raw features, for a functional model."""
        self._check()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """KerasTensor(s) of the prepared features that belong to `get_inputs`."""
        self._check()
        if self.__dict__["encoded_features"] is None:
            with backend_scope(self._kf_backend):
                self.__dict__["encoded_features"] = self._encoded(self.inputs)
        return self.__dict__["encoded_features"]

    def _check(self) -> None:
        if not self._ready_to_run:
            raise NotBuiltError(
                f"[{self.name}] expected an adapted FeatureSpace, got one whose features "
                f"{', '.join(self._to_adapt())} have learned nothing; call `adapt(dataset)` first."
            )

    # -- calls --------------------------------------------------------------------------------------------------------

    def __call__(self, data: object) -> Any:
        """The features of a batch, or of one sample, prepared."""
        self._check()
        if not isinstance(data, dict):
            raise ArgumentError(f"[{self.name}] expected a dict name -> values, got a {type(data).__name__}.")
        missing = [n for n in self.features if n not in data]
        if missing:
            raise ArgumentError(f"[{self.name}] expected values of all features, got none of {', '.join(missing)}.")
        values = {n: v if hasattr(v, "shape") else host_array(v) for n, v in data.items() if n in self.features}
        guest = self._guest((values,), {}) or self._kf_backend
        with backend_scope(guest):
            single = all(len(v.shape) == 0 for v in values.values())
            values = {n: _column(v, single, guest) for n, v in values.items()}
            out = self._encoded(values)
            self.__dict__["built"] = True
            if not single:
                return out
            return {n: ops.squeeze(v, 0) for n, v in out.items()} if isinstance(out, dict) else ops.squeeze(out, 0)

    def _encoded(self, values: dict[str, Any]) -> Any:
        parts: dict[str, Any] = {}
        names = sorted(self.features)
        for name in names:
            parts[name] = self.features[name].preprocessor(values[name])
        for name, cross in self.crosses_by_name.items():
            parts[name] = self.crossers[name](tuple(parts[n] for n in cross.feature_names))
        specs: dict[str, Any] = {**self.features, **self.crosses_by_name}
        for name, value in parts.items():
            if specs[name].output_mode == "one_hot":
                parts[name] = self._one_hot(name)(value)
        if self.output_mode == "dict":
            return parts
        return ops.concatenate([ops.cast(v, "float32") for v in parts.values()], axis=-1)

    def _one_hot(self, name: str) -> Any:
        depth = self._classes(name)
        found = self.one_hot_encoders.get(name)
        if found is None or found.num_tokens != depth:  # the vocabulary is another than when it was made
            with backend_scope(self._kf_backend):
                found = layers.CategoryEncoding(depth, output_mode="one_hot")
            self.one_hot_encoders = {**self.one_hot_encoders, name: found}
        return found

    def _classes(self, name: str) -> int:
        if name in self.crossers:
            return self.crossers[name].num_bins
        layer = self.preprocessors[name]
        if hasattr(layer, "vocabulary_size"):
            return layer._depth() if hasattr(layer, "_depth") else layer.vocabulary_size()
        if getattr(layer, "bin_boundaries", None) is not None:
            return len(layer.bin_boundaries) + 1
        count = getattr(layer, "num_bins", None)
        if count is None:
            raise ArgumentError(
                f"[{self.name}] expected a layer with a known number of classes for {name!r}, got "
                f"{type(layer).__name__}; give this feature output_mode='float' or 'int'."
            )
        return count

    # -- files --------------------------------------------------------------------------------------------------------

    def save(self, filepath: object) -> None:
        """Write it to a `.keras` file, which `kfront.saving.load_model` reads."""
        save_model(self, filepath)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {
            "features": {n: serialize_keras_object(f) for n, f in self.features.items()},
            "crosses": [serialize_keras_object(c) for c in self.crosses],
            **self._kf_stored_options(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """A FeatureSpace from its config."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any]:
        """What the layers of the features were built with."""
        return {n: f.preprocessor.get_build_config() for n, f in self.features.items()}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layers of the features; what they have learned comes from the same file."""
        for name, own in config.items():
            if name in self.features and isinstance(own, dict):
                self.features[name].preprocessor.build_from_config(own)
        self.__dict__["_ready_to_run"] = True

    def save_own_variables(self, store: object) -> None:
        """Files have variables for the layers of the features only."""

    def load_own_variables(self, store: object) -> None:
        """Files have variables for the layers of the features only."""


def _named(name: str | None, kind: str) -> str:
    return auto_name(f"{name or kind}_preprocessor")


def _column(x: Any, single: bool, backend: Backend) -> Any:
    """Values as a column of shape (batch, 1)."""
    if len(x.shape) > 1:
        return x
    if isinstance(x, (np.ndarray, np.generic)):
        x = np.asarray(x)
        return x.astype("float32").reshape(-1, 1) if x.dtype.kind == "f" else x.reshape(-1, 1)
    x = backend.convert(x)
    return ops.reshape(x, (1, 1)) if single else ops.expand_dims(x, -1)


# ---- data ------------------------------------------------------------------------------------------------------------


def _repeatable(dataset: Any) -> Callable[[], Iterable[Any]]:
    """What gives the samples or batches of a data set from the start, any number of times."""
    if isinstance(dataset, dict):
        return lambda: [dataset]
    if hasattr(dataset, "as_numpy_iterator"):
        return dataset.as_numpy_iterator
    if hasattr(dataset, "num_batches") and hasattr(dataset, "__getitem__"):
        return lambda: (dataset[i] for i in range(dataset.num_batches))
    kept = list(dataset) if hasattr(dataset, "__next__") else dataset
    return lambda: kept


class _Column:
    """One feature of a data set of dicts, in batches of shape (n, 1)."""

    def __init__(self, source: Callable[[], Iterable[Any]], name: str) -> None:
        self.source, self.name = source, name

    def __iter__(self) -> Iterator[np.ndarray]:
        waiting: list[object] = []
        for item in self.source():
            if not isinstance(item, dict):
                raise ArgumentError(
                    f"[FeatureSpace] expected `adapt` to get dicts name -> values, got a {type(item).__name__}; leave "
                    "labels out, e.g. `dataset.map(lambda x, y: x)`."
                )
            value = host_array(item[self.name])
            if value.ndim:
                yield value.reshape(-1, 1) if value.ndim == 1 else value
                continue
            waiting.append(value[()])
            if len(waiting) == _CHUNK:
                yield np.array(waiting).reshape(-1, 1)
                waiting = []
        if waiting:
            yield np.array(waiting).reshape(-1, 1)
