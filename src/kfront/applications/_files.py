"""The files with ImageNet's weights, as Keras publishes them, and their MD5 hashes."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["File", "find_file"]


class File(NamedTuple):
    """A file: its name in the cache, its address on the server, its hash (None where none is published)."""

    name: str
    address: str
    md5: str | None


class _Pair(NamedTuple):
    """The files of one model: folder, name with a place for the ending, hash with the top and without."""

    folder: str
    name: str
    with_top: str | None
    without: str | None
    ending: str = "_notop"


_MOBILE = {
    f"MobileNet {alpha} {size}": _Pair("mobilenet", f"mobilenet_{text}_{size}_tf{{}}.h5", None, None, "_no_top")
    for alpha, text in ((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0"))
    for size in (128, 160, 192, 224)
}


def find_file(who: str, top: bool) -> File:
    """The file of a model, with or without its classifier."""
    row = _MOBILE[who]
    name = row.name.format("" if top else row.ending)
    return File(name, f"keras-applications/{row.folder}/{name}", row.with_top if top else row.without)
