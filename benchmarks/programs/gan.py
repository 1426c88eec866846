"""A GAN with a training step of its own, as each engine wants it."""

import keras
import numpy as np
from data import LATENT, digits, report
from keras import layers, ops

critic = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2D(64, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Flatten(),
        layers.Dense(1),
    ]
)
maker = keras.Sequential(
    [
        keras.Input((LATENT,)),
        layers.Dense(7 * 7 * 64),
        layers.Reshape((7, 7, 64)),
        layers.Conv2DTranspose(32, 4, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid"),
    ]
)


def losses(of_real, of_fake):
    """What the critic and the maker have to make small."""
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    right = entropy(ops.ones_like(of_real), of_real) + entropy(ops.zeros_like(of_fake), of_fake)
    return right, entropy(ops.ones_like(of_fake), of_fake)


class TorchGAN(keras.Model):
    def train_step(self, data):
        import torch

        real, noise = data
        fake = self.maker(noise, training=True)
        ours, theirs = self.critic.trainable_weights, self.maker.trainable_weights
        right, _ = losses(self.critic(real, training=True), self.critic(fake.detach(), training=True))
        grads = list(torch.autograd.grad(right, [v.value for v in ours]))
        _, wrong = losses(right, self.critic(fake, training=True))
        grads += torch.autograd.grad(wrong, [v.value for v in theirs])
        with torch.no_grad():
            self.optimizer.apply(grads, ours + theirs)
        return {"critic": right.detach(), "maker": wrong.detach()}


class JaxGAN(keras.Model):
    def train_step(self, state, data):
        import jax

        (real, noise), (weights, fixed, optimizer, metrics) = data, state
        count = len(self.critic.trainable_variables)
        ours, theirs = weights[:count], weights[count:]

        def judged(ours, x):
            return self.critic.stateless_call(ours, [], x, training=True)[0]

        def critics(ours):
            fake, _ = self.maker.stateless_call(theirs, [], noise, training=True)
            return losses(judged(ours, real), judged(ours, fake))[0]

        def makers(theirs):
            fake, _ = self.maker.stateless_call(theirs, [], noise, training=True)
            return losses(judged(ours, real), judged(ours, fake))[1]

        right, grads = jax.value_and_grad(critics)(ours)
        wrong, more = jax.value_and_grad(makers)(theirs)
        weights, optimizer = self.optimizer.stateless_apply(optimizer, grads + more, weights)
        return {"critic": right, "maker": wrong}, (weights, fixed, optimizer, metrics)


class TensorFlowGAN(keras.Model):
    def train_step(self, data):
        import tensorflow as tf

        real, noise = data
        ours, theirs = self.critic.trainable_weights, self.maker.trainable_weights
        with tf.GradientTape(persistent=True) as tape:
            fake = self.maker(noise, training=True)
            right, wrong = losses(self.critic(real, training=True), self.critic(fake, training=True))
        grads = tape.gradient(right, ours) + tape.gradient(wrong, theirs)
        self.optimizer.apply_gradients(zip(grads, ours + theirs))
        return {"critic": right, "maker": wrong}


kinds = {"torch": TorchGAN, "jax": JaxGAN, "tensorflow": TensorFlowGAN}


class GAN(kinds[keras.backend.backend()]):
    def __init__(self):
        super().__init__()
        self.critic, self.maker = critic, maker
        self.built = True


real = digits(768)
noise = np.random.default_rng(1).normal(size=(len(real), LATENT)).astype("float32")
gan = GAN()
gan.compile(optimizer=keras.optimizers.Adam(3e-4, beta_1=0.5))
gan.fit(real, noise, batch_size=32, epochs=3, verbose=2)
made = maker.predict(noise[:64], verbose=0)
report(critic.count_params() + maker.count_params(), made.mean())
