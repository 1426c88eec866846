# Written by tools/stubs.py from the table in the module of the same name.
from kfront.visualization.curves import plot_training_curves as plot_training_curves
from kfront.visualization.gallery import plot_image_gallery as plot_image_gallery
from kfront.visualization.matrix import plot_confusion_matrix as plot_confusion_matrix

__all__ = [
    "plot_confusion_matrix",
    "plot_image_gallery",
    "plot_training_curves",
]
