"""What the installed Keras builds and answers: ``python record.py [models] [calls]`` writes JSON files beside it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # compiles nothing for a new shape, and has NASNet
import variants


def models(keras: Any) -> dict[str, Any]:
    """Descriptions of the models."""
    out: dict[str, Any] = {"preprocessed": variants.preprocessed(keras.applications)}

    def add(name: str, arguments: dict[str, Any], layout: str = "channels_last") -> None:
        keras.utils.clear_session()
        keras.config.set_image_data_format(layout)
        model = getattr(keras.applications, name)(weights=None, **arguments)
        out[variants.key(name, arguments, layout)] = variants.describe(model)

    for name in variants.NAMES:
        add(name, {})
    for name, arguments in variants.ARGUMENTS:
        add(name, arguments)
    for name in variants.CHANNELS_FIRST:
        add(name, {}, "channels_first")
    return out


def calls(keras: Any) -> dict[str, Any]:
    """What calls give, and the files that they would download."""
    downloads: list[Any] = []

    def get_file(fname: Any = None, origin: Any = None, **options: Any) -> str:
        downloads.append([fname, origin, options.get("file_hash") or options.get("md5_hash"), options["cache_subdir"]])
        return "file.h5"

    keras.utils.get_file = keras.src.utils.file_utils.get_file = get_file
    keras.Model.load_weights = lambda self, path, **options: None

    def build(name: str, arguments: dict[str, Any]) -> Any:
        keras.utils.clear_session()
        return getattr(keras.applications, name)(**variants.with_tensor(keras, arguments))

    out = {}
    for name, arguments in variants.FILES + variants.CALLS:
        out[variants.key(name, arguments)] = variants.outcome(name, arguments, build, downloads)
    return out


def write(name: str, found: dict[str, Any]) -> None:
    """Write a file beside this one, a line for each entry."""
    lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(found.items())]
    (HERE / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main(parts: list[str]) -> None:
    """Record all, or the parts named."""
    import keras

    for kind in (keras.initializers.VarianceScaling, keras.initializers.GlorotUniform):  # values do not matter
        kind.__call__ = lambda self, shape, dtype=None, **options: keras.ops.zeros(shape, dtype)
    for part in parts or (models, calls):
        make = globals()[part] if isinstance(part, str) else part
        write(f"keras_{make.__name__}.json", make(keras))


if __name__ == "__main__":
    main(sys.argv[1:])
