"""Layers for strings in TensorFlow's ops, for graphs and files that run without Python.

The values are those that the layers compute on the host.
"""

from __future__ import annotations

import re
import string
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.typing import Closure
from kfront.layers.preprocess.hashing import HashedCrossing, Hashing
from kfront.layers.preprocess.index_lookup import DROPPED, MISSING
from kfront.layers.preprocess.integer_lookup import IntegerLookup
from kfront.layers.preprocess.string_lookup import StringLookup
from kfront.layers.preprocess.text_vectorization import TextVectorization

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.layers.base import Layer


_tables: weakref.WeakKeyDictionary[Any, tuple[Any, Any]] = (
    weakref.WeakKeyDictionary()
)  # layer -> (its vocabulary, table)
_PUNCTUATION = f"[{re.escape(string.punctuation)}]"


def native_layer(layer: Layer) -> Closure[Tensor] | None:
    """See `Backend.native_layer`."""
    if getattr(layer, "encoding", "utf-8") != "utf-8":
        return None
    for kind, function in _KINDS.items():
        if isinstance(layer, kind) and type(layer).on_host is kind.on_host:  # not one that a user changed
            return lambda *inputs, f=function: f(layer, *inputs)
    return None


def tables_in(graph: tf.Graph) -> list[Tensor]:
    """The tables that a graph looks values up in; what saves the graph has to save them as well."""
    held = {id(outside) for outside, _ in graph.captures}
    return [table for _, table in _tables.values() if id(table.resource_handle) in held]


def _table(layer: Layer, tokens: Sequence[str], numbers: Sequence[int], missing: int) -> Tensor:
    """The table of a layer, made anew for a new vocabulary."""
    kept = _tables.get(layer)
    if kept is None or kept[0] is not tokens:
        with tf.init_scope():
            keys = tf.constant(list(tokens), tf.string if isinstance(tokens[0], str) else tf.int64)
            content = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(numbers, tf.int64))
            kept = _tables[layer] = (tokens, tf.lookup.StaticHashTable(content, missing))
    return kept[1]


# ---- hashes ----------------------------------------------------------------------------------------------------------


def _bins(x: Tensor, count: int, salt: tuple[int, int] | None) -> Tensor:
    if x.dtype != tf.string:
        x = tf.as_string(tf.cast(x, tf.int64) if x.dtype.is_floating else x)
    if salt is None:
        return tf.strings.to_hash_bucket_fast(x, count)
    key = [(k + (1 << 63)) % (1 << 64) - (1 << 63) for k in salt]  # as signed integers
    return tf.strings.to_hash_bucket_strong(x, count, key)


def _hashing(layer: Layer, x: Tensor) -> Tensor:
    masked = layer.mask_value is not None
    found = _bins(x, layer.num_bins - masked, layer.salt)
    if masked:
        words = x if x.dtype == tf.string else tf.as_string(tf.cast(x, tf.int64) if x.dtype.is_floating else x)
        found = tf.where(words == str(layer.mask_value), tf.zeros_like(found), found + 1)
    return _binned(layer, found)


def _crossing(layer: Layer, *features: Tensor) -> Tensor:
    shape = tf.shape(features[0])
    columns = [tf.reshape(x if x.dtype == tf.string else tf.cast(x, tf.int64), (-1, 1)) for x in features]
    found = tf.sparse.cross_hashed(columns, layer.num_bins).values
    return _binned(layer, tf.reshape(found, shape))


def _binned(layer: Layer, found: Tensor) -> Tensor:
    dtype = tf.as_dtype(layer.compute_dtype)
    return tf.cast(found, dtype) if layer.output_mode == "int" else _encoded(found, layer.num_bins, layer, dtype)


# ---- look-ups --------------------------------------------------------------------------------------------------------


def _lookup(layer: Layer, x: Tensor) -> Tensor:
    layer._needs_vocabulary()
    x = _as_tokens(layer, x)
    if layer.invert:
        tokens = layer.get_vocabulary()
        known = (x >= 0) & (x < len(tokens))
        found = tf.gather(tf.constant(tokens, layer._kind), tf.where(known, x, 0))
        return tf.where(known, found, tf.constant(layer.oov_token, layer._kind))
    found = _indices(layer, x)
    return found if layer.output_mode == "int" else _vectors(layer, found)


def _as_tokens(layer: Layer, x: Tensor) -> Tensor:
    if layer.invert or layer._kind != "string":
        return tf.cast(x, tf.int64)
    return x if x.dtype == tf.string else tf.as_string(x)


def _indices(layer: Layer, x: Tensor) -> Tensor:
    """The index of each element; `DROPPED` for the mask token where it has none."""
    first = len(layer._specials())
    table = _table(layer, layer._tokens, range(first, first + len(layer._tokens)), MISSING)
    found = table.lookup(x)
    if layer.mask_token is not None:
        mask = 0 if layer.output_mode == "int" else DROPPED
        found = tf.where(x == tf.constant(layer.mask_token, x.dtype), tf.constant(mask, tf.int64), found)
    missing = found == MISSING
    if layer.num_oov_indices == 0:
        told = f"[{layer.name}] expected values of the vocabulary with num_oov_indices=0, got others."
        with tf.control_dependencies([tf.debugging.Assert(tf.logical_not(tf.reduce_any(missing)), [told])]):
            return tf.identity(found)
    return tf.where(missing, first - layer.num_oov_indices + _oov(layer, x), found)


