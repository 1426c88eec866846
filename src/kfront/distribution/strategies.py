"""`DataParallel` and `ModelParallel`: which part of a model and of its data is on which device."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kfront.backends import current
from kfront.core import tree
from kfront.core.errors import ArgumentError
from kfront.core.mesh import DeviceMesh, LayoutMap, TensorLayout, check_mesh
from kfront.core.state import state
from kfront.core.tracking import structure
from kfront.core.typing import AnyCallable, Tensor
from kfront.distribution.rows import by_rows
from kfront.distribution.running import list_devices

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.layers.base import Layer


class Distribution:
    """Base of the ways to distribute a model.

    Args:
        device_mesh: the devices.
        batch_dim_name: axis of the mesh over which batches are split; the first if None.
        auto_shard_dataset: whether each of several processes takes its part of batches that all of them have; False if
            the data of the processes are parts already.

    Raises:
        UnsupportedError: the current engine cannot.
    """

    splits_variables = False

    def __init__(self, device_mesh: Any, batch_dim_name: str | None = None, auto_shard_dataset: bool = True) -> None:
        who = type(self).__name__
        self._device_mesh = check_mesh(who, device_mesh)
        names = list(device_mesh.axis_names)
        if batch_dim_name is not None and batch_dim_name not in names:
            raise ArgumentError(f"[{who}] expected `batch_dim_name` among the axes {names}, got {batch_dim_name!r}.")
        self._batch_dim_name = batch_dim_name or names[0]
        self._auto_shard_dataset = auto_shard_dataset
        self._kf_backend = current()
        self._kf_backend.distributor.check(self)

    # -- layouts ------------------------------------------------------------------------------------------------------

    def get_data_layout(self, data_shape: Sequence[int | None]) -> TensorLayout:
        """The layout of a batch: split over its first dimension.

        Args:
            data_shape: its shape.
        """
        axes = [self._batch_dim_name, *[None] * (len(data_shape) - 1)] if len(data_shape) else []
        return TensorLayout(axes, self._device_mesh)

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """The layout of a variable: its own if it has one, else a copy on each device.

        Args:
            variable: a Variable.
        """
        own = getattr(variable, "_layout", None)
        return own if own is not None else TensorLayout([None] * len(variable.shape), self._device_mesh)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout of what a layer gives, None to leave it to the engine.

        Args:
            path: the layer's path with "/output" behind it.
        """
        return None

    # -- the parts ----------------------------------------------------------------------------------------------------

    @property
    def device_mesh(self) -> DeviceMesh:
        """The devices."""
        return self._device_mesh

    @property
    def batch_dim_name(self) -> str:
        """Axis of the mesh over which batches are split."""
        return self._batch_dim_name

    @property
    def auto_shard_dataset(self) -> bool:
        """Whether each of several processes takes its part of batches that all of them have."""
        return self._auto_shard_dataset

    @auto_shard_dataset.setter
    def auto_shard_dataset(self, value: bool) -> None:
        self._auto_shard_dataset = value

    @property
    def num_model_replicas(self) -> int:
        """How many parts a batch is split into."""
        return self._device_mesh.size(self._batch_dim_name)

    @property
    def num_processes(self) -> int:
        """The number of processes."""
        return self._kf_backend.distributor.processes()[0]

    @property
    def data_shard_id(self) -> int:
        """Which part of the data is this process's."""
        count, mine = self._kf_backend.distributor.processes()
        return mine * self.num_data_shards // count

    @property
    def num_data_shards(self) -> int:
        """Into how many parts processes split a batch: those that hold one replica together share one."""
        return min(self.num_processes, self.num_model_replicas)

    def _kf_adopt(self, layer: Layer) -> None:
        """Called for a layer that is made while this is current."""

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Context in which this is the current distribution."""
        before = distribution()
        set_distribution(self)
        try:
            yield
        finally:
            set_distribution(before)

    def distribute_dataset(self, dataset: Any) -> Any:
        """This process's part of a dataset that all processes have, for loops of your own; `fit` needs no help.

        Args:
            dataset: a batched `tf.data.Dataset` if there are several processes.

        Returns:
            The dataset, whose batches are parts of the original ones; the original if there is one process, or without
            `auto_shard_dataset`.

        Raises:
            ArgumentError: another kind of dataset, or batches that cannot be divided.
        """
        shards = self.num_data_shards
        if shards == 1 or not self.auto_shard_dataset:
            return dataset
        if not hasattr(dataset, "rebatch") or not hasattr(dataset, "shard"):
            raise ArgumentError(
                f"[distribute_dataset] expected a batched tf.data.Dataset to take a part of, got "
                f"{type(dataset).__name__}; give each process its own data and pass `auto_shard_dataset=False`."
            )
        size = int(tree.flatten(next(iter(dataset)))[0].shape[0])
        if size % shards:
            raise ArgumentError(
                f"[distribute_dataset] expected batches that {shards} processes can divide, got {size} samples."
            )
        return dataset.rebatch(size // shards).shard(shards, self.data_shard_id)

    distribute_tf_dataset = distribute_dataset

    def __repr__(self) -> str:
        return f"<{type(self).__name__} device_mesh={self._device_mesh}>"


class DataParallel(Distribution):
    """Every device has the whole model and computes a part of each batch.

    On JAX the devices of one process, or of all that `initialize` has brought together, work as one; training gives
    what it gives on one device. A batch that cannot be divided among the devices is computed by each of them.

    On torch each process has one device: start as many as you want (`torchrun script.py`), call `initialize` in each,
    and run the same script on the same data. Processes start from the weights of the first, take their part of every
    batch (which needs the same shuffles: `initialize` gives them the same seeds), and average their gradients. Metrics
    are those of all data at the end of an epoch and of `evaluate`, `predict` gives all outputs; in between, logs are
    those of the process. Statistics of BatchNormalization are each process's own (`synchronized=True` for those of the
    batch) and averaged when an epoch ends. Every process must make the same calls of `fit`, `evaluate` and `predict`.

    Args:
        device_mesh: a mesh with one axis; of several, batches are split over the first.
        devices: names of devices, in place of a mesh; `list_devices()` if both are None.
        auto_shard_dataset: whether each of several processes takes its part of batches that all of them have; False if
            the data of the processes are parts already.

    Raises:
        ArgumentError: both a mesh and devices are given.
        UnsupportedError: on TensorFlow and NumPy.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     parallel = kfront.distribution.DataParallel(devices=["cpu:0"])
    ...     with parallel.scope():
    ...         model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(1)])
    >>> model.weights[0].layout.axes
    (None, None)
    """

    def __init__(self, device_mesh: Any = None, devices: Any = None, auto_shard_dataset: bool = True) -> None:
        if device_mesh is not None and devices is not None:
            raise ArgumentError("[DataParallel] expected one of `device_mesh` and `devices`, got both.")
        if device_mesh is None:
            devices = list_devices() if devices is None else list(devices)
            device_mesh = DeviceMesh((len(devices),), ["batch"], devices)
        if len(check_mesh("DataParallel", device_mesh).shape) > 1:
            warnings.warn(
                f"[DataParallel] expected a mesh with one axis, got {device_mesh}; batches are split over its first "
                f"axis, {device_mesh.axis_names[0]!r}.",
                stacklevel=2,
            )
        super().__init__(device_mesh, None, auto_shard_dataset)


class ModelParallel(Distribution):
    """Variables are split over the devices as a `LayoutMap` says, and batches over one axis of the mesh.

    A variable that no key fits has a copy on each device. Slots of optimizers have the layout of their variables. A key
    that fits the path of a layer with "/output" behind it gives the layout of what the layer computes.

    A variable that is split over the axis of the batches is gathered where it is read, as in sharded data parallelism;
    one that is split over another axis is computed with in parts. On JAX the compiler finds out what has to be
    exchanged (GSPMD: Xu et al., 2021, https://arxiv.org/abs/2105.04663), on torch DTensors do. There each process has
    one device (`torchrun script.py`), calls `initialize`, and runs the same script on the same data.

    Args:
        layout_map: layouts by path, on the mesh to use.
        batch_dim_name: axis of the mesh over which batches are split; the first if None.
        auto_shard_dataset: as for `DataParallel`.
        **kwargs: `device_mesh`, which has to be that of `layout_map`.

    Raises:
        ArgumentError: `layout_map` is none.
        UnsupportedError: on TensorFlow and NumPy.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("jax"):
    ...     mesh = kfront.distribution.DeviceMesh((1, 1), ["batch", "model"], devices=["cpu:0"])
    ...     layouts = kfront.distribution.LayoutMap(mesh)
    ...     layouts[".*kernel"] = (None, "model")
    ...     with kfront.distribution.ModelParallel(layout_map=layouts).scope():
    ...         model = kfront.Sequential([kfront.Input((4,)), kfront.layers.Dense(2)])
    >>> [w.layout.axes for w in model.weights]
    [(None, 'model'), (None,)]
    """

    splits_variables = True

    def __init__(
        self,
        *,
        layout_map: object = None,
        batch_dim_name: str | None = None,
        auto_shard_dataset: bool = True,
        **kwargs: object,
    ) -> None:
        mesh = kwargs.pop("device_mesh", None)
        if kwargs:
            raise ArgumentError(f"[ModelParallel] expected known arguments, got {sorted(kwargs)}.")
        if not isinstance(layout_map, LayoutMap):
            raise ArgumentError(f"[ModelParallel] expected `layout_map` to be a LayoutMap, got {layout_map!r}.")
        if mesh is not None and mesh is not layout_map.device_mesh:
            raise ArgumentError("[ModelParallel] expected the mesh of `layout_map` as `device_mesh`, got another.")
        self._layout_map = layout_map
        super().__init__(layout_map.device_mesh, batch_dim_name, auto_shard_dataset)

    def get_variable_layout(self, variable: Variable) -> TensorLayout:
        """The layout of a variable: its own, that of the map for its path, or a copy on each device.

        Args:
            variable: a Variable.
        """
        own = getattr(variable, "_layout", None)
        found = own if own is not None else self._layout_map.for_variable(variable.path, tuple(variable.shape))
        return found if found is not None else super().get_variable_layout(variable)

    def get_tensor_layout(self, path: str) -> TensorLayout | None:
        """The layout of what a layer gives: that of the map for the path, else None.

        Args:
            path: the layer's path with "/output" behind it.
        """
        return self._layout_map[path]

    def _kf_adopt(self, layer: Layer) -> None:
        layer.__dict__["_kf_around"] = _Outputs(self, layer.__dict__.get("_kf_around"))


class _Outputs:
    """Wraps the calls of a layer: its outputs are put into the layout for its path; some run on rows of the batch.

    Args:
        distribution: the one the layer was made under.
        inner: the RematScope the layer was made in, or None.
    """

    def __init__(self, distribution: ModelParallel, inner: Any) -> None:
        self.distribution, self.inner = distribution, inner
        self.rows: Any = False  # not known yet

    def instead(self, layer: Layer, call: Callable[..., object], args: object, kwargs: object) -> Callable[..., Any]:
        """The function to call in place of `call`; a layer without a layout is called directly from then on."""
        layout = self.distribution.get_tensor_layout(f"{layer.path or layer.name}/output")
        inner = call if self.inner is None else self.inner.instead(layer, call, args, kwargs)
        b = layer._kf_backend
        if layout is None:
            rows = self._on_rows(layer)
            if rows is None:
                layer.__dict__["_kf_around"] = self.inner
            return inner if rows is None else rows(inner)

        def placed(*args: object, **kwargs: object) -> Any:
            return tree.map_structure(
                lambda x: b.distributor.constrain(x, layout.backend_layout) if b.is_tensor(x) else x,
                inner(*args, **kwargs),
            )

        return placed

    def _on_rows(self, layer: Layer) -> Callable[[AnyCallable], AnyCallable] | None:
        """What makes a function run on this process's rows of the batch, None if the layer does not go by rows."""
        if self.rows is False:
            found = layer._kf_backend.distributor.on_rows(self.distribution, layer.variables)
            self.rows = (
                found if found is not None and self.inner is None and by_rows(layer, self.distribution) else None
            )
            for part in layer._flatten_layers(include_self=False) if self.rows is not None else ():
                part.__dict__["_kf_around"] = None  # it is inside
        return self.rows

    def __reduce__(self) -> tuple[object, ...]:
        return _itself, (self.inner,)


def _itself(x: Tensor) -> Tensor:
    return x


def distribution() -> Any:
    """The current distribution, None without one.

    Example:

    >>> import kfront
    >>> print(kfront.distribution.distribution())
    None
    """
    return state.distribution


def set_distribution(value: object) -> None:
    """Make a distribution the current one of this thread: variables made from now on lie on its devices.

    Models are made, compiled, trained and used while it is current; steps of training are compiled for it.

    Args:
        value: a `DataParallel` or `ModelParallel`, or None for none.

    Raises:
        ArgumentError: it is none.

    Example:

    >>> import kfront
    >>> kfront.distribution.set_distribution(None)
    """
    if value is not None and not isinstance(value, Distribution):
        raise ArgumentError(f"[set_distribution] expected a DataParallel, a ModelParallel or None, got {value!r}.")
    state.distribution = value
    structure.version += 1  # compiled steps are looked at again
