"""Gradients of inputs on TensorFlow: saliency, second derivatives, a GAN's `train_step` with two optimizers."""

import keras
import tensorflow as tf
from common import data, fill, show
from keras import layers

inputs = keras.Input((8, 8, 3))
x = layers.Conv2D(4, 3, activation="tanh", name="conv")(inputs)
model = fill(keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
image = tf.Variable(data(1, 8, 8, 3))
with tf.GradientTape() as tape:
    score = model(image)[0, 1]
show("saliency", tf.reduce_max(tf.abs(tape.gradient(score, image)), axis=-1)[0, :3])
points = tf.constant(data(4, 3))
field = fill(keras.Sequential([keras.Input((3,)), layers.Dense(5, activation="tanh"), layers.Dense(1)]))
with tf.GradientTape() as outer:
    outer.watch(points)
    with tf.GradientTape() as inner:
        inner.watch(points)
        values = field(points)
    slopes = inner.gradient(values, points)
show("slopes", slopes)
show("curvature", outer.gradient(slopes, points))


class Game(keras.Model):
    """A maker and a critic, each with an optimizer."""

    def __init__(self):
        super().__init__()
        self.maker = keras.Sequential([keras.Input((2,)), layers.Dense(4, activation="relu"), layers.Dense(3)])
        self.critic = keras.Sequential([keras.Input((3,)), layers.Dense(4), layers.LeakyReLU(0.2), layers.Dense(1)])
        fill(self.maker), fill(self.critic, seed=7)
        self.made, self.seen = keras.metrics.Mean(name="made"), keras.metrics.Mean(name="seen")
        self.built = True

    def compile(self, maker_optimizer, critic_optimizer):
        super().compile()
        self.maker_optimizer, self.critic_optimizer = maker_optimizer, critic_optimizer
        self.loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)

    @property
    def metrics(self):
        return [self.made, self.seen]

    def train_step(self, data):
        real, noise = data
        size = tf.shape(real)[0]
        answers = tf.concat([tf.ones((size, 1)), tf.zeros((size, 1))], axis=0)
        both = tf.concat([real, self.maker(noise)], axis=0)
        with tf.GradientTape() as tape:
            seen = self.loss_fn(answers, self.critic(both))
        weights = self.critic.trainable_weights
        self.critic_optimizer.apply_gradients(zip(tape.gradient(seen, weights), weights))
        with tf.GradientTape() as tape:
            made = self.loss_fn(tf.ones((size, 1)), self.critic(self.maker(noise)))
        weights = self.maker.trainable_weights
        self.maker_optimizer.apply_gradients(zip(tape.gradient(made, weights), weights))
        self.made.update_state(made)
        self.seen.update_state(seen)
        return {m.name: m.result() for m in self.metrics}


game = Game()
game.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.05))
pairs = tf.data.Dataset.from_tensor_slices((data(8, 3), data(8, 2, seed=2))).batch(4)
show("game", game.fit(pairs, epochs=2, verbose=0).history)
show("weights", game.maker.get_weights()[0])
show("steps", [int(game.maker_optimizer.iterations), int(game.critic_optimizer.iterations)])
