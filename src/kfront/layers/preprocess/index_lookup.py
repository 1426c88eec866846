"""`IndexLookup`: values to their places in a vocabulary, and back. Strings and integers differ in few methods."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from kfront.core import guard
from kfront.core.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from kfront.core.options import is_int, normalisers, one_of, positive
from kfront.core.typing import Config, LayerOptions, Shape, TensorLike
from kfront.layers.preprocess.adapting import host_array, host_batches
from kfront.layers.preprocess.encoding import check_sparse, encode_host, encoded_shape
from kfront.layers.preprocess.hashing import SALT
from kfront.layers.preprocess.host_layer import HostLayer

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
DROPPED, MISSING = -1, -2  # places of the mask token where it has none, and of what the vocabulary lacks
_FILE, _IDF_FILE = "vocabulary.txt", "idf_weights.txt"


def by_frequency(counts: Counter[Any]) -> list[Any]:
    """Values, the most frequent first; equally frequent ones from the greatest to the least."""
    values = sorted(counts, reverse=True)
    values.sort(key=counts.__getitem__, reverse=True)  # equal ones keep their order
    return values


def idf(documents: int, containing: np.ndarray) -> np.ndarray:
    """Inverse document frequencies: `log(1 + documents / (1 + containing))`."""
    return np.log(1 + documents / (1 + containing.astype("float64"))).astype("float32")


class IndexLookup(HostLayer):
    """Base of StringLookup and IntegerLookup.

    The vocabulary begins with the mask token (in the mode "int") and `num_oov_indices` places for what is not in it.
    """

    _kf_normalise = normalisers(
        idf_weights=None,
        oov_method=one_of("floormod", "farmhash"),
        output_mode=one_of(*MODES),
        salt=SALT,
        vocabulary=None,
    )
    max_tokens: int | None
    num_oov_indices: int
    mask_token: Any
    oov_token: Any
    output_mode: str
    invert: bool
    sparse: bool
    pad_to_max_tokens: bool
    salt: tuple[int, int] | None
    oov_method: str
    input_vocabulary: object
    input_idf_weights: object
    _kind: str  # dtype of the tokens
    _kinds: str  # kinds of NumPy's dtypes that can hold them
    _tokens: Any  # a list without special tokens; None where nothing is known yet
    _idf: np.ndarray | None
    _counts: Counter[object]
    _containing: Counter[Any]
    _documents: int
    _size_in_file: int | None

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(**kwargs)
        self.__dict__["_size_in_file"] = size if isinstance(size, int) else None

    def _start(self, vocabulary: Any, idf_weights: Any) -> None:
        """Check the options that were stored, and take the vocabulary if there is one."""
        self._check_options(vocabulary, idf_weights)
        check_sparse(type(self).__name__, self._kf_backend, self.sparse, self.output_mode)
        self.__dict__["input_vocabulary"] = self.__dict__["input_idf_weights"] = None
        self.reset_state()
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)
            if not isinstance(vocabulary, str):
                self.__dict__["input_vocabulary"] = [self._token(v) for v in host_array(vocabulary).tolist()]
                self.__dict__["input_idf_weights"] = None if idf_weights is None else _floats(idf_weights)

    def _check_options(self, vocabulary: object, idf_weights: object) -> None:
        who, count, most, mode = type(self).__name__, self.num_oov_indices, self.max_tokens, self.output_mode
        if not is_int(count) or count < 0:
            kind = ArgumentError if is_int(count) else ArgumentTypeError
            raise kind(f"[{who}] expected `num_oov_indices` to be an int >= 0, got {count!r}.")
        if most is not None and positive(self, "max_tokens", most) < 2:
            raise ArgumentError(f"[{who}] expected `max_tokens` of 2 or more, got {most}.")
        token = None if self.mask_token is None else host_array(self.mask_token)
        if token is not None and (token.ndim or token.dtype.kind not in self._kinds):
            raise ArgumentTypeError(f"[{who}] expected `mask_token` of dtype {self._kind}, got {self.mask_token!r}.")
        if self.invert and mode != "int":
            raise ArgumentError(f"[{who}] expected output_mode='int' with `invert`, got {mode!r}.")
        if self.pad_to_max_tokens and most is None:
            raise ArgumentError(f"[{who}] expected `max_tokens` with `pad_to_max_tokens`, got None.")
        if idf_weights is not None and mode != "tf_idf":
            raise ArgumentError(f"[{who}] expected `idf_weights` with output_mode='tf_idf' only, got {mode!r}.")
        if vocabulary is not None and mode == "tf_idf" and idf_weights is None:
            raise ArgumentError(
                f"[{who}] expected `idf_weights` beside `vocabulary` for output_mode='tf_idf', got None."
            )

    # -- what strings and integers do differently ---------------------------------------------------------------------

    def _token(self, value: object) -> Any:
        """A token in the Python type of the vocabulary."""

    def _kf_listed(self, vocabulary: object) -> np.ndarray:
        """Tokens that were given, as an array."""
        array = host_array(vocabulary)
        if array.ndim == 0 or (array.size and array.dtype.kind not in self._kinds):
            raise ArgumentTypeError(
                f"[{self.name}] expected `vocabulary` to be a sequence of tokens of dtype {self._kind}, got "
                f"{vocabulary!r:.200}."
            )
        return array

    def _values(self, x: np.ndarray) -> Any:
        """The elements of an array as a flat list of tokens."""

    def _ranked(self, counts: Counter[object]) -> list[object]:
        """The values that were counted, the most frequent first."""
        return by_frequency(counts)

    def _index(self) -> None:
        """Prepare `_places` for a new vocabulary."""

    def _places(self, x: np.ndarray) -> Any:
        """Places of the elements in the vocabulary, `DROPPED` and `MISSING` among them."""

    def _oov_places(self, x: np.ndarray) -> Any:
        """Which of the places for unknown tokens each of the elements takes."""

    # -- the vocabulary -----------------------------------------------------------------------------------------------

    @property
    def compute_dtype(self) -> str:
        """The dtype of the tokens."""
        return self._kind

    @property
    def variable_dtype(self) -> str:
        """The dtype of the tokens."""
        return self._kind

    def _specials(self) -> list[Any]:
        """The tokens before those of the vocabulary."""
        mask = [self.mask_token] if self.mask_token is not None and self.output_mode == "int" else []
        return mask + [self.oov_token] * self.num_oov_indices

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[Any]:
        """The tokens in the order of their indices.

        Args:
            include_special_tokens: whether the mask token and those for unknown values are among them.
        """
        own = self._tokens or []
        return self._specials() + own if include_special_tokens else list(own)

    def vocabulary_size(self) -> int:
        """The number of indices, special tokens included."""
        return len(self._specials()) + len(self._tokens or ())

    def set_vocabulary(self, vocabulary: object, idf_weights: TensorLike | str | None = None) -> None:
        """Set the tokens, and with output mode "tf_idf" their weights.

        Args:
            vocabulary: tokens, with the special ones at the beginning or without; or the path of a text file with one
                token a line.
            idf_weights: a number for each token, for "tf_idf"; without numbers for special tokens these get the mean.

        Raises:
            ArgumentError: no token, one that stands twice, more than `max_tokens`, or weights that do not fit.
            UnsafeFileError: a file that is being loaded gives a path.
        """
        who = self.name
        if isinstance(vocabulary, (str, bytes)) or hasattr(vocabulary, "__fspath__"):
            guard.refuse_path(who, "vocabulary", vocabulary)
            vocabulary = _lines(_text_of(who, vocabulary))
        if isinstance(idf_weights, (str, bytes)) or hasattr(idf_weights, "__fspath__"):
            guard.refuse_path(who, "idf_weights", idf_weights)
            raise ArgumentError(f"[{who}] expected `idf_weights` to be numbers, got {idf_weights!r}.")
        given = [self._token(v) for v in self._kf_listed(vocabulary).ravel().tolist()]
        specials = self._specials()
        whole = given[: len(specials)] == specials and len(specials) > 0
        tokens = given[len(specials) :] if whole else given
        if not tokens:
            raise ArgumentError(f"[{who}] expected at least one token besides the special ones, got none.")
        _check_tokens(who, tokens, None if self.max_tokens is None else self.max_tokens - len(specials))
        weights = self._weights_for(idf_weights, len(given), whole)
        self._keep(tokens, weights)

    def _weights_for(self, idf_weights: object, count: int, whole: bool) -> np.ndarray | None:
        if self.output_mode != "tf_idf":
            if idf_weights is not None:
                raise ArgumentError(
                    f"[{self.name}] expected `idf_weights` with output_mode='tf_idf' only, got {self.output_mode!r}."
                )
            return None
        if idf_weights is None:
            raise ArgumentError(f"[{self.name}] expected `idf_weights` for output_mode='tf_idf', got None.")
        weights = np.array(_floats(idf_weights), "float32")
        if len(weights) != count:
            raise ArgumentError(
                f"[{self.name}] expected {count} `idf_weights`, one for each token, got {len(weights)}."
            )
        return weights if whole else self._with_mean(weights)

    def _with_mean(self, weights: np.ndarray) -> np.ndarray:
        mean = weights.mean(dtype="float64") if len(weights) else 1.0
        return np.concatenate([np.full(len(self._specials()), mean, "float32"), weights])

    def _keep(self, tokens: Sequence[object], weights: np.ndarray | None) -> None:
        fields = self.__dict__
        fields["_tokens"], fields["_idf"] = tokens, weights
        fields["input_vocabulary"] = fields["input_idf_weights"] = None
        self._index()

    def _forget(self) -> None:
        self.__dict__["_tokens"] = self.__dict__["_idf"] = None

    # -- learning it --------------------------------------------------------------------------------------------------

    def adapt(self, data: object, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent values first, equally frequent ones from the greatest to the least.

        Args:
            data: an array of values, or a data set of such arrays; along the first axis are documents.
            steps: how many batches of a data set to take; all if None.
        """
        self.reset_state()
        for batch in host_batches(data, self.name, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the values of a batch."""
        x = host_array(data)
        values = self._values(x)
        rows: Iterable[object] = ()
        if self.output_mode == "tf_idf":
            width = x.size // len(x) if x.ndim > 1 and len(x) else 1
            rows = (values[i : i + width] for i in range(0, len(values), width))
        self.count(values, rows)

    def count(self, values: Iterable[object], documents: Iterable[Any]) -> None:
        """Count values, and with output mode "tf_idf" in how many documents each is."""
        self._counts.update(values)
        for row in documents if self.output_mode == "tf_idf" else ():
            self._containing.update(set(row))
            self.__dict__["_documents"] += 1

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        counts = self._counts
        if not counts:
            return
        special = {self.mask_token, self.oov_token}
        most = len(counts) if self.max_tokens is None else max(self.max_tokens - len(self._specials()), 0)
        ranked = ((value, self._token(value)) for value in self._ranked(counts)[: most + len(special)])
        chosen = [(value, token) for value, token in ranked if token not in special][:most]
        weights = None
        if self.output_mode == "tf_idf":
            weights = self._with_mean(idf(self._documents, np.array([self._containing[v] for v, _ in chosen])))
        self._keep([token for _, token in chosen], weights)
        self._start_counting()

    def reset_state(self) -> None:
        """Forget the vocabulary and what was counted."""
        self._forget()
        self._start_counting()

    def _start_counting(self) -> None:
        fields = self.__dict__
        fields["_counts"], fields["_containing"], fields["_documents"] = Counter(), Counter(), 0

    # -- calls --------------------------------------------------------------------------------------------------------

    def _needs_vocabulary(self) -> None:
        if self._tokens is None:
            raise NotBuiltError(
                f"[{self.name}] expected a vocabulary, got none; call `adapt` with data or `set_vocabulary` first, or "
                "pass `vocabulary`."
            )
        if self.output_mode == "tf_idf" and self._idf is None:
            raise NotBuiltError(
                f"[{self.name}] expected `idf_weights`, which the file it was loaded from does not have; call "
                "`set_vocabulary(layer.get_vocabulary(), idf_weights)` or `adapt`."
            )

    def on_host(self, inputs: np.ndarray) -> np.ndarray:
        """Indices, encoded as `output_mode` says; tokens if `invert`."""
        self._needs_vocabulary()
        if self.invert:
            return self._inverted(inputs)
        return self.encoded(self.indices(inputs))

    def indices(self, x: np.ndarray) -> np.ndarray:
        """The index of each element; `DROPPED` for the mask token where it has none."""
        found = self._places(x)
        missing = found == MISSING
        if missing.any():
            first = len(self._specials()) - self.num_oov_indices
            if self.num_oov_indices == 0:
                some = ", ".join(map(repr, dict.fromkeys(self._values(x[missing])[:1000])))
                raise ArgumentError(
                    f"[{self.name}] expected values of the vocabulary with num_oov_indices=0, got {some[:200]}."
                )
            found[missing] = first + (self._oov_places(x[missing]) if self.num_oov_indices > 1 else 0)
        return found

    def encoded(self, found: np.ndarray) -> np.ndarray:
        """Indices encoded as `output_mode` says."""
        if self.output_mode == "int":
            return found
        depth = self._depth()
        assert depth is not None
        weights = self._idf
        if weights is not None and len(weights) < depth:
            weights = np.pad(weights, (0, depth - len(weights)))
        return encode_host(found, depth, self.output_mode, weights)

    def _inverted(self, x: np.ndarray) -> np.ndarray:
        table = np.array(self.get_vocabulary(), object if self._kind == "string" else self._kind)
        x = x.astype("int64")
        known = (x >= 0) & (x < len(table))
        return np.where(known, table[np.where(known, x, 0)], self.oov_token).astype(table.dtype)

    def _depth(self) -> int | None:
        if self.pad_to_max_tokens:
            return self.max_tokens
        return self._size_in_file if self._tokens is None else self.vocabulary_size()

    def output_dtype_for(self, inputs: TensorLike) -> str:
        """int64 for indices, floats for vectors, the tokens' dtype if `invert`."""
        if self.invert:
            return self._kind
        return "int64" if self.output_mode == "int" else "float32"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, encoded as `output_mode` says."""
        return encoded_shape(tuple(input_shape), self._depth(), self.output_mode)

    # -- files --------------------------------------------------------------------------------------------------------

    def _lines_hold(self) -> bool:
        """Whether the tokens can stand on the lines of a file: Keras drops an empty line at the end."""
        tokens = self._tokens or [" "]
        return tokens[-1] != "" and not any("\n" in t or "\r" in t for t in tokens if isinstance(t, str))

    def save_assets(self, dir_path: str | os.PathLike[str]) -> None:
        """Write the vocabulary, one token a line, and weights of tokens into a folder."""
        if self.input_vocabulary is not None or self._tokens is None or not self._lines_hold():
            return
        text = "\n".join(str(t) for t in self.get_vocabulary())
        Path(dir_path, _FILE).write_bytes(text.encode("utf-8"))
        if self._idf is not None:
            Path(dir_path, _IDF_FILE).write_text("\n".join(map(repr, self._idf.tolist())))

    def load_assets(self, dir_path: str | os.PathLike[str]) -> None:
        """Read what `save_assets` or Keras wrote."""
        file = Path(dir_path, _FILE)
        if self.input_vocabulary is not None or not file.is_file():
            return
        given = [self._token(v) for v in _lines(file.read_bytes().decode("utf-8"), ends=False)]
        specials = self._specials()
        tokens = given[len(specials) :] if given[: len(specials)] == specials else given
        _check_tokens(self.name, tokens, None)
        weights, path = None, Path(dir_path, _IDF_FILE)
        if self.output_mode == "tf_idf" and path.is_file():
            weights = np.array(path.read_text().split(), "float32")
            if len(weights) != len(specials) + len(tokens):
                raise ArgumentError(
                    f"[{self.name}] expected a weight for each token in {_IDF_FILE}, got {len(weights)}."
                )
        self._keep(tokens, weights)

    def get_config(self) -> Config:
        """Constructor arguments; a learned vocabulary is a file of its own."""
        vocabulary, weights = self.input_vocabulary, self.input_idf_weights
        if self._tokens is not None and vocabulary is None and not self._lines_hold():
            vocabulary, weights = self.get_vocabulary(), None if self._idf is None else self._idf.tolist()
        size = self._size_in_file if self._tokens is None else self.vocabulary_size()
        own = {"idf_weights": weights, "vocabulary": vocabulary, "vocabulary_size": size}
        return {**super().get_config(), **own}


def _lines(text: str, ends: bool = True) -> list[str]:
    """The lines of a text; with `ends` the last line break ends a line and begins none."""
    out = text.split("\n")
    return out[:-1] if ends and out and out[-1] == "" else out


def _text_of(who: str, path: Any) -> str:
    try:
        return Path(os.fsdecode(path)).read_text(encoding="utf-8")
    except OSError as error:
        raise ArgumentError(
            f"[{who}] expected `vocabulary` to be tokens or the path of a file, got {path!r}."
        ) from error


def _floats(values: object) -> list[float]:
    try:
        return [float(v) for v in host_array(values).ravel().tolist()]
    except (TypeError, ValueError):
        raise ArgumentError(f"[lookup] expected `idf_weights` to be numbers, got {values!r}.") from None


def _check_tokens(who: str, tokens: Sequence[object], most: int | None) -> None:
    if len(set(tokens)) < len(tokens):
        twice = [t for t, n in itertools.islice(Counter(tokens).most_common(5), 5) if n > 1]
        raise ArgumentError(f"[{who}] expected every token once, got {', '.join(map(repr, twice))} several times.")
    if most is not None and len(tokens) > most:
        raise ArgumentError(f"[{who}] expected at most {max(most, 0)} tokens for its `max_tokens`, got {len(tokens)}.")
