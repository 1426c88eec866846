"""Methods that a subclass overrides: which of them are called, in making, calling, training and cloning.

Each public method is overridden alone, by one that calls the class's own; then all at once, in training.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np

from ..acting import mapped, tensor
from ..made import make
from ..probing import Facts, Probe
from ..subjects import Subject

FAMILIES = ("layer", "object", "model")
MOST = 1  # subjects of a name
X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
Y = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2, 0, 1]]
PLACES = ("optimizers.schedules", "optimizers", "losses", "metrics", "initializers", "regularizers", "constraints")


def probes(subject: Subject) -> Iterator[Probe]:
    """One for each method, and one for all of them in training."""
    names = _methods(subject.made.path)
    for name in names:
        yield Probe(name, lambda package, name=name: _Watched(package, subject, {name}).facts())
    if names and _trained(subject):
        yield Probe("trained", lambda package: _Watched(package, subject, set(names)).trained())


def _methods(path: str) -> list[str]:
    """Names of the public methods of a class, as kfront has them."""
    import kfront

    cls = attrgetter(path)(kfront)
    if not inspect.isclass(cls):
        return []
    found = {n: inspect.getattr_static(cls, n) for n in dir(cls) if not n.startswith("_")}
    return sorted(n for n, f in found.items() if inspect.isfunction(f) and f.__module__.startswith("kfront"))


def _trained(subject: Subject) -> bool:
    place = subject.made.path.rpartition(".")[0]
    return subject.family == "layer" or place in (*PLACES, "callbacks")


class _Watched:
    """A subject of a class that notes which of some methods are called."""

    def __init__(self, package: Any, subject: Subject, names: set[str]) -> None:
        self.package, self.subject, self.called = package, subject, set[str]()
        self.found: Facts = {}
        cls = attrgetter(subject.made.path)(package)
        own = {n for n in names if inspect.isfunction(inspect.getattr_static(cls, n, None))}
        self.cls: Any = type(cls.__name__, (cls,), {n: self._noting(cls, n) for n in own})

    def _noting(self, cls: type, name: str) -> Callable[..., Any]:
        base = getattr(cls, name)

        @functools.wraps(base, updated=())  # the signature, but no marks
        def noting(one: Any, *args: Any, **kwargs: Any) -> Any:
            self.called.add(name)
            return base(one, *args, **kwargs)

        return noting

    def do(self, phase: str, run: Callable[[], Any]) -> Any:
        """Run, and note as facts what was called."""
        self.called.clear()
        with warnings.catch_warnings():  # which other kinds compare
            warnings.simplefilter("ignore")
            out = run()
        self.found.update({f"{phase}: {name}": True for name in self.called})
        return out

    def make(self, memo: dict[int, Any] | None = None) -> Any:
        """A new instance."""
        memo = {} if memo is None else memo
        args, kwargs = make(self.package, (self.subject.made.args, self.subject.made.kwargs), memo)
        memo[id(self.subject.made)] = one = self.cls(*args, **kwargs)
        return one

    def facts(self) -> Facts:
        """What is called without training."""
        memo: dict[int, Any] = {}
        one = self.do("new", lambda: self.make(memo))
        for i, use in enumerate(self.subject.uses):
            args, kwargs = mapped(tensor(self.package), make(self.package, (use.args, use.kwargs), memo))
            act = getattr(one, use.method) if use.method else one
            self.do(f"{use.method or 'call'} {i}", lambda act=act, args=args, kwargs=kwargs: act(*args, **kwargs))
        if self.subject.family == "layer":
            self.do("symbolic", self.model)
        if self.subject.family != "model" and hasattr(one, "get_config"):
            self.do("config", lambda: self.cls.from_config(one.get_config()))
        return self.found

    def model(self) -> tuple[list[np.ndarray], Any]:
        """The layer in a functional model, and arrays for its inputs."""
        use, arrays, inputs = self.subject.uses[0], list[np.ndarray](), list[Any]()

        def symbolic(a: np.ndarray) -> Any:
            arrays.append(a)
            dtype = "string" if a.dtype.kind in "USO" else a.dtype.name
            inputs.append(self.package.Input(batch_shape=(None, *a.shape[1:]), dtype=dtype))
            return inputs[-1]

        args, kwargs = mapped(symbolic, (use.args, use.kwargs))
        return arrays, self.package.Model(inputs, self.make()(*args, **kwargs))

    def trained(self) -> Facts:
        """What is called in `fit`, `evaluate` and `predict`, and of layers in cloning."""
        if self.package.config.backend() == "numpy":  # which does not train
            return {}
        if self.subject.family == "layer":
            arrays, model = self.model()
            self.do("predict", lambda: model.predict(arrays, verbose=0))
            self.do("clone", lambda: self.package.models.clone_model(model))
            model.compile("sgd", loss=lambda y, p: self.package.ops.mean(self.package.ops.cast(p, "float32")))
            targets = self.package.tree.map_structure(lambda _: np.zeros((len(arrays[0]), 1), "float32"), model.output)
            self.do("fit", lambda: model.fit(arrays, targets, verbose=0))
            return self.found
        model, more = self._with(self.make())
        self.do("fit", lambda: model.fit(X, Y, batch_size=4, epochs=2, verbose=0, validation_data=(X, Y), **more))
        self.do("evaluate", lambda: model.evaluate(X, Y, verbose=0, **more))
        self.do("predict", lambda: model.predict(X, verbose=0, **more))
        return self.found

    def _with(self, one: Any) -> tuple[Any, dict[str, Any]]:
        """A small model that uses the object, and further arguments of its methods."""
        k, place = self.package, self.subject.made.path.rpartition(".")[0]
        of_layer = {"initializers": "kernel_initializer", "regularizers": "kernel_regularizer"}
        of_layer["constraints"] = "kernel_constraint"
        options = {of_layer[place]: one} if place in of_layer else {}
        model = k.Sequential([k.Input((3,)), k.layers.Dense(3, activation="softmax", **options)])
        model.compile(
            optimizer=one if place == "optimizers" else k.optimizers.SGD(one if "schedules" in place else 0.1),
            loss=one if place == "losses" else "mse",
            metrics=[one] if place == "metrics" else [],
        )
        return model, {"callbacks": [one]} if place == "callbacks" else {}
