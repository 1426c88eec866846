"""A GAN whose two halves are trained in turn by `train_on_batch`, one frozen while the other learns."""

import keras
import numpy as np
from common import data, fill, show
from keras import layers

critic = keras.Sequential(
    [keras.Input((4,)), layers.Dense(8), layers.LeakyReLU(negative_slope=0.2), layers.Dense(1, activation="sigmoid")],
    name="critic",
)
maker = keras.Sequential([keras.Input((3,)), layers.Dense(8, activation="relu"), layers.Dense(4)], name="maker")
fill(critic), fill(maker, seed=4)
critic.compile(keras.optimizers.Adam(0.01, beta_1=0.5), "binary_crossentropy", metrics=["accuracy"])
critic.trainable = False
chain = keras.Sequential([keras.Input((3,)), maker, critic], name="chain")
chain.compile(keras.optimizers.Adam(0.01, beta_1=0.5), "binary_crossentropy")
show("frozen", [len(chain.trainable_weights), len(maker.trainable_weights)])
real = data(8, 4, scale=0.5)
for round_ in range(3):
    noise = data(8, 3, seed=10 + round_)
    fake = maker.predict(noise, verbose=0)
    critic.trainable = True
    seen = critic.train_on_batch(np.concatenate([real, fake]), np.concatenate([np.ones(8), np.zeros(8)]))
    critic.trainable = False
    fooled = chain.train_on_batch(noise, np.ones(8))
    show("round", [[float(v) for v in seen], float(fooled) if np.ndim(fooled) == 0 else float(fooled[0])])
show("made", maker.predict(data(2, 3, seed=20), verbose=0))
show("judged", critic.predict(real[:3], verbose=0))
show("evaluated", critic.evaluate(real, np.ones(8), verbose=0, return_dict=True))
show("steps", [int(critic.optimizer.iterations), int(chain.optimizer.iterations)])
