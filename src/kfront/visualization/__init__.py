"""Pictures of training and predictions, drawn with matplotlib."""

from kfront.core.lazy import lazy_namespace, names

__getattr__, __dir__, __all__ = lazy_namespace(
    __name__,
    {
        "plot_training_curves": ".curves",
        "plot_confusion_matrix": ".matrix",
        "plot_image_gallery": ".gallery",
        **names(".overlay", "draw_bounding_boxes draw_segmentation_masks"),
        **names(".overlay_gallery", "plot_bounding_box_gallery plot_segmentation_mask_gallery"),
    },
)
