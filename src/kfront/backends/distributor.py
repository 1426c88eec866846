"""What `kfront.distribution` asks of an engine; one object per backend, made when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from kfront.backends.typing import Closure
from kfront.core.errors import UnsupportedError
from kfront.core.typing import Tensor

if TYPE_CHECKING:
    from kfront.backends.base import Backend
    from kfront.core.variable import Variable
    from kfront.distribution import Distribution, TensorLayout
    from kfront.models.model import Model


ReadPart: TypeAlias = Callable[[tuple[int, ...], tuple[int, ...]], np.ndarray]  # (offset, shape) -> values

# (gradients, their Variables) -> gradients
Reduction: TypeAlias = "Callable[[list[Any], list[Variable]], list[Any]]"


class Part(NamedTuple):
    """A part of a Variable's value, of those that this process holds.

    Attributes:
        offset: where it begins in the whole, a number for each dimension.
        array: its values.
        first: whether this process is the one to write it: the first of those that hold it.
    """

    offset: tuple[int, ...]
    array: np.ndarray
    first: bool


class Distributor:
    """How an engine runs models on several devices. This base does for one that runs on a single one.

    Args:
        backend: the Backend.
    """

    def __init__(self, backend: Backend) -> None:
        self.b = backend

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

    # -- parts of Variables -------------------------------------------------------------------------------------------

    def shards(self, variable: Variable) -> list[Part]:
        """The parts of a Variable's value that this process holds; no process makes the whole of a divided one."""
        return [Part((0,) * variable.ndim, variable._handle.numpy(), self.processes()[1] == 0)]

    def assign_shards(self, variable: Variable, read: ReadPart) -> None:
        """Set the parts that this process holds; every process calls it.

        Args:
            variable: the Variable.
            read: gives the values of a part, from its offset in the whole and its shape.
        """
        variable._handle.assign(read((0,) * variable.ndim, variable.shape))

    def share_out(self, variables: Iterable[Variable]) -> None:
        """Variables were given what all processes have together, or the first: keep or make this one's share of it."""

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

    def step(self, run: Callable[..., object], kind: str, distribution: Distribution, model: Model) -> Closure[Tensor]:
        """A compiled step or loop that is given whole batches.

        Args:
            run: the step, of native tensors or arrays; it may have `expect`.
            kind: "train", "test" or "predict".
            distribution: the current one.
            model: the model.
        """
        raise self._unsupported(type(distribution).__name__)

    def reduction(self, distribution: Distribution) -> Reduction | None:
        """What an optimizer does first with the gradients of Variables, None for nothing."""
        return None

    def gathered(self, model: Model, logs: object) -> AbstractContextManager[Any]:
        """Context in which metrics are those of all processes; it gives the logs of own steps, brought together."""
        return nullcontext(logs)
