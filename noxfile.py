"""Everything that can be run: `python3 -m nox -s NAME`, each in an environment of its own.

demo [-- torch|jax|tensorflow]   train, draw, save, reload a digit classifier on one engine
quick [-- ENGINE] [BASE]         what a change touches, on NumPy and one engine, within a minute
tests [-- PYTEST ARGUMENTS]      the test suite on every engine; of its largest tables a sample
full                             everything whole: what `tests` and `.ci/run` sample too
lint, types                      ruff and the counts; pyright on the public API
conformance, plain, mutations    engines against NumPy; the same without tuned kernels; faults that it must notice
distributed                      models on meshes: the numbers of one device, memory of each process; checkpoints, kills
benchmarks                       speed against the engines and Keras
mlx                              the backend of plugins/kfront-mlx: its tests, and the suite on it
docs [-- quick]                  the examples in docstrings and documents, and the site, in build/site/html
tuning                           searches for hyper-parameters: a hundred kills, memory, better than by hand
packages [-- -k NAME]            published packages written for Keras, run on kfront
survey -- ENGINE [PACKAGE]       classes and examples of published packages, on Keras and on kfront
keras-tests -- ENGINE [PART]     the tests that the installed Keras brings, on Keras and on kfront
keras-next                       what the newest pre-release of Keras has and kfront has not
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4"
nox.options.default_venv_backend = "virtualenv"
nox.options.sessions = ["lint", "types", "tests", "conformance"]

HERE = Path(__file__).parent
# engine -> extra that installs it; TensorFlow's CPU build is a third of the size of the full one
ENGINES = {"torch": "torch", "jax": "jax", "tensorflow": "tensorflow-cpu"}
# Sessions that need every engine share one environment, so that the engines are installed once.
SHARED = HERE / ".nox" / "full"
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
# Hundreds of tests start a Python of their own: with compiled files on disk each of them starts twice as fast.
BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}
TEST_ENV = {**QUIET, **ONE_THREAD, **BYTECODE, "KFRONT_OFFLINE": "1", "MPLBACKEND": "Agg"}


def _shared(session: nox.Session) -> str:
    """Python of the shared environment, with kfront (editable) and every engine installed."""
    python = SHARED / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = [Path(__file__), HERE / "pyproject.toml", HERE / "src/kfront/_version.py"]
    digest = hashlib.sha256(b"".join(p.read_bytes() for p in wanted)).hexdigest()
    stamp = SHARED / f"installed-{digest[:16]}"
    if not stamp.exists():
        if not python.exists():
            session.run(sys.executable, "-m", "virtualenv", "--quiet", str(SHARED), external=True)
        session.log("The first time this downloads every engine, which takes some minutes.")
        session.run(str(python), "-m", "pip", "install", "--quiet", "-e", ".[dev]", external=True)
        # it asks for the TensorFlow that needs CUDA, and works with the one that is here
        session.run(str(python), "-m", "pip", "install", "--quiet", "--no-deps", "tf_keras", external=True)
        stamp.touch()
    return str(python)


@nox.session(venv_backend="virtualenv")
def demo(session: nox.Session) -> None:
    """Train, evaluate, draw, save and reload an MLP on handwritten digits: `-- torch`, `-- jax` or `-- tensorflow`."""
    engine, *rest = session.posargs or ["torch"]
    if engine not in ENGINES:
        session.error(f"expected an engine that trains ({', '.join(ENGINES)}), got {engine!r}")
    session.log(f"The first time this downloads {engine}, which takes some minutes.")
    session.install("--quiet", f".[{ENGINES[engine]},viz]")
    env = {
        **QUIET,
        # steps this small gain nothing by a second thread, which on a busy machine makes them ten times slower
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "KERAS_BACKEND": engine,
        "KFRONT_OFFLINE": os.environ.get("KFRONT_OFFLINE", "1"),
        "MPLBACKEND": "Agg",
    }
    env["PYTHONWARNINGS"] += ",ignore:KFRONT_OFFLINE is set:UserWarning"  # by this session, as README.md says
    session.log("A listing written for Keras, unedited:")
    session.run("python", "-m", "kfront.as_keras", "examples/mnist_keras_listing.py", env=env)
    session.log("The same model, with pictures, saved and loaded again:")
    session.run("python", "examples/mnist_mlp.py", *rest, env=env)


@nox.session(python=False)
def environment(session: nox.Session) -> None:
    """Install what most sessions share: every engine, and what tests need."""
    _shared(session)


@nox.session(python=False)
def quick(session: nox.Session) -> None:
    """What a change touches, on NumPy and one engine, within a minute: `-- jax` names it, `-- COMMIT` the base."""
    session.run(_shared(session), "tools/quick.py", *session.posargs, env=TEST_ENV, external=True)


@nox.session(python=False)
def tests(session: nox.Session) -> None:
    """The test suite over all engines, doctests included: of the largest tables a sample, or `-- --whole`.

    Other arguments go to pytest, and what they name runs whole.
    """
    python = _shared(session)
    chosen = [a for a in session.posargs if a != "--whole"]
    by_file = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]
    workers = [] if any(a.startswith("-n") for a in chosen) else by_file
    sample = [] if session.posargs else ["--sample", _turn()]
    long = {"KFRONT_LONG_TESTS": "1"} if "--whole" in session.posargs else {}
    env = {**TEST_ENV, **long}
    slow = ["--durations=40", "--durations-min=5"]
    session.run(python, "-m", "pytest", *workers, *slow, *sample, *(chosen or ["tests"]), env=env, external=True)
    if not chosen:  # apart: collecting doctests imports every file, and the scripts among the tests set things
        env = {**TEST_ENV, "KERAS_BACKEND": "torch"}
        session.run(python, "-m", "pytest", *workers, "src", "--doctest-modules", env=env, external=True)


def _turn() -> str:
    """Which part of sampled tables is run: each commit takes the next, by the number of commits."""
    done = subprocess.run(["git", "rev-list", "--count", "HEAD"], cwd=HERE, capture_output=True, text=True)
    return os.environ.get("KFRONT_TURN", done.stdout.strip() or "0")


@nox.session(python=False)
def full(session: nox.Session) -> None:
    """Everything whole, in sessions of their own."""
    for name in ("lint", "types", "conformance", "plain", "mutations", "distributed", "tuning", "docs"):
        session.notify(name, [])
    session.notify("tests", ["--whole"])


@nox.session(reuse_venv=True)
def lint(session: nox.Session) -> None:
    """Style, format, and the counts of the house; `-- --fix` mends what it can."""
    session.install("--quiet", "ruff>=0.12,<0.18")
    if "--fix" in session.posargs:
        session.run("ruff", "check", "--fix", ".")
        session.run("ruff", "format", ".")
        return
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "tools/counts.py")


@nox.session(python=False)
def types(session: nox.Session) -> None:
    """Pyright on the package, and that the stubs of lazy namespaces are those of their tables."""
    python = _shared(session)
    session.run(python, "tools/stubs.py", "--check", env=QUIET, external=True)
    session.run(python, "-m", "pyright", "--pythonpath", python, *session.posargs, external=True)


@nox.session(python=False)
def conformance(session: nox.Session) -> None:
    """Every engine against NumPy and against each other; arguments go to the suite (`-- --quick`)."""
    session.run(_shared(session), "-m", "conformance", *session.posargs, env=TEST_ENV, external=True)


@nox.session(python=False)
def plain(session: nox.Session) -> None:
    """The conformance suite on the plain forms of tuned kernels; arguments go to the suite."""
    session.run(_shared(session), "-m", "conformance", "--plain", *session.posargs, env=TEST_ENV, external=True)


@nox.session(venv_backend="virtualenv", reuse_venv=True)
def mlx(session: nox.Session) -> None:
    """A backend from elsewhere, as its users install it: its tests and the quick suite; arguments go to the suite."""
    plugin = HERE / "plugins" / "kfront-mlx"
    session.install("--quiet", "-e", ".[conformance,safetensors]")
    session.install("--quiet", "-e", f"{plugin}[cpu]")  # MLX's wheels for Linux, which know no GPU
    env = {**TEST_ENV, "KERAS_BACKEND": "mlx"}
    session.run("python", "-m", "pytest", "-q", str(plugin / "tests" / "test_native.py"), env=env)
    words = ["--backend", "mlx", "--quick", "--xfail", str(plugin / "xfail.txt"), *session.posargs]
    session.run("python", "-m", "conformance", *words, env=env)


@nox.session(python=False)
def mutations(session: nox.Session) -> None:
    """Faults that are put in on purpose, each of which the conformance suite must notice."""
    session.run(_shared(session), "-m", "conformance.mutations", env=TEST_ENV, external=True)
    session.run(_shared(session), "-m", "conformance.mutants", *session.posargs, env=TEST_ENV, external=True)


@nox.session(python=False)
def distributed(session: nox.Session) -> None:
    """Models on meshes of torch and JAX, in up to four processes: the numbers of one device, memory per process.

    Checkpoints that other meshes go on from, failures, 200 kills at random moments, and samples counted too; parts run
    side by side, and a summary is the last that is printed. Arguments name parts, such as `-- numbers kills`.
    """
    session.run(_shared(session), "tests/distribution/survival.py", *session.posargs, env=TEST_ENV, external=True)


@nox.session(python=False)
def benchmarks(session: nox.Session) -> None:
    """Speed beside code written by hand for the engine and beside Keras; arguments go to the runner."""
    session.run(_shared(session), "-m", "benchmarks", *session.posargs, env={**QUIET, **ONE_THREAD}, external=True)


@nox.session(venv_backend="virtualenv", reuse_venv=True)
def docs(session: nox.Session) -> None:
    """Run the examples in docstrings and documents, build the site and open it in a browser.

    `-- quick` builds the site only, without running the gallery's programs.
    """
    quick = "quick" in session.posargs
    if not quick:
        python = _shared(session)
        where = ["src", "docs", "README.md", *session.posargs]
        run = [python, "-m", "pytest", "--doctest-modules", "--doctest-glob=*.md", *where, "--ignore=docs/conf.py"]
        session.run(*run, env=TEST_ENV, external=True)
        session.run(python, "tools/site/examples.py", "build/examples.json", env=TEST_ENV, external=True)
    session.install("--quiet", "-e", ".[docs]")
    env = {**QUIET, "KFRONT_OFFLINE": "1", "MPLBACKEND": "Agg", "KERAS_BACKEND": "torch"}
    session.run("python", "tools/site/build.py", *(["--quick"] if quick else []), env=env)
    if not (os.environ.get("KFRONT_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")):
        session.run("python", "-m", "playwright", "install", "chromium")
    session.run("python", "-m", "pytest", "tests/site/test_browse.py", env=env)


@nox.session(python=False)
def tuning(session: nox.Session) -> None:
    """Searches: with a hundred kills, with 200 trials that leave no memory behind, and one that beats the demo."""
    env = {**TEST_ENV, "KFRONT_KILLS": "100", "KFRONT_TRIALS": "200"}
    search = "tests/gallery/test_gallery.py::test_a_program_reaches_its_result[hyperparameter_search-torch]"
    session.run(_shared(session), "-m", "pytest", "tests/tuning", search, *session.posargs, env=env, external=True)


@nox.session(venv_backend="virtualenv")
def packages(session: nox.Session) -> None:
    """Packages written for Keras run on kfront, which stands in for it: Keras itself is not installed."""
    sys.path.insert(0, str(HERE))
    from tests.interop.packages import PACKAGES  # the table; here, so that other sessions do without it

    session.install("--quiet", "-e", ".[torch,jax,tensorflow-cpu,viz,conformance]", "scikit-learn", "pandas", "grain")
    needs = {need for package in PACKAGES for need in package.requires}
    session.install(
        "--quiet", "--no-deps", "quantizers", "kt-legacy", "tensorflow-text", "tf2onnx"
    )  # they ask for Keras
    session.install("--quiet", *sorted(needs - {"quantizers", "kt-legacy", "tensorflow-text", "tf2onnx"}))
    session.install("--quiet", "--no-deps", *(package.name for package in PACKAGES))
    session.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", "keras")
    chosen = session.posargs or ["-q", "-rs"]
    session.run("python", "-m", "pytest", *chosen, "tests/interop/test_published_packages.py", env=TEST_ENV)


@nox.session(python=False)
def survey(session: nox.Session) -> None:
    """What classes and examples of published packages do on Keras and on kfront: `-- torch`, `-- jax ncps` for one."""
    sys.path.insert(0, str(HERE))
    from tests.interop.packages import SURVEYED  # the table; here, so that other sessions do without it

    python, words = _shared(session), session.posargs or ["torch"]
    for package in SURVEYED:  # each in a folder of its own, beside the Keras and the engines that are there
        folder = HERE / "build" / "survey" / package.name
        wanted = package.name != "keras" and (package.name in words or len(words) == 1)
        if wanted and not folder.exists():
            install = ("-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder))
            session.run(python, *install, package.name, *package.requires, external=True)
    session.run(python, "-m", "tests.interop.survey.run", *words, env=TEST_ENV, external=True)


@nox.session(name="keras-tests", python=False)
def keras_tests(session: nox.Session) -> None:
    """What passes in Keras's own tests on Keras and fails on kfront: `-- torch`, `-- jax layers/core` a part."""
    words = session.posargs or ["torch"]
    session.run(_shared(session), "tests/interop/keras_tests/run.py", *words, env=TEST_ENV, external=True)


@nox.session(name="keras-next", venv_backend="virtualenv")
def keras_next(session: nox.Session) -> None:
    """Names, signatures and members of the newest pre-release of Keras that kfront lacks; `-- audit`: and behaviour."""
    session.install("--quiet", "-e", ".[jax,sklearn,conformance]")
    session.install("--quiet", "--pre", "--upgrade", "keras-nightly")
    session.run("python", "tools/keras_next.py", env={**QUIET, "KERAS_BACKEND": "jax"})
    if session.posargs[:1] == ["audit"]:
        audit = ("conformance", "--areas", "keras", "--backend", "jax", *session.posargs[1:])
        session.run("python", "-m", *audit, env=QUIET, success_codes=[0, 1])  # what changed is no failure
