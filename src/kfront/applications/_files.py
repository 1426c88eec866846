"""The files with ImageNet's weights, as Keras publishes them, and their hashes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

_HOME = "tensorflow/keras-applications"


class File(NamedTuple):
    """A file: its name in the cache, its address on the server, its hash (None where none is published)."""

    name: str
    address: str
    hash: str | None


class _Pair(NamedTuple):
    """The files of one model with and without the top.

    Attributes:
        address: address with a place for `ending`, which the file without the top has.
        with_top: hash (MD5, or SHA-256) of the file with the top.
        without: that of the other.
        ending: what marks the file without the top.
        name: name in the cache, likewise; the last part of the address if empty.
    """

    address: str
    with_top: str | None = None
    without: str | None = None
    ending: str = "_notop"
    name: str = ""


def _published() -> dict[str, _Pair]:
    """The rows of `_files.txt`: a model, and the fields of its pair, two blanks between them."""
    lines = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
    return {model: _Pair(*fields) for model, *fields in (line.split("  ") for line in lines)}


_PAIRS = {
    **_published(),
    **{
        f"MobileNet {alpha} {size}": _Pair(f"{_HOME}/mobilenet/mobilenet_{text}_{size}_tf{{}}.h5", ending="_no_top")
        for alpha, text in ((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0"))
        for size in (128, 160, 192, 224)
    },
    **{
        f"MobileNetV2 {alpha} {size}": _Pair(
            f"{_HOME}/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{size}{{}}.h5",
            ending="_no_top",
        )
        for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
        for size in (96, 128, 160, 192, 224)
    },
}


def find_file(who: str, top: bool) -> File:
    """The file of a model, with or without its classifier."""
    pair = _PAIRS[who]
    address = pair.address.format("" if top else pair.ending)
    name = pair.name.format("" if top else pair.ending.replace("-", "_")) or address.rpartition("/")[2]
    return File(name, address, pair.with_top if top else pair.without)
