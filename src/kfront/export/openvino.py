"""The two files of a model for OpenVINO, replaced so that at every moment they fit each other."""

from __future__ import annotations

import os
import shutil
from xml.etree import ElementTree

from kfront.core.files import atomic_write

_ALIGNMENT = 64  # of arrays in the file of weights


def replace_pair(source: str, target: str) -> None:
    """Put a graph (".xml") and its weights (".bin") in the place of others.

    Only one file can be replaced at a time, but a graph says where in the weights each array begins. So new weights go
    behind the old ones first, where the old graph does not look, then comes a graph that looks there; once that stands,
    the old weights make way. Whatever interrupts this, the pair is the old model or the new one.

    Args:
        source: the path of the new pair, without ending.
        target: that of the old pair, if there is one.

    Raises:
        SavingError: a file cannot be written.
    """
    with open(source + ".xml", "rb") as file:
        graph = file.read()
    new, old = source + ".bin", target + ".bin"
    if os.path.exists(old) and os.path.exists(target + ".xml"):
        behind = -(-max(os.path.getsize(old), os.path.getsize(new)) // _ALIGNMENT) * _ALIGNMENT
        _write_weights(old, {0: old, behind: new})
        _write_graph(target, _moved(graph, behind))
        _write_weights(old, {0: new, behind: new})
        _write_graph(target, graph)
        _write_weights(old, {0: new})
    else:
        _write_weights(old, {0: new})
        _write_graph(target, graph)


def _write_weights(path: str, pieces: dict[int, str]) -> None:
    """Files, each from a certain byte on, in one."""
    with atomic_write(path) as file:
        for start, piece in pieces.items():
            with open(piece, "rb") as source:
                file.seek(start)
                shutil.copyfileobj(source, file, 1 << 20)


def _write_graph(target: str, graph: bytes) -> None:
    with atomic_write(target + ".xml") as file:
        file.write(graph)


def _moved(graph: bytes, by: int) -> bytes:
    """The graph for arrays that begin so many bytes later."""
    root = ElementTree.fromstring(graph)
    for layer in root.iter("layer"):  # those of loops and branches too
        data = layer.find("data")
        if layer.get("type") == "Const" and data is not None:
            data.set("offset", str(int(data.get("offset", "0")) + by))
    return ElementTree.tostring(root, xml_declaration=True, encoding="utf-8")
