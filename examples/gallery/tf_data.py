"""
A pipeline of tf.data feeds any engine
======================================

`fit`, `evaluate` and `predict` take a `tf.data.Dataset` on every engine. Here it reads records, moves and noises the
images, shuffles and batches, in threads of its own, while the engine trains.

Result: at least 90 % of the other digits are told right. (With seeds 0, 1 and 2 it was 94 % or more.)
"""

import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits

import kfront
from kfront import layers

kfront.utils.set_random_seed(0)
x, y = load_digits(return_X_y=True)
x = (x / 16).astype("float32").reshape(-1, 8, 8, 1)


# %%
# Records on disk, as larger data are kept.
def record(image: np.ndarray, label: int) -> bytes:
    """An image and its label."""
    pixels = tf.train.Feature(bytes_list=tf.train.BytesList(value=[image.tobytes()]))
    digit = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature={"pixels": pixels, "digit": digit})).SerializeToString()


file = str(pathlib.Path(tempfile.mkdtemp(), "digits.tfrecord"))
with tf.io.TFRecordWriter(file) as writer:
    for image, label in zip(x[:1400], y[:1400], strict=True):
        writer.write(record(image, int(label)))


# %%
# The pipeline. The functions in it are TensorFlow's, whatever engine trains.
def parsed(text):
    """An image and its label again."""
    kinds = {"pixels": tf.io.FixedLenFeature([], tf.string), "digit": tf.io.FixedLenFeature([], tf.int64)}
    found = tf.io.parse_single_example(text, kinds)
    return tf.reshape(tf.io.decode_raw(found["pixels"], tf.float32), (8, 8, 1)), found["digit"]


def moved(image, label):
    """Moved by a pixel at most, with noise."""
    wide = tf.pad(image, ((1, 1), (1, 1), (0, 0)))
    return tf.image.random_crop(wide, (8, 8, 1), seed=1) + tf.random.normal((8, 8, 1), stddev=0.05, seed=2), label


tf.random.set_seed(0)
data = tf.data.TFRecordDataset(file).map(parsed).cache().shuffle(1400, seed=0)
data = data.map(moved, num_parallel_calls=2, deterministic=True).batch(64).prefetch(2)
test = tf.data.Dataset.from_tensor_slices((x[1400:], y[1400:])).batch(128)

# %%
model = kfront.Sequential(
    [
        kfront.Input((8, 8, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, strides=2, activation="relu"),
        layers.Flatten(),
        layers.Dense(10),
    ]
)
loss = kfront.losses.SparseCategoricalCrossentropy(from_logits=True)
rate = kfront.optimizers.schedules.CosineDecay(2e-3, decay_steps=40 * 22)
model.compile(kfront.optimizers.Adam(rate), loss, metrics=["accuracy"])
model.fit(data, epochs=40, verbose=0)

# %%
images, labels = next(iter(data))
figure, axes = plt.subplots(2, 8, figsize=(8, 2.4))
for axis, image, label in zip(axes.flat, images.numpy(), labels.numpy(), strict=False):
    axis.imshow(image[..., 0], cmap="gray_r")
    axis.set_title(str(label))
    axis.set_axis_off()

# %%
RESULT = model.evaluate(test, verbose=0, return_dict=True)["accuracy"]
print(f"accuracy {RESULT:.3f} on {kfront.config.backend()}")
