"""Normalization layers."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any, Unpack

from kfront import ops
from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.options import from_0_to_1, normalisers
from kfront.core.typing import (
    Config,
    ConstraintLike,
    InitializerLike,
    LayerOptions,
    RegularizerLike,
    Shape,
    Tensor,
    TensorLike,
    VariableLike,
)
from kfront.core.variable import read
from kfront.layers.base import InputSpec
from kfront.layers.options import OptionLayer, known_axis
from kfront.ops.normalization import (
    RMS_SCALING,
    batch_normalization,
    batch_normalization_train,
    layer_normalization,
    moments,
    rms_normalization,
    scaled_by_deviation,
)
from kfront.ops.primitives.dtypes import dtype_of

_HALF = ("float16", "bfloat16")


class _Affine(OptionLayer):
    """A layer with a trained scale `gamma` and shift `beta`, each optional."""

    center: bool
    scale: bool
    epsilon: float
    gamma: VariableLike | None = None
    beta: Any = None
    beta_initializer: InitializerLike
    gamma_initializer: InitializerLike
    beta_regularizer: RegularizerLike
    gamma_regularizer: RegularizerLike
    beta_constraint: ConstraintLike
    gamma_constraint: ConstraintLike

    def _add_affine(self, shape: tuple[int, ...]) -> None:
        for name, wanted in (("gamma", self.scale), ("beta", self.center)):
            if wanted:
                setattr(self, name, self._kf_weight(name, shape, autocast=False))  # halves are normalized in float32

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`input_shape`."""
        return tuple(input_shape)


def _axis_or_axes(layer: OptionLayer, name: str, axis: object) -> int | list[int]:
    if isinstance(axis, int) and not isinstance(axis, bool):
        return axis
    if isinstance(axis, (list, tuple)) and all(isinstance(a, int) for a in axis):
        return sorted(axis)
    raise ArgumentTypeError(f"[{type(layer).__name__}] expected `axis` to be an int or a list of ints, got {axis!r}.")


def _one_axis(layer: OptionLayer, name: str, axis: object) -> int:
    if isinstance(axis, (list, tuple)) and len(axis) == 1:
        axis = axis[0]
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise ArgumentTypeError(f"[{type(layer).__name__}] expected `axis` to be an int, got {axis!r}.")
    return axis


def _group_count(layer: OptionLayer, name: str, groups: object) -> int:
    if not isinstance(groups, int) or isinstance(groups, bool) or (groups < 1 and groups != -1):
        raise ArgumentError(f"[{type(layer).__name__}] expected `groups` to be a positive int or -1, got {groups!r}.")
    return groups


def _clipping(limits: Any) -> dict[str, float]:
    limits = {} if limits is None else dict(limits)
    unknown = sorted(set(limits) - {"rmax", "rmin", "dmax"})
    if unknown:
        raise ArgumentError(
            f"[BatchNormalization] expected `renorm_clipping` with keys 'rmax', 'rmin', 'dmax', got {unknown}."
        )
    if limits.get("rmin", 0.0) > limits.get("rmax", math.inf) or limits.get("dmax", 0.0) < 0:
        raise ArgumentError(
            f"[BatchNormalization] expected `renorm_clipping` with rmin <= rmax and dmax >= 0, got {limits}."
        )
    return limits


