"""SavedModels of functions over Variables."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.tensorflow.strings import tables_in
from kfront.backends.typing import Closure
from kfront.core import tree
from kfront.core.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from kfront.core.files import atomic_folder
from kfront.core.typing import Nested
from kfront.export.signature import named_outputs, standardize_signature

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.spec import KerasTensor
    from kfront.core.variable import Variable
    from kfront.models.model import Model


_FILES = frozenset(("saved_model.pb", "fingerprint.pb", "variables", "assets", "assets.extra", "keras_metadata.pb"))
_PYTHON = frozenset(("PyFunc", "PyFuncStateless", "EagerPyFunc"))  # ops that need the process that made them
_GROUPS = ("variables", "trainable_variables", "non_trainable_variables")
Trackable = tf.__internal__.tracking.Trackable


class Archive:
    """What `kfront.export.ExportArchive` collects, on the object that will be saved."""

    options: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.root: Any = tf.__internal__.tracking.AutoTrackable()
        self.endpoints: dict[str, Any] = {}  # name -> its signature for serving
        self._held: dict[int, tuple[tf.Variable, bool]] = {}  # of each tf.Variable: itself, and whether it is trained
        self._others: list[object] = []

    def taken(self, name: str) -> bool:
        """Whether the saved object has this attribute."""
        return name in _GROUPS or hasattr(self.root, name)

    def native(self, variable: Variable) -> tf.Variable:
        """The `tf.Variable` of a Variable."""
        return variable._value

    def _hold(self, variables: Iterable[tf.Variable]) -> None:
        for v in variables:
            held = self.native(v)
            self._held[id(held)] = (held, bool(v.trainable))

    def group(self, name: str) -> list[tf.Variable]:
        """The variables that are held: all, those that are trained, or the others."""
        return [v for v, trained in self._held.values() if name in (_GROUPS[0], _GROUPS[1 if trained else 2])]

    def track(self, resource: object, variables: list[Variable] | None) -> None:
        """Save variables, or a trackable object."""
        if variables is not None:
            self._hold(variables)
        elif isinstance(resource, Trackable):
            self._others.append(resource)
        else:
            raise ArgumentTypeError(
                f"[ExportArchive] expected a layer, a model or an object that TensorFlow can track, got {resource!r}."
            )

    def function(self, fn: Closure[Tensor], signature: tuple[Nested[KerasTensor], ...]) -> Closure[Tensor]:
        """`fn` in TensorFlow's ops."""
        return fn if inspect.isroutine(inspect.unwrap(fn)) else lambda *inputs: fn(*inputs)

    def endpoint(
        self, name: str, fn: Closure[Tensor], signature: tuple[Nested[KerasTensor], ...] | None, **options: object
    ) -> Any:
        """Add a function, which is traced here."""
        if signature is None:
            traced, signature = _as_traced(fn)
        else:
            specs = tree.map_structure(_spec, signature)
            traced = tf.function(self.function(fn, signature, **options), input_signature=specs, autograph=False)
            graph = traced.get_concrete_function().graph
            _refuse_python(graph, name)
            self._others.extend(tables_in(graph))
            for v in graph.variables:
                self._held.setdefault(id(v), (v, v.trainable))
        setattr(self.root, name, traced)
        self.endpoints[name] = _served(traced, signature)  # traced here too: saving happens outside of the scopes
        return traced

    def try_out(self, traced: Any, signature: tuple[Nested[KerasTensor], ...], source: str) -> None:
        """See that a function runs, which is not told from its graph where another engine wrote it.

        Raises:
            UnsupportedError: if it does not.
        """
        example = tree.map_structure(lambda x: tf.zeros([1 if n is None else n for n in x.shape], x.dtype), signature)
        before = [(v, tf.identity(v)) for v, _ in self._held.values()]
        try:
            traced(*example)
        except tf.errors.OpError as error:
            raise UnsupportedError(
                f"[export] expected operations that TensorFlow {tf.__version__} can run, got newer ones from {source}; "
                "do `kfront.convert(model, 'tensorflow')` and export that."
            ) from error
        finally:
            for v, value in before:
                v.assign(value)

    def collection(self, name: str, variables: list[Variable]) -> None:
        """Add a list of variables."""
        setattr(self.root, name, [self.native(v) for v in variables])

    def save(self, path: str, options: tf.saved_model.SaveOptions | None = None) -> None:
        """Write it, whole or not at all."""
        for group in _GROUPS:
            setattr(self.root, group, self.group(group))
        self.root._others = self._others
        signatures = {"serving_default": next(iter(self.endpoints.values())), **self.endpoints}
        with atomic_folder(path, _FILES) as folder:
            try:
                tf.saved_model.save(self.root, str(folder), signatures=signatures, options=options)
            except ValueError as error:  # a gradient that reads tensors, as those of float8 layers do
                if options is not None or "custom gradients" not in str(error):
                    raise
                options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
                tf.saved_model.save(self.root, str(folder), signatures=signatures, options=options)


def write_tf_saved_model(model: Model, signature: tuple[Nested[KerasTensor], ...], path: str) -> None:
    """A model as a SavedModel with the endpoint "serve"."""
    archive = Archive()
    archive.track(model, list(model.variables))
    archive.endpoint("serve", model, signature)
    archive.save(path)


def _spec(x: Tensor) -> Any:
    return tf.TensorSpec(x.shape, x.dtype, name=x.name)


def _as_traced(fn: Closure[Tensor]) -> tuple[Any, tuple[Any, ...]]:
    """A `tf.function` that has been called, and the arguments that it was called with first."""
    listed = getattr(fn, "_list_all_concrete_functions", None)
    found = listed() if listed is not None else []
    if not found:
        raise ArgumentError(
            "[ExportArchive] expected `input_signature`, or a `tf.function` that has been called, got neither."
        )
    _refuse_python(found[0].graph, found[0].name)
    args, kwargs = found[0].structured_input_signature
    if kwargs:
        raise ArgumentError(f"[ExportArchive] expected positional arguments only, got {', '.join(kwargs)} besides.")
    return fn, standardize_signature(args)


def _served(traced: Any, signature: tuple[Nested[KerasTensor], ...]) -> Any:
    """A function of named tensors that returns a dict of them, as TF Serving wants it."""
    flat = tree.flatten(signature)

    def serve(**named: Tensor) -> dict[str, object]:
        return named_outputs(traced(*tree.pack_sequence_as(signature, [named[x.name] for x in flat])))

    return tf.function(serve, autograph=False).get_concrete_function(**{x.name: _spec(x) for x in flat})


def _refuse_python(graph: Any, name: str) -> None:
    """See that a graph runs without Python.

    Raises:
        UnsupportedError: if it does not.
    """
    saved = graph.as_graph_def()
    kinds = {n.op for n in saved.node}.union(n.op for f in saved.library.function for n in f.node_def)
    if kinds & _PYTHON:
        raise UnsupportedError(
            f"[export] expected TensorFlow's ops in {name!r}, got calls of Python (layers for strings, "
            "`numpy_function`), which a file cannot hold; apply them to the data before."
        )
