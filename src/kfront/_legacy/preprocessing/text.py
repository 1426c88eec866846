"""Texts as sequences of word numbers."""

from __future__ import annotations

import collections
import hashlib
import json
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError
from kfront.core.typing import AnyCallable, Config

Text: TypeAlias = "str | list[str]"
"""A text, or its words."""

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
_DICTS = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")  # JSON of their own in a config
_WITH_NUMBERS = ("index_docs", "index_word")  # those whose keys are numbers


def __dir__() -> list[str]:
    return list(__all__)


def text_to_word_sequence(input_text: str, filters: str = _FILTERS, lower: bool = True, split: str = " ") -> list[str]:
    """The words of a text.

    Args:
        input_text: the text.
        filters: characters that separate words too.
        lower: whether to write capitals small.
        split: what separates words.

    Returns:
        A list of strings.

    Example:

    >>> text_to_word_sequence("The cat, the mat.")
    ['the', 'cat', 'the', 'mat']
    """
    text = input_text.lower() if lower else input_text
    return [word for word in text.translate({ord(c): split for c in filters}).split(split) if word]


def hashing_trick(
    text: str,
    n: int,
    hash_function: AnyCallable | str | None = None,
    filters: str = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: AnyCallable | None = None,
) -> list[int]:
    """The words of a text as numbers from 1 to n - 1, several words sharing one.

    Args:
        text: the text.
        n: how many numbers there are, with 0, which no word gets.
        hash_function: from a word to an int; "md5" gives the same in each run, Python's `hash` (None) does not.
        filters, lower, split: as for `text_to_word_sequence`.
        analyzer: from a text to its words, instead.

    Returns:
        A list of ints.

    Example:

    >>> hashing_trick("the cat sat on the mat", 10, "md5")
    [6, 3, 1, 1, 6, 8]
    """
    number = {None: hash, "md5": _md5}.get(hash_function, hash_function)  # type: ignore[arg-type]
    words = analyzer(text) if analyzer else text_to_word_sequence(text, filters, lower, split)
    return [int(number(word) % (n - 1) + 1) for word in words]  # type: ignore[misc, operator]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def one_hot(
    input_text: str,
    n: int,
    filters: str = _FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: AnyCallable | None = None,
) -> list[int]:
    """`hashing_trick` with Python's `hash`, whose numbers differ from run to run."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


class Tokenizer:
    """Numbers the words of texts, the most frequent one first, and turns texts into sequences or matrices.

    Args:
        num_words: numbers below it are used only; all if None. 0 is never a word's.
        filters, lower, split: as for `text_to_word_sequence`.
        char_level: whether every character is a word.
        oov_token: word number 1, which stands for those that have none; they are left out if None.
        analyzer: from a text to its words, instead of `text_to_word_sequence`.
        **kwargs: document_count.

    Attributes:
        word_counts, word_docs: how often a word was seen, and in how many texts.
        word_index, index_word: number of each word, word of each number; index_docs: `word_docs` by number.
        document_count: how many texts were seen.

    Raises:
        ArgumentTypeError: for an unknown keyword.

    Example:

    >>> tokenizer = Tokenizer(oov_token="?")
    >>> tokenizer.fit_on_texts(["a cat", "a dog, a cat"])
    >>> tokenizer.word_index, tokenizer.texts_to_sequences(["a bird"])
    ({'?': 1, 'a': 2, 'cat': 3, 'dog': 4}, [[2, 1]])
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: str = _FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        analyzer: AnyCallable | None = None,
        **kwargs: Any,
    ) -> None:
        if "nb_words" in kwargs:
            warnings.warn("[Tokenizer] `nb_words` is called `num_words`.", stacklevel=2)
            num_words = kwargs.pop("nb_words")
        self.document_count: int = kwargs.pop("document_count", 0)
        if kwargs:
            raise ArgumentTypeError(f"[Tokenizer] expected the arguments of its signature, got {sorted(kwargs)} too.")
        self.num_words, self.filters, self.lower, self.split = num_words, filters, lower, split
        self.char_level, self.oov_token, self.analyzer = char_level, oov_token, analyzer
        self.word_counts: dict[str, int] = collections.OrderedDict()
        self.word_docs: dict[str, int] = collections.defaultdict(int)
        self.index_docs: dict[int, int] = collections.defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    def _words(self, text: Text) -> Sequence[str]:
        """The words of a text; a list is words already."""
        if self.char_level or isinstance(text, list):
            if not self.lower:
                return text
            return [word.lower() for word in text] if isinstance(text, list) else text.lower()
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[Text]) -> None:
        """Count the words of texts (strings, or lists of words), and number them anew."""
        for text in texts:
            words = self._words(text)
            self.document_count += 1
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in dict.fromkeys(words):
                self.word_docs[word] += 1
        ranked = sorted(self.word_counts, key=lambda word: -self.word_counts[word])
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: number for number, word in enumerate([*first, *ranked], 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        self.index_docs.update((self.word_index[word], count) for word, count in self.word_docs.items())

    def fit_on_sequences(self, sequences: Iterable[Sequence[int]]) -> None:
        """Count in how many sequences each number is, for the mode "tfidf" where there are no texts."""
        for sequence in sequences:
            self.document_count += 1
            for number in set(sequence):
                self.index_docs[number] += 1

    def texts_to_sequences(self, texts: Iterable[Text]) -> list[list[int]]:
        """Texts as lists of word numbers."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[Text]) -> Iterator[list[int]]:
        """One list of word numbers after the other."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for text in texts:
            numbers = (self._used(self.word_index.get(word), unknown) for word in self._words(text))
            yield [n for n in numbers if n is not None]

    def _used(self, number: int | None, unknown: int | None) -> int | None:
        """A number if it is one that is used, else that of unknown words."""
        return unknown if number is None or (self.num_words and number >= self.num_words) else number

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of sequences of numbers, with blanks between."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """One text after the other."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        for sequence in sequences:
            numbers = (self._used(n if n in self.index_word else None, unknown) for n in sequence)
            yield " ".join(self.index_word[n] for n in numbers if n is not None)

    def texts_to_matrix(self, texts: Iterable[Text], mode: str = "binary") -> np.ndarray:
        """`sequences_to_matrix` of texts."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: Sequence[Sequence[int]], mode: str = "binary") -> np.ndarray:
        """One row for each sequence, one column for each number.

        Args:
            sequences: lists of numbers.
            mode: what stands in the columns: "binary" (1 if it is there), "count" (how often), "freq" (its share of the
                sequence) or "tfidf" (more for what is in few texts).

        Returns:
            A NumPy array of shape (sequences, num_words), float64.
        """
        if not self.num_words and not self.word_index:
            raise ArgumentError("[Tokenizer] expected `num_words`, or texts that it was fitted on, got neither.")
        if mode == "tfidf" and not self.document_count:
            raise ArgumentError("[Tokenizer] expected to be fitted before the mode 'tfidf'; call `fit_on_texts`.")
        if mode not in ("binary", "count", "freq", "tfidf"):
            raise ArgumentError(f"[Tokenizer] expected `mode` 'binary', 'count', 'freq' or 'tfidf', got {mode!r}.")
        width = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences, strict=True):
            for number, count in collections.Counter(n for n in sequence if n < width).items():
                row[number] = self._entry(mode, number, count, len(sequence))
        return matrix

    def _entry(self, mode: str, number: int, count: int, length: int) -> float:
        if mode == "tfidf":
            rarity = math.log(1 + self.document_count / (1 + self.index_docs.get(number, 0)))
            return (1 + math.log(count)) * rarity
        return {"binary": 1, "count": count, "freq": count / length}[mode]

    def get_config(self) -> Config:
        """Arguments, counts and numbers; dicts as JSON."""
        plain = ("num_words", "filters", "lower", "split", "char_level", "oov_token", "document_count")
        return {name: getattr(self, name) for name in plain} | {n: json.dumps(getattr(self, n)) for n in _DICTS}

    def to_json(self, **kwargs: Any) -> str:
        """The config as JSON; keywords are those of `json.dumps`."""
        return json.dumps({"class_name": type(self).__name__, "config": self.get_config()}, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The Tokenizer that `Tokenizer.to_json` has written.

    Args:
        json_string: the text.

    Returns:
        A Tokenizer.

    Example:

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["a cat"])
    >>> tokenizer_from_json(tokenizer.to_json()).word_index
    {'a': 1, 'cat': 2}
    """
    config = json.loads(json_string)["config"]
    dicts = {name: json.loads(config.pop(name)) for name in _DICTS}
    for name in _WITH_NUMBERS:
        dicts[name] = {int(number): value for number, value in dicts[name].items()}
    tokenizer = Tokenizer(**config)
    vars(tokenizer).update(dicts)
    return tokenizer
