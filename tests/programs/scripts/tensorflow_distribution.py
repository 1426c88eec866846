"""`tf.distribute` with one device: a strategy's scope, `fit` within it, a loop of one's own with `strategy.run`."""

import keras
import tensorflow as tf
from common import data, fill, show
from keras import layers

strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
x, y = data(8, 3), data(8, 1, seed=1)
with strategy.scope():
    model = fill(keras.Sequential([keras.Input((3,)), layers.Dense(4, activation="relu"), layers.Dense(1)]))
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
show("replicas", strategy.num_replicas_in_sync)
show("fit", model.fit(x, y, epochs=2, batch_size=4, shuffle=False, verbose=0).history)
batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(4)
show("data set", model.fit(batches, epochs=1, verbose=0).history)
show("predict", model.predict(x[:2], verbose=0))
optimizer = keras.optimizers.SGD(0.05)
optimizer.build(model.trainable_variables)


@tf.function
def step(x, y):
    def replica(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.mean_squared_error(y, model(x, training=True)))
        weights = model.trainable_weights
        optimizer.apply(tape.gradient(loss, weights), weights)
        return loss

    return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(replica, args=(x, y)), axis=None)


for xs, ys in strategy.experimental_distribute_dataset(batches):
    show("step", float(step(xs, ys)))
checkpoint = tf.train.Checkpoint(model=model)
show("weights", [list(w.shape) for w in model.weights])
show("tracked", len(tf.train.Checkpoint(model=model).model.weights))
