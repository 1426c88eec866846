"""The rules of docs/architecture.md and CONTRIBUTING.md that a machine can hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from tools import counts

ROOT = Path(__file__).parents[1]
SOURCE = counts.SOURCE
FILES = counts.files()
ENGINES = {"torch", "jax", "jaxlib", "tensorflow", "keras", "optax", "flax"}


def where(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {a.name.split(".")[0] for a in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
    return found


def adapter_of(path: Path) -> str | None:
    parts = path.relative_to(SOURCE).parts
    return parts[1] if parts[0] == "backends" and len(parts) > 2 else None


def test_engines_are_imported_in_their_adapter_only():
    allowed = {"torch": {"torch"}, "jax": {"jax", "jaxlib", "flax"}, "tensorflow": {"tensorflow"}}
    bad = {where(p): extra for p in FILES if (extra := imported(p) & ENGINES - allowed.get(adapter_of(p) or "", set()))}
    assert bad == {}


def test_nobody_asks_which_backend_is_current():
    """Outside the adapters, what differs between engines is a hook or an op of the backend."""
    question = re.compile(r"(backend\(\)|\.name)\s*(==|!=|in)\s*[\[(]?\s*[\"'](torch|jax|tensorflow|numpy)")
    bad = [
        f"{where(p)}: {line.strip()}"
        for p in FILES
        if adapter_of(p) is None
        for line in p.read_text(encoding="utf-8").splitlines()
        if question.search(line)
    ]
    assert bad == []


# (file, package that it imports although that stands above it) -> why
UPWARD = {
    ("backends/__init__.py", "ops"): "an adapter is checked against all declared ops when it is loaded",
    ("backends/tensorflow/export.py", "export"): "an exporter, loaded when a model is exported",
    ("backends/tensorflow/shape.py", "ops"): "the composed form of `pad`, for what the engine's own cannot do",
    (
        "backends/tensorflow/strings.py",
        "layers",
    ): "its own forms of layers for strings, loaded by such a layer",
    ("backends/torch/export.py", "export"): "an exporter, loaded when a model is exported",
    ("backends/torch/shape.py", "ops"): "the composed form of `pad`, for what the engine's own cannot do",
    ("models/model.py", "export"): "`Model.export` is a method of Keras's",
    ("models/model.py", "saving"): "`Model.save` and `load_weights` are methods of Keras's",
}


def layer_order() -> dict[str, tuple[int, str]]:
    """Package (or module) -> its place in the list of docs/architecture.md, and its name."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = text.split("```layers\n")[1].split("```")[0].splitlines()
    names = [name for row in rows for name in row.split("  ")[0].split()]
    return {name: (place, name) for place, name in enumerate(names)}


def test_packages_import_only_what_stands_below_them():
    order = layer_order()

    def place(parts: list[str]) -> tuple[int, str]:
        return next(order[n] for k in range(len(parts), 0, -1) if (n := ".".join(parts[:k])) in order)

    found = set()
    for path in FILES:
        parts = [p for p in path.relative_to(SOURCE).with_suffix("").parts if p != "__init__"]
        if parts and parts[0] != "_version":
            found |= {
                (where(path), target[1].split(".")[0])
                for module in counts.imported_modules(path)
                if module[:1] not in ([], ["_version"]) and (target := place(module)) > place(parts)
            }
    assert found == set(UPWARD)


@pytest.mark.parametrize("row", counts.ROWS, ids=lambda row: row.name)
def test_counts_stay_in_their_budgets(row):
    """Lines of code, uses of `Any`, imports in functions …: `python tools/counts.py` prints them all."""
    places = row.places()
    assert len(places) <= row.budget, f"python tools/counts.py --list {row.name}"


def test_the_readme_has_the_two_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python3 -m pip install nox && python3 -m nox -s demo" in text
    assert "python3 -m nox -s tests" in text
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "nox" in script and "tests" in script


# a layer's name that torch.nn.Module has too -> why the layer has it
MEANT = {
    "Layer.__call__": "goes through nn.Module.__call__ on torch",
    "Layer.__setstate__": "restores what the layer saved",
    "Operation.__call__": "layers on torch are called through nn.Module",
    "Distiller.compile": "Keras's public name",
    "DataLayer.__call__": "runs inside tf.data and worker processes as well",
    "HostLayer.__call__": "takes lists of strings",
    "HostLayer.__setstate__": "makes tables anew",
    "Functional.__setstate__": "makes the graph anew",
    "FeatureSpace.__call__": "takes dicts of features",
    "FeatureSpace.float": "Keras's public name for a kind of feature",
    "TorchModuleWrapper.parameters": "Keras's public name: those of the module",
    "Trainer.compile": "Keras's public name",
    "Sequential.__getattr__": "names what an unbuilt model lacks, and passes on to torch's",
}


def names_of(node: ast.ClassDef) -> set[str]:
    """Methods and attributes of a class, and what its methods set on `self`."""
    body = [*node.body, *(m for n in node.body if isinstance(n, ast.If) for m in n.body)]
    names = {n.name for n in body if isinstance(n, ast.FunctionDef)}
    for part in ast.walk(node):
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store) and ast.unparse(part.value) == "self":
            names.add(part.attr)
    targets = [t for n in body if isinstance(n, ast.Assign) for t in n.targets]
    targets += [n.target for n in body if isinstance(n, ast.AnnAssign)]
    return names | {t.id for t in targets if isinstance(t, ast.Name)}


def test_layers_hide_no_name_of_torch_modules():
    """On torch a layer is a torch.nn.Module: `_apply` or `_parameters` of a layer's own would break it there."""
    torch = pytest.importorskip("torch")
    taken = (set(dir(torch.nn.Module)) | set(vars(torch.nn.Module()))) - set(dir(object))
    classes = {}
    for path in FILES:
        if adapter_of(path) is None:
            classes |= {
                n.name: n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if type(n) is ast.ClassDef
            }
    parents = {name: {ast.unparse(b).split(".")[-1] for b in node.bases} for name, node in classes.items()}

    def up(name: str, seen: set[str]) -> set[str]:
        for parent in parents.get(name, set()) - seen:
            up(parent, seen | {name})
            found.setdefault(name, set()).update({parent}, found.get(parent, set()))
        return found.get(name, set())

    found: dict[str, set[str]] = {}
    layers = {n for n in classes if "Layer" in up(n, set())} | {"Layer"}
    bases = set().union(*(found.get(n, set()) for n in layers)) & classes.keys()
    hidden = {f"{n}.{x}" for n in layers | bases for x in names_of(classes[n]) & taken}
    assert hidden == set(MEANT)
    assert {"Conv2D", "MessagePassing", "Functional"} <= layers and "Owner" in bases
