"""Saving and loading: `.keras` archives, weights, and objects as plain dicts, behind one gate."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.core.registry", "CustomObjectScope custom_object_scope get_custom_objects get_registered_name"),
        **names("kfront.core.registry", "get_registered_object register_keras_serializable"),
        **names("kfront.core.codec", "deserialize_keras_object serialize_keras_object"),
        **names(".keras_format", "load_model save_model"),
        **names(".saving_api", "load_weights save_weights"),
        **names(".checkpoints", "load_checkpoint save_checkpoint"),
        "KerasFileEditor": ".file_editor",
        **names(".state_dict", "export_state_dict import_state_dict torch_names"),
        "WeightRule": ".weight_rules",
        **names(".weight_table", "WeightReport WeightTable"),
        **names(".safetensors", "read_safetensors_metadata=read_metadata"),
    },
)
