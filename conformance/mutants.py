"""``python -m conformance.mutants``: change the code of ops and adapters at random, and see that the suite notices.

A mutant is one small change of one function: operands swapped, a cast or a mask left out, another axis or padding, the
wrong reduction, a gradient lost. The code of the running function is replaced, the cases of the ops that use it are
run until one fails, and the code is put back. `mutants.toml` lists those that nothing can notice, each with the reason.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import functools
import gc
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
import types
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import kfront
from kfront.backends import installed
from kfront.core.op import OPS

from .__main__ import _import_engines, _settings
from .mutations import _forget
from .suite import Case, Expected, collect, load_expected, process_of, run_case

__all__ = ["Mutant", "mutants", "put_in"]

SOURCE = pathlib.Path(kfront.__file__).parent
EQUIVALENT = pathlib.Path(__file__).with_name("mutants.toml")
AREAS = ("values", "gradients", "specs", "dtypes", "inputs", "second_order", "transforms", "keras_values", "compiled")
# files of adapters that hold no ops: layers, steps, other formats
NO_OPS = (
    "step", "step_state", "native", "export", "foreign", "foreign_jax", "distribution", "mesh", "host", "pytree",
    "transforms", "saved_model", "strings", "litert", "variable", "foreach", "common", "decoding", "__init__",
)  # fmt: skip
SECONDS = 60  # for the cases of one mutant
OPS_AT_MOST = 8  # of those that use a function

# a name and what is written in its place: wrong reductions, comparisons, arithmetic
OTHER = {
    "sum": "mean", "mean": "sum", "max": "min", "min": "max", "amax": "amin", "amin": "amax", "prod": "sum",
    "reduce_sum": "reduce_mean", "reduce_mean": "reduce_sum", "reduce_max": "reduce_min", "reduce_min": "reduce_max",
    "all": "any", "any": "all", "argmax": "argmin", "argmin": "argmax", "maximum": "minimum", "minimum": "maximum",
    "less": "less_equal", "less_equal": "less", "greater": "greater_equal", "greater_equal": "greater",
    "logical_and": "logical_or", "logical_or": "logical_and", "add": "subtract", "multiply": "divide",
    "floor": "ceil", "ceil": "floor", "sin": "cos", "cos": "sin", "ones": "zeros", "zeros": "ones",
}  # fmt: skip
CASTS = ("cast", "_cast", "astype", "to", "type", "float", "promoted", "via")
# functions that hide a result, or each of a tuple, from differentiation
NO_GRADIENT = {
    engine: ast.parse(text, mode="eval").body
    for engine, text in {
        "torch": "(lambda y: __import__('torch').utils._pytree.tree_map("
        "lambda x: x.detach() if hasattr(x, 'detach') else x, y))",
        "jax": "__import__('jax').lax.stop_gradient",
        "tensorflow": "(lambda y: __import__('tensorflow').nest.map_structure("
        "lambda x: __import__('tensorflow').stop_gradient(x) if hasattr(x, 'dtype') else x, y))",
    }.items()
}
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult}


class Mutant(NamedTuple):
    """One change.

    Attributes:
        path: the file, relative to the package.
        function: the top-level function that is changed.
        line: where.
        kind: what is changed, in words.
        before: the expression.
        after: what stands in its place.
        backend: where the cases are run.
        tree: the changed file.
        ops: the ops whose cases should notice.
    """

    path: str
    function: str
    line: int
    kind: str
    before: str
    after: str
    backend: str
    tree: ast.Module
    ops: tuple[str, ...]

    @property
    def key(self) -> str:
        """How `mutants.toml` names it."""
        return f"{self.path}:{self.function}: {self.before} -> {self.after}"


# ---- changes ---------------------------------------------------------------------------------------------------------


def _changes(node: ast.AST, engine: str) -> Iterator[tuple[str, ast.AST]]:
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
    if isinstance(node, ast.Return) and node.value is not None and engine in NO_GRADIENT:
        yield "lost gradient", ast.Return(ast.Call(NO_GRADIENT[engine], [node.value], []))


def _of_a_call(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    plain = [a for a in node.args if not isinstance(a, ast.Starred)]
    if len(plain) >= 2 and len(plain) == len(node.args) and not name.startswith(("isinstance", "getattr", "hasattr")):
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


class _Put(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        """The new node where the old one stands."""
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


def _inside(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """The nodes of a function that compute: no annotations, docstrings, messages of errors, decorators or defaults."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)):
            continue
        if isinstance(node, ast.keyword) and node.arg == "strict":
            continue
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            waiting += node.body if isinstance(node.body, list) else [node.body]
            continue
        yield node
        if isinstance(node, ast.AnnAssign):
            waiting += [node.value] if node.value else []
        else:
            waiting += ast.iter_child_nodes(node)


