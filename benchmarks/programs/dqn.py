"""Deep Q-learning on a pole: single predictions, steps on batches from a memory, a target network."""

import keras
import numpy as np
from data import q_learning, report
from keras import layers


def network():
    """Values of the two actions."""
    return keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(2),
        ]
    )


model, target = network(), network()
model.compile(keras.optimizers.Adam(1e-3), "mse")
length = q_learning(
    lambda states: np.array(model.predict_on_batch(states)),
    lambda states: np.asarray(target.predict_on_batch(states)),
    model.train_on_batch,
    lambda: target.set_weights(model.get_weights()),
)
report(model.count_params(), length)
