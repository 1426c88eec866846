"""Where things lie: devices in a grid, tensors on it, and which variable gets which layout."""

from __future__ import annotations

import math
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kfront.core.errors import ArgumentError, ArgumentTypeError, ShapeError
from kfront.core.naming import matching
from kfront.core.state import current

Axes = Sequence[str | None]


class DeviceMesh:
    """Devices arranged in a grid whose axes have names.

    Args:
        shape: sizes of the axes; their product is the number of devices.
        axis_names: a name for each axis.
        devices: names such as "gpu:0", in row-major order; `list_devices()` if None.

    Raises:
        ArgumentError: shape, names and devices do not fit together.

    Example:

    >>> import kfront
    >>> kfront.distribution.DeviceMesh((1, 2), ["batch", "model"], devices=["cpu:0", "cpu:1"])
    <DeviceMesh shape=(1, 2), axis_names=['batch', 'model']>
    """

    def __init__(self, shape: Sequence[int], axis_names: Sequence[str], devices: object = None) -> None:
        if not shape or not axis_names or len(shape) != len(axis_names):
            raise ArgumentError(
                f"[DeviceMesh] expected a name for each axis of `shape`, got shape={shape} and axis_names={axis_names}."
            )
        if len(set(axis_names)) != len(axis_names):
            raise ArgumentError(f"[DeviceMesh] expected axes of different names, got {axis_names}.")
        if devices is None:
            devices = current().distributor.devices(None)
        devices = np.array(devices)
        if np.prod(shape) != devices.size:
            raise ArgumentError(
                f"[DeviceMesh] expected {np.prod(shape)} devices for the shape {tuple(shape)}, got {devices.size}; "
                "change the shape, or pass the devices to use as `devices`."
            )
        self._shape, self._axis_names = tuple(int(n) for n in shape), axis_names
        self._devices = devices.reshape(self._shape)
        self._kf_native: object = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        return self._shape

    @property
    def axis_names(self) -> Sequence[str]:
        """Names of the axes."""
        return self._axis_names

    @property
    def devices(self) -> np.ndarray:
        """The devices, in an array of the mesh's shape."""
        return self._devices

    @property
    def backend_mesh(self) -> Any:
        """The engine's own mesh: a `jax.sharding.Mesh` on JAX.

        Raises:
            UnsupportedError: the engine has none.
        """
        if self._kf_native is None:
            self._kf_native = current().distributor.mesh(self)
        return self._kf_native

    def size(self, axis: str) -> int:
        """The number of devices along an axis."""
        return self._shape[list(self._axis_names).index(axis)]

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kf_native": None}

    def __repr__(self) -> str:
        return f"<DeviceMesh shape={self._shape}, axis_names={self._axis_names}>"


class TensorLayout:
    """How a tensor is split over the axes of a mesh.

    Args:
        axes: for each dimension the name of the axis that it is split along, None for one that is not split.
        device_mesh: the mesh; may be set later, once.

    Raises:
        ArgumentError: the mesh has no axis of that name.

    Example:

    >>> import kfront
    >>> kfront.distribution.TensorLayout((None, "model"))
    <TensorLayout axes=(None, 'model'), device_mesh=None>
    """

    def __init__(self, axes: Axes, device_mesh: DeviceMesh | None = None) -> None:
        self._axes = tuple(axes)
        self._device_mesh = device_mesh
        self._kf_native: object = None
        self._check()

    @property
    def axes(self) -> tuple[str | None, ...]:
        """For each dimension an axis of the mesh, or None."""
        return self._axes

    @property
    def device_mesh(self) -> DeviceMesh | None:
        """The mesh; it can be set if there is none yet."""
        return self._device_mesh

    @device_mesh.setter
    def device_mesh(self, mesh: DeviceMesh) -> None:
        if self._device_mesh is not None:
            raise ArgumentError(
                f"[TensorLayout] expected a layout without a mesh, got one on {self._device_mesh}; make a new layout."
            )
        self._device_mesh = mesh
        self._check()

    @property
    def backend_layout(self) -> Any:
        """The engine's own layout: a `jax.sharding.NamedSharding` on JAX.

        Raises:
            ArgumentError: there is no mesh.
            UnsupportedError: the engine has none.
        """
        if self._device_mesh is None:
            raise ArgumentError("[TensorLayout] expected a mesh, got None; set `layout.device_mesh`.")
        if self._kf_native is None:
            self._kf_native = current().distributor.layout(self)
        return self._kf_native

    def check_shape(self, who: str, shape: Sequence[int]) -> None:
        """Raise unless the mesh divides a shape into parts of one size.

        Args:
            who: the name for messages.
            shape: a tensor's.

        Raises:
            ShapeError: it cannot be divided.
        """
        mesh = self._device_mesh
        if len(self._axes) > len(shape):
            raise ShapeError(
                f"[{who}] expected a layout of at most {len(shape)} axes for the shape {tuple(shape)}, got "
                f"{self._axes}; change the LayoutMap."
            )
        for i, (n, axis) in enumerate(zip(shape, self._axes, strict=False)):
            parts = 1 if axis is None or mesh is None else mesh.size(axis)
            if n % parts:
                raise ShapeError(
                    f"[{who}] expected a shape that the devices can divide, got {tuple(shape)}, of which dimension {i} "
                    f"has {n} elements for {parts} devices of the axis {axis!r}; pad it to {n + parts - n % parts}, or "
                    "change the layout or the mesh."
                )

    def _check(self) -> None:
        if self._device_mesh is None:
            return
        unknown = set(self._axes) - {None, *self._device_mesh.axis_names}
        if unknown:
            raise ArgumentError(
                f"[TensorLayout] expected axes of the mesh, {list(self._device_mesh.axis_names)}, "
                f"got {sorted(map(str, unknown))}."
            )

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_kf_native": None}

    def __repr__(self) -> str:
        return f"<TensorLayout axes={self._axes}, device_mesh={self._device_mesh}>"


