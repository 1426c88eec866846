"""``python -m conformance``: run the suite, print the matrix, write the report."""

from __future__ import annotations

import argparse
import importlib.metadata
import pathlib
import sys

from conformance import report
from conformance.suite import AREAS, Result, collect, load_expected, run_case


def _import_engines(backends: list[str]) -> None:
    """Load the engines in an order in which they live together (torch before TensorFlow)."""
    import kfront

    for name in ("torch", "jax", "tensorflow", "numpy", *backends):
        if name in backends:
            with kfront.backend_scope(name):
                pass


def _versions(backends: list[str]) -> dict[str, str]:
    out = {}
    for name in ("numpy", *backends):
        for dist in (name, f"{name}-cpu"):
            try:
                out[name] = importlib.metadata.version(dist)
                break
            except importlib.metadata.PackageNotFoundError:
                continue
    return out


def main(argv: list[str] | None = None) -> int:
    """Run the suite; the exit status is 0 when every case ended as expected."""
    from kfront.backends import installed

    parser = argparse.ArgumentParser("conformance", description="Check that the backends do the same.")
    parser.add_argument("--backends", default=",".join(installed()), help="names, separated by commas")
    parser.add_argument("--areas", default=",".join(AREAS), help="areas to run, separated by commas")
    parser.add_argument("--only", default="", help="run cases whose id contains this text")
    parser.add_argument("--quick", action="store_true", help="a sample of the larger tables")
    parser.add_argument("--out", default="", help="folder for results.json and index.html")
    args = parser.parse_args(argv)
    backends = args.backends.split(",")
    _import_engines(backends)
    expected = {b: load_expected(b) for b in [*backends, "all"]}
    results: list[Result] = []
    for case in collect(args.areas.split(","), backends, args.quick):
        if args.only in case.id:
            results.append(run_case(case, expected.get(case.backend, [])))
    report.print_matrix(results)
    if args.out:
        folder = pathlib.Path(args.out)
        folder.mkdir(parents=True, exist_ok=True)
        report.write_json(results, folder / "results.json", _versions(backends))
        report.write_html(results, folder / "index.html", _versions(backends))
    failed = sum(r.status in ("fail", "xpass") for r in results)
    print(f"{len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
