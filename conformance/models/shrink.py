"""Making a program smaller that shows a difference, until nothing can be taken away."""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Callable, Iterator

import numpy as np

import kfront

from ..layers.running import world
from .program import Input, Make, Node, Program, flat

__all__ = ["shrunk"]

MOST = 400  # programs that are tried


def shrunk(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The smallest program that is found to fail, taking away one thing at a time."""
    tried = 0
    while tried < MOST:
        for smaller in candidates(program):
            tried += smaller.size < program.size
            if smaller.size < program.size and fails(smaller):
                program = smaller
                break
        else:
            return program
    return program


def candidates(program: Program) -> Iterator[Program]:
    """Programs with one thing less, those with much less first."""
    for output in program.outputs if len(program.outputs) > 1 else ():
        yield dataclasses.replace(program, outputs=(output,)).needed()
    yield from _ends(program)
    yield from _cut(program)
    yield from _plainer(program)


def _ends(program: Program) -> Iterator[Program]:
    """An operand of the last call for its result."""
    nodes = {n.name: n for n in program.nodes}
    inputs = {i.name for i in program.inputs}
    for i, output in enumerate(program.outputs):
        node = nodes.get(output.partition("[")[0])
        for operand in node.operands if node else ():
            if operand not in inputs:
                outputs = (*program.outputs[:i], operand, *program.outputs[i + 1 :])
                yield dataclasses.replace(program, outputs=tuple(dict.fromkeys(outputs))).needed()


def _cut(program: Program) -> Iterator[Program]:
    """An input, or an operand of the same shape, in place of a result."""
    try:
        arrays, specs = _values(program)
    except Exception:
        return
    ends = {o.partition("[")[0] for o in program.outputs}
    for node in reversed(program.nodes):
        for name in sorted({o for n in program.nodes for o in n.operands if o.partition("[")[0] == node.name}):
            x, kind = arrays[name], specs[name].dtype
            if node.name not in ends and kind in ("float32", "int32", "bool"):
                low, high = (float(x.min()), float(x.max())) if x.size and kind != "bool" else (0.0, 1.0)
                shape = tuple(specs[name].shape[1:])
                made = Input(f"i{node.name}", shape, x.shape[1:], kind, low, high + (kind == "int32"))
                yield _with(dataclasses.replace(program, inputs=(*program.inputs, made)), name, made.name)
            for operand in node.operands:
                if arrays[operand].shape == x.shape and specs[operand].dtype == kind:
                    yield _with(program, name, operand)


def _with(program: Program, name: str, other: str) -> Program:
    """Another operand in place of one."""
    nodes = tuple(n._replace(operands=tuple(other if o == name else o for o in n.operands)) for n in program.nodes)
    return dataclasses.replace(program, nodes=nodes).needed()


def _values(program: Program) -> tuple[dict[str, np.ndarray], dict[str, kfront.KerasTensor]]:
    """The numbers and the symbolic tensors of all operands."""
    with world("numpy"):
        space = dataclasses.replace(program, named=False).run("kfront")
        names = sorted({o for n in program.nodes for o in n.operands} | set(program.outputs))
        tensors = {n: eval(n, space) for n in names}
        inputs = [space[i.name] for i in program.inputs]
        results = kfront.Model(inputs, list(tensors.values()))(flat(space["data"]))
        return dict(zip(names, map(np.asarray, flat(results)), strict=True)), tensors


def _plainer(program: Program) -> Iterator[Program]:
    """Options left out, and parts of nested models."""
    if program.policy != "float32":
        yield dataclasses.replace(program, policy="float32")
    if program.lora or program.quantized:
        yield dataclasses.replace(program, lora=0)
        yield dataclasses.replace(program, quantized="")
    if program.named:
        yield dataclasses.replace(program, named=False)
    for name, make in program.layers.items():
        for other in _simpler(make):
            yield dataclasses.replace(program, layers={**program.layers, name: other})
    for i, node in enumerate(program.nodes):
        for other in _fewer_arguments(node):
            yield dataclasses.replace(program, nodes=(*program.nodes[:i], other, *program.nodes[i + 1 :])).needed()
    for i, given in enumerate(program.inputs):
        for other in (given._replace(shape=given.sizes), given._replace(padded=False)):
            yield dataclasses.replace(program, inputs=(*program.inputs[:i], other, *program.inputs[i + 1 :]))


def _simpler(make: Make) -> Iterator[Make]:
    if make.options is None:
        for node in ast.walk(ast.parse(make.function)):
            if isinstance(node, ast.Call) and re.fullmatch(r"L\.\w+", ast.unparse(node.func)):
                yield Make(ast.unparse(node), None)
            if isinstance(node, ast.List):
                for i in range(len(node.elts) if len(node.elts) > 1 else 0):
                    rest = [ast.unparse(e) for j, e in enumerate(node.elts) if j != i]
                    yield Make(f"k.Sequential([{', '.join(rest)}])", None)
        return
    for i, (name, value) in enumerate(make.options):
        yield make._replace(options=(*make.options[:i], *make.options[i + 1 :]))
        for inner in re.findall(r"L\.\w+\([^()]*\)", value) if value.startswith("L.") else ():
            if inner != value:
                yield make._replace(options=(*make.options[:i], (name, inner), *make.options[i + 1 :]))


def _fewer_arguments(node: Node) -> Iterator[Node]:
    """The call without one of its keyword arguments."""
    for found in re.finditer(r", \w+=(\{\d\}|[^,(){}\[\]]+|\([^()]*\))", node.call):
        call = node.call[: found.start()] + node.call[found.end() :]
        left = sorted({int(n) for n in re.findall(r"\{(\d+)\}", call)})
        for new, old in enumerate(left):
            call = call.replace(f"{{{old}}}", f"{{{new}}}")
        yield node._replace(call=call, operands=tuple(node.operands[n] for n in left))
