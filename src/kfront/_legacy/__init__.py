"""What Keras offers only under the name `tensorflow.keras`, for programs written before Keras 3.

Folders and modules have the names of its namespaces: where programs import `tensorflow.keras.backend`, they get the
names of `kfront.backend` and, besides, those of `kfront._legacy.backend`. Files of Keras name these classes by
`keras._legacy`. The functions of `backend` run on every engine.
"""

from kfront.core.lazy import lazy_namespace

__getattr__, __dir__, __all__ = lazy_namespace(__name__, {}, submodules="backend layers losses metrics preprocessing")