def _oov(layer: Layer, x: Tensor) -> Tensor:
    count = layer.num_oov_indices
    if count == 1:
        return tf.constant(0, tf.int64)
    if layer._kind != "string" and layer.oov_method == "floormod":
        return tf.math.floormod(x, count)
    return _bins(x, count, layer.salt)


def _vectors(layer: Layer, found: Tensor) -> Tensor:
    """Indices as the vectors that a look-up layer makes of them."""
    out = _encoded(found, layer._depth(), layer, tf.float32)
    if layer.output_mode != "tf_idf":
        return out
    weights = tf.constant(layer._idf, tf.float32)
    return out * tf.pad(weights, [[0, layer._depth() - len(layer._idf)]])


def _encoded(found: Tensor, depth: int, layer: Layer, dtype: tf.DType) -> Tensor:
    """Indices as vectors; negative ones count for nothing."""
    mode, rank = layer.output_mode, found.shape.rank
    if mode == "one_hot":
        found = found[None] if rank == 0 else found[..., 0] if rank > 1 and found.shape[-1] == 1 else found
        return tf.one_hot(found, depth, dtype=dtype)
    rows = tf.reshape(found, (-1, tf.shape(found)[-1] if rank else 1))
    counts = tf.math.bincount(
        rows + 1, minlength=depth + 1, maxlength=depth + 1, dtype=tf.int32, axis=-1, binary_output=mode == "multi_hot"
    )
    shape = tf.concat([tf.shape(found)[:-1] if rank else tf.zeros((0,), tf.int32), [depth]], 0)
    out = tf.reshape(tf.cast(counts[:, 1:], dtype), shape)
    out.set_shape((*found.shape[:-1], depth) if rank else (depth,))
    return out


# ---- text ------------------------------------------------------------------------------------------------------------


def _text(layer: Layer, x: Tensor) -> Tensor:
    lookup = layer._lookup_layer
    lookup._needs_vocabulary()
    shape = layer._squeezed(tuple(x.shape))
    squeezed = tf.reshape(x, tf.shape(x)[: len(shape)])
    words = _words(layer, tf.reshape(squeezed, (-1,)))
    found = tf.ragged.map_flat_values(lambda w: _word_indices(layer, lookup, w), words)
    if layer._whole:
        found = tf.reshape(found.flat_values, tf.shape(squeezed))
        found.set_shape(shape)
        if layer.output_mode == "int":
            return found
        return _vectors(lookup, found if len(shape) > 1 else found[..., None])
    width = layer.output_sequence_length
    if layer.ragged and width is not None:
        found = found[:, :width]
    fill = 0 if layer.output_mode == "int" else DROPPED
    ids = found.to_tensor(fill, shape=(None, None if layer.ragged else width))
    ids = tf.reshape(ids, tf.concat([tf.shape(squeezed), tf.shape(ids)[-1:]], 0))
    ids.set_shape((*shape, None if layer.ragged else width))
    return ids if layer.output_mode == "int" else _vectors(lookup, ids)


def _words(layer: Layer, texts: Tensor) -> Tensor:
    """The tokens of each text, as a ragged tensor."""
    how, split = layer.standardize, layer.split
    if callable(how):
        texts = how(texts)
    elif how is not None:
        texts = tf.strings.lower(texts) if how.startswith("lower") else texts
        texts = tf.strings.regex_replace(texts, _PUNCTUATION, "") if how.endswith("punctuation") else texts
    if callable(split):
        words = split(texts)
    elif split == "whitespace":
        words = tf.strings.split(texts)
    else:
        words = tf.strings.unicode_split(texts, "UTF-8") if split else texts[:, None]
    if not isinstance(words, tf.RaggedTensor):
        words = tf.RaggedTensor.from_tensor(words)
    return words if layer.ngrams is None else tf.strings.ngrams(words, layer.ngrams, separator=" ")


def _word_indices(layer: Layer, lookup: Layer, words: Tensor) -> Tensor:
    unknown = 1 if layer.output_mode == "int" else 0
    table = _table(lookup, lookup._tokens, range(unknown + 1, unknown + 1 + len(lookup._tokens)), unknown)
    nothing = tf.constant(0 if layer.output_mode == "int" else DROPPED, tf.int64)
    return tf.where(words == "", nothing, table.lookup(words))


_KINDS: dict[Any, Callable[..., Any]] = {
    Hashing: _hashing,
    HashedCrossing: _crossing,
    StringLookup: _lookup,
    IntegerLookup: _lookup,
    TextVectorization: _text,
}
