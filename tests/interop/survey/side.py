"""What the public classes of a package do on one side: `side.py keras|kfront MODULE OUT EXAMPLES` writes facts as JSON.

`run.py` starts it, in a process of its own. Every module is imported; every public class is made, by its defaults and
`GUESSES` for what has none, and called on `inputs()`, with the same weights on both sides. Then the examples of its
docstrings are run: Keras's side writes what they are to the file EXAMPLES, the other reads them.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
import warnings
from pathlib import Path

if sys.argv[1] == "kfront":
    from kfront.interop.as_keras import install_as_keras

    install_as_keras()
import examples
import keras
import numpy as np
from limits import failed, limited, observed

NOT_LIBRARY = re.compile(r"(^|_)(tests?|examples?|benchmarks?|cli|scripts?|main)($|_)")  # of a part of a module's name
OF_KERAS = re.compile(r"^(_|src$)")  # of what is not public in Keras
COUNTED = re.compile(r"_\d+(?=/|$)")  # how many of a name there were before
IMPORTS = 90  # seconds for one module
KINDS = {"Layer": keras.Layer, "Loss": keras.Loss, "Metric": keras.Metric, "Optimizer": keras.Optimizer}
KINDS |= {"Callback": keras.callbacks.Callback, "Initializer": keras.Initializer}
KINDS |= {"Regularizer": keras.Regularizer, "Constraint": keras.constraints.Constraint}
OFTEN, SMALL = 10, 20  # calls that must agree, lest a result be random, of layers with less weights
FOUR = 4  # what an argument is given that has no default and no other guess
GUESSES = {
    **dict.fromkeys(["output_size", "strides", "num_layers"], 1),
    **dict.fromkeys(
        ["size", "pool_size", "num_heads", "n_heads", "patch_size", "num_mixtures", "output_dims", "memory_d"], 2
    ),
    **dict.fromkeys(["kernel_size", "num_classes", "in_channels"], 3),
    **dict.fromkeys(["height", "width", "theta", "intermediate_dim"], 8),
    **dict.fromkeys(["input_dim", "vocabulary_size"], 10),
    **dict.fromkeys(["rate", "dropout", "dropout_rate"], 0.1),
    **dict.fromkeys(["factor", "alpha", "beta", "gamma"], 0.5),
    **dict.fromkeys(["name", "hidden_cell"]),
    "activation": "relu",
    "dtype": "float32",
    "target_shape": (2, 2),
    "bounding_box_format": "xyxy",
}
OBJECTS = {  # made anew for each object that takes one
    **dict.fromkeys(["cell", "rnn_cell"], lambda: keras.layers.GRUCell(4)),
    **dict.fromkeys(["layer", "inner_layer"], lambda: keras.layers.Dense(4)),
    **dict.fromkeys(["layers", "transforms"], lambda: [keras.layers.Rescaling(2.0), keras.layers.ReLU()]),
    "states": lambda: [numbers(2, 4)],
}


# ---- what is there ---------------------------------------------------------------------------------------------------


def modules(name, facts):
    """A module and those in it, but for tests and programs; how the import of each went is a fact."""
    try:
        module = limited(importlib.import_module, name, seconds=IMPORTS)
    except BaseException as error:
        facts[f"{name} imports"] = failed(error)
        return
    facts[f"{name} imports"] = True
    yield module
    for inner in pkgutil.iter_modules(getattr(module, "__path__", ())):
        if not (OF_KERAS if name == "keras" else NOT_LIBRARY).search(inner.name):
            yield from modules(f"{name}.{inner.name}", facts)


def classes(package, facts):
    """The public classes of Keras's kinds that stand in a package, each once."""
    found = {}
    for module in modules(package, facts):
        for name, value in sorted(vars(module).items()):
            ours = inspect.isclass(value) and issubclass(value, tuple(KINDS.values()))
            if ours and f"{value.__module__}.".startswith(f"{package}.") and not name.startswith("_"):
                found.setdefault(value, f"{value.__module__}.{value.__name__}")
    return found


# ---- what is done with them ------------------------------------------------------------------------------------------


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.05, 0.95, shape).astype("float32")


def inputs():
    """Inputs of layers, by name."""
    edges = np.array([[0, 1, 3, 2], [1, 2, 4, 0]])
    made = {f"{len(s)}d": numbers(*s) for s in ((4,), (2, 4), (2, 5, 4), (2, 8, 8, 3), (2, 4, 4, 4, 3))}
    made["indices"] = np.random.default_rng(0).integers(0, 9, (2, 5)).astype("int32")
    made["pair"] = [numbers(2, 4), numbers(2, 4, seed=1)]
    made["sequences"] = [numbers(2, 5, 4), numbers(2, 5, 4, seed=1)]
    made["graph"] = [numbers(6, 4), edges]
    made["nodes"] = [numbers(6, 4), (np.abs(np.subtract.outer(np.arange(6), np.arange(6))) == 1).astype("float32")]
    return made


