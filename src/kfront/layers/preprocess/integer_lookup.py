"""IntegerLookup: integers to their places in a vocabulary, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kfront import ops
from kfront.core.errors import ArgumentError
from kfront.core.typing import Backend, Tensor, TensorLike, UnnamedOptions
from kfront.layers.preprocess import hash_functions
from kfront.layers.preprocess.adapting import host_array
from kfront.layers.preprocess.encoding import encode
from kfront.layers.preprocess.index_lookup import DROPPED, MISSING, IndexLookup
from kfront.layers.preprocess.packed_strings import digits

_TABLE = 1 << 20  # entries of a table that is always worth its memory


class IntegerLookup(IndexLookup):
    """The index of each integer in a vocabulary, or vectors made of the indices.

    The vocabulary is given or learned by `adapt`. It starts with the mask token (index 0 in the mode "int", if there is
    one) and `num_oov_indices` places for integers that are not in it.

    Args:
        max_tokens: greatest size of a vocabulary that is learned, special tokens included; None for any.
        num_oov_indices: number of places for unknown integers; with several they are spread as `oov_method` says, with
            0 an unknown integer is an error.
        mask_token: the integer that stands for nothing; None for none.
        oov_token: the integer that `invert` gives for unknown ones.
        vocabulary: integers, or the path of a text file with one a line.
        vocabulary_dtype: "int64".
        idf_weights: for "tf_idf", a number for each integer of `vocabulary`.
        invert: whether to turn indices into integers of the vocabulary instead.
        output_mode: "int" for indices; "one_hot" for a vector for each; "multi_hot", "count" or "tf_idf" for one
            vector for all integers along the last axis.
        sparse: whether vectors are sparse tensors, where the engine has them.
        pad_to_max_tokens: whether vectors have the length `max_tokens` even if the vocabulary is smaller.
        oov_method: "floormod" for the remainder of a division by `num_oov_indices`, "farmhash" for a hash.
        salt: one or two integers, a key for the hash.
        name: the layer's name.
        **kwargs: trainable, dtype.

    Input: integers of any shape. Output: int64 tensor of that shape, or floating vectors as `output_mode` says.

    Raises:
        NotBuiltError: it is called before there is a vocabulary.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.IntegerLookup(vocabulary=[12, 36, 1138])
    >>> kfront.ops.convert_to_numpy(layer(np.array([[12, 1138], [7, 36]]))).tolist()
    [[1, 3], [0, 2]]
    """

    vocabulary_dtype: str
    _kind, _kinds = "int64", "iufUSTO"
    _find: tuple[Any, np.ndarray]
    _rising: tuple[np.ndarray, np.ndarray]
    _narrow: bool

    def __init__(
        self,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        mask_token: int | None = None,
        oov_token: int = -1,
        vocabulary: TensorLike | str | None = None,
        vocabulary_dtype: str = "int64",
        idf_weights: TensorLike | str | None = None,
        invert: bool = False,
        output_mode: str = "int",
        sparse: bool = False,
        pad_to_max_tokens: bool = False,
        oov_method: str = "floormod",
        salt: int | Sequence[int] | None = None,
        name: str | None = None,
        **kwargs: Unpack[UnnamedOptions],
    ) -> None:
        if vocabulary_dtype != "int64":
            raise ArgumentError(f"[IntegerLookup] expected vocabulary_dtype='int64', got {vocabulary_dtype!r}.")
        super().__init__(**self._kf_store(locals()))
        if salt is not None and self.oov_method != "farmhash":
            raise ArgumentError(f"[IntegerLookup] expected `salt` with oov_method='farmhash' only, got {oov_method!r}.")
        self._start(vocabulary, idf_weights)

    def _token(self, value: Any) -> int:
        return int(value)

    def _values(self, x: np.ndarray) -> list[int]:
        return x.astype("int64").ravel().tolist()

    def update_state(self, data: Any) -> None:
        """Count the values of a batch."""
        if self.output_mode == "tf_idf":
            return super().update_state(data)
        values, counts = np.unique(host_array(data).astype("int64", copy=False), return_counts=True)
        return self.count(dict(zip(values.tolist(), counts.tolist(), strict=True)), ())

    def _ranked(self, counts: Any) -> list[int]:
        values = np.fromiter(counts.keys(), "int64", len(counts))
        return values[np.lexsort((values, np.fromiter(counts.values(), "int64", len(counts))))[::-1]].tolist()

    def _index(self) -> None:
        keys, places = self.__dict__["_rising"] = self._in_order()
        self.__dict__["_narrow"] = all(-(1 << 31) <= int(n) < 1 << 31 for n in (keys[0], keys[-1], self.oov_token))
        low, high = int(keys[0]), int(keys[-1])
        if high - low < max(_TABLE, 8 * len(keys)):  # near enough: a table, with a place for all that is outside
            table = np.full(high - low + 2, MISSING, "int64")
            table[keys - low] = places
            self.__dict__["_find"] = (low, table)
        else:
            self.__dict__["_find"] = (keys, places)

    def _in_order(self) -> tuple[np.ndarray, np.ndarray]:
        """The integers that have an index, from the least to the greatest, and their indices."""
        first = len(self._specials())
        keys = np.array(self._tokens, "int64")
        places = np.arange(first, first + len(keys))
        if self.mask_token is not None:
            keep = keys != self.mask_token
            keys = np.append(keys[keep], self.mask_token)
            places = np.append(places[keep], 0 if self.output_mode == "int" else DROPPED)
        order = np.argsort(keys)
        return keys[order], places[order]

    def _places(self, x: np.ndarray) -> np.ndarray:
        x = x.astype("int64", copy=False)
        keys, places = self._find
        if isinstance(keys, int):
            last = len(places) - 1
            at = np.where(x < keys, last, np.minimum(x, keys + last) - keys)
            return places.take(at)
        at = np.minimum(np.searchsorted(keys, x), len(keys) - 1)
        return np.where(keys[at] == x, places[at], MISSING)

    def _oov_places(self, x: np.ndarray) -> np.ndarray:
        if self.oov_method == "floormod":
            return x.astype("int64", copy=False) % self.num_oov_indices
        return hash_functions.bins(digits(x.astype("int64", copy=False)), self.num_oov_indices, self.salt)

    # -- as ops, for traced code ---------------------------------------------------------------------------------------

    def in_ops(self, engine: Backend) -> Any:
        """The layer as a function composed of ops; None if it has to hash, to raise, or to tell 64-bit integers apart
        that the engine has not.
        """
        self._needs_vocabulary()
        told = self.num_oov_indices == 0 and not self.invert
        hashed = self.num_oov_indices > 1 and self.oov_method == "farmhash"
        if told or hashed or not (self._narrow or "int64" in engine.dtypes):
            return None
        return self._tokens_of if self.invert else self._indices_of

    def _tokens_of(self, x: Tensor) -> Tensor:
        tokens = np.array([*self.get_vocabulary(), self.oov_token])
        x = ops.cast(x, "int64")
        last = len(tokens) - 1
        return ops.take(ops.convert_to_tensor(tokens), ops.where(x < 0, last, ops.minimum(x, last)))

    def _indices_of(self, x: Tensor) -> Tensor:
        keys, places = self._rising
        x = ops.cast(x, "int64")
        at = _search(keys, x)
        unknown = len(self._specials()) - self.num_oov_indices
        if self.num_oov_indices > 1:
            unknown = ops.add(ops.mod(x, self.num_oov_indices), unknown)
        known = ops.equal(ops.take(ops.convert_to_tensor(keys), at), x)
        found = ops.where(known, ops.take(ops.convert_to_tensor(places), at), unknown)
        if self.output_mode == "int":
            return found
        depth: Any = self._depth()
        out = encode(found, depth, self.output_mode, "float32")
        if self.output_mode == "tf_idf":
            out = ops.multiply(out, np.pad(self._idf, (0, depth - len(self._idf))))  # type: ignore[arg-type]
        return out


def _search(keys: np.ndarray, x: Tensor) -> Tensor:
    """The place in rising `keys` of the last that is not greater than `x`, else 0: a binary search in gathers only."""
    size = len(keys)
    table = ops.convert_to_tensor(keys)
    at = ops.zeros_like(x)
    step = 1 << max(size - 1, 0).bit_length() >> 1
    while step:
        further = ops.add(at, step)
        there = ops.take(table, ops.minimum(further, size - 1))
        at = ops.where(ops.logical_and(ops.less(further, size), ops.less_equal(there, x)), further, at)
        step >>= 1
    return at
