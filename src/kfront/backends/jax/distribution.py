"""Meshes and layouts of `kfront.distribution` as those of `jax.sharding`.

Variables and batches are put where they belong, and XLA makes of a compiled step one program for all devices: the
numbers are those of one device. So nothing but the placement stands here.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax import Array, lax
from jax._src.distributed import global_state  # private: the client of the coordination service
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec, Sharding

from kfront.backends.distributor import Distributor, Part, ReadPart
from kfront.backends.jax.common import TRACER, canonical
from kfront.backends.jax.native import JaxVariable, strong
from kfront.backends.jax.sparse import is_sparse
from kfront.backends.seeding import seed_together
from kfront.backends.typing import Closure
from kfront.core.errors import ArgumentError, ShapeError
from kfront.core.mesh import Unmade
from kfront.core.rng import make_default_seed
from kfront.core.settings import process_timeout
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from kfront.core.variable import Variable
    from kfront.distribution import Distribution, TensorLayout
    from kfront.training.trainer import Trainer


class PlacedVariable(JaxVariable):
    """A Variable whose values lie on a mesh; whatever is assigned is brought there."""

    _sharding: Sharding
    _divided = True

    def _make(self, value: Any) -> None:
        if type(value) is Unmade:
            if not self._sharding.is_fully_addressable:
                self._dtype = canonical(self._dtype)
                kind = np.dtype(self._dtype)
                self._value = from_parts(self._shape, self._sharding, lambda *at: value.part(*at).astype(kind))
                return
            value = value.whole()
        if isinstance(value, TRACER):
            super()._make(value)
            return
        self._dtype = canonical(self._dtype)
        with jax.ensure_compile_time_eval():
            self._value = put(np.array(value, self._dtype), self._sharding)

    def _write(self, value: Array) -> None:
        super()._write(put(strong(value), self._sharding))

    def _outcome(self) -> Array:
        return lax.with_sharding_constraint(strong(self._value), self._sharding)

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array, parts on other processes' devices included."""
        value = self._value
        return super().numpy() if value.is_fully_addressable else multihost_utils.process_allgather(value, tiled=True)

    def _kf_state(self) -> dict[str, object]:
        own = ("_layout", "_sharding")  # devices are those of this process
        return {k: v for k, v in super()._kf_state().items() if k not in own}


def _start(index: tuple[slice, ...]) -> tuple[int, ...]:
    """Where a part begins in the whole."""
    return tuple(s.start or 0 for s in index)


def _short(sharding: NamedSharding) -> NamedSharding:
    """The same sharding as compiled code gives it back, so that it takes its own results without compiling again."""
    axes = list(sharding.spec)
    while axes and axes[-1] is None:
        axes.pop()
    return NamedSharding(sharding.mesh, PartitionSpec(*axes))


def put(x: Array, sharding: Sharding) -> Array:
    """An array where it belongs; in compiled code, a demand on the compiler."""
    if isinstance(x, TRACER):
        return lax.with_sharding_constraint(x, sharding)
    if jax.process_count() == 1 or getattr(x, "sharding", None) == sharding:
        return jax.device_put(x, sharding)
    whole = np.asarray(x)
    return jax.make_array_from_callback(whole.shape, sharding, lambda index: whole[index])


def from_parts(shape: tuple[int, ...], sharding: Sharding, read: ReadPart) -> Array:
    """An array whose parts are read one by one, each once."""
    found: dict[tuple[int, ...], np.ndarray] = {}

    def part(index: tuple[slice, ...]) -> np.ndarray:
        offset = _start(index)
        if offset not in found:
            size = tuple(len(range(n)[s]) for n, s in zip(shape, index, strict=True))
            found[offset] = read(offset, size)
        return found[offset]

    return jax.make_array_from_callback(shape, sharding, part)


class _Store:
    """The coordination service's store of texts."""

    def __init__(self) -> None:
        self.client: Any = global_state.client

    def put(self, name: str, text: str) -> None:
        self.client.key_value_set(f"kfront/{name}", text, allow_overwrite=True)

    def find(self, name: str) -> str | None:
        try:
            return self.client.key_value_try_get(f"kfront/{name}")
        except jax.errors.JaxRuntimeError as error:
            if "NOT_FOUND" in str(error):
                return None
            raise


