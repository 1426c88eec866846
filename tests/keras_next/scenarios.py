"""What Keras has from 3.16 on, run with kfront and with Keras alike; as a script it writes Keras's values.

KERAS_BACKEND=jax python tests/keras_next/scenarios.py

The script needs the pre-release: `python -m pip install --pre keras-nightly` in an environment of its own.
"""

from __future__ import annotations

import json
import pathlib
import re
import warnings
from typing import Any

import numpy as np

VALUES = pathlib.Path(__file__).with_name("keras_values.json")
MODES = ("int8", "int4", "float8", "ternary")
ORDER = np.array([[0, 0, 2, 0], [1, 0, 2, 0], [2, 0, 3, 3], [3, 0, 0, 3]], "int32")
IMAGES = np.arange(4 * 6 * 8, dtype="float32").reshape(4, 6, 8, 1)
BOXES = np.array([[[0, 0, 4, 3], [5, 4, 2, 2]]] * 4, "float32")  # as corners or as sizes
FORMATS = ("xyxy", "xywh", "center_xywh", "rel_xyxy")
THRESHOLDS = (None, 0.0, 0.3)
GROUPS = (-1, 4)


def _numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def mosaic(K: Any) -> dict[str, Any]:
    """Windows for given images and centers."""
    host, out = K.ops.convert_to_numpy, {}
    tensors = lambda x: K.tree.map_structure(K.ops.convert_to_tensor, x)  # noqa: E731
    for form in FORMATS:
        layer = K.layers.Mosaic(offset=(0.3, 0.3), seed=2, bounding_box_format=form)
        given = {**layer.get_random_transformation(IMAGES, training=True), "permutation_order": tensors(ORDER)}
        boxes = BOXES / 10 if "rel" in form else BOXES
        labels = np.arange(8, dtype="float32").reshape(4, 2)
        found = layer.transform_bounding_boxes(tensors({"boxes": boxes, "labels": labels}), given)
        out[f"boxes {form}"] = {k: host(v).tolist() for k, v in found.items()}
    out["images"] = host(layer.transform_images(tensors(IMAGES), given)).ravel().tolist()
    out["masks"] = host(layer.transform_segmentation_masks(tensors(IMAGES.astype("int32")), given)).ravel().tolist()
    out["labels"] = host(layer.transform_labels(tensors(np.eye(4, dtype="float32")), given)).tolist()
    out["centers"] = host(given["mosaic_centers"]).tolist()
    return out


def ternary(K: Any) -> dict[str, Any]:
    """Outputs before and after `quantize`, and what is stored."""
    host, out = K.ops.convert_to_numpy, {}
    makes = {f"threshold {t}": lambda t=t: K.layers.TernaryDense(6, threshold=t, name="d") for t in THRESHOLDS}
    makes["Dense"] = lambda: K.layers.Dense(6, name="d")
    for tag, make in makes.items():
        layer = make()
        layer.build((None, 7))
        layer.set_weights([_numbers(7, 6), _numbers(6, seed=1)])
        before = host(layer(_numbers(3, 7, seed=2))).tolist()
        layer.quantize("ternary")
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        out[tag] = {
            "outputs": [before, host(layer(_numbers(3, 7, seed=2))).tolist()],
            "stored": [np.asarray(store[k]).astype("float64").tolist() for k in sorted(store)],
            "policy": layer.dtype_policy.name,
            "spec": {str(k): v for k, v in layer.variable_serialization_spec.items()},
        }
    return out


def specs(K: Any) -> dict[str, Any]:
    """Of layers with and without a quantized form."""
    L = K.layers
    made = (L.Embedding(5, 4), L.ReversibleEmbedding(5, 4), L.EinsumDense("ab,bc->ac", 3), L.ReLU(), L.LSTM(2))
    found = {type(x).__name__: x.variable_serialization_spec for x in made}
    return {name: spec and {str(k): v for k, v in spec.items()} for name, spec in found.items()}


