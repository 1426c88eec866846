"""Everything that can be run: `python3 -m nox -s NAME`, each in an environment of its own.

demo [-- torch|jax|tensorflow]   train, draw, save, reload a digit classifier on one engine
tests [-- PYTEST ARGUMENTS]      the test suite on every engine
lint, types                      ruff; pyright on the public API
conformance, benchmarks          engines against NumPy; speed against the engines and Keras
docs                             the examples in docstrings and documents
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.needs_version = ">=2024.4"
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["lint", "types", "tests", "conformance"]

HERE = Path(__file__).parent
# engine -> extra that installs it; TensorFlow's CPU build is a third of the size of the full one
ENGINES = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow-cpu"}
# One environment with every engine serves all sessions that need them.
FULL = {"venv_location": str(HERE / ".nox" / "full"), "reuse_venv": True}
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "JAX_PLATFORMS": os.environ.get("JAX_PLATFORMS", "cpu"),
    "PYTHONWARNINGS": "ignore::DeprecationWarning",
}
# Several test processes share the cores: more threads per process only make them wait for each other.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}


def _install_all(session: nox.Session) -> None:
    session.install("--quiet", "-e", ".[dev]")


@nox.session
def demo(session: nox.Session) -> None:
    """Train, evaluate, draw, save and reload an MLP on handwritten digits: `-- torch`, `-- jax` or `-- tensorflow`."""
    engine, *rest = session.posargs or ["torch"]
    if engine not in ENGINES:
        session.error(f"expected an engine that trains ({', '.join(ENGINES)}), got {engine!r}")
    session.install("--quiet", f".[{ENGINES[engine]},viz]")
    env = {
        **QUIET,
        "KERAS_BACKEND": engine,
        "KFRONT_OFFLINE": os.environ.get("KFRONT_OFFLINE", "1"),
        "MPLBACKEND": "Agg",
    }
    session.run("python", "examples/mnist_mlp.py", *rest, env=env)
    session.log("The same model in a listing written for Keras, unedited:")
    session.run("python", "-m", "kfront.as_keras", "examples/mnist_keras_listing.py", env=env)


@nox.session(**FULL)
def tests(session: nox.Session) -> None:
    """The test suite over all engines, doctests included; arguments go to pytest."""
    _install_all(session)
    chosen = session.posargs or ["tests", "src", "--doctest-modules"]
    workers = [] if any(a.startswith("-n") for a in chosen) else ["-n", "auto", "--dist", "loadfile"]
    session.run("pytest", *workers, *chosen, env={**QUIET, **ONE_THREAD, "KFRONT_OFFLINE": "1", "MPLBACKEND": "Agg"})


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Style and format; `-- --fix` mends what it can."""
    session.install("--quiet", "ruff>=0.12,<0.18")
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
        return
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session(**FULL)
def types(session: nox.Session) -> None:
    """Pyright on the package, and that the stubs of lazy namespaces are those of their tables."""
    _install_all(session)
    session.install("--quiet", "pyright[nodejs]>=1.1.400")
    session.run("python", "tools/stubs.py", "--check", env=QUIET)
    session.run("pyright", *session.posargs)


@nox.session(**FULL)
def conformance(session: nox.Session) -> None:
    """Every engine against NumPy and against each other; arguments go to the suite (`-- --quick`)."""
    _install_all(session)
    session.run("python", "-m", "conformance", *session.posargs, env={**QUIET, **ONE_THREAD, "KFRONT_OFFLINE": "1"})


@nox.session(**FULL)
def benchmarks(session: nox.Session) -> None:
    """Speed beside code written by hand for the engine and beside Keras; arguments go to the runner."""
    _install_all(session)
    session.run("python", "-m", "benchmarks", *session.posargs, env={**QUIET, **ONE_THREAD})


@nox.session(**FULL)
def docs(session: nox.Session) -> None:
    """The examples in docstrings and documents run."""
    _install_all(session)
    session.run(
        "pytest", "--doctest-modules", "--doctest-glob=*.md", "src", "docs", "README.md", *session.posargs, env=QUIET
    )