class BatchNormalization(_Affine):
    """Brings every channel to mean 0 and variance 1, then scales and shifts it.

    In training the statistics are those of the batch, and moving averages of them are kept, which inference uses.

    Args:
        axis: the axis of channels.
        momentum: weight of the old value in the moving averages.
        epsilon: added to the variance.
        center: whether there is a trained shift `beta`.
        scale: whether there is a trained scale `gamma`.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: first values.
        beta_regularizer, gamma_regularizer: functions of the weights that are added to the loss.
        beta_constraint, gamma_constraint: functions applied to the weights after each update.
        renorm: whether to correct the batch's statistics towards running ones (Ioffe, 2017,
            https://arxiv.org/abs/1702.03275), which helps with small batches.
        renorm_clipping: dict of bounds of the correction, "rmin" and "rmax" of the scale and "dmax" of the shift.
        renorm_momentum: weight of the old value in the running statistics of `renorm`.
        synchronized: whether replicas share statistics.
        **kwargs: name, trainable, dtype.

    Call arguments: `inputs`; `training`, whether to use (and average) the batch's statistics; `mask`, bool tensor of
    the leading axes of `inputs`, False at elements that do not count.

    Output: tensor of the same shape and dtype.

    Raises:
        ArgumentError: for an unknown key of `renorm_clipping`.
        ArgumentTypeError: if `axis` is not an int.
        ShapeError: if a mask does not fit.

    Attributes:
        gamma, beta: Variables of shape (channels,), or None.
        moving_mean, moving_variance: Variables of shape (channels,), not trained.

    Reference: Ioffe and Szegedy, 2015, arXiv:1502.03167.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.BatchNormalization()
    >>> y = layer(kfront.ops.convert_to_tensor([[1.0], [3.0]]), training=True)
    >>> [round(float(v), 2) for v in y[:, 0]]
    [-1.0, 1.0]
    """

    _kf_normalise = normalisers(
        axis=_one_axis,
        epsilon=lambda layer, name, value: float(value),
        momentum=lambda layer, name, value: from_0_to_1(layer, name, float(value)),
    )
    synchronized: bool
    renorm: bool
    renorm_clipping: Any
    renorm_momentum: float
    moving_stddev: VariableLike | None = None
    renorm_mean: VariableLike | None = None
    renorm_stddev: VariableLike | None = None
    moving_mean: Any = None
    moving_variance: Any = None
    moving_mean_initializer: InitializerLike
    moving_variance_initializer: InitializerLike
    axis: int
    momentum: float

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        moving_mean_initializer: InitializerLike = "zeros",
        moving_variance_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        renorm: bool = False,
        renorm_clipping: object = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**kwargs)
        renorm_clipping = _clipping(renorm_clipping) if renorm else renorm_clipping
        self._kf_store(locals())
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Create scale, shift and moving averages."""
        channels = known_axis(self.name, input_shape, self.axis)
        self._add_affine((channels,))
        first = {"moving_mean": self.moving_mean_initializer, "moving_variance": self.moving_variance_initializer}
        if self.renorm:
            first_variance: Any = self.moving_variance_initializer
            deviation = lambda shape, dtype=None: ops.sqrt(first_variance(shape, dtype))  # noqa: E731
            first |= {"moving_stddev": deviation, "renorm_mean": "zeros", "renorm_stddev": deviation}
        for name, initializer in first.items():
            weight = self.add_weight(
                shape=(channels,), name=name, initializer=initializer, trainable=False, autocast=False
            )
            setattr(self, name, weight)
        rank = len(input_shape)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: channels})
        own = self.axis % rank
        self._reduced = tuple(a for a in range(rank) if a != own)

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Tensor:
        """The layer's output, see the class."""
        kind = dtype_of(inputs)
        x = ops.cast(inputs, "float32") if kind in _HALF else inputs
        beta, gamma = read(self.beta), read(self.gamma)
        if not (training and self._trainable):
            mean, variance = read(self.moving_mean), read(self.moving_variance)
            outputs = batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        elif self.renorm:
            outputs = self._renormalized(x, *self._moments(x, mask), beta, gamma)
        elif mask is None and not self.synchronized:
            moving, rate = (self.moving_mean, self.moving_variance), 1.0 - self.momentum
            step = self._kf_backend.batch_normalization_step
            outputs = step(x, beta, gamma, self.axis, self.epsilon, moving, rate)
            if outputs is None:
                outputs, *found = batch_normalization_train(x, beta, gamma, self.axis, self.epsilon)
                self._kf_backend.foreach.lerp_to(moving, found, rate)
        else:
            mean, variance = self._moments(x, mask)
            self._kf_average(ops.stop_gradient(mean), ops.stop_gradient(variance))
            outputs = batch_normalization(x, mean, variance, self.axis, beta, gamma, self.epsilon)
        return ops.cast(outputs, kind) if kind in _HALF else outputs

    def _kf_average(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of the batch."""
        moving = (self.moving_mean, self.moving_variance)
        self._kf_backend.foreach.lerp_to(moving, (mean, variance), 1.0 - self.momentum)

    def _renormalized(self, x: Tensor, mean: Tensor, variance: Tensor, beta: Tensor, gamma: TensorLike) -> Tensor:
        """Normalize by the batch, corrected towards the running statistics, which then follow."""
        stddev = ops.sqrt(ops.add(variance, self.epsilon))
        limits, seen = self.renorm_clipping, read(self.renorm_stddev)
        r = ops.divide(ops.stop_gradient(stddev), seen)
        d = ops.divide(ops.subtract(ops.stop_gradient(mean), read(self.renorm_mean)), seen)
        if "rmin" in limits:
            r = ops.maximum(r, limits["rmin"])
        if "rmax" in limits:
            r = ops.minimum(r, limits["rmax"])
        if "dmax" in limits:
            d = ops.clip(d, -limits["dmax"], limits["dmax"])
        shift = d if gamma is None else ops.multiply(d, gamma)
        shift = shift if beta is None else ops.add(shift, beta)
        outputs = batch_normalization(
            x, mean, variance, self.axis, shift, r if gamma is None else ops.multiply(r, gamma), self.epsilon
        )
        now, lerp_to = (ops.stop_gradient(mean), ops.stop_gradient(stddev)), self._kf_backend.foreach.lerp_to
        lerp_to((self.renorm_mean, self.renorm_stddev), now, 1.0 - self.renorm_momentum)
        lerp_to((self.moving_mean, self.moving_stddev), now, 1.0 - self.momentum)
        self.moving_variance.assign(ops.subtract(ops.square(read(self.moving_stddev)), self.epsilon))
        return outputs

    def _moments(self, x: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        if mask is None:
            return moments(x, self._reduced, synchronized=self.synchronized)
        rank, axes = len(x.shape), self._reduced
        if len(mask.shape) != rank - 1 or any(
            None not in (m, d) and m not in (1, d) for m, d in zip(mask.shape, x.shape, strict=False)
        ):
            raise ShapeError(
                f"[{self.name}] expected a mask that broadcasts to all axes but the last of the inputs "
                f"{tuple(x.shape)}, got shape {tuple(mask.shape)}."
            )
        weights = ops.cast(mask, dtype_of(x))
        weights = ops.expand_dims(weights, -1)

        def average(values: Tensor) -> Tensor:
            """Over this batch, or those of all replicas; of what is counted and of the count alike, so n drops out."""
            if self.synchronized:
                return moments(values, axes, keepdims=True, synchronized=True)[0]
            return ops.mean(values, axis=axes, keepdims=True)

        share = average(weights)
        share = ops.where(ops.equal(share, 0), ops.ones_like(share), share)  # nothing counts: mean and variance are 0
        mean = ops.divide(average(ops.multiply(weights, x)), share)
        spread = ops.multiply(weights, ops.square(ops.subtract(x, mean)))
        variance = ops.divide(average(spread), share)
        return ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))


class LayerNormalization(_Affine):
    """Brings every sample, along the given axes, to mean 0 and variance 1, then scales and shifts it.

    Args:
        axis: axis or axes that are normalized together.
        epsilon: added to the variance.
        center: whether there is a trained shift `beta`.
        scale: whether there is a trained scale `gamma`.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: functions of the weights that are added to the loss.
        beta_constraint, gamma_constraint: functions applied to the weights after each update.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, ...). Output: tensor of the same shape and dtype.

    Raises:
        ArgumentTypeError: if `axis` is neither an int nor a list of ints.

    Attributes:
        gamma, beta: Variables of the inputs' shape along `axis`, or None.

    Reference: Ba et al., 2016, https://arxiv.org/abs/1607.06450.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.LayerNormalization()
    >>> [round(float(v), 2) for v in layer(kfront.ops.convert_to_tensor([[1.0, 3.0]]))[0]]
    [-1.0, 1.0]
    """

    _kf_normalise = normalisers(axis=_axis_or_axes)
    axis: int | list[int]
    rms_scaling: bool

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Any,
    ) -> None:
        rms_scaling = kwargs.pop("rms_scaling", False)
        super().__init__(**self._kf_store(locals()))
        self.rms_scaling = rms_scaling
        if rms_scaling:
            warnings.warn(f"[{self.name}] {RMS_SCALING}", stacklevel=2)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Create scale and shift."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        self.__dict__["axis"] = axes
        shape = tuple(known_axis(self.name, input_shape, a) for a in axes)
        if self.rms_scaling:
            self.center, self.scale = False, True
        self._add_affine(shape)

    def get_config(self) -> Config:
        """Constructor arguments."""
        return {**super().get_config(), "rms_scaling": self.rms_scaling}

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        if self.rms_scaling:
            return scaled_by_deviation(inputs, read(self.gamma), self.axis, self.epsilon)
        return layer_normalization(inputs, read(self.gamma), read(self.beta), self.axis, self.epsilon)


class RMSNormalization(OptionLayer):
    """Divides every sample, along the given axes, by its root mean square, then scales it.

    Args:
        axis: axis or axes that are normalized together.
        epsilon: added to the mean square.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, ...). Output: tensor of the same shape and dtype.

    Raises:
        ArgumentTypeError: if `axis` is neither an int nor a list of ints.

    Attributes:
        scale: Variable of the inputs' shape along `axis`.

    Reference: Zhang and Sennrich, 2019, https://arxiv.org/abs/1910.07467.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.RMSNormalization()
    >>> [round(float(v), 2) for v in layer(kfront.ops.convert_to_tensor([[3.0, -3.0]]))[0]]
    [1.0, -1.0]
    """

    _kf_normalise = normalisers(axis=_axis_or_axes)
    scale: Any = None
    axis: int | list[int]
    epsilon: float

    def __init__(self, axis: int | Sequence[int] = -1, epsilon: float = 1e-6, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))

    def build(self, input_shape: Shape) -> None:
        """Create the scale."""
        axes = self.axis if isinstance(self.axis, list) else [self.axis]
        self.__dict__["axis"] = axes
        shape = tuple(known_axis(self.name, input_shape, a) for a in axes)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones", autocast=False)

    def call(self, x: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return rms_normalization(x, read(self.scale), self.axis, self.epsilon)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """`input_shape`."""
        return tuple(input_shape)


class GroupNormalization(_Affine):
    """Brings every group of channels of every sample to mean 0 and variance 1, then scales and shifts the channels.

    Args:
        groups: number of groups; -1 makes every channel a group of its own (instance normalization).
        axis: the axis of channels.
        epsilon: added to the variance.
        center: whether there is a trained shift `beta`.
        scale: whether there is a trained scale `gamma`.
        beta_initializer, gamma_initializer: first values.
        beta_regularizer, gamma_regularizer: functions of the weights that are added to the loss.
        beta_constraint, gamma_constraint: functions applied to the weights after each update.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, ...). Output: tensor of the same shape and dtype.

    Raises:
        ArgumentError: if `groups` is neither a positive int nor -1.
        ShapeError: if `groups` does not divide the number of channels.

    Attributes:
        gamma, beta: Variables of shape (channels,), or None.

    Reference: Wu and He, 2018, arXiv:1803.08494.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.GroupNormalization(groups=2)
    >>> x = kfront.ops.convert_to_tensor([[1.0, 3.0, 10.0, 30.0]])
    >>> [round(float(v), 2) for v in layer(x)[0]]
    [-1.0, 1.0, -1.0, 1.0]
    """

    _kf_normalise = normalisers(groups=_group_count)
    groups: int
    axis: int

    def __init__(
        self,
        groups: int = 32,
        axis: int = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: InitializerLike = "zeros",
        gamma_initializer: InitializerLike = "ones",
        beta_regularizer: RegularizerLike = None,
        gamma_regularizer: RegularizerLike = None,
        beta_constraint: ConstraintLike = None,
        gamma_constraint: ConstraintLike = None,
        **kwargs: Unpack[LayerOptions],
    ) -> None:
        super().__init__(**self._kf_store(locals()), autocast=False)  # half precision holds no large inputs
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        """Create scale and shift."""
        channels = known_axis(self.name, input_shape, self.axis)
        if self.groups == -1:
            self.groups = channels
        if channels % self.groups:
            raise ShapeError(
                f"[{self.name}] expected a number of channels that {self.groups} groups divide, got {channels} "
                f"(input shape {tuple(input_shape)})."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._add_affine((channels,))

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        kind, rank = self.compute_dtype, len(inputs.shape)
        axis = self.axis % rank
        sizes = ops.shape(inputs)
        x = ops.cast(inputs, "float32" if kind in _HALF else kind)
        x = ops.reshape(x, (*sizes[:axis], self.groups, sizes[axis] // self.groups, *sizes[axis + 1 :]))
        mean, variance = moments(x, tuple(a for a in range(1, rank + 1) if a != axis), keepdims=True)
        x = ops.multiply(ops.subtract(x, mean), ops.rsqrt(ops.add(variance, self.epsilon)))
        x = ops.reshape(x, sizes)
        line = tuple(-1 if a == axis else 1 for a in range(rank))
        if self.gamma is not None:
            x = ops.multiply(x, ops.reshape(read(self.gamma), line))
        if self.beta is not None:
            x = ops.add(x, ops.reshape(read(self.beta), line))
        return ops.cast(x, kind)


class UnitNormalization(OptionLayer):
    """Divides every sample, along the given axes, by its Euclidean norm.

    Args:
        axis: axis or axes of one vector.
        **kwargs: name, trainable, dtype.

    Input: tensor of shape (batch, ...). Output: tensor of the same shape and dtype.

    Raises:
        ArgumentTypeError: if `axis` is neither an int nor a list of ints.

    Example:

    >>> import kfront
    >>> layer = kfront.layers.UnitNormalization()
    >>> [round(float(v), 2) for v in layer(kfront.ops.convert_to_tensor([[3.0, 4.0]]))[0]]
    [0.6, 0.8]
    """

    _kf_normalise = normalisers(axis=_axis_or_axes)
    axis: int | list[int]

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**self._kf_store(locals()))
        self.supports_masking = True
        self._kf_built_when_made()

    def call(self, inputs: Tensor) -> Tensor:
        """The layer's output, see the class."""
        return ops.normalize(inputs, axis=self.axis, order=2, epsilon=1e-12)
