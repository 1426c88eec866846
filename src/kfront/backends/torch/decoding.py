"""Decoding on torch: a step is traced once, and run without Python between its operators."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from kfront.backends.typing import Closure
from kfront.core.typing import Nested
from kfront.core.variable import bind

if TYPE_CHECKING:
    from kfront.core.variable import Variable

Tensor = torch.Tensor
_LOOK = 16  # steps after which a device is asked whether all sequences are done, for which it must be waited for


class DecodeLoop:
    """See `Backend.decode_loop`.

    The step's operators are recorded by `make_fx`, those that depend on Variables alone are run once per loop, equal
    ones once per step, and the rest is run by the interpreter of TorchScript, which is written in C++. In Python, an
    operator on a few numbers takes less time than its call. Where a Variable's
    value is in another place, it is recorded anew.
    """

    def __init__(self, variables: Callable[[], Sequence[Variable]]) -> None:
        self.variables = variables
        self.held: list[tuple[int, torch.dtype]] = []  # where the Variables' values are, which the step refers to
        self.step: _Step | None = None

    def __call__(
        self,
        step: Closure[Tensor],
        carry: Nested[Tensor],
        count: int,
        finished: Callable[[Nested[Tensor]], Tensor] | None,
        start: int | Tensor,
    ) -> Nested[Tensor]:
        leaves, form = pytree.tree_flatten(carry)
        i = torch.as_tensor(start, dtype=torch.int32, device=leaves[0].device)
        variables = self.variables()
        tensors = [v._value.detach() for v in variables]
        held = [(x.data_ptr(), x.dtype) for x in tensors]
        if self.step is None or held != self.held:
            with bind(variables, tensors):  # of a plain type, which is what `make_fx` can record
                self.held, self.step = held, _Step(step, form, [i, *leaves])
        look = 1 if i.device.type == "cpu" else _LOOK
        with torch.inference_mode():
            run, constants = self.step.prepared()
            for done in range(count):
                if finished is not None and done % look == 0 and finished(pytree.tree_unflatten(leaves, form)).all():
                    break
                leaves = run(i, *leaves, *constants)
                i = i + 1
        return pytree.tree_unflatten(leaves, form)


class _Step:
    """A recorded step: (count, *tensors) -> tensors.

    Attributes:
        before: nodes that depend on no input: operators with their arguments, in order.
        constants: those of them that the rest needs.
    """

    def __init__(self, step: Closure[Tensor], form: pytree.TreeSpec, inputs: list[Tensor]) -> None:
        def flat(i: Tensor, *leaves: Tensor) -> list[Tensor]:
            return pytree.tree_leaves(step(i, pytree.tree_unflatten(leaves, form)))

        with torch.no_grad():  # clones, because a step writes in place
            recorded = make_fx(flat, pre_dispatch=True)(*[x.clone() for x in inputs])
        self.module = recorded
        self.before: list[torch.fx.Node] = []
        self.constants: list[torch.fx.Node] = []
        fixed = _written(recorded.graph)
        self._merge(fixed)
        run = torch.fx.GraphModule(recorded, self._split(fixed))
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # TorchScript is called deprecated; nothing else runs without Python
            # objects of their own, by which the tracer tells inputs apart
            given = [*(x.clone() for x in inputs), *(x.detach() for x in self._constants())]
            self.run = torch.jit.trace(run, given, check_trace=False)

    def _merge(self, fixed: set[torch.fx.Node]) -> None:
        """Make equal nodes one; constants that the step's code has made, like the speeds of rotations, as well."""
        graph, known = self.module.graph, dict[object, torch.fx.Node]()
        for node in list(graph.nodes):
            if node in fixed or node.op not in ("call_function", "get_attr"):
                continue
            key: object = (node.target, repr(node.args), repr(node.kwargs))
            if _changes_nothing(node):
                known[key] = node.args[0]
            if node.op == "get_attr":
                value = getattr(self.module, node.target)
                small = value.numel() <= 1024 and value.is_cpu and not value.dtype.is_complex
                key = (value.dtype, value.shape, str(value.tolist())) if small else value.data_ptr()
            first = known.setdefault(key, node)
            if first is not node:
                node.replace_all_uses_with(first)
                graph.erase_node(node)

    def _split(self, fixed: set[torch.fx.Node]) -> torch.fx.Graph:
        """The part that depends on inputs; what it needs of the other part comes as further inputs."""
        old, new = self.module.graph, torch.fx.Graph()
        steady: set[torch.fx.Node] = set()
        for node in old.nodes:
            depends = node.op in ("placeholder", "output") or node in fixed
            if not depends and steady.issuperset(node.all_input_nodes):
                steady.add(node)
                self.before.append(node)
        needed = {n: None for node in old.nodes if node not in steady for n in node.all_input_nodes if n in steady}
        self.constants = list(needed)
        copies = {n: new.placeholder(n.name) for n in old.nodes if n.op == "placeholder"}
        copies.update((n, new.placeholder(n.name)) for n in self.constants)
        for node in old.nodes:
            if node not in steady and node not in copies:
                copies[node] = new.node_copy(node, copies.__getitem__)
        return new

    def _constants(self) -> list[Tensor]:
        values: dict[torch.fx.Node, Any] = {}
        for node in self.before:
            if node.op == "get_attr":
                values[node] = getattr(self.module, node.target)
            else:
                values[node] = node.target(
                    *torch.fx.map_arg(node.args, values.__getitem__),
                    **torch.fx.map_arg(node.kwargs, values.__getitem__),
                )
        return [values[n] for n in self.constants]

    def prepared(self) -> tuple[Callable[..., list[Tensor]], list[Tensor]]:
        """What runs a step, and the tensors that it takes behind the others."""
        return self.run, self._constants()


def _changes_nothing(node: torch.fx.Node) -> bool:
    """Whether it casts a tensor to its own dtype and device."""
    if getattr(node.target, "overloadpacket", None) is not torch.ops.aten.to or True in node.args[1:]:
        return False
    old, new = (n.meta.get("val") for n in (node.args[0], node))
    return old is not None and not node.kwargs and (old.dtype, old.device) == (new.dtype, new.device)


def _written(graph: torch.fx.Graph) -> set[torch.fx.Node]:
    """Nodes that stay as they are: random ones, those that write in place, and those that are written to."""
    out = set()
    for node in graph.nodes:
        if not isinstance(node.target, torch._ops.OpOverload):
            continue
        if torch.Tag.nondeterministic_seeded in node.target.tags:
            out.add(node)
        if node.target._schema.is_mutable:
            out.add(node)
            to = node.args[0]
            while isinstance(to, torch.fx.Node):  # and what it is a view of
                out.add(to)
                to = to.args[0] if to.args else None
    return out
