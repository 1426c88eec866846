"""What `kfront.distribution` asks of an engine; one object per backend, made when it is first asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from kfront.backends.leveling import Length, level
from kfront.backends.typing import Closure
from kfront.backends.watch import Store, Watch, digest
from kfront.core import tree
from kfront.core.errors import UnsupportedError
from kfront.core.settings import process_timeout
from kfront.core.state import distribution_on
from kfront.core.typing import AnyCallable, Config, Nested, Tensor

if TYPE_CHECKING:
    from kfront.backends.base import Backend
    from kfront.core.variable import Variable
    from kfront.distribution import Distribution, TensorLayout
    from kfront.training.trainer import Trainer


_HEAD = 64  # bytes

ReadPart: TypeAlias = Callable[[tuple[int, ...], tuple[int, ...]], np.ndarray]  # (offset, shape) -> values

# (gradients, their Variables) -> gradients
Reduction: TypeAlias = "Callable[[list[Any], list[Variable]], list[Any]]"


class Part(NamedTuple):
    """A part of a Variable's value, of those that this process holds.

    Attributes:
        offset: where it begins in the whole, a number for each dimension.
        array: its values.
        mine: which of the processes that hold it this is; the first one's values are meant where they may differ.
        copies: how many hold the same.
    """

    offset: tuple[int, ...]
    array: np.ndarray
    mine: int
    copies: int = 1


class Distributor:
    """How an engine runs models on several devices. This base does for one that runs on a single one.

    Args:
        backend: the Backend.
    """

    watch: Watch | None = None  # over the processes that `initialize` has brought together

    def __init__(self, backend: Backend) -> None:
        self.b = backend
        # of the batches that are under way, whether all processes have them; a loop over data of their own says so
        self.shared: deque[bool] = deque()

    def _unsupported(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"[distribution] expected an engine with {what}, got {self.b.name!r}: JAX and torch have DataParallel and "
            f"ModelParallel; {self.b.instead_of_distribution}"
        )

    # -- devices ------------------------------------------------------------------------------------------------------

    def devices(self, kind: str | None) -> list[str]:
        """Names of the devices of a kind, of accelerators before "cpu" for None."""
        if kind not in (None, "cpu"):
            raise self._unsupported(f"devices of kind {kind!r}")
        return ["cpu:0"]

    def processes(self) -> tuple[int, int]:
        """How many processes there are, and which this is."""
        return 1, 0

    def initialize(self, address: str | None, count: int | None, mine: int | None) -> None:
        """Bring processes together."""
        raise self._unsupported("processes that work together")

    def agreed(self, numbers: list[int]) -> list[int]:
        """The numbers that the first process gives, in all of them; every process calls it."""
        return numbers

    # -- layouts ------------------------------------------------------------------------------------------------------

    def mesh(self, mesh: object) -> object:
        """The engine's own mesh of a DeviceMesh."""
        raise self._unsupported("meshes of its own")

    def layout(self, layout: TensorLayout) -> object:
        """The engine's own layout of a TensorLayout."""
        raise self._unsupported("layouts of its own")

    def is_layout(self, x: Tensor) -> bool:
        """Whether `x` is a layout of the engine's own."""
        return False

    def place(self, tensor: Tensor, layout: TensorLayout) -> Tensor:
        """The tensor in a layout of the engine's own."""
        raise self._unsupported("layouts of its own")

    def constrain(self, tensor: Tensor, layout: TensorLayout) -> Tensor:
        """As `place`; a tensor that cannot be divided stays as it is."""
        raise self._unsupported("layouts of its own")

    def on_rows(
        self, distribution: Distribution, variables: Sequence[Variable]
    ) -> Callable[[AnyCallable], AnyCallable] | None:
        """How to run a function that goes by rows of the batch, and reads these Variables, on this process's rows.

        None where that makes no difference.
        """

    # -- parts of Variables -------------------------------------------------------------------------------------------

    def shards(self, variable: Variable) -> list[Part]:
        """The parts of a Variable's value that this process holds; no process makes the whole of a divided one."""
        return [Part((0,) * variable.ndim, variable._handle.numpy(), self.processes()[1])]

    def assign_shards(self, variable: Variable, read: ReadPart) -> None:
        """Set the parts that this process holds; every process calls it.

        Args:
            variable: the Variable.
            read: gives the values of a part, from its offset in the whole and its shape.
        """
        variable._handle.assign(read((0,) * variable.ndim, variable.shape))

    def share_out(self, variables: Iterable[Variable]) -> None:
        """Variables were given what all processes have together, or the first: keep or make this one's share of it."""

    # -- data ---------------------------------------------------------------------------------------------------------

    def everyones(self, numbers: list[int]) -> list[list[int]]:
        """The numbers that each process gives; every process calls it."""
        return [numbers]

    def gather(self, arrays: Nested[np.ndarray]) -> list[Any]:
        """The arrays that each process gives, of any length; every process calls it."""
        return [arrays]

    def is_shared(self, distribution: Distribution) -> bool:
        """Whether the batch of the step that begins is one that all processes have."""
        return self.shared.popleft() if self.shared else distribution.auto_shard_dataset

    def level(self, batches: Iterator[object], apart: bool, length: Callable[[], Length]) -> Iterator[Any]:
        """The batches of a loop, as steps of all processes take them.

        Args:
            batches: of this process.
            apart: whether they are a part of the data, whatever the distribution says of them.
            length: gives how much there is.
        """
        now = distribution_on(self.b)
        self.shared.clear()
        if now is None or now.num_data_shards == 1:
            return batches
        if now.auto_shard_dataset and not apart:
            return batches if self.watch is None else self._looked_at(batches, self.watch)
        return level(self, now.num_data_shards, now.num_model_replicas, batches, length())

    def _looked_at(self, batches: Iterator[object], watch: Watch) -> Iterator[Any]:
        """Batches that all processes have, compared by their shapes and first bytes."""
        for batch in batches:
            watch.note(tuple(map(self._glance, tree.flatten(batch))))
            yield batch

    # -- watching -----------------------------------------------------------------------------------------------------

    def start_watch(self, store: Store, keeper: str) -> None:
        """Watch over the processes from now on.

        Args:
            store: of them all.
            keeper: who keeps it.
        """
        if self.watch is None and process_timeout():
            self.watch = Watch(store, *self.processes(), keeper)

    def together(self) -> AbstractContextManager[None]:
        """Context of a loop that all processes run."""
        return nullcontext() if self.watch is None else self.watch.together()

    def compare(self, facts: Callable[[], Config]) -> None:
        """Raise an error if another process is about to do something else.

        Args:
            facts: gives what this one is about to do, by name.
        """
        if self.watch is not None:
            self.watch.compare(facts())

    def note(self, fact: object) -> None:
        """Something is done that all processes must do alike; the next step tells."""
        if self.watch is not None:
            self.watch.note((digest(fact),))

    def watched(self, step: Closure[Tensor], facts: Callable[[], Config]) -> Closure[Tensor]:
        """A step that is compared with those of other processes.

        Args:
            step: the step.
            facts: gives what it is, by name.
        """
        watch = self.watch
        if watch is None:
            return step
        name = digest(facts())

        def run(*args: object) -> Nested[Tensor]:
            watch.step((name,))
            return step(*args)

        run.expect = getattr(step, "expect", None)  # type: ignore[attr-defined]
        return run

    def _glance(self, x: object) -> int:
        """A number for the shape of an array and its first bytes, where these are in the host's memory."""
        if x is None:
            return 0
        if not isinstance(x, np.ndarray):
            x = self._kf_on_host(x)
        plain = isinstance(x, np.ndarray) and x.flags.c_contiguous and not x.dtype.hasobject and x.itemsize
        return hash((digest(x.reshape(-1)[: _HEAD // x.itemsize].tobytes()) if plain else 0, *x.shape))

    def _kf_on_host(self, x: object) -> Any:
        """A tensor as an array without a copy, where that can be; else the tensor."""
        try:
            return x if getattr(x, "is_cuda", False) or self.b.is_tensor(x) else np.asarray(x)
        except (TypeError, ValueError, RuntimeError):
            return x

    # -- models -------------------------------------------------------------------------------------------------------

    def check(self, distribution: Distribution) -> None:
        """Whether the engine has this kind of distribution.

        Raises:
            UnsupportedError: it has not.
        """
        raise self._unsupported(type(distribution).__name__)

    def lay_out(self, variable: Variable, layout: TensorLayout) -> None:
        """A Variable is about to be made in a layout; it has a shape and a path, but no value."""
        raise self._unsupported("layouts of Variables")

    def step(
        self, run: Callable[..., object], kind: str, distribution: Distribution, model: Trainer
    ) -> Closure[Tensor]:
        """A compiled step or loop that is given whole batches.

        Args:
            run: the step, of native tensors or arrays; it may have `expect`.
            kind: "train", "test" or "predict".
            distribution: the current one.
            model: the model.
        """
        raise self._unsupported(type(distribution).__name__)

    def outputs(self, outputs: Nested[Tensor], distribution: Distribution) -> Nested[Tensor]:
        """The outputs of a model in a step, laid out for the loss."""
        return outputs

    def reduction(self, distribution: Distribution) -> Reduction | None:
        """What an optimizer does first with the gradients of Variables, None for nothing."""
        return None

    def gathered(self, model: Trainer, logs: object) -> AbstractContextManager[Any]:
        """Context in which metrics are those of all processes; it gives the logs of own steps, brought together."""
        return nullcontext(logs)
