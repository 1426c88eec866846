"""A drawn model as a program: lines of Python that kfront and Keras both run, with the data and weights that go in.

What is drawn, checked, shrunk and printed is the same text. `k` in it is the library. Nothing of kfront is imported
here: the process in which Keras runs reads this module too.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, NamedTuple

__all__ = ["BATCH", "Input", "Make", "Node", "Program", "flat"]

BATCH = 3
HEAD = "import numpy as np, {library} as k; L, ops, g = k.layers, k.ops, np.random.default_rng(7)"
LORA = '[one.enable_lora({rank}) for one in model.layers if hasattr(one, "enable_lora")]'
WEIGHTS = 'model.set_weights([g.uniform(0.1 if "var" in w.path else -0.6, 0.6, w.shape) for w in model.weights])'


class Input(NamedTuple):
    """An input and its data.

    Attributes:
        name: of the variable.
        shape: without the batch; None where the size is not told.
        sizes: the same, as the data has it.
        dtype: its dtype.
        low, high: the range of its numbers; of integers, `high` is excluded.
        padded: whether zeros (False) fill the ends of samples, each of its own length.
    """

    name: str
    shape: tuple[int | None, ...]
    sizes: tuple[int, ...]
    dtype: str = "float32"
    low: float = -1.5
    high: float = 1.5
    padded: bool = False

    def line(self, named: bool) -> str:
        """What makes the symbolic input, which has a name if it is `named`."""
        more = f", name={self.name!r}" if named else ""
        more += "" if self.dtype == "float32" else f", dtype={self.dtype!r}"
        return f"{self.name} = k.Input({self.shape}{more})"

    @property
    def data(self) -> str:
        """What makes the data."""
        sizes = (BATCH, *self.sizes)
        if self.dtype == "bool" and not self.padded:
            return f"(g.random({sizes}) < 0.6) | (np.arange({sizes[-1]}) == 0)"  # something is kept everywhere
        ends = f"(np.arange({sizes[1]}) < [[{sizes[1]}], [{max(1, sizes[1] - 2)}], [1]])" if self.padded else ""
        if self.dtype == "bool":
            return ends
        if "int" in self.dtype:
            numbers = f"g.integers({int(self.low)}, {int(self.high)}, {sizes})"
        else:
            numbers = f"g.uniform({self.low:g}, {self.high:g}, {sizes})"
        if self.padded:
            numbers += f" * {ends}" + (f".reshape(3, -1{', 1' * (len(sizes) - 2)})" if len(sizes) > 2 else "")
        return f"({numbers}).astype({self.dtype!r})"


class Make(NamedTuple):
    """What makes a layer: the class and its options, each as source.

    Attributes:
        function: ``L.Dense``, or any expression if `options` is None.
        options: pairs of names and values.
    """

    function: str
    options: tuple[tuple[str, str], ...] | None = ()

    def __str__(self) -> str:
        if self.options is None:
            return self.function
        return f"{self.function}({', '.join(f'{n}={v}' for n, v in self.options)})"


class Node(NamedTuple):
    """A call of a layer or an op.

    Attributes:
        name: of the variable that takes the result.
        call: what is called, ``{f}`` being the layer, ``{0}``, ``{1}`` … the operands.
        operands: variables, or elements of them: ``n3[0]``.
        layer: the name of the layer in `Program.layers`; "" for an op.
        sample: which sample of the table of ops it is, as `conformance/keras.txt` names it.
    """

    name: str
    call: str
    operands: tuple[str, ...]
    layer: str = ""
    sample: str = ""


@dataclasses.dataclass(frozen=True)
class Program:
    """A model.

    Attributes:
        inputs: its inputs.
        layers: its layers by name.
        nodes: its calls, in order.
        outputs: what it gives.
        named: whether inputs and outputs are dicts.
        policy: the dtype policy of its layers.
        lora: the rank of matrices that are added to weights where a layer takes some, 0 for none.
        quantized: the mode in which the model is quantized, "" if it is not.
        noisy: whether training draws random numbers.
    """

    inputs: tuple[Input, ...] = ()
    layers: dict[str, Make] = dataclasses.field(default_factory=dict)
    nodes: tuple[Node, ...] = ()
    outputs: tuple[str, ...] = ()
    named: bool = False
    policy: str = "float32"
    lora: int = 0
    quantized: str = ""
    noisy: bool = False

    # ---- text --------------------------------------------------------------------------------------------------------

    @property
    def building(self) -> list[str]:
        """The lines that make `model`."""
        used = [n.layer for n in self.nodes]
        lines = [] if self.policy == "float32" else [f"k.config.set_dtype_policy({self.policy!r})"]
        lines += [i.line(self.named) for i in self.inputs]
        known: set[str] = set()
        for node in self.nodes:
            layer = node.layer
            if layer and used.count(layer) > 1 and layer not in known:
                known.add(layer)
                lines.append(f"{layer} = {self.layers[layer]}")
            made = layer if layer in known else str(self.layers[layer]) if layer else ""
            lines.append(f"{node.name} = {node.call.format(*node.operands, f=made)}")
        outputs = self._structure({f"y{i}": o for i, o in enumerate(self.outputs)})
        lines.append(f"model = k.Model({self._structure({i.name: i.name for i in self.inputs})}, {outputs})")
        return [*lines, LORA.format(rank=self.lora)] if self.lora else lines

    @property
    def feeding(self) -> list[str]:
        """The lines that set weights and make `data`."""
        data = self._structure({i.name: i.data for i in self.inputs})
        return [WEIGHTS, *([f"model.quantize({self.quantized!r})"] if self.quantized else []), f"data = {data}"]

    def text(self, library: str = "kfront", *more: str) -> str:
        """A program that can be run."""
        return "\n".join([HEAD.format(library=library), *self.building, *self.feeding, *more])

    def _structure(self, named: dict[str, str]) -> str:
        if self.named:
            return f"dict({', '.join(f'{n}={v}' for n, v in named.items())})"
        values = list(named.values())
        return values[0] if len(values) == 1 else f"[{', '.join(values)}]"

    @property
    def uses(self) -> set[str]:
        """The names of all that is called, without their namespaces."""
        return set(re.findall(r"\b(?:L|ops|k|image)\.(?:[a-z]+\.)*(\w+)", "\n".join(self.building)))

    @property
    def size(self) -> tuple[int, int]:
        """What shrinking makes smaller: the number of lines, then that of letters."""
        return len(self.building) + bool(self.quantized), sum(map(len, self.building))

    # ---- parts -------------------------------------------------------------------------------------------------------

    def needed(self) -> Program:
        """Without what the outputs do not need."""
        left = {o.partition("[")[0] for o in self.outputs}
        nodes = []
        for node in reversed(self.nodes):
            if node.name in left:
                nodes.append(node)
                left |= {o.partition("[")[0] for o in node.operands}
        layers = {n: m for n, m in self.layers.items() if any(node.layer == n for node in nodes)}
        inputs = tuple(i for i in self.inputs if i.name in left)
        return dataclasses.replace(self, inputs=inputs, nodes=tuple(reversed(nodes)), layers=layers)

    # ---- running -----------------------------------------------------------------------------------------------------

    def run(self, library: str, *more: str) -> dict[str, Any]:
        """Run the program; what its variables hold in the end, `model` and `data` among them."""
        space: dict[str, Any] = {}
        exec(self.text(library, *more), space)
        return space


def flat(outputs: Any) -> list[Any]:
    """Outputs as a list, dicts in the order of their keys."""
    if isinstance(outputs, dict):
        return [x for n in sorted(outputs) for x in flat(outputs[n])]
    return [x for o in outputs for x in flat(o)] if isinstance(outputs, (list, tuple)) else [outputs]