def targets():
    """Targets and predictions of losses and metrics, by name."""
    chances = np.array([[0.2, 0.7], [0.6, 0.4]], "float32")
    volume = np.random.default_rng(0).integers(0, 2, (1, 4, 4, 4, 4)).astype("float32")
    image = numbers(2, 8, 8, 3), numbers(2, 8, 8, 3, seed=1)
    one_hot = np.array([[0.0, 1.0], [1.0, 0.0]], "float32")
    return {
        "one_hot": (one_hot, chances),
        "image": image,
        "sparse": (np.array([0, 1]), chances),
        "volume": (volume, numbers(*volume.shape)),
    }


def needed(function):
    """The names of arguments without a default."""
    named = inspect.signature(function).parameters.values()
    return [p.name for p in named if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.default is p.empty]


def guess(name, otherwise):
    """What an argument is given."""
    return OBJECTS[name]() if name in OBJECTS else GUESSES.get(name, otherwise)


def make(cls):
    """An object of a class, with guesses for what has no default."""
    return cls(**{name: guess(name, FOUR) for name in needed(cls)})


def call(layer, value):
    """A layer's result for an input, which stands for all arguments that it needs."""
    more = needed(layer.call)[1:]
    return layer(value, *(OBJECTS.get(name, lambda: value)() for name in more))


def as_facts(result):
    """The tensors of a result, each by what can be compared."""
    return [_as_fact(value) for value in keras.tree.flatten(result)]


def _as_fact(value):
    if not hasattr(value, "shape"):
        return {"value": repr(value)[:60]}
    array = np.asarray(keras.ops.convert_to_numpy(value)).astype("float64")
    finite = np.nan_to_num(array, nan=0, posinf=0, neginf=0).reshape(-1)
    places = 1 + np.arange(finite.size) / max(finite.size, 1)  # so that another order has another mean
    means = (float(np.mean(v)) if finite.size else 0.0 for v in (np.abs(finite), finite * places))
    form = f"{keras.backend.standardize_dtype(value.dtype)} {list(array.shape)}"
    return {"tensor": form, "finite": int(np.isfinite(array).sum()), **dict(zip(("size", "mean"), means, strict=True))}


def config_of(value):
    """An object's config, as JSON."""
    return json.loads(json.dumps(value.get_config(), default=lambda part: type(part).__name__, sort_keys=True))


def set_weights(layer):
    """Give weights values that depend on their order and shapes only."""
    draw = np.random.default_rng(1)
    for weight in layer.weights:
        if "float" in str(weight.dtype):
            weight.assign(draw.uniform(0.05, 0.5, tuple(weight.shape)))


def built(cls, value):
    """A layer with weights of ours, and what it gives for an input, often."""
    keras.utils.set_random_seed(0)
    layer = make(cls)
    call(layer, value)
    set_weights(layer)
    calls = OFTEN if len(layer.weights) < SMALL else 2
    return layer, [as_facts(call(layer, value)) for _ in range(calls)]


def of_call(cls, kind, value, facts):
    """What a layer does with one input. Numbers that change from call to call are random."""
    layer, (found, *others) = limited(built, cls, value)
    forms = {json.dumps([fact.get("tensor", fact) for fact in one]) for one in (found, *others)}
    facts[kind] = found if all(one == found for one in others) else {"random": sorted(forms)}
    weights = [(COUNTED.sub("", w.path.partition("/")[2]), list(w.shape), str(w.dtype)) for w in layer.weights]
    facts[f"{kind} weights"] = weights
    if not isinstance(value, list):
        symbol = keras.KerasTensor(value.shape, str(value.dtype))
        facts[f"{kind} symbolic"] = observed(lambda: [str(t.shape) for t in keras.tree.flatten(call(layer, symbol))])
    facts[f"{kind} again"] = observed(
        lambda: config_of(type(layer).from_config(layer.get_config())) == config_of(layer)
    )


def of_pair(cls, kind, pair):
    """What a loss or a metric gives for targets and predictions."""
    judge = make(cls)
    if kind == "Loss":
        return as_facts(judge(*pair))
    judge.update_state(*pair)
    return as_facts(judge.result())


def of_class(cls):
    """The facts of a class."""
    keras.utils.set_random_seed(0)
    keras.backend.clear_session()
    try:
        made = limited(make, cls)
    except BaseException as error:
        return {"made": failed(error)}
    kind = next((name for name, base in KINDS.items() if isinstance(made, base)), "")
    facts = {"made": kind}
    if hasattr(made, "get_config"):
        facts["config"] = observed(config_of, made)
    if kind == "Layer":
        for name, value in inputs().items():
            try:
                of_call(cls, name, value, facts)
            except BaseException as error:
                facts[name] = failed(error)
    elif kind in ("Loss", "Metric"):
        facts |= {name: observed(of_pair, cls, kind, pair) for name, pair in targets().items()}
    return facts


def main():
    _, side, package, out, code = sys.argv
    warnings.simplefilter("ignore")
    facts = {}
    if package != "keras":  # whose classes are what the conformance suite compares (`--areas keras`)
        for cls, name in classes(package, facts).items():
            facts |= {f"{name} {what}": fact for what, fact in of_class(cls).items()}
    if side == "keras":
        Path(code).write_text(json.dumps(examples.found_in(modules(package, {}), package)))
    facts |= examples.facts_of(json.loads(Path(code).read_text()), _as_fact)
    Path(out).write_text(json.dumps(facts))


if __name__ == "__main__":
    main()
