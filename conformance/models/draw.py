"""Drawing programs: layers and ops that the tables of the suite have, put together by a generator with a seed.

A program is run while it is drawn, on NumPy: symbolically, which gives the shapes that go on, and on the data, so that
each op gets numbers in its domain. What comes out is compared only if rounding and small changes of the data change it
little; otherwise the next one of the same seed is drawn.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import kfront
from kfront.core import tree

from ..layers.row import Row, arrays_of
from ..layers.running import world
from ..ops.entry import Sample
from .noise import JUMP, moved
from .program import BATCH, Input, Make, Node, Program
from .sources import OpCall, Recipe, op_calls, recipes

__all__ = ["draw"]

LARGEST = 5.0  # numbers beyond are squashed before they go on
ELEMENTS = 600  # of one sample of a value, at most
OPERATORS = (
    "{0} + {1}",
    "{0} - {1}",
    "{0} * {1}",
    "ops.where({0} > {1}, {0}, {1})",
    "{0} * 0.5",
    "1.0 - {0}",
    "-{0}",
    "{0} ** 2",
    "{0}[:, -1]",
    "{0}[:, ::-1]",
    "{0}[..., :2]",
    "{0}[:, None]",
    "ops.concatenate([{0}, {1}], axis=-1)",
    "ops.cast({0} > 0, {0}.dtype)",
)
SHAPES = ((4,), (6,), (5, 4), (7, 2), (6, 6, 4), (5, 7, 2), (4, 5, 4, 2))
KINDS = {"f": "float32", "i": "int32", "b": "bool"}


class Value(NamedTuple):
    """A tensor of the program so far.

    Attributes:
        name: how the program calls it.
        spec: the symbolic tensor.
        array: its numbers for the data.
    """

    name: str
    spec: Any
    array: np.ndarray

    @property
    def sizes(self) -> tuple[int, ...]:
        """Its shape, as the data has it."""
        return self.array.shape

    @property
    def known(self) -> bool:
        """Whether only the batch has an unknown size."""
        return None not in self.spec.shape[1:]


class Refused(Exception):
    """This layer or op does not go on this value; another one is drawn."""


class Drawing:
    """A program as it grows, on NumPy.

    Args:
        rng: what draws.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.inputs: list[Input] = []
        self.layers: dict[str, Make] = {}
        self.nodes: list[Node] = []
        self.values: list[Value] = []
        self.noisy = False
        self._made: dict[str, Any] = {}
        self._count = 0

    # ---- what there is -----------------------------------------------------------------------------------------------

    def name(self, letter: str) -> str:
        """A new name."""
        self._count += 1
        return f"{letter}{self._count}"

    def input(self, sizes: tuple[int, ...], dtype: str = "float32", low: float = -1.5, high: float = 1.5,
              free: bool | None = None, padded: bool = False) -> Value:  # fmt: skip
        """A new input; sizes of its axes in the middle may be unknown."""
        free = self.rng.random() < 0.25 if free is None else free
        shape = tuple(None if free and i < len(sizes) - 1 else n for i, n in enumerate(sizes))
        made = Input(self.name("x"), shape, sizes, dtype, low, high, padded)
        self.inputs.append(made)
        array = np.asarray(eval(made.data, {"np": np, "g": np.random.default_rng(len(self.inputs))}))
        value = Value(made.name, kfront.Input(shape, dtype=dtype), array)
        self.values.append(value)
        return value

    def tame(self, value: Value, low: float = -LARGEST, high: float = LARGEST) -> Value:
        """The value, or one made of it whose numbers are inside a range."""
        x = value.array
        if x.dtype.kind != "f" or not x.size or (x.min() >= low and x.max() <= high):
            return value
        if x.dtype.kind == "f" and (low, high) == (-LARGEST, LARGEST):
            return self.call("ops.tanh({0})", [value])[0]
        return self.call(f"ops.sigmoid({{0}}) * {high - low:g} + {low:g}", [value])[0]

    # ---- calls -------------------------------------------------------------------------------------------------------

    def call(self, text: str, operands: list[Value], layer: str = "", sample: str = "") -> list[Value]:
        """Add a call; its results.

        Raises:
            Refused: if it does not go on these operands, or loses the batch.
        """
        names = [v.name for v in operands]
        node = Node(self.name("n"), text, tuple(names), layer, sample)
        try:
            symbolic = self._evaluate(node, [v.spec for v in operands])
            arrays = self._evaluate(node, [v.array for v in operands])
        except Exception as error:
            raise Refused(f"{text}: {error}") from error
        flat, numbers = tree.flatten(symbolic), [np.asarray(a) for a in tree.flatten(arrays)]
        if not all(isinstance(s, kfront.KerasTensor) for s in flat):
            raise Refused(text)
        if isinstance(symbolic, dict) or any(len(s.shape) < 1 or s.shape[0] is not None for s in flat):
            raise Refused(f"{text}: no batch")
        if not all(_good(a) for a in numbers) or (not layer and self._jumps(node, operands, numbers)):
            raise Refused(f"{text}: numbers")
        for spec, x in zip(flat, numbers, strict=True):
            if any(d not in (None, n) for d, n in zip(spec.shape, x.shape, strict=True)):
                if "Rescaling" in str(self.layers.get(layer)):
                    raise Refused("a scale that has more numbers than the axis: Keras tells the shape of the input too")
                raise AssertionError(f"{text} of {[v.spec.shape for v in operands]}: {spec.shape} is {x.shape}")
        self.nodes.append(node)
        names = list(_parts(node.name, symbolic))
        made = [Value(n, s, a) for n, s, a in zip(names, flat, numbers, strict=True)]
        self.values += made
        return made

    def _jumps(self, node: Node, operands: list[Value], numbers: list[np.ndarray]) -> bool:
        """Whether an op gives something else for operands that are a bit other: it rounds or compares."""
        g = np.random.default_rng(0)
        near = tree.flatten(self._evaluate(node, [moved(v.array, g) for v in operands]))
        return not all(np.allclose(a, n, 0.0, JUMP * np.abs(a).max()) for a, n in zip(numbers, near, strict=True))

    def _evaluate(self, node: Node, operands: list[Any]) -> Any:
        space = {f"v{i}": v for i, v in enumerate(operands)} | {"k": kfront, "L": kfront.layers, "ops": kfront.ops}
        text = node.call.format(*[f"v{i}" for i in range(len(operands))], f="layer")
        return eval(text, space | {"np": np, "layer": self._layer(node.layer)})

    def _layer(self, name: str) -> Any:
        if name and name not in self._made:
            make = str(self.layers[name])
            self._made[name] = eval(make, {"k": kfront, "L": kfront.layers, "ops": kfront.ops})
        return self._made.get(name)

    def layer(self, make: Make) -> str:
        """A new layer; its name."""
        name = self.name("l")
        self.layers[name] = make
        return name

    # ---- operands ----------------------------------------------------------------------------------------------------

    def pick(self, values: list[Value]) -> Value:
        """A value; the last ones are likelier."""
        if not values:
            raise Refused("no value")
        return values[-1 - min(int(self.rng.expovariate(0.7)), len(values) - 1)]

    def like(self, rank: int, kind: str, low: float, high: float) -> Value:
        """A value of a rank and a kind of dtype, of integers within a range."""
        found = [v for v in self.values if len(v.sizes) == rank and v.array.dtype.kind == kind]
        if kind != "f":
            found = [v for v in found if v.array.min() >= low and v.array.max() <= high]
        return self.pick(found)

    def fitting(self, first: np.ndarray, main: Value, other: np.ndarray) -> Value:
        """An operand beside the main one: of its sizes where the table's arrays have the same, of its own elsewhere."""
        sizes = tuple(
            main.sizes[i] if i < first.ndim and first.shape[i] == n and i < len(main.sizes) else n
            for i, n in enumerate(other.shape)
        )
        kind = other.dtype.kind
        found = [v for v in self.values if v.sizes == sizes and v.array.dtype.kind == kind and v is not main]
        if kind == "i":
            found = [v for v in found if v.array.min() >= other.min() and v.array.max() <= other.max()]
        if found and self.rng.random() < 0.8:
            return self.pick(found)
        low, high = (float(other.min()), float(other.max())) if other.size and kind != "b" else (0.0, 1.0)
        free = not main.known and len(sizes) > 1
        return self.input(sizes[1:], KINDS[kind], low, high + (kind == "i"), free,
                          kind == "b" and len(sizes) == 2 and self.rng.random() < 0.5)  # fmt: skip


