# Written by tools/stubs.py from the table in the module of the same name.
from kfront.legacy.saving import (
    deserialize_keras_object as deserialize_keras_object,
    serialize_keras_object as serialize_keras_object,
)

__all__ = [
    "deserialize_keras_object",
    "serialize_keras_object",
]
