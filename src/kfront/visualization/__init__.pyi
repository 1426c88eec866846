# Written by tools/stubs.py from the table in the module of the same name.
from kfront.visualization.curves import plot_training_curves as plot_training_curves
from kfront.visualization.gallery import plot_image_gallery as plot_image_gallery
from kfront.visualization.matrix import plot_confusion_matrix as plot_confusion_matrix
from kfront.visualization.overlay import (
    draw_bounding_boxes as draw_bounding_boxes,
    draw_segmentation_masks as draw_segmentation_masks,
)
from kfront.visualization.overlay_gallery import (
    plot_bounding_box_gallery as plot_bounding_box_gallery,
    plot_segmentation_mask_gallery as plot_segmentation_mask_gallery,
)

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_confusion_matrix",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
    "plot_training_curves",
]
