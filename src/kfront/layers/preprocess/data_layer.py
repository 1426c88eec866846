"""`DataLayer`: a layer that also runs inside input pipelines.

Inside `tf.data.Dataset.map` values are TensorFlow's, whatever engine the model is on; in a worker process some engines
cannot run at all. There the layer computes as a *guest* on another backend: the same `call` on the same weights.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Unpack

import numpy as np

from kfront.backends import backend_scope, current, get, owner_of
from kfront.core import tree
from kfront.core.dtypes import at_least_single, is_float
from kfront.core.spec import KerasTensor
from kfront.core.typing import Backend, LayerOptions, Tensor
from kfront.layers.base import Layer
from kfront.layers.call_signature import build_arguments, call_info
from kfront.layers.options import OptionLayer

_process = {"forked": False}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: _process.update(forked=True))


def _worker() -> tuple[int, ...]:
    """The number of this process below the main one, and those of its parents; () in the main process."""
    module = sys.modules.get("multiprocessing.process")
    return getattr(module.current_process(), "_identity", ()) if module is not None else ()


class DataLayer(OptionLayer):
    """A layer for model inputs that also works in `tf.data`, `grain` and `torch.utils.data` pipelines.

    It runs on its own backend, except

    - on tensors that another engine is tracing, as in `tf.data.Dataset.map`: it then is part of that trace;
    - on NumPy arrays in a forked worker process, if its engine cannot run there: it then computes with NumPy.

    A copy of the layer in a worker process draws random numbers of its own, the same in each run.
    """

    _kf_uncast = frozenset({"labels", "bounding_boxes"})  # halves hold no large coordinates and class numbers
    _home: tuple[int, ...]  # number of the process that it draws for
    autograph_info__ = True  # tells `tf.data` that this is no Python code to be rewritten

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.__dict__["_home"] = _worker()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer, on the backend that the values call for."""
        own = self._kf_backend
        if len(args) == 1 and type(args[0]) in own.types and type(args[0]) is not np.ndarray:
            return Layer._kf_run(self, *args, **kwargs)
        guest = self._guest(args, kwargs)
        if guest is None:
            return Layer._kf_run(self, *args, **kwargs)
        with backend_scope(guest):
            return self._run_as_guest(guest, args, kwargs)

    def convert_weight(self, weight: object) -> Any:
        """A weight as a tensor of the backend that the layer computes on at the moment."""
        return current().convert(weight)

    def _guest(self, args: object, kwargs: object) -> Any:
        """The backend to compute on if it is not the layer's own, else None."""
        own = self._kf_backend
        hosted = False
        for x in tree.flatten((args, kwargs)):
            if isinstance(x, np.ndarray):
                hosted = True
            elif isinstance(x, KerasTensor) or own.is_tensor(x):
                return None
            else:
                owner = owner_of(x)
                if owner is not None and not owner.has_value(x):
                    return owner
        return self._in_worker() if hosted and not own.is_tracing() else None

    def _in_worker(self) -> Any:
        """The backend for NumPy arrays: another than the layer's own only in a process where that cannot run."""
        worker = _worker()
        if worker != self._home:
            self.__dict__["_home"] = worker
            for layer in self._flatten_layers():
                for generator in layer._seed_generators:
                    generator.enter_worker(worker)
        return get("numpy") if _process["forked"] and not self._kf_backend.survives_fork else None

    def _run_as_guest(self, guest: Backend, args: Any, kwargs: Any) -> Any:
        info = call_info(type(self))
        compute = self.compute_dtype or ""
        cast = self.autocast and is_float(compute)

        def convert(x: Tensor, dtype: str = compute) -> Any:
            if not guest.is_tensor(x) and not hasattr(x, "__array__"):
                return x
            x = guest.convert(x)
            return guest.cast(x, dtype) if cast and is_float(guest.dtype_name(x.dtype)) else x

        def converted(x: object) -> Any:
            if not isinstance(x, dict):
                return tree.map_structure(convert, x)
            kept = lambda v: convert(v, at_least_single(compute))  # noqa: E731
            return {k: tree.map_structure(kept if k in self._kf_uncast else convert, v) for k, v in x.items()}

        args, kwargs = tuple(converted(a) for a in args), {k: converted(v) for k, v in kwargs.items()}
        named = info.bind(self.name, args, kwargs)
        if not self.built:
            shapes, more = build_arguments(info, named, guest.static_shape)
            self.build(*shapes, **more)
        if info.training:
            asked = self._kf_asked_training(named, info)
            named["training"] = self._kf_default_training() if asked is None else asked
        return self.call(**named)
