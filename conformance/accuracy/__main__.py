"""``python -m conformance.accuracy``: measure every engine, each in a process of its own, and write what is found.

It writes `recorded.json`, which the area `accuracy` holds, and `docs/accuracy.md`.
"""

from __future__ import annotations

import json
import math
import pathlib
import subprocess
import sys
from typing import Any

from kfront.backends import installed

from .measure import GROUPS
from .table import RECORD, Table, everything

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "accuracy.md"
BOUND = 4.0  # ULP in float32; what is above gets a line with its reason
REASONS = {
    "arcsin": "XLA halves the argument: next to the smallest normal number it becomes 0.",
    "cumsum": "A sum of many terms rounds once for each.",
    "elu": "TensorFlow's kernel takes exp(x) - 1: near 0 only the absolute error is small. It is one kernel, not five.",
    "erfc": "In the tail the exponent is -x²: its rounding error is multiplied by its size.",
    "erfinv": "Next to ±1.",
    "gelu": "Below -4 the factor is a tail of the normal distribution, as in erfc. torch's kernel takes 1 + erf, which "
    "loses all digits there: only the absolute error is small. It is one fused kernel.",
    "gelu tanh": "As gelu; torch's kernel takes 1 + tanh.",
    "i0": "Abramowitz and Stegun's polynomials.",
    "logaddexp": "Next to where the result is 0, a small change of an argument is a large one of the result.",
    "logaddexp2": "As logaddexp.",
    "prod": "A product of many factors rounds once for each.",
    "selu": "As elu.",
    "sigmoid": "TensorFlow's approximation.",
    "silu": "Where the sigmoid is subnormal, and becomes 0.",
    "sinh": "Where expm1 gives way to exp; XLA's own is 23 ULP away.",
    "softmax": "The differences to the largest are rounded, and the exponential function multiplies that.",
    "squareplus": "Arguments whose square overflows.",
    "tanh": "TensorFlow's rational approximation.",
    "tanh_shrink": "Next to 0, where x and tanh(x) agree in all digits; only the absolute error is small.",
}


def main() -> int:
    """Measure, write, and tell where."""
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(_rounded(everything(sys.argv[2]))))
        return 0
    found = {}
    for engine in installed():
        command = [sys.executable, "-m", str(__package__), "--one", engine]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[engine] = json.loads(done.stdout.splitlines()[-1])
    RECORD.write_text(_lines(found), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    print(RECORD, PAGE, sep="\n")
    return 0


def _rounded(table: Table) -> Any:
    """Three digits say enough."""
    return {
        name: {d: {g: [_digits(v) for v in pair] for g, pair in groups.items()} for d, groups in dtypes.items()}
        for name, dtypes in table.items()
    }


def _digits(value: float) -> float:
    return float(f"{value:.3g}") if math.isfinite(value) else 1e308


def _lines(found: dict[str, Table]) -> str:
    """JSON with a line for each op: a change of one op changes one line."""
    engines = []
    for engine, table in found.items():
        rows = ",\n".join(f"  {json.dumps(n)}: {json.dumps(table[n], separators=(',', ':'))}" for n in sorted(table))
        engines.append(f" {json.dumps(engine)}: {{\n{rows}\n }}")
    return "{\n" + ",\n".join(engines) + "\n}\n"


def page(found: dict[str, Table]) -> str:
    """The page: float32 for all ops, and why some are above `BOUND`."""
    engines = list(found)
    names = sorted({n for table in found.values() for n in table})
    out = [
        "# Accuracy\n",
        "The largest error of floating ops in units of the last place (ULP) against exact results of 400 bits "
        "(mpmath), in float32, over ordinary arguments (uniform in ±10 and ±1, and of each magnitude from 1e-8 to "
        "100) and special ones (next to poles, zeros and branches, huge, tiny). 0.5 is the least there can be. "
        "Subnormal numbers are left out: JAX and TensorFlow take them as zeros. `conformance/accuracy/recorded.json` "
        "has all dtypes and groups, and the mean errors; `python -m conformance --areas accuracy` holds them, "
        "`python -m conformance.accuracy` writes this page.\n",
        f"| op | {' | '.join(engines)} |",
        f"|---|{'---|' * len(engines)}",
    ]
    high = set()
    for name in names:
        cells = []
        for engine in engines:
            worst = _worst(found[engine][name]["float32"])
            high |= {name} if worst > BOUND else set()
            cells.append(_cell(worst))
        out.append(f"| {name} | {' | '.join(cells)} |")
    out.append(f"\n## Above {BOUND:g} ULP\n")
    out.append("Where an engine's own function is the cause and a composed one is better, kfront takes the composed "
               "one, unless a line says why not.\n")  # fmt: skip
    out += [f"- `{name}`: {REASONS[name]}" for name in names if name in high]
    return "\n".join(out) + "\n"


def _worst(groups: Any) -> float:
    return max(pair[0] for g, pair in groups.items() if g in GROUPS and g != "denormal")


def _cell(value: float) -> str:
    if value >= 1e5:
        return "no digits"
    return f"**{value:.3g}**" if value > BOUND else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
