"""Global settings: dtype, epsilon, image layout, choice of the backend, dtype policy, logging and limits.

A setting that was not made in code comes from the environment or from `keras.json` (in the folder that `KERAS_HOME`
names, else `~/.keras`), which is read on first need and never written.
"""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.backends", "backend default_backend set_backend set_tuned_kernels tuned_kernels"),
        **names("kfront.dtype_policies.policies", "dtype_policy set_dtype_policy"),
        **names("kfront.core.settings", "epsilon floatx image_data_format set_epsilon set_floatx"),
        **names("kfront.core.settings", "set_image_data_format is_portable_random set_portable_random max_epochs"),
        **names("kfront.core.settings", "max_steps_per_epoch read_ahead set_max_epochs set_max_steps_per_epoch"),
        **names("kfront.core.settings", "process_timeout set_process_timeout"),
        **names("kfront.core.settings", "set_read_ahead disable_flash_attention enable_flash_attention"),
        **names("kfront.core.settings", "is_flash_attention_enabled disable_interactive_logging"),
        **names("kfront.core.settings", "enable_interactive_logging is_interactive_logging_enabled"),
        **names("kfront.core.settings", "disable_traceback_filtering enable_traceback_filtering"),
        **names("kfront.core.settings", "is_traceback_filtering_enabled enable_unsafe_deserialization is_nnx_enabled"),
    },
)
