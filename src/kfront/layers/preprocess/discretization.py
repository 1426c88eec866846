"""Discretization: numbers to the bins that they fall into."""

from __future__ import annotations

import itertools
from typing import Any, Self

import numpy as np

from kfront import ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, NotBuiltError
from kfront.core.options import normalisers, number, one_of, positive
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Config, CustomObjects, DTypeLike, Shape, Store, Tensor
from kfront.layers.preprocess.adapting import host_array, host_batches
from kfront.layers.preprocess.data_layer import DataLayer
from kfront.layers.preprocess.encoding import MODES, check_sparse, encode, encoded_shape

Summary = np.ndarray  # float32 of shape (2, n): values in rising order, and the weight that each stands for


def summarize(values: np.ndarray, epsilon: float) -> Summary:
    """A summary of values from which quantiles are told with an error of `epsilon`."""
    ordered = np.sort(values.ravel().astype("float32"))
    step = max(float(np.float32(ordered.size * epsilon)), 1.0)
    kept = ordered[int(step) - 1 :: int(step)]
    return np.stack([kept, np.full_like(kept, step)])


def compress(summary: Summary, epsilon: float) -> Summary:
    """The summary at steps of `epsilon`, if it is longer than that."""
    if summary.shape[1] * epsilon < 1:
        return summary
    percents = (epsilon + np.arange(0.0, 1.0, epsilon)).astype("float32")
    total = np.cumsum(summary[1], dtype="float32")
    share = total / total[-1]
    values = np.interp(percents, share, summary[0])
    weights = np.diff(np.interp(percents, share, total), prepend=0.0)
    return np.stack([values, weights]).astype("float32")


def merge(one: Summary, other: Summary, epsilon: float) -> Summary:
    """One summary of what two stand for."""
    both = np.concatenate([one, other], axis=1)
    return compress(both[:, np.argsort(both[0], kind="stable")], epsilon)


