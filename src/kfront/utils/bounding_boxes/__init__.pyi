# Written by tools/stubs.py from the table in the module of the same name.
from kfront.utils.bounding_boxes.deltas import (
    decode_deltas_to_boxes as decode_deltas_to_boxes,
    encode_box_to_deltas as encode_box_to_deltas,
)
from kfront.utils.bounding_boxes.formats import convert_format as convert_format
from kfront.utils.bounding_boxes.geometry import (
    affine_transform as affine_transform,
    clip_to_image_size as clip_to_image_size,
    crop as crop,
    pad as pad,
)
from kfront.utils.bounding_boxes.overlap import compute_ciou as compute_ciou, compute_iou as compute_iou

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]
