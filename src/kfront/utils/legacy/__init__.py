"""The forms of objects before Keras 3."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__, names("kfront.legacy.saving", "deserialize_keras_object serialize_keras_object")
)
