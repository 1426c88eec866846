"""The models that are compared, and what is compared of them: the same code for Keras's models and kfront's."""

from __future__ import annotations

import hashlib
import json
from typing import Any

FAMILIES = {
    "convnext": "ConvNeXtTiny ConvNeXtSmall ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge",
    "densenet": "DenseNet121 DenseNet169 DenseNet201",
    "efficientnet": " ".join(f"EfficientNetB{i}" for i in range(8)),
    "efficientnet_v2": " ".join(f"EfficientNetV2{s}" for s in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3Large MobileNetV3Small",
    "nasnet": "NASNetLarge NASNetMobile",
    "resnet": "ResNet50 ResNet101 ResNet152",
    "resnet_v2": "ResNet50V2 ResNet101V2 ResNet152V2",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "xception": "Xception",
}
NAMES = [name for names in FAMILIES.values() for name in names.split()]
ONE_OF_EACH = {family: names.split()[-1 if family == "nasnet" else 0] for family, names in FAMILIES.items()}

_NO_TOP = {"include_top": False}
_AVERAGE = {"include_top": False, "pooling": "avg"}
_LARGEST = {"include_top": False, "pooling": "max"}
# what other arguments change: (name, arguments)
ARGUMENTS: list[tuple[str, dict[str, Any]]] = [
    ("VGG16", {**_LARGEST, "input_shape": (40, 50, 3)}),
    ("VGG19", _AVERAGE),
    ("ResNet50", _LARGEST),
    ("ResNet50", {"classes": 7, "classifier_activation": None, "input_shape": (64, 64, 3)}),
    ("ResNet50V2", _NO_TOP),
    ("InceptionV3", _AVERAGE),
    ("InceptionResNetV2", _AVERAGE),
    ("Xception", _AVERAGE),
    ("MobileNet", {"alpha": 0.5, "depth_multiplier": 2, "input_shape": (128, 128, 3)}),
    ("MobileNet", _NO_TOP),
    ("MobileNet", {"alpha": 0.3, "dropout": 0.5, "input_shape": (100, 110, 4)}),
    ("MobileNetV2", {"alpha": 0.35}),
    ("MobileNetV2", {**_NO_TOP, "alpha": 1.4}),
    ("MobileNetV2", {**_AVERAGE, "alpha": 0.6, "input_shape": (101, 90, 3)}),
    ("MobileNetV3Small", {"minimalistic": True}),
    ("MobileNetV3Small", {"include_preprocessing": False, "alpha": 0.75, "dropout_rate": 0.0}),
    ("MobileNetV3Small", _NO_TOP),
    ("MobileNetV3Small", _AVERAGE),
    ("MobileNetV3Large", {"minimalistic": True, "alpha": 1.25}),
    ("DenseNet121", _AVERAGE),
    ("NASNetMobile", {**_LARGEST, "input_shape": (64, 64, 3)}),
    ("EfficientNetB0", {**_AVERAGE, "input_shape": (65, 70, 3)}),
    ("EfficientNetV2B0", {**_NO_TOP, "include_preprocessing": False}),
    ("EfficientNetV2S", _LARGEST),
    ("ConvNeXtTiny", {**_AVERAGE, "include_preprocessing": False}),
    ("ConvNeXtTiny", {**_LARGEST, "name": "mine"}),
    ("ConvNeXtTiny", _NO_TOP),
]
CHANNELS_FIRST = [
    n for n in ONE_OF_EACH.values() if not n.startswith(("ConvNeXt", "DenseNet", "NASNet"))
]  # Keras refuses these

# ---- which arguments are taken, which file is downloaded -------------------------------------------------------------

_LEAST = {"InceptionV3": 75, "InceptionResNetV2": 75, "Xception": 71}
_IMAGENET = {"weights": "imagenet"}


def _common(name: str) -> list[dict[str, Any]]:
    """Arguments that are taken or refused by every model."""
    low = _LEAST.get(name, 32)
    return [
        {"weights": None, "include_top": False, "input_shape": (low, low, 3)},
        {"weights": None, "include_top": False, "input_shape": (low - 1, low, 3)},
        {"weights": None, "include_top": False, "input_shape": (low, low - 1, 3)},
        {"weights": "nowhere.h5"},
        {**_IMAGENET, "classes": 10},
        {**_IMAGENET, "classifier_activation": "relu"},
        {**_IMAGENET, "include_top": False, "classes": 10},
    ]


_MORE: dict[str, list[dict[str, Any]]] = {
    "VGG16": [
        {"weights": None, "input_shape": (64, 64, 3), "pooling": "avg", "classes": 3},
        {**_IMAGENET, "input_shape": (64, 64, 3)},
    ],
    "ResNet50": [
        {"weights": None, "include_top": False, "input_shape": (64, 64, 5)},
        {**_IMAGENET, "input_shape": (64, 64, 3)},
    ],
    "MobileNet": [
        {"weights": None, "include_top": False},
        {"weights": None, "include_top": False, "input_shape": (None, None, 3)},
        {"weights": None, "input_shape": (None, None, 3)},
        {"weights": None, "input_shape": (96, 96, 1)},
        {"weights": None, "input_shape": (96, 96)},
        {"weights": None, "classifier_activation": None},
        {"weights": None, "alpha": 0.6, "input_shape": (100, 90, 3)},
        {**_IMAGENET, "input_shape": (96, 96, 3)},
        {**_IMAGENET, "input_shape": (128, 128, 3)},
        {**_IMAGENET, "input_shape": (160, 160, 3), "alpha": 0.25},
        {**_IMAGENET, "include_top": False, "input_shape": (96, 96, 3)},
        {**_IMAGENET, "include_top": False, "input_shape": (96, 128, 3), "alpha": 0.5},
        {**_IMAGENET, "include_top": False, "input_shape": (192, 192, 3), "alpha": 0.75},
        {**_IMAGENET, "include_top": False, "input_shape": (96, 96, 4)},
        {**_IMAGENET, "include_top": False, "input_shape": (None, None, 3)},
        {**_IMAGENET, "alpha": 0.6},
        {**_IMAGENET, "depth_multiplier": 2},
    ],
    "MobileNetV2": [
        {"weights": None, "include_top": False},
        {"weights": None, "alpha": 0.6, "input_shape": (100, 90, 3)},
        {**_IMAGENET, "alpha": 0.6},
        {**_IMAGENET, "input_shape": (100, 100, 3)},
        {**_IMAGENET, "input_shape": (96, 96, 3), "alpha": 1.4},
        {**_IMAGENET, "include_top": False, "input_shape": (200, 200, 3), "alpha": 0.35},
        {**_IMAGENET, "include_top": False, "input_shape": (160, 160, 3), "alpha": 1.3},
    ],
    "MobileNetV3Small": [
        {**_IMAGENET, "alpha": 0.5},
        {**_IMAGENET, "alpha": 0.75},
        {**_IMAGENET, "alpha": 0.75, "minimalistic": True},
        {**_IMAGENET, "minimalistic": True},
        {**_IMAGENET, "minimalistic": True, "include_top": False},
        {**_IMAGENET, "input_shape": (128, 128, 3)},
        {**_IMAGENET, "alpha": 0.75, "include_top": False},
    ],
    "MobileNetV3Large": [
        {**_IMAGENET, "alpha": 0.75},
        {**_IMAGENET, "minimalistic": True, "include_top": False},
        {"weights": None, "input_shape": (100, 90, 3), "alpha": 0.6},
        {"weights": None, "input_shape": (64, 64, 1)},
        {"weights": None, "include_top": False, "input_shape": (20, 64, 3)},
        {**_IMAGENET, "alpha": 0.75, "include_top": False},
        {**_IMAGENET, "minimalistic": True},
    ],
    "NASNetLarge": [{"weights": None, "include_top": False, "input_shape": (40, 40, 3)}],
    "NASNetMobile": [
        {**_IMAGENET, "input_shape": (100, 100, 3)},
        {**_IMAGENET, "include_top": False, "input_shape": (100, 90, 3)},
        {"weights": None, "include_top": False},
    ],
    "EfficientNetB0": [
        {"weights": None, "input_shape": (64, 64, 1)},
        {**_IMAGENET, "input_shape": (64, 64, 3)},
    ],
    "ConvNeXtTiny": [
        {**_IMAGENET, "input_shape": (64, 64, 3)},
        {"weights": None, "input_shape": (64, 64, 3), "classes": 7, "classifier_activation": None},
    ],
}
# with `input_tensor`: an input, or what a layer made of one
_TENSORS = [
    (name, {"weights": None, "include_top": top, "input_tensor": kind})
    for name in (
        "MobileNet",
        "MobileNetV2",
        "MobileNetV3Small",
        "NASNetMobile",
        "EfficientNetB0",
        "VGG16",
        "ConvNeXtTiny",
    )
    for top, kind in ((False, "input"), (False, "made"), (True, "input"))
]
# every model's files
FILES: list[tuple[str, dict[str, Any]]] = [
    (n, {**_IMAGENET, "include_top": top}) for n in NAMES for top in (True, False)
]
CALLS: list[tuple[str, dict[str, Any]]] = [
    *((n, a) for n in ONE_OF_EACH.values() for a in _common(n)),
    *((n, a) for n, rows in _MORE.items() for a in rows),
    *_TENSORS,
    ("MobileNetV2", {"weights": None, "input_tensor": "input", "input_shape": (64, 64, 3)}),
    ("MobileNetV2", {"weights": None, "input_tensor": "input", "input_shape": (96, 96, 3)}),
]


def with_tensor(library: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments with a symbolic tensor for the word that stands for it."""
    kind = arguments.get("input_tensor")
    if kind is None:
        return arguments
    image = library.Input((64, 64, 3), name="images")
    made = library.layers.Rescaling(2.0, name="before")(image) if kind == "made" else image
    return {**arguments, "input_tensor": made}


def outcome(name: str, arguments: dict[str, Any], build: Any, downloads: list[Any]) -> Any:
    """What a call gives: shapes, name and the files asked for (`downloads`), or that it is refused."""
    downloads.clear()
    try:
        model = build(name, arguments)
    except ValueError:
        return "ValueError"
    shapes = [list(x.shape) for x in (model.inputs[0], model.outputs[0])]
    imagenet = arguments.get("weights") == "imagenet"
    if arguments.get("input_tensor"):
        shapes.append([x.name for x in model.layers[:4]])
    return [*shapes, model.name, len(model.weights), model.count_params() if imagenet else None, list(downloads)]


def key(name: str, arguments: dict[str, Any], layout: str = "channels_last") -> str:
    """The name of a record."""
    return json.dumps([name, arguments, layout])


def describe(model: Any) -> dict[str, Any]:
    """What both sides must agree on: sizes, and digests of the layers in their order and of the variables."""
    layers = [_layer(x) for x in json.loads(json.dumps(model.get_config()["layers"]))]
    variables = [[v.path, list(v.shape), bool(v.trainable)] for v in model.weights]
    return {
        "name": model.name,
        "parameters": model.count_params(),
        "input": list(model.input_shape),
        "output": list(model.output_shape),
        "layers": len(layers),
        "variables": len(variables),
        "layers_digest": _digest(layers),
        "variables_digest": _digest(variables),
    }


def _layer(entry: dict[str, Any]) -> list[Any]:
    return [entry["class_name"], _plain(entry["config"]), _sources(entry["inbound_nodes"])]


def _sources(found: Any) -> list[Any]:
    """Names of the layers that feed a layer, and plain numbers among its arguments."""
    if isinstance(found, dict):
        if found.get("class_name") == "__keras_tensor__":
            return found["config"]["keras_history"][:1]
        return [x for n, v in found.items() if n != "kwargs" for x in _sources(v)]
    if isinstance(found, list):
        return [x for v in found for x in _sources(v)]
    return [f"{found:.6g}"] if isinstance(found, float) else []


_LEFT_OUT = ("dtype", "module", "registered_name", "build_config", "compile_config", "optional", "build_input_shape")


def _plain(value: Any) -> Any:
    """A config without what may differ: None, modules, 1 as 1.0, the last axis counted from behind."""
    if isinstance(value, dict):
        return {
            k: -1 if k == "axis" and v in (3, [3], -1, [-1]) else _plain(v)
            for k, v in value.items()
            if v is not None and k not in _LEFT_OUT
        }
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return f"{value:.6g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]


# ---- preprocess_input ------------------------------------------------------------------------------------------------

MODULES = [*FAMILIES, "resnet50"]
MODES = ("caffe", "tf", "torch")


def image(layout: str, batch: bool, dtype: str) -> Any:
    """A small image of values 0 to 255, or two."""
    import numpy as np

    last = np.random.default_rng(3).integers(0, 256, (2, 2, 3, 3)).astype(dtype)
    x = last if layout == "channels_last" else np.moveaxis(last, -1, 1)
    return np.ascontiguousarray(x if batch else x[0])


def preprocessed(applications: Any) -> dict[str, Any]:
    """What `preprocess_input` of every module makes of images."""
    import numpy as np

    out: dict[str, Any] = {}

    def add(name: str, function: Any, **options: Any) -> None:
        for layout in ("channels_last", "channels_first"):
            for batch in (True, False):
                for dtype in ("uint8", "float32", "float64"):
                    y = np.asarray(function(image(layout, batch, dtype), data_format=layout, **options))
                    out[f"{name} {layout} {batch} {dtype}"] = [str(y.dtype), np.asarray(y, "float32").ravel().tolist()]

    for mode in MODES:
        add(f"imagenet_utils {mode}", applications.imagenet_utils.preprocess_input, mode=mode)
    for module in MODULES:  # that they are those of one mode
        y = np.asarray(getattr(applications, module).preprocess_input(image("channels_last", True, "float32")))
        out[module] = [str(y.dtype), y.ravel()[:6].tolist()]
    return out
