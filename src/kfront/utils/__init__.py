"""Helpers around models: data, files, images, progress, seeds, serialization."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".array_utils", "normalize pad_sequences to_categorical"),
        "Config": ".config_dict",
        **names(".packing", "PackedSequences pack_sequences"),
        "audio_dataset_from_directory": ".dataset_audio",
        "image_dataset_from_directory": ".dataset_image",
        "split_dataset": ".dataset_split",
        "text_dataset_from_directory": ".dataset_text",
        "timeseries_dataset_from_array": ".timeseries",
        "FeatureSpace": ".feature_space",
        **names(".data_utils", "pack_x_y_sample_weight unpack_x_y_sample_weight"),
        "standardize_dtype": ".dtype_utils",
        "get_file": ".file_utils",
        **names(".image_utils", "array_to_img img_to_array load_img save_img"),
        "Progbar": ".progbar",
        **names(".py_dataset", "PyDataset Sequence=PyDataset"),
        "clear_session": ".session",
        "set_random_seed": "kfront.backends.seeding",
        **names("kfront.config", "disable_interactive_logging enable_interactive_logging"),
        **names("kfront.config", "is_interactive_logging_enabled"),
        **names("kfront.core.registry", "CustomObjectScope custom_object_scope get_custom_objects get_registered_name"),
        **names("kfront.core.registry", "get_registered_object register_keras_serializable"),
        "is_keras_tensor": "kfront.core.spec",
        "get_source_inputs": "kfront.models.function",
        **names(".plotting", "model_to_dot plot_model"),
        **names("kfront.saving", "deserialize_keras_object serialize_keras_object"),
    },
    submodules="bounding_boxes legacy",
)
