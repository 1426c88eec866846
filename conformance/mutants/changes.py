"""What an expression may become."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any

import kfront
from kfront.backends import current

__all__ = ["WITHOUT_GRADIENT", "changes", "inside", "without_gradient"]

# a name and what is written in its place: wrong reductions, comparisons, arithmetic
OTHER = {
    "sum": "mean", "mean": "sum", "max": "min", "min": "max", "amax": "amin", "amin": "amax", "prod": "sum",
    "reduce_sum": "reduce_mean", "reduce_mean": "reduce_sum", "reduce_max": "reduce_min", "reduce_min": "reduce_max",
    "all": "any", "any": "all", "argmax": "argmin", "argmin": "argmax", "maximum": "minimum", "minimum": "maximum",
    "less": "less_equal", "less_equal": "less", "greater": "greater_equal", "greater_equal": "greater",
    "logical_and": "logical_or", "logical_or": "logical_and", "add": "subtract", "multiply": "divide",
    "floor": "ceil", "ceil": "floor", "sin": "cos", "cos": "sin", "ones": "zeros", "zeros": "ones",
}  # fmt: skip
COMMUTE = (
    "add", "multiply", "maximum", "minimum", "max", "min", "equal", "not_equal", "logical_and", "logical_or", "hypot",
    "AddV2", "add_v2", "mul",
)  # fmt: skip
CASTS = ("cast", "_cast", "astype", "to", "type", "float", "promoted", "via")
WITHOUT_GRADIENT = "__without_gradient__"  # a builtin while mutants run: no file needs to import it
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


def changes(node: ast.AST, differentiable: bool) -> Iterator[tuple[str, ast.AST]]:
    """What a node may become, with words for it."""
    if isinstance(node, ast.Call):
        yield from _of_a_call(node)
    if isinstance(node, ast.BinOp) and type(node.op) in COUNTED:
        yield "other arithmetic", ast.BinOp(node.left, COUNTED[type(node.op)](), node.right)
        if isinstance(node.op, (ast.Sub, ast.Div, ast.MatMult)):
            yield "swapped operands", ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        yield "other comparison", ast.Compare(node.left, [COMPARED[type(node.ops[0])]()], node.comparators)
    if isinstance(node, ast.Constant) and type(node.value) is int and abs(node.value) < 10:
        yield "one more", ast.Constant(node.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield "the other way", ast.Constant(not node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield "sign left out", node.operand
    if differentiable and isinstance(node, ast.Return) and isinstance(node.value, (ast.Call, ast.BinOp)):
        yield "lost gradient", ast.Return(ast.Call(ast.Name(WITHOUT_GRADIENT, ast.Load()), [node.value], []))


def without_gradient(result: Any) -> Any:
    """A result, or each tensor of a nested one, hidden from differentiation."""
    backend = current()
    return kfront.tree.map_structure(lambda x: backend.stop_gradient(x) if backend.is_tensor(x) else x, result)


def _of_a_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    plain = [a for a in node.args if not isinstance(a, ast.Starred)]
    if len(plain) >= 2 and len(plain) == len(node.args) and name not in (*COMMUTE, "isinstance", "getattr", "hasattr"):
        yield "swapped operands", ast.Call(node.func, [plain[1], plain[0], *plain[2:]], node.keywords)
    if name in CASTS and isinstance(node.func, ast.Attribute) and name not in ("cast", "_cast", "via"):
        yield "cast left out", node.func.value
    elif name in ("cast", "_cast") and node.args:
        yield "cast left out", node.args[0]
    if name in ("where", "_select") and len(plain) == 3:
        yield "mask left out", plain[1]
        yield "mask left out", plain[2]
    if name in ("negative", "abs", "conj", "stop_gradient", "detach"):
        inner = node.args[0] if node.args else getattr(node.func, "value", None)
        if inner is not None:
            yield f"{name} left out", inner
    if name in OTHER:
        other = copy.deepcopy(node.func)
        setattr(other, "attr" if isinstance(other, ast.Attribute) else "id", OTHER[name])
        yield "other function", ast.Call(other, node.args, node.keywords)
    for i, keyword in enumerate(node.keywords):
        if keyword.arg not in (None, "dtype", "strict"):
            rest = [k for j, k in enumerate(node.keywords) if j != i]
            yield f"{keyword.arg}= left out", ast.Call(node.func, node.args, rest)


def inside(function: ast.FunctionDef) -> Iterator[tuple[ast.AST, ast.stmt]]:
    """The nodes of a function that compute, each with its statement, in an order that stays.

    Left out are annotations, docstrings, messages of errors, decorators and defaults.
    """
    waiting: list[tuple[ast.AST, ast.stmt]] = [(s, s) for s in function.body]
    while waiting:
        node, statement = waiting.pop()
        if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)):
            continue
        if isinstance(node, ast.keyword) and node.arg == "strict":
            continue
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            body = node.body if isinstance(node.body, list) else [node.body]
        else:
            yield node, statement
            body = [node.value] if isinstance(node, ast.AnnAssign) else list(ast.iter_child_nodes(node))
        waiting += [(n, n if isinstance(n, ast.stmt) else statement) for n in body if n is not None]
