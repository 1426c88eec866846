"""
Deep Q-learning balances a pole
===============================

A network says how much reward is to come after each push; it learns from what it remembers, and a slower copy of itself
says what the future is worth.

V. Mnih et al., "Human-level control through deep reinforcement learning", Nature 518 (2015); the copy decides by the
rule of H. van Hasselt et al., https://arxiv.org/abs/1509.06461.

Result: a mean return of at least 195 over 100 episodes of Gymnasium's CartPole.
"""

import gymnasium
import numpy as np
from matplotlib import pyplot as plt

import kfront
from kfront import layers, ops

kfront.utils.set_random_seed(0)
random = np.random.default_rng(0)


def network() -> kfront.Model:
    """Values of the two pushes."""
    hidden = [layers.Dense(64, activation="relu") for _ in range(2)]
    return kfront.Sequential([kfront.Input((4,)), *hidden, layers.Dense(2)])


online, target = network(), network()
target.set_weights(online.get_weights())
optimizer = kfront.optimizers.Adam(1e-3)
optimizer.build(online.trainable_variables)


@kfront.jit(jit_compile="auto" if kfront.config.backend() == "jax" else False)  # elsewhere quick enough without
def learn(state, action, reward, after, ended):
    """One step on remembered moments."""
    best = ops.argmax(online(after), axis=-1)
    future = ops.sum(target(after) * ops.one_hot(best, 2), axis=-1)
    goal = ops.stop_gradient(reward + 0.99 * (1 - ended) * future)

    def loss():
        value = ops.sum(online(state) * ops.one_hot(action, 2), axis=-1)
        return ops.mean(kfront.losses.huber(goal[:, None], value[:, None]))

    found, gradients = kfront.value_and_grad(loss, wrt=online)()
    optimizer.apply(gradients, online.trainable_variables)
    for slow, quick in zip(target.variables, online.variables, strict=True):  # the target follows slowly
        slow.assign_add(0.01 * (quick - slow))
    return found


# %%
# The simulator asks the network at each step; one matrix after the other in NumPy is the quickest way for one row.
def act(weights: list[np.ndarray], state: np.ndarray) -> int:
    """The push of higher value."""
    h = state
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        h = np.maximum(h @ kernel + bias, 0)
    return int(np.argmax(h @ weights[-2] + weights[-1]))


def episode(env: gymnasium.Env, weights: list[np.ndarray], seed: int) -> float:
    """The return of one episode without chance."""
    state, _ = env.reset(seed=seed)
    total = 0.0
    while True:
        state, reward, ended, cut, _ = env.step(act(weights, state))
        total += float(reward)
        if ended or cut:
            return total


def tried(weights: list[np.ndarray], times: int, first: int = 10_000) -> float:
    """The mean return of so many episodes."""
    return float(np.mean([episode(env, weights, first + i) for i in range(times)]))


env = gymnasium.make("CartPole-v1")
memory = [np.zeros((20_000, *shape), "float32") for shape in ((4,), (), (), (4,), ())]
count, returns, best, best_weights = 0, [], 0.0, online.get_weights()
weights = online.get_weights()
for number in range(600):
    state, _ = env.reset(seed=number)
    total = 0.0
    while True:
        chance = max(0.02, 1 - count / 3000)
        action = int(random.integers(2)) if random.random() < chance else act(weights, state)
        after, reward, ended, cut, _ = env.step(action)
        for part, value in zip(memory, (state, action, reward, after, ended), strict=True):
            part[count % 20_000] = value
        state, count, total = after, count + 1, total + float(reward)
        if count > 500 and count % 2 == 0:
            rows = random.integers(0, min(count, 20_000), 64)
            batch = [part[rows] for part in memory]
            learn(batch[0], batch[1].astype("int32"), *batch[2:])
            weights = online.get_weights()
        if ended or cut:
            break
    returns.append(total)
    if total >= 195 and tried(weights, 5) > best:  # it seems to know: try it without chance, a few times, then often
        score = tried(weights, 30)
        if score > best:
            best, best_weights = score, weights
        if best >= 300:
            break

# %%
figure, axes = plt.subplots(figsize=(6, 3))
axes.plot(returns)
axes.set(xlabel="episode", ylabel="return", title="while it learns")
figure.tight_layout()

# %%
RESULT = tried(best_weights, 100, first=20_000)
print(f"mean return over 100 episodes {RESULT:.1f}, after {len(returns)} episodes of learning")
