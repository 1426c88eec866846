"""Hashing and HashedCrossing: strings and integers to bins by a stable hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kfront.config import floatx
from kfront.core.dtypes import numpy_dtype
from kfront.core.errors import ArgumentError, DTypeError, ShapeError
from kfront.core.options import Option, choice, normalisers, positive
from kfront.core.typing import Config, DTypeLike, Shape, TensorLike
from kfront.layers.preprocess import hash_functions
from kfront.layers.preprocess.encoding import check_sparse, encode_host, encoded_shape
from kfront.layers.preprocess.host_layer import HostLayer
from kfront.layers.preprocess.packed_strings import Packed, digits, is_text, packed, texts


def salt_pair(owner: object, name: str, salt: object) -> tuple[int, int] | None:
    """A key of SipHash from one integer or two.

    Raises:
        ArgumentError: it is neither.
    """
    if salt is None:
        return None
    pair = (salt, salt) if isinstance(salt, (int, np.integer)) else salt
    if not isinstance(pair, Sequence) or len(pair) != 2 or not all(isinstance(k, (int, np.integer)) for k in pair):
        raise ArgumentError(f"[{type(owner).__name__}] expected `salt` to be an int or two, got {salt!r}.")
    return int(pair[0]), int(pair[1])


SALT = Option(salt_pair, write=lambda salt: list(salt) if salt else None)


class _Binned(HostLayer):
    """What both layers share: bins, the output mode, and the dtype that follows from it."""

    _kf_normalise = normalisers(num_bins=positive, output_mode=lambda layer, name, value: layer._mode(value))
    num_bins: int
    output_mode: str
    sparse: bool
    _modes: tuple[str, ...] = ("int", "one_hot", "multi_hot", "count")

    def __init__(self, num_bins: int, output_mode: str, sparse: bool, dtype: DTypeLike, **kwargs: Any) -> None:
        who = type(self).__name__
        mode = self._mode(output_mode)
        if dtype is None:
            dtype = "int64" if mode == "int" else floatx()
        super().__init__(dtype=dtype, **kwargs)
        if mode == "int" and self.compute_dtype not in ("int32", "int64"):
            raise ArgumentError(
                f"[{who}] expected an integer dtype with output_mode='int', got {self.compute_dtype!r}; leave it out."
            )
        check_sparse(who, self._kf_backend, sparse, mode)
        self._kf_store(locals())

    def _mode(self, mode: Any) -> Any:
        return choice(self, "output_mode", mode, self._modes)

    def output_dtype_for(self, inputs: TensorLike) -> str:
        """The layer's dtype."""
        return self.compute_dtype

    def _encoded(self, found: np.ndarray) -> np.ndarray:
        if self.output_mode == "int":
            return found.astype(self.compute_dtype)
        return encode_host(found, self.num_bins, self.output_mode).astype(numpy_dtype(self.compute_dtype), copy=False)


class Hashing(_Binned):
    """The bin of each string or integer: a stable hash of it, modulo the number of bins.

    The hash is FarmHash's 64-bit fingerprint, or with a salt SipHash-2-4; integers are hashed as their decimal digits.
    Both give the same on every machine and engine.

    Args:
        num_bins: number of bins, the one of `mask_value` included.
        mask_value: the value that goes to bin 0, which then has no other; None for none.
        salt: one or two integers, the key of SipHash; None for FarmHash.
        output_mode: "int" for the number of the bin; "one_hot" for a vector for each; "multi_hot" or "count" for one
            vector for all values along the last axis.
        sparse: whether encoded outputs are sparse tensors, where the engine has them.
        **kwargs: name, trainable, dtype.

    Input: strings or integers of any shape. Output: integers of that shape, or floating vectors as `output_mode` says.

    Raises:
        ArgumentError: if an option is not allowed.
        DTypeError: for inputs that are neither strings nor numbers.

    References:
        FarmHash: https://github.com/google/farmhash
        Aumasson, Bernstein, 2012, "SipHash: a fast short-input PRF".

    Example:

    >>> import kfront
    >>> kfront.ops.convert_to_numpy(kfront.layers.Hashing(num_bins=3)([["A"], ["B"], ["C"]])).tolist()
    [[1], [0], [1]]
    """

    _kf_normalise = normalisers(mask_value=Option(), salt=SALT)
    mask_value: object
    salt: tuple[int, int] | None

    def __init__(
        self,
        num_bins: int,
        mask_value: object = None,
        salt: int | Sequence[int] | None = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_bins, output_mode, sparse, kwargs.pop("dtype", None), **kwargs)
        if mask_value is not None and self.num_bins < 2:
            raise ArgumentError(f"[Hashing] expected two bins or more with a `mask_value`, got {self.num_bins}.")
        self._kf_store(locals())

    @property
    def by_engine(self) -> bool:  # type: ignore[override]
        """SipHash has too many steps for NumPy."""
        return self.salt is not None and self.output_mode == "int"

    def call(self, inputs: Any) -> Any:
        """The bins; a tuple is one array, as a list is."""
        return super().call(list(inputs) if isinstance(inputs, tuple) else inputs)

    def on_host(self, inputs: np.ndarray) -> np.ndarray:
        """The bins, encoded as `output_mode` says."""
        masked = self.mask_value is not None
        found = hash_functions.bins(_packed(inputs), self.num_bins - masked, self.salt)
        if masked:
            found = np.where(_equal(inputs, str(self.mask_value)), 0, found + 1)
        return self._encoded(found.reshape(inputs.shape))

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """That of the inputs, encoded as `output_mode` says."""
        return encoded_shape(tuple(input_shape), self.num_bins, self.output_mode)


