"""TextVectorization: text to indices of its words, or to vectors made of them.

Whatever can be is done on UTF-8 bytes: one `bytes.translate` and one `bytes.split` for a text, one table for all words.
"""

from __future__ import annotations

import itertools
import os
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.core.codec import deserialize_keras_object, serialize_keras_object
from kfront.core.errors import ArgumentError, ShapeError, UnsupportedError
from kfront.core.options import Option, normalisers, one_of, positive
from kfront.core.typing import Backend, Config, Shape, Tensor, TensorLike
from kfront.layers.preprocess.adapting import host_array, host_batches
from kfront.layers.preprocess.host_layer import HostLayer
from kfront.layers.preprocess.index_lookup import DROPPED, MODES
from kfront.layers.preprocess.packed_strings import Packed, in_one_line, texts, words_between
from kfront.layers.preprocess.string_lookup import MANY, StringLookup, Table

_LOWER = (string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_BLANKS = (b"\t\n\v\f\r", b"     ")
_PUNCTUATION = string.punctuation.encode()
# name -> (bytes to replace, by what, bytes to delete)
_STANDARDIZE: dict[str | None, tuple[bytes, bytes, bytes]] = {
    "lower_and_strip_punctuation": (*_LOWER, _PUNCTUATION),
    "lower": (*_LOWER, b""),
    "strip_punctuation": (b"", b"", _PUNCTUATION),
    None: (b"", b"", b""),
}
_NAMES = tuple(n for n in _STANDARDIZE if n is not None)
_SPLIT = ("whitespace", "character")
_MODES = tuple(m for m in MODES if m != "one_hot")


class TextVectorization(HostLayer):
    """Text as the indices of its words in a vocabulary, or as a vector made of them.

    A text is standardized, split into words, these are joined to n-grams if wanted, and looked up. The vocabulary is
    given or learned by `adapt`; in the mode "int" index 0 is padding and 1 an unknown word, else 0 is an unknown word.

    Args:
        max_tokens: greatest size of a vocabulary that is learned, special tokens included; None for any.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation" (all of ASCII letters and signs), None,
            or a function of an array of strings (a tensor of strings on an engine that has such).
        split: "whitespace" (of ASCII), "character", None, or a function of an array of strings that returns a list of
            words for each.
        ngrams: an int for n-grams of up to so many words, a tuple for n-grams of these sizes, None for single words.
        output_mode: "int" for indices; "multi_hot", "count" or "tf_idf" for one vector for each text.
        output_sequence_length: cut or pad indices to this length; None to pad to the longest text of a batch.
        pad_to_max_tokens: whether vectors have the length `max_tokens` even if the vocabulary is smaller.
        vocabulary: words, or the path of a text file with one a line.
        idf_weights: for "tf_idf", a number for each word of `vocabulary`.
        sparse: whether vectors are sparse tensors, where the engine has them.
        ragged: whether indices are ragged tensors, where the engine has them.
        encoding: of bytes among the inputs.
        name: the layer's name.
        **kwargs: trainable, dtype.

    Call arguments:
        inputs: texts of shape (batch,) or (batch, 1), or one text.

    Returns:
        int64 tensor of shape (batch, words), or floating vectors of shape (batch, vocabulary) as `output_mode` says.

    Raises:
        NotBuiltError: it is called before there is a vocabulary.
        ShapeError: inputs of another shape.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["foo bar", "bar baz", "baz bada boom"])
    >>> kfront.ops.convert_to_numpy(layer(["Foo, qux: bar!", "qux baz"])).tolist()
    [[4, 1, 3, 0], [1, 2, 0, 0]]
    """

    _kf_normalise = normalisers(
        idf_weights=None,
        ngrams=Option(lambda layer, name, value: _ngrams(value), write=None),
        output_mode=one_of(*_MODES, case=str),
        output_sequence_length=lambda layer, name, value: None if value is None else positive(layer, name, value),
        split=Option(lambda layer, name, value: _step(name, value, _SPLIT), write=lambda value: _written_step(value)),
        standardize=Option(
            lambda layer, name, value: _step(name, value, _NAMES), write=lambda value: _written_step(value)
        ),
        vocabulary=None,
    )
    standardize: Any
    split: Any
    ngrams: tuple[int, ...] | None
    output_mode: str
    output_sequence_length: int | None
    sparse: bool
    ragged: bool
    encoding: str
    pad_to_max_tokens: bool
    _given_ngrams: object

    def __init__(
        self,
        max_tokens: int | None = None,
        standardize: object = "lower_and_strip_punctuation",
        split: object = "whitespace",
        ngrams: object = None,
        output_mode: str = "int",
        output_sequence_length: int | None = None,
        pad_to_max_tokens: bool = False,
        vocabulary: TensorLike | str | None = None,
        idf_weights: TensorLike | str | None = None,
        sparse: bool = False,
        ragged: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        size = kwargs.pop("vocabulary_size", None)
        super().__init__(name=name, **kwargs)
        who = "TextVectorization"
        self._kf_store(locals())
        self.__dict__["_given_ngrams"] = ngrams
        if output_sequence_length is not None and output_mode != "int":
            raise ArgumentError(f"[{who}] expected `output_sequence_length` with output_mode='int' only.")
        if ragged and output_mode != "int":
            raise ArgumentError(f"[{who}] expected `ragged=True` with output_mode='int', got {output_mode!r}.")
        if ragged and not self._kf_backend.ragged_tensors:
            raise UnsupportedError(
                f"[{who}] expected a backend with ragged tensors for `ragged=True`, got {self._kf_backend.name!r}; use "
                "tensorflow, or leave it out."
            )
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            mask_token="",
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            encoding=encoding,
            vocabulary_size=size,
        )

    @property
    def compute_dtype(self) -> str:
        """The dtype of the inputs."""
        return "string"

    @property
    def variable_dtype(self) -> str:
        """The dtype of the inputs."""
        return "string"

    @property
    def _whole(self) -> bool:
        """Whether each text is one token, so that the shape of the inputs is that of the indices."""
        return self.split is None and self.ngrams is None and self.output_sequence_length is None

    # -- text to words ------------------------------------------------------------------------------------------------

    def _documents(self, x: np.ndarray) -> list[Any]:
        """Texts as UTF-8 bytes where all that follows works on bytes, else as strings."""
        if self._on_bytes():
            flat = x.ravel().tolist()
            if self.encoding == "utf-8":
                return [t if isinstance(t, bytes) else t.encode() for t in flat]
            return [t.encode() for t in texts(x, self.encoding)]
        return texts(x, self.encoding)

    def _on_bytes(self) -> bool:
        return not callable(self.standardize) and (self.split in ("whitespace", None))

    def _words(self, documents: list[Any]) -> list[list[Any]]:
        """The tokens of each text."""
        documents = self._standardized(documents)
        if self.split is None:
            rows = [[d] for d in documents]
        elif self.split == "whitespace":
            blank = None if self._on_bytes() else string.whitespace
            rows = [d.split() for d in documents] if blank is None else [_split_ascii(d) for d in documents]
        elif self.split == "character":
            rows = [list(d) for d in documents]
        else:
            rows = _rows(self._given_to(self.split, documents), self.encoding)
        if self.ngrams is not None:
            blank = b" " if self._on_bytes() else " "
            rows = [_joined(row, self.ngrams, blank) for row in rows]
        return rows

    def _standardized(self, documents: list[Any]) -> list[Any]:
        how = self.standardize
        if how is None:
            return documents
        if callable(how):
            return texts(host_array(self._given_to(how, documents)), self.encoding)
        old, new, delete = _STANDARDIZE[how]
        table = bytes.maketrans(old, new)
        if self._on_bytes():
            return [d.translate(table, delete) for d in documents]
        return [d.encode().translate(table, delete).decode() for d in documents]

    def _in_one(self, x: np.ndarray) -> bytes | None:
        """All standardized texts in one, zero bytes between; None where that is not possible or does not pay."""
        joins = self.split == "whitespace" or (self.split == "character" and self.ngrams is None)
        if callable(self.standardize) or not joins or x.size < MANY // 10:
            return None
        flat = x.ravel().tolist()
        kinds = set(map(type, flat))
        if kinds == {str}:
            joined = "\0".join(flat).encode()
        elif kinds == {bytes} and self.encoding == "utf-8":
            joined = b"\0".join(flat)
        else:
            return None
        if joined.count(b"\0") >= len(flat):
            return None
        old, new, delete = _STANDARDIZE[self.standardize]
        if self.split == "whitespace":
            old, new = old + _BLANKS[0], new + _BLANKS[1]
        return joined.translate(bytes.maketrans(old, new), delete)

    def _given_to(self, function: Any, documents: list[str]) -> Any:
        """What a user's function gives; it takes a tensor of strings where the engine has such."""
        array = np.array(documents)
        return function(self._kf_backend.convert(array) if "string" in self._kf_backend.dtypes else array)

    # -- the vocabulary -----------------------------------------------------------------------------------------------

    def adapt(self, data: object, batch_size: int | None = None, steps: int | None = None) -> None:
        """Learn the vocabulary: the most frequent words first, equally frequent ones from the greatest to the least.

        Args:
            data: texts of shape (n,) or (n, 1), or a data set of such batches.
            batch_size: kept for compatibility: an array is counted at once.
            steps: how many batches of a data set to take; all if None.
        """
        self.reset_state()
        for batch in host_batches(data, self.name, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Count the words of a batch."""
        rows = self._words(self._documents(self._checked(host_array(data))))
        self._lookup_layer.count(itertools.chain.from_iterable(rows), rows)

    def finalize_state(self) -> None:
        """Make the vocabulary of what was counted."""
        lookup = self._lookup_layer
        if self._on_bytes() and self.encoding != "utf-8":
            for name in ("_counts", "_containing"):
                counts = getattr(lookup, name)
                lookup.__dict__[name] = Counter({_str(k): n for k, n in counts.items()})
        lookup.finalize_state()

    def reset_state(self) -> None:
        """Forget the vocabulary and what was counted."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens: bool = True) -> list[str]:
        """The words in the order of their indices.

        Args:
            include_special_tokens: whether the padding and the token for unknown words are among them.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self) -> int:
        """The number of indices, special tokens included."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary: object, idf_weights: TensorLike | str | None = None) -> None:
        """Set the words, and with output mode "tf_idf" their weights; see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights)

    # -- calls --------------------------------------------------------------------------------------------------------

    def _checked(self, x: np.ndarray) -> np.ndarray:
        if x.dtype.kind not in "USTO":
            raise ArgumentError(f"[{self.name}] expected texts, got an array of dtype {x.dtype.name}.")
        self._squeezed(x.shape)
        return x

    def _squeezed(self, shape: Sequence[int | None]) -> Shape:
        """The shape of the texts without the axis of length 1 that they may have."""
        if self._whole:
            return tuple(shape)
        if len(shape) > 1 and shape[-1] != 1:
            raise ShapeError(
                f"[{self.name}] expected texts of shape (batch,) or (batch, 1) to be split, got {tuple(shape)}; use "
                "`StringLookup` for words."
            )
        return tuple(shape[:-1]) if len(shape) > 1 else tuple(shape)

    def on_host(self, inputs: np.ndarray) -> np.ndarray:
        """Indices, or vectors made of them."""
        self._lookup_layer._needs_vocabulary()
        shape: Any = self._squeezed(self._checked(inputs).shape)
        found, lengths = self._found(inputs)
        if self._whole:
            return self._unsplit(found, shape)
        ids = self._padded(found, lengths, 0 if self.output_mode == "int" else DROPPED)
        ids = ids.reshape(*shape, ids.shape[-1])
        return ids if self.output_mode == "int" else self._lookup_layer.encoded(ids)

    def _found(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The indices of the words of all texts, and how many each text has."""
        table, joined = self._table(), self._in_one(x)
        if joined is not None and self.split == "character":
            return table.find_characters(joined.decode())
        if joined is not None and self.ngrams is not None:
            return _ngram_indices(table, joined, self.ngrams)
        if joined is not None:
            words, lengths = words_between(joined)
            return table.find_packed(words), lengths
        rows = self._words(self._documents(x))
        flat = list(itertools.chain.from_iterable(rows))
        return table.find(flat), np.fromiter(map(len, rows), "int64", len(rows))

    def _unsplit(self, found: np.ndarray, shape: Any) -> np.ndarray:
        ids = found.reshape(shape)
        if self.output_mode == "int":
            return ids
        return self._lookup_layer.encoded(ids if ids.ndim > 1 else ids[..., None])

    def _table(self) -> Table:
        """token -> index for tokens in the form that `_words` gives them."""
        lookup, kept = self._lookup_layer, self.__dict__.get("_kept_table")
        if kept is None or kept[0] is not lookup._tokens:
            unknown = 1 if self.output_mode == "int" else 0
            form = str.encode if self._on_bytes() else str
            table = Table(((form(t), i) for i, t in enumerate(lookup._tokens, unknown + 1)), unknown)
            table[form("")] = 0 if self.output_mode == "int" else DROPPED
            kept = self.__dict__["_kept_table"] = (lookup._tokens, table)
        return kept[1]

    def _padded(self, found: np.ndarray, lengths: np.ndarray, fill: int) -> np.ndarray:
        width = self.output_sequence_length
        if width is None or self.ragged:
            longest = int(lengths.max(initial=0))
            width = longest if width is None else min(longest, width)
        out = np.full((len(lengths), width), fill, "int64")
        inside = np.arange(width) < lengths[:, None]
        if lengths.max(initial=0) > width:  # cut: keep the first of each row
            starts = np.cumsum(lengths) - lengths
            position = np.arange(len(found)) - np.repeat(starts, lengths)
            found = found[position < width]
        out[inside] = found
        return out

    def _give(self, backend: Backend, result: np.ndarray) -> Any:
        out = super()._give(backend, result)
        return backend.to_ragged(out) if self.ragged else out

    def _traced(self, engine: Any, inputs: Tensor) -> Any:
        out = super()._traced(engine, inputs)
        return engine.to_ragged(out) if self.ragged else out

    def output_dtype_for(self, inputs: TensorLike) -> str:
        """int64 for indices, float32 for vectors."""
        return "int64" if self.output_mode == "int" else "float32"

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """(batch, words) for indices, (batch, vocabulary size) for vectors."""
        shape = self._squeezed(tuple(input_shape))
        if self.output_mode != "int":
            kept = shape[:-1] if self._whole and len(shape) > 1 else shape
            return (*kept, self._lookup_layer._depth())
        if self._whole:
            return shape
        return (*shape, None if self.ragged else self.output_sequence_length)

    # -- files --------------------------------------------------------------------------------------------------------

    def build(self, input_shape: Shape | None = None) -> None:
        """Nothing to create."""

    def get_build_config(self) -> Any:
        """The shape it was called with."""
        shapes = self._kf_build_shapes
        return {"input_shape": shapes[0][0]} if shapes is not None and shapes[0] else None

    def save_assets(self, dir_path: str | os.PathLike[str]) -> None:
        """Write the vocabulary into a folder."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path: str | os.PathLike[str]) -> None:
        """Read what `save_assets` or Keras wrote."""
        self._lookup_layer.load_assets(dir_path)

    def get_config(self) -> Config:
        """Constructor arguments; a learned vocabulary is a file of its own."""
        lookup = self._lookup_layer.get_config()
        own = {"ngrams": self._given_ngrams, "vocabulary": lookup["vocabulary"], "idf_weights": lookup["idf_weights"]}
        own["vocabulary_size"] = lookup["vocabulary_size"] or self.vocabulary_size()
        return {**super().get_config(), **own}


# ---- options ---------------------------------------------------------------------------------------------------------


def _step(name: str, value: object, known: tuple[str, ...]) -> Any:
    """`standardize` or `split`: a name, a function, or one from a config."""
    if value is None or callable(value) or (isinstance(value, str) and value in known):
        return value
    if isinstance(value, dict) and "class_name" in value:
        return deserialize_keras_object(value)
    raise ArgumentError(
        f"[TextVectorization] expected `{name}` to be a function, None or one of {', '.join(map(repr, known))}, got "
        f"{value!r}."
    )


def _written_step(value: object) -> Any:
    return serialize_keras_object(value) if callable(value) else value


def _ngrams(value: object) -> tuple[int, ...] | None:
    if value is None:
        return None
    sizes = (
        tuple(range(1, value + 1)) if isinstance(value, int) else tuple(value) if isinstance(value, Sequence) else ()
    )
    if not sizes or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ArgumentError(f"[TextVectorization] expected `ngrams` to be ints > 0, got {value!r}.")
    return sizes


# ---- words -----------------------------------------------------------------------------------------------------------


def _str(token: Any) -> str:
    return token.decode() if isinstance(token, bytes) else token


def _split_ascii(text: str) -> list[str]:
    """Words between ASCII blanks; `str.split` takes other blanks, too."""
    return [w.decode() for w in text.encode().split()]


def _joined(row: Sequence[object], sizes: tuple[int, ...], blank: Any) -> list[Any]:
    """The n-grams of a row: all of the first size, then all of the next."""
    out: list[object] = []
    for n in sizes:
        out.extend(row if n == 1 else map(blank.join, zip(*(row[i:] for i in range(n)), strict=False)))
    return out


def _ngram_indices(table: Table, joined: bytes, sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The indices of the n-grams of texts with a zero byte between two, and how many each text has."""
    words, counts = words_between(joined)
    line = in_one_line(words)
    ends = line.start + line.length
    text = np.repeat(np.arange(len(counts)), counts)  # of each word
    place = np.arange(len(text)) - (np.cumsum(counts) - counts)[text]
    numbers = [np.maximum(counts - n + 1, 0) for n in sizes]
    lengths = np.sum(numbers, axis=0)
    at = np.cumsum(lengths) - lengths  # where the n-grams of each text come next
    out = np.empty(int(lengths.sum()), "int64")
    for n, number in zip(sizes, numbers, strict=True):
        begins = np.flatnonzero(place + n <= counts[text])  # those that do not reach into the next text
        start = line.start[begins]
        grams = Packed(line.data, start, ends[begins + n - 1] - start)
        out[at[text[begins]] + place[begins]] = table.find_packed(grams)
        at = at + number
    return out, lengths


def _rows(words: Any, encoding: str) -> list[list[str]]:
    """What a user's `split` gives: rows of words, as lists, an array, or a ragged tensor."""
    if hasattr(words, "to_list"):
        words = words.to_list()
    elif not isinstance(words, list):
        words = host_array(words).tolist()
    return [[w.decode(encoding) if isinstance(w, bytes) else str(w) for w in row] for row in words]
