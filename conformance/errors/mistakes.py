"""Common mistakes: the same exception class on every backend, and a message that says what is wrong and what to do.

Each row is a function that makes the mistake, the class of the exception, and words that its message must hold.
"""

from __future__ import annotations

import functools
import os
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

import kfront
from kfront.core import errors
from kfront.core.files import NoFileError
from kfront.core.spec import NoValueError

from ..suite import Case
from . import of_layers, unusual
from .of_layers import Mistake

__all__ = ["MISTAKES", "cases"]


_x = of_layers.x


def _mlp(compiled: bool = True, units: int = 3, loss: str = "sparse_categorical_crossentropy") -> Any:
    layers = kfront.layers
    model = kfront.Sequential(
        [kfront.Input((4,)), layers.Dense(5, activation="relu", name="hidden"), layers.Dense(units, name="head")]
    )
    if compiled:
        model.compile(optimizer="sgd", loss=loss)
    return model


def _fit(x: Any, y: Any, **kwargs: Any) -> Any:
    return _mlp().fit(x, y, verbose=0, **kwargs)


def _labels(n: int) -> np.ndarray:
    return np.arange(n) % 3


def _two_outputs() -> Any:
    x = kfront.Input((4,))
    model = kfront.Model(x, [kfront.layers.Dense(1, name="a")(x), kfront.layers.Dense(1, name="b")(x)])
    model.compile(optimizer="sgd", loss="mse")
    return model


def _corrupt_file() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "broken.keras"
        path.write_bytes(b"this is no archive" * 10)
        return kfront.saving.load_model(path)