def _packed(x: np.ndarray) -> Packed:
    """Strings, or integers as decimal digits; floats are cut to integers."""
    if is_text(x):
        return packed(x)
    if x.dtype.kind not in "biuf":
        raise DTypeError(f"[Hashing] expected strings or integers, got dtype {x.dtype.name}.")
    if x.dtype.kind == "b":
        return packed(np.where(x, "true", "false"))
    return digits(x if x.dtype.kind in "iu" else x.astype("int64"))


def _equal(x: np.ndarray, text: str) -> np.ndarray:
    """Whether each element is a string, in digits if it is a number."""
    if not is_text(x):
        whole = x.astype("int64") if x.dtype.kind == "f" else x
        same = text.removeprefix("-").isdecimal() and str(int(text)) == text
        return (whole == int(text)).ravel() if same and x.dtype.kind != "b" else (x.astype(str) == text).ravel()
    if x.dtype.kind == "U":
        return (x == text).ravel()
    words = texts(x)
    return np.fromiter(map(text.__eq__, words), bool, len(words))


class HashedCrossing(_Binned):
    """The bin of each combination of features: a stable hash of all of them, modulo the number of bins.

    Args:
        num_bins: number of bins.
        output_mode: "int" for the number of the bin, "one_hot" for a vector.
        sparse: whether encoded outputs are sparse tensors, where the engine has them.
        name: the layer's name.
        dtype: dtype or policy; int64 for bins and floatx for vectors if None.
        **kwargs: trainable.

    Call arguments:
        inputs: two or more features, strings or integers, of the shapes `()`, `(batch,)` or `(batch, 1)`.

    Returns:
        integers of the shape of a feature, or vectors of `num_bins` numbers.

    Raises:
        ShapeError: a single feature, or one of another shape.
        DTypeError: a feature of floats.

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.HashedCrossing(num_bins=5)
    >>> kfront.ops.convert_to_numpy(layer((np.array(["a", "b", "c"]), np.array([1, 2, 3])))).tolist()
    [0, 2, 4]
    """

    _modes = ("int", "one_hot")

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: DTypeLike = None,
        **kwargs: object,
    ) -> None:
        super().__init__(num_bins, output_mode, sparse, dtype, name=name, **kwargs)

    def on_host(self, inputs: Any) -> np.ndarray:
        """The bins, encoded as `output_mode` says."""
        features = [np.asarray(x) for x in _several(inputs)]
        shape: Any = self._common([x.shape for x in features])
        found = hash_functions.cross([_column(self.name, x) for x in features], self.num_bins)
        return self._encoded(found.reshape(shape))

    def _common(self, shapes: list[Any]) -> Shape:
        bad = [s for s in shapes if len(s) > 2 or (len(s) == 2 and s[1] not in (1, None))]
        if bad or len({len(s) for s in shapes}) > 1:
            raise ShapeError(
                f"[{self.name}] expected features of one of the shapes (), (batch,) and (batch, 1), got "
                f"{', '.join(str(tuple(s)) for s in shapes)}."
            )
        return tuple(shapes[0])

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """That of one feature, encoded as `output_mode` says."""
        return encoded_shape(self._common(list(_several(input_shape))), self.num_bins, self.output_mode)

    def get_config(self) -> Config:
        """Constructor arguments."""
        config = super().get_config()
        del config["trainable"]
        return config


def _several(inputs: object) -> Any:
    if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
        count = len(inputs) if isinstance(inputs, (list, tuple)) else 1
        raise ShapeError(f"[HashedCrossing] expected two or more features in a tuple, got {count}.")
    return inputs


def _column(who: str, x: np.ndarray) -> np.ndarray:
    if is_text(x):
        return hash_functions.fingerprint(packed(x))
    if x.dtype.kind not in "iub":
        raise DTypeError(f"[{who}] expected features of strings or integers, got dtype {x.dtype.name}.")
    return x.ravel().astype("int64").view("uint64")
