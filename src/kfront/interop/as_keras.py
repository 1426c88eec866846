"""Let `import keras` mean kfront.

`keras` becomes a thin module with Keras's version number; everything below it *is* the module of kfront with the same
name, so that classes and settings exist once. Modules are loaded when they are first asked for. What programs import
from `keras.src`, which is private to Keras, is in `private_names`; what Keras has under the name `tensorflow.keras`
only, in `kfront._legacy`.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, ClassVar

import kfront
from kfront._version import KERAS_API
from kfront.core.errors import UnsupportedError
from kfront.interop.private_names import ROOT, PrivateModule, stands_for

# Places under which Keras offers its public API a second time; TensorFlow reads `tf.keras` from the first.
_TENSORFLOW_ROOTS = ("keras._tf_keras.keras", "tensorflow.keras")
_ROOTS = (*_TENSORFLOW_ROOTS, "keras.api", "keras")
# Below the first two there are names besides, in these namespaces; they are in modules of the same names here.
_LEGACY = "kfront._legacy"
_LEGACY_NAMESPACES = (
    "",
    ".backend",
    ".layers",
    ".losses",
    ".metrics",
    ".preprocessing",
    ".preprocessing.image",
    ".preprocessing.sequence",
    ".preprocessing.text",
)


class _Keras(ModuleType):
    """The module `keras`: kfront's public names, and the version of Keras whose API they are."""

    __version__ = KERAS_API
    __path__: ClassVar[list[str]] = []

    @staticmethod
    def version() -> str:
        """The version of Keras whose API this is."""
        return KERAS_API

    def __getattr__(self, name: str) -> Any:
        if name == "src":  # there without an import of its own, as in Keras
            return importlib.import_module(ROOT)
        try:
            return getattr(kfront, name)
        except AttributeError:
            raise AttributeError(f"module 'keras' (kfront {kfront.__version__}) has no attribute {name!r}") from None

    def __dir__(self) -> list[str]:
        return dir(kfront)


class _TensorFlowKeras(ModuleType):
    """A namespace of `tensorflow.keras`: what Keras has only there, and the public names that `keras` has as well."""

    __path__: ClassVar[list[str]] = []

    def __init__(self, name: str, legacy: str) -> None:
        super().__init__(name, "What programs written before Keras 3 use besides its public API.")
        self._legacy = importlib.import_module(legacy)
        public = legacy.replace(_LEGACY, "keras")
        self._public = importlib.import_module(public) if _exists(public) else self._legacy

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return dir(self)
        if name not in dir(self._legacy):
            return getattr(self._public, name)
        found = getattr(self._legacy, name)
        return importlib.import_module(f"{self.__name__}.{name}") if isinstance(found, ModuleType) else found

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._legacy), *dir(self._public)})


def _target(name: str) -> str | None:
    """The module of kfront that stands for the module `name` of Keras.

    "" for the root, the name itself for a private module, None if there is none.
    """
    if name == "keras._tf_keras":
        return ""
    if name == ROOT or (name.startswith(ROOT + ".") and stands_for(name[len(ROOT) + 1 :])):
        return name
    for root in _ROOTS:
        if root in _TENSORFLOW_ROOTS and name.startswith(root) and name[len(root) :] in _LEGACY_NAMESPACES:
            return name.replace(root, _LEGACY, 1)
        if name == root:
            return ""
        if name.startswith(root + "."):
            inner = name[len(root) + 1 :]
            public = inner.partition(".")[0] in dir(kfront)
            found = public and _exists(f"kfront.{inner}")
            return f"kfront.{inner}" if found else None
    return None


def _exists(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent is no package
        return False


class _Loader(importlib.abc.Loader):
    """Loads a module that exists already under another name."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.spec: Any = None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if not self.target:
            return _Keras(spec.name, "The public API of Keras 3, provided by kfront.")
        if self.target == spec.name:
            return PrivateModule(spec.name)
        if self.target.startswith(_LEGACY):
            return _TensorFlowKeras(spec.name, self.target)
        module = importlib.import_module(self.target)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        if self.spec is not None:  # the import system has just set the spec of the alias
            module.__spec__ = self.spec


class _Finder(importlib.abc.MetaPathFinder):
    """Finds `keras` and what is below it in kfront."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if not fullname.startswith(("keras", "tensorflow.keras")):
            return None
        found = _target(fullname)
        if found is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, _Loader(found), origin="kfront", is_package=True)


_finder = _Finder()


def install_as_keras() -> None:
    """Make `import keras`, `from keras.models import Sequential` and the like resolve to kfront in this process.

    To be called before anything imports Keras. A second call does nothing. `python -m kfront.as_keras script.py` runs
    a script that way without changing it.

    Raises:
        UnsupportedError: the real Keras is imported already; its objects and kfront's do not mix.

    Example:

    >>> import kfront
    >>> kfront.install_as_keras()  # doctest: +SKIP
    >>> from keras import layers  # doctest: +SKIP
    >>> layers is kfront.layers  # doctest: +SKIP
    True
    """
    if _finder in sys.meta_path:
        return
    loaded = sys.modules.get("keras")
    if loaded is not None and not isinstance(loaded, _Keras):
        raise UnsupportedError(
            f"[install_as_keras] expected `keras` not to be imported yet, got the one in "
            f"{getattr(loaded, '__file__', None) or 'this process'}; call install_as_keras() before anything imports "
            "Keras, or run the script with `python -m kfront.as_keras script.py`."
        )
    sys.meta_path.insert(0, _finder)


def uninstall() -> None:
    """Undo `install_as_keras` (for tests)."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
    for name in [n for n in sys.modules if n == "keras" or n.startswith("keras.")]:
        del sys.modules[name]
