"""Models for LiteRT (TensorFlow Lite)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import tensorflow as tf

from kfront.backends.tensorflow.common import target
from kfront.backends.tensorflow.export import Archive
from kfront.core.files import atomic_write
from kfront.core.typing import Nested

if TYPE_CHECKING:
    from tensorflow import Tensor

    from kfront.core.spec import KerasTensor
    from kfront.models.model import Model


def write_litert(
    model: Model,
    signature: tuple[Nested[KerasTensor], ...],
    path: str,
    *,
    optimizations: Sequence[Tensor] = (),
    representative_dataset: Callable[[], Any] | None = None,
    experimental_new_quantizer: bool | None = None,
    allow_custom_ops: bool = False,
    enable_select_tf_ops: bool = False,
) -> None:
    """A model for LiteRT's interpreter, with the signatures "serve" and "serving_default".

    Args:
        model: the model.
        signature: its arguments.
        path: the file.
        optimizations: of `tf.lite.Optimize`.
        representative_dataset: gives lists of inputs, for the ranges of quantized values.
        experimental_new_quantizer: as `tf.lite.TFLiteConverter` takes it; its default if None.
        allow_custom_ops: whether operators may be used that the one who runs the file must supply.
        enable_select_tf_ops: whether TensorFlow's operators may be used where LiteRT has none, such as loops over a
            number of steps that is not known; what runs the file then needs the Flex delegate.

    Raises:
        ShapeError: if the number of steps of a recurrent layer or scan is not known, without `enable_select_tf_ops`.
    """
    archive = Archive()
    archive.track(model, list(model.variables))
    with target.being(fused=False, lite=not enable_select_tf_ops):
        archive.endpoint("serve", model, signature)
    with tempfile.TemporaryDirectory(prefix="kfront-export-") as folder:
        archive.save(folder + "/model")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder + "/model", signature_keys=["serve"])
        converter.optimizations = list(optimizations)
        converter.representative_dataset = representative_dataset
        converter.allow_custom_ops = allow_custom_ops
        if experimental_new_quantizer is not None:
            converter.experimental_new_quantizer = experimental_new_quantizer
        if enable_select_tf_ops:
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        data = converter.convert()
    with atomic_write(path) as file:
        file.write(data)