class Discretization(DataLayer):
    """The number of the bin that each value falls into.

    Bin 0 holds what is below the first boundary, bin `i` what is at least boundary `i - 1`; NaN is in the last.

    Args:
        bin_boundaries: rising numbers; n of them make n + 1 bins.
        num_bins: instead of boundaries, the number of bins of equal share that `adapt` finds boundaries for.
        epsilon: tolerated error of the shares when `adapt` finds them.
        output_mode: "int" for the numbers of bins; "one_hot" for a vector for each; "multi_hot" or "count" for one
            vector for all values along the last axis.
        sparse: whether encoded outputs are sparse tensors, where the engine has them.
        dtype: dtype or policy.
        name: the layer's name.

    Input: numbers of any shape. Output: int32 tensor of that shape, or floating vectors as `output_mode` says.

    Raises:
        ArgumentError: boundaries and number of bins are both given, or neither.

    Reference:
        Greenwald, Khanna, 2001, "Space-efficient online computation of quantile summaries".

    Example:

    >>> import numpy as np, kfront
    >>> layer = kfront.layers.Discretization(bin_boundaries=[0.0, 1.0])
    >>> kfront.ops.convert_to_numpy(layer(np.array([[-1.5, 0.0, 3.4]], "float32"))).tolist()
    [[0, 1, 2]]
    """

    _kf_normalise = normalisers(
        bin_boundaries=lambda layer, name, value: None if value is None else _boundaries(value),
        epsilon=number("between 0 and 1", lambda x: 0 < x < 1),
        num_bins=lambda layer, name, value: None if value is None else positive(layer, name, value),
        output_mode=one_of(*MODES),
    )
    bin_boundaries: list[float] | None
    num_bins: int | None
    epsilon: float
    output_mode: str
    sparse: bool
    summary: Summary

    def __init__(
        self,
        bin_boundaries: object = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: DTypeLike = None,
        name: str | None = None,
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        if (bin_boundaries is None) == (num_bins is None):
            raise ArgumentError(
                "[Discretization] expected either `bin_boundaries` or `num_bins`, got "
                f"{'both' if num_bins is not None else 'neither'}."
            )
        self._kf_store(locals())
        check_sparse("Discretization", self._kf_backend, self.sparse, self.output_mode)
        self.__dict__["summary"] = np.zeros((2, 0), "float32")

    @property
    def input_dtype(self) -> str:
        """The dtype that inputs are cast to."""
        return "float32"

    @property
    def output_dtype(self) -> str:
        """The dtype of the result: int32 for numbers of bins."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    # -- learning the boundaries --------------------------------------------------------------------------------------

    def adapt(self, data: object, steps: int | None = None) -> None:
        """Find boundaries between bins that hold about equally many values each.

        Args:
            data: an array of numbers, or a data set of such arrays.
            steps: how many batches of a data set to take; all if None.

        Raises:
            ArgumentError: the boundaries were given.
        """
        if self.num_bins is None:
            raise ArgumentError("[Discretization] expected no `adapt`: the boundaries were given when it was made.")
        self.reset_state()
        for batch in host_batches(data, self.name, steps):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Take a batch into the summary from which the boundaries are found."""
        self._needs_bins("update_state")
        new = summarize(host_array(data), self.epsilon)
        self.__dict__["summary"] = merge(self.summary, new, self.epsilon)

    def finalize_state(self) -> None:
        """Find the boundaries from what was seen."""
        if self.num_bins is None or not self.summary.shape[1]:
            return
        share = np.arange(1, self.num_bins, dtype="float32") / np.float32(self.num_bins)
        total = np.cumsum(self.summary[1], dtype="float32")
        found = np.interp(share, total / total[-1], self.summary[0]).astype("float32")
        self.__dict__["bin_boundaries"] = found.tolist()

    def reset_state(self) -> None:
        """Forget what was seen."""
        if self.num_bins is not None:
            self.__dict__["summary"] = np.zeros((2, 0), "float32")

    def _needs_bins(self, what: str) -> None:
        if self.num_bins is None:
            raise ArgumentError(f"[Discretization] expected `num_bins` for `{what}`, got fixed boundaries.")

    def load_own_variables(self, store: Store) -> None:
        """The boundaries are in the config; files have no variables for this layer."""

    # -- calls --------------------------------------------------------------------------------------------------------

    def _bounds(self) -> list[float]:
        if self.bin_boundaries is None:
            raise NotBuiltError(
                f"[{self.name}] expected known boundaries, got none; call `adapt` with data first, or pass "
                "`bin_boundaries`."
            )
        return self.bin_boundaries

    def call(self, inputs: Tensor) -> Tensor:
        """The numbers of bins, encoded as `output_mode` says."""
        x = ops.cast(inputs, self.input_dtype)
        bounds = ops.convert_to_tensor(np.array(self._bounds(), self.input_dtype))
        found = ops.digitize(x, bounds)
        if self.output_mode == "int":
            return found
        out = encode(found, len(self._bounds()) + 1, self.output_mode, self.compute_dtype)
        return self._kf_backend.to_sparse(out) if self.sparse else out

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """That of the inputs, encoded as `output_mode` says."""
        depth = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(tuple(input_shape), depth, self.output_mode)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        """Shape and dtype of the result."""
        return Abstract(self.compute_output_shape(inputs.shape), self.output_dtype, self.sparse)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**self._kf_stored_options(), "name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: Config, custom_objects: CustomObjects = None) -> Self:
        """A layer from its config, without objects; boundaries that were learned come with the number of bins."""
        config = dict(config)
        config.pop("trainable", None)
        learned = config.pop("bin_boundaries", None) if config.get("num_bins") is not None else None
        layer = cls(**config)
        if learned is not None:
            layer.__dict__["bin_boundaries"] = _boundaries(learned)
        return layer


def _boundaries(value: object) -> list[float]:
    try:
        out = [float(v) for v in iter(host_array(value))]
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"[Discretization] expected `bin_boundaries` to be a sequence of numbers, got {value!r}."
        ) from None
    if any(a > b for a, b in itertools.pairwise(out)):
        raise ArgumentError(f"[Discretization] expected `bin_boundaries` to rise, got {out}.")
    return out
