"""Resumable training state: another process can continue a `fit` from it and ends with the same bits.

The state of a run is: the model's and optimizer's variables, those of metrics and seed generators, the generators of
random numbers of Python, NumPy and the engine, the state of callbacks, and the position in the data. The last is
restored by setting the generators to what they were when the epoch's iterator was made, and passing over the batches
and skipping the batches sources that know their own position (`state_dict`, `get_state`) are asked for it instead.
"""

from __future__ import annotations

import hashlib
import io
import json
import random as python_random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from kfront.backends import is_loaded
from kfront.core import tree
from kfront.core.dtypes import numpy_dtype, standardize
from kfront.core.errors import SavingError
from kfront.core.state import named
from kfront.core.typing import Config, Tensor
from kfront.training.logs import python_logs

if TYPE_CHECKING:
    from kfront.callbacks import CallbackList
    from kfront.training.data import Data
    from kfront.training.trainer import Trainer

# ---- generators of random numbers ------------------------------------------------------------------------------------


def random_state(engines: Any) -> Config:
    """States of the generators of Python, NumPy and of engines.

    Args:
        engines: Backend objects.
    """
    version, words, gauss = python_random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state()
    return {
        "python": [version, np.array(words, dtype="uint32"), gauss],
        "numpy": [kind, np.array(keys), int(position), int(has_gauss), float(cached)],
        "engines": {b.name: b.random_state() for b in engines},
    }


def set_random_state(saved: Any) -> None:
    """Set the generators to what `random_state` gave, those of engines that are not loaded left out."""
    version, words, gauss = saved["python"]
    python_random.setstate((version, tuple(words.tolist()), gauss))
    kind, keys, position, has_gauss, cached = saved["numpy"]
    np.random.set_state((kind, keys, position, has_gauss, cached))
    for name, state in saved["engines"].items():
        if is_loaded(name):
            named(name).set_random_state(state)


# ---- one fit ---------------------------------------------------------------------------------------------------------


class Progress:
    """The training state of a running `fit`, for a callback that saves it.

    Args:
        model: the model.
        data: its data.
        callbacks: the CallbackList.

    Attributes:
        taken: batches that earlier epochs took from the iterator of this one.
        resumed: the snapshot that the run continues from, None for a run from the beginning.
        stored: model -> the variables that the callback writes into a weights file; snapshots hold the others.
    """

    def __init__(self, model: Trainer, data: Data, callbacks: CallbackList) -> None:
        self.model, self.data, self.callbacks = model, data, callbacks
        self._engines = [named(n) for n in sorted({model._kf_backend.name, *data.engines})]
        self._mark: object = None
        self._specs: object = None
        self._load: Callable[[], None] | None = None
        self._together = False
        self._validation: Any = None
        self._validation_mark: object = None
        self.taken: int = 0
        self.resumed: Config | None = None
        self.stored: Callable[[Any], Iterable[Any]] = lambda model: ()
        data.watch(self._random)

    @classmethod
    def of(cls, model: Trainer, data: Data, callbacks: CallbackList) -> Progress | None:
        """The state of a run, if one of its callbacks has a method `follow`, which takes it."""
        followers: list[Any] = [c for c in callbacks.callbacks if hasattr(c, "follow")]
        if not followers:
            return None
        made = cls(model, data, callbacks)
        for c in followers:
            c.follow(made)
        return made

    def _random(self) -> Config:
        return random_state(self._engines)

    # -- writing -------------------------------------------------------------------------------------------------------

    def begin_epoch(self) -> None:
        """Called before the iterator of an epoch is made."""
        self._mark = {"random": self._random(), "data": self.data.mark()}

    def first_batch(self, batch: object) -> None:
        """Record the shapes and dtypes of batches, so that a resumed model can be built before its data are read."""
        self._specs = tree.map_structure(_spec, batch)

    def validates_on(self, data: Any) -> None:
        """Called when the data of the validation are there, before they are used."""
        self._validation, self._validation_mark = data, self._random()
        saved = self.resumed and self.resumed["validation"]
        if saved:
            now, self._validation_mark = self._validation_mark, saved["random"]
            set_random_state(saved["random"])
            data.go_to(saved["position"])
            set_random_state(now)

    def snapshot(self, epoch: int, batch: int) -> dict[str, Any]:
        """Everything that is not in a weights file.

        Args:
            epoch: the epoch that is continued.
            batch: batches of it that are done; 0 between epochs.
        """
        model = self.model
        last = model.__dict__.get("_kf_last_logs")
        return {
            "epoch": epoch,
            "batch": batch,
            "taken": self.taken,
            "specs": self._specs,
            "mark": self._mark,
            "position": self.data.position(),
            "validation": None
            if self._validation is None
            else {"random": self._validation_mark, "position": self._validation.position()},
            "random": self._random(),
            "variables": [[v.path, v.numpy()] for v in self._unsaved()],
            "callbacks": {name: c.state_dict() for name, c in self._listening()},
            "logs": python_logs(last, model._kf_backend) if batch and isinstance(last, dict) else None,
            "stopped": bool(model.stop_training),
        }

    def _listening(self) -> list[tuple[str, Any]]:
        """The callbacks that have state, by their class's name and a number."""
        counts: Counter[str] = Counter()
        out = []
        for c in self.callbacks.callbacks:
            if hasattr(c, "state_dict") and hasattr(c, "load_state_dict"):
                name = type(c).__name__
                out.append((f"{name} {counts[name]}", c))
                counts[name] += 1
        return out

    def _unsaved(self) -> list[Any]:
        """Variables of the run that are not written into a weights file."""
        saved = set(map(id, self.stored(self.model)))
        steps = self.model._kf_steps()
        steps.refresh()
        return [v for v in steps.all_variables if id(v) not in saved]

    # -- going on ------------------------------------------------------------------------------------------------------

    def go_on(self, snapshot: Config, load: Callable[[], None], together: bool = False) -> None:
        """Resume a run; the model is built without reading its data.

        Args:
            snapshot: what the earlier process wrote.
            load: sets the variables that have a place in a weights file.
            together: whether the other variables have the values of all processes together.
        """
        self.resumed, self._load, self._together = snapshot, load, together
        self._mark, self._specs = snapshot["mark"], snapshot["specs"]
        self.taken = snapshot.get("taken", 0)  # older ones have none
        self.model._kf_prepare(*self.zeros(), train=True)

    def zeros(self) -> Any:
        """A batch of zeros like the first one."""
        return tree.map_structure(_zeros, self._specs)

    def rest(self) -> Iterator[Any] | None:
        """What is left of the iterator of the interrupted run; None if the next epoch has a new one."""
        saved = self.resumed
        assert saved is not None
        mark, batch = saved["mark"], self.taken + saved["batch"]
        found = self.data.resume(
            mark["data"], saved["position"], batch, lambda state=None: set_random_state(state or mark["random"])
        )
        if found is not None or not batch:
            return found
        set_random_state(mark["random"])
        return self.data.batches(batch)

    def restore(self) -> None:
        """Set variables, callbacks and generators; called last before training continues.

        Raises:
            SavingError: the snapshot is of another model or another `compile`.
        """
        saved = self.resumed
        assert saved is not None and self._load is not None
        self._load()
        mine = self._unsaved()
        found = [(v.path, tuple(v.shape)) for v in mine]
        wanted = [(path, np.shape(value)) for path, value in saved["variables"]]
        if [shape for _, shape in found] != [shape for _, shape in wanted]:
            raise SavingError(
                f"[BackupAndRestore] expected a backup of this model and its `compile`, got one of other variables: "
                f"{wanted} instead of {found}; delete the backup to start from the beginning."
            )
        for v, (_, value) in zip(mine, saved["variables"], strict=True):
            v.assign(value)
        if self._together:
            self.model._kf_backend.distributor.share_out(mine)
        self.model._kf_last_logs = saved["logs"]
        self.model.stop_training = saved["stopped"]
        for name, c in self._listening():
            if name in saved["callbacks"]:
                c.load_state_dict(saved["callbacks"][name])
        set_random_state(saved["random"])


