"""StringLookup: strings to their places in a vocabulary, and back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.core.errors import ArgumentError
from kfront.core.typing import Config, TensorLike
from kfront.layers.preprocess import hash_functions
from kfront.layers.preprocess.byte_table import ByteTable
from kfront.layers.preprocess.index_lookup import DROPPED, MISSING, IndexLookup
from kfront.layers.preprocess.packed_strings import Packed, is_text, packed, texts

MANY = 500  # strings from which on work on whole arrays pays


class Table(dict):  # type: ignore[type-arg]
    """token -> index, for str or bytes; `missing` for any other."""

    def __init__(self, items: Any, missing: int = MISSING) -> None:
        super().__init__(items)
        self.missing = missing
        self._packed: ByteTable | None = None
        self._characters: np.ndarray | None = None

    def find(self, tokens: Sequence[object]) -> np.ndarray:
        """The index of each token, int64."""
        return np.fromiter(map(self.get, tokens, itertools.repeat(self.missing)), "int64", len(tokens))

    def find_packed(self, strings: Packed) -> np.ndarray:
        """The index of each of many strings, int64, by whole arrays unless these were chosen to make that slow."""
        if self._packed is None:
            encoded = {k.encode() if isinstance(k, str) else k: n for k, n in self.items()}
            self._packed = ByteTable(encoded, self.missing)
        return self._packed.find(strings)

    def find_characters(self, joined: str) -> tuple[np.ndarray, np.ndarray]:
        """The index of each character of texts with a zero character between two, and how many each text has."""
        if self._characters is None:
            codes = {ord(k): n for k, n in self.items() if len(k) == 1}
            self._characters = np.full(max(codes, default=0) + 2, self.missing, "int64")
            self._characters[list(codes)] = list(codes.values())
        codes = np.frombuffer(joined.encode("utf-32-le"), "<u4")
        ends = np.append(np.flatnonzero(codes == 0), len(codes))
        found = self._characters.take(np.minimum(codes[codes != 0], len(self._characters) - 1))
        return found, np.diff(ends, prepend=-1) - 1


class StringLookup(IndexLookup):
    """The index of each string in a vocabulary, or vectors made of the indices.

    The vocabulary is given or learned by `adapt`. It starts with the mask token (index 0 in the mode "int", if there is
    one) and `num_oov_indices` places for strings that are not in it.

    Args:
        max_tokens: greatest size of a vocabulary that is learned, special tokens included; None for any.
        num_oov_indices: number of places for unknown strings; with several they are spread by a hash, with 0 an unknown
            string is an error.
        mask_token: the string that stands for nothing; None for none.
        oov_token: the string that `invert` gives for unknown ones.
        vocabulary: strings, or the path of a text file with one a line.
        idf_weights: for "tf_idf", a number for each string of `vocabulary`.
        invert: whether to turn indices into strings instead (NumPy arrays where the engine has no strings).
        output_mode: "int" for indices; "one_hot" for a vector for each; "multi_hot", "count" or "tf_idf" for one
            vector for all strings along the last axis.
        pad_to_max_tokens: whether vectors have the length `max_tokens` even if the vocabulary is smaller.
        sparse: whether vectors are sparse tensors, where the engine has them.
        encoding: of bytes among the inputs.
        name: the layer's name.
        salt: one or two integers, a key for the hash that spreads unknown strings.
        **kwargs: trainable, dtype.

    Input: strings of any shape. Output: int64 tensor of that shape, or floating vectors as `output_mode` says.

    Raises:
        NotBuiltError: it is called before there is a vocabulary.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.StringLookup(vocabulary=["a", "b", "c"])
    >>> kfront.ops.convert_to_numpy(layer([["a", "c"], ["d", "b"]])).tolist()
    [[1, 3], [0, 2]]
    """

    encoding: str
    _kind, _kinds = "string", "USTO"
    _table: Table

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: str | None = None,
        oov_token: str = "[UNK]",
        vocabulary: TensorLike | str | None = None,
        idf_weights: TensorLike | str | None = None,
        invert: bool = False,
        output_mode: str = "int",
        pad_to_max_tokens: bool = False,
        sparse: bool = False,
        encoding: str = "utf-8",
        name: str | None = None,
        salt: int | Sequence[int] | None = None,
        **kwargs: object,
    ) -> None:
        method = kwargs.pop("oov_method", "floormod")
        if method not in ("floormod", "farmhash"):
            raise ArgumentError(f"[StringLookup] expected no `oov_method`, got {method!r}.")
        super().__init__(**self._kf_store(locals()))
        self.__dict__["oov_method"] = method
        self._start(vocabulary, idf_weights)

    def _token(self, value: object) -> str:
        return value.decode(self.encoding) if isinstance(value, bytes) else str(value)

    def _values(self, x: np.ndarray) -> list[str]:
        return texts(x if x.dtype.kind in "USTO" else x.astype(str), self.encoding)

    def _index(self) -> None:
        tokens = self._tokens
        first = len(self._specials())
        table = Table(zip(tokens, range(first, first + len(tokens)), strict=True))
        if self.mask_token is not None:
            table[self.mask_token] = 0 if self.output_mode == "int" else DROPPED
        self.__dict__["_table"] = table

    def _places(self, x: np.ndarray) -> np.ndarray:
        if x.dtype.kind in "US" and x.size >= MANY:  # no Python strings are made
            return self._table.find_packed(packed(x, self.encoding)).reshape(x.shape)
        if x.dtype.kind == "O":  # strings as a rule; look closer at what is not found only
            found = self._table.find(x.ravel().tolist()).reshape(x.shape)
            missing = found == MISSING
            if missing.any():
                found[missing] = self._table.find(self._values(x[missing]))
            return found
        return self._table.find(self._values(x)).reshape(x.shape)

    def _oov_places(self, x: np.ndarray) -> np.ndarray:
        x = x if is_text(x) else x.astype(str)
        return hash_functions.bins(packed(x, self.encoding), self.num_oov_indices, self.salt)

    def get_config(self) -> Config:
        """Constructor arguments; a learned vocabulary is a file of its own."""
        return {**super().get_config(), "oov_method": self.oov_method}
