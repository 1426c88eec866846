"""The functions of `K`, as programs call `tensorflow.keras.backend`."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        **names("kfront.ops", "abs all any cast categorical_crossentropy cos dtype elu exp log ndim sigmoid sign sin"),
        **names("kfront.ops", "softmax softplus softsign square stack tanh"),
        **names(".renamed", "conv2d conv3d cumprod cumsum depthwise_conv2d equal expand_dims greater"),
        **names(".renamed", "greater_equal less less_equal max maximum min minimum not_equal permute_dimensions"),
        **names(".renamed", "pow prod random_normal random_uniform relu repeat_elements reshape reverse round"),
        **names(".renamed", "separable_conv2d shape squeeze std sum tile transpose truncated_normal var"),
        **names(".arithmetic", "argmax argmin batch_dot clip dot in_top_k l2_normalize mean sqrt"),
        **names(
            ".shapes", "batch_flatten concatenate count_params flatten gather int_shape one_hot repeat resize_images"
        ),
        **names(".shapes", "resize_volumes spatial_2d_padding spatial_3d_padding temporal_padding"),
        **names(".values", "arange batch_get_value batch_set_value cast_to_floatx constant dropout eval eye"),
        **names(".values", "get_value gradients is_sparse moving_average_update name_scope ones ones_like"),
        **names(".values", "random_bernoulli random_normal_variable random_uniform_variable set_value"),
        **names(".values", "stop_gradient to_dense update update_add update_sub variable zeros zeros_like"),
        **names(".networks", "batch_normalization bias_add binary_crossentropy binary_focal_crossentropy"),
        **names(".networks", "categorical_focal_crossentropy conv1d conv2d_transpose hard_sigmoid pool2d pool3d"),
        **names(".networks", "sparse_categorical_crossentropy"),
        **names(".sequences", "ctc_batch_cost ctc_decode ctc_label_dense_to_sparse foldl foldr map_fn rnn switch"),
    },
)