def _cut_file() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "cut.keras"
        _mlp().save(path)
        path.write_bytes(path.read_bytes()[: os.path.getsize(path) // 2])
        return kfront.saving.load_model(path)


def _wrong_weights() -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "a.weights.h5"
        _mlp().save_weights(path)
        return _mlp(units=7).load_weights(path)


def _unconnected() -> Any:
    a, b = kfront.Input((4,)), kfront.Input((4,))
    return kfront.Model(a, kfront.layers.Dense(1)(b))


def _duplicate_names() -> Any:
    return kfront.Sequential([kfront.layers.Dense(1, name="same"), kfront.layers.Dense(1, name="same")])


def _unbuilt_weights() -> Any:
    return kfront.Sequential([kfront.layers.Dense(2)]).count_params()


def _variable_shape() -> Any:
    return kfront.Variable(_x(2, 3)).assign(_x(3, 2))


def _dict_missing() -> Any:
    a, b = kfront.Input((4,), name="left"), kfront.Input((4,), name="right")
    model = kfront.Model([a, b], kfront.layers.Add()([a, b]))
    return model({"left": _x(2, 4)})


def _convolved(name: str, shape: tuple[int, ...], kernel: tuple[int, ...], layout: str) -> Any:
    return getattr(kfront.ops, name)(_x(*shape), _x(*kernel), 1, "same", data_format=layout)


def _layer(layer: Any, *shape: int) -> Any:
    return layer(kfront.ops.convert_to_tensor(_x(*shape)))


L = kfront.layers
O = kfront.ops  # noqa: E741
MISTAKES = [
    Mistake("wrong feature size", lambda: _mlp()(_x(2, 5)), errors.ShapeError, ("expected", "4", "(2, 5)")),
    Mistake("unknown loss", lambda: _mlp(loss="mean_sqared_error"), errors.ArgumentError, ("mean_sqared_error",)),
    Mistake(
        "unknown optimizer",
        lambda: _mlp(False).compile(optimizer="adma", loss="mse"),
        errors.ArgumentError,
        ("adma", "adam"),
    ),
    Mistake(
        "unknown metric",
        lambda: _mlp(False).compile(loss="mse", metrics=["acurracy"]),
        errors.ArgumentError,
        ("acurracy",),
    ),
    Mistake("slice larger than the tensor", lambda: O.slice(_x(2, 3), (0, 0), (2, 4)), errors.ShapeError, ("(2, 3)",)),
    Mistake(
        "update larger than the tensor",
        lambda: O.slice_update(_x(2, 3), (0, 0), _x(2, 4)),
        errors.ShapeError,
        ("(2, 3)",),
    ),
    Mistake("negative padding", lambda: O.pad(_x(2, 3), ((1, -1), (0, 0))), errors.ArgumentError, ("-1", "slices")),
    Mistake("unknown dtype", lambda: O.zeros((2,), dtype="float31"), errors.DTypeError, ("float31", "float32")),
    Mistake(
        "fit before compile", lambda: _mlp(False).fit(_x(4, 4), _labels(4)), errors.NotCompiledError, ("compile",), True
    ),
    Mistake("different numbers of samples", lambda: _fit(_x(8, 4), _labels(6)), errors.DataError, ("8", "6"), True),
    Mistake(
        "labels out of range", lambda: _fit(_x(4, 4), np.array([0, 1, 2, 3])), errors.DataError, ("3", "0 to 2"), True
    ),
    Mistake("negative labels", lambda: _fit(_x(4, 4), np.array([0, 1, -1, 2])), errors.DataError, ("-1",), True),
    Mistake(
        "NaN targets",
        lambda: _mlp(loss="mse", units=1).fit(_x(2, 4), np.array([[1.0], [np.nan]]), verbose=0),
        errors.DataError,
        ("NaN", "1"),
        True,
    ),
    Mistake("empty data", lambda: _fit(_x(0, 4), _labels(0)), errors.DataError, ("empty",), True),
    Mistake(
        "ragged rows", lambda: _fit(np.array([[1, 2], [1]], dtype=object), _labels(2)), errors.DataError, ("pad",), True
    ),
    Mistake("no targets", lambda: _fit(_x(4, 4), None), errors.DataError, ("y",), True),
    Mistake(
        "targets for one of two outputs",
        lambda: _two_outputs().fit(_x(4, 4), _x(4, 1), verbose=0),
        errors.DataError,
        ("a", "b"),
        True,
    ),
    Mistake(
        "split of everything",
        lambda: _fit(_x(4, 4), _labels(4), validation_split=1.0),
        errors.ArgumentError,
        ("validation_split",),
        True,
    ),
    Mistake(
        "batch size 0",
        lambda: _fit(_x(4, 4), _labels(4), batch_size=0),
        errors.ArgumentError,
        ("batch_size", "0"),
        True,
    ),
    Mistake(
        "targets beside a dataset",
        lambda: _fit(iter([(_x(2, 4), _labels(2))]), _labels(2)),
        errors.DataError,
        ("dataset",),
        True,
    ),
    Mistake("unconnected graph", _unconnected, errors.ArgumentError, ("input",)),
    Mistake("layer names twice", _duplicate_names, errors.ArgumentError, ("same", "name=")),
    Mistake("missing layer", lambda: _mlp().get_layer("hiden"), errors.ArgumentError, ("hiden", "hidden")),
    Mistake("parameters of an unbuilt model", _unbuilt_weights, errors.NotBuiltError, ("built",)),
    Mistake("missing named input", _dict_missing, errors.ArgumentError, ("right",)),
    Mistake("two inputs for one", lambda: _mlp()([_x(2, 4), _x(2, 4)]), errors.ShapeError, ("1", "2")),
    Mistake(
        "weights of another shape",
        lambda: _mlp().set_weights([_x(4, 5), _x(5), _x(5, 4), _x(3)]),
        errors.ShapeError,
        ("(5, 3)", "(5, 4)"),
    ),
    Mistake("assign of another shape", _variable_shape, errors.ShapeError, ("(2, 3)", "(3, 2)")),
    Mistake("unknown backend", lambda: kfront.config.set_backend("pytorch"), errors.BackendError, ("pytorch", "torch")),
    *(
        Mistake(
            f"{name} with a kernel for {n} channels, not 4, {layout}",
            functools.partial(_convolved, name, shape, kernel, layout),
            errors.ShapeError,
            (f"[{name}]", f"got {n}", str(kernel)),
        )
        for layout, shape in (("channels_last", (3, 6, 6, 4)), ("channels_first", (3, 4, 6, 6)))
        for n in (1, 2, 3, 8)  # groups would fit some
        for name, kernel in (("depthwise_conv", (3, 3, n, 2)), ("conv_transpose", (3, 3, 2, n)))
    ),
    Mistake(
        "matmul of sizes that differ", lambda: O.matmul(_x(2, 3), _x(4, 2)), errors.ShapeError, ("(2, 3)", "(4, 2)")
    ),
    Mistake("reshape to another size", lambda: O.reshape(_x(2, 3), (4, 2)), errors.ShapeError, ("(2, 3)", "(4, 2)")),
    Mistake("add of shapes that differ", lambda: O.add(_x(2, 3), _x(4, 3)), errors.ShapeError, ("(2, 3)", "(4, 3)")),
    Mistake(
        "concatenate of shapes that differ",
        lambda: O.concatenate([_x(2, 3), _x(2, 4)], 0),
        errors.ShapeError,
        ("(2, 3)", "(2, 4)"),
    ),
    Mistake(
        "a mask that is larger than the scores",
        lambda: O.dot_product_attention(*[_x(2, 1, 4, 3)] * 3, mask=np.ones((2, 1, 3, 1), bool)),
        errors.ShapeError,
        ("mask", "(2, 4, 1, 1)", "(2, 1, 3, 1)"),
    ),
    Mistake("axis out of range", lambda: O.sum(_x(2, 3), axis=5), errors.ShapeError, ("5",)),
    Mistake(
        "einsum of sizes that differ", lambda: O.einsum("ij,jk->ik", _x(2, 3), _x(4, 2)), errors.ShapeError, ("j",)
    ),
    Mistake("symbolic value in bool", lambda: bool(kfront.Input((2,))), NoValueError, ("symbolic",)),
    Mistake("symbolic value in NumPy", lambda: np.asarray(kfront.Input((2,))), NoValueError, ("symbolic",)),
    Mistake(
        "no layer in Sequential",
        lambda: kfront.Sequential([np.ones(3)]),
        errors.ArgumentTypeError,
        ("Layer", "ndarray"),
    ),
    Mistake("corrupt file", _corrupt_file, errors.SavingError, ("broken.keras",)),
    Mistake("file cut short", _cut_file, errors.SavingError, ("cut.keras",)),
    Mistake("weights of another model", _wrong_weights, errors.SavingError, ("(5, 7)", "(5, 3)")),
    Mistake(
        "missing file",
        lambda: kfront.saving.load_model("/nowhere/model.keras"),
        NoFileError,
        ("/nowhere/model.keras",),
    ),
    Mistake("no super().__init__", lambda: _forgot_init()(_x(2, 3)), errors.ArgumentError, ("super().__init__",)),
    *of_layers.MISTAKES,
]


def _forgot_init() -> Any:
    class Forgot(kfront.layers.Layer):
        def __init__(self) -> None:
            pass

        def call(self, x: Any) -> Any:
            return x

    return Forgot()


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """Every mistake on every backend, and unusual arguments."""
    yield from unusual.cases(backends, quick)
    for name in backends:
        trains = kfront.backends.get(name).trainable
        for row in MISTAKES:
            if trains or not row.trains:
                yield Case("errors", row.name, name, lambda row=row, name=name: _check(row, name))


def _check(row: Mistake, backend: str) -> None:
    with kfront.backend_scope(backend):
        try:
            row.make()
        except Exception as error:
            assert type(error) is row.error, f"expected {row.error.__name__}, got {type(error).__name__}: {error}"
            text = str(error)
            missing = [w for w in row.words if w not in text]
            assert not missing, f"the message lacks {missing}: {text}"
            assert text.startswith("["), f"the message does not name where it comes from: {text}"
            return
    raise AssertionError(f"expected {row.error.__name__}, nothing was raised")
