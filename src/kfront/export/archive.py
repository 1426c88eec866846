"""`ExportArchive`: a SavedModel with several functions."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from typing import Any

from kfront.backends import backend_scope, current
from kfront.core.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from kfront.core.operators import VariableBase
from kfront.export.exporting import inference, refuse_host_layers
from kfront.export.signature import standardize_signature


class ExportArchive:
    """Functions and variables that are written as a TensorFlow SavedModel, for `tf.saved_model.load` and TF Serving.

    It works on the TensorFlow engine, and on JAX where TensorFlow is installed too. What is loaded again has each
    endpoint as a method, each collection as a list, and `variables`, `trainable_variables` and
    `non_trainable_variables`.

    Raises:
        UnsupportedError: on another engine.

    Example:

    >>> import kfront
    >>> with kfront.backend_scope("tensorflow"):
    ...     model = kfront.Sequential([kfront.Input((3,)), kfront.layers.Dense(2)])
    ...     archive = kfront.export.ExportArchive()
    ...     archive.track(model)
    ...     serve = archive.add_endpoint("serve", model, [kfront.InputSpec("float32", (None, 3))])
    ...     tuple(serve(kfront.ops.ones((4, 3))).shape)
    (4, 2)
    """

    def __init__(self) -> None:
        self._kf_backend = current()
        make = self._kf_backend.export_archive()
        if make is None:
            raise UnsupportedError(
                f"[ExportArchive] expected the tensorflow or jax engine, got {self._kf_backend.name!r}, which has no "
                "SavedModels; do `kfront.convert(model, 'tensorflow')` and make the archive inside "
                "`kfront.backend_scope('tensorflow')`."
            )
        self._archive = make()

    variables = property(lambda self: self._archive.group("variables"), doc="The `tf.Variable`s that are saved.")
    trainable_variables = property(lambda self: self._archive.group("trainable_variables"), doc="The trained ones.")
    non_trainable_variables = property(lambda self: self._archive.group("non_trainable_variables"), doc="The others.")

    def track(self, resource: Any) -> None:
        """Save the variables of a layer or model, or an object of TensorFlow such as a look-up table.

        Args:
            resource: the layer, model or trackable object.

        Raises:
            ArgumentTypeError: if it is none of these, or a layer of another engine.
            UnsupportedError: if one of its layers needs Python to run.
        """
        layer = hasattr(resource, "_flatten_layers")
        if layer and resource._kf_backend is not self._kf_backend:
            raise ArgumentTypeError(
                f"[ExportArchive] expected a layer of the {self._kf_backend.name} engine, got one of "
                f"{resource._kf_backend.name}; do `kfront.convert(layer, {self._kf_backend.name!r})`."
            )
        if layer:
            refuse_host_layers(resource, self._kf_backend)
        self._archive.track(resource, list(resource.variables) if layer else None)

    def add_endpoint(self, name: str, fn: Callable[..., Any], input_signature: object = None, **kwargs: object) -> Any:
        """Add a function that can be called after loading; the first one also is "serving_default".

        Args:
            name: name of the method.
            fn: takes and returns nested tensors of the engine; the Variables that it reads are saved. Layers are in
                inference mode unless it passes `training`.
            input_signature: list with an entry for each argument: structures of InputSpecs, KerasTensors,
                `tf.TensorSpec`s or tensors. None if `fn` is a `tf.function` that has been called.
            **kwargs: on JAX: `is_static`, whether what the function assigns to Variables is dropped (None: only if it
                assigns nothing), and `jax2tf_kwargs`, a dict for `jax2tf.convert`.

        Returns:
            The `tf.function`.

        Raises:
            ArgumentError: if the name is taken, or there is no signature.
            ArgumentTypeError: for options that the engine does not have.
        """
        self._check_name(name)
        if not callable(fn):
            raise ArgumentTypeError(f"[ExportArchive] expected `fn` to be callable, got {type(fn).__name__}.")
        if set(kwargs) - self._archive.options:
            raise ArgumentTypeError(
                f"[ExportArchive] expected options among {sorted(self._archive.options)}, got {sorted(kwargs)}."
            )
        given = inspect.signature(fn).parameters if inspect.isroutine(inspect.unwrap(fn)) else {}
        names = [n for n, p in given.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
        signature = None if input_signature is None else standardize_signature(input_signature, names)
        with backend_scope(self._kf_backend), inference():
            return self._archive.endpoint(name, fn, signature, **kwargs)

    def track_and_add_endpoint(self, name: str, resource: Any, input_signature: object, **kwargs: object) -> Any:
        """`track` a layer or model, and `add_endpoint` its call.

        Args:
            name: name of the method.
            resource: the layer or model.
            input_signature: as for `add_endpoint`.
            **kwargs: as for `add_endpoint`.

        Returns:
            The `tf.function`.
        """
        self.track(resource)
        return self.add_endpoint(name, resource, input_signature, **kwargs)

    def add_variable_collection(self, name: str, variables: object) -> None:
        """Add a list of variables that is an attribute after loading.

        Args:
            name: name of the attribute.
            variables: list, tuple or set of Variables.

        Raises:
            ArgumentTypeError: if it holds anything else.
            ArgumentError: if the name is taken.
        """
        self._check_name(name)
        if not isinstance(variables, (list, tuple, set)) or not all(isinstance(v, VariableBase) for v in variables):
            raise ArgumentTypeError(f"[ExportArchive] expected a list of Variables, got {variables!r}.")
        self._archive.collection(name, list(variables))

    def write_out(self, filepath: str | os.PathLike[str], options: object = None, verbose: bool = True) -> None:
        """Write the SavedModel; an older one of that path is replaced when the new one is complete.

        Args:
            filepath: path of the folder.
            options: `tf.saved_model.SaveOptions`.
            verbose: whether the endpoints are listed.

        Raises:
            ArgumentError: without an endpoint.
            SavingError: if the folder holds anything else, or cannot be written.
        """
        endpoints = self._archive.endpoints
        if not endpoints:
            raise ArgumentError("[ExportArchive] expected an endpoint at least, got none; call `add_endpoint`.")
        self._archive.save(os.fspath(filepath), options)
        if verbose:
            print(f"Exported to {os.fspath(filepath)} with the endpoints {', '.join(endpoints)}.")

    def _check_name(self, name: object) -> None:
        if not isinstance(name, str) or not name.isidentifier() or name.startswith("_"):
            raise ArgumentError(f"[ExportArchive] expected a name that can be a method's, got {name!r}.")
        if self._archive.taken(name):
            raise ArgumentError(f"[ExportArchive] expected a new name, got {name!r}, which is taken.")