class JaxDistributor(Distributor):
    """Devices are those that JAX lists."""

    def devices(self, kind: str | None) -> list[str]:
        """Names of the devices."""
        try:
            return [f"{d.platform}:{d.id}" for d in jax.devices(kind)]
        except RuntimeError as error:
            raise self._unsupported(f"devices of kind {kind!r}") from error

    def processes(self) -> tuple[int, int]:
        """How many processes there are, and which this is."""
        return jax.process_count(), jax.process_index()

    def initialize(self, address: str | None, count: int | None, mine: int | None) -> None:
        """Connect to the first process; draw the seeds that it draws."""
        if count == 1:
            return
        # JAX has a watch of its own, which ends the process and names the other in its log; it waits 100 seconds else
        limit = {"heartbeat_timeout_seconds": process_timeout() + 10} if process_timeout() else {}
        try:
            jax.distributed.initialize(coordinator_address=address, num_processes=count, process_id=mine, **limit)
        except (RuntimeError, ValueError) as error:
            raise ArgumentError(
                "[initialize] expected a call before anything is computed, with `job_addresses`, `num_processes` and "
                f"`process_id` unless the cluster tells them, got {address!r}, {count} and {mine}: {error}"
            ) from error
        seed_together(int(multihost_utils.broadcast_one_to_all(np.int32(make_default_seed()))))
        self.start_watch(_Store(), "rank 0")

    def agreed(self, numbers: list[int]) -> list[int]:
        """The numbers that the first process gives."""
        if jax.process_count() == 1:
            return numbers
        halves = np.array([divmod(n, 1 << 31) for n in numbers], np.int32)  # 64-bit numbers are off by default
        return [int(high) << 31 | int(low) for high, low in multihost_utils.broadcast_one_to_all(halves)]

    def everyones(self, numbers: list[int]) -> list[list[int]]:
        """The numbers that each process gives; of at most 31 bits."""
        return multihost_utils.process_allgather(np.array(numbers, np.int32), tiled=False).tolist()

    def gather(self, arrays: Nested[np.ndarray]) -> list[Any]:
        """The arrays that each process gives."""
        text = np.frombuffer(pickle.dumps(arrays), np.uint8)
        sizes = [n for (n,) in self.everyones([len(text)])]
        padded = np.zeros(max(sizes), np.uint8)
        padded[: len(text)] = text
        found = multihost_utils.process_allgather(padded, tiled=False)
        return [pickle.loads(row[:n].tobytes()) for row, n in zip(found, sizes, strict=True)]

    # -- layouts ------------------------------------------------------------------------------------------------------

    def mesh(self, mesh: Any) -> Mesh:
        """A `jax.sharding.Mesh`."""
        known = {f"{d.platform}:{d.id}": d for d in jax.devices()}
        known.update({f"cpu:{d.id}": d for d in jax.devices("cpu")})
        found = [d if isinstance(d, jax.Device) else known.get(str(d)) for d in mesh.devices.flat]
        if None in found:
            missing = [str(d) for d, x in zip(mesh.devices.flat, found, strict=True) if x is None]
            raise ArgumentError(f"[DeviceMesh] expected devices among {sorted(known)}, got {missing}.")
        return Mesh(np.array(found).reshape(mesh.shape), tuple(mesh.axis_names))

    def layout(self, layout: TensorLayout) -> NamedSharding:
        """A `jax.sharding.NamedSharding`."""
        return NamedSharding(layout.device_mesh.backend_mesh, PartitionSpec(*layout.axes))

    def is_layout(self, x: Array) -> bool:
        """Whether `x` is a sharding."""
        return isinstance(x, jax.sharding.Sharding)

    def place(self, tensor: Array, layout: TensorLayout) -> Array:
        """The tensor in a sharding."""
        if not _fits(tensor.shape, layout):
            spec, mesh = getattr(layout, "spec", layout), getattr(layout, "mesh", layout)
            raise ShapeError(
                f"[distribute_tensor] expected a shape that the devices can divide as {spec}, got "
                f"{tuple(tensor.shape)} on {mesh}; change the layout or the mesh."
            )
        return put(tensor, layout)

    def constrain(self, tensor: Array, layout: TensorLayout) -> Array:
        """The tensor in a sharding, where that goes."""
        return put(tensor, layout) if _fits(tensor.shape, layout) else tensor

    # -- parts of Variables -------------------------------------------------------------------------------------------

    def shards(self, variable: Variable) -> list[Part]:
        """The parts of a Variable's value on the devices of this process."""
        variable = variable._handle
        if not isinstance(variable, PlacedVariable):
            return super().shards(variable)
        holders: dict[tuple[int, ...], set[int]] = {}
        for device, index in variable._sharding.devices_indices_map(variable.shape).items():
            holders.setdefault(_start(index), set()).add(device.process_index)
        own = {_start(part.index): part.data for part in variable._value.addressable_shards}
        me = jax.process_index()
        return [
            Part(offset, self.b.to_numpy(data), sorted(holders[offset]).index(me), len(holders[offset]))
            for offset, data in own.items()
        ]

    def assign_shards(self, variable: Variable, read: ReadPart) -> None:
        """Set the parts on the devices of this process."""
        variable = variable._handle
        if not isinstance(variable, PlacedVariable):
            super().assign_shards(variable, read)
            return
        variable._write(from_parts(variable.shape, variable._sharding, read))

    # -- models -------------------------------------------------------------------------------------------------------

    def check(self, distribution: Distribution) -> None:
        """Whether its devices are there."""
        _ = distribution.device_mesh.backend_mesh

    def lay_out(self, variable: Variable, layout: TensorLayout) -> None:
        """Let the Variable be made on the mesh."""
        variable._layout, variable.__class__ = layout, PlacedVariable
        variable._sharding = _short(layout.backend_layout)

    def step(self, run: Closure[Array], kind: str, distribution: Distribution, model: Trainer) -> Closure[Array]:
        """The step on batches that are split over the devices."""
        feed = _Feed(distribution)

        def step(*args: Any) -> Nested[Array]:
            if kind == "predict" or len(args) > 1:
                out = run(*feed(args, self.is_shared(distribution)))
            else:
                out = run([feed(batch, self.is_shared(distribution)) for batch in args[0]])
            if kind == "predict" and feed.processes > 1:
                return jax.tree_util.tree_map(lambda x: multihost_utils.process_allgather(x, tiled=True), out)
            return out

        expect = getattr(run, "expect", None)
        fed = lambda batch: feed(batch, distribution.auto_shard_dataset)  # noqa: E731
        step.expect = None if expect is None else lambda *batches: expect(*map(fed, batches))  # type: ignore[attr-defined]
        return step

    def outputs(self, outputs: Nested[Array], distribution: Distribution) -> Nested[Array]:
        """The outputs divided along the batch, as the targets are; else XLA may gather them to divide other axes."""
        mesh, axis = distribution.device_mesh.backend_mesh, distribution.batch_dim_name

        def laid_out(x: Array) -> Array:
            if not isinstance(x, TRACER) or not x.ndim or x.shape[0] % distribution.num_model_replicas:
                return x
            spec = PartitionSpec(axis, *[PartitionSpec.UNCONSTRAINED] * (x.ndim - 1))
            return lax.with_sharding_constraint(x, NamedSharding(mesh, spec))

        return jax.tree_util.tree_map(laid_out, outputs, is_leaf=is_sparse)


