"""Helpers around models: data, files, images, progress, seeds, serialization."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names(".array_utils", "normalize pad_sequences to_categorical"),
        **names(".config_dict", "Config"),
        **names(".dataset_audio", "audio_dataset_from_directory"),
        **names(".dataset_image", "image_dataset_from_directory"),
        **names(".dataset_split", "split_dataset"),
        **names(".dataset_text", "text_dataset_from_directory"),
        **names(".timeseries", "timeseries_dataset_from_array"),
        **names(".feature_space", "FeatureSpace"),
        **names(".data_utils", "pack_x_y_sample_weight unpack_x_y_sample_weight"),
        **names(".dtype_utils", "standardize_dtype"),
        **names(".file_utils", "get_file"),
        **names(".image_utils", "array_to_img img_to_array load_img save_img"),
        **names(".progbar", "Progbar"),
        **names(".py_dataset", "PyDataset"),
        "Sequence": ".py_dataset:PyDataset",
        **names(".session", "clear_session"),
        **names("kfront.backends.seeding", "set_random_seed"),
        **names("kfront.config", "disable_interactive_logging enable_interactive_logging"),
        **names("kfront.config", "is_interactive_logging_enabled"),
        **names("kfront.core.registry", "CustomObjectScope custom_object_scope get_custom_objects"),
        **names("kfront.core.registry", "get_registered_name get_registered_object register_keras_serializable"),
        **names("kfront.core.spec", "is_keras_tensor"),
        **names("kfront.models.function", "get_source_inputs"),
        **names(".plotting", "model_to_dot plot_model"),
        **names("kfront.saving", "deserialize_keras_object serialize_keras_object"),
    },
    submodules=("bounding_boxes", "legacy"),
)
