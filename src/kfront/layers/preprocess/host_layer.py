"""`HostLayer`: a layer that computes with NumPy on the host, for strings and 64-bit hashes, which engines lack.

Strings are NumPy arrays (or lists); on an engine that has tensors of strings, they may be those. What goes in has a
value as a rule, and the result is a tensor of the layer's engine. While an engine traces (`tf.data.Dataset.map`,
`tf.function`, `jax.jit`, `torch.compile`), the computation becomes ops of the engine where it has such, else a call
back to the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

import numpy as np

from kfront.backends import backend_scope, owner_of
from kfront.core import guard, tree
from kfront.core.spec import Abstract, KerasTensor
from kfront.core.typing import Backend, Config, LayerOptions, Store, Tensor, TensorLike
from kfront.layers.base import Layer
from kfront.layers.preprocess.adapting import host_array
from kfront.layers.preprocess.data_layer import DataLayer


class HostLayer(DataLayer):
    """Base of layers that compute with NumPy: a subclass defines `on_host` and `compute_output_shape`."""

    _kf_owns_weights = False

    by_engine = False  # whether an engine that has a kernel of its own for the layer is faster with it than NumPy is

    def __init__(self, **kwargs: Unpack[LayerOptions]) -> None:
        super().__init__(**kwargs)
        self.__dict__["host_handle"] = self._kf_backend.host_handle(self)

    def __setstate__(self, saved: dict[str, object]) -> None:
        super().__setstate__(saved)
        self.__dict__["host_handle"] = self._kf_backend.host_handle(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the layer on the host; KerasTensors are recorded."""
        if any(isinstance(x, KerasTensor) for x in tree.flatten((args, kwargs))):
            return Layer._kf_run(self, *args, **kwargs)
        if not self.built and not getattr(type(self).build, "_empty", False):  # of a subclass
            shape = lambda x: tuple(np.shape(x))  # noqa: E731
            whole = [isinstance(x, list) and not _tensors(x) for x in args]
            self.build(*(shape(x) if w else tree.map_structure(shape, x) for x, w in zip(args, whole, strict=True)))
        return self.call(*args, **kwargs)

    def on_host(self, inputs: TensorLike) -> Any:
        """The result for NumPy arrays in the structure of the inputs."""

    def output_dtype_for(self, inputs: TensorLike) -> Any:
        """The dtype of the result."""

    def call(self, inputs: Any) -> Any:
        """The result as a tensor of the layer's engine."""
        if self._kf_backend.compiling():
            return self._traced(self._kf_backend, inputs)
        leaves = [inputs] if isinstance(inputs, list) and not _tensors(inputs) else tree.flatten(inputs)
        for x in leaves:
            owner = owner_of(x)
            if owner is not None and not owner.has_value(x):
                return self._traced(owner, inputs)
        arrays = (
            host_array(inputs) if len(leaves) == 1 and leaves[0] is inputs else tree.map_structure(host_array, inputs)
        )
        self.__dict__["built"] = True
        worker = self._in_worker()
        native = self._kf_backend.native_layer(self) if worker is None and self.by_engine else None
        if native is not None:
            return native(self._kf_backend.convert(arrays))
        return self._give(worker or self._kf_backend, self.on_host(arrays))

    def _give(self, backend: Backend, result: np.ndarray) -> Any:
        """A result of `on_host` as a tensor; strings stay NumPy where the engine has none."""
        text = result.dtype.kind in "UO"
        if text and "string" not in backend.dtypes:
            return result
        out = backend.convert(result)
        return backend.to_sparse(out) if getattr(self, "sparse", False) else out

    def _traced(self, engine: Any, inputs: Any) -> Any:
        """The computation as a call from traced code back to the host."""
        flat = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        native = self.native_on(engine)
        if native is not None:
            with backend_scope(engine):
                out = native(*flat)
            return engine.to_sparse(out) if getattr(self, "sparse", False) else out
        specs = [Abstract(engine.static_shape(x), engine.dtype_name(x.dtype)) for x in flat]
        out = engine.host_call(self, flat, self.compute_output_spec(specs if len(specs) > 1 else specs[0]))
        return engine.to_sparse(out) if getattr(self, "sparse", False) else out

    def native_on(self, engine: Any) -> Any:
        """The layer as a function of an engine's tensors while that traces; None where it needs Python."""
        return self.in_ops(engine) or engine.native_layer(self)

    def in_ops(self, engine: Any) -> Any:
        """The layer as a function composed of ops; None where there are none for it."""
        return None

    def on_arrays(self, *arrays: np.ndarray) -> np.ndarray:
        """`on_host` as traced code calls it."""
        return self.on_host(arrays[0] if len(arrays) == 1 else arrays)

    def compute_output_spec(self, inputs: TensorLike) -> KerasTensor:
        """Shape and dtype of the result."""
        shapes = tree.map_structure(lambda x: tuple(x.shape), inputs)
        sparse = getattr(self, "sparse", False)
        return Abstract(self.compute_output_shape(shapes), self.output_dtype_for(inputs), sparse)

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """A layer from its config, which holds a vocabulary itself: the path of one is for the constructor.

        Raises:
            UnsafeFileError: for a path, unless the call that loads has ``safe_mode=False``.
        """
        for argument in ("vocabulary", "idf_weights"):
            guard.refuse_path(cls.__name__, argument, config.get(argument), in_config=True)
        return super().from_config(config)

    def get_build_config(self) -> Any:
        """Nothing is built."""
        return {}

    def save_own_variables(self, store: Store) -> None:
        """Files have no variables for this layer."""

    def load_own_variables(self, store: Store) -> None:
        """Files have no variables for this layer."""


def _tensors(values: Sequence[Tensor]) -> bool:
    """Whether a list holds several inputs, not the values of one."""
    return any(hasattr(v, "shape") and not isinstance(v, np.generic) for v in values)
