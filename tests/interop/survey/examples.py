"""The examples in the docstrings of a package: found where Keras is, and run on either side.

Code stands after `>>>` or between lines of three backquotes. Each example runs by itself, and all of one docstring run
one after the other, since later ones often use names of earlier ones. What expressions give and what names hold at the
end are its facts.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import io
import json
import os
import re
import tempfile
import textwrap

import keras
import numpy as np
from limits import SECONDS, failed, limited

BLOCK = re.compile(r"```(?:python)?\n(.*?)```", re.S)
DEEP, MANY = 4, 30  # how much of nested values is compared


# ---- found -----------------------------------------------------------------------------------------------------------


def found_in(modules, package):
    """Name of an example -> code, of all public things of a package that have a docstring."""
    out, seen = {}, set()
    for module in modules:
        for name, value in sorted(vars(module).items()):
            ours = f"{getattr(value, '__module__', '')}.".startswith(f"{package}.")
            if name.startswith("_") or not ours or not callable(value) or id(value) in seen:
                continue
            seen.add(id(value))
            for where, text in _docstrings(f"{module.__name__}.{name}", value):
                out |= _examples(where, inspect.cleandoc(text))
    return out


def _docstrings(name, value):
    """(name, docstring) of a function, or of a class and its public members."""
    members = vars(value).items() if inspect.isclass(value) else ()
    inner = [(f"{name}.{k}", getattr(v, "fget", None) or getattr(v, "__func__", v)) for k, v in members if k[0] != "_"]
    for where, thing in [(name, value), *inner]:
        text = getattr(thing, "__doc__", None)
        if isinstance(text, str) and (thing is value or inspect.isroutine(thing)):
            yield where, text


def _examples(where, text):
    """Name -> code of the examples in one docstring."""
    blocks = [textwrap.dedent(block) for block in BLOCK.findall(text)]
    found = [_typed(block) if ">>>" in block else block for block in blocks]
    if ">>>" in (rest := BLOCK.sub("", text)):
        found.append(_typed(rest))
    found = [code for code in found if "set_backend" not in code]  # which other examples would run on
    named = {f"{where} example {i}": code for i, code in enumerate(found)}
    return named | ({f"{where} examples": "\n".join(found)} if len(found) > 1 else {})


def _typed(text):
    """What stands after `>>>` and `...`."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line[4:] for line in lines if line.startswith((">>>", "...")))


# ---- run -------------------------------------------------------------------------------------------------------------


def facts_of(examples, as_fact):
    """What each example gives; numbers that depend on the seed are random, and only their forms are compared."""
    os.chdir(tempfile.mkdtemp())
    out = {}
    for name, code in examples.items():
        try:
            first, second = (_run(name, code, seed, as_fact) for seed in (0, 1))
            out[name] = first if first == second else {"random": json.loads(_forms(first))}
        except BaseException as error:
            out[name] = failed(error)
    return out


def _forms(facts):
    """JSON of facts, of tensors only the dtype and shape."""
    return json.dumps(json.loads(json.dumps(facts), object_hook=lambda fact: fact.get("tensor", fact)))


def _run(name, code, seed, as_fact):
    """What expressions give and names hold."""
    keras.backend.clear_session(free_memory=False)  # which takes longer than most examples
    keras.utils.set_random_seed(seed)
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.config.set_image_data_format("channels_last")
    given = {name: getattr(keras.layers, name) for name in dir(keras.layers) if name[0].isupper()}
    given |= {"keras": keras, "np": np, "ops": keras.ops, "layers": keras.layers, "__name__": "example"}
    given |= {"Model": keras.Model, "Sequential": keras.Sequential}
    names, values = dict(given), []

    def run():
        for part in ast.parse(code).body:
            if isinstance(part, ast.Expr):
                value = eval(compile(ast.Expression(part.value), name, "eval"), names)
                values.append(_shown(value, as_fact))  # now: it may be the state of a metric, which changes
            else:
                exec(compile(ast.Module([part], []), name, "exec"), names)

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        limited(run, seconds=SECONDS)
        held = {k: v for k, v in names.items() if k not in given and k[0] != "_" and not inspect.ismodule(v)}
        return {"gives": values, "names": _shown(held, as_fact)}


def _shown(value, as_fact, depth=0):
    """A value as JSON: tensors as facts, containers by their parts, layers by their weights, others by their type."""
    if depth > DEEP or value is None or isinstance(value, (bool, int)):
        return "..." if depth > DEEP else value
    if isinstance(value, str):
        return re.sub(r"/tmp/\S+|0x[0-9a-f]+", "...", value)
    if isinstance(value, float):
        return float(f"{value:.3g}") if np.isfinite(value) else str(value)
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return [kind, *(_shown(v, as_fact, depth + 1) for v in value[:MANY])]
    if isinstance(value, dict):
        return {str(k): _shown(v, as_fact, depth + 1) for k, v in [*value.items()][:MANY]}
    if isinstance(value, keras.KerasTensor):
        return f"{value.dtype} {list(value.shape)}"
    if isinstance(value, np.ndarray) and value.dtype.kind in "USO":
        return value.tolist()
    if isinstance(value, (keras.Variable, np.ndarray, np.generic)) or keras.ops.is_tensor(value):
        return as_fact(value)
    if isinstance(value, keras.Layer):
        return [type(value).__name__, *(list(w.shape) for w in value.weights)]
    return "function" if callable(value) and not inspect.isclass(value) else type(value).__name__