def _good(x: np.ndarray) -> bool:
    """Whether a result has the batch, numbers that are finite, and not too many of them."""
    return x.shape[:1] == (BATCH,) and 0 < x.size <= ELEMENTS * BATCH and bool(np.isfinite(x).all())


def _parts(name: str, value: Any) -> Iterator[str]:
    """How a program calls the tensors in nested lists."""
    if not isinstance(value, (list, tuple)):
        yield name
        return
    for i, part in enumerate(value):
        yield from _parts(f"{name}[{i}]", part)


# ---- steps -----------------------------------------------------------------------------------------------------------


def _main(d: Drawing, first: np.ndarray) -> Value:
    low, high = (float(first.min()), float(first.max())) if first.dtype.kind == "i" else (0.0, 1.0)
    return d.like(first.ndim, first.dtype.kind, low, high)


def _written(d: Drawing, first: np.ndarray, main: Value, value: Any, operands: list[Value]) -> str:
    """An argument as source; arrays become operands."""
    if isinstance(value, np.ndarray):
        operand = main if value is first else d.fitting(first, main, value)
        operands.append(operand)
        return f"{{{len(operands) - 1}}}"
    if isinstance(value, (list, tuple)) and arrays_of(value):
        return f"[{', '.join(_written(d, first, main, v, operands) for v in value)}]"
    if isinstance(value, dict):
        raise Refused("a dict")
    return repr(value).replace("{", "{{").replace("}", "}}")


