"""``python -m conformance.accuracy``: measure every engine, each in a process of its own, and write what is found.

It writes `recorded.json`, which the area `accuracy` holds, and `docs/accuracy.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import pathlib
import subprocess
import sys
from typing import Any

from kfront.backends import installed

from .table import FAMILIES, INFINITE, RECORD, UNHELD, Table, everything, recorded

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "accuracy.md"
BOUND = 4.0  # ULP in float32; what is above gets a line with its reason
OF_GRADIENTS = {  # reason -> ops whose slope it explains
    "The root of 1 - x² or x² - 1, next to ±1: x² is rounded.": "arccos, arccosh, arcsin, arctanh",
    "The square of a tiny number is 0 or subnormal.": "arctan2",
    "The slope is made of the value, which is 1 or -1 there in all its digits: far out only the absolute error is "
    "small, as in the engine's own gradient.": "expm1, celu, elu, selu, sigmoid, tanh, tanh_shrink, gelu, gelu tanh",
    "exp(-x²): the rounding error of the exponent is multiplied by its size.": "erf, erfc",
    "The exponential function multiplies the rounding of the differences.": "logaddexp, logaddexp2, logsumexp, "
    "softmax, softplus, log_sigmoid",
    "As power: the exponent's rounding is multiplied.": "power",
    "A quotient by 1 + |x| twice rounded, and squared.": "softsign",
    "The value to the power of three: its rounding error three times.": "rsqrt",
    "Next to ±1, where the value is far from exact.": "erfinv",
    "Next to where the slope is 0, only the absolute error is small.": "silu, sinc",
    "Polynomials of the value, and their slopes.": "i0",
    "A product of many factors rounds once for each.": "prod",
}
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
    "complex power": "exp(b log a): the rounding of the logarithm is multiplied by its size.",
    "det": "Next to a singular matrix the determinant is small beside its terms: only they are accurate.",
    "logdet": "Where the determinant is next to 1, its logarithm is next to 0, and only the absolute error is small.",
    "complex log": "Next to 1, where the logarithm is next to 0; from 1e20 on TensorFlow's is infinite.",
    "eigh values": "TensorFlow's own kernel, relative to the largest value.",
    "lstsq": "As solve.",
    "norm nuclear": "As svd values.",
    "norm spectral": "As svd values.",
    "svd values": "TensorFlow's own kernel, relative to the largest value.",
    "slogdet": "As logdet.",
    "solve": "The condition of the matrix multiplies the error.",
    "pinv": "As solve.",
    **{f"gradient of {name}": reason for reason, names in OF_GRADIENTS.items() for name in names.split(", ")},
}


TITLES = ("", "Complex numbers", "Whole arrays", "Gradients")
INTRODUCTION = (
    "The largest error of floating ops in units of the last place (ULP) against exact results of 400 bits "
    "(mpmath), in float32, over ordinary arguments (uniform in ±10 and ±1, and of each magnitude from 1e-8 to "
    "100) and special ones (next to poles, zeros and branches, huge, tiny). 0.5 is the least there can be. "
    "Subnormal numbers are left out: JAX and TensorFlow take them as zeros. `conformance/accuracy/recorded.json` "
    "has all dtypes and groups, and the mean errors; `python -m conformance --areas accuracy` holds them, "
    "`python -m conformance.accuracy` writes this page.\n"
)
TEXTS = (
    "",
    "In complex64: the distance in the plane, in ULP of the modulus of the exact result. The parts of a result may be "
    "of different sizes, and the smaller one then has fewer digits.\n",
    "Matrices, transforms, and the sums of layers, over random operands and structured ones, whose rows and columns "
    "have sizes from 1 to 1/1000. ULP of each element would say nothing here: the error is the largest difference over "
    "the largest element of the result, in units of the dtype's epsilon. Of decompositions that are unique up to signs "
    "or order, what is unique is compared.\n",
    "The slope by the first operand, or by the first element of a row, against the exact derivative. Next to poles and "
    "branches too, but not at them.\n",
)


def main() -> int:
    """Measure, write, and tell where; all, or what the arguments name."""
    parser = argparse.ArgumentParser(prog=f"python -m {__package__}", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("only", nargs="?", default="", help="what has this in its name")
    parser.add_argument("--engines", default=",".join(installed()), help="names, separated by commas")
    parser.add_argument("--keep-larger", action="store_true", help="keep larger errors, which another processor had")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # in a process of its own
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(_rounded(everything(chosen.one, chosen.only))))
        return 0
    found = {e: t for e, t in recorded().items() if chosen.only or e not in chosen.engines.split(",")}
    for engine in chosen.engines.split(","):
        command = [sys.executable, "-m", str(__package__), chosen.only, "--one", engine]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        table = json.loads(done.stdout.splitlines()[-1])
        if chosen.keep_larger:
            table = {name: _larger(one, recorded().get(engine, {}).get(name, {})) for name, one in table.items()}
        found[engine] = {**found.get(engine, {}), **table}
        RECORD.write_text(_lines({e: found[e] for e in installed() if e in found}), encoding="utf-8")
    PAGE.write_text(page(found), encoding="utf-8")
    print(RECORD, PAGE, sep="\n")
    return 0


def _larger(new: Any, old: Any) -> Any:
    """Of each error the larger: `old` may lack dtypes and groups."""
    if isinstance(new, dict):
        return {key: _larger(value, old[key]) if key in old else value for key, value in new.items()}
    return [max(pair) for pair in zip(new, old, strict=True)]


def _rounded(table: Table) -> Any:
    """Three digits say enough."""
    return {
        name: {d: {g: [_digits(v) for v in pair] for g, pair in groups.items()} for d, groups in dtypes.items()}
        for name, dtypes in table.items()
    }


def _digits(value: float) -> float:
    return float(f"{value:.3g}") if math.isfinite(value) else INFINITE


def _lines(found: dict[str, Table]) -> str:
    """JSON with a line for each op: a change of one op changes one line."""
    engines = []
    for engine, table in found.items():
        rows = ",\n".join(f"  {json.dumps(n)}: {json.dumps(table[n], separators=(',', ':'))}" for n in sorted(table))
        engines.append(f" {json.dumps(engine)}: {{\n{rows}\n }}")
    return "{\n" + ",\n".join(engines) + "\n}\n"


def page(found: dict[str, Table]) -> str:
    """The page: float32 for all ops, and why some are above `BOUND`."""
    out = ["# Accuracy\n", INTRODUCTION]
    for title, text, family in zip(TITLES, TEXTS, FAMILIES, strict=True):
        out += [*([f"\n## {title}\n"] if title else []), *([text] if text else []), *_table(found, family.names())]
    out.append(f"\n## Above {BOUND:g} ULP\n")
    out.append("Where an engine's own function is the cause and a composed one is better, kfront takes the composed "
               "one, unless a line says why not.\n")  # fmt: skip
    out += [f"- `{name}`: {REASONS.get(name)}" for name in sorted(high(found), key=_order)]
    return "\n".join(out) + "\n"


def _order(name: str) -> tuple[int, str]:
    return next(i for i, family in enumerate(FAMILIES) if name in family.names()), name


def high(found: dict[str, Table]) -> set[str]:
    """What is above `BOUND` on an engine."""
    return {n for t in found.values() for n, dtypes in t.items() if _worst(dtypes["float32"]) > BOUND}


def _table(found: dict[str, Table], names: list[str]) -> list[str]:
    """A line for each op; an engine that has no gradients has no column."""
    engines = [e for e, table in found.items() if any(n in table for n in names)]
    out = [f"| op | {' | '.join(engines)} |", f"|---|{'---|' * len(engines)}"]
    for name in sorted({n for e in engines for n in found[e]} & {*names}):
        cells = [_cell(_worst(found[e][name]["float32"])) if name in found[e] else "–" for e in engines]
        out.append(f"| {name} | {' | '.join(cells)} |")
    return out


def _worst(groups: Any) -> float:
    return max((pair[0] for g, pair in groups.items() if g not in UNHELD), default=0.0)


def _cell(value: float) -> str:
    if value >= 1e5:
        return "no digits"
    return f"**{value:.3g}**" if value > BOUND else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
