"""
A policy gradient balances a pole
=================================

A network gives the chance of each push; after some episodes, pushes that led to more reward than usual are made
likelier (REINFORCE, with the mean return as the usual).

R. J. Williams, "Simple statistical gradient-following algorithms for connectionist reinforcement learning", 1992.

Result: a mean return of at least 195 over 100 episodes of Gymnasium's CartPole.
"""

import gymnasium
import numpy as np
from matplotlib import pyplot as plt

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(1)
random = np.random.default_rng(0)
policy = kfront.Sequential([kfront.Input((4,)), layers.Dense(32, activation="tanh"), layers.Dense(2)])
optimizer = kfront.optimizers.Adam(1e-2)
optimizer.build(policy.trainable_variables)
SIZE = 512  # moments in a batch; one size is compiled once


@kfront.jit(jit_compile=False)
def learn(states, actions, advantages):
    """One step; moments with an advantage of zero count for nothing."""

    def loss():
        likely = ops.log_softmax(policy(states))
        return -ops.sum(ops.sum(likely * ops.one_hot(actions, 2), axis=-1) * advantages) / SIZE

    found, gradients = kfront.value_and_grad(loss, wrt=policy)()
    optimizer.apply(gradients, policy.trainable_variables)
    return found


def chance(weights: list[np.ndarray], state: np.ndarray) -> float:
    """Of a push to the right."""
    scores = np.tanh(state @ weights[0] + weights[1]) @ weights[2] + weights[3]
    return float(1 / (1 + np.exp(scores[0] - scores[1])))


def episode(env: gymnasium.Env, weights: list[np.ndarray], seed: int) -> tuple[list[np.ndarray], list[int]]:
    """States and pushes until the pole falls."""
    state, _ = env.reset(seed=seed)
    states, actions = [], []
    while True:
        action = int(random.random() < chance(weights, state))
        states.append(state)
        actions.append(action)
        state, _, ended, cut, _ = env.step(action)
        if ended or cut:
            return states, actions


env = gymnasium.make("CartPole-v1")
returns: list[int] = []
best, best_weights = 0.0, policy.get_weights()  # by the last 30 episodes: a policy may become worse again
while len(returns) < 2400 and best < 450:
    weights = policy.get_weights()
    played = [episode(env, weights, len(returns) + i) for i in range(6)]
    returns += [len(actions) for _, actions in played]
    if len(returns) >= 30 and np.mean(returns[-30:]) > best:
        best, best_weights = float(np.mean(returns[-30:])), weights
    to_come = [np.array([(1 - 0.99**n) / 0.01 for n in range(len(a), 0, -1)]) for _, a in played]
    gains = np.concatenate(to_come)
    advantages = (gains - gains.mean()) / (gains.std() + 1e-6)
    states = np.concatenate([np.stack(s) for s, _ in played]).astype("float32")
    actions = np.concatenate([a for _, a in played]).astype("int32")
    order = random.permutation(len(states))
    for rows in np.split(order, range(SIZE, len(order), SIZE)):
        empty = SIZE - len(rows)
        learn(
            np.pad(states[rows], ((0, empty), (0, 0))),
            np.pad(actions[rows], (0, empty)),
            np.pad(advantages[rows], (0, empty)).astype("float32"),
        )

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(np.convolve(returns, np.ones(30) / 30, "valid"))
axes.set(xlabel="episode", ylabel="return, mean of 30")
figure.tight_layout()

# %%
RESULT = float(np.mean([len(episode(env, best_weights, 20_000 + i)[1]) for i in range(100)]))
print(f"mean return over 100 episodes {RESULT:.1f}, after {len(returns)} episodes of learning")