def _model(K: Any) -> Any:
    L = K.layers
    inner = K.Sequential([K.Input((4, 8)), L.Dense(8, name="one"), L.BatchNormalization(name="norm")], name="inner")
    first = [K.Input((4,), dtype="int32"), L.Embedding(9, 8, name="table"), inner]
    return K.Sequential([*first, L.Dropout(0.1, name="noise"), L.Dense(2, name="two")], name="top")


def _told(report: Any) -> dict[str, Any]:
    last = lambda path: path.rpartition("/")[2]  # noqa: E731
    quantized = sorted([last(path), mode, scheme] for path, mode, scheme in report.quantized)
    return {"quantized": quantized, "skipped": sorted([last(path), why] for path, why in report.skipped)}


def reports(K: Any) -> dict[str, Any]:
    """What `quantize` says of each layer, and the bytes in the summary."""
    out: dict[str, Any] = {}
    for mode in MODES:
        model = _model(K)
        out[mode] = _told(model.quantize(mode, verbose=False))
        text = model.quantization_summary(verbose=False)
        out[mode]["bytes"] = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) bytes", text)]
    model = _model(K)
    out["filtered"] = _told(model.quantize("int8", filters="two", verbose=False))
    out["again"] = _told(model.quantize("int8", verbose=False))
    return out


def awq_problem(group: int) -> tuple[np.ndarray, np.ndarray]:
    """A table of inputs and a weight of shape (inputs, outputs)."""
    sizes = np.array([1, 1, 5, 0.2, 1, 3, 1, 1], "float32")
    weight = np.random.default_rng(11).standard_t(2, size=(8, 6)).astype("float32")
    return _numbers(11, 8, seed=4) * sizes, weight


def _awq(K: Any, group: int, clip: bool) -> dict[str, Any]:
    """How Keras quantizes a Dense whose inputs are the rows of a table, each as often; its layout differs."""
    table, weight = awq_problem(group)
    first, dense = K.layers.Embedding(11, 8), K.layers.Dense(6, use_bias=False)
    block = K.Sequential([K.Input((11, 8)), dense])
    model = K.Sequential([K.Input((11,), dtype="int32"), first, block])
    first.set_weights([table])
    dense.set_weights([weight])
    structure = {"pre_block_layers": [first], "sequential_blocks": [block]}
    config = K.quantizers.AWQConfig(
        [np.arange(11)] * 4,
        lambda tokens: tokens,
        num_samples=4,
        sequence_length=11,
        group_size=group,
        apply_clip=clip,
        quantization_layer_structure=structure,
    )
    model.quantize(config=config, verbose=False)
    found = {v.name: np.asarray(v).astype("float64") for v in dense.variables}
    packed = found["kernel"].astype("int64")
    values = np.stack([packed & 15, packed >> 4], 2).reshape(8, -1)[:, :6].T
    parts = {"values": values, "factors": found["awq_scales"], "scale": found["kernel_scale"].T}
    return {name: np.round(x, 7).tolist() for name, x in parts.items()}


def gammainc(K: Any) -> list[float]:
    """Values up to moderate arguments."""
    a, x = np.meshgrid([0.1, 0.5, 1, 3, 10], [0, 0.01, 0.5, 1, 4, 20])
    return K.ops.convert_to_numpy(K.ops.gammainc(a.astype("float32"), x.astype("float32"))).ravel().tolist()


def common(K: Any) -> dict[str, Any]:
    """All that both run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {f.__name__: f(K) for f in (mosaic, ternary, specs, reports, gammainc)}


def main() -> None:
    """Write Keras's values."""
    import keras

    awq = {f"{group} {clip}": _awq(keras, group, clip) for group in GROUPS for clip in (False, True)}
    VALUES.write_text(json.dumps({"version": keras.__version__, **common(keras), "awq": awq}) + "\n")


if __name__ == "__main__":
    main()
