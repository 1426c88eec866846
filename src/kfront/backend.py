"""The small functions that code written for Keras looks for in `keras.backend`."""

from __future__ import annotations

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.config", "backend epsilon floatx image_data_format"),
        **names("kfront.config", "set_epsilon set_floatx set_image_data_format"),
        **names("kfront.core.dtypes", "result_type"),
        **names("kfront.core.naming", "get_uid"),
        **names("kfront.core.spec", "is_keras_tensor"),
        **names("kfront.utils.dtype_utils", "is_float_dtype is_int_dtype standardize_dtype"),
        **names("kfront.utils.session", "clear_session"),
    },
)