def _spec(x: Tensor) -> str | None:
    """Shape and dtype of an array as text, such as "float32 8 4"."""
    return None if x is None else " ".join([standardize(x.dtype), *map(str, x.shape)])


def _zeros(spec: str | None) -> object:
    if spec is None:
        return None
    dtype, *shape = spec.split()
    return np.zeros([int(n) for n in shape], "float32" if dtype in ("bfloat16", "string") else dtype)


# ---- snapshots as bytes ----------------------------------------------------------------------------------------------


def pack(snapshot: object) -> tuple[str, bytes]:
    """A snapshot as JSON and an `.npz` of its arrays; arrays that are equal are stored once.

    Raises:
        SavingError: it holds something else than plain values and arrays.
    """
    arrays: dict[str, np.ndarray] = {}

    def one(x: Any) -> Any:
        if x is None or isinstance(x, (bool, int, float, str)):
            return x
        if isinstance(x, np.generic):
            return x.item()
        if isinstance(x, dict):
            return {"dict": [[one(k), one(v)] for k, v in x.items()]}
        if isinstance(x, (list, tuple)):
            return {type(x).__name__ if type(x) in (list, tuple) else "list": [one(v) for v in x]}
        if isinstance(x, bytes):
            return {"bytes": x.hex()}
        if hasattr(x, "numpy"):
            x = x.numpy()
        if not isinstance(x, np.ndarray) or x.dtype.hasobject:
            raise SavingError(f"[BackupAndRestore] expected state of plain values and arrays, got {x!r}.")
        plain = x if x.dtype.kind in "fiubc" else np.frombuffer(x.tobytes(), "uint8")
        key = hashlib.blake2b(plain.tobytes() + repr((plain.shape, plain.dtype.str)).encode()).hexdigest()
        arrays[key] = plain
        return {"array": key, "shape": list(x.shape), "dtype": str(x.dtype)}

    facts = one(snapshot)
    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return json.dumps(facts), file.getvalue()


def unpack(text: str, arrays: bytes) -> Any:
    """The snapshot that `pack` made bytes of."""
    with np.load(io.BytesIO(arrays), allow_pickle=False) as found:

        def one(x: object) -> Any:
            if not isinstance(x, dict):
                return x
            if "dict" in x:
                return {one(k): one(v) for k, v in x["dict"]}
            if "array" in x:
                value, dtype = found[x["array"]], numpy_dtype(x["dtype"])
                return value if value.dtype == dtype else value.view(dtype).reshape(x["shape"])
            ((kind, items),) = x.items()
            if kind == "bytes":
                return bytes.fromhex(items)
            return tuple(map(one, items)) if kind == "tuple" else [one(v) for v in items]

        return one(json.loads(text))
