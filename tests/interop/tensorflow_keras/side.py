"""Evaluates the expressions of `cases.txt` on what `import keras` means and writes what each gives: `side.py OUT.json`.

A line is an expression. `~` before it: random, so its statistics are observed; `!`: its bits are.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras._tf_keras.keras as tf_keras  # isort: skip
from keras._tf_keras.keras import backend as K
from keras._tf_keras.keras import layers as L  # noqa: F401
from keras._tf_keras.keras.preprocessing import image as I
from keras._tf_keras.keras.preprocessing import sequence as S
from keras._tf_keras.keras.preprocessing import text as T

HERE = Path(__file__).parent
r = np.random.RandomState(0)
c = K.constant


def u(*shape: int, low: float = -1.0) -> Any:
    """Numbers of a uniform distribution as a tensor."""
    return c(r.uniform(low, 1, shape))


def ints(*rows: Any) -> Any:
    return c(rows, dtype="int32")


x, m, img, img1, vol, seq = u(2, 3, 4), u(3, 4), u(2, 6, 5, 3), u(2, 3, 6, 5), u(1, 4, 5, 6, 2), u(2, 7, 3)
k1, k2, k3, kt = u(3, 3, 4), u(2, 3, 3, 4), u(2, 2, 2, 2, 3), u(3, 3, 4, 3)
dw, pw = u(2, 2, 3, 2), u(1, 1, 6, 4)
i, b = ints([1, 2, 0], [3, 1, 1]), K.cast(ints([1, 0], [1, 1]), "bool")
p, one = c(r.dirichlet([1.0] * 4, size=2)), c([[0, 1, 0, 0], [0, 0, 0, 1.0]])
q, t, logits = u(2, 4, low=0), c(r.randint(0, 2, (2, 4))), u(2, 4)
steps = c(r.dirichlet([1.0] * 4, size=(2, 6)))
big = c(np.ones((4000, 5)))
s0, mask = c(np.zeros((2, 3))), K.cast(ints([1, 1, 0, 0, 1, 1, 1], [1, 0, 0, 0, 0, 0, 0]), "bool")
labels, few = c([[1, 2, 0], [2, 1, 1]]), ints(1, 3)


def cell(a: Any, s: Any) -> Any:
    return a + s[0] * 0.5, [a + s[0]]


def cell_with_constant(a: Any, s: Any) -> Any:
    return a * s[1], [a + s[0]]


def after(call: Any, *values: Any) -> Any:
    """What Variables hold after a call."""
    call()
    return [K.get_value(v) for v in values]


def assigned(name: str, *rest: Any) -> Any:
    """What a function that assigns returns, and what the Variable holds then."""
    v = K.variable([1.0, 2.0])
    return getattr(K, name)(v, *rest), K.get_value(v)


photos = r.randint(0, 256, (7, 12, 10, 3)).astype("float32")
photo, first = photos[0], photos[0].transpose(2, 0, 1)
classes = np.arange(7) % 3
texts = ["The cat sat, on the mat.", "A dog! The dog barked;\tat a CAT", "", "cat dog cat"]


def seeded(call: Any, seed: int = 3) -> Any:
    """A call after NumPy's generator has got a seed."""
    np.random.seed(seed)
    return call()


def taken(source: Any, count: int = 3) -> list[Any]:
    """The first batches."""
    iterator = iter(source)
    return [next(iterator) for _ in range(count)]


def folder() -> str:
    """A folder with images of three classes, some of them of other sizes, and files that are none."""
    where = Path(tempfile.mkdtemp())
    values = np.random.RandomState(5)
    for name, count in (("cats", 3), ("dogs", 4), ("eels", 2)):
        (where / name / "more").mkdir(parents=True)
        for n in range(count):
            array = values.randint(0, 256, (8 + n, 9, 3)).astype("float32")
            I.save_img(str(where / name / ("more" if n == 2 else ".") / f"{name}{n}.png"), array, scale=False)
        (where / name / "notes.txt").write_text("none")
    return str(where)


def fitted(*args: Any, of: Any = texts, **kwargs: Any) -> Any:
    """A Tokenizer that has seen texts."""
    tokenizer = T.Tokenizer(*args, **kwargs)
    tokenizer.fit_on_texts(of)
    return tokenizer