class LayoutMap(MutableMapping[str, Any]):
    """Layouts by the paths of variables, given as regular expressions.

    A look-up takes the key that is equal to the path; else the one that matches all of it.

    Args:
        device_mesh: mesh of layouts that are given as tuples of axes.

    Example:

    >>> import kfront
    >>> mesh = kfront.distribution.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
    >>> layouts = kfront.distribution.LayoutMap(mesh)
    >>> layouts[".*dense.*kernel"] = (None, "model")
    >>> layouts["encoder/dense_1/kernel"].axes
    (None, 'model')
    >>> print(layouts["encoder/dense_1/bias"])
    None
    """

    def __init__(self, device_mesh: DeviceMesh) -> None:
        self._layouts: dict[str, TensorLayout] = {}
        self._device_mesh = device_mesh

    @property
    def device_mesh(self) -> DeviceMesh:
        """The mesh."""
        return self._device_mesh

    def __getitem__(self, key: str) -> TensorLayout | None:  # type: ignore[override]
        """The layout for a path, None if no key fits.

        Raises:
            ArgumentError: several keys match.
        """
        found = matching("LayoutMap", self._layouts, key)
        return None if found is None else self._layouts[found]

    def for_variable(self, path: str, shape: tuple[int, ...]) -> TensorLayout | None:
        """The layout of a variable, None if no key fits its path.

        Args:
            path: its path.
            shape: its shape.
        """
        return self[path]

    def __setitem__(self, key: str, layout: object) -> None:
        """Add a layout.

        Args:
            key: a path, or a regular expression.
            layout: a TensorLayout, or a tuple of axes.

        Raises:
            ArgumentError: the key is there already, or the layout is none.
        """
        if key in self._layouts:
            raise ArgumentError(f"[LayoutMap] expected a new key, got {key!r}, which has a layout; delete it first.")
        if isinstance(layout, tuple):
            layout = TensorLayout(layout)
        if not isinstance(layout, TensorLayout):
            raise ArgumentError(
                f"[LayoutMap] expected a TensorLayout or a tuple of axes for {key!r}, got {type(layout).__name__}."
            )
        if layout.device_mesh is None:
            layout.device_mesh = self._device_mesh
        self._layouts[key] = layout

    def __delitem__(self, key: str) -> None:
        del self._layouts[key]

    def __len__(self) -> int:
        return len(self._layouts)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)


class Region(NamedTuple):
    """A part of an array.

    Attributes:
        shape: the whole's.
        offset: where the part begins.
        local: the part's shape.
    """

    shape: tuple[int, ...]
    offset: tuple[int, ...]
    local: tuple[int, ...]

    def of(self, whole: np.ndarray) -> np.ndarray:
        """The part, a copy."""
        return whole[tuple(slice(o, o + n) for o, n in zip(self.offset, self.local, strict=True))].copy()

    def span(self) -> tuple[int, int]:
        """Flat positions in the whole that all elements of the part lie between."""
        ends = [o + n - 1 for o, n in zip(self.offset, self.local, strict=True)]
        low, high = (sum(i * s for i, s in zip(at, self._kf_steps(), strict=True)) for at in (self.offset, ends))
        return low, high + 1

    def among(self, start: int, count: int) -> np.ndarray:
        """Which of the elements at flat positions from `start` on are in the part; their order is the part's."""
        at, out = np.arange(start, start + count), np.ones(count, bool)
        for n, o, m, step in zip(self.shape, self.offset, self.local, self._kf_steps(), strict=True):
            if m < n:
                here = at // step % n
                out &= (here >= o) & (here < o + m)
        return out

    def _kf_steps(self) -> list[int]:
        return [math.prod(self.shape[i + 1 :]) for i in range(len(self.shape))]


class Unmade:
    """The first value of a Variable that may be divided: it is made in parts, once it is known who has which.

    Args:
        initializer: a `HostInitializer`; what it draws is that of one call, whichever parts are made.
        shape: the whole's.
        dtype: dtype name.
    """

    def __init__(self, initializer: Any, shape: tuple[int, ...], dtype: str) -> None:
        self.initializer, self.shape, self.dtype = initializer.settled(), shape, dtype

    def whole(self) -> np.ndarray:
        """All of it."""
        return self.initializer.host(self.shape, self.dtype)

    def part(self, offset: tuple[int, ...], local: tuple[int, ...]) -> np.ndarray:
        """The part of a shape that begins at `offset`; no more than that is held in memory."""
        if local == self.shape:
            return self.whole()
        return self.initializer.part(self.shape, self.dtype, Region(self.shape, offset, local))


def check_mesh(who: str, mesh: object) -> DeviceMesh:
    """`mesh` itself.

    Raises:
        ArgumentError: it is no DeviceMesh.
    """
    if not isinstance(mesh, DeviceMesh):
        raise ArgumentError(f"[{who}] expected a DeviceMesh, got {mesh!r}.")
    return mesh


def as_layout(who: str, layout: object, mesh: DeviceMesh | None) -> TensorLayout:
    """A TensorLayout of one, or of a tuple of axes.

    Raises:
        ArgumentTypeError: it is neither.
    """
    if isinstance(layout, TensorLayout):
        return layout
    if isinstance(layout, (tuple, list)) and mesh is not None:
        return TensorLayout(layout, mesh)
    raise ArgumentTypeError(f"[{who}] expected a TensorLayout, got {layout!r}.")
