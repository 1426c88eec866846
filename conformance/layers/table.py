"""Every public layer, in several configurations, on every backend: ONE table, and what must hold for each row.

values: float32 results are those of NumPy in float64, within the row's tolerance; float64, half: the dtype policies;
symbolic = eager = compiled in shape, dtype and value, with unknown sizes; slopes, gradients: against differences in
float64, and between engines; config, files, state_dict: round trips of configs and weights; seeds; padded: masks. With
Keras, files go both ways in tests/saving/test_layer_files.py.

A layer that is exported and has no row fails the suite.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import kfront
from kfront.layers.call_signature import call_info

from ..suite import Case
from . import (
    checks,
    host,
    rows_adaptive_and_wrapped,
    rows_basic,
    rows_graph,
    rows_image_color,
    rows_image_geometry,
    rows_preprocessing,
    rows_sequence,
    rows_spatial,
)
from .row import Row

__all__ = ["ROWS", "cases"]

ROWS: list[Row] = [
    *rows_basic.ROWS,
    *rows_spatial.ROWS,
    *rows_sequence.ROWS,
    *rows_adaptive_and_wrapped.ROWS,
    *rows_graph.ROWS,
    *rows_preprocessing.ROWS,
    *rows_image_geometry.ROWS,
    *rows_image_color.ROWS,
]
# exported names that are no layers, and where they are tested
ELSEWHERE = {
    "Input": "the check `symbolic` of every row",
    "InputLayer": "the check `symbolic` of every row, and the area files",
    "InputSpec": "the area errors",
    "FlaxLayer": "tests/layers/test_foreign.py: it runs on one engine only",
    "JaxLayer": "tests/layers/test_foreign.py: it runs on one engine only",
    "TFSMLayer": "tests/layers/test_foreign.py: it runs on one engine only",
    "TorchModuleWrapper": "tests/layers/test_foreign.py: it runs on one engine only",
    "serialize": "the check `config` of every row",
    "deserialize": "the check `config` of every row",
}
# layers that know masks and have no row with `padded`, and why
NOT_PADDED = {
    "Dot": "sums over an axis of its choice, padded steps included",
    "GroupNormalization": "takes statistics over time, padded steps included",
    "Lambda": "computes what its function says",
    "Masking": "makes the masks of all those rows",
    "Pipeline": "does what its layers do",
    "Softmax": "its mask is one of the elements of the axis",
}
MERGING = ("add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract")


def cases(backends: list[str], quick: bool) -> Iterator[Case]:
    """All cases: with `quick` the first row of each layer and those with masks, either compiled or in other dtypes."""
    assert len({r.id for r in ROWS}) == len(ROWS), "two rows of one name"
    yield Case("layers", "every exported layer has a row", "all", _complete)
    yield Case("layers", "every layer that knows masks is compared with cut sequences", "all", _masks_complete)
    for name in backends:
        yield Case("layers", "functions of merging layers", name, lambda n=name: _merging(n))
    trainable = [b for b in backends if kfront.backends.get(b).trainable]
    first = {r.layer: r for r in reversed(ROWS)}
    for i, row in enumerate(ROWS):
        head = first[row.layer] is row
        if quick and not (head or row.padded):
            continue
        for name in backends:
            even, odd = not quick or (head and i % 2 == 0), not quick or i % 2 == 1
            yield from _of_row(row, name, trainable, head, compiles=even, dtypes=odd)
    for host_row in rows_preprocessing.HOST_ROWS:
        yield from host.cases(host_row, backends, trainable)


def _of_row(row: Row, name: str, trainable: list[str], head: bool, compiles: bool, dtypes: bool) -> Iterator[Case]:
    def case(what: str, check: Any, *more: Any) -> Case:
        return Case("layers", f"{row.id}/{what}", name, lambda: check(name, row, *more))

    yield case("values", checks.values)
    yield case("symbolic", checks.symbolic)
    yield case("config", checks.config)
    yield case("seeds", checks.seeds)
    if head:
        yield case("files", checks.files)
    if name == "torch":
        yield case("state_dict", checks.state_dict)
    if row.padded:
        yield case("padded", checks.padded)
    if dtypes and not row.light:
        yield case("float64", checks.float64)
    if dtypes and head:
        yield case("half", checks.half)
    if name in trainable:
        compiles = compiles and not row.light
        if compiles:
            yield case("compiled", checks.compiled, head)
        if row.smooth:
            yield case("slopes", checks.slopes, compiles)
        if name != trainable[0]:
            yield case("gradients", checks.gradients, trainable[0], compiles)


def _complete() -> None:
    layers = kfront.layers
    covered = {attrgetter(r.layer)(layers) for r in (*ROWS, *rows_preprocessing.HOST_ROWS)}
    known = {*ELSEWHERE, *MERGING}
    names = [*(n for n in layers.__all__ if n != "graph"), *(f"graph.{n}" for n in layers.graph.__all__)]
    missing = [n for n in names if n not in known and attrgetter(n)(layers) not in covered]
    assert not missing, f"layers without a row: {', '.join(missing)}"
    gone = [n for n in known if n not in layers.__all__]
    assert not gone, f"rows of names that are not exported: {', '.join(gone)}"


def _masks_complete() -> None:
    padded = {r.layer for r in ROWS if r.padded}
    with kfront.backend_scope("numpy"):
        made = {r.layer: r.make() for r in reversed(ROWS)}
    knowing = {n for n, layer in made.items() if layer.supports_masking or call_info(type(layer)).mask}
    knowing = {n for n in knowing if not n.startswith("graph.")}  # masks of nodes: tests/layers/test_graph.py
    missing = sorted(knowing - padded - NOT_PADDED.keys())
    assert not missing, f"layers that know masks without a row that says `padded`: {', '.join(missing)}"
    assert not (NOT_PADDED.keys() & padded), f"reasons for layers that have such a row: {NOT_PADDED.keys() & padded}"


def _merging(name: str) -> None:
    """The functions in lower case do what the layers do."""
    import numpy as np

    layers = kfront.layers
    with kfront.backend_scope(name) as b:
        inputs = [b.convert(np.arange(6.0, dtype="float32").reshape(2, 3) + i) for i in range(2)]
        for function in MERGING:
            args = {"axes": 1} if function == "dot" else {}
            got = getattr(layers, function)(inputs, **args)
            want = getattr(layers, function.capitalize())(**args)(inputs)
            assert np.array_equal(b.to_numpy(got), b.to_numpy(want)), function
