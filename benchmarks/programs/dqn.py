"""Deep Q-learning on a pole: single predictions, steps on batches from a memory, a target network."""

import keras
import numpy as np
from data import Pole, report
from keras import layers

rng = np.random.default_rng(0)


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
world, memory, lengths = Pole(), [], []
state = world.reset()
for step in range(1500):
    if rng.random() < max(0.05, 1 - step / 800):
        action = int(rng.integers(2))
    else:
        action = int(model.predict_on_batch(state[None])[0].argmax())
    after, reward, fallen = world.step(action)
    memory.append((state, action, reward, after, fallen))
    state = after
    if fallen:
        lengths.append(world.steps)
        state = world.reset()
    if step % 100 == 0:
        target.set_weights(model.get_weights())
    if step >= 64:
        chosen = [memory[i] for i in rng.integers(0, len(memory), 32)]
        states, actions, rewards, afters, ends = (np.array(one) for one in zip(*chosen))
        wanted = np.array(model.predict_on_batch(states))
        best = np.asarray(target.predict_on_batch(afters)).max(-1)
        wanted[np.arange(32), actions] = rewards + 0.99 * best * (1 - ends)
        model.train_on_batch(states, wanted)
report(model.count_params(), np.mean(lengths[-5:]))