# ---- which ops use a function ----------------------------------------------------------------------------------------


@functools.cache
def _users(folder: pathlib.Path) -> dict[str, set[str]]:
    """Top-level name -> the top-level names of the folder's files that mention it."""
    out: dict[str, set[str]] = defaultdict(set)
    for path in folder.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [node.name] if isinstance(node, ast.FunctionDef) else []
            if isinstance(node, ast.Assign):
                names = [n.id for target in node.targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            for used in {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}:
                out[used].update(names)
    return out


def ops_of(function: str, folder: pathlib.Path) -> tuple[str, ...]:
    """The ops that a function is, or else those that use it, nearest first."""
    if function in OPS:
        return (function,)
    users, seen, row = _users(folder), {function}, [function]
    found: list[str] = []
    while row and len(found) < OPS_AT_MOST:
        row = sorted({user for name in row for user in users[name]} - seen)
        seen.update(row)
        found += [name for name in row if name in OPS]
    return tuple(found[:OPS_AT_MOST])


# ---- mutants ---------------------------------------------------------------------------------------------------------


def mutants(how_many: int, seed: int, backends: list[str]) -> list[Mutant]:
    """Mutants drawn at random: the same for the same code and seed; each backend and the ops have an equal share."""
    rng = random.Random(seed)
    files = {b: sorted((SOURCE / "backends" / b).rglob("*.py")) for b in backends}
    files["ops"] = sorted((SOURCE / "ops").rglob("*.py"))
    everything = {group: list(_all_of(group, paths, backends)) for group, paths in files.items()}
    out: list[Mutant] = []
    for group, places in everything.items():
        rng.shuffle(places)
        share = how_many * 2 // 5 if group == "ops" else how_many * 3 // 5 // len(backends)
        out += [_made(group, *place, rng, backends) for place in places[:share]]
    return out


Place = tuple[pathlib.Path, int, int, int]  # a file, numbers of a statement, of a node and of its change


def _all_of(group: str, paths: list[pathlib.Path], backends: list[str]) -> Iterator[Place]:
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for path in paths:
        if str(path) not in loaded or path.stem in NO_OPS:  # what is only loaded where it is needed
            continue
        for n, function in enumerate(ast.parse(path.read_text(encoding="utf-8")).body):
            if isinstance(function, ast.FunctionDef) and ops_of(function.name, _folder(path, group)):
                for i, node in enumerate(_inside(function)):
                    for j, _ in enumerate(_changes(node, backends[0] if group == "ops" else group)):
                        yield path, n, i, j


def _folder(path: pathlib.Path, group: str) -> pathlib.Path:
    return SOURCE / "ops" if group == "ops" else SOURCE / "backends" / group


def _made(group: str, path: pathlib.Path, n: int, i: int, j: int, rng: random.Random, backends: list[str]) -> Mutant:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    function = tree.body[n]
    assert isinstance(function, ast.FunctionDef)
    name = function.name
    node = list(_inside(function))[i]
    backend = rng.choice(backends) if group == "ops" else group
    kind, new = list(_changes(node, backends[0] if group == "ops" else group))[j]
    if kind == "lost gradient" and group == "ops":
        backend = backends[0]
    new = copy.deepcopy(new)  # it holds parts of the old node
    before, after = ast.unparse(node), ast.unparse(ast.fix_missing_locations(ast.copy_location(new, node)))
    changed = ast.fix_missing_locations(_Put(node, new).visit(tree))
    relative = path.relative_to(SOURCE).as_posix()
    return Mutant(
        relative, name, node.lineno, kind, before, after, backend, changed, ops_of(name, _folder(path, group))
    )


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes(inner)


@contextlib.contextmanager
def put_in(mutant: Mutant) -> Iterator[int]:
    """The changed code runs in the block; gives how many live functions were changed."""
    path = SOURCE / mutant.path
    module = compile(mutant.tree, str(path), "exec")
    new = {(c.co_qualname, c.co_firstlineno): c for c in _codes(module)}
    changed: list[tuple[types.FunctionType, types.CodeType]] = []
    for one in gc.get_objects():
        if type(one) is types.FunctionType and one.__code__.co_filename == str(path):
            old = one.__code__
            wanted = new.get((old.co_qualname, old.co_firstlineno))
            named = old.co_qualname.partition(".")[0] == mutant.function
            if named and wanted is not None and wanted.co_freevars == old.co_freevars:
                changed.append((one, old))
                one.__code__ = wanted
    _forget()
    try:
        yield len(changed)
    finally:
        for one, old in changed:
            one.__code__ = old
        _forget()


# ---- running ---------------------------------------------------------------------------------------------------------


class Left(RuntimeError):
    """A mutant has left something behind, in a cache of the process: what comes after it needs another process."""


class _TooLong(BaseException):
    """A case that does not end, which `run_case` reports as failed."""


def _stop(*_: object) -> None:
    raise _TooLong("it does not end")


@functools.cache
def _cases(backend: str) -> dict[str, list[Case]]:
    out: dict[str, list[Case]] = defaultdict(list)
    for case in collect(list(AREAS), [backend], False):
        for subject in case.subjects:
            out[subject].append(case)
    return out


def noticed(mutant: Mutant) -> str:
    """What the first case says that fails by it, "" if none does."""
    expected, table = load_expected(mutant.backend), _cases(mutant.backend)
    cases = [case for name in mutant.ops for case in table.get(name.lower(), ())]
    found, end = None, time.monotonic() + SECONDS
    with put_in(mutant) as changed:
        if not changed:
            raise LookupError(f"no live function is {mutant.function} of {mutant.path}")
        for case in cases:
            failed = _fails(case, expected, end)
            if failed:
                found = case, failed
                break
            if time.monotonic() > end:
                break
    if found is None:
        return ""
    case, failed = found
    left = _fails(case, expected, time.monotonic() + SECONDS)
    if left:
        raise Left(f"{case.id} fails without a mutant: {left}")
    return f"{case.id}: {failed}"


def _fails(case: Case, expected: list[Expected], end: float) -> str:
    signal.alarm(max(int(end - time.monotonic()) + 5, 1))
    try:
        result = run_case(case, expected)
    finally:
        signal.alarm(0)
    return result.message or "it failed" if result.status in ("fail", "xpass") else ""


def reasons() -> dict[str, str]:
    """The mutants that nothing can notice, and why."""
    found = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["mutant"] if EQUIVALENT.exists() else []
    return {one["key"]: one["reason"] for one in found}


def main(arguments: list[str] | None = None) -> int:
    """Draw mutants, run them, and print a table; 1 if less than 95 % of those that matter are noticed."""
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--number", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="which")
    parser.add_argument("--only", default="", help="those whose key has this text")
    parser.add_argument("--start", type=int, default=0, help="how many of them are left out")
    parser.add_argument("--out", type=pathlib.Path, help="file for the results as JSON, a line each")
    chosen = parser.parse_args(arguments)
    _settings()
    backends = installed()
    _import_engines(backends)
    signal.signal(signal.SIGALRM, _stop)
    chosen.out = chosen.out or pathlib.Path(tempfile.mkdtemp()) / "mutants.jsonl"
    fresh = True
    for i, mutant in enumerate(mutants(chosen.number, chosen.seed, backends)[chosen.start :], chosen.start):
        if chosen.only not in mutant.key:
            continue
        why = reasons().get(mutant.key, "")
        try:
            found = noticed(mutant)
        except Left as error:
            if fresh:  # it is the mutant itself that is still there
                found = str(error)
            else:
                return _again(chosen, i)
        fresh = False
        status = "WRONGLY LISTED" if found and why else "noticed" if found else "equivalent" if why else "MISSED"
        print(f"{status:10} {mutant.backend:10} {mutant.kind}: {mutant.key}"[:400], flush=True)
        print(f"           {(found or why).splitlines()[0][:160] if found or why else mutant.ops}", flush=True)
        with chosen.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"status": status, "key": mutant.key, "line": mutant.line, "found": found}) + "\n")
    counts = Counter(json.loads(line)["status"] for line in chosen.out.read_text(encoding="utf-8").splitlines())
    matter = counts["noticed"] + counts["MISSED"]
    print(f"{counts['noticed']} of {matter} noticed; {dict(counts)}")
    return int(counts["noticed"] < 0.95 * matter or counts["WRONGLY LISTED"] > 0)


def _again(chosen: argparse.Namespace, start: int) -> int:
    """Go on in another process."""
    print(f"another process goes on from {start}", flush=True)
    command, env = process_of("mutants")
    numbers = ["--number", str(chosen.number), "--seed", str(chosen.seed), "--start", str(start)]
    command += [*numbers, "--only", chosen.only, "--out", str(chosen.out)]
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