class _Feed:
    """Puts the arrays of a batch on the devices."""

    def __init__(self, distribution: Distribution) -> None:
        self.distribution = distribution
        self.processes, self.parts = distribution.num_processes, distribution.num_model_replicas
        self.known: dict[tuple[int, ...], Sharding] = {}  # shape -> sharding, of arrays that all processes have

    def __call__(self, batch: Nested[Array], shared: bool) -> Nested[Array]:
        """A batch on the devices.

        Args:
            batch: the arrays.
            shared: whether all processes have them; else they are this one's part.
        """
        shared = shared or self.processes == 1
        return jax.tree_util.tree_map(lambda x: self._put(x, shared), batch, is_leaf=is_sparse)

    def _put(self, x: Array, shared: bool) -> Array:
        if is_sparse(x) or x.dtype.kind in "OSUT":
            return x
        if not shared:
            layout = self.distribution.get_data_layout(x.shape).backend_layout
            return jax.make_array_from_process_local_data(layout, np.asarray(x))
        sharding = self.known.get(x.shape)
        if sharding is None:
            sharding = self.known[x.shape] = self._sharding(x.shape)
        return jax.device_put(x, sharding) if self.processes == 1 else put(np.asarray(x), sharding)

    def _sharding(self, shape: tuple[int, ...]) -> Sharding:
        """Split over the devices if that goes, else a copy on each (the last batch of an epoch, as a rule)."""
        layout = self.distribution.get_data_layout(shape)
        if shape and shape[0] % self.parts == 0:
            return layout.backend_layout
        return NamedSharding(layout.device_mesh.backend_mesh, PartitionSpec())


def _fits(shape: tuple[int, ...], sharding: Sharding) -> bool:
    try:
        sharding.shard_shape(tuple(shape))
    except (ValueError, IndexError):
        return False
    return True
