"""The exceptions that kfront raises; each also is the built-in exception that code written for Keras expects.

Messages have one form: ``[Name] expected …, got …; do …``.
"""

import functools
import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import ClassVar


def nearest(name: object, known: Iterable[str]) -> str:
    """The known names that a misspelt one may stand for.

    Args:
        name: what was given.
        known: the names that there are.

    Returns:
        A question for the end of a message, or "" if none is alike.

    Example:

    >>> nearest("unit", ["units", "activation"])
    "did you mean 'units'?"
    """
    import difflib  # for messages only

    close = difflib.get_close_matches(str(name), list(known), n=3)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


def optional(who: str, module: str, package: str, extra: str) -> ModuleType:
    """A module of a package that may be missing.

    Args:
        who: the name of the caller, for the message.
        module: the module's name.
        package: what its package is called.
        extra: of kfront, which installs it.

    Raises:
        ImportError: it is not installed.

    Example:

    >>> optional("plot_model", "json", "JSON", "viz").loads("[1]")
    [1]
    """
    try:
        return importlib.import_module(module)
    except ImportError as e:
        raise ImportError(f"[{who}] expected {package} to be installed; run `pip install 'kfront[{extra}]'`.") from e


@functools.cache
def _address(page: str, site: str | None) -> str:
    """Where a page is: on the site if there is one, else the file that came with the package, or is in the checkout."""
    if site:
        return f"{site.rstrip('/')}/{page}.html"
    package, _, checkout = Path(__file__).parents[1:4]
    files = (top / "docs" / f"{page}.md" for top in (package, checkout))
    return next((file.as_uri() for file in files if file.exists()), f"{page} in the documentation")


class KfrontError(Exception):
    """Base class of every exception that kfront raises on purpose; a traceback ends with a link to the page about it.

    The link leads to the page that was installed, or into the site whose address `KFRONT_DOCS` is.

    Attributes:
        help: the page of the documentation with wrong and right code, of the class and of each error.

    Example:

    >>> import kfront
    >>> try:
    ...     kfront.layers.Dense(-1)
    ... except kfront.errors.KfrontError as error:
    ...     print(type(error).__name__, error.help)
    ArgumentError errors/ArgumentError
    """

    help: ClassVar[str] = "errors/KfrontError"

    def __init_subclass__(cls) -> None:
        if cls.__module__ == __name__:  # subclasses elsewhere have the page of their base
            cls.help = f"errors/{cls.__name__}"

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        self.add_note(f"Wrong and right code: {_address(self.help, os.environ.get('KFRONT_DOCS'))}")


class ShapeError(KfrontError, ValueError):
    """A shape or rank does not fit.

    Example:

    >>> from kfront import errors, ops
    >>> try:
    ...     ops.reshape(ops.ones((2, 3)), (4,))
    ... except errors.ShapeError:
    ...     print("6 elements do not fill a shape of 4")
    6 elements do not fill a shape of 4
    """


class DTypeError(KfrontError, TypeError, ValueError):
    """A dtype is unknown, or cannot be used here; Keras raises `TypeError` or `ValueError`, according to the place.

    Example:

    >>> from kfront import errors, ops
    >>> try:
    ...     ops.cast(1.0, "float31")
    ... except errors.DTypeError:
    ...     print("no such dtype")
    no such dtype
    """


class ArgumentError(KfrontError, ValueError):
    """An argument has a value that is not allowed.

    Example:

    >>> from kfront import errors, layers
    >>> try:
    ...     layers.Dropout(1.5)
    ... except errors.ArgumentError:
    ...     print("a rate is at most 1")
    a rate is at most 1
    """


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument has a type that is not allowed; Keras raises `TypeError` or `ValueError`, according to the place.

    Example:

    >>> from kfront import errors, ops
    >>> try:
    ...     ops.cond(True, 1, 2)
    ... except errors.ArgumentTypeError:
    ...     print("branches are functions")
    branches are functions
    """


class NotBuiltError(KfrontError, ValueError):
    """A layer or model is used before its weights exist.

    Example:

    >>> from kfront import errors, layers
    >>> try:
    ...     layers.Dense(2).enable_lora(1)
    ... except errors.NotBuiltError:
    ...     print("call the layer first")
    call the layer first
    """


class NotCompiledError(KfrontError, ValueError):
    """A model is trained or evaluated before `compile`.

    Example:

    >>> import kfront
    >>> try:
    ...     kfront.Sequential([kfront.layers.Dense(1)]).fit(kfront.ops.ones((2, 2)))
    ... except kfront.errors.NotCompiledError:
    ...     print("call compile first")
    call compile first
    """


class BackendError(KfrontError, ImportError, ValueError):
    """A backend is unknown, not installed or incomplete.

    Example:

    >>> import kfront
    >>> try:
    ...     kfront.config.set_backend("abacus")
    ... except kfront.errors.BackendError:
    ...     print("no such backend")
    no such backend
    """


class UnsupportedError(KfrontError, NotImplementedError, ValueError):
    """The current engine cannot do what was asked.

    Example:

    >>> import kfront
    >>> try:
    ...     kfront.config.enable_unsafe_deserialization()
    ... except kfront.errors.UnsupportedError:
    ...     print("pass safe_mode=False to one call instead")
    pass safe_mode=False to one call instead
    """


class SavingError(KfrontError, TypeError, ValueError):
    """A file or config does not fit what it is loaded into, or is damaged; Keras raises `TypeError` or `ValueError`.

    Example:

    >>> import kfront
    >>> try:
    ...     kfront.models.model_from_json("no json")
    ... except kfront.errors.SavingError:
    ...     print("not the JSON of a model")
    not the JSON of a model
    """


class UnsafeFileError(SavingError):
    """A file or config asks for something that data must not be able to do.

    Example:

    >>> import kfront
    >>> text = '{"module": "os", "class_name": "system", "config": {"command": "ls"}}'
    >>> try:
    ...     kfront.models.model_from_json(text)
    ... except kfront.errors.UnsafeFileError:
    ...     print("a file may not name os.system")
    a file may not name os.system
    """


class DataError(KfrontError, ValueError):
    """Training data has the wrong type, size or structure.

    Example:

    >>> import kfront
    >>> model = kfront.Sequential([kfront.layers.Dense(1)])
    >>> model.compile("sgd", "mse")
    >>> try:
    ...     model.fit(kfront.ops.ones((4, 2)), kfront.ops.ones((3, 1)))
    ... except kfront.errors.DataError:
    ...     print("4 inputs, 3 targets")
    4 inputs, 3 targets
    """


class ProcessError(KfrontError, RuntimeError):
    """Of several processes that work together, one has ended, failed, or done something else than the others.

    Example:

    >>> import kfront
    >>> issubclass(kfront.errors.ProcessError, RuntimeError)
    True
    """
