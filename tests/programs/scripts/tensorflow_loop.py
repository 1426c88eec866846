"""A loop of one's own on TensorFlow: tf.data, GradientTape, losses of layers, metrics, tf.function."""

import keras
import tensorflow as tf
from common import data, fill, labels, show

inputs = keras.Input((6,))
x = keras.layers.Dense(5, activation="relu", kernel_regularizer="l2")(inputs)
model = fill(keras.Model(inputs, keras.layers.Dense(3)(x)))
optimizer = keras.optimizers.Adam(0.05)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
accuracy = keras.metrics.SparseCategoricalAccuracy()
dataset = tf.data.Dataset.from_tensor_slices((data(16, 6), labels(16, 3))).batch(4)


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss = loss_fn(y, logits) + sum(model.losses)
    optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights))
    accuracy.update_state(y, logits)
    return loss


for epoch in range(2):
    losses = [float(train_step(x, y)) for x, y in dataset]
    show(f"epoch {epoch}", losses)
    show("accuracy", float(accuracy.result()))
    accuracy.reset_state()
show("iterations", int(optimizer.iterations))
with tf.GradientTape() as tape:
    tensor = tf.constant(data(2, 6))
    tape.watch(tensor)
    value = tf.reduce_sum(model(tensor))
show("gradient of inputs", tape.gradient(value, tensor))
