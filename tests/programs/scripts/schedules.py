"""Learning-rate schedules: values at steps, configs, one of one's own, the rate of an optimizer."""

import keras
from common import data, fill, refused, show
from keras.optimizers import schedules

built_in = [
    schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True),
    schedules.PiecewiseConstantDecay([5, 10], [1.0, 0.5, 0.1]),
    schedules.PolynomialDecay(0.1, 20, 0.01, power=2.0, cycle=True),
    schedules.InverseTimeDecay(0.1, 5, 0.5),
    schedules.CosineDecay(0.0, 20, alpha=0.1, warmup_target=0.1, warmup_steps=5),
    schedules.CosineDecayRestarts(0.1, 8, t_mul=1.5, m_mul=0.8),
]
for schedule in built_in:
    name = type(schedule).__name__
    show(name, [float(schedule(step)) for step in (0, 3, 5, 7, 12, 25)])
    again = schedules.deserialize(schedules.serialize(schedule))
    show("config", again.get_config())


class Halving(schedules.LearningRateSchedule):
    def __init__(self, start):
        self.start = start

    def __call__(self, step):
        return self.start / (keras.ops.cast(step, "float32") + 1.0)

    def get_config(self):
        return {"start": self.start}


model = fill(keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]))
model.compile(keras.optimizers.SGD(Halving(0.2)), "mse")
x, y = data(8, 3), data(8, 1, seed=1)
show("history", model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history)
show("rate", float(model.optimizer.learning_rate))
show("refused", refused(lambda: setattr(model.optimizer, "learning_rate", 0.1), TypeError))
optimizer = keras.optimizers.Adam(0.1)
optimizer.learning_rate = 0.05
show("set", float(optimizer.learning_rate))
optimizer.learning_rate.assign(0.025)
show("assigned", [float(optimizer.learning_rate), optimizer.get_config()["learning_rate"]])
