# Written by tools/stubs.py from the table in the module of the same name.
from kfront.backends.seeding import set_random_seed as set_random_seed
from kfront.config import (
    disable_interactive_logging as disable_interactive_logging,
    enable_interactive_logging as enable_interactive_logging,
    is_interactive_logging_enabled as is_interactive_logging_enabled,
)
from kfront.core.registry import (
    CustomObjectScope as CustomObjectScope,
    custom_object_scope as custom_object_scope,
    get_custom_objects as get_custom_objects,
    get_registered_name as get_registered_name,
    get_registered_object as get_registered_object,
    register_keras_serializable as register_keras_serializable,
)
from kfront.core.spec import is_keras_tensor as is_keras_tensor
from kfront.models.function import get_source_inputs as get_source_inputs
from kfront.saving import (
    deserialize_keras_object as deserialize_keras_object,
    serialize_keras_object as serialize_keras_object,
)
from kfront.utils import bounding_boxes as bounding_boxes, legacy as legacy
from kfront.utils.array_utils import (
    normalize as normalize,
    pad_sequences as pad_sequences,
    to_categorical as to_categorical,
)
from kfront.utils.config_dict import Config as Config
from kfront.utils.data_utils import (
    pack_x_y_sample_weight as pack_x_y_sample_weight,
    unpack_x_y_sample_weight as unpack_x_y_sample_weight,
)
from kfront.utils.dataset_audio import audio_dataset_from_directory as audio_dataset_from_directory
from kfront.utils.dataset_image import image_dataset_from_directory as image_dataset_from_directory
from kfront.utils.dataset_split import split_dataset as split_dataset
from kfront.utils.dataset_text import text_dataset_from_directory as text_dataset_from_directory
from kfront.utils.dtype_utils import standardize_dtype as standardize_dtype
from kfront.utils.feature_space import FeatureSpace as FeatureSpace
from kfront.utils.file_utils import get_file as get_file
from kfront.utils.image_utils import (
    array_to_img as array_to_img,
    img_to_array as img_to_array,
    load_img as load_img,
    save_img as save_img,
)
from kfront.utils.packing import PackedSequences as PackedSequences, pack_sequences as pack_sequences
from kfront.utils.plotting import model_to_dot as model_to_dot, plot_model as plot_model
from kfront.utils.progbar import Progbar as Progbar
from kfront.utils.py_dataset import PyDataset as PyDataset, PyDataset as Sequence
from kfront.utils.session import clear_session as clear_session
from kfront.utils.timeseries import timeseries_dataset_from_array as timeseries_dataset_from_array

__all__ = [
    "Config",
    "CustomObjectScope",
    "FeatureSpace",
    "PackedSequences",
    "Progbar",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "audio_dataset_from_directory",
    "bounding_boxes",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_file",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "image_dataset_from_directory",
    "img_to_array",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "legacy",
    "load_img",
    "model_to_dot",
    "normalize",
    "pack_sequences",
    "pack_x_y_sample_weight",
    "pad_sequences",
    "plot_model",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "split_dataset",
    "standardize_dtype",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
    "to_categorical",
    "unpack_x_y_sample_weight",
]
