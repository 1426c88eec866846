"""Bounding boxes: formats, overlap, what happens to them when an image is moved, and deltas to anchors."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "convert_format": ".formats",
        **names(".geometry", "affine_transform clip_to_image_size crop pad"),
        **names(".overlap", "compute_ciou compute_iou"),
        **names(".deltas", "decode_deltas_to_boxes encode_box_to_deltas"),
    },
)
