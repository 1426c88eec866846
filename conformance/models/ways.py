"""The ways to run a model. Each is text, which is run after the program and printed with it: it makes `got` of `model`.

Names in braces: another engine, a folder for files, and the data as the engine's tensors.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

__all__ = ["SELDOM", "WAYS", "Way", "training", "written"]

TENSORS = "k.tree.map_structure(k.ops.convert_to_tensor, data)"
SELDOM = {"jax": 10}  # when `quick`, one program in so many runs eagerly: JAX compiles each op for each shape
SGD = 'model.compile(k.optimizers.SGD(0.02), "mse")'
TARGETS = 'target = k.tree.map_structure(lambda y: np.full(y.shape, 0.3, "float32"), model.predict(data, verbose=0))'
FIT = 'losses = model.fit(data, target, batch_size=3, epochs=3, shuffle=False, verbose=0).history["loss"]'


class Way(NamedTuple):
    """A way to run a model.

    Attributes:
        lines: what is run.
        engines: where.
        share: when `quick`, one program in so many is run so.
        exported: whether it is an export, with the batch's size left open.
    """

    lines: tuple[str, ...]
    engines: tuple[str, ...] = ("numpy", "torch", "jax", "tensorflow")
    share: int = 3
    exported: bool = False


OTHER = "got = other(data, training=False)"


def _exported(path: str, more: str, engine: str, read: str, share: int) -> Way:
    """Written for another runtime, with the batch's size left open, and read there."""
    opened = "opened = k.tree.map_structure(lambda x: k.InputSpec(x.dtype, (None, *x.shape[1:])), data)"
    export = f'model.export("{{folder}}/{path}", {more}verbose=False, input_signature=[opened])'
    return Way((f"{opened}; {export}", read), (engine,), share, exported=True)


WAYS = {
    "predict": Way(("got = model.predict(data, verbose=0)",), share=1),
    "json": Way(
        ("other = k.models.model_from_json(model.to_json())", f"other.set_weights(model.get_weights()); {OTHER}"),
    ),
    "keras file": Way(
        ('model.save("{folder}/m.keras")', f'other = k.saving.load_model("{{folder}}/m.keras"); {OTHER}'),
    ),
    "weights file": Way(
        (
            'model.save_weights("{folder}/m.weights.h5"); other = k.models.clone_model(model)',
            f'other.load_weights("{{folder}}/m.weights.h5"); {OTHER}',
        )
    ),
    "clone": Way((f"other = k.models.clone_model(model); other.set_weights(model.get_weights()); {OTHER}",)),
    "convert": Way(('got = k.convert(model, "{other}").predict(data, verbose=0)',)),
    "mesh": Way(
        (
            "with k.distribution.DataParallel(devices=k.distribution.list_devices()).scope(): "
            "other = k.models.clone_model(model)",
            "other.set_weights(model.get_weights()); got = other.predict(data, verbose=0)",
        ),
        ("jax",),
        6,
    ),
    "torch.compile": Way(
        (
            "import torch; torch._dynamo.reset()",
            'got = torch.compile(model, fullgraph=True, backend="eager")({tensors}, training=False)',
        ),
        ("torch",),
        6,
    ),
    "XLA": Way(("model.compile(jit_compile=True); got = model.predict(data, verbose=0)",), ("tensorflow",), 6),
    "torch.export": _exported(
        "m.pt2",
        'format="torch", ',
        "torch",
        'import torch; got = torch.export.load("{folder}/m.pt2").module()({tensors})',
        12,
    ),
    "SavedModel": _exported(
        "m",
        "",
        "tensorflow",
        'import tensorflow as tf; other = tf.saved_model.load("{folder}/m"); got = other.serve(data)',
        6,
    ),
    "StableHLO": _exported(
        "m",
        'format="stablehlo", ',
        "jax",
        'import jax; got = jax.export.deserialize(open("{folder}/m", "rb").read()).call(data)',
        12,
    ),
}


def training(eagerly: bool = False) -> tuple[str, ...]:
    """Three steps; `got` is the losses and what they changed in the weights."""
    compiled = SGD.replace('"mse")', '"mse", run_eagerly=True)') if eagerly else SGD
    before = f"before = [np.array(w) for w in model.get_weights()]; {TARGETS}"
    after = "got = [np.array(losses), *(50 * (a - b) for a, b in zip(model.get_weights(), before))]"
    return before, f"{compiled}; {FIT}", after


def written(lines: tuple[str, ...], folder: str, other: str = "numpy") -> tuple[str, ...]:
    """The lines of a way, with the names in braces filled in."""
    filled = {"{folder}": folder, "{other}": other, "{tensors}": TENSORS}
    return tuple(functools.reduce(lambda line, name: line.replace(name, filled[name]), filled, x) for x in lines)