def _arguments(
    d: Drawing, args: Any, kwargs: dict[str, Any], main: Value, first: np.ndarray
) -> tuple[str, list[Value]]:
    operands: list[Value] = []
    parts = [_written(d, first, main, a, operands) for a in args]
    parts += [f"{n}={_written(d, first, main, a, operands)}" for n, a in kwargs.items()]
    return ", ".join(parts), operands


def add_layer(d: Drawing) -> None:
    """A layer of the table on values of the ranks that its row has."""
    recipe = d.rng.choice(by_layer()[d.rng.choice(sorted(by_layer()))])
    row = recipe.row
    first = arrays_of((row.args, row.kwargs))[0]
    main = d.tame(_main(d, first))
    text, operands = _arguments(d, row.args, row.kwargs, main, first)
    more = ", training=True" if row.training and not row.random else ""
    d.call(f"{{f}}({text}{more})", operands, d.layer(recipe.make))
    d.noisy |= row.random or "seed=" in str(recipe.make) or "dropout" in str(recipe.make)


def add_shared(d: Drawing) -> None:
    """A layer that was called, on another value of the same shape and dtype.

    Sizes that the first call knew are known in the second: the other one may come first in a clone, or remain alone.
    """
    if not d.layers:
        raise Refused("no layer")
    name = d.rng.choice(sorted(d.layers))
    nodes = [n for n in d.nodes if n.layer == name and len(n.operands) == 1]
    if not nodes:
        raise Refused("several operands")
    old = next(v for v in d.values if v.name == nodes[0].operands[0])
    found = [v for v in d.values if v.sizes == old.sizes and v.spec.dtype == old.spec.dtype and v is not old]
    new = d.pick(found) if found else d.input(old.sizes[1:], old.spec.dtype, *_range(old.array))
    if any(n is None and known is not None for n, known in zip(new.spec.shape[1:], old.spec.shape[1:], strict=True)):
        raise Refused("weights may need the size")
    d.call(nodes[0].call, [new], name)


