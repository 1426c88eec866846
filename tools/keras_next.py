"""What the installed Keras, a pre-release say, has and kfront has not: names, arguments, members and their arguments.

    python tools/keras_next.py            prints what is missing; exit status 1 if `KNOWN` has not the reason of all
                                          of it, or of something that is here

Both are read in processes of their own, so that neither sees the other.
"""

from __future__ import annotations

import importlib
import inspect
import json
import subprocess
import sys
import types
import warnings
from collections.abc import Iterator
from fnmatch import fnmatchcase as fnmatch
from typing import Any

# what is not here yet -> why; a name may end in `*`
KNOWN: dict[str, str] = {
    "*.quantized_build": "the shape of the weight, `kernel_shape` as in Keras 3.15",
    "*.train_step": "`state`: that of Keras's trainer on JAX, whose subclasses are called with it",
    "*.test_step": "as `train_step`",
    "*.predict_step": "as `train_step`",
    "optimizers.*.build": "`var_list` as in the other optimizers",
    "Optimizer.build": "as `optimizers.Optimizer`",
    "optimizers.Adadelta.update_step": "`gradient` as in the other optimizers",
    "layers.RandomGrayscale": "arguments of the methods as in the other image layers",
}


def arguments(thing: Any) -> dict[str, Any]:
    """The names of the arguments of a function, and whether it takes any other."""
    try:
        parameters = list(inspect.signature(thing).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    named = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return {"open": any(p.kind is p.VAR_KEYWORD for p in parameters), "arguments": [n for n in named if n != "self"]}


def described(thing: Any) -> dict[str, Any]:
    """The arguments of a function or class, and the public members of a class, methods with their arguments."""
    if not inspect.isclass(thing):
        return {**arguments(thing), "members": {}}
    names = [n for n in dir(thing) if n[0] != "_"]
    members = {n: arguments(m) if inspect.isfunction(m := getattr(thing, n)) else None for n in names}
    return {**arguments(thing.__init__), "members": members}


def surface(package: str) -> dict[str, dict[str, Any]]:
    """The public names of a package, with what `described` tells of each."""
    warnings.simplefilter("ignore")
    found: dict[str, dict[str, Any]] = {}

    def walk(module: types.ModuleType, path: str) -> None:
        for name in sorted(n for n in dir(module) if n[0] != "_" and n not in ("src", "api")):
            thing = getattr(module, name)
            if not isinstance(thing, types.ModuleType):
                if callable(thing):
                    found[f"{path}{name}"] = described(thing)
            elif thing.__name__.startswith(f"{package}.") and path.count(".") < 4:
                walk(thing, f"{path}{name}.")

    walk(importlib.import_module(package), "")
    return found


def of_arguments(wanted: dict[str, Any], have: dict[str, Any]) -> Iterator[str]:
    """What is missing among the arguments, or stands in another order."""
    lost = [a for a in wanted["arguments"] if a not in have["arguments"] and not have["open"]]
    yield from (f"argument `{a}`" for a in lost)
    order = [a for a in have["arguments"] if a in wanted["arguments"]]
    if not lost and not have["open"] and order != wanted["arguments"]:
        yield f"order of arguments: {', '.join(wanted['arguments'])}"


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, list[str]]:
    """What is missing here, by name."""
    out: dict[str, list[str]] = {}
    for name, wanted in theirs.items():
        have = ours.get(name)
        if have is None:
            out[name] = ["missing"]
            continue
        found = list(of_arguments(wanted, have))
        for member, theirs_of in wanted["members"].items():
            if member not in have["members"]:
                found.append(f"member `{member}`")
            elif theirs_of and (ours_of := have["members"][member]):
                found += [f"member `{member}`: {what}" for what in of_arguments(theirs_of, ours_of)]
        if found:
            out[name] = found
    return out


def _reason(name: str, what: str) -> str | None:
    """The key of `KNOWN` that holds for a difference."""
    member = what.removeprefix("member `").partition("`")[0] if what.startswith("member") else ""
    return next((key for key in KNOWN if any(fnmatch(n, key) for n in (name, f"{name}.{member}"))), None)


def read_surface(package: str) -> dict[str, Any]:
    """The surface of a package, read in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--surface", package], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout[done.stdout.index("{") :])


def main() -> int:
    """Print the differences; 1 if one has no reason."""
    if sys.argv[1:2] == ["--surface"]:
        json.dump(surface(sys.argv[2]), sys.stdout)
        return 0
    read = [read_surface(package) for package in ("keras", "kfront")]
    found = differences(*read)
    new = 0
    for name, what in sorted(found.items()):
        unknown = [w for w in what if _reason(name, w) is None]
        new += len(unknown)
        for w in unknown:
            print(f"new: {name}: {w}")
    print(f"{len(read[0])} public names of Keras, {len(found)} differ here; {new} without a reason")
    used = {_reason(name, w) for name, what in found.items() for w in what}
    for name, why in KNOWN.items():
        if name in used:
            print(f"  {name}: {why}")
    stale = sorted(set(KNOWN) - used)
    if stale:
        print(f"no longer missing, to be taken out of `KNOWN`: {', '.join(stale)}")
    return int(new > 0 or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