def state(thing: Any) -> Any:
    """What an object has in its public attributes, as far as it is plain."""
    plain = (int, float, str, bool, list, tuple, dict, np.ndarray, type(None))
    return {k: v for k, v in sorted(vars(thing).items()) if not k.startswith("_") and isinstance(v, plain)}


def saved(make: Any) -> list[str]:
    """The names of files that an iterator has written after a batch."""
    where = tempfile.mkdtemp()
    seeded(lambda: next(make(save_to_dir=where, save_prefix="p")))
    return sorted(os.listdir(where))


def mixed(call: Any, seed: int = 4) -> Any:
    """A call after Python's generator has got a seed."""
    random.seed(seed)
    return call()


files = folder()
steps12 = np.arange(24).reshape(12, 2)
G, D = S.TimeseriesGenerator, I.ImageDataGenerator  # the test knows these names
at = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
small = {"target_size": (4, 5), "batch_size": 3}
everything = {
    "rotation_range": 30, "width_shift_range": 0.2, "height_shift_range": [-1, 2], "shear_range": 10, "zoom_range": 0.2,
    "channel_shift_range": 20.0, "brightness_range": (0.5, 1.5), "horizontal_flip": True, "vertical_flip": True,
}  # fmt: skip


def frame(**columns: Any) -> Any:
    """A table of the images in the folder."""
    import pandas

    names = sorted(str(p.relative_to(files)) for p in Path(files).rglob("*.png"))
    return pandas.DataFrame(
        {
            "filename": names,
            "class": [n.split(os.sep)[0] for n in names],
            "size": np.arange(len(names)) * 1.5,
            "weight": np.arange(len(names)) + 1.0,
            "pair": [n.split(os.sep)[0][:1] for n in names],
            **columns,
        }
    )


def observed(value: Any, kind: str) -> Any:
    """A value as JSON."""
    if isinstance(value, dict):
        return {str(k): observed(v, kind) for k, v in value.items() if v is not files}
    if isinstance(value, (list, tuple, map)):
        return [observed(v, kind) for v in value]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if type(value) is float:
        return value
    if isinstance(value, keras.KerasTensor):
        return {"symbolic": list(value.shape), "dtype": keras.backend.standardize_dtype(value.dtype)}
    if K.is_sparse(value):
        value = K.to_dense(value)
    array = np.asarray(K.get_value(value))
    told = {"shape": list(array.shape), "dtype": str(array.dtype)}
    if kind == "!":
        bits = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]
        return told | {"bits": bits, "mean": round(float(array.mean()), 3) if array.size else None}
    if kind == "~":
        return told | {"statistics": [float(f(array)) for f in (np.mean, np.std, np.min, np.max)]}
    return told | {"values": array.astype("float64").ravel().tolist() if array.dtype.kind != "U" else array.tolist()}


def facts(expression: str) -> Any:
    """What an expression gives."""
    kind = expression[0] if expression[0] in "~!" else ""
    try:
        return observed(eval(expression.removeprefix(kind)), kind)
    except Exception as error:
        return {"error": [c.__name__ for c in type(error).__mro__], "text": str(error)[:300]}


def signature(name: str) -> Any:
    """The arguments of a function or class, and of a class's methods; `own` are those that it defines itself."""
    found = tf_keras
    for part in name.split("."):
        found = getattr(found, part)
    told: dict[str, Any] = {"": _arguments(found)}
    if isinstance(found, type):
        methods = {k: v for k in dir(found) if not k.startswith("_") and inspect.isfunction(v := getattr(found, k))}
        told |= {k: _arguments(v) for k, v in methods.items()} | {"own": sorted(methods.keys() & vars(found).keys())}
    return told


def _arguments(function: Any) -> list[str]:
    parameters = inspect.signature(function).parameters.values()
    return [str(p.replace(annotation=p.empty)) for p in parameters]


if __name__ == "__main__":
    lines = [line for line in (HERE / "cases.txt").read_text().splitlines() if line and not line.startswith("#")]
    names = (HERE / "names.txt").read_text().split()
    told = {"facts": {line: facts(line) for line in lines}, "signatures": {n: signature(n) for n in names}}
    Path(sys.argv[1]).write_text(json.dumps(told))