def _range(x: np.ndarray) -> tuple[float, float]:
    return (float(x.min()), float(x.max()) + (x.dtype.kind == "i")) if x.dtype.kind != "b" else (0.0, 1.0)


def add_nested(d: Drawing) -> None:
    """A model of a few layers as a layer: a chain, or one with a connection past it."""
    main = d.tame(d.pick([v for v in d.values if v.array.dtype.kind == "f" and len(v.sizes) < 5]))
    chain, spec = [], main.spec
    for _ in range(d.rng.randint(1, 3)):
        makes = [r for r in single().get(len(spec.shape), ()) if "seed=" not in str(r.make)]
        make = str(d.rng.choice(makes).make)
        try:
            spec = eval(make, {"k": kfront, "L": kfront.layers})(spec)
        except Exception as error:
            raise Refused(make) from error
        if not isinstance(spec, kfront.KerasTensor):
            raise Refused(make)
        chain.append(make)
    if d.rng.random() < 0.5:
        make = f"k.Sequential([{', '.join(chain)}])"
    else:
        inner = functools.reduce(lambda x, layer: f"{layer}({x})", chain, name := d.name("i"))
        if spec.shape == main.spec.shape:
            inner = f"L.Add()([{name}, {inner}])"
        make = f"k.Model({name} := k.Input({tuple(main.spec.shape[1:])}), {inner})"
    d.call("{f}({0})", [main], d.layer(Make(make, None)))


def add_op(d: Drawing) -> None:
    """A sample of the table of ops, its arrays replaced by values."""
    calls = by_op()[d.rng.choice(sorted(by_op()))]
    chosen: OpCall = d.rng.choice(calls)
    sample = chosen.sample
    arrays = arrays_of((sample.args, sample.kwargs))
    first = arrays[0]
    main = _main(d, first)
    if first.dtype.kind == "f":
        main = d.tame(main, *_domain(chosen.name))
    text, operands = _arguments(d, sample.args, sample.kwargs, main, first)
    if chosen.name in ("slice", "slice_update") and _sticks_out(sample, operands):
        raise Refused("a block must be inside: engines move it back, refuse it, or leave it out")
    space = "ops" if hasattr(kfront.ops, chosen.name) else "ops.image"
    d.call(f"{space}.{chosen.name}({text})", operands, sample=f"{chosen.name}/{sample.label}")


def _sticks_out(sample: Sample, operands: list[Value]) -> bool:
    sizes = operands[1].sizes if len(operands) > 1 else sample.args[2]
    return any(i + n > m for i, n, m in zip(sample.args[1], sizes, operands[0].sizes, strict=True))


@functools.cache
def _domain(name: str) -> tuple[float, float]:
    """The range of an op's samples, if that is narrower than what is drawn anyway."""
    found = [a for c in by_op()[name] for a in arrays_of((c.sample.args, c.sample.kwargs)) if a.dtype.kind == "f"]
    low, high = min(float(a.min()) for a in found), max(float(a.max()) for a in found)
    return (low, min(high, LARGEST)) if low >= -1.0 or high <= 1.0 else (-LARGEST, LARGEST)


def add_operator(d: Drawing) -> None:
    """An operator of Python, a comparison, or an index."""
    text = d.rng.choice(OPERATORS)
    main = d.tame(d.pick([v for v in d.values if v.array.dtype.kind == "f" and len(v.sizes) > 1]))
    others = [v for v in d.values if v.sizes == main.sizes and v.spec.dtype == main.spec.dtype and v is not main]
    if "{1}" in text and not others:
        raise Refused(text)
    d.call(text, [main, d.pick(others)] if "{1}" in text else [main])


