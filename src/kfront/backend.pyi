# Written by tools/stubs.py from the table in the module of the same name.
from kfront.config import (
    backend as backend,
    epsilon as epsilon,
    floatx as floatx,
    image_data_format as image_data_format,
    set_epsilon as set_epsilon,
    set_floatx as set_floatx,
    set_image_data_format as set_image_data_format,
)
from kfront.core.dtypes import result_type as result_type
from kfront.core.naming import get_uid as get_uid
from kfront.core.spec import is_keras_tensor as is_keras_tensor
from kfront.utils.dtype_utils import (
    is_float_dtype as is_float_dtype,
    is_int_dtype as is_int_dtype,
    standardize_dtype as standardize_dtype,
)
from kfront.utils.session import clear_session as clear_session

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]
