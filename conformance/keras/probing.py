"""Probes: what is done on both sides, in a state that is the same for each, and the facts that are observed."""

from __future__ import annotations

import contextlib
import dis
import functools
import gc
import io
import os
import pathlib
import random
import tempfile
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

from .normal import Json

__all__ = ["Facts", "Probe", "observe", "raised"]

Facts = dict[str, Json]
BUILT_IN = (
    *(NotImplementedError, RecursionError, UnicodeError, KeyError, IndexError, ModuleNotFoundError, FileNotFoundError),
    *(AttributeError, ImportError, TypeError, ValueError, ZeroDivisionError, OverflowError, AssertionError),
    *(RuntimeError, OSError, Exception),
)


class Probe(NamedTuple):
    """One thing that is done.

    Attributes:
        label: unique within kind and subject.
        run: `f(package)`, which gives the facts.
    """

    label: str
    run: Callable[[Any], Facts]


def observe(package: Any, probe: Probe) -> Facts:
    """The facts of a probe on Keras or kfront, or the error that ended it; and the categories of warnings."""
    with mock.patch.object(gc, "collect"):  # which takes a hundred times as long as the probe
        package.utils.clear_session()
    random.seed(7)
    np.random.seed(7)
    package.config.set_dtype_policy("float32")
    package.config.set_image_data_format("channels_last")
    with warnings.catch_warnings(record=True) as caught, _quiet():
        warnings.simplefilter("always")
        try:
            facts = probe.run(package)
        except Exception as error:
            facts = {"raises": raised(error, package)}
    told = sorted(w.category.__name__ for w in caught if _of_the_package(w, package))
    return {**facts, "warnings": told}


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where probes may leave files."""
    return tempfile.TemporaryDirectory()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for scope in (contextlib.redirect_stdout, contextlib.redirect_stderr):
            stack.enter_context(scope(io.StringIO()))
        stack.enter_context(contextlib.chdir(_folder().name))
        stack.enter_context(np.errstate(all="ignore"))
        yield


def _of_the_package(warning: warnings.WarningMessage, package: Any) -> bool:
    """Whether Keras or kfront warns, not an engine: from the package's files or, by `stacklevel`, from here.

    What torch warns of once in a process, at the line that first led to it, says that it was triggered internally.
    """
    if "Triggered internally" in str(warning.message):
        return False
    file = os.path.abspath(warning.filename)
    homes = (os.path.dirname(package.__file__), str(pathlib.Path(__file__).parent))
    return file.startswith(homes) and warning.category is UserWarning


def raised(error: BaseException, package: Any) -> Json:
    """The built-in classes of an error, the nearest first, and whether the package raised it on purpose.

    On purpose: a `raise` of the package's own. Otherwise the engine or Python did, when what the package has computed
    with turned out not to fit.
    """
    names = [c.__name__ for c in BUILT_IN if isinstance(error, c)]
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    planned = False
    if trace is not None and trace.tb_frame.f_code.co_filename.startswith(os.path.dirname(package.__file__)):
        at = [i.opname for i in dis.get_instructions(trace.tb_frame.f_code) if i.offset == trace.tb_lasti]
        planned = at == ["RAISE_VARARGS"]
    return {"error": names[0], "also": names[1:], "planned": planned}
