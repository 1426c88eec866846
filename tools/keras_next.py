"""What the installed Keras, a pre-release say, has and kfront has not: names, arguments, members of classes.

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
from typing import Any

# what is not here yet -> why; a name may end in `*`
KNOWN = {
    "layers.Mosaic": "an augmentation that mixes four images",
    "layers.TernaryDense": "waits for ternary weights",
    "ops.gammainc": "torch has no gradient by its first argument",
    "quantizers.QuantizationReport": "waits for reports of `quantize`",
    "quantizers.TernaryQuantizationConfig": "waits for ternary weights",
    "quantizers.AWQConfig": "`apply_clip`: waits for the search of clipped weights",
    "quantizers.GPTQConfig": "`calibration_batch_size`: calibration reads all samples at once",
    "*.quantization_summary": "waits for reports of `quantize`",
    "*.variable_serialization_spec": "private to Keras's files; kfront's quantized layers tell it otherwise",
}


def described(thing: Any) -> dict[str, Any]:
    """The arguments of a function or class, and the public members of a class."""
    target = thing.__init__ if inspect.isclass(thing) else thing
    try:
        parameters = list(inspect.signature(target).parameters.values())[int(inspect.isclass(thing)) :]
    except (TypeError, ValueError):
        parameters = []
    found: dict[str, Any] = {"open": any(p.kind is p.VAR_KEYWORD for p in parameters)}
    found["arguments"] = [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    found["members"] = sorted(n for n in dir(thing) if n[0] != "_") if inspect.isclass(thing) else []
    return found


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


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, list[str]]:
    """What is missing here, by name."""
    out: dict[str, list[str]] = {}
    for name, wanted in theirs.items():
        have = ours.get(name)
        if have is None:
            out[name] = ["missing"]
            continue
        lost = [a for a in wanted["arguments"] if a not in have["arguments"] and not have["open"]]
        order = [a for a in have["arguments"] if a in wanted["arguments"]]
        found = [f"argument `{a}`" for a in lost]
        if not lost and not have["open"] and order != wanted["arguments"]:
            found.append(f"order of arguments: {', '.join(wanted['arguments'])}")
        found += [f"member `{m}`" for m in wanted["members"] if m not in have["members"]]
        if found:
            out[name] = found
    return out


def known(name: str, what: str) -> bool:
    """Whether `KNOWN` has a reason for it."""
    member = what.removeprefix("member `").removesuffix("`")
    return name in KNOWN or (what.startswith("member") and f"*.{member}" in KNOWN)


def main() -> int:
    """Print the differences; 1 if one has no reason."""
    if sys.argv[1:2] == ["--surface"]:
        json.dump(surface(sys.argv[2]), sys.stdout)
        return 0
    read = []
    for package in ("keras", "kfront"):
        done = subprocess.run([sys.executable, __file__, "--surface", package], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        read.append(json.loads(done.stdout[done.stdout.index("{") :]))
    found = differences(*read)
    new = 0
    for name, what in sorted(found.items()):
        unknown = [w for w in what if not known(name, w)]
        new += len(unknown)
        for w in unknown:
            print(f"new: {name}: {w}")
    print(f"{len(read[0])} public names of Keras, {len(found)} differ here; {new} without a reason")
    used = {name if name in KNOWN else f"*.{w[8:-1]}" for name, what in found.items() for w in what if known(name, w)}
    print(*(f"  {name}: {why}" for name, why in KNOWN.items() if name in used), sep="\n")
    stale = sorted(set(KNOWN) - used)
    if stale:
        print(f"no longer missing, to be taken out of `KNOWN`: {', '.join(stale)}")
    return int(new > 0 or bool(stale))


if __name__ == "__main__":
    sys.exit(main())
