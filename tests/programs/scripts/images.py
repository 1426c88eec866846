"""Images: crops, resizing, augmentation in training and inference, a pipeline, bounding boxes."""

import keras
import numpy as np
from common import data, show
from keras import layers

images = np.clip(data(2, 8, 8, 3, scale=60.0) + 128, 0, 255)
show("center", layers.CenterCrop(4, 4)(images)[0, 0])
show("resized", layers.Resizing(4, 6, interpolation="bilinear")(images)[0, 0])
show("aspect", layers.Resizing(4, 6, crop_to_aspect_ratio=True, interpolation="nearest")(images)[0, 0])
show("padded", layers.Resizing(4, 6, pad_to_aspect_ratio=True, fill_value=7.0)(images)[0, 0])
for layer in (
    layers.RandomFlip("horizontal"),
    layers.RandomRotation(0.2),
    layers.RandomZoom(0.2),
    layers.RandomTranslation(0.1, 0.1),
    layers.RandomContrast(0.3),
    layers.RandomBrightness(0.3),
):
    show(
        layer.name, [bool(np.allclose(layer(images, training=False), images)), list(layer(images, training=True).shape)]
    )
show("no rotation", layers.RandomRotation(0.0)(images, training=True)[0, 0])
show("no brightness", layers.RandomBrightness(0.0)(images, training=True)[0, 0])
show("equalized", layers.Equalization()(images.astype("uint8"), training=True).shape[1:])
pipeline = layers.Pipeline([layers.Rescaling(1 / 255.0), layers.CenterCrop(2, 2)])
show("pipeline", pipeline(images))
show("grayscale", layers.RandomGrayscale(factor=1.0)(images, training=True)[0, 0])
boxes = np.array([[1.0, 2.0, 5.0, 6.0]], "float32")
convert = keras.utils.bounding_boxes.convert_format
show("boxes", convert(boxes, source="xyxy", target="center_xywh"))
show("relative", convert(boxes, source="xyxy", target="rel_xyxy", height=8, width=8))
show("iou", keras.utils.bounding_boxes.compute_iou(boxes, boxes + 1.0, bounding_box_format="xyxy"))
show("patches", keras.ops.image.extract_patches(images, 4)[0, 0, 0, :6])
show("gray", keras.ops.image.rgb_to_grayscale(images)[0, 0])
show("array", keras.utils.img_to_array(keras.utils.array_to_img(images[0], scale=False))[0])
