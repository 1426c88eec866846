"""The small functions that code written for Keras looks for in `keras.backend`."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.config", "backend epsilon floatx image_data_format set_epsilon set_floatx"),
        **names("kfront.config", "set_image_data_format"),
        "result_type": "kfront.core.dtypes",
        "get_uid": "kfront.core.naming",
        "is_keras_tensor": "kfront.core.spec",
        **names("kfront.utils.dtype_utils", "is_float_dtype is_int_dtype standardize_dtype"),
        "clear_session": "kfront.utils.session",
    },
)
