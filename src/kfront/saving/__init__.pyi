# Written by tools/stubs.py from the table in the module of the same name.
from kfront.core.codec import (
    deserialize_keras_object as deserialize_keras_object,
    serialize_keras_object as serialize_keras_object,
)
from kfront.core.registry import (
    CustomObjectScope as CustomObjectScope,
    custom_object_scope as custom_object_scope,
    get_custom_objects as get_custom_objects,
    get_registered_name as get_registered_name,
    get_registered_object as get_registered_object,
    register_keras_serializable as register_keras_serializable,
)
from kfront.saving.checkpoints import load_checkpoint as load_checkpoint, save_checkpoint as save_checkpoint
from kfront.saving.file_editor import KerasFileEditor as KerasFileEditor
from kfront.saving.keras_format import load_model as load_model, save_model as save_model
from kfront.saving.safetensors import read_metadata as read_safetensors_metadata
from kfront.saving.saving_api import load_weights as load_weights, save_weights as save_weights
from kfront.saving.state_dict import (
    export_state_dict as export_state_dict,
    import_state_dict as import_state_dict,
    torch_names as torch_names,
)
from kfront.saving.weight_rules import WeightRule as WeightRule
from kfront.saving.weight_table import WeightReport as WeightReport, WeightTable as WeightTable

__all__ = [
    "CustomObjectScope",
    "KerasFileEditor",
    "WeightReport",
    "WeightRule",
    "WeightTable",
    "custom_object_scope",
    "deserialize_keras_object",
    "export_state_dict",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "import_state_dict",
    "load_checkpoint",
    "load_model",
    "load_weights",
    "read_safetensors_metadata",
    "register_keras_serializable",
    "save_checkpoint",
    "save_model",
    "save_weights",
    "serialize_keras_object",
    "torch_names",
]
