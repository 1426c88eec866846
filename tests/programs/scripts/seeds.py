"""Random numbers: seed generators, the same seed twice, layers' seeds, initializers, dropout statistics."""

import keras
import numpy as np
from common import show
from keras import initializers, layers, random

show("same", bool(np.all(np.asarray(random.normal((3,), seed=7)) == np.asarray(random.normal((3,), seed=7)))))
generator = random.SeedGenerator(42)
first, second = (np.asarray(keras.ops.convert_to_numpy(random.uniform((4,), seed=generator))) for _ in range(2))
show("moves on", bool(np.any(first != second)))
again = random.SeedGenerator(42)
show("again", bool(np.all(first == np.asarray(keras.ops.convert_to_numpy(random.uniform((4,), seed=again))))))
show("state", [list(generator.state.shape), generator.get_config()])
for name, value in {
    "normal": random.normal((3, 2), seed=1),
    "uniform": random.uniform((2,), 1.0, 2.0, seed=1),
    "integers": random.randint((2,), 0, 9, seed=1),
    "truncated": random.truncated_normal((2,), seed=1),
    "categorical": random.categorical(np.zeros((2, 3), "float32"), 4, seed=1),
    "gamma": random.gamma((2,), 2.0, seed=1),
    "beta": random.beta((2,), 2.0, 1.0, seed=1),
    "binomial": random.binomial((2,), 5.0, 0.5, seed=1),
    "shuffled": random.shuffle(np.arange(4), seed=1),
}.items():
    show(name, [list(value.shape), keras.backend.standardize_dtype(value.dtype)])
drop = layers.Dropout(0.5, seed=3)
x = np.ones((200, 50), "float32")
out = np.asarray(keras.ops.convert_to_numpy(drop(x, training=True)))
show("dropout", [sorted(set(out.ravel().tolist())), abs(float(out.mean()) - 1.0) < 0.1])
show("inference", bool((np.asarray(drop(x)) == 1.0).all()))
noise = layers.GaussianNoise(0.5, seed=1)(np.zeros((100, 100), "float32"), training=True)
show("noise", abs(float(keras.ops.std(noise)) - 0.5) < 0.05)
for name in ("glorot_uniform", "he_normal", "lecun_uniform", "variance_scaling", "truncated_normal"):
    values = np.asarray(keras.ops.convert_to_numpy(initializers.get(name)((300, 100))))
    show(name, [round(float(values.std()), 2), abs(float(values.mean())) < 0.01])
orthogonal = np.asarray(keras.ops.convert_to_numpy(initializers.Orthogonal(gain=2.0, seed=1)((4, 4))))
show("orthogonal", np.round(orthogonal @ orthogonal.T, 3))
show("identity", initializers.Identity(gain=0.5)((2, 3)))
show("constant", initializers.Constant([1.0, 2.0])((2,)))
keras.utils.set_random_seed(5)
one = layers.Dense(3)(np.ones((1, 2), "float32"))
keras.utils.set_random_seed(5)
show("global", bool(keras.ops.all(one == layers.Dense(3)(np.ones((1, 2), "float32")))))