def add_tokens(d: Drawing) -> None:
    """Tokens that are embedded; zeros at the ends are masked."""
    tokens = [v for v in d.values if v.array.dtype.kind == "i" and len(v.sizes) == 2]
    main = d.pick(tokens) if tokens and d.rng.random() < 0.5 else d.input((6,), "int32", 1, 7, padded=True)
    options = (("input_dim", "7"), ("output_dim", "4"), ("mask_zero", "True"))
    among = [i for i in d.inputs if i.name == main.name]
    if main.array.min() < 0 or main.array.max() > 6 or any(i.high > 7 for i in among):
        raise Refused("no tokens")
    d.call("{f}({0})", [main], d.layer(Make("L.Embedding", options)))


def add_masking(d: Drawing) -> None:
    """A layer that masks padded steps of a new input."""
    main = d.input((d.rng.choice((4, 5)), d.rng.choice((2, 4))), padded=True)
    d.call("{f}({0})", [main], d.layer(Make("L.Masking")))


STEPS = {
    add_layer: 10,
    add_op: 6,
    add_operator: 2,
    add_shared: 2,
    add_nested: 2,
    add_tokens: 1,
    add_masking: 1,
}


@functools.cache
def by_layer() -> dict[str, list[Recipe]]:
    """Rows by the layer's name."""
    out: dict[str, list[Recipe]] = {}
    for r in recipes():
        if not _has_dict(r.row):
            out.setdefault(r.row.layer, []).append(r)
    return out


@functools.cache
def by_op() -> dict[str, list[OpCall]]:
    """Samples by the op's name."""
    out: dict[str, list[OpCall]] = {}
    for c in op_calls():
        out.setdefault(c.name, []).append(c)
    return out


@functools.cache
def single() -> dict[int, list[Recipe]]:
    """Rows of one floating tensor and no other argument, by its rank."""
    out: dict[int, list[Recipe]] = {}
    for r in recipes():
        x = r.row.args[0]
        if len(r.row.args) == 1 and not r.row.call and isinstance(x, np.ndarray) and x.dtype.kind == "f":
            out.setdefault(x.ndim, []).append(r)
    return out


def _has_dict(row: Row) -> bool:
    return any(isinstance(a, dict) for a in row.args)


# ---- programs --------------------------------------------------------------------------------------------------------


def draw(seed: int, turn: int = 0) -> Program:
    """The program of a seed, or, if `turn` counts up, another one of the same seed."""
    rng = random.Random(f"{seed} {turn}")
    while True:
        with world("numpy"):
            kfront.utils.clear_session(free_memory=False)
            kfront.utils.set_random_seed(seed)
            d = Drawing(rng)
            for sizes in rng.sample(SHAPES, rng.randint(1, 2)):
                d.input(sizes)
            for _ in range(rng.randint(2, 9)):
                _step(d)
            program = _finished(d)
        if program.nodes:
            return program


def _step(d: Drawing) -> None:
    """Add something; what was begun and refused is dropped by `needed`."""
    step = d.rng.choices(list(STEPS), list(STEPS.values()))[0]
    for _ in range(20):
        try:
            return step(d)
        except Refused:
            continue


def _finished(d: Drawing) -> Program:
    used = {o for n in d.nodes for o in n.operands}
    inputs = {i.name for i in d.inputs}
    ends = [v.name for v in d.values if v.name not in used and v.name not in inputs]
    outputs = d.rng.sample(ends, min(len(ends), d.rng.choice((1, 1, 2, 3))))
    named = d.rng.random() < 0.2
    policy = d.rng.choice(("mixed_bfloat16", "mixed_float16")) if d.rng.random() < 0.12 else "float32"
    lora, quantized = d.rng.choices(((0, ""), (2, ""), (0, "int8")), (86, 7, 7))[0]
    if quantized and policy == "mixed_float16":
        policy = "float32"  # refused: sums of int8 products overflow
    if any("constraint" in str(make) or "Ternary" in str(make) for make in d.layers.values()):
        lora = 0  # refused: the sum would escape the constraint, or the three values
    parts = tuple(d.inputs), dict(d.layers), tuple(d.nodes), tuple(outputs)
    return Program(*parts, named, policy, lora, quantized, d.noisy).needed()
